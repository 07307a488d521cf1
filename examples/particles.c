/* particles.c: how noise becomes data, drawn.

       make particles      or: build/particles FOLDER, from the project's root

   paths.svg      one coordinate of a mixture over the noise level. The same particles by the probability-flow ODE, by the
                  reverse SDE, and by four Euler steps, as VE, flow and VP.
   particles.svg  particles that become a spiral, by the ODE and by the SDE, as VE, flow and VP. In a browser they move.

   No network is needed. For data that is a cloud of small Gaussians, what a network would have to learn is a formula. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "svg.h"

#include <math.h>
#include <stdio.h>

enum { SIZE = 200, PARTICLES = 32, STEPS = 36, FAMILIES = 3 };

/* `count` Gaussians of equal weight and one variance, in one dimension or two. */
typedef struct cloud {
    int count, dim;
    double variance, at[SIZE][2];
} cloud;

/* D = E[x0 | x], where x = alpha x0 + sigma eps. Of Gaussian k alone it would be at + alpha variance/v (x - alpha at),
   with v = alpha^2 variance + sigma^2 the variance of x. By Bayes, the Gaussians weigh exp(-|x - alpha at|^2 / 2v). */
static int denoise(void *user, const dk_eval *e) {
    const cloud *data = user;
    const int dim = data->dim;
    const double alpha = e->level.alpha, v = alpha * alpha * data->variance + e->level.sigma * e->level.sigma;
    for (int n = 0; n < e->batch; n++) {
        const dk_real *x = e->input + n * dim;
        double far[SIZE], nearest = HUGE_VAL, sum = 0, mean[2] = {0, 0};
        for (int k = 0; k < data->count; k++) {
            far[k] = 0;
            for (int i = 0; i < dim; i++) far[k] += pow((double)x[i] - alpha * data->at[k][i], 2);
            nearest = fmin(nearest, far[k]);
        }
        for (int k = 0; k < data->count; k++) {
            double weight = exp((nearest - far[k]) / (2 * v)); /* of the nearest 1: they cannot all vanish */
            for (int i = 0; i < dim; i++) mean[i] += weight * data->at[k][i];
            sum += weight;
        }
        for (int i = 0; i < dim; i++) {
            double at = mean[i] / sum;
            e->output[n * dim + i] = (dk_real)(at + alpha * data->variance / v * ((double)x[i] - alpha * at));
        }
    }
    return 0;
}

/* ----------------------------------------------------------------------------- families and paths */

/* Three scalings of one process. `axis` is the time over which the ODE is smooth in that scaling. */
static const struct {
    const char *name, *axis;
    dk_gauge gauge;
} families[FAMILIES] = {
    {"VE: x = x0 + σ ε", "σ", DK_GAUGE_VE},
    {"flow: x = (1 − t) x0 + t ε", "t", DK_GAUGE_FLOW},
    {"VP: x = cos φ x0 + sin φ ε", "φ", DK_GAUGE_VP},
};

static double time_at(int family, double angle) {
    return family == 0 ? tan(angle) : family == 1 ? tan(angle) / (1 + tan(angle)) : angle;
}

/* Where the particles are at every level. */
typedef struct paths {
    int levels;
    double time[STEPS + 1], x[STEPS + 1][PARTICLES][2];
} paths;

/* Samples and writes down every state. All families have the same noise levels, from `noisy` on, evenly in the angle
   atan(sigma/alpha), and the same seeds. */
