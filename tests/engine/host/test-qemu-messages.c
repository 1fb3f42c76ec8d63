/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QEMU's words and what they mean, by lines as QEMU writes them. Those without a device were
 * recorded from Debian's 7.2 and 10.0; those of VFIO devices are the formats of the binaries with a
 * device of the lab in them.
 */
#include <CUnit/CUnit.h>

#include "engine/host/qemu-messages.h"
#include "tests/rig/test-util.h"

#define QEMU	     "qemu-system-x86_64: "
#define GPU	     "0c9f4a2e-6a0c-4c9b-9d3e-2a1b8f6d7e10"
#define BIT(meaning) (1u << QEMU_MESSAGE_##meaning)

static const struct {
	const char *line;
	guint meanings; /* of BIT() */
} recorded[] = {
	/* 7.2 and 10.0: calc-dirty-rate twice. */
	{ "the dirty rate is already being measured.", BIT(DIRTY_RATE_BUSY) },
	/* 10.0, the source, for a destination that lacks a device. */
	{ QEMU "Sibling indicated error 1", BIT(CAUSE_UNNAMED) },
	{ "Channel error: Input/output error", BIT(CAUSE_UNNAMED) },
	/* VFIO. */
	{ QEMU GPU ": Failed setting device state to PRE_COPY. Setting device in recover state "
		   "RUNNING: Input/output error",
	  BIT(DEVICE_STATE_FAILED) },
	{ QEMU GPU ": Failed setting device state to RESUMING. Recover state is ERROR. Resetting "
		   "device: Input/output error",
	  BIT(DEVICE_STATE_FAILED) },
	{ QEMU GPU ": Failed setting device state to PRE_COPY_P2P. Recover state is ERROR. "
		   "Resetting device: Input/output error",
	  BIT(DEVICE_STATE_FAILED) | BIT(DEVICE_RESET) },
	{ QEMU GPU ": Failed setting device state to STOP_COPY. Recover state is ERROR. Resetting "
		   "device: Input/output error",
	  BIT(DEVICE_STATE_FAILED) | BIT(DEVICE_RESET) },
	{ QEMU GPU ": Failed setting device state to RUNNING_P2P. Recover state is ERROR. "
		   "Resetting device: Invalid argument",
	  BIT(DEVICE_STATE_FAILED) | BIT(DEVICE_RESET) },
	{ GPU ": Invalid device state 4", BIT(NOT_RUN_YET) },
	{ "vfio " GPU ": Multiple VFIO devices migration is supported only if all of them support "
	  "P2P migration",
	  BIT(NO_P2P) },
	{ "vfio " GPU ": VFIO migration is not supported in kernel", BIT(NO_MIGRATION) },
	{ "vfio " GPU ": VFIO_MIGRATION_STOP_COPY is not supported", BIT(NO_MIGRATION) },
	{ "vfio " GPU ": Migration is currently not supported with vIOMMU enabled", BIT(VIOMMU) },
	/* 7.2 and 10.0: what means none of these. */
	{ QEMU "Unknown savevm section or instance '0000:00:01.0/virtio-rng' 0. Make sure that "
	       "your current VM setup matches your saved VM setup, including any hotplugged "
	       "devices",
	  0 },
	{ QEMU "load of migration failed: Invalid argument", 0 },
	{ QEMU "Unable to write to socket: Broken pipe", 0 },
	{ QEMU "Unable to read from socket: Connection reset by peer", 0 },
	{ "", 0 },
};

static void
recorded_lines_mean_what_happened(void)
{
	guint seen = 0;
	for (gsize i = 0; i < G_N_ELEMENTS(recorded); i++) {
		guint found = 0;
		for (guint meaning = 0; meaning < QEMU_N_MESSAGES; meaning++)
			if (qemu_message_means(recorded[i].line, meaning))
				found |= 1u << meaning;
		if (found != recorded[i].meanings)
			g_printerr("'%s'\n", recorded[i].line);
		CU_ASSERT_EQUAL(found, recorded[i].meanings);
		seen |= found;
	}
	CU_ASSERT_EQUAL(seen, (1u << QEMU_N_MESSAGES) - 1);
	CU_ASSERT_FALSE(qemu_message_means(NULL, QEMU_MESSAGE_NO_P2P));
}

static void
expect_line(const char *text, QemuMessage meaning, const char *expected)
{
	g_autofree char *line = qemu_message_find_line(text, meaning);
	TEST_STRING(line, expected);
}

/* The first in the text, whatever the order of the phrases in the table. */
static void
the_first_line_with_a_meaning_is_found(void)
{
	static const char text[] = "one\n"
				   "b: Failed setting device state to RUNNING.\n"
				   "a: Failed setting device state to STOP.\n"
				   "Sibling indicated error 1";
	expect_line(text, QEMU_MESSAGE_DEVICE_RESET, "b: Failed setting device state to RUNNING.");
	expect_line(text, QEMU_MESSAGE_CAUSE_UNNAMED, "Sibling indicated error 1");
	expect_line(text, QEMU_MESSAGE_VIOMMU, NULL);
	expect_line(NULL, QEMU_MESSAGE_VIOMMU, NULL);
}

CU_TestInfo suite_qemu_messages[] = {
	{ "recorded lines mean what happened", recorded_lines_mean_what_happened },
	{ "the first line with a meaning is found", the_first_line_with_a_meaning_is_found },
	CU_TEST_INFO_NULL,
};
