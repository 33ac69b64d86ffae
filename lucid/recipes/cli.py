"""The `lucid` command: a thin shell over `lucid.recipes`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from lucid.recipes import denoise, keywords
from lucid.recipes.report import Result

_INTERRUPTED, _FAULT = 130, 2
# of use, of data, of the machine; the last: a loss that is not finite
_FAULTS = (OSError, ValueError, ImportError, MemoryError, FloatingPointError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status.

    0 is success, 2 an error of use or of data or a training that diverged, 130 Ctrl-C.

    >>> main(["predict", "no-such-run", "yes.wav"])
    2
    """
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except _FAULTS as error:
        _complain(error)
        return _FAULT


def _complain(error: object) -> None:
    """One line on stderr."""
    if isinstance(error, OSError) and error.strerror:
        error = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    print(f"lucid: {error}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """What the command line takes."""
    root = argparse.ArgumentParser("lucid", description="Train 1-D audio networks.")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    train = commands.add_parser("train", help="train a model")
    recipes = train.add_subparsers(required=True, metavar="RECIPE")

    words = recipes.add_parser("keywords", help="recognise short spoken words")
    words.set_defaults(command=_train_keywords)
    words.add_argument(
        "--data",
        metavar="FOLDER",
        help="one folder per word, or files named word_speaker_number.wav; else own words",
    )
    words.add_argument("--input", choices=("mel", "raw"), help="spectrogram (default) or waveform")
    words.add_argument("--epochs", type=int, metavar="N", help="default 15")
    _training_options(words, "keywords", batch_size="64, with --input raw 32", rate="0.003")

    clean = recipes.add_parser("denoise", help="take the noise out of speech")
    clean.set_defaults(command=_train_denoise)
    clean.add_argument("--data", metavar="FOLDER", help="speech; default: speech of our own")
    clean.add_argument("--noise", metavar="FOLDER", help="noise, with --data")
    clean.add_argument("--steps", type=int, metavar="N", help="default 4158, without --data 480")
    _training_options(clean, "denoise", batch_size="8", rate="0.001, without --data 0.01")

    predict = commands.add_parser("predict", help="recognise the words in audio files")
    predict.set_defaults(command=_predict)
    predict.add_argument("run", metavar="RUN", help="the folder of a keywords run")
    predict.add_argument("files", metavar="FILE", nargs="+")

    enhance = commands.add_parser("enhance", help="take the noise out of an audio file")
    enhance.set_defaults(command=_enhance)
    enhance.add_argument("run", metavar="RUN", help="the folder of a denoise run")
    enhance.add_argument("file", metavar="FILE")
    enhance.add_argument("-o", "--output", metavar="OUT.wav", required=True)
    return root


def _training_options(
    parser: argparse.ArgumentParser, recipe: str, batch_size: str, rate: str
) -> None:
    parser.add_argument("--batch-size", type=int, metavar="N", help=f"default {batch_size}")
    parser.add_argument(
        "--lr", type=float, dest="learning_rate", metavar="RATE", help=f"default {rate}"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="default 0")
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help="default 8000")
    parser.add_argument(
        "--run", metavar="FOLDER", help=f"a new folder for the results; default runs/{recipe}-1"
    )
    parser.add_argument("--resume", metavar="RUN", help="go on with an interrupted run")


def _settings(options: argparse.Namespace) -> dict[str, Any]:
    """The options given that are settings of the training."""
    others = ("command", "run", "resume")
    given = {k: v for k, v in vars(options).items() if k not in others and v is not None}
    if options.resume is not None and (given or options.run):
        spelled = {"learning_rate": "lr"}
        wrong = [*given, *(["run"] if options.run else [])]
        names = ", ".join(f"--{spelled.get(k, k).replace('_', '-')}" for k in wrong)
        raise ValueError(f"--resume goes on with the settings of its run; leave out {names}")
    return given


def _train_keywords(options: argparse.Namespace) -> int:
    config = keywords.Config(**_settings(options))
    return _finish(keywords.train(config, options.run, resume=options.resume))


def _train_denoise(options: argparse.Namespace) -> int:
    own = options.data is None and options.noise is None
    config = dataclasses.replace(denoise.DEMO if own else denoise.Config(), **_settings(options))
    return _finish(denoise.train(config, options.run, resume=options.resume))


def _finish(result: Result) -> int:
    print(f"\n{result.table}\n\neverything is in {result.run}:")
    print("  " + ", ".join(sorted(path.name for path in result.run.iterdir())))
    return 0


def _predict(options: argparse.Namespace) -> int:
    model, labels = keywords.load(options.run)
    status = 0
    for path in options.files:
        try:
            found = keywords.predict(model, labels, path)
        except _FAULTS as error:  # the other files shall have their turn
            _complain(error)
            status = _FAULT
            continue
        best = ", ".join(f"{label} {100 * share:.1f} %" for label, share in found[:3])
        print(f"{path}: {best}")
    return status


def _enhance(options: argparse.Namespace) -> int:
    model, config = denoise.load(options.run)
    denoise.enhance(model, config, options.file, options.output)
    print(f"{options.output}: {options.file} without its noise, at {config.sample_rate} Hz")
    return 0
