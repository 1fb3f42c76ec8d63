/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/gw-event.h"
#include "engine/gw-sample.h"

/* Samples and events as JSON, for the report and the control connection. @path begins the error's text;
 * the nodes are not trusted. */
JsonNode *sample_to_node(const GwSample *self);
GwSample *sample_from_node(JsonNode *node, const char *path, GError **error);

JsonNode *event_to_node(const GwEvent *self);
GwEvent *event_from_node(JsonNode *node, const char *path, GError **error);
