/* guiders.h: forms of guidance that see all outputs, for dk_guidance.guider, each as in its paper or program.

       guide_norms n = {0};
       c.guidance.scale = 4;  c.guidance.guider = guide_normed;  c.guidance.guider_user = &n;

   w is guidance.scale as it holds at the step. C, U, B and N are the outputs of branches 0, 1, 2 and 2, as what
   guidance.space says; by default that is what the network puts out, as in the programs that are named. Vectors must be
   here, not with a back end. What is given as `user` must outlive the run. A guider returns nonzero where a layout does not
   divide a sample, where it lacks memory, branches or its `user`, and where there are branches that its formula lacks. */
#ifndef EXAMPLES_GUIDERS_H
#define EXAMPLES_GUIDERS_H

#include "diffkit.h"

#include <math.h>

/* Groups of a sample's elements that norms are taken over: `count` elements which lie `stride` apart. All zero: the sample
   is one. {1, channels}: the channels of each token, where they are next to each other; {tokens, channels}: where they are
   not. */
typedef struct guide_layout {
    size_t stride, count;
} guide_layout;

typedef struct guide_group {
    size_t first, stride, count; /* first: in the batch */
} guide_group;

/* Group i of the batch; 0 past the last. */
static inline int guide_next(const dk_outputs *o, guide_layout l, size_t i, guide_group *g) {
    size_t dim = o->eval->dim, stride = l.count ? l.stride : 1, count = l.count ? l.count : dim, block = stride * count;
    if (!block || dim % block || i >= dim / count * (size_t)o->eval->batch) return 0;
    g->first = i / stride * block + i % stride, g->stride = stride, g->count = count;
    return 1;
}

/* The dot product of a - a0 and b - b0 over a group; a0 and b0 may be NULL. */
static inline double guide_dot(const guide_group *g, const dk_real *a, const dk_real *a0, const dk_real *b, const dk_real *b0) {
    double sum = 0;
    for (size_t k = 0, i = g->first; k < g->count; k++, i += g->stride)
        sum += ((double)a[i] - (a0 ? (double)a0[i] : 0)) * ((double)b[i] - (b0 ? (double)b0[i] : 0));
    return sum;
}

/* G = weight[0] C + weight[1] U + ... over a group. */
static inline void guide_sum(const dk_outputs *o, const guide_group *g, const double *weight) {
    for (size_t k = 0, i = g->first; k < g->count; k++, i += g->stride) {
        double sum = 0;
        for (int b = 0; b < o->branches; b++) sum += weight[b] * (double)o->output[b][i];
        o->G[i] = (dk_real)sum;
    }
}

/* Tangential damping, Kwon et al. 2025 (TCFG). U becomes its part along the first right singular vector of [U; C], which is
   p (p U + q C), where (p, q) is the unit eigenvector of the greater eigenvalue of [U.U U.C; U.C C.C]. user: NULL. */
static inline int guide_tangential(void *user, const dk_outputs *o) {
    const guide_layout sample = {0, 0};
    const dk_real *C = o->output[0], *U = o->output[1];
    size_t i = 0;
    (void)user;
    for (guide_group g; o->branches == 2 && guide_next(o, sample, i, &g); i++) {
        double uc = guide_dot(&g, U, NULL, C, NULL), w = o->weight[0];
        double less = guide_dot(&g, U, NULL, U, NULL) - guide_dot(&g, C, NULL, C, NULL), r = sqrt(less * less + 4 * uc * uc);
        double pp = r > 0 ? (1 + less / r) / 2 : 1, pq = r > 0 ? uc / r : 0;
        const double weight[DK_BRANCHES] = {w + (1 - w) * pq, (1 - w) * pp};
        guide_sum(o, &g, weight);
    }
    return i == 0;
}

/* Magnitude-aware guidance (MAMBO-G): G = U + (1 + (w - 1) exp(-alpha |C - U|/|U|)) (C - U). user: double alpha; NULL: 8. */
static inline int guide_magnitude(void *user, const dk_outputs *o) {
    const guide_layout sample = {0, 0};
    const dk_real *C = o->output[0], *U = o->output[1];
    double alpha = user ? *(const double *)user : 8;
    size_t i = 0;
    for (guide_group g; o->branches == 2 && guide_next(o, sample, i, &g); i++) {
        double ratio = sqrt(guide_dot(&g, C, U, C, U) / guide_dot(&g, U, NULL, U, NULL));
        double w = 1 + (ratio >= 0 ? (o->weight[0] - 1) * exp(-alpha * ratio) : 0); /* 0/0: both are 0 */
        const double weight[DK_BRANCHES] = {w, 1 - w};
        guide_sum(o, &g, weight);
    }
    return i == 0;
}

