"""`lab new` and `lab validate` from outside, with real runs: what is broken is named in a line, and nothing else stops."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from labrunner.authoring.new import NewLab, write
from labrunner.errors import ExitCode
from labrunner.model.lab import Language
from tests.command import Done, finish, lab, start

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = "answer = client.get"
MUTANT = "mutants/first-forgets-the-greeting"
BROKEN = {
    "not-toml": ("labs/{}/lab.toml", "id =", "id ==", "labs/not-toml/lab.toml:3: not valid TOML"),
    "negative": ("labs/{}/lab.toml", "points = 2", "points = -2", "must be a whole number from 1 to 1000, not -2."),
    "raises": ("graders/{}/test_01_first.py", ANSWER, f"raise ValueError('odd')\n    {ANSWER}",
               "first/answers errored: the check raised ValueError: odd (graders/raises/test_01_first.py:14)"),
    "hangs": ("graders/{}/test_01_first.py", ANSWER, f"__import__('time').sleep(600)\n    {ANSWER}",
              "first/answers errored: the check hung: nothing was heard of it for 3 s"),
    "prints": ("graders/{}/test_01_first.py", ANSWER, f"__import__('os').write(1, b'\\xff\\x00')\n    {ANSWER}",
               "first/answers writes to its output:"),
    "exits": ("graders/{}/test_01_first.py", ANSWER, f"__import__('os')._exit(0)\n    {ANSWER}",
              "first/answers errored: the check's process died without a verdict"),
    "imports": ("graders/{}/test_01_first.py", "import random", "import no_such_module",
                "graders/imports/test_01_first.py:5: ModuleNotFoundError: No module named 'no_such_module'"),
    "ends": ("graders/{}/test_01_first.py", "import random", "import os; os._exit(3)",
             "the grader's process died while loading"),
    "unbuilt": ("graders/{}/references/python/solution.toml", "run =", 'build = ["false"]\nrun =',
                "reference/python does not build: "),
    "wrong": ("graders/{}/references/python/answer_first.py", "{greeting}, ", "{greeting} ",
              "reference/python must pass everything, but first/answers failed (MISMATCH): expected"),
    "survives": (f"graders/{{}}/{MUTANT}/answer_first.py", "return word", "return f'{greeting}, {word}'",
                 "mutant/first-forgets-the-greeting: first/answers must fail it, but is passed."),
    "solved": ("scaffolds/{}/python/answer_first.py", "raise NotImplementedError", "return f'{greeting}, {word}'",
               "scaffold/python earns 2 points, not the baseline of 0 (passed: first/answers)."),
}  # fmt: skip


def _new(pack: Path, name: str = "tiny") -> Path:
    write(NewLab(name, "Tiny", ("first",), (Language.PYTHON,), with_load=False), pack)
    return pack


def _words(done: Done) -> str:
    return re.sub(r"\s+", " ", done.out + done.err)


def test_broken_labs_are_named_and_the_others_are_validated(tmp_path: Path) -> None:
    """Each in a line with where and what next; exit code 3; the one that is right is said to be valid."""
    for name, (file, old, new, _) in BROKEN.items():
        path = _new(tmp_path, name) / file.format(name)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
    _new(tmp_path, "right")
    others = [name for name in BROKEN if name != "hangs"]
    done = lab("validate", *others, "right", "--quick", cwd=tmp_path)
    assert done.code == ExitCode.LAB_INVALID, done
    words = _words(done)
    for name in others:
        says = BROKEN[name][3]
        assert says in words, f"{name}: {done.out}"
        assert f"{name} is not valid" in words
    assert "right is valid" in words
    assert "Traceback" not in words
    # With so little patience a busy machine would make the others hang, too.
    hung = lab("validate", "hangs", "--quick", "--patience", "3", cwd=tmp_path)
    assert hung.code == ExitCode.LAB_INVALID
    assert BROKEN["hangs"][3] in _words(hung)


def test_a_new_lab_validates_at_once(tmp_path: Path) -> None:
    """By the commands that `lab new` names; two stages, and a title of one's own."""
    done = lab("new", "word-count", "--stages", "first,second-try", "--title", "Words", cwd=tmp_path)
    assert done.code == 0
    assert "lab validate word-count" in done.out
    report = tmp_path / "report.json"
    done = lab("validate", "word-count", "--quick", "--report", f"json={report}", cwd=tmp_path)
    assert done.code == 0, done
    (found,) = json.loads(report.read_text())["labs"]
    assert [section["name"] for section in found["sections"]][:3] == ["manifest", "sync", "scaffold"]
    marks = {case["name"]: case["marks"] for case in found["cases"] if case["kind"] == "mutant"}
    assert marks["first-forgets-the-greeting"]["first/answers"] == "caught"
    assert any(case["margins"] for case in found["cases"])


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("new",), "'' is no id of a lab"),
        (("new", "../x"), "is no id of a lab"),
        (("new", "x", "--stages", "load"), "The stage 'load' is written anyway"),
        (("new", "x", "--stages", "a,a"), "Two stages have one name"),
        (("new", "x", "--stages", "a,,b"), "'' is no name of a stage"),
        (("new", "x", "--lang", "cobol"), "There is no language 'cobol'"),
        (("new", "x", "--lang", "other"), "Nothing can be begun in 'other'"),
        (("new", "x", "--title", 'a"b'), "A title is a line of text"),
        (("validate", "rate-limiting", "--pdb"), "--pdb needs a check"),
        (("validate", "rate-limiting", "--check", "first-limit/quota"), "--check is of one lab and one --case"),
        (("validate", "rate-limiting", "--case", "mutant/nobody", "--check", "first-limit/quota"), "There is no solution"),
        (("validate", "rate-limiting", "--case", "mutant/off-by-one-qota"), "Did you mean mutant/off-by-one-quota"),
        (("validate", "rate-limiting", "--quick", "--full"), "contradict"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_a_mistake_of_the_command(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    """Exit code 2, one sentence, and nothing is written."""
    done = lab(*arguments, cwd=tmp_path)
    assert done.code == ExitCode.USAGE, done
    assert says in _words(done)
    assert not list(tmp_path.iterdir())


def test_one_check_in_the_foreground(tmp_path: Path) -> None:
    """By the line that a report prints: pytest's own output, and a debugger that stands in the check."""
    pack = _new(tmp_path)
    done = lab("validate", "tiny", "--case", "mutant/first-forgets-the-greeting", "--check", "first/answers", "--pdb",
               "--seed", "abc", cwd=pack, stdin="p word\nq\n")  # fmt: skip
    assert done.code == ExitCode.FAILED, done
    assert "def test_answers(" in done.out
    assert "(Pdb) 'w" in done.out
    assert "first/answers failed (MISMATCH), seed abc" in done.out


def test_a_validation_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    """With the same seed, and only with what is not known yet."""
    pack = _new(tmp_path)
    argv = ("validate", "tiny", "--runs", "8", "--jobs", "1")
    process = start(*argv, cwd=pack)
    assert process.stdout is not None
    seen = b""
    while b"scaffold python" not in seen:
        block = process.stdout.read1(4096)  # type: ignore[attr-defined]
        assert block, seen
        seen += block
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.code == ExitCode.INTERRUPTED, done
    again = lab(*argv[:4], "--jobs", "2", "--resume", cwd=pack)
    assert again.code == 0, again
    assert "scaffold python " not in again.out.split("mutant ")[0]
    seed = re.search(r"seed (\w+)", seen.decode())
    assert seed is not None
    assert f"seed {seed[1]}" in again.out


def test_what_learners_see_is_recorded_and_compared(tmp_path: Path) -> None:
    """Never by a validation; the difference is printed; a change of it is a problem until it is recorded."""
    pack = _new(tmp_path)
    transcripts = pack / "graders/tiny/transcripts"
    first = lab("validate", "tiny", "--update-transcripts", cwd=pack)
    assert first.code == 0, first
    assert "+++ b/graders/tiny/transcripts/scaffold-python.txt" in first.out
    assert sorted(path.name for path in transcripts.iterdir()) == [
        "mutant-first-forgets-the-greeting.txt",
        "scaffold-python.txt",
    ]
    same = lab("validate", "tiny", "--update-transcripts", cwd=pack)
    assert same.out == "nothing has changed\n" * 2
    test = pack / "graders/tiny/test_01_first.py"
    test.write_text(test.read_text().replace("wants to be greeted", "hopes to be greeted"))
    before = {path.name: path.read_text() for path in transcripts.iterdir()}
    done = lab("validate", "tiny", "--quick", cwd=pack)
    assert done.code == ExitCode.LAB_INVALID, done
    assert "a learner sees something else: 'Why Whoever asks wants to be greeted.' is now" in _words(done)
    assert before == {path.name: path.read_text() for path in transcripts.iterdir()}


def test_a_private_suite_is_proved_like_a_lab(pack: Path, tmp_path: Path) -> None:
    """The worked example: its checks are failed by its mutants, and the public references pass them."""
    private = pack.parent / "private-suite"
    done = lab(
        "validate", "private-suite:greeter", "--quick", "--pack", str(pack), "--pack", str(private), cwd=tmp_path
    )
    assert done.code == 0, done
    assert "7 checks in 3 stages, 14 points" in done.out
    assert "2 of 2 as they should be" in done.out
