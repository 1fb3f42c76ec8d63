/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/record/ownership.h"

/* What the source of a session writes into the VM's ownership record. See handover.c. All members
 * are borrowed. */
typedef struct {
	const char *state_dir;
	const char *vm_name;  /* by ownership_choose_name() */
	const char *qmp_path; /* (nullable): of the QEMU here */
	const char *session;
	OwnershipPeer peer;
} Handover;

/**
 * handover_begin:
 *
 * To be called before a COMMIT can go out. It is on the disk when this returns.
 *
 * Returns: %FALSE with %GW_ERROR_UNKNOWN when another session of this VM is not settled, or
 *   %GW_ERROR_STATE_DIR
 */
gboolean handover_begin(const Handover *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * handover_end:
 * @event: OWNERSHIP_GIVE, OWNERSHIP_UNDO or OWNERSHIP_LOSE
 *
 * Where the record says that the VM has since been somewhere else, by another session or by `godwit
 * run`, it stays as it is. So this may be called again.
 */
gboolean
handover_end(const Handover *self, OwnershipEvent event, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/**
 * handover_confirm_here:
 *
 * The guest is proven to be in the QEMU of this host: corrects a record that says anything else.
 */
gboolean handover_confirm_here(const char *state_dir, const char *vm_name, const char *qmp_path,
			       GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The guest is about to be started afresh on this host. Its life is a new one: a session that
 * brought it here before says nothing about it any more. */
gboolean handover_start_here(const char *state_dir, const char *vm_name, const char *qmp_path,
			     GError **error) G_GNUC_WARN_UNUSED_RESULT;
