/* Runs: stepping, memory, noise, errors, saving, back ends. What a run computes is test_sampler's business. */
#include <stddef.h>
#include <stdlib.h>

static int allocations, releases, allocations_left = -1; /* -1: any number */
static void *count_malloc(size_t n) {
    if (allocations_left == 0) return NULL;
    if (allocations_left > 0) allocations_left--;
    allocations++;
    return malloc(n);
}
static void count_free(void *p) {
    if (p) releases++;
    free(p);
}
#include "check.h"

static void clear_config(dk_config *c, const char *sampler, int steps, int batch, size_t dim) {
    *c = check_config("vp", sampler, steps);
    c->batch = batch, c->dim = dim;
    c->prediction = DK_PREDICT_V;
}

/* A nonlinear network; the output depends on the level, so that evaluations cannot be mixed up. */
static void answer(const dk_eval *e) {
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        dk_real x = e->input[i];
        e->output[i] = (x - (dk_real)e->t) / (1 + x * x);
        if (e->uncond_output) e->uncond_output[i] = (dk_real)0.5 * e->output[i];
    }
}
static int nonlinear(void *user, const dk_eval *e) {
    if (user) ++*(int *)user;
    answer(e);
    return 0;
}

static void sample(dk_config *c, dk_real *x) {
    dk_status status = dk_sample(c, nonlinear, NULL, x);
    if (status != DK_OK) fail_msg("%s: %s", c->sampler.name, dk_message(c));
}

static void equal_bits(const dk_real *a, const dk_real *b, size_t n, const char *what) {
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0)
            fail_msg("%s: element %zu of %zu is %.17g, not %.17g", what, i, n, (double)a[i], (double)b[i]);
}

static void begin(dk_run *run, dk_config *c, dk_real *x) {
    if (dk_begin(run, c, x, NULL, 0) != DK_OK) fail_msg("%s: %s", c->sampler.name, run->message);
}

static void finish(dk_run *run) {
    if (dk_continue(run, nonlinear, NULL) != DK_OK) fail_msg("%s", run->message);
    dk_end(run);
}

/* A multistep, a several-evaluation, a stochastic and a Langevin sampler. */
static const char *const kinds[] = {"dpmpp_2m", "rk4", "dpmpp_2m_sde", "edm_churn", "predictor_corrector"};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ------------------------------------------------------------------------------- ways to call */

static void stepping_is_blocking_bit_for_bit(void **state) {
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++) {
        dk_real x[14], y[14];
        dk_config c;
        dk_run run;
        dk_eval e;
        int calls = 0;
        clear_config(&c, dk_sampler_at(k)->name, 5, 2, 7);
        sample(&c, x);
        begin(&run, &c, y);
        while (dk_next(&run, &e)) {
            assert_int_equal(e.call, calls++);
            answer(&e);
        }
        assert_int_equal(run.status, DK_OK);
        if (e.calls) assert_int_equal(calls, e.calls); /* with step-size control nobody knows */
        for (int i = 0; i < 3; i++) assert_int_equal(dk_next(&run, &e), 0);
        assert_int_equal(run.status, DK_OK);
        assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_OK);
        dk_end(&run);
        equal_bits(y, x, 14, c.sampler.name);
    }
}

static void evaluations_say_what_they_are(void **state) {
    dk_real x[6];
    dk_config c;
    dk_run run;
    dk_eval e;
    (void)state;
    c = check_config("edm", "heun", 3);
    const double levels[] = {8, 4, 2, 0};
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.dim = 3, c.batch = 2, c.first_sample = 40;
    c.condition_scale = 10, c.prediction = DK_PREDICT_EPS;
    begin(&run, &c, x);
    const double sigma[] = {8, 4, 4, 2, 2};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(dk_next(&run, &e), 1);
        assert_int_equal(e.step, i / 2);
        assert_int_equal(e.stage, i % 2);
        assert_int_equal(e.call, i);
        assert_int_equal(e.calls, 5);
        assert_int_equal(e.steps, 3);
        assert_int_equal(e.batch, 2);
        assert_int_equal(e.dim, 3);
        assert_int_equal(e.first_sample, 40);
        assert_null(e.uncond_output);
        assert_int_equal(e.uncond_slot, -1);
        check_near(e.level.sigma, sigma[i], 0, "sigma");
        check_near(e.level.alpha, 1, 0, "alpha");
        check_near(e.t, 10 * sigma[i], 0, "condition");
        assert_ptr_not_equal(e.input, e.output);
        answer(&e);
    }
    assert_int_equal(dk_next(&run, &e), 0);
    dk_end(&run);
}

static void statuses_have_words(void **state) {
    static const char *const texts[] = {"fine",
                                        "the configuration cannot work",
                                        "not enough memory",
                                        "a callback returned nonzero",
                                        "the progress callback asked to stop",
                                        "numbers are NaN, infinite or not written",
                                        "the saved bytes do not fit this run or are damaged",
                                        "the step size became too small",
                                        "the call makes no sense at this point of the run"};
    (void)state;
    assert_int_equal(DK_STATUS_COUNT, 9);
    for (int i = 0; i < 9; i++) assert_string_equal(dk_status_text((dk_status)i), texts[i]);
    assert_string_equal(dk_status_text(DK_STATUS_COUNT), "unknown status");
    int below = -1;
    dk_status odd;
    memcpy(&odd, &below, sizeof odd);
    assert_string_equal(dk_status_text(odd), "unknown status");
    assert_string_equal(dk_message(NULL), "config = NULL");
}

static void a_zero_run_does_nothing(void **state) {
    dk_run run;
    dk_eval e;
    dk_real x;
    char bytes[8];
    (void)state;
    memset(&run, 0, sizeof run);
    assert_int_equal(dk_next(&run, &e), 0);
    assert_int_equal(dk_denoised(&run, &x), DK_ERROR_ORDER);
    assert_null(dk_state(&run));
    assert_int_equal(dk_save_size(&run), 0);
    assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_ERROR_ORDER);
    assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_ERROR_ORDER);
    dk_end(&run);
    dk_end(&run);
}

/* ------------------------------------------------------------------------------- memory */

static void memory_of_the_stated_size_suffices_at_any_address(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++)
        for (size_t odd = 0; odd < 64; odd += 9) {
            dk_real x[30], y[30];
            dk_config c;
            dk_run run;
            clear_config(&c, kinds[k], 4, 2, 15);
            sample(&c, x);
            size_t bytes = dk_run_size(NULL, &c);
            assert_true(bytes > 0);
            unsigned char *all = (unsigned char *)malloc(bytes + 192);
            assert_non_null(all);
            memset(all, 0xA5, bytes + 192);
            int before = allocations;
            assert_int_equal(dk_begin(&run, &c, y, all + 64 + odd, bytes), DK_OK);
            assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_OK);
            dk_end(&run);
            assert_int_equal(allocations, before);
            for (size_t i = 0; i < bytes + 192; i++)
                if (i < 64 + odd || i >= 64 + odd + bytes) assert_int_equal(all[i], 0xA5);
            free(all);
            equal_bits(y, x, 30, kinds[k]);
        }
}

