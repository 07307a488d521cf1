/* Time of a sampler's step against memcpy of the same bytes, and against a hand-written loop, in one run.

   The network costs nothing here (its output stays what it is), so that only the sampler is timed. Bytes per
   step are counted from the plan: every buffer that a pass reads or writes, once each. "checked" also looks
   for NaN and infinity in the network's output, which reads it once more. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Bytes that the passes of a plan must move for n elements. */
static double plan_bytes(const dk_plan *p, double n) {
    double vectors = 0;
    for (int i = 0; i < p->passes; i++) {
        const dk_pass *pass = &p->pass[i];
        for (int slot = 0; slot <= p->buffers; slot++) {
            int read = 0, written = 0;
            for (int k = pass->first; k < pass->first + pass->count; k++) {
                const dk_row *row = &p->row[k];
                for (int j = row->first; j < row->first + row->count; j++) {
                    const dk_value *v = &p->value[p->term[j].value];
                    if (v->kind == DK_VALUE_BUFFER && v->slot == slot && !written) read = 1;
                }
                const dk_value *dst = &p->value[row->dst];
                if (dst->kind == DK_VALUE_BUFFER && dst->slot == slot) written = 1;
            }
            vectors += read + written;
        }
    }
    return vectors * n * sizeof(dk_real);
}

/* Seconds for one run of a plan; the best of several. */
static double time_run(const dk_plan *plan, dk_config *c, dk_real *x, void *memory, size_t bytes,
                       int repeats) {
    double best = 1e30;
    for (int i = 0; i < repeats; i++) {
        dk_run run;
        dk_eval eval;
        if (dk_begin_plan(&run, plan, c, x, memory, bytes)) {
            fprintf(stderr, "%s\n", dk_message(c));
            exit(1);
        }
        double start = now();
        while (dk_next(&run, &eval)) {
        }
        double seconds = now() - start;
        if (seconds < best) best = seconds;
        dk_end(&run);
    }
    return best;
}

static double time_memcpy(char *to, char *from, size_t bytes, int repeats) {
    double best = 1e30;
    int copies = bytes < (1 << 20) ? (1 << 20) / (int)bytes : 4;
    for (int i = 0; i < repeats && i < 200; i++) {
        double start = now();
        for (int k = 0; k < copies; k++) {
            memcpy(to, from, bytes);
            from[k % 8] = to[bytes - 1]; /* so that no copy can be left out */
        }
        double seconds = (now() - start) / copies;
        if (seconds < best) best = seconds;
    }
    return best;
}

/* Euler on flow matching by hand: x += h F, the whole of what must be done. */
static double time_by_hand(dk_real *x, const dk_real *F, size_t n, int steps, int repeats) {
    double best = 1e30;
    volatile dk_real h = (dk_real)-0.05;
    for (int i = 0; i < repeats; i++) {
        double start = now();
        for (int k = 0; k < steps; k++) {
            dk_real step = h;
            for (size_t j = 0; j < n; j++) x[j] += step * F[j];
        }
        double seconds = (now() - start) / steps;
        if (seconds < best) best = seconds;
    }
    return best;
}

int main(void) {
    static const char *const samplers[] = {"euler", "heun", "dpmpp_2m", "dpmpp_2m_sde"};
    static const size_t sizes[] = {64, 16 << 10, 16 << 20};
    const int steps = 20;
    printf("%-14s %10s %14s %12s %14s %14s\n", "sampler", "floats", "time/eval", "bytes/eval", "x memcpy",
           "x memcpy");
    printf("%-14s %10s %14s %12s %14s %14s\n", "", "", "(unchecked)", "(plan)", "(unchecked)", "(checked)");
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        size_t n = sizes[s];
        int repeats = n < 1000 ? 2000 : n < 100000 ? 200 : 3;
        dk_real *x = (dk_real *)calloc(n, sizeof *x), *y = (dk_real *)calloc(n, sizeof *y);
        if (!x || !y) return 1;
        memset(x, 1, n * sizeof *x), memset(y, 1, n * sizeof *y); /* pages must exist before they are timed */
        double copy =
            time_memcpy((char *)y, (char *)x, n * sizeof *x, repeats) / (2.0 * (double)(n * sizeof *x));
        for (size_t k = 0; k < sizeof samplers / sizeof *samplers; k++) {
            dk_config c;
            dk_plan plan;
            memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
            c.schedule = dk_flow(1), c.sampler = dk_sampler_named(samplers[k]), c.steps = steps, c.dim = n;
            c.start = DK_START_STATE;
            if (dk_record(&plan, &c)) return 1;
            size_t bytes = dk_workspace_size(&plan, &c);
            void *memory = calloc(1, bytes);
            if (!memory) return 1;
            double moved = plan_bytes(&plan, (double)n), seconds[2];
            for (c.unchecked = 0; c.unchecked < 2; c.unchecked++)
                seconds[c.unchecked] = time_run(&plan, &c, x, memory, bytes, repeats);
            printf("%-14s %10zu %11.3f us %12.0f %14.2f %14.2f\n", samplers[k], n,
                   seconds[1] / plan.calls * 1e6, moved / plan.calls, seconds[1] / (moved * copy),
                   seconds[0] / (moved * copy));
            free(memory);
            dk_plan_free(&plan);
        }
        double hand = time_by_hand(x, y, n, steps, repeats);
        printf("%-14s %10zu %11.3f us %12zu %14.2f\n", "euler by hand", n, hand * 1e6, 3 * n * sizeof *x,
               hand / (3.0 * (double)(n * sizeof *x) * copy));
        free(x), free(y);
    }
    return 0;
}
