/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/gw-prediction.h"

/* A few lines behind what is in @out, with an empty one before them; each number with its range. */
void prediction_text_add(GString *out, const GwPrediction *prediction);
