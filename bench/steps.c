/* What a sampler's step costs besides the network, in one run side by side with plain loops.

     steps large [millions [sampler]]
                              time per evaluation of long vectors against the time in which the best plain loop moves the
                              same minimum of bytes: each buffer that a pass reads, or writes, once. "checked" also looks
                              for NaN and infinity in the network's output, which reads it once more.
     steps small              time per evaluation of short vectors, where nothing writes the network's output; checked, where
                              something must, less what the writing takes; and that of the same arithmetic written by hand.
     steps many               nanoseconds per sample and evaluation of batches of small samples with noise.
     steps threads [millions [sampler]]
                              the same as large, by threads (compile with -fopenmp).
     steps setup              microseconds to set up a run of 20 steps: schedule, grid and plan, in given memory.

   The network costs nothing here: its output stays what it is. Times are the best of several, taken in turns; where one
   thread works, the processor's time, so that other programs disturb less. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef _OPENMP
#include <omp.h>
#endif

/* A plan and a run's memory. */
typedef struct subject {
    dk_config c;
    dk_plan plan;
    dk_real *x;
    void *memory;
    size_t bytes;
} subject;

static void prepare(subject *s, const char *sampler, dk_prediction prediction, dk_number number, size_t n,
                    int threads, int steps) {
    memset(s, 0, sizeof *s);
    if (prediction == DK_PREDICT_EPS) s->c.schedule = dk_edm(0.01, 10);
    s->c.sampler = dk_sampler_named(sampler), s->c.prediction = prediction, s->c.number = number;
    s->c.steps = steps, s->c.batch = 1, s->c.dim = n, s->c.start = DK_START_STATE, s->c.unchecked = 1, s->c.threads = threads;
    if (dk_record(&s->plan, &s->c)) fail(dk_message(&s->c));
    s->bytes = dk_run_size(&s->plan, &s->c);
    s->x = (dk_real *)malloc(n * sizeof *s->x);
    s->memory = malloc(s->bytes);
    if (!s->x || !s->memory) fail("not enough memory");
    memset(s->memory, 0, s->bytes); /* pages must exist before they are timed */
}

static void release(subject *s) {
    free(s->x), free(s->memory);
    dk_plan_free(&s->plan);
}

static void begin(subject *s, dk_run *run) {
    for (size_t i = 0; i < s->c.dim * (size_t)s->c.batch; i++) s->x[i] = (dk_real)1 + (dk_real)(i % 7);
    if (dk_begin_plan(run, &s->plan, &s->c, s->x, s->memory, s->bytes)) fail(run->message);
}

/* Where outputs are checked, some elements begin as NaN, and all of short ones. A network writes them. */
static void write_marks(const dk_eval *e) {
    static void *(*const volatile fill)(void *, int, size_t) = memset; /* in place, gcc makes a slow one of it */
    size_t all = e->dim * (size_t)e->batch, bytes = e->output ? sizeof *e->output : sizeof *e->output_half;
    char *output = e->output ? (char *)e->output : (char *)e->output_half;
    if (all <= DKP_TILE) {
        fill(output, 0, all * bytes);
        return;
    }
    size_t chunk = dkp_chunk(e->dim);
    for (size_t left = e->dim; left > 0; left -= left < chunk ? left : chunk) memset(output + (left - 1) * bytes, 0, bytes);
}

/* Seconds for one run. */
static double time_run(subject *s, int written) {
    dk_run run;
    dk_eval eval;
    begin(s, &run);
    double start = now();
    while (dk_next(&run, &eval))
        if (written) write_marks(&eval);
    double seconds = now() - start;
    if (run.status) fail(run.message);
    dk_end(&run);
    return seconds;
}

/* ----------------------------------------------------------------- the plain loop over the same bytes */

/* The buffers that a pass reads before it writes them, and those that it writes. A buffer of 16 bits counts as
   floats, half as many. */
typedef struct streams {
    float *read[16], *write[16];
    int halves_read, halves_written, reads, writes; /* those of 16 bits come first */
} streams;

static float *stream_of(const dk_run *run, const dk_value *v) {
    if (v->kind == DK_VALUE_HALF) return (float *)(void *)(run->own.halves + (size_t)v->slot * run->size);
    return v->kind != DK_VALUE_BUFFER ? NULL
           : v->slot                  ? (float *)run->own.buffers + (size_t)(v->slot - 1) * run->size
                                      : (float *)run->x;
}

static int among(float *const *list, int n, const float *p) {
    for (int i = 0; i < n; i++)
        if (list[i] == p) return 1;
    return 0;
}

