/* Names: every sampler and grid by its own, and by those that other programs give it. */
#include "check.h"

#include "examples/infotext.h"

static dk_config named(const char *name) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.steps = 10, c.dim = 1;
    if (dk_config_named(&c, name)) print_error("%s: %s\n", name, dk_message(&c));
    assert_non_null(c.sampler.record);
    return c;
}

static void same_sampler(const dk_sampler *a, const dk_sampler *b, const char *what) {
    if (strcmp(a->name, b->name) == 0 && memcmp(a, b, sizeof *a) == 0) return;
    print_error("%s: %s instead of %s, or other settings\n", what, a->name, b->name);
    fail();
}

static void same_grid(const dk_grid *a, const dk_grid *b, const char *what) {
    if (memcmp(a, b, sizeof *a) == 0) return;
    print_error("%s: another grid\n", what);
    fail();
}

static int grid_index(const char *name) {
    for (int i = 0; dk_grid_at(i); i++)
        if (strcmp(dk_grid_at(i)->name, name) == 0) return i;
    return -1;
}

static int sampler_index(const char *name) {
    for (int i = 0; dk_sampler_at(i); i++)
        if (strcmp(dk_sampler_at(i)->name, name) == 0) return i;
    return -1;
}

/* Upper case, with spaces for underscores, or with none. */
static const char *changed(char *to, const char *name, char separator) {
    char *p = to;
    for (; *name; name++) {
        char c = *name;
        if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
        if (c == '_' && separator) c = separator;
        if (c != '_') *p++ = c;
    }
    *p = 0;
    return to;
}

static void canonical_names_are_themselves(void **state) {
    static const char separators[] = {' ', '-', '/', 0};
    char other[80];
    (void)state;
    for (int i = 0; dk_sampler_at(i); i++) {
        dk_sampler preset = dk_sampler_named(dk_sampler_at(i)->name);
        const dk_sampler *want = &preset;
        dk_sampler s = dk_sampler_named(want->name);
        same_sampler(&s, want, want->name);
        for (size_t k = 0; k < sizeof separators; k++) {
            dk_config c = named(changed(other, want->name, separators[k]));
            same_sampler(&c.sampler, want, other);
            assert_int_equal(c.grid.spacing, DK_SPACING_DEFAULT);
        }
    }
    for (int i = 0; dk_grid_at(i); i++) {
        dk_grid want = dk_grid_named(dk_grid_at(i)->name);
        assert_true(want.spacing != DK_SPACING_DEFAULT);
        for (size_t k = 0; k < sizeof separators; k++) {
            dk_grid g = dk_grid_named(changed(other, dk_grid_at(i)->name, separators[k]));
            same_grid(&g, &want, other);
        }
    }
}

/* Each row stands for something that exists, can be reached, and has settings that are read; its preset works. */
static void every_alias_leads_somewhere(void **state) {
    char name[80];
    (void)state;
    dk_alias row;
    const dk_alias *a = &row;
    for (int i = 0; dk_alias_at(i, &row); i++) {
        dk_config want;
        memset(&want, 0, sizeof want);
        want.steps = 10, want.dim = 1;
        assert_true(a->sampler || a->grid);
        if (a->sampler) {
            assert_true(sampler_index(a->sampler) >= 0);
            want.sampler = dk_sampler_named(a->sampler);
        }
        if (a->grid) {
            assert_true(grid_index(a->grid) >= 0);
            want.grid = dk_grid_named(a->grid);
        }
        if (dk_config_set(&want, a->settings)) print_error("%s: %s\n", a->name, dk_message(&want));
        assert_string_equal(dk_message(&want), "");
        snprintf(name, sizeof name, "%s:%s", a->peer, a->name);
        if (!a->sampler) {
            dk_grid g = dk_grid_named(name), bare = dk_grid_named(a->name);
            same_grid(&g, &want.grid, name);
            assert_true(bare.spacing != DK_SPACING_DEFAULT);
            continue;
        }
        dk_config c = named(name);
        dk_sampler s = dk_sampler_named(name), bare = dk_sampler_named(a->name);
        same_sampler(&c.sampler, &want.sampler, name);
        same_sampler(&s, &want.sampler, name);
        same_grid(&c.grid, &want.grid, name);
        assert_non_null(bare.record);
        if (!want.grid.rising) {
            dk_plan plan;
            memset(&plan, 0, sizeof plan);
            c.schedule = dk_vp_scaled_linear();
            if (dk_record(&plan, &c)) print_error("%s: %s\n", name, dk_message(&c));
            assert_true(plan.calls > 0);
            dk_plan_free(&plan);
        }
    }
}

