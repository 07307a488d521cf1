/* samplers.c: ten well-known samplers, each written as in its paper.

       make samplers            prints their plans, and how far they are from the built-in ones

   A sampler is a function that is called once, before anything runs. It handles symbolic vectors,
   and what it does with them becomes the plan of a run. It has these words:

       dkr_step(r)                 begins the next step; 0 after the last one
       r->from, r->to              the levels (t, alpha, sigma) where the step begins and ends
       r->x                        the state: given at r->from, to be left at r->to
       dkr_denoise(r, x, level)    D = E[x0 | x], from whatever the network predicts
       dkr_mix(a, x, b, y)         a x + b y
       dkr_scale(a, x)             a x
       dkr_noise(r, from, to)      fresh noise for the way between two levels
       dkr_keep(r, x)              stores a sum, so that later uses cost one term
       dkr_past(r, 2)              the D before the newest, which is number 1
       dkr_zero                    a vector of no terms
       dkr_reads(r, "eta")         names the settings that it uses; others are then refused if set

   A level stands for x = alpha x0 + sigma eps, so one text serves flow matching, EDM and VP.
   Factors are plain doubles, and a term whose factor is 0 is dropped. Two steps need care: a flow
   model's first one begins at alpha = 0, where sigma/alpha is infinite, and the last one usually
   ends at sigma = 0. */
#ifndef DIFFKIT_H
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#endif

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------------------- Euler and Heun */

/* Karras et al. 2022 integrate dx/dt = (x - D)/t. Their x is x/s here, and their t is sigma/s.
   With s = alpha, t is the noise level of EDM. With s = alpha + sigma the equation is the same, and
   t is the time of flow matching, which is finite at pure noise. */
static double scale_of(const dk_recorder *r, dk_level level) {
    dk_family family = r->config->schedule.family;
    int flow = family == DK_FAMILY_FLOW || family == DK_FAMILY_COSINE || r->first.alpha <= 0;
    return flow ? level.alpha + level.sigma : level.alpha;
}

/* d = (x/s - D)/t */
static dk_vec slope(dk_vec x, dk_level level, double t, dk_vec D) {
    return dkr_mix(1 / level.sigma, x, -1 / t, D);
}

/* Euler. Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models",
   alg. 1, lines 4 and 5. The last step ends in D, which is x + (0 - t) d without rounding. */
static void euler(dk_recorder *r) {
    while (dkr_step(r)) {
        double s = scale_of(r, r->from), s_next = scale_of(r, r->to);
        double t = r->from.sigma / s, t_next = r->to.sigma / s_next;
        dk_vec x = dkr_scale(1 / s, r->x), D = dkr_denoise(r, r->x, r->from);
        dk_vec d = slope(r->x, r->from, t, D);
        dk_vec x_next = t_next > 0 ? dkr_mix(1, x, t_next - t, d) : D;
        r->x = dkr_scale(s_next, x_next);
    }
}

/* Heun's step from a state at a level to r->to. Karras et al. 2022, alg. 1, lines 4 to 8: Euler's
   step leads to a second slope, and the step is taken again with the mean of both. */
static dk_vec heun_step(dk_recorder *r, dk_vec state, dk_level from) {
    double s = scale_of(r, from), s_next = scale_of(r, r->to);
    double t = from.sigma / s, t_next = r->to.sigma / s_next;
    dk_vec x = dkr_scale(1 / s, state), D = dkr_denoise(r, state, from);
    dk_vec d = slope(state, from, t, D);
    if (t_next <= 0) return dkr_scale(s_next, D);
    dk_vec next = dkr_scale(s_next, dkr_mix(1, x, t_next - t, d));
    dk_vec d_next = slope(next, r->to, t_next, dkr_denoise(r, next, r->to));
    return dkr_scale(s_next, dkr_mix(1, x, t_next - t, dkr_mix(0.5, d, 0.5, d_next)));
}

