/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * qmp-requests: the order in which commands may go, without a socket.
 */
#include "qmp/qmp-requests.h"
#include "tests/rig/test-util.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(QmpRequests, qmp_requests_free);

static QmpRequest *
push(QmpRequests *requests, guint64 id, gboolean oob, gboolean has_fd)
{
	QmpRequest *request = qmp_request_new(id, "x", g_strdup("12345"));

	request->oob = oob;
	request->has_fd = has_fd;
	qmp_requests_push(requests, request);
	return request;
}

/* The id of what may be written next, which is written; 0 if nothing may. */
static guint64
write_next(QmpRequests *requests)
{
	QmpRequest *request = qmp_requests_next(requests);

	if (request == NULL)
		return 0;
	guint64 id = request->id;
	qmp_requests_wrote(requests, request->len - request->sent);
	return id;
}

static gboolean
answer(QmpRequests *requests, guint64 id)
{
	QmpRequest *request = qmp_requests_take(requests, id);
	gboolean found = request != NULL;

	qmp_request_free(request);
	return found;
}

static void
test_order(void)
{
	g_autoptr(QmpRequests) requests = qmp_requests_new();

	push(requests, 1, FALSE, FALSE);
	push(requests, 2, FALSE, FALSE);
	push(requests, 3, TRUE, FALSE);
	CU_ASSERT_EQUAL(write_next(requests), 3);
	CU_ASSERT_EQUAL(write_next(requests), 1);
	CU_ASSERT_EQUAL(write_next(requests), 2);
	CU_ASSERT_EQUAL(write_next(requests), 0);
}

static void
test_begun_is_finished(void)
{
	g_autoptr(QmpRequests) requests = qmp_requests_new();

	push(requests, 1, FALSE, FALSE);
	CU_ASSERT_EQUAL(qmp_requests_next(requests)->id, 1);
	qmp_requests_wrote(requests, 2);
	push(requests, 2, TRUE, FALSE);
	CU_ASSERT_EQUAL(qmp_requests_next(requests)->id, 1);
	CU_ASSERT_EQUAL(qmp_requests_next(requests)->sent, 2);
	CU_ASSERT_FALSE(answer(requests, 1));
	CU_ASSERT_EQUAL(write_next(requests), 1);
	CU_ASSERT_EQUAL(write_next(requests), 2);
}

static void
test_eight_in_flight(void)
{
	g_autoptr(QmpRequests) requests = qmp_requests_new();

	for (guint64 id = 1; id <= 9; id++)
		push(requests, id, FALSE, FALSE);
	for (guint64 id = 1; id <= 8; id++)
		CU_ASSERT_EQUAL(write_next(requests), id);
	CU_ASSERT_EQUAL(write_next(requests), 0);
	push(requests, 10, TRUE, FALSE);
	CU_ASSERT_EQUAL(write_next(requests), 10);
	CU_ASSERT_TRUE(answer(requests, 5));
	CU_ASSERT_EQUAL(write_next(requests), 9);
}

static void
test_one_descriptor_at_a_time(void)
{
	g_autoptr(QmpRequests) requests = qmp_requests_new();

	push(requests, 1, FALSE, TRUE);
	push(requests, 2, FALSE, FALSE);
	push(requests, 3, FALSE, TRUE);
	push(requests, 4, FALSE, FALSE);
	CU_ASSERT_EQUAL(write_next(requests), 1);
	CU_ASSERT_EQUAL(write_next(requests), 2);
	CU_ASSERT_EQUAL(write_next(requests), 0);
	CU_ASSERT_TRUE(answer(requests, 2));
	CU_ASSERT_EQUAL(write_next(requests), 0);
	CU_ASSERT_TRUE(answer(requests, 1));
	CU_ASSERT_EQUAL(write_next(requests), 3);
	CU_ASSERT_EQUAL(write_next(requests), 4);
}

static void
test_abandoned(void)
{
	g_autoptr(QmpRequests) requests = qmp_requests_new();
	QmpRequest *begun = push(requests, 1, FALSE, FALSE);

	CU_ASSERT_PTR_EQUAL(qmp_requests_next(requests), begun);
	qmp_requests_wrote(requests, 1);
	qmp_requests_abandon(requests, begun);
	qmp_requests_abandon(requests, push(requests, 2, FALSE, FALSE));
	qmp_requests_abandon(requests, push(requests, 3, TRUE, FALSE));
	CU_ASSERT_EQUAL(write_next(requests), 1);
	CU_ASSERT_EQUAL(write_next(requests), 0);
	CU_ASSERT_TRUE(answer(requests, 1));
	CU_ASSERT_FALSE(answer(requests, 1));
	QmpRequest *chosen = push(requests, 4, FALSE, FALSE);
	CU_ASSERT_PTR_EQUAL(qmp_requests_next(requests), chosen);
	qmp_requests_abandon(requests, chosen);
	CU_ASSERT_PTR_NULL(qmp_requests_next(requests));
}

static void
test_oldest(void)
{
	g_autoptr(QmpRequests) requests = qmp_requests_new();

	CU_ASSERT_PTR_NULL(qmp_requests_take_oldest(requests));
	push(requests, 1, TRUE, FALSE);
	push(requests, 2, FALSE, FALSE);
	push(requests, 3, FALSE, FALSE);
	while (write_next(requests) != 0)
		continue;
	QmpRequest *oldest = qmp_requests_take_oldest(requests);
	CU_ASSERT_PTR_NOT_NULL_FATAL(oldest);
	CU_ASSERT_EQUAL(oldest->id, 2);
	qmp_request_free(oldest);
}

CU_TestInfo suite_qmp_requests[] = {
	{ "out of band goes first", test_order },
	{ "what is begun is finished first", test_begun_is_finished },
	{ "at most eight in flight, out of band passes", test_eight_in_flight },
	{ "one descriptor at a time, order is kept", test_one_descriptor_at_a_time },
	{ "what nobody waits for", test_abandoned },
	{ "the oldest is the oldest in band", test_oldest },
	CU_TEST_INFO_NULL,
};
