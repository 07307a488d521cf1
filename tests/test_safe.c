/* What one can do wrong with a run, and what comes of it: runs that are moved, configs that nobody may write to, networks that
   leave their output as it is. */
#include "check.h"
#ifdef __cplusplus
#include <vector>
#endif
#ifdef __GNUC__ /* C++ would have every member named in {8} */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ------------------------------------------------------------------------------- runs that move */

enum { DIM = 5, RUNS = 4 };
static const char *const samplers[RUNS] = {"euler_a", "dpmpp_2m", "rk45", "unipc"};

static dk_config config_of(int k) {
    dk_config c = check_config("vp", samplers[k], 6);
    c.dim = DIM, c.seed = (uint64_t)k;
    return c;
}

static void answer(const dk_eval *e) { check_nonlinear(NULL, e); }

/* Runs finish one by one; the last takes the place of the one that has, and what it leaves is overwritten. */
static void runs_move_by_assignment(void **state) {
    dk_run runs[RUNS];
    dk_real x[RUNS][DIM], want[RUNS][DIM];
    dk_eval e;
    int n = RUNS, steps = 0;
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        dk_config c = config_of(k);
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want[k]), DK_OK);
        assert_int_equal(dk_begin(&runs[k], &c, x[k], NULL, 0), DK_OK);
    }
    while (n > 0) {
        int k = steps++ % n;
        if (dk_next(&runs[k], &e)) {
            answer(&e);
        } else {
            assert_int_equal(runs[k].status, DK_OK);
            dk_end(&runs[k]);
            runs[k] = runs[--n];
            memset(&runs[n], 0xEE, sizeof runs[n]);
        }
    }
    assert_memory_equal(x, want, sizeof x);
}

/* To memory of another address before every call, in memory of the caller's, with all that looks at a run. */
static void runs_move_by_memcpy(void **state) {
    (void)state;
    for (int k = 0; k < RUNS; k++) {
        dk_config c = config_of(k);
        dk_real x[DIM], want[DIM], out[DIM];
        dk_eval e;
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want), DK_OK);
        size_t bytes = dk_run_size(&c);
        void *memory = malloc(bytes);
        dk_run *run = (dk_run *)malloc(sizeof *run);
        assert_int_equal(dk_begin(run, &c, x, memory, bytes), DK_OK);
        for (int more = 1; more;) {
            dk_run *moved = (dk_run *)malloc(sizeof *moved);
            memcpy(moved, run, sizeof *moved);
            memset(run, 0xEE, sizeof *run);
            free(run);
            run = moved;
            more = dk_next(run, &e);
            if (more) answer(&e), assert_int_equal(dk_denoised(run, out), DK_OK), assert_non_null(dk_state(run));
            assert_non_null(dk_run_plan(run));
        }
        assert_int_equal(run->status, DK_OK);
        dk_end(run);
        free(run), free(memory);
        assert_memory_equal(x, want, sizeof x);
    }
}

static void runs_live_in_a_vector(void **state) {
    (void)state;
#ifdef __cplusplus
    std::vector<dk_run> runs;
    dk_real x[RUNS][DIM], want[RUNS][DIM];
    dk_eval e;
    for (int k = 0; k < RUNS; k++) { /* grows, and so moves what is in it */
        dk_config c = config_of(k);
        assert_int_equal(dk_sample(&c, check_nonlinear, NULL, want[k]), DK_OK);
        runs.push_back(dk_run());
        assert_int_equal(dk_begin(&runs.back(), &c, x[k], NULL, 0), DK_OK);
        for (size_t i = 0; i < runs.size(); i++)
            if (dk_next(&runs[i], &e)) answer(&e);
    }
    while (!runs.empty())
        if (dk_next(&runs.front(), &e)) answer(&e);
        else dk_end(&runs.front()), runs.erase(runs.begin());
    assert_memory_equal(x, want, sizeof x);
#else
    skip();
#endif
}

/* ------------------------------------------------------------------------------- configs that nobody writes to */

/* Lies in memory that cannot be written to. */
static const dk_config constant = {8, 2, 3, 42};

static void a_config_may_be_constant(void **state) {
    dk_config copy = constant;
    dk_real x[6], want[6];
    dk_plan plan;
    dk_run run;
    (void)state;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_sample(&copy, check_nonlinear, NULL, want), DK_OK);
    assert_int_equal(dk_begin(&run, &constant, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    dk_end(&run);
    assert_memory_equal(x, want, sizeof x);
    assert_int_equal(dk_record(&plan, &copy), DK_OK);
    assert_true(dk_workspace_size(&plan, &constant) > 0);
    assert_int_equal(dk_begin_plan(&run, &plan, &constant, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, check_nonlinear, NULL), DK_OK);
    dk_end(&run);
    assert_memory_equal(x, want, sizeof x);
    assert_int_equal(dk_begin(&run, &constant, NULL, NULL, 0), DK_ERROR_CONFIG); /* nor when it is refused */
    assert_string_equal(run.message, "x = NULL: must be batch * dim numbers");
    dk_plan_free(&plan);
}

static void a_run_shares_no_memory(void **state) {
    static union {
        dk_run run;
        dk_real numbers[sizeof(dk_run) / sizeof(dk_real)];
    } u;
    dk_config c = config_of(0);
    dk_real x[DIM];
    char memory[20000];
    (void)state;
    assert_int_equal(dk_begin(&u.run, &c, x, &u, sizeof u), DK_ERROR_CONFIG);
    assert_string_equal(u.run.message, "memory: must not overlap the dk_run");
    assert_int_equal(dk_begin(&u.run, &c, u.numbers + 10, memory, sizeof memory), DK_ERROR_CONFIG);
    assert_string_equal(u.run.message, "x: must not overlap the dk_run");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_move_by_assignment), cmocka_unit_test(runs_move_by_memcpy),
        cmocka_unit_test(runs_live_in_a_vector),   cmocka_unit_test(a_config_may_be_constant),
        cmocka_unit_test(a_run_shares_no_memory),
    };
    return cmocka_run_group_tests_name("safe", tests, NULL, NULL);
}
