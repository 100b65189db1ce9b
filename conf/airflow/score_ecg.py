"""Score the day's ECGs every night: an Airflow DAG, prepare -> score -> evaluate.

The day's annotated records lie in DATA/records/YYYY-MM-DD (WFDB). The logical date names the partition: at three
in the morning that of the day before, whose records are all there. A task that is repeated replaces its own day, so
retries are safe; one run at a time. The jobs' run ids are their own, for each retry is a run.

Wants apache-airflow-providers-apache-spark, a connection `spark_default`, and in the Python of the Airflow worker this
package with its extras [records,report]; the executors get the environment that `make dist` packed. Variables name the
places:

airflow variables set lstm_fcn_home /srv/lstm-fcn   # the folder with jobs/, conf/ and dist/
airflow variables set lstm_fcn_data s3a://ecg       # records, beats, predictions, reports
"""

from datetime import datetime, timedelta, timezone

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG
from airflow.timetables.interval import CronDataIntervalTimetable

HOME, DATA = (f"{{{{ var.value.lstm_fcn_{name} }}}}" for name in ("home", "data"))
DAY = "day = '{{ ds }}'"


def job(name: str, *arguments: str) -> SparkSubmitOperator:
    """Submit one of the jobs."""
    return SparkSubmitOperator(
        task_id=name,
        name=f"lstm-fcn {name} {{{{ ds }}}}",
        application=f"{HOME}/jobs/{name}.py",
        application_args=list(arguments),
        properties_file=f"{HOME}/conf/spark-defaults.conf",
        # Here, because the operator's own `archives` is no template.
        conf={
            "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={HOME}/conf/log4j2.properties",
            "spark.driver.defaultJavaOptions": "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
            "spark.archives": f"{HOME}/dist/environment.tar.gz#environment",
            "spark.pyspark.python": "./environment/bin/python",
            "spark.pyspark.driver.python": "python3",
        },
    )


with DAG(
    dag_id="score_ecg",
    description="records to beats, predictions and a report, a day at a time",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=15)},
    doc_md=__doc__,
) as dag:
    prepare = job(
        "prepare",
        "--records",
        f"{DATA}/records/{{{{ ds }}}}",
        "--output",
        f"{DATA}/beats/day={{{{ ds }}}}",
        "--replace",
    )
    score = job(
        "score",
        *("--beats", f"{DATA}/beats", "--where", DAY, "--partition-by", "day"),
        *("--model", "new-patients", "--output", f"{DATA}/scored", "--max-error-fraction", "0.05"),
    )
    evaluate = job(
        "evaluate",
        "--predictions",
        f"{DATA}/scored",
        "--where",
        DAY,
        "--model",
        "new-patients",
        "--output",
        f"{DATA}/report",
    )
    prepare >> score >> evaluate
