"""Messages: what is said, when it is due, who may be reached now, and what became of it.

A message is unlike a row of a set: it cannot be taken back, a second one is a fault, and that it was handed to
staff does not mean that it arrived. Everything that differs from the other destinations for these reasons is here.
"""