/* What the programs' own documentation calls a method, and what it is here; the fields as in dk_config_set. */
static const struct {
    const char *name, *sampler, *grid, *settings;
} expected[] = {
    /* ComfyUI: KSampler's lists */
    {"euler", "euler", NULL, ""},
    {"euler_ancestral", "euler_ancestral", NULL, "eta=1"},
    {"heunpp2", "heunpp2", NULL, ""},
    {"comfyui:euler_ancestral_cfg_pp", "euler_ancestral_cfg_pp", NULL, "eta=1 cfg_pp=1 fresh_pure=1"},
    {"Restart", "heun", "karras", "grid.way=a1111_restart"},
    {"RePaintScheduler", "ddim", "leading", "grid.way=repaint"},
    {"DDIMInverseScheduler", "ddim", NULL, "told_end=1 grid.rising=1"},
    {"dpm_2", "dpm2", NULL, "grid.spare=1"},
    {"dpm_2_ancestral", "dpm2_ancestral", NULL, "eta=1 dry_bottom=1 grid.spare=1"},
    {"dpm_fast", "dpm_solver_fast", "lambda", "order=3 noise_prediction=1 grid.final=min"},
    {"dpmpp_2s_ancestral_cfg_pp", "dpmpp_2s_ancestral_cfg_pp", NULL, "cfg_pp=1 eta=1"},
    {"dpmpp_sde_gpu", "dpmpp_sde", NULL, "eta=1 alpha=0.5"},
    {"dpmpp_2m_sde_gpu", "dpmpp_2m_sde", NULL, "rule=dpm eta=1"},
    {"dpmpp_2m_sde_heun", "dpmpp_2m_sde", NULL, "rule=exact eta=1"},
    {"dpmpp_2m_sde_heun_gpu", "dpmpp_2m_sde", NULL, "rule=exact eta=1 order=2"},
    {"dpmpp_3m_sde_gpu", "dpmpp_3m_sde", NULL, "order=3"},
    {"uni_pc", "unipc", NULL, "rule=bh1 order=3 corrector=4 lower_order_final=1 grid.spare=1"},
    {"uni_pc_bh2", "unipc", NULL, "rule=bh2 order=3 corrector=4 lower_order_final=1 grid.spare=1"},
    {"comfyui:deis", "deis_t", NULL, "order=3 deis_sum=1"},
    {"comfyui:sa_solver_pece", "sa_solver_pece", NULL, "pece=1 lower_order_final=1"},
    {"comfyui:res_multistep_ancestral", "res_multistep_ancestral", NULL, "eta=1"},
    {"gradient_estimation", "gradient_estimation", NULL, "gamma=2"},
    {"seeds_3", "seeds_3", NULL, "order=3"},
    {"dpmpp_2m karras", "dpmpp_2m", "karras", ""},
    {"euler/beta", "euler", "beta", ""},
    {"res_multistep sgm_uniform", "res_multistep", "sgm_uniform", ""},
    {"dpmpp_2m_sde_gpu_kl_optimal", "dpmpp_2m_sde", "kl_optimal", ""},
    {"ddim ddim_uniform", "ddim", "ddim_uniform", ""},
    /* AUTOMATIC1111: names of samplers, with and without schedules, and their short forms */
    {"Euler a", "euler_ancestral", NULL, "eta=1"},
    {"Euler", "euler", NULL, ""},
    {"LMS", "lms", NULL, "order=4"},
    {"a1111:LMS", "lms", NULL, "order=4 plain_last=1"},
    {"LMS Karras", "lms", "karras", "order=4"},
    {"Heun", "heun", NULL, ""},
    {"a1111:DPM2", "dpm2", NULL, "grid.spare=1"},
    {"DPM2 a", "dpm2_ancestral", NULL, "dry_bottom=1 grid.spare=1"},
    {"DPM2 a Karras", "dpm2_ancestral", "karras", "dry_bottom=1 grid.spare=1"},
    {"DPM++ 2S a", "dpmpp_2s_ancestral", NULL, "eta=1"},
    {"DPM++ 2S a Karras", "dpmpp_2s_ancestral", "karras", "eta=1"},
    {"DPM++ 2M", "dpmpp_2m", NULL, "order=2 eta=0"},
    {"DPM++ 2M Karras", "dpmpp_2m", "karras", ""},
    {"DPM++ 2M SDE", "dpmpp_2m_sde", NULL, ""},
    {"DPM++ 2M SDE Karras", "dpmpp_2m_sde", "karras", "rule=dpm"},
    {"DPM++ 2M SDE Exponential", "dpmpp_2m_sde", "exponential", ""},
    {"DPM++ 2M SDE Heun", "dpmpp_2m_sde", NULL, "rule=exact"},
    {"DPM++ 2M SDE Heun Karras", "dpmpp_2m_sde", "karras", "rule=exact"},
    {"DPM++ 2M SDE Heun Exponential", "dpmpp_2m_sde", "exponential", "rule=exact"},
    {"DPM++ 3M SDE", "dpmpp_3m_sde", NULL, ""},
    {"a1111:DPM++ 3M SDE Karras", "dpmpp_3m_sde", "karras", "grid.spare=1"},
    {"DPM++ SDE", "dpmpp_sde", NULL, ""},
    {"DPM++ SDE Karras", "dpmpp_sde", "karras", ""},
    {"DPM fast", "dpm_solver_fast", "lambda", "grid.final=min"},
    {"Euler a SGM Uniform", "euler_ancestral", "sgm_uniform", ""},
    {"Euler Align Your Steps", "euler", "ays_sd1_paper", ""},
    {"a1111:Euler Beta", "euler", "beta_sigma", ""},
    {"DDIM", "ddim", NULL, "eta=0"},
    {"DDIM CFG++", "euler_cfg_pp", NULL, "cfg_pp=1 eta=0"},
    {"PLMS", "plms", NULL, "order=4 warmup=1"},
    {"UniPC", "unipc", NULL, "rule=bh2"},
    {"a1111:UniPC", "unipc", NULL, "rule=bh1 lower_order_final=1"},
    {"k_dpmpp_2m_ka", "dpmpp_2m", "karras", ""},
    {"k_dpmpp_2m_sde_exp", "dpmpp_2m_sde", "exponential", ""},
    {"k_euler_a", "euler_ancestral", NULL, ""},
    /* k-diffusion: functions */
    {"sample_euler", "euler", NULL, ""},
    {"sample_euler_ancestral", "euler_ancestral", NULL, ""},
    {"sample_dpm_2", "dpm2", NULL, ""},
    {"sample_lms", "lms", NULL, "order=4 plain_last=1"},
    {"sample_dpmpp_2m", "dpmpp_2m", NULL, ""},
    {"sample_dpmpp_3m_sde", "dpmpp_3m_sde", NULL, "rule=dpm_taylor eta=1"},
    /* diffusers: classes, with their default configuration */
    {"EulerDiscreteScheduler", "euler", NULL, ""},
    {"EulerAncestralDiscreteScheduler", "euler_ancestral", NULL, ""},
    {"HeunDiscreteScheduler", "heun", NULL, ""},
    {"KDPM2DiscreteScheduler", "dpm2", NULL, ""},
    {"KDPM2AncestralDiscreteScheduler", "dpm2_ancestral", NULL, ""},
    {"DPMSolverMultistepScheduler", "dpmpp_2m", NULL, "order=2 rule=dpm"},
    {"DPMSolverSinglestepScheduler", "dpmpp_2s_levels", NULL, "order=2 lower_order_final=1"},
    {"PNDMScheduler", "pndm", NULL, "order=4 warmup=3 plain_last=1"},
    {"IPNDMScheduler", "ipndm", NULL, "order=4 warmup=0 plain_last=1"},
    {"CogVideoXDPMScheduler", "dpmpp_2m_sde", NULL, "eta=1"},
    {"comfyui:dpmpp_2m_cfg_pp", "dpmpp_2m_cfg_pp", NULL, "cfg_pp=1"},
    {"res_multistep_ancestral_cfg_pp", "res_multistep_ancestral_cfg_pp", NULL, "cfg_pp=1 uncond_past=1"},
    {"DPMSolverSDEScheduler", "dpmpp_sde", NULL, ""},
    {"UniPCMultistepScheduler", "unipc", NULL, "order=2 corrector=3 rule=bh2"},
    {"DEISMultistepScheduler", "deis", NULL, "order=2"},
    {"SASolverScheduler", "sa_solver", NULL, "order=2 corrector=2 rule=sa"},
    {"LMSDiscreteScheduler", "lms", NULL, "order=4 plain_last=1"},
    {"DDIMScheduler", "ddim", NULL, ""},
    {"DDIMInverseScheduler", "ddim", NULL, "grid.rising=1"},
    {"DDPMScheduler", "ddpm", NULL, ""},
    {"LCMScheduler", "lcm", NULL, ""},
    {"FlaxDDIMScheduler", "ddim", NULL, ""},
    {"DPMPP2Mv2_SAMPLE_METHOD", "dpmpp_2m_v2", NULL, "rule=dpm dpm_v2=1"},
    {"TCDScheduler", "tcd", "lcm", "law=time eta=0.3"},
    {"SCMScheduler", "lcm", NULL, "law=fresh eta=1"},
    {"CMStochasticIterativeScheduler", "consistency_model_multistep", NULL, "law=time eta=1"},
    {"Consistency-model multistep", "consistency_model_multistep", NULL, "law=time eta=1"},
    {"ScoreSdeVeScheduler", "predictor_corrector", "uniform", "snr=0.15 bins=1 plain_last=1 eta=1"},
    {"FlowMatchEulerDiscreteScheduler", "euler", NULL, ""},
    {"FlowMatchHeunDiscreteScheduler", "heun", NULL, ""},
    {"LTXEulerAncestralRFScheduler", "euler_ancestral_rf", NULL, "law=flow"},
    /* stable-diffusion.cpp: enumerators and --sampling-method */
    {"EULER_A", "euler_ancestral", NULL, ""},
    {"EULER_A_SAMPLE_METHOD", "euler_ancestral", NULL, ""},
    {"euler_a", "euler_ancestral", NULL, ""},
    {"DPM2", "dpm2", NULL, ""},
    {"DPMPP2S_A", "dpmpp_2s_ancestral", NULL, ""},
    {"dpm++2s_a", "dpmpp_2s_ancestral", NULL, ""},
    {"DPMPP2M", "dpmpp_2m", NULL, ""},
    {"dpm++2m", "dpmpp_2m", NULL, ""},
    {"DPMPP2M_SDE_SAMPLE_METHOD", "dpmpp_2m_sde", NULL, ""},
    {"IPNDM_V", "ipndm_v", NULL, ""},
    {"ddim_trailing", "ddim", "simple", "eta=0"},
    {"RES_2S", "res_2s", NULL, ""},
    {"euler_a_cfg_pp", "euler_ancestral_cfg_pp", NULL, "cfg_pp=1 eta=1"},
    {"euler_ge", "gradient_estimation", NULL, ""},
    {"sd.cpp:dpm++2m discrete", "dpmpp_2m", "linspace", ""},
    /* grids alone */
    {"sgm_uniform", NULL, "sgm_uniform", ""},
    {"SGM Uniform", NULL, "sgm_uniform", ""},
    {"a1111:Uniform", NULL, "linspace", ""},
    {"a1111:DDIM", NULL, "ddim_uniform", ""},
    {"KL Optimal", NULL, "kl_optimal", ""},
    {"get_sigmas_karras", NULL, "karras", ""},
    {"use_lu_lambdas", NULL, "lambda", ""},
    {"SDTurboScheduler", NULL, "sd_turbo", ""},
    {"discrete", NULL, "linspace", ""},
    {"ays", NULL, "ays_sd1", ""},
    {"AYS_SCHEDULER", NULL, "ays_sd1", ""},
    {"KARRAS_SCHEDULER", NULL, "karras", ""},
    {"smoothstep", NULL, "smoothstep", ""},
};

