/* ideas.c: ways to save evaluations that gain nothing on the shipped network, side by side with plain runs.

       make bench-ideas              docs/quality.md has its tables

   Each idea is a recording function: one step from the first level to clean data, in which it evaluates where it likes. The
   plain method is adams2 but for its last step, on the levels of the power grid, as fit.h has it. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "clock.h"
#include "examples/digits.h"
#include "examples/fit.h"
#include "examples/tune.h"

/* An implicit Runge-Kutta method: Hairer & Wanner, Solving Ordinary Differential Equations II, sec. IV.5. */
typedef struct method {
    int stages;
    double c[3], a[3][3], b[3];
} method;

typedef struct idea {
    const char *name;
    dk_record_fn record;
    int evaluations, rounds; /* rounds: of Picard's iteration, and in each step of an implicit method */
    double sigma_data, first_level;
    const method *implicit;
} idea;

static fit_plan adams2(const idea *of, int steps) {
    fit_family m = {2, 3, {log(1.0), log(2.0), log(6.0)}};
    return fit_member(&m, steps, of->first_level, of->sigma_data);
}

static dk_level level_of(const dk_recorder *r, double u) { return dk_level_at(&r->config->schedule, DK_UNIT_FLOW, u); }

/* Step i of a plan on x, from the D so far. */
static dk_vec step_of(dk_recorder *r, const fit_plan *p, int i, dk_vec x, const dk_vec *D) {
    dk_level from = level_of(r, p->level[i]), to = level_of(r, p->level[i + 1]);
    double c[FIT_TERMS] = {p->a[i] * (to.alpha + to.sigma) / (from.alpha + from.sigma)};
    dk_vec term[FIT_TERMS] = {x};
    for (int j = 0; j <= i; j++) term[j + 1] = D[j], c[j + 1] = p->b[fit_row(i) + j] * (to.alpha + to.sigma);
    return dkr_sum(r, i + 2, c, term);
}

/* The plain method from x at the first level. */
static dk_vec plain_from(dk_recorder *r, int steps, dk_vec x) {
    const fit_plan p = adams2((const idea *)r->sampler.user, steps);
    dk_vec D[FIT_STEPS];
    for (int i = 0; i < steps; i++) {
        D[i] = dkr_denoise(r, x, level_of(r, p.level[i]));
        x = step_of(r, &p, i, x, D);
    }
    return x;
}

static void plain(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    while (dkr_step(r)) r->x = plain_from(r, of->evaluations, r->x);
}

/* Caching: from the third step on every other D is drawn on from the two before, linearly in the level. */
static void skip(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    const int steps = 2 * of->evaluations - 2;
    const fit_plan p = adams2(of, steps);
    dk_vec D[FIT_STEPS], x;
    while (dkr_step(r)) {
        x = r->x;
        for (int i = 0; i < steps; i++) {
            int before = i > 2 ? i - 3 : 0; /* the evaluation before the last */
            double by = i > 1 ? (p.level[i] - p.level[i - 1]) / (p.level[i - 1] - p.level[before]) : 0;
            D[i] = i > 1 && i % 2 == 0 ? dkr_keep(r, dkr_mix(1 + by, D[i - 1], -by, D[before]))
                                       : dkr_denoise(r, x, level_of(r, p.level[i]));
            x = step_of(r, &p, i, x, D);
        }
        r->x = x;
    }
}

/* Richardson: a run of a third of the evaluations and one of the rest; their errors are as the steps' squares. */
static void richardson(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    const int coarse = (of->evaluations + 1) / 3, fine = of->evaluations - coarse;
    const double ratio = (double)fine / coarse, square = ratio * ratio;
    while (dkr_step(r)) {
        dk_vec x = r->x, a = plain_from(r, fine, x), b = plain_from(r, coarse, x);
        r->x = dkr_keep(r, dkr_mix(square / (square - 1), a, -1 / (square - 1), b));
    }
}

