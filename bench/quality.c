/* quality.c: how far samplers and grids end from the exact solution, by number of evaluations.

       make bench-quality            or, for all that there is: build/bench_quality --all
       build/bench_quality [--problems A,B] [--samplers A,B:eta=1,...] [--grids A,B] [--evaluations 4,5,...] [--samples N]
                           [--best N] [--svg FOLDER]
       make bench-estimates          or: build/bench_quality --estimates [--problems A,B] ...

   Every run begins with the same noise as a fine solution of the probability-flow ODE (adams3 in 128 steps on the network, in
   1000 on formulas) and is compared with its end: the root mean square over all numbers of all samples and, behind it, the
   median of the samples' own. A combination that cannot make exactly so many evaluations makes fewer. Samplers that draw
   noise and grids that begin or end elsewhere have no such solution and are left out. Tables are Markdown. With --estimates
   they show what runs say about their own errors (examples/estimate.h), divided by these errors. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "plot.h"
#include "problems.h"
#include "examples/estimate.h"
#include "examples/tune.h"

enum { MOST_LIST = 200, MOST_COUNTS = 12, MOST_PROBLEMS = 8, MOST_PAIRS = 8000, NAME = 96 };

typedef struct list {
    int count;
    char item[MOST_LIST][NAME];
} list;

typedef struct options {
    list problems, samplers, grids;
    int evaluations[MOST_COUNTS], counts, samples, best, estimates;
    const char *svg;
} options;

/* A sampler on a grid, and its errors by number of evaluations; 0: there is no such run. */
typedef struct pair {
    char sampler[NAME], grid[NAME];
    double rms[MOST_COUNTS], median[MOST_COUNTS], mean; /* mean: geometric, for ranking */
} pair;

static void add(list *l, const char *item, size_t length) {
    if (l->count < MOST_LIST) snprintf(l->item[l->count++], NAME, "%.*s", (int)length, item);
}

static void split(list *l, const char *text) {
    for (l->count = 0; *text; text += strcspn(text, ","), text += *text == ',') add(l, text, strcspn(text, ","));
}

static int has(const list *l, const char *name) {
    for (int i = 0; i < l->count; i++)
        if (strcmp(l->item[i], name) == 0) return 1;
    return 0;
}

/* -------------------------------------------------------------------------------------------- output */

static void show_header(const options *o) {
    printf("| sampler | grid |");
    for (int i = 0; i < o->counts; i++) printf(" %d |", o->evaluations[i]);
    printf("\n|---|---|");
    for (int i = 0; i < o->counts; i++) printf("---|");
    printf("\n");
}

static void show_pair(const options *o, const pair *q) {
    printf("| %s | %s |", q->sampler, q->grid);
    for (int i = 0; i < o->counts; i++)
        if (q->rms[i] <= 0) printf(" |");
        else if (q->rms[i] < 10) printf(" %.2g / %.2g |", q->rms[i], q->median[i]);
        else printf(" fails |");
    printf("\n");
}

static int better(const void *a, const void *b) {
    double u = ((const pair *)a)->mean, v = ((const pair *)b)->mean;
    return (u > v) - (u < v);
}

