/* Step-size control: accuracy, costs, rejected steps, saving, refusals. */
#include "check.h"
#include "examples/likelihood.h"

static const char *const controlled[] = {"dpm_adaptive", "dpm_solver_adaptive", "rk45", "bogacki_shampine"};
enum { CONTROLLED = sizeof controlled / sizeof controlled[0], DIM = 5 };

static dk_config config_of(const char *schedule, const char *sampler, double tolerance) {
    dk_config c = check_config(schedule, sampler, 1);
    c.grid.final = DK_FINAL_MIN, c.grid.sigma_max = 0.99, c.grid.sigma_min = 0.05;
    c.sampler.control.rtol = c.sampler.control.atol = tolerance;
    if (!c.sampler.order && !(c.sampler.tableau && strchr(c.sampler.tableau, '~'))) c.sampler.order = 3;
    c.dim = DIM, c.start = DK_START_STATE, c.prediction = DK_PREDICT_X0;
    return c;
}

/* The probability-flow ODE keeps (x - alpha mean) / sqrt(alpha^2 deviation^2 + sigma^2). */
static double exact(const check_gaussian *g, dk_level from, dk_level to, double x) {
    double v = g->deviation * g->deviation;
    double before = sqrt(from.alpha * from.alpha * v + from.sigma * from.sigma);
    double after = sqrt(to.alpha * to.alpha * v + to.sigma * to.sigma);
    return to.alpha * g->mean + (x - from.alpha * g->mean) / before * after;
}