static int follow(paths *p, cloud *data, int family, const char *sampler, int steps, double noisy) {
    dk_config c = {0};
    dk_run run;
    dk_eval e;
    double angles[STEPS + 1];
    dk_real x[PARTICLES * 2];
    for (int i = 0; i <= steps; i++) angles[i] = atan(noisy) * (steps - i) / steps;
    c.schedule = family == 0 ? dk_edm(0.001, 100) : family == 1 ? dk_flow(1) : dk_vp(0.1, 20);
    c.prediction = DK_PREDICT_X0;
    c.sampler = dk_sampler_named(sampler);
    if (c.sampler.tableau) c.sampler.gauge = families[family].gauge; /* others know no gauge */
    c.grid = dk_grid_levels(angles, DK_UNIT_ANGLE);
    c.steps = steps, c.dim = (size_t)data->dim, c.batch = PARTICLES, c.seed = 6;

    dk_begin(&run, &c, x, NULL, 0);
    p->levels = steps + 1;
    for (int i = 0, more = 1; more; i++) { /* these samplers evaluate once per step */
        more = dk_next(&run, &e);
        if (run.status) break;
        p->time[i] = time_at(family, angles[i]);
        for (int n = 0; n < PARTICLES; n++)
            for (int d = 0; d < data->dim; d++) p->x[i][n][d] = (double)dk_state(&run)[n * data->dim + d];
        if (more) denoise(data, &e);
    }
    if (run.status) fprintf(stderr, "particles: %s\n", run.message);
    int failed = run.status != DK_OK;
    dk_end(&run);
    return failed;
}

/* ------------------------------------------------------------------------------------- paths.svg */

static void draw_paths(FILE *f, const svg_axes *a, const paths *p, const char *kind) {
    for (int n = 0; n < PARTICLES; n++) {
        double x[STEPS + 1];
        for (int i = 0; i < p->levels; i++) x[i] = p->x[i][n][0];
        svg_curve(f, a, p->levels, p->time, x, kind, "");
    }
}

static int draw_mixture(const char *folder) {
    static const char *const rows[] = {"ODE", "SDE", "four Euler steps"};
    static const char *const samplers[] = {"dpmpp_2m", "dpmpp_2m_sde", "euler"};
    static const double noisy = 4, half[FAMILIES] = {6, 2, 2.5};
    static const double x_ticks[FAMILIES][5] = {
        {0, 1, 2, 3, 4}, {0, 0.2, 0.4, 0.6, 0.8}, {0, 0.4, 0.8, 1.2, 0}};
    cloud mixture = {2, 1, 0.01, {{-1, 0}, {0.7, 0}}};
    static paths exact, p;
    char path[500];
    snprintf(path, sizeof path, "%s/paths.svg", folder);
    FILE *f = svg_begin(path, 960, 790, "Particles on their way from noise to a mixture of two Gaussians");
    if (!f) return fprintf(stderr, "particles: cannot write %s\n", path), 1;
    for (int row = 0; row < 3; row++)
        for (int k = 0; k < FAMILIES; k++) {
            const double h = half[k], end = time_at(k, atan(noisy));
            const double y_ticks[3] = {-floor(h), 0, floor(h)};
            const svg_axes a = {90 + 295 * k, 40 + 255 * row, 250, 180, end, 0, -h, h, 0, 0};
            if (follow(&exact, &mixture, k, samplers[0], STEPS, noisy)) return 1;
            if (row > 0 && follow(&p, &mixture, k, samplers[row], row == 2 ? 4 : STEPS, noisy)) return 1;
            svg_ticks(f, &a, 1, k == 2 ? 4 : 5, x_ticks[k]);
            svg_ticks(f, &a, 0, 3, y_ticks);
            svg_frame(f, &a, row == 0 ? families[k].name : "", families[k].axis, k == 0 ? rows[row] : "");
            svg_clip(f, &a, FAMILIES * row + k);
            if (row == 2) draw_paths(f, &a, &exact, "pale");
            draw_paths(f, &a, row ? &p : &exact, row == 0 ? "k0" : row == 1 ? "k1" : "k2");
            svg_clip_end(f);
        }
    return svg_end(f);
}

/* --------------------------------------------------------------------------------- particles.svg */

static cloud spiral(void) {
    cloud s = {SIZE, 2, 0.0016, {{0}}};
    for (int k = 0; k < SIZE; k++) { /* evenly along an Archimedean spiral */
        double turn = 2 + 11 * sqrt((k + 0.5) / SIZE), radius = 0.16 * turn;
        s.at[k][0] = radius * cos(turn), s.at[k][1] = radius * sin(turn);
    }
    return s;
}

