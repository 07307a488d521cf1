/* A plan of any config: copied, equal, said in words; a run on the copy in other parts and in memory that just suffices ends as
   dk_begin's does, and so does each of its samples alone. */
#ifndef FUZZ_PLAN_H
#define FUZZ_PLAN_H

#include "whole.h"

/* Whether a sample's numbers are its own: draws have addresses, and no step size follows from the others. */
static int plan_has_singles(const dk_config *c) {
    int addressed = 1;
    const dk_noise_source *const sources[] = {&c->noise, &c->step_noise};
    for (int i = 0; i < 2; i++) addressed &= !sources[i]->fn && (c->seeds || sources[i]->kind <= DK_NOISE_BROWNIAN);
    return addressed && c->batch > 1;
}

static void plan_samples_alone(whole_case *w, const dk_real *x) {
    dk_real one[WHOLE_NUMBERS];
    dk_run run;
    for (int b = 0; b < w->c.batch; b++) {
        dk_config c = w->c;
        const size_t at = (size_t)b * c.dim;
        c.batch = 1;
        if (c.seeds) c.seeds += b;
        else c.first_sample += (unsigned)b;
        if (c.mask) c.mask += at, c.known += at;
        whole_fill(one);
        FUZZ_PROMISE(dk_begin(&run, &c, one + at, NULL, 0) == DK_OK);
        FUZZ_PROMISE(whole_finish(&run));
        dk_end(&run);
        FUZZ_PROMISE(!memcmp(one + at, x + at, c.dim * sizeof *x));
    }
    fuzz_met[FUZZ_SINGLES]++;
}

static void plan_run(whole_case *w, const dk_plan *plan, const dk_real *want, int ended) {
    dk_real x[WHOLE_NUMBERS];
    dk_run run;
    w->c.threads = 1 + (w->c.threads + 1) % 3, w->c.parallel = NULL;
    size_t bytes = dk_run_size(plan, &w->c);
    char *memory = (char *)malloc(bytes);
    if (!memory) return;
    whole_fill(x);
    FUZZ_PROMISE(dk_begin_plan(&run, plan, &w->c, x, memory, bytes) == DK_OK);
    FUZZ_PROMISE(whole_finish(&run) == ended);
    whole_bring(&run, x);
    FUZZ_PROMISE(!ended || whole_same(x, want, &w->c));
    dk_end(&run), free(memory);
}

static int fuzz_plan(const uint8_t *bytes, size_t size) {
    static char text[1 << 16], again[1 << 16];
    static whole_case w;
    fuzz_input in = {bytes, bytes + size};
    dk_real x[WHOLE_NUMBERS];
    dk_plan plan, copy;
    double worst;
    int ended = 0;
    whole_read(&in, &w);
    if (!whole_tried(&w.c)) return 0;
    int runs = whole_reference(&w, x, &ended);
    memset(&plan, 0, sizeof plan), memset(&copy, 0, sizeof copy);
    if (dk_record(&plan, &w.c) != DK_OK) {
        FUZZ_PROMISE(!runs && w.c.message[0]);
        return 0;
    }
    FUZZ_PROMISE(dk_record(&copy, &w.c) == DK_OK);
    FUZZ_PROMISE((dk_plan_equal(&copy, &plan, 0, &worst) && worst <= 0) || !(worst <= 0 || worst > 0)); /* times may be NaN */
    text[0] = 0;
    size_t length = dk_plan_text(&plan, text, fuzz_byte(&in) % 4 ? sizeof text : fuzz_byte(&in));
    if (length % 8 == 0) FUZZ_PROMISE(length == dk_plan_text(&copy, again, sizeof again) && !strncmp(text, again, strlen(text)));
    dk_plan_free(&plan);
    fuzz_met[FUZZ_PLANS]++;
    if (runs && !copy.attempt) plan_run(&w, &copy, x, ended);
    if (runs && !copy.attempt && ended && plan_has_singles(&w.c)) plan_samples_alone(&w, x);
    dk_plan_free(&copy);
    return 0;
}

#endif
