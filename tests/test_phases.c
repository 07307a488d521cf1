/* Several samplers, guidances and networks in one plan. */
#include "check.h"

enum { DIM = 3, STEPS = 8, MOST = 64 };
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Noise of the draws behind the first *skipped, as a run that goes on has them. */
static int later_noise(void *user, const dk_noise_request *q, dk_real *out) {
    dk_normals(q->seed, 0, (uint32_t)(q->draw + *(int *)user), 0, q->dim, out);
    return 0;
}

static dk_config on_levels(const char *schedule, const char *sampler, const double *levels, int steps, int *skipped) {
    dk_config c = check_config(schedule, sampler, steps);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    c.dim = DIM, c.start = DK_START_STATE;
    c.noise = source_from(later_noise, skipped);
    return c;
}

static void fill(dk_real *x, double scale) {
    for (int i = 0; i < DIM; i++) x[i] = (dk_real)(scale * (0.8 - 0.7 * i));
}

static int draws_of(dk_config *c) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    if (dk_record(&plan, c)) fail_msg("%s: %s", c->sampler.name, dk_message(c));
    int draws = plan.draws - 1;
    dk_plan_free(&plan);
    return draws;
}

static void sample(dk_config *c, dk_real *x) {
    if (dk_sample(c, check_nonlinear, NULL, x)) fail_msg("%s: %s", c->sampler.name, dk_message(c));
}

static dk_phase phase_at(int step, const dk_sampler *sampler, const dk_guidance *guidance) {
    dk_phase p;
    memset(&p, 0, sizeof p);
    p.step = step, p.sampler = sampler, p.guidance = guidance;
    return p;
}

static dk_phase phase_below(double level, dk_unit unit) {
    dk_phase p = phase_at(0, NULL, NULL);
    p.level = level, p.unit = unit;
    return p;
}

/* Two runs, the second from where the first ends. */
static void two_runs(const char *schedule, const char *a, const char *b, const double *levels, int cut, dk_real *x) {
    int skipped = 0;
    dk_config c = on_levels(schedule, a, levels, cut, &skipped);
    sample(&c, x);
    int draws = draws_of(&c);
    c = on_levels(schedule, b, levels + cut, STEPS - cut, &skipped);
    skipped = draws;
    sample(&c, x);
}

static void one_run(const char *schedule, const char *a, const char *b, const double *levels, int cut, dk_real *x) {
    int skipped = 0;
    dk_sampler second = dk_sampler_named(b);
    dk_phase phase = phase_at(cut, &second, NULL);
    dk_config c = on_levels(schedule, a, levels, STEPS, &skipped);
    c.phases = &phase, c.phase_count = 1;
    sample(&c, x);
}

static void two_samplers_in_one_plan_are_two_runs_bit_for_bit(void **state) {
    static const double flow[] = {9, 4, 2.5, 1.5, 1, 0.7, 0.4, 0.15, 0}, vp[] = {12, 6, 3, 2, 1.2, 0.8, 0.5, 0.2, 0};
    static const struct {
        const char *schedule;
        const double *levels;
    } families[] = {{"flow", flow}, {"vp_scaled_linear", vp}, {"edm", vp}};
    int compared = 0;
    (void)state;
    for (int f = 0; f < COUNT(families); f++)
        for (int s = 0; dk_sampler_at(s); s++)
            for (int order = 0; order < 2; order++) {
                const char *name = dk_sampler_at(s)->name, *a = order ? name : "dpmpp_2m_sde", *b = order ? "heun" : name;
                dk_sampler sampler = dk_sampler_named(name);
                dk_real one[DIM], two[DIM];
                if (sampler.control.rtol > 0) continue;
                fill(one, families[f].levels[0]), fill(two, families[f].levels[0]);
                one_run(families[f].schedule, a, b, families[f].levels, 3, one);
                two_runs(families[f].schedule, a, b, families[f].levels, 3, two);
                if (memcmp(one, two, sizeof one)) fail_msg("%s, %s then %s", families[f].schedule, a, b);
                compared++;
            }
    assert_true(compared > 500);
}

