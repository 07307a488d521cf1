/* texture.h: larger pictures out of a small one, without a network. texture.c is the tool around it.

   What a network learns from one picture can be written down. For each pixel it sees the noisy patch around it. It answers
   with the mean of the pixels in the middle of the example's patches, each weighed by how likely it is to have become
   what is seen. That is the exact denoiser for pictures whose small patches are all the example's (Kamb & Ganguli 2024,
   "An analytic theory of creativity in convolutional diffusion models"). A patch shows more of a smaller picture, so it
   is done from coarse to fine: each scale begins with the one before, enlarged and noised.

   A pixel depends on what is near, and on the noise there. The noise belongs to places of an endless plane, so tiles that
   are made one by one agree where they meet. A picture that repeats is a tile that meets itself. */
#ifndef EXAMPLES_TEXTURE_H
#define EXAMPLES_TEXTURE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXTURE_RADIUS = 5, /* of patches */
    TEXTURE_SIDE = 2 * TEXTURE_RADIUS + 1,
    TEXTURE_VALUES = 3 * TEXTURE_SIDE * TEXTURE_SIDE,
    TEXTURE_VOTE = 1, /* radius of the middle of a patch */
    TEXTURE_SPAN = 2 * TEXTURE_VOTE + 1,
    TEXTURE_MIDDLE = 3 * TEXTURE_SPAN * TEXTURE_SPAN,
    TEXTURE_KEPT = 64,    /* numbers that a patch is told by */
    TEXTURE_VISITS = 4,   /* groups of patches that are searched */
    TEXTURE_SCALES = 8,   /* at most, each half as fine as the one before; 0 is the finest */
    TEXTURE_COARSEST = 32 /* pixels to a side that the example has at its coarsest scale, at least */
};

static inline void *texture_memory(size_t count, size_t size) {
    void *p = calloc(count, size);
    if (!p) fprintf(stderr, "texture: not enough memory\n"), exit(1);
    return p;
}

/* Numbers from -1 to 1, those of a pixel together. */
typedef struct texture_image {
    int width, height, channels; /* 1 or 3 */
    dk_real *pixel;
} texture_image;

static inline texture_image texture_new_image(int width, int height, int channels) {
    texture_image p = {width, height, channels, NULL};
    p.pixel = (dk_real *)texture_memory((size_t)width * (size_t)height * (size_t)channels, sizeof *p.pixel);
    return p;
}
static inline dk_real *texture_at(const texture_image *p, int x, int y) {
    return p->pixel + ((size_t)y * (size_t)p->width + (size_t)x) * (size_t)p->channels;
}
static inline texture_image texture_halved(const texture_image *p) {
    texture_image half = texture_new_image(p->width / 2, p->height / 2, p->channels);
    for (int y = 0; y < half.height; y++)
        for (int x = 0; x < half.width; x++)
            for (int c = 0; c < p->channels; c++)
                texture_at(&half, x, y)[c] =
                    (texture_at(p, 2 * x, 2 * y)[c] + texture_at(p, 2 * x + 1, 2 * y)[c] +
                     texture_at(p, 2 * x, 2 * y + 1)[c] + texture_at(p, 2 * x + 1, 2 * y + 1)[c]) /
                    4;
    return half;
}

/* -------------------------------------------------------------------------- the example's patches */

/* The patches of one scale, told by their coordinates in the directions in which they differ most (principal components).
   Noise in other directions makes all of them less likely by the same factor. Coordinate k of all patches stands together,
   so that a compiler can work on several patches at once. */
typedef struct texture_patches {
    int count, values, channels;
    int floating; /* 1: patches are taken less their own mean, which can be any */
    float mean[TEXTURE_VALUES], basis[TEXTURE_VALUES][TEXTURE_KEPT];
    float *place[TEXTURE_KEPT], (*middle)[TEXTURE_MIDDLE]; /* coordinates, and the middle, group by group */
    int groups, *first;          /* group g has patches first[g] .. first[g + 1] - 1, which are */
    float *leader[TEXTURE_KEPT]; /* nearer to its leader than to other leaders */
} texture_patches;

