/* Where a step ends, as the network is told; networks that give the average velocity up to there. Data are N(0.4, 0.7^2), whose
   probability-flow ODE keeps (x - alpha mean)/deviation at every level. */
#include "check.h"

enum { BATCH = 4, DIM = 2, MANY = 20000 };
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
static const double mean = 0.4, deviation = 0.7;

static double deviation_at(dk_level l) {
    return sqrt(l.alpha * l.alpha * deviation * deviation + l.sigma * l.sigma);
}

/* The exact flow map. */
static double moved(double x, dk_level from, dk_level to) {
    return to.alpha * mean + (x - from.alpha * mean) * (deviation_at(to) / deviation_at(from));
}

static dk_level flow_at(double t) {
    dk_level l;
    l.t = l.sigma = t, l.alpha = 1 - t;
    return l;
}

/* u with X_r = z_t - (t - r) u(z_t, r, t), of what the network is told alone; Geng et al. 2025. */
static int mean_flow(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double x = (double)e->input[i], next = moved(x, flow_at(e->t), flow_at(e->t_end));
        e->output[i] = (dk_real)((x - next) / (e->t - e->t_end));
    }
    return 0;
}

/* x_{t+d} = x_t + s(x_t, t, d) d with t = 0 at noise and 1 at data; Frans et al. 2024. */
static int shortcut(void *user, const dk_eval *e) {
    (void)user;
    double d = e->t_end - e->t;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double x = (double)e->input[i], next = moved(x, flow_at(1 - e->t), flow_at(1 - e->t - d));
        e->output[i] = (dk_real)((next - x) / d);
    }
    return 0;
}

/* In any family: the D that a step of first order takes where it should. G(x, t, s) = s/t x + (1 - s/t) g; Kim et al. 2024. */
static int trajectory(void *user, const dk_eval *e) {
    dk_level l = e->level, end = e->end;
    dk_prediction prediction = *(dk_prediction *)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double scale = prediction == DK_PREDICT_EDM ? sqrt(l.sigma * l.sigma + 0.25 * l.alpha * l.alpha) : 1;
        double x = (double)e->input[i] * scale, ratio = end.sigma / l.sigma;
        double D = (moved(x, l, end) - ratio * x) / (end.alpha - l.alpha * ratio);
        e->output[i] = (dk_real)check_prediction(prediction, l, 0.5, x, D);
    }
    return 0;
}

static void check_result(dk_config *c, dk_denoise_fn network, void *user, double scale, double tolerance) {
    dk_real x[BATCH * DIM], z[DIM];
    c->dim = DIM, c->batch = BATCH;
    if (dk_sample(c, network, user, x)) fail_msg("%s: %s", c->sampler.name, dk_message(c));
    for (int b = 0; b < BATCH; b++) {
        dk_normals(c->seed, (uint64_t)b, 0, 0, DIM, z);
        for (int i = 0; i < DIM; i++)
            check_near((double)x[b * DIM + i], mean + deviation * scale * (double)z[i], tolerance, c->sampler.name);
    }
}

static void flow_maps_are_exact_in_one_step_and_in_any_number(void **state) {
    static const char *const samplers[] = {"flow_map", "euler", "ddim"};
    static const int steps[] = {1, 2, 3, 7, 30};
    (void)state;
    for (int s = 0; s < COUNT(samplers); s++)
        for (int k = 0; k < COUNT(steps); k++) {
            dk_config c = check_config("flow", samplers[s], steps[k]);
            check_result(&c, mean_flow, NULL, 1, 10 * check_tiny);
            c.condition = DK_UNIT_DATA, c.negated = 1;
            check_result(&c, shortcut, NULL, 1, 10 * check_tiny);
        }
}

static void in_every_family_and_prediction(void **state) {
    static const struct {
        const char *schedule;
        dk_prediction prediction;
    } rows[] = {{"vp_linear", DK_PREDICT_V}, {"vp_linear", DK_PREDICT_X0}, {"edm", DK_PREDICT_EDM}, {"edm", DK_PREDICT_EPS},
                {"cosine_flow", DK_PREDICT_V}, {"ve", DK_PREDICT_X0}};
    static const int steps[] = {1, 2, 9};
    (void)state;
    for (int i = 0; i < COUNT(rows); i++)
        for (int k = 0; k < COUNT(steps); k++) {
            dk_config c = check_config(rows[i].schedule, "flow_map", steps[k]);
            dk_prediction prediction = c.prediction = rows[i].prediction;
            dk_plan plan;
            memset(&plan, 0, sizeof plan);
            if (dk_record(&plan, &c)) fail_msg("%s", dk_message(&c));
            dk_level first = plan.level[0];
            dk_plan_free(&plan);
            c.start_scale = deviation_at(first); /* of x about alpha mean, which is small */
            dk_real x[BATCH * DIM], z[DIM];
            c.dim = DIM, c.batch = BATCH;
            assert_int_equal(dk_sample(&c, trajectory, &prediction, x), DK_OK);
            for (int b = 0; b < BATCH; b++) {
                dk_normals(c.seed, (uint64_t)b, 0, 0, DIM, z);
                for (int j = 0; j < DIM; j++)
                    check_near((double)x[b * DIM + j], moved(deviation_at(first) * (double)z[j], first, flow_at(0)), 200 * check_tiny,
                               rows[i].schedule);
            }
        }
}

