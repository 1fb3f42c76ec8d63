/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The few JSON objects that the tools make themselves; all others come from the library as text. */

/* Each adds a member with its comma, if one is needed; @object begins as "{" and ends by the caller's "}". */
void json_text_string(GString *object, const char *name, const char *value); /* NULL adds nothing */
void json_text_int(GString *object, const char *name, gint64 value);
void json_text_boolean(GString *object, const char *name, gboolean value);
/* @value is JSON already. */
void json_text_raw(GString *object, const char *name, const char *value);
