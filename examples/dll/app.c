/* app.c: a program that samples by sampler.dll. Data are one point, so that every sampler must end there. */
#include "sampler.h"
#include <stdio.h>

static int denoise(void *user, const dk_eval *e) {
    const dk_real *point = (const dk_real *)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = point[i];
    return 0; /* the DLL calls the program: this may not throw through it */
}

int main(void) {
    dk_real point[3] = {1, 2, 3}, x[3];
    dk_config c = {0};
    if (dk_version() != DK_VERSION) return fprintf(stderr, "the DLL was built with another header\n"), 1;
    c.prediction = DK_PREDICT_X0, c.steps = 10, c.dim = 3;
    if (dk_config_set(&c, "schedule=edm sampler=heun") || dk_sample(&c, denoise, point, x))
        return fprintf(stderr, "%s\n", dk_message(&c)), 1;
    printf("%.3f %.3f %.3f\n", (double)x[0], (double)x[1], (double)x[2]);
    c.steps = -1; /* an error crosses the DLL as any other result does */
    return dk_sample(&c, denoise, point, x) == DK_OK || puts(dk_message(&c)) < 0;
}
