/* tune.h: how far samplers and grids end from the exact solution on your network, at a given number of evaluations.

       dk_real *want;                                            // batch * dim numbers
       if (tune_solve(&c, 128, denoise, user, want)) ...         // a fine solution from c's noise
       if (tune_record(&c, "heun", "karras", 10, &plan))         // in 10 evaluations or a few less
           tune_measure(&c, &plan, denoise, user, want, x, &rms, &median);

   Of the config all counts but sampler, grid and steps. Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_TUNE_H
#define EXAMPLES_TUNE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sampler, "name" or "name:field=value:field=value", on a grid, likewise; "default": the schedule's own. An error is in
   the config's message. */
static inline dk_status tune_configure(dk_config *c, const char *sampler, const char *grid, int steps) {
    char text[300];
    snprintf(text, sizeof text, "sampler=%.130s%s%.130s", sampler, strcmp(grid, "default") ? ":grid=" : "",
             strcmp(grid, "default") ? grid : "");
    for (char *colon = text; (colon = strchr(colon, ':')) != NULL;) *colon = ' ';
    c->steps = steps;
    return dk_config_set(c, text);
}

/* The schedule's first level as sigma/(alpha + sigma); 0 with a message where the config cannot work. */
static inline double tune_first_level(dk_config *config) {
    dk_config c = *config;
    double first = 0;
    memset(&c.sampler, 0, sizeof c.sampler), memset(&c.grid, 0, sizeof c.grid);
    if (c.steps < 1) c.steps = 1;
    if (!dk_levels(&c, DK_UNIT_FLOW, &first, 1)) memcpy(config->message, c.message, sizeof c.message);
    return first;
}

/* A plan that makes `evaluations` of them, or as many less as it must. 0 where there is none that the exact solution can be
   compared with: from the schedule's first level to clean data, and without noise on the way. */
static inline int tune_record(dk_config *config, const char *sampler, const char *grid, int evaluations, dk_plan *plan) {
    const double first = tune_first_level(config);
    for (int steps = evaluations; steps > 0; steps--) {
        dk_config c = *config;
        memset(&c.sampler, 0, sizeof c.sampler), memset(&c.grid, 0, sizeof c.grid);
        if (tune_configure(&c, sampler, grid, steps) || dk_record(plan, &c) || plan->calls > evaluations) continue;
        dk_level noisy = plan->level[0], clean = plan->level[plan->levels - 1];
        return plan->draws == 1 && plan->levels == plan->steps + 1 && clean.sigma <= 0 &&
               fabs(noisy.sigma / (noisy.alpha + noisy.sigma) - first) < 1e-6;
    }
    return 0;
}

enum { TUNE_STEPS = 1000 };

/* The end of the probability-flow ODE, by so many steps of third order, 1 .. TUNE_STEPS. Their levels lie evenly over
   sqrt(s/(s + pivot)), s = sigma/alpha. */
static inline dk_status tune_solve(dk_config *config, int steps, dk_denoise_fn denoise, void *user, dk_real *want) {
    const double pivot = 6 * (config->sigma_data > 0 ? config->sigma_data : 0.5);
    const double first = tune_first_level(config), top = first / (first + pivot * (1 - first));
    double level[TUNE_STEPS + 1];
    dk_config c = *config;
    if (first <= 0 || steps < 1 || steps > TUNE_STEPS) return DK_ERROR_CONFIG;
    for (int i = 0; i <= steps; i++) {
        double root = sqrt(top) * (1 - (double)i / steps), v = root * root;
        level[i] = i ? pivot * v / (pivot * v + 1 - v) : first;
    }
    memset(&c.sampler, 0, sizeof c.sampler), memset(&c.grid, 0, sizeof c.grid);
    dk_status status = tune_configure(&c, "lms:order=3:corrector=4:gauge=flow:plain_last=1", "default", steps);
    c.grid = dk_grid_levels(level, DK_UNIT_FLOW);
    if (!status) status = dk_sample(&c, denoise, user, want);
    memcpy(config->message, c.message, sizeof c.message);
    return status;
}

static inline int tune_ascending(const void *a, const void *b) {
    double u = *(const double *)a, v = *(const double *)b;
    return (u > v) - (u < v);
}

/* Runs the plan, and compares its end, which it leaves in x, with what is wanted: the root mean square over all numbers, and
   the median of the samples' own. Both are infinite where the run fails. */
static inline dk_status tune_measure(dk_config *c, const dk_plan *plan, dk_denoise_fn denoise, void *user, const dk_real *want,
                                     dk_real *x, double *rms, double *median) {
    const size_t dim = c->dim, batch = c->batch > 1 ? (size_t)c->batch : 1;
    double *of = (double *)malloc(batch * sizeof *of), sum = 0;
    dk_run run;
    *rms = *median = HUGE_VAL;
    if (!of) return DK_ERROR_MEMORY;
    dk_status status = dk_begin_plan(&run, plan, c, x, NULL, 0);
    if (!status) status = dk_continue(&run, denoise, user);
    for (size_t b = 0; !status && b < batch; b++) {
        of[b] = 0;
        for (size_t i = b * dim; i < (b + 1) * dim; i++) of[b] += pow((double)x[i] - (double)want[i], 2) / (double)dim;
        sum += of[b] / (double)batch, of[b] = sqrt(of[b]);
    }
    if (!status) {
        qsort(of, batch, sizeof *of, tune_ascending);
        *rms = sqrt(sum), *median = of[batch / 2];
    } else snprintf(c->message, sizeof c->message, "%s", run.message);
    dk_end(&run);
    free(of);
    return status;
}

#endif /* EXAMPLES_TUNE_H */
