/* Fields of a config by what dk_config_set knows of them. */
#ifndef FUZZ_FIELDS_H
#define FUZZ_FIELDS_H

#include "fuzz.h"

/* Any field that dk_config_set knows, past its check. */
static void set_field(fuzz_input *in, dk_config *c) {
    dkp_field row = dkp_no_field, *f = &row;
    unsigned count = 0;
    while (dkp_next_field(f, DKP_OF_ALL)) count++;
    row = dkp_no_field;
    for (unsigned n = fuzz_below(in, count); dkp_next_field(f, DKP_OF_ALL) && n; n--) continue;
    char *at = (char *)c + f->at;
    double real = fuzz_real(in);
    int whole = fuzz_int(in);
    if (strcmp(f->name, "grid.full_steps") == 0) whole %= 64; /* each level of the beta grid takes microseconds */
    uint64_t large = (uint64_t)(unsigned)whole;
    size_t size = (size_t)(1 + large % 64);
    if (f->kind == 'n' || f->kind == 'f' || f->kind == 'w' || f->kind == 'l' || strcmp(f->name, "steps") == 0 || strcmp(f->name, "batch") == 0) return;
    if (f->kind == 'r' || f->kind == 'R' || f->kind == '1') memcpy(at, &real, sizeof real);
    else if (f->kind == 'u') memcpy(at, &large, sizeof large);
    else if (f->kind == 'z') memcpy(at, &size, sizeof size);
    else memcpy(at, &whole, sizeof whole);
}

#endif
