"""What differs from run to run is no difference between transcripts."""

from __future__ import annotations

from labrunner.authoring.transcripts import steady_text

PAGE = """\
  Request   paste this while `lab run` runs in another terminal:
    < HTTP/1.1 200
  Log       the service wrote at that moment:
    | 127.0.0.1 GET /payments?limit=0
{log}  Hint      lab hint listing/bad-parameters
"""


def test_a_log_is_told_apart_from_what_follows_however_it_is_wrapped() -> None:
    """Many write to it at once: how many lines it has, and where a long one is folded, is chance."""
    short = steady_text(PAGE.format(log=""))
    assert steady_text(PAGE.format(log="    | 127.0.0.1 POST /payments 201\n-\n    | GET /stats\n")) == short
    assert short.splitlines()[-2:] == ["    | ...", "  Hint      lab hint listing/bad-parameters"]


def test_times_ports_and_dates_are_steady() -> None:
    """The same words at another time."""
    one, other = (
        steady_text(f"1 failed · {seconds} s\ncurl http://127.0.0.1:{port}/\nDate: Mon, 30 Nov 2026 07:30:{second} GMT")
        for seconds, port, second in (("3.1", 41000, "55"), ("12.9", 52001, "02"))
    )
    assert one == other
