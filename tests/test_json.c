/* Configuration files of diffusers: what they mean, what is refused, hostile text, presets. */
#define DIFFKIT_IMPLEMENTATION /* private functions */
#include "check.h"

#include "json.h"
#include "json_lists.h"

static double table[1000];

typedef struct reading {
    dk_config c;
    dk_json more;
    dk_status status;
} reading;

static reading read_text(const char *text, size_t length, int steps, double mu) {
    reading r;
    memset(&r, 0, sizeof r);
    r.c.steps = steps, r.c.dim = 1, r.c.start = DK_START_STATE;
    r.more.mu = mu, r.more.table = table, r.more.table_size = 1000;
    r.status = dk_config_from_json(&r.c, text, length, &r.more);
    return r;
}

static reading read_string(const char *text) { return read_text(text, strlen(text), 10, 0); }

/* ------------------------------------------------------------------ reference data */

/* Floats of another order of operations; timesteps that are whole must be the same. */
static void check_list(const char *what, const double *got, int count, const json *want) {
    int wanted = want ? want->count : 0;
    if (count != wanted) fail_msg("%s: %d numbers, want %d", what, count, wanted);
    for (int i = 0; i < count; i++) {
        double v = want->item[i].number;
        if (fabs(v - 99) < 0.5 && fabs(got[i] - 100) < 0.5) continue; /* 0.1 T: the class cuts 99.99999999999998 */
        if (fabs(got[i] - v) > 1e-5 + 2e-6 * fabs(v))
            fail_msg("%s: number %d is %.9g, want %.9g", what, i, got[i], v);
    }
}

static void files_give_the_timesteps_and_sigmas_of_their_class(void **state) {
    double list[600];
    (void)state;
    for (int i = 0; i < configs.count; i++) {
        const json *entry = &configs.item[i], *runs = json_get(entry, "runs"),
                   *ignored = json_get(entry, "ignored");
        const char *text = json_string(entry, "text", "");
        for (int k = 0; k < runs->count; k++) {
            const json *run = &runs->item[k];
            reading r =
                read_text(text, strlen(text), (int)json_real(run, "steps", 0), json_real(run, "mu", 0));
            if (r.status) fail_msg("%s: %s", text, dk_message(&r.c));
            int count = list_timesteps(&r.c, r.more.class_name, list, 600);
            if (!count) fail_msg("%s: %s", text, dk_message(&r.c));
            check_list(text, list, count, json_get(run, "timesteps"));
            check_list(text, list, list_sigmas(&r.c, r.more.class_name, list, 600),
                       json_get(run, "sigmas"));
            assert_string_equal(dk_message(&r.c), "");
            size_t length = 0;
            for (int j = 0; j < ignored->count; j++) {
                assert_non_null(strstr(r.more.ignored, ignored->item[j].string));
                length += strlen(ignored->item[j].string) + (j ? 2 : 0);
            }
            assert_int_equal(strlen(r.more.ignored), length);
        }
    }
}

/* The loop that they describe can be run: every plan is recorded, unless the class cannot be sampled from its first level. */
static void files_give_plans(void **state) {
    (void)state;
    for (int i = 0; i < configs.count; i++) {
        const json *entry = &configs.item[i], *run = &json_get(entry, "runs")->item[0];
        const char *text = json_string(entry, "text", "");
        reading r = read_text(text, strlen(text), (int)json_real(run, "steps", 0), json_real(run, "mu", 0));
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        if (dk_record(&plan, &r.c) != DK_OK) fail_msg("%s: %s", text, dk_message(&r.c));
        assert_true(plan.calls > 0);
        dk_plan_free(&plan);
    }
}

static void every_class_reads_with_its_defaults(void **state) {
    char text[120];
    (void)state;
    for (size_t i = 0; i < sizeof dkp_classes / sizeof *dkp_classes; i++) {
        snprintf(text, sizeof text, "{\"_class_name\": \"%s\"}", dkp_class_name((int)i));
        for (int steps = 2; steps <= 30; steps += 7) {
            reading r = read_text(text, strlen(text), steps, 0);
            if (r.status) fail_msg("%s: %s", text, dk_message(&r.c));
            assert_string_equal(r.more.class_name, dkp_class_name((int)i));
            if (!list_timesteps(&r.c, r.more.class_name, NULL, 0)) fail_msg("%s: %d steps: %s", text, steps, dk_message(&r.c));
        }
    }
}

/* Every key of a class is one of the table of keys, and its default is a value of its kind. */
static void class_defaults_are_values(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof dkp_classes / sizeof *dkp_classes; i++) {
        dkp_job job;
        memset(&job, 0, sizeof job);
        job.of = &dkp_classes[i];
        if (!dkp_say_words(&job, job.of->keys, 1)) fail_msg("%s: %s", dkp_class_name((int)i), job.of->keys);
    }
}

/* ------------------------------------------------------------------ what it means */

static void prediction_condition_and_sampler_are_set(void **state) {
    (void)state;
    reading r = read_string(
        "{\"_class_name\": \"DPMSolverMultistepScheduler\", \"solver_order\": 3, \"prediction_type\": "
        "\"v_prediction\", \"solver_type\": \"heun\", \"lambda_min_clipped\": -Infinity}");
    assert_int_equal(r.status, DK_OK);
    assert_int_equal(r.c.prediction, DK_PREDICT_V);
    assert_int_equal(r.c.condition, DK_UNIT_T);
    assert_int_equal(r.c.sampler.order, 3);
    assert_int_equal(r.c.sampler.rule, DK_RULE_DPM_TAYLOR);
    assert_int_equal(r.c.sampler.quirks, DK_QUIRK_COUNT_LAST); /* less than 15 steps */
    assert_int_equal(r.c.dim, 1);                       /* all else stays */
    r = read_string(
        "{\"_class_name\": \"FlaxDPMSolverMultistepScheduler\", \"algorithm_type\": \"sde-dpmsolver++\"}");
    assert_string_equal(r.more.class_name, "DPMSolverMultistepScheduler");
    assert_true(r.c.sampler.eta == 1);
    r = read_string("{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"invert_sigmas\": true}");
    assert_int_equal(r.c.prediction, DK_PREDICT_VELOCITY);
    assert_int_equal(r.c.condition, DK_UNIT_DATA);
    assert_int_equal(r.c.negated, 1);
    r = read_string(
        "{\"_class_name\": \"EulerDiscreteScheduler\", \"_name_or_path\": {\"a\": [1, {}]}, \"who\": [[]]}");
    assert_int_equal(r.status, DK_OK);
    assert_string_equal(r.more.ignored, "who");
}

static void clipping_is_set_and_thresholding_handed_on(void **state) {
    (void)state;
    reading r = read_string("{\"_class_name\": \"DDIMScheduler\", \"clip_sample_range\": 2.5}");
    assert_true(r.c.clip == 2.5 && r.c.guidance.quantile == 0);
    r = read_string(
        "{\"_class_name\": \"DDPMScheduler\", \"thresholding\": true, \"sample_max_value\": 1.5}");
    assert_true(r.c.clip == 0 && r.c.guidance.quantile == 0.995 && r.c.guidance.quantile_most == 1.5);
    r = read_string("{\"_class_name\": \"EulerDiscreteScheduler\", \"clip_sample\": true}");
    assert_true(r.c.clip == 0);
    assert_string_equal(r.more.ignored, "clip_sample");
}

static void dynamic_shift_follows_the_image(void **state) {
    const char *text =
        "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"use_dynamic_shifting\": true}";
    (void)state;
    reading r = read_string(text);
    assert_int_equal(r.status, DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&r.c), "use_dynamic_shifting"));
    r.more.tokens = -4;
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), &r.more), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&r.c), "tokens = -4: must be >= 0 (0: by mu)");
    r.more.tokens = 4096;
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), &r.more), DK_OK);
    check_near(r.c.schedule.shift, exp(1.15), 1e-12, "shift of 4096 tokens");
    r.more.tokens = 0, r.more.mu = 0.5, r.more.to_zero = 1, r.c.steps = 4;
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), &r.more), DK_OK);
    double u[5], expected[5] = {1, 3 / (3 + exp(-0.5)), 1 / (1 + exp(-0.5)), 1 / (1 + 3 * exp(-0.5)), 0};
    assert_int_equal(dk_levels(&r.c, DK_UNIT_FLOW, u, 5), 5); /* Flux's pipeline: t = 1, 3/4, 1/2, 1/4 */
    for (int i = 0; i < 5; i++) check_near(u[i], expected[i], 1e-12, "level");
}

