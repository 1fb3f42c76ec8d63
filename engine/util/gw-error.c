/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain of the library and its words. The words go into reports and over the control
 * connection: a released word never changes and never gets another meaning.
 */
#include "engine/gw-error.h"

#include <string.h>

#include <gio/gio.h>

#include "engine/util/error-host.h"
#include "qmp/qmp-error.h"

/* What our errors carry besides the text. */
typedef struct {
	gboolean has_host; /* the text begins with the host */
	Side side;	   /* N_SIDES: neither end of a migration, or both */
} GwErrorPrivate;

static void
gw_error_private_init(GwErrorPrivate *self)
{
	*self = (GwErrorPrivate){ .side = N_SIDES };
}

static void
gw_error_private_copy(const GwErrorPrivate *from, GwErrorPrivate *to)
{
	*to = *from;
}

static void
gw_error_private_clear(GwErrorPrivate *self)
{
}

G_DEFINE_EXTENDED_ERROR(GwError, gw_error)

static const char *const words[] = {
	[GW_ERROR_FAILED] = "failed",
	[GW_ERROR_VM_FILE] = "vm-file",
	[GW_ERROR_LAUNCH] = "launch",
	[GW_ERROR_MONITOR] = "monitor",
	[GW_ERROR_MONITOR_LOST] = "monitor-lost",
	[GW_ERROR_UNREACHABLE] = "unreachable",
	[GW_ERROR_PROTOCOL] = "protocol",
	[GW_ERROR_PEER_LOST] = "peer-lost",
	[GW_ERROR_INSECURE] = "insecure",
	[GW_ERROR_TLS] = "tls",
	[GW_ERROR_BUSY] = "busy",
	[GW_ERROR_INCOMPATIBLE] = "incompatible",
	[GW_ERROR_MIGRATION] = "migration",
	[GW_ERROR_NO_CONVERGENCE] = "no-convergence",
	[GW_ERROR_REFUSED] = "refused",
	[GW_ERROR_UNKNOWN] = "unknown",
	[GW_ERROR_HOOK] = "hook",
	[GW_ERROR_STATE_DIR] = "state-dir",
	[GW_ERROR_VGPU] = "vgpu",
	[GW_ERROR_UNKNOWN_HOST] = "unknown-host",
	[GW_ERROR_HANDED_OVER] = "handed-over",
	[GW_ERROR_CANCELLED] = "cancelled",
};

const char *
gw_error_code_to_string(GwError code)
{
	if ((guint)code >= G_N_ELEMENTS(words))
		return words[GW_ERROR_FAILED];
	return words[code];
}

GwError
gw_error_code_from_string(const char *word)
{
	for (guint i = 0; i < G_N_ELEMENTS(words); i++)
		if (g_strcmp0(words[i], word) == 0)
			return (GwError)i;
	return GW_ERROR_FAILED;
}

static GwError
code_of_qmp(const GError *error)
{
	switch ((QmpError)error->code) {
	case QMP_ERROR_CLOSED:
	case QMP_ERROR_TIMED_OUT:
		return GW_ERROR_MONITOR_LOST;
	case QMP_ERROR_BUSY:
	case QMP_ERROR_PROTOCOL:
		return GW_ERROR_MONITOR;
	case QMP_ERROR_COMMAND_NOT_FOUND:
	case QMP_ERROR_DEVICE_NOT_FOUND:
	case QMP_ERROR_GENERIC:
		return GW_ERROR_FAILED;
	}
	return GW_ERROR_FAILED;
}

GwError
gw_error_code(const GError *error)
{
	if (error == NULL)
		return GW_ERROR_FAILED;
	if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return GW_ERROR_CANCELLED;
	if (error->domain == GW_ERROR)
		return (GwError)error->code;
	if (error->domain == QMP_ERROR)
		return code_of_qmp(error);
	return GW_ERROR_FAILED;
}

static gboolean
has_host(const GError *error)
{
	return error->domain == GW_ERROR && gw_error_get_private(error)->has_host;
}

/* Only an error of our own domain can carry the host. */
static void
make_ours(GError **error)
{
	if ((*error)->domain == GW_ERROR)
		return;
	GError *ours =
		g_error_new_literal(GW_ERROR, (gint)gw_error_code(*error), (*error)->message);
	g_error_free(*error);
	*error = ours;
}

void
error_set_named_host(GError *error, const char *host)
{
	GwErrorPrivate *private = gw_error_get_private(error);
	private->has_host = TRUE;
	if (!side_from_string(host, &private->side))
	private->side = N_SIDES;
}

void
error_add_host(GError **error, const char *host)
{
	if (error == NULL || *error == NULL || has_host(*error) ||
	    g_error_matches(*error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
		return;
	make_ours(error);
	g_prefix_error(error, "%s: ", host);
	error_set_named_host(*error, host);
}

void
error_add_side(GError **error, Side side)
{
	error_add_host(error, side_to_string(side));
}

gboolean
error_is_at(const GError *error, Side side)
{
	return has_host(error) && gw_error_get_private(error)->side == side;
}

const char *
error_peek_text(const GError *error)
{
	if (!has_host(error) || gw_error_get_private(error)->side == N_SIDES)
		return error->message;
	const char *word = side_to_string(gw_error_get_private(error)->side);
	g_autofree char *start = g_strconcat(word, ": ", NULL);
	return error->message + (g_str_has_prefix(error->message, start) ? strlen(start) : 0);
}
