/* diffusers' schedulers in the library's words. The recorded levels are used verbatim; the network is asked at the
   recorded alpha and sigma, which differ from the sampler's own where a scheduler rounds its timesteps. */
#ifndef CONFORMANCE_DIFFUSERS_H
#define CONFORMANCE_DIFFUSERS_H

#include "conformance_model.h"

enum { MAX_TIMESTEPS = 4096 };

/* ------------------------------------------------------------------ tables of alphas_cumprod */

static double sigmoid(double v) { return 1 / (1 + exp(-v)); }

/* betas[k] of the named schedule; diffusers' formulas for the schedules that the library has not. */
static double beta_of(const json *config, const char *name, int k, int T) {
    double first = json_real(config, "beta_start", 1e-4), last = json_real(config, "beta_end", 0.02);
    double at = T > 1 ? (double)k / (T - 1) : 0;
    if (same(name, "scaled_linear")) return pow(sqrt(first) + at * (sqrt(last) - sqrt(first)), 2);
    if (same(name, "sigmoid")) return sigmoid(-6 + 12 * at) * (last - first) + first;
    if (same(name, "linear")) return first + at * (last - first);
    double half = acos(-1.0) / 2, u = (double)k / T, v = (double)(k + 1) / T, beta = 0;
    if (same(name, "squaredcos_cap_v2"))
        beta = 1 - pow(cos((v + 0.008) / 1.008 * half) / cos((u + 0.008) / 1.008 * half), 2);
    if (same(name, "exp")) beta = 1 - exp(-12 * (v - u));
    return beta < 0.999 ? beta : 0.999;
}

/* Tables as tensors of single precision have them: the published numbers need their rounding. */
static int single_table;

/* Returns the number of timesteps, 0 if the config has no such table. */
static int table_of(const json *config, double *abar) {
    static double betas[MAX_TIMESTEPS];
    int T = (int)json_real(config, "num_train_timesteps", 1000);
    const char *name = json_string(config, "beta_schedule", "");
    const json *trained = json_get(config, "trained_betas");
    double product = 1, shift = json_real(config, "snr_shift_scale", 1);
    if (T < 2 || T > MAX_TIMESTEPS || (!*name && !trained)) return 0;
    if (trained) T = json_numbers(trained, betas, MAX_TIMESTEPS);
    for (int k = 0; k < T; k++) {
        double alpha = 1 - (trained ? betas[k] : beta_of(config, name, k, T));
        abar[k] = product *= single_table ? (double)(float)alpha : alpha;
        if (single_table) abar[k] = (double)(float)product;
        abar[k] = abar[k] / (shift + (1 - shift) * abar[k]);
    }
    if (json_real(config, "rescale_betas_zero_snr", 0) > 0) { /* Lin et al. 2023, alg. 1 */
        double first = sqrt(abar[0]), last = sqrt(abar[T - 1]);
        for (int k = 0; k < T; k++) abar[k] = pow((sqrt(abar[k]) - last) * (first / (first - last)), 2);
    }
    return T;
}

static double noise_level_of(double abar) { return abar > 0 ? sqrt((1 - abar) / abar) : HUGE_VAL; }

/* ------------------------------------------------------------------ classes */

typedef enum space {
    SPACE_VE, /* x0 + sigma eps; the network is trained on the VP scale */
    SPACE_VP,
    SPACE_EDM
} space;

typedef enum level_source {
    FROM_SIGMAS,
    FROM_DOUBLED, /* sigmas with every inner entry twice */
    FROM_CALLS,   /* where the network was asked, and the last from the table */
} level_source;

typedef struct scheduler {
    const char *class_name, *sampler;
    space space;
    level_source source;
    verdict (*set)(replay *r, const json *config);
} scheduler;

static int flag(const json *v, const char *key) { return json_real(v, key, 0) > 0; }

/* x0 is clipped or thresholded while the noise is not recomputed. */
static void set_keeps_noise(replay *r, const json *config) {
    r->keeps_noise = r->c.sampler.cfg_pp = flag(config, "clip_sample") || flag(config, "thresholding");
}

