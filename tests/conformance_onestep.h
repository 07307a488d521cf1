/* Peers' one-step samplers in this library's words, for the replay of reference runs. onestep_case returns 1 and sets
   c->sampler if it knows the line's sampler; levels and schedule are the caller's, but for onestep_levels. */
#ifndef CONFORMANCE_ONESTEP_H
#define CONFORMANCE_ONESTEP_H

static int onestep_case(const json *line, dk_config *c) {
    static const struct {
        const char *theirs, *ours, *ours_on_flow; /* NULL: the same */
        int flow_gauge;                           /* the peer runs its VE formula on flow levels */
    } table[] = {
        {"heunpp2", "heunpp2", NULL, 0},
        {"dpm_2", "dpm2", NULL, 0},
        {"euler_ancestral", "euler_ancestral", "euler_ancestral_rf", 0},
        {"dpm_2_ancestral", "dpm2_ancestral", "dpm2_ancestral_rf", 0},
        {"dpmpp_2s_ancestral", "dpmpp_2s_ancestral", "dpmpp_2s_ancestral_rf", 0},
        {"dpmpp_sde", "dpmpp_sde", NULL, 0},
        {"seeds_2", "seeds_2", NULL, 0},
        {"seeds_3", "seeds_3", NULL, 0},
        {"exp_heun_2_x0", "exp_heun_2_x0", NULL, 0},
        {"exp_heun_2_x0_sde", "exp_heun_2_x0_sde", NULL, 0},
        {"ddpm", "ddpm", NULL, 0},
        {"lcm", "lcm", NULL, 0},
        {"dpm_fast", "dpm_solver_3s", NULL, 0},
        {"euler_cfg_pp", "euler_cfg_pp", NULL, 0},
        {"euler_ancestral_cfg_pp", "euler_ancestral_cfg_pp", NULL, 0},
        {"dpmpp_2s_ancestral_cfg_pp", "dpmpp_2s_ancestral_cfg_pp", NULL, 0},
        {"ablation_sampler", "edm", NULL, 0},
    };
    const json *params = json_get(line, "params");
    const char *name = json_string(line, "sampler", ""), *peer = json_string(line, "peer", "");
    int flow = strcmp(json_string(line, "model_kind", ""), "flow") == 0, known = 0;
    dk_sampler *s = &c->sampler;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(name, table[i].theirs) == 0) {
            const char *ours = flow && table[i].ours_on_flow ? table[i].ours_on_flow : table[i].ours;
            *s = dk_sampler_named(ours), known = 1;
            if (flow && table[i].flow_gauge) s->gauge = DK_GAUGE_FLOW;
        }
    if (strcmp(peer, "dpm-solver") == 0) {
        const char *method = json_string(params, "method", ""), *skip = json_string(params, "skip_type", "");
        int eps = strcmp(json_string(params, "algorithm_type", ""), "dpmsolver") == 0;
        if (strncmp(method, "singlestep", 10) != 0) return 0;
        *s = dk_sampler_named(eps ? "dpm_solver_2s" : "dpmpp_2s"), known = 1;
        s->order = (int)json_real(params, "order", 2);
        if (strcmp(method, "singlestep") == 0)
            s->evals = (int)(json_real(params, "steps", 0) + json_real(params, "denoise_to_zero", 0));
        s->stages = strcmp(skip, "time_uniform") == 0     ? DK_SPACING_UNIFORM
                    : strcmp(skip, "time_quadratic") == 0 ? DK_SPACING_QUADRATIC
                                                          : DK_SPACING_LAMBDA;
    }
    if (!known) return 0;
    s->eta = json_real(params, "eta", s->eta);
    s->s_noise = json_real(params, "s_noise", json_real(params, "S_noise", 1));
    s->churn = json_real(params, "s_churn", json_real(params, "S_churn", 0));
    s->churn_min = json_real(params, "s_tmin", json_real(params, "S_min", 0));
    s->churn_max = json_real(params, "s_tmax", json_real(params, "S_max", 0));
    if (!(s->churn_max < HUGE_VAL)) s->churn_max = 0;
    s->alpha = json_real(params, "r", json_real(params, "r_1", json_real(params, "alpha", s->alpha)));
    s->alpha2 = json_real(params, "r_2", s->alpha2);
    const char *type = json_string(params, "solver_type", "");
    if (*type)
        s->rule = strcmp(type, "phi_2") == 0 || strcmp(type, "taylor") == 0 ? DK_RULE_EXACT : DK_RULE_DPM;
    s->s_noise *=
        json_real(json_get(params, "model_sampling"), "noise_scale", json_real(params, "noise_scale", 1));
    if (strcmp(name, "dpm_fast") == 0) {
        s->evals = (int)json_real(params, "n", 0), s->eta = json_real(params, "eta", 0);
        s->above_last = 1;
    }
    if (strcmp(name, "ablation_sampler") == 0) {
        s->plain_last = 1;
        if (strcmp(json_string(params, "solver", ""), "euler") == 0) {
            dk_sampler euler = dk_sampler_named("euler");
            s->record = euler.record, s->tableau = euler.tableau; /* native gauge */
        }
    }
    if (flow && strncmp(name, "dpmpp_2s", 8) == 0) s->pure_stage = 0.9999, s->law = DK_LAW_FLOW;
    return 1;
}

/* The levels that the peer used. dpm_fast is given the two ends only: equal steps in lambda. Returns how many. */
static int onestep_levels(const json *line, double *levels, int n) {
    levels[0] = json_real(json_get(line, "params"), "first_sigma_replaced_by", levels[0]);
    if (strcmp(json_string(line, "sampler", ""), "dpm_fast") != 0) return n;
    int steps = (int)json_real(json_get(line, "params"), "n", 3) / 3 + 1;
    double first = levels[0], last = levels[n - 1];
    for (int i = 0; i <= steps; i++) levels[i] = first * pow(last / first, (double)i / steps);
    levels[steps] = last;
    return steps + 1;
}

#endif
