/* Numbers of 16 bits: conversions against slow exact arithmetic, and runs whose network reads and writes them. */
#include "check.h"
#include "examples/likelihood.h"

/* What a code is worth by the definition of the format; the code of infinity as if the numbers went on. */
static double worth(dk_number number, int code) {
    int bits = number == DK_NUMBER_FP16 ? 10 : 7, bias = number == DK_NUMBER_FP16 ? 15 : 127;
    int exponent = code >> bits, mantissa = code & ((1 << bits) - 1);
    return exponent ? ldexp(mantissa + (1 << bits), exponent - bias - bits)
                    : ldexp(mantissa, 1 - bias - bits);
}

static int infinity_of(dk_number number) { return number == DK_NUMBER_FP16 ? 0x7C00 : 0x7F80; }

/* The nearest code of a size, the even one of two: by halving the interval of codes that it lies in. */
static int nearest(dk_number number, double size) {
    int below = 0, above = infinity_of(number);
    if (size >= worth(number, above)) return above;
    while (above - below > 1) {
        int middle = (below + above) / 2;
        if (worth(number, middle) <= size) below = middle;
        else above = middle;
    }
    double down = size - worth(number, below),
           up = worth(number, above) - size; /* exact: of like exponents */
    return down < up || (down <= up && below % 2 == 0) ? below : above;
}

static const dk_number formats[] = {DK_NUMBER_FP16, DK_NUMBER_BF16};

static void all_numbers_of_16_bits_go_there_and_back(void **state) {
    static uint16_t given[65536], back[65536];
    static dk_real v[65536];
    (void)state;
    for (int code = 0; code < 65536; code++) given[code] = (uint16_t)code;
    for (int k = 0; k < 2; k++) {
        int infinity = infinity_of(formats[k]);
        dk_from_half(formats[k], given, v, 65536);
        dk_to_half(formats[k], v, back, 65536);
        for (int code = 0; code < 65536; code++) {
            int size = code & 0x7FFF;
            assert_int_equal(signbit(v[code]) != 0, code >> 15);
            if (size > infinity) { /* NaN stays NaN, with its bits but quiet */
                int kept = code | (formats[k] == DK_NUMBER_FP16 ? 0x200 : 0x40);
#ifdef __riscv /* whose arithmetic makes one NaN of all, and rounding to fp16 is an addition */
                if (formats[k] == DK_NUMBER_FP16) kept = (code & 0x8000) | 0x7E00;
#endif
                assert_true(isnan(v[code]));
                assert_int_equal(back[code], kept);
                continue;
            }
            if (size == infinity) assert_true(isinf(v[code]));
            else if (fabs((double)v[code]) < worth(formats[k], size) ||
                     fabs((double)v[code]) > worth(formats[k], size))
                fail_msg("%04x is %.17g", code, (double)v[code]);
            assert_int_equal(back[code], code);
        }
    }
}

/* All ways to convert: many at once and one by one. */
static void check_rounding(dk_number number, double size) {
    enum { N = 17 };
    dk_real v[N];
    uint16_t many[N], plain[N];
    for (int i = 0; i < N; i++) v[i] = (dk_real)(i % 2 ? -size : size);
    int want = nearest(number, (double)v[0]);
    dk_to_half(number, v, many, N);
    for (int i = 0; i < N; i++) dk_to_half(number, &v[i], &plain[i], 1);
    for (int i = 0; i < N; i++)
        if (many[i] != (want | (i % 2) << 15) || plain[i] != many[i])
            fail_msg("%.17g: got %04x and %04x, want %04x", (double)v[i], many[i], plain[i], want);
}

static dk_real neighbour(dk_real v, double towards) {
    return sizeof v == 8 ? (dk_real)nextafter((double)v, towards)
                         : (dk_real)nextafterf((float)v, (float)towards);
}

static void numbers_are_rounded_to_the_nearest_and_ties_to_even(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        for (int code = 0; code < infinity_of(formats[k]);
             code++) { /* around a code and half-way to the next */
            double here = worth(formats[k], code), next = worth(formats[k], code + 1);
            const double at[2] = {here, here + (next - here) / 2};
            for (int i = 0; i < 2; i++) {
                if ((double)(dk_real)at[i] < at[i] || (double)(dk_real)at[i] > at[i]) continue;
                check_rounding(formats[k], at[i]);
                check_rounding(formats[k], (double)neighbour((dk_real)at[i], HUGE_VAL));
                if (at[i] > 0) check_rounding(formats[k], (double)neighbour((dk_real)at[i], 0));
            }
        }
        for (int e = -320; e < 320; e++) /* far outside, too */
            for (int i = 0; i < 7; i++) check_rounding(formats[k], (double)(dk_real)ldexp(1 + i / 7.0, e));
    }
}

