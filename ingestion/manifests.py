"""File drops with a manifest: a folder in the inbox that says which files belong together, and how to know them.

``<inbox>/<channel>/<any name>/manifest.yml`` (or ``.json``) names each file with its stream, mapping, sha256 and
rows. Nothing is taken until every file is there as the manifest says; then all are taken together, once.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from common.clock import utc_now
from common.streams import STREAMS
from ingestion.contract_fields import FILE_CONTRACTS
from ingestion.mapping import MappingError, explain, find_mapping, load_mapping
from ingestion.tables import SUFFIXES, FileRejectedError, open_table

MANIFEST_NAMES = ("manifest.yml", "manifest.yaml", "manifest.json")
MAPPING_SUFFIX = ".mapping.yml"


class ManifestFile(BaseModel):
    """One file of a drop. ``rows`` are those under the header, good or bad; blank ones do not count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1)
    stream: str
    mapping: str = Field(min_length=1, description="File beside it, or the name of a shipped mapping")
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    rows: int = Field(ge=0)

    @field_validator("path", "mapping")
    @classmethod
    def _inside(cls, value: str) -> str:
        if Path(value).name != value or value.startswith("."):
            raise ValueError("expected the name of a file in the manifest's own folder")
        return value


class Manifest(BaseModel):
    """What a person exported: ``as_of`` is the day the files show, ``exported_by`` who to ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exported_by: str = Field(min_length=1)
    as_of: dt.date
    files: list[ManifestFile] = Field(min_length=1)


@dataclass(frozen=True)
class Drop:
    """A folder of the inbox that waits. ``missing`` may still be on its way; ``wrong`` needs somebody."""

    channel: str
    folder: Path
    manifest: Manifest | None = None
    missing: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every file is there as the manifest says."""
        return self.manifest is not None and not self.missing and not self.wrong

    @property
    def keys(self) -> list[str]:
        """The streams of the drop's files."""
        files = self.manifest.files if self.manifest else []
        return list(dict.fromkeys(f"{self.channel}/{file.stream}" for file in files))

    def told(self) -> str:
        """Return what is not as it should be, in one line."""
        return f"{self.folder.name}: " + "; ".join([*self.wrong, *self.missing])


def manifest_in(folder: Path) -> Path | None:
    """Return the manifest of a folder, None when there is none."""
    return next((folder / name for name in MANIFEST_NAMES if (folder / name).is_file()), None)


def look_at(channel: str, folder: Path, *, settle_seconds: float) -> Drop:
    """Compare a folder with its manifest."""
    path = manifest_in(folder)
    if path is None:
        return Drop(
            channel, folder, missing=["expected manifest.yml; `siyu ingest manifest FOLDER` writes one"]
        )
    try:
        manifest = read_manifest(path)
    except ValueError as error:
        return Drop(channel, folder, wrong=[str(error)])
    drop = Drop(channel, folder, manifest)
    newest = utc_now().timestamp() - settle_seconds
    for file in manifest.files:
        found = folder / file.path
        if not found.is_file():
            drop.missing.append(f"{file.path}: expected a file of {file.rows} rows, it is not there yet")
        elif found.stat().st_mtime > newest:
            drop.missing.append(f"{file.path}: it changed a moment ago, it may still be on its way")
        else:
            drop.wrong.extend(_differences(channel, folder, file))
    named = {file.path for file in manifest.files}
    drop.wrong.extend(
        f"{name}: the manifest does not name it; write the manifest anew or take the file out"
        for name in _data_files(folder)
        if name not in named
    )
    return drop


