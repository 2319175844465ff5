"""What the header of a program or library says: its architecture, and what it loads.

Sources: the ELF-64 object file format, Apple's `mach-o/loader.h` and `fat.h`, Microsoft's "PE
Format".
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from tasks_lib.execution import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_ELF = {3: "x86", 40: "arm", 21: "ppc64", 22: "s390x", 62: "x86-64", 183: "arm64", 243: "riscv"}
_MACH = {7: "x86", 12: "arm", 0x01000007: "x86-64", 0x0100000C: "arm64"}
_PE = {0x14C: "x86", 0x8664: "x86-64", 0xAA64: "arm64", 0xA641: "arm64", 0xA64E: "arm64"}
#: the longest table of names, of commands or of sections that is read
_MOST = 1 << 20
_LOAD_DYLIB = {0xC, 0x80000018, 0x8000001F}
_HEAD = 64
_LOAD, _DYNAMIC = 1, 2
_NEEDED, _NAMES = 1, 5
_LONGEST = 1024
_MOST_MACHINES = 16


@dataclass(frozen=True)
class Binary:
    """Its format, the machines that it runs on, and the file names of the libraries it loads."""

    format: str
    machines: frozenset[str]
    needs: tuple[str, ...] = ()

    def fits(self, other: Binary) -> bool:
        """Return whether a process of the one can load the other."""
        return self.format == other.format and not self.machines.isdisjoint(other.machines)

    def __str__(self) -> str:
        """Return it for a sentence."""
        return f"{' and '.join(sorted(self.machines))}, {self.format}"


def read(path: Path) -> Binary | None:
    """Return what a file's header says; None for what is no binary, or cannot be read."""
    try:
        with io.BufferedReader(files.opened(path)) as stream:
            head = stream.read(_HEAD)
            for magic, reader in _READERS.items():
                if head.startswith(magic):
                    return reader(stream, head)
    except (OSError, struct.error, ValueError, LookupError, OverflowError):
        pass
    return None


def _part(stream: BinaryIO, offset: int, size: int) -> bytes:
    """Return bytes of a file, fewer at its end; a size that a file claims is not believed."""
    stream.seek(offset)
    return stream.read(min(size, _MOST))


def _name(names: bytes, offset: int) -> str:
    """Return the file name of the path that begins there."""
    return names[offset : names.index(b"\0", offset)].decode("utf-8", "replace").rpartition("/")[2]


def _known(machines: dict[int, str], number: int) -> str:
    """Return the name of a processor, the number itself where nobody here knows it."""
    return machines.get(number, f"machine {number:#x}")


def _elf(stream: BinaryIO, head: bytes) -> Binary:
    """Read Linux's format; libraries are only read of files for 64 bits.

    Source: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    order = ">" if head[5] == 2 else "<"  # noqa: PLR2004 - ELFDATA2MSB
    (machine,) = struct.unpack_from(f"{order}H", head, 18)
    needs = tuple(_elf_needs(stream, head, order)) if head[4] == 2 else ()  # noqa: PLR2004 - ELFCLASS64
    return Binary("ELF", frozenset({_known(_ELF, machine)}), needs)


def _elf_needs(stream: BinaryIO, head: bytes, order: str) -> Iterator[str]:
    """Yield the libraries of the dynamic section, which a segment holds.

    Source: https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html
    """
    (offset,) = struct.unpack_from(f"{order}Q", head, 32)
    size, count = struct.unpack_from(f"{order}HH", head, 54)
    table = _part(stream, offset, size * count)
    segments = list(struct.iter_unpack(f"{order}IIQQQQQQ", table))
    for kind, _, offset, _, _, size, *_ in segments:
        if kind != _DYNAMIC:
            continue
        section = _part(stream, offset, size)
        entries = list(struct.iter_unpack(f"{order}QQ", section))
        address = dict(entries)[_NAMES]
        names = _in_file(segments, address)
        for tag, value in entries:
            if tag == _NEEDED:
                name = _part(stream, names + value, _LONGEST)
                yield _name(name, 0)


def _in_file(segments: Iterable[tuple[int, ...]], address: int) -> int:
    """Return the offset in the file of an address in memory."""
    for kind, _, offset, start, _, size, *_ in segments:
        if kind == _LOAD and start <= address < start + size:
            return address - start + offset
    raise ValueError


def _mach(stream: BinaryIO, head: bytes) -> Binary:
    """Read macOS's format, for 64 bits.

    Source: https://github.com/apple-oss-distributions/xnu/blob/main/EXTERNAL_HEADERS/mach-o/loader.h
    """
    machine, count, size = struct.unpack_from("<4xI8xII", head)
    commands = _part(stream, 32, size)
    at = 0
    needs = []
    for _ in range(count):
        kind, length, name = struct.unpack_from("<III", commands, at)
        if kind in _LOAD_DYLIB:
            needs.append(_name(commands, at + name))
        at += max(length, 8)
    return Binary("Mach-O", frozenset({_known(_MACH, machine)}), tuple(needs))


def _fat(stream: BinaryIO, head: bytes) -> Binary | None:
    """Read the machines of a file for several; a class of Java begins with the same number."""
    (count,) = struct.unpack_from(">4xI", head)
    if count > _MOST_MACHINES:
        return None
    width = 32 if head.startswith(b"\xca\xfe\xba\xbf") else 20
    table = _part(stream, 8, count * width)
    machines = set()
    for index in range(count):
        (number,) = struct.unpack_from(">I", table, index * width)
        machines.add(_known(_MACH, number))
    return Binary("Mach-O", frozenset(machines))


def _pe(stream: BinaryIO, head: bytes) -> Binary | None:
    """Read Windows's format; a program of DOS begins alike, and is none.

    Source: https://learn.microsoft.com/windows/win32/debug/pe-format
    """
    (offset,) = struct.unpack_from("<I", head, 60)
    header = _part(stream, offset, 24)
    if not header.startswith(b"PE\0\0"):
        return None
    machine, sections, size = struct.unpack_from("<4xHH12xH", header)
    options = _part(stream, offset + 24, size)
    rows = list(struct.iter_unpack("<8xIIII16x", stream.read(sections * 40)))
    is_wide = options.startswith(b"\x0b\x02")
    place = 120 if is_wide else 104
    (imports,) = struct.unpack_from("<I", options, place)
    needs: list[str] = []
    at = imports
    while imports and len(needs) < _MOST_MACHINES**2:
        row = _part(stream, _of_section(rows, at), 20)
        (address,) = struct.unpack_from("<12xI", row)
        if not address:
            break
        name = _part(stream, _of_section(rows, address), _LONGEST)
        needs.append(_name(name, 0))
        at += 20
    return Binary("PE", frozenset({_known(_PE, machine)}), tuple(needs))


def _of_section(rows: Iterable[tuple[int, ...]], address: int) -> int:
    """Return the offset in the file of an address in memory."""
    for size, start, _, offset in rows:
        if start <= address < start + size:
            return address - start + offset
    raise ValueError


_READERS = {
    b"\x7fELF": _elf,
    b"\xcf\xfa\xed\xfe": _mach,
    b"\xca\xfe\xba\xbe": _fat,
    b"\xca\xfe\xba\xbf": _fat,
    b"MZ": _pe,
}
