"""The seeded world behind the sandbox: same options, same world, on every machine.

Real in it: the Complete Journey households and the times they bought. Made: everything else.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sandbox.calendar import YEAR
from sandbox.contacts import Relation, Tag, make_relations, make_tags
from sandbox.groups import Group, make_groups
from sandbox.journey import read_buyers
from sandbox.lives import Live, make_lives
from sandbox.people import SandboxPerson, make_people
from sandbox.shop import ShopOrder, make_orders

DEFAULT_SEED = 2017


@dataclass(frozen=True)
class WorldOptions:
    """What decides a world. ``buyers``: how many households to take, None for all 2,469.

    ``extra_people`` are in WeCom, groups or the shop but never bought in the mini-program;
    ``shop_orders``: None means about one a person.
    """

    seed: int = DEFAULT_SEED
    buyers: int | None = None
    extra_people: int = 600
    shop_orders: int | None = None


@dataclass(frozen=True)
class World:
    """All facts of the sandbox with their times; what an API shows at a moment is ``sandbox.view.View``."""

    options: WorldOptions
    known_day: dt.date
    people: tuple[SandboxPerson, ...]
    tags: tuple[Tag, ...]
    relations: tuple[Relation, ...]
    groups: tuple[Group, ...]
    lives: tuple[Live, ...]
    orders: tuple[ShopOrder, ...]


def build_world(options: WorldOptions | int | None = None) -> World:
    """Return the world of the given options (an int is a seed).

    Raises:
        ValueError: an option is out of range.
    """
    if options is None or isinstance(options, int):
        options = WorldOptions(seed=DEFAULT_SEED if options is None else options)
    if options.extra_people < 0 or (options.shop_orders or 0) < 0:
        raise ValueError(f"extra_people and shop_orders: expected 0 or more, got {options}")
    seed = options.seed
    people = make_people(seed, read_buyers(options.buyers), options.extra_people)
    lives = make_lives(seed)
    tags = make_tags(seed)
    relations = make_relations(seed, people, lives, tags)
    contacts = {relation.person.person_no for relation in relations}
    count = len(people) if options.shop_orders is None else options.shop_orders
    return World(
        options=options,
        known_day=dt.date(YEAR, 7, 1),
        people=tuple(people),
        tags=tuple(tags),
        relations=tuple(relations),
        groups=tuple(make_groups(seed, people, contacts)),
        lives=tuple(lives),
        orders=tuple(make_orders(seed, people, lives, count, contacts)),
    )
