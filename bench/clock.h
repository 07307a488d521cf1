/* What the benchmarks share: a clock, and the end. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Seconds since the first call, in which a double holds nanoseconds, or the processor's time. */
static int by_processor;
static inline double now(void) {
    static time_t first;
    struct timespec t;
    if (by_processor) return (double)clock() / CLOCKS_PER_SEC;
    timespec_get(&t, TIME_UTC);
    if (!first) first = t.tv_sec;
    return (double)(t.tv_sec - first) + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *message) {
    fprintf(stderr, "%s\n", message);
    exit(1);
}

#endif
