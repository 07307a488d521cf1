/* diffkit.c: looks into schedules, grids and samplers from the command line, for porting models and comparing
   pipelines, and draws digits with the shipped network. `diffkit help` says how.

   Exit status: 0 fine, 1 something failed while running, 2 the command line or the configuration is wrong, 3 stopped by a
   signal or as asked, and saved. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "digits.h"
#include "fit.h"
#include "estimate.h"
#include "table.h"
#include "tune.h"
#include "explain.h"
#include "shader.h"
#include <limits.h>
#include <signal.h>

enum { OK, FAILED, WRONG, STOPPED };
enum { LIST = 1, LEVELS = 2, PLAN = 4, SAMPLE = 8, INVERT = 16, COMPARE = 32, FIT = 64, TUNE = 128, SHADER = 256, TABLE = 512 };
enum { MODEL = LEVELS | PLAN | COMPARE | SHADER | TABLE, RUNS = MODEL | SAMPLE, DIGITS = SAMPLE | INVERT, ENDS = FIT | TUNE };
enum { MAX_CLASSES = 100, MAX_DIGITS = 10000, MAX_PHASES = 4, STEPS_UNSET = INT_MIN };

typedef struct arguments {
    dk_config c;
    dk_json file; /* what --config or --model says beyond c */
    const char *config, *model;
    int json, csv, markdown, explain, count;
    int classes[MAX_CLASSES], class_count;
    double *levels, *table;
    int level_count;
    const char *list, *weights, *out;
    const char *sides[2]; /* compare: samplers by name, or settings for dk_config_set */
    const char *state, *resume, *preview;
    int stop_after, preview_every;
    int budget, best;
    const char *name, *samplers, *grids, *file_table;
    const char *phase_words[MAX_PHASES];
    dk_phase phases[MAX_PHASES];
    dk_config phase_configs[MAX_PHASES]; /* whose samplers and guidance they have */
    int phase_count;
    int language;
    const char *folder;
    char **words; /* of the command line, from the program's name on, NULL at the end */
} arguments;

/* ---------------------------------------------------------------------------------- options */

typedef enum value_type {
    FLAG,   /* int, set to 1; takes no value */
    WHOLE,  /* int */
    SEED,   /* uint64_t */
    REAL,   /* double */
    FACTOR, /* double, stored less 1 */
    CHOICE, /* an enum; the names are in `values`, the first is number `first` */
    TEXT,   /* const char * */
    IDENTIFIER, /* the same, a name in C */
    SCHEDULE,
    GRID,
    SAMPLER, /* presets, which the other options then edit */
    NUMBERS,
    FINAL,
    CLASSES,
    SETTINGS, /* for dk_config_set */
    PHASE
} value_type;

typedef struct option {
    const char *name;
    value_type type;
    size_t at; /* where in arguments the value goes */
    int commands;
    const char *values;
    int first; /* CHOICE: what the first of `values` is; WHOLE: the least */
    const char *help;
} option;

#define AT(member) offsetof(arguments, member)
static const option options[] = {
    {"config", TEXT, AT(config), MODEL, "FILE", 0, "a scheduler_config.json of diffusers; the rest edits it"},
    {"model", TEXT, AT(model), MODEL, "NAME", 0, "a well-known model's; the rest edits it"},
    {"mu", REAL, AT(file.mu), MODEL, "X", 0, "  where the shift is dynamic: what it follows from,"},
    {"tokens", REAL, AT(file.tokens), MODEL, "N", 0, "  or the number of image tokens"},
    {"to-zero", FLAG, AT(file.to_zero), MODEL, NULL, 0, "  flow levels down to t = 0, as pipelines have it"},
    {"schedule", SCHEDULE, AT(c.schedule), RUNS, "NAME", 0, "noise schedule (flow; sample: edm)"},
    {"shift", REAL, AT(c.schedule.shift), RUNS, "X", 0, "shift of the flow schedule"},
    {"grid", GRID, AT(c.grid), RUNS, "NAME", 0, "where the steps lie (power; with --sampler by schedule: uniform or karras)"},
    {"steps", WHOLE, AT(c.steps), RUNS, "N", 0, "number of steps (10; sample: 20)"},
    {"sigma-min", REAL, AT(c.grid.sigma_min), RUNS, "X", 0, "lower end of the grid: sigma/alpha, or"},
    {"sigma-max", REAL, AT(c.grid.sigma_max), RUNS, "X", 0, "upper end;  sigma/(alpha + sigma) for flow"},
    {"rho", REAL, AT(c.grid.a), RUNS, "X", 0, "exponent of the karras grid (7), or power (2)"},
    {"grid-shift", REAL, AT(c.grid.shift), RUNS, "X", 0, "multiplies sigma/alpha of all levels"},
    {"final", FINAL, AT(c.grid.final), RUNS, "zero|min|X", 0,
     "last level: 0, the grid's lower end, or sigma/alpha"},
    {"rising", FLAG, AT(c.grid.rising), MODEL, NULL, 0, "from data to noise: inversion"},
    {"offset", WHOLE, AT(c.grid.n), RUNS, "N", 0, "leading grid: added to each timestep"},
    {"round", CHOICE, AT(c.grid.rounding), RUNS, "none|nearest|down", DK_ROUND_NONE, "rounding of timesteps"},
    {"levels", NUMBERS, AT(c.grid), RUNS, "V1,V2,...", 0,
     "the grid itself, steps + 1 numbers, taken verbatim;"},
    {"unit", CHOICE, AT(c.grid.unit), RUNS, "t|sigma|flow|lambda|c_noise|data|angle", DK_UNIT_T, "  and what they are"},
    {"prediction", CHOICE, AT(c.prediction), MODEL, "x0|eps|v|velocity|score|edm", DK_PREDICT_X0,
     "what the network predicts"},
    {"sigma-data", REAL, AT(c.sigma_data), MODEL, "X", 0, "edm prediction: deviation of the data (0.5)"},
    {"condition", CHOICE, AT(c.condition), MODEL, "t|sigma|flow|lambda|c_noise|data|angle", DK_UNIT_T,
     "what the network is told"},
    {"condition-scale", REAL, AT(c.condition_scale), MODEL, "X", 0, "multiplies what it is told (1)"},
    {"condition-offset", REAL, AT(c.condition_offset), MODEL, "X", 0, "is added to that"},
    {"sampler", SAMPLER, AT(c.sampler), LEVELS | PLAN | SHADER | SAMPLE | INVERT | TABLE, "NAME", 0,
     "sampling method (adams2; invert: all without noise)"},
    {"gauge", CHOICE, AT(c.sampler.gauge), RUNS, "ve|flow|vp|native", DK_GAUGE_VE,
     "scaling for classical samplers"},
    {"order", WHOLE, AT(c.sampler.order), RUNS, "N", 0, "multistep samplers: how many nodes"},
    {"eta", REAL, AT(c.sampler.eta), RUNS, "X", 0, "share of noise added after each step"},
    {"s-noise", FACTOR, AT(c.sampler.noise_excess), RUNS, "X", 0, "multiplies the sampler's noise (1)"},
    {"churn", REAL, AT(c.sampler.churn), RUNS, "X", 0, "noise added before each step"},
    {"churn-min", REAL, AT(c.sampler.churn_range[0]), RUNS, "X", 0, "  from this sigma/alpha on"},
    {"churn-max", REAL, AT(c.sampler.churn_range[1]), RUNS, "X", 0, "  up to this one"},
    {"alpha", REAL, AT(c.sampler.alpha[0]), RUNS, "X", 0, "edm: where the second evaluation stands"},
    {"snr", REAL, AT(c.sampler.sde.snr), RUNS, "X", 0, "predictor_corrector: size of Langevin steps"},
    {"langevin-step", REAL, AT(c.sampler.sde.langevin_step), RUNS, "X", 0, "smld: size of Langevin steps"},
    {"langevin-steps", WHOLE, AT(c.sampler.sde.langevin_steps), RUNS, "N", 0, "Langevin steps per level"},
    {"guidance", REAL, AT(c.guidance.scale), PLAN | COMPARE | SHADER | SAMPLE | ENDS | TABLE, "X", 0,
     "classifier-free guidance: its scale (0: none)"},
    {"set", SETTINGS, 0, RUNS, "\"F=V ...\"", 0,
     "any fields: eta=0.5 grid.rho=5 guidance.rescale=0.7 ...; may come again"},
    {"phase", PHASE, 0, PLAN | COMPARE | SAMPLE, "\"F=V ...\"", 0,
     "another sampler or guidance from step=N on, or below level=X unit=U; may come again"},
    {"class", CLASSES, AT(classes), DIGITS | ENDS, "all|LIST", 0, "digits to draw, such as 7 or 1,2,3 (all)"},
    {"count", WHOLE, AT(count), DIGITS | TUNE, "N", 0, "how many (one of each class)"},
    {"seed", SEED, AT(c.seed), DIGITS | ENDS, "N", 0, "seed of the noise (0)"},
    {"noise", CHOICE, AT(c.noise.kind), SAMPLE,
     "philox|brownian|torch_cpu|torch_cuda|numpy|torchsde", DK_NOISE_PHILOX,
     "generator of the initial noise (philox)"},
    {"step-noise", CHOICE, AT(c.step_noise.kind), SAMPLE,
     "philox|brownian|torch_cpu|torch_cuda|numpy|torchsde", DK_NOISE_PHILOX,
     "  and of the sampler's (the same, going on)"},
    {"weights", TEXT, AT(weights), DIGITS | ENDS, "FILE", 0, "the network (examples/digits/weights.bin)"},
    {"out", TEXT, AT(out), SAMPLE, "FILE", 0, "the picture (digits.png)"},
    {"preview", TEXT, AT(preview), SAMPLE, "FILE", 0, "a picture of the denoised estimate, while it runs,"},
    {"preview-every", WHOLE, AT(preview_every), SAMPLE, "N", 0, "  every so many evaluations (5)"},
    {"state", TEXT, AT(state), SAMPLE, "FILE", 0, "where Ctrl-C saves what is done so far (OUT.state)"},
    {"stop-after", WHOLE, AT(stop_after), SAMPLE, "N", 0, "as Ctrl-C, after so many evaluations in all"},
    {"resume", TEXT, AT(resume), SAMPLE, "FILE", 0, "goes on from there, with the same options otherwise"},
    {"evals", WHOLE, AT(c.steps), INVERT, "N", 1, "about so many evaluations each way (60)"},
    {"evaluations", WHOLE, AT(c.steps), ENDS, "N", 1, "of each sample (5)"},
    {"budget", WHOLE, AT(budget), FIT, "N", 0, "evaluations that fitting may take, but for those that judge the plan (0: any number)"},
    {"name", IDENTIFIER, AT(name), FIT | TABLE, "NAME", 0, "what the table is called in C (fitted, table)"},
    {"table", TEXT, AT(file_table), SAMPLE, "FILE", 0, "instead of a sampler, a grid and steps: a table as JSON"},
    {"samplers", TEXT, AT(samplers), TUNE, "A,B:F=V,...", 0, "which samplers, some with fields (all)"},
    {"grids", TEXT, AT(grids), TUNE, "A,B,...", 0, "  and grids (all)"},
    {"best", WHOLE, AT(best), TUNE, "N", 1, "how many are shown (20)"},
    {"json", FLAG, AT(json), LIST | LEVELS | PLAN | FIT | TABLE, NULL, 0, "output as JSON; infinite numbers are null"},
    {"language", CHOICE, AT(language), SHADER, "glsl|hlsl|wgsl|opencl|cuda|c", SHADER_GLSL, "what kernels are written in (glsl)"},
    {"folder", TEXT, AT(folder), SHADER, "DIR", 0, "where kernel0 ... and dispatch.json go (.)"},
    {"explain", FLAG, AT(explain), PLAN, NULL, 0, "every row with a sentence that says what it does"},
    {"csv", FLAG, AT(csv), LEVELS, NULL, 0, "output as CSV"},
    {"markdown", FLAG, AT(markdown), LIST | INVERT, NULL, 0,
     "as in the pages docs/samplers.md, docs/editing.md"},
};

