/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What QEMU reports only as text: on its standard error, or in the text of an error. */
typedef enum {
	QEMU_MESSAGE_CAUSE_UNNAMED, /* a migration failed; neither device nor reason is named */
	QEMU_MESSAGE_DEVICE_STATE_FAILED, /* a driver failed a change of its device's state */
	QEMU_MESSAGE_DEVICE_RESET,	  /* likewise, and QEMU has reset the device */
	QEMU_MESSAGE_NOT_RUN_YET,	  /* a vGPU came with a guest that has stood still since */
	QEMU_MESSAGE_NO_P2P,		  /* several vGPUs cannot be stopped together */
	QEMU_MESSAGE_NO_MIGRATION,	  /* the driver cannot migrate the vGPU */
	QEMU_MESSAGE_VIOMMU,		  /* a vGPU cannot be migrated together with a virtual
					   * IOMMU */
	QEMU_MESSAGE_DIRTY_RATE_BUSY,	  /* a dirty rate is being measured already */
	QEMU_N_MESSAGES,
} QemuMessage;

/* Returns whether @text has @meaning anywhere. @text: (nullable) */
gboolean qemu_message_means(const char *text, QemuMessage meaning);
/* (transfer full) (nullable): the first line of @text with @meaning in it. @text: (nullable) */
char *qemu_message_find_line(const char *text, QemuMessage meaning);
