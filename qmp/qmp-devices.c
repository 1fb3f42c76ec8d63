/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The devices of a QEMU, read from its object tree. Devices with an id are children of
 * /machine/peripheral, devices without one are children of /machine/peripheral-anon, and a child's
 * type reads "child<vfio-pci>". The board's own devices are elsewhere and not listed.
 */
#include "qmp/qmp-devices.h"

#include <string.h>

#include "qmp/json-get.h"
#include "qmp/qmp-call.h"

static const char *const folders[] = { "/machine/peripheral", "/machine/peripheral-anon" };

void
qmp_device_free(QmpDevice *self)
{
	if (self == NULL)
		return;
	g_free(self->id);
	g_free(self->path);
	g_free(self->type);
	g_free(self);
}

/* NULL for a property that is not a child, such as the folder's own "type". */
static QmpDevice *
parse_child(const char *folder, gboolean has_id, JsonObject *entry)
{
	const char *name = NULL;
	const char *type = NULL;
	if (entry == NULL || !json_get_string(entry, "name", &name, NULL) ||
	    !json_get_string(entry, "type", &type, NULL) || !g_str_has_prefix(type, "child<"))
		return NULL;
	QmpDevice *device = g_new0(QmpDevice, 1);
	device->id = has_id ? g_strdup(name) : NULL;
	device->path = g_strconcat(folder, "/", name, NULL);
	device->type = g_strndup(type + strlen("child<"), strcspn(type, ">") - strlen("child<"));
	return device;
}

static gboolean
add_folder(QmpClient *client, const char *folder, gboolean has_id, GPtrArray *devices,
	   GError **error)
{
	g_autoptr(JsonNode) reply = NULL;
	JsonArray *entries =
		qmp_call_for_array(client, "qom-list", qmp_call_strings("path", folder, NULL),
				   &reply, error);
	if (entries == NULL)
		return FALSE;
	for (guint i = 0; i < json_array_get_length(entries); i++) {
		QmpDevice *device =
			parse_child(folder, has_id, json_get_element_object(entries, i));
		if (device != NULL)
			g_ptr_array_add(devices, device);
	}
	return TRUE;
}

GPtrArray *
qmp_list_devices(QmpClient *client, GError **error)
{
	g_autoptr(GPtrArray) devices =
		g_ptr_array_new_with_free_func((GDestroyNotify)qmp_device_free);
	for (guint i = 0; i < G_N_ELEMENTS(folders); i++)
		if (!add_folder(client, folders[i], i == 0, devices, error))
			return NULL;
	return g_steal_pointer(&devices);
}

char *
qmp_device_get_string(QmpClient *client, const QmpDevice *device, const char *property,
		      GError **error)
{
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "qom-get",
						       qmp_call_strings("path", device->path,
									"property", property, NULL),
						       NULL, error);
	if (reply == NULL)
		return NULL;
	if (JSON_NODE_HOLDS_VALUE(reply) && json_node_get_value_type(reply) == G_TYPE_STRING)
		return json_node_dup_string(reply);
	g_set_error(error, QMP_ERROR, QMP_ERROR_PROTOCOL, "qom-get: '%s' of '%s' is not a string",
		    property, device->path);
	return NULL;
}

gboolean
qmp_device_get_boolean(QmpClient *client, const QmpDevice *device, const char *property,
		       gboolean *ret_value, GError **error)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(JsonNode) reply = qmp_client_execute(client, "qom-get",
						       qmp_call_strings("path", device->path,
									"property", property, NULL),
						       NULL, &cause);
	if (reply == NULL && !qmp_error_is_refusal(cause)) {
		g_propagate_error(error, g_steal_pointer(&cause));
		return FALSE;
	}
	*ret_value = reply != NULL && JSON_NODE_HOLDS_VALUE(reply) &&
		     json_node_get_value_type(reply) == G_TYPE_BOOLEAN &&
		     json_node_get_boolean(reply);
	return TRUE;
}

gboolean
qmp_set_property(QmpClient *client, const char *path, const char *property, const char *value,
		 GError **error)
{
	return qmp_call(client, "qom-set",
			qmp_call_strings("path", path, "property", property, "value", value, NULL),
			NULL, error);
}
