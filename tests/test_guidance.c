/* Guidance: the formulas against numbers that torch gave for those of the papers and of diffusers and ComfyUI, and all that
   a run does with it. */
#include "check.h"
#include "examples/likelihood.h"

enum { DIM = 4, BATCH = 2, SIZE = BATCH * DIM };

/* What the network puts out for each branch, at t > 0.3 and below. */
static const double state_at[SIZE] = {0.5, -1.0, 0.25, 2.0, -0.75, 0.1, 1.5, -0.3};
static const double outputs[2][DK_BRANCHES][SIZE] = {
    {{1.2, -0.4, 0.3, 0.9, -0.6, 0.8, 0.05, 1.7},
     {0.7, 0.1, -0.5, 1.1, -0.2, 0.4, 0.6, -0.9},
     {0.9, -0.2, 0.1, 1.4, 0.3, -0.7, 0.2, 0.5}},
    {{0.4, -1.1, 0.8, 0.2, 0.9, 0.3, -0.7, 0.6}, {0.1, -0.3, 0.6, -0.5, 0.2, 0.2, -1.0, 0.3}, {0}}};

typedef struct table_network {
    int first, samples; /* of a batch that is part of the whole */
    int asked[2][DK_BRANCHES];
    dk_number number;
} table_network;

static int from_table(void *user, const dk_eval *e) {
    table_network *n = (table_network *)user;
    int late = e->level.t < 0.3, samples = e->batch / e->branches;
    assert_int_equal(samples, n->samples ? n->samples : BATCH);
    for (int k = 0; k < e->branches; k++) {
        n->asked[late][e->branch + k]++;
        for (int i = 0; i < samples * DIM; i++) {
            dk_real F = (dk_real)outputs[late][e->branch + k][n->first * DIM + i];
            int at = k * samples * DIM + i;
            if (n->number) {
                assert_int_equal(e->input_half[at], e->input_half[i]);
                dk_to_half(n->number, &F, &e->output_half[at], 1);
                continue;
            }
            assert_true(e->input[at] >= e->input[i] && e->input[at] <= e->input[i]);
            e->output[at] = F;
        }
    }
    return 0;
}

/* Looks at the first state at t = 1/2 and, where sampler.points says 2, once more at 1/4; ends with D. */
static void record_estimates(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec x = r->x;
        r->x = dkr_denoise(r, x, r->from);
        if (r->sampler.order > 1) r->x = dkr_denoise(r, x, dk_level_at(&r->config->schedule, DK_UNIT_T, 0.25));
    }
}

static const double half_way[2] = {0.5, 0};

static dk_config table_config(const char *settings) {
    dk_config c = check_config("flow", NULL, 1);
    c.sampler.name = "estimates", c.sampler.record = record_estimates;
    c.grid = dk_grid_levels(half_way, DK_UNIT_T);
    c.start = DK_START_STATE, c.dim = DIM, c.batch = BATCH;
    if (dk_config_set(&c, settings)) fail_msg("%s: %s", settings, dk_message(&c));
    return c;
}

static table_network run_table(dk_config *c, dk_real x[SIZE]) {
    table_network n = {0, 0, {{0}, {0}}, c->number};
    for (int i = 0; i < SIZE; i++) x[i] = (dk_real)state_at[i];
    if (dk_sample(c, from_table, &n, x)) fail_msg("%s", dk_message(c));
    return n;
}

typedef struct formula {
    const char *settings;
    double D[SIZE];
} formula;

