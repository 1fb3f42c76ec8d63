/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The settings that a plan changes in a QEMU, and how they are restored. Capabilities and
 * parameters outlive a migration. So a QEMU that keeps running gets its former settings again: a
 * source after a failure, or one that is kept; a destination when the guest runs there, or one that
 * another program started and that is not needed.
 *
 * The former values are written to the journal before anything is changed, so a recovery restores
 * them too.
 *
 *   {"capabilities": {NAME: true or false}, "parameters": {NAME: VALUE},
 *    "properties": [{"path", "name", "value"}]}
 */
#include "engine/host/settings.h"

#include "engine/util/json-fields.h"
#include "qmp/qmp-devices.h"
#include "qmp/qmp-parameters.h"

struct Settings {
	GHashTable *capabilities;  /* (owned): all capabilities of the QEMU */
	QmpParameters *parameters; /* (owned): those that the plan sets */
	GPtrArray *properties;	   /* (owned): of Property: those that the plan sets */
};

/* One property of one device. */
typedef struct {
	char *path;
	char *name;
	char *value;
} Property;

static void
property_free(gpointer data)
{
	Property *self = data;
	g_free(self->path);
	g_free(self->name);
	g_free(self->value);
	g_free(self);
}

static void
add_property(GPtrArray *list, const char *path, const char *name, const char *value)
{
	Property *property = g_new(Property, 1);
	property->path = g_strdup(path);
	property->name = g_strdup(name);
	property->value = g_strdup(value);
	g_ptr_array_add(list, property);
}

static gboolean
is_of_host(const GwPlanParameter *parameter, Side host)
{
	return host == SIDE_SOURCE ? parameter->at_source : parameter->at_destination;
}

/* Adds the values of @parameter for @devices; with @current, the values that they have now. */
static gboolean
list_property(Qemu *qemu, const GwPlanParameter *parameter, const GPtrArray *devices,
	      gboolean current, GPtrArray *list, GError **error)
{
	for (guint i = 0; i < devices->len; i++) {
		const QmpDevice *device = g_ptr_array_index(devices, i);
		if (g_strcmp0(device->type, parameter->device) != 0)
			continue;
		g_autofree char *now =
			current ? qmp_device_get_string(qemu->qmp, device, parameter->name, error)
				: g_strdup(parameter->text);
		if (now == NULL)
			return FALSE;
		add_property(list, device->path, parameter->name, now);
	}
	return TRUE;
}

/* (transfer full): of Property: those that @plan sets, to its values or with those that they have
 * now. */
static GPtrArray *
list_properties(Qemu *qemu, const GwPlan *plan, Side host, gboolean current, GError **error)
{
	g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(property_free);
	g_autoptr(GPtrArray) devices = NULL;
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		if (parameter->device == NULL || !is_of_host(parameter, host))
			continue;
		if (devices == NULL)
			devices = qmp_list_devices(qemu->qmp, error);
		if (devices == NULL ||
		    !list_property(qemu, parameter, devices, current, list, error))
			return NULL;
	}
	return g_steal_pointer(&list);
}

static gboolean
set_properties(Qemu *qemu, const GPtrArray *list, GError **error)
{
	for (guint i = 0; i < list->len; i++) {
		const Property *property = g_ptr_array_index(list, i);
		if (!qmp_set_property(qemu->qmp, property->path, property->name, property->value,
				      error))
			return FALSE;
	}
	return TRUE;
}

static QmpParameters *
wanted_parameters(const GwPlan *plan, Side host)
{
	QmpParameters *wanted = qmp_parameters_new();
	for (guint i = 0; i < plan->parameters->len; i++) {
		const GwPlanParameter *parameter = g_ptr_array_index(plan->parameters, i);
		if (parameter->device != NULL || !is_of_host(parameter, host))
			continue;
		if (parameter->text != NULL)
			qmp_parameters_set_string(wanted, parameter->name, parameter->text);
		else
			qmp_parameters_set_int(wanted, parameter->name, parameter->value);
	}
	return wanted;
}

/* Takes over all of them. */
static Settings *
settings_new(GHashTable *capabilities, QmpParameters *parameters, GPtrArray *properties)
{
	Settings *self = g_new(Settings, 1);
	self->capabilities = capabilities;
	self->parameters = parameters;
	self->properties = properties;
	return self;
}

