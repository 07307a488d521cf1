/* Less varied samples: a factor on the initial noise, and on the score. Data are N(0.4, 0.7^2), whose ODE keeps
   (x - alpha mean)/deviation at every level. */
#include "check.h"

enum { DIM = 5 };
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
static check_gaussian data = {0.4, 0.7, DK_PREDICT_VELOCITY, 0.5, 0};

static void sample(dk_config *c, dk_real *x) {
    data.prediction = c->prediction;
    c->dim = DIM;
    if (dk_sample(c, check_gaussian_denoise, &data, x)) fail_msg("%s", dk_message(c));
}

/* From t = 1, where the state is the noise. */
static void check_spread(dk_config *c, double spread, double tolerance) {
    dk_real x[DIM], z[DIM];
    dk_normals(c->seed, 0, 0, 0, DIM, z);
    sample(c, x);
    for (int i = 0; i < DIM; i++) check_near((double)x[i], data.mean + spread * (double)z[i], tolerance, "sample");
}

static void temperature_multiplies_the_deviation(void **state) {
    dk_config c = check_config("flow", "rk4", 60);
    (void)state;
    c.prediction = DK_PREDICT_VELOCITY;
    check_spread(&c, 0.7, 1e-4);
    assert_int_equal(dk_config_set(&c, "temperature=0.667"), DK_OK);
    check_near(c.start_excess, -0.333, 1e-15, "start_excess");
    check_spread(&c, 0.7 * 0.667, 1e-4);
    assert_int_equal(dk_config_set(&c, "temperature=0"), DK_OK);
    check_spread(&c, 0, 1e-4); /* the mean */
    assert_int_equal(dk_config_set(&c, "temperature=2"), DK_OK);
    check_spread(&c, 1.4, 1e-4);
    c.start_scale = 0.5;
    check_spread(&c, 0.7, 1e-4);
}

static void temperature_is_of_the_noise_on_data_too(void **state) {
    dk_config c = check_config("flow", "euler", 4);
    dk_real x[DIM] = {1, 2, 3, 4, 5}, z[DIM];
    dk_run run;
    dk_eval e;
    (void)state;
    c.dim = DIM, c.start = DK_START_DATA, c.grid.strength = 0.5, c.start_excess = -0.5;
    dk_normals(c.seed, 0, 0, 0, DIM, z);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_true(dk_next(&run, &e));
    for (int i = 0; i < DIM; i++)
        check_near((double)e.input[i], 0.5 * (i + 1) + 0.5 * 0.5 * (double)z[i], check_tiny, "noised data");
    dk_end(&run);
    c.start = DK_START_STATE;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "start_excess = -0.5: must be 0 with start = state");
}

/* ------------------------------------------------------------------------------ the score */

/* With k times the score at sigma = 0, and less above, N(m, s^2) becomes N(m, s^2/k) at every level. */
static void a_rescaled_score_is_that_of_narrower_data(void **state) {
    static const struct {
        const char *schedule, *network;
        dk_prediction prediction;
    } rows[] = {{"flow", NULL, DK_PREDICT_VELOCITY}, {"flow", NULL, DK_PREDICT_X0}, {"vp_linear", NULL, DK_PREDICT_EPS},
                {"vp_scaled_linear", NULL, DK_PREDICT_V}, {"edm", NULL, DK_PREDICT_EDM}, {"ve", NULL, DK_PREDICT_SCORE},
                {"cosine_flow", NULL, DK_PREDICT_V}, {"edm", "vp_scaled_linear", DK_PREDICT_EPS}};
    static const double factors[] = {0.5, 1, 2, 9}, places[] = {-1.5, 0.1, 3};
    (void)state;
    for (int i = 0; i < COUNT(rows); i++)
        for (int k = 0; k < COUNT(factors); k++) {
            dk_config c = check_config(rows[i].schedule, "ddim", 5);
            check_gaussian narrow = data;
            dk_plan plan;
            memset(&plan, 0, sizeof plan);
            if (rows[i].network) c.network_schedule = dk_schedule_named(rows[i].network);
            c.prediction = rows[i].prediction, c.score_excess = factors[k] - 1;
            c.score_deviation = factors[k] < 1 || factors[k] > 1 ? data.deviation : 0;
            if (dk_record(&plan, &c)) fail_msg("%s: %s", rows[i].schedule, dk_message(&c));
            narrow.deviation /= sqrt(factors[k]);
            for (int n = 0; n < plan.calls; n++)
                for (int at = 0; at < COUNT(places); at++) {
                    const dk_call *call = &plan.call[n];
                    dk_level l = call->level, seen = l;
                    double x = places[at] * (l.alpha + l.sigma), D = check_gaussian_D(&data, l, x);
                    if (rows[i].network) /* told of the input in the network's scaling */
                        seen.alpha *= call->input_scale, seen.sigma *= call->input_scale;
                    double scale = rows[i].prediction == DK_PREDICT_EDM ? 1 : call->input_scale;
                    double F = check_prediction(rows[i].prediction, seen, 0.5, x * scale, D);
                    check_near(call->d_x * x + call->d_f * F, check_gaussian_D(&narrow, l, x), 1e-9, rows[i].schedule);
                }
            dk_plan_free(&plan);
        }
}

