"""The `lucid` command: what it prints, writes and returns, and what it says to bad input."""

import csv
import json
import os
import re
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import lucid
from lucid import audio
from lucid.recipes import denoise, keywords
from lucid.recipes.cli import main

KEYWORDS = {
    "best.safetensors",
    "checkpoint.safetensors",
    "config.json",
    "confusion_matrix.png",
    "learning_curve.png",
    "metrics.csv",
}
DENOISE = {
    "best.safetensors",
    "checkpoint.safetensors",
    "clean.wav",
    "config.json",
    "enhanced.wav",
    "learning_curve.png",
    "metrics.csv",
    "noisy.wav",
    "spectrograms.png",
}


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def words_run(speech):
    assert (
        main(["train", "keywords", "--data", str(speech), "--epochs", "1", "--run", "words"]) == 0
    )
    return Path("words")


@pytest.fixture
def clean_run(speech, noise):
    config = denoise.Config(
        str(speech), str(noise), 1, batch_size=2, test_mixes=6, features=8, hidden=8, layers=2
    )
    return denoise.train(config, "clean").run


def fails(capsys, *arguments, status=2):
    """The one line of an error."""
    assert main([str(a) for a in arguments]) == status
    out = capsys.readouterr()
    assert "Traceback" not in out.err
    lines = out.err.splitlines()
    assert len(lines) == 1, out.err
    assert lines[0].startswith("lucid: ")
    return lines[0]


