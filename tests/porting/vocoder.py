"""Train a small adversarial vocoder: transposed convolutions, weight norm, 2-D discriminator."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import weight_norm

HOP, BINS = 16, 20


class ResBlock(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv1d(c, c, 3, padding=d, dilation=d)) for d in (1, 3)
        )

    def forward(self, x):
        for conv in self.convs:
            x = x + conv(F.leaky_relu(x, 0.1))
        return x


class Generator(nn.Module):
    def __init__(self, channels=32):
        super().__init__()
        self.pre = weight_norm(nn.Conv1d(BINS, channels, 7, padding=3))
        self.ups, self.res = nn.ModuleList(), nn.ModuleList()
        for _ in range(2):
            self.ups.append(weight_norm(nn.ConvTranspose1d(channels, channels // 2, 8, 4, 2)))
            self.res.append(ResBlock(channels // 2))
            channels //= 2
        self.post = weight_norm(nn.Conv1d(channels, 1, 7, padding=3))

    def forward(self, mel):
        x = self.pre(mel)
        for up, res in zip(self.ups, self.res):
            x = res(up(F.leaky_relu(x, 0.1)))
        return torch.tanh(self.post(F.leaky_relu(x)))


class PeriodDiscriminator(nn.Module):
    def __init__(self, period):
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(a, 8, (5, 1), (3, 1), padding=(2, 0))) for a in (1, 8)
        )
        self.post = weight_norm(nn.Conv2d(8, 1, (3, 1), padding=(1, 0)))

    def forward(self, x):
        x = F.pad(x, (0, -x.shape[-1] % self.period), mode="reflect")
        x = x.view(*x.shape[:2], x.shape[-1] // self.period, self.period)
        features = []
        for conv in self.convs:
            x = F.leaky_relu(conv(x), 0.1)
            features.append(x)
        return torch.flatten(self.post(x), 1, -1), features


def magnitude(x, window):
    spectrum = torch.stft(x.squeeze(1), 64, 16, 64, window=window, center=True, return_complex=True)
    return torch.sqrt(spectrum.real**2 + spectrum.imag**2 + 1e-9)


def set_weights(models, seed):
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for model in models:
            for _, p in sorted(model.named_parameters()):
                p.copy_(torch.tensor(0.3 * rng.standard_normal(tuple(p.shape))))


def main(folder, steps=8):
    torch.manual_seed(0)
    generator, discriminators = Generator(), nn.ModuleList(map(PeriodDiscriminator, (2, 3)))
    set_weights([generator, discriminators], seed=0)
    settings = {"lr": 1e-3, "betas": (0.8, 0.99)}
    optim_g = torch.optim.AdamW(generator.parameters(), **settings)
    optim_d = torch.optim.AdamW(discriminators.parameters(), **settings)
    schedulers = [torch.optim.lr_scheduler.ExponentialLR(o, 0.999) for o in (optim_g, optim_d)]
    window = torch.hann_window(64)
    rng = np.random.default_rng(1)
    losses = []
    for _ in range(steps):
        mel = torch.tensor(rng.standard_normal((2, BINS, 12)), dtype=torch.float32)
        real = torch.tensor(rng.standard_normal((2, 1, 12 * HOP)), dtype=torch.float32)
        fake = generator(mel)

        optim_d.zero_grad()
        loss_d = 0
        for d in discriminators:
            loss_d += ((1 - d(real)[0]) ** 2).mean() + (d(fake.detach())[0] ** 2).mean()
        loss_d.backward()
        optim_d.step()

        optim_g.zero_grad()
        loss_g = 15 * F.l1_loss(magnitude(fake, window), magnitude(real, window))
        for d in discriminators:
            with torch.no_grad():
                _, wanted = d(real)
            score, features = d(fake)
            loss_g += ((1 - score) ** 2).mean()
            loss_g += 2 * sum(F.l1_loss(a, b) for a, b in zip(features, wanted))
        loss_g.backward()
        norm = torch.nn.utils.clip_grad_norm_(generator.parameters(), 1e3)
        optim_g.step()
        for scheduler in schedulers:
            scheduler.step()
        losses += [loss_d.item(), loss_g.item(), float(norm)]
    torch.save({"generator": generator.state_dict()}, f"{folder}/g.pt")
    for module in generator.modules():
        if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            torch.nn.utils.parametrize.remove_parametrizations(module, "weight")
    generator.eval()
    with torch.inference_mode():
        wave = generator(torch.ones(1, BINS, 4)).squeeze().cpu().numpy()
    print(f"discriminator {losses[-3]:.4f}, generator {losses[-2]:.4f}, {len(wave)} samples")
    return losses, float(np.abs(wave).mean())
