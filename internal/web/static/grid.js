"use strict";
// The cells of a stage's tasks: a cursor for pointer and keyboard, a line of text
// about the cell, and an update when the stage has changed.
(() => {
  const { $, api, state } = window.dashboard;
  const words = { completed: "completed", some: "some completed", failed: "failed", retrying: "retrying", running: "running", cancelled: "cancelled", queued: "queued" };
  let classes = [], at = -1, asked = 0, fresh = 0;
  const grid = () => $("#grid");

  // read determines the class of each cell from the drawing.
  const read = () => {
    classes = [];
    const g = grid();
    if (!g) return;
    const cols = Number(g.dataset.cols);
    for (const path of g.querySelectorAll("path[data-s]")) {
      for (const [, x, y, w, h] of path.getAttribute("d").matchAll(/M(\d+) (\d+)h(\d+)v(\d+)/g)) {
        for (let row = Number(y); row < Number(y) + Number(h); row++) for (let i = 0; i < Number(w); i++) classes[row * cols + Number(x) + i] = path.dataset.s;
      }
    }
    if (at >= 0) mark();
  };
  const mark = () => {
    const g = grid(), cursor = $("#cursor");
    if (!g || !cursor) return;
    const cols = Number(g.dataset.cols);
    cursor.setAttribute("x", at < 0 ? -2 : at % cols);
    cursor.setAttribute("y", at < 0 ? -2 : Math.floor(at / cols));
  };
  const first = (g) => at * Number(g.dataset.cell);
  const last = (g) => Math.min(first(g) + Number(g.dataset.cell), Number(g.dataset.total)) - 1;
  const comma = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");
  const address = (g) => Number(g.dataset.cell) === 1 ? g.dataset.task + first(g) : `${g.dataset.list}&from=${first(g)}&to=${last(g)}`;
  const move = (to, details) => {
    const g = grid();
    if (!g || to < 0 || to >= classes.length) return;
    at = to;
    mark();
    const single = Number(g.dataset.cell) === 1;
    const line = `${single ? "task " + comma(first(g)) : "tasks " + comma(first(g)) + " to " + comma(last(g))} · ${words[classes[at]] || "not planned"}`;
    $("#grid-line").textContent = line;
    clearTimeout(asked);
    if (details) asked = setTimeout(() => more(g, line, single), 350);
  };
  const more = async (g, line, single) => {
    const here = at;
    if (single) {
      const r = await api("GET", `${g.dataset.api}/${first(g)}`);
      if (!r.ok || here !== at) return;
      const t = r.answer, ms = t.started_at && t.finished_at ? Math.max(0, new Date(t.finished_at) - new Date(t.started_at)) : -1;
      line += `${t.failures ? ` · ${t.failures} failed ${t.failures === 1 ? "try" : "tries"}` : ""}${ms >= 0 ? " · " + (ms < 1000 ? ms + " ms" : (ms / 1000).toFixed(1) + " s") : ""}${t.error ? " · " + t.error.slice(0, 160) : ""}`;
      $("#grid-line").textContent = line;
    }
    $("#say").textContent = line;
  };
  const next = (step) => {
    for (let i = at + step; i >= 0 && i < classes.length; i += step) if (classes[i] === "failed") return move(i, true);
    $("#grid-line").textContent = `no ${step > 0 ? "later" : "earlier"} failed ${Number(grid().dataset.cell) === 1 ? "task" : "cell"}`;
  };
  const under = (e) => {
    const svg = e.target.closest("#cells svg");
    if (!svg) return -1;
    const box = svg.getBoundingClientRect(), cols = Number(grid().dataset.cols);
    const x = Math.floor((e.clientX - box.left) / box.width * cols), y = Math.floor((e.clientY - box.top) / (box.width / cols));
    return x < 0 || x >= cols ? -1 : y * cols + x;
  };
  document.addEventListener("pointermove", (e) => { const i = under(e); if (i >= 0 && i !== at) move(i, true); });
  document.addEventListener("click", (e) => { const i = under(e); if (i >= 0 && i < classes.length) { move(i); location.href = address(grid()); } });
  document.addEventListener("keydown", (e) => {
    if (!e.target.closest("#cells") || e.ctrlKey || e.metaKey || e.altKey) return;
    const cols = Number(grid().dataset.cols), row = Math.max(at, 0) - Math.max(at, 0) % cols;
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + cols, ArrowUp: at - cols, Home: e.shiftKey ? 0 : row, End: Math.min(row + cols, classes.length) - 1, PageDown: Math.min(at + 10 * cols, classes.length - 1), PageUp: Math.max(at - 10 * cols, 0) }[e.key];
    if (to !== undefined) { e.preventDefault(); move(at < 0 ? 0 : to, true); }
    if (e.key === "Enter" && at >= 0) location.href = address(grid());
    if (e.key === "f") next(1);
    if (e.key === "F") next(-1);
  });
  document.addEventListener("submit", (e) => {
    if (!e.target.matches("form[data-goto]")) return;
    e.preventDefault();
    location.href = grid().dataset.task + Number($("input", e.target).value);
  });

  // The cells are fetched again while they are visible and can change. The size
  // of the grid limits the rate.
  const seen = () => { const g = grid(); if (!g) return false; const box = g.getBoundingClientRect(); return box.bottom > 0 && box.top < innerHeight; };
  const refresh = (ended) => {
    const g = grid();
    if (!g && $("#grid-box .hitch")) return window.htmx.trigger($("#grid-box"), "again");
    if (!g || state.held || (!ended && (g.dataset.every === "0" || !seen() || Date.now() - fresh < Number(g.dataset.every)))) return;
    fresh = Date.now();
    window.htmx.trigger(g, "stale");
  };
  document.addEventListener("htmx:sse:after:message", () => refresh(false));
  document.addEventListener("htmx:sse:close", (e) => { if (e.detail.reason === "message") refresh(true); });
  document.addEventListener("page:arrived", read);
})();