static void samples_of_a_rescaled_score_have_less_variance(void **state) {
    dk_config c = check_config("flow", "rk4", 200);
    (void)state;
    c.prediction = DK_PREDICT_VELOCITY;
    assert_int_equal(dk_config_set(&c, "score_factor=4 score_deviation=0.7"), DK_OK);
    check_spread(&c, 0.35, 1e-3);
    c.start_excess = 1; /* a factor of the noise is one of the result */
    check_spread(&c, 0.7, 1e-3);
}

/* x0 = (x - sigma eps/1.005)/alpha. */
static void epsilon_scaling_is_a_factor_at_all_levels(void **state) {
    dk_config c = check_config("vp_scaled_linear", "ddim", 6);
    dk_plan plan;
    (void)state;
    memset(&plan, 0, sizeof plan);
    c.score_excess = 1 / 1.005 - 1;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    for (int i = 0; i < plan.calls; i++) {
        dk_level l = plan.call[i].level;
        check_near(plan.call[i].d_x, 1 / l.alpha, 1e-13, "of x");
        check_near(plan.call[i].d_f, -l.sigma / 1.005 / l.alpha, 1e-13, "of the noise");
    }
    dk_plan_free(&plan);
    c = check_config("flow", "euler", 6);
    c.score_excess = 0.1;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "score_deviation: must be > 0 where alpha = 0 (or start at a lower level) at step 0, where t = 1, "
                                        "alpha = 0, sigma = 1");
    assert_int_equal(dk_config_set(&c, "score_factor=0"), DK_ERROR_CONFIG);
    c.score_excess = 0, c.score_deviation = 1;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "score_deviation = 1: must be 0 .. 1e6 (score_factor=1 leaves the score as it is); needs score_excess or score_factor");
}

/* ------------------------------------------------------------------------------ guidance */

static int guided(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = e->input[i] * (dk_real)(e->branch ? 0.3 : -0.2) + (dk_real)i;
    return 0;
}

static int first_D(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)slot;
    if (e->step == 0) memcpy(user, D, sizeof(dk_real) * DIM);
    return 0;
}

/* Norms, projections and ratios see the network's outputs as they are. */
static void guidance_comes_before_the_factor(void **state) {
    static const char *const forms[] = {"guidance.scale=3", "guidance.scale=3 guidance.rescale=0.7",
                                        "guidance.scale=3 guidance.projected=1 guidance.limit=2",
                                        "guidance.scale=3 guidance.zero_star=1", "guidance.scale=3 guidance.rescale=0.5 guidance.space=v"};
    (void)state;
    for (int k = 0; k < COUNT(forms); k++) {
        dk_real x[DIM], D[DIM], scaled[DIM];
        dk_config c = check_config("flow", "euler", 4);
        assert_int_equal(dk_config_set(&c, forms[k]), DK_OK);
        c.dim = DIM, c.start = DK_START_STATE, c.grid.sigma_max = 0.6;
        c.guidance.hook = first_D, c.guidance.hook_user = D;
        for (int i = 0; i < DIM; i++) x[i] = (dk_real)(0.5 * i - 1);
        assert_int_equal(dk_sample(&c, guided, NULL, x), DK_OK);
        c.score_excess = 1, c.score_deviation = 0.5, c.guidance.hook_user = scaled;
        for (int i = 0; i < DIM; i++) x[i] = (dk_real)(0.5 * i - 1);
        assert_int_equal(dk_sample(&c, guided, NULL, x), DK_OK);
        double h = 0.25 * 0.16 / 0.36, r = (h + 1) / (h / 2 + 1);
        for (int i = 0; i < DIM; i++)
            check_near((double)scaled[i], r * (double)D[i] + (1 - r) / 0.4 * (0.5 * i - 1), 20 * check_tiny, forms[k]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(temperature_multiplies_the_deviation),
        cmocka_unit_test(temperature_is_of_the_noise_on_data_too),
        cmocka_unit_test(a_rescaled_score_is_that_of_narrower_data),
        cmocka_unit_test(samples_of_a_rescaled_score_have_less_variance),
        cmocka_unit_test(epsilon_scaling_is_a_factor_at_all_levels),
        cmocka_unit_test(guidance_comes_before_the_factor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
