/* frechet.c: Frechet distance of the example network's digits to other digits of the same network, many steps and few.

       make bench-frechet            or: build/bench_frechet [SAMPLES]

   Both sets are projected onto the 64 principal components of the first, and compared as Gaussians: |m - n|^2 + tr(C + E -
   2 (C^1/2 E C^1/2)^1/2). The distance of two sets of the slow method is what no method can be below. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "clock.h"
#include "problems.h"
#include "examples/digits/plans.h"

enum { PARTS = 64, EVALUATIONS = 5 };

typedef struct moments {
    double mean[PARTS], covariance[PARTS * PARTS];
} moments;

static void mean_of(const dk_real *x, int count, double *mean) {
    memset(mean, 0, UNET_PIXELS * sizeof *mean);
    for (int i = 0; i < count * UNET_PIXELS; i++) mean[i % UNET_PIXELS] += (double)x[i] / count;
}

/* The directions in which x varies most, by orthogonal iteration. */
static void principal(const dk_real *x, int count, double *direction) {
    static double C[UNET_PIXELS * UNET_PIXELS], mean[UNET_PIXELS], next[PARTS * UNET_PIXELS];
    const int n = UNET_PIXELS;
    mean_of(x, count, mean);
    for (int b = 0; b < count; b++)
        for (int i = 0; i < n; i++) {
            double u = (double)x[b * n + i] - mean[i];
            for (int j = 0; j < n; j++) C[i * n + j] += u * ((double)x[b * n + j] - mean[j]) / count;
        }
    for (int i = 0; i < PARTS * n; i++) direction[i] = (i * 7919 % 1009) / 1009.0 - 0.5;
    for (int round = 0; round < 60; round++) {
        for (int k = 0; k < PARTS; k++)
            for (int i = 0; i < n; i++) {
                double sum = 0;
                for (int j = 0; j < n; j++) sum += C[i * n + j] * direction[k * n + j];
                next[k * n + i] = sum;
            }
        for (int k = 0; k < PARTS; k++) {
            double *v = next + k * n, norm = 0;
            for (int before = 0; before < k; before++) {
                double along = 0;
                for (int i = 0; i < n; i++) along += v[i] * next[before * n + i];
                for (int i = 0; i < n; i++) v[i] -= along * next[before * n + i];
            }
            for (int i = 0; i < n; i++) norm += v[i] * v[i];
            for (int i = 0; i < n; i++) v[i] /= sqrt(norm);
        }
        memcpy(direction, next, sizeof next);
    }
}

static moments moments_of(const dk_real *x, int count, const double *direction) {
    moments m;
    double *z = (double *)calloc((size_t)count * PARTS, sizeof *z);
    if (!z) fail("not enough memory");
    memset(&m, 0, sizeof m);
    for (int b = 0; b < count; b++)
        for (int k = 0; k < PARTS; k++) {
            for (int i = 0; i < UNET_PIXELS; i++) z[b * PARTS + k] += (double)x[b * UNET_PIXELS + i] * direction[k * UNET_PIXELS + i];
            m.mean[k] += z[b * PARTS + k] / count;
        }
    for (int b = 0; b < count; b++)
        for (int i = 0; i < PARTS * PARTS; i++)
            m.covariance[i] += (z[b * PARTS + i / PARTS] - m.mean[i / PARTS]) * (z[b * PARTS + i % PARTS] - m.mean[i % PARTS]) / (count - 1);
    free(z);
    return m;
}

/* The trace of C^1/2, whose square root goes to root unless NULL. */
static double square_root(const double *C, double *root) {
    static double copy[PARTS * PARTS], value[PARTS], r[PARTS * PARTS];
    double trace = 0;
    memcpy(copy, C, sizeof copy);
    eigen(copy, PARTS, value, r);
    for (int k = 0; k < PARTS; k++) trace += value[k] = sqrt(fmax(value[k], 0));
    for (int i = 0; root && i < PARTS * PARTS; i++) {
        root[i] = 0;
        for (int k = 0; k < PARTS; k++) root[i] += value[k] * r[k * PARTS + i / PARTS] * r[k * PARTS + i % PARTS];
    }
    return trace;
}

static void product(const double *a, const double *b, double *out) {
    memset(out, 0, PARTS * PARTS * sizeof *out);
    for (int i = 0; i < PARTS; i++)
        for (int k = 0; k < PARTS; k++)
            for (int j = 0; j < PARTS; j++) out[i * PARTS + j] += a[i * PARTS + k] * b[k * PARTS + j];
}

static double frechet(const moments *a, const moments *b) {
    static double root[PARTS * PARTS], half[PARTS * PARTS], inner[PARTS * PARTS];
    double distance = 0;
    for (int k = 0; k < PARTS; k++)
        distance += pow(a->mean[k] - b->mean[k], 2) + a->covariance[k * (PARTS + 1)] + b->covariance[k * (PARTS + 1)];
    square_root(a->covariance, root);
    product(root, b->covariance, half), product(half, root, inner);
    return distance - 2 * square_root(inner, NULL);
}

static void draw_digits(digits *d, int count, uint64_t seed, int steps, const char *settings, const dk_table *table, dk_real *x) {
    dk_config c = digits_config(d);
    c.batch = count, c.seed = seed, c.steps = steps;
    if (table) c.sampler = dk_table_sampler(table), c.steps = 0;
    else if (dk_config_set(&c, settings)) fail(dk_message(&c));
    if (dk_sample(&c, digits_denoise, d, x)) fail(dk_message(&c));
}

int main(int argc, char **argv) {
    static const int labels[UNET_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const struct {
        const char *name, *settings;
        int steps, fitted;
    } way[] = {{"the slow method itself", "sampler=adams3 grid=power", 32, 0},
               {"dpmpp_2m, karras", "sampler=dpmpp_2m grid=karras", EVALUATIONS, 0},
               {"adams2, power: the default", "sampler=adams2 grid=power", EVALUATIONS, 0},
               {"adams2 plain_last=0.5, power", "sampler=adams2 plain_last=0.5 grid=power", EVALUATIONS, 0},
               {"fitted", NULL, EVALUATIONS, 1}};
    static double direction[PARTS * UNET_PIXELS];
    const int count = argc > 1 ? atoi(argv[1]) : 1500;
    digits d;
    memset(&d, 0, sizeof d);
    const char *wrong = unet_load(&d.net, "examples/digits/weights.bin");
    dk_real *x = (dk_real *)malloc((size_t)(count < 2 ? 2 : count) * UNET_PIXELS * sizeof *x);
    if (wrong || count < 2 || !x) fail(wrong ? wrong : "SAMPLES: must be at least 2");
    d.labels = labels, d.count = UNET_CLASSES;
    draw_digits(&d, count, 1, way[0].steps, way[0].settings, NULL, x);
    principal(x, count, direction);
    moments first = moments_of(x, count, direction), other;
    printf("| %d digits with %d evaluations | Frechet distance |\n|---|---|\n", count, EVALUATIONS);
    for (int k = 0; k < (int)(sizeof way / sizeof way[0]); k++) {
        draw_digits(&d, count, 2, way[k].steps, way[k].settings, way[k].fitted ? digits_plan(EVALUATIONS, 0) : NULL, x);
        other = moments_of(x, count, direction);
        printf("| %s | %.3f |\n", way[k].name, frechet(&first, &other));
        fflush(stdout);
    }
    free(x);
    unet_free(&d.net);
    return 0;
}
