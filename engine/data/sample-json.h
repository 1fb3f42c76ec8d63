/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-event.h"
#include "engine/gw-sample.h"

/* The private side of GwSample and GwEvent: how they are filled, and their JSON for the report and
 * the control connection. The error text begins with @path; the nodes are not trusted. */

/* (transfer none): all other members are unknown. */
GwVgpuSample *sample_add_vgpu(GwSample *self, const char *id, gint64 vram_bytes);
/* (transfer none): all members are unknown. */
GwChannelSample *sample_add_channel(GwSample *self, guint index);
/* Computes the totals from RAM and the vGPUs. */
void sample_sum(GwSample *self);

JsonNode *sample_to_node(const GwSample *self);
GwSample *sample_from_node(JsonNode *node, const char *path, GError **error);

JsonNode *event_to_node(const GwEvent *self);
GwEvent *event_from_node(JsonNode *node, const char *path, GError **error);
