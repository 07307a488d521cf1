/* Stands for stable-diffusion.cpp's header of this name: what its denoiser needs of it, without ggml's graphs. */
#pragma once
#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/rng.hpp"
#include "core/util.h"
#include "model.h"
#include "stable-diffusion.h"
#undef GGML_ASSERT
#define GGML_ASSERT(x) ((void)(x))
#define SD_UNUSED(x) ((void)(x))