/* Each half laid out for itself: a list of the levels of both is the grid. */
static void phases_have_grids_of_their_own_by_a_list(void **state) {
    double levels[MOST];
    dk_config high = check_config("flow", "euler", 4), low = check_config("flow", "dpmpp_2m", 5), both;
    dk_phase phase = phase_at(4, &low.sampler, NULL);
    dk_plan plan;
    (void)state;
    assert_int_equal(dk_config_set(&high, "grid=karras grid.final=min grid.sigma_min=0.6"), DK_OK);
    assert_int_equal(dk_config_set(&low, "grid=uniform grid.sigma_max=0.6"), DK_OK);
    int n = dk_levels(&high, DK_UNIT_SIGMA, levels, MOST);
    assert_int_equal(n, 5);
    assert_int_equal(dk_levels(&low, DK_UNIT_SIGMA, levels + n - 1, MOST - n + 1), 6);
    both = high;
    both.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), both.steps = 9, both.phases = &phase, both.phase_count = 1;
    memset(&plan, 0, sizeof plan);
    if (dk_record(&plan, &both)) fail_msg("%s", dk_message(&both));
    check_near(plan.level[4].sigma, 0.6, 1e-15, "where the second takes over");
    check_near(plan.level[5].sigma, 0.48, 1e-12, "its own grid");
    dk_plan_free(&plan);
}

/* ------------------------------------------------------------------------------ which phase */

/* Calls of each step, 9 for none. */
static void check_phases(dk_config *c, const char *want) {
    dk_plan plan;
    char got[MOST];
    memset(&plan, 0, sizeof plan);
    if (dk_record(&plan, c)) fail_msg("%s", dk_message(c));
    memset(got, '9', sizeof got), got[plan.steps] = 0;
    for (int i = 0; i < plan.calls; i++) got[plan.call[i].step] = (char)('0' + plan.call[i].phase);
    assert_string_equal(got, want);
    dk_plan_free(&plan);
}

/* diffusers: the first expert where t >= boundary; Wan 2.2's boundary is 0.875 of 1000 timesteps. */
static void a_step_is_of_the_phase_that_its_start_lies_below(void **state) {
    static const double at_boundary[] = {1, 0.9, 0.875, 0.5, 0}, back_up[] = {9, 3, 1, 4, 2, 0.5, 0};
    dk_phase phase[2] = {phase_below(0.875, DK_UNIT_FLOW), phase_below(0.3, DK_UNIT_FLOW)};
    dk_config c = check_config("flow", "heun", 10);
    (void)state;
    c.schedule.shift = 5, c.phases = phase, c.phase_count = 1;
    check_phases(&c, "0000011111"); /* t = 1, 0.978, 0.952, 0.921, 0.882, 0.833 ... */
    c.phase_count = 2;
    check_phases(&c, "0000011111");
    phase[1].level = 0.6;
    check_phases(&c, "0000011122"); /* ... 0.682, 0.556, 0.357 */
    phase[1].level = 0.3, c.phase_count = 1;

    c.steps = 4, c.grid = dk_grid_levels(at_boundary, DK_UNIT_FLOW);
    check_phases(&c, "0001");
    phase[0] = phase_at(1, NULL, NULL);
    check_phases(&c, "0111");

    /* on a way back up a level's phase is left again; steps upwards evaluate nothing */
    phase[0] = phase_below(1, DK_UNIT_SIGMA);
    c.steps = 6, c.grid = dk_grid_levels(back_up, DK_UNIT_SIGMA), c.grid.travel = 1;
    check_phases(&c, "009001");

    /* a base and its refiner: the last fifth of the timesteps */
    c = check_config("vp_scaled_linear", "ddim", 10);
    phase[0] = phase_below(200, DK_UNIT_DEFAULT), c.phases = phase, c.phase_count = 1;
    c.grid = dk_grid_named("trailing"); /* 999, 899 .. 199, 99 */
    check_phases(&c, "0000000011");
    c.grid.rising = 1, c.start = DK_START_STATE;
    check_phases(&c, "1110000000"); /* -1, 99, 199 ... */
}

/* The network of each phase, told by dk_eval.phase; *asked counts the calls of each. */
static int one_of_two(void *user, const dk_eval *e) {
    int *asked = (int *)user;
    asked[e->phase]++;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = e->input[i] * (dk_real)(e->phase ? 0.25 : -0.5);
    return 0;
}

static int by_level(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = e->input[i] * (dk_real)(e->t < 0.45 ? 0.25 : -0.5);
    return 0;
}

