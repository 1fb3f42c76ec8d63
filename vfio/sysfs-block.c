/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The names by which a block device is known on each host that has it, out of sysfs. One UUID alone
 * does not identify a volume: hosts that were cloned have volume groups of the same UUIDs. So what
 * it lies on is asked as well, and must have a name too.
 */
#include "vfio/sysfs-block.h"

#include <string.h>
#include <sys/sysmacros.h>

#define MAX_DEPTH  8
#define MAX_SLAVES 64

static char *identify(const char *sys, const char *folder, guint depth);

/* (transfer full): the file's only line; NULL where there is none. */
static char *
read_line(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	text[strcspn(text, "\n")] = '\0';
	g_strstrip(text);
	return *text != '\0' ? g_strdelimit(g_steal_pointer(&text), " \t", '_') : NULL;
}

/* SCSI and NVMe. Other kinds ("t10.ATA", "nvme.") hold a serial number only. */
static char *
identify_by_wwn(const char *folder)
{
	static const char *const names[] = { "device/wwid", "wwid" };
	static const char *const world_wide[] = { "naa.", "eui.", "uuid." };
	for (guint n = 0; n < G_N_ELEMENTS(names); n++) {
		g_autofree char *wwid = read_line(folder, names[n]);
		for (guint i = 0; wwid != NULL && i < G_N_ELEMENTS(world_wide); i++)
			if (g_str_has_prefix(wwid, world_wide[i]))
				return g_strconcat("wwn ", wwid, NULL);
	}
	return NULL;
}

static int
compare_texts(gconstpointer a, gconstpointer b)
{
	return g_strcmp0(*(const char *const *)a, *(const char *const *)b);
}

/* (transfer full): the names of all that it lies on, sorted; NULL where one of them has none. */
static char *
identify_slaves(const char *sys, const char *folder, guint depth)
{
	g_autofree char *path = g_build_filename(folder, "slaves", NULL);
	g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	if (dir == NULL)
		return NULL;
	for (const char *name; (name = g_dir_read_name(dir)) != NULL;) {
		g_autofree char *slave = g_build_filename(path, name, NULL);
		char *identity = identify(sys, slave, depth + 1);
		if (identity == NULL || names->len >= MAX_SLAVES) {
			g_free(identity);
			return NULL;
		}
		if (!g_ptr_array_find_with_equal_func(names, identity, g_str_equal, NULL))
			g_ptr_array_add(names, identity);
		else
			g_free(identity); /* the paths of a multipath device are one disk */
	}
	if (names->len == 0)
		return NULL;
	g_ptr_array_sort(names, compare_texts);
	g_ptr_array_add(names, NULL);
	return g_strjoinv(", ", (char **)names->pdata);
}

/* LVM, multipath, LUKS; and MD. */
static char *
identify_by_uuid(const char *sys, const char *folder, guint depth)
{
	static const struct {
		const char *file;
		const char *kind;
	} kinds[] = { { "dm/uuid", "dm" }, { "md/uuid", "md" } };
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
		g_autofree char *uuid = read_line(folder, kinds[i].file);
		g_autofree char *slaves = uuid != NULL ? identify_slaves(sys, folder, depth) : NULL;
		if (slaves != NULL)
			return g_strdup_printf("%s %s (%s)", kinds[i].kind, uuid, slaves);
	}
	return NULL;
}

static char *
identify_rbd(const char *sys, const char *name)
{
	g_autofree char *folder =
		g_build_filename(sys, "bus/rbd/devices", name + strlen("rbd"), NULL);
	g_autofree char *cluster = read_line(folder, "cluster_fsid");
	g_autofree char *pool = read_line(folder, "pool_id");
	g_autofree char *image = read_line(folder, "image_id");
	g_autofree char *snapshot = read_line(folder, "current_snap");
	if (cluster == NULL || pool == NULL || image == NULL)
		return NULL;
	return g_strdup_printf("rbd %s %s %s %s", cluster, pool, image,
			       snapshot != NULL ? snapshot : "-");
}

/* The UUID of its present data, the same on all nodes that are up to date; its lowest bit says who
 * is primary. */
static char *
identify_drbd(const char *sys, const char *name)
{
	g_autofree char *path = g_build_filename(sys, "kernel/debug/drbd/minors",
						 name + strlen("drbd"), "data_gen_id", NULL);
	g_autofree char *text = NULL;
	if (!g_file_get_contents(path, &text, NULL, NULL))
		return NULL;
	const char *number = strstr(text, "0x");
	guint64 uuid = number != NULL ? g_ascii_strtoull(number, NULL, 16) & ~(guint64)1 : 0;
	return uuid > 4 ? g_strdup_printf("drbd %016" G_GINT64_MODIFIER "x", uuid) : NULL;
}

/* By the names that their drivers give: "rbd0", "drbd17". */
static const struct {
	const char *prefix;
	char *(*identify)(const char *sys, const char *name);
} drivers[] = { { "rbd", identify_rbd }, { "drbd", identify_drbd } };

static char *
identify_by_driver(const char *sys, const char *folder)
{
	g_autofree char *uevent_path = g_build_filename(folder, "uevent", NULL);
	g_autofree char *uevent = NULL;
	if (!g_file_get_contents(uevent_path, &uevent, NULL, NULL))
		return NULL;
	const char *start = strstr(uevent, "DEVNAME=");
	if (start == NULL)
		return NULL;
	start += strlen("DEVNAME=");
	g_autofree char *name = g_strndup(start, strcspn(start, "\n"));
	for (guint i = 0; i < G_N_ELEMENTS(drivers); i++) {
		const char *number = name + strlen(drivers[i].prefix);
		if (g_str_has_prefix(name, drivers[i].prefix) && *number != '\0' &&
		    strspn(number, "0123456789") == strlen(number))
			return drivers[i].identify(sys, name);
	}
	return NULL;
}

static char *
identify_partition(const char *sys, const char *folder, const char *number, guint depth)
{
	/* The folder of a partition lies in that of its disk. */
	g_autofree char *disk = g_build_filename(folder, "..", NULL);
	g_autofree char *identity = identify(sys, disk, depth + 1);
	return identity != NULL ? g_strdup_printf("%s part %s", identity, number) : NULL;
}

/* @folder: of the device in sysfs */
static char *
identify(const char *sys, const char *folder, guint depth)
{
	if (depth > MAX_DEPTH)
		return NULL;
	g_autofree char *partition = read_line(folder, "partition");
	if (partition != NULL)
		return identify_partition(sys, folder, partition, depth);
	char *identity = identify_by_wwn(folder);
	if (identity == NULL)
		identity = identify_by_uuid(sys, folder, depth);
	if (identity == NULL)
		identity = identify_by_driver(sys, folder);
	return identity;
}

char *
sysfs_block_identify(const char *sys, dev_t device)
{
	if (sys == NULL)
		sys = "/sys";
	g_autofree char *number = g_strdup_printf("%u:%u", major(device), minor(device));
	g_autofree char *folder = g_build_filename(sys, "dev/block", number, NULL);
	return identify(sys, folder, 0);
}
