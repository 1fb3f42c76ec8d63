/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a user can do next, for each error code. If it is not known where the guest runs, the advice
 * is about that alone.
 */
#include "tools/advice.h"

#define LOOK_FIRST \
	"do not start it by hand; run 'godwit recover' when the hosts reach each other again"

static const char *const by_code[] = {
	[GW_ERROR_FAILED] = "fix what the message names and try again",
	[GW_ERROR_VM_FILE] = "fix the VM file, or copy it to the destination's folder; "
			     "godwit-vm(5) describes it",
	[GW_ERROR_LAUNCH] =
		("fix the argv in the destination's VM file; a QEMU of the VM that is left there "
		 "must be ended first"),
	[GW_ERROR_MONITOR] =
		("check that QEMU runs ('godwit run' starts it) and the path of its monitor (-qmp "
		 "unix:PATH,server=on,wait=off); if another program uses it, give QEMU a second "
		 "-qmp"),
	[GW_ERROR_MONITOR_LOST] =
		"check that QEMU: it has ended or does not answer; then try again",
	[GW_ERROR_UNREACHABLE] =
		"start godwitd (or 'godwit receive') there, and open its port in the firewall",
	[GW_ERROR_PROTOCOL] = "check that a godwit of the same version listens on that port",
	[GW_ERROR_PEER_LOST] = "fix the network or restart the agent, and try again",
	[GW_ERROR_INSECURE] =
		("encrypt with --tls-dir on both hosts ('godwit pki' makes the certificates); on a "
		 "network that you trust, give --insecure on both"),
	[GW_ERROR_TLS] =
		("give both hosts --tls-dir with certificates of one 'godwit pki'; --tls-hostname "
		 "says another name of the agent, and the agent's --tls-allow whom it accepts"),
	[GW_ERROR_BUSY] =
		("wait until what the message names has ended; a QEMU that is left over must be "
		 "ended first"),
	[GW_ERROR_INCOMPATIBLE] = "fix what is listed; then 'godwit check' finds no error",
	[GW_ERROR_MIGRATION] = "read QEMU's messages, fix the cause and try again",
	[GW_ERROR_NO_CONVERGENCE] =
		"allow a longer --downtime-limit or more --bandwidth, or choose another --on-stall",
	[GW_ERROR_REFUSED] =
		"read the messages of the destination's QEMU, fix the cause and try again",
	[GW_ERROR_UNKNOWN] = LOOK_FIRST,
	[GW_ERROR_HOOK] = "find out why the hook failed, fix it and try again",
	[GW_ERROR_STATE_DIR] =
		"choose another state folder with --state-dir, or make this one writable",
	[GW_ERROR_VGPU] = "list that host's vGPUs with 'godwit mdev list' and 'godwit mdev types'",
	[GW_ERROR_UNKNOWN_HOST] =
		"correct the name in --to, or add it to the DNS or to /etc/hosts of this host",
	[GW_ERROR_HANDED_OVER] =
		("move it from the host that has it; where that is not settled, run 'godwit "
		 "recover'; 'godwit run --here' starts it on this one, once nothing else can"),
	[GW_ERROR_CANCELLED] = "try again when you are ready",
};

const char *
advice_for_code(GwError code)
{
	return (guint)code < G_N_ELEMENTS(by_code) ? by_code[code] : NULL;
}

const char *
advice_for(const GwReport *report)
{
	if (report->outcome == GW_OUTCOME_COMPLETED)
		return NULL;
	if (report->error_code == GW_ERROR_HANDED_OVER)
		return by_code[GW_ERROR_HANDED_OVER];
	if (report->outcome == GW_OUTCOME_UNKNOWN || report->vm_runs_on == GW_PLACE_UNKNOWN)
		return LOOK_FIRST;
	if (report->vm_runs_on == GW_PLACE_NONE)
		return "both copies have ended; start the guest again with 'godwit run'";
	if (report->outcome == GW_OUTCOME_CANCELLED)
		return NULL;
	return advice_for_code(report->error_code);
}