static inline int texture_wrap(int v, int period) { return (v % period + period) % period; }

/* The patch around a pixel. Beyond an edge stands what is at the opposite one. Returns the mean that was taken away. */
static inline float texture_look(const texture_patches *s, const texture_image *p, int x, int y,
                                 float *values) {
    int column[TEXTURE_SIDE];
    for (int i = 0; i < TEXTURE_SIDE; i++) column[i] = texture_wrap(x - TEXTURE_RADIUS + i, p->width);
    for (int j = y - TEXTURE_RADIUS; j <= y + TEXTURE_RADIUS; j++) {
        const dk_real *row = texture_at(p, 0, texture_wrap(j, p->height));
        for (int i = 0; i < TEXTURE_SIDE; i++)
            for (int c = 0; c < p->channels; c++) *values++ = (float)row[column[i] * p->channels + c];
    }
    if (!s->floating) return 0;
    float mean = 0;
    for (int i = 1; i <= s->values; i++) mean += values[-i] / (float)s->values;
    for (int i = 1; i <= s->values; i++) values[-i] -= mean;
    return mean;
}

static inline void texture_describe(const texture_patches *s, const float *values, float *place) {
    for (int k = 0; k < TEXTURE_KEPT; k++) place[k] = 0;
    for (int i = 0; i < s->values; i++)
        for (int k = 0; k < TEXTURE_KEPT; k++) place[k] += s->basis[i][k] * (values[i] - s->mean[i]);
}

/* Squared distances from a place to n others. */
static inline void texture_distances(const float *place, float *const *others, int from, int n, float *out) {
    for (int p = 0; p < n; p++) out[p] = 0;
    for (int k = 0; k < TEXTURE_KEPT; k++)
        for (int p = 0; p < n; p++) {
            float d = others[k][from + p] - place[k];
            out[p] += d * d;
        }
}

/* Principal components by orthogonal iteration: directions are multiplied by the covariance and made orthonormal, again and
   again. */
static inline void texture_find_basis(texture_patches *s, const float *all) {
    const size_t n = (size_t)s->values, count = (size_t)s->count;
    double *covariance = (double *)texture_memory(n * n, sizeof *covariance);
    for (size_t p = 0; p < count; p++)
        for (size_t i = 0; i < n; i++) s->mean[i] += all[p * n + i] / (float)count;
    for (size_t p = 0; p < count; p++)
        for (size_t i = 0; i < n; i++)
            for (size_t j = i; j < n; j++)
                covariance[i * n + j] +=
                    (double)((all[p * n + i] - s->mean[i]) * (all[p * n + j] - s->mean[j]));
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) covariance[i * n + j] = covariance[j * n + i];
    double basis[TEXTURE_KEPT][TEXTURE_VALUES];
    for (int k = 0; k < TEXTURE_KEPT; k++)
        for (size_t i = 0; i < n; i++) basis[k][i] = cos((double)(i + 1) * (k + 1)); /* anything */
    for (int round = 0; round < 40; round++)
        for (int k = 0; k < TEXTURE_KEPT; k++) {
            double v[TEXTURE_VALUES], length = 0;
            for (size_t i = 0; i < n; i++) {
                v[i] = 0;
                for (size_t j = 0; j < n; j++) v[i] += covariance[i * n + j] * basis[k][j];
            }
            for (int before = 0; before < k; before++) {
                double along = 0;
                for (size_t i = 0; i < n; i++) along += v[i] * basis[before][i];
                for (size_t i = 0; i < n; i++) v[i] -= along * basis[before][i];
            }
            for (size_t i = 0; i < n; i++) length += v[i] * v[i];
            for (size_t i = 0; i < n; i++) basis[k][i] = length > 1e-20 ? v[i] / sqrt(length) : 0;
        }
    for (int k = 0; k < TEXTURE_KEPT; k++)
        for (size_t i = 0; i < n; i++) s->basis[i][k] = (float)basis[k][i];
    free(covariance);
}