/* The schedule's own table, with levels that are timesteps; clean data is -1, or timestep 0 if told so. */
static void use_table(replay *r, const json *config) {
    static double abar[MAX_TIMESTEPS];
    r->c.schedule = dk_vp_table(abar, table_of(config, abar));
    r->c.grid.unit = DK_UNIT_T;
}

static double clean_timestep(const json *config) {
    return json_real(config, "set_alpha_to_one", 1) > 0 ? -1 : 0;
}

/* DDIM counts T/n timesteps, whatever the next one is. */
static void set_stride(replay *r, const json *config) {
    use_table(r, config);
    r->c.sampler.quirks |= DK_QUIRK_STRIDE;
    r->c.sampler.quirk =
        floor(json_real(config, "num_train_timesteps", 1000) / json_real(r->line, "num_inference_steps", 1));
    for (int i = 0; i < r->count; i++)
        r->levels[i] = i < r->recorded ? r->time_at[i] : clean_timestep(config);
}

static verdict set_ddim(replay *r, const json *config) {
    const json *args = json_get(r->line, "step_args");
    set_stride(r, config);
    if (!flag(args, "use_clipped_model_output")) set_keeps_noise(r, config);
    r->c.sampler.eta = json_real(args, "eta", 0);
    return OK;
}

static verdict set_cogvideox(replay *r, const json *config) {
    set_stride(r, config);
    r->unclipped = 1;
    return OK;
}

/* The network is asked at the level where a step ends. A first step that goes nowhere clips, if anything. */
static verdict set_ddim_inverse(replay *r, const json *config) {
    set_stride(r, config);
    double start = r->time_at[0] - r->c.sampler.quirk, clean = clean_timestep(config);
    if (start < clean) start = clean;
    int nowhere = start >= r->time_at[0];
    if (nowhere) r->alpha_at++, r->sigma_at++, r->time_at++, r->recorded--;
    r->levels[0] = start, r->count = r->recorded + 1;
    for (int i = 1; i < r->count; i++) r->levels[i] = r->time_at[i - 1];
    r->c.sampler.quirks |= DK_QUIRK_TOLD_END;
    set_keeps_noise(r, config);
    r->clips_start = r->keeps_noise && (nowhere || start < 0);
    return OK;
}

/* One draw for each step that does not end in clean data, and one for each way up, which the peer goes one timestep
   at a time. */
static const double *repaint_normals(const replay *r, const double *abar, int stride) {
    static double *normals;
    const json *ops = json_get(r->line, "ops");
    int dim = json_get(r->line, "x_init")->count, draws = 0, used = 0;
    double variance = 0, z[MAX_DIM];
    normals = (double *)json_memory(normals, sizeof *normals * (size_t)dim * (size_t)(ops->count + 1));
    for (int i = 0; i < ops->count; i++) {
        int t = (int)ops->item[i].item[1].number, up = same(ops->item[i].item[0].string, "undo_step");
        double *out = normals + draws * dim;
        if (!up) json_numbers(&r->noises->item[used++], out, dim);
        if (!up && t > 0) draws++;
        for (int k = 0; up && k < stride; k++) {
            double kept = abar[t + k] / (t + k > 0 ? abar[t + k - 1] : 1);
            json_numbers(&r->noises->item[used++], z, dim);
            for (int j = 0; j < dim; j++)
                out[j] = sqrt(kept) * (variance > 0 ? out[j] : 0) + sqrt(1 - kept) * z[j];
            variance = kept * variance + 1 - kept;
        }
        if (!up || (i + 1 < ops->count && same(ops->item[i + 1].item[0].string, "undo_step"))) continue;
        for (int j = 0; j < dim; j++) out[j] /= sqrt(variance);
        variance = 0, draws++;
    }
    return normals;
}

