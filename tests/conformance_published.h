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

static verdict published_case(const json *line, double *worst) {
    static replay r;
    static double abar[MAX_TIMESTEPS], *normals;
    static dk_real x[SAMPLE];
    const json *config = json_get(line, "config"), *noise = json_get(line, "noise"),
               *loop = json_get(line, "loop");
    const char *class_name = json_string(line, "scheduler_class", "");
    if (!same(json_string(line, "kind", ""), "loop")) return unsupported("a value, not a loop");
    if (strstr(json_string(loop, "note", ""), "SCALED"))
        return unsupported("the test gives step() the scaled sample");
    if (same(class_name, "ScoreSdeVeScheduler"))
        return unsupported("Langevin steps with norms averaged over a batch");
    if (strstr(json_string(line, "sample", ""), "96")) return unsupported("one-dimensional sample");
    begin_replay(&r, line);
    int start, n = read_timesteps(line, &start), T = table_of(config, abar);
    if (n < 1) return unsupported("no loop");
    r.dummy = 1, r.time_at = time_at, r.recorded = n;
    for (int i = 0; i < n && T; i++) {
        int k = (int)time_at[i] < T && time_at[i] >= 0 ? (int)time_at[i] : 0;
        alpha_at[i] = sqrt(abar[k]), sigma_at[i] = sqrt(1 - abar[k]);
    }
    r.alpha_at = alpha_at, r.sigma_at = sigma_at;
    if (set_scheduler(&r, class_name, config, start, "") < OK) return UNSUPPORTED;
    r.c.prediction = prediction_of(json_string(config, "prediction_type", "epsilon"));
    if (r.c.prediction == DK_PREDICT_EPS && strncmp(class_name, "EDM", 3) == 0)
        r.c.prediction = DK_PREDICT_EDM;
    if (r.skip_sigma > 0) r.c.prediction = DK_PREDICT_X0;
    if (r.quantile > 0 || (r.clip > 0 && r.c.prediction != DK_PREDICT_EPS))
        return unsupported("clipping of this model");
    if (r.clip > 0) r.c.prediction = DK_PREDICT_X0;
    double scale = json_real(line, "init_scale", 1), first = r.levels[0], alpha = 1 / sqrt(1 + first * first);
    if (r.c.schedule.family == DK_FAMILY_EDM) alpha = 1;
    for (int i = 0; i < SAMPLE; i++) {
        double v = test_number(i, SAMPLE, 0) * scale;
        if (json_get(line, "add_noise")) v = alpha * v + first * alpha * test_number(i, SAMPLE, 1);
        x[i] = (dk_real)v;
    }
    if (json_get(noise, "seeds")) {
        torch_generator g;
        int draws = (int)json_real(noise, "draws", 0);
        double seed = 0;
        json_numbers(json_get(noise, "seeds"), &seed, 1);
        torch_seed(&g, (uint32_t)seed);
        normals = (double *)json_memory(normals, sizeof *normals * SAMPLE * DRAWS);
        for (int i = 0; i < draws && i < DRAWS; i++) torch_randn(&g, normals + i * SAMPLE, SAMPLE, 1);
        r.normals = normals;
    }
    verdict result = run_config(&r, x, SAMPLE);
    if (result < OK) return result;
    double sum = 0, want = json_real(line, "expected_sum", (double)NAN),
           within = json_real(line, "abs_tol_sum", 0.01);
    for (int i = 0; i < SAMPLE; i++) sum += fabs((double)x[i]);
    double mean = json_real(line, "expected_mean", (double)NAN),
           near = json_real(line, "abs_tol_mean", 0.001);
    *worst = want == want ? fabs(sum - want) / (1 + fabs(want)) : fabs(sum / SAMPLE - mean);
    return fabs(sum - want) > within || fabs(sum / SAMPLE - mean) > near || !(sum < HUGE_VAL) ? FAIL : OK;
}

#endif