static const formula formulas[] = {
    {"", {-0.1, -0.8, 0.1, 1.55, -0.45, -0.3, 1.475, -1.15}},
    {"guidance.scale=1", {-0.1, -0.8, 0.1, 1.55, -0.45, -0.3, 1.475, -1.15}},
    {"guidance.scale=1 guidance.rescale=0.7", {-0.1, -0.8, 0.1, 1.55, -0.45, -0.3, 1.475, -1.15}},
    {"guidance.scale=3", {-0.6, -0.3, -0.7, 1.75, -0.05, -0.7, 2.025, -3.75}},
    {"guidance.scale=3 guidance.scale2=3", {-0.6, -0.3, -0.7, 1.75, -0.05, -0.7, 2.025, -3.75}},
    {"guidance.scale=7 guidance.scale2=1.5", {-1.05, -0.125, -0.65, 2.975, 2.125, -4.525, 2.025, -5.1}},
    {"guidance.scale=3 guidance.rescale=0.7",
     {-0.16135524184219, -0.579137573373152, -0.321170436136437, 1.84969199049041, -0.413416191375142,
      -0.284667209856981, 1.75243785646864, -1.95887734250823}},
    {"guidance.scale=3 guidance.rescale=0.7 guidance.space=x0",
     {-0.539103653466182, -0.269551826733091, -0.628954262377213, 1.57238565594303, -0.0313687588210154,
      -0.439162623494217, 1.27043473225113, -2.35265691157616}},
    {"guidance.scale=3 guidance.zero_star=1",
     {-0.714285714285714, -0.316326530612245, -0.618367346938776, 1.57040816326531, 0.304744525547445,
      -1.40948905109489, 0.960766423357664, -2.1536496350365}},
    {"guidance.scale=3 guidance.zero_star=1 guidance.rescale=0.7",
     {-0.228310745960983, -0.589942689248858, -0.270833987237644, 1.74233712264742, -0.152940568442392,
      -0.754476750492133, 1.19475594805316, -1.34929579684467}},
    {"guidance.scale=3 guidance.projected=1",
     {-0.603918367346939, -0.33134693877551, -0.696081632653061, 1.81073469387755, 0.394138499587799,
      -0.403907666941468, 0.569212695795549, -2.61497938994229}},
    {"guidance.scale=3 guidance.projected=1 guidance.momentum=-0.5 guidance.parallel=0.3 guidance.limit=0.6",
     {-0.602742857142857, -0.321942857142857, -0.697257142857143, 1.79251428571429, -0.13603143430037,
      -0.38512182633064, 1.26784296376523, -1.94739505980942}},
    {"order=2 guidance.scale=3 guidance.projected=1 guidance.momentum=-0.5 guidance.parallel=0.3 "
     "guidance.limit=0.6",
     {0.558065414057064, -0.680243562978427, 0.357258176757133, 1.78306889352818, -1.56860153551144,
      0.160832287166702, 1.47898795143421, 0.521972039746772}},
    {"order=2 guidance.scale=3 guidance.projected=2 guidance.space=velocity guidance.momentum=-0.5 "
     "guidance.parallel=0.3 guidance.limit=0.6", /* diffusers */
     {0.491035353707979, -0.782064174706463, 0.268094742318125, 1.78162225335672, -1.10074648347645,
      0.0724923142932599, 1.5926765410893, -0.0845330871759918}},
    {"guidance.scale=3 guidance.quantile=0.9",
     {-0.418118466898955, -0.209059233449477, -0.487804878048781, 1, -0.0154679040989946, -0.216550657385924,
      0.626450116009281, -1}},
    {"guidance.scale=3 guidance.quantile=0.9 guidance.quantile_most=1.5",
     {-0.418118466898955, -0.209059233449477, -0.487804878048781, 1, -0.0333333333333334, -0.466666666666667,
      1, -1}},
    {"guidance.scale=3 guidance.quantile=0.5 guidance.quantile_most=1",
     {-0.6, -0.3, -0.7, 1, -0.05, -0.7, 1, -1}},
    {"guidance.scale=3 guidance.quantile=0.5 guidance.quantile_most=0.5",
     {-1, -0.6, -1, 1, -0.1, -1, 1, -1}},
};

static void check_state(const char *what, const dk_real *x, const double *want, int n, double tolerance) {
    for (int i = 0; i < n; i++) check_near((double)x[i], want[i], tolerance, what);
}

static void formulas_give_the_published_numbers(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        for (int doubled = 0; doubled < 2; doubled++) {
            dk_config c = table_config(formulas[i].settings);
            dk_real x[SIZE];
            c.guidance.doubled = doubled;
            run_table(&c, x);
            check_state(formulas[i].settings, x, formulas[i].D, SIZE, check_tiny);
        }
}

static void formulas_hold_for_numbers_of_16_bits(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        for (int k = 0; k < 4; k++) {
            dk_config c = table_config(formulas[i].settings);
            dk_real x[SIZE];
            c.guidance.doubled = k & 1, c.number = k & 2 ? DK_NUMBER_FP16 : DK_NUMBER_BF16;
            run_table(&c, x);
            check_state(formulas[i].settings, x, formulas[i].D, SIZE, k & 2 ? 2e-2 : 1e-1);
        }
}

