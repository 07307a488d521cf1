/* action_chunks.c: a robot's policy that plans while it moves (real-time action chunking, Black et al. 2025).

       make action-chunks            or: build/action_chunks [EVALUATIONS]

   A policy draws chunks of 16 actions of 7 joints by flow matching, in 5 evaluations. While it draws one, the robot goes on
   with the last: 8 actions after a chunk began the next one is begun, and when that is there, 4 more are done. So of the
   new chunk the first 4 actions are already decided, the next 4 should not differ much from what was planned, and the last
   8 are free. Where the chunks meet, the robot must not jerk, and must not change its mind.

   The policy here is one whose right answer is known: smooth paths (a Gaussian process per joint) on either of two sides of
   an obstacle. Its denoiser is exact, so what is printed is what the methods do, and 1 is what the process itself does. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <stdio.h>
#include <time.h>

enum { ACTIONS = 16, JOINTS = 7, DIM = ACTIONS * JOINTS, DECIDED = 4, EVERY = 8, CHUNKS = 2000 };

static const double deviation = 0.5, smooth = 5; /* of a joint on its path; actions over which it forgets */

static double kernel(int i, int j) {
    double d = (i - j) / smooth;
    return deviation * deviation * exp(-0.5 * d * d);
}

/* The two sides: the first two joints are far to one or to the other. */
static double side_mean(int side, int joint) { return joint < 2 ? 2 * side - 1 : 0; }

/* ------------------------------------------------------------------------------------ the policy */

typedef enum method { ALONE, FROZEN, SOFT, RESAMPLED, TOLD, METHODS } method;

typedef struct policy {
    method method;
    dk_real weight[DIM], target[DIM]; /* what the next chunk should be, and how much so */
} policy;

/* A = L L', then A v = b in place; rows of b are `stride` apart. */
static void factor(double A[ACTIONS][ACTIONS]) {
    for (int i = 0; i < ACTIONS; i++)
        for (int j = 0; j <= i; j++) {
            for (int k = 0; k < j; k++) A[i][j] -= A[i][k] * A[j][k];
            A[i][j] = i == j ? sqrt(A[i][i]) : A[i][j] / A[j][j];
        }
}

static void solve(double L[ACTIONS][ACTIONS], double *b, int stride) {
    for (int i = 0; i < ACTIONS; i++) {
        for (int k = 0; k < i; k++) b[i * stride] -= L[i][k] * b[k * stride];
        b[i * stride] /= L[i][i];
    }
    for (int i = ACTIONS; i-- > 0;) {
        for (int k = i + 1; k < ACTIONS; k++) b[i * stride] -= L[k][i] * b[k * stride];
        b[i * stride] /= L[i][i];
    }
}

/* The exact denoiser of x_i = alpha_i a_i + sigma_i noise, with a level for every action: a policy that is told the decided
   actions sees them as they are, at a level of nearly no noise (training-time action conditioning, Black et al. 2025). */
static int denoise(void *user, const dk_eval *e) {
    const policy *p = (const policy *)user;
    double alpha[ACTIONS], S[ACTIONS][ACTIONS], x[DIM], D[2][DIM], likelihood[2], share[2];
    for (int i = 0; i < ACTIONS; i++) {
        int told = p->method == TOLD && i < DECIDED;
        alpha[i] = told ? 1 : e->level.alpha;
        for (int k = 0; k < JOINTS; k++)
            x[i * JOINTS + k] = (double)(told ? p->target : e->input)[i * JOINTS + k];
        for (int j = 0; j <= i; j++) S[i][j] = alpha[i] * alpha[j] * kernel(i, j);
        S[i][i] += told ? 1e-6 : e->level.sigma * e->level.sigma + 1e-6;
    }
    factor(S);
    for (int side = 0; side < 2; side++) {
        double v[DIM];
        likelihood[side] = 0;
        for (int n = 0; n < DIM; n++) v[n] = x[n] - alpha[n / JOINTS] * side_mean(side, n % JOINTS);
        for (int k = 0; k < JOINTS; k++) solve(S, v + k, JOINTS);
        for (int n = 0; n < DIM; n++) {
            likelihood[side] -= 0.5 * v[n] * (x[n] - alpha[n / JOINTS] * side_mean(side, n % JOINTS));
            D[side][n] = side_mean(side, n % JOINTS);
            for (int j = 0; j < ACTIONS; j++)
                D[side][n] += kernel(n / JOINTS, j) * alpha[j] * v[j * JOINTS + n % JOINTS];
        }
    }
    share[1] = 1 / (1 + exp(likelihood[0] - likelihood[1])), share[0] = 1 - share[1];
    for (int n = 0; n < DIM; n++) e->output[n] = (dk_real)(share[0] * D[0][n] + share[1] * D[1][n]);
    return 0;
}

