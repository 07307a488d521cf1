/* hello.c: points from a mixture of two Gaussians, drawn by flow matching. make hello */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include <math.h>
#include <stdio.h>

enum { POINTS = 20000 };
static const double weight[2] = {0.25, 0.75}, mean[2][2] = {{-2, 0}, {2, 1}}, variance = 0.25;

/* In place of a network: shown x = alpha x0 + sigma noise, it tells the mean of x0. Here that is a formula. */
static int denoise(void *user, const dk_eval *e) {
    double a = e->level.alpha, s = e->level.sigma, v = a * a * variance + s * s;
    for (int n = 0; n < e->batch; n++) {
        double x = (double)e->input[2 * n], y = (double)e->input[2 * n + 1], sum = 0, D[2] = {0, 0};
        for (int k = 0; k < 2; k++) {
            double dx = x - a * mean[k][0], dy = y - a * mean[k][1];
            double w = weight[k] * exp(-(dx * dx + dy * dy) / (2 * v)); /* how likely Gaussian k made it */
            D[0] += w * (mean[k][0] + a * variance / v * dx);
            D[1] += w * (mean[k][1] + a * variance / v * dy);
            sum += w;
        }
        e->output[2 * n] = (dk_real)(D[0] / sum), e->output[2 * n + 1] = (dk_real)(D[1] / sum);
    }
    return (void)user, 0; /* nonzero would stop the run */
}

int main(void) {
    static dk_real points[2 * POINTS];
    dk_config c = {0};
    c.schedule = dk_flow(1), c.prediction = DK_PREDICT_X0;  /* what kind of network it is */
    c.steps = 20, c.dim = 2, c.batch = POINTS, c.seed = 6;  /* sampler and grid: a good default */
    if (dk_sample(&c, denoise, NULL, points)) return fprintf(stderr, "%s\n", dk_message(&c)), 1;

    double x = 0, y = 0, xx = 0, xy = 0, yy = 0;
    for (int n = 0; n < POINTS; n++) {
        double px = (double)points[2 * n], py = (double)points[2 * n + 1];
        x += px / POINTS, y += py / POINTS;
        xx += px * px / POINTS, xy += px * py / POINTS, yy += py * py / POINTS;
    }
    printf("       mean            covariance\n"
           "drawn  %6.3f %6.3f   %6.3f %6.3f %6.3f\n",
           x, y, xx - x * x, xy - x * y, yy - y * y);
    printf("true    1.000  0.750    3.250  0.750  0.438\n");
}
