/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-prediction.h"

/* Appends an empty line and a few lines to @out. Each number has its range. */
void prediction_text_add(GString *out, const GwPrediction *prediction);
