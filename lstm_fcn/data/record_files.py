"""Which files make a record: found by their names and by what the headers name, in any folder of folders."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lstm_fcn.data.splits import ORIGINAL_ANNOTATIONS
from lstm_fcn.data.wfdb_files import files_of_header

log = logging.getLogger(__name__)

EDF_SUFFIXES = (".edf", ".bdf")

_Finder = Callable[[str, str], str | None]
"""A file and the name of another beside it -> the path of that, where it is there."""


@dataclass(frozen=True)
class RecordFiles:
    """The files of one record.

    Attributes
    ----------
    name : str
        Path of the record below the folder that was searched, without a suffix, e.g. '100' or 'ward/a1'.
    files : dict
        Path -> the name that the file has to have for who reads it.
    """

    name: str
    files: Mapping[str, str]


def find_records(
    paths: Collection[str], headers: Mapping[str, str], annotator: str | None, only: Sequence[str] = ()
) -> list[RecordFiles]:
    """Find the records among the files of a folder.

    Parameters
    ----------
    paths : collection of str
        Of all files, below the folder.
    headers : mapping
        Path of each `.hea` file -> its text.
    annotator : str or None
        Extension of the annotation files; None takes `.atr` where there is one.
    only : sequence of str
        Names of the records to take; all without any.

    Returns
    -------
    list of RecordFiles
        Ordered by name. A segment of another record is none by itself. Where two recordings would have one name, the
        EDF file keeps its suffix in it.
    """
    find = _finder(paths)
    named = {path: files_of_header(text) for path, text in headers.items()}
    segments = {find(path, f"{each}.hea") for path, (_, parts) in named.items() for each in parts}
    extension = annotator if annotator not in (None, "detect") else "atr"
    found = {}
    for header in sorted(headers):
        if header in segments and not named[header][1]:  # what has segments is a record, even if another names it
            continue
        name = str(PurePosixPath(header).with_suffix(""))
        files = _files_of(header, named, find)
        stem = PurePosixPath(name).name
        for each in (stem, ORIGINAL_ANNOTATIONS.get(stem, stem)):
            annotations = find(header, f"{each}.{extension}")
            if annotations is not None:
                files[annotations] = f"{each}.{extension}"
        found[name] = files
    for path in sorted(path for path in paths if path.lower().endswith(EDF_SUFFIXES)):
        bare = str(PurePosixPath(path).with_suffix(""))
        found[path if bare in found else bare] = {path: PurePosixPath(path).name}
    return [RecordFiles(name, found[name]) for name in sorted(found) if not only or name in only]


def files_below(folder: Path) -> tuple[list[Path], bool]:
    """List the files below a local folder, in folders that links lead to as well.

    Links that lead back to a folder above them are not followed.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    list of Path
    bool
        Whether there are such links.
    """
    files: list[Path] = []
    circles: list[Path] = []
    waiting: list[tuple[Path, frozenset[tuple[int, int]]]] = [(folder, frozenset())]
    while waiting:
        path, above = waiting.pop()
        found = path.stat()
        here = (found.st_dev, found.st_ino)
        if here in above:
            circles.append(path)
            continue
        for each in path.iterdir():
            if each.is_dir():
                waiting.append((each, above | {here}))
            elif each.is_file():
                files.append(each)
    for path in circles:
        log.warning("stage=prepare %s leads back to a folder above it, and is not followed", path)
    return sorted(files), bool(circles)


def _files_of(header: str, named: Mapping[str, tuple[list[str], list[str]]], find: _Finder) -> dict[str, str]:
    """List the header, its signal files and those of its segments; what is missing is left to who reads the record."""
    files = {header: f"{PurePosixPath(header).stem}.hea"}
    signals, parts = named[header]
    for part in parts:
        segment = find(header, f"{part}.hea")
        if segment is not None:
            files[segment] = f"{part}.hea"
            signals = signals + named[segment][0]
    for signal in signals:
        path = find(header, signal)
        if path is not None:
            files[path] = signal
    return files


def _finder(paths: Collection[str]) -> _Finder:
    """Make a function that finds a file beside another, in capitals too, since some disks write names so."""
    exact, lower = set(paths), {path.lower(): path for path in paths}

    def find(path: str, name: str) -> str | None:
        beside = str(PurePosixPath(path).with_name(name))
        return beside if beside in exact else lower.get(beside.lower())

    return find
