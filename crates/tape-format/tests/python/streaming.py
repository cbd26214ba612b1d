"""Tink's own implementation of AES256_GCM_HKDF streaming, for comparison.

streaming.py open KEYHEX CONTEXT < sealed > plain
streaming.py seal KEYHEX CONTEXT < plain > sealed
"""

import io
import json
import base64
import sys

import tink
from tink import secret_key_access, streaming_aead


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    return varint(number << 3 | 2) + varint(len(data)) + data


def primitive(key):
    # google.crypto.tink.AesGcmHkdfStreamingKey, with HashType SHA256 = 3.
    params = field(1, 1 << 20) + field(2, 32) + field(3, 3)
    value = field(2, params) + field(3, key)
    keyset = {
        "primaryKeyId": 1,
        "key": [
            {
                "keyData": {
                    "typeUrl": "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
                    "value": base64.b64encode(value).decode(),
                    "keyMaterialType": "SYMMETRIC",
                },
                "status": "ENABLED",
                "keyId": 1,
                "outputPrefixType": "RAW",
            }
        ],
    }
    handle = tink.json_proto_keyset_format.parse(json.dumps(keyset), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


class Unclosed(io.BytesIO):
    def close(self):
        pass


if __name__ == "__main__":
    streaming_aead.register()
    aead = primitive(bytes.fromhex(sys.argv[2]))
    context = sys.argv[3].encode()
    data = sys.stdin.buffer.read()
    if sys.argv[1] == "open":
        try:
            with aead.new_decrypting_stream(io.BytesIO(data), context) as stream:
                plain = stream.read()
        except tink.TinkError:
            sys.exit(3)
        sys.stdout.buffer.write(plain)
    else:
        target = Unclosed()
        with aead.new_encrypting_stream(target, context) as stream:
            stream.write(data)
        sys.stdout.buffer.write(target.getvalue())
