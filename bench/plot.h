/* A plot of a few curves with logarithmic axes, as SVG. */
#ifndef PLOT_H
#define PLOT_H

#include "../examples/svg.h"
#include "clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POINTS = 16, CURVES = 6 };

typedef struct plot {
    const char *title, *x_label, *y_label, *name[CURVES];
    int curves, points, ticks_at_points; /* ticks_at_points: the x of the points are what stands at the axis */
    double x[POINTS], y[CURVES][POINTS];
} plot;

/* Widens a range to whole decades, or octaves where it is small, and lists them. Returns how many there are. */
static int round_range(double *low, double *high, double *ticks, int most) {
    const double base = *high / *low > 20 ? 10 : 2;
    int n = 0;
    *low = pow(base, floor(log(*low) / log(base) + 1e-9));
    *high = pow(base, ceil(log(*high) / log(base) - 1e-9));
    for (double v = *low; v <= *high * 1.001 && n < most; v *= base) ticks[n++] = v;
    return n;
}

static void draw(const plot *p, const char *folder, const char *file) {
    enum { MOST = 40 };
    svg_axes a = {90, 40, 510, 300, 1e300, 0, 1e300, 0, 1, 1};
    char path[500];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    for (int i = 0; i < p->points; i++)
        for (int k = 0; k < p->curves; k++) {
            a.x0 = fmin(a.x0, p->x[i]), a.x1 = fmax(a.x1, p->x[i]);
            a.y0 = fmin(a.y0, p->y[k][i]), a.y1 = fmax(a.y1, p->y[k][i]);
        }
    double x_ticks[MOST], y_ticks[MOST];
    const int x_count = p->ticks_at_points ? p->points : round_range(&a.x0, &a.x1, x_ticks, MOST),
              y_count = round_range(&a.y0, &a.y1, y_ticks, MOST);
    for (int i = 0; p->ticks_at_points && i < p->points; i++) x_ticks[i] = p->x[i];
    FILE *f = svg_begin(path, 780, 400, p->title);
    if (!f) fail("cannot write the plot");
    svg_ticks(f, &a, 1, x_count, x_ticks);
    svg_ticks(f, &a, 0, y_count, y_ticks);
    svg_frame(f, &a, p->title, p->x_label, p->y_label);
    for (int k = 0; k < p->curves; k++) {
        const char kind[] = {'k', (char)('0' + k), 0};
        const double y = a.top + 16 + 22 * k, x = a.left + a.width;
        svg_curve(f, &a, p->points, p->x, p->y[k], kind, "");
        svg_line(f, x + 16, y, x + 38, y, kind);
        svg_text(f, x + 46, y + 4, "start", "", "%s", p->name[k]);
    }
    if (svg_end(f)) fail("cannot write the plot");
}

#endif
