/* A run whose callbacks fail: network, progress, hook, guider, noise source, device. It says so, is asked again, and ends where an
   undisturbed one does, to the bit. */
#ifndef FUZZ_CALLBACKS_H
#define FUZZ_CALLBACKS_H

#include "whole.h"

/* What goes wrong in the denoiser and in progress, and at which call of them. */
typedef struct troubles {
    dk_run *run;
    whole_calls network, progress;
} troubles;

static int callbacks_denoise(void *user, const dk_eval *e) {
    troubles *l = (troubles *)user;
    int failing = whole_failing(&l->network), kind = l->network.kind % 4;
    if (failing && kind == 0) return 1;
    if (failing && kind == 1) return 0; /* nothing is written */
    if (whole_evaluate(l->run, e)) return 1;
    if (failing && kind == 2 && e->output) e->output[e->dim * (size_t)e->batch - 1] = (dk_real)NAN;
    if (failing && kind == 3 && e->output_half) e->output_half[0] = 0x7FFF;
    return 0;
}

/* Looks at the run, and takes it further, which is refused within dk_next only: here dk_end would be heard. */
static int callbacks_progress(void *user, dk_run *run, const dk_eval *e) {
    troubles *l = (troubles *)user;
    static dk_real out[WHOLE_NUMBERS];
    (void)e;
    if (l->progress.kind & 4) FUZZ_PROMISE(dk_denoised(run, out) == DK_OK || run->config.backend);
    return whole_failing(&l->progress);
}

/* Where nothing looks for what is bad, it is taken for good. */
static int callbacks_are_seen(const whole_case *w, const troubles *l, int device) {
    int written = l->network.fails && l->network.kind % 4 != 0;
    int drawn = w->calls.fails && w->calls.kind % 2;
    return !((written || drawn) && (w->c.unchecked || device));
}

static int fuzz_callbacks(const uint8_t *bytes, size_t size) {
    static whole_case w;
    fuzz_input in = {bytes, bytes + size};
    dk_real want[WHOLE_NUMBERS], x[WHOLE_NUMBERS];
    troubles l;
    dk_run run;
    int ended = 0, asked = 0;
    memset(&l, 0, sizeof l);
    whole_read(&in, &w);
    if (!whole_open(&w)) return 0;
    if (!whole_reference(&w, want, &ended) || !ended) return whole_close(&w);
    unsigned device = fuzz_byte(&in) % 2;
    l.network.fails = (int)(fuzz_byte(&in) % 12), l.network.kind = (int)fuzz_byte(&in);
    l.progress.fails = (int)(fuzz_byte(&in) % 12), l.progress.kind = (int)fuzz_byte(&in);
    w.calls.fails = (int)(fuzz_byte(&in) % 12), w.calls.kind = (int)fuzz_byte(&in);
    l.run = &run;
    w.c.progress = callbacks_progress, w.c.progress_user = &l;
    if (w.plan.attempt || !whole_fits_queue(&w.plan, &w.c)) device = 0;
    w.device.lost = device && w.calls.kind & 64;
    if (w.device.lost) FUZZ_PROMISE(!whole_begin(&w, 1, &run, x));
    w.device.lost = 0;
    if (!callbacks_are_seen(&w, &l, (int)device) || !whole_begin(&w, (int)device, &run, x)) return whole_close(&w);
    while (dk_continue(&run, callbacks_denoise, &l) != DK_OK && ++asked < 6) FUZZ_PROMISE(run.message[0]);
    fuzz_met[FUZZ_FAILED] += (unsigned)asked, fuzz_met[FUZZ_DEVICES] += device;
    FUZZ_PROMISE(run.status == DK_OK);
    w.calls.fails = 0;
    whole_bring(&run, x);
    dk_end(&run);
    FUZZ_PROMISE(whole_same(x, want, &w.c));
    return whole_close(&w);
}

#endif
