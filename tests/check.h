/* What every test program shares: cmocka, the header, comparisons, exact denoisers. A program that reaches what the header
   keeps to itself defines DIFFKIT_IMPLEMENTATION first and has a copy of its own; all others link one of tests/diffkit.c. */
#ifndef CHECK_H
#define CHECK_H

#ifndef __wasm__ /* has none; tests/mini/cmocka.h needs none */
#include <setjmp.h>
#endif
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif
#include <cmocka.h>
#ifdef __cplusplus
}
#endif

#if defined(DK_STATIC) && !defined(DIFFKIT_IMPLEMENTATION)
#define DIFFKIT_IMPLEMENTATION
#endif
/* The library's allocator, which programs may set. */
#ifdef DIFFKIT_IMPLEMENTATION
static void *(*check_malloc)(size_t n) = malloc;
static void (*check_free)(void *p) = free;
#else
extern void *(*check_malloc)(size_t n);
extern void (*check_free)(void *p);
#endif
#define DK_MALLOC(n) check_malloc(n)
#define DK_FREE(p) check_free(p)
#include "diffkit.h"
#include <math.h>
#include <string.h>

#if defined(CHECK_TRAPS) && defined(__GNUC__) && defined(__x86_64__)
/* Division by zero, invalid operations and overflow end the program. */
__attribute__((constructor)) static void check_traps(void) { __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() & ~0x680u); }
#endif

/* Rounding of a few operations in dk_real. */
static const double check_tiny = sizeof(dk_real) == 8 ? 1e-12 : 2e-5;

static inline void check_near(double got, double want, double tolerance, const char *what) {
    if (fabs(got - want) <= tolerance * (1 + fabs(want))) return;
    print_error("%s: got %.17g, want %.17g, differ by %.3g\n", what, got, want, fabs(got - want));
    fail();
}

/* Noise sources in one expression. */
static inline dk_noise_source source_of(int kind) {
    dk_noise_source s;
    memset(&s, 0, sizeof s);
    s.kind = (dk_noise_kind)kind;
    return s;
}

static inline dk_noise_source source_from(dk_noise_fn fn, void *user) {
    dk_noise_source s = source_of(DK_NOISE_DEFAULT);
    s.fn = fn, s.user = user;
    return s;
}

/* A config with only the schedule set, by name. */
static inline dk_config check_config(const char *schedule, const char *sampler, int steps) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.schedule = dk_schedule_named(schedule);
    if (sampler) c.sampler = dk_sampler_named(sampler);
    c.steps = steps, c.dim = 1, c.batch = 1, c.seed = 7;
    return c;
}

/* Flow over the levels of a table alone, t = 1/timesteps .. 1. */
static inline dk_schedule check_flow_table(double shift, int timesteps) {
    dk_schedule s = dk_flow(shift);
    s.timesteps = timesteps, s.t_min = 1.0 / timesteps;
    return s;
}

static inline dk_grid check_resampled(const double *levels, int count, dk_unit unit) {
    dk_grid g = dk_grid_levels(levels, unit);
    g.spacing = DK_SPACING_RESAMPLE, g.level_count = count;
    return g;
}

/* k-diffusion's VP levels: t from 1 to time_min in the VP process with beta(t) = beta_min + beta_d t. */
static inline dk_grid check_vp_grid(double beta_d, double beta_min, double time_min) {
    dk_grid g = dk_grid_named("vp");
    g.a = time_min, g.sigma_max = sqrt(expm1(0.5 * beta_d + beta_min));
    g.sigma_min = sqrt(expm1((0.5 * beta_d * time_min + beta_min) * time_min));
    return g;
}

static inline dk_grid check_shifted(double mu, double terminal) {
    dk_grid g = dk_grid_named("uniform");
    g.shift = exp(mu), g.terminal = terminal;
    return g;
}

/* Flux.2's program, in its order. */
static inline double check_flux2_mu(double tokens, int steps) {
    double at_10 = 8.73809524e-05 * tokens + 1.89833333, at_200 = 0.00016927 * tokens + 0.45666666;
    return tokens > 4300 ? at_200 : at_200 + (at_200 - at_10) / 190 * (steps - 200);
}

static inline dk_vec check_sum(dk_vec a, dk_vec b) { return dkr_mix(1, a, 1, b); }

/* A Runge-Kutta method of one's own. */
static inline dk_sampler check_tableau(const char *tableau) {
    dk_sampler s;
    memset(&s, 0, sizeof s);
    s.tableau = tableau;
    return s;
}

static inline dk_sampler check_exponential(const char *method) {
    dk_sampler s;
    memset(&s, 0, sizeof s);
    s.exponential = method;
    return s;
}

/* Data x0 ~ N(mean, deviation^2) per element: the network that knows it, in any prediction. Scaling of the input
   by another schedule or by EDM's c_in is undone from the level. */
typedef struct check_gaussian {
    double mean, deviation;
    dk_prediction prediction;
    double sigma_data;
    int calls;
} check_gaussian;

/* E[x0 | x] at a level. */
static inline double check_gaussian_D(const check_gaussian *g, dk_level l, double x) {
    double variance = g->deviation * g->deviation;
    double all = l.alpha * l.alpha * variance + l.sigma * l.sigma;
    return g->mean + l.alpha * variance * (x - l.alpha * g->mean) / all;
}

static inline double check_prediction(dk_prediction prediction, dk_level l, double sigma_data, double x,
                                      double D) {
    double eps = l.sigma > 0 ? (x - l.alpha * D) / l.sigma : 0; /* data say nothing of the noise */
    switch (prediction) {
    case DK_PREDICT_EPS: return eps;
    case DK_PREDICT_V: return l.alpha * eps - l.sigma * D;
    case DK_PREDICT_VELOCITY: return eps - D;
    case DK_PREDICT_SCORE: return (l.alpha * D - x) / (l.sigma * l.sigma);
    case DK_PREDICT_EDM: {
        double norm2 = l.sigma * l.sigma + l.alpha * l.alpha * sigma_data * sigma_data;
        return (D - sigma_data * sigma_data * l.alpha / norm2 * x) / (l.sigma * sigma_data / sqrt(norm2));
    }
    default: return D;
    }
}

static inline int check_gaussian_denoise(void *user, const dk_eval *e) {
    check_gaussian *g = (check_gaussian *)user;
    size_t n = e->dim * (size_t)e->batch;
    double scale = 1;
    if (g->prediction == DK_PREDICT_EDM)
        scale = sqrt(e->level.sigma * e->level.sigma +
                     e->level.alpha * e->level.alpha * g->sigma_data * g->sigma_data);
    g->calls++;
    for (size_t i = 0; i < n; i++) {
        double x = (double)e->input[i] * scale;
        double D = check_gaussian_D(g, e->level, x);
        e->output[i] = (dk_real)check_prediction(g->prediction, e->level, g->sigma_data, x, D);
        if (e->uncond_output) e->uncond_output[i] = e->output[i];
    }
    return 0;
}

/* Something nonlinear that depends on the level. */
static inline int check_nonlinear(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        dk_real x = e->input[i];
        e->output[i] = (x - (dk_real)e->t) / (1 + x * x);
        if (e->uncond_output) e->uncond_output[i] = (dk_real)0.5 * e->output[i];
    }
    return 0;
}

static inline int check_zero(void *user, const dk_eval *e) {
    (void)user;
    memset(e->output, 0, e->dim * (size_t)e->batch * sizeof *e->output);
    return 0;
}

#endif
