"""The seeded world behind the sandbox: same options, same world, on every machine.

Real in it: the Complete Journey households and the times they bought. Made: everything else.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

from sandbox.calendar import YEAR
from sandbox.contacts import Relation, Tag, make_relations, make_tags
from sandbox.crowd import Crowd
from sandbox.crowd_groups import CrowdGroups
from sandbox.crowd_orders import CrowdOrders
from sandbox.groups import Group, make_groups
from sandbox.journey import read_buyers
from sandbox.lives import Live, make_lives
from sandbox.moves import make_brand_people, move_relations, with_new_phones
from sandbox.people import SandboxPerson, make_people
from sandbox.shop import ShopOrder, make_orders

DEFAULT_SEED = 2017
HOUSEHOLDS = 2469
FEWEST_CUSTOMERS, MOST_CUSTOMERS = 2_000, 1_000_000


@dataclass(frozen=True)
class WorldOptions:
    """What decides a world. ``buyers``: how many households to take, None for all 2,469.

    ``extra_people`` are in WeCom, groups or the shop but never bought in the mini-program;
    ``shop_orders``: None means about one a person. ``crowd``: how many people come on top, made when looked at.
    """

    seed: int = DEFAULT_SEED
    buyers: int | None = None
    extra_people: int = 600
    shop_orders: int | None = None
    crowd: int = 0


def options_for(customers: int, seed: int = DEFAULT_SEED) -> WorldOptions:
    """Return the options of a world with so many customers: the core world, and the rest as a crowd.

    Raises:
        ValueError: fewer than two thousand, or more than a million.
    """
    if not FEWEST_CUSTOMERS <= customers <= MOST_CUSTOMERS:
        raise ValueError(f"customers: expected {FEWEST_CUSTOMERS:,} to {MOST_CUSTOMERS:,}, got {customers:,}")
    core = HOUSEHOLDS + WorldOptions.extra_people
    if customers >= core:
        return WorldOptions(seed, crowd=customers - core)
    extra = customers * WorldOptions.extra_people // core
    return WorldOptions(seed, buyers=customers - extra, extra_people=extra)


@dataclass(frozen=True)
class World:
    """All facts of the sandbox with their times; what an API shows at a moment is ``sandbox.view.View``.

    The tuples hold the core world (at most about three thousand people). ``crowd`` and its like are columns.
    ``brand_people`` (水军) are in groups and contacts, and are nobody's customers.
    """

    options: WorldOptions
    known_day: dt.date
    people: tuple[SandboxPerson, ...]
    tags: tuple[Tag, ...]
    relations: tuple[Relation, ...]
    groups: tuple[Group, ...]
    lives: tuple[Live, ...]
    orders: tuple[ShopOrder, ...]
    brand_people: tuple[SandboxPerson, ...] = ()

    @cached_property
    def crowd(self) -> Crowd:
        """People beyond the core world, with their relations."""
        return Crowd(self.options.seed, self.options.crowd, self.lives, self.tags)

    @cached_property
    def crowd_orders(self) -> CrowdOrders:
        """Shop orders of the crowd."""
        return CrowdOrders(self.crowd, self.lives)

    @cached_property
    def crowd_groups(self) -> CrowdGroups:
        """Customer groups of the crowd."""
        return CrowdGroups(self.crowd)


def build_world(options: WorldOptions | int | None = None) -> World:
    """Return the world of the given options (an int is a seed).

    Raises:
        ValueError: an option is out of range.
    """
    if options is None or isinstance(options, int):
        options = WorldOptions(seed=DEFAULT_SEED if options is None else options)
    if options.extra_people < 0 or (options.shop_orders or 0) < 0 or options.crowd < 0:
        raise ValueError(f"extra_people, shop_orders and crowd: expected 0 or more, got {options}")
    seed = options.seed
    people = with_new_phones(seed, make_people(seed, read_buyers(options.buyers), options.extra_people))
    brand_people = make_brand_people(seed)
    lives = make_lives(seed)
    tags = make_tags(seed)
    relations = move_relations(seed, make_relations(seed, people, lives, tags), brand_people)
    contacts = {relation.person.person_no for relation in relations}
    count = len(people) if options.shop_orders is None else options.shop_orders
    return World(
        options=options,
        known_day=dt.date(YEAR, 7, 1),
        people=tuple(people),
        tags=tuple(tags),
        relations=tuple(relations),
        groups=tuple(make_groups(seed, people, contacts, brand_people)),
        lives=tuple(lives),
        orders=tuple(make_orders(seed, people, lives, count, contacts)),
        brand_people=tuple(brand_people),
    )
