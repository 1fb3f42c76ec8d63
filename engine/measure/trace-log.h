/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"
#include "engine/host/private-dir.h"

/* Reads the lines of QEMU's trace points, and restores QEMU's log afterwards. See trace-log.c. */
typedef enum {
	TRACE_LOG_NONE,
	TRACE_LOG_FILE, /* its standard error is a file: the lines are read there */
	TRACE_LOG_FIFO, /* the log goes to our FIFO, and afterwards back to standard error */
} TraceLogKind;

typedef struct {
	TraceLogKind kind;
	int fd;		   /* -1 */
	PrivateDir folder; /* the FIFO's folder */
	GString *part;	   /* a line that has not arrived completely */
} TraceLog;

typedef void (*TraceLogTake)(const char *line, gsize len, gpointer data);

/* Finds what would be done with @qemu; changes nothing. @ret_why: (out) (transfer none): why not,
 * for %TRACE_LOG_NONE. */
TraceLogKind trace_log_find_kind(const Qemu *qemu, const char **ret_why);

/* @kind: from trace_log_find_kind(). @name: unique on this host. After %GW_ERROR_FAILED or
 *   %QMP_ERROR nothing is changed. */
gboolean trace_log_open(TraceLog *self, Qemu *qemu, TraceLogKind kind, const char *name,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Passes each complete line to @take. Returns the number of bytes that were read. */
gsize trace_log_read(TraceLog *self, TraceLogTake take, gpointer data);
/* Skips everything that is there already. */
void trace_log_skip(TraceLog *self);
/* Restores QEMU's log, unless its monitor is closed. Closes @self also after %QMP_ERROR. */
gboolean trace_log_close(TraceLog *self, Qemu *qemu, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For a run that has died: does what trace_log_close() would have done. @word: from
 * trace_log_kind_to_string(). */
gboolean trace_log_put_back(Qemu *qemu, const char *word, const char *name,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *trace_log_kind_to_string(TraceLogKind kind);
