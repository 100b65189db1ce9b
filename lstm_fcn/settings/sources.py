"""How a job's settings are filled: from flags, environment and a YAML file, with errors that name the way out."""

import argparse
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic_settings
import yaml
from pydantic import BeforeValidator, Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, CliImplicitFlag, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from lstm_fcn.data.beats import is_csv
from lstm_fcn.data.table_names import table_parts
from lstm_fcn.errors import SettingsError, did_you_mean

Settings = TypeVar("Settings", bound="JobSettings")


def _split_names(value: Any) -> Any:
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


Names = Annotated[list[str], NoDecode, BeforeValidator(_split_names)]
"""Names with commas between them, in every source; a YAML list is fine too."""


def _parse_json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError(f"expected JSON: {error}") from error


CLASSES_HELP = (
    "what the labels mean: names of the labels 0, 1, ... in their order, or the text labels themselves, or LABEL=NAME, "
    "e.g. --classes=-1=abnormal,1=normal; without it a beat table's labels are AAMI's, N,S,V,F,Q"
)

JsonObject = Annotated[dict[str, Any], NoDecode, BeforeValidator(_parse_json)]
"""Names and values, as JSON in a flag or a variable, which takes the place of all that the file has."""


class JobSettings(BaseSettings):
    """What every job shares: flags win over the environment, the environment over the file."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        cli_kebab_case=True,
        cli_hide_none_type=True,
        cli_parse_none_str="none",
    )

    config: Path | None = Field(None, description="YAML file of settings; see conf/")
    verbose: CliImplicitFlag[bool] = Field(False, description="with an error, show where in the code it is from")

    @field_validator("*", mode="before")
    @classmethod
    def _at_home(cls, value: Any) -> Any:
        """Take ~/ for the home folder where no shell does: in a file, in a variable, behind --flag=."""
        is_at_home = isinstance(value, str) and value.startswith("~/")
        return os.path.expanduser(value) if is_at_home else value  # noqa: PTH111 - a URI is no Path

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose values come as arguments; flags are put first."""
        return env_settings, init_settings


def load_settings(cls: type[Settings], arguments: Sequence[str], program: str) -> Settings:
    """Fill a job's settings.

    Parameters
    ----------
    cls : type
        The job's settings class.
    arguments : sequence of str
        The command line without the program's name.
    program : str
        The program's name, for its help text.

    Raises
    ------
    SettingsError
        If a value is unknown, missing or impossible.
    """
    finder = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    finder.add_argument("--config", default=os.environ.get(_variable(cls, "config")))
    path = finder.parse_known_args(arguments)[0].config
    values = _read_yaml(Path(path)) if path else {}
    known = [name for name in cls.model_fields if name != "config"]
    for name in values:
        _refuse_unknown(str(name), known, f"{path}: unknown setting")
    prefix = _variable(cls, "")
    for name in os.environ:
        if name.startswith(prefix):
            _refuse_unknown(name, [_variable(cls, field) for field in cls.model_fields], "unknown variable")
    try:
        settings = cls(_cli_parse_args=list(arguments), _cli_prog_name=program, **values)
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(cls, item) for item in error.errors())) from error
    except pydantic_settings.SettingsError as error:
        raise SettingsError(f"{error}: {error.__cause__}") from error
    if settings.verbose:
        logging.getLogger("lstm_fcn").setLevel(logging.DEBUG)
    return settings


def require_table(beats: str) -> None:
    """Refuse --rows for what is no beat table.

    Raises
    ------
    ValueError
    """
    if is_csv(beats):
        raise ValueError("--rows goes with a beat table; a .csv file is read whole")


VERSION_HELP = "of a table of Delta or Iceberg: the version to read, e.g. versionAsOf=12; without it the newest one"


def as_options(entries: Sequence[str]) -> dict[str, str]:
    """Take options of a reader apart, each name=value.

    Raises
    ------
    ValueError
    """
    odd = [entry for entry in entries if "=" not in entry]
    if odd:
        raise ValueError(f"expected --beats-options as name=value,name=value, found {odd[0]}")
    return dict(entry.split("=", 1) for entry in entries)


def require_version_of_table(beats: str, entries: Sequence[str]) -> None:
    """Refuse --beats-options that are none, and those for what is no table of the catalog.

    Raises
    ------
    ValueError
    """
    if as_options(entries) and table_parts(beats) is None:
        raise ValueError(
            f"--beats-options {entries[0]} names the version of a table of the catalog (schema.table), found --beats "
            f"{beats}"
        )


def require_local(flag: str, path: Path | None) -> None:
    """Refuse a path that is not on a local disk.

    Raises
    ------
    ValueError
    """
    if path is not None and ":/" in str(path):
        raise ValueError(f"expected {flag} to be a local path, found {path}")


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"cannot read the settings file {path}: {error}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected lines like 'setting: value', found a {type(values).__name__}")
    return values


def _refuse_unknown(name: str, known: list[str], what: str) -> None:
    if name not in known:
        hint = did_you_mean(name, known, f"known: {', '.join(known)}")
        raise SettingsError(f"{what} '{name}'; {hint}")


def _variable(cls: type[JobSettings], name: str) -> str:
    return f"{cls.model_config['env_prefix']}{name.upper()}"


def _explain(cls: type[JobSettings], item: Any) -> str:
    if not item["loc"]:
        return str(item["msg"]).removeprefix("Value error, ")
    name = str(item["loc"][0])
    flag = "--" + name.replace("_", "-")
    sources = f"set it with {flag}, {_variable(cls, name)} or '{name}:' in the --config file"
    meaning = cls.model_fields[name].description
    if item["type"] == "missing":
        return f"{flag} is missing ({meaning}); {sources}"
    reason = str(item["msg"]).removeprefix("Value error, ")
    return f"{flag} ({meaning}): {reason}, found {item['input']!r}; {sources}"
