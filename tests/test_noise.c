/* The noise generator: known answers, addressing, distribution. */
#define DIFFKIT_IMPLEMENTATION /* private functions */
#include "check.h"

#define MANY 1000000
static dk_real z[MANY], other[MANY];

/* Random123's tests/kat_vectors, philox4x32 with 10 rounds. */
static void philox_gives_the_known_answers(void **state) {
    static const uint32_t known[3][10] = {
        /* counter, key, result */
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e,
         0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb,
         0x5001e420, 0x24126ea1},
    };
    (void)state;
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        dkp_philox_block(known[i], known[i] + 4, out);
        assert_memory_equal(out, known[i] + 6, sizeof out);
    }
}

/* Computed with Python in double: Philox of (block, draw, sample) under the seed, u = (2 (r/2) + 1)/2^32,
   sqrt(-2 log u) times cos or sin of 2 pi r/2^32, cos at 0..15 and 32..47 of each 64, sin at the others. */
static void normals_are_box_muller_of_philox(void **state) {
    static const struct {
        uint64_t seed, sample, element;
        uint32_t draw;
        double want;
    } known[] = {
        {0, 0, 0, 0, 0.991137679},
        {42, 0, 0, 1, -1.635977838},
        {42, 0, 17, 1, 1.095497767},
        {42, 7, 40, 1, -0.627308418},
        {42, 7, 63, 3, 0.632019072},
        {42, 7, 64, 3, -0.152525228},
        {9223372036854775813u, 8589934593u, 1000003, 9, 0.200354082},
        {1, 2, 1099511627826u, 3, -0.971203847},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        dk_real got;
        dk_normals(known[i].seed, known[i].sample, known[i].draw, known[i].element, 1, &got);
        check_near((double)got, known[i].want, 1e-6, "normal");
    }
}

/* The first of the lanes that the library computes at a time. */
static float minus_2_log(uint32_t r) {
    const dkp_uints zero = {0}, word = zero + r;
    dkp_floats log;
    float first;
    dkp_minus_2_log(&word, &log);
    memcpy(&first, &log, sizeof first);
    return first;
}

static void turn(uint32_t r, float *cosine, float *sine) {
    const dkp_uints zero = {0}, word = zero + r;
    dkp_floats c, s;
    dkp_turn(&word, &c, &s);
    memcpy(cosine, &c, sizeof *cosine), memcpy(sine, &s, sizeof *sine);
}

/* The definition, one number at a time. */
static uint32_t scalar_normal(uint64_t seed, uint64_t sample, uint32_t draw, uint64_t element) {
    uint64_t block = element / 64 * 16 + element % 16;
    uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)}, r[4];
    uint32_t counter[4] = {(uint32_t)block, draw, (uint32_t)sample,
                           (uint32_t)(sample >> 32) ^ ((uint32_t)(block >> 32) << 16)};
    dkp_philox_block(counter, key, r);
    float cosine, sine, radius = sqrtf(minus_2_log(r[element % 64 / 32 * 2]));
    turn(r[element % 64 / 32 * 2 + 1], &cosine, &sine);
    return dkp_bits(radius * (element % 32 < 16 ? cosine : sine));
}

/* Where the header has copies for wider vectors. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(DK_NO_DISPATCH) && \
    !(defined(__clang__) && defined(__FAST_MATH__))
#define DISPATCHED
#endif

static void all_vector_widths_give_the_same_bits(void **state) {
    enum { CHUNKS = 7, SEEDS = 2000 };
    dk_real got[64 * CHUNKS], wide[64 * CHUNKS];
    (void)state;
    for (uint64_t k = 0; k < SEEDS; k++) {
        uint32_t r[4], counter[4] = {(uint32_t)k, 0, 0, 0}, key[2] = {1, 2};
        dkp_philox_block(counter, key, r);
        /* all three words of 64 bits, and chunks across 2^28, where a block's number leaves 32 bits */
        dkp_noise of = {k < 10 ? k : (uint64_t)r[0] << 32 | r[1], k % 2 ? (uint64_t)r[2] << 20 : k, r[3],
                        NULL, NULL, 2};
        uint64_t chunk = k % 3 == 0 ? 0 : k % 3 == 1 ? r[0] : ((uint64_t)1 << 28) - 1;
        dkp_normal_chunks(&of, chunk, CHUNKS, dkp_words_plain, got);
        for (uint64_t i = 0; i < 64 * CHUNKS; i++)
            if (dkp_bits((float)got[i]) != scalar_normal(of.seed, of.sample, of.draw, 64 * chunk + i)) fail();
