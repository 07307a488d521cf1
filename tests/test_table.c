/* Tables: what their numbers do; the table of a sampler; text and back; solvers of papers, each against its own formula. */
#include "check.h"

#include "examples/table.h"

enum { DIM = 3, ROOM = DK_TABLE_ROOM(200) };

/* A denoiser that is no straight line. */
static double D_of(dk_level l, double x) {
    static const check_gaussian g = {0.2, 0.55, DK_PREDICT_X0, 0, 0};
    return check_gaussian_D(&g, l, x) + 0.05 * sin(3 * x / (l.alpha + l.sigma));
}

static int denoise(void *user, const dk_eval *e) {
    const double of = e->branch ? 0.5 : 1;
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) e->output[i] = (dk_real)(of * D_of(e->level, (double)e->input[i]));
    return 0;
}

static dk_config config_of(const char *schedule) {
    dk_config c = check_config(schedule, NULL, 0);
    c.prediction = DK_PREDICT_X0, c.dim = DIM, c.start = DK_START_STATE;
    return c;
}

static void sample(dk_config c, dk_real *x) {
    if (dk_sample(&c, denoise, NULL, x) == DK_OK) return;
    print_error("%s\n", dk_message(&c));
    fail();
}

static size_t numbers_in(const dk_table *t) {
    return (size_t)(t->steps * (t->steps + 5) / 2 + 1 + (t->noise ? t->steps : 0) + (t->told ? t->steps : 0));
}

/* --------------------------------------------------------------------------------- what numbers do */

/* DPM-Solver++ 2M on EDM as in its paper, in x; y = x/(1 + sigma). */
static void a_table_of_dpmpp_2m_is_dpmpp_2m(void **state) {
    enum { STEPS = 5 };
    static const double s[STEPS + 1] = {10, 6, 3, 1, 0.4, 0};
    double level[STEPS + 1], a[STEPS], b[STEPS * (STEPS + 1) / 2] = {0};
    dk_real x[DIM] = {3, -7, 1}, y[DIM] = {3, -7, 1};
    (void)state;
    for (int i = 0; i <= STEPS; i++) level[i] = s[i] / (1 + s[i]);
    for (int i = 0; i < STEPS; i++) {
        double weight = 0, ratio = s[i + 1] / s[i], *row = b + i * (i + 1) / 2;
        if (i > 0 && i < STEPS - 1) weight = 0.5 * log(s[i] / s[i + 1]) / log(s[i - 1] / s[i]);
        a[i] = ratio * (1 + s[i]) / (1 + s[i + 1]);
        row[i] = (1 - ratio) * (1 + weight) / (1 + s[i + 1]);
        if (i > 0) row[i - 1] = -(1 - ratio) * weight / (1 + s[i + 1]);
    }
    dk_table table = {"", STEPS, 0, 0, level, a, b, NULL, NULL};
    dk_config c = config_of("edm");
    c.sampler = dk_sampler_named("dpmpp_2m"), c.grid = dk_grid_levels(s, DK_UNIT_SIGMA), c.steps = STEPS;
    sample(c, x);
    c = config_of("edm");
    c.sampler = dk_table_sampler(&table);
    sample(c, y);
    for (int i = 0; i < DIM; i++) check_near((double)y[i], (double)x[i], check_tiny, "table");
}

