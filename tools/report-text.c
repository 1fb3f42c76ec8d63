/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A report and its summary as aligned text: data in, text out. A number that is not known is never
 * printed as zero: its row is left out.
 */
#include "tools/report-text.h"

#include "tools/advice.h"
#include "tools/terminal-sanitize.h"
#include "tools/plan-text.h"
#include "tools/units.h"

#define LABEL_COLUMNS  14
#define HOOK_HINT_PART 4 /* from this part of the downtime on a hint is shown */

static void
add_row(GString *out, const char *label, const char *value)
{
	if (value != NULL)
		g_string_append_printf(out, "  %-*s %s\n", LABEL_COLUMNS, label, value);
}

/* @value: (transfer full) */
static void
take_row(GString *out, const char *label, char *value)
{
	add_row(out, label, value);
	g_free(value);
}

static const char *
vm_name(const GwReport *report)
{
	const GwPlan *plan = report->plan;
	gboolean known = plan != NULL && plan->vm_name != NULL && plan->vm_name[0] != '\0';
	return known ? plan->vm_name : "the guest";
}

static const char *
describe_place(const GwReport *report)
{
	switch (report->vm_runs_on) {
	case GW_PLACE_SOURCE:
		return "is on the source";
	case GW_PLACE_DESTINATION:
		return "is on the destination";
	case GW_PLACE_NONE:
		return "runs nowhere: its QEMU has ended";
	case GW_PLACE_UNKNOWN:
		if (report->error_code == GW_ERROR_HANDED_OVER)
			return "is not known on this host to be here";
		return "is on one of the two hosts: it is not known on which";
	case GW_PLACE_AS_BEFORE:
		return "is where it was: nothing was touched; this host does not know where that "
		       "is";
	}
	return NULL;
}

/* (transfer full): "is on the source, and has shut down" */
static char *
describe_where(const GwReport *report)
{
	const char *state = report->vm_state;
	return g_strconcat(describe_place(report), state != NULL ? ", and " : NULL, state, NULL);
}

/* "41.2 ms (30.0 ms to 60.1 ms)"; NULL when the range is unknown. */
static char *
describe_range(GwRange range)
{
	if (range.likely < 0)
		return NULL;
	g_autofree char *likely = units_format_duration(range.likely);
	g_autofree char *low = units_format_duration(range.low);
	g_autofree char *high = units_format_duration(range.high);
	return range.high < 0 ? g_strdup_printf("%s (%s or more)", likely, low)
			      : g_strdup_printf("%s (%s to %s)", likely, low, high);
}

/* Appends the prediction, so that the user can compare. */
static void
add_predicted(GString *text, const GwPrediction *prediction, GwRange range)
{
	g_autofree char *most = units_format_duration(MAX(range.high, range.likely));
	g_autofree char *predicted = prediction->confidence == GW_CONFIDENCE_BOUND
					     ? g_strconcat("≤ ", most, NULL)
					     : describe_range(range);
	if (predicted != NULL && range.likely >= 0)
		g_string_append_printf(text, "; predicted %s", predicted);
}

static void
add_total(GString *out, const GwReport *report)
{
	if (report->total_us < 0)
		return;
	g_autofree char *total = units_format_duration(report->total_us);
	g_autoptr(GString) text = g_string_new(total);
	if (report->first_prediction != NULL && report->first_prediction->total_us.likely >= 0) {
		g_autofree char *at = units_format_duration(report->first_prediction->time_us);
		add_predicted(text, report->first_prediction, report->first_prediction->total_us);
		g_string_append_printf(text, " more at %s", at);
	}
	add_row(out, "total", text->str);
}

/* What the stopped guest has waited for hooks. */
static gint64
find_hook_us(const GwReport *report)
{
	for (guint i = 0; i < report->downtime_parts->len; i++) {
		const GwPart *part = g_ptr_array_index(report->downtime_parts, i);
		if (g_str_equal(part->name, "hook"))
			return part->us;
	}
	return 0;
}

static void
add_downtime(GString *out, const GwReport *report)
{
	if (report->downtime_us < 0 && report->downtime_qemu_us < 0)
		return;
	g_autofree char *own = units_format_duration(report->downtime_us);
	g_autofree char *error = units_format_duration(report->downtime_error_us);
	g_autofree char *qemu = units_format_duration(report->downtime_qemu_us);
	g_autoptr(GString) text = g_string_new(own);
	if (report->downtime_us >= 0 && report->downtime_error_us >= 0)
		g_string_append_printf(text, " ± %s", error);
	gint64 hook_us = find_hook_us(report);
	g_autofree char *in_hooks = units_format_duration(hook_us);
	if (hook_us > 0)
		g_string_append_printf(text, ", %s of it in hooks", in_hooks);
	if (report->downtime_qemu_us >= 0)
		g_string_append_printf(text, " (QEMU counts %s)", qemu);
	if (report->prediction != NULL)
		add_predicted(text, report->prediction, report->prediction->downtime_us);
	add_row(out, "downtime", text->str);
	if (report->downtime_us > 0 && hook_us >= report->downtime_us / HOOK_HINT_PART)
		add_row(out, "hint",
			"the guest waits for the hooks of the phases switchover and commit: let "
			"them do less, or in the background");
}

