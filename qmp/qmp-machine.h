/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* Typed calls about the machine itself: its identity and whether it runs. */

/* QEMU's RunState, as far as we need it; an unknown word is OTHER. */
typedef enum {
	QMP_RUN_RUNNING,
	QMP_RUN_PAUSED,
	QMP_RUN_PRELAUNCH,
	QMP_RUN_INMIGRATE,
	QMP_RUN_FINISH_MIGRATE,
	QMP_RUN_POSTMIGRATE,
	QMP_RUN_SUSPENDED,
	QMP_RUN_SHUTDOWN,
	QMP_RUN_GUEST_PANICKED,
	QMP_RUN_IO_ERROR,
	QMP_RUN_WATCHDOG,
	QMP_RUN_DEBUG,
	QMP_RUN_INTERNAL_ERROR,
	QMP_RUN_OTHER,
} QmpRunState;

QmpRunState qmp_run_state_from_string(const char *word);
const char *qmp_run_state_to_string(QmpRunState state);

typedef struct {
	QmpRunState run_state;
	gboolean running; /* vCPUs execute */
} QmpStatus;

gboolean qmp_query_status(QmpClient *client, QmpStatus *ret_status,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
void qmp_query_status_async(QmpClient *client, guint timeout_ms, GAsyncReadyCallback callback,
			    gpointer data);
gboolean qmp_query_status_finish(QmpClient *client, GAsyncResult *result, QmpStatus *ret_status,
				 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_cont(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_stop(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* QEMU may close the monitor before it sends the reply: that is success. */
gboolean qmp_quit(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* A user's object that does nothing: a "secret" that is none. */
gboolean
qmp_add_secret(QmpClient *client, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean
qmp_remove_object(QmpClient *client, const char *id, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* (transfer full): the ids of the users' objects (object-add, -object), and the word "type". */
GStrv qmp_list_objects(QmpClient *client, GError **error);

/* (transfer full): "7.2.22", from the greeting; with the package in brackets if there is one. */
char *qmp_version_string(QmpClient *client);
/* (transfer full): the guest's name (-name) or NULL; NULL with @error set on failure. */
char *qmp_query_name(QmpClient *client, GError **error);
