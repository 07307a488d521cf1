/* fit.h: fits a plan to your network: fewer evaluations for the same quality, with diffkit's public calls alone.

       fit f = {0};
       f.config = c;                        // schedule, prediction, dim, guidance ...; steps: evaluations per sample
       f.denoise = denoise, f.user = &network;
       if (fit_run(&f)) fprintf(stderr, "%s\n", f.message);
       dk_table t = fit_table(&f);          // table.h writes it as C or JSON
       c.sampler = dk_table_sampler(&t), c.steps = 0, memset(&c.grid, 0, sizeof c.grid);
       dk_sample(&c, denoise, &network, x); // as many evaluations as before, closer to the exact solution

   A plan is the numbers of a dk_table. Fitting compares its end with a fine solution of the probability-flow ODE from the
   same noise, in four steps:

       references   adams3 in 32 steps from fresh noise
       family       Adams' methods in x/(g alpha + sigma) on levels sigma/alpha = s v/(1 - v), v = ramp^p: of four methods
                    those two that do best, g, p and s by Nelder and Mead's simplex
       polish       all a and b, by Levenberg and Marquardt's method with a Jacobian by differences, of which a part is
                    renewed every other round, and the rest follows by Broyden's update; outliers weigh less
       choice       of the base, the family and the polished plan the one that is best on noise that was held out; outliers
                    weigh less, and no plan is taken that has a larger RMS there than the base

   D_0 is D at x = 0: at the first level it hardly depends on the sample, and one evaluation per condition serves all.
   A plan holds for the network, the number of evaluations and the guidance that it was fitted for.

   Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_FIT_H
#define EXAMPLES_FIT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIT_STEPS = 21, FIT_TERMS = FIT_STEPS + 1 };

/* As in a dk_table. b_ij is number fit_row(i) + j. */
typedef struct fit_plan {
    int steps;
    double level[FIT_STEPS + 1], a[FIT_STEPS], b[FIT_STEPS * (FIT_STEPS + 1) / 2];
} fit_plan;

static inline int fit_row(int i) { return i * (i + 1) / 2; }

typedef enum fit_choice { FIT_BASE, FIT_FAMILY, FIT_POLISHED } fit_choice;

typedef struct fit {
    /* In. Of the config all counts but batch and first_sample; its sampler and grid are the base, its steps the evaluations,
       at most FIT_STEPS - 1. Guidance must not depend on the step. */
    struct dk_config config;
    dk_denoise_fn denoise; /* may be called with any batch */
    void *user;
    int conditions;   /* sample number n is of condition n % conditions (class, prompt); 0: 1 */
    int trajectories; /* to fit to; 0: 30, and 6 for each evaluation. Rounded up to a multiple of conditions, as */
    int held_out;     /* to choose by; 0: 20 */
    long budget;      /* evaluations of D at most, but for those that judge the plan; 0: as many as it takes */
    /* What an earlier fit found, of as many evaluations from the same noise level, is polished instead of the family's best: with
       another seed, on more trajectories, it may gain again. NULL: none */
    const struct dk_table *start;
    /* Called now and then with the error on the trajectories; nonzero stops, with the best so far. NULL: none */
    int (*progress)(void *progress_user, const struct fit *f, const char *doing, double error);
    void *progress_user;

    /* Out. */
    fit_plan plan;     /* of BASE: empty */
    fit_choice choice; /* BASE: nothing was better on the held-out noise */
    double error[3];   /* RMS on the held-out noise of base, family and polished plan; 0: not reached */
    long evaluations;  /* spent */
    char message[DK_MESSAGE_SIZE];

    struct fit_room *room; /* private */
} fit;

/* What was fitted; its numbers stay in f. There is none where the base is best: steps are then 0. */
static inline dk_table fit_table(const fit *f) {
    dk_table t;
    memset(&t, 0, sizeof t);
    strcpy(t.name, "fitted");
    t.steps = f->plan.steps, t.shared = 1;
    t.guidance = f->config.guidance.scale > 0 ? f->config.guidance.scale : 1;
    t.level = f->plan.level, t.a = f->plan.a, t.b = f->plan.b;
    return t;
}

/* ------------------------------------------------------------------------------------- evaluations */

enum { FIT_GROUP = 10, FIT_RENEWED = 2, FIT_REFERENCE_STEPS = 32, FIT_TRIED = 16 };