static void too_little_memory_is_refused_with_both_numbers(void **state) {
    dk_config c;
    dk_run run;
    dk_real x[3];
    (void)state;
    clear_config(&c, "dpmpp_2m", 4, 1, 3);
    size_t bytes = dk_run_size(NULL, &c);
    char *memory = (char *)malloc(bytes), text[100];
    assert_non_null(memory);
    const size_t given[] = {bytes - 1, bytes / 2, 1, 0};
    for (int i = 0; i < 4; i++) { /* where not even the plan fits, the whole is not known */
        assert_int_equal(dk_begin(&run, &c, x, memory, given[i]), DK_ERROR_MEMORY);
        if (i < 2) snprintf(text, sizeof text, "bytes = %zu: must be at least %zu", given[i], bytes);
        else snprintf(text, sizeof text, "bytes = %zu: must be at least ", given[i]);
        assert_int_equal(strncmp(run.message, text, strlen(text) + (i < 2)), 0);
        assert_int_equal(run.status, DK_ERROR_MEMORY);
    }
    assert_int_equal(dk_begin(&run, &c, x, memory, bytes), DK_OK);
    assert_string_equal(dk_message(&c), "");
    dk_end(&run);

    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    size_t workspace = dk_run_size(&plan, &c);
    assert_true(workspace > 0 && workspace < bytes);
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, memory, workspace - 1), DK_ERROR_MEMORY);
    snprintf(text, sizeof text, "bytes = %zu: must be at least %zu", workspace - 1, workspace);
    assert_string_equal(run.message, text);
    assert_string_equal(dk_message(&c), "");
    dk_plan_free(&plan);
    free(memory);
}

static void allocated_memory_is_freed_and_its_lack_reported(void **state) {
    dk_config c;
    dk_real x[3];
    (void)state;
    clear_config(&c, "rk4", 4, 1, 3);
    allocations = releases = 0;
    sample(&c, x);
    assert_true(allocations > 0);
    assert_int_equal(releases, allocations);
    int needed = allocations;
    for (int k = 0; k < needed; k++) {
        allocations = releases = 0, allocations_left = k;
        assert_int_equal(dk_sample(&c, nonlinear, NULL, x), DK_ERROR_MEMORY);
        assert_non_null(strstr(dk_message(&c), "no memory could be allocated: needs "));
        assert_int_equal(releases, allocations);
    }
    allocations_left = -1;
}

static void a_plan_serves_several_runs_at_once(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        dk_real x[3][40], y[3][40];
        dk_config c[3];
        dk_run run[3];
        dk_eval e;
        dk_plan plan;
        const int batch[] = {1, 2, 4};
        const size_t dim[] = {5, 5, 10};
        memset(&plan, 0, sizeof plan);
        for (int i = 0; i < 3; i++) {
            clear_config(&c[i], kinds[k], 6, batch[i], dim[i]);
            c[i].seed = 100 + (uint64_t)i;
            sample(&c[i], x[i]);
        }
        assert_int_equal(dk_record(&plan, &c[0]), DK_OK);
        for (int i = 0; i < 3; i++)
            assert_int_equal(dk_begin_plan(&run[i], &plan, &c[i], y[i], NULL, 0), DK_OK);
        for (int going = 1; going;) {
            going = 0;
            for (int i = 0; i < 3; i++)
                if (dk_next(&run[i], &e)) answer(&e), going = 1;
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(run[i].status, DK_OK);
            dk_end(&run[i]);
            equal_bits(y[i], x[i], dim[i] * (size_t)batch[i], kinds[k]);
        }
        dk_plan_free(&plan);
    }
}

/* ------------------------------------------------------------------------------- cut and resumed */

typedef struct stopper {
    int at, calls; /* calls until it stops, once */
} stopper;

static int stopping(void *user, const dk_eval *e) {
    stopper *s = (stopper *)user;
    if (s->calls++ == s->at) return 1;
    answer(e);
    return 0;
}

static int cancelling(void *user, dk_run *run, const dk_eval *e) {
    stopper *s = (stopper *)user;
    (void)run, (void)e;
    return s->calls++ == s->at;
}

static int evaluations(dk_config *c) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, c), DK_OK);
    int calls = plan.calls;
    dk_plan_free(&plan);
    return calls;
}

static void stopped_runs_continue_as_if_they_had_not(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        dk_real x[14], y[14];
        dk_config c;
        dk_run run;
        clear_config(&c, kinds[k], 4, 2, 7);
        sample(&c, x);
        for (int at = 0, calls = evaluations(&c); at < calls; at++) {
            char text[120];
            stopper s = {at, 0};
            begin(&run, &c, y);
            assert_int_equal(dk_continue(&run, stopping, &s), DK_ERROR_CALLBACK);
            snprintf(text, sizeof text, "the denoiser returned nonzero at step %d of 4 (evaluation %d)",
                     dk_run_plan(&run)->call[at].step, at);
            assert_string_equal(run.message, text);
            finish(&run);
            equal_bits(y, x, 14, kinds[k]);

            c.progress = cancelling, c.progress_user = &s, s.calls = 0;
            begin(&run, &c, y);
            assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_CANCELLED);
            snprintf(text, sizeof text, "cancelled by the progress callback at step %d of 4 (evaluation %d)",
                     dk_run_plan(&run)->call[at].step, at);
            assert_string_equal(run.message, text);
            finish(&run);
            equal_bits(y, x, 14, kinds[k]);
            c.progress = NULL;
        }
        stopper s = {1, 0};
        assert_int_equal(dk_sample(&c, stopping, &s, y), DK_ERROR_CALLBACK);
        assert_non_null(strstr(dk_message(&c), "(evaluation 1)"));
    }
}

static void saved_runs_go_on_elsewhere(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        dk_real x[14], y[14], z[14], D[14], E[14];
        dk_config c;
        clear_config(&c, kinds[k], 4, 2, 7);
        sample(&c, x);
        for (int at = 0, calls = evaluations(&c); at <= calls; at++) { /* at == calls: at the end */
            dk_run run, other;
            dk_eval e;
            begin(&run, &c, y);
            for (int i = 0; i < at; i++) {
                assert_int_equal(dk_next(&run, &e), 1);
                answer(&e);
            }
            assert_int_equal(dk_next(&run, &e), at < calls);
            size_t size = dk_save_size(&run);
            unsigned char *bytes = (unsigned char *)malloc(size);
            assert_int_equal(dk_save(&run, bytes, size - 1), DK_ERROR_MEMORY);
            assert_int_equal(run.status, DK_ERROR_MEMORY);
            assert_int_equal(dk_save(&run, bytes, size), DK_OK);
            assert_int_equal(run.status, DK_OK);
            memset(z, 0, sizeof z);
            begin(&other, &c, z);
            assert_int_equal(dk_load(&other, bytes, size), DK_OK);
            if (at == calls) {
                assert_int_equal(dk_next(&other, &e), 0);
                assert_int_equal(dk_denoised(&other, D), DK_OK);
                equal_bits(D, x, 14, "the end");
            } else {
                int twin = dk_next(&other, &e);
                assert_int_equal(twin, 1);
                assert_int_equal(e.call, at);
                equal_bits(dk_state(&other), dk_state(&run), 14, "state");
                answer(&e);
                assert_int_equal(dk_denoised(&other, E), DK_OK);
            }
            finish(&other);
            finish(&run); /* saving has changed nothing */
            free(bytes);
            equal_bits(z, x, 14, kinds[k]);
            equal_bits(y, x, 14, kinds[k]);
        }
    }
}

