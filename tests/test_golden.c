/* What every name gives, to the bit: frozen. tests/data/golden.txt has a line for each sampler, grid, schedule, form of guidance and
   source of noise with a hash of its numbers, for states in float and in double; `make golden` writes it anew. All compilers, options,
   threads and machines must give these hashes. Names: a changed sampler gets a new one.

     test_golden print    the lines of this build
     test_golden hash     of the file, which is golden_hash below
     test_golden values   the numbers themselves, one a line, to see how far another machine is off */
#include "check.h"

static const char golden_file[] = "tests/data/golden.txt";
static const char golden_hash[] = "77aedebec926429e"; /* of the whole file */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* FNV-1a, 64 bits, over bytes that do not depend on the machine's order of them. */
static const uint64_t empty_hash = 0xCBF29CE484222325u;
static uint64_t hash;
static int listing;

static void take_bits(uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; i++) hash = (hash ^ (bits >> 8 * i & 0xFF)) * 0x100000001B3u;
}

/* All NaN are one. */
static void take(double v) {
    uint64_t bits = 0x7FF8000000000000u;
    if (v >= 0 || v < 0) memcpy(&bits, &v, sizeof bits);
    take_bits(bits, 8);
    if (listing) printf("%.17g\n", v);
}

static void take_levels(const dk_level *l, int n) {
    for (int i = 0; i < n; i++) take(l[i].t), take(l[i].alpha), take(l[i].sigma);
}

static void take_states(const dk_real *x, size_t n) {
    for (size_t i = 0; i < n; i++) take((double)x[i]);
}

/* Fixed numbers, the state x/(1 + |x|) and the number of the call make an output; with integers, so that options of the
   compiler, which hold for the test as well, do not matter. */
static dk_real network_value(dk_real x, int call) {
    const double one = 1048576; /* 2^20 */
    int64_t q = 0;
    if (x > -1000 && x < 1000) q = (int64_t)((double)x * one);
    q = q * 1048576 / (1048576 + (q < 0 ? -q : q)) + call % 5 * 65536;
    return (dk_real)((double)q / one);
}

static int network(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        e->output[i] = network_value(e->input[i], e->call);
        if (e->uncond_output) e->uncond_output[i] = e->output[i] / 2;
    }
    return 0;
}

/* ------------------------------------------------------------------ what there is of each kind */

/* In every family, from noise: the plan's numbers and the result. Combinations that are refused count by their status. */
static void sampler(const char *name) {
    enum { DIM = 19, BATCH = 2 };
    for (int i = 0; dk_schedule_name(i); i++) {
        dk_config c = check_config(dk_schedule_name(i), name, 7);
        dk_real x[DIM * BATCH] = {0};
        dk_plan plan;
        c.dim = DIM, c.batch = BATCH;
        memset(&plan, 0, sizeof plan);
        dk_status status = dk_record(&plan, &c);
        take(status);
        if (status == DK_OK) {
            take_levels(plan.level, plan.levels);
            for (int k = 0; k < plan.terms; k++) take(plan.term[k].c);
            for (int k = 0; k < plan.calls; k++) take(plan.call[k].condition), take(plan.call[k].input_scale);
        }
        dk_plan_free(&plan);
        take(dk_sample(&c, network, NULL, x));
        take_states(x, DIM * BATCH);
    }
}

static void grid(const char *name) {
    static const int steps[] = {1, 2, 7, 20};
    double level[64];
    for (int i = 0; dk_schedule_name(i); i++)
        for (int k = 0; k < COUNT(steps); k++) {
            dk_config c = check_config(dk_schedule_name(i), NULL, steps[k]);
            c.grid = dk_grid_named(name);
            int n = dk_levels(&c, DK_UNIT_T, level, COUNT(level));
            for (int j = 0; j < n; j++) take(level[j]);
            n = dk_levels(&c, DK_UNIT_SIGMA, level, COUNT(level));
            for (int j = 0; j < n; j++) take(level[j]);
            take(n);
        }
}

static void schedule(const char *name) {
    dk_schedule s = dk_schedule_named(name);
    for (int i = 0; i <= 32; i++) {
        double d_alpha = 0, d_sigma = 0, t;
        volatile double range = s.t_max - s.t_min, part = range * i, after = part / 32; /* each rounded */
        dk_level at[3];
        t = s.t_min + after;
        at[0] = dk_level_at(&s, t);
        at[1] = dk_level_at_sigma(&s, i / 8.0), at[2] = dk_level_at_lambda(&s, (i - 16) / 4.0);
        take_levels(at, 3);
        if (i > 0 && i < 32) dk_level_slopes(&s, t, &d_alpha, &d_sigma);
        take(d_alpha), take(d_sigma);
        take(dk_lambda(at[0])), take(dk_noise_level(at[0]));
    }
}

