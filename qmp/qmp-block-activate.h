/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/**
 * qmp_activate_disks:
 *
 * Takes the disks of a guest that stands still into use. After a migration with late-block-activate
 * QEMU does that only at "cont". A guest that came in and has never run since has inactive disks,
 * and QEMU 7.2 ends itself by an assertion when it is migrated once more. Disks that are in use
 * already stay so.
 */
gboolean qmp_activate_disks(QmpClient *client, GError **error) G_GNUC_WARN_UNUSED_RESULT;