/* What fitting works on. Arrays of states have `all` trajectories, those that are held out behind the others. */
typedef struct fit_room {
    int steps, parameters, fitted, all, tried, group; /* group: trajectories whose derivatives are renewed at once */
    size_t dim;
    dk_real *noise, *want, *first; /* y at the first level; y at the end; D_0 of each condition */
    dk_real *y[FIT_STEPS + 1], *D[FIT_STEPS];             /* of the plan at hand, and */
    dk_real *trial_y[FIT_STEPS + 1], *trial_D[FIT_STEPS]; /* of one that is tried */
    dk_real *moved_y, *moved_D[FIT_STEPS];                /* of a group, once for each parameter of a step */
    float *jacobian; /* parameters x fitted x dim */
    dk_real *x;
    double *error, limit, loss; /* of what is held out: each error, from where on they are outliers, the least loss so far */
    double sigma_data, first_level;
    dk_plan level_plan[FIT_STEPS]; /* one evaluation each */
    dk_config run;
    dk_status status; /* of what stopped it */
} fit_room;

static inline size_t fit_size(const fit_room *w, int count) { return (size_t)count * w->dim; }

/* One "step" whose result is D. */
static inline void fit_record_denoised(dk_recorder *r) {
    while (dkr_step(r)) r->x = dkr_denoise(r, r->x, r->from);
}

static inline dk_status fit_stop(fit *f, dk_status status, const char *message) {
    if (message != f->message) snprintf(f->message, sizeof f->message, "%s", message);
    return f->room->status = status;
}

/* Plans for the evaluations at these levels. */
static inline dk_status fit_record_levels(fit *f, const double *level, int steps) {
    for (int i = 0; i < steps; i++) {
        dk_config c = f->config;
        const double ends[2] = {level[i], 0};
        memset(&c.sampler, 0, sizeof c.sampler);
        c.sampler.name = "fit", c.sampler.record = fit_record_denoised;
        c.grid = dk_grid_levels(ends, DK_UNIT_FLOW);
        c.steps = 1, c.start = DK_START_STATE;
        if (dk_record(&f->room->level_plan[i], &c)) return fit_stop(f, DK_ERROR_CONFIG, dk_message(&c));
    }
    return DK_OK;
}

/* D = denoised y at the level of this step; the samples' numbers are first, first + 1 ... */
static inline dk_status fit_evaluate(fit *f, int step, const dk_real *y, int first, int count, dk_real *D) {
    fit_room *w = f->room;
    const dk_plan *plan = &w->level_plan[step];
    const double scale = plan->level[0].alpha + plan->level[0].sigma;
    dk_config c = f->config;
    dk_run run;
    if (f->budget > 0 && f->evaluations + count > f->budget) return fit_stop(f, DK_CANCELLED, "the budget is spent");
    c.batch = count, c.first_sample = (uint64_t)first;
    for (size_t i = 0; i < fit_size(w, count); i++) D[i] = (dk_real)(scale * (double)y[i]);
    if (dk_begin_plan(&run, plan, &c, D, NULL, 0)) return fit_stop(f, run.status, run.message);
    dk_status status = dk_continue(&run, f->denoise, f->user);
    if (status) fit_stop(f, status, run.message);
    dk_end(&run);
    f->evaluations += count;
    return status;
}

/* y_to = a y + sum of b_j D_j */
static inline void fit_step(const double *a, const double *b, const dk_real *y, dk_real *const *D, int count, size_t from, size_t n,
                            dk_real *y_to) {
    for (size_t k = from; k < from + n; k++) {
        double sum = *a * (double)y[k];
        for (int j = 0; j < count; j++) sum += b[j] * (double)D[j][k];
        y_to[k] = (dk_real)sum;
    }
}

/* Trajectories first .. first + count - 1 of the plan, into y and D. */
static inline dk_status fit_roll(fit *f, const fit_plan *p, int first, int count, dk_real *const *y, dk_real *const *D) {
    fit_room *w = f->room;
    const size_t from = fit_size(w, first), n = fit_size(w, count);
    memcpy(y[0] + from, w->noise + from, n * sizeof *y[0]);
    for (int i = 0; i < p->steps; i++) {
        if (i > 0 && fit_evaluate(f, i, y[i] + from, first, count, D[i] + from)) return w->status;
        for (int k = first; i == 0 && k < first + count; k++)
            memcpy(D[0] + fit_size(w, k), w->first + fit_size(w, k % f->conditions), w->dim * sizeof *D[0]);
        fit_step(&p->a[i], p->b + fit_row(i), y[i], D, i + 1, from, n, y[i + 1]);
    }
    return DK_OK;
}

