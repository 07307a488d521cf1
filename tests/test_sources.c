/* Noise sources: what a seed means in other programs, Brownian paths, and how a run uses them. */
#include "check.h"
#include "examples/noise.h"
#include "examples/numpy.h"

#define LONG 100006
static const double paths = LONG;
static dk_real z[LONG], other[LONG], third[LONG];

static dk_noise_request request(uint64_t seed, int batch, size_t dim) {
    dk_noise_request q;
    memset(&q, 0, sizeof q);
    q.seed = seed, q.batch = batch, q.dim = dim;
    return q;
}

static const dk_real *draw(dk_noise_source source, uint64_t seed, int call, int batch, size_t dim) {
    dk_noise_request q = request(seed, batch, dim);
    q.call = call;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
    return z;
}

/* Some elements of a draw, within units of the last place of the source's floats or doubles. */
static void check_elements(const dk_real *got, const int *at, const double *want, int n, int bits) {
    double place = ldexp(1, bits == 64 && sizeof(dk_real) == 8 ? -53 : -24);
    for (int i = 0; i < n; i++) check_near((double)got[at[i]], want[i], 3 * place, "normal");
}

/* ------------------------------------------------------------------- examples/noise.h */

/* Mean of the products of elements a and b of all samples. */
static double together(const dk_real *v, int samples, int dim, int a, int b) {
    double sum = 0;
    for (int i = 0; i < samples; i++) sum += (double)v[i * dim + a] * (double)v[i * dim + b];
    return sum / samples;
}

/* Covariances of the filter's definition (numpy's fft), of the octaves' squares, moments of the distributions. */
static void noise_that_is_not_white_has_its_covariances(void **state) {
    enum { SIDE = 16, DIM = SIDE * SIDE, SAMPLES = 390 };
    noise_kind pink = {SIDE, SIDE, 1}, blue = {SIDE, SIDE, -1}, pyramid = {SIDE, SIDE, 0.5};
    (void)state;
    const struct {
        noise_kind *kind;
        dk_noise_fn fn;
        double beside, diagonal;
    } rows[] = {{&pink, noise_pink, 0.2752791501712171, 0.16587683463483233}, {&blue, noise_pink, -0.1811519284259248, -0.03247879798185063}, {&pyramid, noise_pyramid, 0.24926686217008798, 0.24926686217008798}};
    for (int r = 0; r < 3; r++) {
        double one = 0, beside = 0, diagonal = 0;
        const dk_real *v = draw(noise_source(rows[r].fn, rows[r].kind), 7, 0, SAMPLES, DIM);
        for (int y = 0; y < SIDE; y += 2)
            for (int x = 0; x < SIDE; x += 2) { /* within squares of 2 */
                int at = y * SIDE + x;
                one += together(v, SAMPLES, DIM, at, at) / 64, beside += together(v, SAMPLES, DIM, at, at + 1) / 64;
                diagonal += together(v, SAMPLES, DIM, at, at + SIDE + 1) / 64;
            }
        check_near(one, 1, 0.04, "variance"), check_near(beside, rows[r].beside, 0.04, "beside");
        check_near(diagonal, rows[r].diagonal, 0.04, "diagonal");
    }
    noise_kind student = {0, 0, 10}, clipped = {0, 0, 2};
    double second = 0, fourth = 0, largest = 0;
    draw(noise_source(noise_student, &student), 7, 0, 1, LONG);
    for (int i = 0; i < LONG; i++) second += pow((double)z[i], 2) / paths, fourth += pow((double)z[i], 4) / paths;
    check_near(second, 1, 0.02, "variance"), check_near(fourth, 4, 0.3, "3 + 6/(n - 4)");
    draw(noise_source(noise_clipped, &clipped), 7, 0, 1, LONG);
    second = 0;
    for (int i = 0; i < LONG; i++) {
        second += pow((double)z[i], 2) / paths;
        largest = fabs((double)z[i]) > largest ? fabs((double)z[i]) : largest;
    }
    check_near(second, 0.7737413035499231, 0.01, "variance"), check_near(largest, 2, 0.001, "the limit");
}

static void noise_of_a_sample_knows_nothing_of_its_batch(void **state) {
    static const dk_noise_fn fns[] = {noise_pink, noise_pyramid, noise_student, noise_clipped};
    noise_kind kind = {8, 4, 3}, none = {8, 5, 3};
    (void)state;
    for (int f = 0; f < 4; f++) {
        dk_noise_source s = noise_source(fns[f], &kind);
        dk_noise_request q = request(7, 3, 64);
        assert_int_equal(dk_noise_fill(&s, &q, other), DK_OK);
        q.batch = 1, q.first_sample = 2;
        assert_int_equal(dk_noise_fill(&s, &q, z), DK_OK);
        assert_memory_equal(z, other + 128, 64 * sizeof *z);
    }
    dk_noise_source wrong = noise_source(noise_pink, &none); /* 40 numbers do not make up 64 */
    dk_noise_request q = request(7, 1, 64);
    assert_int_not_equal(dk_noise_fill(&wrong, &q, z), DK_OK);
}

