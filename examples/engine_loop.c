/* engine_loop.c: a program with a frame loop that draws digits on the side.

       make engine      or: build/engine_loop [--frames N], from the project's root

   Every frame has 16 milliseconds for the network. Up to 24 digits are on their way at once, one more starts in each
   frame, and as they finish others take their places. --frames N: N frames with 8 network rows each, whatever time they
   take, and no times in the log, so that it is the same on every machine. The digits are the same in any case. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "engine.h"

enum { DIGITS = 40, CLASSES = 10, PLANS = 2, FIXED_ROWS = 8 };
static const double budget = 0.016;

static engine g;
static dk_real sheet[DIGITS * UNET_PIXELS]; /* in the order in which they started */

/* Plans are recorded once and shared by all runs. Every other digit takes the second: what is in flight need not be
   alike. */
static int record(dk_plan plans[PLANS]) {
    static const char *const sampler[PLANS] = {"dpmpp_2m", "dpmpp_2m_sde"};
    static const int steps[PLANS] = {10, 20};
    digits d = {g.net, NULL, 0};
    for (int p = 0; p < PLANS; p++) {
        dk_config c = digits_config(&d);
        c.sampler = dk_sampler_named(sampler[p]);
        c.steps = steps[p];
        if (dk_record(&plans[p], &c)) return fprintf(stderr, "engine: %s\n", dk_message(&c)), 1;
    }
    return 0;
}

/* What a run has come to: 0, or 1 for an error. Finished digits go to their places on the sheet. */
static int collect(const engine_slot *s) {
    if (s->run.status) return fprintf(stderr, "engine: digit %d: %s\n", (int)s->number, s->run.message), 1;
    memcpy(sheet + s->number * UNET_PIXELS, s->x, sizeof s->x);
    printf("; digit %d is done", (int)s->number);
    return 0;
}

int main(int argc, char **argv) {
    int frames = argc == 3 && !strcmp(argv[1], "--frames") ? atoi(argv[2]) : 0;
    if (argc != 1 && frames < 1) return fprintf(stderr, "usage: engine_loop [--frames N]\n"), 2;
    const char *wrong = unet_load(&g.net, "examples/digits/weights.bin");
    if (wrong) return fprintf(stderr, "engine: examples/digits/weights.bin: %s\n", wrong), 1;
    dk_plan plans[PLANS] = {{0}};
    if (record(plans)) return 1;

    int started = 0, done = 0;
    double seconds_per_row = budget; /* nothing is known yet: begin with little */
    for (int frame = 1; done < DIGITS && (!frames || frame <= frames); frame++) {
        for (int i = 0; i < ENGINE_SLOTS; i++)
            if (!g.slot[i].busy && started < DIGITS) {
                const dk_plan *plan = &plans[started % PLANS];
                if (engine_start(&g, i, plan, (uint64_t)started, started % CLASSES))
                    return collect(&g.slot[i]);
                started++;
                break;
            }

        int was_busy[ENGINE_SLOTS], in_flight = 0;
        double low = HUGE_VAL, high = 0;
        for (int i = 0; i < ENGINE_SLOTS; i++) {
            const engine_slot *s = &g.slot[i];
            if (!(was_busy[i] = s->busy)) continue;
            in_flight++;
            low = fmin(low, dk_noise_level(s->eval.level)), high = fmax(high, dk_noise_level(s->eval.level));
        }

        /* Your program renders, reads input, plays sound ... and this is the digits' share of the frame. */
        double start = digits_seconds();
        int rows = engine_frame(&g, frames ? FIXED_ROWS : engine_rows(budget, seconds_per_row));
        double seconds = digits_seconds() - start;
        seconds_per_row += 0.2 * (seconds / rows - seconds_per_row);

        printf("frame %3d: %2d of %2d evaluated", frame, rows, in_flight);
        if (!frames) printf(" in %4.1f ms", 1e3 * seconds);
        printf(", at noise levels from %.3g to %.3g", high, low);
        for (int i = 0; i < ENGINE_SLOTS; i++)
            if (was_busy[i] && !g.slot[i].busy) {
                if (collect(&g.slot[i])) return 1;
                done++;
            }
        printf("\n");
    }

    for (int p = 0; p < PLANS; p++) dk_plan_free(&plans[p]);
    unet_free(&g.net);
    char path[1024];
    snprintf(path, sizeof path, "%s.png", argv[0]);
    printf("%d digits -> %s\n", done, path);
    return digits_png(path, sheet, DIGITS, CLASSES, 3);
}
