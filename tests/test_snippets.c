/* The synopsis in the header and every C snippet of the README compile and run as they stand. What they leave to
   the reader (a network, an array) is here. */
#include "check.h"
#undef DIFFKIT_IMPLEMENTED
#define DIFFKIT_IMPLEMENTED /* here or in another file: the synopsis asks for it once more */
#ifdef __GNUC__ /* C++ would have every member named in {0} */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif

enum { NUMBERS = 16 * 784 };
static dk_real x[NUMBERS];
static int network;
static int shown;

/* A network for data that is all zero: with x0 = 0 the velocity is x/sigma, and whatever else is asked, 0 will do. */
static int my_network(void *user, const dk_real *input, double t, dk_real *output, int batch) {
    (void)user;
    for (int i = 0; i < batch * 784; i++) output[i] = input[i] / (dk_real)(t > 0 ? t : 1);
    return 0;
}

static void show(const dk_real *picture) {
    assert_non_null(picture);
    shown++;
}

#include "snippets.inc"

int main(void) {
    (void)shown, (void)show;
    return cmocka_run_group_tests_name("snippets", snippets, NULL, NULL);
}
