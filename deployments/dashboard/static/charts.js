// Draws each `data-chart` (charts.py) with uPlot. The pointer and the arrow keys choose a bucket, whose
// values are said below the chart. A live update keeps the chart and the chosen bucket.

const HEIGHT = 130;
const plots = new Map(); // by the element's id
const dark = window.matchMedia("(prefers-color-scheme: dark)");

const rounded = (value, digits) => value.toLocaleString("en", { maximumSignificantDigits: Math.max(digits, Math.ceil(Math.log10(value + 1))) });

function duration(seconds) {
  if (seconds < 1) return `${rounded(seconds * 1000, 2)} ms`;
  if (seconds < 60) return `${rounded(seconds, 2)} s`;
  if (seconds < 3600) return `${rounded(seconds / 60, 2)} min`;
  return seconds < 86_400 ? `${rounded(seconds / 3600, 2)} h` : `${rounded(seconds / 86_400, 2)} d`;
}

const shown = (chart, value) =>
  value === null ? "none" : chart.unit === "duration" ? duration(value) : rounded(value, 3);

const now = (chart) => (chart.bucket_s < 86_400 ? "just now" : "today");
const when = (chart, age) => (age < 1 ? now(chart) : `${duration(age)} ago`);

// The x values are seconds from now; bars are sums of their series and those before it.
function data(chart) {
  const count = chart.series[0].values.length;
  const ages = Array.from({ length: count }, (_, index) => (index + 1 - count) * chart.bucket_s);
  const values = chart.series.map((series) => series.values);
  if (chart.kind === "lines") return [ages, ...values];
  let below = new Array(count).fill(0);
  const stacked = values.map((own) => (below = below.map((sum, index) => sum + (own[index] ?? 0))));
  return [ages, ...stacked.reverse()]; // the highest is drawn first
}

// Points that no line connects would not be seen.
function lonePoints(plot, index) {
  const values = plot.data[index];
  const missing = (at) => (values[at] ?? null) === null;
  return values.map((_, at) => at).filter((at) => !missing(at) && missing(at - 1) && missing(at + 1));
}

// Marks of the x axis: whole hours or days ago, as many as fit.
const STEPS = [600, 1200, 1800, 14_400, 21_600, 43_200, 432_000, 864_000];

function marks(plot, chart) {
  const span = chart.bucket_s * plot.data[0].length;
  const room = Math.max(1, Math.floor(plot.bbox.width / devicePixelRatio / 80));
  const step = STEPS.find((seconds) => seconds >= chart.bucket_s && span / seconds <= room) ?? span;
  return Array.from({ length: Math.ceil(span / step) }, (_, index) => -index * step).reverse();
}

function create(element, chart) {
  const style = (name, of = element) => getComputedStyle(of).getPropertyValue(name).trim();
  const axis = { stroke: style("--muted"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  const names = chart.series.map((series) => series.name);
  const keys = [...element.closest(".chart").querySelectorAll(".key")];
  const color = (index) => (keys[index] ? style("--series", keys[index]) : "") || style("--accent");
  const bars = chart.kind === "bars";
  const series = names.map((label, index) => ({
    label,
    stroke: color(index),
    width: bars ? 0 : 2,
    dash: bars ? undefined : [undefined, [6, 3], [2, 3]][index],
    fill: bars ? color(index) : undefined,
    paths: bars ? uPlot.paths.bars({ size: [0.8, 40] }) : undefined,
    points: { show: !bars, size: 6, fill: color(index), filter: lonePoints },
  }));
  const options = {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars } },
    scales: {
      x: { time: false, range: (_, low, high) => [low - chart.bucket_s / 2, high + chart.bucket_s / 2] },
      y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] },
    },
    axes: [
      { ...axis, size: 26, splits: (plot) => marks(plot, chart), grid: { show: false }, values: (_, ages) => ages.map((age) => when(chart, -age)) },
      { ...axis, size: 58, space: 35, grid: { stroke: style("--line"), width: 1 }, values: (_, values) => values.map((value) => (value ? shown(chart, value) : "0")) },
    ],
    series: [{}, ...(bars ? series.reverse() : series)],
    hooks: { setCursor: [say] },
  };
  return new uPlot(options, data(chart), element);
}

// Says the values of the chosen bucket below the chart.
function say(plot) {
  const element = plot.root.parentElement;
  const at = plot.cursor.idx;
  if (!element) return;
  const { chart } = plots.get(element.id) ?? {};
  const output = element.parentElement.querySelector(".values-at");
  if (!chart || !output) return;
  const values = chart.series.map((series) => `${series.name} ${shown(chart, series.values[at] ?? null)}`);
  const text = at === null || at === undefined ? "" : `${when(chart, -plot.data[0][at])}: ${values.join(", ")}`;
  if (output.textContent !== text) output.textContent = text;
}

function choose(plot, index) {
  const last = plot.data[0].length - 1;
  const at = Math.max(0, Math.min(last, index));
  plot.setCursor({ left: plot.valToPos(plot.data[0][at], "x"), top: 0 });
}

const KEYS = { ArrowLeft: (at) => at - 1, ArrowRight: (at) => at + 1, Home: () => 0, End: () => Infinity };

document.addEventListener("keydown", (event) => {
  const { plot } = plots.get(event.target.id) ?? {};
  const step = KEYS[event.key];
  if (!plot || !step || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  choose(plot, step(plot.cursor.idx ?? plot.data[0].length));
});

const observer = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const { plot } = plots.get(target.id) ?? {};
    if (plot?.root.parentElement === target && contentRect.width) plot.setSize({ width: contentRect.width, height: HEIGHT });
  }
});

function draw() {
  for (const element of document.querySelectorAll("[data-chart]")) {
    const chart = JSON.parse(element.dataset.chart);
    const before = plots.get(element.id);
    const same = before && before.chart.series.length === chart.series.length;
    if (same && before.plot.root.parentElement === element) continue;
    if (same) {
      element.append(before.plot.root);
      plots.set(element.id, { plot: before.plot, chart });
      before.plot.setData(data(chart));
      say(before.plot);
    } else {
      plots.set(element.id, { plot: create(element, chart), chart });
    }
    observer.observe(element);
  }
}

dark.addEventListener("change", () => {
  for (const { plot } of plots.values()) plot.destroy();
  plots.clear();
  draw();
});
document.addEventListener("updated", draw);
draw();
