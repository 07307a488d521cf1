/* How much stack the library uses: calls run on painted stacks of their own. Not under sanitizers or without
   optimisation, which make frames of another size. */
#define _XOPEN_SOURCE 600 /* a thread's own stack */
#include "check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer) || \
    __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#endif

#if (defined(__unix__) || defined(__APPLE__)) && defined(__OPTIMIZE__) && !defined(SANITIZED)
#include <pthread.h>

/* What any call may take. */
enum { STACK = 1 << 18, PAINT = 0xA5, LIMIT = 16384 };

/* Bytes of stack that a call on a thread of its own has touched. */
static size_t touched(void *(*call)(void *), void *argument) {
    static unsigned char stack[STACK + 65536];
    unsigned char *first = stack + 65536 - (uintptr_t)stack % 65536;
    pthread_attr_t attributes;
    pthread_t thread;
    size_t clean = 0;
    memset(first, PAINT, STACK);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, first, STACK), 0);
    assert_int_equal(pthread_create(&thread, &attributes, call, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    while (clean < STACK && first[clean] == PAINT) clean++;
    return STACK - clean;
}

/* Functions of the system's that the library calls, so that they are bound before stacks are measured. */
static void *nothing(void *argument) {
    volatile double x = 0.5;
    x = exp(x) + log(x) + pow(x, 0.3) + expm1(x) + sin(x) + cos(x) + atan2(x, x) + tan(x) + log1p(x);
    return argument;
}

/* Fails if a call needs as much as the limit more than nothing does. */
static size_t most;
static void check_stack(const char *what, void *(*call)(void *), void *argument) {
    size_t used = touched(call, argument), base = touched(nothing, NULL);
    used = used > base ? used - base : 0;
    if (used > most) most = used;
    if (used < LIMIT) return;
    print_error("%s: %zu bytes of stack\n", what, used);
    fail();
}

enum { DIM = 4, BATCH = 2 };
static dk_status status;

static int halves(void *user, const dk_eval *e) {
    size_t n = e->dim * (size_t)e->batch;
    (void)user;
    for (size_t i = 0; i < n && e->output; i++) e->output[i] = e->input[i] / 2;
    for (size_t i = 0; i < n && e->output_half; i++) e->output_half[i] = e->input_half[i];
    for (size_t i = 0; i < n && e->uncond_output; i++) e->uncond_output[i] = e->input[i] / 4;
    for (size_t i = 0; i < n && e->uncond_output_half; i++) e->uncond_output_half[i] = e->input_half[i];
    return 0;
}

static void *sample(void *argument) {
    dk_real x[DIM * BATCH] = {0};
    status = dk_sample((dk_config *)argument, halves, NULL, x);
    return NULL;
}

static void *begin(void *argument) {
    static dk_run run;
    dk_real x[DIM * BATCH] = {0};
    status = dk_begin(&run, (dk_config *)argument, x, NULL, 0);
    dk_end(&run);
    return NULL;
}

static void every_sampler(void **state) {
    (void)state;
    for (int k = 0; dk_schedule_at(k); k++)
        for (int i = 0; dk_sampler_at(i); i++)
            for (int number = 0; number < DK_NUMBER_COUNT; number += 2) {
                dk_config c = check_config(dk_schedule_at(k)->name, dk_sampler_at(i)->name, 6);
                c.dim = DIM, c.batch = BATCH, c.number = (dk_number)number;
                check_stack(dk_sampler_at(i)->name, begin, &c);
                assert_int_equal(status, DK_OK);
                check_stack(dk_sampler_at(i)->name, sample, &c);
                assert_true(status == DK_OK || status == DK_ERROR_STEP);
            }
}

/* The largest tableau there may be, with noise before its steps, on a grid that goes back up. */
static void what_takes_most(void **state) {
    static char tableau[4096];
    static const dk_real mask[DIM * BATCH] = {1}, known[DIM * BATCH] = {0};
    (void)state;
    for (int row = 1; row <= DK_MAX_STAGES; row++)
        for (int i = 0; i < row; i++) {
            char entry[16];
            snprintf(entry, sizeof entry, i + 1 < row || row == DK_MAX_STAGES ? "1/16 " : "%d/16 ", 16 - i);
            strcat(tableau, entry);
            if (i + 1 == row && row < DK_MAX_STAGES) strcat(tableau, "| ");
        }
    dk_config c = check_config("vp_scaled_linear", NULL, 8);
    const dk_restart restart = {{dk_restart_level}, 2, 1, 0, 0};
    c.sampler = check_tableau(tableau), c.sampler.churn = 1;
    c.grid.way = &restart.way, c.dim = DIM, c.batch = BATCH, c.mask = mask, c.known = known;
    check_stack("16 stages", begin, &c);
    check_stack("16 stages", sample, &c);
    assert_string_equal(dk_message(&c), "");
    assert_int_equal(status, DK_OK);
    assert_int_equal(
        dk_config_set(&c, "guidance.scale=2 guidance.projected=1 guidance.limit=1 guidance.rescale=0.5 "
                          "guidance.space=v guidance.quantile=0.9 guidance.doubled=1"),
        DK_OK);
    check_stack("16 stages, guided", begin, &c);
    check_stack("16 stages, guided", sample, &c);
    assert_int_equal(status, DK_OK);
}

static void every_noise_source(void **state) {
    (void)state;
    for (int kind = DK_NOISE_PHILOX; kind < DK_NOISE_COUNT; kind++) {
        dk_config c = check_config("edm", "euler_ancestral", 6);
        c.dim = DIM, c.batch = BATCH, c.noise.kind = (dk_noise_kind)kind;
        check_stack("noise source", begin, &c);
        check_stack("noise source", sample, &c);
        assert_int_equal(status, DK_OK);
    }
}

/* What else is long: names, files, lists, plans as text and copies. */
static void *read_file(void *argument) {
    static const char file[] =
        "{\"_class_name\": \"UniPCMultistepScheduler\", \"beta_schedule\": \"scaled_linear\", "
        "\"use_karras_sigmas\": true}";
    dk_config *c = (dk_config *)argument;
    status = dk_config_from_json(c, file, sizeof file - 1, NULL);
    return NULL;
}
static void *every_model(void *argument) {
    dk_config *c = (dk_config *)argument;
    dk_model_info model;
    for (int i = 0; dk_model_at(i, &model) && status == DK_OK; i++)
        c->steps = 0, status = dk_config_for(c, model.name, NULL);
    return NULL;
}
static void *names(void *argument) {
    dk_config *c = (dk_config *)argument;
    status = dk_config_named(c, "DPM++ 2M SDE Karras");
    if (status == DK_OK) status = dk_config_set(c, "eta=0.5 grid.rho=5");
    dk_sampler_named("nothing like it"), dk_grid_named("nothing like it");
    return NULL;
}
static void *sizes(void *argument) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.memory = &plan, plan.bytes = 1;
    if (dk_record(&plan, (dk_config *)argument) != DK_ERROR_MEMORY || !plan.used) status = DK_ERROR_CONFIG;
    return NULL;
}
static void *more_sizes(void *argument) {
    static double list[64];
    dk_config *c = (dk_config *)argument;
    if (!dk_run_size(NULL, c) || !dk_levels(c, DK_UNIT_T, list, 64)) status = DK_ERROR_CONFIG;
    return NULL;
}
static void *plans(void *argument) {
    static char text[1 << 16];
    static dk_run run;
    static dk_real x[DIM * BATCH];
    dk_config *c = (dk_config *)argument;
    dk_plan plan, copy;
    memset(&plan, 0, sizeof plan), memset(&copy, 0, sizeof copy);
    status = dk_record(&plan, c);
    if (status == DK_OK) status = dk_record(&copy, c);
    if (!dk_plan_text(&copy, text, sizeof text)) status = DK_ERROR_CONFIG;
    if (status == DK_OK) status = dk_begin_plan(&run, &copy, c, x, NULL, 0);
    dk_end(&run), dk_plan_free(&plan), dk_plan_free(&copy);
    return NULL;
}
static void *saves(void *argument) {
    static char bytes[4096];
    static dk_run run;
    static dk_real x[DIM * BATCH];
    dk_eval eval;
    status = dk_begin(&run, (dk_config *)argument, x, NULL, 0);
    if (status == DK_OK && dk_next(&run, &eval)) status = dk_save(&run, bytes, sizeof bytes);
    if (status == DK_OK) status = dk_load(&run, bytes, sizeof bytes);
    dk_end(&run);
    return NULL;
}

static void names_files_and_plans(void **state) {
    static const struct {
        const char *name;
        void *(*call)(void *);
    } calls[] = {{"files", read_file}, {"models", every_model},    {"names", names}, {"plans", plans},
                 {"sizes", sizes},     {"more sizes", more_sizes}, {"saves", saves}};
    (void)state;
    for (int i = 0; i < (int)(sizeof calls / sizeof calls[0]); i++) {
        dk_config c = check_config("vp_scaled_linear", NULL, 8);
        c.dim = DIM, c.batch = BATCH, status = DK_OK;
        check_stack(calls[i].name, calls[i].call, &c);
        if (status) print_error("%s: %s\n", calls[i].name, dk_message(&c));
        assert_int_equal(status, DK_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_sampler), cmocka_unit_test(what_takes_most),
                                       cmocka_unit_test(every_noise_source),
                                       cmocka_unit_test(names_files_and_plans)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    print_message("bytes of stack at most: %zu\n", most);
    return failed;
}
#else
static void not_measured(void **state) { (void)state; }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