static void a_table_reaches_back_a_hundred_steps(void **state) {
    enum { STEPS = 100 };
    static double level[STEPS + 1], a[STEPS], b[STEPS * (STEPS + 1) / 2], noise[STEPS], told[STEPS], past[STEPS];
    dk_real x[1] = {1}, z;
    double y = 1 / (1 + 5.0);
    dk_table table = {"", STEPS, 0, 0, level, a, b, noise, told};
    (void)state;
    for (int i = 0; i <= STEPS; i++) level[i] = 5 * pow(0.96, i) / (1 + 5 * pow(0.96, i));
    for (int i = 0; i < STEPS; i++) {
        a[i] = 0.9 + 0.001 * i, noise[i] = i % 3 ? 0.1 : 0, told[i] = level[i] * 0.8;
        for (int j = 0; j <= i; j++) b[i * (i + 1) / 2 + j] = sin(0.7 * i + j) / 100;
    }
    uint32_t draw = 0;
    for (int i = 0; i < STEPS; i++) {
        dk_level l = {0, 1, level[i] / (1 - level[i])};
        past[i] = D_of(l, y * (1 + l.sigma));
        y *= a[i];
        for (int j = 0; j <= i; j++) y += b[i * (i + 1) / 2 + j] * past[j];
        if (i % 3 == 0) continue; /* no draw where there is no noise */
        dk_normals(7, 0, ++draw, 0, 1, &z);
        y += noise[i] * (double)z;
    }
    dk_config c = config_of("edm");
    c.dim = 1, c.sampler = dk_table_sampler(&table);
    sample(c, x);
    check_near((double)x[0], y * (1 + level[STEPS] / (1 - level[STEPS])), 10 * check_tiny, "hundred steps");
}

static int told_and_shared(void *user, const dk_eval *e) {
    static const double told[] = {0.9, 0.7, 0.7, 0.75, 0.2};
    const char *family = (const char *)user;
    assert_int_equal(e->shared, e->call == 0);
    check_near(e->t, family[0] == 'f' ? told[e->call] : told[e->call] / (1 - told[e->call]), 1e-9, family);
    return denoise(NULL, e);
}

/* The same numbers do for every family; levels repeat and go back; D_0 at x = 0, asked for as such; the network is told others. */
static void a_table_is_one_of_all_families(void **state) {
    enum { STEPS = 5 };
    static const char *const families[] = {"edm", "flow", "vp"};
    const double level[] = {0.95, 0.7, 0.7, 0.8, 0.2, 0}, a[] = {0.4, 0.7, 0.25, 1.5, 0.125}, told[] = {0.9, 0.7, 0.7, 0.75, 0.2},
                 b[] = {0.5, -0.125, 0.375, 0.25, -0.5, 1, 0.5, 0, -0.25, 0.5, 0, 0.125, -0.125, 0.25, 0.75};
    dk_table table = {"mine", STEPS, 1, 0, level, a, b, NULL, told};
    (void)state;
    for (int f = 0; f < 3; f++) {
        double y = -1.5, D[STEPS];
        dk_config c = config_of(families[f]);
        dk_level first = dk_level_at(&c.schedule, DK_UNIT_FLOW, level[0]), last = dk_level_at(&c.schedule, DK_UNIT_FLOW, 0);
        dk_real x = (dk_real)(y * (first.alpha + first.sigma));
        for (int i = 0; i < STEPS; i++) {
            dk_level l = dk_level_at(&c.schedule, DK_UNIT_FLOW, level[i]);
            D[i] = D_of(l, i ? y * (l.alpha + l.sigma) : 0);
            y *= a[i];
            for (int j = 0; j <= i; j++) y += b[i * (i + 1) / 2 + j] * D[j];
        }
        c.dim = 1, c.sampler = dk_table_sampler(&table);
        c.condition = f == 1 ? DK_UNIT_FLOW : DK_UNIT_SIGMA;
        if (dk_sample(&c, told_and_shared, (void *)(uintptr_t)families[f], &x)) fail_msg("%s", dk_message(&c));
        check_near((double)x, y * (last.alpha + last.sigma), 10 * check_tiny, families[f]);
    }
}

/* ------------------------------------------------------------------------------ a sampler's table */

