/* Plans: their text, coefficients, memory and buffers; user's samplers and tables. */
#include "check.h"

static void record(dk_config *c, dk_plan *plan) {
    memset(plan, 0, sizeof *plan);
    if (dk_record(plan, c) == DK_OK) return;
    print_error("refused: %s\n", dk_message(c));
    fail();
}

/* x0 prediction, told sigma/alpha, starting from a given state at the first of the levels. */
static dk_config plain_config(const char *schedule, const char *sampler, const double *levels, dk_unit unit,
                              int steps) {
    dk_config c = check_config(schedule, sampler, steps);
    c.grid = dk_grid_levels(levels, unit);
    c.prediction = DK_PREDICT_X0, c.condition = DK_UNIT_SIGMA, c.start = DK_START_STATE;
    return c;
}

/* ------------------------------------------------------------------ text */

static void text_says_what_the_plan_does(void **state) {
    static const double levels[] = {0.8, 0.4, 0};
    static const char want[] = "2 steps, 2 evaluations, 1 draw; buffers besides x: 1\n"
                               "    z0 = normal, draw 0\n"
                               "    x0 = 0.8 z0  -> x\n"
                               "step 0: noise level 4 -> 0.666667\n"
                               "    D0 = network(x0; 0.8)    t 0.8, alpha 0.2, sigma 0.8\n"
                               "    x1 = 0.5 x0 + 0.5 D0  -> buffer 1\n"
                               "step 1: noise level 0.666667 -> 0\n"
                               "    D1 = network(x1; 0.4)    t 0.4, alpha 0.6, sigma 0.4\n"
                               "    x2 = D1  -> x\n"
                               "result: x\n";
    dk_config c = check_config("flow", "euler", 2);
    dk_plan plan;
    char text[sizeof want + 8], whole[1000];
    (void)state;
    c.prediction = DK_PREDICT_X0, c.grid = dk_grid_levels(levels, DK_UNIT_T);
    record(&c, &plan);
    assert_string_equal((dk_plan_text(&plan, whole, sizeof whole), whole), want);
    for (size_t size = 0; size <= sizeof want; size++) { /* cut anywhere, nothing written behind */
        memset(text, '#', sizeof text);
        assert_int_equal(dk_plan_text(&plan, text, size), sizeof want - 1);
        if (size > 0) assert_int_equal(strlen(text), size - 1);
        if (size > 0) assert_memory_equal(text, want, size - 1);
        assert_int_equal(text[size], '#');
    }
    assert_int_equal(dk_plan_text(&plan, NULL, 0), sizeof want - 1);
    dk_plan_free(&plan);
}

/* ------------------------------------------------------------------ coefficients */

enum { BASIS = 8 }; /* x, then the D of each call, then draws 1, 2 ... */

/* The result of a short plan over x, D_0 .. and noise, by multiplying its rows out. */
static void expand(dk_config *c, double *result) {
    static double m[64][BASIS];
    dk_plan plan;
    record(c, &plan);
    assert_true(plan.values <= 64 && 1 + plan.calls + plan.draws - 1 <= BASIS);
    memset(m, 0, sizeof m);
    m[0][0] = 1;
    for (int i = 0; i < plan.calls; i++) m[plan.call[i].output][1 + i] = 1;
    for (int i = 0; i < plan.rows; i++) {
        const dk_row *row = &plan.row[i];
        if (row->draw > 0) m[row->dst][plan.calls + row->draw] = 1;
        for (int j = row->first; j < row->first + row->count; j++)
            for (int k = 0; k < BASIS; k++) m[row->dst][k] += plan.term[j].c * m[plan.term[j].value][k];
    }
    const dk_row *last = &plan.row[plan.rows - 1];
    assert_int_equal(plan.value[last->dst].slot, 0);
    memcpy(result, m[last->dst], sizeof m[0]);
    dk_plan_free(&plan);
}

/* By hand. Flow: x = (1 - t) x0 + t eps, Euler on (x - D)/t. VE from 4 to 1: sigma_up^2 = eta^2 (1 - 1/16),
   k-diffusion's get_ancestral_step; h = log 4 in DPM-Solver++. */
