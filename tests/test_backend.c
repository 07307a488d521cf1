/* Back ends: any that keeps to what diffkit.h says of dk_backend gives what the host gives. */
#include "check.h"
#include "backend/backend.h"
#include "backend/queue.h"

static dk_backend queue_backend(queue_device *d) {
    dk_backend b = {d, queue_rows, NULL, queue_find_bad, queue_begin, queue_end, queue_get, queue_put};
    memset(d, 0, sizeof *d);
    return b;
}

static void a_queue_gives_the_hosts_bits(void **state) {
    queue_device d;
    (void)state;
    static const char *const names[] = {"queue", "late queue", "queue, host's checks"};
    for (int k = 0; k < 3; k++) {
        dk_backend backend = queue_backend(&d);
        d.late = k == 1;
        if (k == 2) backend.find_bad = NULL; /* the library looks itself */
        const backend_under_test device = {names[k], &backend, 0, 1, queue_handle};
        assert_int_equal(backend_conforms(&device), 0);
        assert_true(d.begun > 100);
        assert_int_equal(d.begun, d.ended);
    }
}

static dk_config bare(const dk_backend *b, const char *settings) {
    dk_config c = check_config("vp_linear", "dpmpp_2m", 6);
    c.dim = BACKEND_DIM, c.batch = BACKEND_BATCH, c.backend = b;
    if (dk_config_set(&c, settings)) fail_msg("%s", c.message);
    return c;
}

/* What the network leaves in a queue's memory without waiting: zeros; bad: or NaN, at evaluation number `bad`. */
static int calls, bad_call;
static double bad_factor = HUGE_VAL; /* of the input */
static void answer(dk_run *run, const dk_eval *e) {
    queue_run *q = (queue_run *)run->device;
    queue_command *k = queue_push(q);
    k->kind = DK_VALUE_BUFFER, k->slot = e->output_slot, k->terms = 1;
    k->of_kind[0] = DK_VALUE_BUFFER, k->of_slot[0] = e->input_slot;
    for (int b = 0; b < BACKEND_BATCH; b++) k->c[0][b] = calls == bad_call ? (dk_real)bad_factor : 0;
    calls++;
}

static void run_to_the_end(dk_run *run, dk_real *x, const dk_config *c) {
    dk_eval e;
    calls = 0;
    if (dk_begin(run, c, (dk_real *)(uintptr_t)queue_handle(x), NULL, 0)) fail_msg("%s", run->message);
    while (dk_next(run, &e)) answer(run, &e);
}

static void unchecked_runs_without_norms_never_wait(void **state) {
    static dk_real x[BACKEND_SIZE];
    queue_device d;
    dk_backend backend = queue_backend(&d);
    dk_config c = bare(&backend, "sampler=dpmpp_2m_sde");
    dk_run run;
    (void)state;
    bad_call = -1, c.unchecked = 1;
    run_to_the_end(&run, x, &c);
    assert_int_equal(run.status, DK_OK);
    assert_int_equal(d.waits, 0);
    dk_end(&run);
    d.late = 1, c.unchecked = 0;
    run_to_the_end(&run, x, &c);
    assert_int_equal(run.status, DK_OK);
    assert_int_equal(d.waits, 2); /* dk_end's, and the last check's */
    dk_end(&run);
}

/* A run that learns late of what went wrong is over, and says so whenever it is asked. */
static void errors_that_come_late_end_the_run(void **state) {
    static dk_real x[BACKEND_SIZE];
    queue_device d;
    dk_backend backend = queue_backend(&d);
    dk_config c = bare(&backend, "sampler=euler");
    dk_run run;
    dk_eval e;
    (void)state;
    for (bad_call = 0; bad_call < 6; bad_call++) {
        d.late = 1;
        run_to_the_end(&run, x, &c);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
            assert_non_null(strstr(run.message, " is NaN or infinite"));
            assert_non_null(strstr(run.message, "sample 0, element 0"));
            assert_int_equal(dk_next(&run, &e), 0);
        }
        dk_end(&run);
    }
    bad_call = -1, d.lost = 4;
    run_to_the_end(&run, x, &c);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(calls, 3);
        assert_int_equal(run.status, DK_ERROR_CALLBACK);
        assert_string_equal(run.message, "the back end failed to run a pass at step 2 of 6 (evaluation 2)");
        assert_int_equal(dk_next(&run, &e), 0);
    }
    dk_end(&run);
    assert_int_equal(d.begun, d.ended);
}

/* eps of some 80 times that: the last step takes 70 of it, which is too much. Outputs are finite. */
static void a_result_that_overflows_on_a_device_is_an_error(void **state) {
    static dk_real x[BACKEND_SIZE];
    queue_device d;
    dk_eval e;
    (void)state;
    bad_factor = (sizeof(dk_real) == 8 ? 1e308 : 1e38) / 200;
    for (int k = 0; k < 6; k++) {
        dk_backend backend = queue_backend(&d);
        dk_config c = bare(&backend, k < 3 ? "schedule=edm sampler=euler grid.sigma_min=70" : "schedule=edm sampler=dpmpp_2m grid.sigma_min=70");
        dk_run run;
        d.late = k % 3 == 1, bad_call = 5, c.prediction = DK_PREDICT_EPS;
        if (k % 3 == 2) backend.find_bad = NULL;
        run_to_the_end(&run, x, &c);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(run.status, DK_ERROR_NOT_FINITE);
            assert_non_null(strstr(run.message, "the result is NaN or infinite after the last evaluation, at step 5 of 6 (evaluation 5)"));
            assert_int_equal(dk_next(&run, &e), 0);
        }
        dk_end(&run);
    }
    bad_factor = HUGE_VAL;
}

