/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* QEMU's trace points, and the file that their lines go to. */

typedef enum {
	QMP_TRACE_ABSENT, /* this QEMU has no matching one, or cannot write them as lines */
	QMP_TRACE_OFF,
	QMP_TRACE_ON, /* at least one is on: somebody uses them */
} QmpTraceState;

/* @pattern: a name; '*' stands for any characters. */
gboolean qmp_trace_query(QmpClient *client, const char *pattern, QmpTraceState *ret_state,
			 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean qmp_trace_set(QmpClient *client, const char *pattern, gboolean on,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Does not wait for the answer; QEMU runs these commands in the order of the calls. */
void qmp_trace_set_async(QmpClient *client, const char *pattern, gboolean on);

/* From now on QEMU writes its log to the file @path, which it truncates first. */
gboolean
qmp_set_log_file(QmpClient *client, const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