/* Each kind of norm, number and evaluation in words. */
static void text_has_words_for_everything(void **state) {
    static const struct {
        const char *sampler, *settings;
        dk_number number;
        const char *words;
    } rows[] = {
        {"euler", "", DK_NUMBER_FP16, "  -> fp16 buffer 0"},
        {"euler", "", DK_NUMBER_BF16, "  -> bf16 buffer 0"},
        {"euler", "start=state", DK_NUMBER_REAL, "0 draws; "},
        {"euler", "", DK_NUMBER_REAL, "1 draw; "},
        {"euler", "guidance.scale=2 guidance.doubled=1", DK_NUMBER_REAL, "F0, G0 = network(u0, u0; "},
        {"euler", "guidance.scale=2", DK_NUMBER_REAL, ", branch 1"},
        {"euler", "guidance.scale=2 guidance.rescale=1", DK_NUMBER_REAL, "r1 = deviation of "},
        {"euler", "guidance.quantile=0.9", DK_NUMBER_REAL, "r1 = 1 / 0.9 quantile of |D0|, from 1\n"},
        {"euler", "guidance.quantile=0.9 guidance.quantile_most=2", DK_NUMBER_REAL, "|D0|, from 1 to 2\n"},
        {"euler", "guidance.scale=2 guidance.projected=1", DK_NUMBER_REAL, "r1 = ("},
        {"euler", "guidance.scale=2 guidance.projected=1 guidance.limit=3", DK_NUMBER_REAL,
         "r1 = min(1, 3 / |"},
        {"predictor_corrector", "", DK_NUMBER_REAL, "r1 = |"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[8000];
        dk_config c = check_config("vp", rows[i].sampler, 2);
        dk_plan plan;
        c.number = rows[i].number;
        assert_int_equal(dk_config_set(&c, rows[i].settings), DK_OK);
        record(&c, &plan);
        assert_true(dk_plan_text(&plan, text, sizeof text) < sizeof text);
        if (!strstr(text, rows[i].words)) fail_msg("no \"%s\" in:\n%s", rows[i].words, text);
        dk_plan_free(&plan);
    }
}

static void one_step_has_the_published_coefficients(void **state) {
    static const struct {
        const char *schedule, *sampler;
        double from, to, eta, want[4]; /* x, D_0, then D_1 or noise */
    } rows[] = {
        {"flow", "euler", 0.8, 0.6, 0, {0.75, 0.25}},
        {"flow", "ddim", 0.8, 0.6, 0, {0.75, 0.25}},
        {"flow", "dpmpp_2m", 0.8, 0.6, 0, {0.75, 0.25}},
        {"edm", "euler", 4, 1, 0, {0.25, 0.75}},
        {"edm", "ddim", 4, 1, 0, {0.25, 0.75}},
        {"flow", "heun", 2.0 / 3, 1.0 / 3, 0, {0.5, 0, 0.5}},
        {"flow", "heun", 1, 2.0 / 3, 0, {2.0 / 3, 1.0 / 12, 0.25}},
        {"edm", "heun", 4, 1, 0, {0.25, -0.75, 1.5}},     /* x - 3/2 ((x - D_0)/4 + (x + 3 D_0)/4 - D_1) */
        {"edm", "midpoint", 4, 1, 0, {0.25, -0.45, 1.2}}, /* middle at 2.5: x - 3 (Y - D_1)/2.5 */
        {"edm", "dpm2", 4, 1, 0, {0.25, -0.75, 1.5}},     /* middle at 2 */
        {"edm", "euler_ancestral", 4, 1, 1, {0.0625, 0.9375, 0.96824583655185426}},
        {"edm", "euler_ancestral", 4, 1, 0.5, {0.21875, 0.78125, 0.48412291827592713}},
        {"edm", "dpmpp_2m_sde", 4, 1, 1, {0.0625, 0.9375, 0.96824583655185426}},
        {"edm", "dpmpp_2m_sde", 4, 1, 0.5, {0.125, 0.875, 0.8660254037844386}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double levels[2] = {rows[i].from, rows[i].to}, got[BASIS];
        dk_config c = plain_config(rows[i].schedule, rows[i].sampler, levels, DK_UNIT_T, 1);
        c.sampler.eta = rows[i].eta;
        if (levels[0] >= 1 && c.schedule.family == DK_FAMILY_FLOW) c.condition = DK_UNIT_FLOW;
        expand(&c, got);
        for (int k = 0; k < 4; k++) check_near(got[k], rows[i].want[k], 1e-14, rows[i].sampler);
    }
}

/* Ho et al. 2020, eq. 7 and sec. 3.2, at neighbouring timesteps. */
static void ddpm_is_the_posterior_with_both_variances(void **state) {
    static const char *const samplers[] = {"ddpm", "ddpm_large"};
    static const int timesteps[] = {999, 500, 20, 1};
    (void)state;
    for (int i = 0; i < 4; i++) {
        double before = 1, abar = 1, beta = 0, got[BASIS];
        for (int k = 0; k <= timesteps[i]; k++) {
            before = abar;
            beta = 1e-4 + k / 999.0 * (0.02 - 1e-4);
            abar *= 1 - beta;
        }
        double levels[2] = {(double)timesteps[i], timesteps[i] - 1.0};
        for (int large = 0; large < 2; large++) {
            dk_config c = plain_config("vp_linear", samplers[large], levels, DK_UNIT_T, 1);
            expand(&c, got);
            check_near(got[0], sqrt(1 - beta) * (1 - before) / (1 - abar), 1e-10, "x_t");
            check_near(got[1], sqrt(before) * beta / (1 - abar), 1e-10, "x_0");
            check_near(got[2], sqrt(large ? beta : beta * (1 - before) / (1 - abar)), 1e-10, "noise");
        }
    }
}

/* Lu et al. 2022b, alg. 2: D = (1 + 1/(2r)) D_1 - 1/(2r) D_0, r = h_0/h_1 = 1/2;
   x_2 = x_1/4 + 3/4 D, x_1 = (x + D_0)/2. */
static void dpmpp_2m_extrapolates_from_the_step_before(void **state) {
    static const double levels[] = {8, 4, 1}, want[] = {0.125, 0.125 - 0.75, 1.5};
    double got[BASIS];
    dk_config c = plain_config("edm", "dpmpp_2m", levels, DK_UNIT_SIGMA, 2);
    (void)state;
    expand(&c, got);
    for (int k = 0; k < 3; k++) check_near(got[k], want[k], 1e-14, "dpmpp_2m");
    /* the same in VP: x is scaled by alpha = 1/sqrt(1 + s^2), D is not */
    c.schedule = dk_vp(0.1, 20);
    expand(&c, got);
    check_near(got[0], 0.125 * sqrt(65.0 / 2), 1e-10, "x in VP");
    check_near(got[1], want[1] / sqrt(2.0), 1e-10, "D_0 in VP");
    check_near(got[2], want[2] / sqrt(2.0), 1e-10, "D_1 in VP");
}

/* ------------------------------------------------------------------ memory, copies, comparison */

/* What dk_record says that it needs, 0 where the config cannot work. */
static size_t plan_size(dk_config *c) {
    char little[1];
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.memory = little, plan.bytes = sizeof little;
    return dk_record(&plan, c) == DK_ERROR_MEMORY ? plan.used : 0;
}

static void size_is_exactly_what_recording_needs(void **state) {
    dk_config c = check_config("flow", "heun", 5);
    size_t size = plan_size(&c);
    char *block = (char *)malloc(size + 64), number[32];
    dk_plan plan;
    (void)state;
    for (size_t skew = 0; skew < 64; skew += 7) {
        memset(&plan, 0, sizeof plan);
        memset(block, 0x5a, size + 64);
        plan.memory = block + skew, plan.bytes = size;
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        for (size_t i = 0; i < skew; i++) assert_int_equal(block[i], 0x5a);
        for (size_t i = skew + size; i < size + 64; i++) assert_int_equal(block[i], 0x5a);
        dk_plan_free(&plan); /* leaves the caller's memory alone */
    }
    plan.memory = block, plan.bytes = size - 1;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_MEMORY);
    snprintf(number, sizeof number, "bytes = %u", (unsigned)(size - 1));
    assert_non_null(strstr(dk_message(&c), number));
    snprintf(number, sizeof number, "at least %u", (unsigned)size);
    assert_non_null(strstr(dk_message(&c), number));
    c.steps = 0;
    assert_int_equal(plan_size(&c), 0);
    assert_string_equal(dk_message(&c), "steps = 0: must be 1 .. 1000000");
    free(block);
}

static void plans_of_one_config_are_equal_and_independent(void **state) {
    dk_config c = check_config("edm", "predictor_corrector", 4);
    dk_plan plan, given;
    char a[4096], b[4096];
    double worst = -1;
    (void)state;
    record(&c, &plan);
    size_t size = plan_size(&c);
    char *block = (char *)malloc(size);
    memset(&given, 0, sizeof given);
    given.memory = block, given.bytes = 16;
    assert_int_equal(dk_record(&given, &c), DK_ERROR_MEMORY);
    given.bytes = size;
    assert_int_equal(dk_record(&given, &c), DK_OK);
    assert_int_equal(dk_plan_equal(&given, &plan, 0, &worst), 1);
    check_near(worst, 0, 0, "worst");
    dk_plan_text(&plan, a, sizeof a);
    dk_plan_free(&plan);
    dk_plan_text(&given, b, sizeof b);
    assert_string_equal(a, b);
    free(block);
}

static void other_plans_are_not_equal(void **state) {
    static const double grid[3] = {4, 2, 1}, moved[3] = {4, 2.5, 1};
    dk_config c = plain_config("edm", "dpmpp_2m_sde", grid, DK_UNIT_SIGMA, 2);
    dk_plan a, b;
    double worst = 0;
    (void)state;
    record(&c, &a);
    record(&c, &b);
    assert_int_equal(dk_plan_equal(&a, &b, 0, NULL), 1);
    dk_plan_free(&b);
    c.sampler.eta = 0.5; /* the same operations with other numbers */
    record(&c, &b);
    assert_int_equal(dk_plan_equal(&a, &b, 1e-3, &worst), 0);
    assert_true(worst > 0.01 && worst < 1);
    assert_int_equal(dk_plan_equal(&a, &b, worst * 1.001, NULL), 1);
    dk_plan_free(&b);
    c.sampler.eta = 0; /* other operations */
    record(&c, &b);
    assert_int_equal(dk_plan_equal(&a, &b, 1e9, &worst), 0);
    assert_true(worst >= HUGE_VAL);
    dk_plan_free(&b);
    c.sampler.eta = 1, c.grid = dk_grid_levels(moved, DK_UNIT_SIGMA);
    record(&c, &b);
    assert_int_equal(dk_plan_equal(&a, &b, 1e-6, NULL), 0);
    dk_plan_free(&a), dk_plan_free(&b);
}

/* How two outputs make one D, where D is clipped, what an error is measured against. */
static void what_plans_weigh_clip_and_measure_is_compared(void **state) {
    static const struct {
        const char *sampler, *settings[2];
        double clip[2];
    } pairs[] = {
        {"euler", {"guidance.scale=3 guidance.doubled=1", "guidance.scale=4 guidance.doubled=1"}, {0, 0}},
        {"euler", {"", ""}, {1, 2}},
        {"dpm_adaptive", {"rtol=0.05", "rtol=0.25"}, {0, 0}},
        {"dpm_adaptive", {"atol=0.05", "atol=0.25"}, {0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        dk_plan plan[2];
        double worst = 0;
        for (int k = 0; k < 2; k++) {
            dk_config c = check_config("edm", pairs[i].sampler, 3);
            assert_int_equal(dk_config_set(&c, pairs[i].settings[k]), DK_OK);
            c.clip = pairs[i].clip[k];
            record(&c, &plan[k]);
        }
        assert_int_equal(dk_plan_equal(&plan[0], &plan[1], 0.01, &worst), 0);
        assert_true(worst < 1);
        dk_plan_free(&plan[0]), dk_plan_free(&plan[1]);
    }
}

/* ------------------------------------------------------------------ user's samplers */

/* Not linear, so that a wrong state or condition shows. */
static double net(double x, double t) { return 0.4 * x + 0.3 * sin(x + t); }
static double uncond_net(double x, double t) { return 0.2 * x - 0.1 * cos(x - t); }

static int denoise(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        e->output[i] = (dk_real)net((double)e->input[i], e->t);
        if (e->uncond_output) e->uncond_output[i] = (dk_real)uncond_net((double)e->input[i], e->t);
    }
    return 0;
}

static void sample(dk_config *c, dk_real *x) {
    if (dk_sample(c, denoise, NULL, x) == DK_OK) return;
    print_error("%s\n", dk_message(c));
    fail();
}

/* Two states, two draws and two evaluations a step, history to the start, the unconditional output on its own
   (as in CFG++), the network told where the step goes. */
static void record_strange(dk_recorder *r) {
    dk_vec v = r->x;
    while (dkr_step(r)) {
        dk_vec U, D = dkr_denoise_told(r, r->x, r->from, r->to, &U), z = dkr_noise(r, r->from, r->to);
        dk_vec other = dkr_noise(r, r->from, r->to), sum;
        v = dkr_keep(r, check_sum(dkr_mix(0.5, v, 0.25, D), dkr_scale(0.1, z)));
        dk_vec E = dkr_denoise(r, dkr_mix(1, r->x, 0.1, v), r->to);
        dk_vec terms[64] = {dkr_mix(1, r->x, 2, U)};
        double c[64] = {0.3};
        int n = 1;
        for (int i = 2 * r->step + 2; i > 1; i--, n++) c[n] = 0.05, terms[n] = dkr_past(r, i);
        c[n] = 0.2, terms[n] = dkr_mix(1, v, 0.5, z);
        sum = dkr_sum(r, n + 1, c, terms);
        r->x = check_sum(sum, dkr_mix(0.1, E, -0.2, other));
    }
}

/* Each member of a plan that says what is done, changed alone. */
static void plans_that_differ_in_one_place_are_not_equal(void **state) {
    dk_config c = check_config("vp", "euler_ancestral", 3);
    dk_plan a, b;
    (void)state;
    c.guidance.scale = 3, c.guidance.rescale = 0.7; /* branches, and a norm */
    record(&c, &a);
    record(&c, &b);
    dk_row *row = &b.row[b.rows - 1];
    dk_term *term = &b.term[b.terms - 1];
    dk_pass *pass = &b.pass[b.passes - 1];
    dk_call *call = &b.call[b.calls - 1];
    dk_norm *norm = &b.norm[b.norms - 1];
    int *const whole[] = {&b.steps,     &b.calls,     &b.rows,       &b.terms,        &b.values,  &b.passes,
                          &b.norms,     &b.draws,     &row->dst,     &row->count,     &row->draw, &row->mask,
                          &pass->first, &term->value, &call->branch, &call->branches, &norm->a,   &norm->b,
                          &call->seen,  &call->memory, &call->guided};
    short *const small[] = {&term->scalar, &term->power};
    double *const real[] = {&row->clip,        &term->c,         &b.level[1].t, &b.level[1].alpha,
                            &b.level[1].sigma, &call->condition, &norm->limit,  &norm->share,
                            &call->weight[5]};
    double worst;
    assert_int_equal(dk_plan_equal(&a, &b, 0, NULL), 1);
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        ++*whole[i];
        if (dk_plan_equal(&a, &b, 1e9, &worst) || worst < HUGE_VAL) fail_msg("integer %d", (int)i);
        --*whole[i];
    }
    for (size_t i = 0; i < sizeof small / sizeof *small; i++) {
        ++*small[i];
        if (dk_plan_equal(&a, &b, 1e9, &worst) || worst < HUGE_VAL) fail_msg("short integer %d", (int)i);
        --*small[i];
    }
    for (size_t i = 0; i < sizeof real / sizeof *real; i++) {
        double was = *real[i];
        *real[i] = was + 1; /* by 1/(2 + was), as dk_plan_equal measures */
        if (dk_plan_equal(&a, &b, 0.1 / (2 + was), &worst)) fail_msg("number %d", (int)i);
        check_near(worst, 1 / (2 + was), 1e-12, "difference");
        *real[i] = (double)NAN;
        if (dk_plan_equal(&a, &b, 1e9, &worst)) fail_msg("number %d is none", (int)i);
        *real[i] = was;
    }
    b.number = DK_NUMBER_FP16;
    assert_int_equal(dk_plan_equal(&a, &b, 1e9, NULL), 0);
    b.number = a.number, pass->boundary = DK_BOUNDARY_HOOK;
    assert_int_equal(dk_plan_equal(&a, &b, 1e9, NULL), 0);
    pass->boundary = a.pass[a.passes - 1].boundary, norm->kind = DK_NORM_ERROR_MAX;
    assert_int_equal(dk_plan_equal(&a, &b, 1e9, NULL), 0);
    norm->kind = a.norm[a.norms - 1].kind;
    assert_int_equal(dk_plan_equal(&a, &b, 0, NULL), 1);
    dk_plan_free(&a), dk_plan_free(&b);
}

static void strange_sampler_does_its_arithmetic_in_every_family(void **state) {
    enum { STEPS = 12, SIZE = 3 };
    double levels[STEPS + 1];
    (void)state;
    for (int i = 0; i <= STEPS; i++) levels[i] = 4 * pow(0.7, i);
    for (int n = 0; dk_schedule_at(n); n++) {
        dk_config c = plain_config(dk_schedule_at(n)->name, NULL, levels, DK_UNIT_SIGMA, STEPS);
        dk_real x[SIZE] = {1, -2, (dk_real)0.5}, z[SIZE], other[SIZE];
        double X[SIZE] = {1, -2, 0.5}, V[SIZE] = {1, -2, 0.5}, past[SIZE][2 * STEPS];
        c.sampler.name = "strange", c.sampler.record = record_strange, c.dim = SIZE;
        for (int k = 0; k < STEPS; k++) {
            dk_normals(c.seed, 0, (uint32_t)(2 * k + 1), 0, SIZE, z);
            dk_normals(c.seed, 0, (uint32_t)(2 * k + 2), 0, SIZE, other);
            for (int i = 0; i < SIZE; i++) {
                double U = uncond_net(X[i], levels[k + 1]), D = net(X[i], levels[k + 1]), sum;
                V[i] = 0.5 * V[i] + 0.25 * D + 0.1 * (double)z[i];
                past[i][2 * k] = D, past[i][2 * k + 1] = net(X[i] + 0.1 * V[i], levels[k + 1]);
                sum = 0.3 * (X[i] + 2 * U) + 0.2 * (V[i] + 0.5 * (double)z[i]);
                for (int j = 0; j <= 2 * k; j++) sum += 0.05 * past[i][j];
                X[i] = sum + 0.1 * past[i][2 * k + 1] - 0.2 * (double)other[i];
            }
        }
        sample(&c, x);
        for (int i = 0; i < SIZE; i++) check_near((double)x[i], X[i], check_tiny, dk_schedule_at(n)->name);
    }
}

/* The same vector in several places of one long sum, and last used there. */
static void record_long_sum(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from);
        double c[12];
        dk_vec v[12];
        for (int i = 0; i < 12; i++) c[i] = 0.01, v[i] = dkr_mix(1, r->x, i, D);
        r->x = dkr_sum(r, 12, c, v);
    }
}

