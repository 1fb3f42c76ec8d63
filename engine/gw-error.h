/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* What a caller could act on; the detail is in the message. A cancel is %G_IO_ERROR_CANCELLED. */
typedef enum {
	GW_ERROR_FAILED,       /* anything that has no code of its own */
	GW_ERROR_VM_FILE,      /* the VM file cannot be read or says nonsense */
	GW_ERROR_LAUNCH,       /* QEMU did not start, or died while starting */
	GW_ERROR_MONITOR,      /* no usable QMP monitor: no socket, busy, not QMP */
	GW_ERROR_MONITOR_LOST, /* a QEMU's monitor went away, or stopped answering */
	GW_ERROR_UNREACHABLE,  /* no agent at that address */
	GW_ERROR_PROTOCOL,     /* the peer does not speak our protocol, or not our version of it */
	GW_ERROR_PEER_LOST,    /* the control connection broke or fell silent */
	GW_ERROR_INSECURE,     /* plain text off loopback without the user's word on both ends */
	GW_ERROR_TLS,	       /* a certificate, a key or a handshake is not as it must be */
	GW_ERROR_BUSY,	       /* another migration of this VM is under way */
	GW_ERROR_INCOMPATIBLE, /* the plan found issues: nothing was touched */
	GW_ERROR_MIGRATION,    /* QEMU failed the migration */
	GW_ERROR_NO_CONVERGENCE, /* the time-out came before the guest's writes were caught up with */
	GW_ERROR_REFUSED,	 /* the destination could not run what it had received */
	GW_ERROR_UNKNOWN,      /* nobody can know where the guest runs: see rule 4 of the design */
	GW_ERROR_HOOK,	       /* the user's hook said no */
	GW_ERROR_STATE_DIR,    /* the journal cannot be written */
	GW_ERROR_VGPU,	       /* a vGPU could not be made, found or removed */
	GW_ERROR_UNKNOWN_HOST, /* the agent's name does not resolve to an address */
	GW_ERROR_CANCELLED,    /* only as a code in reports */
} GwError;

#define GW_ERROR (gw_error_quark())
GW_API GQuark gw_error_quark(void);

/* The stable word for scripts: "monitor-lost". Never changes once released. */
GW_API const char *gw_error_code_to_string(GwError code);
/* %GW_ERROR_FAILED for a word that is not known. */
GW_API GwError gw_error_code_from_string(const char *word);
/* The code that stands for any GError, whatever its domain. */
GW_API GwError gw_error_code(const GError *error);
