/* Whole loops from diffusers' configuration files: the text alone says which sampler, levels and times. */
#ifndef CONFORMANCE_LOOPS_H
#define CONFORMANCE_LOOPS_H

#include "conformance_model.h"

/* The files' network, of the input and the time that it is given. */
static int loop_network(void *user, const dk_eval *e) {
    int n = (int)e->dim;
    (void)user;
    for (int i = 0; i < n; i++) {
        double x = (double)e->input[i], next = (double)e->input[(i + 1) % n];
        e->output[i] = (dk_real)(0.8 * sin(0.9 * x + 0.3 * next + 0.1 * i) + 0.3 * cos(0.01 * e->t + i));
        if (e->uncond_output) e->uncond_output[i] = e->output[i];
    }
    return 0;
}

static int loop_noise(void *user, const dk_noise_request *request, dk_real *out) {
    const json *draws = json_get((const json *)user, "draws");
    double z[MAX_DIM];
    if (!draws || request->draw > draws->count) return 1;
    int n = json_numbers(&draws->item[request->draw - 1], z, MAX_DIM);
    for (int i = 0; i < n; i++) out[i] = (dk_real)z[i];
    return 0;
}

static verdict file_loop_case(const json *line, double *worst) {
    static dk_config c;
    static dk_json more;
    static double table[MAX_LEVELS], wanted[MAX_DIM];
    double start[MAX_DIM], largest = 0, factor = json_real(line, "factor", 1);
    dk_real x[MAX_DIM];
    const char *text = json_string(line, "file", "");
    memset(&c, 0, sizeof c), memset(&more, 0, sizeof more);
    int n = json_numbers(json_get(line, "x"), start, MAX_DIM);
    for (int i = 0; i < n; i++) x[i] = (dk_real)start[i];
    c.steps = (int)json_real(line, "steps", 1), c.dim = (size_t)n, c.start = DK_START_STATE;
    c.noise = source_from(loop_noise, (void *)(uintptr_t)line);
    more.mu = json_real(line, "mu", 0), more.to_zero = json_real(line, "to_zero", 0) > 0, more.stage = (int)json_real(line, "stage", 0);
    more.table = table, more.table_size = MAX_LEVELS;
    *worst = HUGE_VAL;
    dk_status status = dk_config_from_json(&c, text, strlen(text), &more);
    c.grid.strength = json_real(line, "strength", 0);
    if (status != DK_OK || dk_sample(&c, loop_network, NULL, x) != DK_OK) {
        reason = dk_message(&c);
        return FAIL;
    }
    json_numbers(json_get(line, "result"), wanted, MAX_DIM);
    *worst = 0;
    if (json_get(line, "begins")) { /* what a stage of a pyramid begins with */
        double begins[2];
        json_numbers(json_get(line, "begins"), begins, 2);
        *worst = larger(fabs(more.carried - begins[0]), fabs(more.fresh - begins[1]));
    }
    for (int i = 0; i < n; i++) {
        largest = larger(largest, fabs(wanted[i]));
        *worst = larger(*worst, fabs((double)x[i] * factor - wanted[i]));
    }
    *worst /= 1 + largest;
    return *worst <= json_real(line, "tolerance", 2e-4) ? OK : FAIL;
}

#endif
