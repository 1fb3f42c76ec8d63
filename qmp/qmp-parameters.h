/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* A set of migration parameters, each a number, a string or a boolean, with QEMU's names and in
 * QEMU's units. QEMUs differ in their parameters, so they are looked up by name. */
typedef struct QmpParameters QmpParameters;

QmpParameters *qmp_parameters_new(void);
void qmp_parameters_free(QmpParameters *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpParameters, qmp_parameters_free);

void qmp_parameters_set_int(QmpParameters *self, const char *name, gint64 value);
void qmp_parameters_set_string(QmpParameters *self, const char *name, const char *value);

/* (transfer full): the names, sorted. */
GStrv qmp_parameters_list(const QmpParameters *self);
/* (transfer full): the value as text, "on" or "off" for a boolean; NULL when it is not in the
 * set. */
char *qmp_parameters_get_text(const QmpParameters *self, const char *name);

/* (transfer full): the values in @self of the names in @others. */
QmpParameters *qmp_parameters_pick(const QmpParameters *self, const QmpParameters *others);

/* Converts to an object of names and values, and back. From any other node only the usable values
 * are taken.
 * @node: (nullable) */
JsonNode *qmp_parameters_to_node(const QmpParameters *self);
QmpParameters *qmp_parameters_from_node(JsonNode *node);

/* (transfer full): all current parameters of QEMU. */
QmpParameters *qmp_parameters_query(QmpClient *client, GError **error);
/* Sets all parameters of the set, or none; sends no command for an empty set. */
gboolean qmp_parameters_apply(const QmpParameters *self, QmpClient *client,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Converts microseconds to the unit of "downtime-limit". The limit is never rounded down; a
 * negative one stays negative. */
gint64 qmp_downtime_limit(gint64 limit_us);
