/* What one can do wrong with a run, and what comes of it: runs that are moved, configs that nobody may write to, networks that
   leave their output as it is. */
#include "check.h"
#ifdef __cplusplus
#include <vector>
#endif
#ifdef __GNUC__ /* C++ would have every member named in {8} */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ------------------------------------------------------------------------------- runs that move */

enum { DIM = 5, RUNS = 4 };
static const char *const samplers[RUNS] = {"euler_a", "dpmpp_2m", "rk45", "unipc"};

static dk_config config_of(int k) {
    dk_config c = check_config("vp", samplers[k], 6);
    c.dim = DIM, c.seed = (uint64_t)k;
    return c;
}

static void answer(const dk_eval *e) { check_nonlinear(NULL, e); }

/* Runs finish one by one; the last takes the place of the one that has, and what it leaves is overwritten. */
static void runs_move_by_assignment(void **state) {
    dk_run runs[RUNS];
    dk_real x[RUNS][DIM], want[RUNS][DIM];
    dk_eval e;
    int n = RUNS, steps = 0;
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        dk_config c = config_of(k);
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want[k]), DK_OK);
        assert_int_equal(dk_begin(&runs[k], &c, x[k], NULL, 0), DK_OK);
    }
    while (n > 0) {
        int k = steps++ % n;
        if (dk_next(&runs[k], &e)) {
            answer(&e);
        } else {
            assert_int_equal(runs[k].status, DK_OK);
            dk_end(&runs[k]);
            runs[k] = runs[--n];
            memset(&runs[n], 0xEE, sizeof runs[n]);
        }
    }
    assert_memory_equal(x, want, sizeof x);
}

/* To memory of another address before every call, in memory of the caller's, with all that looks at a run. */
static void runs_move_by_memcpy(void **state) {
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        dk_config c = config_of(k);
        dk_real x[DIM], want[DIM], out[DIM];
        dk_eval e;
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want), DK_OK);
        size_t bytes = dk_run_size(NULL, &c);
        void *memory = malloc(bytes);
        dk_run *run = (dk_run *)malloc(sizeof *run);
        assert_int_equal(dk_begin(run, &c, x, memory, bytes), DK_OK);
        for (int more = 1; more;) {
            dk_run *moved = (dk_run *)malloc(sizeof *moved);
            memcpy(moved, run, sizeof *moved);
            memset(run, 0xEE, sizeof *run);
            free(run);
            run = moved;
            more = dk_next(run, &e);
            if (more) answer(&e), assert_int_equal(dk_denoised(run, out), DK_OK), assert_non_null(dk_state(run));
            assert_non_null(dk_run_plan(run));
        }
        assert_int_equal(run->status, DK_OK);
        dk_end(run);
        free(run), free(memory);
        assert_memory_equal(x, want, sizeof x);
    }
}

static void runs_live_in_a_vector(void **state) {
    (void)state;
#ifdef __cplusplus
    std::vector<dk_run> runs;
    dk_real x[RUNS][DIM], want[RUNS][DIM];
    dk_eval e;
    for (int k = 0; k < RUNS; k++) { /* grows, and so moves what is in it */
        dk_config c = config_of(k);
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want[k]), DK_OK);
        runs.push_back(dk_run());
        assert_int_equal(dk_begin(&runs.back(), &c, x[k], NULL, 0), DK_OK);
        for (size_t i = 0; i < runs.size(); i++)
            if (dk_next(&runs[i], &e)) answer(&e);
    }
    while (!runs.empty())
        if (dk_next(&runs.front(), &e)) answer(&e);
        else dk_end(&runs.front()), runs.erase(runs.begin());
    assert_memory_equal(x, want, sizeof x);
#else
    skip();
#endif
}

/* ------------------------------------------------------------------------------- configs that nobody writes to */

/* Lies in memory that cannot be written to. */
static const dk_config constant = {8, 2, 3, 42};

