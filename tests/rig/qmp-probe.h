/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"
#include "tests/rig/fake-qemu.h"

/* Looking at a QmpClient from a test. */

/* Connects with a time-out of 10 s; ends the program if that fails. */
QmpClient *probe_connect(FakeQemu *qemu);
/* Closes @client, if it is not NULL, drops it, and requires that all went by the script. */
void probe_end(QmpClient *client, FakeQemu *qemu);

/* One command and what became of it. */
typedef struct {
	gboolean done;
	guint times;	 /* how often it was told: has to be once */
	JsonNode *reply; /* (owned) (nullable) */
	GError *error;	 /* (owned) (nullable) */
} ProbeCall;

void probe_call_clear(ProbeCall *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProbeCall, probe_call_clear);
#define PROBE_CALL_INIT              \
	{                            \
		FALSE, 0, NULL, NULL \
	}

void probe_start(ProbeCall *self, QmpClient *client, const char *command,
		 const QmpExecOptions *options, GCancellable *cancellable);
/* Waits for it; requires an integer as the reply. */
void probe_expect_int(ProbeCall *self, gint64 value);
/* Waits for it; requires an error. */
void probe_expect_error(ProbeCall *self, GQuark domain, int code, const char *text);

/* What ::event and ::closed told, as text: "STOP MIGRATION closed". */
typedef struct {
	GString *text; /* (owned) */
	guint n_events;
	gint64 last_timestamp_us;
	GError *closed; /* (owned) (nullable) */
} ProbeLog;

void probe_log_init(ProbeLog *self, QmpClient *client);
void probe_log_clear(ProbeLog *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProbeLog, probe_log_clear);
