#!/usr/bin/env python3
"""Write the digits network as ONNX, for OpenCV's importer, and as TorchScript, for libtorch.

    python3 examples/hosts/export.py weights.bin digits.onnx digits.pt

Needs PyTorch and numpy (Debian: python3-torch, python3-numpy). PyTorch 1.13 writes ONNX without the onnx package.
The files may be named in any order and left out; an ending says what is wanted.
"""

import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "digits"))
from train import CLASSES, FREQS, SIZE, UNet

HEADER = 52         # bytes of weights.bin before the weights


class ForOpenCV(UNet):
    """The same network in what OpenCV 4.6 can read. Its importer fails at three things in an export of UNet:
      - a row of a table picked by an input (the class embedding): here the class is one-hot, and a matrix product;
      - a product that broadcasts both factors (the angles): here a matrix product, too;
      - chunk, which becomes arithmetic with shapes: here slices with constant ends.
    A fourth it reads, and computes wrong: its normalisation is (x - mean) / (deviation + eps), not
    (x - mean) / sqrt(variance + eps), which is 5e-6 of the output here. So group norm is made from primitives.
    Tensors need two dimensions at least, and the batch size is fixed: one image.
    """

    def norm(self, norm, x):
        c, size = norm.num_channels, norm.num_channels // norm.num_groups
        average = torch.block_diag(*[torch.full((size, size), 1 / size)] * norm.num_groups).view(c, c, 1, 1)

        def mean(x):    # of a group of channels, at each of them
            return F.conv2d(x.mean((2, 3), keepdim=True), average)

        x = x + -mean(x)
        x = x * (mean(x * x) + norm.eps) ** -0.5
        return x * norm.weight.view(1, c, 1, 1) + norm.bias.view(1, c, 1, 1)

    def block(self, block, x, emb):
        c = x.shape[1]
        h = block.conv1(F.silu(self.norm(block.norm1, x)))
        emb = block.emb(emb)
        scale, shift = emb[:, :c, None, None], emb[:, c:, None, None]
        return x + block.conv2(F.silu(self.norm(block.norm2, h) * (1 + scale) + shift))

    def forward(self, x, c_noise, one_hot):
        angle = c_noise @ (0.5 * torch.arange(1, FREQS + 1))[None]
        emb = F.silu(self.emb1(torch.cat([angle.cos(), angle.sin()], 1)) + one_hot @ self.classes.weight)
        emb = F.silu(self.emb2(emb))
        skip = self.block(self.enc, self.conv_in(F.pixel_unshuffle(x, 2)), emb)
        h = self.down(F.pixel_unshuffle(skip, 2))
        h = self.block(self.mid2, self.block(self.mid1, h, emb), emb)
        h = F.pixel_shuffle(self.up(h), 2) + skip
        h = self.block(self.dec, h, emb)
        return F.pixel_shuffle(self.conv_out(F.silu(self.norm(self.norm_out, h))), 2)


@torch.no_grad()
def main():
    weights = torch.from_numpy(np.fromfile(sys.argv[1], "<f2", offset=HEADER).astype(np.float32))
    for path in sys.argv[2:]:
        onnx = path.endswith(".onnx")
        net = (ForOpenCV if onnx else UNet)().eval()
        torch.nn.utils.vector_to_parameters(weights, net.parameters())
        if onnx:
            example = torch.zeros(1, 1, SIZE, SIZE), torch.zeros(1, 1), torch.zeros(1, CLASSES + 1)
            torch.onnx.export(net, example, path, opset_version=11,
                              input_names=["image", "c_noise", "one_hot"], output_names=["F"])
        else:
            example = torch.zeros(2, 1, SIZE, SIZE), torch.zeros(2), torch.zeros(2, dtype=torch.long)
            torch.jit.trace(net, example).save(path)


main()
