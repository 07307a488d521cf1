/* estimate.h: what a run says about its own error, at no evaluation: whether the steps sufficed.

       estimate e;
       if (estimate_begin(&e, &plan, &c)) ...       // c: the config of the run, whose progress it becomes
       dk_begin_plan(&run, &plan, &c, x, NULL, 0);
       dk_continue(&run, denoise, user), dk_end(&run);
       printf("about %g, at worst %g\n", estimate_error(&e, x, &most), most);
       estimate_end(&e);

   A run makes states y = x/(alpha + sigma) at levels u = sigma/(alpha + sigma), and slopes dy/du = (y - D)/u there. Integrated by
   the trapezoidal rule (the last step, to a level without a slope, by Euler's) the slopes lead to another end than the
   run's own method does. The distance between both ends is the estimate. It is the methods' difference along the way that the
   run went, as that of an embedded pair is, and knows nothing of what an error does to later slopes: docs/quality.md says how
   it compares with true errors. Noise, known data, step-size control and a single level have no such estimate.

   Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_ESTIMATE_H
#define EXAMPLES_ESTIMATE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct estimate {
    size_t dim, batch;
    int calls;
    double *weight; /* of each evaluation's slope in the integral; 0: none */
    double *end;    /* y at the first level, and what is integrated so far */
    dk_real *D;
    double scale;   /* alpha + sigma of the last level */
} estimate;

/* The dk_progress_fn. Where the program steps with dk_next, it calls this once each evaluation is done. Guidance in one evaluation
   for each branch: the last one counts. */
static inline int estimate_add(void *user, dk_run *run, const dk_eval *eval) {
    estimate *e = (estimate *)user;
    const dk_level l = eval->level;
    const double scale = l.alpha + l.sigma, weight = eval->call < e->calls ? e->weight[eval->call] / (l.sigma / scale) : 0;
    const dk_real *x = eval->call == 0 ? run->x : dk_state(run); /* a shared evaluation looks at 0 */
    const size_t n = e->dim * e->batch;
    for (size_t i = 0; i < n && eval->call == 0; i++) e->end[i] = (double)x[i] / scale;
    if (fabs(weight) <= 0) return 0;
    if (dk_denoised(run, e->D)) return 1;
    for (size_t i = 0; i < n; i++) e->end[i] += weight * ((double)x[i] / scale - (double)e->D[i]);
    return 0;
}

static inline void estimate_end(estimate *e) {
    free(e->weight), free(e->end), free(e->D);
    memset(e, 0, sizeof *e);
}

static inline double estimate_level(dk_level l) { return l.sigma / (l.alpha + l.sigma); }

/* For a run on this plan. Allocates; an error is in the config's message. */
static inline dk_status estimate_begin(estimate *e, const dk_plan *plan, dk_config *c) {
    const dk_level end = plan->level[plan->levels - 1];
    double before = estimate_level(end), share = 0; /* of the interval below, which the slope above it has */
    int levels = 0;                                 /* with a slope */
    memset(e, 0, sizeof *e);
    if (plan->attempt || plan->draws > 1 || c->mask || plan->calls < 1 || plan->call[0].estimate > 0 ||
        !(estimate_level(plan->level[0]) > before)) {
        snprintf(c->message, sizeof c->message, "estimate: the run must go down, without noise, known data and step-size control");
        return DK_ERROR_CONFIG;
    }
    e->dim = c->dim, e->batch = c->batch > 0 ? (size_t)c->batch : 1, e->calls = plan->calls, e->scale = end.alpha + end.sigma;
    e->weight = (double *)calloc((size_t)e->calls, sizeof *e->weight);
    e->end = (double *)calloc(e->dim * e->batch, sizeof *e->end);
    e->D = (dk_real *)calloc(e->dim * e->batch, sizeof *e->D);
    if (!e->weight || !e->end || !e->D) return snprintf(c->message, sizeof c->message, "estimate: not enough memory"), DK_ERROR_MEMORY;
    for (int k = e->calls - 1, below = -1; k >= 0; k--) {
        const double u = estimate_level(plan->call[k].level);
        if (!(u > before)) continue; /* an earlier stage at this level, or further down: the later one is better */
        share = below < 0 ? 1 : 0.5;
        e->weight[k] += share * (before - u);
        if (below >= 0) e->weight[below] += 0.5 * (before - u);
        before = u, below = k;
        levels++;
    }
    if (levels < 2) {
        snprintf(c->message, sizeof c->message, "estimate: needs evaluations at two levels, for at one both rules are Euler's");
        return estimate_end(e), DK_ERROR_CONFIG;
    }
    c->progress = estimate_add, c->progress_user = e;
    return DK_OK;
}

/* Of the finished run's x: the root mean square over all numbers, and the largest of a sample alone; in units of x. */
static inline double estimate_error(const estimate *e, const dk_real *x, double *most) {
    double sum = 0;
    *most = 0;
    for (size_t b = 0; b < e->batch; b++) {
        double of = 0;
        for (size_t i = b * e->dim; i < (b + 1) * e->dim; i++) of += pow((double)x[i] - e->scale * e->end[i], 2) / (double)e->dim;
        *most = fmax(*most, sqrt(of)), sum += of / (double)e->batch;
    }
    return sqrt(sum);
}

#endif /* EXAMPLES_ESTIMATE_H */
