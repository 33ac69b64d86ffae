"""No shader keeps an array in memory: whatever its sizes are, all of them are in registers."""

import mlx.core as mx
import pytest

from metal_emulator import missing
from metal_emulator.capture import function_of
from metal_emulator.cases import CORNERS, LAYERS
from metal_emulator.record import recorded
from metal_emulator.registers import in_memory

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def check(case, dtype):
    for what in case.passes:
        arrays = {name: mx.zeros(shape, dtype) for name, shape in case.shapes(what).items()}
        with recorded(run=False) as launches:
            case.run(what, arrays)
        for launch in launches:
            assert in_memory(launch.source, function_of(launch.source)) == (), launch.kernel.name


@pytest.mark.parametrize("case", CORNERS, ids=lambda case: case.name)
def test_arrays_are_in_registers(case):
    check(case, mx.float32)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [mx.float32, mx.float16, mx.bfloat16], ids=str)
@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_arrays_of_published_layers_are_in_registers(case, dtype):
    check(case, dtype)
