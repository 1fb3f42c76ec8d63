/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"
#include "qmp/qmp-dirty-rate.h"

/* How fast the guest writes to its RAM, measured by QEMU's calc-dirty-rate. */

typedef struct {
	QmpDirtyMode mode;
	gint64 bytes_per_s;
	gint64 hot_bytes; /* bytes that are written again and again; at most all of RAM */
} RamRate;

/* Called repeatedly while it waits. */
typedef void (*RamRateIdle)(gpointer data);

/**
 * ram_rate_measure:
 * @time_us: the longest duration; at least a second
 * @idle: (nullable)
 *
 * Returns: %FALSE with %GW_ERROR_MONITOR_LOST, %GW_ERROR_BUSY (another client measures),
 *   %GW_ERROR_FAILED or %G_IO_ERROR_CANCELLED; QEMU then ends a measurement that has begun by
 *   itself
 */
gboolean ram_rate_measure(Qemu *qemu, gint64 time_us, guint64 ram_bytes, RamRateIdle idle,
			  gpointer idle_data, GCancellable *cancellable, RamRate *ret_rate,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;
