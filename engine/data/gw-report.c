/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwReport: one migration from its first step to its last, as data: made, filled, copied, freed,
 * and the words for its outcome. report-json.c has its JSON. An unknown value is -1 or NULL.
 */
#include "engine/gw-report.h"

#include "engine/gw-event.h"
#include "engine/data/plan-json.h"
#include "engine/data/report-json.h"

G_DEFINE_BOXED_TYPE(GwReport, gw_report, gw_report_copy, gw_report_free)

static const char *const outcomes[] = {
	[GW_OUTCOME_COMPLETED] = "completed",		[GW_OUTCOME_FAILED] = "failed",
	[GW_OUTCOME_CANCELLED] = "cancelled",		[GW_OUTCOME_INCOMPATIBLE] = "incompatible",
	[GW_OUTCOME_NO_CONVERGENCE] = "no-convergence", [GW_OUTCOME_UNKNOWN] = "unknown",
};

static const char *const places[] = {
	[GW_PLACE_SOURCE] = "source",	    [GW_PLACE_DESTINATION] = "destination",
	[GW_PLACE_NONE] = "none",	    [GW_PLACE_UNKNOWN] = "unknown",
	[GW_PLACE_AS_BEFORE] = "as-before",
};

static gboolean
find_word(const char *const *words, guint n_words, const char *word, guint *ret_index)
{
	for (guint i = 0; i < n_words; i++) {
		if (g_strcmp0(words[i], word) == 0) {
			*ret_index = i;
			return TRUE;
		}
	}
	return FALSE;
}

const char *
gw_outcome_to_string(GwOutcome outcome)
{
	return (guint)outcome < G_N_ELEMENTS(outcomes) ? outcomes[outcome] : "unknown";
}

gboolean
outcome_from_string(const char *word, GwOutcome *ret_outcome)
{
	guint index;
	if (!find_word(outcomes, G_N_ELEMENTS(outcomes), word, &index))
		return FALSE;
	*ret_outcome = (GwOutcome)index;
	return TRUE;
}

static const struct {
	GwError code;
	GwOutcome outcome;
} failures[] = {
	{ GW_ERROR_CANCELLED, GW_OUTCOME_CANCELLED },
	{ GW_ERROR_INCOMPATIBLE, GW_OUTCOME_INCOMPATIBLE },
	{ GW_ERROR_NO_CONVERGENCE, GW_OUTCOME_NO_CONVERGENCE },
	{ GW_ERROR_UNKNOWN, GW_OUTCOME_UNKNOWN },
	{ GW_ERROR_HANDED_OVER, GW_OUTCOME_UNKNOWN },
};

GwOutcome
outcome_from_error_code(GwError code)
{
	for (guint i = 0; i < G_N_ELEMENTS(failures); i++)
		if (failures[i].code == code)
			return failures[i].outcome;
	return GW_OUTCOME_FAILED;
}

const char *
gw_place_to_string(GwPlace place)
{
	return (guint)place < G_N_ELEMENTS(places) ? places[place] : "unknown";
}

gboolean
place_from_string(const char *word, GwPlace *ret_place)
{
	guint index;
	if (!find_word(places, G_N_ELEMENTS(places), word, &index))
		return FALSE;
	*ret_place = (GwPlace)index;
	return TRUE;
}

int
gw_report_to_exit_code(const GwReport *self)
{
	static const int codes[] = {
		[GW_OUTCOME_COMPLETED] = 0,    [GW_OUTCOME_FAILED] = 1,
		[GW_OUTCOME_INCOMPATIBLE] = 3, [GW_OUTCOME_NO_CONVERGENCE] = 4,
		[GW_OUTCOME_CANCELLED] = 5,    [GW_OUTCOME_UNKNOWN] = 6,
	};
	gboolean is_astray =
		self->vm_runs_on == GW_PLACE_NONE || self->vm_runs_on == GW_PLACE_UNKNOWN;
	return is_astray ? codes[GW_OUTCOME_UNKNOWN] : codes[self->outcome];
}

