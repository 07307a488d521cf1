/* What any back end must do, as data and calls: backend_conforms runs every config below on this machine's memory and on the
   back end, and compares. The network is computed on the host, so all that is asked of a back end is dk_backend itself,
   with get and put.

       backend_under_test device = {"mine", &my_backend, 1e-5, 1, NULL};
       return backend_conforms(&device) != 0;                // prints a line for each difference

   Include diffkit.h first. C11 or C++11. */
#ifndef TESTS_BACKEND_H
#define TESTS_BACKEND_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct backend_under_test {
    const char *name;
    const dk_backend *backend;
    double tolerance; /* |a - b| <= tolerance (1 + |b|); 0: the same bits */
    int halves;       /* it has buffers of 16 bits; else its `begin` refuses them */
    const dk_real *(*handle)(const dk_real *v); /* what it takes for a vector of the host; NULL: that itself */
} backend_under_test;

enum { BACKEND_BATCH = 3, BACKEND_DIM = 131, BACKEND_SIZE = BACKEND_BATCH * BACKEND_DIM, BACKEND_GIVEN = 1, BACKEND_SEEDS = 2, BACKEND_HALVES = 4, BACKEND_GUIDER = 8, BACKEND_HOOK = 16 };

/* Every kind of row, draw, norm and boundary. */
static const struct {
    const char *settings;
    int with;
} backend_configs[] = {
    {"sampler=euler", 0},
    {"sampler=adams2", 0},
    {"sampler=dpmpp_3m steps=9", 0},
    {"sampler=rk4", 0},
    {"sampler=deis order=3 clip=0.7", 0},
    {"sampler=unipc", BACKEND_SEEDS},
    {"sampler=dpmpp_2m_sde", 0},
    {"sampler=euler_ancestral clip=0.7", BACKEND_SEEDS},
    {"sampler=dpmpp_2m_sde step_noise=brownian", 0},
    {"sampler=seeds_3 noise=torch_cpu", 0},
    {"sampler=euler_ancestral noise=torch_cpu step_noise=torch_cuda", BACKEND_SEEDS},
    {"sampler=predictor_corrector snr=0.01", 0}, /* norms: ratios, */
    {"sampler=dpmpp_2m guidance.scale=3 guidance.rescale=0.7", 0},
    {"sampler=dpmpp_2m guidance.scale=3 guidance.zero_star=1", 0},
    {"sampler=euler guidance.scale=4 guidance.projected=1 guidance.limit=5 guidance.momentum=-0.5", 0},
    {"sampler=euler guidance.scale=4 guidance.quantile=0.9 guidance.quantile_most=2", 0},
    {"sampler=rk45 rtol=0.1 atol=0.1 prediction=x0 condition=flow", 0}, /* errors: step sizes magnify the rounding of norms, on other data more */
    {"sampler=dpm_adaptive", 0},
    {"sampler=euler guidance.scale=3 guidance.scale2=2 guidance.doubled=1", 0},
    {"sampler=dpmpp_2m cfg_pp=1 guidance.scale=3", 0},
    {"sampler=euler blend=state", BACKEND_GIVEN},
    {"sampler=euler_ancestral blend=fixed", BACKEND_GIVEN},
    {"sampler=dpmpp_2m blend=denoised clip=0.9", BACKEND_GIVEN},
    {"sampler=heun blend=both", BACKEND_GIVEN},
    {"sampler=euler start=state", 0},
    {"sampler=dpmpp_2m start=data grid.strength=0.5", 0},
    {"sampler=dpmpp_2m number=fp16 clip=0.9", BACKEND_HALVES},
    {"sampler=euler_ancestral number=bf16 guidance.scale=2", BACKEND_HALVES},
    {"sampler=heun number=fp16 blend=denoised", BACKEND_GIVEN | BACKEND_HALVES},
    {"sampler=adams2", BACKEND_HOOK},
    {"sampler=dpmpp_2m guidance.scale=3 guidance.memory=1", BACKEND_GUIDER | BACKEND_HOOK},
    {"sampler=euler guidance.scale=3 guidance.branches=3 guidance.memory=2 guidance.doubled=1 guidance.rescale=0.5", BACKEND_GUIDER},
    {"sampler=heun guidance.scale=3 guidance.memory=1 number=fp16", BACKEND_GUIDER | BACKEND_HALVES},
};