/* A run in the middle of Heun's method and its bytes. */
typedef struct loading {
    dk_config c;
    dk_run run;
    dk_real x[2], whole[2];
    unsigned char bytes[600];
    size_t size;
} loading;

static void loading_begin(loading *l) {
    dk_eval e;
    clear_config(&l->c, "heun", 3, 1, 2);
    sample(&l->c, l->whole);
    begin(&l->run, &l->c, l->x);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dk_next(&l->run, &e), 1);
        answer(&e);
    }
    assert_int_equal(dk_next(&l->run, &e), 1);
    l->size = dk_save_size(&l->run);
    assert_true(l->size <= sizeof l->bytes);
    assert_int_equal(dk_save(&l->run, l->bytes, l->size), DK_OK);
}

static void refused(loading *l, const void *bytes, size_t size, const char *what) {
    unsigned char before[600], after[600];
    assert_int_equal(dk_save(&l->run, before, l->size), DK_OK);
    if (dk_load(&l->run, bytes, size) != DK_ERROR_SAVED) fail_msg("loaded %s", what);
    assert_int_equal(l->run.status, DK_ERROR_SAVED);
    assert_true(strncmp(l->run.message, "saved ", 6) == 0 || strncmp(l->run.message, "bytes = ", 8) == 0);
    assert_int_equal(dk_save(&l->run, after, l->size), DK_OK);
    assert_memory_equal(before, after, l->size);
}

static void damaged_bytes_are_refused_and_change_nothing(void **state) {
    loading l;
    (void)state;
    loading_begin(&l);
    for (size_t n = 0; n < l.size; n++) refused(&l, l.bytes, n, "a part");
    refused(&l, NULL, l.size, "NULL");
    for (size_t i = 0; i < l.size; i++)
        for (int bit = 0; bit < 8; bit++) {
            l.bytes[i] = (unsigned char)(l.bytes[i] ^ (1 << bit));
            refused(&l, l.bytes, l.size, "a flipped bit");
            l.bytes[i] = (unsigned char)(l.bytes[i] ^ (1 << bit));
        }
    unsigned char garbage[600];
    uint32_t random = 1;
    for (int k = 0; k < 50; k++) {
        for (size_t i = 0; i < sizeof garbage; i++)
            garbage[i] = (unsigned char)((random = random * 1664525u + 1013904223u) >> 24);
        refused(&l, garbage, sizeof garbage, "garbage");
    }
    finish(&l.run);
    equal_bits(l.x, l.whole, 2, "after refusals");
}

static void bytes_of_other_runs_are_refused(void **state) {
    loading l;
    dk_run run;
    dk_real x[8];
    unsigned char bytes[2000];
    (void)state;
    loading_begin(&l);
    for (int k = 0; k < 5; k++) {
        dk_config c;
        dk_eval e;
        const size_t dim = k == 2 || k == 3 ? 1 : 2;
        clear_config(&c, k == 0 ? "midpoint" : "heun", k == 1 ? 4 : 3, k == 2 ? 2 : 1, dim);
        if (k == 4) c.schedule = dk_schedule_named("sub_vp");
        begin(&run, &c, x);
        assert_int_equal(dk_next(&run, &e), 1);
        assert_true(dk_save_size(&run) <= sizeof bytes);
        memset(bytes, 0, sizeof bytes);
        assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
        refused(&l, bytes, sizeof bytes, "another run");
        dk_end(&run);
    }
    finish(&l.run);
    equal_bits(l.x, l.whole, 2, "after refusals");
}

/* Bytes 88 .. 95 hold the cursor, the last 8 FNV-1a of all before: somebody may forge both. */
static void forged_cursors_are_refused(void **state) {
    loading l;
    (void)state;
    loading_begin(&l);
    for (int flags = 0; flags < 4; flags++)
        for (int pass = dk_run_plan(&l.run)->passes - 1; pass < 256; pass++) {
            if (pass < dk_run_plan(&l.run)->passes + (flags == 2) && flags != 3) continue; /* in range, maybe legal */
            uint64_t hash = 0xCBF29CE484222325u;
            memset(l.bytes + 88, 0, 16);
            l.bytes[88] = (unsigned char)pass, l.bytes[96] = (unsigned char)flags;
            for (size_t i = 0; i < l.size - 8; i++) hash = (hash ^ l.bytes[i]) * 0x100000001B3u;
            for (size_t i = 0; i < 8; i++) l.bytes[l.size - 8 + i] = (unsigned char)(hash >> (8 * i));
            refused(&l, l.bytes, l.size, "a forged cursor");
        }
    finish(&l.run);
    equal_bits(l.x, l.whole, 2, "after refusals");
}

/* ------------------------------------------------------------------------------- seeds and batches */

static void samples_are_functions_of_seed_and_number_alone(void **state) {
    static const char *const names[] = {"ddpm", "dpmpp_2m_sde", "edm_churn", "predictor_corrector"};
    static const size_t dims[] = {1, 7, 63, 64, 65, 1000, 1024, 1025, 3000};
    static dk_real all[3 * 3000], one[3 * 3000], other[3 * 3000];
    (void)state;
    for (int k = 0; k < 4; k++)
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
            size_t dim = dims[d];
            const uint64_t seeds[3] = {11, 12, 1ull << 63}, mixed[3] = {1ull << 63, 11, 12};
            dk_config c;
            clear_config(&c, names[k], 3, 3, dim);
            c.first_sample = 5;
            sample(&c, all);
            sample(&c, one);
            equal_bits(one, all, 3 * dim, "twice");
            assert_memory_not_equal(all, all + dim, dim * sizeof *all);
            for (int b = 0; b < 3; b++) {
                c.batch = 1, c.first_sample = 5 + (uint64_t)b;
                sample(&c, one);
                equal_bits(one, all + (size_t)b * dim, dim, "alone");
            }
            c.batch = 3, c.seeds = seeds;
            sample(&c, all);
            c.seeds = mixed;
            sample(&c, other);
            equal_bits(other, all + 2 * dim, dim, "permuted");
            equal_bits(other + dim, all, 2 * dim, "permuted");
            c.batch = 1, c.seeds = NULL, c.seed = 12, c.first_sample = 0;
            sample(&c, one);
            equal_bits(one, all + dim, dim, "by seed");
        }
}

/* A vector of several tiles against its elements, each run on its own with the same noise. */
typedef struct one_element {
    uint64_t seed;
    size_t element;
} one_element;

static int noise_of_element(void *user, const dk_noise_request *r, dk_real *out) {
    const one_element *o = (const one_element *)user;
    dk_normals(o->seed, 0, (uint32_t)r->draw, o->element, 1, out);
    return 0;
}

