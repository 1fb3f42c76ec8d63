/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-vgpu.h"

/* Decides from QEMU's events what happened to a VM's vGPUs. Pure. */

/* The states of each device since the watch began. */
typedef struct {
	GHashTable *last;   /* QEMU's id: its state */
	GHashTable *jumped; /* QEMU's ids of those that came to run without a step between */
} VgpuWatch;

void vgpu_watch_init(VgpuWatch *self);
void vgpu_watch_clear(VgpuWatch *self);
/* Forgets all. */
void vgpu_watch_begin(VgpuWatch *self);
/* @data: (nullable): of an event VFIO_MIGRATION */
void vgpu_watch_event(VgpuWatch *self, JsonObject *data);

/* (transfer none) (nullable): one of @vgpus (nullable) that runs with another state than the
 * received one, because QEMU has reset it. This is known only for a device with P2P, and only if
 * QEMU sends the events. */
const GwVgpu *vgpu_watch_find_blank(const VgpuWatch *self, const GPtrArray *vgpus);

/* (transfer full) (nullable): those of @vgpus (nullable) that @words (nullable) speak of, by name:
 * "vGPU 'gpu0'". */
char *vgpu_named_in(const GPtrArray *vgpus, const char *words);
/* (transfer full): @words, after the names of those that they speak of: QEMU gives a UUID or an
 * address, and the user knows neither. */
char *vgpu_put_names(const GPtrArray *vgpus, const char *words);
/* (transfer full) (nullable): the names of all of them, NULL if there are none. */
char *vgpu_all_names(const GPtrArray *vgpus);