/* Whatever the length, and with all processors' instructions, the bits of one by one, which is plain code. */
static void every_length_is_converted_alike(void **state) {
    enum { N = 70 };
    dk_real v[N], back[N], plain_back[N];
    uint16_t h[N], plain[N];
    (void)state;
    for (int i = 0; i < N; i++) v[i] = (dk_real)(ldexp(1 + i / 64.0, i - 40) * (i % 2 ? -1 : 1));
    v[3] = (dk_real)HUGE_VAL, v[20] = (dk_real)-HUGE_VAL, v[33] = (dk_real)NAN;
    for (int k = 0; k < 2; k++)
        for (size_t n = 0; n <= N; n++) {
            memset(h, 0x5A, sizeof h), memset(back, 0x5A, sizeof back);
            memset(plain, 0x5A, sizeof plain), memset(plain_back, 0x5A, sizeof plain_back);
            dk_to_half(formats[k], v, h, n), dk_from_half(formats[k], h, back, n);
            for (size_t i = 0; i < n; i++) {
                dk_to_half(formats[k], &v[i], &plain[i], 1);
                dk_from_half(formats[k], &plain[i], &plain_back[i], 1);
            }
            assert_memory_equal(h, plain, sizeof h);
            assert_memory_equal(back, plain_back, sizeof back);
        }
    for (int k = 0; k < 2; k++)
        for (int bad = 0; bad < 32; bad++) { /* NaN anywhere among numbers */
            for (int i = 0; i < 32; i++) v[i] = (dk_real)(i == bad ? (double)NAN : 1.00390625 + i);
            dk_to_half(formats[k], v, h, 32);
            for (int i = 0; i < 32; i++) dk_to_half(formats[k], &v[i], &plain[i], 1);
            assert_memory_equal(h, plain, 32 * sizeof *h);
        }
    static uint16_t codes[65536];
    static dk_real wide[65536], plain_wide[65536];
    for (int code = 0; code < 65536; code++) codes[code] = (uint16_t)code;
    for (int k = 0; k < 2; k++) {
        dk_from_half(formats[k], codes, wide, 65536);
        for (int code = 0; code < 65536; code++) dk_from_half(formats[k], &codes[code], &plain_wide[code], 1);
        assert_memory_equal(wide, plain_wide, sizeof wide);
    }
}

/* ----------------------------------------------------------------------------------------- runs */

/* A network in dk_real and its twin in 16 bits: the first rounds what it reads and writes, so both are one function. */
static dk_real rounded(dk_number number, dk_real v) {
    uint16_t h;
    dk_to_half(number, &v, &h, 1);
    dk_from_half(number, &h, &v, 1);
    return v;
}

static dk_real network(dk_real x, double t) { return (x - (dk_real)t) / (1 + x * x); }

static int in_real(void *user, const dk_eval *e) {
    dk_number number = *(const dk_number *)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        e->output[i] = rounded(number, network(rounded(number, e->input[i]), e->t));
        if (e->uncond_output) e->uncond_output[i] = rounded(number, (dk_real)0.5 * e->output[i]);
    }
    return 0;
}

static void answer_in_half(dk_number number, const dk_eval *e) {
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        dk_real x, F, G;
        dk_from_half(number, e->input_half + i, &x, 1);
        F = network(x, e->t), G = (dk_real)0.5 * rounded(number, F);
        dk_to_half(number, &F, e->output_half + i, 1);
        if (e->uncond_output_half) dk_to_half(number, &G, e->uncond_output_half + i, 1);
    }
}

static int in_half(void *user, const dk_eval *e) {
    assert_null(e->input), assert_null(e->output), assert_null(e->uncond_output);
    answer_in_half(*(const dk_number *)user, e);
    return 0;
}

enum { BATCH = 2, DIM = 1100, SIZE = BATCH * DIM };

static dk_config half_config(const char *sampler, dk_prediction prediction, dk_number number) {
    dk_config c = check_config("vp", sampler, 4);
    c.batch = BATCH, c.dim = DIM, c.prediction = prediction, c.number = number;
    c.grid.sigma_max = 5;
    return c;
}

