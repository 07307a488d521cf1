/* Long and large: ten thousand steps, thousands of samples, more than 2^32 numbers, a million runs. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* memfd_create */
#endif
#include <stddef.h>
#include <stdlib.h>

static size_t live, most_live, allocations; /* bytes now, at most; calls */
static void *measured_malloc(size_t n) {
    size_t *p = (size_t *)malloc(n + 64);
    if (!p) return NULL;
    *p = n, live += n, allocations++;
    if (live > most_live) most_live = live;
    return (char *)p + 64;
}
static void measured_free(void *p) {
    if (!p) return;
    size_t *start = (size_t *)(void *)((char *)p - 64);
    live -= *start;
    free(start);
}
#define DIFFKIT_IMPLEMENTATION /* private functions */
#include "check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static int halve(void *user, const dk_eval *e) { /* D = x - t x/2 on flow */
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) e->output[i] = e->input[i] / 2;
    return 0;
}

/* Euler steps of dx/dt = x/2 from 1 to 0 tend to exp(-1/2): after n equal steps they are at (1 - 1/2n)^n. */
static void ten_thousand_steps_end_where_they_should(void **state) {
    static const char *const names[] = {"euler", "dpmpp_2m", "heun", "unipc", "dpmpp_3m_sde", "ddpm"};
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        dk_real x = 1;
        dk_plan plan;
        dk_run run;
        dk_config c = check_config("flow", names[k], 10000);
        c.start = DK_START_STATE;
        if (k >= 4) c.sampler.eta = 0;
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(plan.steps, 10000);
        assert_true(plan.buffers <= 8); /* no more than for ten steps */
        assert_int_equal(dk_begin_plan(&run, &plan, &c, &x, NULL, 0), DK_OK);
        assert_int_equal(dk_continue(&run, halve, NULL), DK_OK);
        check_near((double)x, k == 0 ? pow(1 - 0.5 / 10000, 10000) : exp(-0.5), sizeof x == 8 ? 1e-4 : 1e-3,
                   names[k]);
        dk_end(&run);
        dk_plan_free(&plan);
    }
    assert_int_equal(live, 0);
}

static void a_batch_of_thousands_is_thousands_of_samples(void **state) {
    enum { BATCH = 4096, DIM = 3 };
    static dk_real all[BATCH * DIM];
    dk_config c = check_config("vp", "dpmpp_2m_sde", 5);
    c.batch = BATCH, c.dim = DIM, c.prediction = DK_PREDICT_V;
    (void)state;
    assert_int_equal(dk_sample(&c, halve, NULL, all), DK_OK);
    c.batch = 1;
    for (uint64_t b = 0; b < BATCH; b += 455) {
        dk_real one[DIM];
        c.first_sample = b;
        assert_int_equal(dk_sample(&c, halve, NULL, one), DK_OK);
        assert_memory_equal(one, all + b * DIM, sizeof one);
    }
}

/* 2^32 + 2^17 numbers in two samples, of which the last 65,536 are worked on: x is sparse, and what lies behind the buffers is
   one stretch of memory, mapped again and again. */
#if defined(__linux__) && SIZE_MAX > 0xFFFFFFFF && !SANITIZED
#include <sys/mman.h>
#include <unistd.h>

static const size_t large_dim = ((size_t)1 << 31) + ((size_t)1 << 16), large_size = 2 * large_dim;
static size_t far_first; /* the first number that is worked on */

static void last_part_alone(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    (void)user;
    task(arg, n - 1);
}

static int halve_far(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = far_first; i < large_size; i++) e->output[i] = e->input[i] / 2;
    return 0;
}

