"""The shape that the code keeps, read from the code itself."""

from __future__ import annotations

import ast
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.execution.process import Command, run
from tasks_lib.managers import MANAGERS
from tasks_lib.session import combos

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tasks_lib"
ENTRIES = (ROOT / "tasks.py", ROOT / "noxfile.py")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
FILES = [*MODULES.values(), *ENTRIES]
STARTERS = re.compile(
    r"os\.(exec\w+|spawn\w+|posix_spawnp?|system|popen|fork\w*|startfile)|pty\.\w+"
)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _imports(tree: ast.AST, *, at_run_time: bool = False) -> Iterator[str]:
    """Return the dotted names that a tree imports, `at_run_time` or for the type checker too."""
    for node in ast.iter_child_nodes(tree):
        if at_run_time and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        yield from _imports(node, at_run_time=at_run_time)


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_one_module_starts_processes(path: Path) -> None:
    modules = {
        "subprocess",
        "pty",
        "multiprocessing",
        "asyncio.subprocess",
        "pexpect",
        "plumbum",
        "sh",
    }
    imported = {name for name in _imports(_tree(path)) if name in modules}
    attributes = {
        ast.unparse(node) for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute)
    }
    started = {name for name in attributes if STARTERS.fullmatch(name)}
    allowed = {
        "tasks_lib/execution/process.py": ({"subprocess"}, set()),
        # the one that ends the tools when the run dies
        "tasks_lib/execution/keeping.py": ({"subprocess"}, set()),
        # the one that the forks of an imported program come from
        "tasks_lib/execution/forking.py": ({"subprocess"}, set()),
        "tasks_lib/execution/fork_server.py": (set(), {"os.fork"}),
        # the first start goes on in the tool environment before anything else is loaded
        "tasks_lib/bootstrap.py": (set(), {"os.execve"}),
        # the workers run a function of this program, and pebble starts and ends them
        "tasks_lib/cohort/pool.py": ({"multiprocessing"}, set()),
    }.get(_name(path), (set(), set()))
    assert imported <= allowed[0]
    assert started <= allowed[1]


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_nothing_is_handed_to_a_shell(path: Path) -> None:
    for call in _calls(path):
        assert not [
            keyword
            for keyword in call.keywords
            if keyword.arg == "shell" and "True" in ast.unparse(keyword.value)
        ]
    commands = [
        call for call in _calls(path) if ast.unparse(call.func).endswith("Command") and call.args
    ]
    assert not [
        call for call in commands if isinstance(call.args[0], (ast.Constant, ast.JoinedStr))
    ]


#: what reads this program's own files, or `/proc`, or writes; all else is read by `files.regular`
READERS = (
    "tasks_lib/__main__.py",
    "tasks_lib/bootstrap.py",
    "tasks_lib/checks/selection.py",
    "tasks_lib/cli/",
    "tasks_lib/cohort/settings.py",
    "tasks_lib/cohort/unpacking.py",
    "tasks_lib/environments/conda_folders.py",
    "tasks_lib/environments/setting_aside.py",
    "tasks_lib/environments/rattler_worker.py",
    "tasks_lib/execution/",
    "tasks_lib/proof/",
    "tasks_lib/report/",
    "tasks_lib/session/",
    "tasks_lib/workflows/documentation.py",
    "tasks_lib/workflows/snapshot_file.py",
)


@pytest.mark.parametrize(
    "path", [path for path in MODULES.values() if not _name(path).startswith(READERS)], ids=_name
)
def test_files_of_others_are_opened_by_one_function(path: Path) -> None:
    opened = {"read_text", "read_bytes", "open"}
    for call in _calls(path):
        if isinstance(call.func, ast.Attribute) and call.func.attr in opened:
            assert ast.unparse(call.func.value) == "Session", ast.unparse(call)
        assert ast.unparse(call.func) != "open"


