/* svg.h: pictures with axes as SVG, for programs that draw figures.

   A picture has light and dark colours and takes those that the reader's browser asks for. Colours are named by class: k0 ..
   k7 for curves and dots, "grid", "axis", "pale", "loud" and "small". Numbers are rounded to a tenth of a pixel, so that
   the files of two compilers differ by that at most. */
#ifndef EXAMPLES_SVG_H
#define EXAMPLES_SVG_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

enum { SVG_COLOURS = 8 };

/* A rectangle of the picture, and the numbers at its edges: x0 left, x1 right, y0 bottom, y1 top. */
typedef struct svg_axes {
    double left, top, width, height;
    double x0, x1, y0, y1;
    int log_x, log_y;
} svg_axes;

static inline FILE *svg_begin(const char *path, int width, int height, const char *title) {
    FILE *f = fopen(path, "w");
    if (!f) return NULL;
    fprintf(
        f,
        "<svg xmlns='http://www.w3.org/2000/svg' width='%d' height='%d' viewBox='0 0 %d %d' role='img'>\n"
        "<title>%s</title>\n<style>\n"
        "text { font: 13px system-ui, sans-serif; fill: #24292f } .small { font-size: 11px }\n"
        ".loud { font-weight: 600 }\n"
        ".bg { fill: #fff } .grid { stroke: #e3e6ea } .axis { stroke: #8c959f } .pale { stroke: #c4cad1 }\n"
        "path { fill: none; stroke-width: 1.5; stroke-linejoin: round } circle.pale { fill: #c4cad1; stroke: "
        "none }\n",
        width, height, width, height, title);
    static const char *const colours[2][SVG_COLOURS] = {
        {"#0969da", "#cf4a17", "#1a7f37", "#8250df", "#9a6700", "#bf3989", "#57606a", "#24292f"},
        {"#58a6ff", "#ff8f5e", "#56d364", "#bc8cff", "#e3b341", "#f778ba", "#9ea7b3", "#e6edf3"}};
    for (int dark = 0; dark < 2; dark++) {
        if (dark)
            fprintf(f, "@media (prefers-color-scheme: dark) {\n"
                       "text { fill: #e6edf3 } .bg { fill: #0d1117 } .grid { stroke: #262c36 } .axis { "
                       "stroke: #7d8590 }\n"
                       ".pale { stroke: #4a525d } circle.pale { fill: #4a525d }\n");
        for (int k = 0; k < SVG_COLOURS; k++)
            fprintf(f,
                    ".k%d { stroke: %s } circle.k%d, rect.k%d { fill: %s; stroke: none } text.k%d { fill: "
                    "%s; stroke: none }\n",
                    k, colours[dark][k], k, k, colours[dark][k], k, colours[dark][k]);
    }
    fprintf(f, "}\n</style>\n<rect class='bg' width='100%%' height='100%%'/>\n");
    return f;
}

/* 0, or 1 if something was not written. */
static inline int svg_end(FILE *f) {
    fprintf(f, "</svg>\n");
    int failed = ferror(f);
    return fclose(f) || failed;
}

static inline double svg_place(double v, double from, double to, int logarithmic) {
    return logarithmic ? log(v / from) / log(to / from) : (v - from) / (to - from);
}
static inline double svg_x(const svg_axes *a, double v) {
    return a->left + a->width * svg_place(v, a->x0, a->x1, a->log_x);
}
static inline double svg_y(const svg_axes *a, double v) {
    return a->top + a->height * (1 - svg_place(v, a->y0, a->y1, a->log_y));
}
/* To a tenth of a pixel. What is far outside the picture stays near it; adding 0 makes -0 plain. */
static inline double svg_round(double v) { return round(10 * fmin(fmax(v, -9999), 9999)) / 10 + 0; }

