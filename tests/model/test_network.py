"""The network against the definition of Karim et al., written out in numpy alone."""

import numpy as np
import pytest
import torch

from lstm_fcn.model.network import BATCHNORM_EPS, LSTMFCN
from tests.models import make_network

Weights = dict[str, np.ndarray]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm_of_one_step(w: Weights, x: np.ndarray, layers: int) -> np.ndarray:
    """After the dimension shuffle the whole series is one step, before which state and memory are zero."""
    for layer in range(layers):
        gates = x @ w[f"lstm.weight_ih_l{layer}"].T + w[f"lstm.bias_ih_l{layer}"] + w[f"lstm.bias_hh_l{layer}"]
        enter, _, candidate, leave = np.split(gates, 4, axis=1)
        x = sigmoid(leave) * np.tanh(sigmoid(enter) * np.tanh(candidate))
    return x


def block(w: Weights, name: str, x: np.ndarray) -> np.ndarray:
    """Cross-correlation with 'same' padding as Keras has it, the odd zero at the end; BatchNorm; ReLU."""
    kernel = w[f"{name}.conv.weight"].squeeze(2)  # (filters, channels, taps)
    taps, length = kernel.shape[2], x.shape[2]
    before = (taps - 1) // 2
    padded = np.pad(x, ((0, 0), (0, 0), (before, taps - 1 - before)))
    steps = [np.einsum("bct,fct->bf", padded[:, :, i : i + taps], kernel) for i in range(length)]
    y = np.stack(steps, axis=2) + w[f"{name}.conv.bias"][:, None]
    scale = w[f"{name}.norm.weight"] / np.sqrt(w[f"{name}.norm.running_var"] + BATCHNORM_EPS)
    normed = (y - w[f"{name}.norm.running_mean"][:, None]) * scale[:, None] + w[f"{name}.norm.bias"][:, None]
    return np.maximum(normed, 0)


def reference(network: LSTMFCN, series: np.ndarray) -> np.ndarray:
    w = {name: value.double().numpy() for name, value in network.state_dict().items()}
    x = (series - network.mean) / network.std
    maps = x[:, None, :]
    for name in ("block_1", "block_2", "block_3"):
        maps = block(w, name, maps)
    joined = np.concatenate([lstm_of_one_step(w, x, network.config.num_layers), maps.mean(axis=2)], axis=1)
    logits = joined @ w["head.weight"].T + w["head.bias"]
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"num_layers": 3, "hidden_size": 5},
        {"kernel_size_1": 3, "kernel_size_2": 4, "kernel_size_3": 1},
        {"length": 6, "classes": 2, "kernel_size_1": 9},
    ],
)
def test_forward_equals_the_papers_definition(config: dict[str, int]):
    small = {"hidden_size": 7, "filters_1": 4, "filters_2": 6, "filters_3": 5}
    network = make_network(**{**small, **config})
    series = np.random.default_rng(0).random((3, network.config.length))
    with torch.inference_mode():
        found = network(torch.from_numpy(series).float()).numpy()
    np.testing.assert_allclose(found, reference(network, series), atol=2e-6)


def test_the_published_hyperparameters_make_428293_parameters():
    assert sum(values.numel() for values in make_network().parameters()) == 428_293


def test_dropout_acts_in_training_only():
    network = make_network()
    series = torch.rand(4, 187)
    assert torch.equal(network(series), network(series))
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.train()
    assert not torch.equal(network(series), network(series))
