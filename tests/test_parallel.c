/* Long vectors worked on in parts: results do not depend on how many there are, nor on who works on them. */
#include "check.h"

/* Tasks from the last to the first, one after the other; remembers the most that it was asked for. */
static int most_tasks, parallel_calls;
static void backwards(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    assert_ptr_equal(user, &most_tasks);
    parallel_calls++;
    if (n > most_tasks) most_tasks = n;
    for (int i = n; i-- > 0;) task(arg, i);
}

/* By threads, where there are any; clang's and gcc's -fsanitize=thread looks at them. */
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
typedef struct job {
    void (*task)(void *arg, int i);
    void *arg;
    int i;
} job;
static void *work(void *v) {
    job *j = (job *)v;
    j->task(j->arg, j->i);
    return NULL;
}
static void by_threads(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    enum { MOST = 8 };
    pthread_t thread[MOST];
    job jobs[MOST];
    (void)user;
    assert_true(n <= MOST);
    for (int i = 0; i < n; i++) {
        jobs[i].task = task, jobs[i].arg = arg, jobs[i].i = i;
        assert_int_equal(pthread_create(&thread[i], NULL, work, &jobs[i]), 0);
    }
    for (int i = 0; i < n; i++) pthread_join(thread[i], NULL);
}

/* A thread's own runs, again and again, of a plan that all share. */
enum { SHARED_DIM = 100, RUNS = 20 };
typedef struct sharer {
    const dk_plan *plan;
    const dk_config *config;
    uint64_t seed;
    dk_real x[SHARED_DIM], y[SHARED_DIM];
    int failed;
} sharer;
static int shared_network(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = e->input[i] / (1 + e->input[i] * e->input[i]);
    return 0;
}
static void *share(void *v) {
    sharer *s = (sharer *)v;
    for (int i = 0; i < RUNS; i++) {
        dk_config c = *s->config;
        dk_run run;
        c.seed = s->seed;
        s->failed += dk_begin_plan(&run, s->plan, &c, s->x, NULL, 0) != DK_OK;
        s->failed += dk_continue(&run, shared_network, NULL) != DK_OK;
        dk_end(&run);
        /* one config and one plan for all threads, which nobody writes to */
        s->failed += dk_begin_plan(&run, s->plan, s->config, s->y, NULL, 0) != DK_OK;
        s->failed += dk_continue(&run, shared_network, NULL) != DK_OK;
        dk_end(&run);
        s->failed += dk_begin(&run, s->config, s->y, NULL, 0) != DK_OK;
        s->failed += dk_continue(&run, shared_network, NULL) != DK_OK;
        dk_end(&run);
    }
    return NULL;
}

