"""The bridge to real hardware: `python -m tests.metal_emulator.bridge FOLDER`, on Linux.

Runs every shader in the emulator, over the layers of `cases.py`, and writes each launch to FOLDER:
the source as MLX generates it, what `mx.fast.metal_kernel` is given, the inputs and the outputs.
The script `check.py` (`mac_check.py` here) beside them does the rest on a Mac, without lucid.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.kernels import metal

from . import mac_check
from .build import missing
from .cases import CORNERS, LAYERS, Case
from .native import to_numpy
from .record import Record, recorded
from .run import MetalError

TIMED = (mx.float32, mx.float16)

# Of the largest value. Two orders of summation differ by some of float32's last places, so that a
# result in half precision may be rounded to the neighbour.
_TOLERANCE = {mx.float32: 1e-5, mx.float16: 2.0**-10, mx.bfloat16: 2.0**-7}

# On a Mac MLX puts the text of its own headers before a kernel; where they are at hand, so do we.
_PREAMBLE = """\
#if __has_include("mlx/backend/metal/kernels/utils.h")
#include "mlx/backend/metal/kernels/utils.h"
#else
#include <metal_stdlib>
using namespace metal;
typedef half float16_t;
typedef bfloat bfloat16_t;
#endif

"""


class Bundle:
    """The folder in the making. Files are named by their content, and written once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest: dict[str, Any] = {
            "lucid": commit(),
            "mlx": mx.__version__,
            "kernels": {},
            "sources": [],
            "checks": [],
            "timings": [],
        }
        for name in ("sources", "arrays"):
            (folder / name).mkdir()

    def close(self) -> None:
        """Write what belongs to all."""
        shutil.copy(mac_check.__file__, self.folder / "check.py")
        text = json.dumps(self.manifest, indent=1)
        (self.folder / "manifest.json").write_text(text + "\n")

    def check(self, layer: Case, what: str, dtype: mx.Dtype, *, integers: bool) -> None:
        """Run a pass of a layer, on integers or not, and write each launch with its outputs.

        Raises:
            MetalError: a shader broke a rule of Metal.
            ValueError: the result is not that of the definition.
        """
        arrays = random(layer.shapes(what), dtype, integers)
        with recorded() as launches:
            y = layer.run(what, arrays)
        rtol = 0.0 if dtype == mx.float32 else _TOLERANCE[dtype]
        wide = {name: array.astype(mx.float32) for name, array in arrays.items()}
        expected = layer.run(what, wide)
        atol = 0.0 if integers else _TOLERANCE[dtype] * mx.abs(expected).max().item()
        error = mx.abs(y - expected) - rtol * mx.abs(expected)
        if not error.max().item() <= atol:
            raise ValueError(f"the emulator is off by {error.max().item()}")
        for launch in launches:
            made = launch.outputs[0].dtype  # float32, if they are partial sums
            scale = max(mx.abs(output).max().item() for output in launch.outputs)
            files = {f"input{i}": to_numpy(a) for i, a in enumerate(launch.inputs)}
            files |= {f"output{i}": to_numpy(a) for i, a in enumerate(launch.outputs)}
            self.manifest["checks"].append(
                {
                    "kind": "check",
                    "name": f"{layer.name}, {what}",
                    "dtype": short(dtype),
                    **self._launch(launch, dtype),
                    "inputs": [short(array.dtype) for array in launch.inputs],
                    "arrays": self._arrays(files),
                    "rtol": 0.0 if made == mx.float32 else _TOLERANCE[made],
                    "atol": 0.0 if integers else _TOLERANCE[made] * scale,
                }
            )

    def timing(self, layer: Case, what: str, dtype: mx.Dtype) -> None:
        """Write the launches of a pass of a layer at its full size. They are not run.

        Raises:
            ValueError: an input of a launch is more than a reshape of an earlier output.
        """
        shapes = layer.shapes(what)
        arrays = {name: mac_check.integers(shape, dtype, name) for name, shape in shapes.items()}
        with recorded(run=False) as launches:
            y = layer.run(what, arrays)
        known, stored, written = dict(arrays), {}, []
        for i, launch in enumerate(launches):
            inputs = []
            for array in launch.inputs:
                name = origin(array, known)
                if name is None:
                    name = f"stored {len(stored)}"
                    known[name] = array
                    stored[name] = [self._arrays({"values": whole(array)}), short(array.dtype)]
                inputs.append([name, array.shape])
            known |= {f"{i}.{j}": output for j, output in enumerate(launch.outputs)}
            written.append({**self._launch(launch, dtype), "inputs": inputs})
        cast = {name: array.astype(y.dtype) for name, array in known.items()}
        if written:
            self.manifest["timings"].append(
                {
                    "kind": "timing",
                    "name": f"{layer.name}, {what}",
                    "dtype": short(dtype),
                    "pass": what,
                    "layer": described(layer),
                    "arrays": shapes,
                    "stored": stored,
                    "launches": written,
                    "result": origin(y, cast),
                    "tolerance": _TOLERANCE[dtype],
                }
            )

    def _launch(self, launch: Record, dtype: mx.Dtype) -> dict[str, Any]:
        """What of a launch has nothing to do with its inputs."""
        kernel = launch.kernel.name
        source = launch.kernel.source
        self.manifest["kernels"][kernel] = {
            "name": f"lucid_{kernel}_{source.digest}",
            "input_names": source.inputs,
            "output_names": source.outputs,
            "header": source.header,
            "source": source.body,
        }
        text = (_PREAMBLE + launch.source).encode()
        file = f"{kernel}_{digest(text)}.metal"
        if not (self.folder / "sources" / file).exists():
            (self.folder / "sources" / file).write_bytes(text)
            entry = {"file": file, "kernel": kernel, "dtype": short(dtype)}
            self.manifest["sources"].append(entry)
        return {
            "kernel": kernel,
            "template": [
                [name, short(value) if isinstance(value, mx.Dtype) else value]
                for name, value in launch.template.items()
            ],
            "grid": launch.grid,
            "threadgroup": launch.threadgroup,
            "outputs": [[output.shape, short(output.dtype)] for output in launch.outputs],
        }

    def _arrays(self, arrays: Mapping[str, np.ndarray]) -> str:
        """The name of a file of these arrays."""
        content = b"".join(name.encode() + array.tobytes() for name, array in arrays.items())
        file = f"{digest(content)}.npz"
        np.savez_compressed(self.folder / "arrays" / file, **arrays)
        return file


