/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* From "migrate" until QEMU has stopped the guest. */
gboolean source_precopy(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Cancels the migration. The guest runs on here, if it ran before. */
gboolean source_precopy_undo(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* From there until everything is sent. */
gboolean source_switchover(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
