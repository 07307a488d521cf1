/* The implementation, compiled once for the test programs that use no more than what diffkit.h declares. */
#include <stddef.h>
#include <stdlib.h>

extern void *(*check_malloc)(size_t n);
extern void (*check_free)(void *p);
void *(*check_malloc)(size_t n) = malloc;
void (*check_free)(void *p) = free;
#define DK_MALLOC(n) check_malloc(n)
#define DK_FREE(p) check_free(p)
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
