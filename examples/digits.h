/* digits.h: a real network behind diffkit's denoiser callback, the digits of examples/digits.

   The adapter is digits_denoise and digits_config, 40 lines; copy them for a network of your own. Below are
   what the examples need besides: pictures of the samples and a progress bar.

       digits d = {0};
       const char *wrong = unet_load(&d.net, "examples/digits/weights.bin");
       dk_config c = digits_config(&d);
       c.batch = 10;  c.seed = 1;
       dk_sample(&c, digits_denoise, &d, x);              // x: 10 * 784 numbers in [-1, 1]

   Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_DIGITS_H
#define EXAMPLES_DIGITS_H

#include "digits/unet.h"
#include "letters.h"
#include "png.h"
#include <time.h>
#ifdef _WIN32
#include <io.h>
#define DIGITS_IS_TERMINAL(fd) _isatty(fd)
#else
#include <unistd.h>
#define DIGITS_IS_TERMINAL(fd) isatty(fd)
#endif

#define DIGITS_CHUNK 128
enum { DIGITS_NO_CLASS = UNET_CLASSES };

/* Sample number n is of class labels[n % count], 0 .. 9; without labels all are of no given class. */
typedef struct digits {
    unet net;
    const int *labels;
    int count;
} digits;

/* ------------------------------------------------------------------------------- the adapter */

/* The network's arrays, for up to DIGITS_CHUNK images. */
typedef struct digits_chunk {
    float in[DIGITS_CHUNK * UNET_PIXELS], out[DIGITS_CHUNK * UNET_PIXELS], c_noise[DIGITS_CHUNK];
    int label[DIGITS_CHUNK];
} digits_chunk;

/* Runs the network on all samples, DIGITS_CHUNK at a time; states may be double, the network is float. With guidance only
   branch 0 is told the class. */
static inline int digits_forward(const digits *d, const dk_eval *e, int with_class, dk_real *output) {
    const int samples = e->batch / e->branches; /* of each branch */
    const int most = e->batch < DIGITS_CHUNK ? e->batch : DIGITS_CHUNK;
    digits_chunk *c = (digits_chunk *)malloc(sizeof *c);
    float *memory = (float *)malloc(unet_memory(most) * sizeof *memory);
    for (int first = 0, n; c && memory && first < e->batch; first += n) {
        n = e->batch - first < most ? e->batch - first : most;
        size_t at = (size_t)first * UNET_PIXELS, size = (size_t)n * UNET_PIXELS;
        for (int i = 0; i < n; i++) {
            uint64_t sample = e->first_sample + (uint64_t)((first + i) % samples);
            int told = with_class && d->count > 0 && e->branch + (first + i) / samples == 0;
            c->c_noise[i] = (float)e->t;
            c->label[i] = told ? d->labels[sample % (uint64_t)d->count] : DIGITS_NO_CLASS;
        }
        for (size_t i = 0; i < size; i++) c->in[i] = (float)e->input[at + i];
        unet_forward(&d->net, n, c->in, c->c_noise, c->label, c->out, memory);
        for (size_t i = 0; i < size; i++) output[at + i] = (dk_real)c->out[i];
    }
    int failed = !c || !memory;
    free(c), free(memory);
    return failed;
}

/* The dk_denoise_fn; user is a digits. */
static inline int digits_denoise(void *user, const dk_eval *e) {
    const digits *d = (const digits *)user;
    if (digits_forward(d, e, 1, e->output)) return 1;
    return e->uncond_output ? digits_forward(d, e, 0, e->uncond_output) : 0;
}

/* What kind of network this is, and the levels that it was trained for. The rest is the caller's choice. */
static inline dk_config digits_config(const digits *d) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.schedule = dk_edm(0.002, 80);
    c.prediction = DK_PREDICT_EDM; /* the raw F of Karras et al. 2022, told c_noise */
    c.sigma_data = (double)d->net.sigma_data;
    c.steps = 20;
    c.dim = UNET_PIXELS;
    return c;
}

/* ------------------------------------------------------------------ pictures and progress bar */

