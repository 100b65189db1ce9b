"""What a beat can be: the five AAMI classes and the annotation symbols behind them.

Sources: ANSI/AAMI EC57 for the classes; Kachuee et al. (2018) for the symbols of each class, which decide
the published beat table; de Chazal et al. (2004) for the inter-patient groups DS1 and DS2.
"""

from collections.abc import Sequence

CLASSES: tuple[str, ...] = ("N", "S", "V", "F", "Q")
CLASS_NAMES: dict[str, str] = {
    "N": "normal or bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion",
    "Q": "paced or unclassifiable",
}


def is_aami(classes: Sequence[str]) -> bool:
    """Check whether these are the five AAMI classes, in their order."""
    return tuple(classes) == CLASSES


def long_names(classes: Sequence[str]) -> list[str]:
    """Return what each class means: of the AAMI classes their long names, of others the names as they are."""
    return [CLASS_NAMES[name] for name in classes] if is_aami(classes) else list(classes)


_SYMBOLS_OF_CLASS: dict[str, str] = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}

LABEL_OF_SYMBOL: dict[str, int] = {
    symbol: CLASSES.index(name) for name, symbols in _SYMBOLS_OF_CLASS.items() for symbol in symbols
}
"""WFDB annotation symbol -> label; a symbol that is not here (rhythm, noise, ...) is no beat."""

_RECORDS_OF_GROUP: dict[str, str] = {
    "DS1": "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230",
    "DS2": "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234",
    "paced": "102 104 107 217",
}

GROUP_OF_RECORD: dict[str, str] = {
    record: group for group, records in _RECORDS_OF_GROUP.items() for record in records.split()
}
"""MIT-BIH record -> 'DS1' (train), 'DS2' (test) or 'paced' (in neither), so that no patient is in both."""
