"""The models of `lucid.models`, written again in PyTorch from their papers, for the parity tests.

Plain functional style on purpose: nothing of the structure of ours. Each takes the state dict of
our model and the input, and returns the output.
"""

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional


def torch_state(model, *, trained=True):
    """The state dict of a lucid model as torch tensors; those that are trained require grad."""
    names = {name for name, _ in model.named_parameters()}
    state = {}
    for name, value in model.state_dict().items():
        tensor = torch.from_numpy(value.numpy())
        state[name] = tensor.requires_grad_(trained) if name in names else tensor
    return state


def batch_norm(s, name, x, training, eps):
    return F.batch_norm(
        x,
        s[f"{name}.running_mean"],
        s[f"{name}.running_var"],
        s[f"{name}.weight"],
        s[f"{name}.bias"],
        training=training,
        momentum=0.1,
        eps=eps,
    )


def separable(s, name, x, stride=1, dilation=1):
    w = s[f"{name}.depthwise.weight"]
    padding = dilation * (w.shape[-1] - 1) // 2
    y = F.conv1d(x, w, None, stride, padding, dilation, groups=w.shape[0])
    return F.conv1d(y, s[f"{name}.pointwise.weight"])


def matchboxnet(s, x, training=True, blocks=3, repeats=1):
    def sub(name, x, dilation=1, relu=True):
        y = batch_norm(
            s, f"{name}.norm", separable(s, f"{name}.conv", x, 1, dilation), training, 1e-3
        )
        return y.relu() if relu else y

    x = sub("prologue", x)
    for b in range(blocks):
        side = F.conv1d(x, s[f"blocks.{b}.residual.0.weight"])
        side = batch_norm(s, f"blocks.{b}.residual.1", side, training, 1e-3)
        for r in range(repeats):
            x = sub(f"blocks.{b}.body.{r}", x, relu=r < repeats - 1)
        x = (x + side).relu()
    x = sub("epilogue.0", x, dilation=2)
    x = F.conv1d(x, s["epilogue.1.weight"])
    x = batch_norm(s, "epilogue.2", x, training, 1e-3).relu()
    return F.linear(x.mean(-1), s["head.weight"], s["head.bias"])


def dsnet(s, x, training=True):
    w = s["filters.0.weight"]
    stride = w.shape[-1] // 2
    x = F.conv1d(x, w, None, stride, stride // 2)
    x = batch_norm(s, "filters.1", x, training, 1e-5).relu()
    layers = sum(name.startswith("layers.") and name.endswith("depthwise.weight") for name in s)
    for i in range(layers):
        x = separable(s, f"layers.{3 * i}", x, stride=2)
        x = batch_norm(s, f"layers.{3 * i + 1}", x, training, 1e-5).relu()
    return F.linear(x.mean(-1), s["head.weight"], s["head.bias"])


def conv_tasnet(s, x, layers, sources=2):
    N, _, L = x.shape
    w = s["encoder.weight"]
    K, features = w.shape[-1], w.shape[0]
    stride = K // 2
    x = F.pad(x, (0, -L % stride))
    e = F.conv1d(x, w, None, stride, stride)

    def norm(name, y):  # global layer norm: over channels and time
        mean = y.mean((1, 2), keepdim=True)
        variance = ((y - mean) ** 2).mean((1, 2), keepdim=True)
        y = (y - mean) / (variance + 1e-8).sqrt()
        return y * s[f"{name}.weight"][:, None] + s[f"{name}.bias"][:, None]

    def pointwise(name, y):
        return F.conv1d(y, s[f"{name}.weight"], s[f"{name}.bias"])

    y = pointwise("mask_generator.input_conv", norm("mask_generator.input_norm", e))
    total = 0
    for i in range(sum(name.endswith("skip_out.weight") for name in s)):
        at = f"mask_generator.conv_layers.{i}"
        h = F.prelu(pointwise(f"{at}.conv_layers.0", y), s[f"{at}.conv_layers.1.weight"])
        h = norm(f"{at}.conv_layers.2", h)
        taps = s[f"{at}.conv_layers.3.weight"]
        dilation = 2 ** (i % layers)
        h = F.conv1d(
            h,
            taps,
            s[f"{at}.conv_layers.3.bias"],
            padding=dilation * (taps.shape[-1] - 1) // 2,
            dilation=dilation,
            groups=taps.shape[0],
        )
        h = norm(f"{at}.conv_layers.5", F.prelu(h, s[f"{at}.conv_layers.4.weight"]))
        total = total + pointwise(f"{at}.skip_out", h)
        if f"{at}.res_out.weight" in s:
            y = y + pointwise(f"{at}.res_out", h)
    masks = pointwise(
        "mask_generator.output_conv", F.prelu(total, s["mask_generator.output_prelu.weight"])
    )
    masks = masks.sigmoid().view(N, sources, features, -1)
    y = F.conv_transpose1d(
        (masks * e[:, None]).flatten(0, 1), s["decoder.weight"], None, stride, stride
    )
    return y.view(N, sources, -1)[..., :L]


def si_snr(estimate, target):
    estimate = estimate - estimate.mean(-1, keepdim=True)
    target = target - target.mean(-1, keepdim=True)
    scale = (estimate * target).sum(-1, keepdim=True) / (target.pow(2).sum(-1, keepdim=True) + 1e-8)
    signal = scale * target
    noise = estimate - signal
    return 10 * torch.log10((signal.pow(2).sum(-1) + 1e-8) / (noise.pow(2).sum(-1) + 1e-8))