static const struct {
    const char *name;
    int bit;
    const char *usage, *about;
} commands[] = {
    {"list", LIST, "list [schedules|grids|samplers|names|models]", "what there is, with papers"},
    {"levels", LEVELS, "levels [OPTIONS]", "t, alpha, sigma of every step, and what the network is told"},
    {"plan", PLAN, "plan [OPTIONS]", "what every step computes"},
    {"compare", COMPARE, "compare A B [OPTIONS]", "where two samplers differ; A, B: names, or \"F=V ...\""},
    {"shader", SHADER, "shader [OPTIONS]", "a plan as compute shaders, and which to run on what, in order"},
    {"sample", SAMPLE, "sample [OPTIONS]", "draw digits with the shipped network"},
    {"invert", INVERT, "invert [OPTIONS]", "take digits to noise and back: each sampler's error"},
    {"table", TABLE, "table [OPTIONS]", "a sampler on its grid as numbers, in C or JSON"},
    {"fit", FIT, "fit [OPTIONS]", "fit a table to the shipped network, and print it as C or JSON"},
    {"tune", TUNE, "tune [OPTIONS]", "rank samplers and grids by their distance from the exact solution"},
    {"help", 0, "help [COMMAND]", "this, or the options of a command"},
};

enum { OPTIONS = sizeof options / sizeof *options, COMMANDS = sizeof commands / sizeof *commands };

static const char *option_name(int i) { return i < OPTIONS ? options[i].name : NULL; }
static const char *command_name(int i) { return i < COMMANDS ? commands[i].name : NULL; }
static const char *list_name(int i) {
    static const char *const names[] = {"schedules", "grids", "samplers", "names", "models", NULL};
    return names[i];
}

/* Levenshtein distance, of at most the first 40 letters. */
static int distance(const char *a, const char *b) {
    int row[41], n = (int)strlen(b) < 40 ? (int)strlen(b) : 40;
    for (int j = 0; j <= n; j++) row[j] = j;
    for (int i = 0; a[i] && i < 40; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int best = diagonal + (a[i] != b[j]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
            diagonal = row[j + 1], row[j + 1] = best;
        }
    }
    return row[n];
}

/* "what "word" is not known; nearest: ...", from the names that name_at lists. */
static int unknown(const char *what, const char *dashes, const char *word, const char *(*name_at)(int)) {
    fprintf(stderr, "diffkit: %s \"%s%s\" is not known; nearest:", what, dashes, word);
    for (int d = 0, shown = 0; d < 40 && shown < 3; d++)
        for (int i = 0; name_at(i) && shown < 3; i++)
            if (distance(word, name_at(i)) == d)
                fprintf(stderr, "%s %s%s", shown++ ? "," : "", dashes, name_at(i));
    fprintf(stderr, "\n");
    return WRONG;
}

static int refuse(const option *o, const char *value, const char *allowed) {
    fprintf(stderr, "diffkit: --%s %s: must be %s\n", o->name, value, allowed);
    return WRONG;
}

/* Strict: the whole text is one decimal number. length is that of the text. */
static int parse_real(const char *text, size_t length, double *v) {
    char *end;
    int infinite = strncmp(text + (*text == '-'), "inf", 3) == 0 && length == 3u + (*text == '-');
    if (length == 0 || (strspn(text, "+-.0123456789eE") < length && !infinite)) return 0;
    *v = strtod(text, &end);
    return end == text + length && (infinite || (*v - *v >= 0));
}

static int parse_whole(const char *text, int *v) {
    char *end;
    if (*text != '-' && !(*text >= '0' && *text <= '9')) return 0;
    long long big = strtoll(text, &end, 10);
    *v = (int)big;
    return end != text && !*end && big > INT_MIN && big <= INT_MAX;
}

static int parse_seed(const char *text, uint64_t *v) {
    *v = 0;
    if (!*text) return 0;
    for (; *text; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (*text < '0' || *text > '9' || *v > (UINT64_MAX - digit) / 10) return 0;
        *v = *v * 10 + digit;
    }
    return 1;
}

/* The number of the value in "a|b|c", or -1. */
static int parse_choice(const char *names, const char *value) {
    size_t length = strlen(value);
    for (int i = 0;; i++, names++) {
        size_t n = strcspn(names, "|");
        if (n == length && memcmp(names, value, n) == 0) return i;
        names += n;
        if (!*names) return -1;
    }
}

/* "1,2,3" into a new array. */
static int parse_numbers(arguments *a, const option *o, const char *value) {
    int n = 1;
    for (const char *c = value; *c; c++) n += *c == ',';
    free(a->levels);
    a->levels = (double *)malloc((size_t)n * sizeof *a->levels), a->level_count = n;
    if (!a->levels) return refuse(o, "...", "a shorter list: there is no memory for it");
    const char *p = value;
    for (int i = 0; i < n; i++) {
        size_t length = strcspn(p, ",");
        if (!parse_real(p, length, &a->levels[i]))
            return refuse(o, value, "numbers with commas between them");
        p += length + (i + 1 < n);
    }
    a->c.grid = dk_grid_levels(a->levels, DK_UNIT_T);
    return OK;
}

static int parse_final(arguments *a, const option *o, const char *value) {
    if (strcmp(value, "zero") == 0) a->c.grid.final = DK_FINAL_ZERO;
    else if (strcmp(value, "min") == 0) a->c.grid.final = DK_FINAL_MIN;
    else if (parse_real(value, strlen(value), &a->c.grid.final_value)) a->c.grid.final = DK_FINAL_VALUE;
    else return refuse(o, value, "zero, min or a number");
    return OK;
}

static int parse_classes(arguments *a, const option *o, const char *value) {
    const char *p = strcmp(value, "all") == 0 ? "0,1,2,3,4,5,6,7,8,9" : value;
    for (a->class_count = 0; a->class_count < MAX_CLASSES; p += 2) {
        if (*p < '0' || *p > '9' || (p[1] && p[1] != ',')) break;
        a->classes[a->class_count++] = *p - '0';
        if (!p[1]) return OK;
    }
    return refuse(o, value, "all, or digits 0 .. 9 with commas between them");
}

static int wrong_config(const dk_config *c) {
    fprintf(stderr, "diffkit: %s\n", dk_message(c));
    return WRONG;
}

/* By a name for more than one part, such as "DPM++ 2M Karras"; or a message with the nearest names. */
static int take(arguments *a, const option *o, const char *name) {
    char text[128];
    snprintf(text, sizeof text, "%s=\"%s\"", o->name, name);
    return dk_config_set(&a->c, text) == DK_OK ? OK : wrong_config(&a->c);
}

static int set_option(arguments *a, const option *o, const char *value) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    void *to = (char *)a + o->at;
    char least[64];
    int number;
    switch (o->type) {
    case FLAG: *(int *)to = 1; return OK;
    case WHOLE:
        snprintf(least, sizeof least, "a whole number, %d .. %d", o->first, INT_MAX);
        return parse_whole(value, (int *)to) && *(int *)to >= o->first ? OK : refuse(o, value, least);
    case SEED:
        return parse_seed(value, (uint64_t *)to) ? OK : refuse(o, value, "a whole number, 0 .. 2^64 - 1");
    case REAL:
        return parse_real(value, strlen(value), (double *)to) && *(double *)to - *(double *)to >= 0
                   ? OK
                   : refuse(o, value, "a number");
    case FACTOR:
        if (!parse_real(value, strlen(value), (double *)to) || !(*(double *)to >= 0 && *(double *)to < HUGE_VAL))
            return refuse(o, value, "a number >= 0");
        *(double *)to -= 1;
        return OK;
    case CHOICE:
        number = parse_choice(o->values, value);
        if (number < 0) return refuse(o, value, o->values);
        number += o->first;
        memcpy(to, &number, sizeof number); /* whichever integer type the enum has */
        return OK;
    case TEXT: *(const char **)to = value; return OK;
    case IDENTIFIER:
        if (!*value || strspn(value, letters) < strlen(value) || (*value >= '0' && *value <= '9'))
            return refuse(o, value, "a name in C: letters, digits and _");
        *(const char **)to = value;
        return OK;
    case SCHEDULE: a->c.schedule = dk_schedule_named(value); return a->c.schedule.family ? OK : take(a, o, value);
    case GRID: a->c.grid = dk_grid_named(value); return a->c.grid.spacing ? OK : take(a, o, value);
    case SAMPLER: a->c.sampler = dk_sampler_named(value); return a->c.sampler.record ? OK : take(a, o, value);
    case NUMBERS: return parse_numbers(a, o, value);
    case FINAL: return parse_final(a, o, value);
    case CLASSES: return parse_classes(a, o, value);
    case PHASE:
        if (a->phase_count == MAX_PHASES) return refuse(o, value, "given at most 4 times");
        a->phase_words[a->phase_count++] = value;
        return OK;
    case SETTINGS: return dk_config_set(&a->c, value) == DK_OK ? OK : wrong_config(&a->c);
    }
    return FAILED;
}

