"""Records, beats and labels, without Spark and torch.

Read `labels` (the five AAMI classes) and `splits` (train and test), then `records` (what a record is) with `wfdb_files`
and `edf_files`, `detection` (beats where nobody annotated them), `cutting` (records to beats) and `beats` (the beat
table) with `beat_files`, `table_names` and `label_scheme`. `simulate` writes records to try the rest on.
"""