static streams streams_of(const dk_run *run, const dk_pass *pass) {
    streams s;
    memset(&s, 0, sizeof s);
    for (int kind = DK_VALUE_HALF; kind >= DK_VALUE_BUFFER; kind--) {
        for (int k = pass->first; k < pass->first + pass->count; k++) {
            const dk_row *row = &dk_run_plan(run)->row[k];
            for (int j = row->first; j <= row->first + row->count; j++) {
                int written = j == row->first + row->count;
                const dk_value *v = &dk_run_plan(run)->value[written ? row->dst : dk_run_plan(run)->term[j].value];
                float *p = stream_of(run, v);
                if (!p || v->kind != kind || among(s.write, s.writes, p)) continue;
                if (written) s.write[s.writes++] = p;
                else if (!among(s.read, s.reads, p)) s.read[s.reads++] = p;
            }
        }
        if (kind == DK_VALUE_HALF) s.halves_read = s.reads, s.halves_written = s.writes;
    }
    return s;
}

#define INLINE static inline __attribute__((always_inline))
enum { WIDTH = 16, BLOCK = 2 * WIDTH };

#if defined(__clang__)
#define APART _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
#else
#define APART _Pragma("GCC ivdep")
#endif

/* Nothing but loads, additions and stores: all counts are constants where these are called. WIDTH elements from i on, and as
   many of a stream of 16 bits, which counts in floats, from `half` on. */
INLINE void move_block(const streams *s, size_t i, size_t half, int half_read, int reads, int half_written,
                       int writes) {
    const float *h = s->read[0] + half, *const *read = (const float *const *)(s->read + s->halves_read);
    const float *r0 = read[0] + i, *r1 = read[reads > 1] + i, *r2 = read[reads > 2 ? 2 : 0] + i,
                *r3 = read[reads > 3 ? 3 : 0] + i, *r4 = read[reads > 4 ? 4 : 0] + i,
                *r5 = read[reads > 5 ? 5 : 0] + i;
    float *k = s->write[0] + half, *const *write = s->write + s->halves_written;
    float *w0 = write[0] + i, *w1 = write[writes > 1] + i, *w2 = write[writes > 2 ? 2 : 0] + i;
    APART
    for (int j = 0; j < WIDTH; j++) {
        float v = 0.25f;
        if (reads > 0) v += r0[j];
        if (reads > 1) v += r1[j];
        if (reads > 2) v += r2[j];
        if (reads > 3) v += r3[j];
        if (reads > 4) v += r4[j];
        if (reads > 5) v += r5[j];
        if (half_read) v += h[j];
        if (writes > 0) w0[j] = v;
        if (writes > 1) w1[j] = v;
        if (writes > 2) w2[j] = v;
        if (half_written) k[j] = v;
    }
}

INLINE void move_streams(const streams *s, size_t first, size_t end, int half_read, int reads,
                         int half_written, int writes) {
    for (size_t i = first; i + BLOCK <= end; i += BLOCK) {
        move_block(s, i, i / 2, half_read, reads, half_written, writes);
        move_block(s, i + WIDTH, 0, 0, reads, 0, writes);
    }
}

static void move(const streams *s, size_t first, size_t end) {
    int full_reads = s->reads - s->halves_read, full_writes = s->writes - s->halves_written;
#define CASE(h, r, k, w)                                                                      \
    if (s->halves_read == h && full_reads == r && s->halves_written == k && full_writes == w) \
        move_streams(s, first, end, h, r, k, w);                                              \
    else
#define CASES_W(h, r, k) CASE(h, r, k, 0) CASE(h, r, k, 1) CASE(h, r, k, 2) CASE(h, r, k, 3)
#define CASES_R(h, k) \
    CASES_W(h, 0, k)  \
    CASES_W(h, 1, k) CASES_W(h, 2, k) CASES_W(h, 3, k) CASES_W(h, 4, k) CASES_W(h, 5, k) CASES_W(h, 6, k)
    CASES_R(0, 0) CASES_R(0, 1) CASES_R(1, 0) CASES_R(1, 1) fail("a pass with more buffers than foreseen");
}

/* Seconds in which plain loops move what the passes of a run must; *bytes says how much that is. */
static double time_plain(subject *s, double *bytes) {
    dk_run run;
    double seconds = 0;
    int parts = s->c.threads;
    begin(s, &run);
    *bytes = 0;
    for (int i = 0; i < s->plan.passes; i++) {
        streams t = streams_of(&run, &s->plan.pass[i]);
        *bytes += (double)run.size * (4.0 * (t.reads + t.writes) - 2.0 * (t.halves_read + t.halves_written));
        double start = now();
#ifdef _OPENMP
#pragma omp parallel for num_threads(parts)
#endif
        for (int k = 0; k < parts; k++)
            move(&t, run.size / BLOCK * (size_t)k / (size_t)parts * BLOCK,
                 run.size / BLOCK * (size_t)(k + 1) / (size_t)parts * BLOCK);
        seconds += now() - start;
    }
    dk_end(&run);
    return seconds;
}

