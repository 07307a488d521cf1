/* A run's whole life: any config, with callbacks; its plan as text; a save in the middle, which another run takes up in other
   parts; or that save with some numbers changed and its hash made right, as someone who wants to do harm would write it. */
#include "config.h"

/* What the callbacks do: nothing but what follows from these, so that a run can be had twice. */
typedef struct life {
    unsigned how;
    double v[4];
} life;

/* Few, or none that make sense: each costs a look at the grid. */
static int life_few(fuzz_input *in) {
    int n = fuzz_int(in);
    return n > 0 ? n % 12 : n;
}

static double life_at(const life *l, int i) { return l->v[(unsigned)i % 4]; }

static void life_guide(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    const life *l = (const life *)user;
    double *const reals[] = {&g->scale,    &g->scale2,   &g->noise_min, &g->noise_max, &g->rescale,      &g->start,
                             &g->parallel, &g->momentum, &g->limit,     &g->quantile,  &g->quantile_most};
    (void)level, (void)steps;
    *reals[(l->how >> 8) % FUZZ_COUNT(reals)] = life_at(l, step);
    if (l->how & 1 << 16) g->space = (dk_prediction)(step % 8);
    if (l->how & 1 << 17) g->projected = step % 4;
    if (l->how & 1 << 18 && step % 2) g->hook = NULL;
    if (l->how & 1 << 19) g->doubled = step % 3;
    if (l->how & 1 << 20) g->zero_init = step;
}

static int life_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    const life *l = (const life *)user;
    (void)slot;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) D[i] /= 2;
    return (l->how & 1 << 21) && e->step == 3;
}

static int life_noise(void *user, const dk_noise_request *q, dk_real *out) {
    const life *l = (const life *)user;
    for (size_t i = 0; i < q->dim * (size_t)q->batch; i++) out[i] = (dk_real)((int)(i % 5) - 2) / 2;
    if (l->how & 1 << 22 && q->draw == 2) out[0] = (dk_real)life_at(l, 0);
    return 0;
}

static void life_schedule(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    const life *l = (const life *)user;
    *alpha = 1 - t, *sigma = l->how & 1 << 23 ? t * t : t;
    if (l->how & 1 << 24) *d_alpha = -1, *d_sigma = life_at(l, 1);
    if (l->how & 1 << 25 && t > 0.5) *sigma = life_at(l, 2);
}

static int life_spacing(const dk_config *c, int i, int n, dk_level *level) {
    const life *l = (const life *)c->schedule.user;
    double t = l ? life_at(l, i) : (n - i) / (double)n;
    dk_level at = {t, 1 - t, t};
    if (i >= 0) *level = at;
    return n;
}

/* Parts from the last to the first. */
static void life_parallel(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    (void)user;
    while (n--) task(arg, n);
}

static int life_finish(dk_run *run, int evaluations) {
    dk_eval eval;
    while (evaluations-- && dk_next(run, &eval)) FUZZ_PROMISE(!fuzz_denoise(NULL, &eval));
    FUZZ_PROMISE(run->status == DK_OK || run->message[0]);
    return evaluations >= 0 && run->status == DK_OK;
}

/* Some words of a save are other numbers, and the hash is that of the rest: FNV-1a, as dk_save says. */
static void life_change(fuzz_input *in, unsigned char *saved, size_t length) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (unsigned n = 1 + fuzz_byte(in) % 4; n; n--) {
        size_t at = fuzz_below(in, 65535) % (length / 8) * 8, bytes = length - 8 - at;
        double real = fuzz_real(in);
        int64_t whole = fuzz_int(in);
        memcpy(saved + at, fuzz_byte(in) % 2 ? (void *)&real : (void *)&whole, bytes < 8 ? bytes : 8);
    }
    for (size_t i = 0; i < length - 8; i++) hash = (hash ^ saved[i]) * 0x100000001B3u;
    for (int b = 0; b < 8; b++) saved[length - 8 + (size_t)b] = (unsigned char)(hash >> (8 * b));
}

