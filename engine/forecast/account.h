/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-report.h"
#include "engine/gw-sample.h"
#include "engine/gw-stream.h"
#include "qmp/qmp-migration.h"

/* Joins what all sources report about the vGPUs of one migration. Each number comes from the best
 * source that has it. Pure: account.c has the rules. Times are in microseconds on any one clock. */
typedef struct Account Account;

/* @vgpus: (nullable): of GwVgpu, the VM's. */
Account *account_new(const GPtrArray *vgpus);
void account_free(Account *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Account, account_free);

/* Takes the answer of query-migrate. */
void account_take_info(Account *self, const QmpMigrateInfo *info, gint64 time_us);
/* Takes what has passed through the relay until now, read after the last info and before the
 * next. */
void account_take_stream(Account *self, const GwStreamAccount *stream);
/* Takes a VFIO_MIGRATION event: QEMU's id of the device (nullable), its path in the object tree,
 * and the name of the state. */
void
account_take_state(Account *self, const char *device_id, const char *qom_path, const char *state);

/* What remains of one vGPU, according to one source. */
typedef struct {
	gint64 initial_bytes; /* of pre-copy; -1 if the source does not report it, here and below */
	gint64 dirty_bytes;   /* and what was written after that */
	gint64 stop_bytes;    /* all that would be sent if the guest stopped now */
	gboolean is_fresh;    /* the driver was just asked; else QEMU extrapolated from its last
			   * question */
} AccountReading;

/* @vgpu: the index in the list of account_new(), any number. @source: TRACE or DEVICE; the account
 *   reads the numbers of QEMU, the stream and the frame buffer itself. */
void account_take_reading(Account *self, guint vgpu, GwNumberSource source,
			  const AccountReading *reading, gint64 time_us);

/* Returns whether there is a vGPU for which no source better than @source has asked the driver
 * recently. Then it is useful to ask @source. */
gboolean account_wants(const Account *self, GwNumberSource source, gint64 time_us);

/* Adds the vGPUs to @sample, as they are at @time_us, and the totals. */
void account_fill_sample(Account *self, GwSample *sample, gint64 time_us);
/* Does the same for the vGPUs in @report, which have the same names. */
void account_fill_report(const Account *self, GwReport *report);

/**
 * account_compare:
 *
 * Compares the sources after everything was sent: the sum over the devices in the stream must be
 * what QEMU says it has transferred.
 */
void account_compare(Account *self);
/* (transfer full) (nullable): the next contradiction, as a sentence; each is returned once. */
char *account_next_doubt(Account *self);
