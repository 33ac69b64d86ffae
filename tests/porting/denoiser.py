"""Train a small denoiser: encoder, LSTM, decoder; SI-SNR, accumulation, autocast, average."""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset


class Mixtures(Dataset):
    """Tones in noise, each of a length of its own."""

    def __init__(self, count, seed):
        self.count, self.seed = count, seed

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        rng = np.random.default_rng([self.seed, index])
        length = int(rng.integers(300, 400))
        clean = np.sin(np.arange(length) * rng.uniform(0.02, 0.2)).astype(np.float32)
        noisy = clean + 0.5 * rng.standard_normal(length).astype(np.float32)
        return torch.as_tensor(noisy), torch.as_tensor(clean)


def collate(pairs):
    noisy, clean = zip(*pairs)
    lengths = torch.tensor([len(x) for x in noisy])
    return pad_sequence(noisy, batch_first=True), pad_sequence(clean, batch_first=True), lengths


class Denoiser(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(1, 2 * hidden, 8, stride=4), nn.GLU(dim=1))
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)
        self.project = nn.Linear(2 * hidden, hidden)
        self.norm = nn.GroupNorm(1, hidden)
        self.decoder = nn.ConvTranspose1d(hidden, 1, 8, stride=4)
        self.register_buffer("scale", torch.tensor(0.1))

    def forward(self, x):
        length = x.shape[-1]
        padded = nn.functional.pad(x.unsqueeze(1), (0, -(length - 8) % 4))
        encoded = self.encoder(padded)
        hidden, _ = self.lstm(encoded.transpose(1, 2))
        mask = torch.sigmoid(self.norm(self.project(hidden).permute(0, 2, 1)))
        return self.decoder(mask * encoded).squeeze(1)[..., :length]


def si_snr(estimate, target, lengths, eps=1e-8):
    mask = torch.arange(target.shape[1], device=target.device)[None] < lengths[:, None]
    count = lengths[:, None].to(target.dtype)
    estimate = (estimate - (estimate * mask).sum(1, keepdim=True) / count) * mask
    target = (target - (target * mask).sum(1, keepdim=True) / count) * mask
    scale = (estimate * target).sum(-1, keepdim=True) / (target.pow(2).sum(-1, keepdim=True) + eps)
    signal = scale * target
    ratio = signal.pow(2).sum(-1) / ((estimate - signal).pow(2).sum(-1) + eps)
    return 10 * torch.log10(ratio + eps)


def set_weights(model, seed):
    rng = np.random.default_rng(seed)
    state = model.state_dict()
    for name in sorted(state):
        shape = tuple(state[name].shape)
        if shape:
            values = rng.standard_normal(shape) / np.sqrt(shape[-1] + 1)
            state[name] = torch.tensor(values, dtype=torch.float32)
    model.load_state_dict(state)


def main(folder, epochs=2, accumulate=2):
    torch.manual_seed(0)
    model = Denoiser()
    set_weights(model, seed=0)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    loader = DataLoader(Mixtures(24, seed=3), batch_size=4, collate_fn=collate)
    optimizer = torch.optim.Adam(
        [
            {"params": model.lstm.parameters(), "lr": 5e-3},
            {"params": [p for n, p in model.named_parameters() if not n.startswith("lstm")]},
        ],
        lr=2e-3,
    )
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    losses = []
    for _ in range(epochs):
        model.train()
        for i, (noisy, clean, lengths) in enumerate(loader):
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=False):
                loss = -si_snr(model(noisy), clean, lengths).mean()
            scaler.scale(loss / accumulate).backward()
            if (i + 1) % accumulate == 0:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_value_(model.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
                optimizer.zero_grad()
                average.update_parameters(model)
            losses.append(loss.detach().item())
        plateau.step(float(np.mean(losses)))
    torch.save(average.module.state_dict(), f"{folder}/average.pth")
    average.eval()
    with torch.no_grad():
        noisy, clean, lengths = next(iter(loader))
        score = si_snr(average(noisy), clean, lengths).mean()
    print(f"loss {losses[0]:.2f} to {losses[-1]:.2f}, averaged model {score:.2f} dB")
    return losses, score.item()
