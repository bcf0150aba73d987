"""Certificates of the tests' own for a Docker host with TLS: an authority, its server, and its clients."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

USES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


def make(folder: Path) -> None:
    """Fill `folder/server` and `folder/client` with `ca.pem`, `cert.pem` and `key.pem`, as Docker wants them. Good for
    127.0.0.1, and for a day."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _name("authority of the tests")
    root = _signed(authority, authority, authority_key, authority_key,
                   [(x509.BasicConstraints(ca=True, path_length=0), True)])
    for kind, use in USES.items():
        key = ec.generate_private_key(ec.SECP256R1())
        address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        own = _signed(_name(kind), authority, key, authority_key,
                      [(address, False), (x509.ExtendedKeyUsage([use]), False)])
        place = folder / kind
        place.mkdir(parents=True, exist_ok=True)
        (place / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
        (place / "cert.pem").write_bytes(own.public_bytes(Encoding.PEM))
        private = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        (place / "key.pem").write_bytes(private)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey,
            extensions: list[tuple[x509.ExtensionType, bool]]) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=1))
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(by, hashes.SHA256())
