/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* Several commands at once: all are sent before the first answer is awaited. So many small
 * questions take about one round trip to QEMU instead of one each. */
typedef struct QmpBatch QmpBatch;

QmpBatch *qmp_batch_new(QmpClient *client);
/* Does not wait for the commands that have no answer yet. */
void qmp_batch_free(QmpBatch *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpBatch, qmp_batch_free);

/* Sends one command. @arguments: (nullable) (transfer full): an object node. Returns its index,
 * from 0 on. */
guint qmp_batch_add(QmpBatch *self, const char *command, JsonNode *arguments);
/* Runs the thread's loop until every command has an answer, a reply or an error. */
void qmp_batch_wait(QmpBatch *self);
/* (transfer none): the value of "return", or NULL with the error of that command. Only after
 * qmp_batch_wait(). */
JsonNode *qmp_batch_get(QmpBatch *self, guint index, GError **error);
