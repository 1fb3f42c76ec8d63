/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* Part of the survey: where nothing else tells whether a file is the same on both hosts, a mark is
 * made beside it and the agent looks for it. Then it is what both surveys tell of that disk. */
gboolean source_look_for_marks(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
