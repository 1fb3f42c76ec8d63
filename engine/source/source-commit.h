/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"

/* Hands the guest over. %GW_ERROR_REFUSED: it is proven not to run at the destination;
 * %GW_ERROR_UNKNOWN: nobody can know, and the guest must not run here. */
gboolean source_commit(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Ends what is left here. Always %TRUE: the guest runs at the destination. */
gboolean source_cleanup(SourceRun *run, GError **error) G_GNUC_WARN_UNUSED_RESULT;
