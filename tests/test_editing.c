/* Editing: known data and targets, images that are started from, inversion and what comes after it. */
#include "check.h"

enum { DIM = 4 };

static const double down[] = {8, 4, 2, 1, 0};
static const dk_real soft[DIM] = {1, (dk_real)0.25, (dk_real)0.75, 0},
                     data[DIM] = {(dk_real)0.3, (dk_real)-0.4, (dk_real)0.5, (dk_real)0.6};

static dk_config masked(const char *schedule, const char *sampler, dk_blend blend) {
    dk_config c = check_config(schedule, sampler, 4);
    c.grid = dk_grid_levels(down, DK_UNIT_SIGMA);
    c.dim = DIM, c.prediction = DK_PREDICT_X0, c.condition = DK_UNIT_SIGMA;
    c.mask = soft, c.known = data, c.blend = blend;
    return c;
}

/* ------------------------------------------------------------------------- states and estimates */

/* Watches the elements of mask 1: alpha known + sigma z with draw 0 for z, whatever the sampler does. */
typedef struct watch {
    dk_real z[DIM];
    int first, again, bad; /* again: the second evaluation stands where the first does */
} watch;

static int watching(void *user, const dk_eval *e) {
    watch *w = (watch *)user;
    double want = e->level.alpha * (double)data[0] + e->level.sigma * (double)w->z[0];
    if (e->step >= w->first && (e->stage == 0 || w->again) &&
        !(fabs((double)e->input[0] - want) <= 200 * check_tiny * (1 + fabs(want))))
        w->bad++;
    return check_nonlinear(NULL, e);
}

static int draws_noise(const char *sampler) {
    dk_config c = masked("edm", sampler, DK_BLEND_STATE);
    dk_plan plan;
    c.mask = c.known = NULL;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    int draws = plan.draws > 1;
    dk_plan_free(&plan);
    return draws;
}

/* Where D is blended the known part is a straight line from its noise to the data for every deterministic sampler that
   is exact for a constant D (Lawson's are not, nor are others in the native gauge of VP), and needs no blending of states; where states are blended with draw 0, for every sampler. */
static void known_data_keep_their_noise(void **state) {
    static const char *const schedules[] = {"edm", "flow", "vp"};
    (void)state;
    for (int blend = DK_BLEND_FIXED; blend < DK_BLEND_COUNT; blend++)
        for (int f = 0; f < 3; f++)
            for (int k = 0; dk_sampler_at(k); k++) {
                const char *name = dk_sampler_at(k)->name;
                dk_real x[DIM];
                dk_config c = masked(schedules[f], name, (dk_blend)blend);
                dk_sampler *s = &c.sampler;
                watch w = {{0}, blend == DK_BLEND_FIXED, s->pece, 0};
                if (blend == DK_BLEND_DENOISED &&
                    (draws_noise(name) || !strncmp(name, "lawson", 6) || s->gauge == DK_GAUGE_NATIVE))
                    continue;
                c.seed = 1;
                memset(&s->control, 0, sizeof s->control);
                s->churn = 0;
                dk_normals(c.seed, 0, 0, 0, DIM, w.z);
                memcpy(x, data, sizeof x);
                c.start = DK_START_DATA, c.grid.strength = 1;
                if (dk_sample(&c, watching, &w, x)) fail_msg("%s: %s", name, dk_message(&c));
                if (w.bad) fail_msg("%s on %s, blend %d: %d", name, schedules[f], blend, w.bad);
                check_near((double)x[0], (double)data[0], 200 * check_tiny, name);
            }
}

/* DDIM from 8 to 4 with D = 0: x/2 + (1 - 1/2) D. */
static void a_soft_target_pulls_by_its_weight(void **state) {
    static const double levels[] = {8, 4};
    dk_config c = masked("edm", "ddim", DK_BLEND_DENOISED);
    dk_real x[DIM] = {1, 2, 3, 4};
    (void)state;
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.steps = 1, c.start = DK_START_STATE;
    assert_int_equal(dk_sample(&c, check_zero, NULL, x), DK_OK);
    for (int i = 0; i < DIM; i++)
        check_near((double)x[i], 0.5 * (1 + i) + 0.5 * (double)soft[i] * (double)data[i], check_tiny, "x");
}

