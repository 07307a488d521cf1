/* Bad input: every field at every special value, buffers, callbacks and saves. Always a status and a message that names the
   field, and a run that can be read, repeated or ended. */
#include <stddef.h>
#include <stdlib.h>

static size_t allocated;                /* in blocks that are not freed */
static int failing;                     /* the allocation that fails, counted from now; 0: none */
static void *limited_malloc(size_t n) { /* as a machine with 256 MiB */
    void *p = n > ((size_t)1 << 28) || (failing > 0 && --failing == 0) ? NULL : malloc(n);
    if (p) allocated++;
    return p;
}
static void limited_free(void *p) {
    if (p) allocated--;
    free(p);
}
#include "check.h"
#include <limits.h>
#include "examples/likelihood.h"
#include "examples/levels.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* ------------------------------------------------------------------------------- fields */

/* What a field is set to, and how a message shows it. */
static const struct {
    double value;
    const char *text;
} reals[] = {{(double)NAN, "nan"},     {HUGE_VAL, "inf"}, {-HUGE_VAL, "-inf"}, {-1, "-1"}, {0, "0"},
             {5e-324, "5e-324"}, {1e308, "1e308"}},
  wholes[] = {{-2147483648.0, "-2147483648"}, {-1, "-1"}, {0, "0"}, {1, "1"}, {2147483647, "2147483647"}};

/* A schedule to which the field matters; the field; which of the values above are refused (R); and what the
   message then says that it must be. Those that pass may be refused for another reason, or work. */
