/* Replays reference runs of other implementations through the library: conformance FILE.jsonl ...
   One line per case, `ID ok|FAIL|unsupported largest-relative-error`, and last `N passed, N failed`, where
   unsupported counts as failed. Build with DK_REAL double. The format of the files is in tests/data/README.md. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "json.h"

enum { MAX_DIM = 64, MAX_LEVELS = 4096 };

/* ------------------------------------------------------------------ the denoisers of the files */

/* E[x0 | x] for x = alpha x0 + s eps, x0 Gaussian per element or a mixture of isotropic Gaussians. */
static void exact_denoiser(const json *d, double alpha, double s, const dk_real *x, double *D, int n) {
    static double mean[64 * MAX_DIM], std[MAX_DIM], weight[64];
    json_numbers(json_get(d, "mean"), mean, MAX_DIM);
    if (strcmp(json_string(d, "kind", "gmm"), "gaussian") == 0) {
        json_numbers(json_get(d, "std"), std, MAX_DIM);
        for (int i = 0; i < n; i++) {
            double q = std[i] * std[i];
            D[i] = mean[i] + alpha * q * ((double)x[i] - alpha * mean[i]) / (alpha * alpha * q + s * s);
        }
        return;
    }
    int modes = json_numbers(json_get(d, "weights"), weight, 64);
    double logit[64], most = -HUGE_VAL, sum = 0;
    json_numbers(json_get(d, "means"), mean, 64 * MAX_DIM);
    json_numbers(json_get(d, "stds"), std, 64);
    for (int k = 0; k < modes; k++) {
        double v = alpha * alpha * std[k] * std[k] + s * s, distance = 0;
        for (int i = 0; i < n; i++) {
            double r = (double)x[i] - alpha * mean[k * n + i];
            distance += r * r;
        }
        logit[k] = log(weight[k]) - 0.5 * distance / v - 0.5 * n * log(v);
        if (logit[k] > most) most = logit[k];
    }
    for (int k = 0; k < modes; k++) sum += logit[k] = exp(logit[k] - most);
    for (int i = 0; i < n; i++) D[i] = 0;
    for (int k = 0; k < modes; k++) {
        double v = alpha * alpha * std[k] * std[k] + s * s, gain = alpha * std[k] * std[k] / v;
        for (int i = 0; i < n; i++)
            D[i] += logit[k] / sum * (mean[k * n + i] + gain * ((double)x[i] - alpha * mean[k * n + i]));
    }
}

typedef struct replay {
    const json *denoiser, *noises, *used;
    int next, calls;
} replay;

static int denoise(void *user, const dk_eval *e) {
    replay *r = (replay *)user;
    double D[MAX_DIM];
    exact_denoiser(r->denoiser, e->level.alpha, e->level.sigma, e->input, D, (int)e->dim);
    for (size_t i = 0; i < e->dim; i++) e->output[i] = (dk_real)D[i];
    r->calls++;
    return 0;
}

/* The peer's draws in order, without those that it threw away. */
static int recorded_noise(void *user, const dk_noise_request *request, dk_real *out) {
    replay *r = (replay *)user;
    while (r->used && r->next < r->used->count && !(r->used->item[r->next].number > 0)) r->next++;
    if (!r->noises || r->next >= r->noises->count) return 1;
    const json *z = &r->noises->item[r->next++];
    for (size_t i = 0; i < request->dim; i++) out[i] = (dk_real)z->item[i].number;
    return 0;
}

/* ------------------------------------------------------------------ peers' samplers in our words */

typedef struct names {
    const char *theirs, *ours;
} names;

