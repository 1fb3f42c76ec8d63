/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-session.h"
#include "tools/cmd.h"

/* The options that migrate and check have in common. */
typedef struct {
	char *qmp;
	char *vm;
	char *to;
	char *downtime_limit;
	char *bandwidth;
	char *timeout;
	char *peer_timeout;
	char *hook;
	char *state_dir;
	char *channels;
	char *transport;
	char *switchover_bandwidth;
	char *capabilities;
	char *allow;
	char **bind;
	char *congestion;
	char *send_queue;
	char *tls_dir;
	char *tls_hostname;
	char *on_stall;
	gboolean paused;
	gboolean keep_source;
	gboolean insecure;
	gboolean account;
	gboolean ask_devices;
} SessionOptions;

/* The rows for @more_options of a verb. The struct of that verb must begin with a
 * SessionOptions. */
extern const CmdOption session_options[];

/**
 * session_options_apply:
 * @ret_session: (out) (transfer full): a new session with these options
 *
 * Returns: 0, or the exit code after the error was printed
 */
int session_options_apply(const SessionOptions *self, GwSession **ret_session);

/**
 * monitor_from_options:
 * @vm, @qmp: (nullable): exactly one must be given
 * @ret_path: (out) (transfer full): the monitor's socket
 * @ret_name: (out) (transfer full) (nullable): the VM's name; only a VM file has it
 *
 * Returns: 0, or the exit code after the error was printed
 */
int monitor_from_options(const char *vm, const char *qmp, char **ret_path, char **ret_name);
