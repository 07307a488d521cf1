/* Guidance that sees all outputs: sums of up to six branches, guiders of one's own, those of examples/guiders.h, lists of
   scales. The numbers are those of the formulas as diffusers, ComfyUI and the models' own programs write them, computed in
   double by another program, and by power iteration where these take a singular value decomposition. */
#include "check.h"
#include "examples/guiders.h"

enum { DIM = 4, BATCH = 2, SIZE = BATCH * DIM };

/* What the network puts out for each branch, at t > 0.3 and below. */
static const double state_at[SIZE] = {0.5, -1.0, 0.25, 2.0, -0.75, 0.1, 1.5, -0.3};
static const double outputs[2][DK_BRANCHES][SIZE] = {{{1.2, -0.4, 0.3, 0.9, -0.6, 0.8, 0.05, 1.7},
                                                      {0.7, 0.1, -0.5, 1.1, -0.2, 0.4, 0.6, -0.9},
                                                      {0.9, -0.2, 0.1, 1.4, 0.3, -0.7, 0.2, 0.5},
                                                      {0.6, -0.5, 0.2, 1.0, -0.4, 0.9, -0.1, 1.1},
                                                      {1.3, 0.2, 0.35, 0.6, -0.9, 0.5, 0.4, 0.8},
                                                      {1.0, -0.1, 0.6, 0.7, 0.1, 0.3, -0.2, 1.4}},
                                                     {{0.4, -1.1, 0.8, 0.2, 0.9, 0.3, -0.7, 0.6},
                                                      {0.1, -0.3, 0.6, -0.5, 0.2, 0.2, -1.0, 0.3},
                                                      {0.5, -0.6, 0.3, 0.1, 0.4, -0.2, -0.8, 0.9}}};

typedef struct table_network {
    dk_number number;
    int asked[DK_BRANCHES];
} table_network;

static int from_table(void *user, const dk_eval *e) {
    table_network *n = (table_network *)user;
    for (int k = 0; k < e->branches; k++) {
        n->asked[e->branch + k]++;
        for (int i = 0; i < SIZE; i++) {
            dk_real F = (dk_real)outputs[e->level.t < 0.3][e->branch + k][i];
            if (n->number) dk_to_half(n->number, &F, &e->output_half[k * SIZE + i], 1);
            else e->output[k * SIZE + i] = F;
        }
    }
    return 0;
}

/* Every step ends in its D, which is x - t G in flow matching. */
static void record_estimates(dk_recorder *r) {
    while (dkr_step(r)) r->x = dkr_denoise(r, r->x, r->from);
}

static const double levels[3] = {0.5, 0.25, 0};
static const double one_level[2] = {0.5, 0};

static dk_config table_config(const char *settings, int steps) {
    dk_config c = check_config("flow", NULL, steps);
    c.sampler.name = "estimates", c.sampler.record = record_estimates;
    c.grid = dk_grid_levels(steps > 1 ? levels : one_level, DK_UNIT_T);
    c.start = DK_START_STATE, c.dim = DIM, c.batch = BATCH, c.prediction = DK_PREDICT_VELOCITY;
    if (dk_config_set(&c, settings)) fail_msg("%s: %s", settings, dk_message(&c));
    return c;
}

static table_network run_table(dk_config *c, dk_real x[SIZE]) {
    table_network n;
    memset(&n, 0, sizeof n);
    n.number = c->number;
    for (int i = 0; i < SIZE; i++) x[i] = (dk_real)state_at[i];
    if (dk_sample(c, from_table, &n, x)) fail_msg("%s", dk_message(c));
    return n;
}

/* Runs it in two evaluations and in one of a doubled batch, with numbers of the network in full and in 16 bits. */
static void check_table(dk_config c, const char *what, const double want[SIZE]) {
    for (int k = 0; k < 4; k++) {
        dk_real x[SIZE];
        c.guidance.doubled = k & 1, c.number = k & 2 ? DK_NUMBER_FP16 : DK_NUMBER_REAL;
        run_table(&c, x);
        for (int i = 0; i < SIZE; i++) check_near((double)x[i], want[i], k & 2 ? 2e-2 : check_tiny, what);
    }
}

