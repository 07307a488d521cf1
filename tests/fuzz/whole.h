/* Configs that mostly work, with all that they can point to: what the targets of whole runs are given. Most bytes mean something
   here, so that random ones will do. */
#ifndef FUZZ_WHOLE_H
#define FUZZ_WHOLE_H

#include "fields.h"
#include "tests/backend/queue.h"

enum { WHOLE_NUMBERS = 64, WHOLE_STEPS = 6, WHOLE_PHASES = 3, WHOLE_SAMPLES = 3, WHOLE_EVALUATIONS = 200 };

/* What the callbacks do follows from this alone, so that a run can be had twice. `fails` counts down to a call that fails, or does
   otherwise what it should not; 0: none does. */
typedef struct whole_calls {
    unsigned how;
    double v[4];
    int fails, kind;
} whole_calls;

typedef struct whole_case {
    dk_config c;
    whole_calls calls;
    dk_repaint repaint;
    dk_restart restart;
    dk_phase phases[WHOLE_PHASES];
    dk_sampler samplers[WHOLE_PHASES];
    dk_guidance guidances[WHOLE_PHASES];
    dk_table table;
    double numbers[DK_TABLE_ROOM(WHOLE_STEPS)], levels[4 * WHOLE_STEPS];
    uint64_t seeds[WHOLE_SAMPLES];
    dk_real mask[WHOLE_NUMBERS], known[WHOLE_NUMBERS];
    dk_backend backend;
    queue_device device;
    dk_plan plan; /* of c, by whole_open */
} whole_case;

static double whole_share(fuzz_input *in) { return fuzz_byte(in) / 255.0; }

/* ---------------------------------------------------------------------------------------- callbacks */

/* Whether this is the call that fails. */
static int whole_failing(whole_calls *l) { return l->fails > 0 && --l->fails == 0; }

static double whole_at(const whole_calls *l, int i) { return l->v[(unsigned)i % 4]; }

static void whole_guide(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    const whole_calls *l = (const whole_calls *)user;
    double *const reals[] = {&g->scale, &g->scale2, &g->away[0], &g->away[3], &g->noise_min, &g->rescale};
    (void)level, (void)steps;
    *reals[(l->how >> 8) % FUZZ_COUNT(reals)] = whole_at(l, step);
    if (l->how & 1 << 17) g->projected = step % 3;
    if (l->how & 1 << 18 && step % 2) g->hook = NULL, g->guider = NULL;
    if (l->how & 1 << 19) g->doubled = step % 2;
}

static int whole_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    whole_calls *l = (whole_calls *)user;
    (void)slot;
    if (whole_failing(l)) return 1;
    for (size_t i = 0; D && i < e->dim * (size_t)e->batch; i++) D[i] /= 2;
    return 0;
}

static int whole_guider(void *user, const dk_outputs *o) {
    whole_calls *l = (whole_calls *)user;
    int memory = (int)(l->how & 3);
    if (whole_failing(l)) return 1;
    for (size_t i = 0; o->G && i < o->eval->dim * (size_t)o->eval->batch; i++) {
        dk_real sum = 0;
        for (int k = 0; k < o->branches; k++) sum += (dk_real)o->weight[k] * o->output[k][i] / 2;
        for (int k = 0; k < memory && o->memory[k]; k++) o->memory[k][i] = sum += o->memory[k][i] / 4;
        o->G[i] = sum;
    }
    return 0;
}

static int whole_noise(void *user, const dk_noise_request *q, dk_real *out) {
    whole_calls *l = (whole_calls *)user;
    int failing = whole_failing(l);
    for (size_t i = 0; i < q->dim * (size_t)q->batch; i++) out[i] = (dk_real)((int)(i * 3 + (unsigned)q->draw) % 7 - 3) / 2;
    if (failing && l->kind % 2) out[0] = (dk_real)HUGE_VAL;
    return failing && !(l->kind % 2);
}

static void whole_schedule(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    const whole_calls *l = (const whole_calls *)user;
    *alpha = 1 - t, *sigma = l->how & 1 << 23 ? t * t : t;
    if (l->how & 1 << 24) *d_alpha = -1, *d_sigma = l->how & 1 << 23 ? 2 * t : 1;
}

