/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* To be called when the data channels are there. */
void source_sample_begin(SourceRun *run);
/* Asks nobody any more, and gives QEMU's log back. The error is for the report. */
gboolean source_sample_end(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* An event of the source's QEMU. */
void source_sample_event(SourceRun *run, const char *name, JsonObject *data);
/* Takes one sample, if QEMU has answered since the last. */
void source_sample_take(SourceRun *run);
/* The last figures, once everything is sent. */
void source_sample_last(SourceRun *run, const QmpMigrateInfo *info);
/* The bytes that were sent for RAM; -1: not known. QEMU's "ram" counts the whole stream, the
 * vGPUs' part too. */
gint64 source_ram_sent(const QmpMigrateInfo *info);