static verdict set_repaint(replay *r, const json *config) {
    static dk_real mask[MAX_DIM], known[MAX_DIM];
    static double given[MAX_DIM];
    const json *args = json_get(r->line, "set_timesteps_args");
    int n = (int)json_real(r->line, "num_inference_steps", 1), dim;
    set_stride(r, config);
    int stride = (int)r->c.sampler.quirk;
    dim = json_numbers(json_get(r->line, "mask"), given, MAX_DIM);
    for (int i = 0; i < dim; i++) mask[i] = (dk_real)given[i];
    json_numbers(json_get(r->line, "original_image"), given, MAX_DIM);
    for (int i = 0; i < dim; i++) known[i] = (dk_real)given[i];
    r->c.mask = mask, r->c.known = known;
    for (int i = 0; i < n; i++) r->levels[i] = (n - 1 - i) * stride;
    r->levels[n] = -1, r->count = n + 1;
    static dk_repaint way = {{dk_repaint_level}, 0, 0, 1};
    way.jump = (int)json_real(args, "jump_length", 10), way.runs = (int)json_real(args, "jump_n_sample", 10);
    r->c.grid.way = &way.way, r->c.grid.quirks |= DK_QUIRK_REPAINT_NOISE;
    r->c.sampler.eta = json_real(config, "eta", 0);
    set_keeps_noise(r, config);
    r->normals = repaint_normals(r, r->c.schedule.alphas_cumprod, stride);
    return OK;
}

static verdict set_ddpm(replay *r, const json *config) {
    const char *variance = json_string(config, "variance_type", "fixed_small");
    if (same(variance, "fixed_large")) r->c.sampler = dk_sampler_named("ddpm_large");
    if (same(variance, "learned_range"))
        r->variance_share = (json_real(json_get(r->line, "step_args"), "predicted_variance", 0) + 1) / 2;
    return OK;
}

/* Draws for the last step, and multiplies them by zero. */
static verdict set_wuerstchen(replay *r, const json *config) {
    (void)config;
    r->silent_from = r->count - 1;
    return OK;
}

/* Churn after the evaluation, whose output is then read at the raised level, but for v. */
static verdict set_churn(replay *r, const json *config) {
    const json *args = json_get(r->line, "step_args"), *sigmas = json_get(r->line, "sigmas");
    dk_sampler *s = &r->c.sampler;
    double churn = json_real(args, "s_churn", 0);
    (void)config;
    if (!(churn > 0) || !sigmas) return OK;
    s->churn = churn * (r->count - 1) / (sigmas->count - 1);
    s->churn_range[0] = json_real(args, "s_tmin", 0), s->churn_range[1] = json_real(args, "s_tmax", 0);
    if (!(s->churn_range[1] < HUGE_VAL)) s->churn_range[1] = 0;
    s->record = dk_sampler_named("euler_late_churn").record;
    return OK;
}

/* Its churn is VE's on flow levels, where the velocity is the slope; what it draws for the second half of a step
   cancels. */
static verdict set_flow_heun(replay *r, const json *config) {
    verdict result = set_churn(r, config);
    if (r->c.sampler.churn > 0) {
        r->output = r->c.prediction, r->c.prediction = DK_PREDICT_EPS;
        r->c.schedule = dk_edm(1e-5, 1e5), r->c.grid.unit = DK_UNIT_SIGMA;
        r->c.sampler.quirk = 1, r->c.sampler.order = 0, r->every = 2;
    }
    return result;
}

static verdict set_lms(replay *r, const json *config) {
    (void)config;
    r->c.sampler.order = (int)json_real(json_get(r->line, "step_args"), "order", 4);
    r->c.sampler.plain_last = 1;
    return OK;
}

/* The peers lower the order towards the last step, which may be one to sigma = 0 or one that goes nowhere. */
static void set_lower_order(replay *r, int lower) {
    r->c.sampler.lower_order_final = lower;
    if (lower) r->c.sampler.quirks |= DK_QUIRK_COUNT_LAST;
}