static void a_config_may_be_constant(void **state) {
    dk_config copy = constant;
    dk_real x[6], want[6];
    dk_plan plan;
    dk_run run;
    (void)state;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_sample(&copy, check_nonlinear, NULL, want), DK_OK);
    assert_int_equal(dk_begin(&run, &constant, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    dk_end(&run);
    assert_memory_equal(x, want, sizeof x);
    assert_int_equal(dk_record(&plan, &copy), DK_OK);
    assert_true(dk_run_size(&plan, &constant) > 0);
    assert_int_equal(dk_begin_plan(&run, &plan, &constant, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    dk_end(&run);
    assert_memory_equal(x, want, sizeof x);
    assert_int_equal(dk_begin(&run, &constant, NULL, NULL, 0), DK_ERROR_CONFIG); /* nor when it is refused */
    assert_string_equal(run.message, "x = NULL: must be batch * dim numbers");
    dk_plan_free(&plan);
}

static void a_run_shares_no_memory(void **state) {
    static union {
        dk_run run;
        dk_real numbers[sizeof(dk_run) / sizeof(dk_real)];
    } u;
    dk_config c = config_of(0);
    dk_real x[DIM];
    char memory[20000];
    (void)state;
    assert_int_equal(dk_begin(&u.run, &c, x, &u, sizeof u), DK_ERROR_CONFIG);
    assert_string_equal(u.run.message, "memory: must not overlap the dk_run");
    assert_int_equal(dk_begin(&u.run, &c, u.numbers + 10, memory, sizeof memory), DK_ERROR_CONFIG);
    assert_string_equal(u.run.message, "x: must not overlap the dk_run");
}

/* ------------------------------------------------------------------------------- numbers that are not there */

typedef struct lazy {
    size_t from, to; /* the elements that it leaves in evaluation `call` */
    int call;
    dk_real value; /* of the others */
} lazy;

static int lazy_network(void *user, const dk_eval *e) {
    const lazy *l = (const lazy *)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        if (e->call == l->call && i >= l->from && i < l->to) continue;
        if (e->output) e->output[i] = l->value;
        else dk_to_half(DK_NUMBER_BF16, &l->value, &e->output_half[i], 1);
    }
    return 0;
}

static void what_the_network_leaves_unwritten_is_named(void **state) {
    enum { LONG = 2500 };
    static dk_real x[4 * LONG];
    static const struct {
        size_t dim, from, to;
        const char *message;
    } rows[] = {
        {3, 0, 12, "step 2 of 4 (evaluation 2), sample 0, element 0"}, /* nothing is written */
        {3, 3, 12, "step 2 of 4 (evaluation 2), sample 1, element 0"}, /* the first sample alone is */
        {3, 4, 5, "step 2 of 4 (evaluation 2), sample 1, element 1"},  /* a gap, which is found in up to 1024 numbers */
        {256, 300, 301, "step 2 of 4 (evaluation 2), sample 1, element 44"},
        {3, 11, 12, "step 2 of 4 (evaluation 2), sample 3, element 2"},
        {1, 2, 3, "step 2 of 4 (evaluation 2), sample 2, element 0"},
        {LONG, LONG, 4 * LONG, "step 2 of 4 (evaluation 2), sample 1, element 451"},
        {LONG, LONG + 1000, LONG + 2024, "step 2 of 4 (evaluation 2), sample 1, element 1475"},
    };
    (void)state;
    for (int number = 0; number < DK_NUMBER_COUNT; number += DK_NUMBER_BF16)
        for (int i = 0; i < COUNT(rows); i++) {
            dk_config c = check_config("flow", "dpmpp_2m", 4);
            lazy l = {rows[i].from, rows[i].to, 2, (dk_real)0.5};
            char text[200];
            c.dim = rows[i].dim, c.batch = 4, c.number = (dk_number)number;
            assert_int_equal(dk_sample(&c, lazy_network, &l, x), DK_ERROR_NOT_FINITE);
            snprintf(text, sizeof text, "the network has not written its output at %s", rows[i].message);
            assert_string_equal(dk_message(&c), text);
            c.unchecked = 1; /* which does not look, and so leaves nothing to be found */
            assert_int_equal(dk_sample(&c, lazy_network, &l, x), DK_OK);
        }
    dk_config c = check_config("flow", "euler_cfg_pp", 4);
    lazy l = {0, 0, -1, (dk_real)0.5};
    assert_int_equal(dk_sample(&c, lazy_network, &l, x), DK_ERROR_NOT_FINITE);
    assert_string_equal(dk_message(&c), "the network has not written its uncond_output at step 0 of 4 (evaluation 0), sample 0, element 0");
}

static const double most_real = sizeof(dk_real) == 8 ? 1.7e308 : 3.4e38;

static int huge_at_the_end(void *user, const dk_eval *e) {
    dk_real most = (dk_real)most_real;
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = e->step + 1 < e->steps ? 0 : i == 3 ? -most : (dk_real)1;
    return 0;
}

/* eps: the last step takes sigma/alpha of it. */
static void a_result_that_overflows_is_an_error_and_stays_one(void **state) {
    dk_config c = check_config("edm", "euler", 4);
    dk_real x[DIM], out[DIM];
    dk_run run;
    dk_eval e;
    (void)state;
    c.prediction = DK_PREDICT_EPS, c.dim = DIM, c.schedule.sigma_min = 50, c.schedule.sigma_max = 80;
    c.schedule.t_min = 50, c.schedule.t_max = 80;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, huge_at_the_end, NULL), DK_ERROR_NOT_FINITE);
    for (int again = 0; again < 2; again++) {
        assert_string_equal(run.message, "the result is NaN or infinite after the last evaluation, at step 3 of 4 "
                                         "(evaluation 3), sample 0, element 3");
        assert_int_equal(dk_denoised(&run, out), DK_ERROR_NOT_FINITE);
        assert_int_equal(dk_next(&run, &e), 0);
        assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
        assert_int_equal(dk_continue(&run, huge_at_the_end, NULL), DK_ERROR_NOT_FINITE);
    }
    dk_end(&run);
    c.unchecked = 1;
    assert_int_equal(dk_sample(&c, huge_at_the_end, NULL, x), DK_OK);
}

