/* Standard normals per second on one core, against memset of the same bytes, in one run. bench/peers/randn.py is
   PyTorch's side of it.

   Each line is one build of the generator: "chosen" is dk_normals as this machine runs it, "plain" what the
   compiler's flags alone give, the others what dk_normals may choose.

   bench_noise count N   makes 1024 N normals in the first level cache and does nothing else. Instructions per normal
   are the slope of
       valgrind --tool=callgrind --callgrind-out-file=/dev/null build/bench_noise count N
   over 1024 N (valgrind has no AVX-512, so it counts AVX2; add -DDK_NO_DISPATCH to CFLAGS for the plain one). */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where the header has copies for wider vectors. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(DK_NO_DISPATCH) && \
    !(defined(__clang__) && defined(__FAST_MATH__))
#define DISPATCHED
#endif

typedef void generator(const dkp_noise *of, uint64_t chunk, size_t chunks, dk_real *z);

static void plain(const dkp_noise *of, uint64_t chunk, size_t chunks, dk_real *z) {
    dkp_normal_chunks(of, chunk, chunks, dkp_words_plain, z);
}

static void memset_0(const dkp_noise *of, uint64_t chunk, size_t chunks, dk_real *z) {
    memset(z, (int)(chunk & of->draw), chunks * 64 * sizeof *z);
}

/* Processor time: other programs on the machine count less. */
static double now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* Seconds to fill n numbers; the best of several. */
static double time_fill(generator *fill, dk_real *z, size_t n) {
    const dkp_noise of = {42, 0, 1, NULL, NULL, 2};
    size_t times = n < (1 << 20) ? (1 << 20) / n : 1;
    double best = 1e30;
    for (int i = 0; i < (times > 1 ? 100 : 5); i++) {
        double start = now();
        for (size_t k = 0; k < times; k++) {
            fill(&of, k, n / 64, z);
            *(volatile dk_real *)z = z[n - 1]; /* so that no call can be left out */
        }
        double seconds = (now() - start) / (double)times;
        if (seconds < best) best = seconds;
    }
    return best;
}

int main(int argc, char **argv) {
    static const size_t sizes[] = {1 << 10, 16 << 10, 16 << 20};
    const struct {
        const char *name;
        generator *fill;
        int runs;
    } builds[] = {
        {"chosen", dkp_normals, 1},
        {"plain", plain, 1},
#ifdef DISPATCHED
        {"avx2", dkp_normals_avx2, __builtin_cpu_supports("avx2")},
        {"avx512", dkp_normals_avx512,
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")},
#endif
    };
    const size_t most = sizes[2];
    dk_real *z = (dk_real *)malloc(most * sizeof *z);
    if (!z) return 1;
    if (argc == 3 && !strcmp(argv[1], "count")) {
        const dkp_noise of = {42, 0, 1, NULL, NULL, 2};
        for (long k = 0; k < atol(argv[2]); k++) dkp_normals(&of, (uint64_t)k * 16, 16, z);
        printf("%g\n", (double)z[0]);
        free(z);
        return 0;
    }
    memset(z, 1, most * sizeof *z); /* pages must exist before they are timed */
    printf("%-8s %10s %14s %12s\n", "normals", "floats", "M/s", "x memset");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t k = 0; k < sizeof builds / sizeof *builds; k++) {
            if (!builds[k].runs) continue;
            double seconds = time_fill(builds[k].fill, z, sizes[i]);
            printf("%-8s %10zu %14.1f %12.2f\n", builds[k].name, sizes[i], 1e-6 * (double)sizes[i] / seconds,
                   seconds / time_fill(memset_0, z, sizes[i]));
        }
    free(z);
    return 0;
}