/* Mean square of each trajectory's end less what is wanted; returns their mean. NaN becomes infinite. */
static inline double fit_errors(const fit_room *w, const dk_real *end, int first, int count, double *of) {
    double sum = 0;
    for (int k = first; k < first + count; k++) {
        double e = 0;
        for (size_t i = fit_size(w, k); i < fit_size(w, k + 1); i++) {
            double d = (double)end[i] - (double)w->want[i];
            e += d * d / (double)w->dim;
        }
        if (!(e < 1e30)) e = 1e30;
        if (of) of[k] = e;
        sum += e / count;
    }
    return sum;
}

/* e/(1 + e/limit), summed: an outlier counts as `limit` at most. */
static inline double fit_robust(const double *error, int count, double limit) {
    double sum = 0;
    for (int k = 0; k < count; k++) sum += error[k] / (1 + error[k] / limit) / count;
    return sum;
}

static inline int fit_ascending(const void *a, const void *b) {
    double u = *(const double *)a, v = *(const double *)b;
    return (u > v) - (u < v);
}

/* Nine times the median: errors beyond are outliers. room: count numbers. */
static inline double fit_limit(const double *error, int count, double *room) {
    memcpy(room, error, (size_t)count * sizeof *error);
    qsort(room, (size_t)count, sizeof *error, fit_ascending);
    return 9 * room[count / 2] + 1e-30;
}

/* ------------------------------------------------------------------------------------------ family */

typedef struct fit_family {
    int order, corrector;
    double log_of[3]; /* of g, p and s/sigma_data */
} fit_family;

/* Integral from w_from to w_to of the polynomial that is 1 at node k and 0 at the others; at most 5 nodes. */
static inline double fit_weight(const double *node, int count, int k, double from, double to) {
    static const double at[3] = {-0.77459666924148338, 0, 0.77459666924148338}, share[3] = {5.0 / 18, 4.0 / 9, 5.0 / 18};
    double sum = 0;
    for (int q = 0; q < 3; q++) {
        double w = 0.5 * (from + to) + 0.5 * (to - from) * at[q], value = 1;
        for (int j = 0; j < count; j++)
            if (j != k) value *= (w - node[j]) / (node[k] - node[j]);
        sum += share[q] * value;
    }
    return sum * (to - from);
}

/* The family's member as a plan. In z = x/(g alpha + sigma) over w = sigma/(g alpha + sigma) the ODE is dz/dw = (z - D/g)/w.
   Every z and slope is a sum of the noise, number 0, and the D, numbers 1 and up, whose weights are followed here. The corrector
   takes the slope at the predicted state, so that it costs no evaluation. */
static inline fit_plan fit_member(const fit_family *m, int steps, double first_level, double sigma_data) {
    const double g = exp(m->log_of[0]), p = exp(m->log_of[1]), s = exp(m->log_of[2]) * sigma_data;
    double w[FIT_STEPS + 1], scale[FIT_STEPS + 1], slope[FIT_STEPS][FIT_TERMS], corrected[FIT_TERMS] = {0};
    double predicted[FIT_STEPS + 1][FIT_TERMS];
    fit_plan plan;
    memset(&plan, 0, sizeof plan), memset(predicted, 0, sizeof predicted);
    plan.steps = steps;
    const double top = pow(first_level / (first_level + s * (1 - first_level)), 1 / p);
    for (int i = 0; i <= steps; i++) {
        double v = pow(top * (1 - (double)i / steps), p), u = s * v / (s * v + 1 - v);
        plan.level[i] = i ? u : first_level;
        w[i] = plan.level[i] / (g * (1 - plan.level[i]) + plan.level[i]);
        scale[i] = g * (1 - plan.level[i]) + plan.level[i]; /* y = scale z */
    }
    corrected[0] = predicted[0][0] = 1 / scale[0];
    for (int i = 0; i < steps; i++) {
        for (int k = 0; k < FIT_TERMS; k++) slope[i][k] = (predicted[i][k] - (k == i + 1) / g) / w[i];
        int back = i && m->corrector ? (m->corrector - 1 < i ? m->corrector - 1 : i) : 0; /* the step before, made better */
        for (int j = 0; back && j <= back; j++)
            for (int k = 0; k < FIT_TERMS; k++)
                corrected[k] += fit_weight(w + i - back, back + 1, back - j, w[i - 1], w[i]) * slope[i - j][k];
        if (!back) memcpy(corrected, predicted[i], sizeof corrected);
        double start[FIT_TERMS];
        memcpy(start, corrected, sizeof start);
        int nodes = m->order < i + 1 ? m->order : i + 1;
        memcpy(predicted[i + 1], corrected, sizeof corrected);
        for (int j = 0; j < nodes; j++)
            for (int k = 0; k < FIT_TERMS; k++)
                predicted[i + 1][k] += fit_weight(w + i - nodes + 1, nodes, nodes - 1 - j, w[i], w[i + 1]) * slope[i - j][k];
        memcpy(corrected, start, sizeof corrected);
        /* what is evaluated next, in y and from what is evaluated now */
        plan.a[i] = scale[i + 1] * predicted[i + 1][0] / (scale[i] * predicted[i][0]);
        for (int j = 0; j <= i; j++)
            plan.b[fit_row(i) + j] = scale[i + 1] * predicted[i + 1][j + 1] - plan.a[i] * scale[i] * predicted[i][j + 1];
    }
    return plan;
}