/* diffusers' pipelines multiply unit noise by init_noise_sigma: 1 for VP and flow classes, sqrt(sigma^2 + 1) or sigma for classes
   whose state is x0 + sigma eps, by their spacing. On the schedule's scale the former is 1, the latter the level's sigma. */
static void runs_begin_as_pipelines_do(void **state) {
    static const struct {
        const char *text;
        double scale; /* 0: the level's sigma */
    } rows[] = {
        {"{\"_class_name\": \"PNDMScheduler\", \"skip_prk_steps\": true}", 1},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"timestep_spacing\": \"leading\", \"steps_offset\": 1}", 1},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"timestep_spacing\": \"trailing\"}", 0},
        {"{\"_class_name\": \"EulerAncestralDiscreteScheduler\"}", 0},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"prediction_type\": \"flow_prediction\", "
         "\"use_flow_sigmas\": true}",
         1},
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 3}", 1},
        {"{\"_class_name\": \"EDMEulerScheduler\"}", 80.00624975587844},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reading r = read_text(rows[i].text, strlen(rows[i].text), 4, 0);
        dk_run run;
        dk_eval e;
        dk_real x, z;
        assert_int_equal(r.status, DK_OK);
        r.c.start = DK_START_NOISE, r.c.seed = 3, r.c.unchecked = 1;
        dk_normals(3, 0, 0, 0, 1, &z);
        assert_int_equal(dk_begin(&run, &r.c, &x, NULL, 0), DK_OK);
        assert_true(dk_next(&run, &e));
        double scale = rows[i].scale > 0 ? rows[i].scale : e.level.sigma;
        check_near((double)*dk_state(&run), scale * (double)z, check_tiny, rows[i].text);
        if (scale >= 1 && scale <= 1) assert_memory_equal(dk_state(&run), &z, sizeof z);
        dk_end(&run);
    }
}

/* One step of linspace begins where numpy's does, at timestep 0, and a range of one level is that level. */
static void single_steps_are_those_of_the_class(void **state) {
    static const struct {
        const char *text;
        double first, last;
    } rows[] = {
        {"{\"_class_name\": \"DDIMScheduler\", \"timestep_spacing\": \"linspace\"}", 0.01, 0},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"use_karras_sigmas\": true}", 0.01, 0},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"use_karras_sigmas\": true, \"final_sigmas_type\": "
         "\"sigma_min\"}",
         157.407, 0.01},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"use_karras_sigmas\": true, \"final_sigmas_type\": "
         "\"sigma_min\"}",
         157.407, 157.407},
        {"{\"_class_name\": \"EDMEulerScheduler\", \"sigma_schedule\": \"exponential\"}", 0.002, 0},
        {"{\"_class_name\": \"EDMDPMSolverMultistepScheduler\", \"final_sigmas_type\": \"sigma_min\"}", 80, 0.002},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reading r = read_text(rows[i].text, strlen(rows[i].text), 1, 0);
        double v[3];
        assert_int_equal(r.status, DK_OK);
        assert_int_equal(dk_levels(&r.c, DK_UNIT_SIGMA, v, 3), 2);
        check_near(v[0], rows[i].first, 2e-6, rows[i].text), check_near(v[1], rows[i].last, 2e-6, rows[i].text);
    }
}

/* A key that says 0 is not a missing one, and mu = 0 a value: exp(mu) multiplies sigma/alpha. */
static void shifts_may_be_zero(void **state) {
    const char *text = "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"use_dynamic_shifting\": true, "
                       "\"base_shift\": 0, \"max_shift\": 1}";
    (void)state;
    for (int k = 0; k < 2; k++) {
        reading r = read_text(text, strlen(text), 3, 0);
        double u[4], middle = (1 + 0.001) / 2, ratio = exp(k ? 0.2 : 0.0);
        r.more.tokens = k ? 1024 : 256; /* mu = 0.2 and 0 on the line from 256 to 4096 tokens */
        assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), &r.more), DK_OK);
        assert_int_equal(dk_levels(&r.c, DK_UNIT_FLOW, u, 4), 4);
        check_near(u[1], ratio * middle / (ratio * middle + 1 - middle), 1e-12, "second level");
    }
}

static void trained_betas_fill_the_callers_table(void **state) {
    const char *text =
        "{\"num_train_timesteps\": 4, \"trained_betas\": [0.1, 2e-1 ,0.3,0.4], \"_class_name\": "
        "\"DDIMScheduler\"}";
    (void)state;
    reading r = read_text(text, strlen(text), 2, 0);
    assert_int_equal(r.status, DK_OK);
    assert_ptr_equal(r.c.schedule.alphas_cumprod, table);
    check_near(table[3], 0.9 * 0.8 * 0.7 * 0.6, 1e-7, "product");
    r.more.table_size = 3;
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), &r.more), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&r.c), "trained_betas"));
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), NULL), DK_ERROR_CONFIG); /* no memory at all */
    assert_non_null(strstr(dk_message(&r.c), "dk_json.table"));
}

/* ------------------------------------------------------------------ refusals */

