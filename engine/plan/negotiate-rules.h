/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/plan/negotiation.h"

/* The rules, each in a file negotiate-<subject>.c. They run in this order, which is the order of
 * the issues. */
void negotiate_guest(Negotiation *self); /* its state */
void negotiate_vgpus(Negotiation *self);
void negotiate_machine(Negotiation *self); /* what it runs on: board, CPU, memory, host */
void negotiate_devices(Negotiation *self);
void negotiate_disks(Negotiation *self);
void negotiate_descriptors(Negotiation *self); /* once the channels are decided */

/* Beside a disk's contents; of negotiate_disks(). */
void negotiation_check_disk_settings(Negotiation *self, const GwDisk *ours, const GwDisk *theirs);
void negotiation_check_exports(Negotiation *self);
void negotiation_check_shared_memory(Negotiation *self);

/* Checks whether the destination's QEMU can receive. A part of negotiate_guest(); also for the
 * destination's own check of a plan. */
void negotiation_check_destination_state(Negotiation *self);
