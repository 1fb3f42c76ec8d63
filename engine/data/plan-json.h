/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-plan.h"
#include "engine/util/side.h"

/* The private side of GwPlan: how it is made and read (gw-plan.c), and how it goes to the peer. */

/* Empty: one channel, nothing decided, no issues. */
GwPlan *gw_plan_new(void);
GwPlan *gw_plan_copy(const GwPlan *self);
GwIssue *gw_issue_new(GwSeverity severity, const char *code, const char *host, const char *subject,
		      const char *text, const char *remedy);
void gw_issue_free(GwIssue *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwIssue, gw_issue_free);
void gw_plan_capability_free(GwPlanCapability *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlanCapability, gw_plan_capability_free);
void gw_plan_parameter_free(GwPlanParameter *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwPlanParameter, gw_plan_parameter_free);

/* (transfer none): NULL when the plan decides nothing about it. */
const GwPlanCapability *plan_find_capability(const GwPlan *self, const char *name);
/* (transfer full): the capabilities that are switched on at @host. */
GStrv plan_list_capabilities(const GwPlan *self, Side host);

JsonNode *gw_plan_to_json_node(const GwPlan *self);
/* (transfer full): %GW_ERROR_PROTOCOL, which names the field. The peer is not trusted: @node may be
 * anything. */
GwPlan *gw_plan_from_json_node(JsonNode *node, GError **error);
