/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The answers of query-migrate and query-migrate-parameters, in our units. Pure.
 *
 * QEMU leaves out what it does not know, and this differs by state. Before the first migration the
 * answer is empty. In setup, failed and cancelled there are no counters. The destination reports
 * only a status. So each field may be missing; -1 says so. An impossible number (negative, or too
 * big for our unit) counts as missing too. A string where a number belongs is an error.
 */
#include "qmp/qmp-migration.h"

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"

#define US_PER_MS     1000
#define BITS_PER_BYTE 8
#define BITS_PER_MBIT 1e6

static const struct {
	const char *word;
	QmpMigrateStatus status;
} status_words[] = {
	{ "none", QMP_MIGRATE_NONE },
	{ "setup", QMP_MIGRATE_SETUP },
	{ "wait-unplug", QMP_MIGRATE_WAIT_UNPLUG },
	{ "active", QMP_MIGRATE_ACTIVE },
	{ "pre-switchover", QMP_MIGRATE_PRE_SWITCHOVER },
	{ "device", QMP_MIGRATE_DEVICE },
	{ "completed", QMP_MIGRATE_COMPLETED },
	{ "cancelling", QMP_MIGRATE_CANCELLING },
	{ "cancelled", QMP_MIGRATE_CANCELLED },
	{ "failing", QMP_MIGRATE_FAILING },
	{ "failed", QMP_MIGRATE_FAILED },
	{ "post-copy", QMP_MIGRATE_POSTCOPY },
	{ "unknown", QMP_MIGRATE_UNKNOWN },
};

QmpMigrateStatus
qmp_migrate_status_from_string(const char *word)
{
	if (word == NULL)
		return QMP_MIGRATE_NONE;
	if (g_str_has_prefix(word, "postcopy-"))
		return QMP_MIGRATE_POSTCOPY;
	for (gsize i = 0; i < G_N_ELEMENTS(status_words); i++) {
		if (g_str_equal(word, status_words[i].word))
			return status_words[i].status;
	}
	return QMP_MIGRATE_UNKNOWN;
}

const char *
qmp_migrate_status_to_string(QmpMigrateStatus status)
{
	for (gsize i = 0; i < G_N_ELEMENTS(status_words); i++) {
		if (status_words[i].status == status)
			return status_words[i].word;
	}
	return "unknown";
}

gboolean
qmp_migrate_status_is_final(QmpMigrateStatus status)
{
	return status == QMP_MIGRATE_NONE || status == QMP_MIGRATE_COMPLETED ||
	       status == QMP_MIGRATE_CANCELLED || status == QMP_MIGRATE_FAILED;
}

void
qmp_migrate_info_init(QmpMigrateInfo *self)
{
	*self = (QmpMigrateInfo){
		.status = QMP_MIGRATE_NONE,
		.total_us = -1,
		.setup_us = -1,
		.downtime_us = -1,
		.expected_downtime_us = -1,
		.ram_total_bytes = -1,
		.ram_transferred_bytes = -1,
		.ram_remaining_bytes = -1,
		.ram_dirty_bytes_per_s = -1,
		.ram_page_bytes = -1,
		.bandwidth_bytes_per_s = -1,
		.passes = -1,
		.vfio_transferred_bytes = -1,
		.remaining_bytes = -1,
		.throttle_percent = -1,
	};
}

void
qmp_migrate_info_clear(QmpMigrateInfo *self)
{
	g_clear_pointer(&self->error_desc, g_free);
	g_clear_pointer(&self->blocked_reasons, g_strfreev);
	g_clear_pointer(&self->listens_on, g_free);
	qmp_migrate_info_init(self);
}

/* @unit: how many of our units one of QEMU's is. Returns -1 for an impossible number. */
static gint64
scale(gint64 value, gint64 unit)
{
	gint64 scaled = -1;

	if (value < 0 || unit < 0 || __builtin_mul_overflow(value, unit, &scaled))
		return -1;
	return scaled;
}

static gboolean
get_scaled(JsonObject *object, const char *name, gint64 unit, gint64 *ret_value, GError **error)
{
	gint64 value = -1;

	if (!json_get_int_opt(object, name, &value, error))
		return FALSE;
	*ret_value = scale(value, unit);
	return TRUE;
}

static gboolean
get_bandwidth(JsonObject *ram, gint64 *ret_bytes_per_s, GError **error)
{
	double mbit_per_s = -1;

	if (!json_get_double_opt(ram, "mbps", &mbit_per_s, error))
		return FALSE;
	double bytes_per_s = mbit_per_s * BITS_PER_MBIT / BITS_PER_BYTE;
	if (bytes_per_s >= 0 && bytes_per_s < (double)G_MAXINT64 / 2)
		*ret_bytes_per_s = (gint64)bytes_per_s;
	return TRUE;
}