static void refusals_name_key_and_value(void **state) {
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "byte 0: the text ends too early"},
        {"[]", "'{' is expected"},
        {"{}", "\"_class_name\": must be there, a scheduler of diffusers"},
        {"{\"_class_name\": \"EulerDiscretScheduler\"}", "nearest: EulerDiscreteScheduler"},
        {"{\"_class_name\": 3}", "a string is expected"},
        {"{\"_class_name\": \"DDIMScheduler\"} x", "byte 33: nothing more is expected"},
        {"{\"_class_name\": \"DDIMScheduler\",}", "a string is expected"},
        {"{\"_class_name\": \"DDIMScheduler\" \"a\": 1}", "',' or '}' is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"_class_name\": \"DDIMScheduler\"}",
         "at \"_class_name\": the key is there twice"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_end\": 0.02, \"beta_\\u0065nd\": 0.02}",
         "at \"beta_end\": the key is there twice"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": \"foo\"}",
         "\"beta_schedule\" = \"foo\": must be linear, scaled_linear, squaredcos_cap_v2"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": 1}",
         "\"beta_schedule\" = 1: must be linear"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": [1, 2]}",
         "\"beta_schedule\" = [...]: must be"},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"prediction_type\": \"trigflow\"}",
         "\"prediction_type\" = \"trigflow\": must be sample, epsilon, v_prediction, flow_prediction"},
        {"{\"_class_name\": \"SCMScheduler\", \"prediction_type\": \"epsilon\"}",
         "\"prediction_type\" = \"epsilon\": must be trigflow"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": {}}",
         "\"beta_start\" = {...}: must be a single value"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 2}",
         "\"beta_start\" = 2: must be > 0 and < 1"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": NaN}",
         "\"beta_start\" = NaN: must be a finite number"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 1e999}",
         "\"beta_start\" = 1e999: must be a finite number"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": \"0.1\"}",
         "\"beta_start\" = \"0.1\": must be a number"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 01}",
         "at \"beta_start\": a value is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": +1}",
         "at \"beta_start\": a value is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 1.}",
         "at \"beta_start\": digits are expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_start\": .1}",
         "at \"beta_start\": a value is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"steps_offset\": 1.5}",
         "\"steps_offset\" = 1.5: must be a whole number"},
        {"{\"_class_name\": \"DDIMScheduler\", \"clip_sample_range\": 0}",
         "\"clip_sample_range\" = 0: must be > 0"},
        {"{\"_class_name\": \"DDIMScheduler\", \"thresholding\": true, \"dynamic_thresholding_ratio\": 0}",
         "\"dynamic_thresholding_ratio\" = 0: must be > 0"},
        {"{\"_class_name\": \"DDPMScheduler\", \"thresholding\": true, \"sample_max_value\": -1}",
         "\"sample_max_value\" = -1: must be > 0"},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"use_karras_sigmas\": true, \"sigma_min\": 0}",
         "\"sigma_min\" = 0: must be > 0"},
        {"{\"_class_name\": \"CMStochasticIterativeScheduler\", \"rho\": 0}", "\"rho\" = 0: must be > 0"},
        {"{\"_class_name\": \"DDIMScheduler\", \"steps_offset\": -1}", "\"steps_offset\" = -1: must be >= 0"},
        {"{\"_class_name\": \"DDIMScheduler\", \"clip_sample\": 1}",
         "\"clip_sample\" = 1: must be true, false"},
        {"{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 1e30}",
         "\"num_train_timesteps\" = 1e30: must be a whole number"},
        {"{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 1}",
         "\"num_train_timesteps\" = 1: must be 2 .. 1000000"},
        {"{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 5}",
         "steps = 10: must be at most schedule.timesteps"},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"solver_p\": {\"a\": 1}}",
         "\"solver_p\" = {...}: must be"},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"disable_corrector\": [1]}",
         "at \"disable_corrector\": the first steps"},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"use_karras_sigmas\": true, \"use_beta_sigmas\": "
         "true}",
         "\"use_beta_sigmas\" = true: must be false"},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"algorithm_type\": \"dpmsolver\"}",
         "\"final_sigmas_type\" = \"zero\": must be sigma_min"},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"solver_order\": 4}",
         "\"solver_order\" = 4: must be 1, 2 or 3"},
        {"{\"_class_name\": \"VQDiffusionScheduler\"}", "\"_class_name\" = \"VQDiffusionScheduler\": must be"},
        {"{\"_class_name\": \"DDIM\\tScheduler\"}", "\"_class_name\" = \"DDIM?Scheduler\": must be"},
        {"{\"a\": \"\t\"}", "at \"a\": a control character in a string"},
        {"{\"a\": \"\\x\"}", "at \"a\": an unknown escape in a string"},
        {"{\"a\": \"\\u00g0\"}", "at \"a\": four hexadecimal digits are expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 1000001}",
         "num_train_timesteps\" = 1000001: must be 2 .. 1000000"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": [0.1, 0.2]}",
         "\"trained_betas\" = 2: must be as many numbers as num_train_timesteps says"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": []}",
         "\"trained_betas\" = 0: must be as many numbers as num_train_timesteps says"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": [0.1, 1]}",
         "at \"trained_betas\": betas must be > 0 and < 1"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": [0.1 0.2]}",
         "at \"trained_betas\": ',' or the end of a list or object is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": [\"a\"]}",
         "at \"trained_betas\": a finite number is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": [0.1, null]}",
         "at \"trained_betas\": a finite number is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": [NaN]}",
         "at \"trained_betas\": a finite number is expected"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": 0.1}",
         "\"trained_betas\" = 0.1: must be a list of numbers, or null"},
        {"{\"_class_name\": \"DDIMScheduler\", \"trained_betas\": true}",
         "\"trained_betas\" = true: must be a list of numbers, or null"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_end\": 1}", "\"beta_end\" = 1: must be > 0 and < 1"},
        {"{\"_class_name\": \"DDIMScheduler\", \"steps_offset\": 1000}",
         "\"steps_offset\" = 1000: must be >= 0 and less than num_train_timesteps"},
        {"{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": 10, \"steps_offset\": 1}",
         "\"steps_offset\" = 1: must be less, for so many steps"},
        {"{\"_class_name\": \"FlowMatchLCMScheduler\", \"invert_sigmas\": true}",
         "\"invert_sigmas\" = true: must be false with fresh noise in every step"},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"interpolation_type\": \"log_linear\", \"timestep_type\": \"continuous\", "
         "\"prediction_type\": \"v_prediction\"}",
         "\"interpolation_type\" = \"log_linear\": must be linear, or timestep_type discrete"},
        {"{\"_class_name\": \"DDPMWuerstchenScheduler\", \"scaler\": 0}", "\"scaler\" = 0: must be > 0"},
        {"{\"_class_name\": \"HeliosScheduler\", \"stages\": 2}", "\"stage_range\" = null: must be one number more than there are stages"},
        {"{\"_class_name\": \"HeliosScheduler\", \"stages\": 17}", "\"stages\" = 17: must be 1 .. 16"},
        {"{\"_class_name\": \"HeliosScheduler\", \"stages\": 0}", "\"stages\" = 0: must be 1 .. 16"},
        {"{\"_class_name\": \"HeliosScheduler\", \"stage_range\": [0, 0.5, 0.5, 1]}", "shares of the timesteps must rise, from 0 to 1"},
        {"{\"_class_name\": \"HeliosScheduler\", \"stage_range\": [0, 0.5, 0.7, 1.1]}", "shares of the timesteps must rise, from 0 to 1"},
        {"{\"_class_name\": \"HeliosScheduler\", \"stage_range\": [-0.1, 0.5, 0.7, 1]}", "shares of the timesteps must rise, from 0 to 1"},
        {"{\"_class_name\": \"HeliosScheduler\", \"gamma\": 0}", "\"gamma\" = 0: must be > 0"},
        {"{\"_class_name\": \"HeliosScheduler\", \"num_train_timesteps\": 2}", "\"num_train_timesteps\" = 2: must be more for so many stages"},
        {"{\"_class_name\": \"HeliosScheduler\", \"shift\": 2, \"use_dynamic_shifting\": true}", "\"use_dynamic_shifting\" = true: must be false, unless mu"},
        {"{\"_class_name\": \"HeliosScheduler\", \"prediction_type\": \"epsilon\"}", "\"prediction_type\" = \"epsilon\": must be flow_prediction"},
        {"{\"_class_name\": \"HeliosScheduler\", \"use_flow_sigmas\": false}", "\"use_flow_sigmas\" = false: must be true"},
        {"{\"_class_name\": \"HeliosScheduler\", \"lower_order_final\": false}", "\"lower_order_final\" = false: must be true with unipc"},
        {"{\"_class_name\": \"EulerDiscreteScheduler\", \"num_train_timesteps\": 5, \"timestep_spacing\": "
         "\"leading\", \"use_karras_sigmas\": true}",
         "steps = 10: must be at most schedule.timesteps"},
        {"{\"_class_name\": \"DEISMultistepScheduler\", \"num_train_timesteps\": 5}",
         "steps = 10: must be below schedule.timesteps for this grid"},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"num_train_timesteps\": 10}",
         "steps = 10: must be below schedule.timesteps for this grid"},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"num_train_timesteps\": 1, \"use_flow_sigmas\": "
         "true}",
         "\"num_train_timesteps\" = 1: must be 2 .. 1000000"},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"use_flow_sigmas\": true, "
         "\"use_dynamic_shifting\": true}",
         "\"use_dynamic_shifting\" = true: must be false, unless mu"},
        {"{\"_class_name\": \"UniPCMultistepScheduler\", \"use_flow_sigmas\": true, \"flow_shift\": 0}",
         "\"flow_shift\" = 0: must be > 0"},
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"num_train_timesteps\": 1}",
         "\"num_train_timesteps\" = 1: must be 2 .. 1000000"},
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift\": 0}",
         "\"shift\" = 0: must be > 0"},
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"shift_terminal\": 1}",
         "\"shift_terminal\" = 1: must be > 0 and < 1"},
        {"{\"_class_name\": \"EDMEulerScheduler\", \"sigma_max\": 0.001}",
         "\"sigma_max\" = 0.001: must be above sigma_min"},
        {"{\"_class_name\": \"EDMEulerScheduler\", \"sigma_max\": -Infinity}",
         "\"sigma_max\" = -Infinity: must be a finite number"},
        {"{\"_class_name\": \"CMStochasticIterativeScheduler\", \"num_train_timesteps\": 1}",
         "\"num_train_timesteps\" = 1: must be 2 .. 1000000"},
        {"{\"_class_name\": \"CMStochasticIterativeScheduler\", \"num_train_timesteps\": 5}",
         "\"num_train_timesteps\" = 5: must be at least the number of steps"},
        {"{\"_class_name\": \"CMStochasticIterativeScheduler\", \"sigma_min\": 0}",
         "\"sigma_min\" = 0: must be > 0"},
        {"{\"_class_name\": \"IPNDMScheduler\", \"trained_betas\": [0.1]}",
         "\"trained_betas\" = 1: must be null for this class"},
        {"{\"_class_name\": \"ScoreSdeVeScheduler\", \"sampling_eps\": 1}",
         "\"sampling_eps\" = 1: must be >= 0 and < 1"},
        {"{\"_class_name\": \"ScoreSdeVpScheduler\", \"sampling_eps\": 1}",
         "\"sampling_eps\" = 1: must be >= 0 and < 1"},
        {"{\"_class_name\": \"ScoreSdeVpScheduler\", \"beta_max\": 0.01}",
         "schedule.beta_max = 0.01: must be >= beta_min"},
        {"{\"_class_name\": \"LCMScheduler\", \"original_inference_steps\": 2000}",
         "\"original_inference_steps\" = 2000: must be at least the number of steps, at most"},
        {"{\"_class_name\": \"SASolverScheduler\", \"corrector_order\": 5}",
         "\"corrector_order\" = 5: must be 1, 2, 3 or 4"},
        {"{\"_class_name\": \"SASolverScheduler\", \"algorithm_type\": \"deis\"}",
         "\"algorithm_type\" = \"deis\": must be data_prediction, noise_prediction"},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"algorithm_type\": \"data_prediction\"}",
         "\"algorithm_type\" = \"data_prediction\": must be dpmsolver++, dpmsolver, sde-dpmsolver++, sde-dpmsolver, deis"},
        {"{\"_class_name\": \"EDMEulerScheduler\", \"prediction_type\": \"sample\"}",
         "\"prediction_type\" = \"sample\": must be epsilon, v_prediction"},
        {"{\"_class_name\": \"DDIMScheduler\", \"num_train_timesteps\": -Infinity}",
         "\"num_train_timesteps\" = -Infinity: must be a finite number"},
        {"{\"_class_name\": \"RePaintScheduler\", \"eta\": -Infinity}", "\"eta\" = -inf: must be >= 0"},
        {"{\"_class_name\": \"SASolverScheduler\", \"predictor_order\": 0}",
         "\"predictor_order\" = 0: must be 1, 2, 3 or 4"},
        {"{\"_class_name\": \"DDIM\\u00e9\"}", "\"_class_name\" = \"DDIM?\": must be"},
        {"{\"_class_name\": \"DDIM\\u0000\"}", "\"_class_name\" = \"DDIM?\": must be"},
        {"{\"_class_name\": \"DDIMScheduler\", \"beta_schedule\": \"a\\u0001\\u007f\"}",
         "\"beta_schedule\" = \"a??\": must be linear"},
        {"{\"a\": tru}", "at \"a\": a value is expected"},
        {"{\"a\": [1, 2}", "at \"a\": ',' or the end of a list or object is expected"},
        {"{\"a\" 1}", "at \"a\": ':' is expected"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reading r = read_string(rows[i].text);
        if (r.status != DK_ERROR_CONFIG || !strstr(dk_message(&r.c), rows[i].message))
            fail_msg("%s: \"%s\", want \"%s\"", rows[i].text, dk_message(&r.c), rows[i].message);
        assert_null(r.more.class_name);
    }
}

