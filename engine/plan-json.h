/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-plan.h"

/* The private side of GwPlan: how it is made, and how it goes to the peer. */

/* Empty, with no issues. */
GwPlan *gw_plan_new(void);
GwPlan *gw_plan_copy(const GwPlan *self);
GwIssue *gw_issue_new(GwSeverity severity, const char *code, const char *host, const char *subject,
		      const char *text, const char *remedy);
void gw_issue_free(GwIssue *self);

JsonNode *gw_plan_to_json_node(const GwPlan *self);
/* (transfer full): %GW_ERROR_PROTOCOL, naming the field. The peer is not trusted: @node may be anything. */
GwPlan *gw_plan_from_json_node(JsonNode *node, GError **error);
