/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "engine/gw-event.h"
#include "engine/gw-plan.h"
#include "engine/gw-report.h"
#include "engine/gw-sample.h"
#include "engine/gw-stall.h"

/* The source side of one migration. Signals come in the main context in which run was called; the work
 * is done in a thread of its own that the caller does not see. One run a session. */
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

/* @host: a name or an address of the agent; @port: 0 for %GW_DEFAULT_PORT. */
GW_API GwSession *gw_session_new(const char *qmp_path, const char *host, guint16 port);

/* All of these before the run only. */
GW_API void gw_session_set_vm_name(GwSession *self, const char *name); /* default: what QEMU says */
/* The longest pause that is allowed, in microseconds; default 300,000. What QEMU is told is the shortest that will do. */
GW_API void gw_session_set_downtime_limit(GwSession *self, gint64 limit_us);
/* What to do when it cannot end within that; default %GW_ON_STALL_ABORT. */
GW_API void gw_session_set_on_stall(GwSession *self, GwOnStall on_stall);
/* Bytes per second; 0, the default: no limit. */
GW_API void gw_session_set_bandwidth(GwSession *self, gint64 bytes_per_s);
/* How long pre-copy may last, in microseconds; 0, the default: for ever. */
GW_API void gw_session_set_timeout(GwSession *self, gint64 timeout_us);
/* How many channels carry the stream beside QEMU's main one (multifd), 1 to 255; 1: the main one alone does; 0, the
 * default: the plan's choice. */
GW_API void gw_session_set_channels(GwSession *self, guint n);
/* How they get to QEMU: "direct" (the socket itself becomes QEMU's) or "relay" (it passes through us); NULL, the
 * default: the plan's choice. %G_IO_ERROR_INVALID_ARGUMENT for any other word. */
GW_API gboolean gw_session_set_transport(GwSession *self, const char *name,
					 GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Look at the stream, so that what is sent of each vGPU is known to the byte; it passes through us then ("relay"). */
GW_API void gw_session_set_account(GwSession *self, gboolean account);
/* What the network is known to give in the switchover, bytes per second; 0, the default: QEMU measures. */
GW_API void gw_session_set_switchover_bandwidth(GwSession *self, gint64 bytes_per_s);
/* (nullable): QEMU's migration capabilities that the plan shall have; one that it cannot have is an issue. */
GW_API void gw_session_set_capabilities(GwSession *self, const char *const *names);
/* (nullable): codes of issues that shall be warnings where they are errors; see gw_code_can_be_allowed(). */
GW_API void gw_session_set_allowed(GwSession *self, const char *const *codes);
/* A peer that is silent for so long is a lost one, in microseconds, 1 s to 10 min; default 5,000,000. */
GW_API void gw_session_set_peer_timeout(GwSession *self, gint64 timeout_us);
/* A way for the data channels, from an IP address of this host: with several of them channel i takes number i modulo
 * their count, so that several links are used at once. @host: (nullable): the agent's address on that link, where it
 * is not the session's. %G_IO_ERROR_INVALID_ARGUMENT when @local is no address. */
GW_API gboolean gw_session_add_bind(GwSession *self, const char *local, const char *host,
				    GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The kernel's algorithm of congestion control for the data channels; "system": the one of the system's settings; NULL,
 * the default: likewise, but cubic or reno in the place of bbr. %G_IO_ERROR_INVALID_ARGUMENT for one that
 * cannot be had. */
GW_API gboolean gw_session_set_congestion(GwSession *self, const char *name,
					  GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* How many bytes may wait unsent in a data channel; 0: as many as the kernel likes. QEMU takes them for sent: the
 * fewer they are, the better it keeps the downtime limit. Default 131072. */
GW_API void gw_session_set_send_queue(GwSession *self, gint64 bytes);
/* Ask the vGPUs' drivers how much is left, up to ten times a second, where QEMU does not tell: through a copy of its
 * descriptors, so only as root. */
GW_API void gw_session_set_ask_devices(GwSession *self, gboolean ask);
/* Leave the guest paused at the destination. */
GW_API void gw_session_set_paused(GwSession *self, gboolean paused);
/* Do not end the source's QEMU: it stays there, stopped. */
GW_API void gw_session_set_keep_source(GwSession *self, gboolean keep);
/* Allow plain text off loopback. */
GW_API void gw_session_set_insecure(GwSession *self, gboolean insecure);
/* (nullable): where ca-cert.pem, client-cert.pem and client-key.pem are: everything is encrypted, and both sides
 * prove who they are. */
GW_API void gw_session_set_tls_dir(GwSession *self, const char *path);
/* (nullable): the name or address that must be in the agent's certificate; default: the host. */
GW_API void gw_session_set_tls_hostname(GwSession *self, const char *name);
/* Where the journal is; default gw_default_state_dir(). */
GW_API void gw_session_set_state_dir(GwSession *self, const char *path);
/* (nullable): a shell command run at the start of each phase with GODWIT_PHASE, GODWIT_VM and GODWIT_HOST
 * set; any exit but 0 fails the migration, up to the commit. */
GW_API void gw_session_set_hook(GwSession *self, const char *command);

/**
 * gw_session_run_async:
 * @cancellable: cancelling it ends the migration safely, which takes a moment; after the commit it has no
 *   effect any more
 */
GW_API void gw_session_run_async(GwSession *self, GCancellable *cancellable,
				 GAsyncReadyCallback callback, gpointer data);
/* Both hosts are asked and the plan is made; nothing is changed. The report has the plan. */
GW_API void gw_session_check_async(GwSession *self, GCancellable *cancellable,
				   GAsyncReadyCallback callback, gpointer data);
/* (transfer full): never NULL, whatever the outcome. */
GW_API GwReport *gw_session_finish(GwSession *self, GAsyncResult *result);

/* (transfer full): "/var/lib/godwit" for root, else below the user's XDG state folder. */
GW_API char *gw_default_state_dir(void);