/* Keeps more vectors than a trial of the last pass has tiles. */
static void keeps_many(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from), kept = D;
        double c = r->to.sigma / r->from.sigma;
        for (int i = 0; i < 30; i++) kept = dkr_keep(r, dkr_mix(1, kept, 0.5, r->x));
        r->x = dkr_mix(c, r->x, 1 - c, dkr_mix(1, D, 1e-9, kept));
    }
}

/* Long vectors are tried in parts, by threads and with noise of the last step; masks, numbers of 16 bits and sums of many
   terms have tiles of their own. */
static void an_overflow_of_the_last_step_leaves_x(void **state) {
    static const char *const settings[] = {"sampler=euler",
                                           "sampler=dpmpp_2m order=8 lower_order_final=0",
                                           "sampler=lms",
                                           "sampler=heun",
                                           "sampler=euler grid.final=min steps=2",
                                           "sampler=euler_ancestral grid.final=min steps=2",
                                           "sampler=euler_ancestral grid.final=min steps=2 noise=torch_cpu",
                                           "sampler=dpmpp_2m_sde grid.final=min steps=2 guidance.scale=3 guidance.rescale=1",
                                           "sampler=euler sampler.churn=3",
                                           "sampler=dpm_solver_2m", /* in 16 bits it writes D, too */
                                           "sampler=heun order=2 rtol=1 atol=1",
                                           "own"};
    static const size_t dims[] = {3, 600, 70000};
    enum { MOST = 140000 };
    dk_real *x = (dk_real *)malloc(MOST * sizeof *x), *before = (dk_real *)malloc(MOST * sizeof *x);
    dk_real *known = (dk_real *)calloc(MOST, sizeof *x);
    (void)state;
    for (int i = 0; i < 4 * COUNT(settings); i++)
        for (int d = 0; d < COUNT(dims); d++) {
            dk_config c = check_config("edm", "euler", 9);
            dk_run run;
            dk_eval e;
            size_t dim = dims[d], bad = 2 * dim - 1;
            int ends = 0;
            if ((i & 2) && sizeof(dk_real) > sizeof(float)) continue; /* 16 bits cannot say what overflows there */
            if (strcmp(settings[i / 4], "own") == 0) c.sampler.record = keeps_many, c.sampler.tableau = NULL;
            else if (dk_config_set(&c, settings[i / 4]) != DK_OK) fail_msg("%s", dk_message(&c));
            c.dim = dim, c.batch = 2, c.threads = 3, c.prediction = DK_PREDICT_EPS;
            c.schedule.sigma_min = c.schedule.t_min = 70;
            if (i & 1) c.mask = c.known = known;
            if (i & 2) c.number = DK_NUMBER_BF16;
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            while (dk_next(&run, &e)) {
                if (e.output) check_zero(NULL, &e);
                else memset(e.output_half, 0, 2 * dim * sizeof *e.output_half);
                memcpy(before, dk_state(&run), 2 * dim * sizeof *x);
                if (e.calls ? e.call + 1 < e.calls : e.level.sigma > 70 || !ends++) continue; /* an attempt's stage was there */
                if (e.output) e.output[bad] = (dk_real)(most_real * -0.99);
                else e.output_half[bad] = 0xFF7F;
            }
            assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
            assert_non_null(strstr(run.message, "the result is NaN or infinite after the last evaluation"));
            if (memcmp(x, before, 2 * dim * sizeof *x)) fail_msg("%s, case %d, dim %zu", settings[i / 4], i % 4, dim);
            dk_end(&run);
        }
    free(x), free(before), free(known);
}

