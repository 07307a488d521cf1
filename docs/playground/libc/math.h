/* What diffkit.h needs of math.h, as instructions of WebAssembly. */
#ifndef PLAYGROUND_MATH_H
#define PLAYGROUND_MATH_H

#define HUGE_VAL __builtin_huge_val()
#define fabs __builtin_fabs
#define floor __builtin_floor
#define ceil __builtin_ceil
#define sqrt __builtin_sqrt
#define sqrtf __builtin_sqrtf
#define isfinite __builtin_isfinite
/* Exact where y is a power of two, as here. */
#define fmod(x, y) ((x) - (y)*__builtin_trunc((x) / (y)))

#endif