static void sums_of_six_branches(void **state) {
    static const struct {
        const char *settings;
        int asked[DK_BRANCHES];
        double D[SIZE];
    } rows[] = {
        /* LTX-2's pipeline: guidance_scale 3, stg_scale 1, modality_scale 2.5 */
        {"guidance.scale=3 guidance.away2=1 guidance.away3=1.5",
         {1, 1, 1, 1, 0, 0},
         {-1.2, -0.275, -0.875, 2.075, 0.55, -1.375, 1.9875, -4.8}},
        {"guidance.scale=3 guidance.away2=0.5 guidance.away3=0.25 guidance.away4=-1 guidance.away5=2",
         {1, 1, 1, 1, 1, 1},
         {-1, -0.2625, -0.4875, 1.8375, 1.05, -1.4125, 1.61875, -3.975}},
        /* diffusers' SkipLayerGuidance, scale 3 and 2.8, which is also two conditions */
        {"guidance.scale=3 guidance.away2=2.8", {1, 1, 1, 0, 0, 0}, {-1.02, -0.02, -0.98, 2.45, 1.21, -2.8, 2.235, -5.43}},
        {"guidance.scale=5.8 guidance.scale2=3", {1, 1, 1, 0, 0, 0}, {-1.02, -0.02, -0.98, 2.45, 1.21, -2.8, 2.235, -5.43}},
        /* PAG alone */
        {"guidance.scale=1 guidance.away2=2", {1, 0, 1, 0, 0, 0}, {-0.4, -0.6, -0.1, 2.05, 0.45, -1.8, 1.625, -2.35}},
        /* ComfyUI's DualCFGGuider, nested, 4 and 1.5 */
        {"guidance.scale=6 guidance.scale2=1.5", {1, 1, 1, 0, 0, 0}, {-0.9, -0.225, -0.55, 2.725, 1.675, -3.775, 1.95, -4.5}},
        /* beside the forms that depend on data */
        {"guidance.scale=3 guidance.projected=1 guidance.away2=0.5",
         {1, 1, 1, 0, 0, 0},
         {-0.678918367346939, -0.28134693877551, -0.746081632653061, 1.93573469387755, 0.619138499587799, -0.778907666941468,
          0.606712695795549, -2.91497938994229}},
        {"guidance.scale=3 guidance.zero_star=1 guidance.away2=0.5",
         {1, 1, 1, 0, 0, 0},
         {-0.789285714285714, -0.266326530612245, -0.668367346938776, 1.69540816326531, 0.529744525547445, -1.78448905109489,
          0.998266423357664, -2.4536496350365}},
        {"guidance.scale=3 guidance.away2=2 guidance.noise_max=0.9", /* sigma/alpha is 1 */
         {1, 0, 0, 0, 0, 0},
         {-0.1, -0.8, 0.1, 1.55, -0.45, -0.3, 1.475, -1.15}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = table_config(rows[i].settings, 1);
        dk_real x[SIZE];
        table_network n = run_table(&c, x);
        for (int k = 0; k < DK_BRANCHES; k++)
            if (n.asked[k] != rows[i].asked[k]) fail_msg("%s: branch %d", rows[i].settings, k);
        check_table(c, rows[i].settings, rows[i].D);
    }
}

/* ------------------------------------------------------------------------ published guiders */

static double half = 0.5, six_tenths = 0.6;
static guide_norms qwen = {{1, 2}, 0, 0, 0}, first = {{2, 2}, 0, 0, 0}, longcat = {{1, 2}, 0, 0.4, 1},
                   z_image = {{0, 0}, 1.2, 0, 1};
static guide_apg mix = {{0, 0}, -0.5, 0.6, 0.3, 1, 1, 10}, multitalk = {{0, 0}, -0.75, 0.8, 0, 0, 0, 0},
                 ace_step = {{2, 2}, -0.75, 0.5, 0, 0, 0, 0};
static guide_video video = {1, 2};

static void guiders_give_the_published_numbers(void **state) {
    static const struct {
        dk_guider_fn guider;
        void *user;
        int steps;
        const char *settings;
        double D[SIZE];
    } rows[] = {
        {guide_tangential, NULL, 1, "guidance.scale=3",
         {-0.414826242958192, -0.555465810039098, -0.261380581413595, 1.55467670576295, 0.319570380799277, -1.31046320296203,
          1.47925317663697, -3.50238643140503}},
        {guide_magnitude, NULL, 1, "guidance.scale=3",
         {-0.101007331706905, -0.798992668293095, 0.0983882692689514, 1.55040293268276, -0.449999996557699, -0.300000003442301,
          1.47500000473316, -1.15000002237496}},
        {guide_magnitude, &half, 1, "guidance.scale=3",
         {-0.439220945700614, -0.460779054299386, -0.442753513120982, 1.68568837828025, -0.324690414431072, -0.425309585568928,
          1.64730068015728, -1.96451230619803}},
        {guide_perpendicular, NULL, 1, "guidance.scale=3 guidance.branches=3",
         {-0.725847457627119, -0.324152542372881, -0.48135593220339, 2.37033898305085, 0.961699966136133, -2.61169996613613,
          1.78483745343718, -3.35104977988486}},
        {guide_perpendicular, &six_tenths, 1, "guidance.scale=3 guidance.branches=3",
         {-0.675508474576271, -0.314491525423729, -0.568813559322034, 2.12220338983051, 0.55701997968168, -1.84701997968168,
          1.88090247206231, -3.51062986793092}},
        {guide_normed, &qwen, 1, "guidance.scale=4",
         {-0.0172261940194218, -0.636026011615963, -0.221440449644465, 1.94761772781728, -0.415517634188775, -0.271647073123583,
          1.64123075619351, -1.13855761489895}},
        {guide_normed, &first, 1, "guidance.scale=4",
         {0.0626786078866025, -0.513583150629677, -0.187321392113398, 1.92319733957311, -0.525, -0.0935292766013885, 1.7,
          -1.2192640638566}},
        {guide_normed, &longcat, 1, "guidance.scale=4", {-0.04, -0.62, -0.29, 1.94, -0.39, -0.3, 1.82, -2.2}},
        {guide_normed, &z_image, 1, "guidance.scale=4",
         {-0.0990966942116417, -0.578413437406623, -0.349096694211642, 1.93343370064315, -0.536975517170308, -0.136693869810768,
          1.68935509584861, -1.42429588160115}},
        {guide_projected, &mix, 2, "guidance.scale=3.5 guidance.memory=1",
         {-0.696548820973403, 0.376452750978458, -0.489684192272916, 0.780407511189081, -1.00248827825484, -0.775025619022467,
          1.88808847029766, -3.5067769572533}},
        {guide_projected, &multitalk, 2, "guidance.scale=5 guidance.scale2=4 guidance.branches=3 guidance.memory=2",
         {-0.237333819724917, 0.303352411645987, -0.925256225985476, 1.83083080744467, -1.50576728131337, -0.186648301087465,
          1.79143676635364, -0.824848924972514}},
        {guide_projected, &ace_step, 2, "guidance.scale=4 guidance.memory=1",
         {-0.148735546646301, 0.106205577125987, -0.567557813414795, 1.50922623078602, -0.842329345853154, -0.295585392252341,
          2.00528740744878, -1.3340536196151}},
        {guide_frames, &video, 1, "guidance.scale=3", {-0.1, -0.8, -0.7, 1.75, -0.45, -0.3, 2.025, -3.75}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char what[32];
        dk_config c = table_config(rows[i].settings, rows[i].steps);
        c.guidance.guider = rows[i].guider, c.guidance.guider_user = rows[i].user;
        snprintf(what, sizeof what, "guider %d", (int)i);
        check_table(c, what, rows[i].D);
    }
}

/* C - U = 2 + a pattern of 1 and -1, whose blur is 2: 1 - 4 + 6 - 4 + 1 = 0 along rows. Where only one number differs, by 256,
   its blur there is 36. Two rows and columns away it is 1, and mirrored twice 4. */
static void bands_have_scales_of_their_own(void **state) {
    enum { WIDTH = 5, HEIGHT = 6, AREA = WIDTH * HEIGHT, ALL = 2 * AREA };
    static guide_picture picture = {WIDTH, HEIGHT, 1.5}, small = {2, 15, 1}, odd = {7, 3, 1};
    static dk_real C[ALL], U[ALL], G[ALL];
    static const double weight[DK_BRANCHES] = {4, -3};
    dk_eval e;
    dk_outputs o;
    (void)state;
    memset(&e, 0, sizeof e), memset(&o, 0, sizeof o);
    e.batch = 1, e.dim = ALL, o.eval = &e, o.weight = weight, o.branches = 2;
    o.output[0] = C, o.output[1] = U, o.G = G;
    for (int i = 0; i < ALL; i++) {
        U[i] = (dk_real)(0.25 * i), C[i] = U[i];
        if (i < AREA) C[i] += (dk_real)((i % WIDTH + i / WIDTH) % 2 ? 1 : 3);
    }
    C[AREA + 2 * WIDTH + 2] += 256;
    assert_int_equal(guide_bands(&picture, &o), 0);
    for (int i = 0; i < AREA; i++)
        check_near((double)(G[i] - U[i]), 1.5 * 2 + 4 * ((i % WIDTH + i / WIDTH) % 2 ? -1 : 1), 1e-5, "pattern");
    check_near((double)(G[AREA + 2 * WIDTH + 2] - U[AREA + 2 * WIDTH + 2]), 4 * (256 - 36) + 1.5 * 36, 1e-3, "point");
    check_near((double)(G[AREA] - U[AREA]), (1.5 - 4) * 4, 1e-4, "corner");
    check_near((double)(G[AREA + 2] - U[AREA + 2]), (1.5 - 4) * 12, 1e-4, "edge");
    check_near((double)(G[AREA + 5 * WIDTH] - U[AREA + 5 * WIDTH]), 0, 1e-4, "far away");
    assert_int_not_equal(guide_bands(&small, &o), 0);
    assert_int_not_equal(guide_bands(&odd, &o), 0);
    assert_int_not_equal(guide_bands(NULL, &o), 0);
}

static void guiders_refuse_what_they_cannot_do(void **state) {
    static guide_norms threes = {{1, 3}, 0, 0, 0};
    static guide_video none = {1, 0}, one = {1, 1}, three = {1, 3};
    static const struct {
        dk_guider_fn guider;
        void *user;
        const char *settings;
    } rows[] = {
        {guide_normed, &threes, "guidance.scale=3"},        {guide_projected, &multitalk, "guidance.scale=3"},
        {guide_perpendicular, NULL, "guidance.scale=3"},    {guide_frames, &none, "guidance.scale=3"},
        {guide_projected, &multitalk, "guidance.scale=3 guidance.branches=3 guidance.memory=1"},
        {guide_frames, &three, "guidance.scale=3"},         {guide_frames, NULL, "guidance.scale=3"},
        {guide_frames, &one, "guidance.scale=3 guidance.away2=1"},
        {guide_tangential, NULL, "guidance.scale=3 guidance.away2=1"},
        {guide_magnitude, NULL, "guidance.scale=3 guidance.scale2=2"},
        {guide_perpendicular, NULL, "guidance.scale=3 guidance.away3=1"},
        {guide_projected, NULL, "guidance.scale=3 guidance.memory=2 guidance.away3=1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = table_config(rows[i].settings, 1);
        table_network n;
        dk_real x[SIZE] = {0};
        memset(&n, 0, sizeof n);
        c.guidance.guider = rows[i].guider, c.guidance.guider_user = rows[i].user;
        assert_int_equal(dk_sample(&c, from_table, &n, x), DK_ERROR_CALLBACK);
        assert_int_equal(strncmp(dk_message(&c), "guidance.guider returned nonzero at step 0 of 1", 47), 0);
    }
}

/* ------------------------------------------------------------------------ the mechanism */

typedef struct watched {
    int calls, fails_at, branches, memory, spoils;
    double first[DK_BRANCHES], weight[DK_BRANCHES]; /* of the last call */
} watched;

/* The linear sum, and a memory of calls. */
static int watching(void *user, const dk_outputs *o) {
    watched *w = (watched *)user;
    if (w->calls == w->fails_at) return w->fails_at = -1, 1;
    assert_int_equal(o->branches, w->branches);
    assert_null(o->eval->input), assert_null(o->eval->output);
    assert_int_equal(o->eval->branches, 1);
    size_t n = o->eval->dim * (size_t)o->eval->batch;
    for (size_t i = 0; i < n - (w->spoils == 2); i++) {
        double sum = 0;
        for (int k = 0; k < o->branches; k++) sum += o->weight[k] * (double)o->output[k][i];
        o->G[i] = (dk_real)sum;
        for (int k = 0; k < w->memory; k++) {
            assert_true(w->spoils || (int)o->memory[k][i] == w->calls * (k + 1));
            o->memory[k][i] += (dk_real)(k + 1);
        }
    }
    for (int k = 0; k < DK_BRANCHES; k++) {
        assert_true((o->memory[k] != NULL) == (k < w->memory) && (o->output[k] != NULL) == (k < o->branches));
        w->weight[k] = o->weight[k];
        if (o->output[k]) w->first[k] = (double)o->output[k][0];
    }
    if (w->spoils == 1) o->G[n - 1] = (dk_real)NAN;
    w->calls++;
    return 0;
}

static watched watched_of(int branches, int memory) {
    watched w;
    memset(&w, 0, sizeof w);
    w.fails_at = -1, w.branches = branches, w.memory = memory;
    return w;
}

static void outputs_come_as_what_space_says(void **state) {
    static const struct {
        const char *space;
        double per_x, per_F; /* at t = 1/2, in flow matching: x = (x0 + eps)/2 and F = eps - x0 */
    } rows[] = {{"default", 0, 1}, {"velocity", 0, 1}, {"x0", 1, -0.5}, {"eps", 1, 0.5}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int how = 0; how < 4; how++) {
            const int doubled = how & 1;
            watched w = watched_of(6, 0);
            dk_config c = table_config("guidance.scale=2 guidance.away5=0.25", 1);
            dk_real x[SIZE];
            char space[40];
            snprintf(space, sizeof space, "guidance.space=%s", rows[i].space);
            c.guidance.branches = how & 2 ? 6 : 0; /* six weigh something anyway */
            assert_int_equal(dk_config_set(&c, space), DK_OK);
            c.guidance.guider = watching, c.guidance.guider_user = &w, c.guidance.doubled = doubled;
            table_network n = run_table(&c, x);
            assert_int_equal(w.calls, 1);
            for (int k = 0; k < DK_BRANCHES; k++) {
                static const double weight[DK_BRANCHES] = {2.25, -1, 0, 0, 0, -0.25};
                assert_int_equal(n.asked[k], 1);
                check_near(w.first[k], rows[i].per_x * state_at[0] + rows[i].per_F * outputs[0][k][0], check_tiny, rows[i].space);
                check_near(w.weight[k], weight[k], 0, "weight");
            }
        }
}

/* A guider that makes the sum by itself gives what the sum gives, in every sampler. */
static void every_sampler_has_guiders(void **state) {
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        dk_config c = check_config("flow", dk_sampler_at(i)->name, 6);
        watched w = watched_of(2, 2);
        dk_real x[6], y[6];
        c.dim = 3, c.batch = 2, c.prediction = DK_PREDICT_VELOCITY;
        c.guidance.scale = 1.75;
        check_gaussian g = {0.7, 0.5, DK_PREDICT_VELOCITY, 0.5, 0};
        if (dk_sample(&c, check_gaussian_denoise, &g, x)) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
        c.guidance.guider = watching, c.guidance.guider_user = &w, c.guidance.memory = 2;
        if (c.sampler.control.rtol > 0) {
            assert_int_equal(dk_sample(&c, check_gaussian_denoise, &g, y), DK_ERROR_CONFIG);
            continue;
        }
        if (dk_sample(&c, check_gaussian_denoise, &g, y)) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
        for (int k = 0; k < 6; k++) check_near((double)y[k], (double)x[k], 2000 * check_tiny, c.sampler.name);
    }
}

/* A run that is saved at every evaluation, loaded into another and goes on gives the same bits; a failed guider is asked again. */
static void guiders_stop_save_and_resume(void **state) {
    (void)state;
    for (int doubled = 0; doubled < 2; doubled++) {
        static unsigned char bytes[20000];
        dk_config c = check_config("flow", "dpmpp_2m", 6);
        check_gaussian g = {0.7, 0.5, DK_PREDICT_VELOCITY, 0.5, 0};
        watched w = watched_of(3, 2);
        dk_real x[6], y[6], denoised[6];
        dk_run run;
        dk_eval e;
        c.dim = 3, c.batch = 2, c.prediction = DK_PREDICT_VELOCITY;
        assert_int_equal(dk_config_set(&c, "guidance.scale=2 guidance.scale2=1.5 guidance.branches=3 guidance.memory=2 "
                                           "guidance.rescale=0.5 guidance.noise_min=0.1"),
                         DK_OK);
        c.guidance.guider = watching, c.guidance.guider_user = &w, c.guidance.doubled = doubled;
        assert_int_equal(dk_sample(&c, check_gaussian_denoise, &g, x), DK_OK);
        assert_true(w.calls > 2 && w.calls <= 6);
        w = watched_of(3, 2);
        assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
        for (int calls = 0; dk_next(&run, &e); calls++) {
            assert_int_equal(e.call, calls);
            assert_true(dk_save_size(&run) <= sizeof bytes);
            assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
            dk_end(&run);
            assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
            assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
            assert_int_equal(dk_next(&run, &e), 1);
            check_gaussian_denoise(&g, &e);
            assert_int_equal(dk_denoised(&run, denoised), DK_OK);
        }
        assert_int_equal(run.status, DK_OK);
        assert_memory_equal(x, y, sizeof x);
        dk_end(&run);

        w = watched_of(3, 2), w.fails_at = 2;
        assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
        assert_int_equal(dk_continue(&run, check_gaussian_denoise, &g), DK_ERROR_CALLBACK);
        assert_string_equal(run.message, doubled ? "guidance.guider returned nonzero at step 2 of 6 (evaluation 2)"
                                                 : "guidance.guider returned nonzero at step 2 of 6 (evaluation 8)");
        assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_OK);
        dk_end(&run);
        assert_int_equal(dk_begin(&run, &c, y, NULL, 0), DK_OK);
        assert_int_equal(dk_load(&run, bytes, sizeof bytes), DK_OK);
        assert_int_equal(dk_continue(&run, check_gaussian_denoise, &g), DK_OK);
        assert_memory_equal(x, y, sizeof x);
        dk_end(&run);
    }
}

/* NaN, and an element that is left as it is. */
static void what_a_guider_spoils_is_named(void **state) {
    (void)state;
    for (int spoils = 1; spoils <= 2; spoils++) {
        watched w = watched_of(2, 0);
        dk_config c = table_config("guidance.scale=2", 1);
        table_network n;
        dk_real x[SIZE] = {0};
        memset(&n, 0, sizeof n);
        w.spoils = spoils, c.guidance.guider = watching, c.guidance.guider_user = &w;
        assert_int_equal(dk_sample(&c, from_table, &n, x), DK_ERROR_NOT_FINITE);
        assert_string_equal(dk_message(&c), "guidance.guider has left G NaN, infinite or not filled at step 0 of 1 (evaluation 1), "
                                            "sample 1, element 3");
    }
}

/* A network that gives NaN once, at one element. */
typedef struct spoilt {
    check_gaussian g;
    int calls, at;
} spoilt;

static int spoilt_once(void *user, const dk_eval *e) {
    spoilt *s = (spoilt *)user;
    check_gaussian_denoise(&s->g, e);
    for (size_t i = 0; e->branch && i < e->dim * (size_t)e->batch; i++) e->output[i] /= 2;
    if (s->calls++ == s->at) e->output[e->dim + 3] = (dk_real)NAN;
    return 0;
}

/* Long samples, in parts that run at once, with an output of each branch that is NaN at first: the same bits. */
static void long_runs_with_guiders_have_parts_and_go_on(void **state) {
    enum { LONG = 70000, CALLS = 6 };
    static dk_real x[2][2 * LONG];
    static const char *const settings[] = {"guidance.space=default", "guidance.space=x0", "guidance.space=x0 guidance.rescale=0.5"};
    (void)state;
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++)
        for (int at = -1; at < CALLS; at += at < 0 ? 3 : 1) {
            guide_apg apg = {{0, 0}, -0.5, 9, 0, 0, 0, 0};
            spoilt s = {{0.7, 0.5, DK_PREDICT_VELOCITY, 0.5, 0}, 0, at};
            dk_config c = check_config("flow", "dpmpp_2m", CALLS / 2);
            dk_run run;
            c.dim = LONG, c.batch = 2, c.prediction = DK_PREDICT_VELOCITY, c.threads = at < 0 ? 1 : 5;
            if (dk_config_set(&c, settings[k])) fail_msg("%s", dk_message(&c));
            c.guidance.scale = 3, c.guidance.guider = guide_projected, c.guidance.guider_user = &apg, c.guidance.memory = 1;
            assert_int_equal(dk_begin(&run, &c, x[at >= 0], NULL, 0), DK_OK);
            dk_status status = dk_continue(&run, spoilt_once, &s);
            if (at >= 0) {
                assert_int_equal(status, DK_ERROR_NOT_FINITE);
                if (!strstr(run.message, "sample 1, element 3")) fail_msg("%s", run.message);
                status = dk_continue(&run, spoilt_once, &s);
            }
            if (status) fail_msg("%s", run.message);
            dk_end(&run);
            if (at >= 0) assert_memory_equal(x[0], x[1], sizeof x[0]);
        }
}

