"""Secrets in addresses and variables reach no output and no file, with real tools."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import sys
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from tasks_lib import report
from tasks_lib.environments import conda_health
from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.execution import process
from tasks_lib.project.conda_file import CondaFile
from tests import tiny_channel
from tests.cases import cases
from tests.lab import CONDA_YML, PYPROJECT, Answer, Lab, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tasks_lib.execution.process import Command

pytestmark = pytest.mark.processes

SECRET = "hunter2-squeamish"  # noqa: S105 - it opens nothing
USER = "ossifrage"
_BASIC = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
_TOKEN = base64.b64encode(f"{SECRET}:".encode()).decode()
_ROOT = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _wheel(name: str) -> bytes:
    """Return a package with nothing in it, the same bytes each time."""
    stream, module = io.BytesIO(), name.replace("-", "_")
    info = f"{module}-90.dist-info"
    texts = {
        f"{module}_stub.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 90\n",
    }
    texts |= {f"{info}/WHEEL": _ROOT}
    texts |= {f"{info}/RECORD": "".join(f"{path},,\n" for path in (*texts, f"{info}/RECORD"))}
    with zipfile.ZipFile(stream, "w") as archive:
        for path, text in texts.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return stream.getvalue()


class _Handler(BaseHTTPRequestHandler):
    """An index with every package for who has the password; nothing for anybody under /closed.

    `channel` is what is offered under /ch, and with the secret as a token of conda's too.
    """

    channel: ClassVar[Path]

    def do_GET(self) -> None:
        """Answer."""
        parts = self.path.strip("/").split("/")
        if parts[:2] == ["t", SECRET] and parts[2] == "ch":
            self._send_file(self.channel.joinpath(*parts[3:]))
        elif parts[0] == "closed" or self.headers.get("Authorization") not in {
            f"Basic {_BASIC}",
            f"Basic {_TOKEN}",
        }:
            self._send(401, b"no", "text/plain")
        elif parts[0] == "simple" and len(parts) == 2:
            file, digest = (
                f"{parts[1].replace('-', '_')}-90-py3-none-any.whl",
                hashlib.sha256(_wheel(parts[1])),
            )
            link = f'<a href="/files/{parts[1]}/{file}#sha256={digest.hexdigest()}">{file}</a>'
            self._send(
                200, f"<!DOCTYPE html><html><body>{link}</body></html>".encode(), "text/html"
            )
        elif parts[0] == "ch":
            self._send_file(self.channel.joinpath(*parts[1:]))
        elif parts[0] == "files":
            self._send(200, _wheel(parts[1]), "application/octet-stream")
        else:
            self._send(404, b"none", "text/plain")

    do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

    def _send_file(self, path: Path) -> None:
        body = path.read_bytes() if path.is_file() else b""
        self._send(200 if body else 404, body, "application/octet-stream")

    def _send(self, code: int, body: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("WWW-Authenticate", 'Basic realm="lab"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(OSError):  # who asked has gone
                self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Return the port of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return an empty home with caches of its own: no other may have what the server sends."""
    home = tmp_path / "maison é"
    home.mkdir()
    lab = Lab(home, variables(home))
    lab.env |= {
        "PATH": "/usr/bin:/bin",
        "UV_CACHE_DIR": str(home / "uv"),
        "POETRY_CACHE_DIR": str(home / "poetry"),
    }
    lab.env |= {
        "RATTLER_CACHE_DIR": str(home / "rattler"),
        "UV_LINK_MODE": "copy",
        "UV_HTTP_RETRIES": "0",
    }
    lab.write("pyproject.toml", PYPROJECT)
    return lab


def _silent(lab: Lab, *answers: Answer, ours: tuple[str, ...] = ()) -> None:
    """Check that the secret is in no answer, and in no file but those that the test wrote."""
    for answer in answers:
        for text in (answer.stdout, answer.stderr):
            assert SECRET not in text, text
            assert _BASIC not in text, text
            assert _TOKEN not in text, text
    found = [
        str(path.relative_to(lab.home))
        for path in lab.home.rglob("*")
        if path.is_file() and not path.is_symlink() and SECRET.encode() in path.read_bytes()
    ]
    assert [name for name in found if not name.endswith(ours or ("\0",))] == []