typedef struct field {
    const char *schedule, *name;
    size_t at;
    char kind;
    const char *refused, *allowed;
    const char *grid; /* the spacing whose own number it is */
} field;
#define REAL(schedule, member, refused, allowed) \
    { schedule, #member, offsetof(dk_config, member), 'r', refused, allowed, NULL }
#define WHOLE(schedule, member, refused, allowed) \
    { schedule, #member, offsetof(dk_config, member), 'i', refused, allowed, NULL }
#define OWN(kind, schedule, grid_name, name, member, refused, allowed) \
    { schedule, "grid." #name, offsetof(dk_config, grid.member), kind, refused, allowed, grid_name }
#define NAMED(kind, schedule, word, member, refused, allowed) \
    { schedule, word, offsetof(dk_config, member), kind, refused, allowed, NULL }
#define KIND(source)                                                                  \
    {                                                                                 \
        "flow", #source, offsetof(dk_config, source.kind), 'i', "RR..R",              \
            "default|philox|brownian|torch_cpu|torch_cuda|numpy|torchsde", NULL \
    }
/* clang-format off */
static const field fields[] = {
    WHOLE("flow", schedule.family, "RR..R", "default|flow|ve|edm|vp|vp_discrete|sub_vp|cosine|vp_cosine|custom"),
    REAL("flow", schedule.t_min, "RRRR..R", "within the family's times"),
    REAL("flow", schedule.t_max, "RRRR..R", "within the family's times, > t_min"),
    REAL("flow", schedule.shift, "RRRR...", "> 0 (0: 1)"),
    REAL("edm", schedule.sigma_min, "RRRRR..", "> 0"),
    REAL("edm", schedule.sigma_max, "RRRRRR.", "> sigma_min"),
    REAL("ve", schedule.sigma_min, "RRRRR..", "> 0"),
    REAL("ve", schedule.sigma_max, "RRRRRR.", "> sigma_min"),
    REAL("vp_cosine_flow", schedule.cosine_offset, "RRRR...", ">= 0"),
    REAL("vp_cosine_flow", schedule.cosine_power, "RRRR...", "0.01 .. 100 (0: 1)"),
    REAL("vp_cosine_flow", schedule.sigma_min, "RRRR...", ">= 0"),
    REAL("vp_cosine_flow", schedule.sigma_max, "R.RR...", "> sigma_min (0: no limit)"),
    REAL("vp", schedule.beta_min, "RRRRR..", "> 0"),
    REAL("vp", schedule.beta_max, "RRRRRR.", ">= beta_min"),
    REAL("sub_vp", schedule.beta_min, "RRRRR..", "> 0"),
    REAL("sub_vp", schedule.beta_max, "RRRRRR.", ">= beta_min"),
    WHOLE("vp_linear", schedule.betas, "RR..R", "linear|scaled_linear|cosine|sigmoid|exponential|laplace"),
    WHOLE("vp_linear", schedule.timesteps, "RRRRR", "2 .. 1000000"),
    WHOLE("flow", schedule.timesteps, "RR.RR", "2 .. 1000000 (0: 1000)"),
    REAL("vp_linear", schedule.beta_min, "RRRRR.R", "> 0 and < 1 without alphas_cumprod"),
    REAL("vp_linear", schedule.beta_max, "RRRRR.R", "> 0 and < 1"),
    WHOLE("vp_linear", schedule.zero_terminal_snr, "RR..R", "0 or 1"),
    WHOLE("vp_linear", schedule.quirks, "RR.RR", "bits of DK_QUIRK_... that are a schedule's"),
    WHOLE("flow", prediction, "RR..R", "default|x0|eps|v|velocity|score|edm"),
    REAL("flow", sigma_data, "RRRR...", "> 0 (0: 0.5)"),
    WHOLE("flow", condition, "RR..R", "default|t|sigma|flow|lambda|c_noise|data|angle"),
    REAL("flow", condition_scale, "RRR....", "finite (0: 1)"),
    REAL("flow", condition_offset, "RRR....", "finite"),
    WHOLE("flow", condition_rounding, "RR..R", "none|nearest|down"),
    WHOLE("flow", negated, "RR..R", "0 or 1"),
    WHOLE("flow", number, "RR..R", "real|fp16|bf16"),
    REAL("flow", clip, "RRRR...", ">= 0"),
    WHOLE("flow", steps, "RRR.R", "1 .. 1000000"),
    WHOLE("flow", batch, "RR...", "1 .. 357913941 (0: 1)"),
    WHOLE("flow", start, "RR..R", "noise|state|data"),
    WHOLE("flow", unchecked, "RR..R", "0 or 1"),
    WHOLE("flow", threads, "RR..R", "0 .. 65536"),
    WHOLE("flow", grid.spacing, "RR..R", 
          "default|karras|power|exponential|lambda|uniform|quadratic|sway|leading|trailing|linspace|polyexponential|vp|iddpm|"
          "kl_optimal|laplace|logit_normal|linear_quadratic|bong_tangent|crash|beta_sigma|beta|normal|sgm_uniform|"
          "simple|ddim_uniform|smoothstep|sd_turbo|lcm|custom|resample|levels"),
    WHOLE("flow", sampler.gauge, "RR..R", "default|ve|flow|vp|native|pseudo"),
    WHOLE("flow", sampler.rule, "RR..R", "default|exact|dpm|dpm_taylor|bh1|bh2|sa|uniform|gradient"),
    WHOLE("flow", sampler.law, "RR..R", "default|ancestral|sde|ddpm_large|fresh|time|flow|sde_noise"),
    NAMED('i', "flow", "sampler.predictor", sampler.sde.predictor, "RR..R", "reverse_diffusion|euler_maruyama|ancestral|none"),
    NAMED('i', "flow", "sampler.control", sampler.control.law, "RR..R", "standard|free|smooth; needs rtol or atol"),
    WHOLE("flow", sampler.order, "RR..R", "0 .. 8"),
    NAMED('r', "flow", "sampler.alpha", sampler.alpha[0], "RRR....", "finite"),
    NAMED('r', "flow", "sampler.alpha2", sampler.alpha[1], "RRR....", "finite"),
    REAL("flow", sampler.eta, "RRRR...", ">= 0"),
    REAL("flow", sampler.noise_excess, "RRR...R", "-1 .. 1e30"),
    REAL("flow", sampler.churn, "RRRR...", ">= 0"),
    NAMED('r', "flow", "sampler.churn_min", sampler.churn_range[0], "R.RR...", ">= 0"),
    NAMED('r', "flow", "sampler.churn_max", sampler.churn_range[1], "R.RR...", ">= churn_min (0: no limit)"),
    NAMED('r', "flow", "sampler.noise_min", sampler.noise_range[0], "R.RR...", ">= 0"),
    NAMED('r', "flow", "sampler.noise_max", sampler.noise_range[1], "R.RR...", ">= noise_min (0: no limit)"),
    NAMED('r', "flow", "sampler.snr", sampler.sde.snr, "RRRR...", ">= 0"),
    NAMED('r', "flow", "sampler.langevin_step", sampler.sde.langevin_step, "RRRR...", ">= 0"),
    NAMED('i', "flow", "sampler.langevin_steps", sampler.sde.langevin_steps, "RR..R", "0 .. 100000"),
    WHOLE("flow", sampler.corrector, "RR..R", "0 .. 9"),
    WHOLE("flow", sampler.warmup, "RR...", ">= 0"),
    WHOLE("flow", sampler.lower_order_final, "RR..R", "0 or 1"),
    NAMED('r', "flow", "sampler.rtol", sampler.control.rtol, "RRRR..R", "0 .. 1"),
    NAMED('r', "flow", "sampler.atol", sampler.control.atol, "RRRR..R", "0 .. 1e300"),
    NAMED('r', "flow", "sampler.h_init", sampler.control.h_init, "RRRR..R", "0 .. 1e300 (0: by itself); needs rtol or atol"),
    NAMED('r', "flow", "sampler.safety", sampler.control.safety, "RRRR..R", "> 0 and <= 1 (0: 0.9); needs rtol or atol"),
    NAMED('r', "flow", "sampler.pcoeff", sampler.control.pcoeff, "RRR...R", "-10 .. 10; needs rtol or atol"),
    NAMED('r', "flow", "sampler.icoeff", sampler.control.icoeff, "RRR...R", "-10 .. 10; needs rtol or atol"),
    NAMED('r', "flow", "sampler.dcoeff", sampler.control.dcoeff, "RRR...R", "-10 .. 10; needs rtol or atol"),
    WHOLE("flow", sampler.cfg_pp, "RR..R", "0 or 1"),
    WHOLE("flow", sampler.noise_prediction, "RR..R", "0 or 1"),
    WHOLE("flow", sampler.pece, "RR..R", "0 or 1; needs corrector"),
    REAL("flow", sampler.plain_last, "RRRR..R", "0 .. 1"),
    REAL("flow", sampler.quirk, "RRRR..R", "0 .. 2147483647"),
    WHOLE("flow", grid.final, "RR..R", "default|zero|min|value|replace|last"),
    WHOLE("flow", grid.rounding, "RR..R", "none|nearest|down"),
    WHOLE("flow", grid.partial, "RR..R", "slice|stretch|level|up|more"),
    REAL("flow", grid.sigma_min, "RRRR...", ">= 0 and < sigma_max"),
    REAL("flow", grid.sigma_max, "RRRR...", ">= 0"),
    REAL("flow", grid.shift, "RRRR...", "> 0 (0: 1)"),
    REAL("flow", grid.terminal, "RRRR..R", "> 0 and < 1 (0: none)"),
    OWN('r', "edm", "karras", rho, a, "RRRR...", "> 0 (0: 7, power 2, polyexponential 1)"),
    OWN('r', "edm", "power", pivot, b, "RRRR...", "> 0 (0: 6 sigma_data times schedule.shift)"),
    OWN('r', "edm", "vp", time_min, a, "RRRR..R", "> 0 and <= 0.999 (0: 0.001)"),
    OWN('r', "edm", "iddpm", c_1, a, "RRRR..R", "> 0 and < 1 (0: 0.001)"),
    OWN('r', "edm", "iddpm", c_2, b, "RRRR..R", "> 0 and <= 1 (0: 0.008)"),
    OWN('r', "edm", "laplace", mean, a, "RRR...R", "-100 .. 100"),
    OWN('r', "edm", "laplace", deviation, b, "RRRR..R", "> 0 and <= 100 (0: by spacing)"),
    OWN('r', "flow", "sway", sway, a, "RRR...R", "-1 .. 1.75 (0: -1)"),
    OWN('r', "flow", "linear_quadratic", threshold, a, "RRRR..R", "> 0 and < 1 (0: 0.025)"),
    OWN('i', "flow", "linear_quadratic", linear_steps, n, "RR..R", ">= 0 and below steps"),
    OWN('r', "flow", "beta", beta_a, a, "RRRR..R", "> 0 and <= 50 (0: 0.6)"),
    OWN('r', "flow", "beta_sigma", beta_b, b, "RRRR..R", "> 0 and <= 50 (0: 0.6)"),
    OWN('i', "vp_linear", "leading", offset, n, "RR..R", ">= 0, and with the last of steps below schedule.timesteps (steps_offset)"),
    OWN('i', "flow", "lcm", original_steps, n, "RR..R", "1 .. 1000000 (0: 10, lcm 50)"),
    REAL("edm", grid.final_value, "RRRRR..", "> 0 (for zero use DK_FINAL_ZERO)"),
    REAL("flow", grid.strength, "RRRR..R", "> 0 and <= 1 (0: 1)"),
    WHOLE("flow", grid.full_steps, "RR..R", "1 .. 1000000 (0: steps)"),
    WHOLE("flow", grid.rising, "RR..R", "0 or 1"),
    WHOLE("flow", grid.quirks, "RR.RR", "bits of DK_QUIRK_... that are a grid's"),
    WHOLE("flow", grid.travel, "RR..R", "0 or 1"),
    WHOLE("edm", grid.unit, "RR..R", "default|t|sigma|flow|lambda|c_noise|data|angle"),
    WHOLE("edm", grid.level_count, "RRRRR", "2 .. 1000000, as many as grid.levels has"),
    WHOLE("flow", blend, "RR..R", "state|fixed|denoised|both"),
    KIND(noise),
    WHOLE("flow", noise.bits, "RR.RR", "0, 32 or 64"),
    WHOLE("flow", noise.threads, "RR.RR", "a multiple of 256 (0: no limit)"),
    WHOLE("flow", noise.seed_offset, ".....", ""),
    KIND(step_noise),
    WHOLE("flow", step_noise.bits, "RR.RR", "0, 32 or 64"),
    WHOLE("flow", step_noise.threads, "RR.RR", "a multiple of 256 (0: no limit)"),
    WHOLE("flow", step_noise.seed_offset, ".....", ""),
    REAL("flow", guidance.scale, "RRR....", "finite"),
    REAL("flow", guidance.scale2, "RRR....", "finite; needs scale"),
    NAMED('r', "flow", "guidance.away2", guidance.away[0], "RRR....", "finite; needs scale"),
    NAMED('r', "flow", "guidance.away5", guidance.away[3], "RRR....", "finite; needs scale"),
    REAL("flow", guidance.noise_min, "R.RR...", ">= 0"),
    REAL("flow", guidance.noise_max, "R.RR...", "> noise_min (0: no limit)"),
    REAL("flow", guidance.start, "RRRR..R", "0 .. 1"),
    REAL("flow", guidance.stop, "RRRR..R", "0 .. 1 (0: 1)"),
    REAL("flow", guidance.rescale, "RRRR..R", "0 .. 1; needs scale"),
    WHOLE("flow", guidance.zero_star, "RR..R", "0 or 1; needs scale"),
    WHOLE("flow", guidance.zero_init, "RR..R", ">= 0 and < steps"),
    WHOLE("flow", guidance.projected, "RR..R", "0, 1 or 2; needs scale"),
    REAL("flow", guidance.parallel, "RRR....", "finite; needs projected"),
    REAL("flow", guidance.momentum, "RRR....", "finite; needs projected"),
    REAL("flow", guidance.limit, "R.RR...", ">= 0 (0: no limit); needs projected"),
    WHOLE("flow", guidance.space, "RR..R", "default|x0|eps|v|velocity|score|edm; needs rescale or zero_star or projected or zero_init or guider"),
    WHOLE("flow", guidance.doubled, "RR..R", "0 or 1"),
    REAL("flow", guidance.quantile, "RRRR..R", "0 .. 1 (0: no thresholding)"),
    REAL("flow", guidance.quantile_most, "R.RR...", ">= 0 (0: no limit); needs quantile"),
};
/* clang-format on */

static void set_field(dk_config *c, size_t at, char kind, double value) {
    char *to = (char *)c + at;
    int whole = kind == 'i' ? (int)value : 0;
    if (kind == 'r') memcpy(to, &value, sizeof value);
    else memcpy(to, &whole, sizeof whole); /* an int, or an enum of its size */
}

static double special(const field *f, int k) { return f->kind == 'r' ? reals[k].value : wholes[k].value; }

/* Bounded for every finite x. */
static int bounded(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        dk_real x;
        if (e->input) x = e->input[i];
        else dk_from_half(DK_NUMBER_FP16, e->input_half + i, &x, 1);
        dk_real F = x / (1 + (dk_real)fabs((double)x)), G = F / 2;
        if (e->output) e->output[i] = F;
        else dk_to_half(DK_NUMBER_FP16, &F, e->output_half + i, 1);
        if (e->uncond_output) e->uncond_output[i] = G;
        if (e->uncond_output_half) dk_to_half(DK_NUMBER_FP16, &G, e->uncond_output_half + i, 1);
    }
    return 0;
}

/* Either it works, without a word and with finite results, or it says why not; and nothing is lost. Returns 0 if not so. */
static int coherent(dk_config *c) {
    enum { ROOM = 8 };
    dk_real x[ROOM];
    for (int i = 0; i < ROOM; i++) x[i] = (dk_real)0.25;
    size_t before = allocated;
    strcpy(c->message, "untouched");
    dk_status status = dk_sample(c, bounded, NULL, x);
    size_t length = strlen(c->message);
    int good = allocated == before &&
               (strcmp(c->message, "untouched") == 0) == (status == DK_OK) && length > 0; /* when it fails, only */
    for (int i = 0; i < ROOM && status == DK_OK && !c->unchecked; i++) good &= isfinite((double)x[i]);
    return good;
}

static const char *const schedules[] = {
    "flow", "ve", "edm", "vp", "vp_linear", "sub_vp", "cosine_flow", "vp_cosine_flow", "vp_zero_snr"};
static const char *const samplers[] = {
    "euler", "dpmpp_2m_sde", "ddpm", "rk45", "unipc", "edm_churn", "lcm", "er_sde", "predictor_corrector"};
enum { SCHEDULES = COUNT(schedules), SAMPLERS = COUNT(samplers), FIELDS = COUNT(fields) };

/* A config in which the field matters; fine but for what is then set. */
static dk_config config_for(const field *f) {
    static const double levels[4] = {3, 2, 1, 0.5};
    dk_config c = check_config(f->schedule, "euler", 3);
    c.dim = 2;
    if (f->grid) c.grid = dk_grid_named(f->grid);
    if (strcmp(f->name, "grid.unit") == 0) c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
    if (strcmp(f->name, "grid.final_value") == 0) c.grid.final = DK_FINAL_VALUE, c.grid.final_value = 1e-3;
    if (strcmp(f->name, "grid.level_count") == 0) c.grid = check_resampled(levels, 4, DK_UNIT_SIGMA);
    if (strncmp(f->name, "step_noise.", 11) == 0) c.step_noise = source_of(DK_NOISE_TORCH_CUDA);
    if (strncmp(f->name, "noise.", 6) == 0) c.noise = source_of(DK_NOISE_TORCH_CUDA);
    if (strncmp(f->name, "guidance.", 9) == 0) c.guidance.scale = 2;
    return c;
}

/* Whether a message is the text, or as much of it in whole words as there is room for, and "...". */
static int says(const char *message, const char *text) {
    size_t n = strlen(message);
    if (strlen(text) < DK_MESSAGE_SIZE) return strcmp(message, text) == 0;
    return n > DK_MESSAGE_SIZE - 40 && strcmp(message + n - 3, "...") == 0 && strncmp(message, text, n - 3) == 0 &&
           strchr(" |", text[n - 4]);
}

static int refused_with(dk_config *c, const char *part, const field *f, int k) {
    char text[2 * DK_MESSAGE_SIZE];
    snprintf(text, sizeof text, "%s%s = %s: must be %s", part, f->name,
             f->kind == 'r' ? reals[k].text : wholes[k].text, f->allowed);
    if (dk_resolve(c) == DK_ERROR_CONFIG && says(c->message, text)) return 1;
    print_error("wanted \"%s\", got \"%s\"\n", text, c->message);
    return 0;
}

static void refused_values_are_named_with_field_value_and_what_is_allowed(void **state) {
    int failed = 0;
    (void)state;
    for (int i = 0; i < FIELDS; i++)
        for (int k = 0; fields[i].refused[k]; k++) {
            const field *f = &fields[i];
            dk_config c = config_for(f), fine = c;
            if (dk_resolve(&fine) != DK_OK) fail_msg("%s: %s", f->name, fine.message);
            if (f->refused[k] != 'R') continue;
            set_field(&c, f->at, f->kind, special(f, k));
            failed += !refused_with(&c, "", f, k);
            if (strncmp(f->name, "schedule.", 9) != 0 || strcmp(f->name, "schedule.family") == 0) continue;
            c = config_for(f), c.network_schedule = c.schedule;
            set_field(&c, f->at + offsetof(dk_config, network_schedule) - offsetof(dk_config, schedule), f->kind, special(f, k));
            failed += !refused_with(&c, "network_", f, k);
        }
    assert_int_equal(failed, 0);
}

static void sizes_that_cannot_be_are_named(void **state) {
    const size_t dims[] = {(size_t)-1, (size_t)-1 / 2, (size_t)-1 / sizeof(dk_real)};
    dk_real x[1];
    dk_config c = check_config("flow", "euler", 3);
    (void)state;
    for (int k = 0; k < COUNT(dims); k++) {
        c.dim = dims[k];
        assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_CONFIG);
        assert_non_null(strstr(c.message, "dim = "));
        assert_non_null(strstr(c.message, ": must be small enough for batch * dim numbers to fit in memory"));
    }
    if (sizeof(size_t) < 8) return; /* so much can be had there */
    c.dim = (size_t)1 << (sizeof(size_t) < 8 ? 0 : 40);
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_MEMORY);
    assert_non_null(strstr(c.message, "no memory could be allocated: needs "));
}

