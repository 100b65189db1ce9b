# Databricks notebook source
# MAGIC %md
# MAGIC # Look at what came out
# MAGIC After `evaluate`. Needs the wheel with `[plots]`.

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
predictions = spark.read.parquet(f"{FOLDER}/predictions")
predictions.groupBy("label", "predicted_class").count().orderBy("label", "predicted_class").show()

# COMMAND ----------

metrics = spark.read.parquet(f"{FOLDER}/report/metrics")
metrics.where("group_by IS NULL AND metric IN ('Se', '+P', 'F1')").orderBy("class", "metric").show(15)

# COMMAND ----------

# MAGIC %md
# MAGIC The beats that the model was least sure of.

# COMMAND ----------

from pyspark.sql import functions as F

unsure = predictions.select("record", "sample", F.array_max("probability").alias("confidence")).orderBy("confidence")
series = unsure.limit(6).join(spark.read.parquet(f"{FOLDER}/beats"), ["record", "sample"])
shown = series.select("record", "sample", "symbol", "beat").toPandas()

# COMMAND ----------

from matplotlib.figure import Figure

figure = Figure(figsize=(10, 4), layout="constrained")
for axes, row in zip(figure.subplots(2, 3).flat, shown.itertuples()):
    axes.plot(row.beat)
    axes.set_title(f"{row.record}, {row.sample}: {row.symbol}", fontsize=8)
figure.savefig(f"{FOLDER}/unsure.png")

# COMMAND ----------

if "display" in globals():
    display(figure)
