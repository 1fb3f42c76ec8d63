/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU writes the lines of its trace points to its log, which is its standard error unless it was
 * told otherwise.
 *
 * If that is a file, as for a QEMU that 'godwit run' has started, we read the file and change
 * nothing. If it is a pipe or a terminal, QEMU's log is redirected to a FIFO ("logfile" of the
 * human monitor) and afterwards to /dev/stderr again. This is not possible in three cases. With a
 * file QEMU would truncate it (seen on 10.0 and 11.1). A socket cannot be opened a second time. For
 * a pipe without a reader QEMU would wait in open() forever. A QEMU with its own log (-D), or one
 * that runs as a daemon, is not changed either: no command says where it logs to.
 *
 * QEMU waits when a FIFO is full. So we read it every few milliseconds while trace points are on,
 * and they are on only briefly. When we die the FIFO has no reader any more and QEMU's lines are
 * lost, which does not disturb QEMU.
 */
#include "engine/measure/trace-log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/util/proc.h"
#include "qmp/qmp-trace.h"
#include "qmp/trace-line.h"

#define STDERR_PATH    "/dev/stderr"
#define NULL_PATH      "/dev/null"
#define FIFO_BYTES     (1024 * 1024)
#define READ_BYTES     (64 * 1024)
#define MAX_LINE_BYTES 4096
#define MAX_READS      64

static const char *const kind_words[] = { "none", "file", "fifo" };

const char *
trace_log_kind_to_string(TraceLogKind kind)
{
	return kind_words[kind];
}

/* ---- where QEMU logs to ---- */

static char *
stderr_of(const Qemu *qemu)
{
	return g_strdup_printf("/proc/%d/fd/2", (int)qemu->process.pid);
}

/* Returns whether QEMU's command line has this argument. */
static gboolean
has_argument(const Qemu *qemu, const char *argument)
{
	g_auto(GStrv) words = proc_read_arguments(qemu->process.pid);
	if (words == NULL)
		return TRUE;
	for (guint i = 0; words[i] != NULL; i++)
		if (g_str_equal(words[i] + (g_str_has_prefix(words[i], "--") ? 1 : 0), argument))
			return TRUE;
	return FALSE;
}

/* Returns whether it could be opened again without waiting for a reader. */
static gboolean
has_reader(const char *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

TraceLogKind
trace_log_find_kind(const Qemu *qemu, const char **ret_why)
{
	g_autofree char *path = stderr_of(qemu);
	struct stat status;
	*ret_why = NULL;
	if (qemu->process.pid <= 0 || stat(path, &status) != 0)
		*ret_why = "its standard error cannot be seen from here";
	else if (has_argument(qemu, "-D") || has_argument(qemu, "-daemonize"))
		*ret_why = "it has a log of its own";
	else if (S_ISREG(status.st_mode))
		return TRACE_LOG_FILE;
	else if ((S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) && has_reader(path))
		return TRACE_LOG_FIFO;
	else
		*ret_why = "its log could not be redirected back to standard error";
	return TRACE_LOG_NONE;
}

/* ---- open and close ---- */

static gboolean
fail(GError **error, const char *path, const char *what)
{
	g_set_error(error, GW_ERROR, GW_ERROR_FAILED, "'%s': %s", path, what);
	return FALSE;
}

static gboolean
open_file(TraceLog *self, const Qemu *qemu, GError **error)
{
	g_autofree char *path = stderr_of(qemu);
	self->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return self->fd >= 0 || fail(error, path, g_strerror(errno));
}

static gboolean
make_fifo(TraceLog *self, const Qemu *qemu, const char *name, GError **error)
{
	if (!private_dir_make(&self->folder, qemu, name, error))
		return FALSE;
	self->fd = private_dir_make_fifo(&self->folder, error);
	if (self->fd < 0)
		return FALSE;
	if (fcntl(self->fd, F_SETPIPE_SZ, FIFO_BYTES) < 0)
		g_debug("'%s': %s", self->folder.socket_path, g_strerror(errno));
	return private_dir_give(&self->folder, qemu, error);
}

static void
clear(TraceLog *self)
{
	if (self->fd >= 0)
		close(self->fd);
	private_dir_clear(&self->folder);
	if (self->part != NULL)
		g_string_free(self->part, TRUE);
	*self = (TraceLog){ .fd = -1 };
}

gboolean
trace_log_open(TraceLog *self, Qemu *qemu, TraceLogKind kind, const char *name, GError **error)
{
	*self = (TraceLog){ .kind = kind, .fd = -1, .part = g_string_new(NULL) };
	gboolean is_open =
		kind == TRACE_LOG_FIFO
			? make_fifo(self, qemu, name, error) &&
				  qmp_set_log_file(qemu->qmp, self->folder.socket_path, error)
			: open_file(self, qemu, error);
	if (!is_open)
		clear(self);
	else
		trace_log_skip(self);
	return is_open;
}

static gboolean
give_back_stderr(Qemu *qemu, GError **error)
{
	g_autofree char *path = stderr_of(qemu);
	return qmp_set_log_file(qemu->qmp, has_reader(path) ? STDERR_PATH : NULL_PATH, error);
}

gboolean
trace_log_close(TraceLog *self, Qemu *qemu, GError **error)
{
	gboolean is_back = self->kind != TRACE_LOG_FIFO || qemu->closed != NULL ||
			   give_back_stderr(qemu, error);
	clear(self);
	return is_back;
}

gboolean
trace_log_put_back(Qemu *qemu, const char *word, const char *name, GError **error)
{
	if (g_str_equal(word, kind_words[TRACE_LOG_NONE]))
		return TRUE;
	gboolean is_back = qmp_trace_set(qemu->qmp, TRACE_LINE_EVENTS, FALSE, error);
	if (g_str_equal(word, kind_words[TRACE_LOG_FIFO])) {
		is_back = is_back && give_back_stderr(qemu, error);
		private_dir_remove(qemu->qmp_path, name);
	}
	return is_back;
}

/* ---- lines ---- */

void
trace_log_skip(TraceLog *self)
{
	g_string_truncate(self->part, 0);
	if (self->kind == TRACE_LOG_FILE && lseek(self->fd, 0, SEEK_END) < 0)
		g_debug("lseek: %s", g_strerror(errno));
}

/* Lines that are too long for a trace point are cut: nobody reads them. */
static void
cut_lines(TraceLog *self, TraceLogTake take, gpointer data)
{
	char *line = self->part->str;
	char *end = line + self->part->len;
	char *feed;
	while ((feed = memchr(line, '\n', (gsize)(end - line))) != NULL) {
		take(line, (gsize)(feed - line), data);
		line = feed + 1;
	}
	g_string_erase(self->part, 0, line - self->part->str);
	if (self->part->len > MAX_LINE_BYTES)
		g_string_truncate(self->part, 0);
}

gsize
trace_log_read(TraceLog *self, TraceLogTake take, gpointer data)
{
	g_autofree char *bytes = g_malloc(READ_BYTES);
	gsize sum = 0;
	for (guint i = 0; i < MAX_READS; i++) {
		ssize_t n = read(self->fd, bytes, READ_BYTES);
		if (n <= 0)
			break;
		g_string_append_len(self->part, bytes, n);
		cut_lines(self, take, data);
		sum += (gsize)n;
	}
	return sum;
}
