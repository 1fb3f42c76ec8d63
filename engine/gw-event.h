/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/gw-version.h"

/* An event at one instant, on either host or in the engine itself. */
typedef struct {
	gint64 time_us; /* since the run's start, on the source's clock; the destination's times
			 * are converted */
	char *host;	/* "source", "destination" or "engine" */
	char *name;	/* QEMU's word, or ours: "phase", "clock", "hook" */
	char *data;	/* (nullable): a JSON object as text */
} GwEvent;

#define GW_TYPE_EVENT (gw_event_get_type())
GW_API GType gw_event_get_type(void);
GW_API GwEvent *gw_event_new(gint64 time_us, const char *host, const char *name, const char *data);
GW_API GwEvent *gw_event_copy(const GwEvent *self);
GW_API void gw_event_free(GwEvent *self);
/* (transfer full): one line of JSON without its line feed: {"event","time_us","host","data"}. */
GW_API char *gw_event_to_json(const GwEvent *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwEvent, gw_event_free);
