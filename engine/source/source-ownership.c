/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the VM belongs: what the source asks its host's record before it touches anything, and what
 * it writes there.
 *
 * A QEMU in which the guest is, running or at a stand, is proof, and the record is corrected by it;
 * but not while a session that has sent COMMIT is not settled: somebody may have started it here
 * beside the one there. A QEMU in "postmigrate" has sent its guest away: then only the record knows
 * where to. The same holds where no QEMU is.
 */
#include "engine/source/source-ownership.h"

#include "engine/gw-error.h"
#include "engine/record/handover.h"
#include "engine/record/state-dir.h"
#include "engine/util/error-host.h"
#include "qmp/qmp-machine.h"

static void
fail(GError **error, GwError code, const char *vm_name, const char *what, const char *more)
{
	g_set_error(error, GW_ERROR, (gint)code, "'%s' %s%s", vm_name, what, more);
	error_add_side(error, SIDE_SOURCE);
}

static gboolean
take_lock(SourceRun *run, const char *name, GError **error)
{
	g_autoptr(GError) cause = NULL;
	if (run->ownership.lock != NULL)
		return TRUE;
	run->ownership.lock = vm_lock_take(run->options->state_dir, name,
					   run->check_only ? "checking" : "migrating", &cause);
	/* A check writes nothing, and may run where nothing can be written. */
	if (run->ownership.lock != NULL ||
	    (run->check_only && g_error_matches(cause, GW_ERROR, GW_ERROR_STATE_DIR)))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&cause));
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

gboolean
source_own_lock(SourceRun *run, GError **error)
{
	return run->vm_name == NULL || take_lock(run, run->vm_name, error);
}

/* (transfer full) (nullable) */
static Ownership *
load_record(SourceRun *run, GError **error)
{
	const char *state_dir = run->options->state_dir;
	const char *qmp_path = run->options->qmp_path;
	const char *name = ownership_choose_name(run->vm_name, qmp_path);
	Ownership *record = NULL;
	if (name == qmp_path)
		record = ownership_find_monitor(state_dir, qmp_path);
	return record != NULL ? record : ownership_load(state_dir, name, error);
}

/* What else can be said of where it is, besides the record's own words; NULL when it is not
 * elsewhere. */
static const char *
describe_elsewhere(const Ownership *record)
{
	switch (record->now.place) {
	case OWNERSHIP_THERE:
		return ": ask that host";
	case OWNERSHIP_NOWHERE:
		return "; it may be started on one host only";
	default:
		return ownership_describe_remedy(record);
	}
}

void
source_own_explain(SourceRun *run, GError **error)
{
	g_autoptr(Ownership) record = load_record(run, NULL);
	const char *more = record != NULL ? describe_elsewhere(record) : NULL;
	if (more == NULL || !g_error_matches(*error, GW_ERROR, GW_ERROR_MONITOR))
		return;
	g_autofree char *what = ownership_describe(record);
	g_clear_error(error);
	fail(error, GW_ERROR_HANDED_OVER, record->vm_name, what, more);
}

/* Is the guest in this QEMU, whether it runs or not? One that waits for a guest, or has none yet,
 * is no proof. */
static gboolean
has_guest(QmpRunState state)
{
	return state != QMP_RUN_POSTMIGRATE && state != QMP_RUN_INMIGRATE &&
	       state != QMP_RUN_PRELAUNCH;
}

/* Its last session has sent COMMIT, and is not settled: a guest that runs here may run there
 * too. */
static gboolean
may_be_there(SourceRun *run, const Ownership *record)
{
	if (record->now.place != OWNERSHIP_HANDING_OVER || record->now.session == NULL)
		return FALSE;
	g_autoptr(Journal) journal =
		journal_open(run->options->state_dir, record->now.session, SIDE_SOURCE, NULL);
	return journal != NULL && journal_has_phase(journal, JOURNAL_COMMIT);
}

static gboolean
check_record(SourceRun *run, const Ownership *record, QmpRunState state, GError **error)
{
	const char *more = describe_elsewhere(record);
	g_autofree char *what = ownership_describe(record);
	run->ownership.is_here = (has_guest(state) && !may_be_there(run, record)) ||
				 (more == NULL && state == QMP_RUN_PRELAUNCH);
	if (run->ownership.is_here || (more == NULL && state == QMP_RUN_INMIGRATE))
		return TRUE; /* for the second the plan has words */
	if (more != NULL)
		fail(error, GW_ERROR_HANDED_OVER, record->vm_name, what, more);
	else
		fail(error, GW_ERROR_UNKNOWN, record->vm_name,
		     "has left this QEMU, which says 'postmigrate', and where to is not known here",
		     "");
	return FALSE;
}

gboolean
source_own_check(SourceRun *run, GError **error)
{
	QmpStatus status;
	g_autoptr(Ownership) record = load_record(run, error);
	if (record == NULL || !take_lock(run, record->vm_name, error))
		return FALSE;
	run->ownership.name = g_strdup(record->vm_name);
	return source_query_status(run, &status, error) &&
	       check_record(run, record, status.run_state, error);
}

gboolean
source_own_check_agent(SourceRun *run, GError **error)
{
	g_autofree char *ours = state_dir_peek_agent_id(run->options->state_dir);
	if (g_strcmp0(ours, run->agent_id) != 0)
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR,
		    "the agent uses the state folder '%s' too: give one of them another "
		    "--state-dir",
		    run->options->state_dir);
	error_add_side(error, SIDE_SOURCE);
	return FALSE;
}

GwPlace
source_own_guess_place(SourceRun *run)
{
	g_autoptr(Ownership) record = load_record(run, NULL);
	gboolean is_here = record != NULL && record->now.place == OWNERSHIP_HERE;
	return is_here ? GW_PLACE_SOURCE : GW_PLACE_AS_BEFORE;
}

static Handover
handover(SourceRun *run)
{
	const PeerAddress *peer = &run->options->peer;
	return (Handover){
		.state_dir = run->options->state_dir,
		.vm_name = run->ownership.name,
		.qmp_path = run->options->qmp_path,
		.session = run->session,
		.peer = { .host = peer->host,
			  .port = peer->port,
			  .agent = run->agent_id,
			  .token = run->channels.token,
			  .tls_dir = peer->tls_dir,
			  .tls_hostname = peer->tls_hostname,
			  .insecure = peer->insecure },
	};
}

/* The survey is old by now: another tool, with another monitor and no lock of ours, may have moved
 * the guest. */
static gboolean
check_not_left(SourceRun *run, GError **error)
{
	QmpStatus status;
	if (!source_query_status(run, &status, error))
		return FALSE;
	if (status.run_state != QMP_RUN_POSTMIGRATE)
		return TRUE;
	fail(error, GW_ERROR_HANDED_OVER, run->ownership.name,
	     "has left this QEMU since it was surveyed: somebody else has migrated it", "");
	return FALSE;
}

gboolean
source_own_send(SourceRun *run, GError **error)
{
	Handover self = handover(run);
	return check_not_left(run, error) &&
	       handover_confirm_here(self.state_dir, self.vm_name, self.qmp_path, error) &&
	       handover_begin(&self, error);
}

gboolean
source_own_give(SourceRun *run, GError **error)
{
	Handover self = handover(run);
	return handover_end(&self, OWNERSHIP_GIVE, error);
}

gboolean
source_own_undo(SourceRun *run, GError **error)
{
	Handover self = handover(run);
	return self.vm_name == NULL || handover_end(&self, OWNERSHIP_UNDO, error);
}