static void eight_threads_share_a_plan(void **state) {
    enum { THREADS = 8 };
    static sharer sharers[THREADS];
    pthread_t thread[THREADS];
    dk_config c = check_config("vp", "dpmpp_2m_sde", 6);
    dk_plan plan;
    (void)state;
    memset(&plan, 0, sizeof plan);
    c.dim = SHARED_DIM, c.prediction = DK_PREDICT_V;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    for (uint64_t i = 0; i < THREADS; i++) {
        sharers[i].plan = &plan, sharers[i].config = &c, sharers[i].seed = i;
        assert_int_equal(pthread_create(&thread[i], NULL, share, &sharers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) pthread_join(thread[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        dk_real alone[SHARED_DIM];
        c.seed = (uint64_t)i;
        assert_int_equal(dk_sample(&c, shared_network, NULL, alone), DK_OK);
        assert_int_equal(sharers[i].failed, 0);
        assert_memory_equal(sharers[i].x, alone, sizeof alone);
    }
    dk_plan_free(&plan);
}
#else
#define by_threads backwards
static void eight_threads_share_a_plan(void **state) {
    (void)state;
    skip();
}
#endif

/* 70,003 numbers in two samples: long enough for parts, with an odd end and a border between samples within a tile. */
enum { BATCH = 2, DIM = 35001, SIZE = BATCH * DIM };

static int network(void *user, const dk_eval *e) {
    dk_number number = *(const dk_number *)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        dk_real x, F, G;
        if (number) dk_from_half(number, e->input_half + i, &x, 1);
        else x = e->input[i];
        F = (x - (dk_real)e->t) / (1 + x * x), G = F / 2;
        if (number) dk_to_half(number, &F, e->output_half + i, 1);
        else e->output[i] = F;
        if (e->uncond_output) e->uncond_output[i] = G;
        if (e->uncond_output_half) dk_to_half(number, &G, e->uncond_output_half + i, 1);
    }
    return 0;
}

static dk_config long_config(const char *sampler, int steps) {
    dk_config c = check_config("vp", sampler, steps);
    c.batch = BATCH, c.dim = DIM, c.prediction = DK_PREDICT_V, c.parallel_user = &most_tasks;
    return c;
}

static void parts_change_no_result(void **state) {
    static const char *const samplers[] = {"euler",     "dpmpp_2m",     "dpmpp_2m_sde",
                                           "edm_churn", "euler_cfg_pp", "predictor_corrector",
                                           "rk45",      "dpm_adaptive"};
    const dk_parallel_fn ways[] = {backwards, by_threads,
                                   NULL}; /* NULL: OpenMP, or one part after the other */
    static dk_real want[SIZE], got[SIZE];
    (void)state;
    for (size_t k = 0; k < sizeof samplers / sizeof samplers[0]; k++) {
        dk_number number = (dk_number)(k % 3);
        dk_config c = long_config(samplers[k], 3);
        c.number = number, c.threads = 1;
        if (dk_sample(&c, network, &number, want)) fail_msg("%s: %s", samplers[k], dk_message(&c));
        for (int threads = 2; threads <= 7; threads += 5)
            for (int way = 0; way < 3; way++) {
                c.threads = threads, c.parallel = ways[way];
                most_tasks = 0;
                if (dk_sample(&c, network, &number, got)) fail_msg("%s: %s", samplers[k], dk_message(&c));
                if (way == 0) assert_int_equal(most_tasks, threads);
                for (size_t i = 0; i < SIZE; i++)
                    if (memcmp(&got[i], &want[i], sizeof *got))
                        fail_msg("%s, %d threads: element %zu is %.9g, not %.9g", samplers[k], threads, i,
                                 (double)got[i], (double)want[i]);
            }
    }
}

static void every_part_has_memory_of_its_own(void **state) {
    static dk_real x[SIZE];
    dk_number number = DK_NUMBER_REAL;
    dk_plan plan;
    (void)state;
    memset(&plan, 0, sizeof plan);
    dk_config c = long_config("dpmpp_2m_sde", 3);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    c.threads = 1;
    size_t one = dk_run_size(&plan, &c);
    c.threads = 5;
    size_t five = dk_run_size(&plan, &c), tile = 1024 * sizeof(dk_real);
    assert_true(plan.locals > 0);
    assert_true(five - one >= 4 * (size_t)plan.locals * tile &&
                five - one < 4 * (size_t)plan.locals * tile + 200);
    unsigned char *memory = (unsigned char *)malloc(five + 32); /* exactly as much is used */
    memset(memory, 0xA5, five + 32);
    dk_run run;
    c.parallel = backwards;
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, memory, five), DK_OK);
    assert_int_equal(dk_continue(&run, network, &number), DK_OK);
    dk_end(&run);
    for (int i = 0; i < 32; i++) assert_int_equal(memory[five + (size_t)i], 0xA5);
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, memory, five - 1), DK_ERROR_MEMORY);
    free(memory);
    dk_plan_free(&plan);
}

static void short_vectors_are_worked_on_alone(void **state) {
    static dk_real x[1000];
    dk_config c = check_config("vp", "euler", 3);
    dk_run run;
    dk_eval e;
    (void)state;
    c.dim = 1000, c.prediction = DK_PREDICT_V, c.threads = 4, c.parallel = backwards,
    c.parallel_user = &most_tasks;
    parallel_calls = 0;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    while (dk_next(&run, &e))
        for (int i = 0; i < 1000; i++) e.output[i] = 0;
    assert_int_equal(run.status, DK_OK);
    assert_int_equal(parallel_calls, 0);
    dk_end(&run);
}

/* The first of several, whichever part finds its own first. */
static void the_first_bad_number_is_named(void **state) {
    static dk_real x[SIZE];
    static const size_t bad[] = {69999, 40000, 3500, 2500, 1500, 34999, 1023, 1024, 5, SIZE - 1, 0};
    (void)state;
    for (int number = 0; number < 2; number++) {
        dk_config c = long_config("euler", 3);
        dk_number kind = (dk_number)number;
        dk_run run;
        dk_eval e;
        c.threads = 3, c.parallel = backwards, c.number = kind;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_next(&run, &e), 1);
        size_t first = SIZE;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            char place[80];
            network(&kind, &e);
            for (size_t k = 0; k <= i; k++)
                if (number) e.output_half[bad[k]] = 0x7C00;
                else e.output[bad[k]] = (dk_real)NAN;
            if (bad[i] < first) first = bad[i];
            assert_int_equal(dk_next(&run, &e), 0);
            assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
            snprintf(place, sizeof place, "sample %d, element %d", (int)(first / DIM), (int)(first % DIM));
            if (!strstr(run.message, place)) fail_msg("%s, not %s", run.message, place);
            assert_int_equal(dk_next(&run, &e), 1);
        }
        dk_end(&run);
    }
}

