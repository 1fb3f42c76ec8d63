/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"
#include "engine/forecast/predict.h"

/* What earlier migrations took, by the type of the vGPU and the version of its driver. Pure;
 * learning-file.c stores it. */

#define LEARNING_TYPES_MAX 64
#define LEARNING_KEPT	   5

/* The last values, the newest first. */
typedef struct {
	gint64 values[LEARNING_KEPT];
	guint n;
} LearnedValues;

typedef struct {
	char *type;
	char *driver_version;
	gint64 seen; /* how many vGPUs of this type were migrated */
	/* The share of one vGPU. */
	LearnedValues stop_us;	/* from the guest's stop until QEMU may send the rest */
	LearnedValues start_us; /* from the last byte sent to the guest's start at the
				 * destination */
	LearnedValues load_us;	/* of the time in between, what is not the transfer of RAM and vGPU
			  * bytes */
	LearnedValues device_bytes_per_s; /* how fast its drivers save and load, if the link was not
				     * slower */
	LearnedValues sent_per_mille; /* of its vRAM, by drivers that send it only after the guest's
				 * stop */
} LearnedType;

/* (transfer full): of LearnedType, the one seen last comes first. */
GPtrArray *learning_new(void);

/* (transfer full): NULL with %GW_ERROR_PROTOCOL, which names the field: the file may hold
 * anything. */
GPtrArray *learning_from_json(const char *text, gsize len, GError **error);
/* (transfer full) */
char *learning_to_json(const GPtrArray *self);

/**
 * learning_take:
 * @vgpus: (nullable): of GwVgpu: the VM's
 * @report: of a completed run
 *
 * Merges what @report measured.
 *
 * Returns: whether it measured anything
 */
gboolean learning_take(GPtrArray *self, const GPtrArray *vgpus, const GwReport *report);

/* What is known of one VM's vGPUs. */
typedef struct {
	PredictTerms terms;	/* those of predict_terms_init() if a type is not known */
	gboolean is_load_known; /* then it includes the data in flight and the state of other
				 * devices */
	GwRange sent_per_mille[VGPU_MAX]; /* in the order of the VM's vGPUs; -1: not known */
} Learned;

/* @vgpus: (nullable): of GwVgpu */
void learning_look_up(const GPtrArray *self, const GPtrArray *vgpus, Learned *ret_learned);
