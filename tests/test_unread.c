/* What is set counts. A setting is refused, or it changes the plan somewhere, or it is among those that say how something is done
   that may not be done at all: the law and the range of noise, e.g., of a sampler that makes none. */
#include "check.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

static int record(dk_config *c, dk_plan *plan) {
    memset(plan, 0, sizeof *plan);
    return dk_record(plan, c) == DK_OK;
}

/* 0: refused; 1: it makes no difference; 2: it makes one. */
static int outcome(dk_config base, const char *setting) {
    dk_config c = base;
    dk_plan before, after;
    int result = 0;
    if (!record(&base, &before)) return 0;
    if (dk_config_set(&c, setting) == DK_OK && record(&c, &after)) {
        result = 1 + !dk_plan_equal(&before, &after, 0, NULL);
        if (memcmp(&c.sampler, &base.sampler, sizeof c.sampler) == 0) result = 0; /* it is so already */
        dk_plan_free(&after);
    }
    dk_plan_free(&before);
    return result;
}

/* Whether a sampler has this name, or is of this kind. */
static int is_of(const dk_sampler_info *row, const char *kind) {
    if (strcmp(kind, "controlled") == 0) return strstr(row->settings, "rtol=") != NULL;
    if (strcmp(kind, "dpm") == 0) return strstr(row->settings, "order=2 rule=dpm") != NULL;
    if (strcmp(kind, "exact") == 0) return strstr(row->settings, "order=2 law=ancestral") != NULL;
    return strcmp(row->name, kind) == 0;
}

