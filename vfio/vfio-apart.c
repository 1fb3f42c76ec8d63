/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Writes to an attribute from a process that nobody waits for.
 *
 * A write that removes an open vGPU blocks in the kernel until the last descriptor is closed; after
 * a signal it is even uninterruptible. A thread in this write would keep the whole process from
 * ending, even after SIGKILL. So a grandchild does the write. init reaps the grandchild when the
 * kernel lets it end, and our own thread only waits for a pipe, with a deadline.
 *
 * Between fork() and _exit() only async-signal-safe calls are made, because other threads may have
 * held any lock. The grandchild closes every other descriptor, or it would keep our sockets open
 * while it hangs. It has its own session, so that Ctrl-C does not reach it.
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

/* Sends @number to the waiting process. The exit status is no proof: a tool that watches the
 * process, for instance valgrind, may change it. */
static void G_GNUC_NORETURN
tell_and_end(const Job *job, int number)
{
	gssize told;
	do
		told = write(job->answer, &number, sizeof number);
	while (told < 0 && errno == EINTR);
	_exit(0);
}

static void G_GNUC_NORETURN
run_grandchild(const Job *job)
{
	setsid();
	keep_only(job->attribute, job->answer);
	tell_and_end(job, vfio_sysfs_write_fd(job->sysfs, job->attribute, job->path, job->text));
}

static void G_GNUC_NORETURN
run_child(const Job *job)
{
	pid_t grandchild = fork();
	if (grandchild == 0)
		run_grandchild(job);
	if (grandchild < 0)
		tell_and_end(job, -errno);
	_exit(0);
}

/* Returns 0 or an errno. The child has ended when this returns; init reaps the grandchild. */
static int
start(const Job *job)
{
	pid_t child = fork();
	if (child < 0)
		return errno;
	if (child == 0)
		run_child(job);
	/* The exit status does not matter, because the pipe tells the result. Another thread may
	 * have reaped the child. */
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return 0;
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
	gboolean told = n == sizeof number;
	*ret_errno = told ? ABS(number) : ECHILD;
	return told && number >= 0 ? VFIO_APART_DONE : VFIO_APART_LOST;
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
