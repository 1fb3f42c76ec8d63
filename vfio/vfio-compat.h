/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-device.h"
#include "vfio/vfio-feature.h"

typedef enum {
	VFIO_SEVERITY_WARNING,
	VFIO_SEVERITY_ERROR, /* the vGPU cannot migrate */
} VfioSeverity;

/* One obstacle to the migration of a vGPU. */
typedef struct {
	VfioSeverity severity;
	const char *code; /* a stable word: "vgpu-driver-version" */
	const char *host; /* the host that must change: "source", "destination" or "both" */
	char *text;
	char *remedy; /* what the user can do */
} VfioIssue;

void vfio_issue_free(VfioIssue *self);

/* The known facts about a vGPU on one host: an existing vGPU, or the one that would be created. All
 * members are (borrowed), and NULL or -1 where a fact is not known, so that another host's survey
 * can fill them in. */
typedef struct {
	const char *id;	       /* the name that people use; only for texts */
	const char *framework; /* NULL: that host makes no vGPUs, or not on the wanted parent */
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
	/* Only for the destination. */
	gint64 available;	 /* free instances of the type */
	const char *taken_type;	 /* the type of an existing vGPU with the same UUID */
	VfioLive live;		 /* what the vendor's library says */
	const char *live_reason; /* why not */
} VfioSide;

/* Sets every fact to unknown. */
void vfio_side_init(VfioSide *self);

/* (transfer full): of VfioIssue, all issues at once; empty when there is no obstacle. */
GPtrArray *vfio_compat_check(const VfioSide *source, const VfioSide *destination);
/* What the vGPUs of one VM require of each other; @side is one of @n. @where: (static): "source" or
 * "destination".
 * Returns the same kind of list. */
GPtrArray *vfio_compat_check_among(const VfioSide *side, guint n, const char *where);

/**
 * vfio_compat_check_size:
 * @side: one vGPU of the source
 * @n_lacking: how many of the VM's vGPUs have a driver that does not report how much is left
 * @bandwidth_bytes_per_s: 0 for no limit
 *
 * Could QEMU ever find that the remaining data fits into the downtime limit? A warning where that
 * depends on the network. Returns the same kind of list.
 */
GPtrArray *vfio_compat_check_size(const VfioSide *side, guint n_lacking, gint64 downtime_limit_us,
				  gint64 bandwidth_bytes_per_s);
