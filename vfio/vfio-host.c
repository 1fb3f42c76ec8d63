/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The handles that are needed to examine one host. NVIDIA's library knows only the machine that it
 * runs on and nothing about a tree in /tmp. So it is only loaded for the real sysfs, or when a test
 * brings its own library.
 */
#include "vfio/vfio-host.h"

#include <sys/ioctl.h>

#define NVML_LIBRARY "libnvidia-ml.so.1"

static int
real_ioctl(int fd, unsigned long request, gpointer argument)
{
	return ioctl(fd, request, argument);
}

VfioHost *
vfio_host_new(const char *root, const VfioSeams *seams, GError **error)
{
	static const VfioSeams none;
	if (seams == NULL)
		seams = &none;
	VfioSysfs *sysfs = vfio_sysfs_new(root, seams->write, error);
	if (sysfs == NULL)
		return NULL;
	VfioHost *self = g_atomic_rc_box_new0(VfioHost);
	self->sysfs = sysfs;
	self->pci_names = seams->pci_names != NULL ? seams->pci_names : vfio_pci_names;
	self->ioctl = seams->ioctl != NULL ? seams->ioctl : real_ioctl;
	const char *library = seams->nvml;
	if (library == NULL && vfio_sysfs_is_real(sysfs))
		library = NVML_LIBRARY;
	self->nvml = library != NULL ? vfio_nvml_open(library) : NULL;
	return self;
}

VfioHost *
vfio_host_ref(VfioHost *self)
{
	return g_atomic_rc_box_acquire(self);
}

static void
clear(gpointer data)
{
	VfioHost *self = data;
	vfio_nvml_close(self->nvml);
	vfio_sysfs_free(self->sysfs);
}

void
vfio_host_unref(VfioHost *self)
{
	if (self != NULL)
		g_atomic_rc_box_release_full(self, clear);
}