/* Returns 0 where the library has no such sampler. */
static int sampler_of(const json *line, dk_config *c) {
    static const names table[] = {{"euler", "euler"},
                                  {"heun", "heun"},
                                  {"dpm_2", "dpm2"},
                                  {"euler_ancestral", "euler_ancestral"},
                                  {"dpmpp_2m", "dpmpp_2m"},
                                  {"dpmpp_2m_sde", "dpmpp_2m_sde"},
                                  {"edm_sampler", "edm_churn"},
                                  {"ablation_sampler", "edm"}};
    const json *params = json_get(line, "params");
    const char *name = json_string(line, "sampler", "");
    c->sampler.record = NULL;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(name, table[i].theirs) == 0) c->sampler = dk_sampler_named(table[i].ours);
    if (!c->sampler.record) return 0;
    if (strcmp(json_string(params, "solver", ""), "euler") == 0) {
        c->sampler = dk_sampler_named("euler");
        c->sampler.gauge = DK_GAUGE_NATIVE;
    }
    c->sampler.eta = json_real(params, "eta", c->sampler.eta);
    c->sampler.s_noise = json_real(params, "s_noise", json_real(params, "S_noise", 1));
    c->sampler.churn = json_real(params, "s_churn", json_real(params, "S_churn", 0));
    c->sampler.churn_min = json_real(params, "s_tmin", json_real(params, "S_min", 0));
    c->sampler.churn_max = json_real(params, "s_tmax", json_real(params, "S_max", 0));
    if (!(c->sampler.churn_max < HUGE_VAL)) c->sampler.churn_max = 0;
    if (strcmp(json_string(params, "solver_type", ""), "heun") == 0) c->sampler.rule = DK_RULE_EXACT;
    c->sampler.alpha = json_real(params, "alpha", c->sampler.alpha);
    return 1;
}

/* Karras et al. 2022, table 1: sigma(t) and scaling s(t) of the ablation sampler are chosen apart. */
typedef struct edm_schedule {
    int vp, ve, scaled;
    double beta_min, beta_d;
} edm_schedule;

static void edm_level(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    const edm_schedule *e = (const edm_schedule *)user;
    double u = t, du = 1, B = 0.5 * e->beta_d * t * t + e->beta_min * t, dB = e->beta_d * t + e->beta_min;
    if (e->vp) u = sqrt(expm1(B)), du = 0.5 * dB * (u + 1 / u);
    if (e->ve) u = sqrt(t), du = 0.5 / u;
    double s = e->scaled ? 1 / sqrt(1 + u * u) : 1, ds = e->scaled ? -u * du * s * s * s : 0;
    *alpha = s, *sigma = s * u;
    *d_alpha = ds, *d_sigma = ds * u + s * du;
}

static int schedule_of(const json *line, dk_config *c, double *levels, edm_schedule *edm) {
    const char *kind = json_string(line, "model_kind", ""), *peer = json_string(line, "peer", "");
    const json *params = json_get(line, "params"), *sigmas = json_get(line, "sigmas");
    int n = json_numbers(sigmas, levels, MAX_LEVELS);
    if (n < 2 || n > MAX_LEVELS) return 0;
    c->steps = n - 1;
    c->schedule = dk_edm(1e-5, 1e5);
    c->grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    if (strcmp(kind, "flow") == 0) {
        c->schedule = dk_flow(1);
        c->grid.unit = DK_UNIT_FLOW;
    }
    if (strcmp(kind, "vp") == 0) return 0;
    if (strcmp(peer, "edm") == 0 && strcmp(json_string(line, "sampler", ""), "ablation_sampler") == 0) {
        const char *schedule = json_string(params, "schedule", "linear"),
                   *scaling = json_string(params, "scaling", "none");
        const json *t_steps = json_get(line, "t_steps");
        memset(edm, 0, sizeof *edm);
        edm->vp = strcmp(schedule, "vp") == 0, edm->ve = strcmp(schedule, "ve") == 0;
        edm->scaled = strcmp(scaling, "vp") == 0;
        /* their beta_d, beta_min follow from the range of sigma: Karras et al. 2022, generate.py's vp_beta_d */
        double low = json_real(params, "sigma_min", NAN), high = json_real(params, "sigma_max", NAN),
               eps = 1e-3;
        const char *grid = json_string(params, "discretization", "edm");
        if (!(low == low))
            low = strcmp(grid, "vp") == 0   ? sqrt(expm1(19.9 / 2 * eps * eps + 0.1 * eps))
                  : strcmp(grid, "ve") == 0 ? 0.02
                                            : 0.002;
        if (!(high == high))
            high = strcmp(grid, "vp") == 0      ? sqrt(expm1(19.9 / 2 + 0.1))
                   : strcmp(grid, "ve") == 0    ? 100
                   : strcmp(grid, "iddpm") == 0 ? 81
                                                : 80;
        edm->beta_d = 2 * (log1p(low * low) / eps - log1p(high * high)) / (eps - 1);
        edm->beta_min = log1p(high * high) - 0.5 * edm->beta_d;
        c->schedule = dk_custom_schedule(edm_level, edm, 1e-9, edm->vp ? 1.5 : edm->ve ? 1e5 : 1e3);
        if (!t_steps || json_numbers(t_steps, levels, MAX_LEVELS) != n) return 0;
        c->grid.unit = DK_UNIT_T;
        if (edm->vp && levels[n - 1] <= 0) levels[n - 1] = 0;
    }
    return 1;
}

