"""A class is checked by workers of Dask, which may die."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import sysconfig
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tasks_lib import bootstrap
from tests.lab import ROOT
from tests.unit.cohort.test_examining import POETRY, SOUND

if TYPE_CHECKING:
    from tests.lab import Lab

pytestmark = pytest.mark.processes

DASK = ROOT / "tasks_lib" / "cohort" / "dask.txt"

#: the process that runs it is a child of a server of such, and that one of the worker
OWN = """\
import os, subprocess
from pathlib import Path
from tasks_lib.cohort.own_checks import check

@check("own.deadly", title="it kills no worker", remedy="Remove it")
def deadly(repository):
    killed = Path({killed!r})
    if repository.exists("deadly") and not killed.exists():
        killed.touch()
        said = subprocess.check_output(["ps", "-o", "ppid=", "-p", str(os.getppid())])
        os.kill(int(said), 9)
    return ()
"""


def test_two_workers_of_which_one_is_killed_lose_nothing(lab: Lab) -> None:
    for number in range(20):
        folder = lab.project / "hand ins" / f"s{number:02}"
        folder.mkdir(parents=True)
        for file, text in SOUND.items():
            (folder / file).write_text(text)
    (lab.project / "hand ins" / "s03" / "deadly").touch()
    (lab.project / "hand ins" / "s04" / "pyproject.toml").write_text(POETRY + 'idna = "*"\n')
    killed = lab.project / "killed"
    lab.write("own.py", OWN.format(killed=str(killed)))
    lab.write("cohort.toml", 'folder = "hand ins"\nchecks = "own.py"\n')
    answer = lab("cohort.check", "cohort.toml", "--dask", "2", cwd=lab.project)
    assert killed.exists()
    counts = {"repositories": 20, "checked": 20, "waiting": 0, "pass": 19, "fail": 1, "error": 0}
    assert answer.data["cohort"] == {**counts, "store": "cohort.db"}
    assert [one["title"] for one in answer.results if one["status"] == "fail"] == ["s04"]
    with contextlib.closing(sqlite3.connect(lab.project / "cohort.db")) as store:
        rows = store.execute("SELECT repository FROM examined ORDER BY repository").fetchall()
    assert [name for (name,) in rows] == [f"s{number:02}" for number in range(20)]
    # the same was found as by the pool: a run with it finds nothing that it would check again
    again = lab("cohort.check", "cohort.toml", cwd=lab.project)
    assert again.data["cohort"] == {**counts, "checked": 0, "store": "cohort.db"}


def test_what_was_typed_wrongly_and_a_scheduler_of_another_kind(lab: Lab) -> None:
    (lab.project / "hand ins" / "s1").mkdir(parents=True)
    for words, code in (
        (("--dask", "0"), "invalid_option"),
        (("--dask", "2", "--workers", "2"), "invalid_option"),
        (("--scheduler", "tcp://127.0.0.1:9", "--dask", "2"), "invalid_option"),
        (("--scheduler", "gopher://127.0.0.1:9"), "no_answer"),
    ):
        answer = lab("cohort.check", "hand ins", *words, cwd=lab.project)
        assert answer.error()["code"] == code, words
        assert answer.error()["remedy"]
    shown = lab(*answer.error()["remedy_argv"][-2:], json=False)
    assert "What a worker needs" in shown.stdout


#: as the page cohort-many-machines says it; a certificate that signs itself is its own authority
TLS = """\
distributed:
  comm:
    require-encryption: true
    tls:
      ca-file: {cert}
      scheduler: {{cert: {cert}, key: {key}}}
      worker: {{cert: {cert}, key: {key}}}
      client: {{cert: {cert}, key: {key}}}
"""


def test_a_scheduler_is_reached_over_tls_as_dask_is_configured(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mine, others = (_configured(tmp_path_factory.mktemp(name)) for name in ("tls", "others"))
    for number in range(3):
        for file, text in SOUND.items():
            lab.write(f"hand ins/s{number}/{file}", text)
    home = Path(bootstrap.ensure(DASK)).parents[1]
    sites = sysconfig.get_path("purelib", "venv", {"base": str(home), "platbase": str(home)})
    env = {**lab.env, "DASK_CONFIG": str(mine), "PYTHONPATH": f"{ROOT}{os.pathsep}{sites}"}
    env["DASK_DISTRIBUTED__WORKER__DAEMON"] = "False"
    log = mine / "log.txt"
    words = ["--no-dashboard", "--protocol", "tls", "--host", "127.0.0.1"]

    def start(name: str, *options: str) -> None:
        argv = [sys.executable, "-m", f"distributed.cli.{name}", *words, *options]
        with log.open("ab") as out:
            child = subprocess.Popen(argv, env=env, cwd=mine, stdout=out, stderr=out)
        stack.callback(child.wait)
        stack.callback(child.terminate)

    with contextlib.ExitStack() as stack:
        start("dask_scheduler", "--port", "0")
        deadline = time.monotonic() + 60
        found = None
        while found is None and time.monotonic() < deadline:
            time.sleep(0.1)
            found = re.search(r"Scheduler at: +(tls://\S+)", log.read_text())
        assert found, log.read_text()
        start("dask_worker", found[1], "--nworkers", "1")
        act = ("cohort.check", "hand ins", "--scheduler", found[1])
        for config in ("", str(others)):  # without a certificate, and with a strange one
            refused = lab(*act, cwd=lab.project, env={"DASK_CONFIG": config})
            assert refused.error()["code"] == "no_answer", refused
        answer = lab(*act, cwd=lab.project, env={"DASK_CONFIG": str(mine)})
        assert answer.data["cohort"]["pass"] == 3, (answer, log.read_text())


def _configured(folder: Path) -> Path:
    """Write a certificate that signs itself, and the configuration of Dask that names it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lab")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    text = TLS.format(cert=folder / "cert.pem", key=folder / "key.pem")
    (folder / "tls.yaml").write_text(text)
    return folder