/* ------------------------------------------------------------------- what seeds mean elsewhere */

/* PyTorch 1.13: g = torch.Generator().manual_seed(seed); torch.randn(..., generator=g) */
static void torch_cpu_gives_what_pytorch_gives(void **state) {
    static const int first[5] = {0, 1, 2, 3, 4}, six[6] = {0, 1, 15, 16, 17, 18},
                     pairs[6] = {0, 1, 38, 39, 40, 79};
    static const double few[5] = {1.54099607, -0.293428898, -2.17878938, 0.568431258, -1.08452237};
    static const double more[5] = {-1.39859545, 0.403346837, 0.838026345, -0.719257593, -0.403343529};
    static const double batch[6] = {1.92691529,   1.48728406,  0.305720925,
                                    -0.774592519, -1.55757248, -0.750803053};
    static const double tail[6] = {0.29955628775026372, 0.24237779080894106, 0.85521596147228696,
                                   0.24941187969157649, 0.26158369071129589, -1.5265439234108249};
    static const double wide[2] = {-0.486780763, -0.603821576};
    dk_noise_source source = source_of(DK_NOISE_TORCH_CPU);
    (void)state;
    check_elements(draw(source, 0, 0, 1, 5), first, few, 5, 32); /* fewer than 16, in pairs: */
    check_elements(draw(source, 0, 1, 1, 5), first, more, 5,
                   32); /* the next call begins with a second normal */
    check_elements(draw(source, 42, 0, 2, 40), pairs, batch, 6, 32); /* torch.randn(2, 40) */
    static const double again[2] = {0.0108681442, -0.338742346};
    check_elements(draw(source, 42, 1, 2, 40), first, again, 2, 32);
    check_elements(draw(source, ((uint64_t)1 << 32) + 5, 0, 1, 2), first, wide, 2, 32);
    source.bits = 64; /* dtype=torch.float64; the last 16 of 19 are made anew */
    check_elements(draw(source, 42, 0, 1, 19), first, tail, 2, 64);
    check_elements(draw(source, 42, 0, 1, 19), six + 2, tail + 2, 4, 64);
}

/* NumPy 1.24: RandomState(seed).standard_normal(3) twice, then of 100000 the last two */
static void numpy_gives_what_random_state_gives(void **state) {
    static const int first[3] = {0, 1, 2};
    static const double few[3] = {1.764052345967664, 0.40015720836722329, 0.9787379841057392};
    static const double more[3] = {2.2408931992014578, 1.8675579901499675, -0.97727787987641102};
    static const double last[2] = {-0.33448759165803787, -0.39144318638740838};
    static const double most[2] = {0.64840867423065274, 0.66932353063381611};
    (void)state;
    check_elements(draw(source_of(DK_NOISE_NUMPY), 0, 0, 1, 3), first, few, 3, 64);
    check_elements(draw(source_of(DK_NOISE_NUMPY), 0, 1, 1, 3), first, more, 3, 64);
    check_elements(draw(source_of(DK_NOISE_NUMPY), 0, 0, 1, 100006) + 100004, first, last, 2, 64);
    check_elements(draw(source_of(DK_NOISE_NUMPY), 4294967295u, 0, 1, 2), first, most, 2, 64);
}

/* NumPy 1.24: default_rng(seed).standard_normal(3, dtype) twice, then of 100000 the last two, greatest and least */
static void numpy_gives_what_default_rng_gives(void **state) {
    static const int first[3] = {0, 1, 2}, ends[4] = {100004, 100005, 36758, 21655},
                     float_ends[4] = {100004, 100005, 29725, 84401};
    static const double few[3] = {0.1257302210933933, -0.13210486329130189, 0.64042265044328206};
    static const double more[3] = {0.10490011715303971, -0.53566937316111096, 0.36159505490948474};
    static const double last[4] = {0.2023875570569442, -2.4415563717378799, 4.7319576886355286,
                                   -4.4941170401791668};
    static const double floats[3] = {1.11762202, -1.3871249, -0.426571608};
    static const double float_last[4] = {0.0581848435, -0.810318232, 4.04318237, -4.46125174};
    static const double large[2] = {-1.3670605025457785, -0.062904122777590013};
    numpy_rng rng = {64, {0}, {0}, 0, 0, 0, 0, 0};
    dk_noise_source source = source_from(numpy_normals, &rng);
    (void)state;
    check_elements(draw(source, 0, 0, 1, 3), first, few, 3, 64);
    check_elements(draw(source, 0, 1, 1, 3), first, more, 3, 64);
    check_elements(draw(source, 0, 0, 1, 100006), ends, last, 4, 64);
    check_elements(draw(source, (uint64_t)1 << 40, 0, 1, 2), first, large, 2, 64);
    memset(&rng, 0, sizeof rng), rng.bits = 32;
    check_elements(draw(source, 0, 0, 1, 3), first, floats, 3, 32);
    check_elements(draw(source, 0, 0, 1, 100006), float_ends, float_last, 4, 32);
}

