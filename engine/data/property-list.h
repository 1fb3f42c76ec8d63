/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/util/json-fields.h"
#include "engine/gw-survey.h"

/* Lists of GwProperty: made, and written to and read from a JSON object of strings for the peer. */

/* (transfer full): empty; it frees its items. */
GPtrArray *property_list_new(void);
/* @value: (nullable): NULL adds nothing */
void property_list_add(GPtrArray *list, const char *name, const char *value);
/* Adds the list as member @name of @object; a NULL @list adds nothing. */
void property_list_write(JsonObject *object, const char *name, const GPtrArray *list);
/* (transfer full): NULL when absent or wrong. */
GPtrArray *property_list_read(Fields *fields, const char *name, guint max_items);
