// The page "Try it": each form calls the API that every client calls, and shows what comes back.
// Whatever comes back goes into the page as text, never as markup; only the job's own part of a page,
// which the server has escaped, is markup.

const tenant = () => document.getElementById("tenant").value.trim() || "operator";

async function call(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant-id": tenant() },
    body: JSON.stringify(body),
  });
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error?.message ?? result.error ?? answer.statusText);
  return result;
}

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function table(headings, rows) {
  const made = element("table");
  const head = made.createTHead().insertRow();
  for (const heading of headings) {
    const cell = element("th", heading);
    cell.scope = "col";
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) line.insertCell().textContent = value;
  }
  const scroll = element("div", "", "scroll");
  scroll.append(made);
  return scroll;
}

function problem(error) {
  return element("p", error.message, "problem");
}

// Runs the form's work when it is sent, one at a time, and shows what it gives.
function onSubmit(id, shown, work) {
  const form = document.getElementById(id);
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const target = document.getElementById(shown);
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
    const link = element("a", "its own page");
    link.href = `/dashboard/jobs/${encodeURIComponent(job.id)}`;
    status.replaceChildren(`${file.name} is a job now; see also `, link, ".");
    const watched = await fetch(`${link.pathname}/watch`);
    if (!watched.ok) throw new Error("The job can't be shown just now.");
    reading.innerHTML = await watched.text();
    reading.querySelector("[data-live]")?.dispatchEvent(new Event("live", { bubbles: true }));
  } catch (error) {
    status.replaceChildren(problem(error));
  }
}

const drop = document.querySelector(".drop");
const photo = document.getElementById("photo");
photo.addEventListener("change", () => photo.files.length && read(photo.files[0]));
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

const percent = (share) => `${(share * 100).toFixed(0)} %`;

onSubmit("categorise", "categories", async (sent) => {
  const names = sent.get("names").split("\n").map((name) => name.trim()).filter(Boolean);
  const labels = sent.get("labels").split(",").map((label) => label.trim()).filter(Boolean);
  const answer = await call("/api/v1/categorize-batch", {
    payload: {
      items: names.map((name, index) => ({ id: String(index), name })),
      candidate_labels: labels,
    },
  });
  return [
    table(
      ["Name", "Category", "Confidence"],
      answer.payload.predictions.map((one) => [
        one.name,
        one.predicted_category,
        `${percent(one.confidence)} (${one.confidence_level})`,
      ]),
    ),
  ];
});

const plan = document.getElementById("plan");
if (plan) plan.elements.payload.value = JSON.stringify(example(new Date()), null, 2);

onSubmit("plan", "planned", async (sent) => {
  const { payload } = await call("/api/v1/optimize/meal-plan", {
    payload: JSON.parse(sent.get("payload")),
  });
  const found = [element("p", `${payload.status}, in ${Math.round(payload.solve_time_ms)} ms`)];
  if (payload.summary) found.push(element("p", payload.summary));
  if (payload.meal_plan.length) {
    found.push(
      table(["Day", "Meal", "Recipe"], payload.meal_plan.map((one) => [one.date, one.meal_type, one.recipe_name])),
      element("h3", "To buy"),
      payload.shopping_list.length
        ? table(["What", "How much"], payload.shopping_list.map((one) => [one.name, `${one.quantity} ${one.unit}`]))
        : element("p", "Nothing: all of it is there."),
    );
  }
  return [...found, ...[...payload.explanation, ...payload.conflicts].map((text) => element("p", text, "muted"))];
});

function example(today) {
  const has = (id, name, quantity, unit, more = {}) => ({ ingredient_id: id, name, quantity, unit, ...more });
  const recipe = (id, name, cook_time, ...ingredients) => ({ id, name, prep_time: 10, cook_time, ingredients });
  return {
    planning_horizon: { start_date: today.toISOString().slice(0, 10), days: 3, meal_types: ["dinner"] },
    inventory: [
      has("spinach", "Spinach", 200, "g", { days_until_expiry: 1 }),
      has("eggs", "Eggs", 6, "piece", { days_until_expiry: 9 }),
      has("rice", "Rice", 1, "kg", { days_until_expiry: 200 }),
    ],
    recipes: [
      recipe("frittata", "Spinach frittata", 20, has("spinach", "Spinach", 150, "g"), has("eggs", "Eggs", 4, "piece")),
      recipe("fried-rice", "Egg fried rice", 15, has("rice", "Rice", 300, "g"), has("eggs", "Eggs", 2, "piece")),
      recipe("dal", "Lentil dal", 30, has("lentils", "Lentils", 250, "g"), has("rice", "Rice", 200, "g")),
    ],
    timeout_ms: 2000,
  };
}

onSubmit("chat", "answer", async (sent, target) => {
  const answer = await fetch("/v1/chat/completions", {
    method: "POST",
    headers: { "content-type": "application/json", "x-tenant-id": tenant() },
    body: JSON.stringify({
      model: await firstModel(),
      messages: [{ role: "user", content: sent.get("message") }],
      stream: true,
    }),
  });
  if (!answer.ok) throw new Error((await answer.json()).error.message);
  const said = document.createTextNode("");
  target.replaceChildren(said);
  let rest = "";
  const decoder = new TextDecoder();
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return [said];
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      if (!line.startsWith("data: ") || line === "data: [DONE]") continue;
      const { error, choices } = JSON.parse(line.slice(6));
      if (error) throw new Error(error.message);
      said.data += choices[0]?.delta.content ?? "";
    }
  }
});

async function firstModel() {
  const answer = await fetch("/v1/models", { headers: { "x-tenant-id": tenant() } });
  return (await answer.json()).data[0].id;
}
