/* guidance.c: what each form of guidance does to the same ten digits.

       make guidance      or: build/guidance PICTURE [SEED], from the project's root

   One row of the picture for each line of the table that it prints; see docs/guidance.md. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "digits.h"

enum { CLASSES = 10, STEPS = 20 };

static const struct {
    const char *sampler, *settings; /* as for dk_config_set */
} rows[] = {
    {"dpmpp_2m", ""},
    {"dpmpp_2m", "guidance.scale=2"},
    {"dpmpp_2m", "guidance.scale=4"},
    {"dpmpp_2m", "guidance.scale=8"},
    {"dpmpp_2m", "guidance.scale=8 guidance.rescale=0.7"},
    {"dpmpp_2m", "guidance.scale=8 guidance.noise_min=0.2 guidance.noise_max=5"},
    {"dpmpp_2m", "guidance.scale=8 guidance.zero_star=1 guidance.zero_init=1"},
    {"dpmpp_2m", "guidance.scale=8 guidance.projected=1 guidance.momentum=-0.5 guidance.limit=6"},
    {"dpmpp_2m", "guidance.scale=8 guidance.quantile=0.9"},
    {"dpmpp_2m_cfg_pp", "guidance.scale=0.8"},
};
enum { ROWS = sizeof rows / sizeof *rows };

static const char *const labels[ROWS] = {"none",        "scale 2",      "scale 4", "scale 8",     "8, rescaled",
                                         "8, interval", "8, CFG-Zero*", "8, APG",  "8, quantile", "CFG++, 0.8"};

static dk_real sheet[ROWS][CLASSES * UNET_PIXELS];

/* Counts images that the network works on. */
typedef struct counted {
    digits d;
    int images;
} counted;

static int denoise(void *user, const dk_eval *e) {
    counted *n = (counted *)user;
    n->images += e->batch;
    return digits_denoise(&n->d, e);
}

static int draw(counted *n, int row, uint64_t seed) {
    digits_bar bar = {digits_seconds(), 1, 0};
    dk_config c = digits_config(&n->d);
    c.sampler = dk_sampler_named(rows[row].sampler);
    c.steps = STEPS, c.batch = CLASSES, c.seed = seed;
    c.progress = digits_progress, c.progress_user = &bar;
    c.guidance.doubled = 1; /* condition and no condition in one batch */
    n->images = 0;
    if (dk_config_set(&c, rows[row].settings) || dk_sample(&c, denoise, n, sheet[row]))
        return fprintf(stderr, "guidance: %s\n", dk_message(&c)), 1;
    double ink = 0, largest = 0;
    for (int i = 0; i < CLASSES * UNET_PIXELS; i++) {
        ink += 0.5 + 0.5 * (double)sheet[row][i];
        largest = fmax(largest, fabs((double)sheet[row][i]));
    }
    printf("%4d  %5.1f%%  %7.2f  %s%s%s\n", n->images / CLASSES, 100 * ink / (CLASSES * UNET_PIXELS), largest,
           rows[row].sampler, *rows[row].settings ? ", " : "", rows[row].settings);
    fflush(stdout);
    return 0;
}

int main(int argc, char **argv) {
    static const int every_class[CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    counted n;
    memset(&n, 0, sizeof n);
    if (argc < 2) return fprintf(stderr, "usage: guidance PICTURE [SEED]\n"), 2;
    const char *wrong = unet_load(&n.d.net, "examples/digits/weights.bin");
    if (wrong) return fprintf(stderr, "guidance: examples/digits/weights.bin: %s\n", wrong), 1;
    n.d.labels = every_class, n.d.count = CLASSES;
    printf("forward passes per digit, pixels inked, largest |pixel| (data: 1):\n");
    int failed = 0;
    for (int row = 0; row < ROWS && !failed; row++)
        failed = draw(&n, row, argc > 2 ? strtoull(argv[2], NULL, 10) : 3);
    unet_free(&n.d.net);
    if (!failed && (failed = digits_labelled_png(argv[1], sheet[0], ROWS * CLASSES, CLASSES, 2, labels)) != 0)
        fprintf(stderr, "guidance: cannot write %s\n", argv[1]);
    if (!failed) printf("-> %s\n", argv[1]);
    return failed;
}
