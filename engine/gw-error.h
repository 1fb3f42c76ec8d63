/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* The errors that a caller can act on; the message has the detail. A cancel is
 * %G_IO_ERROR_CANCELLED. */
typedef enum {
	GW_ERROR_FAILED,       /* anything without a code of its own */
	GW_ERROR_VM_FILE,      /* the VM file is unreadable or malformed */
	GW_ERROR_LAUNCH,       /* QEMU did not start, or died while starting */
	GW_ERROR_MONITOR,      /* no usable QMP monitor: no socket, busy, not QMP */
	GW_ERROR_MONITOR_LOST, /* a QEMU's monitor went away, or stopped answering */
	GW_ERROR_UNREACHABLE,  /* no agent at that address */
	GW_ERROR_PROTOCOL,     /* the peer does not speak our protocol, or not our version of it */
	GW_ERROR_PEER_LOST,    /* the control connection broke or fell silent */
	GW_ERROR_INSECURE,     /* plain text beyond loopback that both ends did not allow */
	GW_ERROR_TLS,	       /* a certificate, key or handshake failed */
	GW_ERROR_BUSY,	       /* another migration of this VM is running */
	GW_ERROR_INCOMPATIBLE, /* the plan found issues: nothing was touched */
	GW_ERROR_MIGRATION,    /* QEMU failed the migration */
	GW_ERROR_NO_CONVERGENCE, /* the time-out ended it: the guest writes too fast */
	GW_ERROR_REFUSED,	 /* the destination could not run the received state */
	GW_ERROR_UNKNOWN,	 /* it cannot be known where the guest runs: rule 4 of the design */
	GW_ERROR_HOOK,		 /* the user's hook failed */
	GW_ERROR_STATE_DIR,	 /* the journal cannot be written */
	GW_ERROR_VGPU,		 /* a vGPU could not be created, found or removed */
	GW_ERROR_UNKNOWN_HOST,	 /* the agent's name does not resolve to an address */
	GW_ERROR_HANDED_OVER,	 /* by this host's record or QEMU the VM is, or may be, elsewhere */
	GW_ERROR_CANCELLED,	 /* only as a code in reports */
} GwError;

#define GW_ERROR (gw_error_quark())
GW_API GQuark gw_error_quark(void);

/* The stable word for scripts: "monitor-lost". Never changes once released. */
GW_API const char *gw_error_code_to_string(GwError code);
/* %GW_ERROR_FAILED for an unknown word. */
GW_API GwError gw_error_code_from_string(const char *word);
/* The code for any GError, whatever its domain. */
GW_API GwError gw_error_code(const GError *error);