static int is_preset(const option *o) {
    return o->type == SCHEDULE || o->type == GRID || o->type == SAMPLER || o->type == NUMBERS;
}

/* What a model's configuration is read with comes before it. */
static int is_of_file(const option *o) {
    const char *const names[] = {"config", "model", "mu", "tokens", "to-zero", "steps"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(o->name, names[i]) == 0) return 1;
    return 0;
}

static int pass_of(const option *o) { return is_of_file(o) ? 0 : is_preset(o) ? 1 : 2; }

/* "--name value", "--name=value", "--flag". Goes over them three times: a model's configuration first, then presets, then
   what edits them, so that their order on the command line does not matter. */
static int parse_options(arguments *a, int command, int argc, char **argv, int pass) {
    int sides = 0;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *value = NULL;
        if (word[0] != '-' || word[1] != '-') {
            if (commands[command].bit == COMPARE && sides < 2) {
                a->sides[sides++] = word;
                continue;
            }
            if (commands[command].bit != LIST) {
                fprintf(stderr, "diffkit: \"%s\" is not expected here: options start with --, settings with --set\n", word);
                return WRONG;
            }
            a->list = word;
            continue;
        }
        char name[40] = {0};
        size_t length = strcspn(word + 2, "=");
        memcpy(name, word + 2, length < sizeof name ? length : sizeof name - 1);
        if (word[2 + length]) value = word + 2 + length + 1;
        int k = 0;
        while (k < OPTIONS && strcmp(options[k].name, name) != 0) k++;
        if (k == OPTIONS) return unknown("option", "--", name, option_name);
        const option *o = &options[k];
        if (!(o->commands & commands[command].bit)) {
            fprintf(stderr, "diffkit: option \"--%s\" is not for %s, but for", name, commands[command].name);
            for (int j = 0; j < COMMANDS; j++)
                if (o->commands & commands[j].bit) fprintf(stderr, " %s", commands[j].name);
            fprintf(stderr, "\n");
            return WRONG;
        }
        if (o->type == FLAG && value) return refuse(o, value, "without a value");
        if (o->type != FLAG && !value && i + 1 < argc) value = argv[++i];
        if (o->type != FLAG && !value) {
            fprintf(stderr, "diffkit: --%s needs a value: %s\n", name, o->values);
            return WRONG;
        }
        if (pass_of(o) == pass && set_option(a, o, value) != OK) return WRONG;
    }
    return OK;
}

/* The whole of a file that is not too long to be a configuration, NULL if it cannot be read. */
static char *read_text(const char *path, size_t *length) {
    const size_t most = (size_t)1 << 26;
    FILE *f = fopen(path, "rb");
    char *text = f ? (char *)malloc(most) : NULL;
    *length = text ? fread(text, 1, most, f) : 0;
    if (text && (ferror(f) || *length == most)) free(text), text = NULL;
    if (f) fclose(f);
    return text;
}

/* Reads the config of a model's name, or of a file's text. */
static dk_status read_as(const arguments *a, dk_config *c, const char *text, size_t length, dk_json *file) {
    return a->model ? dk_config_for(c, a->model, file) : dk_config_from_json(c, text, length, file);
}

/* Whether --mu and --tokens change nothing: another number gives the same shift. */
static int tells_no_shift(const arguments *a, dk_config again, const char *text, size_t length) {
    dk_json file = a->file;
    file.mu += file.mu > 0 || file.mu < 0, file.tokens *= 2;
    return read_as(a, &again, text, length, &file) == DK_OK && again.schedule.shift <= a->c.schedule.shift &&
           again.schedule.shift >= a->c.schedule.shift;
}

/* --config or --model. Memory for trained betas: more than a text of this length can hold. */
static int read_model(arguments *a, int default_steps) {
    dk_config *c = &a->c;
    char *text = NULL;
    size_t length = 0;
    if (a->config && a->model) {
        fprintf(stderr, "diffkit: --config and --model: must not both be given\n");
        return WRONG;
    }
    if (!a->config && !a->model) return OK;
    if (a->config && !(text = read_text(a->config, &length))) {
        fprintf(stderr, "diffkit: %s: cannot be read\n", a->config);
        return FAILED;
    }
    if (c->steps == STEPS_UNSET) c->steps = a->model ? 0 : default_steps;
    a->file.table_size = (int)(length / 2);
    a->file.table = a->table = (double *)malloc((length / 2 + 1) * sizeof *a->table);
    const dk_config before = *c;
    dk_status status = a->table ? read_as(a, c, text, length, &a->file) : DK_ERROR_MEMORY;
    int told = a->file.tokens > 0 || a->file.mu > 0 || a->file.mu < 0;
    int idle = status == DK_OK && told && tells_no_shift(a, before, text, length);
    free(text);
    if (idle) fprintf(stderr, "diffkit: --mu and --tokens: are for models whose shift is dynamic\n");
    return idle ? WRONG : status == DK_OK ? OK : wrong_config(c);
}

/* A sampler by its name, or settings. */
static int take_side(arguments *a, const char *words) {
    if (!words) {
        fprintf(stderr, "diffkit: compare: needs two samplers, or settings such as \"sampler=ddim eta=1\"\n");
        return WRONG;
    }
    if (strchr(words, '=')) return dk_config_set(&a->c, words) == DK_OK ? OK : wrong_config(&a->c);
    int i = 0;
    while (options[i].type != SAMPLER) i++;
    return set_option(a, &options[i], words);
}

/* step, level and unit are a phase's own words; the rest sets fields of its sampler and guidance, which are else those before. */
static int read_phase(arguments *a, int k) {
    static const option phase = {"phase", PHASE, 0, 0, NULL, 0, NULL};
    dk_phase *p = &a->phases[k];
    dk_config *c = &a->phase_configs[k], before;
    char rest[256] = "";
    int unit;
    *c = k ? a->phase_configs[k - 1] : a->c, before = *c;
    for (const char *at = a->phase_words[k]; *(at += strspn(at, " "));) {
        size_t n = strcspn(at, " "), length = strlen(rest);
        char word[80];
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        const char *value = strchr(word, '=') ? strchr(word, '=') + 1 : "";
        if (strncmp(word, "step=", 5) == 0) {
            if (!parse_whole(value, &p->step)) return refuse(&phase, word, "a whole number");
        } else if (strncmp(word, "level=", 6) == 0) {
            if (!parse_real(value, strlen(value), &p->level)) return refuse(&phase, word, "a number");
        } else if (strncmp(word, "unit=", 5) == 0) {
            if ((unit = parse_choice("t|sigma|flow|lambda|c_noise|data|angle", value)) < 0)
                return refuse(&phase, word, "t|sigma|flow|lambda|c_noise|data|angle");
            p->unit = (dk_unit)(DK_UNIT_T + unit);
        } else {
            snprintf(rest + length, sizeof rest - length, "%s ", word);
        }
        at += n;
    }
    if (dk_config_set(c, rest) != DK_OK) return wrong_config(c);
    if (memcmp(&c->sampler, &before.sampler, sizeof c->sampler) != 0) p->sampler = &c->sampler;
    if (memcmp(&c->guidance, &before.guidance, sizeof c->guidance) != 0) p->guidance = &c->guidance;
    before.sampler = c->sampler, before.guidance = c->guidance;
    if (memcmp(c, &before, sizeof before) != 0)
        return refuse(&phase, a->phase_words[k], "step or level, and fields of sampler and guidance");
    return OK;
}

/* What the options say together. */
static int check_options(arguments *a, int default_steps) {
    dk_config *c = &a->c;
    if (c->schedule.shift > 0 && c->schedule.family != DK_FAMILY_FLOW && c->schedule.family != DK_FAMILY_DEFAULT &&
        !a->file.class_name) {
        fprintf(stderr, "diffkit: --shift %g: is for the flow schedule; --grid-shift is for all\n",
                c->schedule.shift);
        return WRONG;
    }
    if (!a->file.class_name && (a->file.tokens > 0 || a->file.mu > 0 || a->file.mu < 0)) {
        fprintf(stderr, "diffkit: --mu and --tokens: need --model or --config\n");
        return WRONG;
    }
    if (a->levels && c->grid.levels != a->levels) {
        fprintf(stderr, "diffkit: --levels and --grid: must not both be given\n");
        return WRONG;
    }
    if (a->levels && c->steps != STEPS_UNSET && c->steps != a->level_count - 1) {
        fprintf(stderr, "diffkit: --steps %d: needs %d levels, not %d\n", c->steps, c->steps + 1,
                a->level_count);
        return WRONG;
    }
    if (a->levels) c->steps = a->level_count - 1;
    else if (c->steps == STEPS_UNSET) c->steps = a->file_table ? 0 : default_steps;
    dk_sampler none;
    memset(&none, 0, sizeof none);
    if (a->file_table && memcmp(&c->sampler, &none, sizeof none) != 0) {
        fprintf(stderr, "diffkit: --table: must not be given with --sampler or a sampler's field\n");
        return WRONG;
    }
    for (int k = 0; k < a->phase_count; k++)
        if (read_phase(a, k) != OK) return WRONG;
    if (a->phase_count) c->phases = a->phases, c->phase_count = a->phase_count;
    return OK;
}

/* ------------------------------------------------------------------------------------- help */

