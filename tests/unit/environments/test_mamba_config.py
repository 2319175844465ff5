"""Where mamba's root is, and in which order it reads its settings.

Source of both tables: `compute_default_rc_sources` and `get_root_prefix` in
`libmamba/src/api/configuration.cpp` of mamba 2.8.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import conda_engines
from tasks_lib.environments.conda import Conda
from tasks_lib.session.session import Session
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

#: the weakest first; the folders of the machine are not the tests' to write
ORDER = (
    "root/.condarc",
    "root/condarc",
    "root/condarc.d/a.yml",
    "root/.mambarc",
    ".config/conda/.condarc",
    ".config/conda/condarc",
    ".config/conda/condarc.d/a.yaml",
    ".conda/.condarc",
    ".conda/condarc",
    ".conda/condarc.d/a.yml",
    ".condarc",
    "named.yml",
    ".config/mamba/.mambarc",
    ".config/mamba/mambarc",
    ".config/mamba/mambarc.d/a.yml",
    ".mamba/.mambarc",
    ".mamba/mambarc",
    ".mamba/mambarc.d/a.yaml",
    ".mambarc",
    "named too.yml",
)
#: which folders exist, what the variables say, and the root; `opt` is where the program lies
ROOTS: dict[str, tuple[tuple[str, ...], dict[str, str], str]] = {
    "nothing": ((), {}, ".local/share/mamba"),
    "another data folder": ((), {"XDG_DATA_HOME": "data"}, "data/mamba"),
    "that of micromamba 1": (("micromamba/envs",), {}, "micromamba"),
    "a folder that is no root": (("micromamba/else",), {}, ".local/share/mamba"),
    "around the program": (("opt/mm/pkgs", "micromamba/envs"), {}, "opt/mm"),
    "an environment of a root": (("opt/mm/conda-meta", "envs"), {}, "."),
    "a variable": (("opt/mm/pkgs",), {"MAMBA_ROOT_PREFIX": "named"}, "named"),
    "that of the tests": (("opt/mm/pkgs",), {"MAMBA_DEFAULT_ROOT_PREFIX": "named"}, "named"),
    "both": ((), {"MAMBA_ROOT_PREFIX": "a", "MAMBA_DEFAULT_ROOT_PREFIX": "b"}, "a"),
}


@pytest.mark.parametrize("name", ["mamba", "micromamba"])
def test_order_of_the_files(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMBA_ROOT_PREFIX", str(home / "root"))
    monkeypatch.setenv("CONDARC", "~/named.yml")
    monkeypatch.setenv("MAMBARC", "~/named too.yml")
    for place in ORDER:
        path = home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"channels: ['{place}']\nremote_max_retries: {ORDER.index(place)}\n")
    values = conda_engines.ENGINES[name]("/x/bin/mamba").condarc.values
    assert values["channels"] == list(reversed(ORDER))
    assert values["remote_max_retries"] == len(ORDER) - 1


@pytest.mark.parametrize("name", ["conda", "rattler"])
def test_others_read_none_of_its_files(name: str, home: Path) -> None:
    (home / ".mambarc").write_text("channels: [mine]\n")
    assert "channels" not in conda_engines.ENGINES[name]("/x/bin/conda").condarc.values


@cases("folders, variables, expected", ROOTS)
def test_root_of_micromamba(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    folders: tuple[str, ...],
    variables: dict[str, str],
    expected: str,
) -> None:
    for folder in folders:
        (home / folder).mkdir(parents=True)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, str(home / value))
    assert conda_engines.Micromamba(str(home / "opt/mm/bin/micromamba")).root == home / expected


@pytest.mark.parametrize("variable", ["", "named"])
def test_root_of_mamba_is_where_it_was_installed(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    if variable:
        monkeypatch.setenv("MAMBA_ROOT_PREFIX", str(home / variable))
    (home / "micromamba/envs").mkdir(parents=True)
    root = conda_engines.Mamba(str(home / "opt/mf/bin/mamba")).root
    assert root == home / (variable or "opt/mf")


def test_environment_has_one_place_before_and_after_micromamba_makes_its_root(
    project: MakeProject, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = home / "bin/micromamba"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    place = home / ".local/share/mamba/envs/demo"
    root = project(conda="name: demo\ndependencies: [python]\n").root
    assert Session.open(combo="conda_uv", start=root).environment.prefix == place
    (home / ".local/share/mamba/pkgs").mkdir(parents=True)
    assert Session.open(combo="conda_uv", start=root).environment.prefix == place


def test_environments_of_its_own_folders_are_listed(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = home / "bin/micromamba"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    (home / ".mambarc").write_text("envs_dirs: [~/mine]\n")
    for folder in ("mine/one", "micromamba/envs/two", ".conda/envs/three"):
        (home / folder / "conda-meta").mkdir(parents=True)
    assert [name for name, _ in Conda.on_machine()] == ["one", "two", "three"]
