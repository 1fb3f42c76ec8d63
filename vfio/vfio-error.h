/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a caller could act on; the detail, and what to do about it, is in the message. */
typedef enum {
	VFIO_ERROR_NOT_FOUND,	/* no such parent, type or device, or no name of one */
	VFIO_ERROR_NO_INSTANCE, /* the type is there, and all of its instances are taken */
	VFIO_ERROR_EXISTS,	/* the UUID or the VF is taken by another vGPU */
	VFIO_ERROR_BUSY,	/* in use, or coming or going just now: later it may succeed */
	VFIO_ERROR_UNSUPPORTED, /* the driver or the kernel cannot do it */
	VFIO_ERROR_SYSFS,	/* the kernel said no, or sysfs cannot be read or makes no sense */
} VfioError;

#define VFIO_ERROR (vfio_error_quark())
GQuark vfio_error_quark(void);

/* What one errno means in one place. A table of these ends with number 0. */
typedef struct {
	int number;
	VfioError code;
	const char *text; /* what it means and what to do */
} VfioErrnoRow;

/* Sets @error to "@subject: TEXT (ENOSPC words)" by the row of @number, or in the system's words without
 * one. Always %FALSE. */
gboolean
vfio_error_set_errno(GError **error, const VfioErrnoRow *rows, int number, const char *subject);

/* (transfer full): at most 64 bytes of @text, NULL being "", that are valid UTF-8 and fit into a line. */
char *vfio_error_quote(const char *text);
