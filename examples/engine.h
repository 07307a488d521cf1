/* engine.h: many digits on their way at once, one network batch per frame.

   A program that draws frames cannot wait for a sampler: it has some milliseconds per frame for it. Here every digit is
   a dk_run of its own, at its own noise level, with its own plan. A frame gathers what the runs wait for, as many as
   the time allows, and has the network evaluate all of it in one batch. Nothing is allocated once the plans exist.
   engine_loop.c is the loop around it, engine_window.c the same in a window.

   Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_ENGINE_H
#define EXAMPLES_ENGINE_H

#include "digits.h"

/* The workspace is large enough for every sampler that the library has: 784 numbers are little. */
enum { ENGINE_SLOTS = 24, ENGINE_ROWS = 16, ENGINE_WORKSPACE = 1 << 14 };

/* A place for one digit. Afterwards x is the digit, and run.status says how it went. */
typedef struct engine_slot {
    dk_run run;
    dk_eval eval; /* what the run waits for while it is busy */
    int busy;
    int label;       /* the class, or DIGITS_NO_CLASS */
    uint64_t number; /* names the digit: its noise follows from it and the seed */
    dk_real x[UNET_PIXELS];
    dk_real estimate[UNET_PIXELS]; /* the newest denoised estimate: something to show on the way */
    dk_real workspace[ENGINE_WORKSPACE];
} engine_slot;

typedef struct engine {
    unet net;
    engine_slot slot[ENGINE_SLOTS];
    int turn; /* the slot whose turn it is */
    /* the batch: row r is an image for slot of_slot[r] */
    int of_slot[ENGINE_ROWS], label[ENGINE_ROWS];
    float c_noise[ENGINE_ROWS], in[ENGINE_ROWS][UNET_PIXELS], out[ENGINE_ROWS][UNET_PIXELS];
    float memory[UNET_MEMORY(ENGINE_ROWS)];
} engine;

/* Starts a digit in slot i, with a plan that stays until its end. Returns 0 or says what is wrong in run.message. A plan
   with guidance takes two rows where it is recorded with guidance.doubled, else one row twice. */
static inline int engine_start(engine *g, int i, const dk_plan *plan, uint64_t number, int label) {
    engine_slot *s = &g->slot[i];
    dk_config c; /* all that a run adds to its plan: what is in the batch, and whose noise it is */
    memset(&c, 0, sizeof c);
    c.dim = UNET_PIXELS, c.batch = 1, c.first_sample = number;
    s->number = number, s->label = label;
    s->busy = dk_begin_plan(&s->run, plan, &c, s->x, s->workspace, sizeof s->workspace) == DK_OK &&
              dk_next(&s->run, &s->eval);
    return !s->busy;
}

/* Copies what slot i waits for into the batch, a row for each branch; returns the row behind. */
static inline int engine_gather(engine *g, int i, int row) {
    const engine_slot *s = &g->slot[i];
    const dk_real *input = s->eval.input;
    for (int branch = s->eval.branch, k = 0; k < s->eval.branches; k++, branch++, row++) {
        g->of_slot[row] = i;
        g->label[row] = branch ? DIGITS_NO_CLASS : s->label;
        g->c_noise[row] = (float)s->eval.t;
        for (int j = 0; j < UNET_PIXELS; j++) g->in[row][j] = (float)*input++;
    }
    return row;
}

/* Your network's batched forward pass: images, noise levels and classes in, raw outputs out. */
static inline void engine_network(engine *g, int rows) {
    unet_forward(&g->net, rows, g->in[0], g->c_noise, g->label, g->out[0], g->memory);
}

/* Hands a slot its output, of `branches` rows, and lets its run go on to the next evaluation or to its end. */
static inline void engine_scatter(engine_slot *s, float rows[][UNET_PIXELS]) {
    for (int k = 0; k < s->eval.branches * UNET_PIXELS; k++)
        s->eval.output[k] = (dk_real)rows[k / UNET_PIXELS][k % UNET_PIXELS];
    dk_denoised(&s->run, s->estimate);
    s->busy = dk_next(&s->run, &s->eval);
}

/* One frame: one evaluation for those who have waited longest, as far as `rows` rows go (2 at least, where somebody is
   guided). Returns how many rows the batch had. */
static inline int engine_frame(engine *g, int rows) {
    int used = 0, first = g->turn;
    for (int k = 0; k < ENGINE_SLOTS; k++) {
        int i = (first + k) % ENGINE_SLOTS;
        if (!g->slot[i].busy) continue;
        if (used + g->slot[i].eval.branches > (rows < ENGINE_ROWS ? rows : ENGINE_ROWS)) break;
        used = engine_gather(g, i, used);
        g->turn = (i + 1) % ENGINE_SLOTS;
    }
    engine_network(g, used);
    for (int r = 0, next; r < used; r = next) {
        engine_slot *s = &g->slot[g->of_slot[r]];
        next = r + s->eval.branches;
        engine_scatter(s, &g->out[r]);
    }
    return used;
}

/* How many rows fit into a frame, from what rows took so far. A frame does something, however slow the machine. */
static inline int engine_rows(double budget, double seconds_per_row) {
    if (budget >= seconds_per_row * (double)ENGINE_ROWS) return ENGINE_ROWS;
    return budget >= seconds_per_row * 2 ? (int)(budget / seconds_per_row) : 2;
}

#endif /* EXAMPLES_ENGINE_H */
