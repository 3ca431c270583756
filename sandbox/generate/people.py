"""SQL that says who a customer is, from her number: identifiers, phone, and who bought."""

from __future__ import annotations

from sandbox.generate.plan import CHANGE_DAYS, LATE_SHARE, MOST_LATE_DAYS, Dice, Plan

APP_ID = "wxgenerated00000001"
BUYER_SOURCE = "generated"
# How soon a register entry or a contact shows its unionid: at once, some days later, never.
UNIONID_AT_ONCE, UNIONID_AT_ALL = 0.70, 0.88
PHONE_SHARED, PHONE_OF_TABLET, PHONE_MOVED = 0.02, 0.002, 0.01
# 20% of the customers make 56% of the orders, the keenest about 130 times the average.
_SKEW, _SKEW_FLOOR = 3, 0.05


class People:
    """SQL expressions over a column that holds a customer's number."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.dice = Dice(plan.seed)
        self._phones = plan.mix.phones
        self._tablets = max(plan.customers // 20_000, 1)
        self._phone_salt = f"{plan.seed} generated phone "

    def buyer(self, number: str, name: str) -> str:
        """The customer behind event ``number``, among those registered by its day (column ``customers``)."""
        low = _SKEW_FLOOR**_SKEW
        share = f"pow({_SKEW_FLOOR} + {1 - _SKEW_FLOOR} * {self.dice.share(number, name)}, {_SKEW})"
        return f"cast(floor(greatest(customers, 1) * ({share} - {low}) / {1 - low + 1e-9}) as bigint)"

    def buyer_id(self, customer: str) -> str:
        return f"'b' || {customer}"

    def _id(self, prefix: str, customer: str) -> str:
        """Unlike any other for the number at its end, and as hard to compress as the platform's own."""
        return f"'{prefix}' || hex({self.dice.bits(customer, prefix)}) || '_' || {customer}"

    def unionid(self, customer: str) -> str:
        return self._id("o6_bmjrPTlm", customer)

    def openid(self, customer: str) -> str:
        return self._id("oM1n1", customer)

    def shop_openid(self, customer: str) -> str:
        return self._id("oSh0p", customer)

    def external_userid(self, customer: str) -> str:
        return self._id("wmGe", customer)

    def unionid_rank(self, customer: str) -> str:
        """A share to compare with UNIONID_AT_ONCE and UNIONID_AT_ALL."""
        return self.dice.share(customer, "unionid shown")

    def some_days(self, customer: str, name: str) -> str:
        """1 to CHANGE_DAYS days."""
        return f"(1 + {self.dice.whole(customer, name, CHANGE_DAYS)})"

    def phone(self, customer: str, *, moved: str = "false") -> str:
        """Phone of a member, null where she gave none. Some share one, some gave a store tablet's, some move (换绑)."""
        own = f"case when {moved} then '17' else '19' end || lpad(cast({{}} as varchar), 9, '0')"
        draw = self.dice.share(customer, "phone")
        tablet = self.dice.whole(customer, "tablet", self._tablets)
        return f"""case
            when {draw} >= {self._phones} then null
            when {draw} < {PHONE_OF_TABLET} then '1880000' || lpad(cast({tablet} as varchar), 4, '0')
            when {draw} < {PHONE_OF_TABLET + PHONE_SHARED} then {own.format(f"{customer} - {customer} % 2")}
            else {own.format(customer)} end"""

    def heard(self, number: str, name: str) -> str:
        """Day number of the load that first brings an event: its own day, or some days later."""
        draw, late = self.dice.share(number, name), self.dice.whole(number, name + " days", MOST_LATE_DAYS)
        return f"day_no + case when {draw} < {LATE_SHARE} then 1 + {late} else 0 end"

    def phone_hmac(self, phone: str) -> str:
        """A digest in place of the keyed HMAC: nobody has these phones, and all homes should agree."""
        return f"sha256('{self._phone_salt}' || {phone})"


def moment(dice: Dice, number: str, name: str) -> str:
    """Unix second inside the day (column ``day_at``): from 8 in the morning, most in the evening."""
    two = f"({dice.share(number, name + ' a')} + {dice.share(number, name + ' b')}) / 2"
    return f"cast(day_at + 28800 + floor(57000 * pow({two}, 0.7)) as bigint)"