static void long_sum_may_name_a_vector_again(void **state) {
    static const double levels[3] = {4, 2, 1};
    dk_config c = plain_config("edm", NULL, levels, DK_UNIT_SIGMA, 2);
    dk_real x[1] = {2};
    double X = 2;
    (void)state;
    c.sampler.record = record_long_sum;
    for (int k = 0; k < 2; k++) X = 0.12 * X + 0.66 * net(X, levels[k]);
    sample(&c, x);
    check_near((double)x[0], X, check_tiny, "long sum");
}

/* More draws in one step than are prepared at a time. */
static void record_many_draws(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from), z[9];
        for (int i = 0; i < 9; i++) z[i] = dkr_noise(r, r->from, r->to);
        const double c[10] = {1, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        dk_vec v[10] = {dkr_mix(0.5, r->x, 0.25, D)};
        memcpy(v + 1, z, 9 * sizeof *v);
        r->x = dkr_sum(r, 10, c, v);
    }
}

static void a_step_may_draw_more_than_the_executor_prepares_at_once(void **state) {
    enum { DIM = 130, BATCH = 3, STEPS = 2 };
    static const double levels[STEPS + 1] = {4, 2, 1};
    dk_config c = plain_config("edm", NULL, levels, DK_UNIT_SIGMA, STEPS);
    dk_real x[BATCH * DIM], z[DIM];
    double X[BATCH * DIM];
    (void)state;
    c.sampler.record = record_many_draws, c.dim = DIM, c.batch = BATCH;
    for (int i = 0; i < BATCH * DIM; i++) X[i] = 0.01 * i, x[i] = (dk_real)X[i];
    for (int k = 0; k < STEPS; k++)
        for (int b = 0; b < BATCH; b++) {
            double *row = X + b * DIM;
            for (int i = 0; i < DIM; i++) row[i] = 0.5 * row[i] + 0.25 * net(row[i], levels[k]);
            for (int draw = 1; draw <= 9; draw++) {
                dk_normals(c.seed, (uint64_t)b, (uint32_t)(9 * k + draw), 0, DIM, z);
                for (int i = 0; i < DIM; i++) row[i] += draw * (double)z[i];
            }
        }
    sample(&c, x);
    for (int i = 0; i < BATCH * DIM; i++) check_near((double)x[i], X[i], 100 * check_tiny, "draws");
}

