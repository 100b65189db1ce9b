from lstm_fcn.labels import GROUP_OF_RECORD
from lstm_fcn.splits import published_test_samples, split_beats


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
    assert split_beats("103", [sample, sample + 1]).tolist() == ["test", "train"]
    assert split_beats("100", [sample]).tolist() == ["train"]


def test_a_record_that_is_not_mit_bihs_has_no_published_split():
    assert split_beats("s01", [5, 6]).tolist() == [None, None]


def test_records_to_hold_out_replace_the_published_split():
    assert split_beats("s01", [5], test_records=("s01",)).tolist() == ["test"]
    assert split_beats("103", published_test_samples()["103"][:2], test_records=("s01",)).tolist() == ["train"] * 2
