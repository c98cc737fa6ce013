// Photographs in, regions out. A photograph is sent once; the service keeps what its network said, so that a slider only repeats the
// last step, in milliseconds.
import * as settings from "./settings.js";
import { buildLayers, show } from "./stage.js";

const $ = (id) => document.getElementById(id);
const atOnce = 2, patience = 20;
const items = [];
let about = { maxFileBytes: Infinity, settings: [] }, selected = null;

const megabytes = (bytes) => `${Number((bytes / 2 ** 20).toFixed(1))} MB`;

class Problem extends Error {
  constructor(title, detail, status) {
    super(detail);
    this.title = title;
    this.status = status;
  }
}

async function ask(url, init) {
  let answer;
  try {
    answer = await fetch(url, init);
  } catch (error) {
    throw error.name === "AbortError" ? error : new Problem("The service does not answer.", "Is it still running, and are you connected?");
  }
  if (answer.ok) {
    return answer.json();
  }
  const problem = await answer.json().catch(() => ({}));
  const failure = new Problem(`${problem.title ?? "Something went wrong"}.`, problem.detail ?? `The service answers ${answer.status}.`, answer.status);
  failure.wait = Number(answer.headers.get("Retry-After"));
  throw failure;
}

/** Takes files, from whichever door. */
function add(files) {
  let first = null;
  for (const file of files) {
    if (!/^image\/(jpeg|png|webp)$/.test(file.type) && file.type !== "") {
      complain(new Problem("Not a picture I can read.", `${file.name} is ${file.type}; I read JPEG, PNG and WebP.`));
    } else if (file.size > about.maxFileBytes) {
      complain(new Problem("Too large.", `${file.name} has ${megabytes(file.size)}; I take up to ${megabytes(about.maxFileBytes)}.`));
    } else {
      const item = { file, name: file.name || "pasted picture", url: URL.createObjectURL(file), state: "waiting" };
      items.push(item);
      first ??= item;
    }
  }
  if (first) {
    $("problem").hidden = true;
    select(first);
    work();
  }
}

/** Sends what waits, a few at a time. */
function work() {
  const busy = items.filter((i) => i.state === "working").length;
  items.filter((i) => i.state === "waiting").slice(0, Math.max(atOnce - busy, 0)).forEach(send);
  tell();
}

async function send(item) {
  item.state = "working";
  item.abort = new AbortController();
  tell();
  try {
    item.answer = await sendPatiently(item);
    item.answer.name = item.name;
    item.greys = {};
    item.state = "done";
    item.shown = settings.query().toString();
  } catch (error) {
    item.state = "failed";
    item.problem = error.name === "AbortError" ? new Problem("Stopped.", `${item.name} was not looked at.`) : error;
  }
  if (item === selected) {
    select(item);
  }
  work();
}

async function sendPatiently(item) {
  for (let tries = 1; ; tries++) {
    const query = settings.query();
    query.set("keep", "true");
    try {
      return await ask(`detect?${query}`, {
        method: "POST", body: item.file, signal: item.abort.signal, headers: { "Content-Type": item.file.type || "application/octet-stream" },
      });
    } catch (error) {
      if (error.status !== 503 || tries === patience) {
        throw error;
      }
      await new Promise((go) => setTimeout(go, 1000 * (error.wait || 1)));
      item.abort.signal.throwIfAborted();
    }
  }
}

/** Repeats the last step with the sliders' values; of many movements the last one counts. */
async function adjust() {
  const item = selected;
  if (!item?.answer) {
    return;
  }
  show(item, settings.threshold());
  if (item.adjusting) {
    return;
  }
  item.adjusting = true;
  try {
    for (let query; item.shown !== (query = settings.query().toString());) {
      const answer = await ask(`pictures/${item.answer.id}/regions?${query}`);
      item.answer.regions = answer.regions;
      item.answer.milliseconds.total += answer.milliseconds - item.answer.milliseconds.postprocess;
      item.answer.milliseconds.postprocess = answer.milliseconds;
      item.shown = query;
      if (item === selected) {
        show(item, settings.threshold());
        tell();
      }
    }
    $("problem").hidden = true;
  } catch (error) {
    if (error.status === 404) {
      // The service has forgotten it; it is still here.
      item.state = "waiting";
      work();
    } else {
      complain(error);
    }
  } finally {
    item.adjusting = false;
  }
}

