/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The vGPUs of this host for tools and for programs that embed the library. This is the public side
 * of vfio/, whose own structs may change and stay private. It copies, and decides nothing.
 */
#include "engine/gw-mdev.h"

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "vfio/vfio-create.h"
#include "vfio/vfio-remove.h"

static void
type_free(gpointer data)
{
	GwMdevType *self = data;
	g_free(self->id);
	g_free(self->name);
	g_free(self->description);
	g_free(self->device_api);
	g_free(self);
}

void
gw_mdev_parent_free(GwMdevParent *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->board);
	g_free(self->model);
	g_free(self->framework);
	g_free(self->driver);
	g_free(self->driver_version);
	g_ptr_array_unref(self->types);
	g_free(self);
}

void
gw_mdev_free(GwMdev *self)
{
	if (self == NULL)
		return;
	g_free(self->id);
	g_free(self->path);
	g_free(self->parent);
	g_free(self->framework);
	g_free(self->type);
	g_free(self->type_name);
	g_free(self->iommu_group);
	g_free(self->driver);
	g_free(self->parent_driver);
	g_free(self->driver_version);
	g_free(self->params);
	g_free(self);
}

static GwMdevType *
copy_type(const VfioType *type)
{
	GwMdevType *self = g_new0(GwMdevType, 1);
	self->id = g_strdup(type->id);
	self->name = g_strdup(type->name);
	self->description = g_strdup(type->description);
	self->device_api = g_strdup(type->device_api);
	self->vram_bytes = type->vram_bytes;
	self->available = type->available;
	return self;
}

/* (transfer full), (nullable): the vendor and the name of the board. */
static char *
model_of(const VfioPciId *pci)
{
	if (pci == NULL || pci->vendor == 0)
		return NULL;
	if (pci->vendor_name == NULL)
		return g_strdup_printf("PCI device %04x:%04x", pci->vendor, pci->device);
	if (pci->device_name == NULL)
		return g_strdup_printf("%s device %04x", pci->vendor_name, pci->device);
	return g_strdup_printf("%s %s", pci->vendor_name, pci->device_name);
}

static GwMdevParent *
copy_parent(const VfioParent *parent)
{
	GwMdevParent *self = g_new0(GwMdevParent, 1);
	self->name = g_strdup(parent->name);
	self->board = g_strdup(parent->board);
	self->model = model_of(parent->pci);
	self->framework = g_strdup(parent->backend->name);
	self->driver = g_strdup(parent->driver);
	self->driver_version = g_strdup(parent->driver_version);
	self->types = g_ptr_array_new_with_free_func(type_free);
	for (guint i = 0; i < parent->types->len; i++)
		g_ptr_array_add(self->types, copy_type(g_ptr_array_index(parent->types, i)));
	return self;
}

static GwMdev *
copy_device(const VfioDevice *device)
{
	GwMdev *self = g_new0(GwMdev, 1);
	self->id = g_strdup(device->id);
	self->path = g_strdup(device->path);
	self->parent = g_strdup(device->parent);
	self->framework = g_strdup(device->backend->name);
	self->vram_bytes = -1;
	if (device->type != NULL) {
		self->type = g_strdup(device->type->id);
		self->type_name = g_strdup(device->type->name);
		self->vram_bytes = device->type->vram_bytes;
	}
	self->iommu_group = g_strdup(device->iommu_group);
	self->driver = g_strdup(device->driver);
	self->parent_driver = g_strdup(device->parent_driver);
	self->driver_version = g_strdup(device->driver_version);
	self->params = g_strdup(device->params);
	return self;
}

/* @cause: (transfer full) */
static void
take_error(GError **error, GError *cause)
{
	g_set_error_literal(error, GW_ERROR, GW_ERROR_FAILED, cause->message);
	g_error_free(cause);
}

static VfioHost *
open_host(const char *sysfs, GError **error)
{
	GError *cause = NULL;
	VfioHost *host = vfio_host_new(sysfs, NULL, &cause);
	if (host == NULL)
		take_error(error, cause);
	return host;
}

GPtrArray *
gw_mdev_list_parents(const char *sysfs, GError **error)
{
	g_autoptr(VfioHost) host = open_host(sysfs, error);
	if (host == NULL)
		return NULL;
	g_autoptr(GPtrArray) parents = vfio_parents_list(host);
	GPtrArray *result = g_ptr_array_new_with_free_func((GDestroyNotify)gw_mdev_parent_free);
	for (guint i = 0; i < parents->len; i++)
		g_ptr_array_add(result, copy_parent(g_ptr_array_index(parents, i)));
	return result;
}

