/* Algebra on lists of levels, for dk_grid_levels: plain numbers that stay the caller's. Each gives DK_ERROR_CONFIG, with
   nothing written, where its arguments make no sense. */
#ifndef EXAMPLES_LEVELS_H
#define EXAMPLES_LEVELS_H

#include "diffkit.h"

#include <math.h>
#include <string.h>

/* count numbers from `first` on. */
static inline dk_status levels_slice(const double *levels, int n, int first, int count, double *out) {
    if (!levels || !out || first < 0 || count < 0 || first > n || count > n - first) return DK_ERROR_CONFIG;
    memmove(out, levels + first, (size_t)count * sizeof *out);
    return DK_OK;
}

/* The list reversed. */
static inline dk_status levels_flip(double *levels, int n) {
    if (!levels || n < 0) return DK_ERROR_CONFIG;
    for (int i = 0; i < n / 2; i++) {
        double v = levels[i];
        levels[i] = levels[n - 1 - i], levels[n - 1 - i] = v;
    }
    return DK_OK;
}

/* Scaled about `fixed` so that the last becomes `last`. */
static inline dk_status levels_stretch(double *levels, int n, double fixed, double last) {
    if (!levels || n < 1 || !(fabs(levels[n - 1] - fixed) > 0)) return DK_ERROR_CONFIG;
    double scale = (last - fixed) / (levels[n - 1] - fixed);
    if (!isfinite(scale)) return DK_ERROR_CONFIG;
    for (int i = 0; i < n; i++) levels[i] = fixed + (levels[i] - fixed) * scale;
    return DK_OK;
}

/* b behind a. Where a ends with what b begins with, that counts once; *n is the number of all. */
static inline dk_status levels_concatenate(const double *a, int na, const double *b, int nb, double *out, int *n) {
    if (!a || !b || !out || !n || na < 0 || nb < 0) return DK_ERROR_CONFIG;
    int joint = na > 0 && nb > 0 && a[na - 1] >= b[0] && a[na - 1] <= b[0];
    memmove(out, a, (size_t)na * sizeof *out);
    memmove(out + na, b + joint, (size_t)(nb - joint) * sizeof *out);
    *n = na + nb - joint;
    return DK_OK;
}

/* Entry x of a list, linear between entries in the log. */
static inline double levels_between(const double *list, int n, double x) {
    int k = (int)floor(x);
    double f = x - k;
    if (k >= n - 1) return list[n - 1];
    return f > 0 ? exp(log(list[k]) + f * (log(list[k + 1]) - log(list[k]))) : list[k];
}

/* To any number of them, linear in the log; a last 0 stays. */
static inline dk_status levels_resample(const double *levels, int n, double *out, int count) {
    int zero = levels && n > 0 && levels[n - 1] >= 0 && levels[n - 1] <= 0, from = n - zero,
        to = count - zero;
    if (!levels || !out || from < 1 || to < 1) return DK_ERROR_CONFIG;
    for (int i = 0; i < from; i++)
        if (!(levels[i] > 0) || !isfinite(levels[i])) return DK_ERROR_CONFIG;
    for (int i = 0; i < to; i++)
        out[i] = levels_between(levels, from, to > 1 ? (double)i * (from - 1) / (to - 1) : 0);
    if (zero) out[to] = 0;
    return DK_OK;
}

/* Of levels in sigma/(alpha + sigma): sigma/alpha to the power, times the shift, as dk_grid.shift. */
static inline dk_status levels_shift(double *levels, int n, double shift, double power) {
    if (!levels || !(shift > 0) || !isfinite(shift) || !(power > 0) || !isfinite(power))
        return DK_ERROR_CONFIG;
    for (int i = 0; i < n; i++)
        if (!(levels[i] >= 0 && levels[i] <= 1)) return DK_ERROR_CONFIG;
    for (int i = 0; i < n; i++)
        if (levels[i] > 0) levels[i] = shift / (shift + pow(1 / levels[i] - 1, power));
    return DK_OK;
}

/* RES4LYF's tan_scheduler: n levels from start to end along atan(slope (offset - i)), steepest at i = offset. Its
   constant_scheduler has levels that do not fall, which are no grid. */
static inline dk_status levels_tangent(double *out, int n, double slope, double offset, double start, double end) {
    double top = atan(slope * offset), bottom = atan(slope * (offset - (n - 1)));
    if (!out || n < 2 || !isfinite(slope * offset) || !(top > bottom)) return DK_ERROR_CONFIG;
    for (int i = 0; i < n; i++) out[i] = end + (start - end) * (atan(slope * (offset - i)) - bottom) / (top - bottom);
    return DK_OK;
}

#endif /* EXAMPLES_LEVELS_H */