static void normals(const char *name) {
    dk_real z[1031];
    (void)name;
    dk_normals(7, 3, 1, 0, COUNT(z), z);
    take_states(z, COUNT(z));
    dk_normals(0xFEDCBA9876543210u, 1ull << 40, 0xFFFFFFFFu, 1000000000001u, 77, z);
    take_states(z, 77);
}

/* Two draws of three samples, from one generator and from one for each, in the peer's floats and doubles. */
static void source(const char *name) {
    static const uint64_t seeds[3] = {1, 7, 0xFFFFFFFF};
    dk_real z[3 * 101];
    char words[40];
    dk_config c;
    dk_noise_request q;
    memset(&c, 0, sizeof c), memset(&q, 0, sizeof q);
    snprintf(words, sizeof words, "noise=%s", name);
    take(dk_config_set(&c, words));
    q.batch = 3, q.dim = 101, q.seed = 5, q.from = 9, q.to = 0.3, q.lowest = 0.03, q.highest = 20;
    for (int i = 0; i < 8; i++) {
        q.draw = q.call = i % 2, q.seeds = i & 2 ? seeds : NULL, c.noise.bits = i & 4 ? 64 : 32;
        take(dk_noise_fill(&c.noise, &q, z));
        take_states(z, COUNT(z));
    }
}

static void philox(const char *name) {
    uint32_t counter[4] = {1, 2, 3, 4}, out[4];
    const uint32_t key[2] = {5, 6};
    (void)name;
    for (int i = 0; i < 100; i++) {
        dk_philox(counter, key, out);
        for (int k = 0; k < 4; k++) take(out[k]);
        counter[i % 4] ^= out[0];
    }
}

static void halves(const char *name) {
    dk_real v[512], back[512];
    uint16_t h[512];
    dk_number number = name[0] == 'f' ? DK_NUMBER_FP16 : DK_NUMBER_BF16;
    for (int i = 0; i < COUNT(v); i++)
        v[i] = (dk_real)(i % 2 ? -1 : 1) * (dk_real)(i * i + 1) / (dk_real)(i % 13 ? 4096 : 33554432);
    dk_to_half(number, v, h, COUNT(v));
    dk_from_half(number, h, back, COUNT(v));
    for (int i = 0; i < COUNT(v); i++) take(h[i]);
    take_states(back, COUNT(v));
}

/* Tasks from the last to the first. */
static void backwards(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    (void)user;
    for (int i = n; i-- > 0;) task(arg, i);
}

/* Vectors that are long enough for parts; the name says how many. The same hash for all, with norms and noise. */
static void parts(const char *name) {
    enum { DIM = 35003, BATCH = 2 };
    static const char *const samplers[] = {"smld", "euler_a", "dopri5"};
    static dk_real x[DIM * BATCH];
    for (int i = 0; i < COUNT(samplers); i++) {
        dk_config c = check_config("vp", samplers[i], 2);
        c.dim = DIM, c.batch = BATCH, c.threads = name[0] - '0', c.parallel = backwards;
        take(dk_sample(&c, network, NULL, x));
        take_states(x, DIM * BATCH);
    }
}

static const struct guided {
    const char *name, *settings;
} guided[] = {
    {"scale", "guidance.scale=3"},
    {"scale2", "guidance.scale=3 guidance.scale2=1.5 guidance.noise_min=0.1"},
    {"rescale", "guidance.scale=3 guidance.rescale=0.7"},
    {"zero_star", "guidance.scale=3 guidance.zero_star=1 guidance.zero_init=1"},
    {"projected", "guidance.scale=3 guidance.projected=1 guidance.momentum=-0.5 guidance.limit=4"},
    {"quantile", "guidance.quantile=0.9"},
};
static const char *guided_name(int i) { return i < COUNT(guided) ? guided[i].name : NULL; }

