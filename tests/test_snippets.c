/* The synopsis in the header and every C block of the documents compile, run and print as they stand. What they leave to
   the reader (a network, an array) is here. */
#include "check.h"
#include <stdarg.h>
#include <stdio.h>
#undef DIFFKIT_IMPLEMENTED
#define DIFFKIT_IMPLEMENTED /* here or in another file: the synopsis asks for it once more */
#ifdef __GNUC__ /* C++ would have every member named in {0} */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#pragma GCC diagnostic ignored "-Wshadow" /* a document may call its own things x */
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

/* What a snippet prints. */
static char output[1 << 14];
#ifdef __GNUC__
__attribute__((format(printf, 1, 2)))
#endif
static int say(const char *format, ...) {
    size_t length = strlen(output);
    va_list list;
    va_start(list, format);
    int more = vsnprintf(output + length, sizeof output - length, format, list);
    va_end(list);
    return more;
}

/* Settings that are refused show, also where a snippet does not look. */
static dk_status set(dk_config *c, const char *settings) {
    dk_status status = dk_config_set(c, settings);
    if (status) say("%s\n", dk_message(c));
    return status;
}

#define printf say
#define dk_config_set set
#include "snippets.inc"
#undef dk_config_set
#undef printf

static void names_and_links_are_there(void **state) {
    (void)state;
    if (missing[0]) fail_msg("the documents name what is not there: %s", missing[0]);
}

int main(void) {
    static const struct CMUnitTest pages[] = {cmocka_unit_test(names_and_links_are_there)};
    (void)shown, (void)show, (void)say, (void)set;
    return cmocka_run_group_tests_name("pages", pages, NULL, NULL) | cmocka_run_group_tests_name("snippets", snippets, NULL, NULL);
}