/* ComfyUI's RescaleCFG: an eps network of a VP model, seen from VE coordinates, rescaled as v. */
static void rescale_in_v_is_that_of_comfyui(void **state) {
    static const double levels[2] = {2, 0},
                        want[SIZE] = {-1.95261067171221, 0.826305335856105, -1.79734960454099,
                                      0.707891600756832, 0.931631821510273, -1.51395058323275,
                                      1.92244773226541,  -6.96277762454738};
    dk_config c = table_config("guidance.scale=3 guidance.rescale=0.7 guidance.space=v");
    dk_real x[SIZE];
    (void)state;
    c.schedule = dk_edm(0.002, 80), c.prediction = DK_PREDICT_EPS, c.network_schedule = dk_vp(0.1, 20);
    c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    run_table(&c, x);
    check_state("RescaleCFG", x, want, SIZE, check_tiny);
}

/* Outputs whose elements are all equal have no deviation that G could be given. */
static int flat_network(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)(e->branch ? -0.1 : 0.7);
    return 0;
}

static void rescale_leaves_what_has_no_deviation(void **state) {
    static dk_real x[4000];
    (void)state;
    for (size_t dim = 1; dim <= 4000; dim = dim * 3 / 2 + 1) {
        dk_config c = check_config("flow", "euler", 1);
        c.prediction = DK_PREDICT_X0, c.dim = dim, c.guidance.scale = 3, c.guidance.rescale = 1;
        assert_int_equal(dk_sample(&c, flat_network, NULL, x), DK_OK);
        check_near((double)x[dim - 1], 2.3, check_tiny, "G as it is");
    }
}

static void samples_know_nothing_of_their_batch(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++) {
        dk_config c = table_config(formulas[i].settings);
        dk_real x[SIZE], alone[DIM];
        run_table(&c, x);
        for (int b = 0; b < BATCH; b++) {
            table_network n = {b, 1, {{0}, {0}}, DK_NUMBER_REAL};
            c.batch = 1;
            for (int k = 0; k < DIM; k++) alone[k] = (dk_real)state_at[b * DIM + k];
            assert_int_equal(dk_sample(&c, from_table, &n, alone), DK_OK);
            assert_memory_equal(alone, x + b * DIM, sizeof alone);
        }
    }
}

