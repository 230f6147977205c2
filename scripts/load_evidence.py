"""The proof that load verdicts hold: `python scripts/load_evidence.py --runs 100` fills docs/load.md with figures.

Cases, for each language: *identical* (the reference against itself: never failed), *slow* (the reference with so much
more work that its true ratio is 0.6 of the threshold: found), each with and without a CPU hog on every CPU; *accepted*
solutions (at least 1.5 times the threshold) and *mutants* meant to be slow (at most 0.6 times), a few times each.

Every verdict is one JSON line in --out, so that a run that is broken off counts for what it is, and goes on from there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from load_measures import GRADER, ROOT, copy_with, frozen_p99, generator_against_wrk, hogs, rig

from labrunner.authoring import cases
from labrunner.catalog.packs import Catalog
from labrunner.errors import LabError
from labrunner.model.validation import CaseKind
from labrunner.ports import LoadBroken, NotStarted
from labrunner.solution import manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.lab import Lab
    from labrunner.model.load import LoadReport

DOCS = ROOT / "docs" / "load.md"
BEGIN, END = "<!-- figures: scripts/load_evidence.py -->", "<!-- end of figures -->"
SLOW_OF = {"python": "load-password-hash", "go": "go-load-password-hash"}
ROUNDS = {"python": "ROUNDS = 10_000", "go": "rounds     = 5000"}
SLOW_SHARE = 0.6


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        kind: identical, slow, accepted or mutant.
        name: of the solution.
        folder: where it is.
    """

    kind: str
    name: str
    language: str
    hog: bool
    folder: Path

    @property
    def key(self) -> tuple[str, str, str, bool]:
        """How its lines are found again."""
        return self.kind, self.name, self.language, self.hog


def main() -> int:
    """Measure what is missing, and write the table; 1 when a target is missed."""
    options = _options()
    lab = Catalog().lab("rate-limiting")
    give_up = time.monotonic() + options.minutes * 60
    with tempfile.TemporaryDirectory(prefix="lab-evidence-") as folder:
        found = list(_cases(lab, Path(folder), options))
        for number in range(options.runs):
            for case in found:
                wanted = options.runs if case.kind in {"identical", "slow"} else min(options.runs, options.few)
                if number < wanted and len(_lines(options.out, case)) <= number and time.monotonic() < give_up:
                    _measure(lab, case, number, options)
    if not options.no_generator:
        _measure_generator(lab, options.out)
    table, is_good = _table(options.out, lab)
    print(table)
    if options.write:
        text = DOCS.read_text(encoding="utf-8")
        head, rest = text.split(BEGIN)
        DOCS.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return int(not is_good)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100, help="of identical and slow, each with and without a hog")
    parser.add_argument("--few", type=int, default=5, help="runs of accepted solutions and mutants")
    parser.add_argument("--minutes", type=float, default=600.0, help="no run begins after so many")
    parser.add_argument("--out", type=Path, default=Path("load-evidence.jsonl"), help="where each verdict goes")
    parser.add_argument("--runtime", choices=("process", "docker"), default="process")
    parser.add_argument("--languages", nargs="+", default=["python", "typescript", "go"])
    parser.add_argument("--kinds", nargs="+", default=["identical", "slow", "accepted", "mutant"])
    parser.add_argument("--hog", choices=("both", "yes", "no"), default="both")
    parser.add_argument("--no-generator", action="store_true", help="leave out the generator's own figures")
    parser.add_argument("--write", action="store_true", help="put the table into docs/load.md")
    return parser.parse_args()


# -- what is measured ---------------------------------------------------------------------------------------------


def _cases(lab: Lab, folder: Path, options: argparse.Namespace) -> Iterator[Case]:
    hogged = {"both": (False, True), "yes": (True,), "no": (False,)}[options.hog]
    for language in options.languages:
        reference = GRADER / "references" / language
        if "identical" in options.kinds:
            yield from (Case("identical", "reference", language, hog, reference) for hog in hogged)
        if "slow" in options.kinds and language in SLOW_OF:
            slow = _slow(lab, language, folder, options)
            yield from (Case("slow", "reference", language, hog, slow) for hog in hogged)
    for case in cases.find(lab):
        is_slow = case.kind is CaseKind.MUTANT and "load/capacity" in case.breaks
        kind = "accepted" if case.kind is CaseKind.ACCEPTED else "mutant" if is_slow else ""
        if kind in options.kinds:
            laid_out = cases.lay_out(case, lab, folder / case.name)
            language = manifest.read(laid_out).language.value
            if language in options.languages:
                yield Case(kind, case.name, language, False, laid_out)


def _slow(lab: Lab, language: str, folder: Path, options: argparse.Namespace) -> Path:
    """A copy of the slow mutant with so much work that its ratio is `SLOW_SHARE` of the threshold, as CPU time tells."""
    assert lab.load is not None
    mutant = next(case for case in cases.find(lab) if case.name == SLOW_OF[language])
    full = cases.lay_out(mutant, lab, folder / f"full-{language}")
    line = ROUNDS[language]
    rounds = int(line.rpartition("= ")[2].replace("_", ""))
    with rig(lab, "calibration", options.runtime) as made:
        report = made.measure(
            made.stage(full, "full"), made.stage(GRADER / "references" / language, "own"), "calibration"
        )
    own, plain = report.learner.cpu_us, report.reference.cpu_us
    wanted = plain / (SLOW_SHARE * lab.load.capacity) - plain
    fitting = max(1, round(rounds * wanted / max(own - plain, 1.0)))
    changed = f"{line.rpartition('= ')[0]}= {fitting}"
    return copy_with(full, folder / f"slow-{language}", lambda name, text: text.replace(line, changed))


