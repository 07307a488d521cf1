/* lockstep.c: several noise levels in one state.

       make lockstep

   Video models of today give each frame a level of its own (diffusion forcing), so that frames come one after the other; models
   of sound and picture give each its own shift; others give each token a time. Here a run is a frame. All runs are asked for
   their next evaluation, one network sees the whole film with the level of each frame, and each gets its part of the
   answer. Nothing of this is in the library: a run is a cursor, and takes an answer from wherever it comes.

   A film is a chain of frames with correlation 0.8^|i - j|, and the network the exact mean of all frames given all that is
   seen, each at its level. So each way must end in the same correlations. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FRAMES = 6, FILMS = 16384, STEPS = 40 };

typedef struct frame {
    dk_run run;
    dk_eval eval;
    dk_real x[FILMS];
    dk_level level;
    int asks;
} frame;
static frame film[FRAMES];

static double correlation(int i, int j) { return pow(0.8, i < j ? j - i : i - j); }

/* a = b^-1 a, by elimination; b is symmetric and positive. */
static void solve(double b[FRAMES][FRAMES], double a[FRAMES][FRAMES]) {
    for (int k = 0; k < FRAMES; k++)
        for (int i = 0; i < FRAMES; i++) {
            double f = i == k ? 0 : b[i][k] / b[k][k];
            for (int j = 0; j < FRAMES; j++) b[i][j] -= f * b[k][j], a[i][j] -= f * a[k][j];
        }
    for (int i = 0; i < FRAMES; i++)
        for (int j = 0; j < FRAMES; j++) a[i][j] /= b[i][i];
}

/* Frame i is x_i = alpha_i x0_i + sigma_i eps: E[x0 | x] = R A (A R A + S^2)^-1 x, the transpose of what is solved for. A frame
   of pure noise says nothing, and a finished one is known. Only the frames that ask get an answer. */
static void network(void) {
    double seen[FRAMES][FRAMES], gain[FRAMES][FRAMES];
    for (int i = 0; i < FRAMES; i++)
        for (int j = 0; j < FRAMES; j++) {
            double a = film[i].level.alpha, s = i == j ? film[i].level.sigma : 0;
            gain[i][j] = a * correlation(i, j), seen[i][j] = gain[i][j] * film[j].level.alpha + s * s;
        }
    solve(seen, gain);
    for (int n = 0; n < FILMS; n++)
        for (int i = 0; i < FRAMES; i++) {
            double D = 0;
            for (int j = 0; j < FRAMES && film[i].asks; j++) D += gain[j][i] * (double)(film[j].asks ? film[j].eval.input : film[j].x)[n];
            if (film[i].asks) film[i].eval.output[n] = (dk_real)D;
        }
}

/* Frame i begins with round i * lag, and has its own shift. Returns the rounds that there were, 0 if something is wrong. */
static int make(int lag, const double shift[FRAMES]) {
    int rounds = 0, asked = 1;
    for (int i = 0; i < FRAMES; i++) {
        dk_config c = {0};
        c.schedule = dk_flow(shift[i]), c.prediction = DK_PREDICT_X0, c.sampler = dk_sampler_named("adams2");
        c.steps = STEPS, c.dim = FILMS, c.seed = 1, c.first_sample = (uint64_t)i;
        if (dk_begin(&film[i].run, &c, film[i].x, NULL, 0)) return fprintf(stderr, "%s\n", film[i].run.message), 0;
        memset(film[i].x, 0, sizeof film[i].x); /* until it begins: nothing is seen of it */
        film[i].level.alpha = 0, film[i].level.sigma = 1;
    }
    for (; asked || rounds <= lag * (FRAMES - 1); rounds++) {
        asked = 0;
        for (int i = 0; i < FRAMES; i++) {
            int begun = rounds >= i * lag;
            film[i].asks = begun && dk_next(&film[i].run, &film[i].eval);
            if (film[i].asks) film[i].level = film[i].eval.level;
            else if (begun) film[i].level.alpha = 1, film[i].level.sigma = 0;
            asked += film[i].asks;
        }
        if (asked) network();
    }
    for (int i = 0; i < FRAMES; i++) dk_end(&film[i].run);
    return rounds - 1;
}

static void report(const char *way, int rounds) {
    double worst = 0;
    printf("%-34s", way);
    for (int i = 0; i < FRAMES; i++)
        for (int j = 0; j <= i; j++) {
            double sum = 0;
            for (int n = 0; n < FILMS; n++) sum += (double)film[i].x[n] * (double)film[j].x[n] / FILMS;
            if (fabs(sum - correlation(i, j)) > worst) worst = fabs(sum - correlation(i, j));
            if (i == FRAMES - 1) printf(" %5.3f", sum);
        }
    printf("  %3d calls, off by at most %.3f\n", rounds, worst);
}

int main(void) {
    static const double alike[FRAMES] = {1, 1, 1, 1, 1, 1}, two_kinds[FRAMES] = {5, 5, 5, 1, 1, 1};
    printf("the last frame with each            ");
    for (int j = 0; j < FRAMES; j++) printf("%5.3f ", correlation(FRAMES - 1, j));
    printf("\n");
    report("all frames at one level", make(0, alike));
    report("two kinds, each with its shift", make(0, two_kinds));
    report("streaming: five steps behind", make(5, alike));
    report("one frame after the other", make(STEPS, alike));
    return 0;
}
