/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "engine/util/json-fields.h"
#include "engine/gw-survey.h"

/* The lists of a GwSurvey: made, and written to and read from a peer, which is not trusted. */

void gw_device_free(GwDevice *self);
void gw_ram_block_free(GwRamBlock *self);
void gw_disk_free(GwDisk *self);

/* (transfer full): empty; they free their items. */
GPtrArray *device_list_new(void);
GPtrArray *ram_block_list_new(void);
GPtrArray *disk_list_new(void);

/* (transfer none) (nullable). @list, @id, @device: (nullable) */
const GwDevice *device_list_find(const GPtrArray *list, const char *id);
const GwDisk *disk_list_find(const GPtrArray *list, const char *device);

/* Adds the list as member @name of @object; a NULL @list adds nothing. */
void device_list_write(JsonObject *object, const char *name, const GPtrArray *list);
void ram_block_list_write(JsonObject *object, const char *name, const GPtrArray *list);
void disk_list_write(JsonObject *object, const char *name, const GPtrArray *list);

/* (transfer full): NULL when absent or wrong. */
GPtrArray *device_list_read(Fields *fields, const char *name);
GPtrArray *ram_block_list_read(Fields *fields, const char *name);
GPtrArray *disk_list_read(Fields *fields, const char *name);

JsonObject *host_survey_to_object(const GwHostSurvey *host);
/* (transfer full): NULL when absent or wrong. */
GwHostSurvey *host_survey_read(Fields *fields, const char *name);
