"use strict";
// Actions of the operational pages: the request of a button, the text of the
// answer, and the selection of messages.
(() => {
  const { $, api, toast, refusal, hold } = window.dashboard;

  // {name} and {name.name} in a text are replaced by values of the answer.
  const fill = (text, answer) => text.replace(/\{([a-z_.]+)\}/g, (_, path) => path.split(".").reduce((v, k) => (v ?? {})[k], answer) ?? 0);
  const refresh = () => {
    const page = $("#page");
    if (page && page.dataset.view) return htmx.ajax("GET", page.dataset.view, { source: page, target: "#page", swap: "outerMorph" });
  };
  const send = async (button, url) => {
    button.disabled = true;
    let r;
    try { r = await api("POST", url); } catch { r = { status: 0, answer: { detail: "The service cannot be reached." } }; }
    button.disabled = false;
    const dialog = button.closest("dialog");
    if (dialog) dialog.close();
    if (r.status === 401) return;
    toast(r.ok ? fill(button.dataset.say || "Done.", r.answer || {}) : refusal(r));
    pickNone();
    refresh();
  };

  const boxes = () => [...document.querySelectorAll("input[data-message]")];
  const picked = () => boxes().filter((b) => b.checked);
  const pickNone = () => { for (const b of boxes()) b.checked = false; count(); };
  const count = () => {
    const form = $("#picked");
    if (!form) return;
    const all = picked(), wanted = all.filter((b) => b.dataset.wanted === "true").length;
    form.hidden = !all.length;
    hold(all.length > 0);
    $("#picked-count").textContent = `${all.length} selected`;
    const words = { n: `${all.length} ${all.length === 1 ? "message" : "messages"}`, wanted: `${wanted} ${wanted === 1 ? "is" : "are"}`, unwanted: `${all.length - wanted} will be` };
    for (const el of document.querySelectorAll("[data-picked]")) el.textContent = words[el.dataset.picked];
  };

  document.addEventListener("click", (e) => {
    const button = e.target.closest("button");
    if (!button) return;
    if (button.dataset.send) return send(button, button.dataset.send);
    if (button.id === "picked-send") {
      const base = $("html").dataset.prefix + "/queues/" + $("#picked").dataset.queue + "/redrive?";
      return send(button, base + picked().map((b) => "message_id=" + b.dataset.message).join("&"));
    }
    if ("pickNone" in button.dataset) pickNone();
  });
  // An update would close an open dialog.
  document.addEventListener("toggle", (e) => { if (e.target.matches("#reasons dialog, #redrive-picked")) hold(e.target.open || picked().length > 0); }, true);
  document.addEventListener("change", (e) => { if (e.target.matches("input[data-message]")) count(); });
  document.addEventListener("input", (e) => {
    if (!e.target.dataset.must) return;
    e.target.form.querySelector("[data-send]").disabled = e.target.value.replace(/\D/g, "") !== e.target.dataset.must;
  });
})();
