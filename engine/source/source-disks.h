/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/source/source-context.h"
#include "qmp/qmp-batch.h"

/* What may have changed of the disks since the survey, asked when the guest has stopped: a backup
 * may begin at any time. After migrate-continue QEMU would only fail with words that name no
 * culprit. */

/* (transfer full): sends the questions and does not wait. */
QmpBatch *source_disks_ask(SourceRun *run);
/* %FALSE with %GW_ERROR_MIGRATION if a job, an export or a write stands in the way that the plan
 * did not know. What this QEMU cannot tell is passed over. */
gboolean
source_disks_check(SourceRun *run, QmpBatch *batch, GError **error) G_GNUC_WARN_UNUSED_RESULT;
