"""A C2PA signer with certificates made on the spot; nobody trusts them."""

from __future__ import annotations

import datetime
import io
import json
from typing import Any

import c2pa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, authority: bool
) -> x509.Certificate:
    now = datetime.datetime.now(datetime.UTC)

    def called(words: str) -> x509.Name:
        parts = [(NameOID.ORGANIZATION_NAME, "deepfake_hf tests"), (NameOID.COMMON_NAME, words)]
        return x509.Name([x509.NameAttribute(*part) for part in parts])

    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(
            x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **usage), True
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    if not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False)
    return builder.sign(signer, hashes.SHA256())


def signed(content: bytes, mime: str, source_type: str | None = None) -> bytes:
    """The file with a manifest in it; ``source_type`` is the last word of an IPTC digital source type."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = [
        _certificate("signer", leaf, "root", root, authority=False),
        _certificate("root", root, "root", root, authority=True),
    ]
    pem = "".join(item.public_bytes(Encoding.PEM).decode() for item in chain)
    secret = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo("es256", pem.encode(), secret.encode(), None))
    action: dict[str, Any] = {"action": "c2pa.created"}
    kind = source_type or "digitalCapture"
    action["digitalSourceType"] = f"http://cv.iptc.org/newscodes/digitalsourcetype/{kind}"
    manifest = {
        "claim_generator_info": [{"name": "deepfake_hf tests", "version": "1"}],
        "title": "a picture",
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }
    out = io.BytesIO()
    c2pa.Builder(json.dumps(manifest)).sign(signer, mime, io.BytesIO(content), out)
    return out.getvalue()
