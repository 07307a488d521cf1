/* The numbers published in diffusers' own tests: sum and mean of the final sample's absolute values. */
#ifndef CONFORMANCE_PUBLISHED_H
#define CONFORMANCE_PUBLISHED_H

#include "conformance_diffusers.h"
#include "conformance_torch.h"

enum { SAMPLE = 4 * 3 * 8 * 8, DRAWS = 1100 };

/* Number k of the tests' sample, or of their noise, in row-major order: shape (4, 3, rest), permuted from (3, rest, 4). */
static double test_number(int k, int size, int reversed) {
    int rest = size / 12, n = k / (3 * rest), place = (k % (3 * rest)) * 4 + n;
    return (double)((float)(reversed ? size - 1 - place : place) / (float)size);
}

/* Timesteps that the loop runs over, and the index of the first in the whole list. */
static int read_timesteps(const json *line, int *start) {
    const json *used = json_get(line, "timesteps_used");
    static double all[MAX_LEVELS];
    int count = json_numbers(json_get(line, "timesteps"), all, MAX_LEVELS), n = count;
    *start = 0;
    if (!count && !used) { /* all of the training's, as plain numbers */
        n = (int)json_real(json_get(line, "config"), "num_train_timesteps", 1000);
        for (int i = 0; i < n; i++) time_at[i] = n - 1 - i;
        return n;
    }
    memcpy(time_at, all, sizeof time_at);
    if (!used) return n;
    n = json_numbers(used, time_at, MAX_LEVELS);
    *start = count ? count - n : 0;
    return n;
}

/* A loop of the tests. Their model is x t/(t + 1), of what the scheduler's input scaling makes of x; some loops go on
   with that scaled sample as if it were the state. */
typedef struct test_loop {
    replay r;
    dk_prediction prediction; /* of the scheduler */
    int told; /* the library is told that, too, and given the outputs; else x0 and the estimates */
    space space;
    int sign;           /* of a v prediction in EDM's preconditioning */
    int unscaled_input; /* the model sees the state as it is */
    int scaled_state;   /* the state becomes the model's input */
    int stages_are_slopes; /* what stages after the first give is the slope at the scaled sample, not its estimate */
    const double *abar; /* where the weight of x0 is rounded */
    int brownian;       /* torchsde's noise between levels lowest .. highest, from a seed */
    double lowest, highest;
    uint64_t seed;
} test_loop;

/* DDPM has beta as a difference of singles, UnCLIP from its own table; what that is of the exact one matters where beta
   is small. */
static double rounded_beta(const json *line, const double *abar, int t, int to) {
    const json *config = json_get(line, "config");
    double before = to < 0 ? 1 : abar[to], kept = abar[t] / before, beta = 1 - (double)(float)kept;
    int T = (int)json_real(config, "num_train_timesteps", 1000);
    if (to == t - 1 && same(json_string(line, "scheduler_class", ""), "UnCLIPScheduler"))
        beta = (double)(float)beta_of(config, json_string(config, "beta_schedule", ""), t, T);
    return beta / (1 - kept);
}

/* What the scheduler makes of the model's output, from the sample that it is given. */
static double test_estimate(const test_loop *l, double sample, double F, double alpha, double s) {
    double data = l->r.c.sigma_data, noise = s / alpha, norm = sqrt(noise * noise + data * data);
    if (l->space == SPACE_EDM)
        return data * data / (norm * norm) * sample + l->sign * noise * data / norm * F;
    switch (l->prediction) {
    case DK_PREDICT_EPS: return (sample - s * F) / alpha;
    case DK_PREDICT_V: return (alpha * sample - s * F) / (alpha * alpha + s * s);
    default: return F;
    }
}

