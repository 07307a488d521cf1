/* See math.h here. */
#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *__cdecl malloc(size_t n);
void __cdecl free(void *p);
#ifdef __cplusplus
}
#endif
