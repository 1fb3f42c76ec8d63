/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Migration parameters as a set of names and values. QEMU keeps them from one migration to the
 * next. So code that sets some of them reads them first and puts the old values back later: query,
 * pick, apply; apply.
 *
 * The set is a JSON object of numbers, strings and booleans. query-migrate-parameters also returns
 * lists and nulls; they are not in the set, because nothing here sets such a parameter. The code
 * above decides which value is wise.
 */
#include "qmp/qmp-parameters.h"

#include "qmp/qmp-call.h"

#define US_PER_MS 1000

struct QmpParameters {
	JsonObject *values; /* (owned) */
};

QmpParameters *
qmp_parameters_new(void)
{
	QmpParameters *self = g_new0(QmpParameters, 1);

	self->values = json_object_new();
	return self;
}

void
qmp_parameters_free(QmpParameters *self)
{
	if (self == NULL)
		return;
	json_object_unref(self->values);
	g_free(self);
}

void
qmp_parameters_set_int(QmpParameters *self, const char *name, gint64 value)
{
	json_object_set_int_member(self->values, name, value);
}

void
qmp_parameters_set_string(QmpParameters *self, const char *name, const char *value)
{
	json_object_set_string_member(self->values, name, value);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(a, b);
}

GStrv
qmp_parameters_list(const QmpParameters *self)
{
	g_autoptr(GList) names = g_list_sort(json_object_get_members(self->values), compare_names);
	g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

	for (GList *n = names; n != NULL; n = n->next)
		g_strv_builder_add(builder, n->data);
	return g_strv_builder_end(builder);
}

char *
qmp_parameters_get_text(const QmpParameters *self, const char *name)
{
	JsonNode *node = json_object_get_member(self->values, name);

	if (node == NULL)
		return NULL;
	if (json_node_get_value_type(node) == G_TYPE_STRING)
		return json_node_dup_string(node);
	if (json_node_get_value_type(node) == G_TYPE_BOOLEAN)
		return g_strdup(json_node_get_boolean(node) ? "on" : "off");
	return g_strdup_printf("%" G_GINT64_FORMAT, json_node_get_int(node));
}

QmpParameters *
qmp_parameters_pick(const QmpParameters *self, const QmpParameters *others)
{
	QmpParameters *picked = qmp_parameters_new();
	g_autoptr(GList) names = json_object_get_members(others->values);

	for (GList *n = names; n != NULL; n = n->next) {
		JsonNode *node = json_object_dup_member(self->values, n->data);
		if (node != NULL)
			json_object_set_member(picked->values, n->data, node);
	}
	return picked;
}

JsonNode *
qmp_parameters_to_node(const QmpParameters *self)
{
	JsonNode *node = json_node_alloc();

	json_node_init_object(node, self->values);
	return node;
}

static gboolean
is_usable(JsonNode *node)
{
	GType type = JSON_NODE_HOLDS_VALUE(node) ? json_node_get_value_type(node) : G_TYPE_INVALID;

	return type == G_TYPE_INT64 || type == G_TYPE_STRING || type == G_TYPE_BOOLEAN;
}

QmpParameters *
qmp_parameters_from_node(JsonNode *node)
{
	QmpParameters *self = qmp_parameters_new();

	if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
		return self;
	JsonObject *object = json_node_get_object(node);
	g_autoptr(GList) names = json_object_get_members(object);
	for (GList *n = names; n != NULL; n = n->next) {
		if (is_usable(json_object_get_member(object, n->data)))
			json_object_set_member(self->values, n->data,
					       json_object_dup_member(object, n->data));
	}
	return self;
}

QmpParameters *
qmp_parameters_query(QmpClient *client, GError **error)
{
	g_autoptr(JsonNode) reply = NULL;

	if (qmp_call_for_object(client, "query-migrate-parameters", NULL, &reply, error) == NULL)
		return NULL;
	return qmp_parameters_from_node(reply);
}

gboolean
qmp_parameters_apply(const QmpParameters *self, QmpClient *client, GError **error)
{
	if (json_object_get_size(self->values) == 0)
		return TRUE;
	return qmp_call(client, "migrate-set-parameters", qmp_parameters_to_node(self), NULL,
			error);
}

gint64
qmp_downtime_limit(gint64 limit_us)
{
	return limit_us < 0 ? -1 : limit_us / US_PER_MS + (limit_us % US_PER_MS > 0 ? 1 : 0);
}
