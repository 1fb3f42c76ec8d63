/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU reports many things only on its standard error. /proc leads to the file behind it, also
 * when another program chose that file, and we can read it without disturbing QEMU. A pipe, a
 * socket or a terminal has its own reader and is not touched.
 */
#include "engine/host/qemu-stderr.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qmp/trace-line.h"

#define LAST_BYTES   2048
#define SEARCH_BYTES (16 * 1024 * 1024)

void
qemu_stderr_open(QemuStderr *self, pid_t qemu)
{
	qemu_stderr_clear(self);
	g_autofree char *path = g_strdup_printf("/proc/%d/fd/2", (int)qemu);
	struct stat status;
	if (stat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return;
	self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	qemu_stderr_mark(self);
}

void
qemu_stderr_clear(QemuStderr *self)
{
	if (self->fd >= 0)
		close(self->fd);
	*self = (QemuStderr)QEMU_STDERR_INIT;
}

void
qemu_stderr_mark(QemuStderr *self)
{
	struct stat status;
	if (self->fd >= 0 && fstat(self->fd, &status) == 0)
		self->mark_bytes = status.st_size;
}

gboolean
qemu_stderr_is_readable(const QemuStderr *self)
{
	return self->fd >= 0;
}

/* (transfer full) (nullable): what came since the mark, or the end of it where it is very much,
 * without the lines of our own trace points. A file that is shorter than it was has been
 * emptied. */
static char *
read_news(const QemuStderr *self)
{
	struct stat status;
	if (self->fd < 0 || fstat(self->fd, &status) != 0)
		return NULL;
	gint64 begin = status.st_size < self->mark_bytes ? 0 : self->mark_bytes;
	begin = MAX(begin, status.st_size - SEARCH_BYTES);
	gsize max_bytes = (gsize)(status.st_size - begin);
	g_autofree char *bytes = g_malloc(max_bytes + 1);
	gssize n = pread(self->fd, bytes, max_bytes, begin);
	g_autofree char *words = n > 0 ? g_utf8_make_valid(bytes, n) : NULL;
	return words != NULL ? trace_line_remove(words) : NULL;
}

char *
qemu_stderr_tail(const QemuStderr *self)
{
	g_autofree char *words = read_news(self);
	if (words == NULL)
		return NULL;
	g_strstrip(words);
	gsize len = strlen(words);
	const char *last = words + (len > LAST_BYTES ? len - LAST_BYTES : 0);
	while ((*last & 0xc0) == 0x80) /* do not begin inside a character */
		last++;
	return *last != '\0' ? g_strdup(last) : NULL;
}

char *
qemu_stderr_find(const QemuStderr *self, QemuMessage meaning)
{
	g_autofree char *words = read_news(self);
	return qemu_message_find_line(words, meaning);
}
