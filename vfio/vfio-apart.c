/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes to an attribute from a process that nobody waits for.
 *
 * Removing a vGPU that is open blocks in the kernel, uninterruptibly once a signal has come, until the last
 * descriptor is closed. A thread in there would keep the whole process from ending, even from SIGKILL. So
 * the write is done in a grandchild: init reaps it whenever the kernel lets it go, and our own thread only
 * waits for a pipe, with a deadline.
 *
 * Between fork() and _exit() only async-signal-safe calls are made: other threads may have held any lock.
 * The grandchild closes what it does not need, or it would keep our sockets open for as long as it is
 * stuck, and has a session of its own, so that no Ctrl-C reaches it.
 */
#include "vfio/vfio-apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "vfio/auto-fd.h"

typedef struct {
	const VfioSysfs *sysfs;
	const char *path;
	const char *text;
	int attribute;
	int answer;
} Job;

static void
close_between(guint first, guint last)
{
	if (first > last || close_range(first, last, 0) == 0)
		return;
	for (guint fd = first; fd <= MIN(last, 65535U); fd++)
		close((int)fd);
}

static void
keep_only(int a, int b)
{
	guint low = (guint)MIN(a, b), high = (guint)MAX(a, b);
	if (low > 0)
		close_between(0, low - 1);
	close_between(low + 1, high - 1);
	close_between(high + 1, G_MAXUINT);
}

static void
run_grandchild(const Job *job)
{
	setsid();
	keep_only(job->attribute, job->answer);
	int number = vfio_sysfs_write_fd(job->sysfs, job->attribute, job->path, job->text);
	gssize told = write(job->answer, &number, sizeof number);
	_exit(told == sizeof number ? 0 : 1);
}

/* Returns 0 or an errno. The child has ended when this returns; the grandchild is init's. */
static int
start(const Job *job)
{
	pid_t child = fork();
	if (child < 0)
		return errno;
	if (child == 0) {
		pid_t grandchild = fork();
		if (grandchild == 0)
			run_grandchild(job);
		_exit(grandchild < 0 ? errno : 0);
	}
	int status = 0;
	pid_t ended;
	do
		ended = waitpid(child, &status, 0);
	while (ended < 0 && errno == EINTR);
	/* Somebody else may reap our children; then the pipe tells in the end. */
	return ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static gboolean
wait_readable(int fd, gint64 deadline_us)
{
	for (;;) {
		gint64 left_us = deadline_us - g_get_monotonic_time();
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		int timeout_ms = (int)CLAMP((left_us + 999) / 1000, 0, G_MAXINT);
		int n = poll(&poll_fd, 1, timeout_ms);
		if (n > 0)
			return TRUE;
		if (n == 0 && left_us <= 0)
			return FALSE;
	}
}

static VfioApart
wait_answer(int fd, gint64 deadline_us, int *ret_errno)
{
	if (!wait_readable(fd, deadline_us))
		return VFIO_APART_STUCK;
	int number = 0;
	gssize n;
	do
		n = read(fd, &number, sizeof number);
	while (n < 0 && errno == EINTR);
	*ret_errno = n == sizeof number ? number : ECHILD;
	return n == sizeof number ? VFIO_APART_DONE : VFIO_APART_LOST;
}

VfioApart
vfio_apart_write(const VfioSysfs *sysfs, const char *folder, const char *name, const char *text,
		 gint64 deadline_us, int *ret_errno)
{
	g_auto(AutoFd) attribute = -1;
	*ret_errno = vfio_sysfs_open(sysfs, folder, name, &attribute);
	if (*ret_errno != 0)
		return VFIO_APART_DONE;
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0) {
		*ret_errno = errno;
		return VFIO_APART_LOST;
	}
	g_auto(AutoFd) read_end = ends[0];
	g_auto(AutoFd) write_end = ends[1];
	g_autofree char *path = g_build_filename(folder, name, NULL);
	const Job job = { sysfs, path, text, attribute, write_end };
	*ret_errno = start(&job);
	if (*ret_errno != 0)
		return VFIO_APART_LOST;
	auto_fd_clear(&write_end);
	return wait_answer(read_end, deadline_us, ret_errno);
}
