/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-vm.h"

/* (transfer full): the ids of the vGPUs that gw_vm_make_vgpus() has made. */
GStrv vm_made_ids(const GwVm *self);
