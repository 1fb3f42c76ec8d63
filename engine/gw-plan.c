/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwPlan as data: made, copied, written as JSON and read back. It goes to the peer and into the report.
 *
 *   {"vm_name","transport","channels","capabilities_source":[],"capabilities_destination":[],
 *    "downtime_limit_us","bandwidth_bytes_per_s" (absent: no limit),"paused","keep_source",
 *    "issues":[{"severity","code","host","subject","text","remedy"}]}
 *
 * What may be planned is decided in negotiate.c, never here.
 */
#include "engine/gw-plan.h"

#include "engine/fields.h"
#include "engine/gw-error.h"
#include "engine/plan-json.h"

#define MAX_ISSUES	 1024
#define MAX_CAPABILITIES 256
#define MAX_CHANNELS	 256

const char *
gw_severity_to_string(GwSeverity severity)
{
	return severity == GW_SEVERITY_WARNING ? "warning" : "error";
}

GwIssue *
gw_issue_new(GwSeverity severity, const char *code, const char *host, const char *subject,
	     const char *text, const char *remedy)
{
	GwIssue *self = g_new0(GwIssue, 1);
	self->severity = severity;
	self->code = g_strdup(code);
	self->host = g_strdup(host);
	self->subject = g_strdup(subject);
	self->text = g_strdup(text);
	self->remedy = g_strdup(remedy);
	return self;
}

void
gw_issue_free(GwIssue *self)
{
	if (self == NULL)
		return;
	g_free(self->code);
	g_free(self->host);
	g_free(self->subject);
	g_free(self->text);
	g_free(self->remedy);
	g_free(self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwIssue, gw_issue_free)

GwPlan *
gw_plan_new(void)
{
	GwPlan *self = g_new0(GwPlan, 1);
	self->channels = 1;
	self->issues = g_ptr_array_new_with_free_func((GDestroyNotify)gw_issue_free);
	return self;
}

static gpointer
copy_issue(gconstpointer data, gpointer user_data)
{
	const GwIssue *issue = data;
	return gw_issue_new(issue->severity, issue->code, issue->host, issue->subject, issue->text,
			    issue->remedy);
}

GwPlan *
gw_plan_copy(const GwPlan *self)
{
	if (self == NULL)
		return NULL;
	GwPlan *copy = g_new(GwPlan, 1);
	*copy = *self;
	copy->vm_name = g_strdup(self->vm_name);
	copy->transport = g_strdup(self->transport);
	copy->capabilities_source = g_strdupv(self->capabilities_source);
	copy->capabilities_destination = g_strdupv(self->capabilities_destination);
	copy->issues = g_ptr_array_copy(self->issues, copy_issue, NULL);
	g_ptr_array_set_free_func(copy->issues, (GDestroyNotify)gw_issue_free);
	return copy;
}

void
gw_plan_free(GwPlan *self)
{
	if (self == NULL)
		return;
	g_free(self->vm_name);
	g_free(self->transport);
	g_strfreev(self->capabilities_source);
	g_strfreev(self->capabilities_destination);
	g_clear_pointer(&self->issues, g_ptr_array_unref);
	g_free(self);
}

gboolean
gw_plan_is_possible(const GwPlan *self)
{
	for (guint i = 0; i < self->issues->len; i++) {
		const GwIssue *issue = g_ptr_array_index(self->issues, i);
		if (issue->severity == GW_SEVERITY_ERROR)
			return FALSE;
	}
	return TRUE;
}

static JsonObject *
issue_to_object(const GwIssue *issue)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "severity", gw_severity_to_string(issue->severity));
	fields_add_string(object, "code", issue->code);
	fields_add_string(object, "host", issue->host);
	fields_add_string(object, "subject", issue->subject);
	fields_add_string(object, "text", issue->text);
	fields_add_string(object, "remedy", issue->remedy);
	return object;
}

JsonNode *
gw_plan_to_json_node(const GwPlan *self)
{
	JsonObject *object = json_object_new();
	fields_add_string(object, "vm_name", self->vm_name);
	fields_add_string(object, "transport", self->transport);
	fields_add_known(object, "channels", self->channels);
	fields_add_strv(object, "capabilities_source", self->capabilities_source);
	fields_add_strv(object, "capabilities_destination", self->capabilities_destination);
	fields_add_known(object, "downtime_limit_us", self->downtime_limit_us);
	if (self->bandwidth_bytes_per_s > 0)
		fields_add_known(object, "bandwidth_bytes_per_s", self->bandwidth_bytes_per_s);
	json_object_set_boolean_member(object, "paused", self->paused);
	json_object_set_boolean_member(object, "keep_source", self->keep_source);
	JsonArray *issues = json_array_new();
	for (guint i = 0; i < self->issues->len; i++)
		json_array_add_object_element(issues,
					      issue_to_object(g_ptr_array_index(self->issues, i)));
	json_object_set_array_member(object, "issues", issues);
	return fields_node(object);
}

char *
gw_plan_to_json(const GwPlan *self)
{
	return fields_take_text(gw_plan_to_json_node(self), TRUE);
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

static GwIssue *
issue_from_node(JsonNode *node, guint index, GError **error)
{
	g_autofree char *path = g_strdup_printf("plan.issues[%u]", index);
	g_autoptr(GwIssue) issue = g_new0(GwIssue, 1);
	Fields fields;
	fields_init(&fields, node, path);
	issue->severity = read_severity(&fields);
	issue->code = fields_string(&fields, "code", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	issue->host = fields_string(&fields, "host", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	issue->subject = fields_string(&fields, "subject", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	issue->text = fields_string(&fields, "text", FIELDS_REQUIRED, FIELDS_TEXT_BYTES);
	issue->remedy = fields_string(&fields, "remedy", FIELDS_OPTIONAL, FIELDS_TEXT_BYTES);
	return fields_end(&fields, error) ? g_steal_pointer(&issue) : NULL;
}

static gboolean
read_issues(GwPlan *plan, JsonArray *array, GError **error)
{
	guint n = array != NULL ? json_array_get_length(array) : 0;
	for (guint i = 0; i < n; i++) {
		GwIssue *issue = issue_from_node(json_array_get_element(array, i), i, error);
		if (issue == NULL)
			return FALSE;
		g_ptr_array_add(plan->issues, issue);
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
	plan->transport = fields_string(&f, "transport", FIELDS_REQUIRED, FIELDS_WORD_BYTES);
	plan->channels = read_channels(&f);
	plan->capabilities_source = fields_strv(&f, "capabilities_source", FIELDS_OPTIONAL,
						MAX_CAPABILITIES, FIELDS_WORD_BYTES);
	plan->capabilities_destination =
		fields_strv(&f, "capabilities_destination", FIELDS_OPTIONAL, MAX_CAPABILITIES,
			    FIELDS_WORD_BYTES);
	plan->downtime_limit_us = fields_count(&f, "downtime_limit_us", FIELDS_REQUIRED);
	plan->bandwidth_bytes_per_s =
		MAX(0, fields_count(&f, "bandwidth_bytes_per_s", FIELDS_OPTIONAL));
	plan->paused = fields_boolean(&f, "paused", FIELDS_REQUIRED);
	plan->keep_source = fields_boolean(&f, "keep_source", FIELDS_REQUIRED);
	JsonArray *issues = fields_array(&f, "issues", FIELDS_REQUIRED, MAX_ISSUES);
	if (!fields_end(&f, error) || !read_issues(plan, issues, error))
		return NULL;
	return g_steal_pointer(&plan);
}
