/* One sample with a known result, whatever was included and defined before: returns 0 where it comes out. */
static int halve(void *user, const dk_eval *e) {
    (void)user;
    e->output[0] = e->input[0] / 2;
    return 0;
}

/* Euler on flow with D = x - t x/2: five steps take x from 1 to (1 - 0.2/2)^5. */
static int sample_is_right(void) {
    dk_real x = 1;
    dk_config c;
    memset(&c, 0, sizeof c);
    c.sampler = dk_sampler_named("euler");
    c.steps = 5, c.dim = 1, c.start = DK_START_STATE;
    if (dk_sample(&c, halve, NULL, &x) != DK_OK || dk_version() != DK_VERSION) return 1;
    return !(fabs((double)x - 0.59049) < 1e-6);
}
