"""The content library (内容库): what may be said, by code, in variants, checked against the platforms' limits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from activation.messages.placed_yaml import Entries, Entry, read_entries

CONTENT_PATH = Path(__file__).parent / "content.yml"
DEFAULT = ""
"""Variant code of a content without variants."""

_TEXT_BYTES, _MOST_ATTACHMENTS = 4000, 9
_LINK_BYTES = {"title": 128, "url": 2048, "picurl": 2048, "desc": 512}
_CODE = r"^[a-z][a-z0-9_]{0,62}$"
Code = Annotated[str, Field(pattern=_CODE)]
Scene = Literal["warmth", "knowledge", "standing", "selling"]


class Link(Entry):
    """A link card."""

    code: str = ""
    title: str = Field(min_length=1)
    url: str = Field(pattern=r"^https?://\S+$")
    desc: str = ""
    picurl: str = ""

    @model_validator(mode="after")
    def _fits(self) -> Link:
        for name, most in _LINK_BYTES.items():
            if len(getattr(self, name).encode()) > most:
                raise ValueError(f"{name}: at most {most} bytes")
        return self


class MiniProgram(Entry):
    """A mini-program card (小程序卡片). ``media`` is a code of the corp's own media library."""

    code: str = ""
    title: str = Field(min_length=1)
    appid: str = Field(pattern=r"^wx[0-9a-z]{8,32}$")
    page: str = Field(min_length=1)
    pic_media_id: str = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> MiniProgram:
        if len(self.title.encode()) > 64:
            raise ValueError("title: at most 64 bytes")
        return self


class Image(Entry):
    """A picture by its address at the platform (uploadimg) or a media id."""

    code: str = ""
    pic_url: str = ""
    media_id: str = ""

    @model_validator(mode="after")
    def _one(self) -> Image:
        if bool(self.pic_url) == bool(self.media_id):
            raise ValueError("one of pic_url and media_id")
        return self


class Words(Entry):
    """What is said in one variant."""

    code: str = DEFAULT
    text: str = ""
    link: Link | None = None
    miniprogram: MiniProgram | None = None
    images: list[Image] = Field(default_factory=list)
    # Subscribe messages (订阅通知): the platform's template and its fields.
    template_id: str = ""
    data: dict[str, str] = Field(default_factory=dict)
    page: str = ""

    @model_validator(mode="after")
    def _can_be_sent(self) -> Words:
        if len(self.text.encode()) > _TEXT_BYTES:
            raise ValueError(f"text: at most {_TEXT_BYTES} bytes")
        cards = len(self.images) + (self.link is not None) + (self.miniprogram is not None)
        if cards > _MOST_ATTACHMENTS:
            raise ValueError(f"at most {_MOST_ATTACHMENTS} images, links and mini-programs")
        if bool(self.template_id) != bool(self.data):
            raise ValueError("template_id and data together")
        return self

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.link or self.miniprogram or self.images or self.template_id)

    @property
    def can_be_marked(self) -> bool:
        """Whether a mark of ours can travel in it: only links and mini-program pages come back unchanged."""
        return self.link is not None or self.miniprogram is not None

    @property
    def digest(self) -> str:
        """Stands for the words in a plan: other words are another plan."""
        return hashlib.sha256(self.model_dump_json(exclude={"code"}).encode()).hexdigest()[:16]


class Content(Words):
    """One entry of the library. Variants say what differs; what they leave out is as in the entry itself."""

    code: Code
    name_zh: str = Field(min_length=1)
    scene: Scene
    variants: list[Words] = Field(default_factory=list)

    @model_validator(mode="after")
    def _variants_say_something(self) -> Content:
        codes = [each.code for each in self.variants]
        if len(set(codes)) != len(codes) or DEFAULT in codes:
            raise ValueError("variants: each with a code of its own")
        if any(words.is_empty for _, words in self.spoken()):
            raise ValueError("text, link, miniprogram, images or template_id: at least one, in every variant")
        return self

    def spoken(self) -> Iterator[tuple[str, Words]]:
        """Yield (variant code, words) of everything that can be said; without variants the code is empty."""
        own = {name: getattr(self, name) for name in Words.model_fields if name != "code"}
        if not self.variants:
            yield DEFAULT, Words(**own)
        for each in self.variants:
            said = {name: getattr(each, name) for name in each.model_fields_set}
            yield each.code, Words(**{**own, **said})

    def words(self, variant_code: str) -> Words:
        """Return what is said in a variant.

        Raises:
            KeyError: it has no such variant.
        """
        return dict(self.spoken())[variant_code]


def load_content(path: Path | None = None) -> Entries[Content]:
    """Read and check the library; the caller decides whether faults of form stop it (``refuse_wrong``)."""
    return read_entries(path or CONTENT_PATH, Content)
