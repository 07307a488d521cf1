/* What diffkit.h and unet.h need of math.h, mostly as instructions of WebAssembly. */
#ifndef PLAYGROUND_MATH_H
#define PLAYGROUND_MATH_H

#define HUGE_VAL __builtin_huge_val()
#define fabs __builtin_fabs
#define floor __builtin_floor
#define ceil __builtin_ceil
#define sqrt __builtin_sqrt
#define sqrtf __builtin_sqrtf
#define isfinite __builtin_isfinite
#define fabsf __builtin_fabsf
#define ldexpf __builtin_ldexpf
float cosf(float x); /* in playground.c */
float sinf(float x);
/* Exact where y is a power of two, as here. */
#define fmod(x, y) ((x) - (y)*__builtin_trunc((x) / (y)))

#endif
