/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finds the vendor of a driver in the list from meson.build, and holds what the vendors share.
 */
#include "vfio/vfio-vendor.h"

#include <string.h>

#define X(name) extern const VfioVendor vfio_vendor_##name;
VFIO_VENDORS(X)
#undef X

#define X(name) &vfio_vendor_##name,
static const VfioVendor *const vendors[] = { VFIO_VENDORS(X) };
#undef X

const VfioVendor *
vfio_vendor_for_driver(const char *driver)
{
	for (guint i = 0; i < G_N_ELEMENTS(vendors); i++)
		if (vendors[i]->matches(driver))
			return vendors[i];
	g_assert_not_reached();
}

const VfioVendor *
vfio_vendor_by_name(const char *name)
{
	for (guint i = 0; i < G_N_ELEMENTS(vendors); i++)
		if (g_strcmp0(vendors[i]->name, name) == 0)
			return vendors[i];
	return vfio_vendor_for_driver(NULL);
}

char *
vfio_vendor_module_version(const VfioHost *host, const char *driver)
{
	if (!vfio_sysfs_name_is_valid(driver))
		return NULL;
	/* The kernel writes '_' for '-' in the names of modules. */
	g_autofree char *module = g_strdelimit(g_strdup(driver), "-", '_');
	g_autofree char *folder = g_build_filename("module", module, NULL);
	g_autofree char *version = vfio_sysfs_read(host->sysfs, folder, "version", NULL);
	return version != NULL && version[0] != '\0' ? g_steal_pointer(&version) : NULL;
}

gint64
vfio_vendor_described_vram(const VfioHost *host, const VfioType *type)
{
	return vfio_type_framebuffer_bytes(type->description);
}

/* "NAME=VALUE", where the value is neither zero nor empty. */
static gboolean
is_on(const char *param, const char *name)
{
	gsize n = strlen(name);
	if (strncmp(param, name, n) != 0 || param[n] != '=')
		return FALSE;
	const char *value = param + n + 1;
	return strspn(value, "0 \t") < strlen(value);
}

char *
vfio_vendor_find_forbidden(const VfioVendor *self, const char *params)
{
	if (self->forbidden_params == NULL || params == NULL)
		return NULL;
	g_auto(GStrv) list = g_strsplit_set(params, ",\n", -1);
	g_autoptr(GString) found = g_string_new(NULL);
	for (const char *const *name = self->forbidden_params; *name != NULL; name++)
		for (char **param = list; *param != NULL; param++)
			if (is_on(g_strstrip(*param), *name)) {
				g_string_append_printf(found, "%s%s", found->len > 0 ? ", " : "",
						       *name);
				break;
			}
	return found->len > 0 ? g_string_free(g_steal_pointer(&found), FALSE) : NULL;
}
