/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwStreamAccount as data, and as JSON with the names of the struct.
 */
#include "engine/gw-stream.h"

#include "engine/util/json-fields.h"
#include "engine/data/stream-account.h"

G_DEFINE_BOXED_TYPE(GwStreamAccount, gw_stream_account, gw_stream_account_copy,
		    gw_stream_account_free)

static const char *const phase_names[GW_STREAM_N_PHASES] = { "setup", "precopy", "switchover" };

/* ---- memory ---- */

static void
device_free(gpointer data)
{
	GwStreamDevice *self = data;
	g_free(self->id);
	g_free(self);
}

GwStreamDevice *
stream_bytes_add_device(GwStreamBytes *self, const char *id)
{
	GwStreamDevice *device = g_new0(GwStreamDevice, 1);
	device->id = g_strdup(id);
	g_ptr_array_add(self->devices, device);
	return device;
}

void
stream_bytes_init(GwStreamBytes *self)
{
	*self = (GwStreamBytes){ .devices = g_ptr_array_new_with_free_func(device_free) };
}

static void
bytes_clear(GwStreamBytes *self)
{
	g_clear_pointer(&self->devices, g_ptr_array_unref);
}

static void
bytes_copy(GwStreamBytes *self, const GwStreamBytes *from)
{
	*self = *from;
	self->devices = g_ptr_array_new_with_free_func(device_free);
	for (guint i = 0; i < from->devices->len; i++) {
		const GwStreamDevice *device = g_ptr_array_index(from->devices, i);
		GwStreamDevice *copy = stream_bytes_add_device(self, NULL);
		*copy = *device;
		copy->id = g_strdup(device->id);
	}
}

static void
channel_free(gpointer data)
{
	GwStreamChannel *self = data;
	g_free(self->name);
	g_free(self->error);
	bytes_clear(&self->bytes);
	g_free(self);
}

GwStreamAccount *
stream_account_new(void)
{
	GwStreamAccount *self = g_new0(GwStreamAccount, 1);
	self->channels = g_ptr_array_new_with_free_func(channel_free);
	stream_bytes_init(&self->bytes);
	return self;
}

GwStreamAccount *
gw_stream_account_copy(const GwStreamAccount *self)
{
	GwStreamAccount *copy = g_new0(GwStreamAccount, 1);
	copy->machine = g_strdup(self->machine);
	copy->vfio_transferred_bytes = self->vfio_transferred_bytes;
	bytes_copy(&copy->bytes, &self->bytes);
	copy->channels = g_ptr_array_new_with_free_func(channel_free);
	for (guint i = 0; i < self->channels->len; i++) {
		const GwStreamChannel *from = g_ptr_array_index(self->channels, i);
		GwStreamChannel *channel = g_memdup2(from, sizeof *from);
		channel->name = g_strdup(from->name);
		channel->error = g_strdup(from->error);
		bytes_copy(&channel->bytes, &from->bytes);
		g_ptr_array_add(copy->channels, channel);
	}
	return copy;
}

void
gw_stream_account_free(GwStreamAccount *self)
{
	if (self == NULL)
		return;
	g_free(self->machine);
	g_clear_pointer(&self->channels, g_ptr_array_unref);
	bytes_clear(&self->bytes);
	g_free(self);
}

gboolean
gw_stream_account_is_complete(const GwStreamAccount *self)
{
	for (guint i = 0; i < self->channels->len; i++) {
		const GwStreamChannel *channel = g_ptr_array_index(self->channels, i);
		if (!channel->is_complete)
			return FALSE;
	}
	return TRUE;
}

/* ---- JSON ---- */

static JsonNode *
ram_to_node(const GwStreamRam *ram)
{
	JsonObject *object = json_object_new();
	json_object_set_int_member(object, "page_bytes", ram->page_bytes);
	json_object_set_int_member(object, "zero_bytes", ram->zero_bytes);
	json_object_set_int_member(object, "framing_bytes", ram->framing_bytes);
	json_object_set_int_member(object, "pages", ram->pages);
	json_object_set_int_member(object, "zero_pages", ram->zero_pages);
	return fields_node(object);
}

static JsonObject *
device_to_object(const GwStreamDevice *device)
{
	JsonObject *object = json_object_new();
	g_autofree char *id = g_utf8_make_valid(device->id, -1);
	fields_add_string(object, "id", id);
	json_object_set_int_member(object, "precopy_bytes", device->precopy_bytes);
	json_object_set_int_member(object, "stop_copy_bytes", device->stop_copy_bytes);
	json_object_set_int_member(object, "config_bytes", device->config_bytes);
	json_object_set_int_member(object, "framing_bytes", device->framing_bytes);
	json_object_set_int_member(object, "transferred_bytes", device->transferred_bytes);
	return object;
}

static void
add_bytes(JsonObject *object, const GwStreamBytes *bytes)
{
	json_object_set_int_member(object, "total_bytes", bytes->total_bytes);
	JsonObject *ram = json_object_new();
	for (guint i = 0; i < GW_STREAM_N_PHASES; i++)
		json_object_set_member(ram, phase_names[i], ram_to_node(&bytes->ram[i]));
	json_object_set_object_member(object, "ram", ram);
	JsonArray *devices = json_array_new();
	for (guint i = 0; i < bytes->devices->len; i++)
		json_array_add_object_element(devices,
					      device_to_object(
						      g_ptr_array_index(bytes->devices, i)));
	json_object_set_array_member(object, "devices", devices);
	json_object_set_int_member(object, "other_devices_bytes", bytes->other_devices_bytes);
	json_object_set_int_member(object, "description_bytes", bytes->description_bytes);
	json_object_set_int_member(object, "framing_bytes", bytes->framing_bytes);
	json_object_set_int_member(object, "unparsed_bytes", bytes->unparsed_bytes);
}

static JsonObject *
channel_to_object(const GwStreamChannel *channel)
{
	JsonObject *object = json_object_new();
	g_autofree char *name = g_utf8_make_valid(channel->name, -1);
	fields_add_string(object, "name", name);
	fields_add_string(object, "kind", channel->kind);
	json_object_set_boolean_member(object, "is_complete", channel->is_complete);
	fields_add_string(object, "error", channel->error);
	add_bytes(object, &channel->bytes);
	return object;
}

char *
gw_stream_account_to_json(const GwStreamAccount *self)
{
	JsonObject *object = json_object_new();
	g_autofree char *machine =
		self->machine != NULL ? g_utf8_make_valid(self->machine, -1) : NULL;
	fields_add_string(object, "machine", machine);
	json_object_set_boolean_member(object, "is_complete", gw_stream_account_is_complete(self));
	add_bytes(object, &self->bytes);
	json_object_set_int_member(object, "vfio_transferred_bytes", self->vfio_transferred_bytes);
	JsonArray *channels = json_array_new();
	for (guint i = 0; i < self->channels->len; i++)
		json_array_add_object_element(channels,
					      channel_to_object(
						      g_ptr_array_index(self->channels, i)));
	json_object_set_array_member(object, "channels", channels);
	return fields_take_text(fields_node(object), TRUE);
}
