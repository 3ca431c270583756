"""Followers of the brand's official account (公众号): the same persons as everywhere, with openids of its own."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from sandbox.calendar import waking_moment
from sandbox.credentials import SANDBOX_OFFICIAL_APP_ID
from sandbox.people import SandboxPerson
from sandbox.world import World

FOLLOWER_SHARE, LEAVER_SHARE = 0.45, 0.06
_SCENES = {
    "ADD_SCENE_QR_CODE": 45,
    "ADD_SCENE_PROFILE_CARD": 15,
    "ADD_SCENE_WXA": 20,
    "ADD_SCENE_CHANNELS": 12,
    "ADD_SCENE_LIVESTREAM": 8,
}


@dataclass(frozen=True)
class Follower:
    """Somebody who follows from ``followed_at`` to ``left_at`` (unix seconds; None: still does)."""

    person: SandboxPerson
    followed_at: int
    left_at: int | None
    scene: str

    @property
    def openid(self) -> str:
        return self.person.openids[SANDBOX_OFFICIAL_APP_ID]

    def follows(self, until: int) -> bool:
        """Return whether they follow just before ``until``."""
        return self.followed_at < until and (self.left_at is None or self.left_at >= until)

    def payload(self) -> dict[str, Any]:
        """Return the ``user_info`` of a follower; names and pictures are no longer given since 2021."""
        info: dict[str, Any] = {
            "subscribe": 1,
            "openid": self.openid,
            "language": "zh_CN",
            "subscribe_time": self.followed_at,
            "remark": "",
            "groupid": 0,
            "tagid_list": [],
            "subscribe_scene": self.scene,
            "qr_scene": 0,
            "qr_scene_str": "",
        }
        if self.person.union_shown != "never":
            info["unionid"] = self.person.unionid
        return info


def make_followers(world: World) -> list[Follower]:
    """Return everybody who ever follows, in the order of following."""
    random = Random(f"{world.options.seed}:followers")
    found = []
    for person in world.people:
        if random.random() >= FOLLOWER_SHARE:
            continue
        followed_at = waking_moment(random)
        left_at = waking_moment(random, followed_at) if random.random() < LEAVER_SHARE else None
        scene = random.choices(list(_SCENES), list(_SCENES.values()))[0]
        found.append(Follower(person, followed_at, left_at, scene))
    return sorted(found, key=lambda each: (each.followed_at, each.openid))
