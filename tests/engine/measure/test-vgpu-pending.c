/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * pending: who is asked how much is left of the vGPUs, and that QEMU is afterwards as it was. The
 * QEMU is a model in a process of its own, whose trace point writes what a test says.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/measure/vgpu-pending.h"
#include "engine/measure/trace-log.h"
#include "qmp/qmp-trace.h"
#include "qmp/trace-line.h"
#include "tests/rig/model-qemu.h"
#include "tests/rig/test-util.h"

#define EXACT(device, stop)                                                               \
	"vfio_state_pending_exact  (" device ") precopy 0 postcopy 0 stopcopy size " stop \
	" precopy initial size 0 precopy dirty size 5"
#define MIB (G_GINT64_CONSTANT(1) << 20)

typedef struct {
	ModelQemu *model;
	Qemu *qemu;
	GPtrArray *vgpus;
	Account *account;
	char *state_dir;
	Journal *journal;
	VgpuPending *pending;
} Rig;

static gint64
now_us(gpointer data)
{
	return g_get_monotonic_time();
}

static GPtrArray *
make_vgpus(guint n)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	for (guint i = 0; i < n; i++) {
		GwVgpu *vgpu = g_new0(GwVgpu, 1);
		vgpu->name = g_strdup_printf("gpu%u", i);
		vgpu->id = g_strdup_printf("uuid-%u", i);
		vgpu->vram_bytes = 16 * MIB;
		vgpu->migration_flags = -1;
		g_ptr_array_add(vgpus, vgpu);
	}
	return vgpus;
}

/* Without a pidfd nobody knows which process QEMU is, nor where its stderr goes. */
static gboolean
can_look(void)
{
	if (test_under_valgrind())
		test_skip("valgrind knows no pidfds");
	return !test_under_valgrind();
}

static void
rig_start(Rig *rig, const char *const *options, guint n_vgpus)
{
	*rig = (Rig){ .model = model_qemu_startv(options) };
	g_autoptr(GError) error = NULL;
	rig->qemu = qemu_attach(model_qemu_get_path(rig->model), "source", NULL, &error);
	TEST_NO_ERROR(error);
	CU_ASSERT_PTR_NOT_NULL_FATAL(rig->qemu);
	rig->vgpus = make_vgpus(n_vgpus);
	rig->account = account_new(rig->vgpus);
	rig->state_dir = test_folder_new();
	rig->journal = journal_create(rig->state_dir, "session", SIDE_SOURCE, NULL, &error);
	TEST_NO_ERROR(error);
	const VgpuPendingContext context = { rig->qemu,	   rig->vgpus, "run",
					     rig->account, now_us,     NULL };
	rig->pending = vgpu_pending_new(&context, rig->journal, FALSE);
}

static void
rig_clear(Rig *rig)
{
	vgpu_pending_free(rig->pending);
	journal_free(rig->journal);
	qemu_free(rig->qemu);
	account_free(rig->account);
	g_ptr_array_unref(rig->vgpus);
	model_qemu_free(rig->model);
	test_folder_free(rig->state_dir);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Rig, rig_clear);

static GwNumber
left_of(Rig *rig, guint vgpu)
{
	g_autoptr(GwSample) sample = gw_sample_new();
	account_fill_sample(rig->account, sample, g_get_monotonic_time());
	return ((GwVgpuSample *)g_ptr_array_index(sample->vgpus, vgpu))->remaining_bytes;
}

/* As a run does: ten times a second. */
static void
poll_until_known(Rig *rig, guint vgpu)
{
	for (guint i = 0; i < 100 && left_of(rig, vgpu).source != GW_SOURCE_TRACE; i++) {
		vgpu_pending_poll(rig->pending);
		test_turn(20);
	}
}

static QmpTraceState
trace_state(Rig *rig)
{
	QmpTraceState state = QMP_TRACE_ABSENT;
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(qmp_trace_query(rig->qemu->qmp, TRACE_LINE_EVENTS, &state, &error));
	TEST_NO_ERROR(error);
	return state;
}

