/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "engine/gw-version.h"

/* A VM that this host is about to start: nobody else deals with it until this is freed. */
typedef struct GwClaim GwClaim;

typedef enum {
	GW_CLAIM_OWN,  /* only a VM that was not handed over */
	GW_CLAIM_HERE, /* any that does not run at the host to which it was handed over */
} GwClaimKind;

/**
 * gw_claim_new:
 * @state_dir: (nullable): NULL for gw_default_state_dir()
 * @qmp_path: of its monitor
 * @tls_dir: (nullable): for the question to the other host; else what the session used
 *
 * May @vm_name be started on this host? With %GW_CLAIM_HERE the agent to which it was handed over
 * is asked: one that says that it was taken over there is believed, and so is one that cannot tell;
 * one that cannot be reached is passed over. Blocks.
 *
 * Returns: (transfer full): NULL with %GW_ERROR_HANDED_OVER, which says when and where to;
 *   %GW_ERROR_BUSY, which says what who does with it; or %GW_ERROR_STATE_DIR
 */
GW_API GwClaim *gw_claim_new(const char *state_dir, const char *vm_name, const char *qmp_path,
			     GwClaimKind kind, const char *tls_dir, GError **error);
/* (nullable): the other host may have the VM too, and this is why it could not be asked. */
GW_API const char *gw_claim_get_unasked(const GwClaim *self);
/* Writes down that the VM belongs to this host; to be called before it is started.
 * %GW_ERROR_STATE_DIR. */
GW_API gboolean gw_claim_take(GwClaim *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* It was not started: all is as it was. %GW_ERROR_STATE_DIR. */
GW_API gboolean gw_claim_give_back(GwClaim *self, GError **error) G_GNUC_WARN_UNUSED_RESULT;
GW_API void gw_claim_free(GwClaim *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GwClaim, gw_claim_free)

/* (transfer full) (nullable): what this host knows of where @vm_name is, as a sentence; NULL when
 * nothing is known. */
GW_API char *gw_describe_owner(const char *state_dir, const char *vm_name);
