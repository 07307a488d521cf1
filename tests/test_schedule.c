/* Noise schedules, what networks predict, time grids, and what dk_resolve refuses. */
#define DIFFKIT_IMPLEMENTATION /* for private slopes */
#include "check.h"

static const double pi = 3.14159265358979323846;
#define NaN ((double)NAN)

/* ------------------------------------------------------------------ schedules */

/* The product of 1 - beta, straight from the papers. */
static void fill_abar(const char *name, double *abar) {
    double product = 1;
    for (int k = 0; k < 1000; k++) {
        double f = k / 999.0, beta, root;
        if (strcmp(name, "vp_linear") == 0) {
            beta = 1e-4 + f * (0.02 - 1e-4);
        } else if (strcmp(name, "vp_cosine") == 0) {
            double a = cos((k / 1000.0 + 0.008) / 1.008 * pi / 2),
                   b = cos(((k + 1) / 1000.0 + 0.008) / 1.008 * pi / 2);
            beta = 1 - b * b / (a * a);
            if (beta > 0.999) beta = 0.999;
        } else {
            root = sqrt(0.00085) + f * (sqrt(0.012) - sqrt(0.00085));
            beta = root * root;
        }
        abar[k] = product *= 1 - beta;
    }
    if (strcmp(name, "vp_zero_snr") == 0) { /* Lin et al. 2023, algorithm 1 */
        double first = sqrt(abar[0]), last = sqrt(abar[999]);
        for (int k = 0; k < 1000; k++) {
            double alpha = (sqrt(abar[k]) - last) * first / (first - last);
            abar[k] = alpha * alpha;
        }
    }
}

/* alpha and sigma by name, with the parameters that the names stand for; 0 for an unknown name. */
static int closed_form(const char *name, double t, double *alpha, double *sigma) {
    double vp = exp(-t * t / 4 * (20 - 0.1) - t * 0.1 / 2);
    *alpha = 1, *sigma = 0;
    if (strcmp(name, "flow") == 0) *sigma = t, *alpha = 1 - t;
    else if (strcmp(name, "ve") == 0) *sigma = 0.01 * pow(50 / 0.01, t);
    else if (strcmp(name, "edm") == 0) *sigma = t;
    else if (strcmp(name, "vp") == 0) *alpha = vp, *sigma = sqrt(1 - vp * vp);
    else if (strcmp(name, "sub_vp") == 0) *alpha = vp, *sigma = 1 - vp * vp;
    else if (strcmp(name, "cosine_flow") == 0) *alpha = cos(t), *sigma = sin(t);
    else if (strcmp(name, "vp_cosine_flow") == 0) {
        *alpha = t < 1 ? cos((t + 0.008) / 1.008 * pi / 2) / cos(0.008 / 1.008 * pi / 2) : 0;
        *sigma = sqrt(1 - *alpha * *alpha);
    } else return 0;
    return 1;
}

static void schedules_follow_their_papers(void **state) {
    static double abar[1000];
    (void)state;
    for (int i = 0; dk_schedule_at(i); i++) {
        const char *name = dk_schedule_at(i)->name;
        dk_schedule s = dk_schedule_named(name);
        int discrete = s.family == DK_FAMILY_VP_DISCRETE;
        if (discrete) fill_abar(name, abar);
        for (int k = 0; k < 1000; k++) {
            double t = discrete ? k : s.t_min + k / 999.0 * (s.t_max - s.t_min), alpha, sigma;
            if (discrete) alpha = sqrt(abar[k]), sigma = sqrt(1 - abar[k]);
            else assert_true(closed_form(name, t, &alpha, &sigma));
            dk_level l = dk_level_at(&s, DK_UNIT_T, t);
            check_near(l.alpha, alpha, 1e-11, name);
            check_near(l.sigma, sigma, 1e-11, name);
            check_near(l.t, t, 0, name);
        }
    }
}

static void shifted_flow_is_esser_2024_eq_23(void **state) {
    dk_schedule s = dk_flow(3);
    (void)state;
    for (int k = 0; k <= 64; k++) {
        double t = k / 64.0;
        check_near(dk_level_at(&s, DK_UNIT_T, t).sigma, 3 * t / (1 + 2 * t), 1e-15, "sigma");
        check_near(dk_level_at(&s, DK_UNIT_T, t).alpha, 1 - 3 * t / (1 + 2 * t), 1e-15, "alpha");
    }
}

/* sigma/alpha of k-diffusion and diffusers, computed with numpy in double. */
static void discrete_schedules_match_reference_tables(void **state) {
    static const struct {
        const char *name;
        double t, want;
    } table[] = {
        {"vp_scaled_linear", 0, 0.029167158151720367}, {"vp_scaled_linear", 1, 0.04131441199678309},
        {"vp_scaled_linear", 499, 1.6128861943038755}, {"vp_scaled_linear", 998, 14.526275689349726},
        {"vp_scaled_linear", 999, 14.614641229333635}, {"vp_linear", 0, 0.010000500037502554},
        {"vp_linear", 499, 3.424136619044041},         {"vp_linear", 999, 157.40728081040757},
        {"vp_cosine", 0, 0.006425412771142061},        {"vp_cosine", 499, 1.0123895639480032},
        {"vp_cosine", 998, 641.6623451182054},         {"vp_cosine", 999, 20291.169610019886},
        {"vp_zero_snr", 1, 0.042067565831890544},      {"vp_zero_snr", 499, 1.768080202901162},
        {"vp_zero_snr", 998, 2254.237978336996},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        dk_schedule s = dk_schedule_named(table[i].name);
        check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, table[i].t)), table[i].want, 1e-9, table[i].name);
    }
}

/* The square of alpha is 0 there. */
static void times_of_very_high_noise_levels_are_found(void **state) {
    dk_schedule s = dk_schedule_named("vp_linear");
    (void)state;
    s.beta_min = 0.95;
    for (int t = 500; t < 558; t += 3) {
        dk_level l = dk_level_at(&s, DK_UNIT_T, t + 0.5);
        check_near(dk_level_at(&s, DK_UNIT_SIGMA, dk_noise_level(l)).t, t + 0.5, 1e-9, "t");
    }
}

static void ends_are_exact(void **state) {
    static const struct {
        const char *name;
        double t, alpha, sigma;
    } ends[] = {
        {"flow", 0, 1, 0},         {"flow", 1, 0, 1},
        {"ve", 0, 1, 0.01},        {"ve", 1, 1, 50},
        {"cosine_flow", 0, 1, 0},  {"cosine_flow", 3.14159265358979323846 / 2, 0, 1},
        {"vp_linear", -1, 1, 0},   {"vp_cosine", -1, 1, 0},
        {"vp_zero_snr", -1, 1, 0}, {"vp_zero_snr", 999, 0, 1},
        {"vp", 0, 1, 0},           {"sub_vp", 0, 1, 0},
        {"edm", 0, 1, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        dk_schedule s = dk_schedule_named(ends[i].name);
        dk_level l = dk_level_at(&s, DK_UNIT_T, ends[i].t);
        check_near(l.alpha, ends[i].alpha, 0, ends[i].name);
        check_near(l.sigma, ends[i].sigma, 0, ends[i].name);
    }
    dk_schedule shifted = dk_flow(3), zero = dk_schedule_named("vp_zero_snr"), plain = dk_vp_scaled_linear();
    check_near(dk_level_at(&shifted, DK_UNIT_T, 1).alpha, 0, 0, "shifted alpha");
    check_near(dk_level_at(&shifted, DK_UNIT_T, 1).sigma, 1, 0, "shifted sigma");
    check_near(dk_level_at(&zero, DK_UNIT_T, 0).alpha, dk_level_at(&plain, DK_UNIT_T, 0).alpha, 1e-15,
               "first alpha kept");
    dk_schedule still = dk_vp(5e-324, 20), sub = still; /* half of beta_min is 0 */
    sub.family = DK_FAMILY_SUB_VP;
    check_near(dk_level_at(&still, DK_UNIT_SIGMA, 0).t, 0, 0, "time of data");
    check_near(dk_level_at(&sub, DK_UNIT_SIGMA, 0).t, 0, 0, "time of data");
}

static void table_is_linear_in_lambda_between_timesteps(void **state) {
    static const double abar[3] = {0.9, 0.5, 0.1};
    dk_schedule s = dk_vp_table(abar, 3);
    (void)state;
    check_near(dk_level_at(&s, DK_UNIT_T, 0).alpha, 0.94868329805051377, 1e-15, "sqrt 0.9");
    check_near(dk_level_at(&s, DK_UNIT_T, 0).sigma, 0.31622776601683794, 1e-15, "sqrt 0.1");
    check_near(dk_level_at(&s, DK_UNIT_T, 2).alpha, 0.31622776601683794, 1e-15, "sqrt 0.1");
    /* noise levels 1/3, 1, 3: half way is the geometric mean */
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 0.5)), 0.57735026918962584, 1e-15, "1/sqrt 3");
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 1.5)), 1.7320508075688772, 1e-15, "sqrt 3");
    check_near(dk_level_at(&s, DK_UNIT_SIGMA, 1.7320508075688772).t, 1.5, 1e-14, "t");
    check_near(dk_level_at(&s, DK_UNIT_SIGMA, 9).t, 2, 0, "t stays at the last");
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_SIGMA, 9)), 9, 1e-15, "noise level goes on");
}

