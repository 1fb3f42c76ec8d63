/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is hot-plugged is not in a VM's command line, and the destination's QEMU has only that. So
 * the plan gives the words to add, for devices on PCI, USB and SCSI buses, and for memory modules.
 * QEMU has some 60 properties for each device and does not tell which ones were given: only those
 * are named that are never the same by themselves. After the device has been added the plan
 * compares all the others.
 */
#include "engine/plan/device-words.h"

#include <string.h>

#include "engine/data/survey-lists.h"

/* Each device has its own, or the name of what is behind it. */
static const char *const own_properties[] = {
	"drive", "netdev", "chardev", "mac", "serial", "wwn"
};

/* What is behind a device is on this host only: a network or a chardev has other options
 * elsewhere. */
static const char *const backends[] = { "netdev", "chardev" };

static const GwDevice *
find_at(const GwSurvey *survey, const char *path, gsize len)
{
	for (guint i = 0; i < survey->devices->len; i++) {
		const GwDevice *device = g_ptr_array_index(survey->devices, i);
		if (strlen(device->path) == len && strncmp(device->path, path, len) == 0)
			return device;
	}
	return NULL;
}

/* The bus of a device has its id, or begins with it. */
static const struct {
	const char *prefix;  /* of the place on the bus; "": PCI */
	const char *options; /* one for each part of the place, between colons */
	const char *bus;     /* behind the id of the device above */
} kinds[] = {
	{ "usb@", "port", ".0" },
	{ "scsi@", "channel:scsi-id:lun", ".0" },
	{ "port@", "nr", ".0" },
};

static gboolean
add_place(GString *text, const char *place, const GwDevice *above)
{
	const char *names = "addr", *bus = "";
	if (strchr(place, '@') != NULL)
		names = NULL;
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (g_str_has_prefix(place, kinds[i].prefix)) {
			names = kinds[i].options;
			bus = kinds[i].bus;
			place += strlen(kinds[i].prefix);
		}
	if (names == NULL || !g_ascii_isxdigit(place[0]))
		return FALSE;
	if (above != NULL && above->id != NULL)
		g_string_append_printf(text, ",bus=%s%s", above->id, bus);
	g_auto(GStrv) options = g_strsplit(names, ":", -1);
	g_auto(GStrv) values = g_strsplit(place, ":", -1);
	if (g_strv_length(options) != g_strv_length(values))
		return FALSE;
	for (guint i = 0; options[i] != NULL; i++)
		g_string_append_printf(text, ",%s=%s", options[i], values[i]);
	return TRUE;
}

/* A comma in a value is doubled for QEMU. */
static void
add_option(GString *text, const char *name, const char *value)
{
	g_auto(GStrv) parts = g_strsplit(value, ",", -1);
	g_autofree char *escaped = g_strjoinv(",,", parts);
	g_string_append_printf(text, ",%s=%s", name, escaped);
}

/* (transfer full): the name of the image's node, which may be one that QEMU has made up. */
static char *
node_name(const GwDevice *device, const char *drive)
{
	return drive[0] != '#' ? g_strdup(drive) : g_strdup_printf("drive-%s", device->id);
}

static void
add_properties(GString *text, const GwDevice *device)
{
	for (guint i = 0; i < G_N_ELEMENTS(own_properties); i++) {
		const char *value = gw_property_list_get(device->properties, own_properties[i]);
		if (value == NULL || value[0] == '\0' || strcmp(value, "0") == 0)
			continue;
		g_autofree char *node =
			i == 0 && device->id != NULL ? node_name(device, value) : g_strdup(value);
		add_option(text, own_properties[i], node);
	}
}

static void
add_image(GString *text, const GwSurvey *survey, const GwDevice *device)
{
	const GwDisk *disk = disk_list_find(survey->disks, device->id);
	const char *drive = gw_property_list_get(device->properties, "drive");
	if (disk == NULL || disk->format == NULL || drive == NULL || drive[0] == '\0')
		return;
	g_autofree char *node = node_name(device, drive);
	g_string_append_printf(text, "-drive if=none,format=%s%s", disk->format,
			       disk->read_only ? ",readonly=on" : "");
	add_option(text, "id", node);
	add_option(text, "file", disk->file);
	g_string_append_c(text, ' ');
}

