/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"

/* A folder that only one QEMU and we can enter, and in it the UNIX socket over which we meet. */
typedef struct {
	char *path;	   /* (nullable): NULL: all the rest is unset */
	char *socket_path; /* the socket or FIFO in it: for QEMU alone, we go by @fd */
	char *name;	   /* in its parent */
	int parent_fd;	   /* -1 */
	int fd;		   /* -1 */
} PrivateDir;

/* Makes it beside @qemu's monitor, the one place where both surely get to. @name: no other on this
 * host has it. Until private_dir_give() it is ours alone. %GW_ERROR_FAILED naming the path. */
gboolean private_dir_make(PrivateDir *self, const Qemu *qemu, const char *name, GError **error);
/* Lets QEMU in. Whatever we make in the folder must be there before. */
gboolean private_dir_give(const PrivateDir *self, const Qemu *qemu, GError **error);
/* Removes what one of that name has left, whose maker has died. @qmp_path: (nullable) */
void private_dir_remove(const char *qmp_path, const char *name);
/* Removes the folder and the socket; who has connected stays connected. */
void private_dir_clear(PrivateDir *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(PrivateDir, private_dir_clear);

/* Listens there for QEMU, which may run as another user. Returns: the descriptor, or -1 with
 * %GW_ERROR_FAILED */
int private_dir_listen(const PrivateDir *self, int backlog, GError **error);
/* Makes a FIFO that QEMU will write to. Returns: our end, which never waits, or -1 with
 * %GW_ERROR_FAILED */
int private_dir_make_fifo(const PrivateDir *self, GError **error);
/* Connects to a QEMU that listens there; never waits. Returns: the descriptor, or -1 with errno
 * set: EAGAIN while its queue is full */
int private_dir_connect(const PrivateDir *self);