static void only_what_weighs_something_is_evaluated(void **state) {
    static const struct {
        const char *settings;
        int asked[DK_BRANCHES];
    } rows[] = {
        {"", {1, 0, 0}},
        {"guidance.scale=1", {1, 0, 0}},
        {"guidance.scale=3", {1, 1, 0}},
        {"guidance.scale=3 guidance.scale2=3", {1, 1, 0}},
        {"guidance.scale=3 guidance.scale2=1", {1, 0, 1}},
        {"guidance.scale=3 guidance.scale2=2", {1, 1, 1}},
        {"guidance.scale=3 guidance.noise_max=0.9", {1, 0, 0}}, /* sigma/alpha is 1 */
        {"guidance.scale=3 guidance.noise_max=1", {1, 1, 0}},
        {"guidance.scale=3 guidance.noise_min=1", {1, 0, 0}},
        {"guidance.scale=3 guidance.noise_min=0.9", {1, 1, 0}},
        {"guidance.scale=3 guidance.rescale=1 guidance.start=1", {1, 0, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = table_config(rows[i].settings);
        dk_plan plan;
        dk_real x[SIZE];
        table_network n = run_table(&c, x);
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(plan.calls, rows[i].asked[0] + rows[i].asked[1] + rows[i].asked[2]);
        for (int k = 0; k < DK_BRANCHES; k++)
            if (n.asked[0][k] != rows[i].asked[k]) fail_msg("%s: branch %d", rows[i].settings, k);
        dk_plan_free(&plan);
    }
}

static dk_plan plan_of(dk_config *c) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    if (dk_record(&plan, c)) fail_msg("%s", dk_message(c));
    return plan;
}

/* A level that is a limit, too, is told apart from it by rounding in some families. */
static void limits_that_are_levels_count_alike_in_every_family(void **state) {
    static const double levels[] = {9.37, 5.10584, 3.29811, 1.68491, 0.98206, 0.41307, 0.1};
    enum { STEPS = sizeof levels / sizeof *levels - 1 };
    (void)state;
    for (int family = 0; dk_schedule_at(family); family++)
        for (int i = 0; i < STEPS; i++) {
            dk_config c = check_config(dk_schedule_at(family)->name, "euler_ancestral", STEPS), guided;
            dk_phase phase;
            c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
            guided = c, guided.guidance.scale = 3, guided.guidance.noise_max = levels[i];
            dk_plan plan = plan_of(&guided);
            assert_int_equal(plan.calls, 2 * STEPS - i);
            guided.guidance.noise_max = 0, guided.guidance.noise_min = levels[i];
            dk_plan_free(&plan), plan = plan_of(&guided);
            assert_int_equal(plan.calls, STEPS + i);
            c.sampler.noise_range[0] = c.sampler.noise_range[1] = levels[i + 1];
            dk_plan_free(&plan), plan = plan_of(&c);
            assert_int_equal(plan.draws, 2); /* and draw 0 */
            c.sampler.eta = 0, c.sampler.churn = 1,
            c.sampler.churn_range[0] = c.sampler.churn_range[1] = levels[i];
            dk_plan_free(&plan), plan = plan_of(&c);
            assert_int_equal(plan.draws, 2);
            memset(&phase, 0, sizeof phase);
            phase.level = levels[i], phase.unit = DK_UNIT_SIGMA, c.phases = &phase, c.phase_count = 1;
            dk_plan_free(&plan), plan = plan_of(&c);
            for (int k = 0; k < STEPS; k++) assert_int_equal(plan.call[k].phase, k > i);
            dk_plan_free(&plan);
        }
}

/* ------------------------------------------------------------------------ whole runs */

/* A Gaussian for each branch. `sum`: the network adds them up by itself, as callbacks do that know of guidance. */
typedef struct gaussians {
    check_gaussian of[DK_BRANCHES];
    double scale;
    int sum, calls, branches, bad_at, asked[64];
    dk_schedule schedule;
} gaussians;

static gaussians mixed(dk_prediction prediction, double scale) {
    gaussians g = {
        {{0.7, 0.5, prediction, 0.5, 0}, {-0.2, 0.9, prediction, 0.5, 0}, {0.1, 0.3, prediction, 0.5, 0}},
        scale,
        0,
        0,
        0,
        -1,
        {0},
        dk_flow(1)};
    return g;
}

static double branch_output(const gaussians *g, int k, const dk_eval *e, double x) {
    double D = check_gaussian_D(&g->of[k], e->level, x);
    return check_prediction(g->of[k].prediction, e->level, 0.5, x, D);
}

static int guided_network(void *user, const dk_eval *e) {
    gaussians *g = (gaussians *)user;
    size_t n = (size_t)(e->batch / e->branches) * e->dim;
    if (g->calls == g->bad_at) return 1;
    for (int k = e->branch; k < e->branch + e->branches; k++)
        for (size_t i = 0; i < n; i++) {
            size_t at = (size_t)(k - e->branch) * n + i;
            double x = (double)e->input[at], F = branch_output(g, k, e, x), U = branch_output(g, 1, e, x);
            e->output[at] = (dk_real)(g->sum ? U + g->scale * (F - U) : F);
            if (e->uncond_output) e->uncond_output[at] = (dk_real)U;
        }
    if (g->calls < 64) g->asked[g->calls] = e->branch;
    g->calls++, g->branches += e->branches;
    return 0;
}

static dk_config run_config(const char *sampler) {
    dk_config c = check_config("flow", sampler, 6);
    c.dim = 3, c.batch = 2, c.prediction = DK_PREDICT_VELOCITY;
    return c;
}

static void every_sampler_gets_what_a_network_with_guidance_of_its_own_gives(void **state) {
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        gaussians own = mixed(DK_PREDICT_VELOCITY, 1.75), asked = own;
        dk_config c = run_config(dk_sampler_at(i)->name);
        dk_real x[6], y[6];
        own.sum = 1;
        if (dk_sample(&c, guided_network, &own, x)) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
        c.guidance.scale = 1.75;
        for (c.guidance.doubled = 0; c.guidance.doubled < 2; c.guidance.doubled++) {
            asked.calls = asked.branches = 0;
            if (dk_sample(&c, guided_network, &asked, y)) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
            for (int k = 0; k < 6; k++)
                check_near((double)y[k], (double)x[k], 2000 * check_tiny, c.sampler.name);
            if (c.sampler.control.rtol > 0) continue; /* rounding may change its steps */
            assert_int_equal(asked.calls, own.calls * (2 - c.guidance.doubled));
            assert_int_equal(asked.branches, own.calls * 2);
        }
    }
}

