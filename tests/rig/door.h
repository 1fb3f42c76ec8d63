/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/acceptor.h"

/* An acceptor with one connection, and its decision about it. */
typedef struct {
	/* To be set before door_open(). */
	gboolean waits_for_channel;
	gboolean is_full;
	const char *pass; /* (nullable): that a session waits for */
	AcceptorConfig config;

	AcceptorSet *set;
	GSocket *dialled; /* what the stranger holds */
	GSocket *control;
	char *peer;
	char *subject; /* (nullable) */
	char *said;    /* of a control connection */
	ControlPreamble preamble;
	int channel_fd;
	char *rejected; /* the last reason */
	int rejected_code;
	char *rejected_peer;
	guint n_rejected;
	gboolean decided;
} Door;

/* Three dear things, however slow or fast the machine is. */
extern const AcceptorLimits door_narrow;
/* No patience; all else is as usual, with the patience that a slow machine needs, where nothing is
 * set. */
extern const AcceptorLimits door_hasty;

void door_open(Door *self);
/* One more stranger. (transfer full): what he holds. */
GSocket *door_dial(Door *self, GSocket *listening);
void door_clear(Door *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Door, door_clear);
