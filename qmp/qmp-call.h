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

/* The same for an answer that is an object, or an array, and is kept alive by *@ret_reply: (transfer
 * full). Returns: (transfer none): NULL with @error set, %QMP_ERROR_PROTOCOL where it is something
 * else */
JsonObject *qmp_call_for_object(QmpClient *client, const char *command, JsonNode *arguments,
				JsonNode **ret_reply, GError **error);
JsonArray *qmp_call_for_array(QmpClient *client, const char *command, JsonNode *arguments,
			      JsonNode **ret_reply, GError **error);

/* Returns %FALSE with %QMP_ERROR_PROTOCOL and the text "@command: @cause's message"; @cause:
 * (transfer full). */
gboolean qmp_call_bad_answer(const char *command, GError *cause, GError **error);
