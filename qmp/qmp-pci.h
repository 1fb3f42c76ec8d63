/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-devices.h"

/**
 * qmp_device_guest_path:
 * @ret_path: (out) (transfer full): the device's address in the guest, as QEMU writes it into a
 *   migration stream: "0000:00:08.0", or behind a root port "0000:00:02.0:00.0"; NULL for a device
 *   that is not PCI, and for one on a root bus other than the board's first
 *
 * Sends two queries for the device, and two for each bridge above it.
 *
 * Returns: %FALSE with %QMP_ERROR
 */
gboolean
qmp_device_guest_path(QmpClient *client, const QmpDevice *device, char **ret_path, GError **error);