/* As JSON and back, which gives the same bits. */
static dk_table reread(const dk_table *t) {
    static char text[200000];
    static double again[ROOM];
    char message[DK_MESSAGE_SIZE];
    dk_table r;
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(table_write_json(file, t), 0);
    size_t length = (size_t)ftell(file);
    assert_true(length < sizeof text);
    rewind(file);
    assert_int_equal(fread(text, 1, length, file), length);
    fclose(file);
    if (dk_table_from_json(&r, again, numbers_in(t), text, length, message)) fail_msg("%s", message);
    assert_string_equal(r.name, t->name);
    assert_int_equal(r.steps, t->steps);
    assert_int_equal(r.shared, t->shared);
    assert_memory_equal(&r.guidance, &t->guidance, sizeof r.guidance);
    const double *const was[] = {t->level, t->a, t->b, t->noise, t->told}, *const is[] = {r.level, r.a, r.b, r.noise, r.told};
    for (int k = 0; k < 5; k++) {
        const int count = k == 0 ? t->steps + 1 : k == 2 ? t->steps * (t->steps + 1) / 2 : t->steps;
        assert_true(!was[k] == !is[k]);
        if (was[k]) assert_memory_equal(is[k], was[k], (size_t)count * sizeof(double));
    }
    return r;
}

static int is_refused(const dk_sampler_info *info) {
    dk_config c = check_config("edm", info->name, 9);
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    int refused = plan.attempt || plan.draws > 1 || c.sampler.cfg_pp;
    dk_plan_free(&plan);
    return refused;
}

static void the_table_of_a_sampler_runs_as_the_sampler(void **state) {
    static const char *const families[] = {"edm", "flow", "vp", "ve", "cosine_flow", "scaled_linear"};
    static double numbers[ROOM];
    int made = 0;
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++)
        for (int f = 0; f < 6; f++) {
            dk_config c = check_config(families[f], dk_sampler_at(i)->name, 9);
            dk_table t;
            dk_real x[DIM], y[DIM];
            if (f == 5) c.schedule = dk_vp_scaled_linear();
            c.prediction = DK_PREDICT_X0, c.dim = DIM;
            dk_status status = table_of(&t, numbers, ROOM, &c);
            assert_int_equal(status, is_refused(dk_sampler_at(i)) ? DK_ERROR_CONFIG : DK_OK);
            if (status) continue;
            sample(c, x);
            dk_table r = reread(&t);
            memset(&c.grid, 0, sizeof c.grid);
            c.sampler = dk_table_sampler(&r), c.steps = 0;
            sample(c, y);
            for (int k = 0; k < DIM; k++) check_near((double)y[k], (double)x[k], 10 * check_tiny, t.name);
            made++;
        }
    assert_in_range(made, 400, 1000);
}

/* The scale changes on the way; the network's other branch is not the first one's. */
static void a_phase_of_guidance_changes_a_table_as_its_sampler(void **state) {
    static double numbers[ROOM];
    (void)state;
    dk_config c = check_config("flow", "dpmpp_2m", 6);
    dk_guidance late;
    dk_phase phase;
    dk_table t;
    dk_real x[DIM], y[DIM], plain[DIM];
    c.prediction = DK_PREDICT_X0, c.dim = DIM, c.guidance.scale = 2;
    memset(&late, 0, sizeof late), memset(&phase, 0, sizeof phase);
    late.scale = 5, phase.step = 3, phase.guidance = &late;
    assert_int_equal(table_of(&t, numbers, ROOM, &c), DK_OK);
    sample(c, plain);
    c.phases = &phase, c.phase_count = 1;
    sample(c, x);
    memset(&c.grid, 0, sizeof c.grid);
    c.sampler = dk_table_sampler(&t), c.steps = 0;
    sample(c, y);
    for (int k = 0; k < DIM; k++) {
        check_near((double)y[k], (double)x[k], 10 * check_tiny, "a table with a phase");
        assert_true(fabs((double)(x[k] - plain[k])) > 0.01);
    }
}

