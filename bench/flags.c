/* Nanoseconds per evaluation of N numbers with some samplers, the network left out, the least of many runs: flags N.
   bench/flags.sh compiles it with different flags. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double nanoseconds(const char *sampler, dk_number number, int checked, size_t n) {
    double least = 1e30;
    dk_config c;
    dk_plan plan;
    dk_real *x = (dk_real *)calloc(n, sizeof *x);
    memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
    c.sampler = dk_sampler_named(sampler), c.steps = 20, c.dim = n, c.number = number, c.unchecked = !checked;
    c.schedule = dk_edm(0.01, 10);
    if (!x || dk_record(&plan, &c)) fail(dk_message(&c));
    for (size_t i = 0; i < 2000000 / (n + 1000); i++) {
        dk_run run;
        dk_eval eval;
        memset(x, 0, n * sizeof *x);
        if (dk_begin_plan(&run, &plan, &c, x, NULL, 0)) fail(run.message);
        double start = now();
        while (dk_next(&run, &eval))
            if (checked) memset(eval.output, 0, n * sizeof *x);
        double seconds = now() - start;
        if (run.status) fail(run.message);
        if (seconds < least) least = seconds;
        dk_end(&run);
    }
    least /= plan.calls * 1e-9;
    dk_plan_free(&plan);
    free(x);
    return least;
}

int main(int argc, char **argv) {
    static const char *const samplers[] = {"euler", "heun", "dpmpp_2m", "unipc", "euler_ancestral"};
    size_t n = argc > 1 ? (size_t)atoi(argv[1]) : 1024;
    for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
        printf("%s %.1f\n", samplers[k], nanoseconds(samplers[k], DK_NUMBER_REAL, 0, n));
        printf("%s,fp16 %.1f\n", samplers[k], nanoseconds(samplers[k], DK_NUMBER_FP16, 0, n));
        printf("%s,checked %.1f\n", samplers[k], nanoseconds(samplers[k], DK_NUMBER_REAL, 1, n));
    }
    return 0;
}
