/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "engine/host/qemu-messages.h"

/* What a QEMU prints on its standard error, if that is a file, also where another program has
 * started it. */
typedef struct {
	int fd; /* -1: it cannot be read */
	gint64 mark_bytes;
} QemuStderr;

#define QEMU_STDERR_INIT \
	{                \
		-1, 0    \
	}

/* Earlier output does not count. */
void qemu_stderr_open(QemuStderr *self, pid_t qemu);
void qemu_stderr_clear(QemuStderr *self);
/* From now on only later output counts. */
void qemu_stderr_mark(QemuStderr *self);

gboolean qemu_stderr_is_readable(const QemuStderr *self);
/* (transfer full) (nullable): the last that was said since the mark, some 2 KiB of it, in lines;
 * also of a QEMU that is gone. */
char *qemu_stderr_tail(const QemuStderr *self);
/* (transfer full) (nullable): the first line since the mark with @meaning in it. */
char *qemu_stderr_find(const QemuStderr *self, QemuMessage meaning);