static int whole_spacing(const dk_config *c, int i, int n, dk_level *level) {
    double u = (n - i) / (n + c->grid.a + 0.5);
    if (i >= 0) *level = dk_level_at(&c->schedule, DK_UNIT_FLOW, u < 1 ? u : 1);
    return n;
}

/* Parts from the last to the first. */
static void whole_parallel(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    (void)user;
    while (n--) task(arg, n);
}

/* A sampler of one's own: Euler with a fresh draw. */
static void whole_record(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec D = dkr_denoise(r, r->x, r->from);
        double share = r->from.sigma > 0 ? r->to.sigma / r->from.sigma : 0;
        r->x = dkr_mix(share, r->x, r->to.alpha - share * r->from.alpha, D);
        if (r->to.sigma > 0 && r->step % 2) r->x = dkr_mix(1, r->x, r->to.sigma / 8, dkr_noise(r, r->from, r->to));
    }
}

/* ------------------------------------------------------------------------------------------ the config */

/* Names are looked up once. */
static dk_sampler whole_sampler(unsigned i) {
    enum { MOST = 128 };
    static dk_sampler known[MOST];
    static unsigned count;
    for (; count < MOST && dk_sampler_at((int)count); count++) known[count] = dk_sampler_named(dk_sampler_at((int)count)->name);
    return known[i % count];
}

/* Short tables, which are quick to make. */
static dk_schedule whole_family(unsigned i) {
    enum { MOST = 32 };
    static dk_schedule known[MOST];
    static unsigned count;
    for (; count < MOST && dk_schedule_at((int)count); count++) {
        dk_schedule *s = &known[count];
        *s = dk_schedule_named(dk_schedule_at((int)count)->name);
        if (s->family != DK_FAMILY_VP_DISCRETE) continue;
        *s = dk_vp_discrete(s->betas, 24, s->beta_min * 20, s->beta_max * 20);
        if (count % 2) s->zero_terminal_snr = 1;
    }
    return known[i % count];
}

static dk_grid whole_grid(unsigned i) {
    enum { MOST = 64 };
    static dk_grid known[MOST];
    static unsigned count;
    for (; count < MOST && dk_grid_at((int)count); count++) known[count] = dk_grid_named(dk_grid_at((int)count)->name);
    return known[i % count];
}

static void whole_guidance(fuzz_input *in, whole_case *w, dk_guidance *g) {
    unsigned bits = fuzz_byte(in);
    if (!(g->scale > 0)) g->scale = 0.5 + 4 * whole_share(in);
    switch (bits % 16) {
    case 0: g->rescale = whole_share(in); break;
    case 1: g->zero_star = 1; break;
    case 2:
        g->projected = 1 + (int)(bits >> 7), g->limit = 2 * whole_share(in);
        g->momentum = whole_share(in) - 0.5, g->parallel = bits & 32 ? 1 : 0;
        break;
    case 3: g->scale2 = 3 * whole_share(in); break;
    case 4:
        for (int k = 0; k < 4; k++) g->away[k] = bits & 16u << k ? whole_share(in) : 0;
        break;
    case 5: g->noise_min = whole_share(in) / 4, g->noise_max = 1 + 4 * whole_share(in); break;
    case 6: g->start = whole_share(in) / 2, g->stop = 1 - whole_share(in) / 2; break;
    case 7: g->quantile = 0.5 + whole_share(in) / 2, g->quantile_most = 3 * whole_share(in); break;
    case 8: g->zero_init = 1; break;
    case 9: /* a list of scales */
        g->scale = 0, g->ramps[0].from = 4 * whole_share(in), g->ramps[0].to = 4 * whole_share(in);
        if (bits & 16) g->ramps[0].steps = 1, g->ramps[1].from = g->ramps[1].to = 2;
        break;
    case 10:
        g->guider = whole_guider, g->guider_user = &w->calls;
        g->branches = 2 + (int)(bits >> 4) % 5, g->memory = (int)(w->calls.how & 3);
        break;
    case 11: g->schedule = whole_guide, g->schedule_user = &w->calls; break;
    case 12: g->hook = whole_hook, g->hook_user = &w->calls; break;
    case 13: g->rescale = 0.5, g->space = (dk_prediction)(bits / 16 % DK_PREDICT_COUNT); break;
    default: break;
    }
    g->doubled = (fuzz_byte(in) & 3) == 0;
}

