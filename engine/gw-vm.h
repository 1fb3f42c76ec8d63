/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* One [vgpu NAME] of a VM file. */
typedef struct {
	char *name;
	char *type;
	char *parent; /* (nullable): any that is free */
	char *uuid;   /* (nullable): a new one, chosen when it is made */

	/* Of this host; set by gw_vm_make_vgpus(). */
	char *id;	  /* (nullable): its UUID or PCI address */
	char *sysfs_path; /* (nullable): what ${NAME} stands for */
	gboolean is_made; /* by us: what was there already is left alone */
} GwVmVgpu;

/* A VM file: the same on both hosts. See godwit-vm(5). */
typedef struct {
	char *path; /* where it was read from */
	char *name;
	char *qmp_path;	  /* where its QEMU's monitor listens */
	char *argv;	  /* the command line as written, ${…} not yet replaced */
	GPtrArray *vgpus; /* of GwVmVgpu, in the file's order */
} GwVm;

/* %GW_ERROR_VM_FILE, naming the file, the group and the key. A key that is not known is an error. */
GW_API GwVm *gw_vm_load(const char *path, GError **error);
GW_API void gw_vm_free(GwVm *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVm, gw_vm_free)

/**
 * gw_vm_make_vgpus:
 *
 * Makes those vGPUs of the VM that are not there, all or none. Blocks for as long as the driver takes.
 *
 * Returns: %FALSE with %GW_ERROR_VGPU, which says what to do
 */
GW_API gboolean gw_vm_make_vgpus(GwVm *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Removes those that gw_vm_make_vgpus() has made; their QEMU must have ended. Blocks, some seconds at most. */
GW_API gboolean gw_vm_remove_vgpus(GwVm *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): the command line as it will be run; %GW_ERROR_VM_FILE for a ${name} that is not known or,
 * for a vGPU, not made. */
GW_API GStrv gw_vm_expand_argv(const GwVm *self, GError **error);

/**
 * gw_vm_start:
 * @extra: (nullable): options added at the end, such as "-S"
 * @log_path: where QEMU's output goes
 * @ret_pid: (out): QEMU's process
 *
 * Starts QEMU in a session of its own, so that a terminal's Ctrl-C does not reach it, and waits until its
 * monitor can be reached. Blocks, two minutes at most. When it fails nothing is left running.
 *
 * Returns: %FALSE with %GW_ERROR_LAUNCH, with QEMU's own words
 */
GW_API gboolean gw_vm_start(const GwVm *self, const char *const *extra, const char *log_path,
			    GPid *ret_pid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