/* Error at the end of a run; pace: how it went. */
static double run_error(dk_config *c, int *calls, dkp_pace *pace) {
    check_gaussian g = {0.7, 0.5, DK_PREDICT_X0, 0, 0};
    dk_real x[DIM], start[DIM];
    double worst = 0;
    dk_run run;
    for (int i = 0; i < DIM; i++) start[i] = x[i] = (dk_real)(i - 2);
    if (dk_begin(&run, c, x, NULL, 0)) fail_msg("%s: %s", c->sampler.name, run.message);
    if (dk_continue(&run, check_gaussian_denoise, &g)) fail_msg("%s: %s", c->sampler.name, run.message);
    *pace = run.own.pace, *calls = g.calls;
    dk_end(&run);
    double levels[2];
    assert_int_equal(dk_levels(c, DK_UNIT_SIGMA, levels, 2), 2);
    dk_level from = dk_level_at(&c->schedule, DK_UNIT_SIGMA, levels[0]),
             to = dk_level_at(&c->schedule, DK_UNIT_SIGMA, levels[1]);
    for (int i = 0; i < DIM; i++) {
        double error = fabs((double)x[i] - exact(&g, from, to, (double)start[i]));
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

static void errors_follow_the_tolerance(void **state) {
    static const char *const schedules[] = {"edm", "vp", "flow", "cosine_flow", "vp_linear"};
    (void)state;
    for (int k = 0; k < CONTROLLED; k++)
        for (int s = 0; s < 5; s++) {
            double error[2];
            int calls[2];
            for (int i = 0; i < 2; i++) {
                dkp_pace pace;
                dk_config c = config_of(schedules[s], controlled[k], i ? 1e-4 : 1e-2);
                error[i] = run_error(&c, &calls[i], &pace);
                if (!(error[i] < 30 * c.sampler.control.rtol))
                    fail_msg("%s on %s: error %g", controlled[k], schedules[s], error[i]);
            }
            assert_true(calls[1] >= calls[0]);
        }
}

/* Dormand & Prince: two evaluations to begin with, then six for each attempt, for the seventh is the next step's first.
   DPM-Solver-23: three for each step, but the first of them is not repeated after a rejected one. */
static void evaluations_are_not_repeated(void **state) {
    dkp_pace pace;
    int calls;
    (void)state;
    dk_config c = config_of("edm", "rk45", 1e-6);
    run_error(&c, &calls, &pace);
    assert_int_equal(calls, 2 + 6 * (pace.accepted + pace.rejected));
    assert_true(pace.accepted > 1);
    c = config_of("edm", "dpm_solver_adaptive", 1e-4);
    c.sampler.control.h_init = 1; /* too much: it is rejected */
    run_error(&c, &calls, &pace);
    assert_true(pace.rejected > 0);
    assert_int_equal(calls, 3 * pace.accepted + 2 * pace.rejected);
}

/* From alpha = 0 and to sigma = 0 there are ordinary steps. */
static void infinite_ends_are_left_to_ordinary_steps(void **state) {
    (void)state;
    for (int k = 0; k < CONTROLLED; k++)
        for (int steps = 1; steps <= 4; steps++) {
            check_gaussian g = {0.7, 0.5, DK_PREDICT_X0, 0, 0};
            dk_real x[DIM];
            dk_config c = check_config("flow", controlled[k], steps);
            c.dim = DIM, c.prediction = DK_PREDICT_X0, c.sampler.order = 3;
            c.sampler.control.rtol = c.sampler.control.atol = 1e-3;
            if (dk_sample(&c, check_gaussian_denoise, &g, x)) fail_msg("%s", dk_message(&c));
            for (int i = 0; i < DIM; i++) assert_true(fabs((double)x[i] - 0.7) < 2);
        }
}

/* The map there and back is the identity up to the tolerance. */
static void rising_grids_invert(void **state) {
    (void)state;
    for (int k = 0; k < CONTROLLED; k++) {
        check_gaussian g = {0.7, 0.5, DK_PREDICT_X0, 0, 0};
        dk_real x[DIM];
        dk_config c = config_of("vp", controlled[k], 1e-4);
        for (int i = 0; i < DIM; i++) x[i] = (dk_real)(0.3 * i);
        for (c.grid.rising = 1; c.grid.rising >= 0; c.grid.rising--)
            if (dk_sample(&c, check_gaussian_denoise, &g, x)) fail_msg("%s", dk_message(&c));
        for (int i = 0; i < DIM; i++) check_near((double)x[i], 0.3 * i, 2e-3, controlled[k]);
    }
}

static int nonlinear(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double x = (double)e->input[i];
        e->output[i] = (dk_real)(x / (1 + x * x) + 0.3 * sin(3 * x));
    }
    return 0;
}

static void a_run_saved_at_any_evaluation_goes_on_alike(void **state) {
    enum { SIZE = 2 * DIM };
    static char bytes[4096];
    (void)state;
    for (int k = 0; k < CONTROLLED; k++) {
        dk_config c = config_of("edm", controlled[k], 1e-2);
        c.batch = 2, c.start = DK_START_NOISE, c.sampler.control.h_init = k == 1 ? 1 : 0;
        if (k == 0) c.sampler.eta = 0.5;
        dk_real want[SIZE], x[SIZE];
        int calls = 0, stop = 0;
        dk_run run;
        dk_eval e;
        assert_int_equal(dk_begin(&run, &c, want, NULL, 0), DK_OK);
        for (; dk_next(&run, &e); calls++) nonlinear(NULL, &e);
        dk_end(&run);
        for (; stop < calls; stop++) {
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            for (int i = 0; i <= stop; i++) {
                assert_int_equal(dk_next(&run, &e), 1);
                assert_int_equal(e.call, i);
                if (i < stop) nonlinear(NULL, &e);
            }
            assert_true(dk_save_size(&run) <= sizeof bytes);
            assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
            dk_end(&run);
            memset(x, 0, sizeof x);
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
            assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_OK);
            dk_end(&run);
            assert_memory_equal(x, want, sizeof x);
        }
    }
}