static void every_value_of_every_field_is_survived_in_every_family(void **state) {
    int failed = 0;
    (void)state;
    for (int s = 0; s < SCHEDULES; s++)
        for (int i = 0; i < FIELDS; i++)
            for (int k = 0; fields[i].refused[k]; k++) {
                const field *f = &fields[i];
                dk_config c = check_config(schedules[s], samplers[(s + i) % SAMPLERS], 3);
                c.dim = 2;
                if (strncmp(f->name, "guidance.", 9) == 0) c.guidance.scale = 2;
                set_field(&c, f->at, f->kind, special(f, k));
                if (coherent(&c)) continue;
                print_error("%s, %s, %s = %g: \"%s\"\n", schedules[s], samplers[(s + i) % SAMPLERS], f->name,
                            special(f, k), c.message);
                failed++;
            }
    assert_int_equal(failed, 0);
}

/* Several fields at once, in a fixed order that looks random. */
static void fields_that_contradict_each_other_are_survived(void **state) {
    uint32_t random = 1;
    int failed = 0;
    (void)state;
    for (int round = 0; round < 2000; round++) {
        char what[1000] = "";
        dk_config c = check_config(schedules[round % SCHEDULES], samplers[round / 7 % SAMPLERS], 3);
        c.dim = 2, c.grid = dk_grid_named(dk_grid_at(round % 29)->name);
        for (int n = 2 + round % 3; n > 0; n--) {
            const field *f = &fields[(random = random * 1664525u + 1013904223u) % FIELDS];
            int k = (int)((random >> 16) % strlen(f->refused));
            if (f->refused[k] == 'R') continue;
            set_field(&c, f->at, f->kind, special(f, k));
            snprintf(what + strlen(what), sizeof what - strlen(what), " %s=%g", f->name, special(f, k));
        }
        if (coherent(&c)) continue;
        print_error("%s, %s, %s,%s: \"%s\"\n", schedules[round % SCHEDULES], samplers[round / 7 % SAMPLERS],
                    dk_grid_at(round % 29)->name, what, c.message);
        failed++;
    }
    assert_int_equal(failed, 0);
}

static void what_contradicts_is_named(void **state) {
    static const struct {
        const char *schedule, *sampler, *settings, *message;
    } cases[] = {
        {"ve", "euler", "schedule.sigma_min=9.9e-101", "schedule.sigma_min = 9.9e-101: must be >= 1e-100 on VE"},
        {"ve", "euler", "schedule.sigma_max=1.1e100", "schedule.sigma_max = 1.1e100: must be <= 1e100 on VE"},
        {"edm", "euler", "grid.sigma_min=2 grid.sigma_max=1", "grid.sigma_min = 2: must be >= 0 and < sigma_max"},
        {"edm", "euler", "grid.sigma_min=90", "grid.sigma_min = 90: must be below the range's other end"},
        {"edm", "euler", "grid.sigma_max=0.001",
         "grid.sigma_max = 0.001: must be above the range's other end"},
        {"edm", "euler", "grid.final=value",
         "grid.final_value = 0: must be > 0 (for zero use DK_FINAL_ZERO)"},
        {"edm", "euler", "grid.final=value grid.final_value=1",
         "grid.final_value = 1: must be below the range's"},
        {"edm", "euler", "grid.terminal=0.1", "grid.terminal = 0.1: must be 0 but for flow schedules"},
        {"edm", "euler", "grid.way=repaint grid.rising=1",
         "grid.rising = 1: must be 0 on a way that goes back up"},
        {"edm", "euler", "grid.strength=0.1", "grid.strength = 0.1: must be at least 1/steps"},
        {"edm", "euler", "grid.full_steps=2", "steps = 3: must be at most grid.full_steps"},
        {"edm", "ddim", "eta=1 noise_min=2 noise_max=1", "sampler.noise_max = 1: must be >= noise_min (0: no limit)"},
        {"edm", "euler", "churn=9 churn_max=1 churn_min=2", "sampler.churn_max = 1: must be >= churn_min (0: no limit)"},
        {"edm", "rk45", "churn=1", "sampler.churn = 1: must be 0 with step-size control"},
        {"edm", "rk45", "grid.way=repaint",
         "sampler.rtol = 1e-5: must be 0, and atol too: with step-size"},
        {"edm", "euler", "rtol=0.1", "sampler.rtol = 0.1: must be 0, and atol too: this sampler has no error"},
        {"edm", "lms", "eta=1", "sampler.eta = 1: must be 0"},
        {"edm", "edm_churn", "grid.rising=1", "sampler.churn"},
        {"flow", "euler", "grid.rising=1", "start = noise: must be DK_START_STATE or DK_START_DATA"},
        {"flow", "lawson4", "stride=1 rtol=0.1", "sampler.stride = 1: must be 0: this method uses exponential"},
        {"edm", "euler", "grid.strength=1e-7 grid.partial=stretch",
         "grid.strength = 1e-7: must be at least steps/1000000"},
        {"edm", "euler", "grid.strength=0.5 grid.partial=level grid.sigma_max=1",
         "grid.partial = level: must be another: to begin at a level needs a spacing with a range"},
        {"edm", "euler", "grid.travel=1", "grid.travel = 1: must be 0: it is for a list of levels"},
        {"edm", "euler_ancestral", "grid.rising=1 grid.final=min start=state",
         "sampler.eta = 1: must be 0 on a rising grid"},
        {"edm", "er_sde", "grid.rising=1 grid.final=min start=state",
         "grid.rising = 1: must be 0: the SDE runs towards data"},
        {"edm", "euler_maruyama", "grid.rising=1 grid.final=min start=state",
         "grid.rising = 1: must be 0: the reverse SDE runs towards data"},
        {"edm", "edm", "alpha=0", "sampler.alpha = 0: must be > 0 and <= 1"},
        {"edm", "seeds_2", "law=ancestral", "sampler.law = ancestral: must be DK_LAW_SDE: SEEDS follow its paths"},
        {"vp", "predictor_corrector", "bins=1", "steps = 3: must be >= schedule.beta_max with sampler.bins"},
        {"vp", "predictor_corrector", "bins=1 quirk=5",
         "sampler.quirk = 5: must be >= schedule.beta_max with sampler.bins"},
        {"edm", "euler", "guidance.scale=2 guidance.zero_star=1 guidance.scale2=2",
         "guidance.scale2 = 2: must be 0 with zero_star or projected"},
        {"edm", "rk45", "guidance.scale=2 guidance.zero_star=1", "guidance: start, stop, rescale, zero_star, zero_init"},
        {"edm", "rk45", "guidance.scale=2 guidance.projected=1", "guidance: start, stop, rescale, zero_star, zero_init"},
        {"edm", "rk45", "guidance.quantile=0.9", "guidance: start, stop, rescale, zero_star, zero_init"},
        {"edm", "rk45", "guidance.zero_init=1", "guidance: start, stop, rescale, zero_star, zero_init"},
        {"edm", "rk45", "guidance.start=0.5", "guidance: start, stop, rescale, zero_star, zero_init"},
        {"edm", "rk45", "guidance.stop=0.5", "guidance: start, stop, rescale, zero_star, zero_init"},
        {"edm", "euler", "step_noise.seed_offset=3", "step_noise.seed_offset = 3: must be 0 with step_noise = default"},
    };
    (void)state;
    for (int k = 0; k < COUNT(cases); k++) {
        dk_real x[2];
        dk_config c = check_config(cases[k].schedule, cases[k].sampler, 3);
        c.dim = 2;
        if (dk_config_set(&c, cases[k].settings)) fail_msg("%s", dk_message(&c));
        if (dk_sample(&c, bounded, NULL, x) != DK_ERROR_CONFIG) fail_msg("%s is not refused", cases[k].settings);
        if (strncmp(c.message, cases[k].message, strlen(cases[k].message)) != 0)
            fail_msg("%s: wanted \"%s\", got \"%s\"", cases[k].settings, cases[k].message, c.message);
    }
}

