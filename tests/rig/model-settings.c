/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The capabilities and parameters of model-qemu's migrations. The error texts are QEMU's. */
#include <stdio.h>
#include <unistd.h>

#include "qmp/json-get.h"
#include "tests/rig/model-machine.h"

#define MAX_DOWNTIME_MS 2000000

char *
model_list_capabilities(Model *self)
{
	GString *text = g_string_new("[");
	GHashTableIter iter;
	gpointer name = NULL;
	gpointer state = NULL;

	g_hash_table_iter_init(&iter, self->capabilities);
	while (g_hash_table_iter_next(&iter, &name, &state))
		g_string_append_printf(text, "%s{\"capability\": \"%s\", \"state\": %s}",
				       text->len > 1 ? ", " : "", (char *)name,
				       state != NULL ? "true" : "false");
	g_string_append_c(text, ']');
	return g_string_free(text, FALSE);
}

/* @object: (nullable) */
static char *
set_capability(Model *self, JsonObject *object)
{
	const char *name = "";
	gboolean state = FALSE;

	if (object == NULL || !json_get_string(object, "capability", &name, NULL) ||
	    !g_hash_table_contains(self->capabilities, name))
		return g_strdup_printf("Invalid parameter '%s'", name);
	if (json_get_bool(object, "state", &state, NULL))
		g_hash_table_insert(self->capabilities, g_strdup(name), GINT_TO_POINTER(state));
	return NULL;
}

char *
model_set_capabilities(Model *self, JsonObject *arguments)
{
	JsonArray *array = NULL;
	char *refusal = NULL;

	if (model_is_untidy(self)) {
		fprintf(stderr,
			"model-qemu: capabilities are changed under a migration that ends\n");
		_exit(1);
	}
	if (model_is_migrating(self))
		return g_strdup("There's a migration process in progress");
	if (!json_get_array(arguments, "capabilities", &array, NULL))
		return g_strdup("Parameter 'capabilities' is missing");
	for (guint i = 0; i < json_array_get_length(array) && refusal == NULL; i++)
		refusal = set_capability(self, json_get_element_object(array, i));
	return refusal;
}

char *
model_list_parameters(Model *self)
{
	GString *text = g_string_new("{");
	GHashTableIter iter;
	gpointer name = NULL;
	gpointer value = NULL;

	g_hash_table_iter_init(&iter, self->parameters);
	while (g_hash_table_iter_next(&iter, &name, &value))
		g_string_append_printf(text, "%s\"%s\": %" G_GINT64_FORMAT,
				       text->len > 1 ? ", " : "", (char *)name, *(gint64 *)value);
	g_string_append_c(text, '}');
	return g_string_free(text, FALSE);
}

static char *
set_parameter(Model *self, const char *name, gint64 value)
{
	gint64 *slot = g_hash_table_lookup(self->parameters, name);

	if (slot == NULL)
		return g_strdup_printf("Parameter '%s' is unexpected", name);
	if (g_str_equal(name, "downtime-limit") && value > MAX_DOWNTIME_MS)
		return g_strdup("Parameter 'downtime-limit' expects an integer in the range of 0 "
				"to 2000 seconds");
	*slot = value;
	return NULL;
}

char *
model_set_parameters(Model *self, JsonObject *arguments)
{
	g_autoptr(GList) names = json_object_get_members(arguments);
	char *refusal = NULL;

	for (GList *l = names; l != NULL && refusal == NULL; l = l->next) {
		gint64 value = 0;
		refusal = json_get_int(arguments, l->data, &value, NULL)
				  ? set_parameter(self, l->data, value)
				  : g_strdup_printf("Invalid parameter type for '%s', expected: "
						    "integer",
						    (char *)l->data);
	}
	return refusal;
}