static const double pi = 3.14159265358979323846;

/* Philox4x32-10, Salmon et al. 2011. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    memcpy(out, counter, 4 * sizeof *out);
    for (uint32_t i = 0; i < 10; i++) {
        uint64_t p = 0xD2511F53u * (uint64_t)out[0], q = 0xCD9E8D57u * (uint64_t)out[2];
        out[0] = (uint32_t)(q >> 32) ^ out[1] ^ (key[0] + i * 0x9E3779B9u), out[1] = (uint32_t)q;
        out[2] = (uint32_t)(p >> 32) ^ out[3] ^ (key[1] + i * 0xBB67AE85u), out[3] = (uint32_t)p;
    }
}

/* The layout of torch's kernel, element by element in double: Box-Muller over cuRAND's uniforms. */
static double cuda_element(uint64_t seed, uint64_t block, uint64_t thread, int k, int bits) {
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)thread, 0};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t r[4];
    philox(counter, key, r);
    double u = (r[k / 2 * 2] + 0.5) * ldexp(1, -32), v = (r[k / 2 * 2 + 1] + 0.5) * ldexp(1, -32);
    if (bits == 64) {
        u = ((double)(r[0] ^ (uint64_t)r[1] << 21) + 0.5) * ldexp(1, -53);
        v = ((double)(r[2] ^ (uint64_t)r[3] << 21) + 0.5) * ldexp(1, -53);
    }
    return sqrt(-2 * log(u)) * (k % 2 ? cos(2 * pi * v) : sin(2 * pi * v));
}

static void torch_cuda_has_the_layout_of_a_launch(void **state) {
    static const uint64_t seed = 8589934599u;
    (void)state;
    for (int bits = 32; bits <= 64; bits += 32) {
        int per = bits == 64 ? 2 : 4,
            rounds = bits == 64 ? 5 : 3; /* 2500 = 512 * 2 * 2 + ... = 256 * 4 * 2 + ... */
        dk_noise_source source = source_of(DK_NOISE_TORCH_CUDA);
        source.threads = 256;
        source.bits = bits;
        for (int call = 0; call < 3; call++) {
            draw(source, seed, call, 1, 2500);
            for (int i = 0; i < 2500; i++) {
                uint64_t turn = (uint64_t)i / 256, block = (uint64_t)(call * rounds) + turn / (uint64_t)per;
                check_near((double)z[i], cuda_element(seed, block, (uint64_t)i % 256, (int)turn % per, bits),
                           bits == 64 && sizeof(dk_real) == 8 ? 1e-13 : 3e-6, "element");
            }
        }
        source.threads = 0; /* a thread for each */
        draw(source, seed, 2, 1, 2500);
        memcpy(other, z, sizeof z);
        source.threads = 2560;
        draw(source, seed, 2, 1, 2500);
        assert_memory_equal(other, z, 2500 * sizeof *z);
        for (int i = 0; i < 2500; i++)
            check_near((double)z[i], cuda_element(seed, 2, (uint64_t)i, 0, bits), 3e-6, "element");
    }
}

/* diffusers' list of generators */
static void seeds_are_a_generator_for_each_sample(void **state) {
    static const uint64_t seeds[3] = {5, 3, 5};
    (void)state;
    for (int kind = DK_NOISE_PHILOX; kind < DK_NOISE_COUNT; kind++) {
        dk_noise_source source = source_of(kind);
        dk_noise_request q = request(0, 3, 21);
        q.seeds = seeds, q.call = q.draw = 2, q.from = 3, q.to = 1, q.lowest = 0.1, q.highest = 9;
        assert_int_equal(dk_noise_fill(&source, &q, other), DK_OK);
        q.seeds = NULL, q.batch = 1;
        for (int b = 0; b < 3; b++) {
            q.seed = seeds[b] - 1, source.seed_offset = 1;
            assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
            assert_memory_equal(z, other + 21 * b, 21 * sizeof *z);
        }
        assert_memory_equal(other, other + 42, 21 * sizeof *z);
        assert_memory_not_equal(other, other + 21, 21 * sizeof *z);
    }
}

/* -------------------------------------------------------------------------------- Brownian paths */

/* W(to) - W(from) over u = sigma/(alpha + sigma) */
static void increment(dk_noise_source source, uint64_t seed, double from, double to, size_t n, dk_real *out) {
    dk_noise_request q = request(seed, 1, n);
    q.draw = 1, q.from = from / (1 - from), q.to = to / (1 - to), q.lowest = 1.0 / 64, q.highest = 63,
    q.flow = 1;
    assert_int_equal(dk_noise_fill(&source, &q, out), DK_OK);
    for (size_t i = 0; i < n; i++) out[i] = (dk_real)((double)out[i] * sqrt(from - to));
}

