/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * monitor_explain:
 * @cause: why qmp_client_connect() failed
 *
 * Returns: (transfer full): the same for a person: which kind of thing @path is in place of a free
 *   QMP monitor on a UNIX socket
 */
char *monitor_explain(const char *path, const GError *cause);
