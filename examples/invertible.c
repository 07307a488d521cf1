/* invertible.c: a sampler that can be run backwards without error, for editing by inversion.

       make invertible

   Every sampler without noise inverts a picture up to its own error (docs/editing.md). This one, a step of the leapfrog kind, makes
   the next state of the last two and of the slope between them,

       y_{n+1} = r^2 y_{n-1} + (1 - r^2) y_n + h (1 + r) K_n,   h = u_{n+1} - u_n,  r = h/(u_n - u_{n-1}),

   and y_{n-1} of y_n and y_{n+1} by the same formula. So who keeps two states comes back to the first ones, but for rounding,
   whatever the network, with guidance, too. It is exact for quadratic ways; in y = x/alpha it is Wang et al. 2024's O-BELM, here y is
   x/(alpha + sigma), whose steps on the power grid are of nearly equal length. Zhang et al. 2023's BDIA is another such pair.

   A run has one state. The other comes in as a draw of the sampler's noise, and goes out by dk_state. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "digits.h"
#include <math.h>

enum { DIGITS = 10, SIZE = DIGITS * UNET_PIXELS, EVALUATIONS = 40 };
static digits net;

static double unit_of(dk_level l) { return l.sigma / (l.alpha + l.sigma); }
static dk_vec scaled(dk_recorder *r, dk_level l, dk_vec x) { return dkr_keep(r, dkr_scale(1 / (l.alpha + l.sigma), x)); }

/* user: the level of the state before the first; NULL: there is none, and the first step is Euler's. */
static void leapfrog(dk_recorder *r) {
    const dk_level *first = (const dk_level *)r->sampler.user;
    double before = first ? unit_of(*first) : 0;
    dk_vec old = dkr_zero;
    if (first) old = scaled(r, *first, dkr_noise(r, *first, *first));
    while (dkr_step(r)) {
        double u = unit_of(r->from), h = unit_of(r->to) - u, ratio = before > 0 ? h / (u - before) : 0;
        dk_vec y = scaled(r, r->from, r->x), slope = dkr_mix(1 / u, y, -1 / u, dkr_denoise(r, r->x, r->from));
        dk_vec next = dkr_mix(1, dkr_mix(1 - ratio * ratio, y, h * (1 + ratio), slope), ratio * ratio, old);
        r->x = dkr_keep(r, dkr_scale(r->to.alpha + r->to.sigma, next));
        old = y, before = u;
    }
}

/* Where a run begins and ends, and the state before. */
typedef struct states {
    dk_real now[SIZE], before[SIZE];
} states;

static int give_before(void *user, const dk_noise_request *q, dk_real *out) {
    memcpy(out, ((const states *)user)->before, (size_t)q->batch * q->dim * sizeof *out);
    return 0;
}

/* From the first of steps + 1 levels to the last. */
static int walk(dk_config c, const double *levels, int steps, states *s) {
    dk_run run;
    dk_eval e;
    c.grid = dk_grid_levels(levels, DK_UNIT_FLOW), c.steps = steps, c.start = DK_START_STATE;
    c.step_noise.fn = give_before, c.step_noise.user = s;
    if (dk_begin(&run, &c, s->now, NULL, 0) == DK_OK)
        while (dk_next(&run, &e)) {
            const dk_real *x = dk_state(&run);
            if (e.branch == 0) memcpy(s->before, x, sizeof s->before);
            if (digits_denoise(&net, &e)) break;
        }
    if (run.status) fprintf(stderr, "%s\n", run.message);
    int failed = run.status != DK_OK;
    dk_end(&run);
    return failed;
}

/* The root mean square of a state: near its noise level, if it is like noise. */
static double rms(const dk_real *x) {
    double sum = 0;
    for (int i = 0; i < SIZE; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum / SIZE);
}

static void swap(states *s) {
    for (int i = 0; i < SIZE; i++) {
        dk_real x = s->now[i];
        s->now[i] = s->before[i], s->before[i] = x;
    }
}

/* Pictures to noise and back: how far they end from where they began, in parts of the pixel range. */
static int there_and_back(dk_config c, const char *name, int steps, const dk_real *pictures) {
    static states s;
    double down[EVALUATIONS + 1], up[EVALUATIONS + 1], largest = 0, mean = 0, noise;
    dk_level first;
    c.grid.final = DK_FINAL_MIN, c.steps = steps;
    if (dk_levels(&c, DK_UNIT_FLOW, down, steps + 1) != steps + 1) return fprintf(stderr, "%s\n", dk_message(&c)), 1;
    for (int i = 0; i <= steps; i++) up[i] = down[steps - i];
    first = dk_level_at(&c.schedule, DK_UNIT_FLOW, down[0]);
    memcpy(s.now, pictures, sizeof s.now);
    if (strcmp(name, "leapfrog") == 0) {
        c.sampler.name = name, c.sampler.record = leapfrog;
        if (walk(c, up, steps, &s)) return 1;
        noise = rms(s.now);
        swap(&s);
        c.sampler.user = &first;
        if (walk(c, down + 1, steps - 1, &s)) return 1;
    } else {
        c.sampler = dk_sampler_named(name);
        if (walk(c, up, steps, &s)) return 1;
        noise = rms(s.now);
        if (walk(c, down, steps, &s)) return 1;
    }
    for (int i = 0; i < SIZE; i++) {
        double off = fabs((double)s.now[i] - (double)pictures[i]) / 2;
        largest = off > largest ? off : largest, mean += off / SIZE;
    }
    printf("| `%s` | %d | %.4f%% | %.4f%% | %.2f |\n", name, steps, 100 * mean, 100 * largest, noise / dk_noise_level(first));
    return 0;
}

int main(void) {
    static const struct {
        const char *name;
        int evals;
    } samplers[] = {{"leapfrog", 1}, {"euler", 1}, {"adams2", 1}, {"midpoint", 2}, {"rk4", 4}};
    static const int labels[UNET_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static dk_real pictures[SIZE];
    const char *wrong = unet_load(&net.net, "examples/digits/weights.bin");
    if (wrong) return fprintf(stderr, "examples/digits/weights.bin: %s\n", wrong), 1;
    net.labels = labels, net.count = UNET_CLASSES;
    dk_config c = digits_config(&net);
    c.batch = DIGITS, c.seed = 1;
    if (dk_sample(&c, digits_denoise, &net, pictures)) return fprintf(stderr, "%s\n", dk_message(&c)), 1;
    for (int scale = 1; scale <= 3; scale += 2) {
        printf("\n| guidance %d | steps | mean error | largest | noise |\n| --- | ---: | ---: | ---: | ---: |\n", scale);
        c.guidance.scale = scale;
        for (int k = 0; k < 5; k++)
            if (there_and_back(c, samplers[k].name, EVALUATIONS / samplers[k].evals, pictures)) return 1;
    }
    unet_free(&net.net);
    return 0;
}
