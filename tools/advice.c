/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user can do next: a table from the error's code, for there is no failure without a way on. Where
 * nobody knows where the guest runs, nothing else matters.
 */
#include "tools/advice.h"

static const struct {
	GwError code;
	const char *text;
} table[] = {
	{ GW_ERROR_VM_FILE, "mend the VM file; godwit-vm(5) has its form" },
	{ GW_ERROR_LAUNCH, "mend the argv of the VM file on the destination and try again" },
	{ GW_ERROR_MONITOR,
	  "check the socket; if another program holds it, give QEMU a second -qmp" },
	{ GW_ERROR_MONITOR_LOST, "look at that QEMU: it ended or hangs; then try again" },
	{ GW_ERROR_UNREACHABLE, "start godwitd (or 'godwit receive') there and open its port" },
	{ GW_ERROR_PROTOCOL, "make sure that the same godwit is at both ends of that port" },
	{ GW_ERROR_PEER_LOST, "mend the network or the agent and try again" },
	{ GW_ERROR_INSECURE,
	  "on a network you trust say --insecure on both ends; TLS is not there yet" },
	{ GW_ERROR_BUSY, "wait until the other migration of this VM has ended" },
	{ GW_ERROR_INCOMPATIBLE, "change what is listed; 'godwit check' tells when it fits" },
	{ GW_ERROR_MIGRATION, "read QEMU's words, mend it and try again" },
	{ GW_ERROR_NO_CONVERGENCE, "give it a longer --downtime-limit, more --bandwidth, or say "
				   "what to do with --on-stall" },
	{ GW_ERROR_REFUSED, "read QEMU's words of the destination, mend it and try again" },
	{ GW_ERROR_HOOK, "ask the hook why it said no" },
	{ GW_ERROR_STATE_DIR, "make the state folder writable, or name another with --state-dir" },
};

const char *
advice_for(const GwReport *report)
{
	if (report->outcome == GW_OUTCOME_COMPLETED)
		return NULL;
	if (report->outcome == GW_OUTCOME_UNKNOWN || report->vm_runs_on == GW_PLACE_UNKNOWN)
		return "start it nowhere by hand; run 'godwit recover' when the hosts reach each "
		       "other";
	if (report->vm_runs_on == GW_PLACE_NONE)
		return "both copies have ended; start it afresh with 'godwit run'";
	if (report->outcome == GW_OUTCOME_CANCELLED)
		return NULL;
	for (guint i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].code == report->error_code)
			return table[i].text;
	return "mend what is named and try again";
}