static void whole_set_sampler(fuzz_input *in, whole_case *w, dk_sampler *s) {
    static const char *const tableaus[] = {"1", "1/2 | 0 1", "1 | 1/2 1/2 ~ 1 0 0", "1/3 | -1/3 1 | 1 -1 1 | 1/8 3/8 3/8 1/8"};
    static const char *const exponentials[] = {"1 | by 1", "1/2 | 1: 1 phi2 ~ ", "1/2 | by 1 | ~ by 0"};
    unsigned bits = fuzz_byte(in);
    (void)w;
    switch (fuzz_byte(in) % 20) {
    case 0: s->eta = whole_share(in); break;
    case 1: s->eta = 1, s->law = (dk_noise_law)(bits % DK_LAW_COUNT); break;
    case 2: s->churn = 2 * whole_share(in), s->churn_range[0] = bits & 1 ? 0.1 : 0, s->churn_range[1] = bits & 2 ? 3 : 0; break;
    case 3: s->order = 1 + (int)(bits % 4); break;
    case 4: s->rule = (dk_rule)(bits % DK_RULE_COUNT); break;
    case 5: s->gauge = (dk_gauge)(bits % DK_GAUGE_COUNT); break;
    case 6: s->tableau = tableaus[bits % FUZZ_COUNT(tableaus)]; break;
    case 7: s->exponential = exponentials[bits % FUZZ_COUNT(exponentials)]; break;
    case 8: s->corrector = 1 + (int)(bits % 3), s->pece = (int)(bits >> 7); break;
    case 9: s->lower_order_final = 1; break;
    case 10: s->plain_last = bits & 1 ? 1 : 0.5; break;
    case 11: s->warmup = 1 + (int)(bits % 3), s->tableau = tableaus[bits / 4 % FUZZ_COUNT(tableaus)]; break;
    case 12: s->noise_prediction = !s->noise_prediction; break;
    case 13: s->cfg_pp = 1; break;
    case 14: s->sde.langevin_steps = 1 + (int)(bits % 2), s->sde.snr = bits & 8 ? 0.1 : 0, s->sde.langevin_step = bits & 8 ? 0 : 0.1; break;
    case 15: s->quirks = 1u << bits % 21, s->quirk = bits / 32; break;
    case 16: s->noise_excess = whole_share(in) - 0.5, s->noise_range[1] = bits & 1 ? 4 : 0; break;
    default: break;
    }
}

/* Step-size control that ends soon. */
static void whole_control(fuzz_input *in, dk_sampler *s) {
    static const char *const names[] = {"rk45", "bogacki_shampine", "dpm_adaptive", "dpm_solver_12"};
    unsigned bits = fuzz_byte(in);
    if (bits & 1) *s = dk_sampler_named(names[bits / 2 % 4]);
    s->control.rtol = s->control.atol = 0.05 + whole_share(in);
    s->control.law = (dk_control_law)(bits / 8 % DK_CONTROL_COUNT);
    if (bits & 64) s->control.pcoeff = 0.3, s->control.icoeff = 0.7;
    if (bits & 128) s->control.h_init = 0.2;
}

static void whole_levels(fuzz_input *in, whole_case *w, int count) {
    dk_grid *g = &w->c.grid;
    double at = 0.5 + whole_share(in);
    unsigned bits = fuzz_byte(in);
    for (int i = 0; i < count; i++, at *= 0.3 + 0.6 * whole_share(in)) w->levels[i] = bits & 1 && i == count - 1 ? 0 : at;
    *g = dk_grid_levels(w->levels, bits & 2 ? DK_UNIT_SIGMA : (dk_unit)(bits / 4 % DK_UNIT_COUNT));
    if (bits & 64 && count > 3) g->travel = 1, w->levels[2] = w->levels[0];
    if (bits & 128) g->spacing = DK_SPACING_RESAMPLE, g->level_count = count, g->travel = 0;
}

