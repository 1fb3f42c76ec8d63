/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-device.h"
#include "vfio/vfio-feature.h"

typedef enum {
	VFIO_SEVERITY_WARNING,
	VFIO_SEVERITY_ERROR, /* it cannot migrate so */
} VfioSeverity;

/* One thing that stands in the way of moving a vGPU. */
typedef struct {
	VfioSeverity severity;
	const char *code; /* a stable word: "vgpu-driver-version" */
	const char *host; /* the one that has to change: "source", "destination" or "both" */
	char *text;
	char *remedy; /* what to do about it */
} VfioIssue;

void vfio_issue_free(VfioIssue *self);

/* What is known of a vGPU at one end: the one that is there, or the one that would be made. All is
 * (borrowed), and NULL or -1 where it is not known, so that it can be filled from another host's survey. */
typedef struct {
	const char *id;	       /* what people know it by; only for texts */
	const char *framework; /* NULL: that host makes no vGPUs, or not where it was asked to */
	const char *vendor;
	const char *driver;
	const char *driver_version;
	const char *type; /* NULL: there is no such type */
	const char *type_name;
	const char *description;
	gint64 vram_bytes;
	const char *params;
	gint64 migration_flags;	  /* VFIO_FLAG_… */
	gboolean lacks_data_size; /* see VfioFeatures */
	/* Of the destination only. */
	gint64 available;	 /* free instances of the type */
	const char *taken_type;	 /* the type of the vGPU that has the UUID there already */
	VfioLive live;		 /* what the vendor's library says */
	const char *live_reason; /* why not */
} VfioSide;

/* Nothing is known. */
void vfio_side_init(VfioSide *self);
void vfio_side_from_device(VfioSide *self, const VfioDevice *device);
/* @parent: (nullable) */
void vfio_side_from_parent(VfioSide *self, const VfioParent *parent, const char *type);

/* (transfer full): of VfioIssue, all at once; empty when nothing stands in the way. */
GPtrArray *vfio_compat_check(const VfioSide *source, const VfioSide *destination);
/* What the vGPUs of one VM ask of each other: of @side, one of @n. @where: (static): "source" or "destination". The
 * same result. */
GPtrArray *vfio_compat_check_among(const VfioSide *side, guint n, const char *where);

/**
 * vfio_compat_check_size:
 * @side: one of the source's
 * @n_lacking: of how many of the VM's the driver does not tell how much is left
 * @bandwidth_bytes_per_s: 0 for no limit
 *
 * Could QEMU ever find that what is left fits into the downtime limit? A warning where that depends on the
 * network. The same result.
 */
GPtrArray *vfio_compat_check_size(const VfioSide *side, guint n_lacking, gint64 downtime_limit_us,
				  gint64 bandwidth_bytes_per_s);
