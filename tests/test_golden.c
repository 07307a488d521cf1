/* What every name gives, to the bit: frozen. tests/data/golden.txt has a line for each sampler, grid, schedule, form of guidance and
   source of noise, for each name of another program, model and class of diffusers, and for what a config can ask for besides, with
   a hash of its numbers, for states in float and in double; `make golden` writes it anew. All compilers, options, threads and
   machines must give these hashes. Names: a changed sampler gets a new one. The lines at the end, where values lie and what is
   written, may change where that is meant.

     test_golden print    the lines of this build
     test_golden hash     of the file, which is golden_hash below
     test_golden values   the numbers themselves, one a line, to see how far another machine is off */
#define DIFFKIT_IMPLEMENTATION /* json_lists.h asks a private function */
#include "check.h"

#include "json.h"
#include "json_lists.h"
#if defined(__x86_64__) && defined(__GNUC__)
#include <xmmintrin.h>
#endif

static const char golden_file[] = "tests/data/golden.txt";
static const char golden_hash[] = "98dbb3194cd28732"; /* of the whole file */

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* FNV-1a, 64 bits, over bytes that do not depend on the machine's order of them. */
static const uint64_t empty_hash = 0xCBF29CE484222325u;
static uint64_t hash;
static int listing;

static void take_bits(uint64_t bits, int bytes) {
    for (int i = 0; i < bytes; i++) hash = (hash ^ (bits >> 8 * i & 0xFF)) * 0x100000001B3u;
}

/* All NaN are one. */
static void take(double v) {
    uint64_t bits = 0x7FF8000000000000u;
    if (v >= 0 || v < 0) memcpy(&bits, &v, sizeof bits);
    take_bits(bits, 8);
    if (listing) printf("%.17g\n", v);
}

static void take_levels(const dk_level *l, int n) {
    for (int i = 0; i < n; i++) take(l[i].t), take(l[i].alpha), take(l[i].sigma);
}

static void take_states(const dk_real *x, size_t n) {
    for (size_t i = 0; i < n; i++) take((double)x[i]);
}

/* Fixed numbers, the state x/(1 + |x|) and the number of the call make an output; with integers, so that options of the
   compiler, which hold for the test as well, do not matter. */
static dk_real network_value(dk_real x, int call) {
    const double one = 1048576; /* 2^20 */
    int64_t q = 0;
    if (x > -1000 && x < 1000) q = (int64_t)((double)x * one);
    q = q * 1048576 / (1048576 + (q < 0 ? -q : q)) + call % 5 * 65536;
    return (dk_real)((double)q / one);
}

static int network(void *user, const dk_eval *e) {
    (void)user;
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) {
        e->output[i] = network_value(e->input[i], e->call);
        if (e->uncond_output) e->uncond_output[i] = e->output[i] / 2;
    }
    return 0;
}

/* ------------------------------------------------------------------ what plans and runs are made of */

static void take_text(const char *text) {
    for (; *text; text++) take((unsigned char)*text);
}

static const dk_term *terms_of(const dk_plan *plan, int row) { return plan->term + plan->row[row].first; }

static void take_coefficients(const dk_plan *plan, int row) {
    for (int k = 0; k < plan->row[row].count; k++) take(terms_of(plan, row)[k].c);
}

/* Values by the order in which they are spoken of, whatever their numbers and places are. */
typedef struct reader {
    const dk_plan *plan;
    int *name; /* by number; -1: not spoken of */
    int names;
} reader;

static void take_value(reader *r, int number) {
    if (number < 0) {
        take(-1);
        return;
    }
    const dk_value *v = &r->plan->value[number];
    if (r->name[number] < 0) {
        r->name[number] = r->names++;
        take(v->kind == DK_VALUE_GIVEN ? 1 + v->slot : 0);
    }
    take(r->name[number]);
}

static void take_row(reader *r, int row) {
    const dk_row *of = &r->plan->row[row];
    const dk_term *term = terms_of(r->plan, row);
    take(of->count);
    for (int k = 0; k < of->count; k++) {
        take(term[k].c), take_value(r, term[k].value);
        take(term[k].scalar), take(term[k].power);
    }
    take(of->draw), take_value(r, of->mask), take(of->clip);
    if (of->draw >= 0) { /* draw 0 is nothing where the state is given */
        const dk_draw *d = &r->plan->draw[of->draw];
        take(d->from), take(d->to), take(d->way);
    }
    take_value(r, of->dst);
}

static void take_call(reader *r, const dk_call *c) {
    take_levels(&c->level, 1);
    take(c->condition), take(c->input_scale), take(c->d_x), take(c->d_f), take(c->clip);
    take(c->step), take(c->stage), take(c->needs), take(c->estimate);
    take(c->branch), take(c->branches);
    for (int k = 0; k < DK_BRANCHES; k++)
        if (k < 3 || c->weight[k] < 0 || c->weight[k] > 0) take(c->weight[k]);
    take_value(r, c->x);
    for (int k = 0; k < c->branches; k++) take_value(r, c->input + k);
    for (int k = 0; k < c->branches; k++) take_value(r, c->output + k);
    take_value(r, c->uncond_output), take_value(r, c->denoised);
}

static void take_norm(reader *r, const dk_norm *n) {
    take(n->kind);
    take_value(r, n->a), take_value(r, n->b), take_value(r, n->p), take_value(r, n->q);
    take(n->atol), take(n->rtol), take(n->limit), take(n->share);
}

/* Everything that a plan does, in the order in which it is done. */
static void take_plan(const dk_plan *plan) {
    reader r = {plan, (int *)malloc((size_t)(plan->values + 1) * sizeof(int)), 0};
    int result = -1;
    assert_non_null(r.name);
    for (int i = 0; i < plan->values; i++) r.name[i] = -1;
    take(plan->attempt), take(plan->steps), take(plan->calls), take(plan->rows), take(plan->norms);
    take(plan->own.masked), take(plan->own.flow), take(plan->own.hooked), take(plan->number);
    take(plan->levels), take_levels(plan->level, plan->levels);
    for (int i = 0; i < plan->passes; i++) {
        const dk_pass *pass = &plan->pass[i];
        for (int k = 0; k < pass->count; k++) {
            const dk_value *dst = &plan->value[plan->row[pass->first + k].dst];
            take_row(&r, pass->first + k);
            if (dst->kind == DK_VALUE_BUFFER && dst->slot == 0) result = plan->row[pass->first + k].dst;
        }
        take(pass->boundary), take(pass->index);
        if (pass->boundary == DK_BOUNDARY_CALL) take_call(&r, &plan->call[pass->index]);
        if (pass->boundary == DK_BOUNDARY_NORM) take_norm(&r, &plan->norm[pass->index]);
    }
    take_value(&r, result);
    take(plan->draws);
    free(r.name);
}

/* Where the values lie, what they are called, and how rows are cut into passes. */
static void take_places(const dk_plan *plan) {
    take(plan->buffers), take(plan->halves), take(plan->locals), take(plan->noises), take(plan->values);
    for (int i = 0; i < plan->values; i++) {
        const dk_value *v = &plan->value[i];
        take(v->letter), take(v->kind), take(v->slot), take(v->life.together);
    }
    for (int i = 0; i < plan->passes; i++)
        take(plan->pass[i].first), take(plan->pass[i].count), take(plan->pass[i].boundary);
}

static void with_plan(dk_config *c, void (*taken)(const dk_plan *plan)) {
    dk_plan plan;
    memset(&plan, 0, sizeof plan);
    dk_status status = dk_record(&plan, c);
    take(status);
    if (status == DK_OK) taken(&plan);
    dk_plan_free(&plan);
}

static void take_grid(dk_config *c) {
    static double level[4096];
    for (int unit = DK_UNIT_T; unit <= DK_UNIT_LAMBDA; unit++) {
        int n = dk_levels(c, (dk_unit)unit, level, COUNT(level));
        take(n);
        for (int i = 0; i < n && i < COUNT(level); i++) take(level[i]);
    }
}

enum { FEW = 3, BATCH = 2 };

static const dk_real known[FEW * BATCH] = {(dk_real)0.5, -1, (dk_real)0.25, 2, (dk_real)-0.75, 1};
static const dk_real mask[FEW * BATCH] = {1, (dk_real)0.25, 0, 0, 1, (dk_real)0.75};

/* Each branch has an output of its own, in one evaluation as well. */
static void branched(const dk_eval *e, const dk_real *in, dk_real *out, int call) {
    size_t n = e->dim * (size_t)e->batch, each = n / (size_t)e->branches;
    for (size_t i = 0; i < n; i++) out[i] = network_value(in[i], call + 2 * (e->branch + (int)(i / each)));
}

