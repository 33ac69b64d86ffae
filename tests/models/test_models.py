"""The exact sizes of the published networks, shapes, and refusals."""

import numpy as np
import pytest

import lucid
from lucid.models import ConvTasNet, DSNet, MatchboxNet


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("blocks", "repeats", "classes", "parameters"),
    [
        (3, 1, 30, 77_214),
        (3, 1, 35, 77_859),
        (3, 1, 12, 74_892),
        (3, 2, 30, 92_766),
        (3, 2, 35, 93_411),
        (3, 2, 12, 90_444),
        (6, 2, 35, 139_491),
        (3, 2, 10, 90_186),
    ],
)
def test_matchboxnet_has_the_published_size(blocks, repeats, classes, parameters):
    assert count(MatchboxNet(64, classes, blocks, repeats)) == parameters


def test_keyword_networks_have_their_sizes():
    assert count(MatchboxNet(40, 10)) == 71_298
    assert count(DSNet(10)) == 63_146


@pytest.mark.parametrize(
    ("arguments", "settings", "parameters"),
    [
        ((2, 16, 64, 3, 32, 64, 6, 2), {}, 87_833),
        ((), {}, 4_984_881),  # torchaudio's default
        ((), {"all_residuals": True}, 5_050_545),  # the paper's and asteroid's
    ],
)
def test_conv_tasnet_has_the_published_size(arguments, settings, parameters):
    assert count(ConvTasNet(*arguments, **settings)) == parameters


def test_conv_tasnet_has_the_names_of_torchaudio():
    names = list(ConvTasNet(2, 16, 8, 3, 4, 6, 1, 2).state_dict())
    block = "mask_generator.conv_layers"
    assert names == [
        "encoder.weight",
        "mask_generator.input_norm.weight",
        "mask_generator.input_norm.bias",
        "mask_generator.input_conv.weight",
        "mask_generator.input_conv.bias",
        *(
            f"{block}.{i}.{part}"
            for i in range(2)
            for part in (
                "conv_layers.0.weight",
                "conv_layers.0.bias",
                "conv_layers.1.weight",
                "conv_layers.2.weight",
                "conv_layers.2.bias",
                "conv_layers.3.weight",
                "conv_layers.3.bias",
                "conv_layers.4.weight",
                "conv_layers.5.weight",
                "conv_layers.5.bias",
                *(("res_out.weight", "res_out.bias") if i == 0 else ()),
                "skip_out.weight",
                "skip_out.bias",
            )
        ),
        "mask_generator.output_prelu.weight",
        "mask_generator.output_conv.weight",
        "mask_generator.output_conv.bias",
        "decoder.weight",
    ]


@pytest.mark.parametrize("L", [1, 7, 8, 9, 160, 161])
def test_conv_tasnet_gives_back_every_sample(L):
    y = ConvTasNet(3, 16, 8, 3, 4, 6, 2, 1)(lucid.randn(2, 1, L))
    assert y.shape == (2, 3, L)
    assert np.isfinite(y.numpy()).all()


def test_conv_tasnet_with_relu_masks():
    net = ConvTasNet(1, 4, 8, 3, 4, 6, 1, 1, msk_activate="relu")
    assert net(lucid.randn(1, 1, 16)).shape == (1, 1, 16)


def test_every_parameter_learns():
    nets = [
        (MatchboxNet(8, 3, channels=4), lucid.randn(2, 8, 40)),
        (DSNet(3, (4, 4, 6)), lucid.randn(2, 1, 400)),
        (ConvTasNet(2, 4, 8, 3, 4, 6, 2, 1), lucid.randn(2, 1, 40)),
    ]
    for net, x in nets:
        net(x).square().sum().backward()
        still = [name for name, p in net.named_parameters() if p.grad is None]
        assert not still, type(net)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MatchboxNet(0), "n_mels must be at least 1, got 0"),
        (lambda: MatchboxNet(channels=0), "channels must be at least 1, got 0"),
        (lambda: MatchboxNet(blocks=-1), "blocks must be at least 1, got -1"),
        (lambda: DSNet(channels=(4,)), "at least two entries of channels"),
        (lambda: DSNet(separable_kernel_size=8), "odd separable_kernel_size, got .* and 8"),
        (lambda: ConvTasNet(enc_kernel_size=15), "must be even and at least 2, got 15"),
        (lambda: ConvTasNet(msk_kernel_size=4), "msk_kernel_size must be odd, got 4"),
        (lambda: ConvTasNet(msk_activate="tanh"), "'sigmoid' or 'relu', got 'tanh'"),
        (lambda: ConvTasNet(msk_num_stacks=0), "msk_num_stacks must be at least 1, got 0"),
        (lambda: ConvTasNet(1, 4, 8)(lucid.zeros(1, 2, 8)), r"shape \(N, 1, L\), got \(1, 2, 8\)"),
        (lambda: ConvTasNet(1, 4, 8)(lucid.zeros(1, 1, 0)), r"got \(1, 1, 0\)"),
    ],
)
def test_refusals(build, message):
    with pytest.raises(ValueError, match=message):
        build()
