/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * QEMU's own messages, for cases where only the text shows what happened. They are no interface and
 * change between versions, so all of them are in this one table. A phrase is the part of a message
 * without names and numbers.
 */
#include "engine/host/qemu-messages.h"

#include <string.h>

static const struct {
	QemuMessage meaning;
	const char *phrase;
	const char *versions; /* versions that were seen to print it; others may do so too */
} messages[] = {
	/* At the source: the driver does not give its state, or the one at the destination does not
	 * accept it. */
	{ QEMU_MESSAGE_CAUSE_UNNAMED, "Channel error", "10.0" },
	{ QEMU_MESSAGE_CAUSE_UNNAMED, "Sibling indicated error", "10.0, 11.1" },
	{ QEMU_MESSAGE_DEVICE_STATE_FAILED, "Failed setting device state to ", "10.0, 11.1" },
	/* STOP stands for STOP_COPY too, and RUNNING for RUNNING_P2P. After PRE_COPY alone there is
	 * no reset: the device goes back to RUNNING. */
	{ QEMU_MESSAGE_DEVICE_RESET, "Failed setting device state to PRE_COPY_P2P", "10.0, 11.1" },
	{ QEMU_MESSAGE_DEVICE_RESET, "Failed setting device state to STOP", "10.0, 11.1" },
	{ QEMU_MESSAGE_DEVICE_RESET, "Failed setting device state to RUNNING", "10.0, 11.1" },
	/* 4 is RESUMING: a driver takes its image only when the guest is let run. */
	{ QEMU_MESSAGE_NOT_RUN_YET, "Invalid device state 4", "10.0" },
	{ QEMU_MESSAGE_NO_P2P, "only if all of them support P2P", "10.0, 11.1" },
	{ QEMU_MESSAGE_NO_MIGRATION, "migration is not supported in kernel", "10.0, 11.1" },
	{ QEMU_MESSAGE_NO_MIGRATION, "VFIO_MIGRATION_STOP_COPY is not supported", "11.1" },
	{ QEMU_MESSAGE_VIOMMU, "not supported with vIOMMU enabled", "10.0, 11.1" },
	{ QEMU_MESSAGE_DIRTY_RATE_BUSY, "dirty rate is already being measured", "7.2, 10.0" },
};

/* (nullable): the first place of @meaning in @text */
static const char *
find(const char *text, QemuMessage meaning)
{
	const char *first = NULL;
	for (guint i = 0; text != NULL && i < G_N_ELEMENTS(messages); i++) {
		const char *at =
			messages[i].meaning == meaning ? strstr(text, messages[i].phrase) : NULL;
		if (at != NULL && (first == NULL || at < first))
			first = at;
	}
	return first;
}

gboolean
qemu_message_means(const char *text, QemuMessage meaning)
{
	return find(text, meaning) != NULL;
}

char *
qemu_message_find_line(const char *text, QemuMessage meaning)
{
	const char *found = find(text, meaning);
	if (found == NULL)
		return NULL;
	while (found > text && found[-1] != '\n')
		found--;
	return g_strndup(found, strcspn(found, "\n"));
}