/* A run that is saved at every evaluation, loaded into another and goes on, with threads, gives the same bits. */
static void runs_with_guidance_stop_save_and_resume(void **state) {
    static const char *const settings[] = {
        "guidance.scale=2",
        "guidance.scale=2 guidance.doubled=1",
        "guidance.scale=2 guidance.scale2=1.5 guidance.rescale=0.5",
        "guidance.scale=2 guidance.projected=1 guidance.momentum=-0.5 guidance.limit=1 guidance.quantile=0.8",
        "guidance.scale=2 guidance.zero_star=1 guidance.zero_init=1 guidance.doubled=1",
    };
    (void)state;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
        dk_config c = run_config("dpmpp_2m");
        static unsigned char bytes[20000];
        dk_real x[6], y[6], denoised[6];
        dk_run run;
        dk_eval e;
        assert_int_equal(dk_config_set(&c, settings[i]), DK_OK);
        if (dk_sample(&c, guided_network, &g, x)) fail_msg("%s: %s", settings[i], dk_message(&c));
        assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
        for (int calls = 0; dk_next(&run, &e); calls++) {
            assert_int_equal(e.call, calls);
            assert_true(dk_save_size(&run) <= sizeof bytes);
            assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
            dk_end(&run);
            assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
            assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
            assert_int_equal(dk_next(&run, &e), 1);
            guided_network(&g, &e);
            assert_int_equal(dk_denoised(&run, denoised), DK_OK);
        }
        assert_int_equal(run.status, DK_OK);
        assert_memory_equal(x, y, sizeof x);
        dk_end(&run);
    }
}

/* Euler's method has no memory of its own, so that it begins anew at the third step changes nothing. */
static void momentum_goes_on_in_another_phase(void **state) {
    gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
    dk_sampler euler = dk_sampler_named("euler");
    dk_phase phase;
    dk_config c = run_config("euler");
    dk_real x[6], y[6];
    (void)state;
    memset(&phase, 0, sizeof phase);
    phase.step = 2, phase.sampler = &euler;
    assert_int_equal(dk_config_set(&c, "guidance.scale=2 guidance.projected=1 guidance.momentum=-0.5"), DK_OK);
    assert_int_equal(dk_sample(&c, guided_network, &g, x), DK_OK);
    c.phases = &phase, c.phase_count = 1;
    assert_int_equal(dk_sample(&c, guided_network, &g, y), DK_OK);
    for (int i = 0; i < 6; i++) check_near((double)y[i], (double)x[i], check_tiny, "momentum");
}

static void a_failed_branch_is_asked_for_again(void **state) {
    gaussians g = mixed(DK_PREDICT_VELOCITY, 0), whole = g;
    dk_config c = run_config("euler");
    dk_real x[6], y[6];
    dk_run run;
    (void)state;
    c.guidance.scale = 3;
    assert_int_equal(dk_sample(&c, guided_network, &whole, x), DK_OK);
    assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
    g.bad_at = 3; /* the second step's second branch */
    assert_int_equal(dk_continue(&run, guided_network, &g), DK_ERROR_CALLBACK);
    assert_string_equal(run.message, "the denoiser returned nonzero at step 1 of 6 (evaluation 3)");
    g.bad_at = -1;
    assert_int_equal(dk_continue(&run, guided_network, &g), DK_OK);
    assert_int_equal(g.calls, 12);
    for (int i = 0; i < 12; i++) assert_int_equal(g.asked[i], i % 2);
    assert_memory_equal(x, y, sizeof x);
    dk_end(&run);
}

static int not_a_number(void *user, const dk_eval *e) {
    guided_network(user, e);
    if (e->branches > 1) e->output[(size_t)(e->batch - 1) * e->dim + 1] = (dk_real)NAN;
    return 0;
}

static void what_is_not_finite_is_found_in_every_branch(void **state) {
    gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
    dk_config c = run_config("euler");
    dk_real x[6];
    (void)state;
    c.guidance.scale = 3, c.guidance.doubled = 1;
    assert_int_equal(dk_sample(&c, not_a_number, &g, x), DK_ERROR_NOT_FINITE);
    assert_string_equal(
        dk_message(&c),
        "the network's output is NaN or infinite at step 0 of 6 (evaluation 0), sample 1, element 1");
}