/* Image to image: the table begins where the config's grid does. */
static void tables_of_runs_on_data_begin_where_these_do(void **state) {
    static const dk_real data[DIM] = {(dk_real)0.7, (dk_real)-0.7, (dk_real)0.2};
    static double numbers[ROOM];
    (void)state;
    for (int k = 0; k < 3; k++) {
        static const double strength[] = {0.3, 0.6, 1};
        dk_config c = check_config("edm", "dpmpp_2m", 9);
        dk_table t;
        dk_real x[DIM], y[DIM];
        c.prediction = DK_PREDICT_X0, c.dim = DIM, c.start = DK_START_DATA, c.grid.strength = strength[k];
        assert_int_equal(table_of(&t, numbers, ROOM, &c), DK_OK);
        assert_int_equal(t.steps, k == 0 ? 2 : k == 1 ? 5 : 9);
        memcpy(x, data, sizeof x), memcpy(y, data, sizeof y);
        assert_int_equal(dk_sample(&c, denoise, NULL, x), DK_OK);
        memset(&c.grid, 0, sizeof c.grid);
        c.grid.strength = 1, c.sampler = dk_table_sampler(&t), c.steps = 0;
        assert_int_equal(dk_sample(&c, denoise, NULL, y), DK_OK);
        for (int i = 0; i < DIM; i++) check_near((double)y[i], (double)x[i], 10 * check_tiny, t.name);
    }
}

static void what_is_no_table_is_refused(void **state) {
    static double numbers[ROOM];
    static const struct {
        const char *settings, *message;
    } rows[] = {{"sampler=euler_ancestral", "table of euler_ancestral: it must have no noise and no step-size control"},
                {"sampler=rk45", "table of rk45: it must have no noise and no step-size control"},
                {"sampler=euler_cfg_pp guidance.scale=2", "table of euler_cfg_pp: every state must be a sum of the one before and of D, with fixed numbers; a slope at sigma = 0 is none"},
                {"sampler=midpoint guidance.scale=2 guidance.stop=0.4", "table of midpoint: the network must be told a noise level, and guidance must not depend on the step"},
                {"sampler=euler guidance.scale=2 guidance.zero_init=1", "table of euler: guidance.zero_init must be 0"},
                {"sampler=euler grid=karras grid.rising=1 start=state", "table of euler: every state must be a sum of the one before and of D, with fixed numbers; a slope at sigma = 0 is none"},
                {"steps=30", "room = 20: must be at least 586, for 30 evaluations"}};
    (void)state;
    for (int k = 0; k < (int)(sizeof rows / sizeof rows[0]); k++) {
        dk_config c = check_config("flow", NULL, 9);
        dk_table t;
        assert_int_equal(dk_config_set(&c, rows[k].settings), DK_OK);
        assert_int_not_equal(table_of(&t, numbers, k < 6 ? ROOM : 20, &c), DK_OK);
        assert_string_equal(dk_message(&c), rows[k].message);
    }
}

/* ------------------------------------------------------------------------------ solvers of papers */

/* Each as in its paper: its own time, direction and formula, on numbers that are made up; and as a recording function, of which
   table_of makes the table. `network`: D at a noise level, or noise at a time. */
enum { N = 5 };
static double weight(int i, int j) { return i == j ? 1.2 + 0.1 * i : 0.4 * sin(1.7 * i + 2.9 * j + 1); }
static double some_noise(double x, double t) { return 0.8 * x + 0.2 * sin(2 * x + t / 300); }

typedef struct paper {
    const char *name, *schedule;
    double (*own)(double x);
    dk_record_fn record;
    dk_prediction prediction;
    double from; /* level of the noise, sigma/(alpha + sigma) */
} paper;

static dk_level at(const dk_recorder *r, dk_unit unit, double v) { return dk_level_at(&r->config->schedule, unit, v); }

/* BNS, Shaul et al. 2024: x_{i+1} = a_i x_0 + sum_{j <= i} b_ij u_j, u_j the velocity at t_j; t is 0 at the noise, 1 at data. */
static const double bns_t[N] = {0.0, 0.15, 0.35, 0.6, 0.85};
static double bns_a(int i) { return 1 - 0.19 * (i + 1); }

static double bns(double x0) {
    double u[N], x = x0;
    for (int i = 0; i < N; i++) {
        dk_level l = {0, bns_t[i], 1 - bns_t[i]};
        u[i] = (D_of(l, x) - x) / (1 - bns_t[i]);
        x = bns_a(i) * x0;
        for (int j = 0; j <= i; j++) x += 0.2 * weight(i, j) * u[j];
    }
    return x;
}

