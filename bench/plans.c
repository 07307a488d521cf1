/* plans.c: the plans that are fitted to the example network, and what there is without fitting, on digits that no plan has seen.

       make bench-plans              or: build/bench_plans [SAMPLES]

   Distance from the exact solution: the root mean square over all digits, the median of the digits' own, and the smallest and the
   largest root mean square among sets of 60. A digit whose noise lies near the border between two shapes may end in the other
   one. One such digit in 60 is more than all the rest. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "clock.h"
#include "examples/digits.h"
#include "examples/digits/plans.h"
#include "examples/tune.h"

enum { SET = 60 };

/* The mean squares of the digits' distances. */
static void measure(dk_config c, digits *d, const dk_real *want, dk_real *x, double *of) {
    if (dk_sample(&c, digits_denoise, d, x)) fail(dk_message(&c));
    for (int b = 0; b < c.batch; b++) {
        of[b] = 0;
        for (int i = 0; i < UNET_PIXELS; i++) of[b] += pow((double)x[b * UNET_PIXELS + i] - (double)want[b * UNET_PIXELS + i], 2) / UNET_PIXELS;
    }
}

static void show(double *of, int count) {
    double sum = 0, least = HUGE_VAL, most = 0;
    for (int first = 0; first < count; first += SET) {
        double set = 0;
        for (int b = first; b < first + SET; b++) set += of[b] / SET;
        sum += set, least = fmin(least, set), most = fmax(most, set);
    }
    qsort(of, (size_t)count, sizeof *of, tune_ascending);
    printf(" %.3g / %.2g (%.2g to %.2g) |", sqrt(sum * SET / count), sqrt(of[count / 2]), sqrt(least), sqrt(most));
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const int evaluations[] = {4, 5, 6, 8, 10}, labels[UNET_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const char *const way[] = {"sampler=dpmpp_2m grid=karras", "sampler=adams2 grid=power", "fitted"};
    const int sets = (argc > 1 ? atoi(argv[1]) : 300) / SET, count = sets * SET;
    digits d;
    memset(&d, 0, sizeof d);
    const char *wrong = unet_load(&d.net, "examples/digits/weights.bin");
    dk_real *want = (dk_real *)malloc(2 * (size_t)(count + 1) * UNET_PIXELS * sizeof *want), *x = want + (size_t)count * UNET_PIXELS;
    double *of = (double *)malloc((size_t)(count + 1) * sizeof *of);
    if (wrong || sets < 1 || !want || !of) fail(wrong ? wrong : "SAMPLES: must be at least 60");
    d.labels = labels, d.count = UNET_CLASSES;
    for (int guided = 0; guided < 2; guided++) {
        dk_config c = digits_config(&d);
        c.batch = count, c.seed = 2000, c.guidance.scale = guided ? 2 : 0;
        if (tune_solve(&c, 128, digits_denoise, &d, want)) fail(dk_message(&c));
        printf("\nRMS / median (RMS of sets of %d) on %d digits, guidance %d:\n\n| evaluations |", SET, count, guided + 1);
        for (int i = 0; i < 5; i++) printf(" %d |", evaluations[i]);
        printf("\n|---|---|---|---|---|---|\n");
        for (int k = 0; k < 3; k++) {
            printf("| %s |", way[k]);
            for (int i = 0; i < 5; i++) {
                dk_config run = c;
                run.steps = evaluations[i];
                if (k == 2) run.sampler = dk_table_sampler(digits_plan(evaluations[i], guided)), run.steps = 0;
                else if (dk_config_set(&run, way[k])) fail(dk_message(&run));
                measure(run, &d, want, x, of);
                show(of, count);
            }
            printf("\n");
        }
    }
    free(want), free(of);
    unet_free(&d.net);
    return 0;
}
