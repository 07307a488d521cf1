/* steer.c: particles that are steered towards a reward, without training.

       make steer

   Many samples are drawn side by side. Now and then those of little promise are replaced by copies of better ones: the chance
   of a sample is multiplied by exp(r(D) - r(D before)), with r the reward of its denoised estimate, and at the end by
   exp(r(x) - r(D)). The factors of a sample's way multiply to exp(r(x)), so what comes out is data weighed by that, whatever r(D)
   was good for in between (Feynman-Kac steering, Singhal et al. 2025). Noise must come behind steps, or copies stay copies.

   Once with a run for each particle, which dk_save and dk_load copy with all that its sampler remembers; once with one run for
   a batch, which ends where particles are copied: then they are rows of x, and the next run goes on from there.

   Data are two Gaussians of deviation 0.2 around -1 and 1, as likely, and the reward is b x: weighed by exp(b x) they stand at
   -1 + 0.04 b and 1 + 0.04 b, and the right one has the share 1/(1 + exp(-2 b)). */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARTICLES = 4000, STEPS = 24, EVERY = 4, SAVED = 1024 };
static const double b = 0.5493061443340549, variance = 0.04; /* share 0.75 */

static int denoise(void *user, const dk_eval *e) {
    double a = e->level.alpha, s = e->level.sigma, v = a * a * variance + s * s;
    for (int i = 0; i < e->batch; i++) {
        double x = (double)e->input[i], mean = tanh(a * x / v);
        e->output[i] = (dk_real)((s * s * mean + a * variance * x) / v);
    }
    return (void)user, 0;
}

/* A particle's own noise, whoever's save its run has loaded: number *user, from which a batch counts on. */
static int own_noise(void *user, const dk_noise_request *q, dk_real *out) {
    for (int i = 0; i < q->batch; i++)
        dk_normals(q->seed, *(uint64_t *)user + (uint64_t)i, (uint32_t)q->draw, 0, q->dim, out + (size_t)i * q->dim);
    return 0;
}

static dk_config config(uint64_t *first) {
    dk_config c = {0};
    dk_config_set(&c, "schedule=flow prediction=x0 sampler=dpmpp_2m_sde seed=2");
    c.steps = STEPS, c.dim = 1, c.noise.fn = own_noise, c.noise.user = first;
    return c;
}

/* Whom each particle is replaced by, in proportion to exp(log_weight): one draw for all, evenly spaced. */
static void choose(const double *log_weight, int *parent, uint64_t draw) {
    double sum = 0, reached = 0;
    dk_real z;
    dk_normals(3, draw, 0, 0, 1, &z);
    double place = 0.5 * erfc((double)z / sqrt(2));
    for (int i = 0; i < PARTICLES; i++) sum += exp(log_weight[i]);
    for (int i = 0, n = 0; i < PARTICLES; i++) {
        reached += exp(log_weight[i]) / sum * PARTICLES;
        while (n < PARTICLES && (n + place < reached || i == PARTICLES - 1)) parent[n++] = i;
    }
}

static dk_real x[PARTICLES], D[PARTICLES], copy[PARTICLES];
static double reward[PARTICLES], log_weight[PARTICLES]; /* reward: r(D) where particles were copied last */
static int parent[PARTICLES];

/* Weights by what is known now, and who is copied. */
static void weigh(const dk_real *now, uint64_t draw) {
    for (int i = 0; i < PARTICLES; i++) log_weight[i] = b * (double)now[i] - reward[i];
    choose(log_weight, parent, draw);
    for (int i = 0; i < PARTICLES; i++) reward[i] = b * (double)now[parent[i]];
}

static void take_parents(dk_real *v) {
    for (int i = 0; i < PARTICLES; i++) copy[i] = v[parent[i]];
    memcpy(v, copy, sizeof copy);
}

static void report(const char *way) {
    double right = 0, mean = 0;
    for (int i = 0; i < PARTICLES; i++)
        if (x[i] > 0) right++, mean += (double)x[i];
    printf("%-24s %6.3f of %d particles stand right, around %6.3f\n", way, right / PARTICLES, PARTICLES, mean / right);
}

static int fail(const dk_run *run) { return fprintf(stderr, "%s\n", run->message), 1; }

/* A run for each particle; all are at the same evaluation. */
static int steer_runs(int steers) {
    static dk_run run[PARTICLES];
    static dk_eval eval[PARTICLES];
    static uint64_t number[PARTICLES];
    static unsigned char saved[PARTICLES][SAVED];
    memset(reward, 0, sizeof reward);
    for (int i = 0; i < PARTICLES; i++) {
        dk_config c = config(&number[i]);
        number[i] = (uint64_t)i;
        if (dk_begin(&run[i], &c, &x[i], NULL, 0)) return fail(&run[i]);
    }
    size_t size = dk_save_size(&run[0]);
    if (size > SAVED) return fprintf(stderr, "saves are larger than %d\n", SAVED), 1;
    for (int call = 0;; call++) {
        int more = 0;
        for (int i = 0; i < PARTICLES; i++) more += dk_next(&run[i], &eval[i]);
        if (steers && call && (call % EVERY == 0 || !more)) {
            weigh(more ? D : x, (uint64_t)call);
            for (int i = 0; i < PARTICLES; i++) dk_save(&run[i], saved[i], size);
            for (int i = 0; i < PARTICLES; i++) {
                if (parent[i] == i) continue;
                if (dk_load(&run[i], saved[parent[i]], size)) return fail(&run[i]);
                if (more) dk_next(&run[i], &eval[i]); /* the evaluation that was out */
            }
        }
        if (!more) break;
        for (int i = 0; i < PARTICLES; i++) denoise(NULL, &eval[i]), dk_denoised(&run[i], &D[i]);
    }
    for (int i = 0; i < PARTICLES; i++) dk_end(&run[i]);
    return 0;
}

static int keep_D(void *user, dk_run *run, const dk_eval *e) { return (void)user, (void)e, dk_denoised(run, D) != DK_OK; }

/* A run for the whole batch, from where particles were copied to where they are copied next. */
static int steer_batch(void) {
    double levels[STEPS + 1];
    uint64_t first = 0;
    dk_config c = config(&first);
    memset(reward, 0, sizeof reward);
    dk_levels(&c, DK_UNIT_FLOW, levels, STEPS + 1);
    c.batch = PARTICLES, c.steps = EVERY, c.progress = keep_D;
    for (int step = 0; step < STEPS; step += EVERY) {
        c.grid = dk_grid_levels(levels + step, DK_UNIT_FLOW);
        c.start = step ? DK_START_STATE : DK_START_NOISE, c.seed = (uint64_t)step;
        if (dk_sample(&c, denoise, NULL, x)) return fprintf(stderr, "%s\n", dk_message(&c)), 1;
        weigh(step + EVERY < STEPS ? D : x, (uint64_t)(STEPS + 1 + step));
        take_parents(x);
    }
    return 0;
}

int main(void) {
    if (steer_runs(0)) return 1;
    report("not steered");
    if (steer_runs(1)) return 1;
    report("a run each");
    if (steer_batch()) return 1;
    report("a batch, in parts");
    printf("%-24s %6.3f %34s around %6.3f\n", "data weighed by exp(b x)", 1 / (1 + exp(-2 * b)), "", 1 + b * variance);
    return 0;
}
