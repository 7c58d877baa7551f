"""Certificates for the TLS tests, made anew for each run by the openssl program."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.programs import program

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"]


class Certificates(NamedTuple):
    """An authority nobody knows but the test, and servers with certificates of it."""

    authority: Path
    ours: ssl.SSLContext  # a server at 127.0.0.1
    others: ssl.SSLContext  # a server of another name


def make_certificates(folder: Path) -> Certificates:
    authority = folder / "authority.pem"
    _openssl(folder, *_KEY, "-subj", "/CN=authority.test", "-keyout", "authority.key", "-out", authority.name)
    return Certificates(authority, _server(folder, "IP:127.0.0.1"), _server(folder, "DNS:elsewhere.test"))


def _server(folder: Path, name: str) -> ssl.SSLContext:
    file = name.replace(":", "-")
    signed = ["-CA", "authority.pem", "-CAkey", "authority.key", "-addext", f"subjectAltName={name}"]
    usage = ["-addext", "basicConstraints=critical,CA:FALSE"]
    _openssl(folder, *_KEY, *signed, *usage, "-subj", "/CN=server", "-keyout", f"{file}.key", "-out", f"{file}.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / f"{file}.pem", folder / f"{file}.key")
    return context


def _openssl(folder: Path, *options: str) -> None:
    subprocess.run(
        [program("openssl", "openssl"), "req", "-x509", *options], cwd=folder, check=True, capture_output=True
    )
