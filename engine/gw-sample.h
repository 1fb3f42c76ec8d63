/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-number.h"
#include "engine/gw-version.h"

/* One vGPU at that instant. */
typedef struct {
	char *id;	      /* its id in QEMU, else its UUID or PCI address: as in the report */
	gint64 vram_bytes;    /* its frame buffer; -1 if the host does not report it */
	gboolean has_precopy; /* it is also sent while the guest runs, not only after the stop */
	GwNumber transferred_bytes;
	GwNumber precopy_bytes;	  /* of these, the bytes sent while the guest ran */
	GwNumber stop_copy_bytes; /* of these, the bytes sent while the guest was stopped */
	GwNumber remaining_bytes;
	GwNumber dirty_bytes_per_s;
} GwVgpuSample;

/* One data channel's TCP connection at that instant, as the source's kernel reports it. */
typedef struct {
	gint64 index;	     /* 0: QEMU's main channel; from 1 on: those of multifd */
	gint64 acked_bytes;  /* received by the destination's host, in total */
	gint64 unsent_bytes; /* waiting in the socket: QEMU counts them as sent */
	gint64 rtt_us;
	gint64 cwnd_bytes;
	gint64 retransmits; /* segments sent again, in total */
	gint64 delivery_bytes_per_s;
} GwChannelSample;

/* All counters at one instant. An unknown number is -1 here and absent from the JSON. */
typedef struct {
	gint64 time_us;	   /* since the run's start */
	const char *phase; /* a static string: "precopy" */
	gint64 ram_total_bytes;
	gint64 ram_transferred_bytes;
	gint64 ram_remaining_bytes;
	gint64 ram_dirty_bytes_per_s;
	gint64 passes;		      /* dirty bitmap syncs */
	gint64 bandwidth_bytes_per_s; /* recently sent */
	gint64 vfio_transferred_bytes;
	gint64 expected_downtime_us; /* QEMU's own figure: RAM only up to 11.0 */

	GPtrArray *vgpus;    /* of GwVgpuSample; empty when the VM has none */
	GPtrArray *channels; /* of GwChannelSample; without channels of which nothing is known */

	/* RAM and all vGPUs together. Known only when every part is known. */
	GwNumber total_transferred_bytes;
	GwNumber total_remaining_bytes;
	GwNumber total_dirty_bytes_per_s;

	gint64 downtime_limit_us;	/* what QEMU is told: the downtime that is needed */
	GwNumber predicted_downtime_us; /* if it ends with that limit */
	GwNumber predicted_left_us;	/* from now until the end, including the downtime */
	/* (nullable): the bottleneck, "ram" or a vGPU's id: without it the migration could end
	 * now. */
	char *held_up_by;
} GwSample;

#define GW_TYPE_SAMPLE (gw_sample_get_type())
GW_API GType gw_sample_get_type(void);
/* A sample in which nothing is known. */
GW_API GwSample *gw_sample_new(void);
GW_API GwSample *gw_sample_copy(const GwSample *self);
GW_API void gw_sample_free(GwSample *self);
/* (transfer full): one line of JSON without its line feed. */
GW_API char *gw_sample_to_json(const GwSample *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSample, gw_sample_free);
