/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The state folder, as a whole; gw_default_state_dir() is in gw-session.h. */

/* (transfer full): who the agent with this state folder is; made up at the first call and kept. NULL with
 * %GW_ERROR_STATE_DIR. */
char *state_dir_get_agent_id(const char *state_dir, GError **error);
