"""Which encoding a text file has: UTF-8 (with mark or not), UTF-16 with mark, or GBK. Doubt is an error."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

from charset_normalizer import from_bytes

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
# Three-byte UTF-8 characters hardly ever arise by chance in GBK text; a few of them mean damaged UTF-8.
_WIDE = re.compile(r"[\u0800-\uffff]")
_ENOUGH_WIDE = 3
_CANDIDATES = ["gb18030", "big5", "shift_jis", "cp1252"]


class EncodingError(ValueError):
    """The bytes of a file fit no accepted encoding; ``damaged`` when most of them fit one very well."""

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


def detect_encoding(path: Path) -> str:
    """Return the Python name of a text file's encoding, having decoded all of it.

    Raises:
        EncodingError: neither UTF-8 nor GBK, or damaged UTF-8; says where and what to do.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(codecs.BOM_UTF8):
        check_encoding(path, "utf-8-sig")
        return "utf-8-sig"
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        check_encoding(path, "utf-16")
        return "utf-16"
    try:
        check_encoding(path, "utf-8")
    except EncodingError as error:
        guess = _guess(path)
        if error.damaged or guess == "utf_8":
            raise
    else:
        return "utf-8"
    if guess != "gb18030":
        looks = f"it looks like {guess}" if guess else "it looks like no text at all"
        raise EncodingError(f"expected UTF-8 or GBK text, but {looks}; name the encoding in the mapping")
    check_encoding(path, "gb18030")
    return "gb18030"


def check_encoding(path: Path, encoding: str) -> None:
    """Decode a whole file to nothing.

    Raises:
        EncodingError: a byte does not fit.
    """
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, wide = 1, 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                wide += len(_WIDE.findall(before.decode(encoding, "ignore")))
                where = f"line {line + before.count(10)}"
                raise EncodingError(
                    f"expected {encoding} text, got bytes that are not, in {where}",
                    damaged=wide >= _ENOUGH_WIDE,
                ) from None
            if "\0" in text:
                raise EncodingError("expected text, got NUL bytes; is it a CSV file?", damaged=True)
            line += text.count("\n")
            if wide < _ENOUGH_WIDE:
                wide += len(_WIDE.findall(text))
            if not chunk:
                return


def _guess(path: Path) -> str | None:
    """Ask charset-normalizer about the lines that are not plain ASCII; only those tell encodings apart."""
    sample = bytearray()
    with path.open("rb") as file:
        for line in file:
            if not line.isascii():
                sample += line[:_SAMPLE]
            if len(sample) >= _SAMPLE:
                break
    best = from_bytes(bytes(sample), cp_isolation=_CANDIDATES).best()
    return best.encoding if best else None
