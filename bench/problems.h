/* Problems for which the solution of the probability-flow ODE can be computed finely: the shipped network, and densities
   whose denoiser is a formula. Include diffkit.h first. */
#ifndef PROBLEMS_H
#define PROBLEMS_H

#include "examples/digits.h"

typedef struct problem {
    const char *name, *about;
    dk_config c; /* schedule, prediction, dim; the rest is the sampler's */
    dk_denoise_fn denoise;
    void *user;
    int samples; /* by default */
} problem;

/* A mixture of Gaussians: component k has mean m, and variance v along each of the directions, the rows of an orthogonal
   matrix; NULL: along the axes. Weights are equal. */
typedef struct mixture {
    int dim, components;
    double *mean, *variance, *direction;
} mixture;

/* z = R (x - alpha m) or, transposed, x + R' z */
static inline void mixture_turn(const mixture *g, int k, const double *from, double *to, int back) {
    const int n = g->dim;
    for (int i = 0; i < n; i++) {
        if (!g->direction) to[i] = from[i];
        else to[i] = 0;
        for (int j = 0; g->direction && j < n; j++)
            to[i] += g->direction[((size_t)k * (size_t)n + (size_t)(back ? j : i)) * (size_t)n + (size_t)(back ? i : j)] * from[j];
    }
}

/* E[x0 | x = alpha x0 + sigma eps], one sample: the components' estimates, weighted by how likely they made x. */
static inline void mixture_estimate(const mixture *g, dk_level l, const dk_real *x, dk_real *out, double *room) {
    const int n = g->dim, K = g->components;
    double *d = room, *z = d + n, *estimate = z + n, *weight = estimate + K * n, most = -1e300, sum = 0;
    for (int k = 0; k < K; k++) {
        const double *m = g->mean + k * n, *v = g->variance + k * n;
        for (int i = 0; i < n; i++) d[i] = (double)x[i] - l.alpha * m[i];
        mixture_turn(g, k, d, z, 0);
        weight[k] = 0;
        for (int i = 0; i < n; i++) {
            double total = l.alpha * l.alpha * v[i] + l.sigma * l.sigma;
            weight[k] -= 0.5 * (z[i] * z[i] / total + log(total));
            z[i] *= l.alpha * v[i] / total;
        }
        mixture_turn(g, k, z, estimate + k * n, 1);
        for (int i = 0; i < n; i++) estimate[k * n + i] += m[i];
        most = fmax(most, weight[k]);
    }
    for (int k = 0; k < K; k++) sum += weight[k] = exp(weight[k] - most);
    for (int i = 0; i < n; i++) {
        double D = 0;
        for (int k = 0; k < K; k++) D += weight[k] / sum * estimate[k * n + i];
        out[i] = (dk_real)D;
    }
}

/* The dk_denoise_fn of a mixture, for prediction X0. */
static inline int mixture_denoise(void *user, const dk_eval *e) {
    const mixture *g = (const mixture *)user;
    size_t n = (size_t)g->dim, K = (size_t)g->components;
    double *room = (double *)malloc((2 * n + K * n + K) * sizeof *room);
    for (int b = 0; room && b < e->batch; b++)
        mixture_estimate(g, e->level, e->input + (size_t)b * n, e->output + (size_t)b * n, room);
    free(room);
    return !room;
}

static inline mixture mixture_new(int dim, int components, int turned) {
    size_t n = (size_t)dim * (size_t)components;
    mixture g = {dim, components, (double *)calloc(2 * n, sizeof(double)), NULL, NULL};
    if (turned) g.direction = (double *)calloc(n * (size_t)dim, sizeof(double));
    if (!g.mean || (turned && !g.direction)) fail("not enough memory");
    g.variance = g.mean + n;
    return g;
}

/* Eight narrow Gaussians on a circle. */
static inline mixture ring(void) {
    mixture g = mixture_new(2, 8, 0);
    for (int k = 0; k < 8; k++) {
        g.mean[2 * k] = cos(k * 0.78539816339744831), g.mean[2 * k + 1] = sin(k * 0.78539816339744831);
        g.variance[2 * k] = g.variance[2 * k + 1] = 0.01;
    }
    return g;
}

