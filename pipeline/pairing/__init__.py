"""Scored, measured, verified solutions -> preference pairs, and the pairs as trainers load them.

candidates.py    a solution with everything that decides whether it can stand in a pair
correctness.py   right over wrong
efficiency.py    certified fast over slow, both right
wording.py       the words of a pair: what the user asks, how the assistant answers
split.py         which tasks are held out
export.py        pairs -> Parquet files and a dataset card for TRL, LLaMA-Factory, Axolotl, OpenRLHF
"""