/* Picard: all levels at once, from the states that the round before had; at first all are the noise. */
static void picard(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    const fit_plan p = adams2(of, of->evaluations);
    dk_vec D[FIT_STEPS], x[FIT_STEPS + 1];
    while (dkr_step(r)) {
        dk_level first = r->from;
        for (int i = 0; i <= p.steps; i++) {
            dk_level l = level_of(r, p.level[i]);
            x[i] = dkr_keep(r, dkr_scale((l.alpha + l.sigma) / (first.alpha + first.sigma), r->x));
        }
        for (int k = 0; k < of->rounds; k++) {
            for (int i = 0; i < p.steps; i++) D[i] = dkr_denoise(r, x[i], level_of(r, p.level[i]));
            for (int i = 0; i < p.steps; i++) x[i + 1] = step_of(r, &p, i, x[i], D);
        }
        r->x = x[p.steps];
    }
}

/* The slopes of all stages are equations, in which each round puts what is known of the others, after stage i's own evaluation that
   one, too. At first they are drawn on from the step before, in the first step the slope at its start. y = x/(alpha + sigma) over
   u = sigma/(alpha + sigma) has the slope (y - D)/u. The last step is alpha D. */
static dk_vec slope_of(dk_recorder *r, double u, dk_vec y) {
    dk_level l = level_of(r, u);
    return dkr_keep(r, dkr_mix(1 / u, y, -1 / u, dkr_denoise(r, dkr_scale(l.alpha + l.sigma, y), l)));
}

static void implicit(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    const method *m = of->implicit;
    const fit_plan p = adams2(of, (of->evaluations - 2) / (m->stages * of->rounds) + 1);
    while (dkr_step(r)) {
        dk_vec y = dkr_keep(r, dkr_scale(1 / (r->from.alpha + r->from.sigma), r->x)), term[4] = {y}, slope[3], first;
        double at[3], last[3], c[4] = {1};
        first = slope_of(r, p.level[0], y);
        for (int step = 0; step < p.steps - 1; step++) {
            double u = p.level[step], h = p.level[step + 1] - u;
            for (int i = 0; i < m->stages; i++) at[i] = u + m->c[i] * h;
            for (int i = 0; i < m->stages; i++) {
                double w[3] = {1, 1, 1};
                for (int j = 0; j < m->stages && step > 0; j++)
                    for (int k = 0; k < m->stages; k++) w[j] *= k == j ? 1 : (at[i] - last[k]) / (last[j] - last[k]);
                slope[i] = step > 0 ? dkr_sum(r, m->stages, w, term + 1) : first;
            }
            for (int i = 0; i < m->stages * of->rounds; i++) {
                const double *a = m->a[i % m->stages];
                for (int j = 0; j < m->stages; j++) term[j + 1] = slope[j], c[j + 1] = h * a[j];
                slope[i % m->stages] = slope_of(r, at[i % m->stages], dkr_sum(r, m->stages + 1, c, term));
            }
            for (int j = 0; j < m->stages; j++) term[j + 1] = slope[j], c[j + 1] = h * m->b[j], last[j] = at[j];
            term[0] = dkr_sum(r, m->stages + 1, c, term);
        }
        dk_level l = level_of(r, p.level[p.steps - 1]);
        r->x = dkr_scale(r->to.alpha, dkr_denoise(r, dkr_scale(l.alpha + l.sigma, term[0]), l));
    }
}

/* STORK, Tan et al. 2025: the second order Runge-Kutta-Gegenbauer method (Skaras et al. 2021), `rounds` stages, which see no new
   slope but the parabola through the last three, drawn on to the stage's time. So a stage is a sum of y and these slopes, and so
   is the step. No rounds: Adams-Bashforth's step, the parabola's integral. */
static double gegenbauer(int j) { return j < 2 ? 1.0 / (1 + 2 * j) : 4.0 * (j - 1) * (j + 4) / (3.0 * j * (j + 1) * (j + 2) * (j + 3)); }