/* -------------------------------------------------------------------------------------- the robot */

static const char *const names[METHODS] = {"each chunk by itself", "frozen prefix", "frozen and soft prefix",
                                           "frozen, resampled", "told the frozen prefix"};

/* 1 for what is decided, falling exponentially over what was planned, 0 beyond it; Black et al. 2025, eq. 5. */
static double weight_of(method m, int i) {
    const int planned = ACTIONS - EVERY;
    double c = (double)(planned - i) / (planned - DECIDED + 1);
    if (i < DECIDED) return 1;
    if (i >= planned || m != SOFT) return 0;
    return c * expm1(c) / expm1(1.0);
}

/* The plan for all of a method's chunks. The mask is a weight on D, with what was planned as its target. */
static dk_status make_plan(dk_plan *plan, dk_config *c, const policy *p, int evaluations) {
    memset(c, 0, sizeof *c), memset(plan, 0, sizeof *plan);
    c->schedule = dk_flow(1), c->prediction = DK_PREDICT_X0, c->sampler = dk_sampler_named("euler");
    c->steps = evaluations, c->dim = DIM;
    if (p->method != ALONE) c->mask = p->weight, c->known = p->target, c->blend = DK_BLEND_DENOISED;
    static const dk_repaint again = {{dk_repaint_level}, 2, 8, 0};
    if (p->method == RESAMPLED) c->grid.way = &again.way;
    return dk_record(plan, c);
}

/* Draws the chunk that follows the one in `chunk`, in its place. */
static int next_chunk(const dk_plan *plan, dk_config *c, policy *p, dk_real *chunk) {
    static char arena[1 << 16];
    dk_run run;
    dk_eval e;
    memcpy(p->target, chunk + EVERY * JOINTS, (ACTIONS - EVERY) * JOINTS * sizeof *chunk);
    if (dk_begin_plan(&run, plan, c, chunk, arena, sizeof arena)) return 1;
    while (dk_next(&run, &e)) denoise(p, &e);
    dk_end(&run);
    return 0;
}

static double seconds(void) { return (double)clock() / CLOCKS_PER_SEC; }

int main(int argc, char **argv) {
    /* Of the process: the size of a change from action to action, and of the change of that. */
    const double change = sqrt(2 * (kernel(0, 0) - kernel(0, 1))),
                 bend = sqrt(6 * kernel(0, 0) - 8 * kernel(0, 1) + 2 * kernel(0, 2));
    printf("where chunks meet          velocity  acceleration  changes of side   microseconds per chunk\n");
    for (int m = 0; m < METHODS; m++) {
        static policy p;
        dk_config c;
        dk_plan plan;
        dk_real chunk[DIM] = {0};
        double changes2 = 0, bends2 = 0, start = seconds();
        int sides = 0;
        p.method = (method)m;
        for (int n = 0; n < DIM; n++) p.weight[n] = (dk_real)weight_of(p.method, n / JOINTS), p.target[n] = 0;
        if (make_plan(&plan, &c, &p, argc > 1 ? atoi(argv[1]) : 5)) {
            fprintf(stderr, "action_chunks: %s\n", dk_message(&c));
            return 1;
        }
        for (int k = 0; k <= CHUNKS; k++) {
            c.seed = (uint64_t)k;
            if (next_chunk(&plan, &c, &p, chunk)) return 1;
            const dk_real *b = p.target + (DECIDED - 1) * JOINTS,
                          *a = b - JOINTS; /* the last decided actions */
            const dk_real *next = chunk + DECIDED * JOINTS, *last = chunk + (ACTIONS - 1) * JOINTS;
            if (!k) continue; /* the first chunk follows none */
            for (int j = 0; j < JOINTS; j++) {
                double before = (double)b[j] - (double)a[j], after = (double)next[j] - (double)b[j];
                changes2 += after * after, bends2 += (after - before) * (after - before);
            }
            sides += (b[0] > 0) != (last[0] > 0);
        }
        printf("%-24s %10.2f %13.2f %15.1f%% %14.1f\n", names[m], sqrt(changes2 / (CHUNKS * JOINTS)) / change,
               sqrt(bends2 / (CHUNKS * JOINTS)) / bend, 100.0 * sides / CHUNKS,
               1e6 * (seconds() - start) / CHUNKS);
        dk_plan_free(&plan);
    }
    return 0;
}
