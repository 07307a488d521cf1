/* Grids that go back up, known data, and starts from clean data. */
#include "check.h"

enum { DIM = 4, MOST = 64 };

static int quarter(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)0.25;
    if (e->uncond_output) memcpy(e->uncond_output, e->output, e->dim * sizeof *e->output);
    return 0;
}

/* The same whatever the draw's number is; counts. */
static int same_noise(void *user, const dk_noise_request *r, dk_real *out) {
    for (size_t i = 0; i < r->dim * (size_t)r->batch; i++) out[i] = (dk_real)(0.5 + 0.25 * (double)i);
    if (user) ++*(int *)user;
    return 0;
}

static dk_config on_levels(const char *schedule, const char *sampler, const double *levels, int steps) {
    dk_config c = check_config(schedule, sampler, steps);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    c.dim = DIM, c.start = DK_START_STATE, c.prediction = DK_PREDICT_X0;
    c.noise.fn = same_noise;
    return c;
}

static void run(dk_config *c, dk_denoise_fn denoise, dk_real *x) {
    if (dk_sample(c, denoise, NULL, x)) fail_msg("%s: %s", c->sampler.name, dk_message(c));
}

static void fill(dk_real *x) {
    for (int i = 0; i < DIM; i++) x[i] = (dk_real)(1.5 - 0.75 * i);
}

/* ------------------------------------------------------------------------------ ways of a grid */

static void check_way(dk_config *c, const double *want, int n, double tolerance) {
    double got[MOST];
    int count = dk_levels(c, DK_UNIT_SIGMA, got, MOST);
    if (!count) fail_msg("%s", dk_message(c));
    assert_int_equal(count, n);
    for (int i = 0; i < n; i++) check_near(got[i], want[i], tolerance, "level");
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, c), DK_OK);
    assert_int_equal(plan.steps, n - 1);
    assert_int_equal(plan.levels, n);
    for (int i = 0; i < n; i++)
        check_near(dk_noise_level(plan.level[i]), want[i], tolerance, "level of the plan");
    for (int i = 0; i < plan.calls; i++) { /* a step that goes back up evaluates nothing */
        int step = plan.call[i].step;
        assert_true(dk_noise_level(plan.level[step + 1]) < dk_noise_level(plan.level[step]));
        if (plan.call[i].stage == 0)
            check_near(dk_noise_level(plan.call[i].level), want[step], tolerance, "call");
    }
    dk_plan_free(&plan);
}

/* Steps left along the way, from the published program of RePaint (get_schedule_jump), and as diffusers has it. */
static void repaint_jumps_where_it_does(void **state) {
    static const struct {
        int steps, jump, runs, clean, count;
        double left[30];
    } cases[] = {
        {10, 2, 2, 0, 23, {10, 9, 8, 7, 9, 8, 7, 6, 5, 7, 6, 5, 4, 3, 5, 4, 3, 2, 1, 3, 2, 1, 0}},
        {7, 3, 3, 0, 24, {7, 6, 5, 4, 7, 6, 5, 4, 7, 6, 5, 4, 3, 2, 1, 4, 3, 2, 1, 4, 3, 2, 1, 0}},
        {11, 5, 2, 0, 24, {11, 10, 9, 8, 7, 6, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 6, 5, 4, 3, 2, 1, 0}},
        {6, 2, 2, 1, 13, {6, 5, 4, 3, 2, 4, 3, 2, 1, 0, 2, 1, 0}},
        {6, 10, 5, 0, 7, {6, 5, 4, 3, 2, 1, 0}},
        {6, 2, 1, 0, 7, {6, 5, 4, 3, 2, 1, 0}},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        double levels[16];
        for (int i = 0; i <= cases[k].steps; i++) levels[i] = cases[k].steps - i;
        dk_config c = on_levels("edm", "ddim", levels, cases[k].steps);
        const dk_repaint way = {{dk_repaint_level}, cases[k].jump, cases[k].runs, cases[k].clean};
        c.grid.way = &way.way;
        check_way(&c, cases[k].left, cases[k].count, 1e-14);
    }
}

