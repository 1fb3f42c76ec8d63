/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"

/* The private side of GwReport: how the session fills it. */

/* @end_us: -1 while it lasts; it can be set later in the phase that is returned (transfer none). */
GwPhase *report_add_phase(GwReport *self, const char *name, gint64 start_us, gint64 end_us);
void report_add_connection(GwReport *self, const char *name, const char *encryption,
			   const char *encryption_destination, const char *cipher);
/* The newest, while the guest still runs. @prediction: (nullable): none can be made */
void report_take_prediction(GwReport *self, const GwPrediction *prediction);
void report_add_part(GwReport *self, const char *name, gint64 us);

/* (transfer none): nothing but this is known of it yet. @type: (nullable) */
GwReportVgpu *report_add_vgpu(GwReport *self, const char *id, const char *type, gint64 vram_bytes);

/* %FALSE for a word that is not known. */
gboolean outcome_from_string(const char *word, GwOutcome *ret_outcome);
/* How a migration ends that fails with @code, as long as it is known where the guest runs. */
GwOutcome outcome_from_error_code(GwError code);
gboolean place_from_string(const char *word, GwPlace *ret_place);