/* A member's mean square error on a few trajectories; infinite where it fails. */
static inline double fit_try(fit *f, const fit_family *m) {
    fit_room *w = f->room;
    fit_plan p = fit_member(m, w->steps, w->first_level, w->sigma_data);
    if (w->status || fit_record_levels(f, p.level, p.steps) || fit_roll(f, &p, 0, w->tried, w->trial_y, w->trial_D))
        return HUGE_VAL;
    return fit_errors(w, w->trial_y[p.steps], 0, w->tried, NULL);
}

typedef struct fit_corner {
    fit_family m;
    double error;
} fit_corner;

static inline int fit_better(const void *a, const void *b) {
    double u = ((const fit_corner *)a)->error, v = ((const fit_corner *)b)->error;
    return (u > v) - (u < v);
}

/* The corner moved along the line through the mean of the others: mean + t (corner - mean). */
static inline fit_corner fit_move(fit *f, const fit_corner *corner, const double *mean, double t) {
    fit_corner to = *corner;
    for (int k = 0; k < 3; k++) to.m.log_of[k] = mean[k] + t * (corner->m.log_of[k] - mean[k]);
    to.error = fit_try(f, &to.m);
    return to;
}

/* Nelder & Mead 1965, in three numbers. */
static inline fit_corner fit_simplex(fit *f, fit_corner start, int tries) {
    fit_corner corner[4] = {start, start, start, start};
    for (int k = 0; k < 3; k++) corner[k + 1].m.log_of[k] += 0.2, corner[k + 1].error = fit_try(f, &corner[k + 1].m);
    for (tries -= 3; tries > 0 && !f->room->status;) {
        double mean[3] = {0, 0, 0};
        qsort(corner, 4, sizeof *corner, fit_better);
        for (int k = 0; k < 9; k++) mean[k % 3] += corner[k / 3].m.log_of[k % 3] / 3;
        fit_corner to = fit_move(f, &corner[3], mean, -1);
        tries--;
        if (to.error < corner[2].error && !(to.error < corner[0].error)) {
            corner[3] = to;
            continue;
        }
        fit_corner further = fit_move(f, &corner[3], mean, to.error < corner[0].error ? -2 : to.error < corner[3].error ? -0.5 : 0.5);
        tries--;
        if (further.error < to.error && further.error < corner[3].error) corner[3] = further;
        else if (to.error < corner[3].error) corner[3] = to;
        else
            for (int i = 1; i < 4; i++, tries--) corner[i] = fit_move(f, &corner[i], corner[0].m.log_of, 0.5);
    }
    qsort(corner, 4, sizeof *corner, fit_better);
    return corner[0];
}

static inline int fit_report(fit *f, const char *doing, double mean_square) {
    if (!f->room->status && f->progress && f->progress(f->progress_user, f, doing, sqrt(mean_square)))
        fit_stop(f, DK_CANCELLED, "stopped by the progress function");
    return f->room->status != DK_OK;
}

static inline fit_plan fit_best_member(fit *f) {
    static const int methods[4][2] = {{2, 3}, {2, 2}, {3, 0}, {3, 4}};
    fit_corner corner[4];
    for (int k = 0; k < 4; k++) {
        corner[k].m.order = methods[k][0], corner[k].m.corrector = methods[k][1];
        corner[k].m.log_of[0] = log(1.2), corner[k].m.log_of[1] = log(1.75), corner[k].m.log_of[2] = log(4.0);
        corner[k].error = fit_try(f, &corner[k].m);
    }
    qsort(corner, 4, sizeof *corner, fit_better);
    for (int k = 0; k < 2 && !fit_report(f, "family", corner[0].error); k++) corner[k] = fit_simplex(f, corner[k], 30);
    qsort(corner, 2, sizeof *corner, fit_better);
    return fit_member(&corner[0].m, f->room->steps, f->room->first_level, f->room->sigma_data);
}