static void guiders_act_only_where_guidance_holds(void **state) {
    static const struct {
        const char *settings;
        int calls;
    } rows[] = {
        {"guidance.scale=2", 2},
        {"guidance.scale=2 guidance.noise_max=0.9", 1},
        {"guidance.scale=2 guidance.start=0.5", 1},
        {"guidance.scale=2 guidance.zero_init=1", 1},
        {"guidance.scale=1", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        watched w = watched_of(2, 1);
        dk_config c = table_config(rows[i].settings, 2);
        dk_real x[SIZE];
        c.guidance.guider = watching, c.guidance.guider_user = &w, c.guidance.memory = 1;
        table_network n = run_table(&c, x);
        if (w.calls != rows[i].calls || n.asked[1] != rows[i].calls) fail_msg("%s: %d calls", rows[i].settings, w.calls);
    }
}

static void plans_and_guiders_belong_together(void **state) {
    dk_config c = table_config("guidance.scale=2 guidance.memory=1", 2);
    dk_plan plan, without;
    dk_real x[SIZE];
    dk_run run;
    char text[4096];
    memset(&plan, 0, sizeof plan), memset(&without, 0, sizeof without);
    (void)state;
    c.guidance.guider = watching;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    dk_plan_text(&plan, text, sizeof text);
    static const char *const lines[] = {"2 steps, 4 evaluations, 0 draws; buffers besides x: 4\n", "    y0 = 0  -> buffer 3\n",
                                        "    y1 = guider(F0, G0, y0)\n", "    y2 = guider(F1, G1, y0)\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i])) fail_msg("\"%s\" is not in\n%s", lines[i], text);
    c.guidance.guider = NULL, c.guidance.memory = 0;
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "guidance.guider: must be given to a plan recorded with one");
    assert_int_equal(dk_record(&without, &c), DK_OK);
    assert_int_equal(dk_plan_equal(&plan, &without, 0, NULL), 0);
    c.guidance.guider = watching;
    assert_int_equal(dk_begin_plan(&run, &without, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "guidance.guider: must be NULL for a plan recorded without one");
    dk_plan_free(&plan), dk_plan_free(&without);
}

static void other_guider(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)level, (void)steps;
    if (step == 0) return;
    if (!user) g->guider = guide_tangential;
    else g->guider = NULL;
}