#ifdef DISPATCHED
        if (__builtin_cpu_supports("avx2")) {
            dkp_normals_avx2(&of, chunk, CHUNKS, wide);
            assert_memory_equal(got, wide, sizeof got);
        }
        if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
            dkp_normals_avx512(&of, chunk, CHUNKS, wide);
            assert_memory_equal(got, wide, sizeof got);
        }
#endif
        dk_normals(of.seed, of.sample, of.draw, 64 * chunk, 64 * CHUNKS, wide);
        assert_memory_equal(got, wide, sizeof got);
    }
}

/* FNV-1a over the words of floats, as they were when the numbers of a seed were fixed. */
static void the_numbers_of_a_seed_stay(void **state) {
    static const struct {
        uint64_t seed, sample, first, hash;
        uint32_t draw;
    } fixed[] = {
        {0, 0, 0, 0xf0f68bca3ee9256fu, 0},
        {42, 7, 5, 0xcf958e674417de8du, 3},
        {9223372036854775813u, 8589934593, 1000003, 0x2c46ffcada54b7cbu, 9},
        {1, 2, 1099511627826, 0xc84e02c98ef70b80u, 3},
    };
    (void)state;
    for (size_t k = 0; k < sizeof fixed / sizeof fixed[0]; k++) {
        uint64_t hash = 0xCBF29CE484222325u;
        dk_normals(fixed[k].seed, fixed[k].sample, fixed[k].draw, fixed[k].first, MANY, z);
        for (int i = 0; i < MANY; i++) hash = (hash ^ dkp_bits((float)z[i])) * 0x100000001B3u;
        if (hash != fixed[k].hash) {
            print_error("seed %llu: 0x%016llx\n", (unsigned long long)fixed[k].seed,
                        (unsigned long long)hash);
            fail();
        }
    }
}

/* Against libm in double. Near u = 1 a float u is what limits the radius: 2^-25 / radius. */
static void radius_and_angle_are_right(void **state) {
    const double pi = 3.14159265358979323846;
    (void)state;
    for (uint64_t k = 0; k < (uint64_t)1 << 31; k += k < 5000 || k > 0x7FFFF000u ? 1 : 9973) {
        double want = sqrt(-2 * log((2.0 * (double)k + 1) / 4294967296.0));
        double got = sqrt((double)minus_2_log((uint32_t)k << 1));
        if (fabs(got - want) > 6e-7 && fabs(got - want) * (got + want) > 6.2e-8) fail();
        float cosine, sine;
        turn((uint32_t)(2 * k + 1), &cosine, &sine);
        double angle = pi * (2 * (double)k + 1) / 2147483648.0;
        assert_true(fabs((double)cosine - cos(angle)) < 1.1e-7 && fabs((double)sine - sin(angle)) < 1.1e-7);
    }
    check_near(sqrt((double)minus_2_log(0)), 6.660436914, 1e-7, "the largest"); /* sqrt(-2 log 2^-32) */
    assert_int_equal(dkp_bits(minus_2_log(0xFFFFFFFFu)), 0);                    /* not -0 */
}

/* PyTorch 1.13: torch.randn(19, dtype=torch.float64), of which nothing is kept, and the 7 that come then. */
static void a_stream_goes_on_behind_what_is_skipped(void **state) {
    static const double after[3] = {-1.5889642485140896, -1.1207948936630105, 0.84232807452953318};
    dk_noise_source source;
    dkp_stream g;
    (void)state;
    memset(&source, 0, sizeof source);
    source.kind = DK_NOISE_TORCH_CPU, source.bits = 64;
    dkp_start_stream(&g, 42);
    memset(z, 0, 7 * sizeof *z);
    dkp_stream_normals(&g, &source, 19, 0, NULL), dkp_stream_normals(&g, &source, 7, 1, z);
    for (int i = 0; i < 3; i++)
        check_near((double)z[i], after[i], ldexp(3, sizeof(dk_real) == 8 ? -53 : -24), "normal");
}

static void any_range_equals_the_whole(void **state) {
    enum { SPAN = 200 };
    dk_real whole[SPAN], part[SPAN + 1];
    (void)state;
    dk_normals(42, 3, 5, 0, SPAN, whole);
    for (size_t first = 0; first < SPAN; first++)
        for (size_t n = 0; first + n <= SPAN; n++) {
            part[n] = 77;
            dk_normals(42, 3, 5, first, n, part);
            assert_memory_equal(part, whole + first, n * sizeof part[0]);
            assert_true(part[n] > 76); /* nothing behind it is written */
        }
}

