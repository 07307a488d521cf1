/* Error estimates: what they are, and how they compare with true errors where the exact solution is known. */
#include "check.h"

#include "examples/estimate.h"

enum { DIM = 4, BATCH = 3 };

static double variance_of(int i) { return 1 / ((1.0 + i) * (1.0 + i)); }

/* A Gaussian's D, prediction X0. */
static int gaussian(void *user, const dk_eval *e) {
    (void)user;
    for (int b = 0; b < e->batch; b++)
        for (int i = 0; i < DIM; i++) {
            const double v = variance_of(i), a = e->level.alpha, s = e->level.sigma;
            e->output[b * DIM + i] = (dk_real)(a * v / (a * a * v + s * s) * (double)e->input[b * DIM + i]);
        }
    return 0;
}

/* Runs it, and returns the estimate; *truth: the RMS from the probability-flow ODE's end, x sqrt(v/(v + sigma^2)) on EDM. */
static double estimated(dk_config c, double *most, double *truth) {
    dk_real x[BATCH * DIM], noise[DIM];
    dk_plan plan;
    dk_run run;
    estimate e;
    memset(&plan, 0, sizeof plan);
    if (dk_record(&plan, &c)) fail_msg("%s", dk_message(&c));
    if (estimate_begin(&e, &plan, &c)) fail_msg("%s", dk_message(&c));
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, NULL, 0), DK_OK);
    if (dk_continue(&run, gaussian, NULL)) fail_msg("%s", run.message);
    dk_end(&run);
    const double error = estimate_error(&e, x, most);
    *truth = 0;
    for (int b = 0; b < BATCH; b++) {
        dk_normals(c.seed, (uint64_t)b, 0, 0, DIM, noise);
        for (int i = 0; i < DIM; i++) {
            double want = 80 * (double)noise[i] * sqrt(variance_of(i) / (variance_of(i) + 6400));
            *truth += pow((double)x[b * DIM + i] - want, 2) / (BATCH * DIM);
        }
    }
    *truth = sqrt(*truth);
    estimate_end(&e), estimate_end(&e);
    dk_plan_free(&plan);
    return error;
}

static dk_config config_of(const char *sampler, int steps) {
    dk_config c = check_config("edm", sampler, steps);
    c.prediction = DK_PREDICT_X0, c.dim = DIM, c.batch = BATCH, c.grid = dk_grid_named("power");
    return c;
}

/* Euler's run of two steps by hand, and the trapezoidal rule on its slopes. */
static void the_estimate_is_the_distance_to_the_trapezoidal_rule(void **state) {
    static const double s[] = {80, 2, 0};
    double sum = 0, largest = 0, most, truth;
    dk_real noise[DIM];
    (void)state;
    dk_config c = config_of("euler", 2);
    c.sampler.gauge = DK_GAUGE_FLOW, c.grid = dk_grid_levels(s, DK_UNIT_SIGMA);
    for (int b = 0; b < BATCH; b++) {
        double of = 0;
        dk_normals(c.seed, (uint64_t)b, 0, 0, DIM, noise);
        for (int i = 0; i < DIM; i++) {
            const double v = variance_of(i), u0 = 80.0 / 81, u1 = 2.0 / 3, y0 = u0 * (double)noise[i];
            const double f0 = (y0 - v / (v + 6400) * 81 * y0) / u0, y1 = y0 + (u1 - u0) * f0;
            const double f1 = (y1 - v / (v + 4) * 3 * y1) / u1, end = y1 - u1 * f1;
            of += pow(end - (y0 + (u1 - u0) * (f0 + f1) / 2 - u1 * f1), 2) / (double)DIM;
        }
        sum += of / (double)BATCH, largest = fmax(largest, sqrt(of));
    }
    check_near(estimated(c, &most, &truth), sqrt(sum), 10 * check_tiny, "estimate");
    check_near(most, largest, 10 * check_tiny, "of a sample");
}

/* Of methods of every kind, with many steps and few. */
static void it_is_a_fair_part_of_the_true_error(void **state) {
    static const char *const samplers[] = {"euler", "dpmpp_2m", "adams2", "heun", "midpoint", "rk4", "unipc"};
    (void)state;
    for (int k = 0; k < 7; k++)
        for (int steps = 6; steps <= 24; steps *= 2) {
            double most, truth, error = estimated(config_of(samplers[k], steps), &most, &truth);
            assert_true(error > truth / 10 && error < 10 * truth);
        }
}

static void what_has_no_estimate_is_refused(void **state) {
    static const char *const settings[] = {"sampler=euler_ancestral", "grid.rising=1 grid.final=min start=state", "steps=1"};
    (void)state;
    for (int k = 0; k < 3; k++) {
        dk_config c = config_of("euler", 4);
        dk_plan plan;
        estimate e;
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_config_set(&c, settings[k]), DK_OK);
        if (k == 1) c.grid = dk_grid_named("karras"), c.grid.rising = 1, c.grid.final = DK_FINAL_MIN;
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(estimate_begin(&e, &plan, &c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), k == 2 ? "estimate: needs evaluations at two levels, for at one both rules are Euler's"
                                                   : "estimate: the run must go down, without noise, known data and step-size control");
        estimate_end(&e);
        dk_plan_free(&plan);
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_estimate_is_the_distance_to_the_trapezoidal_rule),
        cmocka_unit_test(it_is_a_fair_part_of_the_true_error),
        cmocka_unit_test(what_has_no_estimate_is_refused),
    };
    return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