static void record_bns(dk_recorder *r) {
    dk_vec v[N + 1];
    double c[N + 1];
    while (dkr_step(r))
        for (int i = 0; i < N; i++) {
            if (i == 0) v[N] = r->x; /* x_0 */
            dk_vec D = dkr_denoise(r, r->x, at(r, DK_UNIT_FLOW, 1 - bns_t[i]));
            v[i] = dkr_keep(r, dkr_mix(1 / (1 - bns_t[i]), D, -1 / (1 - bns_t[i]), r->x));
            for (int j = 0; j <= i; j++) c[j] = 0.2 * weight(i, j);
            dk_vec sum = dkr_sum(r, i + 1, c, v);
            r->x = dkr_keep(r, dkr_mix(bns_a(i), v[N], 1, sum));
        }
}

/* NeuralSolver, Wang et al. 2025: x += dt_i (sum_{j < i} c_ij v_j + (1 - sum_j c_ij) v_i), the same time. */
static const double delta[N] = {0.26, 0.18, 0.17, 0.21, 0.18};

static double neural_solver(double x) {
    double v[N], t = 0;
    for (int i = 0; i < N; t += delta[i++]) {
        dk_level l = {0, t, 1 - t};
        double sum = 0, step = 0;
        v[i] = (D_of(l, x) - x) / (1 - t);
        for (int j = 0; j < i; j++) step += weight(i, j) * v[j], sum += weight(i, j);
        x += delta[i] * (step + (1 - sum) * v[i]);
    }
    return x;
}

static void record_neural_solver(dk_recorder *r) {
    dk_vec v[N + 1];
    double c[N + 1], t = 0;
    while (dkr_step(r))
        for (int i = 0; i < N; t += delta[i++]) {
            dk_vec D = dkr_denoise(r, r->x, at(r, DK_UNIT_DATA, t));
            v[i] = dkr_keep(r, dkr_mix(1 / (1 - t), D, -1 / (1 - t), r->x));
            c[i] = delta[i];
            for (int j = 0; j < i; j++) c[j] = delta[i] * weight(i, j), c[i] -= c[j];
            v[i + 1] = r->x, c[i + 1] = 1;
            r->x = dkr_sum(r, i + 2, c, v);
        }
}

/* S4S, Frankel et al. 2025, multistep with noise prediction: x_{i+1} = alpha_{i+1}/alpha_i x_i - sigma_{i+1} (e^h - 1) sum b_ij eps_j,
   h the step in log(alpha/sigma); the network is told times of its own. */
static const double s4s_t[N + 1] = {0.99, 0.7, 0.5, 0.3, 0.12, 0.01}, s4s_told[N] = {0.98, 0.72, 0.47, 0.33, 0.1};

static double s4s(double x) {
    const dk_schedule vp = dk_schedule_named("vp");
    double e[N];
    for (int i = 0; i < N; i++) {
        const dk_level from = dk_level_at(&vp, DK_UNIT_T, s4s_t[i]), to = dk_level_at(&vp, DK_UNIT_T, s4s_t[i + 1]);
        const double h = dk_lambda(to) - dk_lambda(from);
        double sum = 0;
        e[i] = some_noise(x, s4s_told[i]);
        for (int j = 0; j <= i; j++) sum += weight(i, j) * e[j];
        x = to.alpha / from.alpha * x - to.sigma * expm1(h) * sum;
    }
    return x;
}

static void record_s4s(dk_recorder *r) {
    dk_vec v[N + 1];
    double c[N + 1];
    while (dkr_step(r))
        for (int i = 0; i < N; i++) {
            const dk_level from = at(r, DK_UNIT_T, s4s_t[i]), to = at(r, DK_UNIT_T, s4s_t[i + 1]);
            const double h = dk_lambda(to) - dk_lambda(from);
            dk_vec D = dkr_denoise_told(r, r->x, from, at(r, DK_UNIT_T, s4s_told[i]), NULL);
            v[i] = dkr_keep(r, dkr_mix(1 / from.sigma, r->x, -from.alpha / from.sigma, D));
            for (int j = 0; j <= i; j++) c[j] = -to.sigma * expm1(h) * weight(i, j);
            v[i + 1] = r->x, c[i + 1] = to.alpha / from.alpha;
            r->x = dkr_sum(r, i + 2, c, v);
        }
}