/* ------------------------------------------------------------------------------------------ polish */

/* Parameter number k of step i: a_i, then b_i0 .. b_ii. */
static inline double *fit_parameter(fit_plan *p, int i, int k) { return k ? &p->b[fit_row(i) + k - 1] : &p->a[i]; }
static inline int fit_number(int i, int k) { return i * (i + 3) / 2 + k; }

/* The unit in which a parameter is measured. */
static inline double fit_unit(const fit_plan *p, int i, int k) {
    return fmax(fabs(k ? p->b[fit_row(i) + k - 1] : p->a[i]), 0.1);
}

/* Derivatives of the ends of a group of trajectories by all parameters. The parameters of a step are moved all at once, each in
   a copy of the group: what comes before the step stays as it is. */
static inline dk_status fit_differentiate(fit *f, const fit_plan *p, int first, int count) {
    fit_room *w = f->room;
    const size_t from = fit_size(w, first), n = fit_size(w, count);
    for (int i = 0; i < p->steps; i++) {
        const int copies = i + 2;
        for (int k = 0; k < copies; k++) {
            const dk_real *of = k ? w->D[k - 1] : w->y[i];
            const double by = 1e-3 * fit_unit(p, i, k);
            for (size_t e = 0; e < n; e++)
                w->moved_y[(size_t)k * n + e] = (dk_real)((double)w->y[i + 1][from + e] + by * (double)of[from + e]);
        }
        for (int l = i + 1; l < p->steps; l++) {
            if (fit_evaluate(f, l, w->moved_y, first, copies * count, w->moved_D[l])) return w->status;
            for (int k = 0; k < copies; k++)
                for (size_t e = 0; e < n; e++) {
                    const size_t at = (size_t)k * n + e;
                    double sum = p->a[l] * (double)w->moved_y[at];
                    for (int j = 0; j <= l; j++) sum += p->b[fit_row(l) + j] * (double)(j <= i ? w->D[j][from + e] : w->moved_D[j][at]);
                    w->moved_y[at] = (dk_real)sum;
                }
        }
        for (int k = 0; k < copies; k++) {
            float *column = w->jacobian + (size_t)fit_number(i, k) * fit_size(w, w->fitted) + from;
            for (size_t e = 0; e < n; e++)
                column[e] = (float)(((double)w->moved_y[(size_t)k * n + e] - (double)w->y[p->steps][from + e]) / 1e-3);
        }
    }
    return DK_OK;
}

/* Solves (A + damping diag A) d = g for symmetric A, by Cholesky's factors in L. Parameters that change nothing, such as those
   of D_0 = 0, stay: a little is added to the diagonal. 0 where it cannot be solved. */
static inline int fit_solve(const double *A, double damping, const double *g, int n, double *L, double *d) {
    double trace = 0;
    for (int i = 0; i < n; i++) trace += A[i * n + i];
    for (int i = 0; i < n; i++)
        for (int j = 0; j <= i; j++) {
            double sum = i == j ? A[i * n + i] * (1 + damping) + 1e-12 * trace : A[i * n + j];
            for (int k = 0; k < j; k++) sum -= L[i * n + k] * L[j * n + k];
            if (i == j && !(sum > 0)) return 0;
            L[i * n + j] = i == j ? sqrt(sum) : sum / L[j * n + j];
        }
    for (int i = 0; i < n; i++) {
        d[i] = g[i];
        for (int k = 0; k < i; k++) d[i] -= L[i * n + k] * d[k];
        d[i] /= L[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++) d[i] -= L[k * n + i] * d[k];
        d[i] /= L[i * n + i];
    }
    return 1;
}

/* A = J' W J and g = -J' W r, with the weights that make squares of the robust loss. */
static inline void fit_normal_equations(const fit_room *w, const double *error, double limit, double *A, double *g, float *weighted) {
    const int P = w->parameters;
    const size_t n = fit_size(w, w->fitted);
    for (size_t e = 0; e < n; e++) {
        double part = 1 + error[e / w->dim] / limit;
        weighted[e] = (float)(1 / (part * part));
    }
    for (int i = 0; i < P; i++) {
        const float *u = w->jacobian + (size_t)i * n;
        g[i] = 0;
        for (size_t e = 0; e < n; e++)
            g[i] -= (double)(weighted[e] * u[e]) * ((double)w->y[w->steps][e] - (double)w->want[e]);
        for (int j = 0; j <= i; j++) {
            const float *v = w->jacobian + (size_t)j * n;
            double sum = 0;
            for (size_t e = 0; e < n; e++) sum += (double)(weighted[e] * u[e] * v[e]);
            A[i * P + j] = A[j * P + i] = sum;
        }
    }
}

