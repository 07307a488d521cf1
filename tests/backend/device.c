/* A back end of examples/backends, BACKEND, against tests/backend/backend.h. Exit status 77: there is no such device. */
#define BACKEND_ALONE
#include BACKEND
#include "backend.h"

int main(void) {
    const char *wrong = device_open();
    if (wrong) return puts(wrong), 77;
    const backend_under_test device_here = {device.name, &device_backend, 2e-4, 0, NULL};
    int failures = backend_conforms(&device_here);
    printf("%s: %d differences\n", device.name, failures);
    device_close();
    return failures != 0;
}
