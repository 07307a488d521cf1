/* The part of cmocka that the tests use, where there is none: no mocks, a set-up for the group alone; a failure ends the program. */
#ifndef MINI_CMOCKA_H
#define MINI_CMOCKA_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test)(void **state);
};

#define cmocka_unit_test(f) \
    { #f, f }
#define cmocka_run_group_tests(tests, setup, teardown) \
    mini_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) \
    cmocka_run_group_tests(tests, setup, teardown)

static int mini_skipped;

static inline int mini_run(const struct CMUnitTest *tests, size_t n, int (*setup)(void **state),
                           int (*teardown)(void **state)) {
    void *state = NULL;
    if (setup && setup(&state)) return printf("[  FAILED  ] set-up\n"), 1;
    for (size_t i = 0; i < n; i++) {
        printf("[ RUN      ] %s\n", tests[i].name);
        fflush(stdout); /* for a test that dies */
        tests[i].test(&state);
    }
    if (teardown && teardown(&state)) return printf("[  FAILED  ] teardown\n"), 1;
    printf("[  PASSED  ] %d test(s).\n", (int)n - mini_skipped);
    return 0;
}

#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
static inline void
print_message(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
}
#define print_error print_message

static inline void mini_check(int holds, const char *what, const char *file, int line) {
    if (holds) return;
    printf("%s:%d: %s\n[  FAILED  ] 1 test(s)\n", file, line, what);
    fflush(stdout);
    exit(1);
}
#define mini_that(holds, what) mini_check(holds, what, __FILE__, __LINE__)

#define skip() /* from the test itself, not from what it calls */                  \
    do {                                                                         \
        mini_skipped++, print_message("[  SKIPPED ] %s\n", __func__);            \
        return;                                                                  \
    } while (0)
#define fail() mini_that(0, "fail")
#define fail_msg(...) (print_message(__VA_ARGS__), print_message("\n"), fail())
#define assert_true(v) mini_that((v) ? 1 : 0, #v)
#define assert_false(v) mini_that((v) ? 0 : 1, "not " #v)
#define assert_null(p) mini_that((p) == NULL, #p " is NULL")
#define assert_non_null(p) mini_that((p) != NULL, #p " is not NULL")
#define assert_ptr_equal(a, b) mini_that((const void *)(a) == (const void *)(b), #a " == " #b)
#define assert_ptr_not_equal(a, b) mini_that((const void *)(a) != (const void *)(b), #a " != " #b)
#define assert_int_equal(a, b) mini_that((long long)(a) == (long long)(b), #a " == " #b)
#define assert_int_not_equal(a, b) mini_that((long long)(a) != (long long)(b), #a " != " #b)
#define assert_in_range(v, low, high) \
    mini_that((long long)(v) >= (long long)(low) && (long long)(v) <= (long long)(high), #v)
#define assert_string_equal(a, b) mini_strings(a, b, #a, __FILE__, __LINE__)
#define assert_memory_equal(a, b, n) mini_that(memcmp(a, b, n) == 0, #a " as " #b)
#define assert_memory_not_equal(a, b, n) mini_that(memcmp(a, b, n) != 0, #a " not as " #b)

static inline void mini_strings(const char *a, const char *b, const char *what, const char *file, int line) {
    if (strcmp(a, b)) printf("\"%s\" is not \"%s\"\n", a, b);
    mini_check(strcmp(a, b) == 0, what, file, line);
}

#endif
