"""`faramesh-sdk` owns the same import name: a mixture of the two is not imported."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys

import pytest

from faramesh import _installation

PACKAGE = pathlib.Path(_installation.__file__).parent


@pytest.fixture
def site(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder of installed packages with this one in it."""
    shutil.copytree(PACKAGE, tmp_path / "faramesh", ignore=shutil.ignore_patterns("__pycache__", "engine.wasm"))
    return tmp_path


def imported(site: pathlib.Path, what: str = "faramesh") -> subprocess.CompletedProcess[str]:
    # Without the folder in which this package is developed, which would provide the missing parts.
    code = (
        f"import sys; sys.path[:] = [{str(site)!r}, *(one for one in sys.path if one != {str(PACKAGE.parent)!r})]\n"
        f"import {what}; print(sys.modules['faramesh'].__file__)"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_by_itself_it_is_imported_without_a_word(site: pathlib.Path) -> None:
    done = imported(site)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == str(site / "faramesh" / "__init__.py")


def test_files_of_another_among_ours_are_refused(site: pathlib.Path) -> None:
    (site / "faramesh" / "gate.py").write_text("")
    done = imported(site)
    assert done.returncode == 1
    assert "has files of another distribution, such as `gate.py`; run `pip uninstall" in done.stderr


@pytest.mark.parametrize("what", ["faramesh.integrations.langchain", "faramesh._govern", "faramesh._errors"])
@pytest.mark.parametrize("init", ["GOVERNED = True\n", None])
def test_our_parts_below_another_package_are_refused(site: pathlib.Path, what: str, init: str | None) -> None:
    """As after `pip install faramesh-sdk` over this one, and as after removing it again."""
    file = site / "faramesh" / "__init__.py"
    if init is None:
        file.unlink()
    else:
        file.write_text(init)
    done = imported(site, what)
    assert done.returncode == 1
    assert "its `__init__.py` is missing or not its own; run `pip uninstall" in done.stderr


def test_a_missing_part_is_refused(site: pathlib.Path) -> None:
    (site / "faramesh" / "_files.py").unlink()
    done = imported(site)
    assert done.returncode == 1
    assert "is incomplete: `_files.py` is missing" in done.stderr


def test_the_other_one_elsewhere_draws_a_warning(site: pathlib.Path) -> None:
    (site / "faramesh_sdk-0.3.3.dist-info").mkdir()
    done = imported(site)
    assert done.returncode == 0
    assert "RuntimeWarning: `faramesh-sdk` is installed too" in done.stderr


def test_the_list_of_modules_is_the_folder() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == _installation.FILES
