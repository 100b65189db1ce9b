"""Everything that knows Spark: sessions, tables, cutting records, scoring. No torch at import time."""

from lstm_fcn.spark.scoring import score

__all__ = ["score"]
