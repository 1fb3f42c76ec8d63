/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/host/qemu.h"
#include "engine/host/private-dir.h"

/* Where the lines of QEMU's trace points can be read, and put back as it was. See trace-log.c. */
typedef enum {
	TRACE_LOG_NONE,
	TRACE_LOG_FILE, /* its standard error is a file: they are read there */
	TRACE_LOG_FIFO, /* they are sent to a FIFO of ours, and back to its standard error after that */
} TraceLogKind;

typedef struct {
	TraceLogKind kind;
	int fd;		   /* -1 */
	PrivateDir folder; /* of the FIFO */
	GString *part;	   /* a line that has not come as a whole */
} TraceLog;

typedef void (*TraceLogTake)(const char *line, gsize len, gpointer data);

/* What would be done with @qemu; touches nothing. @ret_why: (out) (transfer none): why not, for %TRACE_LOG_NONE. */
TraceLogKind trace_log_find_kind(const Qemu *qemu, const char **ret_why);

/* @kind: as found. @name: no other on this host has it. %GW_ERROR_FAILED or %QMP_ERROR, and nothing is changed. */
gboolean trace_log_open(TraceLog *self, Qemu *qemu, TraceLogKind kind, const char *name,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Each whole line that is there by now. Returns: how many bytes were read. */
gsize trace_log_read(TraceLog *self, TraceLogTake take, gpointer data);
/* What is there already is not read. */
void trace_log_skip(TraceLog *self);
/* Puts QEMU's log back, unless its monitor has gone. %QMP_ERROR, and it is closed all the same. */
gboolean trace_log_close(TraceLog *self, Qemu *qemu, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* For a run that has died: what trace_log_close() would have done. @word: of trace_log_kind_to_string(). */
gboolean trace_log_put_back(Qemu *qemu, const char *word, const char *name,
			    GError **error) G_GNUC_WARN_UNUSED_RESULT;
const char *trace_log_kind_to_string(TraceLogKind kind);
