/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <stdio.h>

#include "engine/gw-sample.h"

/* Writes the progress line. */
typedef struct ProgressView ProgressView;

/* @mode: (nullable): "auto", "bar", "plain" or "none"; %G_OPTION_ERROR_BAD_VALUE for another word.
 * @file: (borrowed): the bar needs a terminal; "auto" finds out whether @file is one. */
ProgressView *progress_view_new(const char *mode, FILE *file, GError **error);
void progress_view_free(ProgressView *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ProgressView, progress_view_free);

void progress_view_phase(ProgressView *self, const char *phase);
void progress_view_sample(ProgressView *self, const GwSample *sample);
/* Ends the live line, so that something else can be printed. */
void progress_view_break(ProgressView *self);
