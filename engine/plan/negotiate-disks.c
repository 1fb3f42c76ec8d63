/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The plan's rules about disks, which do not move: the destination must have the same ones. Its
 * QEMU has started, so it could open something; whether that is the same disk is proven, or allowed
 * by the user for that disk.
 */
#include <string.h>

#include "engine/data/survey-lists.h"
#include "engine/plan/disk-match.h"
#include "engine/plan/negotiate-rules.h"

/* Where the device itself is missing, that is what is told. */
static gboolean
has_device(const GwSurvey *survey, const char *id)
{
	return device_list_find(survey->devices, id) != NULL;
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

/* Is it an overlay that has no name (snapshot=on)? Then the image under it is what two hosts can
 * share. */
static gboolean
is_temporary(const GwDisk *disk)
{
	return disk->deleted && disk->base != NULL;
}

static const char *
shown_file(const GwDisk *disk)
{
	return is_temporary(disk) ? disk->base : disk->file;
}

static const char *
lasting_identity(const GwDisk *disk)
{
	return is_temporary(disk) ? disk->base_identity : disk->identity;
}

/* What only this QEMU can still read does not come along. */
static void
check_temporary(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	if (ours->deleted && (ours->base == NULL || ours->written_bytes != 0))
		negotiation_error(self, "disk-temporary", SIDES_SOURCE, ours->device,
				  "save it to an image that both hosts have (block-commit, "
				  "blockdev-mirror)",
				  "the guest writes to a file that ends with this QEMU "
				  "(snapshot=on, or deleted): what it wrote would be lost");
	if (theirs->deleted && !ours->deleted)
		negotiation_error(self, "disk-temporary", SIDES_DESTINATION, ours->device,
				  "start the QEMU there without -snapshot or snapshot=on",
				  "what the guest writes there would be lost when that QEMU ends: "
				  "it goes to a temporary file");
}

/* Does the QEMU there have the image under the overlay that the source writes to? */
static gboolean
lacks_overlay(const GwDisk *ours, const GwDisk *theirs)
{
	if (ours->base == NULL || ours->deleted ||
	    disk_match(ours->identity, theirs->identity) == DISK_MATCH_SAME)
		return FALSE;
	return disk_match(ours->base_identity, lasting_identity(theirs)) == DISK_MATCH_SAME ||
	       g_strcmp0(ours->base, shown_file(theirs)) == 0;
}

static void
tell_overlay(Negotiation *self, const GwDisk *ours)
{
	negotiation_error(self, "disk-overlay", SIDES_DESTINATION, ours->device,
			  "give the QEMU there the overlay, or merge it first (block-commit)",
			  "the source writes to an overlay (of a snapshot), and the QEMU there has "
			  "only the image under it, '%s': all that was written since is missing",
			  ours->base);
}

static void
tell_unknown(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	negotiation_error(self, "disk-unknown", SIDES_BOTH, ours->device, "compare both by hand",
			  "nothing proves that '%s' there is the same disk as '%s' at the source",
			  shown_file(theirs), shown_file(ours));
}

/* What is only read may be a copy. */
static void
check_medium(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	if (ours->digest == NULL || theirs->digest == NULL)
		tell_unknown(self, ours, theirs);
	else if (strcmp(ours->digest, theirs->digest) != 0)
		negotiation_error(self, "disk-medium", SIDES_DESTINATION, ours->device,
				  "give both QEMUs the same medium, or copies of it",
				  "'%s' there has other contents than '%s' at the source",
				  shown_file(theirs), shown_file(ours));
}

static void
check_identity(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	DiskMatch match = disk_match(lasting_identity(ours), lasting_identity(theirs));
	gboolean is_only_read = ours->read_only || (is_temporary(ours) && is_temporary(theirs));
	if (match == DISK_MATCH_SAME)
		return;
	if (is_only_read)
		check_medium(self, ours, theirs);
	else if (match == DISK_MATCH_UNKNOWN)
		tell_unknown(self, ours, theirs);
	else
		negotiation_error(self, "disk-not-shared", SIDES_DESTINATION, ours->device,
				  "put the disk where both hosts have it",
				  "'%s' there is another disk than '%s' at the source",
				  shown_file(theirs), shown_file(ours));
}

static void
check_contents(Negotiation *self, const GwDisk *ours, const GwDisk *theirs)
{
	gboolean sizes_are_known = ours->size_bytes >= 0 && theirs->size_bytes >= 0;
	if (sizes_are_known && ours->size_bytes != theirs->size_bytes) {
		negotiation_error(self, "disk-size", SIDES_BOTH, ours->device,
				  "give both QEMUs the same disk",
				  "the disk has %" G_GINT64_FORMAT
				  " bytes at the source and %" G_GINT64_FORMAT
				  " bytes at the destination ('%s')",
				  ours->size_bytes, theirs->size_bytes, shown_file(theirs));
		return;
	}
	if (disk_is_flash(ours) && disk_is_flash(theirs))
		return;
	check_temporary(self, ours, theirs);
	if (lacks_overlay(ours, theirs))
		tell_overlay(self, ours);
	else
		check_identity(self, ours, theirs);
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
	/* Of a temporary overlay it says nothing about the image. */
	if (is_temporary(ours) == is_temporary(theirs) && ours->format != NULL &&
	    theirs->format != NULL && strcmp(ours->format, theirs->format) != 0)
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
		const GwDisk *partner = disk_find_partner(ours, theirs, i);
		if (partner == NULL) {
			tell_missing(self, disk);
			continue;
		}
		check_contents(self, disk, partner);
		check_access(self, disk, partner);
		negotiation_check_disk_settings(self, disk, partner);
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
		if (disk_find_partner(theirs, ours, i) != NULL ||
		    !has_device(negotiation_source(self), disk->device))
			continue;
		negotiation_error(self, "disk-extra", SIDES_DESTINATION, disk->device,
				  "take the drive's contents away from the QEMU there",
				  "the device has '%s' in it there, and nothing at the source",
				  disk->file);
	}
}

static const NegotiationRule rules[] = {
	{ check_disks, TRUE },
	{ check_extra_disks, TRUE },
	{ negotiation_check_exports, FALSE },
	{ negotiation_check_shared_memory, TRUE },
};

void
negotiate_disks(Negotiation *self)
{
	negotiation_run(self, rules, G_N_ELEMENTS(rules));
}
