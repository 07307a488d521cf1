/* What diffkit.h needs of the UCRT's math.h, as Microsoft's headers have it: for the check that the header compiles as MSVC
   would see it (tests/portability.sh). The standard folder holds nothing else that could be found. */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
#define _HUGE_ENUF 1e+300
#define INFINITY ((float)(_HUGE_ENUF * _HUGE_ENUF))
#define HUGE_VAL ((double)INFINITY)
#define NAN (-(float)(INFINITY * 0.0F))
double __cdecl ceil(double x);
double __cdecl fabs(double x);
double __cdecl floor(double x);
double __cdecl fmod(double x, double y);
double __cdecl sqrt(double x);
#ifdef _M_IX86 /* inline there, in terms of double */
#define sqrtf(x) ((float)sqrt((double)(x)))
#else
float __cdecl sqrtf(float x);
#endif
#ifdef __cplusplus
}
extern "C++" { /* C++ has overloads */
inline float fabs(float x) { return (float)fabs((double)x); }
inline float floor(float x) { return (float)floor((double)x); }
inline float sqrt(float x) { return (float)sqrt((double)x); }
}
#endif
