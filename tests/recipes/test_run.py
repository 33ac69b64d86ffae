"""Run folders are numbered, never overwritten, and say what is wrong."""

import pytest

from lucid.recipes.run import Run


def test_numbers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [Run.create(name).path for name in ("keywords", "keywords", "denoise")]
    assert [str(p) for p in paths] == [
        "runs/keywords-1",
        "runs/keywords-2",
        "runs/denoise-1",
    ]


def test_a_given_folder(tmp_path):
    assert Run.create("keywords", tmp_path / "a" / "b").path.is_dir()
    Run.create("keywords", tmp_path / "a" / "b")  # still empty


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError, match="is a file, expected a new folder"):
        Run.create("keywords", tmp_path / "file")
    with pytest.raises(FileExistsError, match="is not empty; give a new folder"):
        Run.create("keywords", tmp_path)
    taken = Run.create("keywords", tmp_path / "taken")
    taken.checkpoint.write_bytes(b"")
    with pytest.raises(
        FileExistsError, match=r"holds a run already; go on with it: --resume .*taken"
    ):
        Run.create("keywords", taken.path)


def test_find(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: no such run folder"):
        Run.find(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no epoch of it was finished"):
        Run.find(tmp_path)


def test_metrics(tmp_path):
    run = Run(tmp_path)
    run.write_metrics([{"epoch": 1, "loss": 0.1 + 0.2}, {"epoch": 2, "loss": 0.25}])
    text = (tmp_path / "metrics.csv").read_text()
    assert text == "epoch,loss\n1,0.30000000000000004\n2,0.25\n"
    assert [p.name for p in tmp_path.iterdir()] == ["metrics.csv"]