/* D of this call and dkr_past of it are the same value: they merge or cancel. */
static void record_past_twice(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from), same = dkr_past(r, 1);
        dk_vec zero = dkr_keep(r, dkr_mix(1, D, -1, same));
        r->x = check_sum(dkr_mix(0.25, r->x, 0.25, D), dkr_mix(0.5, same, 1, zero));
    }
}

static void past_is_the_value_that_denoise_returned(void **state) {
    enum { STEPS = 40 };
    double levels[STEPS + 1], X = 2;
    dk_real x[1] = {2};
    dk_run run;
    dk_eval e;
    (void)state;
    for (int i = 0; i <= STEPS; i++) levels[i] = 4 * pow(0.9, i);
    dk_config c = plain_config("edm", NULL, levels, DK_UNIT_SIGMA, STEPS);
    c.sampler.record = record_past_twice;
    for (int k = 0; k < STEPS; k++) X = 0.25 * X + 0.75 * net(X, levels[k]);
    size_t size = dk_run_size(NULL, &c); /* memory of our own: plan and buffers share one block */
    char *block = (char *)malloc(size);
    assert_int_equal(dk_begin(&run, &c, x, block, size), DK_OK);
    assert_true((char *)(run.own.plan.pass + run.own.plan.passes) <= (char *)run.own.buffers);
    while (dk_next(&run, &e)) denoise(NULL, &e);
    check_near((double)x[0], X, check_tiny, "past");
    dk_end(&run);
    free(block);
}