static void life_save(fuzz_input *in, dk_config *c, dk_run *run, dk_real *x, size_t size, unsigned how) {
    static dk_real y[64], out[64];
    size_t length = dk_save_size(run);
    unsigned char *saved = (unsigned char *)malloc(length);
    dk_run other;
    if (!saved) return;
    FUZZ_PROMISE(dk_save(run, saved, length) == DK_OK);
    if (how & 1) life_change(in, saved, length);
    c->threads = 1 + (int)(how >> 1 & 3), c->parallel = how & 8 ? life_parallel : NULL;
    memcpy(y, x, size * sizeof *y);
    if (dk_begin(&other, c, y, NULL, 0) == DK_OK) {
        dk_status status = dk_load(&other, saved, length);
        FUZZ_PROMISE(status == DK_OK || (how & 1 && other.message[0]));
        dk_denoised(&other, out);
        int done = life_finish(&other, 201); /* the open one is asked for again */
        if (!(how & 1) && life_finish(run, 200) && !c->unchecked) FUZZ_PROMISE(done && !memcmp(x, y, size * sizeof *x));
        dk_end(&other);
    }
    free(saved);
}

static int fuzz_life(const uint8_t *bytes, size_t size) {
    static char text[4096];
    static dk_real x[64];
    fuzz_input in = {bytes, bytes + size};
    dk_config c = any_config(&in);
    life l = {0, {0}};
    dk_repaint repaint = {{dk_repaint_level}, 0, 0, 0};
    dk_restart restart = {{dk_restart_level}, 0, 0, 0, 0};
    for (int i = 0; i < 4; i++) l.how = l.how << 8 | fuzz_byte(&in), l.v[i] = fuzz_real(&in);
    unsigned callbacks = fuzz_byte(&in), how = fuzz_byte(&in), before = fuzz_byte(&in) % 32;
    if (callbacks & 1) c.guidance.schedule = life_guide, c.guidance.schedule_user = &l;
    if (callbacks & 2) c.guidance.hook = life_hook, c.guidance.hook_user = &l;
    if (callbacks & 4) c.noise.fn = life_noise, c.noise.user = &l;
    if (callbacks & 8) c.schedule = dk_custom_schedule(life_schedule, &l, 0, 1);
    if (callbacks & 16) c.grid.spacing = DK_SPACING_CUSTOM, c.grid.fn = life_spacing;
    if (callbacks & 32) {
        repaint.jump = life_few(&in), repaint.runs = life_few(&in);
        c.grid.way = &repaint.way;
    } else if (callbacks & 64) {
        restart.steps = life_few(&in), restart.times = life_few(&in);
        restart.low = fuzz_real(&in), restart.high = fuzz_real(&in);
        c.grid.way = &restart.way;
    }
    if (callbacks & 128) c.sampler.control.rtol = c.sampler.control.atol = 0.05;
    size_t numbers = c.dim * (size_t)(c.batch > 0 ? c.batch : 1);
    if (c.dim > 64 || c.batch > 64 || numbers > 64 || c.steps > 64) return 0;
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    if (dk_record(&plan, &c) == DK_OK) dk_plan_text(&plan, text, sizeof text);
    else FUZZ_PROMISE(c.message[0]);
    dk_plan_free(&plan);
    for (size_t i = 0; i < numbers; i++) x[i] = (dk_real)(i % 7) / 8;
    dk_run run;
    dk_eval eval;
    if (dk_run_size(NULL, &c) > 1 << 21 || dk_begin(&run, &c, x, NULL, 0) != DK_OK) return 0;
    while (before-- && dk_next(&run, &eval)) fuzz_denoise(NULL, &eval);
    life_save(&in, &c, &run, x, numbers, how);
    dk_end(&run);
    return 0;
}
