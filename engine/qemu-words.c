/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Much of what QEMU knows it tells nobody but its standard error. /proc leads to the file that this is, whoever
 * chose it, and a file can be read beside QEMU without taking anything away. A pipe, a socket or a terminal
 * has a reader of its own and is left alone.
 */
#include "engine/qemu-words.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LAST_BYTES   2048
#define SEARCH_BYTES (256 * 1024)

void
qemu_words_open(QemuWords *self, pid_t qemu)
{
	qemu_words_clear(self);
	g_autofree char *path = g_strdup_printf("/proc/%d/fd/2", (int)qemu);
	struct stat status;
	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	qemu_words_mark(self);
}

void
qemu_words_clear(QemuWords *self)
{
	if (self->fd >= 0)
		close(self->fd);
	*self = (QemuWords)QEMU_WORDS_INIT;
}

void
qemu_words_mark(QemuWords *self)
{
	struct stat status;
	if (self->fd >= 0 && fstat(self->fd, &status) == 0)
		self->mark_bytes = status.st_size;
}

gboolean
qemu_words_can_be_read(const QemuWords *self)
{
	return self->fd >= 0;
}

/* (transfer full) (nullable): at most @max_bytes of what came since the mark, from its @from_end or its begin. A
 * file that is shorter than it was has been emptied. */
static char *
read_news(const QemuWords *self, gsize max_bytes, gboolean from_end)
{
	struct stat status;
	if (self->fd < 0 || fstat(self->fd, &status) != 0)
		return NULL;
	gint64 begin = status.st_size < self->mark_bytes ? 0 : self->mark_bytes;
	if (from_end && status.st_size - begin > (gint64)max_bytes)
		begin = status.st_size - (gint64)max_bytes;
	g_autofree char *bytes = g_malloc(max_bytes);
	gssize n = pread(self->fd, bytes, max_bytes, begin);
	return n > 0 ? g_utf8_make_valid(bytes, n) : NULL;
}

char *
qemu_words_last(const QemuWords *self)
{
	g_autofree char *words = read_news(self, LAST_BYTES, TRUE);
	if (words != NULL)
		g_strstrip(words);
	return words != NULL && *words != '\0' ? g_steal_pointer(&words) : NULL;
}

char *
qemu_words_find(const QemuWords *self, const char *text)
{
	g_autofree char *words = read_news(self, SEARCH_BYTES, FALSE);
	const char *found = words != NULL ? strstr(words, text) : NULL;
	if (found == NULL)
		return NULL;
	while (found > words && found[-1] != '\n')
		found--;
	return g_strndup(found, strcspn(found, "\n"));
}
