/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A VFIO driver checks the received state only when the device leaves RESUMING, inside 'cont'. If
 * the driver rejects the state, QEMU resets the device and the guest runs with a blank GPU. A
 * device with P2P goes from RESUMING over RUNNING_P2P to RUNNING, and each successful step is an
 * event; after a reset the first event is RUNNING. If only the second step fails both events come,
 * and a device without P2P has only one step: then only QEMU's standard error shows it.
 */
#include "engine/host/vgpu-watch.h"

#include <string.h>

#include "engine/util/json-fields.h"
#include "engine/data/vgpu-json.h"

void
vgpu_watch_init(VgpuWatch *self)
{
	self->last = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	self->jumped = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

void
vgpu_watch_clear(VgpuWatch *self)
{
	g_clear_pointer(&self->last, g_hash_table_unref);
	g_clear_pointer(&self->jumped, g_hash_table_unref);
}

void
vgpu_watch_begin(VgpuWatch *self)
{
	g_hash_table_remove_all(self->last);
	g_hash_table_remove_all(self->jumped);
}

void
vgpu_watch_event(VgpuWatch *self, JsonObject *data)
{
	const char *device = fields_peek_string(data, "device-id", NULL);
	const char *state = fields_peek_string(data, "device-state", NULL);
	if (device == NULL || state == NULL ||
	    (g_hash_table_size(self->last) >= VGPU_MAX &&
	     !g_hash_table_contains(self->last, device)))
		return;
	const char *before = g_hash_table_lookup(self->last, device);
	if (strcmp(state, "running") == 0 && g_strcmp0(before, "running-p2p") != 0)
		g_hash_table_add(self->jumped, g_strdup(device));
	g_hash_table_insert(self->last, g_strdup(device), g_strdup(state));
}

const GwVgpu *
vgpu_watch_find_blank(const VgpuWatch *self, const GPtrArray *vgpus)
{
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++) {
		const GwVgpu *vgpu = g_ptr_array_index(vgpus, i);
		if (vgpu->name != NULL && vgpu->migration_flags > 0 &&
		    (vgpu->migration_flags & GW_VGPU_P2P) != 0 &&
		    g_hash_table_contains(self->jumped, vgpu->name))
			return vgpu;
	}
	return NULL;
}

static void
add_name(GString *out, const GwVgpu *vgpu)
{
	g_string_append_printf(out, "%svGPU '%s'", out->len > 0 ? ", " : "",
			       vgpu_display_name(vgpu));
}

/* QEMU calls a device by the last part of its path in sysfs, and its part of the stream by its
 * address. */
static gboolean
is_named_in(const GwVgpu *vgpu, const char *words)
{
	if (vgpu->id != NULL && strstr(words, vgpu->id) != NULL)
		return TRUE;
	g_autofree char *section =
		vgpu->guest_path != NULL ? g_strconcat(vgpu->guest_path, "/vfio", NULL) : NULL;
	return section != NULL && strstr(words, section) != NULL;
}

char *
vgpu_named_in(const GPtrArray *vgpus, const char *words)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (guint i = 0; words != NULL && vgpus != NULL && i < vgpus->len; i++)
		if (is_named_in(g_ptr_array_index(vgpus, i), words))
			add_name(out, g_ptr_array_index(vgpus, i));
	return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

char *
vgpu_put_names(const GPtrArray *vgpus, const char *words)
{
	g_autofree char *names = vgpu_named_in(vgpus, words);
	return names != NULL ? g_strdup_printf("%s: %s", names, words) : g_strdup(words);
}

char *
vgpu_all_names(const GPtrArray *vgpus)
{
	g_autoptr(GString) out = g_string_new(NULL);
	for (guint i = 0; vgpus != NULL && i < vgpus->len; i++)
		add_name(out, g_ptr_array_index(vgpus, i));
	return out->len > 0 ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}