/* From the published formulas: Karras levels between the levels next to 0.1 and 2, in place of as many steps. */
static void restart_follows_automatic1111(void **state) {
    static const double few[] = {14.614642,         10.819787928442,
                                 7.9029413781784,   5.68783900679504,
                                 4.02774436650909,  2.80157116227092,
                                 1.91036186857897,  1.27410460950698,
                                 0.828871206442897, 0.524259298038765,
                                 0.321121436870948, 0.189564067310001,
                                 0.107199289099515, 1.91036186857897,
                                 1.46211015335339,  1.10721292112993,
                                 0.828871206442896, 0.612797009382441,
                                 0.446920586813722, 0.321121436870948,
                                 0.226981976166645, 0.157562909156419,
                                 0.107199289099515, 0.0576323111432688,
                                 0.0291675,         0};
    static const double many[] = {14.614642,
                                  11.7253685249972,
                                  9.34020827571374,
                                  7.38362390820081,
                                  5.7894186908774,
                                  4.49984200042969,
                                  3.46475385174577,
                                  2.64084644582887,
                                  1.99092071963144,
                                  1.48321588175309,
                                  1.0907899179449,
                                  0.790949050362951,
                                  0.564724134513735,
                                  0.39639197783414,
                                  0.273039563848805,
                                  0.184169165847494,
                                  0.121342334025231,
                                  1.99092071963144,
                                  1.57473704298715,
                                  1.23546808806756,
                                  0.960883711724565,
                                  0.740361789710421,
                                  0.564724134513735,
                                  0.426083977733545,
                                  0.317704594193588,
                                  0.233868644998903,
                                  0.16975781673693,
                                  0.121342334025231,
                                  1.99092071963144,
                                  1.57473704298715,
                                  1.23546808806756,
                                  0.960883711724565,
                                  0.740361789710421,
                                  0.564724134513735,
                                  0.426083977733545,
                                  0.317704594193588,
                                  0.233868644998903,
                                  0.16975781673693,
                                  0.121342334025231,
                                  0.0778607400279236,
                                  0.048481862846172,
                                  0.0291675,
                                  0};
    (void)state;
    for (int steps = 24; steps <= 40; steps += 16) {
        dk_config c = check_config("edm", NULL, steps), resolved;
        assert_int_equal(dk_config_named(&c, "a1111:Restart"), DK_OK);
        c.schedule = dk_edm(0.0291675, 14.614642);
        check_way(&c, steps == 24 ? few : many, steps == 24 ? 26 : 43, 1e-12);
        resolved = c; /* resolving again changes nothing */
        assert_int_equal(dk_resolve(&resolved), DK_OK);
        check_way(&resolved, steps == 24 ? few : many, steps == 24 ? 26 : 43, 1e-12);
    }
    dk_config c = check_config("edm", NULL, 19);
    assert_int_equal(dk_config_named(&c, "Restart"), DK_OK);
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, NULL, 0), 20);
}

static const double there[] = {8, 4, 2, 6, 3, 1.5};

/* x/sigma stays where D = 0; up from 2 to 6 comes sqrt(36 - 4) z. */
static void noise_takes_the_state_back_up(void **state) {
    dk_config c = on_levels("edm", "euler", there, 5);
    dk_real x[DIM];
    (void)state;
    c.grid.travel = 1, c.sampler.noise_excess = -0.5;
    fill(x);
    run(&c, check_zero, x);
    for (int i = 0; i < DIM; i++) {
        double up = (1.5 - 0.75 * i) * 2 / 8 + 0.5 * 5.656854249492381 * (0.5 + 0.25 * i);
        check_near((double)x[i], up * 1.5 / 6, check_tiny, "x");
    }
}

