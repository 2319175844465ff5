"""The checks that an environment layer answers for: what is recorded, and what is there."""

from __future__ import annotations

from dataclasses import replace

from tasks_lib.errors import Remedy
from tasks_lib.results import Check, Fix, Status

CREATE_AGAIN = Remedy("Create the environment again", ("invoke", "setup", "--recreate"))
#: what was installed from a lock may have to be pinned first: a new environment has conda's version
ALIGN_AGAIN = Remedy(
    "Pin the versions that conda has, then create the environment again",
    ("invoke", "deps.align", "setup", "--recreate"),
)

CONDA_META = Check(
    "doctor.conda-meta",
    "conda's records are complete",
    "conda knows from its records in conda-meta what is installed. A damaged record stops every "
    "conda command.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
MISSING_FILES = Check(
    "doctor.missing-files",
    "every file that conda installed exists",
    "A package without its files fails when it is used. `conda doctor` reports such files too, and "
    "exits 0.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
ALTERED_FILES = Check(
    "doctor.altered-files",
    "no file that conda installed was changed",
    "A changed file does something else than its version says.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
#: what ALTERED_FILES says where it cannot tell
UNKNOWN_FILES = replace(
    ALTERED_FILES,
    remedy=Remedy("Install these packages again, unless you know that the files are as they were"),
    severity=Status.WARN,
)
CONSISTENT = Check(
    "doctor.consistent",
    "conda's packages agree with each other",
    "A forced update can leave a package without what it needs.",
    CREATE_AGAIN,
)
MACHINE = Check(
    "doctor.machine",
    "conda's packages are for this machine",
    "conda chooses packages for one platform and for what the machine has: its C library, its CUDA "
    "driver. On another machine they may not start. CONDA_OVERRIDE_GLIBC and its like tell conda, "
    "and this check, about another machine.",
    CREATE_AGAIN,
)
PINNED = Check(
    "doctor.pinned",
    "what is installed meets the environment's pins",
    "conda-meta/pinned limits the versions of every later conda command, which then changes what "
    "does not meet it. `conda doctor` reports a pin of what is not installed: it may be misspelt.",
    Remedy("Correct the pin in conda-meta/pinned, or install what it names"),
    Status.WARN,
)
CONDA_DOCTOR = Check(
    "doctor.conda",
    "conda doctor finds nothing wrong",
    "This is conda's own look at the environment. Its words count, because it exits 0 whatever it "
    "finds.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
INTERPRETER = Check(
    "doctor.interpreter",
    "the interpreter exists",
    "A virtual environment links to a Python of this machine, which may have been removed.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
MOVED = Check(
    "doctor.moved",
    "every script starts the environment's own interpreter",
    "The scripts of an environment name the interpreter by its path, which is wrong after a move "
    "or a copy.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
STARTS = Check(
    "doctor.start",
    "the interpreter starts without a complaint",
    "Python runs the `import` lines of every .pth file as it starts, and goes on where one fails: "
    "what that line was to prepare is missing.",
    CREATE_AGAIN,
)
BYTECODE = Check(
    "doctor.bytecode",
    "no bytecode of an installed package is left over",
    "Bytecode that an installer compiled is of no use without its source, or for another Python. "
    "It is left where files were deleted by hand, or where the interpreter was replaced.",
    CREATE_AGAIN,
    Status.WARN,
    fix=Fix.REPAIR,
)
RECORDS = Check(
    "doctor.records",
    "the record of every distribution is complete",
    "pip cannot remove a distribution whose record is damaged.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
DUPLICATES = Check(
    "doctor.duplicates",
    "no distribution is recorded twice",
    "Python imports a mixture of both versions.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
INSTALLED_FILES = Check(
    "doctor.installed-files",
    "every installed file exists",
    "An import fails where a file is missing.",
    CREATE_AGAIN,
    fix=Fix.REPAIR,
)
INSTALLED_ALTERED = Check(
    "doctor.installed-altered",
    "every installed file is as it was installed",
    "A damaged cache or an edit changes what Python imports, and the version stays the same.",
    Remedy(
        "Clear the cache of the tool, then create the environment again",
        ("invoke", "setup", "--recreate"),
    ),
    fix=Fix.REPAIR,
)

SHARED_FILES = Check(
    "doctor.shared-files",
    "no two distributions brought different files by one name",
    "The distribution that is installed last has its file, and the other one works with a file "
    "that is not its own. Removing either takes the file from both.",
    Remedy("Keep one of the two, or a version that no longer brings the file"),
    Status.WARN,
)
#: the checks of Python's own records, which every layer has
OF_DISTRIBUTIONS = (
    RECORDS,
    DUPLICATES,
    INSTALLED_FILES,
    INSTALLED_ALTERED,
    SHARED_FILES,
    BYTECODE,
)
OF_CONDA = (
    CONDA_META,
    MISSING_FILES,
    ALTERED_FILES,
    CONSISTENT,
    MACHINE,
    PINNED,
    CONDA_DOCTOR,
    MOVED,
    *OF_DISTRIBUTIONS,
)
OF_VENV = (INTERPRETER, MOVED, *OF_DISTRIBUTIONS)