static void tiles_leave_no_seams(void **state) {
    static const size_t dims[] = {1, 15, 16, 17, 1023, 1024, 1025, 2048, 2049, 5000};
    static dk_real x[5000];
    (void)state;
    for (int k = 0; k < KINDS - 1; k++) /* norms couple elements: not the corrector */
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
            dk_config c;
            clear_config(&c, kinds[k], 2, 1, dims[d]);
            sample(&c, x);
            size_t stride = dims[d] > 100 ? 37 : 1;
            for (size_t i = 0, last = dims[d] - 1;; i = i + stride < last ? i + stride : last) {
                dk_real y;
                one_element o = {c.seed, i};
                dk_config single = c;
                single.dim = 1, single.noise = source_from(noise_of_element, &o);
                sample(&single, &y);
                check_near((double)y, (double)x[i], 0, kinds[k]);
                if (i == last) break;
            }
        }
}

/* ------------------------------------------------------------------------------- errors */

typedef struct poison {
    int call, used, calls;
    size_t element;
    dk_real value;
    dk_real state[14];
    dk_run *run;
} poison;

static int poisoned(void *user, const dk_eval *e) {
    poison *p = (poison *)user;
    answer(e);
    if (e->call == p->call && !p->used) {
        memcpy(p->state, dk_state(p->run), sizeof p->state);
        e->output[p->element] = p->value, p->used = 1;
    }
    p->calls++;
    return 0;
}

static void outputs_that_are_not_finite_are_refused(void **state) {
    const dk_real bad[] = {(dk_real)NAN, (dk_real)INFINITY, (dk_real)-INFINITY};
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        dk_real x[14], y[14];
        dk_config c;
        clear_config(&c, kinds[k], 3, 2, 7);
        sample(&c, x);
        for (int call = 0, calls = evaluations(&c); call < calls; call++)
            for (int v = 0; v < 6; v++) {
                dk_run run;
                poison p;
                char text[200];
                memset(&p, 0, sizeof p);
                p.call = call, p.element = v % 2 ? 13 : 0, p.value = bad[v / 2], p.run = &run;
                begin(&run, &c, y);
                assert_int_equal(dk_continue(&run, poisoned, &p), DK_ERROR_NOT_FINITE);
                snprintf(text, sizeof text,
                         "the network's output is NaN or infinite at step %d of 3 (evaluation %d), sample "
                         "%d, element %d",
                         dk_run_plan(&run)->call[call].step, call, v % 2, v % 2 ? 6 : 0);
                assert_string_equal(run.message, text);
                equal_bits(dk_state(&run), p.state, 14, "state");
                assert_int_equal(dk_continue(&run, poisoned, &p), DK_OK);
                assert_int_equal(p.calls, calls + 1);
                dk_end(&run);
                equal_bits(y, x, 14, kinds[k]);
            }
        poison p;
        dk_run run;
        memset(&p, 0, sizeof p);
        p.value = bad[0], p.element = 3, p.run = &run;
        c.unchecked = 1;
        begin(&run, &c, y);
        assert_int_equal(dk_continue(&run, poisoned, &p), DK_OK);
        assert_true(isnan((double)y[3]));
        dk_end(&run);
    }
}

static void the_message_names_everything(void **state) {
    dk_config c;
    dk_real y[14];
    dk_run run;
    dk_eval e;
    (void)state;
    clear_config(&c, "heun", 3, 2, 7);
    begin(&run, &c, y);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(dk_next(&run, &e), 1);
        answer(&e);
    }
    e.output[9] = (dk_real)NAN;
    assert_int_equal(dk_next(&run, &e), 0);
    assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
    assert_string_equal(
        run.message,
        "the network's output is NaN or infinite at step 1 of 3 (evaluation 3), sample 1, element 2");
    assert_int_equal(dk_next(&run, &e), 1);
    assert_int_equal(e.call, 3);
    assert_int_equal(run.status, DK_OK);
    assert_string_equal(run.message, "");
    dk_end(&run);
}

/* ------------------------------------------------------------------------------- noise callbacks */

typedef struct feeder {
    dk_config *c;
    int asked, fail_at, last; /* fail_at: number of the request that fails, once; -1: none */
    double from[200], to[200];
} feeder;

/* The built-in normals by hand; every draw is asked for once and in order, but for repetitions after errors. */
static int feed(void *user, const dk_noise_request *r, dk_real *out) {
    feeder *f = (feeder *)user;
    assert_int_equal(r->batch, f->c->batch);
    assert_int_equal(r->dim, f->c->dim);
    if (f->fail_at < 0) assert_int_equal(r->draw, f->last + 1);
    f->last = r->draw, f->from[r->draw] = r->from, f->to[r->draw] = r->to;
    if (f->asked++ == f->fail_at) return 1;
    for (int b = 0; b < r->batch; b++)
        dk_normals(f->c->seed, f->c->first_sample + (uint64_t)b, (uint32_t)r->draw, 0, r->dim,
                   out + (size_t)b * r->dim);
    return 0;
}

static feeder feed_from(dk_config *c, int fail_at) {
    feeder f;
    memset(&f, 0, sizeof f);
    f.c = c, f.fail_at = fail_at, f.last = -1;
    return f;
}

static void fed_back_normals_reproduce_the_run(void **state) {
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++) {
        dk_real x[14], y[14];
        dk_config c;
        clear_config(&c, dk_sampler_at(k)->name, 4, 2, 7);
        c.first_sample = 3;
        sample(&c, x);
        feeder f = feed_from(&c, -1);
        c.noise = source_from(feed, &f);
        sample(&c, y);
        equal_bits(y, x, 14, c.sampler.name);
    }
}

static void noise_requests_name_the_levels_they_bridge(void **state) {
    const double levels[] = {8, 4, 2, 0};
    dk_real x[2];
    dk_config c = check_config("edm", "euler_ancestral", 3);
    (void)state;
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.dim = 2;
    feeder f = feed_from(&c, -1);
    c.noise = source_from(feed, &f);
    sample(&c, x);
    assert_int_equal(f.asked, 3); /* the step to 0 takes none */
    const double from[] = {8, 8, 4}, to[] = {8, 4, 2};
    for (int i = 0; i < 3; i++) {
        check_near(f.from[i], from[i], 0, "from");
        check_near(f.to[i], to[i], 0, "to");
    }
}

static void failing_noise_writes_nothing_and_can_be_repeated(void **state) {
    (void)state;
    for (int k = 2; k < KINDS; k++) {
        dk_real x[14], y[14];
        dk_config c;
        clear_config(&c, kinds[k], 4, 2, 7);
        sample(&c, x);
        feeder all = feed_from(&c, -1);
        c.noise = source_from(feed, &all);
        sample(&c, y);
        for (int at = 0; at < all.asked; at++) {
            feeder f = feed_from(&c, at);
            dk_real before[14];
            dk_run run;
            dk_eval e;
            c.noise.user = &f;
            for (int i = 0; i < 14; i++) y[i] = (dk_real)i;
            begin(&run, &c, y);
            memcpy(before, y, sizeof before);
            while (dk_next(&run, &e)) {
                memcpy(before, dk_state(&run), sizeof before);
                answer(&e);
            }
            assert_int_equal(run.status, DK_ERROR_CALLBACK);
            assert_non_null(strstr(run.message, "the noise callback returned nonzero"));
            assert_non_null(strstr(run.message, at == 0 ? " before the first step" : " of 4 (evaluation "));
            equal_bits(dk_state(&run), before, 14, "x");
            finish(&run);
            equal_bits(y, x, 14, kinds[k]);
        }
    }
}