/* Times are dyadic, so that they are no more than told apart. */
static void increments_add_up(void **state) {
    static const double u[6] = {0.875, 0.8125, 0.5, 0.499755859375, 0.25, 0.03125};
    (void)state;
    static const int kinds[] = {DK_NOISE_BROWNIAN, DK_NOISE_TORCHSDE};
    for (int k = 0; k < 2; k++) {
        dk_noise_source source = source_of(kinds[k]);
        source.bits = 64;
        for (int a = 0; a < 4; a++)
            for (int b = a + 1; b < 5; b++)
                for (int c = b + 1; c < 6; c++) {
                    increment(source, 9, u[a], u[b], 50, z), increment(source, 9, u[b], u[c], 50, other);
                    increment(source, 9, u[a], u[c], 50, third);
                    for (int i = 0; i < 50; i++)
                        check_near((double)z[i] + (double)other[i], (double)third[i],
                                   sizeof(dk_real) == 8 ? 1e-14 : 1e-6, "sum of increments");
                }
    }
}

static double mean_product(const dk_real *a, const dk_real *b) {
    double sum = 0;
    for (int i = 0; i < LONG; i++) sum += (double)a[i] * (double)b[i];
    return sum / paths;
}

/* Of 100006 paths: an estimate of a variance v has a deviation of v sqrt(2/100006) = 0.0045 v. */
static void increments_have_the_variance_of_time_and_are_independent(void **state) {
    static const double u[8] = {0.999, 0.9375, 0.75, 0.625, 0.6249, 0.25, 0.002, 0.001};
    dk_noise_source source = source_of(DK_NOISE_BROWNIAN);
    (void)state;
    for (int i = 0; i < 7; i++) {
        increment(source, 3, u[i], u[i + 1], LONG, z);
        check_near(mean_product(z, z) / (u[i] - u[i + 1]) - 1, 0, 0.018, "variance");
        if (i > 0) { /* the one before is in `other` */
            double scale = sqrt((u[i] - u[i + 1]) * (u[i - 1] - u[i]));
            check_near(mean_product(z, other) / scale, 0, 0.013, "correlation of neighbours");
        }
        memcpy(other, z, sizeof z);
    }
    increment(source, 3, 0.75, 0.25, LONG, z), increment(source, 3, 0.5, 0.125, LONG, other);
    check_near(mean_product(z, other), 0.25, 4 * sqrt((0.5 * 0.375 + 0.0625) / paths),
               "covariance: the overlap");
    increment(source, 4, 0.75, 0.25, LONG, other);
    check_near(mean_product(z, other), 0, 4 * 0.5 / sqrt(paths), "covariance of two seeds");
}

/* The fourth moment of a sum of normals is that of one. */
static void increments_are_normal(void **state) {
    double fourth = 0;
    (void)state;
    increment(source_of(DK_NOISE_BROWNIAN), 8, 0.7, 0.3, LONG, z);
    for (int i = 0; i < LONG; i++) fourth += pow((double)z[i], 4) / paths / 0.16;
    check_near(fourth, 3, 4 * sqrt(96 / paths) / 4, "fourth moment"); /* of 3 + 1 */
}

static void a_path_has_an_address(void **state) {
    dk_noise_source source = source_of(DK_NOISE_BROWNIAN);
    dk_noise_request q = request(6, 3, 500);
    (void)state;
    q.draw = 1, q.from = 5, q.to = 2;
    assert_int_equal(dk_noise_fill(&source, &q, other), DK_OK);
    q.batch = 1, q.first_sample = 2, q.draw = 7; /* sample 2 alone, whichever draw asks */
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
    assert_memory_equal(z, other + 1000, 500 * sizeof *z);
    q.way = 1; /* back up and down once more: a new path */
    assert_int_equal(dk_noise_fill(&source, &q, third), DK_OK);
    assert_memory_not_equal(z, third, 500 * sizeof *z);
    q.dim = 100; /* elements do not depend on one another */
    q.way = 0;
    assert_int_equal(dk_noise_fill(&source, &q, third), DK_OK);
    assert_memory_equal(z, third, 100 * sizeof *z);
    q.from = 2, q.to = 5; /* up: not of the path */
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
    dk_normals(6, 2, 7, 0, 100, third);
    assert_memory_equal(z, third, 100 * sizeof *z);
}

/* Where a plan goes back up, what goes down after it is on the next path. */
static void every_way_down_is_a_path(void **state) {
    dk_config c = check_config("edm", "euler_ancestral", 6);
    dk_plan plan;
    int ways = 0;
    (void)state;
    memset(&plan, 0, sizeof plan);
    const dk_repaint way = {{dk_repaint_level}, 2, 3, 0};
    c.grid.way = &way.way;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    for (int i = 1; i < plan.draws; i++) {
        assert_int_equal(plan.draw[i].way, ways);
        ways += plan.draw[i].to > plan.draw[i].from;
    }
    assert_true(ways >= 4);
    dk_plan_free(&plan);
}

