/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"

/* A report as text for people. All (transfer full), each ends with a line feed. */

/* A few lines: the outcome, where the guest runs, what to do next. */
char *report_text_summary(const GwReport *report);
/* The summary and all the rest, except the samples and events. */
char *report_text_full(const GwReport *report);