/* ------------------------------------------------------------------ one line */

static int run_sampler(const json *line, double *worst) {
    static double levels[MAX_LEVELS];
    edm_schedule edm;
    dk_config c;
    dk_real x[MAX_DIM];
    double want[MAX_DIM], start[MAX_DIM];
    replay r = {json_get(line, "denoiser"), json_get(line, "noises"), json_get(line, "noise_used"), 0, 0};
    memset(&c, 0, sizeof c);
    if (json_get(line, "uncond_denoiser") || !sampler_of(line, &c) || !schedule_of(line, &c, levels, &edm))
        return -1;
    int n = json_numbers(json_get(line, "x_init"), start, MAX_DIM);
    if (n < 1 || n > MAX_DIM || json_numbers(json_get(line, "x_final"), want, MAX_DIM) != n) return -1;
    c.prediction = DK_PREDICT_X0, c.dim = (size_t)n, c.start = DK_START_STATE;
    c.noise = recorded_noise, c.noise_user = &r;
    double scale = 1;
    if (strcmp(json_string(line, "peer", ""), "edm") == 0) {
        dk_level first = c.grid.unit == DK_UNIT_T ? dk_level_at(&c.schedule, levels[0])
                                                  : dk_level_at_sigma(&c.schedule, levels[0]);
        scale = first.sigma;
    }
    for (int i = 0; i < n; i++) x[i] = (dk_real)(start[i] * scale);
    if (dk_sample(&c, denoise, &r, x)) {
        printf("%s: %s\n", json_string(line, "id", "?"), dk_message(&c));
        return 0;
    }
    for (int i = 0; i < n; i++) {
        double d = fabs((double)x[i] - want[i]) / (1 + fabs(want[i]));
        if (!(d <= *worst)) *worst = d;
    }
    double tolerance = sizeof(dk_real) == 8 ? 1e-9 : 1e-3;
    return *worst <= tolerance && r.calls == (int)json_real(line, "nfe", r.calls);
}

static int run_line(const json *line, double *worst) {
    if (json_get(line, "sampler")) return run_sampler(line, worst);
    return -1;
}

int main(int count, char **files) {
    int passed = 0, failed = 0;
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(files[i], "rb");
        char *text = NULL;
        size_t size = 0, room = 0;
        if (!file) {
            fprintf(stderr, "%s: cannot be read\n", files[i]);
            return 2;
        }
        for (int c = fgetc(file); c != EOF; c = fgetc(file)) {
            if (size + 2 > room) text = (char *)json_memory(text, room = room ? 2 * room : 1 << 16);
            if (c != '\n') {
                text[size++] = (char)c;
                continue;
            }
            text[size] = 0, size = 0;
            json line;
            double worst = 0;
            json_value(text, &line);
            int result = run_line(&line, &worst);
            printf("%s %s %.3g\n", json_string(&line, "id", "?"),
                   result < 0 ? "unsupported"
                   : result   ? "ok"
                              : "FAIL",
                   worst);
            if (result > 0) passed++;
            else failed++;
            json_free(&line);
        }
        free(text);
        fclose(file);
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
