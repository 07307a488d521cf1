/* choosing.c: the measurements of docs/choosing.md.

       make choosing      or: build/bench_choosing distilled, for distilled networks alone

   Data are a mixture of ten Gaussians in 64 dimensions, whose variances fall from the first element on as those of pictures
   fall with frequency. A network would have to learn a formula, so its mistakes and a sampler's are told apart. Errors are
   distances per element from a fine solution of the probability-flow ODE with the same start, in per cent of the data's
   deviation, the median of 200 samples. The same is measured on the shipped network of digits, for 16 of them. How far a distribution is off is the sliced Wasserstein distance, in the same unit. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "../examples/digits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GAUSSIANS = 10, DIM = 64, BATCH = 200, MANY = 2000, NUMBERS = MANY * DIM };

static double at[GAUSSIANS][DIM], variance[DIM], deviation;
static dk_real exact[NUMBERS], drawn[NUMBERS], data[NUMBERS];

/* Latents of image models have deviation 1, pixels in EDM's 0.5. */
static void make_data(double wanted) {
    double sum = 0;
    deviation = wanted;
    for (int k = 0; k < GAUSSIANS; k++) {
        dk_real z[DIM];
        dk_normals(7, (uint64_t)k, 0, 0, DIM, z);
        for (int i = 0; i < DIM; i++) {
            at[k][i] = 0.7 * (double)z[i] / sqrt(1.0 + i), variance[i] = 0.1 / sqrt(1.0 + i);
            sum += (at[k][i] * at[k][i] + variance[i]) / (GAUSSIANS * DIM);
        }
    }
    for (int k = 0; k < GAUSSIANS; k++)
        for (int i = 0; i < DIM; i++) at[k][i] *= wanted / sqrt(sum);
    for (int i = 0; i < DIM; i++) variance[i] *= wanted * wanted / sum;
    for (int n = 0; n < MANY; n++) {
        dk_real z[DIM];
        dk_normals(8, (uint64_t)n, 0, 0, DIM, z);
        for (int i = 0; i < DIM; i++)
            data[n * DIM + i] = (dk_real)(at[n % GAUSSIANS][i] + sqrt(variance[i]) * (double)z[i]);
    }
}

/* The network, and what is done to it. */
typedef struct network {
    dk_prediction predicts;
    double wrong;    /* share by which D lies nearer to the origin than it should, above noise level 1 */
    int conditional; /* branch 0 is told that the data are of the first Gaussian */
    int skip;        /* of so many evaluations one is made; the others take D from the last ones */
    int made;        /* evaluations that were made */
    double then[2];  /* noise levels of the last two, the newest first */
    dk_real *D[2];
} network;

static network predicting(dk_prediction predicts) {
    static dk_real memory[2][BATCH * DIM];
    network net;
    memset(&net, 0, sizeof net);
    net.predicts = predicts, net.D[0] = memory[0], net.D[1] = memory[1];
    return net;
}

/* D of the mixture, or, of branch 0 under guidance, of its first Gaussian. */
static void denoised(const dk_eval *e, int one, dk_real *out) {
    double a = e->level.alpha, s = e->level.sigma;
    for (int n = 0; n < e->batch; n++) {
        const dk_real *x = e->input + n * DIM;
        double log_weight[GAUSSIANS], most = -HUGE_VAL, sum = 0, D[DIM] = {0};
        int count = one ? 1 : GAUSSIANS;
        for (int k = 0; k < count; k++) {
            log_weight[k] = 0;
            for (int i = 0; i < DIM; i++) {
                double d = (double)x[i] - a * at[k][i];
                log_weight[k] -= d * d / (2 * (a * a * variance[i] + s * s));
            }
            most = fmax(most, log_weight[k]);
        }
        for (int k = 0; k < count; k++) {
            double w = exp(log_weight[k] - most);
            if (w < 1e-12) continue;
            sum += w;
            for (int i = 0; i < DIM; i++)
                D[i] += w * (at[k][i] +
                             a * variance[i] / (a * a * variance[i] + s * s) * ((double)x[i] - a * at[k][i]));
        }
        for (int i = 0; i < DIM; i++) out[n * DIM + i] = (dk_real)(D[i] / sum);
    }
}