static inline texture_patches texture_new_patches(const texture_image *example, int floating) {
    const int wide = example->width - 2 * TEXTURE_RADIUS, high = example->height - 2 * TEXTURE_RADIUS;
    texture_patches s = {0};
    s.count = wide * high, s.floating = floating, s.channels = example->channels,
    s.values = TEXTURE_SIDE * TEXTURE_SIDE * s.channels;
    const size_t count = (size_t)s.count, values = (size_t)s.values;
    float *all = (float *)texture_memory(count * values, sizeof *all);
    float(*place)[TEXTURE_KEPT] = (float(*)[TEXTURE_KEPT])texture_memory(count, sizeof *place);
    for (int p = 0; p < s.count; p++)
        texture_look(&s, example, TEXTURE_RADIUS + p % wide, TEXTURE_RADIUS + p / wide,
                     all + (size_t)p * values);
    texture_find_basis(&s, all);
    for (size_t p = 0; p < count; p++) texture_describe(&s, all + p * values, place[p]);

    /* Leaders are patches here and there: about the square root of their number, so that finding the nearest groups and
       searching one are the same work. */
    s.groups = s.count > 2000 ? (int)sqrt(s.count) : 1;
    s.first = (int *)texture_memory((size_t)s.groups + 1, sizeof *s.first);
    int *group = (int *)texture_memory(count, sizeof *group),
        *filled = (int *)texture_memory((size_t)s.groups, sizeof *filled);
    float *far = (float *)texture_memory((size_t)s.groups, sizeof *far);
    for (int k = 0; k < TEXTURE_KEPT; k++) {
        s.leader[k] = (float *)texture_memory((size_t)s.groups, sizeof(float));
        for (int g = 0; g < s.groups; g++)
            s.leader[k][g] = place[(size_t)g * 7919 % count][k]; /* a prime: anywhere */
    }
    for (int p = 0; p < s.count; p++) {
        texture_distances(place[p], s.leader, 0, s.groups, far);
        for (int g = 1; g < s.groups; g++)
            if (far[g] < far[group[p]]) group[p] = g;
        s.first[group[p] + 1]++;
    }
    for (int g = 0; g < s.groups; g++) s.first[g + 1] += s.first[g];
    s.middle = (float(*)[TEXTURE_MIDDLE])texture_memory(count, sizeof *s.middle);
    for (int k = 0; k < TEXTURE_KEPT; k++) s.place[k] = (float *)texture_memory(count, sizeof(float));
    for (int p = 0; p < s.count; p++) {
        int to = s.first[group[p]] + filled[group[p]]++;
        for (int k = 0; k < TEXTURE_KEPT; k++) s.place[k][to] = place[p][k];
        for (int j = 0; j < TEXTURE_SPAN; j++)
            memcpy(s.middle[to] + j * TEXTURE_SPAN * s.channels,
                   all + (size_t)p * values +
                       ((TEXTURE_RADIUS - TEXTURE_VOTE + j) * TEXTURE_SIDE + TEXTURE_RADIUS - TEXTURE_VOTE) *
                           s.channels,
                   (size_t)(TEXTURE_SPAN * s.channels) * sizeof(float));
    }
    free(all), free(place), free(group), free(filled), free(far);
    return s;
}

/* All scales of an example, which needs 2 * RADIUS + 1 pixels to a side, and better TEXTURE_COARSEST. */
typedef struct texture {
    int scales;
    texture_patches scale[TEXTURE_SCALES];
    double detail[TEXTURE_SCALES]; /* root mean square of what the next coarser scale does not show */
} texture;

