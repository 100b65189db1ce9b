# Databricks notebook source
# MAGIC %md
# MAGIC # Train an LSTM-FCN on heartbeats
# MAGIC Needs the wheel with `[records,train]` as a library of the cluster or of the serverless environment.
# MAGIC `[all]` would install pyspark, which serverless compute refuses.

# COMMAND ----------

import os

if "dbutils" in globals():
    dbutils.widgets.text("folder", "/Volumes/main/ecg/files")
    FOLDER = dbutils.widgets.get("folder")
else:
    FOLDER = os.environ.get("LSTM_FCN_FOLDER", "out/notebooks")

# COMMAND ----------

from lstm_fcn.spark.session import get_session

spark = get_session("lstm-fcn notebooks")

# COMMAND ----------

# MAGIC %md
# MAGIC Records: your own below `FOLDER/records`, or else four simulated ones. The last one is held out whole.

# COMMAND ----------

from pathlib import Path

from lstm_fcn.data.simulate import write_records

records = Path(FOLDER, "records")
if not records.exists():
    write_records(records, records=4, seconds=120, seed=0)

# COMMAND ----------

from lstm_fcn.spark.prepare.output import write_beats
from lstm_fcn.spark.prepare.records import Reading, beats_of_records

last = max(file.stem for file in records.glob("*.hea"))
beats = beats_of_records(spark, str(records.absolute()), Reading(test_records=(last,)))
write_beats(beats, f"{Path(FOLDER).absolute()}/beats", replace=True, most_failed=0)

# COMMAND ----------

from lstm_fcn.data.beats import read_beats

train = read_beats(f"{FOLDER}/beats", "split", "train")
print(f"{len(train):,} beats to train on; by class: {train.class_counts(5).tolist()}")

# COMMAND ----------

from lstm_fcn import LSTMFCNClassifier

classifier = LSTMFCNClassifier(epochs=3, batch_size=32, filters_2=64, class_weights="sqrt", random_state=0)
classifier.fit(train.series, train.labels)
classifier.save(f"{FOLDER}/model.safetensors")
print(f"{FOLDER}/model.safetensors")
