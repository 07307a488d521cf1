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

/* With y = x/alpha and u = sigma/alpha the ODE is dy/du = (y - D)/u. The mean of v' dD/dy v over probes v is the divergence of
   D (Hutchinson 1990). Of Gaussian data with deviation s it is n s^2/(s^2 + u^2), whose integral is known. So the run has
   to integrate the difference alone, which vanishes at both ends: with
       D_l = l + g,  g = v' dD/dy v - v'v s^2/(s^2 + u^2),  s = sigma_data
   the element l has dl/du = -g/u. */
typedef struct likelihood_ode {
    dk_config network;    /* of y, at any u: what plans of one step are recorded from */
    dk_schedule schedule; /* the caller's */
    dk_denoise_fn denoise;
    void *user;
    const dk_real *probe;
    dk_real *input, *output;
    double *along; /* per sample: g */
    char memory[8192];
} likelihood_ode;

static double likelihood_square(const dk_real *v, size_t n) {
    double square = 0;
    for (size_t i = 0; i < n; i++) square += (double)v[i] * (double)v[i];
    return square;
}

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
    const double ahead[3] = {1, -1, 0}, data = l->network.sigma_data, u = dk_noise_level(e->level);
    double h = (sizeof(dk_real) == 8 ? 6e-6 : 5e-3) * sqrt(u * u + data * data), alpha = e->level.alpha;
    size_t n = e->dim - 1, batch = (size_t)e->batch;
    dk_eval inner = *e;
    dk_call call;
    if (likelihood_call(l, u, &call)) return 1;
    inner.level = dk_level_at(&l->schedule, DK_UNIT_SIGMA, u);
    inner.dim = n, inner.t = call.condition, inner.input = l->input, inner.output = l->output;
    for (size_t b = 0; b < batch; b++) l->along[b] = 0;
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < n * batch; i++) {
            double y = (double)e->input[i + i / n] / alpha + ahead[k] * h * (double)l->probe[i];
            l->input[i] = (dk_real)(call.input_scale * y);
        }
        if (l->denoise(l->user, &inner)) return 1;
        for (size_t i = 0; i < n * batch; i++) {
            double y = (double)e->input[i + i / n] / alpha + ahead[k] * h * (double)l->probe[i];
            double D = call.d_x * y + call.d_f * (double)l->output[i];
            if (k == 2) e->output[i + i / n] = (dk_real)D;
            else l->along[i / n] += ahead[k] * (double)l->probe[i] * D;
        }
    }
    for (size_t b = 0; b < batch; b++) {
        double gaussian = likelihood_square(l->probe + b * n, n) * data * data / (data * data + u * u);
        l->along[b] = l->along[b] / (2 * h) - gaussian;
        e->output[b * (n + 1) + n] = (dk_real)((double)e->input[b * (n + 1) + n] / alpha + l->along[b]);
    }
    return 0;
}

static dk_status likelihood_refuse(dk_config *c, dk_status status, const char *why) {
    if (why != c->message) snprintf(c->message, sizeof c->message, "%s", why);
    return status;
}

/* Levels upwards, in sigma/alpha; from a plan, which has them. *pure: the last was pure noise; a high one takes its place. */
static dk_status likelihood_levels(dk_config *c, double *levels, int *pure) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    dk_config steps = *c;
    steps.sampler = dk_sampler_named("euler"), steps.start = DK_START_STATE;
    dk_status status = dk_record(&plan, &steps);
    if (status != DK_OK) return likelihood_refuse(c, status, steps.message);
    int last = plan.steps, rises = dk_noise_level(plan.level[0]) < dk_noise_level(plan.level[last]);
    for (int i = 0; i <= last && status == DK_OK; i++) {
        levels[i] = dk_noise_level(plan.level[rises ? i : last - i]);
        if (levels[i] > 0) continue;
        snprintf(c->message, sizeof c->message, "noise level of the grid = %g: must be above 0, for a likelihood", levels[i]);
        status = DK_ERROR_CONFIG;
    }
    *pure = status == DK_OK && levels[last] >= HUGE_VAL;
    if (*pure) levels[last] = fmax(2 * levels[last - 1], 1000 * c->sigma_data);
    dk_plan_free(&plan);
    return status;
}

/* From a high level on to pure noise, where D hardly changes any more and g falls as 1/u^2: the state is then (y - D)/u, and
   g/2 of the integral is left. Elements n become l itself. */
static int likelihood_end(const dk_config *c, likelihood_ode *l, dk_level top, dk_real *state) {
    size_t n = c->dim - 1, batch = (size_t)c->batch;
    dk_real *D = state + batch * (n + 1);
    dk_eval e;
    memset(&e, 0, sizeof e);
    e.input = state, e.output = D, e.level = top, e.dim = n + 1, e.batch = c->batch, e.branches = 1;
    e.first_sample = c->first_sample;
    if (likelihood_denoise(l, &e)) return 1;
    for (size_t b = 0; b < batch; b++) {
        dk_real *x = state + b * (n + 1), *of = D + b * (n + 1);
        for (size_t i = 0; i < n; i++) x[i] = (dk_real)(((double)x[i] - top.alpha * (double)of[i]) / top.sigma);
        x[n] = (dk_real)((double)x[n] / top.alpha - l->along[b] / 2);
    }
    return 0;
}

