/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tools/session-options.h"

/* Applies the options of the data channels to @session. Returns 0, or the exit code after the error
 * was printed. */
int channel_options_apply(const SessionOptions *self, GwSession *session);
