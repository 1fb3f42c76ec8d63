/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-vgpu.h"

/* A name of QEMU's, and its value as text. */
typedef struct {
	char *name;  /* "multifd-channels" */
	char *value; /* "2"; "on" or "off" for a boolean */
} GwProperty;

GW_API void gw_property_free(GwProperty *self);
/* (transfer none): the value of @name, or NULL. @list: (nullable): of GwProperty */
GW_API const char *gw_property_list_get(const GPtrArray *list, const char *name);

/* A device of a QEMU: one that the user added, or the board's own. */
typedef struct {
	/* The same on every QEMU: "02.0/00.0" behind a PCI bridge, "03.0/usb@2.1". */
	char *path;
	char *id;	       /* (nullable): the id that the user chose */
	char *type;	       /* "virtio-net-pci" */
	GPtrArray *properties; /* (nullable): of GwProperty */
} GwDevice;

/* A block of memory as the stream describes it. A resizable block is smaller than its largest
 * size. */
typedef struct {
	char *name; /* "pc.ram", "0000:00:03.0/virtio-net-pci.rom" */
	guint64 used_bytes;
	guint64 max_bytes;
} GwRamBlock;

/* A drive with a medium in it. */
typedef struct {
	char *device;	   /* the drive's device: its id, or its path in QEMU */
	char *node;	   /* (nullable): its node's name in QEMU */
	char *file;	   /* as QEMU was given it: a path, an address, "json:..." */
	char *base;	   /* (nullable): the image under it, where it is an overlay */
	char *format;	   /* (nullable): "qcow2" */
	gint64 size_bytes; /* as the guest sees it; -1: not known */
	/* The end of the last byte that this QEMU has written to it; -1: not known */
	gint64 written_bytes;
	gboolean read_only;
	gboolean deleted;    /* the file has no name any more: it ends with this QEMU */
	char *identity;	     /* (nullable): which file or device it is, in words */
	char *base_identity; /* (nullable): likewise of @base */
	char *digest;	     /* (nullable): of what is in a read-only medium */
	GPtrArray *limits;   /* (nullable): of GwProperty: its I/O limits: "iops", "100" */
	GPtrArray *bitmaps;  /* (nullable): of GwProperty: a name; "persistent" or "in memory" */
} GwDisk;

typedef enum {
	GW_TRISTATE_UNKNOWN,
	GW_TRISTATE_NO,
	GW_TRISTATE_YES,
} GwTristate;

/* Facts about this host; they need no QEMU. */
typedef struct {
	char *host_name;
	char *kernel;
	char *arch;
	guint64 memory_available_bytes;
} GwHostSurvey;

/* What one QEMU reports about itself and its guest. Fields are NULL (or 0) where it did not report
 * them. */
typedef struct {
	char *qemu_version; /* only for messages; decisions depend on features */
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
	char *migrate_status; /* QEMU's word for its last or current migration */
	char *incoming;	      /* (nullable): where it waits already by itself: "tcp:0.0.0.0:4444" */
	char *supervisor;     /* (nullable): what may start it again when it ends, in words */
	GStrv blocked_reasons; /* why QEMU would refuse to migrate; NULL: it would not */
	GStrv capabilities;    /* its migration capabilities, sorted */
	GStrv capabilities_on; /* the capabilities that are on now, sorted */
	GStrv jobs;	       /* unfinished jobs on its disks: "ID (TYPE)" */
	GStrv exports;	       /* (nullable): who else is served its disks: "ID (TYPE)" */
	GPtrArray *parameters; /* (nullable): of GwProperty: its current migration parameters */
	GPtrArray *machine;    /* (nullable): of GwProperty: the board's */
	GPtrArray *cpu;	       /* (nullable): of GwProperty: the first vCPU's */
	/* (nullable): of GwProperty: bits of CPUID, "00000007.0.EBX" and hexadecimal. */
	GPtrArray *cpu_features;
	/* (nullable): of GwProperty: a vCPU's number, "socket-id=0 core-id=0". */
	GPtrArray *topology;
	GPtrArray *numa;	   /* (nullable): of GwProperty: "node 0 size", "512 MB" */
	GPtrArray *memory_devices; /* (nullable): of GwProperty: an id, "type=dimm slot=0" */
	GPtrArray *ram_blocks;	   /* (nullable): of GwRamBlock */
	GPtrArray *devices;	   /* (nullable): of GwDevice */
	GPtrArray *disks;	   /* (nullable): of GwDisk */
	/* (nullable): of GwProperty: a file that it has mapped shared and writable, and which one
	 * it is. */
	GPtrArray *shared_memory;
	GwTristate no_shutdown; /* it keeps running when the guest shuts down (-no-shutdown) */
	gboolean has_oob;
	/* Another program passes its monitor on: no descriptor reaches QEMU, its process is not
	 * proven */
	gboolean is_indirect;
	gboolean has_vfio_migration;  /* vfio-pci can migrate by the kernel's v2 interface */
	GStrv viommus;		      /* virtual IOMMUs, by QEMU's names of their types */
	GPtrArray *vgpus;	      /* (nullable): of GwVgpu: its VFIO devices */
	GwHostSurvey *host;	      /* (nullable): its host */
	guint qemu_descriptors;	      /* that it may still open; 0: not known */
	guint controller_descriptors; /* likewise of the program that controls it */
	guint64 resident_bytes;	      /* the host memory that it uses already */
	/* Only @vgpus and @host are known: QEMU was not started, or did not start. */
	gboolean is_absent;
	char *absent_reason; /* (nullable): QEMU's words when it did not start */
} GwSurvey;

/**
 * gw_survey_qemu:
 * @qmp_path: a monitor's UNIX socket
 *
 * Asks questions and changes nothing. Blocks while QEMU answers about thirty queries, at most 10 s
 * each.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_MONITOR or %GW_ERROR_MONITOR_LOST
 */
GW_API GwSurvey *gw_survey_qemu(const char *qmp_path, GError **error);
GW_API void gw_survey_free(GwSurvey *self);
/* (transfer full): a JSON object as text. */
GW_API char *gw_survey_to_json(const GwSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwSurvey, gw_survey_free);

GW_API GwHostSurvey *gw_survey_host(void);
GW_API void gw_host_survey_free(GwHostSurvey *self);
GW_API char *gw_host_survey_to_json(const GwHostSurvey *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwHostSurvey, gw_host_survey_free);