/* alpha = 1 - t^2, sigma = t, without and (user != NULL) with slopes. */
static void parabola(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    *alpha = 1 - t * t, *sigma = t;
    if (user) *d_alpha = -2 * t, *d_sigma = 1;
}

/* Every schedule of the table, flow with shift 3, two custom ones, two of bent time; 0 past the end. */
static int every_schedule(int i, dk_schedule *s, const char **name) {
    static int yes = 1;
    static const char *const extra[] = {"flow shift 3", "custom", "custom with slopes", "cosine, bent late", "cosine, bent early"};
    int n = 0;
    while (dk_schedule_at(n)) n++;
    if (i >= n + 5) return 0;
    *name = i < n ? dk_schedule_at(i)->name : extra[i - n];
    *s = i < n    ? dk_schedule_named(*name)
         : i == n ? dk_flow(3)
         : i < n + 3 ? dk_custom_schedule(parabola, i == n + 1 ? NULL : &yes, 0, 1)
                     : dk_schedule_named("vp_cosine_flow");
    if (i >= n + 3) s->cosine_power = i == n + 3 ? 2.5 : 0.4;
    return 1;
}

/* A quarter of a timestep off the whole ones: discrete schedules have kinks there. */
static void slopes_are_derivatives(void **state) {
    dk_schedule s;
    const char *name;
    (void)state;
    for (int i = 0; every_schedule(i, &s, &name); i++)
        for (int k = 1; k < 50; k++) {
            double span = s.t_max - s.t_min, h = 1e-6 * span;
            double t =
                s.family == DK_FAMILY_VP_DISCRETE ? floor(k * span / 50) + 0.25 : s.t_min + k * span / 50;
            dk_level low = dk_level_at(&s, DK_UNIT_T, t - h), high = dk_level_at(&s, DK_UNIT_T, t + h);
            dk_level slope = dkp_slope_at(&s, t);
            double scale = span / (1 + high.sigma); /* compared with the schedule's own size */
            check_near(slope.alpha * span, (high.alpha - low.alpha) / (2 * h) * span, 1e-7, name);
            check_near(slope.sigma * scale, (high.sigma - low.sigma) / (2 * h) * scale, 1e-7, name);
        }
}

static void slopes_of_kinks_come_from_the_left(void **state) {
    dk_schedule s = dk_vp_scaled_linear();
    dk_level at = dkp_slope_at(&s, 500), left = dkp_slope_at(&s, 500 - 1e-9);
    (void)state;
    check_near(at.alpha, left.alpha, 1e-9, "d_alpha");
    check_near(at.sigma, left.sigma, 1e-9, "d_sigma");
}

static void check_level(dk_level got, dk_level want, double tolerance, const char *name) {
    check_near(got.t, want.t, tolerance * 1e3, name);
    check_near(got.alpha, want.alpha, tolerance, name);
    check_near(got.sigma, want.sigma, tolerance, name);
}

/* What a family has no use for is refused by name, in both schedules; it has no effect where it is zero. */
static void numbers_of_other_families_are_refused(void **state) {
    static const char *const words[] = {"shift",    "sigma_min", "sigma_max", "cosine_offset", "cosine_power",
                                        "beta_min", "beta_max",  "betas",     "timesteps",     "zero_terminal_snr"};
    static const char *const used[][2] = {{"flow", "shift timesteps"},
                                          {"ve", "sigma_min sigma_max"},
                                          {"edm", "sigma_min sigma_max"},
                                          {"vp", "beta_min beta_max"},
                                          {"sub_vp", "beta_min beta_max"},
                                          {"cosine_flow", ""},
                                          {"vp_cosine_flow", "cosine_offset cosine_power sigma_min sigma_max"},
                                          {"vp_linear", "shift beta_min beta_max betas timesteps zero_terminal_snr"}};
    (void)state;
    for (int f = 0; f < (int)(sizeof used / sizeof *used); f++)
        for (int k = 0; k < (int)(sizeof words / sizeof *words); k++)
            for (int network = 0; network < 2; network++) {
                char want[100], set[100];
                const char *schedule = network ? "network_schedule" : "schedule";
                dk_config c = check_config("flow", "euler", 3);
                if (network) c.network_schedule = dk_schedule_named(used[f][0]);
                else c.schedule = dk_schedule_named(used[f][0]);
                dk_schedule *s = network ? &c.network_schedule : &c.schedule;
                double *reals[] = {&s->shift,        &s->sigma_min, &s->sigma_max, &s->cosine_offset,
                                   &s->cosine_power, &s->beta_min,  &s->beta_max};
                if (k < 7) *reals[k] = 0.5;
                else if (k == 7) s->betas = DK_BETAS_COSINE;
                else if (k == 8) s->timesteps = 500;
                else s->zero_terminal_snr = 1;
                dk_config set_by_text = check_config(used[f][0], "euler", 3);
                set_by_text.network_schedule = set_by_text.schedule;
                snprintf(set, sizeof set, "%s.%s=%s", schedule, words[k], k == 7 ? "cosine" : k == 8 ? "500" : "0.5");
                snprintf(want, sizeof want, "%s.%s = ", schedule, words[k]);
                int refused = dk_resolve(&c) != DK_OK && strstr(c.message, want) != NULL &&
                              strstr(c.message, ": must be left out (0): the schedule has no use for it") != NULL;
                if (refused == (strstr(used[f][1], words[k]) != NULL))
                    fail_msg("%s, %s: \"%s\"", used[f][0], want, dk_message(&c));
                if (refused) assert_int_equal(dk_config_set(&set_by_text, set), DK_ERROR_CONFIG);
            }
    dk_config c = check_config("flow", "euler", 3);
    c.network_schedule.shift = 3;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "network_schedule.shift = 3: must be left out (0): the schedule has no use for it"));
    c = check_config("flow", "euler", 3);
    assert_int_equal(dk_config_set(&c, "schedule.beta_max=0.1 schedule.betas=linear schedule.beta_min=0.01 "
                                       "schedule.timesteps=10 schedule.family=vp_discrete"),
                     DK_OK); /* the family holds before its numbers */
}

/* A slider at 0 must not run everything. */
static void from_data_strength_is_said(void **state) {
    dk_config c = check_config("flow", "euler", 4);
    (void)state;
    c.start = DK_START_DATA;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "grid.strength = 0: must be > 0 with start = data: 1 for all of the grid");
    c.grid.strength = 1;
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(c.steps, 4);
    c = check_config("flow", "euler", 4), c.start = DK_START_DATA, c.grid.full_steps = 8; /* says it, too */
    assert_int_equal(dk_resolve(&c), DK_OK);
}

static void levels_are_found_again_by_sigma_and_lambda(void **state) {
    dk_schedule s;
    const char *name;
    (void)state;
    for (int i = 0; every_schedule(i, &s, &name); i++) {
        double before = -1;
        for (int k = 0; k <= 100; k++) {
            dk_level l = dk_level_at(&s, DK_UNIT_T, s.t_min + k / 100.0 * (s.t_max - s.t_min));
            assert_true(dk_noise_level(l) > before);
            before = dk_noise_level(l);
            check_level(dk_level_at(&s, DK_UNIT_SIGMA, before), l, 1e-12, name);
            check_level(dk_level_at(&s, DK_UNIT_LAMBDA, dk_lambda(l)), l, 1e-12, name);
        }
    }
}

