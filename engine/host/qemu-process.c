/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which process is QEMU? See qemu-process.h. A pipe is told from all others by its inode, which
 * /proc/PID/fd shows to root and to QEMU's own user. In a container, /proc shows only what is in
 * it: then nothing is proven.
 */
#include "engine/host/qemu-process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/util/proc.h"
#include "qmp/qmp-migration.h"

#define FD_NAME "godwit-proof"
/* Of QEMU's answer to a getfd that came without its descriptor. */
#define LOST_WORDS "No file descriptor supplied"

typedef struct {
	dev_t device;
	ino_t inode;
} PipeId;

static gboolean
is_pipe(const char *path, gpointer data)
{
	const PipeId *pipe = data;
	struct stat info;
	return stat(path, &info) == 0 && info.st_dev == pipe->device && info.st_ino == pipe->inode;
}

static gboolean
holds(pid_t pid, gpointer pipe)
{
	g_autofree char *path = proc_find_descriptor(pid, is_pipe, pipe);
	return path != NULL;
}

/* Opened first and looked at then, so that a number that is used again proves nothing. */
static gboolean
is_holder(pid_t pid, PipeId *pipe, Process *process)
{
	process_open(process, pid);
	if (process_is_known(process) && holds(pid, pipe) && !process_is_gone(process))
		return TRUE;
	process_clear(process);
	return FALSE;
}

/* (transfer none): the pipe is QEMU's alone when this returns %TRUE. */
static gboolean
send_pipe(QmpClient *qmp, PipeId *ret_pipe, gboolean *ret_is_lost)
{
	int fds[2];
	struct stat info;
	g_autoptr(GError) error = NULL;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return FALSE;
	gboolean sent = fstat(fds[1], &info) == 0 && qmp_getfd(qmp, FD_NAME, fds[1], &error);
	close(fds[0]);
	close(fds[1]);
	if (error != NULL)
		g_debug("QEMU's process cannot be proven: %s", error->message);
	*ret_is_lost = qmp_error_is_refusal(error) && strstr(error->message, LOST_WORDS) != NULL;
	*ret_pipe = (PipeId){ info.st_dev, info.st_ino };
	return sent;
}

gboolean
qemu_process_prove(QmpClient *qmp, Process *process, gboolean *ret_is_indirect)
{
	PipeId pipe;
	g_autoptr(GError) error = NULL;
	process_clear(process);
	*ret_is_indirect = FALSE;
	if (!send_pipe(qmp, &pipe, ret_is_indirect))
		return FALSE;
	/* The peer is another one where somebody else has listened for it (systemd, a manager). */
	gboolean found = is_holder(qmp_client_get_peer_pid(qmp), &pipe, process) ||
			 is_holder(proc_find(holds, &pipe), &pipe, process);
	if (!qmp_closefd(qmp, FD_NAME, &error))
		g_debug("closefd: %s", error->message);
	return found;
}
