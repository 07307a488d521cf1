/* sampler.c: all of the library. It becomes sampler.dll. */
#define DIFFKIT_IMPLEMENTATION
#include "sampler.h"
