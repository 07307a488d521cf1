/* The shipped network: its forward pass in C is PyTorch's, and what it draws behind the callback is its class. */
#include "check.h"

#include "examples/digits.h"
#include "examples/digits/plans.h"

static const char weights[] = "examples/digits/weights.bin";

static float read_float(FILE *file) {
    unsigned char b[4] = {0, 0, 0, 0};
    uint32_t bits = 0;
    float v;
    assert_int_equal(fread(b, 1, 4, file), 4);
    for (int i = 0; i < 4; i++) bits |= (uint32_t)b[i] << (8 * i);
    memcpy(&v, &bits, 4);
    return v;
}

static uint32_t read_int(FILE *file) {
    float v = read_float(file);
    uint32_t bits;
    memcpy(&bits, &v, 4);
    return bits;
}

/* digits_reference.bin: inputs and outputs that train.py wrote with PyTorch in float32; see write_reference. */
static void forward_pass_agrees_with_pytorch(void **state) {
    (void)state;
    char magic[8];
    unet net;
    assert_null(unet_load(&net, weights));
    static float memory[UNET_WORK];
    FILE *file = fopen("tests/data/digits_reference.bin", "rb");
    assert_non_null(file);
    assert_int_equal(fread(magic, 1, 8, file), 8);
    assert_memory_equal(magic, "DIGITREF", 8);
    assert_int_equal(read_int(file), 1);
    uint32_t cases = read_int(file);
    assert_int_equal(cases, 10);
    for (uint32_t i = 0; i < cases; i++) {
        float input[UNET_PIXELS], want[UNET_PIXELS], got[UNET_PIXELS];
        float sigma = read_float(file);
        float c_noise = read_float(file);
        int label = (int)read_int(file);
        for (int j = 0; j < UNET_PIXELS; j++) input[j] = read_float(file);
        for (int j = 0; j < UNET_PIXELS; j++) want[j] = read_float(file);
        unet_forward(&net, 1, input, &c_noise, &label, got, memory);
        double largest = 0, worst = 0;
        for (int j = 0; j < UNET_PIXELS; j++) {
            largest = fmax(largest, fabs((double)want[j]));
            worst = fmax(worst, fabs((double)got[j] - (double)want[j]));
        }
        /* at sigma = 0.002 the noise to be found is 1/500 of the input; PyTorch's own float rounding is 7e-5 there */
        check_near(worst / largest, 0, sigma < 0.01f ? 3e-4 : 2e-5, "largest difference to PyTorch");
    }
    fclose(file);
    unet_free(&net);
}

/* Four images go through the network at once; 27 leaves three, 17 one. */
static void an_image_is_the_same_to_the_bit_alone_and_among_others(void **state) {
    (void)state;
    static const int counts[] = {27, 17};
    unet net;
    static float input[27 * UNET_PIXELS], among[27 * UNET_PIXELS], alone[UNET_PIXELS], c_noise[27];
    float *memory = (float *)malloc(unet_memory(27) * sizeof *memory);
    int label[27];
    assert_non_null(memory);
    assert_null(unet_load(&net, weights));
    for (int i = 0; i < 27 * UNET_PIXELS; i++) input[i] = (float)(i * 7919 % 1000) / 500 - 1;
    for (int i = 0; i < 27; i++) c_noise[i] = 0.1f * (float)(i - 14), label[i] = i % (UNET_CLASSES + 1);
    for (int k = 0; k < 2; k++) {
        unet_forward(&net, counts[k], input, c_noise, label, among, memory);
        for (int i = 0; i < counts[k]; i++) {
            unet_forward(&net, 1, input + i * UNET_PIXELS, c_noise + i, label + i, alone, memory);
            assert_memory_equal(alone, among + i * UNET_PIXELS, sizeof alone);
        }
    }
    free(memory);
    unet_free(&net);
}

/* RMS from `want` of four digits that no plan was fitted to; the config's sampler on its grid. */
static double distance(dk_config c, digits *d, const dk_real *want, dk_real *x) {
    double sum = 0;
    assert_int_equal(dk_sample(&c, digits_denoise, d, x), DK_OK);
    for (int i = 0; want && i < 4 * UNET_PIXELS; i++) sum += pow((double)x[i] - (double)want[i], 2) / (4 * UNET_PIXELS);
    return sqrt(sum);
}

static void fitted_plans_end_nearer_than_the_karras_grid(void **state) {
    (void)state;
    static const int evaluations[] = {4, 5, 6, 8, 10}, labels[] = {3, 8, 5, 2};
    static dk_real want[4 * UNET_PIXELS], x[4 * UNET_PIXELS];
    digits d;
    memset(&d, 0, sizeof d);
    assert_null(unet_load(&d.net, weights));
    d.labels = labels, d.count = 4;
    for (int guided = 0; guided < 2; guided++) {
        dk_config c = digits_config(&d);
        c.batch = 4, c.seed = 2026, c.steps = 32, c.guidance.scale = guided ? 2 : 0;
        assert_int_equal(dk_config_set(&c, "sampler=heun grid=karras"), DK_OK);
        distance(c, &d, NULL, want);
        for (int k = 0; k < 5; k++) {
            const dk_table *p = digits_plan(evaluations[k], guided);
            assert_non_null(p);
            assert_int_equal(p->steps, evaluations[k] + 1);
            c.steps = evaluations[k];
            assert_int_equal(dk_config_set(&c, "sampler=dpmpp_2m grid=karras"), DK_OK);
            double before = distance(c, &d, want, x);
            c.sampler = dk_table_sampler(p), c.steps = 0;
            memset(&c.grid, 0, sizeof c.grid);
            assert_true(distance(c, &d, want, x) < before / 2);
        }
    }
    assert_null(digits_plan(7, 0));
    unet_free(&d.net);
}

static void truncated_or_foreign_weights_are_refused(void **state) {
    (void)state;
    unet net;
    assert_non_null(unet_load(&net, "no/such/file"));
    assert_non_null(unet_load(&net, "tests/data/digits_reference.bin"));
    assert_non_null(unet_load(&net, "Makefile"));
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(forward_pass_agrees_with_pytorch),
        cmocka_unit_test(an_image_is_the_same_to_the_bit_alone_and_among_others),
        cmocka_unit_test(fitted_plans_end_nearer_than_the_karras_grid),
        cmocka_unit_test(truncated_or_foreign_weights_are_refused),
    };
    return cmocka_run_group_tests_name("digits", tests, NULL, NULL);
}
