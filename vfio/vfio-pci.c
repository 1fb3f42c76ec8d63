/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI addresses, and the devices at them. The numbers come from sysfs, like everything else in this
 * folder, because libpciaccess cannot use another root. The names come from libpciaccess; this is
 * the only file that calls it. Its table of names is global and has no locks, so this file has a
 * lock.
 */
#include "vfio/vfio-pci.h"

#include <pciaccess.h>
#include <string.h>

#define DEVICES "bus/pci/devices"

static GMutex names_lock;

/* Reads at least @min hexadecimal digits and moves past them. */
static gboolean
take_hex(const char **text, guint min, guint max, guint *ret_value)
{
	guint value = 0, n = 0;
	for (; n < max && g_ascii_isxdigit(**text); n++, (*text)++)
		value = value << 4 | (guint)g_ascii_xdigit_value(**text);
	*ret_value = value;
	return n >= min;
}

static gboolean
take_char(const char **text, char wanted)
{
	if (**text != wanted)
		return FALSE;
	(*text)++;
	return TRUE;
}

gboolean
vfio_bdf_parse(const char *text, VfioBdf *ret_bdf)
{
	if (text == NULL)
		return FALSE;
	VfioBdf bdf = { 0 };
	const char *p = text;
	const char *colon = strchr(p, ':');
	if (colon != NULL && strchr(colon + 1, ':') != NULL &&
	    (!take_hex(&p, 4, 8, &bdf.domain) || !take_char(&p, ':')))
		return FALSE;
	if (!take_hex(&p, 2, 2, &bdf.bus) || !take_char(&p, ':') ||
	    !take_hex(&p, 2, 2, &bdf.slot) || !take_char(&p, '.') ||
	    !take_hex(&p, 1, 1, &bdf.function) || *p != '\0')
		return FALSE;
	if (bdf.slot > 0x1f || bdf.function > 7)
		return FALSE;
	*ret_bdf = bdf;
	return TRUE;
}

char *
vfio_bdf_format(const VfioBdf *bdf)
{
	return g_strdup_printf("%04x:%02x:%02x.%x", bdf->domain, bdf->bus, bdf->slot,
			       bdf->function);
}

char *
vfio_bdf_normalize(const char *text)
{
	VfioBdf bdf;
	return vfio_bdf_parse(text, &bdf) ? vfio_bdf_format(&bdf) : g_strdup(text);
}

void
vfio_pci_names(VfioPciId *id)
{
	const struct pci_id_match match = {
		.vendor_id = id->vendor,
		.device_id = id->device,
		.subvendor_id = PCI_MATCH_ANY,
		.subdevice_id = PCI_MATCH_ANY,
	};
	const char *device = NULL, *vendor = NULL, *subdevice = NULL, *subvendor = NULL;
	g_mutex_lock(&names_lock);
	pci_get_strings(&match, &device, &vendor, &subdevice, &subvendor);
	id->vendor_name = g_strdup(vendor);
	id->device_name = g_strdup(device);
	g_mutex_unlock(&names_lock);
}

VfioPciId *
vfio_pci_id_new(const VfioSysfs *sysfs, const char *name, VfioPciNames names)
{
	VfioBdf bdf;
	if (!vfio_bdf_parse(name, &bdf) || !vfio_sysfs_exists(sysfs, DEVICES, name))
		return NULL;
	VfioPciId *self = g_new0(VfioPciId, 1);
	g_autofree char *folder = g_build_filename(DEVICES, name, NULL);
	self->vendor = vfio_sysfs_read_hex(sysfs, folder, "vendor", G_MAXUINT16);
	self->device = vfio_sysfs_read_hex(sysfs, folder, "device", G_MAXUINT16);
	self->subsystem_vendor =
		vfio_sysfs_read_hex(sysfs, folder, "subsystem_vendor", G_MAXUINT16);
	self->subsystem_device =
		vfio_sysfs_read_hex(sysfs, folder, "subsystem_device", G_MAXUINT16);
	self->class_code = vfio_sysfs_read_hex(sysfs, folder, "class", 0xffffff);
	if (self->vendor != 0)
		names(self);
	return self;
}

void
vfio_pci_id_free(VfioPciId *self)
{
	if (self == NULL)
		return;
	g_free(self->vendor_name);
	g_free(self->device_name);
	g_free(self);
}
