/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/account.h"
#include "engine/gw-vgpu.h"

/* One vGPU in an account. */

#define ACCOUNT_N_POINTS 128

/* A reading, and how much had been sent when it was taken. */
typedef struct {
	AccountReading reading;
	gint64 time_us; /* -1: never */
	gint64 sent_bytes;
} AccountKept;

/* What was left and sent at one instant. */
typedef struct {
	gint64 time_us;
	gint64 left_bytes;
	gint64 sent_bytes;
} AccountPoint;

typedef struct {
	char *name;	 /* as the report has it */
	char *device_id; /* (nullable): what events call it */
	char *stream_id; /* (nullable): what the stream calls it */
	gint64 vram_bytes;
	gboolean has_precopy;	  /* it is sent while the guest runs */
	gboolean lacks_data_size; /* what QEMU says of its stop-copy is made up */
	gboolean has_stopped;

	/* Sent so far; -1: not known. */
	gint64 sent_bytes;
	GwNumberSource sent_source;
	gint64 precopy_bytes; /* of these */

	AccountKept kept[GW_SOURCE_MODEL];
	AccountPoint points[ACCOUNT_N_POINTS]; /* a ring */
	guint n_points;
	GwNumberSource points_source;
	gboolean is_first_pass; /* so the rate is at least what is seen */
	gboolean is_doubted;	/* told already that its numbers make no sense */
} AccountVgpu;

void account_vgpu_init(AccountVgpu *self, const GwVgpu *vgpu);
void account_vgpu_clear(AccountVgpu *self);

void account_vgpu_keep(AccountVgpu *self, GwNumberSource source, const AccountReading *reading,
		       gint64 time_us);
/* What is left, by the sources that can tell; not known when none can. */
GwNumber account_vgpu_left(const AccountVgpu *self, gint64 time_us);
/* Has a source that is better than @worse_than asked the driver lately? */
gboolean account_vgpu_is_told(const AccountVgpu *self, GwNumberSource worse_than, gint64 time_us);
/* At most this is left, from how much vRAM there is and how much has gone. */
GwNumber account_vgpu_bound(const AccountVgpu *self);
GwNumber account_vgpu_dirty_rate(const AccountVgpu *self, gint64 time_us);
/* (transfer full) (nullable): a reading that cannot be meant, told once. */
char *account_vgpu_doubt(AccountVgpu *self);