static void whole_set_grid(fuzz_input *in, whole_case *w) {
    dk_config *c = &w->c;
    dk_grid *g = &c->grid;
    unsigned bits = fuzz_byte(in);
    switch (fuzz_byte(in) % 14) {
    case 0: g->final = (dk_final)(bits % DK_FINAL_COUNT), g->final_value = g->final == DK_FINAL_VALUE ? 0.02 : 0; break;
    case 1: g->sigma_min = 0.05 + whole_share(in) / 8, g->sigma_max = 0.3 + whole_share(in) / 2; break;
    case 2: g->shift = 0.5 + 3 * whole_share(in); break;
    case 3: g->rising = 1; break;
    case 4: w->repaint.jump = 1 + (int)(bits % 3), w->repaint.runs = 1 + (int)(bits / 4 % 3), g->way = &w->repaint.way; break;
    case 5:
        w->restart.steps = 1 + (int)(bits % 4), w->restart.times = (int)(bits / 4 % 3), g->way = &w->restart.way;
        w->restart.low = whole_share(in), w->restart.high = w->restart.low + 2 * whole_share(in);
        break;
    case 6:
    case 7: whole_levels(in, w, c->steps + 1 + (int)(bits % 3)); break;
    case 8: g->spacing = DK_SPACING_CUSTOM, g->fn = whole_spacing, g->a = whole_share(in); break;
    case 9: g->rounding = (dk_rounding)(bits % 3), g->spacing = bits & 8 ? DK_SPACING_LEADING : DK_SPACING_TRAILING; break;
    case 10: g->terminal = 0.05 + whole_share(in) / 4; break;
    case 11: g->full_steps = c->steps + (int)(bits % 4); break;
    case 12: g->quirks = 1u << (22 + bits % 6); break;
    default: *g = whole_grid(bits); break;
    }
}

static void whole_set_model(fuzz_input *in, whole_case *w) {
    dk_config *c = &w->c;
    unsigned bits = fuzz_byte(in);
    switch (fuzz_byte(in) % 14) {
    case 0: c->prediction = (dk_prediction)(bits % DK_PREDICT_COUNT); break;
    case 1: c->negated = 1; break;
    case 2: c->number = (dk_number)(bits % DK_NUMBER_COUNT); break;
    case 3: c->clip = 0.25 + 2 * whole_share(in); break;
    case 4: c->score_excess = whole_share(in) - 0.5, c->score_deviation = bits & 1 ? 0.5 : 0; break;
    case 5: c->start_excess = whole_share(in) - 0.5; break;
    case 6: c->start_scale = 0.5 + whole_share(in); break;
    case 7: c->condition = (dk_unit)(bits % DK_UNIT_COUNT), c->condition_scale = bits & 8 ? 1000 : 0; break;
    case 8: c->condition_rounding = (dk_rounding)(bits % 3); break;
    case 9: c->network_schedule = whole_family(bits); break;
    case 10: c->sigma_data = 0.25 + whole_share(in); break;
    case 11: c->schedule = dk_custom_schedule(whole_schedule, &w->calls, 0, bits & 1 ? 1 : 0.9); break;
    case 12:
        c->start = bits & 1 ? DK_START_DATA : DK_START_STATE, c->grid.strength = bits & 2 ? 1 : 0.2 + 0.8 * whole_share(in);
        c->grid.partial = (dk_partial)(bits / 4 % DK_PARTIAL_COUNT);
        break;
    default: c->mask = w->mask, c->known = w->known, c->blend = (dk_blend)(bits % DK_BLEND_COUNT); break;
    }
}

