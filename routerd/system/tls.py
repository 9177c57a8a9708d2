"""The certificate that HTTP is served with: loaded, watched for changes, and replaced under running servers."""

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
        """What servers use: the last certificate that was good, None while there was none."""
        self.error: TlsError | None = None
        self._stamp: Stamp | None = None

    def refresh(self, *, force: bool = False) -> bool:
        """Load the files if they have changed, or with `force`; whether they were. `error` says how it went."""
        stamp = tuple(_stamp(path) for path in self.files)
        if stamp == self._stamp and not force:
            return False
        self._stamp = stamp
        try:
            # First in a context of its own: half of a bad pair must not get into the one that is in use.
            fresh = _load(*self.files)
            if self.context is None:
                self.context = fresh
            else:
                self.context.load_cert_chain(*self.files, password=_no_password)
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
        reason = "the key does not belong to it" if "MISMATCH" in (error.reason or "") else "it is no PEM file of both"
        check = f"openssl x509 -in {certificate} -noout -subject; openssl pkey -in {key} -noout"
        return TlsError(reason, f"Look at both with: {check}.")
    if isinstance(error, OSError):
        missing = next((path for path in (certificate, key) if not os.access(path, os.R_OK)), certificate)
        return TlsError(f"{missing}: {os.strerror(error.errno or 0)}", f"Make {missing} readable for routerd.")
    return TlsError(str(error), "Replace it by PEM files without a password.")
