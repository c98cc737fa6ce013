// The photograph with its layers, and the list of regions beside it.
import { greys, legend, paint } from "./colours.js";

const $ = (id) => document.getElementById(id);
const mostShown = 200, cropHeight = 30, cropWidth = 200;

const layers = [
  { name: "photo", label: "Photograph", on: true, fade: 100 },
  { name: "outlines", label: "Outlines", on: true, fade: 100 },
  { name: "probability", label: "Text probability", on: false, fade: 75, from: "0", to: "1" },
  { name: "language", label: "Language score", on: false, fade: 65, from: "low", to: "high" },
];

let current = null, pinned = -1;

/** Rows of the panel; called once. */
export function buildLayers() {
  for (const layer of layers) {
    const row = document.createElement("div"), label = document.createElement("label");
    layer.box = Object.assign(document.createElement("input"), { type: "checkbox", id: `show-${layer.name}`, checked: layer.on });
    layer.slider = Object.assign(document.createElement("input"), { type: "range", id: `fade-${layer.name}`, min: 0, max: 100, value: layer.fade });
    layer.slider.setAttribute("aria-label", `How visible: ${layer.label}`);
    label.append(layer.box, layer.label);
    row.className = "layer";
    row.append(label, layer.slider);
    if (layer.from) {
      layer.scale = Object.assign(document.createElement("div"), { className: "scale quiet" });
      const bar = document.createElement("canvas");
      legend(bar, layer.name);
      layer.low = document.createElement("span");
      layer.high = document.createElement("span");
      [layer.low.textContent, layer.high.textContent] = [layer.from, layer.to];
      layer.scale.append(layer.low, bar, layer.high);
      row.append(layer.scale);
    }
    layer.row = row;
    layer.box.addEventListener("input", applyLayers);
    layer.slider.addEventListener("input", applyLayers);
    $("layers").append(row);
  }
  applyLayers();
}

function applyLayers() {
  for (const { name, box, slider, scale, row } of layers) {
    // A model without text branch has no language score.
    row.hidden = name === "language" && current?.answer?.maps && !current.answer.maps.language;
    // Kept in place: the photograph gives the stage its background.
    $(name).style.opacity = slider.value / 100;
    if (name === "photo") {
      $(name).style.visibility = box.checked ? "visible" : "hidden";
    } else {
      $(name).toggleAttribute("hidden", !box.checked || row.hidden);
    }
    slider.disabled = !box.checked;
    if (scale) {
      scale.hidden = !box.checked;
    }
  }
  drawMaps();
}

/** Shows a picture: its photograph at once, the rest as far as it is there. */
export function show(item, threshold) {
  if (current !== item) {
    pinned = -1;
    $("photo").classList.remove("broken");
    $("photo").src = item.url;
    $("photo").alt = item.name;
    for (const map of ["probability", "language"]) {
      $(map).getContext("2d").clearRect(0, 0, $(map).width, $(map).height);
    }
  }
  current = item;
  current.threshold = threshold;
  const { width, height } = item.answer ?? item;
  if (width) {
    $("stage").style.setProperty("--ratio", width / height);
    $("outlines").setAttribute("viewBox", `-0.5 -0.5 ${width} ${height}`);
  }
  drawRegions();
  applyLayers();
}

/** Maps come when their layer is switched on for the first time. */
async function drawMaps() {
  const item = current;
  for (const { name, box, low, high } of layers.filter((l) => l.from)) {
    const map = item?.answer?.maps?.[name];
    if (!map || !box.checked) {
      continue;
    }
    item.greys ??= {};
    try {
      item.greys[name] ??= greys(map.url);
      const values = await item.greys[name];
      if (current === item && item.answer.maps?.[name] === map) {
        paint($(name), values, name, name === "probability" ? item.threshold : null);
        // The last squares may reach beyond the picture: the canvas does so too.
        $(name).style.width = `${(100 * values.width) / map.width}%`;
        $(name).style.height = `${(100 * values.height) / map.height}%`;
        if (name === "language") {
          [low.textContent, high.textContent] = [map.low.toFixed(2), map.high.toFixed(2)];
        }
      }
    } catch {
      // Forgotten by the service; a slider, or the next picture, asks again.
      delete item.greys[name];
    }
  }
}