/* Heun. Karras et al. 2022, alg. 1. */
static void heun(dk_recorder *r) {
    while (dkr_step(r)) r->x = heun_step(r, r->x, r->from);
}

/* EDM with churn. Karras et al. 2022, alg. 2: noise takes the state from t up to t_hat, and Heun's
   step starts there. The numbers are those of table 5 for ImageNet. */
static void edm_churn(dk_recorder *r) {
    const double S_churn = 40, S_tmin = 0.05, S_tmax = 50, S_noise = 1.003;
    while (dkr_step(r)) {
        double t = dk_noise_level(r->from), most = sqrt(2.0) - 1;
        double gamma = t < S_tmin || t > S_tmax ? 0 : fmin(S_churn / r->config->steps, most);
        dk_level hat = r->from;
        dk_vec x_hat = r->x;
        if (gamma > 0) {
            double t_hat = t * (1 + gamma);
            hat = dk_level_at(&r->config->schedule, DK_UNIT_SIGMA, t_hat);
            double up = hat.alpha * sqrt(t_hat * t_hat - t * t) * S_noise;
            dk_vec eps = dkr_noise(r, r->from, hat);
            x_hat = dkr_keep(r, dkr_mix(hat.alpha / r->from.alpha, r->x, up, eps));
        }
        r->x = heun_step(r, x_hat, hat);
    }
}

/* ------------------------------------------------------------- DDIM, DDPM, Euler ancestral */

/* DDIM. Song et al. 2020, "Denoising Diffusion Implicit Models", eq. 12 with sigma_t = 0.
   The paper's sqrt(alpha_t) is alpha here, and its sqrt(1 - alpha_t) is sigma. */
static void ddim(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_level t = r->from, t_1 = r->to;
        dk_vec x0 = dkr_denoise(r, r->x, t);
        dk_vec eps = dkr_mix(1 / t.sigma, r->x, -t.alpha / t.sigma, x0);
        r->x = dkr_mix(t_1.sigma, eps, t_1.alpha, x0);
    }
}

/* DDPM. Ho et al. 2020, "Denoising Diffusion Probabilistic Models", alg. 2 with eq. 7 and the
   variance beta~. The paper's sqrt(abar_t) is alpha here, and its 1 - abar_t is sigma^2. Noise is
   added by x_t = a x_{t-1} + sqrt(beta) eps. In the paper a is sqrt(1 - beta); for other families
   see Kingma et al. 2021, "Variational Diffusion Models", app. A. */
static void ddpm(dk_recorder *r) {
    while (dkr_step(r)) {
        dk_level t = r->from, t_1 = r->to;
        double var = t.sigma * t.sigma, var_1 = t_1.sigma * t_1.sigma;
        double a = t.alpha / t_1.alpha, beta = var - a * a * var_1, beta_tilde = var_1 / var * beta;
        dk_vec x0 = dkr_denoise(r, r->x, t);
        dk_vec mu = dkr_mix(a * var_1 / var, r->x, t_1.alpha * beta / var, x0);
        r->x = t_1.sigma > 0 ? dkr_mix(1, mu, sqrt(beta_tilde), dkr_noise(r, t, t_1)) : mu;
    }
}

/* Euler ancestral. Crowson 2022, k-diffusion's sample_euler_ancestral with eta = 1: Euler down to
   sigma_down, then noise up to sigma_to. In that code sigma is the noise level. Its step
   x + (sigma_down - sigma) d, where d = (x - D)/sigma, is written as a mean of x and D, because
   sigma is infinite where a flow model begins. */
static void euler_ancestral(dk_recorder *r) {
    while (dkr_step(r)) {
        double sigma = dk_noise_level(r->from), sigma_to = dk_noise_level(r->to);
        double ratio = sigma_to / sigma, alpha = r->to.alpha;
        double sigma_up = sigma_to * sqrt(1 - ratio * ratio);
        double sigma_down = sqrt(sigma_to * sigma_to - sigma_up * sigma_up);
        dk_vec D = dkr_denoise(r, r->x, r->from);
        double kept = alpha * sigma_down / r->from.sigma;
        r->x = dkr_mix(kept, r->x, alpha * (1 - sigma_down / sigma), D);
        if (sigma_to > 0) r->x = dkr_mix(1, r->x, alpha * sigma_up, dkr_noise(r, r->from, r->to));
    }
}

