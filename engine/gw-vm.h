/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* A VM file: the same on both hosts. See godwit-vm(5). */
typedef struct {
	char *path; /* where it was read from */
	char *name;
	char *qmp_path; /* where its QEMU's monitor listens */
	char *argv;	/* the command line as written, ${…} not yet replaced */
} GwVm;

/* %GW_ERROR_VM_FILE, naming the file, the group and the key. A key that is not known is an error. */
GW_API GwVm *gw_vm_load(const char *path, GError **error);
GW_API void gw_vm_free(GwVm *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVm, gw_vm_free)

/* (transfer full): the command line as it will be run; %GW_ERROR_VM_FILE for a ${name} that is not known. */
GW_API GStrv gw_vm_expand_argv(const GwVm *self, GError **error);

/**
 * gw_vm_start:
 * @extra: (nullable): options added at the end, such as "-S"
 * @log_path: where QEMU's output goes
 * @ret_pid: (out): QEMU's process
 *
 * Starts QEMU in a session of its own, so that a terminal's Ctrl-C does not reach it, and waits until its
 * monitor can be reached. Blocks, 30 s at most. When it fails nothing is left running.
 *
 * Returns: %FALSE with %GW_ERROR_LAUNCH, with QEMU's own words
 */
GW_API gboolean gw_vm_start(const GwVm *self, const char *const *extra, const char *log_path,
			    GPid *ret_pid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
