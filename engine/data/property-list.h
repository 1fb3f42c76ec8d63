/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/util/json-fields.h"
#include "engine/gw-survey.h"

/* Lists of GwProperty: made, and as a JSON object of texts to and from a peer. */

/* (transfer full): empty, and frees what is in it. */
GPtrArray *property_list_new(void);
/* @value: (nullable): then nothing is added */
void property_list_add(GPtrArray *list, const char *name, const char *value);
/* As member @name of @object; nothing where @list is NULL. */
void property_list_write(JsonObject *object, const char *name, const GPtrArray *list);
/* (transfer full): NULL when absent or wrong. */
GPtrArray *property_list_read(Fields *fields, const char *name, guint max_items);