/* Perpendicular negative, Armandpour et al. 2023 (Perp-Neg), with guidance.branches = 3. U is for the empty prompt, N for the
   negative one: G = U + w (c - scale (n - c n.c/c.c)), c = C - U, n = N - U. user: double scale; NULL: 1. */
static inline int guide_perpendicular(void *user, const dk_outputs *o) {
    const guide_layout sample = {0, 0};
    const dk_real *C = o->output[0], *U = o->output[1], *N = o->output[2];
    double scale = user ? *(const double *)user : 1, w = o->weight[0];
    size_t i = 0;
    for (guide_group g; o->branches == 3 && guide_next(o, sample, i, &g); i++) {
        double cc = guide_dot(&g, C, U, C, U), along = cc > 0 ? guide_dot(&g, N, U, C, U) / cc : 0;
        const double weight[DK_BRANCHES] = {w * (1 + scale * along), 1 - w * (1 + scale * along) + w * scale, -w * scale};
        guide_sum(o, &g, weight);
    }
    return i == 0;
}

/* Renormalisation: the linear sum G times factor |C|/|G|, no less than `least` and no more than `most`, group by group.
   Qwen-Image, Lumina 2: all zero but the layout. LongCat: least = cfg_renorm_min, most = 1. Z-Image: factor =
   cfg_normalization, most = 1, and no layout. */
typedef struct guide_norms {
    guide_layout layout;
    double factor; /* 0: 1 */
    double least, most; /* most 0: no limit */
} guide_norms;

/* user: guide_norms; NULL: all zero. */
static inline int guide_normed(void *user, const dk_outputs *o) {
    static const guide_norms plain = {{0, 0}, 0, 0, 0};
    const guide_norms *n = user ? (const guide_norms *)user : &plain;
    size_t i = 0;
    for (guide_group g; guide_next(o, n->layout, i, &g); i++) {
        guide_sum(o, &g, o->weight);
        double GG = guide_dot(&g, o->G, NULL, o->G, NULL), CC = guide_dot(&g, o->output[0], NULL, o->output[0], NULL);
        double s = GG > 0 ? (n->factor > 0 ? n->factor : 1) * sqrt(CC / GG) : 1;
        s = s < n->least ? n->least : n->most > 0 && s > n->most ? n->most : s;
        for (size_t k = 0, at = g.first; k < g.count; k++, at += g.stride) o->G[at] = (dk_real)(s * (double)o->G[at]);
    }
    return i == 0;
}

/* Adaptive projected guidance, Sadat et al. 2024, where dk_guidance's own does not do: norms over groups; plain guidance in
   the first steps, while momentum gathers (HunyuanImage 2.1's APG mix); and two conditions (MultiTalk). It needs
   guidance.memory = 1; with two conditions 2, guidance.branches = 3 and guidance.scale2. */
typedef struct guide_apg {
    guide_layout layout;
    double momentum, limit, parallel; /* as in dk_guidance */
    int from_uncond;                  /* G = U + w d in place of C + (w - 1) d; one condition */
    int plain;                        /* steps of plain guidance */
    double scale;                     /* w behind them; 0: guidance.scale */
} guide_apg;

/* G = C + (w - 1) P(C - B) + (scale2 - 1) P(B - U), B = U where there is one condition. P adds momentum times the difference
   before, makes it no longer than `limit`, and takes `parallel` of what is along C. user: guide_apg; NULL: all zero. */
