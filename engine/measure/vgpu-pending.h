/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/forecast/account.h"
#include "engine/gw-vgpu.h"
#include "engine/record/journal.h"
#include "engine/host/qemu.h"

/*
 * Asks how much of the vGPUs remains during a migration, if QEMU's own answer and the stream do not
 * say it: see vgpu-pending.c. A source is one file vgpu-pending-<word>.c that defines
 * vgpu_pending_<word>, and the word in engine/measure/meson.build.
 */
typedef struct VgpuPending VgpuPending;
typedef struct VgpuPendingSource VgpuPendingSource;

typedef struct {
	Qemu *qemu;
	const GPtrArray *vgpus; /* of GwVgpu */
	const char *name;	/* of the run, unique on this host */
	Account *account;	/* gets the answers */
	/* A clock for the account. */
	gint64 (*now_us)(gpointer data);
	gpointer now_data;
	/* (nullable): updates in the account what was sent until now, with @now_data. */
	void (*count_sent)(gpointer data);
} VgpuPendingContext;

typedef struct {
	const char *name; /* "trace" */
	GwNumberSource source;
	gboolean by_request; /* only if the user wants it */
	/* Returns whether it is possible; changes nothing. @ret_why: (out) (transfer none): why
	 * not. */
	gboolean (*is_possible)(const VgpuPendingContext *context, const char **ret_why);
	/* (nullable): adds what the journal must have before it begins. */
	void (*add_facts)(const VgpuPendingContext *context, JsonObject *facts);
	/* After NULL with the error nothing is changed. */
	VgpuPendingSource *(*begin)(const VgpuPendingContext *context, GError **error);
	/* Asks if it is time; never waits. The account gets the answers in later turns of the
	 * loop. */
	void (*poll)(VgpuPendingSource *self, gint64 now_us);
	/* Restores everything, and frees it. */
	gboolean (*end)(VgpuPendingSource *self, GError **error);
	/* (nullable): restores what end() would have restored, for a run that has died. */
	gboolean (*put_back)(Qemu *qemu, Journal *journal, GError **error);
} VgpuPendingOps;

/* Every source begins with this struct, which begin() sets. */
struct VgpuPendingSource {
	VgpuPendingContext context;
};

/* The pause after an answer that took @took_us: the driver's lock, and perhaps its board, are for
 * QEMU first. */
gint64 vgpu_pending_device_pause_us(gint64 took_us);

/* Passes the answer of a source to the account. */
void vgpu_pending_take(const VgpuPendingContext *context, guint vgpu, GwNumberSource source,
		       const AccountReading *reading);

/* @context: copied; what it points to must outlive it. @by_request: also use the sources that need
 *   the user's request. */
VgpuPending *
vgpu_pending_new(const VgpuPendingContext *context, Journal *journal, gboolean by_request);
/* Asks the sources that are needed for what the account does not know yet. Never waits, except when
 * a source begins. */
void vgpu_pending_poll(VgpuPending *self);
/* (transfer full) (nullable): why a source cannot be used; each reason is returned once. */
char *vgpu_pending_next_refusal(VgpuPending *self);
/* Restores everything as far as possible; the first error is kept. */
gboolean vgpu_pending_end(VgpuPending *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Like vgpu_pending_end(), for a caller that can no longer report an error. */
void vgpu_pending_free(VgpuPending *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VgpuPending, vgpu_pending_free);

/* For a run that has died. */
gboolean
vgpu_pending_put_back(Qemu *qemu, Journal *journal, GError **error) G_GNUC_WARN_UNUSED_RESULT;
