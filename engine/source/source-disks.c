/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks once more, between the stop of the guest and migrate-continue. */
#include "engine/source/source-disks.h"

#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "qmp/qmp-facts.h"

enum { ASK_JOBS, ASK_EXPORTS, ASK_WRITTEN };

/* Is it a file that ends with QEMU, to which the guest had written nothing? */
static gboolean
is_unwritten(const GwDisk *disk)
{
	return disk->deleted && disk->written_bytes == 0;
}

static gboolean
has_unwritten(const GPtrArray *disks)
{
	for (guint i = 0; disks != NULL && i < disks->len; i++)
		if (is_unwritten(g_ptr_array_index(disks, i)))
			return TRUE;
	return FALSE;
}

QmpBatch *
source_disks_ask(SourceRun *run)
{
	QmpBatch *batch = qmp_batch_new(run->qemu->qmp);
	qmp_batch_add(batch, "query-jobs", NULL);
	qmp_batch_add(batch, "query-block-exports", NULL);
	if (has_unwritten(run->surveys.source->disks))
		qmp_batch_add(batch, "query-blockstats", NULL);
	return batch;
}

/* @known: (nullable): "ID (TYPE)" of what the plan allowed */
static gboolean
check_users(const GPtrArray *users, char *const *known, const char *what, GError **error)
{
	for (guint i = 0; i < users->len; i++) {
		const QmpPair *user = g_ptr_array_index(users, i);
		g_autofree char *text = g_strdup_printf("%s (%s)", user->name, user->value);
		if (known != NULL && g_strv_contains((const char *const *)known, text))
			continue;
		g_set_error(
			error, GW_ERROR, GW_ERROR_MIGRATION,
			"the %s '%s' began on the guest's disks after the check, and keeps QEMU "
			"from releasing them: end it and try again",
			what, text);
		return FALSE;
	}
	return TRUE;
}

static gboolean
check_jobs(SourceRun *run, JsonNode *reply, GError **error)
{
	g_autoptr(GPtrArray) jobs = qmp_pairs_new();
	qmp_facts_add_jobs(reply, jobs);
	return check_users(jobs, run->surveys.source->jobs, "job", error);
}

static gboolean
check_exports(SourceRun *run, JsonNode *reply, GError **error)
{
	g_autoptr(GPtrArray) exports = qmp_pairs_new();
	qmp_facts_add_exports(reply, exports);
	return check_users(exports, run->surveys.source->exports, "export", error);
}

static gboolean
check_written(SourceRun *run, JsonNode *reply, GError **error)
{
	const GPtrArray *disks = run->surveys.source->disks;
	g_autoptr(GHashTable) written = qmp_facts_written(reply);
	for (guint i = 0; disks != NULL && i < disks->len; i++) {
		const GwDisk *disk = g_ptr_array_index(disks, i);
		const gint64 *bytes =
			disk->node != NULL ? g_hash_table_lookup(written, disk->node) : NULL;
		if (!is_unwritten(disk) || bytes == NULL || *bytes == 0)
			continue;
		g_set_error(error, GW_ERROR, GW_ERROR_MIGRATION,
			    "the guest has begun to write to disk '%s', whose file ends with this "
			    "QEMU (snapshot=on, or deleted): what it wrote would be lost",
			    disk->device);
		return FALSE;
	}
	return TRUE;
}

static gboolean (*const checks[])(SourceRun *run, JsonNode *reply, GError **error) = {
	[ASK_JOBS] = check_jobs,
	[ASK_EXPORTS] = check_exports,
	[ASK_WRITTEN] = check_written,
};

gboolean
source_disks_check(SourceRun *run, QmpBatch *batch, GError **error)
{
	guint n = has_unwritten(run->surveys.source->disks) ? G_N_ELEMENTS(checks) : ASK_WRITTEN;
	qmp_batch_wait(batch);
	for (guint i = 0; i < n; i++) {
		JsonNode *reply = qmp_batch_get(batch, i, NULL);
		if (reply == NULL || checks[i](run, reply, error))
			continue;
		error_add_side(error, SIDE_SOURCE);
		return FALSE;
	}
	return TRUE;
}
