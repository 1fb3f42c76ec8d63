/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwPlan and its parts as structs: made, copied, read, freed. plan-json.c has their JSON;
 * negotiate.c decides what is planned.
 */
#include "engine/gw-plan.h"

#include "engine/data/plan-json.h"

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

static gpointer
copy_issue(gconstpointer data, gpointer user_data)
{
	const GwIssue *issue = data;
	GwIssue *copy = gw_issue_new(issue->severity, issue->code, issue->host, issue->subject,
				     issue->text, issue->remedy);
	copy->is_allowed = issue->is_allowed;
	return copy;
}

void
gw_plan_capability_free(GwPlanCapability *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->reason);
	g_free(self);
}

static gpointer
copy_capability(gconstpointer data, gpointer user_data)
{
	const GwPlanCapability *capability = data;
	GwPlanCapability *copy = g_new(GwPlanCapability, 1);
	*copy = *capability;
	copy->name = g_strdup(capability->name);
	copy->reason = g_strdup(capability->reason);
	return copy;
}

void
gw_plan_parameter_free(GwPlanParameter *self)
{
	if (self == NULL)
		return;
	g_free(self->name);
	g_free(self->device);
	g_free(self->text);
	g_free(self->reason);
	g_free(self);
}

static gpointer
copy_parameter(gconstpointer data, gpointer user_data)
{
	const GwPlanParameter *parameter = data;
	GwPlanParameter *copy = g_new(GwPlanParameter, 1);
	*copy = *parameter;
	copy->name = g_strdup(parameter->name);
	copy->device = g_strdup(parameter->device);
	copy->text = g_strdup(parameter->text);
	copy->reason = g_strdup(parameter->reason);
	return copy;
}

GwPlan *
gw_plan_new(void)
{
	GwPlan *self = g_new0(GwPlan, 1);
	self->channels = 1;
	self->capabilities =
		g_ptr_array_new_with_free_func((GDestroyNotify)gw_plan_capability_free);
	self->parameters = g_ptr_array_new_with_free_func((GDestroyNotify)gw_plan_parameter_free);
	self->issues = g_ptr_array_new_with_free_func((GDestroyNotify)gw_issue_free);
	return self;
}

static GPtrArray *
copy_list(GPtrArray *list, GCopyFunc copy_item, gpointer free_item)
{
	GPtrArray *copy = g_ptr_array_copy(list, copy_item, NULL);
	g_ptr_array_set_free_func(copy, (GDestroyNotify)free_item);
	return copy;
}

GwPlan *
gw_plan_copy(const GwPlan *self)
{
	if (self == NULL)
		return NULL;
	GwPlan *copy = g_new(GwPlan, 1);
	*copy = *self;
	copy->vm_name = g_strdup(self->vm_name);
	copy->source = g_strdup(self->source);
	copy->destination = g_strdup(self->destination);
	copy->transport = g_strdup(self->transport);
	copy->encryption = g_strdup(self->encryption);
	copy->capabilities =
		copy_list(self->capabilities, copy_capability, gw_plan_capability_free);
	copy->parameters = copy_list(self->parameters, copy_parameter, gw_plan_parameter_free);
	copy->issues = copy_list(self->issues, copy_issue, gw_issue_free);
	copy->prediction = gw_prediction_copy(self->prediction);
	return copy;
}

void
gw_plan_free(GwPlan *self)
{
	if (self == NULL)
		return;
	g_free(self->vm_name);
	g_free(self->source);
	g_free(self->destination);
	g_free(self->transport);
	g_free(self->encryption);
	g_clear_pointer(&self->capabilities, g_ptr_array_unref);
	g_clear_pointer(&self->parameters, g_ptr_array_unref);
	g_clear_pointer(&self->issues, g_ptr_array_unref);
	gw_prediction_free(self->prediction);
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

const GwPlanCapability *
plan_find_capability(const GwPlan *self, const char *name)
{
	for (guint i = 0; i < self->capabilities->len; i++) {
		const GwPlanCapability *capability = g_ptr_array_index(self->capabilities, i);
		if (g_strcmp0(capability->name, name) == 0)
			return capability;
	}
	return NULL;
}

GStrv
plan_list_capabilities(const GwPlan *self, Side host)
{
	g_autoptr(GStrvBuilder) names = g_strv_builder_new();
	for (guint i = 0; i < self->capabilities->len; i++) {
		const GwPlanCapability *capability = g_ptr_array_index(self->capabilities, i);
		if (host == SIDE_SOURCE ? capability->at_source : capability->at_destination)
			g_strv_builder_add(names, capability->name);
	}
	return g_strv_builder_end(names);
}
