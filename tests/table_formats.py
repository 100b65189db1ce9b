"""Delta and Iceberg for tests: their jars, from the folder TABLE_JARS, and the session's settings."""

import os
from pathlib import Path

import pyspark

_VERSION = ".".join(pyspark.__version__.split(".")[:2])
_DELTA = {
    "4.1": ("delta-spark_4.1_2.13-4.3.1.jar", "delta-storage-4.3.1.jar"),
    "3.5": ("delta-spark_2.12-3.3.2.jar", "delta-storage-3.3.2.jar"),
}
_ICEBERG = {"4.1": ("iceberg-spark-runtime-4.1_2.13-1.12.0.jar",)}
_EXTENSIONS = {
    "delta": "io.delta.sql.DeltaSparkSessionExtension",
    "iceberg": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
}


def formats() -> dict[str, list[str]]:
    """The formats whose jars for this Spark are there, and these."""
    if not os.environ.get("TABLE_JARS"):
        return {}
    folder = Path(os.environ["TABLE_JARS"]).resolve()
    known = {"delta": _DELTA.get(_VERSION, ()), "iceberg": _ICEBERG.get(_VERSION, ())}
    return {
        name: [str(folder / jar) for jar in jars]
        for name, jars in known.items()
        if jars and all((folder / jar).exists() for jar in jars)
    }


def why_without(kind: str) -> str:
    """Why there is no such format here."""
    where = os.environ.get("TABLE_JARS")
    return f"no {kind} for Spark {_VERSION} in TABLE_JARS={where}" if where else "needs TABLE_JARS, the formats' jars"


def settings_of_jars() -> dict[str, str]:
    """What Spark must be started with; it changes nothing for tables of other formats."""
    found = formats()
    if not found:
        return {}
    jars = [jar for each in found.values() for jar in each]
    return {"spark.jars": ",".join(jars), "spark.sql.extensions": ",".join(_EXTENSIONS[name] for name in found)}


def settings_of_catalogs(folder: Path) -> dict[str, str]:
    """Delta in the session's catalog, and Iceberg in one named ice, with its tables in a folder."""
    found, settings = formats(), {}
    if "delta" in found:
        settings["spark.sql.catalog.spark_catalog"] = "org.apache.spark.sql.delta.catalog.DeltaCatalog"
        settings["spark.databricks.delta.snapshotPartitions"] = "1"  # of these small tables
    if "iceberg" in found:
        settings["spark.sql.catalog.ice"] = "org.apache.iceberg.spark.SparkCatalog"
        settings["spark.sql.catalog.ice.type"] = "hadoop"
        settings["spark.sql.catalog.ice.warehouse"] = str(folder)
    return settings


def own_settings(kind: str, folder: Path) -> dict[str, str]:
    """What goes in place of settings in conf/spark-KIND.conf: jars for the package, and one folder for all tables."""
    own = {
        "spark.jars.packages": "",
        "spark.jars": ",".join(formats()[kind]),
        "spark.sql.warehouse.dir": f"{folder}/warehouse",
        "spark.hadoop.javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={folder}/metastore;create=true",
        "spark.driver.extraJavaOptions": (
            f"-Dlog4j2.configurationFile=conf/log4j2.properties -Dderby.system.home={folder}"
        ),
    }
    if kind == "iceberg":
        own |= {"spark.sql.catalog.ice.type": "hadoop", "spark.sql.catalog.ice.warehouse": f"{folder}/ice"}
    return own
