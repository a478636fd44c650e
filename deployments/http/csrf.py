"""Cross-site request forgery: was a browser's request made by a page of this service?"""

from starlette.datastructures import URL, Headers

from sidecar.core.errors import CrossSite


def check_same_site(headers: Headers) -> None:
    """Check that the browser says that a page of this site sent the request.

    Every current browser sends Sec-Fetch-Site to hosts it trusts (HTTPS, loopback), and Origin with
    each POST to any host; a request with neither comes from no browser's form.

    Raises:
        CrossSite: when another site's page sent it, or the headers don't tell.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise CrossSite
        return
    origin = URL(headers.get("origin", "")).netloc
    if not origin or origin != headers.get("host"):
        raise CrossSite
