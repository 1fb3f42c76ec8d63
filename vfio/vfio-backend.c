/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of frameworks from meson.build, and the names of devices. Ids come from users and peers.
 * So every name is checked here or by vfio_sysfs_name_is_valid() before it becomes part of a path.
 */
#include "vfio/vfio-backend.h"

#include "vfio/vfio-pci.h"

#define X(name) extern const VfioBackend vfio_backend_##name;
VFIO_BACKENDS(X)
#undef X

#define X(name) &vfio_backend_##name,
static const VfioBackend *const backends[] = { VFIO_BACKENDS(X) NULL };
#undef X

const VfioBackend *const *
vfio_backends(void)
{
	return backends;
}

const VfioBackend *
vfio_backend_for_id(const char *id)
{
	for (guint i = 0; backends[i] != NULL; i++)
		if (backends[i]->is_id(id))
			return backends[i];
	return NULL;
}

const VfioErrnoRow *
vfio_backend_find_row(const VfioErrnoRow *rows, int number)
{
	for (; rows->number != 0; rows++)
		if (rows->number == number)
			return rows;
	return NULL;
}

char *
vfio_uuid_normalize(const char *text)
{
	if (text == NULL || !g_uuid_string_is_valid(text))
		return NULL;
	return g_ascii_strdown(text, -1);
}

char *
vfio_id_normalize(const char *text)
{
	VfioBdf bdf;
	if (vfio_bdf_parse(text, &bdf))
		return vfio_bdf_format(&bdf);
	return vfio_uuid_normalize(text);
}
