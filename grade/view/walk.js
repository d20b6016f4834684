// The split of an address and the ladder of tables: one rung for each level that the walk reads.
"use strict";

const NEIGHBOURS = 3; // entries that are not empty, on each side of the one in use

const bitsText = (low, width) => (width === 1 ? `${low}` : `${low + width - 1}:${low}`);
const binary = (number, width) => number.toString(2).padStart(width, "0");

function splitFields(found) {
  const window = spaces[shown.space].windows.find((one) => one.low <= found.va && found.va < one.high) || spaces[shown.space].windows[0];
  const fields = [];
  const last = found.page ? found.steps.at(-1).level : 0;
  const top = window ? window.top : facts.levels.length - 1;
  const first = facts.levels[top].low + facts.index_bits;
  if (first < 64) fields.push({ low: first, width: 64 - first, what: "above the translated bits", kind: "sign" });
  for (let level = top; level >= last; level--) {
    const low = facts.levels[level].low;
    fields.push({ low, width: facts.index_bits, what: `index, level ${level}`, more: facts.levels[level].table, kind: "index" });
  }
  const low = facts.levels[last].low;
  fields.push({ low: 0, width: low, what: "offset in the page", kind: "offset" });
  return fields.map((field) => ({ ...field, value: (found.va >> BigInt(field.low)) & (span(field.width) - 1n) }));
}

function drawSplit(found) {
  const items = splitFields(found).map((field) =>
    make("li", { class: `field ${field.kind}` },
      make("span", { class: "what" }, field.what),
      make("span", { class: "number" }, field.kind === "index" ? `${field.value}` : hex(field.value)),
      make("span", { class: "binary" }, binary(field.value, field.width)),
      make("span", { class: "bits" }, `bits ${bitsText(field.low, field.width)}`,
        field.kind === "index" ? `, ${hex(field.value)}` : "")));
  byId("split").replaceChildren(...items);
}

// Indexes of all entries that are not 0, in order.
const filled = (runs) => runs.flatMap(([first, count]) => Array.from({ length: count }, (_, at) => first + at));

function entryRows(found, step, all) {
  const indexes = filled(step.runs);
  const before = indexes.filter((index) => index < step.index);
  const after = indexes.filter((index) => index > step.index);
  const some = all ? [...before, step.index, ...after] : [...before.slice(-NEIGHBOURS), step.index, ...after.slice(0, NEIGHBOURS)];
  const rows = [];
  let next = 0;
  const gap = (first, end) => {
    if (end <= first) return;
    const hidden = indexes.filter((index) => index >= first && index < end).length;
    const words = hidden ? `${end - first} entries, ${hidden} of them not empty` : `${end - first} empty`;
    rows.push(make("tr", { class: "gap" }, make("td", { colspan: 4 }, words)));
  };
  for (const index of some) {
    gap(next, index);
    rows.push(entryRow(found, step, entryAt(step.runs, index)));
    next = index + 1;
  }
  gap(next, step.count);
  return { rows, hidden: indexes.filter((index) => !some.includes(index)).length };
}

function entryRow(found, step, one) {
  const used = one.index === step.index;
  const va = firstAddress(found.va, step, one.index);
  const size = sizeText(span(facts.levels[step.level].low));
  const to = { table: `table ${one.to === null ? "" : hex(one.to)}`, leaf: `${size} page ${one.to === null ? "" : hex(one.to)}` }[one.kind] || one.kind;
  const name = step.level === 0 || one.kind === "leaf" ? nameAt(spaces[shown.space], va) : "";
  const label = `${used ? "used: " : ""}entry ${one.index}, for ${hex(va)}: walk down there`;
  return make("tr", { class: used ? "used" : null },
    make("th", { scope: "row", class: "right" }, used ? make("span", { class: "arrow", "aria-hidden": "true" }, "▶") : "",
      make("button", { type: "button", class: "va", "aria-label": label, "aria-current": used ? "step" : null,
        click: () => show(used ? found.va : va, null, false, `${step.level}.${one.index}`), "data-entry": `${step.level}.${one.index}` }, `${one.index}`)),
    cell("mono", one.entry ? "0x" + one.entry.toString(16).padStart(facts.entry_bytes * 2, "0") : "0"),
    cell(one.kind === "reserved" ? "bad mono" : "mono", to),
    cell("name", one.reason || name));
}

