// What a root maps, as ranges with the gaps between them; and two roots side by side.
"use strict";

function marks(range) {
  const dirty = range.dirty === null ? "" : `, D ${range.dirty}`;
  return `A ${range.accessed}${dirty} of ${range.pages}`;
}

function rangeRow(range, number) {
  const here = range.va <= shown.va && shown.va < range.end;
  const flags = range.warnings.map((warning) => make("strong", { class: "bad" }, `▲ ${warning}`));
  return make("tr", { class: here ? "used" : null },
    make("th", { scope: "row", class: "mono" }, here ? make("span", { class: "arrow", "aria-hidden": "true" }, "▶") : "", vaButton(range.va, number)),
    cell("mono wide", hex(range.end - 1n)), cell("mono wide", hex(range.pa)), cell("right", aboutText(range.end - range.va)),
    cell("mono", range.kernel), cell("mono", range.user), cell("wide", range.memory), cell("wide", range.is_global ? "G" : ""),
    cell("wide note", marks(range)), cell("name", range.name, " ", flags));
}

// What to say of a stretch that is not mapped; between the halves there is nothing that could be.
function gapText(end, va) {
  const isHole = end < span(63) && va >= span(63);
  return isHole ? "nothing up to here, nor in the hole between the two halves of the address space" : `nothing for ${aboutText(va - end)}`;
}

function drawMap() {
  const space = spaces[shown.space];
  const rows = [];
  let end = null;
  for (const range of space.ranges) {
    if (end !== null && range.va > end) rows.push(make("tr", { class: "gap" }, make("td", { colspan: 10 }, gapText(end, range.va))));
    rows.push(rangeRow(range, shown.space));
    end = range.end;
  }
  const titles = ["first", ["last", "wide"], ["physical", "wide"], ["size", "right"], "kernel", "user", ["memory", "wide"], ["G", "wide"], ["marks", "wide"], "what"];
  const text = space.root ? `${space.label}, root ${space.root}` : space.label;
  const more = space.unusable ? [`${space.unusable} entries that the CPU would not accept: see the findings.`] : [];
  const notes = [text, space.problem, ...more].filter(Boolean).map((line) => make("p", { class: "note" }, line));
  const table = rows.length ? tableOf(`What ${space.label} maps`, titles, rows, "ranges") : make("p", {}, "Nothing is mapped.");
  byId("map-here").replaceChildren(...notes, table);
}

// ---- two roots ----

const whatOf = (range, va) => (range ? { pa: range.pa + va - range.va, rights: `kernel ${range.kernel} user ${range.user}`, memory: range.memory, name: range.name } : null);
const sameWhat = (a, b) => a !== null && b !== null && a.pa === b.pa && a.rights === b.rights && a.memory === b.memory;

// Both maps, cut wherever one of them begins or ends a range; neighbours that go on alike are one piece again.
function compare(left, right) {
  const edges = [...left.ranges, ...right.ranges].flatMap((range) => [range.va, range.end]);
  const cuts = [...new Set(edges)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const pieces = [];
  let atLeft = 0, atRight = 0;
  for (let at = 0; at + 1 < cuts.length; at++) {
    const [va, end] = [cuts[at], cuts[at + 1]];
    while (atLeft < left.ranges.length && left.ranges[atLeft].end <= va) atLeft++;
    while (atRight < right.ranges.length && right.ranges[atRight].end <= va) atRight++;
    const inside = (range) => (range && range.va <= va ? range : null);
    const [one, other] = [inside(left.ranges[atLeft]), inside(right.ranges[atRight])];
    if (!one && !other) continue;
    const [a, b] = [whatOf(one, va), whatOf(other, va)];
    const sign = !a ? "+" : !b ? "-" : sameWhat(a, b) ? "=" : "~";
    const last = pieces.at(-1);
    const goesOn = last && last.end === va && last.sign === sign && last.one === one && last.other === other;
    if (goesOn) last.end = end;
    else pieces.push({ va, end, a, b, sign, one, other });
  }
  return pieces;
}

const SIGNS = { "-": "only left", "+": "only right", "~": "differs", "=": "same" };

function whatCell(what) {
  if (!what) return cell("none", "not mapped");
  return cell("", make("span", { class: "mono" }, hex(what.pa)), make("br"), make("span", { class: "mono small" }, what.rights), make("br"),
    make("span", { class: "small" }, `${what.memory}${what.name ? ", " + what.name : ""}`));
}

function drawComparison() {
  const [left, right] = [Number(byId("left").value), Number(byId("right").value)];
  const pieces = compare(spaces[left], spaces[right]);
  const differing = pieces.filter((piece) => piece.sign !== "=");
  const chosen = byId("only-differences").checked ? differing : pieces;
  const rows = chosen.map((piece) => make("tr", { class: piece.sign === "=" ? null : "differs" },
    make("th", { scope: "row", class: "mono" }, vaButton(piece.va, piece.a ? left : right), make("br"), make("span", { class: "small" }, sizeText(piece.end - piece.va))),
    cell("sign", make("span", { class: "mono strong", "aria-hidden": "true" }, piece.sign), " ", SIGNS[piece.sign]), whatCell(piece.a), whatCell(piece.b)));
  const titles = ["from", "which", spaces[left].label, spaces[right].label];
  byId("comparison-says").textContent = `${differing.length} ${differing.length === 1 ? "difference" : "differences"}, ${pieces.length - differing.length} parts the same.`;
  byId("comparison").replaceChildren(rows.length ? tableOf("Two roots side by side", titles, rows, "comparison") : "");
}