/* Where the model writes its log: a FIFO of ours, or not. */
static gboolean
has_fifo(Rig *rig)
{
	g_autofree char *folder = g_path_get_dirname(model_qemu_get_path(rig->model));
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	const char *name;
	while (dir != NULL && (name = g_dir_read_name(dir)) != NULL)
		if (g_str_has_prefix(name, ".godwit-"))
			return TRUE;
	return FALSE;
}

static void
expect_refusal(Rig *rig, const char *why)
{
	g_autofree char *expected =
		g_strconcat("cannot ask 'trace' how much of the vGPUs remains: ", why, NULL);
	vgpu_pending_poll(rig->pending);
	vgpu_pending_poll(rig->pending);
	g_autofree char *text = vgpu_pending_next_refusal(rig->pending);
	TEST_STRING(text, expected);
	g_autofree char *again = vgpu_pending_next_refusal(rig->pending);
	TEST_STRING(again, NULL);
	CU_ASSERT_EQUAL(left_of(rig, 0).confidence, GW_CONFIDENCE_BOUND);
}

/* ---- the trace points ---- */

static void
check_readings(const char *const *options, const char *kind)
{
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 2);
	poll_until_known(&rig, 1);
	GwNumber left = left_of(&rig, 0);
	CU_ASSERT_EQUAL(left.value, 1000);
	CU_ASSERT_EQUAL(left.source, GW_SOURCE_TRACE);
	CU_ASSERT_EQUAL(left_of(&rig, 1).value, 2000);
	/* Each was seen: they are off again, long before the moment is over. */
	test_turn(60);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
	TEST_STRING(journal_get_string(rig.journal, "trace_log"), kind);
	CU_ASSERT_EQUAL(has_fifo(&rig), g_str_equal(kind, "fifo"));

	/* Nothing is done twice a second. */
	vgpu_pending_poll(rig.pending);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vgpu_pending_end(rig.pending, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
	CU_ASSERT_FALSE(has_fifo(&rig));
	/* Who has ended does not begin again. */
	g_usleep(1100 * 1000);
	vgpu_pending_poll(rig.pending);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
}

static void
test_read_in_place(void)
{
	const char *const options[] = { "--trace", EXACT("uuid-0", "1000"),
					"--trace", "something else",
					"--trace", EXACT("uuid-1", "2000"),
					NULL };
	check_readings(options, "file");
}

static void
test_read_by_fifo(void)
{
	const char *const options[] = { "--stderr-pipe",	 "--trace",
					EXACT("uuid-0", "1000"), "--trace",
					EXACT("uuid-1", "2000"), NULL };
	check_readings(options, "fifo");
}

/* One that never passes leaves them on for a moment only. */
static void
test_silent_vgpu(void)
{
	const char *const options[] = { "--trace", EXACT("uuid-0", "1000"), NULL };
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 2);
	poll_until_known(&rig, 0);
	CU_ASSERT_EQUAL(left_of(&rig, 0).value, 1000);
	CU_ASSERT_EQUAL(left_of(&rig, 1).source, GW_SOURCE_FRAMEBUFFER);
	test_turn(400);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
}

/* In the middle of a moment: everything is put back. */
static void
test_end_while_on(void)
{
	const char *const options[] = { "--stderr-pipe", "--trace", "nothing of use", NULL };
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 1);
	vgpu_pending_poll(rig.pending);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_ON);
	CU_ASSERT_TRUE(has_fifo(&rig));
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vgpu_pending_end(rig.pending, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
	CU_ASSERT_FALSE(has_fifo(&rig));
}

/* What a run has left that died in that moment. */
static void
test_put_back(void)
{
	const char *const options[] = { "--stderr-pipe", "--trace", "nothing of use", NULL };
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 1);
	vgpu_pending_poll(rig.pending);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_ON);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vgpu_pending_put_back(rig.qemu, rig.journal, &error));
	TEST_NO_ERROR(error);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
	CU_ASSERT_FALSE(has_fifo(&rig));
	g_autoptr(Journal) none = journal_create(rig.state_dir, "other", SIDE_SOURCE, NULL, NULL);
	CU_ASSERT_TRUE(vgpu_pending_put_back(rig.qemu, none, &error));
}