/* A key that no class has is named where nobody reads dk_json.ignored; keys of other classes are passed over. */
static void misspelt_keys_are_refused(void **state) {
    const char *text = "{\"_class_name\": \"EulerDiscreteScheduler\", \"_diffusers_version\": \"0.30\", "
                       "\"skip_prk_steps\": true, \"beta_shedule\": \"scaled_linear\"}";
    reading r = read_string(text);
    (void)state;
    assert_int_equal(r.status, DK_OK);
    assert_string_equal(r.more.ignored, "skip_prk_steps, beta_shedule");
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), NULL), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&r.c), "key \"beta_shedule\" is not known (a dk_json would name it in `ignored`); "
                                          "nearest: beta_schedule");
    text = "{\"_class_name\": \"EulerDiscreteScheduler\", \"skip_prk_steps\": true}";
    assert_int_equal(dk_config_from_json(&r.c, text, strlen(text), NULL), DK_OK);
}

/* What mu, the number of tokens and the number of steps have to do with it. */
static void refusals_may_depend_on_what_is_given_besides(void **state) {
    static const struct {
        const char *text;
        int steps, to_zero;
        double mu;
        const char *message;
    } rows[] = {
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"use_dynamic_shifting\": true}", 10, 0,
         HUGE_VAL,
         "\"use_dynamic_shifting\" = true: must be false, unless mu or the number of image tokens is given"},
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"use_dynamic_shifting\": true, "
         "\"time_shift_type\": \"linear\"}",
         10, 0, -1, "\"time_shift_type\" = \"linear\": must be exponential for this mu"},
        {"{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"num_train_timesteps\": 0}", 10, 1, 0,
         "\"num_train_timesteps\" = 0: must be 2 .. 1000000"},
        {"{\"_class_name\": \"DPMSolverMultistepScheduler\", \"use_flow_sigmas\": true, "
         "\"use_dynamic_shifting\": true, \"time_shift_type\": \"linear\"}",
         10, 0, -1, "\"time_shift_type\" = \"linear\": must be exponential for this mu"},
        {"{\"_class_name\": \"DDIMScheduler\"}", 1000001, 0, 0,
         "steps = 1000001: must be 1 .. 1000000 before reading"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reading r;
        memset(&r, 0, sizeof r);
        r.c.steps = rows[i].steps, r.more.mu = rows[i].mu, r.more.to_zero = rows[i].to_zero;
        r.status = dk_config_from_json(&r.c, rows[i].text, strlen(rows[i].text), &r.more);
        assert_int_equal(r.status, DK_ERROR_CONFIG);
        assert_string_equal(dk_message(&r.c), rows[i].message);
    }
}

/* Settings that only some files have, and what then is in the config. */
static void rare_settings_are_read(void **state) {
    reading r =
        read_string("{\"_class_name\": \"DPMSolverMultistepScheduler\", \"lower_order_final\": false, "
                    "\"euler_at_final\": true, \"final_sigmas_type\": \"sigma_min\"}");
    (void)state;
    assert_int_equal(r.status, DK_OK);
    assert_int_equal(r.c.sampler.quirks, DK_QUIRK_EULER_LAST); /* one node in the last step */
    r = read_string("{\"_class_name\": \"DPMSolverSinglestepScheduler\", \"algorithm_type\": \"dpmsolver\", "
                    "\"final_sigmas_type\": \"sigma_min\"}");
    assert_int_equal(r.status, DK_OK);
    assert_int_equal(r.c.sampler.noise_prediction, 1);
    r = read_string("{\"_class_name\": \"CMStochasticIterativeScheduler\", \"s_noise\": null}");
    assert_int_equal(r.status, DK_OK);
    assert_true(r.c.sampler.noise_excess >= 0 && r.c.sampler.noise_excess <= 0); /* the preset's */
    const char *one = "{\"_class_name\": \"CMStochasticIterativeScheduler\"}";
    r = read_text(one, strlen(one), 1, 0);
    assert_int_equal(r.status, DK_OK);
    assert_int_equal(r.c.grid.final, DK_FINAL_MIN);
}

/* A number that is null is not given; so it has the class's default, be it that or a number. */
static void null_is_no_number(void **state) {
    reading r = read_string("{\"_class_name\": \"UniPCMultistepScheduler\", \"solver_order\": null, \"beta_end\": null, \"flow_shift\": null, "
                            "\"sigma_max\": null, \"use_karras_sigmas\": true}");
    (void)state;
    assert_int_equal(r.status, DK_OK);
    assert_int_equal(r.c.sampler.order, 2);
    check_near(r.c.schedule.beta_max, 0.02, 0, "beta_end");
    check_near(r.c.grid.sigma_max, 0, 0, "sigma_max"); /* none: the table's own */
}

static void steps_must_be_set_before(void **state) {
    const char *text = "{\"_class_name\": \"DDIMScheduler\"}";
    (void)state;
    reading r = read_text(text, strlen(text), 0, 0);
    assert_non_null(strstr(dk_message(&r.c), "steps = 0: must be"));
    assert_int_equal(dk_config_from_json(NULL, text, 3, NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_config_from_json(&r.c, NULL, 3, NULL), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&r.c), "text = NULL: must be JSON");
}

/* ------------------------------------------------------------------ hostile text */

static const char small[] =
    "{\"_class_name\": \"UniPCMultistepScheduler\", \"beta_start\": 0.00085, \"beta_\\u0065nd\": 1.2e-2,\n"
    "\"disable_corrector\": [0], \"solver_p\": null, \"x\": {\"y\": [true, \"\\\"\"]}, \"sigma_max\": null}";

