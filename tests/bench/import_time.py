"""How long `import lucid` takes beside `import mlx.core, numpy`: best of many fresh processes.

python tests/bench/import_time.py
"""

import subprocess
import sys

ROUNDS = 15
PROGRAMS = {"mlx.core, numpy": "import mlx.core, numpy", "lucid": "import lucid"}
CLOCK = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def main() -> None:
    seconds = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):  # alternating, so that both meet the same noise
        for name, program in PROGRAMS.items():
            command = [sys.executable, "-c", CLOCK.format(program)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds[name].append(float(done.stdout))
    best = {name: min(times) for name, times in seconds.items()}
    for name, value in best.items():
        print(f"import {name:16} {1000 * value:7.1f} ms")
    print(f"ratio {best['lucid'] / best['mlx.core, numpy']:.2f}")


if __name__ == "__main__":
    main()
