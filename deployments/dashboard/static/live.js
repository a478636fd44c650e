// Live parts of a page: `data-live` is the URL of a stream of server-sent events that each carry the
// part's new HTML. The browser reconnects when the server closes a stream; the event `end` means that
// there are no more updates.

const MAX_RETRY_MS = 60_000; // while the server refuses connections

function follow(part, retryMs = 1_000) {
  const source = new EventSource(part.dataset.live);
  let nextRetryMs = retryMs;
  source.addEventListener("part", ({ data }) => {
    nextRetryMs = 1_000;
    if (part.isConnected) replace(part, data);
    else source.close();
  });
  source.addEventListener("end", () => source.close());
  source.addEventListener("error", () => {
    const refused = source.readyState === EventSource.CLOSED;
    if (refused && part.isConnected)
      setTimeout(follow, nextRetryMs, part, Math.min(2 * nextRetryMs, MAX_RETRY_MS));
  });
}

// Keeps open details open and the keyboard focus where it is.
function replace(part, html) {
  const open = [...part.querySelectorAll("details")].map((details) => details.open);
  const focused = part.contains(document.activeElement) ? focusable(part).indexOf(document.activeElement) : -1;
  part.innerHTML = html;
  part.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? false));
  part.dispatchEvent(new Event("updated", { bubbles: true }));
  focusable(part)[focused]?.focus({ preventScroll: true });
}

const focusable = (part) => [...part.querySelectorAll("a, button, summary, input, [tabindex]")];

for (const part of document.querySelectorAll("[data-live]")) follow(part);
document.addEventListener("live", ({ target }) => follow(target)); // parts added later

// On a phone, filters are folded until they are used.
const isNarrow = window.matchMedia("(max-width: 40rem)").matches;
if (isNarrow && !window.location.search) {
  for (const fold of document.querySelectorAll(".fold")) fold.open = false;
}