function drawRegions() {
  const regions = current.answer?.regions ?? [], outlines = $("outlines"), list = $("list"), at = list.scrollTop;
  pinned = pinned < regions.length ? pinned : -1;
  outlines.replaceChildren(...regions.map((region, i) => {
    const polygon = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
    polygon.setAttribute("points", region.polygon.map((p) => p.join(",")).join(" "));
    polygon.dataset.index = i;
    return polygon;
  }));
  list.replaceChildren(...regions.slice(0, mostShown).map(row));
  list.scrollTop = at;
  $("rest").hidden = regions.length <= mostShown;
  $("rest").textContent = `and ${regions.length - mostShown} more; the JSON has all.`;
  mark(pinned);
}

function row(region, i) {
  const li = document.createElement("li"), button = document.createElement("button"), score = document.createElement("span");
  button.type = "button";
  button.dataset.index = i;
  button.setAttribute("aria-pressed", i === pinned);
  button.setAttribute("aria-label", `Region ${i + 1}, score ${region.score.toFixed(2)}`);
  const bar = document.createElement("span"), fill = document.createElement("i");
  fill.style.width = `${100 * Math.min(Math.max(region.score, 0), 1)}%`;
  bar.className = "bar";
  bar.append(fill);
  score.className = "score";
  score.append(region.score.toFixed(2), bar);
  button.append(crop(region.quad), score);
  li.append(button);
  return li;
}

/** The quad cut out and turned upright: from its first corner to the second the text is read. */
function crop([first, second, , last]) {
  const canvas = document.createElement("canvas"), photo = $("photo");
  const [ux, uy] = [second[0] - first[0], second[1] - first[1]], [vx, vy] = [last[0] - first[0], last[1] - first[1]];
  const w = Math.max(Math.hypot(ux, uy), 1), h = Math.max(Math.hypot(vx, vy), 1), dense = Math.min(window.devicePixelRatio || 1, 2);
  const scale = Math.min(cropHeight / h, cropWidth / w), [width, height] = [Math.max(w * scale, 4), Math.max(h * scale, 4)];
  [canvas.width, canvas.height] = [Math.ceil(width * dense), Math.ceil(height * dense)];
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  if (photo.complete && photo.naturalWidth) {
    const context = canvas.getContext("2d"), [sx, sy] = [canvas.width / w, canvas.height / h];
    // Regions put (0,0) at the centre of the first pixel, a canvas at its corner.
    const [x, y] = [first[0] + 0.5, first[1] + 0.5];
    context.setTransform((ux / w) * sx, (vx / h) * sy, (uy / w) * sx, (vy / h) * sy, -((x * ux + y * uy) / w) * sx, -((x * vx + y * vy) / h) * sy);
    const xs = [first[0], second[0], last[0], second[0] + vx], ys = [first[1], second[1], last[1], second[1] + vy];
    const left = Math.max(Math.floor(Math.min(...xs)), 0), top = Math.max(Math.floor(Math.min(...ys)), 0);
    const right = Math.min(Math.ceil(Math.max(...xs)) + 1, photo.naturalWidth), bottom = Math.min(Math.ceil(Math.max(...ys)) + 1, photo.naturalHeight);
    if (right > left && bottom > top) {
      context.drawImage(photo, left, top, right - left, bottom - top, left, top, right - left, bottom - top);
    }
  }
  return canvas;
}

function mark(index) {
  for (const element of document.querySelectorAll("#outlines polygon, #list button")) {
    element.classList.toggle("marked", Number(element.dataset.index) === index);
  }
  const polygon = document.querySelector("#outlines polygon.marked");
  // What is drawn last is on top.
  polygon?.parentNode.append(polygon);
}

const indexOf = (event) => Number(event.target.closest?.("[data-index]")?.dataset.index ?? -1);

for (const id of ["outlines", "list"]) {
  $(id).addEventListener("pointerover", (event) => mark(indexOf(event) >= 0 ? indexOf(event) : pinned));
  $(id).addEventListener("pointerleave", () => mark(pinned));
  $(id).addEventListener("focusin", (event) => mark(indexOf(event)));
  $(id).addEventListener("focusout", () => mark(pinned));
  $(id).addEventListener("click", (event) => {
    const index = indexOf(event);
    if (index >= 0) {
      pinned = pinned === index ? -1 : index;
      for (const button of document.querySelectorAll("#list button")) {
        button.setAttribute("aria-pressed", Number(button.dataset.index) === pinned);
      }
      mark(pinned);
      document.querySelector(`#list button[data-index="${index}"]`)?.scrollIntoView({ block: "nearest" });
    }
  });
}

$("photo").addEventListener("error", () => $("photo").classList.add("broken"));
$("photo").addEventListener("load", () => {
  if (current) {
    [current.width, current.height] = [$("photo").naturalWidth, $("photo").naturalHeight];
    show(current, current.threshold);
  }
});