static const char *const numbers[] = {"float", "fp16", "bf16"};
static const char *const samplers[] = {"euler", "heun", "dpmpp_2m", "unipc", "dpmpp_2m_sde"};
enum { SAMPLERS = sizeof samplers / sizeof samplers[0] };

/* Best times in turns: unchecked, checked, plain. */
static void measure(subject *s, int repeats, double best[3], double *bytes) {
    for (int k = 0; k < 3; k++) best[k] = 1e30;
    for (int i = 0; i < repeats; i++)
        for (int k = 0; k < 3; k++) {
            s->c.unchecked = k == 0;
            double seconds = k == 2 ? time_plain(s, bytes) : time_run(s, 1);
            if (seconds < best[k]) best[k] = seconds;
        }
}

static void large(size_t n, const int *threads, int counts, const char *only) {
    printf("%-14s %-9s %-6s %7s %12s %10s %10s %8s %8s\n", "sampler", "predicts", "number", "threads",
           "ms per eval", "bytes/x", "GB/s", "/ plain", "checked");
    for (int k = 0; k < SAMPLERS; k++) {
        if (only && strcmp(samplers[k], only)) continue;
        for (int eps = 0; eps < 2; eps++)
            for (int number = 0; number < DK_NUMBER_COUNT; number++)
                for (int t = 0; t < counts; t++) {
                    subject s;
                    double best[3], bytes;
                    by_processor = threads[t] == 1;
                    prepare(&s, samplers[k], eps ? DK_PREDICT_EPS : DK_PREDICT_VELOCITY, (dk_number)number, n,
                            threads[t], 6);
                    measure(&s, 25, best, &bytes);
                    printf("%-14s %-9s %-6s %7d %12.3f %10.2f %10.1f %8.2f %8.2f\n", samplers[k],
                           eps ? "eps" : "velocity", numbers[number], threads[t],
                           best[0] / s.plan.calls * 1e3, bytes / s.plan.calls / (double)n,
                           bytes / best[0] * 1e-9, best[0] / best[2], best[1] / best[2]);
                    fflush(stdout);
                    release(&s);
                }
    }
}

/* ------------------------------------------------------------------------------------ short vectors */

/* The rows of a plan by hand: every coefficient known, every loop written out. Euler on flow matching. */
static void euler_by_hand(dk_real *restrict x, const dk_real *restrict F, size_t n, const double *c) {
    dk_real d_x = (dk_real)c[0], d_f = (dk_real)c[1], a = (dk_real)c[2], b = (dk_real)c[3];
    for (size_t i = 0; i < n; i++) {
        dk_real D = d_x * x[i] + d_f * F[i];
        x[i] = a * x[i] + b * D;
    }
}

/* DPM-Solver++ 2M. */
static void dpmpp_2m_by_hand(dk_real *restrict x, const dk_real *restrict F, dk_real *restrict old, size_t n,
                             const double *c) {
    dk_real d_x = (dk_real)c[0], d_f = (dk_real)c[1], a = (dk_real)c[2], b = (dk_real)c[3], p = (dk_real)c[4];
    for (size_t i = 0; i < n; i++) {
        dk_real D = d_x * x[i] + d_f * F[i];
        x[i] = a * x[i] + b * D + p * old[i];
        old[i] = D;
    }
}

static double time_by_hand(int multistep, dk_real *x, dk_real *F, dk_real *old, size_t n, int steps) {
    static volatile double coefficients[5] = {1, -0.5, 0.9, 0.1, 0.01};
    double start = now();
    for (int i = 0; i < steps; i++) {
        double c[5];
        for (int k = 0; k < 5; k++) c[k] = coefficients[k];
        if (multistep) dpmpp_2m_by_hand(x, F, old, n, c);
        else euler_by_hand(x, F, n, c);
    }
    return now() - start;
}

