/* Any request for noise: refused, or filled with finite numbers and nothing behind them. */
#include "fuzz.h"

static int fuzz_noise(const uint8_t *bytes, size_t size) {
    static dk_real out[65];
    static uint64_t seeds[64];
    fuzz_input in = {bytes, bytes + size};
    dk_noise_source s;
    dk_noise_request q;
    memset(&s, 0, sizeof s), memset(&q, 0, sizeof q);
    s.kind = (dk_noise_kind)((int)(fuzz_byte(&in) % (DK_NOISE_COUNT + 2)) - 1);
    s.bits = fuzz_byte(&in) % 4 ? 32 * (int)(fuzz_byte(&in) % 3) : fuzz_int(&in);
    s.threads = fuzz_int(&in), s.seed_offset = fuzz_int(&in);
    q.draw = fuzz_int(&in), q.call = fuzz_int(&in);
    if (q.call > 64) q.call %= 64; /* generators run up to there */
    q.from = fuzz_real(&in), q.to = fuzz_real(&in), q.lowest = fuzz_real(&in), q.highest = fuzz_real(&in);
    q.way = fuzz_int(&in), q.flow = fuzz_byte(&in) % 2;
    q.batch = fuzz_byte(&in) % 8 ? 1 + (int)fuzz_byte(&in) % 4 : fuzz_int(&in);
    q.dim = fuzz_byte(&in) % 17;
    if (q.batch > 64 || q.dim * (size_t)(q.batch > 0 ? q.batch : 1) > 64) return 0;
    for (int i = 0; i < 8; i++) q.seed = q.seed << 8 | fuzz_byte(&in), q.first_sample = q.first_sample << 8 | fuzz_byte(&in);
    for (int i = 0; i < 64; i++) seeds[i] = q.seed * (unsigned)i;
    if (fuzz_byte(&in) % 2) q.seeds = seeds;
    if (fuzz_byte(&in) % 2) q.first_sample = 0;
    size_t n = q.dim * (size_t)(q.batch > 0 ? q.batch : 0);
    for (size_t i = 0; i < 65; i++) out[i] = 77;
    dk_status status = dk_noise_fill(&s, &q, out);
    for (size_t i = status == DK_OK ? n : 0; i < 65; i++) FUZZ_PROMISE(out[i] >= 77 && out[i] <= 77);
    return 0;
}