static void clean_data_and_pure_noise_are_levels(void **state) {
    static const struct {
        const char *name;
        double t; /* of clean data */
    } clean[] = {{"flow", 0},        {"edm", 0},        {"vp", 0},          {"sub_vp", 0},
                 {"cosine_flow", 0}, {"vp_linear", -1}, {"vp_zero_snr", -1}};
    static const char *const noise[] = {"flow", "vp", "sub_vp", "cosine_flow", "vp_linear", "vp_zero_snr"};
    (void)state;
    for (size_t i = 0; i < sizeof clean / sizeof clean[0]; i++) {
        dk_schedule s = dk_schedule_named(clean[i].name);
        dk_level want = {clean[i].t, 1, 0};
        check_level(dk_level_at(&s, DK_UNIT_SIGMA, 0), want, 0, clean[i].name);
        check_level(dk_level_at(&s, DK_UNIT_LAMBDA, HUGE_VAL), want, 0, clean[i].name);
    }
    for (size_t i = 0; i < sizeof noise / sizeof noise[0]; i++) {
        dk_schedule s = dk_schedule_named(noise[i]);
        dk_level l = dk_level_at(&s, DK_UNIT_SIGMA, HUGE_VAL), same = dk_level_at(&s, DK_UNIT_LAMBDA, -HUGE_VAL);
        check_near(l.alpha, 0, 0, noise[i]);
        check_near(l.sigma, 1, 0, noise[i]);
        check_near(same.alpha, 0, 0, noise[i]);
        l = dk_level_at(&s, DK_UNIT_SIGMA, 1e200); /* nearly, and its square is no number */
        check_near(l.alpha / 1e-200, 1, 1e-12, noise[i]);
        check_near(l.sigma, 1, 1e-12, noise[i]);
        if (l.t >= s.t_max || l.t <= s.t_max) continue;
        print_error("%s: t of pure noise is NaN\n", noise[i]);
        fail();
    }
}

static void noise_level_and_lambda_know_both_ends(void **state) {
    static const dk_level l = {0, 0.8, 0.2}, clean = {0, 1, 0}, noise = {0, 0, 1};
    (void)state;
    check_near(dk_noise_level(l), 0.25, 1e-15, "noise level");
    check_near(dk_lambda(l), 1.3862943611198906, 1e-15, "log 4");
    assert_true(dk_noise_level(clean) <= 0 && dk_noise_level(noise) >= HUGE_VAL);
    assert_true(dk_lambda(clean) >= HUGE_VAL && dk_lambda(noise) <= -HUGE_VAL);
}

/* ------------------------------------------------------------------ what networks predict */

static void record(dk_config *c, dk_plan *plan) {
    memset(plan, 0, sizeof *plan);
    if (dk_record(plan, c) == DK_OK) return;
    print_error("refused: %s\n", dk_message(c));
    fail();
}

/* The evaluation at one noise level. */
static dk_call call_at(dk_config *c, double level, dk_unit unit) {
    double levels[2] = {level, level / 2};
    dk_plan plan;
    c->grid = dk_grid_levels(levels, unit), c->steps = 1, c->sampler = dk_sampler_named("euler");
    record(c, &plan);
    dk_call call = plan.call[0];
    dk_plan_free(&plan);
    return call;
}

static void every_prediction_gives_back_x0(void **state) {
    static const double noise_levels[] = {0.05, 0.7, 1, 3, 12};
    const double x0 = 0.6, eps = -1.3;
    dk_schedule s;
    const char *name;
    (void)state;
    for (int i = 0; every_schedule(i, &s, &name); i++)
        for (int p = DK_PREDICT_X0; p < DK_PREDICT_COUNT; p++)
            for (int k = 0; k < 5; k++) {
                dk_config c = check_config("flow", NULL, 1);
                c.schedule = s, c.prediction = (dk_prediction)p;
                dk_call call = call_at(&c, noise_levels[k], DK_UNIT_SIGMA);
                double a = call.level.alpha, sigma = call.level.sigma, x = a * x0 + sigma * eps, F = x0;
                check_near(sigma / a, noise_levels[k], 1e-9, name);
                if (p == DK_PREDICT_EPS) F = eps;
                if (p == DK_PREDICT_V) F = a * eps - sigma * x0;
                if (p == DK_PREDICT_VELOCITY) F = eps - x0;
                if (p == DK_PREDICT_SCORE) F = -eps / sigma;
                if (p == DK_PREDICT_EDM) {
                    double u = noise_levels[k], below = u * u + 0.25; /* Karras et al. 2022, table 1 */
                    F = (x0 - 0.25 / below * x / a) / (u * 0.5 / sqrt(below));
                    check_near(call.input_scale * a, 1 / sqrt(below), 1e-9, name);
                    check_near(call.condition, log(u) / 4, 1e-9, name);
                } else {
                    check_near(call.input_scale, 1, 0, name);
                }
                check_near(call.d_x * x + call.d_f * F, x0, 1e-9, name);
            }
}

/* By hand: at sigma 2 and sigma_data 1/2, c_skip = 0.25/4.25, c_in = 1/sqrt 4.25, c_out = 2 * 0.5/sqrt 4.25.
   The state is that of VE times alpha: 1/3 in flow, 1/sqrt 5 in VP. */
static void edm_preconditioning_is_karras_table_1(void **state) {
    static const struct {
        const char *name;
        double input_scale, d_x;
    } rows[] = {
        {"edm", 0.48507125007266594, 0.058823529411764705},
        {"ve", 0.48507125007266594, 0.058823529411764705},
        {"flow", 1.4552137502179978, 0.17647058823529413},
        {"vp", 1.0846522890932808, 0.13153341044116413},
    };
    (void)state;
    for (int i = 0; i < 4; i++) {
        dk_config c = check_config(rows[i].name, NULL, 1);
        c.prediction = DK_PREDICT_EDM;
        dk_call call = call_at(&c, 2, DK_UNIT_SIGMA);
        check_near(call.input_scale, rows[i].input_scale, 1e-12, "c_in");
        check_near(call.d_x, rows[i].d_x, 1e-12, "c_skip");
        check_near(call.d_f, 0.48507125007266594, 1e-12, "c_out");
        check_near(call.condition, 0.17328679513998632, 1e-12, "c_noise");
    }
    dk_config c = check_config("edm", NULL, 1);
    c.prediction = DK_PREDICT_EDM, c.sigma_data = 2;
    dk_call call = call_at(&c, 2, DK_UNIT_SIGMA);
    check_near(call.d_x, 0.5, 1e-12, "c_skip at sigma_data");
    check_near(call.d_f, 1.4142135623730951, 1e-12, "c_out at sigma_data");
}

/* Stable Diffusion's network in VE: x/sqrt(1 + sigma^2), told the timestep between those of its table. */
static void network_trained_elsewhere_sees_its_own_scaling(void **state) {
    static double abar[1000];
    dk_config c = check_config("edm", NULL, 1);
    (void)state;
    fill_abar("vp_scaled_linear", abar);
    c.network_schedule = dk_vp_scaled_linear(), c.prediction = DK_PREDICT_EPS;
    for (double sigma = 0.05; sigma < 14; sigma *= 1.7) {
        dk_call call = call_at(&c, sigma, DK_UNIT_SIGMA);
        int k = 0;
        while (sqrt((1 - abar[k + 1]) / abar[k + 1]) < sigma) k++;
        double low = 0.5 * log((1 - abar[k]) / abar[k]), high = 0.5 * log((1 - abar[k + 1]) / abar[k + 1]);
        check_near(call.condition, k + (log(sigma) - low) / (high - low), 1e-9, "timestep");
        check_near(call.input_scale, 1 / sqrt(1 + sigma * sigma), 1e-12, "input scale");
        check_near(call.d_x, 1, 1e-12, "d_x");
        check_near(call.d_f, -sigma, 1e-12, "d_f");
    }
    /* a velocity network sampled in VE: x/(1 + sigma), told sigma/(1 + sigma) */
    c.network_schedule = dk_flow(1), c.prediction = DK_PREDICT_VELOCITY;
    dk_call call = call_at(&c, 3, DK_UNIT_SIGMA);
    check_near(call.condition, 0.75, 1e-15, "flow time");
    check_near(call.input_scale, 0.25, 1e-15, "flow input scale");
    check_near(call.d_x, 0.25, 1e-15, "flow d_x"); /* x0 = x/4 - 3/4 F */
    check_near(call.d_f, -0.75, 1e-15, "flow d_f");
}