static void another_network_takes_over_and_the_sampler_goes_on(void **state) {
    dk_phase phase = phase_below(0.45, DK_UNIT_FLOW);
    dk_config c = check_config("flow", "unipc", 10);
    dk_real x[DIM], y[DIM];
    int asked[2] = {0, 0};
    (void)state;
    c.dim = DIM;
    assert_int_equal(dk_sample(&c, by_level, NULL, y), DK_OK);
    c.phases = &phase, c.phase_count = 1;
    assert_int_equal(dk_sample(&c, one_of_two, asked, x), DK_OK);
    assert_memory_equal(x, y, sizeof x);
    assert_int_equal(asked[0], 6); /* t = 1, 0.9 .. 0.5 */
    assert_int_equal(asked[1], 4);
}

/* ------------------------------------------------------------------------------ guidance */

static int first_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)user, (void)e, (void)D, (void)slot;
    return 0;
}

static void four_then_three(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)user, (void)step, (void)steps;
    if (!(level.t < 0.875)) return;
    g->scale = 3, g->rescale = 0.5, g->hook = NULL;
}

static void a_phase_has_its_guidance(void **state) {
    dk_config a = check_config("flow", "unipc", 9), b;
    dk_phase phase = phase_below(0.875, DK_UNIT_T);
    dk_plan p, q;
    (void)state;
    memset(&p, 0, sizeof p), memset(&q, 0, sizeof q);
    a.guidance.scale = 4, a.guidance.hook = first_hook;
    a.phases = &phase, a.phase_count = 1;
    b = a;
    b.guidance.schedule = four_then_three;
    assert_int_equal(dk_record(&q, &b), DK_OK);
    dk_guidance low = a.guidance;
    low.scale = 3, low.rescale = 0.5, low.hook = NULL;
    phase.guidance = &low;
    if (dk_record(&p, &a)) fail_msg("%s", dk_message(&a));
    assert_true(dk_plan_equal(&p, &q, 0, NULL));
    assert_true(a.guidance.scale >= 4);
    dk_plan_free(&q);

    /* without guidance nothing else is evaluated */
    memset(&low, 0, sizeof low);
    assert_int_equal(dk_record(&p, &a), DK_OK);
    assert_int_equal(p.calls, 2 * 2 + 7); /* t = 1, 0.889, 0.778 ... */
    dk_plan_free(&p);
}

/* ------------------------------------------------------------------------------ what else there is */