/* What a grid from a list or a table needs, and what such a grid must leave alone. */
static void lists_and_tables_are_checked(void **state) {
    static const double levels[4] = {3, 2, 1, 0.5}, below[4] = {3, 2, 1, -1},
                        gap[4] = {3, (double)NAN, 1, 0.5};
    const dk_grid own = dk_grid_levels(levels, DK_UNIT_SIGMA);
    dk_grid nothing = dk_grid_levels(NULL, DK_UNIT_SIGMA), no_function = dk_grid_named("gits"), other = dk_grid_named("uniform");
    dk_grid with_levels = other, with_function = other, no_way = own, two_ways = own;
    const dk_way none = {NULL}, repaint = {dk_repaint_level};
    no_function.fn = NULL, with_levels.levels = levels, with_function.fn = dk_grid_named("gits").fn, other.a = 5;
    no_way.way = &none, two_ways.way = &repaint, two_ways.travel = 1;
    const struct {
        const char *schedule;
        dk_grid grid;
        const char *settings, *message;
    } rows[] = {
        {"edm", nothing, "", "grid.levels = NULL: must be steps + 1 numbers"},
        {"edm", check_resampled(NULL, 4, DK_UNIT_SIGMA), "",
         "grid.levels = NULL: must be grid.level_count numbers"},
        {"edm", check_resampled(below, 4, DK_UNIT_SIGMA), "",
         "grid.levels = -1: must be finite, and > 0 where logs are taken"},
        {"flow", check_resampled(below, 4, DK_UNIT_FLOW), "",
         "grid.levels = -1: must be finite, and > 0 where logs are taken"},
        {"edm", check_resampled(gap, 4, DK_UNIT_LAMBDA), "",
         "grid.levels = nan: must be finite, and > 0 where logs are taken"},
        {"edm", own, "grid.final=zero", "grid.final = zero: must be 0: levels are taken verbatim"},
        {"edm", own, "grid.shift=2", "grid.shift = 2: must be 0: levels are taken verbatim"},
        {"edm", own, "grid.terminal=0.1", "grid.terminal = 0.1: must be 0: levels are taken verbatim"},
        {"edm", own, "grid.spare=1", "grid.spare = 1: must be 0: levels are taken verbatim"},
        {"edm", no_way, "", "grid.way->level = NULL: must be a function"},
        {"edm", two_ways, "", "grid.travel = 1: must be 0 with grid.way"},
        {"edm", with_levels, "", "grid.levels = 1: must be 0 but for lists of levels"},
        {"edm", with_function, "", "grid.fn = 1: must be left out (0): the grid's spacing has no use for it"},
        {"edm", own, "grid.sigma_max=2", "grid.sigma_max = 2: must be 0: this spacing has no range"},
        {"edm", own, "grid.sigma_min=2", "grid.sigma_min = 2: must be 0: this spacing has no range"},
        {"edm", own, "grid.strength=0.5 grid.partial=level", "grid.partial = level: must be another: to begin"},
        {"edm", dk_grid_named("leading"), "", "grid.spacing = leading: must be for a discrete schedule"},
        {"vp_linear", dk_grid_named("sd_turbo"), "grid.original_steps=2000",
         "grid.original_steps = 2000: must be at most schedule.timesteps"},
        {"vp_linear", dk_grid_named("sd_turbo"), "grid.offset=10",
         "grid.offset = 10: must be >= 0 and below original_steps"},
        {"vp_linear", dk_grid_named("lcm"), "grid.original_steps=2",
         "steps = 3: must be at most grid.original_steps"},
        {"vp_linear", no_function, "", "grid.fn = NULL: must be a function for a custom spacing"},
        {"vp_linear", other, "", "grid.a = 5: must be left out (0): the grid's spacing has no use for it"},
        {"vp_linear", dk_grid_named("gits"), "grid.coefficient=1.1",
         "grid.a = 1.1: must be a number that the grid's function"},
    };
    (void)state;
    for (int k = 0; k < COUNT(rows); k++) {
        dk_config c = check_config(rows[k].schedule, "euler", 3);
        c.grid = rows[k].grid;
        assert_int_equal(dk_config_set(&c, rows[k].settings), DK_OK);
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        if (strncmp(c.message, rows[k].message, strlen(rows[k].message)) != 0)
            fail_msg("wanted \"%s\", got \"%s\"", rows[k].message, c.message);
    }
    dk_config c = check_config("vp_linear", "euler", 3);
    c.schedule.t_min = -1, c.grid = dk_grid_named("quadratic");
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "schedule.t_min = -1: must be >= 0 for the quadratic grid");
    c.schedule.t_min = 0, c.grid.sigma_min = 0.001; /* below timestep 0, whose noise level is 0.01 */
    assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "grid.sigma_min = 0.001: must be a level of t >= 0 for the quadratic grid");
}

static void tables_of_alphas_fall_and_end_at_0_at_the_earliest(void **state) {
    const double rows[][4] = {{1, 0.5, 0.2, 0.1},  {0.9, 0.9, 0.2, 0.1}, {0.9, 0, -0.1, -0.2},
                              {0.9, 0.5, 0, -0.1}, {0.9, 0.5, 0.2, -1},  {0.9, (double)NAN, 0.2, 0.1}};
    const double fine[4] = {0.9, 0.5, 0.2, 0};
    dk_config c = check_config("flow", "euler", 3);
    (void)state;
    for (int k = 0; k < COUNT(rows); k++) {
        c.schedule = dk_vp_table(rows[k], 4);
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_non_null(
            strstr(c.message, ": must be strictly falling between 1 and 0, and 0 only at the end"));
    }
    c.schedule = dk_vp_table(fine, 4), c.prediction = DK_PREDICT_V;
    assert_int_equal(dk_resolve(&c), DK_OK);
}

/* A schedule made by hand, without a range, has all of its family's. */
static void schedules_made_by_hand_have_a_range(void **state) {
    const dk_schedule made[] = {dk_edm(0.002, 80), dk_schedule_named("cosine_flow"), dk_schedule_named("vp_linear")};
    (void)state;
    for (int k = 0; k < COUNT(made); k++) {
        dk_config c = check_config("flow", "euler", 3);
        c.schedule = made[k], c.schedule.t_min = c.schedule.t_max = 0;
        assert_int_equal(dk_resolve(&c), DK_OK);
        check_near(c.schedule.t_min, made[k].t_min, 0, "t_min");
        check_near(c.schedule.t_max, made[k].t_max, 0, "t_max");
    }
}

static void names_that_are_nearly_known_are_not(void **state) {
    static const char *const names[] = {"flaxnonsense",         "nonsense_sample_method",
                                        "nonsense_scheduler",   "euler_sample_methods",
                                        "a1111:euler_nonsense", "euler_nonsense_nonsense"};
    (void)state;
    for (int k = 0; k < COUNT(names); k++) {
        dk_config c = check_config("flow", "heun", 3);
        assert_int_equal(dk_config_named(&c, names[k]), DK_ERROR_CONFIG);
        assert_non_null(strstr(c.message, " is not known"));
        assert_string_equal(c.sampler.name, "heun");
    }
}

static void algebra_on_lists_refuses_what_makes_no_sense(void **state) {
    const double list[3] = {1, 0.5, 0}, infinite[2] = {HUGE_VAL, 1}, rising[2] = {0, 1};
    double to[8] = {42, 42, 42, 42, 42, 42, 42, 42}, some[2] = {1, 0.5}, above[2] = {1.5, 1},
           below[2] = {1, -0.5};
    int n = 42;
    (void)state;
    assert_int_equal(levels_slice(list, 3, 0, 1, NULL), DK_ERROR_CONFIG);
    assert_int_equal(levels_slice(list, 3, -1, 1, to), DK_ERROR_CONFIG);
    assert_int_equal(levels_slice(list, 3, 0, -1, to), DK_ERROR_CONFIG);
    assert_int_equal(levels_slice(list, 3, 4, 0, to), DK_ERROR_CONFIG);
    assert_int_equal(levels_flip(to, -1), DK_ERROR_CONFIG);
    assert_int_equal(levels_stretch(to, 0, 0, 1), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(NULL, 0, list, 3, to, &n), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(list, 3, list, 3, NULL, &n), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(list, 3, list, 3, to, NULL), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(list, -1, list, 3, to, &n), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(list, 3, list, -1, to, &n), DK_ERROR_CONFIG);
    assert_int_equal(levels_resample(NULL, 3, to, 4), DK_ERROR_CONFIG);
    assert_int_equal(levels_resample(list, 0, to, 4), DK_ERROR_CONFIG);
    assert_int_equal(levels_resample(list, 3, to, 1), DK_ERROR_CONFIG);
    assert_int_equal(levels_resample(infinite, 2, to, 4), DK_ERROR_CONFIG);
    assert_int_equal(levels_resample(rising, 2, to, 4), DK_ERROR_CONFIG); /* 0 may be the last alone */
    assert_int_equal(levels_shift(some, 2, HUGE_VAL, 1), DK_ERROR_CONFIG);
    assert_int_equal(levels_shift(some, 2, 1, 0), DK_ERROR_CONFIG);
    assert_int_equal(levels_shift(some, 2, 1, HUGE_VAL), DK_ERROR_CONFIG);
    assert_int_equal(levels_shift(above, 2, 2, 1), DK_ERROR_CONFIG);
    assert_int_equal(levels_shift(below, 2, 2, 1), DK_ERROR_CONFIG);
    assert_int_equal(n, 42);
    for (int i = 0; i < COUNT(to); i++) check_near(to[i], 42, 0, "nothing written");
    check_near(some[0], 1, 0, "shift"), check_near(some[1], 0.5, 0, "shift");
    assert_int_equal(levels_concatenate(list, 0, list, 2, to, &n),
                     DK_OK); /* with nothing there is no joint */
    assert_int_equal(n, 2);
    assert_int_equal(levels_concatenate(list, 2, list, 0, to, &n), DK_OK);
    assert_int_equal(n, 2);
    assert_int_equal(levels_resample(list, 3, to, 2), DK_OK); /* the first, and the last */
    check_near(to[0], 1, 0, "first"), check_near(to[1], 0, 0, "last");
}