def _by_variable(name: str) -> Callable[[Lab, str], tuple[str, ...]]:
    def put(lab: Lab, address: str) -> tuple[str, ...]:
        lab.env |= {"MLOPS_LAB_INDEX_URL": "", name: address}
        return ()

    return put


def _by_file(place: str, text: str) -> Callable[[Lab, str], tuple[str, ...]]:
    def put(lab: Lab, address: str) -> tuple[str, ...]:
        lab.env["MLOPS_LAB_INDEX_URL"] = ""
        path = lab.home / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(address))
        return (path.name,)

    return put


def _in_pyproject(lab: Lab, address: str) -> tuple[str, ...]:
    lab.env["MLOPS_LAB_INDEX_URL"] = ""
    lab.write(
        "pyproject.toml", f'{PYPROJECT}\n[[tool.uv.index]]\nurl = "{address}"\ndefault = true\n'
    )
    return ("pyproject.toml",)


#: where a user may put the address of an index
INDEXES: dict[str, Callable[[Lab, str], tuple[str, ...]]] = {
    **{
        name: _by_variable(name)
        for name in ("MLOPS_LAB_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    },
    "pip.conf": _by_file(".config/pip/pip.conf", "[global]\nindex-url = {}\n"),
    "uv.toml": _by_file(".config/uv/uv.toml", '[[index]]\nurl = "{}"\ndefault = true\n'),
    "tool.uv": _in_pyproject,
}
LOGINS = {
    "user and password": f"{USER}:{SECRET}",
    "a token alone": SECRET,
    "coded": f"{USER}:{SECRET}%40",
}


@pytest.mark.parametrize("manager", ["uv", "poetry"])
@pytest.mark.parametrize("where", INDEXES)
def test_an_index_that_refuses(lab: Lab, port: int, where: str, manager: str) -> None:
    ours = INDEXES[where](lab, f"http://{USER}:{SECRET}@127.0.0.1:{port}/closed/simple")
    combo = ("--combo", f"pip_{manager}")
    answers = [
        lab("setup", *combo),
        lab("setup", *combo, json=False),
        lab("setup", "--dry-run", *combo),
    ]
    answers.append(lab("deps.lock", "--dry-run", *combo, json=False))
    assert answers[0].code in {2, 4}, answers[0]
    _silent(lab, *answers, ours=ours)


@pytest.mark.parametrize("form", report.FORMATS)
def test_every_format(lab: Lab, port: int, form: str) -> None:
    lab.env["MLOPS_LAB_INDEX_URL"] = f"http://{USER}:{SECRET}@127.0.0.1:{port}/closed/simple"
    output = lab.home / f"answer.{form}"
    answer = lab(
        "deps.lock", "--combo", "pip_uv", "--format", form, "--output", str(output), json=False
    )
    assert answer.code in {2, 4}
    assert output.is_file()
    _silent(lab, answer, lab("deps.lock", "--combo", "pip_uv", "--format", form, json=False))


@cases("login", LOGINS)
def test_a_login_of_any_kind(lab: Lab, port: int, login: str) -> None:
    lab.env["MLOPS_LAB_INDEX_URL"] = f"http://{login}@127.0.0.1:{port}/closed/simple"
    _silent(lab, *(lab("deps.lock", "--combo", f"pip_{manager}") for manager in ("uv", "poetry")))


@cases("login", {"password": f"{USER}:{SECRET}", "token": SECRET})
@pytest.mark.parametrize("manager", ["uv", "poetry"])
def test_an_index_that_wants_a_login_and_gets_it(
    lab: Lab, port: int, manager: str, login: str
) -> None:
    lab.env["MLOPS_LAB_INDEX_URL"] = f"http://{login}@127.0.0.1:{port}/simple"
    text = PYPROJECT.replace('"click-default-group>=1.2"', '"tiny-dep"').replace(
        '"iniconfig>=2"', ""
    )
    lab.write("pyproject.toml", text)
    combo = ("--combo", f"pip_{manager}")
    made = lab("setup", *combo)
    assert made.code == 0, made
    answers = [made, lab("check.all", *combo), lab("env.layers", *combo), lab("env.export", *combo)]
    answers += [
        lab("deps.export", "--to", to, *combo, json=False) for to in ("requirements", "pylock")
    ]
    assert [answer.code for answer in answers[3:]] == [0, 0, 0], answers
    _silent(lab, *answers)


@pytest.mark.parametrize(
    "name",
    [
        "POETRY_HTTP_BASIC_LAB_PASSWORD",
        "UV_INDEX_LAB_PASSWORD",
        "POETRY_PYPI_TOKEN_LAB",
        "HF_TOKEN",
        "ANACONDA_API_KEY",
    ],
)
def test_a_variable_that_is_a_secret(lab: Lab, name: str) -> None:
    lab.env |= {name: SECRET, "POETRY_HTTP_BASIC_LAB_USERNAME": USER}
    answers = [
        lab("setup", "--combo", f"pip_{one}", "--dry-run", json=json)
        for one in ("uv", "poetry")
        for json in (True, False)
    ]
    _silent(lab, *answers)


CONDA_PLACES = {
    "channel": (CONDA_YML.replace("conda-forge", "{}"), ""),
    "channel_alias": (CONDA_YML, "channel_alias: {}\n"),
    "channels": (CONDA_YML, "channels: ['{}']\n"),
    "custom_channels": (CONDA_YML, "custom_channels: {{conda-forge: '{}'}}\n"),
    "mirrored_channels": (CONDA_YML, "mirrored_channels: {{conda-forge: ['{}']}}\n"),
}


@cases("path", {"token": f"t/{SECRET}/closed", "login": "closed"})
@pytest.mark.parametrize("place", CONDA_PLACES)
def test_a_channel_that_refuses(lab: Lab, port: int, place: str, path: str) -> None:
    login = "" if SECRET in path else f"{USER}:{SECRET}@"
    address = f"http://{login}127.0.0.1:{port}/{path}"
    for name, text in zip(("conda.yml", ".condarc"), CONDA_PLACES[place], strict=True):
        (lab.project if name == "conda.yml" else lab.home).joinpath(name).write_text(
            text.format(address) if "{}" in text else text
        )
    lab.env["CONDARC"] = str(lab.home / ".condarc")
    options = ("--combo", "conda_uv", "--engine", "rattler")
    failed = lab("env.create", *options)
    assert failed.code == 4, failed
    answers = [failed, lab("env.create", *options, json=False), lab("setup", "--dry-run", *options)]
    answers += [lab("setup", "--dry-run", *options, json=False), lab("check.config", *options)]
    _silent(lab, *answers, ours=("conda.yml", ".condarc"))


def test_two_logins_for_one_host(lab: Lab, port: int) -> None:
    """Refused before anything is made: rattler would store the second in the environment."""
    channels = [f"http://{user}:{SECRET}@127.0.0.1:{port}/ch" for user in (USER, "eve")]
    lab.write("conda.yml", CONDA_YML.replace("conda-forge", "\n  - ".join(channels)))
    options = ("--combo", "conda_uv", "--engine", "rattler")
    answers = [lab("setup", *options), lab("setup", *options, json=False)]
    answers.append(lab("env.create", "--dry-run", *options))
    assert [answer.code for answer in answers] == [2, 2, 2], answers
    assert answers[0].error()["code"] == "contains_login"
    assert not (lab.project / "uv.lock").exists()
    file = CondaFile.read(lab.project / "conda.yml")
    asked = process.run(Rattler(sys.executable).search(file, ["python"]))  # whichever the engine
    assert asked.stderr == "rattler: two logins: 127.0.0.1\n"
    _silent(lab, *answers, ours=("conda.yml",))


@cases("address", {"login": "{user}:{secret}@{host}/ch", "token": "{host}/t/{secret}/ch"})
def test_a_channel_with_a_login_leaves_none_in_the_environment(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """The second installation solves for what the first one recorded, and links it from scratch."""
    for name, needs in (("tiny-a", ()), ("tiny-b", ("tiny-a",))):
        tiny_channel.add(tmp_path / "ch", name, "1.0", depends=needs)
    monkeypatch.setattr(_Handler, "channel", tmp_path / "ch", raising=False)
    url = "http://" + address.format(user=USER, secret=SECRET, host=f"127.0.0.1:{port}")
    path = tmp_path / "conda.yml"
    path.write_text(f"name: demo\nchannels: ['{url}', nodefaults]\ndependencies: [tiny-b]\n")
    engine, file, prefix = Rattler(sys.executable), CondaFile.read(path), tmp_path / "env"
    listed = tmp_path / "packages.json"

    def run(command: Command, cache: str) -> str:
        folders = {"HOME": str(tmp_path), "RATTLER_CACHE_DIR": str(tmp_path / cache)}
        outcome = process.run(replace(command, env={**command.env, **folders}))
        assert outcome.ok, outcome
        return outcome.stderr

    run(engine.create(prefix, file), "cache")
    assert "linking" not in run(engine.install(prefix, file, ("tiny-b",)), "cache")
    records = [json.loads(one.read_text()) for one in (prefix / "conda-meta").glob("*.json")]
    assert {record["url"] for record in records} == {
        f"http://127.0.0.1:{port}/ch/noarch/tiny-{name}-1.0-0.tar.bz2" for name in "ab"
    }
    listed.write_text(json.dumps({"conda": [conda_health.public(one) for one in records]}))
    assert "downloading" in run(engine.explicit(prefix, file, listed), "another cache")
    kept = [one for one in tmp_path.rglob("*") if one.is_file() and one != path]
    assert [one for one in kept if SECRET.encode() in one.read_bytes()] == []


def test_a_variable_of_the_conda_file(lab: Lab) -> None:
    lab.write("conda.yml", f"{CONDA_YML}variables:\n  PLAIN: {SECRET}\n")
    options = ("--combo", "conda_uv", "--engine", "rattler")
    answers = [
        lab(task, "--dry-run", *options, json=json)
        for task in ("setup", "env.create")
        for json in (True, False)
    ]
    _silent(lab, *answers, ours=("conda.yml",))
    lab.write("conda.yml", f'{CONDA_YML}variables:\n  PLAIN: "{SECRET}\\0"\n')
    _silent(lab, lab("setup", *options), ours=("conda.yml",))


def test_the_tool_environment_itself(lab: Lab, port: int) -> None:
    """Pip makes it, before there is a report."""
    lab.env |= {
        "MLOPS_LAB_CACHE_DIR": str(lab.home / "cache"),
        "MLOPS_LAB_INDEX_URL": f"http://{USER}:{SECRET}@127.0.0.1:{port}/closed/simple",
    }
    answer = lab("setup", "--combo", "pip_uv")
    assert answer.code == 4, answer
    assert json.loads(answer.stdout)["results"][0]["id"] == "error.tool_environment"
    _silent(lab, answer)


def test_a_requirement_that_is_wrong(lab: Lab) -> None:
    address = f"https://{USER}:{SECRET}@index.example/x.whl"
    lab.write("pyproject.toml", PYPROJECT.replace("click-default-group>=1.2", f"a b @ {address}"))
    answers = [
        lab("check.config", "--combo", f"pip_{one}", json=json)
        for one in ("uv", "poetry")
        for json in (True, False)
    ]
    _silent(lab, *answers, ours=("pyproject.toml",))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("channels:\n  - https://{}@channel.example/x\n", "login"),
        ("variables:\n  HF_TOKEN: {}\n", "HF_TOKEN"),
    ],
)
def test_what_is_for_others_is_refused(lab: Lab, more: str, why: str) -> None:
    """An export holds the manifests as they are."""
    lab.write(
        "conda.yml", CONDA_YML.replace("channels:\n  - conda-forge\n", "") + more.format(SECRET)
    )
    lab.write("uv.lock", "version = 1\n")
    prefix = lab.home / ".conda/envs/tiny_env"
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to("/bin/sh")
    answer = lab("env.export", "--combo", "conda_uv", "--engine", "rattler")
    assert why in answer.error()["detail"], answer
    assert answer.code == 2
    _silent(lab, answer, ours=("conda.yml",))