static inline int guide_projected(void *user, const dk_outputs *o) {
    static const guide_apg plain = {{0, 0}, 0, 0, 0, 0, 0, 0};
    const guide_apg *a = user ? (const guide_apg *)user : &plain;
    const int two = o->branches > 2;
    const dk_real *C = o->output[0], *U = o->output[1], *from[2] = {C, o->output[2]}, *to[2] = {two ? o->output[2] : U, U};
    double w = a->scale > 0 ? a->scale : o->weight[0];
    const double by[2] = {a->from_uncond ? w : w - 1, -o->weight[1]};
    size_t i = 0;
    if (!o->memory[two] || o->branches > 3) return 1;
    for (guide_group g; guide_next(o, a->layout, i, &g); i++) {
        double along = 0, length[2] = {0, 0};
        for (int j = 0; j <= two; j++) {
            dk_real *d = o->memory[j];
            for (size_t k = 0, at = g.first; k < g.count; k++, at += g.stride)
                d[at] = (dk_real)((double)from[j][at] - (double)to[j][at] + a->momentum * (double)d[at]);
            double size = sqrt(guide_dot(&g, d, NULL, d, NULL)), CC = guide_dot(&g, C, NULL, C, NULL);
            length[j] = by[j] * (a->limit > 0 && size > a->limit ? a->limit / size : 1);
            if (CC > 0) along += length[j] * (a->parallel - 1) * guide_dot(&g, d, NULL, C, NULL) / CC;
        }
        for (size_t k = 0, at = g.first; k < g.count; k++, at += g.stride) {
            double G = (double)(a->from_uncond ? U : C)[at] + along * (double)C[at];
            for (int j = 0; j <= two; j++) G += length[j] * (double)o->memory[j][at];
            o->G[at] = (dk_real)G;
        }
        if (o->eval->step < a->plain) guide_sum(o, &g, o->weight);
    }
    return i == 0;
}

/* Video: the scale goes evenly from `first` in the first frame to w in the last, as in ComfyUI's VideoLinearCFGGuidance and in
   diffusers' pipeline of Stable Video Diffusion. A sample is all frames, one after the other. */
typedef struct guide_video {
    double first;
    size_t frames;
} guide_video;

/* user: guide_video. */
static inline int guide_frames(void *user, const dk_outputs *o) {
    const guide_video *v = (const guide_video *)user;
    const guide_layout frame = {1, v && v->frames && o->eval->dim % v->frames == 0 ? o->eval->dim / v->frames : 0};
    size_t i = 0;
    for (guide_group g; frame.count && o->branches == 2 && guide_next(o, frame, i, &g); i++) {
        double w = o->weight[0];
        if (v->frames > 1) w = v->first + (w - v->first) * (double)(i % v->frames) / (double)(v->frames - 1);
        const double weight[DK_BRANCHES] = {w, 1 - w};
        guide_sum(o, &g, weight);
    }
    return i == 0;
}

/* Frequency-decoupled guidance, Sadat et al. 2025 (FDG), in two bands: what is coarse in C - U, its blur by 1 4 6 4 1 along
   rows and columns, has a scale of its own, and the rest has w. The paper takes less of the coarse. Samples are pictures of
   width x height numbers, one channel behind the other; at the edges they are mirrored. */
typedef struct guide_picture {
    int width, height; /* >= 3 */
    double coarse;     /* scale */
} guide_picture;

static inline int guide_mirrored(int i, int n) { return i < 0 ? -i : i < n ? i : 2 * n - 2 - i; }

/* user: guide_picture. */
static inline int guide_bands(void *user, const dk_outputs *o) {
    static const double blur[5] = {1. / 16, 4. / 16, 6. / 16, 4. / 16, 1. / 16};
    const guide_picture *p = (const guide_picture *)user;
    const dk_real *C = o->output[0], *U = o->output[1];
    size_t area = p && p->width > 2 && p->height > 2 ? (size_t)p->width * (size_t)p->height : 0;
    if (!area || o->eval->dim % area || o->branches != 2) return 1;
    for (size_t at = 0; at < o->eval->dim * (size_t)o->eval->batch; at++) {
        int place = (int)(at % area), x = place % p->width, y = place / p->width;
        double all = (double)C[at] - (double)U[at], coarse = 0;
        for (int k = 0; k < 25; k++) {
            int from_x = guide_mirrored(x + k % 5 - 2, p->width), from_y = guide_mirrored(y + k / 5 - 2, p->height);
            size_t from = at - (size_t)place + (size_t)from_y * (size_t)p->width + (size_t)from_x;
            coarse += blur[k % 5] * blur[k / 5] * ((double)C[from] - (double)U[from]);
        }
        o->G[at] = (dk_real)((double)U[at] + o->weight[0] * (all - coarse) + p->coarse * coarse);
    }
    return 0;
}

#endif