static void names_mean_what_their_programs_say(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *name = expected[i].name;
        if (!expected[i].sampler) {
            dk_grid g = dk_grid_named(name), want = dk_grid_named(expected[i].grid);
            same_grid(&g, &want, name);
            continue;
        }
        dk_config c = named(name), want = c;
        if (strcmp(c.sampler.name, expected[i].sampler) != 0) print_error("%s\n", name);
        assert_string_equal(c.sampler.name, expected[i].sampler);
        /* the fields that are written have these values */
        if (dk_config_set(&want, expected[i].settings)) fail_msg("%s: %s", name, dk_message(&want));
        same_sampler(&c.sampler, &want.sampler, name);
        same_grid(&c.grid, &want.grid, name);
        memset(&want.grid, 0, sizeof want.grid);
        if (expected[i].grid) want.grid = dk_grid_named(expected[i].grid);
        dk_grid before = want.grid;
        if (dk_config_set(&want, expected[i].settings)) fail_msg("%s: %s", name, dk_message(&want));
        before.final = c.grid.final, before.rising = c.grid.rising, before.way = c.grid.way, before.quirks = c.grid.quirks;
        same_grid(&c.grid, &before, name);
        same_grid(&c.grid, &want.grid, name);
    }
}

static void case_and_separators_do_not_count(void **state) {
    static const char *const same[][2] = {
        {"DPM++ 2M", "dpmpp_2m"},
        {"dpm++_2m", "dpmpp_2m"},
        {"dpmpp-2M", "dpmpp_2m"},
        {"DPM++2M", "dpmpp_2m"},
        {"dpm pp 2m", "dpmpp_2m"},
        {"EULER A", "euler_ancestral"},
        {"eulera", "euler_ancestral"},
        {"UniPC", "unipc"},
        {"UNI-PC", "comfyui:uni_pc"},
        {"dpm++ 2m sde", "dpmpp_2m_sde"},
        {"A1111: Euler a", "euler_ancestral"},
        {"k_diffusion:sample_heun", "k-diffusion:sample_heun"},
        {"eulerdiscretescheduler", "euler"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        dk_sampler a = dk_sampler_named(same[i][0]), b = dk_sampler_named(same[i][1]);
        assert_non_null(a.record);
        same_sampler(&a, &b, same[i][0]);
    }
}

static void a_name_keeps_the_grid_unless_it_has_one(void **state) {
    dk_config c;
    (void)state;
    memset(&c, 0, sizeof c);
    c.grid = dk_grid_named("polyexponential"), c.grid.a = 5;
    assert_int_equal(dk_config_named(&c, "Euler a"), DK_OK);
    assert_int_equal(c.grid.spacing, DK_SPACING_POLYEXPONENTIAL);
    check_near(c.grid.a, 5, 0, "rho");
    assert_int_equal(dk_config_named(&c, "Euler Karras"), DK_OK);
    assert_int_equal(c.grid.spacing, DK_SPACING_KARRAS);
    check_near(c.grid.a, 0, 0, "rho of a new grid");
}

static void refused(const char *name, const char *words) {
    dk_config c, before;
    memset(&c, 0, sizeof c);
    c.sampler = dk_sampler_named("heun");
    memcpy(&before, &c, sizeof c);
    assert_int_equal(dk_config_named(&c, name), DK_ERROR_CONFIG);
    if (!strstr(dk_message(&c), words)) print_error("%s\n", dk_message(&c));
    assert_non_null(strstr(dk_message(&c), words));
    memset(c.message, 0, sizeof c.message);
    assert_memory_equal(&c, &before, sizeof c);
    assert_null(dk_sampler_named(name).record);
}

static void unknown_names_are_refused(void **state) {
    static const char *const none[] = {"VQDiffusionScheduler",
                                       "karras",
                                       "ddim_uniform",
                                       "SGM Uniform",
                                       "EulerScheduler",
                                       ":",
                                       "a1111:",
                                       ":euler",
                                       "nobody:euler",
                                       "_",
                                       " ",
                                       "comfyui:k_euler",
                                       "euler ",
                                       "sd.cpp:DPM++ 2S a x"};
    (void)state;
    refused("eular", "sampler \"eular\" is not known; nearest: euler");
    refused("DPM++ 2M SDF", "sampler \"DPM++ 2M SDF\" is not known; nearest: dpmpp_2m_sde");
    refused("DPM++ 2M Karas", "grid \"Karas\" is not known; nearest: karras");
    refused("", "sampler \"\" is not known");
    refused(NULL, "is not known");
    assert_int_equal(dk_config_named(NULL, "euler"), DK_ERROR_CONFIG);
    assert_int_equal(dk_config_set(NULL, "eta=1"), DK_ERROR_CONFIG);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (strcmp(none[i], "euler ") == 0) { /* a space too many is none */
            assert_non_null(dk_sampler_named(none[i]).record);
            continue;
        }
        if (dk_sampler_named(none[i]).record) print_error("\"%s\" is known\n", none[i]);
        refused(none[i], "is not known");
    }
    assert_true(!dk_grid_named("").spacing && !dk_grid_named(NULL).spacing &&
                !dk_grid_named("euler").spacing);
    assert_string_equal(dk_grid_named("karas").name, "karas");
    dk_alias row;
    assert_false(dk_alias_at(-1, &row));
}

