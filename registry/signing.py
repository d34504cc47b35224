"""The key pair that signs promotions: Ed25519, made at first use, kept outside of what it vouches for.

`production.key` never leaves the machine that promotes; `production.pub` is all that a machine needs to verify.
"""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from filelock import FileLock, Timeout

from market import settings
from market.durable import make_durable, write_bytes
from market.errors import UnavailableError, UsageError

PATIENCE = 30.0
_FINGERPRINT = 16
_OTHERS = 0o077


def private_path() -> Path:
    """Return where the private key stands, or will."""
    return settings.keys_folder() / "production.key"


def public_path() -> Path:
    """Return where the public key stands, or will."""
    return settings.keys_folder() / "production.pub"


def private_key() -> Ed25519PrivateKey:
    """Return the key that signs; a pair is made where there is none, once even if two processes start together.

    Raises UsageError for a private key that others may read, one that is damaged or that does not belong to the public
    key beside it, and on a machine that has the public key alone; UnavailableError where the folder cannot be used.
    """
    path = private_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(path.with_name(".lock"), timeout=PATIENCE):
            if not os.path.lexists(path):
                _make(path)
            key = _read_private(path)
            _put_public_beside(key)
    except Timeout:
        raise UnavailableError(f"The keys in {path.parent} are locked by another process: try again.") from None
    except OSError as error:
        raise UnavailableError(
            f"The keys in {path.parent} cannot be used: {error.strerror}. Check the folder."
        ) from None
    return key


def public_key() -> Ed25519PublicKey:
    """Return the key that verifies; raises UnavailableError where it is missing, UsageError where it is damaged."""
    path = public_path()
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise UnavailableError(
            f"No public key at {path} ({error.strerror}): copy production.pub from the machine that promotes."
        ) from None
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is not an Ed25519 public key in PEM: copy it from the machine that promotes again.")
    return key


def check_pair() -> None:
    """Raise UsageError where a key is damaged or the public one is not that of the private one; nothing is made.

    A machine that only verifies has the public key alone. Raises UnavailableError without one.
    """
    public_key()
    if os.path.lexists(private_path()):
        _check_belongs(_read_private(private_path()))


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a public key's 32 bytes."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:_FINGERPRINT]


def holds(key: Ed25519PublicKey, signature: str, content: bytes) -> bool:
    """Return whether `signature` of `content`, in lower-case hexadecimal, was made by the private half of `key`."""
    try:
        signed = bytes.fromhex(signature)
        key.verify(signed, content)
    except (InvalidSignature, ValueError):
        return False
    return signed.hex() == signature


def _make(path: Path) -> None:
    if os.path.lexists(public_path()):
        raise UsageError(
            f"{public_path()} is here without its private key, so this machine only verifies: "
            "promote where production.key is, or move production.pub away to start a new pair."
        )
    aside = path.with_name(f".{path.name}.tmp")
    aside.unlink(missing_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(pem)
        stream.flush()
        os.fsync(stream.fileno())
    aside.rename(path)
    make_durable(path.parent)


def _read_private(path: Path) -> Ed25519PrivateKey:
    with path.open("rb") as stream:
        if os.fstat(stream.fileno()).st_mode & _OTHERS:
            raise UsageError(f"{path} can be read by others, so it vouches for nothing: chmod 600 {path}")
        content = stream.read()
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(
            f"{path} is not an Ed25519 private key in PEM: restore it, or move both keys away to start anew."
        )
    return key


def _check_belongs(key: Ed25519PrivateKey) -> None:
    if fingerprint(public_key()) != fingerprint(key.public_key()):
        raise UsageError(
            f"{public_path()} does not belong to the {private_path().name} beside it: restore the right one."
        )


def _put_public_beside(key: Ed25519PrivateKey) -> None:
    path = public_path()
    if os.path.lexists(path):
        _check_belongs(key)
        return
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    write_bytes(path, pem)
