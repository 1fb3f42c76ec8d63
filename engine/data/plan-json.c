/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwPlan as JSON, in and out. It goes to the peer and into the report.
 *
 *   {"vm_name","source","destination","transport","encryption","channels",
 *    "capabilities":[{"name","source","destination","reason"}],
 *    "parameters":[{"name","device" (absent: a migration parameter),"value" or "text",
 *        "source","destination","reason"}],
 *    "downtime_limit_us","bandwidth_bytes_per_s" (absent: no limit),"paused","keep_source",
 *    "issues":[{"severity","allowed" (absent: false),"code","host","subject","text","remedy"}]}
 */
#include "engine/data/plan-json.h"

#include "engine/util/json-fields.h"
#include "engine/gw-error.h"
#include "engine/data/prediction-json.h"

#define MAX_ISSUES	 1024
#define MAX_CAPABILITIES 256
#define MAX_PARAMETERS	 256
#define MAX_CHANNELS	 256

static void
add_hosts(JsonObject *object, gboolean at_source, gboolean at_destination)
{
	json_object_set_boolean_member(object, "source", at_source);
	json_object_set_boolean_member(object, "destination", at_destination);
}

static JsonObject *
capability_to_object(gconstpointer item)
{
	const GwPlanCapability *capability = item;
	JsonObject *object = json_object_new();
	fields_add_string(object, "name", capability->name);
	add_hosts(object, capability->at_source, capability->at_destination);
	fields_add_string(object, "reason", capability->reason);
	return object;
}

static JsonObject *
parameter_to_object(gconstpointer item)
{
	const GwPlanParameter *parameter = item;
	JsonObject *object = json_object_new();
	fields_add_string(object, "name", parameter->name);
	fields_add_string(object, "device", parameter->device);
	if (parameter->text != NULL)
		fields_add_string(object, "text", parameter->text);
	else
		fields_add_known(object, "value", parameter->value);
	add_hosts(object, parameter->at_source, parameter->at_destination);
	fields_add_string(object, "reason", parameter->reason);
	return object;
}

static JsonObject *
issue_to_object(gconstpointer item)
{
	const GwIssue *issue = item;
	JsonObject *object = json_object_new();
	fields_add_string(object, "severity", gw_severity_to_string(issue->severity));
	if (issue->is_allowed)
		json_object_set_boolean_member(object, "allowed", TRUE);
	fields_add_string(object, "code", issue->code);
	fields_add_string(object, "host", issue->host);
	fields_add_string(object, "subject", issue->subject);
	fields_add_string(object, "text", issue->text);
	fields_add_string(object, "remedy", issue->remedy);
	return object;
}

static void
add_list(JsonObject *object, const char *name, const GPtrArray *list,
	 JsonObject *(*to_object)(gconstpointer item))
{
	JsonArray *array = json_array_new();
	for (guint i = 0; i < list->len; i++)
		json_array_add_object_element(array, to_object(g_ptr_array_index(list, i)));
	json_object_set_array_member(object, name, array);
}

JsonNode *
gw_plan_to_json_node(const GwPlan *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "vm_name", self->vm_name);
	fields_add_string(object, "source", self->source);
	fields_add_string(object, "destination", self->destination);
	fields_add_string(object, "transport", self->transport);
	fields_add_string(object, "encryption", self->encryption);
	fields_add_known(object, "channels", self->channels);
	add_list(object, "capabilities", self->capabilities, capability_to_object);
	add_list(object, "parameters", self->parameters, parameter_to_object);
	fields_add_known(object, "downtime_limit_us", self->downtime_limit_us);
	if (self->bandwidth_bytes_per_s > 0)
		fields_add_known(object, "bandwidth_bytes_per_s", self->bandwidth_bytes_per_s);
	json_object_set_boolean_member(object, "paused", self->paused);
	json_object_set_boolean_member(object, "keep_source", self->keep_source);
	add_list(object, "issues", self->issues, issue_to_object);
	if (self->prediction != NULL)
		json_object_set_member(object, "prediction", prediction_to_node(self->prediction));
	return fields_node(object);
}

char *
gw_plan_to_json(const GwPlan *self)
{
	return fields_take_text(gw_plan_to_json_node(self), TRUE);
}

