/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-survey.h"

/* GwSurvey as data: how it goes to the peer. */
JsonNode *survey_to_node(const GwSurvey *self);
/* The same, but if it would be longer than @max_bytes the devices' properties are left out, in
 * @self too. */
JsonNode *survey_to_bounded_node(GwSurvey *self, gsize max_bytes);
/* (transfer full): %GW_ERROR_PROTOCOL, which names the field. The peer is not trusted: @node may be
 * anything. */
GwSurvey *survey_from_node(JsonNode *node, GError **error);
/* (transfer full): for a host without a QEMU to ask. @reason: (nullable): QEMU's error when it did
 * not start */
GwSurvey *survey_new_absent(const char *reason);