typedef struct backend_test {
    const backend_under_test *device;
    const char *settings, *about;
    int failures;
    dk_real x[BACKEND_SIZE], mask[BACKEND_SIZE], known[BACKEND_SIZE];
    uint64_t seeds[BACKEND_BATCH];
    dk_config c;
    dk_run *at_work; /* whose hook or guider it is */
    int most; /* evaluations that one run takes */
    /* of the run on the host: every state and estimate, the result, and bytes half-way */
    dk_real *states, *estimates, result[BACKEND_SIZE];
    void *saved;
    size_t saved_bytes;
} backend_test;

static inline void backend_fails(backend_test *t, const char *what, int call, double got, double want) {
    printf("%s: %s: %s: %s", t->device->name, t->settings, t->about, what);
    if (call >= 0) printf(" at evaluation %d: %.9g, must be %.9g", call, got, want);
    printf("\n");
    t->failures++;
}

static inline void backend_compare(backend_test *t, const dk_real *got, const dk_real *want, const char *what, int call) {
    for (size_t i = 0; i < BACKEND_SIZE; i++) {
        double a = (double)got[i], b = (double)want[i];
        if (fabs(a - b) <= t->device->tolerance * (1 + fabs(b))) continue;
        backend_fails(t, what, call, a, b);
        return;
    }
}

/* What hooks and guiders look at: a vector on the host, or brought from the back end. */
static inline int backend_look(backend_test *t, const dk_real *here, int slot, dk_real *v) {
    const dk_backend *b = t->at_work->config.backend;
    if (b) return b->get(b->user, t->at_work, DK_VALUE_BUFFER, slot, v);
    memcpy(v, here, sizeof t->x);
    return 0;
}
static inline int backend_leave(backend_test *t, dk_real *here, int slot, const dk_real *v) {
    const dk_backend *b = t->at_work->config.backend;
    if (b) return b->put(b->user, t->at_work, DK_VALUE_BUFFER, slot, v);
    memcpy(here, v, sizeof t->x);
    return 0;
}

static inline int backend_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    backend_test *t = (backend_test *)user;
    dk_real v[BACKEND_SIZE];
    (void)e;
    if (backend_look(t, D, slot, v)) return 1;
    for (size_t i = 0; i < BACKEND_SIZE; i++) v[i] = v[i] / 2 + t->known[i] / 8;
    return backend_leave(t, D, slot, v);
}

/* G = the last output + w m/(1 + |m|), m = C - that + half of the m before, which memory 0 has; memory 1 counts up. */
static inline int backend_guider(void *user, const dk_outputs *o) {
    backend_test *t = (backend_test *)user;
    dk_real C[BACKEND_SIZE], U[BACKEND_SIZE], m[BACKEND_SIZE];
    int last = o->branches - 1, counts = t->c.guidance.memory > 1;
    if (backend_look(t, o->output[0], o->output_slot[0], C) || backend_look(t, o->output[last], o->output_slot[last], U) ||
        backend_look(t, o->memory[0], o->memory_slot[0], m))
        return 1;
    for (size_t i = 0; i < BACKEND_SIZE; i++) m[i] = C[i] - U[i] + m[i] / 2;
    if (backend_leave(t, o->memory[0], o->memory_slot[0], m)) return 1;
    for (size_t i = 0; i < BACKEND_SIZE; i++) U[i] += (dk_real)o->weight[0] * m[i] / (1 + (dk_real)fabs((double)m[i]));
    if (counts && backend_look(t, o->memory[1], o->memory_slot[1], m)) return 1;
    for (size_t i = 0; counts && i < BACKEND_SIZE; i++) m[i] += 1, U[i] += m[i] / 16;
    return (counts && backend_leave(t, o->memory[1], o->memory_slot[1], m)) || backend_leave(t, o->G, o->G_slot, U);
}

static inline int backend_next(backend_test *t, dk_run *run, dk_eval *e) {
    t->at_work = run;
    return dk_next(run, e);
}

