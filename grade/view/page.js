// Puts the page together: the address that is shown, the root it is walked from, and what follows from them.
"use strict";

const shown = { va: BigInt(facts.picks[0].va), space: facts.space };

// Walks an address, from another root if one is given. `scroll`: it was asked for elsewhere on the page.
function show(va, spaceNumber = null, scroll = false, focusEntry = "") {
  shown.va = va;
  if (spaceNumber !== null && spaces[spaceNumber].root) shown.space = spaceNumber;
  byId("va").value = hex(va);
  byId("space").value = shown.space;
  byId("va-wrong").textContent = "";
  byId("va").removeAttribute("aria-invalid");
  drawWalk(walk(spaces[shown.space], va));
  drawMap();
  try {
    history.replaceState(null, "", `#${hex(va)}`);
  } catch {
    // In a frame of another page there is no address to change.
  }
  if (scroll) {
    byId("walk").scrollIntoView();
    byId("walk-title").focus({ preventScroll: true });
  }
  if (focusEntry) document.querySelector(`[data-entry="${focusEntry}"]`)?.focus();
}

function readAddress(text) {
  const digits = text.trim().toLowerCase().replaceAll("_", "").replaceAll(" ", "");
  if (!/^(0x)?[0-9a-f]+$/.test(digits)) return null;
  const va = BigInt(digits.startsWith("0x") ? digits : "0x" + digits);
  return va < span(64) ? va : null;
}

function submitAddress(event) {
  event.preventDefault();
  const va = readAddress(byId("va").value);
  if (va === null) {
    byId("va").setAttribute("aria-invalid", "true");
    byId("va-wrong").textContent = "An address is up to 16 hexadecimal digits, as in 0xffff800000200000.";
    byId("va").focus();
    return;
  }
  show(va, Number(byId("space").value));
}

function start() {
  byId("address").addEventListener("submit", submitAddress);
  byId("space").addEventListener("change", () => show(shown.va, Number(byId("space").value)));
  for (const button of document.querySelectorAll("[data-va]")) {
    const { space, process } = button.dataset;
    const number = process !== undefined ? spaces.findIndex((one) => one.root === process) : space !== undefined ? Number(space) : null;
    button.addEventListener("click", () => show(BigInt(button.dataset.va), number, button.dataset.scroll !== undefined));
  }
  for (const id of ["left", "right", "only-differences"]) byId(id).addEventListener("change", drawComparison);
  const asked = readAddress(location.hash.replace("#", ""));
  show(location.hash.startsWith("#0x") && asked !== null ? asked : shown.va);
  drawComparison();
  startFrames();
}

start();