/* Multistep DPM-Solver in all its forms. */
static verdict set_dpm(replay *r, const json *config) {
    const char *algorithm = json_string(config, "algorithm_type", "dpmsolver++"),
               *solver = json_string(config, "solver_type", "midpoint");
    int few = json_real(r->line, "num_inference_steps", 0) < 15;
    dk_sampler *s = &r->c.sampler;
    s->order = (int)json_real(config, "solver_order", 2);
    s->rule = same(solver, "heun") ? DK_RULE_DPM_TAYLOR : DK_RULE_DPM;
    s->eta = strncmp(algorithm, "sde", 3) == 0;
    s->noise_prediction = !strstr(algorithm, "++");
    if (s->eta > 0 && s->order > 2 && !s->noise_prediction) s->quirks |= DK_QUIRK_THIRD_MINUS;
    if (s->noise_prediction) s->law = DK_LAW_SDE_NOISE;
    set_lower_order(r, flag(config, "lower_order_final") && few);
    if (flag(config, "euler_at_final")) s->quirks |= DK_QUIRK_EULER_LAST;
    return OK;
}

static verdict set_cosine_dpm(replay *r, const json *config) {
    verdict result = set_dpm(r, config);
    r->c.sampler.eta = 1;
    return result;
}

static verdict set_deis_multistep(replay *r, const json *config) {
    dk_sampler *s = &r->c.sampler;
    s->order = (int)json_real(config, "solver_order", 2);
    set_lower_order(r,
                    flag(config, "lower_order_final") && json_real(r->line, "num_inference_steps", 0) < 15);
    return OK;
}

static verdict set_singlestep(replay *r, const json *config) {
    dk_sampler *s = &r->c.sampler;
    r->on_levels = 1;
    verdict result = set_dpm(r, config);
    s->quirks = 0;
    if (same(json_string(config, "solver_type", "midpoint"), "heun")) s->rule = DK_RULE_EXACT;
    if (!s->noise_prediction) s->law = DK_LAW_SDE;
    s->lower_order_final = flag(config, "lower_order_final") ||
                           flag(json_get(r->line, "config_changed_by_set_timesteps"), "lower_order_final");
    return result;
}

/* SDE-DPM-Solver++ 2M, which draws once more than it uses wherever it has a past; a step to below timestep 0 has none. */
static verdict set_cog_dpm(replay *r, const json *config) {
    r->draws_twice = 1;
    verdict result = set_cogvideox(r, config);
    if (r->time_at[r->recorded - 1] < r->c.sampler.quirk) r->c.sampler.quirks |= DK_QUIRK_EULER_LAST;
    return result;
}

static verdict set_unipc_multistep(replay *r, const json *config) {
    dk_sampler *s = &r->c.sampler;
    const json *disabled = json_get(config, "disable_corrector");
    s->order = (int)json_real(config, "solver_order", 2), s->corrector = s->order + 1;
    s->rule = same(json_string(config, "solver_type", "bh2"), "bh1") ? DK_RULE_BH1 : DK_RULE_BH2;
    s->noise_prediction = json_real(config, "predict_x0", 1) < 1;
    set_lower_order(r, flag(config, "lower_order_final"));
    if (disabled && disabled->count) s->quirks |= DK_QUIRK_UNCORRECTED;
    for (int i = 0; disabled && i < disabled->count; i++)
        if ((int)disabled->item[i].number != (int)s->quirk++)
            return unsupported("option: the corrector off in steps that are not the first");
    return OK;
}

static verdict set_sa_multistep(replay *r, const json *config) {
    dk_sampler *s = &r->c.sampler;
    s->order = (int)json_real(config, "predictor_order", 2);
    s->corrector = (int)json_real(config, "corrector_order", 2);
    s->noise_prediction = same(json_string(config, "algorithm_type", ""), "noise_prediction");
    set_lower_order(r, flag(config, "lower_order_final"));
    s->eta = 1, s->rule = DK_RULE_SA;
    if (s->noise_prediction) s->law = DK_LAW_SDE_NOISE, s->rule = DK_RULE_EXACT;
    /* tau is 1 in steps that begin at timesteps 200 to 800; the library's limits are on where a step ends */
    int first = -1, last = -1;
    for (int i = 0; i + 1 < r->count; i++) {
        if (r->time_at[i] < 200 || r->time_at[i] > 800) continue;
        if (first < 0) first = i + 1;
        last = i + 1;
    }
    if (first < 0) s->eta = 0;
    else s->noise_range[1] = in_sigma(r, first) * (1 + 1e-9), s->noise_range[0] = in_sigma(r, last) * (1 - 1e-9);
    r->by_step = 1;
    return OK;
}