static void schedules_may_only_leave_the_guider_out(void **state) {
    dk_config c = table_config("guidance.scale=2", 2);
    watched w = watched_of(2, 0);
    dk_plan plan;
    dk_real x[SIZE];
    (void)state;
    memset(&plan, 0, sizeof plan);
    c.guidance.guider = watching, c.guidance.guider_user = &w, c.guidance.schedule = other_guider;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "guidance.hook and guider: a schedule or a phase must leave them, their users and memory, or make "
                                        "the function NULL: the run calls the config's");
    c.guidance.schedule_user = &c;
    run_table(&c, x);
    assert_int_equal(w.calls, 1);
}

static void wrong_guiders_are_refused(void **state) {
    static const char *const rows[][2] = {
        {"guidance.memory=1", "guidance.guider = 1: must be a function; needs scale"},
        {"guidance.scale=2 guidance.zero_star=1", "guidance.guider = 1: must be 0 with zero_star or projected"},
        {"guidance.scale=2 guidance.projected=2", "guidance.guider = 1: must be 0 with zero_star or projected"},
        {"guidance.scale=2 guidance.momentum=1", "guidance.momentum = 1: must be finite; needs projected"},
    };
    static const char *const texts[][2] = {
        {"guidance.guider=tcfg", "setting \"guidance.guider=tcfg\": must be a function; needs scale"},
        {"guidance.branches=7", "setting \"guidance.branches=7\": must be 2 .. 6 (0: 2); needs guider"},
        {"guidance.branches=1", "setting \"guidance.branches=1\": must be 2 .. 6 (0: 2); needs guider"},
        {"guidance.memory=7", "setting \"guidance.memory=7\": must be 0 .. 6; needs guider"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = table_config(rows[i][0], 1);
        c.guidance.guider = watching;
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), rows[i][1]);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        dk_config c = table_config("", 1);
        assert_int_equal(dk_config_set(&c, texts[i][0]), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), texts[i][1]);
    }
    static const char *const alone[][2] = {
        {"guidance.scale=2 guidance.branches=3", "guidance.branches = 3: must be 2 .. 6 (0: 2); needs guider"},
        {"guidance.scale=2 guidance.memory=1", "guidance.memory = 1: must be 0 .. 6; needs guider"},
        {"guidance.away3=1", "guidance.away3 = 1: must be finite; needs scale"},
    };
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++) {
        dk_config c = table_config(alone[i][0], 1);
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), alone[i][1]);
    }
}

