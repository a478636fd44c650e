// The review page of a receipt: its fields and lines are edited beside the picture and saved at once.
// All texts of the receipt are values of inputs or text, never markup.

const form = document.getElementById("review");
const list = document.getElementById("lines");
const blank = document.getElementById("blank");
const scan = document.getElementById("pages");
const frame = document.querySelector(".frame");
const sum = document.getElementById("sum");
const problem = document.getElementById("problem");
const reviewer = document.getElementById("reviewer");
const save = document.getElementById("save");

const lines = () => [...list.children];
const input = (line, name) => line.querySelector(`[name="${name}"]`);
const field = (name) => form.querySelector(`.fields [name="${name}"]`);
const inputs = () => [...form.querySelectorAll(".fields input, .lines input")];

let changedLines = false; // a line was added, removed, split or merged

// Amounts as whole thousandths, so that sums are exact; null for no number.
function thousandths(text) {
  const plain = text.trim().replace(/^(-?\d+),(\d{1,3})$/, "$1.$2");
  return /^-?\d{1,9}(\.\d{1,3})?$/.test(plain) ? Math.round(Number(plain) * 1000) : null;
}

// An amount as the API takes it; null when it is empty.
function decimal(text) {
  return text.trim() === "" ? null : text.trim().replace(/^(-?\d+),(\d{1,3})$/, "$1.$2");
}

function amount(value) {
  const cents = value % 10 === 0;
  return (value / 1000).toFixed(cents ? 2 : 3);
}

function checkSum() {
  const items = lines().reduce((total, line) => {
    return total + (thousandths(input(line, "total_price").value) ?? 0) - (thousandths(input(line, "discount").value) ?? 0);
  }, 0);
  const total = thousandths(field("total").value);
  const tax = thousandths(field("tax").value) ?? 0;
  let message;
  let good = false;
  if (total === null) message = `The lines come to ${amount(items)}; there is no total.`;
  else if (items === total) [good, message] = [true, `The lines come to the total, ${amount(total)}.`];
  else if (items + tax === total) [good, message] = [true, `The lines come to ${amount(items)}, and with tax to the total, ${amount(total)}.`];
  else message = `The lines come to ${amount(items)}, ${amount(Math.abs(total - items))} ${items < total ? "less" : "more"} than the total.`;
  if (sum.textContent !== message) sum.textContent = message;
  sum.className = `check ${good ? "good" : "warn"}`;
}

function update() {
  checkSum();
  for (const one of inputs()) one.classList.toggle("edited", one.value !== one.dataset.was);
  const changed = changedLines || inputs().some((one) => one.value !== one.dataset.was);
  form.classList.toggle("is-changed", changed);
  return changed;
}

// Fields and their place in the picture.

function highlight(line, scroll) {
  const index = line?.dataset.line ?? "";
  for (const one of lines()) one.classList.toggle("current", one === line);
  const boxes = [...scan.querySelectorAll("polygon")];
  for (const box of boxes) box.classList.toggle("current", index !== "" && box.dataset.line === index);
  const first = boxes.find((box) => box.classList.contains("current"));
  if (first && scroll) scrollTo(first);
}

// Scrolls within the frame alone, not the page.
function scrollTo(box) {
  const place = box.getBoundingClientRect();
  const visible = frame.getBoundingClientRect();
  if (place.top < visible.top || place.bottom > visible.bottom) {
    frame.scrollTop += place.top - visible.top - visible.height / 2;
  }
}

list.addEventListener("focusin", ({ target }) => highlight(target.closest(".line"), true));
list.addEventListener("mouseover", ({ target }) => highlight(target.closest(".line"), false));
scan.addEventListener("click", ({ target }) => {
  const index = target.dataset?.line;
  const line = lines().find((one) => index !== undefined && one.dataset.line === index);
  if (line) input(line, "name").focus();
});

let zoom = 1;
let quarter = 0;

function place() {
  scan.style.width = zoom === 1 ? "" : `${zoom * 100}%`;
  scan.style.maxWidth = zoom === 1 ? "" : "none";
  scan.classList.toggle("zoomed", zoom !== 1);
  scan.style.transform = quarter ? `rotate(${quarter * 90}deg)` : "";
}

document.getElementById("larger").addEventListener("click", () => ((zoom = Math.min(4, zoom * 1.25)), place()));
document.getElementById("smaller").addEventListener("click", () => ((zoom = Math.max(1, zoom / 1.25)), place()));
document.getElementById("turn").addEventListener("click", () => ((quarter = (quarter + 1) % 4), place()));

// Lines are added, split, merged and removed.

function newLine(after, values = {}) {
  const line = blank.content.firstElementChild.cloneNode(true);
  for (const [name, value] of Object.entries(values)) input(line, name).value = value;
  if (after) after.after(line);
  else list.append(line);
  changedLines = true;
  input(line, "name").focus();
  update();
  return line;
}