static void *sparse(size_t bytes, size_t same, int fd) { /* of which the first `same` are pieces of fd */
    size_t piece = (size_t)1 << 21;
    char *p =
        (char *)mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    for (size_t at = 0; at + piece <= same; at += piece)
        assert_true(mmap(p + at, piece, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
    return p;
}

static void numbers_beyond_32_bits_are_where_they_belong(void **state) {
    enum { FAR = 1 << 16 };
    static dk_real near_x[FAR], z[FAR];
    dk_config c = check_config("flow", "euler_ancestral", 1);
    dk_run run;
    int fd = memfd_create("one", 0);
    (void)state;
    if (sizeof(dk_real) > 4) skip(); /* twice as long, and the same arithmetic */
    assert_int_equal(ftruncate(fd, 1 << 21), 0);
    far_first = large_size - FAR;
    c.dim = large_dim, c.batch = 2, c.seed = 5;
    c.unchecked = 1, c.threads = 65536, c.parallel = last_part_alone;
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    size_t bytes = dk_run_size(&plan, &c);
    assert_true(bytes > large_size * sizeof(dk_real));
    dk_real *x = (dk_real *)sparse(large_size * sizeof *x, 0, -1);
    void *memory = sparse(bytes, large_size * sizeof *x, fd);
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, memory, bytes), DK_OK);
    assert_int_equal(dk_continue(&run, halve_far, NULL), DK_OK);
    /* one step from pure noise to D = z - z/2: number i of sample 1 is half of the draw's */
    dk_normals(5, 1, 0, large_dim - FAR, FAR, z);
    for (size_t i = 0; i < FAR; i++) near_x[i] = z[i] / 2;
    assert_memory_equal(x + far_first, near_x, sizeof near_x);

    /* what is not finite is found there, too */
    size_t bad = large_size - 3;
    dkp_work work = {&run, dkp_look_range, 0, 0, NULL, NULL, DK_NUMBER_REAL, {x}};
    x[bad] = (dk_real)NAN;
    dkp_look_range(&work, 7, far_first / DKP_TILE, large_size / DKP_TILE);
    assert_true(run.own.sums[7] >= (double)bad && run.own.sums[7] <= (double)bad);
    dk_end(&run);
    dk_plan_free(&plan);
    munmap(x, large_size * sizeof *x);
    munmap(memory, bytes);
    close(fd);
}
#else
static void numbers_beyond_32_bits_are_where_they_belong(void **state) {
    (void)state;
    skip();
}
#endif

static void noise_has_addresses_beyond_32_bits(void **state) {
    const uint64_t first = ((uint64_t)1 << 34) - 3;
    dk_real across[70], one;
    (void)state;
    dk_normals(1, 2, 3, first, 70, across);
    for (uint64_t i = 0; i < 70; i++) {
        dk_normals(1, 2, 3, first + i, 1, &one);
        assert_memory_equal(&one, across + i, sizeof one);
    }
    dk_real other[70];
    dk_normals(1, 2, 3, first & 0xFFFFFFFFu, 70, other);
    assert_memory_not_equal(other, across, sizeof other);
}

static void a_million_runs_leave_nothing_behind(void **state) {
    const int runs = SANITIZED ? 20000 : 1000000;
    dk_real x = 0;
    dk_config c = check_config("flow", "euler", 1);
    (void)state;
    assert_int_equal(dk_sample(&c, halve, NULL, &x), DK_OK);
    const size_t one_run = most_live, per_run = (allocations = 0, live);
    for (int i = 0; i < runs; i++)
        if (dk_sample(&c, halve, NULL, &x) != DK_OK) fail_msg("run %d: %s", i, dk_message(&c));
    assert_int_equal(live, per_run);
    assert_int_equal(most_live, one_run);
}

/* Elements repeat after SHORT of them, and the long vector begins and ends within a cache line. */
static void vectors_that_no_cache_holds_give_the_bits_of_short_ones(void **state) {
    enum { SHORT = 1000 };
    const size_t n = (size_t)DKP_FAR + 77;
    static const char *const names[] = {"euler", "heun", "dpmpp_2m"};
    dk_real *memory = (dk_real *)malloc((n + 2) * sizeof *memory), *x = memory + 1, few[SHORT];
    (void)state;
    assert_non_null(memory);
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        for (int unchecked = 0; unchecked < 2; unchecked++) {
            dk_config c = check_config("flow", names[k], 3);
            c.start = DK_START_STATE, c.unchecked = unchecked, c.dim = SHORT;
            memory[0] = memory[n + 1] = 7;
            for (int i = 0; i < SHORT; i++) few[i] = (dk_real)(i - SHORT / 2) / 100;
            for (size_t i = 0; i < n; i++) x[i] = few[i % SHORT];
            assert_int_equal(dk_sample(&c, halve, NULL, few), DK_OK);
            c.dim = n;
            assert_int_equal(dk_sample(&c, halve, NULL, x), DK_OK);
            for (size_t i = 0; i < n; i += SHORT) assert_memory_equal(x + i, few, (i + SHORT < n ? (size_t)SHORT : n - i) * sizeof *x);
            assert_true(memory[0] == 7 && memory[n + 1] == 7);
        }
    free(memory);
}

int main(void) {
    check_malloc = measured_malloc, check_free = measured_free;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_runs_leave_nothing_behind),
        cmocka_unit_test(ten_thousand_steps_end_where_they_should),
        cmocka_unit_test(vectors_that_no_cache_holds_give_the_bits_of_short_ones),
        cmocka_unit_test(a_batch_of_thousands_is_thousands_of_samples),
        cmocka_unit_test(numbers_beyond_32_bits_are_where_they_belong),
        cmocka_unit_test(noise_has_addresses_beyond_32_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
