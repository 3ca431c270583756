"""Suggestions: pairs of people that share no key but look like one, for review. Nothing is merged here.

The package stands in this room because it reads personal data as it was said, which only the lake holds, and lands
what it finds as a load of the lake, past the gate like any other; `activation` sends things out and sees no names.
Splink is optional (extra `match`) and imported only when a search runs.
"""
