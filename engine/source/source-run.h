/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/**
 * source_run:
 * @check_only: stop after the plan
 *
 * Blocks until the migration is over, in a main context of its own.
 *
 * Returns: (transfer full): the report, whatever the outcome
 */
GwReport *source_run(const SourceOptions *options, gboolean check_only, GCancellable *cancellable,
		     const RecorderListener *listener, gpointer data);