/* Whatever happens, it is a status with a message, and an error leaves the config alone. */
static reading survive(const char *text, size_t length) {
    char *exact = (char *)malloc(length ? length : 1); /* so that reading beyond it is seen */
    dk_config before;
    assert_non_null(exact);
    memcpy(exact, text, length);
    reading r = read_text(exact, length, 10, 0);
    free(exact);
    memset(&before, 0, sizeof before);
    before.steps = 10, before.dim = 1, before.start = DK_START_STATE;
    if (r.status != DK_OK) {
        assert_int_equal(r.status, DK_ERROR_CONFIG);
        assert_true(r.c.message[0] != 0);
        assert_non_null(memchr(r.c.message, 0, sizeof r.c.message));
        dk_config left = r.c;
        memset(left.message, 0, sizeof left.message);
        assert_memory_equal(&left, &before, sizeof before);
    }
    return r;
}

static void every_prefix_is_refused(void **state) {
    (void)state;
    assert_int_equal(survive(small, sizeof small - 1).status, DK_OK);
    for (size_t n = 0; n + 1 < sizeof small; n++) {
        reading r = survive(small, n);
        if (r.status != DK_ERROR_CONFIG || !strstr(dk_message(&r.c), "JSON, byte "))
            fail_msg("%.*s: \"%s\"", (int)n, small, dk_message(&r.c));
    }
}

static void every_changed_byte_is_survived(void **state) {
    char text[sizeof small];
    (void)state;
    for (size_t i = 0; i + 1 < sizeof small; i++)
        for (int value = 0; value < 256; value++) {
            memcpy(text, small, sizeof small);
            text[i] = (char)value;
            survive(text, sizeof small - 1);
        }
}

/* Pieces of JSON in any order. */
static void random_pieces_are_survived(void **state) {
    static const char *const pieces[] = {"{",
                                         "}",
                                         "[",
                                         "]",
                                         ",",
                                         ":",
                                         "\"",
                                         "\\",
                                         "\"_class_name\"",
                                         "\"DDIMScheduler\"",
                                         "\"shift\"",
                                         "1",
                                         "-",
                                         "0.5",
                                         "e9",
                                         "true",
                                         "null",
                                         "NaN",
                                         "-Infinity",
                                         "\"trained_betas\"",
                                         " ",
                                         "\n",
                                         "\xff",
                                         "\"\\u12",
                                         "\"beta_end\"",
                                         "\"PNDMScheduler\""};
    uint32_t word[4], counter[4] = {0, 0, 0, 0};
    const uint32_t key[2] = {1, 2};
    char text[400];
    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t n = 0;
        for (int k = 0; k < 24; k++) {
            counter[0]++;
            dkp_philox_block(counter, key, word);
            const char *piece =
                k == 0 ? "{\"_class_name\":" : pieces[word[0] % (sizeof pieces / sizeof *pieces)];
            memcpy(text + n, piece, strlen(piece)), n += strlen(piece);
            if (k == 0) continue;
            if (word[1] % 24 == 0) break;
        }
        survive(text, n);
    }
}

static void nesting_has_a_bound(void **state) {
    static char text[100000];
    (void)state;
    for (int open = 0; open < 2; open++) {
        memcpy(text, "{\"a\": ", 6);
        for (size_t i = 6; i + 5 < sizeof text; i += 5) memcpy(text + i, open ? "{\"a\":" : "[[[[[", 5);
        reading r = survive(text, sizeof text - 5);
        assert_non_null(strstr(dk_message(&r.c), "at \"a\": lists and objects are nested too deeply"));
    }
}

static void long_words_are_survived(void **state) {
    static char text[5000];
    size_t n;
    (void)state;
    n = (size_t)snprintf(text, sizeof text, "{\"_class_name\": \"DDIMScheduler\", \"beta_start\": 0.00");
    memset(text + n, '1', 3000), memcpy(text + n + 3000, "}", 2);
    reading r = survive(text, n + 3001);
    text[n + 3000] = 0;
    assert_true(r.status == DK_OK && r.c.schedule.beta_min == strtod(strrchr(text, ' '), NULL));
    text[n + 3000] = '}', text[n - 4] = text[n - 3] = '1';
    r = survive(text, n + 3001);
    assert_non_null(strstr(dk_message(&r.c), "at \"beta_start\": the number is too large"));
    n = (size_t)snprintf(text, sizeof text, "{\"_class_name\": \"DDIMScheduler\", \"");
    memset(text + n, 'k', 3000), memcpy(text + n + 3000, "\": 1}", 6);
    r = survive(text, n + 3005);
    assert_int_equal(r.status, DK_OK);
    assert_int_equal(r.more.ignored[0], 'k');
    n = (size_t)snprintf(text, sizeof text, "{\"_class_name\": \"DDIMScheduler\"");
    for (int i = 0; i < 200; i++) n += (size_t)snprintf(text + n, sizeof text - n, ", \"key%d\": %d", i, i);
    text[n++] = '}';
    r = survive(text, n); /* more unknown keys than there is room for */
    assert_int_equal(r.status, DK_OK);
    n = strlen(r.more.ignored);
    assert_string_equal(r.more.ignored + n - 5, ", ...");
}

/* ------------------------------------------------------------------ presets */

static void models_have_configs(void **state) {
    (void)state;
    dk_model_info model;
    const dk_model_info *row = &model;
    for (int i = 0; dk_model_at(i, &model); i++) {
        dk_config c;
        dk_plan plan;
        memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
        c.dim = 1;
        if (dk_config_for(&c, row->name, NULL) != DK_OK || dk_record(&plan, &c) != DK_OK)
            fail_msg("%s: %s", row->name, dk_message(&c));
        assert_int_equal(c.steps, row->steps);
        dkp_job job; /* every word of the settings is a key of the class */
        memset(&job, 0, sizeof job);
        job.of = dkp_class_named(row->class_name);
        assert_non_null(job.of);
        dkp_say_defaults(&job);
        assert_true(dkp_say_words(&job, row->settings, 0));
        assert_true(row->told_scale <= 0 || c.guidance.scale <= 0); /* distilled guidance needs no second evaluation */
        c.guidance.scale = 1; /* it stays: none */
        assert_int_equal(dk_config_for(&c, row->name, NULL), DK_OK);
        check_near(c.guidance.scale, 1, 0, row->name);
        dk_plan_free(&plan);
    }
    assert_false(dk_model_at(-1, &model));
}

/* LTX-2 refines from the list's sixth level on. */
static void the_second_stage_of_ltx2_is_the_end_of_its_list(void **state) {
    static const double want[] = {0.909375, 0.725, 0.421875, 0};
    double levels[4];
    dk_config c;
    (void)state;
    memset(&c, 0, sizeof c);
    c.dim = 1;
    assert_int_equal(dk_config_set(&c, "model=ltx2_distilled start=data grid.strength=0.375"), DK_OK);
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, levels, 4), 4);
    for (int i = 0; i < 4; i++) check_near(levels[i], want[i], 1e-14, "level");
}

/* Qwen-Image-Lightning: both shifts are log 3, so mu is, whatever the size; 3 t/(1 + 2 t), t = 1, 3/4, 1/2, 1/4. */
static void a_dynamic_shift_that_is_constant_needs_no_size(void **state) {
    static const char text[] = "{\"_class_name\": \"FlowMatchEulerDiscreteScheduler\", \"use_dynamic_shifting\": true, "
                               "\"base_shift\": 1.0986122886681098, \"max_shift\": 1.0986122886681098, \"shift_terminal\": null}";
    static const double want[] = {1, 0.9, 0.75, 0.5, 0};
    for (int tokens = 0; tokens < 2; tokens++) {
        double levels[5];
        dk_config c;
        dk_json more;
        memset(&c, 0, sizeof c), memset(&more, 0, sizeof more);
        c.steps = 4, c.dim = 1, more.to_zero = 1, more.tokens = tokens * 4096;
        assert_int_equal(dk_config_from_json(&c, text, strlen(text), &more), DK_OK);
        assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, levels, 5), 5);
        for (int i = 0; i < 5; i++) check_near(levels[i], want[i], 1e-14, "level");
    }
    (void)state;
}

/* What each program calls its network with at the first evaluations, and where its last step ends, by its own formulas; the
   scale by which its loop combines what it gets. */
