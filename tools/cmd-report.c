/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit report: shows a report (JSON) as text, or writes it as an HTML page.
 */
#include <stdio.h>

#include "tools/cmd.h"
#include "tools/output.h"
#include "tools/report-html.h"
#include "tools/report-text.h"

typedef struct {
	char *html;
	gboolean json;
} ReportOptions;

static int
write_page(const GwReport *report, const char *path)
{
	g_autofree char *page = report_html(report);
	GError *error = NULL;
	if (!output_write(path, page, &error))
		return cmd_fail(EXIT_FAILURE, error);
	return 0;
}

static int
print(gpointer data, char **arguments)
{
	ReportOptions *options = data;
	g_autofree char *text = NULL;
	gsize len;
	GError *error = NULL;
	if (!g_file_get_contents(arguments[0], &text, &len, &error))
		return cmd_fail(EXIT_FAILURE, error);
	g_autoptr(GwReport) report = gw_report_from_json(text, (gssize)len, &error);
	if (report == NULL) {
		g_prefix_error(&error, "'%s': ", arguments[0]);
		return cmd_fail(EXIT_FAILURE, error);
	}
	if (options->html != NULL)
		return write_page(report, options->html);
	g_autofree char *out = options->json ? gw_report_to_json(report) : report_text_full(report);
	fputs(out, stdout);
	if (options->json)
		putchar('\n');
	return cmd_printed(0);
}

static const CmdOption options[] = {
	{ "html", G_STRUCT_OFFSET(ReportOptions, html), "OUT",
	  "Write an HTML page to this file instead" },
	{ "json", G_STRUCT_OFFSET(ReportOptions, json), NULL, "Print the report as JSON" },
	{ NULL },
};

const Cmd verb_report = {
	.name = "report",
	.arguments = "FILE.json",
	.summary = "Show a report that 'godwit migrate' wrote",
	.options = options,
	.options_size = sizeof(ReportOptions),
	.min_arguments = 1,
	.max_arguments = 1,
	.run = print,
};
