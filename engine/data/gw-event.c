/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwEvent: something that happened, as data: {"event","time_us","host","data"}. The member data is
 * a JSON object, kept as text. If the text is not an object the JSON does not have the member.
 */
#include "engine/gw-event.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/util/json-parse.h"
#include "engine/data/sample-json.h"

G_DEFINE_BOXED_TYPE(GwEvent, gw_event, gw_event_copy, gw_event_free)

static const JsonLimits data_limits = {
	.bytes = 1024 * 1024,
	.string_bytes = 1024 * 1024,
	.heap_bytes = 32 * 1024 * 1024,
	.depth = 32,
};

GwEvent *
gw_event_new(gint64 time_us, const char *host, const char *name, const char *data)
{
	GwEvent *self = g_new(GwEvent, 1);
	self->time_us = time_us;
	self->host = g_strdup(host);
	self->name = g_strdup(name);
	self->data = g_strdup(data);
	return self;
}

GwEvent *
gw_event_copy(const GwEvent *self)
{
	return gw_event_new(self->time_us, self->host, self->name, self->data);
}

void
gw_event_free(GwEvent *self)
{
	if (self == NULL)
		return;
	g_free(self->host);
	g_free(self->name);
	g_free(self->data);
	g_free(self);
}

JsonNode *
event_to_node(const GwEvent *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "event", self->name);
	json_object_set_int_member(object, "time_us", self->time_us);
	fields_add_string(object, "host", self->host);
	JsonNode *data = self->data != NULL
				 ? parse_object(self->data, strlen(self->data), &data_limits, NULL)
				 : NULL;
	if (data != NULL)
		json_object_set_member(object, "data", data);
	return fields_node(object);
}

char *
gw_event_to_json(const GwEvent *self)
{
	return fields_take_text(event_to_node(self), FALSE);
}

GwEvent *
event_from_node(JsonNode *node, const char *path, GError **error)
{
	g_autoptr(GwEvent) self = gw_event_new(0, NULL, NULL, NULL);
	Fields fields;
	fields_init(&fields, node, path);
	self->time_us = fields_moment(&fields, "time_us");
	self->host = fields_string(&fields, "host", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	self->name = fields_string(&fields, "event", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	JsonNode *data = fields_object(&fields, "data", FIELDS_OPTIONAL);
	self->data = data != NULL ? json_to_string(data, FALSE) : NULL;
	return fields_end(&fields, error) ? g_steal_pointer(&self) : NULL;
}
