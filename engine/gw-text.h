/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/**
 * gw_text_sanitize:
 * @text: words of a peer, a guest, QEMU or a file: names, messages of errors, data of events
 * @one_line: also line feeds and tabs are replaced, for a name or a line of a log
 *
 * Replaces in place what a terminal would obey or what hides other text. The result is UTF-8 and
 * never longer. What Godwit hands out is not changed before: names have to stay the same on both
 * hosts.
 *
 * Returns: @text
 */
GW_API char *gw_text_sanitize(char *text, gboolean one_line);
