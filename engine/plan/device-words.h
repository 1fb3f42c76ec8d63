/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-survey.h"

/* The words of a command line that give a QEMU what another one has got by hot-plug. Pure. */

/* (transfer full) (nullable): "-device virtio-net-pci,id=net1,bus=rp1,addr=00.0,netdev=n1" and what
 * belongs to it, for a device of @survey; NULL where its place cannot be given by options. */
char *device_words(const GwSurvey *survey, const GwDevice *device);

/* Returns whether the device is a vCPU, which QEMU lists with the devices when it was
 * hot-plugged. */
gboolean device_is_vcpu(const GwDevice *device);
/* (transfer full) (nullable): likewise for the @n-th hot-plugged vCPU, counted from 0, which goes
 * to a place that @destination has free. */
char *
vcpu_words(const GwSurvey *source, const GwSurvey *destination, const GwDevice *device, guint n);

/* (transfer full) (nullable): likewise for a memory module. @value: "type=dimm slot=0
 * size=67108864" */
char *memory_device_words(const char *id, const char *value);
