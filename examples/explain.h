/* explain.h: says in sentences what a plan does, and where two plans differ. It reads plans as any program may: their rows,
   calls and values, and the lines of dk_plan_text.

   Include diffkit.h first, stdio.h and stdlib.h. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_EXPLAIN_H
#define EXAMPLES_EXPLAIN_H

/* dk_plan_text in memory of its own; NULL if there is none. */
static inline char *explain_text(const dk_plan *p) {
    size_t size = dk_plan_text(p, NULL, 0) + 1;
    char *text = (char *)malloc(size);
    if (text) dk_plan_text(p, text, size);
    return text;
}

/* ------------------------------------------------------------------------- rows as sentences */

/* Whose D this is: -1 where it is no call's own. */
static inline int explain_call_of(const dk_plan *p, int value) {
    for (int i = 0; i < p->calls; i++)
        if (p->call[i].denoised == value) return i;
    return -1;
}

/* The call that looks at a state; -1 if none does. */
static inline int explain_looks_at(const dk_plan *p, int value) {
    for (int i = 0; i < p->calls; i++)
        if (p->call[i].x == value) return i;
    return -1;
}

static inline void explain_name(const dk_plan *p, int value) {
    printf("%c%d", p->value[value].letter, p->value[value].number);
}

static inline void explain_value(const dk_plan *p, int value, int step) {
    const int call = p->value[value].letter == 'D' ? explain_call_of(p, value) : -1;
    switch (p->value[value].letter) {
    case 'x': printf("the state "); break;
    case 'D':
        if (call < 0) printf("the estimate ");
        else if (p->call[call].step == step) printf("this step's estimate ");
        else printf("step %d's estimate ", p->call[call].step);
        break;
    case 'U': printf("the estimate without the condition, "); break;
    case 'F': printf("the network's output "); break;
    case 'G': printf("the output without the condition, "); break;
    case 'H': printf("the output with the second condition, "); break;
    case 'z': printf("the noise "); break;
    case 'k': printf("the known data "); break;
    case 'm': printf("the mask "); break;
    default: break;
    }
    explain_name(p, value);
}

/* "0.5 of the state x1, plus 0.3 of step 0's estimate D0, minus ..." */
static inline void explain_terms(const dk_plan *p, const dk_row *row, int step) {
    for (int j = 0; j < row->count; j++) {
        const dk_term *term = &p->term[row->first + j];
        if (j) printf(term->c < 0 ? ", minus " : ", plus ");
        else if (term->c < 0) printf("minus ");
        if (fabs(term->c) > 1 + 5e-7) printf("%.6g times ", fabs(term->c)); /* not for what shows as 1 */
        else if (fabs(term->c) < 1 - 5e-7) printf("%.6g of ", fabs(term->c));
        explain_value(p, term->value, step);
        if (term->scalar) printf(" times r%d%s", term->scalar, term->power > 1 ? ", to a power" : "");
    }
    if (row->count == 0) printf("0");
}

static inline int explain_has(const dk_plan *p, const dk_row *row, char letter) {
    for (int j = 0; j < row->count; j++)
        if (p->value[p->term[row->first + j].value].letter == letter) return 1;
    return 0;
}

static inline void explain_row(const dk_plan *p, const dk_row *row, int step) {
    const dk_value *dst = &p->value[row->dst];
    const int call = explain_looks_at(p, row->dst);
    printf("        ");
    if (row->draw >= 0) {
        printf(row->draw == 0 ? "Noise is drawn for the initial state" : "Fresh noise is drawn, draw %d",
               row->draw);
        printf(": every number of it is from N(0, 1).\n");
        return;
    }
    if (dst->letter == 'x' && step < 0) printf("The initial state is ");
    else if (dst->letter == 'x' && dst->number == step + 1 && dst->number < p->levels)
        printf("The step ends, at noise level %g: the new state is ", dk_noise_level(p->level[dst->number]));
    else if (dst->letter == 'x') printf("The new state is ");
    else if (dst->letter == 'u') printf("The network will see ");
    else if (dst->letter == 'D')
        printf(explain_has(p, row, 'F') ? "The denoised estimate is read off what the network said: "
                                        : "The denoised estimate is ");
    else if (dst->letter == 'U') printf("The estimate without the condition is ");
    else if (call >= 0)
        printf("A state within the step, at noise level %g, where the network is asked next: ",
               dk_noise_level(p->call[call].level));
    else printf("A sum for later rows: ");
    explain_terms(p, row, step);
    if (row->mask >= 0) printf("; the first counts where the mask is 0, the rest where it is 1");
    if (row->clip > 0) printf("; clipped to %g", row->clip);
    printf(".%s\n",
           dst->letter == 'D' && row == &p->row[p->rows - 1] ? " It is the result: no noise is left." : "");
}

