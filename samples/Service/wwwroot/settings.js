// Settings of post-processing as sliders and switches, made from what the service says about its model.
const $ = (id) => document.getElementById(id);

// What is in front, with a friendlier range than the widest that makes sense; everything else is under "More settings".
const known = {
  threshold: { label: "Binary threshold", step: 0.01, front: true },
  "box-threshold": { label: "Box threshold", step: 0.01, front: true },
  unclip: { label: "Unclip ratio", most: 4, step: 0.05, front: true },
  "min-side": { label: "Smallest side", most: 60, step: 1, front: true },
  polygons: { label: "Outlines that follow the text", front: true },
  "kernel-threshold": { label: "Kernel threshold", step: 0.01, front: true },
  distance: { label: "Distance", most: 6, step: 0.05, front: true },
  "min-area": { label: "Smallest area", most: 600, step: 1, front: true },
  overlap: { label: "Overlap", step: 0.01, front: true },
  simplify: { label: "Simplification", most: 0.05, step: 0.001 },
};

let controls = [];

/** @param changed called with every movement */
export function build(settings, changed) {
  controls = settings.map((setting) => {
    const look = known[setting.name] ?? {}, most = look.most ?? setting.most;
    const control = { setting, input: document.createElement("input") };
    const { input } = control, box = document.createElement("div"), label = document.createElement("label"), help = document.createElement("p");
    const name = look.label ?? setting.name.replaceAll("-", " ").replace(/^./, (c) => c.toUpperCase());
    input.id = label.htmlFor = `set-${setting.name}`;
    help.id = `about-${setting.name}`;
    help.className = "quiet";
    help.textContent = setting.description;
    input.setAttribute("aria-describedby", help.id);
    label.textContent = name;
    if (setting.isSwitch) {
      box.className = "setting switch";
      input.type = "checkbox";
      label.prepend(input);
      box.append(label, ...(look.front ? [] : [help]));
    } else {
      const row = document.createElement("div");
      row.className = "title-row";
      box.className = "setting";
      input.type = most <= 10 || look.most ? "range" : "number";
      Object.assign(input, { min: setting.least, max: most, step: look.step ?? (input.type === "range" ? most / 100 : 1) });
      if (input.type === "range") {
        control.output = document.createElement("output");
        row.append(label, control.output);
        box.append(row, input, help);
      } else {
        box.className += " number";
        row.append(label, input);
        box.append(row, help);
      }
    }
    input.addEventListener("input", () => {
      tell(control);
      changed();
    });
    (look.front ? $("settings") : $("more-settings")).append(box);
    return control;
  });
  document.querySelector("#more-settings").parentElement.hidden = $("more-settings").childElementCount === 0;
  $("reset").addEventListener("click", () => {
    reset();
    changed();
  });
  reset();
}

/** What differs from the service's own values, for a query. */
export function query() {
  const changed = new URLSearchParams();
  for (const [name, value] of Object.entries(values())) {
    const { setting } = controls.find((c) => c.setting.name === name);
    if (value !== setting.default) {
      changed.set(name, value);
    }
  }
  return changed;
}

/** All values by name. */
export function values() {
  return Object.fromEntries(controls.map(({ setting, input }) => {
    const value = setting.isSwitch ? Number(input.checked) : input.value === "" ? setting.default : Number(input.value);
    return [setting.name, Math.min(Math.max(value, setting.least), setting.most)];
  }));
}

/** The threshold above which a pixel is text. */
export const threshold = () => values().threshold ?? null;

function reset() {
  for (const control of controls) {
    const { setting, input } = control;
    input.checked = setting.default !== 0;
    input.value = setting.default;
    tell(control);
  }
}

function tell({ input, output }) {
  if (output) {
    const digits = (input.step.split(".")[1] ?? "").length;
    output.textContent = Number(input.value).toFixed(Math.min(digits, 3));
  }
}