#: where a user's output and the exit code are made, and the scripts that run as processes of their
#: own
SPEAKERS = (
    "tasks_lib/report/",
    "tasks_lib/__main__.py",
    "tasks_lib/cli/startup_error.py",
    "tasks_lib/execution/fork_server.py",
    "tasks_lib/environments/rattler_worker.py",
    "tasks_lib/proof/build_channel.py",
    "tasks_lib/proof/imports.py",
    "tasks.py",
    "noxfile.py",
)


@pytest.mark.parametrize(
    "path", [path for path in FILES if not _name(path).startswith(SPEAKERS)], ids=_name
)
def test_only_the_report_and_the_entry_points_print_and_exit(path: Path) -> None:
    said = {"print", "sys.exit", "exit", "quit", "os._exit", "sys.stdout.write"}
    assert {ast.unparse(call.func) for call in _calls(path)} & said == set()


def test_imports_go_in_one_direction() -> None:
    graph = {name: _within(name, path) for name, path in MODULES.items()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"a cycle: {' -> '.join([*trail[trail.index(name) :], name])}"
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_what_the_first_start_needs_goes_in_one_direction_however_late_it_is_imported() -> None:
    starting = ("keeping", "fork_server", "forking", "process")
    execution = ("file_lock", "redaction", "time_limit", *starting)
    variables = ("tools.variables", "tools.pip_variables")
    order = (
        "execution.streams",
        "execution.folder_state",
        "errors",
        *(f"execution.{name}" for name in execution),
    )
    order = (*order, *variables, "bootstrap")
    for number, name in enumerate(order):
        used = {
            other
            for other in _imports(_tree(PACKAGE / f"{name.replace('.', '/')}.py"), at_run_time=True)
            if other in MODULES
        }
        assert used - {
            "tasks_lib",
            "tasks_lib.errors",
            "tasks_lib.execution",
            "tasks_lib.tools",
        } <= {f"tasks_lib.{other}" for other in order[:number]}, name


def _within(name: str, path: Path) -> set[str]:
    """Return the modules of the package that one needs as it is imported."""
    top = ast.Module(
        [
            node
            for node in _tree(path).body
            if not isinstance(node, (ast.FunctionDef, ast.ClassDef))
        ],
        type_ignores=[],
    )
    needed = {other for other in _imports(top, at_run_time=True) if other in MODULES}
    # `from package import module` needs the module; what the package itself holds is not needed
    mere = {
        node.module
        for node in ast.walk(top)
        if isinstance(node, ast.ImportFrom) and node.module
        if all(f"{node.module}.{alias.name}" in MODULES for alias in node.names)
    }
    return needed - mere - {name, "tasks_lib"}


#: The packages and top modules, from low to high: none imports a higher one, however late.
ORDER = (
    "errors",
    "results",
    "execution",
    "report",
    "project",
    "tools",
    "environments",
    "managers",
    "session",
    "ownership",
    "checks",
    "importers",
    "workflows",
    "proof",
    "cohort",
    "cli",
    "tasks",
)
#: What is outside the order: the first start, whose constants every package may use.
BESIDE = {"__main__", "bootstrap"}
#: Imports against the order, each with its reason.
UPWARDS: dict[tuple[str, str], str] = {}


def _package(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize(
    "name", [name for name in MODULES if name != "tasks_lib" and _package(name) not in BESIDE]
)
def test_no_package_imports_a_higher_one(name: str) -> None:
    height = ORDER.index(_package(name))
    used = {
        _package(other)
        for other in _imports(_tree(MODULES[name]))
        if other.startswith("tasks_lib.")
    }
    higher = {other for other in used & {*ORDER} if ORDER.index(other) > height}
    inner = name.removeprefix("tasks_lib.")
    assert higher == {other for module, other in UPWARDS if module == inner}


def test_every_package_has_its_place_in_the_order() -> None:
    packages = {_package(name) for name in MODULES if name != "tasks_lib"}
    assert packages == {*ORDER, *BESIDE}


def test_few_modules_stand_at_the_top() -> None:
    assert len([path for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]) <= 5


@pytest.mark.parametrize("name", [name for name in MODULES if name != "tasks_lib"])
def test_only_the_command_line_knows_invoke(name: str) -> None:
    used = {other.partition(".")[0] for other in _imports(_tree(MODULES[name]))}
    assert _package(name) in {"cli", "tasks"} or "invoke" not in used


def test_environments_and_managers_meet_in_the_activation_alone() -> None:
    for name, path in MODULES.items():
        used = set(_imports(_tree(path), at_run_time=True))
        if name.startswith("tasks_lib.environments"):
            assert not [other for other in used if other.startswith("tasks_lib.managers")], name
        if name.startswith("tasks_lib.managers"):
            layers = (
                "tasks_lib.environments.venv",
                "tasks_lib.environments.conda",
                "tasks_lib.environments.conda_engines",
            )
            assert not [other for other in used if other.startswith(layers)], name


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_module_is_one_subject(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    assert path.stem not in {"utils", "helpers", "common", "misc"}


@pytest.mark.parametrize("path", [path for path in FILES if _name(path) != "noxfile.py"], ids=_name)
def test_no_code_branches_on_the_name_of_a_combo(path: Path) -> None:
    names = set(combos.names())
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Constant):
            assert node.value not in names, f"line {node.lineno}"
        if isinstance(node, ast.Compare):
            assert "combo.id" not in ast.unparse(node), f"line {node.lineno}"


#: Modules outside of `managers` that name a manager, each with its reason.
NAMES_A_MANAGER = {
    "tools.uv_variables": "the variables of uv, which creates virtual environments too",
    "environments.base": "the manager that is usual with a layer",
    "environments.conda": "the manager that is usual with a layer",
    "environments.foreign": "environments of other tools are found by the name of the tool",
    "environments.venv": "uv creates virtual environments, whatever the manager",
    "importers.common_settings": "a build backend is recognised by its name",
    "importers.merging": "a foreign file's constraints have a table of uv's alone",
    "importers.poetry_tables": "an importer of Poetry's older manifest",
    "ownership.declarations": "an older manifest declares in Poetry's tables, whatever the manager",
    "project.manifests": "an older manifest has its name in Poetry's table, whatever the manager",
    "project.workspace": "a project's folder is found before its manager is chosen",
    "proof.build_channel": "a script that names the tool to install a Python",
    "proof.project_copy": "an older manifest names its readme in Poetry's table",
    "tools.executables": "uv is a tool, whatever the manager",
    "tools.package_index": "the configuration files of uv name an index for all tools",
    "tools.uv": "uv is a tool, whatever the manager",
    "workflows.adoption": "what is taken from foreign files is counted by table",
    "workflows.container_parts": "what each manager needs in an image, in one table",
}


@pytest.mark.parametrize("name", [name for name in MODULES if ".managers" not in name])
def test_no_other_module_names_a_manager(name: str) -> None:
    found = set()
    words = {*MANAGERS, *(manager.lock_name for manager in MANAGERS.values())}
    classes = {f"tasks_lib.managers.{one}" for one in MANAGERS}
    for node in ast.walk(_tree(MODULES[name])):
        if isinstance(node, ast.Constant) and node.value in words:
            found.add(node.value)
    found |= classes.intersection(_imports(_tree(MODULES[name])))
    short = name.removeprefix("tasks_lib.")
    assert bool(found) == (short in NAMES_A_MANAGER), found


@pytest.mark.parametrize("path", ENTRIES, ids=_name)
def test_entry_points_are_thin(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 80


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES.values() if p.parent.name == "tasks" and p.name != "__init__.py"],
    ids=_name,
)
def test_tasks_hold_no_logic(path: Path) -> None:
    functions = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.FunctionDef)]
    for function in (one for one in functions if one.decorator_list):
        kinds = (ast.For, ast.While, ast.Try, ast.With)
        assert not [node for node in ast.walk(function) if isinstance(node, kinds)], function.name
        statements = [node for node in function.body if not isinstance(node, ast.ImportFrom)]
        assert len(statements) <= 4, function.name