static void test_model(const test_loop *l, const dk_eval *e, int stage) {
    const replay *r = &l->r;
    double t = r->time_at[e->call], noise = dk_noise_level(e->level), a = 1 / sqrt(1 + noise * noise);
    double seen = l->space == SPACE_VE ? a : l->space == SPACE_EDM ? 1 / hypot(noise, r->c.sigma_data) : 1;
    double x[MAX_DIM], F[MAX_DIM], D[MAX_DIM], raw[MAX_DIM];
    int n = (int)e->dim, image = n / 4;
    for (int i = 0; i < n; i++) {
        x[i] = (double)e->input[i] / (l->space == SPACE_VE ? a : 1);
        double input = l->unscaled_input ? x[i] : seen * x[i], sample = l->scaled_state ? input : x[i];
        F[i] = input * t / (t + 1);
        D[i] = test_estimate(l, l->space == SPACE_VE ? a * sample : sample, F[i], a, noise * a);
        if (r->skip_sigma > 0) consistency_function(r, noise, &x[i], &F[i], &D[i], 1);
        if (stage > 0 && l->stages_are_slopes) D[i] += x[i] - sample;
        raw[i] = l->told ? F[i] : D[i];
    }
    for (int i = 0; i < n; i += image) confine(r, D + i, image);
    if (l->told && noise > 0) predict(&r->c, l->prediction, a, noise * a, x, D, n);
    int next = e->call + 1 < r->recorded ? (int)r->time_at[e->call + 1] : -1;
    double weight = l->abar ? rounded_beta(r->line, l->abar, (int)t, next) : 1; /* DDPM's of x0 */
    for (int i = 0; i < n; i++) {
        e->output[i] = (dk_real)(l->told && noise <= 0 ? raw[i] : weight * D[i]);
        if (e->uncond_output)
            e->uncond_output[i] = (dk_real)raw[i]; /* for the noise, which stays as it was */
    }
}

static int draw_test_noise(void *user, const dk_noise_request *request, dk_real *out) {
    const test_loop *l = (const test_loop *)user;
    int draw = request->draw - 1;
    if (l->r.by_step) /* one for each step, used or not */
        for (draw = 0; draw < l->r.count - 2; draw++)
            if (fabs(in_sigma(&l->r, draw) - request->from) <= 1e-12 * request->from) break;
    if (l->brownian) {
        const dk_noise_source source = source_of(DK_NOISE_TORCHSDE);
        dk_noise_request q = *request;
        q.lowest = l->lowest, q.highest = l->highest, q.seed = l->seed;
        return dk_noise_fill(&source, &q, out) != DK_OK;
    }
    if (!l->r.normals) return 1;
    for (size_t i = 0; i < request->dim; i++) out[i] = (dk_real)l->r.normals[(size_t)draw * request->dim + i];
    return 0;
}

static void drive_test_loop(replay *r, dk_run *run) {
    const test_loop *l = (const test_loop *)r; /* its first member */
    dk_eval e;
    while (dk_next(run, &e)) {
        test_model(l, &e, e.stage);
        dk_real *state = (dk_real *)dk_state(run); /* the caller's memory or the run's own */
        double noise = dk_noise_level(e.level);
        for (size_t i = 0; i < e.dim && l->scaled_state && e.stage == 0; i++)
            state[i] = (dk_real)((double)state[i] / sqrt(1 + noise * noise));
    }
}

/* Everything but the state, for n calls at time_at, from entry `start` of the line's lists. */
static verdict begin_loop(test_loop *l, const json *line, int n, int start) {
    static double abar[MAX_TIMESTEPS];
    replay *r = &l->r;
    const json *config = json_get(line, "config"), *loop = json_get(line, "loop");
    const char *class_name = json_string(line, "scheduler_class", "");
    const scheduler *peer = scheduler_named(class_name);
    if (same(class_name, "ScoreSdeVeScheduler"))
        return unsupported("Langevin steps with norms averaged over a batch");
    memset(l, 0, sizeof *l);
    begin_replay(r, line);
    int T = table_of(config, abar);
    r->time_at = time_at, r->recorded = n, r->draw = draw_test_noise, r->drive = drive_test_loop;
    for (int i = 0; i < n && T; i++) {
        int k = (int)time_at[i] < T && time_at[i] >= 0 ? (int)time_at[i] : 0;
        alpha_at[i] = sqrt(abar[k]), sigma_at[i] = sqrt(1 - abar[k]);
    }
    r->alpha_at = alpha_at, r->sigma_at = sigma_at;
    l->prediction = r->c.prediction = prediction_of(json_string(config, "prediction_type", "epsilon"));
    if (set_scheduler(r, class_name, config, start, "") < OK) return UNSUPPORTED;
    l->space = peer->space, l->sign = l->prediction == DK_PREDICT_V ? -1 : 1;
    l->unscaled_input = l->space == SPACE_EDM && json_real(loop, "step_sample_is_model_input", 0) > 0;
    l->scaled_state = strstr(json_string(loop, "note", ""), "SCALED") != NULL;
    l->stages_are_slopes = !same(class_name, "DPMSolverSDEScheduler");
    l->abar = same(peer->sampler, "ddpm") ? abar : NULL;
    l->told = (r->c.sampler.quirks & DK_QUIRK_TOLD_END) != 0; /* it begins with clean data, where x0 says nothing */
    if (!l->told) r->c.prediction = DK_PREDICT_X0;
    return OK;
}