static void guidance(const char *name) {
    enum { DIM = 1031, BATCH = 2 };
    static dk_real x[DIM * BATCH];
    dk_config c = check_config("flow", "dpmpp_2m_sde", 5);
    for (int i = 0; i < COUNT(guided); i++)
        if (strcmp(name, guided[i].name) == 0) dk_config_set(&c, guided[i].settings);
    c.dim = DIM, c.batch = BATCH;
    take(dk_sample(&c, network, NULL, x));
    take_states(x, DIM * BATCH);
}

/* ------------------------------------------------------------------ all of it */

static const char *sampler_name(int i) { return dk_sampler_at(i) ? dk_sampler_at(i)->name : NULL; }
static const char *noise_name(int i) { return i < 1 ? "normals" : NULL; }
static const char *source_name(int i) {
    static const char *const names[] = {"philox",      "torch_cpu", "torch_cuda", "numpy",
                                        "numpy_pcg64", "brownian",  "torchsde"};
    return i < COUNT(names) ? names[i] : NULL;
}
static const char *generator_name(int i) { return i < 1 ? "philox" : NULL; }
static const char *half_name(int i) {
    static const char *const names[] = {"fp16", "bf16"};
    return i < 2 ? names[i] : NULL;
}
static const char *parts_name(int i) {
    static const char *const names[] = {"1", "2", "5"};
    return i < 3 ? names[i] : NULL;
}

static const struct kind {
    const char *kind;
    const char *(*name)(int i);
    void (*hashed)(const char *name);
} kinds[] = {
    {"schedule", dk_schedule_name, schedule},
    {"grid", dk_grid_name, grid},
    {"sampler", sampler_name, sampler},
    {"noise", noise_name, normals},
    {"source", source_name, source},
    {"generator", generator_name, philox},
    {"number", half_name, halves},
    {"threads", parts_name, parts},
    {"guidance", guided_name, guidance},
};

/* Calls line(arg, kind, name, hash) for each. */
static void all(void (*line)(void *arg, const char *kind, const char *name), void *arg) {
    for (int k = 0; k < COUNT(kinds); k++)
        for (int i = 0; kinds[k].name(i); i++) {
            hash = empty_hash;
            kinds[k].hashed(kinds[k].name(i));
            line(arg, kinds[k].kind, kinds[k].name(i));
        }
}

static void hex(uint64_t v, char text[17]) {
    for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
    text[16] = 0;
}

static void print_line(void *arg, const char *kind, const char *name) {
    char text[17];
    (void)arg;
    hex(hash, text);
    if (!listing) printf("%s %s %s\n", kind, name, text);
}

typedef struct file {
    FILE *f;
    int wrong;
} file;

static void compare_line(void *arg, const char *kind, const char *name) {
    file *g = (file *)arg;
    char text[17], k[32] = "", n[64] = "", in_float[20] = "", in_double[20] = "";
    const char *wanted = sizeof(dk_real) == sizeof(float) ? in_float : in_double;
    hex(hash, text);
    int read = fscanf(g->f, "%31s %63s %19s %19s", k, n, in_float, in_double);
    if (read == 4 && strcmp(k, kind) == 0 && strcmp(n, name) == 0 && strcmp(text, wanted) == 0) return;
    if (g->wrong++ < 20)
        print_error("%s %s: %s, where the file says %s %s %s\n", kind, name, text, k, n, wanted);
}

static void every_name_gives_what_it_gave(void **state) {
    file g = {fopen(golden_file, "r"), 0};
    char rest[32];
    (void)state;
    assert_non_null(g.f);
    all(compare_line, &g);
    int more = fscanf(g.f, "%31s", rest);
    fclose(g.f);
    assert_int_equal(g.wrong, 0);
    assert_int_equal(more, EOF);
}

static void hash_file(char text[17]) {
    FILE *f = fopen(golden_file, "rb");
    hash = empty_hash;
    for (int c; f && (c = getc(f)) != EOF;)
        if (c != '\r') take_bits((uint64_t)c, 1);
    if (f) fclose(f);
    hex(hash, text);
}

static void one_hash_stands_for_all(void **state) {
    char text[17];
    (void)state;
    hash_file(text);
    assert_string_equal(text, golden_hash);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_gives_what_it_gave),
        cmocka_unit_test(one_hash_stands_for_all),
    };
    char text[17];
    if (argc < 2) return cmocka_run_group_tests(tests, NULL, NULL);
    listing = strcmp(argv[1], "values") == 0;
    if (strcmp(argv[1], "hash")) all(print_line, NULL);
    else hash_file(text), puts(text);
    return 0;
}
