"""Runs Metal shaders without a Mac: the source that MLX generates is compiled as C++ and executed
on the CPU under Metal's execution rules.

    with metal_emulator.emulated() as session:
        y = lucid.nn.functional.conv1d(x, w)

`missing()` tells why it cannot run here, or is None.
"""

import lucid

from .build import CompileError, Mode, missing
from .coverage import Coverage
from .report import Failure
from .rewrite import UnsupportedError
from .run import MetalError, Options, Output, Run, Sparse, execute, launch
from .session import Session, emulated
