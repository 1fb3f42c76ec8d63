/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/gw-number.h"
#include "engine/gw-prediction.h"
#include "engine/gw-version.h"

/* How fast a VM's memory is written, including its vGPUs' memory, before any migration. */

/* One vGPU. */
typedef struct {
	char *id; /* its id in QEMU, else its UUID or PCI address */
	char *type;
	gint64 vram_bytes; /* its frame buffer; -1 if the host does not report it */
	/* What must be sent with the guest stopped if it were stopped now: the largest value that
	 * the driver reported; without one, at most the frame buffer. */
	GwNumber stop_bytes;
	GwNumber dirty_bytes_per_s;
	/* "probe"; or only its size is known: "data-size", "framebuffer", "none". */
	char *method;
	char *note; /* (nullable): why there is no better method */
} GwDirtyRateVgpu;

typedef struct {
	gint64 lasted_us;
	gint64 ram_total_bytes;
	GwNumber ram_dirty_bytes_per_s;
	GwNumber ram_hot_bytes;		  /* pages that are written again and again */
	char *ram_method;		  /* "page-sampling" or "dirty-bitmap" */
	GPtrArray *vgpus;		  /* of GwDirtyRateVgpu */
	GwNumber total_dirty_bytes_per_s; /* known only when every part is known */

	/* The probe; -1 without one. */
	gint64 probe_us;
	gint64 probe_sent_bytes;

	GwPrediction *prediction; /* (nullable): for a migration at @bandwidth_bytes_per_s */
} GwDirtyRate;

typedef struct {
	const char *qmp_path;
	gint64 time_us; /* how long the measurement may take; the probe takes as long again; 0:
			 * 10 s */
	gint64 bandwidth_bytes_per_s; /* for the prediction; 0: no prediction */
	gint64 downtime_limit_us;     /* for the prediction: the largest downtime that is
				       * allowed; 0: 300 ms */
	gboolean probe;		      /* a dry pre-copy: see gw_dirty_rate_async() */
	const char *state_dir; /* (nullable): of the probe's journal; gw_default_state_dir() */
} GwDirtyRateOptions;

#define GW_TYPE_DIRTY_RATE (gw_dirty_rate_get_type())
GW_API GType gw_dirty_rate_get_type(void);
GW_API GwDirtyRate *gw_dirty_rate_copy(const GwDirtyRate *self);
GW_API void gw_dirty_rate_free(GwDirtyRate *self);
/* (transfer full): indented. */
GW_API char *gw_dirty_rate_to_json(const GwDirtyRate *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwDirtyRate, gw_dirty_rate_free);

/**
 * gw_dirty_rate_async:
 * @options: copied
 *
 * Measures in a thread that the caller does not see. The callback comes in the main context in
 * which this was called. Without a probe nothing is changed, but the writes of a vGPU's engines to
 * its memory cannot be seen. The probe is a migration to nowhere that never reaches switchover: the
 * guest keeps running whatever happens to the probe, but slower meanwhile.
 */
GW_API void gw_dirty_rate_async(const GwDirtyRateOptions *options, GCancellable *cancellable,
				GAsyncReadyCallback callback, gpointer data);
/* (transfer full): NULL with %GW_ERROR_MONITOR, %GW_ERROR_MONITOR_LOST, %GW_ERROR_BUSY (a migration
 * or another measurement runs), %GW_ERROR_INCOMPATIBLE (no probe with this QEMU),
 * %GW_ERROR_MIGRATION, %GW_ERROR_STATE_DIR or %G_IO_ERROR_CANCELLED. */
GW_API GwDirtyRate *gw_dirty_rate_finish(GAsyncResult *result, GError **error);
