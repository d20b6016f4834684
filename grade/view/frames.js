// The map of RAM: a letter for each frame, rows that say the same folded into one.
"use strict";

const FRAME = 4096n;
const LONG = 2; // rows of one kind from which on they are folded
const frameRuns = facts.ram ? rowsOf(facts.ram.runs) : [];
const frameAddress = (number) => BigInt(facts.ram.base) + BigInt(number) * FRAME;
const wrongLetters = new Set(facts.wrong_letters);
const cellClass = (letter) => (/[0-9+]/.test(letter) ? "shared" : wrongLetters.has(letter) ? "wrong" : { ".": "free", "-": "other" }[letter] || `use-${letter}`);

function runOf(number) {
  let [low, high] = [0, frameRuns.length];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (frameRuns[middle].first <= number) low = middle;
    else high = middle;
  }
  const run = frameRuns[low];
  return run && number < run.first + run.count ? run : undefined;
}

function frameWords(number, count = 1) {
  const run = runOf(number);
  if (!run) return "left out of the file";
  const owner = facts.ram.owners[run.owner];
  const meaning = facts.legend[run.letter] || (run.letter > "1" && run.letter <= "9" ? `shared by ${run.letter}` : "");
  const where = count > 1 ? `${count} frames from ${hex(frameAddress(number))}` : `frame ${hex(frameAddress(number))}`;
  const shares = run.shares > 1 ? `, ${run.shares} shares` : run.shares === 1 ? ", 1 share" : "";
  return `${where}: ${meaning}${shares}${owner ? `; ${owner}` : ""}`;
}

// What the arrow keys go through: frames, or folded rows of them, in order.
let frameCells = [];

function frameButton(number, count, letter, text, kind) {
  const button = make("button", { type: "button", class: `frame ${cellClass(letter)} ${kind}`, tabindex: "-1", "data-frame": number, "data-count": count,
    "aria-label": count > 1 ? `${text}: ${frameWords(number, count)}` : frameWords(number) }, text);
  frameCells.push(button);
  return button;
}

function rowsOfFrames(columns) {
  const total = facts.ram.frames;
  const rows = [];
  frameCells = [];
  for (let first = 0; first < total; first += columns) {
    const run = runOf(first);
    const whole = run ? Math.floor((run.first + run.count - first) / columns) : 0;
    const label = make("span", { class: "row-address mono", "aria-hidden": "true" }, hex(frameAddress(first)));
    if (run && whole >= LONG) {
      const count = whole * columns;
      const words = `${run.letter} × ${count}, ${aboutText(BigInt(count) * FRAME)}`;
      rows.push(make("div", { class: "frame-row" }, label, frameButton(first, count, run.letter, words, "folded")));
      first += count - columns;
      continue;
    }
    const cells = [];
    for (let number = first; number < Math.min(first + columns, total); number++) {
      const one = runOf(number);
      if (one) cells.push(frameButton(number, 1, one.letter, one.letter, ""));
    }
    rows.push(make("div", { class: "frame-row" }, label, cells));
  }
  return rows;
}

let frameColumns = 0;
let frameAt = 0;

function drawFrames() {
  if (!facts.ram) return;
  const grid = byId("frame-grid");
  const width = grid.clientWidth;
  const columns = width >= 980 ? 64 : width >= 540 ? 32 : 16;
  if (columns === frameColumns) return;
  frameColumns = columns;
  grid.replaceChildren(...rowsOfFrames(columns));
  selectFrame(Math.min(frameAt, frameCells.length - 1), false);
  highlightFrames();
}

const placesOfFrame = (pa) => spaces.flatMap((space, number) =>
  space.root ? space.ranges.filter((range) => range.pa <= pa && pa < range.pa + range.end - range.va)
    .map((range) => ({ number, label: space.label, va: range.va + pa - range.pa })) : []);

function selectFrame(at, tell) {
  if (!frameCells.length) return;
  frameCells[frameAt]?.setAttribute("tabindex", "-1");
  frameAt = Math.max(0, Math.min(at, frameCells.length - 1));
  const button = frameCells[frameAt];
  button.setAttribute("tabindex", "0");
  if (!tell) return;
  const pa = frameAddress(Number(button.dataset.frame));
  const found = new Map(placesOfFrame(pa).map((place) => [place.va < BigInt(facts.offset) || facts.offset === "0x0" ? `${place.number} ${place.va}` : `${place.va}`, place]));
  const links = [...found.values()].slice(0, 8).map((place) => make("li", {}, vaButton(place.va, place.number), ` in ${place.label}`));
  byId("frame-says").replaceChildren(make("p", {}, frameWords(Number(button.dataset.frame), Number(button.dataset.count)) + "."),
    links.length ? make("p", { class: "note" }, "Mapped at:") : make("p", { class: "note" }, "No root maps it."), links.length ? make("ul", { class: "plain" }, links) : "");
  for (const cell of document.querySelectorAll(".frame.chosen")) cell.classList.remove("chosen");
  button.classList.add("chosen");
}

function showFrame(pa) {
  if (!facts.ram) return;
  const number = Number((pa - BigInt(facts.ram.base)) / FRAME);
  if (pa < BigInt(facts.ram.base) || number >= facts.ram.frames) {
    byId("frame-says").replaceChildren(make("p", {}, `${hex(pa)} is no RAM: a device, or nothing.`));
    byId("frames").scrollIntoView();
    return;
  }
  let at = frameCells.length - 1;
  while (at > 0 && Number(frameCells[at].dataset.frame) > number) at--;
  selectFrame(at, true);
  frameCells[at].focus();
}

function highlightFrames() {
  const wanted = byId("highlight").value;
  for (const button of frameCells) {
    const run = runOf(Number(button.dataset.frame));
    button.classList.toggle("dim", wanted !== "" && facts.ram.whose[run.owner] !== Number(wanted));
  }
}

function frameKeys(event) {
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: frameColumns, ArrowUp: -frameColumns, Home: -frameCells.length, End: frameCells.length };
  if (!(event.key in moves)) return;
  event.preventDefault();
  let at = frameAt + moves[event.key];
  if (event.key === "ArrowDown" || event.key === "ArrowUp") at = nextRow(event.key === "ArrowDown" ? 1 : -1);
  selectFrame(at, true);
  frameCells[frameAt].focus();
}

// The cell above or below: in a folded row there is but one.
function nextRow(direction) {
  const row = frameCells[frameAt].parentElement;
  const column = [...row.querySelectorAll("button")].indexOf(frameCells[frameAt]);
  const other = direction > 0 ? row.nextElementSibling : row.previousElementSibling;
  if (!other) return frameAt;
  const buttons = [...other.querySelectorAll("button")];
  return frameCells.indexOf(buttons[Math.min(column, buttons.length - 1)]);
}

function startFrames() {
  const grid = byId("frame-grid");
  if (!facts.ram || !grid) return;
  grid.addEventListener("keydown", frameKeys);
  grid.addEventListener("click", (event) => {
    const at = frameCells.indexOf(event.target.closest("button.frame"));
    if (at >= 0) selectFrame(at, true);
  });
  grid.addEventListener("focusin", (event) => {
    const at = frameCells.indexOf(event.target.closest("button.frame"));
    if (at >= 0) selectFrame(at, true);
  });
  byId("highlight").addEventListener("change", highlightFrames);
  new ResizeObserver(drawFrames).observe(grid);
  drawFrames();
}
