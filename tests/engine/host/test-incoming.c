/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QEMU that waits for a guest, and may have other users: when it is touched, and when it is
 * ended.
 */
#include <CUnit/CUnit.h>

#include "engine/gw-error.h"
#include "engine/host/incoming.h"
#include "engine/host/qemu-mark.h"
#include "engine/util/scoped-context.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"

#define OURS  "6b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d"
#define OTHER "6b0d0d3c-6f0a-4b57-9a8e-000000000009"

static Qemu *
attach(ModelQemu *model)
{
	g_autoptr(GError) error = NULL;
	Qemu *qemu = qemu_attach(model_qemu_get_path(model), "destination", NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(qemu);
	return qemu;
}

static void
one_that_waits_may_be_touched(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_autoptr(ModelQemu) model = model_qemu_start("-S", "-incoming", "defer", NULL);
	g_autoptr(Qemu) qemu = attach(model);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(incoming_check_waits(qemu, OURS, &error));
	CU_ASSERT_TRUE(qemu_mark(qemu, OURS, &error));
	CU_ASSERT_TRUE(incoming_check_waits(qemu, OURS, &error));
	CU_ASSERT_TRUE(incoming_check_not_started(qemu, &error));
	TEST_NO_ERROR(error);
}

static void
one_with_the_mark_of_another_session_is_not_ours(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_autoptr(ModelQemu) model = model_qemu_start("-S", "-incoming", "defer", NULL);
	g_autoptr(Qemu) qemu = attach(model);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(qemu_mark(qemu, OTHER, &error));
	CU_ASSERT_FALSE(incoming_check_waits(qemu, OURS, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "is used by session " OTHER);
}

static void
one_that_waits_no_more_is_not_ours(void)
{
	static const char *const options[][2] = {
		{ "--state", "running" },
		{ "--state", "paused" },
		{ "--earlier", "failed" },
	};
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	for (gsize i = 0; i < G_N_ELEMENTS(options); i++) {
		g_autoptr(ModelQemu) model = model_qemu_start(options[i][0], options[i][1], NULL);
		g_autoptr(Qemu) qemu = attach(model);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_FALSE(incoming_check_waits(qemu, OURS, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_BUSY, "waits for no guest any more");
	}
}

/* Whose guest it is does not matter: it was not handed over. */
static void
one_whose_guest_somebody_has_started_is_not_ended(void)
{
	static const char *const states[] = { "running", "suspended" };
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	for (gsize i = 0; i < G_N_ELEMENTS(states); i++) {
		g_autoptr(ModelQemu) model = model_qemu_start("--state", states[i], NULL);
		g_autoptr(Qemu) qemu = attach(model);
		g_autoptr(GError) error = NULL;
		CU_ASSERT_FALSE(incoming_check_not_started(qemu, &error));
		TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "somebody else has started");
	}
	/* It ran, and was stopped again. */
	g_autoptr(ModelQemu) model = model_qemu_start("--state", "paused", NULL);
	g_autoptr(Qemu) qemu = attach(model);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(incoming_check_not_started(qemu, &error));
	CU_ASSERT_TRUE(qmp_cont(qemu->qmp, &error));
	CU_ASSERT_TRUE(qmp_stop(qemu->qmp, &error));
	CU_ASSERT_FALSE(incoming_check_not_started(qemu, &error));
	TEST_ERROR(error, GW_ERROR, GW_ERROR_UNKNOWN, "has run");
}

static void
one_that_does_not_answer_may_be_ended(void)
{
	g_auto(PrivateContext) context G_GNUC_UNUSED = private_context_push();
	g_autoptr(ModelQemu) model =
		model_qemu_start("--state", "paused", "--on", "query-status=ignore", NULL);
	g_autoptr(Qemu) qemu = attach(model);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(incoming_check_not_started(qemu, &error));
	TEST_NO_ERROR(error);
}

CU_TestInfo suite_incoming[] = {
	{ "one that waits may be touched", one_that_waits_may_be_touched },
	{ "one with the mark of another session is not ours",
	  one_with_the_mark_of_another_session_is_not_ours },
	{ "one that waits no more is not ours", one_that_waits_no_more_is_not_ours },
	{ "one whose guest somebody has started is not ended",
	  one_whose_guest_somebody_has_started_is_not_ended },
	{ "one that does not answer may be ended", one_that_does_not_answer_may_be_ended },
	CU_TEST_INFO_NULL,
};
