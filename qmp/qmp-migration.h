/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* Typed calls for migration. QEMU's units (ms, MB/s, Mbit/s, pages) stay below this header: all
 * code above counts in bytes and microseconds. The calls run the thread's loop until the reply is
 * there. */

/* QEMU's MigrationStatus. An unknown word is UNKNOWN, which means: still going on, keep waiting. */
typedef enum {
	QMP_MIGRATE_NONE,
	QMP_MIGRATE_SETUP,
	QMP_MIGRATE_WAIT_UNPLUG,
	QMP_MIGRATE_ACTIVE,
	QMP_MIGRATE_PRE_SWITCHOVER,
	QMP_MIGRATE_DEVICE,
	QMP_MIGRATE_COMPLETED,
	QMP_MIGRATE_CANCELLING,
	QMP_MIGRATE_CANCELLED,
	QMP_MIGRATE_FAILING,
	QMP_MIGRATE_FAILED,
	QMP_MIGRATE_POSTCOPY, /* any of the post-copy states */
	QMP_MIGRATE_UNKNOWN,
} QmpMigrateStatus;

QmpMigrateStatus qmp_migrate_status_from_string(const char *word); /* NULL is NONE */
const char *qmp_migrate_status_to_string(QmpMigrateStatus status);
/* No migration runs or will start by itself: none, completed, cancelled, failed. */
gboolean qmp_migrate_status_is_final(QmpMigrateStatus status);

/* query-migrate in our units. Values that QEMU did not report are -1 (numbers) or NULL. */
typedef struct {
	QmpMigrateStatus status;
	char *error_desc;
	GStrv blocked_reasons;
	char *listens_on; /* (nullable): at a destination that has a socket: "tcp:0.0.0.0:4444",
			   * "unix:/s" */
	gint64 total_us, setup_us, downtime_us, expected_downtime_us;
	gint64 ram_total_bytes, ram_transferred_bytes, ram_remaining_bytes;
	gint64 ram_dirty_bytes_per_s; /* dirty-pages-rate times page-size */
	gint64 ram_page_bytes;
	gint64 bandwidth_bytes_per_s; /* from "mbps", 10^6 bits */
	gint64 passes;		      /* dirty-sync-count */
	gint64 vfio_transferred_bytes;
	gint64 remaining_bytes; /* system-wide, QEMU 11.1 on */
	gint64 throttle_percent;
} QmpMigrateInfo;

void qmp_migrate_info_init(QmpMigrateInfo *self);
void qmp_migrate_info_clear(QmpMigrateInfo *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(QmpMigrateInfo, qmp_migrate_info_clear);

/* Pure. Returns %QMP_ERROR_PROTOCOL with the field's name when a field has a wrong type. Negative
 * or absurd numbers count as not reported. */
gboolean qmp_migrate_info_parse(JsonNode *reply, QmpMigrateInfo *ret_info,
				GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean qmp_query_migrate(QmpClient *client, QmpMigrateInfo *ret_info,
			   GError **error) G_GNUC_WARN_UNUSED_RESULT;
void qmp_query_migrate_async(QmpClient *client, guint timeout_ms, GAsyncReadyCallback callback,
			     gpointer data);
gboolean qmp_query_migrate_finish(QmpClient *client, GAsyncResult *result, QmpMigrateInfo *ret_info,
				  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Capabilities: a GHashTable of name (owned char *) -> GINT_TO_POINTER(gboolean). (transfer
 * full) */
GHashTable *qmp_migrate_capabilities_parse(JsonNode *reply, GError **error); /* pure; %G_IO_ERROR */
GHashTable *qmp_query_migrate_capabilities(QmpClient *client, GError **error);
gboolean qmp_migrate_set_capabilities(QmpClient *client, GHashTable *capabilities,
				      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Switches on all capabilities of @on that @former lists, and switches all others of @former off: a
 * capability stays on from one migration to the next. @former: the result of
 * qmp_query_migrate_capabilities(). */
gboolean
qmp_migrate_switch_capabilities(QmpClient *client, const char *const *on, GHashTable *former,
				GError **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean qmp_migrate(QmpClient *client, const char *uri, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* QEMU 9.1 and later keep running when the load fails, and report why. */
gboolean
qmp_migrate_incoming(QmpClient *client, const char *uri, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_migrate_continue(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Wakes a migration that failed while it waited for qmp_migrate_continue(): QEMU then cleans up and
 * resumes the guest. */
gboolean qmp_migrate_wake_failed(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_migrate_cancel(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/**
 * qmp_migration_has_yank:
 *
 * Does QEMU list a migration, incoming or outgoing, among the yank instances? The entry disappears
 * with the last step of QEMU's own cleanup, so after the final status. A QEMU without the command
 * has no entry.
 */
gboolean qmp_migration_has_yank(QmpClient *client, gboolean *ret_has,
				GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Out of band: breaks a stream whose send hangs. */
gboolean qmp_yank_migration(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Passes @fd to QEMU under @name (getfd); QEMU has a copy, the caller keeps @fd. */
gboolean
qmp_getfd(QmpClient *client, const char *name, int fd, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_closefd(QmpClient *client, const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
