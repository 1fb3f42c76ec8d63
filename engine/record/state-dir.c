/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a run writes down what it does, and who writes there. */
#include "engine/record/state-dir.h"

#include <errno.h>
#include <unistd.h>

#include "engine/gw-error.h"
#include "engine/gw-session.h"

char *
gw_default_state_dir(void)
{
	if (geteuid() == 0)
		return g_strdup("/var/lib/godwit");
	return g_build_filename(g_get_user_state_dir(), "godwit", NULL);
}

char *
state_dir_get_agent_id(const char *state_dir, GError **error)
{
	g_autofree char *path = g_build_filename(state_dir, "agent-id", NULL);
	g_autofree char *text = NULL;
	if (g_file_get_contents(path, &text, NULL, NULL) &&
	    g_uuid_string_is_valid(g_strstrip(text)))
		return g_steal_pointer(&text);

	g_autofree char *id = g_uuid_string_random();
	g_autoptr(GError) local_error = NULL;
	if (g_mkdir_with_parents(state_dir, 0700) == 0 &&
	    g_file_set_contents(path, id, -1, &local_error))
		return g_steal_pointer(&id);
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "cannot write '%s': %s", path,
		    local_error != NULL ? local_error->message : "cannot make its folder");
	return NULL;
}

char *
state_dir_get_boot_id(void)
{
	char *text = NULL;
	if (!g_file_get_contents("/proc/sys/kernel/random/boot_id", &text, NULL, NULL))
		return g_strdup("");
	return g_strstrip(text);
}

gboolean
state_dir_fail_errno(const char *what, const char *path, GError **error)
{
	int code = errno;
	g_set_error(error, GW_ERROR, GW_ERROR_STATE_DIR, "%s '%s': %s", what, path,
		    g_strerror(code));
	return FALSE;
}
