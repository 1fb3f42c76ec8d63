/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What QEMU's events and its standard error tell of vGPUs: sequences of events as they were seen in
 * the lab, and lines as QEMU 10.0 and 11.1 write them.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/host/qemu-stderr.h"
#include "engine/host/vgpu-watch.h"
#include "tests/rig/test-util.h"

#define UUID "6b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d"

static GPtrArray *
make_list(gint64 flags)
{
	GPtrArray *vgpus = g_ptr_array_new_with_free_func((GDestroyNotify)gw_vgpu_free);
	static const char *const names[] = { "gpu0", "gpu1" };
	static const char *const ids[] = { UUID, "7b0d0d3c-6f0a-4b57-9a8e-0d7e5a1c2b3d" };
	static const char *const paths[] = { "0000:00:08.0", "0000:00:02.0:00.0" };
	for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
		GwVgpu *vgpu = g_new0(GwVgpu, 1);
		vgpu->name = g_strdup(names[i]);
		vgpu->id = g_strdup(ids[i]);
		vgpu->guest_path = g_strdup(paths[i]);
		vgpu->migration_flags = flags;
		g_ptr_array_add(vgpus, vgpu);
	}
	return vgpus;
}

static void
feed(VgpuWatch *watch, const char *device, const char *state)
{
	JsonObject *data = json_object_new();
	json_object_set_string_member(data, "device-id", device);
	json_object_set_string_member(data, "device-state", state);
	vgpu_watch_event(watch, data);
	json_object_unref(data);
}

/* @events: "gpu0:running-p2p gpu0:running" */
static void
check(const char *events, gint64 flags, const char *blank)
{
	VgpuWatch watch;
	vgpu_watch_init(&watch);
	g_auto(GStrv) all = g_strsplit(events, " ", -1);
	for (char **event = all; *event != NULL; event++) {
		char *state = strchr(*event, ':');
		if (state == NULL)
			continue;
		*state = '\0';
		feed(&watch, *event, state + 1);
	}
	g_autoptr(GPtrArray) vgpus = make_list(flags);
	const GwVgpu *found = vgpu_watch_find_blank(&watch, vgpus);
	TEST_STRING(found != NULL ? found->name : NULL, blank);
	vgpu_watch_clear(&watch);
}

static void
a_reset_is_seen_in_the_events(void)
{
	enum { WHOLE = GW_VGPU_STOP_COPY | GW_VGPU_P2P };
	check("gpu0:running-p2p gpu1:running-p2p gpu0:running gpu1:running", WHOLE, NULL);
	check("gpu0:running gpu1:running-p2p gpu1:running", WHOLE, "gpu0");
	check("gpu0:running-p2p gpu1:running gpu0:running", WHOLE, "gpu1");
	/* It is not ours, or goes its way without a step between. */
	check("other:running", WHOLE, NULL);
	check("gpu0:running", GW_VGPU_STOP_COPY, NULL);
	check("gpu0:running", -1, NULL);
	/* A QEMU that sends no such events tells nothing. */
	check("", WHOLE, NULL);
}

static void
what_was_before_the_watch_does_not_count(void)
{
	VgpuWatch watch;
	vgpu_watch_init(&watch);
	g_autoptr(GPtrArray) vgpus = make_list(7);
	feed(&watch, "gpu0", "running");
	vgpu_watch_begin(&watch);
	CU_ASSERT_PTR_NULL(vgpu_watch_find_blank(&watch, vgpus));
	feed(&watch, "gpu0", "running-p2p");
	feed(&watch, "gpu0", "running");
	CU_ASSERT_PTR_NULL(vgpu_watch_find_blank(&watch, vgpus));
	vgpu_watch_clear(&watch);
}

static void
events_that_make_no_sense_are_passed_over(void)
{
	static const char *const texts[] = { "{}", "{\"device-id\":7,\"device-state\":\"running\"}",
					     "{\"device-id\":\"gpu0\",\"device-state\":[]}" };
	VgpuWatch watch;
	vgpu_watch_init(&watch);
	vgpu_watch_event(&watch, NULL);
	for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(JsonNode) node = json_from_string(texts[i], NULL);
		vgpu_watch_event(&watch, json_node_get_object(node));
	}
	for (guint i = 0; i < 1000; i++) {
		g_autofree char *name = g_strdup_printf("%u", i);
		feed(&watch, name, "running");
	}
	CU_ASSERT_EQUAL(g_hash_table_size(watch.last), 64);
	CU_ASSERT_EQUAL(g_hash_table_size(watch.jumped), 64);
	vgpu_watch_clear(&watch);
}