/* The estimate that progress shows: of branch 0, then G. */
static void denoised_is_guided_at_the_last_branch(void **state) {
    (void)state;
    for (int k = 0; k < 4; k++) {
        dk_config c = table_config("guidance.scale=3");
        table_network n = {0, 0, {{0}, {0}}, k & 2 ? DK_NUMBER_FP16 : DK_NUMBER_REAL};
        dk_real x[SIZE], D[SIZE];
        dk_run run;
        dk_eval e;
        c.guidance.doubled = k & 1, c.number = n.number;
        for (int i = 0; i < SIZE; i++) x[i] = (dk_real)state_at[i];
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        while (dk_next(&run, &e)) {
            int last = e.branch + e.branches == 2;
            from_table(&n, &e);
            assert_int_equal(dk_denoised(&run, D), DK_OK);
            check_state("denoised", D, formulas[last ? 3 : 0].D, SIZE, k & 2 ? 2e-2 : check_tiny);
        }
        dk_end(&run);
    }
}

static void ramp(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    assert_true(user == &half_way && level.sigma > 0 && steps == 6);
    g->scale = 1 + step % 3; /* 1, 2, 3, 1, 2, 3 */
}

static void schedules_say_what_holds_at_each_step(void **state) {
    gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
    dk_config c = run_config("euler");
    dk_plan plan;
    dk_real x[6];
    memset(&plan, 0, sizeof plan);
    (void)state;
    c.guidance.schedule = ramp, c.guidance.schedule_user = (void *)(uintptr_t)half_way;
    assert_int_equal(dk_sample(&c, guided_network, &g, x), DK_OK);
    assert_int_equal(g.calls, 10); /* at scale 1 the condition alone */
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    for (int i = 0; i < plan.calls; i++)
        check_near(plan.call[i].weight[0], 1 + plan.call[i].step % 3, 0, "scale");
    dk_plan_free(&plan);
}

/* Steps int(start steps) to int(stop steps) - 1, as in diffusers. */
static void shares_of_steps_are_rounded_down(void **state) {
    gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
    dk_config c = run_config("euler");
    dk_real x[6];
    (void)state;
    assert_int_equal(dk_config_set(&c, "guidance.scale=3 guidance.start=0.2 guidance.stop=0.7"), DK_OK);
    assert_int_equal(dk_sample(&c, guided_network, &g, x), DK_OK);
    static const int branches[] = {0, 0, 1, 0, 1, 0, 1, 0, 0}; /* steps 1, 2, 3 */
    assert_int_equal(g.calls, 9);
    assert_memory_equal(g.asked, branches, sizeof branches);
}

/* ---------------------------------------------------------------------------- hooks */

typedef struct hooked {
    int calls, fails_at, slot;
    double weight;
} hooked;

static int towards_one(void *user, const dk_eval *e, dk_real *D, int slot) {
    hooked *h = (hooked *)user;
    if (h->calls == h->fails_at) return h->fails_at = -1, 1;
    assert_null(e->input), assert_null(e->output);
    assert_int_equal(e->batch, 2), assert_int_equal(e->step, h->calls);
    for (size_t i = 0; i < (size_t)e->batch * e->dim; i++) D[i] += (dk_real)h->weight * (1 - D[i]);
    h->calls++, h->slot = slot;
    return 0;
}

static void hooks_change_D_and_may_stop_the_run(void **state) {
    (void)state;
    static const char *const messages[] = {"guidance.hook returned nonzero at step 3 of 6 (evaluation 3)",
                                           "guidance.hook returned nonzero at step 3 of 6 (evaluation 7)",
                                           "guidance.hook returned nonzero at step 3 of 6 (evaluation 3)"};
    for (int way = 0; way < 3; way++) { /* without guidance, with, and with a doubled batch */
        gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
        dk_config c = run_config("dpmpp_2m");
        hooked h = {0, 3, 0, 1};
        static unsigned char bytes[20000];
        dk_real x[6], y[6];
        dk_run run;
        c.guidance.hook = towards_one, c.guidance.hook_user = &h, c.guidance.scale = way ? 2 : 0;
        c.guidance.doubled = way == 2;
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_continue(&run, guided_network, &g), DK_ERROR_CALLBACK);
        assert_string_equal(run.message, messages[way]);
        assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_continue(&run, guided_network, &g), DK_OK);
        assert_int_equal(h.calls, 6);
        for (int i = 0; i < 6; i++) check_near((double)x[i], 1, check_tiny, "all weight on the target");
        dk_end(&run);

        h.calls = 3;
        assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
        assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_continue(&run, guided_network, &g), DK_OK);
        assert_memory_equal(x, y, sizeof x);
        dk_end(&run);

        h.calls = 0, h.weight = 0; /* one that changes nothing */
        assert_int_equal(dk_sample(&c, guided_network, &g, x), DK_OK);
        c.guidance.hook = NULL;
        assert_int_equal(dk_sample(&c, guided_network, &g, y), DK_OK);
        assert_memory_equal(x, y, sizeof x);
    }
}

