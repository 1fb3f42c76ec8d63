/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * stream: real migrations of QEMU 7.2, 10.0 and 11.1, read to the last byte and compared with
 * QEMU's own numbers; in pieces of any size, cut anywhere and changed anywhere.
 */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <string.h>

#include "engine/stream/stream.h"
#include "tests/rig/golden.h"
#include "tests/rig/stream-data.h"
#include "tests/rig/test-util.h"

#define SEED 20240607

/* What all channels of a recording have together. */
typedef struct {
	guint64 total_bytes, vmdesc_bytes;
	guint64 pages, zero_pages;
	guint64 switchover_page_bytes;
	guint64 vfio_transferred, vfio_config_bytes, vfio_stop_copy_bytes, vfio_precopy_bytes;
	guint n_devices;
	guint n_multifd;
} Sums;

typedef void (*ForRecording)(const StreamRecording *recording);

static void
for_all(ForRecording check)
{
	g_auto(GStrv) names = stream_data_names();
	CU_ASSERT_TRUE_FATAL(g_strv_length(names) >= 26);
	for (guint i = 0; names[i] != NULL; i++) {
		g_autoptr(StreamRecording) recording = stream_data_read(names[i]);
		guint failures = CU_get_number_of_failures();
		check(recording);
		if (CU_get_number_of_failures() > failures)
			printf("\n    that was %s", names[i]);
	}
}

static guint64
sum_of(const StreamCounts *counts)
{
	guint64 sum = counts->framing_bytes + counts->device_bytes + counts->vmdesc_bytes +
		      counts->unparsed_bytes;
	for (guint i = 0; i < STREAM_N_PHASES; i++)
		sum += counts->ram[i].page_bytes + counts->ram[i].zero_bytes +
		       counts->ram[i].framing_bytes;
	for (guint i = 0; i < counts->n_devices; i++)
		sum += counts->vfio[i].precopy_bytes + counts->vfio[i].stop_copy_bytes +
		       counts->vfio[i].config_bytes + counts->vfio[i].framing_bytes;
	return sum;
}

static void
add(Sums *sums, const StreamCounts *counts)
{
	sums->total_bytes += counts->kind == STREAM_RETURN ? 0 : counts->total_bytes;
	sums->vmdesc_bytes += counts->vmdesc_bytes;
	sums->n_multifd += counts->kind == STREAM_MULTIFD;
	for (guint i = 0; i < STREAM_N_PHASES; i++) {
		sums->pages += counts->ram[i].pages;
		sums->zero_pages += counts->ram[i].zero_pages;
	}
	sums->switchover_page_bytes += counts->ram[STREAM_SWITCHOVER].page_bytes;
	for (guint i = 0; i < counts->n_devices; i++) {
		sums->vfio_transferred += stream_vfio_transferred(&counts->vfio[i]);
		sums->vfio_config_bytes += counts->vfio[i].config_bytes;
		sums->vfio_precopy_bytes += counts->vfio[i].precopy_bytes;
		sums->vfio_stop_copy_bytes += counts->vfio[i].stop_copy_bytes;
	}
	sums->n_devices = MAX(sums->n_devices, (guint)counts->n_devices);
}

static void
sum_up(const StreamRecording *recording, Sums *ret_sums)
{
	StreamCounts main = { 0 };
	*ret_sums = (Sums){ 0 };
	for (guint i = 0; i < recording->channels->len; i++) {
		StreamCounts counts;
		stream_channel_count(g_ptr_array_index(recording->channels, i), 65536, &counts,
				     NULL);
		if (counts.kind == STREAM_MAIN)
			main = counts;
		stream_counts_split(&counts, &main);
		add(ret_sums, &counts);
	}
}

/* ---- real streams ---- */

static void
check_last_byte(const StreamRecording *recording)
{
	for (guint i = 0; i < recording->channels->len; i++) {
		const StreamChannel *channel = g_ptr_array_index(recording->channels, i);
		StreamCounts counts;
		g_autofree char *error = NULL;
		stream_channel_count(channel, 65536, &counts, &error);
		CU_ASSERT_EQUAL(counts.state, STREAM_COMPLETE);
		TEST_STRING(error, NULL);
		CU_ASSERT_EQUAL(counts.unparsed_bytes, 0);
		CU_ASSERT_EQUAL(counts.total_bytes, g_bytes_get_size(channel->data));
		CU_ASSERT_EQUAL(sum_of(&counts), counts.total_bytes);
		guint64 phases = 0;
		for (guint phase = 0; phase < STREAM_N_PHASES; phase++)
			phases += counts.phase_bytes[phase];
		CU_ASSERT_EQUAL(phases, counts.kind == STREAM_MAIN ? counts.total_bytes : 0);
	}
}

