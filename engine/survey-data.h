/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-survey.h"

/* GwSurvey as data: how it goes to the peer. */
JsonNode *survey_to_node(const GwSurvey *self);
/* (transfer full): %GW_ERROR_PROTOCOL, naming the field. The peer is not trusted: @node may be anything. */
GwSurvey *survey_from_node(JsonNode *node, GError **error);
