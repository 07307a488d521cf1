/* libtorch.cpp: a network that libtorch runs, from a TorchScript file, behind diffkit's denoiser callback.

       make host-libtorch   or: build/host_libtorch build/digits.pt [COUNT], from the project's root

   The host is the struct and host_denoise. */
#define DIFFKIT_IMPLEMENTATION
#include "diffkit.h"

#include <torch/script.h>

#include "host.h"

struct host {
    torch::jit::Module net;
};

/* The dk_denoise_fn. An exception must not cross the library, which is C: it becomes a nonzero result.
   from_blob takes memory that it will not write to as non-const; nothing is copied on the way in. */
static int host_denoise(void *user, const dk_eval *e) {
    host *h = static_cast<host *>(user);
    try {
        torch::NoGradGuard no_grad;
        dk_real *input = const_cast<dk_real *>(e->input);
        torch::Tensor image = torch::from_blob(input, {e->batch, 1, UNET_SIZE, UNET_SIZE});
        torch::Tensor c_noise = torch::full({e->batch}, e->t);
        torch::Tensor label = torch::empty({e->batch}, torch::kLong);
        for (int b = 0; b < e->batch; b++) label[b] = host_label(e, b);
        torch::Tensor F = h->net.forward({image, c_noise, label}).toTensor();
        torch::from_blob(e->output, F.sizes()).copy_(F);
    } catch (const std::exception &error) {
        fprintf(stderr, "libtorch: %s\n", error.what());
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: host_libtorch digits.pt [COUNT]\n"), 2;
    host h;
    try {
        h.net = torch::jit::load(argv[1]);
    } catch (const std::exception &error) {
        fprintf(stderr, "libtorch: %s\n", error.what());
        return 1;
    }
    return host_compare(argv[0], host_denoise, &h, argc > 2 ? atoi(argv[2]) : 80);
}
