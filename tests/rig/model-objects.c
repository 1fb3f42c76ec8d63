/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The objects that a user adds to model-qemu: one at a time. */
#include "tests/rig/model-machine.h"

char *
model_list_objects(Model *self, const char *path)
{
	static const char type[] = "{\"name\": \"type\", \"type\": \"string\"}";
	return self->object != NULL && g_str_equal(path, "/objects")
		       ? g_strdup_printf("[%s, {\"name\": \"%s\", \"type\": \"child<secret>\"}]",
					 type, self->object)
		       : g_strdup_printf("[%s]", type);
}

void
model_set_object(Model *self, const char *id)
{
	g_free(self->object);
	self->object = g_strdup(id);
}
