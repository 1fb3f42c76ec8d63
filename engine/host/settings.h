/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/record/journal.h"
#include "engine/data/plan-json.h"
#include "engine/host/qemu.h"

/* What a plan changes of a QEMU's settings, as it was before. See settings.c. */
typedef struct Settings Settings;

/* (transfer full): asks; changes nothing. NULL with %QMP_ERROR. */
Settings *settings_save(Qemu *qemu, const GwPlan *plan, Side host, GError **error);
/* Into the facts of the journal's line that is written before settings_apply(), and out of a journal: NULL where
 * there are none. (transfer full) */
void settings_add_facts(const Settings *self, JsonObject *facts);
Settings *settings_from_journal(Journal *journal);
void settings_free(Settings *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Settings, settings_free);

/* Makes the settings the plan's, when QEMU has put away a migration before this one: see qemu_wait_cleaned_up(). A failure may
 * have changed some: settings_restore() is right then too. */
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
		const char *phase, JsonObject *facts, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Puts them back as they were; all are tried, the first error is kept. None is, where QEMU does not let go of a
 * migration that has ended, likewise. */
gboolean
settings_restore(const Settings *self, Qemu *qemu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
