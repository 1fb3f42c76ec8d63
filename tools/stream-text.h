/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-stream.h"

/* (transfer full): an account as a table, exact to the byte. */
char *stream_text(const GwStreamAccount *account);