/* alphas_cumprod, or sigma where said, as diffusers' float tables have them. */
static void models_tables_are_reproduced(void **state) {
    static const struct {
        dk_betas betas;
        double first, last;
        int timestep;
        double abar;
    } rows[] = {
        {DK_BETAS_SIGMOID, 1e-4, 0.02, 0, 0.9998508095741272},
        {DK_BETAS_SIGMOID, 1e-4, 0.02, 500, 0.29888758063316345},
        {DK_BETAS_SIGMOID, 1e-4, 0.02, 999, 3.9681821363046765e-05},
        {DK_BETAS_LAPLACE, 0, 0, 0, 0.9788462519645691},
        {DK_BETAS_LAPLACE, 0, 0, 500, 0.7072834372520447},
        {DK_BETAS_LAPLACE, 0, 0, 999, 0.03162277489900589},
        {DK_BETAS_EXPONENTIAL, 0, 0, 0, 0.9880717396736145},
        {DK_BETAS_EXPONENTIAL, 0, 0, 500, 0.0024492181837558746},
        {DK_BETAS_EXPONENTIAL, 0, 0, 999, 6.144378858152777e-06},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = check_config("flow", "euler", 4);
        c.schedule = dk_vp_discrete(rows[i].betas, 1000, rows[i].first, rows[i].last);
        c.schedule.quirks = DK_QUIRK_FLOAT_TABLE;
        assert_int_equal(dk_resolve(&c), DK_OK);
        double alpha = dk_level_at(&c.schedule, DK_UNIT_T, rows[i].timestep).alpha;
        assert_true(fabs(alpha * alpha / rows[i].abar - 1) < 2e-6);
    }
    dk_schedule s = dk_schedule_named("vp_linear");
    s.quirks = DK_QUIRK_FLOAT_TABLE; /* 1 - beta has few digits where beta is 1e-4: sigma is 1.3e-4 of itself too large */
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 0)), 0.010001329705119133, 1e-9, "float table");
    s.quirks = 0;
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 0)), 0.010000500037503124, 1e-12, "exact table");
    s = dk_vp_scaled_linear();
    s.shift = sqrt(3); /* CogVideoX's snr_shift_scale 3 */
    check_near(pow(dk_level_at(&s, DK_UNIT_T, 0).alpha, 2), 0.9974543276430068, 1e-7, "shifted");
    check_near(pow(dk_level_at(&s, DK_UNIT_T, 500).alpha, 2), 0.11291168774789694, 1e-7, "shifted");
    s.shift = 0, s.zero_terminal_snr = 1, s.quirks = DK_QUIRK_TERMINAL_ALPHA; /* diffusers' Euler */
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 999)), 4095.9998779296857, 1e-12, "almost zero SNR");
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 499)), 1.7680811882019043, 1e-6, "almost zero SNR");
    check_near(dk_noise_level(dk_level_at(&s, DK_UNIT_T, 0)), 0.029167532920837402, 1e-5, "almost zero SNR");
}

/* A schedule is a value: whatever number of timesteps it is made with, nothing happens until it is checked. */
static void any_number_of_timesteps_is_refused_or_works(void **state) {
    static const int refused[] = {-2147483647 - 1, -1, 0, 1, 1000001, 2000000000, 2147483647};
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        dk_config c = check_config("vp_linear", "euler", 4);
        c.schedule = dk_vp_discrete(DK_BETAS_LINEAR, refused[i], 1e-4, 0.02);
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_non_null(strstr(dk_message(&c), "schedule.timesteps = "));
        c.schedule.zero_terminal_snr = 1; /* unchecked: any answer, but at once */
        dk_level_at(&c.schedule, DK_UNIT_SIGMA, 1), dk_level_at(&c.schedule, DK_UNIT_T, 1e300);
    }
    for (int T = 2; T < 140; T++) { /* with marks, as recording has them, and without */
        dk_config c = check_config("vp_linear", "euler", 1);
        double t[2];
        c.schedule = dk_vp_discrete(DK_BETAS_SCALED_LINEAR, T, 1e-4, 0.02);
        c.grid = dk_grid_levels(t, DK_UNIT_T), t[0] = 0.7 * T - 0.5, t[1] = 0.2 * T - 0.5;
        double there[2], here = dk_noise_level(dk_level_at(&c.schedule, DK_UNIT_T, t[0]));
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, there, 2), 2);
        assert_true(there[0] >= here && there[0] <= here);
    }
}

/* A user's function that gives no levels is named, with the time and what it gave, whatever the grid. */
static void not_a_number_from(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    (void)d_alpha, (void)d_sigma;
    *alpha = 1 - t, *sigma = t > *(const double *)user ? (double)NAN : t;
}

static void falling(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    (void)user, (void)d_alpha, (void)d_sigma;
    *alpha = 1 + t, *sigma = 1;
}

static void a_custom_schedule_that_gives_no_levels_is_named(void **state) {
    static const char *const grids[] = {"uniform", "karras", "lambda"};
    static double beginnings[] = {-1, 0.5, 0.99};
    static const char *const messages[] = {("schedule.fn at t = 0: alpha = 1, sigma = nan: must be finite and >= 0, "
                                           "and sigma/alpha must rise with t"),
                                           "schedule.fn at t = 0.625: alpha = 0.375, sigma = nan: ",
                                           "schedule.fn at t = 1: alpha = 0, sigma = nan: "};
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 3; k++) {
            dk_config c = check_config("flow", "euler", 4);
            c.schedule = dk_custom_schedule(not_a_number_from, &beginnings[i], 0, 1);
            c.grid = dk_grid_named(grids[k]);
            assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
            if (strncmp(c.message, messages[i], strlen(messages[i])) != 0) fail_msg("%s", c.message);
        }
    dk_config c = check_config("flow", "euler", 4);
    c.network_schedule = dk_custom_schedule(falling, NULL, 0, 1);
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_int_equal(strncmp(c.message, "network_schedule.fn at t = 0.125: alpha = 1.125, sigma = 1: ", 59), 0);
    c = check_config("flow", "euler", 4), c.grid.strength = 1.0000001;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "grid.strength = 1.0000001: must be > 0 and <= 1 (0: 1)");
}

/* What is set on a network's schedule without a family would be ignored. */
static void fields_of_no_network_schedule_are_refused(void **state) {
    static const double table[2] = {0.5, 0.1};
    (void)state;
    for (int k = 0; k < 16; k++) {
        dk_config c = check_config("flow", "euler", 4);
        dk_schedule *s = &c.network_schedule;
        double *const reals[] = {&s->t_min,     &s->t_max,         &s->shift,    &s->sigma_min,
                                 &s->sigma_max, &s->cosine_offset, &s->beta_min, &s->beta_max, &s->cosine_power};
        if (k < 9) *reals[k] = 0.5;
        if (k == 9) s->betas = DK_BETAS_COSINE;
        if (k == 10) s->timesteps = 1000;
        if (k == 11) s->zero_terminal_snr = 1;
        if (k == 12) s->quirks = DK_QUIRK_FLOAT_TABLE;
        if (k == 13) s->alphas_cumprod = table;
        if (k == 14) s->fn = falling;
        if ((dk_resolve(&c) == DK_OK) != (k == 15)) fail_msg("%d: %s", k, c.message);
        if (k < 15 && strncmp(c.message, "network_schedule.", 17) != 0) fail_msg("%s", c.message);
    }
}

/* A name alone is no schedule: the message names the call that makes one of it. */
static void a_schedule_of_a_name_alone_is_refused(void **state) {
    dk_config c = check_config("flow", "euler", 4);
    (void)state;
    memset(&c.schedule, 0, sizeof c.schedule);
    c.schedule.name = "edm";
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "schedule = \"edm\": must be taken by its name with dk_config_set");
    c.schedule.name = NULL, c.schedule.shift = 3; /* fields of a zero schedule hold for flow */
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_true(c.schedule.family == DK_FAMILY_FLOW && c.schedule.shift >= 3);
    assert_string_equal(dk_schedule_named("vp").name, "vp");
}