static void a_run_in_16_bits_is_that_of_a_network_that_rounds(void **state) {
    static dk_real want[SIZE], got[SIZE];
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++)
        for (int f = 0; f < 4; f++) {
            dk_number number = formats[f % 2];
            dk_config c = half_config(dk_sampler_at(k)->name, f < 2 ? DK_PREDICT_V : DK_PREDICT_X0, number);
            assert_int_equal(dk_sample(&c, in_half, &number, got), DK_OK);
            c.number = DK_NUMBER_REAL;
            assert_int_equal(dk_sample(&c, in_real, &number, want), DK_OK);
            for (int i = 0; i < SIZE; i++) /* a last bit of float can tip a number of 16 bits over */
                check_near((double)got[i], (double)want[i], sizeof(dk_real) == 8 ? 1e-12 : 0.02,
                           dk_sampler_at(k)->name);
        }
}

static void estimates_and_states_are_real(void **state) {
    static dk_real x[SIZE], D[SIZE];
    dk_number number = DK_NUMBER_BF16;
    dk_config c = half_config("euler", DK_PREDICT_X0, number);
    dk_run run;
    dk_eval e;
    (void)state;
    c.clip = 0.5;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    for (int calls = 0; dk_next(&run, &e); calls++) {
        answer_in_half(number, &e);
        assert_int_equal(dk_denoised(&run, D), DK_OK);
        for (int i = 0; i < SIZE; i++) {
            dk_real seen, F;
            uint16_t shown;
            dk_to_half(number, dk_state(&run) + i, &shown, 1);
            assert_int_equal(shown, e.input_half[i]);
            dk_from_half(number, e.input_half + i, &seen, 1);
            F = rounded(number, network(seen, e.t));
            check_near((double)D[i], F > (dk_real)0.5 ? 0.5 : F < (dk_real)-0.5 ? -0.5 : (double)F, 0, "D");
        }
    }
    dk_end(&run);
}

static void a_bad_number_of_16_bits_is_found_where_it_is(void **state) {
    static dk_real x[SIZE];
    static const uint16_t bad[2][3] = {{0x7C00, 0xFC00, 0x7C01}, {0x7F80, 0xFF80, 0xFFFF}},
                          good[2][2] = {{0x7BFF, 0x03FF}, {0x7F7F, 0x807F}};
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < SIZE; i += 61) {
            dk_config c = half_config("euler", DK_PREDICT_X0, formats[k]);
            dk_run run;
            dk_eval e;
            char place[80];
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            assert_int_equal(dk_next(&run, &e), 1);
            answer_in_half(formats[k], &e);
            e.output_half[i] = bad[k][i % 3];
            assert_int_equal(dk_next(&run, &e), 0);
            assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
            snprintf(place, sizeof place, "sample %d, element %d", i / DIM, i % DIM);
            if (!strstr(run.message, place)) fail_msg("%s, not %s", run.message, place);
            assert_int_equal(dk_next(&run, &e), 1);
            e.output_half[i] = good[k][i % 2];
            assert_int_equal(dk_next(&run, &e), 1);
            dk_end(&run);
        }
}

static void saved_runs_keep_the_open_evaluation(void **state) {
    static dk_real want[SIZE], x[SIZE], y[SIZE];
    (void)state;
    for (int k = 0; k < 2; k++) {
        dk_number number = formats[k];
        dk_config c = half_config("dpmpp_2m_sde", DK_PREDICT_V, number);
        dk_run run, other;
        dk_eval e;
        assert_int_equal(dk_sample(&c, in_half, &number, want), DK_OK);
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        for (int i = 0; i < 3; i++) assert_int_equal(dk_next(&run, &e), 1), answer_in_half(number, &e);
        size_t size = dk_save_size(&run);
        void *bytes = malloc(size);
        assert_int_equal(dk_save(&run, bytes, size), DK_OK);
        assert_int_equal(dk_begin(&other, &c, y, NULL, 0), DK_OK);
        assert_int_equal(dk_load(&other, bytes, size), DK_OK);
        assert_int_equal(dk_next(&other, &e), 1); /* again; input and output are what they were */
        for (int i = 0; i < SIZE; i++) {
            uint16_t output = e.output_half[i];
            dk_eval one = e;
            one.dim = 1, one.batch = 1, one.input_half += i, one.output_half += i;
            answer_in_half(number, &one);
            assert_int_equal(e.output_half[i], output);
        }
        assert_int_equal(dk_continue(&other, in_half, &number), DK_OK);
        assert_memory_equal(y, want, sizeof want);
        c.number = DK_NUMBER_REAL;
        dk_end(&other);
        assert_int_equal(dk_begin(&other, &c, y, NULL, 0), DK_OK);
        assert_int_equal(dk_load(&other, bytes, size), DK_ERROR_SAVED);
        dk_end(&run), dk_end(&other), free(bytes);
    }
}