static void saves_of_another_config_are_refused_and_do_no_harm(void **state) {
    static char bytes[4096];
    dk_real x[DIM] = {1, 2, 3, 4, 5}, y[DIM] = {1, 2, 3, 4, 5}, want[DIM] = {1, 2, 3, 4, 5};
    dk_config c = config_of("edm", "rk45", 1e-3), other = config_of("edm", "rk45", 1e-5);
    dk_run run;
    dk_eval e;
    (void)state;
    assert_int_equal(dk_sample(&c, nonlinear, NULL, want), DK_OK);
    assert_int_equal(dk_begin(&run, &other, y, NULL, 0), DK_OK);
    for (int i = 0; i < 20; i++) assert_int_equal(dk_next(&run, &e), 1), nonlinear(NULL, &e);
    assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
    dk_end(&run);
    other.sampler = dk_sampler_named("dpm_adaptive");
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    for (int i = 0; i < 9; i++) assert_int_equal(dk_next(&run, &e), 1), nonlinear(NULL, &e);
    bytes[100] ^= 1;
    assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_ERROR_SAVED);
    assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_OK);
    assert_memory_equal(x, want, sizeof x);
    dk_end(&run);
}

/* The plan of the attempt that was saved may be the same in both: other settings count in a later one, or the run is over. */
static void a_save_knows_what_other_attempts_follow_from(void **state) {
    static const char *const settings[] = {"guidance.scale=2 guidance.noise_max=0.5", "start_scale=90", "clip=0.5", "condition_scale=2",
                                           "prediction=x0"};
    static char bytes[4096];
    (void)state;
    for (int k = 0; k < 5; k++)
        for (int over = 0; over < 2; over++) {
            dk_real x[DIM] = {0}, y[DIM] = {0};
            dk_config c = check_config("edm", "rk45", 3), other;
            dk_run run;
            dk_eval e;
            c.dim = DIM, other = c;
            assert_int_equal(dk_config_set(&other, settings[k]), DK_OK);
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            for (int i = 0; (over || i < 20) && dk_next(&run, &e); i++) nonlinear(NULL, &e);
            assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
            dk_end(&run);
            assert_int_equal(dk_begin(&run, &other, y, NULL, 0), DK_OK);
            assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_ERROR_SAVED);
            assert_non_null(strstr(run.message, "config"));
            dk_end(&run);
        }
}

/* Memory is known beforehand and nothing more is asked for. */
static void the_memory_named_beforehand_is_enough(void **state) {
    static const char *const families[] = {"flow", "cosine_flow", "ve", "vp_linear", "vp_zero_snr", "vp_cosine"};
    static const char *const methods[] = {"dpm_adaptive", "dpm_solver_adaptive", "rk45", "bogacki_shampine",
                                          "heun", "dormand_prince8", "lawson2a"};
    (void)state;
    for (size_t k = 0; k < sizeof families / sizeof families[0]; k++)
        for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
            dk_real x[DIM];
            dk_config c = check_config(families[k], methods[m], 5);
            c.sampler.control.rtol = c.sampler.control.atol = 0.02;
            c.dim = DIM, c.prediction = DK_PREDICT_X0;
            size_t bytes = dk_run_size(NULL, &c);
            char *memory = (char *)malloc(bytes);
            dk_run run;
            assert_int_equal(dk_begin(&run, &c, x, memory, bytes - 1), DK_ERROR_MEMORY);
            assert_int_equal(dk_begin(&run, &c, x, memory, bytes), DK_OK);
            assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_OK);
            assert_null(run.own.owned);
            dk_end(&run);
            free(memory);
        }
}

static void every_other_doubled(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)level, (void)steps;
    g->doubled = step % 2;
    if (!user && step % 2) g->hook = NULL;
    g->away[3] = step / 2 % 2;
}
static int branches(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double x = (double)e->input[i];
        e->output[i] = (dk_real)((1 + 0.1 * (e->branch + (double)(i / (2 * DIM)))) * x / (1 + x * x));
    }
    return 0;
}
static int nothing(void *user, const dk_eval *e, dk_real *D, int slot) { return (void)user, (void)e, (void)D, (void)slot, 0; }

