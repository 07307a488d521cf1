/* The shipped network in plain C agrees with PyTorch, and, behind the callback, draws. */
#include "check.h"
