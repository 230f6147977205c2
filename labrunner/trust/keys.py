"""An instructor's key (Ed25519, RFC 8032): one file that is kept secret, one that is given away."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from labrunner.errors import BadResultFile, EnvironmentProblem, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from labrunner.model.envelope import Subject

ALGORITHM = "Ed25519"
_LARGEST = 16 * 1024
_DOMAIN = b"labrunner envelope 1\0"


class Key:
    """The secret one."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @property
    def public(self) -> PublicKey:
        """What others verify with."""
        return PublicKey(self._private.public_key())

    def sign(self, data: bytes) -> str:
        """The signature over `data`, in hexadecimal digits."""
        return self._private.sign(_DOMAIN + data).hex()

    def seed(self, lab: str, subject: Subject) -> str:
        """The seed for one commit of one learner: the same again, and foreseen by nobody without the key."""
        raw = self._private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        secret = HKDF(hashes.SHA256(), 32, salt=None, info=b"labrunner seeds 1").derive(raw)
        named = f"{lab}\x00{subject.owner}\x00{subject.repository}\x00{subject.commit}".encode(
            "utf-8", "backslashreplace"
        )
        return hmac.new(secret, named, "sha256").hexdigest()[:32]


class PublicKey:
    """The one that is given away."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public

    @property
    def fingerprint(self) -> str:
        """``sha256:<hex>`` of its 32 bytes."""
        return f"sha256:{hashlib.sha256(self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()}"

    def has_signed(self, data: bytes, signature: str) -> bool:
        """Whether `signature` is that of this key's owner over `data`."""
        try:
            value = bytes.fromhex(signature)
            if value.hex() != signature:
                return False
            self._public.verify(value, _DOMAIN + data)
        except (InvalidSignature, ValueError):
            return False
        return True


def new(path: Path) -> PublicKey:
    """Write a fresh key to `path`, for its owner alone, and its public half beside it (``.pub``).

    Raises:
        UsageError: one of them is there already.
        EnvironmentProblem: they cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    public_path = path.with_name(f"{path.name}.pub")
    for taken in (path, public_path):
        if taken.exists() or taken.is_symlink():
            raise UsageError(f"{taken} is there already, and a key is never replaced.", "Name another file.")
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        for target, data, mode in ((path, pem, 0o600), (public_path, public, 0o644)):
            handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
    except OSError as fault:
        raise EnvironmentProblem(f"{path} cannot be written: {fault.strerror}.", "Name another file.") from None
    return PublicKey(private.public_key())


def read(path: Path) -> Key:
    """The secret key in `path`.

    Raises:
        BadResultFile: it holds none.
    """
    try:
        key = load_pem_private_key(_bytes(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadResultFile(f"{path} holds no key that labrunner made.", "Make one with `lab keys new FILE`.") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadResultFile(f"{path} holds a key of another kind than Ed25519.", "Make one with `lab keys new FILE`.")
    return Key(key)


def read_public(path: Path) -> PublicKey:
    """The public key in `path`.

    Raises:
        BadResultFile: it holds none.
    """
    try:
        key = load_pem_public_key(_bytes(path))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadResultFile(f"{path} holds no public key.", "Give the .pub file that `lab keys new` wrote.") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadResultFile(
            f"{path} holds a key of another kind than Ed25519.", "Give the .pub file of `lab keys new`."
        )
    return PublicKey(key)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except (OSError, ValueError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else str(fault)
        raise BadResultFile(f"{path} cannot be read: {why}.", "Give the path of a key.") from None
