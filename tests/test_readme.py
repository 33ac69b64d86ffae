"""Every Python block of README runs, in order, in one namespace."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text()
FENCE = "`" * 3


def blocks(language):
    return re.findall(rf"^{FENCE}{language}\n(.*?)^{FENCE}$", README, re.MULTILINE | re.DOTALL)


def test_python_blocks_run_and_print_what_they_say(capsys):
    namespace = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), namespace)
        printed = capsys.readouterr().out
        for promised in re.findall(r"^print\(.*?\)  # (.*)$", block, re.MULTILINE):
            assert promised in printed
        assert printed
    assert float(namespace["loss"].item()) < 0.5


def test_the_training_script_has_at_most_twenty_lines():
    script = blocks("python")[0].splitlines()
    body = [line for line in script if line.strip() and not line.startswith(("import", "from"))]
    assert len(body) <= 20


def test_shell_commands_name_what_the_command_line_knows():
    from lucid.recipes.cli import parser

    for block in blocks("sh"):
        for line in block.splitlines():
            words = line.split("#")[0].split("&&")[-1].split()
            if words[0] == "lucid" and len(words) > 1:
                parser().parse_args(words[1:])


def test_there_are_two_commands():
    commands = re.findall(r"^pip install -e .*$", README, re.MULTILINE)
    assert [command.split("&&")[-1].strip() for command in commands] == [
        "lucid train keywords",
        "pytest",
    ]