/* The default before and after, Euler and Heun, whatever their rank. */
static int is_known(const pair *q) {
    static const char *const names[] = {"dpmpp_2m", "euler", "heun", "unipc", "adams2", "adams3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(q->sampler, names[i]) == 0) return 1;
    return 0;
}

static void draw_errors(const options *o, const problem *p, const pair *pairs, int count) {
    static const char *const curves[][2] = {{"euler", "default"}, {"heun", "default"}, {"dpmpp_2m", "default"},
                                            {"unipc", "default"}, {"dpmpp_2m", "power"}, {"adams2", "power"}};
    static char names[CURVES][2 * NAME];
    char title[200], file[NAME + 20];
    plot f;
    memset(&f, 0, sizeof f);
    snprintf(title, sizeof title, "%s: distance from the exact solution", p->name);
    f.title = title, f.x_label = "evaluations", f.y_label = "RMS (1: or more)", f.points = o->counts, f.ticks_at_points = 1;
    for (size_t k = 0; k < sizeof curves / sizeof *curves; k++)
        for (int i = 0; i < count; i++) {
            const pair *q = &pairs[i];
            int default_grid = strcmp(q->grid, p->c.schedule.family == DK_FAMILY_FLOW ? "uniform" : "karras") == 0;
            if (strcmp(q->sampler, curves[k][0]) || !(strcmp(q->grid, curves[k][1]) == 0 || (default_grid && curves[k][1][0] == 'd')))
                continue;
            snprintf(names[f.curves], sizeof names[0], "%.40s, %.40s", q->sampler, q->grid);
            f.name[f.curves] = names[f.curves];
            for (int j = 0; j < o->counts; j++) f.x[j] = o->evaluations[j], f.y[f.curves][j] = fmin(q->rms[j], 1);
            f.curves++;
            break;
        }
    snprintf(file, sizeof file, "quality_%s.svg", p->name);
    if (f.curves) draw(&f, o->svg, file);
}

/* The noise's exact end, and room for another; *samples: how many there are. */
static dk_real *solve(const options *o, problem *p, int *samples) {
    *samples = o->samples > 0 ? o->samples : p->samples;
    p->c.batch = *samples, p->c.seed = 1;
    dk_real *want = (dk_real *)malloc(2 * (size_t)*samples * p->c.dim * sizeof *want);
    if (!want) fail("not enough memory");
    if (tune_solve(&p->c, p->denoise == digits_denoise ? 128 : 1000, p->denoise, p->user, want)) fail(dk_message(&p->c));
    return want;
}

static void rank(const options *o, problem *p) {
    static pair pairs[MOST_PAIRS];
    int count = 0, samples;
    dk_real *want = solve(o, p, &samples), *x = want + (size_t)samples * p->c.dim;
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    for (int s = 0; s < o->samplers.count; s++)
        for (int g = 0; g < o->grids.count && count < MOST_PAIRS; g++) {
            pair *q = &pairs[count];
            int known = 0;
            memset(q, 0, sizeof *q);
            strcpy(q->sampler, o->samplers.item[s]), strcpy(q->grid, o->grids.item[g]);
            if (strcmp(q->grid, "default") == 0) strcpy(q->grid, p->c.schedule.family == DK_FAMILY_FLOW ? "uniform" : "karras");
            for (int i = 0; i < o->counts; i++) {
                if (!tune_record(&p->c, q->sampler, q->grid, o->evaluations[i], &plan)) continue;
                tune_measure(&p->c, &plan, p->denoise, p->user, want, x, &q->rms[i], &q->median[i]);
                q->mean += log(fmin(q->rms[i], 10)), known++;
            }
            q->mean = known == o->counts ? exp(q->mean / known) : HUGE_VAL;
            count += known > 0;
        }
    dk_plan_free(&plan);
    qsort(pairs, (size_t)count, sizeof *pairs, better);
    printf("\n### %s: %s\n\n%d samples of %d numbers. RMS / median by evaluations, best first:\n\n", p->name, p->about, samples,
           (int)p->c.dim);
    show_header(o);
    for (int i = 0; i < count; i++)
        if (i < o->best || is_known(&pairs[i])) show_pair(o, &pairs[i]);
    fflush(stdout);
    if (o->svg) draw_errors(o, p, pairs, count);
    free(want);
}

/* ----------------------------------------------------------------------------------------- estimates */

/* Mean square of a sample's difference. */
static double square_of(const dk_real *x, const dk_real *y, size_t dim) {
    double sum = 0;
    for (size_t i = 0; i < dim; i++) sum += pow((double)x[i] - (double)y[i], 2) / (double)dim;
    return sum;
}

/* Of the samples: how their estimates' logarithms and those of their errors are correlated. x is lost. */
static double correlation(const estimate *e, const dk_real *x, const dk_real *want) {
    double u = 0, v = 0, uu = 0, vv = 0, uv = 0;
    dk_real *end = (dk_real *)malloc(e->dim * sizeof *end);
    if (!end) fail("not enough memory");
    for (size_t b = 0; b < e->batch; b++) {
        for (size_t i = 0; i < e->dim; i++) end[i] = (dk_real)(e->scale * e->end[b * e->dim + i]);
        const double p = log(square_of(x + b * e->dim, end, e->dim)), q = log(square_of(x + b * e->dim, want + b * e->dim, e->dim));
        u += p, v += q, uu += p * p, vv += q * q, uv += p * q;
    }
    free(end);
    const double n = (double)e->batch;
    return (uv - u * v / n) / sqrt((uu - u * u / n) * (vv - v * v / n));
}

/* Estimate / error, and the correlation. */
static void estimates(const options *o, problem *p) {
    int samples;
    dk_real *want = solve(o, p, &samples), *x = want + (size_t)samples * p->c.dim;
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    for (int s = 0; s < o->samplers.count; s++)
        for (int g = 0; g < o->grids.count; g++) {
            const char *grid = o->grids.item[g];
            if (strcmp(grid, "default") == 0) grid = p->c.schedule.family == DK_FAMILY_FLOW ? "uniform" : "karras";
            printf("| %s | %s | %s |", p->name, o->samplers.item[s], grid);
            for (int i = 0; i < o->counts; i++) {
                double rms, median, most;
                estimate e;
                dk_config c = p->c;
                if (!tune_record(&c, o->samplers.item[s], grid, o->evaluations[i], &plan) || estimate_begin(&e, &plan, &c)) printf(" |");
                else if (tune_measure(&c, &plan, p->denoise, p->user, want, x, &rms, &median)) printf(" fails |");
                else {
                    printf(" %.2g", estimate_error(&e, x, &most) / rms);
                    printf(" (%.1f) |", correlation(&e, x, want));
                    estimate_end(&e);
                }
            }
            printf("\n");
            fflush(stdout);
        }
    dk_plan_free(&plan);
    free(want);
}

/* ------------------------------------------------------------------------------------------- options */

static void all_names(options *o) {
    o->samplers.count = o->grids.count = 0;
    for (int i = 0; dk_sampler_at(i); i++)
        if (dk_sampler_at(i)->evals > 0) add(&o->samplers, dk_sampler_at(i)->name, NAME - 1);
    for (int i = 0; dk_grid_at(i); i++) add(&o->grids, dk_grid_at(i)->name, NAME - 1);
}

static int read_options(options *o, int argc, char **argv) {
    split(&o->samplers, "euler,heun,dpmpp_2m,dpmpp_2m:lower_order_final=1,unipc,ipndm,adams2,adams3");
    split(&o->grids, "default,power");
    list numbers;
    split(&numbers, "4,5,6,8,10,15,20");
    o->best = 1000;
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--all") == 0) {
            all_names(o), o->best = 20;
            continue;
        }
        if (strcmp(argv[i], "--estimates") == 0) {
            o->estimates = 1;
            split(&o->samplers, "euler,dpmpp_2m,adams2,heun"), split(&o->grids, "power"), split(&numbers, "5,8,12,20");
            continue;
        }
        if (strcmp(argv[i], "--problems") == 0) split(&o->problems, value);
        else if (strcmp(argv[i], "--samplers") == 0) split(&o->samplers, value);
        else if (strcmp(argv[i], "--grids") == 0) split(&o->grids, value);
        else if (strcmp(argv[i], "--evaluations") == 0) split(&numbers, value);
        else if (strcmp(argv[i], "--samples") == 0) o->samples = atoi(value);
        else if (strcmp(argv[i], "--best") == 0) o->best = atoi(value);
        else if (strcmp(argv[i], "--svg") == 0) o->svg = value;
        else return 0;
        if (!*value) return 0;
        i++;
    }
    for (o->counts = 0; o->counts < numbers.count && o->counts < MOST_COUNTS; o->counts++) {
        o->evaluations[o->counts] = atoi(numbers.item[o->counts]);
        if (o->evaluations[o->counts] < 1) return 0;
    }
    return o->counts > 0;
}