/* Takes what an evaluation is told and shown. user: nothing in the output depends on the call's number. */
static int watched(void *user, const dk_eval *e) {
    dk_real in[FEW * BATCH * DK_BRANCHES], out[FEW * BATCH * DK_BRANCHES];
    size_t n = e->dim * (size_t)e->batch;
    if (n > COUNT(in)) return 1;
    take(e->t), take_levels(&e->level, 1);
    take(e->step), take(e->steps), take(e->call), take(e->calls), take(e->stage);
    take(e->branch), take(e->branches), take(e->batch), take(e->uncond_output || e->uncond_output_half);
    if (e->input_half) {
        for (size_t i = 0; i < n; i++) take(e->input_half[i]);
        dk_from_half(*(const dk_number *)user, e->input_half, in, n);
    } else memcpy(in, e->input, n * sizeof *in);
    take_states(in, n);
    branched(e, in, out, user ? 0 : e->call);
    if (e->output_half) dk_to_half(*(const dk_number *)user, out, e->output_half, n);
    else memcpy(e->output, out, n * sizeof *out);
    for (size_t i = 0; i < n; i++) out[i] /= 2;
    if (e->uncond_output_half) dk_to_half(*(const dk_number *)user, out, e->uncond_output_half, n);
    if (e->uncond_output) memcpy(e->uncond_output, out, n * sizeof *out);
    return 0;
}

static void fill(dk_real *x) {
    for (int i = 0; i < FEW * BATCH; i++) x[i] = (dk_real)(i % 4 - 1) / 4;
}

/* A short vector's run, with all that the network is asked. */
static void take_run(dk_config *c, void *user) {
    dk_real x[FEW * BATCH];
    dk_run run;
    fill(x);
    dk_status status = dk_begin(&run, c, x, NULL, 0);
    take(status);
    if (status == DK_OK) {
        take(dk_continue(&run, watched, user));
        if (run.config.sampler.control.rtol > 0 || run.config.sampler.control.atol > 0)
            take(run.own.pace.accepted), take(run.own.pace.rejected);
        dk_end(&run);
    }
    take_states(x, COUNT(x));
}

static void take_all(dk_config *c, void *user) {
    c->dim = FEW, c->batch = BATCH;
    if (c->grid.rising) c->start = DK_START_STATE;
    with_plan(c, take_plan);
    take_run(c, user);
}

/* The next word of a list, into word; NULL behind the last. */
static const char *next_word(const char *list, char word[64]) {
    size_t n = strcspn(list, " ");
    if (!n || n > 63) return NULL;
    memcpy(word, list, n), word[n] = 0;
    return list + n + (list[n] == ' ');
}

/* ------------------------------------------------------------------ what there is of each kind */

/* In every family, from noise: the plan's numbers and the result. Combinations that are refused count by their status. */
static void sampler(const char *name) {
    enum { DIM = 19 };
    for (int i = 0; dk_schedule_at(i); i++) {
        dk_config c = check_config(dk_schedule_at(i)->name, name, 7);
        dk_real x[DIM * BATCH] = {0};
        dk_plan plan;
        c.dim = DIM, c.batch = BATCH;
        memset(&plan, 0, sizeof plan);
        dk_status status = dk_record(&plan, &c);
        take(status);
        if (status == DK_OK) {
            take_levels(plan.level, plan.levels);
            for (int k = 0; k < plan.rows; k++) take_coefficients(&plan, k);
            for (int k = 0; k < plan.calls; k++) take(plan.call[k].condition), take(plan.call[k].input_scale);
        }
        dk_plan_free(&plan);
        take(dk_sample(&c, network, NULL, x));
        take_states(x, DIM * BATCH);
    }
}

static void grid(const char *name) {
    static const int steps[] = {1, 2, 7, 20};
    double level[64];
    for (int i = 0; dk_schedule_at(i); i++)
        for (int k = 0; k < COUNT(steps); k++) {
            dk_config c = check_config(dk_schedule_at(i)->name, NULL, steps[k]);
            c.grid = dk_grid_named(name);
            int n = dk_levels(&c, DK_UNIT_T, level, COUNT(level));
            for (int j = 0; j < n; j++) take(level[j]);
            n = dk_levels(&c, DK_UNIT_SIGMA, level, COUNT(level));
            for (int j = 0; j < n; j++) take(level[j]);
            take(n);
        }
}

static void schedule(const char *name) {
    dk_schedule s = dk_schedule_named(name);
    for (int i = 0; i <= 32; i++) {
        double t;
        dk_level slope = {0, 0, 0};
        volatile double range = s.t_max - s.t_min, part = range * i, after = part / 32; /* each rounded */
        dk_level at[3];
        t = s.t_min + after;
        at[0] = dk_level_at(&s, DK_UNIT_T, t);
        at[1] = dk_level_at(&s, DK_UNIT_SIGMA, i / 8.0), at[2] = dk_level_at(&s, DK_UNIT_LAMBDA, (i - 16) / 4.0);
        take_levels(at, 3);
        if (i > 0 && i < 32) slope = dkp_slope_at(&s, t);
        take(slope.alpha), take(slope.sigma);
        take(dk_lambda(at[0])), take(dk_noise_level(at[0]));
    }
}

static void normals(const char *name) {
    dk_real z[1031];
    (void)name;
    dk_normals(7, 3, 1, 0, COUNT(z), z);
    take_states(z, COUNT(z));
    dk_normals(0xFEDCBA9876543210u, 1ull << 40, 0xFFFFFFFFu, 1000000000001u, 77, z);
    take_states(z, 77);
}

/* Two draws of three samples, from one generator and from one for each, in the peer's floats and doubles. */
static void source(const char *name) {
    static const uint64_t seeds[3] = {1, 7, 0xFFFFFFFF};
    dk_real z[3 * 101];
    char words[40];
    dk_config c;
    dk_noise_request q;
    memset(&c, 0, sizeof c), memset(&q, 0, sizeof q);
    snprintf(words, sizeof words, "noise=%s", name);
    take(dk_config_set(&c, words));
    q.batch = 3, q.dim = 101, q.seed = 5, q.from = 9, q.to = 0.3, q.lowest = 0.03, q.highest = 20;
    for (int i = 0; i < 8; i++) {
        q.draw = q.call = i % 2, q.seeds = i & 2 ? seeds : NULL, c.noise.bits = i & 4 ? 64 : 32;
        take(dk_noise_fill(&c.noise, &q, z));
        take_states(z, COUNT(z));
    }
}

static void philox(const char *name) {
    uint32_t counter[4] = {1, 2, 3, 4}, out[4];
    const uint32_t key[2] = {5, 6};
    (void)name;
    for (int i = 0; i < 100; i++) {
        dkp_philox_block(counter, key, out);
        for (int k = 0; k < 4; k++) take(out[k]);
        counter[i % 4] ^= out[0];
    }
}

static void halves(const char *name) {
    dk_real v[512], back[512];
    uint16_t h[512];
    dk_number number = name[0] == 'f' ? DK_NUMBER_FP16 : DK_NUMBER_BF16;
    for (int i = 0; i < COUNT(v); i++)
        v[i] = (dk_real)(i % 2 ? -1 : 1) * (dk_real)(i * i + 1) / (dk_real)(i % 13 ? 4096 : 33554432);
    dk_to_half(number, v, h, COUNT(v));
    dk_from_half(number, h, back, COUNT(v));
    for (int i = 0; i < COUNT(v); i++) take(h[i]);
    take_states(back, COUNT(v));
}

/* Tasks from the last to the first. */
static void backwards(void *user, int n, void (*task)(void *arg, int i), void *arg) {
    (void)user;
    for (int i = n; i-- > 0;) task(arg, i);
}

/* Vectors that are long enough for parts; the name says how many. The same hash for all, with norms and noise. */
static void parts(const char *name) {
    enum { DIM = 35003 };
    static const char *const samplers[] = {"smld", "euler_a", "dopri5"};
    static dk_real x[DIM * BATCH];
    for (int i = 0; i < COUNT(samplers); i++) {
        dk_config c = check_config("vp", samplers[i], 2);
        c.dim = DIM, c.batch = BATCH, c.threads = name[0] - '0', c.parallel = backwards;
        take(dk_sample(&c, network, NULL, x));
        take_states(x, DIM * BATCH);
    }
}

static const struct guided {
    const char *name, *settings;
} guided[] = {
    {"scale", "guidance.scale=3"},
    {"scale2", "guidance.scale=3 guidance.scale2=1.5 guidance.noise_min=0.1"},
    {"rescale", "guidance.scale=3 guidance.rescale=0.7"},
    {"zero_star", "guidance.scale=3 guidance.zero_star=1 guidance.zero_init=1"},
    {"projected", "guidance.scale=3 guidance.projected=1 guidance.momentum=-0.5 guidance.limit=4"},
    {"quantile", "guidance.quantile=0.9"},
};
static const char *guided_name(int i) { return i < COUNT(guided) ? guided[i].name : NULL; }

static void guidance(const char *name) {
    enum { DIM = 1031 };
    static dk_real x[DIM * BATCH];
    dk_config c = check_config("flow", "dpmpp_2m_sde", 5);
    for (int i = 0; i < COUNT(guided); i++)
        if (strcmp(name, guided[i].name) == 0) dk_config_set(&c, guided[i].settings);
    c.dim = DIM, c.batch = BATCH;
    take(dk_sample(&c, network, NULL, x));
    take_states(x, DIM * BATCH);
}

/* What a name says of sampler and grid, each asked for alone; grids' names are refused otherwise. */
static void take_parts_named(const char *schedule, const char *name) {
    dk_config c = check_config(schedule, "dpmpp_2m", 7);
    dk_sampler s = dk_sampler_named(name);
    dk_grid g = dk_grid_named(name);
    take(s.record != NULL), take(g.spacing != DK_SPACING_DEFAULT);
    if (s.record) c.sampler = s;
    if (g.spacing) c.grid = g;
    take_grid(&c), take_all(&c, NULL);
}

