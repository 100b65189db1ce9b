# Databricks notebook source
# MAGIC %md
# MAGIC # Evaluate predictions
# MAGIC After `score`. Needs the wheel with `[report,records]`.

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

# COMMAND ----------

from lstm_fcn.settings.evaluate import EvaluateSettings

settings = EvaluateSettings(
    predictions=f"{FOLDER}/predictions",  # or a table: main.ecg.predictions
    output=f"{FOLDER}/report",
    model=f"{FOLDER}/model.safetensors",
    beats=f"{FOLDER}/beats",
    records=f"{FOLDER}/records",
)

# COMMAND ----------

from lstm_fcn.evaluation.metrics import format_metrics
from lstm_fcn.spark.evaluation.job import EvaluationRun

run = EvaluationRun(spark, settings)
content = run.evaluate()
print(format_metrics(content.estimates, run.classes))

# COMMAND ----------

from lstm_fcn.evaluation.report.page import render
from lstm_fcn.spark.evaluation.output import write_evaluation

page = render(content)
print(write_evaluation(spark, content, run.changed, page, settings))

# COMMAND ----------

if "displayHTML" in globals():
    displayHTML(page)
