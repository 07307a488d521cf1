/* Replays reference runs of other implementations through the library: conformance FILE.jsonl ...
   One line per case, `ID ok|FAIL|unsupported|peer_bug largest-relative-error`, and last `N passed, N failed,
   N skipped`; unsupported counts as failed, a peer's own bug is skipped. Build with DK_REAL double. The format of
   the files is in tests/data/README.md. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "examples/likelihood.h"

#include "conformance_loops.h"
#include "conformance_published.h"
#include "conformance_samplers.h"
#include "conformance_schedules.h"
#include "conformance_tableaux.h"

/* Kinds of lines, each known by a member that only they have. */
static const struct {
    const char *member;
    verdict (*run)(const json *line, double *worst);
} kinds[] = {
    {"test_file", published_case}, {"sampler", sampler_case}, {"scheduler_class", diffusers_case},
    {"spacing", schedule_case},    {"stages", tableau_case},  {"kind", rng_case},
    {"file", file_loop_case},
};

static verdict run_line(const json *line, double *worst) {
    reason = "";
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (json_get(line, kinds[i].member)) return kinds[i].run(line, worst);
    return unsupported("unknown kind of line");
}

/* The next line without its end, in *text; 0 at the end of the file. */
static int read_line(FILE *file, char **text, size_t *room) {
    size_t size = 0;
    int c = fgetc(file);
    for (; c != EOF && c != '\n'; c = fgetc(file)) {
        if (size + 2 > *room) *text = (char *)json_memory(*text, *room = *room ? 2 * *room : 1 << 16);
        (*text)[size++] = (char)c;
    }
    if (size) (*text)[size] = 0;
    else if (*text) **text = 0;
    return size > 0 || c != EOF;
}

int main(int count, char **files) {
    static const char *const words[] = {"unsupported", "FAIL", "ok", "peer_bug"};
    int results[VERDICT_COUNT + 1] = {0};
    char *text = NULL;
    size_t room = 0;
    for (int i = 1; i < count; i++) {
        FILE *file = fopen(files[i], "rb");
        if (!file) {
            fprintf(stderr, "%s: cannot be read\n", files[i]);
            return 2;
        }
        for (int number = 1; read_line(file, &text, &room); number++) {
            json line;
            double worst = 0;
            char place[64];
            if (!*text) continue;
            json_value(text, &line);
            snprintf(place, sizeof place, "line %d", number);
            verdict result = run_line(&line, &worst);
            printf("%s %s %.3g%s%s\n", json_string(&line, "id", json_string(&line, "name", place)),
                   words[result + 1], worst, *reason ? " " : "", reason);
            results[result + 1]++;
            json_free(&line);
        }
        fclose(file);
    }
    free(text);
    printf("%d passed, %d failed, %d skipped\n", results[OK + 1],
           results[FAIL + 1] + results[UNSUPPORTED + 1], results[SKIPPED + 1]);
    return results[FAIL + 1] + results[UNSUPPORTED + 1] > 0;
}