static void
phase_free(gpointer data)
{
	GwPhase *phase = data;
	g_free(phase->name);
	g_free(phase);
}

static void
part_free(gpointer data)
{
	GwPart *part = data;
	g_free(part->name);
	g_free(part);
}

static void
vgpu_free(gpointer data)
{
	GwReportVgpu *vgpu = data;
	g_free(vgpu->id);
	g_free(vgpu->type);
	g_free(vgpu);
}

static void
connection_free(gpointer data)
{
	GwReportConnection *connection = data;
	g_free(connection->name);
	g_free(connection->encryption);
	g_free(connection->encryption_destination);
	g_free(connection->cipher);
	g_free(connection);
}

GwReport *
gw_report_new(void)
{
	GwReport *self = g_new0(GwReport, 1);
	self->outcome = GW_OUTCOME_UNKNOWN;
	self->vm_runs_on = GW_PLACE_UNKNOWN;
	self->total_us = -1;
	self->setup_us = -1;
	self->downtime_us = -1;
	self->downtime_error_us = -1;
	self->downtime_qemu_us = -1;
	self->phases = g_ptr_array_new_with_free_func(phase_free);
	self->downtime_parts = g_ptr_array_new_with_free_func(part_free);
	self->ram_total_bytes = -1;
	self->ram_transferred_bytes = -1;
	self->ram_passes = -1;
	self->ram_dirty_bytes_per_s = -1;
	self->warnings = g_ptr_array_new_with_free_func(g_free);
	self->vgpus = g_ptr_array_new_with_free_func(vgpu_free);
	self->connections = g_ptr_array_new_with_free_func(connection_free);
	self->samples = g_ptr_array_new_with_free_func((GDestroyNotify)gw_sample_free);
	self->events = g_ptr_array_new_with_free_func((GDestroyNotify)gw_event_free);
	return self;
}

GwPhase *
report_add_phase(GwReport *self, const char *name, gint64 start_us, gint64 end_us)
{
	GwPhase *phase = g_new(GwPhase, 1);
	phase->name = g_strdup(name);
	phase->start_us = start_us;
	phase->end_us = end_us;
	g_ptr_array_add(self->phases, phase);
	return phase;
}

void
report_take_prediction(GwReport *self, const GwPrediction *prediction)
{
	if (prediction == NULL)
		return;
	if (self->first_prediction == NULL)
		self->first_prediction = gw_prediction_copy(prediction);
	gw_prediction_free(self->prediction);
	self->prediction = gw_prediction_copy(prediction);
}

void
report_add_part(GwReport *self, const char *name, gint64 us)
{
	GwPart *part = g_new(GwPart, 1);
	part->name = g_strdup(name);
	part->us = us;
	g_ptr_array_add(self->downtime_parts, part);
}

void
report_add_warning(GwReport *self, const char *host, const char *text)
{
	g_ptr_array_add(self->warnings, g_strconcat(host, ": ", text, NULL));
}

GwReportVgpu *
report_add_vgpu(GwReport *self, const char *id, const char *type, gint64 vram_bytes)
{
	GwReportVgpu *vgpu = g_new0(GwReportVgpu, 1);
	vgpu->id = g_strdup(id);
	vgpu->type = g_strdup(type);
	vgpu->vram_bytes = vram_bytes;
	vgpu->transferred_bytes = GW_NUMBER_UNKNOWN;
	vgpu->precopy_bytes = GW_NUMBER_UNKNOWN;
	vgpu->stop_copy_bytes = GW_NUMBER_UNKNOWN;
	vgpu->dirty_bytes_per_s = GW_NUMBER_UNKNOWN;
	vgpu->stopped_us = -1;
	g_ptr_array_add(self->vgpus, vgpu);
	return vgpu;
}

void
report_add_connection(GwReport *self, const char *name, const char *encryption,
		      const char *encryption_destination, const char *cipher)
{
	GwReportConnection *connection = g_new0(GwReportConnection, 1);
	connection->name = g_strdup(name);
	connection->encryption = g_strdup(encryption);
	connection->encryption_destination = g_strdup(encryption_destination);
	connection->cipher = g_strdup(cipher);
	g_ptr_array_add(self->connections, connection);
}

