"""The inbox: files dropped in ``<home>/inbox/<channel>/<stream>/``, read by the mapping beside them.

A file stays where it was dropped; the lake knows it by its fingerprint. A file that cannot be taken is moved
to ``inbox/_rejected`` with the reason beside it, so that it is not tried again and again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.clock import utc_now
from common.lake import Arrival, Lake
from common.settings import Settings
from common.streams import STREAMS
from ingestion.files import arrive_file, fingerprint_of
from ingestion.mapping import MappingError
from ingestion.sku_lines import QUARANTINE
from ingestion.tables import FileRejectedError

MAPPING_NAME = "mapping.yml"
MAPPING_SUFFIX = ".mapping.yml"
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
        if path.is_file() and _is_data(path.name) and path.stat().st_mtime <= newest
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
    folder = settings.inbox_dir / "_rejected" / file.channel / file.stream
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / file.path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{file.path.stem}.{number}{file.path.suffix}"
    file.path.rename(target)
    target.with_name(target.name + REASON_SUFFIX).write_text(reason + "\n", encoding="utf-8")
    return target
