"""What the words of `conda doctor` mean, as three versions of conda print them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks_lib.environments import conda_doctor
from tasks_lib.execution.plan import look
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.results import Result, Status

COMMAND = Command(("conda", "doctor"))
TOP = "Environment Health Report for: /envs/demo\n\n"
#: what conda 24.7.1 printed, with exit code 0 each time
SOUND = (
    f"{TOP}Altered Files:\n\n✅ There are no packages with altered files.\n\n"
    "Environment listed in environments.txt file: ✅\n\nMissing Files:\n\n"
    "✅ There are no packages with missing files.\n\n"
)
DAMAGED = (
    f"{TOP}Altered Files:\n\npython-3.11.7-0_cpython: 1\n\n"
    "Environment listed in environments.txt file: ✅\n\nMissing Files:\n\nsix-1.17.0-py_0: 1\n\n"
)
UNLISTED = SOUND.replace("file: ✅", "file: ❌")
#: what conda 26.7.1 prints; in main at 0f64223 the words are the same
SOUND_26 = (
    f"{TOP}✅ There are no packages with altered files.\n\n✅ The environment is consistent.\n\n"
    "✅ The environment is listed in the environments.txt file.\n\n"
    "✅ File locking is supported.\n\n✅ There are no packages with missing files.\n\n"
    "✅ No pinned specs found in /envs/demo/conda-meta/pinned.\n"
)
DAMAGED_26 = (
    f"{TOP}❌ Altered Files:\n\npython-3.11.7-0_cpython: 1\n\n"
    "❌ The environment is not consistent.\n\n❌ Missing Files:\n\nsix-1.17.0-py_0: 1\n\n"
)
#: what 26.7.1 printed of a channel in a folder, with that variable set
FOLDER = (
    f"{SOUND_26}❌ The following error occured while verifying `REQUESTS_CA_BUNDLE`: "
    "404 Client Error: None for url: file:///srv/channel/linux-64\n\n"
)
PINS = "The following specs in /envs/demo/conda-meta/pinned are maybe malformed"
CERTIFICATE = "Env var `REQUESTS_CA_BUNDLE` is pointing to a non existent file"
CHANNEL = "The following error occured while verifying `REQUESTS_CA_BUNDLE`: Max retries exceeded"
UNLOCKED = "File locking is supported but currently disabled using the CONDA_NO_LOCK=1 setting"
UNLISTED_26 = "The environment is not listed in the environments.txt file"
#: conda-pypi, `conda_pypi/health_checks/external_packages.py` at 3f75dd8
HYBRID = "❌ These packages are not installed by conda:\n\nclick\niniconfig\n"
#: what checks print that say nothing of what is installed, and the words of the warning
OTHERS = {
    "unlisted in 24.7.1": (UNLISTED, "Environment listed in environments.txt file"),
    "unlisted": (f"{SOUND_26}❌ {UNLISTED_26}.\n\n", UNLISTED_26),
    "hybrid": (
        f"{SOUND_26}{HYBRID}",
        "These packages are not installed by conda: click, iniconfig",
    ),
    "pin": (f"{SOUND_26}❌ {PINS}:\n\n    - absent\n", f"{PINS}: - absent"),
    "locks": (f"{SOUND_26}❌ {UNLOCKED}.\n\n", UNLOCKED),
    "certificate": (f"{SOUND_26}❌ {CERTIFICATE}.\n\n", CERTIFICATE),
    "channel": (f"{SOUND_26}❌ {CHANNEL}\n\n", CHANNEL),
}


def _read(stdout: str, stderr: str = "", code: int = 0) -> list[Result]:
    return list(conda_doctor.read(Path("nowhere"), Outcome(COMMAND, code, stdout, stderr, 1.0)))


@pytest.mark.parametrize(
    ("text", "checks"), [(SOUND, "3 checks"), (SOUND_26, "6 checks"), (FOLDER, "6 checks")]
)
def test_sound_report_passes(text: str, checks: str) -> None:
    (result,) = _read(text)
    assert (result.id, result.status, result.detail) == ("doctor.conda", Status.PASS, checks)


@pytest.mark.parametrize("text", [DAMAGED, DAMAGED_26], ids=["24.7.1", "26.7.1"])
def test_damage_fails_though_the_exit_code_is_0(text: str) -> None:
    (result,) = _read(text)
    assert result.status is Status.FAIL
    assert "Altered Files: python-3.11.7-0_cpython: 1" in result.detail
    assert "Missing Files: six-1.17.0-py_0: 1" in result.detail
    assert ("not consistent" in result.detail) is (text is DAMAGED_26)


@pytest.mark.parametrize(("text", "words"), OTHERS.values(), ids=OTHERS)
def test_any_other_cross_is_a_warning_in_condas_words(text: str, words: str) -> None:
    (result,) = _read(text)
    assert result.status is Status.WARN
    assert words in result.detail
    assert str(result.remedy).endswith("what it says: conda doctor")


def test_damage_and_a_warning_are_told_apart() -> None:
    text = DAMAGED_26 + HYBRID
    failed, warned = _read(text)
    assert (failed.status, warned.status) == (Status.FAIL, Status.WARN)
    assert "iniconfig" not in failed.detail


def test_check_that_crashed_is_an_error_beside_the_others() -> None:
    said = "Error running health check: missing-files (Expecting value: line 1 column 1 (char 0))"
    (result,) = _read(SOUND_26, f"\n{said}\n")
    assert result.status is Status.ERROR
    assert "missing-files (Expecting value" in result.detail


@pytest.mark.parametrize(
    ("stdout", "stderr", "code"),
    [
        pytest.param("", "", 0, id="nothing printed"),
        pytest.param(TOP, "", 0, id="no check made"),
        pytest.param(
            "", "CommandNotFoundError: No command 'conda doctor'.\n", 1, id="no such command"
        ),
        pytest.param(SOUND, "boom\n", 1, id="ended badly"),
    ],
)
def test_report_that_answers_nothing_is_an_error_and_never_a_pass(
    stdout: str, stderr: str, code: int
) -> None:
    (result,) = _read(stdout, stderr, code)
    assert result.status is Status.ERROR
    assert "conda doctor could not answer" in result.detail


def test_doctor_is_not_asked_where_nothing_is_installed(root: Path) -> None:
    command = Command(("/nowhere/conda", "doctor"))
    assert look(conda_doctor.step(root, command)) == []
