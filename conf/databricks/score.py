# Databricks notebook source
# MAGIC %md
# MAGIC # Score a beat table
# MAGIC After `train`, or with `new-patients` as the model: for patients it has never seen. Needs the wheel alone.

# COMMAND ----------

import os

if "dbutils" in globals():
    dbutils.widgets.text("folder", "/Volumes/main/ecg/files")
    FOLDER = dbutils.widgets.get("folder")
else:
    FOLDER = os.path.abspath(os.environ.get("LSTM_FCN_FOLDER", "out/notebooks"))

# COMMAND ----------

from lstm_fcn.spark.session import get_session

spark = get_session("lstm-fcn notebooks")
beats = spark.read.parquet(f"{FOLDER}/beats").where("split = 'test'")  # or spark.table("main.ecg.beats")

# COMMAND ----------

# MAGIC %md
# MAGIC In a notebook a scored table is a step like any other. (`jobs/score.py`, which the scheduled job runs, adds the
# MAGIC guarantees: nothing lost, old results kept, a manifest.)

# COMMAND ----------

from lstm_fcn.spark import score

predictions = beats.transform(score, f"{FOLDER}/model.safetensors")
predictions.write.mode("overwrite").parquet(f"{FOLDER}/predictions")  # or .saveAsTable("main.ecg.predictions")

# COMMAND ----------

# MAGIC %md
# MAGIC In SQL:

# COMMAND ----------

from lstm_fcn.spark import register

register(spark, f"{FOLDER}/model.safetensors")
beats.limit(100).createOrReplaceTempView("some_beats")
spark.sql("SELECT lstm_fcn(beat).predicted_class, count(*) AS beats FROM some_beats GROUP BY 1").show()
