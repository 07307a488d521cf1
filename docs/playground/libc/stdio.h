/* Declared for functions that the page does not use. */
#ifndef PLAYGROUND_STDIO_H
#define PLAYGROUND_STDIO_H

#include <stddef.h>

typedef struct FILE FILE;
FILE *fopen(const char *path, const char *mode);
size_t fread(void *to, size_t size, size_t n, FILE *file);
int ferror(FILE *file);
int fclose(FILE *file);

#endif
