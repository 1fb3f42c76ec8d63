/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vm.h"

/* The command line of a VM file: private half of gw-vm.h. */

typedef enum {
	VM_ARGV_CHECK, /* checks that every ${...} is known; a vGPU that does not exist yet is
		        * not replaced */
	VM_ARGV_RUN,
} VmArgvUse;

/* (transfer full): NULL with %GW_ERROR_VM_FILE, naming the word. */
GStrv vm_argv_expand(const GwVm *self, VmArgvUse use, GError **error);

/* Sets %GW_ERROR_VM_FILE: "VM file 'PATH': WHAT", fit for a terminal. Always %FALSE. */
gboolean vm_file_fail(GError **error, const char *path, const char *what);

/* (transfer full): the id= of the device that is given ${@vgpu}, as QEMU or JSON writes it; NULL
 * when the command line does not show it. */
char *vm_argv_device_id(const GwVm *self, const char *vgpu);
