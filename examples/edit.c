/* edit.c: pictures that are changed instead of drawn anew: completed, repainted, taken back to noise and redrawn.

       make edit                     or: build/edit [PICTURE [WEIGHTS]], from the project's root

   docs/editing.md shows the picture and says what its rows are. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include "digits.h"

enum { COUNT = 10, NUMBERS = COUNT * UNET_PIXELS, ROWS = 10 };
static const int digit[COUNT] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9},
                 next_digit[COUNT] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 0};

static dk_real sheet[ROWS][NUMBERS], mask[NUMBERS];
static int rows;

/* Draws into the next row of the sheet what the config makes of x, as digits of these classes; NULL: of none. */
static dk_real *draw(digits *net, dk_config *c, const int *classes, const dk_real *x) {
    dk_real *row = sheet[rows++];
    if (x) memcpy(row, x, sizeof sheet[0]);
    net->labels = classes, net->count = classes ? COUNT : 0;
    if (dk_sample(c, digits_denoise, net, row) != DK_OK) {
        fprintf(stderr, "edit: %s\n", dk_message(c));
        exit(1);
    }
    return row;
}

/* Known at the top; from line `first` on less and less so, and from line `end` on not at all. */
static void fade(int first, int end) {
    for (int i = 0; i < NUMBERS; i++) {
        int y = i % UNET_PIXELS / UNET_SIZE;
        mask[i] = y < first ? 1 : y >= end ? 0 : (dk_real)(end - y) / (dk_real)(end - first + 1);
    }
}

/* A dk_progress_fn: lets go of the lines from the bottom to the top while the noise falls. */
static int let_go(void *user, struct dk_run *run, const dk_eval *e) {
    int line = UNET_SIZE * (e->steps - e->step) / e->steps;
    (void)user, (void)run;
    fade(line, line);
    return 0;
}

int main(int argc, char **argv) {
    digits net = {0};
    const char *picture = argc > 1 ? argv[1] : "editing.png";
    const char *weights = argc > 2 ? argv[2] : "examples/digits/weights.bin";
    const char *wrong = unet_load(&net.net, weights);
    if (wrong) {
        fprintf(stderr, "edit: %s: %s\n", weights, wrong);
        return 1;
    }
    dk_config plain = digits_config(&net), c;
    plain.sampler = dk_sampler_named("dpmpp_2m"); /* adams2 follows D's changes further, too far where a mask jumps */
    plain.batch = COUNT, plain.steps = 30, plain.seed = 6;

    /* 1. What is to be edited. */
    c = plain;
    const dk_real *drawn = draw(&net, &c, digit, NULL);

    /* 2. The upper half of it, all that 3 to 5 know. */
    fade(14, 14);
    dk_real *half = sheet[rows++];
    for (int i = 0; i < NUMBERS; i++) half[i] = mask[i] * (drawn[i] + 1) - 1;

    /* 3. Completed: where the mask is 1 every step ends in the half that is known. */
    c = plain, c.mask = mask, c.known = half;
    draw(&net, &c, NULL, NULL);

    /* 4. The same, going back up to noise again and again, so that both halves come to agree: RePaint. */
    const dk_repaint again = {{dk_repaint_level}, 5, 8, 0};
    c.grid.way = &again.way;
    draw(&net, &c, NULL, NULL);

    /* 5. As the next digit, with a soft edge: the estimate is drawn towards what is known, by the mask's weight. */
    c = plain, c.mask = mask, c.known = drawn, c.blend = DK_BLEND_DENOISED, c.start = DK_START_DATA, c.grid.strength = 1;
    fade(4, 16);
    draw(&net, &c, next_digit, drawn);

    /* 6. The same with a hard edge that moves: the mask may change at every evaluation. */
    c.blend = DK_BLEND_STATE, c.progress = let_go;
    draw(&net, &c, next_digit, drawn);

    /* 7. Image to image: the last 60% of the steps, from the digit with noise on it, as the next digit. */
    c = plain, c.start = DK_START_DATA, c.grid.strength = 0.6;
    draw(&net, &c, next_digit, drawn);

    /* 8. Taken to noise without any draw; 9. and back; 10. redrawn from there as the next digit. */
    c = plain, c.sampler = dk_sampler_named("rk45"), c.start = DK_START_STATE;
    c.grid.final = DK_FINAL_MIN, c.grid.rising = 1;
    dk_real *noise = draw(&net, &c, digit, drawn);
    c.grid.rising = 0;
    const dk_real *back = draw(&net, &c, digit, noise);
    draw(&net, &c, next_digit, noise);

    double largest = 0;
    for (int i = 0; i < NUMBERS; i++) {
        double off = fabs((double)back[i] - (double)drawn[i]) / 2; /* white is -1, ink is 1 */
        largest = off > largest ? off : largest;
        noise[i] /= 80; /* its deviation: for the picture */
    }
    unet_free(&net.net);
    static const char *const labels[ROWS] = {"drawn",      "known half", "completed", "RePaint",  "soft edge",
                                             "edge moves", "from 60%",   "to noise",  "and back", "redrawn"};
    if (digits_labelled_png(picture, sheet[0], ROWS * COUNT, COUNT, 2, labels)) {
        fprintf(stderr, "edit: cannot write %s\n", picture);
        return 1;
    }
    printf("%s; to noise and back: off by %.3f%% of the pixel range at most\n", picture, 100 * largest);
    return 0;
}