static int refuses(void *user, dk_run *run) {
    (void)user;
    return run->size > 0;
}
static int gives_nothing(void *user, dk_run *run, dk_value_kind kind, int slot, void *to) {
    (void)user, (void)run, (void)kind, (void)slot, (void)to;
    return 1;
}

static void what_begin_refuses_does_not_begin(void **state) {
    dk_real x[BACKEND_SIZE];
    queue_device d;
    dk_backend backend = queue_backend(&d);
    dk_config c = bare(&backend, "");
    dk_run run;
    dk_eval e;
    (void)state;
    backend.begin = refuses;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_ERROR_CALLBACK);
    assert_string_equal(run.message, "the back end failed to begin");
    assert_int_equal(dk_next(&run, &e), 0);
    dk_end(&run);
    assert_int_equal(d.ended, 0);
}

static void get_that_fails_is_said(void **state) {
    static dk_real x[BACKEND_SIZE];
    queue_device d;
    dk_backend backend = queue_backend(&d);
    dk_config c = bare(&backend, "guidance.scale=3 guidance.rescale=0.5");
    dk_run run;
    dk_eval e;
    (void)state;
    backend.get = gives_nothing, bad_call = -1, calls = 0;
    assert_int_equal(dk_begin(&run, &c, (dk_real *)(uintptr_t)queue_handle(x), NULL, 0), DK_OK);
    assert_int_equal(dk_next(&run, &e), 1);
    assert_null(dk_state(&run));
    assert_int_equal(dk_denoised(&run, x), DK_ERROR_CALLBACK);
    assert_non_null(strstr(run.message, "the back end failed to give a buffer"));
    size_t bytes = dk_save_size(&run);
    void *saved = malloc(bytes);
    assert_int_equal(dk_save(&run, saved, bytes), DK_ERROR_CALLBACK);
    free(saved);
    assert_int_equal(dk_next(&run, &e), 1); /* the same once more, */
    assert_int_equal(e.call, 0);
    answer(&run, &e);
    while (dk_next(&run, &e)) answer(&run, &e);
    assert_int_equal(run.status, DK_ERROR_CALLBACK); /* and what the norm needs is missing */
    assert_non_null(strstr(run.message, "the back end failed to take a norm"));
    backend.get = queue_get; /* it is asked again */
    while (dk_next(&run, &e)) answer(&run, &e);
    assert_int_equal(run.status, DK_OK);
    dk_end(&run);
}

static void draws_have_addresses(void **state) {
    dk_config c = bare(NULL, "sampler=euler_ancestral seed=5 first_sample=7");
    dk_real x[BACKEND_SIZE], all[BACKEND_SIZE], one[1];
    dk_noise_source source;
    dk_noise_request q;
    dk_run run;
    (void)state;
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    for (int draw = 0; draw < 2; draw++) {
        assert_int_equal(dk_run_draw(&run, draw, &source, &q), DK_OK);
        assert_int_equal(source.kind, DK_NOISE_PHILOX);
        assert_int_equal(q.draw, draw);
        assert_int_equal(dk_run_noise(&run, draw, all), DK_OK);
        dk_normals(5, 8, (uint32_t)draw, 100, 1, one);
        check_near((double)all[BACKEND_DIM + 100], (double)one[0], 0, "a draw's element");
    }
    assert_int_equal(dk_run_draw(&run, -1, &source, &q), DK_ERROR_ORDER);
    assert_int_equal(dk_run_draw(&run, dk_run_plan(&run)->draws, &source, &q), DK_ERROR_ORDER);
    assert_int_equal(dk_run_draw(&run, 0, NULL, &q), DK_ERROR_ORDER);
    assert_int_equal(dk_run_draw(NULL, 0, &source, &q), DK_ERROR_ORDER);
    dk_end(&run);
}

static void a_state_that_is_given_has_no_draw(void **state) {
    static unsigned char memory[1 << 17];
    dk_config c = bare(NULL, "sampler=euler start=state");
    dk_real x[BACKEND_SIZE] = {0};
    dk_noise_source source;
    dk_noise_request q;
    dk_run run;
    (void)state;
    memset(memory, 0xA5, sizeof memory);
    assert_int_equal(dk_begin(&run, &c, x, memory, sizeof memory), DK_OK);
    assert_int_equal(dk_run_draw(&run, 0, &source, &q), DK_OK);
    check_near(q.from, 0, 0, "from");
    check_near(q.to, 0, 0, "to");
    dk_end(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_gives_the_hosts_bits),
        cmocka_unit_test(unchecked_runs_without_norms_never_wait),
        cmocka_unit_test(errors_that_come_late_end_the_run),
        cmocka_unit_test(a_result_that_overflows_on_a_device_is_an_error),
        cmocka_unit_test(what_begin_refuses_does_not_begin),
        cmocka_unit_test(get_that_fails_is_said),
        cmocka_unit_test(draws_have_addresses),
        cmocka_unit_test(a_state_that_is_given_has_no_draw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
