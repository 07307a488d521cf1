/* Any bytes as a table: an error that names what is wrong and leaves the table alone, or a table that is written and read again to
   the bit, and that can be run. */
#include "fuzz.h"
#include "examples/table.h"

static int fuzz_same(const double *a, const double *b, int count) {
    return !a ? !b : b && !memcmp(a, b, (size_t)count * sizeof *a);
}

static int fuzz_table(const uint8_t *bytes, size_t size) {
    enum { ROOM = DK_TABLE_ROOM(10) };
    static const char *const families[] = {"flow", "edm", "vp"};
    static char text[1 << 16];
    static FILE *file;
    double numbers[ROOM], again[ROOM];
    char message[DK_MESSAGE_SIZE] = "", *exact = (char *)malloc(size ? size : 1);
    dk_table t, r;
    if (!exact || (!file && !(file = tmpfile()))) return free(exact), 0;
    if (size) memcpy(exact, bytes, size);
    memset(&t, 0, sizeof t), memset(&r, 0, sizeof r);
    dk_status status = dk_table_from_json(&t, numbers, size % 7 ? ROOM : size % ROOM, exact, size, message);
    free(exact);
    FUZZ_PROMISE(!message[0] == !status);
    if (status) {
        FUZZ_PROMISE(!memcmp(&t, &r, sizeof t));
        return 0;
    }
    rewind(file);
    FUZZ_PROMISE(!table_write_json(file, &t) && !table_write_c(file, "t", &t));
    rewind(file);
    FUZZ_PROMISE(!table_write_json(file, &t));
    size_t length = (size_t)ftell(file);
    FUZZ_PROMISE(length < sizeof text);
    rewind(file);
    FUZZ_PROMISE(fread(text, 1, length, file) == length);
    FUZZ_PROMISE(!dk_table_from_json(&r, again, ROOM, text, length, message));
    const int n = t.steps;
    FUZZ_PROMISE(r.steps == n && r.shared == t.shared && fuzz_same(&r.guidance, &t.guidance, 1) && !strcmp(r.name, t.name));
    FUZZ_PROMISE(fuzz_same(r.level, t.level, n + 1) && fuzz_same(r.a, t.a, n) && fuzz_same(r.b, t.b, n * (n + 1) / 2));
    FUZZ_PROMISE(fuzz_same(r.noise, t.noise, n) && fuzz_same(r.told, t.told, n));
    dk_config c;
    memset(&c, 0, sizeof c);
    c.schedule = dk_schedule_named(families[size % 3]);
    c.prediction = DK_PREDICT_X0, c.dim = 2, c.guidance.scale = t.guidance, c.sampler = dk_table_sampler(&r);
    fuzz_run(&c, 100);
    return 0;
}