/* Broyden 1965: the least change of the derivatives with which they explain what the step d did to the ends. */
static inline void fit_broyden(const fit_room *w, const double *d) {
    const size_t n = fit_size(w, w->fitted);
    double square = 0;
    for (int i = 0; i < w->parameters; i++) square += d[i] * d[i];
    for (size_t e = 0; e < n; e++) {
        double missed = (double)w->trial_y[w->steps][e] - (double)w->y[w->steps][e];
        for (int i = 0; i < w->parameters; i++) missed -= (double)w->jacobian[(size_t)i * n + e] * d[i];
        for (int i = 0; i < w->parameters; i++) w->jacobian[(size_t)i * n + e] += (float)(missed * d[i] / square);
    }
}

static inline void fit_keep_trial(fit_room *w) {
    for (int i = 0; i <= w->steps; i++) {
        dk_real *y = w->y[i], *D = i < w->steps ? w->D[i] : NULL;
        w->y[i] = w->trial_y[i], w->trial_y[i] = y;
        if (D) w->D[i] = w->trial_D[i], w->trial_D[i] = D;
    }
}

/* Levenberg & Marquardt on all a and b. Ends after 20 rounds, after three in a row that gain less than 1%, or 0.3% on an
   earlier plan, or where it is stopped; *p is the best so far. */
static inline void fit_polish(fit *f, fit_plan *p) {
    fit_room *w = f->room;
    const int P = w->parameters, M = w->fitted;
    const double enough = f->start ? 0.997 : 0.99;
    double *A = (double *)malloc((size_t)(2 * P * P + 2 * P + 2 * M) * sizeof *A);
    float *weighted = (float *)malloc(fit_size(w, M) * sizeof *weighted);
    double *L = A + P * P, *g = L + P * P, *d = g + P, *error = d + P, *trial_error = error + M, damping = 1e-3;
    if (!A || !weighted) fit_stop(f, DK_ERROR_MEMORY, "not enough memory");
    else if (!fit_record_levels(f, p->level, p->steps)) fit_roll(f, p, 0, M, w->y, w->D);
    for (int first = 0; !w->status && first < M; first += w->group) fit_differentiate(f, p, first, w->group);
    if (!w->status) {
        fit_errors(w, w->y[p->steps], 0, M, error);
        double limit = fit_limit(error, M, trial_error), loss = fit_robust(error, M, limit);
        for (int round = 0, idle = 0, next = 0; round < 20 && idle < 3 && !fit_report(f, "polish", loss); round++) {
            fit_plan trial = *p;
            fit_normal_equations(w, error, limit, A, g, weighted);
            if (!fit_solve(A, damping, g, P, L, d)) break;
            for (int i = 0; i < p->steps; i++)
                for (int k = 0; k < i + 2; k++) *fit_parameter(&trial, i, k) += d[fit_number(i, k)] * fit_unit(p, i, k);
            if (fit_roll(f, &trial, 0, M, w->trial_y, w->trial_D)) break;
            fit_errors(w, w->trial_y[p->steps], 0, M, trial_error);
            double trial_loss = fit_robust(trial_error, M, limit);
            fit_broyden(w, d);
            idle = trial_loss < enough * loss ? 0 : idle + 1;
            if (trial_loss < loss) {
                for (int i = 0; i < p->steps; i++) /* the units change with the parameters */
                    for (int k = 0; k < i + 2; k++) {
                        double ratio = fit_unit(&trial, i, k) / fit_unit(p, i, k);
                        float *column = w->jacobian + (size_t)fit_number(i, k) * fit_size(w, M);
                        for (size_t e = 0; e < fit_size(w, M); e++) column[e] *= (float)ratio;
                    }
                fit_keep_trial(w);
                memcpy(error, trial_error, (size_t)M * sizeof *error);
                *p = trial, loss = trial_loss, damping *= 0.3;
            } else damping *= 10;
            if (round % FIT_RENEWED) continue;
            if (fit_differentiate(f, p, next, w->group)) break;
            next = (next + w->group) % M;
        }
    }
    free(A), free(weighted);
}

/* ------------------------------------------------------------------------------------------- whole */

static inline int fit_round_up(int n, int to) { return (n + to - 1) / to * to; }