def read_manifest(path: Path) -> Manifest:
    """Read a manifest, YAML or JSON.

    Raises:
        ValueError: unreadable or wrong; every problem is named.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path.name}: expected readable UTF-8 YAML or JSON, got: {error}") from error
    if not isinstance(raw, dict):
        raise ValueError(f"{path.name}: expected exported_by, as_of and files, got {type(raw).__name__}")
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        raise ValueError(explain(path, error)) from error
    paths = [file.path for file in manifest.files]
    if twice := sorted({each for each in paths if paths.count(each) > 1}):
        raise ValueError(f"{path.name}: expected each file once, got {', '.join(twice)} more than once")
    return manifest


def mapping_of(folder: Path, file: ManifestFile) -> Path:
    """Return the mapping of a file: one beside it, or a shipped one.

    Raises:
        MappingError: neither.
    """
    beside = folder / file.mapping
    return beside if beside.is_file() else find_mapping(Path(file.mapping))


def _differences(channel: str, folder: Path, file: ManifestFile) -> list[str]:
    found = folder / file.path
    digest = sha256_of(found)
    if digest != file.sha256:
        return [
            f"{file.path}: expected sha256 {file.sha256[:12]}..., got {digest[:12]}...: it was changed, or the copy "
            "is not whole; copy it again or write the manifest anew"
        ]
    try:
        rows = count_rows(f"{channel}/{file.stream}", found, mapping_of(folder, file))
    except (MappingError, FileRejectedError) as error:
        return [str(error)]
    return [] if rows == file.rows else [f"{file.path}: expected {file.rows} rows, got {rows}"]


def sha256_of(path: Path) -> str:
    """Return a file's sha256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def count_rows(stream_key: str, path: Path, mapping_path: Path) -> int:
    """Return how many rows a file has under its header, blank ones left out.

    Raises:
        FileRejectedError, MappingError: the file or its mapping cannot be read.
    """
    with open_table(path, load_mapping(mapping_path, stream_key)) as table:
        return sum(1 for _ in table.rows)


def write_manifest(
    channel: str, folder: Path, *, exported_by: str, as_of: dt.date, mapping: str | None = None
) -> Path:
    """Write ``manifest.yml`` for the data files of a folder, and return its path.

    A file's stream is what its name begins with (``contacts_2026-11.csv``); its mapping is ``mapping``, or
    ``<file>.mapping.yml``, ``<stream>.mapping.yml`` or ``mapping.yml`` beside it.

    Raises:
        ValueError: no data files, a name that tells no stream, no mapping, or a file that cannot be read.
    """
    names = _data_files(folder) if folder.is_dir() else []
    if not names:
        raise ValueError(f"{folder}: expected a folder with data files ({', '.join(SUFFIXES)})")
    streams = [key.partition("/")[2] for key in FILE_CONTRACTS if key.startswith(f"{channel}/")]
    if not streams:
        known = ", ".join(sorted({key.partition("/")[0] for key in FILE_CONTRACTS}))
        raise ValueError(f"no channel {channel!r} takes files; known: {known}")
    files = [_describe(channel, folder, name, streams, mapping) for name in names]
    manifest = Manifest(exported_by=exported_by, as_of=as_of, files=files)
    path, scratch = folder / MANIFEST_NAMES[0], folder / ".manifest.new"
    scratch.write_text(
        yaml.safe_dump(manifest.model_dump(), allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    scratch.rename(path)
    return path


def _describe(channel: str, folder: Path, name: str, streams: list[str], mapping: str | None) -> ManifestFile:
    fitting = [stream for stream in streams if name.startswith(stream)]
    if not fitting:
        raise ValueError(
            f"{name}: expected a name that begins with its stream, one of {', '.join(streams)}; rename it"
        )
    stream = max(fitting, key=len)
    assert f"{channel}/{stream}" in STREAMS
    candidates = (
        [mapping] if mapping else [f"{name}{MAPPING_SUFFIX}", f"{stream}{MAPPING_SUFFIX}", "mapping.yml"]
    )
    chosen = next(
        (each for each in candidates if (folder / each).is_file()), candidates[0] if mapping else None
    )
    if chosen is None:
        raise ValueError(f"{name}: expected one of {', '.join(candidates)} beside it, or --mapping NAME")
    known = ManifestFile(path=name, stream=stream, mapping=chosen, sha256=sha256_of(folder / name), rows=0)
    rows = count_rows(f"{channel}/{stream}", folder / name, mapping_of(folder, known))
    return known.model_copy(update={"rows": rows})


def _data_files(folder: Path) -> list[str]:
    return sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "~$", "_"))
    )