GPtrArray *
gw_mdev_list(const char *sysfs, GError **error)
{
	g_autoptr(VfioHost) host = open_host(sysfs, error);
	if (host == NULL)
		return NULL;
	g_autoptr(GPtrArray) devices = vfio_devices_list(host);
	GPtrArray *result = g_ptr_array_new_with_free_func((GDestroyNotify)gw_mdev_free);
	for (guint i = 0; i < devices->len; i++)
		g_ptr_array_add(result, copy_device(g_ptr_array_index(devices, i)));
	return result;
}

GwMdev *
gw_mdev_create(const char *sysfs, const char *type, const char *parent, const char *uuid,
	       gboolean *ret_reused, GError **error)
{
	g_autoptr(VfioHost) host = open_host(sysfs, error);
	if (host == NULL)
		return NULL;
	const VfioRequest request = { type, parent, uuid };
	GError *cause = NULL;
	g_autoptr(VfioDevice) device = vfio_device_create(host, &request, ret_reused, &cause);
	if (device != NULL)
		return copy_device(device);
	take_error(error, cause);
	return NULL;
}

gboolean
gw_mdev_remove(const char *sysfs, const char *id, gint64 timeout_us, gboolean *ret_removed,
	       GError **error)
{
	g_autoptr(VfioHost) host = open_host(sysfs, error);
	if (host == NULL)
		return FALSE;
	g_autoptr(VfioDevice) device = vfio_device_new(host, id, NULL);
	GError *cause = NULL;
	if (!vfio_device_remove(host, id, timeout_us, &cause)) {
		take_error(error, cause);
		return FALSE;
	}
	if (ret_removed != NULL)
		*ret_removed = device != NULL;
	return TRUE;
}

gboolean
gw_mdev_id_is_valid(const char *id)
{
	g_autofree char *normal = vfio_id_normalize(id);
	return normal != NULL;
}

static JsonNode *
type_to_node(const GwMdevType *type)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "id", type->id);
	fields_add_string(object, "name", type->name);
	fields_add_string(object, "description", type->description);
	fields_add_string(object, "device_api", type->device_api);
	fields_add_known(object, "vram_bytes", type->vram_bytes);
	fields_add_known(object, "available", type->available);
	return fields_node(object);
}

static JsonNode *
parent_to_node(const GwMdevParent *parent)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "name", parent->name);
	fields_add_string(object, "board", parent->board);
	fields_add_string(object, "model", parent->model);
	fields_add_string(object, "framework", parent->framework);
	fields_add_string(object, "driver", parent->driver);
	fields_add_string(object, "driver_version", parent->driver_version);
	JsonArray *types = json_array_new();
	for (guint i = 0; i < parent->types->len; i++)
		json_array_add_element(types, type_to_node(g_ptr_array_index(parent->types, i)));
	json_object_set_array_member(object, "types", types);
	return fields_node(object);
}

static JsonNode *
mdev_to_node(const GwMdev *mdev)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "id", mdev->id);
	fields_add_string(object, "path", mdev->path);
	fields_add_string(object, "parent", mdev->parent);
	fields_add_string(object, "framework", mdev->framework);
	fields_add_string(object, "type", mdev->type);
	fields_add_string(object, "type_name", mdev->type_name);
	fields_add_known(object, "vram_bytes", mdev->vram_bytes);
	fields_add_string(object, "iommu_group", mdev->iommu_group);
	fields_add_string(object, "driver", mdev->driver);
	fields_add_string(object, "parent_driver", mdev->parent_driver);
	fields_add_string(object, "driver_version", mdev->driver_version);
	fields_add_string(object, "params", mdev->params);
	return fields_node(object);
}

typedef JsonNode *(*ToNode)(gconstpointer item);

static char *
array_to_json(const GPtrArray *items, ToNode to_node)
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < items->len; i++)
		json_array_add_element(array, to_node(g_ptr_array_index(items, i)));
	JsonNode *node = json_node_new(JSON_NODE_ARRAY);
	json_node_take_array(node, array);
	return fields_take_text(node, TRUE);
}

char *
gw_mdev_parents_to_json(const GPtrArray *parents)
{
	return array_to_json(parents, (ToNode)parent_to_node);
}

char *
gw_mdev_array_to_json(const GPtrArray *mdevs)
{
	return array_to_json(mdevs, (ToNode)mdev_to_node);
}

char *
gw_mdev_to_json(const GwMdev *self)
{
	return fields_take_text(mdev_to_node(self), TRUE);
}
