/* The text of a plan says all of it: what it says, done line by line, gives what the run gives. */
#include "check.h"

enum { DIM = 3, NAMES = 512, TEXT = 1 << 18 };

static const dk_real mask[DIM] = {0, (dk_real)0.25, 1}, known[DIM] = {(dk_real)0.5, -1, (dk_real)0.75};

static double normal(int draw, int i) { return sin(3.0 * draw + 5.0 * i + 1); }

static int normals(void *user, const dk_noise_request *r, dk_real *out) {
    (void)user;
    for (int i = 0; i < DIM; i++) out[i] = (dk_real)normal(r->draw, i);
    return 0;
}

static double answer(int branch, double x) { return (0.5 + 0.125 * branch) * x / (1 + x * x) + 0.25; }

static int network(void *user, const dk_eval *e) {
    (void)user;
    for (int k = 0; k < e->branches; k++)
        for (int i = 0; i < DIM; i++)
            e->output[k * DIM + i] = (dk_real)answer(e->branch + k, (double)e->input[k * DIM + i]);
    for (int i = 0; i < DIM && e->uncond_output; i++) e->uncond_output[i] = (dk_real)answer(1, (double)e->input[i]);
    return 0;
}

static int hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)user, (void)e, (void)slot;
    for (int i = 0; i < DIM; i++) D[i] *= (dk_real)0.875;
    return 0;
}

/* ---------------------------------------------------------------------------------- a reader of plans */

/* Values by name, and scalars; the largest number met, which rounding is measured by. */
typedef struct reader {
    const char *at;
    double value[128][NAMES][DIM], scalar[NAMES], largest;
} reader;

static int next_is(reader *r, const char *word) {
    size_t n = strlen(word);
    if (strncmp(r->at, word, n) != 0) return 0;
    r->at += n;
    return 1;
}

static double number(reader *r) {
    char *end;
    double v = strtod(r->at, &end);
    if (end == r->at) fail_msg("no number: %s", r->at);
    r->at = end;
    return v;
}

static double *name(reader *r) {
    int letter = (unsigned char)*r->at++ & 127, n = (int)number(r);
    if (n < 0 || n >= NAMES) fail_msg("no name: %s", r->at);
    return r->value[letter][n];
}

static int guider(void *user, const dk_outputs *o) {
    (void)user;
    for (int i = 0; i < DIM; i++) {
        dk_real C = o->output[0][i], d = C - o->output[1][i];
        o->memory[0][i] = d - o->memory[0][i] / 2;
        o->G[i] = C + o->memory[0][i];
    }
    return 0;
}

