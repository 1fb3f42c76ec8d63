/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What hangs on a disk or a file beside its contents: bitmaps, I/O limits, exports, and memory that
 * lies in a file which both QEMUs have.
 */
#include <string.h>

#include "engine/plan/disk-match.h"
#include "engine/plan/negotiate-rules.h"

/* (transfer full): "iops=100 bps=5", "none" */
static char *
describe_limits(const GPtrArray *limits)
{
	GString *text = g_string_new(NULL);
	for (guint i = 0; limits != NULL && i < limits->len; i++) {
		const GwProperty *limit = g_ptr_array_index(limits, i);
		g_string_append_printf(text, "%s%s=%s", i > 0 ? " " : "", limit->name,
				       limit->value);
	}
	return g_string_free(text->len > 0 ? text : g_string_append(text, "none"), FALSE);
}

/* They are no part of the stream. */
static void
check_limits(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	g_autofree char *source = describe_limits(ours->limits);
	g_autofree char *destination = describe_limits(theirs->limits);
	if (strcmp(source, destination) != 0)
		negotiation_warning(self, "disk-limits", SIDES_DESTINATION, ours->device,
				    "set them there too: block_set_io_throttle, or throttling.* in "
				    "its -drive",
				    "its I/O limits are '%s' at the source and '%s' there", source,
				    destination);
}

/* QEMU sends a bitmap to the node of the same name, and invents names that differ. */
static void
check_bitmap(Negotiation *self, const GwDisk *ours, const GwDisk *theirs, const char *bitmap)
{
	if (!negotiation_is_asked(self, "dirty-bitmaps"))
		negotiation_warning(self, "disk-bitmap", SIDES_SOURCE, ours->device,
				    "carry it (--capability dirty-bitmaps), or make the next "
				    "backup a full one",
				    "its dirty bitmap '%s' is only in memory, and would be lost",
				    bitmap);
	else if (ours->node == NULL || theirs->node == NULL ||
		 strcmp(ours->node, theirs->node) != 0)
		negotiation_error(self, "disk-bitmap", SIDES_BOTH, ours->device,
				  "give the disk the same node-name= in both QEMUs",
				  "its dirty bitmap '%s' goes to a node of the same name, but that "
				  "is '%s' at the source and '%s' there",
				  bitmap, ours->node != NULL ? ours->node : "",
				  theirs->node != NULL ? theirs->node : "");
}

void
negotiation_check_disk_settings(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	check_limits(self, ours, theirs);
	for (guint i = 0; ours->bitmaps != NULL && i < ours->bitmaps->len; i++) {
		const GwProperty *bitmap = g_ptr_array_index(ours->bitmaps, i);
		if (strcmp(bitmap->value, "persistent") != 0)
			check_bitmap(self, ours, theirs, bitmap->name);
	}
}

/* QEMU does not say whether an export may be written to; one that may be keeps it from letting
 * go. */
void
negotiation_check_exports(Negotiation *self)
{
	const GStrv exports = negotiation_source(self)->exports;
	for (guint i = 0; exports != NULL && exports[i] != NULL; i++) {
		const char *type = strrchr(exports[i], ' ');
		g_autofree char *id =
			g_strndup(exports[i],
				  type != NULL ? (gsize)(type - exports[i]) : strlen(exports[i]));
		negotiation_error(self, "export", SIDES_SOURCE, id,
				  "end it first (block-export-del, nbd-server-stop)",
				  "this QEMU serves one of the guest's disks to others: '%s'",
				  exports[i]);
	}
}

/* The QEMU that loads would write over the memory of the guest that still runs. */
void
negotiation_check_shared_memory(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->shared_memory;
	const GPtrArray *theirs = negotiation_destination(self)->shared_memory;
	for (guint i = 0; ours != NULL && theirs != NULL && i < ours->len; i++) {
		const GwProperty *own = g_ptr_array_index(ours, i);
		for (guint k = 0; k < theirs->len; k++) {
			const GwProperty *other = g_ptr_array_index(theirs, k);
			if (disk_match(own->value, other->value) != DISK_MATCH_SAME)
				continue;
			negotiation_error(self, "memory-shared", SIDES_BOTH, own->name,
					  "give the QEMU there another mem-path=, or share=off",
					  "both QEMUs have mapped this file as memory: one would "
					  "write over the other's guest");
			break;
		}
	}
}
