/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Marks beside the images of which it is not known whether both hosts have them. */
#include "engine/source/source-marks.h"

#include "engine/data/property-list.h"
#include "engine/gw-error.h"
#include "engine/host/disk-mark.h"
#include "engine/plan/disk-match.h"
#include "engine/util/error-host.h"
#include "qmp/qmp-facts.h"

#define LOOK_TIMEOUT_MS 10000

/* One disk, as both hosts know it, and the mark beside it. */
typedef struct {
	GwDisk *ours;
	GwDisk *theirs;
	DiskMark *mark;
} Marked;

static void
marked_free(gpointer data)
{
	Marked *self = data;
	disk_mark_free(self->mark);
	g_free(self);
}

static DiskMark *
make_mark(SourceRun *run, const GwDisk *disk)
{
	g_autofree char *leaf = qmp_disk_leaf(disk->file);
	return leaf != NULL ? disk_mark_new(run->qemu->process.pid, leaf) : NULL;
}

/* (transfer full): of Marked */
static GPtrArray *
make_marks(SourceRun *run)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(marked_free);
	const GPtrArray *ours = run->surveys.source->disks;
	const GPtrArray *theirs = run->surveys.destination->disks;
	for (guint i = 0; ours != NULL && theirs != NULL && i < ours->len; i++) {
		GwDisk *disk = g_ptr_array_index(ours, i);
		const GwDisk *partner = disk_find_partner(ours, theirs, i);
		DiskMark *mark = partner != NULL && disk_needs_mark(disk, partner) &&
						 list->len < CONTROL_MAX_MARKS
					 ? make_mark(run, disk)
					 : NULL;
		if (mark == NULL)
			continue;
		Marked *marked = g_new0(Marked, 1);
		marked->ours = disk;
		marked->theirs = (GwDisk *)partner;
		marked->mark = mark;
		g_ptr_array_add(list, marked);
	}
	return list;
}

static JsonObject *
make_question(const GPtrArray *marks)
{
	JsonObject *question = json_object_new();
	g_autoptr(GPtrArray) names = property_list_new();
	for (guint i = 0; i < marks->len; i++) {
		const Marked *marked = g_ptr_array_index(marks, i);
		property_list_add(names, marked->theirs->device, disk_mark_get_name(marked->mark));
	}
	property_list_write(question, "marks", names);
	return question;
}

static void
set_identity(GwDisk *disk, const char *words)
{
	g_free(disk->identity);
	disk->identity = g_strconcat("mark ", words, NULL);
}

/* The peer is not trusted: a malformed answer is as good as none. */
static void
take_answer(const GPtrArray *marks, JsonObject *reply)
{
	Fields fields;
	g_autoptr(GError) malformed = NULL;
	fields_init_object(&fields, reply, "look");
	g_autoptr(GPtrArray) found = property_list_read(&fields, "found", CONTROL_MAX_MARKS);
	if (!fields_end(&fields, &malformed) || found == NULL)
		return;
	for (guint i = 0; i < marks->len; i++) {
		const Marked *marked = g_ptr_array_index(marks, i);
		const char *words = gw_property_list_get(found, marked->theirs->device);
		if (words == NULL)
			continue;
		set_identity(marked->ours, disk_mark_get_words(marked->mark));
		set_identity(marked->theirs, words);
	}
}

gboolean
source_look_for_marks(SourceRun *run, GError **error)
{
	g_autoptr(GPtrArray) marks = make_marks(run);
	if (marks->len == 0)
		return TRUE;
	g_autoptr(JsonObject) reply =
		control_conn_call(run->peer->conn, CONTROL_LOOK, make_question(marks),
				  LOOK_TIMEOUT_MS, run->cancellable, error);
	if (reply == NULL) {
		error_add_side(error, SIDE_DESTINATION);
		return FALSE;
	}
	take_answer(marks, reply);
	return TRUE;
}
