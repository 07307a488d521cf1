/* The header without book three: it compiles, samples, and refuses what only other programs have. */
#define DK_NO_PEERS
#define DIFFKIT_IMPLEMENTATION /* built without book three */
#include "check.h"

static int pull(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        e->output[i] = e->input[i] / 2;
        if (e->uncond_output) e->uncond_output[i] = e->output[i];
    }
    return 0;
}

static int ones(void *user, const dk_noise_request *q, dk_real *out) {
    (void)user;
    for (size_t i = 0; i < q->dim * (size_t)q->batch; i++) out[i] = 1;
    return 0;
}

static void every_name_of_the_library_samples(void **state) {
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        dk_real x[4];
        dk_config c = check_config("vp_linear", dk_sampler_at(i)->name, 6);
        c.dim = 4;
        if (dk_sample(&c, pull, NULL, x) != DK_OK) fail_msg("%s: %s", c.sampler.name, dk_message(&c));
    }
    for (int i = 0; dk_grid_at(i); i++) {
        dk_config c = check_config("vp_linear", NULL, 6);
        c.grid = dk_grid_named(dk_grid_at(i)->name);
        double levels[64];
        if (strcmp(dk_grid_at(i)->name, "gits") != 0) assert_true(dk_levels(&c, DK_UNIT_T, levels, 64) > 1);
    }
}

static void names_of_other_programs_are_not_known(void **state) {
    dk_real x[1];
    dk_config c = check_config("vp_linear", "DPM++ 2M", 6);
    (void)state;
    assert_int_equal(dk_sample(&c, pull, NULL, x), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "\"DPM++ 2M\" is not known"));
    assert_int_equal(dk_config_set(&c, "grid.way=repaint"), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "setting \"grid.way=repaint\": must be none: DK_NO_PEERS leaves out those with a name");
    assert_int_equal(dk_config_set(&c, "grid.way=none"), DK_OK);
}

static void noise_is_the_library_s_or_the_user_s(void **state) {
    dk_real x[3], z[3];
    dk_config c = check_config("edm", "euler_ancestral", 4);
    (void)state;
    c.dim = 3;
    assert_int_equal(dk_config_set(&c, "noise=philox step_noise=brownian"), DK_OK);
    assert_int_equal(dk_sample(&c, pull, NULL, x), DK_OK);
    assert_int_equal(dk_config_set(&c, "noise=torch_cpu"), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "must be default|philox|brownian"));
    c.noise = source_from(ones, NULL);
    assert_int_equal(dk_sample(&c, pull, NULL, z), DK_OK);
    assert_true(fabs((double)(x[0] - z[0])) > 0);
    c.noise.fn = NULL, c.noise.kind = (dk_noise_kind)(DK_NOISE_BROWNIAN + 1);
    assert_int_equal(dk_sample(&c, pull, NULL, z), DK_ERROR_CONFIG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_of_the_library_samples),
        cmocka_unit_test(names_of_other_programs_are_not_known),
        cmocka_unit_test(noise_is_the_library_s_or_the_user_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
