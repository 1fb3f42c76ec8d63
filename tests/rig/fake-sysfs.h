/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>

#include <glib.h>

/* A tree in /tmp that looks like a sysfs, and the part of the kernel that makes and removes vGPUs
 * in it. */
typedef struct _FakeSysfs FakeSysfs;

/* (transfer full): an empty one, or the one of tests/data/sysfs/NAME.tree. Fails the test when it
 * cannot. */
FakeSysfs *fake_sysfs_new(void);
FakeSysfs *fake_sysfs_load(const char *name);
/* Removes the tree. */
void fake_sysfs_free(FakeSysfs *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeSysfs, fake_sysfs_free);

const char *fake_sysfs_get_root(const FakeSysfs *self);

/* Verbs: all paths are below the root, and folders above come by themselves. */
void fake_sysfs_file(FakeSysfs *self, const char *path, const char *text);
void fake_sysfs_link(FakeSysfs *self, const char *path, const char *target);
void fake_sysfs_remove(FakeSysfs *self, const char *path);
/* (transfer full): without white space at the end; NULL when it is not there. */
char *fake_sysfs_read(const FakeSysfs *self, const char *path);
gboolean fake_sysfs_exists(const FakeSysfs *self, const char *path);

/* An mdev parent that is a PCI board at @bdf, bound to @driver, a module of @version. */
void
fake_sysfs_add_parent(FakeSysfs *self, const char *bdf, const char *driver, const char *version);
/* A type of it, with so many free instances and NVIDIA's kind of description. */
void fake_sysfs_add_type(FakeSysfs *self, const char *bdf, const char *type, guint vram_mib,
			 guint available);

/* Where @fd leads. Returns FALSE when it leads nowhere. Async-signal-safe, as the next. */
gboolean fake_sysfs_target(int fd, char target[PATH_MAX]);
/* A VfioSysfsWrite that does what the kernel does, and answers as it does. It only asks, and the
 * test's own process does it: so it works in a child that was forked beside threads. */
int fake_sysfs_write(int fd, const char *path, const char *text);

/* From now on does the same in a thread for what other processes write to the mdev files of the
 * tree; they do not get its answers. */
void fake_sysfs_serve(FakeSysfs *self);