static gboolean
parse_ram(JsonObject *object, QmpMigrateInfo *info, GError **error)
{
	JsonObject *ram = NULL;
	gint64 dirty_pages = -1;

	if (!json_get_object_opt(object, "ram", &ram, error))
		return FALSE;
	if (ram == NULL)
		return TRUE;
	if (!get_scaled(ram, "total", 1, &info->ram_total_bytes, error) ||
	    !get_scaled(ram, "transferred", 1, &info->ram_transferred_bytes, error) ||
	    !get_scaled(ram, "remaining", 1, &info->ram_remaining_bytes, error) ||
	    !get_scaled(ram, "page-size", 1, &info->ram_page_bytes, error) ||
	    !get_scaled(ram, "dirty-sync-count", 1, &info->passes, error) ||
	    !get_scaled(ram, "dirty-pages-rate", 1, &dirty_pages, error) ||
	    !get_bandwidth(ram, &info->bandwidth_bytes_per_s, error))
		return FALSE;
	info->ram_dirty_bytes_per_s = scale(dirty_pages, info->ram_page_bytes);
	return TRUE;
}

static gboolean
parse_times(JsonObject *object, QmpMigrateInfo *info, GError **error)
{
	return get_scaled(object, "total-time", US_PER_MS, &info->total_us, error) &&
	       get_scaled(object, "setup-time", US_PER_MS, &info->setup_us, error) &&
	       get_scaled(object, "downtime", US_PER_MS, &info->downtime_us, error) &&
	       get_scaled(object, "expected-downtime", US_PER_MS, &info->expected_downtime_us,
			  error);
}

static gboolean
parse_reasons(JsonObject *object, QmpMigrateInfo *info, GError **error)
{
	JsonArray *reasons = NULL;

	if (!json_get_array_opt(object, "blocked-reasons", &reasons, error))
		return FALSE;
	if (reasons == NULL)
		return TRUE;
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
	for (guint i = 0; i < json_array_get_length(reasons); i++) {
		const char *reason = json_get_element_string(reasons, i);
		g_strv_builder_add(builder,
				   reason != NULL ? reason : "(a reason that is not a string)");
	}
	info->blocked_reasons = g_strv_builder_end(builder);
	return TRUE;
}

/* The first address is enough to tell of. A kind that is not known has its name. */
static gboolean
parse_listener(JsonObject *object, QmpMigrateInfo *info, GError **error)
{
	JsonArray *addresses = NULL;
	const char *type = NULL, *host = NULL, *port = NULL, *path = NULL;

	if (!json_get_array_opt(object, "socket-address", &addresses, error))
		return FALSE;
	if (addresses == NULL || json_array_get_length(addresses) == 0)
		return TRUE;
	JsonNode *node = json_array_get_element(addresses, 0);
	JsonObject *address = NULL;
	if (!json_get_root_object(node, "socket-address", &address, error) ||
	    !json_get_string_opt(address, "type", &type, error) ||
	    !json_get_string_opt(address, "host", &host, error) ||
	    !json_get_string_opt(address, "port", &port, error) ||
	    !json_get_string_opt(address, "path", &path, error))
		return FALSE;
	if (host != NULL && port != NULL)
		info->listens_on = g_strdup_printf("tcp:%s:%s", host, port);
	else
		info->listens_on = g_strdup_printf("%s:%s", type != NULL ? type : "socket",
						   path != NULL ? path : "");
	return TRUE;
}

static gboolean
parse_vfio(JsonObject *object, QmpMigrateInfo *info, GError **error)
{
	JsonObject *vfio = NULL;

	if (!json_get_object_opt(object, "vfio", &vfio, error))
		return FALSE;
	return vfio == NULL ||
	       get_scaled(vfio, "transferred", 1, &info->vfio_transferred_bytes, error);
}

static gboolean
parse_info(JsonNode *reply, QmpMigrateInfo *info, GError **error)
{
	JsonObject *object = NULL;
	const char *status = NULL;
	const char *desc = NULL;

	if (!json_get_root_object(reply, "the answer", &object, error) ||
	    !json_get_string_opt(object, "status", &status, error) ||
	    !json_get_string_opt(object, "error-desc", &desc, error) ||
	    !parse_reasons(object, info, error) || !parse_listener(object, info, error) ||
	    !parse_times(object, info, error) || !parse_ram(object, info, error) ||
	    !parse_vfio(object, info, error) ||
	    !get_scaled(object, "remaining", 1, &info->remaining_bytes, error) ||
	    !get_scaled(object, "cpu-throttle-percentage", 1, &info->throttle_percent, error))
		return FALSE;
	info->status = qmp_migrate_status_from_string(status);
	info->error_desc = g_strdup(desc);
	return TRUE;
}

gboolean
qmp_migrate_info_parse(JsonNode *reply, QmpMigrateInfo *ret_info, GError **error)
{
	g_auto(QmpMigrateInfo) info;
	GError *cause = NULL;

	qmp_migrate_info_init(&info);
	if (!parse_info(reply, &info, &cause))
		return qmp_call_bad_answer("query-migrate", cause, error);
	*ret_info = info;
	qmp_migrate_info_init(&info);
	return TRUE;
}