/* The same, and what the network sees is blended as well, while the sampler's own x is not. */
static int blended_at_8(void *user, const dk_eval *e) {
    const dk_real *z = (const dk_real *)user;
    for (int i = 0; i < DIM; i++) {
        double m = (double)soft[i], known = (double)data[i] + 8 * (double)z[i];
        check_near((double)e->input[i], (1 - m) * (1 + i) + m * known, check_tiny, "input");
    }
    return check_zero(NULL, e);
}

static void both_blends_what_is_seen(void **state) {
    static const double levels[] = {8, 4};
    dk_config c = masked("edm", "ddim", DK_BLEND_BOTH);
    dk_real x[DIM] = {1, 2, 3, 4}, z[DIM];
    (void)state;
    dk_normals(c.seed, 0, 0, 0, DIM, z);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.steps = 1, c.start = DK_START_STATE;
    assert_int_equal(dk_sample(&c, blended_at_8, z, x), DK_OK);
    for (int i = 0; i < DIM; i++)
        check_near((double)x[i], 0.5 * (1 + i) + 0.5 * (double)soft[i] * (double)data[i], check_tiny, "x");
}

/* Every evaluation gives D = 0, so x is halved, and half of this evaluation's weight times its target is added. */
static void weights_and_targets_may_change_at_every_evaluation(void **state) {
    dk_config c = masked("edm", "ddim", DK_BLEND_DENOISED);
    dk_real x[1] = {1}, D, weight = 0, target = 0;
    double want = 1;
    dk_run run;
    dk_eval e;
    (void)state;
    c.dim = 1, c.mask = &weight, c.known = &target, c.start = DK_START_STATE;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    while (dk_next(&run, &e)) {
        check_zero(NULL, &e);
        weight = (dk_real)(0.25 * (e.step + 1)), target = (dk_real)(e.step - 2);
        assert_int_equal(dk_denoised(&run, &D), DK_OK);
        double pull = (double)weight * (double)target;
        check_near((double)D, pull, check_tiny, "D");
        want = e.step < 3 ? 0.5 * (want + pull) : pull;
    }
    check_near((double)x[0], want, check_tiny, "x");
    dk_end(&run);
}

/* The same from a callback of a blocking call: differential diffusion, whose mask is a threshold on the time. */
typedef struct thresholds {
    dk_real mask[DIM];
    int open[4];
} thresholds;

static int by_threshold(void *user, struct dk_run *run, const dk_eval *e) {
    static const double until[DIM] = {0.5, 1.5, 3, 9}; /* levels below which an element is free */
    thresholds *t = (thresholds *)user;
    (void)run;
    for (int i = 0; i < DIM; i++) {
        t->mask[i] = dk_noise_level(e->level) >= until[i];
        t->open[e->step] += t->mask[i] < 1;
    }
    return 0;
}

static void a_mask_may_follow_the_level(void **state) {
    static const int open[] = {1, 1, 2, 3};
    thresholds t = {{0}, {0}};
    dk_config c = masked("edm", "dpmpp_2m", DK_BLEND_STATE);
    dk_real x[DIM];
    (void)state;
    memcpy(x, data, sizeof x);
    c.mask = t.mask, c.start = DK_START_DATA, c.grid.strength = 1, c.progress = by_threshold, c.progress_user = &t;
    assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_OK);
    assert_memory_equal(t.open, open, sizeof open);
    assert_memory_equal(&x[0], &data[0], sizeof x[0]);
    for (int i = 1; i < DIM; i++) assert_true(fabs((double)x[i] - (double)data[i]) > 1e-3);
}

