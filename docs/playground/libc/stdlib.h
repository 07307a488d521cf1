/* Declared for functions that the page does not use. */
#ifndef PLAYGROUND_STDLIB_H
#define PLAYGROUND_STDLIB_H

#include <stddef.h>

void *malloc(size_t n);
void free(void *p);

#endif