static void likelihoods_name_what_they_cannot_have(void **state) {
    static const char *const settings[] = {"guidance.rescale=0.5", "guidance.zero_star=1",
                                           "guidance.projected=1", "guidance.quantile=0.9",
                                           "guidance.zero_init=1", "guidance.doubled=1",
                                           "guidance.start=0.5",   "guidance.stop=0.5"};
    const dk_phase phase = {1, 0, DK_UNIT_DEFAULT, NULL, NULL};
    const dk_real x[2] = {0, 0};
    double log_p[1] = {42};
    (void)state;
    for (int k = 0; k < COUNT(settings); k++) {
        dk_config c = check_config("vp", "rk4", 3);
        assert_int_equal(dk_config_set(&c, settings[k]), DK_OK);
        assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
        assert_string_equal(c.message,
                            "guidance: start, stop, rescale, zero_star, zero_init, projected, quantile, "
                            "doubled, schedule, hook and guider must be 0 for a likelihood");
    }
    dk_config c = check_config("vp", "rk4", 3);
    c.phases = &phase, c.phase_count = 1;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "phase_count: must be 0 for a likelihood");
    c.phases = NULL, c.phase_count = 0, c.grid.travel = 1;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "grid.way and travel: must be 0 for a likelihood");
    c.grid.travel = 0;
    c.clip = 1;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "number and clip: must be 0 for a likelihood");
    c.clip = 0;
    dk_backend elsewhere;
    memset(&elsewhere, 0, sizeof elsewhere);
    c.backend = &elsewhere;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "backend: must be NULL for a likelihood");
    c.backend = NULL;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, NULL, log_p), DK_ERROR_CONFIG);
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, NULL), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "x, probe and log_p: must not be NULL");
    c.dim = 0;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "dim = 0: must be >= 1");
    c.dim = 1, c.sampler = dk_sampler_named("euler_ancestral"), c.steps = 0;
    assert_int_equal(log_likelihood(&c, bounded, NULL, x, x, log_p), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "steps = 0: must be 1 .. 1000000");
    check_near(log_p[0], 42, 0, "nothing written");
}

/* ------------------------------------------------------------------------------- buffers */

static void what_is_missing_is_named(void **state) {
    dk_real x[2] = {0, 0};
    double numbers[2];
    dk_config c = check_config("flow", "euler", 3);
    dk_run run;
    dk_eval e;
    char byte;
    dk_noise_source source = source_of(DK_NOISE_TORCH_CPU);
    dk_noise_request request;
    dk_plan empty;
    (void)state;
    memset(&request, 0, sizeof request), memset(&empty, 0, sizeof empty);
    c.dim = 2;
    assert_int_equal(dk_sample(NULL, bounded, NULL, x), DK_ERROR_CONFIG);
    assert_int_equal(dk_sample(&c, NULL, NULL, x), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "denoise = NULL: must be a function");
    assert_int_equal(dk_begin(NULL, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_int_equal(dk_begin(&run, NULL, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "config = NULL: must be a dk_config");
    assert_int_equal(dk_next(&run, &e), 0);
    assert_int_equal(dk_begin_plan(&run, NULL, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "plan: must be a recorded dk_plan");
    assert_int_equal(dk_begin_plan(&run, &empty, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "plan: must be a recorded dk_plan");
    assert_int_equal(dk_begin(&run, &c, NULL, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "x = NULL: must be batch * dim numbers");
    assert_int_equal(dk_resolve(NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_record(NULL, &c), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "plan = NULL: must be a dk_plan");
    assert_int_equal(dk_run_size(NULL, NULL), 0);
    assert_int_equal(dk_levels(NULL, DK_UNIT_T, numbers, 2), 0);
    assert_int_equal(dk_levels(&c, DK_UNIT_T, NULL, 2), c.steps + 1);
    assert_int_equal(dk_run_size(&empty, NULL), 0);
    assert_int_equal(dk_plan_equal(NULL, &empty, 0, NULL), 0);
    assert_int_equal(dk_plan_text(NULL, &byte, 1), 0);
    dk_plan_free(NULL);
    assert_int_equal(dk_config_set(&c, NULL), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "settings = NULL: must be a text");
    assert_int_equal(dk_config_set(NULL, "eta=1"), DK_ERROR_CONFIG);
    assert_int_equal(dk_config_named(&c, NULL), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "sampler \"(NULL)\" is not known; nearest: "));
    assert_int_equal(dk_config_named(NULL, "ddim"), DK_ERROR_CONFIG);
    assert_int_equal(dk_config_for(&c, NULL, NULL), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "model \"(NULL)\" is not known; nearest: "));
    assert_int_equal(dk_config_for(NULL, "sdxl", NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_config_from_json(&c, NULL, 10, NULL), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "text = NULL: must be JSON");
    assert_int_equal(dk_config_from_json(NULL, "{}", 2, NULL), DK_ERROR_CONFIG);
    assert_int_equal(log_likelihood(NULL, bounded, NULL, x, x, numbers), DK_ERROR_CONFIG);
    assert_int_equal(log_likelihood(&c, bounded, NULL, NULL, x, numbers), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "x, probe and log_p: must not be NULL");
    assert_int_equal(log_likelihood(&c, NULL, NULL, x, x, numbers), DK_ERROR_CONFIG);
    assert_string_equal(c.message, "denoise = NULL: must be a function");
    assert_int_equal(dk_noise_fill(NULL, &request, x), DK_ERROR_CONFIG);
    assert_int_equal(dk_noise_fill(&source, NULL, x), DK_ERROR_CONFIG);
    assert_int_equal(dk_noise_fill(&source, &request, NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_noise_fill(&source, &request, x), DK_ERROR_CONFIG); /* of no samples */
    request.batch = 1;
    assert_int_equal(dk_noise_fill(&source, &request, x), DK_ERROR_CONFIG); /* of no numbers */
    request.dim = 2;
    assert_int_equal(dk_noise_fill(&source, &request, x), DK_OK);
    source.kind = DK_NOISE_COUNT;
    assert_int_equal(dk_noise_fill(&source, &request, x), DK_ERROR_CONFIG);
    memset(&source.kind, 0xFF, sizeof source.kind); /* -1 */
    assert_int_equal(dk_noise_fill(&source, &request, x), DK_ERROR_CONFIG);
    assert_null(dk_schedule_at(-1)), assert_null(dk_schedule_at(1000));
    assert_null(dk_grid_at(-1)), assert_null(dk_grid_at(1000));
    dk_model_info model;
    assert_null(dk_sampler_at(-1)), assert_null(dk_sampler_at(INT_MIN)), assert_false(dk_model_at(-1, &model));
    assert_non_null(strstr(dk_grid_at(0)->about, "Karras et al. 2022"));
    assert_non_null(strstr(dk_schedule_at(0)->about, "alpha"));
    assert_int_equal(dk_version(), DK_VERSION);
    assert_int_equal(levels_slice(NULL, 2, 0, 1, numbers), DK_ERROR_CONFIG);
    assert_int_equal(levels_flip(NULL, 2), DK_ERROR_CONFIG);
    assert_int_equal(levels_stretch(NULL, 2, 0, 1), DK_ERROR_CONFIG);
    assert_int_equal(levels_concatenate(numbers, 1, NULL, 1, numbers, NULL), DK_ERROR_CONFIG);
    assert_int_equal(levels_resample(numbers, 2, NULL, 2), DK_ERROR_CONFIG);
    assert_int_equal(levels_shift(NULL, 2, 1, 1), DK_ERROR_CONFIG);
    c.sampler = dk_sampler_named("etd4rk"), c.sampler.exponential = NULL;
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "sampler.exponential = 0: must be an exponential Runge-Kutta method"));
    c.sampler = dk_sampler_named("heun"), c.sampler.tableau = NULL;
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "row 1 of sampler.tableau: must have 1 numbers"));
    c.sampler = dk_table_sampler(NULL);
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_CONFIG);
    assert_non_null(strstr(c.message, "sampler.user = 0: must be a dk_table with level, a and b"));
}

/* Numbers of a table that would not come to be used are no less wrong than others. */
static void numbers_of_tables_must_be_finite(void **state) {
    static const double wrong[] = {(double)NAN, HUGE_VAL, -HUGE_VAL};
    static const char *const names[] = {"level[1] = ", "a[1] = ", "b[2] = ", "noise[1] = ", "told[1] = "};
    (void)state;
    for (int k = 0; k < 15; k++) {
        double level[] = {1, 0.5, 0}, a[] = {1, 1}, b[] = {0.1, 0.1, 0.1}, noise[] = {0.5, 0}, told[] = {1, 0.5};
        double *const lists[] = {level, a, b, noise, told};
        dk_table table = {"", 2, 0, 0, level, a, b, noise, told};
        dk_config c = check_config("flow", "euler", 2);
        dk_plan plan;
        memset(&plan, 0, sizeof plan);
        c.sampler = dk_table_sampler(&table);
        assert_int_equal(dk_record(&plan, &c), DK_OK);
        lists[k / 3][k / 3 == 2 ? 2 : 1] = wrong[k % 3];
        assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
        assert_non_null(strstr(c.message, names[k / 3]));
        assert_non_null(strstr(c.message, k / 3 % 4 == 0 ? ": must be > 0 and <= 1" : ": must be finite"));
        dk_plan_free(&plan);
    }
}

static void tables_say_what_is_wrong(void **state) {
    (void)state;
    const double level[] = {0.9, 0.5, 0}, a[] = {1, 1}, b[] = {0.1, 0.1, 0.1};
    dk_table table = {"mine", 2, 0, 2, level, a, b, NULL, NULL};
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    for (int k = 0; k < 8; k++) {
        static const char *const messages[] = {"guidance.scale = 4: must be dk_table.guidance, which the table is made for",
                                               "steps = 3: must be 0, or 2 as the table has",
                                               "steps = 1: must be 0, or 2 as the table has",
                                               ": must be 0, and all of the grid: the table has the levels",
                                               "grid.shift = 2: must be 0: levels are taken verbatim",
                                               "table.steps = 0: must be 1 .. 10000",
                                               "table.shared = 2: must be 0 or 1",
                                               "table.guidance = -1: must be finite, >= 0"};
        dk_table t = table;
        dk_config c = check_config("edm", NULL, 2);
        c.sampler = dk_table_sampler(&t), c.guidance.scale = k == 0 ? 4 : 2;
        if (k == 1 || k == 2) c.steps = k == 1 ? 3 : 1;
        if (k == 3) c.grid = dk_grid_named("karras");
        if (k == 4) c.grid.shift = 2;
        if (k == 5) t.steps = 0;
        if (k == 6) t.shared = 2;
        if (k == 7) t.guidance = -1;
        assert_int_equal(dk_record(&plan, &c), DK_ERROR_CONFIG);
        if (!strstr(c.message, messages[k])) print_error("%s\n", c.message);
        assert_non_null(strstr(c.message, messages[k]));
    }
}

static void calls_on_no_run_or_plan_are_refused(void **state) {
    dk_run none;
    dk_eval e;
    dk_real x[2];
    char bytes[8];
    (void)state;
    memset(&none, 0, sizeof none);
    dk_run *const runs[] = {NULL, &none};
    for (int k = 0; k < COUNT(runs); k++) {
        assert_int_equal(dk_next(runs[k], &e), 0);
        assert_int_equal(dk_continue(runs[k], bounded, NULL), DK_ERROR_ORDER);
        assert_int_equal(dk_denoised(runs[k], x), DK_ERROR_ORDER);
        assert_null(dk_state(runs[k]));
        assert_int_equal(dk_save_size(runs[k]), 0);
        assert_int_equal(dk_save(runs[k], bytes, sizeof bytes), DK_ERROR_ORDER);
        assert_int_equal(dk_load(runs[k], bytes, sizeof bytes), DK_ERROR_ORDER);
        dk_end(runs[k]);
    }
}

static void begin_refused(dk_config *c, dk_real *x, void *memory, size_t bytes, const char *message) {
    dk_run run;
    assert_int_equal(dk_begin(&run, c, x, memory, bytes), DK_ERROR_CONFIG);
    assert_string_equal(run.message, message);
    assert_string_equal(c->message, "");
    dk_end(&run);
}

static void vectors_that_are_misaligned_or_overlap_are_refused(void **state) {
    enum { SIZE = 8, BYTES = 40000 };
    static dk_real memory[BYTES / sizeof(dk_real)], mask[SIZE], known[SIZE], x[SIZE];
    static char bytes[(SIZE + 1) * sizeof(dk_real)];
    dk_config c = check_config("vp", "dpmpp_2m", 3);
    dk_plan plan;
    dk_run run;
    (void)state;
    c.dim = SIZE;
    dk_real *odd = (dk_real *)(void *)(bytes + ((uintptr_t)bytes % sizeof(dk_real) == 1 ? 2 : 1));
    begin_refused(&c, odd, NULL, 0, "x: must be aligned as dk_real is");
    memory[100] = 3;
    begin_refused(&c, memory + 100, memory, sizeof memory, "x: must not overlap memory");
    assert_true(memory[100] >= 3 && memory[100] <= 3); /* nothing was written */
    begin_refused(&c, memory, memory + SIZE - 1, sizeof memory - (SIZE - 1) * sizeof *memory, "x: must not overlap memory");
    assert_int_equal(dk_begin(&run, &c, memory, memory + SIZE, sizeof memory - SIZE * sizeof *memory), DK_OK);
    dk_end(&run); /* side by side is fine */
    c.dim = (size_t)-1 / 16; /* x would reach over all there is */
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_ERROR_CONFIG);
    assert_int_equal(strncmp(run.message, "dim = ", 6), 0);
    c.dim = SIZE;
    c.mask = mask, c.known = x;
    begin_refused(&c, x, NULL, 0, "known: must not overlap x");
    c.mask = x + SIZE - 1, c.known = known;
    begin_refused(&c, x, NULL, 0, "mask: must not overlap x");
    c.mask = odd;
    begin_refused(&c, x, NULL, 0, "mask: must be aligned as dk_real is");
    c.mask = mask, c.known = memory + 7;
    begin_refused(&c, x, memory, sizeof memory, "known: must not overlap memory");
    c.mask = c.known = NULL;

    memset(&plan, 0, sizeof plan);
    plan.memory = memory, plan.bytes = sizeof memory;
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, memory + 10, sizeof memory - 10 * sizeof *memory),
                     DK_ERROR_CONFIG);
    assert_string_equal(run.message, "memory: must not overlap the plan");
    assert_int_equal(dk_begin_plan(&run, &plan, &c, x, (char *)memory + plan.used, sizeof memory - plan.used),
                     DK_OK);
    assert_int_equal(dk_continue(&run, bounded, NULL), DK_OK);
    dk_end(&run);
}