static void blended_runs_are_saved_and_go_on(void **state) {
    (void)state;
    for (int blend = 0; blend < DK_BLEND_COUNT; blend++) {
        dk_real x[DIM], y[DIM];
        dk_config c = masked("vp", "dpmpp_2m_sde", (dk_blend)blend);
        dk_run a, b;
        dk_eval e;
        unsigned char bytes[4096];
        assert_int_equal(dk_begin(&a, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_begin(&b, &c, y, NULL, 0), DK_OK);
        for (int i = 0; i < 2; i++) assert_true(dk_next(&a, &e) && !check_nonlinear(NULL, &e));
        assert_true(dk_next(&a, &e) && dk_save_size(&a) <= sizeof bytes);
        assert_int_equal(dk_save(&a, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_load(&b, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_continue(&a, check_nonlinear, NULL), DK_OK);
        assert_int_equal(dk_continue(&b, check_nonlinear, NULL), DK_OK);
        assert_memory_equal(x, y, sizeof x);
        dk_end(&a), dk_end(&b);
    }
}

/* The caller's noise is asked for once per draw, also where all levels share one. */
static int counts(void *user, const dk_noise_request *r, dk_real *out) {
    ++((int *)user)[r->draw < 4 ? r->draw : 4];
    for (size_t i = 0; i < r->dim; i++) out[i] = (dk_real)(0.5 + 0.25 * (double)i);
    return 0;
}

static void fixed_noise_is_drawn_once(void **state) {
    (void)state;
    for (int blend = DK_BLEND_FIXED; blend < DK_BLEND_COUNT; blend++)
        for (int start = 0; start < DK_START_COUNT; start++) {
            dk_real x[DIM] = {0};
            int draws[5] = {0};
            dk_config c = masked("flow", "heun", (dk_blend)blend);
            c.noise.fn = counts, c.noise.user = draws, c.start = (dk_start)start, c.grid.strength = 1;
            assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_OK);
            assert_int_equal(draws[0], blend != DK_BLEND_DENOISED || start != DK_START_STATE);
            for (int i = 1; i < 5; i++) assert_int_equal(draws[i], 0);
        }
}

static void targets_hold_at_any_step_size(void **state) {
    dk_config c = masked("edm", "rk45", DK_BLEND_DENOISED);
    dk_real x[DIM];
    (void)state;
    memcpy(x, data, sizeof x);
    c.start = DK_START_DATA, c.grid.strength = 1, c.sampler.control.rtol = c.sampler.control.atol = 1e-4;
    assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_OK);
    check_near((double)x[0], (double)data[0], 200 * check_tiny, "x");
    c.blend = DK_BLEND_FIXED;
    assert_int_equal(dk_sample(&c, check_nonlinear, NULL, x), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "blend = fixed: must be state or denoised with step-size control");
    int wrong = 9;
    c.blend = (dk_blend)wrong;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "blend = 9: must be state|fixed|denoised|both");
}

static void plans_say_what_is_blended(void **state) {
    static char text[4096];
    static const char *const rows[] = {"x1 = (1 - m0) y0 + m0 (k0 + 4 z1)",
                                       "x1 = (1 - m0) y0 + m0 (k0 + 4 z0)", "D0 = (1 - m0) D0 + m0 (k0)",
                                       "y0 = (1 - m0) x0 + m0 (k0 + 8 z0)"};
    (void)state;
    for (int blend = 0; blend < DK_BLEND_COUNT; blend++) {
        dk_config c = masked("edm", "ddim", (dk_blend)blend);
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        dk_plan_text(&plan, text, sizeof text);
        if (!strstr(text, rows[blend])) fail_msg("%s\n%s", rows[blend], text);
        dk_plan_free(&plan);
    }
}

/* ------------------------------------------------------------------------------ image to image */

/* 10 steps of a grid whose level i is 10 - i. A strength's share: int(10 * 0.55) of diffusers' Stable Diffusion,
   10 - int(10 - 5.5) of its Flux, int(5.5) + 1 of AUTOMATIC1111; at 0.5 and at 1 they differ in other ways. */
