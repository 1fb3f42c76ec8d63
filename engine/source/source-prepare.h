/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* The steps up to the one in which the stream begins. Each sets an error that names its host. */

/* Our QEMU's monitor and the agent. */
gboolean source_connect(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Both hosts and their QEMUs; the agent starts its QEMU for this. */
gboolean source_survey(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The agent ends what it has started. An agent that cannot be reached does that by itself. */
gboolean source_survey_undo(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* %GW_ERROR_INCOMPATIBLE with everything that is wrong. */
gboolean source_plan(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The journal, and the agent's agreement to the plan. */
gboolean source_prepare(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean source_prepare_undo(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* QEMU's settings and the data channels, at both ends. */
gboolean source_setup(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean source_setup_undo(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