/* A draw used by two evaluations lives in a buffer; the callback fills it before the rows of its pass run, which
   may still read what lies there. Steps: y = D + 0.3 z, x = y + 0.1 D(y) + 0.2 z. */
static void record_shared_draw(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from), z = dkr_noise(r, r->from, r->to);
        dk_vec y = dkr_mix(1, D, 0.3, z), E = dkr_denoise(r, y, r->to);
        r->x = check_sum(dkr_mix(0.5, D, 0.1, E), dkr_scale(0.2, z));
    }
}
/* Here a draw's buffer may be one that a norm has just read. */
static void record_draw_after_norm(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from), y = dkr_keep(r, dkr_mix(0.5, D, 0.5, r->x));
        int ratio = dkr_norm_ratio(r, y, D);
        dk_vec z = dkr_noise(r, r->from, r->to);
        dk_vec E = dkr_denoise(r, check_sum(dkr_scale_by(0.5, ratio, 1, r->x), z), r->to);
        r->x = dkr_mix(0.5, E, 0.1, z);
    }
}

static void a_draw_that_outlives_its_pass_disturbs_nothing(void **state) {
    const dk_record_fn records[] = {record_shared_draw, record_draw_after_norm};
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int p = DK_PREDICT_X0; p <= DK_PREDICT_V; p++) {
            dk_real x[14], y[14];
            dk_config c;
            clear_config(&c, "ddim", 3, 2, 7);
            c.prediction = (dk_prediction)p, c.grid.final = DK_FINAL_MIN;
            c.sampler.record = records[k], c.sampler.name = "shared";
            sample(&c, x);
            feeder f = feed_from(&c, -1);
            c.noise = source_from(feed, &f);
            sample(&c, y);
            equal_bits(y, x, 14, k ? "after a norm" : "shared");
            for (int at = 1; at < 4; at++) {
                dk_run run;
                f = feed_from(&c, at);
                begin(&run, &c, y);
                assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_ERROR_CALLBACK);
                finish(&run);
                equal_bits(y, x, 14, k ? "after a norm and an error" : "shared, after an error");
            }
        }
}

/* ------------------------------------------------------------------------------- start and progress */

static void states_start_as_asked(void **state) {
    const double levels[] = {1.5, 0.5};
    (void)state;
    for (int start = 0; start < DK_START_COUNT; start++) {
        dk_config c;
        dk_real x[10], z[10], data[10];
        dk_run run;
        dk_eval e;
        clear_config(&c, "ddim", 1, 2, 5);
        c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.start = (dk_start)start, c.first_sample = 9;
        c.grid.strength = 1;
        dk_normals(c.seed, 9, 0, 0, 5, z);
        dk_normals(c.seed, 10, 0, 0, 5, z + 5);
        for (int i = 0; i < 10; i++) x[i] = data[i] = (dk_real)(i - 4);
        /* vp at noise level 1.5: alpha = 1/sqrt(1 + 2.25) */
        double alpha = 1 / sqrt(3.25), sigma = 1.5 / sqrt(3.25);
        begin(&run, &c, x);
        assert_int_equal(dk_next(&run, &e), 1);
        for (int i = 0; i < 10; i++) {
            double expected = start == DK_START_STATE  ? (double)data[i]
                              : start == DK_START_DATA ? alpha * (double)data[i] + sigma * (double)z[i]
                                                       : sigma * (double)z[i];
            check_near((double)dk_state(&run)[i], expected, start == DK_START_STATE ? 0 : check_tiny,
                       "start");
        }
        dk_end(&run);
    }
}

typedef struct watcher {
    int calls;
    dk_run *run;
} watcher;

/* v prediction: x0 = alpha x - sigma v on a variance preserving schedule. */
static int watching(void *user, dk_run *run, const dk_eval *e) {
    watcher *w = (watcher *)user;
    dk_real D[14];
    assert_int_equal(e->call, w->calls);
    assert_int_equal(e->step, dk_run_plan(run)->call[w->calls].step);
    check_near(e->level.sigma, dk_run_plan(run)->call[w->calls].level.sigma, 0, "level");
    w->calls++;
    assert_int_equal(dk_denoised(run, D), DK_OK);
    for (int i = 0; i < 14; i++)
        check_near((double)D[i],
                   e->level.alpha * (double)dk_state(run)[i] - e->level.sigma * (double)e->output[i],
                   check_tiny, "D");
    return 0;
}

static void progress_sees_every_evaluation_with_its_estimate(void **state) {
    (void)state;
    for (int k = 0; k < KINDS; k++) {
        dk_real x[14], y[14];
        dk_config c;
        watcher w = {0, NULL};
        clear_config(&c, kinds[k], 4, 2, 7);
        sample(&c, x);
        c.progress = watching, c.progress_user = &w;
        sample(&c, y);
        assert_int_equal(w.calls, evaluations(&c));
        equal_bits(y, x, 14, kinds[k]);
    }
}

static void estimates_exist_only_while_an_evaluation_is_out(void **state) {
    dk_real x[14], D[14];
    dk_config c;
    dk_run run;
    dk_eval e;
    (void)state;
    clear_config(&c, "dpmpp_2m", 2, 2, 7);
    begin(&run, &c, x);
    assert_int_equal(dk_denoised(&run, D), DK_ERROR_ORDER);
    assert_ptr_equal(dk_state(&run), x);
    while (dk_next(&run, &e)) {
        answer(&e);
        assert_int_equal(dk_denoised(&run, D), DK_OK);
    }
    assert_int_equal(dk_denoised(&run, D), DK_OK);
    equal_bits(D, x, 14, "after the end");
    assert_ptr_equal(dk_state(&run), x);
    dk_end(&run);
}

/* ------------------------------------------------------------------------------- a back end */

/* The plainest back end there is: an array of doubles per slot, rows term by term. */
typedef struct naive {
    double *buffer[80], *local[80], *half[80], *given[2];
    int calls[3], fail; /* rows, norm_ratio, find_bad; fail: number of the call of all that fails, once */
    int which;          /* of the three that fails */
    dk_number number;   /* of the network */
} naive;

static double *naive_array(naive *n, const dk_run *run, int value) {
    const dk_value *v = &dk_run_plan(run)->value[value];
    assert_true(v->slot >= 0 && v->slot < 80);
    const dk_real *given = v->slot ? run->config.mask : run->config.known;
    double **at = v->kind == DK_VALUE_GIVEN    ? &n->given[v->slot]
                  : v->kind == DK_VALUE_BUFFER ? &n->buffer[v->slot]
                  : v->kind == DK_VALUE_HALF   ? &n->half[v->slot]
                                               : &n->local[v->slot];
    if (!*at) {
        *at = (double *)calloc(run->size, sizeof **at);
        for (size_t i = 0; v->kind == DK_VALUE_GIVEN && i < run->size; i++) (*at)[i] = (double)given[i];
    }
    return *at;
}

static int naive_fails(naive *n, int which) { return n->calls[which]++ == n->fail && n->which == which; }