static void
words_name_the_vgpu(void)
{
	static const struct {
		const char *words;
		const char *names;
	} rows[] = {
		{ "failed to save SaveStateEntry with id(name): 37(0000:00:08.0/vfio): -5",
		  "vGPU 'gpu0'" },
		{ "error while loading state section id 38(0000:00:02.0:00.0/vfio)",
		  "vGPU 'gpu1'" },
		{ UUID ": Failed setting device state to PRE_COPY", "vGPU 'gpu0'" },
		{ UUID ": x\n0000:00:02.0:00.0/vfio", "vGPU 'gpu0', vGPU 'gpu1'" },
		{ "0000:00:08.0/virtio-rng", NULL },
		{ "Channel error: Input/output error", NULL },
		{ NULL, NULL },
	};
	g_autoptr(GPtrArray) vgpus = make_list(7);
	for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *names = vgpu_named_in(vgpus, rows[i].words);
		TEST_STRING(names, rows[i].names);
	}
	g_autofree char *put =
		vgpu_put_names(vgpus, "Load state of device 0000:00:08.0/vfio failed");
	TEST_STRING(put, "vGPU 'gpu0': Load state of device 0000:00:08.0/vfio failed");
	g_autofree char *none = vgpu_put_names(vgpus, "Load state of device ram failed");
	TEST_STRING(none, "Load state of device ram failed");
	g_autofree char *all = vgpu_all_names(vgpus);
	TEST_STRING(all, "vGPU 'gpu0', vGPU 'gpu1'");
	CU_ASSERT_PTR_NULL(vgpu_all_names(NULL));
	CU_ASSERT_PTR_NULL(vgpu_named_in(NULL, "x"));
}

/* A child with its standard error in @path; it lives until its input is closed. */
static GPid
start_child(const char *path, int *ret_input)
{
	const char *argv[] = { "/bin/sh", "-c", "exec 2>>\"$0\"; read -r line", path, NULL };
	GPid pid = 0;
	CU_ASSERT_TRUE_FATAL(g_spawn_async_with_pipes(NULL, (char **)argv, NULL, G_SPAWN_DEFAULT,
						      NULL, NULL, &pid, ret_input, NULL, NULL,
						      NULL));
	return pid;
}

/* Until then it has ours. */
static void
await_stderr(GPid pid, const char *path)
{
	g_autofree char *link = g_strdup_printf("/proc/%d/fd/2", (int)pid);
	for (guint i = 0; i < 1000; i++) {
		g_autofree char *target = g_file_read_link(link, NULL);
		if (g_strcmp0(target, path) == 0)
			return;
		g_usleep(10000);
	}
	CU_FAIL("the child does not write where it should");
}

static void
append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (gssize)strlen(text));
	close(fd);
}

static void
expect_last(const QemuStderr *words, const char *expected)
{
	g_autofree char *last = qemu_stderr_tail(words);
	TEST_STRING(last, expected);
}

static void
read_along(QemuStderr *words, const char *path)
{
	expect_last(words, NULL);
	append(path, "one\nChannel error \xff\n");
	expect_last(words, "one\nChannel error \xef\xbf\xbd");
	g_autofree char *line = qemu_stderr_find(words, QEMU_MESSAGE_CAUSE_UNNAMED);
	TEST_STRING(line, "Channel error \xef\xbf\xbd");
	CU_ASSERT_PTR_NULL(qemu_stderr_find(words, QEMU_MESSAGE_VIOMMU));
	qemu_stderr_mark(words);
	expect_last(words, NULL);
	append(path, "is 7@1.000002:vfio_state_pending  (a) stopcopy size 1\nso\n");
	expect_last(words, "is so");
	g_autofree char *many = g_strnfill(10000, 'x');
	append(path, many);
	g_autofree char *last = qemu_stderr_tail(words);
	CU_ASSERT_PTR_NOT_NULL_FATAL(last);
	CU_ASSERT_EQUAL(strlen(last), 2048);
	/* Emptied by whoever keeps it. */
	CU_ASSERT_EQUAL(truncate(path, 0), 0);
	append(path, "anew\n");
	expect_last(words, "anew");
}

/* Also when the file has lost its name. */
static void
words_are_read_beside_the_process(void)
{
	g_autofree char *folder = test_folder_new();
	g_autofree char *path = g_build_filename(folder, "log", NULL);
	QemuStderr words = QEMU_STDERR_INIT;
	int input;
	append(path, "not supported with vIOMMU enabled\n");
	GPid pid = start_child(path, &input);
	await_stderr(pid, path);
	qemu_stderr_open(&words, pid);
	CU_ASSERT_TRUE_FATAL(qemu_stderr_is_readable(&words));
	read_along(&words, path);
	unlink(path);
	close(input);
	g_usleep(50000);
	expect_last(&words, "anew");
	qemu_stderr_clear(&words);
	expect_last(&words, NULL);
	test_folder_free(g_steal_pointer(&folder));
}

static void
what_is_no_file_is_left_alone(void)
{
	QemuStderr words = QEMU_STDERR_INIT;
	int ends[2];
	CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
	int former = dup(2);
	dup2(ends[1], 2);
	qemu_stderr_open(&words, getpid());
	dup2(former, 2);
	close(former);
	close(ends[0]);
	close(ends[1]);
	CU_ASSERT_FALSE(qemu_stderr_is_readable(&words));
	qemu_stderr_open(&words, 0);
	CU_ASSERT_FALSE(qemu_stderr_is_readable(&words));
	expect_last(&words, NULL);
}

CU_TestInfo suite_vgpu_watch[] = {
	{ "a reset is seen in the events", a_reset_is_seen_in_the_events },
	{ "what was before the watch does not count", what_was_before_the_watch_does_not_count },
	{ "events that make no sense are passed over", events_that_make_no_sense_are_passed_over },
	{ "words name the vGPU", words_name_the_vgpu },
	{ "words are read beside the process", words_are_read_beside_the_process },
	{ "what is no file is left alone", what_is_no_file_is_left_alone },
	CU_TEST_INFO_NULL,
};
