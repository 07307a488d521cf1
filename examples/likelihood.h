/* The log-likelihood of data under a diffusion model, by the public calls of diffkit.h alone. Include diffkit.h first.

   Along the probability-flow ODE the density changes by the divergence of the flow, up to the highest level, where it is that
   of a Gaussian: Song et al. 2021, sec. 4.3. So a likelihood is an ordinary run upwards. Every sample has one more element,
   whose "denoised estimate" is such that the sampler integrates the divergence in it. */
#ifndef LIKELIHOOD_H
#define LIKELIHOOD_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In VE coordinates, y = x/alpha, u = sigma/alpha, the ODE is dy/du = (y - D)/u. With
       D_l = l - v'v + v' dD/dy v
   the element l has dl/du = v' d(y - D)/dy v / u, whose mean over probes v is the divergence (Hutchinson 1990). */
typedef struct likelihood_ode {
    dk_config network;    /* of y, at any u: what plans of one step are recorded from */
    dk_schedule schedule; /* the caller's */
    dk_denoise_fn denoise;
    void *user;
    const dk_real *probe;
    dk_real *input, *output;
    double *along; /* per sample: v'D ahead minus v'D behind */
    char memory[8192];
} likelihood_ode;

/* How D follows from the network's output at u: the call of a plan that has no other. */
static int likelihood_call(likelihood_ode *l, double u, dk_call *call) {
    const double levels[2] = {u, u / 2};
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.memory = l->memory, plan.bytes = sizeof l->memory;
    l->network.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    if (dk_record(&plan, &l->network) != DK_OK) return 1;
    *call = plan.call[0];
    return 0;
}

/* D, and its derivative along the probe by a central difference: three evaluations. */
static int likelihood_denoise(void *user, const dk_eval *e) {
    likelihood_ode *l = (likelihood_ode *)user;
    const double ahead[3] = {1, -1, 0}, data = l->network.sigma_data, u = e->level.sigma;
    double h = (sizeof(dk_real) == 8 ? 6e-6 : 5e-3) * sqrt(u * u + data * data);
    size_t n = e->dim - 1, batch = (size_t)e->batch;
    dk_eval inner = *e;
    dk_call call;
    if (likelihood_call(l, u, &call)) return 1;
    inner.level = dk_level_at(&l->schedule, DK_UNIT_SIGMA, u);
    inner.dim = n, inner.t = call.condition, inner.input = l->input, inner.output = l->output;
    for (size_t b = 0; b < batch; b++) l->along[b] = 0;
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < n * batch; i++) {
            double y = (double)e->input[i + i / n] + ahead[k] * h * (double)l->probe[i];
            l->input[i] = (dk_real)(call.input_scale * y);
        }
        if (l->denoise(l->user, &inner)) return 1;
        for (size_t i = 0; i < n * batch; i++) {
            double y = (double)e->input[i + i / n] + ahead[k] * h * (double)l->probe[i];
            double D = call.d_x * y + call.d_f * (double)l->output[i];
            if (k == 2) e->output[i + i / n] = (dk_real)D;
            else l->along[i / n] += ahead[k] * (double)l->probe[i] * D;
        }
    }
    for (size_t b = 0; b < batch; b++) {
        double square = 0, at = (double)e->input[b * (n + 1) + n];
        for (size_t i = b * n; i < (b + 1) * n; i++) square += (double)l->probe[i] * (double)l->probe[i];
        e->output[b * (n + 1) + n] = (dk_real)(at + l->along[b] / (2 * h) - square);
    }
    return 0;
}

static dk_status likelihood_refuse(dk_config *c, dk_status status, const char *why) {
    if (why != c->message) snprintf(c->message, sizeof c->message, "%s", why);
    return status;
}

/* Levels upwards, in sigma/alpha; from a plan, which has them. */
static dk_status likelihood_levels(dk_config *c, double *levels) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    dk_config steps = *c;
    steps.sampler = dk_sampler_named("euler"), steps.start = DK_START_STATE;
    dk_status status = dk_record(&plan, &steps);
    if (status != DK_OK) return likelihood_refuse(c, status, steps.message);
    int last = plan.steps, rises = dk_noise_level(plan.level[0]) < dk_noise_level(plan.level[last]);
    for (int i = 0; i <= last && status == DK_OK; i++) {
        levels[i] = dk_noise_level(plan.level[rises ? i : last - i]);
        if (levels[i] > 0 && levels[i] < HUGE_VAL) continue;
        snprintf(c->message, sizeof c->message,
                 "noise level of the grid = %g: must be above 0 and finite, for a likelihood", levels[i]);
        status = DK_ERROR_CONFIG;
    }
    dk_plan_free(&plan);
    return status;
}