static void conditions_are_what_they_say(void **state) {
    const double abar = 0.2, u = 2; /* sqrt(0.8/0.2) */
    static const double table[3] = {0.9, 0.2, 0.1};
    static const struct {
        dk_unit condition;
        double want;
    } rows[] = {
        {DK_UNIT_DEFAULT, 1},
        {DK_UNIT_T, 1},
        {DK_UNIT_SIGMA, 2},
        {DK_UNIT_FLOW, 2.0 / 3},
        {DK_UNIT_C_NOISE, 0.17328679513998632},
        {DK_UNIT_LAMBDA, -0.69314718055994529},
        {DK_UNIT_DATA, 1.0 / 3},
    };
    dk_config c = check_config("flow", NULL, 1);
    (void)state;
    check_near(sqrt((1 - abar) / abar), u, 1e-15, "the table's second level");
    c.schedule = dk_vp_table(table, 3);
    for (int i = 0; i < 7; i++) {
        c.condition = rows[i].condition, c.condition_scale = 0;
        check_near(call_at(&c, 1, DK_UNIT_T).condition, rows[i].want, 1e-14, "condition");
        c.condition_scale = 1000;
        check_near(call_at(&c, 1, DK_UNIT_T).condition, 1000 * rows[i].want, 1e-14, "scaled condition");
    }
    c.schedule = dk_vp_scaled_linear(), c.condition_scale = 0;
    c.condition = DK_UNIT_T;
    check_near(call_at(&c, 500.6, DK_UNIT_T).condition, 500.6, 0, "real timestep");
    c.condition_rounding = DK_ROUND_NEAREST;
    check_near(call_at(&c, 500.6, DK_UNIT_T).condition, 501, 0, "whole timestep");
    check_near(call_at(&c, 500.4, DK_UNIT_T).condition, 500, 0, "whole timestep");
    c.condition = DK_UNIT_T, c.condition_rounding = DK_ROUND_DOWN;
    check_near(call_at(&c, 500.6, DK_UNIT_T).condition, 500, 0, "cut timestep");
    c.schedule = dk_flow(1), c.condition = DK_UNIT_FLOW, c.condition_scale = 1000;
    check_near(call_at(&c, 0.8996, DK_UNIT_T).condition, 899, 0, "cut after scaling");
    c.condition_offset = 0.5;
    check_near(call_at(&c, 0.8996, DK_UNIT_T).condition, 900, 0, "cut after the offset");
    c.condition_scale = -2, c.condition_offset = 7, c.condition_rounding = DK_ROUND_NONE;
    check_near(call_at(&c, 0.75, DK_UNIT_T).condition, 5.5, 1e-15, "an offset");
    c.schedule = dk_vp_scaled_linear(), c.condition = DK_UNIT_T, c.condition_offset = 0;
    c.condition_scale = 0; /* below timestep 0, the network is told the least that it knows */
    check_near(call_at(&c, 0.01, DK_UNIT_SIGMA).condition, 0, 0, "below timestep 0");
    static const double up[] = {1, 0};
    dk_plan plan;
    c.grid = dk_grid_levels(up, DK_UNIT_SIGMA), c.grid.rising = 1, c.start = DK_START_STATE;
    record(&c, &plan);
    check_near(plan.call[0].condition, 0, 0, "clean data");
    dk_plan_free(&plan);
}

/* A network that predicts the opposite: the same D from the output's opposite. */
static void outputs_may_be_negated(void **state) {
    static const struct {
        const char *schedule;
        dk_prediction prediction;
    } rows[] = {{"flow", DK_PREDICT_VELOCITY}, {"edm", DK_PREDICT_EDM}, {"vp", DK_PREDICT_EPS}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        dk_config c = check_config(rows[i].schedule, NULL, 1);
        c.prediction = rows[i].prediction;
        dk_call plain = call_at(&c, 0.5, DK_UNIT_T);
        c.negated = 1;
        dk_call negated = call_at(&c, 0.5, DK_UNIT_T);
        check_near(negated.d_f, -plain.d_f, 0, rows[i].schedule);
        check_near(negated.d_x, plain.d_x, 0, rows[i].schedule);
    }
}

static void defaults_follow_the_family(void **state) {
    static const struct {
        const char *name;
        dk_prediction prediction;
        dk_unit condition;
        dk_spacing spacing;
    } rows[] = {
        {"flow", DK_PREDICT_VELOCITY, DK_UNIT_FLOW, DK_SPACING_UNIFORM},
        {"ve", DK_PREDICT_EPS, DK_UNIT_SIGMA, DK_SPACING_KARRAS},
        {"edm", DK_PREDICT_EDM, DK_UNIT_C_NOISE, DK_SPACING_KARRAS},
        {"vp", DK_PREDICT_EPS, DK_UNIT_T, DK_SPACING_KARRAS},
        {"sub_vp", DK_PREDICT_EPS, DK_UNIT_T, DK_SPACING_KARRAS},
        {"cosine_flow", DK_PREDICT_V, DK_UNIT_T, DK_SPACING_UNIFORM},
        {"vp_linear", DK_PREDICT_EPS, DK_UNIT_T, DK_SPACING_KARRAS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dk_config c = check_config(rows[i].name, NULL, 4);
        assert_int_equal(dk_resolve(&c), DK_OK);
        assert_int_equal(c.prediction, rows[i].prediction);
        assert_int_equal(c.condition, rows[i].condition);
        assert_int_equal(c.grid.spacing, DK_SPACING_POWER);
        assert_int_equal(c.grid.rounding, strcmp(rows[i].name, "vp_linear") ? DK_ROUND_NONE : DK_ROUND_NEAREST);
        dk_config named = check_config(rows[i].name, "dpmpp_2m", 4);
        assert_int_equal(dk_resolve(&named), DK_OK);
        assert_int_equal(named.grid.spacing, rows[i].spacing);
        assert_int_equal(named.grid.rounding, DK_ROUND_NONE);
        assert_string_equal(c.sampler.name, "adams2");
        check_near(c.sigma_data, 0.5, 0, "sigma_data");
        check_near(c.condition_scale, 1, 0, "condition_scale");
    }
    dk_config c;
    memset(&c, 0, sizeof c);
    c.steps = 4, c.dim = 1;
    assert_int_equal(dk_resolve(&c), DK_OK); /* a zero schedule is flow matching */
    assert_int_equal(c.schedule.family, DK_FAMILY_FLOW);
    assert_int_equal(c.batch, 1);
    assert_string_equal(dk_message(&c), "");
    c = check_config("vp", NULL, 4);
    c.schedule = dk_custom_schedule(parabola, NULL, 0, 1);
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(c.prediction, DK_PREDICT_X0);
}

/* ------------------------------------------------------------------ grids */

typedef enum what { SIGMA, T } what;

/* The levels of a config against n numbers. */
static void check_grid(dk_config *c, int n, const double *want, what kind, double tolerance) {
    dk_plan plan;
    record(c, &plan);
    assert_int_equal(plan.levels, n);
    for (int i = 0; i < n; i++) {
        dk_level l = plan.level[i];
        char name[32];
        snprintf(name, sizeof name, "level %d", i);
        check_near(kind == T ? l.t : dk_noise_level(l), want[i], tolerance, name);
    }
    dk_plan_free(&plan);
}

static dk_config grid_config(const char *schedule, const char *grid, int steps) {
    dk_config c = check_config(schedule, "euler", steps);
    c.grid = dk_grid_named(grid);
    c.prediction = DK_PREDICT_X0; /* any level can be evaluated */
    return c;
}

/* k-diffusion's get_sigmas_karras and get_sigmas_exponential, n 10, 0.002 .. 80, in double. */
static void karras_and_exponential_match_k_diffusion(void **state) {
    // clang-format off
    static const double rho7[] = {
        80, 42.41518931851267, 21.10867673619376, 9.723201355260132, 4.066123602953759, 1.501741979068008,
        0.46997905799774714, 0.11663856352517864, 0.020435334553438746, 0.002, 0,
    };
    static const double rho5[] = {
        80, 47.82859856493088, 26.95489965281967, 14.101918111575724, 6.698205222803143, 2.792106513064281,
        0.9660195651435015, 0.2506518293108093, 0.03927843458553464, 0.002, 0,
    };
    static const double log_linear[] = {
        80, 24.64620111033337, 7.592940364637477, 2.3392141905702926, 0.7206592922617642,
        0.22201892311392452, 0.06839903786706786, 0.02107220553781329, 0.0064918726940403435, 0.002, 0,
    };
    // clang-format on
    dk_config c = grid_config("edm", "karras", 10);
    (void)state;
    check_grid(&c, 11, rho7, SIGMA, 1e-12);
    c.grid.a = 5;
    check_grid(&c, 11, rho5, SIGMA, 1e-12);
    c = grid_config("edm", "exponential", 10);
    check_grid(&c, 11, log_linear, SIGMA, 1e-12);
    c = grid_config("edm", "lambda", 10); /* the same where the range is finite */
    check_grid(&c, 11, log_linear, SIGMA, 1e-12);
    c = grid_config("vp", "karras", 10); /* the levels do not depend on the family */
    c.grid.sigma_min = 0.002, c.grid.sigma_max = 80;
    check_grid(&c, 11, rho7, SIGMA, 1e-11);
}

/* The official DPM-Solver code, VP with beta 0.1 .. 20, 10 steps: 'logSNR' and 'time_quadratic'. */
static void lambda_and_quadratic_match_dpm_solver(void **state) {
    // clang-format off
    static const double lambda[] = {
        152.1669702839461, 58.36457263060324, 22.386088991563128, 8.586321423270634, 3.293336125461738,
        1.263179224327237, 0.48450012145305976, 0.1858329864576827, 0.07127737915154927,
        0.027338874951949126, 0.010485992786708616,
    };
    static const double quadratic[] = {
        1, 0.8157020997883032, 0.6501592885125388, 0.5033715661727071, 0.3753389327688082,
        0.26606138830084197, 0.17553893276880822, 0.10377156617270719, 0.05075928851253881,
        0.01650209978830308, 0.001,
    };
    // clang-format on
    dk_config c = grid_config("vp", "lambda", 10);
    (void)state;
    c.grid.final = DK_FINAL_MIN;
    check_grid(&c, 11, lambda, SIGMA, 1e-10);
    c.grid.spacing = DK_SPACING_QUADRATIC;
    check_grid(&c, 11, quadratic, T, 1e-12);
}

static void uniform_is_linear_in_t(void **state) {
    static const double flow[] = {1, 0.75, 0.5, 0.25, 0}, ve[] = {1, 0.5, 0};
    dk_config c = grid_config("flow", "uniform", 4);
    (void)state;
    check_grid(&c, 5, flow, T, 1e-15);
    c = grid_config("ve", "uniform", 2), c.grid.final = DK_FINAL_MIN;
    check_grid(&c, 3, ve, T, 1e-15);
}

static void leading_with_offset_is_stable_diffusions(void **state) {
    double want[51];
    dk_config c = grid_config("vp_scaled_linear", "leading", 50);
    (void)state;
    for (int i = 0; i < 50; i++) want[i] = 981 - 20 * i;
    want[50] = -1; /* clean data */
    c.grid.n = 1;
    check_grid(&c, 51, want, T, 0);
    static const double thirds[] = {666, 333, 0, -1}; /* the ratio 1000/3 is cut to 333 */
    c = grid_config("vp_scaled_linear", "leading", 3);
    check_grid(&c, 4, thirds, T, 0);
}

/* Lin et al. 2023, table 2. */
static void trailing_starts_at_the_last_timestep(void **state) {
    static const double tenths[] = {999, 899, 799, 699, 599, 499, 399, 299, 199, 99, -1};
    static const double sevenths[] = {999, 856, 713, 570,
                                      428, 285, 142, -1}; /* numpy: arange(1000, 0, -1000/7).round() - 1 */
    dk_config c = grid_config("vp_scaled_linear", "trailing", 10);
    (void)state;
    check_grid(&c, 11, tenths, T, 1e-12);
    c = grid_config("vp_scaled_linear", "trailing", 7), c.grid.rounding = DK_ROUND_NEAREST;
    check_grid(&c, 8, sevenths, T, 0);
}

/* k-diffusion's DiscreteSchedule.get_sigmas(10) for Stable Diffusion. Rounded: numpy's
   linspace(0, 999, 7).round(), which takes ties to even. */
static void linspace_runs_from_last_to_first_timestep(void **state) {
    // clang-format off
    static const double sigmas[] = {
        14.614641229333637, 7.839882872819805, 4.609174133893038, 2.918307115426828, 1.9501614706273918,
        1.3449277833514823, 0.9323579668348472, 0.6249769180115955, 0.36865774541485086,
        0.029167158151720367, 0,
    };
    // clang-format on
    static const double nearest[] = {999, 832, 666, 500, 333, 166, 0, -1},
                        down[] = {999, 832, 666, 499, 333, 166, 0, -1};
    static const double none[] = {999, 832.5, 666, 499.5, 333, 166.5, 0, -1};
    dk_config c = grid_config("vp_scaled_linear", "linspace", 10);
    (void)state;
    check_grid(&c, 11, sigmas, SIGMA, 1e-10);
    c.steps = 7;
    check_grid(&c, 8, none, T, 1e-15);
    c.grid.rounding = DK_ROUND_NEAREST;
    check_grid(&c, 8, nearest, T, 0);
    c.grid.rounding = DK_ROUND_DOWN;
    check_grid(&c, 8, down, T, 0);
}

/* At ties rounding errors decide, so they must be numpy's for diffusers' timesteps to come out:
   linspace(0, 999, n).round() and arange(1000, 0, -1000/n).round() - 1. */
static void ties_fall_as_in_numpy(void **state) {
    static const struct {
        const char *grid;
        int n, i;
        double t;
    } rows[] = {
        {"linspace", 27, 13, 499}, {"linspace", 75, 23, 688}, {"linspace", 103, 17, 833},
        {"trailing", 48, 3, 936},  {"trailing", 96, 18, 812},
    };
    (void)state;
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        dk_config c = grid_config("vp_scaled_linear", rows[k].grid, rows[k].n);
        dk_plan plan;
        c.grid.rounding = DK_ROUND_NEAREST;
        record(&c, &plan);
        check_near(plan.level[rows[k].i].t, rows[k].t, 0, rows[k].grid);
        dk_plan_free(&plan);
    }
}

