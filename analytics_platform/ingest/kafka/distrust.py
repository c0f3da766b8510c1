"""Why a broker and we do not trust each other: one look over a connection of our own, made once Kafka's has failed.

Kafka's clients try again until their time is over and then say no more than that. The TLS library knows the reason.
"""

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

from analytics_platform.errors import DistrustError
from analytics_platform.ingest.kafka.asking import Asking
from analytics_platform.security.certificates import expires_at
from analytics_platform.security.cluster import Cluster
from analytics_platform.settings import KafkaProtocol

LOOK_SECONDS = 1.0
# OpenSSL's numbers of what may be wrong with a certificate (X509_V_ERR_…)
NOT_YET, EXPIRED, WRONG_HOST, WRONG_ADDRESS = 9, 10, 62, 64
CA = "name in AP_KAFKA_CA_FILE the authority that signed the broker's certificate"
OURS = "name in AP_KAFKA_CERTIFICATE_FILE one that is valid and of an authority that the broker trusts"

Place = tuple[str, int]
Finding = tuple[str, str] | None  # what is wrong, and what to do


def distrust(cluster: Cluster, seconds: float = LOOK_SECONDS) -> DistrustError | None:
    """What is wrong between us and the first broker that accepts a connection; None where it is something else."""
    for address in cluster.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        if not port.isdigit():
            continue
        place = (host.strip("[]"), int(port))
        try:
            socket.create_connection(place, seconds).close()
        except OSError:
            continue
        found = _over_tls(cluster, place, seconds) if cluster.is_encrypted else _in_the_clear(place, seconds)
        return DistrustError(address.strip(), *found) if found else None
    return None


def wrong_password(cluster: Cluster) -> DistrustError:
    """What a refused password means."""
    problem = f"it knows no user {cluster.user} with the password in {cluster.password_file}"
    return DistrustError(cluster.bootstrap, problem, "check AP_KAFKA_USER and that file")


def _in_the_clear(place: Place, seconds: float) -> Finding:
    if _answers_in_the_clear(place, seconds) is not False:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # whether TLS is spoken, whoever speaks it
    try:
        with socket.create_connection(place, seconds) as plain, context.wrap_socket(plain):
            return "it speaks TLS there, we do not", "set AP_KAFKA_PROTOCOL to SSL or SASL_SSL"
    except OSError:
        return None


def _over_tls(cluster: Cluster, place: Place, seconds: float) -> Finding:
    try:
        context = _context(cluster)
    except (OSError, ValueError) as error:
        files = ", ".join(name for name in (cluster.ca_file, cluster.certificate_file, cluster.key_file) if name)
        return f"a certificate cannot be read ({error})", f"look at {files}"
    try:
        with socket.create_connection(place, seconds) as plain:
            return _secured(cluster, context.wrap_socket(plain, server_hostname=place[0]))
    except ssl.SSLCertVerificationError as error:
        return _unverified(error, place[0])
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):
            return _refused(cluster, error.reason or "")
    except TimeoutError:
        return None
    except (OSError, EOFError):
        pass  # a broker that speaks no TLS ends the connection at what it takes for a very long request
    if _answers_in_the_clear(place, seconds):
        return "it speaks no TLS there", "name its TLS port, or set AP_KAFKA_PROTOCOL=PLAINTEXT if it has none"
    return None


def _secured(cluster: Cluster, connection: ssl.SSLSocket) -> Finding:
    """What the broker says once TLS is agreed upon: with TLS 1.3, only then that it refuses our certificate."""
    with connection:
        asking = Asking(connection)
        if not asking.speaks_kafka() or cluster.protocol is not KafkaProtocol.SASL_SSL:
            return None
        if asking.refuses(cluster.user, cluster.password()):
            error = wrong_password(cluster)
            return error.problem, error.remedy
    return None


def _context(cluster: Cluster) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=cluster.ca_file or None)
    if cluster.certificate_file:
        context.load_cert_chain(cluster.certificate_file, cluster.key_file or None)
    return context


def _unverified(error: ssl.SSLCertVerificationError, host: str) -> Finding:
    if error.verify_code in (EXPIRED, NOT_YET):
        return "the broker's certificate is expired or not valid yet", "renew it, and look at this machine's clock"
    if error.verify_code in (WRONG_HOST, WRONG_ADDRESS):
        return f"the broker's certificate is not for {host}", "connect to a name that is in it, or have it issued anew"
    return f"the broker's certificate is not of an authority that we trust ({error.verify_message})", CA


def _refused(cluster: Cluster, alert: str) -> Finding:
    if "PROTOCOL_VERSION" in alert:
        return "it does not speak our version of TLS", "let it speak TLS 1.2 or 1.3"
    if not cluster.certificate_file:
        return "it asks for a certificate, and we show none", "set AP_KAFKA_CERTIFICATE_FILE, or SASL_SSL and a user"
    if expires_at(Path(cluster.certificate_file).read_bytes()) < datetime.now(UTC):
        return f"our certificate {cluster.certificate_file} is expired", OURS
    return f"it refuses our certificate {cluster.certificate_file} ({alert})", OURS


def _answers_in_the_clear(place: Place, seconds: float) -> bool | None:
    """Whether it does; None where it says nothing at all."""
    try:
        with socket.create_connection(place, seconds) as plain:
            return Asking(plain).speaks_kafka()
    except TimeoutError:
        return None
    except (OSError, EOFError):
        return False