Settings *
settings_save(Qemu *qemu, const GwPlan *plan, Side host, GError **error)
{
	g_autoptr(GHashTable) capabilities = qmp_query_migrate_capabilities(qemu->qmp, error);
	if (capabilities == NULL)
		return NULL;
	g_autoptr(QmpParameters) all = qmp_parameters_query(qemu->qmp, error);
	if (all == NULL)
		return NULL;
	GPtrArray *properties = list_properties(qemu, plan, host, TRUE, error);
	if (properties == NULL)
		return NULL;
	g_autoptr(QmpParameters) wanted = wanted_parameters(plan, host);
	return settings_new(g_steal_pointer(&capabilities), qmp_parameters_pick(all, wanted),
			    properties);
}

void
settings_free(Settings *self)
{
	if (self == NULL)
		return;
	g_clear_pointer(&self->capabilities, g_hash_table_unref);
	qmp_parameters_free(self->parameters);
	g_clear_pointer(&self->properties, g_ptr_array_unref);
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
	JsonArray *properties = json_array_new();
	for (guint i = 0; i < self->properties->len; i++) {
		const Property *property = g_ptr_array_index(self->properties, i);
		JsonObject *object = json_object_new();
		json_object_set_string_member(object, "path", property->path);
		json_object_set_string_member(object, "name", property->name);
		json_object_set_string_member(object, "value", property->value);
		json_array_add_object_element(properties, object);
	}
	json_object_set_array_member(facts, "properties", properties);
}

static GPtrArray *
read_properties(JsonNode *node)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(property_free);
	JsonArray *array =
		node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		JsonNode *item = json_array_get_element(array, i);
		JsonObject *object =
			JSON_NODE_HOLDS_OBJECT(item) ? json_node_get_object(item) : NULL;
		const char *path = fields_peek_string(object, "path", NULL);
		const char *name = fields_peek_string(object, "name", NULL);
		const char *value = fields_peek_string(object, "value", NULL);
		if (path != NULL && name != NULL && value != NULL)
			add_property(list, path, name, value);
	}
	return list;
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
			    qmp_parameters_from_node(journal_get_node(journal, "parameters")),
			    read_properties(journal_get_node(journal, "properties")));
}

gboolean
settings_apply(const Settings *former, Qemu *qemu, const GwPlan *plan, Side host, GError **error)
{
	if (!qemu_wait_cleaned_up(qemu, error))
		return FALSE;
	g_auto(GStrv) on = plan_list_capabilities(plan, host);
	g_autoptr(QmpParameters) wanted = wanted_parameters(plan, host);
	g_autoptr(GPtrArray) properties = list_properties(qemu, plan, host, FALSE, error);
	return properties != NULL && set_properties(qemu, properties, error) &&
	       qmp_migrate_switch_capabilities(qemu->qmp, (const char *const *)on,
					       former->capabilities, error) &&
	       qmp_parameters_apply(wanted, qemu->qmp, error);
}

gboolean
settings_change(Settings **former, Qemu *qemu, const GwPlan *plan, Side host, Journal *journal,
		JournalPhase phase, JsonObject *facts, GError **error)
{
	g_autoptr(JsonObject) line = facts;
	*former = settings_save(qemu, plan, host, error);
	if (*former == NULL)
		return FALSE;
	settings_add_facts(*former, line);
	return journal_append(journal, phase, g_steal_pointer(&line), error) &&
	       settings_apply(*former, qemu, plan, host, error);
}

gboolean
settings_restore(const Settings *self, Qemu *qemu, GError **error)
{
	if (!qemu_wait_cleaned_up(qemu, error))
		return FALSE;
	GError *errors[3] = { NULL };
	gboolean is_back = qmp_migrate_set_capabilities(qemu->qmp, self->capabilities, &errors[0]);
	is_back &= qmp_parameters_apply(self->parameters, qemu->qmp, &errors[1]);
	is_back &= set_properties(qemu, self->properties, &errors[2]);
	for (guint i = 0; !is_back && i < G_N_ELEMENTS(errors); i++) {
		if (errors[i] == NULL)
			continue;
		g_propagate_error(error, g_steal_pointer(&errors[i]));
		break;
	}
	for (guint i = 0; i < G_N_ELEMENTS(errors); i++)
		g_clear_error(&errors[i]);
	return is_back;
}
