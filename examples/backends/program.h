/* program.h: what the back ends here have in common, and are shown with: digits are drawn on this machine and on the device,
   and compared. */
static int device_get(void *user, dk_run *run, dk_value_kind kind, int slot, void *to) {
    (void)user;
    return device_copy(run, kind == DK_VALUE_GIVEN ? 1 + dk_run_plan(run)->buffers + slot : slot, to, NULL);
}

static int device_put(void *user, dk_run *run, dk_value_kind kind, int slot, const void *from) {
    (void)user, (void)kind;
    return device_copy(run, slot, NULL, from);
}

static const dk_backend device_backend = {NULL, device_rows, device_norm, NULL, device_begin, device_end, device_get, device_put};

#ifndef BACKEND_ALONE /* tests/backend has a program of its own */
#include "../digits.h"
#include <math.h>

enum { DIGITS = 10, SIZE = DIGITS * UNET_PIXELS };

/* The network reads one buffer of the device and writes another: here, by way of this machine. */
typedef struct at_device {
    digits net;
    dk_run run;
    dk_real input[SIZE], output[SIZE];
} at_device;

static int denoise(void *user, const dk_eval *e) {
    at_device *a = (at_device *)user;
    dk_eval here = *e;
    here.input = a->input;
    return device_backend.get(NULL, &a->run, DK_VALUE_BUFFER, e->input_slot, a->input) ||
           digits_forward(&a->net, &here, 1, a->output) ||
           device_backend.put(NULL, &a->run, DK_VALUE_BUFFER, e->output_slot, a->output);
}

int main(int count, char **words) {
    static const char *const samplers[] = {"adams2", "dpmpp_2m_sde", "predictor_corrector"};
    static const int labels[DIGITS] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    static at_device a;
    static dk_real host[SIZE];
    double worst = 0;
    const char *wrong = unet_load(&a.net.net, count > 1 ? words[1] : "examples/digits/weights.bin");
    if (!wrong) wrong = device_open();
    if (wrong) return fprintf(stderr, "%s\n", wrong), 1;
    a.net.labels = labels, a.net.count = DIGITS;
    for (int k = 0; k < 3; k++) {
        dk_config c = digits_config(&a.net);
        c.batch = DIGITS, c.seed = 1, c.steps = 10, c.sampler = dk_sampler_named(samplers[k]);
        if (dk_sample(&c, digits_denoise, &a.net, host)) return fprintf(stderr, "%s\n", dk_message(&c)), 1;
        c.backend = &device_backend;
        if (dk_begin(&a.run, &c, NULL, NULL, 0) || dk_continue(&a.run, denoise, &a) || !dk_state(&a.run))
            return fprintf(stderr, "%s\n", a.run.message), 1;
        const dk_real *x = dk_state(&a.run);
        double off = 0;
        for (int i = 0; i < SIZE; i++) off = fmax(off, fabs((double)x[i] - (double)host[i]));
        printf("%s: %d digits by %s are %.1e from this machine's\n", device.name, DIGITS, samplers[k], off);
        if (count > 2) digits_png(words[2], x, DIGITS, DIGITS, 3);
        worst = fmax(worst, off);
        dk_end(&a.run);
    }
    device_close();
    return worst > 1e-5;
}
#endif
