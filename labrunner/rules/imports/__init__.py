"""Which modules a source text brings in. Pure; one scanner for each language.

found.py        what a scanner finds
judge.py        what of it a lab forbids
python.py       by Python's own parser
javascript.py   a scanner of tokens, for TypeScript too
go.py           a scanner of tokens
"""
