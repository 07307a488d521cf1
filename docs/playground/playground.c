/* playground.c: what the page asks the library for. Settings come as text, in the words of dk_config_set; numbers go out.

   Compiled for wasm32 by clang alone (make playground), and by any compiler for the test that compares the two. There are
   two settings side by side, A and B, and a third run for the exact paths that the page measures them by. Nothing is
   allocated. */
#define DIFFKIT_IMPLEMENTATION
#define DK_NO_MALLOC
#define DK_NO_PEERS
#include "diffkit.h"

#include "../../examples/digits/unet.h"

#include "weights.h"

#ifdef __wasm__
#define PAGE(name) __attribute__((export_name(#name)))
float cosf(float x) { return (float)dkp_cos((double)x); }
float sinf(float x) { return (float)dkp_sin((double)x); }
#else
#define PAGE(name)
#endif

enum { A, B, EXACT, SIDES };
enum { MIXTURE, SPIRAL, DATA_SETS, DIGITS = DATA_SETS };
enum { DIM = 2, MOST_SAMPLES = 2000, MOST_STEPS = 200, MOST_PARTS = 96, MOST_DIGITS = 9 };
enum { MOST_NUMBERS = MOST_DIGITS * UNET_PIXELS };
enum {
    WORDS = 1024,
    PLAN_TEXT = 1 << 18,
    ARENA = 1 << 22,
    EXACT_STEPS = 256,
    EXACT_SAMPLES = 100,
    PICTURE = 64,
    WORKING = 2 /* see page_next */
};

/* ------------------------------------------------------------------------------------- data */

/* A mixture of Gaussians of one width, with mean 0 and variance 1 along each axis on the whole. */
typedef struct data_set {
    int parts;
    double x[MOST_PARTS], y[MOST_PARTS], weight[MOST_PARTS], width;
} data_set;
static data_set sets[DATA_SETS];

static void add_part(data_set *d, double x, double y, double weight) {
    d->x[d->parts] = x, d->y[d->parts] = y, d->weight[d->parts++] = weight;
}

/* Moves and stretches the centres: with the width that the parts have, the mean is then 0 and both variances are 1. */
static void standardise(data_set *d) {
    double *axis[DIM];
    axis[0] = d->x, axis[1] = d->y;
    for (int a = 0; a < DIM; a++) {
        double sum = 0, mean = 0, square = 0;
        for (int i = 0; i < d->parts; i++) sum += d->weight[i], mean += d->weight[i] * axis[a][i];
        mean /= sum;
        for (int i = 0; i < d->parts; i++) {
            axis[a][i] -= mean;
            square += d->weight[i] / sum * axis[a][i] * axis[a][i];
        }
        for (int i = 0; i < d->parts; i++) axis[a][i] *= sqrt((1 - d->width * d->width) / square);
    }
}

static void make_data(void) {
    data_set *mixture = &sets[MIXTURE], *spiral = &sets[SPIRAL];
    if (mixture->parts) return;
    mixture->width = 0.16, spiral->width = 0.08;
    for (int i = 0; i < 5; i++)
        add_part(mixture, dkp_sin(i * 0.4 * dkp_pi), dkp_cos(i * 0.4 * dkp_pi), i == 0 ? 2 : 1);
    for (int i = 0; i < MOST_PARTS; i++) { /* two turns, evenly filled */
        double radius = sqrt(0.02 + 0.98 * i / (MOST_PARTS - 1)), angle = 4 * dkp_pi * radius;
        add_part(spiral, radius * dkp_cos(angle), radius * dkp_sin(angle), 1);
    }
    standardise(mixture), standardise(spiral);
}

/* E[x0 | x], exactly: that of each part, weighed by how likely the state comes from it. Far from all parts every weight
   would vanish, so they are taken relative to the nearest part's. With a condition, the first half of the parts are all. */
static void denoise(const data_set *d, dk_level l, int conditioned, const double *x, double *D) {
    int parts = conditioned ? d->parts / 2 : d->parts;
    double variance = l.alpha * l.alpha * d->width * d->width + l.sigma * l.sigma, nearest = HUGE_VAL;
    double share = l.alpha * d->width * d->width / variance, sum = 0, mean[DIM] = {0, 0};
    for (int i = 0; i < parts; i++) {
        double u = x[0] - l.alpha * d->x[i], v = x[1] - l.alpha * d->y[i];
        if (u * u + v * v < nearest) nearest = u * u + v * v;
    }
    for (int i = 0; i < parts; i++) {
        double u = x[0] - l.alpha * d->x[i], v = x[1] - l.alpha * d->y[i];
        double weight = d->weight[i] * dkp_exp(-0.5 * (u * u + v * v - nearest) / variance);
        sum += weight;
        mean[0] += weight * (d->x[i] + share * u), mean[1] += weight * (d->y[i] + share * v);
    }
    D[0] = mean[0] / sum, D[1] = mean[1] / sum;
}