/* Everything that allocates; what it allocated is given back. */
enum { SAMPLE, SAMPLE_CONTROLLED, SAMPLE_LONG, RECORD, BEGIN_PLAN, ALLOCATING };
static dk_status allocate(int what, dk_config *c, const dk_plan *recorded, dk_real *x) {
    dk_plan plan;
    dk_run run;
    dk_status status = DK_OK;
    memset(&plan, 0, sizeof plan);
    if (what == SAMPLE_CONTROLLED) c->sampler = dk_sampler_named("rk45");
    if (what == SAMPLE_LONG) c->steps = 1000; /* a plan that is counted before it is recorded */
    if (what <= SAMPLE_LONG) return dk_sample(c, bounded, NULL, x);
    if (what == RECORD) status = dk_record(&plan, c);
    if (what == BEGIN_PLAN) status = dk_begin_plan(&run, recorded, c, x, NULL, 0), dk_end(&run);
    dk_plan_free(&plan);
    return status;
}

static void every_allocation_may_fail(void **state) {
    static const int least[ALLOCATING] = {2, 2, 2, 1, 1};
    dk_config fine = check_config("vp", "dpmpp_2m", 3);
    dk_plan plan;
    (void)state;
    fine.dim = 2;
    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &fine), DK_OK);
    for (int what = 0; what < ALLOCATING; what++) {
        dk_status status = DK_ERROR_MEMORY;
        int k = 0;
        while (status != DK_OK) {
            dk_real x[2] = {(dk_real)0.25, (dk_real)0.5};
            dk_config c = fine;
            failing = ++k;
            status = allocate(what, &c, &plan, x);
            int reached = failing == 0;
            failing = 0;
            assert_int_equal(allocated, 1); /* the recorded plan's */
            assert_int_equal(status, reached ? DK_ERROR_MEMORY : DK_OK);
            if (status == DK_OK) break;
            if (what != BEGIN_PLAN && strncmp(c.message, "no memory could be allocated: needs ", 36) != 0)
                fail_msg("action %d, allocation %d: \"%s\"", what, k, c.message);
            if (k == 1) check_near((double)x[1], 0.5, 0, "x is what it was");
        }
        assert_int_equal(k - 1 >= least[what], 1);
    }
    dk_plan_free(&plan);
    assert_int_equal(allocated, 0);
}

/* ------------------------------------------------------------------------------- callbacks */

/* What a callback does at call number `at`. */
typedef enum deed { WELL, FAIL, NOTHING, NOT_A_NUMBER, INFINITE, ENTER, DEEDS } deed;
typedef struct actor {
    deed what;
    int at, calls, refused;
    dk_run *run;
} actor;

/* Everything that would take a run further, from within. */
static void enter(actor *a) {
    dk_eval e;
    char bytes[1000];
    if (dk_next(a->run, &e) == 0 && a->run->status == DK_ERROR_ORDER) a->refused++;
    a->refused += dk_continue(a->run, bounded, NULL) == DK_ERROR_ORDER;
    a->refused += dk_save(a->run, bytes, sizeof bytes) == DK_ERROR_ORDER;
    a->refused += dk_load(a->run, bytes, sizeof bytes) == DK_ERROR_ORDER;
    dk_end(a->run);
    a->refused += dk_run_plan(a->run) != NULL && strncmp(a->run->message, "the run is at work: ", 20) == 0;
}

static int act(actor *a, dk_real *out, size_t n) {
    deed what = a->calls++ == a->at ? a->what : WELL;
    if (what == ENTER) enter(a);
    if (what == FAIL) return 1;
    if (what == NOTHING) return 0;
    for (size_t i = 0; i < n; i++) out[i] = (dk_real)(0.5 - (double)(i % 2));
    if (what == NOT_A_NUMBER) out[n / 2] = (dk_real)NAN;
    if (what == INFINITE) out[n - 1] = (dk_real)-HUGE_VAL;
    return 0;
}

static int acting_noise(void *user, const dk_noise_request *request, dk_real *out) {
    return act((actor *)user, out, request->dim * (size_t)request->batch);
}

static int acting_network(void *user, const dk_eval *e) {
    return act((actor *)user, e->output, e->dim * (size_t)e->batch);
}

static dk_config acted_config(dk_real *x) {
    dk_config c = check_config("vp", "euler_ancestral", 3);
    c.dim = 6, c.start = DK_START_STATE;
    for (int i = 0; i < 6; i++) x[i] = (dk_real)(i * 0.1);
    return c;
}