/* --------------------------------------------------------------------------------- DPM-Solver++ */

/* DPM++ 2S. Lu et al. 2022b, "DPM-Solver++", alg. 1 with r_i = 1/2. The paper's t_{i-1} is s here,
   its t_i is t, and its s_i is m. An infinite h has no middle: there D_i is the estimate at s. */
static void dpmpp_2s(dk_recorder *r) {
    const double r_i = 0.5;
    while (dkr_step(r)) {
        dk_level s = r->from, t = r->to;
        double h = dk_lambda(t) - dk_lambda(s);
        dk_vec x = r->x, D_i = dkr_denoise(r, x, s);
        if (s.alpha > 0 && t.sigma > 0) {
            dk_level m = dk_level_at(&r->config->schedule, DK_UNIT_LAMBDA, dk_lambda(s) + r_i * h);
            dk_vec u = dkr_mix(m.sigma / s.sigma, x, -m.alpha * expm1(-r_i * h), D_i);
            D_i = dkr_mix(1 - 1 / (2 * r_i), D_i, 1 / (2 * r_i), dkr_denoise(r, u, m));
        }
        r->x = dkr_mix(t.sigma / s.sigma, x, -t.alpha * expm1(-h), D_i);
    }
}

/* DPM++ 2M. Lu et al. 2022b, "DPM-Solver++", alg. 2, with s and t as above: the line through the
   last two estimates is followed to the middle of the step. After a step from pure noise h_1 is
   infinite, so that w = 0. */
static void dpmpp_2m(dk_recorder *r) {
    double h_1 = 0;
    while (dkr_step(r)) {
        dk_level s = r->from, t = r->to;
        double h = dk_lambda(t) - dk_lambda(s), r_i = h_1 / h, w = 1 / (2 * r_i);
        dk_vec x_theta = dkr_denoise(r, r->x, s), D_i = x_theta;
        if (r->step > 0 && t.sigma > 0) D_i = dkr_mix(1 + w, x_theta, -w, dkr_past(r, 2));
        r->x = dkr_mix(t.sigma / s.sigma, r->x, -t.alpha * expm1(-h), D_i);
        h_1 = h;
    }
}

/* DPM++ 2M SDE. Lu et al. 2022b, "DPM-Solver++", eq. 14: the same line for the diffusion SDE, whose
   steps forget more of the state and add noise. */
static void dpmpp_2m_sde(dk_recorder *r) {
    double h_1 = 0;
    while (dkr_step(r)) {
        dk_level s = r->from, t = r->to;
        double h = dk_lambda(t) - dk_lambda(s), r_i = h_1 / h, w = 1 / (2 * r_i);
        double gain = -expm1(-2 * h);
        dk_vec x_theta = dkr_denoise(r, r->x, s), D_i = x_theta;
        if (r->step > 0 && t.sigma > 0) D_i = dkr_mix(1 + w, x_theta, -w, dkr_past(r, 2));
        r->x = dkr_mix(t.sigma / s.sigma * exp(-h), r->x, t.alpha * gain, D_i);
        if (t.sigma > 0) r->x = dkr_mix(1, r->x, t.sigma * sqrt(gain), dkr_noise(r, s, t));
        h_1 = h;
    }
}

/* ---------------------------------------------------------------------------------------- UniPC */

/* phi_k(z) = sum of z^n/(n + k)!; phi_k(z) = (phi_{k-1}(z) - 1/(k-1)!)/z, which cancels where z is
   small. Hochbruck & Ostermann 2010, eq. 2.10 and 2.11. */
