/* sampler.h: diffkit.h as a DLL has it and as its users see it: DK_API stands before every function. Elsewhere than on
   Windows the library shows these functions alone, where all else is hidden (-fvisibility=hidden). */
#if defined(_WIN32) && defined(DIFFKIT_IMPLEMENTATION)
#define DK_API __declspec(dllexport)
#elif defined(_WIN32)
#define DK_API __declspec(dllimport)
#else
#define DK_API __attribute__((visibility("default")))
#endif
#include "diffkit.h"
