/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-error.h"
#include "engine/util/side.h"

/* The host at which an error occurred. The text says it to people, and the error carries it for the
 * code. The text alone is not reliable: a guest may be called "destination: x", and QEMU's messages
 * may contain anything. */

/**
 * error_add_host:
 * @error: (nullable): NULL, or pointing to NULL, is allowed
 * @host: "source" or "destination", or another name of that host for people
 *
 * Puts "@host: " before the text, unless the error names a host already. An error of another domain
 * becomes one of %GW_ERROR, with the matching code. A cancel has no host and is not changed.
 */
void error_add_host(GError **error, const char *host);
/* The same, for an end of the migration. */
void error_add_side(GError **error, Side side);
/* @error: of %GW_ERROR; its text begins with "@host: " already. */
void error_set_named_host(GError *error, const char *host);
/* Returns %FALSE also if the host is not known. */
gboolean error_is_at(const GError *error, Side side);
/* (transfer none): the message without its side at the beginning, for a reader who knows the
 * side. */
const char *error_peek_text(const GError *error);
