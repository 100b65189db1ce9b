"""Report which build of torch is installed and what it weighs; refuse to pack a CUDA build.

python .ci/torch_build.py report|require-cpu VENV, with the Python of that environment: `make setup` reports, and
`make dist` requires.
"""

import runpy
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import NamedTuple

CPU_BUILD = "TORCH_INDEX=https://download.pytorch.org/whl/cpu"
CUDA_LIBRARIES = ("cuda-", "nvidia-", "triton")
"""How the names of the packages begin that a CUDA build requires and a CPU build does not."""


class Build(NamedTuple):
    """torch's version, the version of CUDA that it is built for, if any, and MiB of it and of CUDA's libraries."""

    version: str
    cuda: str | None
    torch: int
    libraries: int


def main(task: str, environment: Path) -> None:
    """Report, or require a CPU build."""
    build = find_build(environment)
    if task == "report":
        sys.stdout.write(f"{describe(build, environment.name)}\n")
    elif build.cuda:
        sys.exit(
            f"error: expected a CPU build of torch, found a CUDA build of {build.torch + build.libraries:,} MiB"
            f" for each executor\n    pack a CPU build: make clean dist {CPU_BUILD}; pack this one: make dist CUDA=yes"
        )


def find_build(environment: Path) -> Build:
    """Find torch, and what of CUDA came with it, among the packages of an environment."""
    folder = environment / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    packages = {each.name.lower().replace("_", "-"): each for each in distributions(path=[str(folder)])}
    # The version need not say it (PyPI's does not), and to import torch takes seconds.
    cuda = runpy.run_path(str(folder / "torch" / "version.py"))["cuda"]
    libraries = [package for name, package in packages.items() if name.startswith(CUDA_LIBRARIES)]
    torch = packages["torch"]
    return Build(torch.version.partition("+")[0], cuda, weight([torch]), weight(libraries))


def weight(packages: Iterable[Distribution]) -> int:
    """Sum up the files of packages, in MiB."""
    files = (Path(str(file.locate())) for package in packages for file in package.files or ())
    return round(sum(file.stat().st_size for file in files if file.is_file()) / 2**20)


def describe(build: Build, environment: str) -> str:
    """Say in one line which build it is and what it weighs; with anything of CUDA, also how to do without it."""
    kind = f"CUDA {build.cuda}" if build.cuda else "CPU"
    line = f"torch {build.version} ({kind} build), {build.torch + build.libraries:,} MiB in {environment}"
    if not build.cuda and not build.libraries:
        return line
    share = f"{build.libraries:,} of them CUDA's own libraries, which only --device cuda needs"
    return f"{line}, {share}; a CPU build without them: make clean setup {CPU_BUILD}"


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