/* D is read by the hook and by a row that is dropped. */
static void record_for_hook(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from);
        dkr_keep(r, dkr_mix(1, r->x, -1, D));
        r->x = dkr_scale(0.5, r->x);
    }
}

static int sum_of_D(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)slot;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) *(double *)user += (double)D[i];
    return 0;
}

static int half_of_input(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) e->output[i] = e->input[i] / 2;
    return 0;
}

static void hooks_see_a_D_that_nothing_else_reads(void **state) {
    dk_real x[2] = {8, 16};
    double sum = 0;
    dk_config c = check_config("ve", "euler", 3);
    (void)state;
    c.sampler.name = "for hooks", c.sampler.record = record_for_hook;
    c.dim = 2, c.prediction = DK_PREDICT_X0, c.start = DK_START_STATE;
    c.guidance.hook = sum_of_D, c.guidance.hook_user = &sum;
    assert_int_equal(dk_sample(&c, half_of_input, NULL, x), DK_OK);
    check_near(sum, 12 + 6 + 3, 0, "sum of D");
    check_near((double)x[1], 2, 0, "x");
}

static void plans_and_hooks_belong_together(void **state) {
    dk_config c = run_config("euler");
    dk_plan plan;
    dk_real x[6];
    dk_run run;
    memset(&plan, 0, sizeof plan);
    (void)state;
    c.guidance.hook = towards_one;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    c.guidance.hook = NULL;
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "guidance.hook: must be given to a plan recorded with one");
    dk_plan_free(&plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    c.guidance.hook = towards_one;
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "guidance.hook: must be NULL for a plan recorded without one");
    dk_plan_free(&plan);
}

/* --------------------------------------------------------------------- other stages */

static void likelihoods_are_those_of_the_guided_ode(void **state) {
    (void)state;
    gaussians own = mixed(DK_PREDICT_VELOCITY, 1.5), asked = own;
    dk_config c = check_config("flow", "euler", 20);
    dk_real x[2] = {(dk_real)0.4, (dk_real)0.9}, probe[2] = {1, -1};
    double want, got;
    c.dim = 2, c.prediction = DK_PREDICT_VELOCITY;
    c.grid.sigma_min = 0.01, c.grid.sigma_max = 0.99;
    own.sum = 1;
    if (log_likelihood(&c, guided_network, &own, x, probe, &want)) fail_msg("%s", dk_message(&c));
    c.guidance.scale = 1.5;
    if (log_likelihood(&c, guided_network, &asked, x, probe, &got)) fail_msg("%s", dk_message(&c));
    check_near(got, want, sizeof(dk_real) == 8 ? 1e-8 : 1e-2, "log p");
    assert_int_equal(asked.calls, 2 * own.calls);
}

static void plans_show_guidance_in_words(void **state) {
    dk_config c =
        table_config("guidance.scale=3 guidance.projected=1 guidance.limit=2 guidance.quantile=0.9");
    dk_plan plan;
    char text[4096];
    memset(&plan, 0, sizeof plan);
    (void)state;
    c.guidance.hook = towards_one;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    dk_plan_text(&plan, text, sizeof text);
    static const char *const lines[] = {
        "    F0 = network(x0; 0.5)    t 0.5, alpha 0.5, sigma 0.5\n",
        "    G0 = network(x0; 0.5)    t 0.5, alpha 0.5, sigma 0.5, branch 1\n",
        "    r1 = min(1, 2 / |y",
        " / |y0|^2\n",
        "    r3 = 1 / 0.9 quantile of |D0|, from 1\n",
        " = r3 D0, clipped to 1  -> ",
        "    D0 = hook\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i])) fail_msg("\"%s\" is not in\n%s", lines[i], text);
    dk_plan_free(&plan);
    dk_config linear = run_config("euler");
    linear.guidance.scale = 3;
    assert_int_equal(dk_record(&plan, &linear), DK_OK);
    assert_int_equal(plan.passes, 13); /* no pass but those that end with the evaluations */
    assert_int_equal(plan.buffers, 2);
    dk_plan_free(&plan);
}

