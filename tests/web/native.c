/* native.c: what the page shows for some settings, from the library as any other program has it: native DATA "SETTINGS".
   Prints lines of "name value ...", or "message" and the words of an error. */
#include "../../docs/playground/playground.c"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    if (argc != 3 || strlen(argv[2]) >= WORDS) return 2;
    memcpy(page_words(), argv[2], strlen(argv[2]) + 1);
    if (atoi(argv[1]) == DIGITS) { /* with the page's weights of 8 bits */
        if (unet_load(&network, "examples/digits/weights.bin")) return 2;
        pack_weights(network.data, page_weights());
        unet_free(&network);
        page_unpack();
    }
    int calls = 0, more = page_begin(A, atoi(argv[1])) ? -1 : 1;
    while (more > 0) {
        more = page_next(A);
        calls += more == 1;
    }
    if (more < 0) return printf("message %s\n", page_message(A)), 0;
    printf("calls %d\ndraws %.0f\n", calls, page_number(A, 8));
    if (sides[A].data == DIGITS)
        for (int i = 14 * UNET_SIZE + 10; i < 14 * UNET_SIZE + 18; i += 2)
            printf("particle %.9g %.9g\n", (double)page_state(A)[i], (double)page_state(A)[i + 1]);
    else printf("spread %.17g %.17g\n", page_measure(A, 2), page_measure(A, 3));
    for (int i = 0; !isnan(page_level(A, i, 0)); i++)
        printf("level %.17g %.17g %.17g\n", page_level(A, i, 0), page_level(A, i, 1), page_level(A, i, 2));
    for (int i = 0; i < 8 && i < sides[A].run.config.batch && sides[A].data != DIGITS; i++)
        printf("particle %.9g %.9g\n", (double)page_state(A)[DIM * i], (double)page_state(A)[DIM * i + 1]);
    if (page_begin_exact(A) == 0) {
        while (page_next(EXACT) > 0) {
        }
        printf("distance %.17g\n", page_error(A));
    }
    printf("plan\n%s", page_plan(A));
    return 0;
}
