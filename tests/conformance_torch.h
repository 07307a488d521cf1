/* The lines of random numbers: the library's generators and Brownian paths against PyTorch's, NumPy's and torchsde's. */
#ifndef CONFORMANCE_TORCH_H
#define CONFORMANCE_TORCH_H

#include "conformance_model.h"
#include "examples/numpy.h"

enum { MAX_VALUES = 4096 };

static int single_precision(const json *v) { return same(json_string(v, "dtype", "float32"), "float32"); }

/* Within 2 units in the last place of a float, 3 of a double, or `most`. */
static verdict near_places(const json *wanted, const dk_real *have, int single, double most, double *worst) {
    static double want[MAX_VALUES];
    int n = json_numbers(wanted, want, MAX_VALUES), bits = single || sizeof(dk_real) == 4 ? 24 : 53, exponent;
    verdict result = n > 0 ? OK : FAIL;
    for (int i = 0; i < n; i++) {
        double off = fabs((double)have[i] - want[i]);
        frexp(want[i], &exponent);
        *worst = larger(*worst, error_of((double)have[i], want[i]));
        if (!(ldexp(off, bits - exponent) <= larger(most, bits == 24 ? 2 : 3))) result = FAIL;
    }
    return result;
}

static verdict philox_line(const json *line, double *worst) {
    const json *given[3] = {json_get(line, "counter"), json_get(line, "key"), json_get(line, "out")};
    uint32_t words[3][4] = {{0}}, out[4];
    for (int i = 0; i < 3; i++)
        for (int k = 0; given[i] && k < given[i]->count && k < 4; k++)
            words[i][k] = (uint32_t)strtoul(given[i]->item[k].string, NULL, 16);
    dkp_philox_block(words[0], words[1], out);
    *worst = memcmp(out, words[2], sizeof out) == 0 ? 0 : 1;
    return *worst > 0 ? FAIL : OK;
}

/* torchsde's increments are the library's for the way back, without its scale. */
static verdict brownian_line(const json *line, double *worst) {
    static dk_real z[MAX_VALUES];
    static const uint64_t seeds[3] = {1, 2, 3};
    const json *queries = json_get(line, "queries"), *calls = json_get(line, "calls"),
               *call = json_get(line, "call"), *noise = json_get(line, "noise");
    int single = single_precision(line), size = (int)json_real(line, "size", 8);
    dk_noise_source source = source_of(DK_NOISE_TORCHSDE);
    dk_noise_request q;
    memset(&q, 0, sizeof q);
    source.bits = single ? 32 : 64;
    q.draw = q.batch = 1, q.dim = (size_t)size;
    q.lowest = json_real(line, "t0", json_real(line, "sigma_min", 0));
    q.highest = json_real(line, "t1", json_real(line, "sigma_max", 1));
    q.seed = (uint64_t)json_real(line, "entropy", json_real(line, "seed", 0));
    for (int i = 0; queries && i < queries->count; i++) {
        const json *wanted = json_get(&queries->item[i], "W");
        q.from = json_real(&queries->item[i], "b", 0), q.to = json_real(&queries->item[i], "a", 0);
        double scale = sqrt(single ? (double)((float)q.from - (float)q.to) : q.from - q.to);
        dk_noise_fill(&source, &q, z);
        for (int k = 0; k < size; k++)
            *worst = larger(*worst, error_of(-scale * (double)z[k], wanted->item[k].number));
    }
    for (int i = 0; i < (calls ? calls->count : call ? 1 : 0); i++) {
        q.from = calls ? json_real(&calls->item[i], "sigma", 0) : call->item[0].number;
        q.to = calls ? json_real(&calls->item[i], "sigma_next", 0) : call->item[1].number;
        if (call) q.seeds = seeds, q.batch = 3;
        dk_noise_fill(&source, &q, z);
        for (int k = 0; k < size * q.batch; k++) {
            const json *wanted = calls ? json_get(&calls->item[i], "noise") : &noise->item[k / size];
            *worst = larger(*worst, error_of((double)z[k], wanted->item[k % size].number));
        }
    }
    return *worst <= (single || sizeof(dk_real) == 4 ? 1e-6 : 1e-13) ? OK : FAIL;
}

static void fill(const dk_noise_source *source, dkp_stream *g, int n, dk_real *z) {
    memset(z, 0, (size_t)n * sizeof *z);
    dkp_stream_normals(g, source, (size_t)n, 1, z);
}

