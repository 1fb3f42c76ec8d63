/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * await: what ends a wait, and which end wins.
 */
#include "qmp/await.h"
#include "tests/rig/test-util.h"

static gboolean
is_set(gpointer data)
{
	const gboolean *flag = data;

	return *flag;
}

static gboolean
set(gpointer data)
{
	gboolean *flag = data;

	*flag = TRUE;
	return G_SOURCE_REMOVE;
}

static gboolean
cancel(gpointer data)
{
	g_cancellable_cancel(data);
	return G_SOURCE_REMOVE;
}

static void
test_ready(void)
{
	gboolean flag = FALSE;
	g_autoptr(GError) error = NULL;

	g_timeout_add(20, set, &flag);
	CU_ASSERT_TRUE(await_until(is_set, &flag, 10000, NULL, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_TRUE(await_until(is_set, &flag, 0, NULL, &error));
}

static void
test_timeout(void)
{
	gboolean flag = FALSE;
	gint64 begin_us = g_get_monotonic_time();
	g_autoptr(GError) error = NULL;

	CU_ASSERT_FALSE(await_until(is_set, &flag, 50, NULL, &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "timed out");
	CU_ASSERT_TRUE(g_get_monotonic_time() - begin_us >= 50 * 1000);
}

static void
test_cancelled(void)
{
	gboolean flag = FALSE;
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;

	g_timeout_add(20, cancel, cancellable);
	CU_ASSERT_FALSE(await_until(is_set, &flag, -1, cancellable, &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
}

static void
test_ready_wins(void)
{
	gboolean flag = TRUE;
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;

	g_cancellable_cancel(cancellable);
	CU_ASSERT_TRUE(await_until(is_set, &flag, 0, cancellable, &error));
	TEST_NO_ERROR(error);
}

static gpointer
cancel_later(gpointer cancellable)
{
	g_usleep(20 * 1000);
	g_cancellable_cancel(cancellable);
	return NULL;
}

static void
test_own_context(void)
{
	g_autoptr(GMainContext) context = g_main_context_new();
	g_autoptr(GCancellable) cancellable = g_cancellable_new();
	g_autoptr(GError) error = NULL;
	gboolean flag = FALSE;
	GThread *thread = g_thread_new("cancel", cancel_later, cancellable);

	g_main_context_push_thread_default(context);
	CU_ASSERT_FALSE(await_until(is_set, &flag, 10000, cancellable, &error));
	TEST_ERROR(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "");
	CU_ASSERT_FALSE(g_main_context_pending(context));
	g_main_context_pop_thread_default(context);
	g_thread_join(thread);
}

CU_TestInfo suite_await[] = {
	{ "what is waited for comes", test_ready },
	{ "it does not come in time", test_timeout },
	{ "cancelled", test_cancelled },
	{ "what is there wins over a cancel", test_ready_wins },
	{ "cancelled by another thread, in a context of its own", test_own_context },
	CU_TEST_INFO_NULL,
};
