"""Opening a connection to a router and logging in, by librouteros."""

import hashlib
import socket
import ssl
import time

from librouteros import create_transport
from librouteros.api import Api
from librouteros.connections import SocketTransport
from librouteros.exceptions import LibRouterosError, MultiTrapError, TrapError
from librouteros.login import plain, token
from librouteros.protocol import ApiProtocol

from ..access_types import AuthError, DependencyError, IdentityError, TransportError
from .settings import RouterOsSettings
from .wire import encode_sentence

_LOGINS = {"plain": plain, "token": token}


class _Transport(SocketTransport):
    """Ends all reading at one moment, however slowly the bytes drip."""

    def __init__(self, sock, ends):
        super().__init__(sock)
        self._ends = ends

    def read(self, length):
        self.sock.settimeout(max(0.001, self._ends - time.monotonic()))
        data = b""
        while len(data) < length:
            if time.monotonic() > self._ends:
                raise TimeoutError
            got = self.sock.recv(length - len(data))
            if not got:
                raise EOFError
            data += got
        return data


class _Protocol(ApiProtocol):
    """Says nothing to the log: it would hold the password."""

    def writeSentence(self, cmd, *words):
        self.transport.write(encode_sentence((cmd, *words)))

    def readSentence(self):
        words = tuple(iter(self.readWord, ""))
        if words and words[0] == "!fatal":
            raise EOFError
        return (words or ("",))[0], words[1:]


class _Api(Api):
    """Takes words as they are; the library's casts and unknown words would fail.

    :ivar challenge: what a RouterOS before 6.43 wants answered.
    """

    challenge = ""

    def readSentence(self):
        reply, words = self.protocol.readSentence()
        pairs = (word.split("=", 2) for word in words if word.startswith("="))
        values = {pair[1]: pair[2] for pair in pairs if len(pair) == 3}
        self.challenge = values.get("ret", "")
        if reply == "!trap":
            values = {"message": values.get("message", "")}
        return reply, values


def open_link(settings: RouterOsSettings, deadline: float | None) -> socket.socket:
    """Return a socket on which the router's API is logged in.

    :param deadline: moment of `time.monotonic()`; None is `connect_timeout` alone.
    :raise TransportError: not reached, or no answer in time.
    :raise AuthError: name or password refused.
    :raise IdentityError: another certificate than the one pinned.
    """
    seconds = settings.connect_timeout
    if deadline is not None:
        seconds = min(seconds, deadline - time.monotonic())
    where = f"{settings.host}, port {settings.used_port()}"
    if seconds <= 0:
        raise TransportError(f"No time was left to connect to {where}.")
    ends = time.monotonic() + seconds
    sock = _connect(settings, where, seconds)
    try:
        _log_in(settings, sock, ends, where)
    except BaseException:
        sock.close()
        raise
    return sock


def _connect(settings, where, seconds):
    secure = None
    if settings.use_tls:
        secure = _get_wrapper(settings)
    try:
        transport = create_transport(
            host=settings.host,
            port=settings.used_port(),
            saddr=None,
            timeout=seconds,
            ssl_wrapper=secure,
        )
    except ssl.SSLCertVerificationError:
        raise IdentityError(
            f"The certificate of {where} is vouched for by nobody this server knows. "
            "Copy its SHA-256 fingerprint from the router (/certificate print detail) "
            "to the gateway."
        ) from None
    except ssl.SSLError as error:
        raise DependencyError(
            f"{where} doesn't speak TLS as it should ({error.reason}). Give the "
            "router's api-ssl service a certificate, or use the port of api-ssl."
        ) from None
    except TimeoutError:
        raise TransportError(
            f"No answer from {where} within {seconds:.0f} s."
        ) from None
    except ConnectionRefusedError:
        raise TransportError(
            f"Nothing listens on {where}. Is the router's api service on, and its "
            "address list open to this server?"
        ) from None
    except OSError as error:
        # `strerror` of the system, which holds neither name nor password.
        raise TransportError(f"{where} is not reached: {error.strerror}.") from None
    return transport.sock


def _get_wrapper(settings):
    """Return what turns a socket into one whose other end is the router we know."""
    pinned = settings.fingerprint()
    context = ssl.create_default_context()
    if pinned:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE

    def wrap(sock):
        try:
            secure = context.wrap_socket(sock, server_hostname=settings.host)
        except BaseException:
            sock.close()
            raise
        seen = hashlib.sha256(secure.getpeercert(binary_form=True)).hexdigest()
        if pinned and seen != pinned:
            secure.close()
            raise IdentityError(
                f"{settings.host} shows another certificate than the one of this "
                f"gateway: its fingerprint is {seen}. If the router's certificate was "
                "renewed, enter that one; otherwise this is not your router."
            )
        return secure

    return wrap


def _log_in(settings, sock, ends, where):
    api = _Api(_Protocol(_Transport(sock, ends), "utf-8"))
    try:
        log_in = _LOGINS[settings.login_method]
        log_in(api, settings.user, settings.password or "")
    except (TrapError, MultiTrapError) as error:
        raise AuthError(
            f"{where} refused the user {settings.user}: {error}. Correct user and "
            "password on the gateway."
        ) from None
    except (KeyError, StopIteration):
        raise AuthError(
            f"{where} offers no challenge: it is newer than RouterOS 6.43. Choose the "
            "plain login on the gateway."
        ) from None
    except TimeoutError:
        raise TransportError(f"{where} doesn't answer the login.") from None
    except (EOFError, OSError, LibRouterosError):
        raise TransportError(
            f"{where} ended the connection at login. Has it too many sessions, or is "
            "this another service?"
        ) from None
    except UnicodeError:
        raise AuthError(
            "The login of RouterOS before 6.43 takes passwords of plain letters, "
            "digits and signs only. Choose another for this user."
        ) from None
    if settings.login_method == "plain" and api.challenge:
        raise AuthError(
            f"{where} asks for the login of RouterOS before 6.43. Choose the token "
            "login on the gateway."
        )
