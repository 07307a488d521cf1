/* Behind headers that define other people's words as macros: BEFORE names them. */
#include BEFORE
#include <math.h>
#include <string.h>
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"
#include "sample.h"
int main(void) { return sample_is_right(); }