/* Behind a way up every sampler is as if begun there. */
static void nothing_is_remembered_across_a_way_up(void **state) {
    static const char *const schedules[] = {"edm", "flow", "vp"};
    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (int k = 0; dk_sampler_at(k); k++) {
            dk_real x[DIM], y[DIM];
            dk_config whole = on_levels(schedules[f], dk_sampler_at(k)->name, there, 5);
            dk_config first = on_levels(schedules[f], dk_sampler_at(k)->name, there, 2);
            dk_config second = on_levels(schedules[f], dk_sampler_at(k)->name, there + 3, 2);
            whole.sampler.churn = first.sampler.churn = second.sampler.churn =
                0; /* depends on the number of steps */
            whole.grid.travel = 1;
            memset(&whole.sampler.control, 0, sizeof whole.sampler.control);
            first.sampler.control = second.sampler.control = whole.sampler.control;
            fill(x), fill(y);
            run(&whole, check_nonlinear, x);
            run(&first, check_nonlinear, y);
            dk_level a = dk_level_at(&first.schedule, DK_UNIT_SIGMA, 2),
                     b = dk_level_at(&first.schedule, DK_UNIT_SIGMA, 6);
            double kept = b.alpha / a.alpha, up = sqrt(b.sigma * b.sigma - kept * kept * a.sigma * a.sigma);
            for (int i = 0; i < DIM; i++)
                y[i] = (dk_real)(kept * (double)y[i] + (1 + whole.sampler.noise_excess) * up * (0.5 + 0.25 * i));
            run(&second, check_nonlinear, y);
            for (int i = 0; i < DIM; i++)
                check_near((double)x[i], (double)y[i], 1000 * check_tiny, whole.sampler.name);
        }
}

static void ways_that_make_no_sense_are_refused(void **state) {
    dk_config c = on_levels("edm", "ddim", there, 5);
    (void)state;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG); /* a list that turns must say so */
    c.grid.travel = 1;
    assert_int_equal(dk_resolve(&c), DK_OK);
    c.grid.rising = 1;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(
        dk_message(&c),
        "grid.rising = 1: must be 0 on a way that goes back up (grid.travel, grid.way)");
    c = check_config("edm", "ddim", 1000);
    const dk_repaint endless = {{dk_repaint_level}, 1, 1000000, 0}, twice = {{dk_repaint_level}, 2, 2, 0};
    c.grid.way = &endless.way;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    c = check_config("edm", "rk45", 8);
    c.grid.way = &twice.way;
    dk_real x[1] = {1};
    assert_int_equal(dk_sample(&c, check_zero, NULL, x), DK_ERROR_CONFIG);
    const double level[5] = {0.9, 0.6, 0.4, 0.2, 0}, a[4] = {0}, b[10] = {0};
    const dk_table table = {"", 4, 0, 0, level, a, b, NULL, NULL};
    c = check_config("edm", "ddim", 4);
    c.sampler = dk_table_sampler(&table);
    c.grid.way = &twice.way;
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "steps = 7: must be dk_table.steps");
}

/* ---------------------------------------------------------------------------------- known data */

static const double down[] = {8, 4, 2, 1, 0};

typedef struct watch {
    const dk_config *c;
    int bad;
} watch;

/* Known elements are alpha known + sigma z at every level but the first. */
static int watching(void *user, const dk_eval *e) {
    watch *w = (watch *)user;
    for (int i = 0; i < DIM && e->step > 0 && e->stage == 0; i++) {
        double want = e->level.alpha * (double)w->c->known[i] + e->level.sigma * (0.5 + 0.25 * i);
        if (w->c->mask[i] >= 1 && !(fabs((double)e->input[i] - want) <= 100 * check_tiny * (1 + fabs(want))))
            w->bad++;
    }
    return check_nonlinear(NULL, e);
}

static const dk_real half[DIM] = {1, 0, 1, 0}, none[DIM] = {0, 0, 0, 0},
                     data[DIM] = {(dk_real)0.3, (dk_real)-0.4, (dk_real)0.5, (dk_real)0.6};

static void known_data_stay_known(void **state) {
    static const char *const schedules[] = {"edm", "flow", "vp"};
    (void)state;
    for (size_t f = 0; f < 3; f++)
        for (int k = 0; dk_sampler_at(k); k++) {
            dk_real x[DIM];
            dk_config c = on_levels(schedules[f], dk_sampler_at(k)->name, down, 4);
            watch w = {&c, 0};
            c.mask = half, c.known = data, c.sampler.churn = 0;
            memset(&c.sampler.control, 0, sizeof c.sampler.control);
            fill(x);
            if (dk_sample(&c, watching, &w, x)) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
            if (w.bad) fail_msg("%s: %d elements are not what is known", c.sampler.name, w.bad);
            for (int i = 0; i < DIM; i += 2) assert_memory_equal(&x[i], &data[i], sizeof x[i]);
        }
}