static double phi(int k, double z) {
    double term = 1, sum = 0;
    for (int i = 2; i <= k; i++) term /= i;
    if (fabs(z) > 1) return k > 0 ? (phi(k - 1, z) - k * term) / z : exp(z);
    for (int n = 1; n <= 20; n++) sum += term, term *= z / (n + k);
    return sum;
}

/* Solves sum over k of a_k r_k^i = b_i, i < n; a holds b before. Bjorck & Pereyra 1970. */
static void solve_vandermonde(int n, const double *r, double *a) {
    for (int k = 0; k < n - 1; k++)
        for (int i = n - 1; i > k; i--) a[i] -= r[k] * a[i - 1];
    for (int k = n - 2; k >= 0; k--) {
        for (int i = k + 1; i < n; i++) a[i] /= r[i] - r[i - k - 1];
        for (int i = k; i < n - 1; i++) a[i] -= a[i + 1];
    }
}

/* The step of UniPC from x at s to t, through n estimates m at lambda, newest first. m[at_s] is the
   estimate at s: the first one for the predictor UniP; the second one for the corrector UniC, whose
   first is at t. Zhao et al. 2023, alg. 1 and 2, for data prediction and B(h) = exp(-h) - 1, their
   B_2. With one more estimate than m[at_s] they take a_1 = 1/2. */
static dk_vec uni_step(dk_vec x, dk_level s, dk_level t, int n, int at_s, const dk_vec *m,
                       const double *lambda) {
    double h = dk_lambda(t) - dk_lambda(s), B_h = expm1(-h), r[3], a[3], factorial = 1;
    for (int i = 0; i < n - 1; i++) {
        r[i] = (lambda[i < at_s ? i : i + 1] - lambda[at_s]) / h;
        factorial *= i + 1, a[i] = n == 2 ? 0.5 : -h * phi(i + 2, -h) * factorial / B_h;
    }
    solve_vandermonde(n - 1, r, a);
    dk_vec sum = dkr_zero;
    for (int k = 0; k < n; k++) {
        int i = k < at_s ? k : k - 1;
        dk_vec D_k = dkr_mix(1, m[k], -1, m[at_s]);
        if (k == at_s) sum = dkr_mix(1, sum, B_h, m[at_s]);
        else sum = dkr_mix(1, sum, B_h * a[i] / r[i], D_k);
    }
    return dkr_mix(t.sigma / s.sigma, x, -t.alpha, sum);
}

/* UniPC. Zhao et al. 2023, "UniPC", alg. 1 and 2 with p = 3: a new estimate first corrects the step
   that led to it, then predicts the next one. At pure noise lambda is -infinity, and no polynomial
   goes through that estimate. A step to sigma = 0 ends in the estimate, wherever it began. */
static void unipc(dk_recorder *r) {
    dk_vec m[4] = {dkr_zero, dkr_zero, dkr_zero, dkr_zero}, x = dkr_zero;
    double lambda[4] = {0, 0, 0, 0};
    dk_level s = r->from;
    int n = 0; /* estimates that may be used */
    while (dkr_step(r)) {
        n = n < 4 ? n + 1 : 4;
        for (int k = n - 1; k > 0; k--) m[k] = m[k - 1], lambda[k] = lambda[k - 1];
        m[0] = dkr_denoise(r, r->x, r->from), lambda[0] = dk_lambda(r->from);
        if (n > 1 && r->to.sigma > 0) r->x = dkr_keep(r, dkr_corrected(r, uni_step(x, s, r->from, n, 1, m, lambda)));
        s = r->from, x = r->x;
        int nodes = r->to.sigma <= 0 ? 1 : n < 3 ? n : 3;
        r->x = uni_step(x, s, r->to, nodes, 0, m, lambda);
        if (s.alpha <= 0) n = 0;
    }
}

/* -------------------------------------------------------------------------- the list of the ten */

typedef struct written {
    const char *name; /* the built-in sampler's, too */
    dk_record_fn record;
    int steps; /* how many show what it does */
} written;