static void
add_backends(GString *text, const GwDevice *device)
{
	for (guint i = 0; i < G_N_ELEMENTS(backends); i++) {
		const char *value = gw_property_list_get(device->properties, backends[i]);
		if (value != NULL && value[0] != '\0')
			g_string_append_printf(text, ", with a -%s of the id '%s'", backends[i],
					       value);
	}
}

char *
device_words(const GwSurvey *survey, const GwDevice *device)
{
	const char *slash = strrchr(device->path, '/');
	const char *place = slash != NULL ? slash + 1 : device->path;
	const GwDevice *above =
		slash != NULL ? find_at(survey, device->path, (gsize)(slash - device->path)) : NULL;
	g_autoptr(GString) text = g_string_new("add '");
	add_image(text, survey, device);
	g_string_append_printf(text, "-device %s", device->type);
	if (device->id != NULL)
		add_option(text, "id", device->id);
	if (!add_place(text, place, above))
		return NULL;
	add_properties(text, device);
	g_string_append(text, "' to its command line");
	add_backends(text, device);
	return g_strdup(text->str);
}

/* ---- vCPUs ---- */

gboolean
device_is_vcpu(const GwDevice *device)
{
	return g_str_has_suffix(device->type, "-cpu") && g_str_has_prefix(device->path, "id@");
}

/* (nullable): the place of the @n-th vCPU that only @source has. */
static const char *
find_place(const GwSurvey *source, const GwSurvey *destination, guint n)
{
	for (guint i = 0; source->topology != NULL && i < source->topology->len; i++) {
		const GwProperty *vcpu = g_ptr_array_index(source->topology, i);
		if (gw_property_list_get(destination->topology, vcpu->name) == NULL && n-- == 0)
			return vcpu->value;
	}
	return NULL;
}

char *
vcpu_words(const GwSurvey *source, const GwSurvey *destination, const GwDevice *device, guint n)
{
	const char *place = find_place(source, destination, n);
	if (place == NULL || device->id == NULL)
		return NULL;
	g_autofree char *options = g_strdelimit(g_strdup(place), " ", ',');
	return g_strdup_printf("add '-device %s,id=%s,%s' to its command line", device->type,
			       device->id, options);
}

/* ---- memory ---- */

static const struct {
	const char *type; /* QEMU's word in query-memory-devices */
	const char *driver;
} modules[] = {
	{ "dimm", "pc-dimm" },
	{ "nvdimm", "nvdimm" },
	{ "virtio-mem", "virtio-mem-pci" },
};

static const char *
word_value(char *const *words, const char *name)
{
	gsize len = strlen(name);
	for (guint i = 0; words[i] != NULL; i++)
		if (strncmp(words[i], name, len) == 0 && words[i][len] == '=')
			return words[i] + len + 1;
	return NULL;
}

char *
memory_device_words(const char *id, const char *value)
{
	static const char *const options[] = { "addr", "slot", "node" };
	g_auto(GStrv) words = g_strsplit(value, " ", -1);
	const char *type = word_value(words, "type"), *size = word_value(words, "size");
	const char *driver = NULL;
	for (guint i = 0; type != NULL && i < G_N_ELEMENTS(modules); i++)
		if (strcmp(type, modules[i].type) == 0)
			driver = modules[i].driver;
	if (driver == NULL || size == NULL)
		return NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	g_string_append_printf(text,
			       "add '-object memory-backend-ram,id=MEM,size=%s -device "
			       "%s,memdev=MEM,id=%s",
			       size, driver, id);
	for (guint i = 0; i < G_N_ELEMENTS(options); i++)
		if (word_value(words, options[i]) != NULL)
			add_option(text, options[i], word_value(words, options[i]));
	g_string_append(text,
			"' to its command line, with the id of the source's memory in place of "
			"MEM");
	return g_strdup(text->str);
}
