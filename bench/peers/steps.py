"""Samplers of k-diffusion and diffusers, through PyTorch on the CPU, and of stable-diffusion.cpp against diffkit.h: time per
evaluation.

Uses what is installed; nothing of theirs lies here. Each row is one sampler that both sides run in float32 on the
peer's own levels, with a network that costs nothing: it returns a prepared tensor. What is left is the sampler's work.

    k-diffusion           VE, Karras levels; the network gives the denoised estimate
    stable-diffusion.cpp  the same; make bench-peers SDCPP=its checkout compiles its denoiser where it is
    diffusers             Stable Diffusion's VP (scaled linear), the schedulers' own levels; the network gives eps

The clock runs from state to state; the peers' grids and diffkit's plan are made beforehand (the last column says how
long the plan takes). Before that, the results of both sides and of the same arithmetic written as a loop by hand must
agree, with a network that depends on its input, and without fresh noise.
"""
import argparse
import os
import subprocess
import sys
import time

STEPS = 20
ROUNDS = 3  # the sides take turns; the best counts
TOLERANCE = 1e-3  # of the largest element: float32 through 20 steps


# A peer through PyTorch: its samplers by name, each as (levels, begin, run). begin() resets it, run(x) returns the result.

def k_diffusion(network, noise):
    from k_diffusion import sampling as k
    sigmas = k.get_sigmas_karras(STEPS, 0.03, 14.6)

    def model(x, sigma):
        return network(x)

    def of(sample):
        return sigmas.tolist(), lambda: None, sample

    return {
        "euler": of(lambda x: k.sample_euler(model, x, sigmas, disable=True)),
        "heun": of(lambda x: k.sample_heun(model, x, sigmas, disable=True)),
        "dpmpp_2m": of(lambda x: k.sample_dpmpp_2m(model, x, sigmas, disable=True)),
        # plain normals, which is what diffkit draws, too; k-diffusion's default is a Brownian tree
        "dpmpp_2m_sde": of(lambda x: k.sample_dpmpp_2m_sde(
            model, x, sigmas, disable=True, s_noise=noise, noise_sampler=k.default_noise_sampler(x))),
    }


def diffusers(network, noise):
    import torch
    import diffusers as d
    table = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)

    def of(scheduler, **more):
        def run(x):
            for t in scheduler.timesteps:
                F = network(scheduler.scale_model_input(x, t))
                x = scheduler.step(F, t, x, return_dict=False, **more)[0]
            return x
        scheduler.set_timesteps(STEPS)
        levels = list(dict.fromkeys(scheduler.sigmas.tolist()))  # Heun's list has each twice
        return levels, lambda: scheduler.set_timesteps(STEPS), run

    return {
        "euler": of(d.EulerDiscreteScheduler(**table)),
        "heun": of(d.HeunDiscreteScheduler(**table)),
        "dpmpp_2m": of(d.DPMSolverMultistepScheduler(**table)),
        "unipc": of(d.UniPCMultistepScheduler(solver_order=3, **table)),
        "dpmpp_2m_sde": of(d.DPMSolverMultistepScheduler(algorithm_type="sde-dpmsolver++", **table),
                           variance_noise=None if noise else torch.zeros(1)),
    }


def best_of(begin, run, x, seconds):
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        begin()
        start = time.perf_counter()
        run(x)
        stop = time.perf_counter()
        best = min(best, stop - start)
        if stop > end:
            return best


# A side of a row: the levels, 16 numbers of the result, and a function that measures seconds per evaluation.

