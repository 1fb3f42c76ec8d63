/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeps the ownership records of one host: STATE_DIR/vms/NAME.json, replaced as a whole, so that a
 * crash leaves the old one or the new one. NAME is escaped, and hashed when it is long, since it
 * may come from a peer.
 *
 * NAME.lock beside it is held (flock) by the one session that deals with the VM. It says who that
 * is, and is never removed: a lock on a file that has lost its name would hold nobody back.
 */
#include "engine/record/ownership-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "engine/gw-error.h"
#include "engine/record/state-dir.h"
#include "engine/util/safe-file.h"
#include "engine/util/safe-name.h"

#define FOLDER	       "vms"
#define MAX_LOCK_BYTES 256

struct VmLock {
	int fd;
};

static char *
make_path(const char *state_dir, const char *vm_name, const char *suffix)
{
	g_autofree char *escaped = safe_name_for_file(vm_name);
	g_autofree char *file = g_strconcat(escaped, suffix, NULL);
	return g_build_filename(state_dir, FOLDER, file, NULL);
}

static gboolean
make_folder(const char *state_dir, GError **error)
{
	g_autofree char *folder = g_build_filename(state_dir, FOLDER, NULL);
	return g_mkdir_with_parents(folder, 0700) == 0 ||
	       state_dir_fail_errno("cannot make the folder", folder, error);
}

Ownership *
ownership_load(const char *state_dir, const char *vm_name, GError **error)
{
	g_autofree char *path = make_path(state_dir, vm_name, ".json");
	g_autoptr(GError) cause = NULL;
	gsize len;
	g_autofree char *text = safe_file_read(path, ownership_limits.bytes, &len, &cause);
	if (text == NULL && g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT))
		return ownership_new(vm_name);
	Ownership *self = text != NULL ? ownership_from_json(text, len, vm_name, &cause) : NULL;
	if (self == NULL)
		g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR,
			    "the record of '%s' cannot be used: '%s': %s", vm_name, path,
			    cause->message);
	return self;
}

gboolean
ownership_save(Ownership *self, const char *state_dir, GError **error)
{
	g_autofree char *path = make_path(state_dir, self->vm_name, ".json");
	if (!make_folder(state_dir, error))
		return FALSE;
	g_free(self->boot_id);
	self->boot_id = state_dir_get_boot_id();
	g_autofree char *text = ownership_to_json(self);
	g_autoptr(GError) cause = NULL;
	if (g_file_set_contents_full(path, text, -1,
				     G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE,
				     0600, &cause))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "%s", cause->message);
	return FALSE;
}

gboolean
ownership_apply_now(Ownership *self, OwnershipEvent event, const char *session,
		    const OwnershipPeer *peer, GError **error)
{
	return ownership_apply(self, event, session, peer, g_get_real_time() / G_USEC_PER_SEC,
			       error);
}

gboolean
ownership_unmake(const char *state_dir, const char *vm_name, GError **error)
{
	g_autofree char *path = make_path(state_dir, vm_name, ".json");
	return unlink(path) == 0 || errno == ENOENT ||
	       state_dir_fail_errno("cannot remove", path, error);
}

/* ownership_save() has written the boot's id. */
gboolean
ownership_is_on_disk(const Ownership *self)
{
	return self->boot_id != NULL;
}

gboolean
ownership_is_from_earlier_boot(const Ownership *self)
{
	g_autofree char *boot_id = state_dir_get_boot_id();
	return self->boot_id != NULL && g_strcmp0(self->boot_id, boot_id) != 0;
}

/* (transfer full) (nullable): the name that the record in @path is of. */
static char *
read_name(const char *path)
{
	gsize len;
	g_autofree char *text = safe_file_read(path, ownership_limits.bytes, &len, NULL);
	g_autoptr(JsonNode) node =
		text != NULL ? parse_object(text, len, &ownership_limits, NULL) : NULL;
	if (node == NULL)
		return NULL;
	JsonNode *name = json_object_get_member(json_node_get_object(node), "vm");
	return name != NULL && json_node_get_value_type(name) == G_TYPE_STRING
		       ? json_node_dup_string(name)
		       : NULL;
}

GPtrArray *
ownership_list(const char *state_dir, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autofree char *folder = g_build_filename(state_dir, FOLDER, NULL);
	if (!g_file_test(folder, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&names);
	g_autoptr(GError) cause = NULL;
	g_autoptr(GDir) dir = g_dir_open(folder, 0, &cause);
	if (dir == NULL) {
		g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot read '%s': %s", folder,
			    cause->message);
		return NULL;
	}
	for (const char *file; (file = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *path = g_build_filename(folder, file, NULL);
		char *name = g_str_has_suffix(file, ".json") ? read_name(path) : NULL;
		if (name != NULL)
			g_ptr_array_add(names, name);
	}
	return g_steal_pointer(&names);
}

Ownership *
ownership_find(const char *state_dir, OwnershipMatch matches, gconstpointer data, GError **error)
{
	g_autoptr(GPtrArray) names = ownership_list(state_dir, error);
	for (guint i = 0; names != NULL && i < names->len; i++) {
		g_autoptr(Ownership) self =
			ownership_load(state_dir, g_ptr_array_index(names, i), NULL);
		if (self != NULL && matches(self, data))
			return g_steal_pointer(&self);
	}
	return NULL;
}

/* @data: its real path */
static gboolean
has_monitor(const Ownership *self, gconstpointer data)
{
	g_autofree char *path = self->qmp_path != NULL ? safe_file_real_path(self->qmp_path) : NULL;
	return g_strcmp0(path, data) == 0;
}

Ownership *
ownership_find_monitor(const char *state_dir, const char *qmp_path)
{
	g_autofree char *path = safe_file_real_path(qmp_path);
	return ownership_find(state_dir, has_monitor, path, NULL);
}

static void
fail_busy(const char *path, const char *vm_name, GError **error)
{
	gsize len;
	g_autofree char *holder = safe_file_read(path, MAX_LOCK_BYTES, &len, NULL);
	if (holder != NULL)
		g_strchomp(holder);
	g_set_error(error, GW_ERROR, GW_ERROR_BUSY, "'%s' is in use on this host: %s", vm_name,
		    holder != NULL && *holder != '\0' ? holder : "by a process that is not known");
}

/* For whom it may concern; the lock holds without it. */
static void
sign(int fd, const char *what)
{
	g_autofree char *text = g_strdup_printf("%s by process %d\n", what, (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		g_debug("the lock is not signed: %s", g_strerror(errno));
}

VmLock *
vm_lock_take(const char *state_dir, const char *vm_name, const char *what, GError **error)
{
	g_autofree char *path = make_path(state_dir, vm_name, ".lock");
	if (!make_folder(state_dir, error))
		return NULL;
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		state_dir_fail_errno("cannot open", path, error);
		return NULL;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		fail_busy(path, vm_name, error);
		return NULL;
	}
	sign(fd, what);
	VmLock *self = g_new0(VmLock, 1);
	self->fd = fd;
	return self;
}

void
vm_lock_free(VmLock *self)
{
	if (self == NULL)
		return;
	sign(self->fd, "released");
	close(self->fd);
	g_free(self);
}
