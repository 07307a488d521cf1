/* A kernel in C that diffkit shader has written for x0 = draw 0 of flow matching, KERNEL, against dk_normals: the same bits. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include <stdio.h>
#define bits kernel_bits /* the kernel's names */
#include KERNEL

enum { DIM = 1000, BATCH = 3 };

int main(void) {
    static float got[BATCH * DIM];
    float want[DIM];
    const uint64_t seed = 0x123456789ABCDEF0u, first = 0xFFFFFFFE; /* sample 2 has a higher half */
    const Block p = {BATCH * DIM, DIM, BATCH, (uint)seed, (uint)(seed >> 32), (uint)first, (uint)(first >> 32), 0, 0};
    run(got, &p, NULL);
    for (int b = 0; b < BATCH; b++) {
        dk_normals(seed, first + (uint64_t)b, 0, 0, DIM, want);
        if (memcmp(got + b * DIM, want, sizeof want)) return printf("sample %d differs\n", b), 1;
    }
    return 0;
}
