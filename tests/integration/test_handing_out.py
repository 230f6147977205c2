"""`lab grade` with assignments, envelopes, keys and a store; `lab report`, `lab sign`, `lab verify`, `lab keys`, `lab ci`."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labrunner.errors import ExitCode
from tests.command import Done, lab
from tests.integration.conftest import copy_of

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT = "a" * 40
OTHER = "b" * 40
WEAK = ("--runtime", "process", "--allow-weak-isolation")


@pytest.fixture(autouse=True)
def with_the_tiny_pack(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a user of further labs has it."""
    monkeypatch.setenv("LAB_PACK", str(pack))


def _told(done: Done, code: int, *says: str) -> None:
    """One sentence and what to do next; no traceback."""
    assert done.code == code, done
    assert "Traceback" not in done.err + done.out
    assert "labrunner itself failed" not in done.err
    assert 1 <= len(done.err.strip().splitlines()) <= 5, done.err
    for words in says:
        assert words in re.sub(r"\s+", " ", done.err), done.err


@pytest.fixture
def graded(reference: Path, tmp_path: Path) -> Path:
    """A result that `lab grade` wrote."""
    done = lab("grade", str(reference), *WEAK, "--report", f"json={tmp_path / 'r.json'}", cwd=tmp_path)
    assert done.code == 0, done
    return tmp_path / "r.json"


@pytest.fixture
def signed(reference: Path, tmp_path: Path) -> Path:
    """An envelope for COMMIT of ada, and a key beside it."""
    assert lab("keys", "new", "key", cwd=tmp_path).code == 0
    done = lab("grade", str(reference), *WEAK, "--owner", "ada", "--repository", "ada/x", "--commit", COMMIT, "--key", "key",
               "--envelope", "e.json", cwd=tmp_path)  # fmt: skip
    assert done.code == 0, done
    return tmp_path / "e.json"


# -- reports ------------------------------------------------------------------------------------------------------------


def test_a_stored_result_becomes_any_report(graded: Path, tmp_path: Path) -> None:
    """Later and elsewhere: several files in one go, one to standard output, the terminal's without a format."""
    formats = ["junit=j.xml", "html=h.html", "markdown=m.md", "gradescope=g.json", "gitlab=gl.xml", "github=a.txt"]
    arguments = [part for name in formats for part in ("--format", name)]
    assert lab("report", str(graded), *arguments, cwd=tmp_path).code == 0
    assert all((tmp_path / name.partition("=")[2]).exists() for name in formats)
    out = lab("report", str(graded), "--format", "json", cwd=tmp_path).out
    assert out == graded.read_text()
    assert "Everything passed" in lab("report", str(graded), cwd=tmp_path).out


def test_without_a_name_the_last_result_is_shown(reference: Path) -> None:
    """That of the solution around."""
    _told(lab("report", cwd=reference), ExitCode.USAGE, "result.json cannot be read")
    lab("test", cwd=reference)
    assert "Everything passed" in lab("report", cwd=reference).out