@pytest.mark.parametrize("kind", ["mel", "raw"])
def test_keywords(speech, capsys, kind):
    arguments = ["--data", str(speech), "--input", kind, "--epochs", "2", "--batch-size", "5"]
    assert main(["train", "keywords", *arguments]) == 0
    out = capsys.readouterr().out
    assert f"{speech}: 16 recordings" in out
    assert "2 classes; recordings 0 to 4 of each speaker are the test set" in out
    assert out.count("epoch ") == 2
    assert re.search(r"^one +2 ", out, re.M)
    assert re.search(r"^all +4 ", out, re.M)
    run = Path("runs/keywords-1")
    assert {p.name for p in run.iterdir()} - {"best.safetensors"} == KEYWORDS - {"best.safetensors"}
    with open(run / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["3", "6"]
    assert 0 <= float(rows[-1]["accuracy"]) <= 100
    config = json.loads((run / "config.json").read_text())
    assert config["config"]["input"] == kind
    assert config["data"] == {"labels": ["one", "six"], "train": 12, "test": 4}


def test_denoise(speech, noise, capsys, monkeypatch):
    monkeypatch.setattr(denoise, "Config", partial(denoise.Config, test_mixes=6, layers=2))
    arguments = ["--data", str(speech), "--noise", str(noise), "--steps", "2", "--batch-size", "2"]
    assert main(["train", "denoise", *arguments]) == 0
    out = capsys.readouterr().out
    assert f"speech: {speech}: 16 recordings" in out
    assert f"noise: {noise}: 6 recordings" in out
    assert re.search(r"^all +6 ", out, re.M)
    run = Path("runs/denoise-1")
    assert {p.name for p in run.iterdir()} == DENOISE
    described = [audio.info(run / f"{name}.wav") for name in ("noisy", "enhanced", "clean")]
    assert {(i.sample_rate, i.frames) for i in described} == {(8000, 8000)}


def test_a_second_run_gets_the_next_number(speech):
    for _ in range(2):
        assert main(["train", "keywords", "--data", str(speech), "--epochs", "1"]) == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["keywords-1", "keywords-2"]


def test_without_matplotlib_there_are_no_pictures_and_a_hint(speech, capsys, monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["train", "keywords", "--data", str(speech), "--epochs", "1"]) == 0
    assert "pip install matplotlib" in capsys.readouterr().err
    assert not list(Path("runs/keywords-1").glob("*.png"))


def test_predict(words_run, speech, capsys):
    stereo = np.stack([audio.load(speech / "six_bob_5.wav", sample_rate=44100)[0][0]] * 2)
    audio.save("stereo.wav", stereo, 44100)
    audio.save("long.wav", np.tile(stereo, 20), 44100)
    audio.save("tiny.wav", np.ones(10), 8000)
    capsys.readouterr()
    files = [str(speech / "six_bob_5.wav"), "stereo.wav", "long.wav", "tiny.wav"]
    assert main(["predict", "words", *files]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    for name, line in zip(files, lines, strict=True):
        assert re.fullmatch(rf"{name}: (one|six) \d+\.\d %, (one|six) \d+\.\d %", line)
    assert main(["predict", "words/checkpoint.safetensors", files[0]]) == 0
    assert capsys.readouterr().out.splitlines() == lines[:1]


def test_enhance(clean_run, speech, capsys):
    stereo = np.stack([audio.load(speech / "six_bob_5.wav", sample_rate=44100)[0][0]] * 2)
    audio.save("stereo.wav", stereo, 44100)
    assert main(["enhance", "clean", "stereo.wav", "-o", "out.wav"]) == 0
    described = audio.info("out.wav")
    assert (described.channels, described.sample_rate) == (2, 8000)
    assert described.duration == pytest.approx(stereo.shape[1] / 44100, abs=1e-3)


def test_predict_refuses(words_run, clean_run, speech, capsys):
    good = speech / "one_ann_0.wav"
    Path("broken.wav").write_bytes(good.read_bytes()[:30])
    Path("text.wav").write_text("not audio at all")
    audio.save("silent.wav", np.zeros(8000), 8000)
    capsys.readouterr()
    assert "nowhere.wav: no such audio file" in fails(capsys, "predict", "words", "nowhere.wav")
    assert "broken.wav" in fails(capsys, "predict", "words", "broken.wav")
    assert "text.wav: not an audio file" in fails(capsys, "predict", "words", "text.wav")
    assert "silent.wav: is silent" in fails(capsys, "predict", "words", "silent.wav")
    assert "is a folder" in fails(capsys, "predict", "words", speech)
    assert "nowhere: no such checkpoint" in fails(capsys, "predict", "nowhere", good)
    message = fails(capsys, "predict", "clean", good)
    assert "is a checkpoint of a 'denoise' run, expected one of 'keywords'" in message
    assert "cannot load" in fails(capsys, "predict", good, good)


def test_predict_reads_the_good_files_among_bad_ones(words_run, speech, capsys):
    good = str(speech / "one_ann_0.wav")
    capsys.readouterr()
    assert main(["predict", "words", "nowhere.wav", good]) == 2
    out = capsys.readouterr()
    assert out.out.startswith(good)
    assert "nowhere.wav: no such audio file" in out.err


def test_enhance_refuses(words_run, clean_run, speech, capsys):
    good = speech / "one_ann_0.wav"
    capsys.readouterr()
    assert "no such audio file" in fails(capsys, "enhance", "clean", "no.wav", "-o", "out.wav")
    message = fails(capsys, "enhance", "words", good, "-o", "out.wav")
    assert "'keywords' run, expected one of 'denoise'" in message
    assert "end it in .wav" in fails(capsys, "enhance", "clean", good, "-o", "out.mp3")
    before = good.read_bytes()
    assert "is the noisy recording itself" in fails(capsys, "enhance", "clean", good, "-o", good)
    assert good.read_bytes() == before
    message = fails(capsys, "enhance", "clean", good, "-o", "no/out.wav")
    assert "no/out.wav: its folder does not exist" in message


def test_a_checkpoint_of_another_architecture(words_run, speech, capsys):
    path = words_run / "checkpoint.safetensors"
    state = lucid.load(path)
    state["config"]["channels"] = 32
    lucid.save(state, path)
    capsys.readouterr()
    assert main(["predict", "words", str(speech / "one_ann_0.wav")]) == 2
    message = capsys.readouterr().err
    assert "holds another architecture" in message
    assert "net.prologue.norm.weight: expected shape (64,), got (128,)" in message


def test_data_that_cannot_be_used(tmp_path, speech, noise, capsys):
    def train(*arguments):
        return fails(capsys, "train", *arguments)

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "nowhere: no such folder" in train("keywords", "--data", "nowhere")
    assert "empty: holds no audio files" in train("keywords", "--data", empty)
    assert "is a file" in train("keywords", "--data", speech / "one_ann_0.wav")
    for path in speech.glob("six*"):
        path.unlink()
    message = train("keywords", "--data", speech)
    assert "all recordings are of one class, 'one'" in message
    assert "give both folders" in train("denoise", "--data", speech)
    assert "give both folders" in train("denoise", "--noise", noise)
    assert "empty: holds no audio files" in train("denoise", "--data", speech, "--noise", empty)
    assert not Path("runs").exists()  # nothing was begun


def test_a_checkpoint_of_another_version(words_run, speech, capsys):
    path = words_run / "checkpoint.safetensors"
    state = lucid.load(path)
    state["config"]["warp"] = 9
    lucid.save(state, path)
    capsys.readouterr()
    message = fails(capsys, "predict", "words", speech / "one_ann_0.wav")
    assert "words: has settings unknown to this version: warp" in message
    assert "unknown to this version: warp" in fails(
        capsys, "train", "keywords", "--resume", "words"
    )


def test_bad_files_among_good_ones_are_named_skipped_and_counted(speech, capsys):
    (speech / "one_ann_9.wav").write_bytes((speech / "one_ann_7.wav").read_bytes()[:40])
    (speech / "one_bob_9.wav").write_bytes(b"")
    assert main(["train", "keywords", "--data", str(speech), "--epochs", "1"]) == 0
    out = capsys.readouterr().out
    assert "16 recordings" in out
    assert "2 files skipped" in out
    assert re.search(r"skipped .*one_ann_9.wav: \w+", out)
    assert re.search(r"skipped .*one_bob_9.wav: the file is empty", out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(speech, capsys):
    speech.chmod(0)
    try:
        assert "cannot be read" in fails(capsys, "train", "keywords", "--data", speech)
    finally:
        speech.chmod(0o700)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["keywords", "--epochs", "0"], "epochs must be from 1 to 2**31 - 1, got 0"),
        (["keywords", "--batch-size", "-1"], "batch_size must be from 1 to 2**31 - 1, got -1"),
        (["keywords", "--lr", "nan"], "learning_rate must be a number above 0, got nan"),
        (["keywords", "--sample-rate", "10"], "sample_rate must be from 4000 to 192000 Hz, got 10"),
        (["keywords", "--seed", "-1"], "seed must be from 0 to 2**63 - 1, got -1"),
        (["keywords", "--batch-size", "9" * 20], "batch_size must be from 1 to 2**31 - 1, got 99"),
        (["denoise", "--steps", "0"], "steps must be from 1 to 2**31 - 1, got 0"),
        (["denoise", "--lr", "-1"], "learning_rate must be a number above 0, got -1.0"),
    ],
)
def test_settings_that_make_no_sense(arguments, message, capsys):
    assert message in fails(capsys, "train", *arguments)


