"""Train a small recogniser of spoken-command-like tones: depthwise convolutions, batch norm."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

CLASSES, RATE, LENGTH = 4, 4000, 1024


def make_dataset(count, seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    time = np.arange(LENGTH) / RATE
    pitch = 200 * 1.5 ** labels[:, None]
    waves = np.sin(2 * np.pi * pitch * time + rng.uniform(0, 6, (count, 1)))
    waves = waves * np.hanning(LENGTH) + 0.3 * rng.standard_normal((count, LENGTH))
    return TensorDataset(
        torch.from_numpy(waves[:, None].astype(np.float32)), torch.from_numpy(labels)
    )


class Block(nn.Module):
    def __init__(self, channels, kernel_size, stride=1):
        super().__init__()
        self.depthwise = nn.Conv1d(
            channels, channels, kernel_size, stride, kernel_size // 2, groups=channels, bias=False
        )
        self.pointwise = nn.Conv1d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.act = nn.ReLU(inplace=True)
        self.stride = stride

    def forward(self, x):
        y = self.act(self.norm(self.pointwise(self.depthwise(x))))
        return y if self.stride > 1 else x + y


class KeywordSpotter(nn.Module):
    def __init__(self, channels=16):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv1d(1, channels, 16, stride=8), nn.ReLU())
        self.blocks = nn.Sequential(
            Block(channels, 9), Block(channels, 9, stride=2), Block(channels, 9)
        )
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = self.blocks(self.stem(x))
        return self.head(F.adaptive_avg_pool1d(x, 1).squeeze(-1))


def set_weights(model, seed):
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for _, p in sorted(model.named_parameters()):
            if p.dim() > 1:
                values = rng.standard_normal(tuple(p.shape)) / np.sqrt(p[0].numel())
                p.copy_(torch.from_numpy(values.astype(np.float32)))
        model.stem[0].bias.zero_()
        model.head.bias.zero_()


def evaluate(model, loader, device):
    model.eval()
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            predicted = model(x.to(device)).argmax(dim=1)
            correct += (predicted == y.to(device)).sum().item()
            total += y.size(0)
    return correct / total


def main(folder, epochs=3):
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = KeywordSpotter().to(device)
    set_weights(model, seed=0)
    train = DataLoader(make_dataset(256, seed=1), batch_size=32, shuffle=False, drop_last=True)
    test = DataLoader(make_dataset(64, seed=2), batch_size=32)
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1e-2, total_steps=epochs * len(train)
    )
    losses = []
    for epoch in range(epochs):
        model.train()
        running = 0.0
        for x, y in train:
            x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(x), y)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=5.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            running += loss.item() * x.size(0)
        accuracy = evaluate(model, test, device)
        rate = scheduler.get_last_lr()[0]
        print(f"epoch {epoch}: loss {running / 256:.4f}, accuracy {accuracy:.3f}, lr {rate:.2e}")
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
        torch.save(state, f"{folder}/last.pt")
    checkpoint = torch.load(f"{folder}/last.pt", map_location=device)
    again = KeywordSpotter().to(device)
    again.load_state_dict(checkpoint["model"])
    assert evaluate(again, test, device) == accuracy
    return losses, accuracy
