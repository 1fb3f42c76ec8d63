/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vm.h"

/* (transfer full): the VM named @name of the *.vm files in @vm_dir. NULL with %GW_ERROR_VM_FILE,
 * also when two files are of that name, or another user may write there. */
GwVm *vm_dir_find(const char *vm_dir, const char *name, GError **error);
