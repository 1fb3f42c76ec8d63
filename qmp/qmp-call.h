/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* What the typed calls share: a command, its arguments and the error for a malformed answer. All of
 * them run the thread's loop until the reply is there. */

/* An object of string members: name, value, name, value, ..., NULL. (transfer full) */
JsonNode *qmp_call_strings(const char *name, ...) G_GNUC_NULL_TERMINATED;

/* @arguments: (nullable) (transfer full). The returned value is dropped. */
gboolean qmp_call(QmpClient *client, const char *command, JsonNode *arguments,
		  const QmpExecOptions *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Returns %FALSE with %QMP_ERROR_PROTOCOL and the text "@command: @cause's message"; @cause:
 * (transfer full). */
gboolean qmp_call_bad_answer(const char *command, GError *cause, GError **error);
