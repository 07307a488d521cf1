/* Floating point exceptions: set-up and run raise none of those that a host program may let trap, so that they run in one that
   does, such as a debug build of an engine. Infinite noise levels and half log-SNRs are numbers like others here. */
#include "check.h"
#include <fenv.h>

/* Not where the target has no such flags, or the compiler may compute what is not used then: clang, unless it is told
   -ffp-exception-behavior=maytrap, which -DCHECK_TRAPS says. */
#if defined(FE_DIVBYZERO) && defined(FE_INVALID) && defined(FE_OVERFLOW) && !defined(__FAST_MATH__) && \
    (defined(CHECK_TRAPS) || (defined(__GNUC__) && !defined(__clang__)))
enum { TRAPS = FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW, DIM = 5, BATCH = 2, SIZE = DIM * BATCH };

static void none_raised(const dk_config *c, const char *what) {
    int raised = fetestexcept(TRAPS);
    feclearexcept(FE_ALL_EXCEPT);
    if (!raised) return;
    print_error("%s, %s, %s: %s%s%s: %s\n", c->schedule.name, c->sampler.name, what,
                raised & FE_DIVBYZERO ? "division by zero " : "", raised & FE_INVALID ? "invalid " : "",
                raised & FE_OVERFLOW ? "overflow" : "", c->message);
    fail();
}

/* Where Langevin steps come, whose size is one over the score's, something that does not vanish: user. */
static int halves(void *user, const dk_eval *e) {
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        e->output[i] = user ? (dk_real)0.5 : e->input[i] / 2;
        if (e->uncond_output) e->uncond_output[i] = e->input[i] / 4;
    }
    return 0;
}

/* All that there is to a config: levels, plan, run. Whether it is refused is all the same. */
static void use(dk_config *c, const char *what) {
    static char text[1 << 15];
    double levels[256];
    dk_real x[SIZE];
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    c->dim = DIM, c->batch = BATCH;
    for (int i = 0; i < SIZE; i++) x[i] = (dk_real)(i % 4 - 1) / 4;
    feclearexcept(FE_ALL_EXCEPT);
    for (int unit = DK_UNIT_T; unit < DK_UNIT_COUNT; unit++) dk_levels(c, (dk_unit)unit, levels, 256);
    if (dk_record(&plan, c) == DK_OK) dk_plan_text(&plan, text, sizeof text);
    dk_plan_free(&plan);
    none_raised(c, what);
    dk_sample(c, halves, c->sampler.sde.langevin_steps ? c : NULL, x);
    none_raised(c, what);
}

static void every_sampler_in_every_family(void **state) {
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (int k = 0; dk_sampler_at(k); k++)
            for (int steps = 1; steps < 8; steps += 3) {
                dk_config c = check_config(dk_schedule_at(i)->name, dk_sampler_at(k)->name, steps);
                use(&c, "falling");
                c.sampler.eta = 1;
                use(&c, "eta 1");
                c.sampler.eta = 0, c.sampler.churn = 1, c.guidance.scale = 2, c.guidance.rescale = 0.5;
                use(&c, "churn and guidance");
                c.sampler.churn = 0, c.guidance.scale = c.guidance.rescale = 0;
                c.grid.rising = 1, c.start = DK_START_STATE;
                use(&c, "rising");
            }
}

static void every_gauge_rule_and_order(void **state) {
    static const char *const samplers[] = {"rk4", "dpm2", "lms", "unipc", "dpmpp_2s", "pndm", "edm"};
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (size_t k = 0; k < sizeof samplers / sizeof samplers[0]; k++)
            for (int gauge = 0; gauge < DK_GAUGE_COUNT; gauge++)
                for (int rule = 0; rule < DK_RULE_COUNT; rule++) {
                    dk_config c = check_config(dk_schedule_at(i)->name, samplers[k], 5);
                    c.sampler.gauge = (dk_gauge)gauge, c.sampler.rule = (dk_rule)rule;
                    use(&c, "gauge and rule");
                    c.sampler.plain_last = 1, c.sampler.order = 3;
                    use(&c, "to the end");
                }
}

