/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The source of a number; the best first. */
typedef enum {
	GW_SOURCE_STREAM,      /* the bytes of the stream, as Godwit sees them */
	GW_SOURCE_QEMU,	       /* query-migrate, calc-dirty-rate */
	GW_SOURCE_TRACE,       /* QEMU's trace points */
	GW_SOURCE_DEVICE,      /* the device's driver, by ioctl or by its library */
	GW_SOURCE_FRAMEBUFFER, /* the vRAM size of the type */
	GW_SOURCE_MODEL,       /* computed from other numbers */
} GwNumberSource;

/* How reliable a number is; the best first. */
typedef enum {
	GW_CONFIDENCE_MEASURED,
	GW_CONFIDENCE_ESTIMATED,
	GW_CONFIDENCE_BOUND,	   /* the true value is this or less */
	GW_CONFIDENCE_LOWER_BOUND, /* the true value is this or more */
} GwConfidence;

/* A quantity with its source. The unit is in the name of the field. */
typedef struct {
	gint64 value; /* -1: not known; the other members then have no meaning */
	GwNumberSource source;
	GwConfidence confidence;
} GwNumber;

#define GW_NUMBER_UNKNOWN \
	((GwNumber){      \
		.value = -1, .source = GW_SOURCE_MODEL, .confidence = GW_CONFIDENCE_ESTIMATED })

/* A negative @value means "not known". */
GW_API GwNumber gw_number(gint64 value, GwNumberSource source, GwConfidence confidence);
GW_API gboolean gw_number_is_known(GwNumber self);
/* The sum of both, with the confidence and the source of the less certain one. Not known when
 * either is not known, or when one is an upper bound and the other a lower bound. */
GW_API GwNumber gw_number_add(GwNumber a, GwNumber b);

/* The stable words: "stream", "qemu", ...; "measured", "estimated", "bound", "lower-bound". */
GW_API const char *gw_number_source_to_string(GwNumberSource source);
GW_API const char *gw_confidence_to_string(GwConfidence confidence);
