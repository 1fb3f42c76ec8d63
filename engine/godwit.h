/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The whole public interface of libgodwit-1. */
#include "engine/gw-agent.h"
#include "engine/gw-dirty-rate.h"
#include "engine/gw-error.h"
#include "engine/gw-event.h"
#include "engine/gw-mdev.h"
#include "engine/gw-number.h"
#include "engine/gw-ownership.h"
#include "engine/gw-pki.h"
#include "engine/gw-plan.h"
#include "engine/gw-prediction.h"
#include "engine/gw-recover.h"
#include "engine/gw-report.h"
#include "engine/gw-sample.h"
#include "engine/gw-session.h"
#include "engine/gw-stall.h"
#include "engine/gw-stream.h"
#include "engine/gw-survey.h"
#include "engine/gw-version.h"
#include "engine/gw-vgpu.h"
#include "engine/gw-vm.h"