/* The tests' draws, all at once. */
static void set_test_noise(test_loop *l, const json *noise, int size) {
    static double *normals;
    replay *r = &l->r;
    double seed = 0;
    json_numbers(json_get(noise, "seeds"), &seed, 1);
    l->seed = (uint64_t)seed;
    if (strstr(json_string(noise, "fn", ""), "Brownian")) {
        l->brownian = 1, l->lowest = r->levels[r->count - 2], l->highest = r->levels[0];
    } else if (json_get(noise, "seeds")) {
        static dk_real z[SAMPLE];
        const dk_noise_source source = source_of(DK_NOISE_TORCH_CPU);
        dkp_stream g;
        int draws = (int)json_real(noise, "draws", 0);
        dkp_start_stream(&g, (uint32_t)l->seed);
        normals = (double *)json_memory(normals, sizeof *normals * SAMPLE * DRAWS);
        for (int i = 0; i < draws && i < DRAWS; i++) {
            fill(&source, &g, size, z);
            for (int k = 0; k < size; k++) normals[i * size + k] = (double)z[k];
        }
        r->normals = normals;
    }
}

/* Within the test's own tolerances. */
static verdict compare_sum(const json *line, const dk_real *x, int size, double *worst) {
    double sum = 0, want = json_real(line, "expected_sum", (double)NAN),
           within = json_real(line, "abs_tol_sum", 0.01);
    for (int i = 0; i < size; i++) sum += fabs((double)x[i]);
    double mean = json_real(line, "expected_mean", (double)NAN),
           near = json_real(line, "abs_tol_mean", 0.001);
    within += roundings(10 * want), near += roundings(10 * mean);
    *worst = want == want ? error_of(sum, want) : fabs(sum / size - mean);
    int known = want == want || mean == mean; /* else nothing is compared */
    return !known || !(sum < HUGE_VAL) || fabs(sum - want) > within || fabs(sum / size - mean) > near ? FAIL
                                                                                                      : OK;
}

/* sigma/alpha where the loop begins */
static double start_level(const replay *r) {
    double level = r->levels[r->left_out];
    return r->c.grid.unit == DK_UNIT_T ? dk_noise_level(dk_level_at(&r->c.schedule, DK_UNIT_T, level)) : level;
}

static verdict loop_case(const json *line, double *worst) {
    static test_loop l;
    static dk_real x[SAMPLE];
    double state[SAMPLE], D[SAMPLE];
    int start, n = read_timesteps(line, &start),
               size = strstr(json_string(line, "sample", ""), "96") ? SAMPLE / 8 : SAMPLE;
    if (begin_loop(&l, line, n, start) < OK) return UNSUPPORTED;
    double scale = json_real(line, "init_scale", 1), first = start_level(&l.r);
    double alpha = l.r.c.schedule.family == DK_FAMILY_EDM ? 1 : 1 / sqrt(1 + first * first);
    for (int i = 0; i < size; i++) {
        double v = test_number(i, size, 0) * scale;
        if (json_get(line, "add_noise")) v = alpha * v + first * alpha * test_number(i, size, 1);
        state[i] = v, D[i] = test_estimate(&l, v, 0, alpha, first * alpha); /* at t = 0 the model gives 0 */
    }
    if (l.r.clips_start) clip_start(&l.r, state, D, size);
    for (int i = 0; i < size; i++) x[i] = (dk_real)state[i];
    set_test_noise(&l, json_get(line, "noise"), size);
    verdict result = run_config(&l.r, x, size);
    return result < OK ? result : compare_sum(line, x, size, worst);
}

