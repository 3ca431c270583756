"""Leads (留资) of the livestreams: forms, and what viewers typed into them. Phones are made ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random
from typing import Any

from sandbox.lives import Live
from sandbox.people import SandboxPerson
from sandbox.words import FINDER_NICKNAME
from sandbox.world import World

_HOUR = 3600
_MONTHS = ("0-6个月", "6-12个月", "1-3岁")


@dataclass(frozen=True)
class Form:
    """One form (留资组件); ``themes`` are the livestreams it is shown in, all when empty."""

    component_id: str
    description: str
    themes: tuple[str, ...] = ()

    def shown_in(self, live: Live) -> bool:
        return not self.themes or live.theme in self.themes


FORMS = (
    Form("18880000001", "免费领试吃装"),
    Form("18880000002", "宝妈社群预约", ("母婴专场", "女神节专场", "早餐计划")),
)


@dataclass(frozen=True)
class Lead:
    """One filled-in form; ``at`` is a unix second."""

    person: SandboxPerson
    at: int
    phone: str
    baby: str | None

    def payload(self, live: Live) -> dict[str, Any]:
        """Return the row that version 1 of the API gives."""
        answers: list[dict[str, Any]] = [{"title": "手机号", "value": self.phone}]
        if self.baby:
            answers.append({"title": "宝宝月龄", "value": self.baby})
        place = [self.person.province, self.person.city, self.person.county]
        answers.append({"title": "城市", "value": place})
        return {
            "anchor_nickname": FINDER_NICKNAME,
            "live_start_time": live.started_at,
            "time": self.at,
            "leads_data": answers,
        }


@dataclass(frozen=True)
class FormInLive:
    """A form in one livestream, what the API calls a request; leads oldest first."""

    request_id: str
    form: Form
    live: Live
    leads: tuple[Lead, ...]


def make_leads(world: World) -> list[FormInLive]:
    """Return every form of every livestream, oldest livestream first; a few dozen leads each."""
    return [_form_in_live(world, form, live) for live in world.lives for form in FORMS if form.shown_in(live)]


def _form_in_live(world: World, form: Form, live: Live) -> FormInLive:
    name = f"{world.options.seed}:leads:{form.component_id}:{live.export_id}"
    random = Random(name)
    count = min(random.randrange(4, 30), len(world.people))
    leads = [_lead(random, form, live, person) for person in random.sample(world.people, count)]
    request_id = str(int(hashlib.sha256(name.encode()).hexdigest()[:13], 16))
    return FormInLive(request_id, form, live, tuple(sorted(leads, key=lambda lead: (lead.at, lead.phone))))


def _lead(random: Random, form: Form, live: Live, person: SandboxPerson) -> Lead:
    # Most fill it in while watching, some find the livestream's replay the day after.
    at = live.within(random) if random.random() < 0.85 else live.ended_at + random.randrange(24 * _HOUR)
    spaced = f"{person.phone[:3]} {person.phone[3:7]} {person.phone[7:]}"
    phone = random.choices((person.phone, spaced, person.phone[:10]), (90, 7, 3))[0]
    return Lead(person, at, phone, random.choice(_MONTHS) if form.themes else None)
