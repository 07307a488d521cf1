/* Sampler lines: k-diffusion, ComfyUI, EDM, DPM-Solver, UniPC and score_sde in the library's words. */
#ifndef CONFORMANCE_SAMPLERS_H
#define CONFORMANCE_SAMPLERS_H

#include "conformance_model.h"

/* The library's own aliases are used where it has them, so that they are tested, too. */
static dk_sampler sampler_of(const char *peer, const char *theirs, int flow) {
    static const struct {
        const char *theirs, *ours;
        int flow_only;
    } names[] = {
        {"euler_ancestral", "euler_ancestral_rf", 1},
        {"dpm_2_ancestral", "dpm2_ancestral_rf", 1},
        {"dpmpp_2s_ancestral", "dpmpp_2s_ancestral_rf", 1},
        {"edm_sampler", "heun", 0},
        {"ablation_sampler", "edm", 0},
        {"ode_rk45", "rk45", 0},
    };
    char name[64];
    snprintf(name, sizeof name, "%s%s",
             same(peer, "comfyui")       ? "comfyui:"
             : same(peer, "k-diffusion") ? "k-diffusion:sample_"
                                         : "",
             theirs);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(theirs, names[i].theirs) && names[i].flow_only <= flow)
            return dk_sampler_named(names[i].ours);
    return dk_sampler_named(name);
}

/* Numbers that are the same option under several names. */
static void set_numbers(dk_sampler *s, const json *params) {
    double s_noise = 1 + s->noise_excess;
    const struct {
        const char *name;
        double *real;
        int *whole;
    } options[] = {
        {"eta", &s->eta, NULL},
        {"s_noise", &s_noise, NULL},
        {"S_noise", &s_noise, NULL},
        {"s_churn", &s->churn, NULL},
        {"S_churn", &s->churn, NULL},
        {"s_tmin", &s->churn_range[0], NULL},
        {"S_min", &s->churn_range[0], NULL},
        {"s_tmax", &s->churn_range[1], NULL},
        {"S_max", &s->churn_range[1], NULL},
        {"alpha", &s->alpha[0], NULL},
        {"r", &s->alpha[0], NULL},
        {"r_1", &s->alpha[0], NULL},
        {"r_2", &s->alpha[1], NULL},
        {"ge_gamma", &s->gamma, NULL},
        {"order", NULL, &s->order},
        {"max_order", NULL, &s->order},
        {"max_stage", NULL, &s->order},
        {"predictor_order", NULL, &s->order},
        {"corrector_order", NULL, &s->corrector},
        {"rtol", &s->control.rtol, NULL},
        {"atol", &s->control.atol, NULL},
        {"h_init", &s->control.h_init, NULL},
        {"adaptive_h_init", &s->control.h_init, NULL},
        {"accept_safety", &s->control.safety, NULL},
        {"theta", &s->control.safety, NULL},
        {"pcoeff", &s->control.pcoeff, NULL},
        {"icoeff", &s->control.icoeff, NULL},
        {"dcoeff", &s->control.dcoeff, NULL},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        double v = json_real(params, options[i].name, (double)NAN);
        if (options[i].real && v == v) *options[i].real = v;
        if (options[i].whole && v == v) *options[i].whole = (int)v;
    }
    if (!(s->churn_range[1] < HUGE_VAL)) s->churn_range[1] = 0;
    s->noise_excess = s_noise * json_real(json_get(params, "model_sampling"), "noise_scale", 1) - 1;
}

