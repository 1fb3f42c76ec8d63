/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"
#include "engine/forecast/predict.h"

/* What earlier migrations took, by the type of the vGPU and the version of its driver. Pure; learning-file.c keeps it. */

#define LEARNING_TYPES_MAX 64
#define LEARNING_KEPT	   5

/* What the last times showed, the newest first. */
typedef struct {
	gint64 values[LEARNING_KEPT];
	guint n;
} LearnedValues;

typedef struct {
	char *type;
	char *driver_version;
	gint64 seen; /* how many such vGPUs have been moved */
	/* One vGPU's share of them. */
	LearnedValues stop_us;	/* from the guest's stop to QEMU's leave to send the rest */
	LearnedValues start_us; /* from the last byte sent to the guest's start over there */
	LearnedValues
		load_us; /* of the time in between, what it took besides the bytes of RAM and vGPUs */
	LearnedValues
		device_bytes_per_s; /* how fast its drivers save and load, where the link was not slower */
	LearnedValues
		sent_per_mille; /* of its vRAM, by drivers that send it with the guest stopped only */
} LearnedType;

/* (transfer full): of LearnedType, that which was seen last first. */
GPtrArray *learning_new(void);

/* (transfer full): NULL with %GW_ERROR_PROTOCOL, naming the field: the file may hold anything. */
GPtrArray *learning_from_json(const char *text, gsize len, GError **error);
/* (transfer full) */
char *learning_to_json(const GPtrArray *self);

/**
 * learning_take:
 * @vgpus: (nullable): of GwVgpu: the VM's
 * @report: of a run that has completed
 *
 * Merges what @report measured. Returns: whether there was anything in it
 */
gboolean learning_take(GPtrArray *self, const GPtrArray *vgpus, const GwReport *report);

/* What is known of one VM's vGPUs. */
typedef struct {
	PredictTerms terms;	/* predict_terms_init()'s where a type is not known */
	gboolean is_load_known; /* what is in flight and other devices' state are in it then */
	GwRange sent_per_mille[VGPU_MAX]; /* in the order of the VM's vGPUs; -1: not known */
} Learned;

/* @vgpus: (nullable): of GwVgpu */
void learning_look_up(const GPtrArray *self, const GPtrArray *vgpus, Learned *ret_learned);
