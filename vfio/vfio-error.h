/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The errors that a caller can act on. The message has the detail and says what to do. */
typedef enum {
	VFIO_ERROR_NOT_FOUND,	/* no such parent, type or device, or not a valid name */
	VFIO_ERROR_NO_INSTANCE, /* the type exists, but all its instances are taken */
	VFIO_ERROR_EXISTS,	/* another vGPU has the UUID or the VF */
	VFIO_ERROR_BUSY,	/* in use, or being created or removed now: a later try may
				 * succeed */
	VFIO_ERROR_UNSUPPORTED, /* the driver or the kernel cannot do it */
	VFIO_ERROR_SYSFS,	/* the kernel rejected it, or sysfs is unreadable or malformed */
} VfioError;

#define VFIO_ERROR (vfio_error_quark())
GQuark vfio_error_quark(void);

/* The meaning of one errno in one place. A table of these ends with number 0. */
typedef struct {
	int number;
	VfioError code;
	const char *text; /* what it means and what to do */
} VfioErrnoRow;

/* Sets @error to "@subject: TEXT (ENOSPC words)" by the row of @number. Without a row the system's
 * words are used. Always %FALSE. */
gboolean
vfio_error_set_errno(GError **error, const VfioErrnoRow *rows, int number, const char *subject);

/* (transfer full): at most 64 bytes of @text (NULL counts as ""), valid UTF-8 and on one line. */
char *vfio_error_quote(const char *text);
