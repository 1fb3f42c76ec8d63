/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a caller of QMP could act on; QEMU's own class and words are kept whole in the message. */
typedef enum {
	QMP_ERROR_CLOSED,	     /* the monitor has gone: QEMU ended or closed the socket */
	QMP_ERROR_BUSY,		     /* no greeting came: another client has the monitor */
	QMP_ERROR_PROTOCOL,	     /* what came is not QMP */
	QMP_ERROR_TIMED_OUT,	     /* no reply in time; the connection is still good */
	QMP_ERROR_COMMAND_NOT_FOUND, /* class CommandNotFound */
	QMP_ERROR_DEVICE_NOT_FOUND,  /* class DeviceNotFound */
	QMP_ERROR_GENERIC,	     /* any other class */
} QmpError;

#define QMP_ERROR (qmp_error_quark())
GQuark qmp_error_quark(void);

/* Is the monitor gone for good, however that was found out? */
gboolean qmp_error_is_closed(const GError *error);
/* Did QEMU answer, and say no? */
gboolean qmp_error_is_refusal(const GError *error);
gboolean qmp_error_is_timeout(const GError *error);