const actions = {
  add: (line) => newLine(line),
  split(line) {
    const price = thousandths(input(line, "total_price").value);
    const half = price === null ? null : Math.round(price / 20) * 10;
    const other = newLine(line, {
      name: input(line, "name").value,
      category: input(line, "category").value,
      total_price: price === null ? "" : amount(price - half),
    });
    other.dataset.line = line.dataset.line;
    if (price !== null) input(line, "total_price").value = amount(half);
    update();
  },
  merge(line) {
    const above = line.previousElementSibling;
    if (!above) return;
    for (const name of ["total_price", "discount"]) {
      const values = [above, line].map((one) => thousandths(input(one, name).value));
      if (values.some((value) => value !== null)) {
        input(above, name).value = amount(values.reduce((total, value) => total + (value ?? 0), 0));
      }
    }
    const names = [above, line].map((one) => input(one, "name").value.trim());
    input(above, "name").value = [...new Set(names)].join(" ").slice(0, 500);
    actions.remove(line);
    input(above, "name").focus();
  },
  remove(line) {
    const next = line.nextElementSibling ?? line.previousElementSibling;
    line.remove();
    changedLines = true;
    (next ? input(next, "name") : document.getElementById("add")).focus();
    update();
  },
};

list.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-do]");
  if (button) actions[button.dataset.do](button.closest(".line"));
});
document.getElementById("add").addEventListener("click", () => newLine(null));

// Keys.

function move(from, step) {
  const all = [...inputs(), save];
  all[all.indexOf(from) + step]?.focus();
}

function moveLine(from, step) {
  const line = from.closest(".line");
  const other = step < 0 ? line.previousElementSibling : line.nextElementSibling;
  if (other) input(other, from.name).focus();
}

document.addEventListener("keydown", (event) => {
  const at = document.activeElement;
  const line = at.closest?.(".line");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  } else if (event.key === "Enter" && at.matches?.("#review input")) {
    event.preventDefault();
    move(at, event.shiftKey ? -1 : 1);
  } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && line && at.matches("input:not([list])")) {
    event.preventDefault();
    moveLine(at, event.key === "ArrowUp" ? -1 : 1);
  } else if (event.altKey && !event.ctrlKey) {
    const link = { KeyN: "next", KeyP: "previous" }[event.code];
    const action = { KeyA: "add", KeyS: "split", KeyM: "merge", KeyR: "remove" }[event.code];
    if (link) document.getElementById(link)?.click();
    else if (action === "add" || (action && line)) actions[action](line);
    else return;
    event.preventDefault();
  }
});

// Saving.

function correction() {
  const text = (name) => field(name).value.trim() || null;
  return {
    merchant: text("merchant"),
    date: text("date"),
    time: text("time"),
    currency: text("currency")?.toUpperCase() ?? null,
    subtotal: decimal(field("subtotal").value),
    tax: decimal(field("tax").value),
    total: decimal(field("total").value),
    line_items: lines().map((line) => ({
      line: line.dataset.line === "" ? null : Number(line.dataset.line),
      name: input(line, "name").value.trim(),
      quantity: decimal(input(line, "quantity").value) ?? "1",
      unit: input(line, "unit").value.trim() || null,
      total_price: decimal(input(line, "total_price").value),
      discount: decimal(input(line, "discount").value),
      category: input(line, "category").value.trim() || null,
    })),
  };
}

// The first field that can't be saved.
function invalid() {
  const amounts = [...form.querySelectorAll('[inputmode="decimal"]')];
  const wrong = amounts.find((one) => one.value.trim() !== "" && thousandths(one.value) === null);
  return wrong ?? [...form.querySelectorAll("[required]")].find((one) => one.value.trim() === "");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (save.disabled) return;
  const changed = update();
  const wrong = invalid();
  if (changed && wrong) {
    problem.textContent = wrong.value.trim() ? "This is no amount." : "This field is needed.";
    wrong.focus();
    return;
  }
  save.disabled = true;
  problem.textContent = "";
  const body = {
    rating: changed ? "thumbs_down" : "thumbs_up",
    based_on: form.dataset.basedOn || null,
    user_id: reviewer.value.trim() || null,
    ...(changed ? { correction: correction() } : {}),
  };
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error, { cause: answer.code });
    window.location.assign(answer.next);
  } catch (error) {
    problem.textContent = error.message;
    if (error.cause === "conflict") problem.append(" ", newTab("Open it in a new tab"));
    save.disabled = false;
  }
});

// Another view of this page, beside what was edited here.
function newTab(text) {
  const link = document.createElement("a");
  link.href = window.location.href;
  link.target = "_blank";
  link.textContent = text;
  return link;
}

reviewer.value = localStorage.getItem("reviewer") ?? "";
reviewer.addEventListener("change", () => localStorage.setItem("reviewer", reviewer.value.trim()));
form.addEventListener("input", update);
window.addEventListener("beforeunload", (event) => {
  if (form.classList.contains("is-changed") && !save.disabled) event.preventDefault();
});
update();
(form.querySelector(".unsure input") ?? save).focus({ preventScroll: true });
