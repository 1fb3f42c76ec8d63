/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One type of vGPU, and the few facts that its texts contain. NVIDIA's description is a list of
 * KEY=VALUE on one line. Its order and keys changed over the years, so the code searches only for
 * the key that it needs. Pure.
 */
#include "vfio/vfio-type.h"

#include <string.h>

VfioType *
vfio_type_new(const char *id)
{
	VfioType *self = g_new0(VfioType, 1);
	self->id = g_strdup(id);
	self->vram_bytes = -1;
	self->available = -1;
	return self;
}

VfioType *
vfio_type_copy(const VfioType *self)
{
	VfioType *copy = vfio_type_new(self->id);
	copy->name = g_strdup(self->name);
	copy->description = g_strdup(self->description);
	copy->device_api = g_strdup(self->device_api);
	copy->vram_bytes = self->vram_bytes;
	copy->available = self->available;
	return copy;
}

void
vfio_type_free(VfioType *self)
{
	if (self == NULL)
		return;
	g_free(self->id);
	g_free(self->name);
	g_free(self->description);
	g_free(self->device_api);
	g_free(self);
}

/* The first character of the value of @key in a list of KEY=VALUE; NULL when the key is absent. */
static const char *
find_value(const char *list, const char *key)
{
	gsize n = strlen(key);
	for (const char *p = strstr(list, key); p != NULL; p = strstr(p + n, key)) {
		gboolean begins = p == list || strchr(", \t\n", p[-1]) != NULL;
		if (begins && p[n] == '=')
			return p + n + 1;
	}
	return NULL;
}

gint64
vfio_type_framebuffer_bytes(const char *description)
{
	const char *value = description != NULL ? find_value(description, "framebuffer") : NULL;
	if (value == NULL || !g_ascii_isdigit(value[0]))
		return -1;
	char *unit;
	guint64 number = g_ascii_strtoull(value, &unit, 10);
	static const struct {
		char letter;
		guint shift;
	} units[] = { { 'K', 10 }, { 'M', 20 }, { 'G', 30 } };
	for (guint i = 0; i < G_N_ELEMENTS(units); i++)
		if (*unit == units[i].letter && number <= (guint64)G_MAXINT64 >> units[i].shift)
			return (gint64)(number << units[i].shift);
	return -1;
}

char *
vfio_type_driver(const char *id)
{
	const char *dash = id != NULL ? strchr(id, '-') : NULL;
	return dash != NULL && dash > id ? g_strndup(id, (gsize)(dash - id)) : NULL;
}
