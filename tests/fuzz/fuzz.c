/* The fuzz targets as one program.
     With -DFUZZ_TARGET=fuzz_json (or another) and a fuzzer's main (clang's or AFL++'s -fsanitize=fuzzer): that target.
     Without: fuzz TARGET FILE... runs a target over files, for tests without a fuzzer and to see a finding again. */
#include "config.h"
#include "json.h"
#include "levels.h"
#include "life.h"
#include "names.h"
#include "noise.h"
#include "save.h"
#include "table.h"

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

int main(int argc, char **argv) {
    static const struct {
        const char *name;
        int (*target)(const uint8_t *bytes, size_t size);
    } targets[] = {{"config", fuzz_config},
                   {"json", fuzz_json},
                   {"levels", fuzz_levels},
                   {"life", fuzz_life},
                   {"names", fuzz_names},
                   {"noise", fuzz_noise},
                   {"save", fuzz_save},
                   {"table", fuzz_table}};
    for (size_t t = 0; argc > 2 && t < FUZZ_COUNT(targets); t++) {
        if (strcmp(argv[1], targets[t].name)) continue;
        for (int i = 2; i < argc; i++)
            if (replay(targets[t].target, argv[i])) return 1;
        return printf("%d passed, 0 failed\n", argc - 2), 0;
    }
    return fprintf(stderr, "fuzz TARGET FILE...; targets: config, json, levels, life, names, noise, save, table\n"), 2;
}
#endif
