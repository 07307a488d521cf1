/* table.h: a sampler on its grid as numbers, a dk_table; and tables as JSON and as C.

       double numbers[DK_TABLE_ROOM(20)];
       dk_table t;
       if (table_of(&t, numbers, DK_TABLE_ROOM(20), &c)) fprintf(stderr, "%s\n", dk_message(&c));
       table_write_json(file, &t);          // dk_table_from_json reads it again, bit for bit
       table_write_c(file, "fast", &t);     // static const dk_table fast = ...

   A learned solver of a paper becomes a table in the same way: as a recording function with the paper's own formula and
   numbers, be they for velocities, noises or D. What it does is a sum of x_0 and the D, and the table has that sum's numbers.
   tests/test_table.c has some.

   Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_TABLE_H
#define EXAMPLES_TABLE_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline dk_status table_refuse(dk_config *c, const char *what, const char *allowed) {
    snprintf(c->message, sizeof c->message, "table of %.60s: %.160s", c->sampler.name ? c->sampler.name : what, allowed);
    return DK_ERROR_CONFIG;
}

/* The plan's values as sums of x_0 and the D of its n estimates, n + 1 coefficients each. NaN: a value is no such sum. */
static inline double *table_sums(const dk_plan *p, int n) {
    const size_t width = (size_t)n + 1;
    double *sum = (double *)malloc((size_t)p->values * width * sizeof *sum);
    int first = 0;
    for (size_t i = 0; sum && i < (size_t)p->values * width; i++) sum[i] = (double)NAN;
    for (int i = 0; i < p->rows; i++) { /* the given x, or the noise, or what is made of them */
        const dk_value *v = &p->value[p->row[i].dst];
        if (p->row[i].draw == 0 || (v->letter == 'x' && v->number == 0)) first = p->row[i].dst;
    }
    for (int k = -1; sum && k < p->calls; k++) {
        double *of = sum + (size_t)(k < 0 ? first : p->call[k].denoised) * width;
        memset(of, 0, width * sizeof *of);
        of[k < 0 ? 0 : p->call[k].estimate + 1] = 1;
    }
    for (int i = 0; sum && i < p->rows; i++) {
        const dk_row *row = &p->row[i];
        double *to = sum + (size_t)row->dst * width;
        if (!isnan(to[0])) continue; /* x_0 or a D, whatever makes it */
        for (size_t e = 0; e < width && row->draw < 0 && row->mask < 0; e++) {
            to[e] = 0;
            for (int j = row->first; j < row->first + row->count; j++)
                to[e] += p->term[j].scalar ? (double)NAN : p->term[j].c * sum[(size_t)p->term[j].value * width + e];
        }
    }
    return sum;
}

/* The value that is the result: the last that is written to x. */
static inline int table_result(const dk_plan *p) {
    for (int i = p->rows - 1; i >= 0; i--)
        if (p->value[p->row[i].dst].kind == DK_VALUE_BUFFER && p->value[p->row[i].dst].slot == 0) return p->row[i].dst;
    return 0;
}

/* y as y_{i+1} = a_i y_i + sum b_ij D_j, where states are sums of y_0 and the D, n + 1 numbers each. 0: one of them is no sum of
   those before it. */
static inline int table_recursion(const double *state, int n, double *a, double *b) {
    for (int i = 0; i < n; i++) {
        const double *from = state + (size_t)i * ((size_t)n + 1), *to = from + n + 1;
        a[i] = fpclassify(to[0]) == FP_ZERO ? 0 : fpclassify(from[0]) == FP_ZERO ? (double)NAN : to[0] / from[0];
        if (isnan(a[i]) || fabs(a[i]) >= 1e6) return 0; /* nothing is left of y_0 in one state, but is in the next; or NaN */
        for (int j = 0; j <= i; j++)
            if (!isfinite(*b++ = to[j + 1] - a[i] * from[j + 1])) return 0;
    }
    return 1;
}

/* The levels that the network is told, where they are not those that it sees: the numbers that it is told, looked up. */
static inline void table_told(dk_table *t, double *told, const dk_plan *p, const dk_config *c) {
    dk_config r = *c;
    if (dk_resolve(&r)) return;
    const dk_schedule *of = r.network_schedule.family ? &r.network_schedule : &r.schedule;
    for (int k = 0; k < p->calls; k++) {
        const int i = p->call[k].estimate;
        const dk_level l = dk_level_at(of, r.condition, (p->call[k].condition - r.condition_offset) / r.condition_scale);
        told[i] = l.sigma / (l.alpha + l.sigma);
        if (fabs(told[i] - t->level[i]) > 1e-9) t->told = told;
    }
}