HEAVY = (
    "yaml",
    "rich",
    "rattler",
    "packaging",
    "tomlkit",
    "poetry",
    "asyncio",
    "concurrent.futures",
    "tasks_lib.workflows",
)


@pytest.mark.processes
def test_listing_tasks_imports_nothing_heavy() -> None:
    code = (
        "import json, sys; import invoke; known = set(sys.modules); import tasks_lib.tasks;"
        "tasks_lib.tasks.namespace(); print(json.dumps(sorted(set(sys.modules) - known)))"
    )
    outcome = run(Command((sys.executable, "-c", code), cwd=ROOT))
    assert outcome.ok, outcome.said
    loaded = json.loads(outcome.stdout)
    assert "tasks_lib.tasks" in loaded
    assert [name for name in loaded if name.startswith(HEAVY)] == []


@pytest.mark.processes
def test_first_start_needs_the_standard_library_alone() -> None:
    code = (
        "import json, sys; from tasks_lib import __main__, bootstrap, errors;"
        "from tasks_lib.execution import process;"
        "names = {name.partition('.')[0] for name in sys.modules};"
        "print(json.dumps(sorted(names - set(sys.stdlib_module_names))))"
    )
    outcome = run(Command((sys.executable, "-S", "-c", code), cwd=ROOT))
    assert outcome.ok, outcome.said
    assert json.loads(outcome.stdout) in ([], ["tasks_lib"], ["__main__", "tasks_lib"])


