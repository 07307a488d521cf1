/* What diffkit.h needs of string.h where there is no C library. The first three are instructions of WebAssembly. */
#ifndef PLAYGROUND_STRING_H
#define PLAYGROUND_STRING_H

#include <stddef.h>

#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset

static inline int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *p = a, *q = b;
    for (size_t i = 0; i < n; i++)
        if (p[i] != q[i]) return p[i] - q[i];
    return 0;
}

static inline void *memchr(const void *a, int c, size_t n) {
    const unsigned char *p = a;
    for (size_t i = 0; i < n; i++)
        if (p[i] == (unsigned char)c) return (void *)(p + i);
    return NULL;
}

static inline size_t strlen(const char *s) {
    size_t n = 0;
    while (s[n]) n++;
    return n;
}

static inline int strncmp(const char *a, const char *b, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (a[i] != b[i] || !a[i]) return (unsigned char)a[i] - (unsigned char)b[i];
    return 0;
}

static inline int strcmp(const char *a, const char *b) { return strncmp(a, b, (size_t)-1); }

static inline char *strchr(const char *s, int c) { return memchr(s, c, strlen(s) + 1); }

static inline char *strrchr(const char *s, int c) {
    for (const char *end = s + strlen(s);; end--)
        if (*end == (char)c) return (char *)end;
        else if (end == s) return NULL;
}

static inline size_t strspn(const char *s, const char *of) {
    size_t n = 0;
    while (s[n] && strchr(of, s[n])) n++;
    return n;
}

static inline size_t strcspn(const char *s, const char *of) {
    size_t n = 0;
    while (s[n] && !strchr(of, s[n])) n++;
    return n;
}

static inline char *strstr(const char *s, const char *word) {
    size_t n = strlen(word);
    for (; strncmp(s, word, n) != 0; s++)
        if (!*s) return NULL;
    return (char *)s;
}

#endif
