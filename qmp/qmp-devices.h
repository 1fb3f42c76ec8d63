/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "qmp/qmp-client.h"

/* The devices that QEMU's user added (-device), as QEMU's object tree lists them. */
typedef struct {
	char *id;   /* (nullable): the id that the user chose */
	char *path; /* "/machine/peripheral/gpu0" */
	char *type; /* "vfio-pci" */
} QmpDevice;

void qmp_device_free(QmpDevice *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpDevice, qmp_device_free);

/* (transfer full): of QmpDevice, in QEMU's order; NULL with %QMP_ERROR. */
GPtrArray *qmp_list_devices(QmpClient *client, GError **error);

/* Sets a string property of the object at @path. */
gboolean qmp_set_property(QmpClient *client, const char *path, const char *property,
			  const char *value, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* (transfer full): a string property; NULL with %QMP_ERROR, also when the property has another
 * type. */
char *qmp_device_get_string(QmpClient *client, const QmpDevice *device, const char *property,
			    GError **error);
/* A boolean property; *@ret_value is %FALSE too when this device has no such property. */
gboolean qmp_device_get_boolean(QmpClient *client, const QmpDevice *device, const char *property,
				gboolean *ret_value, GError **error) G_GNUC_WARN_UNUSED_RESULT;
