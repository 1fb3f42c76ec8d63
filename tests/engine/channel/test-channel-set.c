/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which connections belong to a session: by table and by every wrong order, with real descriptors,
 * so that one which is lost or closed twice shows.
 */
#include <CUnit/CUnit.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/channel/channel-set.h"
#include "tests/rig/test-util.h"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ChannelSet, channel_set_clear);

static int
new_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	return fd;
}

static gboolean
is_open_fd(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
open_set(ChannelSet *set, guint n)
{
	g_autoptr(GError) error = NULL;
	*set = (ChannelSet){ 0 };
	CU_ASSERT_TRUE_FATAL(channel_set_open(set, n, &error));
}

/* One is put; what is not taken is closed here. */
static gboolean
put(ChannelSet *set, guint32 index, int *ret_fd)
{
	ControlPreamble preamble = { .index = index };
	int fd = new_fd();
	memcpy(preamble.token, set->token, CONTROL_TOKEN_BYTES);
	gboolean taken = channel_set_put(set, &preamble, fd);
	CU_ASSERT_TRUE(is_open_fd(fd));
	if (ret_fd != NULL)
		*ret_fd = fd;
	if (!taken)
		close(fd);
	return taken;
}

static void
one_stream_or_multifd_and_its_main_channel(void)
{
	CU_ASSERT_EQUAL(channel_count(1), 1);
	CU_ASSERT_EQUAL(channel_count(2), 3);
	CU_ASSERT_EQUAL(channel_count(16), 17);
}

static void
each_index_once_in_any_order(void)
{
	static const guint32 orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
	for (gsize i = 0; i < G_N_ELEMENTS(orders); i++) {
		g_auto(ChannelSet) set;
		int fds[3];
		open_set(&set, 3);
		for (guint at = 0; at < 3; at++) {
			CU_ASSERT_FALSE(channel_set_is_complete(&set));
			CU_ASSERT_TRUE(put(&set, orders[i][at], &fds[orders[i][at]]));
			CU_ASSERT_FALSE(put(&set, orders[i][at], NULL));
		}
		CU_ASSERT_TRUE(channel_set_is_complete(&set));
		GArray *taken = channel_set_take(&set);
		CU_ASSERT_EQUAL_FATAL(taken->len, 3);
		for (guint at = 0; at < 3; at++)
			CU_ASSERT_EQUAL(g_array_index(taken, int, at), fds[at]);
		g_array_unref(taken);
		for (guint at = 0; at < 3; at++)
			CU_ASSERT_FALSE(is_open_fd(fds[at]));
	}
}

static void
beyond_the_last_is_refused(void)
{
	static const guint32 beyond[] = { 2, 3, 0x7fffffff, 0x80000000, 0xffffffff };
	g_auto(ChannelSet) set;
	open_set(&set, 2);
	for (gsize i = 0; i < G_N_ELEMENTS(beyond); i++)
		CU_ASSERT_FALSE(put(&set, beyond[i], NULL));
	CU_ASSERT_EQUAL(set.n_missing, 2);
}

static void
every_other_token_is_refused(void)
{
	g_auto(ChannelSet) set;
	open_set(&set, 1);
	for (guint bit = 0; bit < CONTROL_TOKEN_BYTES * 8; bit++) {
		ControlPreamble preamble = { .index = 0 };
		memcpy(preamble.token, set.token, CONTROL_TOKEN_BYTES);
		preamble.token[bit / 8] ^= (guint8)(1u << (bit % 8));
		CU_ASSERT_FALSE(channel_set_put(&set, &preamble, -1));
	}
	CU_ASSERT_FALSE(channel_set_is_complete(&set));
}

/* A run that has made no token yet has one of zeros in its memory. */
static void
before_it_opens_and_after_it_was_taken_none_come_in(void)
{
	g_auto(ChannelSet) set = { 0 };
	CU_ASSERT_FALSE(put(&set, 0, NULL));
	CU_ASSERT_FALSE(channel_set_is_complete(&set));
	CU_ASSERT_PTR_NULL(channel_set_take(&set));
	open_set(&set, 2);
	CU_ASSERT_TRUE(put(&set, 1, NULL));
	g_autoptr(GArray) taken = channel_set_take(&set);
	CU_ASSERT_EQUAL(g_array_index(taken, int, 0), -1);
	CU_ASSERT_FALSE(put(&set, 0, NULL));
	CU_ASSERT_FALSE(channel_set_is_complete(&set));
}

static void
tokens_differ(void)
{
	g_auto(ChannelSet) one, other;
	open_set(&one, 1);
	open_set(&other, 1);
	CU_ASSERT_NOT_EQUAL(memcmp(one.token, other.token, CONTROL_TOKEN_BYTES), 0);
}

static void
what_was_not_taken_is_closed(void)
{
	ChannelSet set;
	int fd = -1;
	open_set(&set, 2);
	CU_ASSERT_TRUE(put(&set, 0, &fd));
	channel_set_clear(&set);
	CU_ASSERT_FALSE(is_open_fd(fd));
}

CU_TestInfo suite_channel_set[] = {
	{ "one stream, or multifd and its main channel",
	  one_stream_or_multifd_and_its_main_channel },
	{ "each index once, in any order", each_index_once_in_any_order },
	{ "beyond the last is refused", beyond_the_last_is_refused },
	{ "every other token is refused", every_other_token_is_refused },
	{ "before it opens and after it was taken none come in",
	  before_it_opens_and_after_it_was_taken_none_come_in },
	{ "tokens differ", tokens_differ },
	{ "what was not taken is closed", what_was_not_taken_is_closed },
	CU_TEST_INFO_NULL,
};
