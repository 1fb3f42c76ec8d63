/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In QEMU's stream the name of a device is its address in the guest, and the destination's device
 * at this address receives it, whatever its id is. So the address decides as soon as it is known,
 * which is when both QEMUs run. Before that QEMU's ids, from the command lines, decide. If the ids
 * do not match either, only the position in the lists remains. But QEMU lists its devices in its
 * own order, so the position is good enough only for vGPUs that are all alike.
 */
#include "engine/data/vgpu-pair.h"

#define ADDRESS G_STRUCT_OFFSET(GwVgpu, guest_path)
#define NAME	G_STRUCT_OFFSET(GwVgpu, name)

static const char *
key_of(const GPtrArray *vgpus, guint i, glong key)
{
	return G_STRUCT_MEMBER(const char *, g_ptr_array_index(vgpus, i), key);
}

/* Returns how many of @vgpus have @wanted as their @key; @ret_last is one of them. */
static guint
count(const GPtrArray *vgpus, glong key, const char *wanted, guint *ret_last)
{
	guint n = 0;
	for (guint i = 0; wanted != NULL && i < vgpus->len; i++) {
		if (g_strcmp0(key_of(vgpus, i, key), wanted) != 0)
			continue;
		*ret_last = i;
		n++;
	}
	return n;
}

/* Returns whether each list has every key of the other exactly once. */
static gboolean
fits(const GPtrArray *source, const GPtrArray *destination, glong key)
{
	guint found;
	for (guint i = 0; i < destination->len; i++) {
		const char *wanted = key_of(destination, i, key);
		if (count(destination, key, wanted, &found) != 1 ||
		    count(source, key, wanted, &found) != 1)
			return FALSE;
	}
	return TRUE;
}

static gboolean
have_addresses(const GPtrArray *vgpus)
{
	for (guint i = 0; i < vgpus->len; i++)
		if (key_of(vgpus, i, ADDRESS) == NULL)
			return FALSE;
	return TRUE;
}

static gboolean
are_alike(const GPtrArray *vgpus)
{
	glong type = G_STRUCT_OFFSET(GwVgpu, type);
	for (guint i = 1; i < vgpus->len; i++)
		if (g_strcmp0(key_of(vgpus, 0, type), key_of(vgpus, i, type)) != 0)
			return FALSE;
	return TRUE;
}

VgpuPairing
vgpu_pairing(const GPtrArray *source, const GPtrArray *destination)
{
	if (fits(source, destination, ADDRESS))
		return VGPU_PAIR_BY_ADDRESS;
	if (have_addresses(source) && have_addresses(destination))
		return VGPU_PAIR_MOVED;
	if (fits(source, destination, NAME))
		return VGPU_PAIR_BY_NAME;
	return are_alike(source) && are_alike(destination) ? VGPU_PAIR_BY_PLACE : VGPU_PAIR_UNKNOWN;
}

const GwVgpu *
vgpu_partner(const GPtrArray *source, const GPtrArray *destination, guint i)
{
	VgpuPairing pairing = vgpu_pairing(source, destination);
	guint partner = i;
	if (pairing == VGPU_PAIR_BY_ADDRESS)
		count(source, ADDRESS, key_of(destination, i, ADDRESS), &partner);
	else if (pairing == VGPU_PAIR_BY_NAME)
		count(source, NAME, key_of(destination, i, NAME), &partner);
	return g_ptr_array_index(source, partner);
}

gboolean
vgpu_has_address(const GPtrArray *vgpus, const char *guest_path)
{
	guint found;
	return count(vgpus, ADDRESS, guest_path, &found) > 0;
}