/* DyWeight, Zhao et al. 2026: x += (t_{i+1} - t_i) sum w_ij d_j, d = (x - D)/t; the weights' sum is the share of the step that is
   made, so that the next t is not the grid's, and the network sees t times a factor. */
static const double dy_t[N + 1] = {20, 8, 3, 1, 0.3, 0.02}, dy_factor[N] = {1, 0.95, 1.05, 0.97, 1.1};
static double dy_weight(int i, int j) { return 0.75 * weight(i, j) + (i == j ? 0.1 : 0); }

static double dyweight(double x) {
    double d[N], t = dy_t[0];
    for (int i = 0; i < N; i++) {
        dk_level seen = {0, 1, dy_factor[i] * t};
        double sum = 0, share = 0;
        d[i] = (x - D_of(seen, x)) / t;
        for (int j = 0; j <= i; j++) sum += dy_weight(i, j) * d[j], share += dy_weight(i, j);
        x += (dy_t[i + 1] - t) * sum;
        t += share * (dy_t[i + 1] - t);
    }
    return x;
}

static void record_dyweight(dk_recorder *r) {
    dk_vec v[N + 1];
    double c[N + 1], t = dy_t[0];
    while (dkr_step(r))
        for (int i = 0; i < N; i++) {
            double share = 0;
            dk_vec D = dkr_denoise(r, r->x, at(r, DK_UNIT_SIGMA, dy_factor[i] * t));
            v[i] = dkr_keep(r, dkr_mix(1 / t, r->x, -1 / t, D));
            for (int j = 0; j <= i; j++) c[j] = (dy_t[i + 1] - t) * dy_weight(i, j), share += dy_weight(i, j);
            v[i + 1] = r->x, c[i + 1] = 1;
            r->x = dkr_sum(r, i + 2, c, v);
            t += share * (dy_t[i + 1] - t);
        }
}

static int predict(void *user, const dk_eval *e) {
    const paper *p = (const paper *)user;
    if (p->prediction == DK_PREDICT_X0) return denoise(NULL, e);
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)some_noise((double)e->input[i], e->t);
    return 0;
}

static void learned_solvers_of_papers_are_tables(void **state) {
    static const paper papers[] = {{"BNS", "flow", bns, record_bns, DK_PREDICT_X0, 1},
                                   {"NeuralSolver", "flow", neural_solver, record_neural_solver, DK_PREDICT_X0, 1},
                                   {"S4S", "vp", s4s, record_s4s, DK_PREDICT_EPS, 0},
                                   {"DyWeight", "edm", dyweight, record_dyweight, DK_PREDICT_X0, 20.0 / 21}};
    static double numbers[ROOM];
    (void)state;
    for (int k = 0; k < 4; k++) {
        paper p = papers[k];
        const dk_real start[DIM] = {1, (dk_real)-0.7, (dk_real)0.3};
        dk_real x[DIM];
        dk_config c = config_of(p.schedule);
        double ends[2] = {p.from, k == 3 ? 0.02 / 1.02 : 0};
        if (k == 2)
            for (int i = 0; i < 2; i++) {
                const dk_level l = dk_level_at(&c.schedule, DK_UNIT_T, i ? s4s_t[N] : s4s_t[0]);
                ends[i] = l.sigma / (l.alpha + l.sigma);
            }
        c.prediction = p.prediction, c.sampler.name = p.name, c.sampler.record = p.record;
        c.grid = dk_grid_levels(ends, DK_UNIT_FLOW), c.steps = 1;
        dk_table t;
        if (table_of(&t, numbers, ROOM, &c)) fail_msg("%s", dk_message(&c));
        assert_int_equal(t.steps, N);
        assert_true(!t.told == (k != 2));
        dk_table again = reread(&t);
        memset(&c.grid, 0, sizeof c.grid);
        c.sampler = dk_table_sampler(&again), c.steps = 0;
        memcpy(x, start, sizeof x);
        if (dk_sample(&c, predict, &p, x)) fail_msg("%s", dk_message(&c));
        for (int i = 0; i < DIM; i++) check_near((double)x[i], p.own((double)start[i]), 20 * check_tiny, p.name);
    }
}

