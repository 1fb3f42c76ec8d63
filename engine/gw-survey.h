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

/* A device that a QEMU has: one that it was given, or the board's own. */
typedef struct {
	char *path; /* where it is, the same at every QEMU: "02.0/00.0" behind a PCI bridge, "03.0/usb@2.1" */
	char *id;	       /* (nullable): what the user called it */
	char *type;	       /* "virtio-net-pci" */
	GPtrArray *properties; /* (nullable): of GwProperty */
} GwDevice;

/* A block of memory as it goes into the stream. One that can be resized is smaller than its largest size. */
typedef struct {
	char *name; /* "pc.ram", "0000:00:03.0/virtio-net-pci.rom" */
	guint64 used_bytes;
	guint64 max_bytes;
} GwRamBlock;

/* A drive that has something in it. */
typedef struct {
	char *device;	   /* whose it is: its id, or QEMU's path of it */
	char *file;	   /* as QEMU was told: a path, an address, "json:..." */
	char *format;	   /* (nullable): "qcow2" */
	gint64 size_bytes; /* as the guest sees it; -1: not known */
	gboolean read_only;
	char *identity; /* (nullable): equal at both hosts exactly if the file is the same one */
} GwDisk;

typedef enum {
	GW_TRISTATE_UNKNOWN,
	GW_TRISTATE_NO,
	GW_TRISTATE_YES,
} GwTristate;

/* What this host is; no QEMU needed. */
typedef struct {
	char *host_name;
	char *kernel;
	char *arch;
	guint64 memory_available_bytes;
} GwHostSurvey;

/* What one QEMU says of itself and its guest. Fields are NULL (or 0) where it did not say. */
typedef struct {
	char *qemu_version; /* for messages only; decisions go by features */
	char *target;	    /* "x86_64" */
	char *machine_type; /* "pc-q35-7.2" */
	char *accelerator;  /* "kvm", "tcg" */
	char *cpu_model;    /* "qemu64" */
	char *name;	    /* -name */
	char *uuid;
	char *run_state;  /* QEMU's word */
	gboolean running; /* vCPUs execute */
	guint64 ram_bytes;
	guint vcpus;
	char *migrate_status;  /* QEMU's word for its last or present migration */
	GStrv blocked_reasons; /* why QEMU would refuse to migrate; NULL when it would not */
	GStrv capabilities;    /* the migration capabilities it has, sorted */
	GStrv capabilities_on; /* those that are switched on now, sorted */
	GStrv jobs;	       /* jobs on its disks that are not over: "ID (TYPE)" */
	GPtrArray *parameters; /* (nullable): of GwProperty: its migration parameters now */
	GPtrArray *machine;    /* (nullable): of GwProperty: the board's */
	GPtrArray *cpu;	       /* (nullable): of GwProperty: the first vCPU's */
	GPtrArray *
		cpu_features; /* (nullable): of GwProperty: bits of CPUID, "00000007.0.EBX" and hexadecimal */
	GPtrArray
		*topology; /* (nullable): of GwProperty: a vCPU's number, "socket-id=0 core-id=0" */
	GPtrArray *numa;   /* (nullable): of GwProperty: "node 0 size", "512 MB" */
	GPtrArray *memory_devices; /* (nullable): of GwProperty: an id, "type=dimm slot=0" */
	GPtrArray *ram_blocks;	   /* (nullable): of GwRamBlock */
	GPtrArray *devices;	   /* (nullable): of GwDevice */
	GPtrArray *disks;	   /* (nullable): of GwDisk */
	GwTristate no_shutdown;	   /* it stays when the guest shuts down (-no-shutdown) */
	gboolean has_oob;
	gboolean has_vfio_migration; /* vfio-pci can migrate by the kernel's v2 interface */
	GStrv viommus;		     /* virtual IOMMUs, by QEMU's names of their types */
	GPtrArray *vgpus;	     /* (nullable): of GwVgpu: what it was given through VFIO */
	GwHostSurvey *host;	     /* (nullable): where it is */
	guint64 resident_bytes;	     /* of the host's memory, that it has already */
	gboolean
		is_absent; /* only @vgpus and @host are known: QEMU was not started, or did not start */
	char *absent_reason; /* (nullable): what it said when it did not start */
} GwSurvey;

/**
 * gw_survey_qemu:
 * @qmp_path: a monitor's UNIX socket
 *
 * Asks, and changes nothing. Blocks for as long as QEMU takes to answer some thirty queries, 10 s each at most.
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
