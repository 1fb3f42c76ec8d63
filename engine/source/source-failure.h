/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"
#include "engine/util/side.h"

/* For await_until(), @data is a SourceRun: has the agent reported a failure, or is it lost? */
gboolean source_peer_has_failed(gpointer data);
/* Reports that something is left at @side, which only `godwit recover` there takes away. */
void source_report_left_over(SourceRun *run, Side side, const GError *error);
/* (transfer full) (nullable): which vGPUs our QEMU has reset because their drivers failed. The
 * guest goes on here, but their vRAM is lost. */
char *source_describe_reset(SourceRun *run);
/* (transfer full): why QEMU failed the migration, in the words of both ends. */
GError *source_migration_error(SourceRun *run);
/* (transfer full): why a data channel was lost that the relay keeps open for QEMU. The agent may
 * know more; if it says nothing the code is %GW_ERROR_PEER_LOST. */
GError *source_channel_error(SourceRun *run);
