/* Noise schedules of other implementations in this library's words. A line holds {id, peer, spacing, params, n, sigmas}: n is what the peer was asked for, sigmas
   what it answered, with its final 0 if it has one. */
#ifndef CONFORMANCE_SCHEDULES_H
#define CONFORMANCE_SCHEDULES_H

#include "conformance_model.h"
#include "examples/gits.h"

/* ------------------------------------------------------------------ the schedules that they run on */

/* Zero terminal SNR as ComfyUI has it: the last alpha^2, which is 0, is set to a small number. */
static dk_schedule flow_table(double shift, int timesteps) {
    dk_schedule s = dk_flow(shift);
    s.timesteps = timesteps, s.t_min = 1.0 / timesteps;
    return s;
}

static dk_schedule schedule_zero_snr(dk_schedule s) {
    static double table[1000];
    s.zero_terminal_snr = 1;
    for (int k = 0; k < 1000; k++) {
        double alpha = dk_level_at(&s, DK_UNIT_T, k).alpha;
        table[k] = alpha * alpha;
    }
    table[999] = 4.8973451890853435e-08;
    return dk_vp_table(table, 1000);
}

static dk_schedule schedule_of_params(const json *params) {
    const char *model = json_string(params, "model", ""), *table = json_string(params, "table", ""),
               *schedule = json_string(params, "schedule", "");
    double shift = json_real(params, "shift", 1);
    if (same(model, "discrete_flow")) return flow_table(shift, 1000);
    if (same(model, "flux")) return flow_table(exp(shift), 10000);
    if (same(schedule, "vp_linear")) return dk_vp(0.1, 20);
    if (strncmp(schedule, "discrete", 8) == 0) return discrete_schedule(schedule, 1e-3);
    if (strncmp(table, "squaredcos", 10) == 0) return dk_schedule_named("vp_cosine");
    if (strncmp(table, "linear(", 7) != 0 && strncmp(table, "scaled_linear(", 14) != 0)
        return dk_edm(json_real(params, "sigma_min", 0.002), json_real(params, "sigma_max", 80));
    dk_schedule s = *table == 'l' ? dk_schedule_named("vp_linear") : dk_vp_scaled_linear();
    return json_real(params, "zsnr", 0) > 0 ? schedule_zero_snr(s) : s;
}

/* ------------------------------------------------------------------ grids */

/* k-diffusion's VP levels, t from 1 to time_min in the VP process with beta(t) = beta_min + beta_d t. */
static void schedule_vp_grid(dk_config *c, double beta_d, double beta_min, double time_min) {
    c->grid = dk_grid_named("vp"), c->grid.a = time_min;
    c->grid.sigma_max = sqrt(expm1(0.5 * beta_d + beta_min));
    c->grid.sigma_min = sqrt(expm1((0.5 * beta_d * time_min + beta_min) * time_min));
}