static void shift_is_the_same_in_schedule_and_grid(void **state) {
    static const double want[] = {HUGE_VAL, 9, 3, 1, 0}; /* 3 t/(1 - t) */
    double sigma[5];
    dk_config a = grid_config("flow", "uniform", 4), b = a;
    dk_plan plan;
    (void)state;
    a.schedule = dk_flow(3), b.grid.shift = 3;
    record(&a, &plan);
    for (int i = 0; i < 5; i++) sigma[i] = plan.level[i].sigma;
    for (int i = 1; i < 5; i++) check_near(dk_noise_level(plan.level[i]), want[i], 1e-14, "shifted schedule");
    assert_true(dk_noise_level(plan.level[0]) >= HUGE_VAL);
    dk_plan_free(&plan);
    record(&b, &plan);
    for (int i = 0; i < 5; i++) check_near(plan.level[i].sigma, sigma[i], 1e-15, "shifted grid");
    dk_plan_free(&plan);
}

static void own_levels_keep_their_bits(void **state) {
    static const double u[] = {0.9, 0.7000000000000001, 1.0 / 3, 0.1}, lambda[] = {-1, 0.3, 2, HUGE_VAL};
    static const double lambda_u[] = {2.718281828459045, 0.7408182206817179, 0.1353352832366127, 0};
    dk_config c = grid_config("flow", "uniform", 3);
    (void)state;
    c.grid = dk_grid_levels(u, DK_UNIT_T);
    check_grid(&c, 4, u, T, 0);
    c.schedule = dk_edm(0.002, 80), c.grid = dk_grid_levels(u, DK_UNIT_SIGMA);
    check_grid(&c, 4, u, SIGMA, 0);
    c.schedule = dk_flow(3), c.grid = dk_grid_levels(u, DK_UNIT_FLOW);
    dk_plan plan;
    record(&c, &plan);
    for (int i = 0; i < 4; i++) check_near(plan.level[i].sigma, u[i], 0, "flow unit");
    dk_plan_free(&plan);
    c.schedule = dk_vp(0.1, 20), c.grid = dk_grid_levels(lambda, DK_UNIT_LAMBDA);
    check_grid(&c, 4, lambda_u, SIGMA, 1e-14);
    c.schedule = dk_vp_scaled_linear(), c.grid = dk_grid_levels(u, DK_UNIT_FLOW);
    static const double from_flow[] = {9, 2.3333333333333335, 0.5, 0.1111111111111111};
    check_grid(&c, 4, from_flow, SIGMA, 1e-14);
}

static void final_rules_end_the_grid(void **state) {
    static const double zero[] = {80, 0.4, 0.002, 0}, value[] = {80, 0.4, 0.002, 0.001};
    static const double to_zero[] = {999, 749, 499, 249, -1}, to_first[] = {999, 749, 499, 249, 0};
    dk_config c = grid_config("edm", "exponential", 3);
    (void)state;
    check_grid(&c, 4, zero, SIGMA, 1e-13);
    c.grid.final = DK_FINAL_ZERO;
    check_grid(&c, 4, zero, SIGMA, 1e-13);
    c.grid.final = DK_FINAL_VALUE, c.grid.final_value = 0.001;
    check_grid(&c, 4, value, SIGMA, 1e-13);
    c.grid.final = DK_FINAL_MIN, c.grid.final_value = 0, c.steps = 2;
    check_grid(&c, 3, zero, SIGMA, 1e-13);
    c = grid_config("vp_linear", "trailing", 4);
    check_grid(&c, 5, to_zero, T, 0);
    c.grid.final = DK_FINAL_MIN;
    check_grid(&c, 5, to_first, T, 0);
}

