/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* One device in the tree of buses that "info qtree" prints. */
typedef struct {
	/* The same on every QEMU: "02.0/00.0" behind a PCI bridge, "03.0/usb@2.1". */
	char *path;
	char *id;	       /* (nullable): the id that the user chose */
	char *type;	       /* "virtio-net-pci" */
	GPtrArray *properties; /* of QmpPair */
} QmpQdev;

void qmp_qdev_free(QmpQdev *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpQdev, qmp_qdev_free);

/* Pure. (transfer full): of QmpQdev; a bus's own device comes before the devices on that bus. Empty
 * when @text has another form. */
GPtrArray *qmp_qtree_parse(const char *text);
