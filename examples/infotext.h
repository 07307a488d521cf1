/* infotext.h: what the generation parameters of a picture say, as a config.

       c.schedule = dk_vp_scaled_linear();              // the model's own: it stays
       if (infotext_read(&c, text, strlen(text), ignored)) fprintf(stderr, "%s\n", dk_message(&c));

   The text is as AUTOMATIC1111, Forge and SD.Next write it ("Steps: 28, Sampler: DPM++ 2M SDE, Schedule type: Karras, CFG scale: 7,
   Seed: 1, ...", with or without the prompts before), or has the inputs of ComfyUI's KSampler ({"seed": 1, "steps": 20, "cfg": 8,
   "sampler_name": "euler", "scheduler": "normal", "denoise": 1}). It sets sampler, grid, steps, guidance.scale, seed, source of
   noise, strength, eta and churn.
   A name that is not known, or a number that cannot be, is refused, and the config is left alone. Keys that say nothing of these
   are listed in `ignored`, DK_MESSAGE_SIZE bytes, with ", " between, unless it is NULL; a last ... stands for the rest.

   Include diffkit.h first. C11 or C++11. MIT licence. */
#ifndef EXAMPLES_INFOTEXT_H
#define EXAMPLES_INFOTEXT_H

#include <stdio.h>
#include <string.h>

/* n letters somewhere in the text. */
typedef struct infotext_span {
    const char *p;
    size_t n;
} infotext_span;

static inline char infotext_fold(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == ' ' || c == '-' || c == '/' ? '_' : c;
}

/* Blind to case and to the kind of separator. */
static inline int infotext_is(infotext_span s, const char *name) {
    size_t i = 0;
    while (i < s.n && name[i] && infotext_fold(s.p[i]) == infotext_fold(name[i])) i++;
    return i == s.n && !name[i];
}

static inline infotext_span infotext_stripped(const char *p, const char *end) {
    while (p < end && strchr(" \t\r\"", *p)) p++;
    while (p < end && strchr(" \t\r\"", end[-1])) end--;
    infotext_span s = {p, (size_t)(end - p)};
    return s;
}

/* What fits. */
static inline void infotext_add(char text[DK_MESSAGE_SIZE], const char *more, size_t n) {
    size_t at = strlen(text), room = DK_MESSAGE_SIZE - 1 - at;
    if (n > room) n = room;
    memcpy(text + at, more, n), text[at + n] = 0;
}

/* The next "key: value", up to a comma, a brace or the line's end, unless within quotes. */
static inline int infotext_next(const char **at, const char *end, infotext_span *key, infotext_span *value) {
    const char *p = *at, *colon = NULL;
    int quoted = 0;
    if (p >= end) return 0;
    for (; p < end && *p && (quoted || !strchr(",{}\n", *p)); p++) {
        if (*p == '"') quoted = !quoted;
        if (*p == ':' && !quoted && !colon) colon = p;
    }
    *key = infotext_stripped(*at, colon ? colon : p), *value = infotext_stripped(colon ? colon + 1 : p, p);
    *at = p < end ? p + 1 : end;
    return 1;
}

/* The value of a key; n = 0 if there is none. */
static inline infotext_span infotext_value(const char *text, const char *end, const char *name) {
    infotext_span key, value, none = {NULL, 0};
    while (infotext_next(&text, end, &key, &value))
        if (infotext_is(key, name)) return value;
    return none;
}

/* A sampler and what follows it, as the program knows them, or as any does. */
static inline dk_status infotext_named(dk_config *c, const char *program, infotext_span sampler, const char *more) {
    char name[DK_MESSAGE_SIZE] = "";
    infotext_add(name, program, strlen(program)), infotext_add(name, sampler.p, sampler.n), infotext_add(name, more, strlen(more));
    memset(&c->grid, 0, sizeof c->grid);
    return dk_config_named(c, name) == DK_OK ? DK_OK : dk_config_named(c, name + strlen(program));
}

