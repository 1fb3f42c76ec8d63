/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* What a QEMU says on its standard error, where that is a file; whoever started it. */
typedef struct {
	int fd; /* -1: it cannot be read */
	gint64 mark_bytes;
} QemuWords;

#define QEMU_WORDS_INIT \
	{               \
		-1, 0   \
	}

/* What was said before does not count. */
void qemu_words_open(QemuWords *self, pid_t qemu);
void qemu_words_clear(QemuWords *self);
/* From now on only what comes after counts. */
void qemu_words_mark(QemuWords *self);

gboolean qemu_words_can_be_read(const QemuWords *self);
/* (transfer full) (nullable): the last that was said since the mark, some 2 KiB of it, in lines; also of a QEMU
 * that is gone. */
char *qemu_words_last(const QemuWords *self);
/* (transfer full) (nullable): the first line since the mark that has @text in it. */
char *qemu_words_find(const QemuWords *self, const char *text);