/* Up from data and down again. */
static void a_flow_map_goes_both_ways(void **state) {
    dk_config c = check_config("flow", "flow_map", 3);
    dk_real x[DIM], data[DIM] = {(dk_real)1.1, (dk_real)-0.3};
    (void)state;
    c.dim = DIM, c.start = DK_START_STATE, c.grid.rising = 1;
    memcpy(x, data, sizeof x);
    assert_int_equal(dk_sample(&c, mean_flow, NULL, x), DK_OK);
    for (int i = 0; i < DIM; i++) check_near((double)x[i], ((double)data[i] - mean) / deviation, 10 * check_tiny, "noise");
    c.grid.rising = 0;
    assert_int_equal(dk_sample(&c, mean_flow, NULL, x), DK_OK);
    for (int i = 0; i < DIM; i++) check_near((double)x[i], (double)data[i], 20 * check_tiny, "data");
}

/* A map down to where noise begins, and noise: the marginal stays whatever the number of steps. */
static void noise_behind_a_flow_map_keeps_mean_and_variance(void **state) {
    static const char *const settings[] = {"eta=0.25", "eta=1", "law=fresh eta=0.3", "law=ancestral eta=1"};
    static dk_real x[MANY];
    (void)state;
    for (int k = 0; k < COUNT(settings); k++) {
        dk_config c = check_config("flow", "flow_map", 3);
        double sum = 0, squares = 0;
        assert_int_equal(dk_config_set(&c, settings[k]), DK_OK);
        c.dim = MANY;
        assert_int_equal(dk_sample(&c, mean_flow, NULL, x), DK_OK);
        for (int i = 0; i < MANY; i++) sum += (double)x[i], squares += (double)x[i] * (double)x[i];
        sum /= (double)MANY;
        check_near(sum, mean, 0.015, settings[k]);
        check_near(sqrt(squares / (double)MANY - sum * sum), deviation, 0.01, settings[k]);
    }
}

/* ------------------------------------------------------------------------------ what is told */

static void check_ends(const char *sampler, const char *settings, int calls, const double *told) {
    static const double levels[] = {4, 2, 1, 0};
    dk_config c = check_config("edm", sampler, 3);
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.prediction = DK_PREDICT_EPS;
    assert_int_equal(dk_config_set(&c, settings), DK_OK);
    if (dk_record(&plan, &c)) fail_msg("%s", dk_message(&c));
    assert_int_equal(plan.calls, calls);
    for (int i = 0; i < calls; i++) {
        check_near(plan.call[i].condition_end, told[i], 1e-14, sampler);
        check_near(plan.call[i].end.sigma, told[i], 1e-14, sampler);
    }
    dk_plan_free(&plan);
}

static void evaluations_are_told_where_their_step_ends(void **state) {
    static const double ends[] = {2, 1, 0}, stages[] = {2, 2, 1, 1, 0};
    static const double down[] = {1, 0.5, 0}, clean[] = {0, 0, 0}; /* k-diffusion's sigma_down: sigma_to^2/sigma */
    (void)state;
    check_ends("dpmpp_2m", "", 3, ends);
    check_ends("heun", "", 5, stages);
    check_ends("euler_ancestral", "", 3, down);
    check_ends("lcm", "", 3, clean);
}

static void aimless(dk_recorder *r) {
    while (dkr_step(r)) {
        double down = r->to.sigma * r->to.sigma / r->from.sigma, up = sqrt(r->to.sigma * r->to.sigma - down * down);
        if (r->config->seed == 1) r->aim = dk_level_at(&r->config->schedule, DK_UNIT_SIGMA, down);
        dk_vec D = dkr_denoise(r, r->x, r->from);
        r->x = dkr_mix(down / r->from.sigma, r->x, 1 - down / r->from.sigma, D);
        if (up > 0) r->x = dkr_mix(1, r->x, up, dkr_noise(r, r->from, r->to));
    }
}

static void the_text_says_where_a_step_with_noise_ends(void **state) {
    static const double levels[] = {4, 2, 1, 0};
    char text[2048];
    dk_config c = check_config("edm", "euler_ancestral", 3), own = c;
    dk_plan plan, other;
    (void)state;
    memset(&plan, 0, sizeof plan), memset(&other, 0, sizeof other);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.prediction = DK_PREDICT_EPS;
    own = c, own.sampler.name = "own", own.sampler.record = aimless, own.seed = 0;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(dk_record(&other, &own), DK_OK);
    assert_true(dk_plan_equal(&other, &plan, 1e-12, NULL));
    assert_true(dk_plan_text(&other, text, sizeof text) < sizeof text);
    assert_null(strstr(text, ", to t"));
    own.seed = 1;
    assert_int_equal(dk_record(&other, &own), DK_OK);
    assert_true(dk_plan_equal(&other, &plan, 1e-12, NULL));
    assert_true(dk_plan_text(&plan, text, sizeof text) < sizeof text);
    assert_non_null(strstr(text, "t 4, alpha 1, sigma 4, to t 1\n"));
    assert_non_null(strstr(text, "t 2, alpha 1, sigma 2, to t 0.5\n"));
    assert_non_null(strstr(text, "t 1, alpha 1, sigma 1\n"));
    dk_plan_free(&plan), dk_plan_free(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_maps_are_exact_in_one_step_and_in_any_number),
        cmocka_unit_test(in_every_family_and_prediction),
        cmocka_unit_test(a_flow_map_goes_both_ways),
        cmocka_unit_test(noise_behind_a_flow_map_keeps_mean_and_variance),
        cmocka_unit_test(evaluations_are_told_where_their_step_ends),
        cmocka_unit_test(the_text_says_where_a_step_with_noise_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