/* What a run draws are standard normals that know nothing of one another, though a path is between them: in Langevin steps, which
   stay at a level, and where churn goes up before a step that makes noise. */
static void draws_of_a_run_are_independent(void **state) {
    static const char *const settings[] = {"sampler=smld", "sampler=euler_maruyama langevin_steps=2 langevin_step=0.1",
                                           "sampler=euler eta=1 churn=2", "sampler=euler_ancestral grid.way=repaint"};
    enum { DIM = 4000, MOST = 16 };
    static dk_real x[DIM], drawn[MOST][DIM];
    (void)state;
    for (int k = 0; k < 8; k++) {
        dk_config c = check_config("edm", NULL, 6);
        dk_run run;
        c.dim = DIM, c.step_noise = source_of(k % 2 ? DK_NOISE_TORCHSDE : DK_NOISE_BROWNIAN);
        assert_int_equal(dk_config_set(&c, settings[k / 2]), DK_OK);
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        int n = dk_run_plan(&run)->draws;
        for (int i = 0; i < n && i < MOST; i++) {
            assert_int_equal(dk_run_noise(&run, i, drawn[i]), DK_OK);
            for (int j = 0; j <= i; j++) {
                double sum = 0;
                for (int b = 0; b < DIM; b++) sum += (double)drawn[i][b] * (double)drawn[j][b] / (double)DIM;
                check_near(sum, i == j, 0.1, settings[k / 2]);
            }
        }
        dk_end(&run);
    }
}

/* Ends of the range of levels, and steps that are not told apart. */
static void paths_reach_the_ends(void **state) {
    dk_noise_source source = source_of(DK_NOISE_BROWNIAN);
    dk_noise_request q = request(6, 1, LONG);
    (void)state;
    q.draw = 1, q.from = HUGE_VAL, q.to = 0;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
    check_near(mean_product(z, z), 1, 0.009, "variance of the whole");
    q.from = 1, q.to = 1 - 1e-12;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
    check_near(mean_product(z, z), 1, 0.009, "variance of a step too small to tell");
    source = source_of(DK_NOISE_TORCHSDE), q.from = 10, q.to = 5, q.lowest = 1, q.highest = 20;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
    check_near(mean_product(z, z), 1, 0.009, "variance on torchsde's path");
    q.highest = 9;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_ERROR_CONFIG);
    q.highest = 20, q.lowest = 6;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_ERROR_CONFIG);
    q.lowest = q.highest = 0;
    assert_int_equal(dk_noise_fill(&source, &q, z), DK_ERROR_CONFIG);
}

/* The root mean square distance from the same sampler's result with 1280 steps. */
static double distance(const char *sampler, int steps, dk_noise_source source, const dk_real *fine,
                       dk_real *x) {
    check_gaussian g = {0.5, 0.7, DK_PREDICT_X0, 0.5, 0};
    dk_config c = check_config("edm", sampler, steps);
    double sum = 0;
    c.schedule = dk_edm(0.02, 20), c.prediction = DK_PREDICT_X0, c.dim = 256, c.step_noise = source;
    if (dk_sample(&c, check_gaussian_denoise, &g, x)) fail_msg("%s", dk_message(&c));
    for (int i = 0; i < 256; i++) sum += pow((double)x[i] - (double)fine[i], 2) / 256;
    return sqrt(sum);
}

/* Noise that is additive in sigma makes first order samplers converge to the path with order 1. */
static void results_converge_along_a_path(void **state) {
    static const char *const samplers[] = {"euler_ancestral", "dpmpp_2m_sde", "seeds_2"};
    static const double within[] = {0.16, 0.06, 0.06}; /* at 20 steps */
    (void)state;
    for (int k = 0; k < 3; k++) {
        distance(samplers[k], 1280, source_of(DK_NOISE_BROWNIAN), z, other);
        for (int steps = 20, i = 0; steps <= 80; steps *= 2, i++) {
            double d = distance(samplers[k], steps, source_of(DK_NOISE_BROWNIAN), other, z);
            assert_true(d < within[k] * pow(0.56, i));
            d = distance(samplers[k], steps, source_of(DK_NOISE_DEFAULT), other, third);
            assert_true(d > 0.5); /* independent draws do not */
        }
    }
}

/* ------------------------------------------------------------------------------------- in a run */

/* Shows its draws: x is one after the other. */
static void record_draws(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from);
        r->x = dkr_mix(0, D, 1, dkr_noise(r, r->from, r->to));
    }
}

enum { DRAWS = 5, SIZE = 3 * 41 };

static dk_config draws_config(dk_noise_source first, dk_noise_source steps) {
    dk_config c = check_config("flow", NULL, DRAWS - 1);
    c.sampler.name = "draws", c.sampler.record = record_draws, c.dim = SIZE / 3, c.batch = 3, c.seed = 77;
    c.prediction = DK_PREDICT_X0, c.grid.final = DK_FINAL_MIN, c.noise = first, c.step_noise = steps;
    return c;
}

