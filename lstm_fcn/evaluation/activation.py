"""Where in a beat the convolutions found a class: the class activation map of the global average pool."""

import numpy as np
import torch
from numpy.typing import NDArray

from lstm_fcn.model.network import LSTMFCN


def class_activation(network: LSTMFCN, series: NDArray[np.float32], classes: NDArray[np.int64]) -> NDArray[np.float32]:
    """Map what each value of a series adds to a class's logit by way of the convolutions.

    Parameters
    ----------
    network : LSTMFCN
        In evaluation mode.
    series : (n, length) float32 array
    classes : (n,) int array
        The class of each series to look for.

    Returns
    -------
    (n, length) float32 array
        Its mean over the length is the convolutions' part of the logit. The LSTM sees the series as a whole; its part
        has no place in it.

    Notes
    -----
    Zhou et al. (2016), Learning Deep Features for Discriminative Localization, CVPR; for time series Wang et al.
    (2017), IJCNN.
    """
    with torch.inference_mode():
        maps = network.feature_maps(torch.from_numpy(series))[:, :, 0, :]  # (n, filters_3, L)
        weights = network.head.weight[:, network.config.hidden_size :][torch.from_numpy(classes)]  # (n, filters_3)
        found: NDArray[np.float32] = torch.einsum("nf,nfl->nl", weights, maps).numpy()
    return found
