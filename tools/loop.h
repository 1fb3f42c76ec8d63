/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Runs @loop until g_main_loop_quit(). SIGINT, SIGTERM and SIGHUP cancel @cancellable meanwhile. */
void loop_run(GMainLoop *loop, GCancellable *cancellable);
