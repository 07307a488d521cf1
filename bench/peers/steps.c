/* diffkit's side of steps.py: one sampler on the peer's levels, and the same arithmetic as a loop by hand.

       bench_peers k-diffusion|stable-diffusion.cpp|diffusers SAMPLER N SECONDS SIGMA_0 SIGMA_1 ... 0

   prints seconds per evaluation of a run, of recording its plan, and of the loop by hand (nan: there is none), each the
   best within SECONDS; then SHOWN elements of both results with a network that depends on its input, without noise. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_STEPS = 100, SHOWN = 16 };

/* By hand: D = p x + q F, x' = a x + b D + c (D of the step before), the network's next input is scale x'. */
typedef struct step {
    dk_real p, q, a, b, c, scale;
} step;

typedef struct bench {
    size_t n;
    int steps, eps, second_order;
    int checking; /* the network works; else it costs nothing: its output stays what it is */
    double sigma[MAX_STEPS + 1];
    dk_config config;
    dk_plan plan;
    void *memory;
    size_t bytes;
    step step[MAX_STEPS];
    dk_real *x, *input, *D, *output[2];
} bench;

static void fail(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* The start and the network of steps.py's check. */
static dk_real start(size_t i) { return (dk_real)(7 * i % 64) / 64 - (dk_real)0.5; }

static void network(const bench *b, const dk_real *input, dk_real *output) {
    for (size_t i = 0; i < b->n; i++) output[i] = (dk_real)(5 * i % 32) / 32 - (dk_real)0.5 + input[i] / 2;
}

/* ------------------------------------------------------------------ diffkit */
/* The peer's process and prediction: all but diffusers' are VE, and their network gives D. diffusers' network is trained on
   Stable Diffusion's VP and gives eps; its Euler and Heun hold x in VE's scaling, the others in VP's. */
static void configure(bench *b, const char *sampler, int ve) {
    dk_config *c = &b->config;
    dk_schedule table = dk_vp_scaled_linear();
    c->schedule = ve ? dk_edm(b->sigma[b->steps - 1], b->sigma[0]) : table;
    if (b->eps) c->network_schedule = table;
    c->prediction = b->eps ? DK_PREDICT_EPS : DK_PREDICT_X0;
    c->sampler = dk_sampler_named(sampler);
    if (!strcmp(sampler, "unipc"))
        dk_config_set(c, "order=3 corrector=4 lower_order_final=2"); /* as theirs */
    c->grid = dk_grid_levels(b->sigma, DK_UNIT_SIGMA);
    c->steps = b->steps, c->dim = b->n, c->seed = 1;
    c->start = DK_START_STATE, c->unchecked = 1; /* the peers do not look for NaN */
}

static void record(bench *b) {
    dk_plan_free(&b->plan);
    if (dk_record(&b->plan, &b->config)) fail(dk_message(&b->config));
}

static void run(bench *b) {
    dk_run run;
    dk_eval e;
    if (dk_begin_plan(&run, &b->plan, &b->config, b->x, b->memory, b->bytes)) fail(run.message);
    while (dk_next(&run, &e))
        if (b->checking) network(b, e.input, e.output);
    dk_end(&run);
}

/* ------------------------------------------------------------------ by hand: Euler and DPM++ 2M */
static void coefficients(bench *b, int ve) {
    double h_before = 0;
    for (int k = 0; k < b->steps; k++) {
        double s = b->sigma[k], to = b->sigma[k + 1], h = to > 0 ? log(s / to) : 0;
        double alpha = ve ? 1 : 1 / sqrt(1 + s * s), alpha_to = ve ? 1 : 1 / sqrt(1 + to * to);
        double a = alpha_to * to / (alpha * s), gain = alpha_to - alpha * a;
        double extra = b->second_order && k > 0 ? h / (2 * h_before) : 0; /* 0 in the step to sigma = 0 */
        step one = {
            (dk_real)(b->eps ? 1 / alpha : 0), (dk_real)(b->eps ? -s : 1), (dk_real)a,
            (dk_real)(gain * (1 + extra)),     (dk_real)(-gain * extra),   (dk_real)(1 / sqrt(1 + to * to))};
        b->step[k] = one, h_before = h;
    }
}

static void euler_from_D(step s, size_t n, dk_real *restrict x, const dk_real *restrict D) {
    for (size_t i = 0; i < n; i++) x[i] = s.a * x[i] + s.b * D[i];
}

static void euler_from_eps(step s, size_t n, dk_real *restrict x, const dk_real *restrict F,
                           dk_real *restrict input) {
    for (size_t i = 0; i < n; i++) {
        dk_real D = s.p * x[i] + s.q * F[i];
        x[i] = s.a * x[i] + s.b * D;
        input[i] = s.scale * x[i];
    }
}

static void dpmpp_2m_from_D(step s, size_t n, dk_real *restrict x, const dk_real *restrict D,
                            const dk_real *restrict before) {
    for (size_t i = 0; i < n; i++) x[i] = s.a * x[i] + s.b * D[i] + s.c * before[i];
}

static void dpmpp_2m_from_eps(step s, size_t n, dk_real *restrict x, const dk_real *restrict F,
                              dk_real *restrict before) {
    for (size_t i = 0; i < n; i++) {
        dk_real D = s.p * x[i] + s.q * F[i];
        x[i] = s.a * x[i] + s.b * D + s.c * before[i];
        before[i] = D;
    }
}

static void by_hand(bench *b) {
    int scaled = b->eps && !b->second_order;
    for (int k = 0; k < b->steps; k++) {
        dk_real *F = b->output[k % 2], *F_before = b->output[(k + 1) % 2];
        if (b->checking) network(b, scaled ? b->input : b->x, F);
        if (scaled) euler_from_eps(b->step[k], b->n, b->x, F, b->input);
        else if (b->eps) dpmpp_2m_from_eps(b->step[k], b->n, b->x, F, b->D);
        else if (b->second_order) dpmpp_2m_from_D(b->step[k], b->n, b->x, F, F_before);
        else euler_from_D(b->step[k], b->n, b->x, F);
    }
}

/* ------------------------------------------------------------------ what is printed */
static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Jobs of a few microseconds are timed several at once, so that the clock's own steps do not matter. */
static double best_of(void (*job)(bench *), bench *b, int at_once, double seconds) {
    double best = 1e30, begin = now(), from, to;
    do {
        from = now();
        for (int i = 0; i < at_once; i++) job(b);
        to = now();
        if ((to - from) / at_once < best) best = (to - from) / at_once;
    } while (to - begin < seconds);
    return best / b->plan.calls;
}

static void result_of(void (*job)(bench *), bench *b, dk_real *shown) {
    for (size_t i = 0; i < b->n; i++) {
        b->x[i] = start(i), b->input[i] = b->x[i] / (dk_real)sqrt(1 + b->sigma[0] * b->sigma[0]);
        b->D[i] = b->output[0][i] = b->output[1][i] = 0;
    }
    b->checking = 1;
    job(b);
    b->checking = 0;
    memcpy(shown, b->x, SHOWN * sizeof *shown);
}

int main(int argc, char **argv) {
    static bench b;
    if (argc < 7 || argc > 6 + MAX_STEPS)
        fail("usage: bench_peers k-diffusion|stable-diffusion.cpp|diffusers SAMPLER N SECONDS SIGMA_0 SIGMA_1 ... 0");
    const char *sampler = argv[2];
    int euler = !strcmp(sampler, "euler"), handmade = euler || !strcmp(sampler, "dpmpp_2m");
    b.eps = !strcmp(argv[1], "diffusers"), b.second_order = !euler;
    int ve = !b.eps || euler || !strcmp(sampler, "heun");
    double seconds = atof(argv[4]);
    b.n = (size_t)strtoull(argv[3], NULL, 10), b.steps = argc - 6;
    if (b.n < SHOWN) fail("N: at least 16");
    for (int i = 0; i <= b.steps; i++) b.sigma[i] = atof(argv[5 + i]);

    dk_real **arrays[] = {&b.x, &b.input, &b.D, &b.output[0], &b.output[1]}, ours[SHOWN], hands[SHOWN];
    for (int i = 0; i < 5; i++)
        if (!(*arrays[i] = (dk_real *)malloc(b.n * sizeof(dk_real)))) fail("not enough memory");
    configure(&b, sampler, ve);
    record(&b);
    b.bytes = dk_run_size(&b.plan, &b.config);
    if (!(b.memory = malloc(b.bytes))) fail("not enough memory");

    b.config.sampler.noise_excess = -1;
    record(&b);
    result_of(run, &b, ours);
    b.config.sampler.noise_excess = 0;
    int at_once = 1 + (int)(3000 / b.n);
    double plan_time = best_of(record, &b, 1, seconds / 4), time = best_of(run, &b, at_once, seconds),
           hand_time = (double)NAN;
    if (handmade) {
        coefficients(&b, ve);
        result_of(by_hand, &b, hands);
        hand_time = best_of(by_hand, &b, at_once, seconds);
    }
    printf("%.4e %.4e %.4e", time, plan_time, hand_time);
    for (int i = 0; i < SHOWN; i++) printf(" %.9g", (double)ours[i]);
    for (int i = 0; i < SHOWN && handmade; i++) printf(" %.9g", (double)hands[i]);
    printf("\n");
    dk_plan_free(&b.plan), free(b.memory);
    for (int i = 0; i < 5; i++) free(*arrays[i]);
    return 0;
}