/* A name of another program, "PEER:NAME", in three families; without its program, on a table of flow. */
static void alias(const char *name) {
    static const char *const families[] = {"flow", "vp_scaled_linear", "edm"};
    static const int steps[] = {6, 20, 5};
    for (int i = 0; i < COUNT(families); i++) {
        dk_config c = check_config(families[i], "dpmpp_2m", steps[i]);
        take(dk_config_named(&c, name));
        take_grid(&c), take_all(&c, NULL);
    }
    dk_config c = check_config("flow", "dpmpp_2m", 4);
    c.schedule = dk_flow(3), c.schedule.t_min = 0.001;
    take(dk_config_named(&c, strchr(name, ':') + 1));
    take_all(&c, NULL);
    take_parts_named("vp_linear", name), take_parts_named("flow", name);
    take_parts_named("vp_linear", strchr(name, ':') + 1);
}

static double table[1000];

static void take_lists(dk_config *c, const dk_json *more) {
    static double list[4096];
    int (*const of[])(dk_config *, const char *, double *, int) = {list_timesteps, list_sigmas};
    for (int k = 0; k < 2; k++) {
        int n = more->class_name ? of[k](c, more->class_name, list, COUNT(list)) : 0;
        take(n);
        for (int i = 0; i < n && i < COUNT(list); i++) take(list[i]);
    }
}

static dk_json given(double mu, double tokens, int to_zero) {
    dk_json more;
    memset(&more, 0, sizeof more);
    more.mu = mu, more.tokens = tokens, more.to_zero = to_zero, more.table = table,
    more.table_size = COUNT(table);
    return more;
}

/* In its customary steps; in few, of another image's size. */
static void model(const char *name) {
    for (int i = 0; i < 2; i++) {
        dk_config c = check_config("flow", NULL, i ? 4 : 0);
        dk_json more = given(0, i ? 1000 : 0, 0);
        memset(&c.schedule, 0, sizeof c.schedule);
        take(dk_config_for(&c, name, i ? &more : NULL));
        take(c.steps);
        if (i) take_text(more.class_name ? more.class_name : "none"), take_lists(&c, &more);
        take_grid(&c), take_all(&c, NULL);
    }
}

/* Calls taken(config, more) for the class's bare file and for each of tests/data/scheduler_configs.json. */
static void with_files(const char *name, void (*taken)(dk_config *c, dk_json *more)) {
    static const int steps[] = {5, 24};
    char text[100];
    snprintf(text, sizeof text, "{\"_class_name\": \"%s\"}", name);
    for (int i = 0; i < COUNT(steps); i++) {
        dk_config c = check_config("flow", NULL, steps[i]);
        dk_json more = given(0, 0, i);
        take(dk_config_from_json(&c, text, strlen(text), &more));
        taken(&c, &more);
    }
    if (strcmp(name, "DDIMScheduler") == 0) {
        static const char trained[] = "{\"num_train_timesteps\": 4, \"trained_betas\": [0.1, 2e-1 ,0.3,0.4], "
                                      "\"_class_name\": \"DDIMScheduler\"}";
        dk_config c = check_config("flow", NULL, 2);
        dk_json more = given(0, 0, 0);
        take(dk_config_from_json(&c, trained, strlen(trained), &more));
        taken(&c, &more);
    }
    snprintf(text, sizeof text, "%s\"", name);
    for (int i = 0; i < configs.count; i++) {
        const char *file = json_string(&configs.item[i], "text", "");
        const json *run = &json_get(&configs.item[i], "runs")->item[0];
        const char *at = strstr(file, text);
        if (!at || (at[-1] != '"' && strncmp(at - 4, "Flax", 4))) continue;
        dk_config c = check_config("flow", NULL, (int)json_real(run, "steps", 0));
        dk_json more = given(json_real(run, "mu", 0), 0, 0);
        take(dk_config_from_json(&c, file, strlen(file), &more));
        take_text(more.ignored);
        taken(&c, &more);
    }
}

static void take_config_of_file(dk_config *c, dk_json *more) {
    take_text(more->class_name ? more->class_name : "none");
    take_lists(c, more), take_grid(c), take_all(c, NULL);
}

static void class_of_diffusers(const char *name) { with_files(name, take_config_of_file); }

static const char *const few_families[] = {"flow", "ve", "edm", "vp", "vp_scaled_linear", "cosine_flow"};

static int place_of(const char *const *names, const char *name) {
    int i = 0;
    while (strcmp(names[i], name)) i++;
    return i;
}

static const char *const predictions[] = {"default", "x0", "eps", "v", "velocity", "score", "edm", NULL};

static void prediction(const char *name) {
    static const char *const samplers[] = {"euler", "dpmpp_2m_sde"};
    for (int i = 0; i < COUNT(few_families); i++)
        for (int k = 0; k < 8; k++) {
            dk_config c = check_config(few_families[i], samplers[k % 2], 4);
            c.prediction = (dk_prediction)place_of(predictions, name);
            if (k & 2) c.negated = 1, c.sigma_data = 0.75;
            if (k & 4) c.network_schedule = dk_schedule_named("vp_scaled_linear"), c.clip = 1.5;
            take_all(&c, NULL);
        }
}

static const char *const conditions[] = {"default", "t",       "sigma", "flow",
                                         "lambda",  "c_noise", "data",  NULL};

static void condition(const char *name) {
    for (int i = 0; i < COUNT(few_families); i++)
        for (int k = 0; k < 8; k++) {
            dk_config c = check_config(few_families[i], "heun", 4);
            c.condition = (dk_unit)place_of(conditions, name);
            if (k & 1) c.condition_scale = 1000, c.condition_rounding = (dk_rounding)(1 + k / 2 % 2);
            if (k & 4) c.network_schedule = dk_schedule_named(i % 2 ? "flow" : "vp_linear");
            take_all(&c, NULL);
        }
}

static const char *const rules[] = {"exact", "dpm",     "dpm_taylor", "bh1", "bh2",
                                    "sa",    "uniform", "gradient",   NULL};

static void rule(const char *name) {
    static const char *const samplers[] = {"dpmpp_2m", "dpmpp_3m", "unipc",    "sa_solver", "lms",
                                           "abm",      "dpmpp_2s", "dpmpp_3s", "deis",      "er_sde"};
    for (int i = 0; i < COUNT(samplers); i++)
        for (int order = 1; order <= 4; order++) {
            dk_config c = check_config(order % 2 ? "flow" : "vp", samplers[i], 6);
            c.sampler.rule = (dk_rule)(1 + place_of(rules, name)), c.sampler.order = order;
            take_all(&c, NULL);
        }
}

static const char *const laws[] = {"ancestral", "sde",  "ddpm_large", "fresh",
                                   "time",      "flow", "sde_noise",  NULL};

static void law(const char *name) {
    static const char *const samplers[] = {"ddim",
                                           "dpm2",
                                           "dpmpp_2m",
                                           "unipc",
                                           "dpmpp_2s",
                                           "dpmpp_sde",
                                           "seeds_3",
                                           "res_multistep_cfg_pp",
                                           "predictor_corrector"};
    for (int i = 0; i < COUNT(samplers); i++)
        for (int k = 0; k < COUNT(few_families); k++) {
            dk_config c = check_config(few_families[k], samplers[i], 4);
            c.sampler.law = (dk_noise_law)(1 + place_of(laws, name)), c.sampler.eta = k % 2 ? 0.5 : 1;
            take_all(&c, NULL);
        }
}

static const char *const gauges[] = {"default", "ve", "flow", "vp", "native", "pseudo", NULL};

static void gauge(const char *name) {
    static const char *const samplers[] = {"euler", "rk4",    "edm",  "lms",     "abm",
                                           "ddim",  "res_3s", "pndm", "deis_rho"};
    for (int i = 0; i < COUNT(samplers); i++)
        for (int k = 0; k < COUNT(few_families); k++) {
            dk_config c = check_config(few_families[k], samplers[i], 4);
            c.sampler.gauge = (dk_gauge)place_of(gauges, name);
            take_all(&c, NULL);
        }
}

/* Runs whose network has numbers of 16 bits. */
static void half_run(const char *name) {
    static const char *const samplers[] = {"euler", "euler_cfg_pp", "heun", "dpmpp_2m_sde", "unipc"};
    dk_number number = name[0] == 'f' ? DK_NUMBER_FP16 : DK_NUMBER_BF16;
    for (int i = 0; i < COUNT(samplers); i++)
        for (int k = 0; k < 4; k++) {
            dk_config c = check_config(k % 2 ? "edm" : "flow", samplers[i], 4);
            c.number = number;
            if (k & 2) dk_config_set(&c, "guidance.scale=3 guidance.doubled=1");
            take_all(&c, &number);
        }
}

