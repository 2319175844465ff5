"""Carry out the steps of a Dockerfile where no Docker is: in a root that only they see."""

from __future__ import annotations

import re
import shlex
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: /home, /opt and /tmp begin empty, /etc is a copy; a Python that any user may start is the image's
_ROOT = """\
set -eu
at={work}; cp -a /etc "$at/etc"; mount --bind "$at/etc" /etc
sed -i /:1000:/d /etc/passwd /etc/group
mkdir "$at/python" "$at/context" "$at/bin"
mount --bind {python} "$at/python"; mount --bind {context} "$at/context"
for program in {programs}; do cp "$program" "$at/bin"; done; chmod 755 "$at" "$at/bin"
mount --rbind "$at" /mnt; mount -t tmpfs none /home; mount -t tmpfs none /opt
mount -t tmpfs -o mode=1777 none /tmp; mount --bind /mnt/bin /usr/local/bin
printf '#!/bin/sh\\nexec /mnt/python/bin/python3 "$@"\\n' > /usr/local/bin/python
chmod 755 /usr/local/bin/python
unset UV_CACHE_DIR PIP_CACHE_DIR POETRY_CACHE_DIR XDG_CACHE_HOME
export LD_LIBRARY_PATH=/mnt/python/lib PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
as=; at=/
"""
_AS = "env HOME=/home/lab setpriv --reuid 1000 --regid 1000 --clear-groups"


def script(context: Path, work: Path, *programs: str) -> str:
    """Return what bash does for a folder's Dockerfile, in a mount namespace, with an empty `work`.

    `programs` are those of other images.
    """
    text = re.sub(r"\\\n\s*", "", (context / "Dockerfile").read_text("utf-8"))
    python, place, at = map(shlex.quote, (sys.base_prefix, str(context), str(work)))
    lines = [_ROOT.format(python=python, context=place, work=at, programs=shlex.join(programs))]
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "RUN":
            for folder, owner in re.findall(r"target=([^,\s]+)(?:,uid=(\d+))?", rest):
                lines.append(f"install -d -o {owner or 0} {folder}")
            command = re.sub(r"--mount=\S+ ", "", rest)
            lines.append(f'( cd "$at"; $as bash -euc {shlex.quote(command)} )')
        elif word == "ENV":
            lines.append(f"export {rest}")
        elif word == "WORKDIR":
            lines.append(f"at={rest}; mkdir -p $at")
        elif word == "USER":
            lines.append(f"as={shlex.quote(_AS)}")
        elif word == "COPY" and "--from" not in rest:
            *names, into = rest.split()[1:]
            lines.append(f"cp -r {' '.join(f'/mnt/context/{name}' for name in names)} $at/{into}")
            lines.append("chown -R 1000:1000 $at")
    return "\n".join(lines)
