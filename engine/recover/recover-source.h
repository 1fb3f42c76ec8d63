/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-recover.h"
#include "engine/record/journal.h"

/**
 * recover_source:
 * @state_dir: where the VM's ownership record is
 * @tls_dir: (nullable): as for gw_recover()
 * @result: gets everything but its names
 *
 * Settles the source's side of @journal. Needs a private context on the thread.
 */
void recover_source(const char *state_dir, Journal *journal, GwAssume assume, const char *tls_dir,
		    GwRecovered *result);