/* A trial has tiles for three buffers. No sampler writes more, since what nothing reads later needs none. */
static void a_last_pass_writes_little(void **state) {
    dk_real mask[1] = {0};
    int most = 0;
    (void)state;
    for (int s = -1; s < 0 || dk_sampler_at(s); s++)
        for (int k = 0; k < 16; k++) {
            dk_config c = check_config(k & 8 ? "flow" : "vp_linear", s < 0 ? "euler" : dk_sampler_at(s)->name, 9);
            dk_plan p;
            int writes = 0;
            if (s < 0) c.sampler.record = keeps_many, c.sampler.tableau = NULL;
            if (k & 1) c.mask = c.known = mask;
            if (k & 2) c.number = DK_NUMBER_FP16;
            if (k & 4) c.guidance.scale = 3, c.guidance.rescale = 0.5;
            memset(&p, 0, sizeof p);
            if (dk_record(&p, &c) != DK_OK) continue; /* step-size control has no rescale */
            const dk_pass *last = &p.pass[p.passes - 1];
            for (int i = last->first; i < last->first + last->count; i++) writes += p.value[p.row[i].dst].kind != DK_VALUE_LOCAL;
            if (writes > most) most = writes;
            dk_plan_free(&p);
        }
    assert_in_range(most, 1, 3);
}

static int huge_at_70(void *user, const dk_eval *e) {
    check_zero(user, e);
    if (e->level.sigma <= 70) e->output[1] = (dk_real)(most_real * -0.99);
    return 0;
}

/* Fehlberg's last stage stands at the step's end: the state that it gives is infinite, its error in units of that is 0. */
static void an_attempt_at_an_infinite_state_is_rejected(void **state) {
    dk_config c = check_config("edm", "rk45", 4);
    dk_real x[2];
    (void)state;
    c.dim = 2, c.prediction = DK_PREDICT_EPS, c.schedule.sigma_min = c.schedule.t_min = 70;
    c.sampler.control.rtol = c.sampler.control.atol = 1;
    assert_int_equal(dk_sample(&c, huge_at_70, NULL, x), DK_ERROR_STEP);
    assert_true(x[1] - x[1] <= 0);
}

static int spoiling_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)slot;
    if (e->step == e->steps - 1 && *(int *)user) D[1] = (dk_real)NAN;
    else if (e->step == e->steps - 1) D[1] = 0;
    return 0;
}

static void a_hook_that_makes_nan_in_the_last_step_is_named(void **state) {
    dk_config c = check_config("flow", "euler", 3);
    dk_real x[DIM];
    int spoils = 1;
    dk_run run;
    dk_eval e;
    (void)state;
    c.dim = DIM, c.guidance.hook = spoiling_hook, c.guidance.hook_user = &spoils;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    while (dk_next(&run, &e)) answer(&e);
    assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
    assert_string_equal(run.message, "guidance.hook has made D NaN or infinite at step 2 of 3 (evaluation 2), "
                                     "sample 0, element 1");
    spoils = 0; /* it is called again, with D as it left it */
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    dk_end(&run);
}

static int zero_in_half(void *user, const dk_eval *e) {
    (void)user;
    memset(e->output_half, 0, e->dim * (size_t)e->batch * sizeof *e->output_half);
    return 0;
}

static void inputs_beyond_fp16_are_named(void **state) {
    dk_config c = check_config("ve", "euler", 3);
    dk_real x[4] = {1, 65000, 65530, 1};
    dk_run run;
    dk_eval e;
    (void)state;
    c.schedule.sigma_max = 100, c.dim = 2, c.batch = 2, c.start = DK_START_STATE, c.number = DK_NUMBER_FP16;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(dk_next(&run, &e), 0);
        assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
        assert_string_equal(run.message, "the network's input is beyond 65504, the largest number of fp16, at step 0 "
                                         "of 3 (evaluation 0), sample 1, element 0");
    }
    dk_end(&run);
    x[2] = 65504;
    assert_int_equal(dk_sample(&c, zero_in_half, NULL, x), DK_OK);
    x[2] = 65530, c.number = DK_NUMBER_BF16; /* which reaches as far as float does */
    assert_int_equal(dk_sample(&c, zero_in_half, NULL, x), DK_OK);
}

/* The largest bf16 is 255 2^120 = 3.3895e38; a float of 3.4e38 is nearer to the next one, which there is not. */
static void inputs_beyond_bf16_are_named(void **state) {
    dk_config c = check_config("ve", "euler", 3);
    dk_real x[2] = {1, (dk_real)3.4e38f};
    (void)state;
    c.dim = 2, c.start = DK_START_STATE, c.number = DK_NUMBER_BF16;
    assert_int_equal(dk_sample(&c, zero_in_half, NULL, x), DK_ERROR_NOT_FINITE);
    assert_string_equal(c.message, "the network's input is beyond 3.39e38, the largest number of bf16, at step 0 of 3 "
                                   "(evaluation 0), sample 0, element 1");
}

