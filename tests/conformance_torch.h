/* PyTorch's CPU generator as far as the reference files need it, and the lines of random numbers. */
#ifndef CONFORMANCE_TORCH_H
#define CONFORMANCE_TORCH_H

#include "conformance_model.h"

/* MT19937, Matsumoto & Nishimura 1998, with torch's cached second normal. */
typedef struct torch_generator {
    uint32_t state[624];
    int at;
    int cached;
    double cache;
} torch_generator;

static void torch_seed(torch_generator *g, uint32_t seed) {
    g->state[0] = seed, g->at = 624, g->cached = 0;
    for (uint32_t i = 1; i < 624; i++)
        g->state[i] = 1812433253u * (g->state[i - 1] ^ (g->state[i - 1] >> 30)) + i;
}

static uint32_t torch_word(torch_generator *g) {
    if (g->at == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t y = (g->state[i] & 0x80000000u) | (g->state[(i + 1) % 624] & 0x7fffffffu);
            g->state[i] = g->state[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        g->at = 0;
    }
    uint32_t y = g->state[g->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static double torch_uniform(torch_generator *g, int single) {
    if (single) return (torch_word(g) & 0xffffffu) / 16777216.0;
    uint64_t high = torch_word(g), low = torch_word(g);
    return (double)((high << 32 | low) & 0x1fffffffffffffu) / 9007199254740992.0;
}

static double torch_small_normal(torch_generator *g) {
    if (g->cached) {
        g->cached = 0;
        return g->cache;
    }
    double u = torch_uniform(g, 0), v = torch_uniform(g, 0);
    double radius = sqrt(-2 * log1p(-v)), angle = 2 * acos(-1.0) * u;
    g->cached = 1, g->cache = radius * sin(angle);
    return radius * cos(angle);
}

/* 16 uniforms to 16 normals, in the precision of the tensor. */
static void torch_sixteen(double *z, int single) {
    for (int j = 0; j < 8; j++) {
        double u = 1 - z[j], v = z[j + 8];
        if (single) {
            float radius = sqrtf(-2 * logf((float)u)), angle = 6.283185307179586f * (float)v;
            z[j] = (double)(radius * cosf(angle)), z[j + 8] = (double)(radius * sinf(angle));
        } else {
            double radius = sqrt(-2 * log(u)), angle = 2 * acos(-1.0) * v;
            z[j] = radius * cos(angle), z[j + 8] = radius * sin(angle);
        }
    }
}

/* torch.randn(n), contiguous. */
static void torch_randn(torch_generator *g, double *z, int n, int single) {
    if (n < 16) {
        for (int i = 0; i < n; i++) z[i] = torch_small_normal(g);
        for (int i = 0; i < n && single; i++) z[i] = (double)(float)z[i];
        return;
    }
    for (int i = 0; i < n; i++) z[i] = torch_uniform(g, single);
    for (int i = 0; i + 16 <= n; i += 16) torch_sixteen(z + i, single);
    if (n % 16 == 0) return;
    for (int i = n - 16; i < n; i++) z[i] = torch_uniform(g, single);
    torch_sixteen(z + n - 16, single);
}

/* torch.cuda.randn of a tensor that fits the launch grid: each element has its own thread, and the first of the
   four normals that Philox and Box-Muller give. */
static double cuda_normal(uint64_t seed, uint32_t call, uint32_t element) {
    const uint32_t counter[4] = {call, 0, element, 0}, key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t bits[4];
    dk_philox(counter, key, bits);
    double u = bits[0] / 4294967296.0 + 0.5 / 4294967296.0, v = bits[1] / 4294967296.0 + 0.5 / 4294967296.0;
    return sqrt(-2 * log(u)) * sin(2 * acos(-1.0) * v);
}

/* ------------------------------------------------------------------ torchsde's Brownian interval */

static uint32_t seed_hash(uint32_t value, uint32_t *state, uint32_t factor) {
    value ^= *state;
    value *= *state *= factor;
    return value ^ value >> 16;
}

/* The first word of numpy's SeedSequence of one word of entropy, a spawn key of `keys` words and a pool of 24. */
static uint32_t seed_sequence(uint32_t entropy, const uint32_t *key, int keys) {
    enum { POOL = 24 };
    uint32_t pool[POOL], state = 0x43b0d7e5;
    for (int i = 0; i < POOL; i++) pool[i] = seed_hash(i ? 0 : entropy, &state, 0x931e8875);
    for (int from = 0; from < POOL + keys; from++)
        for (int to = 0; to < POOL; to++) {
            if (from == to) continue;
            uint32_t word = seed_hash(from < POOL ? pool[from] : key[from - POOL], &state, 0x931e8875);
            word = 0xca01f9dd * pool[to] - 0x4973f715 * word;
            pool[to] = word ^ word >> 16;
        }
    state = 0x8b51f9dd;
    return seed_hash(pool[0], &state, 0x58f38ded);
}

typedef struct brownian_interval {
    double from, to; /* rounded to 6 decimals, as all of its points */
    uint32_t entropy;
    int size, single;
} brownian_interval;

enum { BROWNIAN_SIZE = 1024 };
/* As Python rounds: halves of two such points are ties in decimal, not in binary. */
static double round_6(double v) {
    char text[64];
    snprintf(text, sizeof text, "%.6f", v);
    return strtod(text, NULL);
}

static void seeded_normals(uint32_t seed, double *z, int n, int single) {
    torch_generator g;
    torch_seed(&g, seed);
    torch_randn(&g, z, n, single);
}

/* W at a point: halves are halved, each with normals of its own, until one ends there. */
static void brownian_at(const brownian_interval *b, double point, double *sum) {
    static double W[BROWNIAN_SIZE], z[BROWNIAN_SIZE];
    double from = b->from, to = b->to, at = round_6(point);
    uint32_t key[2] = {0, 0}; /* place within the depth, depth */
    seeded_normals(seed_sequence(b->entropy, key, 0), W, b->size, b->single);
    for (int i = 0; i < b->size; i++) sum[i] = 0, W[i] *= sqrt(to - from);
    while (at > from + 5e-7) {
        double middle = round_6(0.5 * (from + to)), share = (middle - from) / (to - from);
        int right = at > middle + 5e-7, whole = at > to - 5e-7;
        if (!whole) seeded_normals(seed_sequence(b->entropy, key, 2), z, b->size, b->single);
        for (int i = 0; i < b->size; i++) {
            double left = whole ? W[i] : share * W[i] + sqrt((to - middle) * share) * z[i];
            if (right || whole) sum[i] += left, W[i] -= left;
            else W[i] = left;
        }
        if (whole) return;
        if (right) from = middle;
        else to = middle;
        key[0] = 2 * key[0] + (uint32_t)right, key[1]++;
    }
}

/* k-diffusion's unit normals from it, for a step down between two noise levels. */
static void brownian_noise(const brownian_interval *b, double from, double to, double *z) {
    static double end[BROWNIAN_SIZE];
    brownian_at(b, from, z);
    brownian_at(b, to, end);
    for (int i = 0; i < b->size; i++) z[i] = (end[i] - z[i]) / sqrt(from - to);
}

/* ------------------------------------------------------------------ lines of random numbers */

enum { MAX_VALUES = 4096 };

static double furthest(const json *wanted, const double *have, int first) {
    static double want[MAX_VALUES];
    int n = json_numbers(wanted, want, MAX_VALUES);
    double worst = n > 0 ? 0 : HUGE_VAL;
    for (int i = 0; i < n; i++) worst = larger(worst, error_of(have[first + i], want[i]));
    return worst;
}

static int single_precision(const json *v) { return same(json_string(v, "dtype", "float32"), "float32"); }

static verdict philox_line(const json *line, double *worst) {
    const json *given[3] = {json_get(line, "counter"), json_get(line, "key"), json_get(line, "out")};
    uint32_t words[3][4] = {{0}}, out[4];
    for (int i = 0; i < 3; i++)
        for (int k = 0; given[i] && k < given[i]->count && k < 4; k++)
            words[i][k] = (uint32_t)strtoul(given[i]->item[k].string, NULL, 16);
    dk_philox(words[0], words[1], out);
    *worst = memcmp(out, words[2], sizeof out) == 0 ? 0 : 1;
    return *worst > 0 ? FAIL : OK;
}

static verdict brownian_line(const json *line, double *worst) {
    static double a[BROWNIAN_SIZE], b[BROWNIAN_SIZE];
    const json *queries = json_get(line, "queries"), *calls = json_get(line, "calls"),
               *call = json_get(line, "call"), *noise = json_get(line, "noise");
    brownian_interval w = {round_6(json_real(line, "t0", json_real(line, "sigma_min", 0))),
                           round_6(json_real(line, "t1", json_real(line, "sigma_max", 1))),
                           (uint32_t)json_real(line, "entropy", json_real(line, "seed", 0)),
                           (int)json_real(line, "size", 8), single_precision(line)};
    for (int i = 0; queries && i < queries->count; i++) {
        brownian_at(&w, json_real(&queries->item[i], "a", 0), a);
        brownian_at(&w, json_real(&queries->item[i], "b", 0), b);
        for (int k = 0; k < w.size; k++) b[k] -= a[k];
        *worst = larger(*worst, furthest(json_get(&queries->item[i], "W"), b, 0));
    }
    for (int i = 0; calls && i < calls->count; i++) {
        brownian_noise(&w, json_real(&calls->item[i], "sigma", 0),
                       json_real(&calls->item[i], "sigma_next", 0), a);
        *worst = larger(*worst, furthest(json_get(&calls->item[i], "noise"), a, 0));
    }
    for (int i = 0; call && i < noise->count; i++) { /* seeds 1, 2, 3: one for each of a batch */
        w.entropy = (uint32_t)i + 1;
        brownian_noise(&w, call->item[0].number, call->item[1].number, a);
        *worst = larger(*worst, furthest(&noise->item[i], a, 0));
    }
    return *worst <= (w.single ? 2e-6 : 1e-13) ? OK : FAIL;
}

static verdict rng_case(const json *line, double *worst) {
    static double z[MAX_VALUES];
    torch_generator g;
    const char *kind = json_string(line, "kind", "");
    uint64_t seed = (uint64_t)json_real(line, "seed", 0);
    const json *calls = json_get(line, "calls"), *values = json_get(line, "values");
    int n = (int)json_real(line, "n", 0);
    torch_seed(&g, (uint32_t)seed);
    if (strncmp(kind, "philox", 6) == 0) return philox_line(line, worst);
    if (strncmp(kind, "torch.cuda.randn", 16) == 0) {
        for (uint32_t i = 0; i < 64; i++)
            z[i] = cuda_normal(seed, (uint32_t)json_real(line, "call_index", 0), i);
        *worst = furthest(values, z, 0);
        return *worst <= 2e-6 ? OK : FAIL;
    }
    if (strstr(kind, "Brownian")) return brownian_line(line, worst);
    if (strncmp(kind, "numpy", 5) == 0) return unsupported("numpy's generators");
    if (n > MAX_VALUES) return unsupported("too long");
    if (same(kind, "mt19937 raw uint32") || strncmp(kind, "torch.randint", 13) == 0) {
        for (int i = 0; i < 64; i++) z[i] = torch_word(&g) % (*kind == 't' ? 2147483647u : 4294967295u);
        *worst = furthest(values, z, 0);
    } else if (same(kind, "torch.rand")) {
        for (int i = 0; i < n; i++) z[i] = torch_uniform(&g, single_precision(line));
        *worst = furthest(values, z, 0);
    } else if (calls) {
        for (int i = 0; i < calls->count; i++) {
            int m = (int)json_real(&calls->item[i], "n", 0);
            int single = single_precision(json_get(line, "dtype") ? line : &calls->item[i]);
            torch_randn(&g, z, m < MAX_VALUES ? m : MAX_VALUES, single);
            *worst = larger(*worst, furthest(json_get(&calls->item[i], "values"), z, 0));
        }
    } else if (json_get(line, "first20")) {
        torch_randn(&g, z, 768, single_precision(line));
        *worst = larger(furthest(json_get(line, "first20"), z, 0), furthest(json_get(line, "last5"), z, 763));
    } else {
        torch_randn(&g, z, n, single_precision(line));
        *worst = furthest(values, z, 0);
    }
    return *worst <= (single_precision(line) ? 1e-6 : 1e-14)
               ? OK
               : FAIL; /* their vectorised functions differ a little */
}

#endif