static const written samplers[] = {
    {"euler", euler, 2},       {"heun", heun, 2},         {"edm_churn", edm_churn, 2},
    {"ddim", ddim, 2},         {"ddpm", ddpm, 2},         {"euler_ancestral", euler_ancestral, 2},
    {"dpmpp_2s", dpmpp_2s, 2}, {"dpmpp_2m", dpmpp_2m, 2}, {"dpmpp_2m_sde", dpmpp_2m_sde, 2},
    {"unipc", unipc, 3},
};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

/* The config is one without a sampler. */
static dk_status record(dk_plan *plan, dk_config c, const written *w, int built_in) {
    if (built_in) {
        c.sampler = dk_sampler_named(w->name);
        if (c.sampler.tableau) c.sampler.quirks = DK_QUIRK_EULER_TO_DATA; /* the paper's last step */
    } else {
        c.sampler.name = w->name, c.sampler.record = w->record;
    }
    dk_status status = dk_record(plan, &c);
    if (status) fprintf(stderr, "%s: %s\n", w->name, dk_message(&c));
    return status;
}

#ifndef SAMPLERS_ALONE /* the test brings a main of its own */

/* The plan's text up to the line of the state after w->steps steps. */
static void print_steps(const dk_plan *plan, const written *w) {
    static char text[1 << 14];
    char state[16];
    dk_plan_text(plan, text, sizeof text);
    snprintf(state, sizeof state, "\n    x%d = ", w->steps);
    char *last = strstr(text, state), *end = last ? strchr(last + 1, '\n') : NULL;
    if (end) *end = 0;
    printf("%s: %s\n\n", w->name, text);
}

/* What 10 steps take, and the largest difference of any number in the plans of 1 to 50 steps. */
static int print_differences(const written *w) {
    static const char *const families[] = {"flow", "edm", "vp", "vp_scaled_linear"};
    dk_plan plan = {0}, built_in = {0};
    for (int f = 0; f < 4; f++) {
        double most = 0;
        dk_config c = {0};
        c.schedule = dk_schedule_named(families[f]), c.dim = 1;
        for (c.steps = 1; c.steps <= 50; c.steps++) {
            double worst;
            if (record(&plan, c, w, 0) || record(&built_in, c, w, 1)) return 1;
            dk_plan_equal(&plan, &built_in, 0, &worst);
            most = worst > most ? worst : most;
            if (f == 0 && c.steps == 10)
                printf("%-16s %11d %5d %7d", w->name, plan.calls, plan.draws - 1, plan.buffers);
            dk_plan_free(&plan), dk_plan_free(&built_in);
        }
        printf(" %8.1g", most);
    }
    puts("");
    return 0;
}

int main(void) {
    static const double noise_levels[] = {8, 4, 2, 1, 0};
    dk_plan plan[SAMPLERS] = {{0}};
    dk_config c = {0};
    c.schedule = dk_edm(0.002, 80), c.prediction = DK_PREDICT_X0, c.start = DK_START_STATE;
    c.grid = dk_grid_levels(noise_levels, DK_UNIT_SIGMA), c.steps = 4, c.dim = 1;
    puts("The first steps of plans whose noise levels are 8, 4, 2, 1 and 0.\n");
    for (int i = 0; i < SAMPLERS; i++) {
        if (record(&plan[i], c, &samplers[i], 0)) return 1;
        print_steps(&plan[i], &samplers[i]);
    }
    for (int i = 0; i < SAMPLERS; i++)
        for (int k = 0; k < i; k++)
            if (dk_plan_equal(&plan[i], &plan[k], 1e-12, NULL))
                printf("%s and %s have the same plan.\n", samplers[k].name, samplers[i].name);
    for (int i = 0; i < SAMPLERS; i++) dk_plan_free(&plan[i]);
    puts("\n                    10 steps of flow take  largest difference to the built-in sampler");
    puts("                 evaluations draws buffers     flow      edm       vp vp_scaled_linear");
    for (int i = 0; i < SAMPLERS; i++)
        if (print_differences(&samplers[i])) return 1;
    return 0;
}
#endif
