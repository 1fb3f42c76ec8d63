/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is it the same disk? Each kind of identity has its own rule for what a difference proves.
 */
#include "engine/plan/disk-match.h"

#include <string.h>

#include "engine/data/survey-lists.h"

typedef enum {
	KIND_FILE,    /* BOOT DEVICE INODE: no other host is known to have it */
	KIND_MOUNTED, /* BOOT DEVICE INODE: other hosts may have it, under another number */
	KIND_DEVICE,  /* BOOT NUMBER: likewise */
	KIND_SHARED,  /* SOURCE INODE: the inode is the same everywhere, the source may have two
		      * names */
	KIND_NAMED,   /* a name that is the same everywhere */
	KIND_ADDRESS, /* likewise, but there may be several */
} Kind;

static const struct {
	const char *word;
	Kind kind;
} kinds[] = {
	{ "file", KIND_FILE },	 { "mounted", KIND_MOUNTED }, { "device", KIND_DEVICE },
	{ "nfs", KIND_SHARED },	 { "ceph", KIND_SHARED },     { "lustre", KIND_SHARED },
	{ "cifs", KIND_SHARED }, { "smb2", KIND_SHARED },     { "gpfs", KIND_SHARED },
	{ "wwn", KIND_NAMED },	 { "dm", KIND_NAMED },	      { "md", KIND_NAMED },
	{ "mark", KIND_NAMED },	 { "rbd", KIND_NAMED },	      { "drbd", KIND_NAMED },
	{ "url", KIND_ADDRESS },
};

static gboolean
find_kind(const char *identity, Kind *ret_kind)
{
	gsize len = strcspn(identity, " ");
	for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strlen(kinds[i].word) == len && strncmp(identity, kinds[i].word, len) == 0) {
			*ret_kind = kinds[i].kind;
			return TRUE;
		}
	return FALSE;
}

static gboolean
is_of_one_host(Kind kind)
{
	return kind == KIND_FILE || kind == KIND_MOUNTED || kind == KIND_DEVICE;
}

/* Are the words up to the third the same: the kind and the boot? */
static gboolean
has_same_boot(const char *ours, const char *theirs)
{
	g_auto(GStrv) our_words = g_strsplit(ours, " ", 3);
	g_auto(GStrv) their_words = g_strsplit(theirs, " ", 3);
	return g_strv_length(our_words) == 3 && g_strv_length(their_words) == 3 &&
	       strcmp(our_words[1], their_words[1]) == 0;
}

static gboolean
has_same_inode(const char *ours, const char *theirs)
{
	const char *our_inode = strrchr(ours, ' ');
	const char *their_inode = strrchr(theirs, ' ');
	return our_inode != NULL && their_inode != NULL && strcmp(our_inode, their_inode) == 0;
}

/* Both are of the same kind, and differ. */
static gboolean
proves_other(Kind kind, const char *ours, const char *theirs)
{
	if (kind == KIND_NAMED)
		return TRUE;
	if (is_of_one_host(kind))
		return kind != KIND_MOUNTED && has_same_boot(ours, theirs);
	return kind == KIND_SHARED && !has_same_inode(ours, theirs);
}

DiskMatch
disk_match(const char *ours, const char *theirs)
{
	Kind our_kind, their_kind;
	if (ours == NULL || theirs == NULL || !find_kind(ours, &our_kind) ||
	    !find_kind(theirs, &their_kind))
		return DISK_MATCH_UNKNOWN;
	if (strcmp(ours, theirs) == 0)
		return DISK_MATCH_SAME;
	if (our_kind == their_kind)
		return proves_other(our_kind, ours, theirs) ? DISK_MATCH_OTHER : DISK_MATCH_UNKNOWN;
	/* On one host a file is not a device, and not on two file systems. */
	if (is_of_one_host(our_kind) && is_of_one_host(their_kind) && has_same_boot(ours, theirs))
		return DISK_MATCH_OTHER;
	return DISK_MATCH_UNKNOWN;
}

/* A device without an id is called by its path in QEMU, which may differ: then the order
 * decides. */
const GwDisk *
disk_find_partner(const GPtrArray *ours, const GPtrArray *theirs, guint i)
{
	const GwDisk *disk = g_ptr_array_index(ours, i);
	const GwDisk *partner = disk_list_find(theirs, disk->device);
	if (partner == NULL && ours->len == theirs->len)
		partner = g_ptr_array_index(theirs, i);
	return partner;
}

gboolean
disk_is_flash(const GwDisk *disk)
{
	return g_str_has_prefix(disk->device, "/machine/") &&
	       strstr(disk->device, ".flash") != NULL;
}

static gboolean
is_file(const GwDisk *disk)
{
	Kind kind;
	return disk->identity != NULL && find_kind(disk->identity, &kind) &&
	       (kind == KIND_FILE || kind == KIND_MOUNTED || kind == KIND_SHARED);
}

gboolean
disk_needs_mark(const GwDisk *ours, const GwDisk *theirs)
{
	return is_file(ours) && is_file(theirs) && !ours->deleted && !theirs->deleted &&
	       !ours->read_only && !disk_is_flash(ours) &&
	       disk_match(ours->identity, theirs->identity) == DISK_MATCH_UNKNOWN;
}