static void sixteen_bits_need_half_the_memory(void **state) {
    dk_plan plan;
    dk_config c = half_config("euler", DK_PREDICT_V, DK_NUMBER_FP16);
    (void)state;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(plan.buffers, 0); /* besides x */
    assert_int_equal(plan.halves, 2);  /* the network's input and output */
    c.dim = 1000000, c.batch = 1;
    size_t bytes = dk_run_size(&plan, &c);
    assert_true(bytes >= 4000000 && bytes < 4100000);
    dk_plan_free(&plan);
}

static void wrong_numbers_are_refused(void **state) {
    dk_real x[1], probe[1] = {1};
    double log_p;
    dk_config c = check_config("flow", "euler", 3);
    (void)state;
    c.number = DK_NUMBER_COUNT;
    assert_int_equal(dk_sample(&c, in_half, NULL, x), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "number = 3: must be real|fp16|bf16");
    c.number = DK_NUMBER_FP16;
    assert_int_equal(log_likelihood(&c, in_half, NULL, x, probe, &log_p), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "number and clip: must be 0 for a likelihood");
}

/* --------------------------------------------------------------------------------------- clipping */

/* x0 clipped by the network itself is x0 clipped by the run. */
static int clipping(void *user, const dk_eval *e) {
    double most = *(const double *)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        double F = 3 * (double)network(e->input[i], e->t);
        e->output[i] = (dk_real)(F > most ? most : F < -most ? -most : F);
        if (e->uncond_output) e->uncond_output[i] = e->output[i] / 2;
    }
    return 0;
}

static void a_clipped_estimate_is_what_the_sampler_sees(void **state) {
    static dk_real want[SIZE], got[SIZE];
    double bound = 0.75, none = HUGE_VAL;
    (void)state;
    for (int k = 0; dk_sampler_at(k); k++) {
        dk_config c = half_config(dk_sampler_at(k)->name, DK_PREDICT_X0, DK_NUMBER_REAL);
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        int guided = 0;
        for (int i = 0; i < plan.calls; i++) guided |= plan.call[i].uncond_output >= 0;
        dk_plan_free(&plan);
        if (guided) continue; /* the unconditional estimate is not clipped */
        assert_int_equal(dk_sample(&c, clipping, &bound, want), DK_OK);
        c.clip = bound;
        assert_int_equal(dk_sample(&c, clipping, &none, got), DK_OK);
        for (int i = 0; i < SIZE; i++)
            check_near((double)got[i], (double)want[i], 10 * check_tiny, dk_sampler_at(k)->name);
    }
}

static void clipping_is_said_in_the_plan(void **state) {
    dk_plan plan, other;
    char text[8000];
    dk_config c = half_config("euler", DK_PREDICT_V, DK_NUMBER_BF16);
    (void)state;
    memset(&plan, 0, sizeof plan), memset(&other, 0, sizeof other);
    c.clip = 1.5;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    dk_plan_text(&plan, text, sizeof text);
    assert_non_null(strstr(text, "clipped to 1.5"));
    assert_non_null(strstr(text, "-> bf16 buffer 0"));
    c.clip = 1;
    assert_int_equal(dk_record(&other, &c), DK_OK);
    assert_int_equal(dk_plan_equal(&plan, &other, 1e-9, NULL), 0);
    assert_int_equal(dk_plan_equal(&plan, &other, 1, NULL), 1);
    dk_plan_free(&other);
    c.clip = 1.5, c.number = DK_NUMBER_FP16;
    assert_int_equal(dk_record(&other, &c), DK_OK);
    assert_int_equal(dk_plan_equal(&plan, &other, 1, NULL), 0);
    dk_plan_free(&plan), dk_plan_free(&other);
    c.clip = -1;
    assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "clip = -1: must be >= 0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_numbers_of_16_bits_go_there_and_back),
        cmocka_unit_test(numbers_are_rounded_to_the_nearest_and_ties_to_even),
        cmocka_unit_test(every_length_is_converted_alike),
        cmocka_unit_test(a_run_in_16_bits_is_that_of_a_network_that_rounds),
        cmocka_unit_test(estimates_and_states_are_real),
        cmocka_unit_test(a_bad_number_of_16_bits_is_found_where_it_is),
        cmocka_unit_test(saved_runs_keep_the_open_evaluation),
        cmocka_unit_test(sixteen_bits_need_half_the_memory),
        cmocka_unit_test(wrong_numbers_are_refused),
        cmocka_unit_test(a_clipped_estimate_is_what_the_sampler_sees),
        cmocka_unit_test(clipping_is_said_in_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