enum { PAST = 3 };

/* Weights of the slopes at node[0] (the newest) to node[known - 1] in a step by h. */
static void stork_weights(int stages, const double *node, int known, double h, double *weight) {
    const double s = stages, scale = 6 / ((s + 4) * (s - 1));
    double Y[3][PAST] = {{0}, {0}, {0}}; /* of the two stages before, and this one's */
    for (int k = 0; k < known; k++) weight[k] = fit_weight(node, known, k, node[0], node[0] + h);
    for (int j = 1; j <= stages; j++) {
        double mu = j < 2 ? 1 : (2 * j + 1) * gegenbauer(j) / (j * gegenbauer(j - 1)), at = node[0] + Y[1][0] + Y[1][1] + Y[1][2];
        double nu = j < 2 ? 0 : -(j + 1) * gegenbauer(j) / (j * gegenbauer(j - 2));
        for (int k = 0; k < known; k++) {
            double drawn = 1; /* by Lagrange */
            for (int m = 0; m < known; m++) drawn *= m == k ? 1 : (at - node[m]) / (node[k] - node[m]);
            Y[2][k] = mu * Y[1][k] + nu * Y[0][k] + h * mu * scale * drawn;
        }
        if (j > 1) Y[2][0] -= h * mu * scale * (1 - 0.5 * j * (j + 1) * gegenbauer(j - 1));
        memmove(Y[0], Y[1], 2 * sizeof Y[0]);
    }
    for (int k = 0; k < known && stages; k++) weight[k] = Y[1][k];
}

static void stork(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    const fit_plan p = adams2(of, of->evaluations);
    while (dkr_step(r)) {
        dk_vec term[PAST + 1] = {dkr_keep(r, dkr_scale(1 / (r->from.alpha + r->from.sigma), r->x))};
        for (int i = 0; i < p.steps - 1; i++) {
            int known = i + 1 < PAST ? i + 1 : PAST;
            double node[PAST], c[PAST + 1] = {1};
            for (int k = known - 1; k > 0; k--) term[k + 1] = term[k];
            for (int k = 0; k < known; k++) node[k] = p.level[i - k];
            term[1] = slope_of(r, node[0], term[0]);
            stork_weights(of->rounds, node, known, p.level[i + 1] - node[0], c + 1);
            term[0] = dkr_sum(r, known + 1, c, term);
        }
        dk_level l = level_of(r, p.level[p.steps - 1]);
        r->x = dkr_scale(r->to.alpha, dkr_denoise(r, dkr_scale(l.alpha + l.sigma, term[0]), l));
    }
}

/* adams2, whose steps between the first three and the last three are of third order by `rounds` halves. */
static void third(dk_recorder *r) {
    const idea *of = (const idea *)r->sampler.user;
    const int steps = of->evaluations;
    const fit_plan p = adams2(of, steps);
    const double *u = p.level;
    while (dkr_step(r)) {
        dk_vec y = dkr_scale(1 / (r->from.alpha + r->from.sigma), r->x), slope[FIT_STEPS], term[4];
        double c[4] = {1};
        for (int i = 0; i < steps - 1; i++) {
            slope[i] = slope_of(r, u[i], dkr_keep(r, y));
            const int known = i < 2 ? i + 1 : 3, nodes = i > 0 ? 2 : 1;
            const double share = i >= 3 && i < steps - 3 ? 0.5 * of->rounds : 0;
            if (i > 0) { /* the step before again, with what is known now; y is where it ended, term[0] where it began */
                for (int j = 0; j < known; j++)
                    term[j + 1] = slope[i - j], c[j + 1] = fit_weight(u + i - known + 1, known, known - 1 - j, u[i - 1], u[i]);
                y = dkr_keep(r, dkr_sum(r, known + 1, c, term));
            }
            term[0] = y;
            for (int j = 0; j < nodes; j++)
                term[j + 1] = slope[i - j], c[j + 1] = (1 - share) * fit_weight(u + i - nodes + 1, nodes, nodes - 1 - j, u[i], u[i + 1]);
            for (int j = 0; j < 3 && share > 0; j++)
                term[j + 1] = slope[i - j], c[j + 1] = (j < 2 ? c[j + 1] : 0) + share * fit_weight(u + i - 2, 3, 2 - j, u[i], u[i + 1]);
            y = dkr_sum(r, share > 0 ? 4 : nodes + 1, c, term);
        }
        dk_level l = level_of(r, u[steps - 1]);
        r->x = dkr_scale(r->to.alpha, dkr_denoise(r, dkr_scale(l.alpha + l.sigma, y), l));
    }
}

