/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tools/session-options.h"

/* What is said of the data channels: brings it into @session. Returns: 0, or the exit code after the reason was
 * printed */
int channel_options_apply(const SessionOptions *self, GwSession *session);