static void noise_callbacks_that_misbehave_are_named_and_repeated(void **state) {
    static const char *const messages[DEEDS] = {"",
                                                "the noise callback returned nonzero",
                                                "the noise callback's numbers are NaN, infinite or not filled",
                                                "the noise callback's numbers are NaN, infinite or not filled",
                                                "the noise callback's numbers are NaN, infinite or not filled",
                                                ""};
    static const dk_status statuses[DEEDS] = {
        DK_OK, DK_ERROR_CALLBACK, DK_ERROR_NOT_FINITE, DK_ERROR_NOT_FINITE, DK_ERROR_NOT_FINITE, DK_OK};
    dk_real well[6], x[6];
    (void)state;
    for (int what = WELL; what < DEEDS; what++)
        for (int at = 0; at < 2; at++) {
            dk_run run;
            dk_config c = acted_config(x);
            actor a = {(deed)what, at, 0, 0, &run};
            c.noise = source_from(acting_noise, &a);
            assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
            assert_int_equal(dk_continue(&run, bounded, NULL), statuses[what]);
            assert_int_equal(strncmp(run.message, messages[what], strlen(messages[what])), 0);
            assert_int_equal(run.message[0] == 0, statuses[what] == DK_OK);
            if (statuses[what] != DK_OK) {
                assert_non_null(dk_state(&run));
                assert_int_equal(dk_continue(&run, bounded, NULL), DK_OK); /* asked again, it does well */
            }
            if (what == ENTER) assert_int_equal(a.refused, 5);
            dk_end(&run);
            if (what == WELL) memcpy(well, x, sizeof x);
            else assert_memory_equal(x, well, sizeof x);
            for (int i = 0; i < 6; i++) assert_true(isfinite((double)x[i]));
        }
    assert_int_equal(allocated, 0);
}

static void networks_that_misbehave_are_named_and_repeated(void **state) {
    static const dk_status statuses[ENTER] = {DK_OK, DK_ERROR_CALLBACK, DK_ERROR_NOT_FINITE, DK_ERROR_NOT_FINITE,
                                              DK_ERROR_NOT_FINITE};
    static const char *const messages[ENTER] = {
        "", "the denoiser returned nonzero at step 1 of 3 (evaluation 1)",
        "the network has not written its output at step 1 of 3 (evaluation 1), sample 0, element 0",
        "the network's output is NaN or infinite at step 1 of 3 (evaluation 1), sample 0, element 3",
        "the network's output is NaN or infinite at step 1 of 3 (evaluation 1), sample 0, element 5"};
    dk_real well[6], x[6];
    (void)state;
    for (int what = WELL; what < ENTER; what++) {
        dk_run run;
        dk_config c = acted_config(x);
        actor a = {(deed)what, 1, 0, 0, &run};
        assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
        assert_int_equal(dk_continue(&run, acting_network, &a), statuses[what]);
        assert_string_equal(run.message, messages[what]);
        if (statuses[what] != DK_OK) assert_int_equal(dk_continue(&run, acting_network, &a), DK_OK);
        dk_end(&run);
        if (what == WELL) memcpy(well, x, sizeof x);
        else if (what != NOTHING) assert_memory_equal(x, well, sizeof x);
    }
    assert_int_equal(allocated, 0);
}

static void a_state_with_nan_is_not_laid_to_the_network(void **state) {
    dk_real x[6] = {0, 0, 0, 0, (dk_real)NAN, 0};
    dk_config c = check_config("edm", "dpmpp_2m", 3);
    (void)state;
    c.dim = 3, c.batch = 2, c.start = DK_START_STATE;
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_NOT_FINITE);
    assert_string_equal(dk_message(&c),
                        "the state that the network was given is NaN or infinite already at step 0 of "
                        "3 (evaluation 0), sample 1, element 1");
    assert_int_equal(allocated, 0);
}

/* Runs within runs; and a network or a progress function that finishes, or ends, the run that calls it. */
static int inner_sample(void *user, const dk_eval *e) {
    dk_real x[6];
    dk_config c = acted_config(x);
    (void)user;
    if (dk_sample(&c, bounded, NULL, x) != DK_OK) return 1;
    return bounded(NULL, e);
}
static int finishing(void *user, const dk_eval *e) {
    return bounded(NULL, e) || dk_continue((dk_run *)user, bounded, NULL) != DK_OK;
}
static int ending(void *user, const dk_eval *e) {
    (void)e;
    dk_end((dk_run *)user);
    return 0;
}
static int progress_that_ends(void *user, dk_run *run, const dk_eval *e) {
    (void)e;
    dk_end(run);
    return *(int *)user;
}

static void callbacks_may_run_the_library(void **state) {
    dk_real plain[6], x[6];
    dk_config c = acted_config(plain);
    dk_run run;
    (void)state;
    assert_int_equal(dk_sample(&c, bounded, NULL, plain), DK_OK);
    acted_config(x);
    assert_int_equal(dk_sample(&c, inner_sample, NULL, x), DK_OK);
    assert_memory_equal(x, plain, sizeof x);
    acted_config(x);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, finishing, &run), DK_OK);
    assert_memory_equal(x, plain, sizeof x);
    dk_end(&run);
    acted_config(x);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_continue(&run, ending, &run), DK_ERROR_ORDER);
    assert_string_equal(run.message, "a callback has ended the run");
    assert_null(dk_run_plan(&run));
    for (int cancels = 0; cancels < 2; cancels++) {
        c.progress = progress_that_ends, c.progress_user = &cancels;
        assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_ORDER);
        assert_string_equal(c.message, "a callback has ended the run");
    }
    assert_int_equal(allocated, 0);
}

/* Schedules of the user's that make no sense at all. */
typedef struct curve {
    double alpha, sigma, by_t, d;
    int writes;
} curve;
static void curve_at(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    const curve *u = (const curve *)user;
    if (u->writes > 0) *alpha = u->alpha - u->by_t * t, *sigma = u->sigma + u->by_t * t;
    if (u->writes > 1) *d_alpha = *d_sigma = u->d;
}

static void schedules_that_make_no_sense_are_refused(void **state) {
    const double NaN = (double)NAN, inf = HUGE_VAL;
    const curve curves[] = {{0, 0, 0, 0, 0},   {1, 1, 0, 0, 1},         {NaN, 1, 0, 0, 1},
                            {1, NaN, 0, 0, 1}, {inf, 1, 0, 0, 1},       {1, inf, 0, 0, 1},
                            {-1, 1, 0, 0, 1},  {1, -1, 0, 0, 1},        {0, 0, 0, 0, 1},
                            {0, 1, -1, 0, 1},  {1e308, 1e308, 1, 0, 1}, {5e-324, 5e-324, 0, 0, 1}};
    dk_real x[2];
    (void)state;
    for (int k = 0; k < COUNT(curves); k++)
        for (int i = 0; i < SAMPLERS; i++) {
            curve u = curves[k];
            dk_config c = check_config("flow", samplers[i], 4);
            c.schedule = dk_custom_schedule(curve_at, &u, 0, 1), c.dim = 2;
            assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_ERROR_CONFIG);
            assert_true(strlen(c.message) > 0);
        }
    /* slopes that are no numbers matter to who asks for them alone */
    for (int i = 0; i < SAMPLERS; i++) {
        curve u = {1, 0, 1, NaN, 2};
        dk_config c = check_config("flow", samplers[i], 4);
        c.schedule = dk_custom_schedule(curve_at, &u, 0, 1), c.dim = 2, c.prediction = DK_PREDICT_VELOCITY;
        assert_true(coherent(&c));
        c.sampler.gauge = DK_GAUGE_NATIVE;
        assert_true(coherent(&c));
    }
}

/* With step-size control a recording function is called again and again; memory is measured at first. */
static int grown;
static void record_growing(dk_recorder *r) {
    for (int i = 0; i < grown; i++) dkr_keep(r, dkr_scale(0.5, r->x));
    dk_sampler_named("rk45").record(r);
}

static void recording_functions_that_grow_are_refused(void **state) {
    dk_config c = check_config("vp", "rk45", 3);
    dk_real x[1], memory[4000];
    dk_run run;
    (void)state;
    c.sampler.record = record_growing;
    grown = 0;
    assert_int_equal(dk_begin(&run, &c, x, memory, dk_run_size(NULL, &c)), DK_OK);
    grown = 100;
    assert_int_equal(dk_continue(&run, bounded, NULL), DK_ERROR_MEMORY);
    /* which of the two depends on the size of a number */
    assert_true(strstr(run.message, ": must be at least ") ||
                strstr(run.message, "sampler.record: a step needs more memory than any kind of step did"));
    dk_end(&run);
    grown = 0;
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_OK);
    assert_int_equal(allocated, 0);
}

static void lazy(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    (void)user, (void)n, (void)task, (void)arg;
}
static void wild(void *user, int n, void (*task)(void *arg, int i), void *arg) { /* too many, and twice */
    (void)user;
    for (int i = -2; i < n + 2; i++) task(arg, i);
}

static void parallel_functions_that_misbehave_do_no_harm(void **state) {
    enum { LONG = 80000 };
    dk_real *x = (dk_real *)malloc(2 * LONG * sizeof *x), *y = x + LONG;
    dk_config c = check_config("vp", "euler", 2);
    (void)state;
    c.dim = LONG, c.threads = 3;
    assert_int_equal(dk_sample(&c, bounded, NULL, x), DK_OK);
    c.parallel = wild;
    assert_int_equal(dk_sample(&c, bounded, NULL, y), DK_OK);
    assert_memory_equal(x, y, LONG * sizeof *x);
    c.parallel = lazy; /* what nobody has looked at is not taken for good */
    memset(y, 0, LONG * sizeof *y);
    assert_int_equal(dk_sample(&c, bounded, NULL, y), DK_ERROR_NOT_FINITE);
    free(x);
}

/* A back end that does nothing. */
static int no_rows(void *user, dk_run *run, const dk_pass *pass) {
    (void)user, (void)run, (void)pass;
    return 0;
}
static int no_norm(void *user, dk_run *run, const dk_norm *norm, double *of_sample) {
    (void)user, (void)run, (void)norm, *of_sample = 1;
    return 0;
}
static int no_bad(void *user, dk_run *run, int value, size_t *bad) {
    (void)user, (void)value, *bad = run->size;
    return 0;
}

