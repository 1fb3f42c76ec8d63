/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-error.h"
#include "engine/util/side.h"

/* At which host an error has arisen: its text says so to people, and the error itself to us. The
 * text alone does not tell: a guest may be called "destination: x", and QEMU says what it likes. */

/**
 * error_add_host:
 * @error: (nullable): also when it is not set
 * @host: "source" or "destination", or what else people call that host
 *
 * Puts "@host: " before the text, unless the error names a host already. An error of another
 * domain becomes one of %GW_ERROR, with the code that stands for it. A cancel has no host and stays
 * as it is.
 */
void error_add_host(GError **error, const char *host);
/* Likewise, for an end of the migration. */
void error_add_side(GError **error, Side side);
/* @error: of %GW_ERROR; its text begins with "@host: " already. */
void error_set_named_host(GError *error, const char *host);
/* %FALSE also where it is not known. */
gboolean error_is_at(const GError *error, Side side);
/* (transfer none): the message without its side in front: for a reader who knows that. */
const char *error_peek_text(const GError *error);