static void strengths_are_counted_as_others_count_them(void **state) {
    static const struct {
        const char *settings;
        int steps;
    } cases[] = {
        {"grid.strength=0.55", 5},
        {"grid.strength=0.55 grid.partial=slice", 5},
        {"grid.strength=0.55 grid.partial=up", 6},
        {"grid.strength=0.55 grid.partial=more", 6},
        {"grid.strength=0.5 grid.partial=slice", 5},
        {"grid.strength=0.5 grid.partial=up", 5},
        {"grid.strength=0.5 grid.partial=more", 6},
        {"grid.strength=0.05 grid.partial=up", 1},
        {"grid.strength=0.05 grid.partial=more", 1},
        {"grid.strength=0.95 grid.partial=more", 10},
        {"grid.strength=1 grid.partial=more", 10},
    };
    static const double levels[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double got[12];
        dk_config c = check_config("edm", "ddim", 10);
        c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
        assert_int_equal(dk_config_set(&c, cases[k].settings), DK_OK);
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, got, 12), cases[k].steps + 1);
        check_near(got[0], cases[k].steps, 1e-12, cases[k].settings);
    }
}

/* From data in words alone. With D = 0 a step from 5 to 0 leaves nothing, and the first state is data + 5 z. */
static int sees_noised_data(void *user, const dk_eval *e) {
    const dk_real *z = (const dk_real *)user;
    for (int i = 0; i < DIM && e->step == 0; i++)
        check_near((double)e->input[i], (double)data[i] + 5 * (double)z[i], check_tiny, "input");
    return check_zero(NULL, e);
}

static void image_to_image_is_said_in_words(void **state) {
    static const double levels[] = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    dk_config c = check_config("edm", "ddim", 10);
    dk_real x[DIM], z[DIM];
    (void)state;
    memcpy(x, data, sizeof x);
    dk_normals(c.seed, 0, 0, 0, DIM, z);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.dim = DIM;
    c.prediction = DK_PREDICT_X0;
    assert_int_equal(dk_config_set(&c, "start=data grid.strength=0.5 grid.partial=slice"), DK_OK);
    assert_int_equal(dk_sample(&c, sees_noised_data, z, x), DK_OK);
    assert_int_equal(dk_config_set(&c, "start=date"), DK_ERROR_CONFIG);
    int wrong = 7;
    c.start = (dk_start)wrong;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "start = 7: must be noise|state|data");
}

/* ------------------------------------------------------------------------------------ inversion */

/* Data of two bumps, by their exact noise; none is seen in clean data. user: how far all is shifted, or NULL. */
static int two_bumps(void *user, const dk_eval *e) {
    static const double mean[2] = {-1, 0.8}, deviation[2] = {0.4, 0.5};
    double shift = user ? *(const double *)user : 0, a = e->level.alpha, s = e->level.sigma;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double x = (double)e->input[i], p[2], D = 0, most = -1e300;
        for (int k = 0; k < 2; k++) {
            double v = a * a * deviation[k] * deviation[k] + s * s, d = x - a * (mean[k] + shift);
            p[k] = -0.5 * d * d / v - 0.5 * log(v);
            if (p[k] > most) most = p[k];
        }
        for (int k = 0; k < 2; k++) {
            double v = a * a * deviation[k] * deviation[k] + s * s, d = x - a * (mean[k] + shift);
            D += exp(p[k] - most) * (mean[k] + shift + a * deviation[k] * deviation[k] * d / v);
        }
        D /= exp(p[0] - most) + exp(p[1] - most);
        e->output[i] = (dk_real)(s > 0 ? (x - a * D) / s : 0);
        if (e->uncond_output) e->uncond_output[i] = e->output[i];
    }
    return 0;
}