/* torch.randn after torch.randn of one generator. */
static verdict calls_line(const json *line, dk_noise_source *source, dkp_stream *g, double *worst) {
    static dk_real z[MAX_VALUES];
    const json *calls = json_get(line, "calls");
    verdict result = OK;
    for (int i = 0; i < calls->count && result == OK; i++) {
        int n = (int)json_real(&calls->item[i], "n", 0);
        int single = single_precision(json_get(line, "dtype") ? line : &calls->item[i]);
        source->bits = single ? 32 : 64;
        fill(source, g, n < MAX_VALUES ? n : MAX_VALUES, z);
        result = near_places(json_get(&calls->item[i], "values"), z, single, 0, worst);
    }
    return result;
}

/* NumPy's default_rng, which is an example. */
static verdict pcg64_line(const char *kind, uint64_t seed, const json *values, double *worst) {
    static dk_real z[MAX_VALUES];
    numpy_rng g;
    memset(&g, 0, sizeof g);
    g.bits = strstr(kind, "float32") ? 32 : 64;
    numpy_start(&g, seed);
    for (int i = 0; i < values->count; i++) z[i] = (dk_real)(strstr(kind, "normal") ? numpy_normal(&g) : numpy_random(&g));
    return near_places(values, z, g.bits == 32, 0, worst);
}

static verdict rng_case(const json *line, double *worst) {
    static dk_real z[MAX_VALUES];
    static const uint32_t spawn_key[2] = {1, 1};
    dkp_stream g;
    const char *kind = json_string(line, "kind", "");
    uint64_t seed = (uint64_t)json_real(line, "seed", 0);
    const json *all = json_get(line, "all_values_if_n_le_100"),
               *values = all ? all : json_get(line, "values");
    int n = (int)json_real(line, "n", values ? values->count : 768), single = single_precision(line);
    if (strncmp(kind, "philox", 6) == 0) return philox_line(line, worst);
    if (strstr(kind, "Brownian")) return brownian_line(line, worst);
    if (n > MAX_VALUES) return unsupported("too long");
    dk_noise_source source = strstr(kind, "RandomState") ? source_of(DK_NOISE_NUMPY)
                             : strstr(kind, "cuda")      ? source_of(DK_NOISE_TORCH_CUDA)
                                                         : source_of(DK_NOISE_TORCH_CPU);
    if (strstr(kind, "PCG64")) return pcg64_line(kind, seed, values, worst);
    if (source.kind >= DK_NOISE_NUMPY) single = strstr(kind, "float32") != NULL;
    source.bits = single ? 32 : 64;
    dkp_start_stream(&g, (uint32_t)seed);
    if (json_get(line, "calls")) return calls_line(line, &source, &g, worst);
    if (strstr(kind, "SeedSequence")) {
        uint32_t words[8];
        dkp_seed_words(seed, spawn_key, strstr(kind, "spawn_key") ? 2 : 0,
                       strstr(kind, "pool_size=24") ? 24 : 4, words, n);
        for (int i = 0; i < n; i++) *worst = larger(*worst, error_of(words[i], values->item[i].number));
        return *worst > 0 ? FAIL : OK;
    }
    if (same(kind, "mt19937 raw uint32") || strncmp(kind, "torch.randint", 13) == 0) {
        for (int i = 0; i < n; i++) {
            uint32_t word = dkp_mt_word(&g) % (*kind == 't' ? 2147483647u : 4294967295u);
            *worst = larger(*worst, error_of(word, values->item[i].number));
        }
        return *worst > 0 ? FAIL : OK;
    }
    if (source.kind == DK_NOISE_TORCH_CUDA) {
        dk_noise_request q;
        memset(&q, 0, sizeof q);
        q.call = (int)json_real(line, "call_index", 0), q.batch = 1, q.dim = (size_t)n, q.seed = seed;
        dk_noise_fill(&source, &q, z);
        /* the published ones were computed in double from the same bits */
        return near_places(values, z, 1, strstr(kind, "published") ? 16 : 0, worst);
    }
    if (strstr(kind, "randn") || strstr(kind, "normal")) fill(&source, &g, n, z);
    else
        for (int i = 0; i < n; i++) z[i] = (dk_real)dkp_random(&g, source.kind, single);
    if (values) return near_places(values, z, single, 0, worst);
    verdict first = near_places(json_get(line, "first20"), z, single, 0, worst);
    return first == OK ? near_places(json_get(line, "last5"), z + n - 5, single, 0, worst) : first;
}

#endif
