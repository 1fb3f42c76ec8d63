/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"

/* (transfer full): one HTML page that loads nothing from outside. */
char *report_html(const GwReport *report);
/* (transfer full) (nullable): the samples and phases as an inline SVG; NULL when there is nothing
 * to draw. */
char *report_svg(const GwReport *report);