/* The draws of a run begun with this config; `cut`: saved and loaded into another run before that evaluation. */
static void run_draws(dk_config *c, int cut, dk_real *out) {
    static dk_real x[2][SIZE], saved[8 * SIZE];
    dk_run run[2];
    dk_eval e;
    int now = 0;
    if (dk_begin(&run[0], c, x[0], NULL, 0)) fail_msg("%s", run[0].message);
    while (dk_next(&run[now], &e)) {
        if (e.call == cut && !now) {
            assert_true(dk_save_size(&run[0]) <= sizeof saved);
            assert_int_equal(dk_save(&run[0], saved, sizeof saved), DK_OK);
            assert_int_equal(dk_begin(&run[1], c, x[1], NULL, 0), DK_OK);
            assert_int_equal(dk_load(&run[1], saved, sizeof saved), DK_OK);
            dk_end(&run[0]), now = 1;
            continue;
        }
        memcpy(out + e.call * SIZE, e.input, SIZE * sizeof *out);
        memset(e.output, 0, SIZE * sizeof *out);
    }
    assert_int_equal(run[now].status, DK_OK);
    memcpy(out + (DRAWS - 1) * SIZE, x[now], SIZE * sizeof *out);
    dk_end(&run[now]);
}

/* The same draws by themselves, in any order. */
static void check_draws(const dk_real *got, const dk_config *c, const dk_noise_source *source, int from,
                        int to, int call) {
    dk_noise_request q = request(c->seed, c->batch, c->dim);
    q.flow = 1, q.lowest = q.highest = HUGE_VAL, q.seeds = c->seeds, q.lowest = 0.25 / 0.75;
    for (int i = to; i >= from; i--) { /* levels 1, 3/4 .. 0 */
        double u = 1 - 0.25 * (i - 1), down = 1 - 0.25 * i;
        q.draw = i, q.call = call + i - from;
        q.from = i < 2 ? HUGE_VAL : u / (1 - u), q.to = i ? down / (1 - down) : q.from;
        assert_int_equal(dk_noise_fill(source, &q, z), DK_OK);
        assert_memory_equal(z, got + i * SIZE, SIZE * sizeof *z);
    }
}

static void runs_draw_from_every_source(void **state) {
    static const uint64_t seeds[3] = {4, 5, 6};
    static dk_real whole[DRAWS * SIZE], cut[DRAWS * SIZE];
    (void)state;
    for (int kind = DK_NOISE_PHILOX; kind < DK_NOISE_COUNT; kind++)
        for (int bits = 0; bits <= 64; bits += 64)
            for (int one = 0; one < 2; one++) {
                dk_noise_source source = source_of(kind);
                if (bits && kind <= DK_NOISE_BROWNIAN) continue; /* they have none */
                source.bits = bits;
                dk_config c = draws_config(source, source_of(DK_NOISE_DEFAULT));
                if (one) c.seeds = seeds;
                run_draws(&c, -1, whole);
                check_draws(whole, &c, &source, 0, DRAWS - 1, 0); /* the steps' go on */
                for (int at = 0; at < DRAWS - 1; at++) {
                    run_draws(&c, at, cut);
                    assert_memory_equal(whole, cut, sizeof cut);
                }
            }
}

static void initial_state_and_steps_have_sources_of_their_own(void **state) {
    static dk_real got[DRAWS * SIZE];
    (void)state;
    for (int a = DK_NOISE_PHILOX; a < DK_NOISE_COUNT; a++)
        for (int b = DK_NOISE_PHILOX; b < DK_NOISE_COUNT; b++) {
            dk_noise_source first = source_of(a), steps = source_of(b);
            steps.seed_offset = 1; /* so that it is another one where a = b */
            dk_config c = draws_config(first, steps);
            run_draws(&c, a == b ? 2 : -1, got);
            check_draws(got, &c, &first, 0, 0, 0);
            check_draws(got, &c, &steps, 1, DRAWS - 1, 0);
        }
}

static int give_number(void *user, const dk_noise_request *q, dk_real *out) {
    (void)user;
    assert_true(q->seed == 77 && q->highest > 1e300 && fabs(q->lowest - 1.0 / 3) < 1e-9);
    for (size_t i = 0; i < q->dim * (size_t)q->batch; i++) out[i] = (dk_real)(10 * q->draw + q->call);
    return 0;
}

static void callbacks_are_sources_too(void **state) {
    static dk_real got[DRAWS * SIZE];
    (void)state;
    dk_config c = draws_config(source_of(DK_NOISE_TORCH_CPU), source_from(give_number, NULL));
    run_draws(&c, -1, got);
    check_draws(got, &c, &c.noise, 0, 0, 0);
    for (int i = 1; i < DRAWS; i++) check_near((double)got[i * SIZE], 10 * i + i - 1, 0, "a callback's draw");
    c = draws_config(source_from(give_number, NULL), source_of(DK_NOISE_NUMPY));
    run_draws(&c, -1, got);
    check_near((double)got[5], 0, 0, "draw 0");
    check_draws(got, &c, &c.step_noise, 1, DRAWS - 1, 0);
}

