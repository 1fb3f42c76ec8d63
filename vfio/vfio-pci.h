/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vfio/vfio-sysfs.h"

/* Where a PCI function is: "0000:3b:00.0". */
typedef struct {
	guint domain; /* up to 32 bits: behind some root ports it has more than 16 */
	guint bus;
	guint slot;
	guint function;
} VfioBdf;

/* Takes "3b:00.0" and "0000:3b:00.0", in any case. */
gboolean vfio_bdf_parse(const char *text, VfioBdf *ret_bdf) G_GNUC_WARN_UNUSED_RESULT;
/* (transfer full): as the kernel writes it. */
char *vfio_bdf_format(const VfioBdf *bdf);
/* (transfer full): as the kernel writes it, or an unchanged copy when @text is not a PCI
 * address. */
char *vfio_bdf_normalize(const char *text);

/* The identity of a PCI function. Numbers are 0 and names NULL where they are not known. */
typedef struct {
	guint vendor;
	guint device;
	guint subsystem_vendor;
	guint subsystem_device;
	guint class_code; /* 24 bits */
	char *vendor_name;
	char *device_name;
} VfioPciId;

/* Fills in the names, (transfer full), of @id. */
typedef void (*VfioPciNames)(VfioPciId *id);

/* Uses libpciaccess, which reads the system's database. */
void vfio_pci_names(VfioPciId *id);

/* (transfer full): NULL when @name is not a PCI function of this host. @names: replaces
 * vfio_pci_names(). */
VfioPciId *vfio_pci_id_new(const VfioSysfs *sysfs, const char *name, VfioPciNames names);
void vfio_pci_id_free(VfioPciId *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VfioPciId, vfio_pci_id_free);