static void rising_is_the_same_list_reversed(void **state) {
    static const double want[] = {1.0 / 3, 1, 3};
    dk_config c = grid_config("flow", "uniform", 2);
    (void)state;
    c.grid.sigma_min = 0.25, c.grid.sigma_max = 0.75, c.grid.final = DK_FINAL_MIN, c.grid.rising = 1;
    check_grid(&c, 3, want, SIGMA, 1e-14);
}

/* Where the range ends above 0, the default is to go on to clean data; user's schedules too. */
static void smallest_noise(void *user, double t, double *alpha, double *sigma, double *d_alpha,
                           double *d_sigma) {
    (void)user, (void)d_alpha, (void)d_sigma;
    *alpha = 1, *sigma = t;
}

static void custom_schedule_above_zero_ends_in_clean_data(void **state) {
    static const double want[] = {10, 1, 0.1, 0};
    dk_config c = grid_config("flow", "exponential", 3);
    (void)state;
    c.schedule = dk_custom_schedule(smallest_noise, NULL, 0.1, 10);
    check_grid(&c, 4, want, SIGMA, 1e-12);
}

static void lists_must_be_strictly_monotone(void **state) {
#define LEVEL(i, value) "grid: level " #i " (sigma/alpha " value ") "
    static const char turns[] = "does not continue a strictly monotone list",
                      none[] = "is not a noise level of this schedule";
    static const struct {
        double levels[4];
        int rising;
        const char *where, *why;
    } bad[] = {
        {{3, 3, 1, 0}, 0, LEVEL(1, "3, after 3"), turns},
        {{3, 1, 2, 0}, 0, LEVEL(2, "2, after 1"), turns},
        {{3, 1, 0, 0.5}, 0, LEVEL(3, "0.5, after 0"), turns},
        {{3, 1, 0, 0}, 0, LEVEL(3, "0, after 0"), turns},
        {{3, 1, -1, -2}, 0, LEVEL(2, "-1, after 1"), none},
        {{3, NaN, 1, 0}, 0, LEVEL(1, "nan, after 3"), none},
        {{HUGE_VAL, 3, 1, 0}, 0, LEVEL(0, "inf"), none},
        {{3, 2, 0, 0}, 1, LEVEL(1, "0, after 0"), turns},
    };
    char message[DK_MESSAGE_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        dk_config c = check_config("edm", "euler", 3);
        c.grid = dk_grid_levels(bad[i].levels, DK_UNIT_SIGMA), c.grid.rising = bad[i].rising;
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        snprintf(message, sizeof message, "%s%s", bad[i].where, bad[i].why);
        assert_string_equal(dk_message(&c), message);
    }
}

/* The range of a flow ends at sigma = 0 by itself. */
static void a_range_that_ends_at_zero_needs_no_other_zero(void **state) {
    static const char *const settings[] = {"schedule=flow sampler=euler", "schedule=flow grid=karras", "schedule=cosine_flow grid=uniform"};
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        dk_config c;
        memset(&c, 0, sizeof c);
        c.dim = 1, c.steps = 4;
        assert_int_equal(dk_config_set(&c, settings[i]), DK_OK);
        assert_int_equal(dk_resolve(&c), DK_OK);
        c.grid.final = DK_FINAL_ZERO;
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), "grid: level 4 (sigma/alpha 0, after 0) comes twice: leave out grid.final = zero, for the range ends there");
        c.grid.sigma_min = 0.01;
        assert_int_equal(dk_resolve(&c), DK_OK);
    }
}

/* ------------------------------------------------------------------ what dk_resolve refuses */

#define AT(member) offsetof(dk_config, member)
static const struct {
    const char *field, *schedule;
    size_t offset;
    char type; /* double, int (enums too), size */
    double values[5];
    int count;
} bad_fields[] = {
    {"schedule.family", "flow", AT(schedule.family), 'i', {-1, 99}, 2},
    {"schedule.t_min", "flow", AT(schedule.t_min), 'd', {-1, NaN, -HUGE_VAL, HUGE_VAL}, 4},
    {"schedule.t_max", "flow", AT(schedule.t_max), 'd', {-1, 2, NaN, HUGE_VAL}, 4},
    {"schedule.t_max", "vp_linear", AT(schedule.t_max), 'd', {1000, NaN, HUGE_VAL}, 3},
    {"schedule.shift", "flow", AT(schedule.shift), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"schedule.sigma_min", "ve", AT(schedule.sigma_min), 'd', {0, -1, NaN, HUGE_VAL}, 4},
    {"schedule.sigma_max", "edm", AT(schedule.sigma_max), 'd', {0, -1, 0.002, NaN, HUGE_VAL}, 5},
    {"schedule.beta_min", "vp", AT(schedule.beta_min), 'd', {0, -1, NaN, HUGE_VAL}, 4},
    {"schedule.beta_max", "sub_vp", AT(schedule.beta_max), 'd', {0, -1, 0.05, NaN, HUGE_VAL}, 5},
    {"schedule.betas", "vp_linear", AT(schedule.betas), 'i', {-1, DK_BETAS_COUNT}, 2},
    {"schedule.timesteps", "vp_linear", AT(schedule.timesteps), 'i', {0, -1, 1, 1000001}, 4},
    {"schedule.beta_min", "vp_linear", AT(schedule.beta_min), 'd', {0, -1, 1, NaN, HUGE_VAL}, 5},
    {"schedule.beta_max", "vp_scaled_linear", AT(schedule.beta_max), 'd', {0, -1, 1, NaN, HUGE_VAL}, 5},
    {"prediction", "flow", AT(prediction), 'i', {-1, 99}, 2},
    {"sigma_data", "edm", AT(sigma_data), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"network_schedule.family", "flow", AT(network_schedule.family), 'i', {-1, 99}, 2},
    {"network_schedule.sigma_min", "edm", AT(network_schedule.sigma_min), 'd', {0, -1, NaN, HUGE_VAL}, 4},
    {"condition", "flow", AT(condition), 'i', {-1, 99}, 2},
    {"condition_scale", "flow", AT(condition_scale), 'd', {NaN, HUGE_VAL, -HUGE_VAL}, 3},
    {"grid.spacing", "edm", AT(grid.spacing), 'i', {-1, 99, DK_SPACING_LEADING}, 3},
    {"grid.rho", "edm", AT(grid.a), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"grid.sigma_min", "edm", AT(grid.sigma_min), 'd', {-1, 80, 100, NaN, HUGE_VAL}, 5},
    {"grid.sigma_max", "flow", AT(grid.sigma_max), 'd', {-1, 1.5, NaN, HUGE_VAL}, 4},
    {"grid.sigma_max", "edm", AT(grid.sigma_max), 'd', {-1, 0.001, NaN, HUGE_VAL}, 4},
    {"grid.shift", "flow", AT(grid.shift), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"grid.rounding", "vp_linear", AT(grid.rounding), 'i', {-1, 3}, 2},
    {"grid.offset", "vp_linear", AT(grid.n), 'i', {-1, 1000}, 2},
    {"grid.final", "flow", AT(grid.final), 'i', {-1, 99}, 2},
    {"grid.final_value", "edm", AT(grid.final_value), 'd', {0, -1, NaN, HUGE_VAL}, 4},
    {"grid.unit", "edm", AT(grid.unit), 'i', {-1, 8}, 2},
    {"sampler.gauge", "flow", AT(sampler.gauge), 'i', {-1, 99}, 2},
    {"sampler.order", "flow", AT(sampler.order), 'i', {-1, 9}, 2},
    {"sampler.alpha", "flow", AT(sampler.alpha[0]), 'd', {NaN, HUGE_VAL}, 2},
    {"sampler.law", "flow", AT(sampler.law), 'i', {-1, 99}, 2},
    {"sampler.eta", "flow", AT(sampler.eta), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"sampler.noise_excess", "flow", AT(sampler.noise_excess), 'd', {-1.5, NaN, HUGE_VAL}, 3},
    {"sampler.churn", "flow", AT(sampler.churn), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"sampler.churn_min", "flow", AT(sampler.churn_range[0]), 'd', {-1, NaN}, 2},
    {"sampler.churn_max", "flow", AT(sampler.churn_range[1]), 'd', {-1, NaN}, 2},
    {"sampler.snr", "flow", AT(sampler.sde.snr), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"sampler.langevin_step", "flow", AT(sampler.sde.langevin_step), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"sampler.langevin_steps", "flow", AT(sampler.sde.langevin_steps), 'i', {-1, 100001}, 2},
    {"sampler.quirk", "flow", AT(sampler.quirk), 'd', {-1, NaN, HUGE_VAL}, 3},
    {"sampler.quirks", "flow", AT(sampler.quirks), 'i', {-1, 1 << 30}, 2},
    {"sampler.predictor", "flow", AT(sampler.sde.predictor), 'i', {-1, 99}, 2},
    {"steps", "flow", AT(steps), 'i', {0, -1, 1000001}, 3},
    {"dim", "flow", AT(dim), 'z', {0}, 1},
    {"batch", "flow", AT(batch), 'i', {-1}, 1},
    {"start", "flow", AT(start), 'i', {-1, 99}, 2},
};

