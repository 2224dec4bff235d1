"""Certificates for tests: an authority, what it issues, and what others issue."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Certificates:
    """Files of a certificate authority, made for the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca_file = str(folder / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca_file)

    def server(
        self, *names: str, clients: trustme.CA | None = None, optional: bool = False
    ) -> ssl.SSLContext:
        """TLS of a server with these names; with ``clients``, for those who have a certificate of theirs."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(*names).configure_cert(context)
        if clients is not None:
            clients.configure_trust(context)
            context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
        return context

    def client(self, authority: trustme.CA | None = None) -> tuple[str, str]:
        """A client certificate and its key, issued by this authority or by another one."""
        return self._write((authority or self.authority).issue_cert("client.example"))

    def expired(self) -> tuple[str, str]:
        """A client certificate of this authority that has expired."""
        return self._write(
            self.authority.issue_cert("client.example", not_before=NOW - 2 * DAY, not_after=NOW - DAY)
        )

    def self_signed(self) -> tuple[str, str]:
        """A client certificate that nobody issued."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "client.example")])
        certificate = (
            x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
            .not_valid_before(NOW - DAY)
            .not_valid_after(NOW + DAY)
            .sign(key, hashes.SHA256())
        )
        cert, key_file = self.folder / "self-signed.pem", self.folder / "self-signed.key"
        cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        key_file.write_bytes(_pem(key, serialization.NoEncryption()))
        return str(cert), str(key_file)

    def locked(self, password: bytes) -> tuple[str, str]:
        """A client certificate whose key has a password."""
        cert, key_file = self.client()
        key = serialization.load_pem_private_key(Path(key_file).read_bytes(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        Path(key_file).write_bytes(_pem(key, serialization.BestAvailableEncryption(password)))
        return cert, key_file

    def _write(self, issued: trustme.LeafCert) -> tuple[str, str]:
        name = f"client-{len(list(self.folder.iterdir()))}"
        cert, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        issued.cert_chain_pems[0].write_to_path(str(cert))
        issued.private_key_pem.write_to_path(str(key))
        return str(cert), str(key)


def _pem(key: ec.EllipticCurvePrivateKey, lock: serialization.KeySerializationEncryption) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