static double length(const double *v) { return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

static double deviation(const double *v) {
    double mean = (v[0] + v[1] + v[2]) / 3, all = 0;
    for (int i = 0; i < DIM; i++) all += (v[i] - mean) * (v[i] - mean);
    return sqrt(all / (int)DIM);
}

static double quantile(const double *v, double share) {
    double s[DIM];
    for (int i = 0; i < DIM; i++) {
        int k = i;
        for (; k > 0 && s[k - 1] > fabs(v[i]); k--) s[k] = s[k - 1];
        s[k] = fabs(v[i]);
    }
    double place = share * (DIM - 1);
    int low = (int)place;
    return low >= DIM - 1 ? s[DIM - 1] : s[low] + (place - low) * (s[low + 1] - s[low]);
}

/* "|a|" and the like. */
static double length_of(reader *r) {
    if (!next_is(r, "|")) fail_msg("no length: %s", r->at);
    double v = length(name(r));
    next_is(r, "|");
    return v;
}

static void read_scalar(reader *r) {
    double *to = &r->scalar[(int)number(r)], limit = 1;
    if (!next_is(r, " = ")) fail_msg("no scalar: %s", r->at);
    if (next_is(r, "deviation of ")) {
        double a = deviation(name(r));
        next_is(r, " / deviation of ");
        const double *v = name(r);
        double b = deviation(v);
        int none = fabs(v[1] - v[0]) <= 0 && fabs(v[2] - v[0]) <= 0; /* at a shared input */
        if (!none && b < 1e-5) r->largest = HUGE_VAL;
        *to = none ? 1 : a / b;
        return;
    }
    if (*r->at == '|') {
        *to = length_of(r);
        next_is(r, " / ");
        *to /= length_of(r);
        return;
    }
    if (next_is(r, "1 / ")) {
        double share = number(r), q = 1;
        next_is(r, " quantile of |");
        q = quantile(name(r), share);
        q = q < 1 ? 1 : q;
        next_is(r, "|, from 1");
        if (next_is(r, " to ")) limit = number(r), q = q > limit ? limit : q;
        *to = 1 / q;
        return;
    }
    if (next_is(r, "min(1, ")) {
        limit = number(r);
        next_is(r, " / ");
        limit /= length_of(r);
        limit = limit < 1 ? limit : 1;
        next_is(r, ")");
    }
    *to = limit;
    if (next_is(r, " (") || next_is(r, "(")) {
        const double *a = name(r);
        next_is(r, " ");
        const double *b = name(r);
        next_is(r, ") / |");
        double square = length(name(r));
        *to *= (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (square * square);
    }
}

/* The terms of a row, up to its end. */
static void read_terms(reader *r, double *to) {
    double sum[DIM] = {0}, weight[DIM] = {1, 1, 1}, c = 1;
    while (*r->at != '\n' && *r->at != ',' && strncmp(r->at, "  ->", 4) != 0) {
        if (next_is(r, "(1 - m0)"))
            for (int i = 0; i < DIM; i++) weight[i] = 1 - (double)mask[i];
        else if (next_is(r, "m0 ("))
            for (int i = 0; i < DIM; i++) weight[i] = (double)mask[i];
        else if (next_is(r, "- ")) c = -c;
        else if (*r->at >= '0' && *r->at <= '9') c *= number(r);
        else if (next_is(r, "r")) {
            double s = r->scalar[(int)number(r)];
            c *= next_is(r, "^") ? pow(s, number(r)) : s;
        } else if (*r->at >= 'A') {
            const double *v = name(r);
            for (int i = 0; i < DIM; i++) {
                double part = weight[i] * c * v[i];
                sum[i] += part;
                if (fabs(part) > r->largest) r->largest = fabs(part);
            }
            c = 1;
        } else r->at++;
    }
    memcpy(to, sum, sizeof sum);
    if (!next_is(r, ", clipped to ")) return;
    double most = number(r);
    for (int i = 0; i < DIM; i++) to[i] = to[i] > most ? most : to[i] < -most ? -most : to[i];
}

/* What is said of values: a row, an evaluation or a hook; the value, or NULL where there is none. */
static double *read_values(reader *r) {
    double *out[DK_BRANCHES + 1], *in[DK_BRANCHES + 1];
    int outs = 0, ins = 0;
    do {
        out[outs++] = name(r);
    } while (next_is(r, ", "));
    if (next_is(r, " = hook")) {
        for (int i = 0; i < DIM; i++) out[0][i] *= 0.875;
    } else if (next_is(r, " = guider(")) {
        do {
            in[ins++] = name(r);
        } while (next_is(r, ", "));
        double *memory = in[ins - 1];
        for (int i = 0; i < DIM; i++) {
            memory[i] = in[0][i] - in[1][i] - memory[i] / 2;
            out[0][i] = in[0][i] + memory[i];
        }
    } else if (next_is(r, " = normal, draw ")) {
        int draw = (int)number(r);
        for (int i = 0; i < DIM; i++) out[0][i] = (double)(float)normal(draw, i);
    } else if (next_is(r, " = network(")) {
        do {
            in[ins++] = name(r);
        } while (next_is(r, ", "));
        double told[DIM];
        memcpy(told, in[0], sizeof told); /* an output may have the name of what was read */
        const char *end = strchr(r->at, '\n'), *branch = strstr(r->at, ", branch ");
        int first = branch && branch < end ? branch[9] - '0' : 0;
        for (int k = 0; k < outs; k++)
            for (int i = 0; i < DIM; i++) out[k][i] = answer(first + k, told[i]);
    } else {
        if (!next_is(r, " =")) fail_msg("no row: %s", r->at);
        read_terms(r, out[0]);
    }
    return out[0];
}

/* The result, in the plan's words. */
static const double *read_plan(reader *r, const char *text) {
    const double *result = NULL;
    memset(r, 0, sizeof *r);
    r->at = text;
    for (int i = 0; i < DIM; i++) {
        r->at = "k0", name(r)[i] = (double)known[i];
        r->at = "m0", name(r)[i] = (double)mask[i];
    }
    for (r->at = strchr(text, '\n') + 1; *r->at; r->at = strchr(r->at, '\n') + 1) {
        if (!next_is(r, "    ")) continue;
        if (next_is(r, "r")) {
            read_scalar(r);
            continue;
        }
        const double *value = read_values(r);
        if (strncmp(r->at, "  -> x\n", 7) == 0) result = value;
    }
    return result;
}

/* ---------------------------------------------------------------------------------- random plans */

static uint32_t below(uint32_t *random, uint32_t n) {
    *random = *random * 1664525u + 1013904223u;
    return (*random >> 16) % n;
}

/* What a config points to. */
static dk_phase phases[2];
static dk_sampler phase_sampler;
static dk_guidance phase_guidance;
static dk_table table;
static double table_numbers[DK_TABLE_ROOM(4)];

/* Phases: another sampler, other guidance, or both. */
static void set_phases(uint32_t *random, dk_config *c) {
    uint32_t how = 1 + below(random, 3);
    memset(phases, 0, sizeof phases);
    phases[0].step = 1, phases[1].unit = DK_UNIT_FLOW, phases[1].level = 0.4;
    phase_sampler = dk_sampler_named(below(random, 2) ? "heun" : "dpmpp_2m_sde");
    phase_guidance = c->guidance, phase_guidance.scale = 1.5;
    if (how & 1) phases[0].sampler = &phase_sampler;
    if (how & 2) phases[how & 1].guidance = &phase_guidance;
    c->phases = phases, c->phase_count = how & 1 ? 2 : 1;
}

/* A linear method as numbers, whose first evaluation is shared. */
static void set_table(uint32_t *random, dk_config *c) {
    double *at = table_numbers;
    memset(&table, 0, sizeof table);
    table.steps = c->steps = 2 + (int)below(random, 3), table.shared = 1, table.level = at;
    for (int i = 0; i <= table.steps; i++) *at++ = 0.75 * (table.steps - i) / table.steps;
    table.a = at;
    for (int i = 0; i < table.steps; i++) *at++ = 0.5 + below(random, 100) / 256.0;
    table.b = at;
    for (int i = 0; i < table.steps * (table.steps + 1) / 2; i++) *at++ = below(random, 100) / 128.0 - 0.25;
    if (below(random, 2)) table.noise = at;
    for (int i = 0; i < table.steps && table.noise; i++) *at++ = below(random, 100) / 256.0;
    c->sampler = dk_table_sampler(&table);
    memset(&c->grid, 0, sizeof c->grid);
}

static dk_guidance guide_by(const dk_guidance *g, int step) {
    dk_guidance other = *g;
    other.scale = step % 2 ? 0 : 2.5, other.doubled = step % 3 == 0, other.away[1] = step % 2 ? 1 : 0;
    return other;
}
static void guide(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)user, (void)level, (void)steps;
    *g = guide_by(g, step);
}

static dk_config random_config(uint32_t *random, const char *sampler) {
    static const char *const families[] = {"flow", "vp_linear", "edm"};
    static const char *const settings[] = {
        "churn=2", "clip=1", "guidance.scale=2", "guidance.scale=2 guidance.rescale=0.5",
        "guidance.scale=3 guidance.projected=1 guidance.limit=1 guidance.momentum=-0.5", "guidance.scale=2 guidance.zero_star=1",
        "guidance.quantile=0.75", "guidance.scale=2 guidance.scale2=1.5 guidance.doubled=1", "guidance.scale=1 guidance.away3=1.5", "grid.way=repaint", "eta=0.5",
        "order=3", "guidance.scale=2 guidance.doubled=1 guidance.zero_init=1", "guidance.quantile=0.5 guidance.quantile_most=2",
        "guidance.schedule=1to3", "guidance.schedule=3x1+2", "guidance.scale=2 guidance.away2=0.5 guidance.away4=1 guidance.away5=-0.25",
        "guidance.scale=2 guidance.start=0.25 guidance.stop=0.75", "score_factor=1.25", "temperature=0.75", "guidance.scale=2 guidance.noise_max=1"};
    dk_config c = check_config(families[below(random, 3)], sampler, 2 + (int)below(random, 4));
    if (c.schedule.family != DK_FAMILY_FLOW) c.grid.sigma_min = 0.25, c.grid.sigma_max = 4; /* six digits must do */
    for (uint32_t n = below(random, 4); n > 0; n--) dk_config_set(&c, settings[below(random, (uint32_t)(sizeof settings / sizeof *settings))]);
    c.dim = DIM, c.noise = source_from(normals, NULL), c.step_noise = c.noise;
    if (below(random, 3) == 0) c.mask = mask, c.known = known, c.blend = (dk_blend)below(random, DK_BLEND_COUNT);
    if (below(random, 4) == 0) c.guidance.hook = hook;
    if (below(random, 6) == 0 && c.guidance.scale > 0) c.guidance.schedule = guide;
    dk_guidance *g = &c.guidance;
    if (below(random, 3) == 0 && g->scale > 0 && !g->zero_star && !g->projected) g->guider = guider, g->memory = 1;
    if (below(random, 4) == 0) set_phases(random, &c);
    if (below(random, 8) == 0) set_table(random, &c);
    return c;
}

static reader reads;
static char text[TEXT];

static void what_is_said_is_what_is_done(void **state) {
    uint32_t random = 3;
    int plans = 0, guided = 0, phased = 0, tables = 0, listed = 0;
    (void)state;
    for (int n = 0; dk_sampler_at(n); n++)
        for (int k = 0; k < 12; k++) {
            dk_config c = random_config(&random, dk_sampler_at(n)->name);
            dk_plan plan;
            dk_real x[DIM] = {0};
            memset(&plan, 0, sizeof plan);
            if (dk_record(&plan, &c) != DK_OK) continue;
            if (plan.attempt || dk_sample(&c, network, NULL, x) != DK_OK) {
                dk_plan_free(&plan);
                continue;
            }
            assert_true(dk_plan_text(&plan, text, sizeof text) < sizeof text);
            const double *result = read_plan(&reads, text);
            for (int i = 0; i < DIM && reads.largest < 1e9; i++) { /* else rounding decides: a ratio to what cancels */
                double wrong = fabs(result[i] - (double)x[i]);
                if (!(wrong <= 1e-4 * (1 + reads.largest)))
                    fail_msg("%s: element %d is %g, where the run has %g (largest %g)\n%s", c.sampler.name, i, result[i],
                             (double)x[i], reads.largest, text);
            }
            plans++, guided += strstr(text, " = guider(") != NULL;
            phased += c.phases != NULL, tables += c.sampler.user == &table, listed += c.guidance.schedule || c.guidance.ramps->from > 0;
            dk_plan_free(&plan);
        }
    assert_true(plans > 500 && guided > 50 && phased > 50 && tables > 50 && listed > 50);
}

/* A name always means the value that had it last. */
static void names_are_not_ambiguous(void **state) {
    uint32_t random = 2;
    (void)state;
    for (int n = 0; dk_sampler_at(n); n++)
        for (int k = 0; k < 12; k++) {
            dk_config c = random_config(&random, dk_sampler_at(n)->name);
            static int has[128][NAMES]; /* the value, and 1 more */
            dk_plan plan;
            memset(&plan, 0, sizeof plan), memset(has, 0, sizeof has);
            if (dk_record(&plan, &c) != DK_OK) continue;
            for (int i = 0; i < plan.passes; i++) {
                const dk_pass *pass = &plan.pass[i];
                for (int j = pass->first; j < pass->first + pass->count; j++) {
                    const dk_row *row = &plan.row[j];
                    const dk_value *dst = &plan.value[row->dst];
                    for (int t = row->first; t < row->first + row->count; t++) {
                        const dk_value *v = &plan.value[plan.term[t].value];
                        int given = has[(int)v->letter][v->number];
                        if (given && given != plan.term[t].value + 1)
                            fail_msg("%s: %c%d is two values", c.sampler.name, v->letter, v->number);
                    }
                    has[(int)dst->letter][dst->number] = row->dst + 1;
                }
                if (pass->boundary != DK_BOUNDARY_CALL) continue;
                for (int b = 0; b < plan.call[pass->index].branches; b++) {
                    const dk_value *v = &plan.value[plan.call[pass->index].output + b];
                    has[(int)v->letter][v->number] = plan.call[pass->index].output + b + 1;
                }
            }
            dk_plan_free(&plan);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_what_is_done),
        cmocka_unit_test(names_are_not_ambiguous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