/* What a config is asked for in words: settings, with a grid's name before, for some samplers in some families. */
static const struct asking {
    const char *kind, *name, *families, *samplers, *settings;
    int steps;
} askings[] = {
#define SOME "euler heun ddpm dpmpp_2m_sde unipc edm_churn lcm sa_solver_pece er_sde rk4 res_3s euler_cfg_pp"
    {"blend", "state", "flow vp_linear edm", SOME, "blend=state", 4},
    {"blend", "fixed", "flow vp_linear edm", SOME, "blend=fixed", 4},
    {"blend", "denoised", "flow vp_linear edm", SOME, "blend=denoised", 4},
    {"blend", "both", "flow vp_linear edm", SOME, "blend=both", 4},
    {"blend", "denoised_data", "flow ve", SOME, "blend=denoised start=data grid.strength=0.5", 4},
    {"blend", "both_data", "flow ve", SOME, "blend=both start=data grid.strength=1", 4},
    {"blend", "fixed_state", "flow ve", SOME, "blend=fixed start=state", 4},
    {"blend", "guided", "flow", SOME, "blend=denoised guidance.scale=3 guidance.rescale=0.5", 4},
    {"blend", "repaint", "vp_linear", "ddpm ddim heun dpmpp_2m", "jump=2,3 blend=state",
     7},
    {"blend", "both_churned", "edm vp", "euler heun dpmpp_2m", "blend=both churn=3", 5},
    {"blend", "control", "flow edm", "rk45 dpm_adaptive", "blend=denoised rtol=0.1 atol=0.1", 4},
#undef SOME
#define SOME \
    "euler heun dpm2 edm rk4 ddim ddpm dpmpp_2m dpmpp_2m_sde unipc lms pndm abm res_2s dpmpp_3s er_sde"
    {"churn", "some", "flow edm vp", SOME, "churn=2", 5},
    {"churn", "much", "edm", SOME, "churn=40 churn_min=0.05 churn_max=50 s_noise=1.003", 5},
    {"churn", "late", "edm vp", "euler_late_churn heun_late_churn", "churn=3", 5},
    {"churn", "late_at_the_level", "edm vp", "euler_late_churn heun_late_churn", "churn=3 quirk=1", 5},
    {"travel", "jump", "flow vp_linear", SOME, "jump=2,2", 6},
    {"travel", "jump_clean", "edm vp_linear", SOME, "jump=2,3,1", 6},
    {"travel", "jump_shift", "vp_linear", "ddpm ddim", "jump=1,2 grid.repaint_noise=1", 6},
    {"travel", "restart", "edm vp", SOME, "restart=2,2", 6},
    {"travel", "restart_range", "edm flow", "heun euler dpmpp_2m",
     "restart=3,1,0.3,1.5 s_noise=1.003", 8},
    {"travel", "restart_rule", "vp_scaled_linear", "heun euler", "karras: grid.way=a1111_restart", 21},
    {"travel", "restart_rule_long", "vp_scaled_linear", "heun", "karras: grid.way=a1111_restart", 37},
#undef SOME
#define SOME "dpm_adaptive dpm_solver_adaptive rk45 bogacki_shampine dormand_prince tsitouras heun"
    {"control", "coarse", "flow edm vp vp_scaled_linear", SOME, "rtol=0.1 atol=0.1", 4},
    {"control", "fine", "flow edm", SOME, "rtol=0.01 atol=0.005", 4},
    {"control", "own", "edm vp", "dpm_adaptive dpm_solver_adaptive", "", 4},
    {"control", "standard", "edm", SOME, "rtol=0.05 atol=0.05 control=standard", 4},
    {"control", "free", "edm", SOME, "rtol=0.05 atol=0.05 control=free", 4},
    {"control", "smooth", "edm", SOME, "rtol=0.05 atol=0.05 control=smooth safety=0.81", 4},
    {"control", "pid", "edm", SOME, "rtol=0.05 atol=0.05 pcoeff=0.3 icoeff=0.9 dcoeff=0.1", 4},
    {"control", "first", "edm flow", SOME, "rtol=0.05 atol=0.05 h_init=0.3 safety=0.8", 4},
    {"control", "noise", "edm vp", "dpm_adaptive", "eta=1 s_noise=0.9", 4},
    {"control", "order", "edm", "dpm_adaptive dpm_solver_adaptive", "order=2", 4},
    {"control", "guided", "flow", "dpm_adaptive rk45",
     "rtol=0.1 atol=0.1 guidance.scale=2 guidance.doubled=1", 4},
    {"control", "rising", "edm flow", "dpm_adaptive rk45", "rtol=0.1 atol=0.1 grid.rising=1 start=state", 4},
#undef SOME
#define SOME "euler dpmpp_2m ddpm unipc"
    {"partial", "slice", "flow vp_scaled_linear edm", SOME,
     "start=data grid.strength=0.55 grid.partial=slice", 9},
    {"partial", "stretch", "flow vp_scaled_linear edm", SOME,
     "start=data grid.strength=0.55 grid.partial=stretch", 9},
    {"partial", "level", "flow vp_scaled_linear edm", SOME,
     "start=data grid.strength=0.55 grid.partial=level", 9},
    {"partial", "up", "flow vp_scaled_linear edm", SOME, "start=data grid.strength=0.55 grid.partial=up", 9},
    {"partial", "more", "flow vp_scaled_linear edm", SOME, "start=data grid.strength=0.55 grid.partial=more",
     9},
    {"partial", "up_even", "flow edm", SOME, "start=data grid.strength=0.5 grid.partial=up", 8},
    {"partial", "more_even", "flow edm", SOME, "start=data grid.strength=0.5 grid.partial=more", 8},
    {"partial", "trailing", "vp_scaled_linear", SOME, "trailing: start=data grid.strength=0.4", 9},
#undef SOME
#define SOME "euler heun rk4 ddim dpmpp_2m unipc lms abm pndm res_3s dpmpp_3s edm exprk4s6 deis_t"
    {"rising", "all", "flow edm vp vp_scaled_linear", SOME, "grid.rising=1 start=state", 5},
    {"rising", "above_zero", "flow edm vp vp_scaled_linear", SOME, "grid.rising=1 start=state grid.final=min",
     5},
    {"rising", "told_end", "vp_scaled_linear", "ddim", "leading: grid.rising=1 start=state told_end=1", 5},
    {"rising", "guided", "flow", SOME, "grid.rising=1 start=state guidance.scale=2", 5},
#undef SOME
#define SOME                                                                           \
    "euler heun dpmpp_2m_sde unipc euler_cfg_pp dpmpp_2m_cfg_pp res_multistep_cfg_pp " \
    "gradient_estimation_cfg_pp"
    {"guided", "scale", "flow edm vp_scaled_linear", SOME, "guidance.scale=4", 4},
    {"guided", "one", "flow vp", SOME, "guidance.scale=1", 4},
    {"guided", "two", "flow edm vp", SOME, "guidance.scale=3 guidance.scale2=1.5", 4},
    {"guided", "doubled", "flow edm vp", SOME, "guidance.scale=3 guidance.scale2=1.5 guidance.doubled=1", 4},
    {"guided", "range", "edm vp", SOME, "guidance.scale=3 guidance.noise_min=0.1 guidance.noise_max=5", 6},
    {"guided", "steps", "flow edm", SOME, "guidance.scale=3 guidance.start=0.2 guidance.stop=0.7", 6},
    {"guided", "rescale_v", "flow vp", SOME, "guidance.scale=3 guidance.rescale=0.7 guidance.space=v", 4},
    {"guided", "zero_star", "flow", SOME, "guidance.scale=3 guidance.zero_star=1 guidance.zero_init=2", 4},
    {"guided", "projected", "flow vp", SOME,
     "guidance.scale=3 guidance.projected=2 guidance.momentum=-0.5 guidance.limit=4 guidance.parallel=0.5",
     4},
    {"guided", "quantile", "flow vp", SOME,
     "guidance.scale=3 guidance.quantile=0.8 guidance.quantile_most=1.5", 4},
    {"guided", "all", "flow vp", SOME,
     "guidance.scale=3 guidance.rescale=0.5 guidance.projected=1 "
     "guidance.momentum=-0.75 guidance.limit=2 guidance.quantile=0.9 guidance.doubled=1",
     4},
#undef SOME
#define SOME "euler_ancestral dpmpp_2m_sde dpmpp_sde sa_solver smld"
    {"drawn", "torch_cpu", "flow edm", SOME, "noise=torch_cpu", 4},
    {"drawn", "torch_cuda", "flow edm", SOME, "noise=torch_cuda", 4},
    {"drawn", "numpy", "flow edm", SOME, "noise=numpy", 4},
    {"drawn", "brownian", "flow edm vp", SOME, "step_noise=brownian", 4},
    {"drawn", "torchsde", "flow edm vp", SOME, "noise=torch_cpu step_noise=torchsde", 4},
    {"drawn", "comfyui", "edm", SOME, "noise=torch_cpu step_noise=torch_cpu step_noise.seed_offset=1", 4},
    {"drawn", "two", "edm", SOME, "noise=torch_cpu step_noise=numpy", 4},
#undef SOME
#define SOME                                                                                                \
    "euler heun dpm2 edm ddim dpmpp_2m dpmpp_3m unipc sa_solver dpmpp_2s dpmpp_sde seeds_2 seeds_3 er_sde " \
    "lms abm res_3s"
    {"set", "eta", "flow edm vp", SOME, "eta=0.5", 4},
    {"set", "more_eta", "edm vp", SOME, "eta=1.25", 4},
    {"set", "s_noise", "edm", SOME, "eta=1 s_noise=0.9", 4},
    {"set", "noise_range", "edm", SOME, "eta=1 noise_min=0.1 noise_max=5", 5},
    {"set", "above_last", "edm vp", SOME, "eta=1 above_last=1 grid.final=min", 4},
    {"set", "dry_bottom", "edm", "dpm2 dpmpp_2s", "eta=1.25 dry_bottom=1", 4},
    {"set", "fresh_pure", "flow cosine_flow", "ddim euler_cfg_pp", "eta=0.5 fresh_pure=1", 4},
    {"set", "noise_prediction", "flow edm vp", SOME, "noise_prediction=1", 4},
    {"set", "noise_prediction_sde", "edm vp", SOME, "noise_prediction=1 eta=1", 4},
    {"set", "order_1", "flow vp", SOME, "order=1", 5},
    {"set", "order_3", "flow vp", SOME, "order=3", 5},
    {"set", "order_8", "edm", "dpmpp_2m lms unipc sa_solver ipndm", "order=8", 10},
    {"set", "corrector", "flow edm", "dpmpp_2m lms deis ipndm", "corrector=3", 5},
    {"set", "pece", "flow edm", "dpmpp_2m lms unipc", "corrector=3 pece=1", 5},
    {"set", "uncorrected", "edm", "unipc sa_solver", "uncorrected=1 quirk=2", 5},
    {"set", "clean_twice", "edm vp", "unipc sa_solver abm", "grid.clean_twice=1 grid.final=last", 5},
    {"set", "kept_noise", "edm vp", "ddim", "kept_noise=1 clip=0.5", 5},
    {"set", "third_minus", "edm vp", "dpmpp_3m_sde", "third_minus=1", 5},
    {"set", "euler_to_data", "edm flow", "heun rk4 edm", "euler_to_data=1", 5},
    {"set", "lower_order_1", "flow vp", "dpmpp_3m unipc lms deis", "lower_order_final=1", 6},
    {"set", "lower_order_2", "flow vp", "dpmpp_3m unipc lms deis", "lower_order_final=1 count_last=1", 6},
    {"set", "lower_order_3", "flow vp", "dpmpp_3m unipc lms deis", "euler_last=1", 6},
    {"set", "plain_last", "edm vp", "euler heun rk4 lms predictor_corrector smld", "plain_last=1", 4},
    {"set", "warmup", "edm vp", "pndm", "warmup=2", 6},
    {"set", "pseudo", "vp_scaled_linear", "rk4 heun pndm lms", "gauge=pseudo", 5},
    {"set", "cfg_pp", "flow vp", SOME, "cfg_pp=1", 4},
    {"set", "cfg_pp_2", "flow vp", SOME, "cfg_pp=1 uncond_past=1", 4},
    {"set", "alpha", "edm vp", "edm dpm2 dpmpp_2s dpmpp_3s dpmpp_sde seeds_2 seeds_3", "alpha=0.7", 4},
    {"set", "alpha2", "edm vp", "dpmpp_3s dpm_solver_3s seeds_3", "alpha2=0.75", 4},
    {"set", "stages_uniform", "vp_scaled_linear flow", "dpmpp_2s dpmpp_3s", "time_uniform=1", 4},
    {"set", "stages_quadratic", "vp_scaled_linear vp", "dpmpp_2s dpmpp_3s", "time_quadratic=1", 4},
    {"set", "stages_levels", "vp_scaled_linear edm", "dpmpp_2s_levels", "", 7},
    {"set", "evals", "vp edm", "dpm_solver_fast", "evals=8", 5},
    {"set", "pure_stage", "flow", "dpmpp_2s", "pure_stage=1", 4},
    {"set", "deis_sum", "vp edm", "deis_t", "deis_sum=1", 5},
    {"set", "er_power", "vp edm flow", "er_sde", "er_power=1 eta=0.5", 5},
    {"set", "gamma", "flow edm", "gradient_estimation tcd", "gamma=1.5", 5},
    {"set", "predictor_reverse", "vp ve", "predictor_corrector", "predictor=reverse_diffusion", 4},
    {"set", "predictor_maruyama", "vp ve", "predictor_corrector", "predictor=euler_maruyama eta=0.5", 4},
    {"set", "predictor_ancestral", "vp ve", "predictor_corrector", "predictor=ancestral", 4},
    {"set", "predictor_none", "vp ve", "predictor_corrector", "predictor=none langevin_steps=2", 4},
    {"set", "bins", "vp ve", "predictor_corrector euler_maruyama", "bins=1", 24},
    {"set", "bins_more", "vp ve", "predictor_corrector euler_maruyama", "bins=1 quirk=100", 4},
    {"set", "langevin_step", "vp ve", "predictor_corrector smld", "langevin_step=0.1 langevin_steps=3", 4},
    {"set", "snr", "vp ve", "predictor_corrector", "snr=0.2 langevin_steps=2", 4},
    {"set", "stride", "vp_scaled_linear", "ddim ddpm", "leading: stride=1 quirk=100", 7},
    {"set", "told_end", "vp_scaled_linear flow", "ddim", "told_end=1", 4},
    {"set", "final_value", "edm vp", "euler dpmpp_2m unipc",
     "grid.final=value grid.final_value=0.05 grid.sigma_min=0.1", 4},
    {"set", "final_replace", "edm vp", "euler dpmpp_2m unipc", "grid.final=replace", 4},
    {"set", "final_last", "edm vp", "euler dpmpp_2m unipc", "grid.final=last", 4},
    {"set", "grid_shift", "flow edm", "euler dpmpp_2m", "grid.shift=3 grid.shift_power=0.5", 4},
    {"set", "grid_ceiling", "flow", "euler dpmpp_2m", "grid.below_one=1", 4},
    {"set", "grid_range", "edm vp", "euler dpmpp_2m", "grid.sigma_min=0.1 grid.sigma_max=5 grid.rho=3", 4},
    {"set", "grid_spare", "edm vp", "euler", "grid.spare=1", 4},
    {"set", "grid_terminal", "flow", "euler", "grid.terminal=0.1", 4},
    {"set", "grid_rounding", "vp_scaled_linear", "euler", "grid.rounding=nearest", 7},
    {"set", "grid_rounding_down", "vp_scaled_linear", "euler", "linspace: grid.rounding=down", 7},
    {"set", "grid_sigma_linear", "vp_scaled_linear", "euler", "linspace: grid.sigma_linear=1", 7},
    {"set", "gits_many", "edm vp_scaled_linear", "euler", "gits: ", 30},
    {"set", "ays_many", "edm vp_scaled_linear", "euler", "ays_sdxl: ", 30},
    {"set", "lcm_steps", "vp_scaled_linear", "lcm", "lcm: grid.original_steps=25", 5},
    {"set", "beta", "vp_scaled_linear edm", "euler", "beta_sigma: grid.beta_a=0.5 grid.beta_b=0.75", 8},
    {"set", "laplace", "vp_scaled_linear edm", "euler", "laplace: grid.mean=0.25 grid.deviation=0.75", 8},
    {"set", "linear_quadratic", "flow edm", "euler",
     "linear_quadratic: grid.threshold=0.05 grid.linear_steps=3", 8},
    {"set", "iddpm", "edm", "euler", "iddpm: grid.c_1=0.002 grid.c_2=0.01", 8},
#undef SOME
};

