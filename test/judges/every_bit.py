"""Flips every bit of a proof, one at a time, and prints which ones verify_proof.py still accepts.

    python3 every_bit.py PROOF.sigstore.json proof.pub.pem trusted_root.json

Prints JSON: by part, how many bits were flipped and which of them were accepted.
"""

import base64
import copy
import json
import sys

from verify_proof import Refused, verify


def flips(data):
    for position in range(len(data)):
        for bit in range(8):
            yield data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]


def encoded(data):
    return base64.b64encode(data).decode()


def set_at(path):
    def apply(root, value):
        for key in path[:-1]:
            root = root[key]
        root[path[-1]] = value

    return apply


def get_at(root, path):
    for key in path:
        root = root[key]
    return root


ENTRY = ["verificationMaterial", "tlogEntries", 0]
ENVELOPE = ["dsseEnvelope"]
PARTS = {
    "payload": (0, ENVELOPE + ["payload"], True),
    "signature": (0, ENVELOPE + ["signatures", 0, "sig"], True),
    "leaf": (0, ENTRY + ["canonicalizedBody"], True),
    "checkpoint": (0, ENTRY + ["inclusionProof", "checkpoint", "envelope"], False),
    "root key": (1, ["tlogs", 0, "publicKey", "rawBytes"], True),
    "root log id": (1, ["tlogs", 0, "logId", "keyId"], True),
    "root address": (1, ["tlogs", 0, "baseUrl"], False),
}


def main(proof, key, root):
    with open(proof, encoding="utf-8") as file:
        bundle = json.load(file)
    with open(key, "rb") as file:
        key_pem = file.read()
    with open(root, encoding="utf-8") as file:
        trusted_root = json.load(file)
    verify(bundle, key_pem, trusted_root)
    parts = dict(PARTS)
    hashes = ENTRY + ["inclusionProof", "hashes"]
    for index in range(len(get_at(bundle, hashes))):
        parts[f"path {index}"] = (0, hashes + [index], True)
    result = {}
    for name, (which, path, is_base64) in parts.items():
        text = get_at([bundle, trusted_root][which], path)
        data = base64.b64decode(text) if is_base64 else text.encode()
        count, accepted = 0, []
        for flipped in flips(data):
            value = encoded(flipped) if is_base64 else flipped.decode("utf-8", "replace")
            pair = [copy.deepcopy(bundle), copy.deepcopy(trusted_root)]
            set_at(path)(pair[which], value)
            try:
                verify(pair[0], key_pem, pair[1])
                accepted.append(count)
            except (Refused, KeyError, IndexError, TypeError, ValueError, UnicodeError):
                pass
            count += 1
        result[name] = {"flipped": count, "accepted": accepted}
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