/* A schedule of guidance may ask for other branches at every step, one by one or at once. */
static void memory_is_for_all_that_a_schedule_may_ask_for(void **state) {
    (void)state;
    for (int k = 0; k < 4 * CONTROLLED; k++) {
        dk_config c = config_of("edm", controlled[k / 4], 1e-2);
        dk_real x[2 * DIM] = {1, 2, -3, 4};
        int hooked = 1;
        dk_run run;
        c.batch = 2, c.guidance.scale = 2, c.guidance.schedule = every_other_doubled;
        if (k & 1) c.guidance.hook = nothing;
        if (k & 2) c.guidance.schedule_user = &hooked;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        if (dk_continue(&run, branches, NULL) != DK_OK) fail_msg("%s, %d: %s", controlled[k / 4], k % 4, run.message);
        assert_true(run.own.pace.accepted > 2);
        dk_end(&run);
    }
}

/* A recording function that does not keep to it asks for more once the run is on. That is an error, and what is saved then is no more
   than the run has. */
static int more_buffers;
static void growing(dk_recorder *r) {
    enum { MOST = 40 };
    dk_vec v[MOST + 1];
    double c[MOST + 1] = {1};
    for (int i = 1; i <= more_buffers; i++) v[i] = dkr_keep(r, dkr_scale(i, r->x)), c[i] = 1e-9;
    dk_sampler_named("rk45").record(r);
    v[0] = r->x;
    if (more_buffers) r->x = dkr_sum(r, more_buffers + 1, c, v);
}

static void a_run_that_outgrows_its_memory_ends_in_it(void **state) {
    static char bytes[4096];
    dk_config c = config_of("edm", "rk45", 1e-2);
    dk_real x[DIM] = {1, 2, -3, 4};
    dk_run run;
    dk_eval e;
    (void)state;
    c.sampler.record = growing, more_buffers = 0;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_next(&run, &e), 1);
    const size_t size = dk_save_size(&run);
    const int buffers = dk_run_plan(&run)->buffers;
    more_buffers = 12;
    assert_int_equal(dk_continue(&run, nonlinear, NULL), DK_ERROR_MEMORY);
    assert_int_equal(dk_run_plan(&run)->buffers, buffers);
    assert_true(dk_save_size(&run) <= size && size <= sizeof bytes);
    assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
    more_buffers = 0;
    assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
    assert_int_equal(dk_next(&run, &e), 0);
    assert_int_equal(run.status, DK_ERROR_MEMORY);
    dk_end(&run);
}

/* A denoiser that gives something else each time: only tiny steps look good. */
static int restless(void *user, const dk_eval *e) {
    int *calls = (int *)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)(1000 * sin(12.9898 * (double)(++*calls)));
    return 0;
}

static void a_step_size_that_vanishes_ends_the_run(void **state) {
    (void)state;
    dk_real x[DIM] = {1, 2, 3, 4, 5};
    int calls = 0;
    dk_config c = config_of("edm", "rk45", 1e-6);
    dk_run run;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, restless, &calls), DK_ERROR_STEP);
    assert_non_null(strstr(run.message, "the step size became too small for sampler.rtol and atol at step "));
    for (int i = 0; i < DIM; i++) assert_true(isfinite((double)x[i]));
    dk_end(&run);
}

static void refused(dk_config c, const char *words) {
    dk_real x[DIM];
    dk_status status = dk_sample(&c, nonlinear, NULL, x);
    if (status != DK_ERROR_CONFIG) fail_msg("%s: %s", c.sampler.name, dk_status_text(status));
    if (!strstr(dk_message(&c), words)) print_error("%s\n", dk_message(&c));
    assert_non_null(strstr(dk_message(&c), words));
}