static void settings_are_read(void **state) {
    static const char *const wrong[] = {
        "eta",         "eta=",     "eta=x",      "eta=1e999",   "etta=1",
        "order=1.5",   "rule=",    "rule=dpmm",  "=1",          "grid.rho=1 eta=--1",
        "grid.eta=1",  "eta=0x1",  "eta=nan",    "eta=.",       "eta=1e",
        "order=1e300", "told_end=2", "sampler.=1", "rule=dpm|bh1"};
    dk_config c, before;
    (void)state;
    memset(&c, 0, sizeof c);
    assert_int_equal(
        dk_config_set(&c, "eta=0.25 s_noise=1.003 churn=1e2  sampler.gamma=+2.5E-1 order=3 rule=gradient "
                          "law=flow gauge=native told_end=1 cfg_pp=1 grid.rho=5 "
                          "grid.final=replace grid.rounding=down grid.partial=level grid.rising=1"),
        DK_OK);
    assert_true(c.sampler.eta == 0.25 && fabs(c.sampler.noise_excess - 0.003) < 1e-15 && c.sampler.churn == 100);
    assert_true(c.sampler.gamma == 0.25 && c.sampler.order == 3 && c.sampler.cfg_pp == 1);
    assert_true(c.sampler.rule == DK_RULE_GRADIENT && c.sampler.law == DK_LAW_FLOW);
    assert_true(c.sampler.gauge == DK_GAUGE_NATIVE && c.sampler.quirks == DK_QUIRK_TOLD_END);
    assert_true(c.grid.a == 5 && c.grid.final == DK_FINAL_REPLACE && c.grid.rising == 1);
    assert_true(c.grid.rounding == DK_ROUND_DOWN && c.grid.partial == DK_PARTIAL_LEVEL);
    assert_int_equal(dk_config_set(&c, "etta=1"), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "setting \"etta=1\": no such field; nearest: eta, "));
    assert_int_equal(dk_config_set(&c, "eta=nan"), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "setting \"eta=nan\": must be >= 0");
    assert_int_equal(dk_config_set(&c, "rule=dpm|bh1"), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c),
                        "setting \"rule=dpm|bh1\": must be default|exact|dpm|dpm_taylor|bh1|bh2|sa|uniform|gradient");
    memset(c.message, 0, sizeof c.message);
    before = c;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (dk_config_set(&c, wrong[i]) == DK_OK) print_error("\"%s\" is taken\n", wrong[i]);
        assert_true(strstr(dk_message(&c), "\": must be ") || strstr(dk_message(&c), "\": no such field"));
        memset(c.message, 0, sizeof c.message);
        assert_memory_equal(&c, &before, sizeof c);
    }
    assert_int_equal(dk_config_set(&c, NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_config_set(&c, ""), DK_OK);
}

/* Parts by their names, every field, in any order; all or nothing. */
static void one_door_sets_everything(void **state) {
    static const struct {
        const char *settings, *message;
    } wrong[] = {
        {"steps=20 sampler=eular", "sampler \"eular\" is not known; nearest: euler"},
        {"grid=kar", "grid \"kar\" is not known; nearest: karras"},
        {"grid=tangent", "grid \"tangent\" is not known; nearest: bong_tangent"}, /* a part of a name */
        {"sampler=2m", "sampler \"2m\" is not known; nearest: dpmpp_2m"},
        {"model=klein", "model \"klein\" is not known; nearest: flux2_klein, flux2_klein_base"},
        {"schedule=karras", "schedule \"karras\" is not known: it is a grid"},
        {"network_schedule=sgm_uniform", "network_schedule \"sgm_uniform\" is not known: it is a grid"},
        {"sampler=KARRAS", "sampler \"KARRAS\" is not known: it is a grid"},
        {"grid=euler", "grid \"euler\" is not known: it is a sampler"},
        {"grid=\"DPM++ 2M\"", "grid \"DPM++ 2M\" is not known: it is a sampler"},
        {"sampler=\"a1111:Align Your Steps\"", "sampler \"a1111:Align Your Steps\" is not known: it is a grid"},
        {"sampler=flow", "sampler \"flow\" is not known: it is a schedule"},
        {"model=karras", "model \"karras\" is not known; nearest: "},
        {"schedule=vp_cosine schedule.beta_min=0.1", "setting \"schedule.beta_min=0.1\": must be left out (0): the schedule has no use for it"},
        {"schedule=vp_scaled", "schedule \"vp_scaled\" is not known; nearest: vp_scaled_linear"},
        {"network_schedule=edn", "network_schedule \"edn\" is not known; nearest: edm"},
        {"model=flux", "model \"flux\" is not known; nearest: flux_dev, flux_schnell"},
        {"gird.rho=5", "setting \"gird.rho=5\": no such field; nearest: grid.rho"},
        {"grid.sigma_mx=1", "setting \"grid.sigma_mx=1\": no such field; nearest: grid.sigma_max, grid.sigma_min, "}, /* each once */
        {"shift=3", "setting \"shift=3\": no such field; nearest: schedule.shift, network_schedule.shift, grid.shift"},
        {"cfg_scale=7", "setting \"cfg_scale=7\": no such field; nearest: guidance.scale, "},
        {"steps=0", "setting \"steps=0\": must be 1 .. 1000000"},
        {"steps=5.5", "setting \"steps=5.5\": must be a whole number below 2^31"},
        {"sampler=dpmpp_2m order=0.5", "setting \"order=0.5\": must be a whole number below 2^31"},
        {"warmup=3e9", "setting \"warmup=3e9\": must be a whole number below 2^31"},
        {"dim=0", "setting \"dim=0\": must be >= 1"},
        {"seed=18446744073709551616", "setting \"seed=18446744073709551616\": must be a whole number below 2^64"},
        {"seed=-1", "setting \"seed=-1\": must be a whole number below 2^64"},
        {"noise.bits=16", "setting \"noise.bits=16\": must be 0, 32 or 64"},
        {"schedule=edm schedule.shift=3", "setting \"schedule.shift=3\": must be left out (0): the schedule has no use for it"},
        {"network_schedule=edm network_schedule.shift=3",
         "setting \"network_schedule.shift=3\": must be left out (0): the schedule has no use for it"},
        {"grid=uniform grid.rho=3", "setting \"grid.rho=3\": must be left out (0): the grid's spacing has no use for it"},
        {"sampler=exponential/res_3s_krogstd", "sampler \"exponential/res_3s_krogstd\" is not known; nearest: res_3s"},
        {"grid.final_value=0.1", "setting \"grid.final_value=0.1\": must be 0 but for grid.final = value"},
        {"eta=-1", "setting \"eta=-1\": must be >= 0"},
        {"sampler=euler tableau=1", "setting \"tableau=1\": must be set by the program"},
        {"grid.levels=3,1,0", "setting \"grid.levels=3,1,0\": must be set by the program: dk_grid_levels"},
        {"levels=3,1,0", "setting \"levels=3,1,0\": no such field; nearest: grid.levels, "},
        {"prediction=flow", "setting \"prediction=flow\": must be default|x0|eps|v|velocity|score|edm"},
        {"schedule=\"edm", "setting \"schedule\": must be field=value, shorter than 63 characters, in quotes where the value has spaces"},
        {"eta", "setting \"eta\": must be field=value, shorter than 63 characters, in quotes where the value has spaces"},
        {"sampler = 'DPM++ 2M Karas'", "grid \"Karas\" is not known; nearest: karras"},
    };
    dk_config c, before;
    (void)state;
    memset(&c, 0, sizeof c);
    assert_int_equal(
        dk_config_set(&c,
                      "eta = 1 grid.shift=5 steps =20 dim= 4 batch=2 seed=18446744073709551615 first_sample=3 "
                      "prediction=v condition=sigma number=bf16 schedule.sigma_min=0.01 sampler = \"DPM++ 2M SDE\" "
                      "grid='KL Optimal'\tschedule=edm network_schedule=vp_linear clip=1.5"),
        DK_OK);
    assert_true(c.steps == 20 && c.dim == 4 && c.batch == 2 && c.seed == ~(uint64_t)0 && c.first_sample == 3);
    assert_true(c.sampler.eta == 1 && c.grid.shift == 5 && c.schedule.sigma_min == (double)0.01 && c.clip == 1.5);
    assert_string_equal(c.sampler.name, "dpmpp_2m_sde");
    assert_int_equal(c.grid.spacing, DK_SPACING_KL_OPTIMAL);
    assert_int_equal(c.schedule.family, DK_FAMILY_EDM);
    assert_int_equal(c.network_schedule.family, DK_FAMILY_VP_DISCRETE);
    assert_true(c.prediction == DK_PREDICT_V && c.condition == DK_UNIT_SIGMA &&
                c.number == DK_NUMBER_BF16);
    before = c;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(dk_config_set(&c, wrong[i].settings), DK_ERROR_CONFIG);
        if (strncmp(dk_message(&c), wrong[i].message, strlen(wrong[i].message)) != 0)
            fail_msg("%s: %s", wrong[i].settings, dk_message(&c));
        memset(c.message, 0, sizeof c.message);
        assert_memory_equal(&c, &before, sizeof c);
    }
    memset(&c, 0, sizeof c); /* the order does not matter */
    if (dk_config_set(&c, "noise.bits=64 grid.final_value=0.1 schedule.beta_max=0.03 schedule.betas=sigmoid schedule.timesteps=100 "
                          "noise=torch_cpu grid.final=value grid.rho=5 schedule.family=vp_discrete grid=karras"))
        fail_msg("%s", dk_message(&c));
    assert_true(c.noise.bits == 64 && c.grid.a == 5 && c.schedule.timesteps == 100 && c.schedule.betas == DK_BETAS_SIGMOID);
    memset(&c, 0, sizeof c); /* steps hold before a model's own number, and its settings follow from them */
    assert_int_equal(dk_config_set(&c, "eta=0.5 model=sdxl_turbo sampler=ddim steps=4 dim=1"), DK_OK);
    double levels[8];
    assert_int_equal(dk_levels(&c, DK_UNIT_T, levels, 8), 5);
    assert_true(c.sampler.eta == 0.5);
    assert_string_equal(c.sampler.name, "ddim");
}

