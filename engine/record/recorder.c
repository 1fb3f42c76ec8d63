/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The record of one run: phases, samples and events in the report that it becomes. Memory is
 * bounded for a run of any length. When there are many samples, every second one is dropped, and
 * from then on only every second one is kept. Of a kind of event that comes by the thousand (a
 * stuck migration's MIGRATION_PASS) one in 100 ms is kept. An event without room is passed to the
 * listener and not kept.
 *
 * A sample is kept as it was when the decisions were made: a replay through the forecast gives the
 * same decisions.
 */
#include "engine/record/recorder.h"

#include <string.h>

#include "engine/data/report-json.h"

#define MAX_SAMPLES  4096
#define MAX_EVENTS   4096
#define FLOOD_GAP_US (100 * 1000)
#define CLOCK_SET_US (100 * 1000)

/* For the text of all events: a peer may put nearly a MiB into each. */
#define MAX_EVENT_BYTES (4 * 1024 * 1024)

/* Later than any clock; below this no sum can overflow. */
#define MAX_INSTANT_US (G_GINT64_CONSTANT(1) << 59)

struct Recorder {
	const RecorderListener *listener;
	gpointer listener_data;
	GwReport *report;
	gint64 start_us;      /* monotonic */
	gint64 start_wall_us; /* wall clock: only to see whether it was set meanwhile */
	guint sample_stride;
	guint sample_count;
	gint64 last_pass_us;
	gsize event_bytes;
};

Recorder *
recorder_new(const RecorderListener *listener, gpointer data)
{
	Recorder *self = g_new0(Recorder, 1);
	self->listener = listener;
	self->listener_data = data;
	self->report = gw_report_new();
	self->start_us = g_get_monotonic_time();
	self->start_wall_us = g_get_real_time();
	self->sample_stride = 1;
	self->last_pass_us = -FLOOD_GAP_US;
	return self;
}

void
recorder_free(Recorder *self)
{
	if (self == NULL)
		return;
	gw_report_free(self->report);
	g_free(self);
}

GwReport *
recorder_get_report(Recorder *self)
{
	return self->report;
}

gint64
recorder_now_us(Recorder *self)
{
	return g_get_monotonic_time() - self->start_us;
}

gint64
recorder_at_us(Recorder *self, gint64 monotonic_us)
{
	return CLAMP(monotonic_us, -MAX_INSTANT_US, MAX_INSTANT_US) - self->start_us;
}

static GwPhase *
last_phase(Recorder *self)
{
	GPtrArray *phases = self->report->phases;
	return phases->len > 0 ? g_ptr_array_index(phases, phases->len - 1) : NULL;
}

/* All times are monotonic, but the logs of the hosts are not: whoever compares them must know. */
static void
tell_set_clock(Recorder *self)
{
	gint64 lasted_us = g_get_monotonic_time() - self->start_us;
	gint64 by_us = g_get_real_time() - self->start_wall_us - lasted_us;
	if (ABS(by_us) < CLOCK_SET_US + lasted_us / 1000)
		return;
	g_autofree char *text =
		g_strdup_printf("the wall clock of this host was set by %+.1f s meanwhile",
				(double)by_us / 1e6);
	recorder_event(self, "engine", text, NULL, g_get_monotonic_time());
}

GwReport *
recorder_finish(Recorder *self)
{
	tell_set_clock(self);
	self->report->total_us = recorder_now_us(self);
	GwPhase *last = last_phase(self);
	if (last != NULL && last->end_us < 0)
		last->end_us = self->report->total_us;
	return g_steal_pointer(&self->report);
}

void
recorder_phase(Recorder *self, const char *name)
{
	gint64 now_us = recorder_now_us(self);
	GwPhase *last = last_phase(self);
	if (last != NULL)
		last->end_us = now_us;
	report_add_phase(self->report, name, now_us, -1);
	self->listener->phase(name, self->listener_data);
}

const char *
recorder_get_phase(Recorder *self)
{
	GwPhase *last = last_phase(self);
	return last != NULL ? last->name : NULL;
}

gint64
recorder_phase_start_us(Recorder *self, const char *name)
{
	for (guint i = 0; i < self->report->phases->len; i++) {
		const GwPhase *phase = g_ptr_array_index(self->report->phases, i);
		if (strcmp(phase->name, name) == 0)
			return phase->start_us;
	}
	return -1;
}

static void
drop_every_second(GPtrArray *array)
{
	for (guint i = array->len; i > 0; i--)
		if (i % 2 == 0)
			g_ptr_array_remove_index(array, i - 1);
}

void
recorder_sample(Recorder *self, const GwSample *sample)
{
	self->listener->sample(sample, self->listener_data);

	if (self->sample_count++ % self->sample_stride != 0)
		return;
	if (self->report->samples->len >= MAX_SAMPLES) {
		drop_every_second(self->report->samples);
		self->sample_stride *= 2;
	}
	g_ptr_array_add(self->report->samples, gw_sample_copy(sample));
}

static gboolean
is_flood(Recorder *self, const char *name, gint64 time_us)
{
	if (strcmp(name, "MIGRATION_PASS") != 0)
		return FALSE;
	if (time_us - self->last_pass_us < FLOOD_GAP_US)
		return TRUE;
	self->last_pass_us = time_us;
	return FALSE;
}

static gboolean
has_room(Recorder *self, const GwEvent *event)
{
	gsize bytes = strlen(event->name) + (event->data != NULL ? strlen(event->data) : 0);
	if (self->report->events->len >= MAX_EVENTS || self->event_bytes + bytes > MAX_EVENT_BYTES)
		return FALSE;
	self->event_bytes += bytes;
	return TRUE;
}

void
recorder_event(Recorder *self, const char *host, const char *name, JsonObject *data,
	       gint64 monotonic_us)
{
	gint64 time_us = recorder_at_us(self, monotonic_us);
	if (is_flood(self, name, time_us))
		return;
	g_autofree char *text = NULL;
	if (data != NULL) {
		g_autoptr(JsonNode) node = json_node_alloc();
		json_node_init_object(node, data);
		text = json_to_string(node, FALSE);
	}
	g_autoptr(GwEvent) event = gw_event_new(time_us, host, name, text);
	self->listener->event(event, self->listener_data);
	if (has_room(self, event))
		g_ptr_array_add(self->report->events, g_steal_pointer(&event));
}