static int denoise(void *user, const dk_eval *e) {
    network *net = (network *)user;
    double a = e->level.alpha, s = e->level.sigma, level = dk_noise_level(e->level);
    int size = e->batch * DIM;
    if (net->skip > 1 && e->call % net->skip &&
        e->call > net->skip) { /* the line through the last two, in log-SNR */
        double h = log(net->then[1] / net->then[0]), w = log(net->then[0] / level) / h;
        if (!(fabs(w) <= 2)) w = 0;
        for (int i = 0; i < size; i++)
            e->output[i] = (dk_real)((1 + w) * (double)net->D[0][i] - w * (double)net->D[1][i]);
    } else {
        denoised(e, net->conditional && e->branch == 0, e->output);
        if (net->wrong > 0 && level > 1)
            for (int i = 0; i < size; i++) e->output[i] *= (dk_real)(1 - net->wrong);
        net->made++;
        if (net->skip > 1) {
            dk_real *oldest = net->D[1];
            net->D[1] = net->D[0], net->D[0] = oldest, net->then[1] = net->then[0], net->then[0] = level;
            memcpy(oldest, e->output, (size_t)size * sizeof *oldest);
        }
    }
    for (int i = 0; i < size; i++) {
        double D = (double)e->output[i], x = (double)e->input[i], N = s > 0 ? (x - a * D) / s : 0;
        if (net->predicts == DK_PREDICT_EPS) e->output[i] = (dk_real)N;
        if (net->predicts == DK_PREDICT_VELOCITY) e->output[i] = (dk_real)(N - D);
    }
    return 0;
}

/* Runs a config in words; x as dk_sample has it. */
static void run(const char *settings, int batch, network *net, dk_real *x) {
    dk_config c = {0};
    c.dim = DIM, c.batch = batch, c.seed = 1, c.prediction = net->predicts;
    net->made = 0;
    if (!dk_config_set(&c, settings) && !dk_sample(&c, denoise, net, x)) return;
    fprintf(stderr, "%s: %s\n", settings, dk_message(&c));
    exit(1);
}

/* The solution from where a config begins, in `exact`, by 300 steps of rk4 in flow matching's time. */
static void solve(const char *settings, const network *like) {
    static double last = -1, last_deviation;
    static char last_guided[40];
    double first[256];
    char fine[160];
    const char *guided = strstr(settings, "guidance.scale") ? strstr(settings, "guidance.scale") : "";
    network net = predicting(DK_PREDICT_VELOCITY);
    dk_config c = {0};
    c.dim = DIM, c.prediction = like->predicts, net.conditional = like->conditional;
    if (dk_config_set(&c, settings) || !dk_levels(&c, DK_UNIT_FLOW, first, 256)) {
        fprintf(stderr, "%s: %s\n", settings, dk_message(&c));
        exit(1);
    }
    if (!(fabs(first[0] - last) > 0 || fabs(deviation - last_deviation) > 0 || strcmp(guided, last_guided)))
        return;
    last = first[0], last_deviation = deviation;
    snprintf(last_guided, sizeof last_guided, "%s", guided);
    snprintf(fine, sizeof fine, "schedule=flow grid=quadratic grid.sigma_max=%.17g sampler=rk4 steps=300 %s",
             last, guided);
    run(fine, BATCH, &net, exact);
}

