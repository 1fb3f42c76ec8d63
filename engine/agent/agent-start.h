/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"

/**
 * agent_start_vm:
 * @name: of the VM, as the source gave it
 * @source_vgpus: of GwVgpu
 *
 * Finds the VM's file, makes its vGPUs and starts its QEMU. Where @source_vgpus cannot become its
 * vGPUs, or QEMU does not start, it leaves an absent survey in @self and nothing started.
 *
 * Returns: %FALSE with %GW_ERROR_VM_FILE, %GW_ERROR_STATE_DIR, %GW_ERROR_VGPU or
 * %GW_ERROR_INCOMPATIBLE
 */
gboolean agent_start_vm(AgentRun *self, const char *name, const GPtrArray *source_vgpus,
			GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Ends what agent_start_vm() has started, and proves it. %GW_ERROR_VGPU: only vGPUs are left. */
gboolean agent_end_vm(AgentRun *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
