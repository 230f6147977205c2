"""A signed result: whatever is changed in it, it is refused; and a true one of something else is refused too."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from labrunner.errors import BadResultFile, LabError, NotProven, UsageError
from labrunner.model.assignment import Mark, Terms
from labrunner.model.envelope import Document, Image, Subject
from labrunner.model.event import CheckEnded, RunEnded
from labrunner.model.outcome import Failure, Outcome
from labrunner.model.result import Isolation
from labrunner.model.status import Reason, Status
from labrunner.rules import wire
from labrunner.rules.canonical import canonical
from labrunner.rules.fold import fold
from labrunner.trust import claims, envelope, keys
from tests.builders import check, exchange, lab, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from labrunner.model.result import Result

COMMIT = "a" * 40
SUBJECT = Subject("ada", "ada/limits", COMMIT, 2, "run-7", "2030-01-31T17:30:00+00:00")
TERMS = Terms("Week 3", "sha256:4", 0.6, (Mark("A", 0.9), Mark("B", 0.6)), "2030-01-31T17:00:00+00:00")
LAB = lab(check("one/a"), check("one/b", "one/a"))


def _result() -> Result:
    failure = Failure("x", "y", "z", (exchange(body="b"),), ("line",))
    rows = [
        CheckEnded(LAB.checks[0], Outcome(Status.PASSED, seconds=0.25)),
        CheckEnded(LAB.checks[1], Outcome(Status.FAILED, Reason.MISMATCH, failure)),
    ]
    begun = dataclasses.replace(started(LAB), isolation=Isolation.STRONG, terms=TERMS, notes=("a note",))
    return fold([begun, *rows, RunEnded(1.5)])


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> keys.Key:
    """An instructor's."""
    path = tmp_path_factory.mktemp("keys") / "key"
    keys.new(path)
    return keys.read(path)


@pytest.fixture
def signed(key: keys.Key) -> bytes:
    """As `lab grade --key` writes it."""
    sealed = envelope.seal(_result(), SUBJECT, (Image("labrunner/python:1", "sha256:9"),))
    return envelope.written(sealed, key)


def _proves(data: bytes, key: keys.Key) -> bool:
    """Whether it is accepted; anything but the two errors that say so is a defect."""
    try:
        envelope.verify(envelope.opened(data, "e.json"), key.public)
    except (NotProven, BadResultFile):
        return False
    return True


def test_what_was_signed_is_proved(signed: bytes, key: keys.Key) -> None:
    """By the public half alone, and with other white space."""
    assert _proves(signed, key)
    assert _proves(json.dumps(json.loads(signed), indent=None).encode(), key)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, (*path, name))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from _leaves(part, (*path, index))
    else:
        yield path


def _others(value: Any) -> list[Any]:
    match value:
        case bool():
            return [not value, None, int(value)]
        case int() | float():
            return [value + 1, -value - 1, str(value), None]
        case str():
            return [f"{value}x", value[:-1], "", value.upper() if value.upper() != value else f" {value}", None]
        case None:
            return [0, "x", False, []]
        case _:
            return [None, "x", [0]]


def _put(page: Any, path: tuple[Any, ...], value: Any) -> bytes:
    changed = copy.deepcopy(page)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(changed).encode()


def test_every_field_changed_one_by_one_is_refused(signed: bytes, key: keys.Key) -> None:
    """F5: each leaf of the file, each in several ways."""
    page = json.loads(signed)
    paths = list(_leaves(page))
    assert len(paths) > 80
    for path in paths:
        value = page
        for step in path:
            value = value[step]
        for other in _others(value):
            if other != value or type(other) is not type(value):
                assert not _proves(_put(page, path, other), key), (path, other)