/* Attempts that are rejected leave nothing behind. */
static void known_data_stay_known_at_any_step_size(void **state) {
    static const char *const names[] = {"rk45", "dpm_adaptive"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        dk_real x[DIM];
        dk_config c = on_levels("vp", names[k], down, 3);
        c.mask = half, c.known = data, c.sampler.control.rtol = 1e-3, c.sampler.control.atol = 1e-3;
        fill(x);
        run(&c, check_nonlinear, x);
        for (int i = 0; i < DIM; i += 2)
            check_near((double)x[i],
                       (double)data[i] * dk_level_at(&c.schedule, DK_UNIT_SIGMA, 1).alpha +
                           dk_level_at(&c.schedule, DK_UNIT_SIGMA, 1).sigma * (0.5 + 0.25 * i),
                       100 * check_tiny, c.sampler.name);
    }
}

/* Clean data are left by an ordinary step, whatever controls the others. */
static void step_size_control_begins_behind_clean_data(void **state) {
    static const double levels[] = {0, 0.5, 4};
    static const char *const names[] = {"rk45", "dpm_adaptive"};
    (void)state;
    for (int k = 0; k < 2; k++) {
        dk_real x[DIM];
        dk_config c = on_levels("flow", names[k], levels, 2);
        c.prediction = DK_PREDICT_EPS, c.sampler.control.rtol = 1e-3, c.sampler.control.atol = 1e-3, c.sampler.eta = 0;
        fill(x);
        run(&c, quarter, x);
        dk_level l = dk_level_at(&c.schedule, DK_UNIT_SIGMA, 4);
        for (int i = 0; i < DIM; i++)
            check_near((double)x[i], l.alpha * (1.5 - 0.75 * i) + l.sigma * 0.25, 100 * check_tiny,
                       c.sampler.name);
    }
}

/* A mask of zeros changes no bit, of deterministic samplers nor of those whose draw serves both parts. */
static void an_empty_mask_changes_nothing(void **state) {
    static const char *const names[] = {"euler",           "dpmpp_2m",     "unipc", "rk4",
                                        "euler_ancestral", "dpmpp_2m_sde", "lcm"};
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        dk_real x[DIM], y[DIM];
        dk_config c = on_levels("flow", names[k], down, 4);
        fill(x), fill(y);
        c.noise.fn = NULL;
        run(&c, check_nonlinear, x);
        c.mask = none, c.known = data;
        run(&c, check_nonlinear, y);
        assert_memory_equal(x, y, sizeof x);
    }
}

/* Between 0 and 1 both parts are mixed; DDIM with D = 0 leaves x sigma'/sigma. */
static void a_soft_mask_mixes(void **state) {
    static const double levels[] = {8, 4};
    static const dk_real mask[DIM] = {(dk_real)0.25, (dk_real)0.25, (dk_real)0.75, 0};
    dk_config c = on_levels("edm", "ddim", levels, 1);
    dk_real x[DIM];
    (void)state;
    fill(x);
    c.mask = mask, c.known = data;
    run(&c, check_zero, x);
    for (int i = 0; i < DIM; i++) {
        double known = (double)data[i] + 4 * (0.5 + 0.25 * i), made = (1.5 - 0.75 * i) / 2,
               m = (double)mask[i];
        check_near((double)x[i], m * known + (1 - m) * made, check_tiny, "x");
    }
}

/* RePaint: one draw for both parts of a step; a deterministic step has one for what is known; none at sigma = 0. */
static void a_draw_serves_both_parts(void **state) {
    static const char *const names[] = {"ddim", "euler_ancestral", "heun"};
    (void)state;
    for (size_t k = 0; k < 3; k++) {
        dk_real x[DIM];
        int draws = 0;
        dk_config c = on_levels("edm", names[k], down, 4);
        c.mask = half, c.known = data, c.noise.user = &draws;
        fill(x);
        run(&c, check_nonlinear, x);
        assert_int_equal(draws, 3);
    }
}