/* Long enough for the search to look in places far from one another. */
enum { LONG = 600001 };
static int noise_with_nan(void *user, const dk_noise_request *q, dk_real *out) {
    const size_t *at = (const size_t *)user;
    for (size_t i = 0; i < q->dim; i++) out[i] = 0;
    out[at[0]] = out[at[1]] = (dk_real)NAN;
    return 0;
}

static void the_first_of_two_bad_numbers_far_apart_is_named(void **state) {
    static const size_t bad[][2] = {{0, 600000},      {65535, 65536},   {65536, 65600},   {131073, 65537},  {200000, 70000},
                                    {262143, 262144}, {262144, 524287}, {300000, 299999}, {524288, 600000}, {600000, 600000}};
    static dk_real x[LONG];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t first = bad[i][0] < bad[i][1] ? bad[i][0] : bad[i][1], at[2] = {bad[i][0], bad[i][1]};
        char place[40];
        dk_config c = check_config("vp", "euler", 1);
        dk_run run;
        dk_eval e;
        snprintf(place, sizeof place, ", sample 0, element %d", (int)first);
        c.dim = LONG, c.batch = 1, c.prediction = DK_PREDICT_V;
        c.noise.fn = noise_with_nan, c.noise.user = at;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_next(&run, &e), 0);
        assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
        if (!strstr(run.message, place)) fail_msg("%s, not %s", run.message, place);
        dk_end(&run);
        c.noise.fn = NULL, c.number = i % 2 ? DK_NUMBER_FP16 : DK_NUMBER_BF16;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_next(&run, &e), 1);
        memset(e.output_half, 0, LONG * sizeof *e.output_half);
        e.output_half[at[0]] = e.output_half[at[1]] = 0x7FC0; /* NaN in both */
        assert_int_equal(dk_next(&run, &e), 0);
        assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
        if (!strstr(run.message, place)) fail_msg("%s, not %s", run.message, place);
        dk_end(&run);
    }
}

/* Every evaluation goes wrong at first, in its last element. What it is asked is then the same again, and so is the result. */
static void a_long_run_goes_on_after_bad_outputs(void **state) {
    static dk_real x[SIZE], want[SIZE], before[SIZE], input[SIZE];
    static uint16_t input_half[SIZE];
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        const dk_number number = (dk_number)(i % 3);
        dk_config c = long_config(dk_sampler_at(i)->name, 3);
        dk_number kind = number;
        dk_run run;
        dk_eval e;
        if (i % 2) c.schedule = dk_edm(0.1, 10), c.prediction = DK_PREDICT_EDM;
        c.dim = SIZE / 12, c.batch = 12 / (1 + i % 2), c.number = number, c.threads = 1 + 2 * (i % 2), c.parallel = backwards;
        if (dk_sample(&c, network, &kind, want)) fail_msg("%s: %s", dk_sampler_at(i)->name, dk_message(&c));
        size_t n = c.dim * (size_t)c.batch;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        while (dk_next(&run, &e)) {
            memcpy(before, dk_state(&run), n * sizeof *before);
            if (number) memcpy(input_half, e.input_half, n * sizeof *input_half);
            else memcpy(input, e.input, n * sizeof *input);
            network(&kind, &e);
            if (number) e.output_half[n - 1] = 0x7F80; /* NaN in fp16, infinity in bf16 */
            else e.output[n - 1] = (dk_real)NAN;
            assert_int_equal(dk_next(&run, &e), 0);
            assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
            if (!strstr(run.message, "the network's output is NaN or infinite at step "))
                fail_msg("%s: %s", dk_sampler_at(i)->name, run.message);
            assert_int_equal(dk_next(&run, &e), 1);
            assert_memory_equal(before, dk_state(&run), n * sizeof *before);
            if (number) assert_memory_equal(input_half, e.input_half, n * sizeof *input_half);
            else assert_memory_equal(input, e.input, n * sizeof *input);
            network(&kind, &e);
        }
        if (run.status) fail_msg("%s: %s", dk_sampler_at(i)->name, run.message);
        assert_memory_equal(x, want, n * sizeof *x);
        dk_end(&run);
    }
}

static void wrong_threads_are_refused(void **state) {
    static dk_real x[SIZE];
    dk_number number = DK_NUMBER_REAL;
    dk_config c = long_config("euler", 3);
    (void)state;
    c.threads = -1;
    assert_int_equal(dk_sample(&c, network, &number, x), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "threads = -1: must be 0 .. 65536");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_change_no_result),
        cmocka_unit_test(every_part_has_memory_of_its_own),
        cmocka_unit_test(short_vectors_are_worked_on_alone),
        cmocka_unit_test(the_first_bad_number_is_named),
        cmocka_unit_test(the_first_of_two_bad_numbers_far_apart_is_named),
        cmocka_unit_test(a_long_run_goes_on_after_bad_outputs),
        cmocka_unit_test(wrong_threads_are_refused),
        cmocka_unit_test(eight_threads_share_a_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
