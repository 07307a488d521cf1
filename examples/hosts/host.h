/* host.h: what every host here does besides being one. It draws digits with its own copy of the network and with
   the C one, and says how far they are apart. */
#ifndef EXAMPLES_HOST_H
#define EXAMPLES_HOST_H

#include "../digits.h"

static const int host_labels[UNET_CLASSES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};

/* The class of sample number b of a batch: one column for each. */
static inline int host_label(const dk_eval *e, int b) {
    return host_labels[(e->first_sample + (uint64_t)b) % UNET_CLASSES];
}

/* Returns 0 if the digits are the same up to rounding. The picture goes next to the program. */
static inline int host_compare(const char *name, dk_denoise_fn denoise, void *user, int count) {
    const double tolerance = 0.0001, pixel_range = 2; /* white is -1, ink is 1 */
    static digits c_network; /* zero */
    char path[1024];
    const char *wrong = unet_load(&c_network.net, "examples/digits/weights.bin");
    if (wrong) return fprintf(stderr, "%s: examples/digits/weights.bin: %s\n", name, wrong), 1;
    c_network.labels = host_labels, c_network.count = UNET_CLASSES;

    dk_config c = digits_config(&c_network);
    c.sampler = dk_sampler_named("dpmpp_2m_sde");
    c.steps = 40, c.batch = count, c.seed = 1;
    size_t size = (size_t)count * c.dim;
    dk_real *x = (dk_real *)malloc(2 * size * sizeof *x), *want = x + size;
    double start = digits_seconds(), half, end, largest = 0;
    int failed = !x || dk_sample(&c, denoise, user, x);
    half = digits_seconds();
    failed = failed || dk_sample(&c, digits_denoise, &c_network, want);
    end = digits_seconds();
    if (failed) return fprintf(stderr, "%s: %s\n", name, x ? dk_message(&c) : "out of memory"), 1;
    for (size_t i = 0; i < size; i++) largest = fmax(largest, fabs((double)x[i] - (double)want[i]));
    failed = !(largest <= tolerance * pixel_range);
    printf("%d digits, %d steps, %.1f s (C: %.1f s)\n", count, c.steps, half - start, end - half);
    printf("largest difference to the C network: %.5f%% of the pixel range, %s %g%%\n",
           100 * largest / pixel_range, failed ? "above" : "below", 100 * tolerance);
    snprintf(path, sizeof path, "%s.png", name);
    failed |= digits_png(path, x, count, UNET_CLASSES, 3);
    free(x);
    unet_free(&c_network.net);
    return failed;
}

#endif /* EXAMPLES_HOST_H */
