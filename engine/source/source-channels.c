/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The source's data channels: one connection each, to the agent's only port. Each begins with a
 * preamble that says to which session it belongs.
 */
#include "engine/source/source-channels.h"

#include <string.h>

#include "engine/channel/channel-set.h"
#include "engine/gw-error.h"
#include "engine/util/error-host.h"
#include "engine/data/report-json.h"

static NetTuning
choose_tuning(const SourceOptions *options, guint index)
{
	NetTuning tuning = { .unsent_bytes = options->unsent_bytes };
	if (options->congestion == NULL)
		tuning.congestion = net_choose_congestion();
	else if (strcmp(options->congestion, NET_CONGESTION_AS_IT_IS) != 0)
		tuning.congestion = options->congestion;
	if (options->data_paths == NULL || options->data_paths->len == 0)
		return tuning;
	const DataPath *path =
		g_ptr_array_index(options->data_paths, index % options->data_paths->len);
	tuning.local = path->local;
	tuning.host = path->host;
	return tuning;
}

/* Connects channel @index and sends its preamble. Returns: the descriptor, or -1 */
static int
open_one(SourceRun *run, const guint8 token[CONTROL_TOKEN_BYTES], guint index, GError **error)
{
	ControlPreamble preamble = { .index = index };
	guint8 bytes[CONTROL_PREAMBLE_BYTES];
	memcpy(preamble.token, token, CONTROL_TOKEN_BYTES);
	control_preamble_format(&preamble, bytes);

	const NetTuning tuning = choose_tuning(run->options, index);
	g_autoptr(GSocket) socket = dialer_connect(run->peer->dialer, NET_DATA, token, &tuning,
						   run->cancellable, error);
	/* The buffer of a new connection always has room for 28 bytes, so none is left to send. */
	if (socket == NULL ||
	    g_socket_send(socket, (const char *)bytes, sizeof bytes, NULL, error) != sizeof bytes)
		return -1;
	return net_dup_blocking(socket, error);
}

void
source_report_connection(SourceRun *run, const char *name)
{
	const TlsInfo *info = dialer_get_info(run->peer->dialer);
	report_add_connection(recorder_get_report(run->recorder), name, info->here, info->there,
			      info->cipher);
}

gboolean
source_open_channels(SourceRun *run, GArray *fds, GArray *tcps, GError **error)
{
	guint8 token[CONTROL_TOKEN_BYTES];
	if (!control_token_from_string(run->channels.token, token)) {
		g_set_error(error, GW_ERROR, GW_ERROR_PROTOCOL, "the agent gave no usable token");
		error_add_side(error, SIDE_DESTINATION);
		return FALSE;
	}
	guint n = channel_count(run->plan->channels);
	for (guint i = 0; i < n; i++) {
		int fd = open_one(run, token, i, error);
		if (fd < 0) {
			error_add_side(error, SIDE_DESTINATION);
			return FALSE;
		}
		int tcp = dialer_take_tcp(run->peer->dialer);
		g_array_append_val(fds, fd);
		g_array_append_val(tcps, tcp);
		g_autofree char *name = g_strdup_printf("channel %u", i);
		source_report_connection(run, name);
	}
	return TRUE;
}
