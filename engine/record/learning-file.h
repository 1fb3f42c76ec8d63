/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/learning.h"

/* STATE_DIR/learned.json. Without the file only the predictions are worse. */

/* (transfer full): never NULL: empty if there is no file, or it is malformed. */
GPtrArray *learning_load(const char *state_dir);

/* Merges what @report has into it; only a file that cannot be written is an error,
 * %GW_ERROR_STATE_DIR. @vgpus: as for learning_take() */
gboolean learning_add(const char *state_dir, const GPtrArray *vgpus, const GwReport *report,
		      GError **error) G_GNUC_WARN_UNUSED_RESULT;