static void what_is_missing_in_a_run_is_said(void **state) {
    dk_config c = check_config("flow", "euler", 3);
    dk_real x[DIM], out[DIM];
    dk_plan plan;
    dk_run run;
    dk_eval e;
    (void)state;
    memset(&plan, 0, sizeof plan);
    c.dim = DIM;
    assert_true(dk_run_size(&plan, &c) == 0); /* nothing has been recorded */
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_next(&run, NULL), 0);
    assert_int_equal(run.status, DK_ERROR_CONFIG);
    assert_string_equal(run.message, "eval = NULL: must be a dk_eval");
    assert_int_equal(dk_denoised(&run, out), DK_ERROR_ORDER);
    assert_string_equal(run.message, "no evaluation is out that dk_denoised could look at");
    assert_int_equal(dk_next(&run, &e), 1);
    assert_int_equal(dk_denoised(&run, NULL), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "out: must be batch * dim numbers outside of x");
    assert_int_equal(dk_run_noise(&run, 0, NULL), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "out = NULL: must be batch * dim numbers");
    assert_int_equal(dk_run_noise(&run, 7, out), DK_ERROR_ORDER);
    assert_string_equal(run.message, "draw = 7: must be one of the plan's");
    dk_end(&run);
}

static void sum_of_fewer_than_none(dk_recorder *r) {
    while (dkr_step(r)) r->x = dkr_sum(r, -1, NULL, NULL);
}

static void refuse_without_words(dk_recorder *r) {
    dkr_refuse(r, NULL, 3, NULL);
    while (dkr_step(r)) r->x = dkr_denoise(r, r->x, r->from);
}

static void recording_functions_of_ones_own_are_watched(void **state) {
    dk_config c = check_config("flow", NULL, 3);
    (void)state;
    c.sampler.name = "own", c.sampler.record = sum_of_fewer_than_none;
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "n of dkr_sum = -1: must be >= 0, with as many numbers and vectors");
    c.sampler.record = refuse_without_words;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "(NULL) = 3: must be otherwise");
}

/* Coefficients that vanish by chance where an attempt's memory is counted do not make it too small. */
static void every_controlled_sampler_has_memory_for_its_steps(void **state) {
    static const char *const gauges[] = {"default", "ve", "flow"}, *const families[] = {"flow", "edm", "vp_linear"};
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++)
        for (int i = 0; i < 27; i++) {
            static const double tolerance[] = {0.3, 0.1, 0.02};
            dk_config c = check_config(families[i / 9], dk_sampler_at(k)->name, 3);
            dk_real x[DIM];
            char text[64];
            snprintf(text, sizeof text, "gauge=%s rtol=%g eta=0 churn=0", gauges[i % 3], tolerance[i / 3 % 3]);
            c.dim = DIM;
            if (dk_config_set(&c, text) != DK_OK) continue;
            if (dk_sample(&c, check_nonlinear, NULL, x) == DK_ERROR_MEMORY) fail_msg("%s: %s", text, dk_message(&c));
        }
}

static int noisy_network(void *user, const dk_eval *e) {
    uint32_t *random = (uint32_t *)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)((*random = *random * 1664525u + 1013904223u) >> 8);
    return 0;
}

static void a_run_whose_steps_became_too_small_says_so_again(void **state) {
    dk_config c = check_config("edm", "rk45", 4);
    dk_real x[DIM], out[DIM];
    uint32_t random = 1;
    dk_run run;
    (void)state;
    c.dim = DIM, c.sampler.control.rtol = c.sampler.control.atol = 1e-12;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    for (int again = 0; again < 3; again++) {
        assert_int_equal(dk_continue(&run, noisy_network, &random), DK_ERROR_STEP);
        assert_int_equal(strncmp(run.message, "the step size became too small", 30), 0);
        assert_int_equal(dk_denoised(&run, out), DK_ERROR_STEP);
    }
    dk_end(&run);
}

/* ------------------------------------------------------------------------------- saves */

static char bytes[8192];

static int own_noise(void *user, const dk_noise_request *q, dk_real *out) {
    (void)user;
    memset(out, 0, (size_t)q->batch * q->dim * sizeof *out);
    return 0;
}

static size_t save_after(const dk_config *c, int evaluations) {
    dk_real x[2 * DIM];
    dk_run run;
    dk_eval e;
    assert_int_equal(dk_begin(&run, c, x, NULL, 0), DK_OK);
    for (int i = 0; i < evaluations && dk_next(&run, &e); i++) answer(&e);
    size_t size = dk_save_size(&run);
    assert_true(size <= sizeof bytes);
    assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
    dk_end(&run);
    return size;
}

