/* Lines of tableaux: the library's sampler of that name has these coefficients. They are read from its plan: with a
   basis vector as the state and another as each estimate, the states of the stages are the coefficients. */
#ifndef CONFORMANCE_TABLEAUX_H
#define CONFORMANCE_TABLEAUX_H

#include "conformance_model.h"

enum { MAX_STAGES = DK_MAX_STAGES, BASIS = MAX_STAGES + 1 };

/* inputs[i]: state at call i in the basis x, D_0, D_1, ...; the last is the result. Returns the calls made. */
static int read_step(dk_config *c, double inputs[][BASIS]) {
    dk_real x[BASIS] = {1};
    dk_run run;
    dk_eval e;
    int calls = 0;
    c->dim = BASIS, c->start = DK_START_STATE, c->prediction = DK_PREDICT_X0;
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

/* A classical line's own numbers as a tableau. */
static const char *tableau_text(const json *a, const json *b, int stages) {
    static char text[MAX_STAGES * MAX_STAGES * 26];
    char *to = text;
    for (int i = 1; i <= stages; i++) {
        const json *weights = i < stages ? &a->item[i] : &b->item[0];
        for (int j = 0; j < i; j++)
            to += sprintf(to, " %.17g", j < weights->count ? weights->item[j].number : 0);
        if (i < stages) to += sprintf(to, " |");
    }
    return text;
}

/* Largest error of the sampler's coefficients, or of its result's alone if it makes fewer calls. */
static double tableau_error(dk_config *c, int stages, double want[][BASIS]) {
    static double have[BASIS][BASIS];
    double worst = 0;
    int calls = read_step(c, have);
    if (calls < 1 || calls > stages) return HUGE_VAL;
    for (int i = 0; i <= calls; i++)
        for (int j = 0; j < BASIS; j++) {
            int row = i < calls ? i : stages;
            if (i == calls || calls == stages) worst = larger(worst, error_of(have[i][j], want[row][j]));
        }
    return worst;
}

/* Multistep lines: the newest estimate has the first weight. The last step must have them, from the state and, for
   classical ones, the slopes that the run itself has had. */
static double multistep_error(dk_config *c, const json *line, const json *b, double h) {
    static double have[BASIS][BASIS];
    const json *ratios = json_get(line, "prev_step_ratios");
    int before = (int)json_real(line, "multistep_stages", 0),
        exponential = json_real(line, "exponential", 0) > 0;
    double levels[MAX_STAGES + 1] = {1}, worst = 0;
    for (int k = 0; k < before; k++) /* from the last step back */
        levels[k + 1] = exponential ? levels[k] * exp(h * ratios->item[k].number)
                                    : levels[k] - h * ratios->item[k].number;
    for (int k = 0; k <= before / 2; k++) {
        double at = levels[k];
        levels[k] = levels[before - k], levels[before - k] = at;
    }
    levels[before + 1] = exponential ? exp(-h) : 1 + h;
    c->grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c->steps = before + 1;
    if (read_step(c, have) != before + 1) return HUGE_VAL;
    for (int j = 0; j < BASIS; j++) {
        double want = have[before][j];
        for (int k = 0; k <= before; k++) {
            double D = j == before - k + 1, w = h * b->item[k].number;
            want +=
                exponential ? w * (D - have[before][j]) : w * (have[before - k][j] - D) / levels[before - k];
        }
        worst = larger(worst, error_of(have[before + 1][j], want));
    }
    return worst;
}

static verdict tableau_case(const json *line, double *worst) {
    static double want[BASIS][BASIS];
    const json *a = json_get(line, "a"), *b = json_get(line, "b"),
               *lengths = json_get(line, "evaluated_at_h");
    int stages = (int)json_real(line, "stages", 0), exponential = json_real(line, "exponential", 0) > 0;
    dk_config c;
    char name[64];
    memset(&c, 0, sizeof c);
    c.schedule = dk_edm(1e-3, 1e3);
    int multistep = json_real(line, "multistep_stages", 0) > 0;
    if (json_real(line, "hybrid_stages", 0) > 0)
        return unsupported("estimates of earlier steps in a tableau");
    if (json_real(line, "explicit", 1) < 1) return unsupported("implicit tableau: its stages are equations");
    snprintf(name, sizeof name, "res4lyf:%s", json_string(line, "name", ""));
    dk_sampler named = dk_sampler_named(name);
    if (!named.record) named = dk_sampler_named(name + 8);
    if ((!named.record && exponential) || stages > MAX_STAGES) return unsupported("no sampler of this name");
    for (int k = 0; k < (lengths ? lengths->count : 1); k++) {
        double h = lengths ? lengths->item[k].number : 0.5, levels[2] = {1, exp(-h)};
        if (multistep) {
            const json *weights = exponential ? &b->item[k] : b;
            c.sampler = named;
            *worst = larger(*worst, multistep_error(&c, line, &weights->item[0], h));
            continue;
        }
        c.grid = dk_grid_levels(levels, DK_UNIT_SIGMA), c.steps = 1;
        expected_step(exponential ? &a->item[k] : a, exponential ? &b->item[k] : b, json_get(line, "c"),
                      exponential, h, stages, want);
        for (int own = 0; own < 2; own++) { /* by name, and from the line's numbers */
            if (own ? exponential : !named.record) continue;
            c.sampler = named;
            if (own) memset(&c.sampler, 0, sizeof c.sampler), c.sampler.tableau = tableau_text(a, b, stages);
            *worst = larger(*worst, tableau_error(&c, stages, want));
        }
    }
    return *worst <= tolerance(1e-12) ? OK : FAIL;
}

#endif