/* Sampler and grid. Where A1111's grid is "Automatic", or was not written yet, it is the sampler's own. */
static inline dk_status infotext_names(dk_config *c, const char *text, const char *end) {
    static const char *const automatic[][2] = {
        {" karras", " dpmpp_2m dpmpp_sde dpmpp_2s_ancestral dpm2 dpm2_ancestral "},
        {" exponential", " dpmpp_2m_sde dpmpp_3m_sde "},
        {" leading", " ddim euler_cfg_pp plms unipc "},
    };
    infotext_span comfy = infotext_value(text, end, "sampler_name"), sampler = infotext_value(text, end, "sampler"),
                  grid = infotext_value(text, end, comfy.n ? "scheduler" : "schedule type");
    char more[DK_MESSAGE_SIZE] = "";
    if (!comfy.n && !sampler.n) return DK_OK;
    if (grid.n && (comfy.n || !infotext_is(grid, "automatic")))
        infotext_add(more, " ", 1), infotext_add(more, grid.p, grid.n);
    if (comfy.n) return infotext_named(c, "comfyui:", comfy, more);
    if (infotext_named(c, "a1111:", sampler, more) != DK_OK) return DK_ERROR_CONFIG;
    if (more[0] || c->grid.spacing) return DK_OK; /* the latter: the sampler's own, or named with it */
    const char *spacing = " linspace";
    snprintf(more, sizeof more, " %s ", c->sampler.name);
    for (int i = 0; i < 3; i++)
        if (strstr(automatic[i][1], more)) spacing = automatic[i][0];
    dk_status status = infotext_named(c, "a1111:", sampler, spacing);
    if (c->grid.spacing == DK_SPACING_LEADING) c->grid.n = 1;
    return status;
}

static inline dk_status infotext_read(dk_config *c, const char *text, size_t length, char *ignored) {
    static const char *const named[] = {"sampler", "sampler_name", "schedule type", "scheduler"}; /* are read first */
    static const char *const keys[][2] = { /* and the settings that they are */
        {"steps", "steps"},
        {"cfg scale", "guidance.scale"},
        {"cfg", "guidance.scale"},
        {"seed", "seed"},
        {"noise seed", "seed"},
        {"denoising strength", "grid.partial=more grid.strength"}, /* with "Hires upscale" that of a second pass */
        {"denoise", "grid.partial=stretch grid.strength"},
        {"schedule rho", "grid.rho"},
        {"schedule max sigma", "grid.sigma_max"},
        {"schedule min sigma", "grid.sigma_min"},
        {"eta", "eta"},
        {"eta ddim", "eta"},
        {"sigma churn", "churn"},
        {"sigma tmin", "churn_min"},
        {"sigma tmax", "churn_max"},
        {"sigma noise", "s_noise"},
        {"ngms", "guidance.noise_min"},
        {"skip early cfg", "guidance.start"},
        {"rng", "noise"},
    };
    const int count = (int)(sizeof keys / sizeof keys[0]);
    char passed[DK_MESSAGE_SIZE] = "";
    infotext_span key, value;
    int known = 0;
    if (!c) return DK_ERROR_CONFIG;
    if (!text) {
        snprintf(c->message, sizeof c->message, "text = NULL: must be parameters");
        return DK_ERROR_CONFIG;
    }
    const char *end = text + length;
    for (const char *p = text; p + 6 < end; p++) /* behind the prompts, whose words are nobody's */
        if ((p == text || p[-1] == '\n') && strncmp(p, "Steps:", 6) == 0) text = p;
    dk_config set = *c;
    set.message[0] = 0;
    dk_status status = infotext_names(&set, text, end);
    int second = infotext_value(text, end, "hires upscale").n || infotext_value(text, end, "hires upscaler").n;
    for (const char *at = text; status == DK_OK && infotext_next(&at, end, &key, &value);) {
        int i = 0, is_name = 0;
        if (!value.n) continue;
        for (int k = 0; k < 4; k++) is_name = is_name || infotext_is(key, named[k]);
        while (i < count && !infotext_is(key, keys[i][0])) i++;
        known += is_name || i < count;
        if (is_name) continue;
        if (i == count || (second && strstr(keys[i][1], "strength"))) {
            if (passed[0]) infotext_add(passed, ", ", 2);
            infotext_add(passed, key.p, key.n);
            continue;
        }
        if (strcmp(keys[i][1], "noise") == 0) {
            status = dk_config_set(&set, infotext_is(value, "cpu") ? "noise=torch_cpu" : "noise=torch_cuda");
            continue;
        }
        char setting[DK_MESSAGE_SIZE] = "";
        infotext_add(setting, keys[i][1], strlen(keys[i][1])), infotext_add(setting, "=\"", 2);
        char *quote = setting + strlen(setting);
        infotext_add(setting, value.p, value.n);
        while ((quote = strchr(quote, '"')) != NULL) *quote = '\''; /* or other settings could follow it */
        infotext_add(setting, "\"", 1);
        status = dk_config_set(&set, setting);
    }
    if (status == DK_OK && !known) {
        snprintf(set.message, sizeof set.message, "text: must have parameters such as \"Steps: 20, Sampler: Euler a\"");
        status = DK_ERROR_CONFIG;
    }
    if (strlen(passed) + 1 == sizeof passed) memcpy(passed + sizeof passed - 6, ", ...", 6);
    if (status != DK_OK) memcpy(c->message, set.message, sizeof c->message);
    else *c = set;
    if (ignored && status == DK_OK) memcpy(ignored, passed, sizeof passed);
    return status;
}

#endif