static problem formula(const char *name, const char *about, mixture *g, dk_schedule schedule, int samples) {
    problem p;
    memset(&p, 0, sizeof p);
    p.name = name, p.about = about, p.denoise = mixture_denoise, p.user = g, p.samples = samples;
    p.c.schedule = schedule, p.c.prediction = DK_PREDICT_X0, p.c.dim = (size_t)g->dim;
    return p;
}

int main(int argc, char **argv) {
    static options o;
    static const int labels[UNET_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "usage: bench_quality [--all] [--estimates] [--problems A,B] [--samplers A,B:eta=1] [--grids A,B]\n"
                        "                     [--evaluations 4,5] [--samples N] [--best N] [--svg FOLDER]\n");
        return 2;
    }
    digits d;
    memset(&d, 0, sizeof d);
    const char *wrong = unet_load(&d.net, "examples/digits/weights.bin");
    if (wrong) fail(wrong);
    d.labels = labels, d.count = UNET_CLASSES;
    mixture circle = ring(), seven = small_digits(&d), power = spectrum(UNET_PIXELS);
    const dk_schedule edm = dk_edm(0.002, 80), flow = dk_flow(1);
    problem problems[MOST_PROBLEMS] = {
        formula("ring", "eight Gaussians in the plane", &circle, edm, 256),
        formula("small", "ten Gaussians with the means and covariances of digits of 7 x 7 pixels", &seven, edm, 64),
        formula("spectrum", "a Gaussian with the variances of a picture's frequencies", &power, edm, 16),
        formula("ring_flow", "the same as flow matching, from t = 1", &circle, flow, 256),
        formula("small_flow", "the same as flow matching, from t = 1", &seven, flow, 64),
        formula("spectrum_flow", "the same as flow matching, from t = 1", &power, flow, 16),
        {"digits", "the shipped network, one digit of each class in turn", digits_config(&d), digits_denoise, &d, 30}};
    if (o.estimates) {
        printf("Estimate divided by error, RMS, by evaluations; in parentheses how the samples' logarithms of both are correlated:\n\n"
               "| problem | sampler | grid |");
        for (int i = 0; i < o.counts; i++) printf(" %d |", o.evaluations[i]);
        printf("\n|---|---|---|");
        for (int i = 0; i < o.counts; i++) printf("---|");
        printf("\n");
    }
    for (int i = 0; i < MOST_PROBLEMS && problems[i].name; i++)
        if (!o.problems.count || has(&o.problems, problems[i].name)) (o.estimates ? estimates : rank)(&o, &problems[i]);
    unet_free(&d.net);
    free(circle.mean), free(seven.mean), free(seven.direction), free(power.mean);
    return 0;
}