/* The peers' names that are not the library's. */
static const char *schedule_grid_name(const char *spacing, const char *type) {
    static const char *const names[][3] = {
        {"align_your_steps", "SD1", "ays_sd1"},
        {"align_your_steps", "SDXL", "ays_sdxl"},
        {"align_your_steps", "SVD", "ays_svd"},
        {"optimal_steps", "FLUX", "oss_flux"},
        {"optimal_steps", "Wan", "oss_wan"},
        {"optimal_steps", "Chroma", "oss_chroma"},
        {"ays", "SD1", "ays_sd1"},
        {"ays", "SDXL", "ays_sdxl"},
        {"ays", "SVD", "ays_svd"},
        {"ays", "SD_diffusers", "ays_sd1_paper"},
        {"ays", "SDXL_diffusers", "ays_sdxl_paper"},
        {"ays", "SVD_diffusers", "ays_svd"},
        {"oss", "FLUX", "oss_flux"},
        {"oss", "Wan", "oss_wan"},
        {"oss", "Chroma", "oss_chroma"},
        {"logSNR", "", "lambda"},
        {"time_uniform", "", "uniform"},
        {"time_quadratic", "", "quadratic"},
        {"discrete_get_sigmas", "", "linspace"},
        {"edm", "", "karras"},
        {"ve", "", "exponential"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(spacing, names[i][0]) && (!*names[i][1] || same(type, names[i][1]))) return names[i][2];
    return spacing;
}

/* The range that Karras et al. 2022 give each discretisation. */
static void schedule_edm_range(const char *spacing, const json *params, dk_config *c) {
    int vp = same(spacing, "vp"), ve = same(spacing, "ve"), iddpm = same(spacing, "iddpm");
    double low = vp   ? sqrt(expm1(9.95e-6 + 1e-4))
                 : ve ? 0.02
                      : 0.002,
           high = vp      ? sqrt(expm1(10.05))
                  : ve    ? 100
                  : iddpm ? 81
                          : 80;
    c->schedule = dk_edm(json_real(params, "sigma_min", low), json_real(params, "sigma_max", high));
    if (c->grid.spacing == DK_SPACING_KARRAS) c->grid.a = json_real(params, "rho", 0);
}

/* Fills c for a line whose levels are those of a grid; returns 0 where the library has no such grid. */
static int schedule_config(const json *line, dk_config *c) {
    const json *params = json_get(line, "params"), *linear = json_get(params, "linear_steps");
    const char *peer = json_string(line, "peer", ""), *spacing = json_string(line, "spacing", "");
    const char *id = json_string(line, "id", ""), *type = strrchr(id, '/');
    type = json_string(params, "model_type", type ? type + 1 : "");
    int a1111 = same(peer, "a1111"), comfyui = same(peer, "comfyui");
    memset(c, 0, sizeof *c);
    c->schedule = schedule_of_params(params);
    c->prediction = DK_PREDICT_X0, c->dim = 1, c->steps = (int)json_real(line, "n", 0);
    if (same(spacing, "singlestep_orders")) spacing = json_string(params, "skip_type", "");
    c->grid = dk_grid_named(schedule_grid_name(spacing, type));
    if (!c->grid.spacing) return 0;
    if (a1111) c->grid = dk_grid_named(same(type, "SD1") ? "ays_sd1_paper" : "ays_sdxl_paper");
    if (same(peer, "edm")) schedule_edm_range(spacing, params, c);
    if (same(peer, "dpm-solver")) c->grid.final = DK_FINAL_MIN;
    if ((same(peer, "k-diffusion") || comfyui) &&
        (c->grid.spacing == DK_SPACING_KARRAS || c->grid.spacing == DK_SPACING_POLYEXPONENTIAL))
        c->grid.a = json_real(params, "rho", 0);
    if (same(peer, "k-diffusion") && same(spacing, "vp"))
        schedule_vp_grid(c, json_real(params, "beta_d", 0), json_real(params, "beta_min", 0),
                         json_real(params, "eps_s", 0));
    if (same(spacing, "beta")) {
        c->grid.a = json_real(params, "alpha", 0), c->grid.b = json_real(params, "beta", 0);
    } else if (same(spacing, "laplace")) { /* ends at sigma_min */
        c->grid.a = json_real(params, "mu", 0), c->grid.b = json_real(params, "beta", 0);
        c->grid.final = DK_FINAL_MIN, c->steps--;
    } else if (same(spacing, "linear_quadratic")) {
        c->grid.a = json_real(params, "threshold_noise", 0);
        if (linear && linear->kind == JSON_NUMBER) c->grid.n = (int)linear->number;
    } else if (same(spacing, "sd_turbo")) {
        c->grid.a = 10 - (int)(10 * json_real(params, "denoise", 1));
    } else if (same(spacing, "gits")) { /* three lists are missing in stable-diffusion.cpp: found by length, not by row */
        c->steps = json_get(line, "sigmas")->count - 1;
        c->grid.a = json_real(params, "coeff", 0), c->grid.final = DK_FINAL_MIN;
        if (fabs(c->grid.a - 1.2) > 1e-9) c->grid.fn = gits;
    } else if (same(peer, "data")) { /* as printed: with the last one, or with 0 for it */
        const json *sigmas = json_get(line, "sigmas");
        int zero = sigmas && sigmas->count && !(sigmas->item[sigmas->count - 1].number > 0);
        c->grid.final = zero ? DK_FINAL_REPLACE : DK_FINAL_MIN;
    }
    if (strncmp(schedule_grid_name(spacing, type), "oss", 3) == 0) c->schedule = dk_flow(1);
    return 1;
}

/* ------------------------------------------------------------------ levels that are not a grid */

/* Levels at a part of the way from pure noise; eps models' ends are a large number and 0. */
static int schedule_percents(const json *line, double *got) {
    const json *params = json_get(line, "params"), *percents = json_get(params, "percents");
    dk_schedule s = schedule_of_params(params);
    int flow = s.family == DK_FAMILY_FLOW;
    for (int i = 0; i < percents->count; i++) {
        double p = percents->item[i].number, t = flow ? 1 - p : (1 - p) * 999;
        dk_level l = dk_level_at(&s, DK_UNIT_T, p < 1 ? t : flow ? 0 : -1);
        got[i] = flow ? l.sigma : dk_noise_level(l);
        if (!flow && !(p > 0)) got[i] = 999999999.9;
    }
    return percents->count;
}

static int schedule_table(const json *line, double *got) {
    dk_schedule s = schedule_of_params(json_get(line, "params"));
    for (int k = 0; k < s.timesteps; k++) got[k] = dk_noise_level(dk_level_at(&s, DK_UNIT_T, k));
    return s.timesteps;
}

/* DPM-Solver's singlestep lists: uniform times are made for all evaluations, of which each step takes `order`;
   the log-SNR ones are made for the steps alone. */
static int schedule_singlestep(const json *line, dk_config *c, double *got) {
    const json *params = json_get(line, "params"), *orders = json_get(params, "orders");
    int by_steps = same(json_string(params, "skip_type", ""), "logSNR"), at = 0;
    if (by_steps) c->steps = orders->count;
    if (!dk_levels(c, DK_UNIT_SIGMA, got, MAX_LEVELS)) return 0;
    for (int i = 0; i < orders->count && !by_steps; i++) {
        at += (int)orders->item[i].number;
        got[i + 1] = got[at];
    }
    return orders->count + 1;
}

static verdict schedule_case(const json *line, double *worst) {
    static double got[MAX_LEVELS], want[MAX_LEVELS];
    const char *spacing = json_string(line, "spacing", "");
    static dk_config c; /* its message is printed */
    int n = json_numbers(json_get(line, "sigmas"), want, MAX_LEVELS), count;
    if (n < 1 || n > MAX_LEVELS) return FAIL;
    if (same(spacing, "percent_to_sigma")) {
        count = schedule_percents(line, got);
    } else if (same(spacing, "table")) {
        count = schedule_table(line, got);
    } else {
        if (!schedule_config(line, &c)) return unsupported("no grid of this name");
        count = same(spacing, "singlestep_orders")
                    ? schedule_singlestep(line, &c, got)
                    : dk_levels(&c, c.schedule.family == DK_FAMILY_FLOW ? DK_UNIT_FLOW : DK_UNIT_SIGMA, got,
                                MAX_LEVELS);
        if (!count) reason = dk_message(&c);
    }
    if (count != n) return FAIL;
    for (int i = 0; i < n; i++) {
        double unit = want[i] > 0 ? want[i] : 1;
        *worst = larger(*worst, fabs(got[i] - want[i]) / unit);
    }
    return *worst <= 1e-9 ? OK : FAIL; /* in double, whatever dk_real is */
}

#endif