/* -------------------------------------------------------------------------------------------- text */

static void numbers_are_written_and_read_to_the_bit(void **state) {
    (void)state;
    static const double level[] = {1, 5e-324, 0.1, 0}, a[] = {-0.0, 1.7976931348623157e308, 1.0 / 3},
                        b[] = {2.2250738585072014e-308, -1e-310, 12345678901234568.0, 1e22, 0.3, 1e-5}, noise[] = {0, -1, 1e300},
                        told[] = {0.9999999999999999, 0.1234567890123456, 1e-300};
    const dk_table t = {"a \"name\" \\ with\ttab", 3, 1, 2.5, level, a, b, noise, told};
    reread(&t);
}

static void a_table_as_c_is_an_initialiser(void **state) {
    static const double level[] = {0.75, 0.5, 0}, a[] = {0.5, -0.0}, b[] = {0.25, 1, -2}, told[] = {0.5, 0.25};
    const dk_table t = {"\"it\"", 2, 1, 2.5, level, a, b, NULL, told};
    char text[1000];
    FILE *file = tmpfile();
    (void)state;
    assert_non_null(file);
    assert_int_equal(table_write_c(file, "mine", &t), 0);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    assert_string_equal(text, "static const double mine_level[] = {0.75, 0.5, 0};\n"
                              "static const double mine_a[] = {0.5, -0.0};\n"
                              "static const double mine_b[] = {\n"
                              "    0.25,\n"
                              "    1, -2};\n"
                              "static const double mine_told[] = {0.5, 0.25};\n"
                              "static const dk_table mine = {\"\\042it\\042\", 2, 1, 2.5, mine_level, mine_a, mine_b, NULL, mine_told};\n");
}

#define LISTS "\"level\": [0.9, 0.5, 0], \"a\": [1, 0.5], \"b\": [[0.1], [0.2, 0.3]]"

