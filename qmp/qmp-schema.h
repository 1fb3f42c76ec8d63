/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "qmp/qmp-client.h"

/* What a QEMU can do, by its own word (query-qmp-schema), never by its version: Debian and Proxmox
 * back-port. */
typedef struct QmpSchema QmpSchema;

/* (transfer none) @reply: the answer to query-qmp-schema; pure. %QMP_ERROR_PROTOCOL if it is none. */
QmpSchema *qmp_schema_new(JsonNode *reply, GError **error);
QmpSchema *qmp_schema_query(QmpClient *client, GError **error);
void qmp_schema_free(QmpSchema *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpSchema, qmp_schema_free)

gboolean qmp_schema_has_command(QmpSchema *self, const char *command);
gboolean qmp_schema_has_event(QmpSchema *self, const char *event);
/* Does @command take @argument (a member of its argument object)? */
gboolean qmp_schema_has_argument(QmpSchema *self, const char *command, const char *argument);

/* Does QOM type @type have property @property (device-list-properties)? *ret_has only on success; a type
 * that this QEMU has not got is %FALSE and no error. */
gboolean qmp_device_has_property(QmpClient *client, const char *type, const char *property,
				 gboolean *ret_has, GError **error) G_GNUC_WARN_UNUSED_RESULT;
