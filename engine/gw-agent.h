/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/gw-event.h"
#include "engine/gw-report.h"

/* The destination side: listens, prepares QEMUs and runs the VMs that were committed to it. It also
 * settles the journals of dead controllers in its state folder. Signals come in the main context in
 * which it was started. */
#define GW_TYPE_AGENT (gw_agent_get_type())
GW_API
G_DECLARE_FINAL_TYPE(GwAgent, gw_agent, GW, AGENT, GObject)

/**
 * GwAgent::event:          void (*)(GwAgent *, const char *vm_name, const GwEvent *, gpointer)
 * GwAgent::session-ended:  void (*)(GwAgent *, const char *vm_name, const GwReport *, gpointer)
 *
 * "session-ended" is not emitted for checks.
 */

GW_API GwAgent *gw_agent_new(void);

/* Call all of these only before the start. */
/* "ADDR[:PORT]", "[ADDR]:PORT" or "ADDR:0" for a port that the kernel chooses. */
GW_API void gw_agent_set_listen(GwAgent *self, const char *address);
/* At least one of these three says which VMs may come. */
GW_API void gw_agent_set_vm_dir(GwAgent *self, const char *path);
GW_API void gw_agent_set_vm_file(GwAgent *self, const char *path);
/* A QEMU that another program started with -incoming defer. */
GW_API void gw_agent_set_qmp(GwAgent *self, const char *path);
GW_API void gw_agent_set_state_dir(GwAgent *self, const char *path);
GW_API void gw_agent_set_insecure(GwAgent *self, gboolean insecure);
/* (nullable): the folder with ca-cert.pem, server-cert.pem and server-key.pem. Plain text is then
 * rejected, even from loopback, unless gw_agent_set_insecure() allows it. */
GW_API void gw_agent_set_tls_dir(GwAgent *self, const char *path);
/* (nullable): the certificate subjects that may connect, as "CN=a", with * and ? as wildcards;
 * NULL: every certificate of the authority. */
GW_API void gw_agent_set_tls_allow(GwAgent *self, const char *const *subjects);
/* As gw_session_set_hook(), for the agent's phases. */
GW_API void gw_agent_set_hook(GwAgent *self, const char *command);
/* Settle journals whose owner has died, now and every two seconds; for a daemon. */
GW_API void gw_agent_set_recover(GwAgent *self, gboolean recover);

GW_API gboolean gw_agent_start(GwAgent *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* "127.0.0.1:49160": the address that it listens on; NULL before the start. (transfer none) */
GW_API const char *gw_agent_get_address(GwAgent *self);

/* Ends every session safely: undoes those that are not committed, finishes those that are. */
GW_API void gw_agent_stop_async(GwAgent *self, GAsyncReadyCallback callback, gpointer data);
GW_API void gw_agent_stop_finish(GwAgent *self, GAsyncResult *result);
