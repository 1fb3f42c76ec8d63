/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which disk a QEMU has open. A path is no proof: the file may have been deleted or replaced, so
 * the descriptors of the process are looked at. A number of a device is one of this boot of this
 * host.
 */
#include "engine/host/disk-identity.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/data/property-list.h"
#include "engine/record/state-dir.h"
#include "engine/util/proc.h"
#include "vfio/sysfs-block.h"
#include "vfio/auto-fd.h"

#define SAMPLE_BYTES   4096
#define N_SAMPLES      256
#define MAX_MAPPINGS   64
#define MAX_PATH_BYTES 80 /* even if each byte becomes three */
#define DELETED	       " (deleted)"

/* By the numbers of statfs(2): where a file has the same number on all hosts. Others may be those
 * of many hosts too (FUSE, 9p, GFS2), but a number is no proof there. */
static const struct {
	guint32 type;
	const char *name;
} shared_file_systems[] = {
	{ 0x6969, "nfs" },	{ 0x00c36400, "ceph" }, { 0x0bd00bd0, "lustre" },
	{ 0xff534d42, "cifs" }, { 0xfe534d42, "smb2" }, { 0x47504653, "gpfs" },
};

static const guint32 opaque_file_systems[] = {
	0x65735546 /* FUSE */,	0x01021997 /* 9p */,  0x01161970 /* GFS2 */,
	0x7461636f /* OCFS2 */, 0x5346414f /* AFS */,
};

static const char *
name_shared(guint32 type)
{
	for (guint i = 0; i < G_N_ELEMENTS(shared_file_systems); i++)
		if (shared_file_systems[i].type == type)
			return shared_file_systems[i].name;
	return NULL;
}

static gboolean
is_opaque(guint32 type)
{
	for (guint i = 0; i < G_N_ELEMENTS(opaque_file_systems); i++)
		if (opaque_file_systems[i] == type)
			return TRUE;
	return FALSE;
}

/* (transfer full): "server:/export" of the mount on that device: the ninth word or later of
 * "36 35 0:31 / /mnt rw - nfs4 server:/export rw" in mountinfo. */
static char *
find_mount_source(dev_t device)
{
	g_autofree char *text = NULL;
	g_autofree char *number = g_strdup_printf("%u:%u", major(device), minor(device));
	if (!g_file_get_contents("/proc/self/mountinfo", &text, NULL, NULL))
		return NULL;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		g_auto(GStrv) words = g_strsplit(lines[i], " ", -1);
		const char *rest = strstr(lines[i], " - ");
		if (g_strv_length(words) < 3 || strcmp(words[2], number) != 0 || rest == NULL)
			continue;
		g_auto(GStrv) about = g_strsplit(rest + strlen(" - "), " ", 3);
		if (g_strv_length(about) >= 2)
			return g_strdup(about[1]);
	}
	return NULL;
}

static char *
identify_file(int fd, const struct stat *status)
{
	struct statfs system;
	if (fstatfs(fd, &system) < 0)
		return NULL;
	const char *shared = name_shared((guint32)system.f_type);
	g_autofree char *source = shared != NULL ? find_mount_source(status->st_dev) : NULL;
	if (source != NULL)
		return g_strdup_printf("%s %s %" G_GUINT64_FORMAT, shared, source,
				       (guint64)status->st_ino);
	g_autofree char *boot = state_dir_get_boot_id();
	if (*boot == '\0')
		return NULL;
	return g_strdup_printf("%s %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT,
			       shared != NULL || is_opaque((guint32)system.f_type) ? "mounted"
										   : "file",
			       boot, (guint64)status->st_dev, (guint64)status->st_ino);
}

static char *
identify_device(dev_t device)
{
	char *identity = sysfs_block_identify(NULL, device);
	if (identity != NULL)
		return identity;
	g_autofree char *boot = state_dir_get_boot_id();
	if (*boot == '\0')
		return NULL;
	return g_strdup_printf("device %s %u:%u", boot, major(device), minor(device));
}

/* @fd: opened with O_PATH or otherwise */
static char *
identify_open(int fd)
{
	struct stat status;
	if (fstat(fd, &status) < 0)
		return NULL;
	if (S_ISBLK(status.st_mode))
		return identify_device(status.st_rdev);
	return S_ISREG(status.st_mode) ? identify_file(fd, &status) : NULL;
}

/* (transfer full): where that process finds it, which may have another root or folder than we. */
static char *
path_of_process(pid_t pid, const char *file)
{
	g_autofree char *theirs =
		g_strdup_printf("/proc/%d/%s%s%s", (int)pid, *file == '/' ? "root" : "cwd",
				*file == '/' ? "" : "/", file);
	if (pid > 0 && g_file_test(theirs, G_FILE_TEST_EXISTS))
		return g_steal_pointer(&theirs);
	return g_strdup(file);
}

/* Is it open as that path, or was it? */
static gboolean
has_path(const char *descriptor, gpointer file)
{
	g_autofree char *target = g_file_read_link(descriptor, NULL);
	g_autofree char *deleted = g_strconcat(file, DELETED, NULL);
	return g_strcmp0(target, file) == 0 || g_strcmp0(target, deleted) == 0;
}

/* Is it what is at the path now? */
static gboolean
is_same(const char *descriptor, gpointer at_path)
{
	const struct stat *wanted = at_path;
	struct stat status;
	return stat(descriptor, &status) == 0 && status.st_dev == wanted->st_dev &&
	       status.st_ino == wanted->st_ino &&
	       S_ISBLK(status.st_mode) == S_ISBLK(wanted->st_mode);
}

