/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* How fast the guest writes to its RAM, as QEMU measures it outside of a migration. */

/* What counts the writes. A vGPU's own memory is seen by none of them. */
typedef enum {
	QMP_DIRTY_SAMPLING, /* hashes of a part of the pages, before and after */
	QMP_DIRTY_BITMAP, /* the log of KVM. Never where KVM does not run the guest: QEMU 7.2 dies of it, 10.0
			     * counts nothing */
} QmpDirtyMode;

/* "page-sampling", "dirty-bitmap" */
const char *qmp_dirty_mode_to_string(QmpDirtyMode mode);

/* Does KVM run the guest? */
gboolean
qmp_query_kvm(QmpClient *client, gboolean *ret_enabled, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * qmp_calc_dirty_rate:
 * @seconds: 1 to 60; a page that is written twice in them counts once
 * @sample_pages: of each GiB, 128 to 16384; of %QMP_DIRTY_SAMPLING only
 *
 * Begins to measure. One at a time: %QMP_ERROR_GENERIC while another goes on, whoever began it.
 */
gboolean qmp_calc_dirty_rate(QmpClient *client, guint seconds, QmpDirtyMode mode,
			     guint sample_pages, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* @ret_bytes_per_s: -1 while it is being measured; QEMU counts in MiB/s. */
gboolean qmp_query_dirty_rate(QmpClient *client, gint64 *ret_bytes_per_s,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;
