/* Many runs in flight, batched into one network call: every digit is what it is alone, and nothing is allocated. */
#include <stdlib.h>

static int allocations;
static void *counted(void *memory) {
    allocations++;
    return memory;
}
static void *counted_malloc(size_t n) { return counted((malloc)(n)); }
#define malloc(n) counted((malloc)(n))
#define calloc(n, size) counted((calloc)(n, size))
#include "check.h"
#include "examples/engine.h"

static engine *g;

static int load(void **state) {
    (void)state;
    g = (engine *)calloc(1, sizeof *g);
    return !g || unet_load(&g->net, "examples/digits/weights.bin") != NULL;
}

static int unload(void **state) {
    (void)state;
    unet_free(&g->net);
    free(g);
    return 0;
}

static dk_config config_of(const char *sampler, int steps) {
    digits d = {g->net, NULL, 0};
    dk_config c = digits_config(&d);
    c.sampler = dk_sampler_named(sampler);
    c.steps = steps;
    return c;
}

/* Digit number k's recipe: mixed plans, classes and guidance, so that the batch is never of one kind. */
static const double guidance_of[3] = {0, 1.5, 3};
enum { DIGITS = 9 };

static void digits_in_flight_are_what_they_are_alone(void **state) {
    (void)state;
    static const int rows_of_frame[] = {2, 3, 7, 16, 100};
    static dk_real want[DIGITS][UNET_PIXELS];
    dk_plan plan[DIGITS]; /* of digit k */
    memset(plan, 0, sizeof plan);
    for (int k = 0; k < DIGITS; k++) {
        digits one = {g->net, &k, 1};
        dk_config c = k % 2 ? config_of("dpmpp_2m_sde", 4) : config_of("dpmpp_2m", 3);
        c.guidance.scale = guidance_of[k % 3], c.guidance.doubled = 1;
        assert_int_equal(dk_record(&plan[k], &c), DK_OK);
        c.batch = 1, c.first_sample = (uint64_t)k;
        assert_int_equal(dk_sample(&c, digits_denoise, &one, want[k]), DK_OK);
    }
    for (int f = 0; f < (int)(sizeof rows_of_frame / sizeof *rows_of_frame); f++) {
        int started = 0, done = 0, frames = 0, before = allocations;
        while (done < DIGITS) {
            if (started < DIGITS) { /* one more in each frame: they are at different noise levels */
                int k = started++;
                assert_int_equal(engine_start(g, k, &plan[k], (uint64_t)k, k), 0);
            }
            int used = engine_frame(g, rows_of_frame[f]);
            assert_in_range(used, 1, rows_of_frame[f] < ENGINE_ROWS ? rows_of_frame[f] : ENGINE_ROWS);
            assert_true(++frames < 100);
            for (int k = done = 0; k < started; k++) done += !g->slot[k].busy;
        }
        assert_int_equal(allocations, before);
        for (int k = 0; k < DIGITS; k++) {
            assert_int_equal(g->slot[k].run.status, DK_OK);
            assert_memory_equal(g->slot[k].x, want[k], sizeof want[k]);
            for (int i = 0; i < UNET_PIXELS; i++) /* the last step goes to D */
                check_near((double)g->slot[k].estimate[i], (double)want[k][i], check_tiny, "estimate");
        }
    }
    for (int k = 0; k < DIGITS; k++) dk_plan_free(&plan[k]);
}

/* Somebody is left over in every frame, and is first in the next: all finish within one frame of each other. */
static void nobody_waits_longer_than_others(void **state) {
    (void)state;
    dk_config c = config_of("euler", 3);
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    for (int k = 0; k < 5; k++) assert_int_equal(engine_start(g, k, &plan, (uint64_t)k, k), 0);
    int total = 0;
    for (int frame = 1; frame <= 5; frame++) {
        int least = 3, most = 0;
        total += engine_frame(g, 3);
        for (int k = 0; k < 5; k++) {
            int evaluated = g->slot[k].busy ? g->slot[k].eval.call : 3;
            least = evaluated < least ? evaluated : least, most = evaluated > most ? evaluated : most;
        }
        assert_in_range(most - least, 0, 1);
    }
    assert_int_equal(total, 15);
    for (int k = 0; k < 5; k++) assert_false(g->slot[k].busy);
    dk_plan_free(&plan);
}

static void every_sampler_fits_into_a_slot(void **state) {
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        dk_config c = config_of(dk_sampler_at(i)->name, 30);
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        /* with step-size control there is no plan beforehand: such a run would begin with dk_begin */
        if (!plan.attempt) assert_int_equal(engine_start(g, 0, &plan, 0, 0), 0);
        dk_plan_free(&plan);
    }
    g->slot[0].busy = 0;
}

static void rows_follow_the_budget(void **state) {
    (void)state;
    assert_int_equal(engine_rows(0.016, 0.0015), 10);
    assert_int_equal(engine_rows(0.016, 1), 2);
    assert_int_equal(engine_rows(0.016, 0), ENGINE_ROWS);
}

int main(void) {
    check_malloc = counted_malloc;
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(digits_in_flight_are_what_they_are_alone),
        cmocka_unit_test(nobody_waits_longer_than_others),
        cmocka_unit_test(every_sampler_fits_into_a_slot),
        cmocka_unit_test(rows_follow_the_budget),
    };
    return cmocka_run_group_tests_name("engine", tests, load, unload);
}
