/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-devices.h"

/**
 * qmp_device_guest_path:
 * @ret_path: (out) (transfer full): where the device is in the guest, as QEMU calls it in a migration stream:
 *   "0000:00:08.0", behind a root port "0000:00:02.0:00.0"; NULL for one that is no PCI device, or on a bus
 *   that is no branch of the board's own
 *
 * Two queries for the device, and two for each bridge above it.
 *
 * Returns: %FALSE with %QMP_ERROR
 */
gboolean
qmp_device_guest_path(QmpClient *client, const QmpDevice *device, char **ret_path, GError **error);
