/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"
#include "engine/gw-sample.h"
#include "engine/gw-stream.h"
#include "qmp/qmp-migration.h"

/* What all who count say of the vGPUs of one migration, joined into one set of numbers, each by the best source that has
 * it. Pure: account.c tells the rules. Times are in microseconds on any one clock. */
typedef struct Account Account;

/* @vgpus: (nullable): of GwVgpu, the VM's. */
Account *account_new(const GPtrArray *vgpus);
void account_free(Account *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Account, account_free);

/* What query-migrate said. */
void account_take_info(Account *self, const QmpMigrateInfo *info, gint64 time_us);
/* What has passed through us so far, read after the last info and before the next. */
void account_take_stream(Account *self, const GwStreamAccount *stream);
/* A VFIO_MIGRATION event: QEMU's id of the device (nullable), its path in the object tree, and the state's name. */
void
account_take_state(Account *self, const char *device_id, const char *qom_path, const char *state);

/* What is left of one vGPU, as one source has it. */
typedef struct {
	gint64 initial_bytes; /* of pre-copy; -1 for what it does not tell, here and below */
	gint64 dirty_bytes;   /* and what was written after that */
	gint64 stop_bytes;    /* all that would be sent if the guest stopped now */
	gboolean
		is_fresh; /* by the driver just then; else carried on by QEMU since it last asked */
} AccountReading;

/* @vgpu: by its place in account_new()'s list, any number. @source: TRACE or DEVICE; what QEMU, the stream and the
 * frame buffer say the account finds out by itself. */
void account_take_reading(Account *self, guint vgpu, GwNumberSource source,
			  const AccountReading *reading, gint64 time_us);

/* Is there a vGPU of which nobody better than @source has asked the driver lately? Then it is worth asking @source. */
gboolean account_wants(const Account *self, GwNumberSource source, gint64 time_us);

/* Adds the vGPUs to @sample, as they are at @time_us, and the totals. */
void account_fill_sample(Account *self, GwSample *sample, gint64 time_us);
/* The same of those in @report, which has them by the same names. */
void account_fill_report(const Account *self, GwReport *report);

/**
 * account_compare:
 *
 * The test of those who count against each other, for when all is sent: the sum over the devices in the stream is what
 * QEMU says it has transferred.
 */
void account_compare(Account *self);
/* (transfer full) (nullable): the next thing that does not fit, as a sentence; each is told once. */
char *account_next_doubt(Account *self);
