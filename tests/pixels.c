/* Whether two PNG files show the same picture: pixels A B. The mean difference of a value may be 0.05 of 255, since
   another processor's vectors round a network's sums in another order. */
#include "examples/png_read.h"

#include <stdio.h>

static png_picture read_picture(const char *path) {
    png_picture picture = {0, 0, 0, NULL};
    size_t most = 1 << 24;
    FILE *f = fopen(path, "rb");
    unsigned char *bytes = (unsigned char *)malloc(most);
    const char *wrong = f && bytes ? png_read(bytes, fread(bytes, 1, most, f), &picture) : "cannot be read";
    if (wrong) fprintf(stderr, "pixels: %s: %s\n", path, wrong), exit(2);
    fclose(f), free(bytes);
    return picture;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "usage: pixels A B\n"), 2;
    const png_picture a = read_picture(argv[1]), b = read_picture(argv[2]);
    const size_t n = (size_t)a.width * (size_t)a.height * (size_t)a.channels;
    const int alike = a.width == b.width && a.height == b.height && a.channels == b.channels;
    double sum = 0;
    for (size_t i = 0; alike && i < n; i++)
        sum += a.values[i] > b.values[i] ? a.values[i] - b.values[i] : b.values[i] - a.values[i];
    free(a.values), free(b.values);
    if (!alike) return puts("their sizes differ"), 1;
    printf("mean difference: %g of 255\n", sum / 257 / (double)n);
    return sum > 0.05 * 257 * (double)n;
}