static void set_field(dk_config *c, size_t offset, char type, double value) {
    char *at = (char *)c + offset;
    int i = type == 'i' ? (int)value : 0;
    size_t z = 0; /* the only size that is tried */
    if (type == 'd') memcpy(at, &value, sizeof value);
    if (type == 'i') memcpy(at, &i, sizeof i);
    if (type == 'z') memcpy(at, &z, sizeof z);
}

static void bad_fields_are_named(void **state) {
    static const double levels[4] = {3, 2, 1, 0};
    int failed = 0;
    (void)state;
    for (size_t i = 0; i < sizeof bad_fields / sizeof bad_fields[0]; i++)
        for (int k = 0; k < bad_fields[i].count; k++) {
            const char *field = bad_fields[i].field;
            size_t n = strlen(field);
            dk_config c = check_config(bad_fields[i].schedule, "euler", 3);
            c.network_schedule = c.schedule;
            if (strcmp(field, "grid.offset") == 0) c.grid = dk_grid_named("leading");
            if (strcmp(field, "grid.final_value") == 0)
                c.grid.final = DK_FINAL_VALUE, c.grid.final_value = 0.001;
            if (strcmp(field, "grid.unit") == 0) c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
            assert_int_equal(dk_resolve(&c), DK_OK); /* fine but for the field */
            set_field(&c, bad_fields[i].offset, bad_fields[i].type, bad_fields[i].values[k]);
            if (dk_resolve(&c) == DK_ERROR_CONFIG && strncmp(dk_message(&c), field, n) == 0 &&
                strncmp(dk_message(&c) + n, " = ", 3) == 0 && strstr(dk_message(&c), ": must be "))
                continue;
            print_error("%s = %g: \"%s\"\n", field, bad_fields[i].values[k], dk_message(&c));
            failed++;
        }
    assert_int_equal(failed, 0);
}

static void expect_refused(dk_config *c, const char *message) {
    assert_int_equal(dk_resolve(c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(c), message);
}

static void messages_say_field_value_and_what_is_allowed(void **state) {
    static const double rises[3] = {0.5, 0.6, 0.1}, levels[4] = {3, 2, 1, 0};
    dk_config c = check_config("flow", "euler", 0);
    (void)state;
    expect_refused(&c, "steps = 0: must be 1 .. 1000000");
    c = check_config("edm", "euler", 3), c.grid.a = -2.5;
    expect_refused(&c, "grid.rho = -2.5: must be > 0 (0: 7, power 2, polyexponential 1)");
    c = check_config("flow", "euler", 3), c.schedule = dk_custom_schedule(NULL, NULL, 0, 1);
    expect_refused(&c, "schedule.fn = NULL: must be a function for a custom schedule");
    c.schedule = dk_vp_table(rises, 3);
    expect_refused(
        &c, "schedule.alphas_cumprod = 0.6: must be strictly falling between 1 and 0, and 0 only at the end");
    c = check_config("flow", "euler", 3), c.network_schedule = dk_vp(0, 20);
    expect_refused(&c, "network_schedule.beta_min = 0: must be > 0");
    c = check_config("flow", "euler", 3), c.schedule.alphas_cumprod = rises;
    expect_refused(&c, "schedule.alphas_cumprod = 1: must be left out (0): the schedule has no use for it");
    c = check_config("flow", "euler", 3), c.schedule.fn = parabola;
    expect_refused(&c, "schedule.fn = 1: must be left out (0): the schedule has no use for it");
    c = check_config("flow", "euler", 3), c.network_schedule.t_max = 0.5;
    expect_refused(&c, "network_schedule.t_max = 0.5: must be left out (0): the schedule has no use for it");
    c = check_config("flow", "euler", 3), c.schedule.quirks = DK_QUIRK_FLOAT_TABLE;
    expect_refused(&c, "schedule.quirks = 1048576: must be 0 but for a discrete schedule");
    c = check_config("flow", "euler", 3), c.network_schedule.quirks = DK_QUIRK_FLOAT_TABLE;
    expect_refused(&c, "network_schedule.quirks = 1048576: must be 0 but for a discrete schedule");
    c = check_config("flow", "euler", 3), c.grid = dk_grid_levels(NULL, DK_UNIT_T);
    expect_refused(&c, "grid.levels = NULL: must be steps + 1 numbers");
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.grid.shift = 3;
    expect_refused(&c, "grid.shift = 3: must be 0: levels are taken verbatim");
    c = check_config("vp_linear", "euler", 1001), c.grid = dk_grid_named("trailing");
    expect_refused(&c, "steps = 1001: must be at most schedule.timesteps for this grid");
}

static void unknown_names_are_refused_by_name(void **state) {
    dk_config c = check_config("vp_linaer", "euler", 3);
    (void)state;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "schedule \"vp_linaer\" is not known; nearest: vp_linear"));
    c = check_config("flow", "DPM++ 2M", 3), c.sampler = dk_sampler_named("DPMpp-2M-sdf");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "sampler \"DPMpp-2M-sdf\" is not known; nearest: dpmpp_2m_sde"));
    c = check_config("flow", "euler", 3), c.grid = dk_grid_named("karas");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "grid \"karas\" is not known; nearest: karras"));
    c = check_config("flow", "euler", 3), c.schedule = dk_schedule_named(NULL);
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    c = check_config("flow", "euler", 3), c.network_schedule = dk_schedule_named("edn");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "network_schedule \"edn\" is not known; nearest: edm"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_follow_their_papers),
        cmocka_unit_test(shifted_flow_is_esser_2024_eq_23),
        cmocka_unit_test(discrete_schedules_match_reference_tables),
        cmocka_unit_test(times_of_very_high_noise_levels_are_found),
        cmocka_unit_test(ends_are_exact),
        cmocka_unit_test(table_is_linear_in_lambda_between_timesteps),
        cmocka_unit_test(slopes_are_derivatives),
        cmocka_unit_test(slopes_of_kinks_come_from_the_left),
        cmocka_unit_test(numbers_of_other_families_are_refused),
        cmocka_unit_test(from_data_strength_is_said),
        cmocka_unit_test(levels_are_found_again_by_sigma_and_lambda),
        cmocka_unit_test(clean_data_and_pure_noise_are_levels),
        cmocka_unit_test(noise_level_and_lambda_know_both_ends),
        cmocka_unit_test(every_prediction_gives_back_x0),
        cmocka_unit_test(edm_preconditioning_is_karras_table_1),
        cmocka_unit_test(network_trained_elsewhere_sees_its_own_scaling),
        cmocka_unit_test(any_number_of_timesteps_is_refused_or_works),
        cmocka_unit_test(a_schedule_of_a_name_alone_is_refused),
        cmocka_unit_test(fields_of_no_network_schedule_are_refused),
        cmocka_unit_test(a_custom_schedule_that_gives_no_levels_is_named),
        cmocka_unit_test(conditions_are_what_they_say),
        cmocka_unit_test(defaults_follow_the_family),
        cmocka_unit_test(karras_and_exponential_match_k_diffusion),
        cmocka_unit_test(lambda_and_quadratic_match_dpm_solver),
        cmocka_unit_test(uniform_is_linear_in_t),
        cmocka_unit_test(leading_with_offset_is_stable_diffusions),
        cmocka_unit_test(trailing_starts_at_the_last_timestep),
        cmocka_unit_test(linspace_runs_from_last_to_first_timestep),
        cmocka_unit_test(ties_fall_as_in_numpy),
        cmocka_unit_test(shift_is_the_same_in_schedule_and_grid),
        cmocka_unit_test(own_levels_keep_their_bits),
        cmocka_unit_test(final_rules_end_the_grid),
        cmocka_unit_test(rising_is_the_same_list_reversed),
        cmocka_unit_test(custom_schedule_above_zero_ends_in_clean_data),
        cmocka_unit_test(outputs_may_be_negated),
        cmocka_unit_test(models_tables_are_reproduced),
        cmocka_unit_test(lists_must_be_strictly_monotone),
        cmocka_unit_test(a_range_that_ends_at_zero_needs_no_other_zero),
        cmocka_unit_test(bad_fields_are_named),
        cmocka_unit_test(messages_say_field_value_and_what_is_allowed),
        cmocka_unit_test(unknown_names_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
