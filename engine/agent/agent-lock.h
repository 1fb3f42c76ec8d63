/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/agent/agent-context.h"

/**
 * agent_lock_vm:
 *
 * From now on this session alone deals with its VM on this host. Waits some seconds for another
 * that is ending, then settles what earlier sessions of the VM have left, as a recovery would.
 *
 * Returns: %FALSE with %GW_ERROR_BUSY: another session has the VM, or an earlier one is not
 *   settled; %GW_ERROR_STATE_DIR
 */
gboolean agent_lock_vm(AgentRun *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full) (nullable): its address, without the port. */
char *agent_source_host(const AgentRun *self);