/* ------------------------------------------------------------------ dependencies and buffers */

static void record_pair(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from), E = dkr_denoise(r, dkr_scale(0.5, r->x), r->to);
        r->x = dkr_keep(r, check_sum(dkr_mix(0.5, r->x, 0.25, D), dkr_scale(0.25, E)));
        dkr_denoise(r, dkr_mix(1, r->x, 0.5, D), r->to);
    }
}

static void independent_evaluations_are_marked(void **state) {
    static const double levels[3] = {4, 2, 1};
    static const int needs[6] = {-1, -1, 1, 1, 1, 4}, stages[6] = {0, 1, 2, 0, 1, 2};
    dk_config c = plain_config("edm", NULL, levels, DK_UNIT_SIGMA, 2);
    dk_plan plan;
    (void)state;
    c.sampler.record = record_pair;
    record(&c, &plan);
    assert_int_equal(plan.calls, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(plan.call[i].needs, needs[i]);
        assert_int_equal(plan.call[i].stage, stages[i]);
        assert_int_equal(plan.call[i].step, i / 3);
    }
    dk_plan_free(&plan);
}

/* x and the output; Heun also keeps the state of its first stage and its D; 2M the D before. */
static void buffers_are_the_least_that_the_method_needs(void **state) {
    static const struct {
        const char *schedule, *sampler;
        int buffers;
    } rows[] = {
        {"flow", "euler", 1},    {"flow", "ddim", 1},      {"flow", "heun", 3},
        {"flow", "dpmpp_2m", 2}, {"vp_linear", "ddpm", 1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dk_config c = check_config(rows[i].schedule, rows[i].sampler, 10);
        dk_plan plan;
        record(&c, &plan);
        if (plan.buffers != rows[i].buffers) print_error("%s: %d buffers\n", rows[i].sampler, plan.buffers);
        assert_int_equal(plan.buffers, rows[i].buffers);
        dk_plan_free(&plan);
    }
}

/* A row may write over a term that dies in it; an evaluation must not write over what it reads. */
static void check_slots(const dk_plan *p, const char *name) {
    for (int i = 0; i < p->values; i++)
        for (int j = 0; j < i; j++) {
            const dk_value *a = &p->value[i], *b = &p->value[j];
            int local = a->kind == DK_VALUE_LOCAL;
            if (a->slot != b->slot || a->kind != b->kind || (local && a->life.pass != b->life.pass)) continue;
            if (a->life.born >= b->life.dies || b->life.born >= a->life.dies) continue;
            print_error("%s: values %d and %d share slot %d\n", name, i, j, a->slot);
            fail();
        }
    for (int i = 0; i < p->calls; i++) {
        const dk_call *call = &p->call[i];
        assert_int_not_equal(p->value[call->output].slot, p->value[call->input].slot);
        assert_int_not_equal(p->value[call->output].slot, p->value[call->x].slot);
    }
}

static void values_alive_together_never_share_a_slot(void **state) {
    static const char *const schedules[] = {"flow", "edm", "vp_linear"};
    (void)state;
    for (int n = 0; dk_sampler_at(n); n++)
        for (int s = 0; s < 3; s++)
            for (int start = 0; start < DK_START_COUNT; start++) {
                dk_config c = check_config(schedules[s], dk_sampler_at(n)->name, 6);
                dk_plan plan;
                c.start = (dk_start)start, c.grid.strength = 1;
                record(&c, &plan);
                check_slots(&plan, c.sampler.name);
                dk_plan_free(&plan);
            }
}

/* A noise callback fills whole buffers where the generator fills tiles: the numbers must not change. */
static int same_noise(void *user, const dk_noise_request *request, dk_real *out) {
    (void)user;
    for (int b = 0; b < request->batch; b++)
        dk_normals(7, (uint64_t)b, (uint32_t)request->draw, 0, request->dim, out + (size_t)b * request->dim);
    return 0;
}

static void record_norm_before_noise(dk_recorder *r) { /* the norm's vectors die before the next draw */
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from);
        int ratio = dkr_norm_ratio(r, dkr_mix(1, D, 1, r->x), dkr_mix(2, r->x, 1, D));
        dk_vec z = dkr_noise(r, r->from, r->to);
        dk_vec E = dkr_denoise(r, dkr_mix(0.5, r->x, 0.1, z), r->to);
        r->x = check_sum(dkr_scale_by(0.5, ratio, 1, E), dkr_mix(0.2, z, 0.3, r->x));
    }
}