static verdict set_flow_euler(replay *r, const json *config) {
    if (flag(config, "stochastic_sampling")) {
        r->c.sampler = dk_sampler_named("lcm");
        return OK;
    }
    return set_churn(r, config);
}

/* LCM's boundary conditions belong to the network: D becomes c_out D + c_skip x. */
static verdict set_lcm_class(replay *r, const json *config) {
    r->skip_data = 0.5, r->skip_time = json_real(config, "timestep_scaling", 10);
    return OK;
}

/* The levels are timesteps; the last is timestep 0, whatever set_alpha_to_one says. */
static verdict set_tcd(replay *r, const json *config) {
    static double abar[MAX_TIMESTEPS];
    r->c.schedule = dk_vp_table(abar, table_of(config, abar)), r->c.grid.unit = DK_UNIT_T;
    for (r->count = 0; r->count < r->recorded; r->count++) r->levels[r->count] = time_at[r->count];
    if (r->levels[r->count - 1] > 0) r->levels[r->count++] = 0; /* else the last step goes nowhere */
    r->c.sampler.eta = json_real(json_get(r->line, "step_args"), "eta", 0.3);
    return OK;
}

static verdict set_consistency_model(replay *r, const json *config) {
    double least = json_real(config, "sigma_min", 0.002), most = json_real(config, "sigma_max", 80);
    r->c.schedule = dk_edm(least, most);
    r->c.sampler.noise_excess = json_real(config, "s_noise", 1) - 1;
    if (r->levels[r->count - 1] < least * (1 + 1e-6)) r->levels[r->count - 1] = least; /* rounded to float */
    r->skip_sigma = least, r->skip_clip = json_real(config, "clip_denoised", 1) > 0 ? 1 : 0;
    return OK;
}

/* TrigFlow, with noise of the data's deviation. Its first time is rounded up to beyond pi/2. */
static verdict set_scm(replay *r, const json *config) {
    const double end = 1.5707963267948966;
    r->c.schedule = dk_schedule_named("cosine_flow"), r->c.grid.unit = DK_UNIT_T;
    r->count = json_numbers(json_get(r->line, "timesteps"), r->levels, MAX_LEVELS);
    if (r->levels[0] > end) r->levels[0] = end;
    r->c.sampler.noise_excess = json_real(config, "sigma_data", 0.5) - 1;
    return OK;
}

/* The last step keeps its noise, so it is not one to sigma = 0. */
static verdict set_score_sde_ve(replay *r, const json *config) {
    dk_sampler *s = &r->c.sampler;
    r->c.schedule = dk_ve(json_real(config, "sigma_min", 0.01), json_real(config, "sigma_max", 1348));
    r->c.grid.unit = DK_UNIT_T;
    r->count = json_numbers(json_get(r->line, "timesteps"), r->levels, MAX_LEVELS);
    r->levels[r->count] = 0.5 * r->levels[r->count - 1], r->count++;
    s->quirks |= DK_QUIRK_BINS, s->sde.snr = json_real(config, "snr", 0.15);
    s->sde.langevin_steps = (int)json_real(config, "correct_steps", 1);
    return OK;
}

static verdict set_ltx(replay *r, const json *config) {
    r->c.sampler.eta = json_real(config, "eta", 1);
    r->c.sampler.noise_excess = json_real(config, "s_noise", 1) - 1;
    return OK;
}