/* ------------------------------------------------------------------------ lists of scales */

static void scales_follow_their_list(void **state) {
    static const struct {
        const char *text;
        double scale[6];
    } rows[] = {
        {"7x4+3x2", {7, 7, 7, 7, 3, 3}},
        {"7x4+3", {7, 7, 7, 7, 3, 3}},
        {"2to7", {2, 3, 4, 5, 6, 7}},
        {"7to2x6", {7, 6, 5, 4, 3, 2}},
        {"0to5", {1, 1, 2, 3, 4, 5}},
        {"1to5x3+3to1", {1, 3, 5, 3, 2, 1}},
        {"2+", {0}},
        {"0x2+-1.5x1+1e1x1+4to5x2", {1, 1, -1.5, 10, 4, 5}}, /* at 0 there is no guidance, so C weighs 1 */
        {"1x1+2x1+3x1+4x1+5x1+6x1", {1, 2, 3, 4, 5, 6}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = check_config("flow", "euler", 6);
        dk_plan plan;
        char text[64];
        memset(&plan, 0, sizeof plan);
        c.dim = 3, c.prediction = DK_PREDICT_VELOCITY;
        snprintf(text, sizeof text, "guidance.schedule=%s", rows[i].text);
        if (rows[i].scale[0] >= 0 && rows[i].scale[0] <= 0) {
            assert_int_equal(dk_config_set(&c, text), DK_ERROR_CONFIG);
            continue;
        }
        if (dk_config_set(&c, text) || dk_record(&plan, &c)) fail_msg("%s: %s", text, dk_message(&c));
        for (int k = 0; k < plan.calls; k++)
            check_near(plan.call[k].weight[0], rows[i].scale[plan.call[k].step], 1e-15, text);
        dk_plan_free(&plan);
    }
}

static void wrong_lists_of_scales_are_refused(void **state) {
    static const char *const rows[][2] = {
        {"guidance.schedule=7x45+3x3", "steps of guidance.schedule = 48: must be 6, as many as are run"},
        {"guidance.schedule=7x3", "steps of guidance.schedule = 3: must be 6, as many as are run"},
        {"guidance.schedule=7x3+0", "steps of guidance.schedule = 3: must be 6, as many as are run"},
        {"guidance.scale=2 guidance.schedule=7x6", "guidance.schedule: must be none with guidance.scale or a function"},
        {"guidance.schedule=7x6 sampler=rk45", "guidance: start, stop, rescale, zero_star, zero_init, projected, guider, quantile and a "
                                               "list of scales must be 0 with step-size control (sampler.rtol, atol)"},
    };
    static const char *const texts[] = {"guidance.schedule=x3",  "guidance.schedule=7x0", "guidance.schedule=7x2.5", "guidance.schedule=7x",
                                        "guidance.schedule=7to", "guidance.schedule=7+", "guidance.schedule=linear",
                                        "guidance.schedule=1x1+2x1+3x1+4x1+5x1+6x1+7x1", "guidance.schedule=7x1000001", "guidance.schedule=7x3,",
                                        "guidance.schedule=7+3", "guidance.schedule=0+3x6"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = check_config("flow", "euler", 6);
        if (dk_config_set(&c, rows[i][0])) fail_msg("%s", dk_message(&c));
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&c), rows[i][1]);
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        dk_config c = check_config("flow", "euler", 6), before = c;
        assert_int_equal(dk_config_set(&c, texts[i]), DK_ERROR_CONFIG);
        if (!strstr(dk_message(&c), "must be none, or at most 6 scales for all steps: 7x45+3x3, 1to7")) fail_msg("%s", dk_message(&c));
        assert_memory_equal(&c.guidance, &before.guidance, sizeof c.guidance);
    }
    dk_config c = check_config("flow", "euler", 6);
    assert_int_equal(dk_config_set(&c, "guidance.schedule=7x6"), DK_OK);
    assert_int_equal(dk_config_set(&c, "guidance.schedule=none guidance.scale=2"), DK_OK);
    assert_int_equal(dk_resolve(&c), DK_OK);
    c.guidance.scale = 0, c.guidance.ramps[0].from = (double)NAN;
    c.guidance.ramps[0].steps = 6;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    c.guidance.ramps[0].from = 2, c.guidance.ramps[0].steps = -6;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "guidance.schedule: must have finite scales, for 1 .. 1000000 steps each, but for the last");
    c.guidance.ramps[0].steps = 0, c.guidance.ramps[0].to = 2;
    assert_int_equal(dk_resolve(&c), DK_OK);
    c.guidance.momentum = 0.5;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "guidance.momentum = 0.5: must be finite; needs projected");
    c.guidance.momentum = 0, c.guidance.ramps[1].from = 3;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG); /* one behind all that are left */
    c.guidance.ramps[1].from = 0, c.guidance.schedule = other_guider;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_of_six_branches),
        cmocka_unit_test(guiders_give_the_published_numbers),
        cmocka_unit_test(bands_have_scales_of_their_own),
        cmocka_unit_test(guiders_refuse_what_they_cannot_do),
        cmocka_unit_test(outputs_come_as_what_space_says),
        cmocka_unit_test(every_sampler_has_guiders),
        cmocka_unit_test(guiders_stop_save_and_resume),
        cmocka_unit_test(what_a_guider_spoils_is_named),
        cmocka_unit_test(long_runs_with_guiders_have_parts_and_go_on),
        cmocka_unit_test(guiders_act_only_where_guidance_holds),
        cmocka_unit_test(plans_and_guiders_belong_together),
        cmocka_unit_test(schedules_may_only_leave_the_guider_out),
        cmocka_unit_test(wrong_guiders_are_refused),
        cmocka_unit_test(scales_follow_their_list),
        cmocka_unit_test(wrong_lists_of_scales_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