static void record_noise_after_output(dk_recorder *r) { /* the output dies before the draw, within one pass */
    while (dkr_step(r)) {
        dk_vec D = dkr_keep(r, dkr_scale(0.5, dkr_denoise(r, r->x, r->from))), z = dkr_noise(r, r->from, r->to);
        dk_vec E = dkr_denoise(r, dkr_mix(0.5, D, 0.1, z), r->to);
        r->x = dkr_mix(0.5, E, 0.2, z);
    }
}

static void noise_callback_with_the_same_numbers_changes_nothing(void **state) {
    enum { DIM = 3, BATCH = 2 };
    int differ = 0;
    (void)state;
    for (int n = -2; n < 0 || dk_sampler_at(n); n++)
        for (int velocity = 0; velocity < 2; velocity++) {
            dk_config c = check_config("vp_linear", n < 0 ? "euler" : dk_sampler_at(n)->name, 4);
            dk_real x[DIM * BATCH], y[DIM * BATCH];
            if (n == -1) c.sampler.name = "norm, then noise", c.sampler.record = record_norm_before_noise;
            if (n == -2) c.sampler.name = "output, then noise", c.sampler.record = record_noise_after_output;
            c.prediction = velocity ? DK_PREDICT_VELOCITY : DK_PREDICT_X0;
            c.dim = DIM, c.batch = BATCH;
            sample(&c, x);
            c.noise.fn = same_noise;
            sample(&c, y);
            if (memcmp(x, y, sizeof x) == 0) continue;
            print_error("%s with %s prediction\n", c.sampler.name, velocity ? "velocity" : "x0");
            differ++;
        }
    assert_int_equal(differ, 0);
}

/* ------------------------------------------------------------------ refusals */

static dk_vec too_long(dk_recorder *r) {
    dk_vec v = r->x;
    for (int i = 0; i < DK_MAX_TERMS; i++) v = check_sum(v, dkr_noise(r, r->from, r->to));
    return v;
}

static void record_long_state(dk_recorder *r) {
    while (dkr_step(r)) r->x = too_long(r);
}
static void record_long_input(dk_recorder *r) {
    while (dkr_step(r)) r->x = dkr_denoise(r, too_long(r), r->from);
}
static void record_long_part(dk_recorder *r) {
    while (dkr_step(r)) {
        const double one = 1;
        dk_vec v = too_long(r);
        r->x = dkr_sum(r, 1, &one, &v);
    }
}
static void record_full(dk_recorder *r) { /* as long as a vector may be */
    while (dkr_step(r)) {
        dk_vec v = r->x;
        for (int i = 1; i < DK_MAX_TERMS; i++) v = check_sum(v, dkr_noise(r, r->from, r->to));
        r->x = v;
    }
}
static void record_refusing(dk_recorder *r) {
    while (dkr_step(r))
        if (r->step == 1) dkr_refuse(r, "my.field", 2.5, "less than 2");
}
/* D of the first step, stored, serves for ever; a sum of its own does so for a while only. */
static dk_vec long_ago(dk_recorder *r, int stored) {
    dk_vec D = dkr_denoise(r, r->x, r->from), sum = dkr_mix(0.5, D, 0.5, r->x);
    if (stored) sum = dkr_keep(r, sum);
    for (int i = 0; i < DK_SAID; i++) dkr_mix(0.25, D, 0.75, r->x);
    return check_sum(sum, D);
}
static void record_stored(dk_recorder *r) {
    while (dkr_step(r)) r->x = long_ago(r, 1);
}
static void record_forgotten(dk_recorder *r) {
    while (dkr_step(r)) r->x = long_ago(r, 0);
}
static void record_future(dk_recorder *r) {
    while (dkr_step(r)) r->x = dkr_past(r, 3);
}

/* |x|/|x| is 1, so that the vector is x again: once. */
static void scale_by(dk_recorder *r, int scalar, int power, int again) {
    while (dkr_step(r)) {
        int one = dkr_norm_ratio(r, r->x, r->x);
        r->x = dkr_scale_by(2, scalar ? one : 0, power, r->x);
        if (again) r->x = dkr_scale_by(2, one, 1, r->x);
        dkr_denoise(r, r->x, r->from);
    }
}
static void record_scaled(dk_recorder *r) { scale_by(r, 1, 2, 0); }
static void record_power_0(dk_recorder *r) { scale_by(r, 1, 0, 0); }
static void record_power_32768(dk_recorder *r) { scale_by(r, 1, 32768, 0); }
static void record_unknown_scalar(dk_recorder *r) {
    while (dkr_step(r)) dkr_denoise(r, r->x, r->from), r->x = dkr_scale_by(2, 7, 1, r->x);
}
static void record_no_scalar(dk_recorder *r) { scale_by(r, 0, 1, 0); }
static void record_scaled_twice(dk_recorder *r) { scale_by(r, 1, 1, 1); }
static void record_before_all(dk_recorder *r) {
    while (dkr_step(r)) dkr_past(r, 0), dkr_past(r, 1), dkr_denoise(r, r->x, r->from);
}
static void record_zero_vectors(dk_recorder *r) {
    const dk_vec zero = dkr_scale(0, r->x);
    r->x = check_sum(r->x, dkr_scale_by(2, 1, 1, zero));
    r->x = check_sum(r->x, dkr_scale_by(0, 1, 1, r->x));
    while (dkr_step(r)) dkr_denoise(r, r->x, r->from);
}
static void record_nothing(dk_recorder *r) { (void)r; }

