"""`siyu suggest`, `siyu review` and `siyu why`: pairs that may be one person, verdicts on them, and what holds her."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli_why import CustomerOrCommand, add_why_rule
from orchestration.terminal import EXIT_FAILED, expected_errors, refuse, settings_or_refuse, terminal

if TYPE_CHECKING:
    from ingestion.suggest.search import Found
    from orchestration.identity_review import Pair, Verdict
    from orchestration.landing import StreamResult

suggest_app = typer.Typer(no_args_is_help=True, help="Look for what nobody has joined yet. Joins nothing.")
review_app = typer.Typer(
    no_args_is_help=True, help="Suggested pairs (疑似同一人): see them, and say same or apart."
)
why_app = typer.Typer(
    cls=CustomerOrCommand,
    no_args_is_help=True,
    help="Explain what is said of a customer: `siyu why CUSTOMER --tag T`, `siyu why identity CUSTOMER`.",
)
add_why_rule(why_app)

Pairs = Annotated[list[str], typer.Argument(help="First letters of the ids that `siyu review list` shows.")]
By = Annotated[str, typer.Option(help="Who says so; it is kept with the verdict.")]
Reason = Annotated[str | None, typer.Option(help="Why; it is kept with the verdict.")]


def add_identity_commands(app: typer.Typer) -> None:
    """Register the groups of commands with the app."""
    app.add_typer(suggest_app, name="suggest")
    app.add_typer(review_app, name="review")
    app.add_typer(why_app, name="why")


@suggest_app.command("identities")
def suggest_identities(
    at_least: Annotated[float, typer.Option(help="Least probability of one person, 0 to 1.")] = 0.8,
    most: Annotated[int, typer.Option(help="Most pairs to keep, the surest first.")] = 100_000,
    truth: Annotated[
        Path | None, typer.Option(help="CSV of true pairs: print precision and recall and keep nothing.")
    ] = None,
) -> None:
    """Compare people without shared keys by name, birthday, address … and put likely pairs up for review."""
    from common.lake import Lake
    from ingestion.suggest.search import SUGGESTIONS, arrive, scores, search
    from orchestration.landing import land_arrivals

    settings = settings_or_refuse()
    lake = Lake(settings.lake_dir)
    try:
        found = search(lake, at_least=at_least, most=most)
        _show_search(found)
        if truth is not None:
            for each in scores(found, truth, tuple(sorted({at_least, 0.5, 0.9, 0.99} - _below(at_least)))):
                terminal().print(
                    f"  from {each.at_least:g}: precision {each.precision:.4f} ({each.right:,} of {each.suggested:,}), "
                    f"recall {each.recall:.4f} ({each.right:,} of {each.true:,})"
                )
            return
        arrival = arrive(lake, found)
        results = land_arrivals(settings, lake, SUGGESTIONS, [arrival] if arrival else [])
    except expected_errors() as error:
        refuse(error)
    _end(results)
    if arrival:
        terminal().print("Nobody was joined. Next: `siyu review list`")


@review_app.command("list")
def review_list(
    everything: Annotated[bool, typer.Option("--all", help="Decided pairs as well.")] = False,
    most: Annotated[int, typer.Option(help="How many to show.")] = 50,
) -> None:
    """Show the pairs of the newest search, the surest first: ids and names of fields, no values."""
    from orchestration.identity_review import pairs_of

    try:
        pairs = pairs_of(settings_or_refuse())
    except expected_errors() as error:
        refuse(error)
    waiting = [pair for pair in pairs if pair.verdict is None]
    _show_pairs((pairs if everything else waiting)[:most])
    terminal().print(f"{len(waiting):,} of {len(pairs):,} pairs wait for a verdict (待裁定)")


@review_app.command("accept")
def review_accept(pairs: Pairs, by: By, reason: Reason = None) -> None:
    """Say that each of these pairs is one person (同一人). The next run joins them."""
    _decide(pairs, "same", by, reason)


@review_app.command("reject")
def review_reject(pairs: Pairs, by: By, reason: Reason = None) -> None:
    """Say that each of these pairs is two people (不同人). The next run takes an earlier `accept` back."""
    _decide(pairs, "apart", by, reason)


@why_app.command("identity")
def why_identity(
    customer: Annotated[
        str, typer.Argument(help="customer_id, customer_no, or an identifier as type:value.")
    ],
    most: Annotated[int, typer.Option(help="How many rows of each kind to show.")] = 20,
) -> None:
    """Show what holds a customer together, the weakest edge first, and what was refused."""
    from orchestration.why_identity import explain
    from orchestration.why_view import show

    try:
        explained = explain(settings_or_refuse(), customer, most=most)
    except expected_errors() as error:
        refuse(error)
    show(explained, terminal(), most)


def _below(at_least: float) -> set[float]:
    return {each for each in (0.5, 0.9, 0.99) if each < at_least}


def _decide(pairs: list[str], verdict: Verdict, by: str, reason: str | None) -> None:
    from orchestration.identity_review import decide

    try:
        results = decide(settings_or_refuse(), pairs, verdict, by=by, reason=reason)
    except expected_errors() as error:
        refuse(error)
    _end(results)


def _end(results: list[StreamResult]) -> None:
    """Print what landed; end with a failure when the gate holds it."""
    console = terminal()
    for result in results:
        console.print(f"{result.stream.key}: {result.total('changed'):,} rows landed")
    held = [reason for result in results for reason in result.held_reasons]
    for reason in held:
        console.print(f"  ! {reason}", markup=False)
    if held:
        raise typer.Exit(EXIT_FAILED)


def _show_search(found: Found) -> None:
    console = terminal()
    console.print(
        f"{found.people:,} people, {len(found.pairs):,} likely pairs (疑似同一人), model {found.model.digest}, "
        + (
            f"learned from {', '.join(found.model.learned_from)}"
            if found.model.learned_from
            else "built-in weights"
        )
    )
    for rule, count in found.rules.left_out.items():
        console.print(f"  left out: pairs with the same {rule.name}, {count:,} are too many", markup=False)
    if found.left_out:
        console.print(f"  {found.left_out:,} less sure pairs are not kept; raise --most or --at-least")


def _show_pairs(pairs: list[Pair]) -> None:
    console = terminal()
    for pair in pairs:
        verdict = f", {pair.verdict} by {pair.decided_by}" if pair.verdict else ""
        named = (
            ("same (一致)", pair.agreed),
            ("similar (相近)", pair.similar),
            ("differs (不一致)", pair.differing),
        )
        fields = [f"{name}: {', '.join(each)}" for name, each in named if each]
        console.print(f"{pair.pair_id}  probability {pair.match_probability:.4f}{verdict}", markup=False)
        console.print(f"    {pair.left_key} and {pair.right_key}", markup=False)
        console.print(f"    {'; '.join(fields)}", markup=False)