/* The numbers of a plan with n estimates, one or more. */
static inline dk_status table_of_plan(dk_table *t, double *numbers, const dk_plan *p, int n, dk_config *c) {
    const size_t width = (size_t)n + 1;
    double *level = numbers, *a = level + width, *b = a + n, *sum = table_sums(p, n);
    double *state = (double *)calloc(width * width, sizeof *state), first = p->level[0].alpha + p->level[0].sigma;
    dk_status status = sum && state ? DK_OK : DK_ERROR_MEMORY;
    if (status) snprintf(c->message, sizeof c->message, "table: not enough memory");
    for (int i = 0, k = 0; i <= n && !status; i++) {
        while (i < n && k < p->calls && p->call[k].estimate < i) k++;
        const dk_level l = i < n ? p->call[k].level : p->level[p->levels - 1];
        const double scale = l.alpha + l.sigma, *of = sum + (size_t)(i < n ? p->call[k].x : table_result(p)) * width;
        const int shared = i < n && p->call[k].shared;
        level[i] = l.sigma / scale;
        if (i == 0) t->shared = shared;
        for (size_t e = 0; e < width; e++) {
            double v = i == 0 && shared ? e == 0 : of[e];
            state[(size_t)i * width + e] = v * (e == 0 ? first : 1) / scale;
            if (i == 0 && fabs(v - (e == 0)) > 0) status = table_refuse(c, "sampler", "its first evaluation must be of the initial state");
        }
        if (i > 0 && shared) status = table_refuse(c, "sampler", "only its first evaluation may be shared");
    }
    if (!status && !table_recursion(state, n, a, b))
        status = table_refuse(c, "sampler", "every state must be a sum of the one before and of D, with fixed numbers; a slope at sigma = 0 is none");
    t->steps = n, t->level = level, t->a = a, t->b = b;
    table_told(t, b + n * (n + 1) / 2, p, c);
    free(sum), free(state);
    return status;
}

/* Whether both plans tell the network the same, and make D in the same way. */
static inline int table_same_calls(const dk_plan *a, const dk_plan *b) {
    if (a->calls != b->calls) return 0;
    for (int k = 0; k < a->calls; k++) {
        const dk_call *u = &a->call[k], *v = &b->call[k];
        if (fabs(u->condition - v->condition) > 1e-6 * (1 + fabs(u->condition)) || u->branch != v->branch) return 0;
        for (int i = 0; i < DK_BRANCHES; i++)
            if (fabs(u->weight[i] - v->weight[i]) > 1e-9) return 0;
    }
    return 1;
}

/* The config's sampler on its grid as a table, whose numbers lie in the caller's memory: DK_TABLE_ROOM(evaluations) do. A run of
   it is one of the sampler, but for rounding. Samplers with noise, step-size control, or numbers that depend on the data are
   refused, and states that none before leads to; the config's message says why. */
static inline dk_status table_of(dk_table *t, double *numbers, size_t room, dk_config *c) {
    dk_plan plan, again;
    dk_config run = *c;
    memset(t, 0, sizeof *t), memset(&plan, 0, sizeof plan), memset(&again, 0, sizeof again);
    dk_status status = c->mask ? table_refuse(c, "mask", "mask must be NULL") : dk_record(&plan, c);
    if (status) return status;
    const int n = plan.calls > 0 ? plan.call[plan.calls - 1].estimate + 1 : 0;
    const size_t needed = DK_TABLE_ROOM((size_t)n);
    if (plan.attempt || plan.draws > 1) status = table_refuse(c, "sampler", "it must have no noise and no step-size control");
    else if (n < 1 || plan.call[0].estimate > 0) status = table_refuse(c, "guidance", "guidance.zero_init must be 0");
    else if (room < needed) {
        snprintf(c->message, sizeof c->message, "room = %zu: must be at least %zu, for %d evaluations", room, needed, n);
        status = DK_ERROR_MEMORY;
    } else status = table_of_plan(t, numbers, &plan, n, c);
    if (!status) {
        snprintf(t->name, sizeof t->name, "%.63s", c->sampler.name ? c->sampler.name : "adams2");
        memset(&run.grid, 0, sizeof run.grid), run.sampler = dk_table_sampler(t), run.steps = 0;
        if (run.start == DK_START_DATA) run.grid.strength = 1;
        status = dk_record(&again, &run);
        if (status) snprintf(c->message, sizeof c->message, "%s", dk_message(&run));
        else if (!table_same_calls(&plan, &again))
            status = table_refuse(c, "sampler", "the network must be told a noise level, and guidance must not depend on the step");
    }
    dk_plan_free(&plan), dk_plan_free(&again);
    return status;
}