static void recording_functions_are_refused_with_a_message(void **state) {
    static const double levels[3] = {4, 2, 1};
    static const struct {
        dk_record_fn record;
        const char *message; /* begins so */
    } rows[] = {
        {record_full, ""},
        {record_stored, ""},
        {record_forgotten, "age of a symbolic vector in terms = "},
        {record_long_state, "terms of a symbolic vector = "},
        {record_long_input, "terms of a symbolic vector = "},
        {record_long_part, "terms of a symbolic vector = "},
        {record_refusing, "my.field = 2.5: must be less than 2"},
        {record_future, "estimate of dkr_past = 3: must be "},
        {record_before_all, "estimate of dkr_past = 0: must be "},
        {record_scaled, ""},
        {record_power_0, "power of dkr_scale_by = 0: must be 1 .. 32767"},
        {record_power_32768, "power of dkr_scale_by = 32768: must be 1 .. 32767"},
        {record_no_scalar, "scalar of dkr_scale_by = 0: must be one that dkr_norm_ratio has given"},
        {record_unknown_scalar, "scalar of dkr_scale_by = 7: must be one that dkr_norm_ratio has given"},
        {record_scaled_twice, "scalars of a vector = 2: must be 1: store it with dkr_keep"},
        {record_zero_vectors, ""},
        {record_nothing, "steps of sampler.record = 0: must be at least 1: a loop over dkr_step"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dk_config c = plain_config("edm", NULL, levels, DK_UNIT_SIGMA, 2);
        dk_plan plan;
        int fine = rows[i].message[0] == 0;
        c.sampler.record = rows[i].record;
        memset(&plan, 0, sizeof plan);
        dk_status status = dk_record(&plan, &c);
        if ((status == DK_OK) != fine || strncmp(dk_message(&c), rows[i].message, strlen(rows[i].message))) {
            print_error("row %d: status %d, \"%s\"\n", (int)i, (int)status, dk_message(&c));
            fail();
        }
        assert_int_equal(plan_size(&c) > 0, fine);
        dk_plan_free(&plan);
    }
}

/* Euler for three steps, then Heun: what one function after the other says, and no step less. */
static void record_two_methods(dk_recorder *r) {
    int steps = r->steps;
    r->sampler = dk_sampler_named("euler"), r->steps = 3;
    r->sampler.record(r);
    r->sampler = dk_sampler_named("heun"), r->steps = steps;
    r->sampler.record(r);
}

static void a_sampler_of_two_loses_no_step(void **state) {
    static const double levels[] = {0.9, 0.8, 0.6, 0.5, 0.3, 0.1};
    dk_plan both, euler, heun;
    memset(&both, 0, sizeof both), memset(&euler, 0, sizeof euler), memset(&heun, 0, sizeof heun);
    dk_config c = check_config("flow", NULL, 5);
    (void)state;
    c.grid = dk_grid_levels(levels, DK_UNIT_T), c.sampler.record = record_two_methods;
    assert_int_equal(dk_record(&both, &c), DK_OK);
    c.sampler = dk_sampler_named("euler");
    assert_int_equal(dk_record(&euler, &c), DK_OK);
    c.sampler = dk_sampler_named("heun");
    assert_int_equal(dk_record(&heun, &c), DK_OK);
    assert_int_equal(both.calls, 3 + 2 * 2);
    for (int i = 0; i < both.calls; i++) {
        const dk_call *call = i < 3 ? &euler.call[i] : &heun.call[i + 3];
        assert_int_equal(both.call[i].step, call->step);
        check_near(both.call[i].level.t, call->level.t, 0, "t");
    }
    dk_plan_free(&both), dk_plan_free(&euler), dk_plan_free(&heun);
}

static void record_with_an_order(dk_recorder *r) {
    dkr_reads(r, "order alpha");
    while (dkr_step(r)) r->x = dkr_mix(0.5, r->x, 0.5, dkr_denoise(r, r->x, r->from));
}

/* Fields that a method cannot use are refused by name, those of other programs, too; what waits for another is not. */
static void fields_that_a_method_cannot_use_are_refused(void **state) {
    static const struct {
        const char *sampler, *settings, *message;
    } rows[] = {
        {"lms", "eta=1", "sampler.eta = 1: must be 0: this method uses order, rule, gamma, gauge, cfg_pp, tableau, "},
        {"euler", "snr=1", "sampler.snr = 1: must be 0: this method uses tableau, gauge, plain_last, euler_to_data, law, eta, noise_min, "
                           "noise_max, churn"},
        {"euler", "corrector=3", "sampler.corrector = 3: must be 0: this method uses "},
        {"euler", "order=2", "sampler.order = 2: must be 0"},
        {"euler", "told_end=1", "sampler.told_end = 1: must be 0"},
        {"dpmpp_2m", "warmup=2", "sampler.warmup = 2: must be 0"},
        {"dpmpp_2m", "alpha=0.5", "sampler.alpha = 0.5: must be 0: this method uses order, rule, gamma, "},
        {"dpmpp_2m", "gamma=0.5", "sampler.gamma = 0.5: must be 0 but for rule = gradient"},
        {"gradient_estimation", "alpha=0.5", "sampler.alpha = 0.5: must be 0"},
        {"edm", "gamma=0.5", "sampler.gamma = 0.5: must be 0"},
        {"deis_rho", "law=ancestral", "sampler.law = ancestral: must be 0"},
        {"er_sde", "rule=exact", "sampler.rule = exact: must be 0"},
        {"dpmpp_sde", "noise_prediction=1", "sampler.noise_prediction = 1: must be 0"},
        {"ddim", "snr=0.1", "sampler.snr = 0.1: must be 0"},
        {"ddim", "evals=8", "sampler.quirk = 8: must be 0: this method uses gauge, "},
        {"smld", "law=sde", "sampler.law = sde: must be 0"},
        {"seeds_2", "snr=1", "noise_min, noise_max, time_uniform, time_quadratic, churn"},
        {"dpmpp_2s", "alpha=2", "sampler.alpha = 2: must be > 0 and <= 1"},
        {"dpmpp_3s", "alpha2=-0.5", "sampler.alpha2 = -0.5: must be > 0 and <= 1"},
        {"own", "alpha=0.5 order=3", NULL},
        {"own", "eta=0.5", "sampler.eta = 0.5: must be 0: this method uses order, alpha, churn"},
        {"dpmpp_2m", "churn=1 churn_min=0.1 noise_min=0.5 eta=0.5", NULL},
        {NULL, "order=3 pece=1", NULL},
        {NULL, "eta=1", "sampler.eta = 1: must be 0: this method uses order, rule, gamma, gauge, "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = check_config("edm", rows[i].sampler && strcmp(rows[i].sampler, "own") ? rows[i].sampler : NULL, 4);
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        if (rows[i].sampler && strcmp(rows[i].sampler, "own") == 0) c.sampler.record = record_with_an_order;
        assert_int_equal(dk_config_set(&c, rows[i].settings), DK_OK);
        dk_status status = dk_record(&plan, &c);
        if (rows[i].message ? status == DK_OK || !strstr(dk_message(&c), rows[i].message) : status != DK_OK)
            fail_msg("%s: \"%s\"", rows[i].settings, dk_message(&c));
        dk_plan_free(&plan);
    }
}

/* No step goes below sigma = 0, however large eta is: all noise is then fresh. */
static void large_eta_makes_all_noise_fresh(void **state) {
    static const char *const laws[] = {"law=fresh eta=1", "law=ancestral eta=9", "law=flow eta=90"};
    dk_plan plan[3];
    double worst;
    (void)state;
    for (int i = 0; i < 3; i++) {
        dk_config c = check_config("flow", "ddim", 4);
        memset(&plan[i], 0, sizeof plan[i]);
        assert_int_equal(dk_config_set(&c, laws[i]), DK_OK);
        if (dk_record(&plan[i], &c) != DK_OK) fail_msg("%s: %s", laws[i], dk_message(&c));
        if (!dk_plan_equal(&plan[i], &plan[0], 1e-14, &worst)) fail_msg("%s differs by %g", laws[i], worst);
    }
    for (int i = 0; i < 3; i++) dk_plan_free(&plan[i]);
}

/* What is set on a zero sampler holds for the method that it stands for. */
static void fields_of_a_zero_sampler_hold(void **state) {
    dk_plan plan, wanted;
    (void)state;
    for (int k = 0; k < 5; k++) {
        dk_config c = check_config("edm", NULL, 4), d = check_config("edm", k != 2 ? "adams2" : "midpoint", 4);
        memset(&plan, 0, sizeof plan), memset(&wanted, 0, sizeof wanted);
        if (k != 2) c.grid = d.grid = dk_grid_named("power");
        if (k == 0) c.sampler.pece = d.sampler.pece = 1;
        if (k == 1) c.sampler.order = d.sampler.order = 3, c.sampler.churn = d.sampler.churn = 1;
        if (k == 2) c.sampler.tableau = "1/2 | 0 1";
        if (k == 3) c.sampler.gauge = d.sampler.gauge = DK_GAUGE_VE;
        if (k == 4) c.sampler.plain_last = d.sampler.plain_last = 1;
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(dk_record(&wanted, &d), DK_OK);
        assert_true(dk_plan_equal(&plan, &wanted, 0, NULL));
        dk_plan_free(&plan), dk_plan_free(&wanted);
    }
}

static void er_sde_without_eta_draws_nothing(void **state) {
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++) {
        dk_plan plan;
        dk_config c = check_config(dk_schedule_at(i)->name, "er_sde", 6);
        memset(&plan, 0, sizeof plan);
        c.prediction = DK_PREDICT_X0, c.sampler.eta = 0;
        if (dk_record(&plan, &c)) fail_msg("%s", dk_message(&c));
        assert_int_equal(plan.draws, 1); /* the initial state's */
        dk_plan_free(&plan);
    }
}

static void eps_at_pure_noise_is_refused_and_says_why(void **state) {
    dk_config c = check_config("flow", "euler", 2);
    dk_plan plan;
    (void)state;
    c.prediction = DK_PREDICT_EPS;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "prediction"));
    assert_non_null(strstr(dk_message(&c), "at step 0, where t = 1, alpha = 0, sigma = 1"));
}

