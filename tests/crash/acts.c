/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into one of our programs: it dies before its n-th act that somebody else can see, or
 * cannot write a line of its journal. By the environment:
 *
 *   ACTS_PROGRAM  the base name of the program that is meant; its children are left alone
 *   ACTS_DIE_AT   the number of the act before which it is killed, from 0; absent: none
 *   ACTS_COUNT    the file that is told how many acts there were when it ends
 *   ACTS_HIT      the file that is made when the fault happens
 *   ACTS_LINE     the phase of the journal's line that fails, and
 *   ACTS_HOW      how: once (ENOSPC), sticky (that and all lines after it), half (half of it is written, then ENOSPC),
 *                 die (killed in the middle of it), die-after (killed once it is written)
 *
 * An act is a call of the C library that writes to a file or socket, connects, links, renames,
 * unlinks, syncs, signals or spawns. Writes of 8 bytes are eventfds, the wakers of main loops. What
 * GLib does by itself is an act too.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define WAKER_BYTES 8

static atomic_int n_acts;
static int die_at = -1;
static pid_t meant; /* 0: another program */
static atomic_int failing_fd = -1;

#define REAL(name)                     \
	static __typeof__(name) *real; \
	if (real == NULL)              \
	real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void
begin(void)
{
	char path[4096] = "";
	const char *program = getenv("ACTS_PROGRAM"), *at = getenv("ACTS_DIE_AT");
	if (program == NULL || readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		return;
	const char *base = strrchr(path, '/');
	if (base == NULL || strcmp(base + 1, program) != 0)
		return;
	meant = getpid();
	die_at = at != NULL ? atoi(at) : -1;
}

__attribute__((destructor)) static void
end(void)
{
	const char *path = getenv("ACTS_COUNT");
	if (path == NULL || meant != getpid())
		return;
	FILE *file = fopen(path, "w");
	if (file == NULL)
		return;
	fprintf(file, "%d\n", n_acts);
	fclose(file);
}

/* By system calls: what is called here must not count as an act. */
static void
note_hit(void)
{
	const char *path = getenv("ACTS_HIT");
	if (path != NULL)
		close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void
die(void)
{
	note_hit();
	syscall(SYS_kill, getpid(), SIGKILL);
}

static void
act(void)
{
	if (meant != getpid())
		return;
	if (atomic_fetch_add(&n_acts, 1) == die_at)
		die();
}

/* Is it to fail? */
static int
is_line(int fd, const char *data, size_t len)
{
	const char *phase = getenv("ACTS_LINE");
	char wanted[80];
	if (phase == NULL || meant != getpid())
		return 0;
	if (fd == failing_fd)
		return 1;
	snprintf(wanted, sizeof(wanted), "\"phase\":\"%s\"", phase);
	return memmem(data, len, wanted, strlen(wanted)) != NULL;
}

static ssize_t
fail_line(ssize_t (*real)(int, const void *, size_t), int fd, const void *data, size_t len)
{
	const char *how = getenv("ACTS_HOW");
	note_hit();
	int is_first = failing_fd != fd;
	if (strncmp(how, "die", 3) == 0) {
		ssize_t done = real(fd, data, strcmp(how, "die") == 0 ? len / 2 : len);
		die();
		return done;
	}
	if (strcmp(how, "once") == 0)
		unsetenv("ACTS_LINE");
	else
		failing_fd = fd;
	if (strcmp(how, "half") == 0 && is_first)
		return real(fd, data, len / 2);
	errno = ENOSPC;
	return -1;
}

ssize_t
write(int fd, const void *data, size_t len)
{
	REAL(write);
	if (fd <= STDERR_FILENO || len == WAKER_BYTES)
		return real(fd, data, len);
	act();
	return is_line(fd, data, len) ? fail_line(real, fd, data, len) : real(fd, data, len);
}

ssize_t
writev(int fd, const struct iovec *parts, int n_parts)
{
	REAL(writev);
	if (fd > STDERR_FILENO)
		act();
	return real(fd, parts, n_parts);
}

#define ACT(type, name, parameters, arguments) \
	type name parameters                   \
	{                                      \
		REAL(name);                    \
		act();                         \
		return real arguments;         \
	}

ACT(ssize_t, send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags))
ACT(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags))
ACT(int, connect, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
ACT(int, shutdown, (int fd, int how), (fd, how))
ACT(int, link, (const char *from, const char *to), (from, to))
ACT(int, linkat, (int from_fd, const char *from, int to_fd, const char *to, int flags),
    (from_fd, from, to_fd, to, flags))
ACT(int, unlink, (const char *path), (path))
ACT(int, unlinkat, (int fd, const char *path, int flags), (fd, path, flags))
ACT(int, rename, (const char *from, const char *to), (from, to))
ACT(int, renameat, (int from_fd, const char *from, int to_fd, const char *to),
    (from_fd, from, to_fd, to))
ACT(int, fsync, (int fd), (fd))
ACT(int, fdatasync, (int fd), (fd))
ACT(int, kill, (pid_t pid, int number), (pid, number))
ACT(int, posix_spawn,
    (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
     const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]),
    (pid, path, actions, attributes, argv, environment))
ACT(pid_t, fork, (void), ())

/* pidfd_send_signal(2) has no function of its own in this C library. */
long
syscall(long number, ...)
{
	REAL(syscall);
	va_list list;
	long args[6];
	va_start(list, number);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_pidfd_send_signal)
		act();
	return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
