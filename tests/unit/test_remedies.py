"""Every remedy names tasks and options that exist, and every error is documented."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.checks.registry import KNOWN
from tasks_lib.errors import ErrorCode, ExitCode, Remedy
from tasks_lib.report import remedies
from tasks_lib.tasks import namespace

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
TASKS = namespace()
#: what replaces a word that is computed as the program runs
COMPUTED = "…"


def _words(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield the command of each remedy that a module writes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Remedy"):
            for argument in node.args[1:]:
                if isinstance(argument, ast.Tuple):
                    yield tuple(_word(element) for element in argument.elts)


def _word(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else COMPUTED


def _faults(words: tuple[str, ...]) -> Iterator[str]:
    """Yield the words that are not a task, an option of the task before or an argument."""
    options: set[str] = set()
    for word in words[1:]:
        if word == "--":
            return
        if word in TASKS.task_names or word in _aliases():
            options = {f"--{name}" for name in _options(word)}
        elif word.startswith("--") and not options:
            options = set()  # an option of Invoke itself: `invoke --list`
        elif word.startswith("--"):
            yield from () if word in options else (word,)
        elif not (options and re.fullmatch(rf"{COMPUTED}|[A-Z_]+|\./.*|[a-z][\w.-]*", word)):
            yield word


def _aliases() -> set[str]:
    return {alias for aliases in TASKS.task_names.values() for alias in aliases}


def _options(task: str) -> Iterator[str]:
    for argument in TASKS[task].get_arguments():
        for name in argument.names:
            yield name.replace("_", "-")


CLASS = "cli/test_cohort.py::test_a_class"
TYPED = "integration/test_remedies.py::"
WRONG_WORD = f"{TYPED}test_what_was_typed_wrongly_has_a_command_that_works"
BROKEN_VENV = f"{TYPED}test_damage_that_a_user_did_to_a_virtual_environment"
REPLACED = f"{TYPED}test_all_that_is_wrong_where_a_manager_replaced_condas_package_has_one_remedy"
ALIGNED = f"{TYPED}test_a_lock_that_disagrees_with_conda_is_aligned"
NOTHING_READ = f"{TYPED}test_a_folder_in_which_nothing_is_read"
IN_THE_WAY = f"{TYPED}test_what_is_in_the_way_of_a_run"
UNSET = f"{TYPED}test_a_variable_is_unset_in_the_shell_that_has_it"
DIFFERS = f"{TYPED}test_an_environment_that_differs_from_its_description"
HYBRID = (
    "integration/test_hybrid_remedies.py::test_each_command_of_a_check_leaves_what_the_check_found"
)
MOVED = "integration/test_adopt.py::test_what_cannot_be_moved_changes_nothing"
OTHER_MANAGER = f"{TYPED}test_a_manifest_that_only_the_other_manager_reads"
LOCK = f"{TYPED}test_a_damaged_lock_is_locked_again"
CONDA_LOCK = (
    "integration/test_conda_lock.py::test_lock_follows_an_edit_of_the_conda_file_or_stays_with_it"
)
NOTEBOOK = "integration/test_notebooks.py::test_a_notebook_runs_in_the_environment"
IMPORTS = "integration/test_repair.py::test_an_import_that_fails"
#: each command of a remedy, by its module: the test that types it in the state that prints it
TESTED = {
    ("checks/drift.py", "('invoke', 'deps.align', 'deps.sync')"): ALIGNED,
    ("errors.py", "(*command, near[0])"): WRONG_WORD,
    ("checks/registry.py", "(*command, next(iter(FACT_CHECKS)))"): WRONG_WORD,
    ("checks/tools.py", "('invoke', 'deps.lock', 'deps.sync')"): BROKEN_VENV,
    ("environments/base.py", "('invoke', 'setup')"): WRONG_WORD,
    ("environments/health_checks.py", "('invoke', 'setup', '--recreate')"): BROKEN_VENV,
    (
        "environments/health_checks.py",
        "('invoke', 'deps.align', 'setup', '--recreate')",
    ): REPLACED,
    ("managers/locks.py", "('invoke', 'deps.lock')"): LOCK,
    ("project/conda_lock.py", "('invoke', 'deps.lock', '--layer', 'conda')"): CONDA_LOCK,
    ("checks/imports.py", "words"): IMPORTS,
    ("checks/kernels.py", "('rm', '-r', str(one.file.parent))"): NOTEBOOK,
    ("checks/kernels.py", "('invoke', 'setup', *again[1:])"): NOTEBOOK,
    ("checks/kernels.py", "again"): NOTEBOOK,
    ("checks/kernels.py", "(*again, '--remove')"): NOTEBOOK,
    ("checks/kernels.py", "('invoke', 'env.kernel')"): NOTEBOOK,
    (
        "workflows/kernel.py",
        "('invoke', 'deps.add', jupyter.PACKAGE, '--group', 'dev')",
    ): NOTEBOOK,
    ("workflows/kernel.py", "('invoke', 'env.kernel', '--name', f'{name}-2')"): NOTEBOOK,
    ("session/combos.py", "('invoke', 'setup', '--combo', other)"): OTHER_MANAGER,
    (
        "ownership/guard.py",
        "('invoke', 'deps.align')",
    ): "integration/test_guard.py::test_refuses_then_align_solves_it",
    ("workflows/auditing.py", "argv"): (
        "integration/test_audit.py::test_a_vulnerable_release_is_found_and_renewed"
    ),
    ("workflows/dependency_info.py", "('invoke', 'deps.list')"): WRONG_WORD,
    ("workflows/documentation.py", "('invoke', 'docs')"): WRONG_WORD,
    ("workflows/environment_info.py", "('invoke', 'env.list')"): WRONG_WORD,
    ("workflows/environment_info.py", "('invoke', 'env.run', '--', 'python', '-V')"): WRONG_WORD,
    ("workflows/explanation.py", "('invoke', 'explain', 'setup')"): WRONG_WORD,
    ("workflows/explanation.py", "ALONE[task]"): WRONG_WORD,
    ("workflows/exports.py", "(*command, 'requirements')"): WRONG_WORD,
    ("checks/leaks.py", "_UNSET"): UNSET,
    ("execution/time_limit.py", "('unset', VARIABLE)"): UNSET,
    (
        "workflows/publishing.py",
        "tuple(build)",
    ): "integration/test_pkg.py::test_build_publish_install",
    (
        "environments/claims.py",
        "('rm', str(mark))",
    ): "integration/test_guard.py::test_marks_against_changes",
    ("workflows/snapshot.py", "('invoke', 'env.remove')"): DIFFERS,
    ("cli/command_line.py", "('invoke', '--list')"): WRONG_WORD,
    ("cli/command_line.py", "command"): WRONG_WORD,
    ("report/remedies.py", "argv"): WRONG_WORD,
    ("report/remedies.py", "tuple(words)"): ALIGNED,
    ("workflows/adoption.py", "argv"): NOTHING_READ,
    (
        "importers/conda_files.py",
        "('mv', '--', files.typed(root / names[0]), files.typed(root / _USUAL))",
    ): NOTHING_READ,
    ("checks/tools.py", "('invoke', 'setup')"): IN_THE_WAY,
    ("session/transaction.py", "('rm', '-r', str(old))"): IN_THE_WAY,
    (
        "environments/conda_messages.py",
        "('rm', '-rf', '--', '{what}', '{what}.conda', '{what}.tar.bz2')",
    ): f"{TYPED}test_a_damaged_package_cache",
    ("environments/setting_aside.py", "('mv', str(place), f'{place}.old')"): IN_THE_WAY,
    ("checks/drift.py", "('invoke', 'deps.sync')"): IN_THE_WAY,
    ("tools/uv.py", "('invoke', 'deps.lock')"): IN_THE_WAY,
    ("session/journal.py", "('rm', '-r', str(path.parent))"): IN_THE_WAY,
    ("session/transaction.py", "('invoke', 'setup', '--recreate')"): IN_THE_WAY,
    ("workflows/migration.py", "('invoke', 'init')"): IN_THE_WAY,
    ("checks/agreement.py", "argv"): HYBRID,
    (
        "checks/agreement.py",
        "('invoke', 'check.fix')",
    ): "integration/test_settings.py::test_torch_comes_from_its_own_index_and_nothing_else_does",
    ("environments/conda_messages.py", "('invoke', 'deps.lock', '--layer', 'conda')"): (
        "integration/test_settings.py::"
        "test_conda_that_would_ignore_it_is_refused_until_its_packages_are_locked"
    ),
    ("checks/conda_rules.py", "('invoke', 'init')"): HYBRID,
    ("checks/drift.py", "('invoke', 'env.create')"): HYBRID,
    ("checks/drift.py", "('invoke', 'setup')"): HYBRID,
    ("checks/ownership.py", "('invoke', 'env.create', '--share')"): HYBRID,
    ("environments/claims.py", "('invoke', 'env.create', '--share')"): HYBRID,
    ("environments/claims.py", "('invoke', 'env.remove', '--shared')"): HYBRID,
    ("managers/poetry_settings.py", "argv"): HYBRID,
    ("workflows/updating.py", "('invoke', 'setup', '--recreate')"): HYBRID,
    (
        "managers/poetry_settings.py",
        "('unset', _VARIABLE)",
    ): UNSET,
    (
        "managers/poetry_settings.py",
        "(executables.typed('poetry'), *words, *of_project)",
    ): "integration/test_hybrid_remedies.py::test_poetry_finds_the_environment_again",
    (
        "execution/failure_rules.py",
        "('invoke', 'setup')",
    ): "integration/test_setup.py::test_a_lock_is_for_the_python_that_the_environment_has",
    (
        "ownership/guard.py",
        "('invoke', 'deps.remove', package, '--layer', 'conda')",
    ): "integration/test_guard.py::test_a_package_of_condas_that_names_its_source_is_left_alone",
    (
        "ownership/guard.py",
        "argv",
    ): "integration/test_guard.py::test_conda_takes_over_nothing_that_the_lock_owns",
    (
        "project/manifests.py",
        "('chmod', 'u+r', files.typed(path))",
    ): "unit/project/test_manifests.py::test_a_file_that_its_owner_may_not_read_is_made_readable",
    (
        "project/trust.py",
        "('invoke', 'setup')",
    ): "integration/test_trust.py::test_dynamic_dependencies_are_told_by_code_alone",
    (
        "proof/matrix.py",
        "('invoke', 'proof.run', '--proof', file)",
    ): "integration/test_proof.py::"
    "test_a_project_that_only_poetrys_own_table_names_is_proven_and_is_no_stray",
    (
        "workflows/publishing.py",
        "('invoke', 'setup')",
    ): "integration/test_pkg.py::test_a_build_after_a_run_that_was_cut_short",
    (
        "cohort/settings.py",
        "('invoke', 'docs', 'cohort-toml')",
    ): "unit/cohort/test_settings.py::test_the_remedy_shows_the_keys",
    (
        "cohort/cluster.py",
        "('invoke', 'docs', 'cohort-many-machines')",
    ): "cli/test_cohort_cluster.py::test_what_was_typed_wrongly_and_a_scheduler_of_another_kind",
    ("cohort/run.py", "('invoke', 'cohort.show', found.id, *named)"): CLASS,
    ("cohort/looking.py", "('invoke', 'cohort.status')"): CLASS,
    ("managers/uv_by_hand.py", "('unset', name)"): UNSET,
    ("managers/uv_by_hand.py", "('rm', place.name)"): HYBRID,
    ("managers/uv_by_hand.py", "pin"): IN_THE_WAY,
    ("checks/conda_rules.py", "('invoke', 'deps.add', 'pip', '--layer', 'conda')"): HYBRID,
    (
        "workflows/container.py",
        "('mv', shown, f'{shown}.old')",
    ): "integration/test_environment_tasks.py::test_the_steps_of_the_dockerfile",
    ("workflows/migration.py", "argv"): MOVED,
    ("workflows/migration_comparison.py", "argv"): MOVED,
}
#: what downloads a Python is not typed
UNTESTED = {
    ("proof/build_channel.py", "('uv', 'python', 'install', '3.11')"),
    ("tools/executables.py", "(typed('uv'), 'python', 'install', python)"),
}


def _commands() -> Iterator[tuple[str, str]]:
    """Yield the module and the command of each remedy that has one, as they are written."""
    for path in sorted(ROOT.glob("tasks_lib/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Remedy" and node.args[1:]:
                module = path.relative_to(ROOT / "tasks_lib").as_posix()
                yield module, ast.unparse(node.args[1])


def test_each_command_of_a_remedy_has_a_test_that_types_it() -> None:
    found = set(_commands())
    assert found - TESTED.keys() - UNTESTED == set(), "write a test of it, and name that in TESTED"
    assert (TESTED.keys() | UNTESTED) - found == set()
    assert TESTED.keys() & UNTESTED == set()


@pytest.mark.parametrize("place", sorted(set(TESTED.values())))
def test_the_test_that_types_a_remedy_exists(place: str) -> None:
    file, _, name = place.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("command", sorted(set(_commands())), ids="-".join)
def test_no_command_of_a_remedy_has_a_word_to_fill_in(command: tuple[str, str]) -> None:
    words = [
        node.value for node in ast.walk(ast.parse(command[1])) if isinstance(node, ast.Constant)
    ]
    assert [word for word in words if re.search(r"\b[A-Z]{2,}\b", str(word))] == []


def test_commands_of_remedies_exist() -> None:
    found = []
    for path in sorted(ROOT.glob("tasks_lib/**/*.py")):
        found += [(path.name, words) for words in _words(path) if words[:1] == ("invoke",)]
    assert len(found) > 20
    assert [(name, words) for name, words in found if list(_faults(words))] == []


@pytest.mark.parametrize(
    "words",
    [
        ("invoke", "env.make"),
        ("invoke", "setup", "--nothing"),
        ("invoke", "deps.lock", "--combo", "x", "--group", "dev"),
    ],
)
def test_a_command_that_does_not_exist_is_found(words: tuple[str, ...]) -> None:
    assert list(_faults(words))


@pytest.mark.parametrize("check", KNOWN.values(), ids=lambda check: check.id)
def test_every_check_has_a_remedy(check: object) -> None:
    row = KNOWN[getattr(check, "id", "")]
    assert row.title
    assert row.why.endswith(".")
    assert row.remedy.text[:1].isupper()
    assert not row.remedy.text.endswith(".")


@pytest.mark.parametrize("code", ErrorCode, ids=str)
def test_every_error_code_is_documented(code: ErrorCode) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", code.value)
    assert code.name == code.value.upper()
    assert code.meaning[0].isupper() or code.meaning.startswith("pyproject.toml ")
    assert code.meaning.endswith(".")
    assert code.exit_code in set(ExitCode) - {ExitCode.DONE}


def test_error_codes_are_unique_and_in_order() -> None:
    names = [code.name for code in ErrorCode]
    assert len(names) == len(ErrorCode.__members__)
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/usr/bin/invoke", ("invoke", "setup")),
        ("python3 -m tasks_lib", ("python3", "-m", "tasks_lib", "setup")),
        ("mlops-lab", ("mlops-lab", "setup")),
        ("inv", ("inv", "setup")),
        ("python3.12 -m invoke", ("python3.12", "-m", "invoke", "setup")),
        ("'/my py/python' -m tasks_lib", ("/my py/python", "-m", "tasks_lib", "setup")),
    ],
)
def test_a_remedy_is_what_this_user_types(
    monkeypatch: pytest.MonkeyPatch, typed: str, expected: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.argv", [typed])
    typable = remedies.typable(Remedy("Do it", ("invoke", "setup")))
    assert typable == Remedy("Do it", expected, shlex.join(expected))
    other = Remedy("Do it", ("conda", "doctor"))
    assert remedies.typable(other) == Remedy("Do it", ("conda", "doctor"), "conda doctor")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("invoke", "setup"), "invoke setup --combo pip_uv"),
        (
            ("invoke", "deps.align", "setup", "--recreate"),
            "invoke deps.align --combo pip_uv setup --combo pip_uv --recreate",
        ),
        (("invoke", "deps.remove", "six"), "invoke deps.remove --combo pip_uv six"),
        (("invoke", "docs"), "invoke docs"),
        (("invoke", "--list"), "invoke --list"),
        (("uv", "init", "--bare"), "uv init --bare"),
        (("invoke", "env.remove", "--combo", "conda_uv"), "invoke env.remove --combo conda_uv"),
        ((), ""),
    ],
)
def test_each_task_of_a_remedy_works_on_the_same_combo(
    argv: tuple[str, ...], expected: str
) -> None:
    found = remedies.with_options(Remedy("", argv), ("--combo", "pip_uv"))
    assert " ".join(found.argv) == expected
    assert list(_faults(found.argv)) == [] or argv[:1] != ("invoke",)
