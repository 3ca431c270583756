"""Messages, killed hard between any two writes, with faults: nothing twice, nothing lost, a final receipt for each.

Each seed is one history of days: new members enter, runs are killed at some write of the ledger, the platform cuts
connections before and after the work, answers late, doubles calls, kills tokens. Then the faults end, and days pass.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import pytest
from message_brand import SEGMENT, Member
from message_places import PLACES
from test_crashes import sync_and_die
from test_message_conformance import assert_receipts_tell_the_truth, ledger

SEEDS = int(os.environ.get("SIYU_TEST_HISTORIES", "3"))
DAYS, A_DAY = 3, 14


class Dying:
    """What ``sync_and_die`` runs in the child."""

    def __init__(self, place) -> None:
        self.place = place

    def sync(self) -> None:
        self.place.sync()


@pytest.mark.parametrize("name", ["wecom_messages", "subscribe_messages", "miniprogram_messages"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_kills_and_faults_nothing_is_twice_and_nothing_lost(message_brand, name, seed, capsys):
    dice, place, told = random.Random(seed), PLACES[name](message_brand), Counter()
    everybody = place.ready(DAYS * A_DAY)
    message_brand.members[SEGMENT] = []
    for day in range(DAYS):
        entered = message_brand.now.date()
        message_brand.members[SEGMENT] += [
            Member(each, entered, is_holdout=dice.random() < 0.1)
            for each in everybody[day * A_DAY : (day + 1) * A_DAY]
        ]
        message_brand.later(days=1)
        for _ in range(dice.randint(2, 4)):
            message_brand.build()
            # A doubled task is taken back at the end of its run; who is killed before that cannot (docs/messages.md).
            place.faults(dice.randrange(1000), rate=0.15, but="doubled_call")
            when = dice.choice(["before", "inside", "after"])
            told["kills"] += sync_and_die(Dying(place), dice.randint(2, 30), when)
            place.calm()
            message_brand.later(minutes=dice.choice([1, 10, 45]))
        place.faults(dice.randrange(1000), rate=0.15)
        place.sync()
        place.calm()
        message_brand.move(message_brand.now.replace(hour=14, minute=0))
    message_brand.later(days=1)
    for _ in range(2):
        message_brand.build()
        place.sync()
        message_brand.later(hours=1)
    message_brand.until_settled(name, days=6)
    states = assert_receipts_tell_the_truth(place)
    held = {each.customer_id for each in message_brand.members[SEGMENT] if each.is_holdout}
    tried = {row["customer_id"] for row in ledger(place)}
    assert not tried & held
    due = {each.customer_id for each in message_brand.members[SEGMENT]} - held
    if name == "wecom_messages":  # of the followers only some are customers of the segment
        ends = {row["customer_id"] for row in ledger(place) if row["state"] in ("sent", "refused")}
        assert ends == due, "somebody was lost"
    assert told["kills"] > 0
    with capsys.disabled():
        print(
            f"\n  {name} seed {seed}: {told['kills']} kills, {len(due)} due, receipts {dict(states)}, "
            f"arrived {place.arrived().total()}, none twice"
        )
