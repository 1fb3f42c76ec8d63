/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The blocking variants of QmpClient's asynchronous calls: each starts one and runs the
 * thread-default main context until it is done. They add no time-out and no error of their own.
 * They are for code that runs in a thread with its own context.
 */
#include "qmp/await.h"
#include "qmp/qmp-client.h"

QmpClient *
qmp_client_connect(const char *path, guint timeout_ms, GCancellable *cancellable, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;

	qmp_client_connect_async(path, timeout_ms, cancellable, await_take_result, &result);
	/* This wait has no limit and no cancellable of its own, so it cannot fail. */
	if (!await_result(&result, -1, error))
		return NULL;
	return qmp_client_connect_finish(result, error);
}

JsonNode *
qmp_client_execute(QmpClient *self, const char *command, JsonNode *arguments,
		   const QmpExecOptions *options, GError **error)
{
	g_autoptr(GAsyncResult) result = NULL;

	qmp_client_execute_async(self, command, arguments, options, NULL, await_take_result,
				 &result);
	if (!await_result(&result, -1, error))
		return NULL;
	return qmp_client_execute_finish(self, result, error);
}
