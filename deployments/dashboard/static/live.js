// Parts of a page that move by themselves: `data-live` is the address of a stream of server-sent
// events, each of which brings the part's HTML anew. The server ends a stream when its time is up,
// and the browser connects again by itself; the event `end` says that nothing more will come.

const LONGEST = 60_000; // milliseconds between two tries while the server refuses

function follow(part, wait = 1_000) {
  const source = new EventSource(part.dataset.live);
  let next = wait;
  source.addEventListener("part", ({ data }) => {
    next = 1_000;
    if (part.isConnected) replace(part, data);
    else source.close();
  });
  source.addEventListener("end", () => source.close());
  source.addEventListener("error", () => {
    const refused = source.readyState === EventSource.CLOSED;
    if (refused && part.isConnected) setTimeout(follow, next, part, Math.min(2 * next, LONGEST));
  });
}

// What is open stays open, and who is at a link by keyboard stays there.
function replace(part, html) {
  const open = [...part.querySelectorAll("details")].map((details) => details.open);
  const at = part.contains(document.activeElement) ? places(part).indexOf(document.activeElement) : -1;
  part.innerHTML = html;
  part.querySelectorAll("details").forEach((details, place) => (details.open = open[place] ?? false));
  places(part)[at]?.focus({ preventScroll: true });
}

const places = (part) => [...part.querySelectorAll("a, button, summary, input, [tabindex]")];

for (const part of document.querySelectorAll("[data-live]")) follow(part);
document.addEventListener("live", ({ target }) => follow(target)); // a part that came later
