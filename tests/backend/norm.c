/* A norm's kernel in C that diffkit shader has written, KERNEL of KIND, against the same from sums in double. */
#include <stdio.h>
#include <stdlib.h>
#include KERNEL

enum { DIM = 1000, BATCH = 3, SIZE = DIM * BATCH };
static const double limit = 5, share = 0.9;

static int by_size(const void *a, const void *b) {
    float u = fabsf(*(const float *)a), v = fabsf(*(const float *)b);
    return (u > v) - (u < v);
}

/* As dk_norm_kind says. */
static double expected(const float *a, const float *b) {
    double aa = 0, bb = 0, ab = 0, mean_a = 0, mean_b = 0, vary_a = 0, vary_b = 0;
    float sorted[DIM];
    for (int i = 0; i < DIM; i++) {
        double u = (double)a[i], v = (double)b[i];
        aa += u * u, bb += v * v, ab += u * v, mean_a += u / DIM, mean_b += v / DIM;
    }
    for (int i = 0; i < DIM; i++) vary_a += pow((double)a[i] - mean_a, 2), vary_b += pow((double)b[i] - mean_b, 2);
    memcpy(sorted, a, sizeof sorted), qsort(sorted, DIM, sizeof sorted[0], by_size);
    double place = share * (DIM - 1), low = fabs((double)sorted[(int)place]), high = fabs((double)sorted[(int)place + 1]);
    if (strcmp(KIND, "ratio") == 0) return sqrt(aa / bb);
    if (strcmp(KIND, "deviation") == 0) return sqrt(vary_a / vary_b);
    if (strcmp(KIND, "limit") == 0) return limit / sqrt(aa);
    if (strcmp(KIND, "projection") == 0) return limit / sqrt(aa) * ab / bb;
    return 1 / (low + (place - (int)place) * (high - low));
}

int main(void) {
    static float v[2 * SIZE], s[2 * BATCH];
    int quantile = strcmp(KIND, "quantile") == 0;
    const double place = share * (DIM - 1);
    const Block p = {SIZE, DIM, BATCH, 0, 0, 0, 0, 1, 0, 1, 1, 1, quantile ? (float)(int)place : 0, quantile ? (float)((int)place + 1) : 0,
                     quantile ? 0 : (float)limit, quantile ? (float)(place - (int)place) : 0};
    for (int i = 0; i < 2 * SIZE; i++) v[i] = (float)(3 * sin(i) + sin(i * i) + 7); /* a mean, for the deviation */
    run(v, &p, s);
    for (int k = 0; k < BATCH; k++) {
        double got = (double)s[BATCH + k], want = expected(v + SIZE + k * DIM, v + k * DIM);
        if (!(fabs(got - want) <= 1e-5 * fabs(want))) return printf("%s of sample %d: %.9g, must be %.9g\n", KIND, k, got, want), 1;
    }
    return 0;
}