/* The table's own timesteps, of which some are asked twice or between two. */
static verdict set_pndm(replay *r, const json *config) {
    int rk = !flag(config, "skip_prk_steps"), count = 0;
    r->c.sampler.warmup = rk ? 3 : 0, r->c.sampler.plain_last = 1, r->c.sampler.quirks |= DK_QUIRK_STRIDE;
    if (r->c.prediction == DK_PREDICT_V) r->c.sampler.gauge = DK_GAUGE_VP; /* outputs are averaged as they are */
    use_table(r, config);
    for (int i = 0; i < r->recorded; i++)
        if (!(rk && i < 12 ? i % 4 : !rk && i == 1)) r->levels[count++] = r->time_at[i];
    r->levels[count] = json_real(config, "set_alpha_to_one", 0) > 0 ? -1 : 0;
    r->count = count + 1;
    return OK;
}

/* v-diffusion's iPNDM: the output is converted as v, whatever it is; at alpha = 0 its estimate is 0. */
static verdict set_ipndm(replay *r, const json *config) {
    (void)config;
    r->output = r->c.prediction, r->c.prediction = DK_PREDICT_V, r->pure_is_zero = 1;
    r->c.sampler.gauge = DK_GAUGE_VE, r->c.sampler.plain_last = 1;
    return OK;
}

static const scheduler schedulers[] = {
    {"DDIMScheduler", "ddim", SPACE_VP, FROM_CALLS, set_ddim},
    {"CogVideoXDDIMScheduler", "ddim", SPACE_VP, FROM_CALLS, set_cogvideox},
    {"DDIMInverseScheduler", "ddim", SPACE_VP, FROM_CALLS, set_ddim_inverse},
    {"DDPMScheduler", "ddpm", SPACE_VP, FROM_CALLS, set_ddpm},
    {"UnCLIPScheduler", "ddpm", SPACE_VP, FROM_CALLS, set_ddpm},
    {"DDPMWuerstchenScheduler", "ddpm", SPACE_VP, FROM_CALLS, set_wuerstchen},
    {"RePaintScheduler", "ddim", SPACE_VP, FROM_CALLS, set_repaint},
    {"PNDMScheduler", "pndm_timesteps", SPACE_VP, FROM_CALLS, set_pndm},
    {"IPNDMScheduler", "ipndm", SPACE_VP, FROM_CALLS, set_ipndm},
    {"CogVideoXDPMScheduler", "dpmpp_2m_sde", SPACE_VP, FROM_CALLS, set_cog_dpm},
    {"EulerDiscreteScheduler", "euler", SPACE_VE, FROM_SIGMAS, set_churn},
    {"EulerAncestralDiscreteScheduler", "euler_ancestral", SPACE_VE, FROM_SIGMAS, NULL},
    {"HeunDiscreteScheduler", "HeunDiscreteScheduler", SPACE_VE, FROM_DOUBLED, NULL},
    {"KDPM2DiscreteScheduler", "dpm2", SPACE_VE, FROM_DOUBLED, NULL},
    {"KDPM2AncestralDiscreteScheduler", "dpm2_ancestral", SPACE_VE, FROM_DOUBLED, NULL},
    {"LMSDiscreteScheduler", "lms", SPACE_VE, FROM_SIGMAS, set_lms},
    {"DPMSolverSDEScheduler", "dpmpp_sde", SPACE_VE, FROM_DOUBLED, NULL},
    {"DPMSolverMultistepScheduler", "dpmpp_2m", SPACE_VP, FROM_SIGMAS, set_dpm},
    {"DPMSolverMultistepInverseScheduler", "dpmpp_2m", SPACE_VP, FROM_SIGMAS, set_dpm},
    {"DPMSolverSinglestepScheduler", "dpmpp_2s_levels", SPACE_VP, FROM_SIGMAS, set_singlestep},
    {"DEISMultistepScheduler", "deis", SPACE_VP, FROM_SIGMAS, set_deis_multistep},
    {"UniPCMultistepScheduler", "unipc", SPACE_VP, FROM_SIGMAS, set_unipc_multistep},
    {"SASolverScheduler", "sa_solver", SPACE_VP, FROM_SIGMAS, set_sa_multistep},
    {"EDMEulerScheduler", "euler", SPACE_EDM, FROM_SIGMAS, set_churn},
    {"EDMDPMSolverMultistepScheduler", "dpmpp_2m", SPACE_EDM, FROM_SIGMAS, set_dpm},
    {"CosineDPMSolverMultistepScheduler", "dpmpp_2m_sde", SPACE_EDM, FROM_SIGMAS, set_cosine_dpm},
    {"FlowMatchEulerDiscreteScheduler", "euler", SPACE_VP, FROM_SIGMAS, set_flow_euler},
    {"FlowMatchHeunDiscreteScheduler", "FlowMatchHeunDiscreteScheduler", SPACE_VP, FROM_DOUBLED, set_flow_heun},
    {"FlowMatchLCMScheduler", "lcm", SPACE_VP, FROM_SIGMAS, NULL},
    {"FlowMapEulerDiscreteScheduler", "euler", SPACE_VP, FROM_SIGMAS, NULL},
    {"MiniMaxH3Scheduler", "euler", SPACE_VP, FROM_SIGMAS, NULL},
    {"LTXEulerAncestralRFScheduler", "euler_ancestral_rf", SPACE_VP, FROM_SIGMAS, set_ltx},
    {"LCMScheduler", "lcm", SPACE_VP, FROM_CALLS, set_lcm_class},
    {"TCDScheduler", "tcd", SPACE_VP, FROM_CALLS, set_tcd},
    {"CMStochasticIterativeScheduler", "consistency_model_multistep", SPACE_EDM, FROM_SIGMAS,
     set_consistency_model},
    {"SCMScheduler", "lcm", SPACE_EDM, FROM_CALLS, set_scm},
    {"ScoreSdeVeScheduler", "predictor_corrector", SPACE_EDM, FROM_CALLS, set_score_sde_ve},
};