/* The square of what an EDM network's input is divided by: Karras et al. 2022, table 1, for x/alpha. */
static double edm_total(const dk_config *c, dk_level l) {
    double data = l.alpha * c->sigma_data;
    return l.sigma * l.sigma + data * data;
}

/* What a network of this prediction says where the denoised estimate of x is D. Clean data have no noise to predict. */
static double predicted(const dk_config *c, dk_level l, double x, double D) {
    double noise = l.sigma > 0 ? (x - l.alpha * D) / l.sigma : 0, s = c->sigma_data;
    switch (c->prediction) {
    case DK_PREDICT_EPS: return noise;
    case DK_PREDICT_V: return l.alpha * noise - l.sigma * D;
    case DK_PREDICT_VELOCITY: return noise - D;
    case DK_PREDICT_SCORE: return -noise / l.sigma;
    case DK_PREDICT_EDM:
        return (D - s * s * l.alpha * x / edm_total(c, l)) * sqrt(edm_total(c, l)) / (l.sigma * s);
    default: return D;
    }
}

/* Undoes the scaling of the network's input. */
static double unscaled(const dk_config *c, dk_level l, double input) {
    return c->prediction == DK_PREDICT_EDM ? input * sqrt(edm_total(c, l)) : input;
}

/* ------------------------------------------------------------------------------------- runs */

typedef struct pane {
    dk_config c;
    dk_run run;
    dk_eval eval;
    dk_plan plan;
    dk_level ends[2]; /* of the grid, for step-size control, whose plan is of one step */
    int data, at;     /* at: the digits of this evaluation that are done */
    dk_real x[MOST_NUMBERS], D[MOST_NUMBERS];
    char arena[ARENA], plan_arena[ARENA];
} pane;
static pane sides[SIDES];
static char words[WORDS], plan_text[PLAN_TEXT];
static unet network; /* data NULL: its weights are not here */
static unsigned char packed[PACKED_BYTES];

PAGE(weights) unsigned char *page_weights(void) { return packed; }
PAGE(unpack) void page_unpack(void) {
    static float weights[UNET_WEIGHTS], arranged[UNET_ARRANGED];
    unpack_weights(packed, weights);
    network.data = weights, network.arranged = arranged, network.sigma_data = 0.6f;
    unet_arrange(&network);
}

PAGE(words) char *page_words(void) { return words; }
PAGE(message) const char *page_message(int s) { return sides[s].c.message; }
PAGE(state) const dk_real *page_state(int s) { return dk_state(&sides[s].run); }
PAGE(denoised) const dk_real *page_denoised(int s) { return sides[s].D; }

static int refuse(pane *s, const char *field, double value, const char *allowed) {
    return (int)dkp_fail(s->c.message, field, value, allowed);
}

static void find_ends(pane *s) {
    static double level[MOST_STEPS + 1];
    int n = dk_levels(&s->c, DK_UNIT_FLOW, level, MOST_STEPS + 1);
    for (int i = 0; i < 2; i++) s->ends[i] = dk_level_at(&s->c.schedule, DK_UNIT_FLOW, level[i ? n - 1 : 0]);
}

/* The plan, for reading, and the run; an error's words go to the config. */
static int begin(pane *s) {
    memset(&s->plan, 0, sizeof s->plan);
    s->plan.memory = s->plan_arena, s->plan.bytes = sizeof s->plan_arena;
    int status = (int)dk_record(&s->plan, &s->c);
    if (status != DK_OK) return status;
    if (s->plan.attempt) find_ends(s);
    status = (int)dk_begin(&s->run, &s->c, s->x, s->arena, sizeof s->arena);
    if (status != DK_OK) memcpy(s->c.message, s->run.message, sizeof s->c.message);
    return status;
}

/* The digits network is one of Karras et al. 2022 and knows noise up to level 80. Schedules that go beyond, to pure noise
   perhaps, begin there instead. */