static int help(int command) {
    if (command < 0) {
        printf("diffkit: looks into noise schedules, time grids and samplers of diffusion models\n\n");
        for (int i = 0; i < COMMANDS; i++)
            printf("  diffkit %-42s %s\n", commands[i].usage, commands[i].about);
        printf("\nTry: diffkit levels --schedule flow --shift 3 --steps 8\n"
               "     diffkit plan --schedule vp_scaled_linear --grid karras --sampler heun --steps 2\n");
        return OK;
    }
    printf("diffkit %s: %s\n", commands[command].usage, commands[command].about);
    for (int i = 0; i < OPTIONS; i++) {
        const option *o = &options[i];
        char left[80];
        if (!(o->commands & commands[command].bit)) continue;
        snprintf(left, sizeof left, "--%s %s", o->name, o->values ? o->values : "");
        printf("  %-*s%s%s\n", 26, left, strlen(left) > 25 ? "\n                            " : "", o->help);
    }
    if (commands[command].bit & RUNS)
        printf("Names: diffkit list. In brackets: what holds if an option is not given.\n");
    return OK;
}

/* -------------------------------------------------------------------------------- list */

typedef struct text {
    char s[72];
} text;

/* A number with all its digits; what JSON cannot say is null. */
static text json(double v) {
    text t;
    snprintf(t.s, sizeof t.s, v - v >= 0 ? "%.17g" : "null", v);
    return t;
}

/* The names hold no character that JSON would want escaped. */
static void list_names(const char *heading, const dk_named *(*at)(int), int as_json) {
    printf(as_json ? "\"%s\": [\n" : "%s\n", heading);
    for (int i = 0; at(i); i++)
        if (as_json) printf("%s{\"name\": \"%s\", \"about\": \"%s\"}", i ? ",\n" : "", at(i)->name, at(i)->about);
        else printf("  %-18s %s\n", at(i)->name, at(i)->about);
    printf(as_json ? "]" : "\n");
}

static int list_samplers(int as_json) {
    if (as_json) printf("\"samplers\": [\n");
    else
        printf("samplers             order  evaluations  buffers\n"
               "                             per step   besides x\n");
    for (int i = 0; dk_sampler_at(i); i++) {
        const dk_sampler_info *info = dk_sampler_at(i);
        dk_plan plan = {0};
        dk_config c;
        memset(&c, 0, sizeof c); /* flow matching and velocity */
        c.sampler = dk_sampler_named(info->name), c.steps = 10;
        if (dk_record(&plan, &c) != DK_OK) return wrong_config(&c);
        if (as_json)
            printf("%s{\"name\": \"%s\", \"paper\": \"%s\", \"order\": %d, \"flow_order\": %d, "
                   "\"evaluations_per_step\": %d, \"buffers\": %d}",
                   i ? ",\n" : "", info->name, info->paper, info->order, info->flow_order, info->evals,
                   plan.buffers);
        else
            printf("  %-20s %2d %10d %10d     %s\n", info->name, info->order, info->evals, plan.buffers,
                   info->paper);
        dk_plan_free(&plan);
    }
    printf(as_json ? "]" : "\n");
    return OK;
}

/* 1 where the name alone means something else: it needs "peer:" before it. */
static int needs_peer(const dk_alias *row) {
    dk_config bare, full;
    char name[80];
    memset(&bare, 0, sizeof bare), memset(&full, 0, sizeof full);
    snprintf(name, sizeof name, "%s:%s", row->peer, row->name);
    if (row->sampler) {
        dk_config_named(&bare, row->name), dk_config_named(&full, name);
    } else {
        bare.grid = dk_grid_named(row->name), full.grid = dk_grid_named(name);
    }
    return memcmp(&bare, &full, sizeof bare) != 0;
}

/* "euler_ancestral", "grid lambda", "ddim, grid simple" */
static text meaning(const dk_alias *row) {
    text t;
    snprintf(t.s, sizeof t.s, "%s%s%s%s", row->sampler ? row->sampler : "",
             row->sampler && row->grid ? ", " : "", row->grid ? "grid " : "", row->grid ? row->grid : "");
    return t;
}

static void list_aliases(int as_json) {
    if (as_json) printf("\"names\": [\n");
    else
        printf("names                                          here\n"
               "  (those that need the part before \":\" have it; the others may have it, too)\n");
    dk_alias alias;
    const dk_alias *row = &alias;
    for (int i = 0; dk_alias_at(i, &alias); i++) {
        char name[80];
        const char *dot = *row->settings && *row->note ? "; " : "";
        if (as_json) {
            printf("%s{\"peer\": \"%s\", \"name\": \"%s\", ", i ? ",\n" : "", row->peer, row->name);
            if (row->sampler) printf("\"sampler\": \"%s\", ", row->sampler);
            if (row->grid) printf("\"grid\": \"%s\", ", row->grid);
            printf("\"settings\": \"%s\", \"note\": \"%s\"}", row->settings, row->note);
            continue;
        }
        snprintf(name, sizeof name, "%s%s%s", needs_peer(row) ? row->peer : "", needs_peer(row) ? ":" : "",
                 row->name);
        printf("  %-11s %-34s %s%s%s%s%s\n", row->peer, name, meaning(row).s,
               *row->settings || *row->note ? "  " : "", row->settings, dot, row->note);
    }
    printf(as_json ? "]" : "\n");
}

static const dk_named *model_at(int i) {
    static dk_named model;
    dk_model_info row;
    if (!dk_model_at(i, &row)) return NULL;
    model.name = row.name, model.about = row.about;
    return &model;
}

static void markdown_rows(const char *heading, const dk_named *(*at)(int)) {
    printf("\n## %s\n\n| name | what it is |\n| --- | --- |\n", heading);
    for (int i = 0; at(i); i++) printf("| `%s` | %s |\n", at(i)->name, at(i)->about);
}

