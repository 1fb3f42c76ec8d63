/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* A process that cannot be confused with a later one of the same number. */
typedef struct {
	pid_t pid;	     /* 0: no process is known */
	guint64 start_ticks; /* field 22 of /proc/PID/stat */
	int pidfd;	     /* -1: it had already ended */
} Process;

#define PROCESS_INIT     \
	{                \
		0, 0, -1 \
	}

void process_clear(Process *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Process, process_clear);

/* @pid may be 0 or have ended: the result is then not alive. Without a free descriptor its state is
 *   not known. */
void process_open(Process *self, pid_t pid);
/* The same for a process that was recorded earlier: another one with the same number counts as
 * ended. */
void process_open_recorded(Process *self, pid_t pid, guint64 start_ticks);

/* Returns whether anything is known about it. If not, neither its life nor its end can be
 * proven. */
gboolean process_is_known(const Process *self);
gboolean process_is_gone(const Process *self);
/* Runs the main loop until it has ended, for at most @timeout_ms. Returns %TRUE when its end is
 * proven. */
gboolean process_await_gone(Process *self, int timeout_ms);
#define PROCESS_KILL_TIMEOUT_MS 5000 /* more than the kernel needs, but for a stuck disk */
/* Sends SIGKILL and waits in the same way. */
gboolean process_kill(Process *self, int timeout_ms);

/* Was it, or an ancestor of it, started with @entry ("NAME=VALUE") in its environment? */
gboolean process_has_environment(const Process *self, const char *entry);
/* (transfer full) (nullable): the value of @name there; NULL where it is not, or cannot be looked
 * at. */
char *process_dup_environment(const Process *self, const char *name);
/* Is there a process that lives and was started with it? %TRUE also where that cannot be told, for lack of descriptors or
 * memory: @self is not known then. Processes of users whose environment we may not read are passed over. */
gboolean process_find_by_environment(Process *self, const char *entry);
/* (transfer full): for an error's text: "process 12" */
char *process_describe(const Process *self);
/* Is it @leader, or did @leader start it in the session (setsid) that it leads? */
gboolean process_belongs_to(const Process *self, const Process *leader);
/* Returns the effective user; %FALSE when it is not known. */
gboolean process_get_user(const Process *self, uid_t *ret_user);