static void a_run_tells_its_draws(void **state) {
    dk_config c = draws_config(source_of(DK_NOISE_TORCH_CPU), source_of(DK_NOISE_TORCHSDE));
    dk_real x[SIZE], got[SIZE];
    dk_run run;
    (void)state;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_run_noise(&run, 0, got), DK_OK);
    draw(source_of(DK_NOISE_TORCH_CPU), 77, 0, 3, SIZE / 3);
    assert_memory_equal(z, got, sizeof got);
    assert_int_equal(dk_run_noise(&run, DRAWS, got), DK_ERROR_ORDER); /* 0 .. DRAWS - 1 */
    dk_end(&run);
    assert_int_equal(dk_run_noise(&run, 0, got), DK_ERROR_ORDER);
}

/* Long vectors are worked on in tiles and parts. */
static void parts_and_tiles_change_nothing(void **state) {
    static const int kinds[] = {DK_NOISE_TORCH_CPU, DK_NOISE_TORCH_CUDA, DK_NOISE_BROWNIAN};
    (void)state;
    for (int k = 0; k < 3; k++)
        for (int threads = 1; threads <= 3; threads += 2) {
            dk_noise_source source = source_of(kinds[k]);
            dk_config c = draws_config(source, source_of(DK_NOISE_DEFAULT));
            check_gaussian g = {0, 1, DK_PREDICT_X0, 0.5, 0};
            c.steps = 1, c.dim = 20001, c.batch = 2, c.threads = threads;
            assert_int_equal(dk_sample(&c, check_gaussian_denoise, &g, other), DK_OK);
            dk_noise_request q = request(77, 2, 20001);
            q.draw = q.call = 1, q.from = HUGE_VAL, q.to = 0;
            assert_int_equal(dk_noise_fill(&source, &q, z), DK_OK);
            assert_memory_equal(z, other, 40002 * sizeof *z);
        }
}

/* Step-size control asks for draws again where a step is rejected. */
static void rejected_steps_cost_no_noise(void **state) {
    dk_real x[2][40];
    (void)state;
    for (int kind = DK_NOISE_BROWNIAN; kind < DK_NOISE_COUNT; kind++)
        for (int k = 0; k < 2; k++) {
            check_gaussian g = {0.3, 0.5, DK_PREDICT_X0, 0.5, 0};
            dk_config c = check_config("edm", "dpm_adaptive", 1);
            c.schedule = dk_edm(0.02, 20), c.prediction = DK_PREDICT_X0, c.dim = 40, c.sampler.eta = 0.5;
            c.sampler.control.h_init = k ? 0.05 : 0.0500001, c.noise = source_of(kind);
            if (dk_sample(&c, check_gaussian_denoise, &g, x[k])) fail_msg("%s", dk_message(&c));
            for (int i = 0; i < 40 && k; i++) check_near((double)x[1][i], (double)x[0][i], 0.05, "result");
        }
}

/* ----------------------------------------------------------------------------- words and errors */

static void sources_are_set_by_words(void **state) {
    dk_config c;
    (void)state;
    memset(&c, 0, sizeof c);
    assert_int_equal(
        dk_config_set(&c,
                      "noise=torch_cuda noise.threads=221184 step_noise=brownian step_noise.seed_offset=-3"),
        DK_OK);
    assert_int_equal(c.noise.kind, DK_NOISE_TORCH_CUDA);
    assert_int_equal(c.noise.threads, 221184);
    assert_int_equal(c.step_noise.kind, DK_NOISE_BROWNIAN);
    assert_int_equal(c.step_noise.seed_offset, -3);
    assert_int_equal(dk_config_set(&c, "noise=numpy noise.bits=32"), DK_OK);
    assert_int_equal(c.noise.kind, DK_NOISE_NUMPY);
    assert_int_equal(dk_config_set(&c, "noise=torch"), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c),
                        "setting \"noise=torch\": must be default|philox|brownian|torch_cpu|torch_cuda|"
                        "numpy|torchsde");
}

