"""Records that are damaged, or lie about themselves, each in one way that people's files have."""

from collections.abc import Callable
from pathlib import Path

import edfio
import numpy as np
import wfdb

FS, SECONDS = 250, 10
_SIGNAL = np.round(1000 * np.sin(np.arange(FS * SECONDS) / 7)).astype(np.int64)


def write_wfdb(folder: Path, name: str, *, header: tuple[str, str] | None = None, last: int = 2000) -> None:
    """Write a good record of 1 lead with annotations, and then replace a part of its header."""
    wfdb.wrsamp(
        name,
        fs=FS,
        units=["mV"],
        sig_name=["II"],
        d_signal=_SIGNAL[:, None],
        fmt=["16"],
        adc_gain=[200.0],
        baseline=[0],
        write_dir=str(folder),
    )
    wfdb.wrann(name, "atr", np.array([100, 1000, 1500, last]), ["N", "V", "N", "N"], write_dir=str(folder))
    if header is not None:
        old, new = header
        file = folder / f"{name}.hea"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))


def write_edf(folder: Path, name: str, *, last: float = 8.0, other_fs: int | None = None) -> Path:
    """Write a good EDF+ file of 1 lead with annotations, and a second signal at another frequency."""
    signals = [edfio.EdfSignal(_SIGNAL / 200, FS, label="ECG II", physical_dimension="mV", physical_range=(-10, 10))]
    if other_fs is not None:
        slow = np.zeros(other_fs * SECONDS)
        signals.insert(0, edfio.EdfSignal(slow, other_fs, label="Resp", physical_range=(-1, 1)))
    at = [(0.4, "N"), (4.0, "V"), (6.0, "N"), (last, "N")]
    path = folder / f"{name}.edf"
    edfio.Edf(signals, annotations=[edfio.EdfAnnotation(onset, None, text) for onset, text in at]).write(path)
    return path


def _spoil(path: Path, start: int, text: bytes) -> None:
    content = bytearray(path.read_bytes())
    content[start : start + len(text)] = text
    path.write_bytes(bytes(content))


def _of_edf(start: int, text: bytes) -> Callable[[Path, str], None]:
    """Of the header: a field that starts so many bytes in."""
    return lambda folder, name: _spoil(write_edf(folder, name), start, text)


def _of_header(old: str, new: str) -> Callable[[Path, str], None]:
    return lambda folder, name: write_wfdb(folder, name, header=(old, new))


def _cut_edf(folder: Path, name: str) -> None:
    path = write_edf(folder, name)
    path.write_bytes(path.read_bytes()[:2000])


def _edf_with_a_gap(folder: Path, name: str) -> None:
    path = write_edf(folder, name)
    content = path.read_bytes().replace(b"EDF+C", b"EDF+D")
    assert b"+9\x14\x14\0" in content  # when the last data record begins
    path.write_bytes(content.replace(b"+9\x14\x14\0", b"+99\x14\x14"))


def _empty_dat(folder: Path, name: str) -> None:
    write_wfdb(folder, name)
    (folder / f"{name}.dat").write_bytes(b"")


def _promise_in_a_compressed_file(folder: Path, name: str) -> None:
    """A FLAC file of 2,500 samples, of which the header promises 2**28."""
    import soundfile

    write_wfdb(folder, name, header=(f"250 {FS * SECONDS}", f"250 {2**28}"))
    header = folder / f"{name}.hea"
    header.write_text(header.read_text().replace(f"{name}.dat 16 ", f"{name}.dat 516 "))
    with (folder / f"{name}.dat").open("wb") as file:
        soundfile.write(file, _SIGNAL.astype(np.int16), FS, format="FLAC", subtype="PCM_16")


def _gap_of_2_to_the_31(folder: Path, name: str) -> None:
    write_wfdb(folder, f"{name}_1")
    (folder / f"{name}.hea").write_text(f"{name}/2 1 250 {2**31}\n{name}_1 2500\n~ {2**31 - 2500}\n")


SPOILED: dict[str, tuple[Callable[[Path, str], None], str]] = {
    "edf_cut": (_cut_edf, r"the file is short: expected [\d,]+ bytes, found 2,000"),
    "edf_signals": (_of_edf(252, b"999 "), r"the header promises 999 signals, and the file ends in it"),
    "edf_negative": (_of_edf(252, b"-1  "), "the header names no signal"),
    "edf_records": (_of_edf(236, b"99999999"), r"the file is short: expected [\d,]+ bytes, found"),
    "edf_samples": (_of_edf(256 + 2 * 216, b"99999999"), r"the file is short: expected [\d,]+ bytes, found"),
    "edf_no_number": (_of_edf(236, b"nan     "), "cannot be read: ValueError"),
    "edf_gain_0": (_of_edf(256 + 2 * 104, b"10      "), "has no range"),
    "edf_fs_0": (_of_edf(244, b"0       "), "expected the seconds of a data record in the header, found 0"),
    "edf_fs_nan": (_of_edf(244, b"nan     "), "expected the seconds of a data record in the header, found nan"),
    "edf_gaps": (_edf_with_a_gap, r"the recording has gaps \(EDF\+D\)"),
    "edf_beyond": (
        lambda folder, name: write_edf(folder, name, last=11.0) and None,
        "the annotation at sample 2750 lies beyond",
    ),
    "wfdb_signals": (
        _of_header("wfdb_signals 1 ", "wfdb_signals 9 "),
        "the header promises 9 signals, and describes 1",
    ),
    "wfdb_fs_0": (_of_header(" 250 2500", " 0 2500"), "expected a sampling frequency of 60 to 2000 Hz, found 0 Hz"),
    "wfdb_fs_nan": (_of_header(" 250 2500", " nan 2500"), "expected a sampling frequency in the first line"),
    "wfdb_beyond": (
        lambda folder, name: write_wfdb(folder, name, last=2500),
        "the annotation at sample 2500 lies beyond",
    ),
    "wfdb_2_31": (_of_header(" 250 2500", f" 250 {2**31}"), "expected 1 to 268,435,456 samples, found 2,147,483,648"),
    "wfdb_2_28": (_of_header(" 250 2500", f" 250 {2**28}"), r"is short: expected 536,870,912 bytes, found 5,000"),
    "wfdb_frames": (_of_header(".dat 16 ", ".dat 16x2147483647 "), r"is short: expected|sampling frequency"),
    "wfdb_gap": (_gap_of_2_to_the_31, "expected 1 to 268,435,456 samples, found 2,147,483,648"),
    "wfdb_flac": (
        _promise_in_a_compressed_file,
        r"is short: expected 268,435,456 samples of each signal, found 2,500",
    ),
    "wfdb_empty": (_empty_dat, r"wfdb_empty\.dat is short: expected 5,000 bytes, found 0|is missing"),
}
"""Name of a record -> who writes it, and what is said about it."""


def write_spoiled(folder: Path) -> None:
    """Write all of them."""
    for name, (write, _) in SPOILED.items():
        write(folder, name)
