/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* The devices that a QEMU was given (-device), as its object tree has them. */
typedef struct {
	char *id;   /* (nullable): what the user called it */
	char *path; /* "/machine/peripheral/gpu0" */
	char *type; /* "vfio-pci" */
} QmpDevice;

void qmp_device_free(QmpDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpDevice, qmp_device_free)

/* (transfer full): of QmpDevice, in QEMU's order; NULL with %QMP_ERROR. */
GPtrArray *qmp_list_devices(QmpClient *client, GError **error);

/* Sets a property of the object at @path to a text. */
gboolean qmp_set_property(QmpClient *client, const char *path, const char *property,
			  const char *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): a property that is a text; NULL with %QMP_ERROR, also when it is something else. */
char *qmp_device_get_string(QmpClient *client, const QmpDevice *device, const char *property,
			    GError **error);
/* A property that is true or false; %FALSE as @ret_value too where this device has no such property. */
gboolean qmp_device_get_boolean(QmpClient *client, const QmpDevice *device, const char *property,
				gboolean *ret_value, GError **error) G_GNUC_WARN_UNUSED_RESULT;