/* "GRID: SETTINGS", or settings alone. */
/* dk_config_set, and the numbers of a way: jump=2,3,0 or restart=2,1,0.1,2. */
static dk_status set(dk_config *c, const char *settings) {
    static dk_repaint repaint;
    static dk_restart restart;
    double v[4] = {0, 0, 0, 0};
    const char *numbers = strchr(settings, '='), *rest = strchr(settings, ' ');
    int jump = strncmp(settings, "jump=", 5) == 0;
    if (!jump && strncmp(settings, "restart=", 8)) return dk_config_set(c, settings);
    for (int i = 0; i < 4 && numbers && *numbers != ' '; i++) {
        v[i] = strtod(numbers + 1, NULL);
        numbers = strpbrk(numbers + 1, ", ");
    }
    dk_repaint by_jumps = {{dk_repaint_level}, (int)v[0], (int)v[1], (int)v[2]};
    dk_restart by_restarts = {{dk_restart_level}, (int)v[0], (int)v[1], v[2], v[3]};
    repaint = by_jumps, restart = by_restarts;
    c->grid.way = jump ? &repaint.way : &restart.way;
    return dk_config_set(c, rest ? rest + 1 : "");
}

static void take_settings(dk_config *c, const char *settings) {
    char grid_of[64];
    const char *rest = strstr(settings, ": ");
    if (rest) {
        next_word(settings, grid_of), grid_of[rest - settings] = 0;
        c->grid = dk_grid_named(grid_of), settings = rest + 2;
        take(!c->grid.spacing);
    }
    take(set(c, settings));
}

static const char *kind_now; /* of the line being made */

static const char *asked_name(int i) {
    for (int k = 0; k < COUNT(askings); k++)
        if (strcmp(askings[k].kind, kind_now) == 0 && i-- == 0) return askings[k].name;
    return NULL;
}

