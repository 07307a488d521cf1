/* figures.c: what schedules, grids, samplers and plans look like.

       make docs      or: build/figures FOLDER, from the project's root

   schedules.svg   every family's noise schedule
   grids.svg       every spacing's noise levels
   errors.svg      error against evaluations, for a mixture whose exact denoiser is a formula
   plans.svg       how much of each D is in the states of a plan
   evaluation.svg  one evaluation's way through the library */
#define DIFFKIT_IMPLEMENTATION
#define DK_REAL double /* errors down to 1e-9 are shown */
#include "diffkit.h"

#include "../svg.h"

#include <stdlib.h>
#include <string.h>

static const char *const colour[SVG_COLOURS] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"};

static FILE *begin(const char *folder, const char *name, int width, int height, const char *title) {
    char path[500];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = svg_begin(path, width, height, title);
    if (!f) fprintf(stderr, "figures: cannot write %s\n", path), exit(1);
    return f;
}
static void end(FILE *f) {
    if (svg_end(f)) fprintf(stderr, "figures: a file was not written whole\n"), exit(1);
}
static void must(dk_status status, const char *message) {
    if (status) fprintf(stderr, "figures: %s\n", message), exit(1);
}

/* ---------------------------------------------------------------------------------- schedules.svg */

static void draw_schedules(const char *folder) {
    enum { POINTS = 61 };
    const struct {
        const char *name;
        dk_schedule schedule;
    } families[] = {
        {"flow", dk_flow(1)},
        {"flow, shift 3", dk_flow(3)},
        {"VE", dk_ve(0.01, 50)},
        {"EDM", dk_edm(0.002, 80)},
        {"VP", dk_vp(0.1, 20)},
        {"VP, Stable Diffusion", dk_vp_scaled_linear()},
        {"sub-VP", dk_schedule_named("sub_vp")},
        {"cosine", dk_schedule_named("cosine_flow")},
    };
    static const double t_ticks[] = {0, 0.25, 0.5, 0.75, 1}, s_ticks[] = {0.001, 0.01, 0.1, 1, 10, 100},
                        unit[] = {0, 0.5, 1};
    const svg_axes levels = {80, 40, 380, 320, 0, 1, 0.001, 200, 0, 1},
                   scales = {540, 40, 240, 240, 0, 1.05, 0, 1.05, 0, 0};
    FILE *f = begin(folder, "schedules.svg", 980, 430, "Noise schedules of every family");
    svg_ticks(f, &levels, 1, 5, t_ticks), svg_ticks(f, &levels, 0, 6, s_ticks);
    svg_frame(f, &levels, "noise level", "t, as a part of its range", "σ/α");
    svg_ticks(f, &scales, 1, 3, unit), svg_ticks(f, &scales, 0, 3, unit);
    svg_frame(f, &scales, "scales of signal and noise", "α", "σ");
    for (int k = 0; k < (int)(sizeof families / sizeof *families); k++) {
        double t[POINTS], level[POINTS], alpha[POINTS], sigma[POINTS];
        int n = 0, m = 0;
        dk_config c = {0};
        c.schedule = families[k].schedule, c.steps = 1, c.dim = 1;
        must(dk_resolve(&c), dk_message(&c));
        for (int i = 0; i < POINTS; i++) {
            double share = (double)i / (POINTS - 1);
            dk_level l = dk_level_at(&c.schedule, DK_UNIT_T,
                                     c.schedule.t_min + share * (c.schedule.t_max - c.schedule.t_min));
            double s = dk_noise_level(l);
            if (l.sigma <= 1.05) alpha[m] = l.alpha, sigma[m++] = l.sigma;
            if (s >= levels.y0 && s <= levels.y1) t[n] = share, level[n++] = s;
        }
        svg_curve(f, &levels, n, t, level, colour[k], "");
        svg_curve(f, &scales, m, alpha, sigma, colour[k], "");
        svg_line(f, 810, 50 + 24 * k, 834, 50 + 24 * k, colour[k]);
        svg_text(f, 842, 54 + 24 * k, "start", "", "%s", families[k].name);
    }
    end(f);
}

/* -------------------------------------------------------------------------------------- grids.svg */