/* ------------------------------------------------------------------ one line */

static const struct {
    const char *name;
    dk_prediction prediction;
} predictions[] = {
    {"epsilon", DK_PREDICT_EPS},
    {"v_prediction", DK_PREDICT_V},
    {"sample", DK_PREDICT_X0},
    {"flow_prediction", DK_PREDICT_VELOCITY},
    {"data-ward velocity", DK_PREDICT_VELOCITY}, /* with the opposite sign, which the schedule undoes */
    {"edm_precond_F (epsilon)", DK_PREDICT_EDM},
    {"edm_precond_F (v_prediction)", DK_PREDICT_EDM},
    {"edm_precond_F (consistency)", DK_PREDICT_X0},
    {"trigflow", DK_PREDICT_X0},
    {"score", DK_PREDICT_SCORE},
};

/* The level after the last call, where the levels are those of the calls. */
static double last_level(const json *line, const json *config) {
    static double abar[MAX_TIMESTEPS];
    const char *class_name = json_string(line, "scheduler_class", "");
    double end = json_real(config, "set_alpha_to_one", 1);
    if (same(class_name, "DDPMWuerstchenScheduler")) { /* alpha_cumprod at t = 0 of its own cosine */
        return noise_level_of(0.9999);
    }
    if (same(class_name, "LCMScheduler")) return 0; /* the last step returns the estimate */
    if (end > 0 || table_of(config, abar) < 2) return 0;
    return noise_level_of(abar[0]);
}

static void read_levels(replay *r, const json *config, level_source source, int start, int inverted) {
    static double sigmas[2 * MAX_LEVELS];
    int n = source == FROM_CALLS ? r->recorded
                                 : json_numbers(json_get(r->line, "sigmas"), sigmas, 2 * MAX_LEVELS);
    r->count = 0;
    if (source == FROM_CALLS) {
        for (int i = 0; i < n; i++)
            r->levels[r->count++] = r->alpha_at[i] > 0 ? r->sigma_at[i] / r->alpha_at[i] : HUGE_VAL;
        r->levels[r->count++] = last_level(r->line, config);
    } else {
        for (int i = start; i < n; i += source == FROM_DOUBLED && i > start ? 2 : 1)
            r->levels[r->count++] = inverted ? 1 - sigmas[i] : sigmas[i];
    }
    int most = r->recorded + 1 + r->left_out;
    if (source == FROM_SIGMAS && r->count > most) r->count = most; /* log_linear has one more */
    while (r->count > 2 && r->levels[r->count - 2] <= 0) r->count--; /* KDPM2 has 0 three times */
}

