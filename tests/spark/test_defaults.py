"""conf/spark-defaults.conf, which Spark takes whatever it says."""

from pathlib import Path

from pyspark.sql import SparkSession

DEFAULTS = Path(__file__).parents[2] / "conf" / "spark-defaults.conf"


def test_every_setting_is_one_that_this_spark_knows(spark: SparkSession):
    lines = [line.split() for line in DEFAULTS.read_text().splitlines() if line and not line.startswith("#")]
    names = [name for name, _ in lines if not name.startswith("spark.executorEnv.")]  # any variable may follow
    find = spark._jvm.org.apache.spark.internal.config.ConfigEntry.findEntry
    assert "spark.speculation" in names
    assert [name for name in names if find(name) is None] == []
    assert find("spark.speculations") is None