static void methods_without_an_estimate_are_refused(void **state) {
    static const char *const none[] = {"dpmpp_2m", "ddim", "rk4", "edm", "etd4rk", "er_sde", "lms"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        refused(config_of("edm", none[i], 1e-3),
                "sampler.rtol = 0.001: must be 0, and atol too: this sampler has no error estimate");
    dk_config c = config_of("edm", "rk45", -1);
    refused(c, "sampler.rtol = -1: must be 0 .. 1");
    c = config_of("edm", "heun", 1e-3), c.sampler.churn = 10;
    refused(c, "sampler.churn = 10: must be 0 with step-size control");
    c = config_of("edm", "dpm_solver_adaptive", 1e-3), c.sampler.eta = 1.5;
    refused(c, "sampler.eta = 1.5: must be <= 1 with step-size control, but by law = sde");
    c.sampler.law = DK_LAW_SDE;
    dk_real x[DIM] = {1, 2, 3, 4, 5};
    assert_int_equal(dk_sample(&c, nonlinear, NULL, x), DK_OK);
    c = config_of("edm", "heun", 1e-3), c.sampler.control.safety = 2;
    refused(c, "sampler.safety = 2: must be > 0 and <= 1 (0: 0.9)");
}

/* Hairer, Norsett & Wanner 1993, sec. II.4: an error that begins with h^q asks for the power 1/q. The last pair of weights differs in
   b A c first: both are Simpson's rule. */
static void a_tableau_says_the_order_of_its_error(void **state) {
    static const struct {
        const char *tableau;
        int order;
    } rows[] = {{"1 | 1/2 1/2 ~ 1 0 0", 2},
                {"1/2 | 0 3/4 | 2/9 1/3 4/9 ~ 7/24 1/4 1/3 1/8", 3},
                {"1/2 | 0 1/2 | 0 0 1 | 1/6 1/3 1/3 1/6 ~ 1/6 2/3 0 1/6 0", 3}};
    int presets = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dk_config c = config_of("edm", "euler", 1e-3);
        memset(&c.sampler, 0, sizeof c.sampler);
        c.sampler.tableau = rows[i].tableau, c.sampler.control.rtol = 1e-3;
        if (dk_resolve(&c)) fail_msg("%s", dk_message(&c));
        assert_int_equal(c.sampler.order, rows[i].order);
    }
    for (int k = 0; dk_sampler_at(k); k++) { /* the row's order is the paper's; edm_churn's is that with noise */
        dk_config c = config_of("edm", dk_sampler_at(k)->name, 1e-2);
        if (!c.sampler.tableau || !strchr(c.sampler.tableau, '~')) continue;
        c.sampler.churn = 0;
        if (dk_resolve(&c)) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
        if (c.sampler.order != (strcmp(c.sampler.name, "edm_churn") == 0 ? 2 : dk_sampler_at(k)->order))
            fail_msg("%s: order %d", c.sampler.name, c.sampler.order);
        presets++;
    }
    assert_true(presets > 5);
    dk_config c = config_of("edm", "euler", 1e-3);
    memset(&c.sampler, 0, sizeof c.sampler);
    c.sampler.exponential = "1 | 1: 1 phi2", c.sampler.control.rtol = 1e-3; /* judged by the first order step */
    if (dk_resolve(&c)) fail_msg("%s", dk_message(&c));
    assert_int_equal(c.sampler.order, 2);
    c.sampler.order = 0, c.sampler.exponential = "1 | 1: 1 phi2 ~", c.sampler.control.rtol = 1e-3;
    refused(c, "sampler.order = 0: must be the order of the better of its two methods, with step-size control");
    c.sampler.exponential = NULL, c.sampler.tableau = "1 | 1/2 1/2 ~ 1/2 1/2 0"; /* its two methods are one */
    refused(c, "sampler.order = 0: must be the order of the better of its two methods, with step-size control");
}

static void a_plan_of_one_attempt_is_for_reading(void **state) {
    static char text[4096];
    dk_real x[DIM];
    dk_plan plan;
    dk_run run;
    dk_config c = config_of("edm", "dpm_adaptive", 0.05);
    (void)state;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(plan.attempt, 1);
    assert_int_equal(plan.calls, 3);
    dk_plan_text(&plan, text, sizeof text);
    assert_non_null(strstr(text, "e1 = rms ("));
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_non_null(strstr(run.message, "plan: of a sampler with step-size control"));
    dk_plan_free(&plan);
}

