"""Orders and after-sales of the video-account shop (视频号小店) as facts with their times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sandbox.calendar import waking_moment
from sandbox.lives import Live
from sandbox.people import SandboxPerson
from sandbox.words import PRODUCTS

CREATED, PAID, SHIPPED, DONE, REFUNDED, UNPAID_CANCELLED = 10, 20, 30, 100, 200, 250
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
FIRST_ORDER_ID = 3_724_561_098_000_000_000
ORDER_ID_STRIDE = 8_769_876_481
_FIRST_AFTERSALE_ID = 2_000_000_501_000_000


@dataclass(frozen=True)
class Line:
    """One article in an order; amounts are fen (分), ``real_fen`` is what was paid for the whole line."""

    product_no: int
    variant_no: int
    count: int
    sale_fen: int
    real_fen: int


@dataclass(frozen=True)
class AfterSale:
    """One after-sale (售后) of one line; ``outcome`` is its final status, reached at ``settled_at``."""

    after_sale_id: str
    line_no: int
    count: int
    refund_fen: int
    kind: str
    outcome: str
    created_at: int
    settled_at: int

    @property
    def gave_money_back(self) -> bool:
        return self.outcome in ("MERCHANT_REFUND_SUCCESS", "MERCHANT_RETURN_SUCCESS")


@dataclass(frozen=True)
class ShopOrder:
    """One order; ``steps`` are (unix second, status) from creation on, ``giver`` pays for a gift (送礼)."""

    order_id: str
    person: SandboxPerson
    giver: SandboxPerson | None
    shows_unionid: bool
    live: Live | None
    from_wecom: bool
    lines: tuple[Line, ...]
    freight_fen: int
    steps: tuple[tuple[int, int], ...]
    aftersales: tuple[AfterSale, ...]

    @property
    def created_at(self) -> int:
        return self.steps[0][0]

    @property
    def order_fen(self) -> int:
        return sum(line.real_fen for line in self.lines) + self.freight_fen


def make_orders(
    seed: int, people: Sequence[SandboxPerson], lives: Sequence[Live], count: int, contact_numbers: set[int]
) -> list[ShopOrder]:
    """Return ``count`` orders of the year, oldest first, by about a third of the people.

    Outsiders who are no contacts (``contact_numbers``) all buy here: otherwise nobody would know of them.
    """
    random = Random(f"{seed}:shop")
    shoppers = [p for p in people if _shops(random, p, contact_numbers)]
    if not shoppers:
        return []
    eagerness = [min(random.paretovariate(1.6), 6.0) for _ in shoppers]
    buyers = random.sample(shoppers, min(count, len(shoppers)))
    buyers += random.choices(shoppers, eagerness, k=count - len(buyers))
    starts = []
    for person in buyers:
        live = random.choice(lives) if random.random() < 0.45 else None
        starts.append((live.within(random) if live else waking_moment(random), person, live))
    starts.sort(key=lambda start: (start[0], start[1].person_no))
    return [_order(random, number, start, shoppers) for number, start in enumerate(starts)]


def _shops(random: Random, person: SandboxPerson, contact_numbers: set[int]) -> bool:
    outsider = person.household_id is None
    lucky = random.random() < (0.35 if outsider else 0.28)
    return lucky or (outsider and person.person_no not in contact_numbers)


def _order(
    random: Random, number: int, start: tuple[int, SandboxPerson, Live | None], shoppers: list[SandboxPerson]
) -> ShopOrder:
    created, payer, live = start
    receiver = random.choice(shoppers) if random.random() < 0.03 else payer
    lines = tuple(make_line(random) for _ in range(random.choices((1, 2, 3), (70, 22, 8))[0]))
    fate = random.choices(("done", "partial", "full", "unpaid"), (86, 5, 3, 6))[0]
    steps, aftersales = _fate(random, number, created, lines, fate)
    return ShopOrder(
        order_id=str(FIRST_ORDER_ID + number * ORDER_ID_STRIDE),
        person=receiver,
        giver=payer if receiver is not payer else None,
        shows_unionid=random.random() < 0.9,
        live=live,
        from_wecom=live is None and random.random() < 0.15,
        lines=lines,
        freight_fen=0 if random.random() < 0.8 else 600,
        steps=tuple(steps),
        aftersales=tuple(aftersales),
    )


def make_line(random: Random) -> Line:
    """Return a line of one article."""
    product_no = random.randrange(len(PRODUCTS))
    product = PRODUCTS[product_no]
    variant = random.randrange(len(product.variants))
    sale = product.price_fen * (10 + 6 * variant if product.attribute == "规格" else 10) // 10
    count = random.choices((1, 2, 3, 5), (72, 18, 7, 3))[0]
    discount = random.choice((0, 0, 0, 500, 1000)) if sale * count > 3000 else 0
    return Line(product_no, variant, count, sale, sale * count - discount)


def _fate(
    random: Random, number: int, created: int, lines: tuple[Line, ...], fate: str
) -> tuple[list[tuple[int, int]], list[AfterSale]]:
    if fate == "unpaid":
        return [(created, CREATED), (created + 30 * _MINUTE, UNPAID_CANCELLED)], []
    paid = created + random.randrange(15, 5 * _MINUTE)
    steps = [(created, CREATED), (paid, PAID)]
    if fate == "full":
        asked = paid + random.randrange(_HOUR, 20 * _HOUR)
        settled = asked + random.randrange(10 * _MINUTE, 10 * _HOUR)
        return [*steps, (settled, REFUNDED)], full_refund(number, lines, asked, settled)
    shipped = paid + random.randrange(6 * _HOUR, 48 * _HOUR)
    received = shipped + random.randrange(3 * _DAY, 12 * _DAY)
    steps += [(shipped, SHIPPED), (received, DONE)]
    return steps, [partial_refund(random, number, lines, received)] if fate == "partial" else []


def full_refund(number: int, lines: tuple[Line, ...], asked: int, settled: int) -> list[AfterSale]:
    """Return the after-sales that give back every line of an order."""
    return [
        AfterSale(
            _after_sale_id(number, no),
            no,
            line.count,
            line.real_fen,
            "REFUND",
            "MERCHANT_REFUND_SUCCESS",
            asked,
            settled,
        )
        for no, line in enumerate(lines)
    ]


def partial_refund(random: Random, number: int, lines: tuple[Line, ...], received: int) -> AfterSale:
    """Return an after-sale of one line that leaves something paid."""
    line_no = random.randrange(len(lines))
    line = lines[line_no]
    count = random.randint(1, line.count)
    # Paying everything back would be a full refund, which has its own status.
    share = random.choice((30, 50, 90)) if count == line.count and len(lines) == 1 else 100
    outcome = random.choices(
        ("MERCHANT_REFUND_SUCCESS", "MERCHANT_RETURN_SUCCESS", "USER_CANCELD"), (60, 30, 10)
    )[0]
    asked = received + random.randrange(2 * _HOUR, 5 * _DAY)
    return AfterSale(
        after_sale_id=_after_sale_id(number, line_no),
        line_no=line_no,
        count=count,
        refund_fen=line.real_fen * count * share // (line.count * 100),
        kind="RETURN" if outcome == "MERCHANT_RETURN_SUCCESS" else "REFUND",
        outcome=outcome,
        created_at=asked,
        settled_at=asked + random.randrange(_HOUR, 4 * _DAY),
    )


def _after_sale_id(number: int, line_no: int) -> str:
    return str(_FIRST_AFTERSALE_ID + number * 10 + line_no)


def aftersale_number(after_sale_id: str) -> int:
    """Return the number of the order that an after-sale id belongs to."""
    return (int(after_sale_id) - _FIRST_AFTERSALE_ID) // 10
