/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vm.h"
#include "engine/util/process.h"

/* In the environment of each QEMU that is started for a session, as NAME=SESSION: what proves whose
 * it is when no pid was written down. */
#define VM_SESSION_VARIABLE "GODWIT_SESSION"

/* Likewise, of each QEMU that Godwit starts: the name in its VM file. */
#define VM_NAME_VARIABLE "GODWIT_VM"

/* Was @process, or an ancestor of it, started for @session? */
gboolean vm_process_is_of_session(const Process *process, const char *session);
/* As process_find_by_environment(), for what was started for @session. */
gboolean
vm_find_process_of_session(Process *process, const char *session) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full) (nullable): what shows that the VM runs on this host already, for people. */
char *vm_describe_running(const GwVm *self, const char *log_path);

/* As gw_vm_start(). @session: (nullable): for which it is started */
gboolean
vm_start_for_session(const GwVm *self, const char *const *extra, const char *log_path,
		     const char *session, GPid *ret_pid, GError **error) G_GNUC_WARN_UNUSED_RESULT;