/* (transfer full): the path of the process's own descriptor; NULL when it has none, or may not be
 * looked at. */
static char *
find_descriptor(pid_t qemu, const char *file)
{
	g_autofree char *path = path_of_process(qemu, file);
	struct stat at_path;
	char *same =
		stat(path, &at_path) == 0 ? proc_find_descriptor(qemu, is_same, &at_path) : NULL;
	return same != NULL ? same : proc_find_descriptor(qemu, has_path, (gpointer)file);
}

int
disk_open(pid_t qemu, const char *file, int flags)
{
	g_autofree char *path = find_descriptor(qemu, file);
	if (path == NULL)
		path = path_of_process(qemu, file);
	return open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

static gint64
size_of(int fd)
{
	off_t end = lseek(fd, 0, SEEK_END);
	return end > 0 ? (gint64)end : -1;
}

/* (transfer full): of samples all over the medium, which is too large to be read as a whole; NULL
 * when it cannot be read. */
static char *
digest_medium(int fd)
{
	g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
	gint64 size_bytes = size_of(fd);
	gint64 step = MAX(size_bytes / N_SAMPLES, SAMPLE_BYTES);
	guchar buffer[SAMPLE_BYTES];
	if (size_bytes < 0)
		return NULL;
	for (gint64 at = 0; at < size_bytes; at += step) {
		ssize_t n = pread(fd, buffer, sizeof(buffer), at);
		if (n <= 0)
			return NULL;
		g_checksum_update(checksum, buffer, n);
	}
	return g_strdup_printf("%" G_GINT64_FORMAT " %s", size_bytes,
			       g_checksum_get_string(checksum));
}

static gboolean
is_deleted(int fd)
{
	struct stat status;
	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 0;
}

/* Schemes whose address says by itself which server it is, or which cluster by its own settings. */
static const char *const global_schemes[] = { "rbd:",	   "gluster://", "gluster+tcp://",
					      "iscsi://",  "nbd://",	 "nfs://",
					      "http://",   "https://",	 "ssh://",
					      "sheepdog:", NULL };

/* (transfer full): NULL when another host may mean another one by it. */
static char *
identify_address(const char *address)
{
	for (guint i = 0; global_schemes[i] != NULL; i++)
		if (g_str_has_prefix(address, global_schemes[i]) &&
		    strstr(address, "//localhost") == NULL && strstr(address, "//127.") == NULL &&
		    strstr(address, "//[::1]") == NULL)
			return g_strconcat("url ", address, NULL);
	return NULL;
}

static char *
identify_path(pid_t qemu, const char *file)
{
	g_auto(AutoFd) fd = disk_open(qemu, file, O_PATH);
	return fd >= 0 ? identify_open(fd) : NULL;
}

/* Media are compared by what is in them: each host may have its own copy. */
static void
read_medium(GwDisk *disk, pid_t qemu, const char *file)
{
	g_auto(AutoFd) fd = disk_open(qemu, file, O_RDONLY);
	if (fd >= 0)
		disk->digest = digest_medium(fd);
}

void
disk_identify(GwDisk *disk, pid_t qemu, const char *leaf)
{
	if (disk->base != NULL)
		disk->base_identity = identify_path(qemu, disk->base);
	if (leaf == NULL)
		return;
	g_auto(AutoFd) fd = disk_open(qemu, leaf, O_PATH);
	if (fd < 0) {
		disk->identity = identify_address(leaf);
		return;
	}
	disk->identity = identify_open(fd);
	disk->deleted = is_deleted(fd);
	if (disk->read_only)
		read_medium(disk, qemu, leaf);
}

/* "7f..-7f.. rw-s 00000000 00:1f 1234   /dev/shm/m": the path of such a line, else NULL. */
static const char *
find_shared_path(const char *line)
{
	const char *flags = strchr(line, ' ');
	if (flags == NULL || strncmp(flags, " rw-s ", strlen(" rw-s ")) != 0)
		return NULL;
	const char *path = strchr(line, '/');
	return path != NULL && !g_str_has_suffix(path, DELETED) ? path : NULL;
}

static void
add_mapping(GPtrArray *list, pid_t qemu, const char *path)
{
	g_autofree char *theirs = path_of_process(qemu, path);
	g_auto(AutoFd) fd = open(theirs, O_PATH | O_CLOEXEC);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	g_autofree char *identity = identify_file(fd, &status);
	gsize len = strlen(path);
	/* The end of a long path says more than its start. */
	g_autofree char *name =
		g_utf8_make_valid(path + (len > MAX_PATH_BYTES ? len - MAX_PATH_BYTES : 0), -1);
	if (list->len < MAX_MAPPINGS && identity != NULL && strlen(identity) <= MAX_PATH_BYTES &&
	    gw_property_list_get(list, name) == NULL)
		property_list_add(list, name, identity);
}

GPtrArray *
disk_list_shared_memory(pid_t qemu)
{
	GPtrArray *list = property_list_new();
	g_autofree char *file = g_strdup_printf("/proc/%d/maps", (int)qemu);
	g_autofree char *text = NULL;
	if (qemu <= 0 || !g_file_get_contents(file, &text, NULL, NULL))
		return list;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++) {
		const char *path = find_shared_path(lines[i]);
		if (path != NULL)
			add_mapping(list, qemu, path);
	}
	return list;
}