static inline double texture_detail(const texture_image *fine, const texture_image *coarse) {
    double sum = 0;
    for (int y = 0; y < 2 * coarse->height; y++)
        for (int x = 0; x < 2 * coarse->width; x++)
            for (int c = 0; c < fine->channels; c++)
                sum += pow((double)(texture_at(fine, x, y)[c] - texture_at(coarse, x / 2, y / 2)[c]), 2);
    return sqrt(sum / (4.0 * coarse->width * coarse->height * fine->channels));
}

static inline texture texture_learn(const texture_image *example, int floating) {
    texture t = {1, {texture_new_patches(example, floating)}, {0}};
    texture_image fine = *example;
    while (t.scales < TEXTURE_SCALES && fine.width >= 2 * TEXTURE_COARSEST &&
           fine.height >= 2 * TEXTURE_COARSEST) {
        texture_image coarse = texture_halved(&fine);
        t.detail[t.scales - 1] = texture_detail(&fine, &coarse);
        t.scale[t.scales++] = texture_new_patches(&coarse, floating && coarse.width >= 2 * TEXTURE_COARSEST &&
                                                               coarse.height >= 2 * TEXTURE_COARSEST);
        if (t.scales > 2) free(fine.pixel);
        fine = coarse;
    }
    if (t.scales > 1) free(fine.pixel);
    return t;
}

static inline void texture_free(texture *t) {
    for (int i = 0; i < t->scales; i++) {
        for (int k = 0; k < TEXTURE_KEPT; k++) free(t->scale[i].place[k]), free(t->scale[i].leader[k]);
        free(t->scale[i].middle), free(t->scale[i].first);
    }
    t->scales = 0;
}

/* ----------------------------------------------------------------------------------- the denoiser */

/* A rectangle of the plane, in pixels of its scale. */
typedef struct texture_window {
    int x, y, width, height;
    int period_x, period_y; /* the plane repeats after so many; 0: it does not */
} texture_window;

typedef struct texture_work {
    const texture *of;
    int scale;
    texture_window window[TEXTURE_SCALES];
    double done, all; /* for the progress bar */
} texture_work;

/* The mean of the middle pixels, weighed by exp(-|seen - patch|^2 / 2 sigma^2), of the patches in the nearest groups. */
static inline void texture_mean(const texture_patches *s, const float *seen, double sigma, double add,
                                float *distances, float *middle) {
    int visit[TEXTURE_VISITS], visits = 0, n = 0;
    texture_distances(seen, s->leader, 0, s->groups, distances);
    for (int g = 0; g < s->groups; g++) { /* the nearest so far, in order */
        if (visits == TEXTURE_VISITS && distances[g] >= distances[visit[visits - 1]]) continue;
        int i = visits < TEXTURE_VISITS ? visits++ : visits - 1;
        for (; i > 0 && distances[visit[i - 1]] > distances[g]; i--) visit[i] = visit[i - 1];
        visit[i] = g;
    }
    for (int v = 0; v < visits; v++) {
        const int first = s->first[visit[v]], size = s->first[visit[v] + 1] - first;
        texture_distances(seen, s->place, first, size, distances + n);
        n += size;
    }
    float nearest = distances[0];
    for (int i = 1; i < n; i++) nearest = distances[i] < nearest ? distances[i] : nearest;
    const int block = TEXTURE_SPAN * TEXTURE_SPAN * s->channels;
    double sum = 0, mean[TEXTURE_MIDDLE] = {0};
    for (int v = 0; v < visits; v++)
        for (int p = s->first[visit[v]]; p < s->first[visit[v] + 1]; p++) {
            const double exponent = (double)(nearest - *distances++) / (2 * sigma * sigma);
            if (exponent < -12) continue; /* weighs nothing */
            const double weight = exp(exponent);
            for (int i = 0; i < block; i++) mean[i] += weight * (double)s->middle[p][i];
            sum += weight;
        }
    for (int i = 0; i < block; i++) middle[i] = (float)(add + mean[i] / sum);
}

