// All of it inside a namespace, the standard headers outside.
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#define DIFFKIT_IMPLEMENTATION
namespace mine {
#include "diffkit.h"
#include "sample.h"
} // namespace mine
int main() { return mine::sample_is_right(); }
