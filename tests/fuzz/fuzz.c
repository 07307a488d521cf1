/* The fuzz targets as one program.
     With -DFUZZ_TARGET=fuzz_json (or another) and a fuzzer's main (clang's or AFL++'s -fsanitize=fuzzer): that target.
     Without: fuzz TARGET FILE... runs a target over files, for tests without a fuzzer and to see a finding again;
     fuzz TARGET random FIRST COUNT runs it over random bytes, which the numbers FIRST, FIRST + 1 ... decide. It says which number
     stops the program, which one took longest, and how often executions came how far. */
#include "callbacks.h"
#include "config.h"
#include "elsewhere.h"
#include "json.h"
#include "levels.h"
#include "names.h"
#include "noise.h"
#include "plan.h"
#include "save.h"
#include "table.h"
#include <signal.h>
#include <time.h>

#ifdef FUZZ_TARGET
#ifdef __cplusplus
extern "C"
#endif
    int
    LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return FUZZ_TARGET(bytes, size); }
#else

static int replay(int (*target)(const uint8_t *bytes, size_t size), const char *path) {
    enum { MOST = 1 << 20 };
    static uint8_t bytes[MOST];
    FILE *f = fopen(path, "rb");
    if (!f) return fprintf(stderr, "cannot read %s\n", path), 1;
    size_t size = fread(bytes, 1, MOST, f);
    fclose(f);
    uint8_t *exact = (uint8_t *)malloc(size ? size : 1); /* so that a sanitizer sees a read past the end */
    if (!exact) return 1;
    memcpy(exact, bytes, size);
    printf("%s\n", path), fflush(stdout); /* names the one that stops the program */
    int failed = target(exact, size);
    free(exact);
    return failed;
}

/* Of random bytes: which input is at work, for when the program is stopped. */
static uint64_t at_work;
static void say_at_work(int number) {
    fprintf(stderr, "stopped by signal %d at input %llu\n", number, (unsigned long long)at_work);
    signal(number, SIG_DFL);
    raise(number);
}

/* Splitmix64, Steele et al. 2014. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int run_random(int (*target)(const uint8_t *bytes, size_t size), uint64_t first, uint64_t count) {
    enum { WORDS = 32 };
    static const int caught[] = {SIGABRT, SIGSEGV, SIGFPE, SIGILL};
    static const char *const met[FUZZ_MET_COUNT] = {"runs begun", "ended", "plans", "split", "on devices", "failures", "loaded", "forged loaded", "refused"};
    uint64_t slowest = first;
    clock_t longest = 0, begun = clock(), last = begun;
    for (size_t i = 0; i < FUZZ_COUNT(caught); i++) signal(caught[i], say_at_work);
    for (at_work = first; at_work < first + count; at_work++) {
        uint64_t state = at_work * 0xD1342543DE82EF95u, words[WORDS];
        for (size_t i = 0; i < WORDS; i++) words[i] = next_random(&state);
        target((const uint8_t *)words, sizeof words);
        clock_t now = clock();
        if (now - last > longest) longest = now - last, slowest = at_work;
        last = now;
    }
    printf("%llu executions, %.0f a second; slowest %llu: %.1f ms", (unsigned long long)count,
           (double)count * CLOCKS_PER_SEC / (double)(last - begun + 1), (unsigned long long)slowest, 1e3 * (double)longest / CLOCKS_PER_SEC);
    for (int i = 0; i < FUZZ_MET_COUNT; i++)
        if (fuzz_met[i]) printf("; %s %llu", met[i], (unsigned long long)fuzz_met[i]);
    printf("\n");
    return 0;
}

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*target)(const uint8_t *bytes, size_t size);
    } targets[] = {{"callbacks", fuzz_callbacks},
                   {"config", fuzz_config},
                   {"elsewhere", fuzz_elsewhere},
                   {"forged", fuzz_forged},
                   {"json", fuzz_json},
                   {"levels", fuzz_levels},
                   {"names", fuzz_names},
                   {"noise", fuzz_noise},
                   {"plan", fuzz_plan},
                   {"save", fuzz_save},
                   {"table", fuzz_table}};
    for (size_t t = 0; argc > 2 && t < FUZZ_COUNT(targets); t++) {
        if (strcmp(argv[1], targets[t].name)) continue;
        if (argc == 5 && strcmp(argv[2], "random") == 0)
            return run_random(targets[t].target, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
        for (int i = 2; i < argc; i++)
            if (replay(targets[t].target, argv[i])) return 1;
        return printf("%d passed, 0 failed\n", argc - 2), 0;
    }
    return fprintf(stderr, "fuzz TARGET FILE...; targets: callbacks, config, elsewhere, forged, json, levels, names, noise, plan, save, table\n"), 2;
}
#endif