static void
test_last_byte(void)
{
	for_all(check_last_byte);
}

/* What QEMU's own scripts/analyze-migration.py finds, which reads every device by the description
 * at the end: the same pages, and the same end. It reads one channel without vGPUs. */
static void
check_analyzed(JsonObject *analyzed, const char *name, JsonNode *node, gpointer data)
{
	JsonObject *expected = json_node_get_object(node);
	g_autoptr(StreamRecording) recording = stream_data_read(name);
	Sums sums;
	sum_up(recording, &sums);
	CU_ASSERT_EQUAL(sums.pages, (guint64)json_object_get_int_member(expected, "pages"));
	CU_ASSERT_EQUAL(sums.zero_pages,
			(guint64)json_object_get_int_member(expected, "zero_pages"));
	CU_ASSERT_EQUAL(recording->ram_total, json_object_get_int_member(expected, "ram_bytes"));
	CU_ASSERT_EQUAL(sums.total_bytes - sums.vmdesc_bytes,
			(guint64)json_object_get_int_member(expected, "end"));
}

static void
test_analyzed(void)
{
	g_autofree char *text = golden_read("analyzed-streams.json");
	g_autoptr(JsonNode) node = json_from_string(text, NULL);
	CU_ASSERT_EQUAL(json_object_get_size(json_node_get_object(node)), 4);
	json_object_foreach_member(json_node_get_object(node), check_analyzed, NULL);
}

static void
check_vfio(const StreamRecording *recording)
{
	Sums sums;
	sum_up(recording, &sums);
	CU_ASSERT_EQUAL(sums.vfio_transferred, (guint64)recording->vfio_transferred);
	CU_ASSERT_EQUAL(sums.n_devices, (guint)recording->vgpus);
	/* Its PCI configuration: QEMU's own table has the same length for all of them. */
	CU_ASSERT_EQUAL(sums.vfio_config_bytes, (guint64)recording->vgpus * 276);
	if (recording->vgpus > 0)
		CU_ASSERT_TRUE(sums.vfio_stop_copy_bytes > 0);
	gboolean has_precopy =
		recording->vgpus > 0 && strstr(recording->name, "no-precopy") == NULL;
	CU_ASSERT_EQUAL(sums.vfio_precopy_bytes > 0, has_precopy);
}

static void
test_vfio(void)
{
	for_all(check_vfio);
}

/* QEMU 7.2 counts a page that it compresses in another way. */
static void
check_pages(const StreamRecording *recording)
{
	Sums sums;
	sum_up(recording, &sums);
	if (strstr(recording->name, "compress") != NULL ||
	    strstr(recording->name, "xbzrle") != NULL)
		return;
	CU_ASSERT_EQUAL(sums.pages, (guint64)recording->pages);
	CU_ASSERT_EQUAL(sums.zero_pages, (guint64)recording->zero_pages);
}

static void
test_pages(void)
{
	for_all(check_pages);
}

/* But for 7.2 ram.transferred is all that was sent; a vGPU's configuration in a multifd packet is
 * counted twice. */
static void
check_transferred(const StreamRecording *recording)
{
	Sums sums;
	sum_up(recording, &sums);
	guint64 twice = 0;
	if (sums.n_multifd > 0)
		twice = sums.vfio_config_bytes + (guint64)recording->vgpus * 16;
	gboolean counts_all = !g_str_has_prefix(recording->qemu, "7.2");
	CU_ASSERT_EQUAL(sums.total_bytes + twice == (guint64)recording->ram_transferred,
			counts_all);
	CU_ASSERT_TRUE(sums.total_bytes + twice >= (guint64)recording->ram_transferred);
}

static void
test_transferred(void)
{
	for_all(check_transferred);
}

/* The guest rewrites 24 pages all the time: they are what is sent last, by whichever channel. */
static void
check_switchover(const StreamRecording *recording)
{
	Sums sums;
	sum_up(recording, &sums);
	gboolean is_plain = strstr(recording->name, "compress") == NULL &&
			    strstr(recording->name, "xbzrle") == NULL &&
			    strstr(recording->name, "zlib") == NULL &&
			    strstr(recording->name, "shared") == NULL &&
			    strstr(recording->name, "paused") == NULL;
	if (is_plain)
		CU_ASSERT_TRUE(sums.switchover_page_bytes >= 24 * 4096 &&
			       sums.switchover_page_bytes <= 26 * 4096);
}

static void
test_switchover(void)
{
	for_all(check_switchover);
}

/* ---- properties ---- */

