"""Pack what executors need for any of the jobs into one archive: `make dist` does it.

python .ci/pack_environment.py WHEEL ARCHIVE, with the Python of the environment that is packed.

A virtual environment has only a link to its interpreter, which leads nowhere on other machines, even where venv-pack
packed it; a pex file needs an interpreter there too, and the Pythons that conda and uv bring are not on PyPI. So the
interpreter is packed here, with its standard library and the shared libraries behind all of it but the C library.
Scripts, whose first lines would have to be rewritten, stay behind: an executor needs none.
"""

import io
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from packaging.requirements import Requirement

EXTRAS = ("int8", "records", "train")
NOT_NEEDED = {"networkx"}  # torch compiles with it, which nothing here does
LEFT_OUT = ["include", "test", "tests", "test_*", "*StoreTest", "protoc", "protoc-*", "*.a", "*.pyi"]
ASKED_FOR_NEVERTHELESS = {
    "numpy/_core/tests/__init__.py",  # these two: by numpy.testing, and that by scipy
    "numpy/_core/tests/_natype.py",
    "torch/_inductor/test_operators.py",  # by torch's optimizers
}
LEFT_OUT_OF_PYTHON = ["*-packages", "config-*", "ensurepip", "idlelib", "lib2to3", "turtledemo"]
LEFT_OUT_OF_PYTHON += ["tkinter", "_tkinter.*", "nis.*"]  # which drag in libraries of the desktop and the network
C_LIBRARY = ["ld-linux*", "libc.*", "libdl.*", "libm.*", "libpthread.*", "libresolv.*", "librt.*", "libutil.*"]
LAUNCHER = """#!/bin/sh
bin=$(cd "${{0%/*}}" && pwd)
LD_LIBRARY_PATH="$bin/../lib${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}" exec "$bin/{}" "$@"
"""

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY = Path("lib") / PYTHON
Entry = tuple[Path, Path]
"""A file, and its place in the archive."""


def main(wheel: Path, archive: Path) -> None:
    """Pack."""
    if sys.platform != "linux":
        sys.exit("error: an environment is packed on Linux, where it is to run")
    python = Path(sys.executable).resolve()
    packages = packages_folder(python)
    files = [*standard_library(), *installed(required(wheel), packages)]
    with tarfile.open(archive, "w:gz", compresslevel=4, dereference=True) as tar, TemporaryDirectory() as unpacked:
        for path, place in [(python, Path("bin") / PYTHON), *files, *shared_libraries(python, files)]:
            tar.add(path, str(place), recursive=False, filter=_without_owner)
        ZipFile(wheel).extractall(unpacked)  # noqa: S202, it is our own
        tar.add(unpacked, str(packages), filter=_without_owner)
        launcher = tarfile.TarInfo("bin/python")
        launcher.mode, content = 0o755, LAUNCHER.format(PYTHON).encode()
        launcher.size = len(content)
        tar.addfile(launcher, io.BytesIO(content))


def packages_folder(python: Path) -> Path:
    """Where the packed interpreter looks for packages; Debian's has a place of its own."""
    ask = [str(python), "-I", "-c", "import site; print(site.getsitepackages(['.'])[-1])"]
    return Path(subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip())  # noqa: S603


def required(wheel: Path) -> list[Distribution]:
    """Find what the wheel requires, directly or not, among what is installed here."""
    (packed,) = distributions(path=[str(wheel)])
    found: dict[tuple[str, str], Distribution] = {}
    waiting = [(packed, extra) for extra in ("", *EXTRAS)]
    while waiting:
        parent, extra = waiting.pop()
        for requirement in map(Requirement, parent.requires or ()):
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
            if not wanted or requirement.name in NOT_NEEDED:
                continue
            for each in ("", *requirement.extras):
                if (requirement.name, each) not in found:
                    found[requirement.name, each] = distribution(requirement.name)
                    waiting.append((found[requirement.name, each], each))
    return list({each.metadata["Name"]: each for each in found.values()}.values())


def installed(packages: Iterable[Distribution], folder: Path) -> Iterator[Entry]:
    """Return the files of packages that are below the folder, which scripts are not."""
    for package in packages:
        if package.files is None:
            sys.exit(f"error: {package.metadata['Name']} does not name its files: install it with pip")
        for file in package.files:
            is_left_out = _matches(file.parts, LEFT_OUT) and str(file) not in ASKED_FOR_NEVERTHELESS
            if ".." not in file.parts and not is_left_out:
                yield Path(str(file.locate())), folder / file


def standard_library() -> Iterator[Entry]:
    """Return the files of the standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    for file in sorted(root.rglob("*")):
        inside = file.relative_to(root)
        if file.is_file() and not _matches(inside.parts, LEFT_OUT + LEFT_OUT_OF_PYTHON):
            yield file, LIBRARY / inside


def shared_libraries(python: Path, files: Iterable[Entry]) -> Iterator[Entry]:
    """Return what the interpreter and the extension modules are linked against and nobody has packed yet."""
    binaries = [file for file, _ in files if ".so" in file.suffixes]
    ask = ["ldd", *map(str, (python, *binaries))]
    linked = subprocess.run(ask, capture_output=True, text=True, check=True).stdout  # noqa: S603
    packed = {file.name for file in binaries}
    for name, path in sorted({tuple(line.split()[:3:2]) for line in linked.splitlines() if " => /" in line}):
        if name not in packed and not _matches([name], C_LIBRARY):
            yield Path(path), Path("lib") / name


def _matches(parts: Iterable[str], patterns: Iterable[str]) -> bool:
    return any(fnmatch(part, pattern) for part in parts for pattern in patterns)


def _without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