static int fit_digits(pane *s) {
    const double most = 80;
    dk_config *c = &s->c;
    if (!network.data) return (int)dkp_fail_text(c->message, DK_ERROR_CONFIG, "weights.js: cannot be loaded");
    if (c->prediction != DK_PREDICT_DEFAULT && c->prediction != DK_PREDICT_EDM)
        return refuse(s, "prediction", c->prediction,
                      "default or edm, for so the digits network was trained");
    if (c->batch > MOST_DIGITS) return refuse(s, "batch", c->batch, "at most 9 digits");
    c->prediction = DK_PREDICT_EDM, c->sigma_data = (double)network.sigma_data, c->dim = UNET_PIXELS;
    int flow = c->schedule.family <= DK_FAMILY_FLOW || c->schedule.family == DK_FAMILY_COSINE;
    if (c->grid.sigma_max > 0 || c->schedule.family == DK_FAMILY_EDM || c->schedule.family == DK_FAMILY_VE)
        return 0;
    if (dk_noise_level(dk_level_at(&c->schedule, DK_UNIT_T, HUGE_VAL)) > most)
        c->grid.sigma_max = flow ? most / (1 + most) : most;
    return 0;
}

/* Begins a run of side s on a data set, with the settings in page_words. */
PAGE(begin) int page_begin(int s, int data) {
    pane *side = &sides[s];
    dk_config zero = {0};
    make_data();
    side->c = zero, side->data = data, side->at = -1;
    memset(&side->run, 0, sizeof side->run);
    words[WORDS - 1] = 0;
    int status = (int)dk_config_set(&side->c, words);
    if (status != DK_OK) return status;
    if (side->c.dim != 0)
        return refuse(side, "dim", (double)side->c.dim, "left alone: the data have their own");
    if (side->c.sigma_data > 0)
        return refuse(side, "sigma_data", side->c.sigma_data, "left alone: the data have their own");
    if (side->c.batch > MOST_SAMPLES) return refuse(side, "batch", side->c.batch, "at most 2000");
    if (side->c.steps > MOST_STEPS) return refuse(side, "steps", side->c.steps, "at most 200 on this page");
    if (side->c.start != DK_START_NOISE) return refuse(side, "start", side->c.start, "noise on this page");
    if (side->c.network_schedule.family)
        return refuse(side, "network_schedule", 1, "left alone on this page");
    if (side->c.number != DK_NUMBER_REAL) return refuse(side, "number", side->c.number, "real on this page");
    if (side->c.negated) return refuse(side, "negated", side->c.negated, "0 on this page");
    side->c.dim = DIM, side->c.sigma_data = 1;
    status = data == DIGITS ? fit_digits(side) : DK_OK;
    return status != DK_OK ? status : begin(side);
}

/* The exact paths of side s, from the same start: a fourth-order method with so many steps that its error is too small to
   see, within each of that side's steps. Not 0 where there are none. */
PAGE(begin_exact) int page_begin_exact(int s) {
    static double level[MOST_STEPS + 1], fine[EXACT_STEPS + MOST_STEPS + 1];
    pane *of = &sides[s], *exact = &sides[EXACT];
    dk_sampler none = {0};
    dk_guidance unguided = {0};
    dk_grid grid = {0};
    int n = dk_levels(&of->c, DK_UNIT_FLOW, level, MOST_STEPS + 1) - 1;
    if (n < 1 || n > MOST_STEPS || of->plan.draws > 1 || of->c.guidance.scale > 0 || of->data == DIGITS)
        return 1;
    int parts = (EXACT_STEPS + n - 1) / n;
    for (int i = 0; i < n; i++) {
        if (level[i + 1] >= level[i]) return 1;
        for (int k = 0; k < parts; k++)
            fine[i * parts + k] = level[i] + (level[i + 1] - level[i]) * k / parts;
    }
    fine[n * parts] = level[n];
    grid.spacing = DK_SPACING_LEVELS, grid.levels = fine, grid.unit = DK_UNIT_FLOW;
    exact->c = of->c, exact->data = of->data, exact->at = -1;
    exact->c.sampler = none, exact->c.guidance = unguided, exact->c.grid = grid, exact->c.steps = n * parts;
    exact->c.prediction = DK_PREDICT_X0;
    exact->c.sampler.tableau = "1/2 | 0 1/2 | 0 0 1 | 1/6 1/3 1/3 1/6";
    if (exact->c.batch > EXACT_SAMPLES) exact->c.batch = EXACT_SAMPLES;
    return begin(exact);
}

