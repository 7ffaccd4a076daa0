// Shows the values of points, hides series, sorts and filters tables. Without it the page shows the same pictures and numbers.
"use strict";

const SVG = "http://www.w3.org/2000/svg";

function create(tag, attributes = {}, text = "") {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

// Each entry of a legend becomes a button that hides its series in the pictures up to the next legend.
function plotsOf(legend) {
  const found = [];
  for (let next = legend.nextElementSibling; next; next = next.nextElementSibling) {
    if (next.matches(".legend") && next.closest("section") === legend.closest("section")) break;
    found.push(...(next.matches("figure.plot") ? [next] : next.querySelectorAll("figure.plot")));
    if (next.querySelector(".legend")) break;
  }
  return found;
}

function switchable(legend) {
  const plots = plotsOf(legend);
  if (!plots.some((plot) => plot.querySelector("[data-series]"))) return;
  for (const entry of legend.querySelectorAll("li")) {
    const button = create("button", { type: "button", "aria-pressed": "true" });
    button.append(...entry.childNodes);
    entry.append(button);
    button.addEventListener("click", () => {
      const shown = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(shown));
      for (const plot of plots) {
        for (const part of plot.querySelectorAll(`[data-series="${entry.dataset.series}"]`)) {
          part.style.display = shown ? "" : "none";
        }
      }
    });
  }
}

// The pointer or the arrow keys choose an epoch; a line marks it and a list shows its values.
function readable(plot) {
  const { box, x, series } = JSON.parse(plot.dataset.readout);
  const canvas = plot.querySelector(".canvas");
  const svg = canvas.querySelector("svg");
  const epochs = [...new Set(series.flatMap((one) => one.points.map((p) => p[0])))].sort((a, b) => a - b);
  if (!epochs.length) return;
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const left = (epoch) => box[0] + ((epoch - x[0]) / (x[1] - x[0])) * (box[2] - box[0]);
  const line = document.createElementNS(SVG, "line");
  line.setAttribute("class", "marker");
  line.setAttribute("y1", box[1] * height);
  line.setAttribute("y2", box[3] * height);
  svg.append(line);
  const readout = create("p", { class: "readout", "aria-live": "polite" });
  plot.append(readout);
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", `${plot.querySelector("figcaption").textContent.trim()}: arrow keys read values off`);
  let at = -1;

  const show = (index) => {
    at = Math.max(0, Math.min(epochs.length - 1, index));
    const epoch = epochs[at];
    line.setAttribute("x1", left(epoch) * width);
    line.setAttribute("x2", left(epoch) * width);
    plot.classList.add("reading");
    const values = series.flatMap((one) => {
      const point = one.points.find((p) => p[0] === epoch);
      return point ? [`${one.name} ${point[1]}${point[2] ? ` ± ${point[2]}` : ""}`] : [];
    });
    readout.textContent = `epoch ${epoch}: ${values.join(", ")}`;
  };
  const hide = () => {
    plot.classList.remove("reading");
    readout.textContent = "";
  };
  canvas.addEventListener("pointermove", (event) => {
    const place = svg.getBoundingClientRect();
    const share = (event.clientX - place.left) / place.width;
    const distances = epochs.map((epoch) => Math.abs(left(epoch) - share));
    show(distances.indexOf(Math.min(...distances)));
  });
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("blur", hide);
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape") hide();
    if (!step) return;
    event.preventDefault();
    show(at < 0 ? (step > 0 ? 0 : epochs.length - 1) : at + step);
  });
}

// A click on a column sorts the rows; a text field filters them.
function sortable(table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  if (rows.length < 3) return;
  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
    return table.matches(".numbers") && column ? Infinity : cell.textContent.trim();
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  const sort = (column, descending) => {
    const sorted = column < 0 ? rows : [...rows].sort((a, b) => {
      const [x, y] = [key(a, column), key(b, column)];
      return x === Infinity || y === Infinity ? compare(x, y) : (descending ? -1 : 1) * compare(x, y);
    });
    body.append(...sorted);
    heads.forEach((head, i) => head.setAttribute("aria-sort", i !== column ? "none" : descending ? "descending" : "ascending"));
    chosen.value = column < 0 ? "" : `${column} ${Number(descending)}`;
  };
  const tools = create("div", { class: "tools" });
  const chosen = create("select", { "aria-label": "Sort by" });
  chosen.append(create("option", { value: "" }, "As listed"));
  heads.forEach((head, i) => {
    const name = head.textContent.trim().replace(/\s+/g, " ");
    chosen.append(create("option", { value: `${i} 0` }, `${name} ↑`), create("option", { value: `${i} 1` }, `${name} ↓`));
    const button = create("button", { type: "button" });
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(i, head.getAttribute("aria-sort") === "ascending"));
  });
  chosen.addEventListener("change", () => {
    const [column, descending] = chosen.value ? chosen.value.split(" ").map(Number) : [-1, 0];
    sort(column, Boolean(descending));
  });
  const filter = create("input", { type: "search", placeholder: "Filter rows", "aria-label": "Filter rows" });
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/);
    for (const row of rows) row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
  });
  if (rows.length > 7) tools.append(filter);
  tools.append(chosen);
  (table.closest(".scroll") || table).before(tools);
}

// A link to an element inside a closed <details> opens it.
function unfold() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let outer = target; outer; outer = outer.parentElement) {
    if (outer.tagName === "DETAILS") outer.open = true;
  }
  if (target) target.scrollIntoView();
}

document.querySelectorAll(".legend").forEach(switchable);
document.querySelectorAll("figure[data-readout]").forEach(readable);
document.querySelectorAll("table.sortable").forEach(sortable);
addEventListener("hashchange", unfold);
unfold();
