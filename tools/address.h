/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * address_parse:
 * @text: "HOST", "HOST:PORT", "[IPV6]" or "[IPV6]:PORT"
 * @min_port: the least port that may be named: 0 where the kernel may choose one, else 1
 * @ret_host: (out) (transfer full): without its brackets
 * @ret_port: (out): 0 where none is named
 *
 * Returns: %FALSE with %G_OPTION_ERROR_BAD_VALUE
 */
gboolean address_parse(const char *text, guint16 min_port, char **ret_host, guint16 *ret_port,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;
