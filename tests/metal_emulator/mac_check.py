"""Checks the Metal shaders of lucid on a Mac: run `python3 check.py` in its folder, and send back
the table that it prints and writes to report.md.

It needs Apple silicon with macOS 14 or later, Xcode (for `xcrun metal`) and `pip install mlx
numpy`, but not lucid. Everything else lies beside it, written on Linux by
`python -m tests.metal_emulator.bridge`:

  sources/   each shader as MLX hands it to Metal's compiler: compiled here, all warnings on;
  arrays/    launches of the shaders, with the results of an emulator: run here, and compared;
  manifest.json  what is launched how, and layers of published networks: timed here beside MLX's
             own operations, and compared with them.

`--compile-only` stops after compiling, and needs neither MLX nor a GPU. The exit status is 1 where
a shader does not compile, does not run or gives a wrong number, or where nothing could be tried.
"""

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

try:
    import mlx.core as mx
    import numpy as np
except ImportError:  # fine with --compile-only
    mx = np = None

OLDEST = (0, 32, 1)  # of MLX: earlier ones may run another kernel's code
COLUMNS = (
    "what", "dtype", "compiled", "right", "largest error",
    "lucid ms", "MLX ms", "MLX with transposes ms", "MLX / lucid",
)  # fmt: skip
MOST = 30  # problems that are told, each in so many characters at most:
LONGEST = 1500
METAL = ("xcrun", "-sdk", "macosx", "metal")
NO_METAL = "no Metal compiler: install Xcode, then `xcodebuild -downloadComponent MetalToolchain`"


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Check the Metal shaders in this folder.")
    parser.add_argument("--compile-only", action="store_true", help="compile, but run nothing")
    parser.add_argument("--worker", type=int, metavar="FIRST", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    folder = Path(__file__).resolve().parent
    manifest = json.loads((folder / "manifest.json").read_text())
    if given.worker is not None:
        return work(folder, manifest, given.worker)
    about = f"{machine()}; shaders of lucid {manifest['lucid']}, written with MLX {manifest['mlx']}"
    obstacles, compiled, results = [], [], []
    if compiler():
        print(f"compiling {len(manifest['sources'])} sources", file=sys.stderr, flush=True)
        compiled = compile_all(folder, manifest["sources"])
    else:
        obstacles.append(NO_METAL)
    if not given.compile_only:
        if no_gpu():
            obstacles.append(no_gpu())
        else:
            items = [*manifest["checks"], *manifest["timings"]]
            results = supervise([sys.executable, str(Path(__file__).resolve())], items)
    text = report([about, *obstacles], compiled, results)
    print("\n" + text)
    (folder / "report.md").write_text(text + "\n")
    return int(bool(obstacles) or any(result["problem"] for result in [*compiled, *results]))


def machine():
    """The chip, the system and MLX, in words."""
    name = ["sysctl", "-n", "machdep.cpu.brand_string"]
    try:
        chip = subprocess.run(name, capture_output=True, text=True).stdout.strip()
    except OSError:
        chip = ""
    macos = platform.mac_ver()[0]
    system = f"macOS {macos}" if macos else platform.platform()
    mlx = f"MLX {mx.__version__}" if mx else "without MLX"
    return f"{chip or platform.machine()}, {system}, {mlx}"


def no_gpu():
    """Why nothing can run here, or None."""
    if mx is None:
        return "MLX or NumPy is missing: `pip install mlx numpy`, or use --compile-only"
    if tuple(map(int, mx.__version__.split(".")[:3])) < OLDEST:
        return f"MLX {mx.__version__} is too old: `pip install -U mlx`"
    if not mx.metal.is_available():
        return "MLX finds no Metal GPU; use --compile-only"
    return None


# Compiling --------------------------------------------------------------------------------------


def compiler():
    """Whether there is one."""
    try:
        return subprocess.run([*METAL, "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def compile_all(folder, sources):
    """A result for each source; as MLX compiles its own shaders, for the oldest system it knows."""
    flags = ["-c", "-Wall", "-Wextra", "-fno-fast-math", "-mmacosx-version-min=14.0"]
    mlx = find_spec("mlx")  # with its headers at hand, a source includes what MLX prepends to it
    for place in mlx.submodule_search_locations if mlx else []:
        flags += ["-isystem", os.path.join(place, "include")]

    def compile_one(source):
        with tempfile.TemporaryDirectory() as scratch:
            files = [str(folder / "sources" / source["file"]), "-o", f"{scratch}/kernel.air"]
            done = subprocess.run([*METAL, *flags, *files], capture_output=True, text=True)
        warnings = done.stderr.count("warning:")
        text = done.stderr or f"status {done.returncode}"
        problem, said = (text, "") if done.returncode else (None, done.stderr)
        return {**source, "problem": problem, "warnings": warnings, "said": said}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, sources))


# Running ----------------------------------------------------------------------------------------
# In a process of its own, because a fault of the GPU ends the process. It prints a line of JSON for
# each item; where it dies, the next process goes on behind the item that it died of.


def supervise(command, items):
    results = []
    while len(results) < len(items):
        with tempfile.TemporaryFile("w+") as errors:
            worker = [*command, "--worker", str(len(results))]
            with subprocess.Popen(worker, stdout=subprocess.PIPE, stderr=errors, text=True) as run:
                for line in run.stdout:
                    results.append({**items[len(results)], **json.loads(line)})
                    print(f"\r{len(results)} of {len(items)}", end="", file=sys.stderr, flush=True)
            if len(results) < len(items):
                errors.seek(0)
                last = errors.read().strip()[-500:]
                problem = f"the process ended with status {run.returncode}: {last}"
                results.append({**items[len(results)], "problem": problem})
    return results


def work(folder, manifest, first):
    kernels = {name: mx.fast.metal_kernel(**given) for name, given in manifest["kernels"].items()}
    tasks = [(check, item) for item in manifest["checks"]]
    tasks += [(measure, item) for item in manifest["timings"]]
    for function, item in tasks[first:]:
        try:
            result = function(folder, kernels, item)
        except Exception as error:
            result = {"problem": f"{type(error).__name__}: {error}"}
        print(json.dumps({"problem": None, **result}), flush=True)
        mx.clear_cache()
    return 0


def launch(kernels, item, inputs):
    """The outputs of one launch."""
    return kernels[item["kernel"]](
        inputs=inputs,
        template=[(name, dtype_or_value(value)) for name, value in item["template"]],
        grid=item["grid"],
        threadgroup=item["threadgroup"],
        output_shapes=[shape for shape, _ in item["outputs"]],
        output_dtypes=[getattr(mx, dtype) for _, dtype in item["outputs"]],
    )


def dtype_or_value(value):
    return getattr(mx, value) if isinstance(value, str) else value


def check(folder, kernels, item):
    """Run one launch of the emulator again."""
    with np.load(folder / "arrays" / item["arrays"]) as stored:
        inputs = [load(stored, f"input{i}", dtype) for i, dtype in enumerate(item["inputs"])]
        expected = [
            load(stored, f"output{i}", dtype) for i, (_, dtype) in enumerate(item["outputs"])
        ]
    errors, wrong = [], 0
    for a, b in zip(launch(kernels, item, inputs), expected, strict=True):
        a, b = (np.array(array.astype(mx.float32)).astype(np.float64) for array in (a, b))
        errors.append(np.abs(a - b))
        right = errors[-1] <= item["atol"] + item["rtol"] * np.abs(b)  # a NaN is not
        wrong += int(np.sum(~right))
    worst = float(max(error.max(initial=0) for error in errors))
    problem = f"{wrong} wrong numbers, the worst by {worst:g}" if wrong else None
    return {"problem": problem, "error": worst}


def load(stored, name, dtype):
    """An array; of bfloat16, which NumPy does not know, the bits may be stored."""
    array, bits = mx.array(stored[name]), dtype == "bfloat16" and stored[name].dtype == np.uint16
    return array.view(mx.bfloat16) if bits else array.astype(getattr(mx, dtype))


# Timing -----------------------------------------------------------------------------------------


def measure(folder, kernels, item):
    """Time a pass of a layer through the shaders and through MLX, and compare the results."""
    dtype = getattr(mx, item["dtype"])
    given = {name: integers(shape, dtype, name) for name, shape in item["arrays"].items()}
    arrays = dict(given)
    for name, (file, its_dtype) in item["stored"].items():
        with np.load(folder / "arrays" / file) as stored:
            arrays[name] = load(stored, "values", its_dtype)
    how = block_of_mlx if "C_mid" in item["layer"] else layer_of_mlx
    theirs, order, order_back = how(item["layer"], item["pass"], dtype)
    ordered = [mx.contiguous(order(name, array)) for name, array in given.items()]
    mx.eval(ordered, list(arrays.values()))

    def ours():
        known = dict(arrays)
        for i, one in enumerate(item["launches"]):
            outputs = launch(kernels, one, [known[n].reshape(s) for n, s in one["inputs"]])
            known |= {f"{i}.{j}": output for j, output in enumerate(outputs)}
        return known

    def with_transposes():
        y = theirs(*(order(name, array) for name, array in given.items()))
        return mx.contiguous(order_back(y))

    last = f"{len(item['launches']) - 1}.0"
    result = {"ours": best(lambda: ours()[last])}
    try:
        result["theirs"] = best(lambda: theirs(*ordered))
        result["with transposes"] = best(with_transposes)
        expected = with_transposes().astype(mx.float32)
    except Exception as error:  # what MLX cannot do is not our failure
        return {**result, "right": "MLX fails", "said": f"MLX: {type(error).__name__}: {error}"}
    if not item["result"]:
        return {**result, "right": "not compared"}
    y = ours()[item["result"]].reshape(expected.shape).astype(mx.float32)
    error = mx.abs(y - expected).max().item()
    wrong = not error <= item["tolerance"] * mx.abs(expected).max().item()  # NaN is wrong
    problem = f"differs from MLX by up to {error:g}" if wrong else None
    return {**result, "problem": problem, "error": error}


def integers(shape, dtype, name):
    """Integers from -2 to 2 that look random, the same everywhere."""
    n = np.arange(math.prod(shape), dtype=np.uint32) + np.uint32(10**8 * ord(name) % 2**32)
    values = (n * np.uint32(2654435761) >> np.uint32(13)) % np.uint32(5)
    return mx.array(values.astype(np.int8) - np.int8(2)).astype(dtype).reshape(shape)


def block_of_mlx(block, _what, _dtype):
    """As below: depthwise, pointwise, and perhaps relu."""

    def forward(x, d, c, p, b):
        y = padded_conv(x, d, block, block["C_in"])
        y = mx.conv1d(y + c, p) + b
        return mx.maximum(y, 0) if block["relu"] else y

    def order(_, array):
        return array.swapaxes(1, 2) if array.ndim == 3 else array

    return forward, order, lambda y: y.swapaxes(1, 2)


def padded_conv(x, w, layer, groups):
    """MLX's convolution of a signal (N, L, C)."""
    S, D, left, right = (layer[name] for name in ("S", "D", "left", "right"))
    if left != right:  # MLX reads past the signal, or gives a wrong gradient, if asked to pad
        x, left = mx.pad(x, [(0, 0), (left, right), (0, 0)]), 0
    return mx.conv1d(x, w, S, left, D, groups)


def layer_of_mlx(layer, what, dtype):
    """A pass of a layer as a user of MLX writes it, on signals (N, L, C); with functions that bring
    an array into MLX's order, and the result back."""
    transposed, groups = layer["transposed"], layer["groups"]
    S, D, left, right = (layer[name] for name in ("S", "D", "left", "right"))

    def forward(x, w):
        if transposed:
            return mx.conv_transpose1d(x, w, S, left, D, left - right, groups)
        return padded_conv(x, w, layer, groups)

    def order(name, array):
        if name == "w" and transposed:  # (C_in, C_out/groups, K) -> (C_out, K, C_in/groups)
            rows, Og, K = array.shape
            array = array.reshape(groups, rows // groups, Og, K).transpose(0, 2, 3, 1)
            return array.reshape(groups * Og, K, rows // groups)
        return array if name == "b" else array.swapaxes(1, 2)

    def order_back(y):
        if what == "gradient of w" and transposed:
            C_out, K, Cg = y.shape
            y = y.reshape(groups, C_out // groups, K, Cg).transpose(0, 3, 1, 2)
            return y.reshape(groups * Cg, C_out // groups, K)
        return y.swapaxes(1, 2)

    def pass_(*arrays):
        if what == "forward":
            x, w, b = arrays
            return forward(x, w) + b
        known, g = arrays
        at = mx.zeros(order(wanted, mx.zeros(layer[wanted], dtype)).shape, dtype)
        function = {"x": lambda x: forward(x, known), "w": lambda w: forward(known, w)}[wanted]
        return mx.vjp(function, [at], [g])[1][0]

    wanted = what[-1]  # the x or w of a gradient
    return pass_, order, order_back


def best(function):
    """Milliseconds of the fastest of several calls."""

    def timed(calls):
        mx.synchronize()
        start = time.perf_counter()
        for _ in range(calls):
            mx.async_eval(function())
        mx.synchronize()
        return (time.perf_counter() - start) / calls * 1e3

    timed(1)  # compiles
    calls = max(1, min(20, int(20 / timed(1))))
    return min(timed(calls) for _ in range(5))


# Reporting --------------------------------------------------------------------------------------


def report(about, compiled, results):
    """One table, in Markdown, and below it what went wrong."""
    checks = [result for result in results if result["kind"] == "check"]
    timings = [result for result in results if result["kind"] == "timing"]
    rows = []
    for kernel, dtype in sorted({(r["kernel"], r["dtype"]) for r in [*compiled, *checks]}):
        one = {"kernel": kernel, "dtype": dtype}
        sources, runs = ([r for r in rs if one.items() <= r.items()] for rs in (compiled, checks))
        warnings = sum(source["warnings"] for source in sources)
        done = good(sources) + (f", {warnings} warnings" if warnings else "")
        rows.append([kernel, dtype, done, good(runs), largest_error(runs), "", "", "", ""])
    for r in timings:
        right = "NO" if r["problem"] else r.get("right", "yes")
        times = [r.get(name) for name in ("ours", "theirs", "with transposes")]
        ratio = times[1] / times[0] if times[0] and times[1] else None
        numbers = ["" if n is None else f"{n:.3g}" for n in (*times, ratio)]
        rows.append([r["name"], r["dtype"], "", right, largest_error([r]), *numbers])
    lines = [" | ".join(row) for row in (COLUMNS, ["---"] * len(COLUMNS), *rows)]
    table = [f"| {line} |" for line in lines]
    return "\n".join([*about, "", *table, "", *told(compiled, results)])


def told(compiled, results):
    """What went wrong, and one source's warnings for each kernel."""
    problems = [result for result in [*compiled, *results] if result["problem"]]
    warned = {result["kernel"]: result for result in compiled if result["said"]}
    notes = [result for result in results if "said" in result]
    text = []
    for result in [*problems[:MOST], *warned.values(), *notes]:
        name = result.get("file") or f"{result['name']}, {result['dtype']}"
        text += [f"{name}:", "```", (result["problem"] or result["said"]).strip()[:LONGEST], "```"]
    if len(problems) > MOST:
        text.append(f"and {len(problems) - MOST} problems more")
    return text


def good(results):
    """How many of them are."""
    return f"{sum(not r['problem'] for r in results)} of {len(results)}" if results else ""


def largest_error(results):
    errors = [result["error"] for result in results if "error" in result]
    return f"{max(errors):.2g}" if errors else ""


if __name__ == "__main__":
    sys.exit(main())