static inline int texture_denoise(void *user, const dk_eval *e) {
    const texture_work *work = (const texture_work *)user;
    const texture_window *w = &work->window[work->scale];
    const texture_patches *s = &work->of->scale[work->scale];
    const texture_image seen = {w->width, w->height, s->channels,
                                (dk_real *)(uintptr_t)e->input}; /* is only read */
    const texture_image D = {w->width, w->height, s->channels, e->output};
    float(*middle)[TEXTURE_MIDDLE] =
        (float(*)[TEXTURE_MIDDLE])texture_memory((size_t)w->width * (size_t)w->height, sizeof *middle);
#ifdef _OPENMP
#pragma omp parallel for schedule(dynamic, 4)
#endif
    for (int y = 0; y < w->height; y++) {
        float values[TEXTURE_VALUES], place[TEXTURE_KEPT];
        float *distances = (float *)texture_memory((size_t)(s->count + s->groups), sizeof *distances);
        for (int x = 0; x < w->width; x++) {
            const float mean = texture_look(s, &seen, x, y, values);
            texture_describe(s, values, place);
            texture_mean(s, place, e->level.sigma, (double)mean, distances, middle[y * w->width + x]);
        }
        free(distances);
    }
    for (int y = 0; y < w->height; y++)
        for (int x = 0; x < w->width; x++)
            for (int c = 0; c < s->channels; c++) {
                float sum = 0;
                for (int j = -TEXTURE_VOTE; j <= TEXTURE_VOTE; j++)
                    for (int i = -TEXTURE_VOTE; i <= TEXTURE_VOTE; i++)
                        sum +=
                            middle[texture_wrap(y - j, w->height) * w->width + texture_wrap(x - i, w->width)]
                                  [((j + TEXTURE_VOTE) * TEXTURE_SPAN + i + TEXTURE_VOTE) * s->channels + c];
                texture_at(&D, x, y)[c] = sum / (TEXTURE_SPAN * TEXTURE_SPAN);
            }
    free(middle);
    return 0;
}

/* Normals that belong to places of the plane, wherever the window lies, and to the scale. */
static inline int texture_noise(void *user, const dk_noise_request *r, dk_real *out) {
    const texture_work *work = (const texture_work *)user;
    const texture_window *w = &work->window[work->scale];
    const int channels = work->of->scale[0].channels;
    for (int j = 0; j < w->height; j++)
        for (int i = 0; i < w->width; i++, out += channels) {
            int x = w->x + i, y = w->y + j;
            if (w->period_x) x = texture_wrap(x, w->period_x), y = texture_wrap(y, w->period_y);
            uint64_t place = (uint64_t)(uint32_t)y << 32 | (uint32_t)x;
            dk_normals(r->seed, (uint64_t)work->scale, (uint32_t)r->draw, 4 * place, (size_t)channels, out);
        }
    return 0;
}

/* ------------------------------------------------------------------------------------ the picture */

static inline double texture_cost(const texture_work *work, int scale) { /* of one evaluation */
    const texture_patches *s = &work->of->scale[scale];
    double searched = s->groups > 1 ? s->groups * (1.0 + TEXTURE_VISITS) : s->count;
    return (double)work->window[scale].width * work->window[scale].height * searched;
}

static inline int texture_progress(void *user, dk_run *run, const dk_eval *e) {
    texture_work *work = (texture_work *)user;
    const char *const bar = "########################################";
    work->done += texture_cost(work, work->scale);
    int part = (int)(40 * work->done / work->all + 0.5);
    fprintf(stderr, "\r[%.*s%*s] %3.0f%%", part, bar, 40 - part, "", 100 * work->done / work->all);
    (void)run, (void)e;
    return 0;
}

