/* flat.c: diffkit.h for languages that call C functions but do not read C headers. One function, of plain numbers and
   strings; what it takes is a choice, to be changed for what you need. coins.py and coins.rs call it. */
#define DIFFKIT_IMPLEMENTATION
#include <diffkit.h>

/* Fills output from input, batch * dim numbers each; nonzero stops everything. */
typedef int (*flat_network)(void *user, double t, const float *input, float *output);

typedef struct flat_call {
    flat_network network;
    void *user;
} flat_call;

static int flat_denoise(void *user, const dk_eval *e) {
    const flat_call *call = (const flat_call *)user;
    return call->network(call->user, e->t, e->input, e->output);
}

/* Fills x, batch * dim numbers. Names are those of dk_schedule_named and dk_config_named, settings those of
   dk_config_set ("" for none). The network predicts what its family is known for: flow velocity, VP noise.
   Returns 0, or a dk_status and in message, 240 bytes, what is wrong. */
#ifdef _WIN32
__declspec(dllexport)
#endif
    int flat_sample(const char *schedule, const char *sampler, const char *settings, int steps, size_t dim,
                    int batch, uint64_t seed, flat_network network, void *user, float *x, char *message) {
    flat_call call = {network, user};
    dk_config c = {0};
    c.schedule = dk_schedule_named(schedule);
    c.steps = steps, c.dim = dim, c.batch = batch, c.seed = seed;
    dk_status status = dk_config_named(&c, sampler);
    if (!status) status = dk_config_set(&c, settings);
    if (!status) status = dk_sample(&c, flat_denoise, &call, x);
    memcpy(message, dk_message(&c), DK_MESSAGE_SIZE);
    return (int)status;
}
