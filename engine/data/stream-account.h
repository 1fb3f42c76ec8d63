/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-stream.h"

/* How an account is made; see gw-stream-reader.c. */
GwStreamAccount *stream_account_new(void);
void stream_bytes_init(GwStreamBytes *self);
/* (transfer none): a device with all counters 0. */
GwStreamDevice *stream_bytes_add_device(GwStreamBytes *self, const char *id);