static int failed(pane *s) {
    memcpy(s->c.message, s->run.message, sizeof s->c.message);
    return -1;
}

/* With guidance branch 0 alone is told the condition. */
static void evaluate_points(const pane *side) {
    const dk_eval *e = &side->eval;
    const dk_config *c = &side->run.config;
    const data_set *set = &sets[side->data];
    const int samples = e->batch / e->branches;
    for (int b = 0; b < e->batch; b++) {
        double x[DIM], D[DIM];
        for (int k = 0; k < DIM; k++) x[k] = unscaled(c, e->level, (double)e->input[b * DIM + k]);
        denoise(set, e->level, c->guidance.scale > 0 && e->branch + b / samples == 0, x, D);
        for (int k = 0; k < DIM; k++) e->output[b * DIM + k] = (dk_real)predicted(c, e->level, x[k], D[k]);
        if (!e->uncond_output) continue;
        denoise(set, e->level, 0, x, D);
        for (int k = 0; k < DIM; k++)
            e->uncond_output[b * DIM + k] = (dk_real)predicted(c, e->level, x[k], D[k]);
    }
}

/* One image of the evaluation; those without the condition follow the others. Sample 0 is a 1. */
static void evaluate_digit(const pane *side, int at) {
    static float memory[UNET_WORK];
    const dk_eval *e = &side->eval;
    const int b = at % e->batch, samples = e->batch / e->branches, second = at >= e->batch;
    const int label = second || e->branch + b / samples > 0 ? UNET_CLASSES : 1 + b % samples % MOST_DIGITS;
    const float c_noise = (float)e->t;
    unet_forward_together(&network, 1, e->input + b * UNET_PIXELS, &c_noise, &label,
                       (second ? e->uncond_output : e->output) + b * UNET_PIXELS, memory);
}

/* 1: an evaluation is done, and page_state and page_denoised show it. WORKING: a part of one, so that the page may draw.
   0: the end. -1: an error. */
PAGE(next) int page_next(int s) {
    pane *side = &sides[s];
    dk_eval *e = &side->eval;
    if (side->at < 0) {
        if (!dk_next(&side->run, e)) return side->run.status == DK_OK ? 0 : failed(side);
        side->at = 0;
    }
    if (side->data == DIGITS) {
        evaluate_digit(side, side->at++);
        if (side->at < (e->uncond_output ? 2 : 1) * e->batch) return WORKING;
    } else evaluate_points(side);
    side->at = -1;
    return dk_denoised(&side->run, side->D) == DK_OK ? 1 : failed(side);
}

/* About the evaluation that is done, and about the plan; page.js has the same list. */
PAGE(number) double page_number(int s, int which) {
    const pane *side = &sides[s];
    const dk_eval *e = &side->eval;
    const dk_plan *p = &side->plan;
    switch (which) {
    case 0: return e->step;
    case 1: return e->stage + e->branch;
    case 2: return e->level.t;
    case 3: return e->level.alpha;
    case 4: return e->level.sigma;
    case 5: return e->t;
    case 6: return p->attempt ? 0 : p->steps;
    case 7: return p->attempt ? 0 : p->calls;
    case 8: return p->draws > 0 ? p->draws - 1 : 0; /* without the initial noise */
    case 9: return p->buffers;
    default: return 0;
    }
}

/* Level i of the grid: k 0: t, 1: alpha, 2: sigma. NaN behind the last. Of step-size control the ends. */
PAGE(level) double page_level(int s, int i, int k) {
    const pane *side = &sides[s];
    const dk_level *l = side->plan.attempt ? side->ends : side->plan.level;
    if (i >= (side->plan.attempt ? 2 : side->plan.levels)) return HUGE_VAL - HUGE_VAL;
    return k == 0 ? l[i].t : k == 1 ? l[i].alpha : l[i].sigma;
}

PAGE(plan) const char *page_plan(int s) {
    dk_plan_text(&sides[s].plan, plan_text, sizeof plan_text);
    return plan_text;
}

/* examples/explain.h prints with a part of printf: into a text. */
static char explained[4 * PLAN_TEXT];
static dkp_text explaining;

