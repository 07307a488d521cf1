/* A save of a run that has come somewhere. fuzz_elsewhere: another run, in other parts or on a device, takes it up and ends where the
   first does, to the bit. fuzz_forged: some of its numbers are others and its hash is right, as someone who wants to do harm would
   write it; what refuses it goes on as if nothing had been. */
#ifndef FUZZ_ELSEWHERE_H
#define FUZZ_ELSEWHERE_H

#include "whole.h"

/* The hash is FNV-1a, as dk_save says. */
static void forge(fuzz_input *in, unsigned char *saved, size_t length) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (unsigned n = 1 + fuzz_byte(in) % 3; n; n--) {
        size_t words = length / 8, head = fuzz_byte(in) & 3 ? 11 : 0; /* a wrong head is refused at once */
        size_t at = (head + fuzz_below(in, 65535) % (words - head)) * 8, bytes = length - 8 - at;
        double real = fuzz_real(in);
        int64_t whole_number = fuzz_int(in);
        memcpy(saved + at, fuzz_byte(in) % 2 ? (void *)&real : (void *)&whole_number, bytes < 8 ? bytes : 8);
    }
    for (size_t i = 0; i < length - 8; i++) hash = (hash ^ saved[i]) * 0x100000001B3u;
    for (int b = 0; b < 8; b++) saved[length - 8 + (size_t)b] = (unsigned char)(hash >> (8 * b));
}

/* A run that has come some evaluations far; the last may be out. */
static int come_far(whole_case *w, int device, int evaluations, dk_run *run, dk_real *x) {
    dk_eval e;
    if (!whole_begin(w, device, run, x)) return 0;
    while (evaluations-- && dk_next(run, &e)) whole_evaluate(run, &e);
    return 1;
}

static unsigned char *save_of(dk_run *run, size_t *length) {
    *length = dk_save_size(run);
    unsigned char *saved = (unsigned char *)malloc(*length);
    if (saved) FUZZ_PROMISE(dk_save(run, saved, *length) == DK_OK);
    return saved;
}

static int fuzz_elsewhere(const uint8_t *bytes, size_t size) {
    static whole_case w;
    fuzz_input in = {bytes, bytes + size};
    dk_real x[WHOLE_NUMBERS], y[WHOLE_NUMBERS];
    dk_run run, other;
    size_t length;
    whole_read(&in, &w);
    unsigned devices = fuzz_byte(&in) % 16, before = fuzz_byte(&in) % 32;
    if (!whole_open(&w)) return 0;
    int room = whole_fits_queue(&w.plan, &w.c) && !(w.plan.attempt && w.c.guidance.schedule); /* each attempt's plan is another */
    if (!come_far(&w, room && devices & 1, (int)before, &run, x)) return whole_close(&w);
    unsigned char *saved = save_of(&run, &length);
    int ended = whole_finish(&run);
    whole_bring(&run, x);
    dk_end(&run);
    w.c.threads = 1 + (w.c.threads + 1) % 3, w.c.parallel = NULL;
    if (saved && come_far(&w, room && devices & 2, (int)(devices >> 2), &other, y)) {
        FUZZ_PROMISE(dk_load(&other, saved, length) == DK_OK);
        fuzz_met[FUZZ_BEGUN]++, fuzz_met[FUZZ_ENDED] += (unsigned)ended;
        fuzz_met[FUZZ_LOADED]++, fuzz_met[FUZZ_DEVICES] += room && devices & 3;
        int done = whole_finish(&other) || whole_finish(&other); /* it does one evaluation more */
        whole_bring(&other, y);
        if (ended) FUZZ_PROMISE(done && whole_same(y, x, &w.c));
        dk_end(&other);
    }
    free(saved);
    return whole_close(&w);
}

static int fuzz_forged(const uint8_t *bytes, size_t size) {
    static whole_case w;
    fuzz_input in = {bytes, bytes + size};
    dk_real want[WHOLE_NUMBERS], x[WHOLE_NUMBERS], out[WHOLE_NUMBERS];
    dk_run run;
    int ended = 0;
    size_t length;
    whole_read(&in, &w);
    if (fuzz_byte(&in) % 4 == 0 && !w.c.phases) whole_control(&in, &w.c.sampler);
    unsigned how = fuzz_byte(&in);
    if (!whole_open(&w)) return 0;
    if (!come_far(&w, 0, (int)(how % 16), &run, x)) return whole_close(&w);
    fuzz_met[FUZZ_BEGUN]++;
    unsigned char *saved = save_of(&run, &length);
    if (saved) {
        forge(&in, saved, length);
        if (how & 16) { /* into one that has come less far */
            dk_end(&run);
            if (!come_far(&w, 0, 0, &run, x)) return free(saved), whole_close(&w);
        }
        dk_status status = dk_load(&run, saved, length);
        FUZZ_PROMISE(status == DK_OK || (status == DK_ERROR_SAVED && run.message[0]));
        fuzz_met[status == DK_OK ? FUZZ_FORGED : FUZZ_REFUSED]++;
        dk_denoised(&run, out);
        int done = whole_finish(&run);
        whole_bring(&run, x);
        if (status != DK_OK && whole_reference(&w, want, &ended) && ended) FUZZ_PROMISE(done && whole_same(x, want, &w.c));
    }
    dk_end(&run), free(saved);
    return whole_close(&w);
}

#endif