/* What cannot be had, or NULL. */
static const char *likelihood_wrong(const dk_config *c) {
    const dk_guidance *g = &c->guidance;
    if (c->backend) return "backend: must be NULL for a likelihood";
    if (c->number || c->clip > 0) return "number and clip: must be 0 for a likelihood";
    if (c->mask || c->known) return "mask and known: must be NULL for a likelihood";
    if (g->rescale > 0 || g->zero_star || g->projected || g->quantile > 0 || g->zero_init || g->doubled || g->schedule ||
        g->hook)
        return "guidance: rescale, zero_star, zero_init, projected, quantile, doubled, schedule and hook must be 0 for a "
               "likelihood";
    return NULL;
}

/* log p of each sample in x, data at the grid's lowest level, which must be above sigma = 0. x and probe: batch * dim numbers;
   probe: usually of +-1; averaged over probes the estimate is unbiased. log_p: batch numbers. sampler: any deterministic one,
   zero: rk45. An error is in c->message. Allocates. */
static dk_status log_likelihood(dk_config *c, dk_denoise_fn denoise, void *user, const dk_real *x, const dk_real *probe,
                                double *log_p) {
    if (!c) return DK_ERROR_CONFIG;
    if (!x || !probe || !log_p) return likelihood_refuse(c, DK_ERROR_CONFIG, "x, probe and log_p: must not be NULL");
    if (!denoise) return likelihood_refuse(c, DK_ERROR_CONFIG, "denoise = NULL: must be a function");
    if (likelihood_wrong(c)) return likelihood_refuse(c, DK_ERROR_CONFIG, likelihood_wrong(c));
    dk_config ode = *c;
    if (!ode.sampler.record && !ode.sampler.name) ode.sampler = dk_sampler_named("rk45");
    if (ode.grid.final == DK_FINAL_DEFAULT && ode.grid.spacing != DK_SPACING_LEVELS) ode.grid.final = DK_FINAL_MIN;
    dk_status status = dk_resolve(&ode);
    if (status != DK_OK) return likelihood_refuse(c, status, ode.message);

    size_t n = ode.dim, batch = (size_t)ode.batch, steps = (size_t)ode.steps;
    likelihood_ode *l = (likelihood_ode *)malloc(sizeof *l);
    double *levels = (double *)malloc((steps + 1 + batch) * sizeof *levels);
    dk_real *state = (dk_real *)malloc(batch * (3 * n + 1) * sizeof *state);
    if (!l || !levels || !state) status = likelihood_refuse(c, DK_ERROR_MEMORY, "no memory could be allocated");
    if (status == DK_OK && (status = likelihood_levels(&ode, levels)) != DK_OK)
        likelihood_refuse(c, status, ode.message);
    if (status == DK_OK) {
        double low = levels[0], top = levels[steps], alpha = dk_level_at(&ode.schedule, DK_UNIT_SIGMA, low).alpha;
        l->schedule = ode.schedule, l->denoise = denoise, l->user = user, l->probe = probe;
        l->along = levels + steps + 1, l->input = state + batch * (n + 1), l->output = l->input + batch * n;
        l->network = ode;
        if (!l->network.network_schedule.family) l->network.network_schedule = ode.schedule;
        l->network.schedule = dk_edm(low, top), l->network.sampler = dk_sampler_named("euler"), l->network.steps = 1;
        l->network.start = DK_START_STATE;
        memset(&l->network.guidance, 0, sizeof l->network.guidance);
        for (size_t i = 0; i < n * batch; i++) state[i + i / n] = (dk_real)((double)x[i] / alpha);
        for (size_t b = 0; b < batch; b++) state[b * (n + 1) + n] = 0;

        ode.schedule = l->network.schedule, ode.dim = n + 1, ode.prediction = DK_PREDICT_X0;
        ode.start = DK_START_STATE, ode.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
        memset(&ode.network_schedule, 0, sizeof ode.network_schedule);
        status = dk_sample(&ode, likelihood_denoise, l, state);
        if (status != DK_OK) likelihood_refuse(c, status, ode.message);
        for (size_t b = 0; b < batch && status == DK_OK; b++) {
            const dk_real *y = state + b * (n + 1);
            double square = 0, per_element = log(top * alpha) + 0.5 * log(2 * 3.14159265358979323846);
            for (size_t i = 0; i < n; i++) square += (double)y[i] * (double)y[i];
            log_p[b] = (double)y[n] - 0.5 * square / (top * top) - (double)n * per_element;
        }
    }
    free(state), free(levels), free(l);
    return status;
}

#endif
