/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include <glib.h>

/* A model of a QEMU as a migration sees it: the program model-qemu, started by a test. It is a
 * process of its own, so it can be killed and frozen, and it takes QEMU's options, so a VM file can
 * name it.
 *
 * Options that are QEMU's: -qmp unix:PATH[,...], -S, -incoming defer, -name, -uuid, -machine/-M, -m
 * MIB, -smp N. Any other is skipped with its value. Options of the model:
 *
 *	--on COMMAND[#N]=ACTION   at the (N-th) COMMAND: fail:TEXT, ignore (never reply), delay:MS, close (the
 *	                          monitor), freeze (SIGSTOP), die, skip (reply, but do nothing), state:WORD
 *	                          (somebody else brings it into this run state: running by cont, paused by cont
 *	                          and stop), taken (somebody has brought another guest into it)
 *	--at STATUS=ACTION        when its migration enters STATUS: fail:TEXT, delay:MS, freeze, die, state:WORD;
 *	                          without TEXT there is no error-desc
 *	--word STATUS=WORD        what it says instead of STATUS
 *	--late QUESTION=JSON      what it answers from pre-switchover on (query-jobs, query-block-exports); before: []
 *	--active-ms MS            how long the source is active (default 20)
 *	--device-ms MS            how long it is in device at least (default 5)
 *	--deaf                    in device only out-of-band commands are answered
 *	--modern                  as QEMU 10: exit-on-error, avail-switchover-bandwidth, "device" always
 *	--commands FILE           appended for each command: its name and the whole line
 *	--capability NAME         on from the start
 *	--blocked TEXT            a reason why it cannot be migrated
 *	--earlier STATUS          what an earlier migration of it has left behind
 *	--state WORD              its run state at the start
 *	--swap-events             pre-switchover is told before STOP
 *	--cancel-late             in device migrate_cancel has no effect
 *	--cancel-hangs            after migrate_cancel it stays in cancelling
 *	--fails-paused            in pre-switchover it fails, and does not tidy up before migrate-continue
 *	--resume-ms MS            after a failure in the switchover the guest runs again so much later
 *	--tidy-ms MS              after a failure it puts away what the migration has used so much later (default
 *	                          5); capabilities that are changed before end it, as they end QEMU 10.0
 *	--passes-per-s N          events MIGRATION_PASS while it is active
 *	--cont-stderr TEXT        written to stderr by a cont that starts the guest
 *	--trace LINE              a trace point that writes this line; again for more lines
 *	--stderr FILE             its stderr is this file
 *	--stderr-pipe             its stderr is a pipe that somebody could read
 *	--stderr-dead             or one whose reader has closed it
 *	--die-with-parent         as it says; model_qemu_start() adds it
 *	--log FILE                appended when the guest begins and ends to run: "US running" or "US stopped",
 *	                          US being CLOCK_MONOTONIC in microseconds
 *
 * The stream is text: a header with machine type, memory and run state, some lines, "end"; the
 * destination answers "loaded" when it has all. Only fd: is known. */
typedef struct ModelQemu ModelQemu;

/* Starts one with these options after its socket's; the list ends with NULL. Waits for the
 * socket. */
ModelQemu *model_qemu_start(const char *option, ...) G_GNUC_NULL_TERMINATED;
ModelQemu *model_qemu_startv(const char *const *options);
const char *model_qemu_get_path(ModelQemu *self);
pid_t model_qemu_get_pid(ModelQemu *self);
gboolean model_qemu_has_ended(ModelQemu *self);
/* Waits until it has ended, 10 s at most. Returns: the wait status, or -1 */
int model_qemu_wait(ModelQemu *self);
/* Kills it if it lives. */
void model_qemu_free(ModelQemu *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ModelQemu, model_qemu_free);
