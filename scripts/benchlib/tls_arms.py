# SPDX-License-Identifier: LGPL-2.1-or-later
"""The encrypted ways, with the same certificates: Godwit's TLS and QEMU's own, one stream and four."""

import os

from tests.live import tls

from . import godwit_arms, plain_arms
from .arm import Arm, start_both


def start_with_certificates(run, arm):
    """Certificates first: they are not in the wall time."""
    authority = tls.Authority(run.folder)
    for name in "ab":
        authority.host(name, run.link.address)
    start_both(run, arm)


def folder_of(run, name):
    return os.path.join(run.folder, "pki", name)


def by_godwit(*options):
    def moved(run):
        agent, address = godwit_arms.start_agent(run, "--qmp", run.destination.qmp_path,
                                                 "--tls-dir", folder_of(run, "b"))
        return godwit_arms.move(run, agent, address, "--tls-dir", folder_of(run, "a"), *options)
    return moved


def by_qemu(channels):
    """QEMU's own TLS (GnuTLS, in its own threads), on both sides by their monitors."""
    def moved(run):
        def move(source, destination, address, downtime_ms):
            for qmp, endpoint, name in ((source, "client", "a"), (destination, "server", "b")):
                qmp.command("object-add", id="tls0", dir=folder_of(run, name), endpoint=endpoint,
                            verify_peer=True, **{"qom-type": "tls-creds-x509"})
                qmp.command("migrate-set-parameters", tls_creds="tls0")
                if channels > 1:
                    plain_arms.plain.set_capabilities(qmp, "multifd")
                    qmp.command("migrate-set-parameters", multifd_channels=channels)
            plain_arms.by_script(source, destination, address, downtime_ms)
        return plain_arms.move_plainly(run, move)
    return moved


def certificates(run):
    return ("--tls-dir", folder_of(run, "b")), ("--tls-dir", folder_of(run, "a"))


ARMS = (
    Arm("qemu-tls", by_qemu(1), start=start_with_certificates),
    Arm("qemu-tls-4", by_qemu(4), start=start_with_certificates),
    Arm("godwit-tls", by_godwit(), start=start_with_certificates, base="qemu-tls"),
    Arm("godwit-tls-off", by_godwit(*godwit_arms.KNOBS_OFF), start=start_with_certificates, base="godwit-tls"),
    Arm("flood-tls", godwit_arms.beside_flood(certificates), start=start_with_certificates, base="godwit-tls"),
    Arm("godwit-tls-4", by_godwit("--channels", "4"), start=start_with_certificates, base="qemu-tls-4"),
)