static void new_models_tell_their_networks_what_their_programs_do(void **state) {
    static const struct {
        const char *name;
        int steps;
        double told[3], scale;
    } rows[] = {
        /* exp(mu)/(exp(mu) + 1/t - 1), t = 1, 49/50 ...; mu of its compute_empirical_mu, 2.0234 and 2.2912 */
        {"flux2_dev", 50, {1, 0.9973090635379105, 0.9945213616687011}, 0},
        {"flux2_klein", 4, {1, 0.9673839882381499, 0.9081439225213331}, 0},
        {"flux2_klein_base", 50, {1, 0.9973090635379105, 0.9945213616687011}, 4},
        {"z_image_turbo", 8, {0, 1 - 21.0 / 22, 1 - 18.0 / 20}, 0},   /* 1 - 3 t/(1 + 2 t), t = 1, 7/8, 6/8 */
        {"z_image", 49, {0, 1 - 288.0 / 289, 1 - 282.0 / 284}, 5},    /* C + 4 (C - U); 1 - 6 t/(1 + 5 t), t = 1, 48/49, 47/49 */
        {"qwen_image_edit", 50, {1, 0.9897008987101516, 0.9791915256473782}, 4}, /* mu = 0.6935; 1 - (1 - t) 0.98/(1 - t_49) */
        {"flux_dev", 50, {1, 0.9935795141331362, 0.9869785952563235}, 0}, /* mu = 1.15 */
        {"flux_schnell", 4, {1, 0.75, 0.5}, 0},
        {"chroma", 35, {1, 34.0 / 35, 33.0 / 35}, 5},
        {"auraflow", 50, {1, 0.9881216531204505, 0.9760355054784351}, 3.5}, /* shifted twice, as the ends of its list are */
        {"trellis", 12, {1000, 1000 * 33.0 / 34, 1000 * 30.0 / 32}, 8.5}, /* 7.5 C more; 3 t/(1 + 2 t), t = 1, 11/12, 10/12 */
        {"ace_step1.5", 32, {1, 93.0 / 94, 90.0 / 92}, 7},
        {"hidream", 50, {999, 993, 986}, 5}, /* int(1000 t), t = 3 s/(1 + 2 s), s linear from 1 - 1e-6; diffusers */
        {"kandinsky5", 50, {1000, 1000 * 490.0 / 491, 1000 * 480.0 / 482}, 5}, /* 10 t/(1 + 9 t) */
        {"kandinsky5_image", 50, {1000, 1000 * 147.0 / 148, 1000 * 144.0 / 146}, 3.5},
        {"hunyuan_video1.5", 50, {1000, 1000 * 245.0 / 246, 1000 * 240.0 / 242}, 6},
        {"wan2.2_5b", 50, {999, 995, 991}, 5},
        {"ltx2", 40, {1000.0000000000002, 996.4491993761544, 992.7366688384662}, 3}, /* its scheduler at 4096 tokens, stretched to end at 0.1 */
        {"ltx2_distilled", 8, {1000, 993.75, 987.5}, 0},
        {"wan2.2_t2v", 40, {999, 997, 995}, 4},
        {"wan2.2_i2v", 40, {999, 994, 989}, 3.5},
        {"lumina2", 50, {0, 1 - 294.0 / 295, 1 - 288.0 / 290}, 4}, /* 1 - 6 t/(1 + 5 t) */
        {"mochi", 64, {0, 1000 * 0.025 / 32, 2000 * 0.025 / 32}, 4.5}, /* its linear part: 1000 (1 - sigma) */
        {"ace_step1.5_turbo", 8, {1, 21.0 / 22, 18.0 / 20}, 0},
        {"f5_tts", 32, {0, 0.001204543794827595, 0.004815273327803071}, 3}, /* 1 - cos(pi v/2) */
        {"hunyuan3d2.1", 50, {0, 1.0 / 49, 2.0 / 49}, 5}, /* linspace(0, 1, 50), whose last step goes nowhere */
        {"pi0", 10, {1, 0.9, 0.8}, 0},
        {"gr00t", 4, {0, 250, 500}, 0},
        {"hidream_dev", 28, {1000, 993.6698032506417, 986.9257950530036}, 0}, /* shifted twice, as the ends of its list are */
        {"vibevoice", 10, {999, 899, 799}, 1.3},
        {"diffusion_policy", 100, {99, 98, 97}, 0},
    };
    (void)state;
    for (int i = 0; i < (int)(sizeof rows / sizeof *rows); i++) {
        dk_config c;
        dk_plan plan;
        memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
        c.dim = 1;
        assert_int_equal(dk_config_for(&c, rows[i].name, NULL), DK_OK);
        check_near(c.guidance.scale, rows[i].scale, 0, rows[i].name);
        assert_int_equal(c.steps, rows[i].steps);
        memset(&c.guidance, 0, sizeof c.guidance);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        for (int k = 0; k < 3; k++) check_near(plan.call[k].condition, rows[i].told[k], 1e-9 * (1 + rows[i].told[k]), rows[i].name);
        check_near(plan.level[plan.levels - 1].sigma, 0, 0, rows[i].name);
        dk_plan_free(&plan);
    }
}

static int half_tanh(void *user, const dk_eval *e) { /* F = (D - x)/level, D = tanh(x)/2 - 0.3 */
    (void)user;
    e->output[0] = (dk_real)((0.5 * tanh((double)e->input[0]) - 0.3 - (double)e->input[0]) / e->t);
    return 0;
}

/* The class's schedule, 2^2 (0.1^2/2^2)^(i/3), and the loop of its pipeline without noise, computed apart. */
static void karras_ve_is_heun_between_squares(void **state) {
    static const char text[] = "{\"_class_name\": \"KarrasVeScheduler\", \"sigma_min\": 0.1, \"sigma_max\": 2, \"s_churn\": 0}";
    static const double levels[] = {4.0, 0.5428835233189814, 0.07368062997280776, 0.01, 0};
    dk_config c;
    double v[6];
    dk_real x = (dk_real)1.5;
    (void)state;
    memset(&c, 0, sizeof c);
    c.steps = 4, c.dim = 1;
    assert_int_equal(dk_config_from_json(&c, text, sizeof text - 1, NULL), DK_OK);
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, v, 6), 5);
    for (int i = 0; i < 5; i++) check_near(v[i], levels[i], 1e-12, "levels");
    check_near(c.start_scale, 2, 0, "start_scale");
    c.start = DK_START_STATE, c.start_scale = 0;
    assert_int_equal(dk_sample(&c, half_tanh, NULL, &x), DK_OK);
    check_near((double)x, -0.5509219137419965, 2e-6, "x");
    memset(&c, 0, sizeof c);
    c.steps = 4, c.dim = 1;
    assert_int_equal(dk_config_from_json(&c, "{\"_class_name\": \"KarrasVeScheduler\"}", 36, NULL), DK_OK);
    check_near(c.sampler.churn, 80, 0, "s_churn"), check_near(c.sampler.noise_excess, 0.007, 1e-12, "s_noise");
    check_near(c.sampler.churn_range[0], 0.05, 0, "s_min"), check_near(c.sampler.churn_range[1], 50, 0, "s_max");
}

/* Wan2.2's loop: network and scale by whether the whole timestep is at least 875, or 900. */
static void wan_has_two_networks(void **state) {
    static const struct {
        const char *name;
        double boundary, high, low;
    } rows[] = {{"wan2.2_t2v", 875, 4, 3}, {"wan2.2_i2v", 900, 3.5, 3.5}};
    (void)state;
    for (int i = 0; i < 2; i++)
        for (int steps = 4; steps <= 40; steps += 9) {
            dk_config c;
            dk_plan plan;
            int second = 0;
            memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
            c.dim = 1, c.steps = steps;
            assert_int_equal(dk_config_for(&c, rows[i].name, NULL), DK_OK);
            if (dk_record(&plan, &c)) fail_msg("%s", dk_message(&c));
            assert_int_equal(plan.calls, 2 * steps);
            for (int k = 0; k < plan.calls; k += 2) {
                int low = plan.call[k].condition < rows[i].boundary;
                assert_int_equal(plan.call[k].phase, low), assert_int_equal(plan.call[k + 1].phase, low);
                check_near(plan.call[k + 1].weight[0], low ? rows[i].low : rows[i].high, 1e-15, rows[i].name);
                second += low;
            }
            assert_true(second > 0 && second < steps);
            dk_plan_free(&plan);
            dk_config again = c;
            assert_int_equal(dk_config_for(&again, rows[i].name, NULL), DK_OK);
            assert_memory_equal(&again, &c, sizeof c);
            assert_int_equal(dk_config_for(&again, "wan2.2_5b", NULL), DK_OK); /* one network */
            assert_true(!again.phases && !again.phase_count && !again.guidance.schedule);
            memset(&c, 0, sizeof c); /* the caller's scale is for both, and the caller's phases stay */
            dk_phase own = {1, 0, DK_UNIT_DEFAULT, NULL, NULL};
            c.guidance.scale = 2, c.phases = &own, c.phase_count = 1;
            assert_int_equal(dk_config_for(&c, rows[i].name, NULL), DK_OK);
            assert_true(c.guidance.scale == 2 && !c.guidance.schedule && c.phases == &own);
            char text[64]; /* in text a scale stands above the model's, and 1 is for none */
            memset(&c, 0, sizeof c);
            snprintf(text, sizeof text, "guidance.scale=1 model=%s dim=1 steps=%d", rows[i].name, steps);
            assert_int_equal(dk_config_set(&c, text), DK_OK);
            assert_int_equal(dk_record(&plan, &c), DK_OK);
            assert_int_equal(plan.calls, steps);
            dk_plan_free(&plan);
            memset(&c, 0, sizeof c); /* a list beside the model's scale is the config's fault, not a phase's */
            snprintf(text, sizeof text, "model=%s dim=1 steps=%d guidance.schedule=7x%d", rows[i].name, steps, steps);
            assert_int_equal(dk_config_set(&c, text), DK_OK);
            assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
            assert_string_equal(dk_message(&c), "guidance.schedule: must be none with guidance.scale or a function");
        }
}

