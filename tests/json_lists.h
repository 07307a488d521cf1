/* The lists that diffusers' classes make of a configuration, timesteps and sigmas: what was read as a config, said again
   as the class says it, from a plan's levels and calls. */
#ifndef JSON_LISTS_H
#define JSON_LISTS_H

/* Files of diffusers, with what its own classes make of them: for a group of tests, in set-up and tear-down. */
static json configs;

static int load_configs(void **state) {
    static char text[1 << 17];
    FILE *file = fopen("tests/data/scheduler_configs.json", "rb");
    (void)state;
    if (!file) return -1;
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    json_value(text, &configs);
    return configs.count > 0 ? 0 : -1;
}

static int free_configs(void **state) {
    (void)state;
    json_free(&configs);
    return 0;
}

enum {
    NO_SIGMAS = 1,
    DOUBLED = 2,       /* inner sigmas are there twice, */
    MORE_ZEROS = 4,    /* the last one three times */
    NO_FINAL = 8,      /* the last one is left out */
    LISTS_LEVELS = 32, /* timesteps are those of levels instead of evaluations, */
    LISTS_END = 64,    /* of the last one, too, */
    TOLD_END = 128,    /* of the ends of steps */
    JUMPS = 256        /* the timesteps of the way up, too */
};

static int class_lists(const char *name) {
    static const struct {
        const char *name;
        int flags;
    } rows[] = {
        {"DDIMScheduler", NO_SIGMAS},
        {"DDIMParallelScheduler", NO_SIGMAS},
        {"CogVideoXDDIMScheduler", NO_SIGMAS},
        {"CogVideoXDPMScheduler", NO_SIGMAS},
        {"DDIMInverseScheduler", NO_SIGMAS | LISTS_LEVELS | TOLD_END},
        {"RePaintScheduler", NO_SIGMAS | JUMPS},
        {"DDPMScheduler", NO_SIGMAS},
        {"DDPMParallelScheduler", NO_SIGMAS},
        {"UnCLIPScheduler", NO_SIGMAS},
        {"DDPMWuerstchenScheduler", NO_SIGMAS | LISTS_LEVELS | LISTS_END},
        {"PNDMScheduler", NO_SIGMAS},
        {"IPNDMScheduler", NO_SIGMAS},
        {"HeunDiscreteScheduler", DOUBLED},
        {"KDPM2DiscreteScheduler", DOUBLED | MORE_ZEROS},
        {"KDPM2AncestralDiscreteScheduler", DOUBLED | MORE_ZEROS},
        {"DPMSolverSDEScheduler", DOUBLED},
        {"LCMScheduler", NO_SIGMAS},
        {"TCDScheduler", NO_SIGMAS},
        {"SCMScheduler", NO_SIGMAS | LISTS_LEVELS | LISTS_END},
        {"ScoreSdeVeScheduler", LISTS_LEVELS | NO_FINAL},
        {"ScoreSdeVpScheduler", NO_SIGMAS | LISTS_LEVELS | NO_FINAL},
        {"FlowMatchHeunDiscreteScheduler", DOUBLED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(name, rows[i].name) == 0) return rows[i].flags;
    return 0;
}

typedef struct class_list {
    dk_config c; /* resolved */
    dk_plan plan;
    int flags, steps;
    double *out;
    int max, count;
} class_list;

static void list_number(class_list *l, double v) {
    if (l->count < l->max) l->out[l->count] = v;
    l->count++;
}

static void list_told(class_list *l, int i) { list_number(l, dkp_told(&l->c, l->plan.level[i])); }

/* Whether the plan could be recorded; a message if not. What can be predicted where, and how x starts, is no question here. */
static int list_begin(class_list *l, dk_config *c, const char *class_name, double *out, int max) {
    memset(l, 0, sizeof *l);
    l->c = *c, l->out = out, l->max = max;
    l->c.prediction = DK_PREDICT_V, l->c.start = DK_START_STATE;
    memset(&l->c.guidance, 0, sizeof l->c.guidance); /* one evaluation each */
    if (l->c.grid.rising) l->c.sampler.eta = 0;
    l->flags = class_lists(class_name);
    if (l->flags & (LISTS_LEVELS | JUMPS)) l->c.sampler = dk_sampler_named("euler");
    dk_config whole = l->c;
    if (dk_resolve(&l->c) != DK_OK || dk_record(&l->plan, &whole) != DK_OK) {
        memcpy(c->message, l->c.message[0] ? l->c.message : whole.message, sizeof c->message);
        return 0;
    }
    l->steps = l->plan.levels - 1;
    return 1;
}

/* RePaint's list has the timesteps of the way up, one at a time and each one too high, and not the clean level. */
static void list_jumps(class_list *l) {
    int left = 0, seen[1000], down = 0; /* level number `left` from the end is plan.level[seen[left]] */
    for (int i = 0; i <= l->steps; i++) /* the way down that is new */
        if (i == 0 || dk_noise_level(l->plan.level[i]) < dk_noise_level(l->plan.level[seen[down - 1]]))
            seen[down++] = i;
    left = down - 1;
    for (int i = 0; i < l->steps; i++) {
        int next = down - 1;
        while (fabs(l->plan.level[seen[down - 1 - next]].t - l->plan.level[i + 1].t) > 0) next--;
        if (next < left) list_told(l, i);
        for (int up = left + 2; up <= next + 1 && next > left; up++) list_told(l, seen[down - 1 - up]);
        left = next;
    }
}

static int list_timesteps(dk_config *c, const char *class_name, double *out, int max) {
    class_list l;
    if (!list_begin(&l, c, class_name, out, max)) return 0;
    if (l.flags & JUMPS) {
        list_jumps(&l);
    } else if (l.flags & LISTS_LEVELS) {
        int first = (l.flags & TOLD_END) != 0, end = l.steps + ((l.flags & LISTS_END) || first);
        for (int i = first; i < end; i++) {
            if (l.flags & NO_FINAL) list_number(&l, l.plan.level[i].t);
            else list_told(&l, i);
        }
    } else {
        for (int i = 0; i < l.plan.calls; i++) list_number(&l, l.plan.call[i].condition);
    }
    dk_plan_free(&l.plan);
    return l.count;
}

static int list_sigmas(dk_config *c, const char *class_name, double *out, int max) {
    class_list l;
    if ((class_lists(class_name) & NO_SIGMAS) || !list_begin(&l, c, class_name, out, max)) return 0;
    int last = l.steps, doubled = (l.flags & DOUBLED) != 0, zeros = (l.flags & MORE_ZEROS) != 0;
    int data = l.c.condition == DK_UNIT_DATA, flow = data || l.c.condition == DK_UNIT_FLOW;
    for (int i = 0; i <= last - ((l.flags & NO_FINAL) != 0); i++) {
        dk_level at = l.plan.level[i];
        double v = flow ? at.sigma / (at.alpha + at.sigma) : dk_noise_level(at);
        if (data && strcmp(class_name, "MiniMaxH3Scheduler") != 0) v = at.alpha / (at.alpha + at.sigma);
        for (int k = 0; k <= (doubled && i > 0 && i < last) + 2 * (zeros && i == last); k++)
            list_number(&l, v);
    }
    dk_plan_free(&l.plan);
    return l.count;
}
#endif
