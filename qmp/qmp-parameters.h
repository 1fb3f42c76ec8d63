/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* A set of migration parameters, each a number, a text or a switch: by QEMU's names and in QEMU's units. Which
 * there are differs from QEMU to QEMU, so they are looked up by name. */
typedef struct QmpParameters QmpParameters;

QmpParameters *qmp_parameters_new(void);
void qmp_parameters_free(QmpParameters *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpParameters, qmp_parameters_free)

void qmp_parameters_set_int(QmpParameters *self, const char *name, gint64 value);
void qmp_parameters_set_string(QmpParameters *self, const char *name, const char *value);

/* (transfer full): the names, sorted. */
GStrv qmp_parameters_list(const QmpParameters *self);
/* (transfer full): the value as text, "on" and "off" for a switch; NULL when it is not in the set. */
char *qmp_parameters_get_text(const QmpParameters *self, const char *name);

/* (transfer full): the values that @self has of what @others names. */
QmpParameters *qmp_parameters_pick(const QmpParameters *self, const QmpParameters *others);

/* As an object of name and value, and back: of anything else, or of values that are something else, what can
 * be used is taken. @node: (nullable) */
JsonNode *qmp_parameters_to_node(const QmpParameters *self);
QmpParameters *qmp_parameters_from_node(JsonNode *node);

/* (transfer full): all that QEMU has, as they are now. */
QmpParameters *qmp_parameters_query(QmpClient *client, GError **error);
/* Sets those of the set, all or none; an empty one is no call. */
gboolean qmp_parameters_apply(const QmpParameters *self, QmpClient *client,
			      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Microseconds in the unit of "downtime-limit": a limit is never rounded to less; a negative one stays so. */
gint64 qmp_downtime_limit(gint64 limit_us);