static double error_of(dk_config c, digits *d, const idea *of, const dk_real *want, dk_real *x) {
    const double ends[2] = {of->first_level, 0};
    dk_plan plan;
    double rms, median;
    memset(&plan, 0, sizeof plan), memset(&c.sampler, 0, sizeof c.sampler);
    c.sampler.name = of->name, c.sampler.record = of->record, c.sampler.user = of;
    c.grid = dk_grid_levels(ends, DK_UNIT_FLOW), c.steps = 1;
    if (dk_record(&plan, &c)) fail(dk_message(&c));
    if (tune_measure(&c, &plan, digits_denoise, d, want, x, &rms, &median)) fail(dk_message(&c));
    dk_plan_free(&plan);
    return rms;
}

int main(void) {
    static const int counts[] = {5, 8, 10}, labels[UNET_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    enum { SAMPLES = 30, COUNTS = sizeof counts / sizeof counts[0] };
    static dk_real want[SAMPLES * UNET_PIXELS], sequential[SAMPLES * UNET_PIXELS], x[SAMPLES * UNET_PIXELS];
    digits d;
    memset(&d, 0, sizeof d);
    const char *wrong = unet_load(&d.net, "examples/digits/weights.bin");
    if (wrong) fail(wrong);
    d.labels = labels, d.count = UNET_CLASSES;
    dk_config c = digits_config(&d);
    c.batch = SAMPLES, c.seed = 1;
    if (tune_solve(&c, 128, digits_denoise, &d, want)) fail(dk_message(&c));
    const double s3 = sqrt(3.0) / 6, s15 = sqrt(15.0);
    const method middle = {1, {0.5}, {{0.5}}, {1}},
                 gauss2 = {2, {0.5 - s3, 0.5 + s3}, {{0.25, 0.25 - s3}, {0.25 + s3, 0.25}}, {0.5, 0.5}},
                 gauss3 = {3, {0.5 - s15 / 10, 0.5, 0.5 + s15 / 10},
                           {{5.0 / 36, 2.0 / 9 - s15 / 15, 5.0 / 36 - s15 / 30}, {5.0 / 36 + s15 / 24, 2.0 / 9, 5.0 / 36 - s15 / 24},
                            {5.0 / 36 + s15 / 30, 2.0 / 9 + s15 / 15, 5.0 / 36}}, {5.0 / 18, 4.0 / 9, 5.0 / 18}},
                 radau = {2, {1.0 / 3, 1}, {{5.0 / 12, -1.0 / 12}, {0.75, 0.25}}, {0.75, 0.25}};
    idea of[] = {{"plain", plain, 0, 0, 0, 0, NULL}, {"every other evaluation skipped", skip, 0, 0, 0, 0, NULL},
                 {"Richardson", richardson, 0, 0, 0, 0, NULL}, {"Picard", picard, 0, 0, 0, 0, NULL},
                 {"implicit midpoint, 2 rounds", implicit, 0, 2, 0, 0, &middle}, {"implicit midpoint, 4 rounds", implicit, 0, 4, 0, 0, &middle},
                 {"Gauss of 2 stages, 1 round", implicit, 0, 1, 0, 0, &gauss2}, {"Gauss of 2 stages, 2 rounds", implicit, 0, 2, 0, 0, &gauss2},
                 {"Gauss of 3 stages, 1 round", implicit, 0, 1, 0, 0, &gauss3}, {"Radau IIA of 2 stages, 1 round", implicit, 0, 1, 0, 0, &radau},
                 {"Radau IIA of 2 stages, 2 rounds", implicit, 0, 2, 0, 0, &radau},
                 {"STORK of 5 stages", stork, 0, 5, 0, 0, NULL}, {"STORK of 50 stages", stork, 0, 50, 0, 0, NULL},
                 {"Adams-Bashforth of order 3", stork, 0, 0, 0, 0, NULL},
                 {"third order between", third, 0, 1, 0, 0, NULL}};
    static const int many[] = {7, 8, 10, 12, 15, 20};
    enum { IDEAS = sizeof of / sizeof of[0] - 1, MANY = sizeof many / sizeof many[0] }; /* the last has a table of its own */
    static const int more[] = {6, 10, 18}; /* that these make exactly, but Gauss of 3: 5, 8, 17 */
    for (int k = 0; k <= IDEAS; k++) of[k].sigma_data = c.sigma_data, of[k].first_level = 80.0 / 81;
    printf("| RMS by evaluations |");
    for (int i = 0; i < COUNTS; i++) printf(" %d |", counts[i]);
    printf("\n|---|---|---|---|\n");
    for (int k = 0; k < 3; k++) {
        printf("| %s |", of[k].name);
        for (int i = 0; i < COUNTS; i++) of[k].evaluations = counts[i], printf(" %.4f |", error_of(c, &d, &of[k], want, x));
        printf("\n");
        fflush(stdout);
    }
    printf("\n| plain, 10 steps, by Picard's iteration |");
    for (int rounds = 2; rounds <= 10; rounds += 2) printf(" %d rounds |", rounds);
    printf("\n|---|---|---|---|---|---|\n| RMS from the same steps one after the other |");
    of[0].evaluations = of[3].evaluations = 10;
    error_of(c, &d, &of[0], want, sequential);
    for (of[3].rounds = 2; of[3].rounds <= 10; of[3].rounds += 2) printf(" %.4f |", error_of(c, &d, &of[3], sequential, x));
    printf("\n\n| RMS by evaluations |");
    for (int i = 0; i < COUNTS; i++) printf(" %d |", more[i]);
    printf("\n|---|---|---|---|\n");
    for (int k = 0; k < IDEAS; k += k ? 1 : 4) {
        printf("| %s |", of[k].name);
        for (int i = 0; i < COUNTS; i++) of[k].evaluations = more[i], printf(" %.4f |", error_of(c, &d, &of[k], want, x));
        printf("\n");
        fflush(stdout);
    }
    printf("\n| RMS / that of adams2 |");
    for (int i = 0; i < MANY; i++) printf(" %d |", many[i]);
    printf("\n|---|---|---|---|---|---|---|\n");
    for (int guidance = 1; guidance <= 4; guidance *= 2) {
        idea *between = &of[IDEAS];
        double plainly[MANY];
        c.guidance.scale = guidance > 1 ? guidance : 0;
        if (guidance > 1 && tune_solve(&c, 128, digits_denoise, &d, want)) fail(dk_message(&c));
        for (between->rounds = 0; between->rounds < 3; between->rounds++) {
            if (between->rounds) printf("| third order between%s, guidance %d |", between->rounds < 2 ? ", half of it" : "", guidance);
            for (int i = 0; i < MANY; i++) {
                between->evaluations = many[i];
                const double rms = error_of(c, &d, between, want, x);
                if (between->rounds) printf(" %.2f |", rms / plainly[i]);
                else plainly[i] = rms;
            }
            if (between->rounds) printf("\n");
            fflush(stdout);
        }
    }
    unet_free(&d.net);
    return 0;
}