@pytest.mark.parametrize(
    "arguments", [[], ["train"], ["train", "keywords", "--input", "x"], ["predict", "run"]]
)
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: lucid" in capsys.readouterr().err


def test_a_run_is_not_overwritten(words_run, speech, capsys):
    capsys.readouterr()
    message = fails(capsys, "train", "keywords", "--data", speech, "--run", "words")
    assert "holds a run already; go on with it: --resume words" in message


def test_resume(words_run, capsys):
    capsys.readouterr()
    before = (words_run / "checkpoint.safetensors").read_bytes()
    assert main(["train", "keywords", "--resume", "words"]) == 0
    assert (words_run / "checkpoint.safetensors").read_bytes() == before
    capsys.readouterr()
    message = fails(capsys, "train", "keywords", "--resume", "words", "--epochs", "3")
    assert message.endswith("goes on with the settings of its run; leave out --epochs")
    message = fails(capsys, "train", "keywords", "--resume", "words", "--lr", "3", "--run", "x")
    assert message.endswith("leave out --lr, --run")
    assert "expected one of 'denoise'" in fails(capsys, "train", "denoise", "--resume", "words")
    assert "no such run folder" in fails(capsys, "train", "keywords", "--resume", "nowhere")


def test_resume_writes_what_a_kill_kept_from_being_written(words_run):
    """The checkpoint comes first, then these."""
    missing = [words_run / name for name in ("best.safetensors", "metrics.csv")]
    before = [path.read_bytes() for path in missing]
    for path in missing:
        path.unlink()
    assert main(["train", "keywords", "--resume", "words"]) == 0
    assert [path.read_bytes() for path in missing] == before


def test_resume_where_the_data_changed(words_run, speech, capsys):
    (speech / "one_ann_5.wav").unlink()
    capsys.readouterr()
    message = fails(capsys, "train", "keywords", "--resume", "words")
    assert "the data changed since: train was 12, is 11" in message


def test_a_loss_that_is_nan(speech, capsys, monkeypatch):
    monkeypatch.setattr(
        keywords.Keywords, "loss", lambda self, batch: self.model(batch[0]).sum() * float("nan")
    )
    message = fails(capsys, "train", "keywords", "--data", speech, "--epochs", "1")
    assert "the loss is nan at step 1 (epoch 1); no epoch was finished" in message


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_step_that_ruins_the_weights_is_not_kept(speech, capsys, monkeypatch, epochs):
    """The last step of an epoch: its own loss was still fine."""

    class Keywords(keywords.Keywords):
        def __init__(self, *args):
            super().__init__(*args)
            step, made = self.optimizer.step, []

            def ruin():
                made.append(step())
                if len(made) == epochs * len(self.loader):
                    with lucid.no_grad():
                        next(iter(self.model.parameters())).mul_(float("inf"))

            self.optimizer.step = ruin

    monkeypatch.setattr(keywords, "Keywords", Keywords)
    message = fails(capsys, "train", "keywords", "--data", speech, "--epochs", "2", "--run", "mine")
    assert f"the weights are not finite at step {epochs} (epoch {epochs})" in message
    if epochs == 1:
        assert "no epoch was finished" in message
    else:
        assert "the checkpoint of epoch 1 is kept in mine/checkpoint.safetensors" in message
        model, _ = keywords.load("mine")
        assert all(p.isfinite().all() for p in model.parameters())


def test_a_single_recording_of_noise(speech, noise, capsys):
    for path in sorted(noise.rglob("*.wav"))[1:]:
        path.unlink()
    message = fails(capsys, "train", "denoise", "--data", speech, "--noise", noise)
    assert message.endswith("rain: holds one recording; it needs two, to learn from and to test")


def test_words_in_any_script(speech):
    for path in speech.glob("six*"):
        path.rename(path.with_name(path.name.replace("six", "六")))
    assert main(["train", "keywords", "--data", str(speech), "--epochs", "1"]) == 0


def test_ctrl_c(speech, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(keywords.Keywords, "loss", interrupt)
    message = fails(capsys, "train", "keywords", "--data", speech, "--epochs", "1", status=130)
    assert message == "lucid: interrupted"
