/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices, memory blocks and disks of a survey, and its host, as data. Each list is a JSON array of
 * objects with the names of the structs; an unknown value is absent.
 */
#include "engine/data/survey-lists.h"

#include "engine/data/property-list.h"

#define MAX_DEVICES    1024
#define MAX_PROPERTIES 256
#define MAX_RAM_BLOCKS 1024
#define MAX_DISKS      1024
#define MAX_LIMITS     32
#define MAX_BITMAPS    64

void
gw_device_free(GwDevice *self)
{
	if (self == NULL)
		return;
	g_free(self->path);
	g_free(self->id);
	g_free(self->type);
	g_clear_pointer(&self->properties, g_ptr_array_unref);
	g_free(self);
}

void
gw_ram_block_free(GwRamBlock *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self);
}

void
gw_disk_free(GwDisk *self)
{
	if (self == NULL)
		return;
	g_free(self->device);
	g_free(self->node);
	g_free(self->file);
	g_free(self->base);
	g_free(self->format);
	g_free(self->identity);
	g_free(self->base_identity);
	g_free(self->digest);
	g_clear_pointer(&self->limits, g_ptr_array_unref);
	g_clear_pointer(&self->bitmaps, g_ptr_array_unref);
	g_free(self);
}

GPtrArray *
device_list_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)gw_device_free);
}

GPtrArray *
ram_block_list_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)gw_ram_block_free);
}

GPtrArray *
disk_list_new(void)
{
	return g_ptr_array_new_with_free_func((GDestroyNotify)gw_disk_free);
}

const GwDevice *
device_list_find(const GPtrArray *list, const char *id)
{
	for (guint i = 0; list != NULL && id != NULL && i < list->len; i++) {
		const GwDevice *device = g_ptr_array_index(list, i);
		if (g_strcmp0(device->id, id) == 0)
			return device;
	}
	return NULL;
}

const GwDisk *
disk_list_find(const GPtrArray *list, const char *device)
{
	for (guint i = 0; list != NULL && device != NULL && i < list->len; i++) {
		const GwDisk *disk = g_ptr_array_index(list, i);
		if (g_strcmp0(disk->device, device) == 0)
			return disk;
	}
	return NULL;
}

static JsonObject *
device_to_object(gconstpointer item)
{
	const GwDevice *device = item;
	JsonObject *object = json_object_new();
	fields_add_string(object, "path", device->path);
	fields_add_string(object, "id", device->id);
	fields_add_string(object, "type", device->type);
	property_list_write(object, "properties", device->properties);
	return object;
}

static void
add_size(JsonObject *object, const char *name, guint64 bytes)
{
	if (bytes <= G_MAXINT64)
		json_object_set_int_member(object, name, (gint64)bytes);
}

static JsonObject *
ram_block_to_object(gconstpointer item)
{
	const GwRamBlock *block = item;
	JsonObject *object = json_object_new();
	fields_add_string(object, "name", block->name);
	add_size(object, "used_bytes", block->used_bytes);
	add_size(object, "max_bytes", block->max_bytes);
	return object;
}

static JsonObject *
disk_to_object(gconstpointer item)
{
	const GwDisk *disk = item;
	JsonObject *object = json_object_new();
	fields_add_string(object, "device", disk->device);
	fields_add_string(object, "node", disk->node);
	fields_add_string(object, "file", disk->file);
	fields_add_string(object, "base", disk->base);
	fields_add_string(object, "format", disk->format);
	fields_add_known(object, "size_bytes", disk->size_bytes);
	fields_add_known(object, "written_bytes", disk->written_bytes);
	json_object_set_boolean_member(object, "read_only", disk->read_only);
	if (disk->deleted)
		json_object_set_boolean_member(object, "deleted", TRUE);
	fields_add_string(object, "identity", disk->identity);
	fields_add_string(object, "base_identity", disk->base_identity);
	fields_add_string(object, "digest", disk->digest);
	property_list_write(object, "limits", disk->limits);
	property_list_write(object, "bitmaps", disk->bitmaps);
	return object;
}

static void
write_list(JsonObject *object, const char *name, const GPtrArray *list,
	   JsonObject *(*to_object)(gconstpointer item))
{
	if (list == NULL)
		return;
	JsonArray *array = json_array_new();
	for (guint i = 0; i < list->len; i++)
		json_array_add_object_element(array, to_object(g_ptr_array_index(list, i)));
	json_object_set_array_member(object, name, array);
}

void
device_list_write(JsonObject *object, const char *name, const GPtrArray *list)
{
	write_list(object, name, list, device_to_object);
}

void
ram_block_list_write(JsonObject *object, const char *name, const GPtrArray *list)
{
	write_list(object, name, list, ram_block_to_object);
}

void
disk_list_write(JsonObject *object, const char *name, const GPtrArray *list)
{
	write_list(object, name, list, disk_to_object);
}