def words_of(command):
    return [float(word) for word in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


def sdcpp_side(args, _, name, n):
    top, bottom = 14.6 ** (1 / 7), 0.03 ** (1 / 7)
    levels = [(top + k / (STEPS - 1) * (bottom - top)) ** 7 for k in range(STEPS)] + [0.0]  # Karras et al. 2022, eq. 5

    def numbers(seconds):
        return words_of([args.sdcpp, name, str(n), str(seconds), *map(repr, levels)])

    return levels, numbers(0)[1:], lambda: numbers(args.seconds)[0]


def torch_side(args, peer, name, n):
    import torch
    i = torch.arange(n).reshape(1, n)
    x, F = (7 * i % 64) / 64 - 0.5, (5 * i % 32) / 32 - 0.5
    levels, begin, run = peer(lambda input: F + input / 2, 0.0)[name]
    begin()
    theirs = run(x)[0, :16].tolist()
    levels, begin, run = peer(lambda input: F, 1.0)[name]
    evaluations = 2 * STEPS - 1 if name == "heun" else STEPS
    return levels, theirs, lambda: best_of(begin, run, x, args.seconds) / evaluations


def row(args, peer_name, side, peer, name, n):
    """Seconds per evaluation: the peer's, diffkit's, of recording diffkit's plan, by hand (nan: there is none)."""
    levels, theirs, measure = side(args, peer, name, n)
    best = [float("inf")] * 4
    for _ in range(ROUNDS):
        peer_time = measure()
        numbers = words_of([args.program, peer_name, name, str(n), str(args.seconds), *map(repr, levels)])
        for result in filter(None, (numbers[3:19], numbers[19:])):
            difference = max(abs(a - b) for a, b in zip(theirs, result))
            if not difference <= TOLERANCE * max(map(abs, theirs)):
                sys.exit(f"{peer_name} {name}: results differ by {difference}: {theirs} and {result}")
        best = [min(pair) for pair in zip([peer_time, *numbers[:3]], best)]  # in this order nan stays nan
    return best


def importable(name, peer):
    try:
        peer(lambda x: x, 0.0)
        return True
    except Exception as error:  # a package that is there may still fail in many ways
        print(f"{name}: left out, {error!r}")
        return False


def short(number):
    return f"{number:.3f}" if number < 1 else f"{number:.1f}" if number < 100 else f"{number:.0f}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program", help="build/bench_peers")
    arguments.add_argument("--sdcpp", help="build/bench_sdcpp")
    arguments.add_argument("--threads", type=int, default=1, help="of PyTorch, and of diffkit where built with OpenMP")
    arguments.add_argument("--seconds", type=float, default=0.3, help="for each measurement")
    arguments.add_argument("--sizes", type=int, nargs="+", default=[112, 16 << 10, 1 << 20, 16 << 20])
    args = arguments.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(args.threads)
    peers = {}
    try:
        import torch
        torch.set_num_threads(args.threads)
        torch.set_grad_enabled(False)
        print(f"PyTorch {torch.__version__}")
        for name, peer in {"k-diffusion": k_diffusion, "diffusers": diffusers}.items():
            if importable(name, peer):
                peers[name] = torch_side, peer, list(peer(lambda x: x, 0.0))
    except ImportError as error:
        print(f"k-diffusion and diffusers are left out: {error}")
    if args.sdcpp:
        peers["stable-diffusion.cpp"] = sdcpp_side, None, ["euler", "heun", "dpmpp_2m"]
    if not peers:
        return
    print(f"Threads: {args.threads}. Microseconds per evaluation, best of several.\n"
          "Ratios: peer's/diffkit, diffkit/by hand. Its plan: what making it adds to an evaluation of one run.")
    print("| peer                 | sampler      |        n |   peer's |  diffkit | ratio | by hand | ratio | its plan |")
    print("| -------------------- | ------------ | -------: | -------: | -------: | ----: | ------: | ----: | -------: |")
    for peer_name, (side, peer, names) in peers.items():
        for name in names:
            for n in args.sizes:
                theirs, ours, plan, hand = (1e6 * seconds for seconds in row(args, peer_name, side, peer, name, n))
                by_hand, ratio = (short(hand), f"{ours / hand:.2f}") if hand == hand else ("", "")
                print(f"| {peer_name:20} | {name:12} | {n:8} | {short(theirs):>8} | {short(ours):>8} "
                      f"| {short(theirs / ours):>5} | {by_hand:>7} | {ratio:>5} | {short(plan):>8} |", flush=True)


if __name__ == "__main__":
    main()
