"""Normals per second of PyTorch on one thread, for comparison with bench/noise.c: python3 bench/peers/randn.py"""
import time

try:
    import torch
except ImportError:
    raise SystemExit("torch is not installed: no comparison")

torch.set_num_threads(1)
print(f"{'torch':8} {'floats':>10} {'M/s':>14}    torch {torch.__version__}")
for n in 1 << 10, 16 << 10, 16 << 20:
    x = torch.empty(n)
    times = max(1, (1 << 20) // n)
    best = float("inf")
    for _ in range(100 if times > 1 else 5):
        start = time.process_time()
        for _ in range(times):
            x.normal_()
        best = min(best, (time.process_time() - start) / times)
    print(f"{'randn':8} {n:10} {1e-6 * n / best:14.1f}")