function select(item) {
  selected = item;
  show(item, settings.threshold());
  if (item.state === "failed") {
    complain(item.problem);
  } else if (item.answer && item.shown !== settings.query().toString()) {
    adjust();
  }
  tell();
}

function complain(problem) {
  $("problem-title").textContent = problem.title ?? "Something went wrong.";
  $("problem-detail").textContent = problem.message;
  $("problem").hidden = false;
}

/** Everything that is said about the selected photograph, and the strip of all of them. */
function tell() {
  const item = selected, regions = item?.answer?.regions;
  document.body.dataset.state = item ? { waiting: "working", working: "working", failed: "failed", done: "ready" }[item.state] : "empty";
  if (!item) {
    return;
  }
  $("frame").hidden = $("panel").hidden = false;
  $("regions").hidden = !regions;
  $("stop").hidden = item.state !== "working" && item.state !== "waiting";
  $("status").textContent = { waiting: `${item.name} waits for its turn`, working: `Looking at ${item.name} ...`, failed: `${item.name}: no result`,
    done: `${item.name}, ${item.answer?.width} x ${item.answer?.height}` }[item.state];
  $("count").textContent = regions ? `${regions.length}` : "";
  $("copy").hidden = !regions;
  const t = item.answer?.milliseconds, ms = (v) => `${v < 10 ? v.toFixed(1) : Math.round(v)} ms`;
  $("times").textContent = !t ? "" : regions.length === 0 ? `No text found in ${ms(t.total)}. A lower threshold finds more.`
    : `decode ${ms(t.decode)} · resize ${ms(t.preprocess)} · network ${ms(t.network)} · regions ${ms(t.postprocess)}`;
  $("strip").hidden = items.length < 2;
  $("strip").replaceChildren(...items.map((each) => {
    const li = document.createElement("li"), button = document.createElement("button"), image = document.createElement("img"), mark = document.createElement("span");
    Object.assign(image, { src: each.url, alt: "" });
    image.addEventListener("error", () => image.remove());
    mark.textContent = { waiting: "...", working: "...", failed: "!", done: each.answer?.regions.length }[each.state];
    button.type = "button";
    button.setAttribute("aria-label", `${each.name}: ${each.state === "done" ? `${each.answer.regions.length} regions` : each.state}`);
    button.setAttribute("aria-current", each === selected);
    button.append(image, mark);
    button.addEventListener("click", () => {
      $("problem").hidden = true;
      select(each);
      $("strip").querySelector("[aria-current=true]")?.focus();
    });
    li.append(button);
    return li;
  }));
}

async function copy() {
  const { width, height, regions, milliseconds } = selected.answer;
  const text = JSON.stringify({ image: selected.name, width, height, settings: settings.values(), regions, milliseconds });
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard is for pages of this machine and of https.
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy JSON"; }, 1500);
}

$("files").addEventListener("change", () => {
  add($("files").files);
  $("files").value = "";
});
$("sample").addEventListener("click", async () => {
  const answer = await fetch("sample.png");
  add([new File([await answer.blob()], "sample.png", { type: "image/png" })]);
});
$("dismiss").addEventListener("click", () => { $("problem").hidden = true; });
$("copy").addEventListener("click", copy);
$("stop").addEventListener("click", () => {
  if (selected.state === "waiting") {
    selected.state = "failed";
    selected.problem = new Problem("Stopped.", `${selected.name} was not looked at.`);
    select(selected);
  } else {
    selected.abort?.abort();
  }
});
document.addEventListener("paste", (event) => add(event.clipboardData?.files ?? []));
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    document.body.classList.toggle("dragging", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") {
      add(event.dataTransfer?.files ?? []);
    }
  });
}

buildLayers();
ask("about").then((answer) => {
  about = answer;
  $("about").textContent = `${about.model} · ${about.device}`;
  $("limits").textContent = `, up to ${megabytes(about.maxFileBytes)} and ${about.maxPixels / 1e6} megapixels`;
  $("privacy").textContent = about.keptPictures === 0 ? "Photographs are not kept." : `Photographs are not kept. What the network said of the last ${
    about.keptPictures} stays in memory for ${about.keptMinutes} minutes, for the sliders.`;
  settings.build(about.settings, adjust);
  document.body.dataset.loaded = "true";
}).catch(complain);