/* TimestepShiftLCMScheduler of NitroFusion: the network is told (t 250/1000), cut, of LCM's t = 999, 749, 499, 249; and
   TRELLIS guides where 0.5 <= t <= 1, of 12 steps 9 whole ones and one more, which begins at 0.5. */
static void networks_are_told_other_timesteps_and_guided_in_an_interval(void **state) {
    static const double told[] = {249, 187, 124, 62};
    dk_config c;
    dk_plan plan;
    (void)state;
    memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
    c.dim = 1, c.steps = 4;
    assert_int_equal(dk_config_for(&c, "NitroSD-Realism", NULL), DK_OK);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(plan.calls, 4);
    for (int k = 0; k < 4; k++) {
        check_near(plan.call[k].condition, told[k], 0, "nitrosd_realism");
        check_near(plan.call[k].level.t, 999 - 250 * k, 0, "nitrosd_realism");
    }
    memset(&c, 0, sizeof c);
    c.dim = 1;
    assert_int_equal(dk_config_for(&c, "trellis", NULL), DK_OK);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(plan.calls, 10 + 12);
    dk_plan_free(&plan);
}

static void models_are_what_their_pipelines_do(void **state) {
    dk_config c;
    double v[6];
    (void)state;
    memset(&c, 0, sizeof c);
    assert_int_equal(dk_config_for(&c, "Flux-Schnell", NULL), DK_OK); /* t = 1, 3/4, 1/2, 1/4 */
    assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, v, 6), 5);
    for (int i = 0; i < 5; i++) check_near(v[i], 1 - i / 4.0, 1e-12, "flux_schnell");
    c.steps = 0;
    assert_int_equal(dk_config_for(&c, "sdxl_turbo", NULL), DK_OK);
    assert_int_equal(dk_levels(&c, DK_UNIT_T, v, 6), 2);
    check_near(v[0], 999, 0, "sdxl_turbo");
    c.steps = 4;
    assert_int_equal(dk_config_for(&c, "svd", NULL), DK_OK); /* sigma from 700 to 0.002, and 0 */
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, v, 6), 5);
    check_near(v[0], 700, 1e-9, "svd"), check_near(v[3], 0.002, 1e-9, "svd"), check_near(v[4], 0, 0, "svd");
    for (int steps = 1; steps <= 3; steps++) { /* Ho et al. 2020, alg. 2: the last step has no noise */
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        c.steps = steps, c.dim = 1;
        assert_int_equal(dk_config_for(&c, "stable_cascade", NULL), DK_OK);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        assert_int_equal(plan.draws, steps); /* one of them is the initial state's */
        dk_plan_free(&plan);
    }
    assert_int_equal(dk_config_for(&c, "sdxll", NULL), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "model \"sdxll\" is not known; nearest: sdxl"));
}

/* Clean data have no noise: whatever a model's program is, its last evaluation is followed by no draw, in as many steps as it has, or
   4 or 10: where T/steps is not whole CogVideoX's class ends at timestep 0. */
static void no_model_adds_noise_to_its_result(void **state) {
    dk_model_info model;
    int noisy = 0;
    (void)state;
    for (int i = 0; dk_model_at(i, &model); i++)
        for (int k = 0; k < 3; k++) {
            const int steps[] = {0, 4, 10};
            dk_config c;
            dk_plan plan;
            memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
            c.steps = steps[k], c.dim = 1;
            if (dk_config_for(&c, model.name, NULL) || dk_record(&plan, &c)) continue; /* too few for its grid */
            const dk_pass *last = &plan.pass[plan.passes - 1];
            for (int row = last->first; row < last->first + last->count; row++)
                if (plan.row[row].draw >= 0) fail_msg("%s, %d steps", model.name, c.steps);
            noisy += plan.draws > 1;
            dk_plan_free(&plan);
        }
    assert_true(noisy > 20);
}

/* Karras et al. 2022, eq. 5, between the ends that the file says; final_sigmas_type: the last of them stays, and comes twice. */
static void converted_levels_end_where_the_file_says(void **state) {
    static const char text[] = "{\"_class_name\": \"UniPCMultistepScheduler\", \"use_karras_sigmas\": true, \"sigma_min\": 0.1, "
                               "\"sigma_max\": 10, \"final_sigmas_type\": \"sigma_min\"}";
    dk_config c = check_config("flow", NULL, 4);
    double levels[5], low = pow(0.1, 1.0 / 7), high = pow(10, 1.0 / 7);
    (void)state;
    assert_int_equal(dk_config_from_json(&c, text, strlen(text), NULL), DK_OK);
    assert_int_equal(dk_levels(&c, DK_UNIT_SIGMA, levels, 5), 5);
    for (int i = 0; i < 5; i++) check_near(levels[i], pow(high + (i < 3 ? i : 3) / 3.0 * (low - high), 7), 1e-13, "level");
}

/* Without the Runge-Kutta start a single step is one evaluation. */
static void one_step_of_plms_is_one_evaluation(void **state) {
    static const char text[] = "{\"_class_name\": \"PNDMScheduler\", \"skip_prk_steps\": true}";
    dk_config c = check_config("flow", NULL, 1);
    dk_plan plan;
    (void)state;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_config_from_json(&c, text, strlen(text), NULL), DK_OK);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(plan.calls, 1);
    dk_plan_free(&plan);
}

/* ------------------------------------------------------------------ whole loops, from the classes' formulas */

static double loop_draw(int draw, int element) { return sin(3.1 * draw * draw + 1 + element); }

static int loop_noise(void *user, const dk_noise_request *q, dk_real *out) {
    (void)user;
    for (size_t i = 0; i < q->dim; i++) out[i] = (dk_real)loop_draw(q->draw, (int)i);
    return 0;
}

static double loop_output(double x, double t) { return 0.8 * sin(0.9 * x) + 0.3 * cos(0.01 * t); }

static int loop_network(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)loop_output((double)e->input[i], e->t);
    return 0;
}

static dk_config loop_of(const char *text, int steps, size_t dim) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.steps = steps, c.dim = dim, c.start = DK_START_STATE, c.noise = source_from(loop_noise, NULL);
    if (dk_config_from_json(&c, text, strlen(text), NULL) != DK_OK) fail_msg("%s", dk_message(&c));
    return c;
}

static const double loop_error = sizeof(dk_real) == 8 ? 1e-5 : 1e-3; /* the class's table is rounded to float */