static void whole_set_noise(fuzz_input *in, whole_case *w) {
    dk_config *c = &w->c;
    unsigned bits = fuzz_byte(in);
    c->noise.kind = (dk_noise_kind)(bits % DK_NOISE_COUNT);
    if (bits & 64) c->step_noise.kind = (dk_noise_kind)(fuzz_byte(in) % DK_NOISE_COUNT);
    if (bits & 128) c->seeds = w->seeds;
    else c->first_sample = 0;
    switch (fuzz_byte(in) % 4) {
    case 0: c->noise.fn = whole_noise, c->noise.user = &w->calls; break;
    case 1: c->step_noise.fn = whole_noise, c->step_noise.user = &w->calls; break;
    case 2: c->noise.seed_offset = 1; break;
    default: break;
    }
}

static void whole_set_phases(fuzz_input *in, whole_case *w) {
    dk_config *c = &w->c;
    int step = 0;
    unsigned by_level = fuzz_byte(in) & 1;
    c->phases = w->phases, c->phase_count = 1 + (int)(fuzz_byte(in) % WHOLE_PHASES);
    for (int k = 0; k < c->phase_count; k++) {
        dk_phase *p = &w->phases[k];
        unsigned bits = fuzz_byte(in);
        if (by_level) p->unit = DK_UNIT_FLOW, p->level = 0.8 - 0.2 * k;
        else p->step = step += 1 + (int)(bits % 2);
        if (bits & 4) w->samplers[k] = whole_sampler(fuzz_byte(in)), p->sampler = &w->samplers[k];
        if (bits & 8) w->guidances[k] = c->guidance, whole_guidance(in, w, &w->guidances[k]), p->guidance = &w->guidances[k];
    }
}

static void whole_set_table(fuzz_input *in, whole_case *w) {
    dk_table *t = &w->table;
    double *at = w->numbers, level = 0.999;
    int n = 1 + (int)(fuzz_byte(in) % WHOLE_STEPS);
    unsigned bits = fuzz_byte(in);
    memset(t, 0, sizeof *t), strcpy(t->name, "fuzz");
    t->steps = n, t->shared = bits & 1, t->guidance = bits & 2 ? w->c.guidance.scale : 0;
    t->level = at;
    for (int i = 0; i <= n; i++, level *= bits & 4 ? 0.5 + whole_share(in) : 0.6) *at++ = i < n || bits & 8 ? (level < 1 ? level : 0.9) : 0;
    t->a = at;
    for (int i = 0; i < n; i++) *at++ = whole_share(in);
    t->b = at;
    for (int i = 0; i < n * (n + 1) / 2; i++) *at++ = bits & 16 && i % 2 ? 0 : whole_share(in) - 0.3;
    t->noise = bits & 32 ? at : NULL;
    for (int i = 0; i < n && t->noise; i++) *at++ = whole_share(in) / 4;
    t->told = bits & 64 ? at : NULL;
    for (int i = 0; i < n && t->told; i++) *at++ = 0.1 + whole_share(in) / 2;
    w->c.sampler = dk_table_sampler(t), w->c.steps = bits & 128 ? n : 0;
    memset(&w->c.grid, 0, sizeof w->c.grid);
}

/* NULL, or what `in` says. It stands at *w, to which the config points. */
static void whole_read(fuzz_input *in, whole_case *w) {
    dk_config *c = &w->c;
    memset(w, 0, sizeof *w);
    w->repaint.way.level = dk_repaint_level, w->restart.way.level = dk_restart_level;
    for (int i = 0; i < 4; i++) w->calls.how = w->calls.how << 8 | fuzz_byte(in), w->calls.v[i] = 3 * whole_share(in);
    for (int i = 0; i < WHOLE_NUMBERS; i++) w->mask[i] = (dk_real)(i % 3) / 2, w->known[i] = (dk_real)(i % 5 - 2) / 2;
    for (int i = 0; i < WHOLE_SAMPLES; i++) w->seeds[i] = w->calls.how * (unsigned)i;
    c->steps = 1 + (int)(fuzz_byte(in) % WHOLE_STEPS), c->dim = 1 + fuzz_byte(in) % 4, c->batch = (int)(fuzz_byte(in) % (WHOLE_SAMPLES + 1));
    c->seed = fuzz_byte(in), c->first_sample = fuzz_byte(in) % 2;
    c->schedule = whole_family(fuzz_byte(in)), c->sampler = whole_sampler(fuzz_byte(in));
    c->unchecked = fuzz_byte(in) % 8 == 0, c->threads = (int)(fuzz_byte(in) % 4), c->parallel = whole_parallel;
    unsigned what = fuzz_byte(in), more = fuzz_byte(in);
    if (what & 1) whole_guidance(in, w, &c->guidance);
    if (what & 2) whole_set_grid(in, w);
    if (what & 4) whole_set_model(in, w);
    if (what & 8) whole_set_sampler(in, w, &c->sampler);
    if (what & 16) whole_set_noise(in, w);
    if ((what & 96) == 96) whole_set_phases(in, w);
    if (more % 16 == 0) whole_set_table(in, w);
    if (more % 16 == 1) whole_control(in, &c->sampler);
    if (more % 16 == 2) c->sampler.record = whole_record;
    if (more % 16 == 3) whole_set_model(in, w), whole_guidance(in, w, &c->guidance);
    if (more % 16 == 4) set_field(in, c);
}

