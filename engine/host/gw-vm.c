/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The VM file: a GKeyFile with one group [vm], with the keys name, qmp and argv, and a group [vgpu
 * NAME] for each vGPU, with the keys type, parent and uuid. Both hosts use the same file. Values
 * are read literally, without GKeyFile's escapes: argv is quoted as in a shell.
 *
 * Everything unknown is an error that names the file, the group and the key: a misspelt word must
 * not be ignored silently. argv always comes from a file on this host. vm-start.c starts it.
 */
#include "engine/gw-vm.h"

#include <string.h>
#include <sys/un.h>

#include "engine/gw-error.h"
#include "engine/host/vm-argv.h"
#include "engine/util/safe-file.h"
#include "engine/util/safe-name.h"

#define MAX_FILE_BYTES (1024 * 1024)
#define VGPU_PREFIX    "vgpu "
#define NAME_LETTERS   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

void
gw_vm_free(GwVm *self)
{
	if (self == NULL)
		return;
	g_free(self->path);
	g_free(self->name);
	g_free(self->qmp_path);
	g_free(self->argv);
	g_clear_pointer(&self->vgpus, g_ptr_array_unref);
	g_free(self);
}

static const char *const vm_keys[] = { "name", "qmp", "argv", NULL };
static const char *const vgpu_keys[] = { "type", "parent", "uuid", NULL };

static gboolean
check_groups(GKeyFile *file, const char *path, GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (guint i = 0; groups[i] != NULL; i++) {
		if (strcmp(groups[i], "vm") == 0 || g_str_has_prefix(groups[i], VGPU_PREFIX))
			continue;
		g_autofree char *what =
			g_strdup_printf("group [%s] is not known; there are [vm] and [vgpu NAME]",
					groups[i]);
		return vm_file_fail(error, path, what);
	}
	if (!g_key_file_has_group(file, "vm"))
		return vm_file_fail(error, path, "there is no group [vm]");
	return TRUE;
}

static gboolean
check_keys(GKeyFile *file, const char *path, const char *group, const char *const *known,
	   GError **error)
{
	g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);
	g_autofree char *all = g_strjoinv(", ", (char **)known);
	for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
		if (g_strv_contains(known, keys[i]))
			continue;
		g_autofree char *what =
			g_strdup_printf("group [%s]: key '%s' is not known; there are %s", group,
					keys[i], all);
		return vm_file_fail(error, path, what);
	}
	return TRUE;
}

/* (transfer full): the value of a key that must be there. */
static char *
read_key(GKeyFile *file, const char *path, const char *key, GError **error)
{
	g_autofree char *value = g_key_file_get_value(file, "vm", key, NULL);
	g_autofree char *what = NULL;
	if (value == NULL || value[0] == '\0')
		what = g_strdup_printf("group [vm]: key '%s' is missing", key);
	else if (!g_utf8_validate(value, -1, NULL))
		what = g_strdup_printf("group [vm]: key '%s' is not UTF-8", key);
	if (what == NULL)
		return g_steal_pointer(&value);
	vm_file_fail(error, path, what);
	return NULL;
}

static gboolean
check_name(const char *name, const char *path, GError **error)
{
	if (safe_name_is_valid(name))
		return TRUE;
	g_autofree char *what = g_strdup_printf("group [vm]: name '%s': a name is at most %d bytes "
						"of UTF-8, without control characters",
						name, SAFE_NAME_MAX_BYTES);
	return vm_file_fail(error, path, what);
}

static gboolean
check_qmp(const char *qmp_path, const char *path, GError **error)
{
	g_autofree char *what = NULL;
	if (!g_path_is_absolute(qmp_path))
		what = g_strdup_printf("group [vm]: qmp '%s' is not an absolute path", qmp_path);
	else if (strlen(qmp_path) >= sizeof((struct sockaddr_un *)NULL)->sun_path)
		what = g_strdup_printf("group [vm]: qmp '%s' is too long for a socket", qmp_path);
	return what == NULL ? TRUE : vm_file_fail(error, path, what);
}

/* (transfer full): the file's command line is executed, so no other user may write the file. */
static char *
read_file(const char *path, gsize *ret_len, GError **error)
{
	g_autoptr(GError) cause = NULL;
	char *text = safe_file_read_linked(path, MAX_FILE_BYTES, ret_len, &cause);
	if (text == NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_VM_FILE, "VM file %s", cause->message);
	return text;
}

