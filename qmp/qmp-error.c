/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The error domain of qmp/ and the questions that callers ask about an error. Callers ask questions
 * instead of comparing codes, because one fact can have several codes: both QMP_ERROR and the
 * socket itself can report that the monitor has closed.
 */
#include "qmp/qmp-error.h"

#include <gio/gio.h>

/* Not by G_DEFINE_QUARK(): clang-format would put blanks into the name. */
GQuark
qmp_error_quark(void)
{
	return g_quark_from_static_string("qmp-error-quark");
}

gboolean
qmp_error_is_closed(const GError *error)
{
	return g_error_matches(error, QMP_ERROR, QMP_ERROR_CLOSED) ||
	       g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CLOSED) ||
	       g_error_matches(error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE) ||
	       g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
}

gboolean
qmp_error_is_refusal(const GError *error)
{
	return g_error_matches(error, QMP_ERROR, QMP_ERROR_COMMAND_NOT_FOUND) ||
	       g_error_matches(error, QMP_ERROR, QMP_ERROR_DEVICE_NOT_FOUND) ||
	       g_error_matches(error, QMP_ERROR, QMP_ERROR_GENERIC);
}

gboolean
qmp_error_is_timeout(const GError *error)
{
	return g_error_matches(error, QMP_ERROR, QMP_ERROR_TIMED_OUT) ||
	       g_error_matches(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
}