/* Along the ODE of Gaussian data y - mean grows by sqrt((v + S^2)/(v + s^2)), whatever the family; the rest is the prior's. */
static void likelihoods_of_gaussian_data_are_the_closed_form(void **state) {
    static const char *const schedules[] = {"edm", "vp", "flow", "vp_linear"};
    const dk_real x[2 * DIM] = {1, 0, (dk_real)0.5, 2, -1, 0, 0, 0, (dk_real)0.3, (dk_real)0.7};
    const dk_real probe[2 * DIM] = {1, 1, 1, -1, 1, -1, -1, 1, 1, -1};
    double tolerance = sizeof(dk_real) == 8 ? 1e-6 : 1e-2;
    (void)state;
    for (int s = 0; s < 4; s++) {
        check_gaussian g = {0.7, 0.5, DK_PREDICT_X0, 0, 0};
        double log_p[2], levels[2];
        dk_config c = config_of(schedules[s], NULL, 0);
        c.batch = 2, c.steps = 1;
        c.sampler = dk_sampler_named("rk45"),
        c.sampler.control.rtol = c.sampler.control.atol = sizeof(dk_real) == 8 ? 1e-8 : 1e-5;
        if (log_likelihood(&c, check_gaussian_denoise, &g, x, probe, log_p))
            fail_msg("%s", dk_message(&c));
        assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, levels, 2), 2);
        double alpha = dk_level_at(&c.schedule, DK_UNIT_SIGMA, levels[1]).alpha, v = 0.25;
        double growth = sqrt((v + levels[0] * levels[0]) / (v + levels[1] * levels[1]));
        for (int b = 0; b < 2; b++) {
            double want = 0;
            for (int i = 0; i < DIM; i++) {
                double y = 0.7 + ((double)x[b * DIM + i] / alpha - 0.7) * growth;
                want += log(growth / alpha) - 0.5 * y * y / (levels[0] * levels[0]) - log(levels[0]) -
                        0.5 * log(2 * 3.14159265358979323846);
            }
            check_near(log_p[b], want, tolerance, schedules[s]);
        }
    }
}

/* Noised Gaussian data are Gaussian, x ~ N(0.4 alpha, v alpha^2 + sigma^2), whatever the deviation that is taken for theirs. From
   alpha = 0 on nothing else errs; below, the prior's mean is left out. */
static void likelihoods_of_few_steps_are_near(void **state) {
    static const struct {
        const char *sampler;
        double error; /* per number */
    } methods[] = {{"euler", 0.05}, {"heun", 0.012}, {"rk4", 4e-3}, {"midpoint", 2e-3}, {"dpmpp_2m", 8e-3}};
    const dk_real x[4] = {(dk_real)0.3, (dk_real)0.9, (dk_real)-0.2, 0}, probe[4] = {1, -1, 1, 1};
    double rounding = sizeof(dk_real) == 8 ? 0 : 2e-3;
    (void)state;
    for (int k = 0; k < 5; k++)
        for (int wide = 0; wide < 2; wide++)
            for (int pure = 0; pure < 2; pure++) {
                double log_p[2], v = wide ? 0.36 : 0.25, spread = 0.98 * 0.98 * v + 0.02 * 0.02;
                check_gaussian g = {0.4, sqrt(v), DK_PREDICT_X0, 0, 0};
                dk_config c = check_config("flow", methods[k].sampler, 50);
                c.batch = 2, c.dim = 2, c.prediction = DK_PREDICT_X0;
                c.schedule.t_min = 0.02, c.schedule.t_max = pure ? 1 : 0.999;
                if (log_likelihood(&c, check_gaussian_denoise, &g, x, probe, log_p)) fail_msg("%s", dk_message(&c));
                for (int b = 0; b < 2; b++) {
                    double want = -log(2 * 3.14159265358979323846 * spread);
                    for (int i = 2 * b; i < 2 * b + 2; i++)
                        want -= 0.5 * ((double)x[i] - 0.98 * 0.4) * ((double)x[i] - 0.98 * 0.4) / spread;
                    check_near(log_p[b] / 2, want / 2, methods[k].error + rounding + (pure ? 0 : 1e-3), methods[k].sampler);
                }
            }
}

