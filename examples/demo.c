/* demo.c: what diffkit.h does, shown with a real network that draws handwritten digits.

       make demo                     or: build/demo [WEIGHTS], from the project's root

   1. Draws 80 digits.
   2. Shows that the families of diffusion models are one: the same network, sampled as flow matching, as VE
      and as VP, draws the same digits. Exits with 1 if it does not.
   3. Draws digits with five evaluations each: by two samplers, and by a plan that is fitted to the network.
   The pictures go next to the program. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "digits.h"
#include "digits/plans.h"

enum { STEPS = 20, ROWS = 8, CLASSES = 10, FAMILIES = 3, WAYS = 4, SHEET = ROWS * CLASSES, ONE_EACH = CLASSES };
static const int every_class[CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static const double pixel_range = 2; /* white is -1, ink is 1 */

static dk_real sheet[SHEET * UNET_PIXELS], family_x[FAMILIES][ONE_EACH * UNET_PIXELS], way_x[WAYS][ONE_EACH * UNET_PIXELS];

/* Runs the config on the network, with a progress bar; 0 if all went well. */
static int sample(digits *net, dk_config *c, int fleeting_bar, dk_real *x) {
    digits_bar bar = {digits_seconds(), fleeting_bar, 0};
    c->progress = digits_progress, c->progress_user = &bar;
    if (dk_sample(c, digits_denoise, net, x) == DK_OK) return 0;
    fprintf(stderr, "demo: %s\n", dk_message(c));
    return 1;
}

/* Writes a picture next to the program. labels: NULL, or what stands before every row. */
static int write_picture(const char *program, const char *name, const dk_real *x, int count,
                         const char *const *labels) {
    char path[1024];
    const char *slash = strrchr(program, '/');
    int length = snprintf(path, sizeof path, "%.*s%s", slash ? (int)(slash - program) + 1 : 0, program, name);
    if (length >= (int)sizeof path || digits_labelled_png(path, x, count, CLASSES, 3, labels)) {
        fprintf(stderr, "demo: cannot write %s\n", path);
        return 1;
    }
    printf("   -> %s\n\n", path);
    return 0;
}

/* ---------------------------------------------------------------------------- 1. draw digits */

static int draw_digits(digits *net, const char *program) {
    dk_config c = digits_config(net);
    c.sampler = dk_sampler_named("dpmpp_2m_sde"); /* fresh noise in each step mends errors of earlier ones */
    c.steps = STEPS, c.batch = SHEET, c.seed = 1;
    c.guidance.scale = 3, c.guidance.doubled = 1; /* towards what is said of a class */
    printf("1. %d digits, one column per class: %s, %d steps, guidance %g\n", c.batch, c.sampler.name,
           c.steps, c.guidance.scale);
    fflush(stdout);
    return sample(net, &c, 0, sheet) || write_picture(program, "digits.png", sheet, SHEET, NULL);
}

/* --------------------------------------------------------------- 2. three families, one model */

/* The same noise levels sigma/alpha exist in each family. What differs is how x is scaled on the way. */
typedef struct family {
    dk_schedule schedule;
    dk_gauge gauge; /* the scaling in which a classical integrator sees this family's ODE */
} family;

static const char *const classical[] = {"euler", "heun", "midpoint", "rk4"};

/* Draws the digits of all families by one sampler, into family_x, and prints how far flow and VP are from VE.
   *largest is the largest difference of any pixel, as a part of the range. Returns 0 if all went well. */
static int compare(digits *net, dk_config *c, const char *sampler, double *largest) {
    const family families[FAMILIES] = {
        {dk_ve(0.002, 80), DK_GAUGE_VE},
        {dk_flow(1), DK_GAUGE_FLOW},
        {dk_vp(0.1, 20), DK_GAUGE_NATIVE},
    };
    dk_plan plan = {0};
    double start = digits_seconds(), mean[FAMILIES] = {0}, most[FAMILIES] = {0};
    for (int f = 0; f < FAMILIES; f++) {
        c->schedule = families[f].schedule;
        c->sampler = dk_sampler_named(sampler);
        if (c->sampler.tableau) c->sampler.gauge = families[f].gauge; /* a classical Runge-Kutta method */
        if (sample(net, c, 1, family_x[f])) return 1;
        for (int i = 0; i < ONE_EACH * UNET_PIXELS; i++) {
            double difference = fabs((double)family_x[f][i] - (double)family_x[0][i]) / pixel_range;
            mean[f] += difference / (ONE_EACH * UNET_PIXELS);
            if (!(difference <= most[f])) most[f] = difference;
        }
    }
    if (dk_record(&plan, c) != DK_OK) return 1; /* a plan knows how many evaluations there are */
    printf("      %-10s  %11d  %7.4f%%   %7.4f%%   %7.4f%%   %7.4f%%   %7.1f\n", sampler, plan.calls,
           100 * mean[1], 100 * most[1], 100 * mean[2], 100 * most[2], digits_seconds() - start);
    fflush(stdout);
    dk_plan_free(&plan);
    *largest = fmax(most[1], most[2]);
    return 0;
}

