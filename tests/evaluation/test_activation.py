import numpy as np
import pytest
import torch

from lstm_fcn.evaluation.activation import class_activation
from tests.beat_tables import make_beats
from tests.models import SMALL, make_network


def test_the_maps_mean_is_the_convolutions_part_of_the_logit():
    network, series = make_network(**SMALL, kernel_size_1=8), make_beats(6).series
    classes = np.array([0, 1, 2, 3, 4, 0])
    maps = class_activation(network, series, classes)
    assert maps.shape == series.shape
    with torch.inference_mode():
        logits = network.logits(torch.from_numpy(series)).numpy()
        network.head.weight[:, : network.config.hidden_size] = 0
        without_lstm = network.logits(torch.from_numpy(series)).numpy()
    bias = network.head.bias.detach().numpy()
    rows = np.arange(6)
    assert maps.mean(axis=1) == pytest.approx(without_lstm[rows, classes] - bias[classes], abs=1e-4)
    assert not np.allclose(logits, without_lstm)


def test_what_a_kernel_looks_for_lights_up_where_it_is():
    network = make_network(
        hidden_size=4, filters_1=1, filters_2=1, filters_3=1, kernel_size_1=1, kernel_size_2=1, kernel_size_3=1
    )
    with torch.no_grad():
        for block in (network.block_1, network.block_2, network.block_3):
            block.conv.weight.fill_(1)
            block.norm.reset_running_stats()
            block.norm.weight.fill_(1)
            block.norm.bias.fill_(0)
            block.conv.bias.fill_(0)
        network.head.weight[:, 4:] = torch.tensor([[1.0], [-1], [0], [0], [0]])
    series = np.zeros((2, 187), np.float32)
    series[:, 50] = 5
    found, against = class_activation(network, series, np.array([0, 1]))
    assert found.argmax() == against.argmin() == 50