static void asked(const char *name) {
    char family[64], sampler[64];
    const struct asking *a = askings;
    while (strcmp(a->kind, kind_now) || strcmp(a->name, name)) a++;
    int control = strcmp(a->kind, "control") == 0;
    for (const char *f = next_word(a->families, family); f; f = next_word(f, family))
        for (const char *s = next_word(a->samplers, sampler); s; s = next_word(s, sampler)) {
            dk_config c = check_config(family, sampler, a->steps);
            if (strcmp(a->kind, "blend") == 0) c.mask = mask, c.known = known;
            take_settings(&c, a->settings);
            take_grid(&c), take_all(&c, control ? &control : NULL);
        }
}

/* ------------------------------------------------------------------ what a user brings */

/* Everything that a recording function may say; coefficients that need no rounding. */
static void record_all(dk_recorder *r) {
    dk_vec v = r->x;
    while (dkr_step(r)) {
        dk_vec U, D = dkr_denoise_told(r, r->x, r->from, r->to, &U), z = dkr_noise(r, r->from, r->to);
        v = dkr_keep(r, check_sum(dkr_mix(0.5, v, 0.25, D), dkr_scale(0.125, z)));
        dk_vec E = dkr_denoise(r, dkr_mix(1, r->x, 0.125, v), r->to);
        int ratio = dkr_norm_ratio(r, E, D);
        dk_vec terms[16] = {dkr_mix(1, r->x, 2, U)};
        double c[16] = {0.25};
        int n = 1;
        for (int i = 2 * r->step + 2; i > 1; i--, n++) c[n] = 0.0625, terms[n] = dkr_past(r, i);
        c[n] = 0.25, terms[n] = dkr_mix(1, v, 0.5, z);
        dk_vec sum = dkr_sum(r, n + 1, c, terms);
        r->x = check_sum(sum, check_sum(dkr_scale_by(0.25, ratio, 1, E), dkr_mix(-0.125, D, 0.5, z)));
    }
}

static void own_schedule(void *user, double t, double *alpha, double *sigma, double *d_alpha,
                         double *d_sigma) {
    (void)user;
    *alpha = 1, *sigma = t, *d_alpha = 0, *d_sigma = 1;
}

static void own_slopes(void *user, double t, double *alpha, double *sigma, double *d_alpha, double *d_sigma) {
    (void)user, (void)d_alpha, (void)d_sigma;
    *alpha = 1, *sigma = t;
}

static int own_noise(void *user, const dk_noise_request *q, dk_real *out) {
    (void)user;
    take(q->draw), take(q->call), take(q->from), take(q->to), take(q->lowest), take(q->highest);
    take(q->way), take(q->flow), take(q->batch), take((double)q->dim);
    for (size_t i = 0; i < q->dim * (size_t)q->batch; i++)
        out[i] = (dk_real)((int)(i + (size_t)q->draw) % 5 - 2);
    return 0;
}

static void own_guidance(void *user, dk_level level, int step, int steps, dk_guidance *g) {
    (void)user;
    take_levels(&level, 1), take(step), take(steps);
    g->scale = step % 3;
}

static int own_hook(void *user, const dk_eval *e, dk_real *D, int slot) {
    (void)user, (void)slot;
    take(e->t), take(e->step), take(e->call), take(e->stage), take(e->branch);
    for (size_t i = 0; i < e->dim * (size_t)e->batch; i++) D[i] /= 2;
    return 0;
}

static int own_progress(void *user, dk_run *run, const dk_eval *e) {
    dk_real D[FEW * BATCH];
    (void)user;
    take(e->call), take(dk_denoised(run, D)), take_states(D, COUNT(D));
    take(dk_run_noise(run, 0, D)), take_states(D, COUNT(D));
    take_states(dk_state(run), FEW * BATCH);
    return 0;
}

static const char *const owns[] = {"record",      "schedule", "slopes",     "table",  "tableau",
                                   "exponential", "betas",    "noise",      "scale",  "hook",
                                   "progress",    "levels",   "resampled",  "travel", "seeds",
                                   "unchecked",   "resolved", "given_plan", NULL};

static void own(const char *name) {
    static const char *const samplers[] = {"euler",    "edm",          "euler_ancestral", "dpmpp_2m_sde",
                                           "dpmpp_3s", "euler_cfg_pp", "unipc",           "rk4"};
    static const double a[4] = {0.75, 0.5, 0.5, 0.25}, told[4] = {0.875, 0.625, 0.25, 0.125},
                        noise[4] = {0.5, 0, 0.25, 0}, level[5] = {0.875, 0.625, 0.375, 0.375, 0},
                        b[10] = {0.25, 0.25, 0.5, -0.25, 0.5, 0.5, 0.125, 0.25, -0.5, 1},
                        levels[5] = {0.875, 0.5, 0.25, 0.125, 0}, travel[5] = {0.875, 0.5, 0.75, 0.25, 0};
    static const double abar[4] = {0.875, 0.5, 0.25, 0.125};
    static const uint64_t seeds[2] = {5, 11};
    dk_table t = {"", 4, 0, 0, level, a, b, noise, told};
    int k = place_of(owns, name);
    for (int i = 0; i < 2 * COUNT(samplers); i++) {
        dk_config c = check_config(i % 2 ? "vp" : "flow", samplers[i / 2], 4);
        if (k == 0)
            memset(&c.sampler, 0, sizeof c.sampler), c.sampler.record = record_all;
        if (k == 1) c.schedule = dk_custom_schedule(own_schedule, NULL, 0.125, 16);
        if (k == 2) c.schedule = dk_custom_schedule(own_slopes, NULL, 0.125, 16);
        if (k == 3)
            c.sampler = dk_table_sampler(&t), t.told = i & 2 ? told : NULL, t.noise = i & 4 ? noise : NULL;
        if (k == 4)
            c.sampler =
                check_tableau(i & 2 ? "1 | 1/2 1/2 ~ 1 0 0" : "1/3 | -1/3 1 | 1 -1 1 | 1/8 3/8 3/8 1/8");
        if (k == 4 && i & 4) c.sampler.control.rtol = c.sampler.control.atol = 0.125, c.sampler.order = 2;
        if (k == 5) c.sampler = check_exponential("1/2 | 1: 2 phi2");
        if (k == 6)
            c.schedule = dk_vp_table(abar, 4), c.grid.spacing = DK_SPACING_TRAILING, c.steps = 2 + i % 2;
        if (k == 7) c.noise.fn = own_noise;
        if (k == 8) c.guidance.schedule = own_guidance, c.guidance.scale = 2;
        if (k == 9) c.guidance.hook = own_hook, c.guidance.scale = i & 2 ? 2 : 0;
        if (k == 10) c.progress = own_progress, c.guidance.scale = i & 2 ? 2 : 0;
        if (k == 10 && i & 4) c.mask = mask, c.known = known, c.blend = DK_BLEND_DENOISED;
        if (k == 11) c.grid = dk_grid_levels(levels, i % 2 ? DK_UNIT_SIGMA : DK_UNIT_FLOW);
        if (k == 12) {
            c.grid = dk_grid_levels(levels, i % 2 ? DK_UNIT_SIGMA : DK_UNIT_FLOW), c.steps = 6;
            c.grid.spacing = DK_SPACING_RESAMPLE, c.grid.level_count = 4;
        }
        if (k == 13) c.grid = dk_grid_levels(travel, DK_UNIT_FLOW), c.grid.travel = 1;
        if (k == 14) c.seeds = i & 2 ? seeds : NULL, c.first_sample = i & 2 ? 0 : 3;
        if (k == 15)
            c.unchecked = 1, c.threads = 2, c.parallel = backwards, c.noise.kind = DK_NOISE_TORCH_CPU;
        if (k == 16) c.dim = FEW, c.batch = BATCH, take(dk_resolve(&c));
        if (k < 17) {
            take_all(&c, NULL);
            continue;
        }
        c.dim = FEW, c.batch = BATCH;
        dk_plan plan, copy;
        dk_run run;
        dk_real x[FEW * BATCH];
        memset(&plan, 0, sizeof plan), memset(&copy, 0, sizeof copy);
        take(dk_record(&plan, &c)), take(dk_record(&copy, &c));
        take(dk_plan_equal(&copy, &plan, 0, NULL)), take(dkp_plan_hash(&plan) == dkp_plan_hash(&copy));
        dk_plan_free(&plan);
        c.sampler = dk_sampler_named("euler"), c.steps = 1; /* in the plan, what it was */
        take(dk_begin_plan(&run, &copy, &c, x, NULL, 0)), take(dk_continue(&run, watched, NULL));
        dk_end(&run);
        take_plan(&copy), take_states(x, COUNT(x));
        dk_plan_free(&copy);
    }
}

/* Computed here, where the compiler's flags and libm may move the last place: to float. */
static double to_float(double x) {
    volatile float v = (float)x;
    return (double)v;
}

static dk_grid shifted(double mu, double terminal) {
    dk_grid g = check_shifted(mu, terminal);
    g.shift = to_float(g.shift);
    return g;
}