/* To the nearest number of 11 or 8 bits, where none is too large. */
static double naive_round(dk_number number, double v) {
    int e, half = number == DK_NUMBER_FP16;
    if (number == DK_NUMBER_REAL) return v;
    frexp(v, &e);
    if (half && e < -13) e = -13;
    return ldexp(rint(ldexp(v, (half ? 11 : 8) - e)), e - (half ? 11 : 8));
}

static int naive_rows(void *user, dk_run *run, const dk_pass *pass) {
    naive *n = (naive *)user;
    if (naive_fails(n, 0)) return 1;
    for (int k = pass->first; k < pass->first + pass->count; k++) {
        const dk_row *row = &dk_run_plan(run)->row[k];
        double *y = naive_array(n, run, row->dst);
        for (size_t i = 0; i < run->size; i++) {
            double sum = 0;
            dk_real z;
            if (row->draw >= 0) {
                dk_noise_source source;
                dk_noise_request q;
                assert_int_equal(dk_run_draw(run, row->draw, &source, &q), DK_OK);
                dk_normals(q.seed, q.first_sample + i / run->dim, (uint32_t)q.draw, i % run->dim, 1, &z);
                sum = (double)z;
            }
            for (int j = row->first; j < row->first + row->count; j++) {
                const dk_term *t = &dk_run_plan(run)->term[j];
                double f = t->c;
                for (int p = 0; t->scalar && p < t->power; p++)
                    f *= run->scalars[(size_t)(t->scalar - 1) * (size_t)run->config.batch + i / run->dim];
                if (row->mask >= 0) { /* the first term is what is unknown */
                    double m = naive_array(n, run, row->mask)[i];
                    f *= j == row->first ? 1 - m : m;
                }
                sum += f * naive_array(n, run, t->value)[i];
            }
            if (row->clip > 0) sum = fmin(fmax(sum, -row->clip), row->clip);
            int half = dk_run_plan(run)->value[row->dst].kind == DK_VALUE_HALF;
            y[i] = half ? naive_round(dk_run_plan(run)->number, sum) : sum;
        }
    }
    return 0;
}

static int naive_norm(void *user, dk_run *run, const dk_norm *norm, double *of_sample) {
    naive *n = (naive *)user;
    const int values[4] = {norm->a, norm->b, norm->p, norm->q};
    const double *v[4] = {NULL, NULL, NULL, NULL};
    if (naive_fails(n, 1)) return 1;
    for (int k = 0; k < 4; k++)
        if (values[k] >= 0) v[k] = naive_array(n, run, values[k]);
    for (int s = 0; s < run->config.batch; s++) {
        double above = 0, below = 0;
        for (size_t i = (size_t)s * run->dim; i < (size_t)(s + 1) * run->dim; i++) {
            if (norm->kind == DK_NORM_RATIO) {
                above += v[0][i] * v[0][i], below += v[1][i] * v[1][i];
            } else {
                double size = norm->rtol * fmax(fabs(v[2][i]), fabs(v[3][i]));
                size = norm->kind == DK_NORM_ERROR_SUM ? size + norm->atol : fmax(size, norm->atol);
                above += pow((v[0][i] - (v[1] ? v[1][i] : 0)) / size, 2), below += 1;
            }
        }
        of_sample[s] = sqrt(above / below);
    }
    return 0;
}

static int naive_find_bad(void *user, dk_run *run, int value, size_t *bad) {
    naive *n = (naive *)user;
    if (naive_fails(n, 2)) return 1;
    const double *output = value < 0 ? n->buffer[0] : naive_array(n, run, value);
    for (*bad = 0; *bad < run->size && isfinite(output[*bad]);) ++*bad;
    return 0;
}

static int naive_denoise(void *user, const dk_eval *e) {
    naive *n = (naive *)user;
    double **array = n->number ? n->half : n->buffer;
    assert_true(!e->input && !e->input_half);
    const int slots[2] = {e->output_slot, e->uncond_slot};
    for (int k = 0; k < 2; k++)
        if (slots[k] >= 0 && !array[slots[k]])
            array[slots[k]] = (double *)calloc(e->dim * (size_t)e->batch, sizeof(double));
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double x = array[e->input_slot][i], F = naive_round(n->number, (x - e->t) / (1 + x * x));
        array[e->output_slot][i] = F;
        if (e->uncond_slot >= 0) array[e->uncond_slot][i] = 0.5 * F;
    }
    return 0;
}

/* The same in 16 bits. */
static int nonlinear_half(void *user, const dk_eval *e) {
    dk_number number = *(const dk_number *)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        dk_real x, F, half;
        dk_from_half(number, &e->input_half[i], &x, 1);
        F = (x - (dk_real)e->t) / (1 + x * x);
        dk_to_half(number, &F, &e->output_half[i], 1);
        dk_from_half(number, &e->output_half[i], &F, 1);
        half = (dk_real)0.5 * F;
        if (e->uncond_output_half) dk_to_half(number, &half, &e->uncond_output_half[i], 1);
    }
    return 0;
}

static void naive_free(naive *n) {
    for (int i = 0; i < 80; i++) free(n->buffer[i]), free(n->local[i]), free(n->half[i]);
    for (int i = 0; i < 2; i++) free(n->given[i]);
    memset(n, 0, sizeof *n);
    n->fail = -1;
}

static dk_backend naive_backend(naive *n) {
    dk_backend b = {n, naive_rows, naive_norm, naive_find_bad, NULL, NULL, NULL, NULL};
    memset(n, 0, sizeof *n);
    n->fail = -1;
    return b;
}

static void a_naive_back_end_gives_the_same(void **state) {
    (void)state;
    dk_real mask[14], known[14];
    for (int i = 0; i < 14; i++) mask[i] = (dk_real)(i % 3) / 2, known[i] = (dk_real)(i - 7) / 4;
    for (int k = 0; dk_sampler_at(k / 2); k++) {
        naive n;
        dk_backend backend = naive_backend(&n);
        dk_real x[14];
        dk_config c;
        clear_config(&c, dk_sampler_at(k / 2)->name, 4, 2, 7);
        c.grid.sigma_max = 5; /* tame, so that rounding stays small */
        if (k % 2) c.mask = mask, c.known = known;
        c.blend = dk_sampler_at(k / 2)->evals ? (dk_blend)(k / 2 % DK_BLEND_COUNT) : DK_BLEND_DENOISED;
        sample(&c, x);
        c.backend = &backend;
        if (dk_sample(&c, naive_denoise, &n, NULL)) fail_msg("%s", dk_message(&c));
        for (int i = 0; i < 14; i++)
            check_near((double)x[i], n.buffer[0][i], 30 * check_tiny, c.sampler.name);
        naive_free(&n);
    }
}