/* anchor: "start", "middle" or "end"; kind: a class, or "". */
static inline void svg_text(FILE *f, double x, double y, const char *anchor, const char *kind,
                            const char *format, ...) {
    va_list arguments;
    fprintf(f, "<text x='%g' y='%g' text-anchor='%s' class='%s'>", svg_round(x), svg_round(y), anchor, kind);
    va_start(arguments, format);
    vfprintf(f, format, arguments);
    va_end(arguments);
    fprintf(f, "</text>\n");
}

static inline void svg_line(FILE *f, double x0, double y0, double x1, double y1, const char *kind) {
    fprintf(f, "<line x1='%g' y1='%g' x2='%g' y2='%g' class='%s'/>\n", svg_round(x0), svg_round(y0),
            svg_round(x1), svg_round(y1), kind);
}

/* A dot of radius r pixels. */
static inline void svg_dot(FILE *f, const svg_axes *a, double x, double y, double r, const char *kind) {
    fprintf(f, "<circle cx='%g' cy='%g' r='%g' class='%s'/>\n", svg_round(svg_x(a, x)),
            svg_round(svg_y(a, y)), r, kind);
}

/* What is drawn from here on, up to svg_clip_end, is cut off at the axes' edges. */
static inline void svg_clip(FILE *f, const svg_axes *a, int id) {
    fprintf(f,
            "<clipPath id='clip%d'><rect x='%g' y='%g' width='%g' height='%g'/></clipPath>\n<g "
            "clip-path='url(#clip%d)'>\n",
            id, a->left, a->top, a->width, a->height, id);
}
static inline void svg_clip_end(FILE *f) { fprintf(f, "</g>\n"); }

/* n points joined by lines. more: further attributes, or "". */
static inline void svg_curve(FILE *f, const svg_axes *a, int n, const double *x, const double *y,
                             const char *kind, const char *more) {
    double last_x = 0, last_y = 0;
    fprintf(f, "<path class='%s'%s d='", kind, more);
    for (int i = 0; i < n; i++) { /* differences are shorter than positions */
        double px = svg_round(svg_x(a, x[i])), py = svg_round(svg_y(a, y[i]));
        fprintf(f, "%c%g%s%g", i ? 'l' : 'M', svg_round(px - last_x), py < last_y ? "" : " ",
                svg_round(py - last_y));
        last_x = px, last_y = py;
    }
    fprintf(f, "'/>\n");
}

/* The grid and numbers of an axis at `count` places. along_x: 1 for the lower edge, 0 for the left one. */
static inline void svg_ticks(FILE *f, const svg_axes *a, int along_x, int count, const double *places) {
    for (int i = 0; i < count; i++) {
        double x = svg_x(a, places[i]), y = svg_y(a, places[i]);
        if (along_x) {
            svg_line(f, x, a->top, x, a->top + a->height, "grid");
            svg_text(f, x, a->top + a->height + 15, "middle", "small", "%g", places[i]);
        } else {
            svg_line(f, a->left, y, a->left + a->width, y, "grid");
            svg_text(f, a->left - 6, y + 4, "end", "small", "%g", places[i]);
        }
    }
}

/* Axes, and what they are: titles above, below and, turned, at the left. Any may be "". */
static inline void svg_frame(FILE *f, const svg_axes *a, const char *title, const char *x_label,
                             const char *y_label) {
    double middle = a->left + a->width / 2, bottom = a->top + a->height;
    svg_line(f, a->left, bottom, a->left + a->width, bottom, "axis");
    svg_line(f, a->left, a->top, a->left, bottom, "axis");
    svg_text(f, middle, a->top - 8, "middle", "loud", "%s", title);
    svg_text(f, middle, bottom + 32, "middle", "", "%s", x_label);
    fprintf(f, "<text transform='translate(%g %g) rotate(-90)' text-anchor='middle'>%s</text>\n",
            svg_round(a->left - 52), svg_round(a->top + a->height / 2), y_label);
}

#endif /* EXAMPLES_SVG_H */