/* A dot that goes along the path of n points which was drawn as `id`: all dots are at the same level at the same time. They
   wait at the end for a quarter of the time. Where a dot is at every fourth level is told as a part of its path's length. */
static void draw_moving_dot(FILE *f, int id, int n, const double *x, const double *y, const char *kind) {
    double length[STEPS + 1] = {0};
    for (int i = 1; i < n; i++) length[i] = length[i - 1] + hypot(x[i] - x[i - 1], y[i] - y[i - 1]);
    fprintf(f,
            "<circle r='3.5' class='%s moving'><animateMotion dur='9s' repeatCount='indefinite' "
            "calcMode='linear'",
            kind);
    fprintf(f, " keyPoints='");
    for (int i = 0; i < n; i += 4) fprintf(f, "%.3g;", round(1000 * length[i] / length[n - 1]) / 1000);
    fprintf(f, "1' keyTimes='");
    for (int i = 0; i < n; i += 4) fprintf(f, "%.3g;", 0.75 * i / (n - 1));
    fprintf(f, "1'><mpath href='#p%d'/></animateMotion></circle>\n", id);
}

static int draw_spiral(const char *folder) {
    static const char *const rows[] = {"ODE", "SDE"}, *const samplers[] = {"dpmpp_2m", "dpmpp_2m_sde"};
    static const double noisy = 4, half[FAMILIES] = {6, 2.6, 2.6};
    cloud data = spiral();
    static paths p;
    double arm_x[SIZE], arm_y[SIZE];
    char path[500];
    for (int k = 0; k < SIZE; k++) arm_x[k] = data.at[k][0], arm_y[k] = data.at[k][1];
    snprintf(path, sizeof path, "%s/particles.svg", folder);
    FILE *f = svg_begin(path, 960, 650, "Particles on their way from noise to a spiral");
    if (!f) return fprintf(stderr, "particles: cannot write %s\n", path), 1;
    fprintf(f, "<style>@media (prefers-reduced-motion: reduce) { .moving { display: none } }</style>\n");
    for (int row = 0; row < 2; row++)
        for (int k = 0; k < FAMILIES; k++) {
            const double h = half[k], ticks[3] = {-floor(h), 0, floor(h)};
            const svg_axes a = {90 + 295 * k, 40 + 320 * row, 250, 250, -h, h, -h, h, 0, 0};
            const char *const kind = row == 0 ? "k0" : "k1";
            if (follow(&p, &data, k, samplers[row], STEPS, noisy)) return 1;
            svg_ticks(f, &a, 1, 3, ticks);
            svg_ticks(f, &a, 0, 3, ticks);
            svg_frame(f, &a, row == 0 ? families[k].name : "", "", k == 0 ? rows[row] : "");
            svg_clip(f, &a, FAMILIES * row + k);
            svg_curve(f, &a, SIZE, arm_x, arm_y, "pale", " style='stroke-width: 5'");
            for (int n = 0; n < PARTICLES; n++) {
                double x[STEPS + 1], y[STEPS + 1];
                int id = (FAMILIES * row + k) * PARTICLES + n;
                char more[60];
                for (int i = 0; i < p.levels; i++) x[i] = p.x[i][n][0], y[i] = p.x[i][n][1];
                snprintf(more, sizeof more, " id='p%d' opacity='%s'", id, row == 0 ? ".5" : ".25");
                svg_curve(f, &a, p.levels, x, y, kind, more);
                svg_dot(f, &a, x[p.levels - 1], y[p.levels - 1], 2, kind);
                draw_moving_dot(f, id, p.levels, x, y, kind);
            }
            svg_clip_end(f);
        }
    return svg_end(f);
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "docs";
    return draw_mixture(folder) || draw_spiral(folder);
}
