/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The drives of a QEMU, as query-block tells of them. Pure. They serve to compare two QEMUs. So an
 * unknown form is skipped and is never an error.
 */
#include <string.h>

#include "qmp/json-get.h"
#include "qmp/json-load.h"
#include "qmp/qmp-facts.h"

#define MAX_NAME_BYTES	      65536
#define MAX_BITMAPS	      64
#define MAX_BITMAP_NAME_BYTES 80

static const char *const limit_names[] = { "bps",	 "bps_rd",   "bps_wr",	    "iops",
					   "iops_rd",	 "iops_wr",  "bps_max",	    "bps_rd_max",
					   "bps_wr_max", "iops_max", "iops_rd_max", "iops_wr_max",
					   "iops_size" };

static void
disk_free(gpointer data)
{
	QmpDisk *self = data;

	g_free(self->device);
	g_free(self->node);
	g_free(self->file);
	g_free(self->leaf);
	g_free(self->base);
	g_free(self->format);
	g_ptr_array_unref(self->limits);
	g_ptr_array_unref(self->bitmaps);
	g_free(self);
}

GPtrArray *
qmp_disks_new(void)
{
	return g_ptr_array_new_with_free_func(disk_free);
}

/* "/machine/peripheral/disk0/virtio-backend" belongs to "disk0";
 * "/machine/peripheral-anon/device[1]/..." belongs to a device without an id. */
static char *
name_device(const char *qdev)
{
	static const char peripheral[] = "/machine/peripheral/";

	if (!g_str_has_prefix(qdev, peripheral))
		return g_strdup(qdev);
	qdev += strlen(peripheral);
	return g_strndup(qdev, strcspn(qdev, "/"));
}

char *
qmp_disk_leaf(const char *file)
{
	static const char prefix[] = "json:";
	static const JsonLimits limits = { MAX_NAME_BYTES, MAX_NAME_BYTES, MAX_NAME_BYTES * 16,
					   32 };
	const char *name = NULL;

	if (!g_str_has_prefix(file, prefix))
		return g_strdup(file);
	file += strlen(prefix);
	g_autoptr(JsonNode) node = json_load(file, strlen(file), &limits, NULL);
	JsonObject *object = NULL;
	if (!json_get_root_object(node, "the name", &object, NULL))
		return NULL;
	while (json_get_object(object, "file", &object, NULL))
		;
	return json_get_string(object, "filename", &name, NULL) ? g_strdup(name) : NULL;
}

/* Those that are set. */
static void
add_limits(JsonObject *inserted, GPtrArray *limits)
{
	for (guint i = 0; i < G_N_ELEMENTS(limit_names); i++) {
		gint64 value = 0;
		if (json_get_int(inserted, limit_names[i], &value, NULL) && value > 0)
			qmp_pairs_take(limits, limit_names[i],
				       g_strdup_printf("%" G_GINT64_FORMAT, value));
	}
}

static void
add_bitmaps(JsonObject *inserted, GPtrArray *bitmaps)
{
	JsonArray *array = NULL;

	if (!json_get_array(inserted, "dirty-bitmaps", &array, NULL))
		return;
	for (guint i = 0; i < json_array_get_length(array) && i < MAX_BITMAPS; i++) {
		JsonObject *entry = json_get_element_object(array, i);
		const char *name = NULL;
		gboolean is_persistent = FALSE;
		/* Without a name it is QEMU's own, of a job. */
		if (entry == NULL || !json_get_string(entry, "name", &name, NULL) ||
		    !json_get_bool(entry, "persistent", &is_persistent, NULL))
			continue;
		g_autofree char *start = g_strndup(name, MAX_BITMAP_NAME_BYTES);
		g_autofree char *valid = g_utf8_make_valid(start, -1);
		qmp_pairs_take(bitmaps, valid,
			       g_strdup(is_persistent ? "persistent" : "in memory"));
	}
}

static void
take_inserted(QmpDisk *disk, JsonObject *inserted)
{
	const char *node = NULL;
	const char *base = NULL;

	(void)!json_get_string_opt(inserted, "node-name", &node, NULL);
	(void)!json_get_string_opt(inserted, "backing_file", &base, NULL);
	disk->node = g_strdup(node);
	disk->base = g_strdup(base);
	add_limits(inserted, disk->limits);
	add_bitmaps(inserted, disk->bitmaps);
}

