/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/**
 * source_open_channels:
 * @fds: what is spoken on, by the channel's index
 * @tcps: the TCP socket under it; -1 where it is the same
 *
 * Connects the plan's data channels to the agent and appends their descriptors. Those that were
 * appended before a failure belong to the caller too.
 */
gboolean source_open_channels(SourceRun *run, GArray *fds, GArray *tcps,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Adds to the report how the newest connection is encrypted; @name is what the report calls it. */
void source_report_connection(SourceRun *run, const char *name);
