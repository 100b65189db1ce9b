import pytest

from lstm_fcn.data.record_files import find_records

HEADER = "x 1 360 100\n{0}.dat 16\n"


def names(
    paths: list[str], headers: dict[str, str], annotator: str | None = None, **only: list[str]
) -> dict[str, dict]:
    return {each.name: dict(each.files) for each in find_records(paths, headers, annotator, **only)}


def test_a_record_is_its_header_its_signals_and_its_annotations():
    found = names(["a.hea", "a.dat", "a.atr", "a.qrs", "b.txt"], {"a.hea": HEADER.format("a")})
    assert found == {"a": {"a.hea": "a.hea", "a.dat": "a.dat", "a.atr": "a.atr"}}
    found = names(["a.hea", "a.dat", "a.atr", "a.qrs"], {"a.hea": HEADER.format("a")}, "qrs")
    assert found["a"] == {"a.hea": "a.hea", "a.dat": "a.dat", "a.qrs": "a.qrs"}


def test_records_below_the_folder_have_their_path_as_name():
    found = names(["w/1/a.hea", "w/1/a.dat", "a.dat"], {"w/1/a.hea": HEADER.format("a")})
    assert found == {"w/1/a": {"w/1/a.hea": "a.hea", "w/1/a.dat": "a.dat"}}


def test_capitals_of_another_disk_do_not_matter():
    found = names(["P1.HEA", "P1.DAT", "P1.ATR"], {"P1.HEA": HEADER.format("p1")})
    assert found == {"P1": {"P1.HEA": "P1.hea", "P1.DAT": "p1.dat", "P1.ATR": "P1.atr"}}


def test_segments_belong_to_their_record_and_are_none_by_themselves():
    headers = {"m.hea": "m/2 1 360 200\ns1 100\ns2 100\n", "s1.hea": HEADER.format("s1"), "s2.hea": HEADER.format("s2")}
    found = names(["m.hea", "m.atr", "s1.hea", "s1.dat", "s2.hea", "s2.dat"], headers)
    assert set(found) == {"m"}
    assert set(found["m"].values()) == {"m.hea", "m.atr", "s1.hea", "s1.dat", "s2.hea", "s2.dat"}


def test_edf_files_are_records_and_only_takes_some():
    paths = ["a.edf", "b/c.BDF", "d.hea"]
    assert set(names(paths, {"d.hea": HEADER.format("d")})) == {"a", "b/c", "d"}
    assert set(names(paths, {"d.hea": HEADER.format("d")}, only=["b/c"])) == {"b/c"}


def test_two_recordings_of_one_name_are_two_records():
    found = names(["a.hea", "a.dat", "a.EDF", "a.bdf"], {"a.hea": HEADER.format("a")})
    assert found == {
        "a": {"a.hea": "a.hea", "a.dat": "a.dat"},
        "a.EDF": {"a.EDF": "a.EDF"},
        "a.bdf": {"a.bdf": "a.bdf"},
    }


def test_names_that_differ_in_capitals_are_two_records_where_the_disk_has_both():
    headers = {"a.hea": HEADER.format("a"), "A.hea": HEADER.format("A")}
    found = names(["a.hea", "a.dat", "A.hea", "A.dat"], headers)
    assert found == {"A": {"A.hea": "A.hea", "A.dat": "A.dat"}, "a": {"a.hea": "a.hea", "a.dat": "a.dat"}}


@pytest.mark.parametrize("other", ["../b.dat", "/etc/passwd", "..", "https://host/b.dat", "b\\c.dat"])
def test_files_elsewhere_are_not_taken(other: str):
    header = f"a 2 360 100\n{other} 16\na.dat 16\n"
    assert names(["w/a.hea", "w/a.dat", "b.dat"], {"w/a.hea": header})["w/a"] == {
        "w/a.hea": "a.hea",
        "w/a.dat": "a.dat",
    }


def test_headers_that_name_themselves_or_each_other_stay_records():
    headers = {"a.hea": "a/2 1 360 200\na 100\nb 100\n", "b.hea": "b/1 1 360 100\na 100\n"}
    assert set(names(["a.hea", "b.hea"], headers)) == {"a", "b"}