static void settings_of_samplers_count(void **state) {
    static const char *const families[] = {"flow", "vp_linear", "edm"};
    static const char *const settings[] = {
        "gauge=vp",        "gauge=native", "gauge=pseudo", "pece=1",       "corrector=2",        "h_init=0.1",
        "safety=0.5",      "pcoeff=0.1",   "icoeff=0.5",   "dcoeff=0.1",   "control=free",       "control=smooth",
        "order=1",         "order=3",      "order=8",      "rule=dpm_taylor", "rule=bh2",     "rule=gradient",      "gamma=3",
        "alpha=0.3",       "alpha2=0.9",   "cfg_pp=1",     "warmup=2",     "lower_order_final=1", "noise_prediction=1",
        "predictor=none",  "snr=0.3",      "eta=0.3",      "churn=1",      "langevin_steps=3",   "langevin_step=0.3",
        "noise_min=0.5 eta=0.7"};
    static const char *const known[][2] = {
        {"order=", "rk45"},              /* the order of a tableau's better method, for step-size control */
        {"control=", "controlled"},      /* what decides on the next attempt is not in this one's plan */
        {"safety=", "controlled"},
        {"pcoeff=", "controlled"},
        {"icoeff=", "controlled"},
        {"dcoeff=", "controlled"},
        {"rule=bh2", "dpm"},             /* the same number with two nodes, */
        {"rule=dpm_taylor", "exact"},    /* and as exact with two */
        {"rule=", "dpmpp_2m_v2"},        /* has a rule of its own */
        {"gamma=", "dpmpp_2m_v2"},
        {"snr=0.3", "euler_maruyama"},   /* of Langevin steps, of which it makes none */
        {"langevin_step=", "euler_maruyama"},
        {"lower_order_final=1", "dpmpp_2s_levels"},
    };
    int wrong = 0;
    (void)state;
    for (int s = 0; dk_sampler_at(s); s++)
        for (int k = 0; k < COUNT(settings); k++) {
            const dk_sampler_info *row = dk_sampler_at(s);
            int most = 0, excused = 0;
            for (int f = 0; f < COUNT(families); f++) {
                dk_config c = check_config(families[f], row->name, 6);
                int is = outcome(c, settings[k]);
                if (is > most) most = is;
            }
            for (int i = 0; i < COUNT(known); i++)
                excused |= strncmp(settings[k], known[i][0], strlen(known[i][0])) == 0 && is_of(row, known[i][1]);
            if (most != 1 || excused) continue;
            print_error("%s: %s is accepted and makes no difference\n", row->name, settings[k]);
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

static void settings_that_need_others_are_refused_without(void **state) {
    static const char *const rows[][2] = {
        {"sampler=dpmpp_2m pece=1", "sampler.pece = 1: must be 0 or 1; needs corrector"},
        {"h_init=0.1", "sampler.h_init = 0.1: must be 0 .. 1e300 (0: by itself); needs rtol or atol"},
        {"control=smooth", "sampler.control = smooth: must be standard|free|smooth; needs rtol or atol"},
        {"dcoeff=1", "sampler.dcoeff = 1: must be -10 .. 10; needs rtol or atol"},
        {"grid.rounding=down",
         "grid.rounding = down: must be none: it is for leading, trailing and linspace, and with a range for VP discrete"},
        {"grid.sigma_linear=1", "grid.sigma_linear = 1: must be 0 but for a grid that counts timesteps"},
        {"schedule=edm grid.below_one=1", "grid.below_one = 1: must be 0 but for flow schedules"},
        {"grid.repaint_noise=1", "grid.repaint_noise = 1: must be 0 or 1; needs way or travel"},
        {"grid.unit=sigma", "grid.unit = sigma: must be default: it is for lists of levels"},
        {"grid=linear_quadratic grid.sigma_min=0.1", "grid.sigma_min = 0.1: must be 0: this spacing ends at 0"},
        {"grid.strength=0.5 grid.full_steps=20", "grid.full_steps = 20: must be 0 with grid.strength, which sets it"},
        {"sampler=lawson2a order=2",
         "sampler.order = 2: must be 0: this method uses exponential, gauge, noise_prediction, cfg_pp, law, eta, noise_min, noise_max, "
         "churn"},
        {"sampler=dpmpp_2m gauge=vp", "sampler.gauge = vp: must be default, ve or flow for this method"},
        {"sampler=ddim gauge=native", "sampler.gauge = native: must be default, ve or flow for this method"},
        {"sampler=res_2s alpha2=0.5", "sampler.alpha2 = 0.5: must be 0 but for order = 3"},
        {"sampler=smld snr=0.1", "sampler.snr = 0.1: must be 0 with langevin_step, which stands instead of it"},
        {"schedule=ve sampler=euler_maruyama noise_min=1",
         "sampler.noise_min = 1: must be 0: this method uses plain_last, law, eta, predictor, langevin_steps, langevin_step, snr, bins, "
         "churn"},
        {"guidance.rescale=0.5", "guidance.rescale = 0.5: must be 0 .. 1; needs scale"},
        {"guidance.scale2=2", "guidance.scale2 = 2: must be finite; needs scale"},
        {"guidance.scale=2 guidance.momentum=-0.5", "guidance.momentum = -0.5: must be finite; needs projected"},
        {"guidance.scale=2 guidance.space=v",
         "guidance.space = v: must be default|x0|eps|v|velocity|score|edm; needs rescale or zero_star or projected or zero_init or guider"},
        {"guidance.quantile_most=2", "guidance.quantile_most = 2: must be >= 0 (0: no limit); needs quantile"},
        {"guidance.schedule=1to4 guidance.limit=2", "guidance.limit = 2: must be >= 0 (0: no limit); needs projected"},
        {"guidance.schedule=1to4 guidance.memory=1", "guidance.memory = 1: must be 0 .. 6; needs guider"},
        {"sampler=er_sde order=4", "sampler.order = 4: must be 0 .. 3 for this method"},
        {"sampler=ipndm_v order=5", "sampler.order = 5: must be 0 .. 4 with ipndm_v"},
        {"grid.way=repaint grid.repaint_noise=1", "grid.repaint_noise = 1: must be 0 but for VP discrete schedules"},
        {"schedule=vp_linear schedule.timesteps=4 sampler=ddim stride=1 grid=karras",
         "sampler.quirk = 0: must be the stride in t, where there are less timesteps than steps"},
        {"schedule=edm sampler=euler_late_churn churn=3 clip=1",
         "sampler.churn = 3: must be 0 with what changes D (clip, a quantile, a hook, a mask on D), since D is read twice"},
        {"schedule=ve sampler=pndm_timesteps plain_last=1 grid.final=zero",
         "sampler.plain_last = 1: must be 0 where the last time is infinite"},
    };
    (void)state;
    for (int i = 0; i < COUNT(rows); i++) {
        dk_config c = check_config("flow", NULL, 6);
        dk_plan plan;
        assert_int_equal(dk_config_set(&c, rows[i][0]), DK_OK);
        assert_int_equal(record(&c, &plan), 0);
        assert_string_equal(dk_message(&c), rows[i][1]);
    }
}

static void doubled_scale(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)user, (void)level, (void)step, (void)steps;
    g->scale = 2;
}

/* A guidance schedule may set at a level what the others need. */
static void what_a_schedule_may_set_is_not_asked_for(void **state) {
    dk_config c = check_config("flow", "euler", 6);
    dk_plan plan;
    (void)state;
    c.guidance.rescale = 0.5, c.guidance.schedule = doubled_scale;
    assert_true(record(&c, &plan));
    assert_int_equal(plan.calls, 12);
    dk_plan_free(&plan);
}

/* Pipelines begin with unit noise; on data, or on a state, a model's start_scale is not asked for. */
static void models_begin_on_data_too(void **state) {
    int scaled = 0;
    (void)state;
    dk_model_info model;
    for (int i = 0; dk_model_at(i, &model); i++) {
        dk_config c;
        memset(&c, 0, sizeof c);
        assert_int_equal(dk_config_for(&c, model.name, NULL), DK_OK);
        scaled += c.start_scale > 0;
        c.start = DK_START_DATA, c.grid.strength = 1, c.dim = 1;
        if (dk_resolve(&c)) fail_msg("%s: %s", model.name, dk_message(&c));
    }
    assert_in_range(scaled, 10, 1000);
}

/* Karras et al. 2022: sigma = t, so that the range of t is that of sigma. A table of 50 has the timesteps 0 .. 49. */
static void times_follow_the_other_fields_of_a_schedule(void **state) {
    static const struct {
        const char *settings;
        double t_min, t_max;
    } rows[] = {
        {"schedule=vp_linear schedule.timesteps=50", 0, 49},
        {"schedule.timesteps=50 schedule=vp_linear schedule.t_max=10", 0, 10},
        {"schedule=edm schedule.sigma_min=1", 1, 80},
        {"schedule=edm schedule.sigma_max=20 schedule.t_min=0.5", 0.5, 20},
        {"schedule.family=cosine", 0, 1.5707963267948966},
        {"schedule.family=edm schedule.sigma_min=1 schedule.sigma_max=5", 1, 5},
        {"schedule=vp schedule.beta_max=10", 1e-3, 1},
        {"schedule.t_min=0.1", 0.1, 1},
    };
    (void)state;
    for (int i = 0; i < COUNT(rows); i++) {
        dk_config c = check_config("flow", "euler", 6);
        memset(&c.schedule, 0, sizeof c.schedule);
        c.start = DK_START_STATE, c.prediction = DK_PREDICT_X0;
        if (dk_config_set(&c, rows[i].settings) || dk_resolve(&c)) fail_msg("%s: %s", rows[i].settings, dk_message(&c));
        check_near(c.schedule.t_min, rows[i].t_min, 1e-15, rows[i].settings);
        check_near(c.schedule.t_max, rows[i].t_max, 1e-15, rows[i].settings);
    }
}

/* The order of settings does not matter: a grid that is named stands above one that a sampler's name says. Log-linear from 80 to
   0.002: 0.4 is the middle. */
static void a_named_grid_stands_above_a_samplers(void **state) {
    static const char *const settings[] = {"schedule=edm sampler='DPM++ 2M Karras' grid=exponential",
                                           "grid=exponential sampler='DPM++ 2M Karras' schedule=edm"};
    (void)state;
    for (int i = 0; i < COUNT(settings); i++) {
        dk_config c = check_config("flow", NULL, 3);
        double levels[4];
        assert_int_equal(dk_config_set(&c, settings[i]), DK_OK);
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, levels, 4), 4);
        check_near(levels[1], 0.4, 1e-12, settings[i]);
    }
}

