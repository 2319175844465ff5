"""The projects of the benchmark: how many packages a manager locks, and how many conda has."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

from tests import tiny_channel

ROOT = Path(__file__).resolve().parents[2]
_COURSE = ("numpy", "pandas", "scikit-learn", "matplotlib", "jupyterlab", "mlflow")
_LARGE = (
    *_COURSE,
    *("transformers", "datasets", "dask[complete]", "apache-airflow", "great-expectations"),
    *("wandb", "streamlit", "fastapi[standard]", "spacy", "boto3", "kedro", "optuna", "seaborn"),
    *("statsmodels", "plotly", "bokeh", "sphinx", "dvc", "prefect", "bentoml"),
)
#: What a project requires, by about how many packages that locks; 8 is the template as it is.
PACKAGES = {8: (), 160: _COURSE, 400: _LARGE}
#: The packages of a conda layer: Python and pip, and others that are generated.
LAYERS = (2, 60, 400)
#: The files of a generated package follow a log-normal distribution, as those of conda-forge do:
#: the median is 37, the mean 86, a few have over a thousand. So do their bytes: 3 kB and 5 kB.
_FILES, _MOST_FILES = (3.6, 1.3), 2000
_BYTES, _MOST_BYTES = (8.0, 1.0), 100_000


def write(project: Path, size: int, layer: int, channels: Path) -> None:
    """Write the files of a project; its generated packages are in a channel in `channels`."""
    for name in ("pyproject.toml", "conda.yml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, project)
    manifest = project / "pyproject.toml"
    text = manifest.read_text(encoding="utf-8")
    if PACKAGES[size]:
        text = _put(text, "dependencies = []", f"dependencies = {json.dumps(PACKAGES[size])}")
        # Poetry looks for versions that run on all of these
        text = _put(text, 'requires-python = ">=3.11,<4"', 'requires-python = ">=3.11,<3.13"')
        manifest.write_text(text, encoding="utf-8")
    if layer > min(LAYERS):
        names = [f"bench-{number}" for number in range(layer - min(LAYERS))]
        url = _channel(channels / f"generated-{layer}", names)
        conda = project / "conda.yml"
        text = conda.read_text(encoding="utf-8")
        text = _put(text, "  - conda-forge\n", f"  - conda-forge\n  - {url}\n")
        listed = "".join(f"  - {name}\n" for name in names)
        conda.write_text(_put(text, "dependencies:\n", f"dependencies:\n{listed}"), "utf-8")


def _put(text: str, before: str, after: str) -> str:
    """Replace what has to be in the text."""
    if before not in text:
        raise ValueError(before)
    return text.replace(before, after, 1)


def _channel(folder: Path, names: list[str]) -> str:
    """Return the address of a channel of generated packages, each needing an earlier one."""
    if not folder.is_dir():
        half = folder.with_name(f"{folder.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        rng = random.Random(len(names))  # noqa: S311 - nothing secret
        for number, name in enumerate(names):
            needs = [names[rng.randrange(number)]] if number else []
            index = {"name": name, "version": "1.0", "build": "0", "build_number": 0}
            index |= {"depends": needs, "subdir": "noarch", "noarch": "generic"}
            tiny_channel.pack(half, index, _files(rng, name))
        half.rename(folder)
    return folder.as_uri()


def _files(rng: random.Random, name: str) -> dict[str, bytes]:
    """Return the files of a package: a tree of folders, and text that packs about as code does."""
    files = {}
    for number in range(min(round(rng.lognormvariate(*_FILES)) + 1, _MOST_FILES)):
        length = min(round(rng.lognormvariate(*_BYTES)), _MOST_BYTES)
        line = f"{rng.getrandbits(256):x} of {name}, line after line\n".encode()
        files[f"share/{name}/{number % 7}/{number}.txt"] = (line * (length // len(line) + 1))[
            :length
        ]
    return files
