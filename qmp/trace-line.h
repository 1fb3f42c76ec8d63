/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What QEMU's trace points tell of a VFIO device that it migrates; -1 for what this one does not. Pure. */

/* The trace points that tell it: one of them to QEMU 11.0, another from 11.1 on, */
#define TRACE_LINE_EVENTS     "vfio_state_pending*"
#define TRACE_LINE_NAME_BYTES 256

typedef struct {
	char device[TRACE_LINE_NAME_BYTES]; /* as QEMU calls it: a UUID or a PCI address */
	gint64 initial_bytes;		    /* of pre-copy */
	gint64 dirty_bytes;
	gint64 stop_bytes; /* of a stop-copy */
	gboolean is_exact; /* the driver has been asked for it */
} TraceLine;

/* %FALSE for any other line. @len bytes, without a NUL or a line feed. */
gboolean trace_line_parse(const char *text, gsize len, TraceLine *ret_line);
/* (transfer full): @text, which is valid UTF-8, without these lines. QEMU writes its errors in pieces, so that one of
 * these may stand in the midst of another. */
char *trace_line_remove(const char *text);
