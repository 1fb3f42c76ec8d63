/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who has a monitor? The kernel's socket diagnostics (sock_diag(7)) list all UNIX sockets. QEMU's
 * end of a connection has the same file as the socket on which QEMU listens, and names its peer by
 * an inode, which /proc/PID/fd of the client shows. A connection that QEMU has not accepted yet has
 * no inode: it is somebody who waits too.
 */
#include "engine/host/monitor-holder.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/util/proc.h"

#define ANSWER_BYTES (64 * 1024)
#define WAIT_S	     1

typedef struct {
	struct nlmsghdr header;
	struct unix_diag_req request;
} Question;

static int
ask(void)
{
	const Question question = {
		.header = { .nlmsg_len = sizeof question,
			    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.request = { .sdiag_family = AF_UNIX,
			     .udiag_states = 1u << TCP_ESTABLISHED,
			     .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER },
	};
	const struct timeval wait = { .tv_sec = WAIT_S };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	if (send(fd, &question, sizeof question, 0) == (ssize_t)sizeof question)
		return fd;
	close(fd);
	return -1;
}

typedef struct {
	const char *name;
	struct stat info;
} File;

typedef struct {
	const struct unix_diag_vfs *vfs;
	char *name; /* (owned) (nullable): as the program gave it */
	guint32 peer;
} End;

static void
end_clear(End *self)
{
	g_free(self->name);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(End, end_clear);

static void
take_part(End *self, const struct rtattr *part)
{
	if (part->rta_type == UNIX_DIAG_VFS && RTA_PAYLOAD(part) >= sizeof *self->vfs)
		self->vfs = RTA_DATA(part);
	else if (part->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(part) >= sizeof self->peer)
		memcpy(&self->peer, RTA_DATA(part), sizeof self->peer);
	else if (part->rta_type == UNIX_DIAG_NAME && self->name == NULL)
		self->name = g_strndup(RTA_DATA(part), RTA_PAYLOAD(part));
}

/* The kernel cuts an inode at 32 bits, and some file systems (overlay, btrfs) tell another device
 * number than it has; then the file's name must be the same. */
static gboolean
is_of_file(const End *end, const File *file)
{
	if (end->vfs == NULL || end->vfs->udiag_vfs_ino != (guint32)file->info.st_ino)
		return FALSE;
	guint32 device = major(file->info.st_dev) << 20 | minor(file->info.st_dev);
	g_autofree char *name = end->name != NULL ? g_path_get_basename(end->name) : NULL;
	return end->vfs->udiag_vfs_dev == device || g_strcmp0(name, file->name) == 0;
}

/* Returns the inode of the peer of a connection to the socket's file; 0: it is not one. */
static guint32
peer_inode(const struct nlmsghdr *header, const File *file)
{
	const struct unix_diag_msg *socket = NLMSG_DATA(header);
	g_auto(End) end = { 0 };
	if (header->nlmsg_len < NLMSG_LENGTH(sizeof *socket) || socket->udiag_ino == 0)
		return 0;
	int left = (int)(header->nlmsg_len - NLMSG_LENGTH(sizeof *socket));
	for (const struct rtattr *part = (const struct rtattr *)(socket + 1); RTA_OK(part, left);
	     part = RTA_NEXT(part, left))
		take_part(&end, part);
	return is_of_file(&end, file) ? end.peer : 0;
}

/* Adds the peers of one datagram. Returns %FALSE after the last one. */
static gboolean
take_answer(const char *data, gsize len, const File *file, GArray *inodes)
{
	for (const struct nlmsghdr *header = (const struct nlmsghdr *)data; NLMSG_OK(header, len);
	     header = NLMSG_NEXT(header, len)) {
		if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY)
			return FALSE; /* NLMSG_DONE or an error */
		guint32 inode = peer_inode(header, file);
		if (inode != 0)
			g_array_append_val(inodes, inode);
	}
	return TRUE;
}

/* (transfer full): the inodes of all that are connected to @file. */
static GArray *
list_peers(const File *file)
{
	GArray *inodes = g_array_new(FALSE, FALSE, sizeof(guint32));
	g_autofree char *data = g_malloc(ANSWER_BYTES);
	int fd = ask();
	ssize_t n = fd >= 0 ? recv(fd, data, ANSWER_BYTES, 0) : 0;
	while (n > 0 && take_answer(data, (gsize)n, file, inodes))
		n = recv(fd, data, ANSWER_BYTES, 0);
	if (fd >= 0)
		close(fd);
	return inodes;
}

static gboolean
is_one_of(const char *path, gpointer data)
{
	const GArray *inodes = data;
	g_autofree char *link = g_file_read_link(path, NULL);
	if (link == NULL || !g_str_has_prefix(link, "socket:["))
		return FALSE;
	guint64 inode = g_ascii_strtoull(link + strlen("socket:["), NULL, 10);
	for (guint i = 0; i < inodes->len; i++)
		if (g_array_index(inodes, guint32, i) == inode)
			return TRUE;
	return FALSE;
}

static gboolean
has_one(pid_t pid, gpointer inodes)
{
	g_autofree char *path =
		pid != getpid() ? proc_find_descriptor(pid, is_one_of, inodes) : NULL;
	return path != NULL;
}

/* (transfer full) */
static char *
describe(pid_t pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid);
	g_autofree char *name = NULL;
	if (!g_file_get_contents(path, &name, NULL, NULL))
		return g_strdup_printf("process %d", (int)pid);
	return g_strdup_printf("process %d (%s)", (int)pid, g_strchomp(name));
}

char *
monitor_holder_find(const char *path)
{
	g_autofree char *name = g_path_get_basename(path);
	File file = { .name = name };
	if (stat(path, &file.info) != 0 || !S_ISSOCK(file.info.st_mode))
		return NULL;
	g_autoptr(GArray) inodes = list_peers(&file);
	pid_t pid = inodes->len > 0 ? proc_find(has_one, inodes) : 0;
	return pid > 0 ? describe(pid) : NULL;
}
