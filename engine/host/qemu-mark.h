/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"

/* A session writes itself into each QEMU that it uses, as an object godwit-SESSION of the type
 * "secret", which does nothing. A recovery that finds a QEMU at the monitor's path knows by it
 * whether that is the session's. */

/* %FALSE with QEMU's own words where it takes no such object. */
gboolean qemu_mark(Qemu *self, const char *session, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* No harm where there is none. */
void qemu_unmark(Qemu *self, const char *session);
/* %FALSE also where QEMU does not answer. */
gboolean qemu_has_mark(Qemu *self, const char *session);
/* (transfer full) (nullable): another session that has marked it; NULL also where QEMU does not
 * answer. */
char *qemu_find_other_mark(Qemu *self, const char *session);
