/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/**
 * address_parse:
 * @text: "HOST", "HOST:PORT", "[IPV6]" or "[IPV6]:PORT"
 * @min_port: the smallest port that is valid: 0 where the kernel may choose one, else 1
 * @ret_host: (out) (transfer full): the host without brackets
 * @ret_port: (out): 0 when @text has no port
 *
 * Returns: %FALSE with %G_OPTION_ERROR_BAD_VALUE
 */
gboolean address_parse(const char *text, guint16 min_port, char **ret_host, guint16 *ret_port,
		       GError **error) G_GNUC_WARN_UNUSED_RESULT;