static inline void explain_call(const dk_plan *p, const dk_call *c) {
    static const char *const branches[] = {"", " without the condition", " with the second condition"};
    printf("        The network is asked%s%s about ", c->branches > 1 ? " with all conditions at once" : "",
           branches[c->branch]);
    explain_name(p, c->x);
    printf(", whose noise level is %g. It is told %g.", dk_noise_level(c->level), c->condition);
    if (c->phase) printf(" This is phase %d.", c->phase);
    if (dk_noise_level(c->end) < dk_noise_level(p->level[c->step + 1]))
        printf(" The step goes down to noise level %g, then noise is added.", dk_noise_level(c->end));
    printf("\n");
}

static inline void explain_norm(const dk_norm *n) {
    static const char *const sentences[] = {
        "A number for each sample: how long the first is in units of the second.",
        "A number for each sample: the step's error, in units of what is tolerated.",
        "A number for each sample: the step's error, in units of what is tolerated.",
        "A number for each sample: the ratio of two standard deviations.",
        "A number for each sample, which makes the vector no longer than the limit.",
        "A number for each sample: how much of the first lies along the second.",
        "A number for each sample, by which values beyond a quantile come back."};
    printf("        %s\n", sentences[n->kind]);
}

/* Goes over what a plan does, one row, call, norm, hook or guider after the other, with its line of dk_plan_text. Those lines are
   indented; the others are headings. */
typedef struct explain_cursor {
    const dk_plan *p;
    const char *next; /* line */
    int pass, at;     /* what comes next */
    int step;         /* -1: before the first */
    const char *heading, *line;
    const dk_row *row; /* one of these three, or else it is the hook or guider */
    const dk_call *call;
    const dk_norm *norm;
} explain_cursor;

static inline explain_cursor explain_begin(const dk_plan *p, const char *text) {
    explain_cursor c = {p, text, 0, 0, -1, text, text, NULL, NULL, NULL};
    return c;
}

static inline size_t explain_end_of(const char *line) { return strcspn(line, "\n"); }

static inline int explain_next(explain_cursor *c) {
    const dk_plan *p = c->p;
    while (c->pass < p->passes &&
           c->at == p->pass[c->pass].count + (p->pass[c->pass].boundary != DK_BOUNDARY_END))
        c->pass++, c->at = 0;
    if (c->pass == p->passes) return 0;
    for (; *c->next != ' '; c->next += explain_end_of(c->next) + 1)
        if (strncmp(c->next, "step ", 5) == 0) c->step++, c->heading = c->next;
    c->line = c->next, c->next += explain_end_of(c->next) + 1;
    const dk_pass *pass = &p->pass[c->pass];
    const int boundary = c->at == pass->count;
    c->row = boundary ? NULL : &p->row[pass->first + c->at];
    c->call = boundary && pass->boundary == DK_BOUNDARY_CALL ? &p->call[pass->index] : NULL;
    c->norm = boundary && pass->boundary == DK_BOUNDARY_NORM ? &p->norm[pass->index] : NULL;
    c->at++;
    return 1;
}

static inline void explain_sentence(const explain_cursor *c) {
    if (c->row) explain_row(c->p, c->row, c->step);
    else if (c->call) explain_call(c->p, c->call);
    else if (c->norm) explain_norm(c->norm);
    else printf("        A function of yours %s.\n", strstr(c->line, " = hook\n") == c->next - 8 ? "may change the estimate" : "makes G of the branches");
}

/* The lines of dk_plan_text, each followed by a sentence. */
static inline void explain_plan(const dk_plan *p, const char *text) {
    explain_cursor c = explain_begin(p, text);
    for (const char *from = text; explain_next(&c); from = c.next) {
        printf("%.*s", (int)(c.next - from), from);
        explain_sentence(&c);
    }
    printf("%s", c.next);
}

/* -------------------------------------------------------------------------- two plans */

/* The length of a line without where its value is put, which does not change what is computed. */
static inline size_t explain_length(const char *line) {
    size_t length = explain_end_of(line);
    for (size_t i = 0; i + 3 < length; i++)
        if (memcmp(line + i, "  ->", 4) == 0) return i;
    return length;
}

/* 1 where two numbers are the same but for rounding; the largest difference goes to *most. */
static inline int explain_near(double a, double b, double *most) {
    const double off = a < b || a > b ? fabs(a - b) / (1 + fabs(a)) : 0;
    if (off > *most && off < 1e-9) *most = off;
    return off < 1e-9;
}

static inline int explain_same_name(const explain_cursor *a, int i, const explain_cursor *b, int j) {
    if (i < 0 || j < 0) return i < 0 && j < 0;
    return a->p->value[i].letter == b->p->value[j].letter && a->p->value[i].number == b->p->value[j].number;
}

