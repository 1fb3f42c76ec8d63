/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file with what was learned. The file is replaced as a whole, so a reader sees the old one or
 * the new one. A writer holds flock(2) on the folder, because the file itself is a new one each
 * time. So migrations that end at the same time do not overwrite each other's additions.
 */
#include "engine/record/learning-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "engine/gw-error.h"
#include "engine/util/safe-file.h"
#include "vfio/auto-fd.h"

#define FILE_NAME    "learned.json"
#define MAX_BYTES    (256 * 1024)
#define LOCK_TRIES   500
#define LOCK_WAIT_US 10000

/* Returns -1 without the lock. A stopped lock holder must not delay the end of a migration: then an
 * addition may be lost. */
static int
lock(const char *state_dir)
{
	int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (guint i = 0; fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			close(fd);
			return -1;
		}
		g_usleep(LOCK_WAIT_US);
	}
	return fd;
}

GPtrArray *
learning_load(const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, FILE_NAME, NULL);
	g_autoptr(GError) error = NULL;
	gsize len = 0;
	g_autofree char *text = safe_file_read(path, MAX_BYTES, &len, NULL);
	GPtrArray *self = text != NULL ? learning_from_json(text, len, &error) : NULL;
	if (error != NULL)
		g_debug("'%s' is not used: %s", path, error->message);
	return self != NULL ? self : learning_new();
}

gboolean
learning_add(const char *state_dir, const GPtrArray *vgpus, const GwReport *report, GError **error)
{
	g_auto(AutoFd) held = lock(state_dir);
	g_autoptr(GPtrArray) self = learning_load(state_dir);
	if (!learning_take(self, vgpus, report))
		return TRUE;
	g_autofree char *path = g_build_filename(state_dir, FILE_NAME, NULL);
	g_autofree char *text = learning_to_json(self);
	g_autoptr(GError) cause = NULL;
	if (g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, &cause))
		return TRUE;
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "%s", cause->message);
	return FALSE;
}