static const scheduler *scheduler_named(const char *class_name) {
    const char *parallel = strstr(class_name, "ParallelScheduler"); /* the same steps, many at once */
    size_t n = parallel ? (size_t)(parallel - class_name) : strlen(class_name);
    for (size_t i = 0; i < sizeof schedulers / sizeof *schedulers; i++)
        if (strncmp(schedulers[i].class_name, class_name, n) == 0 &&
            same(schedulers[i].class_name + n, parallel ? "Scheduler" : ""))
            return &schedulers[i];
    return NULL;
}

/* Sampler, space and options of a class; the calls' levels are known. */
static verdict set_scheduler(replay *r, const char *class_name, const json *config, int start,
                             const char *rule) {
    const scheduler *s = scheduler_named(class_name);
    if (!s) return unsupported("class");
    r->c.sigma_data = json_real(config, "sigma_data", 0.5);
    r->c.sampler = dk_sampler_named(s->sampler);
    r->c.sampler.noise_excess = json_real(json_get(r->line, "step_args"), "s_noise", 1) - 1;
    if (s->space == SPACE_VE) r->c.network_schedule = dk_vp(0.1, 20);
    if (s->space == SPACE_VP) r->c.schedule = dk_vp(0.1, 20);
    if (strncmp(rule, "flow", 4) == 0 || same(rule, "h3"))
        r->c.schedule = dk_flow(1), r->c.grid.unit = DK_UNIT_FLOW;
    if (s->set == set_singlestep || s->set == set_unipc_multistep)
        r->left_out = start, start = 0; /* these count over the whole list */
    read_levels(r, config, s->source, start, same(rule, "flow_inverted"));
    if (s->set && s->set(r, config) < OK) return UNSUPPORTED;
    if (s->set == set_tcd) return OK; /* it does not clip */
    if (flag(config, "thresholding")) {
        int own = r->keeps_noise || r->skip_data > 0; /* before what is done to D there */
        double *quantile = own ? &r->quantile : &r->c.guidance.quantile,
               *most = own ? &r->clip_most : &r->c.guidance.quantile_most;
        *quantile = json_real(config, "dynamic_thresholding_ratio", 0.995);
        *most = json_real(config, "sample_max_value", 1);
    } else if (flag(config, "clip_sample") && !r->unclipped) {
        r->clip = json_real(config, "clip_sample_range", 1);
    }
    return OK;
}

static dk_prediction prediction_of(const char *name) {
    for (size_t i = 0; i < sizeof predictions / sizeof *predictions; i++)
        if (same(name, predictions[i].name)) return predictions[i].prediction;
    return DK_PREDICT_COUNT;
}

static verdict diffusers_case(const json *line, double *worst) {
    static replay r;
    const json *config = json_get(line, "config"), *d = json_get(line, "denoiser");
    begin_replay(&r, line);
    r.c.prediction = prediction_of(json_string(d, "prediction", ""));
    r.recorded = json_numbers(json_get(d, "alpha"), alpha_at, MAX_LEVELS);
    json_numbers(json_get(d, "sigma"), sigma_at, MAX_LEVELS);
    json_numbers(json_get(d, "t"), time_at, MAX_LEVELS);
    r.alpha_at = alpha_at, r.sigma_at = sigma_at, r.time_at = time_at;
    if (set_scheduler(&r, json_string(line, "scheduler_class", ""), config,
                      (int)json_real(json_get(line, "start"), "start_index", 0),
                      json_string(d, "alpha_sigma_rule", "")) < OK)
        return UNSUPPORTED;
    double within = json_real(json_get(line, "sensitivity"), "suggested_abs_tol_float64", 1e-9);
    return run_replay(&r, tolerance(within > 1e-9 ? within : 1e-9), worst);
}

#endif
