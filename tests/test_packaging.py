"""The wheel: what it holds, and that it works without the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def tracked(*folders):
    command = ["git", "ls-files", *folders]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return listed.stdout.split()


def test_the_wheel_holds_the_package_and_the_shaders(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    wanted = {
        path if path.startswith("lucid/") else f"lucid/{path}" for path in tracked("lucid", "metal")
    }
    assert "lucid/metal/README.md" in wanted
    assert held == wanted - {"lucid/conftest.py"}


def test_the_wheel_works_without_the_checkout(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import lucid, lucid.kernels.shaders as s; x = lucid.ones(2, requires_grad=True);"
        "x.sum().backward(); print(x.grad.tolist(), s.folder())"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "LUCID_BLAS": "0"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split(" ", 2)[:2] == ["[1.0,", "1.0]"]
    assert Path(done.stdout.split()[-1]) == tmp_path / "lucid" / "metal"
