"""The table `people`: one row per buyer of the member register and of people files, made comparable.

Fillers become unknown (1900-01-01, masked names), names are split, case and blanks folded. A value that a later load
leaves empty keeps the one before it. All of it is personal data: it lives in the DuckDB session of one search.
"""

from __future__ import annotations

import duckdb

from common.lake import Lake
from common.streams import STREAMS

# Chinese family names of two characters; any other name in Chinese characters has one.
COMPOUND_FAMILY_NAMES = (
    "欧阳", "太史", "端木", "上官", "司马", "东方", "独孤", "南宫", "闻人", "夏侯", "诸葛", "尉迟", "赫连", "澹台",
    "皇甫", "宗政", "濮阳", "太叔", "申屠", "公孙", "慕容", "钟离", "长孙", "宇文", "司徒", "鲜于", "司空", "令狐",
)  # fmt: skip
# What registers write when nobody told the birthday.
FILLER_BIRTHDAYS = ("19000101", "19700101", "19010101", "20000000", "00000000")
_DAY_FORMATS = ("%Y%m%d", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y-%m-%d %H:%M:%S")


def read_people(db: duckdb.DuckDBPyConnection, lake: Lake) -> int:
    """Make table ``people`` in the session from all admitted loads; return its number of rows.

    Columns: person_key (``buyer_id:source:id``), buyer_id, given_name, family_name, full_name (both parts,
    in the same order when they are swapped), gender, birthday (``yyyymmdd``, or the digits as written) and
    its parts birth_year and birth_day, street_number, address, address_more, city, postcode, province, and the keys
    unionid, openid (``app:openid``), phone_hmac.
    """
    lake.ensure()
    db.execute(
        _PEOPLE.format(
            members=_literal(lake.glob(STREAMS["miniprogram/members"])),
            files=_literal(lake.glob(STREAMS["identity/people"])),
            formats=", ".join(map(_literal, _DAY_FORMATS)),
            fillers=", ".join(map(_literal, FILLER_BIRTHDAYS)),
            compound="|".join(COMPOUND_FAMILY_NAMES),
        )
    )
    row = db.execute("select count(*) from people").fetchone()
    return int(row[0]) if row else 0


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_PEOPLE = """
create temp table people as
with said as (
    select
        buyer_source, buyer_id, name, gender, strftime(birthday, '%Y-%m-%d') as birthday, city, phone_hmac, unionid,
        app_id || ':' || openid as openid, load_id || lpad(source_line::varchar, 12, '0') as version
    from read_parquet({members}, hive_partitioning = true, hive_types = {{'load_id': varchar}}, union_by_name = true)
    union all by name
    select
        buyer_source, buyer_id, name, given_name, family_name, gender, birthday, street_number, address, address_more,
        city, postcode, province, phone_hmac, load_id || lpad(source_line::varchar, 12, '0') as version
    from read_parquet({files}, hive_partitioning = true, hive_types = {{'load_id': varchar}}, union_by_name = true)
),
-- arg_max passes over nulls: the newest value that was said.
newest as (
    select
        buyer_source,
        buyer_id,
        arg_max(lower(trim(regexp_replace(name, '\\s+', ' ', 'g'))), version) as name,
        arg_max(lower(trim(given_name)), version) as given_name,
        arg_max(lower(trim(family_name)), version) as family_name,
        arg_max(nullif(gender, 'unknown'), version) as gender,
        arg_max(trim(birthday), version) as birthday,
        arg_max(nullif(lower(trim(street_number)), ''), version) as street_number,
        arg_max(nullif(lower(trim(address)), ''), version) as address,
        arg_max(nullif(lower(trim(address_more)), ''), version) as address_more,
        arg_max(nullif(regexp_replace(lower(trim(city)), '市$', ''), ''), version) as city,
        arg_max(nullif(trim(postcode), ''), version) as postcode,
        arg_max(nullif(regexp_replace(lower(trim(province)), '[省市]$', ''), ''), version) as province,
        arg_max(unionid, version) as unionid,
        arg_max(openid, version) as openid,
        arg_max(phone_hmac, version) as phone_hmac
    from said
    group by buyer_source, buyer_id
),
folded as (
    select
        * replace (
            case when not contains(name, '*') then nullif(name, '') end as name,
            case when not contains(given_name, '*') then nullif(given_name, '') end as given_name,
            case when not contains(family_name, '*') then nullif(family_name, '') end as family_name,
            nullif(coalesce(
                strftime(try_strptime(birthday, [{formats}]), '%Y%m%d'), regexp_replace(birthday, '\\D', '', 'g')
            ), '') as birthday
        )
    from newest
),
-- How many characters of a whole name are the family name: Chinese puts it first, others last.
measured as (
    select
        *,
        case
            when coalesce(given_name, family_name) is not null or name is null then null
            when not regexp_full_match(name, '[\\p{{Han}}]+') then 0
            when length(name) > 2 and regexp_matches(name, '^({compound})') then 2
            else 1
        end as family_length
    from folded
),
split as (
    select
        * exclude (name, family_length) replace (
            case
                when family_length > 0 then nullif(substr(name, family_length + 1), '')
                when family_length = 0 then nullif(regexp_extract(name, '^(.*) [^ ]+$', 1), '')
                else given_name
            end as given_name,
            case
                when family_length > 0 then substr(name, 1, family_length)
                when family_length = 0 then regexp_extract(name, '([^ ]+)$', 1)
                else family_name
            end as family_name,
            case when birthday not in ({fillers}) then birthday end as birthday
        )
    from measured
)
select
    'buyer_id:' || buyer_source || ':' || buyer_id as person_key,
    * exclude (buyer_source),
    substr(birthday, 1, 4) as birth_year,
    substr(birthday, 5) as birth_day,
    least(given_name || ' ' || family_name, family_name || ' ' || given_name) as full_name
from split
order by person_key
"""
