/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan's rules about devices. QEMU notices differences late or never. A device that only the
 * source has makes the migration fail when the guest is already stopped. A device that only the
 * destination has stays in its reset state, without an error.
 *
 * Two devices belong together when they are at the same place and of the same type. A device
 * without a partner may have moved: it has the same id elsewhere, or is the only one of its type. A
 * device behind another missing device is not reported separately. The rules on vGPUs handle
 * vfio-pci devices.
 */
#include <string.h>

#include "engine/plan/device-words.h"
#include "engine/plan/negotiate-rules.h"

typedef struct {
	const GPtrArray *devices;
	const GwDevice **partners; /* by index: the device of the other host; NULL: none yet */
} DeviceList;

static void
device_list_init(DeviceList *self, const GPtrArray *devices)
{
	self->devices = devices;
	self->partners = g_new0(const GwDevice *, devices->len);
}

static void
device_list_clear(DeviceList *self)
{
	g_free(self->partners);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DeviceList, device_list_clear);

static const GwDevice *
device_at(const DeviceList *side, guint i)
{
	return g_ptr_array_index(side->devices, i);
}

typedef gboolean (*Match)(const GwDevice *ours, const GwDevice *theirs);

static gboolean
is_same(const GwDevice *ours, const GwDevice *theirs)
{
	return strcmp(ours->path, theirs->path) == 0 && strcmp(ours->type, theirs->type) == 0;
}

static gboolean
has_same_id(const GwDevice *ours, const GwDevice *theirs)
{
	return ours->id != NULL && g_strcmp0(ours->id, theirs->id) == 0 &&
	       strcmp(ours->type, theirs->type) == 0;
}

static gboolean
has_same_type(const GwDevice *ours, const GwDevice *theirs)
{
	return strcmp(ours->type, theirs->type) == 0;
}

static gboolean
has_same_place(const GwDevice *ours, const GwDevice *theirs)
{
	return strcmp(ours->path, theirs->path) == 0;
}

/* Pairs the devices that have no partner yet. */
static void
pair(DeviceList *source, DeviceList *destination, Match match)
{
	for (guint s = 0; s < source->devices->len; s++)
		for (guint d = 0; d < destination->devices->len && source->partners[s] == NULL;
		     d++) {
			const GwDevice *ours = device_at(source, s);
			const GwDevice *theirs = device_at(destination, d);
			if (destination->partners[d] != NULL || !match(ours, theirs))
				continue;
			source->partners[s] = theirs;
			destination->partners[d] = ours;
		}
}

static gboolean
is_vgpu(const GwDevice *device)
{
	return strcmp(device->type, "vfio-pci") == 0;
}

/* Returns whether a device above @device has no partner, or is elsewhere: then that one is
 * reported. */
static gboolean
is_told_of(const DeviceList *side, const GwDevice *device)
{
	for (guint i = 0; i < side->devices->len; i++) {
		const GwDevice *above = device_at(side, i);
		gsize len = strlen(above->path);
		if (strncmp(above->path, device->path, len) != 0 || device->path[len] != '/')
			continue;
		if (side->partners[i] == NULL || !is_same(above, side->partners[i]))
			return TRUE;
	}
	return FALSE;
}

/* (transfer full): "net0 (virtio-net-pci)", or the type alone. */
static char *
describe(const GwDevice *device)
{
	if (device->id == NULL)
		return g_strdup(device->type);
	return g_strdup_printf("%s (%s)", device->id, device->type);
}

/* (transfer full) (nullable) */
static char *
words_for(const Negotiation *self, const GwDevice *device, guint *n_vcpus)
{
	if (device_is_vcpu(device))
		return vcpu_words(negotiation_source(self), negotiation_destination(self), device,
				  (*n_vcpus)++);
	return device_words(negotiation_source(self), device);
}