/* A sampler's name that says a grid, too, is no sampler's. */
static void a_grid_is_not_dropped_from_a_name(void **state) {
    (void)state;
    assert_null(dk_sampler_named("DPM++ 2M Karras").record);
    assert_null(dk_sampler_named("euler beta").record);
    assert_non_null(dk_sampler_named("DPM++ 2M").record);
    dk_config c = check_config("edm", "DPM++ 2M Karras", 5);
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "sampler \"DPM++ 2M Karras\" is a sampler and a grid: take both with dk_config_named");
}

/* A name that nobody took, and enumerators, are named in words. */
static void messages_name_words_and_calls(void **state) {
    dk_config c = check_config("edm", NULL, 5);
    (void)state;
    c.sampler.name = "heun";
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c),
                        "sampler = \"heun\": must be taken by its name with dk_config_set, or have its function in record");
    c.sampler = dk_sampler_named("eulr");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "sampler \"eulr\" is not known; nearest: euler, heun, edm");
    c = check_config("edm", "euler", 5), c.grid = dk_grid_named("simple");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_non_null(strstr(dk_message(&c), "grid.spacing = simple: must be for a discrete schedule"));
}

/* What stands for a config without a sampler is the table's row. */
static void the_default_sampler_is_adams2(void **state) {
    dk_config c;
    dk_sampler named = dk_sampler_named("adams2");
    (void)state;
    memset(&c, 0, sizeof c);
    c.steps = 10, c.dim = 1;
    assert_int_equal(dk_resolve(&c), DK_OK);
    assert_string_equal(c.sampler.name, named.name);
    c.sampler.name = named.name;
    assert_memory_equal(&c.sampler, &named, sizeof named);
}