/* Refused, with these words, and the run goes on as it would. */
static void foreign(const dk_config *c, const char *message) {
    dk_real x[2 * DIM], want[2 * DIM];
    dk_config copy = *c;
    dk_run run;
    assert_int_equal(dk_sample(&copy, check_nonlinear, NULL, want), DK_OK);
    assert_int_equal(dk_begin(&run, c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_ERROR_SAVED);
    if (strncmp(run.message, message, strlen(message)) != 0) fail_msg("wanted \"%s\", got \"%s\"", message, run.message);
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    dk_end(&run);
    assert_memory_equal(x, want, (size_t)(c->batch ? c->batch : 1) * c->dim * sizeof *x);
}

static void saves_know_what_they_belong_to(void **state) {
    static const uint64_t seeds[2] = {7, 8}, others[2] = {7, 9};
    (void)state;
    for (int control = 0; control < 2; control++) {
        dk_config c = check_config("edm", control ? "rk45" : "euler_a", 6), other;
        c.dim = DIM, c.batch = 2;
        save_after(&c, 3);
        other = c, other.seed = 8;
        foreign(&other, "saved seed = 7: must be 8");
        other = c, other.first_sample = 5;
        foreign(&other, "saved first_sample = 0: must be 5");
        other = c, other.seeds = seeds;
        foreign(&other, "saved seed = 7: must be 0");
        other = c, other.noise.kind = DK_NOISE_BROWNIAN;
        foreign(&other, "saved noise: another source than this run's");
        other = c, other.step_noise.fn = own_noise;
        foreign(&other, "saved step_noise: another source than this run's");
        other = c, other.steps = 7;
        foreign(&other, "saved config (schedule, grid, sampler, model, guidance ...): another than this run's");
        other = c, other.schedule.sigma_max = other.schedule.t_max = 79;
        foreign(&other, "saved config (");
        if (control) {
            other = c, other.sampler.control.rtol = 0.5;
            foreign(&other, "saved config (");
            other = c, other.clip = 1;
            foreign(&other, "saved config (");
        }
        c.seeds = seeds;
        save_after(&c, 3);
        other = c, other.seeds = others;
        foreign(&other, "saved seeds: not those of this run");
    }
}

/* At every place, the end included; also where the run has ended in an error. */
static void runs_that_are_over_save_and_load(void **state) {
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        dk_config c = check_config("edm", samplers[k], 4);
        dk_real x[DIM], want[DIM], out[DIM];
        dk_run run;
        c.dim = DIM;
        if (k == 2) c.sampler.control.rtol = c.sampler.control.atol = 0.05;
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want), DK_OK);
        for (int at = 0; at < 40; at++) {
            save_after(&c, at);
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
            assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
            assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK); /* and what was loaded, too */
            assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
            assert_int_equal(dk_denoised(&run, out), DK_OK);
            dk_end(&run);
            assert_memory_equal(x, want, sizeof x);
            assert_memory_equal(out, want, sizeof x);
        }
    }
    dk_config c = check_config("edm", "rk45", 4);
    dk_real x[DIM];
    uint32_t random = 1;
    dk_run run;
    c.dim = DIM, c.sampler.control.rtol = c.sampler.control.atol = 1e-12;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, noisy_network, &random), DK_ERROR_STEP);
    assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
    assert_int_equal(dk_continue(&run, noisy_network, &random), DK_ERROR_STEP);
    dk_end(&run);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
    assert_int_equal(dk_continue(&run, noisy_network, &random), DK_ERROR_STEP);
    assert_string_equal(run.message, "the run had ended before it was saved: the step size became too small");
    dk_end(&run);
    /* A range without length, where a first step is sought in vain. */
    c.sampler.control.rtol = c.sampler.control.atol = 0.05, c.steps = 1, c.grid.quirks = DK_QUIRK_CLEAN_TWICE;
    for (int at = 1; at < 3; at++) {
        save_after(&c, at);
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_ERROR_STEP);
        dk_end(&run);
    }
    for (int doubled = 0; doubled < 2; doubled++) { /* a result that is found on its way into x, or in it */
        c = check_config("edm", "euler", 4);
        c.prediction = DK_PREDICT_EPS, c.dim = DIM, c.schedule.sigma_min = c.schedule.t_min = 50;
        if (doubled) c.sampler = dk_sampler_named("heun"), c.grid.final = DK_FINAL_MIN;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_continue(&run, huge_at_the_end, NULL), DK_ERROR_NOT_FINITE);
        assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
        dk_end(&run);
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_continue(&run, huge_at_the_end, NULL), DK_ERROR_NOT_FINITE);
        assert_string_equal(run.message, "the run had ended before it was saved: numbers are NaN, infinite or not written");
        dk_end(&run);
    }
}

