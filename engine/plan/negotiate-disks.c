/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan's rules about disks, which do not move: the destination must have the same ones. That it could open
 * something is known from its QEMU having started; whether it is the same is told by the file's identity, and
 * where there is none (a block device, a network disk) by its size alone.
 */
#include <string.h>

#include "engine/plan/negotiate-rules.h"

static const GwDisk *
find_disk(const GPtrArray *disks, const char *device)
{
	for (guint i = 0; i < disks->len; i++) {
		const GwDisk *disk = g_ptr_array_index(disks, i);
		if (strcmp(disk->device, device) == 0)
			return disk;
	}
	return NULL;
}

/* Without an id a disk is called by QEMU's path of its device, which may differ: then the order has to do. */
static const GwDisk *
find_partner(const GPtrArray *ours, const GPtrArray *theirs, guint i)
{
	const GwDisk *disk = g_ptr_array_index(ours, i);
	const GwDisk *partner = find_disk(theirs, disk->device);
	if (partner == NULL && ours->len == theirs->len)
		partner = g_ptr_array_index(theirs, i);
	return partner;
}

/* Where the device itself is missing, that is what is told. */
static gboolean
has_device(const GwSurvey *survey, const char *id)
{
	for (guint i = 0; survey->devices != NULL && i < survey->devices->len; i++) {
		const GwDevice *device = g_ptr_array_index(survey->devices, i);
		if (g_strcmp0(device->id, id) == 0)
			return TRUE;
	}
	return FALSE;
}

static void
tell_missing(Negotiation *self, const GwDisk *disk)
{
	gboolean is_known_device = has_device(negotiation_source(self), disk->device);
	if (is_known_device && !has_device(negotiation_destination(self), disk->device))
		return;
	negotiation_error(self, "disk-missing", SIDES_DESTINATION, disk->device,
			  "give the QEMU there the same drive for that device",
			  "the device has no disk in it there; at the source it has '%s'",
			  disk->file);
}

/* "shared nfs 17", "local BOOT DEVICE 17". One host may have it from itself, and the other over the network. */
static gboolean
is_same_file(const char *ours, const char *theirs)
{
	static const char local[] = "local ";
	if (g_str_has_prefix(ours, local) == g_str_has_prefix(theirs, local))
		return strcmp(ours, theirs) == 0;
	const char *our_inode = strrchr(ours, ' ');
	const char *their_inode = strrchr(theirs, ' ');
	return our_inode != NULL && their_inode != NULL && strcmp(our_inode, their_inode) == 0;
}

static void
check_contents(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	gboolean sizes_are_known = ours->size_bytes >= 0 && theirs->size_bytes >= 0;
	if (sizes_are_known && ours->size_bytes != theirs->size_bytes)
		negotiation_error(self, "disk-size", SIDES_BOTH, ours->device,
				  "give both QEMUs the same disk",
				  "the disk has %" G_GINT64_FORMAT
				  " bytes at the source and %" G_GINT64_FORMAT
				  " bytes at the destination ('%s')",
				  ours->size_bytes, theirs->size_bytes, theirs->file);
	else if (!ours->read_only && ours->identity != NULL && theirs->identity != NULL &&
		 !is_same_file(ours->identity, theirs->identity))
		negotiation_error(self, "disk-not-shared", SIDES_DESTINATION, ours->device,
				  "put the disk where both hosts have it; if it is copied by other "
				  "means, allow this",
				  "'%s' there is another file than '%s' at the source",
				  theirs->file, ours->file);
}

static void
check_access(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	if (ours->read_only != theirs->read_only)
		negotiation_error(self, "disk-read-only", SIDES_BOTH, ours->device,
				  "give both QEMUs the disk in the same way",
				  "the disk is %s at the source and %s at the destination",
				  ours->read_only ? "read-only" : "writable",
				  theirs->read_only ? "read-only" : "writable");
	if (ours->format != NULL && theirs->format != NULL &&
	    strcmp(ours->format, theirs->format) != 0)
		negotiation_error(self, "disk-format", SIDES_BOTH, ours->device,
				  "give both QEMUs the same format= for the disk",
				  "the disk is opened as '%s' at the source and as '%s' at the "
				  "destination",
				  ours->format, theirs->format);
}

static void
check_disks(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->disks;
	const GPtrArray *theirs = negotiation_destination(self)->disks;
	for (guint i = 0; ours != NULL && theirs != NULL && i < ours->len; i++) {
		const GwDisk *disk = g_ptr_array_index(ours, i);
		const GwDisk *partner = find_partner(ours, theirs, i);
		if (partner == NULL) {
			tell_missing(self, disk);
			continue;
		}
		check_contents(self, disk, partner);
		check_access(self, disk, partner);
	}
}

/* A disc that lies in a drive there, and not at the source: the guest left the drive empty. */
static void
check_extra_disks(Negotiation *self)
{
	const GPtrArray *ours = negotiation_source(self)->disks;
	const GPtrArray *theirs = negotiation_destination(self)->disks;
	for (guint i = 0; ours != NULL && theirs != NULL && i < theirs->len; i++) {
		const GwDisk *disk = g_ptr_array_index(theirs, i);
		if (find_partner(theirs, ours, i) != NULL ||
		    !has_device(negotiation_source(self), disk->device))
			continue;
		negotiation_error(self, "disk-extra", SIDES_DESTINATION, disk->device,
				  "take the drive's contents away from the QEMU there",
				  "the device has '%s' in it there, and nothing at the source",
				  disk->file);
	}
}

static const NegotiationRule rules[] = { { check_disks, TRUE }, { check_extra_disks, TRUE } };

void
negotiate_disks(Negotiation *self)
{
	negotiation_run(self, rules, G_N_ELEMENTS(rules));
}