/* Rules by the peers' solver types and variants. */
static void set_rule(dk_sampler *s, const json *params) {
    static const struct {
        const char *option, *value;
        dk_rule rule;
    } rules[] = {
        {"solver_type", "heun", DK_RULE_EXACT},   {"solver_type", "midpoint", DK_RULE_DPM},
        {"solver_type", "phi_2", DK_RULE_EXACT},  {"solver_type", "phi_1", DK_RULE_DPM},
        {"variant", "bh1", DK_RULE_BH1},          {"variant", "bh2", DK_RULE_BH2},
        {"variant", "vary_coeff", DK_RULE_EXACT},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (same(json_string(params, rules[i].option, ""), rules[i].value)) s->rule = rules[i].rule;
}

/* ------------------------------------------------------------------ DPM-Solver and UniPC */

static verdict set_dpm_solver(replay *r, const json *params) {
    dk_sampler *s = &r->c.sampler;
    const char *method = json_string(params, "method", ""), *schedule = json_string(params, "schedule", "");
    const char *skip = json_string(params, "skip_type", "");
    int order = (int)json_real(params, "order", 2), steps = (int)json_real(params, "steps", 0);
    int taylor = same(json_string(params, "solver_type", ""), "taylor"),
        multistep = same(method, "multistep");
    if (strncmp(schedule, "discrete", 8) == 0) r->c.schedule = discrete_schedule(schedule, 0);
    *s = dk_sampler_named(multistep                  ? order == 3 ? "dpmpp_3m" : "dpmpp_2m"
                          : same(method, "adaptive") ? "dpm_solver_adaptive"
                                                     : "dpmpp_2s");
    set_numbers(s, params);
    s->noise_prediction = same(json_string(params, "algorithm_type", ""), "dpmsolver");
    s->rule = !taylor ? DK_RULE_DPM : multistep ? DK_RULE_DPM_TAYLOR : DK_RULE_EXACT;
    if (multistep) s->lower_order_final = json_real(params, "lower_order_final", 1) > 0 && steps < 10;
    if (same(method, "singlestep"))
        s->record = dk_sampler_named("dpm_solver_fast").record, s->quirk = steps + json_real(params, "denoise_to_zero", 0);
    if (strncmp(method, "singlestep", 10) == 0 && same(skip, "time_uniform")) s->quirks |= DK_QUIRK_TIME_UNIFORM;
    if (strncmp(method, "singlestep", 10) == 0 && same(skip, "time_quadratic")) s->quirks |= DK_QUIRK_TIME_QUADRATIC;
    return OK;
}

static verdict set_unipc(replay *r, const json *params) {
    dk_sampler *s = &r->c.sampler;
    s->order = (int)json_real(params, "order", json_real(r->line, "order_used", 3));
    s->corrector = s->order + 1; /* nodes, the new one included */
    s->noise_prediction = same(json_string(params, "algorithm_type", ""), "noise_prediction");
    s->lower_order_final = json_real(params, "lower_order_final", 1) > 0;
    return OK;
}

/* ------------------------------------------------------------------ EDM's ablation sampler */

/* Karras et al. 2022, table 1: sigma(t) and the scaling s(t) are chosen apart. */
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

static double peer_sigma(double beta_d, double beta_min, double t) {
    return sqrt(pow(exp(1.0), 0.5 * beta_d * (t * t) + beta_min * t) - 1);
}

/* Without churn the peer still goes from t to sigma, back, and to sigma again, and adds noise where that ends above
   its start: by rounding. So its own formulas are followed to the bit, with the last digit of beta_d such that the
   recorded levels come out. The library's churn adds that noise, small enough not to move a level. */
static void set_rounding(replay *r, const edm_schedule *edm, int evals_per_step) {
    static double strength[MAX_LEVELS];
    const json *evals = json_get(r->line, "evals");
    double beta_d = edm->beta_d, m = edm->beta_min;
    int most = -1;
    for (int k = 0; k < 3; k++) beta_d = nextafter(beta_d, -HUGE_VAL);
    for (int k = -3; k <= 3; k++, beta_d = nextafter(beta_d, HUGE_VAL)) {
        double found[MAX_LEVELS];
        int right = 0;
        for (int i = 0; i + 1 < r->count; i++) {
            double now = peer_sigma(beta_d, m, r->levels[i]);
            double t = (sqrt(m * m + 2 * beta_d * log(now * now + 1)) - m) / beta_d;
            double hat = peer_sigma(beta_d, m, t);
            right += fabs(hat - json_real(&evals->item[i * evals_per_step], "sigma", 0)) <= 0;
            found[i] = hat > now ? sqrt(hat * hat - now * now) : 0;
        }
        if (right > most) most = right, memcpy(strength, found, sizeof found);
    }
    r->c.sampler.churn = ldexp(r->count - 1, -38), r->c.sampler.churn_range[0] = r->c.sampler.churn_range[1] = 0;
    r->strength = strength, r->every = 1;
}

static verdict set_ablation(replay *r, const json *params) {
    static edm_schedule edm;
    static const struct {
        const char *grid;
        double low, high;
    } ranges[] = {{"ve", 0.02, 100}, {"iddpm", 0.002, 81}, {"edm", 0.002, 80}};
    const char *schedule = json_string(params, "schedule", "linear"),
               *grid = json_string(params, "discretization", "edm");
    double first = 1e-3, low = peer_sigma(19.9, 0.1, first), high = peer_sigma(19.9, 0.1, 1);
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (same(grid, ranges[i].grid)) low = ranges[i].low, high = ranges[i].high;
    low = json_real(params, "sigma_min", low), high = json_real(params, "sigma_max", high);
    edm.vp = same(schedule, "vp"), edm.ve = same(schedule, "ve");
    edm.scaled = same(json_string(params, "scaling", "none"), "vp");
    edm.beta_d = 2 * (log(low * low + 1) / first - log(high * high + 1)) / (first - 1);
    edm.beta_min = log(high * high + 1) - 0.5 * edm.beta_d;
    int euler = same(json_string(params, "solver", "heun"), "euler");
    if (euler) {
        r->c.sampler.record = dk_sampler_named("euler").record;
        r->c.sampler.tableau = dk_sampler_named("euler").tableau, r->c.sampler.alpha[0] = 0;
    }
    r->c.sampler.gauge = DK_GAUGE_NATIVE, r->c.sampler.plain_last = 1;
    r->c.sampler.quirks |= DK_QUIRK_EULER_TO_DATA;
    r->c.grid.unit = DK_UNIT_T;
    r->count = json_numbers(json_get(r->line, "t_steps"), r->levels, MAX_LEVELS);
    if (r->count < 3) return FAIL;
    r->c.schedule = dk_custom_schedule(edm_level, &edm, r->levels[r->count - 2],
                                       edm.vp   ? 1.5
                                       : edm.ve ? 1e5
                                                : 1e3);
    r->scale = dk_level_at(&r->c.schedule, DK_UNIT_T, r->levels[0]).sigma;
    if (edm.vp && !(r->c.sampler.churn > 0) && json_get(r->line, "evals"))
        set_rounding(r, &edm, euler ? 1 : 2);
    return OK;
}

static verdict set_edm(replay *r, const json *params) {
    (void)params;
    r->scale = r->levels[0];
    return OK;
}

/* ------------------------------------------------------------------ k-diffusion and ComfyUI */

/* It is given the two ends alone: equal steps in lambda, of three evaluations each. */
static verdict set_dpm_fast(replay *r, const json *params) {
    int evals = (int)json_real(params, "n", 3), steps = evals / 3 + 1;
    double first = r->levels[0], last = r->levels[r->count - 1];
    r->c.sampler.quirk = evals, r->count = steps + 1;
    for (int i = 0; i < steps; i++) r->levels[i] = first * pow(last / first, (double)i / steps);
    r->levels[steps] = last;
    return OK;
}

/* ComfyUI wrote it for alpha and sigma; not VE formulas. */
static verdict set_any_family(replay *r, const json *params) {
    (void)params;
    r->c.sampler.gauge = DK_GAUGE_DEFAULT;
    return OK;
}

/* On flow models the first step has a second stage. */
static verdict set_2s_ancestral(replay *r, const json *params) {
    if (r->c.grid.unit == DK_UNIT_FLOW) r->c.sampler.quirks |= DK_QUIRK_PURE_STAGE, r->c.sampler.law = DK_LAW_FLOW;
    return set_any_family(r, params);
}

static verdict set_sa_solver(replay *r, const json *params) {
    const json *tau = json_get(params, "tau");
    dk_sampler *s = &r->c.sampler;
    s->eta = pow(json_real(tau, "eta", 1), 2);
    if (!s->corrector) s->pece = 0;
    int flow = r->c.grid.unit == DK_UNIT_FLOW;
    double low = json_real(tau, "end_sigma", 0), high = json_real(tau, "start_sigma", 0);
    int everywhere = high >= (flow ? 1 : 1e8);
    s->noise_range[0] = flow && low < 1 ? low / (1 - low) : low;
    s->noise_range[1] = everywhere ? 0 : flow ? high / (1 - high) : high;
    if (json_real(params, "simple_order_2", 0) > 0) s->rule = DK_RULE_SA;
    return OK;
}

/* ComfyUI's samplers that take flow levels for what they are; the others run VE's formulas on them. */
static int by_log_snr(const char *sampler) {
    static const char *const names[] = {"dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde", "er_sde", "seeds_2", "seeds_3",
                                        "exp_heun_2_x0", "exp_heun_2_x0_sde", "sa_solver", "sa_solver_pece"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(sampler, names[i])) return 1;
    return 0;
}

static verdict set_er_sde(replay *r, const json *params) {
    if (json_get(params, "noise_scaler")) r->c.sampler.quirks |= DK_QUIRK_ER_POWER;
    else r->c.sampler.eta = 1;
    return OK;
}

/* A clipped draw is a draw from another distribution: it belongs to whoever draws. */
static verdict set_lcm(replay *r, const json *params) {
    dk_sampler *s = &r->c.sampler;
    double scale = json_real(json_get(params, "model_sampling"), "noise_scale", 1);
    if (json_get(params, "s_noise_end"))
        r->noise_end = json_real(params, "s_noise_end", 1) * scale / (1 + s->noise_excess);
    r->noise_clip = json_real(params, "noise_clip_std", 0);
    return OK;
}

static verdict set_deis(replay *r, const json *params) {
    dk_sampler rho = dk_sampler_named("deis_rho");
    rho.order = r->c.sampler.order, rho.gauge = r->c.sampler.gauge;
    if (same(json_string(params, "deis_mode", "tab"), "rhoab")) r->c.sampler = rho;
    return OK;
}

/* ------------------------------------------------------------------ score_sde */

/* Its steps are those of N bins beside the levels. The network's score is taken as it is: its level is another where
   the peer is not continuous. */
static dk_schedule sde_schedule(const json *params) {
    const char *sde = json_string(params, "sde", "vp");
    if (same(sde, "ve"))
        return dk_ve(json_real(params, "sigma_min", 0.01), json_real(params, "sigma_max", 50));
    dk_schedule s = dk_vp(json_real(params, "beta_min", 0.1), json_real(params, "beta_max", 20));
    if (same(sde, "subvp")) s.family = DK_FAMILY_SUB_VP;
    return s;
}

static verdict set_pc(replay *r, const json *params) {
    const char *sde = json_string(params, "sde", "vp"), *corrector = json_string(params, "corrector", "none");
    const json *evals = json_get(r->line, "evals");
    dk_sampler *s = &r->c.sampler;
    int vp = same(sde, "vp"), ve = same(sde, "ve"), pf = json_real(params, "probability_flow", 0) > 0;
    char settings[64];
    snprintf(settings, sizeof settings, "predictor=%s", json_string(params, "predictor", "none"));
    if (strstr(settings, "ancestral")) *strstr(settings, "_sampling") = 0;
    *s = dk_sampler_named("predictor_corrector");
    if (dk_config_set(&r->c, settings) != DK_OK) return unsupported("option: predictor");
    if (same(sde, "subvp") && s->sde.predictor == DK_PREDICTOR_REVERSE_DIFFUSION)
        s->sde.predictor = DK_PREDICTOR_EULER_MARUYAMA; /* it has no table */
    s->quirks |= DK_QUIRK_BINS, s->plain_last = 1, s->eta = pf ? 0 : 1, s->law = vp ? DK_LAW_DDPM_LARGE : DK_LAW_ANCESTRAL;
    s->sde.snr = json_real(params, "snr", s->sde.snr);
    if (same(corrector, "ald")) s->sde.langevin_step = 4 * s->sde.snr * s->sde.snr, s->sde.snr = 0;
    s->sde.langevin_steps = same(corrector, "none") ? 0 : (int)json_real(params, "n_steps", 1);
    r->c.schedule = sde_schedule(params);
    r->c.prediction = DK_PREDICT_SCORE, r->c.grid.unit = DK_UNIT_T;
    r->count = json_numbers(json_get(r->line, "timesteps"), r->levels, MAX_LEVELS - 1);
    int noisy =
        json_real(params, "denoise", 1) < 1; /* the last step is one to sigma = 0 unless it keeps its noise */
    r->levels[r->count] = noisy ? 0.5 * r->levels[r->count - 1] : ve ? -1e3 : 0;
    r->count++;
    for (; evals && r->recorded < evals->count && r->recorded < MAX_LEVELS; r->recorded++) {
        double alpha = json_real(&evals->item[r->recorded], "alpha", 1);
        alpha_at[r->recorded] = alpha;
        sigma_at[r->recorded] = alpha * json_real(&evals->item[r->recorded], "sigma", 0);
    }
    r->alpha_at = alpha_at, r->sigma_at = sigma_at;
    return OK;
}

/* A last step of reverse diffusion, its mean. */
static void set_denoise(replay *r) {
    r->c.sampler = dk_sampler_named("predictor_corrector");
    r->c.sampler.sde.langevin_steps = 0, r->c.sampler.plain_last = 1;
    r->c.sampler.quirks |= DK_QUIRK_BINS, r->c.sampler.quirk = (int)json_real(json_get(r->line, "params"), "N", 1000);
    if (r->c.schedule.family == DK_FAMILY_VP) r->c.sampler.law = DK_LAW_DDPM_LARGE;
    if (r->c.schedule.family == DK_FAMILY_SUB_VP) r->c.sampler.sde.predictor = DK_PREDICTOR_EULER_MARUYAMA;
    r->levels[0] = r->levels[1], r->levels[1] = r->c.schedule.family == DK_FAMILY_VE ? -1e3 : 0;
    r->c.grid.unit = DK_UNIT_T;
}

static verdict set_ode(replay *r, const json *params) {
    r->c.schedule = sde_schedule(params);
    r->c.grid.unit = DK_UNIT_T;
    r->levels[0] = json_real(params, "T", 1), r->levels[1] = json_real(params, "eps", 1e-3);
    if (json_real(params, "denoise", 0) > 0) r->then = set_denoise;
    return OK;
}

/* ------------------------------------------------------------------ one line */

/* What needs more than a name and numbers. */
static const struct {
    const char *peer, *sampler;
    verdict (*set)(replay *r, const json *params);
} special[] = {
    {"dpm-solver", "dpm_solver", set_dpm_solver},
    {"unipc", "uni_pc", set_unipc},
    {"comfyui", "uni_pc", set_unipc},
    {"comfyui", "sa_solver", set_sa_solver},
    {"comfyui", "sa_solver_pece", set_sa_solver},
    {"k-diffusion", "dpm_fast", set_dpm_fast},
    {"comfyui", "euler_ancestral_cfg_pp", set_any_family},
    {"comfyui", "dpmpp_2s_ancestral", set_2s_ancestral},
    {"comfyui", "dpmpp_2s_ancestral_cfg_pp", set_2s_ancestral},
    {"comfyui", "er_sde", set_er_sde},
    {"comfyui", "lcm", set_lcm},
    {"comfyui", "deis", set_deis},
    {"edm", "ablation_sampler", set_ablation},
    {"edm", "edm_sampler", set_edm},
    {"score_sde", "pc", set_pc},
    {"score_sde", "ode_rk45", set_ode},
};

/* The log-likelihood of x_init, with the peer's probe. */
static verdict likelihood_case(replay *r, double *worst) {
    static double start[MAX_DIM], probe[MAX_DIM];
    static dk_real x[MAX_DIM], v[MAX_DIM];
    double got = 0, want = json_real(r->line, "log_likelihood", (double)NAN);
    int n = json_numbers(json_get(r->line, "x_init"), start, MAX_DIM);
    json_numbers(json_get(r->line, "hutchinson_v"), probe, MAX_DIM);
    for (int i = 0; i < n; i++) x[i] = (dk_real)start[i], v[i] = (dk_real)probe[i];
    r->c.sampler = dk_sampler_named("rk45");
    r->c.sampler.control.rtol = r->c.sampler.control.atol = DOUBLES ? 1e-10 : 1e-5;
    r->c.grid = dk_grid_levels(r->levels, DK_UNIT_SIGMA);
    r->c.steps = 1, r->c.dim = (size_t)n, r->c.condition = DK_UNIT_FLOW;
    if (log_likelihood(&r->c, denoise, r, x, v, &got) != DK_OK) reason = dk_message(&r->c);
    *worst = error_of(got, want);
    return *worst <= tolerance(1e-7) ? OK : FAIL;
}

static verdict sampler_case(const json *line, double *worst) {
    static replay r;
    const json *params = json_get(line, "params");
    const char *peer = json_string(line, "peer", ""), *sampler = json_string(line, "sampler", "");
    const char *kind = json_string(line, "model_kind", "ve");
    begin_replay(&r, line);
    r.count = json_numbers(json_get(line, "sigmas"), r.levels, MAX_LEVELS);
    r.levels[0] = json_real(params, "first_sigma_replaced_by", r.levels[0]);
    if (json_get(line, "last_sigma_used")) r.levels[r.count - 1] = json_real(line, "last_sigma_used", 0);
    r.c.sampler = sampler_of(peer, sampler, same(kind, "flow"));
    set_numbers(&r.c.sampler, params);
    set_rule(&r.c.sampler, params);
    if (same(kind, "flow")) {
        r.c.schedule = dk_flow(1), r.c.grid.unit = DK_UNIT_FLOW;
        if (!by_log_snr(sampler)) r.c.sampler.gauge = DK_GAUGE_FLOW;
    }
    if (same(kind, "vp")) r.c.schedule = dk_vp(0.1, 20);
    if (same(sampler, "log_likelihood")) return likelihood_case(&r, worst);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (same(peer, special[i].peer) && same(sampler, special[i].sampler) &&
            special[i].set(&r, params) < OK)
            return UNSUPPORTED;
    int controlled = r.c.sampler.control.rtol > 0;
    verdict result = run_replay(&r, tolerance(controlled ? 1e-7 : 1e-9), worst);
    /* DPM-Solver's adaptive forms evaluate again where a rejected step began; the library remembers. In float a rounding
       can accept another step. */
    int calls = r.calls + (same(sampler, "ode_rk45") ? 0 : r.rejected);
    if (!DOUBLES && controlled) calls = (int)json_real(line, "nfe", 0);
    if (result == OK && calls != (int)json_real(line, "nfe", calls)) {
        reason = "the number of evaluations differs";
        result = FAIL;
    }
    return json_get(line, "peer_bug") && result != UNSUPPORTED ? SKIPPED : result;
}

#endif
