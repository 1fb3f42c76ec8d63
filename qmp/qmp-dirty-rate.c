/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * calc-dirty-rate and its answer. calc-time is in seconds, because the finer unit came with QEMU
 * 8.2. Every QEMU samples pages by default; "mode" came with 6.2, so it is sent only for another
 * mode.
 */
#include "qmp/qmp-dirty-rate.h"

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"

#define BYTES_PER_MIB (1024 * 1024)

static const char *const modes[] = {
	[QMP_DIRTY_SAMPLING] = "page-sampling",
	[QMP_DIRTY_BITMAP] = "dirty-bitmap",
};

const char *
qmp_dirty_mode_to_string(QmpDirtyMode mode)
{
	return modes[mode];
}

gboolean
qmp_query_kvm(QmpClient *client, gboolean *ret_enabled, GError **error)
{
	g_autoptr(JsonNode) reply = NULL;
	JsonObject *object = qmp_call_for_object(client, "query-kvm", NULL, &reply, error);
	GError *cause = NULL;

	if (object == NULL)
		return FALSE;
	if (!json_get_bool(object, "enabled", ret_enabled, &cause))
		return qmp_call_bad_answer("query-kvm", cause, error);
	return TRUE;
}

gboolean
qmp_calc_dirty_rate(QmpClient *client, guint seconds, QmpDirtyMode mode, guint sample_pages,
		    GError **error)
{
	g_autoptr(JsonBuilder) builder = json_builder_new();

	json_builder_begin_object(builder);
	json_builder_set_member_name(builder, "calc-time");
	json_builder_add_int_value(builder, seconds);
	if (mode == QMP_DIRTY_SAMPLING) {
		json_builder_set_member_name(builder, "sample-pages");
		json_builder_add_int_value(builder, sample_pages);
	} else {
		json_builder_set_member_name(builder, "mode");
		json_builder_add_string_value(builder, modes[mode]);
	}
	json_builder_end_object(builder);
	return qmp_call(client, "calc-dirty-rate", json_builder_get_root(builder), NULL, error);
}

static gboolean
parse_rate(JsonNode *reply, gint64 *ret_bytes_per_s, GError **error)
{
	JsonObject *object = NULL;
	const char *status = NULL;
	guint64 mib = 0;

	if (!json_get_root_object(reply, "the answer", &object, error) ||
	    !json_get_string(object, "status", &status, error))
		return FALSE;
	if (!g_str_equal(status, "measured")) {
		*ret_bytes_per_s = -1;
		return TRUE;
	}
	if (!json_get_size(object, "dirty-rate", &mib, error))
		return FALSE;
	*ret_bytes_per_s = (gint64)MIN(mib, G_MAXINT64 / BYTES_PER_MIB) * BYTES_PER_MIB;
	return TRUE;
}

gboolean
qmp_query_dirty_rate(QmpClient *client, gint64 *ret_bytes_per_s, GError **error)
{
	g_autoptr(JsonNode) reply =
		qmp_client_execute(client, "query-dirty-rate", NULL, NULL, error);
	GError *cause = NULL;

	if (reply == NULL)
		return FALSE;
	if (!parse_rate(reply, ret_bytes_per_s, &cause))
		return qmp_call_bad_answer("query-dirty-rate", cause, error);
	return TRUE;
}