static void
test_qemu_dies(void)
{
	const char *const options[] = { "--stderr-pipe", "--trace", "nothing of use", NULL };
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 1);
	vgpu_pending_poll(rig.pending);
	CU_ASSERT_TRUE(has_fifo(&rig));
	kill(model_qemu_get_pid(rig.model), SIGKILL);
	for (guint i = 0; i < 200 && rig.qemu->closed == NULL; i++)
		test_turn(10);
	CU_ASSERT_PTR_NOT_NULL(rig.qemu->closed);
	g_autoptr(GError) error = NULL;
	CU_ASSERT_TRUE(vgpu_pending_end(rig.pending, &error));
	CU_ASSERT_FALSE(has_fifo(&rig));
}

/* ---- where it is not possible ---- */

static void
check_refused(const char *const *options, const char *why)
{
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 1);
	expect_refusal(&rig, why);
	CU_ASSERT_FALSE(has_fifo(&rig));
	CU_ASSERT_PTR_NULL(journal_get_string(rig.journal, "trace_log"));
}

static void
test_refusals(void)
{
	const char *const absent[] = { NULL };
	check_refused(absent, "this QEMU has no such trace points");
	const char *const own_log[] = { "--trace", "x", "-D", "/dev/null", NULL };
	check_refused(own_log, "it has a log of its own");
	const char *const dead[] = { "--stderr-dead", "--trace", "x", NULL };
	check_refused(dead, "its log could not be redirected back to standard error");
	const char *const daemon[] = { "--trace", "x", "-daemonize", "--", NULL };
	check_refused(daemon, "it has a log of its own");
}

static void
test_in_use(void)
{
	const char *const options[] = { "--trace", EXACT("uuid-0", "1000"), NULL };
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 1);
	CU_ASSERT_TRUE(qmp_trace_set(rig.qemu->qmp, TRACE_LINE_EVENTS, TRUE, NULL));
	expect_refusal(&rig, "they are switched on already");
	/* And it is left as it is. */
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_ON);
}

static void
test_not_wanted(void)
{
	const char *const options[] = { "--trace", EXACT("uuid-0", "1000"), NULL };
	if (!can_look())
		return;
	g_auto(Rig) rig;
	rig_start(&rig, options, 1);
	QmpMigrateInfo info;
	qmp_migrate_info_init(&info);
	info.remaining_bytes = 700;
	info.ram_remaining_bytes = 200;
	account_take_info(rig.account, &info, g_get_monotonic_time());
	vgpu_pending_poll(rig.pending);
	CU_ASSERT_EQUAL(trace_state(&rig), QMP_TRACE_OFF);
	CU_ASSERT_EQUAL(left_of(&rig, 0).value, 500);
	CU_ASSERT_EQUAL(left_of(&rig, 0).source, GW_SOURCE_QEMU);
}

static void
a_slow_driver_is_asked_seldom(void)
{
	static const gint64 rows[][2] = { /* took, pause */
					  { 0, 100000 },
					  { 20, 100000 },
					  { 50000, 200000 },
					  { 250000, 1000000 },
					  { 9000000, 1000000 }
	};
	for (gsize i = 0; i < G_N_ELEMENTS(rows); i++)
		CU_ASSERT_EQUAL(vgpu_pending_device_pause_us(rows[i][0]), rows[i][1]);
}

CU_TestInfo suite_vgpu_pending[] = {
	{ "a slow driver is asked seldom", a_slow_driver_is_asked_seldom },
	{ "trace points are read in a file", test_read_in_place },
	{ "trace points are read by a FIFO", test_read_by_fifo },
	{ "a vGPU that does not pass", test_silent_vgpu },
	{ "the end while they are on", test_end_while_on },
	{ "what a run that died has left", test_put_back },
	{ "QEMU dies", test_qemu_dies },
	{ "where it is not possible nothing is touched", test_refusals },
	{ "trace points that somebody uses are left alone", test_in_use },
	{ "nobody is asked what QEMU says itself", test_not_wanted },
	CU_TEST_INFO_NULL,
};