static gpointer
read_capability(Fields *f)
{
	GwPlanCapability *capability = g_new0(GwPlanCapability, 1);
	capability->name = fields_string(f, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	capability->at_source = fields_boolean(f, "source", FIELDS_REQUIRED);
	capability->at_destination = fields_boolean(f, "destination", FIELDS_REQUIRED);
	capability->reason = fields_string(f, "reason", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	return capability;
}

static gpointer
read_parameter(Fields *f)
{
	GwPlanParameter *parameter = g_new0(GwPlanParameter, 1);
	parameter->name = fields_string(f, "name", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	parameter->device = fields_string(f, "device", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	parameter->text = fields_string(f, "text", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	parameter->value =
		fields_count(f, "value",
			     parameter->text != NULL ? FIELDS_OPTIONAL : FIELDS_REQUIRED);
	if (parameter->text != NULL && parameter->value >= 0)
		fields_fail(f, "value", "must not be there together with a 'text'");
	parameter->at_source = fields_boolean(f, "source", FIELDS_REQUIRED);
	parameter->at_destination = fields_boolean(f, "destination", FIELDS_REQUIRED);
	parameter->reason = fields_string(f, "reason", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	return parameter;
}

static GwSeverity
read_severity(Fields *fields)
{
	g_autofree char *word =
		fields_string(fields, "severity", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	if (g_strcmp0(word, "warning") == 0)
		return GW_SEVERITY_WARNING;
	if (word != NULL && g_strcmp0(word, "error") != 0)
		fields_fail(fields, "severity", "is neither 'warning' nor 'error'");
	return GW_SEVERITY_ERROR;
}

static gpointer
read_issue(Fields *f)
{
	GwIssue *issue = g_new0(GwIssue, 1);
	issue->severity = read_severity(f);
	issue->is_allowed = fields_boolean(f, "allowed", FIELDS_OPTIONAL);
	issue->code = fields_string(f, "code", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	issue->host = fields_string(f, "host", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	issue->subject = fields_string(f, "subject", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	issue->text = fields_string(f, "text", FIELDS_REQUIRED, FIELDS_TEXT_BYTES);
	issue->remedy = fields_string(f, "remedy", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	return issue;
}

/* Reads each item of @array, which may be NULL, into @list; @name is the name of both. */
static gboolean
read_list(JsonArray *array, const char *name, GPtrArray *list, gpointer (*read)(Fields *f),
	  GError **error)
{
	for (guint i = 0; array != NULL && i < json_array_get_length(array); i++) {
		g_autofree char *path = g_strdup_printf("plan.%s[%u]", name, i);
		Fields fields;
		fields_init(&fields, json_array_get_element(array, i), path);
		g_ptr_array_add(list, read(&fields));
		if (!fields_end(&fields, error))
			return FALSE;
	}
	return TRUE;
}

static guint
read_channels(Fields *fields)
{
	gint64 channels = fields_count(fields, "channels", FIELDS_REQUIRED);
	if (channels == 0 || channels > MAX_CHANNELS)
		fields_fail(fields, "channels", "is not between 1 and 256");
	return (guint)CLAMP(channels, 1, MAX_CHANNELS);
}

GwPlan *
gw_plan_from_json_node(JsonNode *node, GError **error)
{
	g_autoptr(GwPlan) plan = gw_plan_new();
	Fields f;
	fields_init(&f, node, "plan");
	plan->vm_name = fields_string(&f, "vm_name", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	plan->source = fields_string(&f, "source", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	plan->destination = fields_string(&f, "destination", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	plan->transport = fields_string(&f, "transport", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	plan->encryption = fields_string(&f, "encryption", FIELDS_OPTIONAL, FIELDS_WORD_BYTES);
	plan->channels = read_channels(&f);
	JsonArray *capabilities =
		fields_array(&f, "capabilities", FIELDS_REQUIRED, MAX_CAPABILITIES);
	JsonArray *parameters = fields_array(&f, "parameters", FIELDS_REQUIRED, MAX_PARAMETERS);
	plan->downtime_limit_us = fields_count(&f, "downtime_limit_us", FIELDS_REQUIRED);
	plan->bandwidth_bytes_per_s =
		MAX(0, fields_count(&f, "bandwidth_bytes_per_s", FIELDS_OPTIONAL));
	plan->paused = fields_boolean(&f, "paused", FIELDS_REQUIRED);
	plan->keep_source = fields_boolean(&f, "keep_source", FIELDS_REQUIRED);
	JsonArray *issues = fields_array(&f, "issues", FIELDS_REQUIRED, MAX_ISSUES);
	if (!fields_end(&f, error) ||
	    !read_list(capabilities, "capabilities", plan->capabilities, read_capability, error) ||
	    !read_list(parameters, "parameters", plan->parameters, read_parameter, error) ||
	    !read_list(issues, "issues", plan->issues, read_issue, error))
		return NULL;
	return g_steal_pointer(&plan);
}
