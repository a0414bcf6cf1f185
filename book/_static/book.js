/* Definitions on hover or focus of a term, and everything unfolded in print. */
"use strict";

const bubble = document.createElement("span");
bubble.id = "term-bubble";
bubble.setAttribute("role", "tooltip");
bubble.hidden = true;

function show(link) {
  const anchor = decodeURIComponent(link.hash.slice(1));
  const definition = (window.bookTerms || {})[anchor];
  if (!definition) return;
  bubble.textContent = definition;
  bubble.hidden = false;
  link.setAttribute("aria-describedby", bubble.id);
  const at = link.getBoundingClientRect();
  const room = document.documentElement.clientWidth - bubble.offsetWidth - 8;
  bubble.style.left = `${Math.max(8, Math.min(at.left, room)) + window.scrollX}px`;
  const above = at.top - bubble.offsetHeight - 6;
  bubble.style.top = `${(above > 60 ? above : at.bottom + 6) + window.scrollY}px`;
}

function hide(link) {
  bubble.hidden = true;
  link.removeAttribute("aria-describedby");
}

function explain(link) {
  link.addEventListener("mouseenter", () => show(link));
  link.addEventListener("focus", () => show(link));
  link.addEventListener("mouseleave", () => hide(link));
  link.addEventListener("blur", () => hide(link));
}

/* A column of a pandas table holds words if none of its cells starts as a number does. */
function alignNumbers() {
  for (const table of document.querySelectorAll("table.dataframe")) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const number = (cell) => /^[−+<>≤≥~-]?\s*[\d.]/.test(cell.textContent.trim());
    const last = table.tHead ? table.tHead.rows[table.tHead.rows.length - 1] : null;
    const width = Math.max(0, ...rows.map((row) => row.cells.length));
    if (rows.some((row) => row.cells.length !== width)) continue;
    for (let at = 0; at < width; at += 1) {
      const cells = rows.map((row) => row.cells[at]);
      if (cells.some(number)) continue;
      const head = last && last.cells.length === width ? [last.cells[at]] : [];
      [...cells, ...head].forEach((cell) => cell.classList.add("words"));
    }
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.body.append(bubble);
  alignNumbers();
  document.querySelectorAll('a[href*="glossary.html#term-"], a[href^="#term-"]:not(.headerlink)').forEach(explain);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") bubble.hidden = true;
  });
});

/* The theme opens solutions itself. */
window.addEventListener("beforeprint", () => {
  document.querySelectorAll("details:not([open])").forEach((folded) => {
    folded.dataset.foldedAgain = "";
    folded.open = true;
  });
});
window.addEventListener("afterprint", () => {
  document.querySelectorAll("details[data-folded-again]").forEach((folded) => {
    delete folded.dataset.foldedAgain;
    folded.open = false;
  });
});
