/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * godwit mdev: lists, makes and removes the vGPUs of this host by hand. It calls the same functions
 * of the library that a migration calls. What fails here therefore shows why a migration would
 * fail.
 */
#include <stdio.h>
#include <string.h>

#include "engine/gw-mdev.h"
#include "tools/cmd.h"
#include "tools/terminal-sanitize.h"
#include "tools/units.h"

#define TIMEOUT "10s"
#define COLUMNS 6

typedef struct {
	char *parent;
	char *uuid;
	char *timeout;
	char *sysfs;
	gboolean json;
} MdevOptions;

/* Lines of COLUMNS cells each. Each column is as wide as its widest cell. */
typedef struct {
	GPtrArray *cells; /* (owned) */
} Table;

/* A NULL cell shows @vram_bytes. */
static void
table_add(Table *self, gint64 vram_bytes, const char *const cells[COLUMNS])
{
	for (guint i = 0; i < COLUMNS; i++) {
		g_autofree char *size = units_format_bytes(vram_bytes);
		const char *text = cells[i] == NULL ? size : cells[i];
		char *cell = terminal_sanitize(g_strdup(text[0] != '\0' ? text : "-"));
		g_ptr_array_add(self->cells, g_strdelimit(cell, "\n\t", ' '));
	}
}

static guint
table_width(const Table *self, guint column)
{
	glong width = 0;
	for (guint i = column; i < self->cells->len; i += COLUMNS)
		width = MAX(width, g_utf8_strlen(g_ptr_array_index(self->cells, i), -1));
	return (guint)width;
}

static void
table_print(const Table *self)
{
	for (guint i = 0; i < self->cells->len; i++) {
		const char *cell = g_ptr_array_index(self->cells, i);
		gboolean last = i % COLUMNS == COLUMNS - 1;
		guint pad = last ? 0 : table_width(self, i % COLUMNS) + 2;
		printf("%s%*s", cell, last ? 0 : (int)(pad - (guint)g_utf8_strlen(cell, -1)), "");
		if (last)
			putchar('\n');
	}
}

static const char *
known(const char *text)
{
	return text != NULL ? text : "";
}

static void
add_types(Table *table, const GwMdevParent *parent)
{
	g_autofree char *driver =
		g_strjoin(" ", known(parent->driver), parent->driver_version, NULL);
	for (guint i = 0; i < parent->types->len; i++) {
		const GwMdevType *type = g_ptr_array_index(parent->types, i);
		g_autofree char *available =
			type->available >= 0 ? g_strdup_printf("%" G_GINT64_FORMAT, type->available)
					     : g_strdup("?");
		const char *cells[COLUMNS] = { parent->name, type->id, available,
					       NULL,	     driver,   known(type->name) };
		table_add(table, type->vram_bytes, cells);
	}
}

static void
print_types(const GPtrArray *parents)
{
	Table table = { g_ptr_array_new_with_free_func(g_free) };
	static const char *const heading[COLUMNS] = { "PARENT", "TYPE",	  "FREE",
						      "VRAM",	"DRIVER", "NAME" };
	table_add(&table, -1, heading);
	for (guint i = 0; i < parents->len; i++)
		add_types(&table, g_ptr_array_index(parents, i));
	if (table.cells->len > COLUMNS)
		table_print(&table);
	else
		puts("this host cannot make vGPUs");
	g_ptr_array_unref(table.cells);
}

static void
print_mdevs(const GPtrArray *mdevs)
{
	Table table = { g_ptr_array_new_with_free_func(g_free) };
	static const char *const heading[COLUMNS] = { "ID",   "PARENT", "TYPE",
						      "VRAM", "GROUP",	"NAME" };
	table_add(&table, -1, heading);
	for (guint i = 0; i < mdevs->len; i++) {
		const GwMdev *mdev = g_ptr_array_index(mdevs, i);
		const char *cells[COLUMNS] = {
			mdev->id, known(mdev->parent),	    known(mdev->type),
			NULL,	  known(mdev->iommu_group), known(mdev->type_name)
		};
		table_add(&table, mdev->vram_bytes, cells);
	}
	if (mdevs->len > 0)
		table_print(&table);
	else
		puts("this host has no vGPUs");
	g_ptr_array_unref(table.cells);
}

static int
types(const MdevOptions *options, const char *unused)
{
	GError *error = NULL;
	g_autoptr(GPtrArray) parents = gw_mdev_list_parents(options->sysfs, &error);
	if (parents == NULL)
		return cmd_fail(EXIT_FAILURE, error);
	g_autofree char *json = options->json ? gw_mdev_parents_to_json(parents) : NULL;
	if (json != NULL)
		puts(json);
	else
		print_types(parents);
	return cmd_printed(0);
}