static void every_part_of_the_address_matters(void **state) {
    static const uint64_t address[][4] = {
        /* seed, sample, draw, first */
        {1, 0, 0, 0},
        {2, 0, 0, 0},
        {1, 1, 0, 0},
        {1, 0, 1, 0},
        {1, 0, 0, 64},
        {1 + ((uint64_t)1 << 32), 0, 0, 0},
        {1, (uint64_t)1 << 32, 0, 0},
        {1, 0, 0, (uint64_t)1 << 40},
    };
    dk_real sets[8][64];
    (void)state;
    for (int i = 0; i < 8; i++)
        dk_normals(address[i][0], address[i][1], (uint32_t)address[i][2], address[i][3], 64, sets[i]);
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < i; j++)
            for (int k = 0; k < 64; k++) assert_true(fabs((double)sets[i][k] - (double)sets[j][k]) > 0);
}

/* Bounds are five standard errors: sqrt(1, 2, 6, 24 / n). */
static void moments_are_those_of_a_normal(void **state) {
    static const double want[5] = {1, 0, 1, 0, 3}, variance[5] = {1, 1, 2, 15, 96};
    double sum[5] = {0, 0, 0, 0, 0};
    (void)state;
    dk_normals(1, 0, 0, 0, MANY, z);
    for (int i = 0; i < MANY; i++) {
        double power = 1, v = (double)z[i];
        for (int k = 1; k < 5; k++) sum[k] += power *= v;
    }
    for (int k = 1; k < 5; k++)
        if (fabs(sum[k] / MANY - want[k]) > 5 * sqrt(variance[k] / MANY)) {
            print_error("moment %d: %g\n", k, sum[k] / MANY);
            fail();
        }
}

/* 100 cells of equal probability: chi-square has 99 degrees of freedom, mean 99, deviation 14. */
static void numbers_fill_100_equal_cells(void **state) {
    int count[100] = {0};
    double chi2 = 0;
    (void)state;
    dk_normals(2, 0, 0, 0, MANY, z);
    for (int i = 0; i < MANY; i++) {
        int cell = (int)(100 * 0.5 * erfc(-(double)z[i] / sqrt(2.0)));
        count[cell > 99 ? 99 : cell]++;
    }
    for (int i = 0; i < 100; i++) chi2 += (count[i] - 1e4) * (count[i] - 1e4) / 1e4;
    if (chi2 < 99 - 5 * 14 || chi2 > 99 + 5 * 14) {
        print_error("chi-square %g\n", chi2);
        fail();
    }
}

static double correlation(int lag) {
    double sum = 0;
    for (int i = 0; i + lag < MANY; i++) sum += (double)z[i] * (double)other[i + lag];
    return sum / MANY;
}

static void neighbours_are_not_correlated(void **state) {
    const double bound = 5 / sqrt((double)MANY);
    (void)state;
    dk_normals(3, 5, 7, 0, MANY, z);
    for (int what = 0; what < 3; what++) {
        dk_normals(3 + (what == 0), 5 + (what == 1), 7 + (what == 2), 0, MANY, other);
        assert_true(fabs(correlation(0)) < bound);
    }
    memcpy(other, z, sizeof z);
    static const int lags[] = {1, 2, 15, 16, 17, 32, 48, 63, 64, 65};
    for (int i = 0; i < 10; i++) assert_true(fabs(correlation(lags[i])) < bound);
    /* cos and sin of a pair share their radius: their squares must not be correlated either */
    for (int i = 0; i < MANY; i++) z[i] = z[i] * z[i] - 1, other[i] = z[i];
    assert_true(fabs(correlation(16)) < 2 * bound); /* z^2 has variance 2 */
}

/* Of 4e6 normals 13.6 are expected past 4.5 on each side; none has probability 1e-6. */
static void tails_reach_past_four_and_a_half(void **state) {
    int low = 0, high = 0;
    (void)state;
    for (uint32_t draw = 0; draw < 4; draw++) {
        dk_normals(4, 0, draw, 0, MANY, z);
        for (int i = 0; i < MANY; i++) {
            assert_true(z[i] - z[i] >= 0); /* finite */
            low += (double)z[i]<-4.5, high += (double)z[i]> 4.5;
        }
    }
    assert_in_range(low, 1, 50);
    assert_in_range(high, 1, 50);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(normals_are_box_muller_of_philox),
        cmocka_unit_test(all_vector_widths_give_the_same_bits),
        cmocka_unit_test(the_numbers_of_a_seed_stay),
        cmocka_unit_test(radius_and_angle_are_right),
        cmocka_unit_test(a_stream_goes_on_behind_what_is_skipped),
        cmocka_unit_test(any_range_equals_the_whole),
        cmocka_unit_test(every_part_of_the_address_matters),
        cmocka_unit_test(moments_are_those_of_a_normal),
        cmocka_unit_test(numbers_fill_100_equal_cells),
        cmocka_unit_test(neighbours_are_not_correlated),
        cmocka_unit_test(tails_reach_past_four_and_a_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