/* One Gaussian, whose variances fall as those of a picture's spatial frequencies do: as 1/k^2; 1/4 on average. */
static inline mixture spectrum(int dim) {
    mixture g = mixture_new(dim, 1, 0);
    double sum = 0;
    for (int i = 0; i < dim; i++) sum += g.variance[i] = 1 / pow(1 + i / 8.0, 2);
    for (int i = 0; i < dim; i++) g.variance[i] *= 0.25 * dim / sum;
    return g;
}

/* Eigenvalues and eigenvectors (rows of r) of the symmetric a, which is lost: Jacobi's rotations. */
static inline void eigen(double *a, int n, double *value, double *r) {
    for (int i = 0; i < n * n; i++) r[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 12; sweep++)
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++) {
                if (fabs(a[p * n + q]) < 1e-14) continue;
                double angle = 0.5 * atan2(2 * a[p * n + q], a[q * n + q] - a[p * n + p]), c = cos(angle), s = sin(angle);
                for (int i = 0; i < n; i++) {
                    double u = a[i * n + p], v = a[i * n + q];
                    a[i * n + p] = c * u - s * v, a[i * n + q] = s * u + c * v;
                }
                for (int i = 0; i < n; i++) {
                    double u = a[p * n + i], v = a[q * n + i];
                    a[p * n + i] = c * u - s * v, a[q * n + i] = s * u + c * v;
                    u = r[p * n + i], v = r[q * n + i];
                    r[p * n + i] = c * u - s * v, r[q * n + i] = s * u + c * v;
                }
            }
    for (int i = 0; i < n; i++) value[i] = a[i * (n + 1)];
}

enum { SMALL = 7, SMALL_PIXELS = SMALL * SMALL, OF_EACH = 48 };

/* Ten Gaussians, one for each digit, with mean and full covariance of what the network draws, at 7 x 7 pixels. */
static inline mixture small_digits(digits *d) {
    const int count = OF_EACH * UNET_CLASSES, n = SMALL_PIXELS;
    mixture g = mixture_new(n, UNET_CLASSES, 1);
    dk_real *x = (dk_real *)malloc((size_t)count * UNET_PIXELS * sizeof *x);
    double *small = (double *)calloc((size_t)(OF_EACH * n + n * n), sizeof *small), *covariance = small + OF_EACH * n;
    dk_config c = digits_config(d);
    c.batch = count, c.seed = 64, c.steps = 12, c.sampler = dk_sampler_named("dpmpp_2m"), c.grid = dk_grid_named("karras");
    if (!x || !small) fail("not enough memory");
    if (dk_sample(&c, digits_denoise, d, x)) fail(dk_message(&c));
    for (int k = 0; k < UNET_CLASSES; k++) {
        double *mean = g.mean + k * n;
        memset(small, 0, (size_t)(OF_EACH * n + n * n) * sizeof *small);
        for (int j = 0; j < OF_EACH; j++)
            for (int p = 0; p < UNET_PIXELS; p++)
                small[j * n + p / UNET_SIZE / 4 * SMALL + p % UNET_SIZE / 4] +=
                    (double)x[(size_t)(j * UNET_CLASSES + k) * UNET_PIXELS + (size_t)p] / 16;
        for (int j = 0; j < OF_EACH * n; j++) mean[j % n] += small[j] / OF_EACH;
        for (int i = 0; i < n * n; i++) {
            for (int j = 0; j < OF_EACH; j++)
                covariance[i] += (small[j * n + i / n] - mean[i / n]) * (small[j * n + i % n] - mean[i % n]) / OF_EACH;
            if (i % (n + 1) == 0) covariance[i] += 0.0025; /* nothing is known better than to 0.05 */
        }
        eigen(covariance, n, g.variance + k * n, g.direction + (size_t)k * (size_t)(n * n));
    }
    free(x), free(small);
    return g;
}

#endif
