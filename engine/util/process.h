/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* A process that is not mistaken for a later one with the same number. */
typedef struct {
	pid_t pid;	     /* 0: none is known */
	guint64 start_ticks; /* field 22 of /proc/PID/stat */
	int pidfd;	     /* -1: it had gone when we looked */
} Process;

#define PROCESS_INIT     \
	{                \
		0, 0, -1 \
	}

void process_clear(Process *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Process, process_clear);

/* @pid may be 0 or dead: the result then is not alive. Where it cannot be looked at for want of descriptors
 * it is not known. */
void process_open(Process *self, pid_t pid);
/* As above, for a process written down earlier: another one under the same number counts as gone. */
void process_open_recorded(Process *self, pid_t pid, guint64 start_ticks);

/* Is anything known of it? Where nothing is, neither life nor death can be proven. */
gboolean process_is_known(const Process *self);
gboolean process_is_gone(const Process *self);
/* Turns the loop until it has gone, @timeout_ms at most; %TRUE when it is proven. */
gboolean process_await_gone(Process *self, int timeout_ms);
#define PROCESS_KILL_TIMEOUT_MS 5000 /* more than the kernel needs, but for a stuck disk */
/* Sends SIGKILL and waits as above. */
gboolean process_kill(Process *self, int timeout_ms);

/* The user as whom it acts; %FALSE when that cannot be known. */
gboolean process_get_user(const Process *self, uid_t *ret_user);