/* One step of three samples at once, at timesteps 0, 1, 2, without noise. */
static verdict batch_case(const json *line, double *worst) {
    static test_loop l;
    static dk_real x[3 * SAMPLE];
    const double shift[3] = {0, 0.1, -0.1};
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i <= k; i++) time_at[i] = k - i;
        for (int i = 0; i < SAMPLE; i++) x[k * SAMPLE + i] = (dk_real)(test_number(i, SAMPLE, 0) + shift[k]);
        int one_by_one = same(json_string(line, "scheduler_class", ""), "DDPMParallelScheduler");
        if (begin_loop(&l, line, one_by_one ? k + 1 : 1, 0) < OK) return UNSUPPORTED;
        l.r.c.sampler.noise_excess = -1, l.r.count = 2;
        verdict result = run_config(&l.r, x + k * SAMPLE, SAMPLE);
        if (result < OK) return result;
    }
    return compare_sum(line, x, 3 * SAMPLE, worst);
}

/* ------------------------------------------------------------------ values */

/* The variance of the noise of one step between two timesteps. */
static double variance_of_step(const json *line, const char *sampler, int from, int to) {
    static double abar[MAX_TIMESTEPS];
    double levels[2] = {from, to}, up = 0;
    dk_config c;
    dk_plan plan;
    memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
    c.schedule = dk_vp_table(abar, table_of(json_get(line, "config"), abar));
    c.sampler = dk_sampler_named(sampler);
    c.grid = dk_grid_levels(levels, DK_UNIT_T), c.steps = 1;
    if (from <= to || dk_record(&plan, &c) != DK_OK) return 0;
    for (int i = 0; i < plan.rows; i++)
        for (int k = 0; plan.row[i].draw > 0 && k < plan.terms; k++)
            if (plan.term[k].value == plan.row[i].dst) up = plan.term[k].c;
    dk_plan_free(&plan);
    return up * up * rounded_beta(line, abar, from, to);
}

/* _get_variance(t, previous t), or of t with t - 1; as a deviation, or as the logarithm of what a model may choose
   between beta~ and beta: 3/4 of the way, which is its output 0.5. */
static double variance_of(const json *line, const char *arguments) {
    int t = (int)strtod(arguments, NULL), to = t - 1;
    const char *comma = strchr(arguments, ','),
               *type = json_string(json_get(line, "config"), "variance_type", "fixed_small");
    if (comma && comma[2] >= '0' && comma[2] <= '9') to = (int)strtod(comma + 1, NULL);
    double small = variance_of_step(line, "ddpm", t, to), large = variance_of_step(line, "ddpm_large", t, to);
    if (same(type, "fixed_small_log")) return sqrt(small);
    return same(type, "learned_range") ? 0.25 * log(small) + 0.75 * log(large) : small;
}

static verdict value_case(const json *line, double *worst) {
    const json *config = json_get(line, "config");
    const char *expression = json_string(line, "value_expr", ""),
               *variance = strstr(expression, "_variance(");
    double within = json_real(line, "abs_tol_value", 0);
    if (variance) {
        *worst = fabs(variance_of(line, variance + 10) - json_real(line, "expected_value", (double)NAN));
        return *worst <= within ? OK : FAIL;
    }
    dk_config c;
    dk_plan plan;
    const json *want = json_get(line, "expected_value");
    memset(&c, 0, sizeof c), memset(&plan, 0, sizeof plan);
    c.schedule = dk_schedule_named("vp_linear"), c.condition = DK_UNIT_T, c.prediction = DK_PREDICT_EPS;
    c.start = DK_START_STATE, c.steps = (int)json_real(line, "num_inference_steps", 1);
    c.grid = dk_grid_named("leading"), c.grid.n = (int)json_real(config, "steps_offset", 0);
    dk_config_named(&c, json_string(line, "scheduler_class", ""));
    if (dk_record(&plan, &c) != DK_OK || plan.calls != want->count) return FAIL;
    for (int i = 0; i < plan.calls; i++)
        *worst = larger(*worst, fabs(plan.call[i].condition - want->item[i].number));
    dk_plan_free(&plan);
    return *worst <= within ? OK : FAIL;
}

static verdict published_case(const json *line, double *worst) {
    int loop = same(json_string(line, "kind", ""), "loop"), batch = json_real(line, "steps_called", 1) < 1;
    if (!scheduler_named(json_string(line, "scheduler_class", ""))) return unsupported("class");
    single_table = 1;
    verdict result = (!loop ? value_case : batch ? batch_case : loop_case)(line, worst);
    single_table = 0;
    return result;
}

#endif
