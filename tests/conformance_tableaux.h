/* Lines of tableaux: the library's sampler of that name has these coefficients. They are read from its plan: with a
   basis vector as the state and another as each estimate, the states of the stages are the coefficients. */
#ifndef CONFORMANCE_TABLEAUX_H
#define CONFORMANCE_TABLEAUX_H

#include "conformance_model.h"

enum { MAX_STAGES = 16, BASIS = MAX_STAGES + 1 };

/* inputs[i]: state at call i in the basis x, D_0, D_1, ...; the last is the result. Returns the calls made. */
static int read_step(dk_config *c, double inputs[][BASIS]) {
    dk_real x[BASIS] = {1};
    dk_run run;
    dk_eval e;
    int calls = 0;
    c->dim = BASIS, c->start = DK_START_STATE, c->prediction = DK_PREDICT_X0, c->steps = 1;
    if (dk_begin(&run, c, x, NULL, 0) != DK_OK) return 0;
    while (dk_next(&run, &e)) {
        for (int j = 0; j < BASIS; j++) {
            if (calls < MAX_STAGES) inputs[calls][j] = (double)e.input[j];
            e.output[j] = j == calls + 1 ? 1 : 0;
        }
        calls++;
    }
    dk_end(&run);
    for (int j = 0; j < BASIS && calls <= MAX_STAGES; j++) inputs[calls][j] = (double)x[j];
    return calls;
}

/* The same from the line's a and b, for a step of length h in lambda from sigma = 1. */
static void expected_step(const json *a, const json *b, const json *c, int exponential, double h, int stages,
                          double inputs[][BASIS]) {
    for (int i = 0; i <= stages; i++) {
        double *row = inputs[i];
        const json *weights = i < stages ? &a->item[i] : &b->item[0];
        memset(row, 0, BASIS * sizeof *row);
        row[0] = 1;
        for (int j = 0; j < stages && j < weights->count; j++) {
            double w = weights->item[j].number;
            if (exponential) {
                row[0] -= h * w, row[j + 1] += h * w;
            } else { /* k_j = (x_j - D_j)/sigma_j */
                double step = exp(-h) - 1, slope = w * step / (1 + c->item[j].number * step);
                for (int k = 0; k < BASIS; k++) row[k] += slope * inputs[j][k];
                row[j + 1] -= slope;
            }
        }
    }
}

static verdict tableau_case(const json *line, double *worst) {
    static double have[BASIS][BASIS], want[BASIS][BASIS];
    const json *a = json_get(line, "a"), *b = json_get(line, "b"),
               *lengths = json_get(line, "evaluated_at_h");
    int stages = (int)json_real(line, "stages", 0), exponential = json_real(line, "exponential", 0) > 0;
    dk_config c;
    memset(&c, 0, sizeof c);
    static const char *const names[][2] = {
        {"heun_2s", "heun"}, {"midpoint_2s", "midpoint"}, {"rk4_4s", "rk4"}};
    const char *name = json_string(line, "name", "");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (same(name, names[i][0])) name = names[i][1];
    c.sampler = dk_sampler_named(name);
    c.schedule = dk_edm(1e-3, 1e3);
    if (json_real(line, "multistep_stages", 0) + json_real(line, "hybrid_stages", 0) > 0)
        return unsupported("multistep tableau");
    if (json_real(line, "explicit", 1) < 1) return unsupported("implicit tableau");
    if (!c.sampler.record || stages > MAX_STAGES) return unsupported("no sampler of this name");
    for (int k = 0; k < (lengths ? lengths->count : 1); k++) {
        double h = lengths ? lengths->item[k].number : 0.5, levels[2] = {1, exp(-h)};
        c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA);
        expected_step(exponential ? &a->item[k] : a, exponential ? &b->item[k] : b, json_get(line, "c"),
                      exponential, h, stages, want);
        if (read_step(&c, have) != stages) {
            reason = "the number of stages differs";
            return FAIL;
        }
        for (int i = 0; i <= stages; i++)
            for (int j = 0; j < BASIS; j++) {
                double d = fabs(have[i][j] - want[i][j]) / (1 + fabs(want[i][j]));
                if (!(d <= *worst)) *worst = d;
            }
    }
    return *worst <= tolerance(1e-12) ? OK : FAIL;
}

#endif
