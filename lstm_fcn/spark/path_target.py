"""Results in a folder of Parquet files, replaced partition by partition with renames."""

import uuid
from collections.abc import Sequence
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.manifest import Key, Manifest, key_text, parse_manifest
from lstm_fcn.spark.evaluating import metrics_table
from lstm_fcn.spark.files import files_at
from lstm_fcn.spark.locks import LockFile
from lstm_fcn.spark.tables import PATTERN, own_errors_of_tasks
from lstm_fcn.spark.target import keys_that_fulfil

_NULL = "__HIVE_DEFAULT_PARTITION__"


class PathTarget:
    """A folder: `predictions/`, `metrics/`, and `runs/` with a manifest a run.

    What begins with an underscore is a run's own: `_lock.json`, `_staging/RUN/`, and, from the moment at which a run
    cannot fail any more, `_publishing.json`, its manifest.

    Parameters
    ----------
    spark : SparkSession
    folder : str
    partition_by : sequence of str
    """

    def __init__(self, spark: SparkSession, folder: str, partition_by: Sequence[str]) -> None:
        if PATTERN.search(folder):
            raise SettingsError(f"expected --output without any of * ? [ ] {{ }} \\, found {folder}")
        self._spark, self._folder = spark, folder.rstrip("/")
        self._files = files_at(spark, folder)
        self.lock = LockFile(self._files, f"{self._folder}/_lock.json")
        self.partition_by = list(partition_by)
        self.refresh()

    def refresh(self) -> None:
        """See `Target`."""
        last, folder, partition_by = self.last(), self._folder, self.partition_by
        if last is not None and last.partition_by != self.partition_by:
            was = ",".join(last.partition_by) or "none"
            raise SettingsError(
                f"the results in {folder} are partitioned by: {was}; found --partition-by "
                f"{','.join(partition_by) or 'none'}. Give the same, or another --output"
            )
        if last is None and self._files.names(self._predictions) and not self._files.exists(self._publishing):
            raise DataError(
                f"{self._predictions} is there already, but no run of this job is known that wrote it "
                f"(there is no manifest in {self._folder}/runs): remove it or write somewhere else"
            )

    @property
    def _predictions(self) -> str:
        return f"{self._folder}/predictions"

    @property
    def _publishing(self) -> str:
        return f"{self._folder}/_publishing.json"

    def _staging(self, run_id: str) -> str:
        return f"{self._folder}/_staging/{run_id}"

    def last(self) -> Manifest | None:
        """See `Target`."""
        runs = f"{self._folder}/runs"
        for name in reversed([name for name in self._files.names(runs) if name.endswith(".json")]):
            text = self._files.read(f"{runs}/{name}")
            manifest = parse_manifest(text or "", f"{runs}/{name}")
            if manifest.status == "done":
                return manifest
        return None

    def existing(self, like: DataFrame, where: str | None) -> list[Key]:
        """See `Target`."""
        keys = list(self._folders(self._predictions, self.partition_by))
        return keys_that_fulfil(self._spark, keys, where, like, self.partition_by)

    def require_fit(self, predictions: DataFrame, keeps: bool) -> None:
        """See `Target`."""
        if not keeps:
            return
        there = self._spark.read.parquet(self._predictions).dtypes
        # Without a schema the types of partition columns are guessed from the names of folders.
        was, now = (
            {each for each in dtypes if each[0] not in self.partition_by} for dtypes in (there, predictions.dtypes)
        )
        if was != now:
            odd = ", ".join(sorted(" ".join(each) for each in was ^ now))
            raise DataError(
                f"the columns of the partitions that stay in {self._predictions} are not those of this run: {odd}. "
                "Write the same columns, or give another --output"
            )

    def stage(self, predictions: DataFrame, run_id: str) -> DataFrame:
        """See `Target`."""
        path = f"{self._staging(run_id)}/predictions"
        with own_errors_of_tasks():
            predictions.write.partitionBy(*self.partition_by).parquet(path)
        if not self._files.exists(path):
            raise SettingsError(
                f"what Spark wrote to {path} is not to be seen from here: under Spark Connect give --output a table "
                "(schema.table), or a folder on a disk that client and server share"
            )
        return self._spark.read.schema(predictions.schema).parquet(path)

    def publish(self, manifest: Manifest) -> None:
        """See `Target`."""
        staged = f"{self._staging(manifest.run_id)}/predictions"
        folders = self._folders(staged, self.partition_by)
        if set(folders) != set(manifest.scored):
            odd = sorted(set(folders) ^ set(manifest.scored), key=str)[0]
            raise DataError(f"{key_text(odd, self.partition_by)}: not found, or not expected, in what was staged")
        written = {folder: self._data_files(_below(staged, folder)) for folder in folders.values()}
        draft = f"{self._staging(manifest.run_id)}/manifest.json"
        self._files.replace(draft, manifest.model_copy(update={"written": written}).model_dump_json(indent=1))
        self._files.rename(draft, self._publishing)
        self.finish_publishing()

    def finish_publishing(self) -> str | None:
        """See `Target`. Each step can be repeated, and is left out where it was done."""
        text = self._files.read(self._publishing)
        manifest = parse_manifest(text, self._publishing) if text is not None else None
        if manifest is not None:
            self._move(manifest)
            self._add_metrics(manifest)
            self._files.rename(self._publishing, f"{self._folder}/runs/{manifest.run_id}.json")
        self._files.remove(f"{self._folder}/_staging")
        return None if manifest is None else manifest.run_id

    def note_failure(self, manifest: Manifest) -> None:
        """See `Target`."""
        self._files.remove(self._staging(manifest.run_id))
        self._files.replace(f"{self._folder}/runs/{manifest.run_id}.json", manifest.model_dump_json(indent=1))

    def _move(self, manifest: Manifest) -> None:
        staged = f"{self._staging(manifest.run_id)}/predictions"
        for folder, files in manifest.written.items():
            # By the files' names, since storage without atomic renames can leave a part of them on both sides.
            if self._data_files(f"{self._predictions}/{folder}") != files:
                if not self._files.exists(_below(staged, folder)):
                    raise DataError(
                        f"run {manifest.run_id} was publishing when another finished it, or {staged} was removed: "
                        "start again"
                    )
                self._put_aside(folder, manifest.run_id)
                self._files.rename(_below(staged, folder), _below(self._predictions, folder))
        there = self._folders(self._predictions, manifest.partition_by)
        for key in manifest.removed:
            if key in there:
                self._put_aside(there[key], manifest.run_id)

    def _put_aside(self, folder: str, run_id: str) -> None:
        path = _below(self._predictions, folder)
        if self._files.exists(path):
            self._files.rename(path, f"{self._staging(run_id)}/_old/{uuid.uuid4().hex}")

    def _add_metrics(self, manifest: Manifest) -> None:
        file = f"{self._folder}/metrics/{manifest.run_id}.parquet"
        if self._files.exists(file):
            return
        draft = f"{self._staging(manifest.run_id)}/metrics"
        rows = metrics_table(self._spark, manifest.metrics, manifest.run_id, manifest.model)
        rows.write.mode("overwrite").parquet(draft)
        self._files.rename(f"{draft}/{self._data_files(draft)[0]}", file)

    def _data_files(self, folder: str) -> list[str]:
        return [name for name in self._files.names(folder) if not name.startswith(("_", "."))]

    def _folders(self, base: str, partition_by: Sequence[str]) -> dict[Key, str]:
        """Find the partitions below a folder: their values and their paths in it; '' where there are none."""
        found: dict[Key, str] = {(): ""}
        for name in partition_by:
            found = {
                (*key, _value(child)): f"{folder}/{child}".lstrip("/")
                for key, folder in found.items()
                for child in self._files.names(_below(base, folder))
                if unquote(child.partition("=")[0]) == name
            }
        return {key: folder for key, folder in found.items() if self._data_files(_below(base, folder))}


def _below(base: str, folder: str) -> str:
    return f"{base}/{folder}" if folder else base


def _value(folder: str) -> str | None:
    value = unquote(folder.partition("=")[2])
    return None if value == _NULL else value
