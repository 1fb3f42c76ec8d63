/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-event.h"
#include "engine/gw-report.h"
#include "engine/gw-sample.h"

/* Keeps the record of one run, and calls the listener while it goes on. */
typedef struct Recorder Recorder;

typedef struct {
	void (*phase)(const char *name, gpointer data);
	void (*sample)(const GwSample *sample, gpointer data);
	void (*event)(const GwEvent *event, gpointer data);
} RecorderListener;

/* @listener must outlive it. The run starts now. */
Recorder *recorder_new(const RecorderListener *listener, gpointer data);
void recorder_free(Recorder *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recorder, recorder_free);

/* (transfer none) */
GwReport *recorder_get_report(Recorder *self);
/* (transfer full): the final record. Afterwards only recorder_free() may be called. */
GwReport *recorder_finish(Recorder *self);

/* Microseconds from the run's start, now and for an instant of this host's monotonic clock. */
gint64 recorder_now_us(Recorder *self);
gint64 recorder_at_us(Recorder *self, gint64 monotonic_us);

/* @name: static. Ends the phase before. */
void recorder_phase(Recorder *self, const char *name);
const char *recorder_get_phase(Recorder *self);
/* When @name began, or -1. */
gint64 recorder_phase_start_us(Recorder *self, const char *name);

/* @sample: complete; it is not changed. */
void recorder_sample(Recorder *self, const GwSample *sample);
/* @data: (nullable). If events of one kind come too often, most of them are not kept. */
void recorder_event(Recorder *self, const char *host, const char *name, JsonObject *data,
		    gint64 monotonic_us);
