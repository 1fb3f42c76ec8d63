/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The few JSON objects that the tools make themselves. The library returns all others as text. */

/* Each function adds a member, with a comma if one is needed. @object begins as "{"; the caller
 * adds the "}" at the end. */
void json_text_string(GString *object, const char *name, const char *value); /* NULL adds nothing */
void json_text_int(GString *object, const char *name, gint64 value);
void json_text_boolean(GString *object, const char *name, gboolean value);
/* @value is already JSON. */
void json_text_raw(GString *object, const char *name, const char *value);
