/* A saved state, damaged or foreign, is refused and leaves the run as it was; a good one goes on to the same result. */
#include "fuzz.h"

enum { DIM = 3, SIZE = 2 * DIM };

static void finish(dk_run *run, dk_real *x, dk_real *result) {
    dk_eval eval;
    int calls = 0;
    while (dk_next(run, &eval) && ++calls < 300) fuzz_denoise(NULL, &eval);
    memcpy(result, x, SIZE * sizeof *x);
}

static int fuzz_save(const uint8_t *bytes, size_t size) {
    static const char *const names[] = {"euler", "dpmpp_2m", "dpmpp_2m_sde", "heun",
                                        "unipc", "smld",     "dpm_adaptive", "lms"};
    static char memory[1 << 17];
    fuzz_input in = {bytes, bytes + size};
    dk_real x[SIZE], whole[SIZE], again[SIZE];
    dk_config c;
    dk_run run;
    dk_eval eval;
    memset(&c, 0, sizeof c);
    c.schedule = dk_edm(0.02, 10), c.steps = 3, c.dim = DIM, c.batch = 2;
    c.sampler = dk_sampler_named(names[fuzz_byte(&in) % FUZZ_COUNT(names)]);
    unsigned before = fuzz_byte(&in) % 4, raw = fuzz_byte(&in);
    if (dk_begin(&run, &c, x, memory, sizeof memory) != DK_OK) return 0;
    for (unsigned i = 0; i < before && dk_next(&run, &eval); i++) fuzz_denoise(NULL, &eval);
    size_t length = dk_save_size(&run), given = length;
    uint8_t *saved = (uint8_t *)malloc(length);
    if (!saved) return 0;
    FUZZ_PROMISE(dk_save(&run, saved, length) == DK_OK);
    int same = 1;
    if (raw & 1) { /* any bytes */
        given = (size_t)(in.end - in.at) < length ? (size_t)(in.end - in.at) : length;
        same = given == length && !memcmp(saved, in.at, given);
        memcpy(saved, in.at, given);
    } else { /* some bytes changed, the end cut off */
        while (in.at + 3 < in.end) {
            size_t at = fuzz_below(&in, 65536) % length;
            uint8_t was = saved[at];
            saved[at] = (uint8_t)(was ^ fuzz_byte(&in));
            if (saved[at] != was) same = 0;
        }
        if (raw & 2) given = fuzz_below(&in, 65536) % length, same = 0;
    }
    uint8_t *exact = (uint8_t *)malloc(given ? given : 1);
    if (exact) memcpy(exact, saved, given);
    dk_status status = exact ? dk_load(&run, exact, given) : DK_OK;
    if (same) FUZZ_PROMISE(status == DK_OK);
    if (status != DK_OK) FUZZ_PROMISE(run.message[0]);
    finish(&run, x, again);
    if (status != DK_OK || same) { /* as if nothing had been loaded */
        if (dk_begin(&run, &c, x, memory, sizeof memory) == DK_OK) {
            finish(&run, x, whole);
            FUZZ_PROMISE(!memcmp(whole, again, sizeof whole));
        }
    }
    free(exact), free(saved);
    return 0;
}