static QmpDisk *
parse_disk(JsonObject *entry)
{
	JsonObject *inserted = NULL;
	JsonObject *image = NULL;
	const char *qdev = "";
	const char *file = NULL;
	gboolean read_only = FALSE;
	gint64 size_bytes = -1;
	const char *format = NULL;

	if (!json_get_object(entry, "inserted", &inserted, NULL) ||
	    !json_get_string(inserted, "file", &file, NULL) ||
	    !json_get_bool(inserted, "ro", &read_only, NULL) ||
	    !json_get_string_opt(entry, "qdev", &qdev, NULL) ||
	    !json_get_string_opt(inserted, "drv", &format, NULL))
		return NULL;
	if (*qdev == '\0' && !json_get_string_opt(entry, "device", &qdev, NULL))
		return NULL;
	if (json_get_object(inserted, "image", &image, NULL) &&
	    !json_get_int_opt(image, "virtual-size", &size_bytes, NULL))
		return NULL;
	QmpDisk *disk = g_new0(QmpDisk, 1);
	disk->device = name_device(qdev);
	disk->file = g_strdup(file);
	disk->leaf = qmp_disk_leaf(file);
	disk->format = g_strdup(format);
	disk->size_bytes = size_bytes;
	disk->written_bytes = -1;
	disk->read_only = read_only;
	disk->limits = qmp_pairs_new();
	disk->bitmaps = qmp_pairs_new();
	take_inserted(disk, inserted);
	return disk;
}

void
qmp_facts_add_disks(JsonNode *reply, GPtrArray *disks)
{
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *entry = json_get_element_object(array, i);
		QmpDisk *disk = entry != NULL ? parse_disk(entry) : NULL;
		if (disk != NULL)
			g_ptr_array_add(disks, disk);
	}
}

GHashTable *
qmp_facts_written(JsonNode *reply)
{
	GHashTable *table = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return table;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *entry = json_get_element_object(array, i);
		JsonObject *stats = NULL;
		const char *node = NULL;
		gint64 written_bytes = 0;
		if (entry != NULL && json_get_string(entry, "node-name", &node, NULL) &&
		    json_get_object(entry, "stats", &stats, NULL) &&
		    json_get_int(stats, "wr_highest_offset", &written_bytes, NULL))
			g_hash_table_replace(table, g_strdup(node),
					     g_memdup2(&written_bytes, sizeof written_bytes));
	}
	return table;
}

void
qmp_facts_add_written(JsonNode *reply, GPtrArray *disks)
{
	g_autoptr(GHashTable) table = qmp_facts_written(reply);

	for (guint i = 0; i < disks->len; i++) {
		QmpDisk *disk = g_ptr_array_index(disks, i);
		const gint64 *bytes =
			disk->node != NULL ? g_hash_table_lookup(table, disk->node) : NULL;
		if (bytes != NULL)
			disk->written_bytes = *bytes;
	}
}

static gboolean
is_ending(JsonObject *export)
{
	gboolean answer = FALSE;

	return !json_get_bool_opt(export, "shutting-down", &answer, NULL) || answer;
}

static gboolean
is_concluded(JsonObject *job)
{
	const char *status = "";

	return !json_get_string_opt(job, "status", &status, NULL) ||
	       strcmp(status, "concluded") == 0;
}

/* Adds the id and the type of each entry that is not over. */
static void
add_users(JsonNode *reply, const char *default_type, gboolean (*is_over)(JsonObject *entry),
	  GPtrArray *users)
{
	JsonArray *array = NULL;

	if (!json_get_root_array(reply, "the answer", &array, NULL))
		return;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		JsonObject *entry = json_get_element_object(array, i);
		const char *id = NULL;
		const char *type = default_type;
		if (entry != NULL && json_get_string(entry, "id", &id, NULL) &&
		    json_get_string_opt(entry, "type", &type, NULL) && !is_over(entry))
			qmp_pairs_take(users, id, g_strdup(type));
	}
}

void
qmp_facts_add_exports(JsonNode *reply, GPtrArray *exports)
{
	add_users(reply, "export", is_ending, exports);
}

void
qmp_facts_add_jobs(JsonNode *reply, GPtrArray *jobs)
{
	add_users(reply, "job", is_concluded, jobs);
}