/* Noise at the first level, and where it leads by many steps. */
static inline dk_status fit_references(fit *f) {
    fit_room *w = f->room;
    double level[FIT_REFERENCE_STEPS + 1];
    dk_config c = f->config;
    const double s = 3 * w->sigma_data, top = sqrt(w->first_level / (w->first_level + s * (1 - w->first_level)));
    for (int i = 0; i <= FIT_REFERENCE_STEPS; i++) {
        double v = top * (1 - i / (double)FIT_REFERENCE_STEPS);
        level[i] = i ? s * v * v / (s * v * v + 1 - v * v) : w->first_level;
    }
    c.grid = dk_grid_levels(level, DK_UNIT_FLOW), c.steps = FIT_REFERENCE_STEPS, c.batch = w->all, c.first_sample = 0;
    if (dk_config_set(&c, "sampler=lms order=3 corrector=4 gauge=flow plain_last=1")) return fit_stop(f, DK_ERROR_CONFIG, dk_message(&c));
    dk_status status = dk_sample(&c, f->denoise, f->user, w->want);
    if (status) return fit_stop(f, status, dk_message(&c));
    f->evaluations += (long)FIT_REFERENCE_STEPS * w->all;
    for (int k = 0; k < w->all; k++)
        dk_normals(c.seed, (uint64_t)k, 0, 0, w->dim, w->noise + fit_size(w, k));
    for (size_t e = 0; e < fit_size(w, w->all); e++) w->noise[e] = (dk_real)(w->first_level * (double)w->noise[e]);
    memset(w->x, 0, fit_size(w, f->conditions) * sizeof *w->x);
    if (fit_record_levels(f, &w->first_level, 1)) return w->status;
    return fit_evaluate(f, 0, w->x, 0, f->conditions, w->first);
}

/* The base's error on the noise that is held out. */
static inline dk_status fit_measure_base(fit *f) {
    fit_room *w = f->room;
    dk_config c = f->config;
    const int count = w->all - w->fitted;
    c.batch = count, c.first_sample = (uint64_t)w->fitted;
    dk_status status = dk_sample(&c, f->denoise, f->user, w->x);
    if (status) return fit_stop(f, status, dk_message(&c));
    f->evaluations += (long)c.steps * count;
    memcpy(w->trial_y[0] + fit_size(w, w->fitted), w->x, fit_size(w, count) * sizeof *w->x);
    f->error[FIT_BASE] = sqrt(fit_errors(w, w->trial_y[0], w->fitted, count, w->error));
    w->limit = fit_limit(w->error + w->fitted, count, w->error + w->all);
    w->loss = fit_robust(w->error + w->fitted, count, w->limit);
    return DK_OK;
}

/* Takes the plan if it is the best so far on the noise that is held out. */
static inline void fit_consider(fit *f, const fit_plan *p, fit_choice choice) {
    fit_room *w = f->room;
    const int count = w->all - w->fitted;
    const long budget = f->budget;
    const dk_status status = w->status; /* a plan is judged even where the budget is spent */
    f->budget = 0, w->status = DK_OK;
    if (!fit_record_levels(f, p->level, p->steps) && !fit_roll(f, p, w->fitted, count, w->trial_y, w->trial_D)) {
        f->error[choice] = sqrt(fit_errors(w, w->trial_y[p->steps], w->fitted, count, w->error));
        const double loss = fit_robust(w->error + w->fitted, count, w->limit);
        if (loss < w->loss && f->error[choice] < f->error[FIT_BASE]) w->loss = loss, f->choice = choice, f->plan = *p;
        w->status = status;
    }
    f->budget = budget;
}

static inline dk_real *fit_take(dk_real **next, size_t n) {
    dk_real *part = *next;
    if (part) *next += n;
    return part;
}

/* Hands out the parts of one block of memory; with next NULL it only counts. */
static inline size_t fit_divide(fit_room *w, int conditions, dk_real *memory) {
    const size_t all = fit_size(w, w->all), moved = fit_size(w, w->group) * (size_t)(w->steps + 1);
    size_t total = 0;
    dk_real **parts[5 * FIT_STEPS + 9];
    size_t sizes[5 * FIT_STEPS + 9];
    int n = 0;
#define FIT_PART(part, size) parts[n] = &w->part, sizes[n++] = size
    FIT_PART(noise, all);
    FIT_PART(want, all);
    FIT_PART(first, fit_size(w, conditions));
    FIT_PART(x, all > fit_size(w, conditions) ? all : fit_size(w, conditions));
    FIT_PART(moved_y, moved);
    for (int i = 0; i <= w->steps; i++) {
        FIT_PART(y[i], all);
        FIT_PART(trial_y[i], all);
        if (i == w->steps) break;
        FIT_PART(D[i], all);
        FIT_PART(trial_D[i], all);
        FIT_PART(moved_D[i], moved);
    }
#undef FIT_PART
    for (int i = 0; i < n; i++) {
        if (memory) *parts[i] = memory + total;
        total += sizes[i];
    }
    return total;
}

