"""coins.py: samples with a network that is written in Python. Needs Python 3 and a C compiler, no packages.

    python3 examples/languages/coins.py

The data are -1 and +1, so the best network is known: D = E[x0 | x] = tanh(alpha x / sigma^2).
"""

import ctypes
import math
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
FLOATS = ctypes.POINTER(ctypes.c_float)
NETWORK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_double, FLOATS, FLOATS)


def build(folder):
    """The header as a shared library, with the one function of flat.c."""
    path = os.path.join(folder, "libflat.so")
    command = [*os.environ.get("CC", "cc").split(), "-O2", "-shared", "-fPIC", "-I", os.path.join(HERE, "../..")]
    subprocess.run([*command, os.path.join(HERE, "flat.c"), "-o", path, "-lm"], check=True)
    library = ctypes.CDLL(path)
    text, size = ctypes.c_char_p, ctypes.c_size_t
    library.flat_sample.argtypes = [text, text, text, ctypes.c_int, size, ctypes.c_int, ctypes.c_uint64,
                                    NETWORK, ctypes.c_void_p, FLOATS, text]
    return library


def sample(library, network, steps, dim, batch, seed=0, schedule="flow", sampler="dpmpp_2m", settings=""):
    """Returns batch * dim numbers. network(t, x) returns its output for the list x; what it raises arrives here."""
    array = ctypes.c_float * (dim * batch)
    raised = []

    def call(_user, t, x, output):
        try:
            array.from_address(ctypes.addressof(output.contents))[:] = network(t, x[0:dim * batch])
            return 0
        except BaseException as error:  # must not cross C
            raised.append(error)
            return 1

    x = array()
    message = ctypes.create_string_buffer(240)
    status = library.flat_sample(schedule.encode(), sampler.encode(), settings.encode(), steps, dim, batch, seed,
                                 NETWORK(call), None, x, message)
    if raised:
        raise raised[0]
    if status:
        raise ValueError(message.value.decode())
    return list(x)


def velocity(t, xs):
    """Flow matching: alpha = 1 - t, sigma = t, and the network predicts (x - D)/t."""
    return [(x - math.tanh((1 - t) * x / t**2)) / t for x in xs]


def main():
    with tempfile.TemporaryDirectory() as folder:
        library = build(folder)
        for sampler in "dpmpp_2m", "Euler a", "DPM++ 2M SDE Karras":
            x = sample(library, velocity, steps=20, dim=1, batch=1000, seed=1, sampler=sampler)
            heads = sum(toss > 0 for toss in x)
            print(f"{sampler}: {heads} heads of {len(x)}")
            assert 450 <= heads <= 550 and all(abs(abs(toss) - 1) < 1e-3 for toss in x)
        try:
            sample(library, velocity, steps=20, dim=1, batch=1, sampler="dpmpp_22m")
        except ValueError as error:
            print(f"a mistake: {error}")
        else:
            raise AssertionError("an unknown sampler was taken")


if __name__ == "__main__":
    main()
