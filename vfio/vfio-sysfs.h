/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A sysfs, or a tree that resembles one. Every path is @folder, below the root, and @name in it;
 * @name may be NULL for the folder itself. */
typedef struct _VfioSysfs VfioSysfs;

/* No attribute is longer than a page. */
#define VFIO_SYSFS_PAGE_BYTES 4096

/* Replaces write(2): returns 0 or an errno. It may be called in a forked child, so it must not rely
 * on locks or other threads. */
typedef int (*VfioSysfsWrite)(int fd, const char *path, const char *text);

/**
 * vfio_sysfs_new:
 * @root: (nullable): NULL for the kernel's own
 * @write: (nullable): for tests; NULL for write(2)
 *
 * Returns: NULL with %VFIO_ERROR_SYSFS when @root is not a folder
 */
VfioSysfs *vfio_sysfs_new(const char *root, VfioSysfsWrite write, GError **error);
void vfio_sysfs_free(VfioSysfs *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioSysfs, vfio_sysfs_free);

/* Is it the kernel's own? */
gboolean vfio_sysfs_is_real(const VfioSysfs *self);
/* (transfer full): the absolute path, as QEMU needs it. */
char *vfio_sysfs_path(const VfioSysfs *self, const char *folder, const char *name);

/* Is @name one safe component of a path? Check every name that came from a user or a peer. */
gboolean vfio_sysfs_name_is_valid(const char *name);

gboolean vfio_sysfs_exists(const VfioSysfs *self, const char *folder, const char *name);
/* (transfer full): the entries except "." and "..", sorted; empty when the folder cannot be
 * read. */
GStrv vfio_sysfs_list(const VfioSysfs *self, const char *folder, const char *name);

/* (transfer full): the text without white space at its end: valid UTF-8 and without control
 * characters. NULL with %VFIO_ERROR_SYSFS when it cannot be read or is longer than a page. */
char *vfio_sysfs_read(const VfioSysfs *self, const char *folder, const char *name, GError **error);
/* A decimal number up to @max; -1 when there is none. */
gint64
vfio_sysfs_read_count(const VfioSysfs *self, const char *folder, const char *name, gint64 max);
/* "0x10de"; 0 when there is none or it is above @max. */
guint vfio_sysfs_read_hex(const VfioSysfs *self, const char *folder, const char *name, guint max);

/* (transfer full): the target of the link, as written; NULL when it is not a link. */
char *vfio_sysfs_link(const VfioSysfs *self, const char *folder, const char *name);
/* (transfer full): the last component of the target. */
char *vfio_sysfs_link_name(const VfioSysfs *self, const char *folder, const char *name);

/* Both return 0 or an errno. An open attribute is written once, as a whole. */
int vfio_sysfs_write(const VfioSysfs *self, const char *folder, const char *name, const char *text);
int vfio_sysfs_open(const VfioSysfs *self, const char *folder, const char *name, int *ret_fd);
/* Async-signal-safe if the root's own write is. */
int vfio_sysfs_write_fd(const VfioSysfs *self, int fd, const char *path, const char *text);