static void small(void) {
    enum { PLAIN, WRITTEN, CHECKED, BY_HAND, WAYS };
    by_processor = 0;
    static const size_t sizes[] = {16, 112, 1024, 16384};
    printf("%-14s %8s %14s %12s %12s %12s\n", "sampler", "floats", "ns per eval", "checked", "writing", "by hand");
    for (int k = 0; k < SAMPLERS; k++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            size_t n = sizes[i];
            subject s;
            int multistep = k == 2, hand = k == 0 || multistep, repeats = n < 10000 ? 5000 : 500;
            double best[WAYS] = {1e30, 1e30, 1e30, 1e30};
            dk_real *v = (dk_real *)calloc(3 * n, sizeof *v);
            if (!v) fail("not enough memory");
            prepare(&s, samplers[k], DK_PREDICT_VELOCITY, DK_NUMBER_REAL, n, 1, 20);
            for (int r = 0; r < repeats; r++)
                for (int j = 0; j < (hand ? WAYS : BY_HAND); j++) {
                    s.c.unchecked = j != CHECKED;
                    for (size_t m = 0; m < n; m++) v[m] = 1, v[n + m] = 2;
                    double seconds = j == BY_HAND ? time_by_hand(multistep, v, v + n, v + 2 * n, n, s.plan.calls)
                                                  : time_run(&s, j != PLAIN);
                    if (seconds < best[j]) best[j] = seconds;
                }
            double calls = s.plan.calls * 1e-9, writing = best[WRITTEN] - best[PLAIN];
            printf("%-14s %8zu %14.1f %12.1f %12.1f", samplers[k], n, best[PLAIN] / calls, (best[CHECKED] - writing) / calls,
                   writing / calls);
            if (hand) printf(" %12.1f", best[BY_HAND] / calls);
            printf("\n");
            free(v);
            release(&s);
        }
}

static void many(void) {
    static const int shapes[][2] = {{64, 16}, {64, 112}, {1024, 64}};
    by_processor = 0;
    printf("%-16s %8s %8s %24s\n", "sampler", "samples", "floats", "ns per sample and eval");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        int batch = shapes[i][0];
        size_t n = (size_t)batch * (size_t)shapes[i][1];
        double best = 1e30;
        subject s;
        prepare(&s, "euler_ancestral", DK_PREDICT_VELOCITY, DK_NUMBER_REAL, n, 1, 20);
        s.c.batch = batch, s.c.dim = n / (size_t)batch;
        for (size_t r = 0; r < 10000000 / (n + 1000); r++) {
            double seconds = time_run(&s, 1);
            if (seconds < best) best = seconds;
        }
        printf("%-16s %8d %8d %24.1f\n", "euler_ancestral", batch, shapes[i][1], best / s.plan.calls * 1e9 / batch);
        release(&s);
    }
}

static void setup(void) {
    static const char *const names[] = {"euler", "euler_ancestral",    "dpmpp_2m", "dpmpp_2m_sde", "heun",
                                        "dpm2",  "dpmpp_2s_ancestral", "deis",     "dpmpp_3m_sde", "lms",
                                        "unipc"};
    static const char *const families[] = {"flow", "vp_scaled_linear", "edm"};
    static char memory[1 << 18];
    dk_real x[16];
    by_processor = 1;
    printf("%-20s", "microseconds");
    for (int f = 0; f < 3; f++) printf(" %18s", families[f]);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        printf("\n%-20s", names[k]);
        for (int f = 0; f < 3; f++) {
            const int runs = 500;
            double best = 1e30;
            dk_config c;
            memset(&c, 0, sizeof c);
            c.sampler = dk_sampler_named(names[k]), c.steps = 20, c.dim = 16;
            for (int batch = 0; batch < 9; batch++) {
                double start = now();
                for (int i = 0; i < runs; i++) {
                    dk_run run;
                    c.schedule = dk_schedule_named(families[f]);
                    if (dk_begin(&run, &c, x, memory, sizeof memory)) fail(run.message);
                    dk_end(&run);
                }
                double seconds = (now() - start) / runs;
                if (seconds < best) best = seconds;
            }
            printf(" %18.1f", best * 1e6);
        }
    }
    printf("\n");
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "";
    size_t n = (argc > 2 ? (size_t)atoi(argv[2]) : 16) << 20;
    static const int threads[] = {1, 2, 4, 8};
    int counts = 1;
#ifdef _OPENMP
    while (counts < 4 && threads[counts] <= omp_get_num_procs()) counts++;
#endif
    if (!*what || !strcmp(what, "small")) small();
    if (!*what || !strcmp(what, "many")) many();
    if (!*what || !strcmp(what, "large")) large(n, threads, 1, argc > 3 ? argv[3] : NULL);
    if (!strcmp(what, "threads")) large(n, threads, counts, argc > 3 ? argv[3] : NULL);
    if (!*what || !strcmp(what, "setup")) setup();
    return 0;
}
