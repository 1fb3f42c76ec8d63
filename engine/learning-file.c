/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where what was learned is kept. The file is replaced as a whole, so a reader sees the old one or the new one. Of two
 * migrations that end in the same instant one may overwrite what the other has added: a lock is not worth it.
 */
#include "engine/learning-file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/gw-error.h"

#define FILE_NAME "learned.json"
#define MAX_BYTES (256 * 1024)

/* (transfer full) (nullable): of a regular file that is not too big. */
static char *
read_bounded(const char *path, gsize *ret_len)
{
	g_autofree char *text = NULL;
	struct stat info;
	gsize len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size <= MAX_BYTES)
		text = g_malloc(MAX_BYTES);
	for (ssize_t n = 1; text != NULL && n > 0 && len < MAX_BYTES; len += (gsize)MAX(n, 0))
		n = read(fd, text + len, MAX_BYTES - len);
	close(fd);
	*ret_len = len;
	return g_steal_pointer(&text);
}

GPtrArray *
learning_load(const char *state_dir)
{
	g_autofree char *path = g_build_filename(state_dir, FILE_NAME, NULL);
	g_autoptr(GError) error = NULL;
	gsize len = 0;
	g_autofree char *text = read_bounded(path, &len);
	GPtrArray *self = text != NULL ? learning_from_json(text, len, &error) : NULL;
	if (error != NULL)
		g_debug("'%s' is not used: %s", path, error->message);
	return self != NULL ? self : learning_new();
}

gboolean
learning_add(const char *state_dir, const GPtrArray *vgpus, const GwReport *report, GError **error)
{
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