/* Against sorting, with ties, zeros and lengths from 1 on. */
/* Long samples, in parts that run at once: the same bits. */
static void parts_change_nothing(void **state) {
    enum { LONG = 70000 };
    static dk_real x[2][2 * LONG];
    (void)state;
    for (int k = 0; k < 2; k++) {
        gaussians g = mixed(DK_PREDICT_VELOCITY, 0);
        dk_config c = run_config("euler");
        c.dim = LONG, c.steps = 2, c.threads = k ? 5 : 1;
        assert_int_equal(dk_config_set(&c, "guidance.scale=2 guidance.projected=1 guidance.limit=9 "
                                           "guidance.rescale=0.4 guidance.quantile=0.99"),
                         DK_OK);
        if (dk_sample(&c, guided_network, &g, x[k])) fail_msg("%s", dk_message(&c));
    }
    assert_memory_equal(x[0], x[1], sizeof x[0]);
}

static void wrong_guidance_is_refused(void **state) {
    static const char *const rows[][3] = {
        {"euler", "guidance.rescale=1.5", "setting \"guidance.rescale=1.5\": must be 0 .. 1; needs scale"},
        {"euler", "guidance.stop=-1", "setting \"guidance.stop=-1\": must be 0 .. 1 (0: 1)"},
        {"euler", "guidance.start=0.5 guidance.stop=0.4", "guidance.stop = 0.4: must be >= start (0: 1)"},
        {"euler", "guidance.noise_min=2 guidance.noise_max=1",
         "guidance.noise_max = 1: must be > noise_min (0: no limit)"},
        {"euler", "guidance.projected=3", "setting \"guidance.projected=3\": must be 0, 1 or 2; needs scale"},
        {"euler", "guidance.scale=2 guidance.projected=1 guidance.zero_star=1",
         "guidance.projected = 1: must be 0 with zero_star"},
        {"euler", "guidance.scale=2 guidance.projected=1 guidance.scale2=2",
         "guidance.scale2 = 2: must be 0 with zero_star or projected"},
        {"rk45", "guidance.scale=2 guidance.rescale=1",
         "guidance: start, stop, rescale, zero_star, zero_init, projected, guider, quantile and a list of "
         "scales must be 0 with "
         "step-size control "
         "(sampler.rtol, atol)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = run_config(rows[i][0]);
        if (dk_config_set(&c, rows[i][1]) == DK_OK) assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), rows[i][2]);
    }
    dk_config c = run_config("euler");
    assert_int_equal(dk_config_set(&c, "guidance.scal=2"), DK_ERROR_CONFIG);
    c.guidance.scale = (double)NAN;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    c.guidance.scale = 0, c.clip = 1, c.guidance.quantile = 0.9;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "clip = 1: must be 0 with guidance.quantile");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formulas_give_the_published_numbers),
        cmocka_unit_test(formulas_hold_for_numbers_of_16_bits),
        cmocka_unit_test(rescale_in_v_is_that_of_comfyui),
        cmocka_unit_test(rescale_leaves_what_has_no_deviation),
        cmocka_unit_test(samples_know_nothing_of_their_batch),
        cmocka_unit_test(only_what_weighs_something_is_evaluated),
        cmocka_unit_test(limits_that_are_levels_count_alike_in_every_family),
        cmocka_unit_test(every_sampler_gets_what_a_network_with_guidance_of_its_own_gives),
        cmocka_unit_test(runs_with_guidance_stop_save_and_resume),
        cmocka_unit_test(momentum_goes_on_in_another_phase),
        cmocka_unit_test(a_failed_branch_is_asked_for_again),
        cmocka_unit_test(what_is_not_finite_is_found_in_every_branch),
        cmocka_unit_test(denoised_is_guided_at_the_last_branch),
        cmocka_unit_test(schedules_say_what_holds_at_each_step),
        cmocka_unit_test(shares_of_steps_are_rounded_down),
        cmocka_unit_test(hooks_change_D_and_may_stop_the_run),
        cmocka_unit_test(hooks_see_a_D_that_nothing_else_reads),
        cmocka_unit_test(plans_and_hooks_belong_together),
        cmocka_unit_test(likelihoods_are_those_of_the_guided_ode),
        cmocka_unit_test(plans_show_guidance_in_words),
        cmocka_unit_test(parts_change_nothing),
        cmocka_unit_test(wrong_guidance_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