static void what_is_wrong_in_a_text_is_named(void **state) {
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"{" LISTS "}", ""},
        {" {\"_about\": {\"x\": [1, {}]}, \"b\" : [ [ 1e-1 ] , [2e-1,3E-1]],\n\"shared\":false, " "\"a\": [1, 0.5], \"level\": [0.9, 0.5, 0]} ", ""},
        {"", "JSON, byte 0: the text ends too early"},
        {"[", "JSON, byte 0: '{' is expected"},
        {"{}", "\"level\": 0 numbers: must be 1, where \"a\" has 0"},
        {"{" LISTS "} x", "JSON, byte 66: nothing more is expected"},
        {"{" LISTS ", \"a\": [1, 2]}", "JSON, byte 70, at \"a\": the key is there twice"},
        {"{" LISTS ", \"alpha\": 1}", "JSON, byte 74, at \"alpha\": the key is not known: must be level, a, b, noise, told, name, guidance or shared"},
        {"{" LISTS ", \"noise\": [1]}", "\"noise\": 1 numbers: must be 2, where \"a\" has 2"},
        {"{" LISTS ", \"told\": []}", "\"told\": 0 numbers: must be 2, where \"a\" has 2"},
        {"{" LISTS ", \"told\": [0.5, 2]}", "table.told[1] = 2: must be > 0 and <= 1"},
        {"{" LISTS ", \"shared\": 1}", "JSON, byte 77, at \"shared\": true or false is expected"},
        {"{" LISTS ", \"guidance\": \"2\"}", "JSON, byte 81, at \"guidance\": a finite number is expected"},
        {"{" LISTS ", \"guidance\": -1}", "table.guidance = -1: must be finite, >= 0"},
        {"{" LISTS ", \"name\": 7}", "JSON, byte 75, at \"name\": a string of at most 63 bytes is expected"},
        {"{\"level\": [0.9, 0.5, 0], \"a\": [1, 0.5], \"b\": [[0.1], [0.2]]}",
         "JSON, byte 58, at \"b\": the first list must have one number, the next two and so on"},
        {"{\"level\": [0.9, 0.5, 0], \"a\": [1, 0.5], \"b\": [[0.1]]}", "\"b\": 1 numbers: must be 3, where \"a\" has 2"},
        {"{\"level\": [0.9, 0], \"a\": [1, 0.5], \"b\": [[0.1], [0.2, 0.3]]}", "\"level\": 2 numbers: must be 3, where \"a\" has 2"},
        {"{\"level\": [0.9, 1.5, 0], \"a\": [1, 0.5], \"b\": [[0.1], [0.2, 0.3]]}", "table.level[1] = 1.5: must be > 0 and <= 1"},
        {"{\"level\": [0.9, NaN, 0]}", "JSON, byte 19, at \"level\": a finite number is expected"},
        {"{\"level\": [0.9, 1e999]}", "JSON, byte 21, at \"level\": a finite number is expected"},
        {"{\"level\": [0.9,]}", "JSON, byte 15, at \"level\": a finite number is expected"},
        {"{\"level\": 0.9}", "JSON, byte 10, at \"level\": a list is expected"},
        {"{\"level\": [0.9 0.5]}", "JSON, byte 15, at \"level\": ',' or ']' is expected"},
        {"{\"level\": [0.9, 0.5", "JSON, byte 19, at \"level\": the text ends too early"},
        {"{\"level\": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]}", "JSON, byte 52, at \"level\": there is room for no more numbers"},
    };
    (void)state;
    for (int k = 0; k < (int)(sizeof rows / sizeof rows[0]); k++) {
        double numbers[12];
        char message[DK_MESSAGE_SIZE] = "?";
        dk_table t, before;
        memset(&t, 7, sizeof t);
        before = t;
        dk_status status = dk_table_from_json(&t, numbers, 12, rows[k].text, strlen(rows[k].text), message);
        assert_string_equal(message, rows[k].message);
        assert_int_equal(status, rows[k].message[0] ? DK_ERROR_CONFIG : DK_OK);
        if (status) assert_memory_equal(&t, &before, sizeof t);
        if (status) continue;
        assert_int_equal(t.steps, 2);
        static const double wanted[] = {0.5, 0.5, 0.2, 0.3}; /* stored, for registers may hold more digits */
        const double got[] = {t.level[1], t.a[1], t.b[1], t.b[2]};
        assert_memory_equal(got, wanted, sizeof got);
        assert_true(!t.noise && !t.told && !t.shared && !t.name[0]);
    }
    char message[DK_MESSAGE_SIZE];
    dk_table t;
    assert_int_equal(dk_table_from_json(&t, NULL, 100, "{" LISTS "}", 65, message), DK_ERROR_CONFIG);
    assert_string_equal(message, "JSON, byte 14, at \"level\": there is room for no more numbers");
    assert_int_equal(dk_table_from_json(NULL, NULL, 0, "{}", 2, message), DK_ERROR_CONFIG);
    assert_int_equal(dk_table_from_json(&t, NULL, 0, NULL, 2, message), DK_ERROR_CONFIG);
    assert_int_equal(dk_table_from_json(&t, NULL, 0, "{}", 2, NULL), DK_ERROR_CONFIG);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_of_dpmpp_2m_is_dpmpp_2m),
        cmocka_unit_test(a_table_reaches_back_a_hundred_steps),
        cmocka_unit_test(a_table_is_one_of_all_families),
        cmocka_unit_test(the_table_of_a_sampler_runs_as_the_sampler),
        cmocka_unit_test(a_phase_of_guidance_changes_a_table_as_its_sampler),
        cmocka_unit_test(tables_of_runs_on_data_begin_where_these_do),
        cmocka_unit_test(what_is_no_table_is_refused),
        cmocka_unit_test(learned_solvers_of_papers_are_tables),
        cmocka_unit_test(numbers_are_written_and_read_to_the_bit),
        cmocka_unit_test(a_table_as_c_is_an_initialiser),
        cmocka_unit_test(what_is_wrong_in_a_text_is_named),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
