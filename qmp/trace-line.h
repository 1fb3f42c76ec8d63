/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What QEMU's trace points report about a VFIO device in a migration; -1 for a value that this line
 * lacks. Pure. */

/* The trace points that report it: one of them up to QEMU 11.0, another from 11.1 on. */
#define TRACE_LINE_EVENTS     "vfio_state_pending*"
#define TRACE_LINE_NAME_BYTES 256

typedef struct {
	char device[TRACE_LINE_NAME_BYTES]; /* as QEMU calls it: a UUID or a PCI address */
	gint64 initial_bytes;		    /* in pre-copy */
	gint64 dirty_bytes;
	gint64 stop_bytes; /* in stop-copy */
	gboolean is_exact; /* the driver was asked for it */
} TraceLine;

/* Returns %FALSE for any other line. @text has @len bytes and no NUL or line feed. */
gboolean trace_line_parse(const char *text, gsize len, TraceLine *ret_line);
/* (transfer full): @text, which is valid UTF-8, without these lines. QEMU writes its errors in
 * pieces, so one of these lines may stand in the middle of an error. */
char *trace_line_remove(const char *text);
