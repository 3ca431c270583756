"""The envelope around callbacks: a signature, and AES-256-CBC under the app's EncodingAESKey."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from pydantic import SecretStr

# The console shows 43 characters: 32 bytes in base64 without the last "=".
AES_KEY_CHARACTERS = 43
_BLOCK_BYTES = 32
_RANDOM_BYTES = 16
_LENGTH = struct.Struct(">I")


class CallbackError(ValueError):
    """A callback that must not be believed. The text says what is wrong, and never repeats what was sent."""


class CallbackKeyError(ValueError):
    """The EncodingAESKey in the settings is no such key."""


class CallbackCrypto:
    """Checks and opens what one app sends. ``receive_id`` is the corp id or app id that it must be meant for.

    Raises:
        CallbackKeyError: the key is not 43 characters of base64.
    """

    def __init__(self, token: SecretStr, aes_key: SecretStr, receive_id: str) -> None:
        self._token, self._receive_id = token, receive_id
        key = _key_bytes(aes_key)
        # The platform takes the first half of the key as the IV of every message.
        self._cipher = Cipher(algorithms.AES256(key), modes.CBC(key[:16]))

    def check(self, signature: str, *parts: str) -> None:
        """Check that the token and ``parts`` (timestamp, nonce, what was encrypted) give the signature.

        Raises:
            CallbackError: they do not.
        """
        joined = "".join(sorted([self._token.get_secret_value(), *parts]))
        # The platform's choice, not ours; the token in it makes it a (weak) keyed hash.
        expected = hashlib.sha1(joined.encode(errors="surrogatepass")).hexdigest()  # noqa: S324
        if not hmac.compare_digest(expected.encode(), signature.encode(errors="surrogatepass")):
            raise CallbackError("the signature is wrong; is SIYU_…_CALLBACK_TOKEN the one in the console?")

    def decrypt(self, encrypted: str) -> bytes:
        """Return the message. Call ``check`` before: what is not signed must not reach the cipher.

        Raises:
            CallbackError: not base64, a wrong key or padding, or meant for another corp or app.
        """
        plain = self._unpadded(_from_base64(encrypted))
        start = _RANDOM_BYTES + _LENGTH.size
        if len(plain) < start:
            raise CallbackError(f"expected at least {start} bytes inside, got {len(plain)}")
        (length,) = _LENGTH.unpack(plain[_RANDOM_BYTES:start])
        if length > len(plain) - start:
            raise CallbackError(f"expected a message of {length} bytes inside, got {len(plain) - start}")
        if not hmac.compare_digest(plain[start + length :], self._receive_id.encode()):
            raise CallbackError("it is meant for another corp or app; is the right id in the settings?")
        return plain[start : start + length]

    def _unpadded(self, data: bytes) -> bytes:
        if not data or len(data) % _BLOCK_BYTES:
            raise CallbackError(f"expected whole blocks of {_BLOCK_BYTES} bytes, got {len(data)} bytes")
        decryptor, unpadder = self._cipher.decryptor(), PKCS7(_BLOCK_BYTES * 8).unpadder()
        try:
            return unpadder.update(decryptor.update(data) + decryptor.finalize()) + unpadder.finalize()
        except ValueError:
            raise CallbackError(
                "the padding is wrong; is the EncodingAESKey the one in the console?"
            ) from None


def _key_bytes(aes_key: SecretStr) -> bytes:
    text = aes_key.get_secret_value()
    try:
        key = base64.b64decode(text + "=", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(text) != AES_KEY_CHARACTERS or len(key) != 32:
        raise CallbackKeyError(
            f"expected an EncodingAESKey of {AES_KEY_CHARACTERS} letters and digits, got {len(text)} characters"
            "; copy it from the app's callback page (接收消息 / 消息推送)"
        )
    return key


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise CallbackError("expected base64 in Encrypt") from None