def write(folder: Path, layers: Sequence[Case], corners: Sequence[Case]) -> dict[str, Any]:
    """Write the folder, whole or not at all; returns the manifest.

    Raises:
        FileExistsError: there is something in it.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty: name a new folder, or remove it first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        part = Path(scratch) / folder.name
        part.mkdir()
        bundle = Bundle(part)
        for case in cases(corners):
            with naming(*case):
                bundle.check(*case, integers=True)
        for layer, what, dtype in cases(layers):
            with naming(layer, what, dtype):
                bundle.check(layer.cut(), what, dtype, integers=False)
                if dtype in TIMED:
                    bundle.timing(layer, what, dtype)
        bundle.close()
        part.replace(folder)
    return bundle.manifest


def cases(layers: Sequence[Case]) -> Iterator[tuple[Case, str, mx.Dtype]]:
    """Every pass of every layer in every dtype."""
    for layer in layers:
        for what, dtype in product(layer.passes, metal.DTYPES):
            yield layer, what, dtype


def described(layer: Case) -> dict[str, Any]:
    """Its sizes, and the shapes of its arrays."""
    return {**layer._asdict(), **layer.shapes("forward")}


@contextmanager
def naming(layer: Case, what: str, dtype: mx.Dtype) -> Iterator[None]:
    """Errors say which case they are of."""
    try:
        yield
    except (MetalError, ValueError) as error:
        raise type(error)(f"{layer.name}, {what}, {short(dtype)}: {error}") from None


def random(
    shapes: Mapping[str, tuple[int, ...]], dtype: mx.Dtype, integers: bool
) -> dict[str, mx.array]:
    """Integers from -2 to 2, whose sums leave no room for rounding, or normal values."""
    numbers = np.random.default_rng(0)
    draw = (lambda shape: numbers.integers(-2, 3, shape)) if integers else numbers.standard_normal
    return {name: mx.array(draw(shape)).astype(dtype) for name, shape in shapes.items()}


def origin(array: mx.array, known: Mapping[str, mx.array]) -> str | None:
    """The name of the array that this is a reshape of."""
    for name, other in known.items():
        if (other.size, other.dtype) == (array.size, array.dtype):
            bits = mx.uint32 if array.dtype.size == 4 else mx.uint16
            if mx.array_equal(array.reshape(-1).view(bits), other.reshape(-1).view(bits)):
                return name
    return None


def whole(array: mx.array) -> np.ndarray:
    """An array that holds integers, in few bytes."""
    values = np.array(array.astype(mx.float32) if array.dtype in metal.DTYPES else array)
    if not np.array_equal(values, np.rint(values)):
        raise ValueError("an input of a launch is more than a reshape of an earlier output")
    return values.astype(np.int8 if array.dtype in metal.DTYPES else values.dtype)


def short(dtype: mx.Dtype) -> str:
    return str(dtype).removeprefix("mlx.core.")


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def commit() -> str:
    """The version of this checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip() or "of unknown commit"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="to be made; not there yet, or empty")
    folder = parser.parse_args(arguments).folder
    if reason := missing():
        sys.exit(f"the emulator cannot run here: {reason}")
    try:
        manifest = write(folder, LAYERS, CORNERS)
    except (FileExistsError, MetalError, ValueError) as error:
        sys.exit(str(error))
    counts = (f"{len(manifest[name])} {name}" for name in ("sources", "checks", "timings"))
    size = sum(path.stat().st_size for path in folder.rglob("*")) / 1e6
    print(f"{folder}: {', '.join(counts)}, {size:.1f} MB; on a Mac run python3 {folder}/check.py")


if __name__ == "__main__":
    main()
