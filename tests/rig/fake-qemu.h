/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A QEMU that plays a script on a UNIX socket, from a thread of its own. It says at the end what
 * did not go by the script. For a QEMU that thinks, see model-qemu.h. */
typedef struct FakeQemu FakeQemu;

/* One line of the script; what is left out does not happen. In @before and @after "@1" stands for
 * the id of the first command of the script, up to "@9". */
typedef struct {
	const char *expect;    /* the command that has to come now */
	const char *arguments; /* a piece that its text has to contain */
	gboolean oob;	       /* it has to come as exec-oob */
	gboolean takes_fd; /* a descriptor has to come with its first byte, else none may come */

	guint delay_ms;	    /* then wait so long */
	const char *before; /* then send this */
	const char *result; /* then reply {"return": this} */
	const char *error;  /* or {"error": this} */
	const char *after;  /* then send this */
	gboolean closes;    /* then close the socket and end */
} FakeStep;

typedef enum {
	FAKE_DEFAULT = 0,
	FAKE_NO_OOB = 1 << 0,	    /* do not offer out-of-band execution */
	FAKE_NO_HANDSHAKE = 1 << 1, /* the greeting and qmp_capabilities are up to the script */
	FAKE_SLOW_READER = 1 << 2,  /* begin to read commands after 300 ms */
} FakeFlags;

#define FAKE_GREETING                                                                      \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}, " \
	"\"package\": \"Debian\"}, \"capabilities\": [\"oob\"]}}\r\n"

/* @steps: (borrowed): @n of them */
FakeQemu *fake_qemu_new(const FakeStep *steps, gsize n, FakeFlags flags);
#define FAKE_QEMU(steps) fake_qemu_new((steps), G_N_ELEMENTS(steps), FAKE_DEFAULT)

const char *fake_qemu_get_path(FakeQemu *self);
/* The descriptor that came with command @n, counted from 0 among those that had one; -1 if there is
 * none. Only after fake_qemu_end(). */
int fake_qemu_get_fd(FakeQemu *self, guint n);
/* Waits for the end of the script and of the client; call it after closing the client. Returns:
 * (transfer none) NULL when all went by the script, else what did not */
const char *fake_qemu_end(FakeQemu *self);
/* Implies fake_qemu_end(). */
void fake_qemu_free(FakeQemu *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(FakeQemu, fake_qemu_free);
