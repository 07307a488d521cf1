/* The fitter on Gaussians, whose probability-flow ODE has a solution in closed form: element i of x at sigma = 0 is
   x_i sqrt(v_i/(v_i + sigma^2)) on EDM, v_i the variance. */
#include "check.h"

#include "examples/fit.h"

enum { DIM = 16, SAMPLES = 50 };

static double variance_of(int i) { return 1 / ((1.0 + i) * (1.0 + i)); }

/* The dk_denoise_fn, for prediction X0; user counts evaluations. */
static int gaussian(void *user, const dk_eval *e) {
    *(long *)user += e->batch;
    for (int b = 0; b < e->batch; b++)
        for (int i = 0; i < DIM; i++) {
            double v = variance_of(i), a = e->level.alpha, s = e->level.sigma;
            e->output[b * DIM + i] = (dk_real)(a * v / (a * a * v + s * s) * (double)e->input[b * DIM + i]);
        }
    return 0;
}

static long count;

static fit fit_of(dk_schedule schedule, int steps) {
    fit f;
    memset(&f, 0, sizeof f);
    f.config.schedule = schedule, f.config.prediction = DK_PREDICT_X0;
    f.config.dim = DIM, f.config.seed = 7, f.config.steps = steps;
    assert_int_equal(dk_config_set(&f.config, "sampler=dpmpp_2m grid=karras"), DK_OK);
    f.denoise = gaussian, f.user = &count, count = 0;
    return f;
}

/* RMS to the closed form on noise that the fit has not seen. */
static double error_of(const fit *f, int fitted) {
    static dk_real x[SAMPLES * DIM], noise[DIM];
    dk_config c = f->config;
    c.batch = SAMPLES, c.seed = 8;
    const dk_table table = fit_table(f);
    if (fitted) c.sampler = dk_table_sampler(&table), c.steps = 0, memset(&c.grid, 0, sizeof c.grid);
    assert_int_equal(dk_sample(&c, f->denoise, f->user, x), DK_OK);
    double sum = 0;
    for (int b = 0; b < SAMPLES; b++) {
        dk_normals(8, (uint64_t)b, 0, 0, DIM, noise);
        for (int i = 0; i < DIM; i++) {
            double want = 80 * (double)noise[i] * sqrt(variance_of(i) / (variance_of(i) + 6400));
            sum += pow((double)x[b * DIM + i] - want, 2) / (SAMPLES * DIM);
        }
    }
    return sqrt(sum);
}

static void a_gaussian_is_fitted_fifty_times_better_than_its_base(void **state) {
    (void)state;
    static const int steps[] = {4, 5, 8};
    for (int k = 0; k < 3; k++) {
        fit f = fit_of(dk_edm(0.002, 80), steps[k]);
        assert_int_equal(fit_run(&f), DK_OK);
        assert_int_equal(f.choice, FIT_POLISHED);
        assert_int_equal(f.evaluations, count);
        assert_int_equal(f.plan.steps, steps[k] + 1); /* the first evaluation is that of x = 0 */
        double base = error_of(&f, 0), fitted = error_of(&f, 1);
        assert_true(fitted < base / 50);
        check_near(f.error[FIT_BASE], base, 0.3 * base, "the base on held-out noise, and on other noise");
    }
}

static void a_plan_is_the_same_in_every_family(void **state) {
    (void)state;
    fit edm = fit_of(dk_edm(0.002, 80), 5), flow = fit_of(dk_flow(1), 5);
    flow.config.schedule.t_max = 80.0 / 81; /* sigma/alpha = 80 */
    assert_int_equal(fit_run(&edm), DK_OK);
    assert_int_equal(fit_run(&flow), DK_OK);
    check_near(flow.error[FIT_FAMILY], edm.error[FIT_FAMILY], 0.01 * edm.error[FIT_FAMILY], "the family's member");
    for (int i = 0; i < edm.plan.steps; i++)
        check_near(flow.plan.level[i], edm.plan.level[i], 0.01, "a level, as sigma/(alpha + sigma)");
}

static void a_better_base_is_left_as_it_is(void **state) {
    (void)state;
    fit first = fit_of(dk_edm(0.002, 80), 5), again = first;
    assert_int_equal(fit_run(&first), DK_OK);
    const dk_table table = fit_table(&first);
    again.config.sampler = dk_table_sampler(&table), again.config.steps = table.steps;
    memset(&again.config.grid, 0, sizeof again.config.grid);
    again.budget = 4000; /* enough for some of the family */
    assert_int_equal(fit_run(&again), DK_CANCELLED);
    assert_true(again.error[FIT_FAMILY] > again.error[FIT_BASE]);
    assert_int_equal(again.choice, FIT_BASE);
    assert_int_equal(again.plan.steps, 0);
}

