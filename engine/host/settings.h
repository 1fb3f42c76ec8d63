/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/record/journal.h"
#include "engine/data/plan-json.h"
#include "engine/host/qemu.h"

/* The former values of the settings that a plan changes in a QEMU. See settings.c. */
typedef struct Settings Settings;

/* (transfer full): asks and changes nothing. NULL with %QMP_ERROR. */
Settings *settings_save(Qemu *qemu, const GwPlan *plan, Side host, GError **error);
/* Adds them to the facts of the journal line that is written before settings_apply(); and reads
 * them from a journal: NULL if it has none. (transfer full) */
void settings_add_facts(const Settings *self, JsonObject *facts);
Settings *settings_from_journal(Journal *journal);
void settings_free(Settings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free);

/* Sets the plan's settings, after QEMU has cleaned up an earlier migration: see
 * qemu_wait_cleaned_up(). After a failure some may be changed: settings_restore() is right then
 * too. */
gboolean settings_apply(const Settings *former, Qemu *qemu, const GwPlan *plan, Side host,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/**
 * settings_change:
 * @former: (out) (transfer full): as it was before; set too when only a part was changed
 * @phase: of the line in @journal that has the former settings before one of them is changed
 * @facts: (transfer full): the rest of that line
 *
 * settings_save(), the line, settings_apply().
 */
gboolean
settings_change(Settings **former, Qemu *qemu, const GwPlan *plan, Side host, Journal *journal,
		JournalPhase phase, JsonObject *facts, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Restores the former settings. All are tried, and the first error is kept. Nothing is restored if
 * QEMU does not clean up after its last migration; this is an error too. */
gboolean
settings_restore(const Settings *self, Qemu *qemu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