static void what_cannot_be_drawn_is_refused(void **state) {
    static const struct {
        const char *settings;
        uint64_t seed, first_sample;
        const char *message;
    } rows[] = {
        {"noise=torch_cpu", 0, 3,
         "first_sample = 3: must be 0 where one generator makes the whole batch (or use seeds)"},
        {"step_noise=torch_cuda", 0, 3,
         "first_sample = 3: must be 0 where one generator makes the whole batch (or use seeds)"},
        {"noise=numpy", 4294967296u, 0, "seed = 4294967296: must be below 2^32 for noise = numpy"},
        {"noise=numpy noise.seed_offset=1", 4294967295u, 0,
         "seed = 4294967296: must be below 2^32 for noise = numpy"},
        {"noise=torch_cpu noise.bits=16", 0, 0, "setting \"noise.bits=16\": must be 0, 32 or 64"},
        {"step_noise=torch_cuda step_noise.threads=100", 0, 0,
         "setting \"step_noise.threads=100\": must be a multiple of 256 (0: no limit)"},
        {"step_noise.seed_offset=1", 0, 0,
         "step_noise.seed_offset = 1: must be 0 with step_noise = default"},
        {"noise.bits=64", 0, 0, "noise.bits = 64: must be left out (0): the noise source has no use for it"},
        {"noise=torch_cpu noise.threads=256", 0, 0,
         "noise.threads = 256: must be left out (0): the noise source has no use for it"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = check_config("flow", "euler", 4);
        dk_status set = dk_config_set(&c, rows[i].settings);
        assert_int_equal(set == DK_OK, strncmp(rows[i].message, "setting ", 8) != 0);
        c.seed = rows[i].seed, c.first_sample = rows[i].first_sample;
        if (set != DK_OK) {
            assert_string_equal(c.message, rows[i].message);
            continue;
        }
        dk_real x[64];
        dk_run run;
        assert_true(c.dim * (size_t)(c.batch ? c.batch : 1) <= 64);
        assert_int_equal(dk_run_size(NULL, &c), 0);
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_ERROR_CONFIG);
        assert_string_equal(run.message, rows[i].message);
    }
    dk_config c = check_config("flow", "euler", 4);
    c.noise.kind = DK_NOISE_COUNT;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c),
                        "noise = 7: must be default|philox|brownian|torch_cpu|torch_cuda|numpy|torchsde");
    c = check_config("flow", "euler", 4);
    c.step_noise.fn = give_number, c.step_noise.seed_offset = 1;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "step_noise.seed_offset = 1: must be 0 with a noise function of your own");
    c.step_noise.seed_offset = 0, c.step_noise.kind = DK_NOISE_TORCH_CPU;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "step_noise = 3: must be 0 (default) with a noise function of your own");
    c = check_config("flow", "euler", 4);
    c.noise.fn = give_number, c.noise.kind = DK_NOISE_BROWNIAN;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "noise = 2: must be 0 (default) with a noise function of your own");
    c.noise.kind = DK_NOISE_DEFAULT;
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_int_equal(dk_resolve(&c), DK_OK); /* what it resolves to is taken again */
    const dk_noise_request request = {0, 0, 1, 1, 1.0 / 3, 1e301, 0, 0, 1, 1, 77, 0, NULL};
    dk_real number;
    assert_int_equal(dk_noise_fill(&c.noise, &request, &number), DK_OK);
    c.noise.kind = DK_NOISE_NUMPY;
    assert_int_equal(dk_noise_fill(&c.noise, &request, &number), DK_ERROR_CONFIG);
    const uint64_t seeds[2] = {1, 4294967296u};
    c = check_config("flow", "euler", 4);
    c.noise = source_of(DK_NOISE_NUMPY), c.batch = 2, c.seeds = seeds, c.first_sample = 3; /* which seeds replace */
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c),
                        "an element of seeds = 4294967296: must be below 2^32 for noise = numpy");
    dk_real x;
    dk_run run;
    c = check_config("vp_linear", "ddpm", 4);
    c.schedule.zero_terminal_snr = 1, c.prediction = DK_PREDICT_V, c.step_noise = source_of(DK_NOISE_TORCHSDE);
    c.grid = dk_grid_named("trailing");
    assert_int_equal(dk_begin(&run, &c, &x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message,
                        "the first level's sigma/alpha = inf: must be finite for step_noise = torchsde");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torch_cpu_gives_what_pytorch_gives),
        cmocka_unit_test(numpy_gives_what_random_state_gives),
        cmocka_unit_test(numpy_gives_what_default_rng_gives),
        cmocka_unit_test(torch_cuda_has_the_layout_of_a_launch),
        cmocka_unit_test(seeds_are_a_generator_for_each_sample),
        cmocka_unit_test(increments_add_up),
        cmocka_unit_test(increments_have_the_variance_of_time_and_are_independent),
        cmocka_unit_test(increments_are_normal),
        cmocka_unit_test(a_path_has_an_address),
        cmocka_unit_test(every_way_down_is_a_path),
        cmocka_unit_test(draws_of_a_run_are_independent),
        cmocka_unit_test(paths_reach_the_ends),
        cmocka_unit_test(results_converge_along_a_path),
        cmocka_unit_test(runs_draw_from_every_source),
        cmocka_unit_test(initial_state_and_steps_have_sources_of_their_own),
        cmocka_unit_test(callbacks_are_sources_too),
        cmocka_unit_test(a_run_tells_its_draws),
        cmocka_unit_test(parts_and_tiles_change_nothing),
        cmocka_unit_test(rejected_steps_cost_no_noise),
        cmocka_unit_test(noise_that_is_not_white_has_its_covariances),
        cmocka_unit_test(noise_of_a_sample_knows_nothing_of_its_batch),
        cmocka_unit_test(sources_are_set_by_words),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
