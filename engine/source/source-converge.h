/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* To be called when the plan is made. */
void source_converge_begin(SourceRun *run);
/* Shows the controller a sample of a guest that still runs, tells QEMU what the controller
 * wants, and completes the sample. */
void source_converge_step(SourceRun *run, GwSample *sample);
/* (transfer full): why pre-copy does not end, with numbers. */
char *source_describe_stall(SourceRun *run);
