/* stable-diffusion.cpp's side of steps.py: one of its samplers on given levels, the network's answer being the denoised estimate.

       bench_sdcpp SAMPLER N SECONDS SIGMA_0 SIGMA_1 ... 0

   prints seconds per evaluation of a run, the best within SECONDS; then SHOWN elements of the result with a network that
   depends on its input. The sampler is compiled from the user's checkout, where it is; nothing of it lies here. */
#include "runtime/denoiser.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>

using tensor = sd::Tensor<float>;
enum { SHOWN = 16 };

static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

int main(int argc, char **argv) {
    if (argc < 6) {
        std::fprintf(stderr, "usage: bench_sdcpp SAMPLER N SECONDS SIGMA_0 SIGMA_1 ... 0\n");
        return 1;
    }
    const std::string sampler = argv[1];
    const std::int64_t n = std::atoll(argv[2]);
    const double seconds = std::atof(argv[3]);
    std::vector<float> sigmas;
    for (int i = 4; i < argc; i++) sigmas.push_back(static_cast<float>(std::atof(argv[i])));

    /* The start and the network of steps.py's check. */
    tensor start({n}), answer({n});
    for (std::int64_t i = 0; i < n; i++) {
        start.data()[i] = static_cast<float>(7 * i % 64) / 64 - 0.5f;
        answer.data()[i] = static_cast<float>(5 * i % 32) / 32 - 0.5f;
    }
    bool checking = true;
    int calls = 0;
    double within = 0; /* the network, which would make a tensor of its own */
    auto network = [&](const tensor &x, float, int) {
        const double from = now();
        sd::guidance::GuiderOutput out;
        out.pred = answer;
        for (std::int64_t i = 0; checking && i < n; i++) out.pred.data()[i] += x.data()[i] / 2;
        calls++, within += now() - from;
        return out;
    };
    auto run = [&] {
        return sampler == "euler"      ? sample_euler(network, start, sigmas)
               : sampler == "heun"     ? sample_heun(network, start, sigmas)
               : sampler == "dpmpp_2m" ? sample_dpmpp_2m(network, start, sigmas)
                                       : tensor();
    };
    const tensor result = run();
    if (result.numel() != n) {
        std::fprintf(stderr, "no such sampler: %s\n", argv[1]);
        return 1;
    }
    checking = false;
    double best = 1e30;
    const double end = now() + seconds;
    do {
        calls = 0, within = 0;
        const double from = now();
        run();
        const double per_call = (now() - from - within) / calls;
        if (per_call < best) best = per_call;
    } while (now() < end);
    std::printf("%.4e", best);
    for (int i = 0; i < SHOWN; i++) std::printf(" %.9g", static_cast<double>(result.data()[i]));
    std::printf("\n");
}