static void refusals_name_phase_and_field(void **state) {
    static const struct {
        int step;
        double level;
        int unit;
        const char *sampler, *guidance, *message;
    } rows[] = {
        {-1, 0, 0, NULL, NULL, "phases[1], step = -1: must be 0 .. steps - 1"},
        {6, 0, 0, NULL, NULL, "phases[1], step = 6: must be 0 .. steps - 1"},
        {3, 0.5, 0, NULL, NULL, "phases[1], level = 0.5: must be 0 with step"},
        {0, 875, 0, NULL, NULL, "phases[1], level = 875: must be a level of the schedule with noise, or step > 0"},
        {0, -0.1, DK_UNIT_SIGMA, NULL, NULL, "phases[1], level = -0.1: must be a level of the schedule with noise, or step > 0"},
        {0, 1, DK_UNIT_DATA, NULL, NULL, "phases[1], level = 1: must be a level of the schedule with noise, or step > 0"},
        {0, 0, 0, NULL, "guidance.scale=2", "phases[1], level = 0: must be a level of the schedule with noise, or step > 0"},
        {0, HUGE_VAL, 0, NULL, NULL, "phases[1], level = inf: must be finite"},
        {3, 0, DK_UNIT_FLOW, NULL, NULL, "phases[1], unit = 3: must be a dk_unit, default with step"},
        {0, 1, 99, NULL, NULL, "phases[1], unit = 99: must be a dk_unit, default with step"},
        {2, 0, 0, NULL, NULL, "phases[1], step or level: must come after that of the phase before"},
        {3, 0, 0, "sampler=euler eta=-1", NULL, "phases[1], sampler.eta = -1: must be >= 0"},
        {3, 0, 0, "sampler=bogacki_shampine rtol=0.1", NULL, "phases[1], sampler.rtol and atol: must be 0 with phases"},
        {3, 0, 0, NULL, "guidance.scale=2 guidance.rescale=2", "phases[1], guidance.rescale = 2: must be 0 .. 1; needs scale"},
        {3, 0, 0, "sampler=euler snr=0.5", NULL, "sampler.snr = 0.5: must be 0: this method uses tableau, gauge, plain_last, "
                                                 "euler_to_data, law, eta, noise_min, noise_max, churn"},
    };
    dk_phase phases[2] = {phase_at(2, NULL, NULL), phase_at(3, NULL, NULL)};
    dk_config c = check_config("flow", "euler", 6), other = c;
    dk_plan plan;
    (void)state;
    memset(&plan, 0, sizeof plan);
    c.phases = phases;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "phase_count = 0: must be as many as phases has");
    c.phase_count = -1;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "phase_count = -1: must be as many as phases has");
    c.phase_count = 11, c.steps = 1000000; /* each step would look at each */
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "phase_count = 11: must be at most 10000000 divided by the steps that are run");
    c.phase_count = 2, c.steps = 6;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    for (int i = 0; i < COUNT(rows); i++) {
        dk_config set = c;
        phases[1] = phase_at(rows[i].step, NULL, NULL);
        phases[1].level = rows[i].level, phases[1].unit = (dk_unit)rows[i].unit;
        const char *settings = rows[i].sampler ? rows[i].sampler : rows[i].guidance;
        if (settings && dk_config_set(&set, settings)) { /* the number itself is refused by name */
            dk_config_set(&set, "sampler=euler");
            if (rows[i].sampler) set.sampler.eta = -1;
            else set.guidance.scale = 2, set.guidance.rescale = 2;
        }
        if (rows[i].sampler) phases[1].sampler = &set.sampler;
        if (rows[i].guidance) phases[1].guidance = &set.guidance;
        assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), rows[i].message);
        assert_int_equal(dk_resolve(&c), i + 1 < COUNT(rows) ? DK_ERROR_CONFIG : DK_OK);
    }
    dk_phase levels[2] = {phase_below(0.5, DK_UNIT_FLOW), phase_below(1, DK_UNIT_SIGMA)}; /* the same */
    other.phases = levels, other.phase_count = 2;
    assert_int_equal(dk_record(&plan, &other), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&other), "phases[1], step or level: must come after that of the phase before");
    other.phases = NULL, other.phase_count = 0;
    dk_sampler unknown = dk_sampler_named("eulr");
    phases[1] = phase_at(3, &unknown, NULL);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_int_equal(strncmp(dk_message(&c), "phases[1], sampler \"eulr\"", 25), 0);
    dk_guidance hooked = c.guidance;
    static const double numbers[2] = {1, 0};
    const dk_table table = {"own", 1, 0, 0, numbers, numbers, numbers, NULL, NULL};
    dk_sampler tabled = dk_table_sampler(&table);
    phases[1] = phase_at(3, &tabled, NULL);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "phases[1], sampler: must be no dk_table, which has the levels of a whole grid");
    hooked.hook = first_hook;
    phases[1] = phase_at(3, NULL, &hooked);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_int_equal(strncmp(dk_message(&c), "phases[1], guidance.hook and guider: ", 37), 0);
    phases[1] = phase_at(3, NULL, NULL);
    assert_int_equal(dk_config_set(&other, "sampler=bogacki_shampine rtol=0.1 atol=0.1"), DK_OK);
    c.sampler = other.sampler;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "phases[0], sampler.rtol and atol: must be 0 with phases");
    dk_sampler euler = dk_sampler_named("euler"); /* also where every phase has another sampler */
    phases[0] = phase_at(2, &euler, NULL);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "phases[0], sampler.rtol and atol: must be 0 with phases");
    dk_plan_free(&plan);
}

static void a_save_goes_on_in_the_phase_that_it_was_made_in(void **state) {
    dk_sampler second = dk_sampler_named("dpmpp_2m_sde");
    dk_phase phase = phase_at(4, &second, NULL);
    dk_config c = check_config("edm", "euler", STEPS);
    dk_real x[DIM], want[DIM];
    unsigned char bytes[4096];
    dk_run run;
    dk_eval e;
    (void)state;
    c.dim = DIM, c.phases = &phase, c.phase_count = 1;
    assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want), DK_OK);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    while (dk_next(&run, &e) && e.step < 6) {
        assert_int_equal(e.phase, e.step >= 4);
        check_nonlinear(NULL, &e);
    }
    size_t size = dk_save_size(&run);
    assert_true(size > 0 && size <= sizeof bytes);
    assert_int_equal(dk_save(&run, bytes, size), DK_OK);
    dk_end(&run);
    memset(x, 0, sizeof x);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_load(&run, bytes, size), DK_OK);
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    assert_memory_equal(x, want, sizeof x);
    dk_end(&run);
    phase.step = 3;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_load(&run, bytes, size), DK_ERROR_SAVED);
    dk_end(&run);
}

