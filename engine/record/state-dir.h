/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The state folder, as a whole; gw_default_state_dir() is in gw-session.h. */

/* (transfer full): @state_dir, or gw_default_state_dir() where it is NULL. */
char *state_dir_choose(const char *state_dir);

/* (transfer full): who the agent with this state folder is; made up at the first call and kept.
 * NULL with %GW_ERROR_STATE_DIR. */
char *state_dir_get_agent_id(const char *state_dir, GError **error);

/* (transfer full) (nullable): the same where there is one already. */
char *state_dir_peek_agent_id(const char *state_dir);

/* (transfer full): of this boot of the host; empty where the kernel does not tell. */
char *state_dir_get_boot_id(void);

/* (transfer full): of this machine, however often it boots; empty where it has none. */
char *state_dir_get_machine_id(void);

/* For the files of the room: sets %GW_ERROR_STATE_DIR, "@what '@path': " and errno's text. Returns:
 * %FALSE */
gboolean state_dir_fail_errno(const char *what, const char *path, GError **error);