/* ComfyUI's flow models have a table of 1000 levels, and `normal` is linear in shifted levels that are taken for times: with shift 3
   from 1 to 3/1002, then shifted once more, u = 3t/(1 + 2t). */
static void comfyui_grids_end_with_the_table_on_plain_flow(void **state) {
    static const struct {
        const char *grid;
        double t[4];
    } rows[] = {{"normal", {1, 1 - 999.0 / 3006, 1 - 1998.0 / 3006, 3.0 / 1002}},
                {"sgm_uniform", {1, 1 - 999.0 / 4008, 1 - 1998.0 / 4008, 1 - 2997.0 / 4008}}};
    (void)state;
    for (int i = 0; i < COUNT(rows); i++) {
        dk_config c = check_config("flow", "euler", 4);
        double levels[5];
        c.schedule = dk_flow(3), c.grid = dk_grid_named(rows[i].grid);
        assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, levels, 5), 5);
        for (int k = 0; k < 4; k++)
            check_near(levels[k], 3 * rows[i].t[k] / (1 + 2 * rows[i].t[k]), 1e-14, rows[i].grid);
        check_near(levels[4], 0, 0, rows[i].grid);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_samplers_count),
        cmocka_unit_test(settings_that_need_others_are_refused_without),
        cmocka_unit_test(times_follow_the_other_fields_of_a_schedule),
        cmocka_unit_test(a_named_grid_stands_above_a_samplers),
        cmocka_unit_test(comfyui_grids_end_with_the_table_on_plain_flow),
        cmocka_unit_test(what_a_schedule_may_set_is_not_asked_for),
        cmocka_unit_test(models_begin_on_data_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
