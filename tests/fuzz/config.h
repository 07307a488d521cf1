/* config -> plan -> run: fields of every kind set to anything, in a config that is anything or in one that works. */
#ifndef FUZZ_CONFIG_H
#define FUZZ_CONFIG_H

#include "whole.h"

static void set_schedule(fuzz_input *in, dk_schedule *s) {
    double *const reals[] = {&s->t_min,         &s->t_max,        &s->shift,    &s->sigma_min, &s->sigma_max,
                             &s->cosine_offset, &s->cosine_power, &s->beta_min, &s->beta_max};
    int *const ints[] = {&s->timesteps, &s->zero_terminal_snr};
    const dk_named *known = dk_schedule_at((int)fuzz_below(in, 16));
    if (known) *s = dk_schedule_named(known->name);
    else s->family = (dk_family)fuzz_int(in);
    for (unsigned n = fuzz_byte(in) % 4; n; n--) {
        unsigned which = fuzz_byte(in) % (FUZZ_COUNT(reals) + FUZZ_COUNT(ints));
        if (which < FUZZ_COUNT(reals)) *reals[which] = fuzz_real(in);
        else *ints[which - FUZZ_COUNT(reals)] = fuzz_int(in);
    }
}

static dk_config any_config(fuzz_input *in) {
    static const dk_real known[64] = {1}, mask[64] = {0, 1, (dk_real)0.5};
    dk_config c;
    memset(&c, 0, sizeof c);
    int samplers = 0, spacings = (int)DK_SPACING_COUNT;
    while (dk_sampler_at(samplers)) samplers++;
    const dk_sampler_info *sampler = dk_sampler_at((int)fuzz_below(in, (unsigned)samplers + 1));
    if (sampler) c.sampler = dk_sampler_named(sampler->name);
    const dk_named *grid = dk_grid_at((int)fuzz_byte(in) % 64);
    if (grid) c.grid = dk_grid_named(grid->name);
    else c.grid.spacing = (dk_spacing)((int)fuzz_byte(in) % (spacings + 2) - 1);
    set_schedule(in, &c.schedule);
    c.steps = 1 + (int)fuzz_byte(in) % 12;
    c.dim = 1 + fuzz_byte(in) % 8, c.batch = (int)fuzz_byte(in) % 4;
    for (unsigned n = fuzz_byte(in) % 8; n; n--) set_field(in, &c);
    switch (fuzz_byte(in) % 16) {
    case 0: c.steps = fuzz_int(in); break;
    case 1: c.batch = fuzz_int(in); break;
    case 2: c.dim = (size_t)fuzz_int(in); break;
    case 3: set_schedule(in, &c.network_schedule); break;
    case 4: c.mask = mask, c.known = known; break;
    case 5: c.mask = mask; break;
    case 6: c.clip = fuzz_real(in); break;
    case 7: c.sigma_data = fuzz_real(in); break;
    case 8: c.condition_scale = fuzz_real(in); break;
    case 9: c.number = (dk_number)fuzz_int(in); break;
    case 10: c.start = (dk_start)fuzz_int(in); break;
    case 11: c.condition = (dk_unit)fuzz_int(in); break;
    case 12: c.condition_rounding = (dk_rounding)fuzz_int(in); break;
    default: break;
    }
    if (c.grid.spacing == DK_SPACING_BETA && c.steps > 100) c.steps = 100; /* its set-up is quadratic */
    c.prediction = (dk_prediction)(fuzz_byte(in) % 9);
    c.threads = (int)fuzz_byte(in) % 3, c.seed = fuzz_byte(in);
    return c;
}

static int fuzz_config(const uint8_t *bytes, size_t size) {
    fuzz_input in = {bytes, bytes + size};
    static whole_case w;
    dk_config c = any_config(&in);
    fuzz_run(&c, 200);
    if (!(fuzz_byte(&in) & 1)) return 0;
    whole_read(&in, &w);
    for (unsigned n = fuzz_byte(&in) % 3; n; n--) set_field(&in, &w.c);
    if (whole_tried(&w.c)) fuzz_run(&w.c, 200);
    return 0;
}

#endif
