/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The folder with an agent's VM files. A VM's name comes over the network: it is compared with the
 * names in the files, and never becomes part of a path. No other user may write the folder or its
 * files, because their command lines are executed.
 */
#include "engine/host/vm-dir.h"

#include <string.h>

#include "engine/gw-error.h"
#include "engine/util/safe-file.h"

/* (nullable) (transfer full): the VM file at @path, where it is the one of the VM @name. A file
 * that cannot be read may be of any VM: the first one is told in @broken. */
static GwVm *
load_if_named(const char *path, const char *name, GError **broken)
{
	g_autoptr(GError) cause = NULL;
	g_autoptr(GwVm) vm = gw_vm_load(path, &cause);
	if (vm != NULL && strcmp(vm->name, name) == 0)
		return g_steal_pointer(&vm);
	if (vm == NULL && *broken == NULL)
		*broken = g_steal_pointer(&cause);
	return NULL;
}

static GDir *
open_vm_dir(const char *vm_dir, GError **error)
{
	g_autoptr(GError) cause = NULL;
	GDir *dir = safe_folder_check(vm_dir, &cause) ? g_dir_open(vm_dir, 0, &cause) : NULL;
	if (dir == NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE, "the folder of the VM files: %s",
			    cause->message);
	return dir;
}

GwVm *
vm_dir_find(const char *vm_dir, const char *name, GError **error)
{
	g_autoptr(GDir) dir = open_vm_dir(vm_dir, error);
	g_autoptr(GError) broken = NULL;
	g_autoptr(GwVm) found = NULL;
	if (dir == NULL)
		return NULL;
	for (const char *file; (file = g_dir_read_name(dir)) != NULL;) {
		if (!g_str_has_suffix(file, ".vm"))
			continue;
		g_autofree char *path = g_build_filename(vm_dir, file, NULL);
		g_autoptr(GwVm) vm = load_if_named(path, name, &broken);
		if (vm != NULL && found != NULL) {
			g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE,
				    "'%s' and '%s' both name the VM '%s': remove one", found->path,
				    vm->path, name);
			return NULL;
		}
		if (vm != NULL)
			found = g_steal_pointer(&vm);
	}
	if (found != NULL)
		return g_steal_pointer(&found);
	g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE,
		    "no VM named '%s' in the *.vm files of '%s'%s%s", name, vm_dir,
		    broken != NULL ? "; not readable there: " : "",
		    broken != NULL ? broken->message : "");
	return NULL;
}
