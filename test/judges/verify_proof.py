#!/usr/bin/env python3
"""Verifies the proof of a run with Python's standard library and the openssl program, and no code of Cascade.

    python3 verify_proof.py PROOF.sigstore.json proof.pub.pem trusted_root.json

Knows DSSE, in-toto statements, RFC 8785, Rekor v2 hashedrekord leaves, RFC 6962 paths and C2SP checkpoints from their
specifications. Prints one line per check; exits 0 when all of them hold and 1 at the first that does not.
"""

import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile

ED25519_SPKI_PREFIX = bytes.fromhex("302a300506032b6570032100")
P256_VERIFY = ["dgst", "-sha256", "-verify", "@key", "-signature", "@signature", "@signed"]
ED25519_VERIFY = ["pkeyutl", "-verify", "-pubin", "-inkey", "@key", "-rawin", "-in", "@signed", "-sigfile", "@signature"]


def is_ed25519(key_der):
    return key_der.startswith(ED25519_SPKI_PREFIX) and len(key_der) == len(ED25519_SPKI_PREFIX) + 32


class Refused(Exception):
    pass


def expect(holds, reason):
    if not holds:
        raise Refused(reason)


def from_base64(text):
    data = base64.b64decode(text, validate=True)
    expect(base64.b64encode(data).decode() == text, "base64 in another spelling than the standard one")
    return data


def sha256(data):
    return hashlib.sha256(data).digest()


