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

static int sum_of_branches(void *user, const dk_outputs *o) {
    (void)user;
    for (size_t i = 0; i < o->eval->dim * (size_t)o->eval->batch; i++) {
        o->G[i] = o->memory[0][i] = 0;
        for (int k = 0; k < o->branches; k++) o->G[i] += (dk_real)o->weight[k] * o->output[k][i];
    }
    return 0;
}

static void every_other_step(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)user, (void)level, (void)steps;
    g->scale = step % 2 ? 0 : 3, g->away[3] = step % 2, g->doubled = step % 3 == 0;
}

/* Settings, and by bits of `more` what has no text: phases by step, by level, a guider, a schedule, a table. */
static void phases_branches_lists_tables_and_ways(void **state) {
    static const char *const settings[] = {
        "sampler=flow_map", "sampler=adams2", "sampler=dpmpp_2m_sde eta=0.5 noise_max=2", "sampler=euler grid.way=repaint",
        "sampler=dpmpp_2m grid.way=a1111_restart", "sampler=heun guidance.schedule=1x2+3to1", "sampler=ddim guidance.scale=2 guidance.away2=1 guidance.away5=0.5",
        "sampler=lms guidance.scale=2 guidance.zero_star=1 guidance.zero_init=1", "sampler=unipc guidance.scale=2 guidance.projected=2 guidance.limit=1",
        "sampler=euler guidance.quantile=0.9 guidance.quantile_most=2", "sampler=euler score_factor=1.5 score_deviation=0.5 temperature=0.5",
        "sampler=euler_ancestral number=fp16", "sampler=rk4 plain_last=1 grid.strength=0.5", "sampler=edm churn=2 churn_min=0.1 churn_max=3"};
    static const double numbers[] = {0.9, 0.5, 0.2, 0, 0.6, 0.4, 0, 0.3, 0.1, 0.5, 0, 0.2, 0.8};
    dk_phase by_step[2], by_level[2];
    dk_sampler other = dk_sampler_named("dpmpp_3m_sde");
    dk_guidance guided;
    dk_table table;
    (void)state;
    memset(by_step, 0, sizeof by_step), memset(by_level, 0, sizeof by_level), memset(&guided, 0, sizeof guided), memset(&table, 0, sizeof table);
    guided.scale = 2, guided.rescale = 0.5;
    by_step[0].step = 1, by_step[0].sampler = &other, by_step[1].step = 3, by_step[1].guidance = &guided;
    by_level[0].unit = by_level[1].unit = DK_UNIT_FLOW, by_level[0].level = 0.6, by_level[1].level = 0.3, by_level[1].sampler = &other;
    table.steps = 3, table.shared = 1, table.level = numbers, table.a = numbers + 4, table.b = numbers + 7;
    for (int i = 0; dk_schedule_at(i); i++)
        for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
            for (int more = 0; more < 6; more++)
                for (int v = 0; v < 2; v++) {
                    dk_config c = check_config(dk_schedule_at(i)->name, NULL, 5);
                    if (dk_config_set(&c, settings[k]) != DK_OK) fail_msg("%s", dk_message(&c));
                    if (v) c.prediction = DK_PREDICT_V;
                    if (more == 1) c.phases = by_step, c.phase_count = 2;
                    if (more == 2) c.phases = by_level, c.phase_count = 2;
                    if (more == 3) c.guidance.scale = 2, c.guidance.guider = sum_of_branches, c.guidance.memory = 1, c.guidance.branches = 4;
                    if (more == 4) c.guidance.scale = 2, c.guidance.schedule = every_other_step;
                    if (more == 5) c.sampler = dk_table_sampler(&table), c.steps = 0, memset(&c.grid, 0, sizeof c.grid);
                    if (!c.number) use(&c, settings[k]);
                    else { /* the network here writes no halves */
                        dk_plan plan;
                        memset(&plan, 0, sizeof plan);
                        c.dim = DIM, c.batch = BATCH;
                        feclearexcept(FE_ALL_EXCEPT);
                        dk_record(&plan, &c);
                        dk_plan_free(&plan);
                        none_raised(&c, settings[k]);
                    }
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
        cmocka_unit_test(step_size_control),             cmocka_unit_test(phases_branches_lists_tables_and_ways),
        cmocka_unit_test(every_model)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void not_raised_here(void **state) { (void)state; }

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(not_raised_here)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
