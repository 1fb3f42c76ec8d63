/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"

/* The private side of GwReport: how the session fills it. */

/* @end_us: -1 while the phase lasts; it can be set later in the returned phase (transfer none). */
GwPhase *report_add_phase(GwReport *self, const char *name, gint64 start_us, gint64 end_us);
void report_add_connection(GwReport *self, const char *name, const char *encryption,
			   const char *encryption_destination, const char *cipher);
/* Keeps the newest prediction, while the guest still runs. @prediction: (nullable): NULL when none
 * can be made */
void report_take_prediction(GwReport *self, const GwPrediction *prediction);
void report_add_part(GwReport *self, const char *name, gint64 us);
/* @host: from side_to_string() */
void report_add_warning(GwReport *self, const char *host, const char *text);

/* (transfer none): all other members are unknown. @type: (nullable) */
GwReportVgpu *report_add_vgpu(GwReport *self, const char *id, const char *type, gint64 vram_bytes);

/* Returns %FALSE for an unknown word. */
gboolean outcome_from_string(const char *word, GwOutcome *ret_outcome);
/* Returns the outcome of a migration that fails with @code, if it is known where the guest runs. */
GwOutcome outcome_from_error_code(GwError code);
gboolean place_from_string(const char *word, GwPlace *ret_place);
