/* diffkit.h: sample from diffusion models. C11 or C++11, one file, no dependencies. MIT licence.

   SYNOPSIS

       #define DIFFKIT_IMPLEMENTATION           // in exactly one source file
       #include "diffkit.h"

       static int denoise(void *user, const dk_eval *e) {      // your network: e->input -> e->output
           return my_network(user, e->input, e->t, e->output, e->batch);     // nonzero stops the run
       }

       dk_config c = {0};                       // C++: dk_config c{};
       c.schedule = dk_flow(1.0);               // or dk_edm(0.002, 80), dk_vp_scaled_linear(), ...
       c.prediction = DK_PREDICT_VELOCITY;
       c.steps = 20;  c.dim = 784;  c.batch = 16;  c.seed = 42;
       if (dk_sample(&c, denoise, &network, x))                // x: batch * dim numbers, filled
           fprintf(stderr, "%s\n", dk_message(&c));            // which field, what value, what is allowed

   CONTENTS                                          search for the tag to jump there
       Book one: the library
           Document        >>idea  >>calling  >>rules  >>words  >>build
           Declarations    >>decl-status  >>decl-schedule  >>decl-model  >>decl-grid  >>decl-sampler
                           >>decl-guidance  >>decl-sources  >>decl-config  >>decl-run
                           for samplers, callbacks, back ends and tools: >>decl-plan  >>decl-state
                           >>decl-recorder  >>decl-callbacks  >>decl-backend  >>decl-names  >>decl-quirks
           Implementation  >>compilers  >>ahead  >>schedule  >>model  >>grid  >>recorder  >>samplers  >>plan  >>run
       Book two: the machinery
           >>math  >>text  >>tableaux  >>noise  >>fields  >>checks  >>resolve  >>settings  >>guidance  >>control
           >>slots  >>executor  >>saved
       Book three: other programs' ways, which DK_NO_PEERS leaves out
           >>decl-peers  >>quirks  >>levels  >>generators  >>names  >>json

   >>idea  ONE IDEA
       Every diffusion model destroys data the same way:

           x_t = alpha(t) x0 + sigma(t) eps,        eps ~ N(0, I)

       Flow matching, VE score matching and DDPM/DDIM differ in the two functions alpha and sigma
       only. What a network predicts (noise, velocity, score ...) is one linear map away from the
       denoised estimate D = E[x0 | x_t]. So samplers are written once, over levels (t, alpha, sigma),
       the state x and D, and work for every family. Five parts, one direction:

           noise schedule  ->  time grid  ->  sampler  ->  plan  ->  run
           alpha, sigma        levels         recipe       data      state, noise, your network

       A sampler is recorded before anything runs: it handles symbolic vectors, and what it says
       becomes a plan, a flat list of "call the network on this buffer at this level" and
       "buffer = sum of coefficient * buffer (+ noise)". All coefficients are doubles and depend on
       the schedule alone. A plan can be printed, compared and shared by threads. The run is a cursor
       over it.
       examples/samplers.c has ten well-known samplers, each written as in its paper.

   >>calling  THREE WAYS TO CALL IT
       The config is made by hand, or by dk_config_set(&c, "sampler=unipc grid=karras"), or from a model's own file by
       dk_config_from_json(&c, text, length, NULL), or by a model's name with dk_config_for(&c, "sdxl", NULL).
       Blocking:   dk_sample(&c, denoise, user, x). Or, to be resumed: dk_begin, then dk_continue(&run, denoise, user)
                   until it returns DK_OK. After a callback stopped it, call dk_continue again, or dk_save and dk_load.
       Stepping:   no callback, and no allocation when you bring the memory:
                       dk_begin(&run, &c, x, memory, dk_run_size(NULL, &c));
                       while (dk_next(&run, &eval)) network(eval.input, eval.t, eval.output);
                       if (run.status) puts(run.message);
                       dk_end(&run);
       Planned:    dk_record(&plan, &c) once, then dk_begin_plan(&run, &plan, &c, x, memory, bytes)
                   any number of times, from any thread; no set-up cost per run.
       To look up: names are in dk_schedule_at, dk_sampler_at and dk_grid_at. The row of a sampler, in the table at the end
                   of >>samplers, says which function records it; how to add one stands above the table. A sampler of
                   your own: >>decl-recorder. What another program does its own way: a bit in >>decl-quirks, whose name
                   stands where it acts.

   >>rules  WHAT HOLDS
       - A grid has steps + 1 levels, strictly monotone in sigma/alpha (a dk_table's need not be). The last is an explicit rule.
         Falling grids sample, rising grids invert.
       - The ends are exact: alpha = 0 (flow at t = 1, zero-terminal-SNR VP) and sigma = 0 are ordinary
         levels. A step to sigma = 0 gives alpha D; Runge-Kutta methods use slopes there, too.
         A step from sigma = 0 (inversion) gives alpha D + sigma N, where N is the predicted noise: the network
         must predict eps, v or velocity.
       - Guidance (dk_config.guidance) stands between network and sampler: every sampler has all of it.
       - Noise is a pure function of (seed, sample, draw, element): batch size, resumption and tiling do
         not change it. float and double builds draw the same noise. dk_config.noise and step_noise name other
         sources: those of PyTorch and NumPy, a Brownian path, the user's own.
       - An error is a status and a message that names field and value. x stays readable. A pointer that is NULL and must
         not be is such an error, too, in every call with a config, a run or a plan.
       - A callback may run the library. It may look at the run that calls it; to continue, save, load or end that run
         from within dk_next is refused with DK_ERROR_ORDER.
       - It does not: print, abort, read the clock or the locale, keep globals, or allocate when memory
         is passed in. It has no writable data.
       - While numbers are finite, it raises no floating point exception but inexact and underflow, so the others may trap.
         clang needs -ffp-exception-behavior=maytrap for that.
       - It takes less than 16 KiB of stack, compiled with -O2.

   >>words  WORDS AND LETTERS
       alpha, sigma     signal and noise scale of a level; sigma/alpha is written s^ in formulas and
                        "noise level" in words; it does not depend on the family's scaling
       lambda           half log-SNR, log(alpha/sigma)
       D                denoised estimate E[x0 | x]
       eval, call       one request to the network; plans count them in order
       branch           one of the evaluations that a guided D is made of: C with the condition, U without
       phase            a part of the grid with a sampler, guidance or network of its own
       draw             one array of standard normals, batch * dim of them; draw 0 makes the initial
                        state, draws 1, 2, ... belong to the sampler in the order in which it asks
       gauge            the scaling in which a classical integrator sees the ODE (VE, flow, VP, native)
       churn            noise added before a step; eta: the share of noise added after it
       eps in code      the network's noise prediction; small numbers are never called so
       quirk            a bit that makes one part do as a named program does; docs/conformance.md says what and why

   >>build  BUILD OPTIONS, to be defined before the header, alike in every file that includes it
       DIFFKIT_IMPLEMENTATION   the implementation too, in exactly one file
       DK_REAL                  float (default) or double: the type of states. Files that disagree about it do not
                                link: in double, functions that take vectors are called dk_sample_double and so on
       DK_STATIC                every function static: for copies that must not meet
       DK_API                   what stands before every function, in place of extern: __declspec(dllexport), e.g., or
                                __attribute__((visibility("default")))
       DK_MALLOC(n), DK_FREE(p) the allocator of calls that bring no memory
       DK_NO_MALLOC             no allocator: such calls return DK_ERROR_MEMORY
       DK_OPENMP                threads = 0 means OpenMP's number of threads. Without this option it means 1
       DK_NO_PEERS              no book three: no names, files, generators and lists of other programs, and no samplers that
                                only they have or name
       DK_NO_DISPATCH           noise is made with the vectors that the compiler's flags allow. Without this option gcc and
                                clang on x86-64 take AVX2 or AVX-512 where the processor has it, and need __cpu_model of
                                libgcc or compiler-rt. The numbers are the same
       Enums must have the size of int: -fno-short-enums where that is not the default (bare-metal ARM).
       -ffast-math changes no number: this header turns it off for itself. With it clang also needs -ffp-contract=off,
       written after it, where the target has fused multiply-add. On 32-bit x86 gcc computes with SSE2 here: x87 rounds differently.
*/
#ifndef DIFFKIT_H
#define DIFFKIT_H

#include <stddef.h>
#include <stdint.h>

#define DK_VERSION_MAJOR 0
#define DK_VERSION_MINOR 2
#define DK_VERSION (1000 * DK_VERSION_MAJOR + DK_VERSION_MINOR)

#ifndef DK_REAL
#define DK_REAL float
#endif
#define DKP_REAL_IS_float 1
#define DKP_REAL_IS_double 2
#define DKP_JOIN(a, b) a##b
#define DKP_REAL_IS(real) DKP_JOIN(DKP_REAL_IS_, real)
/* Functions that take vectors carry their type, so that files which disagree about it do not link. */
#if DKP_REAL_IS(DK_REAL) == 2
#define dk_begin dk_begin_double
#define dk_begin_plan dk_begin_plan_double
#define dk_sample dk_sample_double
#define dk_denoised dk_denoised_double
#define dk_state dk_state_double
#define dk_run_noise dk_run_noise_double
#define dk_noise_fill dk_noise_fill_double
#define dk_normals dk_normals_double
#define dk_to_half dk_to_half_double
#define dk_from_half dk_from_half_double
#elif DKP_REAL_IS(DK_REAL) != 1
#error "DK_REAL: must be float or double"
#endif
#undef DKP_REAL_IS_float
#undef DKP_REAL_IS_double
#undef DKP_JOIN
#undef DKP_REAL_IS

#if !defined(DK_API) && !defined(DK_STATIC)
#define DK_API extern
#elif !defined(DK_API) && defined(__GNUC__)
#define DK_API static __attribute__((unused))
#elif !defined(DK_API)
#define DK_API static
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef DK_REAL dk_real;

/* ------------------------------------------------------------------ >>decl-status  Status codes */

#define DK_STATUSES(X)                                                      \
    X(DK_OK, "fine")                                                        \
    X(DK_ERROR_CONFIG, "the configuration cannot work")                     \
    X(DK_ERROR_MEMORY, "not enough memory")                                 \
    X(DK_ERROR_CALLBACK, "a callback returned nonzero")                     \
    X(DK_CANCELLED, "the progress callback asked to stop")                  \
    X(DK_ERROR_NOT_FINITE, "numbers are NaN, infinite or not written")      \
    X(DK_ERROR_SAVED, "the saved bytes do not fit this run or are damaged") \
    X(DK_ERROR_STEP, "the step size became too small")                      \
    X(DK_ERROR_ORDER, "the call makes no sense at this point of the run")

#define DKP_ENUM(name, text) name,
typedef enum dk_status { DK_STATUSES(DKP_ENUM) DK_STATUS_COUNT } dk_status;
#undef DKP_ENUM
/* Fields are set by name as ints: bare-metal ARM needs -fno-short-enums. */
typedef char dk_enums_are_ints[sizeof(dk_status) == sizeof(int) ? 1 : -1];

/* The status in words; never NULL. */
DK_API const char *dk_status_text(dk_status status);
/* DK_VERSION of the implementation. It differs from the header's where two versions have met. */
DK_API int dk_version(void);

enum {
    DK_MESSAGE_SIZE = 240, /* bytes of a message */
    DK_MAX_TERMS = 20,     /* of a row of a plan */
    DK_MAX_STAGES = 16,    /* of a Runge-Kutta method */
    DK_SAID = 256,         /* a sum is valid until so many more terms have been said */
    DK_BRANCHES = 6,       /* of guidance */
    DK_RAMPS = 6           /* of its scale */
};

typedef struct dk_config dk_config;
typedef struct dk_eval dk_eval;
typedef struct dk_run dk_run;
typedef struct dk_plan dk_plan;
typedef struct dk_recorder dk_recorder;
typedef struct dk_guidance dk_guidance;
typedef struct dk_outputs dk_outputs;
typedef struct dk_noise_request dk_noise_request;
typedef struct dk_backend dk_backend;

/* -------------------------------------------------------------- >>decl-schedule  Noise schedules */

/* A row of a list of names. */
typedef struct dk_named {
    const char *name, *about;
} dk_named;

/* Says that the name of a config's part is not known. */
typedef dk_status (*dk_unknown_fn)(char *message, const char *part, const char *name);

/* One noise level. sigma = 0 is clean data, alpha = 0 pure noise. */
typedef struct dk_level {
    double t;            /* the schedule's own time */
    double alpha, sigma; /* x = alpha x0 + sigma eps */
} dk_level;

/* A number that stands for a noise level. */
typedef enum dk_unit {
    DK_UNIT_DEFAULT, /* a list of levels is in T. The network is told C_NOISE if it predicts as EDM does, else FLOW on flow
                        schedules, SIGMA on VE and EDM, T on others. */
    DK_UNIT_T,       /* the schedule's own time */
    DK_UNIT_SIGMA,   /* sigma/alpha */
    DK_UNIT_FLOW,    /* sigma/(alpha + sigma) */
    DK_UNIT_LAMBDA,  /* log(alpha/sigma) */
    DK_UNIT_C_NOISE, /* log(sigma/alpha)/4, Karras et al. 2022 */
    DK_UNIT_DATA,    /* alpha/(alpha + sigma) */
    DK_UNIT_ANGLE,   /* atan(sigma/alpha) */
    DK_UNIT_COUNT
} dk_unit;

typedef enum dk_family {
    DK_FAMILY_DEFAULT, /* flow matching, shift 1; for network_schedule: the same as schedule */
    DK_FAMILY_FLOW,
    DK_FAMILY_VE,
    DK_FAMILY_EDM,
    DK_FAMILY_VP,
    DK_FAMILY_VP_DISCRETE,
    DK_FAMILY_SUB_VP, /* alpha as VP, sigma = 1 - alpha^2; Song et al. 2021, eq. 12 */
    DK_FAMILY_COSINE, /* alpha = cos t, sigma = sin t, t in [0, pi/2]; Albergo & Vanden-Eijnden 2023; sCM's TrigFlow */
    DK_FAMILY_VP_COSINE, /* alpha = cos(pi/2 (t + s)/(1 + s)) / cos(pi/2 s/(1 + s)); Nichol & Dhariwal 2021, eq. 17 */
    DK_FAMILY_CUSTOM,
    DK_FAMILY_COUNT
} dk_family;

typedef enum dk_betas {
    DK_BETAS_LINEAR,
    DK_BETAS_SCALED_LINEAR, /* sqrt(beta) linear */
    DK_BETAS_COSINE,        /* Nichol & Dhariwal 2021, cut at 0.999 */
    DK_BETAS_SIGMOID, /* logit of beta's place between first and last linear from -6 to 6; GeoDiff, Xu et al. 2022 */
    DK_BETAS_EXPONENTIAL, /* abar = exp(-12 t) */
    DK_BETAS_LAPLACE,     /* lambda at quantiles of a Laplace distribution, cut at 0.999; Hang et al. 2024 */
    DK_BETAS_COUNT
} dk_betas;

/* A schedule of your own: fill alpha and sigma at t; alpha/sigma must fall strictly with t.
   d_alpha and d_sigma (d/dt) may be left alone: central differences take their place. */
typedef void (*dk_schedule_fn)(void *user, double t, double *alpha, double *sigma, double *d_alpha,
                               double *d_sigma);

/* A noise schedule is a plain value. Make it with one of the functions below, then edit at will. */
typedef struct dk_schedule {
    const char *name; /* of dk_schedule_named */
    dk_family family;
    double t_min, t_max; /* range of t that grids span; t_max 0: to the family's end; both 0: all of the family's range */
    double shift;        /* flow, VP discrete: multiplies sigma/alpha; 0: 1. Flow: sigma = shift t / (1 + (shift - 1) t) */
    double sigma_min, sigma_max; /* VE, EDM; VP cosine: sigma/alpha stays between them, 0: no limit */
    double cosine_offset;        /* VP cosine: s; Nichol & Dhariwal 2021: 0.008 */
    double cosine_power;         /* VP cosine: p; t becomes t^p, above p = 1 it becomes 1 - (1 - t)^p; 0: 1; Wuerstchen, Pernias et al. 2023 */
    double beta_min, beta_max;   /* VP, sub-VP: beta(t) = beta_min + t (beta_max - beta_min); VP discrete: first, last */
    dk_betas betas;              /* VP discrete: how they are spaced in between */
    int timesteps;               /* VP discrete: number of training timesteps T, t = 0 .. T-1; flow: size of the
                                    table t = 1/T, 2/T .. 1 that some grids pick from, 0: 1000 */
    int zero_terminal_snr;        /* VP discrete: 1: rescaled so that alpha(T-1) = 0 (Lin et al. 2023) */
    unsigned quirks;              /* a sum of DK_QUIRK_..., see >>decl-quirks */
    const double *alphas_cumprod; /* VP discrete from a table of T numbers, read while recording */
    dk_schedule_fn fn;            /* custom, with t from t_min (least noise) to t_max */
    void *user;
    dk_unknown_fn unknown; /* private: says that the name is not known */
} dk_schedule;

/* alpha = 1 - sigma, sigma = t shifted. Liu et al. 2022, Lipman et al. 2022; shift: Esser et al. 2024, eq. 23; Flux: exp(mu). */
DK_API dk_schedule dk_flow(double shift);
/* alpha = 1, sigma = sigma_min (sigma_max/sigma_min)^t, t in [0, 1]. Song et al. 2021, eq. 9. */
DK_API dk_schedule dk_ve(double sigma_min, double sigma_max);
/* alpha = 1, sigma = t. Karras et al. 2022. */
DK_API dk_schedule dk_edm(double sigma_min, double sigma_max);
/* alpha^2 + sigma^2 = 1, dx = -beta(t)/2 x dt + sqrt(beta) dw, t in [0, 1]. Song et al. 2021, eq. 11. */
DK_API dk_schedule dk_vp(double beta_min, double beta_max);
/* alpha_t^2 = product of 1 - beta_0 .. 1 - beta_t; Ho et al. 2020. Between timesteps lambda is linear in t.
   t = -1 is clean data. Past T-1 t stays at T-1 while sigma/alpha goes on. */
DK_API dk_schedule dk_vp_discrete(dk_betas betas, int timesteps, double beta_min, double beta_max);
DK_API dk_schedule dk_vp_scaled_linear(void); /* Stable Diffusion: sqrt(beta) linear, 0.00085 .. 0.012 */
/* From a model's own table; the table stays the caller's and must outlive recording. */
DK_API dk_schedule dk_vp_table(const double *alphas_cumprod, int timesteps);
/* Outside [t_min, t_max] t stays at the end while sigma/alpha goes on. */
DK_API dk_schedule dk_custom_schedule(dk_schedule_fn fn, void *user, double t_min, double t_max);
/* By name, with customary numbers. With an unknown name every call refuses the config and says the nearest names. */
DK_API dk_schedule dk_schedule_named(const char *name);
DK_API const dk_named *dk_schedule_at(int i); /* the list of names; NULL past the end */

/* The level where a unit has this value: time t, noise level s^ = sigma/alpha (0 to infinity), lambda (either infinity) ...
   Nothing is refused: a value out of range gives numbers, but no level. */
DK_API dk_level dk_level_at(const dk_schedule *s, dk_unit unit, double value);
DK_API double dk_noise_level(dk_level l); /* sigma/alpha, infinity at alpha = 0 */
DK_API double dk_lambda(dk_level l);      /* log(alpha/sigma) */

/* ------------------------------------------------------------- >>decl-model  What the network is */

typedef enum dk_prediction {
    DK_PREDICT_DEFAULT,  /* flow: velocity; VP, VE: eps; EDM: EDM; cosine: v; custom: x0 */
    DK_PREDICT_X0,       /* F = D */
    DK_PREDICT_EPS,      /* F = eps */
    DK_PREDICT_V,        /* F = alpha eps - sigma x0, Salimans & Ho 2022 */
    DK_PREDICT_VELOCITY, /* F = eps - x0, flow matching */
    DK_PREDICT_SCORE,    /* F = grad log p(x) */
    DK_PREDICT_EDM,      /* F raw, with c_skip, c_out, c_in of Karras et al. 2022, table 1 */
    DK_PREDICT_COUNT
} dk_prediction;

/* What the network reads and writes. */
typedef enum dk_number {
    DK_NUMBER_REAL, /* dk_real */
    DK_NUMBER_FP16, /* IEEE 754 binary16, as uint16_t */
    DK_NUMBER_BF16, /* the upper half of a float, as uint16_t */
    DK_NUMBER_COUNT
} dk_number;

/* ---------------------------------------------------------------------- >>decl-grid  Time grids */

/* How levels are spaced: X(enumerator, name, traits, last level, a, b, n, what it is). a, b and n are what dk_grid's numbers of
   these names stand for at 0. "Timesteps" are picked from a table of the T levels that a discrete schedule was trained on,
   k = 0 .. T-1: timestep k of VP discrete, t = (k+1)/T of flow. Traits: T picks from the table. u, s and a need ends with a
   finite u, sigma > 0 and alpha > 0. e has ends of its own. d needs D at an end where u is infinite. t has no level below the
   table's on flow. 1 drops a level that comes twice, which can make fewer steps. */
/* clang-format off */
#define DK_SPACINGS(X) \
    X(KARRAS, "karras", "u", DEFAULT, 7, 0, 0, "u^(1/rho) linear, a = rho; Karras et al. 2022, eq. 5") \
    X(POWER, "power", "ed", DEFAULT, 2, 0, 0, "v^(1/rho) linear to 0, v = s^/(s^ + pivot), a = rho, b = pivot; no level below the range") \
    X(EXPONENTIAL, "exponential", "us", DEFAULT, 0, 0, 0, "log u linear") \
    X(LAMBDA, "lambda", "usa", DEFAULT, 0, 0, 0, "log-SNR linear; Lu et al. 2022") \
    X(UNIFORM, "uniform", "", DEFAULT, 0, 0, 0, "t linear") \
    X(QUADRATIC, "quadratic", "", DEFAULT, 0, 0, 0, "sqrt(t) linear; Song et al. 2020") \
    X(SWAY, "sway", "", DEFAULT, -1, 0, 0, "t falls as v + a (cos(pi v/2) - 1 + v), v linear, a = sway; at -1 cosine; F5-TTS, Chen et al. 2024, CosyVoice") \
    X(LEADING, "leading", "T", DEFAULT, 0, 0, 0, "timesteps 0, r, 2r ... + n, r = T/steps whole, n = offset; Ho et al. 2020") \
    X(TRAILING, "trailing", "T", DEFAULT, 0, 0, 0, "timesteps T-1, T-1-r ..., r = T/steps; Lin et al. 2023") \
    X(LINSPACE, "linspace", "T", DEFAULT, 0, 0, 0, "timesteps T-1 to 0, linear; Nichol & Dhariwal 2021") \
    X(POLYEXPONENTIAL, "polyexponential", "us", DEFAULT, 1, 0, 0, "log u linear in ramp^rho, a = rho; k-diffusion") \
    X(VP, "vp", "usa", DEFAULT, 1e-3, 0, 0, "t linear, 1 to a = time_min, in the VP process with the range's ends; Karras et al. 2022, table 1") \
    X(IDDPM, "iddpm", "e", DEFAULT, 1e-3, 8e-3, 0, "improved DDPM's levels in range, evenly taken; a, b = C_1, C_2; Karras et al. 2022, table 1") \
    X(KL_OPTIMAL, "kl_optimal", "", DEFAULT, 0, 0, 0, "atan u linear; Sabour et al. 2024") \
    X(LAPLACE, "laplace", "e1", DEFAULT, 0, 0.5, 0, "log(sigma/alpha) at quantiles of a Laplace distribution; a = mean, b = deviation; Hang et al. 2024") \
    X(LOGIT_NORMAL, "logit_normal", "e1", REPLACE, 0, 1.75, 0, "logit of sigma/(alpha + sigma) at normal quantiles; a = mean, b = deviation; Esser et al. 2024") \
    X(LINEAR_QUADRATIC, "linear_quadratic", "ue", ZERO, 0.025, 0, 0, "1 - u/u_max linear, to a = threshold in n steps (0: half), then quadratic; Polyak et al. 2024") \
    X(BONG_TANGENT, "bong_tangent", "u", REPLACE, 0, 0, 0, "u along two arctangents that meet half-way; RES4LYF") \
    X(CRASH, "crash", "", DEFAULT, 0, 0, 0, "sine of atan(sigma/alpha) at sin^2; v-diffusion, Crowson 2022") \
    X(BETA_SIGMA, "beta_sigma", "u", DEFAULT, 0.6, 0.6, 0, "u at quantiles of Beta(a, b); Lee et al. 2024") \
    X(BETA, "beta", "T1", ZERO, 0.6, 0.6, 0, "timesteps at quantiles of Beta(a, b), rounded; Lee et al. 2024, ComfyUI") \
    X(NORMAL, "normal", "et", DEFAULT, 0, 0, 0, "t linear; on shifted flow the ends are u taken for t; ComfyUI") \
    X(SGM_UNIFORM, "sgm_uniform", "et", REPLACE, 0, 0, 0, "normal, without the level before 0; ComfyUI") \
    X(SIMPLE, "simple", "T", ZERO, 0, 0, 0, "timesteps T-1, T-1-r ..., r = T/steps, rounded up; ComfyUI") \
    X(DDIM_UNIFORM, "ddim_uniform", "T", ZERO, 0, 0, 0, "all timesteps 1, 1+r ..., r = T/steps whole, can be more steps; ComfyUI") \
    X(SMOOTHSTEP, "smoothstep", "T1", ZERO, 0, 0, 0, "timesteps (T-1) (3 v^2 - 2 v^3), v linear, rounded; stable-diffusion.cpp") \
    X(SD_TURBO, "sd_turbo", "T", ZERO, 0, 0, 10, "the first of n = original_steps trailing timesteps, after a = offset; Sauer et al. 2023") \
    X(LCM, "lcm", "T", ZERO, 0, 0, 50, "some of n = original_steps trailing timesteps, evenly; Luo et al. 2023")
/* clang-format on */

#define DKP_ENUM(spacing, name, traits, final, a, b, n, about) DK_SPACING_##spacing,
typedef enum dk_spacing {
    DK_SPACING_DEFAULT, /* zero sampler, adams2, adams3: POWER, on VP discrete with rounding NEAREST. Other samplers: UNIFORM on
                           flow and cosine flow, else KARRAS. With as many steps as VP discrete has timesteps: these. */
    DK_SPACINGS(DKP_ENUM)
    DK_SPACING_CUSTOM,   /* fn gives the levels. It may use a, b, n and `levels`. */
    DK_SPACING_RESAMPLE, /* `levels`, level_count of them, resampled linearly in log u (or in t, lambda) */
    DK_SPACING_LEVELS,   /* the user's own, verbatim */
    DK_SPACING_COUNT
} dk_spacing;
#undef DKP_ENUM

/* The last of the steps + 1 levels. */
typedef enum dk_final {
    DK_FINAL_DEFAULT, /* the spacing's own rule, or MIN where its range ends at sigma = 0, else ZERO */
    DK_FINAL_ZERO,    /* steps levels over the range, then sigma = 0 */
    DK_FINAL_MIN,     /* steps + 1 levels over the range, the last at its end */
    DK_FINAL_VALUE,   /* steps levels over the range, then noise level final_value */
    DK_FINAL_REPLACE, /* steps + 1 levels over the range, with sigma = 0 instead of the last */
    DK_FINAL_LAST,    /* steps levels over the range or table, and no more: steps - 1 steps */
    DK_FINAL_COUNT
} dk_final;

typedef enum dk_rounding { DK_ROUND_NONE, DK_ROUND_NEAREST, DK_ROUND_DOWN } dk_rounding;

/* What a grid's strength means: which part is run, for image to image. */
typedef enum dk_partial {
    DK_PARTIAL_SLICE,   /* the last strength * steps of the grid's steps, rounded down; diffusers */
    DK_PARTIAL_STRETCH, /* the last `steps` of a grid of steps/strength, rounded down; ComfyUI */
    DK_PARTIAL_LEVEL,   /* all steps, from the level at t_min + strength (t_max - t_min) on */
    DK_PARTIAL_UP,      /* as SLICE, rounded up; diffusers' pipelines of flow models */
    DK_PARTIAL_MORE,    /* as SLICE, and one step more if there is one; AUTOMATIC1111, stable-diffusion.cpp */
    DK_PARTIAL_COUNT
} dk_partial;

/* A spacing of your own: gives level i of n from the noisy end (i < 0: none), and returns how many there are; 0 refuses. */
typedef int (*dk_spacing_fn)(const dk_config *c, int i, int n, dk_level *level);

/* Time travel: a way over a grid that goes back up, by noise, and does steps again. `level` gives level i of the way and
   returns how many steps the way has. dk_grid_level gives the grid's own levels, 0 .. c->steps. Put a dk_way first in a
   struct of the way's numbers. Book three has RePaint's and Restart's. */
typedef struct dk_layout dk_layout;
typedef struct dk_way {
    int (*level)(const struct dk_way *way, const dk_config *c, dk_layout *grid, int i, dk_level *level);
} dk_way;
DK_API dk_level dk_grid_level(dk_layout *grid, int i);

/* Below, u is the level in the family's customary unit: sigma/(alpha + sigma) for flow and cosine flow,
   sigma/alpha for all others. A zero struct is a good default. */
typedef struct dk_grid {
    const char *name; /* of dk_grid_named */
    dk_spacing spacing;
    double a, b; /* the spacing's own numbers, see DK_SPACINGS */
    int n;
    double sigma_min, sigma_max; /* range in u; 0: the schedule's. Spacings that need a finite log use the
                                    level 1/1000 of the way in t where an end is alpha = 0 or sigma = 0.
                                    So does POWER where u is infinite and the network cannot give D */
    double shift;                /* multiplies every level's sigma/alpha after spacing; 0: 1 */
    double terminal;             /* flow: 1 - u is then scaled so that the last level but the final one has this u; 0: no */
    dk_rounding rounding;        /* LEADING, TRAILING, LINSPACE: timesteps are rounded. Other spacings with a range
                                    on VP discrete: only the timestep that the network is told is rounded */
    dk_final final;
    double final_value;   /* DK_FINAL_VALUE, in units of sigma/alpha; else 0 */
    double strength;      /* the part of the grid that is run; 0: 1, but START_DATA asks for it. It becomes steps and full_steps */
    dk_partial partial;
    int full_steps;       /* steps of the whole grid. The last `steps` of them are run. 0: steps */
    const double *levels; /* LEVELS, RESAMPLE, CUSTOM. They must stay until the plan is recorded */
    int level_count;      /* how many they are; LEVELS: 0: steps + 1 */
    dk_unit unit;         /* what they are */
    dk_spacing_fn fn;     /* CUSTOM */
    int rising;           /* 1: the finished list reversed, for inversion */
    int travel;           /* LEVELS: 1: the list goes back up in places */
    const dk_way *way;    /* NULL: the grid from end to end */
    unsigned quirks;      /* a sum of DK_QUIRK_... */
    dk_unknown_fn unknown; /* private: says that the name is not known */
} dk_grid;

/* As dk_schedule_named. */
DK_API dk_grid dk_grid_named(const char *name);
DK_API const dk_named *dk_grid_at(int i); /* the list of names; NULL past the end */
/* DK_SPACING_LEVELS: steps + 1 numbers. */
DK_API dk_grid dk_grid_levels(const double *levels, dk_unit unit);

/* The finished grid of a config as numbers, with what time travel repeats. Writes at most max of them, none where out is NULL.
   Returns how many there are; 0 with a message if the config cannot work. */
DK_API int dk_levels(dk_config *c, dk_unit unit, double *out, int max);

/* --------------------------------------------------------- >>decl-sampler  Samplers and recorders */

typedef enum dk_gauge {
    DK_GAUGE_DEFAULT, /* FLOW for flow and cosine flow and where a level has alpha = 0; else VE */
    DK_GAUGE_VE,      /* x/alpha over u = sigma/alpha */
    DK_GAUGE_FLOW,    /* x/(alpha + sigma) over u = sigma/(alpha + sigma) */
    DK_GAUGE_VP,      /* x/sqrt(alpha^2 + sigma^2) over u = atan(sigma/alpha) */
    DK_GAUGE_NATIVE,  /* x over t, with the schedule's own slopes */
    DK_GAUGE_PSEUDO,  /* slopes as DEFAULT's, steps as DDIM's, stages at shares of t; Liu et al. 2022 */
    DK_GAUGE_COUNT
} dk_gauge;

/* How much of a step is made good by fresh noise: the level sigma_down to which the deterministic step goes
   before noise brings it up. r = noise level after / before the step. */
typedef enum dk_noise_law {
    DK_LAW_DEFAULT, /* SDE for exponential multistep and Runge-Kutta methods and SEEDS, SDE_NOISE for exponential multistep
                       methods with noise prediction, else ANCESTRAL */
    DK_LAW_ANCESTRAL, /* sigma_up = sigma eta sqrt(1 - r^2); DDIM's eta, DDPM at 1, k-diffusion's ancestral */
    DK_LAW_SDE,       /* sigma_down = sigma r^eta; SDE-DPM-Solver++; equal to ANCESTRAL at eta = 0 and 1 */
    DK_LAW_DDPM_LARGE, /* sigma_down as ANCESTRAL at 1; noise of the forward step's variance (DDPM's beta_t) */
    DK_LAW_FRESH,      /* sigma_down = (1 - eta) sigma; at 1 all noise is fresh: LCM */
    DK_LAW_TIME, /* t_down = t_min + (1 - eta) (t - t_min), whole on VP discrete: TCD, whose gamma is eta, Zheng et
                    al. 2024; consistency models at 1 */
    DK_LAW_FLOW, /* u_down = u (1 - eta (1 - u/u_before)), u = sigma/(alpha + sigma); rectified-flow ancestral */
    DK_LAW_SDE_NOISE, /* the SDE with noise prediction, 1 + eta times the ODE's drift: SDE-DPM-Solver, Lu et al. 2022b,
                         SA-Solver (eta = tau^2); large steps do not keep the marginal */
    DK_LAW_COUNT
} dk_noise_law;

/* The predictor for the forward step x_from = a x_to + G z; Song et al. 2021, app. D to F. With eta it follows the SDE
   with eta g of noise and (1 + eta^2)/2 g^2 score in its drift, which has the same marginals: at 0 the
   probability-flow ODE. */
typedef enum dk_predictor {
    DK_PREDICTOR_REVERSE_DIFFUSION, /* (2 - a) x + G^2 score, noise G */
    DK_PREDICTOR_EULER_MARUYAMA,    /* the same, with a and G^2 to first order in the step */
    DK_PREDICTOR_ANCESTRAL,         /* (x + G^2 score)/a, noise by the law: that of VE, or DDPM_LARGE of VP */
    DK_PREDICTOR_NONE,              /* x stays as it is: the corrector alone */
    DK_PREDICTOR_COUNT
} dk_predictor;

/* How a multistep method averages its interpolation polynomial over the step. */
typedef enum dk_rule {
    DK_RULE_DEFAULT,    /* EXACT */
    DK_RULE_EXACT,      /* the exact integral */
    DK_RULE_DPM,        /* DPM-Solver's: two nodes: the value at the middle; three: half the quadratic term */
    DK_RULE_DPM_TAYLOR, /* its other form: only the quadratic term is halved, as in k-diffusion's 3M SDE */
    DK_RULE_BH1,      /* UniPC's shortcut for two nodes with B(h) = h */
    DK_RULE_BH2,      /* and with B(h) = exp(h) - 1 */
    DK_RULE_SA,       /* SA-Solver's shortcut for two nodes: BH1's number */
    DK_RULE_UNIFORM,  /* exact for equal steps, whatever the steps are: iPNDM, PLMS */
    DK_RULE_GRADIENT, /* the newest plus gamma - 1 times its change: gradient estimation */
    DK_RULE_COUNT
} dk_rule;

/* The next step size, after a step whose error was E times what is tolerated. */
typedef enum dk_control_law {
    DK_CONTROL_STANDARD, /* times safety E^(-1/order), 0.2 to 10, at most 1 after a rejected step; as in scipy */
    DK_CONTROL_FREE,     /* the same without limits, the power rounded to float; as in DPM-Solver's code */
    DK_CONTROL_SMOOTH,   /* times f = 1 + atan(E^(-1/order) - 1); a step is accepted where f >= safety; as in k-diffusion */
    DK_CONTROL_COUNT
} dk_control_law;

/* Step-size control of embedded methods: the number of steps follows from the data, and of the grid only the ends count. */
typedef struct dk_control {
    double rtol, atol; /* tolerated error of a step, relative and absolute; both 0: the grid's steps */
    double h_init;     /* first step, in lambda, or u of a classical method; 0: 0.05, or estimated */
    double safety;     /* factor on every new step size; 0: 0.9 */
    double pcoeff, icoeff, dcoeff; /* PID control of the step size; all 0: icoeff 1 */
    dk_control_law law;
} dk_control;

/* The reverse SDE of Song et al. 2021: its predictor, and Langevin steps that correct at every level. */
typedef struct dk_reverse_sde {
    int langevin_steps; /* per level */
    double snr;         /* signal-to-noise ratio r, alg. 4-5 */
    /* Instead of snr: step/(a sigma)^2. Song & Ermon 2019, alg. 1: epsilon/sigma_L^2 with a = 1; Song et al. 2021,
       annealed Langevin: 4 snr^2. */
    double langevin_step;
    dk_predictor predictor;
} dk_reverse_sde;

typedef void (*dk_record_fn)(dk_recorder *r);

/* A point in the design space. Take one by name, then edit. All zero is adams2; what is set on a zero sampler holds for
   adams2, or for the method of `tableau` or `exponential`. Methods refuse what they cannot use. Every field's zero is
   its natural value. */
typedef struct dk_sampler {
    const char *name;    /* for messages */
    dk_record_fn record; /* built in or your own; NULL: default sampler */
    const void *user;    /* of your own record function; of table samplers the dk_table */

    /* The method. */
    const char *tableau; /* classical Runge-Kutta, as text: >>decl-recorder */
    const char *exponential; /* exponential Runge-Kutta, likewise */
    int order;      /* multistep: 1 .. 8 nodes; singlestep: 1 .. 3; step-size control: the better method's; 0: the tableau's */
    dk_rule rule;   /* multistep; singlestep: DPM, or EXACT (Taylor, phi_2) */
    dk_gauge gauge; /* classical; exponential, ddim: FLOW takes (alpha + sigma)/sigma for alpha/sigma */
    int noise_prediction; /* exponential methods: interpolate the noise instead of D */
    int cfg_pp;           /* CFG++: the unconditional output gives the direction, guided D the target */
    double alpha[2]; /* where stages stand. edm: the second evaluation, 1/2, 2/3 or 1. Singlestep: r_1 and r_2; 0: 1/order, 2/3 */
    double gamma;    /* gradient estimation's */

    /* First and last steps. */
    int warmup;            /* classical multistep: the number of first steps that the tableau's method makes */
    int corrector;         /* multistep: nodes of the corrector, the new one included; 0: none */
    int pece;              /* evaluate again after the corrector */
    int lower_order_final; /* multistep: no more nodes than steps left before sigma = 0 */
    /* The step to sigma = 0 is an ordinary step by this share, and x = alpha D by the rest. Multistep: 0 .. 1; classical,
       predictors: 0 or 1. At 0, too, Runge-Kutta methods make an ordinary one where the network knows sigma = 0 and predicts
       the noise, as on flow. At 0.5 adams2 and adams3 gain on smooth data; on hard edges they leave noise. */
    double plain_last;

    /* Noise behind a step. */
    dk_noise_law law;
    double eta;            /* 0: deterministic, but for Langevin steps */
    double noise_excess;   /* every draw but draw 0 is multiplied by 1 + this, also on a way up; in text: s_noise, 1 + this */
    double noise_range[2]; /* noise only where sigma/alpha after the step lies between; 0: no limit */

    /* Noise before a step, Karras et al. 2022, alg. 2: any sampler can churn. */
    double churn;          /* S_churn */
    double churn_range[2]; /* S_tmin, S_tmax in sigma/alpha; 0: no limit */

    dk_reverse_sde sde;
    dk_control control;

    unsigned quirks; /* a sum of DK_QUIRK_... */
    double quirk;    /* the number that one of them takes */

    /* Private: checks a table and gives the config its levels, or refuses a name that is not known. */
    dk_status (*settle)(dk_config *c, char *message);
} dk_sampler;

/* As dk_schedule_named. */
DK_API dk_sampler dk_sampler_named(const char *name);

/* -------------------------------------------------- >>decl-guidance  From the network's outputs to D */

/* Called while recording, for every D. *g is a copy of dk_config.guidance: change what holds at this level and step. Its hook
   and guider may only be set to NULL. step and steps: see dk_eval. */
typedef void (*dk_guidance_fn)(void *user, dk_level level, int step, int steps, dk_guidance *g);

/* Called in the run, for every D that evaluations made: batch * dim numbers to be changed at will. With a back end D is NULL,
   and its buffer `slot` has them. e is the evaluation, without its arrays. Nonzero stops the run. A run that goes on calls
   it again, with D as it left it. */
typedef int (*dk_hook_fn)(void *user, const dk_eval *e, dk_real *D, int slot);

/* A guider of your own: called in the run for every D that guidance makes, as a hook is. It keeps its memory when it is called
   again. examples/guiders.h has some. */
typedef int (*dk_guider_fn)(void *user, const dk_outputs *o);

/* Steps in which the scale goes evenly from `from`, in the first, to `to`, in the last. steps 0: all that are left. */
typedef struct dk_ramp {
    double from, to;
    int steps;
} dk_ramp;

/* What happens between network and sampler; all zero: nothing. The network is evaluated at the same x in branches:
   branch 0, C: with the condition; branch 1, U: without it, or with a negative one, or by a weaker network
   (autoguidance, Karras et al. 2024); branch 2, B: with the second condition alone (the image, in InstructPix2Pix); or
   branches 2 .. 5, P: with the condition, by a network that is perturbed (PAG, SLG, SEG, STG) or lacks a modality.

       G = U + scale (C - U)                          Ho & Salimans 2022, whose w is scale - 1
       G = U + scale2 (B - U) + scale (C - B)         Brooks et al. 2023, eq. 3
       ... + away[0] (C - P2) + ... + away[3] (C - P5)    Ahn et al. 2024, eq. 15

   Branches that weigh nothing are not evaluated. Every number is per sample and knows nothing of the batch. */
struct dk_guidance {
    double scale;  /* 0: no guidance; 1: C alone, but for CFG++, where the direction stays U's */
    double scale2; /* of the second condition; 0: there is none */
    dk_ramp ramps[DK_RAMPS]; /* scale, one ramp after the other, for all steps; in text "schedule=7x45+3x3", "schedule=1to7" */
    double away[DK_BRANCHES - 2]; /* from branch 2 .. 5; in text away2 .. away5 */

    /* A guider stands in for this sum, zero_star and projected. Where guidance holds, the first `branches` (0: 2) are evaluated,
       and all up to the last that weighs something. memory: vectors that the guider keeps. */
    dk_guider_fn guider; /* NULL: none */
    void *guider_user;
    int branches, memory;

    /* Guidance holds where noise_min < sigma/alpha <= noise_max (0: no limit; Kynkaanniemi et al. 2024), in steps from
       start * steps to before stop * steps, both rounded down (stop 0: 1). Elsewhere D is C's, and C alone is evaluated. */
    double noise_min, noise_max;
    double start, stop;

    /* rescale is the share of G that is given C's standard deviation; Lin et al. 2023, sec. 3.4. zero_star takes s U
       for U, s = (C U)/(U U). In the first zero_init steps the network's output counts as 0, without an evaluation or a
       hook. Both: CFG-Zero*, Fan et al. 2025. */
    double rescale;
    int zero_star, zero_init;

    /* Adaptive projected guidance, Sadat et al. 2024. projected 1: G = C + (scale - 1) d; 2: G = U + scale d, as in
       diffusers. d = C - U + momentum times the d before (< 0 in the paper), made no longer than limit (0: any), and
       its part along C times `parallel` (0 in the paper). */
    int projected;
    double parallel, momentum, limit;

    /* The prediction that these and the guider see. Default: the network's own, for projected X0. ComfyUI's RescaleCFG: V. */
    dk_prediction space;

    int doubled; /* 1: one evaluation of all branches, whose batch is that many times as large; see dk_eval */

    /* Dynamic thresholding: D is divided by this quantile of |D|, raised to 1 and lowered to quantile_most (0: no limit), and
       clipped to [-1, 1]; Saharia et al. 2022, sec. 2.3. 0: it is not. */
    double quantile, quantile_most;

    dk_guidance_fn schedule; /* NULL: the same everywhere */
    void *schedule_user;
    dk_hook_fn hook; /* last, on the finished D; NULL: none */
    void *hook_user;
};

/* ------------------------------------------------------------------- >>decl-sources  Noise sources */

/* Where standard normals come from. The first two are addressed: each number follows from (seed, sample, draw, element).
   Other programs' generators (book three) go on from draw to draw: one for the whole batch, where first_sample must be 0, or,
   with dk_config.seeds, one per sample, as diffusers' list of generators. */
typedef enum dk_noise_kind {
    DK_NOISE_DEFAULT,  /* noise: PHILOX; step_noise: the same as noise, whose generator goes on */
    DK_NOISE_PHILOX,   /* dk_normals */
    DK_NOISE_BROWNIAN, /* increments of a Brownian path over sigma/(alpha + sigma), which does not depend on the steps. Times
                          that are nearer than 2^-31 are one. A draw that does not go down is PHILOX's */
#ifndef DK_NO_PEERS
    DK_NOISE_TORCH_CPU,  /* torch.manual_seed(seed), torch.randn on the CPU; its seed is the low 32 bits */
    DK_NOISE_TORCH_CUDA, /* the same on an NVIDIA GPU, whose fast functions round differently: about 1e-6 apart */
    DK_NOISE_NUMPY,      /* numpy.random.RandomState(seed).standard_normal, seed < 2^32; default_rng: examples/numpy.h */
    DK_NOISE_TORCHSDE, /* the path of k-diffusion's BrownianTreeNoiseSampler on the CPU, over sigma; a draw that does not
                          go down is PHILOX's, and so are all behind a way up */
#endif
    DK_NOISE_COUNT
} dk_noise_kind;

/* A noise function of your own: fill out with what the request says. Nonzero stops the run before anything is changed. The same
   draw may be asked for again. Where the network also predicts variances, multiply by their factor here. */
typedef int (*dk_noise_fn)(void *user, const dk_noise_request *request, dk_real *out);

typedef struct dk_noise_source {
    dk_noise_fn fn; /* your own, with kind left alone; NULL: as kind says */
    void *user;
    dk_noise_kind kind;
    int bits; /* of the other program's numbers, 32 or 64; 0: its default, 32 of torch, 64 of NumPy */
    int threads; /* TORCH_CUDA: the threads that the GPU runs at once, multiprocessors * threads of each, in blocks of 256.
                    Tensors of more numbers depend on it; 0: there are none */
    int seed_offset; /* added to seed and seeds. ComfyUI's samplers on the CPU: 1, in step_noise */
} dk_noise_source;

/* ----------------------------------------------------------------------- >>decl-config  The config */

/* How x starts. */
typedef enum dk_start {
    DK_START_NOISE, /* x is filled: sigma of the first level times draw 0 */
    DK_START_STATE, /* x is already a state at the first level */
    DK_START_DATA,  /* x is data, noised to the first level with draw 0 */
    DK_START_COUNT
} dk_start;

/* What mask and known do: a vector v becomes (1 - mask) v + mask w, so mask is 1 where data are known and 0 where they are not.
   Known data at a level are alpha known + sigma z. */
typedef enum dk_blend {
    DK_BLEND_STATE, /* v: every step's end, w: known data at its level; z is the step's own draw, or one more where it has none;
                       RePaint, Lugmayr et al. 2022, alg. 1 */
    DK_BLEND_FIXED, /* the same, but z is draw 0 at all levels; diffusers' inpainting pipelines */
    DK_BLEND_DENOISED, /* v: every D, w: known. x is left alone, so begin with DK_START_DATA on known data; AUTOMATIC1111's
                          k-diffusion samplers */
    DK_BLEND_BOTH, /* v: every x that is evaluated, w: known data at its level, z draw 0; then as DENOISED; ComfyUI */
    DK_BLEND_COUNT
} dk_blend;

/* Calls task(arg, i) for each i = 0 .. n - 1, in any order, in parallel if it can, and returns when all are done. */
typedef void (*dk_parallel_fn)(void *user, int n, void (*task)(void *arg, int i), void *arg);

/* Called after each evaluation, before its output is used; dk_denoised(run, ...) gives the estimate.
   Nonzero cancels with DK_CANCELLED; dk_continue goes on. */
typedef int (*dk_progress_fn)(void *user, dk_run *run, const dk_eval *eval);

/* Steps with another sampler or other guidance, or, by dk_eval.phase, another network: two experts, a base and its refiner. A
   step belongs to the last phase that has begun by then. A zero struct is no phase. */
typedef struct dk_phase {
    int step;     /* begins with step 1 .. steps - 1; 0: with each that starts below `level` */
    double level; /* of the schedule, sigma > 0 */
    dk_unit unit; /* of level; zero: the schedule's t */
    const dk_sampler *sampler; /* begins without history; NULL: the sampler before goes on */
    const dk_guidance *guidance; /* its steps count over the whole grid; NULL: as before. The hook may be the config's or NULL */
} dk_phase;

/* Everything. steps and dim must be set, zero is a default for all else. The library writes `message`, when a call fails. */
struct dk_config {
    int steps;                      /* of the grid, 1 .. 1000000; time travel adds more to the plan. 0: a dk_table's */
    int batch;                      /* samples, >= 1 (0: 1) */
    size_t dim;                     /* numbers per sample, >= 1 */
    uint64_t seed;                  /* sample b uses (seed, first_sample + b): */
    uint64_t first_sample;          /* sample 7 of a batch can be made again alone */
    const uint64_t *seeds;          /* batch numbers, kept by the caller: sample b uses (seeds[b], 0) instead */
    dk_schedule schedule;           /* zero: flow matching */
    dk_prediction prediction;       /* zero: by family */
    double sigma_data;              /* EDM prediction, and where the power grid has its middle; 0: 0.5 */
    dk_schedule network_schedule;   /* the schedule that the network was trained with, where it is not the
                                     sampler's: x is rescaled and levels are matched by sigma/alpha.
                                     Zero: the same. EDM prediction needs x/alpha and sigma/alpha only; there
                                     this schedule decides no more than the number that the network is told */
    dk_unit condition;         /* zero: by prediction and family */
    double condition_scale, condition_offset; /* the network is told scale * number + offset; a scale of 0 is 1 */
    dk_rounding condition_rounding;           /* of the number that it is told */
    int negated;          /* 1: the network gives minus its prediction: velocity towards data, EDM's raw v */
    dk_number number;     /* of the network's input and output; the state is in dk_real */
    /* The score is multiplied by (h + 1)/(h/k + 1), k = 1 + score_excess, h = (score_deviation alpha/sigma)^2: data of that
       deviation come out as if raised to the power k, of temperature 1/k; Xu et al. 2025, eq. 6. Deviation 0: by k at all
       levels; Ning et al. 2024, epsilon scaling by 1/k. In text: score_factor, which is k. */
    double score_excess, score_deviation;
    double clip;          /* D is clipped to [-clip, clip]; 0: it is not */
    dk_guidance guidance; /* zero: none */
    dk_grid grid;         /* zero: by sampler and family */
    dk_sampler sampler;   /* zero: adams2 */
    const dk_phase *phases; /* phase_count of them, each beginning after those before; read while recording */
    int phase_count;
    dk_start start;
    double start_scale; /* of draw 0 in x, for START_NOISE alone; 0: the first level's sigma. Models and files set their pipeline's */
    double start_excess; /* draw 0 is multiplied by 1 + this in the initial state; in text: temperature, 1 + this */
    /* Inpainting, prefixes of action chunks: see dk_blend. Each batch * dim numbers, mask 0 .. 1, that stay the caller's
       until the end; both or neither. They may be changed while an evaluation is out (in the callbacks, or before the next
       dk_next); then they hold from its D on. */
    const dk_real *mask, *known;
    dk_blend blend;
    dk_noise_source noise;      /* of the initial state; zero: the library's generator */
    dk_noise_source step_noise; /* of the sampler's draws; zero: the same source, going on */
    dk_progress_fn progress;    /* used by dk_sample and dk_continue */
    void *progress_user;
    int unchecked; /* 1: do not look for NaN and infinity in the network's outputs, the hook's D, fp16 inputs and the
                      result, nor for outputs that are not written */
    dk_parallel_fn parallel; /* zero: OpenMP where the implementation is compiled with it, else none */
    void *parallel_user;
    int threads; /* parts of a long vector, which changes no result; 0: 1, or OpenMP's number with DK_OPENMP */
    const dk_backend *backend; /* zero: this machine's memory */
    char message[DK_MESSAGE_SIZE];
};

/* The message of the last call that failed with this config, or "". dk_begin and dk_begin_plan write to run->message instead. */
DK_API const char *dk_message(const dk_config *c);
/* Checks every field, and replaces defaults, after an error some. dk_record also refuses fields that the sampler does not use. */
DK_API dk_status dk_resolve(dk_config *c);
/* Sets fields by name: "schedule=edm sampler=dpmpp_2m grid=karras steps=20 eta=1 grid.rho=5 guidance.scale=3".
   schedule, network_schedule, sampler, grid and model take a name. Fields of dk_config have their own; those of its parts have
   the part before them ("sampler." may be missing). Enumerators are in lower case, without their prefix. Spaces may stand
   around =, and in values in quotes. Order does not matter: names are set first. grid= outweighs the grid that a sampler's name
   says, and what the name says of any grid holds for it. t_min and t_max that are the family's ends stay so when other fields
   move these. All is set or nothing: an error names the setting, and what is allowed or the nearest names. */
DK_API dk_status dk_config_set(dk_config *c, const char *settings);

/* ------------------------------------------------------------------------------ >>decl-run  Runs */

/* One evaluation to be done. Arrays are batch x dim, sample after sample. */
struct dk_eval {
    const dk_real *input; /* already scaled for the network; not to be written */
    dk_real *output; /* to be filled with the network's raw output; holds some NaN, to see whether it was written */
    dk_real *uncond_output; /* U's, where CFG++ takes it from the same evaluation (guidance.scale 0); else NULL */
    const uint16_t *input_half; /* instead of these three where dk_config.number says so */
    uint16_t *output_half, *uncond_output_half;
    double t;        /* what the network is conditioned on */
    dk_level level;  /* in the sampler's schedule */
    double t_end;    /* what it would be conditioned on at `end`: the second time of flow maps */
    dk_level end;    /* where the step ends; noise behind the step begins there. At sigma = 0 lambda and c_noise are infinite */
    int step, steps; /* step 0 .. steps - 1; with step-size control: steps accepted so far (-1: before the first), 0 */
    int call, calls; /* evaluation 0 .. calls - 1; with step-size control calls is 0 */
    int stage;       /* of the D within the step */
    int phase;       /* of the step: 1, 2 ... of dk_config.phases; 0: before all of them */
    /* Guidance: branch 0 with the condition, 1 without, others as in dk_guidance. With guidance.doubled one evaluation is for
       all `branches`: batch is branches times the run's, and arrays hold the samples of one branch after the other; the
       inputs are equal. */
    int branch, branches; /* branches: 1 unless doubled */
    int batch;
    size_t dim;
    uint64_t first_sample;
    /* For back ends; of DK_VALUE_HALF where plan->number says so. Those of further branches follow them. */
    int input_slot, output_slot, uncond_slot;
    int shared; /* 1: the input is 0 for all samples: one evaluation per condition does for all, at any time */
};

/* Nonzero stops: dk_sample and dk_continue then return DK_ERROR_CALLBACK; dk_state is that of the evaluation. */
typedef int (*dk_denoise_fn)(void *user, const dk_eval *eval);

/* Bytes that dk_begin_plan needs with this plan. plan NULL: that dk_begin needs; the config is recorded for that, in memory that
   is allocated and freed. 0 where there can be no such run; dk_begin says why. */
DK_API size_t dk_run_size(const dk_plan *plan, const dk_config *c);
/* Starts a run on x (batch * dim numbers). memory has any alignment; NULL: it is allocated, and freed by dk_end. x and memory are
   this run's alone until its end. Neither they nor the run may overlap another, mask or known. The config is read only, by any
   number of threads at once, and copied. An error is in run->status and run->message, and the run need not be ended. */
DK_API dk_status dk_begin(dk_run *run, const dk_config *c, dk_real *x, void *memory, size_t bytes);
/* The same on a plan. Of the config only dim, batch, seed, first_sample, seeds, mask, known, guidance's hook and guider, noise
   sources, progress, unchecked, parallel, threads and backend count. All else is in the plan, which must stay to the end. */
DK_API dk_status dk_begin_plan(dk_run *run, const dk_plan *plan, const dk_config *c, dk_real *x, void *memory,
                               size_t bytes);
/* 1: eval is to be done, then call again. 0: the end where run->status is DK_OK, else an error. After an error x is unfinished,
   and the next call goes on where it stopped. It hands out an evaluation with a bad output once more, all of it to be
   written again. A hook, noise source or back end that failed is asked again. A run that has ended in an error (the step
   size became too small, the result is not finite) says so again; x then holds the last state, but with a back end. */
DK_API int dk_next(dk_run *run, dk_eval *eval);
/* The loop around dk_next, with progress; after an error or a stop it may be called again. Returns run->status. */
DK_API dk_status dk_continue(dk_run *run, dk_denoise_fn denoise, void *user);
/* Frees what dk_begin or dk_begin_plan allocated, and makes the run zero; x, and memory of the caller's, stay. At any time, also
   for a run that is not over; NULL, a run that did not begin, and twice are fine. Not within a callback of dk_next (hook,
   noise, back end, parallel), where it is refused. Such callbacks must return, not throw or longjmp: the run could neither
   go on nor be ended, and what it has allocated would be lost. */
DK_API void dk_end(dk_run *run);
/* dk_begin, dk_continue, dk_end, on allocated memory. An error is in c->message, and x what dk_state gives. */
DK_API dk_status dk_sample(dk_config *c, dk_denoise_fn denoise, void *user, dk_real *x);
/* The denoised estimate of the evaluation that is out, from when its output is filled to the next dk_next. It is blended with
   known data where D is. With guidance, branch 0 gives its own estimate, and the last branch gives G without norms and
   guider. After the end: the result, or the error that the run has ended in. out: batch * dim numbers
   outside of x and memory. DK_ERROR_ORDER where no evaluation is out, or with a back end without `get`. */
DK_API dk_status dk_denoised(dk_run *run, dk_real *out);
/* The state that the evaluation now out looks at; after the end, the result. batch * dim numbers that are the run's, good
   until the next call; NULL where there is no run, or with a back end whose `get` is missing or fails. */
DK_API const dk_real *dk_state(const dk_run *run);
/* Everything that changes, as bytes, the same on every machine; at any time between calls, also of a run that is over.
   dk_save_size gives how many, 0 where there is no run or its back end lacks `get` or `put`. The loading run must have begun
   with the same config (or plan), seeds and noise sources; else it stays as it was, and DK_ERROR_SAVED's message names what
   differs. It goes on exactly as the saved one would, and asks for the open evaluation again. Bytes may come from anywhere:
   they are checked first. mask, known, callbacks and the state of a noise function of your own are not saved. */
DK_API size_t dk_save_size(const dk_run *run);
DK_API dk_status dk_save(dk_run *run, void *bytes, size_t size);
DK_API dk_status dk_load(dk_run *run, const void *bytes, size_t size);

/* ------------------------ Stop here unless you write samplers, noise sources, guiders, back ends or tools. */

/* --------------------------------------------------------------------------- >>decl-plan  Plans */

/* A plan of two Euler steps, with what each part is called (dk_plan_text prints any plan like this):

       pass 0   row   z0 = normal, draw 0     -> tile 0      a row makes one value from terms (coefficient * value), or a draw
                row   x0 = 80 z0              -> x           a value lies in x, in a buffer, or, within a pass, in a tile
                row   u0 = 0.0125 x0          -> buffer 1
       call 0   F0 = network(u0; t)           -> buffer 2    a call ends a pass: here the run waits for the network
       pass 1   row   D0 = c x0 + d F0        -> tile 0      rows run tile by tile: what is in a tile never reaches memory
                row   x1 = a x0 + b D0        -> buffer 1    x0 stays until all of F0 is known to be finite
                row   u1 = e x1               -> buffer 2    a buffer is used again once its value is dead
       call 1   F1 = network(u1; t)           -> x
       pass 2   row   D1 = ..., x2 = D1       -> x           the end: the result is in x

   Norms, hooks and guiders end a pass, too: they need all elements of a value. */

/* coefficient * value; times scalar^power where scalar > 0 numbers one of the plan's norm ratios. */
typedef struct dk_term {
    double c;
    int value;
    short scalar, power;
} dk_term;

typedef enum dk_value_kind {
    DK_VALUE_BUFFER, /* full size; slot 0 is the caller's x, slot k workspace buffer k - 1 */
    DK_VALUE_HALF,   /* full length in dk_plan.number: what the network reads and writes */
    DK_VALUE_LOCAL,  /* lives within one pass; slot k is tile k (or register k of a back end) */
    DK_VALUE_GIVEN   /* full size, constant, the caller's: slot 0 dk_config.known, slot 1 dk_config.mask */
} dk_value_kind;

typedef struct dkp_life {
    int pass, born, dies; /* where a value is made, and the positions between which it lives */
    int needs;            /* the last call that it depends on, -1: none */
    int together; /* this value and the next together - 1 lie in slots that follow one another; 0: alone */
} dkp_life;

typedef struct dk_value {
    char letter; /* x state, D denoised, U unconditional D, F to K network outputs, u network input,
                    z noise, k known data, m mask, y anything else */
    char kind;   /* dk_value_kind */
    int number, slot;
    dkp_life life; /* private */
    int place;     /* private: where a run has noted its address */
} dk_value;

/* dst = sum of terms, or, where draw >= 0, that draw of noise. Rows run in order and element by element, so dst may share its
   buffer with a term. Where mask >= 0 is a value m, dst = (1 - m) first term + m (sum of the others). Where clip > 0, what
   is outside [-clip, clip] becomes the nearer end. */
typedef struct dk_row {
    int dst, first, count, draw, mask;
    double clip;
} dk_row;

typedef enum dk_boundary {
    DK_BOUNDARY_END,
    DK_BOUNDARY_CALL,
    DK_BOUNDARY_NORM,
    DK_BOUNDARY_HOOK,  /* dk_guidance.hook on the D of a call */
    DK_BOUNDARY_GUIDER /* dk_guidance.guider on the branches up to a call */
} dk_boundary;

/* A straight line of rows, one sweep over memory, up to something that is not elementwise. */
typedef struct dk_pass {
    int first, count; /* rows */
    dk_boundary boundary;
    int index;    /* of the call, also before a hook or guider, or norm */
    int position; /* of the boundary, among rows and boundaries */
    int noises;   /* its draws, which need a buffer each if the noise comes from a callback */
    int repeats;  /* 1: it may be run again, with new outputs of the call before it. Of what it reads and what that call was given
                     it overwrites these outputs alone, and an input that is a multiple of x */
    int plain;    /* private: it is between two calls, the first of which has one kind of output, and all its rows are draws, or
                     sums of few terms without scalars, none of 16 bits */
} dk_pass;

/* One network evaluation. D = d_x x + d_f F, clipped as a row is. With guidance several branches, in one call or in consecutive
   ones, make one D: F is then the sum of weight[k] times the output of branch k, before norms and guider. */
typedef struct dk_call {
    dk_level level, end;             /* in the sampler's schedule; end and condition_end: see dk_eval */
    double condition, condition_end; /* what the network is told */
    double input_scale, d_x, d_f, clip;
    int x, input, output; /* values */
    int uncond_output;    /* a value; -1: the unconditional output is not asked for */
    int denoised;         /* the value D */
    int step, stage, phase; /* see dk_eval */
    int needs;    /* last call whose output the input depends on, -1: none. Calls k > needs can run at once */
    int estimate; /* number of the D that it is for */
    int branch, branches; /* the first, and how many: values input and output and those behind them */
    int shared;           /* see dk_eval */
    int seen, memory, guided; /* values, where a guider follows: output[0], memory[0] and G of dk_outputs; else 0 */
    double weight[DK_BRANCHES];
} dk_call;

typedef enum dk_norm_kind {
    DK_NORM_RATIO,      /* |a| / |b|; 0 where b vanishes */
    DK_NORM_ERROR_SUM,  /* root mean square of (a - b)/(atol + rtol max(|p|, |q|)), */
    DK_NORM_ERROR_MAX,  /* of (a - b)/max(atol, rtol max(|p|, |q|)) */
    DK_NORM_DEVIATION,  /* standard deviation of a / that of b; 1 where b has none */
    DK_NORM_LIMIT,      /* min(1, limit/|a|); limit 0: 1 */
    DK_NORM_PROJECTION, /* the same, times (a b)/(b b); 0 where b vanishes */
    DK_NORM_QUANTILE /* 1/the `share` quantile of |a|'s elements, linear between neighbours, raised to 1, then
                           lowered to limit; 0: not lowered */
} dk_norm_kind;

/* A number per sample, made of the sample's elements of values; b < 0: 0. */
typedef struct dk_norm {
    dk_norm_kind kind;
    int a, b, p, q;
    double atol, rtol, limit, share;
} dk_norm;

/* One noise draw, and the noise levels (sigma/alpha) that it bridges: for Brownian sources. */
typedef struct dk_draw {
    double from, to;
    int way; /* how many draws before it went up: what goes down again is on a path of its own */
} dk_draw;

/* What a plan keeps for the library: private. */
typedef struct dkp_planned {
    int owned;  /* its memory is dk_plan_free's */
    int masked; /* needs dk_config.mask and known: 1 for states, 2 for D */
    int flow;   /* its noise levels are customarily told as sigma/(alpha + sigma) */
    int hooked; /* needs dk_config.guidance.hook */
    int guided; /* and its guider: 1 and how many vectors of memory it has */
} dkp_planned;

/* A recorded sampler: constant once made; share it freely. Its arrays lie in one block of memory. Runs believe what it says:
   nothing checks a plan that was built or changed by hand, and a wrong number in one reads and writes anywhere. */
struct dk_plan {
    void *memory; /* in: where to record, or NULL to allocate; freed by dk_plan_free only if allocated */
    size_t bytes; /* in: size of memory */
    size_t used; /* of memory, by the plan; after DK_ERROR_MEMORY: how much would do */
    int attempt; /* 1: one step of a sampler with step-size control: for reading, not for running */
    int steps, levels, calls, rows, terms, values, passes, norms, draws;
    int buffers; /* full-size buffers besides x */
    int halves;  /* buffers of 16 bits per number */
    int locals;  /* tiles */
    int noises;  /* the most draws of one pass: full-size buffers, too, where draws are made apart from rows */
    dk_number number;
    dk_level *level;
    dk_call *call;
    dk_row *row;
    dk_term *term;
    dk_value *value;
    dk_pass *pass;
    dk_norm *norm;
    dk_draw *draw;
    dkp_planned own;
};

/* Records the config's sampler on its grid. The plan must be zero, zero but for memory and bytes, or recorded already: then the
   new one takes its place. The config is read only, but for the message of a failure. After one the plan is empty where its
   memory was allocated, else what it was. */
DK_API dk_status dk_record(dk_plan *plan, dk_config *c);
/* Frees what dk_record allocated, and makes the plan zero. Runs on the plan must have ended. NULL, zero and twice are fine. */
DK_API void dk_plan_free(dk_plan *plan);
/* 1 if both do the same operations in the same order, with coefficients and levels within tolerance
   (|a - b| <= tolerance (1 + |b|)); the largest difference goes to *worst unless NULL. dk_eval.end does not count. */
DK_API int dk_plan_equal(const dk_plan *a, const dk_plan *b, double tolerance, double *worst);
/* The plan in words: levels, calls, rows. Writes at most size bytes with the closing zero; returns the
   length that the whole text has, as snprintf does. */
DK_API size_t dk_plan_text(const dk_plan *plan, char *text, size_t size);

/* ---------------------------------------------------------- >>decl-state  What a run is made of */

/* Where a run with step-size control stands. It records one attempt of a step at a time, as a plan of its own. */
typedef struct dkp_pace {
    dk_level from, to; /* of this attempt */
    double at, next, end; /* from, to and the last level on the method's axis: lambda or its gauge's u */
    double h;             /* > 0: the size to be tried next */
    double inverse_error[2]; /* of the last two accepted attempts */
    double slope;            /* at the first level, for its step size */
    int accepted, rejected;  /* steps so far */
    int calls, draws;        /* evaluations and draws before this attempt */
    int phase, place;        /* private: kind of attempt; level of the grid, -1: between two */
    int rejecting;           /* the attempt before was rejected */
    int kept, keeps[2]; /* values that are known; that will be if this attempt is rejected, or accepted */
    int sizing; /* private: records the most, wherever the level is; 2: with all branches at once, 3 and
                   4: the same without a hook */
} dkp_pace;

typedef enum dkp_run_state {
    DKP_BETWEEN, /* a pass is next; the norm, hook or guider that ended the one before is to be done first */
    DKP_WAITING, /* an evaluation is out */
    DKP_FINISHED,
    DKP_CROSSED /* a pass is next, and that is done */
} dkp_run_state;

/* What a run keeps for itself: private. Nothing in it points into the run, which may be moved. */
typedef struct dkp_run {
    int pass;   /* the next pass to run */
    dkp_run_state state;
    int again;  /* hand out the same evaluation once more */
    dk_status ended; /* DK_OK, or the error that the run has ended in: its words are then in config.message */
    int inside;      /* dk_next is at work */
    dk_real *buffers, *tiles, *noise;
    dk_real *mirror; /* what a back end's buffers are brought to */
    uint16_t *halves;
    double *sums;
    void *streams; /* generators that give their numbers in order, where they stand */
    void **place; /* of all values: dk_value.place says which. NULL with a back end */
    double lowest, highest; /* noise level of the run, but for 0 */
    int looking; /* the pass at work looks for NaN in the outputs of the call before, tile by tile, */
    size_t bad;  /* and has found this element first */
    dkp_pace pace;  /* of a sampler with step-size control, */
    const struct dkp_controller *controller; /* and what takes it further; NULL: there is none */
    dk_plan plan;  /* of dk_begin */
    void *owned;
} dkp_run;

/* A run may be moved (memcpy, std::vector) between calls; x and memory stay where they are. A copy that is used
   beside its original is not a second run: both would write to the same memory. */
struct dk_run {
    const dk_plan *plan; /* given to dk_begin_plan; NULL: the run has its own. dk_run_plan gives either */
    dk_real *x;          /* the caller's */
    size_t dim, size;    /* size = batch * dim */
    double *scalars;     /* for back ends: number n of sample b, as terms name it, at (n - 1) * batch + b */
    void *device;        /* a back end's own, for this run */
    dk_config config;    /* resolved copy; pointers in it stay the caller's */
    dk_status status;    /* of the last call */
    char message[DK_MESSAGE_SIZE];
    dkp_run own;
};

/* The plan that a run is on, its own or the one that it was given; NULL if it has not begun. A run's own moves with it. */
DK_API const dk_plan *dk_run_plan(const dk_run *run);

/* -------------------------------------------------------- >>decl-recorder  Samplers of your own */

/* A symbolic vector: a value of the plan, or a sum of values. Copy it freely. A sum is valid until 256 more terms have
   been said: store with dkr_keep what later steps use. examples/samplers.c shows how all this is used. */
typedef struct dk_vec {
    dk_recorder *of; /* private; NULL: zero */
    int count;              /* of terms; 0: a value */
    unsigned at;            /* its number; or where the terms are */
} dk_vec;
static const dk_vec dkr_zero = {0, 0, 0};

/* For recording functions. A sampler loops `while (dkr_step(r)) ...`: it reads r->from and r->to, calls
   dkr_denoise, and leaves the new state in r->x. Nothing is computed while recording. The function is called again after
   each way up of time travel, and after a first step from clean data. Keep nothing from the call before.
   It may call another recording function: set r->sampler and r->steps first. The other goes on from here to step r->steps;
   then both may be set again. A step that was begun, with nothing said in it, is left to the other. */
struct dk_recorder {
    dk_vec x;          /* the state */
    dk_level from, to; /* of this step; from includes churn */
    dk_level aim;      /* dk_eval.end of evaluations: `to`, until you set it within the step */
    int steps;   /* of this call */
    int step;    /* 0 .. steps - 1; -1 before the first dkr_step */
    int falling; /* 1 where noise levels fall: sampling; 0: inversion */
    dk_status status;  /* not DK_OK once something is refused */
    dk_config *config; /* resolved */
    dk_level first, last;     /* of the whole grid; where phases have samplers, of this call */
    dk_sampler sampler;
    struct dkp_recording *own; /* private */
};

DK_API int dkr_step(dk_recorder *r); /* 0 after the last step, and once something is refused */
DK_API dk_vec dkr_denoise(dk_recorder *r, dk_vec x, dk_level level); /* D at x, with all of the config's guidance */
/* The same, but the network is told the level `told`. *uncond becomes the unconditional D; uncond may be NULL. */
DK_API dk_vec dkr_denoise_told(dk_recorder *r, dk_vec x, dk_level level, dk_level told, dk_vec *uncond);
DK_API dk_vec dkr_noise(dk_recorder *r, dk_level from, dk_level to); /* a fresh draw */
DK_API dk_vec dkr_keep(dk_recorder *r, dk_vec v);     /* stores a sum, so that later uses cost one term */
DK_API dk_vec dkr_past(dk_recorder *r, int back);     /* an earlier D; 1: the newest */
/* For correctors, which make the end of the last step anew: gives x the known data and the churn that the first end has had since. */
DK_API dk_vec dkr_corrected(dk_recorder *r, dk_vec x);
/* c[0] v[0] + ... + c[n-1] v[n-1], of any length, stored. */
DK_API dk_vec dkr_sum(dk_recorder *r, int n, const double *c, const dk_vec *v);
DK_API int dkr_norm_ratio(dk_recorder *r, dk_vec a, dk_vec b); /* |a|/|b| per sample: a scalar */
DK_API dk_vec dkr_scale(double c, dk_vec v);
DK_API dk_vec dkr_scale_by(double c, int scalar, int power, dk_vec v); /* c scalar^power v, power >= 1; once per vector */
DK_API dk_vec dkr_mix(double a, dk_vec x, double b, dk_vec y); /* a x + b y */
/* Names the fields of dk_sampler that the recording function uses, in the words of dk_config_set. Others that are set end
   recording with an error. Churn and step-size control need not be named. Without this call nothing is refused. */
DK_API void dkr_reads(dk_recorder *r, const char *fields);
/* Ends recording with an error; the field is named in the message. */
DK_API void dkr_refuse(dk_recorder *r, const char *field, double value, const char *allowed);

/* dk_sampler.tableau, a Runge-Kutta method as text. Row k has k numbers, integers, decimals or fractions: the rows of a after
   the first, then b, whose sum is 1; c are the row sums. "1" is Euler, "1/2 | 0 1" the midpoint method,
   "1/3 | -1/3 1 | 1 -1 1 | 1/8 3/8 3/8 1/8" Kutta's 3/8 rule. After "~": b of an embedded method of lower order, whose last
   number belongs to the slope at the end of the step: "1 | 1/2 1/2 ~ 1 0 0" is Heun with Euler.

   dk_sampler.exponential, an exponential Runge-Kutta method in lambda. A row begins with c, where its stage stands; the row of
   the result has none: its c is 1. "~" as above. "2: 4 phi2(1/2) -1 phi3" is a row's entry in column 2,
   4 phi_2(-h/2) - phi_3(-c h), with h the step and phi_k as in Hochbruck & Ostermann 2010, eq. 2.10. "by 23" stands for the
   entries that integrate the polynomial through columns 0, 2 and 3 exactly. Columns from 10 on are a, b ... Column 0 follows: it
   makes every row exact for constant D. Where the text gives column 0, the weight of x/alpha at the step's start follows
   instead, and rows depend on differences alone, unless a level is above noise level 1000. "1 | 1: 1 phi2" and "1 | by 1" are
   Cox & Matthews' ETD2RK. */

/* A linear solver as numbers: a fitted or learned one, or any sampler's without noise (examples/table.h makes them, and writes
   them as JSON and as C). In y = x/(alpha + sigma), which is finite at both ends, they are the same for every family:

       y_{i+1} = a_i y_i + b_i0 D_0 + ... + b_ii D_i + noise_i z_i,        y_i and D_i at level i */
typedef struct dk_table {
    char name[64];       /* for messages */
    int steps;           /* as many as evaluations */
    int shared;          /* 1: D_0 is D at x = 0, from which it hardly differs at much noise: see dk_eval.shared */
    double guidance;     /* the guidance.scale that it is made for; others are refused; 1: none; 0: any */
    const double *level; /* steps + 1, sigma/(alpha + sigma), > 0 but for the last; they may repeat and go back */
    const double *a;     /* steps */
    const double *b;     /* b_00, b_10, b_11, b_20 ...: steps (steps + 1)/2 */
    const double *noise; /* steps, or NULL */
    const double *told;  /* steps levels that the network is told instead, or NULL */
} dk_table;

/* The most numbers that a table of so many steps has. */
#define DK_TABLE_ROOM(steps) ((steps) * ((steps) + 9) / 2 + 1)

/* The table stays the caller's. It has the levels: the config's grid must be zero, but for strength = 1 with START_DATA, and
   steps 0 or the table's. */
DK_API dk_sampler dk_table_sampler(const dk_table *table);

/* ------------------------------------------------- >>decl-callbacks  What callbacks and tools ask */

/* What a guider is given: all outputs that one D is made of. Vectors are batch * dim numbers, as dk_guidance.space says;
   NULL with a back end, whose buffers the slots are. */
struct dk_outputs {
    const dk_eval *eval; /* for which evaluation, without its arrays */
    int branches;               /* 0 .. branches - 1 */
    const double *weight;       /* of each in the sum that scale, scale2 and away ask for: of two, scale and 1 - scale */
    const dk_real *output[DK_BRANCHES];
    dk_real *memory[DK_BRANCHES]; /* as many as dk_guidance.memory says; 0 at first, then what the guider left */
    dk_real *G;                   /* to be filled */
    int output_slot[DK_BRANCHES], memory_slot[DK_BRANCHES], G_slot;
};

/* A request for batch * dim standard normals; sample b's dim numbers are contiguous. */
struct dk_noise_request {
    int draw;               /* 0: initial state; 1, 2, ... in the order of the plan */
    int call;               /* draws of this source before; an initial state that is given counts as drawn */
    double from, to;        /* noise levels that the draw bridges; both the first level for draw 0 */
    double lowest, highest; /* noise levels of the run, but for sigma = 0 */
    int way, flow;          /* see dk_draw and dk_plan */
    int batch;
    size_t dim;
    uint64_t seed, first_sample; /* as in dk_config */
    const uint64_t *seeds;
};

/* One draw without a run, batch * dim numbers. Generators start anew and run forward to request->call. DK_ERROR_CONFIG where
   something is NULL, the kind is none, there is nothing to fill, or a draw of TORCHSDE goes down and is not between highest
   and lowest, or 0. */
DK_API dk_status dk_noise_fill(const dk_noise_source *source, const dk_noise_request *request, dk_real *out);
/* PHILOX's normals number first .. first + n - 1 of (seed, sample, draw). */
DK_API void dk_normals(uint64_t seed, uint64_t sample, uint32_t draw, uint64_t first, size_t n, dk_real *out);
/* A draw of the run's plan from its source to out, batch * dim numbers: for back ends, from within their rows, too.
   DK_ERROR_ORDER where the plan has no such draw, else what the source returns. */
DK_API dk_status dk_run_noise(dk_run *run, int draw, dk_real *out);
/* The same draw's address, for who makes it elsewhere: its source, and what that is asked. docs/noise.md has the recipe.
   DK_ERROR_ORDER where the plan has no such draw. */
DK_API dk_status dk_run_draw(const dk_run *run, int draw, dk_noise_source *source, dk_noise_request *request);
/* To the nearest number of 16 bits, ties to even, and back exactly. Too large becomes infinite; NaN stays NaN. */
DK_API void dk_to_half(dk_number number, const dk_real *from, uint16_t *to, size_t n);
DK_API void dk_from_half(dk_number number, const uint16_t *from, dk_real *to, size_t n);

/* -------------------------------------------------------------------- >>decl-backend  Back ends */

/* Where vectors live elsewhere, these functions do the work, and buffers are numbers: a kind and a slot. `rows` must be there,
   and either `get` or both norm and find_bad; the others may be NULL. Without norm or find_bad the library looks at
   what `get` brings. One dk_backend may serve any number of runs; what it keeps for one is run->device. docs/embedding.md says how
   they go together.

   Sizes: dk_run_plan(run) has them before the first pass, and step-size control does not change them. Every buffer is
   run->size numbers. Branches of guidance use slots that follow one another.
   Arithmetic: a row adds its terms from left to right, each c * value rounded before it is added (no fused multiply-add), with
   c times its scalars in double, then rounded to dk_real. Then the mask, then the clip. That gives the host's bits.
   x, mask and known of the caller's are never looked at: they may be NULL, or handles; mask and known both are there or neither.
   Waiting: rows may return before its work is done; so may find_bad, see there, and norm, where numbers stay on the device.
   Failing: 0 is fine. > 0 stops the run with DK_ERROR_CALLBACK, and the same is asked again when it goes on; so buffers must
   be as they were. < 0 says that something failed which was asked before: the run ends there. */
struct dk_backend {
    void *user;
    /* All rows of a pass, in order, for every element. */
    int (*rows)(void *user, dk_run *run, const dk_pass *pass);
    /* A norm of the plan for every sample. of_sample is its place in run->scalars, where terms find it. */
    int (*norm)(void *user, dk_run *run, const dk_norm *norm, double *of_sample);
    /* *bad = index of the first element that is NaN or infinite, size if none is: of a value of the plan that the network has
       made, or, value -1, of the result, buffer 0 at the end. What the network leaves unwritten is the back end's to mark. One
       that does not wait says size, and the next call tells of an earlier output by *bad and a return < 0; the call at the end
       waits, and with step-size control every call. */
    int (*find_bad)(void *user, dk_run *run, int value, size_t *bad);
    /* Before the first pass. If it fails, so does dk_begin, and end is not called. */
    int (*begin)(void *user, dk_run *run);
    /* From dk_end, of a run that is over or not: the last chance to bring slot 0 somewhere. */
    void (*end)(void *user, dk_run *run);
    /* A buffer to the host and from it, run->size numbers of its kind (BUFFER, HALF; get: GIVEN, too), when all work on it is done:
       for dk_state, dk_denoised and dk_save, and for dk_load. */
    int (*get)(void *user, dk_run *run, dk_value_kind kind, int slot, void *to);
    int (*put)(void *user, dk_run *run, dk_value_kind kind, int slot, const void *from);
};

/* ----------------------------------------------------------------- >>decl-names  Lists of names */

typedef struct dk_sampler_info {
    const char *name;
    dk_record_fn record;
    const char *tableau;
    const char *exponential;
    const char *settings; /* for dk_config_set: what differs from a zero dk_sampler */
    int order; /* of convergence: of the ODE, or (weak) of the SDE; of multistep methods with all of their history */
    int flow_order; /* the same over all of flow matching, t = 1 to 0 in equal steps, from a cold start */
    int evals; /* per step; 0: step-size control says. Runge-Kutta steps to sigma = 0 take one, and so do exponential ones from
                  alpha = 0. smld's take one more, pndm's first three steps three more each, plms's first one more */
    const char *paper;
} dk_sampler_info;
DK_API const dk_sampler_info *dk_sampler_at(int i); /* the table of presets; NULL past the end */

/* ------------------------------------------------------------ >>decl-quirks  Other programs' ways */

/* Each bit makes one part do as the named program does. */
enum {
    /* Of schedules. */
    DK_QUIRK_FLOAT_TABLE = 1 << 20,    /* models' tables: 1 - beta and alpha^2 are rounded to float */
    DK_QUIRK_TERMINAL_ALPHA = 1 << 21, /* diffusers: alpha(T-1) = 2^-12 after zero_terminal_snr */
    /* Of grids. */
    DK_QUIRK_SPARE_LEVEL = 1 << 22,   /* diffusers, ComfyUI: one more level is laid out, and left out before the end */
    DK_QUIRK_SIGMA_LINEAR = 1 << 23,  /* diffusers: LINSPACE has sigma/alpha linear between timesteps, not its log */
    DK_QUIRK_BELOW_ONE = 1 << 24,     /* diffusers: UniPC's flow levels have at most u = 1 - 1e-6 */
    DK_QUIRK_REPAINT_NOISE = 1 << 25, /* diffusers: the noise of a way up is that of one T/steps - 1 timesteps higher */
    DK_QUIRK_CLEAN_TWICE = 1 << 26,   /* diffusers: the level at the clean end comes twice: a step goes nowhere */
    DK_QUIRK_NOISY_TWICE = 1 << 27,   /* diffusers: so does the one at the noisy end, on a rising grid */
    DKP_QUIRK_MARKED = 1 << 30        /* private: alphas_cumprod has some of the products only */
};

#ifndef DK_NO_PEERS
/* Of samplers. Why: docs/conformance.md, "What differs on purpose". Search a name to find where it acts. In text: "told_end=1". */
/* clang-format off */
#define DK_QUIRKS(Y, X) \
    Y(X, DK_QUIRK_PURE_STAGE, 0, "pure_stage")           /* ComfyUI: singlestep methods have a stage behind alpha = 0 */ \
    Y(X, DK_QUIRK_COUNT_LAST, 1, "count_last")           /* diffusers: lower_order_final counts the step to sigma = 0 */ \
    Y(X, DK_QUIRK_EULER_LAST, 2, "euler_last")           /* diffusers: the last step has one node */ \
    Y(X, DK_QUIRK_TIME_UNIFORM, 3, "time_uniform")       /* DPM-Solver: singlestep's stages at shares of t, */ \
    Y(X, DK_QUIRK_TIME_QUADRATIC, 4, "time_quadratic")   /* or of its square root */ \
    Y(X, DK_QUIRK_DPM_V2, 5, "dpm_v2")                   /* stable-diffusion.cpp: its second version of 2M */ \
    Y(X, DK_QUIRK_IPNDM_V, 6, "ipndm_v")                 /* diff-sampler: iPNDM-v's weights as published; with rule=uniform stable-diffusion.cpp's */ \
    Y(X, DK_QUIRK_DEIS_SUM, 7, "deis_sum")               /* DEIS: deis_t integrates by a sum over 10,000 points */ \
    Y(X, DK_QUIRK_ER_POWER, 8, "er_power")               /* ComfyUI: er_sde's noise grows as level^(eta + 1) */ \
    Y(X, DK_QUIRK_UNCOND_PAST, 9, "uncond_past")         /* ComfyUI: RES with CFG++ averages U alone */ \
    Y(X, DK_QUIRK_KEPT_NOISE, 10, "kept_noise")          /* diffusers: DDIM's noise is that of D before it is clipped */ \
    Y(X, DK_QUIRK_UNCORRECTED, 11, "uncorrected")        /* diffusers: `quirk` first steps are not corrected */ \
    Y(X, DK_QUIRK_EULER_TO_DATA, 12, "euler_to_data")    /* k-diffusion: a Runge-Kutta step to sigma = 0 is Euler's */ \
    Y(X, DK_QUIRK_STRIDE, 13, "stride")                  /* diffusers: DDIM's steps are `quirk` long in t; 0: T/steps */ \
    Y(X, DK_QUIRK_TOLD_END, 14, "told_end")              /* diffusers: inverse DDIM's network is told the step's end */ \
    Y(X, DK_QUIRK_THIRD_MINUS, 15, "third_minus")        /* diffusers: SDE-DPM-Solver++'s third node has a wrong sign */ \
    Y(X, DK_QUIRK_DRY_BOTTOM, 16, "dry_bottom")          /* k-diffusion: no noise behind DPM2's step to sigma = 0; diffusers: behind DDPM's last */ \
    Y(X, DK_QUIRK_ABOVE_LAST, 17, "above_last")          /* k-diffusion: no step goes below the grid's last level */ \
    Y(X, DK_QUIRK_FRESH_PURE, 18, "fresh_pure")          /* ComfyUI: CFG++ makes all noise anew behind alpha = 0 */ \
    Y(X, DK_QUIRK_BINS, 19, "bins")                      /* score_sde: predictors' steps are those of `quirk` bins; 0: steps */ \
    Y(X, DK_QUIRK_LOWER_TO_ZERO, 20, "lower_to_zero")    /* ComfyUI: lower_order_final only where the grid ends at sigma = 0 */ \
    Y(X, DK_QUIRK_PURE_ZERO, 21, "pure_zero")            /* diffusers: IPNDM's step from alpha = 0 takes D for 0 */ \
    Y(X, DK_QUIRK_PAST_TWICE, 22, "past_twice")          /* stable-diffusion.cpp: LMS takes the last slope for the one before it, too */
/* clang-format on */
#define DKP_QUIRK_BIT(X, name, bit, text) name = 1 << (bit),
typedef enum dk_quirk {
    DK_QUIRKS(DKP_QUIRK_BIT, )
    DKP_QUIRKS_WITH_NUMBER = DK_QUIRK_UNCORRECTED | DK_QUIRK_STRIDE | DK_QUIRK_BINS,
    DK_QUIRK_ALL = (1 << 23) - 1
} dk_quirk;
#undef DKP_QUIRK_BIT
#endif

#ifdef __cplusplus
}
#endif
#endif /* DIFFKIT_H */

/* =============================================================================== IMPLEMENTATION */
#if defined(DIFFKIT_IMPLEMENTATION) && !defined(DIFFKIT_IMPLEMENTED)
#define DIFFKIT_IMPLEMENTED

/* -------------------------------------------------------------- >>compilers  What compilers need */

#include <math.h>
#include <stdarg.h>
#include <string.h>
#if defined(DK_OPENMP) && !defined(_OPENMP)
#error "DK_OPENMP: compile the file with DIFFKIT_IMPLEMENTATION with OpenMP, -fopenmp or /openmp"
#elif defined(DK_OPENMP)
#include <omp.h>
#endif

#ifdef DK_NO_MALLOC
#define DKP_MALLOC(n) ((void)(n), (void *)0)
#define DKP_FREE(p) ((void)(p))
#elif defined(DK_MALLOC)
#define DKP_MALLOC(n) DK_MALLOC(n)
#define DKP_FREE(p) DK_FREE(p)
#else
#include <stdlib.h>
#define DKP_MALLOC(n) malloc(n)
#define DKP_FREE(p) free(p)
#endif

/* a * b + c must round twice everywhere, or results would depend on the target's fused multiply-add; nor may -ffast-math change
   the order of sums, or take NaN for something that does not happen. */
#if defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wignored-pragmas" /* not every target has the first */
#pragma float_control(precise, on, push)             /* would turn contraction on, too */
#pragma STDC FP_CONTRACT OFF
#ifdef __FAST_MATH__
#define DKP_CLANG_FAST
#endif
#pragma clang diagnostic ignored "-Wpass-failed" /* a loop that sanitizers or low levels leave as it is */
#elif defined(__GNUC__)
#ifdef __i386__ /* the old floating point unit rounds otherwise; to the file's end, for it is in how functions are called */
#pragma GCC target("sse2,fpmath=sse")
#endif
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off", "no-fast-math", "no-unsafe-math-optimizations", "no-finite-math-only")
#ifdef __s390__ /* -std=c11 would have floats computed in double */
#pragma GCC optimize("excess-precision=fast")
#endif
#elif defined(_M_FP_FAST) || defined(__FAST_MATH__)
#error "diffkit.h: compile the file with DIFFKIT_IMPLEMENTATION without /fp:fast (-ffast-math): NaN must be seen"
#elif defined(_MSC_VER)
#pragma float_control(precise, on, push)
#pragma fp_contract(off)
#endif

/* What evaluations do, and products of betas, is compiled for speed, whatever the flags. All else is compiled for size, in
   optimised builds. */
#if defined(__clang__)
#define DKP_SMALL _Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define DKP_FAST _Pragma("clang attribute pop")
#elif defined(__GNUC__)
/* Of what is compiled for size; without passes that take a quarter of the compiler's time and make the code no smaller. */
#define DKP_FEWER_PASSES \
    _Pragma("GCC push_options") \
    _Pragma("GCC optimize(\"no-gcse\", \"no-schedule-insns2\", \"no-thread-jumps\", \"no-caller-saves\")") \
    _Pragma("GCC optimize(\"no-tree-pre\", \"no-tree-pta\", \"no-tree-vrp\", \"no-tree-dominator-opts\")")
#if !defined(__OPTIMIZE__)
#define DKP_SMALL DKP_FEWER_PASSES _Pragma("GCC optimize(\"O0\")")
#elif __GNUC__ < 12 /* has no -Oz, which is what clang's minsize is */
#define DKP_SMALL DKP_FEWER_PASSES _Pragma("GCC optimize(\"Os\")")
#else
#define DKP_SMALL DKP_FEWER_PASSES _Pragma("GCC optimize(\"Oz\")")
#endif
#define DKP_FAST _Pragma("GCC pop_options")
#pragma GCC optimize("O2")
#if __GNUC__ < 12 /* vectorises at -O3 alone */
#pragma GCC optimize("tree-vectorize")
#endif
#else
#define DKP_SMALL
#define DKP_FAST
#endif

/* DKP_ONCE: never copied into its callers. Large frames must not add up, and copies that gain nothing need not be. */
#if defined(__clang__) || defined(__GNUC__) /* clang for Windows is no GNU C */
#define DKP_INLINE static inline __attribute__((always_inline))
#define DKP_ONCE __attribute__((noinline))
#elif defined(_MSC_VER)
#define DKP_INLINE static __forceinline
#define DKP_ONCE __declspec(noinline)
#else
#define DKP_INLINE static inline
#define DKP_ONCE
#endif
#if defined(__GNUC__) && !defined(_WIN32)
#define DKP_LIKE_PRINTF(n) __attribute__((format(printf, n, (n) + 1)))
#else
#define DKP_LIKE_PRINTF(n)
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define DKP_COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
static const double dkp_pi = 3.14159265358979323846;

/* A C library's exp, log, pow, sin ... differ in the last bit from machine to machine, and so would results. These are made
   of operations that IEEE 754 rounds exactly, in a fixed order, and err by less than 1 unit in the last place (asinh 2,
   erfc 3). What needs more digits than a double has is the sum of two, after Dekker 1971; its parts are
   exact because nothing is contracted. Polynomials interpolate at Chebyshev nodes, computed with 60 digits. The sign of a
   zero is not kept. */
#ifdef DKP_CLANG_FAST /* would make it an estimate, which no pragma prevents, but a call that it cannot know does */
static float (*const volatile dkp_sqrtf)(float) = sqrtf;
static double (*const volatile dkp_sqrt)(double) = sqrt;
#elif defined(__GNUC__) && defined(__cplusplus) && !defined(_WIN32)
/* The instruction, in vectors too, for it need not set errno; a namespace around this file may hide that. */
extern float sqrtf(float) __attribute__((const));
extern double sqrt(double) __attribute__((const));
#define dkp_sqrtf sqrtf
#define dkp_sqrt sqrt
#elif defined(__GNUC__) /* MinGW's sqrt rounds twice */
extern float __builtin_sqrtf(float) __attribute__((const));
extern double __builtin_sqrt(double) __attribute__((const));
#define dkp_sqrtf __builtin_sqrtf
#define dkp_sqrt __builtin_sqrt
#else
#define dkp_sqrtf sqrtf
#define dkp_sqrt sqrt
#endif

/* ---------------------------------------------- >>ahead  What book one uses of the books behind it */

/* Elementary functions; */
static int dkp_finite(double v);
static double dkp_exp(double x);
static double dkp_expm1(double x);
static double dkp_log(double x);
DKP_ONCE static double dkp_log1p(double x);
static double dkp_pow(double x, double y);
static double dkp_cos(double x);
static double dkp_sin(double x);
static double dkp_tan(double x);
static double dkp_atan2(double y, double x);
static double dkp_atan(double x);
static double dkp_asinh(double x);
static double dkp_beta_quantile(double p, double a, double b);
static double dkp_normal_above(double p);
static void dkp_moments(double H, int n, double *m);
static void dkp_lagrange(const double *node, int n, int j, double *basis);
static double dkp_phi(int k, double z);
static double dkp_h_phi(int k, double h, int sign);

/* Text without stdio: the library must run where there is none, and must not follow the locale. */
typedef struct dkp_text {
    char *p;
    size_t size, length; /* length counts what would have been written */
} dkp_text;
static void dkp_put(dkp_text *t, const char *s);
static void dkp_put_char(dkp_text *t, char c);
static void dkp_put_int(dkp_text *t, int64_t v);
static void dkp_put_real(dkp_text *t, double v);
DKP_LIKE_PRINTF(2) static void dkp_say(dkp_text *t, const char *format, ...);
DKP_LIKE_PRINTF(3) static dk_status dkp_fail_saying(char *message, dk_status status, const char *format, ...);
static dk_status dkp_fail(char *message, const char *field, double value, const char *allowed);
static dk_status dkp_fail_word(char *message, const char *field, double value, const char *allowed);
static dk_status dkp_fail_text(char *message, dk_status status, const char *text);
static dk_status dkp_fail_bytes(char *message, size_t given, size_t needed);
static int dkp_read_real(const char **text, double *v);
static dk_status dkp_unknown_sampler(dk_config *c, char *message);
static dk_status dkp_unknown_grid(char *message, const char *part, const char *name);
static dk_status dkp_unknown_schedule(char *message, const char *part, const char *name);
struct dkp_tableau;
struct dkp_phi_tableau;
static dk_status dkp_parse_tableau(const char *text, struct dkp_tableau *t, char *message);
static dk_status dkp_parse_exponential(const char *text, struct dkp_phi_tableau *m, char *message);

/* what checks a config's fields, fills them in and sets them by text; */
static int dkp_controlled(const dk_config *c);
static dk_status dkp_check_levels(const dk_config *c, dk_level *level, char *message);
struct dkp_marks;
static dk_status dkp_resolve(dk_config *c, struct dkp_marks *marks, char *message);
static dk_status dkp_resolve_data(dk_config *c, char *message);
static dk_sampler dkp_preset(const dk_sampler_info *row);

/* noise; */
static int dkp_needs_finite(const dk_noise_source *s);
static int dkp_whole(const dk_noise_source *s);
static size_t dkp_generator_bytes(const dk_config *c, const dk_noise_source *s);
static dk_status dkp_fill(const dk_noise_source *s, const dk_noise_request *q, void *states, dk_real *out);

/* step-size control; */
/* What a run with step-size control records: its initial state; an ordinary step; norms that a first step size is estimated
   from, at the first level and at another; a step that is accepted or rejected. */
enum { DKP_START, DKP_PLAIN, DKP_MEASURE, DKP_PROBE, DKP_ATTEMPT };

/* What recording functions ask: D where a step begins, which may be known; and whether a step's result is good enough. */
static dk_vec dkp_denoise_first(dk_recorder *r);
static dk_vec dkp_judge_runge_kutta(dk_recorder *r, const struct dkp_tableau *tableau, double h, const dk_vec *K,
                                    dk_vec x);
static dk_vec dkp_judge_phi(dk_recorder *r, const struct dkp_phi_tableau *m, double h, const dk_vec *F, dk_vec x,
                            dk_level to);
static void dkp_check_attempt(dk_recorder *r);
static void dkp_record_measure(dk_recorder *r);
static const dkp_pace *dkp_first_attempt(dk_recorder *r, dk_config *c, dkp_pace *p);
static dk_status dkp_record_run(dk_plan *plan, dk_config *c, dkp_pace *p);
/* What a run asks: whether an attempt is accepted, and, at its end, to go on. Programs without dk_begin have none of it. */
typedef struct dkp_controller {
    int (*accepts)(const dk_run *run);
    int (*proceed)(dk_run *run, int accepted);
} dkp_controller;
static const dkp_controller *dkp_controller_of(dk_run *run);

/* where a plan's values lie; */
enum { DKP_KINDS = DK_VALUE_LOCAL + 1 }; /* of values */
static void dkp_allocate(dk_plan *p, char *scratch);
DKP_ONCE static void dkp_renumber_buffers(dk_plan *p, int result, char *scratch);
static void dkp_find_plain(dk_plan *p);

/* and the memory of a run. */
enum { DKP_TILE = 1024 }; /* a tile of every vector of a pass stays in the first level cache */
static size_t dkp_workspace(const dk_plan *p, const dk_config *c, dk_run *run, char *base);
static const dk_backend *dkp_backend(const dk_run *run);
static int dkp_norms(void *user, dk_run *run, const dk_norm *norm, double *of_sample);
static const void *dkp_fetch(dk_run *run, dk_value_kind kind, int slot, int place);
DKP_INLINE const dk_plan *dkp_plan_of(const dk_run *run) { return run->plan ? run->plan : &run->own.plan; }
DKP_INLINE dk_real *dkp_buffer(const dk_run *run, int slot) {
    return slot == 0 ? run->x : run->own.buffers + (size_t)(slot - 1) * run->size;
}
DKP_INLINE uint16_t *dkp_half_buffer(const dk_run *run, int slot) { return run->own.halves + (size_t)slot * run->size; }
static const dk_noise_source *dkp_source(const dk_run *run, int draw);
static dk_noise_request dkp_request(const dk_run *run, int draw);
static size_t dkp_find_in(dk_run *run, const void *vector, dk_number number);
static size_t dkp_finish(dk_run *run, const dk_pass *pass);
static size_t dkp_bad_output(const dk_run *run, int value, size_t at, size_t end);
static int dkp_good(const dk_run *run, const dk_call *call);
static int dkp_rows(void *user, dk_run *run, const dk_pass *pass);
DKP_ONCE static void dkp_run_plain(const dk_run *run, const dk_pass *pass);
static size_t dkp_chunk(size_t dim);

#ifndef DK_NO_PEERS
/* names, published lists, generators. */
static void dkp_sampler_by_name(const char *name, dk_sampler *s);
static void dkp_grid_by_name(const char *name, dk_grid *g);
DK_API dk_status dk_config_named(dk_config *c, const char *name);
struct dk_json;
DK_API dk_status dk_config_for(dk_config *c, const char *model, struct dk_json *more);
static const dk_sampler_info *dkp_peer_sampler(int i);
static int dkp_quirk(const dk_recorder *r, int bits);
static void dkp_count_timesteps(dk_recorder *r);
static int dkp_uncorrected(const dk_recorder *r, int warmup);
static double dkp_stage_in_time(dk_recorder *r, double share);
static dk_vec dkp_pure_stage(dk_recorder *r, dk_vec D);
struct dkp_history;
static int dkp_other_average(const dk_recorder *r, const struct dkp_history *past, int n, double from, double span,
                             dk_vec *average);
static double dkp_bins(dk_recorder *r, dk_level *from, dk_level *to);
static const dk_named *dkp_published(int i, dk_grid *g);
static void dkp_grid_for(dk_config *c, const char *sampler);
static const dk_way *dkp_way_by_name(const char *name);
static const struct dkp_generator *dkp_generator_at(int i);
#else
#define dkp_quirk(r, bits) 0
#define dkp_count_timesteps(r) ((void)0)
#define dkp_uncorrected(r, warmup) (warmup)
#define dkp_stage_in_time(r, share) (share)
#define dkp_pure_stage(r, D) (D)
#define dkp_other_average(r, past, n, from, span, average) 0
#define dkp_bins(r, from, to) 0
#define dkp_published(i, grid) NULL
#define dkp_grid_for(c, sampler) ((void)(sampler))
#define dkp_peer_sampler(i) NULL
#define dkp_grid_by_name(name, grid) ((void)0)
#define dkp_sampler_by_name(name, sampler) ((void)0)
#define dkp_way_by_name(name) NULL
#define dkp_generator_at(i) ((const dkp_generator *)NULL)
#endif

/* ============================================================================
   BOOK ONE: THE LIBRARY
   ============================================================================ */

/* ----------------------------------------------------------------- >>schedule  Noise schedules */

DKP_SMALL

static double dkp_or(double v, double otherwise) { return v > 0 ? v : otherwise; }

/* All of the times that a family has, but for t = 0 of VP. */
static void dkp_set_range(dk_schedule *s) {
    s->t_min = s->family == DK_FAMILY_EDM ? s->sigma_min : 0;
    s->t_max = s->family == DK_FAMILY_EDM           ? s->sigma_max
               : s->family == DK_FAMILY_COSINE      ? dkp_pi / 2
               : s->family == DK_FAMILY_VP_DISCRETE ? s->timesteps - 1.0
                                                    : 1;
}

/* The same for one that was made by hand. */
static void dkp_fill_range(dk_schedule *s) {
    double t_min = s->t_min;
    if (!s->family || s->t_max != 0) return;
    dkp_set_range(s);
    if (t_min > 0 || t_min < 0) s->t_min = t_min;
}

/* With the one or two numbers that a family has. */
static dk_schedule dkp_schedule(dk_family family, double a, double b) {
    dk_schedule s;
    memset(&s, 0, sizeof s);
    s.family = family;
    if (family == DK_FAMILY_FLOW || family == DK_FAMILY_VP_DISCRETE) s.timesteps = 1000;
    if (family == DK_FAMILY_FLOW) s.shift = a;
    else if (family == DK_FAMILY_VE || family == DK_FAMILY_EDM) s.sigma_min = a, s.sigma_max = b;
    else if (family == DK_FAMILY_VP_COSINE) s.cosine_offset = a;
    else s.beta_min = a, s.beta_max = b;
    dkp_set_range(&s);
    if (family == DK_FAMILY_VP || family == DK_FAMILY_SUB_VP) s.t_min = 1e-3; /* Song et al. 2021, app. C */
    return s;
}

DK_API dk_schedule dk_flow(double shift) { return dkp_schedule(DK_FAMILY_FLOW, shift, 0); }

DK_API dk_schedule dk_ve(double sigma_min, double sigma_max) {
    return dkp_schedule(DK_FAMILY_VE, sigma_min, sigma_max);
}

DK_API dk_schedule dk_edm(double sigma_min, double sigma_max) {
    return dkp_schedule(DK_FAMILY_EDM, sigma_min, sigma_max);
}

DK_API dk_schedule dk_vp(double beta_min, double beta_max) {
    return dkp_schedule(DK_FAMILY_VP, beta_min, beta_max);
}

DK_API dk_schedule dk_vp_discrete(dk_betas betas, int timesteps, double beta_min, double beta_max) {
    dk_schedule s = dkp_schedule(DK_FAMILY_VP_DISCRETE, beta_min, beta_max);
    s.betas = betas, s.timesteps = timesteps, s.t_max = timesteps - 1.0;
    return s;
}

DK_API dk_schedule dk_vp_scaled_linear(void) {
    return dk_vp_discrete(DK_BETAS_SCALED_LINEAR, 1000, 0.00085, 0.012);
}

DK_API dk_schedule dk_vp_table(const double *alphas_cumprod, int timesteps) {
    dk_schedule s = dk_vp_discrete(DK_BETAS_LINEAR, timesteps, 0, 0);
    s.alphas_cumprod = alphas_cumprod;
    return s;
}

DK_API dk_schedule dk_custom_schedule(dk_schedule_fn fn, void *user, double t_min, double t_max) {
    dk_schedule s = dkp_schedule(DK_FAMILY_CUSTOM, 0, 0);
    s.fn = fn, s.user = user, s.t_min = t_min, s.t_max = t_max;
    return s;
}

static const struct {
    dk_named is;
    dk_family family;
    dk_betas betas; /* VP discrete */
    double a, b;    /* the family's numbers */
    int zero_terminal_snr;
} dkp_schedules[] = {
    {{"flow", "flow matching, alpha = 1 - t, sigma = t; Lipman et al. 2022"}, DK_FAMILY_FLOW, DK_BETAS_LINEAR, 1, 0, 0},
    {{"ve", "VE, sigma = 0.01 (50/0.01)^t; Song et al. 2021"}, DK_FAMILY_VE, DK_BETAS_LINEAR, 0.01, 50, 0},
    {{"edm", "sigma = t, 0.002 to 80; Karras et al. 2022"}, DK_FAMILY_EDM, DK_BETAS_LINEAR, 0.002, 80, 0},
    {{"vp", "VP SDE, beta 0.1 to 20; Song et al. 2021"}, DK_FAMILY_VP, DK_BETAS_LINEAR, 0.1, 20, 0},
    {{"sub_vp", "sub-VP SDE, beta 0.1 to 20; Song et al. 2021"}, DK_FAMILY_SUB_VP, DK_BETAS_LINEAR, 0.1, 20, 0},
    {{"cosine_flow", "alpha = cos t, sigma = sin t; Albergo & Vanden-Eijnden 2023"}, DK_FAMILY_COSINE, DK_BETAS_LINEAR, 0, 0, 0},
    {{"vp_linear", "DDPM, 1000 betas 1e-4 to 0.02; Ho et al. 2020"}, DK_FAMILY_VP_DISCRETE, DK_BETAS_LINEAR, 1e-4, 0.02, 0},
    {{"vp_scaled_linear", "Stable Diffusion, sqrt(beta) linear 0.00085 to 0.012; Rombach et al. 2022"},
     DK_FAMILY_VP_DISCRETE, DK_BETAS_SCALED_LINEAR, 0.00085, 0.012, 0},
    {{"vp_cosine", "cosine abar, beta cut at 0.999; Nichol & Dhariwal 2021"}, DK_FAMILY_VP_DISCRETE, DK_BETAS_COSINE, 0, 0, 0},
    {{"vp_cosine_flow", "alpha as vp_cosine's, t from 0 to 1; Nichol & Dhariwal 2021"}, DK_FAMILY_VP_COSINE, DK_BETAS_LINEAR, 0.008, 0, 0},
    {{"vp_zero_snr", "vp_scaled_linear rescaled to zero terminal SNR; Lin et al. 2023"},
     DK_FAMILY_VP_DISCRETE, DK_BETAS_SCALED_LINEAR, 0.00085, 0.012, 1},
};

DK_API const dk_named *dk_schedule_at(int i) {
    return i >= 0 && i < DKP_COUNT(dkp_schedules) ? &dkp_schedules[i].is : NULL;
}

DK_API dk_schedule dk_schedule_named(const char *name) {
    dk_schedule s;
    memset(&s, 0, sizeof s);
    s.name = name ? name : "(NULL)", s.unknown = dkp_unknown_schedule;
    for (int i = 0; name && i < DKP_COUNT(dkp_schedules); i++)
        if (strcmp(name, dkp_schedules[i].is.name) == 0) {
            s = dkp_schedule(dkp_schedules[i].family, dkp_schedules[i].a, dkp_schedules[i].b);
            s.name = dkp_schedules[i].is.name, s.betas = dkp_schedules[i].betas;
            s.zero_terminal_snr = dkp_schedules[i].zero_terminal_snr;
        }
    return s;
}

/* Whether betas go from a first one to a last; whether they follow from a curve of abar. */
static int dkp_spaced_betas(dk_betas betas) { return betas < DK_BETAS_COSINE || betas == DK_BETAS_SIGMOID; }
static int dkp_curved_betas(dk_betas betas) { return betas == DK_BETAS_COSINE || betas == DK_BETAS_LAPLACE; }

/* That curve, t from 0 to 1. Nichol & Dhariwal 2021, eq. 17: cos^2((t + 0.008)/1.008 pi/2). Hang et al. 2024, table 1: lambda =
   -sign(1/2 - t) log(1 - 2 |1/2 - t|)/2; as published, with 1e-6 in the log and the square root that makes it alpha. */
static double dkp_abar_curve(dk_betas betas, double t) {
    if (betas == DK_BETAS_COSINE) {
        double cosine = dkp_cos((t + 0.008) * (dkp_pi / 2 / 1.008));
        return cosine * cosine;
    }
    double snr = dkp_exp((t > 0.5 ? 0.5 : -0.5) * dkp_log(1 - 2 * fabs(0.5 - t) + 1e-6));
    return dkp_sqrt(snr / (1 + snr));
}

static double dkp_cut_beta(double before, double after) { return 1 - after / before < 0.999 ? 1 - after / before : 0.999; }

/* beta of timestep k where betas are not evenly spaced */
static double dkp_uneven_beta(const dk_schedule *s, int T, int k) {
    double span = s->beta_max - s->beta_min;
    if (s->betas == DK_BETAS_EXPONENTIAL) return -dkp_expm1(-12.0 / T);
    if (s->betas == DK_BETAS_SIGMOID) return s->beta_min + span / (1 + dkp_exp(6 - 12.0 * k / (T - 1)));
    return dkp_cut_beta(dkp_abar_curve(s->betas, k / (double)T), dkp_abar_curve(s->betas, (k + 1) / (double)T));
}

DKP_FAST

/* VP discrete. alpha^2 of timestep k is a product of k + 1 numbers. A model's table has all of them; recording marks
   every stride-th; else they are multiplied anew. */
typedef struct dkp_discrete {
    const dk_schedule *s;
    int T, stride, rounds, scaled, even;
    double first, span;        /* between which betas are spaced, or their roots */
    double alpha_0, alpha_end; /* at both ends of the table, where it is rescaled */
} dkp_discrete;

enum { DKP_MARKS = 64 };

DKP_INLINE double dkp_rounded(const dkp_discrete *d, double v) { return d->rounds ? (double)(float)v : v; }

DKP_INLINE double dkp_kept_of(const dkp_discrete *d, double beta) {
    beta = dkp_rounded(d, beta);
    return dkp_rounded(d, 1 - (d->scaled ? dkp_rounded(d, beta * beta) : beta));
}

/* 1 - beta of timestep k. */
DKP_INLINE double dkp_kept(const dkp_discrete *d, int k) {
    double even = d->first + (double)k / (d->T - 1) * d->span;
    return dkp_kept_of(d, d->even ? even : dkp_uneven_beta(d->s, d->T, k));
}

/* The product of 1 - beta over timesteps [from, to), times `product`. A point of a curve is the next beta's, too. */
static double dkp_beta_product(const dkp_discrete *d, double product, int from, int to) {
    if (dkp_curved_betas(d->s->betas) && from < to) {
        double T = d->T, before = dkp_abar_curve(d->s->betas, from / T), after;
        for (int k = from; k < to; k++, before = after)
            after = dkp_abar_curve(d->s->betas, (k + 1) / T), product *= dkp_kept_of(d, dkp_cut_beta(before, after));
        return product;
    }
    for (int k = from; k < to; k++) product *= dkp_kept(d, k);
    return product;
}

/* alpha^2 of timestep k = -1 .. T-1 before rescaling; the empty product at -1 is clean data. */
static double dkp_abar(const dkp_discrete *d, int k) {
    const double *known = d->s->alphas_cumprod;
    if (k < 0) return 1;
    return known ? dkp_beta_product(d, known[k / d->stride], k - k % d->stride + 1, k + 1)
                 : dkp_beta_product(d, 1, 0, k + 1);
}

/* The same for k + 1, where that for k is known. */
static double dkp_next_abar(const dkp_discrete *d, int k, double abar) {
    return d->s->alphas_cumprod && d->stride == 1 ? d->s->alphas_cumprod[k + 1] : abar * dkp_kept(d, k + 1);
}

DKP_SMALL

/* As the table has it: rounded, and with its SNR shifted. */
static double dkp_table_abar(const dkp_discrete *d, double abar) {
    double shift = d->s->shift;
    abar = dkp_rounded(d, abar);
    return shift > 0 ? abar / (abar + shift * shift * (1 - abar)) : abar;
}

/* Checked schedules have 2 to 1000000 timesteps; of others nothing is asked beyond. */
static dkp_discrete dkp_discrete_of(const dk_schedule *s) {
    int T = s->timesteps < 2 ? 2 : s->timesteps < 1000000 ? s->timesteps : 1000000;
    int scaled = s->betas == DK_BETAS_SCALED_LINEAR, marked = (s->quirks & DKP_QUIRK_MARKED) != 0;
    dkp_discrete d = {s, T, 0, (s->quirks & DK_QUIRK_FLOAT_TABLE) != 0, scaled, scaled || s->betas == DK_BETAS_LINEAR,
                      s->beta_min, 0, 1, 0};
    d.stride = s->alphas_cumprod && !marked ? 1 : (T + DKP_MARKS - 1) / DKP_MARKS;
    if (scaled) d.first = dkp_sqrt(s->beta_min);
    d.span = (scaled ? dkp_sqrt(s->beta_max) : s->beta_max) - d.first;
    if (s->zero_terminal_snr) {
        d.alpha_0 = dkp_sqrt(dkp_table_abar(&d, dkp_abar(&d, 0)));
        d.alpha_end = dkp_sqrt(dkp_table_abar(&d, dkp_abar(&d, T - 1)));
    }
    return d;
}

enum { DKP_QUIRK_SCHEDULE = DK_QUIRK_FLOAT_TABLE | DK_QUIRK_TERMINAL_ALPHA };

/* What recording remembers of the sampler's and the network's schedule; the copies of both point to it. */
typedef struct dkp_marks {
    double sampler[DKP_MARKS], network[DKP_MARKS];
} dkp_marks;

static void dkp_mark(dk_schedule *s, double *marks) {
    if (s->family != DK_FAMILY_VP_DISCRETE || s->alphas_cumprod || s->timesteps <= DKP_MARKS) return;
    dkp_discrete d = dkp_discrete_of(s);
    double product = 1;
    for (int k = 0, mark = 0; k < s->timesteps; k += d.stride, mark++)
        marks[mark] = product = dkp_beta_product(&d, product, k ? k - d.stride + 1 : 0, k + 1);
    s->alphas_cumprod = marks, s->quirks |= DKP_QUIRK_MARKED;
}

/* Before a copy outlives the marks. */
static void dkp_unmark(dk_schedule *s) {
    if (s->quirks & ~((unsigned)DKP_QUIRK_SCHEDULE | (unsigned)DKP_QUIRK_MARKED)) return; /* is refused */
    if (s->quirks & DKP_QUIRK_MARKED) s->alphas_cumprod = NULL;
    s->quirks &= ~(unsigned)DKP_QUIRK_MARKED;
}

static dk_level dkp_discrete_level(const dkp_discrete *d, int k, double abar) {
    abar = dkp_table_abar(d, abar);
    dk_level l = {(double)k, dkp_sqrt(abar), dkp_sqrt(1 - abar)};
    if (!d->s->zero_terminal_snr || k < 0) return l;
    /* Lin et al. 2023, alg. 1: alpha shifted to 0 at T-1, kept at 0 */
    double first = dkp_rounded(d, d->alpha_0), last = dkp_rounded(d, d->alpha_end);
    l.alpha = dkp_rounded(d, dkp_rounded(d, dkp_rounded(d, l.alpha) - last) * dkp_rounded(d, first / dkp_rounded(d, first - last)));
    l.alpha = dkp_sqrt(dkp_rounded(d, l.alpha * l.alpha)); /* the root of a square is the number itself, unless that is rounded */
    if ((d->s->quirks & DK_QUIRK_TERMINAL_ALPHA) && k == d->T - 1) l.alpha = 1.0 / 4096;
    l.sigma = dkp_sqrt((1 - l.alpha) * (1 + l.alpha));
    return l;
}

/* a / b, infinite where b = 0. Formulas have infinite numbers at sigma = 0 and alpha = 0, which weigh nothing or are refused. */
static double dkp_over(double a, double b) { return b < 0 || b > 0 ? a / b : a < 0 ? -HUGE_VAL : HUGE_VAL; }

DK_API double dk_noise_level(dk_level l) { return l.alpha > 0 ? l.sigma / l.alpha : HUGE_VAL; }

/* Whether a noise level is above a limit. Both may be the same level, rounded on different ways. */
static int dkp_above(double noise_level, double limit) { return noise_level * (1 - 1e-12) > limit; }

/* Whether it is outside a range, whose upper end may be 0: no limit. */
static int dkp_outside(double noise_level, const double range[2]) {
    return dkp_above(range[0], noise_level) || (range[1] > 0 && dkp_above(noise_level, range[1]));
}

DK_API double dk_lambda(dk_level l) {
    return l.alpha <= 0 ? -HUGE_VAL : l.sigma <= 0 ? HUGE_VAL : dkp_log(l.alpha / l.sigma);
}

/* What a family keeps at 1. */
enum {
    DKP_KEEP_ALPHA,   /* alpha */
    DKP_KEEP_SUM,     /* alpha + sigma */
    DKP_KEEP_SQUARES, /* alpha^2 + sigma^2 */
    DKP_KEEP_SUB_VP   /* alpha^2 + sigma */
};

/* alpha and sigma at a noise level; pure noise, infinity, to the bit. */
static dk_level dkp_scaled(int kept, double noise_level) {
    double v = noise_level, half = 0.5 * v;
    dk_level l = {0, 0, 1};
    if (kept == DKP_KEEP_ALPHA) l.alpha = 1, l.sigma = v;
    else if (v >= HUGE_VAL) return l;
    else if (kept == DKP_KEEP_SUM) l.alpha = 1 / (1 + v), l.sigma = v / (1 + v);
    else if (kept == DKP_KEEP_SUB_VP) l.alpha = 1 / (half + (v < 1e150 ? dkp_sqrt(half * half + 1) : half)), l.sigma = v * l.alpha;
    else if (v > 1) l.sigma = 1 / dkp_sqrt(1 + 1 / v * (1 / v)), l.alpha = 1 / v * l.sigma;
    else l.alpha = 1 / dkp_sqrt(1 + v * v), l.sigma = v * l.alpha;
    return l;
}

static double dkp_angle(dk_level l) { return dkp_atan2(l.sigma, l.alpha); }

/* A family's level at t; its derivative by t goes to *slope, unless that is NULL. */

/* Flow matching. Shift multiplies sigma/alpha = t/(1 - t). */
static double dkp_shift(const dk_schedule *s) { return dkp_or(s->shift, 1); }

static dk_level dkp_flow_at(const dk_schedule *s, double t, dk_level *slope) {
    double below = 1 + (dkp_shift(s) - 1) * t;
    dk_level l = {t, (1 - t) / below, dkp_shift(s) * t / below};
    if (slope) slope->sigma = dkp_shift(s) / (below * below), slope->alpha = -slope->sigma;
    return l;
}

/* VE with a geometric sigma(t). */
static dk_level dkp_ve_at(const dk_schedule *s, double t, dk_level *slope) {
    double ratio = s->sigma_max / s->sigma_min;
    dk_level l = {t, 1, s->sigma_max}; /* exact at t = 1, as pow is at t = 0 */
    if (t < 1 || t > 1) l.sigma = s->sigma_min * dkp_pow(ratio, t);
    if (slope) slope->alpha = 0, slope->sigma = l.sigma * dkp_log(ratio);
    return l;
}

/* EDM: sigma is the time. */
static dk_level dkp_edm_at(const dk_schedule *s, double t, dk_level *slope) {
    dk_level l = {t, 1, t};
    (void)s;
    if (slope) slope->alpha = 0, slope->sigma = 1;
    return l;
}

/* VP and sub-VP with linear beta: log alpha = -integral of beta/2. */
static dk_level dkp_vp_at(const dk_schedule *s, double t, dk_level *slope) {
    double span = s->beta_max - s->beta_min, log_alpha = -t * (0.25 * t * span + 0.5 * s->beta_min);
    int sub = s->family == DK_FAMILY_SUB_VP;
    dk_level l = {t, dkp_exp(log_alpha), -dkp_expm1(2 * log_alpha)};
    if (!sub) l.sigma = dkp_sqrt(l.sigma);
    if (!slope) return l;
    slope->alpha = -0.5 * (s->beta_min + t * span) * l.alpha;
    slope->sigma = sub ? -2 * l.alpha * slope->alpha : dkp_over(-slope->alpha * l.alpha, l.sigma);
    return l;
}

/* Cosine flow; written so that t = pi/2 is pure noise to the bit. */
static dk_level dkp_cosine_at(const dk_schedule *s, double t, dk_level *slope) {
    dk_level l = {t, t < dkp_pi / 2 ? dkp_cos(t) : 0, t < dkp_pi / 2 ? dkp_sin(t) : 1};
    (void)s;
    if (slope) slope->alpha = -l.sigma, slope->sigma = l.alpha;
    return l;
}

/* VP with a cosine. The angle at t is between that of t = 0 and pi/2, which is pure noise to the bit. */
static double dkp_cosine_angle(const dk_schedule *s, double t) {
    return dkp_pi / 2 * (t + s->cosine_offset) / (1 + s->cosine_offset);
}

/* What stands for t, or, by 1/power, the t for which v stands; its derivative. */
static double dkp_bent(const dk_schedule *s, double power, double v, double *slope) {
    int late = s->cosine_power > 1;
    double rest = late ? 1 - v : v, bent;
    if (!(power > 0) || rest <= 0 || rest >= 1) return v;
    bent = dkp_pow(rest, power);
    *slope = power * bent / rest;
    return late ? 1 - bent : bent;
}

/* cos^2 of the first angle less cos^2 of this one is a product of sines. */
static dk_level dkp_vp_cosine_at(const dk_schedule *s, double t, dk_level *slope) {
    double bend = 1, first = dkp_cosine_angle(s, 0), here = dkp_cosine_angle(s, dkp_bent(s, s->cosine_power, t, &bend));
    double level = t < 1 ? dkp_sqrt(dkp_sin(here - first) * dkp_sin(here + first)) / dkp_cos(here) : HUGE_VAL;
    if (s->sigma_max > 0 && level > s->sigma_max) level = s->sigma_max;
    dk_level l = dkp_scaled(DKP_KEEP_SQUARES, level < s->sigma_min ? s->sigma_min : level);
    l.t = t;
    if (!slope) return l;
    slope->alpha = -bend * (dkp_pi / 2 / (1 + s->cosine_offset)) * dkp_sin(here) / dkp_cos(first);
    slope->sigma = dkp_over(-l.alpha * slope->alpha, l.sigma);
    return l;
}

/* The time at a noise level, where a formula has it. */
static double dkp_time_at(const dk_schedule *s, double v) {
    double half = 0.5 * s->beta_min, span = s->beta_max - s->beta_min, first, above_first, minus_log_alpha;
    switch (s->family) {
    case DK_FAMILY_VE: return dkp_log(v / s->sigma_min) / dkp_log(s->sigma_max / s->sigma_min);
    case DK_FAMILY_EDM: return v;
    case DK_FAMILY_COSINE: return dkp_atan(v);
    case DK_FAMILY_VP_COSINE:
        first = dkp_cosine_angle(s, 0), above_first = dkp_sin(first);
        above_first = dkp_atan2(dkp_sqrt(v * v + above_first * above_first), dkp_cos(first));
        first = above_first * (1 + s->cosine_offset) / (dkp_pi / 2) - s->cosine_offset;
        return s->cosine_power > 0 ? dkp_bent(s, 1 / s->cosine_power, first, &above_first) : first;
    case DK_FAMILY_VP:
    case DK_FAMILY_SUB_VP: /* free of cancellation */
        minus_log_alpha = s->family == DK_FAMILY_SUB_VP ? dkp_asinh(0.5 * v)
                          : v > 1e150                   ? dkp_log(v)
                                                        : 0.5 * dkp_log1p(v * v);
        if (minus_log_alpha <= 0 || minus_log_alpha >= HUGE_VAL) return minus_log_alpha;
        return 2 * minus_log_alpha / (half + dkp_sqrt(half * half + span * minus_log_alpha));
    default: return v < HUGE_VAL ? v / (dkp_shift(s) + v) : 1;
    }
}

/* VP discrete. Between two neighbouring timesteps lambda is linear; next to an infinite lambda the angle is. */
static int dkp_by_angle(dk_level a, dk_level b) { return a.sigma <= 0 || b.alpha <= 0; }

/* Slopes at a timestep are those from the left. */
static dk_level dkp_discrete_at(const dk_schedule *s, double t, dk_level *slope) {
    const dkp_discrete d = dkp_discrete_of(s);
    double place = t > -1 ? t < d.T - 1 ? t : d.T - 1 : -1, f = place - floor(place), abar, turn;
    int k = (int)floor(place), low;
    if (f <= 0 && !slope) return dkp_discrete_level(&d, k, dkp_abar(&d, k));
    low = f > 0 || k < 0 ? k : k - 1, abar = dkp_abar(&d, low);
    dk_level a = dkp_discrete_level(&d, low, abar);
    dk_level b = dkp_discrete_level(&d, low + 1, dkp_next_abar(&d, low, abar)), l = low < k ? b : a;
    int by_angle = dkp_by_angle(a, b);
    double span = by_angle ? dkp_angle(b) - dkp_angle(a) : dk_lambda(b) - dk_lambda(a);
    if (f > 0 && by_angle) {
        l.alpha = dkp_cos(dkp_angle(a) + f * span), l.sigma = dkp_sin(dkp_angle(a) + f * span);
    } else if (f > 0) {
        l = dkp_scaled(DKP_KEEP_SQUARES, dkp_exp(-dk_lambda(a) - f * span));
    }
    l.t = place;
    if (!slope) return l;
    turn = by_angle ? span : -l.alpha * l.sigma * span;
    slope->alpha = -l.sigma * turn, slope->sigma = l.alpha * turn;
    return l;
}

/* Where in the table a level is, between the timesteps low and high. Products that are known are halved, then timesteps tried one
   by one. Without rescaling the level has a product, too, and roots are taken only where rounding might decide. */
static double dkp_discrete_time(const dk_schedule *s, dk_level l, double noise_level) {
    const dkp_discrete d = dkp_discrete_of(s);
    double unshifted = noise_level / dkp_shift(s), product = 1 / (1 + unshifted * unshifted);
    int low = -1, high = d.T - 1;
    double at_low = 1, at_high = dkp_abar(&d, high);
    if (dk_noise_level(dkp_discrete_level(&d, high, at_high)) <= noise_level) return high;
    while (high - low > 1) {
        int first = (low + d.stride) / d.stride, last = (high - 1) / d.stride, known = s->alphas_cumprod && first <= last;
        int k = known ? (first + last) / 2 * d.stride : low + 1;
        double abar = known ? s->alphas_cumprod[k / d.stride] : dkp_next_abar(&d, low, at_low);
        int below = abar > product;
        if (s->zero_terminal_snr || product < 1e-300 || fabs(abar - product) <= 1e-6 * product) /* a square may underflow */
            below = dk_noise_level(dkp_discrete_level(&d, k, abar)) <= noise_level;
        if (below) low = k, at_low = abar;
        else high = k, at_high = abar;
    }
    dk_level a = dkp_discrete_level(&d, low, at_low), b = dkp_discrete_level(&d, high, at_high);
    return dkp_by_angle(a, b) ? low + (dkp_angle(l) - dkp_angle(a)) / (dkp_angle(b) - dkp_angle(a))
                              : low + (dk_lambda(l) - dk_lambda(a)) / (dk_lambda(b) - dk_lambda(a));
}

/* The user's own; the inverse by bisection. */
static dk_level dkp_custom_at(const dk_schedule *s, double t, dk_level *slope) {
    dk_level l = {t, 0, 0}, d = {1, HUGE_VAL, HUGE_VAL};
    s->fn(s->user, t, &l.alpha, &l.sigma, &d.alpha, &d.sigma);
    if (!slope) return l;
    if (!dkp_finite(d.alpha) || !dkp_finite(d.sigma)) {
        double h = 1e-5 * (s->t_max - s->t_min); /* balances rounding against the h^2 error */
        double low = t - h > s->t_min ? t - h : s->t_min, high = t + h < s->t_max ? t + h : s->t_max;
        dk_level a = dkp_custom_at(s, low, NULL), b = dkp_custom_at(s, high, NULL);
        d.alpha = (b.alpha - a.alpha) / (high - low), d.sigma = (b.sigma - a.sigma) / (high - low);
    }
    *slope = d;
    return l;
}

static dk_level dkp_custom_at_sigma(const dk_schedule *s, double noise_level) {
    double low = s->t_min, high = s->t_max;
    dk_level first = dkp_custom_at(s, low, NULL), last = dkp_custom_at(s, high, NULL);
    int below = dk_noise_level(first) >= noise_level;
    if (below || dk_noise_level(last) <= noise_level) { /* t stays at the end */
        dk_level l = below ? first : last;
        if (dkp_finite(noise_level)) l.sigma = noise_level * l.alpha;
        else l.alpha = 0;
        return l;
    }
    for (int i = 0; i < 200; i++) {
        double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) break;
        if (dk_noise_level(dkp_custom_at(s, middle, NULL)) <= noise_level) low = middle;
        else high = middle;
    }
    return dkp_custom_at(s, low, NULL);
}

/* What a family is: its level at t, what it keeps at 1, the times that it knows, and its defaults. */
typedef struct dkp_family {
    dk_level (*at)(const dk_schedule *s, double t, dk_level *slope);
    int kept;
    double t_low, t_high;
    dk_prediction prediction;
    dk_unit condition;
} dkp_family;

static const dkp_family *dkp_family_of(const dk_schedule *s) {
    static const dkp_family families[DK_FAMILY_COUNT] = {
#define DKP_FAMILY(at, kept, low, high, prediction, condition) \
    {dkp_##at##_at, DKP_KEEP_##kept, low, high, DK_PREDICT_##prediction, DK_UNIT_##condition}
        DKP_FAMILY(flow, SUM, 0, 1, VELOCITY, FLOW), /* DEFAULT */
        DKP_FAMILY(flow, SUM, 0, 1, VELOCITY, FLOW),
        DKP_FAMILY(ve, ALPHA, -1e3, 1e3, EPS, SIGMA),
        DKP_FAMILY(edm, ALPHA, 0, 1e300, EDM, SIGMA),
        DKP_FAMILY(vp, SQUARES, 0, 1e3, EPS, T),
        DKP_FAMILY(discrete, SQUARES, -1, 1e9, EPS, T),
        DKP_FAMILY(vp, SUB_VP, 0, 1e3, EPS, T),
        DKP_FAMILY(cosine, SQUARES, 0, 1.5707963267948966, V, T),
        DKP_FAMILY(vp_cosine, SQUARES, 0, 1, EPS, T),
        DKP_FAMILY(custom, SQUARES, -1e300, 1e300, X0, T),
#undef DKP_FAMILY
    };
    return &families[(int)s->family >= 0 && s->family < DK_FAMILY_COUNT ? s->family : DK_FAMILY_DEFAULT];
}

static dk_level dkp_at_t(const dk_schedule *s, double t) { return dkp_family_of(s)->at(s, t, NULL); }

/* d alpha/dt and d sigma/dt at t, from the left where the schedule has a kink. */
static dk_level dkp_slope_at(const dk_schedule *s, double t) {
    dk_level slope = {1, 0, 0};
    dkp_family_of(s)->at(s, t, &slope);
    return slope;
}

static dk_level dkp_at_sigma(const dk_schedule *s, double noise_level) {
    if (s->family == DK_FAMILY_CUSTOM) return dkp_custom_at_sigma(s, noise_level);
    dk_level l = dkp_scaled(dkp_family_of(s)->kept, noise_level);
    l.t = s->family == DK_FAMILY_VP_DISCRETE ? dkp_discrete_time(s, l, noise_level) : dkp_time_at(s, noise_level);
    return l;
}

/* A level in a unit, and the level there. On flow schedules sigma/(alpha + sigma) is sigma, and is kept to the bit. */
static double dkp_in_unit(dk_unit unit, dk_level l) {
    switch (unit) {
    case DK_UNIT_SIGMA: return dk_noise_level(l);
    case DK_UNIT_FLOW: return dkp_finite(l.sigma) ? l.sigma / (l.alpha + l.sigma) : 1;
    case DK_UNIT_DATA: return l.alpha / (l.alpha + l.sigma);
    case DK_UNIT_LAMBDA: return dk_lambda(l);
    case DK_UNIT_C_NOISE: return -0.25 * dk_lambda(l);
    case DK_UNIT_ANGLE: return dkp_angle(l);
    default: return l.t;
    }
}

DK_API dk_level dk_level_at(const dk_schedule *s, dk_unit unit, double v) {
    dk_level flow = {0, 1 - v, v};
    switch (unit) {
    case DK_UNIT_SIGMA: return dkp_at_sigma(s, v);
    case DK_UNIT_FLOW:
        if (dkp_family_of(s)->kept != DKP_KEEP_SUM) return dkp_at_sigma(s, v < 1 ? v / (1 - v) : HUGE_VAL);
        flow.t = v / (dkp_shift(s) - (dkp_shift(s) - 1) * v);
        return flow;
    case DK_UNIT_DATA: return dk_level_at(s, DK_UNIT_FLOW, 1 - v);
    case DK_UNIT_LAMBDA: return dkp_at_sigma(s, dkp_exp(-v));
    case DK_UNIT_C_NOISE: return dkp_at_sigma(s, dkp_exp(4 * v));
    case DK_UNIT_ANGLE: return dkp_at_sigma(s, v < dkp_pi / 2 ? dkp_tan(v) : HUGE_VAL);
    default: return dkp_at_t(s, v);
    }
}

/* The unit u in which a family's noise levels are customarily spaced. */
static int dkp_flow_unit(const dk_schedule *s) { return s->family <= DK_FAMILY_FLOW || s->family == DK_FAMILY_COSINE; }
static dk_unit dkp_unit(const dk_schedule *s) { return dkp_flow_unit(s) ? DK_UNIT_FLOW : DK_UNIT_SIGMA; }
static double dkp_u(const dk_schedule *s, dk_level l) { return dkp_in_unit(dkp_unit(s), l); }
static dk_level dkp_at_u(const dk_schedule *s, double u) { return dk_level_at(s, dkp_unit(s), u); }

/* ---------------------------------------------------------------- >>model  What the network is */

typedef struct dkp_model {
    double input_scale, d_x, d_f, condition;
    double n_x, n_f; /* the noise, (x - alpha D)/sigma, is n_x x + n_f F; infinite where the network cannot tell */
} dkp_model;

static const dk_schedule *dkp_network_schedule(const dk_config *c) {
    return c->network_schedule.family == DK_FAMILY_DEFAULT ? &c->schedule : &c->network_schedule;
}

/* The network's own level of the same noise level, and what divides x to get into its scaling. */
static dk_level dkp_network_level(const dk_config *c, dk_level l) {
    if (c->network_schedule.family == DK_FAMILY_DEFAULT) return l;
    return dkp_at_sigma(&c->network_schedule, dk_noise_level(l));
}

/* Down: what is whole but for the last places of what it was computed from stays whole. Nearest: ties to even. */
static double dkp_round(double t, dk_rounding rounding) {
    if (rounding == DK_ROUND_NONE || !dkp_finite(t)) return t;
    if (rounding == DK_ROUND_DOWN) return floor(t + 1e-12 * (1000 + fabs(t)));
    double down = floor(t), rest = t - down;
    return rest < 0.5 || (rest <= 0.5 && fmod(down, 2) == 0) ? down : down + 1;
}

/* The number that the network is told at a level of the sampler's. It knows the timesteps 0 .. T-1. */
static double dkp_told(const dk_config *c, dk_level l) {
    const dk_schedule *s = dkp_network_schedule(c);
    dk_level n = dkp_network_level(c, l);
    if (s->family == DK_FAMILY_VP_DISCRETE && n.t < 0) n.t = 0;
    return dkp_round(dkp_in_unit(c->condition, n) * c->condition_scale + c->condition_offset, c->condition_rounding);
}

/* D = d_x x + d_f F and the noise at level l, for the network's input = input_scale x and its condition at level `told`. */
static dkp_model dkp_network_at(const dk_config *c, const dk_level *l, const dk_level *told) {
    dkp_model m = {1, 0, 1, dkp_told(c, *told), 0, 1};
    double sign = c->negated ? -1 : 1;
    if (c->prediction == DK_PREDICT_EDM) {
        /* Karras et al. 2022, table 1, on x/alpha; written so that alpha = 0 is an ordinary value */
        double data = c->sigma_data, norm2 = l->sigma * l->sigma + l->alpha * l->alpha * data * data;
        m.input_scale = 1 / dkp_sqrt(norm2);
        m.d_x = data * data * l->alpha / norm2;
        m.d_f = sign * l->sigma * data / dkp_sqrt(norm2);
        m.n_x = l->sigma / norm2, m.n_f = -sign * l->alpha * data / dkp_sqrt(norm2);
        return m;
    }
    dk_level n = dkp_network_level(c, *l);
    double a = n.alpha, s = n.sigma;
    if (!dkp_finite(s)) { /* the run is refused: no network can be told infinite noise */
        m.condition = s;
        return m;
    }
    double norm2 = a * a + s * s;
    m.input_scale = l->alpha > l->sigma ? a / l->alpha : s / l->sigma; /* the better conditioned of two equals */
    switch (c->prediction) {
    case DK_PREDICT_EPS: m.d_x = dkp_over(1, a), m.d_f = -dkp_over(s, a); break;
    case DK_PREDICT_V:
        m.d_x = a / norm2, m.d_f = -s / norm2;
        m.n_x = s / norm2, m.n_f = a / norm2;
        break;
    case DK_PREDICT_VELOCITY:
        m.d_x = 1 / (a + s), m.d_f = -s / (a + s);
        m.n_x = 1 / (a + s), m.n_f = a / (a + s);
        break;
    case DK_PREDICT_SCORE:
        m.d_x = dkp_over(1, a), m.d_f = dkp_over(s * s, a);
        m.n_f = s > 0 ? -s : HUGE_VAL;
        break;
    default: m.n_x = dkp_over(1, s), m.n_f = -dkp_over(a, s); break; /* X0 */
    }
    m.d_x *= m.input_scale, m.n_x *= m.input_scale;
    m.d_f *= sign, m.n_f *= sign;
    return m;
}

/* The same of a network whose score is multiplied by r: the noise becomes r N, and D = r D + (1 - r)/alpha x, written so that
   alpha = 0 is an ordinary value. */
static dkp_model dkp_model_at(const dk_config *c, const dk_level *l, const dk_level *told) {
    dkp_model m = dkp_network_at(c, l, told);
    double k = 1 + c->score_excess, share = dkp_pow(c->score_deviation, 2);
    double all = share / k * l->alpha * l->alpha + l->sigma * l->sigma;
    if (!(k < 1 || k > 1)) return m;
    if (!(share > 0)) all = l->alpha * l->alpha / k, share = 1; /* infinite against sigma */
    if (!(all > 0)) m.d_x = HUGE_VAL; /* pure noise has no such score */
    if (!(all > 0)) return m;
    double gain = (k - 1) / k * share * l->alpha / all, r = 1 + gain * l->alpha; /* gain is (r - 1)/alpha */
    m.d_x = r * m.d_x - gain, m.d_f *= r;
    m.n_x *= r, m.n_f *= r;
    return m;
}

/* -------------------------------------------------------------------------- >>grid  Time grids */

/* Rows in the order of dk_spacing. The last three, CUSTOM, RESAMPLE and LEVELS, have no range: trait L. */
typedef struct dkp_spacing {
    char traits[4];
    unsigned char final, n;
    double a, b;
} dkp_spacing;

#define DKP_SPACING_ROW(spacing, name, traits, final, a, b, n, about) {traits, DK_FINAL_##final, n, a, b},
static const dkp_spacing dkp_spacings[DK_SPACING_COUNT - 1] = {DK_SPACINGS(DKP_SPACING_ROW){"eL", DK_FINAL_REPLACE, 0, 0, 0},
                                                               {"eL", DK_FINAL_REPLACE, 0, 0, 0},
                                                               {"eL", DK_FINAL_MIN, 0, 0, 0}};
#undef DKP_SPACING_ROW

/* Names have a table of their own, so that a program which uses none has none in it. */
#define DKP_GRID_NAME(spacing, name, traits, final, a, b, n, about) {name, about},
static const dk_named dkp_grids[] = {DK_SPACINGS(DKP_GRID_NAME)};
#undef DKP_GRID_NAME

/* The library's own, then published lists. */
DK_API const dk_named *dk_grid_at(int i) {
    return i < 0 ? NULL : i < DKP_COUNT(dkp_grids) ? &dkp_grids[i] : dkp_published(i - DKP_COUNT(dkp_grids), NULL);
}

static dk_grid dkp_grid(dk_spacing spacing) {
    dk_grid g;
    memset(&g, 0, sizeof g);
    g.spacing = spacing;
    return g;
}

DK_API dk_grid dk_grid_named(const char *name) {
    dk_grid g = dkp_grid(DK_SPACING_DEFAULT);
    const dk_named *row;
    g.name = name ? name : "(NULL)", g.unknown = dkp_unknown_grid;
    for (int i = 0; name && (row = dk_grid_at(i)) != NULL; i++)
        if (strcmp(name, row->name) == 0) {
            g.name = row->name, g.unknown = NULL;
            if (i < DKP_COUNT(dkp_grids)) g.spacing = (dk_spacing)(i + 1);
            else (void)dkp_published(i - DKP_COUNT(dkp_grids), &g);
            return g;
        }
    if (name) dkp_grid_by_name(name, &g);
    return g;
}

DK_API dk_grid dk_grid_levels(const double *levels, dk_unit unit) {
    dk_grid g = dkp_grid(DK_SPACING_LEVELS);
    g.levels = levels, g.unit = unit;
    return g;
}

static const dkp_spacing *dkp_spacing_of(const dk_grid *g) {
    int known = (int)g->spacing > 0 && g->spacing < DK_SPACING_COUNT;
    return &dkp_spacings[(known ? g->spacing : DK_SPACING_LEVELS) - 1];
}

static int dkp_has(const dk_grid *g, char trait) { return strchr(dkp_spacing_of(g)->traits, trait) != NULL; }
static int dkp_by_timesteps(const dk_grid *g) { return dkp_has(g, 'T'); }
static int dkp_ranged(const dk_grid *g) { return !dkp_has(g, 'T') && !dkp_has(g, 'L'); }

/* A discrete schedule's table: its size, 0 if there is none, and its level k, with -1 for clean data. */
static int dkp_table_size(const dk_schedule *s) {
    if (s->family == DK_FAMILY_FLOW) return s->timesteps ? s->timesteps : 1000;
    return s->family == DK_FAMILY_VP_DISCRETE ? s->timesteps : 0;
}

static dk_level dkp_table_level(const dk_schedule *s, double k) {
    int T = dkp_table_size(s);
    double t = k + 1 < T ? (k + 1) / T : 1; /* rounding must not go past the end */
    return dkp_at_t(s, s->family == DK_FAMILY_FLOW ? t : k);
}

/* A grid laid out: what its levels follow from, of a resolved config. Made where levels are needed, and thrown away. */
struct dk_layout {
    const dk_config *c;
    const dk_schedule *s;
    dk_level noisy, clean; /* ends of the range, */
    double noisy_u, clean_u;
    double a, b;           /* the spacing's own numbers, with defaults */
    int n;
    dk_final final;
    int asked;     /* levels that the spacing is asked for, */
    int there;     /* and that it then has, */
    int steps;     /* and steps of the whole grid, of which the last c->steps are run */
    int place, at; /* dkp_merges: where a walk over the levels asked for stands, how many different ones are before, */
    dk_level here; /* and the level there */
    double room;   /* dkp_stretched: 1 - u of the last level that is stretched; 0: not yet known */
};

static double dkp_fraction(int i, int n) { return n > 1 ? (double)i / (n - 1) : 0; }

static dk_level dkp_karras_between(const dk_schedule *s, double noisy, double clean, double rho, double f) {
    double ratio = dkp_pow(clean / noisy, 1 / rho);
    return dkp_at_u(s, noisy * dkp_pow(1 + f * (ratio - 1), rho));
}

/* v^(1/rho), finite at both ends. */
static double dkp_power_root(const dk_layout *g, const dk_level *l, double pivot) {
    return dkp_pow(l->sigma / (l->sigma + pivot * l->alpha), 1 / g->a);
}

/* Linear to 0. Where the last level above 0 would leave the range, it is the range's end. */
static dk_level dkp_power(const dk_layout *g, int i, int n) {
    double pivot = dkp_or(g->b, 6 * g->c->sigma_data * dkp_shift(g->s)), from = dkp_power_root(g, &g->noisy, pivot);
    double to = dkp_power_root(g, &g->clean, pivot), least = g->final == DK_FINAL_ZERO ? from / n : 0;
    if (i == 0) return g->noisy;
    if (i == n - 1 && to >= least) return g->clean;
    double v = dkp_pow(from + dkp_fraction(i, n) * ((to > least ? to : least) - from), g->a);
    return dkp_at_sigma(g->s, pivot * v / (1 - v));
}

/* The 1e-5 keeps the logarithm finite at both ends; it is part of the published formula. */
static double dkp_laplace_quantile(const dk_layout *g, double f) {
    double off = f - 0.5, tail = g->b * dkp_log(1 - 2 * fabs(off) + 1e-5);
    return dkp_exp(g->a + (off > 0 ? tail : off < 0 ? -tail : 0));
}

/* Quantiles beyond an end of the range are cut to it, all to one level. */
static dk_level dkp_cut_to_range(const dk_layout *g, double noise_level) {
    if (!(noise_level < dk_noise_level(g->noisy))) return g->noisy;
    if (!(noise_level > dk_noise_level(g->clean))) return g->clean;
    return dkp_at_sigma(g->s, noise_level);
}

/* Karras et al. 2022, table 1: B(t) = beta_d t^2/2 + beta_min t = log(1 + sigma^2), given at both ends. */
static dk_level dkp_vp_spaced(const dk_layout *g, double f) {
    double noisy = dk_noise_level(g->noisy), clean = dk_noise_level(g->clean);
    double low = g->a, t = 1 + f * (low - 1);
    double last = dkp_log1p(noisy * noisy), beta_d = 2 * (dkp_log1p(clean * clean) / low - last) / (low - 1);
    double beta_min = last - 0.5 * beta_d;
    return dkp_at_sigma(g->s, dkp_sqrt(dkp_expm1((0.5 * beta_d * t + beta_min) * t)));
}

/* Karras et al. 2022, table 1: u_{j-1}^2 = (u_j^2 + 1) / max(abar_{j-1}/abar_j, C_1) - 1, from u_M = 0, with abar_j =
   sin^2(pi/2 j/M / (C_2 + 1)), M = 1000. The wanted-th that lies in range; -1: counts them, in *found. */
static double dkp_iddpm_level(const dk_layout *g, int wanted, int *found) {
    const int M = 1000;
    double scale = 0.5 * dkp_pi / M / (g->b + 1);
    double high = dk_noise_level(g->noisy), low = dk_noise_level(g->clean), u = 0;
    *found = 0;
    for (int j = M; u <= high; j--) {
        if (u >= low && (*found)++ == wanted) return u;
        if (j == 0) break;
        double ratio = dkp_sin((j - 1) * scale) / dkp_sin(j * scale);
        ratio *= ratio;
        u = dkp_sqrt((u * u + 1) / (ratio > g->a ? ratio : g->a) - 1);
    }
    return 0;
}

static dk_level dkp_iddpm(const dk_layout *g, int i) {
    int all, found, n = g->there;
    dkp_iddpm_level(g, -1, &all);
    double from_noisy = dkp_round((n > 1 ? (double)(all - 1) / (n - 1) : 0) * i, DK_ROUND_NEAREST);
    return dkp_at_sigma(g->s, dkp_iddpm_level(g, all - 1 - (int)from_noisy, &found));
}

/* 1 - u/u_max = threshold i/linear up to i = linear, then the parabola with the same slope there that is 1 at n. */
static dk_level dkp_linear_quadratic(const dk_layout *g, int i, int n) {
    int linear = g->n > 0 ? g->n : n / 2, rest = n - linear;
    if (i == 0) return g->noisy;
    double slope = g->a / linear, x = slope * i;
    if (i > linear) x += (1 - slope * n) / rest / rest * (i - linear) * (i - linear);
    return dkp_at_u(g->s, (1 - x) * g->noisy_u);
}

/* Two arctangents, noisy to half-way and half-way to clean, both centred at 0.6 of n + 1. */
static double dkp_bong_tangent(double noisy, double clean, int i, int n) {
    double half = clean + 0.5 * (noisy - clean);
    int middle = (int)floor((n + 1) * 0.6), first = i < middle - 1, length = first ? middle : n + 1 - middle;
    int x = first ? i : i - (middle - 1), pivot = first ? middle : 0;
    double slope = 8.0 / (n + 1), top = dkp_atan(slope * pivot),
           bottom = dkp_atan(slope * (pivot - length + 1));
    double v = (dkp_atan(slope * (pivot - x)) - bottom) / (top - bottom);
    return first ? half + v * (noisy - half) : clean + v * (half - clean);
}

/* So many of a table's levels are in the schedule's range. */
static double dkp_table_span(const dk_layout *g) {
    return g->s->family == DK_FAMILY_VP_DISCRETE ? floor(g->s->t_max) + 1 : dkp_table_size(g->s);
}

/* The place in the table of level i of n. numpy's order of operations in arange and linspace, so that ties round as in
   the peers. */
static double dkp_table_index(const dk_layout *g, int i, int n) {
    double T = dkp_table_size(g->s), span = dkp_table_span(g), v = 1 - (double)i / n;
    dk_rounding rounding = g->c->grid.rounding;
    switch (g->c->grid.spacing) {
    case DK_SPACING_LEADING: return dkp_round((n - 1 - i) * floor(span / n), rounding) + g->n;
    case DK_SPACING_TRAILING: return dkp_round(span + i * (span - T / n - span), rounding) - 1;
    case DK_SPACING_LINSPACE:
        return dkp_round(n > 1 && i > 0 ? (n - 1 - i) * ((span - 1) / (n - 1)) : span - 1, rounding); /* exact at the end, too */
    case DK_SPACING_SIMPLE: return T - 1 - floor(i * (T / n));
    case DK_SPACING_DDIM_UNIFORM: return 1 + (g->there - 1 - i) * floor(T / n);
    case DK_SPACING_SMOOTHSTEP: return floor(v * v * (3 - 2 * v) * (T - 1) + 0.5);
    case DK_SPACING_BETA: return dkp_round(dkp_beta_quantile(v, g->a, g->b) * (T - 1), DK_ROUND_NEAREST);
    /* of the trailing grid of g->n steps, whole timesteps apart */
    case DK_SPACING_LCM: return (g->n - floor(i * ((double)g->n / n))) * floor(T / g->n) - 1;
    default: return (g->n - floor(g->a) - i) * floor(T / g->n) - 1; /* SD_TURBO */
    }
}

static dk_level dkp_placed(const dk_layout *g, double k) {
    double low = floor(k), f = k - low;
    dk_level l = dkp_table_level(g->s, k);
    if (!(g->c->grid.quirks & DK_QUIRK_SIGMA_LINEAR) || !(f > 0)) return l;
    double a = dk_noise_level(dkp_table_level(g->s, low)), b = dk_noise_level(dkp_table_level(g->s, low + 1)),
           t = l.t;
    l = dkp_at_sigma(g->s, a + f * (b - a));
    l.t = t;
    return l;
}

/* Entry x of a list, linear between entries in the log, or in t or lambda. */
static double dkp_between(const double *list, int n, double x, int by_log) {
    int k = (int)floor(x);
    double f = x - k;
    if (k >= n - 1) return list[n - 1];
    if (!(f > 0)) return list[k];
    return by_log ? dkp_exp(dkp_log(list[k]) + f * (dkp_log(list[k + 1]) - dkp_log(list[k])))
                  : list[k] + f * (list[k + 1] - list[k]);
}

static dk_level dkp_listed(const dk_layout *g, int i, int n) {
    const dk_grid *list = &g->c->grid;
    double x = n > 1 ? (double)i * (list->level_count - 1) / (n - 1) : 0;
    int by_log = list->unit == DK_UNIT_SIGMA || list->unit == DK_UNIT_FLOW;
    if (list->spacing == DK_SPACING_LEVELS) return dk_level_at(g->s, list->unit, list->levels[i]);
    return dk_level_at(g->s, list->unit, dkp_between(list->levels, list->level_count, x, by_log));
}

/* Level i of those that a spacing is asked for, from the noisy end. Ends are the range's, unless it has ends of its own. */
static dk_level dkp_given(const dk_layout *g, int i) {
    const dk_schedule *s = g->s;
    const int n = g->asked;
    double noisy = g->noisy_u, clean = g->clean_u, f = dkp_fraction(i, n), from, to, root;
    dk_level l = g->clean;
    if (!dkp_has(&g->c->grid, 'e') && !dkp_has(&g->c->grid, 'T') && (i == 0 || i == n - 1)) return i ? g->clean : g->noisy;
    switch (g->c->grid.spacing) {
    case DK_SPACING_KARRAS: return dkp_karras_between(s, noisy, clean, g->a, f);
    case DK_SPACING_EXPONENTIAL:
        from = dkp_log(noisy), to = dkp_log(clean);
        return dkp_at_u(s, dkp_exp(from + f * (to - from)));
    case DK_SPACING_POLYEXPONENTIAL:
        from = dkp_log(noisy), to = dkp_log(clean);
        return dkp_at_u(s, dkp_exp(to + dkp_pow(1 - f, g->a) * (from - to)));
    case DK_SPACING_LAMBDA:
        from = dk_lambda(g->noisy), to = dk_lambda(g->clean);
        return dk_level_at(s, DK_UNIT_LAMBDA, from + f * (to - from));
    case DK_SPACING_UNIFORM: /* numpy's order */
        from = g->noisy.t, to = g->clean.t;
        return dkp_at_t(s, from + i * ((to - from) / (n - 1)));
    case DK_SPACING_QUADRATIC:
        from = dkp_sqrt(g->noisy.t), to = dkp_sqrt(g->clean.t), root = from + f * (to - from);
        return dkp_at_t(s, root * root);
    case DK_SPACING_SWAY:
        root = f + g->a * (dkp_cos(0.5 * dkp_pi * f) - 1 + f);
        return dkp_at_t(s, g->noisy.t + root * (g->clean.t - g->noisy.t));
    case DK_SPACING_NORMAL: /* the ends' times by `timestep(sigma)`, which for flow does not undo the shift */
    case DK_SPACING_SGM_UNIFORM:
        from = s->family == DK_FAMILY_FLOW ? noisy : g->noisy.t;
        to = s->family == DK_FAMILY_FLOW ? clean : g->clean.t;
        return dkp_at_t(s, i == n - 1 && n > 1 ? to : from + f * (to - from));
    case DK_SPACING_KL_OPTIMAL:
        return dkp_at_u(s, dkp_tan(f * dkp_atan(clean) + (1 - f) * dkp_atan(noisy)));
    case DK_SPACING_BETA_SIGMA:
        return dkp_at_u(s, clean + dkp_beta_quantile(1 - f, g->a, g->b) * (noisy - clean));
    case DK_SPACING_CRASH: /* v-diffusion's crash schedule, sigma = sin^2, over the range */
        from = dkp_sin(dkp_angle(g->noisy)), to = dkp_sin(dkp_angle(g->clean));
        root = dkp_sin(0.5 * dkp_pi * (1 - f)), from = to + root * root * (from - to);
        return dkp_at_sigma(s, from / dkp_sqrt((1 - from) * (1 + from)));
    case DK_SPACING_POWER: return dkp_power(g, i, n);
    case DK_SPACING_VP: return dkp_vp_spaced(g, f);
    case DK_SPACING_IDDPM: return dkp_iddpm(g, i);
    case DK_SPACING_LAPLACE: return dkp_cut_to_range(g, dkp_laplace_quantile(g, f));
    case DK_SPACING_LOGIT_NORMAL: return dkp_cut_to_range(g, dkp_exp(g->a + g->b * dkp_normal_above(f)));
    case DK_SPACING_LINEAR_QUADRATIC: return dkp_linear_quadratic(g, i, n);
    case DK_SPACING_BONG_TANGENT: return dkp_at_u(s, dkp_bong_tangent(noisy, clean, i, n));
    case DK_SPACING_RESAMPLE:
    case DK_SPACING_LEVELS: return dkp_listed(g, i, n);
    case DK_SPACING_CUSTOM: g->c->grid.fn(g->c, i, n, &l); return l;
    default: return dkp_placed(g, dkp_table_index(g, i, n));
    }
}

/* Whether levels that come twice are taken once: the spacing's own, and those where the schedule stays at a limit. */
static int dkp_merges(const dk_config *c) {
    const dk_schedule *s = &c->schedule;
    int limited = s->family == DK_FAMILY_VP_COSINE && (s->sigma_min > 0 || s->sigma_max > 0);
    return dkp_has(&c->grid, '1') || (limited && dkp_ranged(&c->grid));
}

/* Whether D can be had there: eps and score say nothing of it at alpha = 0, and no network can be told an infinite number. */
static int dkp_gives_data(const dk_config *c, const dk_level *l) {
    dkp_model m = dkp_model_at(c, l, l);
    return dkp_finite(m.condition) && dkp_finite(m.d_x) && dkp_finite(m.d_f);
}

/* One end of the range that a spacing covers; see dk_grid. */
static dk_level dkp_range_end(const dk_config *c, int noisy) {
    const dk_schedule *s = &c->schedule;
    const dk_grid *g = &c->grid;
    double given = noisy ? g->sigma_max : g->sigma_min;
    if (given > 0) return dkp_at_u(s, given);
    double least = s->family == DK_FAMILY_FLOW && dkp_has(g, 't') ? 1.0 / dkp_table_size(s) : s->t_min;
    double t = noisy ? s->t_max : s->t_min > least ? s->t_min : least, inward = (noisy ? -1e-3 : 1e-3) * (s->t_max - s->t_min);
    dk_level l = dkp_at_t(s, t);
    if ((dkp_has(g, 's') && l.sigma <= 0) || (dkp_has(g, 'a') && l.alpha <= 0) ||
        (!dkp_finite(dkp_u(s, l)) && (dkp_has(g, 'u') || (dkp_has(g, 'd') && !dkp_gives_data(c, &l)))))
        return dkp_at_t(s, t + inward);
    return l;
}

/* Whether the last level, too, belongs to the spacing, even if it is then replaced. */
static int dkp_one_more(const dk_layout *g) {
    if (g->c->grid.quirks & (DK_QUIRK_CLEAN_TWICE | DK_QUIRK_NOISY_TWICE)) return 0;
    if (g->final == DK_FINAL_LAST) return 1;
    return !dkp_by_timesteps(&g->c->grid) && (g->final == DK_FINAL_MIN || g->final == DK_FINAL_REPLACE);
}

/* One level on (by = 1) or back (-1), and one different level, unless that is the same. */
static void dkp_walk_by(dk_layout *g, int by) {
    dk_level next = dkp_given(g, g->place += by);
    g->at += dk_noise_level(next) * by < dk_noise_level(g->here) * by ? by : 0;
    g->here = next;
}

/* To where the different level of this number is met first, from the noisy end, or to the end. */
static void dkp_walk_to(dk_layout *g, int wanted) {
    if (g->at > wanted)
        while (g->place > 0 && g->at >= wanted) dkp_walk_by(g, -1);
    while (g->at < wanted && g->place < g->asked - 1) dkp_walk_by(g, 1);
}

/* Without the number of levels that there are. */
static dk_layout dkp_start_layout(const dk_config *c) {
    const dkp_spacing *own = dkp_spacing_of(&c->grid);
    dk_layout g;
    memset(&g, 0, sizeof g);
    g.c = c, g.s = &c->schedule;
    if (dkp_ranged(&c->grid)) {
        g.noisy = dkp_range_end(c, 1), g.clean = dkp_range_end(c, 0);
        g.noisy_u = dkp_u(g.s, g.noisy), g.clean_u = dkp_u(g.s, g.clean);
    }
    g.a = fabs(c->grid.a) > 0 ? c->grid.a : own->a, g.b = fabs(c->grid.b) > 0 ? c->grid.b : own->b;
    g.n = c->grid.n ? c->grid.n : own->n;
    g.final = c->grid.final ? c->grid.final : (dk_final)own->final;
    if (!g.final) g.final = dkp_ranged(&c->grid) && g.clean.sigma <= 0 ? DK_FINAL_MIN : DK_FINAL_ZERO;
    g.asked = (c->grid.full_steps > 0 ? c->grid.full_steps : c->steps) + !!(c->grid.quirks & DK_QUIRK_SPARE_LEVEL) +
              (g.final == DK_FINAL_LAST ? 0 : dkp_one_more(&g));
    if (dkp_merges(c)) g.here = dkp_given(&g, 0);
    return g;
}

/* How many levels there are: as many as are asked for, unless the spacing has fewer, or a number of its own; and steps. */
static void dkp_count_layout(dk_layout *g) {
    double T = dkp_table_size(g->s), span = dkp_table_span(g);
    dk_level unused;
    int n = g->asked, all = n;
    switch (g->c->grid.spacing) {
    case DK_SPACING_TRAILING: all = (int)ceil(span / (T / n)); break;
    case DK_SPACING_DDIM_UNIFORM: n = all = ((int)T - 2) / ((int)T / n) + 1; break;
    case DK_SPACING_SD_TURBO: all = g->n - (int)g->a; break;
    case DK_SPACING_IDDPM: dkp_iddpm_level(g, -1, &all); break;
    case DK_SPACING_CUSTOM: n = all = g->c->grid.fn(g->c, -1, n, &unused); break;
    default:
        if (dkp_merges(g->c)) dkp_walk_to(g, n), all = g->at + 1;
    }
    g->there = n < all ? n : all;
    g->steps = g->there - !!(g->c->grid.quirks & DK_QUIRK_SPARE_LEVEL) - dkp_one_more(g);
}

/* Of a resolved config. Without full_steps it has as many levels as it was asked for, and none need be counted. */
static dk_layout dkp_layout_of(const dk_config *c) {
    dk_layout g = dkp_start_layout(c);
    if (c->grid.full_steps > 0) dkp_count_layout(&g);
    else g.there = g.asked, g.steps = c->steps;
    return g;
}

/* Level i of the whole grid, before shifts. */
static dk_level dkp_spaced(dk_layout *g, int i) {
    if (g->there < g->asked && dkp_merges(g->c)) {
        dkp_walk_to(g, i);
        return g->here;
    }
    return dkp_given(g, i);
}

static dk_level dkp_shifted(const dk_layout *g, dk_level l) {
    double shift = dkp_or(g->c->grid.shift, 1);
    return shift < 1 || shift > 1 ? dkp_at_sigma(g->s, shift * dk_noise_level(l)) : l;
}

static dk_level dkp_last_level(dk_layout *g) {
    if (g->final == DK_FINAL_LAST) return dkp_spaced(g, g->steps);
    if (g->final == DK_FINAL_MIN)
        return dkp_by_timesteps(&g->c->grid) ? dkp_table_level(g->s, 0) : dkp_spaced(g, g->there - 1);
    return dkp_at_sigma(g->s, g->final == DK_FINAL_VALUE ? g->c->grid.final_value : 0);
}

/* 1 - u scaled so that the last level but the final one, or the final one above 0, has u = terminal. */
static dk_level dkp_stretched(dk_layout *g, dk_level l) {
    int last = g->steps - 1;
    double terminal = g->c->grid.terminal;
    if (!(terminal > 0) || l.sigma <= 0) return l;
    if (dkp_one_more(g) && dkp_last_level(g).sigma > 0) last++;
    if (!(g->room > 0)) g->room = 1 - dkp_u(g->s, dkp_shifted(g, dkp_spaced(g, last)));
    if (!(g->room > 0)) return l; /* a single level of pure noise */
    return dk_level_at(g->s, DK_UNIT_FLOW, 1 - (1 - dkp_u(g->s, l)) / (g->room / (1 - terminal)));
}

/* Level i of the finished grid, 0 .. steps. */
DK_API dk_level dk_grid_level(dk_layout *g, int i) {
    const dk_grid *grid = &g->c->grid;
    int steps = g->c->steps, left_out = g->steps - steps;
    if (grid->rising) i = steps - i;
    if (grid->quirks & DK_QUIRK_CLEAN_TWICE && i == steps) i--;
    if (grid->quirks & DK_QUIRK_NOISY_TWICE && i + left_out > 0) i--;
    int whole = i + left_out;
    dk_level l = dkp_shifted(g, i < steps ? dkp_spaced(g, whole) : dkp_last_level(g));
    if (i < steps || g->final != DK_FINAL_VALUE) l = dkp_stretched(g, l);
    if ((grid->quirks & DK_QUIRK_BELOW_ONE) && dkp_u(g->s, l) > 1 - 1e-6) l = dkp_at_u(g->s, 1 - 1e-6);
    if (g->s->family == DK_FAMILY_VP_DISCRETE && dkp_ranged(grid) && l.sigma > 0)
        l.t = dkp_round(l.t, grid->rounding);
    return l;
}

/* One level; for all of them make one layout. */
static dk_level dkp_grid_level(const dk_config *c, int i) {
    dk_layout g = dkp_layout_of(c);
    return dk_grid_level(&g, i);
}

/* Level i of the way that the steps take, and how many these are: the grid's, unless time travel repeats parts of it. */
static dk_level dkp_way_level(dk_layout *g, int i) {
    const dk_way *way = g->c->grid.way;
    dk_level l = {0, 0, 0};
    if (!way) return dk_grid_level(g, i);
    way->level(way, g->c, g, i, &l);
    return l;
}

static int dkp_way_steps(const dk_config *c) {
    const dk_way *way = c->grid.way;
    dk_level unused;
    if (!way) return c->steps;
    dk_layout g = dkp_layout_of(c);
    return way->level(way, c, &g, 0, &unused);
}

static int dkp_travels(const dk_config *c) { return c->grid.travel || c->grid.way != NULL; }

DK_API int dk_levels(dk_config *c, dk_unit unit, double *out, int max) {
    if (!c) return 0;
    dk_config resolved = *c;
    dkp_marks marks;
    c->message[0] = 0;
    if (dkp_resolve(&resolved, &marks, c->message) != DK_OK || dkp_check_levels(&resolved, NULL, c->message) != DK_OK)
        return 0;
    dk_layout g = dkp_layout_of(&resolved);
    int steps = dkp_way_steps(&resolved);
    for (int i = 0; out && i <= steps && i < max; i++) out[i] = dkp_in_unit(unit, dkp_way_level(&g, i));
    return steps + 1;
}

/* ------------------------------------------------------------------------ >>recorder  Recorder */

/* What the recorder keeps to itself. */
typedef struct dkp_recording {
    dk_recorder r; /* first: what recording functions see */
    dk_plan *plan;
    const dk_plan *room; /* counts for which there is memory; NULL: none */
    const struct dkp_pace *pace; /* of a run with step-size control; NULL: none */
    dk_layout layout;            /* of the grid */
    dk_row row;                  /* the open one, */
    int row_needs;               /* and the last call whose output it needs; -1: none */
    int storing;                 /* there has been room for everything */
    int position;                /* in the plan so far, in rows and ends of passes */
    int stage;                   /* evaluations of this step */
    int judged;                  /* step-size control: the step's error has been measured */
    int pinned[2];               /* slots that were filled before that, and after it: a bit each */
    int pin[3];                  /* the value in each slot */
    int within;             /* a step, which dkr_step has begun and not ended; 2: and given to another function */
    int before;             /* rows and calls when it began, */
    dk_vec x;               /* and its state */
    int offset;             /* step of the plan at which this stretch of steps begins */
    int phase;              /* of the step, */
    dk_guidance guidance;   /* and the config's, in whose place that of a phase may be */
    int sampled;            /* steps that churn is spread over */
    dk_vec noise;           /* that an evaluation at sigma = 0 found in x */
    int known, mask;        /* values, where the config has them */
    dk_vec fixed;           /* the noise of known data, where it is the same at all levels */
    int drawn;              /* value of the step's last draw behind its evaluations; -1: none */
    dk_level ended;         /* where the step before ended, */
    dk_vec given, raised;   /* and the draws that known data and churn brought to its state since */
    int leaps;              /* churn has made this step much longer than past ones are apart: polynomials would grow without bound */
    int estimates, skipped; /* D so far; the first ones without an evaluation */
    int others;             /* values y so far */
    dk_vec momentum;        /* of guidance, */
    int memory;             /* and of its guider: the first value; 0: none yet */
    dk_level lambda_at;     /* the level whose lambda was asked for last, */
    double lambda;          /* and that */
    unsigned end, reached;  /* of what was said, counted in terms: now, and at most so far */
    dk_term said[DK_SAID];  /* the last of them, round and round */
} dkp_recording;

static dk_recorder *dkp_recorder_in(dkp_recording *own) {
    own->r.own = own;
    return &own->r;
}

DK_API void dkr_refuse(dk_recorder *r, const char *field, double value, const char *allowed) {
    if (r->status == DK_OK) r->status = dkp_fail_word(r->config->message, field ? field : "(NULL)", value, allowed ? allowed : "otherwise");
}

static void dkp_refuse_at(dk_recorder *r, const char *what, const dk_level *l) {
    if (r->status == DK_OK)
        r->status = dkp_fail_saying(r->config->message, DK_ERROR_CONFIG, "%s at step %d, where t = %g, alpha = %g, sigma = %g",
                                    what, r->step, l->t, l->alpha, l->sigma);
}

/* Recording stores while there is room, and counts in any case; where the room was not enough, or not known, it runs
   once more with memory laid out by the counts. */

static dk_vec dkp_vec(dk_recorder *r, int value) {
    dk_vec v = {r, 0, (unsigned)value};
    return v;
}

/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a vector that was said has its recorder */
static dk_term *dkp_said(dk_recorder *r, unsigned at) { return &r->own->said[at % DK_SAID]; }

/* How many terms v has, 0 for one that cannot be used any more; they lie side by side from *terms on. */
DKP_INLINE int dkp_terms(dk_vec v, dk_term *value, const dk_term **terms) {
    value->c = 1, value->value = (int)v.at, value->scalar = value->power = 0;
    *terms = value;
    if (v.count <= 0) return v.of ? 1 : 0;
    *terms = dkp_said(v.of, v.at);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a sum of terms has a recorder */
    if (v.of->own->reached - v.at <= DK_SAID) return v.count;
    dkr_refuse(v.of, "age of a symbolic vector in terms", (double)(v.of->own->reached - v.at),
               "at most 256: store it with dkr_keep");
    return 0;
}

/* c t. By parts, here and where terms are compared: processors wait before they read as a whole what has just been
   written in parts. */
DKP_INLINE dk_term dkp_times(double c, const dk_term *t) {
    dk_term product = {t->c * c, t->value, t->scalar, t->power};
    return product;
}

/* Where the terms of the next sum are to be said: as many as it may have, and one too many. */
static dk_term *dkp_begin_sum(dk_recorder *r) {
    unsigned left = DK_SAID - r->own->end % DK_SAID;
    r->own->end += (left > DK_MAX_TERMS ? 0 : left) + DK_MAX_TERMS + 1;
    if (r->own->end > r->own->reached) r->own->reached = r->own->end;
    return dkp_said(r, r->own->end - DK_MAX_TERMS - 1);
}

static dk_vec dkp_end_sum(dk_recorder *r, int count) {
    dk_vec v = {r, count, r->own->end - DK_MAX_TERMS - 1};
    const dk_term *first = dkp_said(r, v.at);
    r->own->end = v.at + (unsigned)count;
    if (count > DK_MAX_TERMS)
        dkr_refuse(r, "terms of a symbolic vector", count,
                   "at most 20: store parts with dkr_keep, or all of it with dkr_sum");
    if (count == 1 && first->c >= 1 && first->c <= 1 && !first->scalar) return dkp_vec(r, first->value);
    return count && r->status == DK_OK ? v : dkr_zero;
}

/* Takes back what was said from `at` on, but for v. */
static dk_vec dkp_forget_but(dk_recorder *r, unsigned at, dk_vec v) {
    const dk_term *from = dkp_said(r, v.at);
    r->own->end = at;
    if (!v.count) return v;
    memmove(dkp_begin_sum(r), from, sizeof *from * (size_t)v.count);
    return dkp_end_sum(r, v.count);
}

/* The sum of c_i v_i. Terms with factor 0 are dropped, also where a coefficient is infinite. */
static dk_vec dkp_sum(int n, const double *c, const dk_vec *v) {
    dk_recorder *r = NULL;
    int count = 0;
    for (int i = 0; i < n; i++)
        if (v[i].of) r = v[i].of;
    if (!r) return dkr_zero;
    dk_term *sum = dkp_begin_sum(r), value;
    for (int i = 0; i < n; i++) {
        const dk_term *t = &value;
        int terms = c[i] >= 0 && c[i] <= 0 ? 0 : dkp_terms(v[i], &value, &t), before = count;
        for (int j = 0, k; j < terms; j++, t++) {
            for (k = 0; k < before; k++)
                if (sum[k].value == t->value && !((sum[k].scalar ^ t->scalar) | (sum[k].power ^ t->power)))
                    break;
            if (k < before) sum[k].c += t->c * c[i];
            else if (count <= DK_MAX_TERMS) sum[count++] = dkp_times(c[i], t);
        }
    }
    return dkp_end_sum(r, count);
}

DK_API dk_vec dkr_mix(double a, dk_vec x, double b, dk_vec y) {
    const double c[2] = {a, b};
    const dk_vec v[2] = {x, y};
    return dkp_sum(2, c, v);
}

static dk_vec dkp_add(dk_vec a, dk_vec b) { return b.of ? dkr_mix(1, a, 1, b) : a; }

DK_API dk_vec dkr_scale(double c, dk_vec v) { return c >= 1 && c <= 1 ? v : dkp_sum(1, &c, &v); }

/* Whether there is room for all that has been counted, the newest of `counts` included. */
#define DKP_STORING(r, counts) \
    ((r)->own->storing = (r)->own->storing && (r)->own->plan->counts <= (r)->own->room->counts)

/* Values y are numbered as they come. */
static int dkp_new_value(dk_recorder *r, char letter, int number, int needs) {
    dk_plan *p = r->own->plan;
    int value = p->values++;
    if (DKP_STORING(r, values)) {
        dk_value v = {letter, DK_VALUE_LOCAL, letter == 'y' ? r->own->others++ : number, -1,
                      {p->passes, r->own->position, r->own->position, needs, 0}, 0};
        p->value[value] = v;
    }
    return value;
}

/* A value that outlives its pass, or meets anything but a row, needs a buffer. */
static void dkp_use(dk_recorder *r, int value, int full) {
    if (!r->own->storing) return;
    dk_value *v = &r->own->plan->value[value];
    if (r->own->position > v->life.dies) v->life.dies = r->own->position;
    if (v->kind == DK_VALUE_LOCAL && (full || v->life.pass != r->own->plan->passes)) v->kind = DK_VALUE_BUFFER;
}

/* A row is opened, given its terms and closed. Terms with coefficient 0 are dropped: 0 * infinity must not spoil
   a state, and eta = 0 must cost nothing. */
static void dkp_open_row(dk_recorder *r, int draw) {
    dk_row row = {0, r->own->plan->terms, 0, draw, -1, 0};
    r->own->row = row, r->own->row_needs = -1;
    r->own->position++;
}

static void dkp_put_terms(dk_recorder *r, double c, dk_vec v) {
    dk_plan *p = r->own->plan;
    const dk_term *t;
    dk_term value;
    if (c >= 0 && c <= 0) return; /* also where a term is infinite */
    for (int i = dkp_terms(v, &value, &t); i > 0; i--, t++) {
        dk_term term = dkp_times(c, t);
        if (term.c >= 0 && term.c <= 0) continue;
        if (!dkp_finite(term.c)) dkp_refuse_at(r, "a coefficient is not finite", &r->from);
        dkp_use(r, term.value, 0);
        p->terms++;
        if (!DKP_STORING(r, terms)) continue;
        int needs = term.scalar ? p->calls - 1 : p->value[term.value].life.needs;
        if (needs > r->own->row_needs) r->own->row_needs = needs;
        p->term[p->terms - 1] = term;
    }
}

static int dkp_close_row(dk_recorder *r, char letter, int number) {
    dk_plan *p = r->own->plan;
    int dst = dkp_new_value(r, letter, number, r->own->row_needs);
    p->rows++;
    if (DKP_STORING(r, rows)) {
        dk_row *row = &p->row[p->rows - 1];
        *row = r->own->row;
        row->dst = dst, row->count = p->terms - row->first;
    }
    return dst;
}

/* A sum becomes a row, even if it is a value already. */
static dk_vec dkp_store_as(dk_recorder *r, dk_vec v, char letter, int number, double clip) {
    dkp_open_row(r, -1);
    r->own->row.clip = clip;
    dkp_put_terms(r, 1, v);
    return dkp_vec(r, dkp_close_row(r, letter, number));
}

static dk_vec dkp_keep_as(dk_recorder *r, dk_vec v, char letter, int number) {
    if (r->status != DK_OK || (v.of && !v.count)) return v;
    return dkp_store_as(r, v, letter, number, 0);
}

DK_API dk_vec dkr_keep(dk_recorder *r, dk_vec v) { return dkp_keep_as(r, v, 'y', 0); }

/* Ends the open pass. */
static void dkp_boundary(dk_recorder *r, dk_boundary boundary, int index) {
    dk_plan *p = r->own->plan;
    p->passes++;
    if (!DKP_STORING(r, passes)) return;
    dk_pass *last = &p->pass[p->passes - 1];
    int first = p->passes > 1 ? last[-1].first + last[-1].count : 0;
    dk_pass pass = {first, p->rows - first, boundary, index, r->own->position, 0, 0, 0};
    *last = pass;
}

/* What the network reads or writes. */
static int dkp_for_network(dk_recorder *r, int value) {
    if (r->own->storing && r->own->plan->number) r->own->plan->value[value].kind = DK_VALUE_HALF;
    dkp_use(r, value, 1);
    return value;
}

DK_API dk_vec dkr_sum(dk_recorder *r, int n, const double *c, const dk_vec *v) {
    if (n < 0 || (n > 0 && (!c || !v))) {
        dkr_refuse(r, "n of dkr_sum", n, ">= 0, with as many numbers and vectors");
        return dkr_zero;
    }
    dkp_open_row(r, -1);
    for (int i = 0; i < n; i++) dkp_put_terms(r, c[i], v[i]);
    return dkp_vec(r, dkp_close_row(r, 'y', 0));
}

DK_API dk_vec dkr_scale_by(double c, int scalar, int power, dk_vec v) {
    dk_recorder *r = v.of;
    if (!r || (c >= 0 && c <= 0)) return dkr_zero;
    const dk_term *t;
    dk_term *sum = dkp_begin_sum(r), value;
    int count = dkp_terms(v, &value, &t);
    if (scalar < 1 || scalar > r->own->plan->norms)
        dkr_refuse(r, "scalar of dkr_scale_by", scalar, "one that dkr_norm_ratio has given");
    if (power < 1 || power > 32767) dkr_refuse(r, "power of dkr_scale_by", power, "1 .. 32767");
    for (int i = 0; i < count; i++) {
        if (t[i].scalar) dkr_refuse(r, "scalars of a vector", 2, "1: store it with dkr_keep");
        sum[i] = dkp_times(c, &t[i]);
        sum[i].scalar = (short)scalar, sum[i].power = (short)power;
    }
    return dkp_end_sum(r, count);
}

/* A row v = (1 - m) v + m w; v is a value. */
static dk_vec dkp_blend_with(dk_recorder *r, dk_vec v, dk_vec w, char letter, int number) {
    if (r->status != DK_OK) return v;
    dkp_open_row(r, -1);
    r->own->row.mask = r->own->mask;
    dkp_put_terms(r, 1, v);
    dkp_put_terms(r, 1, w);
    return dkp_vec(r, dkp_close_row(r, letter, number));
}

static dk_vec dkp_known_at(dk_recorder *r, const dk_level *l, dk_vec z) {
    return dkr_mix(l->alpha, dkp_vec(r, r->own->known), l->sigma, z);
}

static dk_vec dkp_blend_denoised(dk_recorder *r, dk_vec D, char letter, int number) {
    return r->own->plan->own.masked < 2 ? D : dkp_blend_with(r, D, dkp_vec(r, r->own->known), letter, number);
}

/* Draw number `draw` of the run; 0 is the initial state's. */
static dk_vec dkp_draw(dk_recorder *r, int draw, dk_level from, dk_level to) {
    if (r->status != DK_OK) return dkr_zero;
    if (DKP_STORING(r, draws)) {
        dk_draw *d = &r->own->plan->draw[draw], *before = draw > 1 ? d - 1 : NULL;
        d->from = dk_noise_level(from), d->to = dk_noise_level(to);
        d->way = before ? before->way + (before->to > before->from) : 0;
    }
    dkp_open_row(r, draw);
    return dkp_vec(r, r->own->drawn = dkp_close_row(r, 'z', draw));
}

DK_API dk_vec dkr_noise(dk_recorder *r, dk_level from, dk_level to) {
    return dkp_draw(r, r->own->plan->draws++, from, to);
}

/* Ends the pass with a norm of v = a, b, p, q, as many of them as the kind has. A vector that is zero is stored, too, but for
   b of an error. limit and share are of some kinds. */
static int dkp_norm_of(dk_recorder *r, dk_norm_kind kind, dk_vec v[4], double limit, double share) {
    static const char vectors[] = {2, 4, 4, 2, 1, 2, 1};
    dk_plan *p = r->own->plan;
    int value[4] = {-1, -1, -1, -1};
    for (int i = 0; i < vectors[kind]; i++)
        if (i != 1 || v[i].of || vectors[kind] == 2) v[i] = dkr_keep(r, v[i]), value[i] = (int)v[i].at;
    if (p->norms >= 32767) dkr_refuse(r, "norms of a plan", p->norms, "less than 32767");
    if (r->status != DK_OK) return 0;
    dk_norm norm = {
        kind,  value[0], value[1], value[2], value[3], r->sampler.control.atol, r->sampler.control.rtol,
        limit, share};
    r->own->position++;
    for (int i = 0; i < 4; i++)
        if (value[i] >= 0) dkp_use(r, value[i], 1);
    dkp_boundary(r, DK_BOUNDARY_NORM, p->norms);
    p->norms++;
    if (DKP_STORING(r, norms)) p->norm[p->norms - 1] = norm;
    return p->norms;
}

static int dkp_scalar(dk_recorder *r, dk_norm_kind kind, dk_vec a, dk_vec b, double limit) {
    dk_vec v[4] = {a, b, dkr_zero, dkr_zero};
    return dkp_norm_of(r, kind, v, limit, 0);
}

DK_API int dkr_norm_ratio(dk_recorder *r, dk_vec a, dk_vec b) {
    return dkp_scalar(r, DK_NORM_RATIO, a, b, 0);
}

static dk_level dkp_plan_level(const dk_recorder *r, int i) {
    if (r->own->pace) return i ? r->own->pace->to : r->own->pace->from;
    return r->own->plan->level ? r->own->plan->level[i] : dkp_way_level(&r->own->layout, i);
}

/* Level i of the stretch of steps that is being recorded. */
static dk_level dkp_level(const dk_recorder *r, int i) { return dkp_plan_level(r, r->own->offset + i); }

/* Where the stretch ends. */
static dk_level dkp_goal(const dk_recorder *r) { return dkp_level(r, r->steps); }

/* What every draw of the sampler is multiplied by. */
static double dkp_s_noise(const dk_recorder *r) { return 1 + r->sampler.noise_excess; }

/* x + up z, with noise for the way between two levels. */
static dk_vec dkp_add_noise_between(dk_recorder *r, dk_vec x, double up, const dk_level *from,
                                    const dk_level *to) {
    up *= dkp_s_noise(r);
    return up > 0 ? dkr_mix(1, x, up, dkr_noise(r, *from, *to)) : x;
}

static dk_vec dkp_add_noise(dk_recorder *r, dk_vec x, double up) {
    return dkp_add_noise_between(r, x, up, &r->from, &r->to);
}

/* Of a variance; a way that leads down has none. */
static double dkp_root(double v) { return v > 0 ? dkp_sqrt(v) : 0; }

/* A state, noised from one level up to another, by a draw that may be there already. */
static dk_vec dkp_noised_up(dk_recorder *r, dk_vec x, const dk_level *from, const dk_level *to, dk_vec *draw) {
    double kept = to->alpha / from->alpha, carried = kept * from->sigma;
    double up = dkp_s_noise(r) * dkp_root((to->sigma - carried) * (to->sigma + carried));
    if (up > 0 && !draw->of) *draw = dkr_noise(r, *from, *to);
    return dkr_mix(kept, x, up, *draw);
}

/* Karras et al. 2022, alg. 2: raise the noise level by a factor 1 + gamma before the step, for any sampler. */
static void dkp_churn(dk_recorder *r) {
    const dk_sampler *s = &r->sampler;
    double here = dk_noise_level(r->from), gamma = s->churn / r->own->sampled, most = dkp_sqrt(2.0) - 1;
    if (gamma <= 0 || !dkp_finite(here) || dkp_outside(here, s->churn_range)) return;
    double up = here * (1 + (gamma < most ? gamma : most));
    dk_level hat = dkp_at_sigma(&r->config->schedule, up);
    r->own->leaps = up - here > 0.25 * (here - dk_noise_level(r->to));
    r->x = dkr_keep(r, dkp_noised_up(r, r->x, &r->from, &hat, &r->own->raised));
    r->from = hat;
}

DK_API dk_vec dkr_corrected(dk_recorder *r, dk_vec x) {
    dkp_recording *own = r->own;
    if (own->plan->own.masked == 1) x = dkp_blend_with(r, dkr_keep(r, x), dkp_known_at(r, &own->ended, own->given), 'y', 0);
    return own->raised.of ? dkp_noised_up(r, x, &own->ended, &r->from, &own->raised) : x;
}

/* The end of a step: its state is stored by its name, blended where data are known. */
static void dkp_end_step(dk_recorder *r) {
    dkp_recording *own = r->own;
    int number = own->offset + r->step + 1, blended = own->plan->own.masked == 1;
    r->x = dkp_keep_as(r, r->x, blended ? 'y' : 'x', number);
    if (blended && r->status == DK_OK) {
        own->given = own->fixed;
        if (r->to.sigma > 0 && !own->given.of)
            own->given = own->drawn >= 0 ? dkp_vec(r, own->drawn) : dkr_noise(r, r->from, r->to);
        r->x = dkp_blend_with(r, r->x, dkp_known_at(r, &r->to, own->given), 'x', number);
    }
    if (own->storing && r->status == DK_OK) { /* the sampler may have stored it already */
        dk_value *v = &own->plan->value[r->x.at];
        if (v->letter == 'y') v->letter = 'x', v->number = number;
    }
    r->step++, own->within = 0;
}

/* The level below which a phase begins, and its noise level. */
static dk_level dkp_phase_start(const dk_config *c, const dk_phase *p) {
    return dk_level_at(&c->schedule, p->unit ? p->unit : DK_UNIT_T, p->level);
}
static double dkp_phase_level(const dk_config *c, const dk_phase *p) { return dk_noise_level(dkp_phase_start(c, p)); }

/* The phase that step i of the plan is in: 1, 2 ..., 0 before all of them. */
static int dkp_phase_of(const dk_recorder *r, int i) {
    const dk_config *c = r->config;
    int k = c->phase_count;
    for (; k > 0; k--) {
        const dk_phase *p = &c->phases[k - 1];
        if (p->step ? i >= p->step : dkp_above(dkp_phase_level(c, p), dk_noise_level(dkp_plan_level(r, i)))) break;
    }
    return k;
}

/* The one whose sampler step i is made by; 0: the config's. */
static int dkp_sampler_phase(const dk_recorder *r, int i) {
    int k = dkp_phase_of(r, i);
    while (k > 0 && !r->config->phases[k - 1].sampler) k--;
    return k;
}

/* What step i has of its phase: its number and, in the config, its guidance. */
static void dkp_enter_phase(dk_recorder *r, int i) {
    int k = r->own->phase = dkp_phase_of(r, i);
    while (k > 0 && !r->config->phases[k - 1].guidance) k--;
    if (r->config->phase_count) r->config->guidance = k ? *r->config->phases[k - 1].guidance : r->own->guidance;
}

DK_API int dkr_step(dk_recorder *r) {
    dkp_recording *own = r->own;
    int said = own->plan->rows + own->plan->calls;
    if (own->within == 1 && said == own->before && r->x.at == own->x.at && r->x.count == own->x.count && r->x.of == own->x.of) {
        own->within = 2; /* by a function that calls this one */
        return r->status == DK_OK;
    }
    if (own->within) dkp_end_step(r);
    if (r->step < 0) r->step = 0;
    if (r->status != DK_OK || r->step >= r->steps) return 0;
    r->from = own->ended = r->to;
    r->to = r->aim = dkp_level(r, r->step + 1);
    own->stage = own->leaps = 0, own->drawn = -1, own->raised = dkr_zero;
    dkp_enter_phase(r, own->offset + r->step);
    if (dkp_quirk(r, DK_QUIRK_STRIDE)) dkp_count_timesteps(r);
    dkp_churn(r);
    own->within = 1, own->before = own->plan->rows + own->plan->calls, own->x = r->x;
    return 1;
}

static int dkp_goes_back(const dk_recorder *r, int i) {
    return r->falling && dkp_travels(r->config) &&
           dk_noise_level(dkp_plan_level(r, i + 1)) > dk_noise_level(dkp_plan_level(r, i));
}

/* Step i of the plan adds noise. */
static void dkp_go_back(dk_recorder *r, int i) {
    dk_level from = dkp_plan_level(r, i), to = dkp_plan_level(r, i + 1);
    const dk_config *c = r->config;
    int shift = c->grid.quirks & DK_QUIRK_REPAINT_NOISE ? dkp_table_size(&c->schedule) / r->own->layout.steps - 1 : 0;
    if (shift > 0 && from.sigma > 0) from = dkp_at_t(&c->schedule, from.t + shift);
    if (shift > 0) to = dkp_at_t(&c->schedule, to.t + shift);
    dk_vec draw = dkr_zero;
    r->own->offset = i, r->step = 0;
    r->x = dkp_keep_as(r, dkp_noised_up(r, r->x, &from, &to, &draw), 'x', i + 1);
}

static void dkp_default_sampler(dk_sampler *s);
static void dkp_record_from_data(dk_recorder *r);
static int dkp_leaves_data(const dk_recorder *r, const dk_level *from);

/* The sampler of a phase. */
static void dkp_take_sampler(dk_recorder *r, int k) {
    r->sampler = k ? *r->config->phases[k - 1].sampler : r->config->sampler;
    dkp_default_sampler(&r->sampler);
    if (!r->falling && r->sampler.churn > 0) dkr_refuse(r, "sampler.churn", r->sampler.churn, "0 on a rising grid");
}

/* Steps first .. end - 1 of the plan by one call of a recording function, which sees nothing of what was before. */
static void dkp_record_stretch(dk_recorder *r, int first, int end, dk_record_fn record) {
    r->own->offset = first, r->own->within = 0;
    r->steps = end - first, r->step = -1;
    r->from = r->to = dkp_level(r, 0), r->own->sampled = r->config->steps;
    for (int k = 0; k < r->config->phase_count; k++)
        if (r->config->phases[k].sampler) r->first = r->from, r->last = dkp_goal(r), r->own->sampled = r->steps;
    record(r);
    if (r->step < 0) dkr_refuse(r, "steps of sampler.record", 0, "at least 1: a loop over dkr_step");
    r->steps = end - first;
    while (r->status == DK_OK && r->step < r->steps) dkr_step(r); /* a recording function may stop early */
}

static void dkp_start_recorder(dk_recorder *r, dk_config *c) {
    dkp_recording *own = r->own;
    memset(own, 0, offsetof(dkp_recording, said));
    r->own = own;
    r->sampler = c->sampler, r->config = c, r->step = -1, own->guidance = c->guidance, own->lambda = -HUGE_VAL;
    own->layout = dkp_layout_of(c);
    r->first = r->from = r->to = r->aim = dk_grid_level(&own->layout, 0), r->last = dk_grid_level(&own->layout, c->steps);
    r->falling = !(dk_noise_level(r->last) > dk_noise_level(r->first));
}

/* A value that the caller gives. */
static int dkp_given_value(dk_recorder *r, char letter, dk_value_kind kind, int slot) {
    int value = dkp_new_value(r, letter, 0, -1);
    if (r->own->storing) r->own->plan->value[value].kind = (char)kind, r->own->plan->value[value].slot = slot;
    return value;
}

/* x, and where data are known those and the mask. */
static void dkp_give_values(dk_recorder *r) {
    const dk_config *c = r->config;
    r->x = dkp_vec(r, dkp_given_value(r, 'x', DK_VALUE_BUFFER, 0));
    r->own->plan->own.masked = !c->mask ? 0 : c->blend >= DK_BLEND_DENOISED ? 2 : 1;
    if (!c->mask) return;
    if (!r->falling) dkr_refuse(r, "grid.rising", 1, "0 where data are known (mask)");
    r->own->known = dkp_given_value(r, 'k', DK_VALUE_GIVEN, 0);
    r->own->mask = dkp_given_value(r, 'm', DK_VALUE_GIVEN, 1);
}

/* The initial state; noise that known data keep. */
static void dkp_record_start(dk_recorder *r) {
    const dk_config *c = r->config;
    const dkp_pace *pace = r->own->pace;
    int fixed = c->mask && (c->blend == DK_BLEND_FIXED || c->blend == DK_BLEND_BOTH);
    int starts = c->start != DK_START_STATE && (!pace || pace->phase == DKP_START);
    if (fixed && pace) dkr_refuse(r, "blend", c->blend, "state or denoised with step-size control");
    if (c->start == DK_START_NOISE && r->from.sigma <= 0)
        dkr_refuse(r, "start", c->start, "DK_START_STATE or DK_START_DATA on a grid that begins at sigma = 0");
    dk_vec z = (starts || fixed) && r->from.sigma > 0 ? dkp_draw(r, 0, r->from, r->from) : dkr_zero;
    if (fixed) r->own->fixed = z;
    if (!starts) return;
    z = dkr_scale(1 + c->start_excess, z);
    r->x = c->start == DK_START_DATA ? dkr_mix(r->from.alpha, r->x, r->from.sigma, z)
                                     : dkr_scale(dkp_or(c->start_scale, r->from.sigma), z);
    r->x = dkp_keep_as(r, r->x, 'x', 0);
}

/* Steps between levels that fall or rise by the recording function; from clean data and back up by others. */
static void dkp_record_steps(dk_recorder *r) {
    int steps = r->own->plan->steps;
    for (int i = 0, end; i < steps && r->status == DK_OK; i = end) {
        dk_level level = dkp_plan_level(r, i);
        int phase = dkp_sampler_phase(r, i);
        dkp_take_sampler(r, phase);
        int from_data = level.sigma <= 0 && !dkp_leaves_data(r, &level);
        end = i + 1;
        if (dkp_goes_back(r, i)) {
            dkp_go_back(r, i);
            continue;
        }
        while (end < steps && !from_data && !dkp_goes_back(r, end) && dkp_sampler_phase(r, end) == phase) end++;
        dkp_record_stretch(r, i, end, from_data ? dkp_record_from_data : r->sampler.record);
    }
}

/* The whole way, or, with pace, one attempt of a step. known: its levels, if there is memory for them. */
static void dkp_record_all(dk_recorder *r, dk_config *c, dk_plan *plan, const dkp_pace *pace,
                           const dk_plan *room, int known) {
    dkp_start_recorder(r, c);
    r->own->plan = plan, r->own->pace = pace, r->own->room = room, r->own->storing = room != NULL;
    plan->number = c->number, plan->own.hooked = c->guidance.hook != NULL;
    plan->own.guided = c->guidance.guider ? 1 + c->guidance.memory : 0;
    r->steps = plan->steps = pace ? 1 : dkp_way_steps(c);
    plan->levels = r->steps + 1, plan->draws = 1, plan->own.flow = dkp_flow_unit(&c->schedule);
    if (DKP_STORING(r, draws)) memset(plan->draw, 0, sizeof *plan->draw); /* nothing is drawn for a state that is given */
    for (int i = 0; i < plan->levels && !known; i++)
        plan->level[i] = !pace ? dkp_way_level(&r->own->layout, i) : i ? pace->to : pace->from;
    r->from = r->to = dkp_level(r, 0);
    dkp_take_sampler(r, dkp_sampler_phase(r, 0));
    dkp_give_values(r);
    dkp_record_start(r);
    if (!pace || pace->phase == DKP_PLAIN || pace->phase == DKP_ATTEMPT) dkp_record_steps(r);
    else dkp_record_measure(r);
    if (pace) dkp_check_attempt(r);
    r->own->position++;
    if (pace) dkp_use(r, 0, 1); /* the state that a rejected attempt goes back to */
    if (r->status == DK_OK) dkp_use(r, (int)r->x.at, 1);
    dkp_boundary(r, DK_BOUNDARY_END, 0);
    c->guidance = r->own->guidance;
}

/* ------------------------------------------------------------------------ >>samplers  Samplers */

/* Where to look. Euler, Heun and all tableaux: dkp_runge_kutta_step, in coordinates of dkp_point_at. DDIM, DDPM and Euler
   ancestral: dkp_record_ddim. DPM-Solver++ 2M and 3M, UniPC and their like: dkp_record_exponential_adams. LMS, PNDM and
   iPNDM: dkp_record_adams. DPM-Solver++ 2S: dkp_singlestep. Exponential Runge-Kutta: dkp_phi_step. EDM's churn is
   dkp_churn, before any sampler's step. The table of samplers at the end says what each name sets. examples/samplers.c has
   ten of them as in their papers.

   A recording function begins with dkr_reads. Its words: dkp_ddim_step, the first order step; dkp_noise_split and
   dkp_add_noise, a step down and noise back up; dkp_point_at and dkp_transfer, a gauge's coordinates and a step along a
   slope; dkp_gauge_lambda; dkp_average, the polynomial through past estimates. */

/* A Runge-Kutta tableau: row i, of i numbers, are the weights of the slopes 0 .. i - 1 for stage i; row `stages` is the
   result, the row after it that of the embedded method, if there is one. */
typedef struct dkp_tableau {
    int stages, embedded;
    double a[(DK_MAX_STAGES + 1) * (DK_MAX_STAGES + 2) / 2];
} dkp_tableau;

/* The same for an exponential method: its terms weight phi_k(-at h), and the columns through which a row goes, a bit each. */
typedef struct dkp_phi_term {
    unsigned char row, column, k;
    double weight, at;
} dkp_phi_term;
typedef struct dkp_phi_tableau {
    int stages, embedded, terms, given; /* given: column 0 is */
    double c[DK_MAX_STAGES + 2];        /* 1 for results */
    unsigned through[DK_MAX_STAGES + 2];
    dkp_phi_term term[64];
} dkp_phi_tableau;

/* Where row i begins. */
static int dkp_row(int i) { return i * (i - 1) / 2; }

static int dkp_put_phi(dkp_phi_tableau *m, int row, int column, int k, double weight, double at) {
    const dkp_phi_term term = {(unsigned char)row, (unsigned char)column, (unsigned char)k, weight, at};
    if (m->terms == DKP_COUNT(m->term)) return 0;
    m->term[m->terms++] = term;
    m->given |= column == 0;
    return 1;
}

/* Where noise injection splits a step: go down to `down` without noise, then add up * z. */
typedef struct dkp_split {
    dk_level down;
    double up;
} dkp_split;

/* In the flow gauge alpha + sigma stands for alpha: the peers' formulas for VE, applied to flow models, are this. */
static double dkp_gauge_alpha(const dk_recorder *r, const dk_level *l) {
    return r->sampler.gauge == DK_GAUGE_FLOW ? l->alpha + l->sigma : l->alpha;
}

/* Remembers the last: where a step ends the next one begins. */
static double dkp_gauge_lambda(dk_recorder *r, const dk_level *l) {
    double alpha = dkp_gauge_alpha(r, l), sigma = l->sigma;
    dk_level *last = &r->own->lambda_at;
    if (!(last->alpha >= alpha && last->alpha <= alpha && last->sigma >= sigma && last->sigma <= sigma)) {
        dk_level in_gauge = {0, alpha, sigma};
        *last = in_gauge, r->own->lambda = dk_lambda(in_gauge);
    }
    return r->own->lambda;
}

/* r = noise level after/before. All laws keep the marginal variance, sigma_down^2 + up^2 = sigma^2, except
   DDPM_LARGE and SDE_NOISE: see dk_noise_law. `down` has the alpha of the level to be reached; by ANCESTRAL in the flow
   gauge its alpha + sigma, and noise levels are the gauge's. */
static dkp_split dkp_split_between(dk_recorder *r, const dk_level *from, const dk_level *to, dk_noise_law law) {
    dkp_split split = {*to, 0};
    double eta = r->sampler.eta;
    if (law == DK_LAW_DEFAULT) law = DK_LAW_ANCESTRAL;
    if (dkp_quirk(r, DK_QUIRK_FRESH_PURE) && from->alpha <= 0 && eta > 0) eta = 1;
    int in_flow = r->sampler.gauge == DK_GAUGE_FLOW && law == DK_LAW_ANCESTRAL;
    double sigma = to->sigma, here = dk_noise_level(*to);
    if (eta <= 0 || sigma <= 0 || dkp_outside(here, r->sampler.noise_range)) return split;
    if (!r->falling) {
        dkr_refuse(r, "sampler.eta", eta, "0 on a rising grid");
        return split;
    }
    double ratio = here / dk_noise_level(*from);
    if (in_flow) ratio = sigma / dkp_gauge_alpha(r, to) * (dkp_gauge_alpha(r, from) / from->sigma);
    if (law == DK_LAW_SDE) {
        split.down.sigma = sigma * dkp_pow(ratio, eta);
    } else if (law == DK_LAW_FLOW) { /* SD3's and ComfyUI's rectified-flow ancestral step */
        double u = sigma / (to->alpha + sigma), before = from->sigma / (from->alpha + from->sigma);
        double down = u * (1 + (u / before - 1) * eta);
        split.down.sigma = down > 0 ? to->alpha * down / (1 - down) : 0;
    } else if (law == DK_LAW_FRESH) {
        split.down.sigma = eta < 1 ? (1 - eta) * sigma : 0;
    } else if (law == DK_LAW_TIME) {
        const dk_schedule *s = &r->config->schedule;
        double t = s->t_min + (eta < 1 ? 1 - eta : 0) * (to->t - s->t_min);
        double whole = floor(fabs(t) < 1e-9 ? 0 : t); /* timestep 0 that was computed lies on either side of 0 */
        double down = dk_noise_level(dkp_at_t(s, s->family == DK_FAMILY_VP_DISCRETE ? whole : t));
        if (down < here * (1 - 1e-9)) split.down.sigma = to->alpha * down;
    } else if (law == DK_LAW_SDE_NOISE && from->alpha > 0) {
        /* sigma_from would be `carried` if nothing were removed; sigma_down may fall below 0 */
        double carried = from->sigma * (to->alpha / from->alpha);
        split.down.sigma = sigma - eta * (carried - sigma);
        split.up = dkp_root(eta * (carried - sigma) * (carried + sigma));
        return split;
    } else { /* DDIM, Song et al. 2020, eq. 16 in terms of r; never more noise than the level has */
        double kept = 1 - (law == DK_LAW_ANCESTRAL ? eta * eta : 1) * (1 - ratio) * (1 + ratio);
        split.down.sigma = kept > 0 ? sigma * dkp_sqrt(kept) : 0;
        if (in_flow) split.down.alpha = dkp_gauge_alpha(r, to) - split.down.sigma;
    }
    double lowest = dk_noise_level(r->last) * to->alpha;
    if (dkp_quirk(r, DK_QUIRK_ABOVE_LAST) && split.down.sigma < lowest) split.down.sigma = lowest;
    split.up = dkp_root((sigma - split.down.sigma) * (sigma + split.down.sigma));
    if (law == DK_LAW_DDPM_LARGE) { /* variance of x_from given x_to: Ho et al. 2020, sec. 3.2 */
        double carried = from->alpha / to->alpha * sigma;
        split.up = eta * dkp_root((from->sigma - carried) * (from->sigma + carried));
    }
    return split;
}

/* Of this step. */
static dkp_split dkp_noise_split(dk_recorder *r) {
    return dkp_split_between(r, &r->from, &r->to, r->sampler.law);
}

/* Where noise behind a step begins: a level of the schedule. */
static void dkp_aim_at(dk_recorder *r, const dkp_split *split) {
    if (!(split->up > 0)) return;
    r->aim = dkp_at_sigma(&r->config->schedule, split->down.sigma > 0 ? dk_noise_level(split->down) : 0);
}

/* The first order step of every family, exact for constant D: DDIM, Song et al. 2020, eq. 12; DPM-Solver-1.
   Ends in alpha D at sigma = 0.
   With h the step in lambda the ratio is (alpha_to/alpha_from) exp(-h): so the factor of D is alpha_to (1 - exp(-h)). */
static dk_vec dkp_ddim_step(const dk_level *from, const dk_level *to, dk_vec x, dk_vec D) {
    double ratio = to->sigma / from->sigma;
    return dkr_mix(ratio, x, to->alpha - from->alpha * ratio, D);
}

/* What gives a step its direction: D, or, for CFG++ (Chung et al. 2024, alg. 1), the unconditional U; then
   alpha (D - U) at the step's end makes the guided D its target. */
static dk_vec dkp_direction(dk_recorder *r, dk_vec x, const dk_level *level, dk_vec *guidance) {
    const dk_level *told = dkp_quirk(r, DK_QUIRK_TOLD_END) ? &r->to : level;
    *guidance = dkr_zero;
    if (!r->sampler.cfg_pp) return dkr_denoise_told(r, x, *level, *told, NULL);
    dk_vec U, D = dkr_denoise_told(r, x, *level, *told, &U);
    *guidance = dkr_mix(1, D, -1, U);
    return U;
}

/* Exact steps for constant D are the same in every gauge but for what alpha is: in FLOW alpha + sigma. */
static void dkp_two_gauges(dk_recorder *r) {
    if (r->sampler.gauge > DK_GAUGE_FLOW) dkr_refuse(r, "sampler.gauge", (double)r->sampler.gauge, "default, ve or flow for this method");
}

/* DDIM, DDPM, Euler ancestral and the consistency samplers: down by DDIM, up by the noise law.

   Euler ancestral, for example. dkp_split_between gives k-diffusion's sigma_down and sigma_up. dkp_ddim_step is Euler's
   step x + (sigma_down - sigma) (x - D)/sigma, since both are exact for constant D. DDIM's eta is the same split: its
   eq. 16 is sigma_up for VP. */
static void dkp_record_ddim(dk_recorder *r) {
    dkr_reads(r, "gauge cfg_pp law eta noise_min noise_max fresh_pure stride told_end kept_noise dry_bottom");
    dkp_two_gauges(r);
    while (dkr_step(r)) {
        dkp_split split = dkp_noise_split(r);
        dkp_aim_at(r, &split);
        dk_vec guidance, D = dkp_direction(r, r->x, &r->from, &guidance);
        dk_vec x = dkp_quirk(r, DK_QUIRK_KEPT_NOISE) ? dkr_mix(r->to.alpha, D, split.down.sigma, r->own->noise)
                                                    : dkp_ddim_step(&r->from, &split.down, r->x, D);
        if (dkp_quirk(r, DK_QUIRK_DRY_BOTTOM) && r->step == r->steps - 1) split.up = 0;
        r->x = dkp_add_noise(r, dkr_mix(1, x, r->to.alpha, guidance), split.up);
    }
}

/* The noise that the network told at sigma = 0, where it was asked last. */
static dk_vec dkp_noise_in(dk_recorder *r, const dk_level *l) {
    const dk_term *t;
    dk_term value;
    for (int i = dkp_terms(r->own->noise, &value, &t); i > 0; i--)
        if (!dkp_finite((t++)->c))
            dkp_refuse_at(
                r, "prediction: x0 and score cannot give the noise where sigma = 0 (use eps, v or velocity)", l);
    return r->own->noise;
}

/* The step from clean data, for samplers that cannot make it: alpha D + sigma N, with the noise N that the network tells, since D,
   which is the data, says nothing. */
static void dkp_record_from_data(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_vec guidance, D = dkp_direction(r, r->x, &r->from, &guidance), N = dkp_noise_in(r, &r->from);
        r->x = dkp_add(dkr_mix(r->to.alpha, D, r->to.sigma, N), dkr_scale(r->to.alpha, guidance));
    }
}

/* Past estimates, newest first, and where each was taken on the axis of interpolation. */
enum { DKP_MAX_ORDER = 8 };
typedef struct dkp_history {
    int count;
    double at[DKP_MAX_ORDER + 1];
    dk_vec v[DKP_MAX_ORDER + 1];
} dkp_history;

static void dkp_push(dkp_history *past, double at, dk_vec v) {
    if (past->count <= DKP_MAX_ORDER) past->count++;
    for (int i = past->count - 1; i > 0; i--) past->at[i] = past->at[i - 1], past->v[i] = past->v[i - 1];
    past->at[0] = at, past->v[0] = v;
}

/* Moments 1 and 2 where a published method does not take the exact ones; see dk_rule. H is the step's exponent. */
static void dkp_apply_rule(const dk_recorder *r, int n, double H, double *moment) {
    dk_rule rule = r->sampler.rule;
    if (n == 2 && (rule == DK_RULE_DPM || rule == DK_RULE_BH2)) moment[1] = 0.5; /* the value at the middle */
    if (n == 2 && (rule == DK_RULE_BH1 || rule == DK_RULE_SA)) moment[1] = 0.5 * H / -dkp_expm1(-H);
    if (n == 3 && dkp_quirk(r, DK_QUIRK_THIRD_MINUS)) moment[2] += 2 / dkp_expm1(-H);
    if (n == 3 && (rule == DK_RULE_DPM || rule == DK_RULE_DPM_TAYLOR)) moment[2] *= 0.5;
    if (rule == DK_RULE_GRADIENT) moment[1] = r->sampler.gamma - 1;
}

/* Whether steps count as equally long. */
static int dkp_even(const dk_recorder *r) {
    return r->sampler.rule == DK_RULE_UNIFORM || r->sampler.rule == DK_RULE_GRADIENT;
}

/* The average over the step of the polynomial through the newest n vectors. The step runs from axis value `from`
   over `span`; H is the exponent of the weight, 0 for classical methods. This one formula is Adams, DPM-Solver
   multistep, UniP and UniC, RES, DEIS in rho and log rho, and SA-Solver: their rules differ in the moments alone. */
static dk_vec dkp_average(const dk_recorder *r, const dkp_history *past, int n, double from, double span,
                          double H) {
    enum { MOST = DKP_MAX_ORDER + 1 };
    dk_rule rule = r->sampler.rule;
    int even = dkp_even(r) && !(n == 2 && dkp_quirk(r, DK_QUIRK_IPNDM_V)), omit = -1, count = 0, at[MOST];
    int twice = dkp_quirk(r, DK_QUIRK_PAST_TWICE); /* node 2 weighs slope 1, and so on */
    double node[MOST], basis[MOST], moment[MOST] = {0}, weight[MOST] = {0};
    dk_vec other;
    if (!(fabs(span) > 0)) return past->v[0]; /* a step that goes nowhere */
    int ahead = (past->at[0] - from) / span > 1e-9; /* a corrector's or a singlestep method's newest node lies in the step */
    if (dkp_other_average(r, past, n, from, span, &other)) return other;
    if (rule == DK_RULE_DPM && n == 3 && ahead) omit = 1; /* DPM-Solver-3: the line through first and last */

    /* where the nodes stand, in units of the step from its start */
    for (int j = 0; j < n; j++)
        if (j != omit) node[count] = even ? ahead - j : (past->at[j] - from) / span, at[count++] = j - (twice && j > 1);
    dkp_moments(H, count, moment);
    dkp_apply_rule(r, n, H, moment);

    /* the average of s^i is moment i, so a node's weight is its Lagrange polynomial's average */
    for (int j = 0; j < count; j++) {
        dkp_lagrange(node, count, j, basis);
        for (int i = 0; i < count; i++) weight[at[j]] += basis[i] * moment[i];
    }
    return dkp_sum(n, weight, past->v);
}

/* Whether the step ends in alpha D, whatever the state and the past are. */
static int dkp_ends_in_D(const dk_recorder *r) { return r->to.sigma <= 0 && !(r->sampler.plain_last > 0); }

/* How many of the wanted nodes may be used: those that there are, and, with lower_order_final, no more than steps are
   left before sigma = 0, and `more`. */
static int dkp_nodes(const dk_recorder *r, int wanted, int have, int more) {
    int left = r->steps - r->step + more;
    if (r->own->leaps || (dkp_quirk(r, DK_QUIRK_EULER_LAST) && left < 2)) wanted = 1;
    int to_zero = dkp_goal(r).sigma <= 0;
    if (!dkp_quirk(r, DK_QUIRK_COUNT_LAST) && to_zero) left--;
    if (dkp_quirk(r, DK_QUIRK_LOWER_TO_ZERO) && !to_zero) left = wanted;
    if (r->sampler.lower_order_final && left < wanted) wanted = left > 1 ? left : 1;
    return wanted < have ? wanted : have;
}

/* Where a level stands in a gauge: X = x/scale, and the probability-flow ODE is dX/du = p x + q D; where sigma = 0,
   p N + q D with the noise N that the network tells. */
typedef struct dkp_point {
    double u, scale, p, q;
} dkp_point;

static dk_gauge dkp_gauge(const dk_recorder *r) { /* the same for the whole run */
    dk_gauge gauge = r->sampler.gauge;
    if (gauge != DK_GAUGE_DEFAULT && gauge != DK_GAUGE_PSEUDO) return gauge;
    int pure_noise = r->first.alpha <= 0 || r->last.alpha <= 0;
    return dkp_flow_unit(&r->config->schedule) || pure_noise ? DK_GAUGE_FLOW : DK_GAUGE_VE;
}

/* In x = a x0 + b eps the ODE is dx/du = a' D + b' N = (b'/b) x + (a' - a b'/b) D. */
static dkp_point dkp_point_at(const dk_recorder *r, const dk_level *l) {
    dk_gauge gauge = dkp_gauge(r);
    dkp_point at = {0, 1, 0, 0};
    if (gauge == DK_GAUGE_NATIVE) {
        dk_level slope = dkp_slope_at(&r->config->schedule, l->t);
        at.u = l->t, at.p = slope.sigma, at.q = slope.alpha;
        if (l->sigma > 0) at.p /= l->sigma, at.q -= l->alpha * at.p;
    } else if (gauge == DK_GAUGE_VP) {
        at.u = dkp_angle(*l), at.scale = dkp_sqrt(l->alpha * l->alpha + l->sigma * l->sigma);
        at.p = 1;
        if (l->sigma > 0) /* cot u/scale, -1/sin u */
            at.p = l->alpha / l->sigma / at.scale, at.q = -at.scale / l->sigma;
    } else {
        at.scale = gauge == DK_GAUGE_FLOW ? l->alpha + l->sigma : l->alpha;
        at.u = dkp_over(l->sigma, at.scale), at.p = 1, at.q = gauge == DK_GAUGE_FLOW ? -1 : 0;
        if (l->sigma > 0) at.p = 1 / l->sigma, at.q = -1 / at.u;
    }
    return at;
}

static dk_level dkp_level_in_gauge(const dk_recorder *r, double u) {
    static const dk_unit unit[] = {DK_UNIT_DEFAULT, DK_UNIT_SIGMA, DK_UNIT_FLOW, DK_UNIT_ANGLE, DK_UNIT_T};
    return dk_level_at(&r->config->schedule, unit[dkp_gauge(r)], u);
}

/* A share of the way through the step in t. */
static dk_level dkp_level_in_time(const dk_recorder *r, double share) {
    return dkp_at_t(&r->config->schedule, r->from.t + share * (r->aim.t - r->from.t));
}

/* Whether a step in the gauge is of finite length; one that is not is refused. */
static int dkp_has_length(dk_recorder *r, double h) {
    if (!dkp_finite(h)) dkp_refuse_at(r, "sampler.gauge: a coefficient is not finite", &r->from);
    return dkp_finite(h);
}

/* From the state x at `from` along a slope, times its share of the step h: straight in the gauge's coordinates; or, for
   pseudo numerical methods (Liu et al. 2022, eq. 11), by DDIM with the D that has this slope. In VE and flow these are
   the same. */
static dk_vec dkp_transfer(const dk_recorder *r, const dk_level *from, const dk_level *to, dk_vec x, double h,
                           double share, dk_vec slopes) {
    dkp_point a = dkp_point_at(r, from), b = dkp_point_at(r, to);
    if (r->sampler.gauge != DK_GAUGE_PSEUDO) return dkr_scale(b.scale, dkr_mix(1 / a.scale, x, h, slopes));
    return dkp_ddim_step(from, to, x, dkr_mix(1 / (share * a.q), slopes, -a.p / a.q, x));
}

/* dX/du at the state x; where sigma = 0 that is the data. */
static dk_vec dkp_slope(dk_recorder *r, const dk_level *l, dk_vec x, dk_vec D) {
    dkp_point at = dkp_point_at(r, l);
    return l->sigma > 0 ? dkr_mix(at.p, x, at.q, D) : dkr_mix(at.p, dkp_noise_in(r, l), at.q / l->alpha, x);
}

/* Whether D is changed after guidance. */
static int dkp_limits_D(const dk_recorder *r, const dk_guidance *g) {
    return r->own->plan->own.masked > 1 || r->config->clip > 0 || g->quantile > 0 || g->hook;
}

/* Whether the slope at sigma = 0 can be asked for: the network was trained there, tells the noise, and alone decides on D.
   Else a step that ends there is the first order one, x = alpha D. */
static int dkp_knows_data(const dk_recorder *r, const dk_level *end) {
    const dk_config *c = r->config;
    const dk_guidance *g = &c->guidance;
    const dk_schedule *s = dkp_network_schedule(c);
    if (dk_level_at(s, DK_UNIT_T, s->t_min).sigma > 0 || dkp_limits_D(r, g) || r->sampler.cfg_pp ||
        g->schedule || g->space || g->projected)
        return 0;
    dkp_model m = dkp_model_at(c, end, end);
    dkp_point at = dkp_point_at(r, end);
    return dkp_finite(m.condition) && dkp_finite(m.d_x) && dkp_finite(m.n_x) && dkp_finite(m.n_f) &&
           dkp_finite(at.p) && dkp_finite(at.q);
}

/* One explicit Runge-Kutta step in the gauge, down to r->aim. D0: D where it begins; zero: it is evaluated. Returns the
   first slope.

   Heun, for example, whose tableau is "1 | 1/2 1/2". In VE dX/du = (X - D)/u, so K_0 and K_1 are d and d' of Karras et
   al. 2022, alg. 1, lines 4 and 7, and the two calls of dkp_transfer are its lines 5 and 8. Euler is "1": K_0 alone. */
static dk_vec dkp_runge_kutta_step(dk_recorder *r, const dkp_tableau *tableau, dk_vec D0) {
    const dk_sampler *s = &r->sampler;
    const dk_level end = r->aim;
    int first_order = end.sigma <= 0 && (s->warmup || dkp_quirk(r, DK_QUIRK_EULER_TO_DATA) ||
                                         !(s->plain_last > 0 || dkp_knows_data(r, &end)));
    int stages = first_order ? 1 : tableau->stages, plain = end.sigma > 0 || stages > 1 || s->plain_last > 0;
    int noisy = end.sigma < r->to.sigma, pseudo = r->sampler.gauge == DK_GAUGE_PSEUDO;
    double u = dkp_point_at(r, &r->from).u, last = dkp_point_at(r, &end).u, h = dkp_finite(u) ? last - u : u;
    if (!dkp_has_length(r, plain ? h : u)) return dkr_zero;
    dk_vec K[DK_MAX_STAGES], D = dkr_zero; /* a slope that is not taken is zero */
    memset(K, 0, sizeof K);
    for (int i = 0; i < stages; i++) {
        double c = 0;
        unsigned at_first = r->own->end;
        const double *a = &tableau->a[dkp_row(i)];
        for (int j = 0; j < i; j++) c += a[j];
        dk_level level = i == 0                          ? r->from
                         : fabs(c - 1) < 1e-12 && !noisy ? r->to
                         : pseudo                        ? dkp_level_in_time(r, c)
                                                         : dkp_level_in_gauge(r, u + c * h);
        dk_vec x = r->x;
        if (i > 0) x = dkp_transfer(r, &r->from, &level, x, h, c, dkp_sum(i, a, K));
        D = i > 0 ? dkr_denoise(r, x, level) : D0.of ? D0 : dkp_denoise_first(r);
        K[i] = dkp_forget_but(r, at_first, dkp_slope(r, &level, x, D));
    }
    dk_vec sum = stages > 1 ? dkp_sum(stages, &tableau->a[dkp_row(stages)], K) : K[0];
    dk_vec x =
        plain ? dkp_transfer(r, &r->from, &end, r->x, h, 1, sum) : dkp_ddim_step(&r->from, &end, r->x, D);
    r->x = dkp_judge_runge_kutta(r, tableau, h, K, x);
    return K[0];
}

/* The sampler's own; where it cannot be read, of one stage. */
static void dkp_read_tableau(dk_recorder *r, dkp_tableau *tableau) {
    tableau->stages = 1, tableau->embedded = 0;
    if (r->status == DK_OK) r->status = dkp_parse_tableau(r->sampler.tableau, tableau, r->config->message);
}

/* Where noise behind a Runge-Kutta step begins: r->aim, a level of the schedule. The flow gauge is a coordinate here, so that it
   changes nothing about the noise. */
static dkp_split dkp_runge_kutta_split(dk_recorder *r) {
    const dk_gauge gauge = r->sampler.gauge;
    if (r->sampler.law == DK_LAW_SDE_NOISE) dkr_refuse(r, "sampler.law", r->sampler.law, "another than sde_noise for this method");
    r->sampler.gauge = DK_GAUGE_DEFAULT;
    dkp_split split = dkp_noise_split(r);
    r->sampler.gauge = gauge;
    dkp_aim_at(r, &split);
    return split;
}

/* A step down to there, and noise back up. */
static void dkp_runge_kutta_and_noise(dk_recorder *r, const dkp_tableau *tableau, dkp_split split) {
    dkp_runge_kutta_step(r, tableau, dkr_zero);
    if (r->aim.sigma < r->to.sigma)
        r->x = dkp_add_noise(r, dkr_scale(split.down.alpha / r->aim.alpha, r->x), split.up);
}

#define DKP_READS_RUNGE_KUTTA "gauge plain_last euler_to_data law eta noise_min noise_max"

/* A multistep run: classical in a gauge, or exponential in lambda. */
typedef struct dkp_multistep {
    int classical;
    dkp_history past;   /* what is interpolated: slopes, or D or the noise, and where on the axis */
    dk_vec D, U;        /* newest; U is D but for CFG++ */
    dk_level from, to;  /* of the last step, which the corrector repeats, */
    dk_vec x, noise;    /* its state at the start, and the noise behind it, */
    dkp_split split;
    double up;          /* which went so far back on the axis */
} dkp_multistep;

static double dkp_axis(dk_recorder *r, int classical, const dk_level *l) {
    return classical ? dkp_point_at(r, l).u : dkp_gauge_lambda(r, l);
}

/* The noise in the state x, by noise_prediction; or D. */
static dk_vec dkp_noise_or_D(const dk_recorder *r, const dk_level *l, dk_vec x, dk_vec D) {
    return r->sampler.noise_prediction ? dkr_mix(1 / l->sigma, x, -dkp_gauge_alpha(r, l) / l->sigma, D) : D;
}

/* What is interpolated: the slope in the gauge; the noise; or D. */
static dk_vec dkp_interpolant(dk_recorder *r, int classical, const dk_level *l, dk_vec D) {
    if (classical) return dkr_keep(r, dkp_slope(r, l, r->x, D));
    return dkr_keep(r, dkp_noise_or_D(r, l, r->x, D));
}

/* X moves along the average of its slopes. The last step is mostly longer than those before it, which is no good to a
   polynomial: to sigma = 0 it is the first order one, or, by plain_last, a mixture of both. */
static dk_vec dkp_classical_step(dk_recorder *r, const dkp_multistep *m, int nodes) {
    const dk_level *from = &m->from, *down = &m->split.down;
    double start = dkp_point_at(r, from).u, h = dkp_point_at(r, down).u - start;
    int pure = dkp_point_at(r, from).scale <= 0;
    double share = pure ? 0 : m->to.sigma > 0 ? 1 : r->sampler.plain_last;
    if (pure && dkp_quirk(r, DK_QUIRK_PURE_ZERO)) return dkp_ddim_step(from, down, m->x, dkr_zero);
    if (!(share > 0)) return dkp_ddim_step(from, down, m->x, m->D);
    if (!dkp_has_length(r, h)) return dkr_zero;
    dk_vec x = dkp_transfer(r, from, down, m->x, h, 1, dkp_average(r, &m->past, nodes, start, h, 0));
    return share < 1 ? dkr_mix(share, x, 1 - share, dkp_ddim_step(from, down, m->x, m->D)) : x;
}

/* The exact solution for a polynomial D: DDIM's step with the average of D under the weight exp(lambda) in place of D
   (Lu et al. 2022b, eq. 9), or likewise in the noise (Lu et al. 2022, eq. 3.4). An SDE's polynomial is averaged up to
   the step's end, in the noise with the ODE's weight; other laws take an ODE's step to sigma_down. */
static dk_vec dkp_exponential_step(dk_recorder *r, const dkp_multistep *m, int nodes) {
    const dk_level *from = &m->from, *down = &m->split.down;
    dk_noise_law law = r->sampler.law;
    double start = dkp_gauge_lambda(r, from), H = dkp_gauge_lambda(r, down) - start, h = H;
    if (law == DK_LAW_SDE || law == DK_LAW_SDE_NOISE) h = dkp_gauge_lambda(r, &m->to) - start;
    if (law == DK_LAW_SDE_NOISE) H = h;
    if (!dkp_finite(h)) return dkp_ddim_step(from, down, m->x, m->D);
    int noise = r->sampler.noise_prediction;
    dk_vec average = nodes < 2 && !noise ? m->D : dkp_average(r, &m->past, nodes, start, h, noise ? -H : H);
    if (!noise) return dkp_ddim_step(from, down, m->x, average);
    double ratio = dkp_gauge_alpha(r, down) / dkp_gauge_alpha(r, from);
    return dkr_mix(ratio, m->x, down->sigma - from->sigma * ratio, average);
}

/* The step from m->from to m->to by the newest nodes, and the noise behind it. */
static dk_vec dkp_multistep_step(dk_recorder *r, const dkp_multistep *m, int nodes) {
    return dkp_add(m->classical ? dkp_classical_step(r, m, nodes) : dkp_exponential_step(r, m, nodes), m->noise);
}

/* D at r->x. For CFG++ (Chung et al. 2024, alg. 1) the state moves by alpha (D - U): there the guided D leaves the
   noise that the unconditional U leaves here. */
static void dkp_multistep_estimate(dk_recorder *r, dkp_multistep *m) {
    double alpha = dkp_gauge_alpha(r, &r->from);
    m->D = dkr_denoise_told(r, r->x, r->from, r->from, r->sampler.cfg_pp ? &m->U : NULL);
    if (r->sampler.cfg_pp) r->x = dkr_keep(r, dkp_add(r->x, dkr_mix(alpha, m->D, -alpha, m->U)));
    else m->U = m->D;
}

/* Repeats the last step with the new node. */
static void dkp_multistep_correct(dk_recorder *r, dkp_multistep *m) {
    const dk_sampler *s = &r->sampler;
    int unipc = s->rule == DK_RULE_BH1 || s->rule == DK_RULE_BH2;
    int more = unipc || dkp_quirk(r, DK_QUIRK_COUNT_LAST); /* one node more than the predictor had */
    dk_vec x = dkp_multistep_step(r, m, dkp_nodes(r, s->corrector, m->past.count, 1 + more));
    r->x = dkr_keep(r, dkr_corrected(r, x));
    if (!s->pece) return;
    dkp_multistep_estimate(r, m);
    m->past.v[0] = dkp_interpolant(r, m->classical, &r->from, m->D);
}

/* One step by what has been evaluated so far. */
static void dkp_multistep_predict(dk_recorder *r, dkp_multistep *m) {
    const dk_sampler *s = &r->sampler;
    int nodes = dkp_nodes(r, s->order, m->past.count, 0), in_D = !m->classical && !s->noise_prediction;
    if (!(m->classical && dkp_even(r)) && !dkp_finite(m->past.at[0]))
        m->past.count = 0, nodes = 1; /* no interpolation across an infinite gap */
    if (in_D && nodes > 1 && dkp_quirk(r, DK_QUIRK_UNCOND_PAST)) m->past.v[0] = m->U;
    m->from = r->from, m->to = r->to, m->x = r->x, m->split = dkp_noise_split(r);
    m->noise = dkp_add_noise(r, dkr_zero, m->split.up);
    r->x = dkp_multistep_step(r, m, nodes);
    if (in_D) m->past.v[0] = m->U;
    m->up = 0;
    if (m->split.up > 0 && s->law != DK_LAW_SDE && s->law != DK_LAW_SDE_NOISE)
        m->up = dkp_gauge_lambda(r, &r->to) - dkp_gauge_lambda(r, &m->split.down);
    if (!dkp_finite(m->up)) m->past.count = 0, m->up = 0; /* all noise is new */
}

/* A step is evaluated where it begins; that may correct the step before. Nodes lie on the way that the last step went without
   noise; afterwards all of it goes back up with the state, which the noise brought there. */
static void dkp_record_multistep(dk_recorder *r, int classical) {
    const dk_sampler *s = &r->sampler;
    int warmup = classical && s->warmup <= r->steps ? s->warmup : 0, uncorrected = dkp_uncorrected(r, warmup);
    dkp_tableau tableau;
    dkp_multistep m;
    memset(&m, 0, sizeof m);
    m.classical = classical;
    if (s->rule != DK_RULE_GRADIENT && fabs(s->gamma) > 0)
        dkr_refuse(r, "sampler.gamma", s->gamma, "0 but for rule = gradient");
    if (warmup) dkp_read_tableau(r, &tableau);
    for (int i = 0; i < warmup && dkr_step(r); i++) {
        dk_vec slope = dkp_runge_kutta_step(r, &tableau, dkr_zero);
        dkp_push(&m.past, dkp_axis(r, 1, &r->from), dkr_keep(r, slope));
    }
    while (dkr_step(r)) {
        double here = dkp_axis(r, classical, &r->from);
        dkp_multistep_estimate(r, &m);
        if (!dkp_ends_in_D(r) || s->pece) {
            dkp_push(&m.past, here - m.up, dkp_interpolant(r, classical, &r->from, m.D));
            if (s->corrector && r->step > uncorrected && m.past.count > 1) dkp_multistep_correct(r, &m);
            for (int i = 1; i < m.past.count; i++) m.past.at[i] += m.up;
            m.past.at[0] = here;
        }
        dkp_multistep_predict(r, &m);
    }
}

/* Exponential Adams: D (or the noise) is interpolated in lambda, the linear part is solved exactly. DPM-Solver++
   2M and 3M and their SDE forms (Lu et al. 2022b, alg. 2, eq. 14), UniPC (Zhao et al. 2023, alg. 1: the corrector
   repeats the last step with the new estimate, at no further evaluation), RES multistep (Zhang et al. 2023),
   SA-Solver (Xue et al. 2023, alg. 1: the corrector keeps the predictor's noise) and its PECE form.

   DPM-Solver++ 2M, for example. dkp_record_multistep has D_i at lambda_i. dkp_exponential_step makes DDIM's step with the
   average of the line through D_i and D_i-1 in place of D. By rule DPM dkp_average takes that line at the middle of the
   step: (1 + 1/(2r)) D_i - 1/(2r) D_i-1 with r = h_i/h_i+1, as in alg. 2.

   UniPC. dkp_multistep_predict makes UniP's step with `order` nodes. Behind the next evaluation dkp_multistep_correct is
   UniC: it makes the same step again, from the same state, with the new estimate as one node more. dkp_average gives the
   exact weights, and dkp_apply_rule UniPC's own where there are two nodes. */
static void dkp_record_exponential_adams(dk_recorder *r) {
    dkr_reads(r, "order rule gamma gauge noise_prediction cfg_pp corrector pece lower_order_final law eta "
                 "noise_min noise_max "
                 "count_last euler_last dpm_v2 uncond_past uncorrected stride third_minus lower_to_zero");
    dkp_two_gauges(r);
    if (!r->sampler.law) r->sampler.law = r->sampler.noise_prediction ? DK_LAW_SDE_NOISE : DK_LAW_SDE;
    dkp_record_multistep(r, 0);
}

/* Adams-Bashforth in the gauge: the slope is interpolated in u; with a corrector Adams-Bashforth-Moulton. LMS
   (k-diffusion), DEIS in rho (Zhang & Chen 2022), PNDM and PLMS (Liu et al. 2022, with weights for equal steps and a
   Runge-Kutta warm-up), iPNDM (the same without), gradient estimation (Permenter & Yuan 2023). */
static void dkp_record_adams(dk_recorder *r) {
    dkr_reads(r, "order rule gamma gauge cfg_pp tableau warmup corrector pece lower_order_final plain_last "
                 "count_last euler_last ipndm_v uncorrected pure_zero past_twice");
    if (r->sampler.rule > DK_RULE_EXACT && !dkp_even(r))
        dkr_refuse(r, "sampler.rule", (double)r->sampler.rule, "default, exact, uniform or gradient for this method");
    if (dkp_quirk(r, DK_QUIRK_IPNDM_V) && r->sampler.order > 4)
        dkr_refuse(r, "sampler.order", r->sampler.order, "0 .. 4 with ipndm_v");
    dkp_record_multistep(r, 1);
}

/* ER-SDE's noise scaler: how the diffusion grows with the noise level; Cui et al. 2023, eq. 24, at eta = 1. At 0 it is the
   ODE's. */
static double dkp_er_scaler(const dk_recorder *r, double level) {
    double eta = r->sampler.eta, growth = dkp_exp(dkp_pow(level, 0.3)) + 10;
    if (dkp_quirk(r, DK_QUIRK_ER_POWER)) return dkp_pow(level, eta + 1);
    return level * (eta >= 1 && eta <= 1 ? growth : dkp_pow(growth, eta));
}

/* Over the step from noise level `from` to `to`: the integral of scaler(to)/scaler, and of that times the distance from the
   step's start, as sums over 200 points, as the paper takes them. */
static void dkp_er_integrals(const dk_recorder *r, double from, double to, double *integral, double *moment) {
    const int points = 200;
    double h = to - from, scale = dkp_er_scaler(r, to);
    *integral = *moment = 0;
    for (int i = 0; i < points; i++) {
        double at = to - i * h / points, inverse = 1 / dkp_er_scaler(r, at);
        *integral -= inverse * h / points, *moment -= (at - from) * inverse * h / points;
    }
    *integral *= scale, *moment *= scale;
}

/* ER-SDE-Solver 1 to 3, Cui et al. 2023, alg. 1-3, in noise levels: a Taylor expansion of D. */
static void dkp_record_er_sde(dk_recorder *r) {
    dkr_reads(r, "order eta er_power");
    dk_vec D1 = dkr_zero, slope1 = dkr_zero;
    double before = 0, before2 = 0;
    if (!r->falling) dkr_refuse(r, "grid.rising", 1, "0: the SDE runs towards data");
    if (r->sampler.order > 3) dkr_refuse(r, "sampler.order", r->sampler.order, "0 .. 3 for this method");
    for (int have = 0; dkr_step(r); have++) {
        double here = dk_noise_level(r->from), next = dk_noise_level(r->to), alpha = r->to.alpha;
        dk_vec D = dkr_denoise(r, r->x, r->from), slope = dkr_zero;
        if (r->to.sigma <= 0 || !dkp_finite(here)) { /* pure noise is forgotten at once */
            r->x = r->sampler.eta > 0 ? dkp_add_noise(r, dkr_scale(alpha, D), r->to.sigma)
                                      : dkp_ddim_step(&r->from, &r->to, r->x, D);
            have = -1;
            continue;
        }
        if (r->own->leaps) have = 0;
        double kept = dkp_er_scaler(r, next) / dkp_er_scaler(r, here), h = next - here, integral, moment;
        dkp_er_integrals(r, here, next, &integral, &moment);
        dk_vec x = dkr_mix(kept * alpha / r->from.alpha, r->x, alpha * (1 - kept), D);
        if (have > 0 && r->sampler.order > 1) {
            slope = dkr_keep(r, dkr_mix(1 / (here - before), D, -1 / (here - before), D1));
            x = dkr_mix(1, x, alpha * (h + integral), slope);
        }
        if (have > 1 && r->sampler.order > 2) {
            double c = 2 / (here - before2) * alpha * (0.5 * h * h + moment);
            x = dkp_add(x, dkr_mix(c, slope, -c, slope1));
        }
        double variance = next * next - here * here * kept * kept;
        r->x = dkp_add_noise(r, x, variance > 0 && r->sampler.eta > 0 ? alpha * dkp_sqrt(variance) : 0);
        D1 = D, slope1 = slope, before2 = before, before = here;
    }
}

static void dkp_record_runge_kutta(dk_recorder *r) {
    dkp_tableau tableau;
    dkp_read_tableau(r, &tableau);
    /* of a controlled step the last slope is the next one's first, without noise between them */
    dkr_reads(r, r->own->pace ? "tableau gauge plain_last euler_to_data order" : "tableau " DKP_READS_RUNGE_KUTTA);
    while (dkr_step(r)) dkp_runge_kutta_and_noise(r, &tableau, dkp_runge_kutta_split(r));
}

/* Whether the sampler itself makes the step from clean data. */
static int dkp_leaves_data(const dk_recorder *r, const dk_level *from) {
    return r->sampler.record == dkp_record_runge_kutta && r->sampler.gauge != DK_GAUGE_PSEUDO &&
           !dkp_quirk(r, DK_QUIRK_EULER_TO_DATA) && dkp_knows_data(r, from);
}

/* Second order with the second evaluation at alpha of the step; Karras et al. 2022, alg. 3. It integrates in the
   schedule's own t: on VP discrete, whose slopes jump at every timestep, it has no order beyond those jumps. */
static void dkp_record_edm(dk_recorder *r) {
    double at = r->sampler.alpha[0];
    const dkp_tableau tableau = {2, 0, {at, 1 - 0.5 / at, 0.5 / at}};
    dkr_reads(r, "alpha " DKP_READS_RUNGE_KUTTA);
    if (!(at > 0 && at <= 1)) dkr_refuse(r, "sampler.alpha", at, "> 0 and <= 1");
    while (dkr_step(r)) dkp_runge_kutta_and_noise(r, &tableau, dkp_runge_kutta_split(r));
}

/* DPM2: the midpoint method with its middle at the geometric mean of the noise levels, as in k-diffusion. There is none
   between a level and sigma = 0: that step is Euler's. */
static void dkp_record_dpm2(dk_recorder *r) {
    dkr_reads(r, "gauge law eta noise_min noise_max dry_bottom");
    while (dkr_step(r)) {
        dkp_split split = dkp_runge_kutta_split(r);
        double u = dkp_point_at(r, &r->from).u, last = dkp_point_at(r, &r->aim).u;
        double at = dkp_finite(u) && last > 0 ? (dkp_sqrt(u * last) - u) / (last - u) : 0;
        const dkp_tableau middle = {r->aim.sigma > 0 ? 2 : 1, 0, {at, 0, 1}};
        if (!(r->aim.sigma > 0) && dkp_quirk(r, DK_QUIRK_DRY_BOTTOM)) split.up = 0;
        dkp_runge_kutta_and_noise(r, &middle, split);
    }
}

/* score = (alpha D - x)/sigma^2 */
static dk_vec dkp_score(const dk_level *l, dk_vec x, dk_vec D) {
    double variance = l->sigma * l->sigma;
    return dkr_mix(-1 / variance, x, l->alpha / variance, D);
}

/* Langevin steps x + h score + sqrt(2h) z at one level. h = 2 (a snr |z|/|score|)^2 per sample, Song et al. 2021,
   alg. 4-5, or, annealed, in proportion to sigma^2. Pure noise (alpha = 0) has none. */
static void dkp_langevin(dk_recorder *r, double a) {
    const dk_reverse_sde *sde = &r->sampler.sde;
    double snr = sde->snr, h = 0.5 * sde->langevin_step * dkp_pow(a * r->from.sigma, 2);
    int steps = r->from.alpha > 0 ? sde->langevin_steps : 0;
    if (sde->langevin_step > 0 && snr > 0) dkr_refuse(r, "sampler.snr", snr, "0 with langevin_step, which stands instead of it");
    for (int k = 0; k < steps; k++) {
        dk_vec score = dkp_score(&r->from, r->x, dkr_denoise(r, r->x, r->from));
        if (sde->langevin_step > 0) {
            r->x = dkr_keep(r, dkp_add_noise_between(r, dkr_mix(1, r->x, h, score), dkp_sqrt(2 * h), &r->from, &r->from));
            continue;
        }
        score = dkr_keep(r, score);
        dk_vec z = dkr_noise(r, r->from, r->from);
        int ratio = dkr_norm_ratio(r, z, score);
        r->x = dkp_add(r->x, dkr_scale_by(2 * a * a * snr * snr, ratio, 2, score));
        r->x = dkr_keep(r, dkp_add(r->x, dkr_scale_by(2 * a * snr * dkp_s_noise(r), ratio, 1, z)));
    }
}

/* Predictor-corrector sampling, Song et al. 2021, alg. 1 and app. G, for the forward step x_from = a x_to + G z: in VE
   G^2 = sigma_from^2 - sigma_to^2, in VP beta. Euler-Maruyama on dx = f x dt + g dw, f = alpha'/alpha and
   g^2 = 2 sigma (sigma' - sigma f), has a = 1 + f h and G^2 = g^2 h. At alpha = 0 the drift is infinite: the reverse SDE
   forgets its state at once, and the step is the exact one. At sigma = 0 that gives alpha D. */
static void dkp_predict(dk_recorder *r, const dk_level *from, const dk_level *to, double h) {
    const dk_sampler *s = &r->sampler;
    int end = r->from.alpha <= 0 || dkp_ends_in_D(r);
    double a = from->alpha / to->alpha, G2 = (from->sigma - a * to->sigma) * (from->sigma + a * to->sigma);
    dkp_langevin(r, a);
    if (s->sde.predictor == DK_PREDICTOR_NONE && !end) return;
    dk_vec D = dkr_denoise(r, r->x, r->from);
    if (end) {
        dkp_split split = dkp_split_between(r, &r->from, &r->to, DK_LAW_SDE);
        r->x = dkp_add_noise(r, dkp_ddim_step(&r->from, &split.down, r->x, D), split.up);
        return;
    }
    if (s->sde.predictor == DK_PREDICTOR_EULER_MARUYAMA) {
        if (!dkp_finite(h)) dkr_refuse(r, "sampler.plain_last", 1, "0 where the last time is infinite");
        if (!dkp_finite(h)) return;
        double sigma = r->from.sigma;
        dk_level slope = dkp_slope_at(&r->config->schedule, r->from.t);
        a = 1 + h * slope.alpha / r->from.alpha, G2 = 2 * sigma * (h * slope.sigma - sigma * (a - 1));
    }
    double kept = 2 - a, gain = 0.5 * (1 + s->eta * s->eta) * G2, up = s->eta * dkp_root(G2);
    if (s->sde.predictor == DK_PREDICTOR_ANCESTRAL) { /* DDIM's step down, in terms of the score */
        dkp_split split = dkp_split_between(r, from, to, s->law);
        kept = 1 / a, gain = (kept - split.down.sigma / from->sigma) * from->sigma * from->sigma;
        if (s->law != DK_LAW_DDPM_LARGE) up = split.up;
    }
    dk_vec mean = dkr_mix(kept, r->x, gain, dkp_score(&r->from, r->x, D));
    r->x = dkp_add_noise(r, mean, r->to.sigma > 0 ? up : 0);
}

static void dkp_record_predictor_corrector(dk_recorder *r) {
    dkr_reads(r, r->sampler.sde.predictor == DK_PREDICTOR_ANCESTRAL
                     ? "plain_last law eta noise_min noise_max predictor langevin_steps langevin_step snr bins"
                     : "plain_last law eta predictor langevin_steps langevin_step snr bins");
    if (!r->falling) dkr_refuse(r, "grid.rising", 1, "0: the reverse SDE runs towards data");
    while (dkr_step(r)) {
        dk_level from = r->from, to = r->to;
        double h = from.t - to.t;
        if (dkp_quirk(r, DK_QUIRK_BINS)) h = dkp_bins(r, &from, &to);
        dkp_predict(r, &from, &to, h);
    }
}

/* Annealed Langevin dynamics, Song & Ermon 2019, alg. 1, on x/alpha: steps at each level, then on to the next with
   x/alpha unchanged. From pure noise and to sigma = 0 DDIM leads. */
static void dkp_record_smld(dk_recorder *r) {
    dkr_reads(r, "langevin_steps langevin_step snr");
    while (dkr_step(r)) {
        int moves = r->sampler.sde.langevin_steps > 0 && r->from.alpha > 0;
        dkp_langevin(r, 1);
        if (moves && r->to.sigma > 0) r->x = dkr_scale(r->to.alpha / r->from.alpha, r->x);
        else r->x = dkp_ddim_step(&r->from, &r->to, r->x, dkr_denoise(r, r->x, r->from));
    }
}

static dk_level dkp_level_of_lambda(const dk_recorder *r, double lambda) {
    int flow = r->sampler.gauge == DK_GAUGE_FLOW;
    return dk_level_at(&r->config->schedule, flow ? DK_UNIT_FLOW : DK_UNIT_LAMBDA, flow ? dkp_exp(-lambda) : lambda);
}

/* h times the entries of a row, whose end lies h_row = c_row h further in lambda. Returns what they lack to be exact for
   constant D: 0 unless column 0 is given. */
static double dkp_phi_row(const dkp_phi_tableau *m, int row, double h_row, int sign, double *weight) {
    double c = m->c[row], node[DK_MAX_STAGES + 1] = {0}, basis[DK_MAX_STAGES + 1];
    int columns[DK_MAX_STAGES], n = 0;
    double all = dkp_h_phi(1, h_row, sign), rest = all;
    for (int j = 0; j < row; j++) {
        weight[j] = 0;
        if (m->through[row] >> j & 1) columns[n++] = j, node[n] = m->c[j] / c;
    }
    for (int j = 0; j < n; j++) { /* the integral of s^p is p! phi_{p+1} */
        double factorial = 1;
        dkp_lagrange(node, n + 1, j + 1, basis);
        for (int p = 1; p <= n; p++)
            factorial *= p, weight[columns[j]] += basis[p] * factorial * dkp_h_phi(p + 1, h_row, sign);
    }
    for (int i = 0; i < m->terms; i++) {
        const dkp_phi_term *t = &m->term[i];
        if (t->row != row) continue;
        int same = t->k == 1 && t->at >= c && t->at <= c;
        weight[t->column] +=
            t->at > 0 ? t->weight / t->at * (same ? all : dkp_h_phi(t->k, h_row * (t->at / c), sign))
                      : t->weight * dkp_phi(t->k, 0) * h_row / c;
    }
    for (int j = 0; j < row; j++) rest -= weight[j];
    if (m->given) return rest;
    weight[0] += rest;
    return 0;
}

/* Where a step's noise comes in: behind it, or at every stage, afresh or as one path. */
typedef enum dkp_stage_noise { DKP_NOISE_BEHIND, DKP_NOISE_AFRESH, DKP_NOISE_PATH } dkp_stage_noise;

/* The state at the end of a row, which lies h_row further in lambda. */
static dk_vec dkp_phi_sum(const dk_recorder *r, const dkp_phi_tableau *m, int row, double h_row, const dk_vec *F, dk_level to) {
    int noisy = r->sampler.noise_prediction;
    double weight[DK_MAX_STAGES + 1], alpha = dkp_gauge_alpha(r, &r->from), sigma = r->from.sigma;
    double to_alpha = dkp_gauge_alpha(r, &to), rest = dkp_phi_row(m, row, h_row, noisy ? 1 : -1, weight);
    double c[DK_MAX_STAGES + 1] = {noisy ? to_alpha / alpha - to.sigma * rest / sigma
                                         : to.sigma / sigma + to_alpha * rest / alpha};
    dk_vec v[DK_MAX_STAGES + 1] = {r->x};
    int count = row < m->stages ? row : m->stages;
    for (int j = 0; j < count; j++) c[j + 1] = (noisy ? -to.sigma : to_alpha) * weight[j], v[j + 1] = F[j];
    return dkp_sum(count + 1, c, v);
}

/* One exponential Runge-Kutta step; Hochbruck & Ostermann 2010, eq. 2.37, with the exact solutions
       x_i = (sigma_i/sigma) x + alpha_i h sum a_ij(-h) D_j        Lu et al. 2022b, eq. 8
       x_i = (alpha_i/alpha) x - sigma_i h sum a_ij(h) N_j,        Lu et al. 2022, eq. 3.4
   N = (x - alpha D)/sigma, in the gauge's alpha. Noise behind the step: it goes to sigma_down, and its stages stand on
   the way there. Noise at every stage: each goes to the sigma_down of its own level. */
static void dkp_phi_step(dk_recorder *r, const dkp_phi_tableau *m, dkp_stage_noise noise) {
    dk_noise_law law = r->sampler.law;
    int behind = noise == DKP_NOISE_BEHIND;
    dkp_split whole = dkp_noise_split(r);
    dk_level end = behind ? whole.down : r->to, before = r->from;
    double start = dkp_gauge_lambda(r, &r->from), h = dkp_gauge_lambda(r, &end) - start;
    dk_vec guidance = dkr_zero, unused, z = dkr_zero, x = r->x, F[DK_MAX_STAGES];
    dk_vec D = r->sampler.cfg_pp ? dkp_direction(r, x, &r->from, &guidance) : dkp_denoise_first(r);
    if (!dkp_finite(h)) { /* lambda is infinite: the first order step */
        if (dkp_quirk(r, DK_QUIRK_PURE_STAGE) && m->stages == 2 && whole.down.sigma > 0) D = dkp_pure_stage(r, D);
        x = dkr_mix(1, dkp_ddim_step(&r->from, &whole.down, x, D), r->to.alpha, guidance);
        r->x = dkp_add_noise(r, x, whole.up);
        return;
    }
    F[0] = dkp_noise_or_D(r, &r->from, x, D);
    for (int i = 1;; i++) {
        int last = i == m->stages, at_end = last || (m->c[i] >= 1 && end.sigma >= r->to.sigma);
        dk_level level = at_end ? r->to : dkp_level_of_lambda(r, start + m->c[i] * h);
        dkp_split split = {level, 0};
        if (last) split = whole;
        else if (!behind) split = dkp_split_between(r, &r->from, &level, law);
        double h_row = dkp_gauge_lambda(r, &split.down) - start;
        x = dkp_phi_sum(r, m, i, h_row, F, split.down);
        if (last) x = dkr_mix(1, x, r->to.alpha, guidance);
        if (last) x = dkp_judge_phi(r, m, h_row, F, x, split.down);
        if (noise == DKP_NOISE_PATH) split = dkp_split_between(r, &before, &level, law);
        else before = r->from, z = dkr_zero;
        z = dkr_scale(split.down.sigma / before.sigma, z); /* the noise so far decays, and is renewed */
        z = dkp_add_noise_between(r, z, split.up, &before, &level);
        x = dkp_add(x, z), before = level;
        if (last) break;
        D = dkp_direction(r, x, &level, &unused);
        F[i] = dkp_noise_or_D(r, &level, x, D);
    }
    r->x = x;
}

static void dkp_record_exponential(dk_recorder *r) {
    dkp_phi_tableau method;
    if (!r->sampler.exponential) dkr_refuse(r, "sampler.exponential", 0, "an exponential Runge-Kutta method");
    if (r->status == DK_OK) r->status = dkp_parse_exponential(r->sampler.exponential, &method, r->config->message);
    if (r->status != DK_OK) return;
    dkr_reads(r, "exponential gauge noise_prediction cfg_pp law eta noise_min noise_max");
    dkp_two_gauges(r);
    if (!r->sampler.law) r->sampler.law = DK_LAW_SDE;
    const dk_level noisy = r->falling ? r->first : r->last;
    if (!(dkp_gauge_alpha(r, &noisy) > 1e-3 * noisy.sigma)) method.given = 0; /* x/alpha is far from any D */
    while (dkr_step(r)) dkp_phi_step(r, &method, DKP_NOISE_BEHIND);
}

/* Where stage k of `order` stands, as a share of the way in lambda from this step's start to its end. */
static double dkp_stage_at(dk_recorder *r, int k, int order) {
    double given = r->sampler.alpha[k - 1], at = (double)k / order;
    if (given < 0 || given > 1)
        dkr_refuse(r, k == 1 ? "sampler.alpha" : "sampler.alpha2", given, "> 0 and <= 1");
    if (given > 0) return given;
    return dkp_quirk(r, DK_QUIRK_TIME_UNIFORM | DK_QUIRK_TIME_QUADRATIC) ? dkp_stage_in_time(r, at) : at;
}

/* DPM-Solver-1, -2, -3 and DPM-Solver++ 1S, 2S, 3S; Lu et al. 2022, alg. 1-2 and app. B, Lu et al. 2022b, alg. 1. The usual
   weights, or those of the Taylor expansion (rule EXACT). */
static void dkp_singlestep(dk_recorder *r, int order, dkp_stage_noise noise) {
    double r1 = order > 1 ? dkp_stage_at(r, 1, order) : 0, r2 = order > 2 ? dkp_stage_at(r, 2, order) : 0;
    int taylor = r->sampler.rule <= DK_RULE_EXACT;
    dkp_phi_tableau m;
    if (order > 1 && !dkp_finite(r1)) order = 1;
    memset(&m, 0, offsetof(dkp_phi_tableau, term));
    m.stages = order, m.embedded = order == 3;
    m.c[1] = r1, m.c[2] = r2, m.c[order] = m.c[order + 1] = 1;
    int second = order == 3 ? 4 : 2; /* the row of the second order method */
    if (order == 3) dkp_put_phi(&m, 2, 1, 2, r2 * r2 / r1, r2);
    if (order > 1) dkp_put_phi(&m, second, 1, taylor ? 2 : 1, taylor ? 1 / r1 : 0.5 / r1, 1);
    if (order == 3 && !taylor) dkp_put_phi(&m, 3, 2, 2, 1 / r2, 1);
    if (order == 3 && taylor) {
        dkp_put_phi(&m, 3, 1, 2, r2 / (r1 * (r2 - r1)), 1), dkp_put_phi(&m, 3, 1, 3, -2 / (r1 * (r2 - r1)), 1);
        dkp_put_phi(&m, 3, 2, 2, -r1 / (r2 * (r2 - r1)), 1), dkp_put_phi(&m, 3, 2, 3, 2 / (r2 * (r2 - r1)), 1);
    }
    dkp_phi_step(r, &m, noise);
}

#define DKP_READS_SINGLESTEP \
    "order rule gauge alpha alpha2 law eta noise_min noise_max time_uniform time_quadratic "

/* Refuses orders, stages and gauges that there are not. */
static int dkp_singlestep_order(dk_recorder *r) {
    int order = r->sampler.order > 1 ? r->sampler.order : 1;
    dkp_two_gauges(r);
    if (r->sampler.rule > DK_RULE_DPM) dkr_refuse(r, "sampler.rule", (double)r->sampler.rule, "default, exact or dpm for this method");
    if (order < 3 && fabs(r->sampler.alpha[1]) > 0) dkr_refuse(r, "sampler.alpha2", r->sampler.alpha[1], "0 but for order = 3");
    if (order > 3) dkr_refuse(r, "sampler.order", order, "0 .. 3: singlestep methods");
    return order;
}

static void dkp_record_stages(dk_recorder *r, const char *reads, dkp_stage_noise noise) {
    int order = dkp_singlestep_order(r);
    dkr_reads(r, reads);
    while (dkr_step(r)) dkp_singlestep(r, order, noise);
}

/* Deterministic steps down, noise behind them. */
static void dkp_record_singlestep(dk_recorder *r) {
    dkp_record_stages(r, DKP_READS_SINGLESTEP "noise_prediction cfg_pp pure_stage above_last", DKP_NOISE_BEHIND);
}

/* SDE-DPM-Solver++(2S) as in k-diffusion: stage and step get noise of their own. */
static void dkp_record_dpmpp_sde(dk_recorder *r) {
    dkp_record_stages(r, DKP_READS_SINGLESTEP, DKP_NOISE_AFRESH);
}

/* SEEDS-2 and -3, Gonzalez et al. 2023, alg. 2-3: the noise of a step goes on from its stages'. */
static void dkp_record_seeds(dk_recorder *r) {
    if (!r->sampler.law) r->sampler.law = DK_LAW_SDE;
    if (r->sampler.law != DK_LAW_SDE)
        dkr_refuse(r, "sampler.law", r->sampler.law, "DK_LAW_SDE: SEEDS follow its paths");
    dkp_record_stages(r, DKP_READS_SINGLESTEP, DKP_NOISE_PATH);
}

static dk_status dkp_check_table(const dk_table *t, char *message) {
    if (!t || !t->level || !t->a || !t->b)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "sampler.user = 0: must be a dk_table with level, a and b");
    if (t->steps < 1 || t->steps > 10000) return dkp_fail(message, "table.steps", t->steps, "1 .. 10000");
    if (t->shared != 0 && t->shared != 1) return dkp_fail(message, "table.shared", t->shared, "0 or 1");
    if (!(t->guidance >= 0 && dkp_finite(t->guidance)))
        return dkp_fail(message, "table.guidance", t->guidance, "finite, >= 0");
    const struct {
        const char *name;
        const double *v;
        int count, level;
    } lists[] = {{"level", t->level, t->steps + 1, 1},
                 {"a", t->a, t->steps, 0},
                 {"b", t->b, t->steps * (t->steps + 1) / 2, 0},
                 {"noise", t->noise, t->steps, 0},
                 {"told", t->told, t->steps, 1}};
    for (int k = 0; k < DKP_COUNT(lists); k++)
        for (int i = 0; lists[k].v && i < lists[k].count; i++) {
            double v = lists[k].v[i], least = lists[k].level && i < t->steps ? 5e-324 : 0;
            if (lists[k].level ? v >= least && v <= 1 : dkp_finite(v)) continue;
            return dkp_fail_saying(message, DK_ERROR_CONFIG, "table.%s[%d] = %g: must be %s", lists[k].name, i, v,
                                   !lists[k].level ? "finite" : least > 0 ? "> 0 and <= 1" : "0 .. 1");
        }
    return DK_OK;
}

/* A table brings its grid. */
static dk_status dkp_resolve_table(dk_config *c, char *message) {
    const dk_table *t = (const dk_table *)c->sampler.user;
    dk_grid *g = &c->grid;
    if (dkp_check_table(t, message) != DK_OK) return DK_ERROR_CONFIG;
    if (!g->spacing && !g->name && !g->levels && !g->level_count && !g->unit) {
        g->spacing = DK_SPACING_LEVELS, g->levels = t->level, g->level_count = t->steps + 1, g->unit = DK_UNIT_FLOW;
        if (c->steps > 0 && c->steps != t->steps)
            return dkp_fail_saying(message, DK_ERROR_CONFIG, "steps = %d: must be 0, or %d as the table has", c->steps, t->steps);
    }
    if (c->steps == 0) c->steps = t->steps;
    return DK_OK;
}

/* y_{i+1} = a_i y_i + sum b_ij D_j + noise_i z_i, with as much history as there are steps. */
static void dkp_record_table(dk_recorder *r) {
    dkr_reads(r, "user");
    const dk_table *table = (const dk_table *)r->sampler.user;
    double scale = r->config->guidance.scale;
    if (table->steps != r->own->plan->steps)
        dkr_refuse(r, "steps", r->own->plan->steps, "dk_table.steps");
    if (table->guidance > 0 && table->guidance != dkp_or(scale, 1))
        dkr_refuse(r, "guidance.scale", scale, "dk_table.guidance, which the table is made for");
    for (const double *b = table->b; r->status == DK_OK && dkr_step(r);) {
        int i = r->own->offset + r->step;
        double noise = table->noise ? table->noise[i] : 0, from = r->from.alpha + r->from.sigma, to = r->to.alpha + r->to.sigma;
        dk_level own = dkp_level(r, r->step);
        dk_level told = table->told ? dk_level_at(&r->config->schedule, DK_UNIT_FLOW, table->told[i]) : r->from;
        dk_vec z = dkr_zero;
        if (i != r->own->estimates || fabs(dkp_in_unit(DK_UNIT_FLOW, own) - table->level[i]) > 1e-6)
            dkr_refuse(r, "grid.spacing", r->config->grid.spacing, "0, and all of the grid: the table has the levels");
        dkr_denoise_told(r, i == 0 && table->shared ? dkr_zero : r->x, r->from, told, NULL);
        if (noise < 0 || noise > 0) z = dkr_scale(noise * to, dkr_noise(r, r->from, r->to));
        dkp_open_row(r, -1); /* as long as the run */
        dkp_put_terms(r, table->a[i] * to / from, r->x);
        for (int j = 0; j <= i; j++) dkp_put_terms(r, *b++ * to, dkr_past(r, i + 1 - j));
        dkp_put_terms(r, 1, z);
        r->x = dkp_vec(r, dkp_close_row(r, 'y', 0));
    }
}

/* The table of samplers. To add one: a recording function above and a row here; then make golden, make docs, make test.
   Many methods need a row alone: a tableau, or settings of a function that exists. A row says what differs from a zero
   dk_sampler, in the words of dk_config_set; then order of convergence, the same on flow matching from t = 1, evaluations
   per step, paper. */
#define DKP_DORMAND_PRINCE                                                                          \
    "1/5 | 3/40 9/40 | 44/45 -56/15 32/9 | 19372/6561 -25360/2187 64448/6561 -212/729 |"            \
    " 9017/3168 -355/33 46732/5247 49/176 -5103/18656 | 35/384 0 500/1113 125/192 -2187/6784 11/84" \
    " ~ 5179/57600 0 7571/16695 393/640 -92097/339200 187/2100 1/40"
#define DKP_ETD4_RESULT "1: 2 phi2 -4 phi3, 2: 2 phi2 -4 phi3, 3: -1 phi2 4 phi3"
#define DKP_ROW(name, record, settings, order, flow, evals, paper) \
    { name, record, NULL, NULL, settings, order, flow, evals, paper }
#define DKP_RK(name, tableau, settings, order, flow, evals, paper) \
    { name, dkp_record_runge_kutta, tableau, NULL, settings, order, flow, evals, paper }
#define DKP_PHI(name, exponential, settings, order, flow, evals, paper) \
    { name, dkp_record_exponential, NULL, exponential, settings, order, flow, evals, paper }
/* clang-format off */
static const dk_sampler_info dkp_samplers[] = {
    DKP_RK("euler", "1", "", 1, 1, 1, "Karras et al. 2022, alg. 1"),
    DKP_RK("heun", "1 | 1/2 1/2 ~ 1 0 0", "", 2, 2, 2, "Karras et al. 2022, alg. 1"),
    DKP_RK("midpoint", "1/2 | 0 1", "", 2, 2, 2, "Runge 1895"),
    DKP_ROW("dpm2", dkp_record_dpm2, "", 2, 2, 2, "Lu et al. 2022; k-diffusion's dpm_2"),
    DKP_RK("rk4", "1/2 | 0 1/2 | 0 0 1 | 1/6 1/3 1/3 1/6", "", 4, 4, 4, "Kutta 1901"),
    DKP_ROW("edm", dkp_record_edm, "gauge=native alpha=1", 2, 2, 2, "Karras et al. 2022, alg. 1 and 3"),
    DKP_RK("edm_churn", "1 | 1/2 1/2 ~ 1 0 0", "s_noise=1.003 churn=40 churn_min=0.05 churn_max=50", 1, 1, 2, "Karras et al. 2022, alg. 2"),
    DKP_RK("ralston", "2/3 | 1/4 3/4", "", 2, 2, 2, "Ralston 1962"),
    DKP_RK("heun3", "1/3 | 0 2/3 | 1/4 0 3/4", "", 3, 3, 3, "Heun 1900"),
    DKP_RK("kutta3", "1/2 | -1 2 | 1/6 2/3 1/6", "", 3, 3, 3, "Kutta 1901"),
    DKP_RK("ssp3", "1 | 1/4 1/4 | 1/6 1/6 2/3", "", 3, 3, 3, "Shu & Osher 1988"),
    DKP_RK("rk38", "1/3 | -1/3 1 | 1 -1 1 | 1/8 3/8 3/8 1/8", "", 4, 4, 4, "Kutta 1901, 3/8 rule"),
    DKP_RK("bogacki_shampine", "1/2 | 0 3/4 | 2/9 1/3 4/9 ~ 7/24 1/4 1/3 1/8", "", 3, 3, 3, "Bogacki & Shampine 1989, third order"),
    DKP_RK("dormand_prince", DKP_DORMAND_PRINCE, "", 5, 5, 6, "Dormand & Prince 1980, fifth order"),
    DKP_RK("rk45", DKP_DORMAND_PRINCE, "gauge=native rtol=1e-5 atol=1e-5", 5, 5, 0, "Song et al. 2021, app. D: Dormand-Prince in the schedule's own time"),
    DKP_ROW("dpm2_ancestral", dkp_record_dpm2, "eta=1", 2, 2, 2, "k-diffusion's dpm_2_ancestral"),
    DKP_ROW("dpm2_ancestral_rf", dkp_record_dpm2, "law=flow eta=1", 2, 2, 2, "ComfyUI's dpm_2_ancestral_RF"),
    DKP_ROW("euler_ancestral_rf", dkp_record_ddim, "law=flow eta=1", 1, 1, 1, "ComfyUI's euler_ancestral_RF"),
    DKP_ROW("lcm", dkp_record_ddim, "law=fresh eta=1", 0, 0, 1, "Song et al. 2023, alg. 1; Luo et al. 2023"),
    DKP_ROW("consistency_model_multistep", dkp_record_ddim, "law=time eta=1", 0, 0, 1, "Song et al. 2023, alg. 1, down to the schedule's least level s"),
    DKP_ROW("tcd", dkp_record_ddim, "law=time eta=0.3", 0, 0, 1, "Zheng et al. 2024, alg. 1"),
    DKP_ROW("dpm_solver_2s", dkp_record_singlestep, "order=2 rule=dpm noise_prediction=1", 2, 2, 2, "Lu et al. 2022, alg. 1"),
    DKP_ROW("dpm_solver_3s", dkp_record_singlestep, "order=3 rule=dpm noise_prediction=1", 3, 2, 3, "Lu et al. 2022, alg. 2"),
    DKP_ROW("dpm_solver_adaptive", dkp_record_singlestep, "order=3 rule=dpm noise_prediction=1 rtol=0.05 atol=0.0078 control=free", 3, 2, 0, "Lu et al. 2022, app. C: DPM-Solver-12, -23"),
    DKP_ROW("dpmpp_2s", dkp_record_singlestep, "order=2 rule=dpm", 2, 2, 2, "Lu et al. 2022b, alg. 1"),
    DKP_ROW("dpmpp_3s", dkp_record_singlestep, "order=3 rule=dpm", 3, 2, 3, "Lu et al. 2022b; their code's third order"),
    DKP_ROW("dpmpp_2s_ancestral", dkp_record_singlestep, "order=2 rule=dpm eta=1", 2, 2, 2, "k-diffusion's dpmpp_2s_ancestral"),
    DKP_ROW("dpmpp_2s_ancestral_rf", dkp_record_singlestep, "order=2 rule=dpm law=flow eta=1", 2, 2, 2, "ComfyUI's dpmpp_2s_ancestral_RF"),
    DKP_ROW("dpmpp_sde", dkp_record_dpmpp_sde, "order=2 rule=dpm eta=1 alpha=0.5", 1, 1, 2, "k-diffusion's dpmpp_sde; Lu et al. 2022b"),
    DKP_ROW("seeds_2", dkp_record_seeds, "order=2 rule=dpm eta=1 alpha=0.5", 2, 2, 2, "Gonzalez et al. 2023, alg. 2"),
    DKP_ROW("seeds_3", dkp_record_seeds, "order=3 rule=dpm eta=1", 2, 2, 3, "Gonzalez et al. 2023, alg. 3"),
    DKP_ROW("exp_heun_2_x0", dkp_record_singlestep, "order=2 law=sde alpha=1", 2, 2, 2, "Cox & Matthews 2002, ETD2RK"),
    DKP_ROW("exp_heun_2_x0_sde", dkp_record_seeds, "order=2 eta=1 alpha=1", 2, 2, 2, "ComfyUI's exp_heun_2_x0_sde"),
    DKP_ROW("res_2s", dkp_record_singlestep, "order=2 law=sde alpha=0.5", 2, 2, 2, "Zhang & Chen 2023, RES"),
    DKP_PHI("res_3s", "1/2 | 1, 1: 2 phi2(1/2) 2 phi2 | 1: 4/3 phi2, 2: 1/3 phi2", "", 3, 2, 3, "Zhang & Chen 2023, RES; Hochbruck & Ostermann 2010, eq. 2.54"),
    DKP_PHI("etd3rk", "1/2 | 1, 1: 2 phi1 | by 12", "", 3, 2, 3, "Cox & Matthews 2002, eq. 23-25"),
    DKP_PHI("etd4rk", "1/2 | 1/2, 1: 1/2 phi1 | 1, 2: 1 phi1(1/2) | " DKP_ETD4_RESULT, "", 4, 2, 4, "Cox & Matthews 2002, eq. 26-29"),
    DKP_PHI("krogstad", "1/2 | 1/2, 1: 1 phi2 | 1, 2: 2 phi2 | " DKP_ETD4_RESULT, "", 4, 2, 4, "Krogstad 2005, ETDRK4-B"),
    DKP_ROW("euler_cfg_pp", dkp_record_ddim, "cfg_pp=1", 1, 1, 1, "Chung et al. 2024, alg. 1"),
    DKP_ROW("euler_ancestral_cfg_pp", dkp_record_ddim, "eta=1 cfg_pp=1", 1, 1, 1, "ComfyUI's euler_ancestral_cfg_pp"),
    DKP_ROW("dpmpp_2s_ancestral_cfg_pp", dkp_record_singlestep, "order=2 rule=dpm eta=1 cfg_pp=1", 2, 2, 2, "ComfyUI's dpmpp_2s_ancestral_cfg_pp"),
    DKP_ROW("ddim", dkp_record_ddim, "", 1, 1, 1, "Song et al. 2020"),
    DKP_ROW("flow_map", dkp_record_ddim, "law=sde", 1, 1, 1, "Boffi et al. 2024; Geng et al. 2025, MeanFlow; exact where the network is told t_end, too"),
    DKP_ROW("euler_ancestral", dkp_record_ddim, "eta=1", 1, 1, 1, "k-diffusion's euler_ancestral"),
    DKP_ROW("ddpm", dkp_record_ddim, "eta=1", 1, 1, 1, "Ho et al. 2020, variance beta~"),
    DKP_ROW("ddpm_large", dkp_record_ddim, "law=ddpm_large eta=1", 1, 1, 1, "Ho et al. 2020, variance beta"),
    DKP_ROW("dpmpp_2m", dkp_record_exponential_adams, "order=2 rule=dpm", 2, 2, 1, "Lu et al. 2022b, alg. 2"),
    DKP_ROW("dpmpp_2m_sde", dkp_record_exponential_adams, "order=2 rule=dpm eta=1", 2, 2, 1, "Lu et al. 2022b, eq. 14"),
    DKP_ROW("euler_maruyama", dkp_record_predictor_corrector, "predictor=euler_maruyama eta=1", 1, 1, 1, "Song et al. 2021, app. D"),
    DKP_ROW("predictor_corrector", dkp_record_predictor_corrector, "eta=1 snr=0.16 langevin_steps=1", 1, 1, 2, "Song et al. 2021, alg. 4-5"),
    DKP_ROW("smld", dkp_record_smld, "langevin_step=0.2 langevin_steps=10", 0, 0, 10, "Song & Ermon 2019, alg. 1"),
    DKP_ROW("dpmpp_3m", dkp_record_exponential_adams, "order=3", 3, 2, 1, "Lu et al. 2022b; exact third order"),
    DKP_ROW("dpmpp_3m_sde", dkp_record_exponential_adams, "order=3 rule=dpm_taylor eta=1", 2, 2, 1, "k-diffusion's dpmpp_3m_sde"),
    DKP_ROW("dpm_solver_2m", dkp_record_exponential_adams, "order=2 rule=dpm noise_prediction=1", 2, 2, 1, "Lu et al. 2022, multistep"),
    DKP_ROW("dpm_solver_3m", dkp_record_exponential_adams, "order=3 noise_prediction=1", 3, 2, 1, "Lu et al. 2022, multistep; exact third order"),
    DKP_ROW("deis", dkp_record_exponential_adams, "order=3 noise_prediction=1", 3, 2, 1, "Zhang & Chen 2022, in log rho"),
    DKP_ROW("res_multistep", dkp_record_exponential_adams, "order=2 law=ancestral", 2, 2, 1, "Zhang et al. 2023, RES"),
    DKP_ROW("dpmpp_2m_cfg_pp", dkp_record_exponential_adams, "order=2 rule=dpm cfg_pp=1", 1, 1, 1, "ComfyUI's dpmpp_2m_cfg_pp"),
    DKP_ROW("res_multistep_ancestral", dkp_record_exponential_adams, "order=2 law=ancestral eta=1", 2, 2, 1, "Zhang et al. 2023, RES"),
    DKP_ROW("res_3m", dkp_record_exponential_adams, "order=3 law=ancestral", 3, 2, 1, "Zhang et al. 2023, RES"),
    DKP_ROW("unip", dkp_record_exponential_adams, "order=3 rule=bh2", 3, 2, 1, "Zhao et al. 2023, UniP"),
    DKP_ROW("unipc", dkp_record_exponential_adams, "order=3 corrector=4 rule=bh2", 4, 2, 1, "Zhao et al. 2023, alg. 1"),
    DKP_ROW("sa_solver", dkp_record_exponential_adams, "order=3 corrector=4 eta=1", 2, 2, 1, "Xue et al. 2023, alg. 1"),
    DKP_ROW("sa_solver_pece", dkp_record_exponential_adams, "order=3 corrector=4 pece=1 eta=1", 2, 2, 2, "Xue et al. 2023, with PECE"),
    DKP_ROW("er_sde", dkp_record_er_sde, "order=3 eta=1", 1, 1, 1, "Cui et al. 2023, ER-SDE-Solver-3"),
    DKP_ROW("lms", dkp_record_adams, "order=4", 4, 2, 1, "k-diffusion's lms: Adams-Bashforth, exact weights"),
    DKP_ROW("ipndm", dkp_record_adams, "order=4 rule=uniform", 1, 2, 1, "Liu et al. 2022; Zhang & Chen 2022"),
    {"plms", dkp_record_adams, "1 | 1/2 1/2", NULL, "order=4 rule=uniform warmup=1 gauge=pseudo", 1, 2, 1, "Liu et al. 2022, alg. 2; CompVis's PLMS"},
    {"pndm", dkp_record_adams, "1/2 | 0 1/2 | 0 0 1 | 1/6 1/3 1/3 1/6", NULL, "order=4 rule=uniform warmup=3 gauge=pseudo", 1, 2, 1, "Liu et al. 2022, alg. 1 and 2"},
    DKP_ROW("adams2", dkp_record_adams, "order=2 corrector=3 gauge=flow", 3, 2, 1, "Adams-Bashforth-Moulton, PEC; Hairer et al. 1993, III.1"),
    DKP_ROW("adams3", dkp_record_adams, "order=3 corrector=4 gauge=flow", 4, 2, 1, "Adams-Bashforth-Moulton, PEC; Hairer et al. 1993, III.1"),
    DKP_ROW("abm", dkp_record_adams, "order=3 corrector=4 pece=1", 4, 2, 2, "Adams-Bashforth-Moulton, PECE; Hairer et al. 1993, III.1"),
    DKP_ROW("deis_rho", dkp_record_adams, "order=3", 3, 2, 1, "Zhang & Chen 2022, rho-AB"),
    DKP_ROW("gradient_estimation", dkp_record_adams, "order=2 rule=gradient gamma=2", 1, 1, 1, "Permenter & Yuan 2023"),
    DKP_ROW("gradient_estimation_cfg_pp", dkp_record_adams, "order=2 rule=gradient gamma=2 cfg_pp=1", 1, 1, 1, "ComfyUI's gradient_estimation_cfg_pp"),
};
/* clang-format on */
#undef DKP_DORMAND_PRINCE
#undef DKP_READS_RUNGE_KUTTA

DK_API const dk_sampler_info *dk_sampler_at(int i) {
    return i < 0 ? NULL : i < DKP_COUNT(dkp_samplers) ? &dkp_samplers[i] : dkp_peer_sampler(i - DKP_COUNT(dkp_samplers));
}

static dk_sampler dkp_sampler(const char *name, dk_record_fn record) {
    dk_sampler s;
    memset(&s, 0, sizeof s);
    s.name = name, s.record = record;
    return s;
}

/* What is set on a zero sampler holds for the method of its tableau, or for adams2. Without the table of samplers:
   programs that name none have only these in them. */
static void dkp_default_sampler(dk_sampler *s) {
    if (s->record || s->name) return;
    if (s->tableau) {
        s->name = "runge_kutta", s->record = dkp_record_runge_kutta;
    } else if (s->exponential) {
        s->name = "exponential", s->record = dkp_record_exponential;
    } else {
        s->name = "adams2", s->record = dkp_record_adams;
        if (!s->order) s->order = 2;
        if (!s->corrector) s->corrector = 3;
        if (!s->gauge) s->gauge = DK_GAUGE_FLOW;
    }
}

DK_API dk_sampler dk_sampler_named(const char *name) {
    for (int i = 0; name && dk_sampler_at(i); i++)
        if (strcmp(name, dk_sampler_at(i)->name) == 0) return dkp_preset(dk_sampler_at(i));
    dk_sampler s = dkp_sampler(name ? name : "(NULL)", NULL);
    s.settle = dkp_unknown_sampler;
    if (name) dkp_sampler_by_name(name, &s);
    return s;
}

DK_API dk_sampler dk_table_sampler(const dk_table *table) {
    dk_sampler s = dkp_sampler(table && table->name[0] ? table->name : "table", dkp_record_table);
    s.user = table, s.settle = dkp_resolve_table;
    return s;
}

/* ------------------------------------------------------------------------------- >>plan  Plans */

/* a + n * each, and that to whole lines of memory: the most that can be counted, where it is more than that. */
DKP_ONCE static size_t dkp_more(size_t a, size_t n, size_t each) {
    return each > 0 && n > ((size_t)-1 - a) / each ? (size_t)-1 : a + n * each;
}

static size_t dkp_up(size_t n) { return n > (size_t)-64 ? (size_t)-1 : (n + 63) / 64 * 64; }

static char *dkp_align(void *memory) {
    return (char *)memory + (dkp_up((size_t)(uintptr_t)memory) - (size_t)(uintptr_t)memory);
}

/* A plan's arrays and their counts, where they are in dk_plan, the size of their elements, and for how many more there is room:
   one for a last move into x. */
#define DKP_PLAN_ARRAYS(X) \
    X(level, levels, 0) X(call, calls, 0) X(draw, draws, 0) X(term, terms, 1) \
    X(row, rows, 1) X(value, values, 1) X(pass, passes, 0) X(norm, norms, 0)
#define DKP_PLACE_OF(name, names, more) DKP_OF_##name,
enum { DKP_PLAN_ARRAYS(DKP_PLACE_OF) DKP_ARRAYS };
#undef DKP_PLACE_OF
#define DKP_PLACE(name, names, more) {offsetof(dk_plan, name), offsetof(dk_plan, names), sizeof(dk_##name), more},
static const struct {
    unsigned short at, count, size, more;
} dkp_arrays[DKP_ARRAYS] = {DKP_PLAN_ARRAYS(DKP_PLACE)};
#undef DKP_PLACE
#undef DKP_PLAN_ARRAYS

/* An array of a plan, its count, and the size of its elements. */
static char *dkp_plan_array(const dk_plan *p, int array, int *count, size_t *size) {
    char *first;
    memcpy(&first, (const char *)p + dkp_arrays[array].at, sizeof first); /* NOLINT(bugprone-sizeof-expression) */
    memcpy(count, (const char *)p + dkp_arrays[array].count, sizeof *count);
    *size = dkp_arrays[array].size;
    return first;
}

/* Where the arrays lie in one block that starts at base, from the plan's counts; returns its size. base NULL: that alone. Scratch
   for allocation comes last. */
static size_t dkp_layout(dk_plan *p, char *base) {
    size_t at = 0, size;
    for (int k = 0, count; k < DKP_ARRAYS; k++) {
        char *first = base ? base + at : NULL;
        dkp_plan_array(p, k, &count, &size);
        if (base) memcpy((char *)p + dkp_arrays[k].at, &first, sizeof first); /* NOLINT(bugprone-sizeof-expression) */
        at = dkp_up(dkp_more(at, (size_t)count + dkp_arrays[k].more, size));
    }
    return at;
}

/* Moves the arrays of a plan further down, to where they lie without room between them. Returns where the last one ends. */
static char *dkp_close_ranks(dk_plan *p) {
    const dk_plan old = *p;
    char *base = dkp_align(p->memory);
    size_t bytes = dkp_layout(p, base), size;
    for (int k = 0, count; k < DKP_ARRAYS; k++) {
        char *first = dkp_plan_array(p, k, &count, &size);
        const char *from = dkp_plan_array(&old, k, &count, &size);
        if (count) memmove(first, from, size * (size_t)count);
    }
    return base + bytes;
}

/* What of a plan's elements counts for what it computes. */
typedef struct dkp_plan_field {
    char kind, array; /* r: a real number; i: an int, or an enum; s: a short */
    short at;
} dkp_plan_field;

#define DKP_PART(kind, of, member) {kind, DKP_OF_##of, (short)offsetof(dk_##of, member)}
#define DKP_R(of, member) DKP_PART('r', of, member)
#define DKP_I(of, member) DKP_PART('i', of, member)
#define DKP_S(of, member) DKP_PART('s', of, member)
static const dkp_plan_field dkp_plan_fields[] = {
    DKP_R(level, t), DKP_R(level, alpha), DKP_R(level, sigma), DKP_I(call, x), DKP_I(call, input),
    DKP_I(call, output), DKP_I(call, uncond_output), DKP_I(call, denoised), DKP_I(call, branch),
    DKP_I(call, branches), DKP_I(call, phase), DKP_R(call, condition), DKP_R(call, input_scale), DKP_R(call, d_x),
    DKP_R(call, d_f), DKP_R(call, clip), DKP_R(call, weight[0]), DKP_R(call, weight[1]),
    DKP_R(call, weight[2]), DKP_R(call, weight[3]), DKP_R(call, weight[4]), DKP_R(call, weight[5]),
    DKP_I(call, seen), DKP_I(call, memory), DKP_I(call, guided),
    DKP_I(term, value), DKP_S(term, scalar), DKP_S(term, power), DKP_R(term, c),
    DKP_I(row, dst), DKP_I(row, count), DKP_I(row, draw), DKP_I(row, mask), DKP_R(row, clip),
    DKP_I(pass, first), DKP_I(pass, boundary), DKP_I(norm, kind), DKP_I(norm, a), DKP_I(norm, b),
    DKP_I(norm, p), DKP_I(norm, q), DKP_R(norm, atol), DKP_R(norm, rtol), DKP_R(norm, limit),
    DKP_R(norm, share)};
#undef DKP_PART
#undef DKP_R
#undef DKP_I
#undef DKP_S

static double dkp_plan_number(const dkp_plan_field *f, const char *element) {
    double real;
    short few;
    int whole;
    if (f->kind == 'r') return memcpy(&real, element + f->at, sizeof real), real;
    if (f->kind == 's') return memcpy(&few, element + f->at, sizeof few), few;
    return memcpy(&whole, element + f->at, sizeof whole), whole;
}

/* How many branches there are up to a call. */
static int dkp_branches(const dk_call *call) { return call->branch + call->branches; }

/* The values that a boundary makes: the network's outputs, or a guider's G; how many. */
DKP_INLINE int dkp_made(const dk_plan *p, const dk_pass *pass, int value[DK_BRANCHES + 1]) {
    const dk_call *call = &p->call[pass->index];
    int count = 0;
    if (pass->boundary == DK_BOUNDARY_GUIDER) value[count++] = call->guided;
    if (pass->boundary != DK_BOUNDARY_CALL) return count;
    for (; count < call->branches; count++) value[count] = call->output + count;
    if (call->uncond_output >= 0) value[count++] = call->uncond_output;
    return count;
}

/* The values that a boundary reads; how many. */
enum { DKP_MOST_VALUES = 2 * DK_BRANCHES };
static int dkp_boundary_values(const dk_plan *p, const dk_pass *pass, int value[DKP_MOST_VALUES]) {
    const dk_call *call = &p->call[pass->index];
    const dk_norm *norm = &p->norm[pass->index];
    int count = 0;
    switch (pass->boundary) {
    case DK_BOUNDARY_CALL:
        value[count++] = call->x;
        for (int k = 0; k < call->branches; k++) value[count++] = call->input + k;
        break;
    case DK_BOUNDARY_HOOK: value[count++] = call->denoised; break;
    case DK_BOUNDARY_GUIDER:
        for (int k = 0; k < dkp_branches(call); k++) value[count++] = call->seen + k;
        for (int k = 0; k < p->own.guided - 1; k++) value[count++] = call->memory + k;
        break;
    case DK_BOUNDARY_NORM:
        value[count++] = norm->a;
        if (norm->b >= 0) value[count++] = norm->b;
        if (norm->p >= 0) value[count++] = norm->p;
        if (norm->q >= 0) value[count++] = norm->q;
        break;
    default: break;
    }
    return count;
}

/* The row that makes value u a multiple of another, among those before `end`; NULL if there is none. */
static const dk_row *dkp_row_of_multiple(const dk_plan *p, int u, int of, int end) {
    while (end > 0 && p->row[end - 1].dst > u) end--;
    if (!end || p->row[end - 1].dst != u) return NULL;
    const dk_row *row = &p->row[end - 1];
    const dk_term *t = &p->term[row->first];
    return row->count == 1 && row->mask < 0 && t->value == of && !t->scalar ? row : NULL;
}

static dk_status dkp_count(dk_recorder *r, dk_plan *plan, dk_config *resolved, const dkp_pace *pace,
                           dk_level *levels) {
    memset(plan, 0, sizeof *plan);
    plan->level = levels;
    dkp_record_all(r, resolved, plan, pace, NULL, 1);
    return r->status;
}

static size_t dkp_plan_bytes(const dk_plan *counts) {
    size_t arrays = dkp_layout((dk_plan *)(uintptr_t)counts, NULL);
    return dkp_more(dkp_more(arrays, DKP_KINDS, (size_t)counts->values + 5), 1, 64);
}

/* Resolves a copy, for the calls that must leave the caller's config as it is but for its message. Levels are computed
   once if there is memory for the plan, of which they are the first part. */
DKP_ONCE static dk_status dkp_prepare(const dk_config *c, dk_config *resolved, dk_plan *plan, dkp_marks *marks) {
    *resolved = *c; /* NOLINT(clang-analyzer-core.NullDereference): no config is refused before */
    dk_status status = dkp_resolve(resolved, marks, resolved->message);
    if (status != DK_OK) return status;
    size_t needed = ((size_t)dkp_way_steps(resolved) + 1) * sizeof(dk_level) + 64;
    int fits = plan && plan->memory && plan->bytes >= needed && !dkp_controlled(resolved);
    dk_level *level = fits ? (dk_level *)(void *)dkp_align(plan->memory) : NULL;
    if (plan) plan->level = level;
    return dkp_check_levels(resolved, level, resolved->message);
}

/* Memory of the caller, or allocated. */
static dk_status dkp_get_memory(void **memory, size_t *bytes, int *owned, size_t needed, char *message) {
    *owned = 0;
    if (*memory) return *bytes >= needed ? DK_OK : dkp_fail_bytes(message, *bytes, needed);
    *memory = DKP_MALLOC(needed), *bytes = needed;
    *owned = *memory != NULL;
    return *owned ? DK_OK : dkp_fail_saying(message, DK_ERROR_MEMORY, "no memory could be allocated: needs %zu bytes", needed);
}

/* Lays out memory for the counts in `room` and records into it. */
static dk_status dkp_record_into(dk_recorder *r, dk_plan *plan, dk_config *c, const dkp_pace *pace,
                                 dk_plan *room, int known) {
    dk_status status =
        dkp_get_memory(&room->memory, &room->bytes, &room->own.owned, dkp_plan_bytes(room), c->message);
    if (status != DK_OK) return status;
    dkp_layout(room, dkp_align(room->memory));
    *plan = *room;
    plan->calls = plan->rows = plan->terms = plan->values = plan->passes = plan->norms = 0;
    plan->attempt = pace != NULL;
    dkp_record_all(r, c, plan, pace, room, known);
    return r->status;
}

/* Room for most samplers, which one recording is then enough for: taken where that much is given, or is little. */
static dk_plan dkp_usual_room(const dk_config *c) {
    dk_plan room;
    memset(&room, 0, sizeof room);
    room.levels = dkp_way_steps(c) + 1;
    room.calls = room.draws = 2 * room.levels, room.passes = room.calls + 1;
    room.rows = 9 * room.levels, room.terms = 27 * room.levels, room.values = room.rows + room.calls;
    return room;
}

enum { DKP_LITTLE = 65536 }; /* bytes */

/* What a recorded plan lacks: that its arrays lie close, its values have slots, and the last state lies in x. */
static void dkp_finish_plan(const dk_recorder *r, dk_plan *plan) {
    char *scratch = dkp_close_ranks(plan);
    int result = (int)r->x.at;
    plan->used = dkp_plan_bytes(plan);
    dkp_allocate(plan, scratch);
    if (plan->value[result].slot != 0) { /* move it there */
        dk_term t = {1, result, 0, 0};
        dk_row row = {plan->values, plan->terms, 1, -1, -1, 0};
        dk_value v = {'x', DK_VALUE_BUFFER, plan->steps, 0,
                      {plan->passes - 1, r->own->position, r->own->position, plan->calls - 1, 0}, 0};
        plan->pass[plan->passes - 1].count++;
        result = plan->values;
        plan->term[plan->terms++] = t;
        plan->row[plan->rows++] = row;
        plan->value[plan->values++] = v;
    }
    dkp_renumber_buffers(plan, result, scratch);
    dkp_find_plain(plan);
}

/* Into the plan's memory. */
static dk_status dkp_record_resolved(dk_recorder *r, dk_plan *plan, dk_config *c, const dkp_pace *pace) {
    dk_plan room = dkp_usual_room(c), given = *plan;
    int known = !pace && plan->level;
    dk_status status = DK_OK;
    if (pace || dkp_plan_bytes(&room) > (given.memory ? given.bytes : (size_t)DKP_LITTLE))
        status = dkp_count(r, &room, c, pace, known ? plan->level : NULL);
    for (int again = 1; status == DK_OK && again; again = status == DK_OK && !r->own->storing) {
        if (plan->memory != given.memory) dk_plan_free(plan);
        room.memory = given.memory, room.bytes = given.bytes;
        status = dkp_record_into(r, plan, c, pace, &room, known);
        if (status == DK_OK) room = *plan; /* the counts, if it was too much */
    }
    r->own->plan = plan, r->own->room = NULL; /* the recorder may outlive this one */
    if (status != DK_OK) {
        if (plan->memory != given.memory) dk_plan_free(plan);
        *plan = given;
        if (status == DK_ERROR_MEMORY) plan->used = dkp_plan_bytes(&room);
        return status;
    }
    dkp_finish_plan(r, plan);
    return DK_OK;
}

DKP_ONCE DK_API dk_status dk_record(dk_plan *plan, dk_config *c) {
    dk_config resolved;
    dkp_marks marks;
    if (!c) return DK_ERROR_CONFIG;
    if (!plan) return dkp_fail_text(c->message, DK_ERROR_CONFIG, "plan = NULL: must be a dk_plan");
    if (plan->own.owned) dk_plan_free(plan); /* recorded before */
    dk_status status = dkp_prepare(c, &resolved, plan, &marks);
    dkp_pace pace;
    dkp_recording recording;
    dk_recorder *r = dkp_recorder_in(&recording);
    if (status == DK_OK)
        status = dkp_record_resolved(r, plan, &resolved, dkp_first_attempt(r, &resolved, &pace));
    if (status != DK_OK) memcpy(c->message, resolved.message, sizeof c->message);
    return status;
}

DK_API void dk_plan_free(dk_plan *plan) {
    if (!plan) return;
    if (plan->own.owned) DKP_FREE(plan->memory);
    memset(plan, 0, sizeof *plan);
}

DK_API int dk_plan_equal(const dk_plan *a, const dk_plan *b, double tolerance, double *worst) {
    double most = 0, unused;
    size_t size;
    if (!worst) worst = &unused;
    *worst = HUGE_VAL;
    if (!a || !b || a->steps != b->steps || a->number != b->number) return 0;
    if (a->values != b->values || a->draws != b->draws) return 0; /* of which no field counts */
    for (int k = 0, count, other; k < DKP_COUNT(dkp_plan_fields); k++) {
        const dkp_plan_field *f = &dkp_plan_fields[k];
        const char *of_a = dkp_plan_array(a, f->array, &count, &size);
        const char *of_b = dkp_plan_array(b, f->array, &other, &size);
        if (count != other) return 0;
        for (int i = 0; i < count; i++, of_a += size, of_b += size) {
            double in_a = dkp_plan_number(f, of_a), in_b = dkp_plan_number(f, of_b);
            double d = fabs(in_a - in_b) / (1 + fabs(in_b));
            if (in_a >= in_b && in_a <= in_b) continue; /* equal infinities, too */
            if (f->kind != 'r') return 0;
            if (d > most || !dkp_finite(d)) most = d;
        }
    }
    *worst = most;
    return most <= tolerance;
}

static void dkp_put_value(dkp_text *t, const dk_plan *p, int value) {
    dkp_put_char(t, p->value[value].letter);
    dkp_put_int(t, p->value[value].number);
}

/* A format's %a, %b ... are the names of values, and %0, %1 ... numbers. */
static void dkp_put_format(dkp_text *t, const dk_plan *p, const char *format, const int *value,
                           const double *number) {
    for (; *format; format++) {
        if (*format != '%') dkp_put_char(t, *format);
        else if (*++format < 'a') dkp_put_real(t, number[*format - '0']);
        else if (value[*format - 'a'] < 0) dkp_put(t, "0");
        else dkp_put_value(t, p, value[*format - 'a']);
    }
}

static void dkp_put_row(dkp_text *t, const dk_plan *p, const dk_row *row) {
    const dk_value *dst = &p->value[row->dst];
    const int v[] = {row->dst, row->mask};
    const double n[] = {(double)row->draw, row->clip, (double)dst->slot};
    dkp_put_format(t, p, row->draw >= 0 ? "    %a = normal, draw %0" : row->count ? "    %a =" : "    %a = 0", v, n);
    for (int j = 0; j < row->count; j++) {
        const dk_term *term = &p->term[row->first + j];
        int masked = row->mask >= 0 && j < 2;
        const double factors[] = {fabs(term->c), (double)term->scalar, (double)term->power};
        if (masked) dkp_put_format(t, p, j ? " + %b (" : " (1 - %b)", v, n);
        dkp_put(t, term->c < 0 ? " - " : j && !masked ? " + " : j ? "" : " ");
        if (factors[0] < 1 || factors[0] > 1) dkp_put_format(t, p, "%0 ", v, factors);
        if (term->scalar) dkp_put_format(t, p, term->power > 1 ? "r%1^%2 " : "r%1 ", v, factors);
        dkp_put_value(t, p, term->value);
    }
    if (row->mask >= 0) dkp_put(t, ")");
    if (row->clip > 0) dkp_put_format(t, p, ", clipped to %1", v, n);
    if (dst->kind == DK_VALUE_HALF)
        dkp_put_format(t, p, p->number == DK_NUMBER_FP16 ? "  -> fp16 buffer %2" : "  -> bf16 buffer %2", v, n);
    if (dst->kind == DK_VALUE_BUFFER) dkp_put_format(t, p, dst->slot ? "  -> buffer %2" : "  -> x", v, n);
    dkp_put(t, "\n");
}

static void dkp_put_norm(dkp_text *t, const dk_plan *p, int index) {
    static const char *const formats[][2] = { /* without a limit, and with one */
        {"    r%0 = |%a| / |%b|\n", ""},
        {"    e%0 = rms (%a - %b) / (%1 + %2 max(|%c|, |%d|))\n", ""},
        {"    e%0 = rms (%a - %b) / max(%1, %2 max(|%c|, |%d|))\n", ""},
        {"    r%0 = deviation of %a / deviation of %b\n", ""},
        {"    r%0 = 1\n", "    r%0 = min(1, %3 / |%a|)\n"},
        {"    r%0 = (%a %b) / |%b|^2\n", "    r%0 = min(1, %3 / |%a|) (%a %b) / |%b|^2\n"},
        {"    r%0 = 1 / %4 quantile of |%a|, from 1\n", "    r%0 = 1 / %4 quantile of |%a|, from 1 to %3\n"}};
    const dk_norm *norm = &p->norm[index];
    const int v[] = {norm->a, norm->b, norm->p, norm->q};
    const double n[] = {index + 1.0, norm->atol, norm->rtol, norm->limit, norm->share};
    dkp_put_format(t, p, formats[norm->kind][norm->limit > 0], v, n);
}

/* Names of values, one after the other. */
static void dkp_put_values(dkp_text *t, const dk_plan *p, const char *before, const int *value, int count) {
    for (int k = 0; k < count; k++) dkp_put(t, k ? ", " : before), dkp_put_value(t, p, value[k]);
}

/* A call of the network, or of the guider. */
static void dkp_put_call(dkp_text *t, const dk_plan *p, const dk_pass *pass) {
    const dk_call *c = &p->call[pass->index];
    int value[DKP_MOST_VALUES], network = pass->boundary == DK_BOUNDARY_CALL;
    dkp_put_values(t, p, "    ", value, dkp_made(p, pass, value));
    int read = dkp_boundary_values(p, pass, value) - network; /* x is no input */
    dkp_put_values(t, p, network ? " = network(" : " = guider(", value + network, read);
    if (!network) {
        dkp_put(t, ")\n");
        return;
    }
    dkp_say(t, "; %g)    t %g, alpha %g, sigma %g", c->condition, c->level.t, c->level.alpha, c->level.sigma);
    if (c->branch) dkp_say(t, ", branch %d", c->branch);
    if (c->shared) dkp_put(t, ", shared");
    if (c->phase) dkp_say(t, ", phase %d", c->phase);
    double goes_to = p->level[c->step + 1].t;
    if (c->end.t < goes_to || c->end.t > goes_to) dkp_say(t, ", to t %g", c->end.t);
    dkp_put(t, "\n");
}

/* The heading of a step, before the first that is printed of it. */
static void dkp_put_step(dkp_text *t, const dk_plan *p, int *step, int now) {
    if (now <= *step || now >= p->steps) return;
    *step = now;
    dkp_say(t, "step %d: noise level %g -> %g\n", now, dk_noise_level(p->level[now]), dk_noise_level(p->level[now + 1]));
}

DK_API size_t dk_plan_text(const dk_plan *p, char *text, size_t size) {
    dkp_text t = {text, text ? size : 0, 0};
    int step = -1, draws = 0;
    if (!p) return 0;
    int begun = p->rows && p->row[0].draw == 0 ? -1 : 0; /* the step whose start has been printed */
    for (int i = 0; i < p->rows; i++) draws += p->row[i].draw >= 0;
    dkp_say(&t, "%d steps, %d evaluations, %d draw%s; buffers besides x: %d\n", p->steps, p->calls, draws,
            draws == 1 ? "" : "s", p->buffers);
    for (int i = 0; i < p->passes; i++) {
        const dk_pass *pass = &p->pass[i];
        for (int k = pass->first; k < pass->first + pass->count; k++) {
            const dk_value *dst = &p->value[p->row[k].dst];
            dkp_put_step(&t, p, &step, begun);
            dkp_put_row(&t, p, &p->row[k]);
            if (dst->letter == 'x') begun = dst->number;
        }
        const dk_call *call = &p->call[pass->index];
        if (pass->boundary == DK_BOUNDARY_CALL) dkp_put_step(&t, p, &step, begun = call->step);
        if (pass->boundary == DK_BOUNDARY_NORM) dkp_put_norm(&t, p, pass->index);
        else if (pass->boundary == DK_BOUNDARY_HOOK) dkp_put_format(&t, p, "    %a = hook\n", &call->denoised, NULL);
        else if (pass->boundary != DK_BOUNDARY_END) dkp_put_call(&t, p, pass);
    }
    dkp_put(&t, "result: x\n");
    return t.length;
}

/* --------------------------------------------------------------------------------- >>run  Runs */

DK_API size_t dk_run_size(const dk_plan *plan, const dk_config *c) {
    dk_config resolved;
    dkp_marks marks;
    dk_plan own;
    dkp_pace pace;
    size_t bytes = 0;
    dk_status status = DK_OK;
    if (!c || (plan && (!plan->passes || plan->attempt))) return 0;
    memset(&own, 0, sizeof own);
    if (plan) resolved = *c;
    else status = dkp_prepare(c, &resolved, NULL, &marks);
    if (status == DK_OK) status = dkp_resolve_data(&resolved, resolved.message);
    if (status == DK_OK && !plan) status = dkp_record_run(&own, &resolved, &pace);
    if (status == DK_OK) bytes = dkp_more(own.used, 1, dkp_workspace(plan ? plan : &own, &resolved, NULL, NULL));
    dk_plan_free(&own);
    return bytes == (size_t)-1 ? 0 : bytes;
}

typedef struct dkp_aligned {
    char before;
    dk_real number;
} dkp_aligned;

static int dkp_overlap(const void *a, size_t n, const void *b, size_t m) {
    uintptr_t p = (uintptr_t)a, q = (uintptr_t)b;
    return a && b && (p < q ? q - p < n : p - q < m);
}

/* The range of a run's noise levels has all of them but 0. */
static void dkp_widen_range(dkp_run *own, dk_level l) {
    double level = dk_noise_level(l);
    if (level > own->highest) own->highest = level;
    if (level > 0 && level < own->lowest) own->lowest = level;
}

static dk_status dkp_check_given(const dk_plan *plan, dk_config *c) {
    size_t size = c->dim * (size_t)c->batch;
    const dk_guidance *g = &c->guidance;
    int hook = plan->own.hooked != (g->hook != NULL), needed = hook ? plan->own.hooked : plan->own.guided;
    if (hook || !plan->own.guided != !g->guider)
        return dkp_fail_saying(c->message, DK_ERROR_CONFIG, "guidance.%s: must be %s", hook ? "hook" : "guider",
                               needed ? "given to a plan recorded with one" : "NULL for a plan recorded without one");
    if (!plan->own.masked != !c->mask || !plan->own.masked != !c->known)
        return dkp_fail_text(c->message, DK_ERROR_CONFIG,
                             plan->own.masked ? "mask and known: must be given to a plan recorded with them"
                                          : "mask and known: must be NULL for a plan recorded without them");
    for (size_t i = 0; plan->own.masked && !c->backend && i < size; i++) {
        if (!(c->mask[i] >= 0 && c->mask[i] <= 1))
            return dkp_fail(c->message, "an element of mask", (double)c->mask[i], "0 .. 1");
        if (!(c->known[i] - c->known[i] >= 0))
            return dkp_fail(c->message, "an element of known", (double)c->known[i], "finite");
    }
    return DK_OK;
}

/* As dkp_find_plain numbers them. */
static void dkp_note_places(dk_run *run, const dk_plan *plan) {
    void **place = run->own.place += plan->locals;
    for (int k = 0; k < plan->locals; k++) place[-1 - k] = run->own.tiles + k * DKP_TILE;
    place[0] = (void *)(uintptr_t)run->config.known, place[1] = (void *)(uintptr_t)run->config.mask; /* never written */
    for (int k = 0; k <= plan->buffers; k++) place[2 + 2 * k] = dkp_buffer(run, k);
    for (int k = 0; k < plan->halves; k++) place[3 + 2 * k] = dkp_half_buffer(run, k);
}

/* Starts a run whose config is resolved; memory as for dk_begin. */
static dk_status dkp_begin(dk_run *run, const dk_plan *plan, dk_real *x, void *memory, size_t bytes) {
    dk_config *c = &run->config;
    dkp_run *own = &run->own;
    int owned;
    dk_status status = dkp_resolve_data(c, c->message);
    for (int i = 0; i < plan->levels; i++) dkp_widen_range(own, plan->level[i]);
    if (status == DK_OK) status = dkp_check_given(plan, c);
    if (status == DK_OK && dkp_needs_finite(&c->step_noise) && !plan->own.flow && !dkp_finite(own->highest))
        status = dkp_fail(c->message, "the first level's sigma/alpha", own->highest, "finite for step_noise = torchsde");
    if (status != DK_OK) return status;
    status = dkp_get_memory(&memory, &bytes, &owned, dkp_workspace(plan, c, NULL, NULL), c->message);
    if (status != DK_OK) return status;
    run->x = x, run->dim = c->dim, run->size = c->dim * (size_t)c->batch;
    own->owned = owned ? memory : NULL;
    dkp_workspace(plan, c, run, dkp_align(memory));
    /* zero, but for tiles: saved bytes never hold garbage, whatever a callback leaves unwritten */
    memset(own->buffers, 0, (size_t)((char *)own->tiles - (char *)own->buffers));
    if (c->backend) own->place = NULL;
    else dkp_note_places(run, plan);
    if (!c->backend || !c->backend->begin) return DK_OK;
    own->inside = 1;
    int failed = c->backend->begin(c->backend->user, run);
    own->inside = 0;
    if (!failed) return DK_OK;
    if (own->owned) DKP_FREE(own->owned);
    run->size = 0, own->owned = NULL;
    return dkp_fail_text(c->message, DK_ERROR_CALLBACK, "the back end failed to begin");
}

/* An empty run, if what there is suffices to begin it. The caller's vectors are whole numbers and share no memory with what
   is written, so that nothing is lost unseen. The config need not have been looked at: where its sizes are wrong, that
   is said later. */
static dk_status dkp_start_run(dk_run *run, const dk_config *c, const dk_real *x, const void *memory,
                               size_t bytes) {
    enum { VECTORS = 3, PARTS = 5 };
    if (!run) return DK_ERROR_CONFIG;
    memset(run, 0, sizeof *run);
    run->own.lowest = HUGE_VAL;
    const char *wrong = !c                  ? "config = NULL: must be a dk_config"
                        : !c->backend && !x ? "x = NULL: must be batch * dim numbers"
                                            : NULL;
    if (wrong) return run->status = dkp_fail_text(run->message, DK_ERROR_CONFIG, wrong);
    size_t batch = c->batch > 1 ? (size_t)c->batch : 1;
    size_t size = c->dim <= (size_t)-1 / 64 / sizeof(dk_real) / batch ? c->dim * batch * sizeof(dk_real) : 0;
    const struct {
        const char *name;
        const void *at;
        size_t bytes;
    } part[PARTS] = {{"mask", c->mask, size},
                     {"known", c->known, size}, /* it may be the mask */
                     {"x", x, size},
                     {"memory", memory, bytes},
                     {"the dk_run", run, sizeof *run}};
    for (int i = c->backend ? VECTORS : 0; i < PARTS; i++) {
        if (i < VECTORS && (uintptr_t)part[i].at % offsetof(dkp_aligned, number))
            return run->status = dkp_fail_saying(run->message, DK_ERROR_CONFIG, "%s: must be aligned as dk_real is",
                                                 part[i].name);
        for (int j = i ? i + 1 : 2; j < PARTS; j++)
            if (dkp_overlap(part[i].at, part[i].bytes, part[j].at, part[j].bytes))
                return run->status = dkp_fail_saying(run->message, DK_ERROR_CONFIG, "%s: must not overlap %s",
                                                     part[i].name, part[j].name);
    }
    return DK_OK;
}

/* What has gone wrong goes to the run, for the config is not written to. */
static dk_status dkp_begun(dk_run *run, dk_status status) {
    if (status != DK_OK) memcpy(run->message, run->config.message, sizeof run->message);
    return run->status = status;
}

DK_API dk_status dk_begin_plan(dk_run *run, const dk_plan *plan, const dk_config *c, dk_real *x, void *memory,
                               size_t bytes) {
    if (dkp_start_run(run, c, x, memory, bytes) != DK_OK) return DK_ERROR_CONFIG;
    const char *wrong = NULL;
    if (!plan || !plan->passes) wrong = "plan: must be a recorded dk_plan";
    else if (plan->attempt)
        wrong = "plan: of a sampler with step-size control, which records as it goes: say dk_begin";
    else if (dkp_overlap(memory, bytes, plan->memory, plan->used))
        wrong = "memory: must not overlap the plan";
    if (wrong) return run->status = dkp_fail_text(run->message, DK_ERROR_CONFIG, wrong);
    run->config = *c, run->plan = plan;
    return dkp_begun(run, dkp_begin(run, plan, x, memory, bytes));
}

DK_API dk_status dk_begin(dk_run *run, const dk_config *c, dk_real *x, void *memory, size_t bytes) {
    if (dkp_start_run(run, c, x, memory, bytes) != DK_OK) return DK_ERROR_CONFIG;
    dk_plan *plan = &run->own.plan;
    dk_config *resolved = &run->config;
    dkp_marks marks;
    plan->memory = memory, plan->bytes = bytes;
    dk_status status = dkp_prepare(c, resolved, plan, &marks);
    if (status == DK_OK) status = dkp_record_run(plan, resolved, &run->own.pace);
    dkp_unmark(&resolved->schedule), dkp_unmark(&resolved->network_schedule);
    if (status == DK_OK && plan->attempt) run->own.controller = dkp_controller_of(run);
    if (status == DK_OK) { /* the plan lies first, the workspace behind it */
        status = dkp_begin(run, plan, x, memory ? (char *)memory + plan->used : NULL,
                           memory ? bytes - plan->used : 0);
        if (status == DK_ERROR_MEMORY && memory)
            dkp_fail_bytes(resolved->message, bytes, plan->used + dkp_workspace(plan, resolved, NULL, NULL));
        if (status != DK_OK) dk_plan_free(plan);
    }
    return dkp_begun(run, status);
}

DK_API const dk_plan *dk_run_plan(const dk_run *run) {
    return run && run->size ? dkp_plan_of(run) : NULL;
}

/* A callback may look at the run that calls it, but not take it further. */
static dk_status dkp_refuse_inside(dk_run *run) {
    return dkp_fail_text(run->message, run->status = DK_ERROR_ORDER,
                         "the run is at work: its callbacks must not go on with it, save, load or end it");
}

DK_API void dk_end(dk_run *run) {
    if (!run) return;
    if (run->own.inside) {
        dkp_refuse_inside(run);
        return;
    }
    const dk_backend *b = run->size ? run->config.backend : NULL;
    run->own.inside = 1;
    if (b && b->end) b->end(b->user, run);
    dk_plan_free(&run->own.plan);
    if (run->own.owned) DKP_FREE(run->own.owned);
    memset(run, 0, sizeof *run);
}

/* "what at step 3 of 20 (evaluation 5): more", and the run can be asked again. */
static dk_status dkp_fail_run(dk_run *run, dk_status status, const char *what) {
    dkp_text t = {run->message, DK_MESSAGE_SIZE, 0};
    dkp_put(&t, what);
    const dk_plan *p = dkp_plan_of(run);
    int i = run->own.pass - 1;
    while (i >= 0 && p->pass[i].boundary != DK_BOUNDARY_CALL) i--;
    if (i >= 0) {
        dkp_say(&t, " at step %d", run->own.pace.accepted + p->call[p->pass[i].index].step);
        if (!p->attempt) dkp_say(&t, " of %d", p->steps);
        dkp_say(&t, " (evaluation %d)", run->own.pace.calls + p->pass[i].index);
    } else if (run->own.pace.calls > 0) {
        dkp_say(&t, " at step %d, after %d evaluations", run->own.pace.accepted, run->own.pace.calls);
    } else {
        dkp_put(&t, " before the first step");
    }
    run->own.again = run->own.state == DKP_WAITING;
    return run->status = status;
}

DKP_INLINE const dk_pass *dkp_open_pass(const dk_run *run) { return &dkp_plan_of(run)->pass[run->own.pass - 1]; }
DKP_INLINE const dk_call *dkp_open_call(const dk_run *run) { return &dkp_plan_of(run)->call[dkp_open_pass(run)->index]; }

/* The run fails if an element is bad; that is named: "..., sample 1, element 5". */
static dk_status dkp_fail_at(dk_run *run, size_t bad, const char *what) {
    if (bad >= run->size) return DK_OK;
    dkp_fail_run(run, DK_ERROR_NOT_FINITE, what);
    dkp_text t = {run->message, DK_MESSAGE_SIZE, strlen(run->message)};
    dkp_say(&t, ", sample %zu, element %zu", bad / run->dim, bad % run->dim);
    return run->status;
}

/* Bytes where the network is to write: a NaN of each kind of number that no computation makes. */
enum { DKP_UNWRITTEN = 0xFF };

DKP_INLINE size_t dkp_number_bytes(dk_number number) { return number ? sizeof(uint16_t) : sizeof(dk_real); }

/* Where a value lies, without a back end. */
DKP_INLINE void *dkp_at(const dk_run *run, int value) { return run->own.place[dkp_plan_of(run)->value[value].place]; }

static const char dkp_bad_already[] = "the state that the network was given is NaN or infinite already";

/* A state that is finite may be too large for the network's 16 bits. */
static dk_status dkp_check_input(dk_run *run, int slot) {
    dk_number number = dkp_plan_of(run)->number;
    size_t bad = dkp_find_in(run, dkp_half_buffer(run, slot), number);
    if (bad >= run->size) return DK_OK;
    dk_real given = dk_state(run)[bad];
    return dkp_fail_at(run, bad,
                       !(given - given >= 0)      ? dkp_bad_already
                       : number == DK_NUMBER_FP16 ? "the network's input is beyond 65504, the largest number of fp16,"
                                                  : "the network's input is beyond 3.39e38, the largest number of bf16,");
}

/* The end of a run in an error, which it keeps to: there is nothing to go on with. */
static void dkp_end_in(dk_run *run) {
    run->own.state = DKP_FINISHED, run->own.again = 0, run->own.ended = run->status;
    run->own.pass = dkp_plan_of(run)->passes;
    run->own.pace.at = run->own.pace.next = run->own.pace.h = 0; /* may be infinite, and lead nowhere */
    memcpy(run->config.message, run->message, sizeof run->message);
}

/* answer < 0: of something that was asked before. */
static dk_status dkp_fail_backend(dk_run *run, int answer, const char *what) {
    dkp_fail_run(run, DK_ERROR_CALLBACK, what);
    if (answer < 0) dkp_end_in(run);
    return run->status;
}

/* A back end that does not wait tells of an earlier output. */
static dk_status dkp_ask_for_bad(dk_run *run, int value, size_t *bad, const char *failed) {
    const dk_backend *b = run->config.backend;
    const dk_plan *p = dkp_plan_of(run);
    dk_value_kind kind = value < 0 ? DK_VALUE_BUFFER : (dk_value_kind)p->value[value].kind;
    *bad = run->size;
    if (b && b->find_bad) {
        int answer = b->find_bad(b->user, run, value, bad);
        if (answer >= 0 || *bad >= run->size) return answer ? dkp_fail_backend(run, answer, failed) : DK_OK;
        dkp_fail_at(run, *bad, "an output of the network is NaN or infinite, which was found");
        dkp_end_in(run);
        return run->status;
    }
    const void *v = dkp_fetch(run, kind, value < 0 ? 0 : p->value[value].slot, 0);
    if (!v) return run->status;
    *bad = dkp_find_in(run, v, kind == DK_VALUE_HALF ? p->number : DK_NUMBER_REAL);
    return DK_OK;
}

static dk_status dkp_fail_output(dk_run *run, int value, size_t bad) {
    size_t bytes = dkp_number_bytes(dkp_plan_of(run)->number);
    const dk_real *x = dk_state(run);
    size_t given = x ? dkp_find_in(run, x, DK_NUMBER_REAL) : run->size;
    if (given < run->size) return dkp_fail_at(run, given, dkp_bad_already);
    int unwritten = !run->config.backend;
    for (size_t i = bad * bytes; unwritten && i < (bad + 1) * bytes; i++)
        unwritten = ((const unsigned char *)dkp_at(run, value))[i] == DKP_UNWRITTEN;
    return dkp_fail_at(run, bad,
                       !unwritten ? "the network's output is NaN or infinite"
                       : value == dkp_open_call(run)->uncond_output
                           ? "the network has not written its uncond_output"
                           : "the network has not written its output");
}

static dk_status dkp_check_outputs(dk_run *run) {
    int outputs[DK_BRANCHES + 1], count = dkp_made(dkp_plan_of(run), dkp_open_pass(run), outputs);
    size_t bad;
    for (int k = 0; k < count; k++) {
        if (dkp_ask_for_bad(run, outputs[k], &bad, "the back end failed to check the network's output") != DK_OK) return run->status;
        if (bad < run->size) return dkp_fail_output(run, outputs[k], bad);
    }
    return DK_OK;
}

DKP_FAST

/* An output begins as NaN: a short one as a whole, others at the last element of every sample, and of at most DKP_SUMS parts of
   it. So the check of outputs finds what the network leaves as it is, for little. */
DKP_ONCE static void dkp_mark_parts(const dk_run *run, char *output, size_t bytes, size_t size) {
    const size_t dim = run->dim, chunk = dim > DKP_TILE ? dkp_chunk(dim) : (size_t)DKP_TILE;
    for (size_t done = 0; done < size; done += dim)
        for (size_t left = dim; left > 0; left -= left < chunk ? left : chunk)
            memset(output + (done + left - 1) * bytes, DKP_UNWRITTEN, bytes);
}

static void dkp_mark_output(const dk_run *run, int value, int branches) {
    const size_t bytes = dkp_number_bytes(dkp_plan_of(run)->number), size = run->size * (size_t)branches;
    char *output = (char *)dkp_at(run, value);
    if (run->size <= DKP_TILE) memset(output, DKP_UNWRITTEN, size * bytes);
    else dkp_mark_parts(run, output, bytes, size);
}

/* What is asked of the network, but for where it lies. */
static void dkp_describe(const dk_run *run, dk_eval *e) {
    const dk_plan *p = dkp_plan_of(run);
    int index = p->pass[run->own.pass - 1].index, control = p->attempt;
    const dk_call *call = &p->call[index];
    e->input = e->output = e->uncond_output = NULL;
    e->input_half = e->output_half = e->uncond_output_half = NULL;
    e->t = call->condition, e->level = call->level, e->t_end = call->condition_end, e->end = call->end;
    e->step = run->own.pace.accepted + call->step, e->steps = control ? 0 : p->steps;
    e->call = run->own.pace.calls + index, e->calls = control ? 0 : p->calls;
    e->stage = call->stage, e->phase = call->phase, e->branch = call->branch, e->branches = call->branches, e->shared = call->shared;
    e->batch = run->config.batch * call->branches, e->dim = run->dim, e->first_sample = run->config.first_sample;
    e->input_slot = p->value[call->input].slot, e->output_slot = p->value[call->output].slot;
    e->uncond_slot = call->uncond_output >= 0 ? p->value[call->uncond_output].slot : -1;
}

/* The open evaluation, with marks in its outputs unless they hold what a run that goes on may use. 0 where it cannot be done. */
static int dkp_hand_out(dk_run *run, dk_eval *e, int fresh) {
    const dk_call *call = dkp_open_call(run);
    dkp_describe(run, e);
    if (run->config.backend) return 1;
    void *input = dkp_at(run, call->input), *output = dkp_at(run, call->output);
    void *uncond = call->uncond_output >= 0 ? dkp_at(run, call->uncond_output) : NULL;
    if (dkp_plan_of(run)->number)
        e->input_half = (uint16_t *)input, e->output_half = (uint16_t *)output, e->uncond_output_half = (uint16_t *)uncond;
    else e->input = (dk_real *)input, e->output = (dk_real *)output, e->uncond_output = (dk_real *)uncond;
    if (run->config.unchecked) return 1;
    if (dkp_plan_of(run)->number && dkp_check_input(run, e->input_slot) != DK_OK) return 0;
    if (fresh) dkp_mark_output(run, call->output, call->branches);
    if (fresh && uncond) dkp_mark_output(run, call->uncond_output, 1);
    return 1;
}

DKP_SMALL

/* An overflow of the last step, e.g.: evaluations have found every other. x is then the state of the last evaluation. */
static dk_status dkp_end_unless_good(dk_run *run, size_t bad) {
    const dk_plan *p = dkp_plan_of(run);
    if (dkp_fail_at(run, bad, "the result is NaN or infinite after the last evaluation,") == DK_OK) return DK_OK;
    int slot = p->calls && !run->config.backend ? p->value[p->call[p->calls - 1].x].slot : 0;
    if (slot > 0) memcpy(run->x, dkp_buffer(run, slot), run->size * sizeof *run->x);
    dkp_end_in(run);
    return run->status;
}

/* Whether a pass is the last one, and writes over what it begins with: on this machine it is then tried first. */
DKP_INLINE int dkp_is_tried(const dk_run *run, const dk_pass *pass) {
    const dkp_pace *p = &run->own.pace;
    return pass->boundary == DK_BOUNDARY_END && !pass->repeats && !run->config.backend && !run->config.unchecked &&
           (!run->own.controller || (p->phase == DKP_PLAIN && p->place + 1 == run->config.steps));
}

/* The result of what was not tried. */
static dk_status dkp_check_result(dk_run *run) {
    const dk_plan *p = dkp_plan_of(run);
    size_t bad;
    if (run->config.unchecked || dkp_is_tried(run, &p->pass[p->passes - 1])) return DK_OK;
    if (dkp_ask_for_bad(run, -1, &bad, "the back end failed to check the result") != DK_OK) return run->status;
    return dkp_end_unless_good(run, bad);
}

/* A whole draw. A generator's place is a memory of where it stands: what it gives depends on the address alone. */
static dk_status dkp_fill_draw(dk_run *run, int draw, dk_real *out) {
    const dk_config *c = &run->config;
    const dk_noise_source *s = dkp_source(run, draw);
    dk_noise_request q = dkp_request(run, draw);
    char *states = (char *)run->own.streams;
    if (q.call < q.draw) states += dkp_generator_bytes(c, &c->noise);
    return dkp_fill(s, &q, states, out);
}

DK_API dk_status dk_run_noise(dk_run *run, int draw, dk_real *out) {
    if (!run || !run->size) return DK_ERROR_ORDER;
    if (draw < 0 || draw >= dkp_plan_of(run)->draws)
        return dkp_fail_saying(run->message, DK_ERROR_ORDER, "draw = %d: must be one of the plan's", draw);
    return out ? dkp_fill_draw(run, draw, out) : dkp_fail_text(run->message, DK_ERROR_CONFIG, "out = NULL: must be batch * dim numbers");
}

DK_API dk_status dk_run_draw(const dk_run *run, int draw, dk_noise_source *source, dk_noise_request *request) {
    if (!run || !run->size || draw < 0 || draw >= dkp_plan_of(run)->draws || !source || !request) return DK_ERROR_ORDER;
    *source = *dkp_source(run, draw), *request = dkp_request(run, draw);
    return DK_OK;
}

/* Sources that give whole draws fill whole buffers, before anything of the pass is written. */
static dk_status dkp_ask_noise(dk_run *run, const dk_pass *pass) {
    int noises = 0;
    if (run->config.backend) return DK_OK;
    for (int k = pass->first; k < pass->first + pass->count; k++) {
        int draw = dkp_plan_of(run)->row[k].draw;
        if (draw < 0 || !dkp_whole(dkp_source(run, draw))) continue;
        dk_real *out = run->own.noise + (size_t)noises++ * run->size;
        if (dkp_source(run, draw)->fn && !run->config.unchecked) memset(out, DKP_UNWRITTEN, run->size * sizeof *out);
        if (dkp_fill_draw(run, draw, out) != DK_OK)
            return dkp_fail_run(run, DK_ERROR_CALLBACK, "the noise callback returned nonzero");
        size_t bad = run->config.unchecked ? run->size : dkp_find_in(run, out, DK_NUMBER_REAL);
        if (dkp_fail_at(run, bad, "the noise callback's numbers are NaN, infinite or not filled") != DK_OK) return run->status;
    }
    return DK_OK;
}

/* The guider's G, from the values that the boundary reads: branches, then memory. */
static int dkp_call_guider(const dk_run *run, const dk_pass *pass, const dk_eval *e, dk_real *G, int slot) {
    const dk_plan *p = dkp_plan_of(run);
    const dk_call *call = &p->call[pass->index];
    dk_outputs o;
    int value[DKP_MOST_VALUES], values = dkp_boundary_values(p, pass, value), branches = dkp_branches(call);
    memset(&o, 0, sizeof o);
    o.eval = e, o.branches = branches, o.weight = call->weight, o.G = G, o.G_slot = slot;
    for (int k = 0; k < values; k++) {
        int at = p->value[value[k]].slot, m = k - branches;
        dk_real *v = G ? dkp_buffer(run, at) : NULL;
        if (m < 0) o.output[k] = v, o.output_slot[k] = at;
        else o.memory[m] = v, o.memory_slot[m] = at;
    }
    return run->config.guidance.guider(run->config.guidance.guider_user, &o);
}

static dk_status dkp_call_user(dk_run *run, const dk_pass *pass) {
    const dk_plan *p = dkp_plan_of(run);
    const dk_guidance *g = &run->config.guidance;
    const dk_call *call = &p->call[pass->index];
    int hook = pass->boundary == DK_BOUNDARY_HOOK, slot = p->value[hook ? call->denoised : call->guided].slot;
    dk_real *made = run->config.backend ? NULL : dkp_buffer(run, slot);
    dk_eval e;
    dkp_describe(run, &e);
    if (!hook && made && !run->config.unchecked) memset(made, DKP_UNWRITTEN, run->size * sizeof *made);
    e.batch = run->config.batch, e.branch = 0, e.branches = 1; /* what is made has the branches behind it */
    if (hook ? g->hook(g->hook_user, &e, made, slot) : dkp_call_guider(run, pass, &e, made, slot))
        return dkp_fail_run(run, DK_ERROR_CALLBACK,
                            hook ? "guidance.hook returned nonzero" : "guidance.guider returned nonzero");
    size_t bad = made && !run->config.unchecked ? dkp_find_in(run, made, DK_NUMBER_REAL) : run->size;
    return dkp_fail_at(run, bad, hook ? "guidance.hook has made D NaN or infinite"
                                      : "guidance.guider has left G NaN, infinite or not filled");
}

/* The norm, hook or guider that ended the pass before this one. */
static dk_status dkp_cross_boundary(dk_run *run, const dk_pass *before) {
    const dk_backend *b = dkp_backend(run);
    if (before->boundary != DK_BOUNDARY_NORM) return dkp_call_user(run, before);
    double *result = run->scalars + (size_t)before->index * (size_t)run->config.batch;
    int answer = (b->norm ? b->norm : dkp_norms)(b->user, run, &dkp_plan_of(run)->norm[before->index], result);
    return answer ? dkp_fail_backend(run, answer, "the back end failed to take a norm") : DK_OK;
}

/* After a pass that has found a bad output on its way: of what it has written over, inputs are made again. */
static void dkp_take_back(dk_run *run) {
    const dk_plan *p = dkp_plan_of(run);
    const dk_call *call = dkp_open_call(run);
    int outputs[DK_BRANCHES + 1], found = -1, count = dkp_made(p, dkp_open_pass(run), outputs);
    run->own.looking = 0;
    for (int u = call->input; u < call->input + call->branches; u++) {
        const dk_row *row = dkp_row_of_multiple(p, u, call->x, p->pass[run->own.pass].first);
        dk_pass input = {row ? (int)(row - p->row) : 0, 1, DK_BOUNDARY_END, 0, 0, 0, 0, 0};
        if (row) dkp_rows(NULL, run, &input);
    }
    for (int k = 0; k < count && found < 0; k++)
        if (dkp_bad_output(run, outputs[k], run->own.bad, run->own.bad + 1) == run->own.bad) found = outputs[k];
    dkp_fail_output(run, found, run->own.bad);
    for (int k = 0; k < count; k++) dkp_mark_output(run, outputs[k], 1);
}

enum { DKP_OPEN = 1, DKP_FRESH };

/* Runs passes up to a fresh evaluation; 0 where there is none. */
static int dkp_run_passes(dk_run *run) {
    dkp_run *own = &run->own;
    const dk_plan *p = dkp_plan_of(run);
    const dk_backend *backend = dkp_backend(run);
    while (own->pass < p->passes) {
        const dk_pass *pass = &p->pass[own->pass];
        const dkp_controller *control = pass->boundary == DK_BOUNDARY_END ? own->controller : NULL;
        int accepted = 1;
        if (own->pass > 0 && own->state != DKP_CROSSED && pass[-1].boundary >= DK_BOUNDARY_NORM) {
            if (dkp_cross_boundary(run, pass - 1) != DK_OK) return 0;
            own->state = DKP_CROSSED; /* once, though the pass itself may have to be tried again */
        }
        if (control && own->pace.phase == DKP_ATTEMPT) accepted = control->accepts(run);
        if (accepted) {
            if (pass->noises && dkp_ask_noise(run, pass) != DK_OK) return 0;
            int tried = dkp_is_tried(run, pass), answer = tried ? 0 : backend->rows(backend->user, run, pass);
            if (tried && dkp_end_unless_good(run, dkp_finish(run, pass)) != DK_OK) return 0;
            if (answer) {
                if (own->looking) dkp_take_back(run);
                else dkp_fail_backend(run, answer, "the back end failed to run a pass");
                return 0;
            }
            own->looking = 0;
            own->pass++;
        }
        own->state = pass->boundary == DK_BOUNDARY_CALL ? DKP_WAITING : DKP_BETWEEN;
        if (own->state == DKP_WAITING) return DKP_FRESH;
        if (control && !control->proceed(run, accepted) && run->status != DK_OK) {
            dkp_end_in(run);
            return 0;
        }
    }
    if (dkp_check_result(run) == DK_OK) own->state = DKP_FINISHED;
    return 0;
}

DKP_FAST

/* Goes on to a fresh evaluation, or stays at the open one; 0 where there is none. */
static int dkp_next(dk_run *run) {
    dkp_run *own = &run->own;
    run->status = DK_OK, run->message[0] = 0;
    if (own->state == DKP_FINISHED) {
        if (own->ended) run->status = own->ended, memcpy(run->message, run->config.message, sizeof run->message);
        return 0;
    }
    if (own->again) { /* after an error: the same evaluation once more */
        own->again = 0;
        return DKP_OPEN;
    }
    const dk_pass *next = &dkp_plan_of(run)->pass[own->pass];
    int waiting = own->state == DKP_WAITING, brief = run->size <= DKP_TILE, checked = !run->config.unchecked;
    /* where no evaluation is out there may be no next pass; draws of whole sources are asked for once */
    int simple = waiting && !run->config.backend &&
                 !(next->noises && (dkp_whole(&run->config.noise) || dkp_whole(&run->config.step_noise)));
    if (simple && brief && next->plain && (!checked || dkp_good(run, dkp_open_call(run)))) {
        dkp_run_plain(run, next); /* most of what short runs do */
        own->pass++;
        return DKP_FRESH;
    }
    own->looking = waiting && checked && simple && !brief && next->repeats; /* for NaN in the outputs, while the pass runs */
    if (waiting && checked && !own->looking && dkp_check_outputs(run) != DK_OK) return 0;
    return dkp_run_passes(run);
}

DK_API int dk_next(dk_run *run, dk_eval *eval) {
    if (!run || !run->size) return 0;
    if (run->own.inside) return dkp_refuse_inside(run), 0;
    if (!eval) return dkp_fail_text(run->message, run->status = DK_ERROR_CONFIG, "eval = NULL: must be a dk_eval"), 0;
    run->own.inside = 1;
    int next = dkp_next(run), more = next && dkp_hand_out(run, eval, next == DKP_FRESH);
    run->own.inside = 0;
    /* what a callback was told is no concern of the caller's */
    if (run->status == DK_ERROR_ORDER) run->status = DK_OK, run->message[0] = 0;
    return more;
}

DKP_SMALL

DK_API dk_status dk_continue(dk_run *run, dk_denoise_fn denoise, void *user) {
    dk_eval eval;
    if (!run || !run->size) return DK_ERROR_ORDER;
    if (run->own.inside) return dkp_refuse_inside(run);
    if (!denoise)
        return dkp_fail_text(run->message, run->status = DK_ERROR_CONFIG,
                             "denoise = NULL: must be a function");
    run->own.again = run->own.state == DKP_WAITING; /* an open evaluation is asked for again */
    while (dk_next(run, &eval)) {
        int failed = denoise(user, &eval), cancelled = 0;
        if (!failed && run->config.progress)
            cancelled = run->config.progress(run->config.progress_user, run, &eval);
        if (!run->size)
            return dkp_fail_text(run->message, run->status = DK_ERROR_ORDER, "a callback has ended the run");
        if (failed) return dkp_fail_run(run, DK_ERROR_CALLBACK, "the denoiser returned nonzero");
        if (cancelled) return dkp_fail_run(run, DK_CANCELLED, "cancelled by the progress callback");
    }
    return run->status;
}

DK_API dk_status dk_sample(dk_config *c, dk_denoise_fn denoise, void *user, dk_real *x) {
    dk_run run;
    if (c && !denoise)
        return dkp_fail_text(c->message, DK_ERROR_CONFIG, "denoise = NULL: must be a function");
    dk_status status = dk_begin(&run, c, x, NULL, 0);
    if (status == DK_OK) status = dk_continue(&run, denoise, user);
    const dk_real *state = dk_state(&run);
    if (status != DK_OK && state && !run.config.backend && state != x) memcpy(x, state, run.size * sizeof *x);
    if (status != DK_OK && c) memcpy(c->message, run.message, sizeof c->message);
    dk_end(&run);
    return status;
}

DK_API const dk_real *dk_state(const dk_run *run) {
    if (!run || !run->size || (run->config.backend && !run->config.backend->get)) return NULL;
    int slot = run->own.state == DKP_WAITING ? dkp_plan_of(run)->value[dkp_open_call(run)->x].slot : 0;
    return (const dk_real *)dkp_fetch((dk_run *)(uintptr_t)run, DK_VALUE_BUFFER, slot, 0); /* writes to workspace alone */
}

/* ============================================================================
   BOOK TWO: THE MACHINERY
   ============================================================================ */

/* -------------------------------- >>math  Elementary functions, quantiles, weights of integrals */

typedef struct dkp_pair {
    double hi, lo;
} dkp_pair;

DKP_INLINE uint64_t dkp_double_bits(double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* From the bits: nothing is computed, so nothing traps where the host program lets floating point exceptions trap. */
static int dkp_finite(double v) { return (dkp_double_bits(v) >> 52 & 0x7FF) < 0x7FF; }

DKP_INLINE double dkp_double(uint64_t bits) {
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

DKP_INLINE dkp_pair dkp_two_sum(double a, double b) { /* Knuth */
    dkp_pair s = {a + b, 0};
    double b_in_s = s.hi - a;
    s.lo = (a - (s.hi - b_in_s)) + (b - b_in_s);
    return s;
}

static dkp_pair dkp_product(double a, double b) {
    double a1 = 134217729 * a - (134217729 * a - a), a2 = a - a1; /* 2^27 + 1: halves of 26 bits */
    double b1 = 134217729 * b - (134217729 * b - b), b2 = b - b1;
    dkp_pair p = {a * b, 0};
    p.lo = ((a1 * b1 - p.hi) + (a1 * b2 + a2 * b1)) + a2 * b2;
    return p;
}

static dkp_pair dkp_ratio(dkp_pair a, dkp_pair b) {
    double inverse = 1 / b.hi;
    dkp_pair q = {a.hi * inverse, 0}, p = dkp_product(q.hi, b.hi);
    q.lo = (((a.hi - p.hi) - p.lo) + (a.lo - q.hi * b.lo)) * inverse;
    return q;
}

/* The sum of c[i] x^i, i < n, for even n; pairs of terms do not wait for one another. */
DKP_INLINE double dkp_polynomial(const double *c, int n, double x) {
    double square = x * x, sum = 0;
    for (int i = n - 2; i >= 0; i -= 2) sum = sum * square + (c[i] + c[i + 1] * x);
    return sum;
}

/* exp(x + tail) - less, for less = 0 or 1: x = k log 2 + r, exp r = 1 + r + r^2 P(r). */
static double dkp_exp_less(double x, double tail, double less) {
    static const double P[] = {0.5,
                               0.16666666666666666,
                               0.04166666666666668,
                               0.008333333333333333,
                               0.0013888888888879043,
                               0.0001984126984126328,
                               2.4801587336526005e-05,
                               2.7557319247274564e-06,
                               2.755726318947621e-07,
                               2.5052071034565116e-08,
                               2.0918170876658783e-09,
                               1.608665004457821e-10};
    if (!(x < 710)) return x > 0 ? HUGE_VAL : x;
    if (x < (less > 0 ? -40 : -746)) return 0 - less;
    int k = (int)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5)), half = k / 2;
    dkp_pair r = dkp_two_sum(x - k * 0.6931471805601177, tail + k * 1.7239444525614835e-13);
    double first = dkp_double((uint64_t)(1023 + half) << 52);
    double second = dkp_double((uint64_t)(1023 + k - half) << 52);
    double one = less > 0 && k < 64 ? 1 - dkp_double((uint64_t)(1023 - k) << 52) : 1; /* 1 - less 2^-k */
    dkp_pair sum = dkp_two_sum(one, r.hi);
    return (sum.hi + (sum.lo + (r.lo + r.hi * r.hi * dkp_polynomial(P, 12, r.hi)))) * first * second;
}

static double dkp_exp(double x) { return dkp_exp_less(x, 0, 0); }
static double dkp_expm1(double x) { return dkp_exp_less(x, 0, 1); }

/* x = 2^e m with m in [sqrt 1/2, sqrt 2): m - 1. Where there is none e is 0 and the result log x: infinite or NaN. */
DKP_INLINE double dkp_mantissa(double x, int *e) {
    const uint64_t root_half = 0x3FE6A09E667F3BCDu, one = 0x3FF0000000000000u;
    uint64_t bits;
    *e = 0;
    if (!(x > 0)) return x < 0 ? (x - x) / (x - x) : x - HUGE_VAL;
    if (x > 1.7976931348623157e308) return x;
    if (x < 2.2250738585072014e-308) x *= 18014398509481984.0, *e = -54; /* 2^54 */
    bits = dkp_double_bits(x) + (one - root_half);
    *e += (int)(bits >> 52) - 1023;
    return dkp_double((bits & 0xFFFFFFFFFFFFFu) + root_half) - 1;
}

/* With f = m - 1 and s = f/(2 + f): log m = 2 s (1 + s^2/3 + s^4 R(s^2)) = f - f^2/2 + s (f^2/2 + 2/3 s^2 + 2 s^4 R). */
static const double dkp_log_R[] = {0.2,
                                   0.14285714285714685,
                                   0.1111111111082725,
                                   0.0909090916785336,
                                   0.07692297464492055,
                                   0.0666740325865275,
                                   0.058530937599893966,
                                   0.05861844511824613};

static double dkp_log(double x) {
    int e;
    double f = dkp_mantissa(x, &e);
    if (!(fabs(f) < 1)) return f;
    double s = f / (2 + f), z = s * s, half = 0.5 * f * f;
    double R = z * (0.6666666666666666 + 2 * z * dkp_polynomial(dkp_log_R, 8, z));
    return e * 0.6931471805601177 - (half - (s * (half + R) - e * 1.7239444525614835e-13) - f);
}

/* The same to twice as many digits. */
static dkp_pair dkp_log_pair(double x) {
    int e;
    dkp_pair m = {dkp_mantissa(x, &e), 0}, v;
    if (!(fabs(m.hi) < 1)) return m;
    dkp_pair s = dkp_ratio(m, dkp_two_sum(2, m.hi)), z = dkp_product(s.hi, s.hi);
    dkp_pair w = dkp_product(z.hi, 0.3333333333333333);
    w.lo += z.hi * 1.850371707708594e-17 + (z.lo + 2 * s.hi * s.lo) * 0.3333333333333333;
    w = dkp_two_sum(w.hi, w.lo + z.hi * z.hi * dkp_polynomial(dkp_log_R, 8, z.hi));
    dkp_pair sw = dkp_product(2 * s.hi, w.hi), sum = dkp_two_sum(e * 0.6931471805601177, 2 * s.hi);
    double rest = 2 * (s.lo + s.hi * w.lo + s.lo * w.hi) + sw.lo - e * 1.7239444525614835e-13;
    v = dkp_two_sum(sum.hi, sw.hi);
    return dkp_two_sum(v.hi, sum.lo + v.lo + rest);
}

DKP_ONCE static double dkp_log1p(double x) {
    dkp_pair sum = dkp_two_sum(1, x), v = dkp_log_pair(sum.hi);
    return fabs(v.hi) < HUGE_VAL ? v.hi + (v.lo + sum.lo / sum.hi) : v.hi;
}

/* x >= 0 */
static double dkp_pow(double x, double y) {
    dkp_pair v = dkp_log_pair(x), p;
    if (!(y > 0 || y < 0)) return 1;
    if (!(fabs(y * v.hi) < 800)) return dkp_exp(y * v.hi);
    p = dkp_product(y, v.hi);
    return dkp_exp_less(p.hi, p.lo + y * v.lo, 0);
}

typedef struct dkp_turned {
    dkp_pair cosine, sine;
} dkp_turned;

/* x = n pi/2 + r with r in [-pi/4, pi/4], pi/2 in three parts; NaN from 2^19 on, where they would not do. */
static dkp_turned dkp_circle(double x) {
    static const double S[] = {-0.16666666666666666,  0.008333333333330925,    -0.00019841269836722418,
                               2.755731608381636e-06, -2.5051127944014188e-08, 1.5917848524808262e-10};
    static const double C[] = {0.041666666666666664,    -0.0013888888888887382, 2.480158729874307e-05,
                               -2.7557317260008837e-07, 2.0876143827993133e-09, -1.1382456778061306e-11};
    int n = 0;
    if (fabs(x) < 524288) n = (int)(x * 0.6366197723675814 + (x < 0 ? -0.5 : 0.5));
    else x = (x - x) / (x - x);
    dkp_pair a = dkp_two_sum(x - n * 1.5707963267341256, -n * 6.077100506303966e-11);
    dkp_pair r = dkp_two_sum(a.hi, -n * 2.0222662487959506e-21);
    r = dkp_two_sum(r.hi, a.lo + r.lo);
    double z = r.hi * r.hi, w = 1 - 0.5 * z;
    dkp_pair s = dkp_two_sum(r.hi, r.lo * w + r.hi * z * dkp_polynomial(S, 6, z));
    dkp_pair c = dkp_two_sum(w, (1 - w - 0.5 * z) + (z * z * dkp_polynomial(C, 6, z) - r.hi * r.lo));
    dkp_turned v = {n & 1 ? s : c, n & 1 ? c : s};
    if ((n + 1) & 2) v.cosine.hi = -v.cosine.hi, v.cosine.lo = -v.cosine.lo;
    if (n & 2) v.sine.hi = -v.sine.hi, v.sine.lo = -v.sine.lo;
    return v;
}

static double dkp_cos(double x) { return dkp_circle(x).cosine.hi; }
static double dkp_sin(double x) { return dkp_circle(x).sine.hi; }

static double dkp_tan(double x) {
    dkp_turned v = dkp_circle(x);
    dkp_pair ratio = dkp_ratio(v.sine, v.cosine);
    return ratio.hi + ratio.lo;
}

/* x >= 0. The angle from the nearest eighth of a turn, whose tangent t is at most tan(pi/8): atan t = t + t^3 A(t^2). */
static double dkp_atan2(double y, double x) {
    static const double A[] = {-0.3333333333333333,  0.199999999999998,     -0.14285714285659326,
                               0.11111111105106705,  -0.09090908751076636,  0.0769229630497447,
                               -0.06666423628069258, 0.058789145444006215,  -0.052303478730160745,
                               0.04551108126325172,  -0.034558092551413795, 0.01627194475162406};
    int steep = fabs(y) > x, eighths = steep ? 2 : 0;
    dkp_pair a = {steep ? x : fabs(y), 0}, b = {steep ? fabs(y) : x, 0};
    if (!(b.hi > 0)) return y + x; /* 0 or NaN */
    if (b.hi >= HUGE_VAL) a.hi = a.hi >= HUGE_VAL, b.hi = 1;
    double scale = b.hi > 1e150    ? 3.0549363634996047e-151
                   : b.hi < 1e-150 ? 3.273390607896142e150
                                   : 1; /* 2^-+500 */
    a.hi *= scale, b.hi *= scale;
    if (a.hi > 0.41421356237309503 * b.hi) {
        dkp_pair sum = dkp_two_sum(a.hi, b.hi);
        a = dkp_two_sum(a.hi, -b.hi), b = sum, eighths = 1;
    }
    dkp_pair t = dkp_ratio(a, b);
    double z = t.hi * t.hi, rest = t.lo * (1 - z) + t.hi * z * dkp_polynomial(A, 12, z);
    if (steep) t.hi = -t.hi, rest = -rest;
    t = dkp_two_sum(eighths * 0.7853981633974483, t.hi); /* and what pi/4 lacks */
    double angle = t.hi + (t.lo + (rest + eighths * 3.061616997868383e-17));
    return y < 0 ? -angle : angle;
}

static double dkp_atan(double x) { return dkp_atan2(x, 1); }

/* x >= 0 */
static double dkp_asinh(double x) {
    return x > 1e150 ? dkp_log(x) + 0.6931471805599453 : dkp_log1p(x + x * x / (1 + dkp_sqrt(1 + x * x)));
}

/* x >= 0: exp(-x^2) E(y)/(1 + x), y = (x - 4)/(x + 4) */
static double dkp_erfc(double x) {
    static const double E[] = {
        0.6849972881253069,     -0.19934458280036707,    0.1170496655104423,      -0.048080381221308165,
        0.003962055681301014,   0.015312509679303738,    -0.017515654646755696,   0.012161784753110081,
        -0.006068735217383084,  0.0021164215818284984,   -0.00038976749939915155, -6.013675580182606e-05,
        6.403278499880297e-05,  -1.3151208928020812e-05, -4.138610639412521e-06,  2.6504800397777583e-06,
        4.559157122628216e-09,  -3.645854943345239e-07,  5.0404390697578826e-08,  4.741140256925565e-08,
        -1.044242199256559e-08, -6.170261658610399e-09,  1.1247963532212495e-09,  6.102703123580613e-10};
    if (x > 28) return 0;
    dkp_pair square = dkp_product(x, x);
    return dkp_exp_less(-square.hi, -square.lo, 0) * dkp_polynomial(E, 24, (x - 4) / (x + 4)) / (1 + x);
}

/* The integral of t^(a-1) (1-t)^(b-1) from 0 to x, by its continued fraction (DLMF 8.17.22) in Lentz's form; for x up
   to about the mean. */
static double dkp_beta_integral(double x, double a, double b) {
    double c = 1, d = 1 / (1 - (a + b) * x / (a + 1)), fraction = d;
    for (int i = 2; i < 1000; i++) {
        double m = i / 2, even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
               odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double term = i % 2 ? odd : even;
        c = 1 + term / c, d = 1 / (1 + term * d);
        fraction *= c * d;
        if (fabs(c * d - 1) < 1e-16) break;
    }
    return dkp_exp(a * dkp_log(x) + b * dkp_log1p(-x)) * fraction / a;
}

/* By Newton steps that are kept within a shrinking bracket. */
static double dkp_beta_quantile(double p, double a, double b) {
    double low = 0, high = 1, x = 0.5, mean = (a + 1) / (a + b + 2);
    double all = dkp_beta_integral(mean, a, b) + dkp_beta_integral(1 - mean, b, a);
    if (p <= 0 || p >= 1) return p <= 0 ? 0 : 1;
    for (int i = 0; i < 200; i++) {
        double below = x > mean ? all - dkp_beta_integral(1 - x, b, a) : dkp_beta_integral(x, a, b);
        double error = below - p * all;
        if (error > 0) high = x;
        else low = x;
        double next = x - error / dkp_exp((a - 1) * dkp_log(x) + (b - 1) * dkp_log1p(-x));
        if (!(next > low && next < high)) next = low + (high - low) / 2;
        if (fabs(next - x) <= 1e-16 * x) break;
        x = next;
    }
    return x;
}

/* z with a standard normal above it with probability p; either infinity at the ends */
static double dkp_normal_above(double p) {
    double low = 0, high = 40, tail = p < 0.5 ? p : 1 - p;
    if (!(tail > 0)) return p < 0.5 ? HUGE_VAL : -HUGE_VAL;
    for (int i = 0; i < 100; i++) {
        double middle = low + (high - low) / 2;
        if (0.5 * dkp_erfc(middle * dkp_sqrt(0.5)) > tail) low = middle;
        else high = middle;
    }
    return p < 0.5 ? low : -low;
}

/* Averages of s^p, p < n, over 0 <= s <= 1 under the weight exp(H s): by its series, or for large H by parts:
   m_p = integral of H exp(-H (1 - s)) s^p ds = 1 - p/H m_{p-1}. */
static void dkp_moments(double H, int n, double *m) {
    if (fabs(H) > 2) {
        m[0] = -dkp_expm1(-H);
        for (int p = 1; p < n; p++) m[p] = 1 - p / H * m[p - 1];
    } else {
        double term = 1;
        for (int p = 0; p < n; p++) m[p] = 0;
        for (int k = 0; k < 30 && fabs(term) > 1e-18; k++, term *= H / k)
            for (int p = 0; p < n; p++) m[p] += term / (p + k + 1);
    }
    for (int p = n - 1; p >= 0; p--) m[p] /= m[0];
}

/* Coefficients of the polynomial of degree n - 1 that is 1 at node j and 0 at the others. */
static void dkp_lagrange(const double *node, int n, int j, double *basis) {
    basis[0] = 1;
    for (int k = 0, degree = 0; k < n; k++) {
        if (k == j) continue;
        basis[++degree] = 0;
        for (int i = degree; i >= 0; i--)
            basis[i] = ((i > 0 ? basis[i - 1] : 0) - node[k] * basis[i]) / (node[j] - node[k]);
    }
}

/* phi_k(z) = sum of z^n/(n + k)!: phi_0 = exp, phi_{k+1} = (phi_k - 1/k!)/z; Hochbruck & Ostermann 2010, eq. 2.10-2.11. */
static double dkp_phi(int k, double z) {
    double factorial = 1, sum = 0, phi;
    for (int i = 2; i <= k; i++) factorial *= i;
    if (k == 0) return dkp_exp(z);
    if (fabs(z) < 2) { /* the recursion would cancel */
        double term = 1 / factorial;
        /* in a fixed number of terms, since no processor foresees where rounding would hide the next */
        for (int n = 1, end = fabs(z) < 0.5 ? 16 : 24; n < end; n++) sum += term, term *= z / (n + k);
        return sum;
    }
    phi = dkp_expm1(z) / z, factorial = 1;
    for (int i = 1; i < k; i++) factorial *= i, phi = (phi - 1 / factorial) / z;
    return phi;
}

/* h phi_k(sign h); at sign h = -infinity its limit 1/(k - 1)!, 0 for k = 0 */
static double dkp_h_phi(int k, double h, int sign) {
    double factorial = 1;
    if (dkp_finite(h)) return h * dkp_phi(k, sign * h);
    for (int i = 2; i < k; i++) factorial *= i;
    return k > 0 ? 1 / factorial : 0;
}

/* ---------------------------------------------- >>text  Numbers as text, messages, similar names */

static void dkp_put(dkp_text *t, const char *s) {
    for (; *s; s++, t->length++)
        if (t->length + 1 < t->size) t->p[t->length] = *s;
    if (t->size) t->p[t->length < t->size ? t->length : t->size - 1] = 0;
}

static void dkp_put_char(dkp_text *t, char c) {
    char one[2] = {c, 0};
    dkp_put(t, one);
}

static void dkp_put_size(dkp_text *t, uint64_t v) {
    char digits[24];
    int n = DKP_COUNT(digits) - 1;
    digits[n] = 0;
    do digits[--n] = (char)('0' + v % 10);
    while (v /= 10);
    dkp_put(t, digits + n);
}

static void dkp_put_int(dkp_text *t, int64_t v) {
    if (v < 0) dkp_put(t, "-");
    dkp_put_size(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

/* A finite number > 0 in decimal, exactly: a whole number in words of nine digits, the lowest first, of whose digits `behind`
   are behind the point. */
enum { DKP_WORDS = 88 };
typedef struct dkp_expansion {
    uint32_t word[DKP_WORDS];
    int count, behind;
    int decade; /* its first digit stands for 10^decade */
} dkp_expansion;

/* The digit that stands for 10^decade. */
static int dkp_digit(const dkp_expansion *d, int decade) {
    static const uint32_t tens[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    int i = decade + d->behind;
    return i >= 0 && i < 9 * d->count ? (int)(d->word[i / 9] / tens[i % 9] % 10) : 0;
}

/* Of the double of these bits; half 1: of the middle between it and the next one. m 2^-n is m 5^n 10^-n. */
static void dkp_expand(dkp_expansion *d, uint64_t bits, int half) {
    const uint64_t WORD = 1000000000;
    int exponent = (int)(bits >> 52), e = (exponent ? exponent : 1) - 1076; /* of twice the double, which is m 2^e */
    uint64_t m = 2 * ((bits & 0xFFFFFFFFFFFFFu) | (uint64_t)(exponent > 0) << 52) + (uint64_t)half;
    for (; e < 0 && m % 2 == 0; e++) m /= 2;
    d->word[0] = (uint32_t)(m % WORD), d->word[1] = (uint32_t)(m / WORD), d->count = 2;
    d->behind = e < 0 ? -e : 0;
    for (int left = e < 0 ? -e : e; left > 0;) {
        uint64_t base = e < 0 ? 5 : 2, factor = 1, carry = 0;
        for (; left > 0 && base * factor < WORD; left--) factor *= base;
        for (int i = 0; i < d->count; i++, carry /= WORD)
            carry += d->word[i] * factor, d->word[i] = (uint32_t)(carry % WORD);
        if (carry) d->word[d->count++] = (uint32_t)carry;
    }
    for (d->decade = 9 * d->count - 1 - d->behind; !dkp_digit(d, d->decade);) d->decade--;
}

/* Whether a decimal text rounds to something above the double of these bits, ties to even. Its first digit that is not 0
   stands for 10^decade. */
static int dkp_rounds_above(uint64_t bits, const char *digit, const char *end, int decade) {
    dkp_expansion middle;
    dkp_expand(&middle, bits, 1);
    if (decade != middle.decade) return decade > middle.decade;
    for (; digit < end; digit++) {
        int own = *digit - '0';
        if (*digit == '.') continue;
        if (own != dkp_digit(&middle, decade)) return own > dkp_digit(&middle, decade);
        decade--;
    }
    while (decade + middle.behind >= 0)
        if (dkp_digit(&middle, decade--)) return 0;
    return bits % 2 != 0;
}

static int dkp_rounds_to(uint64_t bits, const char *digit, const char *end, int decade) {
    return dkp_rounds_above(bits - 1, digit, end, decade) && !dkp_rounds_above(bits, digit, end, decade);
}

/* v to n significant digits, as printf's %g writes it, or to more, up to `most`, until they bring it back; then also 1e15 without
   exponent. */
static void dkp_put_digits(dkp_text *t, double v, int n, int most) {
    double size = fabs(v);
    if (v < 0) dkp_put(t, "-");
    if (!dkp_finite(v)) {
        dkp_put(t, size > 0 ? "inf" : "nan");
        return;
    }
    if (size < 1e15 && size == floor(size)) {
        dkp_put_int(t, (int64_t)size);
        return;
    }
    const uint64_t bits = dkp_double_bits(size);
    dkp_expansion d;
    dkp_text all;
    char digits[24];
    int e;
    dkp_expand(&d, bits, 0);
    do {
        uint64_t m = 0, end = 1;
        for (int i = 0; i < n; i++, end *= 10) m = 10 * m + (uint64_t)dkp_digit(&d, d.decade - i);
        m += dkp_digit(&d, d.decade - n) >= 5;
        e = d.decade + (m == end);
        while (m % 10 == 0) m /= 10;
        all.p = digits, all.size = sizeof digits, all.length = 0;
        dkp_put_size(&all, m);
    } while (n++ < most && !dkp_rounds_to(bits, digits, digits + all.length, e));
    int count = (int)all.length, exponential = e < -4 || e >= (most < 15 ? most : 16), point = exponential ? 1 : e + 1;
    if (point <= 0) dkp_put(t, "0.");
    for (int i = point; i < 0; i++) dkp_put(t, "0");
    for (int i = 0; i < count || i < point; i++) {
        if (i > 0 && i == point) dkp_put(t, ".");
        dkp_put_char(t, i < count ? digits[i] : '0');
    }
    if (exponential) {
        dkp_put(t, "e");
        dkp_put_int(t, e);
    }
}

/* Six significant digits. */
static void dkp_put_real(dkp_text *t, double v) { dkp_put_digits(t, v, 6, 6); }

/* As many as bring v back. Every number of 15 digits comes back, but for those below 2.2e-308. */
static void dkp_put_exact(dkp_text *t, double v) { dkp_put_digits(t, v, fabs(v) < 2.3e-308 ? 1 : 15, 17); }

/* %s is a text, %d an int, %zu a size, %g a number to six digits, %e one exactly. */
static void dkp_say_these(dkp_text *t, const char *format, va_list list) {
    for (; *format; format++)
        if (*format != '%') dkp_put_char(t, *format);
        else if (*++format == 's') dkp_put(t, va_arg(list, const char *));
        else if (*format == 'd') dkp_put_int(t, va_arg(list, int));
        else if (*format == 'z') dkp_put_size(t, va_arg(list, size_t)), format++;
        else if (*format == 'e') dkp_put_exact(t, va_arg(list, double));
        else dkp_put_real(t, va_arg(list, double));
}

static void dkp_say(dkp_text *t, const char *format, ...) {
    va_list list;
    va_start(list, format);
    dkp_say_these(t, format, list);
    va_end(list);
}

/* What had no room is left out from a whole word on, and "..." stands for it. */
static dk_status dkp_fail_with(const dkp_text *t, dk_status status) {
    enum { LONGEST = 40 };
    if (t->length < t->size) return status;
    size_t room = t->size - 4, n = room;
    while (n > room - LONGEST && !strchr(" |", t->p[n - 1])) n--;
    memcpy(t->p + (n > room - LONGEST ? n : room), "...", 4);
    return status;
}

static dk_status dkp_fail_saying(char *message, dk_status status, const char *format, ...) {
    dkp_text t = {message, DK_MESSAGE_SIZE, 0};
    va_list list;
    va_start(list, format);
    dkp_say_these(&t, format, list);
    va_end(list);
    return dkp_fail_with(&t, status);
}

static dk_status dkp_fail_text(char *message, dk_status status, const char *text) {
    return dkp_fail_saying(message, status, "%s", text);
}

/* "field = value: must be allowed", of a number */
static dk_status dkp_fail(char *message, const char *field, double value, const char *allowed) {
    return dkp_fail_saying(message, DK_ERROR_CONFIG, "%s = %e: must be %s", field, value, allowed);
}

static dk_status dkp_fail_bytes(char *message, size_t given, size_t needed) {
    return dkp_fail_saying(message, DK_ERROR_MEMORY, "bytes = %zu: must be at least %zu", given, needed);
}

DK_API const char *dk_status_text(dk_status status) {
#define DKP_TEXT(name, text) text,
    static const char *const texts[] = {DK_STATUSES(DKP_TEXT)};
#undef DKP_TEXT
    return (unsigned)status < DK_STATUS_COUNT ? texts[status] : "unknown status";
}

DK_API int dk_version(void) { return DK_VERSION; }

DK_API const char *dk_message(const dk_config *c) { return c ? c->message : "config = NULL"; }

/* A decimal number at *text, which moves past it, whatever the locale: the double nearest to it. */
static int dkp_read_real(const char **text, double *v) {
    const uint64_t most = 0x7FEFFFFFFFFFFFFFu;
    const char *s = *text, *first = NULL;
    double sign = *s == '-' ? -1 : 1, head = 0, tens = 1;
    int e = 0, any = 0, point = 0, count = 0, exponent = 0; /* digits from the first that is not 0, and the last one's power */
    if (*s == '-' || *s == '+') s++;
    for (; (*s >= '0' && *s <= '9') || (*s == '.' && !point); s++) {
        if (*s == '.') {
            point = 1;
            continue;
        }
        any = 1, e -= point;
        if (!first && *s == '0') continue;
        if (!first) first = s;
        if (count++ < 17) head = 10 * head + (*s - '0');
    }
    const char *end = s;
    if (any && (*s == 'e' || *s == 'E')) {
        int minus = s[1] == '-';
        for (s += s[1] == '-' || s[1] == '+' ? 2 : 1, any = 0; *s >= '0' && *s <= '9'; s++, any = 1)
            if (exponent < 100000000) exponent = 10 * exponent + (*s - '0');
        e += minus ? -exponent : exponent;
    }
    *text = s;
    int size = e < 0 ? -e : e;
    for (int i = 0; i < size && i < 22; i++) tens *= 10;
    if (!count) {
        *v = 0;
    } else if (count < 16 && size < 23) {
        *v = e < 0 ? head / tens : head * tens; /* both are exact, and rounded once */
    } else { /* from a double that is near */
        int k = e + (count > 17 ? count - 17 : 0), half = k / 2;
        double close = head * dkp_pow(10, half) * dkp_pow(10, k - half);
        uint64_t bits = close <= 1.7976931348623157e308 ? dkp_double_bits(close) : most;
        while (bits > 0 && !dkp_rounds_above(bits - 1, first, end, count + e - 1)) bits--;
        while (bits <= most && dkp_rounds_above(bits, first, end, count + e - 1)) bits++;
        *v = dkp_double(bits);
    }
    *v *= sign;
    return any && dkp_finite(*v);
}

static char dkp_fold(char c) {
    return c >= 'A' && c <= 'Z'               ? (char)(c - 'A' + 'a')
           : c == '-' || c == ' ' || c == '/' ? '_'
           : c == '+'                         ? 'p'
                                              : c;
}

/* Levenshtein distance, blind to how a is written. A part of b is as near as one letter's difference. */
static int dkp_distance(const char *a, const char *b) {
    enum { LONGEST = 48 };
    int row[LONGEST + 1], n = 0, same = 0;
    for (const char *at = b; *at && a[same]; at++)
        for (same = 0; a[same] && dkp_fold(a[same]) == at[same];) same++;
    while (n < LONGEST && b[n]) row[n] = n, n++;
    row[n] = n;
    for (int i = 0; i < LONGEST && a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int best = diagonal + (dkp_fold(a[i]) != b[j]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return same > 1 && !a[same] && row[n] > 1 ? 1 : row[n];
}

/* The distance to b, or to the part of b after its last dot, whichever is smaller. */
static int dkp_distance_to(const char *a, const char *b) {
    const char *dot = strrchr(b, '.');
    int whole = dkp_distance(a, b), end = dot ? dkp_distance(a, dot + 1) : whole;
    return end < whole ? end : whole;
}

/* Nearest first; of two as near, the earlier; each once. */
static int dkp_nearest(const char *(*at)(int), const char *name, const char **names, int max) {
    int count = 0;
    for (int i = 0; at(i); i++) {
        int j = 0, distance = dkp_distance_to(name, at(i));
        while (j < count && strcmp(names[j], at(i)) != 0) j++;
        if (j < count) continue;
        j = count < max ? count++ : max;
        for (; j > 0 && distance < dkp_distance_to(name, names[j - 1]); j--)
            if (j < max) names[j] = names[j - 1];
        if (j < max) names[j] = at(i);
    }
    return count;
}

/* "; nearest: a, b" */
static void dkp_put_nearest(dkp_text *t, const char *(*at)(int), const char *name, int max) {
    const char *nearest[3];
    const char *folder = strrchr(name, '/');
    int count = dkp_nearest(at, folder ? folder + 1 : name, nearest, max);
    for (int i = 0; i < count; i++) dkp_say(t, "%s%s", i ? ", " : "; nearest: ", nearest[i]);
}

/* What `at` lists has no such name. */
static dk_status dkp_fail_name(char *message, const char *part, const char *name, const char *(*at)(int)) {
    dkp_text t = {message, DK_MESSAGE_SIZE, 0};
    dkp_say(&t, "%s \"%s\" is not known", part, name);
    dkp_put_nearest(&t, at, name, 3);
    return dkp_fail_with(&t, DK_ERROR_CONFIG);
}

/* The struct of an unknown name has one of these, so that no program has lists of names that it does not look into. */
static const char *dkp_sampler_name(int i) { return dk_sampler_at(i) ? dk_sampler_at(i)->name : NULL; }
static const char *dkp_grid_name(int i) { return dk_grid_at(i) ? dk_grid_at(i)->name : NULL; }
static const char *dkp_schedule_name(int i) { return dk_schedule_at(i) ? dk_schedule_at(i)->name : NULL; }
static dk_status dkp_unknown_sampler(dk_config *c, char *message) {
    return dkp_fail_name(message, "sampler", c->sampler.name, dkp_sampler_name);
}
static dk_status dkp_unknown_grid(char *message, const char *part, const char *name) {
    return dkp_fail_name(message, part, name, dkp_grid_name);
}
static dk_status dkp_unknown_schedule(char *message, const char *part, const char *name) {
    return dkp_fail_name(message, part, name, dkp_schedule_name);
}

/* A struct that has a name and nothing else. */
static dk_status dkp_fail_unknown(char *message, const char *part, const char *name, dk_unknown_fn unknown) {
    if (unknown) return unknown(message, part, name);
    return dkp_fail_saying(message, DK_ERROR_CONFIG, "%s = \"%s\": must be taken by its name with dk_config_set", part, name);
}

static dk_status dkp_fail_sampler(dk_config *c, char *message) {
    if (c->sampler.settle) return c->sampler.settle(c, message);
    return dkp_fail_saying(message, DK_ERROR_CONFIG,
                           "sampler = \"%s\": must be taken by its name with dk_config_set, or have its function in record",
                           c->sampler.name);
}

/* ------------------------------------------------------------------ >>tableaux  Tableaux as text */

/* A number, and what it is divided or multiplied by. */
static int dkp_read_fraction(const char **text, double *v) {
    double factor;
    if (!dkp_read_real(text, v)) return 0;
    for (char sign = **text; sign == '/' || sign == '*'; sign = **text) {
        if (++*text, !dkp_read_real(text, &factor)) return 0;
        *v = sign == '/' ? dkp_over(*v, factor) : *v * factor;
    }
    return dkp_finite(*v);
}

static dk_status dkp_parse_tableau(const char *text, dkp_tableau *t, char *message) {
    const char *at = text ? text : "";
    for (int row = 1, embedded = 0; row <= DK_MAX_STAGES + embedded; row++) {
        double sum = 0, *a = &t->a[dkp_row(row)];
        int n = 0;
        const char *end = at += strspn(at, " \t\n");
        while (n < row && dkp_read_fraction(&end, &a[n]) && strchr(" \t\n|~", *end))
            sum += a[n++], at = end += strspn(end, " \t\n");
        if (n == row && (!*at || *at == '~') && !(fabs(sum - 1) < 1e-3))
            return dkp_fail(message, "sum of b in sampler.tableau", sum, "1");
        if (n == row && !*at) {
            t->stages = row - embedded, t->embedded = embedded;
            return DK_OK;
        }
        if (n < row || embedded || (*at != '|' && *at != '~'))
            return dkp_fail_saying(message, DK_ERROR_CONFIG,
                                   "row %d of sampler.tableau: must have %d numbers or fractions; it goes wrong at \"%s\"", row,
                                   row, at);
        embedded = *at++ == '~';
    }
    return dkp_fail(message, "stages of sampler.tableau", DK_MAX_STAGES + 1, "1 .. 16");
}

/* The order of a tableau's better method: the power of the step that the two methods' difference begins with, in the terms
   A^j c^m of a slope, j + m = order - 1. 0: no such term differs up to 8. */
static int dkp_order_of(const dkp_tableau *t) {
    const double *better = &t->a[dkp_row(t->stages)], *embedded = better + t->stages;
    for (int order = 1; order <= 8; order++)
        for (int m = 0; m < order; m++) {
            double v[DK_MAX_STAGES + 1], difference = 0;
            for (int i = 0; i <= t->stages; i++) v[i] = 1;
            for (int k = 1; k < order; k++)
                for (int i = t->stages; i >= 0; i--) {
                    double next = 0;
                    for (int j = 0; j < i; j++) next += t->a[dkp_row(i) + j] * v[k <= m ? i : j];
                    v[i] = next;
                }
            for (int i = 0; i <= t->stages; i++) difference += ((i < t->stages ? better[i] : 0) - embedded[i]) * v[i];
            if (fabs(difference) > 1e-9) return order;
        }
    return 0;
}

/* One item of a row: "by" and columns, a column, a term, or, before all of these, c. Returns where it ends. */
static const char *dkp_parse_phi(const char *at, dkp_phi_tableau *m, int row, int *column, int *stage) {
    static const char *const digits = "0123456789abcdef";
    int columns = m->stages ? m->stages : row;
    double v, where = m->c[row];
    if (strncmp(at, "by ", 3) == 0) {
        for (at += 3; *at && strchr(digits, *at); at++) {
            int j = (int)(strchr(digits, *at) - digits);
            if (j < 1 || j >= columns) return NULL;
            m->through[row] |= 1u << j;
        }
        *column = 0;
        return at;
    }
    if (!dkp_read_fraction(&at, &v)) return NULL;
    at += strspn(at, " ");
    if (*at == ':') {
        *column = v >= 0 && v < columns ? (int)v : -1;
        return *column < 0 ? NULL : at + 1;
    }
    if (strncmp(at, "phi", 3) == 0) {
        int k = at[3] - '0';
        if (*column < 0 || k < 0 || k > 9) return NULL;
        at += 4;
        if (*at == '(' && (at++, !dkp_read_fraction(&at, &where) || *at++ != ')')) return NULL;
        return where >= 0 && dkp_put_phi(m, row, *column, k, v, where) ? at : NULL;
    }
    if (*stage || *column >= 0 || !(v > 0)) return NULL;
    m->c[row] = v, *stage = 1;
    return at;
}

static dk_status dkp_parse_exponential(const char *text, dkp_phi_tableau *m, char *message) {
    const char *at = text;
    memset(m, 0, offsetof(dkp_phi_tableau, term));
    for (int row = 1; row <= DK_MAX_STAGES + m->embedded; row++) {
        int column = -1, stage = 0;
        m->c[row] = 1;
        while (at += strspn(at, " \t\n,"), *at && *at != '|' && *at != '~') {
            const char *end = dkp_parse_phi(at, m, row, &column, &stage);
            if (!end) break;
            at = end;
        }
        if (!stage && !m->stages) m->stages = row;
        if (!*at && !stage) return DK_OK;
        if (stage ? *at != '|' || m->embedded : *at != '~' || m->embedded)
            return dkp_fail_saying(message, DK_ERROR_CONFIG,
                                   "row %d of sampler.exponential: must be c, then \"by 12\" or \"1: 2 phi2\"; it goes wrong at "
                                   "\"%s\"",
                                   row, at);
        m->embedded = *at++ == '~';
    }
    return dkp_fail(message, "stages of sampler.exponential", DK_MAX_STAGES + 1, "1 .. 16");
}

/* A method of two stages can be judged by the first order step, whose row is empty. */
static int dkp_has_embedded(const dkp_phi_tableau *m) {
    return m->embedded || m->stages == 2;
}

/* ------------------------------------------------------------------------------ >>noise  Noise */

DKP_FAST

/* Read as volatile, or gcc would multiply vectors by shifts and additions; if it were volatile, gcc would make it
   writable. */
static const uint32_t dkp_multipliers[2] = {0xD2511F53u, 0xCD9E8D57u};
DKP_INLINE uint32_t dkp_multiplier(int i) { return ((const volatile uint32_t *)dkp_multipliers)[i]; }

/* Noise is made in lanes. A lane is one number, in loops that gcc vectorises; clang's are vectors, since it vectorises no loop
   at -O0 and few at -O1. Their functions take addresses, for vectors are passed in one way or another by machine. */
#ifdef __clang__
typedef uint64_t dkp_blocks __attribute__((vector_size(64)));
typedef uint32_t dkp_low_halves __attribute__((vector_size(32), aligned(4), may_alias));
typedef uint32_t dkp_uints __attribute__((vector_size(64)));
typedef int32_t dkp_ints __attribute__((vector_size(64)));
typedef float dkp_floats __attribute__((vector_size(64)));
typedef dk_real dkp_reals __attribute__((vector_size(16 * sizeof(dk_real)), aligned(sizeof(dk_real)), may_alias));
#define DKP_BITS(v) ((dkp_uints)(v))
#define DKP_FLOATS(bits) ((dkp_floats)(bits))
#define DKP_CONVERT(v, type) __builtin_convertvector(v, type)
#else
typedef uint64_t dkp_blocks;
typedef uint32_t dkp_low_halves, dkp_uints;
typedef int32_t dkp_ints;
typedef float dkp_floats;
typedef dk_real dkp_reals;
#define DKP_BITS(v) dkp_bits(v)
#define DKP_FLOATS(bits) dkp_float(bits)
#define DKP_CONVERT(v, type) ((type)(v))
#endif
enum { DKP_BLOCKS = sizeof(dkp_blocks) / sizeof(uint64_t), DKP_LANES = sizeof(dkp_floats) / sizeof(float) };

/* A counter's words are the low halves of c; above them anything may stand. So products come out where the next
   round wants them, without shuffling. */
DKP_INLINE void dkp_philox_round(dkp_blocks c[4], const uint32_t m[2], uint32_t key0, uint32_t key1, uint32_t i) {
    dkp_blocks p = m[0] * (c[0] & 0xFFFFFFFFu), q = m[1] * (c[2] & 0xFFFFFFFFu);
    c[0] = (q >> 32) ^ c[1] ^ (key0 + i * 0x9E3779B9u), c[1] = q;
    c[2] = (p >> 32) ^ c[3] ^ (key1 + i * 0xBB67AE85u), c[3] = p;
}

/* Without a loop, so that a loop around it is one that compilers vectorise. */
DKP_INLINE void dkp_philox(dkp_blocks c[4], const uint32_t m[2], uint32_t key0, uint32_t key1) {
#define DKP_ROUND(i) dkp_philox_round(c, m, key0, key1, i)
    DKP_ROUND(0), DKP_ROUND(1), DKP_ROUND(2), DKP_ROUND(3), DKP_ROUND(4);
    DKP_ROUND(5), DKP_ROUND(6), DKP_ROUND(7), DKP_ROUND(8), DKP_ROUND(9);
#undef DKP_ROUND
}

/* Philox4x32-10, Salmon et al. 2011. */
static void dkp_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    const uint32_t m[2] = {dkp_multiplier(0), dkp_multiplier(1)};
    const dkp_blocks zero = {0};
    dkp_blocks c[4] = {zero + counter[0], zero + counter[1], zero + counter[2], zero + counter[3]};
    for (uint32_t i = 0; i < 10; i++) dkp_philox_round(c, m, key[0], key[1], i);
    for (int i = 0; i < 4; i++) {
        uint64_t first;
        memcpy(&first, &c[i], sizeof first);
        out[i] = (uint32_t)first;
    }
}

DKP_INLINE uint32_t dkp_bits(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

DKP_INLINE float dkp_float(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* -2 log u for u = (2 (r/2) + 1) / 2^32. The logarithm is ours, so that it is the same everywhere:
   u = m 2^-e with m in [sqrt 1/2, sqrt 2), log m by a polynomial (Chebyshev fit, relative error 5e-8). */
DKP_INLINE void dkp_minus_2_log(const dkp_uints *r, dkp_floats *log) {
    dkp_uints bits = DKP_BITS(DKP_CONVERT((dkp_ints)(*r >> 1), dkp_floats) + 0.5f) + (0x3F800000u - 0x3F3504F3u); /* 2^31 u */
    dkp_floats e = DKP_CONVERT((dkp_ints)(31u + 127u - (bits >> 23)), dkp_floats);
    dkp_floats s = DKP_FLOATS((bits & 0x7FFFFFu) + 0x3F3504F3u) - 1.0f;
    dkp_floats p = s * (-2 * 0.087439455f) + 2 * 0.1437733f;
    p = p * s - 2 * 0.14949095f;
    p = p * s + 2 * 0.16560696f;
    p = p * s - 2 * 0.19956978f;
    p = p * s + 2 * 0.25002155f;
    p = p * s - 2 * 0.33334184f;
    p = p * s + 2 * 0.49999988f;
    p = p * s - 2 * 1.0f;
    *log = e * (2 * 0.69314718f) + s * p;
}

DKP_INLINE void dkp_roots(const dkp_floats *v, dkp_floats *root) {
#ifdef __clang__
    float lane[DKP_LANES];
    memcpy(lane, v, sizeof lane);
    for (int i = 0; i < DKP_LANES; i++) lane[i] = dkp_sqrtf(lane[i]);
    memcpy(root, lane, sizeof lane);
#else
    *root = dkp_sqrtf(*v);
#endif
}

/* cos and sin of 2 pi r / 2^32: the nearest quarter turn exactly, the rest in [-pi/4, pi/4] by polynomials. */
DKP_INLINE void dkp_turn(const dkp_uints *r, dkp_floats *cosine, dkp_floats *sine) {
    dkp_uints quarters = *r + 0x20000000u;                                        /* in its two highest bits */
    dkp_floats y = DKP_CONVERT((dkp_ints)(*r << 2), dkp_floats) * 1.16415322e-10f; /* the rest in half turns */
    dkp_floats z = y * y;
    dkp_uints s = DKP_BITS(y * (3.1415927f + z * (-5.167709f + z * (2.5498216f + z * -0.58974695f))));
    dkp_uints c = DKP_BITS(1.0f + z * (-4.934802f + z * (4.058708f + z * (-1.3350679f + z * 0.23153661f))));
    dkp_uints swap = (s ^ c) & (0u - (quarters >> 30 & 1));
    *cosine = DKP_FLOATS(c ^ swap ^ ((quarters + 0x40000000u) & 0x80000000u));
    *sine = DKP_FLOATS(s ^ swap ^ (quarters & 0x80000000u));
}

enum { DKP_STREAMS = 16 };

/* Elements [element, end) of streams, which are read soon and which memory is asked for meanwhile: 32 of each with as many
   numbers of noise, since all at once would have to wait for one another. */
typedef struct dkp_ahead {
    size_t element, end;
    int streams;
    const char *stream[DKP_STREAMS];
    size_t bytes[DKP_STREAMS]; /* of an element */
} dkp_ahead;

static void dkp_ask(dkp_ahead *a, size_t n) {
    if (n > a->end - a->element) n = a->end - a->element;
#if defined(__GNUC__)
    for (int i = 0; i < a->streams; i++)
        for (size_t k = a->element * a->bytes[i]; k < (a->element + n) * a->bytes[i]; k += 64)
            __builtin_prefetch(a->stream[i] + k);
#endif
    a->element += n;
}

typedef struct dkp_noise {
    uint64_t seed, sample;
    uint32_t draw;
    dkp_ahead *ahead;              /* or NULL */
    const struct dkp_noise *apart; /* instead: chunk 0 of so many samples as chunks are asked for, at most DKP_CHUNKS; or NULL */
    int halves;                    /* 1: leaves out the second half of every chunk, where samples are that short; else 2 */
} dkp_noise;

enum { DKP_CHUNKS = 4 }; /* 64 numbers each, at a time: one alone would wait for its results */

/* Philox's numbers of the 16 blocks of each of k chunks. */
typedef uint32_t dkp_words[4][16 * DKP_CHUNKS];
typedef void dkp_words_fn(const dkp_noise *of, uint64_t chunk, size_t k, dkp_words r);

/* The inner loop's length is a constant, or gcc would not vectorise it. */
DKP_INLINE void dkp_words_plain(const dkp_noise *of, uint64_t chunk, size_t k, dkp_words r) {
    const uint32_t m[2] = {dkp_multiplier(0), dkp_multiplier(1)};
    static const uint64_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const dkp_blocks zero = {0};
    dkp_blocks number;
    memcpy(&number, numbers, sizeof number);
    for (size_t i = 0; i < 16 * k; i += 16)
        for (size_t j = i; j < i + 16; j += DKP_BLOCKS) {
            dkp_blocks block = number + (chunk * 16 + j);
            dkp_blocks c[4] = {block, zero + of->draw, zero + of->sample, (of->sample >> 32) ^ (block >> 32 << 16)};
            dkp_philox(c, m, (uint32_t)of->seed, (uint32_t)(of->seed >> 32));
            *(dkp_low_halves *)(void *)&r[0][j] = DKP_CONVERT(c[0], dkp_low_halves);
            *(dkp_low_halves *)(void *)&r[1][j] = DKP_CONVERT(c[1], dkp_low_halves);
            *(dkp_low_halves *)(void *)&r[2][j] = DKP_CONVERT(c[2], dkp_low_halves);
            *(dkp_low_halves *)(void *)&r[3][j] = DKP_CONVERT(c[3], dkp_low_halves);
        }
}

/* Normals 64 chunk .. 64 (chunk + chunks) - 1 of a draw. Philox block 16 chunk + j gives four of them, at j, j + 16,
   j + 32 and j + 48, so that every loop here runs over neighbours. Box & Muller 1958. */
DKP_INLINE void dkp_normal_chunks(const dkp_noise *of, uint64_t chunk, size_t chunks, dkp_words_fn *words,
                                  dk_real *z) {
    for (size_t k; chunks > 0; chunks -= k, chunk += k) {
        dkp_words r;
        k = chunks < DKP_CHUNKS ? chunks : (size_t)DKP_CHUNKS;
        if (!of->apart) words(of, chunk, k, r);
        for (size_t i = 0; of->apart && i < k; i++)
            words(&of->apart[i], 0, 1, (uint32_t(*)[16 * DKP_CHUNKS])(void *)&r[0][16 * i]);
        for (size_t half = 0; half < 2 * k; half++, z += 32) {
            const uint32_t *u = r[half % 2 * 2] + half / 2 * 16, *v = r[half % 2 * 2 + 1] + half / 2 * 16;
            if (of->halves == 1 && half % 2) continue;
            if (of->ahead) dkp_ask(of->ahead, 32);
            for (int j = 0; j < 16; j += DKP_LANES) {
                dkp_uints a, b;
                dkp_floats log, radius, cosine, sine;
                memcpy(&a, u + j, sizeof a), memcpy(&b, v + j, sizeof b);
                dkp_minus_2_log(&a, &log);
                dkp_roots(&log, &radius);
                dkp_turn(&b, &cosine, &sine);
                *(dkp_reals *)(void *)(z + j) = DKP_CONVERT(radius * cosine, dkp_reals);
                *(dkp_reals *)(void *)(z + 16 + j) = DKP_CONVERT(radius * sine, dkp_reals);
            }
        }
    }
}

/* The same for vectors that are wider than what every machine of this kind has; where clang's -ffast-math would contract
   for them whatever the pragmas say, there is no such choice. */
#if defined(__GNUC__) && defined(__x86_64__) && !defined(DK_NO_DISPATCH) && !defined(DKP_CLANG_FAST)
#define DKP_DISPATCH
#define DKP_AVX2 __attribute__((target("avx2,f16c")))
#define DKP_AVX512 __attribute__((target("avx512f,avx512dq,avx512vl")))
typedef int dkp_i8 __attribute__((vector_size(32)));

#if defined(__clang__) || __GNUC__ < 9
#define dkp_words_avx2 dkp_words_plain
#define dkp_words_avx512 dkp_words_plain
#else
typedef int dkp_i16 __attribute__((vector_size(64)));
typedef long long dkp_l8 __attribute__((vector_size(64)));

/* With the multiplication of 32 bits, which gcc does not find: it masks, and multiplies 64. Two vectors of N blocks at a
   time, since one would wait for its products. Their high halves are shuffled, as shifts would take the multiplications' place. */
#define DKP_LIST(...) \
    { __VA_ARGS__ }
#define DKP_WORDS(target, name, N, MULTIPLY, COUNT, ODD, EVEN)                                     \
    target static void name(const dkp_noise *of, uint64_t chunk, size_t k, dkp_words r) {          \
        typedef uint64_t vector __attribute__((vector_size(8 * N)));                               \
        typedef uint32_t narrow __attribute__((vector_size(8 * N)));                               \
        const vector count = DKP_LIST COUNT, zero = {0};                                           \
        const narrow odd = DKP_LIST ODD, even = DKP_LIST EVEN;                                     \
        const vector m0 = zero + dkp_multipliers[0], m1 = zero + dkp_multipliers[1];               \
        for (uint64_t j = 0; j < 16 * k; j += 2 * N) {                                             \
            uint64_t block = chunk * 16 + j;                                                       \
            vector key0 = zero + (uint32_t)of->seed, key1 = zero + (of->seed >> 32);               \
            vector a = count + block, b = zero + of->draw, c = zero + of->sample;                  \
            vector d = zero + ((of->sample >> 32) ^ (block >> 32 << 16)), e = a + N, f = b, g = c; \
            vector h = d, p, q;                                                                    \
            for (int i = 0; i < 10; i++, key0 += 0x9E3779B9u, key1 += 0xBB67AE85u) {               \
                p = (vector)MULTIPLY(a, m0), q = (vector)MULTIPLY(c, m1);                          \
                a = DKP_HIGH(q) ^ b ^ key0, b = q, c = DKP_HIGH(p) ^ d ^ key1, d = p;              \
                p = (vector)MULTIPLY(e, m0), q = (vector)MULTIPLY(g, m1);                          \
                e = DKP_HIGH(q) ^ f ^ key0, f = q, g = DKP_HIGH(p) ^ h ^ key1, h = p;              \
            }                                                                                      \
            const vector low[4] = {a, b, c, d}, high[4] = {e, f, g, h};                            \
            for (int i = 0; i < 4; i++) {                                                          \
                narrow word = __builtin_shuffle((narrow)low[i], (narrow)high[i], even);            \
                memcpy(&r[i][j], &word, sizeof word);                                              \
            }                                                                                      \
        }                                                                                          \
    }
#define DKP_HIGH(product) (vector) __builtin_shuffle((narrow)product, odd)
#define DKP_MULTIPLY_4(a, b) __builtin_ia32_pmuludq256((dkp_i8)(a), (dkp_i8)(b))
#define DKP_MULTIPLY_8(a, b) \
    __builtin_ia32_pmuludq512_mask((dkp_i16)(a), (dkp_i16)(b), (dkp_l8)(a), (unsigned char)-1)
DKP_WORDS(DKP_AVX2, dkp_words_avx2, 4, DKP_MULTIPLY_4, (0, 1, 2, 3), (1, 1, 3, 3, 5, 5, 7, 7),
          (0, 2, 4, 6, 8, 10, 12, 14))
DKP_WORDS(DKP_AVX512, dkp_words_avx512, 8, DKP_MULTIPLY_8, (0, 1, 2, 3, 4, 5, 6, 7),
          (1, 1, 3, 3, 5, 5, 7, 7, 9, 9, 11, 11, 13, 13, 15, 15),
          (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30))
#undef DKP_LIST
#undef DKP_HIGH
#undef DKP_WORDS
#undef DKP_MULTIPLY_4
#undef DKP_MULTIPLY_8
#endif

DKP_AVX2 static void dkp_normals_avx2(const dkp_noise *of, uint64_t chunk, size_t chunks, dk_real *z) {
    dkp_normal_chunks(of, chunk, chunks, dkp_words_avx2, z);
}

DKP_AVX512 static void dkp_normals_avx512(const dkp_noise *of, uint64_t chunk, size_t chunks, dk_real *z) {
    dkp_normal_chunks(of, chunk, chunks, dkp_words_avx512, z);
}
#endif

static void dkp_normals(const dkp_noise *of, uint64_t chunk, size_t chunks, dk_real *z) {
#ifdef DKP_DISPATCH
    if (__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        dkp_normals_avx512(of, chunk, chunks, z);
        return;
    }
    if (__builtin_cpu_supports("avx2")) {
        dkp_normals_avx2(of, chunk, chunks, z);
        return;
    }
#endif
    dkp_normal_chunks(of, chunk, chunks, dkp_words_plain, z);
}

static void dkp_normals_from(const dkp_noise *of, uint64_t first, size_t n, dk_real *out) {
    enum { PARTS = 2 }; /* more would take too much of the stack */
    for (size_t count; n > 0; first += count, out += count, n -= count) {
        size_t skip = (size_t)(first % 64), whole = skip ? 0 : n / 64;
        count = 64 * whole;
        if (whole >= PARTS || count == n) {
            dkp_normals(of, first / 64, whole, out);
        } else { /* parts of chunks */
            dk_real z[64 * PARTS];
            size_t k = (skip + n + 63) / 64;
            if (k > PARTS) k = PARTS;
            count = 64 * k - skip < n ? 64 * k - skip : n;
            dkp_normals(of, first / 64, k, z);
            memcpy(out, z + skip, count * sizeof z[0]);
        }
    }
}

DK_API void dk_normals(uint64_t seed, uint64_t sample, uint32_t draw, uint64_t first, size_t n,
                       dk_real *out) {
    const dkp_noise of = {seed, sample, draw, NULL, NULL, 2};
    dkp_normals_from(&of, first, n, out);
}

DKP_SMALL

/* A generator of another program, which gives numbers in its own order. */
typedef struct dkp_generator {
    size_t state; /* bytes that it remembers from draw to draw, per seed; zero bytes: it has not begun */
    uint64_t largest_seed;
    int finite; /* needs finite noise levels */
    /* Elements of one sample; NULL: it gives whole draws only. */
    void (*part)(const dk_noise_source *s, const dk_noise_request *q, size_t sample, size_t element, size_t n,
                 dk_real *out);
    /* A whole draw; states: as many as there are seeds, or NULL. 0: it has none for this draw. */
    int (*fill)(const dk_noise_source *s, const dk_noise_request *q, void *states, dk_real *out);
} dkp_generator;

/* NULL: a source of the library's own, or the user's. */
static const dkp_generator *dkp_generator_of(const dk_noise_source *s) {
    return !s->fn && s->kind > DK_NOISE_BROWNIAN ? dkp_generator_at((int)s->kind - DK_NOISE_BROWNIAN - 1) : NULL;
}

static int dkp_needs_finite(const dk_noise_source *s) {
    const dkp_generator *generator = dkp_generator_of(s);
    return generator && generator->finite;
}

/* Gives whole draws, not elements. */
static int dkp_whole(const dk_noise_source *s) {
    const dkp_generator *generator = dkp_generator_of(s);
    return s->fn || (generator && !generator->part);
}

/* With seeds near 2^63 / sizeof of a generator no memory is that large. */
static size_t dkp_generator_bytes(const dk_config *c, const dk_noise_source *s) {
    const dkp_generator *generator = dkp_generator_of(s);
    return generator ? generator->state * (c->seeds ? (size_t)c->batch : 1) : 0;
}

static int dkp_same_source(const dk_noise_source *a, const dk_noise_source *b) {
    return a->kind == b->kind && a->bits == b->bits && a->threads == b->threads &&
           a->seed_offset == b->seed_offset && a->fn == b->fn && a->user == b->user;
}

static uint64_t dkp_seed_of(const dk_noise_source *s, const dk_noise_request *q, size_t sample) {
    return (q->seeds ? q->seeds[sample] : q->seed) + (uint64_t)(int64_t)s->seed_offset;
}

/* ---- Brownian paths: virtual trees, Li et al. 2020. A node halves an interval with a normal of its own, so an increment of
   the path is a sum of normals, whose shares in it depend on the times alone. */

typedef struct dkp_node {
    uint64_t place; /* of depth's 2^depth intervals; depth -1: the whole */
    int depth;
    double share;
} dkp_node;

enum { DKP_HALVINGS = 64 };

/* To six decimals, ties of the decimals to even: torchsde's times. */
static double dkp_decimal(double v) {
    double high = (double)(float)v, scaled = v * 1e6, whole = floor(scaled);
    double error = (high * 1e6 - scaled) + (v - high) * 1e6, over = (scaled - whole - 0.5) + error;
    int up = over > 0 || (!(over < 0) && whole > 2 * floor(whole / 2));
    return (whole + up) / 1e6;
}

/* The path from `from` to `at`, by the bridge between the ends of ever smaller intervals. */
static int dkp_walk(double from, double to, double at, int decimal, dkp_node *node) {
    double inside[DKP_HALVINGS]; /* shares in the increment from `from` to `to` */
    double grain = decimal ? 5e-7 : 1 / 4294967296.0;
    uint64_t place = 0;
    int n = 1;
    inside[0] = dkp_sqrt(to - from);
    node[0].place = 0, node[0].depth = -1, node[0].share = 0;
    while (at > from + grain && n < DKP_HALVINGS) {
        if (!(at < to - grain)) {
            for (int i = 0; i < n; i++) node[i].share += inside[i];
            break;
        }
        double middle = decimal ? dkp_decimal(0.5 * (from + to)) : 0.5 * (from + to);
        double left = (middle - from) / (to - from), own = dkp_sqrt((to - middle) * left);
        int right = at > middle + grain;
        for (int i = 0; i < n; i++) {
            if (right) node[i].share += left * inside[i];
            inside[i] *= right ? 1 - left : left;
        }
        node[n].place = place, node[n].depth = n - 1, node[n].share = right ? own : 0;
        inside[n++] = right ? -own : own;
        if (right) from = middle;
        else to = middle;
        place = 2 * place + (uint64_t)right;
    }
    return n;
}

/* W(to) - W(from) over the root of the time between them; 0 nodes where that does not go down. */
DKP_ONCE static int dkp_increment(double low, double high, double from, double to, int decimal, double time,
                                  dkp_node node[2 * DKP_HALVINGS]) {
    dkp_node start[DKP_HALVINGS];
    if (!(to < from)) return 0;
    int n = dkp_walk(low, high, to, decimal, node), m = dkp_walk(low, high, from, decimal, start), end = n;
    for (int i = 0; i < m; i++) {
        if (i < end && node[i].place == start[i].place) node[i].share -= start[i].share;
        else node[n] = start[i], node[n++].share *= -1;
    }
    for (int i = 0; i < n; i++) node[i].share /= dkp_sqrt(time);
    return n;
}

static double dkp_flow_level(double level) { return dkp_finite(level) ? level / (1 + level) : 1; }

/* Steps are told apart to 2^-31 on the way from 0 to 1. */
static double dkp_moment(double level) {
    return floor(dkp_flow_level(level) * 2147483648.0 + 0.5) / 2147483648.0;
}

DKP_FAST

/* The library's own: nodes are draws under a key that is derived from the seed and the way. */
DKP_ONCE static int dkp_brownian(uint64_t seed, uint64_t sample, const dk_noise_request *q, uint64_t first,
                                 size_t n, dk_real *out) {
    enum { PART = 256 / sizeof(dk_real) }; /* elements at a time */
    dkp_node node[2 * DKP_HALVINGS];
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)},
                   counter[4] = {(uint32_t)q->way, 0, 0, 0xFFFFFFFFu};
    uint32_t derived[4];
    double from = dkp_moment(q->from), to = dkp_moment(q->to);
    int count = dkp_increment(0, 1, from, to, 0, from - to, node);
    dkp_philox_block(counter, key, derived);
    for (size_t done = 0; done < n && count; done += PART) {
        size_t part = n - done < PART ? n - done : (size_t)PART;
        dk_real z[PART];
        double sum[PART] = {0};
        for (int k = 0; k < count; k++) {
            uint64_t number = node[k].depth < 0 ? 0 : (1ull << node[k].depth) | node[k].place;
            if (!(fabs(node[k].share) > 0)) continue;
            dk_normals(derived[0] | (uint64_t)derived[1] << 32, sample, (uint32_t)number, first + done, part,
                       z);
            for (size_t i = 0; i < part; i++) sum[i] += node[k].share * (double)z[i];
        }
        for (size_t i = 0; i < part; i++) out[done + i] = (dk_real)sum[i];
    }
    return count;
}

/* Elements of one sample, from a source that has them apart. */
static void dkp_draw_part(const dk_noise_source *s, const dk_noise_request *q, size_t sample, size_t element,
                          size_t n, dkp_ahead *ahead, dk_real *out) {
    const dkp_generator *generator = dkp_generator_of(s);
    uint64_t seed = dkp_seed_of(s, q, sample), number = q->seeds ? 0 : q->first_sample + sample;
    if (generator && generator->part) {
        generator->part(s, q, sample, element, n, out);
    } else if (s->kind != DK_NOISE_BROWNIAN || !dkp_brownian(seed, number, q, element, n, out)) {
        const dkp_noise of = {seed, number, (uint32_t)q->draw, ahead, NULL, 2};
        dkp_normals_from(&of, element, n, out);
    }
}

/* The first of elements [at, at + n) of a draw whose samples have one chunk each, of several samples at a time; how many. */
DKP_ONCE static size_t dkp_draw_short(const dk_noise_source *s, const dk_noise_request *q, size_t at, size_t n,
                                      dkp_ahead *ahead, dk_real *out) {
    dkp_noise one[DKP_CHUNKS];
    dk_real z[64 * DKP_CHUNKS];
    const dkp_noise of = {0, 0, 0, ahead, one, q->dim > 32 ? 2 : 1};
    size_t sample = at / q->dim, element = at % q->dim, most = (element + n - 1) / q->dim + 1, done = 0, k = 0;
    for (; k < DKP_CHUNKS && k < most; k++) {
        one[k].seed = dkp_seed_of(s, q, sample + k), one[k].draw = (uint32_t)q->draw;
        one[k].sample = q->seeds ? 0 : q->first_sample + sample + k;
    }
    dkp_normals(&of, 0, k, z);
    for (size_t i = 0; i < k; i++, element = 0) {
        size_t count = q->dim - element < n - done ? q->dim - element : n - done;
        memcpy(out + done, z + 64 * i + element, count * sizeof *out);
        done += count;
    }
    return done;
}

/* Elements [at, at + n) of a draw, of any number of samples. */
static void dkp_draw_range(const dk_noise_source *s, const dk_noise_request *q, size_t at, size_t n,
                           dkp_ahead *ahead, dk_real *out) {
    int brief = q->dim <= 64 && s->kind != DK_NOISE_BROWNIAN && !dkp_generator_of(s);
    for (size_t count; n > 0; at += count, out += count, n -= count) {
        size_t element = at % q->dim, left = q->dim - element;
        count = left < n ? left : n;
        if (brief) count = dkp_draw_short(s, q, at, n, ahead, out);
        else dkp_draw_part(s, q, at / q->dim, element, count, ahead, out);
    }
}

/* A whole draw. states: where the source's generators stand, or NULL. */
static dk_status dkp_fill(const dk_noise_source *s, const dk_noise_request *q, void *states, dk_real *out) {
    const dkp_generator *generator = dkp_generator_of(s);
    if (s->fn) return s->fn(s->user, q, out) ? DK_ERROR_CALLBACK : DK_OK;
    if (generator && generator->fill && generator->fill(s, q, states, out)) return DK_OK;
    dkp_draw_range(s, q, 0, (size_t)q->batch * q->dim, NULL, out);
    return DK_OK;
}

/* torchsde's path joins a run's highest level and its lowest, behind which may come sigma = 0. */
static int dkp_off_path(const dk_noise_source *s, const dk_noise_request *q) {
    int path = q->lowest >= 0 && q->lowest < q->highest && (q->flow || dkp_finite(q->highest));
    int on = path && q->from <= q->highest && (q->to >= q->lowest || q->to <= 0);
    return dkp_needs_finite(s) && !q->way && q->to < q->from && !on;
}

DK_API dk_status dk_noise_fill(const dk_noise_source *source, const dk_noise_request *request, dk_real *out) {
    if (!source || !request || !out || (int)source->kind < 0 || source->kind >= DK_NOISE_COUNT ||
        (source->fn && source->kind > DK_NOISE_PHILOX) || request->batch < 1 || request->dim < 1 ||
        dkp_off_path(source, request))
        return DK_ERROR_CONFIG;
    return dkp_fill(source, request, NULL, out);
}

/* ----------------------------------------------------------- >>fields  A config's fields by name */

enum { DKP_WORD = 64 }; /* a name or a setting, with its closing zero */

/* The parts of a config that are checked at a time, a bit each. */
enum {
    DKP_OF_PLAN = 1, /* what belongs to none of these */
    DKP_OF_DATA = 2, /* what a run needs beyond a plan */
    DKP_OF_SCHEDULE = 4,
    DKP_OF_NETWORK = 8,
    DKP_OF_GRID = 16,
    DKP_OF_SAMPLER = 32,
    DKP_OF_GUIDANCE = 64,
    DKP_OF_ALL = 127
};

/* A field that can be set by name. */
typedef struct dkp_field {
    const char *name, *allowed;
    uint64_t facts; /* kinds b and q: bits */
    int at;         /* in dk_config */
    char kind;
    int of, next; /* the part's bit; the row in it that comes next, */
    const char *texts; /* with its texts; */
    const struct dkp_fields *part; /* and the part itself */
} dkp_field;

DKP_SMALL

static int dkp_controlled(const dk_config *c) {
    return c->sampler.control.rtol > 0 || c->sampler.control.atol > 0;
}

DKP_ONCE static int dkp_set(double v) { return v < 0 || v > 0; }

/* Guidance that is more than a sum with known coefficients. */
static int dkp_guided_by_norms(const dk_guidance *g) {
    return g->rescale > 0 || g->zero_star || g->projected || g->guider;
}

/* Whether there is a ramp; without steps it is for all that are left. */
static int dkp_is_ramp(const dk_ramp *r) { return r->steps || dkp_set(r->from) || dkp_set(r->to); }

/* Whether the scale is a list. */
static int dkp_ramps(const dk_guidance *g) { return dkp_is_ramp(g->ramps); }

/* How many steps the list is for, of so many that are run, and the scale of one of them. */
static int dkp_scale_at(const dk_guidance *g, int step, int steps, double *scale) {
    int done = 0;
    for (int k = 0; k < DK_RAMPS; k++) {
        const dk_ramp *r = &g->ramps[k];
        int n = r->steps ? r->steps : dkp_is_ramp(r) ? steps - done : 0;
        if (step >= done && step < done + n) *scale = r->from + (r->to - r->from) * (n > 1 ? (step - done) / (n - 1.0) : 0);
        done += n;
    }
    return done;
}

/* Every field of a config that has a name: its kind, name and member, facts of which one must hold (0: none need), and what it
   may be. Facts are a bit for each family, each spacing, and what DKP_FACTS lists; a field has several rows where it depends on
   them. Kinds: i int; r real, finite; R real; 1 real that is named by itself plus 1; u uint64_t; z size_t; c an enumeration, of
   these words; b a bit of a word; n a part by its name; w a way by its name; s a list of scales. Not to be set as text: q a word
   of bits; l how many levels a list has; f whether there is a function or text. Texts are what messages say and what is checked:
   see dkp_allowed. The rows of network_schedule and step_noise stand for schedule and noise, too. In DKP_FACTS s is the schedule
   of the part that is looked at. */
/* clang-format off */
#define DKP_FACTS(X) \
    X(BETAS, s->family == DK_FAMILY_VP_DISCRETE && !s->alphas_cumprod) \
    X(BETA_ENDS, s->family == DK_FAMILY_VP_DISCRETE && !s->alphas_cumprod && dkp_spaced_betas(s->betas)) \
    X(NO_LEVELS, c->grid.spacing < DK_SPACING_CUSTOM) \
    X(NO_RANGE, !dkp_ranged(&c->grid)) \
    X(TO_1, dkp_flow_unit(s)) /* u is at most 1 */ \
    X(BEYOND_1, !dkp_flow_unit(s)) \
    X(FINAL_VALUE, c->grid.final == DK_FINAL_VALUE) \
    X(OTHER_FINAL, c->grid.final != DK_FINAL_VALUE) \
    X(CONTROL, dkp_controlled(c)) \
    X(ZERO_STAR, c->guidance.zero_star) \
    X(PARTS, c->guidance.zero_star || c->guidance.projected) \
    X(QUANTILE, c->guidance.quantile > 0)
#define DKP_FACT(name, holds) , DKP_IF_##name
enum {
    DKP_IF_SPACING = (int)DK_FAMILY_COUNT, /* and DK_SPACING_... */
    DKP_IF_LAST = DKP_IF_SPACING + (int)DK_SPACING_COUNT - 1 DKP_FACTS(DKP_FACT)
};
#undef DKP_FACT
#define DKP_FAMILY(name) ((uint64_t)1 << DK_FAMILY_##name)
#define DKP_FAMILIES_BUT(name) ((((uint64_t)1 << DK_FAMILY_COUNT) - 1) ^ ((uint64_t)1 << DK_FAMILY_##name))
#define DKP_SPACED(name) (uint64_t)1 << (DKP_IF_SPACING + (int)DK_SPACING_##name)
#define DKP_IF(fact) ((uint64_t)1 << DKP_IF_##fact)
#ifdef DK_NO_PEERS
#define DKP_NOISE_WORDS "default|philox|brownian"
#define DKP_WAYS "none: DK_NO_PEERS leaves out those with a name"
#define DKP_ON_GPU(kind) 0
#define DKP_PEER_NAMES(X)
#define DKP_QUIRK_FIELDS(X) \
    X('q', "sampler.quirks", sampler.quirks, 0, "0: DK_NO_PEERS leaves them out") \
    X('r', "sampler.quirk", sampler.quirk, 0, "0: DK_NO_PEERS leaves it out")
#else
#define DKP_NOISE_WORDS "default|philox|brownian|torch_cpu|torch_cuda|numpy|torchsde"
#define DKP_WAYS "none, repaint or a1111_restart"
#define DKP_ON_GPU(kind) ((kind) == DK_NOISE_TORCH_CUDA)
#define DKP_PEER_NAMES(X) X('n', "model", message, 0, "a name")
#define DKP_QUIRK_FIELD(X, bit, number, text) X('b', "sampler." text, sampler.quirks, bit, "0 or 1")
#define DKP_QUIRK_FIELDS(X) \
    X('r', "sampler.quirk", sampler.quirk, 0, "0 .. 2147483647") \
    X('r', "sampler.evals", sampler.quirk, 0, "0 .. 2147483647") \
    X('q', "sampler.quirks", sampler.quirks, DK_QUIRK_ALL, "a sum of DK_QUIRK_...") \
    DK_QUIRKS(DKP_QUIRK_FIELD, X)
#endif
/* Of steps_offset, as diffusers calls it, and timesteps 0, r, 2r ..., r = T/steps. */
#define DKP_OFFSETS ">= 0, and with the last of steps below schedule.timesteps (steps_offset)"
/* Texts that dkp_resolve_data uses, too. It checks data and noise by code, so that a program which only runs plans needs no table. */
#define DKP_OF_BATCH "1 .. 357913941 (0: 1)"
#define DKP_OF_THREADS "0 .. 65536"
#define DKP_OF_BITS "0, 32 or 64"
#define DKP_OF_GPU "a multiple of 256 (0: no limit)"
#define DKP_DATA_FIELDS(X) \
    X('n', "sampler", sampler, 0, "a name") \
    X('n', "grid", grid, 0, "a name") \
    DKP_PEER_NAMES(X) \
    X('z', "dim", dim, 0, ">= 1") \
    X('i', "batch", batch, 0, DKP_OF_BATCH) \
    X('u', "seed", seed, 0, "a whole number below 2^64") \
    X('u', "first_sample", first_sample, 0, "a whole number below 2^64") \
    X('i', "threads", threads, 0, DKP_OF_THREADS) \
    X('i', "unchecked", unchecked, 0, "0 or 1")
#define DKP_NOISE_FIELDS(X) \
    X('c', "step_noise", step_noise.kind, 0, DKP_NOISE_WORDS) \
    X('i', "step_noise.bits", step_noise.bits, 0, DKP_OF_BITS) \
    X('i', "step_noise.threads", step_noise.threads, 0, DKP_OF_GPU) \
    X('i', "step_noise.seed_offset", step_noise.seed_offset, 0, "a whole number")
#define DKP_SCHEDULE_FIELDS(X) \
    X('n', "network_schedule", network_schedule, 0, "a name") \
    X('c', "network_schedule.family", network_schedule.family, 0, "default|flow|ve|edm|vp|vp_discrete|sub_vp|cosine|vp_cosine|custom") \
    X('r', "network_schedule.shift", network_schedule.shift, DKP_FAMILY(FLOW) | DKP_FAMILY(VP_DISCRETE), "> 0 (0: 1)") \
    X('r', "network_schedule.sigma_min", network_schedule.sigma_min, DKP_FAMILY(VE) | DKP_FAMILY(EDM), "> 0") \
    X('r', "network_schedule.sigma_max", network_schedule.sigma_max, DKP_FAMILY(VE) | DKP_FAMILY(EDM), "> sigma_min") \
    X('r', "network_schedule.sigma_min", network_schedule.sigma_min, DKP_FAMILY(VE), ">= 1e-100 on VE") /* times are quotients */ \
    X('r', "network_schedule.sigma_max", network_schedule.sigma_max, DKP_FAMILY(VE), "<= 1e100 on VE") \
    X('r', "network_schedule.cosine_offset", network_schedule.cosine_offset, DKP_FAMILY(VP_COSINE), ">= 0") \
    X('r', "network_schedule.cosine_power", network_schedule.cosine_power, DKP_FAMILY(VP_COSINE), "0.01 .. 100 (0: 1)") \
    X('r', "network_schedule.sigma_min", network_schedule.sigma_min, DKP_FAMILY(VP_COSINE), ">= 0") \
    X('R', "network_schedule.sigma_max", network_schedule.sigma_max, DKP_FAMILY(VP_COSINE), "> sigma_min (0: no limit)") \
    X('i', "network_schedule.timesteps", network_schedule.timesteps, DKP_FAMILY(VP_DISCRETE), "2 .. 1000000") \
    X('i', "network_schedule.timesteps", network_schedule.timesteps, DKP_FAMILY(FLOW), "2 .. 1000000 (0: 1000)") \
    X('c', "network_schedule.betas", network_schedule.betas, DKP_IF(BETAS), "linear|scaled_linear|cosine|sigmoid|exponential|laplace") \
    X('r', "network_schedule.beta_min", network_schedule.beta_min, DKP_IF(BETA_ENDS), "> 0 and < 1 without alphas_cumprod") \
    X('r', "network_schedule.beta_max", network_schedule.beta_max, DKP_IF(BETA_ENDS), "> 0 and < 1") \
    X('r', "network_schedule.beta_min", network_schedule.beta_min, DKP_FAMILY(VP) | DKP_FAMILY(SUB_VP), "> 0") \
    X('r', "network_schedule.beta_max", network_schedule.beta_max, DKP_FAMILY(VP) | DKP_FAMILY(SUB_VP), ">= beta_min") \
    X('i', "network_schedule.zero_terminal_snr", network_schedule.zero_terminal_snr, DKP_FAMILY(VP_DISCRETE), "0 or 1") \
    X('q', "network_schedule.quirks", network_schedule.quirks, DKP_QUIRK_SCHEDULE, "bits of DK_QUIRK_... that are a schedule's") \
    X('i', "network_schedule.quirks", network_schedule.quirks, DKP_FAMILIES_BUT(VP_DISCRETE), "0 but for a discrete schedule") \
    X('f', "network_schedule.alphas_cumprod", network_schedule.alphas_cumprod, DKP_FAMILY(VP_DISCRETE), "set by the program") \
    X('f', "network_schedule.fn", network_schedule.fn, DKP_FAMILY(CUSTOM), "set by the program") \
    X('r', "network_schedule.t_min", network_schedule.t_min, DKP_FAMILIES_BUT(DEFAULT), "within the family's times") \
    X('r', "network_schedule.t_max", network_schedule.t_max, DKP_FAMILIES_BUT(DEFAULT), "within the family's times, > t_min")
#define DKP_UNITS "default|t|sigma|flow|lambda|c_noise|data|angle"
#define DKP_PLAN_FIELDS(X) \
    X('i', "steps", steps, 0, "1 .. 1000000") \
    X('c', "prediction", prediction, 0, "default|x0|eps|v|velocity|score|edm") \
    X('r', "sigma_data", sigma_data, 0, "> 0 (0: 0.5)") \
    X('c', "condition", condition, 0, DKP_UNITS) \
    X('r', "condition_scale", condition_scale, 0, "finite (0: 1)") \
    X('r', "condition_offset", condition_offset, 0, "finite") \
    X('c', "condition_rounding", condition_rounding, 0, "none|nearest|down") \
    X('i', "negated", negated, 0, "0 or 1") \
    X('c', "number", number, 0, "real|fp16|bf16") \
    X('r', "clip", clip, 0, ">= 0") \
    X('c', "start", start, 0, "noise|state|data") \
    X('r', "start_scale", start_scale, 0, "> 0 (0: the first level's sigma)") \
    X('r', "start_excess", start_excess, 0, "-1 .. 1e30") \
    X('1', "temperature", start_excess, 0, "0 .. 1e30") \
    X('r', "score_excess", score_excess, 0, "> -1 and <= 1e6") \
    X('1', "score_factor", score_excess, 0, "> 0 and <= 1e6") \
    X('r', "score_deviation", score_deviation, 0, "0 .. 1e6 (score_factor=1 leaves the score as it is); needs score_excess or score_factor") \
    X('c', "blend", blend, 0, "state|fixed|denoised|both")
#define DKP_GUIDANCE_FIELDS(X) \
    X('r', "clip", clip, DKP_IF(QUANTILE), "0 with guidance.quantile") \
    X('r', "guidance.scale", guidance.scale, 0, "finite") \
    X('s', "guidance.schedule", guidance.ramps, 0, "none, or at most 6 scales for all steps: 7x45+3x3, 1to7") \
    X('r', "guidance.scale2", guidance.scale2, 0, "finite; needs scale") \
    X('r', "guidance.scale2", guidance.scale2, DKP_IF(PARTS), "0 with zero_star or projected") \
    X('r', "guidance.away2", guidance.away[0], 0, "finite; needs scale") \
    X('r', "guidance.away3", guidance.away[1], 0, "finite; needs scale") \
    X('r', "guidance.away4", guidance.away[2], 0, "finite; needs scale") \
    X('r', "guidance.away5", guidance.away[3], 0, "finite; needs scale") \
    X('f', "guidance.guider", guidance.guider, 0, "a function; needs scale") \
    X('f', "guidance.guider", guidance.guider, DKP_IF(PARTS), "0 with zero_star or projected") \
    X('i', "guidance.branches", guidance.branches, 0, "2 .. 6 (0: 2); needs guider") \
    X('i', "guidance.memory", guidance.memory, 0, "0 .. 6; needs guider") \
    X('R', "guidance.noise_min", guidance.noise_min, 0, ">= 0") \
    X('R', "guidance.noise_max", guidance.noise_max, 0, "> noise_min (0: no limit)") \
    X('r', "guidance.start", guidance.start, 0, "0 .. 1") \
    X('r', "guidance.stop", guidance.stop, 0, "0 .. 1 (0: 1)") \
    X('r', "guidance.stop", guidance.stop, 0, ">= start (0: 1)") \
    X('r', "guidance.rescale", guidance.rescale, 0, "0 .. 1; needs scale") \
    X('i', "guidance.zero_star", guidance.zero_star, 0, "0 or 1; needs scale") \
    X('i', "guidance.zero_init", guidance.zero_init, 0, ">= 0 and < steps") \
    X('i', "guidance.projected", guidance.projected, 0, "0, 1 or 2; needs scale") \
    X('i', "guidance.projected", guidance.projected, DKP_IF(ZERO_STAR), "0 with zero_star") \
    X('r', "guidance.parallel", guidance.parallel, 0, "finite; needs projected") \
    X('r', "guidance.momentum", guidance.momentum, 0, "finite; needs projected") \
    X('R', "guidance.limit", guidance.limit, 0, ">= 0 (0: no limit); needs projected") \
    X('c', "guidance.space", guidance.space, 0, "default|x0|eps|v|velocity|score|edm; needs rescale or zero_star or projected or zero_init or guider") \
    X('i', "guidance.doubled", guidance.doubled, 0, "0 or 1") \
    X('r', "guidance.quantile", guidance.quantile, 0, "0 .. 1 (0: no thresholding)") \
    X('R', "guidance.quantile_most", guidance.quantile_most, 0, ">= 0 (0: no limit); needs quantile")
#define DKP_GRID_WORD(spacing, name, ...) "|" name
#define DKP_GRID_FIELDS(X) \
    X('c', "grid.spacing", grid.spacing, 0, "default" DK_SPACINGS(DKP_GRID_WORD) "|custom|resample|levels") \
    X('c', "grid.unit", grid.unit, 0, DKP_UNITS) \
    X('c', "grid.unit", grid.unit, DKP_IF(NO_LEVELS), "default: it is for lists of levels") \
    X('c', "grid.final", grid.final, 0, "default|zero|min|value|replace|last") \
    X('c', "grid.rounding", grid.rounding, 0, "none|nearest|down") \
    X('c', "grid.partial", grid.partial, 0, "slice|stretch|level|up|more") \
    X('r', "grid.sigma_min", grid.sigma_min, 0, ">= 0 and < sigma_max") \
    X('r', "grid.sigma_max", grid.sigma_max, 0, ">= 0") \
    X('r', "grid.shift", grid.shift, 0, "> 0 (0: 1)") \
    X('r', "grid.terminal", grid.terminal, 0, "> 0 and < 1 (0: none)") \
    X('r', "grid.a", grid.a, DKP_SPACED(CUSTOM), "the function's own") \
    X('r', "grid.b", grid.b, DKP_SPACED(CUSTOM), "the function's own") \
    X('i', "grid.n", grid.n, DKP_SPACED(CUSTOM), "the function's own") \
    X('r', "grid.rho", grid.a, DKP_SPACED(DEFAULT) | DKP_SPACED(KARRAS) | DKP_SPACED(POWER) | DKP_SPACED(POLYEXPONENTIAL), "> 0 (0: 7, power 2, polyexponential 1)") \
    X('r', "grid.pivot", grid.b, DKP_SPACED(DEFAULT) | DKP_SPACED(POWER), "> 0 (0: 6 sigma_data times schedule.shift)") \
    X('r', "grid.time_min", grid.a, DKP_SPACED(VP), "> 0 and <= 0.999 (0: 0.001)") \
    X('r', "grid.c_1", grid.a, DKP_SPACED(IDDPM), "> 0 and < 1 (0: 0.001)") \
    X('r', "grid.c_2", grid.b, DKP_SPACED(IDDPM), "> 0 and <= 1 (0: 0.008)") \
    X('r', "grid.mean", grid.a, DKP_SPACED(LAPLACE) | DKP_SPACED(LOGIT_NORMAL), "-100 .. 100") \
    X('r', "grid.deviation", grid.b, DKP_SPACED(LAPLACE) | DKP_SPACED(LOGIT_NORMAL), "> 0 and <= 100 (0: by spacing)") \
    X('r', "grid.sway", grid.a, DKP_SPACED(SWAY), "-1 .. 1.75 (0: -1)") \
    X('r', "grid.threshold", grid.a, DKP_SPACED(LINEAR_QUADRATIC), "> 0 and < 1 (0: 0.025)") \
    X('i', "grid.linear_steps", grid.n, DKP_SPACED(LINEAR_QUADRATIC), ">= 0 and below steps") \
    X('r', "grid.beta_a", grid.a, DKP_SPACED(BETA) | DKP_SPACED(BETA_SIGMA), "> 0 and <= 50 (0: 0.6)") \
    X('r', "grid.beta_b", grid.b, DKP_SPACED(BETA) | DKP_SPACED(BETA_SIGMA), "> 0 and <= 50 (0: 0.6)") \
    X('i', "grid.offset", grid.n, DKP_SPACED(LEADING), DKP_OFFSETS) \
    X('r', "grid.offset", grid.a, DKP_SPACED(SD_TURBO), ">= 0 and below original_steps") \
    X('i', "grid.original_steps", grid.n, DKP_SPACED(SD_TURBO) | DKP_SPACED(LCM), "1 .. 1000000 (0: 10, lcm 50)") \
    X('r', "grid.coefficient", grid.a, DKP_SPACED(CUSTOM), "the function's own; of gits 1.20") \
    X('r', "grid.tokens", grid.a, DKP_SPACED(CUSTOM), "the function's own; of flux, flux2 and ltx2 > 0 and <= 1e6 (0: 4096)") \
    X('r', "grid.final_value", grid.final_value, DKP_IF(FINAL_VALUE), "> 0 (for zero use DK_FINAL_ZERO)") \
    X('r', "grid.final_value", grid.final_value, DKP_IF(OTHER_FINAL), "0 but for grid.final = value") \
    X('r', "grid.strength", grid.strength, 0, "> 0 and <= 1 (0: 1)") \
    X('i', "grid.full_steps", grid.full_steps, 0, "1 .. 1000000 (0: steps)") \
    X('q', "grid.quirks", grid.quirks, DK_QUIRK_SPARE_LEVEL | DK_QUIRK_SIGMA_LINEAR | DK_QUIRK_BELOW_ONE | DK_QUIRK_REPAINT_NOISE | DK_QUIRK_CLEAN_TWICE | DK_QUIRK_NOISY_TWICE, "bits of DK_QUIRK_... that are a grid's") \
    X('b', "grid.spare", grid.quirks, DK_QUIRK_SPARE_LEVEL, "0 or 1") \
    X('b', "grid.sigma_linear", grid.quirks, DK_QUIRK_SIGMA_LINEAR, "0 or 1") \
    X('b', "grid.below_one", grid.quirks, DK_QUIRK_BELOW_ONE, "0 or 1") \
    X('b', "grid.repaint_noise", grid.quirks, DK_QUIRK_REPAINT_NOISE, "0 or 1; needs way or travel") \
    X('b', "grid.clean_twice", grid.quirks, DK_QUIRK_CLEAN_TWICE, "0 or 1") \
    X('b', "grid.noisy_twice", grid.quirks, DK_QUIRK_NOISY_TWICE, "0 or 1") \
    X('w', "grid.way", grid.way, 0, DKP_WAYS) \
    X('i', "grid.rising", grid.rising, 0, "0 or 1") \
    X('i', "grid.travel", grid.travel, 0, "0 or 1") \
    X('f', "grid.levels", grid.levels, 0, "set by the program: dk_grid_levels") \
    X('f', "grid.levels", grid.levels, DKP_IF(NO_LEVELS), "0 but for lists of levels") \
    X('f', "grid.fn", grid.fn, DKP_SPACED(CUSTOM), "set by the program") \
    X('l', "grid.level_count", grid.level_count, DKP_SPACED(RESAMPLE), "2 .. 1000000, as many as grid.levels has") \
    X('l', "grid.level_count", grid.level_count, DKP_SPACED(LEVELS) | DKP_SPACED(CUSTOM), "as many as grid.levels has") \
    X('r', "grid.sigma_max", grid.sigma_max, DKP_IF(NO_RANGE), "0: this spacing has no range") \
    X('r', "grid.sigma_min", grid.sigma_min, DKP_IF(NO_RANGE), "0: this spacing has no range") \
    X('r', "grid.sigma_min", grid.sigma_min, DKP_SPACED(LINEAR_QUADRATIC), "0: this spacing ends at 0") \
    X('r', "grid.sigma_max", grid.sigma_max, DKP_IF(TO_1), "<= 1 for flow schedules") \
    X('r', "schedule.t_min", schedule.t_min, DKP_SPACED(QUADRATIC), ">= 0 for the quadratic grid") \
    X('i', "grid.final", grid.final, DKP_SPACED(LEVELS), "0: levels are taken verbatim") \
    X('r', "grid.shift", grid.shift, DKP_SPACED(LEVELS), "0: levels are taken verbatim") \
    X('r', "grid.terminal", grid.terminal, DKP_SPACED(LEVELS), "0: levels are taken verbatim") \
    X('r', "grid.terminal", grid.terminal, DKP_IF(BEYOND_1), "0 but for flow schedules")
#define DKP_SAMPLER_FIELDS(X) \
    X('f', "sampler.tableau", sampler.tableau, 0, "set by the program") \
    X('f', "sampler.exponential", sampler.exponential, 0, "set by the program") \
    X('c', "sampler.gauge", sampler.gauge, 0, "default|ve|flow|vp|native|pseudo") \
    X('c', "sampler.rule", sampler.rule, 0, "default|exact|dpm|dpm_taylor|bh1|bh2|sa|uniform|gradient") \
    X('c', "sampler.law", sampler.law, 0, "default|ancestral|sde|ddpm_large|fresh|time|flow|sde_noise") \
    X('c', "sampler.predictor", sampler.sde.predictor, 0, "reverse_diffusion|euler_maruyama|ancestral|none") \
    X('c', "sampler.control", sampler.control.law, 0, "standard|free|smooth; needs rtol or atol") \
    X('i', "sampler.order", sampler.order, 0, "0 .. 8") \
    X('r', "sampler.alpha", sampler.alpha[0], 0, "finite") \
    X('r', "sampler.alpha2", sampler.alpha[1], 0, "finite") \
    X('r', "sampler.gamma", sampler.gamma, 0, "finite") \
    X('r', "sampler.eta", sampler.eta, 0, ">= 0") \
    X('r', "sampler.noise_excess", sampler.noise_excess, 0, "-1 .. 1e30") \
    X('1', "sampler.s_noise", sampler.noise_excess, 0, "0 .. 1e30") \
    X('r', "sampler.churn", sampler.churn, 0, ">= 0") \
    X('R', "sampler.churn_min", sampler.churn_range[0], 0, ">= 0") \
    X('R', "sampler.churn_max", sampler.churn_range[1], 0, ">= churn_min (0: no limit)") \
    X('R', "sampler.noise_min", sampler.noise_range[0], 0, ">= 0") \
    X('R', "sampler.noise_max", sampler.noise_range[1], 0, ">= noise_min (0: no limit)") \
    X('r', "sampler.snr", sampler.sde.snr, 0, ">= 0") \
    X('r', "sampler.langevin_step", sampler.sde.langevin_step, 0, ">= 0") \
    X('i', "sampler.langevin_steps", sampler.sde.langevin_steps, 0, "0 .. 100000") \
    X('i', "sampler.corrector", sampler.corrector, 0, "0 .. 9") \
    X('i', "sampler.warmup", sampler.warmup, 0, ">= 0") \
    X('r', "sampler.rtol", sampler.control.rtol, 0, "0 .. 1") \
    X('r', "sampler.atol", sampler.control.atol, 0, "0 .. 1e300") \
    X('r', "sampler.h_init", sampler.control.h_init, 0, "0 .. 1e300 (0: by itself); needs rtol or atol") \
    X('r', "sampler.safety", sampler.control.safety, 0, "> 0 and <= 1 (0: 0.9); needs rtol or atol") \
    X('r', "sampler.pcoeff", sampler.control.pcoeff, 0, "-10 .. 10; needs rtol or atol") \
    X('r', "sampler.icoeff", sampler.control.icoeff, 0, "-10 .. 10; needs rtol or atol") \
    X('r', "sampler.dcoeff", sampler.control.dcoeff, 0, "-10 .. 10; needs rtol or atol") \
    X('i', "sampler.lower_order_final", sampler.lower_order_final, 0, "0 or 1") \
    X('i', "sampler.cfg_pp", sampler.cfg_pp, 0, "0 or 1") \
    X('i', "sampler.noise_prediction", sampler.noise_prediction, 0, "0 or 1") \
    X('i', "sampler.pece", sampler.pece, 0, "0 or 1; needs corrector") \
    X('r', "sampler.plain_last", sampler.plain_last, 0, "0 .. 1") \
    DKP_QUIRK_FIELDS(X) \
    X('r', "sampler.churn", sampler.churn, DKP_IF(CONTROL), "0 with step-size control") \
    X('i', "sampler.cfg_pp", sampler.cfg_pp, DKP_IF(CONTROL), "0 with step-size control")
/* clang-format on */

/* A row without its texts. Those are one after the other in memory that holds no pointer, which a program without names
   would else have the linker fill in for all of them. */
typedef struct dkp_field_row {
    uint64_t facts; /* kinds b and q: bits instead */
    unsigned short at;
    char kind;
    unsigned char name; /* sizes of its texts */
    unsigned short allowed;
} dkp_field_row;
#define DKP_PLACE(kind, name, member, facts, allowed)        \
    {facts, (unsigned short)offsetof(dk_config, member), kind, \
     (unsigned char)sizeof(name), (unsigned short)sizeof(allowed)},
#define DKP_TEXTS(kind, name, member, facts, allowed) name "\0" allowed "\0"
#define DKP_ROWS(part) \
    static const dkp_field_row dkp_##part##_rows[] = {DKP_##part##_FIELDS(DKP_PLACE)}; \
    static const char dkp_##part##_texts[] = DKP_##part##_FIELDS(DKP_TEXTS);
DKP_ROWS(DATA)
DKP_ROWS(NOISE)
DKP_ROWS(SCHEDULE)
DKP_ROWS(PLAN)
DKP_ROWS(GUIDANCE)
DKP_ROWS(GRID)
DKP_ROWS(SAMPLER)
#undef DKP_ROWS
#undef DKP_TEXTS
#undef DKP_PLACE

/* Where a part has another's rows, its names are so many letters shorter, and its members so many bytes further in front. */
#define DKP_PART(part, rows, letters, bytes) \
    {DKP_OF_##part, DKP_COUNT(dkp_##rows##_rows), letters, (int)(bytes), dkp_##rows##_rows, dkp_##rows##_texts}
typedef struct dkp_fields {
    int of, count, letters, bytes;
    const dkp_field_row *rows;
    const char *texts;
} dkp_fields;
static const dkp_fields dkp_parts[] = {
    DKP_PART(DATA, DATA, 0, 0),
    DKP_PART(DATA, NOISE, 5, offsetof(dk_config, step_noise) - offsetof(dk_config, noise)), /* "step_" */
    DKP_PART(DATA, NOISE, 0, 0),
    DKP_PART(SCHEDULE, SCHEDULE, 8, offsetof(dk_config, network_schedule) - offsetof(dk_config, schedule)), /* "network_" */
    DKP_PART(NETWORK, SCHEDULE, 0, 0),
    DKP_PART(PLAN, PLAN, 0, 0),
    DKP_PART(GUIDANCE, GUIDANCE, 0, 0),
    DKP_PART(GRID, GRID, 0, 0),
    DKP_PART(SAMPLER, SAMPLER, 0, 0),
    {0, 0, 0, 0, NULL, NULL}};
#undef DKP_PART
#undef DKP_FAMILY
#undef DKP_FAMILIES_BUT
#undef DKP_SPACED
#undef DKP_WAYS
#undef DKP_PEER_NAMES
#undef DKP_QUIRK_FIELD
#undef DKP_QUIRK_FIELDS
#undef DKP_DATA_FIELDS
#undef DKP_NOISE_FIELDS
#undef DKP_SCHEDULE_FIELDS
#undef DKP_PLAN_FIELDS
#undef DKP_GUIDANCE_FIELDS
#undef DKP_UNITS
#undef DKP_GRID_WORD
#undef DKP_GRID_FIELDS
#undef DKP_SAMPLER_FIELDS

static const dkp_field dkp_no_field = {NULL, NULL, 0, 0, 0, 0, 0, NULL, dkp_parts};

/* The next field of these parts behind *f, at first dkp_no_field; 0 past the end. */
static int dkp_next_field(dkp_field *f, int parts) {
    for (const dkp_fields *p = f->part; p->of; p = ++f->part, f->next = 0) {
        if (!(p->of & parts) || f->next == p->count) continue;
        const dkp_field_row *row = &p->rows[f->next];
        if (f->next++ == 0) f->texts = p->texts;
        f->name = f->texts + p->letters, f->allowed = f->texts + row->name;
        f->texts = f->allowed + row->allowed;
        f->facts = row->facts, f->at = row->at - p->bytes, f->kind = row->kind;
        f->of = p->of;
        return 1;
    }
    return 0;
}

/* Facts about *c that count for the fields of a part. */
static uint64_t dkp_facts(const dk_config *c, int of) {
    const dk_schedule *s = of == DKP_OF_NETWORK ? &c->network_schedule : &c->schedule;
    const int family = !s->family && s == &c->schedule ? (int)DK_FAMILY_FLOW : (int)s->family;
    const int spacing = (int)c->grid.spacing;
    uint64_t all = 0;
    if (family >= 0 && family < (int)DK_FAMILY_COUNT) all |= (uint64_t)1 << family;
    if (spacing >= 0 && spacing < (int)DK_SPACING_COUNT) all |= (uint64_t)1 << (DKP_IF_SPACING + spacing);
#define DKP_FACT(name, holds) \
    if (holds) all |= DKP_IF(name);
    DKP_FACTS(DKP_FACT)
#undef DKP_FACT
    return all;
}
#undef DKP_FACTS
#undef DKP_IF

static int dkp_holds(const dkp_field *f, uint64_t facts) {
    return !f->facts || f->kind == 'b' || f->kind == 'q' || (f->facts & facts) != 0;
}

static int dkp_fits(const dk_config *c, const dkp_field *f) { return dkp_holds(f, dkp_facts(c, f->of)); }

/* Whether the spacing or family has the number at this place. */
static int dkp_has_number(uint64_t facts, const dkp_field *number) {
    for (dkp_field f = dkp_no_field; dkp_next_field(&f, DKP_OF_ALL);)
        if (f.at == number->at && dkp_holds(&f, facts)) return 1;
    return 0;
}

/* The message for a field that is set although the config has no use for it. */
static const char *dkp_lacking(const dkp_field *f) {
    return f->of == DKP_OF_GRID ? "left out (0): the grid's spacing has no use for it"
                                : "left out (0): the schedule has no use for it";
}

/* "sampler." may be missing, and is in lists. */
static const char *dkp_short_name(const dkp_field *f) { return f->name + (f->of == DKP_OF_SAMPLER ? 8 : 0); }

/* A field's row: of several the first one whose facts hold, or else the last. */
static int dkp_find_field(const dk_config *c, const char *name, dkp_field *found) {
    dkp_field f = dkp_no_field;
    found->name = NULL;
    while (dkp_next_field(&f, DKP_OF_ALL)) {
        if (strcmp(name, f.name) != 0 && strcmp(name, dkp_short_name(&f)) != 0) continue;
        *found = f;
        if (dkp_fits(c, &f)) break;
    }
    return found->name != NULL;
}

/* A flag for a bit, a way or a function; of other kinds the number. Names and lists of scales are checked by themselves. */
static double dkp_number_at(const char *at, const dkp_field *f) {
    const void *pointer;
    double real;
    int whole; /* an int, or an enum of its size */
    switch (f->kind) {
    case 'n':
    case 's': return 0;
    case 'f':
    case 'w': memcpy(&pointer, at, sizeof pointer); return pointer != NULL; /* NOLINT(bugprone-sizeof-expression) */
    case 'r':
    case 'R':
    case '1': memcpy(&real, at, sizeof real); return real;
    default: memcpy(&whole, at, sizeof whole); return f->kind == 'b' ? (whole & (int)f->facts) != 0 : whole;
    }
}

static double dkp_field_value(const dk_config *c, const dkp_field *f) {
    return dkp_number_at((const char *)c + f->at, f);
}

/* Word number i of "one|two|three" or "one two three", and its length, 0 if there are fewer. What is behind ; or : is no word. */
static const char *dkp_choice(const char *choices, int i, size_t *length) {
    while ((*length = strcspn(choices, "| ;:")) > 0 && i-- > 0) choices += *length, choices += strspn(choices, "| ");
    return choices;
}

/* The number of a word among these, or -1. */
static int dkp_find_choice(const char *choices, const char *s) {
    size_t n;
    for (int i = 0;; i++) {
        const char *word = dkp_choice(choices, i, &n);
        if (!n) return -1;
        if (n == strlen(s) && memcmp(word, s, n) == 0) return i;
    }
}

/* --------------------------------------------------------------------- >>checks  What is refused */

/* A limit: a number, or the name of a field of the same part or of the config. 0: it limits nothing. */
static int dkp_read_limit(const char **at, const dkp_field *f, const dk_config *c, int above, double *limit) {
    char name[DKP_WORD];
    const char *dot = strrchr(f->name, '.');
    size_t part = dot ? (size_t)(dot - f->name) + 1 : 0, n = strcspn(*at, " ");
    dkp_field other;
    if ((**at >= '0' && **at <= '9') || **at == '-') return dkp_read_real(at, limit);
    memcpy(name, f->name, part), memcpy(name + part, *at, n), name[part + n] = 0;
    *at += n;
    if (!c || (!dkp_find_field(c, name, &other) && !dkp_find_field(c, name + part, &other))) return 0;
    *limit = dkp_field_value(c, &other);
    return above || *limit > 0;
}

/* "; needs rtol or atol": whether one of these is set. A schedule may set what its part needs; a list sets the scale. */
static int dkp_has_needed(const dkp_field *f, const dk_config *c) {
    const char *at = strstr(f->allowed, "; needs ");
    double v = 0;
    if (!at || (f->of == DKP_OF_GUIDANCE && c->guidance.schedule)) return 1;
    if (dkp_ramps(&c->guidance) && strcmp(at + 8, "scale") == 0) return 1;
    for (at += 8; *at && !dkp_set(v); at += strncmp(at, " or ", 4) ? 0 : 4) dkp_read_limit(&at, f, c, 1, &v);
    return dkp_set(v);
}

/* Whether v is what `allowed` says: "0 .. 1", "0, 32 or 64", "> 0 and <= 1", "a multiple of 256", words of an enumeration;
   (0: ...) allows 0 besides. Fields that limit others are looked up in *c; NULL: they limit nothing. Other words say
   what is checked elsewhere. */
static int dkp_allowed(const dkp_field *f, const dk_config *c, double v) {
    const char *at = f->allowed;
    double limit, low = 0;
    size_t n = 0;
    if (c && dkp_set(v) && !dkp_has_needed(f, c)) return 0;
    if (f->kind == 'q') return !((unsigned)(int)v & ~(unsigned)f->facts);
    if (f->kind == 'c') {
        if (v >= 0) dkp_choice(at, (int)v, &n);
        if (n > 0 || (*at >= 'a' && *at <= 'z')) return n > 0;
    }
    if (!dkp_finite(v) && !(v > 0 && f->kind == 'R')) return 0;
    if (!dkp_set(v) && (*at == '0' || *at == '-' || strncmp(at, ">= 0", 4) == 0 || strstr(at, "(0: "))) return 1;
    if (strncmp(at, "a multiple of ", 14) == 0) {
        at += 14;
        return dkp_read_real(&at, &limit) && v >= 0 && floor(v / limit) * limit >= v;
    }
    for (int range = 0; (*at >= '0' && *at <= '9') || *at == '-';) {
        dkp_read_real(&at, &limit);
        if (range) return v >= low && v <= limit;
        if (!dkp_set(v - limit)) return 1;
        range = *at == ' ' && at[1] == '.', low = limit;
        if (!range && strncmp(at, ", ", 2) != 0 && strncmp(at, " or ", 4) != 0) return 0;
        at += *at == ',' ? 2 : 4;
    }
    while (*at == '>' || *at == '<') {
        int above = *at == '>', equal = at[1] == '=';
        at += 2 + equal;
        int limits = dkp_read_limit(&at, f, c, above, &limit);
        if (limits && !(above ? v > limit : v < limit) && !(equal && !dkp_set(v - limit))) return 0;
        if (strncmp(at, " and ", 5) == 0) at += 5;
    }
    return 1;
}

/* "field = value: must be allowed"; the value of an enumerator by its word */
static dk_status dkp_fail_word(char *message, const char *field, double v, const char *allowed) {
    char word[DKP_WORD];
    size_t n;
    for (dkp_field f = dkp_no_field; v >= 0 && dkp_next_field(&f, DKP_OF_ALL);) {
        if (f.kind != 'c' || strcmp(field, f.name) != 0) continue;
        const char *choice = dkp_choice(f.allowed, (int)v, &n);
        memcpy(word, choice, n), word[n] = 0;
        if (n) return dkp_fail_saying(message, DK_ERROR_CONFIG, "%s = %s: must be %s", field, word, allowed);
    }
    return dkp_fail(message, field, v, allowed);
}

static dk_status dkp_check_fields(const dk_config *c, int of, char *message) {
    const uint64_t facts = dkp_facts(c, of);
    for (dkp_field f = dkp_no_field; dkp_next_field(&f, of);) {
        double v = dkp_field_value(c, &f);
        if (f.kind == '1') continue;
        if (dkp_holds(&f, facts) ? dkp_allowed(&f, c, v) : v == 0 || dkp_has_number(facts, &f)) continue;
        return dkp_fail_word(message, f.name, v,
                             dkp_holds(&f, facts) ? f.allowed : dkp_lacking(&f));
    }
    return DK_OK;
}

/* A user's schedule where its function gives no levels, or does not go towards noise, at some of its times. */
static dk_status dkp_check_custom(const dk_schedule *s, int net, char *message) {
    double before = -1;
    for (int k = 0; k <= 8; k++) {
        double t = s->t_min + (s->t_max - s->t_min) * k / 8;
        dk_level l = dkp_at_t(s, t);
        if (!(l.alpha >= 0 && l.sigma >= 0 && dkp_finite(l.alpha) && dkp_finite(l.sigma) && dk_noise_level(l) > before))
            return dkp_fail_saying(message, DK_ERROR_CONFIG,
                                   "%sschedule.fn at t = %g: alpha = %g, sigma = %g: must be finite and >= 0, and sigma/alpha "
                                   "must rise with t",
                                   net ? "network_" : "", t, l.alpha, l.sigma);
        before = dk_noise_level(l);
    }
    return DK_OK;
}

/* Where fields of the config's schedule or the network's are wrong, says so. */
static dk_status dkp_check_schedule(const dk_config *c, const dk_schedule *s, char *message) {
    const int net = s == &c->network_schedule, skip = net ? 0 : 8; /* "network_" */
    const int discrete = s->family == DK_FAMILY_VP_DISCRETE, custom = s->family == DK_FAMILY_CUSTOM;
    if (!s->family && s->name) return dkp_fail_unknown(message, &"network_schedule"[skip], s->name, s->unknown);
    if (dkp_check_fields(c, net ? DKP_OF_NETWORK : DKP_OF_SCHEDULE, message) != DK_OK) return DK_ERROR_CONFIG;
    if (!s->family) return DK_OK;
    for (int k = 0; s->alphas_cumprod && k < s->timesteps; k++) {
        double here = s->alphas_cumprod[k], before = k ? s->alphas_cumprod[k - 1] : 1;
        if (!(here < before) || !(here > 0 || (here >= 0 && k == s->timesteps - 1)))
            return dkp_fail(message, &"network_schedule.alphas_cumprod"[skip], here,
                            "strictly falling between 1 and 0, and 0 only at the end");
    }
    const double low = dkp_family_of(s)->t_low, high = discrete ? s->timesteps - 1 : dkp_family_of(s)->t_high;
    if (custom && !s->fn)
        return dkp_fail_text(message, DK_ERROR_CONFIG,
                             &"network_schedule.fn = NULL: must be a function for a custom schedule"[skip]);
    if (!(s->t_min >= low && s->t_min <= high))
        return dkp_fail(message, &"network_schedule.t_min"[skip], s->t_min, "within the family's times");
    if (!(s->t_max > s->t_min && s->t_max <= high))
        return dkp_fail(message, &"network_schedule.t_max"[skip], s->t_max, "within the family's times, > t_min");
    return custom ? dkp_check_custom(s, net, message) : DK_OK;
}

/* Whether a recording function that reads the fields of these words reads this one, by whatever name. */
static int dkp_field_is_read(const dkp_field *f, const char *words) {
    dkp_field g = dkp_no_field;
    while (dkp_next_field(&g, DKP_OF_SAMPLER))
        if (g.at == f->at && (f->kind != 'b' || g.facts == f->facts) && dkp_find_choice(words, dkp_short_name(&g)) >= 0)
            return 1;
    return 0;
}

DK_API void dkr_reads(dk_recorder *r, const char *fields) {
    const char *const read[] = {fields,
                                "churn churn_min churn_max noise_excess quirks "
                                "rtol atol control h_init safety pcoeff icoeff dcoeff",
                                r->own->pace ? "order" : "", dkp_quirk(r, DKP_QUIRKS_WITH_NUMBER) ? "quirk" : ""};
    const dk_sampler *s = &r->sampler;
    for (dkp_field f = dkp_no_field; dkp_next_field(&f, DKP_OF_SAMPLER) && r->status == DK_OK;) {
        double v = dkp_number_at((const char *)s + ((size_t)f.at - offsetof(dk_config, sampler)), &f);
        int fine = f.kind == 'q' || !dkp_set(v);
        for (int k = 0; k < DKP_COUNT(read) && !fine; k++) fine = dkp_field_is_read(&f, read[k]);
        if (fine) continue;
        char allowed[DK_MESSAGE_SIZE];
        dkp_text t = {allowed, sizeof allowed, 0};
        dkp_put(&t, "0: this method uses ");
        for (const char *at = fields; *at; at += strspn(at, " ")) {
            for (; *at && *at != ' '; at++) dkp_put_char(&t, *at);
            dkp_put(&t, ", ");
        }
        dkp_put(&t, "churn");
        dkr_refuse(r, f.name, v, allowed);
    }
    if (s->plain_last > 0 && s->plain_last < 1 && dkp_find_choice(fields, "corrector") < 0)
        dkr_refuse(r, "sampler.plain_last", s->plain_last, "0 or 1 but for multistep methods");
}

static dk_status dkp_check_grid(const dk_config *c, char *message) {
    const dk_grid *g = &c->grid;
    const int T = dkp_table_size(&c->schedule), counts = dkp_by_timesteps(g), resampled = g->spacing == DK_SPACING_RESAMPLE,
              turbo = counts && g->spacing == DK_SPACING_SD_TURBO, lcm = counts && g->spacing == DK_SPACING_LCM,
              original = g->n > 0 ? g->n : dkp_spacing_of(g)->n,
              from_level = g->strength > 0 && g->strength < 1 && g->partial == DK_PARTIAL_LEVEL;
    const int last = c->steps > g->full_steps ? c->steps : g->full_steps, listed = g->spacing == DK_SPACING_LEVELS;
    const int rounds = g->spacing == DK_SPACING_CUSTOM || g->spacing == DK_SPACING_LEADING || g->spacing == DK_SPACING_TRAILING ||
                       g->spacing == DK_SPACING_LINSPACE || (c->schedule.family == DK_FAMILY_VP_DISCRETE && dkp_ranged(g));
    if (g->rounding && !rounds)
        return dkp_fail_word(message, "grid.rounding", (double)g->rounding,
                             "none: it is for leading, trailing and linspace, and with a range for VP discrete");
    if (g->quirks & DK_QUIRK_SIGMA_LINEAR && !counts)
        return dkp_fail(message, "grid.sigma_linear", 1, "0 but for a grid that counts timesteps");
    if (g->quirks & DK_QUIRK_SPARE_LEVEL && listed) return dkp_fail(message, "grid.spare", 1, "0: levels are taken verbatim");
    if (g->quirks & DK_QUIRK_REPAINT_NOISE && c->schedule.family != DK_FAMILY_VP_DISCRETE)
        return dkp_fail(message, "grid.repaint_noise", 1, "0 but for VP discrete schedules");
    if (g->quirks & DK_QUIRK_BELOW_ONE && !dkp_flow_unit(&c->schedule))
        return dkp_fail(message, "grid.below_one", 1, "0 but for flow schedules");
    if (g->full_steps > 0 && g->strength > 0 && g->strength < 1 && g->partial != DK_PARTIAL_LEVEL)
        return dkp_fail(message, "grid.full_steps", g->full_steps, "0 with grid.strength, which sets it");
    if (listed && g->level_count && last >= g->level_count) return dkp_fail(message, "steps", last, "below grid.level_count");
    if (resampled && !g->levels)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "grid.levels = NULL: must be grid.level_count numbers");
    if (listed && !g->levels) return dkp_fail_text(message, DK_ERROR_CONFIG, "grid.levels = NULL: must be steps + 1 numbers");
    if (counts && !T)
        return dkp_fail_word(message, "grid.spacing", (double)g->spacing,
                             "for a discrete schedule (VP discrete, or flow): it counts timesteps");
    if ((turbo || lcm) && original > T) return dkp_fail(message, "grid.original_steps", original, "at most schedule.timesteps");
    if (turbo && g->a >= original) return dkp_fail(message, "grid.offset", g->a, ">= 0 and below original_steps");
    if (lcm && c->steps > original) return dkp_fail(message, "steps", c->steps, "at most grid.original_steps (0: 50)");
    if (g->spacing == DK_SPACING_CUSTOM && !g->fn)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "grid.fn = NULL: must be a function for a custom spacing");
    if (from_level && (!dkp_ranged(g) || g->sigma_max > 0))
        return dkp_fail_word(message, "grid.partial", (double)g->partial,
                             "another: to begin at a level needs a spacing with a range, and grid.sigma_max = 0");
    if (g->spacing == DK_SPACING_LINEAR_QUADRATIC && g->n > 0 && g->n >= c->steps && g->n >= g->full_steps)
        return dkp_fail(message, "grid.linear_steps", g->n, ">= 0 and below steps");
    if (g->way && !g->way->level) return dkp_fail_text(message, DK_ERROR_CONFIG, "grid.way->level = NULL: must be a function");
    if (g->rising && (g->travel || g->way))
        return dkp_fail(message, "grid.rising", 1, "0 on a way that goes back up (grid.travel, grid.way)");
    if (g->travel && !listed) return dkp_fail(message, "grid.travel", 1, "0: it is for a list of levels (dk_grid_levels)");
    if (g->travel && g->way) return dkp_fail(message, "grid.travel", 1, "0 with grid.way");
    for (int i = 0; resampled && i < g->level_count; i++)
        if (!dkp_finite(g->levels[i]) || ((g->unit == DK_UNIT_SIGMA || g->unit == DK_UNIT_FLOW) && !(g->levels[i] > 0)))
            return dkp_fail(message, "grid.levels", g->levels[i], "finite, and > 0 where logs are taken");
    return DK_OK;
}

/* Strictly monotone in noise level but for a table's; so sigma = 0 and alpha = 0 only at an end. The levels go to `level`
   unless NULL. */
static dk_status dkp_check_levels(const dk_config *c, dk_level *level, char *message) {
    double before = 0, direction = 0;
    dk_layout layout = dkp_layout_of(c);
    int travels = dkp_travels(c), steps = dkp_way_steps(c), any = c->sampler.settle != NULL;
    for (int i = 0; i <= steps; i++) {
        dk_level l = dkp_way_level(&layout, i);
        if (level) level[i] = l;
        double here = dk_noise_level(l);
        const char *wrong = NULL;
        if (!(l.alpha >= 0 && l.sigma >= 0 && l.alpha + l.sigma > 0 && dkp_finite(l.alpha + l.sigma)))
            wrong = "is not a noise level of this schedule";
        else if (i == 1) direction = here < before ? -1 : 1;
        int back = travels && direction < 0 && i > 1 && here > before;
        int again = (i == steps || i == 1) && c->grid.quirks & (DK_QUIRK_CLEAN_TWICE | DK_QUIRK_NOISY_TWICE);
        if (!wrong && i > 0 && !back && !again && !any && !(direction * here > direction * before))
            wrong = layout.final == DK_FINAL_ZERO && before <= 0 && here <= 0
                        ? "comes twice: leave out grid.final = zero, for the range ends there"
                        : "does not continue a strictly monotone list";
        if (wrong && i == 0)
            return dkp_fail_saying(message, DK_ERROR_CONFIG, "grid: level 0 (sigma/alpha %g) %s", here, wrong);
        if (wrong)
            return dkp_fail_saying(message, DK_ERROR_CONFIG, "grid: level %d (sigma/alpha %g, after %g) %s", i, here, before,
                                   wrong);
        before = here;
    }
    return DK_OK;
}

static dk_status dkp_check_sampler(dk_config *c, char *message) {
    dk_sampler *s = &c->sampler;
    dkp_tableau tableau = {1, 0, {0}};
    dkp_phi_tableau exponential;
    exponential.embedded = 0;
    if (s->tableau && dkp_parse_tableau(s->tableau, &tableau, message) != DK_OK) return DK_ERROR_CONFIG;
    if (s->exponential && dkp_parse_exponential(s->exponential, &exponential, message) != DK_OK)
        return DK_ERROR_CONFIG;
    if (!dkp_controlled(c)) return DK_OK;
    const int embedded = s->tableau ? tableau.embedded : s->exponential && dkp_has_embedded(&exponential);
    if (s->tableau && embedded && !s->order) s->order = dkp_order_of(&tableau);
    /* It is judged by the first order step. */
    if (!s->tableau && s->exponential && !s->order && !exponential.embedded) s->order = 2;
    if (s->law == DK_LAW_SDE_NOISE && s->eta > 0)
        return dkp_fail_word(message, "sampler.law", (double)s->law,
                             "another with step-size control (rtol, atol), since a long step of it has no error estimate");
    if (embedded && s->order < 1)
        return dkp_fail(message, "sampler.order", s->order, "the order of the better of its two methods, with step-size control");
    return DK_OK;
}

/* The config's, or in its place a phase's or what a schedule has made of it. */
static dk_status dkp_check_guidance(const dk_config *c, const dk_guidance *own, char *message) {
    const dk_guidance *g = &c->guidance;
    if ((g->hook && (g->hook != own->hook || g->hook_user != own->hook_user)) ||
        (g->guider && (g->guider != own->guider || g->guider_user != own->guider_user || g->memory != own->memory)))
        return dkp_fail_text(message, DK_ERROR_CONFIG,
                             "guidance.hook and guider: a schedule or a phase must leave them, their users and memory, or make "
                             "the function NULL: the run calls the config's");
    if (dkp_check_fields(c, DKP_OF_GUIDANCE, message) != DK_OK) return DK_ERROR_CONFIG;
    if (dkp_controlled(c) &&
        (dkp_guided_by_norms(g) || g->quantile > 0 || g->zero_init || g->start > 0 || g->stop > 0 || dkp_ramps(g)))
        return dkp_fail_text(message, DK_ERROR_CONFIG,
                             "guidance: start, stop, rescale, zero_star, zero_init, projected, guider, quantile and a list of "
                             "scales must be 0 "
                             "with step-size control (sampler.rtol, atol)");
    return DK_OK;
}

static dk_status dkp_check_ramps(const dk_guidance *g, int steps, char *message) {
    double scale, sum = 0;
    for (int k = 0; k < DK_RAMPS; k++) {
        const dk_ramp *r = &g->ramps[k];
        int late = k > 0 && !r[-1].steps && dkp_is_ramp(r); /* none is left */
        sum += late || r->steps < 0 || r->steps > 1000000 ? HUGE_VAL : r->from - r->to + fabs(r->from);
    }
    if (!dkp_finite(sum))
        return dkp_fail_text(message, DK_ERROR_CONFIG,
                             "guidance.schedule: must have finite scales, for 1 .. 1000000 steps each, but for the last");
    if (!dkp_ramps(g)) return DK_OK;
    if (dkp_set(g->scale) || g->schedule)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "guidance.schedule: must be none with guidance.scale or a function");
    int listed = dkp_scale_at(g, 0, steps, &scale);
    if (listed == steps) return DK_OK;
    return dkp_fail_saying(message, DK_ERROR_CONFIG, "steps of guidance.schedule = %d: must be %d, as many as are run", listed,
                           steps);
}

/* A phase's sampler and guidance are checked in the place of the config's, where they stay for the phases behind it. */
static dk_status dkp_check_phase(dk_config *c, const dk_phase *p, const dk_guidance *own, int controlled, char *message) {
    const int by_level = p->step == 0, steps = dkp_way_steps(c);
    if (p->sampler) c->sampler = *p->sampler, dkp_default_sampler(&c->sampler);
    if (p->guidance) c->guidance = *p->guidance;
    if (p->step < 0 || p->step >= steps) return dkp_fail(message, "step", p->step, "0 .. steps - 1");
    if (by_level ? !dkp_finite(p->level) : dkp_set(p->level))
        return dkp_fail(message, "level", p->level, by_level ? "finite" : "0 with step");
    if ((unsigned)p->unit >= (by_level ? (unsigned)DK_UNIT_COUNT : 1))
        return dkp_fail(message, "unit", (double)p->unit, "a dk_unit, default with step");
    if (by_level && (p->unit || dkp_set(p->level) || p->sampler || p->guidance)) {
        dk_level l = dkp_phase_start(c, p);
        if (!(l.alpha >= 0 && l.sigma > 0))
            return dkp_fail(message, "level", p->level, "a level of the schedule with noise, or step > 0");
    }
    if (p > c->phases && (p->step ? p->step <= p[-1].step : !p[-1].step && !(dkp_phase_level(c, p) < dkp_phase_level(c, p - 1))))
        return dkp_fail_text(message, DK_ERROR_CONFIG, "step or level: must come after that of the phase before");
    if (!c->sampler.record) return dkp_fail_sampler(c, message);
    if (controlled || dkp_controlled(c))
        return dkp_fail_text(message, DK_ERROR_CONFIG, "sampler.rtol and atol: must be 0 with phases");
    if (p->sampler && c->sampler.settle)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "sampler: must be no dk_table, which has the levels of a whole grid");
    if (dkp_check_fields(c, DKP_OF_SAMPLER, message) != DK_OK || dkp_check_sampler(c, message) != DK_OK ||
        dkp_check_guidance(c, own, message) != DK_OK)
        return DK_ERROR_CONFIG;
    return p->guidance ? dkp_check_ramps(&c->guidance, steps, message) : DK_OK;
}

static dk_status dkp_check_phases(dk_config *c, char *message) {
    const dk_sampler sampler = c->sampler;
    const dk_guidance guidance = c->guidance;
    const int controlled = dkp_controlled(c);
    dk_status status = DK_OK;
    if (!c->phases != !c->phase_count || c->phase_count < 0)
        return dkp_fail(message, "phase_count", c->phase_count, "as many as phases has");
    if ((double)c->phase_count * dkp_way_steps(c) > 1e7) /* each step looks for its own */
        return dkp_fail(message, "phase_count", c->phase_count, "at most 10000000 divided by the steps that are run");
    for (int k = 0; k < c->phase_count && status == DK_OK; k++) {
        char what[DK_MESSAGE_SIZE];
        status = dkp_check_phase(c, &c->phases[k], &guidance, controlled, what);
        if (status != DK_OK) dkp_fail_saying(message, status, "phases[%d], %s", k, what);
    }
    c->sampler = sampler, c->guidance = guidance;
    return status;
}

static dk_noise_request dkp_noise_of_config(const dk_config *c) {
    dk_noise_request q;
    memset(&q, 0, sizeof q);
    q.batch = c->batch, q.dim = c->dim, q.seed = c->seed, q.first_sample = c->first_sample,
    q.seeds = c->seeds;
    return q;
}

/* Its numbers, and what a generator of another program cannot do. */
static dk_status dkp_check_source(const dk_config *c, const dk_noise_source *s, char *message) {
    const int skip = s == &c->noise ? 5 : 0, other = s->kind > DK_NOISE_BROWNIAN, gpu = DKP_ON_GPU(s->kind); /* "step_" */
    const char *const none = "left out (0): the noise source has no use for it";
    const dk_noise_request q = dkp_noise_of_config(c);
    const dkp_generator *generator;
    if ((unsigned)s->kind >= DK_NOISE_COUNT) return dkp_fail(message, &"step_noise"[skip], (int)s->kind, DKP_NOISE_WORDS);
    if (s->fn && s->kind > DK_NOISE_PHILOX)
        return dkp_fail(message, &"step_noise"[skip], (int)s->kind, "0 (default) with a noise function of your own");
    if (s->bits && !(other && (s->bits == 32 || s->bits == 64)))
        return dkp_fail(message, &"step_noise.bits"[skip], s->bits, other ? DKP_OF_BITS : none);
    if (s->threads && !(gpu && s->threads > 0 && s->threads % 256 == 0))
        return dkp_fail(message, &"step_noise.threads"[skip], s->threads, gpu ? DKP_OF_GPU : none);
    if (s->fn && s->seed_offset)
        return dkp_fail(message, &"step_noise.seed_offset"[skip], s->seed_offset, "0 with a noise function of your own");
    if (!(generator = dkp_generator_of(s))) return DK_OK;
    if (c->first_sample > 0 && !c->seeds)
        return dkp_fail(message, "first_sample", (double)c->first_sample,
                        "0 where one generator makes the whole batch (or use seeds)");
    for (size_t b = 0; b < (c->seeds ? (size_t)c->batch : 1); b++)
        if (dkp_seed_of(s, &q, b) > generator->largest_seed)
            return dkp_fail(message, c->seeds ? "an element of seeds" : "seed", (double)dkp_seed_of(s, &q, b),
                            "below 2^32 for noise = numpy");
    return DK_OK;
}
#undef DKP_OF_BITS
#undef DKP_OF_GPU
#undef DKP_ON_GPU
#undef DKP_NOISE_WORDS

/* --------------------------------------------------------------------------- >>resolve  Defaults */

static dk_spacing dkp_default_spacing(const dk_config *c) {
    const dk_sampler *s = &c->sampler;
    const dk_grid *g = &c->grid;
    const int adams = s->record == dkp_record_adams && s->corrector && s->gauge == DK_GAUGE_FLOW; /* adams2 and its like */
    const int whole = !(g->sigma_min > 0 || g->sigma_max > 0) && g->partial != DK_PARTIAL_LEVEL;
    if (c->schedule.family == DK_FAMILY_VP_DISCRETE && whole && g->final != DK_FINAL_MIN && /* which has a level more */
        (g->full_steps > 0 ? g->full_steps : c->steps) == c->schedule.timesteps)
        return DK_SPACING_TRAILING;
    return adams ? DK_SPACING_POWER : dkp_flow_unit(&c->schedule) ? DK_SPACING_UNIFORM : DK_SPACING_KARRAS;
}

/* Which part of the grid is run: from a level on, or some of its steps. */
static dk_status dkp_resolve_strength(dk_config *c, char *message) {
    const dk_schedule *s = &c->schedule;
    dk_grid *g = &c->grid;
    double n = c->steps, share = g->strength * n, run = n, full = n;
    if (g->partial == DK_PARTIAL_LEVEL)
        g->sigma_max = dkp_u(s, dkp_at_t(s, s->t_min + g->strength * (s->t_max - s->t_min)));
    if (g->partial == DK_PARTIAL_STRETCH) full = floor(n / g->strength);
    if (g->partial == DK_PARTIAL_SLICE) run = floor(share);
    if (g->partial == DK_PARTIAL_UP) run = n - floor(n - share);
    if (g->partial == DK_PARTIAL_MORE) run = floor(share) < n ? floor(share) + 1 : n;
    if (run < 1) return dkp_fail(message, "grid.strength", g->strength, "at least 1/steps");
    if (full > 1000000) return dkp_fail(message, "grid.strength", g->strength, "at least steps/1000000");
    c->steps = (int)run, g->strength = 1;
    if (g->partial != DK_PARTIAL_LEVEL) g->full_steps = (int)full;
    return DK_OK;
}

/* How many steps the whole grid has, and how many of them are run. What is asked for and what there is differ where
   levels are left out or published lists are longer. full_steps then keeps what was asked for, so that resolving
   again changes nothing. */
static dk_status dkp_resolve_steps(dk_config *c, char *message) {
    dk_grid *grid = &c->grid;
    int given = grid->full_steps > 0, table = dkp_table_size(&c->schedule);
    dk_layout g = dkp_start_layout(c);
    if (dkp_by_timesteps(grid) && g.asked > table)
        return dkp_fail(message, given ? "grid.full_steps" : "steps", given ? grid->full_steps : c->steps,
                        grid->quirks & DK_QUIRK_SPARE_LEVEL ? "below schedule.timesteps for this grid"
                                                            : "at most schedule.timesteps for this grid");
    if (grid->spacing == DK_SPACING_LEADING && dkp_table_index(&g, 0, g.asked) > table - 1)
        return dkp_fail(message, "grid.offset", grid->n, DKP_OFFSETS);
    dkp_count_layout(&g);
    if (g.there < 1 && grid->spacing == DK_SPACING_CUSTOM)
        return dkp_fail(message, "grid.a", grid->a, "a number that the grid's function (grid.fn) knows");
    if (g.steps < 1)
        return dkp_fail(message, "steps", c->steps, "at least 2 for a grid whose last level is the end");
    if (given && c->steps > g.steps && c->steps > grid->full_steps)
        return dkp_fail(message, "steps", c->steps, "at most grid.full_steps");
    if (!given && g.steps != c->steps) grid->full_steps = c->steps;
    if (!given || c->steps > g.steps) c->steps = g.steps;
    return DK_OK;
}

/* Fills in defaults and checks what can be checked without looking at levels. The schedules point to `marks` from then
   on; NULL: they do without. */
static dk_status dkp_resolve(dk_config *c, dkp_marks *marks, char *message) {
    dk_schedule *s = &c->schedule, *net = &c->network_schedule;
    dk_grid *g = &c->grid;
    if (s->family == DK_FAMILY_DEFAULT && !s->name) s->family = DK_FAMILY_FLOW;
    dkp_fill_range(s), dkp_fill_range(net);
    dkp_unmark(s), dkp_unmark(net);
    if (dkp_check_schedule(c, s, message) != DK_OK) return DK_ERROR_CONFIG;
    if (dkp_check_schedule(c, net, message) != DK_OK) return DK_ERROR_CONFIG;
    if (g->name && g->spacing == DK_SPACING_DEFAULT) return dkp_fail_unknown(message, "grid", g->name, g->unknown);
    dkp_default_sampler(&c->sampler);
    if (!c->sampler.record) return dkp_fail_sampler(c, message);
    if (c->sampler.settle && c->sampler.settle(c, message) != DK_OK) return DK_ERROR_CONFIG;
    if (g->spacing == DK_SPACING_DEFAULT) {
        g->spacing = dkp_default_spacing(c);
        if (g->spacing == DK_SPACING_POWER && s->family == DK_FAMILY_VP_DISCRETE && !g->rounding)
            g->rounding = DK_ROUND_NEAREST;
    }
    if (dkp_check_fields(c, DKP_OF_PLAN | DKP_OF_GRID | DKP_OF_SAMPLER, message) != DK_OK ||
        dkp_check_grid(c, message) != DK_OK || dkp_check_sampler(c, message) != DK_OK ||
        dkp_check_guidance(c, &c->guidance, message) != DK_OK)
        return DK_ERROR_CONFIG;
    if (!c->mask != !c->known)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "mask and known: must be given both, or neither");
    if (c->prediction == DK_PREDICT_DEFAULT) c->prediction = dkp_family_of(s)->prediction;
    if (c->sigma_data <= 0) c->sigma_data = 0.5;
    if (marks) dkp_mark(s, marks->sampler), dkp_mark(net, marks->network);
    if (c->condition == DK_UNIT_DEFAULT)
        c->condition = c->prediction == DK_PREDICT_EDM ? DK_UNIT_C_NOISE
                                                       : dkp_family_of(net->family ? net : s)->condition;
    if (!dkp_set(c->condition_scale)) c->condition_scale = 1;
    if (g->strength <= 0 && c->start == DK_START_DATA && !g->full_steps)
        return dkp_fail(message, "grid.strength", 0, "> 0 with start = data: 1 for all of the grid");
    if (g->strength <= 0) g->strength = 1;
    if (g->strength < 1 && dkp_resolve_strength(c, message) != DK_OK) return DK_ERROR_CONFIG;
    double noisy = dk_noise_level(dkp_range_end(c, 1)), clean = dk_noise_level(dkp_range_end(c, 0));
    double lowest = c->steps < 2 || g->quirks & DK_QUIRK_SPARE_LEVEL ? noisy : clean; /* that is sure to be in the grid */
    if (!(clean < noisy))
        return g->sigma_max > 0 ? dkp_fail(message, "grid.sigma_max", g->sigma_max, "above the range's other end")
                                : dkp_fail(message, "grid.sigma_min", g->sigma_min, "below the range's other end");
    if (g->spacing == DK_SPACING_QUADRATIC && dkp_range_end(c, 0).t < 0)
        return dkp_fail(message, "grid.sigma_min", g->sigma_min, "a level of t >= 0 for the quadratic grid");
    if (g->final == DK_FINAL_VALUE && dkp_ranged(g) && !(g->final_value < lowest))
        return dkp_fail(message, "grid.final_value", g->final_value,
                        "below the range's lower end (set grid.sigma_min above it)");
    if (c->start == DK_START_STATE && dkp_set(c->start_excess))
        return dkp_fail(message, "start_excess", c->start_excess, "0 with start = state");
    if (dkp_resolve_steps(c, message) != DK_OK) return DK_ERROR_CONFIG;
    const int steps = dkp_way_steps(c);
    if (steps < 1 || steps > 1000000) return dkp_fail(message, "steps with time travel", steps, "1 .. 1000000");
    if (dkp_check_ramps(&c->guidance, steps, message) != DK_OK || dkp_check_phases(c, message) != DK_OK) return DK_ERROR_CONFIG;
    if (c->guidance.zero_init >= c->steps) /* what the grid has left of them */
        return dkp_fail(message, "guidance.zero_init", c->guidance.zero_init, "below the steps that are run");
    double most = c->sampler.sde.langevin_step > 0 ? 1000000 : 32766; /* a norm each without it */
    if ((double)steps * c->sampler.sde.langevin_steps > most)
        return dkp_fail(message, "sampler.langevin_steps", c->sampler.sde.langevin_steps,
                        "at most 1000000 divided by the steps that are run, without langevin_step 32766 divided by them");
    return DK_OK;
}

/* What a run needs beyond a plan. */
static dk_status dkp_resolve_data(dk_config *c, char *message) {
    dk_noise_source *step = &c->step_noise;
    const dk_backend *b = c->backend;
    if (c->dim < 1) return dkp_fail(message, "dim", 0, ">= 1");
    if (c->batch < 0 || c->batch > 357913941) return dkp_fail(message, "batch", c->batch, DKP_OF_BATCH);
    if (c->threads < 0 || c->threads > 65536) return dkp_fail(message, "threads", c->threads, DKP_OF_THREADS);
    if ((unsigned)c->unchecked > 1) return dkp_fail(message, "unchecked", c->unchecked, "0 or 1");
    if (b && !(b->rows && ((b->norm && b->find_bad) || b->get)))
        return dkp_fail_text(message, DK_ERROR_CONFIG,
                             "backend: rows must be a function, and norm and find_bad, or get instead");
    if (c->batch == 0) c->batch = 1;
    if (dkp_check_source(c, &c->noise, message) != DK_OK || dkp_check_source(c, step, message) != DK_OK)
        return DK_ERROR_CONFIG;
    if (c->dim > ((size_t)-1) / 64 / sizeof(dk_real) / (size_t)c->batch)
        return dkp_fail(message, "dim", (double)c->dim,
                        "small enough for batch * dim numbers to fit in memory");
#ifdef DK_OPENMP
    if (c->threads == 0 && !c->parallel) c->threads = omp_get_max_threads();
#endif
    if (c->threads == 0) c->threads = 1;
    if (c->noise.kind == DK_NOISE_DEFAULT) c->noise.kind = DK_NOISE_PHILOX;
    if (step->kind != DK_NOISE_DEFAULT || step->fn) return DK_OK;
    if (step->seed_offset)
        return dkp_fail(message, "step_noise.seed_offset", step->seed_offset, "0 with step_noise = default");
    *step = c->noise;
    return DK_OK;
}
#undef DKP_OF_BATCH
#undef DKP_OF_THREADS

DK_API dk_status dk_resolve(dk_config *c) {
    if (!c) return DK_ERROR_CONFIG;
    dk_status status = dkp_resolve(c, NULL, c->message);
    if (status == DK_OK) status = dkp_resolve_data(c, c->message);
    return status == DK_OK ? dkp_check_levels(c, NULL, c->message) : status;
}

/* ---------------------------------------------------------- >>settings  Names and values by text */

static int dkp_parse_whole(const char *s, uint64_t most, uint64_t *v) {
    for (*v = 0; *s >= '0' && *s <= '9'; s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        if (*v > (most - digit) / 10) return 0;
        *v = 10 * *v + digit;
    }
    return !*s;
}

static int dkp_read_ramps(const char *s, dk_ramp ramps[DK_RAMPS]) {
    memset(ramps, 0, DK_RAMPS * sizeof *ramps);
    if (strcmp(s, "none") == 0) return 1;
    for (dk_ramp *r = ramps; r < ramps + DK_RAMPS; r++, s++) {
        double steps = 0;
        if (!dkp_read_real(&s, &r->from)) return 0;
        r->to = r->from;
        if (strncmp(s, "to", 2) == 0 && (s += 2, !dkp_read_real(&s, &r->to))) return 0;
        if (*s == 'x' && (s++, !dkp_read_real(&s, &steps) || !(steps >= 1 && steps <= 1000000))) return 0;
        r->steps = (int)steps;
        if (*s != '+' || !r->steps || r->steps < steps) return !*s && r->steps >= steps;
    }
    return 0;
}

/* Whether the value is one of the field's, which then has it; else it may have anything. */
static int dkp_set_field(dk_config *c, const dkp_field *f, const char *value) {
    char *to = (char *)c + f->at;
    const dk_way *way;
    int whole; /* an int, or an enum of its size */
    double real;
    uint64_t large;
    size_t size;
    switch (f->kind) {
    case 'n':
    case 'l':
    case 'f':
    case 'q': return 0;
    case 's': return dkp_read_ramps(value, c->guidance.ramps);
    case 'w':
        way = dkp_way_by_name(value);
        memcpy(to, &way, sizeof way); /* NOLINT(bugprone-sizeof-expression): the pointer itself */
        return way || strcmp(value, "none") == 0;
    case 'u':
    case 'z':
        if (!*value || !dkp_parse_whole(value, f->kind == 'u' ? ~(uint64_t)0 : (size_t)-1, &large)) return 0;
        size = (size_t)large;
        if (f->kind == 'u') memcpy(to, &large, sizeof large);
        else memcpy(to, &size, sizeof size);
        return f->kind == 'u' || size > 0;
    case 'c':
        whole = dkp_find_choice(f->allowed, value);
        memcpy(to, &whole, sizeof whole);
        return whole >= 0;
    default: break;
    }
    if (!dkp_read_real(&value, &real) || *value || !dkp_allowed(f, NULL, real)) return 0;
    if (f->kind == '1') real -= 1;
    if (strchr("rR1", f->kind)) {
        memcpy(to, &real, sizeof real);
        return 1;
    }
    if (floor(real) < real || fabs(real) > 2147483647) return 0;
    whole = (int)real;
    if (f->kind == 'b') { /* one bit of the word */
        int bits;
        memcpy(&bits, to, sizeof bits);
        whole = whole ? bits | (int)f->facts : bits & ~(int)f->facts;
    }
    memcpy(to, &whole, sizeof whole);
    return 1;
}

/* The next "name=value" of a text: spaces may stand around =, a value with spaces in quotes. `word` holds the name and,
   behind its zero, the value; no value: NULL. 0 at the end; what does not fit has no value. */
static int dkp_next_setting(const char **text, char word[DKP_WORD], char **value) {
    static const char space[] = " \t\n";
    const char *s = *text + strspn(*text, space);
    size_t n = strcspn(s, " \t\n="), k = n < DKP_WORD ? n : DKP_WORD - 1;
    *value = NULL, *text = s + n;
    memcpy(word, s, k), word[k] = 0;
    if (!*s) return 0;
    s += n + strspn(s + n, space);
    if (*s != '=') return 1;
    s += 1 + strspn(s + 1, space);
    char quote[2] = {*s == '"' || *s == '\'' ? *s : '\0', 0};
    s += quote[0] != 0;
    n = strcspn(s, quote[0] ? quote : space);
    *text = s + n + (quote[0] && s[n]);
    if (k + n + 2 > DKP_WORD || (quote[0] && !s[n])) return 1;
    *value = word + k + 1;
    memcpy(*value, s, n), (*value)[n] = 0;
    return 1;
}

/* dkp_set_field, but ends of a schedule's times that are its family's stay that where they change with the field. */
static int dkp_set_field_of(dk_config *c, const dkp_field *f, const char *value) {
    dk_schedule *s = f->of == DKP_OF_NETWORK ? &c->network_schedule : &c->schedule, before = *s, after;
    const int good = dkp_set_field(c, f, value);
    after = *s;
    dkp_set_range(&before), dkp_set_range(&after);
    if (!dkp_set(s->t_min - before.t_min)) s->t_min = after.t_min;
    if (!dkp_set(s->t_max - before.t_max)) s->t_max = after.t_max;
    return good;
}

/* Sets what a row of a table says; fields that `of` leaves out are passed over. */
static void dkp_settings(dk_config *c, const char *settings, int of) {
    char word[DKP_WORD], *value;
    dkp_field f;
    while (dkp_next_setting(&settings, word, &value))
        if (dkp_find_field(c, word, &f) && f.of & of) dkp_set_field(c, &f, value);
}

/* What a row of the table of samplers stands for. */
static dk_sampler dkp_preset(const dk_sampler_info *row) {
    dk_config c;
    memset(&c, 0, sizeof c);
    c.sampler = dkp_sampler(row->name, row->record);
    c.sampler.tableau = row->tableau, c.sampler.exponential = row->exponential;
    dkp_settings(&c, row->settings, DKP_OF_SAMPLER);
    return c.sampler;
}

/* A part by its name; a message if there is none. */
static int dkp_take_named(dk_config *c, const char *part, const char *name) {
    dk_unknown_fn unknown;
#ifndef DK_NO_PEERS
    if (strcmp(part, "model") == 0) return dk_config_for(c, name, NULL) == DK_OK;
    if (strcmp(part, "sampler") == 0) return dk_config_named(c, name) == DK_OK;
#endif
    if (strcmp(part, "sampler") == 0) {
        c->sampler = dk_sampler_named(name);
        return c->sampler.record || c->sampler.settle(c, c->message) == DK_OK;
    }
    if (strcmp(part, "grid") == 0) {
        c->grid = dk_grid_named(name), unknown = c->grid.unknown;
    } else {
        dk_schedule *s = strcmp(part, "schedule") == 0 ? &c->schedule : &c->network_schedule;
        *s = dk_schedule_named(name), unknown = s->unknown;
    }
    return !unknown || unknown(c->message, part, name) == DK_OK;
}

/* The same, whose message says so where the name is another part's: programs differ in what they call a scheduler. */
static int dkp_set_named(dk_config *c, const char *part, const char *name) {
    static const char *const parts[] = {"sampler", "grid", "schedule"};
    int good = dkp_take_named(c, part, name);
    for (int i = 0; i < 3 && !good && strcmp(part, "model") != 0; i++) {
        dk_config other = *c;
        if (dkp_take_named(&other, parts[i], name))
            dkp_fail_saying(c->message, DK_ERROR_CONFIG, "%s \"%s\" is not known: it is a %s", part, name, parts[i]);
    }
    return good;
}

/* NULL past the end. */
static const char *dkp_field_name(int i) {
    dkp_field f = dkp_no_field;
    while (i >= 0 && dkp_next_field(&f, DKP_OF_ALL)) i--;
    return i < 0 ? dkp_short_name(&f) : NULL;
}

static dk_status dkp_fail_setting(char *message, const char *word, const char *value, const char *allowed) {
    dkp_text t = {message, DK_MESSAGE_SIZE, 0};
    dkp_say(&t, "setting \"%s%s%s\": ", word, value ? "=" : "", value ? value : "");
    if (!value) allowed = "field=value, shorter than 63 characters, in quotes where the value has spaces";
    if (allowed) dkp_say(&t, "must be %s", allowed);
    else dkp_put(&t, "no such field"), dkp_put_nearest(&t, dkp_field_name, word, 3);
    return dkp_fail_with(&t, DK_ERROR_CONFIG);
}

/* What is wrong is found first. Then come the steps, on which a model's settings depend, the model, other parts, and what says
   which fields there are: the family, then other enumerators. */
static int dkp_stage_of(const dkp_field *f) {
    if (!f->name || strcmp(f->name, "steps") == 0) return 0;
    if (f->kind == 'n') return strcmp(f->name, "model") == 0 ? 1 : strcmp(f->name, "sampler") == 0 ? 2 : 3;
    return strstr(f->name, "schedule.family") ? 4 : f->kind == 'c' ? 5 : 6;
}

DK_API dk_status dk_config_set(dk_config *c, const char *settings) {
    char word[DKP_WORD], *value;
    dkp_field f;
    if (!c) return DK_ERROR_CONFIG;
    if (!settings) return dkp_fail_text(c->message, DK_ERROR_CONFIG, "settings = NULL: must be a text");
    dk_config set = *c;
    for (int stage = 0; stage < 7; stage++) {
        for (const char *at = settings; dkp_next_setting(&at, word, &value);) {
            f.name = NULL;
            if (value) dkp_find_field(&set, word, &f);
            int own = dkp_stage_of(&f);
            if (own == 2 && stage == 4) dkp_grid_for(&set, value); /* the grid that was named meanwhile */
            if (own != stage) continue;
            if (!f.name) return dkp_fail_setting(c->message, word, value, NULL);
            if (f.kind != 'f' && !dkp_fits(&set, &f)) return dkp_fail_setting(c->message, word, value, dkp_lacking(&f));
            if (f.kind == 'n' ? dkp_set_named(&set, word, value) : dkp_set_field_of(&set, &f, value)) continue;
            const char *end = value;
            double v;
            int broken = f.kind == 'i' && dkp_read_real(&end, &v) && !*end && dkp_allowed(&f, NULL, v); /* but no int */
            if (f.kind != 'n') return dkp_fail_setting(c->message, word, value, broken ? "a whole number below 2^31" : f.allowed);
            memcpy(c->message, set.message, sizeof c->message);
            return DK_ERROR_CONFIG;
        }
    }
    *c = set;
    c->message[0] = 0;
    return DK_OK;
}

/* ------------------------------------------------------------------------ >>guidance  Guidance */

/* What holds at one evaluation: which branches are evaluated, and what their outputs weigh. */
typedef struct dkp_guided {
    dk_guidance g;
    int on;
    double weight[DK_BRANCHES];
    int wanted[DK_BRANCHES], branches; /* the last wanted one's number + 1 */
} dkp_guided;

/* Whether it holds at a noise level and step. */
static int dkp_guides_at(const dk_guidance *g, double here, int step, int steps) {
    if (g->noise_min > 0 && !dkp_above(here, g->noise_min)) return 0;
    if (g->noise_max > 0 && dkp_above(here, g->noise_max)) return 0;
    if (step < (int)(g->start * steps)) return 0;
    return !(g->stop > 0 && steps > 0 && step >= (int)(g->stop * steps));
}

/* all: whatever a schedule may ask for. */
static void dkp_weigh(dkp_guided *h, int with_uncond, int all) {
    const dk_guidance *g = &h->g;
    double *weight = h->weight, scale2 = dkp_set(g->scale2) ? g->scale2 : g->scale;
    int given = g->branches ? g->branches : 2;
    weight[0] = g->scale, weight[1] = 1 - scale2, weight[2] = scale2 - g->scale;
    h->wanted[0] = h->branches = 1;
    for (int k = 1; k < DK_BRANCHES; k++) {
        double away = k > 1 ? g->away[k - 2] : 0;
        weight[0] += away, weight[k] -= away;
        if (all && !dkp_set(weight[k])) weight[k] = 1;
        h->wanted[k] = dkp_set(weight[k]) || all || (g->guider && k < given) ||
                       (k == 1 && (g->zero_star || g->projected || (with_uncond && h->on)));
        if (h->wanted[k]) h->branches = k + 1;
    }
    for (int k = 1; g->guider && k < h->branches; k++) h->wanted[k] = 1;
}

/* The evaluation's guidance, zero before. */
DKP_ONCE static void dkp_guidance_at(dkp_guided *h, dk_recorder *r, const dk_level *l, int with_uncond) {
    dk_guidance *g = &h->g;
    const dkp_pace *pace = r->own->pace;
    int step = pace ? pace->accepted : r->own->offset + r->step, steps = pace ? 0 : r->own->plan->steps;
    int sizing = pace ? pace->sizing : 0;
    *g = r->config->guidance;
    if (dkp_ramps(g)) dkp_scale_at(g, step, steps, &g->scale);
    if (g->schedule) {
        dk_guidance given = *g;
        g->schedule(g->schedule_user, *l, step, steps, &r->config->guidance);
        if (r->status == DK_OK) r->status = dkp_check_guidance(r->config, &r->own->guidance, r->config->message);
        *g = r->config->guidance, r->config->guidance = given;
        if (sizing) g->hook = sizing > 2 ? NULL : given.hook, g->doubled = sizing % 2 == 0; /* whatever it may ask for */
    }
    h->on = dkp_set(g->scale) && (sizing || dkp_guides_at(g, dk_noise_level(*l), step, steps));
    if (!h->on) {
        g->scale = 1, g->scale2 = g->rescale = 0, g->zero_star = g->projected = 0, g->guider = NULL;
        memset(g->away, 0, sizeof g->away);
    }
    dkp_weigh(h, with_uncond, sizing && g->schedule);
    if (h->branches < 2) g->rescale = 0;
}

/* One after another, or all at once: *call, and F of each branch. */
static void dkp_record_calls(dk_recorder *r, dk_call *call, const dkp_guided *h, dk_vec input,
                             const char *letters, dk_vec F[DK_BRANCHES]) {
    dk_plan *p = r->own->plan;
    int together = h->g.doubled ? h->branches : 1;
    int stored = p->number || together > 1;
    for (int k = 0; k < together; k++) {
        dk_vec u = stored ? dkp_store_as(r, input, 'u', call->estimate, 0)
                          : dkp_keep_as(r, input, 'u', call->estimate);
        if (!k) call->input = (int)u.at;
    }
    if (r->status != DK_OK) return;
    call->branches = together;
    for (int i = 0; i < DK_BRANCHES; i++) call->weight[i] = h->weight[i];
    for (int k = 0; k < h->branches; k += together) {
        if (together == 1 && !h->wanted[k]) continue;
        r->own->position++;
        for (int i = 0; i < together; i++) dkp_for_network(r, call->input + i);
        dkp_use(r, call->x, 1); /* stays readable while the evaluation is out */
        if (r->own->storing) call->needs = p->value[call->input].life.needs;
        dkp_boundary(r, DK_BOUNDARY_CALL, p->calls);
        for (int i = 0; i < together; i++)
            F[k + i] =
                dkp_vec(r, dkp_for_network(r, dkp_new_value(r, letters[k + i], call->estimate, p->calls)));
        call->branch = k, call->output = (int)F[k].at;
        if (r->own->storing) p->value[call->input].life.together = p->value[call->output].life.together = together;
        p->calls++;
        if (DKP_STORING(r, calls)) p->call[p->calls - 1] = *call;
    }
}

/* G by the user's guider, of values that follow one another. */
static dk_vec dkp_record_guider(dk_recorder *r, const dk_guidance *g, const dk_vec P[DK_BRANCHES]) {
    dk_plan *p = r->own->plan;
    for (int k = 0; k < g->memory && !(k == 0 && r->own->memory); k++) {
        int value = (int)dkp_store_as(r, dkr_zero, 'y', 0, 0).at;
        if (!k) r->own->memory = value;
    }
    r->own->position++;
    for (int k = 0; k < DK_BRANCHES; k++)
        if (P[k].of) dkp_use(r, (int)P[k].at, 1);
    for (int k = 0; k < g->memory; k++) dkp_use(r, r->own->memory + k, 1);
    dkp_boundary(r, DK_BOUNDARY_GUIDER, p->calls - 1);
    dk_vec G = dkp_vec(r, dkp_new_value(r, 'y', 0, p->calls - 1));
    dkp_use(r, (int)G.at, 1);
    if (!r->own->storing) return G;
    dk_call *call = &p->call[p->calls - 1];
    call->seen = (int)P[0].at, call->memory = r->own->memory, call->guided = (int)G.at;
    return G;
}

/* G of the branches' outputs P, whatever they are taken as. */
static dk_vec dkp_guide(dk_recorder *r, const dk_guidance *g, const double weight[DK_BRANCHES], dk_vec P[DK_BRANCHES]) {
    dk_vec C = P[0], U = P[1], G;
    if (r->status != DK_OK) return dkr_zero;
    if (g->guider) {
        G = dkp_record_guider(r, g, P);
    } else if (g->projected) { /* Sadat et al. 2024, alg. 1 */
        dk_vec d = r->own->momentum =
            dkr_keep(r, dkp_add(dkr_mix(1, C, -1, U), dkr_scale(g->momentum, r->own->momentum)));
        double w = g->projected > 1 ? g->scale : g->scale - 1, along = w * (g->parallel - 1);
        int p = dkp_set(along) ? dkp_scalar(r, DK_NORM_PROJECTION, d, C, g->limit) : 0;
        int l = g->limit > 0 ? dkp_scalar(r, DK_NORM_LIMIT, d, dkr_zero, g->limit) : 0;
        d = l ? dkr_scale_by(w, l, 1, d) : dkr_scale(w, d);
        G = dkp_add(g->projected > 1 ? U : C, d);
        if (p) G = dkp_add(G, dkr_scale_by(along, p, 1, C));
        for (int k = 2; k < DK_BRANCHES; k++)
            if (P[k].of) G = dkp_add(G, dkr_mix(-weight[k], C, weight[k], P[k])); /* away from it */
    } else {
        if (g->zero_star) P[1] = dkr_scale_by(1, dkp_scalar(r, DK_NORM_PROJECTION, C, U, 0), 1, U); /* Fan et al. 2025 */
        G = dkp_sum(DK_BRANCHES, weight, P);
    }
    if (!(g->rescale > 0)) return G;
    G = dkr_keep(r, G); /* Lin et al. 2023, sec. 3.4 */
    return dkr_mix(1 - g->rescale, G, 1,
                  dkr_scale_by(g->rescale, dkp_scalar(r, DK_NORM_DEVIATION, C, G, 0), 1, G));
}

/* D, limited and changed by the hook. */
static dk_vec dkp_finish_D(dk_recorder *r, const dk_guidance *g, dk_vec D, const dk_call *call) {
    D = dkp_store_as(r, D, 'D', call->estimate, call->clip);
    if (g->quantile > 0) {
        dk_vec v[4] = {D, dkr_zero, dkr_zero, dkr_zero};
        int s = dkp_norm_of(r, DK_NORM_QUANTILE, v, g->quantile_most, g->quantile);
        D = dkp_store_as(r, dkr_scale_by(1, s, 1, D), 'D', call->estimate, 1);
    }
    D = dkp_blend_denoised(r, D, 'D', call->estimate);
    if (g->hook && call->branches && r->status == DK_OK) {
        r->own->position++;
        dkp_use(r, (int)D.at, 1);
        dkp_boundary(r, DK_BOUNDARY_HOOK, r->own->plan->calls - 1);
    }
    return D;
}

/* One D in the making. */
typedef struct dkp_evaluation {
    const dk_level *level;
    dk_vec x; /* as the network sees it */
    dk_call call;
    dkp_guided guided;
    dkp_model network, seen; /* D from the network's output, and from what guidance sees of it */
    int converted;           /* it is another than the network's */
    int zero;                /* the output counts as 0: nothing is evaluated */
    int raw;                 /* the output is not D itself */
    dk_vec F[DK_BRANCHES];   /* the network's outputs */
} dkp_evaluation;

/* Whether the network can be asked at this level, and what. */
static void dkp_begin_evaluation(dk_recorder *r, dkp_evaluation *v, dk_vec x, const dk_level *level,
                                 const dk_level *told) {
    const dkp_model m = dkp_model_at(r->config, level, told);
    if (!dkp_finite(m.condition))
        dkp_refuse_at(r, "condition: the number told to the network is not finite", told);
    if (!dkp_finite(m.input_scale) || !dkp_finite(m.d_x) || !dkp_finite(m.d_f))
        dkp_refuse_at(r,
                      r->config->score_deviation > 0 || !dkp_set(r->config->score_excess)
                          ? "prediction: eps and score cannot give x0 where alpha = 0 (use x0, v or velocity, or start at a lower level)"
                          : "score_deviation: must be > 0 where alpha = 0 (or start at a lower level)",
                      level);
    int estimate = r->own->estimates++;
    memset(v, 0, sizeof *v);
    v->level = level, v->network = m;
    int blended = r->own->plan->own.masked && r->config->blend == DK_BLEND_BOTH;
    v->x = dkr_keep(r, x);
    if (blended) v->x = dkp_blend_with(r, v->x, dkp_known_at(r, level, r->own->fixed), 'y', 0);
    v->call.shared = !x.of && !blended;
    v->call.level = *level, v->call.condition = m.condition, v->call.end = r->aim, v->call.condition_end = dkp_told(r->config, r->aim);
    v->call.input_scale = m.input_scale;
    v->call.d_x = m.d_x, v->call.d_f = m.d_f, v->call.clip = r->config->clip;
    v->call.x = (int)v->x.at, v->call.uncond_output = -1;
    v->call.step = r->own->offset + r->step, v->call.stage = r->own->stage++, v->call.phase = r->own->phase, v->call.estimate = estimate;
}

/* What guidance takes the outputs as where their size counts, or where they are zero. */
static void dkp_choose_space(dk_recorder *r, dkp_evaluation *v) {
    dk_config *c = r->config;
    const dk_guidance *g = &v->guided.g;
    dk_prediction own = c->prediction, space = g->space;
    int negated = c->negated;
    v->zero = v->call.step < g->zero_init && !r->own->pace;
    if (!space) space = g->projected && !v->zero ? DK_PREDICT_X0 : own;
    v->converted = space != own && (dkp_guided_by_norms(g) || v->zero);
    v->seen = v->network;
    if (!v->converted) return;
    c->prediction = space, c->negated = 0;
    v->seen = dkp_model_at(c, v->level, v->level);
    c->prediction = own, c->negated = negated;
    if (!dkp_finite(v->seen.d_x) || !dkp_finite(v->seen.d_f))
        dkp_refuse_at(r, "guidance.space: eps and score say nothing where alpha = 0", v->level);
}

static void dkp_record_outputs(dk_recorder *r, dkp_evaluation *v, int with_uncond) {
    dk_plan *p = r->own->plan;
    const dk_guidance *g = &r->config->guidance;
    const dkp_model *m = &v->network;
    const dkp_guided *h = &v->guided;
    int first = p->calls, scaled = m->d_x < 0 || m->d_x > 0 || m->d_f < 1 || m->d_f > 1;
    v->raw = p->number || dkp_limits_D(r, &h->g) || v->zero || h->branches > 1 || scaled;
    if (v->zero) {
        r->own->skipped++;
        return;
    }
    dkp_record_calls(r, &v->call, h, dkr_scale(m->input_scale, v->x), v->raw ? "FGHIJK" : "D", v->F);
    if (r->status != DK_OK || !with_uncond || dkp_set(g->scale) || g->schedule || dkp_ramps(g)) return;
    /* the network gives both outputs at once */
    char letter = v->raw ? 'G' : 'U';
    v->F[1] = dkp_vec(r, dkp_for_network(r, dkp_new_value(r, letter, v->call.estimate, first)));
    if (r->own->storing) p->call[first].uncond_output = (int)v->F[1].at;
}

/* G of the outputs, each taken as guidance sees it. */
static dk_vec dkp_record_guidance(dk_recorder *r, const dkp_evaluation *v) {
    const dkp_guided *h = &v->guided;
    const dkp_model *m = &v->network, *s = &v->seen;
    dk_vec P[DK_BRANCHES];
    if (v->zero) return dkr_zero;
    memcpy(P, v->F, sizeof P);
    if (!h->wanted[1]) P[1] = dkr_zero; /* CFG++ has it by itself */
    for (int k = 0; k < DK_BRANCHES && dkp_guided_by_norms(&h->g); k++) {
        if (!P[k].of) continue;
        if (v->converted) P[k] = dkr_mix((m->d_x - s->d_x) / s->d_f, v->x, m->d_f / s->d_f, P[k]);
        if ((P[k].of || h->g.guider) && (v->converted || r->own->plan->number))
            P[k] = dkp_store_as(r, P[k], 'y', 0, 0);
    }
    return dkp_guide(r, &h->g, h->weight, P);
}

/* The unconditional D; D where there is no unconditional output. */
static dk_vec dkp_finish_uncond(dk_recorder *r, const dkp_evaluation *v, dk_vec D) {
    dk_vec U = v->F[1];
    int estimate = v->call.estimate;
    if (!U.of) return D;
    if (v->raw) U = dkp_store_as(r, dkr_mix(v->network.d_x, v->x, v->network.d_f, U), 'U', estimate, 0);
    return dkp_blend_denoised(r, U, 'U', estimate);
}

DK_API dk_vec dkr_denoise_told(dk_recorder *r, dk_vec x, dk_level level, dk_level told, dk_vec *uncond) {
    dkp_evaluation v;
    int first = r->own->plan->calls;
    r->own->drawn = -1;
    if (uncond) *uncond = dkr_zero;
    if (r->status != DK_OK) return dkr_zero;
    dkp_begin_evaluation(r, &v, x, &level, &told);
    if (r->status != DK_OK) return dkr_zero;
    dkp_guidance_at(&v.guided, r, &level, uncond != NULL);
    dkp_choose_space(r, &v);
    dkp_record_outputs(r, &v, uncond != NULL);
    if (r->status != DK_OK) return dkr_zero;
    dk_vec G = dkp_record_guidance(r, &v), D = G;
    if (v.raw) D = dkp_finish_D(r, &v.guided.g, dkr_mix(v.seen.d_x, v.x, v.seen.d_f, G), &v.call);
    if (level.sigma <= 0 || dkp_quirk(r, DK_QUIRK_KEPT_NOISE)) { /* nothing else asks for the noise */
        int by_uncond = uncond && v.F[1].of;
        const dkp_model *m = by_uncond ? &v.network : &v.seen;
        r->own->noise = dkr_mix(m->n_x, v.x, m->n_f, by_uncond ? v.F[1] : G);
    }
    if (uncond) *uncond = dkp_finish_uncond(r, &v, D);
    for (int i = first; i < r->own->plan->calls && r->own->storing; i++) r->own->plan->call[i].denoised = (int)D.at;
    return D;
}

DK_API dk_vec dkr_denoise(dk_recorder *r, dk_vec x, dk_level level) {
    return dkr_denoise_told(r, x, level, level, NULL);
}

DK_API dk_vec dkr_past(dk_recorder *r, int back) {
    int made = r->own->estimates - r->own->skipped, estimate = r->own->estimates - back;
    if (back < 1 || back > made)
        dkr_refuse(r, "estimate of dkr_past", back, "1, the newest, .. as many as evaluations have made");
    if (r->status != DK_OK) return dkr_zero;
    if (!r->own->storing) return dkp_vec(r, -1 - estimate); /* anything distinct */
    const dk_call *call = &r->own->plan->call[estimate - r->own->skipped];
    while (call->estimate < estimate) call++;
    return dkp_vec(r, call->denoised);
}

/* ---------------------------------------------------------------- >>control  Step-size control */

/* Values that are kept from one attempt to the next, in slots of their own. */
enum { DKP_KEPT_D = 1, DKP_KEPT_LOW = 2, DKP_FOREVER = 0x7FFFFFFF };

/* ---- what an attempt records: where it stops, and what stays known to the next one */

static int dkp_pinned(dk_recorder *r, int value, int slot) {
    if (r->own->storing) {
        dk_value *v = &r->own->plan->value[value];
        v->kind = DK_VALUE_BUFFER, v->slot = slot, v->life.dies = DKP_FOREVER;
        if (r->own->pin[slot]) r->own->plan->value[r->own->pin[slot]].life.dies = v->life.born; /* written over */
        r->own->pin[slot] = value;
    }
    return value;
}

static void dkp_pin(dk_recorder *r, int slot, dk_vec v) {
    if (r->status != DK_OK || !r->own->pace || r->own->pace->phase == DKP_PLAIN) return;
    dkp_pinned(r, (int)dkp_store_as(r, v, 'y', 0, 0).at, slot);
    r->own->pinned[r->own->judged] |= slot;
}

/* D at the start of a step; with step-size control it stays known to the attempts that follow a rejected one. */
static dk_vec dkp_denoise_first(dk_recorder *r) {
    if (r->own->pace && r->own->pace->kept & DKP_KEPT_D)
        return dkp_vec(r, dkp_pinned(r, dkp_new_value(r, 'y', 0, -1), DKP_KEPT_D));
    dk_vec D = dkr_denoise(r, r->x, r->from);
    dkp_pin(r, DKP_KEPT_D, D);
    return D;
}

static int dkp_attempting(const dk_recorder *r) { return r->own->pace && r->own->pace->phase == DKP_ATTEMPT; }

/* What cannot be controlled. */
static void dkp_check_attempt(dk_recorder *r) {
    const dk_sampler *s = &r->sampler;
    if (dkp_travels(r->config))
        dkr_refuse(r, "sampler.rtol", s->control.rtol, "0, and atol too: with step-size control no grid goes back up");
    if (dkp_attempting(r) && s->eta > 1 && s->law != DK_LAW_SDE) /* a long step would leave no state */
        dkr_refuse(r, "sampler.eta", s->eta, "<= 1 with step-size control, but by law = sde");
    if (dkp_attempting(r) && !r->own->judged)
        dkr_refuse(r, "sampler.rtol", s->control.rtol, "0, and atol too: this sampler has no error estimate");
}

/* Ends an attempt of a step: what follows happens only if the difference of two solutions is tolerable. */
static void dkp_judge(dk_recorder *r, dk_norm_kind kind, dk_vec a, dk_vec b, dk_vec p, dk_vec q) {
    dk_vec v[4] = {a, b, p, q};
    dkp_norm_of(r, kind, v, 0, 0);
    r->own->judged = 1;
}

/* The result x of a step, with step-size control if the embedded method agrees. It may look at the slope there, which
   is the next step's first. */
static dk_vec dkp_judge_runge_kutta(dk_recorder *r, const dkp_tableau *tableau, double h, const dk_vec *K,
                                    dk_vec x) {
    if (!dkp_attempting(r) || !tableau->embedded) return x;
    int n = tableau->stages;
    const double *a = &tableau->a[dkp_row(n)], *embedded = a + n;
    int ahead = fabs(embedded[n]) > 0;
    dkp_point from = dkp_point_at(r, &r->from), to = dkp_point_at(r, &r->to);
    double differ[DK_MAX_STAGES];
    for (int i = 0; i < n; i++) differ[i] = h * (a[i] - embedded[i]);
    dk_vec error = dkp_sum(n, differ, K), D = dkr_zero;
    x = dkr_keep(r, x);
    if (ahead) {
        D = dkr_denoise(r, x, r->to);
        error = dkr_mix(1, error, -h * embedded[n], dkp_slope(r, &r->to, x, D));
    }
    dkp_judge(r, DK_NORM_ERROR_SUM, error, dkr_zero, dkr_scale(1 / from.scale, r->x),
              dkr_scale(1 / to.scale, x));
    if (ahead) dkp_pin(r, DKP_KEPT_D, D);
    return x;
}

/* The same for an exponential step, whose embedded method is row stages + 1. */
static dk_vec dkp_judge_phi(dk_recorder *r, const dkp_phi_tableau *m, double h, const dk_vec *F, dk_vec x,
                            dk_level to) {
    if (!dkp_attempting(r) || !dkp_has_embedded(m)) return x;
    dk_vec low = dkp_phi_sum(r, m, m->stages + 1, h, F, to), before = r->x;
    if (r->own->pace->kept & DKP_KEPT_LOW)
        before = dkp_vec(r, dkp_pinned(r, dkp_new_value(r, 'y', 0, -1), DKP_KEPT_LOW));
    x = dkr_keep(r, x), low = dkr_keep(r, low);
    dkp_judge(r, DK_NORM_ERROR_MAX, x, low, low, before);
    dkp_pin(r, DKP_KEPT_LOW, low);
    return x;
}

/* What the first step size is estimated from: the state, its slope, and its slope's change over a small step; Hairer,
   Norsett & Wanner 1993, sec. II.4. */
static void dkp_record_measure(dk_recorder *r) {
    if (r->own->pace->phase == DKP_START) return;
    dkp_point from = dkp_point_at(r, &r->from), to = dkp_point_at(r, &r->own->pace->to);
    dk_vec X = dkr_keep(r, dkr_scale(1 / from.scale, r->x)), D = dkp_denoise_first(r);
    dk_vec K = dkr_keep(r, dkp_slope(r, &r->from, r->x, D));
    if (r->own->pace->phase == DKP_MEASURE) {
        dkp_judge(r, DK_NORM_ERROR_SUM, X, dkr_zero, X, X);
        dkp_judge(r, DK_NORM_ERROR_SUM, K, dkr_zero, X, X);
    } else {
        dk_vec x = dkr_keep(r, dkr_scale(to.scale, dkr_mix(1, X, to.u - from.u, K)));
        D = dkr_denoise(r, x, r->own->pace->to);
        dkp_judge(r, DK_NORM_ERROR_SUM, dkp_slope(r, &r->own->pace->to, x, D), K, X, X);
    }
}

/* ---- from one attempt to the next */

/* The axis that step sizes are measured on: u of a classical method's gauge, lambda of an exponential one. */
static int dkp_is_classical(const dk_recorder *r) { return r->sampler.tableau != NULL; }

static double dkp_control_axis(dk_recorder *r, const dk_level *l) {
    return dkp_axis(r, dkp_is_classical(r), l);
}

static dk_level dkp_level_on_axis(const dk_recorder *r, double at) {
    return dkp_is_classical(r) ? dkp_level_in_gauge(r, at) : dkp_level_of_lambda(r, at);
}

/* Steps are controlled between these levels of the grid; to and from infinite ones there are ordinary steps. */
static int dkp_off_axis(dk_recorder *r, const dk_level *l) { return l->sigma <= 0 || !dkp_finite(dkp_control_axis(r, l)); }
static int dkp_control_begin(dk_recorder *r) { return dkp_off_axis(r, &r->first); }
static int dkp_control_end(dk_recorder *r) { return r->config->steps - dkp_off_axis(r, &r->last); }

static void dkp_aim(dk_recorder *r, dkp_pace *p) {
    double left = p->end - p->at, h = left < 0 ? -p->h : p->h, next = p->at + h;
    int reaches = left < 0 ? next <= p->end : next >= p->end;
    p->next = reaches ? p->end : next;
    p->to = reaches ? dkp_grid_level(r->config, dkp_control_end(r)) : dkp_level_on_axis(r, next);
    if (reaches && r->sampler.control.law != DK_CONTROL_SMOOTH) p->h = fabs(left);
}

/* Enters the part of the grid that is controlled. */
static void dkp_enter(dk_recorder *r, dkp_pace *p) {
    double h = r->sampler.control.h_init;
    dk_level end = dkp_grid_level(r->config, dkp_control_end(r));
    p->at = dkp_control_axis(r, &p->from), p->end = dkp_control_axis(r, &end);
    p->phase = dkp_is_classical(r) && h <= 0 ? DKP_MEASURE : DKP_ATTEMPT;
    p->h = h > 0 ? h : 0.05;
    dkp_aim(r, p);
}

/* What comes after an attempt that was accepted; 0 at the end of the grid. */
static int dkp_go_on(dk_recorder *r, dkp_pace *p) {
    int begin = dkp_control_begin(r), end = dkp_control_end(r);
    p->from = p->to, p->at = p->next;
    if (p->place == r->config->steps) return 0;
    if (p->place < 0) dkp_aim(r, p);
    else if (p->place >= begin && p->place < end) dkp_enter(r, p);
    else p->phase = DKP_PLAIN, p->to = dkp_grid_level(r->config, p->place + 1);
    return 1;
}

/* The attempt of which dk_record speaks; NULL without step-size control. */
static const dkp_pace *dkp_first_attempt(dk_recorder *r, dk_config *c, dkp_pace *p) {
    if (!dkp_controlled(c)) return NULL;
    memset(p, 0, sizeof *p);
    dkp_start_recorder(r, c);
    p->place = dkp_control_begin(r) < dkp_control_end(r) ? dkp_control_begin(r) : 0;
    p->to = dkp_grid_level(c, p->place);
    dkp_go_on(r, p);
    if (p->phase == DKP_MEASURE) p->phase = DKP_ATTEMPT;
    return p;
}

/* A run's memory is for the most that any attempt needs. */
static void dkp_reserve(dk_plan *plan, const dk_plan *most) {
    if (most->used > plan->used) plan->used = most->used;
    if (most->buffers > plan->buffers) plan->buffers = most->buffers;
    if (most->halves > plan->halves) plan->halves = most->halves;
    if (most->locals > plan->locals) plan->locals = most->locals;
    if (most->noises > plan->noises) plan->noises = most->noises;
}

/* Over the plan of the attempt before, in its memory. */
static dk_status dkp_record_attempt(dk_recorder *r, dk_plan *plan, dk_config *c, dkp_pace *p) {
    const dk_plan most = *plan;
    dk_status status = dkp_record_resolved(r, plan, c, p);
    if (status == DK_OK && (plan->used > most.used || plan->buffers > most.buffers || plan->halves > most.halves ||
                            plan->locals > most.locals || plan->noises > most.noises))
        status = dkp_fail_text(c->message, DK_ERROR_MEMORY,
                               "sampler.record: a step needs more memory than any kind of step did at first");
    p->keeps[0] = p->kept | r->own->pinned[0], p->keeps[1] = r->own->pinned[1];
    plan->own.owned = most.own.owned; /* and what the run has memory for, whatever was recorded */
    plan->used = most.used, plan->buffers = most.buffers, plan->halves = most.halves, plan->locals = most.locals, plan->noises = most.noises;
    return status;
}

/* The i-th kind of attempt that a run with step-size control may make; 0 if there are no more. Attempts are made from the
   range's noisy end, then from 1/2 and 1/8 of the way, where no coefficient is 0 or 1. */
static int dkp_trial(dk_recorder *r, dk_config *c, int i, dkp_pace *p) {
    static const struct {
        int phase, kept;
    } kinds[] = {{DKP_START, 0},
                 {DKP_PLAIN, 0}, /* the first step, */
                 {DKP_PLAIN, 0}, /* and the last one */
                 {DKP_MEASURE, 0}, /* of tableaux alone */
                 {DKP_PROBE, DKP_KEPT_D},
                 {DKP_ATTEMPT, 0},
                 {DKP_ATTEMPT, DKP_KEPT_LOW},
                 {DKP_ATTEMPT, DKP_KEPT_LOW | DKP_KEPT_D}};
    enum { STEPS = 3, OF_TABLEAUX = 2, ATTEMPTS = 3 };
    const int skip = c->sampler.tableau ? 0 : OF_TABLEAUX;
    dkp_first_attempt(r, c, p);
    int count = p->phase == DKP_PLAIN ? STEPS : DKP_COUNT(kinds) - skip + 2 * ATTEMPTS;
    p->sizing = 1 + i / count, i %= count;
    if (p->sizing > (c->guidance.schedule ? 4 : 1)) return 0;
    if (i >= STEPS) i += skip;
    if (i >= DKP_COUNT(kinds)) {
        p->at += (p->end - p->at) / (i < DKP_COUNT(kinds) + ATTEMPTS ? 2 : 8), p->h = fabs(p->end - p->at) / 2;
        p->from = dkp_level_on_axis(r, p->at);
        dkp_aim(r, p);
        i = DKP_COUNT(kinds) - ATTEMPTS + (i - DKP_COUNT(kinds)) % ATTEMPTS;
    }
    p->phase = kinds[i].phase, p->kept = kinds[i].kept;
    if (i >= STEPS) return 1;
    p->place = i == 2 ? c->steps - 1 : 0;
    p->from = dkp_grid_level(c, p->place), p->to = dkp_grid_level(c, p->place + 1);
    return 1;
}

/* The whole plan of a run, or, with step-size control, its first part in memory that is enough for all others. */
DKP_ONCE static dk_status dkp_record_run(dk_plan *plan, dk_config *c, dkp_pace *p) {
    dkp_recording recording;
    dk_recorder *r = dkp_recorder_in(&recording);
    size_t bytes = 0;
    int owned = 0;
    dk_status status = DK_OK;
    if (!dkp_controlled(c)) return dkp_record_resolved(r, plan, c, NULL);
    for (int i = 0; status == DK_OK && dkp_trial(r, c, i, p); i++) {
        dk_plan counts;
        status = dkp_count(r, &counts, c, p, NULL);
        counts.terms += counts.rows, counts.rows += 2, counts.values += 2; /* coefficients that are 0 or 1 here by chance */
        if (dkp_plan_bytes(&counts) > bytes) bytes = dkp_plan_bytes(&counts);
    }
    if (status == DK_OK) status = dkp_get_memory(&plan->memory, &plan->bytes, &owned, bytes, c->message);
    for (int i = 0; status == DK_OK && dkp_trial(r, c, i, p); i++) {
        const dk_plan most = *plan;
        status = dkp_record_resolved(r, plan, c, p);
        dkp_reserve(plan, &most);
    }
    memset(p, 0, sizeof *p);
    p->from = p->to = dkp_grid_level(c, 0);
    plan->used = bytes, plan->own.owned = owned;
    if (status == DK_OK) status = dkp_record_attempt(r, plan, c, p);
    if (status != DK_OK) dk_plan_free(plan);
    return status;
}

static double dkp_worst(const dk_run *run, int i) {
    double worst = 0;
    for (int b = 0; b < run->config.batch; b++) {
        double v = run->scalars[(size_t)i * (size_t)run->config.batch + (size_t)b];
        if (!(v <= worst)) worst = dkp_finite(v) ? v : 1e300; /* of a state that is not finite */
    }
    return worst;
}

/* How an attempt's error changes the step size, by the PID law of Soderlind 2003 over the inverse errors of this and the
   accepted steps before, with the order of the better method. With noise k-diffusion takes 1.5. */
typedef struct dkp_verdict {
    int accepted;
    double inverse_error, factor;
} dkp_verdict;

static dkp_verdict dkp_judgement(const dk_run *run) {
    const dk_sampler *s = &run->config.sampler;
    const dkp_pace *p = &run->own.pace;
    const dk_control *control = &s->control;
    double P = control->pcoeff, I = control->icoeff, D = control->dcoeff,
           safety = dkp_or(control->safety, 0.9), error = dkp_worst(run, 0);
    double order = s->eta > 0 ? 1.5 : s->order;
    int smooth = control->law == DK_CONTROL_SMOOTH, first = p->accepted + p->rejected == 0;
    double now = 1 / (smooth ? error + 1e-8 : error > 1e-30 ? error : 1e-30), before = first ? now : p->inverse_error[0];
    double factor =
        dkp_pow(before, -(P + 2 * D) / order) * dkp_pow(first ? now : p->inverse_error[1], D / order);
    if (fabs(P) + fabs(I) + fabs(D) <= 0) I = 1;
    factor *= dkp_pow(now, (P + I + D) / order);
    dkp_verdict v = {error <= 1, now, safety * factor};
    if (smooth) {
        v.factor = 1 + dkp_atan(factor - 1), v.accepted = v.factor >= safety;
    } else if (control->law == DK_CONTROL_FREE) {
        v.factor = safety * (double)(float)factor;
    } else {
        double most = p->rejecting ? 1 : 10;
        v.factor = v.factor < 0.2 ? 0.2 : v.factor < most ? v.factor : most;
    }
    return v;
}

static int dkp_accepts(const dk_run *run) { return dkp_judgement(run).accepted; }

static void dkp_learn(dkp_pace *p, dkp_verdict v) {
    int first = p->accepted + p->rejected == 0;
    p->h *= v.factor, p->rejecting = !v.accepted;
    if (first) p->inverse_error[0] = p->inverse_error[1] = v.inverse_error;
    if (v.accepted) p->inverse_error[1] = p->inverse_error[0], p->inverse_error[0] = v.inverse_error;
    if (!v.accepted) p->rejected++;
}

enum { DKP_MOST_ATTEMPTS = 100000 };

/* Goes on after an attempt: records the next one. 0 at the end of the run, or where it cannot go on. */
DKP_ONCE static int dkp_proceed(dk_run *run, int accepted) {
    dkp_pace *p = &run->own.pace;
    dkp_recording recording;
    dk_recorder *r = dkp_recorder_in(&recording);
    int more = 1, moves = accepted && p->phase != DKP_MEASURE && p->phase != DKP_PROBE;
    double worst = dkp_worst(run, 0);
    dkp_start_recorder(r, &run->config);
    p->calls += dkp_plan_of(run)->calls;
    p->kept = p->keeps[moves];
    if (moves) p->draws += dkp_plan_of(run)->draws - 1;
    if (p->phase == DKP_MEASURE) { /* Hairer, Norsett & Wanner 1993, sec. II.4 */
        p->slope = dkp_worst(run, 1), p->phase = DKP_PROBE;
        p->h = worst < 1e-5 || p->slope < 1e-5 ? 1e-6 : 0.01 * worst / p->slope;
    } else if (p->phase == DKP_PROBE) {
        double bend = worst / p->h, most = p->slope > bend ? p->slope : bend;
        double h = most <= 1e-15 ? dkp_or(1e-3 * p->h, 1e-6) : dkp_pow(0.01 / most, 1.0 / run->config.sampler.order);
        p->h = h < 100 * p->h ? h : 100 * p->h, p->phase = DKP_ATTEMPT;
    } else if (p->phase == DKP_ATTEMPT) {
        dkp_learn(p, dkp_judgement(run));
        if (accepted) p->place = p->next < p->end || p->next > p->end ? -1 : dkp_control_end(r);
    } else if (p->phase == DKP_PLAIN) {
        p->place++;
    }
    if (moves) p->accepted += p->phase != DKP_START, more = dkp_go_on(r, p);
    else dkp_aim(r, p);
    if (more && p->phase == DKP_ATTEMPT &&
        (p->accepted + p->rejected >= DKP_MOST_ATTEMPTS || !(p->next < p->at || p->next > p->at))) {
        dkp_fail_run(run, DK_ERROR_STEP, "the step size became too small for sampler.rtol and atol");
        return 0;
    }
    if (!more) return 0;
    run->own.pass = 0;
    dk_status status = dkp_record_attempt(r, &run->own.plan, &run->config, p);
    if (status != DK_OK) dkp_fail_run(run, status, run->config.message);
    return status == DK_OK;
}

/* For a run whose config is resolved; its plan has the levels of one attempt only, so that the grid's ends are looked at here. */
static const dkp_controller *dkp_controller_of(dk_run *run) {
    static const dkp_controller controller = {dkp_accepts, dkp_proceed};
    const dk_config *c = &run->config;
    for (int i = 0; i <= c->steps; i++)
        if (i < 2 || i > c->steps - 2) dkp_widen_range(&run->own, dkp_grid_level(c, i));
    return &controller;
}

/* -------------------------------------------------------------------- >>slots  Where values lie */

/* Slots in use, lowest first, in one byte each; one such list for each kind of value. */
typedef struct dkp_slots {
    char *used;
    int count;
} dkp_slots;

/* For a value, and those that lie together with it; not in the caller's x, which is memory of its own. */
static void dkp_take(dkp_slots *slots, dk_value *v) {
    dkp_slots *s = &slots[(int)v->kind];
    int n = v->life.together > 1 ? v->life.together : 1, i = n > 1 && v->kind == DK_VALUE_BUFFER, free = 0;
    for (; free < n; i++) free = i < s->count && s->used[i] ? 0 : free + 1;
    if (i > s->count) s->count = i;
    for (int k = 0; k < n; k++) v[k].slot = i - n + k, s->used[i - n + k] = 1;
}

static void dkp_release(const dkp_slots *slots, const dk_value *v, int position) {
    if (v->life.dies <= position && v->kind != DK_VALUE_GIVEN) slots[(int)v->kind].used[v->slot] = 0;
}

enum { DKP_TERMS = 8 }; /* of a sum at a time */

/* Long sums run in parts, so terms that the result is written over must be read in the first part. A vector that
   is named more often than that is named once. */
static void dkp_terms_of_dst_first(dk_plan *p, dk_row *row) {
    const dk_value *dst = &p->value[row->dst];
    dk_term *term = &p->term[row->first];
    for (int j = 0, front = 0; j < row->count; j++) {
        const dk_value *v = &p->value[term[j].value];
        int same = 0;
        if (v->kind != dst->kind || v->slot != dst->slot) continue;
        while (same < front && (term[same].scalar != term[j].scalar || term[same].power != term[j].power))
            same++;
        if (same < front) {
            term[same].c += term[j].c;
            term[j--] = term[--row->count];
        } else {
            dk_term t = term[j];
            term[j] = term[front], term[front++] = t;
        }
    }
}

/* Gives every value its slot: the lowest that is free, so that a row may write over a term that dies in it, and
   the least number of buffers is live at any time. scratch holds DKP_KINDS (values + 4) bytes. */
static void dkp_allocate(dk_plan *p, char *scratch) {
    dkp_slots slots[DKP_KINDS], *buffers = &slots[DK_VALUE_BUFFER], *locals = &slots[DK_VALUE_LOCAL];
    memset(scratch, 0, DKP_KINDS * ((size_t)p->values + 4));
    for (int i = 0; i < DKP_KINDS; i++)
        slots[i].used = scratch + (size_t)i * ((size_t)p->values + 4), slots[i].count = 0;
    buffers->count = 1,
    buffers->used[0] = p->value[0].life.dies > 0; /* the caller's x, unless it is filled anew */
    if (p->attempt)
        buffers->count = DKP_KEPT_LOW + 1, buffers->used[DKP_KEPT_D] = buffers->used[DKP_KEPT_LOW] = 1;
    for (int i = 0; i < p->passes; i++) {
        dk_pass *pass = &p->pass[i];
        memset(locals->used, 0, (size_t)locals->count);
        for (int k = pass->first; k < pass->first + pass->count; k++) {
            dk_row *row = &p->row[k];
            dk_value *dst = &p->value[row->dst];
            for (int j = row->first; j < row->first + row->count; j++)
                dkp_release(slots, &p->value[p->term[j].value], dst->life.born);
            if (dst->slot < 0) dkp_take(slots, dst);
            dkp_release(slots, dst, dst->life.born);
            if (row->draw >= 0) pass->noises++;
            if (row->mask < 0) dkp_terms_of_dst_first(p, row);
        }
        if (pass->noises > p->noises) p->noises = pass->noises;
        int read[DKP_MOST_VALUES], reads = dkp_boundary_values(p, pass, read);
        int made[DK_BRANCHES + 1], outputs = dkp_made(p, pass, made);
        for (int k = 0; k < outputs; k++)
            if (p->value[made[k]].slot < 0) dkp_take(slots, &p->value[made[k]]);
        for (int k = 0; k < reads; k++) dkp_release(slots, &p->value[read[k]], pass->position);
        for (int k = 0; k < outputs; k++) dkp_release(slots, &p->value[made[k]], pass->position);
    }
    p->buffers = buffers->count - 1, p->halves = slots[DK_VALUE_HALF].count, p->locals = locals->count;
}

enum { DKP_SLOTS = 32 }; /* of each kind: plans that have more keep theirs */

/* Buffers that get other numbers. */
typedef struct dkp_renumbering {
    dk_plan *p;
    unsigned char *now;                   /* of each value, its new slot */
    int number[DKP_SLOTS], in[DKP_SLOTS]; /* of slot k: its new number, and the value that lies in it; -1: none */
    char needed[DK_VALUE_HALF + 1][DKP_SLOTS]; /* a new slot of each kind: whether the pass must leave it as it is */
} dkp_renumbering;

static void dkp_need(dkp_renumbering *s, int value) {
    dk_value_kind kind = (dk_value_kind)s->p->value[value].kind;
    if (kind <= DK_VALUE_HALF) s->needed[kind][s->now[value]] = 1;
}

static void dkp_lay(dkp_renumbering *s, int value) {
    dk_value_kind kind = (dk_value_kind)s->p->value[value].kind;
    int slot = s->p->value[value].slot, full = kind == DK_VALUE_BUFFER;
    if (kind > DK_VALUE_HALF) return;
    s->now[value] = (unsigned char)(full ? s->number[slot] : slot);
    if (full) s->in[slot] = value;
}

/* Marks what a pass needs if it is to be run again. 0 where it cannot be. */
static int dkp_mark_needed(dkp_renumbering *s, const dk_pass *pass) {
    const dk_plan *p = s->p;
    memset(s->needed, 0, sizeof s->needed);
    if (pass == p->pass || !pass->count || pass[-1].boundary != DK_BOUNDARY_CALL) return 0;
    const dk_call *call = &p->call[pass[-1].index];
    const dk_row *row = &p->row[pass->first], *last = row + pass->count - 1;
    for (int j = row->first; j < last->first + last->count; j++) {
        int v = p->term[j].value, output = v >= call->output && v < call->output + call->branches;
        if (v < row->dst && !output && v != call->uncond_output) dkp_need(s, v);
    }
    dkp_need(s, call->x);
    for (int u = call->input; u < call->input + call->branches; u++)
        if (!dkp_row_of_multiple(p, u, call->x, pass->first)) dkp_need(s, u);
    return 1;
}

/* Where the buffer that a row writes to is needed, it takes the place of one that nothing lies in any more. The result's goes
   to x. 1 where all that is needed is left as it is. */
static int dkp_renumber(dkp_renumbering *s, const dk_row *row, int result, int slots) {
    const dk_value *dst = &s->p->value[row->dst];
    dk_value_kind kind = (dk_value_kind)dst->kind;
    for (int k = 0; k < slots && kind == DK_VALUE_BUFFER; k++) {
        int *number = &s->number[dst->slot], old = *number, there = s->in[k], read = 0;
        if (row->dst == result ? s->number[k] : !s->needed[kind][old] || s->needed[kind][s->number[k]]) continue;
        for (int j = row->first; j < row->first + row->count; j++) read |= s->p->term[j].value == there;
        if (there >= 0 && (s->p->value[there].life.dies > dst->life.born || (read && row->count > DKP_TERMS))) continue;
        *number = s->number[k], s->number[k] = old;
    }
    dkp_lay(s, row->dst);
    return kind > DK_VALUE_HALF || !s->needed[kind][s->now[row->dst]];
}

/* 1 if the result then lies in x. */
static int dkp_renumber_all(dkp_renumbering *s, int result, int slots) {
    dk_plan *p = s->p;
    for (int k = 0; k < DKP_SLOTS; k++) s->number[k] = k, s->in[k] = -1;
    if (p->value[0].life.dies > 0) s->in[0] = 0;
    s->now[0] = 0;
    for (dk_pass *pass = p->pass; pass < p->pass + p->passes; pass++) {
        pass->repeats = dkp_mark_needed(s, pass);
        for (int k = pass->first; k < pass->first + pass->count; k++)
            if (!dkp_renumber(s, &p->row[k], result, slots)) pass->repeats = 0;
        int made[DK_BRANCHES + 1], count = dkp_made(p, pass, made);
        for (int k = 0; k < count; k++) dkp_lay(s, made[k]);
    }
    return s->now[result] == 0;
}

/* Gives buffers other numbers, so that as many passes as possible may be run again. What shares a buffer still does, for the
   order of terms depends on it. scratch holds a byte for every value. */
DKP_ONCE static void dkp_renumber_buffers(dk_plan *p, int result, char *scratch) {
    dkp_renumbering s;
    int slots = p->buffers + 1;
    if (p->attempt || slots > DKP_SLOTS || p->halves > DKP_SLOTS) return;
    s.p = p, s.now = (unsigned char *)scratch;
    for (int i = 0; i < p->calls; i++)
        if (p->call[i].branches > 1) slots = 0; /* outputs follow one another */
    if (!dkp_renumber_all(&s, result, slots)) dkp_renumber_all(&s, result, 0);
    for (int i = 0; i < p->values; i++)
        if (p->value[i].kind == DK_VALUE_BUFFER) p->value[i].slot = s.now[i];
}

enum { DKP_PLACE_OF_X = 2 };

/* The places of values: given vectors, then x and buffers in turns with those of 16 bits, so that they are the same in all plans
   of a run; tiles have negative ones. Passes that are plain. */
static void dkp_find_plain(dk_plan *p) {
    static const int first[] = {DKP_PLACE_OF_X, 3, -1, 0}, step[] = {2, 2, -1, 1}; /* of each kind */
    for (dk_value *v = p->value; v < p->value + p->values; v++) v->place = first[(int)v->kind] + step[(int)v->kind] * v->slot;
    for (dk_pass *pass = p->pass + 1; pass < p->pass + p->passes; pass++) {
        pass->plain = pass->boundary == DK_BOUNDARY_CALL && pass[-1].boundary == DK_BOUNDARY_CALL &&
                      p->call[pass[-1].index].uncond_output < 0;
        for (const dk_row *row = p->row + pass->first, *end = row + pass->count; row < end; row++) {
            if (row->mask >= 0 || row->clip > 0 || row->count > DKP_TERMS || p->value[row->dst].kind == DK_VALUE_HALF)
                pass->plain = 0;
            for (const dk_term *t = &p->term[row->first]; t < &p->term[row->first] + row->count; t++)
                if (t->scalar || p->value[t->value].kind == DK_VALUE_HALF) pass->plain = 0;
        }
    }
}

/* ------------------------------------------------------------------------ >>executor  Executor */

DKP_FAST

enum {
    DKP_WIDTH = 16,      /* elements at a time: a fixed number, so that compilers vectorise without -O3 */
    DKP_OPS = 16,        /* operations that are resolved once for many tiles */
    DKP_TRIALS = 4,      /* buffers that the last pass may write and be tried, */
    DKP_TRIAL = 128,     /* on so many elements at a time */
    DKP_ALONE = 1 << 16, /* shorter vectors are not worth a second thread */
    DKP_FAR = 1 << 22,   /* longer vectors come from memory, not from a cache */
    DKP_SUMS = 64,       /* parts of a sample that a norm is summed up from, */
    DKP_PARTIAL = 4      /* so many sums each */
};

/* DKP_COMPILE_TWICE makes a function of name_plain, which must be inline: where there is AVX2 it runs as compiled for
   that. The results are the same bits. Still wider vectors gain nothing here. */
#ifdef DKP_DISPATCH
#define DKP_CHOOSE(function, name, parameters, arguments)          \
    function parameters {                                          \
        if (__builtin_cpu_supports("avx2")) name##_avx2 arguments; \
        else name##_plain arguments;                               \
    }
#define DKP_COMPILE_TWICE(name, parameters, arguments)                      \
    DKP_AVX2 static void name##_avx2 parameters { name##_plain arguments; } \
    DKP_CHOOSE(static void name, name, parameters, arguments)
#else
#define DKP_CHOOSE(function, name, parameters, arguments) \
    function parameters { name##_plain arguments; }
#define DKP_COMPILE_TWICE(name, parameters, arguments) DKP_CHOOSE(static void name, name, parameters, arguments)
#endif

/* Before a loop whose elements do not depend on one another, also where a result is written over what it is made of. */
#if defined(__clang__)
#define DKP_APART _Pragma("clang loop vectorize(assume_safety) unroll(disable)")
#define DKP_FEW _Pragma("clang loop vectorize(disable) unroll(disable)")
#elif defined(__GNUC__)
#define DKP_APART _Pragma("GCC ivdep")
#define DKP_FEW
#else
#define DKP_APART
#define DKP_FEW
#endif
/* y[i] = value for all i < n */
#define DKP_FOR_EACH(n, y, value)                                                       \
    do {                                                                                \
        size_t done = 0, i;                                                             \
        for (; done + DKP_WIDTH <= (n); done += DKP_WIDTH) {                            \
            DKP_APART                                                                   \
            for (int j = 0; j < DKP_WIDTH; j++) i = done + (size_t)j, (y)[i] = (value); \
        }                                                                               \
        DKP_FEW                                                                         \
        for (i = done; i < (n); i++) (y)[i] = (value);                                  \
    } while (0)
/* The same where value(AT) is made of AT(v[0]), AT(v[1]) ...: elements i of vectors. clang vectorises no loop at -O0, but has
   vectors of any width; gcc has them, too, but takes elements of wide ones apart. */
#define DKP_ONE(v) ((const dk_real *)(v))[i]
#ifdef __clang__
#define DKP_MANY(v) (*(const dkp_reals *)(const void *)((const dk_real *)(v) + i))
#define DKP_COMBINE(n, y, value)                                                                                      \
    do {                                                                                                              \
        size_t i = 0;                                                                                                 \
        for (; i + DKP_WIDTH <= (n); i += DKP_WIDTH) *(dkp_reals *)(void *)((y) + i) = value(DKP_MANY); \
        DKP_FEW                                                                                                       \
        for (; i < (n); i++) (y)[i] = value(DKP_ONE);                                                                 \
    } while (0)
#else
#define DKP_COMBINE(n, y, value) DKP_FOR_EACH(n, y, value(DKP_ONE))
#endif

/* Numbers of 16 bits, without a branch, in what compilers vectorise; no subnormal float is computed with. */

/* All bits where a < b, for numbers below 2^31; gcc turns comparisons into branches here. */
static inline uint32_t dkp_less(uint32_t a, uint32_t b) { return 0u - ((a - b) >> 31); }

/* Added to |v|, M = 2^13 max(2^e, 2^-14), where |v| is in [2^e, 2^(e+1)), leaves as many bits of it as fp16 has. What
   exceeds M is the mantissa with its leading bit, which carries into the exponent of the code. */
static inline uint32_t dkp_to_fp16(float v) {
    uint32_t bits = dkp_bits(v) & 0x7FFFFFFFu, power = bits & 0x7F800000u;
    power = power > 0x38800000u ? power : 0x38800000u;
    uint32_t M = power + (13u << 23), nan = dkp_less(0x7F800000u, bits), large = dkp_less(0x477FFFFFu, bits);
    uint32_t code = dkp_bits(dkp_float(bits) + dkp_float(M)) - M + (M >> 13) - (126u << 10);
    uint32_t other = 0x7C00u | (nan & (0x200u | (bits >> 13 & 0x3FFu)));
    return (large & other) | (~large & code) | (dkp_bits(v) >> 16 & 0x8000u);
}

/* The exponent is moved by 224 - 112, so that fp16's highest becomes float's. A subnormal comes out as 2^-15 plus half of
   itself, and what it is below 2^-14 is added once more. */
static inline float dkp_from_fp16(uint32_t h) {
    float v = dkp_float(((h & 0x7FFFu) << 13) + 0x70000000u) * 1.92592994438723586e-34f; /* 2^-112 */
    float below = v - 6.103515625e-05f;
    v += below < 0.0f ? below : 0.0f;
    return dkp_float(dkp_bits(v) | (h & 0x8000u) << 16);
}

static inline uint32_t dkp_to_bf16(float v) {
    uint32_t bits = dkp_bits(v), rounded = bits + 0x7FFFu + (bits >> 16 & 1u);
    uint32_t nan = dkp_less(0x7F800000u, bits & 0x7FFFFFFFu);
    return ((nan & (bits | 0x400000u)) | (~nan & rounded)) >> 16;
}

/* A float from which rounding again to fewer bits gives what rounding v would (round to odd, Boldo & Melquiond 2008). */
static inline float dkp_odd(dk_real v) {
    float f = (float)v;
    double size = fabs((double)v), rounded = fabs((double)f);
    uint32_t more = rounded > size, differs = more | (rounded < size);
    return dkp_float((dkp_bits(f) - more) | differs);
}

static inline uint32_t dkp_to_half(dk_number number, dk_real v) {
    float f = sizeof v > sizeof f ? dkp_odd(v) : (float)v;
    return number == DK_NUMBER_FP16 ? dkp_to_fp16(f) : dkp_to_bf16(f);
}

static inline dk_real dkp_from_half(dk_number number, uint32_t h) {
    return (dk_real)(number == DK_NUMBER_FP16 ? dkp_from_fp16(h) : dkp_float(h << 16));
}

DKP_INLINE void dkp_to_halves_plain(dk_number number, const dk_real *from, uint16_t *to, size_t n) {
    if (number == DK_NUMBER_FP16) DKP_FOR_EACH(n, to, (uint16_t)dkp_to_half(DK_NUMBER_FP16, from[i]));
    else DKP_FOR_EACH(n, to, (uint16_t)dkp_to_half(DK_NUMBER_BF16, from[i]));
}

DKP_INLINE void dkp_from_halves_plain(dk_number number, const uint16_t *from, dk_real *to, size_t n) {
    if (number == DK_NUMBER_FP16) DKP_FOR_EACH(n, to, dkp_from_half(DK_NUMBER_FP16, from[i]));
    else DKP_FOR_EACH(n, to, dkp_from_half(DK_NUMBER_BF16, from[i]));
}

#ifdef DKP_AVX2
/* fp16 has instructions of its own, which give the same bits. */
typedef float dkp_v8 __attribute__((vector_size(32)));
typedef short dkp_h8 __attribute__((vector_size(16)));
typedef unsigned dkp_u8 __attribute__((vector_size(32)));
typedef long long dkp_l4 __attribute__((vector_size(32)));

/* For bf16 compilers' vectors take twice the instructions. Up to the first NaN; how many are done. */
DKP_AVX2 static inline size_t dkp_to_bf16_avx2(const dk_real *from, uint16_t *to, size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        dkp_v8 v, w;
        memcpy(&v, from + i, sizeof v), memcpy(&w, from + i + 8, sizeof w);
        if (__builtin_ia32_movmskps256(__builtin_ia32_cmpps256(v, w, 3))) break; /* unordered */
        dkp_u8 a = (dkp_u8)v, b = (dkp_u8)w;
        a = (a + 0x7FFFu + (a >> 16 & 1u)) >> 16, b = (b + 0x7FFFu + (b >> 16 & 1u)) >> 16;
        dkp_l4 h = (dkp_l4)__builtin_ia32_packusdw256((dkp_i8)a, (dkp_i8)b);
        h = __builtin_ia32_permdi256(h, 0xD8); /* packing leaves halves of the vectors in turns */
        memcpy(to + i, &h, sizeof h);
    }
    return i;
}

DKP_AVX2 static void dkp_to_halves_avx2(dk_number number, const dk_real *from, uint16_t *to, size_t n) {
    size_t i = 0;
    if (sizeof *from > sizeof(float)) dkp_to_halves_plain(number, from, to, n), i = n;
    else if (number == DK_NUMBER_BF16) i = dkp_to_bf16_avx2(from, to, n);
    else
        for (; i + 8 <= n; i += 8) {
            dkp_v8 v;
            memcpy(&v, from + i, sizeof v);
            dkp_h8 h = __builtin_ia32_vcvtps2ph256(v, 0);
            memcpy(to + i, &h, sizeof h);
        }
    DKP_FEW
    for (; i < n; i++) to[i] = (uint16_t)dkp_to_half(number, from[i]);
}

DKP_AVX2 static void dkp_from_halves_avx2(dk_number number, const uint16_t *from, dk_real *to, size_t n) {
    size_t i = 0;
    if (number == DK_NUMBER_BF16 || sizeof *to > sizeof(float)) dkp_from_halves_plain(number, from, to, n), i = n;
    for (; i + 8 <= n; i += 8) {
        dkp_h8 h;
        memcpy(&h, from + i, sizeof h);
        dkp_v8 v = __builtin_ia32_vcvtph2ps256(h);
        memcpy(to + i, &v, sizeof v);
    }
    DKP_FEW
    for (; i < n; i++) to[i] = dkp_from_half(number, from[i]);
}
#endif
DKP_CHOOSE(DK_API void dk_to_half, dkp_to_halves, (dk_number number, const dk_real *from, uint16_t *to, size_t n),
           (number, from, to, n))
DKP_CHOOSE(DK_API void dk_from_half, dkp_from_halves, (dk_number number, const uint16_t *from, dk_real *to, size_t n),
           (number, from, to, n))

static const dk_noise_source *dkp_source(const dk_run *run, int draw) {
    return run->own.pace.draws + draw > 0 ? &run->config.step_noise : &run->config.noise;
}

static dk_noise_request dkp_request(const dk_run *run, int draw) {
    const dk_config *c = &run->config;
    const dk_draw *d = &dkp_plan_of(run)->draw[draw];
    int number = run->own.pace.draws + draw, own = number > 0 && !dkp_same_source(&c->noise, &c->step_noise);
    dk_noise_request q = dkp_noise_of_config(c);
    q.draw = number, q.call = number - own;
    q.from = d->from, q.to = d->to, q.way = d->way, q.flow = dkp_plan_of(run)->own.flow;
    q.lowest = run->own.lowest, q.highest = run->own.highest;
    return q;
}

/* Of the numbers in 64 bits, one, two or four: the lowest bits of the exponents, and the signs; a number has 2^shift bytes. */
typedef struct dkp_exponents {
    uint64_t lowest, signs;
    int shift;
} dkp_exponents;

DKP_INLINE const dkp_exponents *dkp_exponents_of(dk_number number) {
    static const dkp_exponents of[] = {{0x0080000000800000u, 0x8000000080000000u, 2}, /* float, fp16, bf16, double */
                                       {0x0400040004000400u, 0x8000800080008000u, 1},
                                       {0x0080008000800080u, 0x8000800080008000u, 1},
                                       {0x0010000000000000u, 0x8000000000000000u, 3}};
    return &of[number == DK_NUMBER_REAL && sizeof(dk_real) > sizeof(float) ? (int)DK_NUMBER_COUNT : (int)number];
}

/* Where all bits of the exponent are set, as NaN and infinity have them, adding its lowest one carries into the sign's place.
   To compute with such a number would trap where floating point exceptions do. */
DKP_INLINE void dkp_carry(const dkp_exponents *e, const char *v, dkp_blocks *all) {
    dkp_blocks w;
    memcpy(&w, v, sizeof w);
    *all |= (w & ~e->signs) + e->lowest;
}

enum { DKP_LINE = 64 }; /* bytes */

DKP_INLINE void dkp_carry_line(const dkp_exponents *e, const char *v, dkp_blocks *all) {
    for (size_t j = 0; j < DKP_LINE / sizeof *all; j++) dkp_carry(e, v + j * sizeof *all, &all[j]);
}

/* Whether there is such a number in a line or more. Four quarters are looked at side by side, since memory gives more at a time
   where it is read in several places. The last line may be looked at twice. */
DKP_INLINE void dkp_look_plain(const dkp_exponents *e, const char *v, size_t bytes, int *bad) {
    enum { PARTS = DKP_LINE / sizeof(dkp_blocks) };
    const size_t quarter = bytes / (4 * DKP_LINE) * DKP_LINE;
    dkp_blocks all[PARTS], found = {0};
    uint64_t word[DKP_BLOCKS], any = 0;
    size_t i = 0;
    for (int j = 0; j < PARTS; j++) all[j] = found;
    dkp_carry_line(e, v + bytes - DKP_LINE, all);
    for (; i < quarter; i += DKP_LINE) {
        dkp_carry_line(e, v + i, all), dkp_carry_line(e, v + i + quarter, all);
        dkp_carry_line(e, v + i + 2 * quarter, all), dkp_carry_line(e, v + i + 3 * quarter, all);
    }
    for (i *= 4; i + DKP_LINE < bytes; i += DKP_LINE) dkp_carry_line(e, v + i, all);
    for (int j = 0; j < PARTS; j++) found |= all[j];
    memcpy(word, &found, sizeof word);
    for (int j = 0; j < DKP_BLOCKS; j++) any |= word[j];
    *bad = (any & e->signs) != 0;
}
DKP_COMPILE_TWICE(dkp_look, (const dkp_exponents *e, const char *v, size_t bytes, int *bad), (e, v, bytes, bad))

/* The first element from `at` on that is NaN or infinite; end if there is none. */
static size_t dkp_first_bad(const void *vector, dk_number number, size_t at, size_t end) {
    enum { MOST = 1 << 20 }; /* bytes at a time */
    const dkp_exponents *e = dkp_exponents_of(number);
    const char *v = (const char *)vector;
    size_t i = at << e->shift, to = end << e->shift, n;
    for (int bad; to - i >= DKP_LINE; i += n) {
        n = to - i < MOST ? to - i : (size_t)MOST;
        dkp_look(e, v + i, n, &bad);
        if (bad) break;
    }
    uint64_t w = 0;
    for (; i + sizeof w <= to; i += sizeof w) {
        memcpy(&w, v + i, sizeof w);
        if (((w & ~e->signs) + e->lowest) & e->signs) break;
    }
    for (w = 0; i < to; i += (size_t)1 << e->shift) {
        memcpy(&w, v + i, (size_t)1 << e->shift);
        if (((w & ~e->signs) + e->lowest) & e->signs) break;
    }
    return i >> e->shift;
}

enum {                        /* up to DKP_TERMS: y = c[0] v[0] + c[1] v[1] + ..., of so many terms */
    DKP_CLIP = DKP_TERMS + 1, /* y = v[0] within [-c[0], c[0]] */
    DKP_BLEND,                /* y = (1 - v[1]) c[0] v[0] + v[1] v[2] */
    DKP_WIDEN,                /* y = v[0] in 16 bits */
    DKP_NARROW,               /* y in 16 bits = v[0] */
    DKP_DRAW                  /* y = normals of one sample */
};

/* What rows are made of, on a tile. y may be one of the v. */
typedef struct dkp_op {
    int what, terms, past; /* past: y is stored past the caches */
    unsigned moves; /* bit m: v[m], bit DKP_TERMS: y begins at element 0; what does not is a tile */
    void *y;
    const void *v[DKP_TERMS];
    dk_real c[DKP_TERMS];
    int draw;
} dkp_op;

/* y may be one of the v. what: DKP_CLIP, DKP_BLEND, or how many terms a sum has. */
DKP_INLINE void dkp_combine_one(int what, dk_real *y, const dk_real *__restrict c, const void *const *v, size_t n) {
#define DKP_1(AT) c[0] * AT(v[0])
#define DKP_2(AT) DKP_1(AT) + c[1] * AT(v[1])
#define DKP_3(AT) DKP_2(AT) + c[2] * AT(v[2])
#define DKP_4(AT) DKP_3(AT) + c[3] * AT(v[3])
#define DKP_5(AT) DKP_4(AT) + c[4] * AT(v[4])
#define DKP_6(AT) DKP_5(AT) + c[5] * AT(v[5])
#define DKP_7(AT) DKP_6(AT) + c[6] * AT(v[6])
#define DKP_8(AT) DKP_7(AT) + c[7] * AT(v[7])
#define DKP_BLENDED(AT) (1 - AT(v[1])) * (c[0] * AT(v[0])) + AT(v[1]) * AT(v[2])
    switch (what) { /* NOLINTBEGIN(clang-analyzer-core.*): all has been put */
    case 0: memset(y, 0, n * sizeof *y); break;
    case 1: DKP_COMBINE(n, y, DKP_1); break;
    case 2: DKP_COMBINE(n, y, DKP_2); break;
    case 3: DKP_COMBINE(n, y, DKP_3); break;
    case 4: DKP_COMBINE(n, y, DKP_4); break;
    case 5: DKP_COMBINE(n, y, DKP_5); break;
    case 6: DKP_COMBINE(n, y, DKP_6); break;
    case 7: DKP_COMBINE(n, y, DKP_7); break;
    case 8: DKP_COMBINE(n, y, DKP_8); break;
    case DKP_CLIP: /* a minimum and a maximum, which gcc does not find in one loop */
        DKP_FOR_EACH(n, y, DKP_ONE(v[0]) < c[0] ? DKP_ONE(v[0]) : c[0]);
        DKP_FOR_EACH(n, y, y[i] > -c[0] ? y[i] : -c[0]);
        break;
    default: DKP_COMBINE(n, y, DKP_BLENDED);
    } /* NOLINTEND(clang-analyzer-core.*) */
}

/* Operations of these kinds, one after the other. */
DKP_INLINE void dkp_combine_plain(const dkp_op *op, const dkp_op *end, size_t n) {
    for (; op < end; op++) dkp_combine_one(op->what, (dk_real *)op->y, op->c, op->v, n);
}
DKP_COMPILE_TWICE(dkp_combine, (const dkp_op *op, const dkp_op *end, size_t n), (op, end, n))

/* Stores past the caches, where compilers have them: memory that is written in whole need not be read first. */
#if defined(DKP_DISPATCH) && defined(__clang__)
#define DKP_STORE_PAST(to, v) __builtin_nontemporal_store(v, to)
#elif defined(DKP_DISPATCH)
#define DKP_STORE_PAST(to, v) __builtin_ia32_movntdq(to, v)
#endif
#ifdef DKP_STORE_PAST
typedef long long dkp_l2 __attribute__((vector_size(16)));

static void dkp_store_past(void *to, const void *from, size_t bytes) {
    size_t i = (0u - (size_t)(uintptr_t)to) % sizeof(dkp_l2);
    if (i > bytes) i = bytes;
    memcpy(to, from, i);
    for (dkp_l2 v; i + sizeof v <= bytes; i += sizeof v) {
        memcpy(&v, (const char *)from + i, sizeof v);
        DKP_STORE_PAST((dkp_l2 *)(void *)((char *)to + i), v);
    }
    memcpy((char *)to + i, (const char *)from + i, bytes - i);
}

/* Other threads see such stores only behind this. */
static void dkp_stored(void) { __builtin_ia32_sfence(); }
enum { DKP_PAST = 1 };
#else
static void dkp_store_past(void *to, const void *from, size_t bytes) { memcpy(to, from, bytes); }
static void dkp_stored(void) {}
enum { DKP_PAST = 0 };
#endif

static size_t dkp_bytes_read(const dkp_op *op) {
    return op->what == DKP_WIDEN ? sizeof(uint16_t) : sizeof(dk_real);
}

/* The first element of [at, end) of an output that is NaN or infinite; end if there is none. */
static size_t dkp_bad_output(const dk_run *run, int value, size_t at, size_t end) {
    return dkp_first_bad(dkp_at(run, value), dkp_plan_of(run)->number, at, end);
}

/* Whether a call's outputs are finite, but for a second kind of them. They follow one another. */
static int dkp_good(const dk_run *run, const dk_call *call) {
    const dkp_exponents *e = dkp_exponents_of(dkp_plan_of(run)->number);
    size_t all = run->size * (size_t)call->branches;
    int bad;
    if (all << e->shift < DKP_LINE) return dkp_bad_output(run, call->output, 0, all) == all;
    dkp_look(e, (const char *)dkp_at(run, call->output), all << e->shift, &bad);
    return !bad;
}

/* Elements [at, at + n) of every vector, local ones at `tiles`, and what is to be done to them: operations that are good for
   other tiles, too, unless there were too many to be kept. */
typedef struct dkp_window {
    const dk_run *run;
    const dk_plan *plan;
    dk_real *tiles;
    size_t at, n, sample; /* the sample that coefficients are for */
    int ops, many, noises, draws;
    dkp_op op[DKP_OPS];
    dkp_ahead ahead;     /* the next window */
    dk_real *wide, *sum; /* tiles behind the local ones, where there are numbers of 16 bits or masks */
    const dk_pass *pass;
    dk_real *trial; /* short tiles, in which lies what the pass would write to buffers; NULL: it does */
} dkp_window;

static size_t dkp_tiles(const dk_plan *p) { return (size_t)p->locals + (p->halves > 0 || p->own.masked ? 2 : 0); }

/* Buffers that a pass writes, but for those from a value on. */
static int dkp_writes(const dk_plan *p, const dk_pass *pass, int value) {
    int n = 0;
    for (const dk_row *row = p->row + pass->first, *end = row + pass->count; row < end && row->dst < value; row++)
        n += p->value[row->dst].kind != DK_VALUE_LOCAL;
    return n;
}

/* To a tile, and from there past the caches. */
DKP_ONCE static void dkp_combine_past(dkp_op *op, size_t n) {
    dk_real past[DKP_TILE];
    void *y = op->y;
    op->y = past;
    dkp_combine(op, op + 1, n);
    dkp_store_past(y, past, n * sizeof *past);
    op->y = y;
}

/* With each operation memory is asked for a share of the next window, but for noise, which asks itself. */
static void dkp_run_window(dkp_window *w) {
    size_t n = w->n, asked = w->draws || !w->ops ? 0 : n / (size_t)w->ops + 1;
    dk_noise_request request;
    for (const dkp_op *op = w->op; op < w->op + w->ops; op++) {
        dkp_ask(&w->ahead, asked);
        size_t to = w->at * (op->what == DKP_NARROW ? sizeof(uint16_t) : sizeof(dk_real)), from = w->at * dkp_bytes_read(op);
        dkp_op here = *op;
        here.y = (char *)op->y + (op->moves >> DKP_TERMS) * to;
        for (int m = 0; m < op->terms; m++) here.v[m] = (const char *)op->v[m] + (op->moves >> m & 1) * from;
        switch (op->what) {
        case DKP_WIDEN: dk_from_half(w->plan->number, (const uint16_t *)here.v[0], (dk_real *)here.y, n); break;
        case DKP_NARROW: dk_to_half(w->plan->number, (const dk_real *)here.v[0], (uint16_t *)here.y, n); break;
        case DKP_DRAW:
            request = dkp_request(w->run, op->draw);
            dkp_draw_range(dkp_source(w->run, op->draw), &request, w->at, n, &w->ahead, (dk_real *)here.y);
            break;
        default:
            if (op->past) dkp_combine_past(&here, n);
            else dkp_combine(&here, &here + 1, n);
        }
    }
}

DKP_ONCE static int dkp_stream_of(const dkp_ahead *a, const void *v) {
    int i = 0;
    while (i < a->streams && a->stream[i] != v) i++;
    return i;
}

/* AMD's processors fetch what a few sums read before it is asked for, and asking costs them up to a fifth. Intel's gain as
   much from it. */
static int dkp_foresees(void) {
#ifdef DKP_DISPATCH
    return !!__builtin_cpu_is("amd");
#else
    return 0;
#endif
}

DKP_SMALL

/* What windows read that does not lie in tiles. Of vectors that no cache holds, what is only written goes past the caches. */
static void dkp_look_ahead(dkp_window *w) {
    dkp_ahead *a = &w->ahead;
    a->streams = 0;
    for (const dkp_op *op = w->op; op < w->op + w->ops; op++)
        for (int m = 0; m < op->terms; m++) {
            int i = dkp_stream_of(a, op->v[m]);
            if (!(op->moves >> m & 1) || i < a->streams || i == DKP_STREAMS) continue;
            a->stream[i] = (const char *)op->v[m], a->bytes[i] = dkp_bytes_read(op), a->streams++;
        }
    for (dkp_op *op = w->op; op < w->op + w->ops; op++)
        op->past = DKP_PAST && w->run->size >= DKP_FAR && op->what < DKP_CLIP && op->moves >> DKP_TERMS &&
                   dkp_stream_of(a, op->y) == a->streams;
    if (w->ops <= 2 && !w->draws && w->run->config.unchecked && dkp_foresees()) a->streams = 0;
}

/* Makes room for more operations. */
static void dkp_flush(dkp_window *w) {
    dkp_run_window(w);
    w->ops = w->draws = 0, w->many = 1;
}

/* One more operation, and one more term of it. */
DKP_ONCE static dkp_op *dkp_put_op(dkp_window *w, int what, void *y, int moves) {
    if (w->ops == DKP_OPS) dkp_flush(w);
    dkp_op *op = &w->op[w->ops++];
    op->what = what, op->terms = op->past = 0, op->moves = (unsigned)moves << DKP_TERMS, op->y = y;
    return op;
}

static dkp_op *dkp_with(dkp_op *op, dk_real c, const void *v, int moves) {
    op->moves |= (unsigned)moves << op->terms;
    op->c[op->terms] = c, op->v[op->terms++] = v;
    return op;
}

/* Where a value's elements begin, or, moves 0, those of the tile. */
static void *dkp_place(const dkp_window *w, const dk_value *v, int *moves) {
    int tried = w->trial && v >= &w->plan->value[w->plan->row[w->pass->first].dst];
    *moves = v->kind != DK_VALUE_LOCAL && !tried;
    if (v->kind == DK_VALUE_LOCAL) return w->tiles + (size_t)v->slot * DKP_TILE;
    return tried ? w->trial + dkp_writes(w->plan, w->pass, (int)(v - w->plan->value)) * DKP_TRIAL : w->run->own.place[v->place];
}

static dkp_op *dkp_with_value(const dkp_window *w, dkp_op *op, dk_real c, const dk_value *v) {
    int moves;
    const void *at = dkp_place(w, v, &moves);
    return dkp_with(op, c, at, moves);
}

DKP_INLINE dk_real dkp_factor(const dk_run *run, size_t sample, const dk_term *t) {
    double factor = t->c;
    if (!t->scalar) return (dk_real)factor;
    for (int power = 0; power < t->power; power++)
        factor *= run->scalars[(size_t)(t->scalar - 1) * (size_t)run->config.batch + sample];
    return (dk_real)factor;
}

/* y = sum of terms, as many at a time as an operation has, and one of 16 bits. */
static void dkp_resolve_sum(dkp_window *w, const dk_term *t, int count, void *y, int moves) {
    const dk_value *value = w->plan->value;
    int done = 0;
    do {
        int room = DKP_TERMS - (done > 0), end = count - done < room ? count : done + room, half = -1;
        for (int j = done; w->plan->number && j < end; j++) {
            if (value[t[j].value].kind != DK_VALUE_HALF) continue;
            if (half >= 0) end = j;
            else dkp_with_value(w, dkp_put_op(w, DKP_WIDEN, w->wide, 0), 1, &value[t[half = j].value]);
        }
        dkp_op *op = dkp_put_op(w, end - done + (done > 0), y, moves);
        if (done > 0) dkp_with(op, 1, y, moves);
        for (; done < end; done++) {
            if (done == half) dkp_with(op, dkp_factor(w->run, w->sample, &t[done]), w->wide, 0);
            else dkp_with_value(w, op, dkp_factor(w->run, w->sample, &t[done]), &value[t[done].value]);
        }
    } while (done < count);
}

static void dkp_resolve_row(dkp_window *w, const dk_row *row) {
    const dk_run *run = w->run;
    const dk_term *t = &w->plan->term[row->first];
    const dk_value *value = w->plan->value, *d = &value[row->dst];
    int half = d->kind == DK_VALUE_HALF, moves;
    void *dst = dkp_place(w, d, &moves), *y = half ? w->sum : dst;
    if (row->draw >= 0 && dkp_whole(dkp_source(run, row->draw))) { /* it has filled a buffer of its own */
        dkp_with(dkp_put_op(w, 1, dst, moves), 1, run->own.noise + (size_t)w->noises++ * run->size, 1);
    } else if (row->draw >= 0) {
        dkp_put_op(w, DKP_DRAW, dst, moves)->draw = row->draw, w->draws++;
    } else if (row->mask >= 0) {
        dkp_resolve_sum(w, t + 1, row->count - 1, w->sum, 0);
        dkp_op *op = dkp_with_value(w, dkp_put_op(w, DKP_BLEND, dst, moves), (dk_real)t->c, &value[t->value]);
        dkp_with(dkp_with_value(w, op, 1, &value[row->mask]), 1, w->sum, 0);
    } else if (half && row->count == 1 && t->c >= 1 && t->c <= 1 && !t->scalar && row->clip <= 0 &&
               value[t->value].kind != DK_VALUE_HALF) { /* a copy */
        dkp_with_value(w, dkp_put_op(w, DKP_NARROW, dst, 1), 1, &value[t->value]);
    } else {
        moves = moves && !half;
        dkp_resolve_sum(w, t, row->count, y, moves);
        if (row->clip > 0) dkp_with(dkp_put_op(w, DKP_CLIP, y, moves), (dk_real)row->clip, y, moves);
        if (half) dkp_with(dkp_put_op(w, DKP_NARROW, dst, 1), 1, y, 0);
    }
}

enum { DKP_SAMPLES_NOISE = 1, DKP_SAMPLES_FACTORS };

/* What of a pass depends on the sample: chunks of noise, which are a sample's, or coefficients. */
static int dkp_by_sample(const dk_plan *plan, const dk_pass *pass) {
    int why = pass->noises ? DKP_SAMPLES_NOISE : 0;
    for (int k = pass->first; plan->norms && k < pass->first + pass->count; k++)
        for (int j = plan->row[k].first; j < plan->row[k].first + plan->row[k].count; j++)
            if (plan->term[j].scalar) why |= DKP_SAMPLES_FACTORS;
    return why;
}

enum { DKP_VECTORS = 4 }; /* that a norm looks at */

/* Work on units 0 .. units - 1 of a long vector, in parts that may run at once. What a unit is, and so every
   result, does not depend on the number of parts. */
typedef struct dkp_work {
    dk_run *run;
    void (*range)(const struct dkp_work *work, int part, size_t first, size_t end);
    size_t units;
    int parts;
    const dk_pass *pass; /* what it is about */
    const dk_norm *norm;
    dk_number number;
    const void *vector[DKP_VECTORS];
} dkp_work;

static void dkp_part(void *arg, int i) {
    const dkp_work *w = (const dkp_work *)arg;
    if (i < 0 || i >= w->parts) return;
    size_t part = (size_t)i, parts = (size_t)w->parts, share = w->units / parts, rest = w->units % parts;
    size_t first = part * share + (part < rest ? part : rest);
    w->range(w, i, first, first + share + (part < rest));
}

static void dkp_share(dkp_work *w) {
    const dk_config *c = &w->run->config;
    w->parts = w->run->size < DKP_ALONE ? 1 : c->threads;
    if (w->units < (size_t)w->parts) w->parts = (int)w->units;
    if (w->parts == 1) {
        dkp_part(w, 0);
    } else if (c->parallel) {
        c->parallel(c->parallel_user, w->parts, dkp_part, w);
    } else {
#ifdef _OPENMP
#pragma omp parallel for schedule(static) num_threads(w->parts)
#endif
        for (int i = 0; i < w->parts; i++) dkp_part(w, i);
    }
}

/* Each part says which element it has found. The first of them, or the run's size. */
static size_t dkp_share_search(dkp_work *w) {
    double *found = w->run->own.sums, first = (double)w->run->size;
    for (int i = 0; i < w->run->config.threads; i++) found[i] = 0; /* a part that nobody looks at is bad */
    dkp_share(w);
    for (int i = 0; i < w->parts; i++)
        if (found[i] < first) first = found[i];
    return (size_t)first;
}

static size_t dkp_units(size_t n, size_t unit) { return n / unit + (n % unit > 0); }

/* The first element that is NaN or infinite, of outputs that are looked at, or of what x would be after a trial; the size if
   there is none. */
static size_t dkp_run_units(const dkp_work *work, int part, size_t first, size_t end, dk_real *trial) {
    const dk_run *run = work->run;
    const dk_plan *plan = dkp_plan_of(run);
    const dk_pass *pass = work->pass;
    size_t to = end * DKP_TILE < run->size ? end * DKP_TILE : run->size;
    int by_sample = dkp_by_sample(plan, pass);
    int fetch = run->size >= (by_sample ? DKP_ALONE : DKP_FAR); /* memory can work while noise is made */
    size_t tile = trial ? DKP_TRIAL : fetch && !by_sample ? DKP_TILE / 2 : DKP_TILE;
    size_t span = run->dim; /* no window crosses the end of so many elements: of a sample, or of short ones in whole */
    if (by_sample == DKP_SAMPLES_NOISE && span < DKP_TILE) span = DKP_TILE / span * span;
    int outputs[DK_BRANCHES + 1], looking = run->own.looking ? dkp_made(plan, dkp_open_pass(run), outputs) : 0;
    size_t locals = (size_t)plan->locals, tiles = dkp_tiles(plan);
    dkp_window w;
    w.run = run, w.plan = plan, w.tiles = run->own.tiles + (size_t)part * tiles * DKP_TILE;
    w.wide = w.tiles + locals * DKP_TILE, w.sum = w.wide + (tiles - locals) / 2 * DKP_TILE, w.pass = pass, w.trial = trial;
    w.at = w.sample = 0, w.ops = w.many = w.noises = w.draws = 0, w.ahead.streams = 0;
    const void *result = run->x; /* of a trial: there already, or in one of its tiles */
    int in_x = 1;
    for (const dk_row *row = plan->row + pass->first; trial && row < plan->row + pass->first + pass->count; row++)
        if (plan->value[row->dst].place == DKP_PLACE_OF_X) result = dkp_place(&w, &plan->value[row->dst], &in_x);
    for (size_t at = first * DKP_TILE; at < to; at += w.n) {
        size_t sample = by_sample ? at / run->dim : 0, from = by_sample ? at % span : at;
        size_t rest = by_sample && span - from < to - at ? span - from : to - at;
        int resolve =
            at == first * DKP_TILE || w.many || (by_sample & DKP_SAMPLES_FACTORS && sample != w.sample);
        w.n = tile - from % tile; /* noise is made in chunks */
        if (rest < w.n) w.n = rest;
        w.at = at, w.sample = sample;
        w.ahead.element = w.ahead.end = at + w.n;
        if (fetch) w.ahead.end += w.n < to - w.ahead.end ? w.n : to - w.ahead.end;
        for (int k = 0; k < looking; k++) { /* memory works meanwhile */
            dkp_ask(&w.ahead, w.draws || !w.ops ? 0 : w.n / (size_t)(w.ops + 1));
            size_t bad = dkp_bad_output(run, outputs[k], at, at + w.n);
            if (bad < at + w.n) return bad;
        }
        if (resolve) w.ops = w.noises = w.draws = 0;
        for (int k = 0; resolve && k < pass->count; k++)
            dkp_resolve_row(&w, &plan->row[pass->first + k]);
        if (resolve && fetch) dkp_look_ahead(&w);
        dkp_run_window(&w);
        if (!trial) continue;
        size_t begin = in_x ? at : 0, bad = dkp_first_bad(result, DK_NUMBER_REAL, begin, begin + w.n);
        if (bad < begin + w.n) return at + bad - begin;
    }
    return run->size;
}

DKP_FAST

static void dkp_run_range(const dkp_work *work, int part, size_t first, size_t end) {
    size_t bad = dkp_run_units(work, part, first, end, NULL);
    dkp_stored();
    if (work->run->own.looking) work->run->own.sums[part] = (double)bad;
}

DKP_ONCE static void dkp_try_range(const dkp_work *work, int part, size_t first, size_t end) {
    dk_real trial[DKP_TRIALS * DKP_TRIAL];
    work->run->own.sums[part] = (double)dkp_run_units(work, part, first, end, trial);
}

/* A plain pass of short vectors. */
DKP_ONCE static void dkp_run_plain(const dk_run *run, const dk_pass *pass) {
    const dk_plan *plan = dkp_plan_of(run);
    const dk_value *value = plan->value;
    void *const *place = run->own.place;
    dkp_op ops[DKP_OPS], *op = ops;
    for (const dk_row *row = &plan->row[pass->first], *end = row + pass->count; row < end; row++) {
        const dk_term *t = &plan->term[row->first];
        void *y = place[value[row->dst].place];
        if (row->draw >= 0 || op == ops + DKP_OPS) dkp_combine(ops, op, run->size), op = ops;
        if (row->draw >= 0) {
            dk_noise_request request = dkp_request(run, row->draw);
            dkp_draw_range(dkp_source(run, row->draw), &request, 0, run->size, NULL, (dk_real *)y);
            continue;
        }
        op->what = row->count, op->y = y;
        for (int j = 0; j < row->count; j++, t++) op->c[j] = (dk_real)t->c, op->v[j] = place[value[t->value].place];
        op++;
    }
    dkp_combine(ops, op, run->size);
}

static int dkp_rows(void *user, dk_run *run, const dk_pass *pass) {
    (void)user;
    if (pass->count) {
        dkp_work work = {run, dkp_run_range, dkp_units(run->size, DKP_TILE), 0, pass, NULL, DK_NUMBER_REAL, {NULL}};
        if (!run->own.looking) dkp_share(&work);
        else run->own.bad = dkp_share_search(&work);
    }
    return run->own.looking && run->own.bad < run->size;
}

/* The sum of a b, in DKP_WIDTH sums side by side. From one to the next of these, b steps on by `step`, which is 0 for a
   b of no more. */
static double dkp_products(const dk_real *a, const dk_real *b, size_t step, size_t n) {
    double sum[DKP_WIDTH], all = 0;
    size_t i = 0;
    for (int j = 0; j < DKP_WIDTH; j++) sum[j] = 0;
    for (; i + DKP_WIDTH <= n; i += DKP_WIDTH, b += step)
        for (size_t j = 0; j < DKP_WIDTH; j++) sum[j] += (double)a[i + j] * (double)b[j];
    for (int j = 0; j < DKP_WIDTH; j++) all += sum[j];
    for (; i < n; i++) all += (double)a[i] * (double)b[i % DKP_WIDTH];
    return all;
}

static double dkp_dot(const dk_real *a, const dk_real *b, size_t n) {
    return dkp_products(a, b, DKP_WIDTH, n);
}

static double dkp_total(const dk_real *a, size_t n) {
    static const dk_real ones[DKP_WIDTH] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    return dkp_products(a, ones, 0, n);
}

/* The sum of squares of the difference of two vectors, each element in units of what is tolerated there. */
static double dkp_errors(const dk_norm *norm, const dk_real *a, const dk_real *b, const dk_real *p,
                         const dk_real *q, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double size = fabs((double)p[i]), other = fabs((double)q[i]), difference = (double)a[i];
        if (other > size) size = other;
        if (b) difference -= (double)b[i];
        size *= norm->rtol;
        if (norm->kind == DK_NORM_ERROR_SUM) size += norm->atol;
        else if (size < norm->atol) size = norm->atol;
        if (!dkp_finite(size) || !dkp_finite(difference)) return HUGE_VAL; /* no such state is good */
        if (difference < 0 || difference > 0) sum += difference / size * (difference / size);
    }
    return sum;
}

/* Elements of a sample that make one sum: at most DKP_SUMS such chunks. */
static size_t dkp_chunk(size_t dim) { return dkp_units(dkp_units(dim, DKP_SUMS), DKP_TILE) * DKP_TILE; }

DKP_ONCE static const dk_real *dkp_vector_of(const dkp_work *work, int k, size_t element) {
    const dk_real *v = (const dk_real *)work->vector[k];
    return v ? v + element : NULL;
}

/* The norm of a sample of n elements from its sums. */
static double dkp_norm_of_sums(const dk_norm *norm, const double *sum, size_t n) {
    double a = sum[0], b = sum[1], most = a > 1 ? a : 1,
           kept = norm->limit > 0 && norm->limit < dkp_sqrt(a) ? norm->limit / dkp_sqrt(a) : 1;
    if (norm->kind == DK_NORM_LIMIT) return kept;
    if (norm->kind == DK_NORM_QUANTILE) return 1 / (norm->limit > 0 && norm->limit < most ? norm->limit : most);
    if (norm->kind == DK_NORM_DEVIATION) {
        const double least = 1e-12 * b; /* below it lies rounding: all elements are equal */
        a -= sum[2] * sum[2] / (double)n, b -= sum[3] * sum[3] / (double)n;
        return !(b > least) ? 1 : a > 0 ? dkp_sqrt(a / b) : 0;
    }
    if (!(b > 0)) return 0; /* a vanishing score, e.g., has no direction to step in: no step */
    return norm->kind == DK_NORM_PROJECTION ? kept * sum[2] / b : dkp_sqrt(a / b);
}

static uint64_t dkp_real_bits(dk_real v) {
    return sizeof v > sizeof(float) ? dkp_double_bits((double)v) : dkp_bits((float)v);
}

static dk_real dkp_real_of(uint64_t bits) {
    return sizeof(dk_real) > sizeof(float) ? (dk_real)dkp_double(bits) : (dk_real)dkp_float((uint32_t)bits);
}

/* In the order of |v|. */
static uint64_t dkp_size_bits(dk_real v) { return dkp_real_bits(v < 0 ? -v : v); }

/* The quantile of |v|, linear between neighbours: element number share (n - 1) in order of size, found byte by byte from
   the top by counting. */
static double dkp_quantile(const dk_real *v, size_t n, double share) {
    double place = share * (double)(n - 1);
    size_t rank = (size_t)place, left = rank, upto = 0;
    uint64_t found = 0, next = ~(uint64_t)0;
    for (int shift = 8 * (int)sizeof *v - 8; shift >= 0; shift -= 8) {
        size_t count[256] = {0};
        unsigned byte = 0;
        for (size_t i = 0; i < n; i++) {
            uint64_t bits = dkp_size_bits(v[i]) >> shift;
            count[bits & 255] += bits >> 8 == found;
        }
        for (; count[byte] <= left; byte++) left -= count[byte];
        found = found << 8 | byte;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = dkp_size_bits(v[i]);
        upto += bits <= found;
        if (bits > found && bits < next) next = bits;
    }
    double low = (double)dkp_real_of(found), high = upto > rank + 1 || upto == n ? low : (double)dkp_real_of(next);
    return low + (place - (double)rank) * (high - low);
}

/* The sums of a chunk that a norm is made of, DKP_PARTIAL of them. A quantile is of one chunk, and stands for a sum. */
static void dkp_norm_range(const dkp_work *work, int part, size_t first, size_t end) {
    const dk_run *run = work->run;
    const dk_norm *norm = work->norm;
    size_t chunks = work->units / (size_t)run->config.batch, chunk = chunks > 1 ? dkp_chunk(run->dim) : run->dim;
    int errors = norm->kind == DK_NORM_ERROR_SUM || norm->kind == DK_NORM_ERROR_MAX;
    (void)part;
    for (size_t i = first; i < end; i++) {
        size_t from = i % chunks * chunk, n = run->dim - from < chunk ? run->dim - from : chunk;
        size_t at = i / chunks * run->dim + from;
        const dk_real *a = dkp_vector_of(work, 0, at), *b = dkp_vector_of(work, 1, at);
        double *sum = run->own.sums + DKP_PARTIAL * i;
        sum[0] = norm->kind == DK_NORM_QUANTILE ? dkp_quantile(a, n, norm->share)
                 : errors ? dkp_errors(norm, a, b, dkp_vector_of(work, 2, at), dkp_vector_of(work, 3, at), n)
                          : dkp_dot(a, a, n);
        sum[1] = errors || !b ? (double)n : dkp_dot(b, b, n);
        if (norm->kind == DK_NORM_PROJECTION) sum[2] = dkp_dot(a, b, n);
        if (norm->kind == DK_NORM_DEVIATION) sum[2] = dkp_total(a, n), sum[3] = dkp_total(b, n);
    }
}

DKP_SMALL

static int dkp_norms(void *user, dk_run *run, const dk_norm *norm, double *of_sample) {
    size_t batch = (size_t)run->config.batch;
    size_t chunks = norm->kind == DK_NORM_QUANTILE ? 1 : dkp_units(run->dim, dkp_chunk(run->dim));
    dkp_work work = {run, dkp_norm_range, chunks * batch, 0, NULL, norm, DK_NUMBER_REAL, {NULL}};
    const int value[DKP_VECTORS] = {norm->a, norm->b, norm->p, norm->q};
    (void)user;
    for (int k = 0; k < DKP_VECTORS; k++) {
        if (value[k] < 0) continue;
        work.vector[k] = dkp_fetch(run, DK_VALUE_BUFFER, dkp_plan_of(run)->value[value[k]].slot, k);
        if (!work.vector[k]) return 1;
    }
    dkp_share(&work);
    for (size_t s = 0; s < batch; s++) {
        double sum[DKP_PARTIAL] = {0};
        for (size_t i = s * chunks; i < (s + 1) * chunks; i++)
            for (int k = 0; k < DKP_PARTIAL; k++) sum[k] += run->own.sums[DKP_PARTIAL * i + (size_t)k];
        of_sample[s] = dkp_norm_of_sums(norm, sum, run->dim);
    }
    return 0;
}

static void dkp_look_range(const dkp_work *work, int part, size_t first, size_t end) {
    size_t size = work->run->size, to = end * DKP_TILE < size ? end * DKP_TILE : size;
    size_t bad = dkp_first_bad(work->vector[0], work->number, first * DKP_TILE, to);
    work->run->own.sums[part] = (double)(bad < to ? bad : size);
}

/* The first element of a vector of the run's size that is NaN or infinite; the size if there is none. */
static size_t dkp_find_in(dk_run *run, const void *vector, dk_number number) {
    if (run->size < DKP_ALONE) return dkp_first_bad(vector, number, 0, run->size);
    dkp_work work = {run, dkp_look_range, dkp_units(run->size, DKP_TILE), 0, NULL, NULL, number, {vector}};
    return dkp_share_search(&work);
}

/* Runs the last pass, unless its result is not finite: then x stays, and the first such element is returned. A pass that writes
   more buffers than a trial has tiles is not tried; no recording makes one. */
DKP_ONCE static size_t dkp_finish(dk_run *run, const dk_pass *pass) {
    dk_real before[DKP_TRIALS * DKP_TRIAL];
    int writes = dkp_writes(dkp_plan_of(run), pass, dkp_plan_of(run)->values), few = run->size <= (size_t)DKP_COUNT(before);
    if (!few && writes > 0 && writes < DKP_TRIALS) {
        dkp_work work = {run, dkp_try_range, dkp_units(run->size, DKP_TILE), 0, pass, NULL, DK_NUMBER_REAL, {NULL}};
        size_t bad = dkp_share_search(&work);
        if (bad == run->size) dkp_rows(NULL, run, pass);
        return bad;
    }
    size_t kept = few ? run->size * sizeof *before : 0;
    memcpy(before, run->x, kept);
    dkp_rows(NULL, run, pass);
    size_t bad = dkp_find_in(run, run->x, DK_NUMBER_REAL);
    if (bad < run->size) memcpy(run->x, before, kept);
    return bad;
}

static const dk_backend dkp_memory_backend = {NULL, dkp_rows, dkp_norms, NULL, NULL, NULL, NULL, NULL};

static const dk_backend *dkp_backend(const dk_run *run) {
    return run->config.backend ? run->config.backend : &dkp_memory_backend;
}

/* Where the host finds a buffer: a back end brings it to a place in the run's memory. NULL: it failed. */
static const void *dkp_fetch(dk_run *run, dk_value_kind kind, int slot, int place) {
    const dk_backend *b = run->config.backend;
    if (b) {
        dk_real *to = run->own.mirror + (size_t)place * run->size;
        int answer = b->get(b->user, run, kind, slot, to);
        if (answer) dkp_fail_backend(run, answer, "the back end failed to give a buffer");
        return answer ? NULL : to;
    }
    if (kind == DK_VALUE_HALF) return dkp_half_buffer(run, slot);
    if (kind == DK_VALUE_GIVEN) return slot ? run->config.mask : run->config.known;
    return dkp_buffer(run, slot);
}

enum { DKP_CONTROL_NORMS = 2 }; /* at most so many in an attempt */

/* What generators remember from draw to draw. */
static size_t dkp_streams_bytes(const dk_config *c) {
    size_t own = dkp_same_source(&c->noise, &c->step_noise) ? 0 : dkp_generator_bytes(c, &c->step_noise);
    return dkp_generator_bytes(c, &c->noise) + own;
}

static size_t dkp_scalars(const dk_plan *p, const dk_config *c) {
    return dkp_more(0, (size_t)(p->attempt ? DKP_CONTROL_NORMS : p->norms), (size_t)c->batch);
}

/* Lays out a run's memory from base on, and returns its size; base NULL: that alone. It is (size_t)-1 where it cannot be
   counted: no memory is that large, which is said where it is asked for. */
static size_t dkp_workspace(const dk_plan *p, const dk_config *c, dk_run *run, char *base) {
    size_t here = c->backend ? 0 : 1, batch = (size_t)c->batch, numbers = here * c->dim * batch;
    size_t tiles = here * dkp_tiles(p) * DKP_TILE, parts = (size_t)c->threads;
    size_t chunks = p->norms || p->attempt ? dkp_more(0, batch, dkp_units(c->dim, dkp_chunk(c->dim))) : 0;
    size_t sums = dkp_more(0, chunks, DKP_PARTIAL), mirrors = here ? 0 : !c->backend->get ? 0 : chunks ? DKP_VECTORS : 2;
    size_t places = here * ((size_t)p->locals + 2 * (size_t)(p->buffers + p->halves) + 4), all = 0;
    size_t scalars = dkp_scalars(p, c), streams = dkp_streams_bytes(c);
    int asked = dkp_whole(&c->noise) || dkp_whole(&c->step_noise);
    const struct {
        size_t at, n, each;
    } part[] = {{offsetof(dk_run, own.buffers), (size_t)p->buffers, numbers * sizeof(dk_real)},
                {offsetof(dk_run, own.halves), (size_t)p->halves, numbers * sizeof(uint16_t)},
                {offsetof(dk_run, own.noise), asked ? (size_t)p->noises : 0, numbers * sizeof(dk_real)},
                {offsetof(dk_run, scalars), scalars, sizeof(double)},
                {offsetof(dk_run, own.sums), sums > parts ? sums : parts, sizeof(double)},
                {offsetof(dk_run, own.streams), 1, streams},
                {offsetof(dk_run, own.place), places, sizeof(void *)},
                {offsetof(dk_run, own.tiles), parts, tiles * sizeof(dk_real)},
                {offsetof(dk_run, own.mirror), mirrors, c->dim * batch * sizeof(dk_real)}};
    for (int k = 0; k < DKP_COUNT(part); k++) {
        char *first = base ? base + all : NULL;
        if (base) memcpy((char *)run + part[k].at, &first, sizeof first); /* NOLINT(bugprone-sizeof-expression) */
        all = dkp_more(all, 1, dkp_up(dkp_more(0, part[k].n, part[k].each)));
    }
    return dkp_more(all, 1, 64); /* whatever its alignment */
}

DK_API dk_status dk_denoised(dk_run *run, dk_real *out) {
    if (!run || !run->size) return DK_ERROR_ORDER;
    const dk_backend *b = run->config.backend;
    if ((b && !b->get) || (run->own.state != DKP_WAITING && run->own.state != DKP_FINISHED))
        return dkp_fail_text(run->message, DK_ERROR_ORDER, "no evaluation is out that dk_denoised could look at");
    const size_t bytes = run->size * sizeof *out;
    if (!out || (run->own.state == DKP_WAITING && !b && dkp_overlap(out, bytes, run->x, bytes)))
        return dkp_fail_text(run->message, DK_ERROR_CONFIG, "out: must be batch * dim numbers outside of x");
    const dk_real *x = dk_state(run);
    if (!x) return run->status;
    if (run->own.state == DKP_FINISHED) {
        memcpy(out, x, bytes);
        return run->own.ended;
    }
    const dk_plan *p = dkp_plan_of(run);
    const dk_call *call = dkp_open_call(run), *first = call, *end = p->call + p->calls;
    while (first > p->call && first[-1].estimate == call->estimate) first--;
    int last = call + 1 == end || call[1].estimate != call->estimate;
    memset(out, 0, bytes);
    for (; first <= call; first++)
        for (int k = first->branch; k < first->branch + first->branches; k++) {
            double weight = last ? first->weight[k] : k == 0;
            const dk_value *v = &p->value[first->output + k - first->branch];
            dk_real c = (dk_real)(weight * call->d_f);
            if (!dkp_set(weight)) continue;
            const void *F = dkp_fetch(run, (dk_value_kind)v->kind, v->slot, 1);
            if (!F) return run->status;
            for (size_t i = 0; i < run->size; i++)
                out[i] += c * (v->kind == DK_VALUE_HALF ? dkp_from_half(p->number, ((const uint16_t *)F)[i]) : ((const dk_real *)F)[i]);
        }
    dk_real d_x = (dk_real)call->d_x, most = (dk_real)call->clip;
    for (size_t i = 0; i < run->size; i++) {
        dk_real D = out[i];
        if (dkp_set(call->d_x)) D += d_x * x[i];
        out[i] = most > 0 ? D > most ? most : D < -most ? -most : D : D;
    }
    if (p->own.masked < 2) return DK_OK;
    const dk_real *known = (const dk_real *)dkp_fetch(run, DK_VALUE_GIVEN, 0, 0);
    const dk_real *mask = known ? (const dk_real *)dkp_fetch(run, DK_VALUE_GIVEN, 1, 1) : NULL;
    for (size_t i = 0; mask && i < run->size; i++) out[i] = (1 - mask[i]) * out[i] + mask[i] * known[i];
    return mask ? DK_OK : run->status;
}

/* ---------------------------------------------------------------------- >>saved  Save and load */

/* Saved bytes, little-endian: words of 8 bytes that say what the save belongs to; where step-size control stands; cursor;
   norms, x, buffers and halves; last a hash of all that precedes. */

static uint64_t dkp_hash(uint64_t h, uint64_t v) { /* FNV-1a over the eight bytes of v */
    for (int i = 0; i < 64; i += 8) h = (h ^ ((v >> i) & 255)) * 0x100000001B3u;
    return h;
}

static uint64_t dkp_hash_real(uint64_t h, double v) { return dkp_hash(h, dkp_double_bits(v)); }

/* A number that tells apart plans which compute different things. */
static uint64_t dkp_plan_hash(const dk_plan *p) {
    uint64_t h = dkp_hash(dkp_hash(0xCBF29CE484222325u, (uint64_t)p->steps), (uint64_t)p->number);
    int count;
    size_t size;
    for (int k = 0; k < DKP_COUNT(dkp_plan_fields); k++) {
        const dkp_plan_field *f = &dkp_plan_fields[k];
        const char *at = dkp_plan_array(p, f->array, &count, &size);
        for (int i = 0; i < count; i++, at += size) h = dkp_hash_real(h, dkp_plan_number(f, at));
    }
    return h;
}

typedef struct dkp_bytes {
    unsigned char *write; /* either */
    const unsigned char *read;
    uint64_t hash;
} dkp_bytes;

static uint64_t dkp_byte_io(dkp_bytes *io, uint64_t v, int bytes) {
    uint64_t back = 0;
    for (int i = 0; i < bytes; i++) {
        unsigned char byte = (unsigned char)(io->write ? v >> (8 * i) : *io->read++);
        if (io->write) *io->write++ = byte;
        io->hash = (io->hash ^ byte) * 0x100000001B3u;
        back |= (uint64_t)byte << (8 * i);
    }
    return back;
}

static void dkp_double_io(dkp_bytes *io, double *v) {
    uint64_t bits = dkp_byte_io(io, dkp_double_bits(*v), 8);
    if (!io->write) *v = dkp_double(bits);
}

#define DKP_SAVE_MAGIC 0x6E7572746B666964u /* "dfktrun" */

/* Words that a save begins with: what must be the same in the run that it is loaded into, or it would give the result of
   neither. The first are numbers, the others hashes. */
enum { DKP_SAVE_VERSION = 3, DKP_SAVE_NUMBERS = 7, DKP_SAVE_WORDS = 11 };

static const char *const dkp_save_names[DKP_SAVE_WORDS] = {
    "magic number", "version",      "sizeof(dk_real)",
    "dim",          "batch",        "seed",
    "first_sample", "seeds: not those of this run", "noise: another source than this run's",
    "step_noise: another source than this run's",
    "config (schedule, grid, sampler, model, guidance ...): another than this run's"};

/* Then the cursor, for step-size control where that stands, and all that is computed with. */
enum { DKP_SAVE_PACE = 8 * 15, DKP_SAVE_CURSOR = 8 * 3 };

DK_API size_t dk_save_size(const dk_run *run) {
    if (!run || !run->size || (run->config.backend && !(run->config.backend->get && run->config.backend->put))) return 0;
    const dk_plan *p = dkp_plan_of(run);
    return 8 * DKP_SAVE_WORDS + (p->attempt ? (size_t)DKP_SAVE_PACE : 0) + DKP_SAVE_CURSOR +
           dkp_scalars(p, &run->config) * 8 + (size_t)(p->buffers + 1) * run->size * sizeof(dk_real) +
           (size_t)p->halves * run->size * sizeof(uint16_t) + 8;
}

static uint64_t dkp_hash_source(const dk_noise_source *s) {
    uint64_t h = dkp_hash(0xCBF29CE484222325u, s->fn != NULL);
    h = dkp_hash(dkp_hash(h, (uint64_t)s->kind), (uint64_t)s->bits);
    return dkp_hash(dkp_hash(h, (uint64_t)s->threads), (uint64_t)s->seed_offset);
}

/* A plan says all that counts. One of step-size control is a step's, which is looked at by itself; here count the levels
   between which it runs, and every number of the config that other steps may follow from. */
static uint64_t dkp_hash_config(const dk_run *run) {
    const dk_config *c = &run->config;
    uint64_t h = 0xCBF29CE484222325u;
    if (!dkp_plan_of(run)->attempt) return dkp_plan_hash(dkp_plan_of(run));
    for (dkp_field f = dkp_no_field; dkp_next_field(&f, DKP_OF_ALL & ~DKP_OF_DATA);)
        h = dkp_hash_real(h, dkp_field_value(c, &f));
    for (int i = 0; i <= c->steps; i++) {
        dk_level l = dkp_grid_level(c, i);
        h = dkp_hash_real(dkp_hash_real(dkp_hash_real(h, l.t), l.alpha), l.sigma);
    }
    return h;
}

static void dkp_head(const dk_run *run, uint64_t head[DKP_SAVE_WORDS]) {
    const dk_config *c = &run->config;
    head[0] = DKP_SAVE_MAGIC, head[1] = DKP_SAVE_VERSION, head[2] = sizeof(dk_real);
    head[3] = (uint64_t)run->dim, head[4] = (uint64_t)c->batch;
    head[5] = c->seeds ? 0 : c->seed, head[6] = c->seeds ? 0 : c->first_sample;
    head[7] = c->seeds ? 0xCBF29CE484222325u : 0;
    for (int b = 0; c->seeds && b < c->batch; b++) head[7] = dkp_hash(head[7], c->seeds[b]);
    head[8] = dkp_hash_source(&c->noise), head[9] = dkp_hash_source(&c->step_noise);
    head[10] = dkp_hash_config(run);
}

/* What a save is not of this run for is named, as far as there are bytes. */
static dk_status dkp_check_head(dk_run *run, const unsigned char *bytes, size_t size) {
    dkp_bytes io = {NULL, bytes, 0};
    uint64_t head[DKP_SAVE_WORDS];
    dkp_head(run, head);
    for (size_t i = 0; i < DKP_SAVE_WORDS && 8 * i + 8 <= size; i++) {
        uint64_t saved = dkp_byte_io(&io, 0, 8);
        if (saved == head[i]) continue;
        dkp_text t = {run->message, DK_MESSAGE_SIZE, 0};
        dkp_say(&t, "saved %s", dkp_save_names[i]);
        if (i >= DKP_SAVE_NUMBERS) return DK_ERROR_SAVED;
        dkp_put(&t, " = ");
        dkp_put_size(&t, saved);
        dkp_put(&t, ": must be ");
        dkp_put_size(&t, head[i]);
        return DK_ERROR_SAVED;
    }
    return DK_OK;
}

enum { DKP_MOST_COUNT = 100000000 }; /* of evaluations and draws */

/* Where step-size control stands. Levels follow from it and from the config. 0 where a number is not what it may be, for what
   is saved may be made up. */
static int dkp_pace_io(dkp_bytes *io, dkp_pace *p) {
    double *const reals[] = {&p->at, &p->next, &p->h, &p->slope, &p->inverse_error[0], &p->inverse_error[1]};
    int *const wholes[] = {&p->accepted, &p->rejected, &p->calls, &p->draws,
                           &p->phase,    &p->place,    &p->kept,  &p->rejecting};
    static const int most[] = {DKP_MOST_COUNT, DKP_MOST_COUNT, DKP_MOST_COUNT,          DKP_MOST_COUNT,
                               DKP_ATTEMPT,    DKP_MOST_COUNT, DKP_KEPT_D | DKP_KEPT_LOW, 1};
    int fits = 1;
    for (int i = 0; i < DKP_COUNT(reals); i++) {
        dkp_double_io(io, reals[i]);
        fits &= i < 2 ? dkp_finite(*reals[i]) : *reals[i] >= 0;
    }
    for (int i = 0; i < DKP_COUNT(wholes); i++) {
        int v = (int)(int32_t)(uint32_t)dkp_byte_io(io, (uint64_t)(uint32_t)*wholes[i], 8);
        fits &= v >= (wholes[i] == &p->place ? -1 : 0) && v <= most[i];
        if (!io->write) *wholes[i] = v;
    }
    return fits;
}

/* Whether a run of this config can stand there in its midst; if it can, its levels. */
static int dkp_pace_fits(dk_recorder *r, dkp_pace *p) {
    dk_config *c = r->config;
    int begin = dkp_control_begin(r), end = dkp_control_end(r);
    if (p->phase == DKP_START || p->phase == DKP_PLAIN) {
        int i = p->place, plain = p->phase == DKP_PLAIN;
        if (i < 0 || i >= c->steps || (plain ? i >= begin && i < end : i > 0)) return 0;
        p->from = dkp_grid_level(c, i), p->to = dkp_grid_level(c, i + plain);
        return 1;
    }
    int first = p->place == begin, measures = p->phase == DKP_MEASURE || p->phase == DKP_PROBE;
    if (begin >= end || (!first && p->place != -1)) return 0;
    if (measures && (!first || !dkp_is_classical(r))) return 0;
    p->from = dkp_grid_level(c, begin), p->to = dkp_grid_level(c, end);
    double start = dkp_control_axis(r, &p->from), way;
    p->end = dkp_control_axis(r, &p->to), way = p->end < start ? -1 : 1;
    double gone = way * (p->at - start), ahead = way * (p->next - p->at), left = way * (p->end - p->next);
    if (!(first ? gone >= 0 && gone <= 0 : gone > 0) || !(measures ? ahead >= 0 : ahead > 0 && p->h > 0) || !(left >= 0)) return 0;
    if (!first) p->from = dkp_level_on_axis(r, p->at);
    if (left > 0) p->to = dkp_level_on_axis(r, p->next);
    return 1;
}

/* A buffer, from a back end or to it where there is one. */
static int dkp_buffer_io(dk_run *run, dkp_bytes *io, dk_value_kind kind, int slot) {
    const dk_backend *b = run->config.backend;
    void *v = b && !io->write ? run->own.mirror : (void *)(uintptr_t)dkp_fetch(run, kind, slot, 0);
    if (!v) return 0;
    for (size_t i = 0; i < run->size; i++) {
        dk_real *real = (dk_real *)v + i;
        uint16_t *half = (uint16_t *)v + i;
        if (kind == DK_VALUE_HALF) *half = (uint16_t)dkp_byte_io(io, *half, 2);
        else *real = dkp_real_of(dkp_byte_io(io, dkp_real_bits(*real), (int)sizeof *real));
    }
    int answer = b && !io->write ? b->put(b->user, run, kind, slot, v) : 0;
    if (answer) dkp_fail_backend(run, answer, "the back end failed to take a buffer");
    return !answer;
}

static dk_status dkp_save_body(dk_run *run, dkp_bytes *io) {
    const dk_plan *p = dkp_plan_of(run);
    int fine = 1;
    for (size_t i = 0; i < dkp_scalars(p, &run->config); i++) dkp_double_io(io, &run->scalars[i]);
    for (int k = 0; fine && k <= p->buffers; k++) fine = dkp_buffer_io(run, io, DK_VALUE_BUFFER, k);
    for (int k = 0; fine && k < p->halves; k++) fine = dkp_buffer_io(run, io, DK_VALUE_HALF, k);
    return fine ? DK_OK : run->status;
}

/* Where a run stands, which has `ended` in an error unless that is 0. */
typedef struct dkp_cursor {
    uint64_t pass, state, ended;
} dkp_cursor;

static void dkp_cursor_io(dkp_bytes *io, dkp_cursor *at) {
    at->pass = dkp_byte_io(io, at->pass, 8);
    at->state = dkp_byte_io(io, at->state, 8);
    at->ended = dkp_byte_io(io, at->ended, 8);
}

DK_API dk_status dk_save(dk_run *run, void *bytes, size_t size) {
    dkp_bytes io = {(unsigned char *)bytes, NULL, 0xCBF29CE484222325u};
    uint64_t head[DKP_SAVE_WORDS];
    size_t needed = dk_save_size(run);
    if (!run) return DK_ERROR_ORDER;
    if (run->own.inside) return dkp_refuse_inside(run);
    if (!needed) return dkp_fail_text(run->message, run->status = DK_ERROR_ORDER, "there is no run to save");
    if (!bytes) size = 0;
    if (size < needed) return run->status = dkp_fail_bytes(run->message, size, needed);
    dkp_head(run, head);
    for (int i = 0; i < DKP_SAVE_WORDS; i++) dkp_byte_io(&io, head[i], 8);
    if (dkp_plan_of(run)->attempt) {
        dkp_pace_io(&io, &run->own.pace);
        dkp_byte_io(&io, dkp_plan_hash(dkp_plan_of(run)), 8);
    }
    dkp_cursor at = {(uint64_t)run->own.pass, (uint64_t)run->own.state, (uint64_t)run->own.ended};
    dkp_cursor_io(&io, &at);
    if (dkp_save_body(run, &io) != DK_OK) return run->status;
    dkp_byte_io(&io, io.hash, 8);
    run->message[0] = 0;
    return run->status = DK_OK;
}

static int dkp_cursor_fits(const dk_plan *p, const dkp_cursor *at) {
    if (at->state == DKP_FINISHED) return at->pass == (uint64_t)p->passes;
    if (at->pass >= (uint64_t)p->passes) return 0;
    if (at->pass == 0) return at->state == DKP_BETWEEN;
    dk_boundary before = p->pass[at->pass - 1].boundary;
    return at->state == DKP_WAITING ? before == DK_BOUNDARY_CALL : before >= DK_BOUNDARY_NORM;
}

/* With step-size control the plan of the attempt that was saved is recorded anew. At the end there is none. Where the save
   does not fit, the run is what it was. */
DKP_ONCE static int dkp_load_cursor(dk_run *run, dkp_bytes *io, dkp_cursor *at) {
    dkp_recording recording;
    dk_recorder *r = dkp_recorder_in(&recording);
    dk_plan *plan = &run->own.plan;
    dkp_pace here = run->own.pace, saved = here;
    int control = dkp_plan_of(run)->attempt, fits = 1;
    uint64_t hash = 0;
    if (control) {
        fits = dkp_pace_io(io, &saved);
        hash = dkp_byte_io(io, 0, 8);
    }
    dkp_cursor_io(io, at);
    if (!fits || at->state > DKP_CROSSED || at->ended >= DK_STATUS_COUNT || (at->ended && at->state != DKP_FINISHED)) return 0;
    if (!control) return dkp_cursor_fits(dkp_plan_of(run), at);
    if (at->state == DKP_FINISHED) {
        run->own.pace = saved, at->pass = (uint64_t)plan->passes;
        return 1;
    }
    dkp_start_recorder(r, &run->config);
    if (!dkp_pace_fits(r, &saved)) return 0;
    run->own.pace = saved;
    if (dkp_record_attempt(r, plan, &run->config, &run->own.pace) == DK_OK && dkp_plan_hash(plan) == hash &&
        dkp_cursor_fits(plan, at))
        return 1;
    run->own.pace = here;
    dkp_record_attempt(r, plan, &run->config, &run->own.pace);
    return 0;
}

DK_API dk_status dk_load(dk_run *run, const void *bytes, size_t size) {
    size_t needed = dk_save_size(run);
    if (!run) return DK_ERROR_ORDER;
    if (run->own.inside) return dkp_refuse_inside(run);
    if (!needed)
        return dkp_fail_text(run->message, run->status = DK_ERROR_ORDER, "begin the run before loading it");
    if (!bytes)
        return dkp_fail_text(run->message, run->status = DK_ERROR_SAVED,
                             "saved bytes = NULL: must be a save");
    if (dkp_check_head(run, (const unsigned char *)bytes, size) != DK_OK) return run->status = DK_ERROR_SAVED;
    if (size < needed) {
        dkp_fail_bytes(run->message, size, needed);
        return run->status = DK_ERROR_SAVED;
    }
    dkp_bytes io = {NULL, (const unsigned char *)bytes, 0xCBF29CE484222325u};
    for (size_t i = 0; i < needed - 8; i++) dkp_byte_io(&io, 0, 1); /* the hash first: nothing half-loaded */
    uint64_t hash = io.hash;
    int intact = dkp_byte_io(&io, 0, 8) == hash;
    dkp_cursor at = {0, 0, 0};
    io.read = (const unsigned char *)bytes + 8 * DKP_SAVE_WORDS;
    if (!intact || !dkp_load_cursor(run, &io, &at))
        return dkp_fail_text(run->message, run->status = DK_ERROR_SAVED,
                             "saved bytes: damaged, or not of a run with this config");
    if (dkp_save_body(run, &io) != DK_OK) return run->status;
    dkp_run *own = &run->own;
    own->pass = (int)at.pass, own->ended = (dk_status)at.ended;
    own->state = (dkp_run_state)at.state, own->again = own->state == DKP_WAITING;
    dkp_fail_saying(run->config.message, DK_OK, "the run had ended before it was saved: %s", dk_status_text(own->ended));
    run->status = DK_OK, run->message[0] = 0;
    return DK_OK;
}

DKP_FAST

#ifdef __cplusplus
}
#endif
#define DKP_IMPLEMENTING
#endif /* DIFFKIT_IMPLEMENTATION */

/* ============================================================================
   BOOK THREE: OTHER PROGRAMS' WAYS
   ============================================================================ */
#ifndef DK_NO_PEERS
#ifndef DIFFKIT_PEERS_H
#define DIFFKIT_PEERS_H
#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------- >>decl-peers  Declarations */

/* A name that another program has for a sampler, a grid, or both. peer: "comfyui", "a1111", "k-diffusion",
   "diffusers", "res4lyf", "sd.cpp", "invokeai", "sdnext", or "forge" for what it has beyond "a1111", whose names
   "forge:" takes, too. */
typedef struct dk_alias {
    const char *peer, *name;
    const char *sampler, *grid; /* names here; NULL: says nothing about it */
    const char *settings;       /* for dk_config_set: what differs from the preset */
    const char *note;           /* what a name cannot say */
} dk_alias;

DK_API int dk_alias_at(int i, dk_alias *a); /* fills *a; 0 past the end */
/* Sets c->sampler and, where the name says so ("DPM++ 2M SDE Karras", "euler beta"), c->grid or fields of it.
   Names here come first, then other programs'; "a1111:Beta" is a certain program's. Case does not count, '-', '_',
   '/' and ' ' are alike and may be missing, "++" reads as "pp". dk_sampler_named and dk_grid_named know a
   name, too, that says nothing about the other part. */
DK_API dk_status dk_config_named(dk_config *c, const char *name);

/* Time travel. Set the numbers, and dk_grid.way to &r.way; the struct must outlive recording.
   RePaint (Lugmayr et al. 2022, fig. 9): where 1, jump + 1, 2 jump + 1 ... steps are left, it goes up by `jump` levels, until
   what follows has been run `runs` times. */
typedef struct dk_repaint {
    dk_way way; /* {dk_repaint_level} */
    int jump, runs, from_clean; /* from_clean: 1: where 0, jump, 2 jump ... are left; diffusers, with 10 and 10 */
} dk_repaint;
/* Restart (Xu et al. 2023, alg. 1): from the level next to `low` up to the one next to `high`, `times` times, and down
   again by `steps` steps of KARRAS. */
typedef struct dk_restart {
    dk_way way;       /* {dk_restart_level} */
    int steps, times; /* times 0: 1 */
    double low, high; /* sigma/alpha; 0: 0.1, 2 */
} dk_restart;
DK_API int dk_repaint_level(const dk_way *way, const dk_config *c, dk_layout *grid, int i, dk_level *level);
DK_API int dk_restart_level(const dk_way *way, const dk_config *c, dk_layout *grid, int i, dk_level *level);
/* mu on the line through (base_tokens, base_mu) and (max_tokens, max_mu), for models whose shift depends on the number
   of image tokens: grid.shift = exp(mu), or mu itself. Flux: 0.5 at 256 tokens, 1.15 at 4096. LTX: 0.95 at 1024, 2.05
   at 4096, with grid.terminal = 0.1. Flux.2's follows from the steps, too. Grids flux, flux2 and ltx2 have them. */
DK_API double dk_shift_mu(double tokens, double base_tokens, double max_tokens, double base_mu, double max_mu);

/* What a scheduler_config.json of Hugging Face's diffusers needs and says beyond a dk_config. Zero is fine. */
typedef struct dk_json {
    /* To be given. Dynamic shifting: the shift is exp(mu), or mu itself where the file says linear. mu 0: it follows from the
       number of image tokens, by dk_shift_mu between the file's ends. Both 0: such a file is refused. */
    double mu, tokens;
    int to_zero; /* 1: flow levels from t = 1 to 0, as most pipelines hand them to FlowMatchEuler (Flux, Qwen-Image, LTX,
                    HunyuanVideo); 0: as the file alone says, to 1/num_train_timesteps */
    double *table; /* memory for trained_betas: as many numbers as there are timesteps; must outlive recording */
    int table_size;
    int stage; /* Helios: of the pyramid, 0 .. */

    /* What comes back. */
    double carried, fresh; /* Helios: stages after the first begin with carried * x + fresh * z, x being the enlarged result of the one
                              before; docs/conformance.md has the loop */
    const char *class_name; /* diffusers' class, without "Flax" */
    char ignored[DK_MESSAGE_SIZE]; /* keys that the class does not have, with ", " between; a last ... for the rest */
} dk_json;

/* Sets schedules, prediction, condition, clip, thresholding, grid and sampler to what the scheduler of such a file does. All else
   stays. Set steps before: some settings follow from them. Keys that are missing, and numbers that are null, have the class's
   defaults. Anything may be read: an error names the key, the field or the byte, and leaves the config alone. more NULL: as
   zero, but a key that no class has is refused. */
DK_API dk_status dk_config_from_json(dk_config *c, const char *text, size_t length, dk_json *more);

/* A table from JSON: {"name": "...", "guidance": 2, "shared": true, "level": [...], "a": [...], "b": [[b_00], [b_10, b_11], ...],
   "noise": [...], "told": [...]}, of which level, a and b must be there. Its numbers lie in the caller's memory, `room` of them:
   DK_TABLE_ROOM(steps) do. Anything may be read: an error names the key or the byte in message, DK_MESSAGE_SIZE bytes, and
   leaves the table alone. Keys that begin with "_" count as remarks. */
DK_API dk_status dk_table_from_json(dk_table *table, double *numbers, size_t room, const char *text, size_t length, char *message);

/* A well-known model: what its own scheduler_config.json says, in words, and what its program does besides. */
typedef struct dk_model_info {
    const char *name, *class_name;
    const char *settings; /* key=value, what differs from the class's defaults; SCALED: Stable Diffusion's betas; FLOWS: flow
                             prediction and sigmas */
    const char *more;     /* for dk_config_set: customary guidance, the network's time and sign, another sampler or grid */
    int steps;            /* customary */
    double tokens;        /* of its customary image size, where the shift depends on it */
    double told_scale;    /* of guidance that was distilled into the network: to be told to it, as its program's guidance scale;
                             0: none was */
    int to_zero;          /* as its pipeline does; see dk_json */
    double (*mu)(double tokens, int steps); /* of the shift, where it follows from more than the file says; else NULL */
    const dk_phase *phase;   /* in which its second network takes over; NULL: it has one */
    dk_guidance_fn schedule; /* of guidance, where its networks differ in it; NULL: they do not */
    const char *about;
} dk_model_info;

DK_API int dk_model_at(int i, dk_model_info *m); /* fills *m; 0 past the end */
/* dk_config_from_json by the model's name, and then what its `more` says. steps 0: the customary number. A guidance.scale (or
   ramps) that is set before stays, for both networks of two: 1 is for none. Phases of the caller's stay. */
DK_API dk_status dk_config_for(dk_config *c, const char *model, dk_json *more);

#ifdef __cplusplus
}
#endif
#endif /* DIFFKIT_PEERS_H */

#ifdef DKP_IMPLEMENTING
#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------ >>quirks  Samplers that only other programs have, and quirks of others */

DKP_SMALL

static int dkp_quirk(const dk_recorder *r, int bits) { return (r->sampler.quirks & (unsigned)bits) != 0; }

/* diffusers' DDIM counts timesteps: the other end of a step lies a stride below its noisy one. */
static void dkp_count_timesteps(dk_recorder *r) {
    dk_level *noisy = r->falling ? &r->from : &r->to, *other = r->falling ? &r->to : &r->from;
    r->from = dkp_level(r, r->step);
    double stride = r->sampler.quirk;
    if (stride <= 0) stride = r->config->schedule.timesteps / r->own->layout.steps; /* rounded down */
    if (stride <= 0)
        dkr_refuse(r, "sampler.quirk", stride, "the stride in t, where there are less timesteps than steps");
    double t = noisy->t - stride;
    *other = r->falling ? r->last : r->first;
    if (t > other->t) *other = dkp_at_t(&r->config->schedule, t);
}

/* How many steps of the grid lie before the stretch and are not run. */
static int dkp_left_out(const dk_recorder *r) {
    return r->own->offset || !r->falling ? 0 : r->own->layout.steps - r->config->steps;
}

/* The last step that is not corrected: the warm-up's, or as many as `quirk` says from the grid's begin on. */
static int dkp_uncorrected(const dk_recorder *r, int warmup) {
    int omitted = (int)r->sampler.quirk - dkp_left_out(r);
    return dkp_quirk(r, DK_QUIRK_UNCORRECTED) && omitted > warmup ? omitted : warmup;
}

/* Where a stage at a share of t, or of its square root, stands, as a share of the way in lambda. */
static double dkp_stage_in_time(dk_recorder *r, double share) {
    double here = dkp_gauge_lambda(r, &r->from), h = dkp_gauge_lambda(r, &r->to) - here;
    if (!dkp_finite(h)) return HUGE_VAL; /* such steps have no stages */
    dk_level level = dkp_level_in_time(r, share);
    if (dkp_quirk(r, DK_QUIRK_TIME_QUADRATIC)) {
        double a = dkp_sqrt(r->from.t), root = a + share * (dkp_sqrt(r->to.t) - a);
        level = dkp_at_t(&r->config->schedule, root * root);
    }
    return (dkp_gauge_lambda(r, &level) - here) / h;
}

/* D of the stage that ComfyUI's singlestep methods have behind alpha = 0. */
static dk_vec dkp_pure_stage(dk_recorder *r, dk_vec D) {
    dk_vec guidance;
    dk_level middle = dk_level_at(&r->config->schedule, DK_UNIT_FLOW, 0.9999);
    if (dkp_gauge_alpha(r, &r->from) > 0) return D;
    return dkp_direction(r, dkp_ddim_step(&r->from, &middle, r->x, D), &middle, &guidance);
}

/* The average as published iPNDM-v code has it (zju-pi/diff-sampler): the interpolation polynomial in differences,
   of which second and third have weights and a last factor (h1/h2 for h2/h3) that are exact only for equal steps.
   People's results depend on them. h1, h2, h3: the steps before, in units of this one. */
static dk_vec dkp_ipndm_v_average(const dkp_history *past, int n, double from, double span) {
    double h1 = (from - past->at[1]) / span, h2 = (past->at[1] - past->at[2]) / span;
    double h3 = n > 3 ? (past->at[2] - past->at[3]) / span : 1, q = h1 / h2,
           a = h1 * (h1 + h2) / (h2 * (h2 + h3));
    double two = 1 + h1, three = 1 + h1 + h2, second = 0.5 - 1 / (6 * h1 * (h1 + h2)), third = 0;
    if (n > 3)
        third = (0.5 - 1 / (6 * two) + (1 - 1 / (2 * two)) / (6 * three)) * two * three /
                (h1 * (h1 + h2) * (h1 + h2 + h3));
    const double weight[4] = {1 + 0.5 / h1 + second + third,
                              -0.5 / h1 - (1 + q) * second - (1 + q + a) * third,
                              q * second + (q + a * (1 + h2 / h3)) * third, -third * a * q};
    return dkp_sum(n > 3 ? 4 : 3, weight, past->v);
}

/* Crowson's variant of DPM-Solver++ 2M: both the slope's weight and D's share of the step see the mean of this step and the
   last. Where steps differ it is not exact for constant D. On flow models and from alpha = 0 they differ in lambda however
   many there are, and it would not converge: there D has its share of this step (straight). */
static dk_vec dkp_dpm_v2_average(const dkp_history *past, double span, int straight) {
    double last = past->at[0] - past->at[1], short_one = last < span ? last : span,
           long_one = last + span - short_one;
    double share = straight ? 1 : dkp_expm1(-0.5 * (last + span)) / dkp_expm1(-span), half = 0.5 * short_one / long_one;
    return dkr_mix(share * (1 + half), past->v[0], -share * half, past->v[1]);
}

/* Whether an average is one of these two. */
static int dkp_other_average(const dk_recorder *r, const dkp_history *past, int n, double from, double span,
                             dk_vec *average) {
    int ahead = (past->at[0] - from) / span > 1e-9; /* a corrector's node */
    int ipndm_v = dkp_quirk(r, DK_QUIRK_IPNDM_V) && n > 2 && !ahead && !dkp_even(r);
    if (ipndm_v) *average = dkp_ipndm_v_average(past, n, from, span);
    else if (dkp_quirk(r, DK_QUIRK_DPM_V2) && n == 2 && span > 0) *average = dkp_dpm_v2_average(past, span, !r->sampler.gauge && dkp_gauge(r) == DK_GAUGE_FLOW);
    else return 0;
    return 1;
}

/* Level k of a table with n levels, k = -1: clean data. VP: Ho et al. 2020 with betas beta(t)/N, else times from 0 to the
   schedule's end. */
static dk_level dkp_bin(dk_recorder *r, int k, int n) {
    const dk_schedule *s = &r->config->schedule;
    if (k < 0) return dkp_at_sigma(s, 0);
    if (s->family != DK_FAMILY_VP) return dkp_at_t(s, n > 1 ? s->t_max * k / (n - 1) : 0);
    if (s->beta_max > n) {
        dkr_refuse(r, r->sampler.quirk > 1 ? "sampler.quirk" : "steps", n,
                   ">= schedule.beta_max with sampler.bins");
        return r->from;
    }
    dk_schedule table = dk_vp_discrete(DK_BETAS_LINEAR, n, s->beta_min / n, s->beta_max / n);
    return dkp_at_t(&table, k);
}

/* score_sde's predictors make the step of the bin in which a level lies. Returns its length in t. */
static double dkp_bins(dk_recorder *r, dk_level *from, dk_level *to) {
    double most = r->config->schedule.t_max;
    int n = r->sampler.quirk > 1 ? (int)r->sampler.quirk : r->own->layout.steps;
    int k = (int)floor(from->t / most * (n - 1) + 1e-9);
    const dk_reverse_sde *sde = &r->sampler.sde;
    if (sde->predictor == DK_PREDICTOR_EULER_MARUYAMA && !sde->langevin_steps) return most / n; /* needs no bins */
    *from = dkp_bin(r, k, n), *to = dkp_bin(r, k - 1, n);
    return most / n;
}

/* DEIS t-AB, Zhang & Chen 2022, eq. 15: the noise is interpolated in the time t of the VP process whose noise level is
   0.002 at t = 0.001 and 80 at t = 1, log(1 + level^2) = d t^2/2 + m t (Karras et al. 2022, table 1), and integrated
   over the level. Exactly: 3-point Gauss on 64 panels; or by a plain sum over 10,000 points, as published. */
static dk_vec dkp_deis_t_sum(const dk_recorder *r, const dkp_history *past, int n, double d, double m,
                             double to) {
    int points = dkp_quirk(r, DK_QUIRK_DEIS_SUM) ? 10000 : 0, panels = 64,
        count = points > 0 ? points : 3 * panels;
    double weight[DKP_MAX_ORDER] = {0};
    for (int j = 0; j < n; j++) {
        for (int i = 0; i < count; i++) {
            double offset = 0.5 + 0.5 * (i % 3 - 1) * dkp_sqrt(0.6), part = i % 3 == 1 ? 8.0 / 18 : 5.0 / 18;
            double s = points > 0 ? (double)i / (points - 1) : (i / 3 + offset) / panels;
            double t = past->at[0] + s * (to - past->at[0]),
                   level = dkp_sqrt(dkp_expm1(t * (0.5 * d * t + m)));
            double f = 0.5 * (d * t + m) * (level + 1 / level) * (points > 0 ? 1.0 / points : part / panels);
            for (int k = 0; k < n; k++)
                if (k != j) f *= (t - past->at[k]) / (past->at[j] - past->at[k]);
            weight[j] += f;
        }
        weight[j] *= to - past->at[0];
    }
    return dkp_sum(n, weight, past->v);
}

static void dkp_no_pseudo(dk_recorder *r) {
    if (r->sampler.gauge == DK_GAUGE_PSEUDO) dkr_refuse(r, "sampler.gauge", (double)r->sampler.gauge, "another for this method");
}

static void dkp_record_deis_t(dk_recorder *r) {
    dkr_reads(r, "order gauge lower_order_final deis_sum");
    dkp_no_pseudo(r);
    const double low = dkp_log1p(0.002 * 0.002), high = dkp_log1p(80.0 * 80.0), start = 1e-3;
    const double d = 2 * (low / start - high) / (start - 1), m = high - 0.5 * d;
    dkp_history past;
    past.count = 0;
    while (dkr_step(r)) {
        dkp_point from = dkp_point_at(r, &r->from), to = dkp_point_at(r, &r->to);
        if (!dkp_has_length(r, from.u)) return;
        dk_vec X = dkr_scale(1 / from.scale, r->x), D = dkr_denoise(r, r->x, r->from);
        double here = (dkp_sqrt(m * m + 2 * d * dkp_log1p(from.u * from.u)) - m) / d;
        dkp_push(&past, here, dkr_keep(r, dkr_mix(from.p, r->x, from.q, D)));
        int nodes = dkp_nodes(r, r->sampler.order, past.count, 0);
        if (r->to.sigma <= 0) r->x = dkp_ddim_step(&r->from, &r->to, r->x, D);
        else if (nodes == 1) r->x = dkr_scale(to.scale, dkr_mix(1, X, to.u - from.u, past.v[0]));
        else {
            double next = (dkp_sqrt(m * m + 2 * d * dkp_log1p(to.u * to.u)) - m) / d;
            r->x = dkr_scale(to.scale, dkp_add(X, dkp_deis_t_sum(r, &past, nodes, d, m, next)));
        }
    }
}

/* Heun++ (Carzit's sd-webui-samplers-scheduler): slopes at this, the next and the second next level, with weights
   proportional to noise levels; Heun's form in the last step but one, Euler in the last. */
static void dkp_record_heunpp2(dk_recorder *r) {
    dkr_reads(r, "gauge law eta noise_min noise_max");
    dk_level top = r->falling ? r->from : dkp_goal(r);
    double most = dkp_point_at(r, &top).u;
    while (dkr_step(r)) {
        int left = r->steps - r->step, stages = left < 3 ? left : 3;
        dkp_split split = dkp_runge_kutta_split(r);
        double u = dkp_point_at(r, &r->from).u, next = dkp_point_at(r, &r->aim).u, h = next - u, after = 0;
        if (stages > 2) {
            dk_level second = dkp_level(r, r->step + 2);
            after = dkp_point_at(r, &second).u;
        }
        double w2 = stages > 1 ? next / (stages * most) : 0, w3 = after / (stages * most);
        dkp_tableau tableau = {stages, 0, {1, 1, stages > 2 ? (after - next) / h : 0}};
        double *b = &tableau.a[dkp_row(stages)];
        b[0] = 1 - w2 - w3, b[1] = w2, b[2] = w3;
        dkp_runge_kutta_and_noise(r, &tableau, split);
    }
}

/* diffusers' Euler and Heun churn behind a step's first evaluation. D of the raised state is read from its output by the
   raised level; with v prediction, or with quirk = 1, by the level of the evaluation. */
static void dkp_record_late_churn(dk_recorder *r) {
    double churn = r->sampler.churn;
    int as_evaluated = r->config->prediction == DK_PREDICT_V || r->sampler.quirk > 0;
    dkp_tableau tableau;
    dkr_reads(r, "tableau gauge euler_to_data quirk");
    if (churn > 0 && dkp_limits_D(r, &r->config->guidance))
        dkr_refuse(r, "sampler.churn", churn, "0 with what changes D (clip, a quantile, a hook, a mask on D), since D is read twice");
    dkp_read_tableau(r, &tableau);
    r->sampler.churn = 0;
    while (dkr_step(r)) {
        dkp_model before = dkp_model_at(r->config, &r->from, &r->from);
        dk_vec x = r->x, D = dkr_denoise(r, x, r->from);
        if (r->status != DK_OK) return;
        r->sampler.churn = churn;
        dkp_churn(r);
        r->sampler.churn = 0;
        dkp_model read = as_evaluated ? before : dkp_model_at(r->config, &r->from, &r->from);
        double share = read.d_f / before.d_f; /* D = d_x x + d_f F */
        D = dkp_add(dkr_mix(share, D, -share * before.d_x, x), dkr_scale(read.d_x, r->x));
        dkp_runge_kutta_step(r, &tableau, dkr_keep(r, D));
    }
    r->sampler.churn = churn;
}

/* DPM-Solver-fast, Lu et al. 2022, app. D.3: evals evaluations in all; the last steps' order is lower where that is less. */
static void dkp_record_dpm_fast(dk_recorder *r) {
    dkr_reads(r, DKP_READS_SINGLESTEP "noise_prediction above_last evals");
    int order = dkp_singlestep_order(r), most = order - 1;
    while (dkr_step(r)) {
        int zero = dkp_goal(r).sigma <= 0,
            steps = r->steps - zero; /* that step takes one anyway */
        int missing = r->sampler.quirk > 0 ? order * steps + zero - (int)r->sampler.quirk : 0;
        missing -= (steps - 1 - r->step) * most; /* what later steps save */
        dkp_singlestep(r, order - (missing <= 0 ? 0 : missing < most ? missing : most), DKP_NOISE_BEHIND);
    }
}

/* diffusers' singlestep methods have their stages on the grid's own levels: `order` steps of the grid are one step, and each
   of them begins anew where that one did, with what has been evaluated since. That is the multistep step with its nodes
   ahead of its start. Noise comes afresh with every stage. lower_order_final: a step that would end with the grid is one
   level shorter. A run from within the grid begins with what is left of the step there. */
static void dkp_record_singlestep_on_levels(dk_recorder *r) {
    int stages = 0, order = r->sampler.order > 1 ? r->sampler.order : 1,
        lower = order > 1 && r->sampler.lower_order_final;
    dkp_multistep m;
    dkr_reads(r, "order rule gauge noise_prediction lower_order_final law eta noise_min noise_max third_minus");
    dkp_two_gauges(r);
    memset(&m, 0, sizeof m);
    while (dkr_step(r)) {
        if (stages == 0) {
            int left = r->steps - r->step, behind = left + (r->step ? 0 : dkp_left_out(r));
            do {
                behind = behind > order ? behind - order : lower && behind == order;
            } while (behind >= left);
            stages = dkp_finite(dkp_gauge_lambda(r, &r->from)) ? left - behind : 1;
            m.past.count = 0, m.from = r->from, m.x = r->x;
        }
        stages--;
        m.D = dkr_denoise(r, r->x, r->from);
        dkp_push(&m.past, dkp_gauge_lambda(r, &r->from), dkp_interpolant(r, 0, &r->from, m.D));
        r->from = m.from; /* of the step that is made */
        m.to = r->to, m.split = dkp_noise_split(r);
        r->x = dkp_add_noise(r, dkp_exponential_step(r, &m, m.past.count), m.split.up);
    }
}

/* diffusers' PNDM, with DK_QUIRK_STRIDE: a step begins at a timestep of the list and ends T/steps below, a half one half of
   that, both rounded down. Where the list has others in their place, the network is told those. What is averaged is eps in
   gauge VE, v in VP. */
static dk_level dkp_timestep(const dk_recorder *r, double t) {
    if (fabs(t - r->to.t) < 1e-9 || fabs(t - r->from.t) < 1e-9) return fabs(t - r->to.t) < 1e-9 ? r->to : r->from;
    return t < 0 ? r->last : dkp_at_t(&r->config->schedule, t);
}

static dk_vec dkp_slope_told(dk_recorder *r, double t, dk_vec x) {
    dk_level level = dkp_timestep(r, t);
    dkp_point at = dkp_point_at(r, &level);
    dk_vec D = dkr_denoise(r, x, level);
    return dkr_keep(r, dkr_mix(at.p, x, at.q, D));
}

static dk_vec dkp_along_slope(dk_recorder *r, double t, double end, dk_vec slope) {
    dk_level from = dkp_timestep(r, t), to = dkp_timestep(r, end);
    dkp_point at = dkp_point_at(r, &from);
    return dkr_keep(r, dkp_ddim_step(&from, &to, r->x, dkr_mix(1 / at.q, slope, -at.p / at.q, r->x)));
}

static void dkp_record_pndm_timesteps(dk_recorder *r) {
    static const double kutta[] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    int whole = dkp_quirk(r, DK_QUIRK_STRIDE) ? r->config->schedule.timesteps / r->own->layout.steps : 0;
    dkp_history past;
    past.count = 0;
    dkr_reads(r, "rule warmup gauge plain_last stride");
    if (!dkp_even(r)) dkr_refuse(r, "sampler.rule", (double)r->sampler.rule, "uniform or gradient for this method");
    dkp_no_pseudo(r);
    while (dkr_step(r)) {
        double t = r->from.t, next = dkp_level(r, r->step + 1).t, stride = whole ? whole : t - next;
        double half = whole ? whole / 2 : 0.5 * stride;
        if (!dkp_has_length(r, dkp_point_at(r, &r->from).u)) return;
        if (r->sampler.plain_last > 0 && !dkp_finite(next)) {
            dkr_refuse(r, "sampler.plain_last", 1, "0 where the last time is infinite");
            return;
        }
        int warmup = r->sampler.warmup > r->steps ? -1 : r->sampler.warmup;
        dk_vec K[4] = {dkp_slope_told(r, t, r->x), dkr_zero, dkr_zero, dkr_zero};
        dkp_push(&past, 0, K[0]);
        if (dkp_ends_in_D(r)) {
            r->x = dkp_ddim_step(&r->from, &r->to, r->x, dkr_past(r, 1));
        } else if (r->step < warmup) {
            K[1] = dkp_slope_told(r, next + half, dkp_along_slope(r, t, t - half, K[0]));
            K[2] = dkp_slope_told(r, next + half, dkp_along_slope(r, t, next + half, K[1]));
            K[3] = dkp_slope_told(r, next, dkp_along_slope(r, t, next, K[2]));
            r->x = dkp_along_slope(r, t, next, dkp_sum(4, kutta, K));
        } else if (r->step == 0 && warmup == 0 && r->steps > 1) {
            K[1] = dkp_slope_told(r, next, dkp_along_slope(r, t, t - stride, K[0]));
            r->x = dkp_along_slope(r, next + stride, next, dkr_mix(0.5, K[0], 0.5, K[1]));
        } else {
            int nodes = past.count < 4 ? past.count : 4;
            r->x = dkp_along_slope(r, t, t - stride, dkp_average(r, &past, nodes, 0, 1, 0));
        }
    }
}

/* Rows as in the table of samplers. Last come published methods that RES4LYF alone names, classical ones first. */
#define DKP_LAWSON4_STAGES " | 1/2, 1: 1/2 phi0(0) | 1, 2: 1 phi0(1/2) | 1: 1/3 phi0(1/2), 2: 1/3 phi0(1/2)"
#define DKP_HO_ENTRY "1/2 phi2 -1 phi3(1) 1/4 phi2(1) -1/2 phi3"
/* clang-format off */
static const dk_sampler_info dkp_peer_samplers[] = {
    DKP_ROW("heunpp2", dkp_record_heunpp2, "", 1, 1, 3, "sd-webui-samplers-scheduler's Heun++"),
    DKP_ROW("dpm_adaptive", dkp_record_singlestep, "order=3 rule=dpm noise_prediction=1 rtol=0.05 atol=0.0078 control=smooth safety=0.81 above_last=1", 3, 2, 0, "k-diffusion's dpm_adaptive: the same with PID control"),
    DKP_ROW("dpmpp_2m_v2", dkp_record_exponential_adams, "order=2 rule=dpm dpm_v2=1", 1, 1, 1, "Crowson's variant; stable-diffusion.cpp's dpm++2mv2"),
    DKP_ROW("res_multistep_cfg_pp", dkp_record_exponential_adams, "order=2 law=ancestral cfg_pp=1 uncond_past=1", 1, 1, 1, "ComfyUI's res_multistep_cfg_pp"),
    DKP_ROW("res_multistep_ancestral_cfg_pp", dkp_record_exponential_adams, "order=2 law=ancestral eta=1 cfg_pp=1 uncond_past=1", 1, 1, 1, "ComfyUI's res_multistep_ancestral_cfg_pp"),
    DKP_ROW("ipndm_v", dkp_record_adams, "order=4 ipndm_v=1", 1, 2, 1, "zju-pi/diff-sampler's ipndm_v; for exact weights see lms"),
    DKP_ROW("deis_t", dkp_record_deis_t, "order=3", 3, 2, 1, "Zhang & Chen 2022, t-AB"),
    DKP_ROW("dpm_solver_fast", dkp_record_dpm_fast, "order=3 rule=dpm noise_prediction=1 above_last=1", 3, 2, 3, "Lu et al. 2022, app. D.3; k-diffusion's dpm_fast"),
    DKP_ROW("dpmpp_2s_levels", dkp_record_singlestep_on_levels, "order=2 rule=dpm", 2, 2, 1, "diffusers' DPMSolverSinglestepScheduler"),
    DKP_ROW("pndm_timesteps", dkp_record_pndm_timesteps, "rule=uniform warmup=3", 1, 1, 1, "diffusers' PNDMScheduler; without warmup its PLMS"),
    {"euler_late_churn", dkp_record_late_churn, "1", NULL, "", 1, 1, 1, "diffusers' EulerDiscreteScheduler with churn"},
    {"heun_late_churn", dkp_record_late_churn, "1 | 1/2 1/2", NULL, "euler_to_data=1", 2, 2, 2, "diffusers' FlowMatchHeunDiscreteScheduler with churn"},
    DKP_RK("ralston3", "1/2 | 0 3/4 | 2/9 1/3 4/9", "", 3, 3, 3, "Ralston 1962, third order"),
    DKP_RK("houwen_wray", "8/15 | 1/4 5/12 | 1/4 0 3/4", "", 3, 3, 3, "van der Houwen 1972; Wray 1990"),
    DKP_RK("ralston4", "2/5 | .2969776092477536 .15875964497103583 | .21810038822592047 -3.0509651486929308 3.8328647604670103 |"
           " .17476028226269037 -.55148066287873294 1.2055355993965235 .17118478121951903", "", 4, 4, 4, "Ralston 1962, fourth order"),
    DKP_RK("ssp43", "1/2 | 1/2 1/2 | 1/6 1/6 1/6 | 1/6 1/6 1/6 1/2", "", 3, 3, 4, "Kraaijevanger 1991; third order with four stages"),
    DKP_RK("bogacki_shampine5", "1/6 | 2/27 4/27 | 183/1372 -162/343 1053/1372 | 68/297 -4/11 42/143 1960/3861 |"
           " 597/22528 81/352 63099/585728 58653/366080 4617/20480 |"
           " 174197/959244 -30942/79937 8152137/19744439 666106/1039181 -29421/29068 482048/414219 |"
           " 587/8064 0 4440339/15491840 24353/124800 387/44800 2152/5985 7267/94080"
           " ~ 2479/34992 0 123/416 612941/3411720 43/1440 2272/6561 79937/1113912 3293/556956",
           "", 5, 5, 7, "Bogacki & Shampine 1996"),
    DKP_RK("tsitouras", ".161 | -.008480655492356989 .335480655492357 | 2.8971530571054935 -6.359448489975075 4.3622954328695815 |"
           " 5.325864828439257 -11.748883564062828 7.4955393428898365 -.09249506636175525 |"
           " 5.86145544294642 -12.92096931784711 8.159367898576159 -.071584973281401 -.02826905039406838 |"
           " .09646076681806523 .01 .4798896504144996 1.379008574103742 -3.290069515436081 2.324710524099774 ~"
           " .09468075576583945 .009183565540343254 .4877705284247616 1.234297566930479 -2.7077123499835256 1.866628418170587 1/66",
           "", 5, 5, 6, "Tsitouras 2011"),
    DKP_RK("butcher6", "1/3 | 0 2/3 | 1/12 1/3 -1/12 | -1/16 9/8 -3/16 -3/8 | 0 9/8 -3/8 -3/4 1/2 | 9/44 -9/11 63/44 18/11 0 -16/11 |"
           " 11/120 0 27/40 27/40 -4/15 -4/15 11/120", "", 6, 6, 7, "Butcher 1964"),
    DKP_RK("dormand_prince8", "1/18 | 1/48 1/16 | 1/32 0 3/32 | 5/16 0 -75/64 75/64 | 3/80 0 0 3/16 3/20 |"
           " 29443841/614563906 0 0 77736538/692538347 -28693883/1125000000 23124283/1800000000 |"
           " 16016141/946692911 0 0 61564180/158732637 22789713/633445777 545815736/2771057229 -180193667/1043307555 |"
           " 39632708/573591083 0 0 -433636366/683701615 -421739975/2616292301 100302831/723423059 790204164/839813087 800635310/3783071287 |"
           " 246121993/1340847787 0 0 -37695042795/15268766246 -309121744/1061227803 -12992083/490766935 6005943493/2108947869"
           " 393006217/1396673457 123872331/1001029789 |"
           " -1028468189/846180014 0 0 8478235783/508512852 1311729495/1432422823 -10304129995/1701304382 -48777925059/3047939560"
           " 15336726248/1032824649 -45442868181/3398467696 3065993473/597172653 |"
           " 185892177/718116043 0 0 -3185094517/667107341 -477755414/1098053517 -703635378/230739211 5731566787/1027545527"
           " 5232866602/850066563 -4093664535/808688257 3962137247/1805957418 65686358/487910083 |"
           " 403863854/491063109 0 0 -5068492393/434740067 -411421997/543043805 652783627/914296604 11173962825/925320556"
           " -13158990841/6184727034 3936647629/1978049680 -160528059/685178525 248638103/1413531060 0 |"
           " 14005451/335480064 0 0 0 0 -59238493/1068277825 181606767/758867731 561292985/797845732 -1041891430/1371343529"
           " 760417239/1151165299 118820643/751138087 -528747749/2220607170 1/4 ~"
           " 13451932/455176623 0 0 0 0 -808719846/976000145 1757004468/5645159321 656045339/265891186 -3867574721/1518517206"
           " 465885868/322736535 53011238/667516719 2/45 0 0", "", 8, 8, 13, "Prince & Dormand 1981, RK8(7)13M"),
    DKP_PHI("strehmel_weiner", "1/2 | 1/2 by 1 | 1, 1: -2 phi2, 2: 4 phi2 | by 23", "", 4, 2, 4, "Strehmel & Weiner 1992"),
    DKP_PHI("hochbruck_ostermann", "1/2 | 1/2, 1: 1 phi2 | 1, 1: 1 phi2, 2: 1 phi2 | 1/2, 1: " DKP_HO_ENTRY ", 2: " DKP_HO_ENTRY
           ", 3: -1/2 phi2 1 phi3(1) -1/4 phi2(1) 1/2 phi3 1/4 phi2 | by 34", "", 4, 2, 5, "Hochbruck & Ostermann 2005, eq. 5.19"),
    DKP_PHI("etd2cf3", "1/3 | 2/3 by 1 | by 12", "", 3, 2, 3, "Celledoni et al. 2003; Minchev & Wright 2005"),
    DKP_PHI("etdrk3", "1 | 2/3 by 1 | 1: 1 phi2 -1/2 phi1, 2: 3/4 phi1", "", 3, 2, 3, "Fu et al. 2024, energy-decreasing ETDRK3"),
    DKP_PHI("cfree4", "1/2 | 1/2, 1: 1/2 phi1 | 1, 2: 1 phi1(1/2) |"
           " 1: 1/3 phi1, 2: 1/3 phi1, 3: -1/6 phi1 1/3 phi1(1/2)", "", 4, 2, 4, "Celledoni et al. 2003, CF4"),
    DKP_PHI("exprk4s6", "1/2 | 1/2 by 1 | 1/3 by 1 | 1/3 by 23 | 5/6 by 23 | by 45", "", 4, 2, 6, "Luan 2021"),
    DKP_PHI("exprk5s8", "1/2 | 1/2 by 1 | 1/4 by 2 | 1/2 by 23 | 1/5 by 34 | 2/3, 3: -20/81 phi2(1/5) 16/81 phi3(1/5),"
           " 4: 5/243 phi2(1/5) -4/243 phi3(1/5) -16/27 phi2 320/81 phi3, 5: 125/486 phi2(1/5) -50/243 phi3(1/5) 100/27 phi2 -800/81 phi3 | 1,"
           " 4: -4/7 phi2(1/5) 8/5 phi3(1/5) -48/35 phi4(1/5) -288/35 phi2(2/3) 384/5 phi3(2/3) -1536/7 phi4(2/3) -240 phi4 208/3 phi3 -16/3 phi2,"
           " 5: 25/49 phi2(1/5) -10/7 phi3(1/5) 60/49 phi4(1/5) 360/49 phi2(2/3) -480/7 phi3(2/3) 9600/49 phi4(2/3) 1500/7 phi4 -250/3 phi3 250/21 phi2,"
           " 6: 27/98 phi2(1/5) -135/7/25 phi3(1/5) 135/7*6/175 phi4(1/5) 135/7*36/175 phi2(2/3) -135/7*48/25 phi3(2/3) 135/7*192/35 phi4(2/3) 810/7 phi4 -27 phi3 27/14 phi2 | by 567", "", 5, 2, 8, "Luan & Ostermann 2014"),
    DKP_PHI("exprk5s10", "1/2 | 1/2 by 1 | 1/3 by 1 | 1/2 by 23 | 1/3 by 23 | 1/4 by 23 | .3 by 456 | 3/4 by 456 | 1 by 456 | by 789", "", 5, 2, 10, "Luan 2021"),
    DKP_PHI("exprk6s15", "1/2 | 1/2 by 1 | 1/3 by 1 | 1/2 by 23 | 1/5 by 23 | 1/4 by 23 | .72 by 456 | 1/3 by 456 | .3 by 456 | 1/6 by 456 |"
           " 90/103 by 789a | 1/3 by 789a | .3 by 789a | .2 by 789a | by bcde", "", 6, 2, 15, "Luan 2021"),
    DKP_PHI("lawson2a", "1/2, 0: 1/2 phi0 | 1: 1 phi0(1/2)", "", 2, 2, 2, "Lawson 1967; the midpoint method with an integrating factor"),
    DKP_PHI("lawson2b", "1, 0: 1 phi0 | 0: 1/2 phi0, 1: 1/2 phi0(0)", "", 2, 2, 2, "Lawson 1967; Heun's method with an integrating factor"),
    DKP_PHI("lawson4", "1/2, 0: 1/2 phi0" DKP_LAWSON4_STAGES ", 0: 1/6 phi0, 3: 1/6 phi0(0)", "", 4, 2, 4, "Lawson 1967; Kutta's method with an integrating factor"),
    DKP_PHI("genlawson4", "1/2" DKP_LAWSON4_STAGES ", 3: 1/6 phi0(0)", "", 4, 2, 4, "Krogstad 2005, generalized integrating factor"),
    DKP_PHI("modgenlawson4", "1/2" DKP_LAWSON4_STAGES ", 3: 1 phi2 -1/3 phi0(1/2)", "", 4, 2, 4, "Ostermann et al. 2006, modified generalized Lawson"),
};
/* clang-format on */
#undef DKP_ROW
#undef DKP_RK
#undef DKP_PHI

static const dk_sampler_info *dkp_peer_sampler(int i) {
    return i < DKP_COUNT(dkp_peer_samplers) ? &dkp_peer_samplers[i] : NULL;
}

DKP_FAST

/* --------------------------------------------------- >>levels  Published lists of noise levels */

DKP_SMALL

/* Published numbers: Sabour et al. 2024 (Align Your Steps), more digits than the paper's where they are known; Pei et
   al. 2025 (Optimal Stepsize); LTX-2's constants.py; Chen et al. 2024 (GITS), which has a list per coefficient and number of
   steps, all of them in examples/gits.h. Forge's lists of 32 are the paper's with 0.015 for 0.029, resampled. */
static const double dkp_ays_sd1[] = {14.6146412293, 6.4745760956, 3.8636745985, 2.694615152,
                                     1.8841921177,  1.3943805092, 0.9642583904, 0.6523686016,
                                     0.3977456272,  0.1515232662, 0.0291671582};
static const double dkp_ays_sdxl[] = {14.6146412293, 6.3184485287, 3.7681790315, 2.1811480769,
                                      1.3405244945,  0.8620721141, 0.5550693289, 0.3798540708,
                                      0.2332364134,  0.1114188177, 0.0291671582};
static const double dkp_ays_svd[] = {700,   54.5,  15.886, 7.977, 4.248, 1.789,
                                     0.981, 0.403, 0.173,  0.034, 0.002};
static const double dkp_ays_sd1_paper[] = {14.615, 6.475, 3.861, 2.697, 1.886, 1.396,
                                           0.963,  0.652, 0.399, 0.152, 0.029};
static const double dkp_ays_sdxl_paper[] = {14.615, 6.315, 3.771, 2.181, 1.342, 0.862,
                                            0.555,  0.380, 0.234, 0.113, 0.029};
static const double dkp_ays_sd1_32[] = {
    14.615,     11.23951352, 8.64363081, 6.64729424, 5.57250862, 4.71648546, 3.99196065, 3.5195609,  3.13490466, 2.79228788, 2.48773628,
    2.21663865, 1.97508351,  1.7793172,  1.61475335, 1.46540953, 1.314849,   1.16642497, 1.03475547, 0.91573744, 0.80748169, 0.71202361,
    0.621739,   0.53065202,  0.4529096,  0.37491455, 0.27461819, 0.2011529,  0.14105873, 0.06682881, 0.03166121, 0.015};
static const double dkp_ays_sdxl_32[] = {
    14.615,     11.1491618, 8.50522127, 6.48827151, 5.43707402, 4.60398619, 3.89854704, 3.27407457, 2.74396527, 2.29968659, 1.95448514,
    1.67108715, 1.42878152, 1.23181009, 1.06789649, 0.92579443, 0.80290886, 0.69660121, 0.60436903, 0.52852552, 0.46773344, 0.41393379,
    0.36258186, 0.31008517, 0.26518925, 0.22326461, 0.17653877, 0.13959192, 0.10587381, 0.05519369, 0.02877334, 0.015};
static const double dkp_gits_sd1[] = {14.615, 4.617, 2.507, 1.236, 0.702, 0.402, 0.240, 0.156, 0.104, 0.094, 0.029};
static const double dkp_gits_sdxl[] = {14.615, 4.734, 2.567, 1.529, 0.987, 0.652, 0.418, 0.268, 0.179, 0.127, 0.029};
static const double dkp_ays_sd1_t[] = {999, 850, 736, 645, 545, 455, 343, 233, 124, 24};
static const double dkp_ays_sdxl_t[] = {999, 845, 730, 587, 443, 310, 193, 116, 53, 13};
static const double dkp_oss_flux[] = {0.9968, 0.9886, 0.9819, 0.975,  0.966, 0.9471,
                                      0.9158, 0.8287, 0.5512, 0.2808, 0.001};
static const double dkp_oss_wan[] = {1,     0.997, 0.995, 0.993, 0.991, 0.989, 0.987,
                                     0.985, 0.98,  0.975, 0.973, 0.968, 0.96,  0.946,
                                     0.927, 0.902, 0.864, 0.776, 0.539, 0.208, 0.001};
static const double dkp_oss_chroma[] = {
    0.992, 0.99,  0.988, 0.985, 0.982, 0.978, 0.973, 0.968, 0.961, 0.953, 0.943, 0.931, 0.917, 0.9,
    0.881, 0.858, 0.832, 0.802, 0.769, 0.731, 0.69,  0.646, 0.599, 0.55,  0.501, 0.451, 0.402, 0.355,
    0.311, 0.27,  0.232, 0.199, 0.169, 0.143, 0.12,  0.101, 0.084, 0.07,  0.058, 0.048, 0.001};
static const double dkp_ltx2_distilled[] = {1, 0.99375, 0.9875, 0.98125, 0.975, 0.909375, 0.725, 0.421875};

/* GITS of coefficient 1.20: its levels, and for each number of levels from 3 on the inner ones, as letters of that list from '$' on. */
static const double dkp_gits_level[] = {
    14.61464119, 7.49001646, 6.77309084, 5.85520077, 4.65472794, 3.46139455, 3.07277966, 2.95596409, 2.84484982,
    2.45070267, 2.36326075, 2.19988537, 2.12350607, 2.05039096, 1.98035145, 1.84880662, 1.67050016, 1.61558151,
    1.56271636, 1.51179266, 1.36964464, 1.24153244, 1.20157266, 1.162866, 1.08895338, 0.95350921, 0.92192322,
    0.86115354, 0.83188516, 0.803307, 0.74807048, 0.72133851, 0.69515091, 0.64427125, 0.59516323, 0.57119018,
    0.52423614, 0.50118381, 0.4783645, 0.45573691, 0.41087446, 0.38853383, 0.36617002, 0.34370604, 0.32104823,
    0.29807833, 0.27464288, 0.25053367, 0.22545385, 0.19894916, 0.17026083, 0.13792117, 0.09824532, 0.02916753,
};
static const char dkp_gits_lines[] =
    "A" "6H" ".>N" ",9FS" "'1=KV" "'-9EQX" "'-8AKSX" "',5=FNUX" "',4<BIPUX" "'+39@FLRVX" "'*28=DINSVX" "&).6<AFKOSVX"
    "&)-5;?EIMQTVX" "%(*07<@EIMQTVX" "%(*07<@EILPSUWX" "%(*07<@EILORTVWX" "%(*/5:>CGKNQSUVWX" "%(*/59=BFJMPRTUVWX"
    "%(*/59=BFILOQSTUVWX";

static double dkp_gits_value(int n, int i) {
    if (i <= 0 || i >= n - 1) return dkp_gits_level[i > 0 ? DKP_COUNT(dkp_gits_level) - 1 : 0];
    return dkp_gits_level[dkp_gits_lines[(n - 2) * (n - 3) / 2 + i - 1] - '$'];
}

static int dkp_gits(const dk_config *c, int i, int n, dk_level *level) {
    int most = n < 21 ? n : 21; /* of the longest line */
    double x = n > 1 ? (double)i * (most - 1) / (n - 1) : 0;
    const double pair[] = {dkp_gits_value(most, (int)x), dkp_gits_value(most, (int)x + 1)};
    if (dkp_set(c->grid.a) && fabs(c->grid.a - 1.2) > 1e-9) return 0;
    if (i >= 0) *level = dkp_at_sigma(&c->schedule, dkp_between(pair, 2, x - floor(x), 1));
    return n;
}

/* Flux.2's mu, compute_empirical_mu of its sampling.py: linear in tokens at 10 steps and at 200, and between them in steps. */
static double dkp_flux2_mu(double tokens, int steps) {
    double at_10 = 8.73809524e-05 * tokens + 1.89833333, at_200 = 0.00016927 * tokens + 0.45666666;
    return tokens > 4300 ? at_200 : at_200 + (steps - 200) * (at_200 - at_10) / 190;
}

/* Arguments of dk_shift_mu. */
static const double dkp_flux_line[] = {256, 4096, 0.5, 1.15}, dkp_ltx2_line[] = {1024, 4096, 0.95, 2.05};

/* sigma/(alpha + sigma) linear, and then sigma/alpha times exp(mu). a: the number of image tokens; levels: the line that mu lies
   on, or NULL for Flux.2's mu. */
static int dkp_by_tokens(const dk_config *c, int i, int n, dk_level *level) {
    const double *line = c->grid.levels, tokens = dkp_set(c->grid.a) ? c->grid.a : 4096, f = dkp_fraction(i, n);
    double mu = line ? dk_shift_mu(tokens, line[0], line[1], line[2], line[3]) : dkp_flux2_mu(tokens, n - 1);
    double noise = dkp_exp(mu) * (1 - f);
    if (!(tokens > 0 && tokens <= 1e6)) return 0;
    if (i >= 0) *level = dk_level_at(&c->schedule, DK_UNIT_FLOW, noise / (noise + f));
    return n;
}

static const struct {
    dk_named is;
    const double *list;
    int count;
    dk_unit unit;
    dk_final final;
    dk_spacing_fn fn; /* NULL: the list is resampled */
    double terminal;
} dkp_lists[] = {
#define DKP_SPACING(name, about, list, count, fn, terminal) {{name, about}, list, count, DK_UNIT_DEFAULT, DK_FINAL_DEFAULT, fn, terminal}
    DKP_SPACING("gits", "published levels for SD, coefficient 1.2; Chen et al. 2024", NULL, 0, dkp_gits, 0),
    DKP_SPACING("flux", "sigma/(alpha + sigma) linear, then sigma/alpha times exp(mu), by a = tokens; Flux.1", dkp_flux_line, 4, dkp_by_tokens, 0),
    DKP_SPACING("flux2", "the same, by tokens and steps; Flux.2", NULL, 0, dkp_by_tokens, 0),
    DKP_SPACING("ltx2", "the same, by tokens, the last level above 0 stretched to 0.1; LTX-Video, LTX-2", dkp_ltx2_line, 4, dkp_by_tokens, 0.1),
#undef DKP_SPACING
#define DKP_LIST(name, about, list, unit, final) \
    {{name, about}, list, DKP_COUNT(list), DK_UNIT_##unit, DK_FINAL_##final, NULL, 0}
    DKP_LIST("ays_sd1", "Align Your Steps for SD 1.5; Sabour et al. 2024", dkp_ays_sd1, SIGMA, REPLACE),
    DKP_LIST("ays_sdxl", "Align Your Steps for SDXL; Sabour et al. 2024", dkp_ays_sdxl, SIGMA, REPLACE),
    DKP_LIST("ays_svd", "Align Your Steps for SVD; Sabour et al. 2024", dkp_ays_svd, SIGMA, REPLACE),
    DKP_LIST("ays_sd1_paper", "the same with three digits; 0 is added", dkp_ays_sd1_paper, SIGMA, ZERO),
    DKP_LIST("ays_sdxl_paper", "the same with three digits; 0 is added", dkp_ays_sdxl_paper, SIGMA, ZERO),
    DKP_LIST("ays_sd1_32", "Align Your Steps in 32, for SD 1.5, as in Forge; 0 is added", dkp_ays_sd1_32, SIGMA, ZERO),
    DKP_LIST("ays_sdxl_32", "Align Your Steps in 32, for SDXL, as in Forge; 0 is added", dkp_ays_sdxl_32, SIGMA, ZERO),
    DKP_LIST("gits_sd1", "GITS for SD 1.5 with three digits, as in Forge; 0 is added", dkp_gits_sd1, SIGMA, ZERO),
    DKP_LIST("gits_sdxl", "GITS for SDXL with three digits, as in Forge; 0 is added", dkp_gits_sdxl, SIGMA, ZERO),
    DKP_LIST("ays_sd1_timesteps", "the ten timesteps for SD 1.5", dkp_ays_sd1_t, T, ZERO),
    DKP_LIST("ays_sdxl_timesteps", "the ten timesteps for SDXL", dkp_ays_sdxl_t, T, ZERO),
    DKP_LIST("oss_flux", "Optimal Stepsize for Flux; Pei et al. 2025", dkp_oss_flux, FLOW, REPLACE),
    DKP_LIST("oss_wan", "Optimal Stepsize for Wan; Pei et al. 2025", dkp_oss_wan, FLOW, REPLACE),
    DKP_LIST("oss_chroma", "Optimal Stepsize for Chroma", dkp_oss_chroma, FLOW, REPLACE),
    DKP_LIST("ltx2_distilled", "the eight levels of LTX-2 distilled; its second stage is strength 3/8 of them", dkp_ltx2_distilled, FLOW, ZERO),
#undef DKP_LIST
};

/* Published list number i; *g, unless NULL, becomes it. */
static const dk_named *dkp_published(int i, dk_grid *g) {
    if (i >= DKP_COUNT(dkp_lists)) return NULL;
    if (g) {
        g->spacing = dkp_lists[i].fn ? DK_SPACING_CUSTOM : DK_SPACING_RESAMPLE, g->fn = dkp_lists[i].fn;
        g->levels = dkp_lists[i].list, g->level_count = dkp_lists[i].count, g->unit = dkp_lists[i].unit;
        g->final = dkp_lists[i].final, g->terminal = dkp_lists[i].terminal;
    }
    return &dkp_lists[i].is;
}

/* ---- time travel, as it is published */

/* Steps that are left at level i of RePaint's way over a grid of `steps`. The places to go up from are counted from the
   last level but one, or the last: 0, jump, 2 jump ...: the published program. */
static double dkp_repaint_places(const dk_repaint *r, int steps) {
    return r->jump > 0 && r->runs > 1 && steps > r->jump ? (steps - 1) / r->jump : 0;
}

static int dkp_repaint_left(const dk_repaint *r, int steps, int i) {
    int places = (int)dkp_repaint_places(r, steps), last = !r->from_clean;
    if (!places) return steps - i;
    int since = i - (steps - (places - 1) * r->jump - last); /* the first place was reached */
    if (since <= 0) return steps - i;
    int again = (r->runs - 1) * (1 + r->jump);
    int place = since / (again + r->jump) < places ? since / (again + r->jump) : places - 1;
    int left = (places - 1 - place) * r->jump + last, at = since - place * (again + r->jump);
    if (at > again) return left - (at - again);
    at %= 1 + r->jump;
    return at ? left + r->jump - (at - 1) : left;
}

DK_API int dk_repaint_level(const dk_way *way, const dk_config *c, dk_layout *grid, int i, dk_level *level) {
    const dk_repaint *r = (const dk_repaint *)(const void *)way;
    double steps = c->steps + dkp_repaint_places(r, c->steps) * (r->runs - 1.0) * (r->jump + 1.0);
    if (steps > 1e6) return 0x7FFFFFFF;
    *level = dk_grid_level(grid, c->steps - dkp_repaint_left(r, c->steps, i));
    return (int)steps;
}

/* A way over levels that another way's grid has: the grid's own, or those of a shorter one. */
typedef struct dkp_base {
    dk_layout *grid;
    const dk_config *c;
    int steps, shorter; /* shorter: KARRAS over the grid's first level and its last but one, then its last */
} dkp_base;

static dk_level dkp_karras_level(const dkp_base *b, dk_level noisy, dk_level clean, int i, int n) {
    const dk_schedule *s = &b->c->schedule;
    double rho = b->c->grid.spacing == DK_SPACING_KARRAS ? dkp_or(b->c->grid.a, 7) : 7;
    return i == 0       ? noisy
           : i == n - 1 ? clean
                        : dkp_karras_between(s, dkp_u(s, noisy), dkp_u(s, clean), rho, dkp_fraction(i, n));
}

static dk_level dkp_base_level(const dkp_base *b, int i) {
    int steps = b->c->steps;
    if (!b->shorter) return dk_grid_level(b->grid, i);
    if (i == b->steps) return dk_grid_level(b->grid, steps);
    return dkp_karras_level(b, dk_grid_level(b->grid, 0), dk_grid_level(b->grid, steps - 1), i, b->steps);
}

/* The level next to a noise level, of a list that falls. */
static int dkp_nearest_level(const dkp_base *b, double noise_level) {
    int low = 0, high = b->steps;
    while (low < high) { /* the first that is not above */
        int middle = (low + high) / 2;
        if (dk_noise_level(dkp_base_level(b, middle)) > noise_level) low = middle + 1;
        else high = middle;
    }
    if (low == 0) return 0;
    double above = dk_noise_level(dkp_base_level(b, low - 1)) - noise_level,
           below = fabs(dk_noise_level(dkp_base_level(b, low)) - noise_level);
    return above <= below ? low - 1 : low;
}

/* Level i of the way that goes from the level next to `low` up to the one next to `high`, `times` times. */
static int dkp_restart_way(const dkp_base *b, const dk_restart *r, int i, dk_level *level) {
    double more = r->steps > 0 && r->times >= 0 ? (r->times ? r->times : 1) * (r->steps + 1.0) : 0;
    if (b->steps + more > 1e6) return 0x7FFFFFFF;
    int from = more > 0 ? dkp_nearest_level(b, dkp_or(r->high, 2)) : 0,
        to = more > 0 ? dkp_nearest_level(b, dkp_or(r->low, 0.1)) : 0;
    int again = from < to ? (int)more : 0; /* else there is nowhere to go back to */
    int since = i - to - 1, at = again ? since % (r->steps + 1) : 0;
    if (since < 0 || since >= again) *level = dkp_base_level(b, since < 0 ? i : i - again);
    else if (at == 0 || at == r->steps) *level = dkp_base_level(b, at ? to : from);
    else *level = dkp_karras_level(b, dkp_base_level(b, from), dkp_base_level(b, to), at, r->steps + 1);
    return b->steps + again;
}

DK_API int dk_restart_level(const dk_way *way, const dk_config *c, dk_layout *grid, int i, dk_level *level) {
    dkp_base b = {grid, c, c->steps, 0};
    return dkp_restart_way(&b, (const dk_restart *)(const void *)way, i, level);
}

/* AUTOMATIC1111's rule takes the steps that are done again from the grid, and leaves the number of evaluations as it is: none of
   less than 20 steps, 9 again, from 36 on twice a quarter. */
static int dkp_restart_a1111(const dk_way *way, const dk_config *c, dk_layout *grid, int i, dk_level *level) {
    dk_restart r = {*way, c->steps < 20 ? 0 : c->steps < 36 ? 9 : c->steps / 4, c->steps < 36 ? 1 : 2, 0, 0};
    dkp_base b = {grid, c, c->steps - r.steps * r.times, r.steps > 0};
    return dkp_restart_way(&b, &r, i, level);
}

static const dk_way *dkp_way_by_name(const char *name) {
    static const dk_repaint repaint = {{dk_repaint_level}, 10, 10, 1};
    static const dk_way a1111_restart = {dkp_restart_a1111};
    return strcmp(name, "repaint") == 0         ? &repaint.way
           : strcmp(name, "a1111_restart") == 0 ? &a1111_restart
                                                : NULL;
}

/* ---------------------------------------------- >>generators  PyTorch's and NumPy's generators */

/* MT19937, Matsumoto & Nishimura 1998, and where it stands. `at` is 0 before it is seeded. */
typedef struct dkp_stream {
    uint32_t word[624];
    double spared;       /* where `spare` says so: the second normal of a pair */
    int at, spare, call; /* next word; draw that comes next */
} dkp_stream;

/* One of the peer's floats, or doubles: its 32 or 64 bits. */
static int dkp_single(const dk_noise_source *s) {
    return s->bits ? s->bits == 32 : s->kind != DK_NOISE_NUMPY;
}

static void dkp_start_stream(dkp_stream *g, uint32_t seed) {
    g->word[0] = seed, g->at = 624, g->spare = g->call = 0;
    for (uint32_t i = 1; i < 624; i++)
        g->word[i] = 1812433253u * (g->word[i - 1] ^ (g->word[i - 1] >> 30)) + i;
}

static uint32_t dkp_mt_word(dkp_stream *g) {
    uint32_t *w = g->word;
    if (g->at == 624) {
        for (int i = 0; i < 624; i++) {
            uint32_t next = w[i < 623 ? i + 1 : 0], y = (w[i] & 0x80000000u) | (next & 0x7FFFFFFFu);
            w[i] = w[i < 227 ? i + 397 : i - 227] ^ (y >> 1) ^ ((0u - (next & 1)) & 0x9908B0DFu);
        }
        g->at = 0;
    }
    uint32_t y = w[g->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

static uint32_t dkp_seed_hash(uint32_t value, uint32_t *state, uint32_t factor) {
    value ^= *state;
    value *= *state *= factor;
    return value ^ value >> 16;
}

/* NumPy's SeedSequence(seed, spawn_key, pool_size).generate_state(count), O'Neill 2015. */
static void dkp_seed_words(uint64_t seed, const uint32_t *key, int keys, int pool_size, uint32_t *out,
                           int count) {
    uint32_t pool[24] = {0}, state = 0x43B0D7E5u;
    for (int i = 0; i < pool_size; i++)
        pool[i] = dkp_seed_hash(i < 2 ? (uint32_t)(seed >> 32 * i) : 0, &state, 0x931E8875u);
    for (int from = 0; from < pool_size + keys; from++)
        for (int to = 0; to < pool_size; to++) {
            if (from == to) continue;
            uint32_t word =
                dkp_seed_hash(from < pool_size ? pool[from] : key[from - pool_size], &state, 0x931E8875u);
            word = 0xCA01F9DDu * pool[to] - 0x4973F715u * word;
            pool[to] = word ^ word >> 16;
        }
    state = 0x8B51F9DDu;
    for (int i = 0; i < count; i++) out[i] = dkp_seed_hash(pool[i % pool_size], &state, 0x58F38DEDu);
}

/* A number in [0, 1), as the generator's program makes it: of 24 or 53 bits. */
DKP_ONCE static double dkp_random(dkp_stream *g, dk_noise_kind kind, int single) {
    uint64_t a = dkp_mt_word(g);
    if (single) return (double)(a & 0xFFFFFFu) / 16777216.0;
    uint64_t b = dkp_mt_word(g);
    a = kind == DK_NOISE_NUMPY ? (a >> 5) << 26 | b >> 6 : (a << 32 | b) & 0x1FFFFFFFFFFFFFu;
    return (double)a / 9007199254740992.0;
}

/* Box & Muller 1958: two normals, *z with the cosine. */
static void dkp_box_muller(double square, double angle, double *z, double *with_sine) {
    dkp_turned v = dkp_circle(angle);
    double radius = dkp_sqrt(square);
    *z = radius * v.cosine.hi, *with_sine = radius * v.sine.hi;
}

/* One after the other, of pairs: torch's fewer than 16, NumPy's by Marsaglia's polar method, 1964. */
static double dkp_next_normal(dkp_stream *g, dk_noise_kind kind) {
    double x, y, square;
    if (g->spare) {
        g->spare = 0;
        return g->spared;
    }
    if (kind == DK_NOISE_TORCH_CPU) {
        x = dkp_random(g, kind, 0), y = dkp_random(g, kind, 0);
        dkp_box_muller(-2 * dkp_log1p(-y), 2 * dkp_pi * x, &y, &x);
    } else {
        do {
            x = 2 * dkp_random(g, kind, 0) - 1, y = 2 * dkp_random(g, kind, 0) - 1;
            square = x * x + y * y;
        } while (!(square < 1 && square > 0));
        square = dkp_sqrt(-2 * dkp_log(square) / square), x *= square, y *= square;
    }
    g->spare = 1, g->spared = x;
    return y;
}

/* 16 of torch's, in the precision of its tensor. */
static void dkp_torch_sixteen(dkp_stream *g, int single, double z[16]) {
    for (int j = 0; j < 16; j++) z[j] = dkp_random(g, DK_NOISE_TORCH_CPU, single);
    for (int j = 0; j < 8; j++) {
        double angle = 2 * dkp_pi * z[j + 8];
        if (single) angle = (double)(6.2831853f * (float)z[j + 8]);
        dkp_box_muller(-2 * dkp_log(1 - z[j]), angle, &z[j], &z[j + 8]);
    }
}

/* Adds `share` of the next n normals to out; NULL: passes over them. A tensor of torch's with n % 16 left over has its last
   16 made anew. */
static void dkp_stream_normals(dkp_stream *g, const dk_noise_source *s, size_t n, double share,
                               dk_real *out) {
    int single = dkp_single(s), blocks = s->kind == DK_NOISE_TORCH_CPU && n >= 16;
    size_t rest = n % 16;
    double z[16];
    for (size_t i = 0; i < n;) {
        size_t count = blocks ? 16 : 1;
        if (blocks && i + 16 == n && rest)
            for (size_t k = 0; k < rest; k++) dkp_random(g, s->kind, single);
        if (blocks) dkp_torch_sixteen(g, single, z);
        else z[0] = dkp_next_normal(g, s->kind);
        if (blocks && i + 16 + rest == n && rest) count = rest;
        for (size_t k = 0; k < count && out; k++)
            out[i + k] = (dk_real)((double)out[i + k] + share * (single ? (double)(float)z[k] : z[k]));
        i += count;
    }
}

/* A whole draw of generators that go on from draw to draw. */
DKP_ONCE static int dkp_fill_stream(const dk_noise_source *s, const dk_noise_request *q, void *states,
                                    dk_real *out) {
    size_t batch = q->seeds ? (size_t)q->batch : 1, n = q->seeds ? q->dim : q->dim * (size_t)q->batch;
    dkp_stream passing, *streams = (dkp_stream *)states;
    memset(out, 0, batch * n * sizeof *out);
    for (size_t b = 0; b < batch; b++, out += n) {
        dkp_stream *g = streams ? &streams[b] : &passing;
        if (!streams || !g->at || g->call > q->call) dkp_start_stream(g, (uint32_t)dkp_seed_of(s, q, b));
        for (; g->call < q->call; g->call++) dkp_stream_normals(g, s, n, 0, NULL);
        dkp_stream_normals(g, s, n, 1, out), g->call++;
    }
    return 1;
}

/* Elements of a tensor of `size` numbers on a GPU. As many threads as the launch has take an element
   each, and so on; a thread has Philox under its own number, and a block makes four of its floats or two of its doubles. */
static void dkp_cuda_part(const dk_noise_source *s, const dk_noise_request *q, size_t sample, size_t element,
                          size_t n, dk_real *out) {
    uint64_t seed = dkp_seed_of(s, q, sample), call = (uint64_t)q->call;
    uint64_t first = element + (q->seeds ? 0 : sample * q->dim);
    uint64_t size = q->seeds ? q->dim : (size_t)q->batch * q->dim;
    uint64_t blocks = (size + 255) / 256, most = (uint64_t)s->threads / 256;
    uint64_t threads = 256 * (most > 0 && most < blocks ? most : blocks), per = dkp_single(s) ? 4 : 2;
    uint64_t rounds = (size - 1) / (threads * per) + 1;
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    for (size_t i = 0; i < n; i++) {
        uint64_t thread = (first + i) % threads, turn = (first + i) / threads,
                 block = call * rounds + turn / per;
        uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)thread,
                               (uint32_t)(thread >> 32)},
                 r[4];
        double u, angle, cosine, sine;
        dkp_philox_block(counter, key, r);
        if (per == 4) { /* in float, as there */
            const float unit = 2.3283064e-10f, turns = unit * 6.2831853f;
            const uint32_t *pair = r + turn % 4 / 2 * 2;
            u = (double)((float)pair[0] * unit + unit / 2),
            angle = (double)((float)pair[1] * turns + turns / 2);
        } else {
            const double unit = 1 / 9007199254740992.0;
            u = (double)(r[0] ^ (uint64_t)r[1] << 21) * unit + unit / 2;
            angle = dkp_pi * ((double)(r[2] ^ (uint64_t)r[3] << 21) * (2 * unit) + unit);
        }
        dkp_box_muller(-2 * dkp_log(u), angle, &cosine, &sine);
        u = turn % 2 ? cosine : sine;
        out[i] = (dk_real)(per == 4 ? (double)(float)u : u);
    }
}

/* torchsde's: nodes are torch generators, seeded by NumPy's SeedSequence. */
static int dkp_torchsde_nodes(const dk_noise_source *s, const dk_noise_request *q,
                              dkp_node node[2 * DKP_HALVINGS]) {
    double t[4] = {q->lowest, q->highest, q->from, q->to}, time;
    if (q->way) return 0; /* the state has what the path has here */
    for (int i = 0; i < 4; i++) {
        if (q->flow) t[i] = dkp_flow_level(t[i]);
        if (dkp_single(s)) t[i] = (double)(float)t[i];
    }
    time = t[2] - t[3];
    for (int i = 0; i < 4; i++) t[i] = dkp_decimal(t[i]);
    return dkp_increment(t[0], t[1], t[2], t[3], 1, time, node);
}

/* 0 for a draw that does not go down, or is behind a way up. */
DKP_ONCE static int dkp_fill_torchsde(const dk_noise_source *s, const dk_noise_request *q, void *states,
                                      dk_real *out) {
    dkp_node node[2 * DKP_HALVINGS];
    dkp_stream g;
    dk_noise_source normals = *s;
    size_t batch = q->seeds ? (size_t)q->batch : 1, n = q->seeds ? q->dim : q->dim * (size_t)q->batch;
    int count = dkp_torchsde_nodes(s, q, node);
    (void)states;
    normals.kind = DK_NOISE_TORCH_CPU;
    for (size_t b = 0; count && b < batch; b++, out += n) {
        memset(out, 0, n * sizeof *out);
        for (int k = 0; k < count; k++) {
            uint32_t low = (uint32_t)node[k].place, high = (uint32_t)(node[k].place >> 32), depth = (uint32_t)node[k].depth, word;
            const uint32_t key[3] = {low, high ? high : depth, depth}; /* as many words as the place needs */
            dkp_seed_words(dkp_seed_of(s, q, b), key, node[k].depth < 0 ? 0 : high ? 3 : 2, 24, &word, 1);
            dkp_start_stream(&g, word);
            dkp_stream_normals(&g, &normals, n, node[k].share, out);
        }
    }
    return count;
}

/* In the order of dk_noise_kind. */
static const dkp_generator *dkp_generator_at(int i) {
    static const dkp_generator generators[] = {
        {sizeof(dkp_stream), ~(uint64_t)0, 0, NULL, dkp_fill_stream},
        {0, ~(uint64_t)0, 0, dkp_cuda_part, NULL},
        {sizeof(dkp_stream), 0xFFFFFFFFu, 0, NULL, dkp_fill_stream},
        {0, ~(uint64_t)0, 1, NULL, dkp_fill_torchsde},
    };
    return i < DKP_COUNT(generators) ? &generators[i] : NULL;
}

DKP_FAST

/* ------------------------------------------------------------------------------ >>names  Names */

DKP_SMALL

/* What other programs call samplers and grids. Names of one program are unique per kind. Where programs differ in what they
   mean by a name, each has its row, and "program:name" tells them apart. Letters before a name say whose it is, each program
   having one. */
static const char dkp_letters[] = "cakdrsinf";
static const char dkp_peers[][12] = {"comfyui", "a1111", "k-diffusion", "diffusers", "res4lyf", "sd.cpp", "invokeai", "sdnext", "forge"};

/* clang-format off */
/* What names stand for, "=" for the library's own name, "-" for nothing; then the names. */
#define DKP_BOTH(sampler, grid, settings, note, names) sampler "\0" grid "\0" settings "\0" note "\0" names "\0\0"
#define DKP_SAMPLER(sampler, names) DKP_BOTH(sampler, "-", "", "", names)
#define DKP_ENDS_EULER(sampler, names) DKP_BOTH(sampler, "-", "euler_to_data=1", "", names)
#define DKP_GRID(grid, names) DKP_BOTH("-", grid, "", "", names)
static const char dkp_sampler_names[] =
    DKP_SAMPLER("=", "crsi:euler\0c:heunpp2\0c:exp_heun_2_x0\0c:exp_heun_2_x0_sde\0c:lms\0csi:lcm\0c:ipndm\0c:ipndm_v\0"
        "c:gradient_estimation\0cs:er_sde\0c:seeds_2\0c:seeds_3\0cri:ddim\0cs:euler_cfg_pp\0c:dpmpp_2s_ancestral_cfg_pp\0ci:dpmpp_sde\0"
        "ri:dpmpp_2m\0ci:dpmpp_2m_sde\0c:dpmpp_3m_sde\0r:res_2s\0r:res_3s\0r:dpmpp_2s\0s:dpm2\0s:tcd\0i:ddpm")
    DKP_BOTH("=", "-", "", "on flow models: gauge=flow", "c:dpmpp_2m\0c:dpmpp_2m_cfg_pp\0c:res_multistep\0c:res_multistep_ancestral\0"
        "c:res_multistep_cfg_pp\0c:res_multistep_ancestral_cfg_pp\0c:gradient_estimation_cfg_pp\0c:ddpm")
    DKP_BOTH("=", "-", "", "on flow models: gauge=flow law=flow", "s:res_multistep\0s:res_2s")
    DKP_ENDS_EULER("heun", "csi:heun\0an:Heun\0a:k_heun\0k:sample_heun\0r:heun_2s\0n:Heun FlowMatch")
    DKP_BOTH("euler_ancestral_cfg_pp", "-", "fresh_pure=1", "", "c:euler_ancestral_cfg_pp\0c:SamplerEulerAncestralCFGPP")
    DKP_BOTH("euler_ancestral", "-", "", "on flow models: euler_ancestral_rf", "c:euler_ancestral\0c:SamplerEulerAncestral\0s:euler_a")
    DKP_BOTH("dpmpp_2s_ancestral", "-", "", "on flow models: dpmpp_2s_ancestral_rf", "c:dpmpp_2s_ancestral\0c:SamplerDPMPP_2S_Ancestral\0"
        "s:dpm++2s_a")
    DKP_BOTH("dpm2", "-", "grid.spare=1", "", "c:dpm_2\0a:DPM2\0a:k_dpm_2")
    DKP_BOTH("dpm2_ancestral", "-", "dry_bottom=1 grid.spare=1", "on flow models: dpm2_ancestral_rf", "c:dpm_2_ancestral")
    DKP_BOTH("dpm_adaptive", "-", "grid.final=min", "of the grid only the ends count", "c:dpm_adaptive\0c:SamplerDPMAdaptative\0"
        "a:DPM adaptive\0a:k_dpm_ad\0k:sample_dpm_adaptive")
    DKP_BOTH("dpm_solver_fast", "lambda", "grid.final=min", "steps of three evaluations each; evals: how many in all", "c:dpm_fast\0a:DPM fast\0"
        "a:k_dpm_fast\0k:sample_dpm_fast")
    DKP_SAMPLER("dpmpp_sde", "c:dpmpp_sde_gpu\0c:SamplerDPMPP_SDE\0a:DPM++ SDE\0a:k_dpmpp_sde\0k:sample_dpmpp_sde\0n:DPM SDE")
    DKP_SAMPLER("dpmpp_2m_sde", "c:dpmpp_2m_sde_gpu\0c:SamplerDPMPP_2M_SDE\0an:DPM++ 2M SDE\0a:k_dpmpp_2m_sde\0"
        "k:sample_dpmpp_2m_sde\0s:dpm++2m_sde\0n:DPM++ Cosine")
    DKP_SAMPLER("dpmpp_3m_sde", "c:dpmpp_3m_sde_gpu\0c:SamplerDPMPP_3M_SDE\0k:sample_dpmpp_3m_sde")
    DKP_BOTH("dpmpp_2m_sde", "-", "rule=exact", "", "c:dpmpp_2m_sde_heun\0c:dpmpp_2m_sde_heun_gpu\0a:DPM++ 2M SDE Heun\0a:k_dpmpp_2m_sde_heun")
    DKP_BOTH("deis_t", "-", "deis_sum=1", "on flow models: gauge=flow", "c:deis\0f:DEIS")
    DKP_BOTH("=", "-", "lower_order_final=1 lower_to_zero=1", "noise from 20% to 80% of the schedule only: noise_min, noise_max", "c:sa_solver\0"
        "c:sa_solver_pece")
    DKP_BOTH("unipc", "-", "rule=bh1 lower_order_final=1 grid.spare=1", "there to sigma 0.001 instead of 0; on flow models: gauge=flow", "c:uni_pc")
    DKP_BOTH("unipc", "-", "rule=bh2 lower_order_final=1 grid.spare=1", "there to sigma 0.001 instead of 0; on flow models: gauge=flow", "c:uni_pc_bh2")
    DKP_SAMPLER("euler_ancestral", "an:Euler a\0a:k_euler_a\0a:k_euler_ancestral\0k:sample_euler_ancestral\0i:euler_a")
    DKP_SAMPLER("euler", "an:Euler\0a:k_euler\0k:sample_euler\0n:Euler FlowMatch\0n:Euler EDM")
    DKP_BOTH("lms", "-", "plain_last=1", "", "a:LMS\0a:k_lms\0k:sample_lms\0i:lms\0n:LMSD")
    DKP_BOTH("dpm2_ancestral", "-", "dry_bottom=1 grid.spare=1", "", "a:DPM2 a\0a:k_dpm_2_a")
    DKP_SAMPLER("dpmpp_2s_ancestral", "a:DPM++ 2S a\0a:k_dpmpp_2s_a\0k:sample_dpmpp_2s_ancestral")
    DKP_SAMPLER("dpmpp_2m", "an:DPM++ 2M\0a:k_dpmpp_2m\0k:sample_dpmpp_2m\0n:DPM++ 2M EDM")
    DKP_BOTH("dpmpp_2m", "-", "", "on flow models: gauge=flow", "s:dpm++2m")
    DKP_BOTH("dpmpp_3m_sde", "-", "grid.spare=1", "", "a:DPM++ 3M SDE\0a:k_dpmpp_3m_sde")
    DKP_SAMPLER("lcm", "c:SamplerLCM\0an:LCM\0a:k_lcm\0n:LCM FlowMatch\0n:Flash FlowMatch")
    DKP_SAMPLER("ddim", "an:DDIM\0n:DDIM Parallel\0n:CogX DDIM")
    DKP_SAMPLER("euler_cfg_pp", "c:SamplerEulerCFGpp\0a:DDIM CFG++\0a:ddim_cfgpp")
    DKP_SAMPLER("plms", "a:PLMS")
    DKP_BOTH("heun", "karras", "euler_to_data=1 grid.way=a1111_restart", "", "a:Restart")
    DKP_BOTH("unipc", "-", "rule=bh1 lower_order_final=1", "", "a:UniPC");
static const char dkp_more_names[] = /* a string may have 4,095 characters */
    DKP_SAMPLER("dpm2", "k:sample_dpm_2\0i:kdpm_2\0n:KDPM2")
    DKP_BOTH("dpm2_ancestral", "-", "dry_bottom=1", "", "k:sample_dpm_2_ancestral")
    DKP_BOTH("dpmpp_2m_v2", "-", "", "on flow models: gauge=flow", "s:dpm++2mv2")
    DKP_BOTH("lms", "-", "plain_last=1 past_twice=1", "", "s:lms")
    DKP_BOTH("ipndm", "-", "plain_last=1", "", "s:ipndm\0f:IPNDM\0n:IPNDM")
    DKP_BOTH("ipndm", "-", "plain_last=1 ipndm_v=1", "", "s:ipndm_v")
    DKP_BOTH("ipndm_v", "-", "plain_last=1", "", "f:IPNDM_V")
    DKP_SAMPLER("euler_ancestral_cfg_pp", "s:euler_a_cfg_pp")
    DKP_SAMPLER("gradient_estimation", "s:euler_ge")
    DKP_BOTH("dpmpp_2m_sde", "-", "", "Brownian noise: step_noise=brownian", "s:dpm++2m_sde_bt")
    DKP_BOTH("ddim", "simple", "", "on flow models with eta: euler_ancestral_rf", "s:ddim_trailing")
    DKP_BOTH("deis", "-", "order=2", "", "i:deis\0n:DEIS")
    DKP_BOTH("pndm", "-", "plain_last=1", "", "i:pndm\0n:PNDM")
    DKP_SAMPLER("dpm2_ancestral", "i:kdpm_2_a\0n:KDPM2 a")
    DKP_BOTH("dpmpp_2s_levels", "-", "lower_order_final=1", "", "i:dpmpp_2s\0n:DPM++ 1S")
    DKP_BOTH("dpmpp_2m", "-", "order=3", "", "i:dpmpp_3m\0n:DPM++ 3M")
    DKP_BOTH("unipc", "-", "order=2 corrector=3 rule=bh2", "", "i:unipc\0n:UniPC")
    DKP_BOTH("tcd", "lcm", "", "", "i:tcd\0n:TCD")
    DKP_SAMPLER("ddpm", "nf:DDPM\0n:DDPM Parallel")
    DKP_SAMPLER("heunpp2", "f:HeunPP2")
    DKP_SAMPLER("lms", "c:SamplerLMS")
    DKP_SAMPLER("er_sde", "c:SamplerER_SDE")
    DKP_SAMPLER("seeds_2", "c:SamplerSEEDS2")
    DKP_BOTH("sa_solver", "-", "lower_order_final=1 lower_to_zero=1", "noise from 20% to 80% of the schedule only: noise_min, noise_max", "c:SamplerSASolver")
    DKP_BOTH("euler", "trailing", "grid.rounding=nearest", "with prediction=x0, unless that is set there", "n:Euler SGM")
    DKP_BOTH("dpmpp_2m_sde", "-", "order=1", "", "n:DPM++ SDE")
    DKP_BOTH("dpmpp_2m_sde", "-", "order=3 third_minus=1", "", "n:DPM++ 3M SDE")
    DKP_BOTH("dpmpp_2m", "-", "grid.rising=1", "", "n:DPM++ 2M Inverse")
    DKP_BOTH("dpmpp_2m", "-", "order=3 grid.rising=1", "", "n:DPM++ 3M Inverse")
    DKP_BOTH("sa_solver", "-", "order=2 corrector=2 rule=sa lower_order_final=1 count_last=1", "noise in timesteps 200 to 800 only: noise_min, noise_max",
        "n:SA Solver")
    DKP_SAMPLER("consistency_model_multistep", "n:CMSI");
static const char dkp_grid_names[] =
    DKP_GRID("=", "cs:simple\0cs:sgm_uniform\0cs:karras\0cs:exponential\0c:ddim_uniform\0cs:beta\0c:normal\0c:linear_quadratic\0cs:kl_optimal\0"
        "d:leading\0d:trailing\0d:linspace\0rs:bong_tangent\0s:gits\0s:smoothstep\0s:lcm\0s:flux2\0s:ltx2")
    DKP_BOTH("-", "=", "", "its tokens are latents: grid.tokens=16384 for 1024 x 1024 pixels", "s:flux")
    DKP_GRID("ltx2", "c:LTXVScheduler")
    DKP_GRID("flux2", "c:Flux2Scheduler")
    DKP_BOTH("-", "logit_normal", "grid.sigma_max=0.9998766054240138 grid.sigma_min=0.0005527786369236", "other sizes than 512 x 512 pixels: grid.mean is log(tokens/1024)/2",
        "s:logit_normal")
    DKP_BOTH("-", "logit_normal", "grid.mean=0.6931471805599453 grid.sigma_max=0.9998766054240138 grid.sigma_min=0.0005527786369236",
        "other sizes than 1024 x 1024 pixels: grid.mean is log(tokens/1024)/2", "c:Ideogram4Scheduler")
    DKP_GRID("karras", "c:KarrasScheduler\0a:Karras\0a:ka\0k:get_sigmas_karras\0d:use_karras_sigmas\0i:k")
    DKP_GRID("exponential", "c:ExponentialScheduler\0a:Exponential\0a:exp\0k:get_sigmas_exponential\0d:use_exponential_sigmas")
    DKP_GRID("polyexponential", "c:PolyexponentialScheduler\0a:Polyexponential\0k:get_sigmas_polyexponential")
    DKP_GRID("laplace", "c:LaplaceScheduler")
    DKP_GRID("beta", "c:BetaSamplingScheduler")
    DKP_GRID("sd_turbo", "c:SDTurboScheduler")
    DKP_BOTH("-", "trailing", "grid.rounding=nearest", "", "f:Turbo")
    DKP_BOTH("-", "vp", "", "its own range, of beta_d and beta_min", "c:VPScheduler\0k:get_sigmas_vp")
    DKP_BOTH("-", "ays_sd1", "", "SDXL: ays_sdxl, SVD: ays_svd", "c:AlignYourStepsScheduler\0s:ays")
    DKP_GRID("gits", "c:GITSScheduler")
    DKP_BOTH("-", "gits_sd1", "", "SDXL: gits_sdxl", "f:Align Your Steps GITS")
    DKP_BOTH("-", "oss_flux", "", "Wan: oss_wan, Chroma: oss_chroma", "c:OptimalStepsScheduler")
    DKP_GRID("linspace", "a:Uniform\0s:discrete\0s:normal")
    DKP_GRID("sgm_uniform", "a:SGM Uniform")
    DKP_BOTH("-", "kl_optimal", "grid.final=min", "", "a:KL Optimal")
    DKP_GRID("simple", "a:Simple")
    DKP_GRID("normal", "a:Normal")
    DKP_GRID("ddim_uniform", "a:DDIM")
    DKP_GRID("beta_sigma", "a:Beta\0d:use_beta_sigmas")
    DKP_BOTH("-", "ays_sd1_paper", "", "SDXL: ays_sdxl_paper", "a:Align Your Steps\0f:Align Your Steps 11")
    DKP_BOTH("-", "ays_sd1_32", "", "SDXL: ays_sdxl_32", "f:Align Your Steps 32")
    DKP_GRID("lambda", "d:use_lu_lambdas")
    DKP_BOTH("-", "beta", "grid.beta_a=0.5 grid.beta_b=0.7", "", "r:beta57");
static const char dkp_res4lyf_names[] =
    DKP_SAMPLER("exp_heun_2_x0", "r:res_2s_rkmk2e\0r:res_2s_stable\0r:etdrk2_2s")
    DKP_SAMPLER("dpmpp_3s", "r:res_3s_alt") DKP_SAMPLER("etd3rk", "r:res_3s_cox_matthews") DKP_SAMPLER("etd2cf3", "r:res_3s_lie")
    DKP_BOTH("dpmpp_3s", "-", "alpha=0.5 alpha2=1", "", "r:res_3s_strehmel_weiner\0r:dpmpp_3s")
    DKP_SAMPLER("krogstad", "r:res_4s_krogstad") DKP_SAMPLER("strehmel_weiner", "r:res_4s_strehmel_weiner")
    DKP_SAMPLER("etd4rk", "r:res_4s_cox_matthews") DKP_SAMPLER("cfree4", "r:res_4s_cfree4") DKP_SAMPLER("hochbruck_ostermann", "r:res_5s")
    DKP_SAMPLER("exprk4s6", "r:res_6s") DKP_SAMPLER("exprk5s8", "r:res_8s") DKP_SAMPLER("exprk5s10", "r:res_10s")
    DKP_SAMPLER("exprk6s15", "r:res_15s") DKP_SAMPLER("etdrk3", "r:etdrk3_a_3s")
    DKP_BOTH("dpmpp_3s", "-", "alpha=0.4444444444444444", "", "r:etdrk3_b_3s")
    DKP_BOTH("dpmpp_2s", "-", "alpha=1", "", "r:dpmpp_sde_2s") DKP_SAMPLER("lawson2a", "r:lawson2a_2s") DKP_SAMPLER("lawson2b", "r:lawson2b_2s")
    DKP_SAMPLER("lawson4", "r:lawson4_4s") DKP_SAMPLER("genlawson4", "r:lawson41-gen_4s") DKP_SAMPLER("modgenlawson4", "r:lawson41-gen-mod_4s")
    DKP_SAMPLER("res_multistep", "r:res_2m\0r:abnorsett_2m") DKP_SAMPLER("res_3m", "r:abnorsett_3m")
    DKP_BOTH("res_3m", "-", "order=4", "", "r:abnorsett_4m") DKP_BOTH("deis_rho", "-", "order=2", "", "r:deis_2m")
    DKP_SAMPLER("deis_rho", "r:deis_3m") DKP_BOTH("deis_rho", "-", "order=4", "", "r:deis_4m") DKP_ENDS_EULER("ralston", "r:ralston_2s")
    DKP_ENDS_EULER("ralston3", "r:ralston_3s") DKP_ENDS_EULER("ralston4", "r:ralston_4s") DKP_ENDS_EULER("midpoint", "r:midpoint_2s")
    DKP_ENDS_EULER("heun3", "r:heun_3s") DKP_ENDS_EULER("houwen_wray", "r:houwen-wray_3s") DKP_ENDS_EULER("kutta3", "r:kutta_3s")
    DKP_ENDS_EULER("ssp3", "r:ssprk3_3s") DKP_ENDS_EULER("ssp43", "r:ssprk4_4s") DKP_ENDS_EULER("rk38", "r:rk38_4s")
    DKP_ENDS_EULER("rk4", "r:rk4_4s") DKP_ENDS_EULER("butcher6", "r:rk6_7s") DKP_ENDS_EULER("bogacki_shampine", "r:bogacki-shampine_4s")
    DKP_ENDS_EULER("bogacki_shampine5", "r:bogacki-shampine_7s") DKP_ENDS_EULER("dormand_prince", "r:dormand-prince_6s")
    DKP_ENDS_EULER("dormand_prince8", "r:dormand-prince_13s") DKP_ENDS_EULER("tsitouras", "r:tsi_7s");
/* clang-format on */

/* Rows, list after list: these, and then one for each of diffusers' classes. */
enum { DKP_NAME_LISTS = 4, DKP_OF_A1111 = 1, DKP_OF_DIFFUSERS = 3 };
static const char *dkp_alias_rows(int list);

typedef struct dkp_aliases {
    int list;
    const char *at, *sampler, *grid; /* the next name; what its row says */
} dkp_aliases;

/* The next name that program k has. 0 past the end. All of *next is zero at first. */
static int dkp_next_alias(dk_alias *a, dkp_aliases *next, int k) {
    const char **const to[] = {&next->sampler, &next->grid, &a->settings, &a->note};
    for (;;) {
        if (!next->at || !*next->at) { /* another row */
            const char *row = next->at && next->at[1] ? next->at + 1 : dkp_alias_rows(next->list++);
            if (!row) return 0;
            for (int i = 0; i < DKP_COUNT(to); i++, row += strlen(row) + 1) *to[i] = row;
            next->at = row;
        }
        const char *colon = strchr(next->at, ':');
        int has = memchr(next->at, dkp_letters[k], (size_t)(colon - next->at)) != NULL;
        a->name = colon + 1, next->at = a->name + strlen(a->name) + 1;
        if (!has) continue;
        a->peer = dkp_peers[k];
        a->sampler = *next->sampler == '-' ? NULL : *next->sampler == '=' ? a->name : next->sampler;
        a->grid = *next->grid == '-' ? NULL : *next->grid == '=' ? a->name : next->grid;
        return 1;
    }
}

DK_API int dk_alias_at(int i, dk_alias *a) {
    for (int k = 0; k < DKP_COUNT(dkp_peers) && i >= 0; k++) {
        dkp_aliases next = {0, NULL, NULL, NULL};
        while (dkp_next_alias(a, &next, k))
            if (i-- == 0) return 1;
    }
    return 0;
}

/* n letters somewhere in a name. */
typedef struct dkp_span {
    const char *p;
    size_t n;
} dkp_span;

/* Blind to case and to the kind of separator, and reads "++" as "pp"; loose: separators do not count at all. */
static int dkp_same_name(dkp_span a, const char *b, int loose) {
    size_t i = 0;
    for (;;) {
        while (loose && i < a.n && dkp_fold(a.p[i]) == '_') i++;
        while (loose && dkp_fold(*b) == '_') b++;
        if (i == a.n || !*b) return i == a.n && !*b;
        if (dkp_fold(a.p[i++]) != dkp_fold(*b++)) return 0;
    }
}

/* What a name stands for, as a sampler (0) and as a grid (1): the library's names, and what the rows that led there set. */
typedef struct dkp_found {
    const char *name[2], *settings[2];
    int asked_grid; /* the name is a sampler's and a grid's together */
} dkp_found;

/* Whether names of program k are meant. Forge has AUTOMATIC1111's, too. */
static int dkp_means_peer(dkp_span peer, int k) {
    return !peer.n || dkp_same_name(peer, dkp_peers[k], 1) || (k == DKP_OF_A1111 && dkp_same_name(peer, "forge", 1));
}

/* One kind, from one program (peer.n > 0) or from the library's names and then all programs. */
static int dkp_find_kind(dkp_span peer, dkp_span name, int grid, dkp_found *f) {
    const char *(*at)(int) = grid ? dkp_grid_name : dkp_sampler_name;
    for (int loose = 0; loose < 2 && name.n; loose++) {
        for (int i = 0; !peer.n && at(i); i++)
            if (dkp_same_name(name, at(i), loose)) {
                f->name[grid] = at(i), f->settings[grid] = "";
                return 1;
            }
        for (int k = 0; k < DKP_COUNT(dkp_peers); k++) {
            dkp_aliases next = {0, NULL, NULL, NULL};
            dk_alias a;
            if (!dkp_means_peer(peer, k)) continue;
            while (dkp_next_alias(&a, &next, k)) {
                if (grid != !a.sampler || !dkp_same_name(name, a.name, loose)) continue;
                if (a.sampler) f->name[0] = a.sampler;
                if (a.grid) f->name[1] = a.grid;
                f->settings[grid] = a.settings;
                return 1;
            }
        }
    }
    return 0;
}

/* "program:name" or "name"; also with the ending that stable-diffusion.cpp's enumerators have, and with what diffusers'
   names once had before them. */
static int dkp_find_one(dkp_span peer, dkp_span name, int grid, dkp_found *f) {
    const char *ending = grid ? "_scheduler" : "_sample_method";
    size_t n = strlen(ending);
    if (dkp_find_kind(peer, name, grid, f)) return 1;
    dkp_span flax = {name.p, 4}, behind = {name.p + 4, name.n - 4};
    if (name.n > 4 && dkp_same_name(flax, "flax", 0) && dkp_find_kind(peer, behind, grid, f)) return 1;
    if (name.n <= n) return 0;
    dkp_span tail = {name.p + name.n - n, n}, head = {name.p, name.n - n};
    return dkp_same_name(tail, ending, 0) && dkp_find_kind(peer, head, grid, f);
}

static dkp_span dkp_split_name(const char *name, dkp_span *peer) {
    const char *colon = strchr(name, ':');
    dkp_span all = {name, strlen(name)}, none = {NULL, 0};
    *peer = none;
    if (!colon) return all;
    peer->p = name, peer->n = (size_t)(colon - name);
    all.p = colon + 1, all.n -= peer->n + 1;
    const char *folder = strrchr(all.p, '/'); /* RES4LYF lists its samplers in some */
    if (folder && dkp_same_name(*peer, "res4lyf", 1)) all.n -= (size_t)(folder + 1 - all.p), all.p = folder + 1;
    if (!peer->n) all.n = 0;
    return all;
}

/* A sampler, or a sampler and a grid with a separator between them. If neither, `rest` is what follows the longest
   sampler that the name begins with. */
static int dkp_find(const char *text, dkp_found *f, dkp_span *rest) {
    dkp_span peer, none = {NULL, 0}, name = dkp_split_name(text, &peer);
    memset(f, 0, sizeof *f);
    *rest = none;
    if (dkp_find_one(peer, name, 0, f)) return 1;
    if (dkp_find_one(peer, name, 1, f)) return 0; /* a grid alone */
    for (size_t n = name.n; n-- > 1;) {
        dkp_span head = {name.p, n}, tail = {name.p + n + 1, name.n - n - 1};
        if (dkp_fold(name.p[n]) != '_') continue;
        memset(f, 0, sizeof *f);
        if (!dkp_find_one(peer, head, 0, f)) continue;
        if ((peer.n && dkp_find_one(peer, tail, 1, f)) || dkp_find_one(none, tail, 1, f))
            return f->asked_grid = 1;
        if (!rest->p) *rest = tail;
    }
    return 0;
}

static dk_status dkp_unknown_pair(dk_config *c, char *message) {
    return dkp_fail_saying(message, DK_ERROR_CONFIG, "sampler \"%s\" is a sampler and a grid: take both with dk_config_named",
                           c->sampler.name);
}

static void dkp_set_found(dk_config *c, const dkp_found *f) {
    if (f->name[0]) c->sampler = dk_sampler_named(f->name[0]);
    if (f->name[1]) c->grid = dk_grid_named(f->name[1]);
    if (f->settings[1]) dkp_settings(c, f->settings[1], DKP_OF_GRID);
    if (f->settings[0]) dkp_settings(c, f->settings[0], DKP_OF_SAMPLER | DKP_OF_GRID);
}

/* What a sampler's name says of the grid, which may have been named beside it. */
static void dkp_grid_for(dk_config *c, const char *sampler) {
    dkp_found f;
    dkp_span rest;
    if (dkp_find(sampler, &f, &rest)) dkp_settings(c, f.settings[0], DKP_OF_GRID);
}

static void dkp_sampler_by_name(const char *name, dk_sampler *s) {
    dkp_found f;
    dkp_span rest;
    dk_config c;
    if (!dkp_find(name, &f, &rest)) return;
    memset(&c, 0, sizeof c);
    if (f.asked_grid) s->settle = dkp_unknown_pair;
    else dkp_set_found(&c, &f), *s = c.sampler;
}

static void dkp_grid_by_name(const char *name, dk_grid *g) {
    dkp_found f;
    dk_config c;
    dkp_span peer, bare = dkp_split_name(name, &peer);
    memset(&f, 0, sizeof f), memset(&c, 0, sizeof c);
    if (dkp_find_one(peer, bare, 1, &f)) dkp_set_found(&c, &f), *g = c.grid;
}

DK_API dk_status dk_config_named(dk_config *c, const char *name) {
    const char *like = name, *grid = name;
    dkp_found f;
    dkp_span rest;
    if (!c) return DK_ERROR_CONFIG;
    if (!name) name = "(NULL)";
    if (!dkp_find(name, &f, &rest)) { /* the part that is further from any name is the wrong one */
        dkp_nearest(dkp_sampler_name, name, &like, 1);
        if (rest.n) dkp_nearest(dkp_grid_name, rest.p, &grid, 1);
        if (rest.n && dkp_distance(rest.p, grid) < dkp_distance(name, like))
            return dkp_fail_name(c->message, "grid", rest.p, dkp_grid_name);
        return dkp_fail_name(c->message, "sampler", name, dkp_sampler_name);
    }
    dkp_set_found(c, &f);
    c->message[0] = 0;
    return DK_OK;
}

/* ------------------------------------------------ >>json  Models and their configuration files */

/* The keys: name, kind, what is allowed: the words of a choice, or what a number may be, as in dkp_allowed. Kinds: f flag, w whole
   number, r real number, c choice, l list of numbers, n must be null, a anything, without meaning here. */
#define DKP_LIST "a list of numbers, or null"
#define DKP_KEYS(X) \
    X(num_train_timesteps, "w", "") X(steps_offset, "w", "") X(solver_order, "w", "1, 2 or 3") X(predictor_order, "w", "1, 2, 3 or 4") \
    X(corrector_order, "w", "1, 2, 3 or 4") X(original_inference_steps, "w", "") X(correct_steps, "w", "") X(stages, "w", "1 .. 16") \
    X(beta_start, "r", "> 0 and < 1") X(beta_end, "r", "> 0 and < 1") X(snr_shift_scale, "r", "> 0") X(flow_shift, "r", "> 0") \
    X(shift, "r", "> 0") X(base_shift, "r", "") X(max_shift, "r", "") X(base_image_seq_len, "r", "") X(max_image_seq_len, "r", "") \
    X(shift_terminal, "r", "> 0 and < 1 (0: none)") X(sigma_min, "r", "> 0") X(sigma_max, "r", "> 0") X(sigma_data, "r", "> 0") X(rho, "r", "> 0") \
    X(lambda_min_clipped, "r", "") X(clip_sample_range, "r", "> 0") X(dynamic_thresholding_ratio, "r", "> 0") X(sample_max_value, "r", "> 0") \
    X(eta, "r", "") X(s_noise, "r", "") X(snr, "r", "") X(sampling_eps, "r", ">= 0 and < 1") X(beta_min, "r", "> 0") X(beta_max, "r", "> 0") \
    X(scaler, "r", "> 0 and <= 100") X(s, "r", ">= 0") X(s_churn, "r", "") X(s_min, "r", "") X(s_max, "r", "") X(gamma, "r", "> 0") \
    X(rescale_betas_zero_snr, "f", "") X(set_alpha_to_one, "f", "") X(use_karras_sigmas, "f", "") X(use_exponential_sigmas, "f", "") \
    X(use_beta_sigmas, "f", "") X(use_lu_lambdas, "f", "") X(use_flow_sigmas, "f", "") X(use_dynamic_shifting, "f", "") \
    X(invert_sigmas, "f", "") X(stochastic_sampling, "f", "") X(clip_sample, "f", "") X(thresholding, "f", "") \
    X(lower_order_final, "f", "") X(euler_at_final, "f", "") X(predict_x0, "f", "") X(skip_prk_steps, "f", "") \
    X(beta_schedule, "c", "linear|scaled_linear|squaredcos_cap_v2|sigmoid|exp|laplace") \
    X(prediction_type, "c", "sample|epsilon|v_prediction|flow_prediction|trigflow") \
    X(timestep_spacing, "c", "leading|trailing|linspace") \
    X(time_shift_type, "c", "exponential|linear") \
    X(sigma_schedule, "c", "karras|exponential") X(scheduler_type, "c", "unipc|euler") \
    X(final_sigmas_type, "c", "zero|sigma_min") \
    X(interpolation_type, "c", "linear|log_linear") \
    X(timestep_type, "c", "discrete|continuous") \
    X(algorithm_type, "c", "dpmsolver++|dpmsolver|sde-dpmsolver++|sde-dpmsolver|deis|data_prediction|noise_prediction") \
    X(solver_type, "c", "midpoint|heun|logrho|bh1|bh2") \
    X(variance_type, "c", "fixed_small|fixed_small_log|fixed_large|learned|learned_range") \
    X(trained_betas, "l", DKP_LIST) X(disable_corrector, "l", DKP_LIST) X(stage_range, "l", DKP_LIST) \
    X(solver_p, "n", "null") X(tau_func, "n", "null") X(scale_factors, "n", "null") \
    X(timestep_scaling, "a", "") X(clip_denoised, "a", "") X(noise_sampler_seed, "a", "") X(upscale_mode, "a", "")
enum {
#define DKP_ENUM(name, kind, allowed) DKP_KEY_##name,
    DKP_KEYS(DKP_ENUM)
#undef DKP_ENUM
        DKP_KEY_COUNT,
    DKP_TOKEN = 80, /* longest name or number that means something, and the zero after it */
    DKP_STAGES = 16, /* of a pyramid */
    DKP_DEPTH = 64   /* of nested lists and objects */
};
#define DKP_TEXTS(name, kind, allowed) kind #name "\0" allowed "\0"
static const char dkp_key_texts[] = DKP_KEYS(DKP_TEXTS);
#undef DKP_TEXTS
#undef DKP_KEYS
#undef DKP_LIST

/* Key i, or the one of a name; returns its number, -1 if there is none. */
static int dkp_key_at(int i, const char *name, dkp_field *key) {
    const char *text = dkp_key_texts;
    memset(key, 0, sizeof *key);
    for (int k = 0; k < DKP_KEY_COUNT; k++) {
        key->kind = *text, key->name = text + 1, key->allowed = text + strlen(text) + 1;
        if (name ? strcmp(key->name, name) == 0 : k == i) return k;
        text = key->allowed + strlen(key->allowed) + 1;
    }
    return -1;
}

/* What a file says, on its way into a config. A number per key: choices by index, flags 0 or 1, lists by their length;
   DKP_UNSET: null, or a key that the class does not have. */
typedef struct dkp_job {
    dk_config c;
    dk_json more; /* zero where the caller gives none */
    const struct dkp_class *of;
    int asked; /* whether the caller reads what comes back in `more` */
    dk_status status; /* the first thing that was refused, with its message in c, stays */
    double v[DKP_KEY_COUNT], range[DKP_STAGES + 1]; /* stage_range, where it is given */
    unsigned char has[DKP_KEY_COUNT], seen[DKP_KEY_COUNT]; /* which keys the class has, and which the text had so far */
    char class_name[DKP_TOKEN];                            /* that the text had so far */
} dkp_job;

/* What a class does with its table. */
enum {
    DKP_SIGMAS = 1 << 0, /* as k-diffusion: linspace timesteps are not rounded, sigma is linear between timesteps, other spacings go
                            over the range of the timesteps' levels, zero terminal SNR is almost zero */
    DKP_MULTISTEP = 1 << 1, /* as DPM-Solver: lays out one timestep more, but for trailing and inverse ones; zero terminal SNR is
                               almost zero; the network is told whole timesteps: of karras and lu rounded, of others cut, */
    DKP_CUTS_COSINE = 1 << 2,  /* of squaredcos_cap_v2, too */
    DKP_TELLS_KARRAS = 1 << 3, /* of karras rounded ones, at the steps' ends alone */
    DKP_FROM_ONE = 1 << 4,     /* use_flow_sigmas begins at t = 1 */
    DKP_TO_ZERO = 1 << 5,      /* flow levels go to t = 0 */
    DKP_TO_LEAST = 1 << 6,     /* ends at timestep 0 */
    DKP_INVERSE = 1 << 7,      /* from there to noise */
    DKP_UNCLIPPED = 1 << 8,    /* does not clip, whatever clip_sample says */
    DKP_ENDS_TWICE = 1 << 9    /* of karras, exponential, beta and flow sigmas the last comes twice, unless zero follows */
};

typedef struct dkp_class {
    const char *alias; /* its name, and which sampler it is, as a row of names */
    int flags;
    void (*levels)(dkp_job *j); /* what its keys mean beyond fields; unless NULL */
    void (*method)(dkp_job *j); /* the same for the sampler, after all others */
    const char *keys;                /* that its constructor has, and their defaults; then "->" and fields, for dkp_say_fields */
} dkp_class;

#define DKP_UNSET (-1.7976931348623157e308) /* no NaN, which -ffast-math takes for a number in places */
#define DKP_SAYS(key) (j->v[DKP_KEY_##key])
#define DKP_SAID(key) (DKP_SAYS(key) != DKP_UNSET)
#define DKP_SAYS_OR(key, otherwise) (DKP_SAID(key) ? DKP_SAYS(key) : (otherwise))
#define DKP_FLAG(key) (DKP_SAYS(key) > 0)
#define DKP_FIRST(key) (DKP_SAYS(key) == 0) /* of its choices; false */

/* "key" = value: must be allowed */
static int dkp_refuse_key(char *message, const char *key, const char *value, const char *allowed) {
    dkp_text t = {message, DK_MESSAGE_SIZE, 0};
    dkp_say(&t, "\"%s\" = %s: must be ", key, value);
    for (; *allowed; allowed++)
        if (*allowed == '|') dkp_put(&t, ", ");
        else dkp_put_char(&t, *allowed);
    return 0;
}

static void dkp_refuse(dkp_job *j, int key, const char *allowed) {
    char value[DKP_TOKEN];
    dkp_text t = {value, sizeof value, 0};
    dkp_field of;
    double v = j->v[key];
    if (j->status) return;
    dkp_key_at(key, NULL, &of);
    if (v == DKP_UNSET) {
        dkp_put(&t, "null");
    } else if (of.kind == 'f') {
        dkp_put(&t, v > 0 ? "true" : "false");
    } else if (of.kind == 'c') {
        size_t n;
        const char *word = dkp_choice(of.allowed, (int)v, &n);
        dkp_put(&t, "\"");
        while (n--) dkp_put_char(&t, *word++);
        dkp_put(&t, "\"");
    } else {
        dkp_put_exact(&t, v);
    }
    dkp_refuse_key(j->c.message, of.name, value, allowed);
    j->status = DK_ERROR_CONFIG;
}
#define DKP_REFUSE(key, allowed) dkp_refuse(j, DKP_KEY_##key, allowed)

/* ---- what the values mean: schedules, grids and conditions */

/* Sets fields as a text says: "field=value", or "field=$key" for what the file says there, if it does. */
static void dkp_say_fields(dkp_job *j, const char *text) {
    char word[DKP_WORD], number[DKP_TOKEN], *value;
    dkp_field f, of;
    while (dkp_next_setting(&text, word, &value) && value) {
        int key = *value == '$' ? dkp_key_at(0, value + 1, &of) : -1;
        dkp_text t = {number, sizeof number, 0};
        if ((key >= 0 && j->v[key] == DKP_UNSET) || !dkp_find_field(&j->c, word, &f)) continue;
        if (key >= 0) dkp_put_exact(&t, j->v[key]), value = number;
        int good = f.kind == 'n' ? dkp_set_named(&j->c, word, value) : dkp_set_field_of(&j->c, &f, value);
        if (!good && key >= 0) dkp_refuse(j, key, f.allowed);
    }
}

static void dkp_say_prediction(dkp_job *j) {
    if (DKP_SAYS(prediction_type) > 3) DKP_REFUSE(prediction_type, "sample|epsilon|v_prediction|flow_prediction");
    j->c.prediction =
        DKP_SAYS(prediction_type) >= 0 ? (dk_prediction)(1 + (int)DKP_SAYS(prediction_type)) : DK_PREDICT_EPS;
}

static void dkp_say_timesteps(dkp_job *j) {
    double T = DKP_SAYS(num_train_timesteps);
    if (!(T >= 2 && T <= 1000000)) DKP_REFUSE(num_train_timesteps, "2 .. 1000000");
}

/* The table of alpha^2, rounded as tensors of floats are. */
static void dkp_say_table(dkp_job *j) {
    double shift = DKP_SAYS(snr_shift_scale);
    dk_schedule *s = &j->c.schedule;
    dkp_say_timesteps(j);
    int T = (int)DKP_SAYS(num_train_timesteps), betas = (int)dkp_or(DKP_SAYS(beta_schedule), 0);
    if (DKP_SAID(trained_betas)) {
        if ((int)DKP_SAYS(trained_betas) != T) DKP_REFUSE(trained_betas, "as many numbers as num_train_timesteps says");
        *s = dk_vp_table(j->more.table, T);
    } else {
        int spaced = dkp_spaced_betas((dk_betas)betas);
        *s = dk_vp_discrete((dk_betas)betas, T, spaced ? DKP_SAYS(beta_start) : 0, spaced ? DKP_SAYS(beta_end) : 0);
        s->quirks |= DK_QUIRK_FLOAT_TABLE;
    }
    if (shift > 0) s->shift = dkp_sqrt(shift);
    if (DKP_FLAG(rescale_betas_zero_snr)) s->zero_terminal_snr = 1;
    if (s->zero_terminal_snr && (j->of->flags & (DKP_SIGMAS | DKP_MULTISTEP))) s->quirks |= DK_QUIRK_TERMINAL_ALPHA;
    j->c.condition = DK_UNIT_T;
}

/* The config so far, resolved, as far as levels need it: the first level, and the one before the last. 0: something is refused. */
static int dkp_say_ends(dkp_job *j, dk_level *first, dk_level *last) {
    dk_config whole = j->c;
    if (j->status) return 0;
    if (whole.grid.final == DK_FINAL_DEFAULT) whole.grid.final = DK_FINAL_ZERO;
    whole.grid.rising = 0, whole.prediction = DK_PREDICT_X0, whole.start = DK_START_STATE;
    j->status = dkp_resolve(&whole, NULL, j->c.message);
    if (j->status) return 0;
    *first = dkp_grid_level(&whole, 0), *last = dkp_grid_level(&whole, whole.steps - 1);
    return 1;
}

/* The spacing that the use_..._sigmas flags ask for. */
static dk_spacing dkp_say_conversion(dkp_job *j) {
    static const dk_spacing spacings[] = {DK_SPACING_KARRAS, DK_SPACING_EXPONENTIAL, DK_SPACING_BETA_SIGMA, DK_SPACING_LAMBDA};
    dk_spacing spacing = DK_SPACING_DEFAULT;
    for (int i = 0; i < DKP_COUNT(spacings); i++) {
        int key = DKP_KEY_use_karras_sigmas + i; /* in the order of the keys */
        if (!(j->v[key] > 0)) continue;
        if (spacing) dkp_refuse(j, key, "false: one kind of sigmas can be used");
        spacing = spacings[i];
    }
    return spacing;
}

/* From the spacing so far to another over a range: that of the levels so far (`current`), or all of the schedule's. */
static void dkp_say_converted(dkp_job *j, dk_spacing spacing, int current) {
    dk_grid *g = &j->c.grid;
    dk_level first, last;
    if (current && !dkp_say_ends(j, &first, &last)) return;
    g->spacing = spacing, g->n = 0, g->quirks = 0, g->terminal = 0;
    g->rounding = DK_ROUND_NONE;
    if (current) g->sigma_max = dkp_u(&j->c.schedule, first);
    if (current && j->c.steps > 1) g->sigma_min = dkp_u(&j->c.schedule, last);
    if (DKP_SAID(sigma_max)) g->sigma_max = DKP_SAYS(sigma_max);
    if (DKP_SAID(sigma_min)) g->sigma_min = DKP_SAYS(sigma_min);
}

/* The last level comes twice. */
static void dkp_say_twice(dkp_job *j) {
    j->c.grid.final = DK_FINAL_LAST;
    j->c.grid.quirks |= j->c.grid.rising && (j->of->flags & DKP_INVERSE) ? DK_QUIRK_NOISY_TWICE : DK_QUIRK_CLEAN_TWICE;
}

/* The last level is that of timestep 0. */
static void dkp_say_least(dkp_job *j) {
    dk_grid *g = &j->c.grid;
    dk_level first, last;
    if (!dkp_say_ends(j, &first, &last)) return;
    double least = dk_noise_level(dkp_table_level(&j->c.schedule, 0));
    if (fabs(dk_noise_level(last) / least - 1) <= 1e-9) dkp_say_twice(j);
    else g->final = DK_FINAL_VALUE, g->final_value = least;
}

/* Flow over the levels of a table alone; T = 0: over all. */
static dk_schedule dkp_flow_table(double shift, int T) {
    dk_schedule s = dk_flow(shift);
    if (T > 0) s.timesteps = T, s.t_min = 1.0 / T;
    return s;
}

static int dkp_shift_given(const dkp_job *j) { return fabs(j->more.mu) > 0 || j->more.tokens > 0; }

DK_API double dk_shift_mu(double tokens, double base_tokens, double max_tokens, double base_mu, double max_mu) {
    double slope = (max_mu - base_mu) / (max_tokens - base_tokens);
    return tokens * slope + (base_mu - slope * base_tokens);
}

static double dkp_say_shift(dkp_job *j) {
    double base = DKP_SAYS_OR(base_shift, 0.5), most = DKP_SAYS_OR(max_shift, 1.15);
    double mu = dkp_shift_given(j) ? j->more.mu : base < most || base > most ? HUGE_VAL : base;
    if (j->more.tokens > 0)
        mu = dk_shift_mu(j->more.tokens, DKP_SAYS_OR(base_image_seq_len, 256), DKP_SAYS_OR(max_image_seq_len, 4096), base,
                         most);
    if (!dkp_finite(mu)) {
        DKP_REFUSE(use_dynamic_shifting, "false, unless mu or the number of image tokens is given");
        return 1;
    }
    double shift = DKP_SAYS(time_shift_type) > 0 ? mu : dkp_exp(mu);
    if (!(shift > 0)) DKP_REFUSE(time_shift_type, "exponential for this mu");
    return shift;
}

/* Karras levels of sigma/alpha from a to b, on a schedule whose u is another. */
static int dkp_karras_by_level(const dk_config *c, int i, int n, dk_level *level) {
    const dk_schedule ve = dk_edm(c->grid.b, c->grid.a);
    if (i >= 0)
        *level = dkp_at_sigma(&c->schedule, dkp_karras_between(&ve, c->grid.a, c->grid.b, 7, dkp_fraction(i, n)).sigma);
    return n;
}

/* use_flow_sigmas: flow levels in a class that began as one for tables, of which some settings are left. Some count t from 1
   to 1/T and leave out the last, others from 1 - 1/T to 0. The network is told whole thousandths. */
static void dkp_say_flow_sigmas(dkp_job *j, dk_spacing conversion) {
    dk_config *c = &j->c;
    dk_grid *g = &c->grid;
    double T = DKP_SAYS(num_train_timesteps), shift = DKP_SAYS(flow_shift);
    int from_one = j->of->flags & DKP_FROM_ONE, karras = from_one && conversion == DK_SPACING_KARRAS;
    if (DKP_FLAG(use_dynamic_shifting) && (from_one || dkp_shift_given(j))) shift = dkp_say_shift(j);
    if (conversion != DK_SPACING_DEFAULT && !karras) DKP_REFUSE(use_flow_sigmas, "false with other sigmas");
    dkp_say_table(j);
    if (j->status) return;
    double least = dk_noise_level(dkp_table_level(&c->schedule, 0)),
           most = dk_noise_level(dkp_table_level(&c->schedule, T - 1));
    c->condition = DK_UNIT_FLOW, c->condition_scale = T, c->condition_rounding = DK_ROUND_DOWN;
    c->schedule = dkp_flow_table(shift, (int)T);
    g->rising = 0, g->final = DK_FINAL_ZERO, g->final_value = 0;
    if (karras) {
        g->spacing = DK_SPACING_CUSTOM, g->fn = dkp_karras_by_level;
        g->a = DKP_SAYS_OR(sigma_max, most), g->b = DKP_SAYS_OR(sigma_min, least);
    } else {
        g->spacing = DK_SPACING_UNIFORM, g->quirks = DK_QUIRK_SPARE_LEVEL;
        g->terminal = dkp_or(DKP_SAYS(shift_terminal), 0);
        if (from_one) g->quirks |= DK_QUIRK_BELOW_ONE;
        else c->schedule.t_min = 0, c->schedule.t_max = 1 - 1 / T;
    }
    if (j->of->flags & (DKP_ENDS_TWICE | DKP_INVERSE) && !DKP_FIRST(final_sigmas_type)) dkp_say_twice(j);
    else if (DKP_SAYS(final_sigmas_type) > 0) g->final = DK_FINAL_VALUE, g->final_value = least / (1 - least);
}

/* Leading timesteps from data up, and then the noisiest timestep. */
static int dkp_leading_to_noise(const dk_config *c, int i, int n, dk_level *level) {
    double top = floor(c->schedule.t_max), stride = floor((top + 1) / n);
    if (i >= 0) *level = dkp_table_level(&c->schedule, i > 0 ? (n - 1 - i) * stride + c->grid.n : top);
    return n;
}

/* From data to the noisiest timestep, which comes twice where it is one of the spacing's. */
static void dkp_say_inverse(dkp_job *j) {
    dk_grid *g = &j->c.grid;
    if (!dkp_by_timesteps(g) || g->spacing == DK_SPACING_TRAILING) dkp_say_twice(j);
    else g->final = DK_FINAL_LAST, g->full_steps = j->c.steps + 1;
    if (g->spacing == DK_SPACING_LEADING) g->spacing = DK_SPACING_CUSTOM, g->fn = dkp_leading_to_noise;
}

/* Levels evenly in log sigma from end to end of the table; the network is told the spacing's timesteps all the same, which
   go evenly, too. */
static void dkp_say_log_linear(dkp_job *j) {
    dk_config *c = &j->c;
    dk_grid *g = &c->grid;
    dk_level first, last;
    if (c->condition == DK_UNIT_C_NOISE) DKP_REFUSE(interpolation_type, "linear, or timestep_type discrete");
    g->rounding = DK_ROUND_NONE;
    if (!dkp_say_ends(j, &first, &last)) return;
    double most = dkp_in_unit(DK_UNIT_C_NOISE, dkp_table_level(&c->schedule, c->schedule.timesteps - 1)),
           least = dkp_in_unit(DK_UNIT_C_NOISE, dkp_table_level(&c->schedule, 0)), n = c->steps;
    c->condition = DK_UNIT_C_NOISE;
    if (n > 1) c->condition_scale = (first.t - last.t) / ((most - least) * (n - 1) / n);
    c->condition_offset = first.t - dkp_or(c->condition_scale, 1) * most;
    c->condition_rounding = g->spacing == DK_SPACING_TRAILING ? DK_ROUND_NEAREST : DK_ROUND_NONE;
    g->spacing = DK_SPACING_EXPONENTIAL, g->final = DK_FINAL_MIN, g->quirks = 0, g->n = 0;
}

/* Classes with a table of alpha^2. */
static void dkp_say_vp(dkp_job *j) {
    dk_config *c = &j->c;
    dk_grid *g = &c->grid;
    dk_spacing conversion = dkp_say_conversion(j);
    int flags = j->of->flags, sigmas = flags & DKP_SIGMAS, inverse = !!(flags & DKP_INVERSE),
        spare = (flags & DKP_MULTISTEP) && !inverse,
        least = (flags & DKP_TO_LEAST) || DKP_SAYS(final_sigmas_type) > 0 || DKP_FIRST(set_alpha_to_one);
    dkp_say_prediction(j);
    if (DKP_FLAG(use_flow_sigmas)) {
        dkp_say_flow_sigmas(j, conversion);
        return;
    }
    dkp_say_table(j);
    if (j->status) return;
    if (DKP_SAYS(timestep_type) > 0 && c->prediction == DK_PREDICT_V) c->condition = DK_UNIT_C_NOISE;
    if (DKP_SAID(timestep_spacing)) g->spacing = (dk_spacing)(DK_SPACING_LEADING + (int)DKP_SAYS(timestep_spacing));
    else if (!g->spacing) g->spacing = DK_SPACING_LINSPACE; /* the class's name may have another */
    const int linspace = g->spacing == DK_SPACING_LINSPACE;
    if (linspace && c->steps == 1 && !spare) g->spacing = DK_SPACING_LEADING; /* timestep 0 */
    g->rounding = linspace && sigmas ? DK_ROUND_NONE : DK_ROUND_NEAREST;
    if (linspace && sigmas) g->quirks |= DK_QUIRK_SIGMA_LINEAR;
    if (sigmas && (linspace || g->spacing != DK_SPACING_LEADING)) c->start_scale = 0;
    if (spare && g->spacing != DK_SPACING_TRAILING) g->quirks |= DK_QUIRK_SPARE_LEVEL;
    if (DKP_SAID(steps_offset) && !(DKP_SAYS(steps_offset) >= 0 && DKP_SAYS(steps_offset) < c->schedule.timesteps))
        DKP_REFUSE(steps_offset, ">= 0 and less than num_train_timesteps");
    if (g->spacing == DK_SPACING_LEADING && !linspace) {
        int T = c->schedule.timesteps;
        int highest = (c->steps - 1 + spare) * (T / (c->steps + spare + inverse)) + inverse;
        if (highest + DKP_SAYS(steps_offset) > T - 1) DKP_REFUSE(steps_offset, "less, for so many steps");
        g->n = (int)dkp_or(DKP_SAYS(steps_offset), 0);
    }
    int current = sigmas && !(DKP_SAYS(interpolation_type) > 0);
    if (current && c->steps == 1 && !DKP_SAID(sigma_max)) conversion = DK_SPACING_DEFAULT; /* its only level stays */
    if (conversion != DK_SPACING_DEFAULT) {
        int nearest = conversion == DK_SPACING_KARRAS || conversion == DK_SPACING_LAMBDA;
        dkp_say_converted(j, conversion, current);
        if ((flags & DKP_MULTISTEP) || ((flags & DKP_TELLS_KARRAS) && conversion == DK_SPACING_KARRAS))
            g->rounding = nearest ? DK_ROUND_NEAREST : DK_ROUND_DOWN;
        if (nearest && (flags & DKP_CUTS_COSINE) && c->schedule.betas == DK_BETAS_COSINE) g->rounding = DK_ROUND_DOWN;
    } else if (DKP_SAYS(lambda_min_clipped) > DKP_UNSET) {
        double t = dk_level_at(&c->schedule, DK_UNIT_LAMBDA, DKP_SAYS(lambda_min_clipped)).t;
        if (!(t >= 1)) DKP_REFUSE(lambda_min_clipped, "below log(alpha/sigma) of timestep 1");
        c->schedule.t_max = floor(t);
    }
    g->final = DK_FINAL_ZERO;
    if (DKP_SAYS(interpolation_type) > 0 && conversion == DK_SPACING_DEFAULT) dkp_say_log_linear(j);
    else if (inverse) dkp_say_inverse(j);
    else if (least && conversion != DK_SPACING_DEFAULT && (flags & DKP_ENDS_TWICE)) dkp_say_twice(j);
    else if (least) dkp_say_least(j);
}

/* Flow matching proper. Ends of the range that are already shifted are shifted again with all the rest; not so where the
   shift is a dynamic one. */
static void dkp_say_flow(dkp_job *j) {
    dk_config *c = &j->c;
    int dynamic = DKP_FLAG(use_dynamic_shifting), inverted = DKP_FLAG(invert_sigmas);
    double shift = DKP_SAYS(shift);
    double T = DKP_SAYS(num_train_timesteps);
    int to_zero = j->more.to_zero || (j->of->flags & DKP_TO_ZERO);
    if (DKP_FLAG(stochastic_sampling)) c->sampler = dk_sampler_named("lcm");
    if (inverted && strcmp(c->sampler.name, "lcm") == 0) /* the class would end in pure noise */
        DKP_REFUSE(invert_sigmas, "false with fresh noise in every step");
    if (T < 2 && to_zero && T >= 1) T = 0; /* no table */
    else dkp_say_timesteps(j);
    dk_spacing conversion = dkp_say_conversion(j);
    if (dynamic) shift = dkp_say_shift(j);
    c->schedule = dkp_flow_table(shift, (int)T);
    c->grid.spacing = dynamic ? DK_SPACING_UNIFORM : DK_SPACING_NORMAL, c->grid.final = DK_FINAL_ZERO;
    c->grid.terminal = dkp_or(DKP_SAYS(shift_terminal), 0);
    c->prediction = DK_PREDICT_VELOCITY, c->negated = inverted;
    c->condition = inverted ? DK_UNIT_DATA : DK_UNIT_FLOW;
    c->condition_scale = DKP_SAYS(num_train_timesteps);
    if (to_zero) c->schedule.t_min = 0, c->grid.spacing = DK_SPACING_UNIFORM, c->grid.final = DK_FINAL_MIN;
    if (conversion == DK_SPACING_DEFAULT) return;
    dkp_say_converted(j, conversion, 1);
    c->grid.final = DK_FINAL_ZERO;
}

/* sigma of timestep T - i of T. */
static double dkp_helios_sigma(double shift, double T, double i) {
    double t = (T - i) * (T - 1) / (T * T);
    return i < T ? shift * t / (1 + (shift - 1) * t) : 0;
}

/* One stage of a pyramid. Its levels go from 0.999 to 0, and what the network is told over the timesteps that are the stage's
   by the share that it has of all the stages' ways. A stage's way begins higher than the one before ends, by the noise that is
   added there. */
static void dkp_say_helios(dkp_job *j) {
    dk_config *c = &j->c;
    double T = DKP_SAYS(num_train_timesteps), shift = DKP_SAYS(shift), mu = 1, gamma = DKP_SAYS(gamma);
    int stages = (int)DKP_SAYS(stages), own = j->more.stage, dynamic = DKP_FLAG(use_dynamic_shifting);
    double sum = 0, before = 0, after = 0;
    if (!DKP_SAID(stage_range) && stages == 3) /* the default */
        for (int i = 0; i <= stages; i++) j->range[i] = i / 3.0;
    else if (stages > 1 && (int)dkp_or(DKP_SAYS(stage_range), 0) != stages + 1) DKP_REFUSE(stage_range, "one number more than there are stages");
    dkp_say_timesteps(j);
    if (dynamic) mu = dkp_say_shift(j);
    if (dynamic && shift != 1) DKP_REFUSE(shift, "1 with use_dynamic_shifting");
    if (DKP_SAYS(prediction_type) != 3) DKP_REFUSE(prediction_type, "flow_prediction");
    if (!DKP_FLAG(use_flow_sigmas)) DKP_REFUSE(use_flow_sigmas, "true");
    if (DKP_FIRST(lower_order_final) && !(DKP_SAYS(scheduler_type) > 0)) DKP_REFUSE(lower_order_final, "true with unipc");
    if (!j->status && (own < 0 || own >= stages))
        j->status = dkp_fail(c->message, "stage", own, "0 .. one less than there are stages");
    if (j->status) return;
    c->schedule = dk_flow(mu), c->prediction = DK_PREDICT_VELOCITY;
    c->schedule.t_max = 0.999, c->condition = DK_UNIT_FLOW, c->condition_scale = T;
    c->grid.spacing = DK_SPACING_UNIFORM, c->grid.final = j->of->method ? DK_FINAL_ZERO : DK_FINAL_REPLACE;
    if (stages == 1) {
        c->grid.final = DK_FINAL_MIN;
        return;
    }
    for (int i = 0; i < stages; i++) {
        double from = dkp_helios_sigma(shift, T, floor(j->range[i] * T)), clean = 1 - from;
        double carried = 1 / (dkp_sqrt(1 + 1 / gamma) * from + clean);
        double way = (i ? 1 - carried * clean : from) - dkp_helios_sigma(shift, T, floor(j->range[i + 1] * T));
        if (i && i == own) j->more.carried = carried, j->more.fresh = carried * from / dkp_sqrt(gamma);
        if (!(way > 0)) DKP_REFUSE(num_train_timesteps, "more for so many stages");
        if (i == own) before = sum, after = sum + way;
        sum += way;
    }
    if (j->status) return;
    double last = floor(after / sum * T), high = T * dkp_helios_sigma(shift, T, floor(before / sum * T)),
           low = T * dkp_helios_sigma(shift, T, last < T ? last : T - 1);
    if (high > 999) high = 999;
    if (!(high > low)) DKP_REFUSE(num_train_timesteps, "more for so many stages");
    if (dynamic) low = high + (low - high) * (T - 1) / T;
    c->schedule.t_min = 0.999 / T;
    c->condition_scale = dynamic ? high - low : (high - low) / 0.999;
    c->condition_offset = low, c->condition_rounding = DK_ROUND_DOWN;
}

static void dkp_say_range(dkp_job *j) {
    if (!(DKP_SAYS(sigma_max) > DKP_SAYS(sigma_min))) DKP_REFUSE(sigma_max, "above sigma_min");
}

/* EDM's preconditioning; v is its F with the sign turned. */
static void dkp_say_edm(dkp_job *j) {
    dk_config *c = &j->c;
    dkp_say_range(j), dkp_say_prediction(j);
    if (c->prediction != DK_PREDICT_EPS && c->prediction != DK_PREDICT_V) DKP_REFUSE(prediction_type, "epsilon|v_prediction");
    c->schedule = dk_edm(DKP_SAYS(sigma_min), DKP_SAYS(sigma_max));
    c->start_scale = dkp_sqrt(DKP_SAYS(sigma_max) * DKP_SAYS(sigma_max) + 1);
    c->negated = c->prediction == DK_PREDICT_V;
    c->prediction = DK_PREDICT_EDM, c->sigma_data = DKP_SAYS(sigma_data), c->condition = DK_UNIT_C_NOISE;
    c->grid.spacing = DKP_SAYS(sigma_schedule) > 0 ? DK_SPACING_EXPONENTIAL : DK_SPACING_KARRAS;
    c->grid.a = c->grid.spacing == DK_SPACING_KARRAS ? DKP_SAYS(rho) : 0;
    c->grid.final = DK_FINAL_ZERO;
    if (c->steps == 1 && c->grid.spacing == DK_SPACING_EXPONENTIAL) c->grid.sigma_max = DKP_SAYS(sigma_min) * (1 + 1e-9), c->grid.sigma_min = DKP_SAYS(sigma_min);
    if (!(DKP_SAYS(final_sigmas_type) > 0)) return;
    if (c->steps > 1 || c->grid.spacing == DK_SPACING_EXPONENTIAL || !j->of->method) dkp_say_twice(j);
    else c->grid.final = DK_FINAL_VALUE, c->grid.final_value = DKP_SAYS(sigma_min);
}

/* Karras levels at every so-manyth of num_train_timesteps places, and then the least. */
static void dkp_say_consistency(dkp_job *j) {
    dk_config *c = &j->c;
    dk_grid *g = &c->grid;
    double T = DKP_SAYS(num_train_timesteps), low = DKP_SAYS(sigma_min), high = DKP_SAYS(sigma_max);
    dkp_say_timesteps(j), dkp_say_range(j);
    if (c->steps > T) DKP_REFUSE(num_train_timesteps, "at least the number of steps");
    if (j->status) return;
    double rho = DKP_SAYS(rho), n = c->steps, ramp = (n - 1) * floor(T / n) / (T - 1);
    c->schedule = dk_edm(low, high), c->start_scale = high;
    g->spacing = DK_SPACING_KARRAS, g->a = rho, g->final = DK_FINAL_MIN;
    if (!(ramp > 0 && ramp < 1)) {
        if (n > 1) g->final = DK_FINAL_LAST;
        return;
    }
    g->final = DK_FINAL_VALUE, g->final_value = low;
    g->sigma_min =
        dkp_pow(dkp_pow(high, 1 / rho) + ramp * (dkp_pow(low, 1 / rho) - dkp_pow(high, 1 / rho)), rho);
}

/* TrigFlow in units of sigma_data, from pure noise. Two steps meet at 1.3. */
static void dkp_say_trigflow(dkp_job *j) {
    static const double two[] = {1.5707963267948966, 1.3, 0};
    j->c.grid.spacing = DK_SPACING_UNIFORM, j->c.grid.final = DK_FINAL_MIN;
    if (j->c.steps == 2) j->c.grid = dk_grid_levels(two, DK_UNIT_T);
    if (DKP_SAID(prediction_type) && DKP_SAYS(prediction_type) < 4) DKP_REFUSE(prediction_type, "trigflow");
}

/* v-diffusion's levels, whatever the betas. */
static void dkp_say_crash(dkp_job *j) {
    if (DKP_SAID(trained_betas)) DKP_REFUSE(trained_betas, "null for this class");
}

/* KarrasVe has the squares of sigma_max and sigma_min for noise levels. Its network gives D - x in units of the level. */
static void dkp_say_karras_ve(dkp_job *j) {
    double low = DKP_SAYS(sigma_min), high = DKP_SAYS(sigma_max);
    dkp_say_range(j);
    j->c.schedule = dk_edm(low * low, high * high), j->c.start_scale = high;
}

/* Some of the timesteps that a model was distilled on. */
static void dkp_say_distilled(dkp_job *j) {
    double original = DKP_SAYS(original_inference_steps);
    dkp_say_table(j), dkp_say_prediction(j);
    if (!(original >= j->c.steps && original <= j->c.schedule.timesteps))
        DKP_REFUSE(original_inference_steps, "at least the number of steps, at most num_train_timesteps");
    j->c.grid.spacing = DK_SPACING_LCM, j->c.grid.n = (int)original;
    j->c.grid.final = DK_FINAL_ZERO;
    if (j->of->flags & DKP_TO_LEAST) dkp_say_least(j);
}

/* ---- what the values mean: samplers, which the aliases have named */

static void dkp_say_lower_order(dkp_job *j, int lower) {
    dk_sampler *s = &j->c.sampler;
    s->lower_order_final = lower;
    if (lower) s->quirks |= DK_QUIRK_COUNT_LAST;
    if (DKP_FLAG(euler_at_final)) s->quirks |= DK_QUIRK_EULER_LAST;
}

/* It counts T/steps timesteps down, whatever the next one is. */
static void dkp_say_ddim(dkp_job *j) {
    int limited = DKP_FLAG(clip_sample) || DKP_FLAG(thresholding);
    j->c.sampler.quirks |= DK_QUIRK_STRIDE | (limited || j->c.grid.rising ? DK_QUIRK_KEPT_NOISE : 0);
}

static void dkp_say_ddpm(dkp_job *j) {
    if ((int)dkp_or(DKP_SAYS(variance_type), 0) == 2) j->c.sampler = dk_sampler_named("ddpm_large");
}

static void dkp_say_pndm(dkp_job *j) {
    j->c.sampler = dk_sampler_named("pndm_timesteps");
    j->c.sampler.plain_last = 1, j->c.sampler.quirks |= DK_QUIRK_STRIDE;
    if (j->c.prediction == DK_PREDICT_V) j->c.sampler.gauge = DK_GAUGE_VP; /* outputs are averaged as they are */
    if (DKP_FLAG(skip_prk_steps)) j->c.sampler.warmup = 0;
}

/* DPM-Solver; algorithms in the order of their words. */
static void dkp_say_dpm(dkp_job *j) {
    dk_sampler *s = &j->c.sampler;
    int algorithm = (int)dkp_or(DKP_SAYS(algorithm_type), 0), few = j->c.steps < 15;
    if (algorithm > 4) DKP_REFUSE(algorithm_type, "dpmsolver++|dpmsolver|sde-dpmsolver++|sde-dpmsolver|deis");
    s->rule = DKP_SAYS(solver_type) > 0 && DKP_SAYS(solver_type) < 2 ? DK_RULE_DPM_TAYLOR : DK_RULE_DPM;
    s->noise_prediction = algorithm == 1 || algorithm == 3;
    if (DKP_SAID(algorithm_type)) s->eta = algorithm == 2 || algorithm == 3;
    if (s->noise_prediction) s->law = DK_LAW_SDE_NOISE;
    else if (algorithm == 2 && s->order > 2) s->quirks |= DK_QUIRK_THIRD_MINUS;
    if (s->noise_prediction && DKP_FIRST(final_sigmas_type)) DKP_REFUSE(final_sigmas_type, "sigma_min for this algorithm_type");
    dkp_say_lower_order(j, DKP_FLAG(lower_order_final) && few);
}

/* DPM-Solver++ 2M's SDE; a step to below timestep 0 has one node. */
static void dkp_say_cogvideox_dpm(dkp_job *j) {
    dk_level first, last;
    if (!dkp_say_ends(j, &first, &last)) return;
    j->c.sampler.quirks |= DK_QUIRK_STRIDE;
    if (last.t < j->c.schedule.timesteps / j->c.steps) j->c.sampler.quirks |= DK_QUIRK_EULER_LAST;
}

/* Where the steps are no multiple of the order, or the last one goes to sigma = 0, the last order is lower. */
static void dkp_say_singlestep(dkp_job *j) {
    dk_sampler *s = &j->c.sampler;
    dkp_say_dpm(j);
    s->quirks &= s->rule == DK_RULE_DPM_TAYLOR ? (unsigned)DK_QUIRK_THIRD_MINUS : 0;
    if (s->rule == DK_RULE_DPM_TAYLOR) s->rule = DK_RULE_EXACT;
    if (!s->noise_prediction) s->law = DK_LAW_SDE;
    s->lower_order_final =
        DKP_FLAG(lower_order_final) || j->c.steps % s->order != 0 || DKP_FIRST(final_sigmas_type);
}

static void dkp_say_deis(dkp_job *j) {
    int algorithm = (int)dkp_or(DKP_SAYS(algorithm_type), 0);
    if (algorithm > 1 && algorithm != 4) DKP_REFUSE(algorithm_type, "deis");
    dkp_say_lower_order(j, DKP_FLAG(lower_order_final) && j->c.steps < 15);
}

static void dkp_say_unipc(dkp_job *j) {
    dk_sampler *s = &j->c.sampler;
    if (DKP_SAYS(scheduler_type) > 0) {
        *s = dk_sampler_named("euler");
        return;
    }
    s->corrector = s->order + 1;
    s->rule = (int)dkp_or(DKP_SAYS(solver_type), 0) == 3 ? DK_RULE_BH1 : DK_RULE_BH2;
    s->noise_prediction = !DKP_FLAG(predict_x0);
    s->quirk = dkp_or(DKP_SAYS(disable_corrector), 0);
    if (s->quirk > 0) s->quirks |= DK_QUIRK_UNCORRECTED;
    dkp_say_lower_order(j, DKP_FLAG(lower_order_final));
}

/* Noise in steps that begin at timesteps 200 to 800; the sampler's limits are on where a step ends. */
static void dkp_say_sa(dkp_job *j) {
    dk_config whole = j->c;
    dk_sampler *s = &j->c.sampler;
    int algorithm = (int)dkp_or(DKP_SAYS(algorithm_type), 0), first = -1, last = -1;
    if (algorithm != 5 && algorithm != 6) DKP_REFUSE(algorithm_type, "data_prediction|noise_prediction");
    else j->status = dkp_resolve(&whole, NULL, j->c.message);
    if (j->status) return;
    for (int i = 0; i < whole.steps; i++) {
        dk_level from = dkp_grid_level(&whole, i), to = dkp_grid_level(&whole, i + 1);
        double told = dkp_told(&whole, from);
        if (told < 200 || told > 800 || !(dk_noise_level(to) < dk_noise_level(from))) continue; /* a step may go nowhere */
        last = i + 1;
        if (first < 0) first = last;
    }
    s->noise_prediction = algorithm == 6;
    s->rule = s->noise_prediction ? DK_RULE_EXACT : DK_RULE_SA;
    if (s->noise_prediction) s->law = DK_LAW_SDE_NOISE;
    dkp_say_lower_order(j, DKP_FLAG(lower_order_final));
    s->eta = first >= 0;
    if (first < 0) return;
    s->noise_range[1] = dk_noise_level(dkp_grid_level(&whole, first));
    s->noise_range[0] = dk_noise_level(dkp_grid_level(&whole, last));
}

/* ---- the classes of diffusers, and the keys of their constructors */

/* clang-format off */
/* What several constructors have: a name, and all the words that it stands for. Of words for one key the last counts. */
static const char dkp_key_groups[] =
    "LINEAR\0" "num_train_timesteps=1000 beta_start=0.0001 beta_end=0.02 beta_schedule=linear trained_betas" "\0"
    "FLOWS\0" "prediction_type=flow_prediction use_flow_sigmas=true" "\0"
    "LATENT\0" "LINEAR beta_start=0.00085 beta_end=0.012" "\0"
    "SCALED\0" "LATENT beta_schedule=scaled_linear" "\0"
    "SPACED\0" "timestep_spacing=linspace steps_offset=0" "\0"
    "CLIPS\0" "clip_sample=true clip_sample_range=1" "\0"
    "LIMITS\0" "thresholding=false dynamic_thresholding_ratio=0.995 sample_max_value=1" "\0"
    "CONVERTS\0" "use_karras_sigmas=false use_exponential_sigmas=false use_beta_sigmas=false" "\0"
    "SIGMAS\0" "prediction_type=epsilon CONVERTS sigma_min sigma_max" "\0"
    "SHIFTING\0" "use_dynamic_shifting=false time_shift_type=exponential" "\0"
    "FLOW\0" "num_train_timesteps=1000 shift=1 SHIFTING base_shift=0.5 max_shift=1.15 base_image_seq_len=256 max_image_seq_len=4096 "
        "invert_sigmas=false shift_terminal CONVERTS" "\0"
    "HELIOS\0" "num_train_timesteps=1000 shift=1 stages=3 stage_range gamma=0.3333333333333333 prediction_type=flow_prediction use_flow_sigmas=true SHIFTING" "\0"
    "LEADING\0" "CLIPS rescale_betas_zero_snr=false prediction_type=epsilon timestep_spacing=leading steps_offset=0" "\0"
    "DDIM\0" "LEADING set_alpha_to_one=true" "\0"
    "DDPM\0" "LINEAR LEADING variance_type=fixed_small LIMITS" "\0"
    "MULTISTEP\0" "LINEAR LIMITS SIGMAS use_flow_sigmas=false flow_shift=1 lower_order_final=true" "\0"
    "DPM\0" "MULTISTEP solver_order=2 algorithm_type=dpmsolver++ solver_type=midpoint lambda_min_clipped=-Infinity variance_type" "\0"
    "EDM\0" "sigma_min=0.002 sigma_max=80 sigma_data=0.5 sigma_schedule=karras num_train_timesteps=1000 prediction_type=epsilon rho=7 final_sigmas_type=zero" "\0"
    "SECOND\0" "solver_order=2 solver_type=midpoint lower_order_final=true euler_at_final=false" "\0"
    "DISTILLED\0" "SCALED DDIM clip_sample=false LIMITS original_inference_steps=50 timestep_scaling=10" "\0";
static const dkp_class dkp_classes[] = {
    {DKP_BOTH("ddim", "-", "", "where the grid is not leading: stride=1", "d:DDIMScheduler"), 0, dkp_say_vp, dkp_say_ddim, "LINEAR DDIM LIMITS"},
    {DKP_SAMPLER("ddim", "d:DDIMParallelScheduler"), 0, dkp_say_vp, dkp_say_ddim, "LINEAR DDIM LIMITS"},
    {DKP_SAMPLER("ddim", "d:CogVideoXDDIMScheduler"), DKP_UNCLIPPED, dkp_say_vp, dkp_say_ddim,
     "SCALED DDIM sample_max_value=1 snr_shift_scale=3"},
    {DKP_SAMPLER("dpmpp_2m_sde", "d:CogVideoXDPMScheduler"), DKP_UNCLIPPED, dkp_say_vp, dkp_say_cogvideox_dpm,
     "SCALED DDIM sample_max_value=1 snr_shift_scale=3"},
    {DKP_BOTH("ddim", "-", "told_end=1 grid.rising=1", "", "d:DDIMInverseScheduler"), 0, dkp_say_vp, dkp_say_ddim, "LINEAR DDIM"},
    {DKP_BOTH("ddim", "leading", "grid.way=repaint", "what is known: mask and known; its noise going up: grid.repaint_noise=1", "d:RePaintScheduler"), 0, dkp_say_vp, dkp_say_ddim, "LINEAR eta=0 clip_sample=true -> grid.repaint_noise=1"},
    {DKP_BOTH("ddpm", "-", "", "variance fixed_large: ddpm_large", "d:DDPMScheduler"), 0, dkp_say_vp, dkp_say_ddpm, "DDPM"},
    {DKP_BOTH("ddpm", "-", "", "variance fixed_large: ddpm_large", "d:DDPMParallelScheduler"), 0, dkp_say_vp, dkp_say_ddpm, "DDPM"},
    {DKP_SAMPLER("ddpm", "d:UnCLIPScheduler"), 0, dkp_say_vp, dkp_say_ddpm,
     "num_train_timesteps=1000 variance_type=fixed_small_log beta_schedule=squaredcos_cap_v2 prediction_type=epsilon CLIPS"},
    {DKP_SAMPLER("ddpm", "d:DDPMWuerstchenScheduler"), 0, NULL, NULL, "scaler=1 s=0.008"
     " -> schedule=vp_cosine_flow schedule.cosine_offset=$s schedule.cosine_power=$scaler schedule.sigma_min=0.010000500037503125 schedule.sigma_max=99.99499987499375"
     " prediction=eps condition=t grid.spacing=uniform grid.final=min dry_bottom=1"},
    {DKP_BOTH("pndm", "-", "plain_last=1", "skip_prk_steps: plms; v prediction: gauge=vp", "d:PNDMScheduler"), 0, dkp_say_vp, dkp_say_pndm, "LINEAR skip_prk_steps=false set_alpha_to_one=false prediction_type=epsilon timestep_spacing=leading steps_offset=0"},
    {DKP_BOTH("ipndm", "-", "plain_last=1 pure_zero=1", "", "d:IPNDMScheduler"), 0, dkp_say_crash, NULL, "num_train_timesteps=1000 trained_betas"
     " -> schedule=cosine_flow prediction=v condition=t condition_scale=0.6366197723675814 grid.spacing=crash grid.final=min gauge=ve"},
    {DKP_BOTH("euler", "-", "", "with churn: euler_late_churn", "d:EulerDiscreteScheduler"), DKP_SIGMAS, dkp_say_vp, NULL,
     "LINEAR SIGMAS SPACED interpolation_type=linear timestep_type=discrete rescale_betas_zero_snr=false final_sigmas_type=zero"},
    {DKP_SAMPLER("euler_ancestral", "d:EulerAncestralDiscreteScheduler"), DKP_SIGMAS, dkp_say_vp, NULL, "LINEAR prediction_type=epsilon SPACED rescale_betas_zero_snr=false"},
    {DKP_ENDS_EULER("heun", "d:HeunDiscreteScheduler"), DKP_SIGMAS, dkp_say_vp, NULL, "LATENT SIGMAS CLIPS clip_sample=false SPACED"},
    {DKP_SAMPLER("dpm2", "d:KDPM2DiscreteScheduler"), DKP_SIGMAS | DKP_TELLS_KARRAS, dkp_say_vp, NULL, "LATENT SIGMAS SPACED"},
    {DKP_SAMPLER("dpm2_ancestral", "d:KDPM2AncestralDiscreteScheduler"), DKP_SIGMAS | DKP_TELLS_KARRAS, dkp_say_vp, NULL, "LATENT SIGMAS SPACED"},
    {DKP_BOTH("lms", "-", "plain_last=1", "", "d:LMSDiscreteScheduler"), DKP_SIGMAS, dkp_say_vp, NULL, "LINEAR SIGMAS SPACED"},
    {DKP_SAMPLER("dpmpp_sde", "d:DPMSolverSDEScheduler"), DKP_SIGMAS, dkp_say_vp, NULL, "LATENT SIGMAS SPACED noise_sampler_seed"},
    {DKP_BOTH("dpmpp_2m", "-", "", "sde-dpmsolver++: dpmpp_2m_sde; dpmsolver: dpm_solver_2m; sde-dpmsolver: that with law=sde_noise eta=1", "d:DPMSolverMultistepScheduler"), DKP_MULTISTEP | DKP_CUTS_COSINE, dkp_say_vp, dkp_say_dpm,
     "DPM SHIFTING SPACED use_lu_lambdas=false euler_at_final=false final_sigmas_type=zero rescale_betas_zero_snr=false"},
    {DKP_BOTH("dpmpp_2m", "-", "grid.rising=1", "", "d:DPMSolverMultistepInverseScheduler"), DKP_MULTISTEP | DKP_INVERSE, dkp_say_vp, dkp_say_dpm,
     "DPM SPACED euler_at_final=false"},
    {DKP_BOTH("dpmpp_2s_levels", "-", "lower_order_final=1", "dpmsolver: noise_prediction=1; sde-dpmsolver++: law=sde eta=1", "d:DPMSolverSinglestepScheduler"), DKP_MULTISTEP, dkp_say_vp, dkp_say_singlestep, "DPM SHIFTING lower_order_final=false final_sigmas_type=zero"},
    {DKP_BOTH("deis", "-", "order=2", "", "d:DEISMultistepScheduler"), DKP_MULTISTEP | DKP_TO_LEAST | DKP_ENDS_TWICE, dkp_say_vp, dkp_say_deis,
     "MULTISTEP SHIFTING SPACED solver_order=2 algorithm_type=deis solver_type=logrho"},
    {DKP_BOTH("unipc", "-", "order=2 corrector=3 rule=bh2", "", "d:UniPCMultistepScheduler"), DKP_MULTISTEP | DKP_FROM_ONE | DKP_ENDS_TWICE, dkp_say_vp, dkp_say_unipc,
     "MULTISTEP SHIFTING SPACED solver_order=2 predict_x0=true solver_type=bh2 disable_corrector solver_p final_sigmas_type=zero rescale_betas_zero_snr=false shift_terminal"},
    {DKP_BOTH("sa_solver", "-", "order=2 corrector=2 rule=sa lower_order_final=1 count_last=1", "noise in timesteps 200 to 800 only: noise_min, noise_max", "d:SASolverScheduler"), DKP_MULTISTEP | DKP_TO_LEAST | DKP_ENDS_TWICE, dkp_say_vp, dkp_say_sa,
     "MULTISTEP SPACED predictor_order=2 corrector_order=2 tau_func algorithm_type=data_prediction lambda_min_clipped=-Infinity variance_type"},
    {DKP_BOTH("lcm", "-", "", "its boundary conditions belong to the network", "d:LCMScheduler"), 0, dkp_say_distilled, NULL, "DISTILLED"},
    {DKP_BOTH("tcd", "lcm", "", "", "d:TCDScheduler"), DKP_TO_LEAST | DKP_UNCLIPPED, dkp_say_distilled, NULL, "DISTILLED"},
    {DKP_BOTH("euler", "-", "", "with churn: euler_late_churn", "d:EDMEulerScheduler"), 0, dkp_say_edm, NULL, "EDM"},
    {DKP_SAMPLER("dpmpp_2m", "d:EDMDPMSolverMultistepScheduler"), 0, dkp_say_edm, dkp_say_dpm,
     "EDM LIMITS SECOND algorithm_type=dpmsolver++"},
    {DKP_SAMPLER("dpmpp_2m_sde", "d:CosineDPMSolverMultistepScheduler"), 0, dkp_say_edm, dkp_say_dpm,
     "EDM SECOND sigma_min=0.3 sigma_max=500 sigma_data=1 sigma_schedule=exponential prediction_type=v_prediction"
     " -> network_schedule=cosine_flow condition=t condition_scale=0.6366197723675814"},
    {DKP_BOTH("consistency_model_multistep", "-", "", "its output, (s/sigma) x + (1 - s/sigma) D, is the state at the least level s", "d:CMStochasticIterativeScheduler"), 0, dkp_say_consistency, NULL, "num_train_timesteps=40 sigma_min=0.002 sigma_max=80 sigma_data=0.5 s_noise=1 rho=7 clip_denoised=true"
     " -> prediction=edm sigma_data=$sigma_data condition=c_noise condition_scale=1000"},
    {DKP_BOTH("lcm", "-", "", "on cosine_flow; s_noise = sigma_data where x is not divided by it", "d:SCMScheduler"), 0, dkp_say_trigflow, NULL, "num_train_timesteps=1000 prediction_type=trigflow sigma_data=0.5"
     " -> schedule=cosine_flow prediction=v"},
    {DKP_BOTH("heun", "-", "euler_to_data=1 churn=80 churn_min=0.05 churn_max=50 s_noise=1.007", "its pipeline gives the network (x + 1)/2 and half of the level", "d:KarrasVeScheduler"), 0, dkp_say_karras_ve, NULL, "sigma_min=0.02 sigma_max=100 s_noise=1.007 s_churn=80 s_min=0.05 s_max=50"
     " -> prediction=eps negated=1 condition=sigma grid.spacing=exponential grid.final=zero"},
    {DKP_BOTH("predictor_corrector", "uniform", "snr=0.15 bins=1 plain_last=1", "", "d:ScoreSdeVeScheduler"), 0, dkp_say_range, NULL, "num_train_timesteps=2000 snr=0.15 sigma_min=0.01 sigma_max=1348 sampling_eps=0.00001 correct_steps=1"
     " -> schedule=ve schedule.sigma_min=$sigma_min schedule.sigma_max=$sigma_max schedule.t_min=$sampling_eps start_scale=$sigma_max"
     " prediction=score condition=sigma grid.spacing=uniform grid.final=zero"},
    {DKP_BOTH("euler_maruyama", "uniform", "bins=1 plain_last=1", "", "d:ScoreSdeVpScheduler"), 0, NULL, NULL, "num_train_timesteps=2000 beta_min=0.1 beta_max=20 sampling_eps=0.001"
     " -> schedule=vp schedule.beta_min=$beta_min schedule.beta_max=$beta_max schedule.t_min=$sampling_eps prediction=eps condition=t"
     " grid.spacing=uniform grid.final=zero"},
    {DKP_BOTH("euler", "-", "", "stochastic_sampling: lcm", "d:FlowMatchEulerDiscreteScheduler"), 0, dkp_say_flow, NULL, "FLOW stochastic_sampling=false"},
    {DKP_ENDS_EULER("heun", "d:FlowMatchHeunDiscreteScheduler"), 0, dkp_say_flow, NULL, "num_train_timesteps=1000 shift=1"},
    {DKP_SAMPLER("lcm", "d:FlowMatchLCMScheduler"), 0, dkp_say_flow, NULL, "FLOW scale_factors upscale_mode=bicubic"},
    {DKP_SAMPLER("euler", "d:FlowMapEulerDiscreteScheduler"), DKP_TO_ZERO, dkp_say_flow, NULL, "num_train_timesteps=1000 shift=1"},
    {DKP_SAMPLER("euler", "d:MiniMaxH3Scheduler"), 0, NULL, NULL, "shift=12"
     " -> schedule=flow schedule.shift=$shift prediction=velocity condition=data negated=1 grid.spacing=uniform grid.final=last"},
    {DKP_BOTH("unipc", "-", "order=2 corrector=3 rule=bh2", "a stage of a pyramid at a time", "d:HeliosScheduler"), 0, dkp_say_helios, dkp_say_unipc,
     "HELIOS solver_order=2 predict_x0=true solver_type=bh2 lower_order_final=true disable_corrector solver_p scheduler_type=unipc"},
    {DKP_BOTH("lcm", "-", "", "a stage of a pyramid at a time; step_noise: the stage's first x, in each step", "d:HeliosDMDScheduler"), 0, dkp_say_helios, NULL, "HELIOS time_shift_type=linear"},
    {DKP_SAMPLER("euler_ancestral_rf", "d:LTXEulerAncestralRFScheduler"), 0, dkp_say_flow, NULL, "FLOW eta=1 s_noise=1"},
};
/* clang-format on */

#undef DKP_BOTH
#undef DKP_SAMPLER
#undef DKP_ENDS_EULER
#undef DKP_GRID

static const char *dkp_alias_rows(int list) {
    static const char *const names[DKP_NAME_LISTS] = {dkp_sampler_names, dkp_more_names, dkp_grid_names, dkp_res4lyf_names};
    int i = list - DKP_NAME_LISTS;
    return i < 0 ? names[list] : i < DKP_COUNT(dkp_classes) ? dkp_classes[i].alias : NULL;
}

static int dkp_class_at(int i, dk_alias *a) {
    dkp_aliases next = {DKP_NAME_LISTS + i, NULL, NULL, NULL};
    return i < DKP_COUNT(dkp_classes) && dkp_next_alias(a, &next, DKP_OF_DIFFUSERS);
}

static const char *dkp_class_name(int i) {
    dk_alias a;
    return dkp_class_at(i, &a) ? a.name : NULL;
}

static const dkp_class *dkp_class_named(const char *name) {
    if (strncmp(name, "Flax", 4) == 0) name += 4;
    for (int i = 0; i < DKP_COUNT(dkp_classes); i++)
        if (strcmp(name, dkp_class_name(i)) == 0) return &dkp_classes[i];
    return NULL;
}

/* What limits D. Thresholding takes the place of clipping. */
static void dkp_say_limits(dkp_job *j) {
    dk_guidance *g = &j->c.guidance;
    g->quantile = g->quantile_most = j->c.clip = 0;
    if (j->of->flags & DKP_UNCLIPPED || DKP_FIRST(predict_x0)) return;
    if (DKP_FLAG(thresholding)) g->quantile = DKP_SAYS(dynamic_thresholding_ratio), g->quantile_most = DKP_SAYS(sample_max_value);
    else if (DKP_FLAG(clip_sample)) j->c.clip = DKP_SAYS_OR(clip_sample_range, 1);
}

/* Values into a config. */
static dk_status dkp_say_all(dkp_job *j) {
    static const char common[] = "order=$solver_order order=$predictor_order corrector=$corrector_order eta=$eta s_noise=$s_noise"
                                 " snr=$snr langevin_steps=$correct_steps churn=$s_churn churn_min=$s_min churn_max=$s_max";
    const char *own = strstr(j->of->keys, "->");
    dk_config *c = &j->c;
    dk_alias is;
    memset(&is, 0, sizeof is);
    if (c->steps < 1 || c->steps > 1000000)
        return dkp_fail(c->message, "steps", c->steps, "1 .. 1000000 before reading");
    if (!(j->more.tokens >= 0)) return dkp_fail(c->message, "tokens", j->more.tokens, ">= 0 (0: by mu)");
    memset(&c->grid, 0, sizeof c->grid), memset(&c->schedule, 0, sizeof c->schedule);
    memset(&c->network_schedule, 0, sizeof c->network_schedule);
    c->sigma_data = 0, c->negated = 0;
    c->prediction = DK_PREDICT_DEFAULT;
    c->condition = DK_UNIT_DEFAULT, c->condition_scale = c->condition_offset = 0, c->condition_rounding = DK_ROUND_NONE;
    c->start_scale = 1; /* pipelines begin with unit noise, but for classes with levels of sigma */
    dkp_class_at((int)(j->of - dkp_classes), &is);
    const dkp_found found = {{is.sampler, is.grid}, {is.settings, NULL}, 0};
    dkp_set_found(c, &found);
    dkp_say_fields(j, common);
    if (!j->status && j->of->levels) j->of->levels(j);
    if (!j->status && own) dkp_say_fields(j, own + 2);
    if (!j->status && j->of->method) j->of->method(j);
    if (j->status) return j->status;
    dkp_say_limits(j);
    dk_config whole = *c; /* whether it works: a schedule that does not fit a grid */
    whole.prediction = DK_PREDICT_X0, whole.start = DK_START_STATE;
    if (dkp_resolve(&whole, NULL, c->message) != DK_OK || dkp_check_levels(&whole, NULL, c->message) != DK_OK)
        return DK_ERROR_CONFIG;
    c->message[0] = 0;
    return DK_OK;
}

/* ---- values from words */

/* NULL, or what is allowed. type: s string, n number, w one of true, false, null. A number that is null stays what it is by default. */
static const char *dkp_read_value(const dkp_field *key, char type, const char *text, double *v) {
    char kind = key->kind;
    int choice, number = kind == 'w' || kind == 'r', null = type == 'w' && strcmp(text, "null") == 0;
    if (null && number) return NULL;
    *v = DKP_UNSET;
    if (null || kind == 'a') return NULL;
    if (kind == 'n' || kind == 'l') return key->allowed;
    if (kind == 'f') {
        *v = strcmp(text, "true") == 0;
        return type == 'w' ? NULL : "true|false|null";
    }
    if (kind == 'c') {
        if (type != 's' || (choice = dkp_find_choice(key->allowed, text)) < 0) return key->allowed;
        *v = choice;
        return NULL;
    }
    if (kind == 'r' && !*key->allowed && (strcmp(text, "-Infinity") == 0 || strcmp(text, "-inf") == 0)) { /* no limit */
        *v = -HUGE_VAL;
        return NULL;
    }
    if (type != 'n') return kind == 'w' ? "a whole number" : "a number";
    if (!dkp_read_real(&text, v) || *text) return "a finite number";
    if (kind == 'w' && !(fabs(*v) <= 1e9 && floor(*v) >= *v)) return "a whole number";
    return dkp_allowed(key, NULL, *v) ? NULL : key->allowed;
}

/* Sets what words say: "key=value", "key" for null, or the name of a group. A class's own (`defaults`) say which keys it has;
   others must be of these. Returns whether all could be set. */
static int dkp_say_words(dkp_job *j, const char *words, int defaults) {
    char word[DKP_WORD], *value;
    while (dkp_next_setting(&words, word, &value) && strcmp(word, "->") != 0) {
        dkp_field key;
        int i = dkp_key_at(0, word, &key);
        const char *group = dkp_key_groups, *said = group + strlen(group) + 1;
        while (*group && strcmp(group, word) != 0) group = said + strlen(said) + 1, said = group + strlen(group) + 1;
        if (*group && !dkp_say_words(j, said, defaults)) return 0;
        if (*group) continue;
        if (i >= 0 && defaults) j->has[i] = 1;
        if (i < 0 || !j->has[i]) return 0;
        char null[] = "null";
        if (!value) value = null;
        int bare = strcmp(value, "true") == 0 || strcmp(value, "false") == 0 || strcmp(value, "null") == 0;
        if (dkp_read_value(&key, bare ? 'w' : key.kind == 'c' ? 's' : 'n', value, &j->v[i])) return 0;
    }
    return 1;
}

static void dkp_say_defaults(dkp_job *j) {
    for (int i = 0; i < DKP_KEY_COUNT; i++) j->v[i] = DKP_UNSET, j->has[i] = 0;
    dkp_say_words(j, j->of->keys, 1);
}

/* ---- reading JSON, as Python writes it: with NaN and Infinity */

typedef struct dkp_reader {
    const char *start, *at, *end;
    char key[DKP_TOKEN]; /* of the value that is being read */
    char *message;
} dkp_reader;

/* So that it may be shown: no control characters, and no others than ASCII's. */
static void dkp_make_plain(char *s) {
    for (; *s; s++)
        if (*s < ' ' || *s > '~') *s = '?';
}

/* Ends reading; says where. */
static int dkp_bad_json(dkp_reader *r, const char *what) {
    dkp_text t = {r->message, DK_MESSAGE_SIZE, 0};
    dkp_say(&t, "JSON, byte %zu", (size_t)(r->at - r->start));
    if (r->key[0]) dkp_say(&t, ", at \"%s\"", r->key);
    dkp_say(&t, ": %s", r->at == r->end ? "the text ends too early" : what);
    return 0;
}

static char dkp_peek(dkp_reader *r) { /* the next character that is not white; 0 at the end */
    while (r->at < r->end && strchr(" \t\n\r", *r->at) && *r->at) r->at++;
    return r->at < r->end ? *r->at : 0;
}

static int dkp_expect(dkp_reader *r, char c, const char *what) {
    if (dkp_peek(r) != c) return dkp_bad_json(r, what);
    r->at++;
    return 1;
}

/* A string, cut to what fits; letters beyond ASCII become '?' if escaped. */
static int dkp_read_string(dkp_reader *r, char out[DKP_TOKEN]) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t", digits[] = "0123456789abcdefABCDEF";
    size_t n = 0;
    if (!dkp_expect(r, '"', "a string is expected")) return 0;
    for (;;) {
        if (r->at == r->end) return dkp_bad_json(r, "");
        char c = *r->at;
        if ((unsigned char)c < 32) return dkp_bad_json(r, "a control character in a string");
        r->at++;
        if (c == '"') break;
        if (c == '\\') {
            const char *escape = r->at < r->end && *r->at ? strchr(from, *r->at) : NULL;
            if (escape) {
                c = to[escape - from], r->at++;
            } else {
                long code = 0;
                if (r->at == r->end || *r->at != 'u') return dkp_bad_json(r, "an unknown escape in a string");
                r->at++;
                for (int i = 0; i < 4; i++, r->at++) {
                    const char *digit = r->at < r->end && *r->at ? strchr(digits, *r->at) : NULL;
                    if (!digit) return dkp_bad_json(r, "four hexadecimal digits are expected");
                    code = 16 * code + (long)(digit - digits) - (digit - digits > 15 ? 6 : 0);
                }
                c = code > 0 && code < 128 ? (char)code : '?';
            }
        }
        if (n + 1 < DKP_TOKEN) out[n++] = c;
    }
    out[n] = 0;
    return 1;
}

static size_t dkp_digits(dkp_reader *r) {
    const char *first = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9') r->at++;
    return (size_t)(r->at - first);
}

/* true, false, null or a number as it is written; its type. */
static int dkp_read_literal(dkp_reader *r, char out[DKP_TOKEN], char *type) {
    static const char words[][10] = {"true", "false", "null", "NaN", "Infinity", "-Infinity"};
    const char *first = r->at;
    size_t left = (size_t)(r->end - r->at);
    for (int i = 0; i < DKP_COUNT(words); i++) {
        size_t n = strlen(words[i]);
        if (left < n || memcmp(r->at, words[i], n) != 0) continue;
        memcpy(out, words[i], n + 1);
        r->at += n, *type = i < 3 ? 'w' : 'n';
        return 1;
    }
    *type = 'n';
    r->at += left > 0 && *r->at == '-';
    int zero = r->at < r->end && *r->at == '0';
    size_t whole = dkp_digits(r);
    if (!whole || (zero && whole > 1)) return dkp_bad_json(r, "a value is expected");
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!dkp_digits(r)) return dkp_bad_json(r, "digits are expected");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        if (!dkp_digits(r)) return dkp_bad_json(r, "digits are expected");
    }
    size_t n = (size_t)(r->at - first);
    if (n < DKP_TOKEN) {
        memcpy(out, first, n), out[n] = 0;
        return 1;
    }
    if (r->at == r->end) return dkp_bad_json(r, ""); /* what is behind it ends it */
    dkp_text t = {out, DKP_TOKEN, 0};
    double v;
    if (!dkp_read_real(&first, &v)) return dkp_bad_json(r, "the number is too large");
    dkp_put_exact(&t, v);
    return 1;
}

/* Passes over a value of any kind. */
static int dkp_skip_value(dkp_reader *r, int depth) {
    char text[DKP_TOKEN], type, open = dkp_peek(r);
    char close = open == '{' ? '}' : ']';
    if (open == '"') return dkp_read_string(r, text);
    if (open != '{' && open != '[')
        return r->at < r->end ? dkp_read_literal(r, text, &type) : dkp_bad_json(r, "");
    if (depth == DKP_DEPTH) return dkp_bad_json(r, "lists and objects are nested too deeply");
    r->at++;
    if (dkp_peek(r) == close) return dkp_expect(r, close, "");
    do {
        if (open == '{' && !(dkp_read_string(r, text) && dkp_expect(r, ':', "':' is expected"))) return 0;
        if (!dkp_skip_value(r, depth + 1)) return 0;
    } while (dkp_peek(r) == ',' && r->at++);
    return dkp_expect(r, close, "',' or the end of a list or object is expected");
}

/* An object, which is the whole text: member reads the value of each key, which is r->key. */
static int dkp_read_members(dkp_reader *r, int (*member)(dkp_reader *r, void *user), void *user) {
    r->at = r->start, r->key[0] = 0;
    if (!dkp_expect(r, '{', "'{' is expected")) return 0;
    if (dkp_peek(r) != '}')
        do {
            if (!dkp_read_string(r, r->key)) return 0;
            dkp_make_plain(r->key);
            if (!dkp_expect(r, ':', "':' is expected") || !member(r, user)) return 0;
        } while (dkp_peek(r) == ',' && r->at++);
    if (!dkp_expect(r, '}', "',' or '}' is expected")) return 0;
    dkp_peek(r);
    r->key[0] = 0;
    return r->at == r->end ? 1 : dkp_bad_json(r, "nothing more is expected");
}

/* Numbers that were read, of at most `room`; v NULL: they are 0, 1, 2 .. and only counted. */
typedef struct dkp_numbers {
    double *v;
    size_t count, room;
} dkp_numbers;

/* A list of numbers, or of such lists (rows), of which the first has one, the next two and so on. */
static int dkp_read_numbers(dkp_reader *r, dkp_numbers *to, int rows) {
    char text[DKP_TOKEN], type;
    size_t row = 0, before;
    double v;
    if (!dkp_expect(r, '[', "a list is expected")) return 0;
    if (dkp_peek(r) != ']')
        do {
            const char *number = text;
            before = to->count;
            dkp_peek(r);
            if (rows && !dkp_read_numbers(r, to, 0)) return 0;
            if (rows && to->count - before != ++row) return dkp_bad_json(r, "the first list must have one number, the next two and so on");
            if (rows) continue;
            if (!dkp_read_literal(r, text, &type) || !dkp_read_real(&number, &v) || *number)
                return dkp_bad_json(r, "a finite number is expected");
            if (to->count == to->room) return dkp_bad_json(r, "there is room for no more numbers");
            if (to->v) to->v[to->count] = v;
            else if (dkp_set(v - (double)to->count)) return dkp_bad_json(r, "the first steps, 0, 1 .. in order, are allowed");
            to->count++;
        } while (dkp_peek(r) == ',' && r->at++);
    return dkp_expect(r, ']', "',' or ']' is expected");
}

/* trained_betas become alpha^2 in the caller's memory; disable_corrector are the first steps, counted; stage_range is kept. */
static int dkp_read_list(dkp_reader *r, dkp_job *j, int key) {
    int betas = key == DKP_KEY_trained_betas, range = key == DKP_KEY_stage_range;
    double product = 1, before = -1;
    dkp_numbers to = {NULL, 0, 1000000};
    if (betas && !(j->more.table && j->more.table_size > 0))
        return dkp_bad_json(r, "dk_json.table must be given, with room for these numbers");
    if (betas) to.v = j->more.table, to.room = (size_t)j->more.table_size;
    if (range) to.v = j->range, to.room = DKP_STAGES + 1;
    if (!dkp_read_numbers(r, &to, 0)) return 0;
    for (size_t n = 0; n < to.count && to.v; before = to.v[n++]) {
        double *v = &to.v[n];
        if (betas && !(*v > 0 && *v < 1)) return dkp_bad_json(r, "betas must be > 0 and < 1");
        if (betas) product *= (double)(float)(1 - (double)(float)*v), *v = (double)(float)product;
        else if (!(*v > before && *v <= 1 && *v >= 0)) return dkp_bad_json(r, "shares of the timesteps must rise, from 0 to 1");
    }
    j->v[key] = (double)to.count;
    return 1;
}

static const char *dkp_key_name(int i) {
    dkp_field key;
    return dkp_key_at(i, NULL, &key) < 0 ? NULL : key.name;
}

/* Of a key that the class does not have: it is returned by name, or, where nobody asks, refused if no class has it. */
static int dkp_ignore(dkp_reader *r, dkp_job *j) {
    char *ignored = j->more.ignored;
    dkp_text t = {ignored, DK_MESSAGE_SIZE, strlen(ignored)}, say = {r->message, DK_MESSAGE_SIZE, 0};
    dkp_field key;
    if (r->key[0] == '_') return 1; /* these only describe */
    if (!j->asked && dkp_key_at(0, r->key, &key) < 0) {
        dkp_say(&say, "key \"%s\" is not known (a dk_json would name it in `ignored`)", r->key);
        dkp_put_nearest(&say, dkp_key_name, r->key, 1);
        return 0;
    }
    const char *name = t.length + strlen(r->key) + 8 > DK_MESSAGE_SIZE ? "..." : r->key;
    if (*name == '.' && t.length > 2 && strcmp(ignored + t.length - 3, name) == 0) return 1;
    dkp_say(&t, "%s%s", t.length ? ", " : "", name);
    return 1;
}

/* One key's value; of the class, or passed over. The first time, without a class, its name is looked for. */
static int dkp_read_member(dkp_reader *r, void *job) {
    char text[DKP_TOKEN] = "", type = 's';
    dkp_job *j = (dkp_job *)job;
    dkp_field key;
    dkp_peek(r);
    if (strcmp(r->key, "_class_name") == 0) {
        if (j->class_name[0]) return dkp_bad_json(r, "the key is there twice");
        if (!dkp_read_string(r, j->class_name)) return 0;
        dkp_make_plain(j->class_name);
        return 1;
    }
    if (!j->of) return dkp_skip_value(r, 0);
    int i = dkp_key_at(0, r->key, &key);
    if (i < 0 || !j->has[i]) return dkp_ignore(r, j) && dkp_skip_value(r, 0);
    if (j->seen[i]++) return dkp_bad_json(r, "the key is there twice");
    char next = dkp_peek(r);
    if (key.kind == 'a') return dkp_skip_value(r, 0);
    if (key.kind == 'l' && next == '[') return dkp_read_list(r, j, i);
    if (next == '{' || next == '[')
        return dkp_refuse_key(r->message, key.name, next == '{' ? "{...}" : "[...]",
                              key.kind == 'c' ? key.allowed : "a single value");
    if (next == '"') dkp_read_string(r, text);
    else dkp_read_literal(r, text, &type);
    dkp_make_plain(text);
    const char *allowed = dkp_read_value(&key, type, text, &j->v[i]);
    char shown[DKP_TOKEN + 2];
    dkp_text t = {shown, sizeof shown, 0};
    dkp_say(&t, type == 's' ? "\"%s\"" : "%s", text);
    return !allowed || dkp_refuse_key(r->message, key.name, shown, allowed);
}

static dk_status dkp_unknown_class(char *message, const char *name) {
    dkp_text t = {message, DK_MESSAGE_SIZE, 0};
    if (!*name)
        return dkp_fail_text(message, DK_ERROR_CONFIG, "\"_class_name\": must be there, a scheduler of diffusers");
    dkp_say(&t, "\"_class_name\" = \"%s\": must be a scheduler of diffusers with continuous samples", name);
    dkp_put_nearest(&t, dkp_class_name, name, 1);
    return DK_ERROR_CONFIG;
}

/* Begins a reading into copies of *c and *more. */
static void dkp_start_job(dkp_job *j, const dk_config *c, const dk_json *more) {
    memset(j, 0, sizeof *j);
    j->c = *c, j->asked = more != NULL;
    if (more) j->more = *more;
    j->more.class_name = NULL, j->more.ignored[0] = 0, j->more.carried = j->more.fresh = 0;
}

/* The config becomes what was read, or has a message more. */
static dk_status dkp_end_job(dkp_job *j, dk_config *c, dk_json *more, dk_status status) {
    if (status == DK_OK) {
        j->more.class_name = dkp_class_name((int)(j->of - dkp_classes));
        *c = j->c;
        c->message[0] = 0;
    } else {
        memcpy(c->message, j->c.message, sizeof c->message);
    }
    if (more) *more = j->more;
    return status;
}

DK_API dk_status dk_config_from_json(dk_config *c, const char *text, size_t length, dk_json *more) {
    dkp_job job;
    if (!c) return DK_ERROR_CONFIG;
    if (!text) return dkp_fail_text(c->message, DK_ERROR_CONFIG, "text = NULL: must be JSON");
    dkp_start_job(&job, c, more);
    dkp_reader r = {text, text, text + length, {0}, job.c.message};
    if (!dkp_read_members(&r, dkp_read_member, &job)) return dkp_end_job(&job, c, more, DK_ERROR_CONFIG);
    job.of = dkp_class_named(job.class_name);
    if (!job.of) return dkp_end_job(&job, c, more, dkp_unknown_class(job.c.message, job.class_name));
    dkp_say_defaults(&job);
    job.class_name[0] = 0;
    return dkp_end_job(&job, c, more, dkp_read_members(&r, dkp_read_member, &job) ? dkp_say_all(&job) : DK_ERROR_CONFIG);
}

/* ---- tables */

enum { DKP_LEVEL, DKP_A, DKP_B, DKP_NOISE, DKP_TOLD, DKP_NAME, DKP_GUIDANCE, DKP_SHARED, DKP_TABLE_KEYS };
static const char dkp_table_keys[][9] = {"level", "a", "b", "noise", "told", "name", "guidance", "shared"};

/* A file's numbers, list after list. */
typedef struct dkp_table_lists {
    dk_table *table;
    dkp_numbers all;
    size_t first[5], counts[5];
    unsigned seen; /* keys, a bit each */
} dkp_table_lists;

static int dkp_read_table_member(dkp_reader *r, void *user) {
    dkp_table_lists *to = (dkp_table_lists *)user;
    dk_table *t = to->table;
    char text[DKP_TOKEN] = "", type = 's';
    const char *number = text;
    int k = 0;
    while (k < DKP_TABLE_KEYS && strcmp(dkp_table_keys[k], r->key) != 0) k++;
    if (k == DKP_TABLE_KEYS)
        return r->key[0] == '_' ? dkp_skip_value(r, 0) : dkp_bad_json(r, "the key is not known: must be level, a, b, noise, told, name, guidance or shared");
    if (to->seen & 1u << k) return dkp_bad_json(r, "the key is there twice");
    to->seen |= 1u << k;
    if (k < DKP_NAME) {
        to->first[k] = to->all.count;
        if (!dkp_read_numbers(r, &to->all, k == DKP_B)) return 0;
        to->counts[k] = to->all.count - to->first[k];
        return 1;
    }
    if (dkp_peek(r) != '"' ? !dkp_read_literal(r, text, &type) : !dkp_read_string(r, text)) return 0;
    if (k == DKP_NAME) {
        memcpy(t->name, text, sizeof t->name - 1);
        return (type == 's' && strlen(text) < sizeof t->name) || dkp_bad_json(r, "a string of at most 63 bytes is expected");
    }
    t->shared = k == DKP_SHARED ? strcmp(text, "true") == 0 : t->shared;
    if (k == DKP_SHARED) return (type == 'w' && (t->shared || strcmp(text, "false") == 0)) || dkp_bad_json(r, "true or false is expected");
    return (type == 'n' && dkp_read_real(&number, &t->guidance) && !*number) || dkp_bad_json(r, "a finite number is expected");
}

DK_API dk_status dk_table_from_json(dk_table *table, double *numbers, size_t room, const char *text, size_t length, char *message) {
    dk_table t;
    dkp_table_lists to = {&t, {numbers, 0, numbers ? room : 0}, {0}, {0}, 0};
    if (!message) return DK_ERROR_CONFIG;
    if (!table || !text) return dkp_fail_text(message, DK_ERROR_CONFIG, "table and text: must not be NULL");
    dkp_reader r = {text, text, text + length, {0}, message};
    memset(&t, 0, sizeof t);
    if (!dkp_read_members(&r, dkp_read_table_member, &to)) return DK_ERROR_CONFIG;
    size_t steps = to.counts[DKP_A], want[] = {steps + 1, steps > 0 ? steps : 1, steps * (steps + 1) / 2, steps, steps};
    for (int k = 0; k < DKP_NAME; k++)
        if (to.counts[k] != want[k] && (to.seen & 1u << k || k < DKP_NOISE))
            return dkp_fail_saying(message, DK_ERROR_CONFIG, "\"%s\": %zu numbers: must be %zu, where \"a\" has %zu", dkp_table_keys[k], to.counts[k],
                                   want[k], steps);
    t.steps = (int)(steps < 1000000 ? steps : 1000000);
    t.level = numbers + to.first[DKP_LEVEL], t.a = numbers + to.first[DKP_A], t.b = numbers + to.first[DKP_B];
    if (to.counts[DKP_NOISE]) t.noise = numbers + to.first[DKP_NOISE];
    if (to.counts[DKP_TOLD]) t.told = numbers + to.first[DKP_TOLD];
    if (dkp_check_table(&t, message) != DK_OK) return DK_ERROR_CONFIG;
    message[0] = 0;
    *table = t;
    return DK_OK;
}

/* ---- well-known models. Where no other source is named: the scheduler_config.json in the model's own repository, the
   number of steps of its model card or pipeline, and the guidance of its pipeline in diffusers, August 2026. A program that
   computes C + w (C - U) has w + 1 here. */

/* Wan 2.2's second network, and the lower guidance scale that it has in T2V: 3 for 4, and 1, which is none, for 1. */
static const dk_phase dkp_second_networks[] = {{0, 0.875, DK_UNIT_FLOW, NULL, NULL}, {0, 0.9, DK_UNIT_FLOW, NULL, NULL}};

static void dkp_second_scale(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)user, (void)step, (void)steps;
    if (dk_noise_level(level) < 0.875 / 0.125 && g->scale > 1) g->scale = 1 + (g->scale - 1) * 2 / 3;
}

static int dkp_second_network(const dk_phase *p) { return p == dkp_second_networks || p == dkp_second_networks + 1; }

/* Texts of a row: name, class ("": FlowMatchEulerDiscreteScheduler), settings, more; steps, tokens, told_scale, to_zero and 1 for
   Flux.2's mu, 2 or 3 for the first or second of dkp_second_networks, as far as they are not 0; about. */
#define DKP_MODEL(name, class_name, settings, more, numbers, about) name "\0" class_name "\0" settings "\0" more "\0" numbers "\0" about "\0"
/* clang-format off */
static const char dkp_image_models[] =
    DKP_MODEL("sd1", "PNDMScheduler", "SCALED skip_prk_steps=true steps_offset=1", "guidance.scale=7.5", "50",
        "Stable Diffusion 1.x; Rombach et al. 2022")
    DKP_MODEL("sd2", "DDIMScheduler", "SCALED clip_sample=false set_alpha_to_one=false steps_offset=1 prediction_type=v_prediction", "guidance.scale=7.5", "50",
        "Stable Diffusion 2.x for 768 pixels")
    DKP_MODEL("sd2_base", "PNDMScheduler", "SCALED skip_prk_steps=true steps_offset=1", "guidance.scale=7.5", "50",
        "Stable Diffusion 2.x for 512 pixels")
    DKP_MODEL("sdxl", "EulerDiscreteScheduler", "SCALED timestep_spacing=leading steps_offset=1", "guidance.scale=5", "50",
        "Stable Diffusion XL; Podell et al. 2023")
    DKP_MODEL("sd_turbo", "EulerDiscreteScheduler", "SCALED timestep_spacing=trailing", "", "1", "SD Turbo; Sauer et al. 2023")
    DKP_MODEL("sdxl_turbo", "EulerAncestralDiscreteScheduler", "SCALED timestep_spacing=trailing", "", "1", "SDXL Turbo; Sauer et al. 2023")
    DKP_MODEL("sdxl_lightning", "EulerDiscreteScheduler", "SCALED timestep_spacing=trailing", "", "4",
        "SDXL Lightning; Lin et al. 2024, model card")
    DKP_MODEL("playground2.5", "EDMDPMSolverMultistepScheduler", "", "", "50", "Playground 2.5; Li et al. 2024")
    DKP_MODEL("lcm", "LCMScheduler", "", "", "4 0 8.5", "latent consistency models of SD and SDXL; Luo et al. 2023")
    DKP_MODEL("nitrosd_realism", "LCMScheduler", "original_inference_steps=4", "condition_scale=0.25 condition_rounding=down", "1",
        "NitroFusion; NitroSD vibrant: condition_scale=0.5") /* NitroFusion README.md, December 2024 */
    DKP_MODEL("tcd", "TCDScheduler", "", "", "4", "trajectory consistency models of SD and SDXL; Zheng et al. 2024")
    DKP_MODEL("svd", "EulerDiscreteScheduler", "SCALED prediction_type=v_prediction timestep_type=continuous timestep_spacing=leading steps_offset=1 use_karras_sigmas=true sigma_min=0.002 sigma_max=700", "", "25",
        "Stable Video Diffusion; Blattmann et al. 2023")
    DKP_MODEL("sd3", "", "shift=3", "guidance.scale=7", "28", "Stable Diffusion 3, 3.5 medium and large; Esser et al. 2024")
    DKP_MODEL("sd3.5_medium", "", "shift=3", "sampler=dpmpp_2m guidance.scale=5", "50", "Stable Diffusion 3.5 medium; sd3.5's own program") /* sd3_infer.py, November 2024 */
    DKP_MODEL("sd3.5_turbo", "", "shift=3", "", "4", "Stable Diffusion 3.5 large turbo")
    DKP_MODEL("flux_dev", "", "shift=3 use_dynamic_shifting=true", "condition_scale=1", "50 4096 3.5 1", "Flux.1 dev, 1024 x 1024 pixels")
    DKP_MODEL("flux_schnell", "", "", "condition_scale=1", "4 0 0 1", "Flux.1 schnell")
    DKP_MODEL("flux2_dev", "", "use_dynamic_shifting=true", "condition_scale=1", "50 4096 4 1 1", "Flux.2 dev, 1024 x 1024 pixels") /* flux2 scripts/cli.py, src/flux2/sampling.py, December 2025 */
    DKP_MODEL("flux2_klein", "", "use_dynamic_shifting=true", "condition_scale=1", "4 4096 0 1 1", "Flux.2 klein, distilled, 1024 x 1024 pixels") /* flux2.c README.md; diffusers pipeline_flux2_klein.py, August 2026 */
    DKP_MODEL("flux2_klein_base", "", "use_dynamic_shifting=true", "condition_scale=1 guidance.scale=4", "50 4096 0 1 1",
        "Flux.2 klein base, 1024 x 1024 pixels") /* diffusers pipeline_flux2_klein.py, August 2026 */
    DKP_MODEL("z_image_turbo", "", "shift=3", "condition=data condition_scale=1 negated=1", "8 0 0 1", "Z-Image-Turbo") /* Z-Image src/config, inference.py, January 2026 */
    DKP_MODEL("z_image", "", "shift=6", "condition=data condition_scale=1 negated=1 guidance.scale=5", "49 0 0 1",
        "Z-Image; its program counts a 50th step, which goes nowhere") /* Z-Image README.md, src/zimage/pipeline.py, January 2026; its scheduler_config.json as gen_worker's catalog/z_image.py repeats it */
    DKP_MODEL("lumina2", "", "shift=6", "condition=data condition_scale=1 negated=1 guidance.scale=4 guidance.stop=0.25", "50 0 0 1",
        "Lumina Image 2.0; its program gives G the norm of C, token by token") /* Lumina-Image-2.0 README.md, sample.py, May 2026 */
    DKP_MODEL("hidream", "UniPCMultistepScheduler", "FLOWS flow_shift=3", "negated=1 guidance.scale=5", "50", "HiDream-I1 full") /* HiDream-I1 inference.py, June 2025 */
    DKP_MODEL("hidream_dev", "FlowMatchLCMScheduler", "shift=6", "negated=1", "28", "HiDream-I1 dev") /* the same file */
    DKP_MODEL("hidream_fast", "FlowMatchLCMScheduler", "shift=3", "negated=1", "16", "HiDream-I1 fast") /* the same file */
    DKP_MODEL("kandinsky5_image", "", "shift=3", "guidance.scale=3.5", "50 0 0 1", "Kandinsky 5 lite, images") /* kandinsky-5 configs, kandinsky/t2i_pipeline.py, November 2025 */
    DKP_MODEL("chroma", "", "", "condition_scale=1 guidance.scale=5", "35 0 0 1", "Chroma1, without dynamic shifting")
    DKP_MODEL("qwen_image", "", "use_dynamic_shifting=true max_shift=0.9 max_image_seq_len=8192 shift_terminal=0.02", "condition_scale=1 guidance.scale=4", "50 4096 0 1",
        "Qwen-Image, 1024 x 1024 pixels; Wu et al. 2025; its program gives G the norm of C, token by token")
    DKP_MODEL("qwen_image_edit", "", "use_dynamic_shifting=true max_shift=0.9 max_image_seq_len=8192 shift_terminal=0.02", "condition_scale=1 guidance.scale=4", "50 4096 0 1",
        "Qwen-Image-Edit, 1024 x 1024 pixels; 2509 and 2511: 40 steps; its program gives G the norm of C, token by token") /* Qwen-Image README.md, February 2026; diffusers pipeline_qwenimage_edit.py, August 2026 */
    DKP_MODEL("cogview4", "", "use_dynamic_shifting=true time_shift_type=linear base_shift=0.25 max_shift=0.75", "guidance.scale=5", "50 4096 0 1",
        "CogView 4, 1024 x 1024 pixels; diffusers' conversion script")
    DKP_MODEL("auraflow", "", "shift=1.73", "condition_scale=1 guidance.scale=3.5", "50", "AuraFlow")
    DKP_MODEL("omnigen", "", "num_train_timesteps=1 invert_sigmas=true", "", "50 0 0 1", "OmniGen; diffusers' conversion script");
static const char dkp_film_models[] =
    DKP_MODEL("ltx_video", "", "use_dynamic_shifting=true base_shift=0.95 max_shift=2.05 base_image_seq_len=1024 shift_terminal=0.1", "guidance.scale=3", "50 4224 0 1",
        "LTX-Video, 161 frames of 704 x 512 pixels; diffusers' conversion script")
    DKP_MODEL("ltx2", "", "use_dynamic_shifting=true base_shift=0.95 max_shift=2.05 base_image_seq_len=1024 shift_terminal=0.1", "guidance.scale=3 guidance.away2=1 guidance.away3=2 guidance.rescale=0.7 guidance.space=x0", "40 4096 0 1",
        "LTX-2, video; branches: 2 perturbed, 3 without the sound; the sound's scale is 7") /* LTX-2 ltx_pipelines/utils/constants.py, August 2026 */
    DKP_MODEL("ltx2_distilled", "", "", "grid=ltx2_distilled", "8 0 0 1", "LTX-2 distilled, video and sound") /* the same */
    DKP_MODEL("mochi", "", "invert_sigmas=true", "grid=linear_quadratic guidance.scale=4.5", "64 0 0 1", "Mochi 1; diffusers' pipeline") /* pipeline_mochi.py, August 2026 */
    DKP_MODEL("kandinsky5", "", "shift=10", "guidance.scale=5", "50 0 0 1", "Kandinsky 5, video") /* kandinsky-5 configs, kandinsky/t2v_pipeline.py, November 2025 */
    DKP_MODEL("hunyuan_video", "", "shift=7", "", "50 0 6 1", "HunyuanVideo; Kong et al. 2024")
    DKP_MODEL("hunyuan_video1.5", "", "shift=5", "guidance.scale=6", "50 0 0 1",
        "HunyuanVideo 1.5 from text or image for 480 pixels; for 720 shift is 9, from an image 7") /* HunyuanVideo-1.5 hyvideo/commons, April 2026 */
    DKP_MODEL("wan2.1", "UniPCMultistepScheduler", "FLOWS flow_shift=3", "guidance.scale=5", "50",
        "Wan 2.1 for 480 pixels; for 720 flow_shift is 5")
    DKP_MODEL("wan2.2_t2v", "UniPCMultistepScheduler", "FLOWS flow_shift=12", "guidance.scale=4", "40 0 0 0 2",
        "Wan 2.2 T2V A14B: a phase of t below 0.875 for its second network, whose scale is 3") /* Wan2.2 wan/configs, text2video.py, March 2026 */
    DKP_MODEL("wan2.2_i2v", "UniPCMultistepScheduler", "FLOWS flow_shift=5", "guidance.scale=3.5", "40 0 0 0 3",
        "Wan 2.2 I2V A14B: a phase of t below 0.9 for its second network") /* the same */
    DKP_MODEL("wan2.2_5b", "UniPCMultistepScheduler", "FLOWS flow_shift=5", "guidance.scale=5", "50", "Wan 2.2 TI2V 5B") /* Wan2.2 wan/configs, March 2026 */
    DKP_MODEL("cosmos", "EDMEulerScheduler", "final_sigmas_type=sigma_min", "guidance.scale=8", "36",
        "Cosmos 1.0; diffusers' conversion script")
    DKP_MODEL("cosmos_predict2.5", "UniPCMultistepScheduler", "FLOWS use_karras_sigmas=true sigma_min=0.01 sigma_max=200", "guidance.scale=8", "36",
        "Cosmos Predict 2.5; diffusers' conversion script")
    DKP_MODEL("cogvideox_2b", "CogVideoXDDIMScheduler", "clip_sample=false prediction_type=v_prediction rescale_betas_zero_snr=true timestep_spacing=trailing", "guidance.scale=6", "50",
        "CogVideoX 2B; Yang et al. 2024")
    DKP_MODEL("cogvideox_5b", "CogVideoXDPMScheduler", "clip_sample=false prediction_type=v_prediction rescale_betas_zero_snr=true timestep_spacing=trailing snr_shift_scale=1", "guidance.scale=6", "50",
        "CogVideoX 5B; Yang et al. 2024"); /* CogVideo inference/cli_demo.py; diffusers' conversion script, August 2026 */
static const char dkp_other_models[] =
    DKP_MODEL("sana", "DPMSolverMultistepScheduler", "FLOWS flow_shift=3", "guidance.scale=4.5", "20", "Sana; Xie et al. 2024")
    DKP_MODEL("pixart", "DPMSolverMultistepScheduler", "", "guidance.scale=4.5", "20", "PixArt alpha and sigma; Chen et al. 2023")
    DKP_MODEL("deepfloyd_if", "DDPMScheduler", "beta_schedule=squaredcos_cap_v2 variance_type=learned_range thresholding=true dynamic_thresholding_ratio=0.95 sample_max_value=1.5", "guidance.scale=7", "100",
        "DeepFloyd IF, first stage")
    DKP_MODEL("stable_cascade", "DDPMWuerstchenScheduler", "", "guidance.scale=4", "20", "Stable Cascade; Pernias et al. 2023")
    DKP_MODEL("stable_audio", "CosineDPMSolverMultistepScheduler", "", "guidance.scale=7", "100", "Stable Audio Open; Evans et al. 2024")
    DKP_MODEL("ace_step1.5_turbo", "", "num_train_timesteps=1 shift=3", "", "8 0 0 1", "ACE-Step 1.5 turbo, music") /* diffusers ace_step.md, pipeline_ace_step.py, August 2026 */
    DKP_MODEL("ace_step1.5", "", "num_train_timesteps=1 shift=3",
        "guidance.scale=7 guidance.projected=1 guidance.momentum=-0.75 guidance.limit=2.5 guidance.space=velocity", "32 0 0 1",
        "ACE-Step 1.5 base, music; its program takes norms channel by channel") /* ACE-Step-1.5 docs/en/INFERENCE.md, February 2026: 32 to 64 steps; diffusers ace_step.md, pipeline_ace_step.py, August 2026 */
    DKP_MODEL("vibevoice", "DPMSolverMultistepScheduler", "beta_schedule=squaredcos_cap_v2 prediction_type=v_prediction", "guidance.scale=1.3", "10",
        "VibeVoice, speech") /* VibeVoice demo/inference_from_file.py, December 2025 */
    DKP_MODEL("f5_tts", "", "num_train_timesteps=1 invert_sigmas=true", "grid=sway guidance.scale=3", "32 0 0 1",
        "F5-TTS, speech; Chen et al. 2024") /* F5-TTS src/f5_tts/infer/utils_infer.py, May 2026 */
    DKP_MODEL("hunyuan3d2.1", "MiniMaxH3Scheduler", "shift=1", "guidance.scale=5", "50", "Hunyuan3D 2.1, shapes") /* Hunyuan3D-2.1 hy3dshape/pipelines.py, June 2025 */
    DKP_MODEL("trellis", "", "shift=3", "guidance.scale=8.5 guidance.noise_min=0.999999", "12 0 0 1",
        "TRELLIS, structure; latents: guidance.scale=4") /* TRELLIS app.py, trellis/pipelines/samplers, August 2025; its pipeline.json, whose 25 steps and 6 app.py replaces, as three others repeat it */
    DKP_MODEL("pi0", "", "num_train_timesteps=1", "", "10 0 0 1", "pi0, pi0.5, actions") /* openpi src/openpi/models/pi0.py, June 2026 */
    DKP_MODEL("gr00t", "", "invert_sigmas=true", "condition_rounding=down", "4 0 0 1", "GR00T N1.7, actions") /* lerobot policies/groot/groot_n1_7.py, August 2026 */
    DKP_MODEL("diffusion_policy", "DDPMScheduler", "num_train_timesteps=100 beta_schedule=squaredcos_cap_v2", "", "100",
        "Diffusion Policy, actions; Chi et al. 2023") /* diffusion_policy/config, December 2024 */
    DKP_MODEL("sana_sprint", "SCMScheduler", "", "", "2 0 4.5", "Sana-Sprint, TrigFlow; Chen et al. 2025")
    DKP_MODEL("consistency_model", "CMStochasticIterativeScheduler", "", "", "2", "consistency models; Song et al. 2023")
    DKP_MODEL("edm", "EDMEulerScheduler", "", "sampler=heun", "18", "EDM's models of CIFAR-10; Karras et al. 2022, table 1")
    DKP_MODEL("ddpm", "DDPMScheduler", "", "", "1000", "DDPM's own models; Ho et al. 2020")
    DKP_MODEL("score_sde_ve", "ScoreSdeVeScheduler", "", "", "2000", "NCSN++ of score_sde; Song et al. 2021");
/* clang-format on */
#undef DKP_MODEL

DK_API int dk_model_at(int i, dk_model_info *m) {
    static const char *const lists[] = {dkp_image_models, dkp_film_models, dkp_other_models};
    const char *numbers = "", **const to[] = {&m->name, &m->class_name, &m->settings, &m->more, &numbers, &m->about};
    double v[5] = {0};
    if (i < 0) return 0;
    for (int k = 0; k < DKP_COUNT(lists) && i >= 0; k++)
        for (const char *text = lists[k]; *text && i >= 0; i--)
            for (int n = 0; n < DKP_COUNT(to); n++, text += strlen(text) + 1) *to[n] = text;
    if (i >= 0) return 0;
    for (int n = 0; *numbers; n++, numbers += *numbers == ' ') dkp_read_real(&numbers, &v[n]);
    if (!*m->class_name) m->class_name = "FlowMatchEulerDiscreteScheduler";
    const int with = (int)v[4]; /* 1: Flux.2's mu; 2, 3: a second network */
    m->steps = (int)v[0], m->tokens = v[1], m->told_scale = v[2], m->to_zero = v[3] > 0;
    m->mu = with == 1 ? dkp_flux2_mu : NULL;
    m->phase = with >= 2 ? &dkp_second_networks[with - 2] : NULL, m->schedule = with == 2 ? dkp_second_scale : NULL;
    return 1;
}

static const char *dkp_model_name(int i) {
    dk_model_info m;
    return dk_model_at(i, &m) ? m.name : NULL;
}

DK_API dk_status dk_config_for(dk_config *c, const char *model, dk_json *more) {
    dkp_job job;
    dkp_span name = {model, model ? strlen(model) : 0};
    dk_model_info row;
    int found = 0;
    if (!c) return DK_ERROR_CONFIG;
    for (int i = 0; model && !found && dk_model_at(i, &row); i++) found = dkp_same_name(name, row.name, 1);
    if (!found) return dkp_fail_name(c->message, "model", model ? model : "(NULL)", dkp_model_name);
    dkp_start_job(&job, c, more);
    dk_config *set = &job.c;
    job.of = dkp_class_named(row.class_name);
    if (set->steps == 0) set->steps = row.steps;
    if (row.to_zero) job.more.to_zero = 1;
    if (!dkp_shift_given(&job)) job.more.tokens = row.tokens;
    if (row.mu && job.more.tokens > 0) job.more.mu = row.mu(job.more.tokens, set->steps), job.more.tokens = 0;
    dkp_say_defaults(&job);
    dkp_say_words(&job, row.settings, 0);
    dk_status status = dkp_say_all(&job);
    if (status == DK_OK) status = dk_config_set(set, row.more);
    int kept = dkp_set(c->guidance.scale) || dkp_ramps(&c->guidance);
    if (kept) set->guidance.scale = c->guidance.scale;
    if (set->guidance.schedule == dkp_second_scale ? !row.schedule : !set->guidance.schedule && !kept)
        set->guidance.schedule = row.schedule;
    if (!set->phases || dkp_second_network(set->phases)) set->phases = row.phase, set->phase_count = row.phase != NULL;
    if (more) /* stay as they were given */
        job.more.mu = more->mu, job.more.tokens = more->tokens, job.more.to_zero = more->to_zero;
    return dkp_end_job(&job, c, more, status);
}

DKP_FAST

#ifdef __cplusplus
}
#endif
#endif
#endif /* DK_NO_PEERS */

#ifdef DKP_IMPLEMENTING
#if defined(__clang__)
#pragma float_control(pop)
#pragma clang diagnostic pop
#elif defined(__GNUC__)
#pragma GCC pop_options
#elif defined(_MSC_VER)
#pragma float_control(pop)
#endif
#undef DKP_IMPLEMENTING
#undef DKP_LIKE_PRINTF
#undef DKP_OFFSETS
#undef DKP_RK
#undef DKP_PHI
#undef DKP_ROW
#undef DKP_SMALL
#undef DKP_FEWER_PASSES
#undef DKP_READS_SINGLESTEP
#undef DKP_LAWSON4_STAGES
#undef DKP_HO_ENTRY
#undef DKP_ETD4_RESULT
#undef DKP_FAST
#undef DKP_CLANG_FAST
#undef dkp_sqrt
#undef dkp_sqrtf
#undef DKP_COUNT
#undef DKP_DISPATCH
#undef DKP_STORE_PAST
#undef DKP_SAYS
#undef DKP_FLAG
#undef DKP_REFUSE
#undef DKP_STORING
#undef DKP_MALLOC
#undef DKP_FREE
#undef DKP_SAVE_MAGIC
#undef DKP_SAID
#undef DKP_SAYS_OR
#undef DKP_FIRST
#undef DKP_UNSET
#undef DKP_INLINE
#undef DKP_ONCE
#undef DKP_AVX2
#undef DKP_AVX512
#undef dkp_words_avx2
#undef dkp_words_avx512
#undef dkp_quirk
#undef dkp_count_timesteps
#undef dkp_stage_in_time
#undef dkp_pure_stage
#undef dkp_other_average
#undef dkp_bins
#undef dkp_published
#undef dkp_grid_for
#undef dkp_peer_sampler
#undef dkp_grid_by_name
#undef dkp_sampler_by_name
#undef dkp_way_by_name
#undef dkp_generator_at
#undef DKP_CHOOSE
#undef DKP_COMPILE_TWICE
#undef DKP_APART
#undef DKP_FEW
#undef DKP_FOR_EACH
#undef DKP_BITS
#undef DKP_FLOATS
#undef DKP_CONVERT
#undef DKP_COMBINE
#undef DKP_ONE
#undef DKP_MANY
#undef DKP_BLENDED
#undef DKP_1
#undef DKP_2
#undef DKP_3
#undef DKP_4
#undef DKP_5
#undef DKP_6
#undef DKP_7
#undef DKP_8
#endif /* DKP_IMPLEMENTING */

/*
MIT License

Copyright (c) 2026 the diffkit.h authors

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
*/
