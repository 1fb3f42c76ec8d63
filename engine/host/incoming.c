/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a QEMU that waits for a guest has become: see incoming.h. */
#include "engine/host/incoming.h"

#include "engine/gw-error.h"
#include "engine/host/qemu-mark.h"
#include "engine/util/error-host.h"

#define STATUS_TIMEOUT_MS 2000 /* one that is frozen is ended all the same */

static gboolean
check_mark(Qemu *qemu, const char *session, GError **error)
{
	g_autofree char *other = qemu_find_other_mark(qemu, session);
	if (other == NULL)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_BUSY,
		    "the QEMU at '%s' is used by session %s: if that is no more, start this QEMU "
		    "again, or take the object 'godwit-%s' out of it",
		    qemu->qmp_path, other, other);
	error_add_host(error, qemu->host);
	return FALSE;
}

gboolean
incoming_check_waits(Qemu *qemu, const char *session, GError **error)
{
	QmpStatus status;
	g_auto(QmpMigrateInfo) info;
	qmp_migrate_info_init(&info);
	if (!qmp_query_status(qemu->qmp, &status, error) ||
	    !qmp_query_migrate(qemu->qmp, &info, error)) {
		error_add_host(error, qemu->host);
		return FALSE;
	}
	if (status.run_state == QMP_RUN_INMIGRATE && info.status == QMP_MIGRATE_NONE)
		return check_mark(qemu, session, error);
	g_set_error(error, GW_ERROR, GW_ERROR_BUSY,
		    "the QEMU at '%s' waits for no guest any more (it is '%s', its migration "
		    "'%s'): somebody else uses it, and it is left alone",
		    qemu->qmp_path, qmp_run_state_to_string(status.run_state),
		    qmp_migrate_status_to_string(info.status));
	error_add_host(error, qemu->host);
	return FALSE;
}

/* "suspended" is never loaded: the guest has gone to sleep since. */
static gboolean
runs(Qemu *qemu)
{
	QmpStatus status;
	g_autoptr(GError) deaf = NULL;
	if (qemu->closed != NULL)
		return FALSE;
	qmp_client_set_timeout(qemu->qmp, STATUS_TIMEOUT_MS);
	gboolean known = qmp_query_status(qemu->qmp, &status, &deaf);
	qmp_client_set_timeout(qemu->qmp, QMP_TIMEOUT_MS);
	return known && run_state_is_live(&status);
}

gboolean
incoming_check_not_started(Qemu *qemu, GError **error)
{
	if (process_is_gone(&qemu->process))
		return TRUE;
	gboolean is_running = runs(qemu);
	if (!is_running && qemu->resume_us == 0)
		return TRUE;
	g_autofree char *which = process_describe(&qemu->process);
	g_set_error(error, GW_ERROR, GW_ERROR_UNKNOWN,
		    "the guest %s in the QEMU at '%s' (%s), which somebody else has "
		    "started before it was handed over: it is left as it is",
		    is_running ? "runs" : "has run", qemu->qmp_path, which);
	error_add_host(error, qemu->host);
	return FALSE;
}