static int by_size(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

/* The median of the samples' distances: a few of them always end in another Gaussian. */
static double distance_of(const dk_real *a, const dk_real *b, int batch, int dim) {
    double each[BATCH];
    for (int n = 0; n < batch; n++) {
        each[n] = 0;
        for (int i = n * dim; i < (n + 1) * dim; i++) each[n] += pow((double)a[i] - (double)b[i], 2);
    }
    qsort(each, (size_t)batch, sizeof *each, by_size);
    return 100 * sqrt(each[batch / 2] / dim) / deviation;
}

static double distance(void) { return distance_of(drawn, exact, BATCH, DIM); }

/* ------------------------------------------------------------------------------- accuracy by evaluations */

static const int evaluations[] = {4, 6, 8, 12, 20, 40};
enum { COLUMNS = sizeof evaluations / sizeof *evaluations };

static void head(const char *title) {
    printf("\n%-52s", title);
    for (int i = 0; i < COLUMNS; i++) printf(" %7d", evaluations[i]);
    puts("");
}

static void row(const char *family, const char *text, dk_prediction predicts) {
    int heun = strstr(text, "heun") != NULL; /* two evaluations a step, but for the last one */
    network net = predicting(predicts);
    printf("%-52s", text);
    for (int i = 0; i < COLUMNS; i++) {
        char settings[300];
        snprintf(settings, sizeof settings, "%s %s steps=%d", family, text,
                 heun ? (evaluations[i] + 1) / 2 : evaluations[i]);
        solve(settings, &net), run(settings, BATCH, &net, drawn);
        double error = distance();
        printf(error < 1 ? " %7.2f" : " %7.1f", error);
    }
    puts("");
}

static void rows(const char *title, const char *family, dk_prediction predicts, const char *const *text) {
    head(title);
    for (; *text; text++) row(family, *text, predicts);
}

static void accuracy(void) {
    static const char *const flow[] = {"sampler=adams2 grid=power",
                                       "sampler=adams2 plain_last=0.5 grid=power",
                                       "sampler=adams3 grid=power",
                                       "sampler=euler grid=uniform",
                                       "sampler=euler grid=uniform schedule.shift=3",
                                       "sampler=heun grid=uniform",
                                       "sampler=dpmpp_2m grid=uniform",
                                       "sampler=dpmpp_2m grid=uniform schedule.shift=3",
                                       "sampler=dpmpp_2m grid=beta",
                                       "sampler=deis grid=uniform",
                                       "sampler=unipc lower_order_final=1 grid=uniform",
                                       NULL};
    static const char *const vp[] = {"sampler=adams2 grid=power",
                                     "sampler=adams2 plain_last=0.5 grid=power",
                                     "sampler=adams3 grid=power",
                                     "sampler=ddim grid=leading",
                                     "sampler=ddim grid=trailing",
                                     "sampler=euler grid=karras",
                                     "sampler=heun grid=karras",
                                     "sampler=dpmpp_2m grid=linspace",
                                     "sampler=dpmpp_2m grid=karras",
                                     "sampler=dpmpp_2m grid=lambda lower_order_final=1",
                                     "sampler=dpmpp_2m grid=ays_sd1",
                                     "sampler=dpmpp_3m grid=karras",
                                     "sampler=unipc lower_order_final=1 grid=karras",
                                     "sampler=ipndm grid=linspace",
                                     "sampler=deis grid=karras",
                                     NULL};
    static const char *const edm[] = {"sampler=adams2 grid=power",
                                      "sampler=adams2 plain_last=0.5 grid=power",
                                      "sampler=adams3 grid=power",
                                      "sampler=euler grid=karras",
                                      "sampler=heun grid=karras",
                                      "sampler=dpmpp_2m grid=karras",
                                      "sampler=dpmpp_2m grid=karras lower_order_final=1",
                                      "sampler=dpmpp_2m grid=lambda",
                                      "sampler=dpmpp_3m grid=karras",
                                      "sampler=unipc lower_order_final=1 grid=karras",
                                      "sampler=lms grid=karras",
                                      "sampler=deis grid=karras",
                                      NULL};
    make_data(1);
    rows("flow, from t = 1", "schedule=flow", DK_PREDICT_VELOCITY, flow);
    rows("eps on Stable Diffusion's levels", "schedule=vp_scaled_linear", DK_PREDICT_EPS, vp);
    make_data(0.5);
    rows("EDM, from 80", "schedule=edm", DK_PREDICT_X0, edm);
}

/* ---------------------------------------------------------------------------------- a real network */

enum { PICTURES = 16 };
static dk_real fine_pictures[PICTURES * UNET_PIXELS], pictures[PICTURES * UNET_PIXELS];

static void draw_pictures(digits *d, const char *text, int steps, dk_real *x) {
    dk_config c = digits_config(d);
    c.batch = PICTURES, c.seed = 5, c.steps = steps;
    if (!dk_config_set(&c, text) && !dk_sample(&c, digits_denoise, d, x)) return;
    fprintf(stderr, "%s: %s\n", text, dk_message(&c));
    exit(1);
}

static void real_network(void) {
    static const int steps[] = {5, 8, 12, 20}, labels[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static const char *const text[] = {"sampler=adams2 grid=power",
                                       "sampler=adams3 grid=power",
                                       "sampler=dpmpp_2m grid=power",
                                       "sampler=euler grid=karras",
                                       "sampler=dpmpp_2m grid=karras",
                                       "sampler=dpmpp_2m grid=lambda",
                                       "sampler=unipc lower_order_final=1 grid=karras",
                                       "sampler=deis grid=karras",
                                       NULL};
    digits d = {0};
    const char *wrong = unet_load(&d.net, "examples/digits/weights.bin");
    if (wrong) {
        fprintf(stderr, "digits: %s\n", wrong);
        exit(1);
    }
    d.labels = labels, d.count = 10, deviation = (double)d.net.sigma_data;
    draw_pictures(&d, "sampler=adams3 grid=power", 48, fine_pictures);
    printf("\n%-52s %7d %7d %7d %7d\n", "the digits network, EDM from 80", steps[0], steps[1], steps[2],
           steps[3]);
    for (int r = 0; text[r]; r++) {
        printf("%-52s", text[r]);
        for (int i = 0; i < 4; i++) {
            draw_pictures(&d, text[r], steps[i], pictures);
            printf(" %7.1f", distance_of(pictures, fine_pictures, PICTURES, UNET_PIXELS));
        }
        puts("");
    }
}

/* ------------------------------------------------------------------------------------- distributions */

/* Sorts what projections on a direction are. */
static void project(const dk_real *x, const dk_real *direction, double *out) {
    for (int n = 0; n < MANY; n++) {
        out[n] = 0;
        for (int i = 0; i < DIM; i++) out[n] += (double)x[n * DIM + i] * (double)direction[i];
    }
    qsort(out, MANY, sizeof *out, by_size);
}

/* The mean over 64 directions of the distance of a distribution's projections from those of the data. */
static double wasserstein(const dk_real *x) {
    static double a[MANY], b[MANY];
    double sum = 0;
    for (int d = 0; d < 64; d++) {
        dk_real direction[DIM];
        double length = 0;
        dk_normals(9, (uint64_t)d, 0, 0, DIM, direction);
        for (int i = 0; i < DIM; i++) length += pow((double)direction[i], 2);
        project(x, direction, a), project(data, direction, b);
        for (int n = 0; n < MANY; n++) sum += fabs(a[n] - b[n]) / sqrt(length) / (64.0 * MANY);
    }
    return 100 * sum / deviation;
}

static void distributions(void) {
    static const int steps[] = {10, 20, 50, 100};
    static const char *const text[] = {"sampler=ddim",
                                       "sampler=dpmpp_2m",
                                       "sampler=adams2 grid=power",
                                       "sampler=euler_ancestral",
                                       "sampler=dpmpp_2m_sde",
                                       "sampler=dpmpp_3m_sde",
                                       "sampler=sa_solver",
                                       "sampler=er_sde",
                                       "sampler=euler churn=10 churn_max=3",
                                       "sampler=dpmpp_2m churn=10 churn_max=3",
                                       NULL};
    dk_real *other = exact; /* other data, whose distance is that of nothing but chance */
    make_data(1);
    for (int n = 0; n < MANY; n++) {
        dk_real z[DIM + 1];
        dk_normals(10, (uint64_t)n, 0, 0, DIM + 1, z);
        int k = (int)(fabs((double)z[DIM]) * 1e6) % GAUSSIANS;
        for (int i = 0; i < DIM; i++)
            other[n * DIM + i] = (dk_real)(at[k][i] + sqrt(variance[i]) * (double)z[i]);
    }
    printf("\nsliced Wasserstein distance, eps on Stable Diffusion's levels; other data: %.1f\n",
           wasserstein(other));
    printf("%-40s %5d %5d %5d %5d", "evaluations", steps[0], steps[1], steps[2], steps[3]);
    printf("   and with a wrong network\n");
    for (int r = 0; text[r]; r++) {
        printf("%-40s", text[r]);
        for (int i = 0; i < 8; i++) {
            char settings[200];
            network net = predicting(DK_PREDICT_EPS);
            net.wrong = i < 4 ? 0 : 0.1;
            snprintf(settings, sizeof settings, "schedule=vp_scaled_linear %s %s steps=%d",
                     strstr(text[r], "grid") ? "" : "grid=karras", text[r], steps[i % 4]);
            run(settings, MANY, &net, drawn);
            printf(" %5.1f", wasserstein(drawn));
        }
        puts("");
    }
}

/* --------------------------------------------------------------------- inversion, skipping, guidance */

static void inversions(void) {
    static const int steps[] = {10, 20, 50};
    static const char *const text[] = {"sampler=ddim",
                                       "sampler=dpmpp_2m",
                                       "sampler=adams2 grid=power",
                                       "sampler=heun gauge=flow",
                                       "sampler=rk4 gauge=flow",
                                       NULL};
    printf("\n%-40s  %6d  %6d  %6d evaluations each way\n", "data to noise and back, flow", steps[0],
           steps[1], steps[2]);
    for (int r = 0; text[r]; r++) {
        printf("%-40s", text[r]);
        for (int i = 0; i < 3; i++) {
            int n = steps[i] / (strstr(text[r], "heun") ? 2 : strstr(text[r], "rk4") ? 4 : 1);
            const char *grid = strstr(text[r], "grid") ? "" : "grid=uniform";
            char settings[200];
            network net = predicting(DK_PREDICT_VELOCITY);
            memcpy(drawn, data, BATCH * DIM * sizeof *drawn),
                memcpy(exact, data, BATCH * DIM * sizeof *drawn);
            snprintf(settings, sizeof settings, "schedule=flow %s grid.rising=1 start=state %s steps=%d",
                     grid, text[r], n);
            run(settings, BATCH, &net, drawn);
            snprintf(settings, sizeof settings, "schedule=flow %s start=state %s steps=%d", grid, text[r], n);
            run(settings, BATCH, &net, drawn);
            printf("  %6.2f", distance());
        }
        puts("");
    }
}

/* As many steps as make so many evaluations, where one of `skip` is made behind the first ones. */
static int steps_for(int made, int skip) {
    int calls = 0;
    for (; made > 0; calls++) made -= skip < 2 || calls <= skip || calls % skip == 0;
    return calls;
}

static void skipping(void) {
    static const char *const text[] = {"sampler=ddim grid=karras", "sampler=dpmpp_2m grid=karras",
                                       "sampler=deis grid=karras", "sampler=adams2 grid=power", NULL};
    printf("\nevaluations left out, eps on Stable Diffusion's levels: evaluations made of steps, error\n");
    for (int r = 0; text[r]; r++)
        for (int skip = 1; skip <= 3; skip++) {
            printf("%-30s one of %d:", text[r], skip);
            for (int made = 6; made <= 24; made *= 2) {
                char settings[200];
                network net = predicting(DK_PREDICT_EPS);
                snprintf(settings, sizeof settings, "schedule=vp_scaled_linear %s steps=%d", text[r],
                         steps_for(made, skip));
                solve(settings, &net), net.skip = skip, run(settings, BATCH, &net, drawn);
                printf("    %2d of %2d: %5.2f", net.made, steps_for(made, skip), distance());
            }
            puts("");
        }
}

static void guided(void) {
    static const int scales[] = {1, 4, 8};
    static const char *const text[] = {"sampler=ddim grid=karras",
                                       "sampler=dpmpp_2m grid=karras",
                                       "sampler=unipc grid=karras lower_order_final=1",
                                       "sampler=deis grid=karras",
                                       "sampler=adams2 grid=power",
                                       NULL};
    printf("\nguidance, eps on Stable Diffusion's levels: scales 1, 4 and 8 at 10, 20 and 40 steps\n");
    for (int r = 0; text[r]; r++) {
        printf("%-44s", text[r]);
        for (int i = 0; i < 9; i++) {
            char settings[200];
            network net = predicting(DK_PREDICT_EPS);
            net.conditional = 1;
            snprintf(settings, sizeof settings, "schedule=vp_scaled_linear %s steps=%d guidance.scale=%d",
                     text[r], 10 << i / 3, scales[i % 3]);
            solve(settings, &net), run(settings, BATCH, &net, drawn);
            printf(" %6.2f", distance());
        }
        puts("");
    }
}

/* ------------------------------------------------------------------------------- distilled networks */

/* Of data in one dimension the exact consistency function is known: the probability-flow ODE keeps the order of points, so it
   ends at the quantile of the data that the state is of its level. Data: 0.3 N(-1, 0.04) + 0.7 N(0.5, 0.04). */
static double below(double x, dk_level l) {
    double width = sqrt(2 * (l.alpha * l.alpha * 0.04 + l.sigma * l.sigma));
    return 0.15 * erfc((-l.alpha - x) / width) + 0.35 * erfc((0.5 * l.alpha - x) / width);
}

static double quantile(double share) {
    const dk_level clean = {0, 1, 0};
    double low = -3, high = 3;
    for (int i = 0; i < 24; i++) {
        double middle = 0.5 * (low + high);
        if (below(middle, clean) < share) low = middle;
        else high = middle;
    }
    return 0.5 * (low + high);
}

/* user: the share by which its answers above noise level 1 lie nearer to the data's mean, 0.05, than they should. */
static int consistent(void *user, const dk_eval *e) {
    double wrong = dk_noise_level(e->level) > 1 ? *(const double *)user : 0;
    for (int n = 0; n < e->batch; n++)
        e->output[n] = (dk_real)((1 - wrong) * quantile(below((double)e->input[n], e->level)) + wrong * 0.05);
    return 0;
}

static int by_value(const void *a, const void *b) {
    double d = (double)(*(const dk_real *)a - *(const dk_real *)b);
    return (d > 0) - (d < 0);
}

static void distilled(void) {
    static const char *const text[] = {"sampler=lcm", "sampler=tcd eta=0.3", "sampler=euler_ancestral", "sampler=ddim",
                                       "sampler=dpmpp_2m", "sampler=dpmpp_2m_sde", "sampler=adams2 grid=power", NULL};
    deviation = sqrt(0.04 + 0.3 * 1.05 * 1.05 + 0.7 * 0.45 * 0.45);
    printf("\na distilled network, flow: distance of the distribution at 1, 2, 4, 8 evaluations; and with a wrong one\n");
    for (int r = 0; text[r]; r++) {
        printf("%-40s", text[r]);
        for (int i = 0; i < 8; i++) {
            dk_config c = {0};
            double wrong = i < 4 ? 0 : 0.1, sum = 0;
            c.dim = 1, c.batch = MANY, c.seed = 1, c.prediction = DK_PREDICT_X0, c.steps = 1 << i % 4;
            if (dk_config_set(&c, text[r]) || dk_sample(&c, consistent, &wrong, drawn)) {
                fprintf(stderr, "%s: %s\n", text[r], dk_message(&c));
                exit(1);
            }
            qsort(drawn, MANY, sizeof *drawn, by_value);
            for (int n = 0; n < MANY; n++) sum += fabs((double)drawn[n] - quantile((n + 0.5) / MANY)) / MANY;
            printf(" %5.1f", 100 * sum / deviation);
        }
        puts("");
    }
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "distilled") == 0) return distilled(), 0;
    accuracy();
    real_network();
    distributions();
    inversions();
    skipping();
    guided();
    distilled();
    return 0;
}
