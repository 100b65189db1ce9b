"""Results in a folder of Parquet files, replaced partition by partition with renames."""

import uuid
from collections.abc import Sequence
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession

from lstm_fcn.errors import DataError, SettingsError
from lstm_fcn.spark.errors import own_errors_of_tasks
from lstm_fcn.spark.files import Files, files_at
from lstm_fcn.spark.scoring.lock_places import LockFile
from lstm_fcn.spark.scoring.manifest import Key, Manifest, key_text, parse_manifest
from lstm_fcn.spark.scoring.output import keys_that_fulfil, metrics_of_run
from lstm_fcn.spark.scoring.partitions import partition_value
from lstm_fcn.spark.scoring.record_summary import summarize_records, summary_keys
from lstm_fcn.spark.scoring.summary_by import keys_of_summary, refuse_other_keys
from lstm_fcn.spark.table_names import refuse_pattern


class FolderOutput:
    """A folder: `predictions/`, `records/`, `metrics/`, and `runs/` with a manifest a run.

    What begins with an underscore is a run's own: `_lock.json`, `_staging/RUN/`, and, from the moment at which a run
    cannot fail any more, `_publishing.json`, its manifest.

    Parameters
    ----------
    spark : SparkSession
    folder : str
    partition_by : sequence of str
    summary_by : sequence of str
        What each row of `records/` is of.
    """

    replaces_by_condition = False

    def __init__(
        self, spark: SparkSession, folder: str, partition_by: Sequence[str], summary_by: Sequence[str]
    ) -> None:
        refuse_pattern(folder)
        self._spark, self._folder = spark, folder.rstrip("/")
        self._files = files_at(spark, folder)
        self.lock = LockFile(self._files, f"{self._folder}/_lock.json")
        self.partition_by, self._summary_by = list(partition_by), list(summary_by)
        self.refresh()

    def refresh(self) -> None:
        self.last = last_manifest(self._files, self._folder)
        if self.last is not None and self.last.partition_by != self.partition_by:
            was, now = (",".join(columns) or "none" for columns in (self.last.partition_by, self.partition_by))
            raise SettingsError(
                f"the results in {self._folder} are partitioned by: {was}; found --partition-by {now}. Give "
                "the same, or another --output"
            )
        if self.last is None and self._files.names(self._predictions) and not self._files.exists(self._publishing):
            raise DataError(
                f"{self._predictions} is there already, but no run of this job is known that wrote it "
                f"(there is no manifest in {self._folder}/runs): remove it or write somewhere else"
            )

        if not self._files.exists(self._publishing):
            self._refuse_other_records()

    def _refuse_other_records(self) -> None:
        """Refuse a folder `records` that no run wrote, such as one of WFDB files, or with rows of something else."""
        path = f"{self._folder}/records"
        names = self._data_files(path)
        if not names:
            return
        if self.last is not None and self.last.has_records:
            there = summary_keys(self.partition_by, self.last.summary_by)
        else:
            are_of_spark = all(name.endswith(".parquet") or "=" in name for name in names)
            there = keys_of_summary(self._spark.read.parquet(path).columns if are_of_spark else [], path)
        refuse_other_keys(there, summary_keys(self.partition_by, self._summary_by), path)

    @property
    def _predictions(self) -> str:
        return f"{self._folder}/predictions"

    @property
    def _publishing(self) -> str:
        return f"{self._folder}/_publishing.json"

    def _staging(self, run_id: str) -> str:
        return f"{self._folder}/_staging/{run_id}"

    def existing(self, like: DataFrame, where: str | None) -> list[Key]:
        keys = list(self._folders(self._predictions, self.partition_by))
        return keys_that_fulfil(self._spark, keys, where, like, self.partition_by)

    def require_fit(self, predictions: DataFrame, keeps: bool) -> None:
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
        path = f"{self._staging(run_id)}/predictions"
        with own_errors_of_tasks():
            predictions.write.partitionBy(*self.partition_by).parquet(path)
        if not self._files.exists(path):
            raise SettingsError(
                f"what Spark wrote to {path} is not to be seen from here: under Spark Connect give --output a table "
                "(schema.table), or a folder on a disk that client and server share"
            )
        self._staged = self._spark.read.schema(predictions.schema).parquet(path)
        return self._staged

    def publish(self, manifest: Manifest) -> None:
        staging = self._staging(manifest.run_id)
        folders = self._folders(f"{staging}/predictions", self.partition_by)
        if set(folders) != set(manifest.scored):
            odd = sorted(set(folders) ^ set(manifest.scored), key=str)[0]
            raise DataError(f"{key_text(odd, self.partition_by)}: not found, or not expected, in what was staged")
        if manifest.has_records:
            records = summarize_records(self._staged, self.partition_by, manifest.summary_by).coalesce(1)
            records.write.partitionBy(*self.partition_by).parquet(f"{staging}/records")
        written = {
            "written": self._written(f"{staging}/predictions"),
            "written_records": self._written(f"{staging}/records"),
        }
        draft = f"{staging}/manifest.json"
        self._files.replace(draft, manifest.model_copy(update=written).model_dump_json(indent=1))
        self._files.rename(draft, self._publishing)
        self.finish_publishing()

    def finish_publishing(self) -> str | None:
        # Each step can be repeated, and is left out where it was done.
        text = self._files.read(self._publishing)
        manifest = parse_manifest(text, self._publishing) if text is not None else None
        if manifest is not None:
            self._move(manifest)
            self._add_metrics(manifest)
            self._files.rename(self._publishing, f"{self._folder}/runs/{manifest.run_id}.json")
            self.refresh()
        self._files.remove(f"{self._folder}/_staging")
        return None if manifest is None else manifest.run_id

    def note_failure(self, manifest: Manifest) -> None:
        self._files.remove(self._staging(manifest.run_id))
        self._files.replace(f"{self._folder}/runs/{manifest.run_id}.json", manifest.model_dump_json(indent=1))

    def _move(self, manifest: Manifest) -> None:
        for what, written in (("predictions", manifest.written), ("records", manifest.written_records)):
            base, staged = f"{self._folder}/{what}", f"{self._staging(manifest.run_id)}/{what}"
            for folder, files in written.items():
                # By the files' names, since storage without atomic renames can leave a part of them on both sides.
                if self._data_files(f"{base}/{folder}") != files:
                    if not self._files.exists(_below(staged, folder)):
                        raise DataError(
                            f"run {manifest.run_id} was publishing when another finished it, or {staged} was removed: "
                            "start again"
                        )
                    self._put_aside(_below(base, folder), manifest.run_id)
                    self._files.rename(_below(staged, folder), _below(base, folder))
            # Partitions that were removed, and those that were scored and have no records.
            for key, folder in self._folders(base, manifest.partition_by).items():
                if key in manifest.removed or (key in manifest.scored and folder not in written):
                    self._put_aside(_below(base, folder), manifest.run_id)

    def _written(self, staged: str) -> dict[str, list[str]]:
        """List the partitions in a folder, and the files of each."""
        folders = self._folders(staged, self.partition_by).values()
        return {folder: self._data_files(_below(staged, folder)) for folder in folders}

    def _put_aside(self, path: str, run_id: str) -> None:
        if self._files.exists(path):
            self._files.rename(path, f"{self._staging(run_id)}/_old/{uuid.uuid4().hex}")

    def _add_metrics(self, manifest: Manifest) -> None:
        file = f"{self._folder}/metrics/{manifest.run_id}.parquet"
        if self._files.exists(file):
            return
        draft = f"{self._staging(manifest.run_id)}/metrics"
        rows = metrics_of_run(self._spark, manifest)
        rows.write.mode("overwrite").parquet(draft)
        self._files.rename(f"{draft}/{self._data_files(draft)[0]}", file)

    def _data_files(self, folder: str) -> list[str]:
        return [name for name in self._files.names(folder) if not name.startswith(("_", "."))]

    def _folders(self, base: str, partition_by: Sequence[str]) -> dict[Key, str]:
        """Find the partitions below a folder: their values and their paths in it; '' where there are none."""
        found: dict[Key, str] = {(): ""}
        for name in partition_by:
            found = {
                (*key, partition_value(child)): f"{folder}/{child}".lstrip("/")
                for key, folder in found.items()
                for child in self._files.names(_below(base, folder))
                if unquote(child.partition("=")[0]) == name
            }
        return {key: folder for key, folder in found.items() if self._data_files(_below(base, folder))}


def last_manifest(files: Files, folder: str) -> Manifest | None:
    """Read the manifest of the last run that published into a folder.

    Raises
    ------
    DataError
        If one of a later run is no manifest of this job.
    """
    for name in reversed([name for name in files.names(f"{folder}/runs") if name.endswith(".json")]):
        text = files.read(f"{folder}/runs/{name}")
        manifest = parse_manifest(text or "", f"{folder}/runs/{name}")
        if manifest.status == "done":
            return manifest
    return None


def written_types(spark: SparkSession, predictions: str) -> dict[str, str]:
    """Return the types of the partition columns of predictions in a folder, as the run that wrote them noted them.

    Parameters
    ----------
    spark : SparkSession
    predictions : str
        A path. Nothing is known of one that is not a run's 'predictions'.
    """
    folder, _, name = predictions.rstrip("/").rpartition("/")
    if name != "predictions":
        return {}
    try:
        manifest = last_manifest(files_at(spark, folder), folder)
    except (DataError, SettingsError):  # of somebody else, or out of a client's reach
        return {}
    return {} if manifest is None else manifest.partition_types


def _below(base: str, folder: str) -> str:
    return f"{base}/{folder}" if folder else base