static void
check_pieces(const StreamRecording *recording)
{
	const gsize sizes[] = { 1, 2, 3, 5, 13, 64, 1000, 4096, 4104, 70001 };
	for (guint i = 0; i < recording->channels->len; i++) {
		const StreamChannel *channel = g_ptr_array_index(recording->channels, i);
		StreamCounts whole;
		stream_channel_count(channel, g_bytes_get_size(channel->data), &whole, NULL);
		for (gsize k = test_under_valgrind() ? 5 : 0; k < G_N_ELEMENTS(sizes); k++) {
			StreamCounts counts;
			stream_channel_count(channel, sizes[k], &counts, NULL);
			CU_ASSERT_EQUAL(memcmp(&counts, &whole, sizeof counts), 0);
		}
	}
}

static void
test_pieces(void)
{
	for_all(check_pieces);
}

/* Whatever came: every byte is counted once, and no limit is passed. */
static void
check_sane(const StreamCounts *counts, gsize len)
{
	CU_ASSERT_TRUE(counts->state != STREAM_GOES_ON);
	CU_ASSERT_EQUAL(counts->total_bytes, len);
	CU_ASSERT_TRUE(counts->unparsed_bytes <= counts->total_bytes);
	CU_ASSERT_EQUAL(sum_of(counts), counts->total_bytes);
	CU_ASSERT_TRUE(counts->n_devices <= STREAM_MAX_DEVICES);
}

static guint
n_tries(void)
{
	return test_under_valgrind() ? 3 : 100;
}

/* Some cuts are at random, some where much happens: at the begin and before the end. */
static void
check_cut(const StreamRecording *recording)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(SEED);
	for (guint i = 0; i < recording->channels->len; i++) {
		StreamChannel *channel = g_ptr_array_index(recording->channels, i);
		gint len = (gint)g_bytes_get_size(channel->data);
		for (guint try = 0; try < n_tries(); try++) {
			gint near = MIN(len, 600);
			gint cuts[] = { g_rand_int_range(rand, 0, len),
					g_rand_int_range(rand, 0, near),
					len - 1 - g_rand_int_range(rand, 0, near) };
			g_autoptr(GBytes) part =
				g_bytes_new_from_bytes(channel->data, 0, (gsize)cuts[try % 3]);
			StreamChannel cut = { channel->name, part };
			StreamCounts counts;
			g_autofree char *error = NULL;
			stream_channel_count(&cut, 9973, &counts, &error);
			check_sane(&counts, (gsize)cuts[try % 3]);
			CU_ASSERT_EQUAL(counts.state == STREAM_LOST, error != NULL);
		}
	}
}

static void
test_cut(void)
{
	for_all(check_cut);
}

static void
change(guint8 *data, gint len, GRand *rand)
{
	gint at = g_rand_int_range(rand, 0, g_rand_boolean(rand) ? len : MIN(len, 2000));
	data[at] = g_rand_boolean(rand) ? (guint8)g_rand_int(rand)
					: (guint8)(data[at] ^ 1 << g_rand_int_range(rand, 0, 8));
}

static void
check_changed(const StreamRecording *recording)
{
	g_autoptr(GRand) rand = g_rand_new_with_seed(SEED);
	for (guint i = 0; i < recording->channels->len; i++) {
		const StreamChannel *channel = g_ptr_array_index(recording->channels, i);
		gsize len;
		const guint8 *data = g_bytes_get_data(channel->data, &len);
		for (guint try = 0; try < n_tries(); try++) {
			guint8 *copy = g_memdup2(data, len);
			for (guint n = 0; n <= try % 3; n++)
				change(copy, (gint)len, rand);
			g_autoptr(GBytes) changed = g_bytes_new_take(copy, len);
			StreamChannel other = { channel->name, changed };
			StreamCounts counts;
			stream_channel_count(&other, 9973, &counts, NULL);
			check_sane(&counts, len);
		}
	}
}

static void
test_changed(void)
{
	for_all(check_changed);
}

CU_TestInfo suite_stream[] = {
	{ "real streams are read to the last byte", test_last_byte },
	{ "the vGPUs make up vfio.transferred exactly", test_vfio },
	{ "pages are as many as QEMU says", test_pages },
	{ "QEMU's own script finds the same", test_analyzed },
	{ "all bytes make up ram.transferred", test_transferred },
	{ "the switchover's pages are told apart in all channels", test_switchover },
	{ "pieces of any size give the same counts", test_pieces },
	{ "cut anywhere it ends, and says so", test_cut },
	{ "changed anywhere it ends within its limits", test_changed },
	CU_TEST_INFO_NULL,
};
