/* app.c: a thousand coin tosses out of a diffusion model, to show that a build works. Every folder here builds it.

   The data are -1 and +1, so the best network is known: E[x0 | x] = tanh(alpha x / sigma^2). */
#define DIFFKIT_IMPLEMENTATION
#include <diffkit.h>

#include <math.h>
#include <stdio.h>

enum { TOSSES = 1000 };

static int denoise(void *user, const dk_eval *e) {
    (void)user;
    for (int i = 0; i < e->batch; i++)
        e->output[i] =
            (dk_real)tanh(e->level.alpha * (double)e->input[i] / (e->level.sigma * e->level.sigma));
    return 0;
}

int main(void) {
    static dk_real x[TOSSES];
    dk_config c = {0};
    c.schedule = dk_flow(1.0);
    c.prediction = DK_PREDICT_X0;
    c.steps = 20, c.dim = 1, c.batch = TOSSES, c.seed = 1;
    if (dk_sample(&c, denoise, NULL, x)) {
        fprintf(stderr, "app: %s\n", dk_message(&c));
        return 1;
    }
    int heads = 0, edges = 0;
    for (int i = 0; i < TOSSES; i++) heads += x[i] > 0, edges += fabs(fabs((double)x[i]) - 1) > 1e-3;
    printf("diffkit.h %d.%d: %d heads of %d\n", DK_VERSION_MAJOR, DK_VERSION_MINOR, heads, TOSSES);
    return edges || heads < 450 || heads > 550; /* three deviations of a fair coin are 47 */
}
