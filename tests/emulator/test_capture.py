"""The source that MLX generates, captured without a GPU."""

import mlx.core as mx
import pytest

from metal_emulator.capture import capture


def kernel(source="y[0] = x[0];", header=""):
    return mx.fast.metal_kernel(
        name="example", input_names=["x"], output_names=["y"], source=source, header=header
    )


def call(shape=(8,), dtype=mx.float32, **options):
    return {
        "output_shapes": [shape],
        "output_dtypes": [dtype],
        "grid": (8, 1, 1),
        "threadgroup": (8, 1, 1),
        **options,
    }


def test_the_text_holds_header_signature_and_body():
    captured = capture(kernel(header="// of the header\n"), [mx.zeros(8)], **call())
    assert captured.function == "custom_kernel_example_float_float"
    assert captured.source.startswith("// of the header\n")
    assert "const device float* x [[buffer(0)]]" in captured.source
    assert "y[0] = x[0];" in captured.source


def test_fewer_than_8_elements_are_constant():
    captured = capture(kernel(), [mx.zeros(7)], **call())
    assert "const constant float* x [[buffer(0)]]" in captured.source


def test_template_values_are_instantiated():
    source = "T z = K; y[0] = z;"
    captured = capture(
        kernel(source), [mx.zeros(8)], **call(template=[("T", mx.bfloat16), ("K", 3)])
    )
    assert "template <typename T, int K>" in captured.source
    assert "<bfloat16_t, 3>" in captured.source


def test_what_the_process_prints_afterwards_is_printed(capfd):
    capture(kernel(), [mx.zeros(8)], **call())
    print("still here", flush=True)
    assert capfd.readouterr().out == "still here\n"


def test_a_function_that_prints_nothing_is_refused():
    with pytest.raises(RuntimeError, match="printed no source"):
        capture(lambda inputs, verbose: [mx.exp(inputs[0])], [mx.zeros(8)])
