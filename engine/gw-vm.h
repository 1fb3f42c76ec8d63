/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* One [vgpu NAME] of a VM file. */
typedef struct {
	char *name;
	char *type;
	char *parent; /* (nullable): NULL: any that is free */
	char *uuid;   /* (nullable): NULL: a new one, chosen at the creation */

	/* Facts of this host; set by gw_vm_make_vgpus(). */
	char *id;	  /* (nullable): its UUID or PCI address */
	char *sysfs_path; /* (nullable): the value of ${NAME} */
	gboolean is_made; /* created by us: an existing one is left alone */
} GwVmVgpu;

/* A VM file: the same on both hosts. See godwit-vm(5). */
typedef struct {
	char *path; /* the file itself */
	char *name;
	char *qmp_path;	  /* the socket of its QEMU's monitor */
	char *argv;	  /* the command line as written, before ${…} is replaced */
	GPtrArray *vgpus; /* of GwVmVgpu, in the file's order */
} GwVm;

/* %GW_ERROR_VM_FILE names the file, the group and the key. An unknown key is an error. */
GW_API GwVm *gw_vm_load(const char *path, GError **error);
/* (transfer full): where QEMU's standard error goes, a file in @state_dir. The VM's name is escaped
 * in it. */
GW_API char *gw_vm_make_log_path(const GwVm *self, const char *state_dir);
GW_API void gw_vm_free(GwVm *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwVm, gw_vm_free);

/**
 * gw_vm_make_vgpus:
 *
 * Creates the VM's missing vGPUs, all or none. Blocks while the driver works.
 *
 * Returns: %FALSE with %GW_ERROR_VGPU, which says what to do
 */
GW_API gboolean gw_vm_make_vgpus(GwVm *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Removes the vGPUs that gw_vm_make_vgpus() created; their QEMU must have ended. Blocks, at most
 * for some seconds. */
GW_API gboolean gw_vm_remove_vgpus(GwVm *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): the command line that will run; %GW_ERROR_VM_FILE for a ${name} that is unknown,
 * or whose vGPU was not created. */
GW_API GStrv gw_vm_expand_argv(const GwVm *self, GError **error);

/**
 * gw_vm_start:
 * @extra: (nullable): options added at the end, such as "-S"
 * @log_path: the file for QEMU's output
 * @ret_pid: (out): QEMU's process
 *
 * Starts QEMU in its own session, so that a terminal's Ctrl-C does not reach it, and waits until
 * its monitor answers. Blocks, at most two minutes. If it fails, no process remains.
 *
 * Returns: %FALSE with %GW_ERROR_LAUNCH, with QEMU's own words
 */
GW_API gboolean gw_vm_start(const GwVm *self, const char *const *extra, const char *log_path,
			    GPid *ret_pid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
