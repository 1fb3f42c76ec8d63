/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "engine/host/vgpu-vendor.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/data/vgpu-pair.h"

void
vgpu_vendor_describe(const VfioHost *host, const VfioDevice *device, GwVgpu *vgpu)
{
	g_autoptr(GBytes) bytes = vfio_device_metadata(host, device);
	if (bytes == NULL)
		return;
	gsize size;
	const guchar *data = g_bytes_get_data(bytes, &size);
	g_autofree char *text = g_base64_encode(data, size);
	/* A longer one would not be read at the other end. */
	if (strlen(text) < FIELDS_TEXT_BYTES)
		vgpu->metadata = g_steal_pointer(&text);
}

/* (transfer full) (nullable): the address of the board that @vgpu is on, or shall be made on. */
static char *
find_board(const VfioHost *host, const GwVgpu *vgpu)
{
	g_autoptr(VfioParent) parent =
		vgpu->parent != NULL ? vfio_parent_new(host, vgpu->parent) : NULL;
	if (parent == NULL)
		return NULL;
	return g_strdup(parent->board != NULL ? parent->board : parent->name);
}

static void
ask(const VfioHost *host, const char *metadata, GwVgpu *vgpu)
{
	const VfioVendor *vendor = vfio_vendor_by_name(vgpu->vendor);
	g_autofree char *board = find_board(host, vgpu);
	if (vendor->check_live == NULL || board == NULL)
		return;
	gsize size;
	g_autofree guchar *data = g_base64_decode(metadata, &size);
	g_autoptr(GBytes) bytes = g_bytes_new(data, size);
	g_autofree char *reason = NULL;
	if (vendor->check_live(host, bytes, board, &reason) == VFIO_LIVE_NO)
		vgpu->refusal = g_steal_pointer(&reason);
}

void
vgpu_vendor_ask(const VfioHost *host, const GPtrArray *source, const GPtrArray *destination)
{
	if (source->len != destination->len)
		return;
	for (guint i = 0; i < destination->len; i++) {
		const GwVgpu *partner = vgpu_partner(source, destination, i);
		if (partner->metadata != NULL)
			ask(host, partner->metadata, g_ptr_array_index(destination, i));
	}
}
