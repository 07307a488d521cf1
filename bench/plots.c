/* Writes plots into a folder: plots FOLDER. Time per step against the number of elements and against threads, time to
   set up a run against steps. Logarithmic axes; every point is the best of several. What one thread does for longer than a
   time slice is counted in processor's time, so that other programs disturb less. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "plot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* ---------------------------------------------------------------------------------------- measuring */

static const char *const samplers[] = {"euler", "dpmpp_2m", "unipc", "dpmpp_2m_sde"};
enum { SAMPLERS = sizeof samplers / sizeof samplers[0], LONG = 1 << 16 };

/* Seconds per evaluation of a network that does nothing, unchecked. */
static double time_steps(const char *sampler, size_t n, int threads) {
    dk_config c;
    dk_plan plan;
    double best = 1e30;
    memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
    c.sampler = dk_sampler_named(sampler), c.prediction = DK_PREDICT_VELOCITY, c.steps = 20, c.dim = n;
    c.start = DK_START_STATE, c.threads = threads, c.unchecked = 1;
    if (dk_record(&plan, &c)) fail(dk_message(&c));
    size_t bytes = dk_run_size(&plan, &c);
    void *memory = malloc(bytes);
    dk_real *x = (dk_real *)malloc(n * sizeof *x);
    if (!memory || !x) fail("not enough memory");
    memset(memory, 0, bytes);
    int repeats = (int)(20000000 / (n + 10000)) + 3;
    by_processor = threads == 1 && n >= LONG;
    for (int i = 0; i < repeats; i++) {
        dk_run run;
        dk_eval e;
        for (size_t j = 0; j < n; j++) x[j] = 1;
        if (dk_begin_plan(&run, &plan, &c, x, memory, bytes)) fail(run.message);
        double start = now();
        while (dk_next(&run, &e)) {
        }
        best = fmin(best, now() - start);
        if (run.status) fail(run.message);
        dk_end(&run);
    }
    best /= plan.calls;
    free(memory), free(x), dk_plan_free(&plan);
    return best;
}

/* Euler on flow matching by hand. */
static double time_by_hand(size_t n) {
    dk_real *x = (dk_real *)malloc(n * sizeof *x), *F = (dk_real *)malloc(n * sizeof *x);
    double best = 1e30;
    volatile double step = -0.05, level = 0.5;
    if (!x || !F) fail("not enough memory");
    for (size_t j = 0; j < n; j++) x[j] = F[j] = 1;
    int repeats = (int)(20000000 / (n + 10000)) + 3;
    by_processor = n >= LONG;
    for (int i = 0; i < repeats; i++) {
        double start = now();
        for (int k = 0; k < 20; k++) {
            dk_real s = (dk_real)level, a = (dk_real)(1 + step), b = (dk_real)-step;
            for (size_t j = 0; j < n; j++) {
                dk_real D = x[j] - s * F[j];
                x[j] = a * x[j] + b * D;
            }
        }
        best = fmin(best, (now() - start) / 20);
    }
    free(x), free(F);
    return best;
}

static void plot_sizes(const char *folder) {
    plot p = {.title = "Time per step besides the network, one thread",
              .x_label = "numbers",
              .y_label = "nanoseconds",
              .curves = SAMPLERS + 1};
    for (size_t n = 16; n <= 16 << 20; n *= 4, p.points++) {
        p.x[p.points] = (double)n;
        for (int k = 0; k < SAMPLERS; k++)
            p.name[k] = samplers[k], p.y[k][p.points] = time_steps(samplers[k], n, 1) * 1e9;
        p.name[SAMPLERS] = "euler by hand", p.y[SAMPLERS][p.points] = time_by_hand(n) * 1e9;
    }
    draw(&p, folder, "steps_by_size.svg");
}

static void plot_threads(const char *folder) {
    plot p = {.title = "Time per step besides the network, 4 Mi numbers",
              .x_label = "threads",
              .y_label = "milliseconds",
              .curves = SAMPLERS};
    int most = 1;
#ifdef _OPENMP
    most = omp_get_num_procs();
#endif
    if (most < 2) {
        printf("one thread: no plot by threads\n");
        return;
    }
    for (int threads = 1; p.points < POINTS; threads = 2 * threads < most ? 2 * threads : most) {
        p.x[p.points] = threads;
        for (int k = 0; k < SAMPLERS; k++)
            p.name[k] = samplers[k], p.y[k][p.points] = time_steps(samplers[k], 4 << 20, threads) * 1e3;
        p.points++;
        if (threads == most) break;
    }
    draw(&p, folder, "steps_by_threads.svg");
}

static double time_setup(const char *sampler, int steps) {
    dk_config c;
    double best = 1e30;
    memset(&c, 0, sizeof c);
    c.schedule = dk_vp_scaled_linear(), c.sampler = dk_sampler_named(sampler), c.steps = steps, c.dim = 1;
    size_t bytes = dk_run_size(NULL, &c);
    void *memory = malloc(bytes);
    dk_real x = 0;
    by_processor = steps >= 500;
    if (!memory || !bytes) fail(bytes ? "not enough memory" : dk_message(&c));
    for (int i = 0; i < 20000 / steps + 3; i++) {
        dk_run run;
        double start = now();
        if (dk_begin(&run, &c, &x, memory, bytes)) fail(run.message);
        best = fmin(best, now() - start);
        dk_end(&run);
    }
    free(memory);
    return best;
}

static void plot_setup(const char *folder) {
    plot p = {.title = "Time to set up a run: schedule, grid, plan",
              .x_label = "steps",
              .y_label = "microseconds",
              .curves = SAMPLERS};
    static const int steps[] = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000};
    for (; p.points < (int)(sizeof steps / sizeof *steps); p.points++) {
        p.x[p.points] = steps[p.points];
        for (int k = 0; k < SAMPLERS; k++)
            p.name[k] = samplers[k], p.y[k][p.points] = time_setup(samplers[k], steps[p.points]) * 1e6;
    }
    draw(&p, folder, "setup_by_steps.svg");
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : ".";
    plot_setup(folder);
    plot_sizes(folder);
    plot_threads(folder);
    return 0;
}
