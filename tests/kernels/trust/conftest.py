"""A shader of our own, to pass and to fail the proof: on a GPU made of Python, or emulated."""

from types import SimpleNamespace

import mlx.core as mx
import numpy as np
import pytest

from lucid.kernels import conv1d as definitions
from lucid.kernels import convolution, forms, metal, shaders, trust

FILE = """\
// One thread per output. sizes: length, left, groups. Grid: (length rounded up, C_out, N).
// kernel twin(x, w, bias, sizes) -> y
const int length = sizes[0], left = sizes[1], groups = sizes[2];
const int C_in = x_shape[1], L = x_shape[2], C_out = w_shape[0], Cg = w_shape[1];
const int t = thread_position_in_grid.x;
const int o = thread_position_in_grid.y;
const int n = thread_position_in_grid.z;
if (t < length) {
  float sum = BIAS ? float(bias[o]) : 0.0f;
  for (int c = 0; c < Cg; c++) {
    const int row = (n * C_in + o / (C_out / groups) * Cg + c) * L;
    for (int k = 0; k < K; k++) {
      const int i = t * S + k * D - left;
      if (i >= 0 && i < L) {
        sum += float(x[row + i]) * float(w[(o * Cg + c) * K + k]);
      }
    }
  }
  y[(n * C_out + o) * length + t] = static_cast<T>(sum);
}
"""


class Gpu:
    """In the place of `metal._launch`. Keeps a record, and may go wrong."""

    def __init__(self):
        self.launches = []  # template and shape of x
        self.fault = lambda y: y

    def __call__(self, kernel, inputs, template, grid, threadgroup, outputs):
        assert kernel.source.inputs == ("x", "w", "bias", "sizes")
        x, w, bias, sizes = inputs
        self.launches.append((template, x.shape))
        length, left, groups = sizes.tolist()
        place = {"stride": template["S"], "dilation": template["D"], "left": left}
        a, b = x.astype(mx.float32), w.astype(mx.float32)
        y = definitions.unfolded(a, b, length, groups=groups, **place)
        y = y + bias[:, None].astype(mx.float32) if template["BIAS"] else y
        return [self.fault(y.astype(x.dtype))]

    @property
    def checks(self):
        """The launches on examples: of two samples, where the tests have three."""
        return [template for template, shape in self.launches if shape[0] == 2]


@pytest.fixture
def ledger(tmp_path):
    with trust.using(trust.Ledger(tmp_path / "cache" / "shaders.json")) as ledger:
        yield ledger


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The shaders: `twin.metal`, which may be edited before it is used."""
    folder = tmp_path / "metal"
    folder.mkdir()
    (folder / "twin.metal").write_text(FILE)
    monkeypatch.setattr(shaders, "folder", lambda: folder)
    return folder


@pytest.fixture
def twin(folder, monkeypatch):
    """The launcher of the only shader of `conv1d`. Reads the file when `twin.kernel` is replaced
    by another."""

    def twin(x, w, length, *, bias=None, stride, left, dilation, groups):
        N, C_out, K = x.shape[0], w.shape[0], w.shape[-1]
        template = {"T": x.dtype, "K": K, "S": stride, "D": dilation, "BIAS": bias is not None}
        bias = mx.zeros(1, x.dtype) if bias is None else bias
        (y,) = twin.kernel(
            [x, w, bias, mx.array([length, left, groups])],
            template=template,
            grid=(-(-length // 32) * 32, C_out, N),
            threadgroup=(32 if length < 1000 else 64, 1, 1),
            outputs=[((N, C_out, length), x.dtype)],
        )
        return y

    twin.kernel = metal.Kernel("twin", "twin")
    shaders_of = {"CONV1D": ((forms.always, twin),), "CONV_TRANSPOSE1D": (), "WEIGHT_GRAD": ()}
    for name, rules in shaders_of.items():
        table = getattr(convolution, name)._replace(shaders=rules)
        monkeypatch.setattr(convolution, name, table)
    return twin


@pytest.fixture
def gpu(ledger, twin, monkeypatch):
    """A GPU that proves its shaders."""
    gpu = Gpu()
    monkeypatch.setattr(metal, "available", lambda: True)
    monkeypatch.setattr(metal, "_launch", gpu)
    return gpu


def arrays(C=4, L=50, K=3, groups=1, N=3, dtype=mx.float32):
    x = mx.random.randint(-3, 4, (N, C, L), key=mx.random.key(0)).astype(dtype)
    w = mx.random.randint(-3, 4, (C, C // groups, K), key=mx.random.key(1)).astype(dtype)
    return x, w


def exact(x, w, **settings):
    """By the definition, in float32."""
    settings = {"stride": 1, "left": 0, "dilation": 1, "groups": 1} | settings
    reach = (w.shape[-1] - 1) * settings["dilation"] + 1
    length = (x.shape[-1] + 2 * settings["left"] - reach) // settings["stride"] + 1
    x, w = x.astype(mx.float32), w.astype(mx.float32)
    return np.array(definitions.unfolded(x, w, length, **settings))


@pytest.fixture(scope="session")
def example():
    """Arrays for a convolution, and its exact result."""
    return SimpleNamespace(arrays=arrays, exact=exact)