def _measure(lab: Lab, case: Case, number: int, options: argparse.Namespace) -> None:
    began = time.monotonic()
    line: dict[str, Any] = {"kind": case.kind, "name": case.name, "language": case.language, "hog": case.hog,
                            "runtime": options.runtime, "load_average": round(os.getloadavg()[0], 1)}  # fmt: skip
    seed = f"evidence-{number}"
    try:
        with hogs(os.cpu_count() or 1 if case.hog else 0), rig(lab, seed, options.runtime) as made:
            reference = made.stage(GRADER / "references" / case.language, "reference-copy")
            learner = made.stage(case.folder, "learner-copy")
            line |= _of(made.measure(learner, reference, seed))
    except (LabError, LoadBroken, NotStarted) as fault:
        line |= {"error": str(fault)}
    line["wall"] = round(time.monotonic() - began, 2)
    with options.out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), file=sys.stderr, flush=True)


def _of(report: LoadReport) -> dict[str, Any]:
    capacity = asdict(report.capacity)
    latency = asdict(report.latency) if report.latency else {"call": "none"}
    return {"capacity": capacity, "latency": latency["call"], "seconds": round(report.seconds, 2),
            "per_second": report.learner.per_second, "reference_per_second": report.reference.per_second}  # fmt: skip


def _lines(out: Path, case: Case | None = None) -> list[dict[str, Any]]:
    text = out.read_text(encoding="utf-8") if out.is_file() else ""
    lines = [json.loads(line) for line in text.splitlines()]
    if case is None:
        return lines
    return [
        line for line in lines if (line["kind"], line.get("name"), line.get("language"), line.get("hog")) == case.key
    ]


def _measure_generator(lab: Lab, out: Path) -> None:
    line: dict[str, Any] = {"kind": "generator", "load_average": round(os.getloadavg()[0], 1)}
    if found := generator_against_wrk(lab):
        line |= {"us": found[0], "wrk_us": found[1]}
    measured, expected = frozen_p99(lab)
    line |= {"p99": measured, "p99_by_arithmetic": expected}
    with out.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


# -- what came of it ----------------------------------------------------------------------------------------------


def _table(out: Path, lab: Lab) -> tuple[str, bool]:
    assert lab.load is not None
    threshold = lab.load.capacity
    groups: dict[tuple[str, str, str, bool], list[dict[str, Any]]] = {}
    titles = ("case", "language", "CPU hog", "runs", "passed", "borderline", "failed", "inconclusive",
              "median ratio (least to most)", "seconds, median (most)", "as wanted")  # fmt: skip
    rows = [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]
    lines = _lines(out)
    for line in lines:
        if line["kind"] != "generator":
            groups.setdefault((line["kind"], line["name"], line["language"], line["hog"]), []).append(line)
    is_good = True
    for (kind, name, language, hog), found in sorted(groups.items()):
        counts = dict.fromkeys(("passed", "borderline", "failed", "inconclusive"), 0)
        for line in found:
            counts[line.get("capacity", {}).get("call", "inconclusive")] += 1
        ratios = [line["capacity"]["median"] for line in found if line.get("capacity", {}).get("pairs")]
        seconds = [line["seconds"] for line in found if "seconds" in line]
        good = _is_as_wanted(kind, counts, len(found), ratios, threshold)
        is_good &= good
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "none"
        took = f"{statistics.median(seconds):.1f} ({max(seconds):.1f})" if seconds else "none"
        rows.append(
            f"| {kind} {'' if name == 'reference' else name} | {language} | {'yes' if hog else 'no'} | {len(found)} | "
            f"{' | '.join(str(count) for count in counts.values())} | {ratio} | {took} | {'yes' if good else 'NO'} |"
        )
    rows += ["", f"Threshold {threshold}. Load average of the machine while measuring: {_averages(lines)}.", ""]
    return "\n".join([*rows, *_generator_lines(lines)]), is_good


def _is_as_wanted(kind: str, counts: dict[str, int], runs: int, ratios: list[float], threshold: float) -> bool:
    match kind:
        case "identical":
            return counts["failed"] == 0 and counts["borderline"] + counts["inconclusive"] <= 0.05 * runs
        case "slow":
            return counts["failed"] >= 0.95 * runs
        case "accepted":
            return bool(ratios) and counts["failed"] == 0 and statistics.median(ratios) >= 1.5 * threshold
        case _:
            return counts["failed"] == runs and statistics.median(ratios) <= 0.6 * threshold


def _averages(lines: list[dict[str, Any]]) -> str:
    found = sorted(line["load_average"] for line in lines)
    return f"{found[0]} to {found[-1]}, median {statistics.median(found)}" if found else "not known"


def _generator_lines(lines: list[dict[str, Any]]) -> Iterator[str]:
    for line in [line for line in lines if line["kind"] == "generator"][-1:]:
        if "us" in line:
            yield (
                f"CPU time of the generator per request: {line['us']:.1f} us, of wrk {line['wrk_us']:.1f} us: "
                f"{line['us'] / line['wrk_us']:.2f} times as much (at most 3 wanted)."
            )
        yield (
            f"99th percentile of the open schedule, the service stopped for 0.5 s in every 3 s: {line['p99'] * 1e3:.0f} ms; "
            f"by arithmetic {line['p99_by_arithmetic'] * 1e3:.0f} ms ({line['p99'] / line['p99_by_arithmetic'] - 1:+.1%}; "
            f"within 5 % wanted)."
        )


if __name__ == "__main__":
    sys.exit(main())