static int list_markdown(void) {
    printf("# Samplers, grids, schedules, names\n\n"
           "Written by `make docs` from the tables in diffkit.h.\n\n"
           "## Samplers\n\n"
           "`dk_sampler_named(name)` gives a sampler. Order is that of convergence, the weak one for samplers "
           "with noise.\nIt is measured in tests/test_sampler.c, twice: between two noise levels, with all of a "
           "multistep method's history;\nand over all of flow matching, from t = 1 to 0 in equal steps with a "
           "network of v, from a cold start.\n\n"
           "- Runge-Kutta methods keep their order over all of flow. Where the network cannot tell the noise at "
           "sigma = 0 (x0, EDM's\n  preconditioning), or does not know sigma = 0 (VP with timesteps, EDM), the last "
           "step is Euler's, and no order is above 2\n  on grids that end there in steps like the others.\n"
           "- Exponential methods integrate in lambda, which is infinite at both ends of flow. Two steps of first "
           "order make all of\n  them second order there. With two nodes the error is like h^2 log(1/h): that\n  of `dpmpp_2m` falls 2.8 times from 64 to 128 "
           "steps, 3.2 times from 128 to 256.\n"
           "- Multistep methods begin with a step of first order, which makes them second order from a cold start. "
           "Classical ones reach\n  their own order with `warmup=3`, the tableau of `rk4` and `plain_last=1`: `lms` 4, "
           "`deis_rho` 3, also over all of flow.\n"
           "- `edm` integrates in the schedule's own time. On VP with timesteps its slopes jump at every timestep, "
           "and it has no order\n  beyond those jumps.\n\n"
           "Evaluations are those of the network per step; 0 stands for step-size control. "
           "Buffers are those besides x, in units of x.\n"
           "`DK_NO_PEERS` leaves out the samplers from `heunpp2` on.\n\n"
           "| name | order | over all of flow | evaluations | buffers | paper |\n| --- | --- | --- | --- | --- | --- |\n");
    for (int i = 0; dk_sampler_at(i); i++) {
        const dk_sampler_info *info = dk_sampler_at(i);
        dk_plan plan = {0};
        dk_config c;
        memset(&c, 0, sizeof c);
        c.sampler = dk_sampler_named(info->name), c.steps = 10;
        if (dk_record(&plan, &c) != DK_OK) return wrong_config(&c);
        printf("| `%s` | %d | %d | %d | %d | %s |\n", info->name, info->order, info->flow_order, info->evals,
               plan.buffers, info->paper);
        dk_plan_free(&plan);
    }
    markdown_rows("Grids", dk_grid_at);
    markdown_rows("Noise schedules", dk_schedule_at);
    printf("\n## Models\n\n`dk_config_for(&config, name, NULL)` sets what the model's own scheduler_config.json says, and then what "
           "its program\ndoes besides: guidance and more, in the words of `dk_config_set`. Without a number of steps it takes the "
           "customary one,\nand a `guidance.scale` that is set before stays. \"Told\" is the scale that the network is to be told, where "
           "guidance was\ndistilled into it. `SCALED` stands for Stable Diffusion's betas, `FLOWS` for flow prediction and sigmas.\n\n"
           "| name | model | scheduler of diffusers | its settings | besides | told | steps |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    dk_model_info model;
    for (int i = 0; dk_model_at(i, &model); i++) {
        const char *tick = *model.settings ? "`" : "", *tick2 = *model.more ? "`" : "";
        char told[16] = "";
        if (model.told_scale > 0) snprintf(told, sizeof told, "%g", model.told_scale);
        printf("| `%s` | %s | %s | %s%s%s%s | %s%s%s | %s | %d |\n", model.name, model.about, model.class_name, tick, model.settings, tick,
               model.to_zero ? " levels to t = 0" : "", tick2, model.more, tick2, told, model.steps);
    }
    printf("\n## Names in other programs\n\n"
           "`dk_config_named(&config, name)` takes them all. It also takes a sampler's and a grid's name together, "
           "such as\n`DPM++ 2M SDE Karras`. `dk_sampler_named` takes the samplers' names, and `dk_grid_named` the "
           "grids'. A name that means\nsomething else here, or in another program, needs the part before the "
           "colon; every other name may have it.\nEnumerators of stable-diffusion.cpp are read, too "
           "(`EULER_A_SAMPLE_METHOD`). Settings are in the words of\n`dk_config_set`. Only `dk_config_named` makes "
           "the settings of a grid.\n\n"
           "| program | name | here | settings | note |\n| --- | --- | --- | --- | --- |\n");
    dk_alias alias;
    const dk_alias *row = &alias;
    for (int i = 0; dk_alias_at(i, &alias); i++) {
        int peer = needs_peer(row);
        const char *tick = *row->settings ? "`" : "";
        printf("| %s | `%s%s%s` | %s | %s%s%s | %s |\n", row->peer, peer ? row->peer : "", peer ? ":" : "",
               row->name, meaning(row).s, tick, row->settings, tick, row->note);
    }
    return OK;
}

static int run_list(arguments *a) {
    int which = -1, status = OK;
    if (a->markdown) return list_markdown();
    for (int i = 0; a->list && list_name(i); i++)
        if (strcmp(a->list, list_name(i)) == 0) which = i;
    if (a->list && which < 0) return unknown("list", "", a->list, list_name);
    if (a->json) printf("{");
    for (int i = 0; list_name(i) && status == OK; i++) {
        if (which >= 0 && which != i) continue;
        if (a->json && which < 0 && i > 0) printf(",\n");
        if (i == 0) list_names("schedules", dk_schedule_at, a->json);
        else if (i == 1) list_names("grids", dk_grid_at, a->json);
        else if (i == 2) status = list_samplers(a->json);
        else if (i == 3) list_aliases(a->json);
        else list_names("models", model_at, a->json);
    }
    if (a->json) printf("}\n");
    return status;
}

/* ------------------------------------------------------------------------------ levels */

static void print_level(const arguments *a, const dk_plan *p, int i) {
    const dk_level l = p->level[i];
    const double v[6] = {
        l.t, l.alpha, l.sigma, dk_noise_level(l), dk_lambda(l), i < p->calls ? p->call[i].condition : 0};
    static const char *const names[6] = {"t", "alpha", "sigma", "noise_level", "lambda", "condition"};
    printf(a->json ? "%s{\"step\": %d" : a->csv ? "%s%d" : "%s%4d", a->json && i ? ",\n" : "", i);
    for (int k = 0; k < 6; k++) {
        const int told = k < 5 || i < p->calls; /* the network never sees the last level */
        if (a->json) printf(", \"%s\": %s", names[k], told ? json(v[k]).s : "null");
        else if (a->csv && told) printf(",%.17g", v[k]);
        else if (a->csv) printf(",");
        else if (told) printf(" %15.9g", v[k]);
    }
    printf(a->json ? "}" : "\n");
}

/* Where the levels are a model's: an object that they are part of, with what the network is told in each evaluation and
   the levels' sigma/alpha (of flow models sigma/(alpha + sigma)). Ignored keys have no quotes in their names. */
static int print_lists(arguments *a) {
    const char *at = a->file.ignored;
    dk_config c = a->c;
    dk_plan plan = {0};
    if (!a->file.class_name) return OK;
    c.dim = 1, c.start = DK_START_STATE;
    memset(&c.guidance, 0, sizeof c.guidance);
    if (dk_resolve(&c) != DK_OK) return wrong_config(&c);
    c.prediction = DK_PREDICT_V; /* what can be predicted at the first level is no question here */
    if (dk_record(&plan, &c) != DK_OK) return wrong_config(&c);
    int flow = c.schedule.family == DK_FAMILY_FLOW || c.schedule.family == DK_FAMILY_COSINE; /* in whose unit */
    printf("{\"class\": \"%s\",\n\"timesteps\": [", a->file.class_name);
    for (int i = 0; i < plan.calls; i++) printf("%s%s", i ? ", " : "", json(plan.call[i].condition).s);
    printf("],\n\"sigmas\": [");
    for (int i = 0; i < plan.levels; i++) {
        const dk_level l = plan.level[i];
        printf("%s%s", i ? ", " : "", json(flow ? l.sigma / (l.alpha + l.sigma) : dk_noise_level(l)).s);
    }
    printf("],\n\"ignored\": [");
    for (size_t n; *at; at += n + (at[n] ? 2 : 0)) {
        n = strcspn(at, ",");
        printf("%s\"%.*s\"", at > a->file.ignored ? ", " : "", (int)n, at);
    }
    printf("],\n\"levels\": ");
    dk_plan_free(&plan);
    return OK;
}

static int run_levels(arguments *a) {
    dk_config c = a->c;
    dk_plan plan = {0};
    c.dim = 1, c.start = DK_START_STATE;
    dk_status status = dk_resolve(&c);
    if (status == DK_OK) {
        memset(&c.guidance, 0, sizeof c.guidance);
        c.sampler = dk_sampler_named("euler"); /* evaluates once at each level but the last */
        c.prediction =
            DK_PREDICT_V; /* what it can predict where is no question here; the condition is settled */
        status = dk_record(&plan, &c);
    }
    if (status != DK_OK) return wrong_config(&c);
    if (a->json) {
        int status_of_lists = print_lists(a);
        if (status_of_lists != OK) return status_of_lists;
        printf("[\n");
    } else if (a->csv) printf("step,t,alpha,sigma,noise_level,lambda,condition\n");
    else {
        if (a->file.class_name) printf("%s\n", a->file.class_name);
        if (a->file.ignored[0]) printf("ignored: %s\n", a->file.ignored);
        printf("step %15s %15s %15s %15s %15s %15s\n", "t", "alpha", "sigma", "sigma/alpha", "lambda",
               "network told");
    }
    for (int i = 0; i < plan.levels; i++) print_level(a, &plan, i);
    if (a->json) printf("\n]%s\n", a->file.class_name ? "}" : "");
    dk_plan_free(&plan);
    return OK;
}

/* -------------------------------------------------------------------------------- plan */

static const char *const norm_names[] = {"ratio", "error_sum", "error_max", "deviation", "limit", "projection", "quantile"};

/* The whole plan; the names are those of the structs in diffkit.h, where their meaning is written. */
static void print_plan_json(const dk_plan *p) {
    static const char *const boundaries[] = {"end", "call", "norm", "hook", "guider"};
    printf("{\"steps\": %d, \"buffers\": %d, \"locals\": %d, \"noises\": %d,\n", p->steps,
           p->buffers, p->locals, p->noises);
    printf("\"levels\": [");
    for (int i = 0; i < p->levels; i++)
        printf("%s\n{\"t\": %s, \"alpha\": %s, \"sigma\": %s}", i ? "," : "", json(p->level[i].t).s,
               json(p->level[i].alpha).s, json(p->level[i].sigma).s);
    printf("],\n\"calls\": [");
    for (int i = 0; i < p->calls; i++) {
        const dk_call *c = &p->call[i];
        printf(
            "%s\n{\"step\": %d, \"stage\": %d, \"phase\": %d, \"t\": %s, \"alpha\": %s, \"sigma\": %s, \"condition\": %s, \"condition_end\": %s,",
            i ? "," : "", c->step, c->stage, c->phase, json(c->level.t).s, json(c->level.alpha).s,
            json(c->level.sigma).s, json(c->condition).s, json(c->condition_end).s);
        printf(" \"input_scale\": %s, \"d_x\": %s, \"d_f\": %s, \"x\": %d, \"input\": %d, \"output\": %d,",
               json(c->input_scale).s, json(c->d_x).s, json(c->d_f).s, c->x, c->input, c->output);
        printf(" \"uncond_output\": %d, \"denoised\": %d, \"needs\": %d, \"branch\": %d, \"branches\": %d,",
               c->uncond_output, c->denoised, c->needs, c->branch, c->branches);
        printf(" \"seen\": %d, \"memory\": %d, \"guided\": %d, \"weight\": [", c->seen, c->memory, c->guided);
        for (int k = 0; k < DK_BRANCHES; k++) printf("%s%s", k ? ", " : "", json(c->weight[k]).s);
        printf("]}");
    }
    printf("],\n\"rows\": [");
    for (int i = 0; i < p->rows; i++) {
        const dk_row *row = &p->row[i];
        printf("%s\n{\"dst\": %d, \"draw\": %d, \"terms\": [", i ? "," : "", row->dst, row->draw);
        for (int j = row->first; j < row->first + row->count; j++) {
            const dk_term *t = &p->term[j];
            printf("%s{\"c\": %s, \"value\": %d, \"scalar\": %d, \"power\": %d}", j > row->first ? ", " : "",
                   json(t->c).s, t->value, t->scalar, t->power);
        }
        printf("]}");
    }
    printf("],\n\"values\": [");
    for (int i = 0; i < p->values; i++) {
        const dk_value *v = &p->value[i];
        printf("%s\n{\"name\": \"%c%d\", \"kind\": \"%s\", \"slot\": %d}", i ? "," : "", v->letter, v->number,
               v->kind == DK_VALUE_BUFFER ? "buffer" : "local", v->slot);
    }
    printf("],\n\"passes\": [");
    for (int i = 0; i < p->passes; i++)
        printf("%s\n{\"first\": %d, \"count\": %d, \"boundary\": \"%s\", \"index\": %d}", i ? "," : "",
               p->pass[i].first, p->pass[i].count, boundaries[p->pass[i].boundary], p->pass[i].index);
    printf("],\n\"norms\": [");
    for (int i = 0; i < p->norms; i++) {
        const dk_norm *n = &p->norm[i];
        printf("%s\n{\"kind\": \"%s\", \"a\": %d, \"b\": %d, \"p\": %d, \"q\": %d, \"limit\": %s, \"share\": "
               "%s}",
               i ? "," : "", norm_names[n->kind], n->a, n->b, n->p, n->q, json(n->limit).s, json(n->share).s);
    }
    printf("],\n\"draws\": [");
    for (int i = 0; i < p->draws; i++)
        printf("%s\n{\"from\": %s, \"to\": %s}", i ? "," : "", json(p->draw[i].from).s,
               json(p->draw[i].to).s);
    printf("]}\n");
}

static int run_plan(arguments *a) {
    dk_plan plan = {0};
    if (a->explain && a->json) {
        fprintf(stderr, "diffkit: --explain and --json: must not both be given\n");
        return WRONG;
    }
    if (dk_record(&plan, &a->c) != DK_OK) return wrong_config(&a->c);
    char *words = a->json ? NULL : explain_text(&plan);
    if (a->json) print_plan_json(&plan);
    else if (words && a->explain) explain_plan(&plan, words);
    else if (words) fputs(words, stdout);
    int status = a->json || words ? OK : FAILED;
    free(words);
    dk_plan_free(&plan);
    return status;
}

/* ------------------------------------------------------------------------------ sample */

/* The network knows noise up to level 80. Where a schedule goes beyond, to pure noise perhaps, a grid that
   has a range begins there instead. */
static void keep_to_known_levels(dk_config *c) {
    const double most = 80;
    dk_family family = c->schedule.family;
    int by_timesteps = c->grid.spacing == DK_SPACING_LEADING || c->grid.spacing == DK_SPACING_TRAILING ||
                       c->grid.spacing == DK_SPACING_LINSPACE;
    if (c->schedule.family == DK_FAMILY_DEFAULT || c->grid.spacing == DK_SPACING_LEVELS || by_timesteps || c->grid.sigma_max > 0)
        return;
    if (dk_noise_level(dk_level_at(&c->schedule, DK_UNIT_T, c->schedule.t_max)) <= most) return;
    c->grid.sigma_max = family == DK_FAMILY_FLOW || family == DK_FAMILY_COSINE ? most / (1 + most) : most;
}

static volatile sig_atomic_t stopping;

/* The second time, the signal does what it does to every program. */
static void stop(int signal_number) {
    stopping = 1;
    signal(signal_number, SIG_DFL);
}

/* FNV-1a of what decides the picture and is no part of a plan: in front of saved bytes, so that others are refused. */
static uint64_t digits_hash(const arguments *a, const char *weights, size_t length) {
    uint64_t hash = 0xCBF29CE484222325u;
    for (int i = 0; i < 8; i++) hash = (hash ^ (unsigned char)(a->c.seed >> 8 * i)) * 0x100000001B3u;
    const dk_noise_kind kinds[2] = {a->c.noise.kind, a->c.step_noise.kind};
    for (int i = 0; i < 2; i++) hash = (hash ^ (unsigned char)kinds[i]) * 0x100000001B3u;
    for (int i = 0; i < a->count; i++)
        hash = (hash ^ (unsigned char)a->classes[i % a->class_count]) * 0x100000001B3u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)weights[i]) * 0x100000001B3u;
    return hash;
}