static void masked_runs_are_saved_and_go_on(void **state) {
    dk_real x[DIM], y[DIM];
    dk_config c = on_levels("vp", "dpmpp_2m", down, 4);
    dk_run a, b;
    dk_eval e;
    unsigned char bytes[4096];
    (void)state;
    c.mask = half, c.known = data, c.noise.fn = NULL;
    fill(x), fill(y);
    assert_int_equal(dk_begin(&a, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_begin(&b, &c, y, NULL, 0), DK_OK);
    for (int i = 0; i < 2; i++) assert_int_equal(dk_next(&a, &e) && !check_nonlinear(NULL, &e), 1);
    assert_true(dk_next(&a, &e));
    assert_true(dk_save_size(&a) <= sizeof bytes);
    assert_int_equal(dk_save(&a, bytes, sizeof bytes), DK_OK);
    assert_int_equal(dk_load(&b, bytes, sizeof bytes), DK_OK);
    assert_int_equal(dk_continue(&a, check_nonlinear, NULL), DK_OK);
    assert_int_equal(dk_continue(&b, check_nonlinear, NULL), DK_OK);
    assert_memory_equal(x, y, sizeof x);
    dk_end(&a);
    dk_end(&b);
}

static void masks_that_cannot_work_are_refused(void **state) {
    static const dk_real beyond[DIM] = {0, 1, 2, 0};
    const double up[] = {1, 2, 4};
    dk_real x[DIM], unknown[DIM] = {0, 0, 0, (dk_real)HUGE_VAL};
    dk_config c = on_levels("edm", "ddim", down, 4), bare = c;
    dk_plan plan;
    dk_run r;
    (void)state;
    fill(x);
    c.mask = half;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "mask and known: must be given both, or neither");
    c.mask = NULL, c.known = data;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    c.mask = beyond;
    assert_int_equal(dk_sample(&c, check_zero, NULL, x), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "an element of mask = 2: must be 0 .. 1");
    c.mask = half, c.known = unknown;
    assert_int_equal(dk_sample(&c, check_zero, NULL, x), DK_ERROR_CONFIG);
    c.known = data;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(dk_begin_plan(&r, &plan, &bare, x, NULL, 0), DK_ERROR_CONFIG);
    assert_int_equal(dk_begin_plan(&r, &plan, &c, x, NULL, 0), DK_OK);
    dk_end(&r);
    dk_plan_free(&plan);
    assert_int_equal(dk_record(&plan, &bare), DK_OK);
    assert_int_equal(dk_begin_plan(&r, &plan, &c, x, NULL, 0), DK_ERROR_CONFIG);
    dk_plan_free(&plan);
    c.grid = dk_grid_levels(up, DK_UNIT_SIGMA), c.steps = 2;
    assert_int_equal(dk_sample(&c, check_zero, NULL, x), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "grid.rising = 1: must be 0 where data are known (mask)");
}

static void plans_say_what_is_mixed(void **state) {
    static char text[4096];
    dk_config c = on_levels("edm", "ddim", down, 4);
    dk_plan plan;
    (void)state;
    c.mask = half, c.known = data;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    dk_plan_text(&plan, text, sizeof text);
    assert_non_null(strstr(text, "x1 = (1 - m0) y0 + m0 (k0 + 4 z1)"));
    dk_plan_free(&plan);
}

/* ---------------------------------------------------------------------------------- from clean data */

/* F = 1/4 at clean data: eps = F; v = eps; velocity = eps - x; EDM's raw F = -eps. The step is alpha x + sigma eps. */
static void clean_data_are_left_by_the_predicted_noise(void **state) {
    static const double levels[] = {0, 0.5};
    static const char *const schedules[] = {"edm", "flow", "vp", "cosine_flow"};
    static const struct {
        dk_prediction prediction;
        double sign, of_x;
    } kinds[] = {
        {DK_PREDICT_EPS, 1, 0}, {DK_PREDICT_V, 1, 0}, {DK_PREDICT_VELOCITY, 1, 1}, {DK_PREDICT_EDM, -1, 0}};
    (void)state;
    for (size_t f = 0; f < 4; f++)
        for (size_t p = 0; p < 4; p++)
            for (int k = 0; dk_sampler_at(k); k++) {
                dk_real x[DIM];
                dk_config c = on_levels(schedules[f], dk_sampler_at(k)->name, levels, 1);
                if (c.sampler.tableau && strstr(schedules[f], "flow")) continue; /* goes on from there by itself */
                c.prediction = kinds[p].prediction, c.condition = DK_UNIT_SIGMA;
                c.sampler.churn = 0;
                fill(x);
                run(&c, quarter, x);
                dk_level l = dk_level_at(&c.schedule, DK_UNIT_SIGMA, 0.5);
                for (int i = 0; i < DIM; i++) {
                    double x0 = 1.5 - 0.75 * i, eps = kinds[p].sign * 0.25 + kinds[p].of_x * x0;
                    check_near((double)x[i], l.alpha * x0 + l.sigma * eps, check_tiny, c.sampler.name);
                }
            }
}

