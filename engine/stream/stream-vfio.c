/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The body of a VFIO device's section: tags of eight bytes, each with its data.
 *
 *	ffffffffef100003 setup        nothing
 *	ffffffffef100004 data         be64 length, that many bytes of the driver
 *	ffffffffef100001 end          nothing: the footer follows
 *	ffffffffef100005 initial sent: instead of the end: the destination may acknowledge
 *	ffffffffef100002 configuration: QEMU's own table, without a length, then the end
 *	ffffffffef100006 configuration may be loaded: instead of the end (10.1 on)
 *
 *	start: setup, end	part: at most one data, end or initial sent
 *	last:  any number of data, end		full: configuration
 *
 * (QEMU's hw/vfio/migration.c, 8.1 to 11.1.) The parts are sent while the guest runs, the last
 * section is sent after the guest's stop. QEMU's vfio.transferred counts only the driver's bytes.
 *
 * QEMU up to 7.2 has another format, for an interface that kernels since 5.18 do not have: it sends
 * the configuration in the last section. This format is not parsed.
 */
#include "engine/stream/stream-parts.h"
#include "engine/stream/stream-scan.h"

#define TAG_SETUP	 G_GUINT64_CONSTANT(0xffffffffef100003)
#define TAG_DATA	 G_GUINT64_CONSTANT(0xffffffffef100004)
#define TAG_INITIAL_SENT G_GUINT64_CONSTANT(0xffffffffef100005)
#define TAG_LOAD_READY	 G_GUINT64_CONSTANT(0xffffffffef100006)

static void tag(Stream *self, const guint8 *field);

static StreamVfio *
device(Stream *self)
{
	return &self->counts.vfio[self->frame.section->device];
}

static void
next_tag(Stream *self, const guint8 *field)
{
	stream_await(self, 8, &device(self)->framing_bytes, tag);
}

static void
data_length(Stream *self, const guint8 *field)
{
	StreamVfio *vfio = device(self);
	guint64 bytes = stream_be64(field);
	if (bytes > G_MAXINT64) {
		stream_lose(self,
			    "expected the length of a device's data, not 0x%" G_GINT64_MODIFIER "x",
			    bytes);
		return;
	}
	stream_pass(self, bytes,
		    self->frame.type == TYPE_PART ? &vfio->precopy_bytes : &vfio->stop_copy_bytes,
		    next_tag);
}

static void
configuration(Stream *self)
{
	StreamVfio *vfio = device(self);
	if (self->frame.type == TYPE_FULL)
		stream_scan(self, STREAM_TAG_END, &vfio->config_bytes, &vfio->framing_bytes);
	else
		stream_lose(self, "expected no configuration here: the format of QEMU before 8.0 "
				  "is not supported");
}

static void
tag(Stream *self, const guint8 *field)
{
	guint64 value = stream_be64(field);
	switch (value) {
	case TAG_SETUP:
		next_tag(self, NULL);
		return;
	case TAG_DATA:
		device(self)->n_data_parts += self->frame.type == TYPE_PART;
		stream_await(self, 8, &device(self)->framing_bytes, data_length);
		return;
	case STREAM_TAG_CONFIGURATION:
		configuration(self);
		return;
	case STREAM_TAG_END:
	case TAG_INITIAL_SENT:
	case TAG_LOAD_READY:
		device(self)->n_parts += self->frame.type == TYPE_PART;
		self->frame.end_body(self);
		return;
	default:
		stream_lose(self, "expected a tag of VFIO, not 0x%" G_GINT64_MODIFIER "x", value);
	}
}

void
stream_begin_vfio(Stream *self)
{
	next_tag(self, NULL);
}