static void
add_ram(GString *out, const GwReport *report)
{
	if (report->ram_transferred_bytes < 0)
		return;
	g_autofree char *sent = units_format_bytes(report->ram_transferred_bytes);
	g_autofree char *total = units_format_bytes(report->ram_total_bytes);
	g_autoptr(GString) text = g_string_new(NULL);
	g_string_printf(text, "%s sent", sent);
	if (report->ram_total_bytes >= 0)
		g_string_append_printf(text, ", the guest has %s", total);
	if (report->ram_passes >= 0)
		g_string_append_printf(text, ", %" G_GINT64_FORMAT " pass%s", report->ram_passes,
				       report->ram_passes == 1 ? "" : "es");
	add_row(out, "RAM", text->str);
}

/* Appends ", 1.50 GiB while it ran" if the number is known. */
static void
add_amount(GString *text, GwNumber number, char *(*format)(gint64 value), const char *what)
{
	g_autofree char *amount = units_format_number(number, format);
	if (gw_number_is_known(number))
		g_string_append_printf(text, ", %s %s", amount, what);
}

static void
add_vgpus(GString *out, const GwReport *report)
{
	for (guint i = 0; i < report->vgpus->len; i++) {
		const GwReportVgpu *vgpu = g_ptr_array_index(report->vgpus, i);
		g_autofree char *vram = units_format_bytes(vgpu->vram_bytes);
		g_autofree char *stopped = units_format_duration(vgpu->stopped_us);
		g_autoptr(GString) text = g_string_new(vgpu->id);
		g_string_append_printf(text, " (%s)", vgpu->type != NULL ? vgpu->type : "?");
		if (vgpu->vram_bytes >= 0)
			g_string_append_printf(text, " has %s", vram);
		add_amount(text, vgpu->transferred_bytes, units_format_bytes, "sent");
		add_amount(text, vgpu->precopy_bytes, units_format_bytes, "while it ran");
		add_amount(text, vgpu->stop_copy_bytes, units_format_bytes, "after its stop");
		add_amount(text, vgpu->dirty_bytes_per_s, units_format_rate, "written to it");
		if (vgpu->stopped_us >= 0)
			g_string_append_printf(text, ", stopped for %s", stopped);
		add_row(out, "vRAM", text->str);
	}
}

static void
add_duration(GString *out, const char *label, gint64 us)
{
	if (us >= 0)
		take_row(out, label, units_format_duration(us));
}

/* QEMU's text may have several lines. */
static void
add_words(GString *out, const char *label, const char *words)
{
	if (words == NULL || words[0] == '\0')
		return;
	g_auto(GStrv) lines = g_strsplit(words, "\n", -1);
	for (guint i = 0; lines[i] != NULL; i++)
		if (lines[i][0] != '\0')
			add_row(out, i == 0 ? label : "", lines[i]);
}

static void
add_where(GString *out, const GwReport *report)
{
	if (report->error_message == NULL)
		return;
	g_autoptr(GString) text = g_string_new(NULL);
	if (report->error_host != NULL)
		g_string_append_printf(text, "%s, ", report->error_host);
	if (report->error_phase != NULL)
		g_string_append_printf(text, "phase %s, ", report->error_phase);
	g_string_append_printf(text, "code %s", gw_error_code_to_string(report->error_code));
	add_row(out, "where", text->str);
}

/* QEMU's text in a message may have line feeds. */
static void
add_message(GString *out, const GwReport *report)
{
	const char *message = report->error_message;
	if (report->outcome == GW_OUTCOME_INCOMPATIBLE && report->plan != NULL)
		message = "nothing was touched"; /* the issues follow one by one */
	else if (message == NULL)
		message = "the reason is not known";
	g_auto(GStrv) lines = g_strsplit(message, "\n", -1);
	g_autofree char *joined = g_strjoinv("; ", lines);
	g_string_append_printf(out, "%s: %s\n", gw_outcome_to_string(report->outcome), joined);
}

static void
add_success(GString *out, const GwReport *report)
{
	gboolean paused = report->plan != NULL && report->plan->paused;
	if (report->vm_state != NULL) {
		g_string_append_printf(out, "completed: %s %s; it is on the %s\n", vm_name(report),
				       report->vm_state, gw_place_to_string(report->vm_runs_on));
		return;
	}
	g_string_append_printf(out, "completed: %s %s the %s\n", vm_name(report),
			       paused ? "is paused on" : "runs on",
			       gw_place_to_string(report->vm_runs_on));
}

static void
add_failure(GString *out, const GwReport *report)
{
	add_message(out, report);
	add_where(out, report);
	add_words(out, "QEMU, source", report->error_qemu_source);
	add_words(out, "QEMU, dest.", report->error_qemu_destination);
	take_row(out, vm_name(report), describe_where(report));
	add_row(out, "next", advice_for(report));
}

