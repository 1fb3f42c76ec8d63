/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain of the library and its words. The words go into reports and over the control
 * connection: a word that was released never changes and never gets another meaning.
 */
#include "engine/gw-error.h"

#include <gio/gio.h>

#include "qmp/qmp-error.h"

/* Not by G_DEFINE_QUARK(): clang-format would put blanks into the name. */
GQuark
gw_error_quark(void)
{
	return g_quark_from_static_string("gw-error-quark");
}

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