/* Steps at a scale. An evaluation looks RADIUS + VOTE far, so a pixel depends on so many times as much. */
static inline int texture_steps(const texture *t, int scale) {
    return scale == t->scales - 1 ? 12 : scale > 0 ? 8 : 6;
}
/* Of a window's picture, the pixel at a place of the plane. */
static inline const dk_real *texture_pixel(const texture_image *p, const texture_window *w, int x, int y) {
    return texture_at(p, texture_wrap(x - w->x, w->width), texture_wrap(y - w->y, w->height));
}
static inline int texture_floor_half(int v) { return (v - (v < 0)) / 2; }

/* The window at every scale, with all that the next finer one depends on. What goes round is taken once. */
static inline void texture_windows(texture_work *work) {
    for (int k = 0; k < work->of->scales; k++) {
        const int margin = (TEXTURE_RADIUS + TEXTURE_VOTE) * texture_steps(work->of, k);
        texture_window *now = &work->window[k];
        if (k > 0) {
            const texture_window *fine = now - 1;
            now->period_x = fine->period_x / 2, now->period_y = fine->period_y / 2;
            now->x = texture_floor_half(fine->x), now->y = texture_floor_half(fine->y);
            now->width = texture_floor_half(fine->x + fine->width - 1) - now->x + 1;
            now->height = texture_floor_half(fine->y + fine->height - 1) - now->y + 1;
        }
        now->x -= margin, now->y -= margin, now->width += 2 * margin, now->height += 2 * margin;
        if (now->period_x) now->width = now->period_x, now->height = now->period_y;
        work->all += texture_cost(work, k) * texture_steps(work->of, k);
    }
}

/* The window w of the endless plane that belongs to seed. Periods are of the whole window, and multiples of 2^(scales - 1).
   progress: 1 for a bar on stderr. */
static inline texture_image texture_make(const texture *t, const texture_window *w, uint64_t seed,
                                         int progress) {
    const int channels = t->scale[0].channels;
    texture_image coarse = {0}, x = {0};
    texture_work work = {t, 0, {*w}, 0, 0};
    texture_windows(&work);
    for (int k = t->scales - 1; k >= 0; k--, coarse = x) {
        const texture_window *now = &work.window[k], *before = now + 1;
        const int coarsest = k == t->scales - 1;
        x = texture_new_image(now->width, now->height, channels);
        for (int j = 0; j < x.height && !coarsest; j++)
            for (int i = 0; i < x.width; i++)
                memcpy(texture_at(&x, i, j),
                       texture_pixel(&coarse, before, texture_floor_half(now->x + i),
                                     texture_floor_half(now->y + j)),
                       (size_t)channels * sizeof(dk_real));
        free(coarse.pixel);
        dk_config c = {0};
        const double most =
            coarsest ? 5 : fmax(3 * t->detail[k], 0.01); /* enough to hide what a coarser picture lacks */
        c.schedule = dk_edm(most / 50, most);
        c.prediction = DK_PREDICT_X0;
        c.sampler = dk_sampler_named("dpmpp_2m_sde"), c.grid = dk_grid_named("karras");
        c.steps = texture_steps(t, k), c.seed = seed;
        c.dim = (size_t)x.width * (size_t)x.height * (size_t)channels;
        c.start = coarsest ? DK_START_NOISE : DK_START_DATA, c.grid.strength = 1;
        c.noise.fn = texture_noise, c.noise.user = &work;
        if (progress) c.progress = texture_progress, c.progress_user = &work;
        work.scale = k;
        if (dk_sample(&c, texture_denoise, &work, x.pixel))
            fprintf(stderr, "texture: %s\n", dk_message(&c)), exit(1);
    }
    if (progress) fprintf(stderr, "\n");
    texture_image out = texture_new_image(w->width, w->height, channels);
    for (int j = 0; j < w->height; j++)
        for (int i = 0; i < w->width; i++)
            memcpy(texture_at(&out, i, j), texture_pixel(&x, &work.window[0], w->x + i, w->y + j),
                   (size_t)channels * sizeof(dk_real));
    free(x.pixel);
    return out;
}

#endif /* EXAMPLES_TEXTURE_H */
