"""The JSON Schema of ``lab.toml``, for editors: `manifest` reads more strictly, and says it in sentences.

Each pack holds a copy as ``labs/lab.schema.json``, so that the path in a manifest's first line is right everywhere.
"""

from __future__ import annotations

import json
from typing import Any

from labrunner.catalog.manifest import IMPORTING, SLUG, Packages, Ready
from labrunner.model.lab import Level, Visibility

FILE = "lab.schema.json"
LINE = f"#:schema ../{FILE}"
"""The first line of a manifest, as Taplo and the editors that use it read it."""


def text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=2) + "\n"


def schema() -> dict[str, Any]:
    """As Draft 7, which TOML editors know best."""
    whole = {
        "id": _text("The lab's name, which is its folder's too.", SLUG),
        "version": _text("Three numbers; raise it when a verdict may change.", r"\d+\.\d+\.\d+"),
        "title": _text("What learners see."),
        "summary": _text("One sentence for `lab list`."),
        "level": {"enum": [level.value for level in Level]},
        "hours": {"type": "integer", "minimum": 1, "maximum": 1000},
        "languages": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": [*IMPORTING]}},
        "baseline": {"type": "integer", "minimum": 0, "description": "Points that the scaffold earns."},
        "service": _service(),
        "imports": _imports(),
        "load": _load(),
        "stages": {"type": "array", "minItems": 1, "items": _stage()},
    }
    extension = {
        "extends": _text("The lab that this pack adds checks to: pack:id.", r"[a-z0-9_.-]+:[a-z0-9-]+"),
        "version": whole["version"],
        "baseline": whole["baseline"],
        "stages": whole["stages"],
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "lab.toml",
        "if": {"required": ["extends"]},
        "then": _object(extension, ("extends", "version", "stages")),
        "else": _object(whole, tuple(key for key in whole if key not in {"imports", "load"})),
        "type": "object",
    }


def _load() -> dict[str, Any]:
    """Thresholds of the load stage; all but `objective_ms` and `users` are ratios to the reference."""
    return _object(
        {
            "capacity": {"type": "number", "minimum": 0.01, "maximum": 1},
            "p95": {"type": "number", "minimum": 1, "maximum": 100},
            "objective_ms": {"type": "number", "minimum": 1, "maximum": 60_000},
            "rate": {"type": "number", "minimum": 0.01, "maximum": 0.5},
            "users": {"type": "integer", "minimum": 1, "maximum": 256},
            "reference": {"enum": [*IMPORTING]},
        },
        ("capacity", "p95", "objective_ms", "rate", "users"),
    )


def _service() -> dict[str, Any]:
    names = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return _object(
        {
            "ready": _text("Target of the GET that answers 200 when the service is ready.", r"/[!-~]*"),
            "ready_when": {"enum": [ready.value for ready in Ready]},
            "ready_within_ms": {"type": "integer", "minimum": 100, "maximum": 600_000},
            "try": {
                **names,
                "description": "Shell lines that `lab run` prints; $URL, $HOST and $PORT say where it is.",
            },
            "companions": {**names, "description": "What the lab's checks may start beside the service."},
            "shared_companions": {**names, "description": "Those that run beside the shared service."},
            "companion_groups": {
                "type": "object",
                "description": "Several more there: for each variable, names of companions and their kinds.",
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}},
            },
        },
        ("ready", "ready_within_ms"),
    )


def _imports() -> dict[str, Any]:
    """What a solution's sources may not bring in, by its language."""
    names = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return _object(
        {
            "rule": _text("Id of the README's rule that says so."),
            "packages": {"enum": [packages.value for packages in Packages]},
            **{language.value: _object({"forbidden": names, "allowed": names}, ()) for language in IMPORTING},
        },
        ("rule",),
    )


def _stage() -> dict[str, Any]:
    return _object(
        {
            "slug": _text("The stage's name on the command line.", SLUG),
            "title": _text("What learners see."),
            "goal": _text("What the service can do after it, in a sentence."),
            "checks": {"type": "array", "minItems": 1, "items": _check()},
        },
        ("slug", "checks"),
    )


def _check() -> dict[str, Any]:
    texts = {"type": "array", "items": {"type": "string", "minLength": 1}}
    return _object(
        {
            "slug": _text("The function is called test_<slug>, with _ for -.", SLUG),
            "title": _text("What a correct service does."),
            "points": {"type": "integer", "minimum": 1, "maximum": 1000},
            "rules": {**texts, "minItems": 1, "description": "Ids of the README's rules that it proves."},
            "hints": {**texts, "minItems": 2, "description": "From a nudge to nearly the answer."},
            "needs": {**texts, "description": "Checks that must pass before: slug, or stage/slug."},
            "visibility": {"enum": [visibility.value for visibility in Visibility]},
        },
        ("slug", "title", "points", "rules", "hints"),
    )


def _text(description: str, pattern: str = r"\S") -> dict[str, Any]:
    anchored = pattern if pattern == r"\S" else f"^{pattern}$"
    return {"type": "string", "pattern": anchored, "description": description}


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