def canonical(value):
    """RFC 8785 for what a statement holds: no floats, keys in the order of their UTF-16 code units."""
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: pair[0].encode("utf-16-be"))
        return "{" + ",".join(canonical(key) + ":" + canonical(inner) for key, inner in pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    expect(not isinstance(value, float), "a number that is not whole")
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def openssl(arguments, **files):
    """Runs openssl with some bytes as files; True when it is content."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for name, data in files.items():
            paths[name] = f"{folder}/{name}"
            with open(paths[name], "wb") as file:
                file.write(data)
        command = ["openssl"] + [paths.get(word.lstrip("@"), word) if word.startswith("@") else word for word in arguments]
        return subprocess.run(command, capture_output=True, timeout=20).returncode == 0


def der_of(pem):
    lines = pem.decode().strip().splitlines()
    expect(lines[0] == "-----BEGIN PUBLIC KEY-----" and lines[-1] == "-----END PUBLIC KEY-----", "not a public key in PEM")
    return base64.b64decode("".join(lines[1:-1]))


def pae(payload_type, payload):
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def root_by_path(leaf, index, size, path):
    """The root that RFC 9162 section 2.1.3.2 computes from a leaf hash and its path."""
    expect(0 <= index < size, "the leaf lies outside of the log")
    node, last, value = index, size - 1, leaf
    for sibling in path:
        expect(last > 0, "the path is too long")
        if node % 2 == 1 or node == last:
            value = sha256(b"\x01" + sibling + value)
            while node % 2 == 0 and node > 0:
                node, last = node >> 1, last >> 1
        else:
            value = sha256(b"\x01" + value + sibling)
        node, last = node >> 1, last >> 1
    expect(last == 0, "the path is too short")
    return value


def check_statement(envelope, key_der, key_pem):
    expect(envelope["payloadType"] == "application/vnd.in-toto+json", "another payload type")
    expect(len(envelope["signatures"]) == 1, "not exactly one signature")
    payload = from_base64(envelope["payload"])
    signature = from_base64(envelope["signatures"][0]["sig"])
    expect(envelope["signatures"][0]["keyid"] == sha256(key_der).hex(), "it names another key")
    statement = json.loads(payload)
    expect(canonical(statement).encode() == payload, "the statement is not in RFC 8785 bytes")
    expect(statement["_type"] == "https://in-toto.io/Statement/v1", "not an in-toto statement")
    return payload, signature


def check_leaf(entry, envelope, payload, signature, key_der):
    expect(entry["kindVersion"] == {"kind": "hashedrekord", "version": "0.0.2"}, "another kind of leaf")
    leaf = {
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {
            "hashedRekordV002": {
                "data": {
                    "algorithm": "SHA2_256",
                    "digest": base64.b64encode(sha256(pae(envelope["payloadType"], payload))).decode(),
                },
                "signature": {
                    "content": base64.b64encode(signature).decode(),
                    "verifier": {
                        "keyDetails": "PKIX_ED25519" if is_ed25519(key_der) else "PKIX_ECDSA_P256_SHA_256",
                        "publicKey": {"rawBytes": base64.b64encode(key_der).decode()},
                    },
                },
            }
        },
    }
    body = from_base64(entry["canonicalizedBody"])
    expect(body == canonical(leaf).encode(), "the leaf is of something else")
    return body


def check_checkpoint(entry, trusted_root):
    text = entry["inclusionProof"]["checkpoint"]["envelope"]
    found = re.fullmatch(r"(([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n)\n\u2014 ([^ \n]+) ([^ \n]+)\n", text)
    expect(found, "the checkpoint has another form")
    body, origin, size, root, name, line = found.groups()
    expect(name == origin, "another name than that of the log has signed")
    for log in trusted_root["tlogs"]:
        der = from_base64(log["publicKey"]["rawBytes"])
        raw = der[len(ED25519_SPKI_PREFIX) :]
        log_id = sha256(origin.encode() + b"\n\x01" + raw)
        known = (log["baseUrl"], log["logId"]["keyId"], der) == (
            "https://" + origin,
            base64.b64encode(log_id).decode(),
            ED25519_SPKI_PREFIX + raw,
        )
        if known:
            break
    else:
        raise Refused("the log is not one of the trusted root")
    expect(entry["logId"]["keyId"] == base64.b64encode(log_id).decode(), "the log id is of another log")
    proof = entry["inclusionProof"]
    expect((proof["treeSize"], proof["rootHash"]) == (size, root), "the path is for another head")
    expect(proof["logIndex"] == entry["logIndex"], "two different places")
    signed = from_base64(line)
    expect(signed[:4] == log_id[:4], "the checkpoint names another key")
    return body.encode(), signed[4:], der, int(size), from_base64(root)


def verify(bundle, key_pem, trusted_root):
    """Raises Refused with the reason; returns the checks that held, in words."""
    expect(bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json", "not a Sigstore bundle v0.3")
    material = bundle["verificationMaterial"]
    expect(len(material["tlogEntries"]) == 1, "not in a transparency log yet")
    entry = material["tlogEntries"][0]
    envelope = bundle["dsseEnvelope"]
    key_der = der_of(key_pem)
    payload, signature = check_statement(envelope, key_der, key_pem)
    expect(material["publicKey"]["hint"] == envelope["signatures"][0]["keyid"], "the hint is of another key")
    body = check_leaf(entry, envelope, payload, signature, key_der)
    note, note_signature, log_der, size, root = check_checkpoint(entry, trusted_root)
    path = [from_base64(item) for item in entry["inclusionProof"]["hashes"]]
    found = root_by_path(sha256(b"\x00" + body), int(entry["logIndex"]), size, path)
    expect(found == root, "the path does not lead to the root of the checkpoint")
    # What takes a process each comes last.
    expect(
        openssl(
            ED25519_VERIFY if is_ed25519(key_der) else P256_VERIFY,
            key=key_pem,
            signature=signature,
            signed=pae(envelope["payloadType"], payload),
        ),
        "openssl refuses the signature of the statement",
    )
    log_pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(log_der) + b"\n-----END PUBLIC KEY-----\n"
    expect(
        openssl(
            ED25519_VERIFY,
            key=log_pem,
            signature=note_signature,
            signed=note,
        ),
        "openssl refuses the signature of the checkpoint",
    )
    return [
        "the statement is in RFC 8785 bytes and signed by the key",
        f"leaf {entry['logIndex']} is of this statement, signature and key",
        f"{len(path)} hashes lead from it to the root of {size} leaves",
        "that root is signed by the log of the trusted root",
    ]


def main(proof, key, root):
    try:
        with open(proof, encoding="utf-8") as file:
            bundle = json.load(file)
        with open(key, "rb") as file:
            key_pem = file.read()
        with open(root, encoding="utf-8") as file:
            trusted_root = json.load(file)
        for line in verify(bundle, key_pem, trusted_root):
            print(f"ok: {line}")
        return 0
    except (Refused, KeyError, IndexError, TypeError, ValueError) as error:
        print(f"refused: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
