/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/record/ownership.h"

/* STATE_DIR/vms/NAME.json, and the lock beside it: see ownership-file.c. */

/* (transfer full): what is known of @vm_name, OWNERSHIP_NOT_KNOWN when there is no record; NULL
 * with %GW_ERROR_STATE_DIR when there is one that cannot be trusted. */
Ownership *ownership_load(const char *state_dir, const char *vm_name, GError **error);
/* It is on the disk when this returns %TRUE, and survives the death of the host. Else
 * %GW_ERROR_STATE_DIR. */
gboolean
ownership_save(Ownership *self, const char *state_dir, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* ownership_apply() by the wall clock. */
gboolean ownership_apply_now(Ownership *self, OwnershipEvent event, const char *session,
			     const OwnershipPeer *peer, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Takes back the first record of a VM that has never been here. %GW_ERROR_STATE_DIR. */
gboolean ownership_unmake(const char *state_dir, const char *vm_name,
			  GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is there a file of it? Without one nothing is proven by what the record does not say. */
gboolean ownership_is_on_disk(const Ownership *self);
/* Was it written by an earlier boot of this host? */
gboolean ownership_is_from_earlier_boot(const Ownership *self);

/* (transfer full): of char *: the VMs that there is a record of. */
GPtrArray *ownership_list(const char *state_dir, GError **error);

typedef gboolean (*OwnershipMatch)(const Ownership *self, gconstpointer data);
/* (transfer full) (nullable): a record that @matches, of those that can be read; NULL with @error
 * unset when none does. */
Ownership *
ownership_find(const char *state_dir, OwnershipMatch matches, gconstpointer data, GError **error);

/* (transfer full) (nullable): the record of the VM whose QEMU here has, or had, the monitor
 * @qmp_path. */
Ownership *ownership_find_monitor(const char *state_dir, const char *qmp_path);

/* One VM of one host is dealt with by one session at a time. */
typedef struct VmLock VmLock;

/**
 * vm_lock_take:
 * @what: for the others: "migrating", "receiving", "starting", "recovering"
 *
 * Returns: NULL with %GW_ERROR_BUSY, which says what who does, or %GW_ERROR_STATE_DIR
 */
VmLock *vm_lock_take(const char *state_dir, const char *vm_name, const char *what, GError **error);
/* Also happens by itself when the process ends. */
void vm_lock_free(VmLock *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmLock, vm_lock_free);