/* Shifts that depend on a number of tokens. */
static void lists(const char *name) {
    (void)name;
    for (int tokens = 256; tokens <= 8192; tokens *= 2)
        for (int i = 0; i < 4; i++) {
            dk_config c = check_config("flow", "euler", 6);
            c.grid = i == 0   ? shifted(dk_shift_mu(tokens, 256, 4096, 0.5, 1.15), 0)
                     : i == 1 ? shifted(check_flux2_mu(tokens, 6), 0)
                     : i == 2 ? shifted(dk_shift_mu(tokens, 1024, 4096, 0.95, 2.05), 0.1)
                              : check_vp_grid(19.875, 0.125, 0.001);
            take_grid(&c);
            take(dk_shift_mu(tokens, 256, 4096, 0.5, 1.125)), take(to_float(check_flux2_mu(tokens, 10 + i)));
        }
}

static const char *const betas[] = {"linear",      "scaled_linear", "cosine", "sigmoid",
                                    "exponential", "laplace",       NULL};

/* Discrete tables: whole, in float, to zero, small. */
static void table_of(const char *name) {
    for (int i = 0; i < 12; i++) {
        dk_config c = check_config("flow", i % 2 ? "dpmpp_2m_sde" : "ddim", 5);
        int which = place_of(betas, name), spaced = which < 2 || which == 3;
        c.schedule = dk_vp_discrete((dk_betas)which, i < 6 ? 1000 : 50, spaced ? 0.001 : 0, spaced ? 0.02 : 0);
        c.schedule.zero_terminal_snr = i % 3 > 0, c.schedule.quirks = i / 3 % 2 ? DK_QUIRK_FLOAT_TABLE : 0;
        if (i % 3 > 1) c.schedule.quirks |= DK_QUIRK_TERMINAL_ALPHA;
        c.schedule.shift = i > 8 ? 3 : 0;
        if (i % 3) c.prediction = DK_PREDICT_V;
        c.grid.spacing = i % 2 ? DK_SPACING_TRAILING : DK_SPACING_DEFAULT;
        take_grid(&c), take_all(&c, NULL);
    }
}

/* ------------------------------------------------------------------ vectors that are not short */

enum { LONG = 1031 };

static int long_network(void *user, const dk_eval *e) {
    static dk_real in[LONG * BATCH * DK_BRANCHES], out[LONG * BATCH * DK_BRANCHES];
    dk_number number = *(const dk_number *)user;
    size_t n = e->dim * (size_t)e->batch;
    if (n > COUNT(in)) return 1;
    if (number == DK_NUMBER_REAL) memcpy(in, e->input, n * sizeof *in);
    else dk_from_half(number, e->input_half, in, n);
    branched(e, in, out, e->call);
    if (number == DK_NUMBER_REAL) memcpy(e->output, out, n * sizeof *out);
    else dk_to_half(number, out, e->output_half, n);
    for (size_t i = 0; i < n; i++) out[i] /= 2;
    if (e->uncond_output) memcpy(e->uncond_output, out, n * sizeof *out);
    if (e->uncond_output_half) dk_to_half(number, out, e->uncond_output_half, n);
    return 0;
}

static void long_run(const char *name) {
    static const char *const samplers[] = {"euler_cfg_pp", "heun", "dpmpp_2m_sde", "unipc",
                                           "predictor_corrector"};
    static dk_real x[LONG * BATCH], m[LONG * BATCH], k[LONG * BATCH];
    for (int i = 0; i < LONG * BATCH; i++) m[i] = (dk_real)(i % 5) / 4, k[i] = (dk_real)(i % 9 - 4) / 2;
    for (int i = 0; i < COUNT(samplers); i++)
        for (int threads = 1; threads <= 2; threads++) {
            dk_config c = check_config("vp", samplers[i], 4);
            c.dim = LONG, c.batch = BATCH, c.threads = threads;
            if (strstr(name, "fp16")) c.number = DK_NUMBER_FP16;
            if (strstr(name, "bf16")) c.number = DK_NUMBER_BF16;
            if (strstr(name, "clip")) c.clip = 0.5;
            if (strstr(name, "blend")) c.mask = m, c.known = k;
            if (strstr(name, "guided"))
                take(dk_config_set(&c, "guidance.scale=3 guidance.doubled=1 guidance.rescale=0.5"));
            if (strstr(name, "state")) c.blend = DK_BLEND_STATE;
            if (strstr(name, "both")) c.blend = DK_BLEND_BOTH;
            memset(x, 0, sizeof x);
            take(dk_sample(&c, long_network, &c.number, x));
            take_states(x, COUNT(x));
        }
}

static const char *long_name(int i) {
    static const char *const names[] = {"fp16",         "bf16",        "fp16_guided",
                                        "bf16_guided",  "blend_state", "blend_both",
                                        "blend_guided", "clip",        "guided"};
    return i < COUNT(names) ? names[i] : NULL;
}

/* ------------------------------------------------------------------ plans and runs of each sampler */

/* A run that is stopped at every third evaluation, saved, and taken up by another; it must end as one that is not. Returns how often. */
static int broken_run(dk_config *c, dk_real *x) {
    dk_eval e;
    dk_run run;
    int times = 0;
    fill(x);
    dk_status status = dk_begin(&run, c, x, NULL, 0);
    take(status);
    if (status) return -1;
    for (int n = 1; dk_next(&run, &e); n++) {
        if (n % 3 == 0 && times < 8) {
            size_t size = dk_save_size(&run);
            void *bytes = malloc(size ? size : 1);
            assert_non_null(bytes);
            take(dk_save(&run, bytes, size));
            dk_end(&run);
            memset(x, 0, FEW * BATCH * sizeof *x);
            take(dk_begin(&run, c, x, NULL, 0)), take(dk_load(&run, bytes, size));
            free(bytes);
            times++;
            if (!dk_next(&run, &e)) break;
        }
        network(NULL, &e);
    }
    take(run.status);
    if (run.status == DK_OK) {
        dk_real result[FEW * BATCH];
        take(dk_denoised(&run, result)), take_states(result, COUNT(result));
        take_states(dk_state(&run), COUNT(result));
    }
    dk_end(&run);
    return times;
}

static const char *const all_settings[] = {
    "noise=torch_cpu",
    "noise=torch_cuda",
    "noise=numpy",
    "step_noise=brownian",
    "noise=torch_cpu step_noise=torchsde",
    "guidance.scale=2 guidance.projected=1 guidance.momentum=-0.5",
    "blend=state",
    "blend=both",
    "jump=2,2",
    "rtol=0.1 atol=0.1",
    NULL,
};

static void save_one(const char *schedule, const char *sampler, const char *settings) {
    dk_real x[FEW * BATCH], whole[FEW * BATCH];
    dk_config c = check_config(schedule, sampler, 5);
    c.dim = FEW, c.batch = BATCH;
    if (c.sampler.control.rtol > 0) c.sampler.control.rtol = c.sampler.control.atol = 0.0625;
    if (settings) take(set(&c, settings));
    if (c.noise.kind > DK_NOISE_BROWNIAN) c.noise.bits = 32;
    if (settings && strncmp(settings, "blend", 5) == 0) c.mask = mask, c.known = known;
    fill(whole);
    dk_status status = dk_sample(&c, network, NULL, whole);
    take(status);
    take(broken_run(&c, x)), take_states(x, COUNT(x));
    if (status == DK_OK) assert_memory_equal(x, whole, sizeof x);
}

/* A sampler, or settings for some. */
static void saved(const char *name) {
    static const char *const samplers[] = {"dpmpp_2m_sde", "sa_solver", "rk45"};
    if (!strchr(name, '=')) save_one("flow", name, NULL), save_one("edm", name, "step_noise=numpy");
    else
        for (int i = 0; i < COUNT(samplers); i++) save_one("vp", samplers[i], name);
}

static const char *saved_name(int i) {
    int n = 0;
    for (; dk_sampler_at(n); n++)
        if (n == i) return dk_sampler_at(n)->name;
    return i - n < COUNT(all_settings) ? all_settings[i - n] : NULL;
}

static void with_plans(const char *name, void (*taken)(const dk_plan *plan)) {
    static const char *const families[] = {"flow", "edm", "vp_scaled_linear"};
    for (int i = 0; i < COUNT(families); i++) {
        dk_config c = check_config(families[i], name, 6);
        with_plan(&c, taken);
    }
    dk_config c = check_config("vp", name, 5);
    c.mask = mask, c.known = known, c.blend = DK_BLEND_BOTH, c.dim = FEW, c.batch = BATCH;
    dk_config_set(&c, "guidance.scale=3 guidance.scale2=2 guidance.rescale=0.5 guidance.doubled=1");
    with_plan(&c, taken);
}

static void plan_hash(const char *name) { with_plans(name, take_plan); }
static void places(const char *name) { with_plans(name, take_places); }

static void take_plan_text(const dk_plan *plan) {
    size_t size = dk_plan_text(plan, NULL, 0) + 1;
    char *text = (char *)malloc(size);
    assert_non_null(text);
    take((double)dk_plan_text(plan, text, size)), take_text(text);
    free(text);
}

static const char *text_name(int i) {
    static const char *const names[] = {"euler", "heun",         "euler_ancestral", "dpmpp_2m_sde",
                                        "unipc", "dpm_adaptive", "euler_cfg_pp",    "predictor_corrector",
                                        "rk4",   "exprk4s6"};
    return i < COUNT(names) ? names[i] : NULL;
}