/* A number that is rounded the other way moves the rest by as much. */
/* Plain guidance, and what it was before is its memory: by slots, or here. */
static int naive_guider(void *user, const dk_outputs *o) {
    naive *n = (naive *)user;
    size_t size = o->eval->dim * (size_t)o->eval->batch;
    const int slots[4] = {o->output_slot[0], o->output_slot[1], o->memory_slot[0], o->G_slot};
    assert_true((o->G == NULL) == (n->buffer[slots[0]] != NULL));
    for (int k = 0; k < 4 && !o->G; k++)
        if (!n->buffer[slots[k]]) n->buffer[slots[k]] = (double *)calloc(size, sizeof(double));
    for (size_t i = 0; i < size; i++) {
        double v[4], C, U, before;
        for (int k = 0; k < 4 && !o->G; k++) v[k] = n->buffer[slots[k]][i];
        C = o->G ? (double)o->output[0][i] : v[0], U = o->G ? (double)o->output[1][i] : v[1];
        before = o->G ? (double)o->memory[0][i] : v[2];
        double G = U + o->weight[0] * (C - U) + before / 8;
        if (o->G) o->G[i] = (dk_real)G, o->memory[0][i] = (dk_real)C;
        else n->buffer[slots[3]][i] = G, n->buffer[slots[2]][i] = C;
    }
    return 0;
}

static void back_ends_have_guiders(void **state) {
    naive n, none;
    dk_backend backend = naive_backend(&n);
    dk_real x[14];
    dk_config c;
    (void)state;
    clear_config(&c, "dpmpp_2m", 4, 2, 7);
    memset(&none, 0, sizeof none);
    assert_int_equal(dk_config_set(&c, "guidance.scale=2 guidance.memory=1 guidance.space=x0 grid.sigma_max=5"), DK_OK);
    c.guidance.guider = naive_guider, c.guidance.guider_user = &none;
    sample(&c, x);
    c.backend = &backend, c.guidance.guider_user = &n;
    if (dk_sample(&c, naive_denoise, &n, NULL)) fail_msg("%s", dk_message(&c));
    for (int i = 0; i < 14; i++) check_near((double)x[i], n.buffer[0][i], 30 * check_tiny, "x");
    naive_free(&n);
}

static void a_naive_back_end_gives_the_same_in_16_bits_and_clipped(void **state) {
    (void)state;
    for (int k = 0; dk_sampler_at(k / 4); k++) {
        naive n;
        dk_backend backend = naive_backend(&n);
        dk_real x[14];
        dk_config c;
        clear_config(&c, dk_sampler_at(k / 4)->name, 4, 2, 7);
        c.grid.sigma_max = 5;
        c.number = n.number = k % 2 ? DK_NUMBER_BF16 : DK_NUMBER_FP16;
        if (k & 2) c.clip = 0.5;
        if (dk_sample(&c, nonlinear_half, &n.number, x)) fail_msg("%s", dk_message(&c));
        c.backend = &backend;
        if (dk_sample(&c, naive_denoise, &n, NULL)) fail_msg("%s", dk_message(&c));
        for (int i = 0; i < 14; i++)
            check_near((double)x[i], n.buffer[0][i], k % 2 ? 0.03 : 0.004, c.sampler.name);
        naive_free(&n);
    }
}

static void failing_back_ends_stop_the_run_and_can_be_repeated(void **state) {
    static const char *const texts[] = {"the back end failed to run a pass",
                                        "the back end failed to take a norm",
                                        "the back end failed to check the network's output"};
    naive n;
    dk_backend backend = naive_backend(&n);
    dk_config c;
    (void)state;
    clear_config(&c, "predictor_corrector", 3, 2, 7);
    c.backend = &backend;
    assert_int_equal(dk_sample(&c, naive_denoise, &n, NULL), DK_OK);
    double whole[14];
    const int calls[3] = {n.calls[0], n.calls[1], n.calls[2]};
    memcpy(whole, n.buffer[0], sizeof whole);
    naive_free(&n);
    for (int which = 0; which < 3; which++)
        for (int at = 0; at < calls[which]; at++) {
            dk_run run;
            n.which = which, n.fail = at;
            assert_int_equal(dk_begin(&run, &c, NULL, NULL, 0), DK_OK);
            assert_int_equal(dk_continue(&run, naive_denoise, &n), DK_ERROR_CALLBACK);
            int last = which == 2 && at == calls[2] - 1;
            assert_non_null(strstr(run.message, last ? "the back end failed to check the result" : texts[which]));
            assert_int_equal(dk_continue(&run, naive_denoise, &n), DK_OK);
            for (int i = 0; i < 14; i++) check_near(n.buffer[0][i], whole[i], 0, texts[which]);
            dk_end(&run);
            naive_free(&n);
        }
}

/* D becomes less, wherever it is. */
static int lessen(void *user, const dk_eval *e, dk_real *D, int slot) {
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++)
        if (D) D[i] *= (dk_real)0.75;
        else ((naive *)user)->buffer[slot][i] *= 0.75;
    return 0;
}

/* Fails once, at one draw. */
typedef struct lapse {
    int draw;
} lapse;
static int lapsing(void *user, const dk_noise_request *q, dk_real *out) {
    lapse *l = (lapse *)user;
    if (q->draw == l->draw) return l->draw = -1, 1;
    for (int b = 0; b < q->batch; b++) dk_normals(q->seed, q->first_sample + (uint64_t)b, (uint32_t)q->draw, 0, q->dim, out + (size_t)b * q->dim);
    return 0;
}

/* A hook or a guider changes numbers: it must not do so again because what comes behind it has failed, also in a run that was saved
   in between. */
static void what_hooks_have_done_is_done_once(void **state) {
    static char bytes[1 << 14];
    (void)state;
    for (int k = 0; k < 4; k++) {
        dk_real x[14], y[14], want[14];
        dk_run run, other;
        dk_config c;
        naive n;
        lapse l = {-1};
        clear_config(&c, k % 2 ? "dpmpp_2m_sde" : "euler_ancestral", 4, 2, 7);
        memset(&n, 0, sizeof n);
        if (k < 2) c.guidance.hook = lessen;
        else assert_int_equal(dk_config_set(&c, "guidance.scale=2 guidance.memory=1"), DK_OK), c.guidance.guider = naive_guider, c.guidance.guider_user = &n;
        c.noise = c.step_noise = source_from(lapsing, &l);
        sample(&c, want);
        for (int draw = 1; draw < 4; draw++) {
            l.draw = draw;
            begin(&run, &c, x);
            assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_ERROR_CALLBACK);
            assert_int_equal(l.draw, -1);
            assert_true(dk_save_size(&run) <= sizeof bytes);
            assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
            finish(&run);
            equal_bits(x, want, 14, "asked again");
            begin(&other, &c, y);
            assert_int_equal(dk_load(&other, bytes, sizeof bytes), DK_OK);
            finish(&other);
            equal_bits(y, want, 14, "saved in between");
        }
        if (k >= 2) continue;
        dk_backend backend = naive_backend(&n);
        c.backend = &backend, c.guidance.hook_user = &n, c.noise = c.step_noise = source_of(DK_NOISE_PHILOX);
        double whole[14];
        assert_int_equal(dk_sample(&c, naive_denoise, &n, NULL), DK_OK);
        const int calls = n.calls[0];
        memcpy(whole, n.buffer[0], sizeof whole);
        for (int at = 0; at < calls; at++) {
            naive_free(&n);
            n.fail = at, n.which = 0;
            assert_int_equal(dk_begin(&run, &c, NULL, NULL, 0), DK_OK);
            assert_int_equal(dk_continue(&run, naive_denoise, &n), DK_ERROR_CALLBACK);
            assert_int_equal(dk_continue(&run, naive_denoise, &n), DK_OK);
            for (int i = 0; i < 14; i++) check_near(n.buffer[0][i], whole[i], 0, "pass asked again");
            dk_end(&run);
        }
        naive_free(&n);
    }
}