/* -------------------------------------------------------------------------------------------- the network */

/* Small, smooth, other for every branch. */
static dk_real whole_answer(double x, double t, int branch) {
    return (dk_real)((0.5 + 0.0625 * branch) * x / (1 + x * x) + (t < 1 ? 0.125 * t : 0));
}

/* The vectors of an evaluation; where a back end has them, brought from it and back. */
static int whole_evaluate(dk_run *run, const dk_eval *e) {
    const dk_backend *b = run->config.backend;
    const dk_plan *p = dk_run_plan(run);
    const size_t size = run->size;
    dk_value_kind kind = p->number ? DK_VALUE_HALF : DK_VALUE_BUFFER;
    dk_real x[WHOLE_NUMBERS], F[WHOLE_NUMBERS];
    uint16_t h[WHOLE_NUMBERS];
    for (int k = 0; k < e->branches + (e->uncond_slot >= 0); k++) {
        const int of = k < e->branches ? k : 0, input = e->input_slot + of, output = k < e->branches ? e->output_slot + k : e->uncond_slot;
        const size_t at = (size_t)of * size;
        if (b && b->get(b->user, run, kind, input, p->number ? (void *)h : (void *)x)) return 1;
        if (!b && p->number) memcpy(h, e->input_half + at, size * sizeof *h);
        if (!b && !p->number) memcpy(x, e->input + at, size * sizeof *x);
        if (p->number) dk_from_half(p->number, h, x, size);
        for (size_t i = 0; i < size; i++) F[i] = whole_answer((double)x[i], e->t, k < e->branches ? e->branch + k : DK_BRANCHES);
        if (p->number) dk_to_half(p->number, F, h, size);
        if (b && b->put(b->user, run, kind, output, p->number ? (const void *)h : (const void *)F)) return 1;
        if (!b && p->number) memcpy(k < e->branches ? e->output_half + at : e->uncond_output_half, h, size * sizeof *h);
        if (!b && !p->number) memcpy(k < e->branches ? e->output + at : e->uncond_output, F, size * sizeof *F);
    }
    return 0;
}

static void whole_fill(dk_real *x) {
    for (int i = 0; i < WHOLE_NUMBERS; i++) x[i] = (dk_real)(i % 7 - 3) / 4;
}

static size_t whole_size(const dk_config *c) { return c->dim * (size_t)(c->batch > 0 ? c->batch : 1); }

/* What is tried: not what takes long. */
static int whole_tried(const dk_config *c) {
    return c->dim <= WHOLE_NUMBERS && c->batch <= WHOLE_NUMBERS && whole_size(c) <= WHOLE_NUMBERS && c->steps <= 24 && c->grid.full_steps <= 64 &&
           c->sampler.sde.langevin_steps <= 8 && c->threads <= 64;
}

/* To the end; 1 where it came there. */
static int whole_finish(dk_run *run) {
    dk_eval e;
    int left = WHOLE_EVALUATIONS;
    while (left-- && dk_next(run, &e)) FUZZ_PROMISE(!whole_evaluate(run, &e));
    FUZZ_PROMISE(run->status == DK_OK || run->message[0]);
    return left >= 0 && run->status == DK_OK;
}