/* A plan is recorded once where there is much room, else counted first: the same plan, in the same number of bytes. */
static void room_changes_no_plan(void **state) {
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        dk_config c = check_config("edm", dk_sampler_at(i)->name, 70);
        dk_plan plans[3];
        size_t needed = plan_size(&c), bytes[3] = {0, needed, 8 * needed + 100000};
        void *memory[3] = {NULL, malloc(bytes[1]), malloc(bytes[2])};
        assert_true(needed > 0);
        for (int k = 0; k < 3; k++) {
            memset(&plans[k], 0, sizeof plans[k]);
            plans[k].memory = memory[k], plans[k].bytes = bytes[k];
            assert_int_equal(dk_record(&plans[k], &c), DK_OK);
            assert_int_equal(dk_plan_equal(&plans[k], &plans[0], 0, NULL), 1);
            assert_int_equal(plans[k].used, plans[0].used);
            assert_true(plans[k].used <= needed);
        }
        for (int k = 0; k < 3; k++) dk_plan_free(&plans[k]), free(memory[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(room_changes_no_plan),
        cmocka_unit_test(text_says_what_the_plan_does),
        cmocka_unit_test(text_has_words_for_everything),
        cmocka_unit_test(one_step_has_the_published_coefficients),
        cmocka_unit_test(ddpm_is_the_posterior_with_both_variances),
        cmocka_unit_test(dpmpp_2m_extrapolates_from_the_step_before),
        cmocka_unit_test(size_is_exactly_what_recording_needs),
        cmocka_unit_test(plans_of_one_config_are_equal_and_independent),
        cmocka_unit_test(other_plans_are_not_equal),
        cmocka_unit_test(what_plans_weigh_clip_and_measure_is_compared),
        cmocka_unit_test(plans_that_differ_in_one_place_are_not_equal),
        cmocka_unit_test(strange_sampler_does_its_arithmetic_in_every_family),
        cmocka_unit_test(a_step_may_draw_more_than_the_executor_prepares_at_once),
        cmocka_unit_test(long_sum_may_name_a_vector_again),
        cmocka_unit_test(past_is_the_value_that_denoise_returned),
        cmocka_unit_test(independent_evaluations_are_marked),
        cmocka_unit_test(buffers_are_the_least_that_the_method_needs),
        cmocka_unit_test(values_alive_together_never_share_a_slot),
        cmocka_unit_test(noise_callback_with_the_same_numbers_changes_nothing),
        cmocka_unit_test(recording_functions_are_refused_with_a_message),
        cmocka_unit_test(a_sampler_of_two_loses_no_step),
        cmocka_unit_test(fields_that_a_method_cannot_use_are_refused),
        cmocka_unit_test(large_eta_makes_all_noise_fresh),
        cmocka_unit_test(fields_of_a_zero_sampler_hold),
        cmocka_unit_test(er_sde_without_eta_draws_nothing),
        cmocka_unit_test(eps_at_pure_noise_is_refused_and_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
