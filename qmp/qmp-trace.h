/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* QEMU's trace points, and where their lines go. */

typedef enum {
	QMP_TRACE_ABSENT, /* this QEMU has none that match, or cannot write them as lines */
	QMP_TRACE_OFF,
	QMP_TRACE_ON, /* one at least: somebody uses them */
} QmpTraceState;

/* @pattern: a name, '*' stands for anything. */
gboolean qmp_trace_query(QmpClient *client, const char *pattern, QmpTraceState *ret_state,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_trace_set(QmpClient *client, const char *pattern, gboolean on,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Nobody waits for it; what is asked in this order is done in this order. */
void qmp_trace_set_async(QmpClient *client, const char *pattern, gboolean on);

/* From now on QEMU writes its log to the file @path, which it empties. */
gboolean
qmp_set_log_file(QmpClient *client, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
