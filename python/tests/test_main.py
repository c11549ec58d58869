"""`python -m faramesh version` says which engine decides, as the `faramesh` program does."""

import json
import os
import subprocess
import sys

import pytest


def binary() -> str:
    path = os.environ.get("FARAMESH_BIN")
    if path is None:
        pytest.fail("FARAMESH_BIN is not set: these tests need the path of the `faramesh` binary")
    return path


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "faramesh", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_version_says_what_the_program_says() -> None:
    program = subprocess.run([binary(), "version"], capture_output=True, text=True, check=True)
    ours = run("version")
    assert (ours.returncode, ours.stdout) == (0, program.stdout)
    program = subprocess.run([binary(), "version", "-o", "json"], capture_output=True, text=True, check=True)
    assert json.loads(run("version", "-o", "json").stdout) == json.loads(program.stdout)


@pytest.mark.parametrize("arguments", [[], ["versions"], ["version", "-o", "yaml"], ["version", "now"]])
def test_anything_else_is_wrong_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: this installation of faramesh carries no `faramesh` program, and knows only `version`",
        "usage: python -m faramesh version [-o json]",
    ]