/* A device that fails before it has done anything. */
static int whole_rows(void *user, dk_run *run, const dk_pass *pass) {
    whole_case *w = (whole_case *)user;
    return whole_failing(&w->calls) || queue_rows(&w->device, run, pass);
}

static int whole_find_bad(void *user, dk_run *run, int value, size_t *bad) {
    whole_case *w = (whole_case *)user;
    return whole_failing(&w->calls) || queue_find_bad(&w->device, run, value, bad);
}

static int whole_device_begin(void *user, dk_run *run) {
    whole_case *w = (whole_case *)user;
    return w->device.lost || queue_begin(&w->device, run);
}

static void whole_device_end(void *user, dk_run *run) { queue_end(&((whole_case *)user)->device, run); }

static int whole_get(void *user, dk_run *run, dk_value_kind kind, int slot, void *to) {
    whole_case *w = (whole_case *)user;
    return whole_failing(&w->calls) || queue_get(&w->device, run, kind, slot, to);
}

static int whole_put(void *user, dk_run *run, dk_value_kind kind, int slot, const void *from) {
    whole_case *w = (whole_case *)user;
    return whole_failing(&w->calls) || queue_put(&w->device, run, kind, slot, from);
}

/* On a device where `device` says so, which has the caller's vectors as handles. */
static int whole_begin(whole_case *w, int device, dk_run *run, dk_real *x) {
    dk_config c = w->c;
    whole_fill(x);
    if (device) {
        const dk_backend b = {w, whole_rows, NULL, whole_find_bad, whole_device_begin, whole_device_end, whole_get, whole_put};
        w->backend = b, c.backend = &w->backend;
        if (c.mask) c.mask = queue_handle(c.mask), c.known = queue_handle(c.known);
        x = (dk_real *)(uintptr_t)queue_handle(x);
    }
    if (w->plan.passes && !w->plan.attempt) dk_begin_plan(run, &w->plan, &c, x, NULL, 0);
    else dk_begin(run, &c, x, NULL, 0);
    FUZZ_PROMISE(run->status == DK_OK || run->message[0]);
    return run->status == DK_OK;
}

/* Recorded once for all of an execution's runs, which is faster. */
static int whole_open(whole_case *w) {
    if (!whole_tried(&w->c)) return 0;
    if (dk_record(&w->plan, &w->c) == DK_OK) return 1;
    FUZZ_PROMISE(w->c.message[0]);
    return 0;
}

static int whole_close(whole_case *w) {
    dk_plan_free(&w->plan);
    return 0;
}

/* The state or the result, wherever it is. */
static void whole_bring(dk_run *run, dk_real *x) {
    const dk_real *state = dk_state(run);
    if (state && state != x) memcpy(x, state, run->size * sizeof *x);
}

/* The run as nothing disturbs it: x has the result, or what an error left; *ended says which. 0: there is none. */
static int whole_reference(whole_case *w, dk_real *x, int *ended) {
    dk_run run;
    if (!whole_begin(w, 0, &run, x)) return 0;
    *ended = whole_finish(&run);
    whole_bring(&run, x);
    fuzz_met[FUZZ_BEGUN]++, fuzz_met[FUZZ_ENDED] += (unsigned)*ended;
    dk_end(&run);
    return 1;
}

/* What the queue has room for, and can do: guiders and hooks look at the host's memory. */
static int whole_fits_queue(const dk_plan *p, const dk_config *c) {
    int terms = 0;
    for (int i = 0; i < p->rows; i++) terms = p->row[i].count > terms ? p->row[i].count : terms;
    return !p->own.hooked && !p->own.guided && p->buffers + p->noises < QUEUE_SLOTS - 1 && p->halves < QUEUE_SLOTS && p->locals < QUEUE_SLOTS &&
           terms <= QUEUE_TERMS && c->batch <= QUEUE_SAMPLES;
}

static int whole_same(const dk_real *a, const dk_real *b, const dk_config *c) { return !memcmp(a, b, whole_size(c) * sizeof *a); }

#endif