static void back_ends_must_be_whole(void **state) {
    dk_config c = check_config("vp", "euler", 2);
    const dk_backend parts[] = {{NULL, NULL, no_norm, no_bad, NULL, NULL, NULL, NULL},
                                {NULL, no_rows, NULL, no_bad, NULL, NULL, NULL, NULL},
                                {NULL, no_rows, no_norm, NULL, NULL, NULL, NULL, NULL}};
    const dk_backend whole = {NULL, no_rows, no_norm, no_bad, NULL, NULL, NULL, NULL};
    dk_real x[2];
    char bytes[8];
    dk_run run;
    dk_eval e;
    (void)state;
    for (int k = 0; k < COUNT(parts); k++) {
        c.backend = &parts[k];
        assert_int_equal(dk_begin(&run, &c, NULL, NULL, 0), DK_ERROR_CONFIG);
        assert_string_equal(run.message, "backend: rows must be a function, and norm and find_bad, or get instead");
        assert_int_equal(dk_resolve(&c), DK_ERROR_CONFIG);
        assert_string_equal(c.message, run.message);
    }
    c.backend = &whole; /* whose memory these cannot see */
    assert_int_equal(dk_begin(&run, &c, NULL, NULL, 0), DK_OK);
    assert_int_equal(dk_next(&run, &e), 1);
    assert_null(e.input), assert_null(e.output);
    assert_null(dk_state(&run));
    assert_int_equal(dk_denoised(&run, x), DK_ERROR_ORDER);
    assert_int_equal(dk_save_size(&run), 0);
    assert_int_equal(dk_save(&run, bytes, sizeof bytes), DK_ERROR_ORDER);
    dk_end(&run);
}

/* What a run cannot do without. */
static void calls_that_lack_something_leave_the_run_as_it_is(void **state) {
    dk_config c = check_config("vp", "euler_ancestral", 2), data;
    dk_real x[1] = {(dk_real)0.5}, whole[1] = {(dk_real)0.5}, z[1];
    dk_plan plan;
    dk_run run;
    dk_eval e;
    (void)state;
    assert_int_equal(dk_sample(&c, bounded, NULL, whole), DK_OK);
    assert_int_equal(dk_begin(&run, &c, x, NULL, 0), DK_OK);
    assert_int_equal(dk_next(&run, NULL), 0);
    assert_int_equal(dk_denoised(&run, z), DK_ERROR_ORDER); /* no evaluation is out */
    assert_int_equal(dk_continue(&run, NULL, NULL), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "denoise = NULL: must be a function");
    assert_int_equal(dk_next(&run, &e), 1);
    bounded(NULL, &e);
    assert_int_equal(dk_denoised(&run, NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_denoised(&run, x), DK_ERROR_CONFIG); /* which the run goes on from */
    assert_int_equal(dk_run_noise(NULL, 0, z), DK_ERROR_ORDER);
    assert_int_equal(dk_run_noise(&run, -1, z), DK_ERROR_ORDER);
    assert_int_equal(dk_run_noise(&run, 1000, z), DK_ERROR_ORDER);
    assert_int_equal(dk_run_noise(&run, 0, NULL), DK_ERROR_CONFIG);
    assert_int_equal(dk_run_noise(&run, 0, z), DK_OK);
    assert_int_equal(dk_save(&run, NULL, 1000000), DK_ERROR_MEMORY);
    assert_int_equal(strncmp(run.message, "bytes = 0: must be at least ", 28), 0);
    assert_int_equal(dk_continue(&run, bounded, NULL), DK_OK);
    dk_end(&run);
    assert_memory_equal(x, whole, sizeof x);

    memset(&plan, 0, sizeof plan);
    assert_int_equal(dk_record(&plan, &c), DK_OK);
    data = c, data.noise.kind = DK_NOISE_COUNT; /* with a plan, too */
    assert_int_equal(dk_begin_plan(&run, &plan, &data, x, NULL, 0), DK_ERROR_CONFIG);
    assert_non_null(strstr(run.message, "noise = 7: must be default|"));
    data = c, data.mask = x;
    assert_int_equal(dk_begin_plan(&run, &plan, &data, whole, NULL, 0), DK_ERROR_CONFIG);
    assert_string_equal(run.message, "mask and known: must be NULL for a plan recorded without them");
    dk_plan_free(&plan);
    assert_int_equal(allocated, 0);
}

/* ------------------------------------------------------------------------------- saves */

enum { SAVED = 2, STEPS = 3 };
typedef struct saving {
    dk_config c;
    dk_run run;
    dk_real x[SAVED], whole[SAVED];
    unsigned char bytes[2000];
    size_t size;
} saving;

/* In the middle of a run: multistep, step-size control, 16 bits. */
static void saving_begin(saving *s, int kind) {
    dk_eval e;
    s->c = check_config("vp", kind == 1 ? "rk45" : "dpmpp_2m_sde", STEPS);
    s->c.dim = SAVED, s->c.number = kind == 2 ? DK_NUMBER_FP16 : DK_NUMBER_REAL;
    assert_int_equal(dk_sample(&s->c, bounded, NULL, s->whole), DK_OK);
    assert_int_equal(dk_begin(&s->run, &s->c, s->x, NULL, 0), DK_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dk_next(&s->run, &e), 1);
        bounded(NULL, &e);
    }
    s->size = dk_save_size(&s->run);
    assert_true(s->size <= sizeof s->bytes);
    assert_int_equal(dk_save(&s->run, s->bytes, s->size), DK_OK);
}

static void load_refused(saving *s, const unsigned char *bytes, size_t size, const char *message) {
    assert_int_equal(dk_load(&s->run, bytes, size), DK_ERROR_SAVED);
    if (strncmp(s->run.message, message, strlen(message)) != 0)
        fail_msg("wanted \"%s\", got \"%s\"", message, s->run.message);
}

static void saves_that_are_short_damaged_or_of_another_kind_are_refused(void **state) {
    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        static saving s;
        char text[100];
        saving_begin(&s, kind);
        for (size_t n = 0; n < s.size; n++) {
            unsigned char *part =
                (unsigned char *)malloc(n + 1); /* reading past the end is seen by sanitizers */
            memcpy(part, s.bytes, n);
            snprintf(text, sizeof text, "bytes = %u: must be at least %u", (unsigned)n, (unsigned)s.size);
            load_refused(&s, part, n, text);
            free(part);
        }
        load_refused(&s, NULL, s.size, "saved bytes = NULL: must be a save");
        for (size_t i = 0; i < s.size; i++)
            for (int bit = 0; bit < 8; bit++) {
                s.bytes[i] = (unsigned char)(s.bytes[i] ^ (1 << bit));
                load_refused(&s, s.bytes, s.size, i < 88 ? "saved " : "saved bytes: damaged");
                s.bytes[i] = (unsigned char)(s.bytes[i] ^ (1 << bit));
            }
        static const struct {
            int at, value;
            const char *message;
        } heads[] = {{0, 'x', "saved magic number = "},
                     {8, 2, "saved version = 2: must be 3"},
                     {16, sizeof(dk_real) == 4 ? 8 : 4, "saved sizeof(dk_real) = "},
                     {24, 5, "saved dim = 5: must be 2"},
                     {32, 9, "saved batch = 9: must be 1"}};
        for (int k = 0; k < COUNT(heads); k++) {
            unsigned char kept = s.bytes[heads[k].at];
            s.bytes[heads[k].at] = (unsigned char)heads[k].value;
            load_refused(&s, s.bytes, s.size, heads[k].message);
            s.bytes[heads[k].at] = kept;
        }
        assert_int_equal(dk_load(&s.run, s.bytes, s.size), DK_OK); /* the run has come to no harm */
        assert_int_equal(dk_continue(&s.run, bounded, NULL), DK_OK);
        dk_end(&s.run);
        assert_memory_equal(s.x, s.whole, sizeof s.x);
    }
    assert_int_equal(allocated, 0);
}

int main(void) {
    check_malloc = limited_malloc, check_free = limited_free;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_values_are_named_with_field_value_and_what_is_allowed),
        cmocka_unit_test(sizes_that_cannot_be_are_named),
        cmocka_unit_test(every_value_of_every_field_is_survived_in_every_family),
        cmocka_unit_test(fields_that_contradict_each_other_are_survived),
        cmocka_unit_test(what_contradicts_is_named),
        cmocka_unit_test(lists_and_tables_are_checked),
        cmocka_unit_test(tables_of_alphas_fall_and_end_at_0_at_the_earliest),
        cmocka_unit_test(schedules_made_by_hand_have_a_range),
        cmocka_unit_test(names_that_are_nearly_known_are_not),
        cmocka_unit_test(algebra_on_lists_refuses_what_makes_no_sense),
        cmocka_unit_test(likelihoods_name_what_they_cannot_have),
        cmocka_unit_test(what_is_missing_is_named),
        cmocka_unit_test(numbers_of_tables_must_be_finite),
        cmocka_unit_test(tables_say_what_is_wrong),
        cmocka_unit_test(calls_on_no_run_or_plan_are_refused),
        cmocka_unit_test(vectors_that_are_misaligned_or_overlap_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(noise_callbacks_that_misbehave_are_named_and_repeated),
        cmocka_unit_test(networks_that_misbehave_are_named_and_repeated),
        cmocka_unit_test(a_state_with_nan_is_not_laid_to_the_network),
        cmocka_unit_test(callbacks_may_run_the_library),
        cmocka_unit_test(schedules_that_make_no_sense_are_refused),
        cmocka_unit_test(recording_functions_that_grow_are_refused),
        cmocka_unit_test(parallel_functions_that_misbehave_do_no_harm),
        cmocka_unit_test(back_ends_must_be_whole),
        cmocka_unit_test(calls_that_lack_something_leave_the_run_as_it_is),
        cmocka_unit_test(saves_that_are_short_damaged_or_of_another_kind_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
