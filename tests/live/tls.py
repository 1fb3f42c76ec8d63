# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificates for the live tests, by `godwit pki` itself; bad ones by openssl. And who shows them without being one
of us."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess

from . import env


# What `openssl ca` must be told to keep a list of what was taken back.
LIST = """[ca]
default_ca = only
[only]
database = taken-back
certificate = ca-cert.pem
private_key = ca-key.pem
default_md = sha256
default_crl_days = 1
"""


def call(folder, *argv):
    """Runs a command in FOLDER; AssertionError with its words if it fails."""
    argv = [str(word) for word in argv]
    done = subprocess.run(argv, cwd=folder, text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError("%s: %s" % (" ".join(argv), done.stderr))


def make(folder, *arguments):
    """`godwit pki ARGUMENTS`."""
    call(folder, env.binary("godwit"), "pki", *arguments)


class Authority:
    """One in FOLDER/NAME; made if it is not there."""

    def __init__(self, folder, name="pki"):
        self.folder = os.path.join(folder, name)
        if not os.path.exists(self.folder):
            make(folder, "init", name)

    def host(self, name, *addresses, days=30):
        """The folder for --tls-dir on the host NAME."""
        make(self.folder, "host", ".", name, *addresses, "--days", days)
        return os.path.join(self.folder, name)

    def expire(self, folder, role):
        """The certificate of ROLE, 'server' or 'client', in FOLDER ended yesterday."""
        host = os.path.basename(folder)
        call(self.folder, "openssl", "req", "-new", "-key", os.path.join(folder, role + "-key.pem"), "-out", "request",
             "-subj", "/CN=" + host, "-addext", "subjectAltName=DNS:%s,IP:127.0.0.1" % host)
        call(self.folder, "openssl", "x509", "-req", "-in", "request", "-CA", "ca-cert.pem", "-CAkey", "ca-key.pem",
             "-days", "-1", "-copy_extensions", "copy", "-out", os.path.join(folder, role + "-cert.pem"))

    def revoke(self, folder, role, told):
        """The host with the folder TOLD knows that the certificate of ROLE in FOLDER was taken back."""
        for name, text in (("list.conf", LIST), ("taken-back", "")):
            with open(os.path.join(self.folder, name), "w", encoding="ascii") as file:
                file.write(text)
        ca = ("openssl", "ca", "-config", "list.conf")
        call(self.folder, *ca, "-revoke", os.path.join(folder, role + "-cert.pem"))
        call(self.folder, *ca, "-gencrl", "-out", "ca-crl.pem")
        shutil.copy(os.path.join(self.folder, "ca-crl.pem"), told)


def context(folder, role):
    """Python's TLS with the certificate of ROLE; it believes FOLDER's authority, and looks at no name."""
    server = role == "server"
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.load_cert_chain(*[os.path.join(folder, role + end) for end in ("-cert.pem", "-key.pem")])
    made.load_verify_locations(os.path.join(folder, "ca-cert.pem"))
    made.set_alpn_protocols(["godwit/1"])
    return made


def show(port, folder, says=b"", timeout_s=20.0):
    """Shakes hands with an agent as the host of FOLDER and SAYS something. Returns all that it answers; ssl.SSLError
    with its reason when it turns us away by an alert."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as plain, \
            context(folder, "client").wrap_socket(plain) as connection:
        with contextlib.suppress(ssl.SSLEOFError):  # turned away already
            connection.sendall(says)
        while part := connection.recv(65536):
            heard += part
    return heard