static void
copy_connections(GwReport *copy, const GwReport *from)
{
	for (guint i = 0; i < from->connections->len; i++) {
		const GwReportConnection *item = g_ptr_array_index(from->connections, i);
		report_add_connection(copy, item->name, item->encryption,
				      item->encryption_destination, item->cipher);
	}
}

static void
copy_vgpus(GwReport *copy, const GwReport *from)
{
	for (guint i = 0; i < from->vgpus->len; i++) {
		const GwReportVgpu *vgpu = g_ptr_array_index(from->vgpus, i);
		GwReportVgpu *to = g_memdup2(vgpu, sizeof *vgpu);
		to->id = g_strdup(vgpu->id);
		to->type = g_strdup(vgpu->type);
		g_ptr_array_add(copy->vgpus, to);
	}
}

static void
copy_lists(GwReport *copy, const GwReport *from)
{
	for (guint i = 0; i < from->phases->len; i++) {
		const GwPhase *phase = g_ptr_array_index(from->phases, i);
		report_add_phase(copy, phase->name, phase->start_us, phase->end_us);
	}
	for (guint i = 0; i < from->downtime_parts->len; i++) {
		const GwPart *part = g_ptr_array_index(from->downtime_parts, i);
		report_add_part(copy, part->name, part->us);
	}
	for (guint i = 0; i < from->warnings->len; i++)
		g_ptr_array_add(copy->warnings, g_strdup(g_ptr_array_index(from->warnings, i)));
	copy_vgpus(copy, from);
	copy_connections(copy, from);
	for (guint i = 0; i < from->samples->len; i++)
		g_ptr_array_add(copy->samples, gw_sample_copy(g_ptr_array_index(from->samples, i)));
	for (guint i = 0; i < from->events->len; i++)
		g_ptr_array_add(copy->events, gw_event_copy(g_ptr_array_index(from->events, i)));
}

GwReport *
gw_report_copy(const GwReport *self)
{
	GwReport *copy = gw_report_new();
	GwReport lists = *copy;
	*copy = *self;
	copy->error_host = g_strdup(self->error_host);
	copy->error_phase = g_strdup(self->error_phase);
	copy->error_message = g_strdup(self->error_message);
	copy->error_qemu_source = g_strdup(self->error_qemu_source);
	copy->error_qemu_destination = g_strdup(self->error_qemu_destination);
	copy->left_over = g_strdup(self->left_over);
	copy->vm_state = g_strdup(self->vm_state);
	copy->plan = gw_plan_copy(self->plan);
	copy->first_prediction = gw_prediction_copy(self->first_prediction);
	copy->prediction = gw_prediction_copy(self->prediction);
	copy->phases = lists.phases;
	copy->downtime_parts = lists.downtime_parts;
	copy->warnings = lists.warnings;
	copy->vgpus = lists.vgpus;
	copy->connections = lists.connections;
	copy->samples = lists.samples;
	copy->events = lists.events;
	copy_lists(copy, self);
	return copy;
}

void
gw_report_free(GwReport *self)
{
	if (self == NULL)
		return;
	g_free(self->error_host);
	g_free(self->error_phase);
	g_free(self->error_message);
	g_free(self->error_qemu_source);
	g_free(self->error_qemu_destination);
	g_free(self->left_over);
	g_free(self->vm_state);
	gw_plan_free(self->plan);
	gw_prediction_free(self->first_prediction);
	gw_prediction_free(self->prediction);
	g_ptr_array_unref(self->phases);
	g_ptr_array_unref(self->downtime_parts);
	g_ptr_array_unref(self->warnings);
	g_ptr_array_unref(self->vgpus);
	g_ptr_array_unref(self->connections);
	g_ptr_array_unref(self->samples);
	g_ptr_array_unref(self->events);
	g_free(self);
}
