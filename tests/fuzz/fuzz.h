/* What the fuzz targets share: bytes read as numbers, a network that stays tame, promises that must hold whatever the
   input is. A target is one function of some bytes, in a file of its own; fuzz.c calls it. */
#ifndef FUZZ_H
#define FUZZ_H

#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include <stdio.h>

#define FUZZ_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A promise that was broken is a finding. */
#define FUZZ_PROMISE(holds)                                                                        \
    do {                                                                                           \
        if (!(holds)) fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #holds), abort(); \
    } while (0)

/* How often an execution came where it should, so that a target that sees refusals alone shows. */
enum { FUZZ_BEGUN, FUZZ_ENDED, FUZZ_PLANS, FUZZ_SINGLES, FUZZ_DEVICES, FUZZ_FAILED, FUZZ_LOADED, FUZZ_FORGED, FUZZ_REFUSED, FUZZ_MET_COUNT };
static uint64_t fuzz_met[FUZZ_MET_COUNT];

/* The input, read from the front; zeros behind its end. */
typedef struct fuzz_input {
    const uint8_t *at, *end;
} fuzz_input;

static inline unsigned fuzz_byte(fuzz_input *in) { return in->at < in->end ? *in->at++ : 0; }

static inline unsigned fuzz_below(fuzz_input *in, unsigned n) {
    unsigned low = fuzz_byte(in);
    return (low + 256 * fuzz_byte(in)) % n;
}

/* Mostly numbers that mean something, sometimes any eight bytes. */
static inline double fuzz_real(fuzz_input *in) {
    static const double some[] = {0,     1,    -1,     0.5,    2,        1e-3,      0.002, 80,
                                  0.1,   20,   1e-300, 5e-324, 1e300,    -0.0,      1e-9,  1e9,
                                  0.999, 1000, 1e-16,  7,      HUGE_VAL, -HUGE_VAL, (double)NAN};
    unsigned which = fuzz_byte(in);
    uint64_t bits = 0;
    double any;
    if (which < FUZZ_COUNT(some)) return some[which];
    if (which < 160) return (which - 60.0) / 64 * (1 + (int)fuzz_byte(in) / 16);
    for (int i = 0; i < 8; i++) bits = bits << 8 | fuzz_byte(in);
    memcpy(&any, &bits, sizeof any);
    return any;
}

static inline int fuzz_int(fuzz_input *in) {
    static const int some[] = {-2147483647 - 1, -2, -1, 100, 999, 1000, 1001, 1000001, 2147483647};
    unsigned which = fuzz_byte(in);
    return which < FUZZ_COUNT(some) ? some[which] : (int)which % 12;
}

/* D is a little less than x, in whatever the network predicts: never large, never NaN for finite input. */
static inline int fuzz_denoise(void *user, const dk_eval *e) {
    size_t n = e->dim * (size_t)e->batch;
    (void)user;
    for (size_t i = 0; i < n; i++) {
        dk_real tame = (dk_real)0.5;
        if (e->input_half) {
            e->output_half[i] = (uint16_t)(e->input_half[i] & 0x3FFF);
            if (e->uncond_output_half) e->uncond_output_half[i] = 0;
        } else {
            if (fabs((double)e->input[i]) < 1e6) tame *= e->input[i];
            e->output[i] = tame;
            if (e->uncond_output) e->uncond_output[i] = tame / 2;
        }
    }
    return 0;
}

/* What must hold for a config whatever it says: refused with a message that names a field, or run to an end. */
static inline void fuzz_run(dk_config *c, int evaluations) {
    enum { MOST = 1 << 21 };
    static dk_real x[64];
    size_t bytes = dk_run_size(NULL, c);
    dk_run run;
    dk_eval eval;
    if (!bytes) FUZZ_PROMISE(dk_begin(&run, c, x, NULL, 0) != DK_OK && run.message[0]);
    if (!bytes || bytes > MOST || c->dim > 64 || c->dim * (size_t)(c->batch ? c->batch : 1) > 64) return;
    char *memory = (char *)malloc(bytes + 1);
    if (!memory) return;
    memory[bytes] = 77;
    for (int i = 0; i < 64; i++) x[i] = (dk_real)(i % 7) / 8;
    if (dk_begin(&run, c, x, memory, bytes) == DK_OK) {
        fuzz_met[FUZZ_BEGUN]++;
        while (evaluations-- && dk_next(&run, &eval)) FUZZ_PROMISE(!fuzz_denoise(NULL, &eval));
        FUZZ_PROMISE(run.status == DK_OK || run.message[0]);
        fuzz_met[FUZZ_ENDED] += evaluations >= 0 && run.status == DK_OK;
        dk_end(&run);
    } else {
        FUZZ_PROMISE(run.message[0] || c->message[0]);
    }
    FUZZ_PROMISE(memory[bytes] == 77);
    free(memory);
}

#endif
