"""The settings that make an embedded broker ask everybody who they are. Pure.

Parts of ours show a certificate (listener MTLS), people a password (SCRAM); both over TLS 1.3. The broker itself is the
only super user: it holds all records anyway. Everybody else needs an ACL for whatever they do.
"""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

from analytics_platform.security.certificate_files import CertificateFolder, Holder
from analytics_platform.security.certificates import AUTHORITY_VALID
from analytics_platform.security.parts import PartName

HOST = "127.0.0.1"
# The broker talks to its own controller, and neither end of that reads its files again: the certificate lasts as long
# as the authority, and is renewed by a restart after the authority has changed.
CONTROLLER = "controller"
SERVING = (
    Holder(PartName.BROKER, (HOST, "localhost")),
    Holder(CONTROLLER, (HOST,), AUTHORITY_VALID),
)
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
AGAIN_MS = 300_000  # a password that is no longer good ends what was opened with it
# AES and GHASH are fast only as the second compiler makes them, 3.6 s of CPU for 60 MB without and 1.0 with it; but
# all of the broker compiled so costs a start twice its CPU. So it does that to what is very hot, and to ciphers soon.
COMPILER = (
    "-XX:Tier4InvocationThreshold=50000",
    "-XX:Tier4MinInvocationThreshold=6000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=400000",
    "-XX:CompileCommand=quiet",
    "-XX:CompileCommand=CompileThresholdScaling,com.sun.crypto.provider.*::*,0.1",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSecurity:
    """Where a secured broker's certificates are, and the port at which people show passwords."""

    certificates: CertificateFolder
    people: int

    def context(self) -> ssl.SSLContext:
        """What the broker's own certificate connects with, to see whether it answers."""
        context = ssl.create_default_context(cafile=str(self.certificates.trust))
        context.load_cert_chain(self.certificates.of(PartName.BROKER))
        return context


def secured(security: BrokerSecurity, folder: Path, broker: int, controller: int) -> dict[str, str]:
    """The settings of a broker in `folder`; certificates are named relative to it: a path may hold any character."""
    return {
        "listeners": f"MTLS://{HOST}:{broker},SCRAM://{HOST}:{security.people},CONTROLLER://{HOST}:{controller}",
        "listener.security.protocol.map": "MTLS:SSL,SCRAM:SASL_SSL,CONTROLLER:SSL",
        "inter.broker.listener.name": "MTLS",
        "ssl.enabled.protocols": "TLSv1.3",
        "ssl.keystore.type": "PEM",
        "ssl.truststore.type": "PEM",
        **stores(security.certificates, folder, PartName.BROKER),
        **stores(security.certificates, folder, CONTROLLER, "listener.name.controller."),
        "ssl.client.auth": "required",
        "listener.name.scram.ssl.client.auth": "none",
        "ssl.principal.mapping.rules": r"RULE:^CN=([a-zA-Z0-9._-]+)$/$1/",  # and nobody whose subject says more
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": SCRAM,
        "listener.name.scram.connections.max.reauth.ms": str(AGAIN_MS),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{PartName.BROKER};User:{CONTROLLER}",
        "allow.everyone.if.no.acl.found": "false",
    }


def stores(certificates: CertificateFolder, folder: Path, name: str, listener: str = "") -> dict[str, str]:
    """Where the broker in `folder` reads the key that it shows, and whom it trusts; of one listener, or of all."""
    places = {"ssl.keystore.location": certificates.of(name), "ssl.truststore.location": certificates.trust}
    return {f"{listener}{key}": os.path.relpath(place, folder) for key, place in places.items()}