/* Also of what is refused: nothing is computed with numbers that are none. */
static void every_sampler_with_every_prediction_and_gauge(void **state) {
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (int k = 0; dk_sampler_at(k); k++)
            for (int gauge = 0; gauge < DK_GAUGE_COUNT; gauge++)
                for (int prediction = 0; prediction < DK_PREDICT_COUNT; prediction++) {
                    dk_config c = check_config(dk_schedule_at(i)->name, dk_sampler_at(k)->name, 4);
                    c.sampler.gauge = (dk_gauge)gauge, c.prediction = (dk_prediction)prediction;
                    dk_resolve(&c);
                    dk_plan plan;
                    for (int last = 0; last < 2; last++) {
                        memset(&plan, 0, sizeof plan);
                        c.sampler.plain_last = last;
                        feclearexcept(FE_ALL_EXCEPT);
                        dk_record(&plan, &c);
                        dk_plan_free(&plan);
                        none_raised(&c, "recorded");
                    }
                }
}

static void guidance_in_every_space(void **state) {
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (int space = 0; space < DK_PREDICT_COUNT; space++) {
            dk_config c = check_config(dk_schedule_at(i)->name, "euler", 4);
            c.guidance.scale = 3, c.guidance.rescale = 0.5, c.guidance.space = (dk_prediction)space;
            use(&c, "rescaled");
        }
}

static void every_grid_in_every_family(void **state) {
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (int k = 0; dk_grid_at(k); k++)
            for (int final = 0; final < DK_FINAL_COUNT; final++) {
                dk_config c = check_config(dk_schedule_at(i)->name, "euler", 6);
                c.grid = dk_grid_named(dk_grid_at(k)->name);
                c.grid.final = (dk_final)final, c.grid.final_value = final == DK_FINAL_VALUE ? 0.01 : 0;
                use(&c, dk_grid_at(k)->name);
            }
}

static void every_prediction_and_condition(void **state) {
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (int prediction = 0; prediction < DK_PREDICT_COUNT; prediction++)
            for (int unit = 0; unit < DK_UNIT_COUNT; unit++) {
                dk_config c = check_config(dk_schedule_at(i)->name, "heun", 4);
                c.prediction = (dk_prediction)prediction, c.condition = (dk_unit)unit;
                use(&c, "prediction");
                c.condition_rounding = DK_ROUND_NEAREST, c.network_schedule = dk_edm(0.002, 80);
                use(&c, "network_schedule");
            }
}

/* A denoiser whose D is exact makes an error of 0. */
static int zeros(void *user, const dk_eval *e) {
    (void)user;
    memset(e->output, 0, e->dim * (size_t)e->batch * sizeof *e->output);
    return 0;
}

static void step_size_control(void **state) {
    static const char *const samplers[] = {"rk45", "bogacki_shampine", "dpm_adaptive", "dpm_solver_12"};
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++)
        for (size_t k = 0; k < sizeof samplers / sizeof samplers[0]; k++)
            for (int law = 0; law < DK_CONTROL_COUNT; law++) {
                dk_config c = check_config(dk_schedule_at(i)->name, samplers[k], 4);
                dk_real x[SIZE];
                c.sampler.control.rtol = c.sampler.control.atol = 0.05;
                c.sampler.control.law = (dk_control_law)law;
                use(&c, "controlled");
                c.prediction = DK_PREDICT_X0;
                dk_sample(&c, zeros, NULL, x);
                none_raised(&c, "without an error");
            }
}

static void every_model(void **state) {
    (void)state;
    dk_model_info model;
    for (int i = 0; dk_model_at(i, &model); i++) {
        dk_config c = check_config("flow", NULL, 0);
        feclearexcept(FE_ALL_EXCEPT);
        assert_int_equal(dk_config_for(&c, model.name, NULL), DK_OK);
        use(&c, model.name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sampler_in_every_family), cmocka_unit_test(every_gauge_rule_and_order),
        cmocka_unit_test(every_sampler_with_every_prediction_and_gauge), cmocka_unit_test(guidance_in_every_space),
        cmocka_unit_test(every_grid_in_every_family),    cmocka_unit_test(every_prediction_and_condition),
        cmocka_unit_test(step_size_control),             cmocka_unit_test(every_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void not_raised_here(void **state) { (void)state; }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_raised_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
