/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * GwStreamReader: the parsers of all channels of one migration, and the account that they make
 * together. The parsers share nothing, so each may run in its own thread. If several channels carry
 * one device, the account joins them by the device's name.
 */
#include "engine/gw-stream.h"

#include <string.h>

#include "engine/data/stream-account.h"
#include "engine/stream/stream.h"

typedef struct {
	char *name;
	Stream *stream;
} Channel;

struct GwStreamReader {
	/* Never moved: a thread may push into one while the next is added. */
	Channel channels[GW_STREAM_MAX_CHANNELS];
	guint n_channels;
};

GwStreamReader *
gw_stream_reader_new(void)
{
	return g_new0(GwStreamReader, 1);
}

void
gw_stream_reader_free(GwStreamReader *self)
{
	if (self == NULL)
		return;
	for (guint i = 0; i < self->n_channels; i++) {
		g_free(self->channels[i].name);
		stream_free(self->channels[i].stream);
	}
	g_free(self);
}

int
gw_stream_reader_add(GwStreamReader *self, const char *name, gboolean is_return)
{
	g_return_val_if_fail(self != NULL && name != NULL, -1);
	if (self->n_channels == GW_STREAM_MAX_CHANNELS)
		return -1;
	self->channels[self->n_channels] = (Channel){ g_strdup(name), stream_new(is_return) };
	return (int)self->n_channels++;
}

static gboolean
has_channel(const GwStreamReader *self, int channel)
{
	return self != NULL && channel >= 0 && channel < GW_STREAM_MAX_CHANNELS &&
	       self->channels[channel].stream != NULL;
}

void
gw_stream_reader_push(GwStreamReader *self, int channel, gconstpointer data, gsize len)
{
	g_return_if_fail(has_channel(self, channel));
	stream_push(self->channels[channel].stream, data, len);
}

void
gw_stream_reader_end(GwStreamReader *self, int channel)
{
	g_return_if_fail(has_channel(self, channel));
	stream_end(self->channels[channel].stream);
}

/* ---- the account ---- */

static const char *
kind_to_string(guint64 kind)
{
	switch (kind) {
	case STREAM_MAIN:
		return "main";
	case STREAM_MULTIFD:
		return "multifd";
	case STREAM_RETURN:
		return "return";
	default:
		return "unknown";
	}
}

static void
add_ram(GwStreamRam *to, const StreamRam *ram)
{
	to->page_bytes += (gint64)ram->page_bytes;
	to->zero_bytes += (gint64)ram->zero_bytes;
	to->framing_bytes += (gint64)ram->framing_bytes;
	to->pages += (gint64)ram->pages;
	to->zero_pages += (gint64)ram->zero_pages;
}

static GwStreamDevice *
find_device(GwStreamBytes *bytes, const char *id)
{
	for (guint i = 0; i < bytes->devices->len; i++) {
		GwStreamDevice *device = g_ptr_array_index(bytes->devices, i);
		if (strcmp(device->id, id) == 0)
			return device;
	}
	return stream_bytes_add_device(bytes, id);
}

static void
add_device(GwStreamDevice *to, const StreamVfio *vfio)
{
	to->precopy_bytes += (gint64)vfio->precopy_bytes;
	to->stop_copy_bytes += (gint64)vfio->stop_copy_bytes;
	to->config_bytes += (gint64)vfio->config_bytes;
	to->framing_bytes += (gint64)vfio->framing_bytes;
	to->transferred_bytes += (gint64)stream_vfio_transferred(vfio);
}

static void
add_counts(GwStreamBytes *to, Stream *stream, const StreamCounts *counts)
{
	to->total_bytes += (gint64)counts->total_bytes;
	for (guint i = 0; i < GW_STREAM_N_PHASES; i++)
		add_ram(&to->ram[i], &counts->ram[i]);
	for (guint i = 0; i < counts->n_devices; i++)
		add_device(find_device(to, stream_get_device(stream, i)), &counts->vfio[i]);
	to->other_devices_bytes += (gint64)counts->device_bytes;
	to->description_bytes += (gint64)counts->vmdesc_bytes;
	to->framing_bytes += (gint64)counts->framing_bytes;
	to->unparsed_bytes += (gint64)counts->unparsed_bytes;
}

static void
add_channel(GwStreamAccount *account, const Channel *channel, const StreamCounts *counts)
{
	GwStreamChannel *to = g_new0(GwStreamChannel, 1);
	to->name = g_strdup(channel->name);
	to->kind = kind_to_string(counts->kind);
	to->is_complete = counts->state == STREAM_COMPLETE;
	to->error =
		counts->state == STREAM_LOST ? g_strdup(stream_get_error(channel->stream)) : NULL;
	stream_bytes_init(&to->bytes);
	add_counts(&to->bytes, channel->stream, counts);
	g_ptr_array_add(account->channels, to);
	if (counts->has_machine && account->machine == NULL)
		account->machine = g_strdup(stream_get_machine(channel->stream));
	if (counts->kind != STREAM_RETURN)
		add_counts(&account->bytes, channel->stream, counts);
}

/* The main channel is read last, so that its switchover is valid for the counts of all other
 * channels. */
static void
read_counts(GwStreamReader *self, StreamCounts *counts, StreamCounts *ret_main)
{
	memset(ret_main, 0, sizeof *ret_main);
	for (guint i = self->n_channels; i > 0; i--) {
		stream_read(self->channels[i - 1].stream, &counts[i - 1]);
		if (counts[i - 1].kind == STREAM_MAIN)
			*ret_main = counts[i - 1];
	}
}

GwStreamAccount *
gw_stream_reader_get_account(GwStreamReader *self)
{
	g_return_val_if_fail(self != NULL, NULL);
	GwStreamAccount *account = stream_account_new();
	g_autofree StreamCounts *counts = g_new(StreamCounts, self->n_channels);
	StreamCounts main;
	read_counts(self, counts, &main);
	for (guint i = 0; i < self->n_channels; i++) {
		stream_counts_split(&counts[i], &main);
		add_channel(account, &self->channels[i], &counts[i]);
	}
	for (guint i = 0; i < account->bytes.devices->len; i++) {
		const GwStreamDevice *device = g_ptr_array_index(account->bytes.devices, i);
		account->vfio_transferred_bytes += device->transferred_bytes;
	}
	return account;
}