function bitTable(step) {
  const { entry, kind } = step.used;
  let fields = facts.levels[step.level].fields[kind];
  if (kind === "empty") fields = fields.slice(0, 1);
  const rows = [...fields].sort((a, b) => b[1] - a[1]).map(([name, low, width, meanings]) => {
    const value = Number((entry >> BigInt(low)) & (span(width) - 1n));
    const meaning = meanings[Math.min(value, meanings.length - 1)];
    return make("tr", { class: value ? null : "zero" }, cell("right mono", bitsText(low, width)),
      make("th", { scope: "row" }, name), cell("mono", `${value}`), cell("", meaning));
  });
  return tableOf(`Bits of the entry in use at level ${step.level}`, [["bit", "right"], "name", "is", "meaning"], rows, "bitlist");
}

function rung(found, step) {
  const level = facts.levels[step.level];
  const at = step.table + BigInt(step.index * facts.entry_bytes);
  const title = make("h3", {}, `Level ${step.level}: ${level.table} at `, make("span", { class: "mono" }, hex(step.table)));
  const spanned = `index ${step.index}, by bits ${bitsText(level.low, facts.index_bits)} of the address; each ${level.entry} spans ${sizeText(span(level.low))}`;
  const parts = [title, make("p", { class: "note" }, spanned)];
  if (!step.runs) return make("li", { class: "rung" }, parts, make("p", { class: "bad" }, step.runs === null ? "This table is not in memory." : "This table is not in the file."));
  const holder = make("div", { class: "entries" });
  const draw = (all) => {
    const { rows, hidden } = entryRows(found, step, all);
    const titles = [["index", "right"], level.entry, "leads to", "what is there"];
    holder.replaceChildren(tableOf(`Entries of the ${level.table}`, titles, rows, "entrylist"));
    if (hidden) holder.append(make("button", { type: "button", class: "more", click: () => draw(true) }, `show ${hidden} more`));
  };
  draw(false);
  const value = step.used.entry ? "0x" + step.used.entry.toString(16).padStart(facts.entry_bytes * 2, "0") : "0";
  const bits = make("div", { class: "bits" }, make("p", { class: "note" }, `entry ${step.index}, at ${hex(at)}: `, make("span", { class: "mono strong" }, value)),
    bitTable(step));
  parts.push(make("div", { class: "columns" }, holder, bits));
  return make("li", { class: "rung" }, parts);
}

function endLines(found) {
  const space = spaces[shown.space];
  const range = rangeAt(space, found.va);
  const name = nameAt(space, found.va);
  const lines = [];
  if (found.page && !found.fault) {
    const memory = range ? `, ${range.memory} memory` : "";
    lines.push(`${hex(found.va)} is ${hex(found.page.pa)}, in a ${sizeText(found.page.size)} page at ${hex(found.page.start)}${memory}.`);
    if (range && range.access >= 0) lines.push(...facts.ranges.accesses[range.access].map((line) => line[0].toUpperCase() + line.slice(1) + "."));
    if (range) lines.push(...range.warnings.map((warning) => `Wrong at first sight: ${warning}.`));
  } else {
    lines.push(found.fault[0].toUpperCase() + found.fault.slice(1) + ".");
  }
  if (name) lines.push(`What belongs there, by the kernel's records: ${name}.`);
  return lines;
}

function drawWalk(found) {
  drawSplit(found);
  byId("ladder").replaceChildren(...found.steps.map((step) => rung(found, step)));
  const [first, ...more] = endLines(found);
  const end = byId("end");
  end.className = found.page && !found.fault ? "end" : "end fault";
  end.replaceChildren(make("p", { class: "strong" }, first), ...more.map((line) => make("p", {}, line)));
  if (found.page) end.append(make("button", { type: "button", class: "more", click: () => showFrame(found.page.pa) }, "show its frame in the map of RAM"));
}
