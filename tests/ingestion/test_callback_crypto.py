"""The envelope of callbacks against the vectors that the platform's own samples and others' tests publish."""

from __future__ import annotations

import base64
import os
import struct

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingestion.callbacks.crypto import CallbackCrypto, CallbackError, CallbackKeyError
from ingestion.callbacks.messages import UnreadableMessageError, as_object, encrypted_part
from sandbox.callback_sender import CallbackSender, as_xml
from sandbox.credentials import SANDBOX_CALLBACK_AES_KEY, SANDBOX_CALLBACK_TOKEN, SANDBOX_CORP_ID

# The sample that the platform ships with its crypto libraries (token QDG6eK).
OFFICIAL = ("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
OFFICIAL_ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
OFFICIAL_MESSAGE = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W"
    "/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZ"
    "fJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAV"
    "GUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3K"
    "DYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)
# A second pair, from the tests of the Python library wechatpy.
OTHER = ("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
OTHER_MESSAGE = (
    "RgqEoJj5A4EMYlLvWO1F86ioRjZfaex/gePD0gOXTxpsq5Yj4GNglrBb8I2BAJVODGajiFnXBu7mCPatfjsu6IHCrsTyeDXzF6Bv283dGy"
    "mzxh6ydJRvZsryDyZbLTE7rhnus50qGPMfp2wASFlzEgMW9z1ef/RD8XzaFYgm7iTdaXpXaG4+BiYyolBug/gYNx410cvkKR2/nPwBiT+P"
    "4hIiOAQqGp/TywZBtDh1yCF2KOd0gpiMZ5jSw3e29mTvmUHzkVQiMS6td7vXUaWOMZnYZlF3So2SjHnwh4jYFxdgpkHHqIrH/54SNdshoQ"
    "gWYEvccTKe7FS709/5t6NMxuGhcUGAPOQipvWTT4dShyqio7mlsl5noTrb++x6En749zCpQVhDpbV6GDnTbcX2e8K9QaNWHp91eBdCRxth"
    "uL0="
)


def crypto_of(token: str, aes_key: str, receive_id: str) -> CallbackCrypto:
    return CallbackCrypto(SecretStr(token), SecretStr(aes_key), receive_id)


def test_the_official_url_check_is_verified_and_opened() -> None:
    crypto = crypto_of(*OFFICIAL)
    crypto.check("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780", OFFICIAL_ECHO)
    assert crypto.decrypt(OFFICIAL_ECHO) == b"1616140317555161061"


def test_the_official_message_is_verified_and_opened() -> None:
    crypto = crypto_of(*OFFICIAL)
    crypto.check("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149", OFFICIAL_MESSAGE)
    assert as_object(crypto.decrypt(OFFICIAL_MESSAGE)) == {
        "ToUserName": "wx5823bf96d3bd56c7",
        "FromUserName": "mycreate",
        "CreateTime": "1409659813",
        "MsgType": "text",
        "Content": "hello",
        "MsgId": "4561255354251345929",
        "AgentID": "218",
    }


def test_a_second_published_pair_is_verified_and_opened() -> None:
    crypto = crypto_of(*OTHER)
    crypto.check("74d92dfeb87ba7c714f89d98870ae5eb62dff26d", "1411525903", "461056294", OTHER_MESSAGE)
    message = as_object(crypto.decrypt(OTHER_MESSAGE))
    assert (message["Content"], message["FromUserName"]) == ("test", "messense")


@pytest.mark.parametrize(
    ("signature", "parts"),
    [
        ("477715d11cdb4164915debcba66cb864d751f3e7", ("1409659813", "1372623149", OFFICIAL_MESSAGE)),
        ("477715d11cdb4164915debcba66cb864d751f3e6", ("1409659814", "1372623149", OFFICIAL_MESSAGE)),
        ("477715d11cdb4164915debcba66cb864d751f3e6", ("1409659813", "1372623148", OFFICIAL_MESSAGE)),
        ("477715d11cdb4164915debcba66cb864d751f3e6", ("1409659813", "1372623149", OFFICIAL_MESSAGE[:-4])),
        ("", ("1409659813", "1372623149", OFFICIAL_MESSAGE)),
        ("签名\udc80", ("1409659813", "1372623149", "\udc80")),
    ],
)
def test_a_tampered_signature_is_refused(signature: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(CallbackError, match="signature"):
        crypto_of(*OFFICIAL).check(signature, *parts)


def test_a_message_for_another_corp_is_refused() -> None:
    with pytest.raises(CallbackError, match="another corp or app"):
        crypto_of(OFFICIAL[0], OFFICIAL[1], "wx5823bf96d3bd56c8").decrypt(OFFICIAL_MESSAGE)


def sealed(plain: bytes, aes_key: str = SANDBOX_CALLBACK_AES_KEY) -> str:
    """Encrypt whole blocks as they are, with ``cryptography`` and nothing of ours."""
    key = base64.b64decode(aes_key + "=")
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def framed(
    message: bytes, *, length: int | None = None, receive_id: bytes = SANDBOX_CORP_ID.encode()
) -> bytes:
    size = len(message) if length is None else length
    return os.urandom(16) + struct.pack(">I", size) + message + receive_id


def padded(plain: bytes) -> bytes:
    missing = 32 - len(plain) % 32
    return plain + bytes([missing]) * missing


OURS = (SANDBOX_CALLBACK_TOKEN, SANDBOX_CALLBACK_AES_KEY, SANDBOX_CORP_ID)


@pytest.mark.parametrize(
    "plain",
    [
        padded(framed(b"hello"))[:-1] + b"\x00",
        padded(framed(b"hello"))[:-1] + b"\x21",
        padded(framed(b"hello"))[:-2] + b"\x00" + padded(framed(b"hello"))[-1:],
    ],
    ids=["no padding", "33 is more than a block", "not all the same"],
)
def test_wrong_padding_is_refused(plain: bytes) -> None:
    with pytest.raises(CallbackError, match="padding"):
        crypto_of(*OURS).decrypt(sealed(plain))


@pytest.mark.parametrize(
    ("encrypted", "said"),
    [
        ("not base64!", "base64"),
        ("", "whole blocks"),
        (base64.b64encode(b"x" * 31).decode(), "whole blocks"),
        (base64.b64encode(b"x" * 16).decode(), "whole blocks"),
        (sealed(padded(b"short")), "at least 20 bytes"),
        (sealed(padded(framed(b"hello", length=2**31))), "a message of 2147483648 bytes"),
        (sealed(padded(framed(b"hello", length=4))), "another corp"),
        (sealed(padded(framed(b"hello", receive_id=b""))), "another corp"),
    ],
    ids=["text", "empty", "31 bytes", "16 bytes", "short", "too long", "length ends early", "nobody's"],
)
def test_broken_envelopes_are_refused_with_the_reason(encrypted: str, said: str) -> None:
    with pytest.raises(CallbackError, match=said):
        crypto_of(*OURS).decrypt(encrypted)


@given(message=st.binary(max_size=200))
def test_what_the_sandbox_encrypts_and_what_cryptography_does_is_opened(message: bytes) -> None:
    crypto, sender = crypto_of(*OURS), CallbackSender("http://nowhere.invalid")
    assert crypto.decrypt(sealed(padded(framed(message)))) == message
    encrypted = sender.encrypted(message, "wecom")
    query = sender.signed(encrypted)
    crypto.check(query["msg_signature"], query["timestamp"], query["nonce"], encrypted)
    assert crypto.decrypt(encrypted) == message


@pytest.mark.parametrize("key", ["", "short", SANDBOX_CALLBACK_AES_KEY + "=", "!" * 43, "键" * 43])
def test_a_key_that_is_none_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(CallbackKeyError, match="43 letters") as caught:
        crypto_of("t", key, "ww1")
    assert key == "" or key not in str(caught.value)


def test_xml_with_one_and_with_many_members_has_the_same_shape() -> None:
    one = as_object(as_xml({"ChatId": "wr1", "MemChangeList": {"Item": ["a"]}}).encode())
    two = as_object(as_xml({"ChatId": "wr1", "MemChangeList": {"Item": ["a", "b"]}}).encode())
    assert one == {"ChatId": "wr1", "MemChangeList": {"Item": ["a"]}}
    assert two["MemChangeList"] == {"Item": ["a", "b"]}


def test_json_keeps_bare_64_bit_ids_digit_by_digit() -> None:
    message = b'\xef\xbb\xbf{"order_info": {"order_id": 3724561098761234433, "n": [7, true, null]}}'
    assert as_object(message) == {"order_info": {"order_id": "3724561098761234433", "n": [7, True, None]}}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\xfe",
        b"hello",
        b"[1]",
        b"{",
        b'{"a": NaN}',
        b'{"a": "\\ud83d"}',
        b"<xml>only text</xml>",
        b"<xml><a></xml>",
        b'<!DOCTYPE x [<!ENTITY e "boom">]><xml><a>&e;</a></xml>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><xml><a>1</a></xml>',
        b"<a>" * 60_000 + b"</a>" * 60_000,
    ],
)
def test_what_is_no_object_is_unreadable(message: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        as_object(message)
    with pytest.raises(CallbackError):
        encrypted_part(message)


def test_plain_mode_is_told_apart() -> None:
    with pytest.raises(CallbackError, match="安全模式"):
        encrypted_part(b"<xml><Event>x</Event></xml>")