static gpointer
read_device(Fields *f)
{
	GwDevice *device = g_new0(GwDevice, 1);
	device->path = fields_string(f, "path", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	device->id = fields_string(f, "id", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	device->type = fields_string(f, "type", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	device->properties = property_list_read(f, "properties", MAX_PROPERTIES);
	return device;
}

static gpointer
read_ram_block(Fields *f)
{
	GwRamBlock *block = g_new0(GwRamBlock, 1);
	block->name = fields_string(f, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	block->used_bytes = (guint64)MAX(0, fields_count(f, "used_bytes", FIELDS_REQUIRED));
	block->max_bytes = (guint64)MAX(0, fields_count(f, "max_bytes", FIELDS_REQUIRED));
	return block;
}

static gpointer
read_disk(Fields *f)
{
	GwDisk *disk = g_new0(GwDisk, 1);
	disk->device = fields_string(f, "device", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	disk->node = fields_string(f, "node", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	disk->file = fields_string(f, "file", FIELDS_REQUIRED, FIELDS_TEXT_BYTES);
	disk->base = fields_string(f, "base", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	disk->format = fields_string(f, "format", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	disk->size_bytes = fields_count(f, "size_bytes", FIELDS_OPTIONAL);
	disk->written_bytes = fields_count(f, "written_bytes", FIELDS_OPTIONAL);
	disk->read_only = fields_boolean(f, "read_only", FIELDS_REQUIRED);
	disk->deleted = fields_boolean(f, "deleted", FIELDS_OPTIONAL);
	disk->identity = fields_string(f, "identity", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	disk->base_identity = fields_string(f, "base_identity", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	disk->digest = fields_string(f, "digest", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	disk->limits = property_list_read(f, "limits", MAX_LIMITS);
	disk->bitmaps = property_list_read(f, "bitmaps", MAX_BITMAPS);
	return disk;
}

/* @list: (transfer full): filled, or freed after an error. */
static GPtrArray *
read_list(Fields *fields, const char *name, guint max_items, GPtrArray *list,
	  gpointer (*read)(Fields *f))
{
	g_autoptr(GPtrArray) items = list;
	JsonArray *array = fields_array(fields, name, FIELDS_OPTIONAL, max_items);
	if (array == NULL)
		return NULL;
	for (guint i = 0; i < json_array_get_length(array); i++) {
		g_autofree char *path = g_strdup_printf("%s.%s[%u]", fields->path, name, i);
		g_autoptr(GError) error = NULL;
		Fields item;
		fields_init(&item, json_array_get_element(array, i), path);
		g_ptr_array_add(items, read(&item));
		if (!fields_end(&item, &error)) {
			fields_fail_with(fields, g_steal_pointer(&error));
			return NULL;
		}
	}
	return g_steal_pointer(&items);
}

GPtrArray *
device_list_read(Fields *fields, const char *name)
{
	return read_list(fields, name, MAX_DEVICES, device_list_new(), read_device);
}

GPtrArray *
ram_block_list_read(Fields *fields, const char *name)
{
	return read_list(fields, name, MAX_RAM_BLOCKS, ram_block_list_new(), read_ram_block);
}

GPtrArray *
disk_list_read(Fields *fields, const char *name)
{
	return read_list(fields, name, MAX_DISKS, disk_list_new(), read_disk);
}

void
gw_host_survey_free(GwHostSurvey *self)
{
	if (self == NULL)
		return;
	g_free(self->host_name);
	g_free(self->kernel);
	g_free(self->arch);
	g_free(self);
}

JsonObject *
host_survey_to_object(const GwHostSurvey *host)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "host_name", host->host_name);
	fields_add_string(object, "kernel", host->kernel);
	fields_add_string(object, "arch", host->arch);
	if (host->memory_available_bytes > 0)
		add_size(object, "memory_available_bytes", host->memory_available_bytes);
	return object;
}

char *
gw_host_survey_to_json(const GwHostSurvey *self)
{
	return fields_take_text(fields_node(host_survey_to_object(self)), TRUE);
}

GwHostSurvey *
host_survey_read(Fields *fields, const char *name)
{
	JsonNode *node = fields_object(fields, name, FIELDS_OPTIONAL);
	if (node == NULL)
		return NULL;
	g_autoptr(GwHostSurvey) host = g_new0(GwHostSurvey, 1);
	g_autofree char *path = g_strdup_printf("%s.%s", fields->path, name);
	g_autoptr(GError) error = NULL;
	Fields f;
	fields_init(&f, node, path);
	host->host_name = fields_string(&f, "host_name", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	host->kernel = fields_string(&f, "kernel", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	host->arch = fields_string(&f, "arch", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	host->memory_available_bytes =
		(guint64)MAX(0, fields_count(&f, "memory_available_bytes", FIELDS_OPTIONAL));
	if (fields_end(&f, &error))
		return g_steal_pointer(&host);
	fields_fail_with(fields, g_steal_pointer(&error));
	return NULL;
}
