/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-machine.h"
#include "qmp/qmp-migration.h"
#include "qmp/qmp-pair.h"
#include "qmp/qmp-parameters.h"
#include "qmp/qmp-qtree.h"

/* A block of memory as the migration stream describes it. A resizable block is smaller than its
 * largest size. */
typedef struct {
	char *name; /* "0000:00:03.0/virtio-net-pci.rom" */
	guint64 used_bytes;
	guint64 max_bytes;
} QmpRamBlock;

/* A drive with a medium in it. */
typedef struct {
	char *device;	   /* the drive's device: its id, or its path in the object tree */
	char *node;	   /* (nullable): its node's name */
	char *file;	   /* as QEMU was given it: a path, an address, "json:..." */
	char *leaf;	   /* (nullable): the path or address that is the last in @file */
	char *base;	   /* (nullable): the image under it, where it is an overlay */
	char *format;	   /* (nullable) */
	gint64 size_bytes; /* as the guest sees it; -1: unknown */
	/* The end of the last byte that this QEMU has written to the node; -1: unknown */
	gint64 written_bytes;
	gboolean read_only;
	GPtrArray *limits;  /* of QmpPair: "iops" and "100": the I/O limits that are set */
	GPtrArray *bitmaps; /* of QmpPair: a name, and "persistent" or "in memory" */
} QmpDisk;

/* What one QEMU reports about itself and its guest. NULL, 0 or empty: QEMU did not report it. */
typedef struct {
	char *run_state;  /* QEMU's word, even one that we do not know */
	gboolean running; /* vCPUs execute */
	char *name;
	char *uuid;
	char *target;	      /* "x86_64" */
	char *machine_type;   /* "pc-q35-7.2" */
	guint64 memory_bytes; /* base and plugged */
	guint n_vcpus;
	QmpMigrateInfo migrate;
	GHashTable *capabilities; /* as qmp_query_migrate_capabilities() */
	QmpParameters *parameters;
	gboolean has_vfio_migration; /* vfio-pci has 'enable-migration' */
	char *accelerator;	     /* "kvm" or "tcg" */
	char *cpu_model;	     /* "qemu64" */
	char *cpu_path;		     /* of the first vCPU in the object tree */
	GPtrArray *vcpus;	     /* of QmpPair: "0" and "socket-id=0 core-id=0 ..." */
	GPtrArray *cpu;		     /* of QmpPair: properties of the first vCPU */
	GPtrArray *
		/* Of QmpPair: "00000007.0.EBX", and the bits that the guest sees there, in
		 * hexadecimal. */
		cpu_words;
	GPtrArray *machine;	   /* of QmpPair: properties of the board */
	GPtrArray *numa;	   /* of QmpPair: "node 0 size" and "512 MB" */
	GPtrArray *memory_devices; /* of QmpPair: the id, and "type=dimm slot=0 ..." */
	GPtrArray *ram_blocks;	   /* of QmpRamBlock */
	GPtrArray *qdevs;	   /* of QmpQdev */
	GPtrArray *peripherals;	   /* of QmpPair: the user's devices, id and type */
	GPtrArray *disks;	   /* of QmpDisk */
	GPtrArray *jobs;	   /* of QmpPair: the id of an unfinished job, and its type */
	GPtrArray *exports;	   /* of QmpPair: the id of a block export, and its type */
} QmpFacts;

/**
 * qmp_facts_query:
 *
 * Asks all questions in two rounds; changes nothing. An answer stays empty when this QEMU lacks the
 * command. It stays empty too when QEMU rejects a command whose answer only serves comparisons.
 *
 * Returns: (transfer full): NULL with %QMP_ERROR when the monitor is closed, does not answer in
 *   time or sends malformed answers
 */
QmpFacts *qmp_facts_query(QmpClient *client, GError **error);
void qmp_facts_free(QmpFacts *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpFacts, qmp_facts_free);

/* The parts, for tests: pure. Each one adds all usable items of @reply. */
void qmp_facts_add_ram_blocks(const char *text, GPtrArray *blocks);
void qmp_facts_add_numa(const char *text, GPtrArray *pairs);
void qmp_facts_add_disks(JsonNode *reply, GPtrArray *disks);
void qmp_facts_add_written(JsonNode *reply, GPtrArray *disks);
/* (transfer full): of query-blockstats: the end of the last byte written, gint64, by a node's
 * name. */
GHashTable *qmp_facts_written(JsonNode *reply);
void qmp_facts_add_jobs(JsonNode *reply, GPtrArray *jobs);
void qmp_facts_add_exports(JsonNode *reply, GPtrArray *exports);
/* (transfer full): the path or address that is the last in "json:{...}"; NULL where there is
 * none. */
char *qmp_disk_leaf(const char *file);
void qmp_facts_add_cpu_words(JsonNode *reply, GPtrArray *words);
GPtrArray *qmp_ram_blocks_new(void);
GPtrArray *qmp_disks_new(void);
