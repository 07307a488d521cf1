/* Any bytes as a model's configuration file: an error that leaves the config alone, or a config that can be run. */
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
    more.stage = (int)size / 4 % 3;
    if (size & 1) more.mu = 0.7;
    before = c;
    if (dk_config_from_json(&c, text, size, size & 2 ? &more : NULL) != DK_OK) {
        FUZZ_PROMISE(c.message[0]);
        memset(c.message, 0, sizeof c.message);
        FUZZ_PROMISE(!memcmp(&c, &before, sizeof c));
    } else {
        fuzz_run(&c, 100);
    }
    free(text);
    return 0;
}