static void
tell_alone(Negotiation *self, const DeviceList *source, const DeviceList *destination)
{
	guint n_vcpus = 0;
	for (guint i = 0; i < source->devices->len; i++) {
		const GwDevice *device = device_at(source, i);
		if (source->partners[i] != NULL || is_vgpu(device) || is_told_of(source, device))
			continue;
		g_autofree char *subject = describe(device);
		g_autofree char *words = words_for(self, device, &n_vcpus);
		negotiation_error(self, "device-missing", SIDES_DESTINATION, subject,
				  words != NULL
					  ? words
					  : "give the QEMU there the same device in the same place",
				  "it has no such device at %s", device->path);
	}
	for (guint i = 0; i < destination->devices->len; i++) {
		const GwDevice *device = device_at(destination, i);
		if (destination->partners[i] != NULL || is_vgpu(device) ||
		    is_told_of(destination, device))
			continue;
		g_autofree char *subject = describe(device);
		negotiation_error(
			self, "device-extra", SIDES_DESTINATION, subject,
			"remove the device from the QEMU there",
			"it has a device at %s that the source does not have: the guest would "
			"find it as after a reset",
			device->path);
	}
}

static void
tell_other(Negotiation *self, const GwDevice *ours, const GwDevice *theirs)
{
	g_autofree char *subject = describe(ours);
	if (strcmp(ours->type, theirs->type) != 0)
		negotiation_error(self, "device-type", SIDES_BOTH, subject,
				  "give both QEMUs the same device in that place",
				  "at %s there is '%s' at the source and '%s' at the destination",
				  ours->path, ours->type, theirs->type);
	else
		negotiation_error(
			self, "device-moved", SIDES_BOTH, subject,
			"give the device the same bus= and addr= (or port=) on both hosts",
			"it is at %s at the source and at %s at the destination", ours->path,
			theirs->path);
}

/*
 * Properties that belong to the host, or that QEMU sets itself. The file, socket or network behind
 * a device differs between hosts, and the guest does not see it. QEMU guesses a disk's geometry
 * (cyls, heads, secs) from its size and its partitions when QEMU starts, and the guest may have
 * made partitions since then.
 */
static const char *const local_properties[] = {
	"MCFG",
	"account-failed",
	"account-invalid",
	"addr",
	"audiodev",
	"backend_defaults",
	"bootindex",
	"bootindexA",
	"bootindexB",
	"busnr",
	"chardev",
	"cryptodev",
	"cyls",
	"display",
	"drive",
	"driveA",
	"driveB",
	"ebpf-rss-fds",
	"fd",
	"fsdev",
	"head",
	"heads",
	"host",
	"hostaddr",
	"hostbus",
	"hostdevice",
	"hostport",
	"hpet-intcap",
	"ioeventfd",
	"iommufd",
	"iothread",
	"iothread-vq-mapping",
	"migration-events",
	"netdev",
	"pcap",
	"refresh_rate",
	"rerror",
	"rng",
	"rombar",
	"romfile",
	"romsize",
	"secs",
	"share-rw",
	"smb_io_base",
	"stats-intervals",
	"sysfsdev",
	"tx",
	"werror",
	"write-cache",
	"x-txburst",
	"x-txtimer",
	"xmax",
	"xres",
	"ymax",
	"yres",
	NULL,
};

/* They follow from the size of the RAM, whose difference is reported already. */
static const char *const ram_properties[] = { "above-4g-mem-size", "below-4g-mem-size", NULL };

/* "logical_block_size" is 0 until QEMU has examined the drive, and some devices keep their own
 * value even then. */
static gboolean
is_unset_block_size(const GwProperty *property, const char *other)
{
	return g_str_has_suffix(property->name, "_block_size") &&
	       (strcmp(property->value, "0") == 0 || strcmp(other, "0") == 0);
}

/* Newer QEMUs report one more kind of event to the guest, with any machine type. */
static gboolean
is_harmless(const GwDevice *device, const char *property)
{
	return strcmp(device->type, "pvpanic") == 0 && strcmp(property, "events") == 0;
}