/* The vectors of an evaluation, on the host or brought from the back end and back. */
static inline int backend_evaluate(dk_run *run, const dk_eval *e, int spoil) {
    const dk_backend *b = run->config.backend;
    dk_number number = dk_run_plan(run)->number;
    dk_value_kind kind = number ? DK_VALUE_HALF : DK_VALUE_BUFFER;
    dk_real x[BACKEND_SIZE], F[BACKEND_SIZE];
    uint16_t h[BACKEND_SIZE];
    int failed = 0;
    for (int k = 0; k < e->branches + (e->uncond_slot >= 0); k++) {
        size_t at = k < e->branches ? (size_t)k * BACKEND_SIZE : 0;
        int input = e->input_slot + (k < e->branches ? k : 0), output = k < e->branches ? e->output_slot + k : e->uncond_slot;
        if (b) failed |= b->get(b->user, run, kind, input, number ? (void *)h : (void *)x);
        else if (number) memcpy(h, e->input_half + at, sizeof h);
        else memcpy(x, e->input + at, sizeof x);
        if (number) dk_from_half(number, h, x, BACKEND_SIZE);
        double branch = k < e->branches ? e->branch + k : 0.5;
        for (size_t i = 0; i < BACKEND_SIZE; i++)
            F[i] = (dk_real)(((double)x[i] - e->t - 0.1 * branch) / (1 + (double)x[i] * (double)x[i]));
        if (spoil) F[BACKEND_SIZE - 2] = (dk_real)HUGE_VAL;
        if (number) dk_to_half(number, F, h, BACKEND_SIZE);
        if (b) failed |= b->put(b->user, run, kind, output, number ? (const void *)h : (const void *)F);
        else if (number) memcpy((k < e->branches ? e->output_half + at : e->uncond_output_half), h, sizeof h);
        else memcpy((k < e->branches ? e->output + at : e->uncond_output), F, sizeof F);
    }
    return failed;
}

/* What begins a run on the back end: handles for vectors, memory of its own. */
static inline int backend_begin(backend_test *t, dk_run *run, int where, dk_real *x) {
    dk_config c = t->c;
    const dk_real *(*handle)(const dk_real *v) = where ? t->device->handle : NULL;
    if (where) c.backend = t->device->backend;
    memcpy(x, t->x, sizeof t->x);
    if (handle && c.mask) c.mask = handle(c.mask), c.known = handle(c.known);
    if (dk_begin(run, &c, handle ? (dk_real *)(uintptr_t)handle(x) : x, NULL, 0) == DK_OK) return 1;
    backend_fails(t, run->message, -1, 0, 0);
    return 0;
}

static inline void backend_on_host(backend_test *t) {
    dk_real x[BACKEND_SIZE];
    dk_run run;
    dk_eval e;
    enum { MOST = 400 };
    t->about = "host";
    t->states = (dk_real *)calloc(MOST, sizeof t->x), t->estimates = (dk_real *)calloc(MOST, sizeof t->x);
    t->most = 0, t->saved = NULL;
    if (!t->states || !t->estimates || !backend_begin(t, &run, 0, x)) return;
    while (backend_next(t, &run, &e) && t->most < MOST) {
        backend_evaluate(&run, &e, 0);
        memcpy(t->states + (size_t)t->most * BACKEND_SIZE, dk_state(&run), sizeof x);
        dk_denoised(&run, t->estimates + (size_t)t->most * BACKEND_SIZE);
        if (t->most++ != 3) continue;
        t->saved_bytes = dk_save_size(&run), t->saved = malloc(t->saved_bytes);
        if (t->saved) dk_save(&run, t->saved, t->saved_bytes);
    }
    if (run.status) backend_fails(t, run.message, -1, 0, 0);
    memcpy(t->result, x, sizeof x);
    dk_end(&run);
}

/* Goes on to the end. saves: after so many evaluations the run is saved, and another goes on. */
static inline void backend_go_on(backend_test *t, dk_run *run, int call, int saves) {
    dk_real x[BACKEND_SIZE], D[BACKEND_SIZE];
    dk_run next;
    dk_eval e;
    for (; backend_next(t, run, &e); call++) {
        size_t at = (size_t)call * BACKEND_SIZE;
        if (call >= t->most) {
            backend_fails(t, "too many evaluations", -1, 0, 0);
            break;
        }
        if (e.input || e.output || e.input_half || e.output_half) backend_fails(t, "addresses with a back end", -1, 0, 0);
        const dk_real *state = dk_state(run);
        if (state) backend_compare(t, state, t->states + at, "dk_state", call);
        else backend_fails(t, "dk_state gives nothing", -1, 0, 0);
        if (backend_evaluate(run, &e, 0)) backend_fails(t, "get or put fails", -1, 0, 0);
        if (dk_denoised(run, D)) backend_fails(t, run->message, -1, 0, 0);
        else backend_compare(t, D, t->estimates + at, "dk_denoised", call);
        if (call != saves) continue;
        size_t bytes = dk_save_size(run);
        void *saved = malloc(bytes);
        if (!saved || dk_save(run, saved, bytes) || !backend_begin(t, &next, 1, x)) {
            backend_fails(t, "cannot be saved", -1, 0, 0);
        } else {
            dk_end(run);
            *run = next; /* runs may be moved */
            if (dk_load(run, saved, bytes)) backend_fails(t, run->message, -1, 0, 0);
            call--; /* the open evaluation is asked for again */
        }
        free(saved), saves = -1;
    }
    if (run->status) backend_fails(t, run->message, -1, 0, 0);
    if (call != t->most) backend_fails(t, "too few evaluations", -1, 0, 0);
    const dk_real *result = dk_state(run);
    if (!result) backend_fails(t, "no result", -1, 0, 0);
    else backend_compare(t, result, t->result, "result", call);
}

