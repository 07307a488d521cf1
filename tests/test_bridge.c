/* The samplers of examples/samplers.c, written as in their papers, have the plans of the built-in
   ones. Euler and Heun agree bit for bit where the compiler does not contract a * b + c. The others
   are off by less than 1e-13. */
#include "check.h"

#define SAMPLERS_ALONE
#include "examples/samplers.c"

static const char *const families[] = {"flow", "edm", "vp", "vp_scaled_linear"};
enum { FAMILIES = sizeof families / sizeof *families };

static void check_plans(dk_config c, const char *of) {
    for (int i = 0; i < SAMPLERS; i++) {
        dk_plan plan, built_in;
        double worst;
        if (c.grid.travel && strcmp(samplers[i].name, "edm_churn") == 0) continue;
        memset(&plan, 0, sizeof plan), memset(&built_in, 0, sizeof built_in);
        assert_int_equal(record(&plan, c, &samplers[i], 0), DK_OK);
        assert_int_equal(record(&built_in, c, &samplers[i], 1), DK_OK);
        if (!dk_plan_equal(&plan, &built_in, 1e-12, &worst))
            fail_msg("%s on %s, %d steps: differs by %g", samplers[i].name, of, c.steps, worst);
        dk_plan_free(&plan), dk_plan_free(&built_in);
    }
}

static void plans_are_those_of_the_built_in_samplers(void **state) {
    (void)state;
    static const struct {
        dk_spacing spacing;
        dk_final final;
        double shift;
    } grids[] = {
        {DK_SPACING_DEFAULT, DK_FINAL_DEFAULT, 0},   {DK_SPACING_KARRAS, DK_FINAL_DEFAULT, 0},
        {DK_SPACING_KARRAS, DK_FINAL_MIN, 0},        {DK_SPACING_EXPONENTIAL, DK_FINAL_ZERO, 0},
        {DK_SPACING_LAMBDA, DK_FINAL_MIN, 0},        {DK_SPACING_UNIFORM, DK_FINAL_MIN, 3},
        {DK_SPACING_UNIFORM, DK_FINAL_DEFAULT, 0.3},
    };
    static const int steps[] = {1, 2, 3, 4, 5, 7, 10, 20, 50, 200};
    for (int f = 0; f < FAMILIES; f++)
        for (size_t g = 0; g < sizeof grids / sizeof *grids; g++)
            for (size_t n = 0; n < sizeof steps / sizeof *steps; n++) {
                dk_config c = check_config(families[f], NULL, steps[n]);
                c.grid.spacing = grids[g].spacing, c.grid.final = grids[g].final;
                c.grid.shift = grids[g].shift;
                check_plans(c, families[f]);
            }
}

/* Guidance, known data and time travel come from the recorder, so a sampler of one's own has them,
   too. The built-in edm_churn is left out where the grid goes back up: its S_noise is a setting of
   the config, which multiplies the noise of the way up as well. */
static void they_have_what_built_in_samplers_have(void **state) {
    (void)state;
    static const double back_up[] = {20, 6, 2, 9, 5, 1, 0.3, 0}; /* noise levels */
    static const dk_real mask[1] = {1}, known[1] = {2};
    for (int f = 0; f < FAMILIES; f++) {
        dk_config c = check_config(families[f], NULL, 7);
        c.guidance.scale = 3;
        check_plans(c, "guidance");
        c.mask = mask, c.known = known;
        check_plans(c, "known data");
        c.grid = dk_grid_levels(back_up, DK_UNIT_SIGMA), c.grid.travel = 1;
        check_plans(c, "time travel");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_those_of_the_built_in_samplers),
        cmocka_unit_test(they_have_what_built_in_samplers_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
