/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/account.h"
#include "engine/gw-vgpu.h"

/* One vGPU in an account. */

#define ACCOUNT_N_POINTS 128

/* A reading, and how much had been sent at that time. */
typedef struct {
	AccountReading reading;
	gint64 time_us; /* -1: never */
	gint64 sent_bytes;
} AccountKept;

/* What remained and what had been sent at one instant. */
typedef struct {
	gint64 time_us;
	gint64 left_bytes;
	gint64 sent_bytes;
} AccountPoint;

typedef struct {
	char *name;	 /* the name in the report */
	char *device_id; /* (nullable): the id in events */
	char *stream_id; /* (nullable): the id in the stream */
	gint64 vram_bytes;
	gboolean has_precopy;	  /* it is sent while the guest runs */
	gboolean lacks_data_size; /* QEMU invents the size of its stop-copy */
	gboolean has_stopped;

	/* Sent until now; -1: not known. */
	gint64 sent_bytes;
	GwNumberSource sent_source;
	gint64 precopy_bytes; /* the part of it that was sent in pre-copy */

	AccountKept kept[GW_SOURCE_MODEL];
	AccountPoint points[ACCOUNT_N_POINTS]; /* a ring */
	guint n_points;
	GwNumberSource points_source;
	gboolean is_first_pass; /* so the rate is a lower bound */
	gboolean is_doubted;	/* the doubt about its numbers was reported already */
} AccountVgpu;

void account_vgpu_init(AccountVgpu *self, const GwVgpu *vgpu);
void account_vgpu_clear(AccountVgpu *self);

void account_vgpu_keep(AccountVgpu *self, GwNumberSource source, const AccountReading *reading,
		       gint64 time_us);
/* What remains, by the sources that know it; unknown when none does. */
GwNumber account_vgpu_left(const AccountVgpu *self, gint64 time_us);
/* Returns whether a source better than @worse_than has asked the driver recently. */
gboolean account_vgpu_is_told(const AccountVgpu *self, GwNumberSource worse_than, gint64 time_us);
/* Returns an upper bound of what remains: the vRAM minus what was sent. */
GwNumber account_vgpu_bound(const AccountVgpu *self);
GwNumber account_vgpu_dirty_rate(const AccountVgpu *self, gint64 time_us);
/* (transfer full) (nullable): a sentence about a reading that makes no sense; returned once. */
char *account_vgpu_doubt(AccountVgpu *self);
