// What the page knows, and how an address is walked in it. Addresses are BigInt: a number of JavaScript's has 53 bits.
"use strict";

const facts = JSON.parse(document.getElementById("facts").textContent);

const hex = (number) => "0x" + number.toString(16);
const span = (bits) => 1n << BigInt(bits);
const rowsOf = (table) => table.rows.map((row) => Object.fromEntries(table.columns.map((name, at) => [name, row[at]])));

const ranges = rowsOf(facts.ranges.all).map((one) => ({ ...one, va: BigInt(one.va), end: BigInt(one.end), pa: BigInt(one.pa) }));
const spaces = facts.spaces.map((space) => ({
  ...space,
  ranges: space.ranges.map((number) => ranges[number]),
  windows: space.windows.map((window) => ({ ...window, low: BigInt(window.low), high: BigInt(window.high) })),
}));
const places = facts.places.map(([va, end, name]) => ({ va: BigInt(va), end: BigInt(end), name }));

function sizeText(bytes) {
  for (const [bits, unit] of [[40, "TiB"], [30, "GiB"], [20, "MiB"], [10, "KiB"]]) {
    if (bytes >= span(bits) && bytes % span(bits) === 0n) return `${bytes >> BigInt(bits)} ${unit}`;
  }
  return `${bytes} B`;
}

// A size that may be rounded: 127.9 TiB.
function aboutText(bytes) {
  for (const [bits, unit] of [[40, "TiB"], [30, "GiB"], [20, "MiB"]]) {
    if (bytes < span(bits)) continue;
    const tenths = (bytes * 10n) >> BigInt(bits);
    const exact = tenths << BigInt(bits) === bytes * 10n;
    return `${exact ? "" : "about "}${tenths / 10n}${tenths % 10n ? `.${tenths % 10n}` : ""} ${unit}`;
  }
  return sizeText(bytes);
}

const rangeAt = (space, va) => space.ranges.find((range) => range.va <= va && va < range.end);

// What has this address, mapped or not.
function nameAt(space, va) {
  const range = rangeAt(space, va);
  if (range) return range.name;
  const owner = facts.processes.find((process) => process.pid === space.pid);
  const band = owner && owner.bands.find((one) => BigInt(one.start) <= va && va < BigInt(one.end));
  const place = places.find((one) => one.va <= va && va < one.end);
  return band ? band.kind : place ? place.name : "";
}

function entryAt(runs, index) {
  for (const [first, count, entry, step, kind, to, reason] of runs) {
    if (index < first || index >= first + count) continue;
    const more = BigInt(index - first) * BigInt(step);
    const target = to === "" ? null : BigInt("0x" + to) + more;
    return { index, entry: BigInt("0x" + entry) + more, kind, to: target, reason: reason < 0 ? "" : facts.tables.reasons[reason] };
  }
  return { index, entry: 0n, kind: "empty", to: null, reason: "" };
}

// Every entry on the way from the root, and how the walk ends: a page, or a fault in words.
function walk(space, va) {
  const found = { va, steps: [], page: null, fault: "" };
  if (!facts.translation) return { ...found, fault: "translation is off: an access goes to the physical address of the same number" };
  const window = space.windows.find((one) => one.low <= va && va < one.high);
  if (!window) return { ...found, fault: `any access would fault: ${facts.outside}, before a table is read` };
  if (window.fault) return { ...found, fault: `any access would fault: ${window.fault}, before a table is read` };
  let table = window.root;
  for (let level = window.top; level >= 0; level--) {
    const count = level === window.top ? window.entries : 1 << facts.index_bits;
    const low = facts.levels[level].low;
    const index = Number((va >> BigInt(low)) & BigInt(count - 1));
    const runs = facts.tables.runs[`${table}.${level}`];
    const step = { level, table: BigInt("0x" + table), count, index, runs, window };
    found.steps.push(step);
    if (runs === undefined) return { ...found, fault: "this table was left out of the file, which would have become too large" };
    if (runs === null) return { ...found, fault: `any access would fault: table-outside-memory at level ${level}` };
    step.used = entryAt(runs, index);
    if (step.used.kind === "leaf") {
      const size = span(low);
      found.page = { pa: step.used.to + (va & (size - 1n)), start: step.used.to, size };
      return { ...found, fault: step.used.reason && `any access would fault: ${step.used.reason}, at level ${level}` };
    }
    if (step.used.kind !== "table") {
      const why = step.used.reason || "not-present";
      return { ...found, fault: `any access would fault: ${why}, at level ${level}` };
    }
    table = step.used.to.toString(16);
  }
  return found;
}

// The first address that goes through entry `index` of a step's table.
function firstAddress(va, step, index) {
  const low = BigInt(facts.levels[step.level].low);
  const offset = BigInt(index) << low;
  if (step.level < step.window.top) {
    const above = low + BigInt(facts.index_bits);
    return ((va >> above) << above) + offset;
  }
  for (const one of facts.spaces[shown.space].windows) {
    if (one.root !== step.window.root) continue;
    const start = BigInt(one.low);
    const candidate = start - (((start >> low) & BigInt(step.count - 1)) << low) + offset;
    if (candidate >= start && candidate < BigInt(one.high)) return candidate;
  }
  return offset;
}

// ---- elements ----

// An element with attributes and children; text is text, whatever it says.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "click") element.addEventListener("click", value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== ""));
  return element;
}

const byId = (id) => document.getElementById(id);
const cell = (kind, ...children) => make("td", kind ? { class: kind } : {}, ...children);
const heading = (text, kind) => make("th", { scope: "col", class: kind || null }, text);

function tableOf(caption, titles, rows, kind) {
  const head = make("thead", {}, make("tr", {}, titles.map((title) => (Array.isArray(title) ? heading(...title) : heading(title)))));
  return make("table", { class: kind || null }, make("caption", { class: "hidden" }, caption), head, make("tbody", {}, rows));
}

// A button that walks an address.
function vaButton(va, spaceNumber = null, text = hex(va)) {
  return make("button", { type: "button", class: "va", click: () => show(va, spaceNumber, true) }, text);
}