static inline void backend_on_device(backend_test *t) {
    dk_real x[BACKEND_SIZE], y[BACKEND_SIZE];
    dk_run run, other;
    dk_eval e;
    t->about = "run, saved and loaded half-way";
    if (backend_begin(t, &run, 1, x)) backend_go_on(t, &run, 0, t->most / 2), dk_end(&run);
    t->about = "saved on the host";
    if (t->saved && backend_begin(t, &run, 1, x)) {
        if (dk_load(&run, t->saved, t->saved_bytes)) backend_fails(t, run.message, -1, 0, 0);
        else backend_go_on(t, &run, 3, -1);
        dk_end(&run);
    }
    t->about = "two runs in turns, one ended early";
    if (backend_begin(t, &run, 1, x)) {
        if (backend_begin(t, &other, 1, y)) {
            for (int k = 0; k < 2 && backend_next(t, &other, &e); k++) backend_evaluate(&other, &e, 0);
            backend_go_on(t, &run, 0, -1);
            dk_end(&other);
        }
        dk_end(&run);
    }
    t->about = "an output that is not finite";
    if (backend_begin(t, &run, 1, x)) {
        int calls = 0;
        while (calls < t->most && backend_next(t, &run, &e)) backend_evaluate(&run, &e, calls++ == 1);
        if (calls < t->most && run.status != DK_ERROR_NOT_FINITE) backend_fails(t, "is not found", -1, 0, 0);
        if (t->most > 1 && calls < t->most && run.own.state != DKP_FINISHED) { /* the run can go on */
            if (calls != 2) backend_fails(t, "is found late", -1, 0, 0);
            backend_go_on(t, &run, 1, -1);
        }
        dk_end(&run);
    }
}

/* How many differences there are. */
static inline int backend_conforms(const backend_under_test *tested) {
    int failures = 0, configs = (int)(sizeof backend_configs / sizeof backend_configs[0]);
    backend_test *t = (backend_test *)malloc(sizeof *t);
    for (int k = 0; t && k < configs; k++) {
        int with = backend_configs[k].with;
        if (with & BACKEND_HALVES && !tested->halves) continue;
        memset(t, 0, sizeof *t);
        t->device = tested, t->settings = backend_configs[k].settings, t->about = "config";
        for (int i = 0; i < BACKEND_SIZE; i++) {
            t->x[i] = (dk_real)sin(i), t->known[i] = (dk_real)cos(3 * i);
            t->mask[i] = (dk_real)(i % 3) / 2;
        }
        t->c.schedule = dk_schedule_named("vp_linear"), t->c.grid.sigma_max = 5;
        t->c.steps = 6, t->c.batch = BACKEND_BATCH, t->c.dim = BACKEND_DIM, t->c.seed = 0x123456789ABCDEF;
        t->c.first_sample = strstr(t->settings, "torch") ? 0 : 0xFFFFFFFE; /* sample 2 has a higher half */
        for (int b = 0; b < BACKEND_BATCH; b++) t->seeds[b] = 1000u + (uint64_t)b * 0x100000001u;
        if (with & BACKEND_SEEDS) t->c.seeds = t->seeds, t->c.seed = t->c.first_sample = 0;
        if (with & BACKEND_GIVEN) t->c.mask = t->mask, t->c.known = t->known;
        if (with & BACKEND_GUIDER) t->c.guidance.guider = backend_guider, t->c.guidance.guider_user = t;
        if (with & BACKEND_HOOK) t->c.guidance.hook = backend_hook, t->c.guidance.hook_user = t;
        if (dk_config_set(&t->c, t->settings)) backend_fails(t, t->c.message, -1, 0, 0);
        else backend_on_host(t), backend_on_device(t);
        free(t->states), free(t->estimates), free(t->saved);
        failures += t->failures;
    }
    free(t);
    return t ? failures : 1;
}

#endif