static void plans_say_their_phases(void **state) {
    dk_phase phase = phase_at(1, NULL, NULL);
    dk_config c = check_config("flow", "euler", 2);
    dk_plan with, without;
    char text[1024];
    (void)state;
    memset(&with, 0, sizeof with), memset(&without, 0, sizeof without);
    assert_int_equal(dk_record(&without, &c), DK_OK);
    c.phases = &phase, c.phase_count = 1;
    assert_int_equal(dk_record(&with, &c), DK_OK);
    assert_false(dk_plan_equal(&with, &without, 1, NULL));
    assert_true(dk_plan_text(&with, text, sizeof text) < sizeof text);
    assert_non_null(strstr(text, "    F0 = network(z0; 1)    t 1, alpha 0, sigma 1\n"));
    assert_non_null(strstr(text, "    F1 = network(x1; 0.5)    t 0.5, alpha 0.5, sigma 0.5, phase 1\n"));
    dk_plan_free(&with), dk_plan_free(&without);
}

/* ------------------------------------------------------------------------------ functions that call others */

static void one_after_the_other(dk_recorder *r) {
    int steps = r->steps;
    r->sampler = dk_sampler_named("dpmpp_2m_sde"), r->steps = 3;
    r->sampler.record(r);
    r->sampler = dk_sampler_named("heun"), r->steps = steps;
    r->sampler.record(r);
}

static void from_within_a_step(dk_recorder *r) {
    int steps = r->steps;
    while (dkr_step(r)) {
        int first = r->step < 3;
        r->sampler = dk_sampler_named(first ? "dpmpp_2m_sde" : "heun"), r->steps = first ? 3 : steps;
        r->sampler.record(r);
        r->steps = steps;
    }
}

static void a_first_step_of_its_own(dk_recorder *r) {
    if (dkr_step(r)) r->x = dkr_keep(r, dkr_scale(r->to.sigma / r->from.sigma, r->x));
    r->sampler = dk_sampler_named("euler");
    r->sampler.record(r);
}

static void record_functions_that_call_others_lose_no_step(void **state) {
    static const double levels[] = {9, 4, 2.5, 1.5, 1, 0.7, 0.4, 0.15, 0}, twice[] = {4, 2, 1, 0.5, 3, 1.5, 1, 0.5, 0};
    int skipped = 0;
    dk_record_fn const both[] = {one_after_the_other, from_within_a_step};
    (void)state;
    for (int k = 0; k < COUNT(both); k++) {
        dk_config c = on_levels("edm", NULL, levels, STEPS, &skipped);
        dk_real want[DIM], got[DIM];
        c.sampler.name = "own", c.sampler.record = both[k];
        fill(want, 9), fill(got, 9);
        one_run("edm", "dpmpp_2m_sde", "heun", levels, 3, want);
        sample(&c, got);
        assert_memory_equal(got, want, sizeof got);

        /* anew after a way back up */
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        c.grid = dk_grid_levels(twice, DK_UNIT_SIGMA), c.grid.travel = 1;
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(plan.calls, 3 + 3 + 1); /* each way: three steps, and on the second Heun's one to 0 */
        dk_plan_free(&plan);
    }
    dk_config c = on_levels("edm", NULL, levels, STEPS, &skipped);
    dk_real x[DIM];
    c.sampler.name = "own", c.sampler.record = a_first_step_of_its_own;
    fill(x, 9);
    assert_int_equal(draws_of(&c), 0);
    sample(&c, x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_samplers_in_one_plan_are_two_runs_bit_for_bit),
        cmocka_unit_test(phases_have_grids_of_their_own_by_a_list),
        cmocka_unit_test(a_step_is_of_the_phase_that_its_start_lies_below),
        cmocka_unit_test(another_network_takes_over_and_the_sampler_goes_on),
        cmocka_unit_test(a_phase_has_its_guidance),
        cmocka_unit_test(refusals_name_phase_and_field),
        cmocka_unit_test(a_save_goes_on_in_the_phase_that_it_was_made_in),
        cmocka_unit_test(plans_say_their_phases),
        cmocka_unit_test(record_functions_that_call_others_lose_no_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