/* NAME, or NAME with an ending, in memory of its own; NULL if there is none. */
static char *path_with(const char *name, const char *ending) {
    size_t size = strlen(name) + strlen(ending) + 1;
    char *path = (char *)malloc(size);
    if (path) snprintf(path, size, "%s%s", name, ending);
    return path;
}

/* Whoever reads the file finds the old one or the new one, never a part. */
static int put_in_place(const char *written, const char *path) {
#ifdef _WIN32
    remove(path);
#endif
    return rename(written, path);
}

static int save_state(dk_run *run, uint64_t hash, const char *path) {
    size_t size = dk_save_size(run);
    char *written = path_with(path, ".part"), *bytes = (char *)malloc(size + sizeof hash);
    int failed = 1;
    FILE *f = NULL;
    if (written && bytes && dk_save(run, bytes + sizeof hash, size) == DK_OK) {
        memcpy(bytes, &hash, sizeof hash);
        f = fopen(written, "wb");
    }
    if (f) {
        failed = fwrite(bytes, 1, size + sizeof hash, f) != size + sizeof hash;
        failed |= fclose(f) != 0;
        failed = failed || put_in_place(written, path);
    }
    free(written), free(bytes);
    return failed;
}

static int load_state(dk_run *run, uint64_t hash, const char *path) {
    size_t length;
    uint64_t saved = ~hash;
    char *bytes = read_text(path, &length);
    int fits = bytes && length >= sizeof saved;
    if (fits) memcpy(&saved, bytes, sizeof saved);
    if (!bytes) fprintf(stderr, "diffkit: %s: cannot be read\n", path);
    else if (saved != hash)
        fprintf(
            stderr,
            "diffkit: --resume %s: is not of these digits (--class, --count, --seed, --noise, --weights)\n",
            path);
    else if (dk_load(run, bytes + sizeof saved, length - sizeof saved) != DK_OK)
        fprintf(stderr, "diffkit: --resume %s: %s\n", path, run->message);
    int status = !bytes ? FAILED : saved != hash || run->status != DK_OK ? WRONG : OK;
    free(bytes);
    return status;
}

/* As a shell reads it. */
static void print_word(const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./,:=+-%@";
    if (*word && !word[strspn(word, plain)]) {
        fputs(word, stderr);
        return;
    }
    fputc('\'', stderr);
    for (; *word; word++) fprintf(stderr, *word == '\'' ? "'\\%c'" : "%c", *word);
    fputc('\'', stderr);
}

/* The command line with another --resume and without --stop-after. */
static void print_command(char **words, const char *state) {
    for (; *words; words++) {
        size_t name = strcspn(*words, "=");
        int drops = (name == 8 && !memcmp(*words, "--resume", 8)) ||
                    (name == 12 && !memcmp(*words, "--stop-after", 12));
        if (drops) {
            words += (*words)[name] != '=' && words[1];
            continue;
        }
        print_word(*words);
        fputc(' ', stderr);
    }
    fputs("--resume ", stderr);
    print_word(state);
    fputc('\n', stderr);
}

static int write_preview(const arguments *a, dk_run *run, dk_real *picture) {
    char *written = path_with(a->preview, ".part");
    int failed = !written || dk_denoised(run, picture) != DK_OK ||
                 digits_png(written, picture, a->count, a->count < 10 ? a->count : 10, 3) ||
                 put_in_place(written, a->preview);
    if (failed) fprintf(stderr, "diffkit: cannot write %s\n", a->preview);
    free(written);
    return failed;
}

/* One evaluation after another, until the end or until it is to stop. picture: room for a preview. error: NULL where there is none. */
static int run_digits(const arguments *a, digits *d, dk_run *run, dk_real *picture, estimate *error) {
    digits_bar bar = {digits_seconds(), 0, -1};
    dk_eval e;
    while (dk_next(run, &e)) {
        if (stopping || (a->stop_after > 0 && e.call >= a->stop_after)) {
            fprintf(stderr, "%sdiffkit: stopped after %d evaluations", DIGITS_IS_TERMINAL(2) ? "\n" : "",
                    e.call);
            return STOPPED;
        }
        if (bar.before < 0) bar.before = e.call;
        if (digits_denoise(d, &e)) {
            fprintf(stderr, "diffkit: out of memory\n");
            return FAILED;
        }
        if (error && estimate_add(error, run, &e)) return FAILED;
        digits_progress(&bar, run, &e);
        if (a->preview && (e.call + 1) % a->preview_every == 0 && write_preview(a, run, picture))
            return FAILED;
    }
    if (run->status != DK_OK) fprintf(stderr, "diffkit: %s\n", run->message);
    return run->status == DK_OK ? OK : FAILED;
}

static int draw_digits(arguments *a, digits *d, uint64_t hash, dk_real *x) {
    dk_run run;
    estimate error;
    double most = 0;
    memset(&error, 0, sizeof error);
    a->c.batch = a->count;
    if (dk_begin(&run, &a->c, x, NULL, 0) != DK_OK) return fprintf(stderr, "diffkit: %s\n", run.message), WRONG;
    signal(SIGINT, stop), signal(SIGTERM, stop);
    int status = a->resume ? load_state(&run, hash, a->resume) : OK;
    const int estimated = status == OK && !a->resume && !estimate_begin(&error, dk_run_plan(&run), &a->c);
    if (status == OK) status = run_digits(a, d, &run, x + run.size, estimated ? &error : NULL);
    if (status == STOPPED) {
        char *state = a->state ? path_with(a->state, "") : path_with(a->out, ".state");
        if (!state || save_state(&run, hash, state)) {
            fprintf(stderr, ", but cannot write %s\n", state ? state : "the state");
            status = FAILED;
        } else {
            fprintf(stderr, ". To go on:\n");
            print_command(a->words, state);
        }
        free(state);
    }
    dk_end(&run);
    const double rms = estimated && status == OK ? estimate_error(&error, x, &most) : 0;
    estimate_end(&error);
    if (status != OK) return status;
    if (digits_png(a->out, x, a->count, a->count < 10 ? a->count : 10, 3)) {
        fprintf(stderr, "diffkit: cannot write %s\n", a->out);
        return FAILED;
    }
    printf("%s: %d digits\n", a->out, a->count);
    if (estimated) printf("estimated error: RMS %.2g, of the worst digit %.2g, where pixels are -1 .. 1\n", rms, most);
    return OK;
}

/* Loads the network, and makes room for twice as many digits as are wanted. */
static int with_digits(arguments *a, int (*work)(arguments *, digits *, uint64_t, dk_real *)) {
    digits d;
    size_t length;
    memset(&d, 0, sizeof d);
    if (a->count < 0) a->count = a->class_count;
    if (a->count < 1 || a->count > MAX_DIGITS) {
        fprintf(stderr, "diffkit: --count %d: must be 1 .. %d\n", a->count, MAX_DIGITS);
        return WRONG;
    }
    if (a->preview_every < 1) {
        fprintf(stderr, "diffkit: --preview-every %d: must be at least 1\n", a->preview_every);
        return WRONG;
    }
    const char *wrong = unet_load(&d.net, a->weights);
    if (wrong) {
        fprintf(stderr, "diffkit: %s: %s\n", a->weights, wrong);
        return FAILED;
    }
    char *bytes = read_text(a->weights, &length);
    uint64_t hash = digits_hash(a, bytes, bytes ? length : 0);
    free(bytes);
    d.labels = a->classes, d.count = a->class_count;
    const dk_config network = digits_config(&d);
    a->c.prediction = network.prediction, a->c.sigma_data = network.sigma_data, a->c.dim = network.dim;
    dk_real *x = (dk_real *)malloc(2 * (size_t)a->count * UNET_PIXELS * sizeof *x);
    if (!x) fprintf(stderr, "diffkit: out of memory\n");
    int status = x ? work(a, &d, hash, x) : FAILED;
    free(x);
    unet_free(&d.net);
    return status;
}

enum { TABLE_STEPS = 100 };

static int run_table(arguments *a) {
    static double numbers[DK_TABLE_ROOM(TABLE_STEPS)];
    dk_table t;
    if (table_of(&t, numbers, DK_TABLE_ROOM(TABLE_STEPS), &a->c)) return wrong_config(&a->c);
    return (a->json ? table_write_json(stdout, &t) : table_write_c(stdout, a->name ? a->name : "table", &t)) ? FAILED : OK;
}