/* Makes a word of a save another, with the hash that belongs to it, and loads that. */
static dk_status load_made_up(dk_run *run, const unsigned char *saved, size_t size, size_t at, uint64_t word) {
    dk_eval e;
    uint64_t hash = 0xCBF29CE484222325u;
    unsigned char *made = (unsigned char *)malloc(size); /* so that sanitizers know its end */
    assert_non_null(made);
    memcpy(made, saved, size);
    for (size_t b = 0; b < 8; b++) made[at + b] = (unsigned char)(word >> 8 * b);
    for (size_t b = 0; b < size - 8; b++) hash = (hash ^ made[b]) * 0x100000001B3u;
    for (size_t b = 0; b < 8; b++) made[size - 8 + b] = (unsigned char)(hash >> 8 * b);
    dk_status status = dk_load(run, made, size);
    for (int n = 0; status == DK_OK && n < 9 && dk_next(run, &e); n++) answer(&e);
    free(made);
    return status;
}

/* Such saves are refused or harmless, with every method that has an estimate of its error. Behind eleven words, which are
   this run's, stand where its steps are, the cursor, and the numbers that are computed with. */
static void made_up_words_of_a_save_do_no_harm(void **state) {
    static const uint64_t words[] = {0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFFFFFFFFFF, 0xBFF0000000000000,
                                     0x7FF0000000000000, 0x7FF8000000000000, 0x7E37E43C8800759C /* 1e300 */};
    enum { FIRST = 11, END = FIRST + 15 + 3 + 3 };
    static unsigned char whole[8192];
    int methods = 0, loaded = 0, refused = 0;
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++) {
        dk_config c = check_config(k % 2 ? "vp" : "edm", dk_sampler_at(k)->name, 4);
        dk_real x[1];
        dk_run run;
        c.dim = 1, c.sampler.control.rtol = c.sampler.control.atol = 0.01;
        if (dk_begin(&run, &c, x, NULL, 0) != DK_OK) continue; /* no estimate */
        methods++;
        for (int at = methods % 5; at < 22; at += 13) {
            size_t size = save_after(&c, at);
            memcpy(whole, bytes, size);
            for (size_t word = 8 * FIRST; word < 8 * END; word += 8)
                for (int i = 0; i < COUNT(words); i++) {
                    dk_status status = load_made_up(&run, whole, size, word, words[i]);
                    assert_true(status == DK_OK || status == DK_ERROR_SAVED);
                    loaded += status == DK_OK, refused += status != DK_OK;
                    if (status != DK_OK) assert_int_equal(dk_load(&run, whole, size), DK_OK);
                }
        }
        dk_end(&run);
    }
    assert_true(methods > 5 && loaded > 1000 && refused > 1000);
}

/* Memory of more bytes than can be counted is refused where size_t has 32 bits. */
static void sizes_do_not_wrap(void **state) {
    static dk_real x[1 << 20];
    dk_run run;
    dk_plan plan;
    (void)state;
    if (sizeof(size_t) > 4) skip();
    dk_config c = check_config("ve", "predictor_corrector", 1);
    memset(&plan, 0, sizeof plan);
    c.dim = 1, c.batch = 1 << 20, c.sampler.sde.langevin_steps = 512;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(dk_run_size(&plan, &c), 0);
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, NULL, 0), DK_ERROR_MEMORY);
    dk_plan_free(&plan);
    c = check_config("ve", "exprk6s15", 567900);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_MEMORY);
}

/* ------------------------------------------------------------------------------- what is known at the start is said there */

static void refused_at_the_start(const char *schedule, const char *sampler, const char *settings, const char *message) {
    dk_config c = check_config(schedule, sampler, 4);
    dk_real x[1] = {0};
    dk_run run;
    assert_int_equal(dk_config_set(&c, settings), DK_OK);
    if (dk_begin(&run, &c, x, NULL, 0) != DK_ERROR_CONFIG) fail_msg("%s %s %s: begins", schedule, sampler, settings);
    if (strncmp(run.message, message, strlen(message)) != 0) fail_msg("wanted \"%s\", got \"%s\"", message, run.message);
}

static void what_cannot_end_does_not_begin(void **state) {
    (void)state;
    refused_at_the_start("flow", "euler", "guidance.zero_init=4", "guidance.zero_init = 4: must be >= 0 and < steps");
    refused_at_the_start("flow", "euler", "guidance.zero_init=2 grid.strength=0.5", "guidance.zero_init = 2: must be below the steps");
    refused_at_the_start("flow", "euler", "guidance.zero_init=3 grid.final=last", "guidance.zero_init = 3: must be below the steps");
    refused_at_the_start("edm", "smld", "steps=6000 langevin_steps=100000",
                         "sampler.langevin_steps = 100000: must be at most 1000000 divided by the steps");
    refused_at_the_start("edm", "dpm_adaptive", "law=sde_noise eta=1", "sampler.law = sde_noise: must be another");
    refused_at_the_start("edm", "rk45", "grid.rising=1 start=state", "condition: the number told to the network");
    dk_config c = check_config("flow", "rk45", 4);
    dk_real x[1] = {0};
    dk_run run;
    c.prediction = DK_PREDICT_EPS; /* which says nothing where alpha = 0 */
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_ERROR_CONFIG);
}