static void a_budget_is_kept_and_gives_the_best_so_far(void **state) {
    (void)state;
    /* references take 80 * 32 evaluations, the first 1 and the base 20 * 5; what is judged at the end 20 * 5 more */
    fit f = fit_of(dk_edm(0.002, 80), 5);
    f.budget = 3000;
    assert_int_equal(fit_run(&f), DK_CANCELLED);
    assert_non_null(strstr(f.message, "the budget is spent"));
    assert_in_range(count, 2900, 3100);
    assert_int_equal(f.choice, FIT_FAMILY);
    assert_true(error_of(&f, 1) < error_of(&f, 0));
}

/* What ran out of budget before the polish goes on there, without the family's search. */
static void an_earlier_plan_is_polished(void **state) {
    (void)state;
    fit first = fit_of(dk_edm(0.002, 80), 5);
    first.budget = 3000;
    assert_int_equal(fit_run(&first), DK_CANCELLED);
    assert_int_equal(first.choice, FIT_FAMILY);
    const dk_table table = fit_table(&first);
    fit again = fit_of(dk_edm(0.002, 80), 5);
    again.config.seed = 9, again.start = &table;
    assert_int_equal(fit_run(&again), DK_OK);
    assert_int_equal(again.choice, FIT_POLISHED);
    check_near(again.error[FIT_FAMILY], error_of(&first, 1), 0.3 * error_of(&first, 1), "the earlier plan on held-out noise");
    for (int i = 0; i <= table.steps; i++) assert_true(fabs(again.plan.level[i] - table.level[i]) < 1e-12);
    assert_true(error_of(&again, 1) < error_of(&first, 1) / 2);
    again = fit_of(dk_edm(0.002, 80), 6);
    again.start = &table;
    assert_int_equal(fit_run(&again), DK_ERROR_CONFIG);
    assert_non_null(strstr(again.message, "fit: start: must be a plan of an earlier fit"));
    again = fit_of(dk_edm(0.002, 70), 5);
    again.start = &table;
    assert_int_equal(fit_run(&again), DK_ERROR_CONFIG);
    assert_non_null(strstr(again.message, "from the same noise level"));
}

static int calls_left;
static int stop(void *user, const fit *f, const char *doing, double error) {
    (void)user, (void)f, (void)doing;
    assert_true(error > 0);
    return --calls_left == 0;
}

static void progress_may_stop_it(void **state) {
    (void)state;
    fit f = fit_of(dk_edm(0.002, 80), 5);
    f.progress = stop, calls_left = 4; /* family, family, polish, polish */
    assert_int_equal(fit_run(&f), DK_CANCELLED);
    assert_non_null(strstr(f.message, "stopped"));
    assert_true(f.choice != FIT_BASE);
    assert_true(error_of(&f, 1) < error_of(&f, 0));
}

static int refuse(void *user, const dk_eval *e) {
    (void)user, (void)e;
    return 1;
}

static void what_cannot_be_fitted_is_said(void **state) {
    (void)state;
    fit f = fit_of(dk_edm(0.002, 80), 21);
    assert_int_equal(fit_run(&f), DK_ERROR_CONFIG);
    assert_non_null(strstr(f.message, "steps = 21: must be 1 .. 20"));
    f = fit_of(dk_edm(0.002, 80), 5);
    f.config.guidance.scale = 2, f.config.guidance.stop = 0.5;
    assert_int_equal(fit_run(&f), DK_ERROR_CONFIG);
    assert_non_null(strstr(f.message, "guidance"));
    f = fit_of(dk_edm(0.002, 80), 5);
    f.config.dim = 0;
    assert_int_equal(fit_run(&f), DK_ERROR_CONFIG);
    assert_non_null(strstr(f.message, "dim"));
    f = fit_of(dk_edm(0.002, 80), 5);
    f.denoise = refuse;
    assert_int_equal(fit_run(&f), DK_ERROR_CALLBACK);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_gaussian_is_fitted_fifty_times_better_than_its_base),
        cmocka_unit_test(a_plan_is_the_same_in_every_family),
        cmocka_unit_test(a_better_base_is_left_as_it_is),
        cmocka_unit_test(a_budget_is_kept_and_gives_the_best_so_far),
        cmocka_unit_test(an_earlier_plan_is_polished),
        cmocka_unit_test(progress_may_stop_it),
        cmocka_unit_test(what_cannot_be_fitted_is_said),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
