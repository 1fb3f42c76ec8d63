/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A report as one HTML page: the drawing, and the same text as on a terminal. It loads no script,
 * font or picture. All text of the report is escaped, because a guest's name may hold anything.
 */
#include "tools/report-html.h"

#include "tools/report-text.h"

static const char head[] =
	"<!DOCTYPE html>\n"
	"<html lang=\"en\">\n"
	"<head>\n"
	"<meta charset=\"utf-8\">\n"
	"<title>Godwit: a migration</title>\n"
	"<style>\n"
	":root { color-scheme: light dark; --ink: #1d2733; --faint: #e8edf2; --paper: #fff;\n"
	"  --left: #9fc5e8; --rate: #d9612b; --p0: #cfd8e1; --p1: #b3c1ce }\n"
	"@media (prefers-color-scheme: dark) { :root { --ink: #d7dee6; --faint: #222b35;\n"
	"  --paper: #161b21; --left: #2f5f8a; --rate: #f0925f; --p0: #3a4653; --p1: #4d5b6a } }\n"
	"body { max-width: 46em; margin: 2em auto; padding: 0 1em; color: var(--ink);\n"
	"  background: var(--paper); font: 15px/1.5 system-ui, sans-serif }\n"
	"h1 { font-size: 1.3em } h1 small { font-weight: normal; opacity: .7 }\n"
	"pre { background: var(--faint); padding: 1em; border-radius: 6px; overflow-x: auto }\n"
	"svg { width: 100%; font: 11px system-ui, sans-serif } svg text { fill: var(--ink) }\n"
	".field { fill: var(--faint) }\n"
	".rate { fill: none; stroke: var(--rate); stroke-width: 1.5 }\n"
	".vram { fill: none; stroke: var(--p1); stroke-width: 2 } svg .vkey { fill: var(--p1) }\n"
	".p0 { fill: var(--p0) } .p1 { fill: var(--p1) } .e { text-anchor: end }\n"
	"svg .key { fill: var(--rate) } svg .left { fill: var(--left) }\n"
	"</style>\n"
	"</head>\n"
	"<body>\n";

char *
report_html(const GwReport *report)
{
	GString *page = g_string_new(head);
	g_autofree char *state =
		g_markup_escape_text(report->vm_state != NULL ? report->vm_state : "", -1);
	g_string_append_printf(page, "<h1>Migration <small>%s, the VM %s%s: %s</small></h1>\n",
			       gw_outcome_to_string(report->outcome), state,
			       report->vm_state != NULL ? "; it is on" : "runs on",
			       gw_place_to_string(report->vm_runs_on));
	g_autofree char *svg = report_svg(report);
	if (svg != NULL)
		g_string_append(page, svg);
	g_autofree char *text = report_text_full(report);
	g_autofree char *escaped = g_markup_escape_text(text, -1);
	g_string_append_printf(page, "<pre>%s</pre>\n</body>\n</html>\n", escaped);
	return g_string_free(page, FALSE);
}
