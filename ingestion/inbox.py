"""The inbox: files dropped in ``<home>/inbox/<channel>/<stream>/``, read by the mapping beside them.

Files that belong together come as a folder with a manifest, ``<home>/inbox/<channel>/<any name>/``, and are taken
together (see ``ingestion.manifests``).

A file stays where it was dropped; the lake knows it by its fingerprint. A file that cannot be taken is moved
to ``inbox/_rejected`` with the reason beside it, so that it is not tried again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.clock import utc_now
from common.lake import Arrival, Lake
from common.settings import Settings
from common.streams import CHANNELS, STREAMS
from ingestion.files import arrive_file, fingerprint_of
from ingestion.manifests import MAPPING_SUFFIX, Drop, look_at, manifest_in, mapping_of
from ingestion.mapping import MappingError
from ingestion.sku_lines import QUARANTINE
from ingestion.tables import FileRejectedError

MAPPING_NAME = "mapping.yml"
REASON_SUFFIX = ".reason.txt"
_NOT_FILES = (".", "~$", "_")
# A file that changed a moment ago may still be on its way in.
SETTLE_SECONDS = 2.0


@dataclass(frozen=True)
class InboxFile:
    """A dropped file that was not loaded yet. ``mapping_path`` is None when no mapping lies beside it."""

    channel: str
    stream: str
    path: Path
    mapping_path: Path | None
    fingerprint: str | None


def waiting(settings: Settings, lake: Lake, *, settle_seconds: float = SETTLE_SECONDS) -> list[InboxFile]:
    """Return the files that were neither loaded, held by the gate nor rejected, oldest first."""
    newest = utc_now().timestamp() - settle_seconds
    found = [
        path
        for path in settings.inbox_dir.glob("[!_.]*/[!_.]*/*")
        if path.is_file()
        and _is_data(path.name)
        and path.stat().st_mtime <= newest
        and not _is_drop(path.parent)
    ]
    found.sort(key=lambda path: (path.stat().st_mtime_ns, str(path)))
    known = {key: _known_fingerprints(lake, key) for key in {_stream_key(path) for path in found}}
    files = [_describe(path) for path in found]
    return [each for each in files if each.fingerprint not in known[f"{each.channel}/{each.stream}"]]


def arrive(settings: Settings, lake: Lake, file: InboxFile) -> list[Arrival]:
    """Read one dropped file and return its arrivals.

    Raises:
        FileRejectedError: the file was moved to ``inbox/_rejected``, with a text file that says why.
    """
    try:
        if file.mapping_path is None:
            raise MappingError(
                f"{file.path.name}: expected {MAPPING_NAME} or {file.path.name}{MAPPING_SUFFIX} beside it; "
                "write one (ingestion/mappings/generic_shop.yml is an example) and drop the file again"
            )
        return arrive_file(settings, lake, file.channel, file.stream, file.path, file.mapping_path)
    except (FileRejectedError, MappingError) as error:
        moved = _reject(settings, file, str(error))
        raise FileRejectedError(f"{error} (moved to {moved})") from error


def drops(settings: Settings, lake: Lake, *, settle_seconds: float = SETTLE_SECONDS) -> list[Drop]:
    """Return the folders with a manifest (or still without) of which a file was not loaded yet, by name."""
    folders = sorted(
        path for path in settings.inbox_dir.glob("[!_.]*/[!_.]*") if path.is_dir() and _is_drop(path)
    )
    found = [look_at(path.parent.name, path, settle_seconds=settle_seconds) for path in folders]
    return [drop for drop in found if not (drop.complete and _is_loaded(lake, drop))]


def arrive_drop(settings: Settings, lake: Lake, drop: Drop) -> list[Arrival]:
    """Read the files of a complete drop and return all their arrivals, to be admitted or held together.

    Raises:
        FileRejectedError: the drop is not complete; or a file cannot be taken, then the folder was moved to
            ``inbox/_rejected``, with a text file that says why, and nothing of it arrived.
    """
    if drop.manifest is None or not drop.complete:
        raise FileRejectedError(drop.told())
    about = {"as_of": drop.manifest.as_of.isoformat(), "exported_by": drop.manifest.exported_by}
    arrivals: list[Arrival] = []
    try:
        for file in drop.manifest.files:
            path, mapping_path = drop.folder / file.path, mapping_of(drop.folder, file)
            details = {"manifest": {**about, "folder": drop.folder.name}}
            arrivals += arrive_file(
                settings, lake, drop.channel, file.stream, path, mapping_path, details=details
            )
    except (FileRejectedError, MappingError) as error:
        for arrival in arrivals:
            lake.discard(arrival)
        moved = _moved(settings.inbox_dir / "_rejected" / drop.channel, drop.folder, str(error))
        raise FileRejectedError(f"{error} (the folder was moved to {moved})") from error
    return arrivals


def _is_drop(folder: Path) -> bool:
    """A folder with a manifest; or one that is named like no stream: its manifest may still be on its way."""
    known = f"{folder.parent.name}/{folder.name}" in STREAMS or folder.parent.name not in CHANNELS
    return manifest_in(folder) is not None or not known


def _is_loaded(lake: Lake, drop: Drop) -> bool:
    assert drop.manifest is not None
    return all(
        fingerprint_of(drop.folder / file.path, mapping_of(drop.folder, file))
        in _known_fingerprints(lake, f"{drop.channel}/{file.stream}")
        for file in drop.manifest.files
    )


def _is_data(name: str) -> bool:
    return not name.startswith(_NOT_FILES) and name != MAPPING_NAME and not name.endswith(MAPPING_SUFFIX)


def _stream_key(path: Path) -> str:
    return f"{path.parent.parent.name}/{path.parent.name}"


def _describe(path: Path) -> InboxFile:
    candidates = (path.with_name(path.name + MAPPING_SUFFIX), path.with_name(MAPPING_NAME))
    mapping_path = next((each for each in candidates if each.is_file()), None)
    fingerprint = fingerprint_of(path, mapping_path) if mapping_path else None
    return InboxFile(path.parent.parent.name, path.parent.name, path, mapping_path, fingerprint)


def _known_fingerprints(lake: Lake, key: str) -> set[str | None]:
    stream = STREAMS.get(key)
    if stream is None:
        return set()
    known = {load.fingerprint for load in lake.loads(stream)}
    known |= {held.report.fingerprint for held in lake.held(stream)}
    # Of a file whose rows were all refused, only quarantine knows.
    known |= {
        load.fingerprint
        for load in lake.loads(QUARANTINE)
        if load.details.get("of") == key and load.details.get("good_rows") == 0
    }
    return known - {None}


def _reject(settings: Settings, file: InboxFile, reason: str) -> Path:
    return _moved(settings.inbox_dir / "_rejected" / file.channel / file.stream, file.path, reason)


def _moved(folder: Path, path: Path, reason: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{number}{path.suffix}"
    path.rename(target)
    target.with_name(target.name + REASON_SUFFIX).write_text(reason + "\n", encoding="utf-8")
    return target