def test_every_field_left_out_is_refused(signed: bytes, key: keys.Key) -> None:
    """Also one that a reader would fill in by a default."""
    page = json.loads(signed)

    def without(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
        if isinstance(value, dict):
            for name in value:
                yield (*path, name), {k: v for k, v in value.items() if k != name}
            for name, part in value.items():
                yield from without(part, (*path, name))
        elif isinstance(value, list):
            for index, part in enumerate(value):
                yield from without(part, (*path, index))

    for path, cut in without(page, ()):
        data = _put(page, path[:-1], cut) if len(path) > 1 else json.dumps(cut).encode()
        assert not _proves(data, key), path


@pytest.mark.parametrize("where", [(), ("envelope",), ("envelope", "subject"), ("envelope", "result"), ("signature",)])
def test_a_field_added_is_refused(signed: bytes, key: keys.Key, where: tuple[str, ...]) -> None:
    """The signature covers what this version does not know, too; outside of it nothing may stand."""
    page = json.loads(signed)
    place = page
    for step in where:
        place = place[step]
    place["bonus"] = 1
    assert not _proves(json.dumps(page).encode(), key)


def test_a_key_twice_is_refused(signed: bytes, key: keys.Key) -> None:
    """Readers would differ in which counts."""
    assert not _proves(signed.replace(b'"schema": 1,', b'"schema": 1, "schema": 1,', 1), key)


def test_another_key_is_refused(signed: bytes, tmp_path: Path) -> None:
    """Everybody can sign; it must be the instructor."""
    keys.new(tmp_path / "other")
    with pytest.raises(NotProven, match="another key"):
        envelope.verify(envelope.opened(signed, "e"), keys.read(tmp_path / "other").public)


def test_an_envelope_without_a_signature_proves_nothing(key: keys.Key) -> None:
    """It may be attested; signed it is not."""
    bare = envelope.written(envelope.seal(_result(), SUBJECT, ()))
    with pytest.raises(NotProven, match="not signed"):
        envelope.verify(envelope.opened(bare, "e"), key.public)
    assert _proves(envelope.signed(envelope.opened(bare, "e"), key), key)


def test_signing_keeps_what_a_newer_labrunner_wrote(key: keys.Key) -> None:
    """The values are signed as they were read, not as this version would write them."""
    page = json.loads(envelope.written(envelope.seal(_result(), SUBJECT, ())))
    page["envelope"]["result"]["tomorrow"] = [1]
    again = envelope.signed(envelope.opened(json.dumps(page).encode(), "e"), key)
    assert json.loads(again)["envelope"] == page["envelope"]
    assert _proves(again, key)


def test_a_newer_envelope_says_what_to_do(signed: bytes) -> None:
    """One sentence, exit code 2."""
    with pytest.raises(BadResultFile, match="newer labrunner"):
        envelope.opened(_put(json.loads(signed), ("envelope", "schema"), 2), "e")


OWN = claims.Claims(assignment_digest="sha256:4")


@pytest.mark.parametrize(
    "wanted",
    [{"commit": "b" * 40}, {"owner": "bob"}, {"repository": "bob/limits"}, {"solution_digest": "sha256:other"},
     {"lab": "other"}, {"digests": ("sha256:0", "sha256:2")}, {"digests": ("sha256:1", "sha256:0")},
     {"seed": "other"}, {"assignment_digest": ""}, {"assignment_digest": "sha256:5"}],
    ids=str,
)  # fmt: skip
def test_a_true_result_of_something_else_is_refused(wanted: dict[str, Any]) -> None:
    """F6: an old result for a new commit, somebody else's, an easier lab's or assignment's."""
    sealed = envelope.seal(_result(), SUBJECT, ())
    right = dataclasses.replace(
        OWN, owner="ada", repository="ada/limits", commit=COMMIT, solution_digest="sha256:3", lab="tiny",
        digests=("sha256:1", "sha256:2"),
    )  # fmt: skip
    claims.hold(sealed, right)
    with pytest.raises(NotProven):
        claims.hold(sealed, dataclasses.replace(right, **wanted))


def test_weak_isolation_is_accepted_only_when_told() -> None:
    """The service could have reached what graded it."""
    weak = dataclasses.replace(_result(), isolation=Isolation.PARTIAL)
    sealed = envelope.seal(weak, SUBJECT, ())
    with pytest.raises(NotProven, match="isolation"):
        claims.hold(sealed, OWN)
    claims.hold(sealed, dataclasses.replace(OWN, needs_strong_isolation=False))


def test_an_interrupted_run_is_no_grade() -> None:
    """Whoever ended it early chose what was asked."""
    sealed = envelope.seal(dataclasses.replace(_result(), interrupted=True), SUBJECT, ())
    with pytest.raises(NotProven, match="interrupted"):
        claims.hold(sealed, OWN)


def test_the_seed_is_the_one_that_was_committed_to() -> None:
    """A result may be shown without its seed, and checked with it later."""
    sealed = envelope.seal(_result(), SUBJECT, ())
    other = dataclasses.replace(sealed, result=dataclasses.replace(sealed.result, seed="other"))
    with pytest.raises(NotProven, match="seed"):
        claims.hold(other, OWN)


def test_late_is_by_the_services_clock() -> None:
    """F9: when it was received against the deadline; unknown where one of them is."""
    assert envelope.seal(_result(), SUBJECT, ()).late is True
    assert envelope.is_late("2030-01-31T16:59:59+00:00", TERMS.deadline) is False
    assert envelope.is_late("", TERMS.deadline) is None
    assert envelope.is_late(TERMS.deadline, "") is None


def test_a_seed_can_be_repeated_but_not_foreseen(key: keys.Key, tmp_path: Path) -> None:
    """Of the key, the lab, the learner and the commit; and of nothing else."""
    seed = key.seed("tiny", SUBJECT)
    assert key.seed("tiny", dataclasses.replace(SUBJECT, attempt=9, run="x")) == seed
    assert len(seed) == 32
    keys.new(tmp_path / "other")
    others = {
        keys.read(tmp_path / "other").seed("tiny", SUBJECT),
        key.seed("large", SUBJECT),
        key.seed("tiny", dataclasses.replace(SUBJECT, owner="bob")),
        key.seed("tiny", dataclasses.replace(SUBJECT, commit="b" * 40)),
        key.seed("tiny", dataclasses.replace(SUBJECT, repository="ada/other")),
    }
    assert len(others | {seed}) == 6


def test_a_key_is_its_owners_alone_and_never_replaced(tmp_path: Path) -> None:
    """Mode 600; a second `new` is refused and leaves the first as it was."""
    public = keys.new(tmp_path / "key")
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    assert keys.read_public(tmp_path / "key.pub").fingerprint == public.fingerprint
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(UsageError, match="never replaced"):
        keys.new(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None]
)
def test_a_key_that_is_none_is_told_in_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    """Junk, nothing, another's format, a missing file."""
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    for read in (keys.read, keys.read_public):
        with pytest.raises(LabError) as caught:
            read(path)
        assert caught.value.exit_code == 2
        assert "\n" not in caught.value.message


def test_a_public_key_signs_nothing(tmp_path: Path) -> None:
    """Given where the secret one is wanted, and the other way round."""
    keys.new(tmp_path / "key")
    with pytest.raises(BadResultFile):
        keys.read(tmp_path / "key.pub")
    with pytest.raises(BadResultFile):
        keys.read_public(tmp_path / "key")


def test_one_value_has_one_text() -> None:
    """Whatever the order of its keys; NaN has none."""
    assert canonical({"b": 1, "a": [1.5, "ä", None]}) == '{"a":[1.5,"ä",null],"b":1}'.encode()
    assert canonical(json.loads('{"b": 1,\n "a": [1.50, "\\u00e4", null]}')) == canonical(
        {"a": [1.5, "ä", None], "b": 1}
    )
    with pytest.raises(ValueError, match="JSON"):
        canonical(float("nan"))


def test_the_documented_schema_is_current_and_fits(signed: bytes) -> None:
    """docs/envelope.schema.json is what the model says."""
    written = json.loads((Path(__file__).parents[3] / "docs" / "envelope.schema.json").read_text())
    assert written == json.loads(json.dumps(wire.schema(Document))), "run scripts/schema"
    jsonschema.Draft202012Validator(written).validate(json.loads(signed))