/* What InvokeAI, SD.Next, Forge and RES4LYF mean, by their own tables of classes and settings. */
static void names_of_further_programs(void **state) {
    static const struct {
        const char *name, *sampler, *grid;
        int order;
    } rows[] = {
        {"invokeai:euler_k", "euler", "karras", 0},
        {"invokeai:dpmpp_3m_k", "dpmpp_2m", "karras", 3},
        {"dpmpp_2m_sde_k", "dpmpp_2m_sde", "karras", 2},
        {"invokeai:kdpm_2_a_k", "dpm2_ancestral", "karras", 0},
        {"invokeai:deis", "deis", NULL, 2},
        {"invokeai:tcd", "tcd", "lcm", 0},
        {"sdnext:KDPM2 a", "dpm2_ancestral", NULL, 0},
        {"sdnext:DPM++ 3M", "dpmpp_2m", NULL, 3},
        {"forge:HeunPP2 Turbo", "heunpp2", "trailing", 0},
        {"forge:DPM++ 2M Karras", "dpmpp_2m", "karras", 2},
        {"res4lyf:exponential/res_2s", "res_2s", NULL, 2},
        {"res4lyf:multistep/res_2m beta57", "res_multistep", "beta", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c = named(rows[i].name);
        assert_string_equal(c.sampler.name, rows[i].sampler);
        if (rows[i].order) assert_int_equal(c.sampler.order, rows[i].order);
        if (rows[i].grid) assert_string_equal(c.grid.name, rows[i].grid);
        else assert_null(c.grid.name);
    }
    dk_grid beta57 = dk_grid_named("res4lyf:beta57"); /* beta_scheduler with alpha = 0.5, beta = 0.7 */
    check_near(beta57.a, 0.5, 0, "alpha"), check_near(beta57.b, 0.7, 0, "beta");
    dk_config c;
    memset(&c, 0, sizeof c);
    assert_int_equal(dk_config_named(&c, "invokeai:er_sde"), DK_ERROR_CONFIG);
}

/* ComfyUI's nodes make the samplers of its KSampler, and their inputs' defaults are those of the functions. */
static void nodes_stand_for_the_samplers_that_they_make(void **state) {
    static const char *const rows[][2] = {
        {"comfyui:SamplerLMS", "comfyui:lms"},
        {"comfyui:SamplerLCM", "comfyui:lcm"},
        {"comfyui:SamplerER_SDE", "comfyui:er_sde"},
        {"comfyui:SamplerSEEDS2", "comfyui:seeds_2"},
        {"comfyui:SamplerEulerCFGpp", "comfyui:euler_cfg_pp"},
        {"comfyui:SamplerEulerAncestralCFGPP", "comfyui:euler_ancestral_cfg_pp"},
        {"comfyui:SamplerEulerAncestral", "comfyui:euler_ancestral"},
        {"comfyui:SamplerDPMPP_2S_Ancestral", "comfyui:dpmpp_2s_ancestral"},
        {"comfyui:SamplerDPMAdaptative", "comfyui:dpm_adaptive"},
        {"comfyui:SamplerDPMPP_SDE", "comfyui:dpmpp_sde"},
        {"comfyui:SamplerDPMPP_2M_SDE", "comfyui:dpmpp_2m_sde"},
        {"comfyui:SamplerDPMPP_3M_SDE", "comfyui:dpmpp_3m_sde"},
        {"comfyui:SamplerSASolver", "comfyui:sa_solver"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config node = named(rows[i][0]), sampler = named(rows[i][1]);
        same_sampler(&node.sampler, &sampler.sampler, rows[i][0]);
        same_grid(&node.grid, &sampler.grid, rows[i][0]);
    }
}

/* SD.Next's names make the plans of diffusers' classes with the settings that its own table gives them. */
static void names_of_sdnext_make_the_plans_of_their_classes(void **state) {
    static const char *const rows[][2] = {
        {"sdnext:Euler SGM", "{\"_class_name\": \"EulerDiscreteScheduler\", \"timestep_spacing\": \"trailing\"}"},
        {"sdnext:DPM++ SDE", "{\"_class_name\": \"DPMSolverMultistepScheduler\", \"algorithm_type\": \"sde-dpmsolver++\", \"solver_order\": 1}"},
        {"sdnext:DPM++ 3M SDE", "{\"_class_name\": \"DPMSolverMultistepScheduler\", \"algorithm_type\": \"sde-dpmsolver++\", \"solver_order\": 3}"},
        {"sdnext:DPM++ 2M Inverse", "{\"_class_name\": \"DPMSolverMultistepInverseScheduler\"}"},
        {"sdnext:DPM++ 3M Inverse", "{\"_class_name\": \"DPMSolverMultistepInverseScheduler\", \"solver_order\": 3}"},
        {"sdnext:SA Solver", "{\"_class_name\": \"SASolverScheduler\"}"},
        {"sdnext:CMSI", "{\"_class_name\": \"CMStochasticIterativeScheduler\"}"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config file, name = named(rows[i][0]);
        dk_plan plans[2];
        memset(&file, 0, sizeof file), memset(plans, 0, sizeof plans);
        file.steps = 20, file.dim = 1;
        if (dk_config_from_json(&file, rows[i][1], strlen(rows[i][1]), NULL)) fail_msg("%s", dk_message(&file));
        file.start = DK_START_STATE;
        assert_int_equal(dk_record(&plans[0], &file), DK_OK);
        assert_int_equal(name.grid.rising, file.grid.rising);
        memcpy(name.sampler.noise_range, file.sampler.noise_range, sizeof name.sampler.noise_range); /* the note's */
        file.sampler = name.sampler;
        if (name.grid.spacing) {
            file.grid.spacing = name.grid.spacing, file.grid.rounding = name.grid.rounding;
            file.grid.final = name.grid.final;
        }
        assert_int_equal(dk_record(&plans[1], &file), DK_OK);
        if (!dk_plan_equal(&plans[0], &plans[1], 1e-12, NULL)) fail_msg("%s", rows[i][0]);
        dk_plan_free(&plans[0]), dk_plan_free(&plans[1]);
    }
}

static void has_levels(const char *settings, dk_unit unit, const double *want, int count) {
    double got[16];
    dk_config c;
    memset(&c, 0, sizeof c);
    if (dk_config_set(&c, settings)) fail_msg("%s: %s", settings, dk_message(&c));
    assert_int_equal(dk_levels(&c, unit, got, 16), count);
    for (int i = 0; i < count; i++) check_near(got[i], want[i], 1e-9, settings);
}

/* ComfyUI and AUTOMATIC1111 lay out one step more for some samplers, and leave out the last level above sigma = 0, whatever the
   scheduler is: KSampler.calculate_sigmas, discard_next_to_last_sigma. At shift 8 u = 8 t/(1 + 7 t). */
static void a_name_of_a_sampler_leaves_out_a_level_of_any_grid(void **state) {
    static const double fifths[] = {1, 6.4 / 6.6, 4.8 / 5.2, 3.2 / 3.8, 0}, thousand[] = {999, 799, 599, 399, -1};
    static const double thirds[] = {8, 4, 2, 0}, all[] = {8, 4, 2, 1}, even[] = {1, 0.8, 0.6, 0.4, 0};
    static const double kl[] = {2.5721516221263188, 1.5574077246549023, 1.0296385570503641, 0.6841368083416923, 0.20271003550867248};
    (void)state;
    has_levels("sampler=comfyui:uni_pc steps=4 dim=1 schedule=flow", DK_UNIT_FLOW, even, 5);
    has_levels("sampler=a1111:DPM2 grid=\"a1111:KL Optimal\" steps=4 dim=1 schedule=edm grid.sigma_min=0.20271003550867248 "
               "grid.sigma_max=2.5721516221263188",
               DK_UNIT_SIGMA, kl, 5); /* tan 1.2, 1, 0.8, 0.6 and, without that of 0.4, 0.2 */
    has_levels("sampler=comfyui:uni_pc grid=simple steps=4 dim=1 schedule=flow schedule.shift=8 schedule.timesteps=1000", DK_UNIT_FLOW, fifths, 5);
    has_levels("grid=simple sampler=comfyui:uni_pc_bh2 steps=4 dim=1 schedule=vp_scaled_linear", DK_UNIT_T, thousand, 5);
    has_levels("sampler=comfyui:dpm_2 grid=exponential steps=3 dim=1 schedule=edm grid.sigma_min=1 grid.sigma_max=8", DK_UNIT_SIGMA, thirds, 4);
    has_levels("sampler=\"DPM2 a\" grid=a1111:Exponential steps=3 dim=1 schedule=edm grid.sigma_min=1 grid.sigma_max=8", DK_UNIT_SIGMA, thirds, 4);
    has_levels("sampler=comfyui:dpm_adaptive grid=exponential steps=3 dim=1 schedule=edm grid.sigma_min=1 grid.sigma_max=8", DK_UNIT_SIGMA, all, 4);
}

/* AUTOMATIC1111's and Forge's schedulers, by their own formulas. */
static void grids_of_web_uis_are_theirs(void **state) {
    static const double kl[] = {2.5721516221263188, 0.8422883804630794, 0.20271003550867248}; /* tan 1.2, 0.7 and 0.2 */
    static const double turbo[] = {999, 749, 499, 249, -1};
    static const double gits[] = {14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.24, 0.156, 0.104, 0.094, 0.029, 0};
    /* the lists of 32, log-linearly */
    static const double of_32[] = {14.615, 3.2269361638341434, 1.3880894261937773, 0.5100470592022263, 0.015, 0};
    static const double of_32_sdxl[] = {14.615, 2.8678478017123075, 0.8621650366290956, 0.29819456667870775, 0.015, 0};
    (void)state;
    has_levels("grid=\"a1111:KL Optimal\" steps=2 dim=1 schedule=edm grid.sigma_min=0.20271003550867248 grid.sigma_max=2.5721516221263188",
               DK_UNIT_SIGMA, kl, 3);
    has_levels("grid=forge:Turbo steps=4 dim=1 schedule=vp_scaled_linear", DK_UNIT_T, turbo, 5);
    has_levels("grid=\"forge:Align Your Steps GITS\" steps=11 dim=1 schedule=vp_scaled_linear", DK_UNIT_SIGMA, gits, 12);
    has_levels("grid=\"forge:Align Your Steps 32\" steps=5 dim=1 schedule=vp_scaled_linear", DK_UNIT_SIGMA, of_32, 6);
    assert_string_equal(dk_grid_named("forge:Beta").name, "beta_sigma"); /* AUTOMATIC1111's, not ComfyUI's */
    has_levels("grid=ays_sdxl_32 steps=5 dim=1 schedule=vp_scaled_linear", DK_UNIT_SIGMA, of_32_sdxl, 6);
}

/* ComfyUI's nodes and stable-diffusion.cpp's schedulers, their formulas computed apart: e^mu/(e^mu + 1/t - 1) at t = 1, 3/4 .. 0,
   with mu by the number of tokens, and Ideogram 4's within its range. They are levels whatever the schedule's own shift is, and
   those of the models. */
static void grids_follow_the_number_of_tokens(void **state) {
    static const struct {
        const char *settings, *model; /* the same levels, unless NULL */
        double tokens, levels[5];
    } rows[] = {
        {"grid=sd.cpp:flux", "flux_dev", 4096, {1, 0.9045307667386396, 0.7595109169491111, 0.5128441015091338, 0}},
        {"grid=sd.cpp:flux grid.tokens=1024", "flux_dev", 1024, {1, 0.8492348306829303, 0.6524894621927445, 0.38494474881746926, 0}},
        {"grid=flux schedule.shift=3", NULL, 0, {1, 0.9045307667386396, 0.7595109169491111, 0.5128441015091338, 0}},
        {"grid=comfyui:Flux2Scheduler", "flux2_dev", 4096, {1, 0.9673839882381499, 0.9081439225213331, 0.7671999638747197, 0}},
        {"grid=sd.cpp:flux2 grid.tokens=1024", "flux2_klein", 1024, {1, 0.958085371628187, 0.8839818317017591, 0.7174965587003479, 0}},
        {"grid=sd.cpp:flux2 grid.tokens=8000", "flux2_klein", 8000, {1, 0.9483110702936294, 0.859461753925673, 0.6708902701697086, 0}},
        {"grid=comfyui:LTXVScheduler", "ltx2", 4096, {1, 0.8670832058183824, 0.6315685712321257, 0.1, 0}},
        {"grid=LTX2_SCHEDULER grid.tokens=7040", "ltx_video", 7040, {1, 0.8882130908934809, 0.6742385734920895, 0.1, 0}},
        {"grid=comfyui:Ideogram4Scheduler", NULL, 0, {0.9998766054240138, 0.8668632271877241, 0.6666666666666666, 0.3805510679983913, 0}},
        {"grid=sd.cpp:logit_normal", NULL, 0, {0.9998766054240138, 0.7650119985395049, 0.5, 0.23498800146049517, 0}},
    };
    char settings[160];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(settings, sizeof settings, "schedule=flow steps=4 dim=1 %s", rows[i].settings);
        has_levels(settings, DK_UNIT_FLOW, rows[i].levels, 5);
        if (!rows[i].model) continue;
        double got[8];
        dk_config c;
        dk_json more;
        memset(&c, 0, sizeof c), memset(&more, 0, sizeof more);
        c.steps = 4, c.dim = 1, more.tokens = rows[i].tokens;
        assert_int_equal(dk_config_for(&c, rows[i].model, &more), DK_OK);
        assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
        for (int k = 0; k < 5; k++) check_near(got[k], rows[i].levels[k], 1e-9, rows[i].model);
        assert_int_equal(dk_config_set(&c, rows[i].settings), DK_OK); /* the model's shift is not made twice */
        assert_int_equal(dk_levels(&c, DK_UNIT_FLOW, got, 8), 5);
        for (int k = 0; k < 5; k++) check_near(got[k], rows[i].levels[k], 1e-9, rows[i].settings);
    }
    dk_config c;
    memset(&c, 0, sizeof c);
    assert_int_equal(dk_config_set(&c, "schedule=flow steps=4 dim=1 grid=flux2 grid.tokens=-1"), DK_OK);
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "grid.a = -1: must be a number that the grid's function (grid.fn) knows");
}

/* Slopes (x - D)/sigma that are known before. */
static int known_slopes(void *user, const dk_eval *e) {
    const double slope[] = {1, 10, 100, 1000};
    (void)user;
    e->output[0] = (dk_real)((double)e->input[0] - dk_noise_level(e->level) * slope[e->call]);
    return 0;
}

static double result_of(const char *sampler, const double *levels) {
    dk_real x = 0;
    dk_config c = check_config("edm", NULL, 4);
    c.sampler = dk_sampler_named(sampler), c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    c.prediction = DK_PREDICT_X0, c.start = DK_START_STATE;
    assert_int_equal(dk_sample(&c, known_slopes, NULL, &x), DK_OK);
    return (double)x;
}

/* Its linear multistep samplers make an ordinary last step. By default LMS takes the last slope for the two before it
   (lms_shift = 1), and the second step of iPNDM-v alone sees how long steps are. */
static void linear_multistep_samplers_of_stable_diffusion_cpp(void **state) {
    static const double even[] = {4, 3, 2, 1, 0}, uneven[] = {4, 3, 1, 0.5, 0};
    const double first = 1, second = (3 * 10 - 1) / 2.0, third = (23 * 100 - 16 * 10 + 5) / 12.0;
    const double fourth = (55 * 1000 - 59 * 100 + 37 * 10 - 9) / 24.0;
    (void)state;
    check_near(result_of("sd.cpp:ipndm", even), -(first + second + third + fourth), 1e-3, "ipndm");
    check_near(result_of("sd.cpp:lms", even),
               -(first + second + (23 * 100 - 11 * 10) / 12.0 + (55 * 1000 - 22 * 100 - 9 * 10) / 24.0), 1e-3, "lms");
    check_near(result_of("sd.cpp:ipndm_v", uneven), -(first + 2 * (10 + 9) + 0.5 * third + 0.5 * fourth), 1e-3, "ipndm_v");
}

static dk_config read_from(const char *text, char *ignored) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.schedule = dk_vp_scaled_linear(), c.dim = 1;
    if (infotext_read(&c, text, strlen(text), ignored)) print_error("%s: %s\n", text, dk_message(&c));
    return c;
}