static void
add_cancelled(GString *out, const GwReport *report)
{
	g_autofree char *where = describe_where(report);
	g_string_append_printf(out, "cancelled: %s %s\n", vm_name(report), where);
}

static void
add_summary(GString *out, const GwReport *report)
{
	if (report->outcome == GW_OUTCOME_COMPLETED)
		add_success(out, report);
	else if (report->outcome == GW_OUTCOME_CANCELLED && report->vm_runs_on == GW_PLACE_SOURCE)
		add_cancelled(out, report);
	else
		add_failure(out, report);
	for (guint i = 0; i < report->warnings->len; i++)
		add_words(out, "warning", g_ptr_array_index(report->warnings, i));
	add_words(out, "left over", report->left_over);
	add_total(out, report);
	add_downtime(out, report);
	add_ram(out, report);
	add_vgpus(out, report);
	if (report->outcome == GW_OUTCOME_INCOMPATIBLE && report->plan != NULL)
		plan_text_add_issues(out, report->plan, PLAN_TEXT_PLAIN);
}

char *
report_text_summary(const GwReport *report)
{
	GString *out = g_string_new(NULL);
	add_summary(out, report);
	return terminal_sanitize(g_string_free(out, FALSE));
}

static void
add_phases(GString *out, const GwReport *report)
{
	if (report->phases->len == 0)
		return;
	g_string_append_printf(out, "\nphases\n  %-*s %10s %10s\n", LABEL_COLUMNS, "", "start",
			       "lasted");
	for (guint i = 0; i < report->phases->len; i++) {
		const GwPhase *phase = g_ptr_array_index(report->phases, i);
		g_autofree char *start = units_format_duration(phase->start_us);
		g_autofree char *lasted =
			phase->end_us == -1
				? g_strdup("?")
				: units_format_duration(phase->end_us - phase->start_us);
		g_string_append_printf(out, "  %-*s %10s %10s\n", LABEL_COLUMNS, phase->name, start,
				       lasted);
	}
}

static void
add_parts(GString *out, const GwReport *report)
{
	if (report->downtime_parts->len == 0)
		return;
	g_string_append(out, "\ndowntime\n");
	for (guint i = 0; i < report->downtime_parts->len; i++) {
		const GwPart *part = g_ptr_array_index(report->downtime_parts, i);
		g_autofree char *us = units_format_duration(part->us);
		g_string_append_printf(out, "  %-30s %10s\n", part->name, us);
	}
}

static void
add_connections(GString *out, const GwReport *report)
{
	if (report->connections->len == 0)
		return;
	g_string_append(out, "\nencryption\n");
	for (guint i = 0; i < report->connections->len; i++) {
		const GwReportConnection *item = g_ptr_array_index(report->connections, i);
		g_string_append_printf(out, "  %-*s %s", LABEL_COLUMNS, item->name,
				       item->encryption);
		if (g_strcmp0(item->encryption_destination, item->encryption) != 0)
			g_string_append_printf(out, ", %s at the destination",
					       item->encryption_destination);
		if (item->cipher != NULL)
			g_string_append_printf(out, " (%s)", item->cipher);
		g_string_append_c(out, '\n');
	}
}

static void
add_prediction(GString *out, const GwPrediction *prediction)
{
	if (prediction == NULL)
		return;
	g_autofree char *at = units_format_duration(prediction->time_us);
	g_autofree char *needed = describe_range(prediction->needed_downtime_limit_us);
	g_string_append_printf(out, "\nprediction, made at %s\n", at);
	g_string_append_printf(out, "  %-30s %s\n", "needed downtime limit",
			       needed != NULL ? needed : "?");
	for (guint i = 0; i < prediction->parts->len; i++) {
		const GwPredictedPart *part = g_ptr_array_index(prediction->parts, i);
		g_autofree char *us = describe_range(part->us);
		g_autofree char *name = part->id == NULL
						? g_strdup(part->name)
						: g_strdup_printf("%s %s", part->name, part->id);
		g_string_append_printf(out, "  %-30s %s\n", name, us != NULL ? us : "?");
	}
}

char *
report_text_full(const GwReport *report)
{
	GString *out = g_string_new(NULL);
	add_summary(out, report);
	add_duration(out, "setup", report->setup_us);
	if (report->ram_dirty_bytes_per_s >= 0)
		take_row(out, "dirty rate", units_format_rate(report->ram_dirty_bytes_per_s));
	take_row(out, "recorded",
		 g_strdup_printf("%u samples, %u events", report->samples->len,
				 report->events->len));
	add_phases(out, report);
	add_parts(out, report);
	add_connections(out, report);
	add_prediction(out, report->prediction);
	/* The summary of an incompatible pair has the issues already, and nothing else was done. */
	if (report->plan != NULL && report->outcome != GW_OUTCOME_INCOMPATIBLE) {
		g_string_append(out, "\nplan\n");
		plan_text_add_decisions(out, report->plan, PLAN_TEXT_PLAIN);
	}
	return terminal_sanitize(g_string_free(out, FALSE));
}
