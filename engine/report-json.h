/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"

/* The private side of GwReport: how the session fills it. */

/* @end_us: -1 while it lasts; it can be set later in the phase that is returned (transfer none). */
GwPhase *report_add_phase(GwReport *self, const char *name, gint64 start_us, gint64 end_us);
void report_add_part(GwReport *self, const char *name, gint64 us);

/* (transfer none): what was sent is not known yet. @type: (nullable) */
GwReportVgpu *report_add_vgpu(GwReport *self, const char *id, const char *type, gint64 vram_bytes);
/* @source: (nullable): who counted them */
void report_set_vgpu_transferred(GwReportVgpu *vgpu, gint64 bytes, const char *source);

/* %FALSE for a word that is not known. */
gboolean outcome_from_string(const char *word, GwOutcome *ret_outcome);
gboolean place_from_string(const char *word, GwPlace *ret_place);