static gboolean
differs(const Negotiation *self, const GwDevice *device, const GwProperty *property,
	const char *other)
{
	gboolean ram_differs =
		negotiation_source(self)->ram_bytes != negotiation_destination(self)->ram_bytes;
	if (other == NULL || strcmp(property->value, other) == 0 ||
	    g_strv_contains(local_properties, property->name))
		return FALSE;
	return !(ram_differs && g_strv_contains(ram_properties, property->name)) &&
	       !is_unset_block_size(property, other) && !is_harmless(device, property->name);
}

/* The machine's own PCI devices, by the beginning of their types. */
static const char *const board_types[] = { "ICH9-",	"PIIX", "i440FX",
					   "ich9-ahci", "mch",	"piix3-ide" };

/* Returns whether the user chose the device; a board's own devices come with the machine type. */
static gboolean
is_chosen(const GwDevice *device)
{
	if (device->id != NULL)
		return TRUE;
	for (guint i = 0; i < G_N_ELEMENTS(board_types); i++)
		if (g_str_has_prefix(device->type, board_types[i]))
			return FALSE;
	return g_ascii_isxdigit(device->path[0]);
}

static void
compare_properties(Negotiation *self, const GwDevice *ours, const GwDevice *theirs)
{
	g_autofree char *subject = describe(ours);
	for (guint i = 0; ours->properties != NULL && i < ours->properties->len; i++) {
		const GwProperty *property = g_ptr_array_index(ours->properties, i);
		const char *other = gw_property_list_get(theirs->properties, property->name);
		if (!differs(self, ours, property, other))
			continue;
		if (is_chosen(ours))
			negotiation_error(self, "device-property", SIDES_BOTH, subject,
					  "give the device the same properties on both hosts",
					  "at %s its property '%s' is '%s' at the source and '%s' "
					  "at the destination",
					  ours->path, property->name, property->value, other);
		else
			negotiation_warning(self, "device-property", SIDES_BOTH, subject,
					    "check whether both QEMUs have the same -machine and "
					    "-global",
					    "its property '%s' is '%s' at the source and '%s' at "
					    "the destination",
					    property->name, property->value, other);
	}
}

static void
compare_pairs(Negotiation *self, const DeviceList *source)
{
	for (guint i = 0; i < source->devices->len; i++) {
		const GwDevice *ours = device_at(source, i);
		const GwDevice *theirs = source->partners[i];
		if (theirs == NULL || is_told_of(source, ours))
			continue;
		if (is_same(ours, theirs))
			compare_properties(self, ours, theirs);
		else if (!is_vgpu(ours))
			tell_other(self, ours, theirs);
	}
}

static void
check_devices(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->devices;
	const GPtrArray *theirs = negotiation_destination(self)->devices;
	if (ours == NULL || theirs == NULL) {
		negotiation_warning(self, "devices-unknown",
				    sides_of(ours == NULL ? SIDE_SOURCE : SIDE_DESTINATION),
				    "devices", "compare the two command lines by hand",
				    "QEMU does not report its devices, so they were not compared");
		return;
	}
	/* A board's devices come with the machine type. If the types differ, different devices are
	 * no news. */
	if (g_strcmp0(negotiation_source(self)->machine_type,
		      negotiation_destination(self)->machine_type) != 0)
		return;
	g_auto(DeviceList) source = { 0 };
	g_auto(DeviceList) destination = { 0 };
	static const Match matches[] = { is_same, has_same_id, has_same_type, has_same_place };
	device_list_init(&source, ours);
	device_list_init(&destination, theirs);
	for (guint i = 0; i < G_N_ELEMENTS(matches); i++)
		pair(&source, &destination, matches[i]);
	compare_pairs(self, &source);
	tell_alone(self, &source, &destination);
}

static const NegotiationRule rules[] = { { check_devices, TRUE } };

void
negotiate_devices(Negotiation *self)
{
	negotiation_run(self, rules, G_N_ELEMENTS(rules));
}
