/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Fuzz target: the files on which decisions rest, and control messages, by what they cost. The
 * first byte says what the rest is: J a journal, V a VM file, O an ownership record, C control
 * messages.
 *
 * Besides not crashing: memory and time stay within a factor of the input's size, and what was
 * understood is written and understood again in the same way.
 */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/control/control.h"
#include "engine/gw-vm.h"
#include "engine/record/journal.h"
#include "engine/record/ownership.h"
#include "qmp/json-frame.h"
#include "tests/fuzz/cost.h"

#define SESSION "01234567-89ab-cdef-0123-4567890abcd1"
/* json-glib: an empty object of 3 bytes costs 352, a member of 4 costs 192. */
#define HEAP_FACTOR    1024
#define CPU_US_PER_KIB 20000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *folder;

static void
remove_folder(void)
{
	g_rmdir(folder);
	g_free(folder);
}

static void
make_folder(void)
{
	folder = g_dir_make_tmp("godwit-fuzz-XXXXXX", NULL);
	g_assert(folder != NULL);
	atexit(remove_folder);
}

/* (transfer full): its path */
static char *
write_file(const char *name, const uint8_t *data, gsize size)
{
	char *path = g_build_filename(folder, name, NULL);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	g_assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	return path;
}

static void
try_journal(const uint8_t *data, gsize size)
{
	g_autofree char *path = write_file(SESSION ".source", data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(Journal) journal = journal_open(folder, SESSION, SIDE_SOURCE, &error);
	g_assert((journal == NULL) == (error != NULL));
	if (journal != NULL) {
		g_assert(journal_get_phase(journal) != NULL);
		journal_get_int(journal, "pid", -1);
		journal_get_string(journal, "vm");
		journal_get_node(journal, "vgpus");
	}
	g_clear_pointer(&journal, journal_free);
	g_unlink(path);
}

static void
try_vm(const uint8_t *data, gsize size)
{
	g_autofree char *path = write_file("a.vm", data, size);
	g_autoptr(GError) error = NULL;
	g_autoptr(GwVm) vm = gw_vm_load(path, &error);
	g_assert((vm == NULL) == (error != NULL));
	if (error != NULL)
		g_assert(g_utf8_validate(error->message, -1, NULL) &&
			 strpbrk(error->message, "\n\033") == NULL);
	g_unlink(path);
}

static void
try_ownership(const uint8_t *data, gsize size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Ownership) found = ownership_from_json((const char *)data, size, "web1", &error);
	g_assert((found == NULL) == (error != NULL));
	if (found == NULL)
		return;
	g_autofree char *first = ownership_to_json(found);
	g_autoptr(Ownership) again = ownership_from_json(first, strlen(first), "web1", NULL);
	g_assert(again != NULL);
	g_autofree char *second = ownership_to_json(again);
	g_assert_cmpstr(first, ==, second);
}

static void
try_control(const uint8_t *data, gsize size)
{
	g_autoptr(JsonFrame) frame = json_frame_new(&control_limits);
	const char *text = NULL;
	gsize len = 0;
	json_frame_push(frame, data, size);
	while (json_frame_next(frame, &text, &len, NULL) && text != NULL) {
		g_autoptr(ControlMessage) message = control_parse(text, len, NULL);
		if (message != NULL)
			g_assert(message->body != NULL);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char first;
		void (*run)(const uint8_t *data, gsize size);
	} kinds[] = {
		{ 'J', try_journal }, { 'V', try_vm }, { 'O', try_ownership }, { 'C', try_control }
	};
	Cost cost;

	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING | G_LOG_FATAL_MASK);
	if (folder == NULL)
		make_folder();
	for (guint i = 0; size > 0 && i < G_N_ELEMENTS(kinds); i++) {
		if (data[0] != kinds[i].first)
			continue;
		cost_begin(&cost);
		kinds[i].run(data + 1, size - 1);
		cost_end(&cost, size, HEAP_FACTOR, CPU_US_PER_KIB);
	}
	return 0;
}
