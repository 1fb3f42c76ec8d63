/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings that a plan changes in a QEMU, and their way back. Capabilities and parameters outlive a
 * migration, so a QEMU that goes on running (a source after a failure, or that is kept; a destination once the
 * guest runs there, or that was started by somebody else and is not needed) gets its own ones again.
 *
 * The former values are in the journal before anything is changed: whoever recovers puts them back too.
 *
 *   {"capabilities": {NAME: true or false}, "parameters": {NAME: VALUE}}
 */
#include "engine/settings.h"

#include "engine/fields.h"
#include "qmp/qmp-parameters.h"

struct Settings {
	GHashTable *capabilities;  /* (owned): all that there are */
	QmpParameters *parameters; /* (owned): those that the plan sets */
};

static QmpParameters *
wanted_parameters(const GwPlan *plan, PlanHost host)
{
	QmpParameters *wanted = qmp_parameters_new();
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		if (host == PLAN_SOURCE ? !parameter->at_source : !parameter->at_destination)
			continue;
		if (parameter->text != NULL)
			qmp_parameters_set_string(wanted, parameter->name, parameter->text);
		else
			qmp_parameters_set_int(wanted, parameter->name, parameter->value);
	}
	return wanted;
}

static Settings *
settings_new(GHashTable *capabilities, QmpParameters *parameters)
{
	Settings *self = g_new(Settings, 1);
	self->capabilities = capabilities;
	self->parameters = parameters;
	return self;
}

Settings *
settings_save(Qemu *qemu, const GwPlan *plan, PlanHost host, GError **error)
{
	g_autoptr(GHashTable) capabilities = qmp_query_migrate_capabilities(qemu->qmp, error);
	if (capabilities == NULL)
		return NULL;
	g_autoptr(QmpParameters) all = qmp_parameters_query(qemu->qmp, error);
	if (all == NULL)
		return NULL;
	g_autoptr(QmpParameters) wanted = wanted_parameters(plan, host);
	return settings_new(g_steal_pointer(&capabilities), qmp_parameters_pick(all, wanted));
}

void
settings_free(Settings *self)
{
	if (self == NULL)
		return;
	g_clear_pointer(&self->capabilities, g_hash_table_unref);
	qmp_parameters_free(self->parameters);
	g_free(self);
}

void
settings_add_facts(const Settings *self, JsonObject *facts)
{
	JsonObject *capabilities = json_object_new();
	GHashTableIter iter;
	gpointer name, on;
	g_hash_table_iter_init(&iter, self->capabilities);
	while (g_hash_table_iter_next(&iter, &name, &on))
		json_object_set_boolean_member(capabilities, name, GPOINTER_TO_INT(on));
	json_object_set_object_member(facts, "capabilities", capabilities);
	json_object_set_member(facts, "parameters", qmp_parameters_to_node(self->parameters));
}

Settings *
settings_from_journal(Journal *journal)
{
	JsonNode *node = journal_get_node(journal, "capabilities");
	if (node == NULL || !JSON_NODE_HOLDS_OBJECT(node))
		return NULL;
	JsonObject *object = json_node_get_object(node);
	g_autoptr(GHashTable) capabilities =
		g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	g_autoptr(GList) names = json_object_get_members(object);
	for (GList *n = names; n != NULL; n = n->next)
		g_hash_table_insert(capabilities, g_strdup(n->data),
				    GINT_TO_POINTER(fields_peek_boolean(object, n->data, FALSE)));
	return settings_new(g_steal_pointer(&capabilities),
			    qmp_parameters_from_node(journal_get_node(journal, "parameters")));
}

gboolean
settings_apply(const Settings *former, Qemu *qemu, const GwPlan *plan, PlanHost host,
	       GError **error)
{
	g_auto(GStrv) on = plan_list_capabilities(plan, host);
	g_autoptr(QmpParameters) wanted = wanted_parameters(plan, host);
	return qmp_migrate_switch_capabilities(qemu->qmp, (const char *const *)on,
					       former->capabilities, error) &&
	       qmp_parameters_apply(wanted, qemu->qmp, error);
}

gboolean
settings_restore(const Settings *self, Qemu *qemu, GError **error)
{
	g_autoptr(GError) second = NULL;
	gboolean first_is_back = qmp_migrate_set_capabilities(qemu->qmp, self->capabilities, error);
	if (qmp_parameters_apply(self->parameters, qemu->qmp, &second))
		return first_is_back;
	if (first_is_back)
		g_propagate_error(error, g_steal_pointer(&second));
	return FALSE;
}