/* The table of --table takes the place of sampler and grid; its levels are as it says. */
static int run_sample(arguments *a) {
    static double numbers[DK_TABLE_ROOM(TABLE_STEPS)];
    static dk_table t;
    char message[DK_MESSAGE_SIZE];
    size_t length;
    if (!a->file_table) {
        keep_to_known_levels(&a->c);
        return with_digits(a, draw_digits);
    }
    char *json = read_text(a->file_table, &length);
    if (!json) return fprintf(stderr, "diffkit: cannot read %s\n", a->file_table), FAILED;
    dk_status status = dk_table_from_json(&t, numbers, DK_TABLE_ROOM(TABLE_STEPS), json, length, message);
    free(json);
    if (status) return fprintf(stderr, "diffkit: %s: %s\n", a->file_table, message), WRONG;
    a->c.sampler = dk_table_sampler(&t);
    return with_digits(a, draw_digits);
}

/* ------------------------------------------------------------------------------ invert */

/* The shipped network's config for a way from data to noise and, with rising 0, back; clean data count as its lowest
   level. */
static dk_config inversion(const arguments *a, const digits *d, const dk_sampler_info *info) {
    dk_config c = digits_config(d);
    int evals = info->evals ? info->evals : 1;
    c.sampler = dk_sampler_named(info->name);
    c.steps = a->c.steps < evals ? 1 : a->c.steps / evals;
    c.batch = a->count, c.start = DK_START_STATE, c.grid.final = DK_FINAL_MIN, c.grid.rising = 1;
    return c;
}

static int without_noise(dk_config *c) {
    dk_plan plan = {0};
    int none = dk_record(&plan, c) == DK_OK && plan.draws == 1;
    dk_plan_free(&plan);
    return none;
}

static int invert_digits(const arguments *a, digits *d, dk_config *c, int order, const dk_real *x0,
                         dk_real *x) {
    size_t n = (size_t)a->count * UNET_PIXELS;
    double sum = 0, most = 0;
    memcpy(x, x0, n * sizeof *x);
    for (; c->grid.rising >= 0; c->grid.rising--)
        if (dk_sample(c, digits_denoise, d, x) != DK_OK) return wrong_config(c);
    for (size_t i = 0; i < n; i++) {
        double off = fabs((double)x[i] - (double)x0[i]) / 2; /* white is -1, ink is 1 */
        sum += off, most = off > most ? off : most;
    }
    printf(a->markdown ? "| `%s` | %d | %.3f%% | %.2f%% |\n" : "%-26s %5d %9.3f%% %9.2f%%\n", c->sampler.name,
           order, 100 * sum / (double)n, 100 * most);
    return fflush(stdout) ? FAILED : OK;
}

static int invert_all(arguments *a, digits *d, uint64_t hash, dk_real *x) {
    const char *only = a->c.sampler.name;
    dk_config c = digits_config(d);
    int status = OK, rows = 0;
    (void)hash;
    c.batch = a->count, c.seed = a->c.seed, c.sampler = a->c.sampler;
    if (dk_resolve(&c) != DK_OK) return wrong_config(&c);
    c.sampler = dk_sampler_named("dpmpp_2m");
    if (dk_sample(&c, digits_denoise, d, x) != DK_OK) return wrong_config(&c);
    for (int i = 0; dk_sampler_at(i) && status == OK; i++) {
        const dk_sampler_info *info = dk_sampler_at(i);
        c = inversion(a, d, info);
        if ((only && strcmp(only, info->name) != 0) || !without_noise(&c)) continue;
        if (!rows++)
            printf(a->markdown ? "| sampler | order | mean error | largest |\n| --- | --- | --- | --- |\n"
                               : "sampler                    order       mean    largest\n");
        status = invert_digits(a, d, &c, info->order, x, x + (size_t)a->count * UNET_PIXELS);
    }
    if (rows) return status;
    fprintf(stderr, "diffkit: --sampler %s: must be one without noise\n", only);
    return WRONG;
}

/* -------------------------------------------------------------------------------- fit, tune */

static int show_fit(void *user, const fit *f, const char *doing, double error) {
    (void)user;
    fprintf(stderr, "%-8s RMS %.5f after %ld evaluations\n", doing, error, f->evaluations);
    return stopping;
}

/* The network's config with what the command line says. */
static dk_config exact(const arguments *a, const digits *d) {
    dk_config c = digits_config(d);
    c.seed = a->c.seed, c.guidance.scale = a->c.guidance.scale, c.steps = a->c.steps;
    return c;
}

static int fit_digits(arguments *a, digits *d, uint64_t hash, dk_real *x) {
    static const char *const chosen[] = {"the base: nothing was better", "the family's", "the polished one"};
    fit f;
    (void)hash, (void)x;
    memset(&f, 0, sizeof f);
    f.config = exact(a, d), f.denoise = digits_denoise, f.user = d, f.conditions = d->count;
    f.budget = a->budget, f.progress = show_fit;
    signal(SIGINT, stop), signal(SIGTERM, stop);
    dk_status status = fit_run(&f);
    if (status) fprintf(stderr, "diffkit: %s\n", f.message);
    if (status && status != DK_CANCELLED) return status == DK_ERROR_CONFIG ? WRONG : FAILED;
    if (a->json) {
        const dk_table table = fit_table(&f);
        if (f.plan.steps && table_write_json(stdout, &table)) return FAILED;
        if (!f.plan.steps) fprintf(stderr, "diffkit: nothing was better than the base\n");
        return status || !f.plan.steps ? STOPPED : OK;
    }
    printf("/* %d evaluations, and one at x = 0 for all samples of a class; guidance %g. RMS on noise that was held out: base %.4f",
           f.config.steps, a->c.guidance.scale > 0 ? a->c.guidance.scale : 1, f.error[FIT_BASE]);
    if (f.error[FIT_FAMILY] > 0) printf(", family %.4f", f.error[FIT_FAMILY]);
    if (f.error[FIT_POLISHED] > 0) printf(", polished %.4f", f.error[FIT_POLISHED]);
    printf(".\n   Fitted with %ld evaluations. This is %s. */\n", f.evaluations, chosen[f.choice]);
    const dk_table table = fit_table(&f);
    if (f.plan.steps && table_write_c(stdout, a->name ? a->name : "fitted", &table)) return FAILED;
    return status ? STOPPED : OK;
}

typedef struct tuned {
    char sampler[64], grid[64];
    double rms, median;
} tuned;

static int closer(const void *a, const void *b) {
    double u = ((const tuned *)a)->rms, v = ((const tuned *)b)->rms;
    return (u > v) - (u < v);
}

/* Item i of "A,B,C", or of the library's list where there is none; 0 past the end. */
static int item(const char *list, const char *known, int i, char *to, size_t size) {
    for (; list && *list && i > 0; i--) list += strcspn(list, ","), list += *list == ',';
    if (list ? !*list : !known) return 0;
    snprintf(to, size, "%.*s", (int)(list ? strcspn(list, ",") : strlen(known)), list ? list : known);
    return 1;
}

static int sampler_item(const arguments *a, int i, char *to, size_t size) {
    const dk_sampler_info *info = dk_sampler_at(i);
    return item(a->samplers, info ? info->name : NULL, i, to, size);
}

static int grid_item(const arguments *a, int i, char *to, size_t size) {
    const dk_named *grid = dk_grid_at(i);
    return item(a->grids, grid ? grid->name : NULL, i, to, size);
}

/* Names that are given must be known. */
static int check_items(const arguments *a, const dk_config *config) {
    char sampler[64], grid[64];
    dk_config c = *config;
    for (int i = 0; a->samplers && sampler_item(a, i, sampler, sizeof sampler); i++)
        if (tune_configure(&c, sampler, "default", c.steps)) return wrong_config(&c);
    for (int i = 0; a->grids && grid_item(a, i, grid, sizeof grid); i++)
        if (tune_configure(&c, "euler", grid, c.steps)) return wrong_config(&c);
    return OK;
}

static int tune_digits(arguments *a, digits *d, uint64_t hash, dk_real *x) {
    enum { MOST = 8000 };
    tuned *row = (tuned *)malloc(MOST * sizeof *row);
    dk_config c = exact(a, d);
    dk_plan plan = {0};
    int rows = 0, status = row ? check_items(a, &c) : FAILED;
    (void)hash;
    c.batch = a->count;
    dk_real *want = x + (size_t)a->count * UNET_PIXELS;
    if (status == OK && tune_solve(&c, 128, digits_denoise, d, want)) status = wrong_config(&c);
    signal(SIGINT, stop), signal(SIGTERM, stop);
    char sampler[64];
    for (int s = 0; status == OK && !stopping && sampler_item(a, s, sampler, sizeof sampler); s++) {
        if (DIGITS_IS_TERMINAL(2)) fprintf(stderr, "\r%-60s", sampler);
        for (int g = 0; rows < MOST && !stopping && grid_item(a, g, row[rows].grid, sizeof row->grid); g++) {
            tuned *r = &row[rows];
            strcpy(r->sampler, sampler);
            if (!tune_record(&c, r->sampler, r->grid, c.steps, &plan)) continue;
            if (tune_measure(&c, &plan, digits_denoise, d, want, x, &r->rms, &r->median) == DK_OK) rows++;
        }
    }
    if (DIGITS_IS_TERMINAL(2)) fprintf(stderr, "\r%60s\r", "");
    if (rows) qsort(row, (size_t)rows, sizeof *row, closer);
    if (rows) printf("sampler                      grid                   RMS    median\n");
    else if (status == OK && !stopping) fprintf(stderr, "diffkit: --evaluations %d: no such sampler takes so many\n", c.steps), status = WRONG;
    for (int i = 0; i < rows && i < a->best; i++)
        printf("%-28s %-18s %8.4f  %8.4f\n", row[i].sampler, row[i].grid, row[i].rms, row[i].median);
    dk_plan_free(&plan);
    free(row);
    return status == OK && stopping ? STOPPED : status;
}

/* ------------------------------------------------------------------------------ shader */

static FILE *open_in(const char *folder, const char *name) {
    char path[1024];
    FILE *out = snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path ? fopen(path, "wb") : NULL;
    if (!out) fprintf(stderr, "diffkit: cannot write %s/%s\n", folder, name);
    return out;
}

