/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SAFE_NAME_MAX_BYTES 255 /* of a VM's name, before it is escaped */

/* (transfer full): @name with all but letters, digits, '.', '_', '-' and '~' as %XX, also a '.' or
 * '-' at its begin: one word for a shell, one part of a path, never an option. */
char *safe_name_escape(const char *name);

/* Likewise, for the name of a file: a long one becomes a hash. */
char *safe_name_for_file(const char *name);

/* Has @name 1 to 255 bytes of UTF-8, all of which a terminal shows? */
gboolean safe_name_is_valid(const char *name);