/* Terms may stand in another order. */
static inline int explain_same_row(const explain_cursor *a, const explain_cursor *b, double *most) {
    if (!explain_same_name(a, a->row->dst, b, b->row->dst) || a->row->draw != b->row->draw ||
        a->row->count != b->row->count || !explain_same_name(a, a->row->mask, b, b->row->mask) ||
        !explain_near(a->row->clip, b->row->clip, most))
        return 0;
    for (int i = 0; i < a->row->count; i++) {
        const dk_term *s = &a->p->term[a->row->first + i];
        int found = 0;
        for (int j = 0; j < b->row->count && !found; j++) {
            const dk_term *t = &b->p->term[b->row->first + j];
            found = explain_same_name(a, s->value, b, t->value) && s->scalar == t->scalar &&
                    s->power == t->power && explain_near(s->c, t->c, most);
        }
        if (!found) return 0;
    }
    return 1;
}

static inline int explain_same(const explain_cursor *a, const explain_cursor *b, double *most) {
    if (a->row && b->row) return explain_same_row(a, b, most);
    if (a->call && b->call)
        return explain_same_name(a, a->call->x, b, b->call->x) && a->call->branch == b->call->branch &&
               a->call->branches == b->call->branches && a->call->phase == b->call->phase &&
               explain_near(a->call->condition, b->call->condition, most) &&
               explain_near(a->call->level.alpha, b->call->level.alpha, most) &&
               explain_near(a->call->level.sigma, b->call->level.sigma, most);
    return explain_length(a->line) == explain_length(b->line) &&
           memcmp(a->line, b->line, explain_length(a->line)) == 0;
}

static inline void explain_levels(const dk_plan *a, const dk_plan *b) {
    int i = 0;
    while (i < a->levels && i < b->levels && memcmp(&a->level[i], &b->level[i], sizeof *a->level) == 0) i++;
    if (i == a->levels && i == b->levels) printf("levels         %d, the same\n", i);
    else if (i == a->levels || i == b->levels)
        printf("levels         %d and %d, the same as far as both go\n", a->levels, b->levels);
    else
        printf("levels         %d and %d; the first that differs is level %d, at noise level %g and %g\n",
               a->levels, b->levels, i, dk_noise_level(a->level[i]), dk_noise_level(b->level[i]));
}

static inline void explain_draws(const dk_plan *a, const dk_plan *b) {
    int i = 0;
    while (i < a->draws && i < b->draws && memcmp(&a->draw[i], &b->draw[i], sizeof *a->draw) == 0) i++;
    printf("draws          %d and %d", a->draws, b->draws);
    if (i == a->draws && i == b->draws) printf(", between the same levels\n");
    else if (i == a->draws || i == b->draws) printf(", the same as far as both go\n");
    else
        printf("; the first that differs is draw %d, from noise level %g to %g and from %g to %g\n", i,
               a->draw[i].from, a->draw[i].to, b->draw[i].from, b->draw[i].to);
}

static inline void explain_side(const char *name, const explain_cursor *c, int more) {
    const char *line = c->line + strspn(c->line, " ");
    printf("  %s: %.*s\n", name, more ? (int)explain_length(line) : 7, more ? line : "the end");
    if (more) explain_sentence(c);
}

static inline void explain_first_row(const dk_plan *p, const dk_plan *q, const char *text_p,
                                     const char *text_q) {
    explain_cursor a = explain_begin(p, text_p), b = explain_begin(q, text_q);
    double most = 0;
    int more_a, more_b;
    do more_a = explain_next(&a), more_b = explain_next(&b);
    while (more_a && more_b && explain_same(&a, &b, &most));
    if (!more_a && !more_b && most > 0) printf("rows           the same, but for %.2g of rounding\n", most);
    else if (!more_a && !more_b) printf("rows           the same, to the last digit\n");
    if (!more_a && !more_b) return;
    if (a.step < 0) printf("first row that differs, before the first step\n");
    else printf("first row that differs, in %.*s\n", (int)explain_end_of(a.heading), a.heading);
    explain_side("A", &a, more_a), explain_side("B", &b, more_b);
}

static inline void explain_difference(const dk_plan *a, const dk_plan *b, const char *text_a,
                                      const char *text_b) {
    if (a->attempt || b->attempt)
        printf("step sizes     follow from the data; what is compared is the first step of %s\n",
               !b->attempt   ? "A"
               : !a->attempt ? "B"
                             : "both");
    printf("steps          %d and %d\nevaluations    %d and %d\n", a->steps, b->steps, a->calls, b->calls);
    explain_draws(a, b);
    printf("buffers        %d and %d, besides x\n", a->buffers, b->buffers);
    explain_levels(a, b);
    explain_first_row(a, b, text_a, text_b);
}

#endif /* EXAMPLES_EXPLAIN_H */