static int draw_families(digits *net, const char *program) {
    const double tolerance = 0.001;
    double lambda[STEPS + 1], largest, unused;
    dk_plan plan = {0};
    dk_config c = digits_config(net);
    c.steps = STEPS, c.batch = ONE_EACH, c.seed = 9;

    /* One grid for all: Karras' levels as log(alpha/sigma), infinity being the last. */
    c.grid = dk_grid_named("karras");
    if (dk_record(&plan, &c) != DK_OK) return 1;
    for (int i = 0; i <= STEPS; i++) lambda[i] = dk_lambda(plan.level[i]);
    dk_plan_free(&plan);
    c.grid = dk_grid_levels(lambda, DK_UNIT_LAMBDA);

    printf("2. The same network, seeds and noise levels, %d steps, sampled as three families:\n\n"
           "      VE     x = x0 + sigma noise\n"
           "      flow   x = (1 - t) x0 + t noise\n"
           "      VP     x = alpha x0 + sqrt(1 - alpha^2) noise\n\n"
           "   Differences between the digits, in percent of the range from white to ink:\n\n"
           "                                   flow and VE             VP and VE\n"
           "      sampler     evaluations     mean    largest       mean    largest   seconds\n",
           c.steps);
    if (compare(net, &c, "dpmpp_2m", &largest)) return 1;
    printf("\n   dpmpp_2m steps over log(alpha/sigma), which all families share: the digits must be the\n"
           "   same up to rounding (below %g%%). %s. Top to bottom VE, flow, VP:\n",
           100 * tolerance, largest < tolerance ? "PASS: they are" : "FAIL: they are not");
    static const char *const labels[FAMILIES] = {"VE", "flow", "VP"};
    if (write_picture(program, "families.png", family_x[0], FAMILIES * ONE_EACH, labels)) return 1;

    printf("   Integrators of an ODE work in the scaling of their family, and agree as far as they are\n"
           "   accurate:\n\n");
    for (int k = 0; k < (int)(sizeof classical / sizeof *classical); k++)
        if (compare(net, &c, classical[k], &unused)) return 1;
    printf("\n   More steps bring them together. Only Euler's step is one and the same in VE and flow.\n");
    return !(largest < tolerance);
}

/* --------------------------------------------------------------------- 3. few evaluations */

/* What the digits would be with many steps comes last. */
static int draw_few(digits *net, const char *program) {
    enum { EVALUATIONS = 5 };
    static const char *const about[WAYS] = {"dpmpp_2m on the karras grid", "adams2 on the power grid",
                                            "a plan fitted to the network", "many steps: what all of them approach"};
    printf("\n3. Ten digits with %d evaluations each, from the same noise. Top to bottom, with their distance from the last:\n\n",
           EVALUATIONS);
    for (int k = WAYS - 1; k >= 0; k--) {
        dk_config c = digits_config(net);
        c.steps = k == WAYS - 1 ? 100 : EVALUATIONS, c.batch = ONE_EACH, c.seed = 3;
        if (k == 2) c.sampler = dk_table_sampler(digits_plan(EVALUATIONS, 0)), c.steps = 0;
        else if (dk_config_set(&c, k == 0 ? "sampler=dpmpp_2m grid=karras" : "sampler=adams2 grid=power")) return 1;
        if (sample(net, &c, 1, way_x[k])) return 1;
    }
    for (int k = 0; k < WAYS; k++) {
        double sum = 0;
        for (int i = 0; i < ONE_EACH * UNET_PIXELS; i++)
            sum += pow((double)way_x[k][i] - (double)way_x[WAYS - 1][i], 2) / (ONE_EACH * UNET_PIXELS);
        printf("      %-40s %5.2f%%\n", about[k], 100 * sqrt(sum) / pixel_range);
    }
    static const char *const labels[WAYS] = {"dpmpp_2m", "adams2", "fitted", "exact"};
    return write_picture(program, "few.png", way_x[0], WAYS * ONE_EACH, labels);
}

int main(int argc, char **argv) {
    digits net = {0};
    const char *weights = argc > 1 ? argv[1] : "examples/digits/weights.bin";
    const char *wrong = unet_load(&net.net, weights);
    if (wrong) {
        fprintf(stderr, "demo: %s: %s\n", weights, wrong);
        return 1;
    }
    net.labels = every_class, net.count = CLASSES;
    int failed = draw_digits(&net, argv[0]) || draw_families(&net, argv[0]) || draw_few(&net, argv[0]);
    unet_free(&net.net);
    return failed;
}
