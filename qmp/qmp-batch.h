/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* Several commands at once: all are sent before the first answer is waited for, so that many small questions
 * cost one way to QEMU and back and not each its own. */
typedef struct QmpBatch QmpBatch;

QmpBatch *qmp_batch_new(QmpClient *client);
/* What has not been answered yet is not waited for. */
void qmp_batch_free(QmpBatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpBatch, qmp_batch_free)

/* Sends one. @arguments: (nullable) (transfer full): an object node. Returns its index, from 0 on. */
guint qmp_batch_add(QmpBatch *self, const char *command, JsonNode *arguments);
/* Turns the thread's loop until all have been answered, well or not. */
void qmp_batch_wait(QmpBatch *self);
/* (transfer none): what is under "return"; NULL with the error of that one. After qmp_batch_wait() only. */
JsonNode *qmp_batch_get(QmpBatch *self, guint index, GError **error);