static inline dk_status fit_refuse(fit *f, const char *field, const char *allowed) {
    snprintf(f->message, sizeof f->message, "fit: %s: must be %s", field, allowed);
    return DK_ERROR_CONFIG;
}

static inline fit_plan fit_of_table(const dk_table *t) {
    fit_plan p;
    memset(&p, 0, sizeof p);
    p.steps = t->steps;
    memcpy(p.level, t->level, (size_t)(t->steps + 1) * sizeof *p.level);
    memcpy(p.a, t->a, (size_t)t->steps * sizeof *p.a);
    memcpy(p.b, t->b, (size_t)fit_row(t->steps) * sizeof *p.b);
    return p;
}

/* Fits a plan. DK_OK, also where the base is best: see choice. DK_CANCELLED: stopped, or out of budget; the best so far is
   in plan. Other errors: nothing is fitted, and message says why. */
static inline dk_status fit_run(fit *f) {
    fit_room w;
    dk_config c = f->config;
    double ends[2];
    memset(&w, 0, sizeof w), memset(&f->plan, 0, sizeof f->plan), memset(f->error, 0, sizeof f->error);
    f->choice = FIT_BASE, f->evaluations = 0, f->message[0] = 0, f->room = &w;
    if (f->conditions < 1) f->conditions = 1;
    if (c.steps < 1 || c.steps >= FIT_STEPS) {
        snprintf(f->message, sizeof f->message, "fit: steps = %d: must be 1 .. %d", c.steps, FIT_STEPS - 1);
        return DK_ERROR_CONFIG;
    }
    if (c.guidance.start > 0 || c.guidance.stop > 0 || c.guidance.zero_init || c.guidance.schedule || c.guidance.momentum < 0)
        return fit_refuse(f, "guidance", "the same in every step");
    w.dim = c.dim, w.steps = c.steps + 1, w.parameters = fit_number(w.steps, 0);
    w.group = fit_round_up(FIT_GROUP, f->conditions);
    w.fitted = fit_round_up(f->trajectories > 0 ? f->trajectories : 30 + 6 * c.steps, w.group);
    w.all = w.fitted + fit_round_up(f->held_out > 0 ? f->held_out : 20, f->conditions);
    w.tried = FIT_TRIED < w.fitted ? FIT_TRIED : w.fitted;
    w.sigma_data = c.sigma_data > 0 ? c.sigma_data : 0.5;
    memset(&c.grid, 0, sizeof c.grid);
    if (dk_levels(&c, DK_UNIT_FLOW, ends, 2) < 2) return fit_stop(f, DK_ERROR_CONFIG, dk_message(&c));
    w.first_level = ends[0];
    if (f->start && (f->start->steps != w.steps || !f->start->shared || f->start->noise || f->start->told ||
                     fabs(f->start->level[0] - w.first_level) > 1e-6))
        return fit_refuse(f, "start", "a plan of an earlier fit, of as many evaluations from the same noise level");
    dk_real *memory = (dk_real *)malloc(fit_divide(&w, f->conditions, NULL) * sizeof *memory);
    w.jacobian = (float *)malloc((size_t)w.parameters * fit_size(&w, w.fitted) * sizeof *w.jacobian);
    w.error = (double *)malloc((size_t)(2 * w.all) * sizeof *w.error);
    if (!memory || !w.jacobian || !w.error) fit_stop(f, DK_ERROR_MEMORY, "fit: not enough memory");
    else {
        fit_divide(&w, f->conditions, memory);
        if (!fit_references(f) && !fit_measure_base(f)) {
            fit_plan p = f->start ? fit_of_table(f->start) : fit_best_member(f);
            fit_consider(f, &p, FIT_FAMILY);
            if (!w.status) {
                fit_polish(f, &p);
                fit_consider(f, &p, FIT_POLISHED);
            }
        }
    }
    for (int i = 0; i < FIT_STEPS; i++) dk_plan_free(&w.level_plan[i]);
    free(memory), free(w.jacobian), free(w.error);
    f->room = NULL;
    return w.status;
}

#endif /* EXAMPLES_FIT_H */
