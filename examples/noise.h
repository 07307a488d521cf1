/* Noise that is not white or not Gaussian, as sources for dk_config.noise and step_noise:

       noise_kind pink = {.width = 64, .height = 64, .share = 1};
       c.noise = noise_source(noise_pink, &pink);

   All are made of the library's normals, so each number follows from seed, sample, draw and place, as theirs do. All but the
   clipped ones have variance 1. A network that learned from white Gaussian noise knows no other: see docs/noise.md. */
#ifndef EXAMPLES_NOISE_H
#define EXAMPLES_NOISE_H

#include "diffkit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Samples are pictures of width x height numbers, one channel behind the other; height 1: signals. */
typedef struct noise_kind {
    int width, height;
    double share; /* pink: power falls as frequency^-share: 1 pink, 2 red, below 0 blue. Pyramid: of each octave in the next.
                     Student: degrees of freedom, whole, > 2. Clipped: the largest number */
} noise_kind;

static inline dk_noise_source noise_source(dk_noise_fn fn, noise_kind *kind) {
    dk_noise_source s;
    memset(&s, 0, sizeof s);
    s.fn = fn, s.user = kind;
    return s;
}

/* The normals of a request's sample; stream 1, 2 ...: further ones. */
static inline void noise_normals(const dk_noise_request *q, int sample, int stream, dk_real *out) {
    uint64_t seed = q->seeds ? q->seeds[sample] : q->seed, number = q->seeds ? 0 : q->first_sample + (uint64_t)sample;
    dk_normals(seed + (uint64_t)stream * 0x9E3779B97F4A7C15u, number, (uint32_t)q->draw, 0, q->dim, out);
}

static inline size_t noise_size(const noise_kind *k, const dk_noise_request *q) {
    size_t size = k && k->width > 0 && k->height > 0 ? (size_t)k->width * (size_t)k->height : 0;
    return size && q->dim % size == 0 ? size : 0;
}

/* z cut off at -share and share: what lies beyond is drawn again. */
static inline int noise_clipped(void *user, const dk_noise_request *q, dk_real *out) {
    const noise_kind *k = (const noise_kind *)user;
    dk_real *again = (dk_real *)malloc(q->dim * sizeof *again);
    if (!again || !(k->share > 0)) return free(again), 1;
    for (int b = 0; b < q->batch; b++) {
        dk_real *z = out + (size_t)b * q->dim;
        size_t outside = 1;
        noise_normals(q, b, 0, z);
        for (int stream = 1; outside && stream < 1000; stream++) {
            outside = 0;
            for (size_t i = 0; i < q->dim; i++) outside += fabs((double)z[i]) > k->share;
            if (outside) noise_normals(q, b, stream, again);
            for (size_t i = 0; i < q->dim && outside; i++)
                if (fabs((double)z[i]) > k->share) z[i] = again[i];
        }
        if (outside) return free(again), 1;
    }
    free(again);
    return 0;
}

/* z sqrt((n - 2)/(z_1^2 + ... + z_n^2)): Student's t with n degrees of freedom, of variance 1. */
static inline int noise_student(void *user, const dk_noise_request *q, dk_real *out) {
    int n = (int)((const noise_kind *)user)->share;
    dk_real *z = (dk_real *)malloc(q->dim * sizeof *z);
    double *sum = (double *)malloc(q->dim * sizeof *sum);
    int bad = !z || !sum || n < 3;
    for (int b = 0; b < q->batch && !bad; b++) {
        memset(sum, 0, q->dim * sizeof *sum);
        for (int stream = 1; stream <= n; stream++) {
            noise_normals(q, b, stream, z);
            for (size_t i = 0; i < q->dim; i++) sum[i] += (double)z[i] * (double)z[i];
        }
        noise_normals(q, b, 0, z);
        for (size_t i = 0; i < q->dim; i++) out[(size_t)b * q->dim + i] = (dk_real)((double)z[i] * sqrt((n - 2) / sum[i]));
    }
    free(z), free(sum);
    return bad;
}