@pytest.mark.parametrize(
    "arguments, code, says",
    [
        (("report", "nowhere.json"), 2, "nowhere.json cannot be read"),
        (("report", "."), 2, "cannot be read"),
        (("report", "junk"), 2, "junk is not valid JSON"),
        (("report", "newer"), 2, "newer labrunner"),
        (("report", "r.json", "--format", "pdf"), 2, "There is no report format 'pdf'"),
        (("report", "r.json", "--format", "html=/proc/x/y"), 4, "/proc/x/y cannot be written"),
        (("report", "r.json", "--format", "html", "--format", "junit"), 2, "both go to standard output"),
        (("verify", "r.json"), 2, "Nothing was named that could prove"),
        (("verify", "r.json", "--public-key", "nokey"), 2, "r.json is no envelope"),
        (("sign", "r.json", "--key", "junk"), 2, "r.json is no envelope"),
        (("grade", "s", "--assignment", "junk"), 2, "junk:1: not valid TOML"),
        (("grade", "s", "--assignment", "stages.toml", *WEAK), 2, "the stage 'fly', which the lab 'greeter' lacks"),
        (("grade", "s", "--assignment", "lab.toml", "--lab", "greeter"), 2, "is of the lab 'rate-limiting'"),
        (("grade", "s", "--minimum", "150%"), 2, "share of the points"),
        (("grade", "s", "--envelope", "e"), 2, "says whose result it is"),
        (("grade", "s", "--key", "junk", "--owner", "ada", "--envelope", "e"), 2, "holds no key"),
        (("grade", "s", "--key", "junk", "--owner", "ada"), 2, "an envelope is signed"),
        (("grade", "s", "--key", "junk", "--envelope", "e"), 2, "somebody is graded"),
        (("grade", "s", "--key", "junk", "--seed", "x", "--owner", "a", "--envelope", "e"), 2, "seed is made from it"),
        (("grade", "s", "--commit", "main"), 2, "full hash"),
        (("grade", "s", "--pushed-at", "2030-01-01T00:00:00"), 2, "offset from UTC"),
        (("keys", "seed", "--key", "junk", "--lab", "x", "--owner", "ada"), 2, "somebody's commit"),
        (("keys", "new", "s"), 2, "is there already"),
        (("keys", "new", "/proc/x"), 4, "cannot be written"),
        (("ci", "init", "github", "--from", "x"), 2, "not inside a solution"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_in_a_sentence(
    graded: Path, tmp_path: Path, pack: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """Bad input of every kind, each with its exit code."""
    copy_of(pack / "graders" / "greeter" / "references" / "python", tmp_path / "s")
    (tmp_path / "junk").write_text("junk")
    page = json.loads(graded.read_text())
    (tmp_path / "newer").write_text(json.dumps(page | {"schema": 99}))
    (tmp_path / "stages.toml").write_text('lab = "greeter"\nstages = ["fly"]')
    (tmp_path / "lab.toml").write_text('lab = "rate-limiting"')
    _told(lab(*arguments, cwd=tmp_path), code, says)


# -- assignments --------------------------------------------------------------------------------------------------------


def _assignment(folder: Path, text: str) -> str:
    (folder / "assignment.toml").write_text(text)
    return str(folder / "assignment.toml")


def test_an_assignment_marks_as_the_instructor_wants(pack: Path, tmp_path: Path) -> None:
    """Stages, points, a minimum and marks: in the exit code, the result and the reports."""
    solution = copy_of(pack / "graders" / "greeter" / "references" / "python", tmp_path / "s")
    rude = pack / "graders" / "greeter" / "mutants" / "rude" / "greeting.py"
    (solution / "greeting.py").write_bytes(rude.read_bytes())
    text = 'title = "Week 1"\nlab = "greeter"\nstages = ["greet"]\n{}\n[thresholds]\nA = 0.9\nB = 0.1\n'
    graded = {}
    for minimum in ("minimum = 0.1", "minimum = 0.99"):
        path = _assignment(tmp_path, text.format(minimum))
        done = lab("grade", str(solution), *WEAK, "--assignment", path, "--report", "json=r.json", "--report",
                   "markdown=m.md", cwd=tmp_path)  # fmt: skip
        graded[minimum] = done.code
    assert graded == {"minimum = 0.1": 0, "minimum = 0.99": 1}
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["terms"]["title"] == "Week 1"
    assert {row["outcome"]["status"] for row in result["checks"] if row["stage"] != "greet" and not row["points"]} >= {
        "skipped"
    }
    assert sum(row["points"] for row in result["checks"] if row["stage"] != "greet") == 0
    summary = (tmp_path / "m.md").read_text().replace("\\", "")
    assert "mark B, not passed" in summary
    assert "Assignment Week 1, passed from 99% of the points." in summary


def test_a_minimum_can_be_asked_for_without_an_assignment(pack: Path, tmp_path: Path) -> None:
    """As the action's input does."""
    solution = copy_of(pack / "graders" / "greeter" / "references" / "python", tmp_path / "s")
    rude = pack / "graders" / "greeter" / "mutants" / "rude" / "greeting.py"
    (solution / "greeting.py").write_bytes(rude.read_bytes())
    assert lab("grade", str(solution), *WEAK, "--minimum", "10%", cwd=tmp_path).code == 0
    assert lab("grade", str(solution), *WEAK, "--minimum", "1", cwd=tmp_path).code == 1


# -- the store ----------------------------------------------------------------------------------------------------------


def test_what_was_graded_is_not_graded_again(reference: Path, tmp_path: Path) -> None:
    """Equal content: the stored result, its reports, its exit code; any change, also of the marking: a new grade."""
    arguments = ("grade", str(reference), *WEAK, "--store", "store", "--report", "json=r.json")
    first = lab(*arguments, cwd=tmp_path)
    assert "graded before" not in first.err
    before = (tmp_path / "r.json").read_bytes()
    (tmp_path / "r.json").unlink()
    again = lab(*arguments, cwd=tmp_path)
    assert (again.code, "graded before" in again.err) == (0, True)
    assert (tmp_path / "r.json").read_bytes() == before
    assert "graded before" not in lab(*arguments, "--minimum", "0.5", cwd=tmp_path).err
    (reference / "note.txt").write_text("new")
    assert "graded before" not in lab(*arguments, cwd=tmp_path).err


def test_a_damaged_store_costs_a_run_and_nothing_else(reference: Path, tmp_path: Path) -> None:
    """It is a cache."""
    arguments = ("grade", str(reference), *WEAK, "--store", "store")
    lab(*arguments, cwd=tmp_path)
    for file in (tmp_path / "store").iterdir():
        file.write_text("{")
    done = lab(*arguments, cwd=tmp_path)
    assert (done.code, "graded before" in done.err) == (0, False)


# -- envelopes ----------------------------------------------------------------------------------------------------------


def _verify(envelope: Path, *arguments: str) -> Done:
    return lab("verify", str(envelope), "--public-key", "key.pub", *arguments, cwd=envelope.parent)


def test_a_signed_result_is_proved(signed: Path, reference: Path) -> None:
    """Of this owner, commit and solution, by the lab that is here."""
    done = _verify(signed, "--allow-weak-isolation", "--owner", "ada", "--repository", "ada/x", "--commit", COMMIT,
                   "--solution", str(reference), "--lab", "greeter")  # fmt: skip
    assert done.code == 0, done
    assert "signed with sha256:" in done.out
    assert f"of ada, ada/x, commit {COMMIT}" in done.out


@pytest.mark.parametrize(
    "arguments, says",
    [
        (("--commit", OTHER), "another commit"),
        (("--owner", "bob"), "another owner"),
        (("--repository", "bob/x"), "another repository"),
        (("--lab", "rate-limiting"), "another"),
        (("--public-key", "other.pub"), "another key"),
    ],
)
def test_a_true_result_of_something_else_is_refused(signed: Path, arguments: tuple[str, ...], says: str) -> None:
    """An old result for a new commit above all."""
    lab("keys", "new", "other", cwd=signed.parent)
    _told(_verify(signed, "--allow-weak-isolation", *arguments), 1, says)


def test_weak_isolation_is_refused_unless_accepted(signed: Path) -> None:
    """The service could reach what graded it."""
    _told(_verify(signed), 1, "could reach what graded it")


def test_another_solution_is_refused(signed: Path, reference: Path) -> None:
    """File by file."""
    (reference / "more.py").write_text("")
    _told(_verify(signed, "--allow-weak-isolation", "--solution", str(reference)), 1, "another solution")


def test_a_changed_result_is_refused(signed: Path) -> None:
    """One digit."""
    text = signed.read_text()
    signed.write_text(re.sub(r'"earned": (\d+)', '"earned": 1000', text, count=1))
    _told(_verify(signed, "--allow-weak-isolation"), 1, "changed after it was signed")


def test_another_version_of_the_lab_is_refused_unless_accepted(signed: Path, pack: Path, tmp_path: Path) -> None:
    """Who chose the pack may have been the learner."""
    changed = copy_of(pack, tmp_path / "changed" / "pack")
    (changed / "graders" / "greeter" / "test_01_greet.py").write_text("# easier\n")
    env = {"LAB_PACK": str(changed)}
    arguments = ("verify", "e.json", "--public-key", "key.pub", "--allow-weak-isolation")
    _told(lab(*arguments, cwd=tmp_path, env=env), 1, "another grader")
    assert lab(*arguments, "--other-version", cwd=tmp_path, env=env).code == 0


def test_an_envelope_is_signed_where_the_key_is(reference: Path, tmp_path: Path) -> None:
    """Graded without a key, with its seed; signed after, and only for whom it was planned."""
    lab("keys", "new", "key", cwd=tmp_path)
    whose = ("--owner", "ada", "--commit", COMMIT)
    seed = lab("keys", "seed", "--key", "key", "--lab", "greeter", *whose, cwd=tmp_path).out.strip()
    assert re.fullmatch(r"[0-9a-f]{32}", seed)
    lab("grade", str(reference), *WEAK, *whose, "--seed", seed, "--envelope", "e.json", cwd=tmp_path)
    _told(lab("verify", "e.json", "--public-key", "key.pub", cwd=tmp_path), 1, "not signed")
    _told(lab("sign", "e.json", "--key", "key", "--owner", "bob", cwd=tmp_path), 1, "another owner")
    _told(lab("sign", "e.json", "--key", "key", "--seed", "other", cwd=tmp_path), 1, "another seed")
    assert lab("sign", "e.json", "--key", "key", *whose, "--seed", seed, cwd=tmp_path).code == 0
    assert _verify(tmp_path / "e.json", "--allow-weak-isolation").code == 0


# -- attestations -------------------------------------------------------------------------------------------------------

GH = """\
#!/bin/sh
printf '%s\\n' "$@" > {log}
{answer}
"""
SIGNER = "acme/labrunner/.github/workflows/grade.yml"


def _certificate(**changed: str) -> dict[str, Any]:
    certificate = {
        "buildSignerURI": f"https://github.com/{SIGNER}@refs/heads/main",
        "buildSignerDigest": "c" * 40,
        "runnerEnvironment": "github-hosted",
        "sourceRepositoryURI": "https://github.com/ada/x",
        "sourceRepositoryDigest": COMMIT,
    }
    return {"verificationResult": {"signature": {"certificate": certificate | changed}}}


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Puts a stand-in for GitHub's command on the PATH, which answers as told; returns the file of its arguments."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def answers(answer: str) -> Path:
        (folder / "gh").write_text(GH.format(log=tmp_path / "asked", answer=answer))
        (folder / "gh").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return answers


def _attested(folder: Path, *arguments: str) -> Done:
    return lab("verify", "e.json", "--signer-workflow", SIGNER, "--allow-weak-isolation", *arguments, cwd=folder)


def test_an_attested_result_is_proved(signed: Path, gh: Callable[[str], Path]) -> None:
    """Gh is asked for the envelope's repository and commit, and for the instructor's workflow on GitHub's own machines."""
    asked = gh(f"echo '{json.dumps([_certificate()])}'")
    done = _attested(signed.parent, "--signer-digest", "c" * 40)
    assert done.code == 0, done
    assert f"attested by GitHub, made by {SIGNER}" in done.out
    assert asked.read_text().splitlines() == [
        "attestation", "verify", "e.json", "--repo", "ada/x", "--format", "json", "--signer-workflow", SIGNER,
        "--source-digest", COMMIT, "--deny-self-hosted-runners", "--signer-digest", "c" * 40,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [{"sourceRepositoryDigest": OTHER}, {"sourceRepositoryURI": "https://github.com/bob/x"},
     {"buildSignerURI": f"https://github.com/ada/x/.github/workflows/grade.yml@{COMMIT}"}, {"buildSignerDigest": OTHER},
     {"runnerEnvironment": "self-hosted"}],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_an_attestation_of_something_else_is_refused(
    signed: Path, gh: Callable[[str], Path], changed: dict[str, str]
) -> None:
    """F1: even where gh lets it through; a learner's own workflow attests, too."""
    gh(f"echo '{json.dumps([_certificate(**changed)])}'")
    _told(_attested(signed.parent, "--signer-digest", "c" * 40), 1, "of another commit or by another workflow")


@pytest.mark.parametrize(
    "answer", ["echo '[]'", "echo '{}'", "echo junk", "echo '[1]'", "echo '[{\"verificationResult\": 1}]'"]
)
def test_an_answer_that_proves_nothing_is_refused(signed: Path, gh: Callable[[str], Path], answer: str) -> None:
    """No evidence is no proof."""
    gh(answer)
    _told(_attested(signed.parent), 1, "of another commit or by another workflow")


def test_what_gh_refuses_is_refused(signed: Path, gh: Callable[[str], Path]) -> None:
    """With its last words, escaped."""
    gh("printf 'no attestation\\033[2J' >&2; exit 1")
    _told(_attested(signed.parent), 1, "gh refuses the attestation: no attestation\\x1b[2J")


def test_without_gh_it_is_said_what_to_install(signed: Path, tmp_path: Path) -> None:
    """Exit code 4: the machine lacks something; the result may be true."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = lab("verify", "e.json", "--signer-workflow", SIGNER, cwd=signed.parent, env={"PATH": str(empty)})
    _told(done, 4, "'gh', which is not on PATH")


@pytest.mark.parametrize("name", ["grade.yml", "acme/labrunner", "acme/labrunner/.github/workflows/../x.yml", "--help"])
def test_a_workflow_that_is_none_is_told(signed: Path, name: str) -> None:
    """Before anybody is asked."""
    done = lab("verify", "e.json", f"--signer-workflow={name}", cwd=signed.parent)
    _told(done, 2, "names no workflow")
