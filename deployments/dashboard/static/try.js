// The page "Try it": each form calls the public API and shows the response. Responses are inserted as
// text, never as markup, except for the job's part of the page, which the server has escaped.

const tenant = () => document.getElementById("tenant").value.trim() || "operator";

function post(path, body) {
  return fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant-id": tenant() },
    body: JSON.stringify(body),
  });
}

async function call(path, body) {
  const response = await post(path, body);
  const result = await response.json();
  if (!response.ok) throw new Error(result.error?.message ?? result.error ?? response.statusText);
  return result;
}

function element(name, text = "", className = "") {
  const created = document.createElement(name);
  created.textContent = text;
  if (className) created.className = className;
  return created;
}

function table(headings, rows) {
  const created = element("table");
  const head = created.createTHead().insertRow();
  for (const heading of headings) {
    const cell = element("th", heading);
    cell.scope = "col";
    head.append(cell);
  }
  const body = created.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) line.insertCell().textContent = value;
  }
  const scroll = element("div", "", "scroll");
  scroll.append(created);
  return scroll;
}

function problem(error) {
  return element("p", error.message, "problem");
}

// Runs `work` when the form is submitted, one run at a time, and shows the elements it returns.
function onSubmit(id, targetId, work) {
  const form = document.getElementById(id);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const target = document.getElementById(targetId);
    button.disabled = true;
    target.replaceChildren(element("p", "Working …", "muted"));
    try {
      target.replaceChildren(...(await work(new FormData(form), target)));
    } catch (error) {
      target.replaceChildren(problem(error));
    } finally {
      button.disabled = false;
    }
  });
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

async function read(file) {
  const status = document.getElementById("read-status");
  const reading = document.getElementById("reading");
  status.replaceChildren(`Sending ${file.name} …`);
  reading.replaceChildren();
  try {
    const job = await call("/api/v1/jobs", {
      feature: "receipt_extraction",
      payload: { image_base64: await base64(file) },
    });
    const link = element("a", "its page");
    link.href = `/dashboard/jobs/${encodeURIComponent(job.id)}`;
    status.replaceChildren(`${file.name} was submitted as a job; see `, link, ".");
    const part = await fetch(`${link.pathname}/watch`);
    if (!part.ok) throw new Error("The job can't be displayed right now.");
    reading.innerHTML = await part.text();
    reading.querySelector("[data-live]")?.dispatchEvent(new Event("live", { bubbles: true }));
  } catch (error) {
    status.replaceChildren(problem(error));
  }
}

const drop = document.querySelector(".drop");
const photo = document.getElementById("photo");
for (const input of [photo, document.getElementById("camera")]) {
  input.addEventListener("change", () => input.files.length && read(input.files[0]));
}
for (const type of ["dragenter", "dragover"]) {
  drop.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
for (const type of ["dragleave", "drop"]) {
  drop.addEventListener(type, () => drop.classList.remove("over"));
}
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  if (event.dataTransfer.files.length) read(event.dataTransfer.files[0]);
});

const percent = (fraction) => `${(fraction * 100).toFixed(0)} %`;

onSubmit("categorize", "categories", async (form) => {
  const names = form.get("names").split("\n").map((name) => name.trim()).filter(Boolean);
  const labels = form.get("labels").split(",").map((label) => label.trim()).filter(Boolean);
  const language = form.get("language").trim() || null;
  const { payload } = await call("/api/v1/categorize-batch", {
    payload: {
      language,
      items: names.map((name, index) => ({ id: String(index), name })),
      candidate_labels: labels,
    },
  });
  return [
    table(
      ["Name", "Category", "Confidence"],
      payload.predictions.map((prediction) => [
        prediction.name,
        prediction.predicted_category,
        `${percent(prediction.confidence)} (${prediction.confidence_level})`,
      ]),
    ),
  ];
});

const plan = document.getElementById("plan");
if (plan) plan.elements.payload.value = JSON.stringify(example(new Date()), null, 2);