/* The sum of share^i z_i, z_i constant on squares of 2^i, up to the whole picture; divided by its deviation. */
static inline int noise_pyramid(void *user, const dk_noise_request *q, dk_real *out) {
    const noise_kind *k = (const noise_kind *)user;
    size_t size = noise_size(k, q);
    dk_real *z = (dk_real *)malloc(q->dim * sizeof *z);
    if (!z || !size || !(k->share >= 0)) return free(z), 1;
    size_t width = (size_t)k->width, side = width > size / width ? width : size / width;
    for (int b = 0; b < q->batch; b++) {
        dk_real *y = out + (size_t)b * q->dim;
        double factor = 1, square = 0;
        memset(y, 0, q->dim * sizeof *y);
        for (int octave = 0; !octave || (size_t)1 << (octave - 1) < side; octave++, factor *= k->share) {
            noise_normals(q, b, octave, z);
            for (size_t i = 0; i < q->dim; i++) {
                size_t at = i % size, corner = (at / width >> octave << octave) * width + (at % width >> octave << octave);
                y[i] += (dk_real)factor * z[i - at + corner];
            }
            square += factor * factor;
        }
        for (size_t i = 0; i < q->dim; i++) y[i] /= (dk_real)sqrt(square);
    }
    free(z);
    return 0;
}

/* What white noise is convolved with, so that its power falls as frequency^-share; the constant counts as the lowest one. */
static inline void noise_filter(const noise_kind *k, double *filter, double *power) {
    int w = k->width, h = k->height;
    double all = 0;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double fx = (double)(x < w - x ? x : w - x) / w, fy = (double)(y < h - y ? y : h - y) / h, f = hypot(fx, fy);
            if (x + y == 0) f = 1.0 / (w > h ? w : h);
            power[y * w + x] = pow(f, -k->share), all += power[y * w + x];
        }
    for (int i = 0; i < w * h; i++) filter[i] = sqrt(power[i] * w * h / all);
}

/* The discrete Fourier transform of n numbers that are `stride` apart, by its definition. */
static inline void noise_transform(double (*v)[2], double (*out)[2], int n, int stride, double sign) {
    for (int i = 0; i < n; i++) {
        out[i][0] = out[i][1] = 0;
        for (int j = 0; j < n; j++) {
            double angle = sign * 6.283185307179586 * (double)((long long)i * j % n) / n, c = cos(angle), s = sin(angle);
            out[i][0] += c * v[j * stride][0] - s * v[j * stride][1];
            out[i][1] += s * v[j * stride][0] + c * v[j * stride][1];
        }
    }
    for (int i = 0; i < n; i++) v[i * stride][0] = out[i][0], v[i * stride][1] = out[i][1];
}

static inline int noise_pink(void *user, const dk_noise_request *q, dk_real *out) {
    const noise_kind *k = (const noise_kind *)user;
    size_t size = noise_size(k, q);
    double *filter = (double *)malloc(2 * size * sizeof *filter);
    double(*v)[2] = (double(*)[2])malloc(2 * size * sizeof *v);
    int bad = !size || !filter || !v || !isfinite(k->share);
    if (!bad) noise_filter(k, filter, filter + size);
    for (int b = 0; b < q->batch && !bad; b++) {
        dk_real *y = out + (size_t)b * q->dim;
        noise_normals(q, b, 0, y);
        for (size_t first = 0; first < q->dim; first += size) {
            int w = k->width, h = k->height;
            for (size_t i = 0; i < size; i++) v[i][0] = (double)y[first + i], v[i][1] = 0;
            for (int back = 0; back < 2; back++) {
                for (int i = 0; i < h; i++) noise_transform(v + (size_t)i * (size_t)w, v + size, w, 1, back ? 1 : -1);
                for (int i = 0; i < w; i++) noise_transform(v + i, v + size, h, w, back ? 1 : -1);
                for (size_t i = 0; i < size && !back; i++)
                    v[i][0] *= filter[i] / (double)size, v[i][1] *= filter[i] / (double)size;
            }
            for (size_t i = 0; i < size; i++) y[first + i] = (dk_real)v[i][0];
        }
    }
    free(filter), free(v);
    return bad;
}

#endif /* EXAMPLES_NOISE_H */