/* Lines as the programs write them. */
static void parameters_of_pictures_become_configs(void **state) {
    char ignored[DK_MESSAGE_SIZE];
    (void)state;
    dk_config c = read_from("a cat, Steps: many\nNegative prompt: Sampler: none\nSteps: 28, Sampler: DPM++ 2M SDE, Schedule type: Karras, "
                            "CFG scale: 7, Seed: 965400086, Size: 512x768, Model hash: 45dee52b, RNG: CPU, NGMS: 0.5, "
                            "Lora hashes: \"a: 1, Steps: 3\", Version: v1.10.1",
                            ignored);
    assert_string_equal(c.sampler.name, "dpmpp_2m_sde"), assert_string_equal(c.grid.name, "karras");
    assert_int_equal(c.steps, 28), assert_true(c.seed == 965400086), assert_int_equal(c.noise.kind, DK_NOISE_TORCH_CPU);
    check_near(c.guidance.scale, 7, 0, "CFG scale"), check_near(c.guidance.noise_min, 0.5, 0, "NGMS");
    assert_string_equal(ignored, "Size, Model hash, Lora hashes, Version");
    assert_int_equal(dk_resolve(&c), DK_OK);

    c = read_from("Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7", NULL); /* before version 1.9 */
    assert_string_equal(c.sampler.name, "dpmpp_2m"), assert_string_equal(c.grid.name, "karras");
    c = read_from("Steps: 20, Sampler: DPM++ 2M SDE, Schedule type: Automatic", NULL);
    assert_string_equal(c.grid.name, "exponential");
    c = read_from("Steps: 20, Sampler: Euler a", NULL);
    assert_string_equal(c.sampler.name, "euler_ancestral"), assert_string_equal(c.grid.name, "linspace");
    c = read_from("Steps: 20, Sampler: DDIM, Denoising strength: 0.7, RNG: NV", NULL);
    assert_string_equal(c.grid.name, "leading"), assert_int_equal(c.grid.n, 1);
    check_near(c.grid.strength, 0.7, 0, "strength"), assert_int_equal(c.grid.partial, DK_PARTIAL_MORE);
    assert_int_equal(c.noise.kind, DK_NOISE_TORCH_CUDA);
    c = read_from("Steps: 20, Sampler: Euler, Denoising strength: 0.7, Hires upscale: 2", ignored);
    check_near(c.grid.strength, 0, 0, "of a second pass");
    assert_string_equal(ignored, "Denoising strength, Hires upscale");

    c = read_from("{\"3\": {\"class_type\": \"KSampler\", \"inputs\": {\"seed\": 18446744073709551615, \"steps\": 20, \"cfg\": 8.0, "
                  "\"sampler_name\": \"dpmpp_2m\", \"scheduler\": \"normal\", \"denoise\": 0.5, \"model\": [\"4\", 0]}}}",
                  ignored);
    assert_string_equal(c.sampler.name, "dpmpp_2m"), assert_string_equal(c.grid.name, "normal");
    assert_true(c.seed == UINT64_MAX), check_near(c.guidance.scale, 8, 0, "cfg");
    check_near(c.grid.strength, 0.5, 0, "denoise"), assert_int_equal(c.grid.partial, DK_PARTIAL_STRETCH);
    assert_string_equal(ignored, "class_type, model");
}

