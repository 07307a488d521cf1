/* coins.cpp: diffkit.h from C++11: lambdas as callbacks, a run that ends itself, and exceptions.

       c++ -std=c++11 -O2 -I. examples/languages/coins.cpp -o build/coins -lm && build/coins

   The data are -1 and +1, so the best network is known: E[x0 | x] = tanh(alpha x / sigma^2). */
#define DIFFKIT_IMPLEMENTATION
#include <diffkit.h>

#include <cmath>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <vector>

/* dk_sample with anything that can be called; what it throws does not cross C, but arrives here. */
template <class Network> std::vector<dk_real> sample(dk_config &c, Network network) {
    struct call {
        Network &network;
        std::exception_ptr thrown;
    } it = {network, nullptr};
    dk_denoise_fn denoise = [](void *user, const dk_eval *e) -> int {
        call &it = *static_cast<call *>(user);
        try {
            it.network(*e);
        } catch (...) {
            it.thrown = std::current_exception();
        }
        return it.thrown ? 1 : 0;
    };
    std::vector<dk_real> x(c.dim * static_cast<std::size_t>(c.batch));
    dk_status status = dk_sample(&c, denoise, &it, x.data());
    if (it.thrown) std::rethrow_exception(it.thrown);
    if (status) throw std::runtime_error(dk_message(&c));
    return x;
}

/* One evaluation at a time. The run looks at x, which must stay where it is until the end. */
class sampling {
  public:
    sampling(dk_config &c, std::vector<dk_real> &x) : memory(dk_run_size(nullptr, &c)) {
        x.resize(c.dim * static_cast<std::size_t>(c.batch));
        if (dk_begin(&run, &c, x.data(), memory.data(), memory.size())) throw std::runtime_error(run.message);
    }
    ~sampling() { dk_end(&run); }
    sampling(const sampling &) = delete;
    sampling &operator=(const sampling &) = delete;

    /* true: fill e.output, then call again; false: x is done */
    bool next(dk_eval &e) {
        if (dk_next(&run, &e)) return true;
        if (run.status) throw std::runtime_error(run.message);
        return false;
    }

  private:
    dk_run run;
    std::vector<unsigned char> memory;
};

int main() {
    dk_config c = {};
    c.schedule = dk_flow(1.0);
    c.prediction = DK_PREDICT_X0;
    c.steps = 20, c.dim = 1, c.batch = 1000, c.seed = 1;

    int evaluations = 0;
    auto network = [&](const dk_eval &e) {
        for (int i = 0; i < e.batch; i++) {
            double x = static_cast<double>(e.input[i]), sigma = e.level.sigma;
            e.output[i] = static_cast<dk_real>(std::tanh(e.level.alpha * x / (sigma * sigma)));
        }
        evaluations++;
    };
    std::vector<dk_real> x = sample(c, network), stepped;

    sampling steps(c, stepped);
    for (dk_eval e; steps.next(e);) network(e);

    int heads = 0, caught = 0;
    for (dk_real toss : x) heads += toss > 0;
    try {
        sample(c, [](const dk_eval &) { throw std::logic_error("the network's own exception"); });
    } catch (const std::logic_error &e) {
        std::printf("caught: %s\n", e.what());
        caught = 1;
    }
    std::printf("%d heads of %d in %d evaluations, twice\n", heads, c.batch, evaluations / 2);
    return !(heads > 450 && heads < 550 && evaluations == 40 && stepped == x && caught);
}
