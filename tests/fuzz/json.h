/* Any bytes as a model's configuration file: an error that leaves the config alone, or a config that can be written and
   read back as the same. */
#include "fuzz.h"

static int fuzz_json(const uint8_t *bytes, size_t size) {
    static double table[4096];
    char *text =
        (char *)malloc(size ? size : 1); /* exact, without a closing zero, so that reading past it shows */
    dk_config c, before;
    dk_json more;
    if (!text) return 0;
    if (size) memcpy(text, bytes, size);
    memset(&c, 0, sizeof c), memset(&more, 0, sizeof more);
    c.steps = 1 + (int)size % 30, c.dim = 2, c.batch = 1;
    more.table = table, more.table_size = FUZZ_COUNT(table);
    if (size & 1) more.mu = 0.7;
    before = c;
    if (dk_config_from_json_with(&c, &more, text, size) != DK_OK) {
        FUZZ_PROMISE(c.message[0]);
        memset(c.message, 0, sizeof c.message);
        FUZZ_PROMISE(!memcmp(&c, &before, sizeof c));
    } else {
        char out[4096];
        double levels[64];
        int timesteps = dk_json_timesteps(&c, &more, levels, FUZZ_COUNT(levels));
        int sigmas = dk_json_sigmas(&c, &more, levels, FUZZ_COUNT(levels));
        FUZZ_PROMISE(timesteps >= 0 && sigmas >= 0);
        if (size < 64) { /* writing searches, so not often */
            size_t length = dk_config_to_json(&c, &more, out, sizeof out);
            FUZZ_PROMISE(length || c.message[0]);
            dk_config back = before;
            dk_json read = more;
            if (length && length < sizeof out)
                FUZZ_PROMISE(dk_config_from_json_with(&back, &read, out, length) == DK_OK);
        }
        fuzz_run(&c, 100);
    }
    free(text);
    return 0;
}