static void print_words(FILE *out, const char *name, const uint32_t *word, int n) {
    fprintf(out, "\"%s\": [", name);
    for (int k = 0; k < n; k++) fprintf(out, "%s%lu", k ? ", " : "", (unsigned long)word[k]);
    fprintf(out, "]");
}

/* What a pass is run with: the fields of its block by name, and as words. */
static void print_dispatch(FILE *out, const shader_of *of, const dk_pass *pass, int kernel) {
    uint32_t block[SHADER_WORDS];
    const shader_counts n = shader_count(of, pass);
    int words = shader_block(of, pass, block, SHADER_WORDS), brought = 0;
    for (int k = pass->first; k < pass->first + pass->count; k++)
        if (of->plan->row[k].draw >= 0 && !shader_makes(of, of->plan->row[k].draw))
            fprintf(out, "{\"noise\": %d, \"to\": %d},\n", of->plan->row[k].draw, shader_noise_slot(of, brought++));
    fprintf(out, "{\"kernel\": %d, ", kernel);
    print_words(out, "slots", block + SHADER_FIXED, n.slots), fprintf(out, ", ");
    print_words(out, "draws", block + SHADER_FIXED + n.slots, n.draws), fprintf(out, ", ");
    print_words(out, "norms", block + SHADER_FIXED + n.slots + n.draws, n.scalars), fprintf(out, ",\n \"coefficients\": [");
    for (int k = words - n.coefficients; k < words; k++) {
        float c;
        memcpy(&c, &block[k], sizeof c);
        fprintf(out, "%s%s", k > words - n.coefficients ? ", " : "", json((double)c).s);
    }
    fprintf(out, "],\n "), print_words(out, "block", block, words), fprintf(out, "}");
}

static void print_boundary(FILE *out, const shader_of *of, const dk_pass *pass, int kernel) {
    const dk_plan *p = of->plan;
    const dk_call *call = &p->call[pass->index];
    const dk_norm *norm = &p->norm[pass->index];
    if (pass->boundary == DK_BOUNDARY_CALL) {
        fprintf(out, ",\n{\"network\": %d, \"told\": %s, \"input\": %d, \"output\": %d, ", pass->index, json(call->condition).s,
                p->value[call->input].slot, p->value[call->output].slot);
        if (call->uncond_output >= 0) fprintf(out, "\"uncond_output\": %d, ", p->value[call->uncond_output].slot);
        fprintf(out, "\"branch\": %d, \"branches\": %d}", call->branch, call->branches);
    } else if (pass->boundary == DK_BOUNDARY_NORM) {
        fprintf(out, ",\n{\"norm\": %d, \"kind\": \"%s\", \"a\": %d, ", pass->index, norm_names[norm->kind], p->value[norm->a].slot);
        if (norm->b >= 0) fprintf(out, "\"b\": %d, ", p->value[norm->b].slot);
        uint32_t block[SHADER_WORDS];
        fprintf(out, "\"limit\": %s, \"share\": %s,\n \"kernel\": %d, \"groups\": %d, ", json(norm->limit).s, json(norm->share).s, kernel,
                of->config->batch);
        print_words(out, "block", block, shader_norm_block(of, norm, block)), fprintf(out, "}");
    }
}

/* The number of a kernel among those so far, to which it is added and written if it is new; -1: it cannot be. Takes the text. */
static int add_kernel(const arguments *a, char **texts, int *kernels, char *kernel) {
    char name[32];
    for (int k = 0; kernel && k < *kernels; k++)
        if (strcmp(texts[k], kernel) == 0) return free(kernel), k;
    snprintf(name, sizeof name, "kernel%d.%s", *kernels, shader_table[a->language].ending);
    FILE *out = kernel ? open_in(a->folder, name) : NULL;
    int failed = !out || fputs(kernel, out) < 0;
    if (out && fclose(out)) failed = 1;
    if (failed) return free(kernel), -1;
    texts[*kernels] = kernel;
    return (*kernels)++;
}

static int run_shader(arguments *a) {
    const shader_language language = (shader_language)a->language;
    const char *ending = shader_table[language].ending;
    dk_config c = a->c;
    dk_plan plan = {0};
    int kernels = 0, status = OK;
    if (!c.dim) c.dim = 1;
    if (dk_resolve(&c) != DK_OK || dk_record(&plan, &c) != DK_OK) return wrong_config(&c);
    const shader_of of = {&plan, &c, 0};
    char **texts = (char **)calloc(2 * (size_t)plan.passes, sizeof *texts);
    int *kernel = (int *)calloc(2 * (size_t)plan.passes, sizeof *kernel); /* of a pass, and of the norm that ends it */
    FILE *list = NULL;
    if (plan.attempt) fprintf(stderr, "diffkit: sampler.rtol: must be 0 for shaders: the steps are not known beforehand\n");
    if (plan.attempt || !texts || !kernel) status = plan.attempt ? WRONG : FAILED;
    for (int i = 0; status == OK && i < plan.passes; i++) {
        const dk_pass *pass = &plan.pass[i];
        char *t = shader_text(language, &of, pass);
        if (!t) {
            fprintf(stderr, "diffkit: number: must be real for shaders, and passes have at most %d words\n", SHADER_WORDS);
            status = WRONG;
            break;
        }
        kernel[2 * i] = add_kernel(a, texts, &kernels, t);
        if (kernel[2 * i] >= 0 && pass->boundary == DK_BOUNDARY_NORM)
            kernel[2 * i + 1] = add_kernel(a, texts, &kernels, shader_norm_text(language, &plan.norm[pass->index]));
        if (kernel[2 * i] < 0 || kernel[2 * i + 1] < 0) status = FAILED;
    }
    if (status == OK && (list = open_in(a->folder, "dispatch.json")) == NULL) status = FAILED;
    if (status == OK) {
        fprintf(list, "{\"language\": \"%s\", \"vectors\": %d, \"dim\": %lu, \"batch\": %d, \"group\": %d,\n\"kernels\": [", shader_table[language].name,
                shader_slots(&of), (unsigned long)c.dim, c.batch, SHADER_GROUP);
        for (int k = 0; k < kernels; k++) fprintf(list, "%s\"kernel%d.%s\"", k ? ", " : "", k, ending);
        fprintf(list, "],\n\"run\": [");
        for (int i = 0; i < plan.passes; i++) {
            fprintf(list, i ? ",\n" : "\n");
            print_dispatch(list, &of, &plan.pass[i], kernel[2 * i]);
            print_boundary(list, &of, &plan.pass[i], kernel[2 * i + 1]);
        }
        fprintf(list, "\n]}\n");
        printf("%d kernels for %d passes, %d vectors\n", kernels, plan.passes, shader_slots(&of));
    }
    if (list && fclose(list) && status == OK) status = FAILED;
    for (int k = 0; k < kernels; k++) free(texts[k]);
    free(texts), free(kernel), dk_plan_free(&plan);
    return status;
}

/* -------------------------------------------------------------------------------- main */

static int find_command(const char *name) {
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0) return i;
    return -1;
}

/* What the command line says; of compare's two, side A or B: 0 or 1. */
static int read_command(arguments *a, int command, int argc, char **argv, int side) {
    int bit = commands[command].bit;
    a->c.schedule = dk_schedule_named(bit == SAMPLE ? "edm" : "flow");
    a->c.steps = STEPS_UNSET;
    a->weights = "examples/digits/weights.bin", a->out = "digits.png", a->count = -1, a->preview_every = 5;
    a->best = 20, a->folder = ".";
    for (int i = 0; i < 10; i++) a->classes[a->class_count++] = i;
    int status = parse_options(a, command, argc, argv, 0);
    if (status == OK) status = read_model(a, 20);
    if (status == OK) status = parse_options(a, command, argc, argv, 1);
    if (status == OK && bit == COMPARE) status = take_side(a, a->sides[side]);
    if (status == OK) status = parse_options(a, command, argc, argv, 2);
    if (status == OK && bit != LIST) status = check_options(a, bit == SAMPLE ? 20 : bit == INVERT ? 60 : bit & ENDS ? 5 : 10);
    return status;
}

static int run_compare(arguments *a, int command, int argc, char **argv) {
    dk_plan plan[2] = {{0}, {0}};
    char *words[2] = {NULL, NULL};
    int status = dk_record(&plan[0], &a->c) == DK_OK ? OK : wrong_config(&a->c);
    arguments b;
    memset(&b, 0, sizeof b);
    if (status == OK) status = read_command(&b, command, argc, argv, 1);
    if (status == OK) status = dk_record(&plan[1], &b.c) == DK_OK ? OK : wrong_config(&b.c);
    for (int i = 0; i < 2 && status == OK; i++)
        if ((words[i] = explain_text(&plan[i])) == NULL) status = FAILED;
    if (status == OK) {
        printf("A              %s\nB              %s\n", a->sides[0], a->sides[1]);
        explain_difference(&plan[0], &plan[1], words[0], words[1]);
    }
    for (int i = 0; i < 2; i++) free(words[i]), dk_plan_free(&plan[i]);
    free(b.levels), free(b.table);
    return status;
}

static int run_command(arguments *a, int command, int argc, char **argv) {
    int status = read_command(a, command, argc, argv, 0);
    if (status != OK) return status;
    switch (commands[command].bit) {
    case LIST: return run_list(a);
    case LEVELS: return run_levels(a);
    case PLAN: return run_plan(a);
    case COMPARE: return run_compare(a, command, argc, argv);
    case TABLE: return run_table(a);
    case SHADER: return run_shader(a);
    case SAMPLE: return run_sample(a);
    case FIT: return with_digits(a, fit_digits);
    case TUNE: return with_digits(a, tune_digits);
    default: return with_digits(a, invert_all);
    }
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    int command = find_command(name);
    if (command < 0) return unknown("command", "", name, command_name);
    int asks_help =
        commands[command].bit && argc > 2 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "-h"));
    if (asks_help) return help(command);
    if (commands[command].bit == 0) {
        if (argc < 3) return help(-1);
        command = find_command(argv[2]);
        return command < 0 ? unknown("command", "", argv[2], command_name) : help(command);
    }
    arguments a;
    memset(&a, 0, sizeof a);
    a.words = argv;
    int status = run_command(&a, command, argc - 2, argv + 2);
    free(a.levels), free(a.table);
    if (fflush(stdout) != 0 && status == OK) status = FAILED;
    return status;
}
