/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options of the data channels: how many, over which links, and how the kernel sends on them.
 */
#include "tools/channel-options.h"

#include <string.h>

static int
apply_number(const SessionOptions *self, GwSession *session)
{
	guint64 channels = 0;
	if (self->channels != NULL &&
	    !g_ascii_string_to_unsigned(self->channels, 10, 1, GW_MAX_CHANNELS, &channels, NULL))
		return cmd_usage("--channels: '%s' is not a number from 1 to %d", self->channels,
				 GW_MAX_CHANNELS);
	gw_session_set_channels(session, (guint)channels);
	return 0;
}

/* ADDR or ADDR=HOST. */
static int
apply_bind(const char *word, GwSession *session)
{
	g_autoptr(GError) error = NULL;
	const char *equals = strchr(word, '=');
	g_autofree char *local =
		equals != NULL ? g_strndup(word, (gsize)(equals - word)) : g_strdup(word);
	if (equals != NULL && equals[1] == '\0')
		return cmd_usage("--bind: '%s' has no host after the '='", word);
	if (!gw_session_add_bind(session, local, equals != NULL ? equals + 1 : NULL, &error))
		return cmd_usage("--bind: %s", error->message);
	return 0;
}

static int
apply_ways(const SessionOptions *self, GwSession *session)
{
	for (guint i = 0; self->bind != NULL && self->bind[i] != NULL; i++) {
		int exit_code = apply_bind(self->bind[i], session);
		if (exit_code != 0)
			return exit_code;
	}
	return 0;
}

int
channel_options_apply(const SessionOptions *self, GwSession *session)
{
	g_autoptr(GError) error = NULL;
	if (!gw_session_set_transport(session, self->transport, &error))
		return cmd_usage("--transport: %s: say 'direct' or 'relay'", error->message);
	if (!gw_session_set_congestion(session, self->congestion, &error))
		return cmd_usage("--congestion: %s", error->message);
	int exit_code = apply_number(self, session);
	return exit_code == 0 ? apply_ways(self, session) : exit_code;
}
