/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/account.h"
#include "engine/gw-vgpu.h"
#include "engine/record/journal.h"
#include "engine/host/qemu.h"

/*
 * Asks how much is left of the vGPUs while a migration goes on, where QEMU's own answer and the stream do not tell: see
 * vgpu-pending.c. A way to ask is one file vgpu-pending-<word>.c that defines vgpu_pending_<word>, and the word in engine/measure/meson.build.
 */
typedef struct VgpuPending VgpuPending;
typedef struct VgpuPendingSource VgpuPendingSource;

typedef struct {
	Qemu *qemu;
	const GPtrArray *vgpus; /* of GwVgpu */
	const char *name;	/* of the run: no other on this host has it */
	Account *account;	/* that learns the answers */
	/* A clock for the account. */
	gint64 (*now_us)(gpointer data);
	gpointer now_data;
	/* (nullable): has the account count what was sent so far, with @now_data. */
	void (*count_sent)(gpointer data);
} VgpuPendingContext;

typedef struct {
	const char *name; /* "trace" */
	GwNumberSource source;
	gboolean by_request; /* only if the user wants it */
	/* Can it be done? Touches nothing. @ret_why: (out) (transfer none): why not. */
	gboolean (*is_possible)(const VgpuPendingContext *context, const char **ret_why);
	/* What is to be in the journal before it begins. (nullable) */
	void (*add_facts)(const VgpuPendingContext *context, JsonObject *facts);
	/* NULL with the error, and nothing is changed. */
	VgpuPendingSource *(*begin)(const VgpuPendingContext *context, GError **error);
	/* Asks if it is time; never waits. The answers go to the account, in turns of the loop. */
	void (*poll)(VgpuPendingSource *self, gint64 now_us);
	/* Puts everything back as it was, and frees it. */
	gboolean (*end)(VgpuPendingSource *self, GError **error);
	/* (nullable): what end() would have put back, for a run that has died. */
	gboolean (*put_back)(Qemu *qemu, Journal *journal, GError **error);
} VgpuPendingOps;

/* Every asker begins with this, set by begin(). */
struct VgpuPendingSource {
	VgpuPendingContext context;
};

/* After an answer of a driver that took so long: the driver's lock, and perhaps its board, are for QEMU first. */
gint64 vgpu_pending_device_pause_us(gint64 took_us);

/* An asker's answer, to the account. */
void vgpu_pending_take(const VgpuPendingContext *context, guint vgpu, GwNumberSource source,
		       const AccountReading *reading);

/* @context: copied; what it points to must outlive it. @by_request: the user wants those that are for this only. */
VgpuPending *
vgpu_pending_new(const VgpuPendingContext *context, Journal *journal, gboolean by_request);
/* Asks those who are needed for what the account does not know yet; never waits, but when it begins with one. */
void vgpu_pending_poll(VgpuPending *self);
/* (transfer full) (nullable): why one cannot ask; each is told once. */
char *vgpu_pending_next_refusal(VgpuPending *self);
/* Puts everything back as it was, as far as that can be done; the first error is kept. */
gboolean vgpu_pending_end(VgpuPending *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* As vgpu_pending_end(), where nobody can be told of an error any more. */
void vgpu_pending_free(VgpuPending *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VgpuPending, vgpu_pending_free);

/* For a run that has died. */
gboolean
vgpu_pending_put_back(Qemu *qemu, Journal *journal, GError **error) G_GNUC_WARN_UNUSED_RESULT;
