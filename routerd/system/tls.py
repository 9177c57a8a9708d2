"""The certificate that HTTP is served with: loaded, watched for changes, and replaced for new connections."""

import os
import ssl

Stamp = tuple[tuple[int, int, int] | None, ...]


class TlsError(Exception):
    """A certificate cannot be used; `reason` says why and `hint` how to mend it."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason}; {hint}")
        self.reason = reason
        self.hint = hint


class Certificate:
    """A certificate chain and its key, in files. Blocking, but not for long."""

    def __init__(self, certificate: str, key: str) -> None:
        self.files = (certificate, key)
        self.context: ssl.SSLContext | None = None
        """For the next connection: of the last certificate that was good, None while there was none.

        Another one with each certificate: OpenSSL keeps one certificate for each type of key in a context, so that an
        old one of another type would stay in use beside the new one.
        """
        self.error: TlsError | None = None
        self._stamp: Stamp | None = None

    def refresh(self, *, force: bool = False) -> bool:
        """Load the files if they have changed, or with `force`; whether they were. `error` says how it went."""
        stamp = tuple(_stamp(path) for path in self.files)
        if stamp == self._stamp and not force:
            return False
        self._stamp = stamp
        try:
            self.context = _load(*self.files)
        except (OSError, ValueError) as error:
            self.error = _explain(error, *self.files)
        else:
            self.error = None
        return True


def _load(certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    for path in (certificate, key):
        if not os.path.isfile(path) and os.path.exists(path):
            raise ValueError(f"{path} is no regular file")
    context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    # Without it OpenSSL would ask at the terminal.
    raise ValueError("the key is protected by a password")


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)


def _explain(error: OSError | ValueError, certificate: str, key: str) -> TlsError:
    if isinstance(error, ssl.SSLError):
        # A key of another type than the certificate's is put beside it first: then no certificate is found for it.
        foreign = "MISMATCH" in (error.reason or "") or error.reason == "NO_CERTIFICATE_ASSIGNED"
        reason = "the key does not belong to it" if foreign else "it is no PEM file of both"
        check = f"openssl x509 -in {certificate} -noout -subject; openssl pkey -in {key} -noout"
        return TlsError(reason, f"Look at both with: {check}.")
    if isinstance(error, OSError):
        missing = next((path for path in (certificate, key) if not os.access(path, os.R_OK)), certificate)
        return TlsError(f"{missing}: {os.strerror(error.errno or 0)}", f"Make {missing} readable for routerd.")
    return TlsError(str(error), "Replace it by PEM files without a password.")