static int turned_denoise(void *user, const dk_eval *e) {
    check_gaussian_denoise(user, e);
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) e->output[i] = -e->output[i];
    return 0;
}

/* A factor on the score, for data of their deviation, makes x ~ N(0.4 alpha, v/factor alpha^2 + sigma^2). */
static void likelihoods_take_sign_and_factor_once(void **state) {
    const dk_real x[2] = {(dk_real)0.3, (dk_real)0.9}, probe[2] = {1, -1};
    double log_p[1], spread = 0.98 * 0.98 * 0.25 / 1.3 + 0.02 * 0.02, want = -log(2 * 3.14159265358979323846 * spread);
    check_gaussian g = {0.4, 0.5, DK_PREDICT_X0, 0, 0};
    dk_config c = check_config("flow", "rk4", 200);
    (void)state;
    c.dim = 2, c.prediction = DK_PREDICT_X0, c.schedule.t_min = 0.02, c.negated = 1;
    c.score_excess = 0.3, c.score_deviation = 0.5;
    if (log_likelihood(&c, turned_denoise, &g, x, probe, log_p)) fail_msg("%s", dk_message(&c));
    for (int i = 0; i < 2; i++) want -= 0.5 * ((double)x[i] - 0.98 * 0.4) * ((double)x[i] - 0.98 * 0.4) / spread;
    check_near(log_p[0], want, 5e-3, "log p");
}

static void likelihoods_need_a_level_above_0(void **state) {
    const dk_real x[1] = {0}, probe[1] = {1};
    double log_p[1] = {42};
    check_gaussian g = {0.7, 0.5, DK_PREDICT_X0, 0, 0};
    dk_config c = check_config("edm", NULL, 4);
    (void)state;
    c.prediction = DK_PREDICT_X0, c.grid.final = DK_FINAL_ZERO;
    assert_int_equal(log_likelihood(&c, check_gaussian_denoise, &g, x, probe, log_p), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c),
                        "noise level of the grid = 0: must be above 0, for a likelihood");
    check_near(log_p[0], 42, 0, "nothing written");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_follow_the_tolerance),
        cmocka_unit_test(evaluations_are_not_repeated),
        cmocka_unit_test(infinite_ends_are_left_to_ordinary_steps),
        cmocka_unit_test(rising_grids_invert),
        cmocka_unit_test(a_run_saved_at_any_evaluation_goes_on_alike),
        cmocka_unit_test(saves_of_another_config_are_refused_and_do_no_harm),
        cmocka_unit_test(a_save_knows_what_other_attempts_follow_from),
        cmocka_unit_test(the_memory_named_beforehand_is_enough),
        cmocka_unit_test(memory_is_for_all_that_a_schedule_may_ask_for),
        cmocka_unit_test(a_run_that_outgrows_its_memory_ends_in_it),
        cmocka_unit_test(a_step_size_that_vanishes_ends_the_run),
        cmocka_unit_test(methods_without_an_estimate_are_refused),
        cmocka_unit_test(a_tableau_says_the_order_of_its_error),
        cmocka_unit_test(a_plan_of_one_attempt_is_for_reading),
        cmocka_unit_test(likelihoods_of_gaussian_data_are_the_closed_form),
        cmocka_unit_test(likelihoods_of_few_steps_are_near),
        cmocka_unit_test(likelihoods_take_sign_and_factor_once),
        cmocka_unit_test(likelihoods_need_a_level_above_0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
