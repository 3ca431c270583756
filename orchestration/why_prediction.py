"""Why a prediction says what it says of a customer: the model version behind it, and her row of its inputs.

The inputs are computed anew from her published facts with the SQL that scored her. A customer whose past changes is
scored again, so they are what the model saw.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

import duckdb

from common.settings import Settings
from common.warehouse import connect
from orchestration.verdict_chain import PREDICTION_INPUTS, TO_SCORE, VerdictChain, read_chain
from orchestration.why_replay import attach, current_copy
from orchestration.why_rule import find_customer


@dataclass(frozen=True)
class Prediction:
    """What a customer's prediction is and where it comes from; ``score`` is None where she is not scored.

    ``inputs`` is her row of features as of ``scored_date``; ``metrics`` the back-test of the version, as it was landed.
    """

    customer_id: str
    identifiers: list[str]
    code: str
    name_zh: str
    description_zh: str
    model_code: str
    model_version: str | None
    scored_date: dt.date | None
    score: float | None
    decile: int | None
    predicted_value: str | None
    trained_as_of: dt.date | None
    reason: str | None
    metrics: dict[str, Any]
    inputs: dict[str, Any]


def is_prediction(settings: Settings, code: str) -> bool:
    """Whether a published prediction has this code.

    Raises:
        FileNotFoundError: nothing is published.
    """
    with connect() as db:
        attach(db, current_copy(settings))
        return _catalogue(db, code) is not None


def explain_prediction(settings: Settings, customer: str, code: str) -> Prediction:
    """Explain one prediction of the published copy.

    Raises:
        UnknownCustomerError: nobody goes by that name.
        KeyError: there is no such prediction.
        FileNotFoundError: nothing is published.
    """
    folder = current_copy(settings)
    chain = read_chain(folder)
    with connect() as db:
        attach(db, folder)
        customer_id, identifiers = find_customer(db, customer.strip())
        about = _catalogue(db, code)
        if about is None:
            raise KeyError(code)
        score = _row(
            db,
            "select score, decile, predicted_value, model_version, as_of from copy.customer_predictions "
            "where customer_id = ? and prediction_code = ?",
            [customer_id, code],
        )
        version = _row(
            db,
            "select trained_as_of, reason, metrics from copy.prediction_models where model_version = ? and is_in_force",
            [about["model_version"]],
        )
        inputs = _inputs(db, chain, customer_id) if about["model_version"] else {}
    found, made = score or {}, version or {}
    return Prediction(
        customer_id, identifiers, code, about["name_zh"], about["description_zh"], about["model_code"],
        about["model_version"], found.get("as_of") or about["scored_date"], found.get("score"), found.get("decile"),
        found.get("predicted_value"), made.get("trained_as_of"), made.get("reason"),
        json.loads(made.get("metrics") or "{}"), inputs,
    )  # fmt: skip


def _catalogue(db: duckdb.DuckDBPyConnection, code: str) -> dict[str, Any] | None:
    return _row(
        db,
        "select name_zh, description_zh, model_code, model_version, scored_date from copy.prediction_catalog "
        "where prediction_code = ?",
        [code],
    )


def _inputs(db: duckdb.DuckDBPyConnection, chain: VerdictChain, customer_id: str) -> dict[str, Any]:
    """Return her row of features without her id; empty where she has no valid order by the scoring day."""
    db.execute(f"create temp table {TO_SCORE} as select ?::varchar as customer_id", [customer_id])
    for name, public in chain.prediction_facts.items():
        db.execute(
            f'create temp table "{name}" as from copy."{public}" where customer_id = ?',
            [customer_id],
        )
    row = _row(db, dict(chain.prediction_steps)[PREDICTION_INPUTS], [])
    return {name: value for name, value in (row or {}).items() if name != "customer_id"}


def _row(db: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> dict[str, Any] | None:
    cursor = db.execute(sql, values)
    found = cursor.fetchone()
    return dict(zip([each[0] for each in cursor.description or []], found, strict=True)) if found else None
