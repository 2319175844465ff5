"""What is read of the headers of real programs and libraries of three systems."""

from __future__ import annotations

import base64
import os
import struct
import sys
import zlib
from pathlib import Path

import pip
import pytest

from tasks_lib.environments import binaries
from tests.cases import cases

_DISTLIB = Path(pip.__file__).parent / "_vendor" / "distlib"
#: the header and the load commands of `_speedups.cpython-311-darwin.so`, and the beginning of that
#: file, in MarkupSafe 3.0.2's wheels for macosx_11_0_arm64 and for macosx_10_9_universal2
_DARWIN = (
    "c-lMv>+L@t1_nk3Am9LEJ|MPWWngG!fB;D#)?i{_h>s6(jR;}D1P<8wtWeAb6^@TDNv$YBC_^{zh8ctoU`Ozokj-"
    "UbXh7!1#}}8BCKcl}Ps0vE8zAwK&EtTY$Ae;Cd`4<cL23~e^CF<;c_8ueyDvFEueb!K`xZdWJCDR?VZaT5<`tI|"
    "W#*;hFfZR8LMx;3VSow4ywbe#%)FHN%)GRGEapvt>Q6x8GvRR`D4omzo8#gb;u!Dj?-v|`l0I<I%uozUfC6Cs>G"
    ">rn?!;~$2U2=tMpDnlfEtb<cfEj{gCx;_=AH)Z?qY(wBPTJwxH2~>KPSGRqzI>Z3P^lpcd<kB1HxY^i6x2X{zUK"
    "<pyq8r;xiKne-E%ZKAwKwt}dRixIBR7&jUyS1r2vbBy*I2E;oRx1I32`kd{D_*8uV(K;An5@hd2NK=LaNK-`dUh"
    "=CykXdpKzFGKYRLovu65wvhX2Npp6oLI!Aq4u26lkM}~V=30LgUQA6ci{~qXqZF%0JN2r56lLK6^|^77BpSK04T"
    "p(K+OWVovFf+6{K6gw75t=Co>6zgDZ<mQgij3^inE;JcvFus5uJ`K+>Kjl)nNRp0ZH>g~Pxy2WT(=fJS|q"
)
_UNIVERSAL = (
    "cafebabe00000002010000070000000300001000000023d00000000c"
    "0100000c00000000000040000000c5f00000000e"
)


def elf(machine: int, *needs: str, order: str = "<") -> bytes:
    """Return a library that needs others, by the ELF-64 object file format."""
    names = b"\0" + b"".join(name.encode() + b"\0" for name in needs)
    tags = [(5, 0x1000 + 176)]
    tags += [(1, names.index(b"\0" + name.encode() + b"\0") + 1) for name in needs]
    dynamic = b"".join(struct.pack(f"{order}QQ", *tag) for tag in (*tags, (0, 0)))
    at = 176 + len(names)
    head = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    head += struct.pack(f"{order}HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack(f"{order}IIQQQQQQ", 1, 5, 0, 0x1000, 0, at, at, 1)
    table = struct.pack(f"{order}IIQQQQQQ", 2, 6, at, 0x1000 + at, 0, len(dynamic), 0, 8)
    return head + load + table + names + dynamic


def _darwin() -> bytes:
    return zlib.decompress(base64.b85decode(_DARWIN))


#: what is read, and the format, the machines and the libraries that are to be found
HEADERS: dict[str, tuple[bytes, tuple[str, set[str], set[str]] | None]] = {
    "Windows, 64 bits": (
        (_DISTLIB / "t64.exe").read_bytes(),
        ("PE", {"x86-64"}, {"KERNEL32.dll", "SHLWAPI.dll"}),
    ),
    "Windows, 32 bits": (
        (_DISTLIB / "t32.exe").read_bytes(),
        ("PE", {"x86"}, {"KERNEL32.dll", "SHLWAPI.dll"}),
    ),
    "Windows on ARM": (
        (_DISTLIB / "t64-arm.exe").read_bytes(),
        ("PE", {"arm64"}, {"KERNEL32.dll", "SHLWAPI.dll"}),
    ),
    "a Mac": (_darwin(), ("Mach-O", {"arm64"}, {"libSystem.B.dylib"})),
    "two Macs": (bytes.fromhex(_UNIVERSAL), ("Mach-O", {"arm64", "x86-64"}, set())),
    "Linux": (
        elf(183, "libgomp.so.1", "libc.so.6"),
        ("ELF", {"arm64"}, {"libgomp.so.1", "libc.so.6"}),
    ),
    "big-endian": (elf(22, "libc.so.6", order=">"), ("ELF", {"s390x"}, {"libc.so.6"})),
    "unknown": (elf(999), ("ELF", {"machine 0x3e7"}, set())),
    "a class of Java": (bytes.fromhex("cafebabe00000034") + bytes(100), None),
    "a program of DOS": (b"MZ" + bytes(200), None),
    "a text": (b"import os\n", None),
    "nothing": (b"", None),
}


@cases("data, expected", HEADERS)
def test_headers(
    tmp_path: Path, data: bytes, expected: tuple[str, set[str], set[str]] | None
) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    found = binaries.read(path)
    told = found and (found.format, set(found.machines), set(found.needs))
    assert told == expected


@cases("data", {name: (data,) for name, (data, told) in HEADERS.items() if told})
def test_what_was_cut_off_or_damaged_is_no_error(tmp_path: Path, data: tuple[bytes]) -> None:
    path = tmp_path / "file"
    whole = data[0][:1500]
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        binaries.read(path)
        path.write_bytes(whole[:length] + b"\xff" * (len(whole) - length))
        binaries.read(path)


@pytest.mark.skipif(sys.platform != "linux", reason="a Linux program is read")
def test_the_running_interpreter() -> None:
    own = binaries.read(Path(sys.executable).resolve())
    assert own
    assert own.machines == {{"x86_64": "x86-64", "aarch64": "arm64"}[os.uname().machine]}
    assert "libc.so.6" in own.needs
    assert not own.fits(binaries.Binary("ELF", frozenset({"s390x"})))
    assert not own.fits(binaries.Binary("Mach-O", own.machines))


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", ".", "nothing"):
        assert binaries.read(tmp_path / name) is None