/* ------------------------------------------------------------------------------------------ writing */

/* The shortest decimal that reads as this double again. C takes "-0" and many digits for whole numbers: the sign is lost, or a
   warning is due. */
static inline void table_put(FILE *file, double v) {
    char text[40];
    for (int n = 1; n <= 17; n++) {
        snprintf(text, sizeof text, "%.*g", n, v);
        if (strtod(text, NULL) == v) break;
    }
    for (char *at = text; *at; at++)
        if (*at == ',') *at = '.'; /* in the locales that have it */
    fprintf(file, "%s%s", text, !strcmp(text, "-0") || (strlen(text) > 9 && !strpbrk(text, ".en")) ? ".0" : "");
}

/* A list; rows: of one number, two, three and so on. */
static inline void table_put_list(FILE *file, const double *v, int count, int rows, const char *open, const char *close, const char *next) {
    fprintf(file, "%s", open);
    for (int i = 0, row = 1, left = 1; i < count; i++, left--) {
        if (rows && left == 0) fprintf(file, "%s", next), left = ++row;
        else if (i) fprintf(file, ", ");
        table_put(file, v[i]);
    }
    fprintf(file, "%s", close);
}

static inline void table_put_name(FILE *file, const char *name, const char *escape) {
    fprintf(file, "\"");
    for (; *name; name++)
        if (*name == '"' || *name == '\\' || (unsigned char)*name < ' ') fprintf(file, escape, (unsigned)(unsigned char)*name);
        else fputc(*name, file);
    fprintf(file, "\"");
}

/* Both return 0, or 1 where the file cannot be written. */
static inline int table_write_json(FILE *file, const dk_table *t) {
    fprintf(file, "{\"name\": ");
    table_put_name(file, t->name, "\\u%04x");
    fprintf(file, ", \"guidance\": ");
    table_put(file, t->guidance);
    fprintf(file, ", \"shared\": %s,\n", t->shared ? "true" : "false");
    table_put_list(file, t->level, t->steps + 1, 0, " \"level\": [", "],\n", "");
    table_put_list(file, t->a, t->steps, 0, " \"a\": [", "],\n", "");
    table_put_list(file, t->b, t->steps * (t->steps + 1) / 2, 1, " \"b\": [[", "]]", "],\n       [");
    if (t->noise) table_put_list(file, t->noise, t->steps, 0, ",\n \"noise\": [", "]", "");
    if (t->told) table_put_list(file, t->told, t->steps, 0, ",\n \"told\": [", "]", "");
    fprintf(file, "}\n");
    return ferror(file) != 0;
}

static inline int table_write_c(FILE *file, const char *identifier, const dk_table *t) {
    const struct {
        const char *name;
        const double *v;
        int count;
    } lists[] = {{"level", t->level, t->steps + 1}, {"a", t->a, t->steps}, {"b", t->b, t->steps * (t->steps + 1) / 2},
                 {"noise", t->noise, t->steps},     {"told", t->told, t->steps}};
    for (int k = 0; k < 5; k++) {
        if (!lists[k].v) continue;
        fprintf(file, "static const double %s_%s[] = ", identifier, lists[k].name);
        table_put_list(file, lists[k].v, lists[k].count, k == 2, k == 2 ? "{\n    " : "{", "};\n", ",\n    ");
    }
    fprintf(file, "static const dk_table %s = {", identifier);
    table_put_name(file, t->name, "\\%03o");
    fprintf(file, ", %d, %d, ", t->steps, t->shared);
    table_put(file, t->guidance);
    for (int k = 0; k < 5; k++)
        if (lists[k].v) fprintf(file, ", %s_%s", identifier, lists[k].name);
        else fprintf(file, ", NULL");
    fprintf(file, "};\n");
    return ferror(file) != 0;
}

#endif /* EXAMPLES_TABLE_H */
