/* Any text as a name, as settings, as parameters of a picture, as a tableau, classical or exponential. */
#include "fuzz.h"
#include "examples/infotext.h"

static int fuzz_names(const uint8_t *bytes, size_t size) {
    if (!size) return 0;
    char *text = (char *)malloc(size);
    if (!text) return 0;
    memcpy(text, bytes + 1, size - 1), text[size - 1] = 0;
    dk_config c, before;
    memset(&c, 0, sizeof c);
    c.steps = 4, c.dim = 2, c.batch = 1;
    before = c;
    switch (bytes[0] % 8) {
    case 0: c.sampler = dk_sampler_named(text); break;
    case 1: c.grid = dk_grid_named(text); break;
    case 2: c.schedule = dk_schedule_named(text); break;
    case 3: c.sampler.tableau = text; break;
    case 4:
        if (dk_config_named(&c, text) == DK_OK) break;
        FUZZ_PROMISE(c.message[0]);
        c = before;
        break;
    case 5:
        if (dk_config_set(&c, text) == DK_OK) break;
        FUZZ_PROMISE(c.message[0]);
        memset(c.message, 0, sizeof c.message);
        FUZZ_PROMISE(!memcmp(&c, &before, sizeof c)); /* all or nothing */
        break;
    case 6: c.sampler.exponential = text; break;
    default:
        FUZZ_PROMISE(infotext_read(&c, text, size - 1, NULL) == DK_OK || c.message[0]);
        c = before;
        FUZZ_PROMISE(dk_config_for(&c, text, NULL) == DK_OK || c.message[0]);
    }
    fuzz_run(&c, 50);
    free(text);
    return 0;
}