/* TCD's last step makes no noise: it ends at timestep 0 of whatever table: which is computed from its level there. */
static void tcd_ends_without_noise_on_every_table(void **state) {
    static const char *const betas[] = {"linear", "scaled_linear", "squaredcos_cap_v2"};
    (void)state;
    for (int T = 50; T < 600; T += 7)
        for (int k = 0; k < 6; k++) {
            char text[256];
            dk_plan plan;
            snprintf(text, sizeof text,
                     "{\"_class_name\": \"TCDScheduler\", \"num_train_timesteps\": %d, \"beta_schedule\": \"%s\", "
                     "\"prediction_type\": \"v_prediction\", \"rescale_betas_zero_snr\": %s}",
                     T, betas[k / 2], k % 2 ? "true" : "false");
            dk_config c = loop_of(text, 2, 1);
            memset(&plan, 0, sizeof plan);
            assert_int_equal(dk_record(&plan, &c), DK_OK);
            if (plan.draws != 2) fail_msg("%s: %d draws", text, plan.draws); /* the initial state's, and one between the steps */
            dk_plan_free(&plan);
        }
}

/* SDE-DPM-Solver++ of two nodes, to the timestep T/n below, the old estimate at the list's timestep before; first order at the
   start, and where the step ends below 0. */
static void cogvideox_dpm_has_a_stride(void **state) {
    double alphas[1000], product = 1;
    (void)state;
    for (int i = 0; i < 1000; i++) {
        double root = sqrt(0.00085) + (sqrt(0.012) - sqrt(0.00085)) * i / 999;
        alphas[i] = product *= 1 - root * root;
    }
    for (int steps = 2; steps <= 13; steps++)
        for (int trailing = 0; trailing < 2; trailing++) {
            dk_config c = loop_of(trailing ? "{\"_class_name\": \"CogVideoXDPMScheduler\", \"snr_shift_scale\": 1.0, "
                                             "\"prediction_type\": \"v_prediction\", \"timestep_spacing\": \"trailing\"}"
                                           : "{\"_class_name\": \"CogVideoXDPMScheduler\", \"snr_shift_scale\": 1.0, "
                                             "\"prediction_type\": \"v_prediction\"}",
                                  steps, 1);
            dk_real x[1] = {(dk_real)0.7};
            double y = (double)x[0], old = 0, lambda_before = 0;
            int stride = 1000 / steps, draw = 1;
            assert_int_equal(dk_sample(&c, loop_network, NULL, x), DK_OK);
            for (int i = 0; i < steps; i++) {
                int t = trailing ? (int)floor(1000 - i * 1000.0 / steps + 0.5) - 1 : (steps - 1 - i) * stride;
                int to = t - stride;
                double a = alphas[t], D = sqrt(a) * y - sqrt(1 - a) * loop_output(y, t), E = D, lambda = log(a / (1 - a)) / 2;
                double next = to >= 0 ? alphas[to] : 1, h = to >= 0 ? log(next / (1 - next)) / 2 - lambda : 100;
                if (i > 0 && to >= 0) E += h / (2 * (lambda - lambda_before)) * (D - old);
                y = sqrt((1 - next) / (1 - a)) * exp(-h) * y - expm1(-2 * h) * sqrt(next) * E;
                if (to >= 0) y += sqrt((1 - next) * (1 - exp(-2 * h))) * loop_draw(draw++, 0);
                old = D, lambda_before = lambda;
            }
            check_near((double)x[0], y, loop_error, "CogVideoXDPMScheduler");
        }
}

/* Ten ups behind every tenth step, nine times; each up is beta's of the timestep that it leaves, and all ten are one draw here. */
static void repaint_goes_up_and_down_as_its_class(void **state) {
    enum { T = 24 };
    const dk_real mask[2] = {0, (dk_real)0.5}, known[2] = {(dk_real)0.3, (dk_real)-0.4};
    double beta[T], alphas[T], product = 1;
    (void)state;
    for (int i = 0; i < T; i++) beta[i] = 0.0001 + (0.1 - 0.0001) * i / (T - 1), alphas[i] = product *= 1 - beta[i];
    for (int steps = T / 2; steps <= T; steps += T / 2)
        for (int eta = 0; eta < 2; eta++) {
            dk_config c = loop_of(eta ? "{\"_class_name\": \"RePaintScheduler\", \"num_train_timesteps\": 24, \"beta_end\": 0.1, "
                                        "\"eta\": 1.0}"
                                      : "{\"_class_name\": \"RePaintScheduler\", \"num_train_timesteps\": 24, \"beta_end\": 0.1}",
                                  steps, 2);
            int list[400], n = 0, ups[T] = {0}, stride = T / steps, draw = 1;
            dk_real x[2] = {(dk_real)0.7, (dk_real)-0.2};
            double y[2] = {(double)x[0], (double)x[1]};
            c.mask = mask, c.known = known;
            assert_int_equal(dk_sample(&c, loop_network, NULL, x), DK_OK);
            for (int j = 0; j < steps - 10; j += 10) ups[j] = 9;
            for (int k = steps; k >= 1;) {
                list[n++] = --k;
                if (ups[k] > 0)
                    for (int up = ups[k]-- ? 0 : 10; up < 10; up++) list[n++] = ++k;
            }
            for (int i = 0; i < n; i++) {
                double kept = 1;
                for (; i > 0 && i < n && list[i] > list[i - 1]; i++)
                    for (int w = 0; w < stride; w++) kept *= 1 - beta[list[i - 1] * stride + w];
                if (kept < 1) {
                    for (int k = 0; k < 2; k++) y[k] = sqrt(kept) * y[k] + sqrt(1 - kept) * loop_draw(draw, k);
                    draw++;
                }
                int t = list[i] * stride, to = t - stride;
                double a = alphas[t], next = to >= 0 ? alphas[to] : 1;
                double deviation = eta * sqrt((1 - next) / (1 - a) * (1 - a / next));
                for (int k = 0; k < 2; k++) {
                    double F = loop_output(y[k], t), D = (y[k] - sqrt(1 - a) * F) / sqrt(a), z = loop_draw(draw, k);
                    D = D > 1 ? 1 : D < -1 ? -1 : D;
                    double unknown = sqrt(next) * D + sqrt(1 - next - deviation * deviation) * F + (t > 0 ? deviation * z : 0);
                    double m = (double)mask[k];
                    y[k] = m * (sqrt(next) * (double)known[k] + sqrt(1 - next) * z) + (1 - m) * unknown;
                }
                draw += next < 1;
            }
            for (int k = 0; k < 2; k++) check_near((double)x[k], y[k], loop_error, "RePaintScheduler");
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_give_the_timesteps_and_sigmas_of_their_class),
        cmocka_unit_test(files_give_plans),
        cmocka_unit_test(every_class_reads_with_its_defaults),
        cmocka_unit_test(class_defaults_are_values),
        cmocka_unit_test(prediction_condition_and_sampler_are_set),
        cmocka_unit_test(clipping_is_set_and_thresholding_handed_on),
        cmocka_unit_test(dynamic_shift_follows_the_image),
        cmocka_unit_test(runs_begin_as_pipelines_do),
        cmocka_unit_test(single_steps_are_those_of_the_class),
        cmocka_unit_test(shifts_may_be_zero),
        cmocka_unit_test(trained_betas_fill_the_callers_table),
        cmocka_unit_test(refusals_name_key_and_value),
        cmocka_unit_test(misspelt_keys_are_refused),
        cmocka_unit_test(refusals_may_depend_on_what_is_given_besides),
        cmocka_unit_test(rare_settings_are_read),
        cmocka_unit_test(null_is_no_number),
        cmocka_unit_test(steps_must_be_set_before),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(every_changed_byte_is_survived),
        cmocka_unit_test(random_pieces_are_survived),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(long_words_are_survived),
        cmocka_unit_test(tcd_ends_without_noise_on_every_table),
        cmocka_unit_test(cogvideox_dpm_has_a_stride),
        cmocka_unit_test(repaint_goes_up_and_down_as_its_class),
        cmocka_unit_test(models_have_configs),
        cmocka_unit_test(karras_ve_is_heun_between_squares),
        cmocka_unit_test(new_models_tell_their_networks_what_their_programs_do),
        cmocka_unit_test(the_second_stage_of_ltx2_is_the_end_of_its_list),
        cmocka_unit_test(a_dynamic_shift_that_is_constant_needs_no_size),
        cmocka_unit_test(converted_levels_end_where_the_file_says),
        cmocka_unit_test(one_step_of_plms_is_one_evaluation),
        cmocka_unit_test(wan_has_two_networks),
        cmocka_unit_test(networks_are_told_other_timesteps_and_guided_in_an_interval),
        cmocka_unit_test(models_are_what_their_pipelines_do),
        cmocka_unit_test(no_model_adds_noise_to_its_result),
    };
    return cmocka_run_group_tests(tests, load_configs, free_configs);
}
