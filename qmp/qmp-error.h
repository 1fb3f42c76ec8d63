/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The errors that a caller of QMP can act on. The message keeps QEMU's own class and words
 * unchanged. */
typedef enum {
	QMP_ERROR_CLOSED,	     /* QEMU ended or closed the monitor */
	QMP_ERROR_BUSY,		     /* no greeting came: another client uses the monitor */
	QMP_ERROR_PROTOCOL,	     /* the received data is not QMP */
	QMP_ERROR_TIMED_OUT,	     /* no reply in time; the connection is still good */
	QMP_ERROR_COMMAND_NOT_FOUND, /* class CommandNotFound */
	QMP_ERROR_DEVICE_NOT_FOUND,  /* class DeviceNotFound */
	QMP_ERROR_GENERIC,	     /* any other class */
} QmpError;

#define QMP_ERROR (qmp_error_quark())
GQuark qmp_error_quark(void);

/* Is the monitor closed forever, whichever code says so? */
gboolean qmp_error_is_closed(const GError *error);
/* Did QEMU answer and reject the command? */
gboolean qmp_error_is_refusal(const GError *error);
gboolean qmp_error_is_timeout(const GError *error);
