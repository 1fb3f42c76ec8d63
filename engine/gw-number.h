/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* Who counted; the best first. */
typedef enum {
	GW_SOURCE_STREAM,      /* the bytes of the stream, as Godwit sees them pass */
	GW_SOURCE_QEMU,	       /* query-migrate, calc-dirty-rate */
	GW_SOURCE_TRACE,       /* QEMU's trace points */
	GW_SOURCE_DEVICE,      /* the device's driver, by ioctl or by its library */
	GW_SOURCE_FRAMEBUFFER, /* how much vRAM the type has */
	GW_SOURCE_MODEL,       /* computed from other numbers */
} GwNumberSource;

/* How far a number can be trusted; the best first. */
typedef enum {
	GW_CONFIDENCE_MEASURED,
	GW_CONFIDENCE_ESTIMATED,
	GW_CONFIDENCE_BOUND,	   /* it is this or less */
	GW_CONFIDENCE_LOWER_BOUND, /* it is this or more */
} GwConfidence;

/* A quantity that says where it comes from. The name of the field has the unit. */
typedef struct {
	gint64 value; /* -1: not known, the rest means nothing then */
	GwNumberSource source;
	GwConfidence confidence;
} GwNumber;

#define GW_NUMBER_UNKNOWN \
	((GwNumber){      \
		.value = -1, .source = GW_SOURCE_MODEL, .confidence = GW_CONFIDENCE_ESTIMATED })

/* A negative @value is taken as not known. */
GW_API GwNumber gw_number(gint64 value, GwNumberSource source, GwConfidence confidence);
GW_API gboolean gw_number_is_known(GwNumber self);
/* Both together, as sure as the less sure of them and by its source. Not known when one of them is not, or
 * when one can only be less and the other only more. */
GW_API GwNumber gw_number_add(GwNumber a, GwNumber b);

/* The stable words: "stream", "qemu", ...; "measured", "estimated", "bound", "lower-bound". */
GW_API const char *gw_number_source_to_string(GwNumberSource source);
GW_API const char *gw_confidence_to_string(GwConfidence confidence);