/* The largest difference after a way up from clean data and back down; about as many evaluations for each method. */
static double round_trip(const char *schedule, const dk_sampler_info *info, int evaluations) {
    static const dk_real points[DIM] = {(dk_real)-1.4, (dk_real)-0.2, (dk_real)0.5, (dk_real)1.3};
    dk_config c = check_config(schedule, info->name, evaluations / (info->evals ? info->evals : 1));
    dk_real x[DIM];
    double worst = 0;
    c.dim = DIM, c.prediction = DK_PREDICT_EPS, c.start = DK_START_STATE;
    c.condition = DK_UNIT_SIGMA;
    c.grid = dk_grid_named("karras"), c.grid.sigma_min = 0.01, c.grid.final = DK_FINAL_ZERO;
    c.grid.sigma_max = c.schedule.family == DK_FAMILY_FLOW ? 20.0 / 21 : 20;
    memcpy(x, points, sizeof x);
    for (c.grid.rising = 1; c.grid.rising >= 0; c.grid.rising--)
        if (dk_sample(&c, two_bumps, NULL, x)) fail_msg("%s: %s", info->name, dk_message(&c));
    for (int i = 0; i < DIM; i++) worst = fmax(worst, fabs((double)x[i] - (double)points[i]));
    return worst;
}

/* First order methods halve their error at least with four times the evaluations; the others leave what the first order
   step between clean data and the lowest level leaves. Step-size control leaves what it tolerates. */
static void every_deterministic_sampler_inverts(void **state) {
    static const char *const schedules[] = {"edm", "flow", "vp"};
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++) {
        const dk_sampler_info *info = dk_sampler_at(k);
        if (draws_noise(info->name) || dk_sampler_named(info->name).churn > 0) continue;
        for (int f = 0; f < 3; f++) {
            double few = round_trip(schedules[f], info, 120),
                   many = info->evals ? round_trip(schedules[f], info, 480) : few;
            int converges = !info->evals || many < 1e-3 || (info->order == 1 && many < few / 2);
            if (!(few < 0.08 && converges))
                fail_msg("%s on %s: %g, then %g", info->name, schedules[f], few, many);
        }
    }
}

/* Unsampling as one thing and resampling as another: two Gaussians of the same deviation s, whose means differ. The
   flow keeps (x - mean)/sqrt(s^2 + sigma^2). */
static void what_was_inverted_comes_back_as_another(void **state) {
    check_gaussian from = {0.7, 0.5, DK_PREDICT_X0, 0, 0}, to = {-0.3, 0.5, DK_PREDICT_X0, 0, 0};
    dk_config c = check_config("edm", "rk4", 40);
    dk_real x[DIM];
    double ratio = sqrt(0.25 + 4) / sqrt(0.25 + 1e-4);
    (void)state;
    memcpy(x, data, sizeof x);
    c.dim = DIM, c.prediction = DK_PREDICT_X0, c.start = DK_START_STATE;
    c.grid.sigma_min = 0.01, c.grid.sigma_max = 2, c.grid.final = DK_FINAL_MIN;
    c.grid.rising = 1;
    assert_int_equal(dk_sample(&c, check_gaussian_denoise, &from, x), DK_OK);
    c.grid.rising = 0;
    assert_int_equal(dk_sample(&c, check_gaussian_denoise, &to, x), DK_OK);
    for (int i = 0; i < DIM; i++)
        check_near((double)x[i], (double)data[i] - 0.7 + (0.7 + 0.3) / ratio - 0.3, 1e-4, "x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_data_keep_their_noise),
        cmocka_unit_test(a_soft_target_pulls_by_its_weight),
        cmocka_unit_test(both_blends_what_is_seen),
        cmocka_unit_test(weights_and_targets_may_change_at_every_evaluation),
        cmocka_unit_test(a_mask_may_follow_the_level),
        cmocka_unit_test(blended_runs_are_saved_and_go_on),
        cmocka_unit_test(fixed_noise_is_drawn_once),
        cmocka_unit_test(targets_hold_at_any_step_size),
        cmocka_unit_test(plans_say_what_is_blended),
        cmocka_unit_test(strengths_are_counted_as_others_count_them),
        cmocka_unit_test(image_to_image_is_said_in_words),
        cmocka_unit_test(every_deterministic_sampler_inverts),
        cmocka_unit_test(what_was_inverted_comes_back_as_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