static void draw_grids(const char *folder) {
    enum { STEPS = 12, HIGH = 20 };
    static const double ticks[] = {0.03, 0.1, 0.3, 1, 3, 10};
    int rows = 0;
    for (int k = DK_SPACING_DEFAULT + 1; k < DK_SPACING_CUSTOM; k++) rows++;
    const svg_axes a = {190, 40, 560, HIGH * rows, 0.02, 20, rows - 0.5, -0.5, 1, 0};
    FILE *f = begin(folder, "grids.svg", 860, 100 + HIGH * rows, "Noise levels of every spacing");
    svg_ticks(f, &a, 1, 6, ticks);
    svg_frame(f, &a, "12 steps on Stable Diffusion's schedule; a ring is σ = 0", "σ/α", "");
    for (int k = DK_SPACING_DEFAULT + 1, row = 0; k < DK_SPACING_CUSTOM; k++, row++) {
        double levels[64];
        dk_config c = {0};
        c.schedule = dk_vp_scaled_linear(), c.steps = STEPS, c.dim = 1;
        c.grid.spacing = (dk_spacing)k;
        const char *name = "";
#define NAME(spacing, text, traits, final, a, b, n, about) \
    if (k == DK_SPACING_##spacing) name = text;
        DK_SPACINGS(NAME)
#undef NAME
        if (k == DK_SPACING_SD_TURBO) c.steps = 4, c.grid.a = 0; /* at most ten */
        int n = dk_levels(&c, DK_UNIT_SIGMA, levels, 64);
        if (n < 2) must(DK_ERROR_CONFIG, dk_message(&c));
        svg_text(f, 180, svg_y(&a, row) + 4, "end", "", "%s", name);
        svg_line(f, a.left, svg_y(&a, row), a.left + a.width, svg_y(&a, row), "grid");
        for (int i = 0; i < n; i++)
            if (levels[i] >= a.x0) svg_dot(f, &a, levels[i], row, 4, colour[row % 2]);
            else
                fprintf(f, "<circle cx='%g' cy='%g' r='4' fill='none' stroke='#8c959f'/>\n",
                        a.left + a.width + 24, svg_round(svg_y(&a, row)));
    }
    end(f);
}

/* ------------------------------------------------------------------------------------- errors.svg */

/* Two Gaussians on a line. D, as in hello.c. */
static int mixture(void *user, const dk_eval *e) {
    static const double weight[2] = {0.3, 0.7}, mean[2] = {-1, 0.6}, variance = 0.04;
    double a = e->level.alpha, s = e->level.sigma, v = a * a * variance + s * s;
    for (int n = 0; n < e->batch; n++) {
        double sum = 0, D = 0;
        for (int k = 0; k < 2; k++) {
            double d = e->input[n] - a * mean[k], w = weight[k] * exp(-d * d / (2 * v));
            D += w * (mean[k] + a * variance / v * d), sum += w;
        }
        e->output[n] = D / sum;
    }
    return (void)user, 0;
}

enum { PARTICLES = 64 };
static int solve(const char *sampler, int steps, double *x) { /* returns evaluations */
    dk_config c = {0};
    dk_plan plan = {0};
    c.schedule = dk_edm(0.05, 20), c.prediction = DK_PREDICT_X0, c.sampler = dk_sampler_named(sampler);
    c.grid = dk_grid_named("karras"), c.grid.final = DK_FINAL_MIN;
    c.steps = steps, c.dim = 1, c.batch = PARTICLES, c.seed = 3;
    must(dk_record(&plan, &c), dk_message(&c));
    must(dk_sample(&c, mixture, NULL, x), dk_message(&c));
    int calls = plan.calls;
    dk_plan_free(&plan);
    return calls;
}

static void draw_errors(const char *folder) {
    static const char *const samplers[] = {"euler",    "heun",  "rk4",    "dpmpp_2m",
                                           "dpmpp_3m", "unipc", "adams2", "adams3"};
    static const double ticks[] = {5, 10, 20, 50, 100, 200}, error_ticks[] = {1e-8, 1e-6, 1e-4, 1e-2, 1};
    const svg_axes a = {90, 40, 520, 380, 4, 260, 1e-9, 1, 1, 1};
    double exact[PARTICLES];
    FILE *f = begin(folder, "errors.svg", 780, 490, "Error against evaluations");
    svg_ticks(f, &a, 1, 6, ticks), svg_ticks(f, &a, 0, 5, error_ticks);
    svg_frame(f, &a, "the ODE of a mixture, Karras' levels from 20 to 0.05", "evaluations",
              "mean error of x");
    solve("rk4", 4000, exact);
    for (int k = 0; k < (int)(sizeof samplers / sizeof *samplers); k++) {
        static const int steps[] = {5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224};
        double calls[12], error[12];
        int n = 0;
        for (int i = 0; i < 12; i++) {
            double x[PARTICLES], sum = 0;
            int evaluations = solve(samplers[k], steps[i], x);
            for (int p = 0; p < PARTICLES; p++) sum += fabs(x[p] - exact[p]) / PARTICLES;
            if (evaluations <= 250 && sum > a.y0) calls[n] = evaluations, error[n++] = fmin(sum, 1);
        }
        svg_curve(f, &a, n, calls, error, colour[k], "");
        for (int i = 0; i < n; i++) svg_dot(f, &a, calls[i], error[i], 2.5, colour[k]);
        svg_line(f, 640, 50 + 24 * k, 664, 50 + 24 * k, colour[k]);
        svg_text(f, 672, 54 + 24 * k, "start", "", "%s", samplers[k]);
    }
    end(f);
}

/* -------------------------------------------------------------------------------------- plans.svg */

enum { CALLS = 12 };

/* A plan is linear. So each of its values is a sum: so much of every D, and of noise, which is left out here. The network
   predicts D itself, so outputs count as D. */
static void expand(const dk_plan *plan, double share[CALLS][CALLS]) {
    double(*of)[CALLS] = calloc((size_t)plan->values, sizeof *of);
    if (!of) must(DK_ERROR_MEMORY, "not enough memory");
    for (int k = 0; k < plan->calls; k++) of[plan->call[k].output][k] = 1;
    for (int r = 0; r < plan->rows; r++) {
        const dk_row *row = &plan->row[r];
        for (int i = 0; i < row->count; i++) {
            const dk_term *term = &plan->term[row->first + i];
            for (int k = 0; k < CALLS; k++) of[row->dst][k] += term->c * of[term->value][k];
        }
    }
    for (int k = 0; k < plan->calls; k++) memcpy(share[k], of[plan->call[k].x], sizeof share[k]);
    free(of);
}

static void draw_plans(const char *folder) {
    static const char *const samplers[] = {"euler", "heun", "dpmpp_2m", "dpmpp_2m_sde", "unipc", "dpmpp_2s"};
    FILE *f = begin(folder, "plans.svg", 960, 620, "How much of each D is in the states of a plan");
    svg_text(f, 40, 24, "start", "",
             "Row k: the x that evaluation k sees. Column j: how much of D from evaluation j is in it. "
             "Orange: less than 0.");
    for (int p = 0; p < 6; p++) {
        const double left = 60 + 310 * (p % 3), top = 76 + 280 * (p / 3), cell = 18;
        double share[CALLS][CALLS] = {{0}};
        dk_plan plan = {0};
        dk_config c = {0};
        c.schedule = dk_edm(0.02, 20), c.prediction = DK_PREDICT_X0,
        c.sampler = dk_sampler_named(samplers[p]);
        c.grid = dk_grid_named("karras"), c.dim = 1;
        for (c.steps = 1; c.steps < CALLS; c.steps++) { /* as many steps as make at most CALLS evaluations */
            dk_plan longer = {0};
            must(dk_record(&longer, &c), dk_message(&c));
            if (longer.calls > CALLS) {
                dk_plan_free(&longer);
                break;
            }
            dk_plan_free(&plan);
            plan = longer;
        }
        expand(&plan, share);
        svg_text(f, left + cell * CALLS / 2, top - 8, "middle", "loud", "%s", samplers[p]);
        svg_text(f, left + cell * CALLS / 2, top + cell * CALLS + 16, "middle", "", "D of evaluation");
        fprintf(
            f, "<text transform='translate(%g %g) rotate(-90)' text-anchor='middle'>x of evaluation</text>\n",
            left - 24, top + cell * CALLS / 2);
        for (int k = 0; k < plan.calls; k++) {
            svg_text(f, left - 6, top + cell * k + 13, "end", "small", "%d", k);
            svg_text(f, left + cell * (k + 0.5), top + cell * plan.calls + 12, "middle", "small", "%d", k);
            for (int j = 0; j < k; j++) {
                double s = share[k][j], strength = fmin(1, sqrt(fabs(s)));
                fprintf(f, "<rect x='%g' y='%g' width='%g' height='%g' class='%s' opacity='%.2f'/>\n",
                        left + cell * j, top + cell * k, cell - 1, cell - 1, s >= 0 ? "k0" : "k1",
                        fabs(s) < 1e-9 ? 0 : 0.06 + 0.94 * strength);
            }
        }
        dk_plan_free(&plan);
    }
    end(f);
}

/* --------------------------------------------------------------------------------- evaluation.svg */

static void box(FILE *f, double x, double y, double width, const char *kind, const char *title,
                const char *text) {
    fprintf(f, "<path class='%s' d='M%g %gh%gv52h%gz'/>\n", kind, x, y, width, -width);
    svg_text(f, x + width / 2, y + 22, "middle", "loud", "%s", title);
    svg_text(f, x + width / 2, y + 40, "middle", "small", "%s", text);
}
static void arrow(FILE *f, double x0, double y0, double x1, double y1, const char *label) {
    svg_line(f, x0, y0, x1, y1, "axis");
    double length = hypot(x1 - x0, y1 - y0), dx = (x1 - x0) / length, dy = (y1 - y0) / length;
    for (int side = -1; side <= 1; side += 2)
        svg_line(f, x1, y1, x1 - 8 * dx - 4 * side * dy, y1 - 8 * dy + 4 * side * dx, "axis");
    svg_text(f, (x0 + x1) / 2 + (dx == 0 ? 8 : 0), (y0 + y1) / 2 + (dx == 0 ? 4 : -6),
             dx == 0 ? "start" : "middle", "small", "%s", label);
}

static void draw_evaluation(const char *folder) {
    FILE *f = begin(folder, "evaluation.svg", 960, 470, "One evaluation's way through the library");
    svg_text(f, 30, 30, "start", "loud", "before the run, once: dk_record");
    box(f, 30, 45, 160, "k2", "noise schedule", "α and σ over t");
    box(f, 240, 45, 160, "k2", "time grid", "levels from noise to data");
    box(f, 450, 45, 160, "k2", "sampler", "a recipe over vectors");
    box(f, 660, 45, 270, "k2", "plan", "rows, coefficients, evaluations: data");
    arrow(f, 190, 71, 240, 71, ""), arrow(f, 400, 71, 450, 71, ""), arrow(f, 610, 71, 660, 71, "");
    arrow(f, 795, 97, 795, 150, "all coefficients");
    svg_text(f, 30, 148, "start", "loud", "in the run, for every evaluation: dk_next");
    box(f, 30, 165, 160, "k0", "state x", "α x0 + σ ε, the caller's");
    box(f, 300, 165, 200, "k0", "input", "x times input_scale");
    arrow(f, 190, 191, 300, 191, "row of the plan");
    box(f, 300, 280, 200, "k1", "your network", "eval.input, eval.t → eval.output");
    arrow(f, 400, 217, 400, 280, "told t; once per branch");
    box(f, 610, 280, 140, "k0", "F", "eps, v, velocity ...");
    arrow(f, 500, 306, 610, 306, "");
    box(f, 800, 280, 130, "k0", "D of a branch", "d_x x + d_f F");
    arrow(f, 750, 306, 800, 306, "");
    box(f, 610, 390, 320, "k0", "D", "guidance, threshold, clip, hook, known data");
    arrow(f, 865, 332, 865, 390, "");
    box(f, 30, 390, 470, "k0", "rows up to the next evaluation",
        "x = a x + b D + earlier D + noise of (seed, sample, draw, element)");
    arrow(f, 610, 416, 500, 416, "");
    arrow(f, 110, 390, 110, 217, "the next level");
    end(f);
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "docs";
    draw_schedules(folder);
    draw_grids(folder);
    draw_errors(folder);
    draw_plans(folder);
    draw_evaluation(folder);
    return 0;
}