static void plan_text(const char *name) {
    dk_config c = check_config("flow", name, 3);
    with_plans(name, take_plan_text);
    dk_config_set(&c, "guidance.scale=3 guidance.projected=1 guidance.limit=2 guidance.momentum=-0.5 "
                      "guidance.quantile=0.9");
    with_plan(&c, take_plan_text);
}

/* ------------------------------------------------------------------ names */

static const char *alias_name(int i) {
    static char name[64];
    dk_alias a;
    if (!dk_alias_at(i, &a)) return NULL;
    snprintf(name, sizeof name, "%s:%s", a.peer, a.name);
    return name;
}
static const char *model_name(int i) {
    dk_model_info model;
    return dk_model_at(i, &model) ? model.name : NULL;
}
static const char *class_name(int i) {
    static const char *const names[] = {"DDIMScheduler",
                                        "DDIMParallelScheduler",
                                        "CogVideoXDDIMScheduler",
                                        "CogVideoXDPMScheduler",
                                        "DDIMInverseScheduler",
                                        "RePaintScheduler",
                                        "DDPMScheduler",
                                        "DDPMParallelScheduler",
                                        "UnCLIPScheduler",
                                        "DDPMWuerstchenScheduler",
                                        "PNDMScheduler",
                                        "IPNDMScheduler",
                                        "EulerDiscreteScheduler",
                                        "EulerAncestralDiscreteScheduler",
                                        "HeunDiscreteScheduler",
                                        "KDPM2DiscreteScheduler",
                                        "KDPM2AncestralDiscreteScheduler",
                                        "LMSDiscreteScheduler",
                                        "DPMSolverSDEScheduler",
                                        "DPMSolverMultistepScheduler",
                                        "DPMSolverMultistepInverseScheduler",
                                        "DPMSolverSinglestepScheduler",
                                        "DEISMultistepScheduler",
                                        "UniPCMultistepScheduler",
                                        "SASolverScheduler",
                                        "LCMScheduler",
                                        "TCDScheduler",
                                        "EDMEulerScheduler",
                                        "EDMDPMSolverMultistepScheduler",
                                        "CosineDPMSolverMultistepScheduler",
                                        "CMStochasticIterativeScheduler",
                                        "SCMScheduler",
                                        "ScoreSdeVeScheduler",
                                        "ScoreSdeVpScheduler",
                                        "FlowMatchEulerDiscreteScheduler",
                                        "FlowMatchHeunDiscreteScheduler",
                                        "FlowMatchLCMScheduler",
                                        "FlowMapEulerDiscreteScheduler",
                                        "MiniMaxH3Scheduler",
                                        "LTXEulerAncestralRFScheduler"};
    return i < COUNT(names) ? names[i] : NULL;
}
static const char *prediction_name(int i) { return predictions[i]; }
static const char *condition_name(int i) { return conditions[i]; }
static const char *rule_name(int i) { return rules[i]; }
static const char *law_name(int i) { return laws[i]; }
static const char *gauge_name(int i) { return gauges[i]; }
static const char *betas_name(int i) { return betas[i]; }
static const char *own_name(int i) { return owns[i]; }
static const char *list_name(int i) { return i < 1 ? "tokens" : NULL; }

/* ------------------------------------------------------------------ all of it */

static const char *schedule_name(int i) { return dk_schedule_at(i) ? dk_schedule_at(i)->name : NULL; }
static const char *grid_name(int i) { return dk_grid_at(i) ? dk_grid_at(i)->name : NULL; }
static const char *sampler_name(int i) { return dk_sampler_at(i) ? dk_sampler_at(i)->name : NULL; }
static const char *noise_name(int i) { return i < 1 ? "normals" : NULL; }
static const char *source_name(int i) {
    static const char *const names[] = {"philox",      "torch_cpu", "torch_cuda", "numpy", "brownian",  "torchsde"};
    return i < COUNT(names) ? names[i] : NULL;
}
static const char *generator_name(int i) { return i < 1 ? "philox" : NULL; }
static const char *half_name(int i) {
    static const char *const names[] = {"fp16", "bf16"};
    return i < 2 ? names[i] : NULL;
}
static const char *parts_name(int i) {
    static const char *const names[] = {"1", "2", "5"};
    return i < 3 ? names[i] : NULL;
}

static const struct kind {
    const char *kind;
    const char *(*name)(int i);
    void (*hashed)(const char *name);
} kinds[] = {
    {"schedule", schedule_name, schedule},
    {"grid", grid_name, grid},
    {"sampler", sampler_name, sampler},
    {"noise", noise_name, normals},
    {"source", source_name, source},
    {"generator", generator_name, philox},
    {"number", half_name, halves},
    {"threads", parts_name, parts},
    {"guidance", guided_name, guidance},
    {"alias", alias_name, alias},
    {"model", model_name, model},
    {"class", class_name, class_of_diffusers},
    {"prediction", prediction_name, prediction},
    {"condition", condition_name, condition},
    {"rule", rule_name, rule},
    {"law", law_name, law},
    {"gauge", gauge_name, gauge},
    {"half", half_name, half_run},
    {"blend", asked_name, asked},
    {"churn", asked_name, asked},
    {"travel", asked_name, asked},
    {"control", asked_name, asked},
    {"partial", asked_name, asked},
    {"rising", asked_name, asked},
    {"guided", asked_name, asked},
    {"drawn", asked_name, asked},
    {"set", asked_name, asked},
    {"own", own_name, own},
    {"betas", betas_name, table_of},
    {"long", long_name, long_run},
    {"list", list_name, lists},
    {"save", saved_name, saved},
    {"hash", sampler_name, plan_hash},
    /* What may be meant to change. */
    {"places", sampler_name, places},
    {"text", text_name, plan_text},
};

/* Calls line(arg, kind, name, hash) for each. */
static void all(void (*line)(void *arg, const char *kind, const char *name), void *arg) {
    for (int k = 0; k < COUNT(kinds); k++) {
        kind_now = kinds[k].kind;
        for (int i = 0; kinds[k].name(i); i++) {
            hash = empty_hash;
            kinds[k].hashed(kinds[k].name(i));
            line(arg, kinds[k].kind, kinds[k].name(i));
        }
    }
}

static void hex(uint64_t v, char text[17]) {
    for (int i = 0; i < 16; i++) text[i] = "0123456789abcdef"[v >> (60 - 4 * i) & 15];
    text[16] = 0;
}

/* Without spaces. */
static const char *joined(const char *name) {
    static char text[64];
    size_t n = 0;
    for (; name[n] && n < sizeof text - 1; n++) text[n] = name[n];
    text[n] = 0;
    while (n-- > 0)
        if (text[n] == ' ') text[n] = '_';
    return text;
}

static void print_line(void *arg, const char *kind, const char *name) {
    char text[17];
    (void)arg;
    hex(hash, text);
    if (!listing) printf("%s %s %s\n", kind, joined(name), text);
}

typedef struct file {
    FILE *f;
    int wrong;
} file;

static void compare_line(void *arg, const char *kind, const char *name) {
    file *g = (file *)arg;
    char text[17], k[32] = "", n[64] = "", in_float[20] = "", in_double[20] = "";
    const char *wanted = sizeof(dk_real) == sizeof(float) ? in_float : in_double;
    hex(hash, text);
    int read = fscanf(g->f, "%31s %63s %19s %19s", k, n, in_float, in_double);
    if (read == 4 && strcmp(k, kind) == 0 && strcmp(n, joined(name)) == 0 && strcmp(text, wanted) == 0)
        return;
    if (g->wrong++ < 20)
        print_error("%s %s: %s, where the file says %s %s %s\n", kind, name, text, k, n, wanted);
}

static void every_name_gives_what_it_gave(void **state) {
    file g = {fopen(golden_file, "r"), 0};
    char rest[32];
    (void)state;
    assert_non_null(g.f);
    all(compare_line, &g);
    int more = fscanf(g.f, "%31s", rest);
    fclose(g.f);
    assert_int_equal(g.wrong, 0);
    assert_int_equal(more, EOF);
}

/* As games and audio programs have the processor: subnormal numbers are zero, in what is read and in what is made. */
#if defined(__x86_64__) && defined(__GNUC__)
static void subnormal_numbers_change_nothing(void **state) {
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | 0x8040);
    every_name_gives_what_it_gave(state);
    _mm_setcsr(before);
}
#endif

static void hash_file(char text[17]) {
    FILE *f = fopen(golden_file, "rb");
    hash = empty_hash;
    for (int c; f && (c = getc(f)) != EOF;)
        if (c != '\r') take_bits((uint64_t)c, 1);
    if (f) fclose(f);
    hex(hash, text);
}

static void one_hash_stands_for_all(void **state) {
    char text[17];
    (void)state;
    hash_file(text);
    assert_string_equal(text, golden_hash);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_name_gives_what_it_gave),
#if defined(__x86_64__) && defined(__GNUC__)
        cmocka_unit_test(subnormal_numbers_change_nothing),
#endif
        cmocka_unit_test(one_hash_stands_for_all),
    };
    char text[17];
    if (argc < 2) return cmocka_run_group_tests(tests, load_configs, free_configs);
    if (load_configs(NULL)) return 1;
    listing = strcmp(argv[1], "values") == 0;
    if (strcmp(argv[1], "hash")) all(print_line, NULL);
    else hash_file(text), puts(text);
    return 0;
}
