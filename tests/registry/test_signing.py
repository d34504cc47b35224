"""One key pair a user, made once, readable by nobody else, and outside of what it signs."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from market import settings
from market.errors import UnavailableError, UsageError
from registry import signing


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of keys of its own, not there yet."""
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def test_the_pair_is_made_at_first_use_and_then_kept(folder: Path) -> None:
    first = signing.private_key()
    written = {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix}
    assert set(written) == {"production.key", "production.pub"}
    assert stat.S_IMODE((folder / "production.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert signing.private_key().private_bytes_raw() == first.private_bytes_raw()
    assert {name: (folder / name).read_bytes() for name in written} == written


def test_a_signature_holds_for_its_content_alone(folder: Path) -> None:
    signature, key = signing.private_key().sign(b"gold").hex(), signing.public_key()
    assert signing.holds(key, signature, b"gold")
    wrong = ("", "zz", signature[:-2], "0" * 128)
    assert not any(signing.holds(key, one, b"gold") for one in wrong)
    assert not signing.holds(key, signature, b"lead")


def test_a_private_key_that_others_can_read_is_refused(folder: Path) -> None:
    signing.private_key()
    path = folder / "production.key"
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(UsageError, match=f"can be read by others.*chmod 600 {path}"):
            signing.private_key()


@pytest.mark.parametrize("content", [b"", b"key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
@pytest.mark.parametrize(("name", "read"), [("key", signing.private_key), ("pub", signing.public_key)])
def test_a_damaged_key_is_refused(folder: Path, content: bytes, name: str, read) -> None:
    signing.private_key()
    (folder / f"production.{name}").write_bytes(content)
    with pytest.raises(UsageError, match=rf"production\.{name} is not an Ed25519 .* key in PEM") as refusal:
        read()
    assert "\n" not in str(refusal.value)


def test_a_public_key_that_was_lost_is_made_again_and_a_foreign_one_is_refused(folder: Path) -> None:
    key = signing.private_key()
    (folder / "production.pub").unlink()
    with pytest.raises(UnavailableError, match="No public key at"):
        signing.public_key()
    signing.private_key()
    assert signing.fingerprint(signing.public_key()) == signing.fingerprint(key.public_key())
    foreign = folder / "production.pub"
    own = foreign.read_bytes()
    (folder / "production.key").unlink()
    foreign.unlink()
    signing.private_key()
    foreign.write_bytes(own)
    with pytest.raises(UsageError, match=r"does not belong to the production\.key beside it"):
        signing.private_key()


def test_a_machine_with_the_public_key_alone_only_verifies(folder: Path) -> None:
    signing.private_key()
    (folder / "production.key").unlink()
    with pytest.raises(UsageError, match="this machine only verifies"):
        signing.private_key()
    assert not (folder / "production.key").exists()


def test_what_a_kill_left_behind_does_not_matter(folder: Path) -> None:
    folder.mkdir()
    (folder / ".production.key.tmp").write_bytes(b"half")
    signing.private_key()
    assert not (folder / ".production.key.tmp").exists()


def test_a_folder_that_cannot_be_used_is_said(folder: Path) -> None:
    (folder / "production.key").mkdir(parents=True)
    with pytest.raises(UnavailableError, match="cannot be used: Is a directory"):
        signing.private_key()


def test_processes_that_start_together_make_one_pair(folder: Path) -> None:
    code = "from registry import signing; print(signing.fingerprint(signing.private_key().public_key()))"
    starters = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(3)]
    said = {starter.communicate(timeout=60)[0].decode().strip() for starter in starters}
    assert said == {signing.fingerprint(signing.public_key())}


def test_keys_are_where_the_user_configures_things(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ASSAY_KEYS")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.keys_folder() == tmp_path / ".config" / "assay"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    assert settings.keys_folder() == tmp_path / "elsewhere" / "assay"
    monkeypatch.setenv("XDG_CONFIG_HOME", "not/absolute")
    assert settings.keys_folder() == tmp_path / ".config" / "assay"


def test_keys_inside_of_what_they_vouch_for_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "keys"))
    with pytest.raises(UsageError, match="inside ASSAY_HOME"):
        signing.private_key()
    (tmp_path / "file").touch()
    monkeypatch.setenv("ASSAY_KEYS", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="which is a file"):
        signing.public_key()
