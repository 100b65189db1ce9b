import numpy as np

from lstm_fcn.data.labels import GROUP_OF_RECORD
from lstm_fcn.data.splits import is_of_mitbih, published_test_samples, split_beats


def test_the_published_test_side_has_21892_beats_of_48_records():
    samples = published_test_samples()
    assert sum(map(len, samples.values())) == 21_892
    assert samples.keys() == GROUP_OF_RECORD.keys()


def test_the_samples_of_a_record_ascend_and_lie_within_its_half_hour():
    for samples in published_test_samples().values():
        assert (samples[1:] > samples[:-1]).all()
        assert samples[0] >= 0
        assert samples[-1] < 650_000


def test_a_beat_is_in_test_only_by_its_record_and_sample():
    sample = published_test_samples()["103"][7]
    split, group = split_beats("103", np.array([sample, sample + 1]), is_mitbih=True)
    assert (split.tolist(), group) == (["test", "train"], "DS2")
    assert split_beats("100", np.array([sample]), is_mitbih=True)[0].tolist() == ["train"]


def test_a_record_that_is_not_mit_bihs_has_no_published_split_and_no_group():
    for record in ("s01", "103"):
        split, group = split_beats(record, np.array([5, 6]), is_mitbih=False)
        assert (split.tolist(), group) == ([None, None], None)


def test_records_to_hold_out_replace_the_published_split():
    assert split_beats("s01", np.array([5]), False, ("s01",))[0].tolist() == ["test"]
    samples = published_test_samples()["103"][:2]
    split, group = split_beats("103", samples, True, ("s01",))
    assert (split.tolist(), group) == (["train"] * 2, "DS2")


def test_a_record_is_mit_bihs_by_its_beats_and_not_by_its_name():
    samples = published_test_samples()["103"]
    others = np.sort(np.concatenate([samples, samples + 7]))
    assert is_of_mitbih("103", others, 360)
    assert is_of_mitbih("103", np.delete(others, 2), 360)  # one is not there
    assert not is_of_mitbih("103", others + 10, 360)
    assert not is_of_mitbih("103", others, 250)
    assert not is_of_mitbih("100", others, 360)
    assert not is_of_mitbih("s01", others, 360)