static void x0_cannot_leave_clean_data(void **state) {
    static const double levels[] = {0, 0.5, 1};
    static const dk_prediction none_of[] = {DK_PREDICT_X0, DK_PREDICT_SCORE};
    (void)state;
    for (int k = 0; k < 2; k++) {
        dk_config c = on_levels("vp", "ddim", levels, 2);
        dk_real x[DIM];
        fill(x);
        c.prediction = none_of[k];
        assert_int_equal(dk_sample(&c, quarter, NULL, x), DK_ERROR_CONFIG);
        assert_non_null(strstr(dk_message(&c), "cannot give the noise where sigma = 0"));
        c.start = DK_START_NOISE, c.prediction = DK_PREDICT_EPS;
        assert_int_equal(dk_sample(&c, quarter, NULL, x), DK_ERROR_CONFIG);
        assert_int_equal(strncmp(dk_message(&c), "start = noise: must be", 22), 0);
    }
}

/* Out and back with a network that knows the Gaussian: second order methods return nearly where they began. */
static void inversion_begins_at_clean_data(void **state) {
    check_gaussian g = {0.7, 0.5, DK_PREDICT_VELOCITY, 0.5, 0};
    dk_config c = check_config("flow", "heun", 200);
    dk_real x[DIM], start[DIM];
    (void)state;
    fill(start), fill(x);
    c.dim = DIM, c.start = DK_START_STATE, c.prediction = DK_PREDICT_VELOCITY;
    c.grid.sigma_max = 0.9, c.grid.final = DK_FINAL_MIN, c.grid.rising = 1;
    dk_real *state_at = x;
    dk_run r;
    dk_eval e;
    assert_int_equal(dk_begin(&r, &c, state_at, NULL, 0), DK_OK);
    for (int i = 0; dk_next(&r, &e); i++)
        for (int j = 0; j < DIM; j++) {
            if (i > 0) {
                dk_eval one = e;
                one.dim = 1, one.input = e.input + j, one.output = e.output + j;
                check_gaussian_denoise(&g, &one);
            } else {
                e.output[j] = -e.input[j]; /* E[eps | x0] - x0 */
            }
        }
    assert_int_equal(r.status, DK_OK);
    dk_end(&r);
    c.grid.rising = 0;
    assert_int_equal(dk_sample(&c, check_gaussian_denoise, &g, x), DK_OK);
    for (int i = 0; i < DIM; i++) check_near((double)x[i], (double)start[i], 0.01, "x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repaint_jumps_where_it_does),
        cmocka_unit_test(restart_follows_automatic1111),
        cmocka_unit_test(noise_takes_the_state_back_up),
        cmocka_unit_test(nothing_is_remembered_across_a_way_up),
        cmocka_unit_test(ways_that_make_no_sense_are_refused),
        cmocka_unit_test(known_data_stay_known),
        cmocka_unit_test(known_data_stay_known_at_any_step_size),
        cmocka_unit_test(an_empty_mask_changes_nothing),
        cmocka_unit_test(step_size_control_begins_behind_clean_data),
        cmocka_unit_test(a_soft_mask_mixes),
        cmocka_unit_test(a_draw_serves_both_parts),
        cmocka_unit_test(masked_runs_are_saved_and_go_on),
        cmocka_unit_test(masks_that_cannot_work_are_refused),
        cmocka_unit_test(plans_say_what_is_mixed),
        cmocka_unit_test(clean_data_are_left_by_the_predicted_noise),
        cmocka_unit_test(x0_cannot_leave_clean_data),
        cmocka_unit_test(inversion_begins_at_clean_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
