"""What ANSI/AAMI EC57 counts otherwise: some beats count neither for nor against an ectopic class.

The rules are those of the comparisons that follow the standard (de Chazal et al. 2004, IEEE Trans. Biomed. Eng. 51(7),
1196-1206): a fusion beat is partly ventricular, so calling it V is no error of V, and what is unclassifiable (Q) is
no error of S or V. The j and the jk index are those of Mar et al. (2011), IEEE Trans. Biomed. Eng. 58(8), 2168-2177.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lstm_fcn.data.labels import CLASSES

_NEITHER_FOR_NOR_AGAINST = {"S": "Q", "V": "FQ"}
"""Class -> the true classes that are left out where that class is predicted."""


def ec57_figures(
    confusion: NDArray[np.float64], plain: Mapping[tuple[str, str], NDArray[np.float64]]
) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Compute the figures that the rules change, and the two indices that sum up S and V.

    Parameters
    ----------
    confusion : (..., 5, 5) array
        Beats by true class (row) and predicted class (column), in the order N, S, V, F, Q.
    plain : mapping
        The figures without the rules, of which Se and kappa are as they are by them.

    Returns
    -------
    dict
        '+P_ec57', 'FPR_ec57' and 'F1_ec57' of S and V; 'j' (Se and +P of both, summed: 0 to 4) and 'jk' (kappa / 2 +
        j / 8: up to 1) of all. NaN where a figure is not defined.
    """
    found = {}
    for name, left_out in _NEITHER_FOR_NOR_AGAINST.items():
        one, others = CLASSES.index(name), [CLASSES.index(each) for each in left_out]
        hits, support = confusion[..., one, one], confusion[..., one, :].sum(axis=-1)
        neither = confusion[..., others, one].sum(axis=-1)
        false = confusion[..., :, one].sum(axis=-1) - hits - neither
        negatives = confusion.sum(axis=(-2, -1)) - support - neither
        with np.errstate(invalid="ignore"):
            found[name, "+P_ec57"] = hits / (hits + false)
            found[name, "FPR_ec57"] = false / negatives
            found[name, "F1_ec57"] = 2 * hits / (support + hits + false)
    j = sum(plain[name, "Se"] + found[name, "+P_ec57"] for name in _NEITHER_FOR_NOR_AGAINST)
    return found | {("all", "j"): np.asarray(j), ("all", "jk"): plain["all", "kappa"] / 2 + np.asarray(j) / 8}
