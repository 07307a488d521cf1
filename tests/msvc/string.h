/* See math.h here. */
#pragma once
#include <stddef.h>
#ifdef __cplusplus
extern "C" {
#endif
void *__cdecl memchr(const void *v, int c, size_t n);
int __cdecl memcmp(const void *a, const void *b, size_t n);
void *__cdecl memcpy(void *to, const void *from, size_t n);
void *__cdecl memmove(void *to, const void *from, size_t n);
void *__cdecl memset(void *to, int value, size_t n);
char *__cdecl strchr(const char *s, int c);
char *__cdecl strrchr(const char *s, int c);
int __cdecl strcmp(const char *a, const char *b);
size_t __cdecl strlen(const char *s);
int __cdecl strncmp(const char *a, const char *b, size_t n);
char *__cdecl strstr(const char *s, const char *word);
size_t __cdecl strspn(const char *s, const char *set);
size_t __cdecl strcspn(const char *s, const char *set);
#ifdef __cplusplus
}
#endif