static GKeyFile *
load_key_file(const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) cause = NULL;
	gsize len = 0;
	g_autofree char *text = read_file(path, &len, error);
	if (text == NULL)
		return NULL;
	if (memchr(text, '\0', len) != NULL)
		vm_file_fail(error, path, "it has a NUL byte");
	else if (g_key_file_load_from_data(file, text, len, G_KEY_FILE_NONE, &cause))
		return g_steal_pointer(&file);
	else
		vm_file_fail(error, path, cause->message);
	return NULL;
}

static void
vgpu_free(gpointer data)
{
	GwVmVgpu *self = data;
	g_free(self->name);
	g_free(self->type);
	g_free(self->parent);
	g_free(self->uuid);
	g_free(self->id);
	g_free(self->sysfs_path);
	g_free(self);
}

static gboolean
check_vgpu(const GwVmVgpu *vgpu, const char *path, const char *group, GError **error)
{
	g_autofree char *what = NULL;
	if (!g_ascii_isalpha(vgpu->name[0]) ||
	    strspn(vgpu->name, NAME_LETTERS) != strlen(vgpu->name) ||
	    strcmp(vgpu->name, "qmp") == 0)
		what = g_strdup_printf(
			"group [%s]: a vGPU's name is a word that argv can name, and "
			"not 'qmp'",
			group);
	else if (vgpu->type == NULL)
		what = g_strdup_printf("group [%s]: key 'type' is missing", group);
	else if (vgpu->uuid != NULL && !g_uuid_string_is_valid(vgpu->uuid))
		what = g_strdup_printf("group [%s]: uuid '%s' is not a UUID", group, vgpu->uuid);
	return what == NULL ? TRUE : vm_file_fail(error, path, what);
}

static gboolean
read_vgpu(GKeyFile *file, GwVm *vm, const char *group, GError **error)
{
	GwVmVgpu *vgpu = g_new0(GwVmVgpu, 1);
	g_ptr_array_add(vm->vgpus, vgpu);
	vgpu->name = g_strdup(group + strlen(VGPU_PREFIX));
	vgpu->type = g_key_file_get_value(file, group, "type", NULL);
	vgpu->parent = g_key_file_get_value(file, group, "parent", NULL);
	vgpu->uuid = g_key_file_get_value(file, group, "uuid", NULL);
	return check_keys(file, vm->path, group, vgpu_keys, error) &&
	       check_vgpu(vgpu, vm->path, group, error);
}

static gboolean
read_vgpus(GKeyFile *file, GwVm *vm, GError **error)
{
	g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
	for (guint i = 0; groups[i] != NULL; i++)
		if (g_str_has_prefix(groups[i], VGPU_PREFIX) &&
		    !read_vgpu(file, vm, groups[i], error))
			return FALSE;
	return TRUE;
}

char *
gw_vm_make_log_path(const GwVm *self, const char *state_dir)
{
	g_autofree char *name = safe_name_for_file(self->name);
	g_autofree char *file = g_strconcat(name, ".qemu.log", NULL);
	return g_build_filename(state_dir, file, NULL);
}

GwVm *
gw_vm_load(const char *path, GError **error)
{
	g_autoptr(GKeyFile) file = load_key_file(path, error);
	if (file == NULL || !check_groups(file, path, error) ||
	    !check_keys(file, path, "vm", vm_keys, error))
		return NULL;
	g_autoptr(GwVm) self = g_new0(GwVm, 1);
	self->path = g_strdup(path);
	self->vgpus = g_ptr_array_new_with_free_func(vgpu_free);
	self->name = read_key(file, path, "name", error);
	if (self->name == NULL || !check_name(self->name, path, error))
		return NULL;
	self->qmp_path = read_key(file, path, "qmp", error);
	if (self->qmp_path == NULL || !check_qmp(self->qmp_path, path, error))
		return NULL;
	self->argv = read_key(file, path, "argv", error);
	if (self->argv == NULL || !read_vgpus(file, self, error))
		return NULL;
	g_auto(GStrv) argv = vm_argv_expand(self, VM_ARGV_CHECK, error);
	return argv != NULL ? g_steal_pointer(&self) : NULL;
}