/* Samples in rows of `columns`, dark ink on white, pixels zoom x zoom large. labels: NULL, or what stands left of every row.
   Returns 0, or 1 on failure. */
static inline int digits_labelled_png(const char *path, const dk_real *x, int count, int columns, int zoom,
                                      const char *const *labels) {
    const int margin = 2 * zoom, cell = UNET_SIZE * zoom + margin, rows = (count + columns - 1) / columns,
              size = 2;
    int left = 0;
    for (int row = 0; labels && row < rows; row++) {
        const int wide = letters_width(size, labels[row]) + margin;
        left = wide > left ? wide : left;
    }
    const int width = left + columns * cell + margin, height = rows * cell + margin;
    unsigned char *pixels = (unsigned char *)malloc((size_t)width * (size_t)height);
    if (!pixels) return 1;
    memset(pixels, 224, (size_t)width * (size_t)height);
    for (int row = 0; labels && row < rows; row++)
        letters_write(pixels, width, height, 1, margin,
                      row * cell + (cell + margin - LETTERS_HIGH * size) / 2, size, 32, labels[row]);
    for (int y = 0; y < height; y++)
        for (int i = left; i < width; i++) {
            int column = (i - left) / cell, row = y / cell, u = (i - left) % cell - margin,
                v = y % cell - margin;
            if (u < 0 || v < 0 || row * columns + column >= count) continue;
            size_t pixel = (size_t)(v / zoom * UNET_SIZE + u / zoom);
            double ink = 0.5 + 0.5 * (double)x[(size_t)(row * columns + column) * UNET_PIXELS + pixel];
            double clipped = ink > 1 ? 1 : ink < 0 ? 0 : ink;
            pixels[(size_t)y * (size_t)width + (size_t)i] = (unsigned char)(255.5 - 255 * clipped);
        }
    int failed = png_write(path, pixels, width, height, 1);
    free(pixels);
    return failed;
}
static inline int digits_png(const char *path, const dk_real *x, int count, int columns, int zoom) {
    return digits_labelled_png(path, x, count, columns, zoom, NULL);
}

/* Seconds on some clock. */
static inline double digits_seconds(void) {
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct digits_bar {
    double start; /* digits_seconds() when the run began, or was taken up again */
    int fleeting; /* 1: wiped when the run is over, and nothing at all where there is no terminal */
    int before;   /* evaluations that an earlier part of the run made */
} digits_bar;

/* A dk_progress_fn; user is a digits_bar. Where stderr is no terminal, four lines instead of a moving bar. With step-size
   control nobody knows how many evaluations there will be: no bar, no time left. */
static inline int digits_progress(void *user, struct dk_run *run, const dk_eval *e) {
    const digits_bar *bar = (const digits_bar *)user;
    static const char full[] = "##############################", none[] = "..............................";
    const int terminal = DIGITS_IS_TERMINAL(2), done = e->call + 1, width = 30, known = e->calls > 0;
    const double share = known ? (double)done / e->calls : 0, spent = digits_seconds() - bar->start;
    const int filled = (int)(width * share);
    (void)run;
    if (!terminal && (bar->fleeting || !known || (int)(4.0 * e->call / e->calls) == (int)(4 * share)))
        return 0;
    fprintf(stderr, "%s  ", terminal ? "\r" : "");
    if (known)
        fprintf(stderr, "[%.*s%.*s] step %d of %d, evaluation %d of %d, %.1f s, %.1f s left", filled, full,
                width - filled, none, e->step + 1, e->steps, done, e->calls, spent,
                spent / (done - bar->before) * (e->calls - done));
    else fprintf(stderr, "step %d, evaluation %d, %.1f s", e->step + 1, done, spent);
    fprintf(stderr, terminal ? "  " : "\n");
    if (terminal && done == e->calls) fprintf(stderr, bar->fleeting ? "\r%100s\r" : "%s\n", "");
    fflush(stderr);
    return 0;
}

#endif /* EXAMPLES_DIGITS_H */
