/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/gw-event.h"
#include "engine/gw-plan.h"
#include "engine/gw-report.h"
#include "engine/gw-sample.h"
#include "engine/gw-stall.h"

/* The source side of one migration. Signals come in the main context in which run was called. The
 * work is done in a thread that the caller does not see. A session runs once. */
#define GW_TYPE_SESSION (gw_session_get_type())
GW_API
G_DECLARE_FINAL_TYPE(GwSession, gw_session, GW, SESSION, GObject)

/**
 * GwSession::phase:    void (*)(GwSession *, const char *name, gpointer)
 * GwSession::sample:   void (*)(GwSession *, const GwSample *, gpointer)
 * GwSession::event:    void (*)(GwSession *, const GwEvent *, gpointer)
 */

#define GW_DEFAULT_PORT 49160
#define GW_MAX_CHANNELS 255 /* QEMU's limit */

/* @host: the agent's name or address; @port: 0 for %GW_DEFAULT_PORT. */
GW_API GwSession *gw_session_new(const char *qmp_path, const char *host, guint16 port);

/* Call all of these only before the run. */
GW_API void gw_session_set_vm_name(GwSession *self, const char *name); /* default: QEMU's name */
/* The longest downtime that is allowed, in microseconds; default 300,000. QEMU is told the shortest
 * one that is enough. */
GW_API void gw_session_set_downtime_limit(GwSession *self, gint64 limit_us);
/* What to do when the migration cannot end within that downtime; default %GW_ON_STALL_ABORT. */
GW_API void gw_session_set_on_stall(GwSession *self, GwOnStall on_stall);
/* Bytes per second; 0, the default: no limit. */
GW_API void gw_session_set_bandwidth(GwSession *self, gint64 bytes_per_s);
/* How long pre-copy may last, in microseconds; 0, the default: forever. */
GW_API void gw_session_set_timeout(GwSession *self, gint64 timeout_us);
/* How many channels carry the stream besides QEMU's main one (multifd), 1 to 255. 1: only the main
 * one; 0, the default: the plan's choice. */
GW_API void gw_session_set_channels(GwSession *self, guint n);
/* How QEMU gets the channels: "direct" (QEMU gets the socket itself) or "relay" (the bytes pass
 * through us); NULL, the default: the plan's choice. %G_IO_ERROR_INVALID_ARGUMENT for any other
 * word. */
GW_API gboolean gw_session_set_transport(GwSession *self, const char *name,
					 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Parse the stream, so that the bytes of each vGPU are counted exactly. The stream then passes
 * through us ("relay"). */
GW_API void gw_session_set_account(GwSession *self, gboolean account);
/* The known rate of the network during the switchover, bytes per second; 0, the default: QEMU
 * measures it. */
GW_API void gw_session_set_switchover_bandwidth(GwSession *self, gint64 bytes_per_s);
/* (nullable): QEMU's migration capabilities that the plan must have; one that is not available is
 * an issue. */
GW_API void gw_session_set_capabilities(GwSession *self, const char *const *names);
/* (nullable): codes of issues that become warnings instead of errors, or "CODE:SUBJECT" for one of
 * them; see gw_code_can_be_allowed(). */
GW_API void gw_session_set_allowed(GwSession *self, const char *const *codes);
/* Silence after which the peer counts as lost, in microseconds, 1 s to 10 min; default
 * 5,000,000. */
GW_API void gw_session_set_peer_timeout(GwSession *self, gint64 timeout_us);
/* Adds a local IP address for the data channels. With several of them, channel i uses number i
 * modulo their count, so several links are used at once. @host: (nullable): the agent's address on
 * that link, if it is not the session's host. %G_IO_ERROR_INVALID_ARGUMENT when @local is not an
 * address. */
GW_API gboolean gw_session_add_bind(GwSession *self, const char *local, const char *host,
				    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The kernel's congestion control algorithm for the data channels; "system": the one of the
 * system's settings; NULL, the default: likewise, but cubic or reno instead of bbr.
 * %G_IO_ERROR_INVALID_ARGUMENT for one that is not available. */
GW_API gboolean gw_session_set_congestion(GwSession *self, const char *name,
					  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* How many bytes may wait unsent in a data channel; 0: the kernel decides. QEMU counts these bytes
 * as sent, so with fewer of them it keeps the downtime limit better. Default 131072. */
GW_API void gw_session_set_send_queue(GwSession *self, gint64 bytes);
/* Ask the vGPUs' drivers how much is left, up to ten times a second, where QEMU does not report it.
 * This uses a copy of QEMU's descriptors, so it works only as root. */
GW_API void gw_session_set_ask_devices(GwSession *self, gboolean ask);
/* Leave the guest paused at the destination. */
GW_API void gw_session_set_paused(GwSession *self, gboolean paused);
/* Do not end the source's QEMU: it stays there, stopped. */
GW_API void gw_session_set_keep_source(GwSession *self, gboolean keep);
/* Allow plain text beyond loopback. */
GW_API void gw_session_set_insecure(GwSession *self, gboolean insecure);
/* (nullable): the folder with ca-cert.pem, client-cert.pem and client-key.pem. Everything is then
 * encrypted, and both sides prove their identity. */
GW_API void gw_session_set_tls_dir(GwSession *self, const char *path);
/* (nullable): the name or address that the agent's certificate must have; default: the host. */
GW_API void gw_session_set_tls_hostname(GwSession *self, const char *name);
/* The folder of the journal; default gw_default_state_dir(). */
GW_API void gw_session_set_state_dir(GwSession *self, const char *path);
/* (nullable): a shell command that runs at the start of each phase with GODWIT_PHASE, GODWIT_VM and
 * GODWIT_HOST set. Any exit status other than 0 fails the migration, up to the commit. A check
 * runs no hook. */
GW_API void gw_session_set_hook(GwSession *self, const char *command);

/**
 * gw_session_run_async:
 * @cancellable: a cancel ends the migration safely, which takes a moment; after the commit it has
 *   no effect
 */
GW_API void gw_session_run_async(GwSession *self, GCancellable *cancellable,
				 GAsyncReadyCallback callback, gpointer data);
/* Asks both hosts and makes the plan; changes nothing. The report has the plan. */
GW_API void gw_session_check_async(GwSession *self, GCancellable *cancellable,
				   GAsyncReadyCallback callback, gpointer data);
/* (transfer full): never NULL, whatever the outcome. */
GW_API GwReport *gw_session_finish(GwSession *self, GAsyncResult *result);

/* (transfer full): "/var/lib/godwit" for root, else below the user's XDG state folder. */
GW_API char *gw_default_state_dir(void);