static void page_printf(const char *format, ...) {
    va_list list;
    va_start(list, format);
    for (; *format; format++) {
        if (*format != '%') {
            dkp_put_char(&explaining, *format);
            continue;
        }
        int most = -1; /* of a text's characters; numbers have six digits */
        if (*++format == '.') {
            most = format[1] == '*' ? va_arg(list, int) : 0;
            format += 2;
        }
        if (*format == 'd') dkp_put_int(&explaining, va_arg(list, int));
        else if (*format == 'c') dkp_put_char(&explaining, (char)va_arg(list, int));
        else if (*format == 'g') dkp_put_real(&explaining, va_arg(list, double));
        else
            for (const char *s = va_arg(list, const char *); *s && most != 0; s++, most--)
                dkp_put_char(&explaining, *s);
    }
    va_end(list);
}

#define printf page_printf
#include "../../examples/explain.h"
#undef printf

/* The plan with a sentence for every row. */
PAGE(explain) const char *page_explain(int s) {
    const dkp_text text = {explained, sizeof explained, 0};
    explaining = text;
    explain_plan(&sides[s].plan, page_plan(s));
    return explained;
}

/* --------------------------------------------------------------------------------- measures */

/* Of the samples of side s: which 0, 1: mean along x and y; 2, 3: standard deviation; 4: of data set `data`, the width of
   its parts. */
PAGE(measure) double page_measure(int s, int which) {
    const pane *side = &sides[s];
    const int n = side->run.config.batch, axis = which & 1;
    const dk_real *x = dk_state(&side->run);
    double mean = 0, square = 0;
    if (!x) return 0;
    for (int b = 0; b < n; b++) mean += (double)x[b * DIM + axis] / n;
    for (int b = 0; b < n; b++) {
        double off = (double)x[b * DIM + axis] - mean;
        square += off * off / n;
    }
    return which < 2 ? mean : sqrt(square);
}

/* Root mean square of how far the samples of side s end from the exact ones; both runs must be over. */
PAGE(error) double page_error(int s) {
    const dk_real *x = dk_state(&sides[s].run), *y = dk_state(&sides[EXACT].run);
    const int n = sides[EXACT].run.config.batch;
    double square = 0;
    if (!x || !y) return 0;
    for (int i = 0; i < n * DIM; i++) square += ((double)x[i] - (double)y[i]) * ((double)x[i] - (double)y[i]);
    return sqrt(square / n);
}

/* The exact density at a level, over x/(alpha + sigma) from -half to half along each axis, PICTURE x PICTURE numbers,
   1 at the highest. */
PAGE(density) const float *page_density(int data, double alpha, double sigma, double half) {
    static float picture[PICTURE * PICTURE];
    make_data();
    const data_set *d = &sets[data];
    const double width = alpha * d->width, variance = width * width + sigma * sigma;
    double along[DIM][PICTURE];
    float highest = 0;
    memset(picture, 0, sizeof picture);
    for (int i = 0; i < d->parts; i++) {
        for (int k = 0; k < PICTURE; k++) {
            double at = ((k + 0.5) / PICTURE * 2 - 1) * half * (alpha + sigma);
            double u = at - alpha * d->x[i], v = -at - alpha * d->y[i]; /* rows go down */
            along[0][k] = d->weight[i] * dkp_exp(-0.5 * u * u / variance);
            along[1][k] = dkp_exp(-0.5 * v * v / variance);
        }
        for (int k = 0; k < PICTURE * PICTURE; k++)
            picture[k] += (float)(along[0][k % PICTURE] * along[1][k / PICTURE]);
    }
    for (int k = 0; k < PICTURE * PICTURE; k++)
        if (picture[k] > highest) highest = picture[k];
    for (int k = 0; k < PICTURE * PICTURE && highest > 0; k++) picture[k] /= highest;
    return picture;
}

/* ------------------------------------------------------------------------------------ names */

/* Names and descriptions: kind 0 schedules, 1 grids, 2 samplers. NULL past the end. */
PAGE(name) const char *page_name(int kind, int i) {
    const dk_sampler_info *sampler = kind == 2 ? dk_sampler_at(i) : NULL;
    const dk_named *named = kind == 0 ? dk_schedule_at(i) : kind == 1 ? dk_grid_at(i) : NULL;
    return sampler ? sampler->name : named ? named->name : NULL;
}
PAGE(about) const char *page_about(int kind, int i) {
    const dk_sampler_info *sampler = kind == 2 ? dk_sampler_at(i) : NULL;
    const dk_named *named = kind == 0 ? dk_schedule_at(i) : kind == 1 ? dk_grid_at(i) : NULL;
    return sampler ? sampler->paper : named ? named->about : NULL;
}
