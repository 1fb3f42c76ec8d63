/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Creates a vGPU. The number of free instances is only a hint, since another program may take one
 * at any time: only the result of the write counts.
 *
 * An existing vGPU is reused when its type and parent are the wanted ones, because a repeated
 * create must not fail. A vGPU with the same name that differs is never touched.
 */
#include "vfio/vfio-create.h"

#include <string.h>

#include "vfio/vfio-remove.h"

#define GROUP_TRIES	40
#define GROUP_WAIT_US	(50 * 1000)
#define UNDO_TIMEOUT_US (5 * G_TIME_SPAN_SECOND)

static gboolean
fail_exists(GError **error, const VfioDevice *device, const char *is_what)
{
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_EXISTS,
		    "'%s' already exists, %s: remove it, or choose another", device->id, is_what);
	return FALSE;
}

/* Is the existing vGPU the wanted one? */
static gboolean
check_same(const VfioDevice *device, const VfioRequest *request, GError **error)
{
	const char *type = device->type != NULL ? device->type->id : "?";
	if (strcmp(type, request->type) != 0) {
		g_autofree char *text =
			g_strdup_printf("of type '%s' and not '%s'", type, request->type);
		return fail_exists(error, device, text);
	}
	if (request->parent == NULL)
		return TRUE;
	g_autofree char *wanted = vfio_bdf_normalize(request->parent);
	if (g_strcmp0(device->parent, wanted) == 0 || g_strcmp0(device->board, wanted) == 0)
		return TRUE;
	g_autofree char *text =
		g_strdup_printf("on '%s' and not '%s'",
				device->parent != NULL ? device->parent : "?", wanted);
	return fail_exists(error, device, text);
}

static gboolean
fail_name(GError **error, const char *text, const char *is_what)
{
	g_autofree char *quote = vfio_error_quote(text);
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND, "'%s' %s", quote, is_what);
	return FALSE;
}

static gboolean
check_request(const VfioRequest *request, GError **error)
{
	if (!vfio_sysfs_name_is_valid(request->type))
		return fail_name(error, request->type, "cannot be the name of a type");
	if (request->parent != NULL && !vfio_sysfs_name_is_valid(request->parent))
		return fail_name(error, request->parent, "cannot be the name of a parent");
	if (request->uuid != NULL && !g_uuid_string_is_valid(request->uuid))
		return fail_name(error, request->uuid, "is not a UUID");
	return TRUE;
}

/* The existing device with the name of the new one; NULL when there is none. */
static VfioDevice *
find_existing(const VfioHost *host, const VfioRequest *request)
{
	VfioDevice *device = NULL;
	if (request->uuid != NULL)
		device = vfio_device_new(host, request->uuid, NULL);
	if (device == NULL && request->parent != NULL)
		device = vfio_device_new(host, request->parent, NULL);
	return device;
}

/* Safety net for a driver that binds the device only after the write has returned. */
static gboolean
wait_group(const VfioHost *host, const VfioBackend *backend, const char *id)
{
	g_autofree char *folder = backend->device_folder(id);
	for (guint i = 0; i < GROUP_TRIES; i++) {
		if (vfio_sysfs_exists(host->sysfs, folder, "iommu_group"))
			return TRUE;
		g_usleep(GROUP_WAIT_US);
	}
	return FALSE;
}

static VfioDevice *
finish_new(const VfioHost *host, const VfioBackend *backend, const char *id, GError **error)
{
	if (wait_group(host, backend, id))
		return vfio_device_new(host, id, error);
	g_set_error(error, VFIO_ERROR, VFIO_ERROR_SYSFS,
		    "'%s' was created, but no VFIO driver took it, so it was removed again: is the "
		    "vendor's VFIO module loaded?",
		    id);
	g_autoptr(GError) undo_error = NULL;
	if (!vfio_device_remove(host, id, UNDO_TIMEOUT_US, &undo_error) && error != NULL)
		g_prefix_error(error, "%s; ", undo_error->message);
	return NULL;
}

