from sklearn.utils.estimator_checks import parametrize_with_checks

from lstm_fcn.estimator import LSTMFCNClassifier

SMALL = {"hidden_size": 8, "filters_1": 8, "filters_2": 8, "filters_3": 8, "batch_size": 16, "lr": 0.01}


@parametrize_with_checks([LSTMFCNClassifier(**SMALL, epochs=20, precision="float32")])
def test_sklearn(estimator, check):
    check(estimator)
