/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* How fast the guest writes to its RAM, as QEMU measures it outside of a migration. */

/* How the writes are counted. No mode sees the memory of a vGPU. */
typedef enum {
	QMP_DIRTY_SAMPLING, /* hashes of a part of the pages, before and after */
	/* The log of KVM. Use it only where KVM runs the guest: without KVM QEMU 7.2 crashes and
	 * 10.0 counts nothing. */
	QMP_DIRTY_BITMAP,
} QmpDirtyMode;

/* "page-sampling", "dirty-bitmap" */
const char *qmp_dirty_mode_to_string(QmpDirtyMode mode);

/* Tells whether KVM runs the guest. */
gboolean
qmp_query_kvm(QmpClient *client, gboolean *ret_enabled, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qmp_calc_dirty_rate:
 * @seconds: 1 to 60; a page that is written twice in this time counts once
 * @sample_pages: of each GiB, 128 to 16384; only for %QMP_DIRTY_SAMPLING
 *
 * Starts a measurement. QEMU runs one at a time: %QMP_ERROR_GENERIC while another one runs, even
 * one that another client started.
 */
gboolean qmp_calc_dirty_rate(QmpClient *client, guint seconds, QmpDirtyMode mode,
			     guint sample_pages, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* @ret_bytes_per_s: -1 while the measurement runs; QEMU counts in MiB/s. */
gboolean qmp_query_dirty_rate(QmpClient *client, gint64 *ret_bytes_per_s,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;
