/* A list of levels, in every unit: sampled on, resampled, and put through the algebra on lists. */
#include "fuzz.h"
#include "examples/levels.h"

static int fuzz_levels(const uint8_t *bytes, size_t size) {
    enum { MOST = 16 };
    fuzz_input in = {bytes, bytes + size};
    double levels[MOST] = {0}, out[2 * MOST];
    dk_config c;
    memset(&c, 0, sizeof c);
    unsigned how = fuzz_byte(&in), more = fuzz_byte(&in);
    dk_unit unit = (dk_unit)(how % 5);
    int n = 2 + (int)fuzz_byte(&in) % (MOST - 1), got = 0;
    double start = fuzz_real(&in), ratio = fuzz_real(&in);
    for (int i = 0; i < n; i++) /* anything, or falling, so that there is more than refusals to be seen */
        levels[i] = how & 32 ? fuzz_real(&in) : i == n - 1 && how & 64 ? 0 : (start = start * ratio);
    c.schedule = dk_schedule_named(dk_schedule_at((int)(more % 8))->name);
    c.grid = dk_grid_levels(levels, unit);
    if (how & 128) c.grid.spacing = DK_SPACING_RESAMPLE, c.grid.level_count = n;
    c.grid.travel = more > 127, c.grid.rising = (more & 64) > 0;
    c.steps = how & 128 ? 1 + (int)(more % MOST) : n - 1;
    c.dim = 2, c.batch = 1;
    got = dk_levels(&c, unit, out, MOST);
    FUZZ_PROMISE(got > 0 || c.message[0]);
    fuzz_run(&c, 100);
    /* Of a list that makes no sense nothing is written. */
    for (int i = 0; i < 2 * MOST; i++) out[i] = 123;
    int first = fuzz_int(&in), count = (int)fuzz_byte(&in) % MOST;
    if (levels_slice(levels, n, first, count, out) != DK_OK) FUZZ_PROMISE(out[0] == 123);
    out[0] = 123;
    if (levels_resample(levels, n, out, count) != DK_OK) FUZZ_PROMISE(out[0] == 123);
    levels_shift(levels, n, fuzz_real(&in), fuzz_real(&in));
    levels_stretch(levels, n, fuzz_real(&in), fuzz_real(&in));
    levels_flip(levels, n);
    levels_concatenate(levels, n, levels, n, out, &got);
    return 0;
}
