/* The networks of the reference files, and how a recorded run is replayed through the library. */
#ifndef CONFORMANCE_MODEL_H
#define CONFORMANCE_MODEL_H

#include "json.h"

static dk_noise_source source_of(int kind) {
    dk_noise_source s;
    memset(&s, 0, sizeof s);
    s.kind = (dk_noise_kind)kind;
    return s;
}

static dk_noise_source source_from(dk_noise_fn fn, void *user) {
    dk_noise_source s = source_of(DK_NOISE_DEFAULT);
    s.fn = fn, s.user = user;
    return s;
}

enum { MAX_DIM = 1024, MAX_LEVELS = 4096, MAX_MODES = 16 };

typedef enum verdict { UNSUPPORTED = -1, FAIL, OK, SKIPPED, VERDICT_COUNT } verdict;

static int same(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* Why the line at hand is unsupported; printed after its verdict. */
static const char *reason = "";
static verdict unsupported(const char *why) {
    reason = why;
    return UNSUPPORTED;
}

/* E[x0 | x] for x = alpha x0 + s eps, x0 Gaussian per element or a mixture of isotropic Gaussians. */
static void exact_denoiser(const json *d, double alpha, double s, const double *x, double *D, int n) {
    static double mean[MAX_MODES * MAX_DIM], std[MAX_DIM], weight[MAX_MODES];
    if (same(json_string(d, "kind", "gmm"), "gaussian")) {
        json_numbers(json_get(d, "mean"), mean, MAX_DIM);
        json_numbers(json_get(d, "std"), std, MAX_DIM);
        for (int i = 0; i < n; i++) {
            double q = std[i] * std[i];
            D[i] = mean[i] + alpha * q * (x[i] - alpha * mean[i]) / (alpha * alpha * q + s * s);
        }
        return;
    }
    int modes = json_numbers(json_get(d, "weights"), weight, MAX_MODES);
    double logit[MAX_MODES], most = -HUGE_VAL, sum = 0;
    json_numbers(json_get(d, "means"), mean, MAX_MODES * MAX_DIM);
    json_numbers(json_get(d, "stds"), std, MAX_MODES);
    for (int k = 0; k < modes; k++) {
        double v = alpha * alpha * std[k] * std[k] + s * s, distance = 0;
        for (int i = 0; i < n; i++) {
            double r = x[i] - alpha * mean[k * n + i];
            distance += r * r;
        }
        logit[k] = log(weight[k]) - 0.5 * distance / v - 0.5 * n * log(v);
        if (logit[k] > most) most = logit[k];
    }
    for (int k = 0; k < modes; k++) sum += logit[k] = exp(logit[k] - most);
    for (int i = 0; i < n; i++) D[i] = 0;
    for (int k = 0; k < modes; k++) {
        double v = alpha * alpha * std[k] * std[k] + s * s, gain = alpha * std[k] * std[k] / v;
        for (int i = 0; i < n; i++)
            D[i] += logit[k] / sum * (mean[k * n + i] + gain * (x[i] - alpha * mean[k * n + i]));
    }
}

/* DPM-Solver's discrete schedule: timestep i is t = (i + 1)/T, and log alpha is linear between. */
typedef struct discrete_table {
    double log_alpha[1001];
} discrete_table;

static void discrete_level(void *user, double t, double *alpha, double *sigma, double *d_alpha,
                           double *d_sigma) {
    const discrete_table *d = (const discrete_table *)user;
    double at = t * 1000;
    int k = at < 0 ? 0 : at > 999 ? 999 : (int)at;
    double log_alpha = d->log_alpha[k] + (at - k) * (d->log_alpha[k + 1] - d->log_alpha[k]);
    (void)d_alpha, (void)d_sigma;
    *alpha = exp(log_alpha), *sigma = sqrt(-expm1(2 * log_alpha));
}

static dk_schedule discrete_schedule(const char *name, double t_min) {
    static discrete_table d;
    dk_schedule s = same(name, "discrete_sd") ? dk_vp_scaled_linear() : dk_schedule_named("vp_linear");
    for (int k = 0; k < 1000; k++) d.log_alpha[k + 1] = log(dk_level_at(&s, DK_UNIT_T, k).alpha);
    return dk_custom_schedule(discrete_level, &d, t_min, 1);
}

/* Where the line's network is evaluated, per call. */
static double alpha_at[MAX_LEVELS], sigma_at[MAX_LEVELS], time_at[MAX_LEVELS];

/* One recorded run. */
typedef struct replay {
    const json *line;
    dk_config c;
    double levels[MAX_LEVELS];
    int count;    /* of levels */
    int left_out; /* how many of them lie before the first step */
    double scale; /* of x_init */

    const json *denoiser, *uncond;     /* of the network */
    const double *alpha_at, *sigma_at; /* levels at which it is evaluated, per call; NULL: the library's */
    int recorded;                      /* how many of them */
    double sign;                       /* of its output */
    double clip, quantile, clip_most;  /* what it does to its estimate: |x0| <= clip, or thresholding */
    int keeps_noise;  /* that changes x0 alone: CFG++ with the raw estimate as unconditional */
    double skip_data; /* LCM's boundary conditions: sigma_data, 0: none */
    double skip_time;
    double skip_sigma; /* a consistency model's: its least noise level, 0: none; */
    double skip_clip;  /* and what it clips its output to */
    const double *time_at;

    const json *noises, *used;
    dk_prediction output;   /* what the network's output is, if that is not what the sampler takes it for */
    int pure_is_zero;       /* the output is 0 where alpha = 0 */
    int unclipped;          /* whatever its config says */
    int draws_twice;        /* two draws for each inner step, of which the second is used */
    const double *normals;  /* draws one after another, instead of `noises` */
    int by_step;            /* a draw for each step, used or not */
    double noise_end;       /* the peer's noise grows linearly to so many times the first step's in the last; 0: it does not */
    int on_levels;          /* stages on the grid's own levels */
    double noise_clip;      /* |draw| <= this times its deviation; 0: any */
    int silent_from;        /* from this draw on the peer multiplies by zero; 0: none */
    const double *strength; /* what the peer multiplied each draw by, instead of the level's rise */
    double variance_share;  /* DDPM's learned range: log variance between beta~ (0) and beta (1) */
    int every;              /* the peer draws so often where the library does once; 0: as often */
    int clips_start; /* the peer's first step, from clean data or to where it began, changes its x0 alone */
    void (*then)(struct replay *r); /* sets what runs afterwards; NULL: nothing */
    int calls, rejected;            /* evaluations; rejected steps, whose first evaluation is not repeated */
    int (*draw)(void *r, const dk_noise_request *request, dk_real *out); /* NULL: recorded_noise */
    void (*drive)(struct replay *r, dk_run *run);                        /* NULL: the exact denoiser */
} replay;

/* Imagen's dynamic thresholding: the quantile of |x0|, at least 1 and at most clip_most, becomes the bound. */
static double bound_of(const replay *r, const double *D, int n) {
    double size[MAX_DIM];
    if (r->quantile <= 0) return r->clip;
    for (int i = 0; i < n; i++) {
        int j = i;
        for (; j > 0 && size[j - 1] > fabs(D[i]); j--) size[j] = size[j - 1];
        size[j] = fabs(D[i]);
    }
    double at = r->quantile * (n - 1), down = floor(at);
    int k = (int)down;
    double q = size[k] + (k + 1 < n ? (at - down) * (size[k + 1] - size[k]) : 0);
    if (q < 1) q = 1;
    return q > r->clip_most ? r->clip_most : q;
}

static void confine(const replay *r, double *D, int n) {
    if (r->clip <= 0 && r->quantile <= 0) return;
    double bound = bound_of(r, D, n), divide = r->quantile > 0 ? bound : 1;
    for (int i = 0; i < n; i++) D[i] = (D[i] > bound ? bound : D[i] < -bound ? -bound : D[i]) / divide;
}

static void estimate(replay *r, const json *denoiser, double alpha, double sigma, const double *x, double *D,
                     int n) {
    exact_denoiser(denoiser, alpha, sigma, x, D, n);
    confine(r, D, n);
}

/* A consistency model, Song et al. 2023, app. C: the raw output F gives f = c_skip x + c_out F, the state at the least level
   s. As an estimate D that is f = (s/sigma) x + (1 - s/sigma) D. */
static void consistency_function(const replay *r, double sigma, const double *x, const double *F, double *D,
                                 int n) {
    double data = r->c.sigma_data, least = r->skip_sigma, off = sigma - least, ratio = least / sigma;
    double skip = data * data / (off * off + data * data), out = off * data / hypot(sigma, data);
    for (int i = 0; i < n; i++) {
        double f = skip * x[i] + out * F[i], bound = r->skip_clip;
        if (bound > 0) f = f > bound ? bound : f < -bound ? -bound : f;
        D[i] = (f - ratio * x[i]) / (1 - ratio);
    }
}

/* F of EDM's preconditioning behind the estimate D. */
static void edm_output(double data, double sigma, const double *x, double *D, int n) {
    double norm = sqrt(sigma * sigma + data * data);
    for (int i = 0; i < n; i++) D[i] = (D[i] - data * data / (norm * norm) * x[i]) * norm / (sigma * data);
}

/* What the network of the given kind returns for the estimate D. */
static void predict(const dk_config *c, dk_prediction prediction, double alpha, double s, const double *x,
                    double *D, int n) {
    if (prediction == DK_PREDICT_EDM) edm_output(c->sigma_data > 0 ? c->sigma_data : 0.5, s, x, D, n);
    for (int i = 0; i < n; i++) {
        double noise = (x[i] - alpha * D[i]) / s;
        switch (prediction) {
        case DK_PREDICT_EPS: D[i] = noise; break;
        case DK_PREDICT_V: D[i] = alpha * noise - s * D[i]; break;
        case DK_PREDICT_VELOCITY: D[i] = noise - D[i]; break;
        case DK_PREDICT_SCORE: D[i] = -noise / s; break;
        case DK_PREDICT_DEFAULT:
        case DK_PREDICT_X0:
        case DK_PREDICT_EDM:
        case DK_PREDICT_COUNT: break;
        }
    }
}

/* Two outputs: the raw one, and one whose estimate, at the level of the step, is confined. */
static void confine_alone(replay *r, const dk_eval *e, double alpha, double sigma, const double *x, double *F,
                          int n) {
    double a = e->level.alpha, s = e->level.sigma;
    exact_denoiser(r->denoiser, alpha, sigma, x, F, n);
    predict(&r->c, r->c.prediction, alpha, sigma, x, F, n);
    for (int i = 0; i < n; i++) e->output[i] = e->uncond_output[i] = (dk_real)F[i];
    r->calls++;
    if (s <= 0) return; /* x is the estimate */
    for (int i = 0; i < n; i++) {
        if (r->c.prediction == DK_PREDICT_EPS) F[i] = (x[i] - s * F[i]) / a;
        if (r->c.prediction == DK_PREDICT_V) F[i] = a * x[i] - s * F[i];
    }
    confine(r, F, n);
    predict(&r->c, r->c.prediction, a, s, x, F, n);
    for (int i = 0; i < n; i++) e->output[i] = (dk_real)F[i];
}

static int denoise(void *user, const dk_eval *e) {
    replay *r = (replay *)user;
    int n = (int)e->dim;
    double alpha = e->level.alpha, sigma = e->level.sigma, x[MAX_DIM] = {0}, D[MAX_DIM];
    if (r->alpha_at) {
        if (e->call >= r->recorded) return 1;
        alpha = r->alpha_at[e->call], sigma = r->sigma_at[e->call];
    }
    /* a network with EDM's preconditioning is given c_in x */
    double input = r->c.prediction == DK_PREDICT_EDM
                       ? sqrt(sigma * sigma + alpha * alpha * r->c.sigma_data * r->c.sigma_data)
                       : 1;
    for (int i = 0; i < n; i++) x[i] = (double)e->input[i] * input;
    if (r->clips_start && e->call == 0 && r->levels[0] < 0) /* clean data are seen as they were */
        json_numbers(json_get(r->line, "x_init"), x, n);
    estimate(r, e->branch ? r->uncond : r->denoiser, alpha, sigma, x, D, n);
    if (r->keeps_noise) {
        confine_alone(r, e, alpha, sigma, x, D, n);
        return 0;
    }
    if (r->skip_data > 0) {
        double t = r->skip_time * r->time_at[e->call], both = t * t + r->skip_data * r->skip_data;
        double skip = r->skip_data * r->skip_data / both, out = t / sqrt(both);
        for (int i = 0; i < n; i++) D[i] = out * D[i] + skip * x[i];
    }
    if (r->skip_sigma > 0) {
        edm_output(r->c.sigma_data, sigma, x, D, n);
        consistency_function(r, sigma, x, D, D, n);
    }
    predict(&r->c, r->output ? r->output : r->c.prediction, alpha, sigma, x, D, n);
    for (int i = 0; i < n; i++) e->output[i] = r->pure_is_zero && alpha <= 0 ? 0 : (dk_real)D[i];
    r->calls += !e->branch;
    return 0;
}

/* What the peer makes of a draw beyond what the library does. */
static double noise_factor(const replay *r, const dk_noise_request *q) {
    double factor = r->silent_from > 0 && q->draw >= r->silent_from ? 0 : 1;
    if (r->strength) factor *= r->strength[q->draw - 1] / sqrt((q->to - q->from) * (q->to + q->from));
    if (r->noise_end > 0 && r->count > 2) factor *= 1 + (r->noise_end - 1) * (q->draw - 1) / (r->count - 2);
    if (r->variance_share > 0) { /* beta/beta~ = sigma_from^2/sigma_to^2 on the VP scale */
        double from = q->from * q->from, to = q->to * q->to;
        factor *= pow(from / (1 + from) * (1 + to) / to, 0.5 * r->variance_share);
    }
    return factor;
}

/* sigma/alpha of level i */
static double in_sigma(const replay *r, int i) {
    dk_level l = r->c.grid.unit == DK_UNIT_FLOW ? dk_level_at(&r->c.schedule, DK_UNIT_T, r->levels[i])
                                                : dk_level_at(&r->c.schedule, DK_UNIT_SIGMA, r->levels[i]);
    return dk_noise_level(l);
}

static void clip_to_deviation(double *z, int n, double deviations) {
    double mean = 0, square = 0;
    for (int i = 0; i < n; i++) mean += z[i] / n;
    for (int i = 0; i < n; i++) square += (z[i] - mean) * (z[i] - mean) / (n - 1);
    double bound = deviations * sqrt(square);
    for (int i = 0; i < n; i++) z[i] = z[i] > bound ? bound : z[i] < -bound ? -bound : z[i];
}

/* The peer's draws in order, without those that it threw away. */
static int recorded_noise(void *user, const dk_noise_request *request, dk_real *out) {
    const replay *r = (const replay *)user;
    int at = 0, left = request->draw;
    if (r->normals) {
        for (size_t i = 0; i < request->dim; i++)
            out[i] = (dk_real)r->normals[(size_t)(request->draw - 1) * request->dim + i];
        return 0;
    }
    if (r->by_step) {
        for (at = 0; at < r->count - 2; at++)
            if (fabs(in_sigma(r, at) - request->from) <= 1e-12 * request->from) break;
    } else if (r->every) {
        at = r->every * (request->draw - 1);
    } else {
        for (; r->noises && at < r->noises->count; at++)
            if (!(r->used && r->used->item[at].number < 1) && --left == 0) break;
    }
    if (r->draws_twice) {
        at = request->draw < 2 ? 0 : 2 * (request->draw - 1);
        if (at > r->noises->count - 1) at = r->noises->count - 1;
    }
    if (!r->noises || at >= r->noises->count) return 1;
    static double z[MAX_DIM];
    json_numbers(&r->noises->item[at], z, MAX_DIM);
    if (r->noise_clip > 0) clip_to_deviation(z, (int)request->dim, r->noise_clip);
    double factor = noise_factor(r, request);
    for (size_t i = 0; i < request->dim; i++) out[i] = (dk_real)(factor * z[i]);
    return 0;
}

static double error_of(double have, double want) { return fabs(have - want) / (1 + fabs(want)); }

/* What is not a number is the largest of all, and stays it. */
static double larger(double a, double b) { return a >= b ? a : b >= a ? b : HUGE_VAL; }

static double difference(const json *wanted, const dk_real *x, int n) {
    static double want[MAX_DIM];
    double worst = json_numbers(wanted, want, MAX_DIM) == n ? 0 : HUGE_VAL;
    for (int i = 0; i < n; i++) worst = larger(worst, error_of((double)x[i], want[i]));
    return worst;
}

enum { DOUBLES = sizeof(dk_real) == 8 };

static double tolerance(double in_double) { return DOUBLES ? in_double : 1e5 * in_double; }

/* A few roundings of a number of this size: in float states that begin large leave more than `tolerance`. */
static double roundings(double size) { return DOUBLES ? 0 : 5e-7 * size; }

/* Runs the config on n numbers. */
static verdict run_config(replay *r, dk_real *x, int n) {
    if (n < 1 || n > MAX_DIM || r->count < 2) return FAIL;
    if (!r->c.sampler.record) return unsupported(r->c.sampler.name);
    if (r->left_out) r->c.grid.full_steps = r->count - 1;
    r->c.steps = r->count - 1 - r->left_out, r->c.dim = (size_t)n, r->c.start = DK_START_STATE;
    r->c.noise = source_from(r->draw ? r->draw : recorded_noise, r);
    if (r->c.sigma_data <= 0) r->c.sigma_data = 0.5;
    r->c.grid.spacing = DK_SPACING_LEVELS, r->c.grid.levels = r->levels;
    const double *last = r->levels + r->count - 1;
    if (fabs(last[0] - last[-1]) <= 1e-6 * fabs(last[0])) r->c.grid.quirks |= DK_QUIRK_CLEAN_TWICE;
    r->c.condition = DK_UNIT_FLOW; /* finite at every level */
    static dk_run run;
    if (dk_begin(&run, &r->c, x, NULL, 0) == DK_OK) {
        if (r->noises && dk_run_plan(&run)->draws - 1 == r->noises->count) r->used = NULL; /* some were too small to change a bit */
        if (r->drive) r->drive(r, &run);
        else dk_continue(&run, denoise, r);
    }
    r->rejected = run.own.pace.rejected;
    dk_status status = run.status;
    if (status != DK_OK) {
        static char text[DK_MESSAGE_SIZE];
        strcpy(text, run.message);
        reason = text;
    }
    dk_end(&run);
    if (status != DK_OK) return FAIL;
    return OK;
}

/* A state where a scheduler's estimate is clipped and the noise stays as it was. */
static void clip_start(const replay *r, double *x, const double *D, int n) {
    double clipped[MAX_DIM], alpha = dk_level_at(&r->c.schedule, DK_UNIT_T, r->levels[0]).alpha;
    memcpy(clipped, D, sizeof *D * (size_t)n);
    confine(r, clipped, n);
    for (int i = 0; i < n; i++) x[i] += alpha * (clipped[i] - D[i]);
}

/* Runs on the line's x_init and compares with its x_final. */
static verdict run_replay(replay *r, double within, double *worst) {
    static dk_real x[MAX_DIM];
    static double start[MAX_DIM];
    double largest = 0;
    int n = json_numbers(json_get(r->line, "x_init"), start, MAX_DIM);
    if (r->clips_start) {
        dk_level l = dk_level_at(&r->c.schedule, DK_UNIT_T, r->levels[0]);
        double D[MAX_DIM];
        exact_denoiser(r->denoiser, l.alpha, l.sigma, start, D, n);
        clip_start(r, start, D, n);
    }
    for (int i = 0; i < n && i < MAX_DIM; i++) {
        x[i] = (dk_real)(start[i] * r->scale);
        largest = larger(largest, fabs((double)x[i]));
    }
    verdict result = run_config(r, x, n);
    if (result == FAIL) *worst = HUGE_VAL;
    if (result == OK && r->then) r->then(r), result = run_config(r, x, n);
    if (result < OK) return result;
    *worst = difference(json_get(r->line, "x_final"), x, n);
    return *worst <= within + roundings(largest) ? OK : FAIL;
}

static void begin_replay(replay *r, const json *line) {
    memset(r, 0, sizeof *r);
    r->line = line, r->scale = r->sign = 1;
    r->denoiser = json_get(line, "denoiser"), r->uncond = json_get(line, "uncond_denoiser");
    if (r->uncond) r->c.guidance.scale = json_real(line, "cfg_scale", 1);
    r->noises = json_get(line, "noises"), r->used = json_get(line, "noise_used");
    r->c.prediction = DK_PREDICT_X0;
    r->c.schedule = dk_edm(1e-5, 1e5);
    r->c.grid.unit = DK_UNIT_SIGMA;
}

#endif