/* Where sigma^2 is no number any more, what guidance sees of the outputs is zero. */
static void a_norm_of_zero_is_taken(void **state) {
    static const char *const forms[] = {"rescale=0.5", "zero_star=1", "projected=1 guidance.limit=1", "projected=2"};
    (void)state;
    for (int k = 0; k < COUNT(forms); k++)
        for (int i = 0; i < 3; i++) {
            dk_config c = check_config("flow", "euler", 1);
            char settings[80];
            dk_real x[1] = {0};
            snprintf(settings, sizeof settings, "guidance.scale=2 guidance.space=edm guidance.%s", forms[k]);
            assert_int_equal(dk_config_set(&c, settings), DK_OK);
            c.prediction = DK_PREDICT_SCORE, c.grid.sigma_max = i == 0 ? 1e-160 : i == 1 ? 1e-200 : 1e-300;
            assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_OK);
        }
}

static int first_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)e, (void)D, (void)slot;
    return ++*(int *)user, 0;
}
static int second_hook(void *user, const dk_eval *e, dk_real *D, int slot) { return first_hook(user, e, D, slot); }

static void other_hook(void *user, dk_level l, int step, int steps, dk_guidance *g) {
    (void)user, (void)l, (void)steps;
    if (step >= 2) g->hook = second_hook;
}
static void hook_left_out(void *user, dk_level l, int step, int steps, dk_guidance *g) {
    (void)user, (void)l, (void)steps;
    if (step < 2) g->hook = NULL;
}

static void a_schedule_of_guidance_may_only_leave_the_hook_out(void **state) {
    dk_config c = check_config("flow", "euler", 5);
    dk_real x[1];
    int called = 0;
    (void)state;
    c.guidance.schedule = other_hook;
    for (int own = 0; own < 2; own++) {
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_ERROR_CONFIG);
        assert_int_equal(strncmp(dk_message(&c), "guidance.hook and guider: a schedule or a phase", 46), 0);
        c.guidance.hook = first_hook, c.guidance.hook_user = &called;
    }
    c.guidance.schedule = hook_left_out;
    assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_OK);
    assert_int_equal(called, 3);
}

/* The second recording gives back what the first allocated: a leak is seen by sanitizers. */
static void a_plan_may_be_recorded_again(void **state) {
    dk_config c = check_config("flow", "euler", 4);
    dk_plan plan;
    (void)state;
    memset(&plan, 0, sizeof plan);
    for (c.steps = 1; c.steps < 2000; c.steps *= 3) {
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(plan.steps, c.steps);
        assert_int_equal(plan.own.owned, 1);
    }
    c.steps = 0;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    dk_plan_free(&plan);
    dk_plan_free(&plan);
    assert_int_equal(dk_plan_text(&plan, NULL, 10) > 0, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_move_by_assignment), cmocka_unit_test(runs_move_by_memcpy),
        cmocka_unit_test(runs_live_in_a_vector),   cmocka_unit_test(a_config_may_be_constant),
        cmocka_unit_test(a_run_shares_no_memory),
        cmocka_unit_test(what_the_network_leaves_unwritten_is_named),
        cmocka_unit_test(an_overflow_of_the_last_step_leaves_x),
        cmocka_unit_test(a_last_pass_writes_little),
        cmocka_unit_test(an_attempt_at_an_infinite_state_is_rejected),
        cmocka_unit_test(a_result_that_overflows_is_an_error_and_stays_one),
        cmocka_unit_test(a_hook_that_makes_nan_in_the_last_step_is_named),
        cmocka_unit_test(inputs_beyond_fp16_are_named),
        cmocka_unit_test(inputs_beyond_bf16_are_named),
        cmocka_unit_test(what_is_missing_in_a_run_is_said),
        cmocka_unit_test(recording_functions_of_ones_own_are_watched),
        cmocka_unit_test(every_controlled_sampler_has_memory_for_its_steps),
        cmocka_unit_test(a_run_whose_steps_became_too_small_says_so_again),
        cmocka_unit_test(saves_know_what_they_belong_to),
        cmocka_unit_test(runs_that_are_over_save_and_load),
        cmocka_unit_test(made_up_words_of_a_save_do_no_harm),
        cmocka_unit_test(sizes_do_not_wrap),
        cmocka_unit_test(what_cannot_end_does_not_begin),
        cmocka_unit_test(a_norm_of_zero_is_taken),
        cmocka_unit_test(a_schedule_of_guidance_may_only_leave_the_hook_out),
        cmocka_unit_test(a_plan_may_be_recorded_again),
    };
    return cmocka_run_group_tests_name("safe", tests, NULL, NULL);
}
