/* A plot of a few curves with logarithmic axes, as SVG. */
#ifndef PLOT_H
#define PLOT_H

#include "clock.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { POINTS = 16, CURVES = 6 };

typedef struct plot {
    const char *title, *x_label, *y_label, *name[CURVES];
    int curves, points;
    double x[POINTS], y[CURVES][POINTS];
} plot;

/* ------------------------------------------------------------------------------------------ drawing */

enum { LEFT = 80, TOP = 44, WIDE = 520, HIGH = 300, WIDTH = 760, HEIGHT = 400 };

static double place(double v, double low, double high) { return log10(v / low) / log10(high / low); }

static void line(FILE *f, double x0, double y0, double x1, double y1, const char *colour) {
    fprintf(f, "<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='%s'/>\n", x0, y0, x1, y1, colour);
}

static void text(FILE *f, double x, double y, const char *anchor, const char *what) {
    fprintf(f, "<text x='%.1f' y='%.1f' text-anchor='%s'>%s</text>\n", x, y, anchor, what);
}

static void draw(const plot *p, const char *folder, const char *file) {
    static const char *const colours[CURVES] = {"#1b6ca8", "#c8553d", "#3a7d44",
                                                "#8e5ea2", "#b58900", "#555"};
    double low[2] = {1e300, 1e300}, high[2] = {0, 0};
    char path[500];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    FILE *f = fopen(path, "w");
    if (!f) fail("cannot write the plot");
    for (int i = 0; i < p->points; i++)
        for (int k = 0; k < p->curves; k++) {
            const double v[2] = {p->x[i], p->y[k][i]};
            for (int a = 0; a < 2; a++) low[a] = fmin(low[a], v[a]), high[a] = fmax(high[a], v[a]);
        }
    for (int a = 0; a < 2; a++) { /* whole decades, or octaves where it is less */
        double base = high[a] / low[a] > 20 ? 10 : 2;
        low[a] = pow(base, floor(log(low[a]) / log(base) + 1e-9));
        high[a] = pow(base, ceil(log(high[a]) / log(base) - 1e-9));
    }
    fprintf(f,
            "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' font-family='sans-serif' "
            "font-size='12'>\n<rect width='100%%' height='100%%' fill='white'/>\n",
            WIDTH, HEIGHT);
    text(f, LEFT + WIDE / 2.0, 24, "middle", p->title);
    for (int a = 0; a < 2; a++) {
        double base = high[a] / low[a] > 20 ? 10 : 2;
        for (double v = low[a]; v <= high[a] * 1.001; v *= base) {
            char label[40];
            double at = place(v, low[a], high[a]), x = LEFT + at * WIDE, y = TOP + HIGH - at * HIGH;
            snprintf(label, sizeof label, "%g", v);
            if (a == 0) line(f, x, TOP, x, TOP + HIGH, "#ddd"), text(f, x, TOP + HIGH + 18, "middle", label);
            else line(f, LEFT, y, LEFT + WIDE, y, "#ddd"), text(f, LEFT - 8, y + 4, "end", label);
        }
    }
    text(f, LEFT + WIDE / 2.0, TOP + HIGH + 40, "middle", p->x_label);
    text(f, LEFT, TOP - 8, "middle", p->y_label);
    for (int k = 0; k < p->curves; k++) {
        fprintf(f, "<polyline fill='none' stroke-width='2' stroke='%s' points='", colours[k]);
        for (int i = 0; i < p->points; i++)
            fprintf(f, "%.1f,%.1f ", LEFT + place(p->x[i], low[0], high[0]) * WIDE,
                    TOP + HIGH - place(p->y[k][i], low[1], high[1]) * HIGH);
        fprintf(f, "'/>\n");
        double y = TOP + 16 + 20 * k;
        line(f, LEFT + WIDE + 12, y, LEFT + WIDE + 32, y, colours[k]);
        text(f, LEFT + WIDE + 38, y + 4, "start", p->name[k]);
    }
    fprintf(f, "</svg>\n");
    fclose(f);
}

#endif