static int
list(const MdevOptions *options, const char *unused)
{
	GError *error = NULL;
	g_autoptr(GPtrArray) mdevs = gw_mdev_list(options->sysfs, &error);
	if (mdevs == NULL)
		return cmd_fail(EXIT_FAILURE, error);
	g_autofree char *json = options->json ? gw_mdev_array_to_json(mdevs) : NULL;
	if (json != NULL)
		puts(json);
	else
		print_mdevs(mdevs);
	return cmd_printed(0);
}

static int
create(const MdevOptions *options, const char *type)
{
	if (options->uuid != NULL && !g_uuid_string_is_valid(options->uuid))
		return cmd_usage("--uuid '%s' is not a UUID", options->uuid);
	gboolean reused = FALSE;
	GError *error = NULL;
	g_autoptr(GwMdev) mdev = gw_mdev_create(options->sysfs, type, options->parent,
						options->uuid, &reused, &error);
	if (mdev == NULL)
		return cmd_fail(EXIT_FAILURE, error);
	if (reused)
		fprintf(stderr, "%s: '%s' of this type exists already: nothing was made\n",
			g_get_prgname(), mdev->id);
	g_autofree char *json = options->json ? gw_mdev_to_json(mdev) : NULL;
	puts(json != NULL ? json : mdev->id);
	return cmd_printed(0);
}

static int
remove_one(const MdevOptions *options, const char *id)
{
	gint64 timeout_us;
	GError *error = NULL;
	if (!gw_mdev_id_is_valid(id))
		return cmd_usage("'%s' is neither a UUID nor a PCI address", id);
	const char *timeout = options->timeout != NULL ? options->timeout : TIMEOUT;
	if (!units_parse_duration(timeout, &timeout_us, &error)) {
		int exit_code = cmd_usage("--timeout: %s", error->message);
		g_error_free(error);
		return exit_code;
	}
	gboolean removed = FALSE;
	if (!gw_mdev_remove(options->sysfs, id, timeout_us, &removed, &error))
		return cmd_fail(EXIT_FAILURE, error);
	if (options->json)
		puts(removed ? "{\"removed\": true}" : "{\"removed\": false}");
	else if (!removed)
		fprintf(stderr, "%s: there is no vGPU '%s'\n", g_get_prgname(), id);
	return cmd_printed(0);
}

static const struct {
	const char *word;
	const char *argument; /* (nullable): the name of its argument */
	int (*run)(const MdevOptions *options, const char *argument);
} acts[] = {
	{ "types", NULL, types },
	{ "list", NULL, list },
	{ "create", "TYPE", create },
	{ "remove", "UUID", remove_one },
};

static int
mdev(gpointer data, char **arguments)
{
	const MdevOptions *options = data;
	const char *word = arguments[0], *argument = arguments[1];
	gboolean is_create = strcmp(word, "create") == 0;
	if (!is_create && (options->parent != NULL || options->uuid != NULL))
		return cmd_usage("--parent and --uuid are options of 'create' only");
	if (options->timeout != NULL && strcmp(word, "remove") != 0)
		return cmd_usage("--timeout is an option of 'remove' only");
	for (guint i = 0; i < G_N_ELEMENTS(acts); i++) {
		if (strcmp(acts[i].word, word) != 0)
			continue;
		if (acts[i].argument != NULL && argument == NULL)
			return cmd_usage("%s: %s is missing", word, acts[i].argument);
		if (acts[i].argument == NULL && argument != NULL)
			return cmd_usage("'%s' is one argument too many", argument);
		return acts[i].run(options, argument);
	}
	return cmd_usage("'%s' is not one of types, list, create, remove", word);
}

#define AT(member) G_STRUCT_OFFSET(MdevOptions, member)

static const CmdOption options[] = {
	{ "parent", AT(parent), "BDF",
	  "For create: where to make it: a parent that 'types' lists, or its board" },
	{ "uuid", AT(uuid), "UUID", "For create: the UUID of the vGPU (a new one)" },
	{ "timeout", AT(timeout), "TIME",
	  "For remove: how long to wait until it is removed (" TIMEOUT ")" },
	{ "sysfs", AT(sysfs), "DIR", "Use this folder instead of the kernel's sysfs, as tests do" },
	{ "json", AT(json), NULL, "Print JSON" },
	{ NULL },
};

const Cmd verb_mdev = {
	.name = "mdev",
	.arguments = "types | list | create TYPE | remove UUID",
	.summary = "List, make and remove vGPUs on this host",
	.detail =
		"types   lists what this host can make, and how many more of each type\n"
		"list    lists the vGPUs of this host\n"
		"create  makes a vGPU and prints its id; it succeeds if this vGPU exists already\n"
		"remove  removes a vGPU; it succeeds if there is none\n"
		"\n"
		"Where vGPUs are virtual functions, use their PCI address instead of the UUID.\n"
		"Exit code 0: done. 1: failed. 2: wrong usage.\n",
	.options = options,
	.options_size = sizeof(MdevOptions),
	.min_arguments = 1,
	.max_arguments = 2,
	.run = mdev,
};