/* What cannot be had, or NULL. */
static const char *likelihood_wrong(const dk_config *c) {
    const dk_guidance *g = &c->guidance;
    if (c->backend) return "backend: must be NULL for a likelihood";
    if (c->number || c->clip > 0) return "number and clip: must be 0 for a likelihood";
    if (c->mask || c->known) return "mask and known: must be NULL for a likelihood";
    if (c->phase_count) return "phase_count: must be 0 for a likelihood";
    if (c->grid.way || c->grid.travel) return "grid.way and travel: must be 0 for a likelihood";
    if (g->start > 0 || g->stop > 0 || g->rescale > 0 || g->zero_star || g->projected || g->quantile > 0 || g->zero_init ||
        g->doubled || g->schedule || g->hook || g->guider || g->ramps->steps || fabs(g->ramps->from) + fabs(g->ramps->to) > 0)
        return "guidance: start, stop, rescale, zero_star, zero_init, projected, quantile, doubled, schedule, hook and guider must "
               "be 0 for a likelihood";
    return NULL;
}

/* log p of each sample in x, data at the grid's lowest level, which must be above sigma = 0. At the highest one the density
   counts as N(0, sigma^2), which it is exactly at alpha = 0. x and probe: batch * dim numbers;
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
    dk_real *state = (dk_real *)malloc(batch * (4 * n + 2) * sizeof *state); /* and its D, and the network's two */
    int pure = 0;
    if (!l || !levels || !state) status = likelihood_refuse(c, DK_ERROR_MEMORY, "no memory could be allocated");
    if (status == DK_OK && (status = likelihood_levels(&ode, levels, &pure)) != DK_OK)
        likelihood_refuse(c, status, ode.message);
    if (status == DK_OK) {
        double low = levels[0], u = levels[steps], variance = ode.sigma_data * ode.sigma_data;
        double alpha = dk_level_at(&ode.schedule, DK_UNIT_SIGMA, low).alpha;
        /* Of y alone: the caller's schedule may have kinks in t. Flow's coordinates reach far up. */
        int far = pure || ode.schedule.family == DK_FAMILY_FLOW || ode.schedule.family == DK_FAMILY_COSINE;
        dk_schedule run = far ? dk_flow(1) : dk_edm(low, u);
        dk_level first = dk_level_at(&run, DK_UNIT_SIGMA, low), top = dk_level_at(&run, DK_UNIT_SIGMA, u);
        l->schedule = ode.schedule;
        l->denoise = denoise, l->user = user, l->probe = probe;
        l->along = levels + steps + 1, l->input = state + 2 * batch * (n + 1), l->output = l->input + batch * n;
        l->network = ode;
        if (!l->network.network_schedule.family) l->network.network_schedule = ode.schedule;
        l->network.schedule = dk_edm(low, u), l->network.sampler = dk_sampler_named("euler"), l->network.steps = 1;
        l->network.start = DK_START_STATE;
        memset(&l->network.guidance, 0, sizeof l->network.guidance);
        for (size_t i = 0; i < n * batch; i++) state[i + i / n] = (dk_real)((double)x[i] * (first.alpha / alpha));
        for (size_t b = 0; b < batch; b++) state[b * (n + 1) + n] = 0;

        ode.schedule = run, ode.dim = n + 1, ode.prediction = DK_PREDICT_X0;
        ode.start = DK_START_STATE, ode.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
        ode.negated = 0, ode.score_excess = ode.score_deviation = 0; /* D has them already */
        memset(&ode.network_schedule, 0, sizeof ode.network_schedule);
        status = dk_sample(&ode, likelihood_denoise, l, state);
        if (status != DK_OK) likelihood_refuse(c, status, ode.message);
        if (status == DK_OK && pure) status = likelihood_end(&ode, l, top, state) ? DK_ERROR_CALLBACK : DK_OK;
        for (size_t b = 0; b < batch && status == DK_OK; b++) {
            const dk_real *end = state + b * (n + 1);
            double z = likelihood_square(end, n) / (pure ? 1 : top.sigma * top.sigma);
            double of_prior = (double)n * (log(2 * 3.14159265358979323846) + 2 * log(u * alpha));
            double of_gaussian = likelihood_square(probe + b * n, n) * log((variance + u * u) / (variance + low * low));
            log_p[b] = (double)end[n] / (pure ? 1 : top.alpha) + 0.5 * (of_gaussian - of_prior - z);
        }
    }
    free(state), free(levels), free(l);
    return status;
}

#endif