static void parameters_that_do_not_resolve_are_refused_by_name(void **state) {
    static const char *const rows[][2] = {
        {"Steps: 20, Sampler: Foo, Seed: 1", "sampler \"Foo\" is not known"},
        {"Steps: 20, Sampler: Euler a, Schedule type: Bar", "grid \"Bar\" is not known"},
        {"Steps: many, Sampler: Euler a", "setting \"steps=many\": must be 1 .. 1000000"},
        {"Steps: 20 seed=3, Sampler: Euler a", "setting \"steps=20 seed=3\""},
        {"Steps: 20, CFG scale: 1\" dim=\"70000", "setting \"guidance.scale=1' dim='70000\": must be finite"},
        {"sampler_name: euler, scheduler: wrong", "grid \"wrong\" is not known"},
        {"Steps: ", "text: must have parameters such as \"Steps: 20, Sampler: Euler a\""},
        {"a cat on a mat", "text: must have parameters such as \"Steps: 20, Sampler: Euler a\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dk_config c;
        memset(&c, 0, sizeof c);
        c.seed = 9;
        assert_int_equal(infotext_read(&c, rows[i][0], strlen(rows[i][0]), NULL), DK_ERROR_CONFIG);
        if (!strstr(dk_message(&c), rows[i][1])) fail_msg("%s: %s", rows[i][0], dk_message(&c));
        assert_true(c.seed == 9 && c.steps == 0); /* all or nothing */
    }
    dk_config c;
    memset(&c, 0, sizeof c);
    assert_int_equal(infotext_read(&c, NULL, 0, NULL), DK_ERROR_CONFIG);
    assert_int_equal(infotext_read(NULL, "Steps: 20", 9, NULL), DK_ERROR_CONFIG);
}

static void published_lists_come_with_the_name(void **state) {
    dk_config c;
    (void)state;
    memset(&c, 0, sizeof c);
    c.schedule = dk_vp_scaled_linear(), c.steps = 10, c.dim = 1, c.grid.spacing = DK_SPACING_CUSTOM;
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(dk_message(&c), "grid.fn = NULL: must be a function for a custom spacing");
    c.grid = dk_grid_named("gits");
    assert_int_equal(dk_resolve(&c), DK_OK);
}

/* The enumerators' words are as many as the enumerators, in their order. */
static void words_follow_the_enumerators(void **state) {
    static const struct {
        const char *last;
        size_t field;
        int count;
    } lists[] = {{"sampler.gauge=pseudo", offsetof(dk_config, sampler.gauge), DK_GAUGE_COUNT},
                 {"sampler.rule=gradient", offsetof(dk_config, sampler.rule), DK_RULE_COUNT},
                 {"sampler.law=sde_noise", offsetof(dk_config, sampler.law), DK_LAW_COUNT},
                 {"sampler.predictor=none", offsetof(dk_config, sampler.sde.predictor), DK_PREDICTOR_COUNT},
                 {"grid.final=last", offsetof(dk_config, grid.final), DK_FINAL_COUNT},
                 {"grid.partial=more", offsetof(dk_config, grid.partial), DK_PARTIAL_COUNT},
                 {"start=data", offsetof(dk_config, start), DK_START_COUNT},
                 {"blend=both", offsetof(dk_config, blend), DK_BLEND_COUNT}};
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        dk_config c;
        int number;
        memset(&c, 0, sizeof c);
        assert_int_equal(dk_config_set(&c, lists[i].last), DK_OK);
        memcpy(&number, (const char *)&c + lists[i].field, sizeof number);
        assert_int_equal(number, lists[i].count - 1);
    }
    assert_int_equal(sizeof(dk_rule), sizeof(int));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_names_are_themselves),
        cmocka_unit_test(every_alias_leads_somewhere),
        cmocka_unit_test(names_mean_what_their_programs_say),
        cmocka_unit_test(case_and_separators_do_not_count),
        cmocka_unit_test(a_name_keeps_the_grid_unless_it_has_one),
        cmocka_unit_test(unknown_names_are_refused),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(one_door_sets_everything),
        cmocka_unit_test(a_grid_is_not_dropped_from_a_name),
        cmocka_unit_test(messages_name_words_and_calls),
        cmocka_unit_test(words_follow_the_enumerators),
        cmocka_unit_test(the_default_sampler_is_adams2),
        cmocka_unit_test(names_of_further_programs),
        cmocka_unit_test(nodes_stand_for_the_samplers_that_they_make),
        cmocka_unit_test(names_of_sdnext_make_the_plans_of_their_classes),
        cmocka_unit_test(a_name_of_a_sampler_leaves_out_a_level_of_any_grid),
        cmocka_unit_test(grids_of_web_uis_are_theirs),
        cmocka_unit_test(grids_follow_the_number_of_tokens),
        cmocka_unit_test(linear_multistep_samplers_of_stable_diffusion_cpp),
        cmocka_unit_test(parameters_of_pictures_become_configs),
        cmocka_unit_test(parameters_that_do_not_resolve_are_refused_by_name),
        cmocka_unit_test(published_lists_come_with_the_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
