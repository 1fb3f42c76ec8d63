/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/gw-event.h"
#include "engine/gw-report.h"

/* The destination side: listens, prepares QEMUs and runs what was committed to it. It also settles what
 * dead controllers left in its state folder. Signals come in the main context in which it was started. */
#define GW_TYPE_AGENT (gw_agent_get_type())
GW_API
G_DECLARE_FINAL_TYPE(GwAgent, gw_agent, GW, AGENT, GObject)

/**
 * GwAgent::event:          void (*)(GwAgent *, const char *vm_name, const GwEvent *, gpointer)
 * GwAgent::session-ended:  void (*)(GwAgent *, const char *vm_name, const GwReport *, gpointer); not for checks
 */

GW_API GwAgent *gw_agent_new(void);

/* All of these before the start only. */
/* "ADDR[:PORT]", "[ADDR]:PORT" or "ADDR:0" for a port of the kernel's choice. */
GW_API void gw_agent_set_listen(GwAgent *self, const char *address);
/* Any of these three says which VMs may come. */
GW_API void gw_agent_set_vm_dir(GwAgent *self, const char *path);
GW_API void gw_agent_set_vm_file(GwAgent *self, const char *path);
/* A QEMU that waits with -incoming defer, started by somebody else. */
GW_API void gw_agent_set_qmp(GwAgent *self, const char *path);
GW_API void gw_agent_set_state_dir(GwAgent *self, const char *path);
GW_API void gw_agent_set_insecure(GwAgent *self, gboolean insecure);
/* (nullable): where ca-cert.pem, server-cert.pem and server-key.pem are; then plain text is refused, from loopback
 * too, unless it is allowed by gw_agent_set_insecure(). */
GW_API void gw_agent_set_tls_dir(GwAgent *self, const char *path);
/* (nullable): the subjects that may come, as "CN=a", with * and ? for what may vary; NULL: whoever has a certificate
 * of the authority. */
GW_API void gw_agent_set_tls_allow(GwAgent *self, const char *const *subjects);
/* As gw_session_set_hook(), in the agent's phases. */
GW_API void gw_agent_set_hook(GwAgent *self, const char *command);
/* Settle journals whose owner has died, now and every other second; for a daemon. */
GW_API void gw_agent_set_recover(GwAgent *self, gboolean recover);

GW_API gboolean gw_agent_start(GwAgent *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* "127.0.0.1:49160": where it listens; NULL before the start. (transfer none) */
GW_API const char *gw_agent_get_address(GwAgent *self);

/* Ends every session safely: what is not committed is undone, what is committed is finished. */
GW_API void gw_agent_stop_async(GwAgent *self, GAsyncReadyCallback callback, gpointer data);
GW_API void gw_agent_stop_finish(GwAgent *self, GAsyncResult *result);
