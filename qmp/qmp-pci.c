/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The address of a device in the guest, as QEMU's own pci_get_dev_path() makes it: the number of
 * the root bus, then slot and function of each bridge on the way, then those of the device. Bus
 * numbers are not part of it, because the guest assigns them.
 *
 * A PCI device has "addr" (eight times its slot plus its function) and "parent_bus" (the path of
 * its bus in the object tree). A bus lies under the bridge that owns it. The board's own bus lies
 * under an object that is not a device.
 */
#include "qmp/qmp-pci.h"

#include <string.h>

#include "qmp/qmp-call.h"

#define MAX_BRIDGES 32
#define MAX_DEVFN   255

/* An absent property leaves *@ret unchanged. */
static gboolean
get_property(QmpClient *client, const char *path, const char *property, JsonNode **ret,
	     GError **error)
{
	g_autoptr(GError) cause = NULL;
	JsonNode *node =
		qmp_client_execute(client, "qom-get",
				   qmp_call_strings("path", path, "property", property, NULL), NULL,
				   &cause);
	if (node != NULL)
		*ret = node;
	if (node != NULL || qmp_error_is_refusal(cause))
		return TRUE;
	g_propagate_error(error, g_steal_pointer(&cause));
	return FALSE;
}

/* @ret_devfn: -1 when the device has none */
static gboolean
get_devfn(QmpClient *client, const char *path, gint64 *ret_devfn, GError **error)
{
	g_autoptr(JsonNode) node = NULL;
	if (!get_property(client, path, "addr", &node, error))
		return FALSE;
	gboolean is_number = node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
			     json_node_get_value_type(node) == G_TYPE_INT64;
	gint64 devfn = is_number ? json_node_get_int(node) : -1;
	*ret_devfn = devfn <= MAX_DEVFN ? devfn : -1;
	return TRUE;
}

/* @ret_bus: (transfer full): NULL when the device is on no bus */
static gboolean
get_bus(QmpClient *client, const char *path, char **ret_bus, GError **error)
{
	g_autoptr(JsonNode) node = NULL;
	if (!get_property(client, path, "parent_bus", &node, error))
		return FALSE;
	gboolean is_text = node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
			   json_node_get_value_type(node) == G_TYPE_STRING;
	*ret_bus = is_text ? json_node_dup_string(node) : NULL;
	return TRUE;
}

/* Goes one step up: *@place is a device and becomes the parent of its bus, or NULL at the top. */
static gboolean
go_up(QmpClient *client, char **place, char **bus, GString *path, GError **error)
{
	gint64 devfn = -1;
	if (!get_devfn(client, *place, &devfn, error))
		return FALSE;
	if (devfn < 0) {
		g_clear_pointer(place, g_free);
		return TRUE;
	}
	g_autofree char *part = g_strdup_printf(":%02x.%x", (guint)devfn >> 3, (guint)devfn & 7);
	g_string_prepend(path, part);
	g_free(*bus);
	*bus = NULL;
	if (!get_bus(client, *place, bus, error))
		return FALSE;
	g_free(*place);
	*place = *bus != NULL ? g_path_get_dirname(*bus) : NULL;
	return TRUE;
}

/* The first bus of a board. Other root buses (pxb) have numbers that QEMU does not report here. */
static gboolean
is_main_bus(const char *bus)
{
	return bus != NULL && (g_str_has_suffix(bus, "/pcie.0") || g_str_has_suffix(bus, "/pci.0"));
}

gboolean
qmp_device_guest_path(QmpClient *client, const QmpDevice *device, char **ret_path, GError **error)
{
	g_autoptr(GString) path = g_string_new(NULL);
	g_autofree char *place = g_strdup(device->path);
	g_autofree char *bus = NULL;
	for (guint i = 0; place != NULL && i < MAX_BRIDGES; i++)
		if (!go_up(client, &place, &bus, path, error))
			return FALSE;
	*ret_path =
		path->len > 0 && is_main_bus(bus) ? g_strconcat("0000:00", path->str, NULL) : NULL;
	return TRUE;
}