/* ------------------------------------------------------------------------------- nonsense */

static void nonsense_is_refused_with_a_message(void **state) {
    static const struct {
        int steps, batch;
        size_t dim;
        const char *sampler, *message;
    } cases[] = {
        {0, 1, 3, "ddim", "steps = 0: must be 1 .. 1000000"},
        {-4, 1, 3, "ddim", "steps = -4: must be 1 .. 1000000"},
        {1000001, 1, 3, "ddim", "steps = 1000001: must be 1 .. 1000000"},
        {3, -1, 3, "ddim", "batch = -1: must be 1 .. 357913941 (0: 1)"},
        {3, 1, 0, "ddim", "dim = 0: must be >= 1"},
        {3, 1, 3, "dpmpp_2mm", "sampler \"dpmpp_2mm\" is not known; nearest: dpmpp_2m, dpmpp_2s, dpmpp_3m"},
        {3, 1, 3, NULL, "sampler \"(NULL)\" is not known; nearest: "},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        dk_real x[3] = {1, 2, 3};
        dk_config c;
        dk_run run;
        dk_eval e;
        clear_config(&c, "ddim", cases[k].steps, cases[k].batch, cases[k].dim);
        c.sampler = dk_sampler_named(cases[k].sampler);
        allocations = releases = 0;
        assert_int_equal(dk_sample(&c, nonlinear, NULL, x), DK_ERROR_CONFIG);
        assert_int_equal(strncmp(dk_message(&c), cases[k].message, strlen(cases[k].message)), 0);
        c.message[0] = 0;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), "");
        assert_int_equal(strncmp(run.message, cases[k].message, strlen(cases[k].message)), 0);
        assert_int_equal(dk_next(&run, &e), 0);
        dk_end(&run);
        assert_int_equal(dk_run_size(NULL, &c), 0);
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_true(x[0] >= 1 && x[0] <= 1); /* x is as it was */
        assert_int_equal(allocations, releases);
    }
}

static void x_must_be_there(void **state) {
    dk_config c;
    dk_run run;
    dk_plan plan;
    (void)state;
    clear_config(&c, "ddim", 3, 1, 3);
    allocations = releases = 0;
    assert_int_equal(dk_sample(&c, nonlinear, NULL, NULL), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "x = NULL: must be batch * dim numbers");
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(dk_begin_plan(&run, &plan, &c, NULL, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "x = NULL: must be batch * dim numbers");
    dk_plan_free(&plan);
    assert_int_equal(allocations, releases);
}

static void a_batch_of_0_is_1(void **state) {
    dk_real x[3], y[3];
    dk_config c;
    (void)state;
    clear_config(&c, "ddim", 3, 1, 3);
    sample(&c, x);
    c.batch = 0;
    sample(&c, y);
    equal_bits(y, x, 3, "batch 0");
}

/* As many D's as there are steps: buffers * dim overflows long before dim does. */
static void sizes_that_overflow_are_refused(void **state) {
    enum { STEPS = 100 };
    static double level[STEPS + 1], a[STEPS], b[STEPS * (STEPS + 1) / 2];
    dk_table table = {"", STEPS, 0, 0, level, a, b, NULL, NULL};
    const size_t dims[] = {(size_t)-1,
                           (size_t)-1 / 2,
                           (size_t)-1 / sizeof(dk_real),
                           (size_t)-1 / 64,
                           (size_t)-1 / 64 / sizeof(dk_real),
                           (size_t)-1 / 100 / sizeof(dk_real),
                           (size_t)-1 / 101 / sizeof(dk_real)};
    dk_real x[1] = {0};
    (void)state;
    for (int i = 0; i < STEPS * (STEPS + 1) / 2; i++) b[i] = 0.01;
    for (int i = 0; i < STEPS; i++) a[i] = 0.5, level[i] = 0.9 - 0.008 * i;
    for (size_t k = 0; k < sizeof dims / sizeof dims[0]; k++)
        for (int batch = 1; batch <= 1024; batch *= 32) {
            dk_config c;
            dk_run run;
            static char memory[4000000];
            clear_config(&c, "ddim", STEPS, batch, dims[k]);
            c.sampler = dk_table_sampler(&table);
            dk_status status = dk_begin(&run, &c, x, memory, sizeof memory);
            assert_true(status == DK_ERROR_CONFIG || status == DK_ERROR_MEMORY);
            assert_true(strlen(run.message) > 0);
            size_t needed = dk_run_size(NULL, &c);
            assert_true(needed == 0 || needed > (size_t)-1 / 200);
        }
}

int main(void) {
    check_malloc = count_malloc, check_free = count_free;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stepping_is_blocking_bit_for_bit),
        cmocka_unit_test(evaluations_say_what_they_are),
        cmocka_unit_test(statuses_have_words),
        cmocka_unit_test(a_zero_run_does_nothing),
        cmocka_unit_test(memory_of_the_stated_size_suffices_at_any_address),
        cmocka_unit_test(too_little_memory_is_refused_with_both_numbers),
        cmocka_unit_test(allocated_memory_is_freed_and_its_lack_reported),
        cmocka_unit_test(a_plan_serves_several_runs_at_once),
        cmocka_unit_test(stopped_runs_continue_as_if_they_had_not),
        cmocka_unit_test(saved_runs_go_on_elsewhere),
        cmocka_unit_test(damaged_bytes_are_refused_and_change_nothing),
        cmocka_unit_test(bytes_of_other_runs_are_refused),
        cmocka_unit_test(forged_cursors_are_refused),
        cmocka_unit_test(samples_are_functions_of_seed_and_number_alone),
        cmocka_unit_test(tiles_leave_no_seams),
        cmocka_unit_test(outputs_that_are_not_finite_are_refused),
        cmocka_unit_test(the_message_names_everything),
        cmocka_unit_test(fed_back_normals_reproduce_the_run),
        cmocka_unit_test(noise_requests_name_the_levels_they_bridge),
        cmocka_unit_test(failing_noise_writes_nothing_and_can_be_repeated),
        cmocka_unit_test(a_draw_that_outlives_its_pass_disturbs_nothing),
        cmocka_unit_test(states_start_as_asked),
        cmocka_unit_test(progress_sees_every_evaluation_with_its_estimate),
        cmocka_unit_test(estimates_exist_only_while_an_evaluation_is_out),
        cmocka_unit_test(a_naive_back_end_gives_the_same),
        cmocka_unit_test(back_ends_have_guiders),
        cmocka_unit_test(a_naive_back_end_gives_the_same_in_16_bits_and_clipped),
        cmocka_unit_test(failing_back_ends_stop_the_run_and_can_be_repeated),
        cmocka_unit_test(what_hooks_have_done_is_done_once),
        cmocka_unit_test(nonsense_is_refused_with_a_message),
        cmocka_unit_test(x_must_be_there),
        cmocka_unit_test(a_batch_of_0_is_1),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
