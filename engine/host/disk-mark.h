/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/*
 * A small file beside an image, made on one host and looked for on the other: it tells whether both
 * have the same folder, where no name of a file system does. The image itself is never touched.
 */
typedef struct DiskMark DiskMark;

/* (transfer full): in the folder of @leaf, a path as @qemu was told it; NULL where none can be
 * made. */
DiskMark *disk_mark_new(pid_t qemu, const char *leaf);
/* Removes the file. */
void disk_mark_free(DiskMark *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DiskMark, disk_mark_free);

const char *disk_mark_get_name(const DiskMark *self);
/* What disk_mark_look() finds if the other host has the same file: its words. */
const char *disk_mark_get_words(const DiskMark *self);

/**
 * disk_mark_look:
 * @name: from the peer; only a name that disk_mark_new() gives is looked for
 *
 * Returns: (transfer full): "CONTENT FILE", where FILE stands for the name of @leaf in its folder;
 *   "- FILE" where the mark is not there; NULL where that cannot be told
 */
char *disk_mark_look(pid_t qemu, const char *leaf, const char *name);
