"""Protection against cross-site request forgery (CSRF)."""

from starlette.datastructures import URL, Headers

from sidecar.core.errors import CrossSite

#: Methods that change nothing.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def check_same_site(headers: Headers) -> None:
    """Check that a page of this site sent the request.

    Every current browser sends Sec-Fetch-Site to hosts it trusts (HTTPS, loopback), and Origin with
    each POST to any host; a request with neither header comes from no browser's form.

    Raises:
        CrossSite: when another site's page sent it, or both headers are missing.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise CrossSite
        return
    origin = URL(headers.get("origin", "")).netloc
    if not origin or origin != headers.get("host"):
        raise CrossSite


def check_not_cross_site(headers: Headers) -> None:
    """Check that no page of another site sent the request; programs send none of the headers.

    Raises:
        CrossSite: when a browser says that another site's page sent it.
    """
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site not in (None, "same-origin", "none"):
        raise CrossSite
    if site is None and origin is not None and URL(origin).netloc != headers.get("host"):
        raise CrossSite