static VfioDevice *
create_on(const VfioHost *host, const VfioParent *parent, const char *type, const char *uuid,
	  GError **error)
{
	const VfioBackend *backend = parent->backend;
	g_autofree char *id = backend->new_id(parent->name, uuid);
	int number = backend->create(host->sysfs, parent->name, type, id);
	if (number == 0)
		return finish_new(host, backend, id, error);
	g_autofree char *subject = g_strdup_printf("create '%s' on '%s'", type, parent->name);
	vfio_error_set_errno(error, backend->create_rows, number, subject);
	return NULL;
}

/* May another parent still succeed? */
static gboolean
is_parents_own(const GError *error)
{
	return g_error_matches(error, VFIO_ERROR, VFIO_ERROR_NO_INSTANCE) ||
	       g_error_matches(error, VFIO_ERROR, VFIO_ERROR_BUSY);
}

static gboolean
is_candidate(const VfioParent *parent, const VfioRequest *request)
{
	return (request->parent == NULL || vfio_parent_is_called(parent, request->parent)) &&
	       vfio_parent_find_type(parent, request->type) != NULL;
}

/* Sets the error that explains why there is no candidate. */
static void
set_not_found(GError **error, const GPtrArray *parents, const VfioRequest *request)
{
	gboolean parent_there = FALSE;
	for (guint i = 0; request->parent != NULL && i < parents->len; i++)
		parent_there |=
			vfio_parent_is_called(g_ptr_array_index(parents, i), request->parent);
	if (parents->len == 0)
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND,
			    "nothing on this host makes vGPUs: is the vendor's driver loaded and, "
			    "on an SR-IOV board, are its virtual functions enabled?");
	else if (request->parent != NULL && !parent_there)
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND,
			    "no vGPUs can be made on '%s': list the types to see where they can",
			    request->parent);
	else
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NOT_FOUND,
			    "%s%s%s has no type '%s': list the types to see all of them",
			    request->parent != NULL ? "'" : "",
			    request->parent != NULL ? request->parent : "this host",
			    request->parent != NULL ? "'" : "", request->type);
}

static VfioDevice *
create_somewhere(const VfioHost *host, const VfioRequest *request, const char *uuid, GError **error)
{
	g_autoptr(GPtrArray) parents = vfio_parents_list(host);
	g_autoptr(GError) last = NULL;
	guint n = 0;
	for (guint i = 0; i < parents->len; i++) {
		const VfioParent *parent = g_ptr_array_index(parents, i);
		if (!is_candidate(parent, request))
			continue;
		n++;
		if (vfio_parent_find_type(parent, request->type)->available == 0)
			continue;
		g_clear_error(&last);
		VfioDevice *device = create_on(host, parent, request->type, uuid, &last);
		if (device != NULL)
			return device;
		if (!is_parents_own(last))
			break;
	}
	if (last != NULL)
		g_propagate_error(error, g_steal_pointer(&last));
	else if (n == 0)
		set_not_found(error, parents, request);
	else
		g_set_error(error, VFIO_ERROR, VFIO_ERROR_NO_INSTANCE,
			    "no instance of type '%s' is free on %s: remove a vGPU there first",
			    request->type, request->parent != NULL ? request->parent : "this host");
	return NULL;
}

VfioDevice *
vfio_device_create(const VfioHost *host, const VfioRequest *request, gboolean *ret_reused,
		   GError **error)
{
	if (!check_request(request, error))
		return NULL;
	g_autoptr(VfioDevice) existing = find_existing(host, request);
	if (existing != NULL && !check_same(existing, request, error))
		return NULL;
	g_autofree char *uuid =
		request->uuid != NULL ? vfio_uuid_normalize(request->uuid) : g_uuid_string_random();
	gboolean reused = existing != NULL;
	VfioDevice *device =
		reused ? g_steal_pointer(&existing) : create_somewhere(host, request, uuid, error);
	if (device != NULL && ret_reused != NULL)
		*ret_reused = reused;
	return device;
}
