/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-vgpu.h"

/* Something that QEMU has a name for, and its value as text. */
typedef struct {
	char *name;  /* "multifd-channels" */
	char *value; /* "2"; "on" and "off" for a switch */
} GwProperty;

GW_API void gw_property_free(GwProperty *self);
/* (transfer none): the value of the one called @name, or NULL. @list: (nullable): of GwProperty */
GW_API const char *gw_property_list_get(const GPtrArray *list, const char *name);

/* What one QEMU says of itself and its guest. Fields are NULL (or 0) where it did not say. */
typedef struct {
	char *qemu_version; /* for messages only; decisions go by features */
	char *target;	    /* "x86_64" */
	char *machine_type; /* "pc-q35-7.2" */
	char *name;	    /* -name */
	char *uuid;
	char *run_state;  /* QEMU's word */
	gboolean running; /* vCPUs execute */
	guint64 ram_bytes;
	guint vcpus;
	char *migrate_status;	    /* QEMU's word for its last or present migration */
	GStrv blocked_reasons;	    /* why QEMU would refuse to migrate; NULL when it would not */
	GStrv capabilities;	    /* the migration capabilities it has, sorted */
	GStrv capabilities_on;	    /* those that are switched on now, sorted */
	GPtrArray *parameters;	    /* (nullable): of GwProperty: its migration parameters now */
	gboolean has_exit_on_error; /* migrate-incoming takes exit-on-error */
	gboolean has_oob;
	gboolean has_vfio_migration; /* vfio-pci can migrate by the kernel's v2 interface */
	GStrv viommus;		     /* virtual IOMMUs, by QEMU's names of their types */
	GPtrArray *vgpus;	     /* (nullable): of GwVgpu: what it was given through VFIO */
	gboolean is_absent;	     /* only @vgpus is known: QEMU was not started for their sake */
} GwSurvey;

/* What this host is; no QEMU needed. */
typedef struct {
	char *host_name;
	char *kernel;
	char *arch;
	guint64 memory_available_bytes;
} GwHostSurvey;

/**
 * gw_survey_qemu:
 * @qmp_path: a monitor's UNIX socket
 *
 * Asks, and changes nothing. Blocks for as long as QEMU takes to answer a dozen queries, 10 s each at most.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_MONITOR or %GW_ERROR_MONITOR_LOST
 */
GW_API GwSurvey *gw_survey_qemu(const char *qmp_path, GError **error);
GW_API void gw_survey_free(GwSurvey *self);
/* (transfer full): a JSON object as text. */
GW_API char *gw_survey_to_json(const GwSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSurvey, gw_survey_free)

GW_API GwHostSurvey *gw_survey_host(void);
GW_API void gw_host_survey_free(GwHostSurvey *self);
GW_API char *gw_host_survey_to_json(const GwHostSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostSurvey, gw_host_survey_free)
