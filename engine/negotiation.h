/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/negotiate.h"
#include "engine/plan-json.h"

/* A plan in the making: what the rules of negotiate.c, capability.c and parameter.c share. Pure. */
typedef struct {
	const GwSurvey *surveys[PLAN_N_HOSTS];
	const NegotiatePolicy *policy;
	GwPlan *plan;
} Negotiation;

typedef enum {
	HOSTS_SOURCE = 1 << PLAN_SOURCE,
	HOSTS_DESTINATION = 1 << PLAN_DESTINATION,
	HOSTS_BOTH = HOSTS_SOURCE | HOSTS_DESTINATION,
} Hosts;

/* "source", "destination" */
extern const char *const negotiation_host_names[PLAN_N_HOSTS];

/* Adds one that stands in the way. @host: of negotiation_host_names, or "both"; @remedy: (nullable) */
void negotiation_error(Negotiation *self, const char *code, const char *host, const char *subject,
		       const char *remedy, const char *format, ...) G_GNUC_PRINTF(6, 7);
/* Likewise one that does not. */
void negotiation_warning(Negotiation *self, const char *code, const char *host, const char *subject,
			 const char *remedy, const char *format, ...) G_GNUC_PRINTF(6, 7);

/* @words: (nullable) */
gboolean negotiation_has_word(char *const *words, const char *word);
/* Did the user name this capability? */
gboolean negotiation_is_asked(const Negotiation *self, const char *capability);
gboolean negotiation_has_vgpus(const Negotiation *self);