def test_every_module_has_its_docstring_and_postponed_annotations() -> None:
    for name, path in MODULES.items():
        tree = _tree(path)
        assert ast.get_docstring(tree), name
        # an old Python reads these
        old = {"tasks_lib.__main__", "tasks_lib.execution.streams", "tasks_lib.cli.startup_error"}
        if len(tree.body) > 2 and name not in old:
            assert "__future__" in set(_imports(tree)), name


#: Modules outside `environments` that know one kind of layer, and why.
KNOW_A_LAYER = {
    "tasks_lib/checks/conda_rules.py": "checks of the conda file; one asks what the solver assumes",
    "tasks_lib/checks/own_settings.py": "how new a driver is, as conda sees it, for any layer",
    "tasks_lib/ownership/guard.py": "reads the preview of conda's engines, which install the layer",
    "tasks_lib/ownership/layers.py": "shows conda's layer from its records, in any folder",
    "tasks_lib/proof/channel.py": "only conda has channels, which a proof may have to replace",
    "tasks_lib/proof/local_channel.py": "builds a conda channel from an interpreter that runs here",
    "tasks_lib/proof/matrix.py": "names the conda engines that --engine selects",
    "tasks_lib/session/journal.py": "takes logins out of conda's records before they are stored",
    "tasks_lib/workflows/container_parts.py": "says what each layer needs in an image",
    "tasks_lib/workflows/environment_info.py": "shows the solver's virtual packages, and base",
    "tasks_lib/workflows/snapshot.py": "writes conda's records into a description",
}
_LAYERS = re.compile(r"tasks_lib\.environments\.(conda\w*|venv)(\.|$)")
_ABOUT_LAYERS = re.compile(r"\b(kind|environment|layer)\b [=!i]|ENVIRONMENTS\[")


def _names_a_kind(tree: ast.AST) -> bool:
    """Return whether a kind of layer is compared with a word, or looked up by a word."""
    kinds = {"conda", "pip"}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Compare, ast.Subscript)):
            words = {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
            if words & kinds and _ABOUT_LAYERS.search(ast.unparse(node)):
                return True
    return False


@pytest.mark.parametrize("path", FILES, ids=_name)
def test_only_the_layers_know_their_kind(path: Path) -> None:
    name = _name(path)
    if name.startswith("tasks_lib/environments/"):
        return
    known = any(map(_LAYERS.match, _imports(_tree(path))))
    assert known is (name in KNOW_A_LAYER)
    assert not _names_a_kind(_tree(path))
