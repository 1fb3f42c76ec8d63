/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Processes by pidfd. The kernel makes the descriptor readable when the process ends, whether it is
 * our child or not, a zombie or reaped. A signal that is sent through it never reaches another
 * process. When we restart the descriptor is lost; then the start time, which is recorded beside
 * the number, identifies the process.
 */
#include "engine/util/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <glib-unix.h>

#include "engine/util/proc.h"
#include "qmp/await.h"
#include "qmp/source-util.h"

void
process_clear(Process *self)
{
	if (self->pidfd >= 0)
		close(self->pidfd);
	*self = (Process)PROCESS_INIT;
}

/* Returns 0 when the process has ended. The command's name may contain spaces and brackets, so
 * count from the last bracket. */
static guint64
read_start_ticks(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	const char *after_name = strrchr(text, ')');
	if (after_name == NULL)
		return 0;
	g_auto(GStrv) fields = g_strsplit(after_name + 1, " ", 22);
	enum { START_TIME = 20 }; /* field 22, the 20th after the name and the space */
	return g_strv_length(fields) > START_TIME ? g_ascii_strtoull(fields[START_TIME], NULL, 10)
						  : 0;
}

static gboolean
has_ended(int pidfd)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };
	return pidfd < 0 || poll(&pfd, 1, 0) > 0;
}

void
process_open(Process *self, pid_t pid)
{
	process_clear(self);
	if (pid <= 0)
		return;
	self->pid = pid;
	self->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (self->pidfd < 0 && errno != ESRCH) { /* there are no free descriptors: this does not
						  * prove that it has ended */
		process_clear(self);
		return;
	}
	self->start_ticks = read_start_ticks(pid);
}

void
process_open_recorded(Process *self, pid_t pid, guint64 start_ticks)
{
	process_open(self, pid);
	if (self->pid == 0 || self->start_ticks == start_ticks)
		return;
	if (self->start_ticks == 0 && !has_ended(self->pidfd)) { /* its stat file could not be
								  * read */
		process_clear(self);
		return;
	}
	if (self->pidfd >= 0)
		close(self->pidfd);
	self->pidfd = -1;
	self->start_ticks = start_ticks;
}

gboolean
process_is_known(const Process *self)
{
	return self->pid > 0;
}

gboolean
process_is_gone(const Process *self)
{
	return process_is_known(self) && has_ended(self->pidfd);
}

static gboolean
is_gone(gpointer data)
{
	return process_is_gone(data);
}

static gboolean
on_pidfd(gint fd, GIOCondition condition, gpointer data)
{
	return G_SOURCE_REMOVE; /* this source only wakes the loop */
}

gboolean
process_await_gone(Process *self, int timeout_ms)
{
	if (!process_is_known(self))
		return FALSE;
	if (self->pidfd >= 0) {
		GSource *source = source_begin(g_unix_fd_source_new(self->pidfd, G_IO_IN),
					       G_SOURCE_FUNC(on_pidfd), NULL,
					       g_main_context_get_thread_default());
		gboolean gone = await_until(is_gone, self, timeout_ms, NULL, NULL);
		source_end(&source);
		if (!gone)
			return FALSE;
	}
	waitpid(self->pid, NULL, WNOHANG); /* if it is our child, leave no zombie */
	return TRUE;
}

gboolean
process_kill(Process *self, int timeout_ms)
{
	if (self->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
	return process_await_gone(self, timeout_ms);
}

gboolean
process_get_user(const Process *self, uid_t *ret_user)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/status", self->pid);
	g_autofree char *text = NULL;
	unsigned user;
	if (!process_is_known(self) || !g_file_get_contents(path, &text, NULL, NULL))
		return FALSE;
	/* Uid: real, effective, saved, file system */
	const char *line = strstr(text, "\nUid:");
	if (line == NULL || sscanf(line, "\nUid: %*u %u", &user) != 1 || process_is_gone(self))
		return FALSE;
	*ret_user = user;
	return TRUE;
}

/* (transfer full) (nullable): the first entry of @pid's environment that @matches says yes to. @cause: (out)
 * (optional): why it could not be looked at */
static char *
find_entry(pid_t pid, gboolean (*matches)(const char *entry, const char *wanted),
	   const char *wanted, GError **cause)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/environ", (int)pid);
	g_autofree char *text = NULL;
	gsize len;
	if (!g_file_get_contents(path, &text, &len, cause))
		return NULL;
	/* GLib has put a NUL byte behind it. */
	for (gsize at = 0; at < len; at += strlen(text + at) + 1)
		if (matches(text + at, wanted))
			return g_strdup(text + at);
	return NULL;
}

/* Likewise of @self, as long as that lives. */
static char *
find_own_entry(const Process *self, gboolean (*matches)(const char *entry, const char *wanted),
	       const char *wanted)
{
	g_autofree char *found =
		process_is_known(self) ? find_entry(self->pid, matches, wanted, NULL) : NULL;
	return process_is_gone(self) ? NULL : g_steal_pointer(&found);
}

static gboolean
is_equal(const char *entry, const char *wanted)
{
	return strcmp(entry, wanted) == 0;
}

static gboolean
begins_with(const char *entry, const char *wanted)
{
	return strncmp(entry, wanted, strlen(wanted)) == 0;
}

gboolean
process_has_environment(const Process *self, const char *entry)
{
	g_autofree char *found = find_own_entry(self, is_equal, entry);
	return found != NULL;
}

char *
process_dup_environment(const Process *self, const char *name)
{
	g_autofree char *prefix = g_strconcat(name, "=", NULL);
	g_autofree char *found = find_own_entry(self, begins_with, prefix);
	return found != NULL ? g_strdup(found + strlen(prefix)) : NULL;
}

/* There is no room to look, which says nothing of the process. */
static gboolean
is_out_of_room(const GError *cause)
{
	return g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_MFILE) ||
	       g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NFILE) ||
	       g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOMEM);
}

typedef struct {
	Process *process;
	const char *entry;
	gboolean is_unsure; /* one at least could not be looked at */
} Wanted;

static gboolean
is_wanted(pid_t pid, gpointer data)
{
	Wanted *wanted = data;
	g_autoptr(GError) cause = NULL;
	g_autofree char *found = find_entry(pid, is_equal, wanted->entry, &cause);
	wanted->is_unsure = wanted->is_unsure || is_out_of_room(cause);
	if (found == NULL)
		return FALSE;
	process_open(wanted->process, pid);
	return !process_is_gone(wanted->process);
}

gboolean
process_find_by_environment(Process *self, const char *entry)
{
	Wanted wanted = { .process = self, .entry = entry };
	pid_t found = proc_find(is_wanted, &wanted);
	if (found > 0)
		return TRUE;
	process_clear(self);
	return found < 0 || wanted.is_unsure;
}

char *
process_describe(const Process *self)
{
	return process_is_known(self) ? g_strdup_printf("process %d", (int)self->pid)
				      : g_strdup("a process that cannot be looked at");
}

gboolean
process_belongs_to(const Process *self, const Process *leader)
{
	return process_is_known(self) && process_is_known(leader) &&
	       (self->pid == leader->pid || getsid(self->pid) == leader->pid);
}