onSubmit("plan", "planned", async (form) => {
  const { payload } = await call("/api/v1/optimize/meal-plan", {
    payload: JSON.parse(form.get("payload")),
  });
  const shown = [element("p", `${payload.status}, in ${Math.round(payload.solve_time_ms)} ms`)];
  if (payload.summary) shown.push(element("p", payload.summary));
  if (payload.meal_plan.length) {
    shown.push(
      calendar(payload),
      element("h3", "Shopping list"),
      payload.shopping_list.length
        ? table(["Item", "Quantity", "For"], payload.shopping_list.map(purchase))
        : element("p", "Nothing to buy: all ingredients are in stock."),
    );
  }
  const reasons = element("ul", "", "reasons");
  reasons.append(...[...payload.explanation, ...payload.conflicts].map((text) => element("li", text)));
  return [...shown, element("h3", "Reasons"), reasons];
});

// A row a day and a column a meal, also for days on which nothing is planned.
function calendar({ meal_plan, open_slots }) {
  const slots = [...meal_plan, ...open_slots];
  const days = [...new Set(slots.map((slot) => slot.date))].sort();
  const meals = [...new Set(slots.map((slot) => slot.meal_type))];
  const at = (date, meal) => (slot) => slot.date === date && slot.meal_type === meal;
  return table(
    ["Day", ...meals],
    days.map((date) => [
      new Date(`${date}T00:00`).toLocaleDateString(undefined, { weekday: "short", day: "numeric", month: "short" }),
      ...meals.map((meal) => meal_plan.filter(at(date, meal)).map(dish).join("; ") || "–"),
    ]),
  );
}

function dish({ recipe_name, cooked_on, feeds = [] }) {
  const notes = [cooked_on && `left over from ${cooked_on}`, feeds.length && `for ${feeds.join(", ")}`].filter(Boolean);
  return notes.length ? `${recipe_name} (${notes.join(", ")})` : recipe_name;
}

function purchase({ name, category, quantity, unit, for_recipes }) {
  return [category ? `${category}: ${name}` : name, `${quantity} ${unit}`, for_recipes.join(", ")];
}

function example(today) {
  const ingredient = (id, name, quantity, unit, more = {}) => ({ ingredient_id: id, name, quantity, unit, ...more });
  const recipe = (id, name, cook_time, ...ingredients) => ({ id, name, prep_time: 10, cook_time, ingredients });
  return {
    planning_horizon: { start_date: today.toISOString().slice(0, 10), days: 3, meal_types: ["dinner"] },
    inventory: [
      ingredient("spinach", "Spinach", 200, "g", { days_until_expiry: 1 }),
      ingredient("eggs", "Eggs", 6, "piece", { days_until_expiry: 9 }),
      ingredient("rice", "Rice", 1, "kg", { days_until_expiry: 200 }),
    ],
    recipes: [
      recipe("frittata", "Spinach frittata", 20, ingredient("spinach", "Spinach", 150, "g"), ingredient("eggs", "Eggs", 4, "piece")),
      recipe("fried-rice", "Egg fried rice", 15, ingredient("rice", "Rice", 300, "g"), ingredient("eggs", "Eggs", 2, "piece")),
      recipe("dal", "Lentil dal", 30, ingredient("lentils", "Lentils", 250, "g"), ingredient("rice", "Rice", 200, "g")),
    ],
    timeout_ms: 2000,
  };
}

onSubmit("chat", "answer", async (form, target) => {
  const response = await post("/v1/chat/completions", {
    model: await firstModel(),
    messages: [{ role: "user", content: form.get("message") }],
    stream: true,
  });
  if (!response.ok) throw new Error((await response.json()).error.message);
  const answer = document.createTextNode("");
  target.replaceChildren(answer);
  let rest = "";
  const decoder = new TextDecoder();
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return [answer];
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const { error, choices } = JSON.parse(line.slice(6));
      if (error) throw new Error(error.message);
      answer.data += choices[0]?.delta.content ?? "";
    }
  }
});

async function firstModel() {
  const response = await fetch("/v1/models", { headers: { "x-tenant-id": tenant() } });
  return (await response.json()).data[0].id;
}
