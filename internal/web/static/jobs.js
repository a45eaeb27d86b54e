"use strict";
// Many jobs at once: what is selected, or everything that the filter matches. And how many are new where the list does not show them.
(() => {
  const { $, api, toast, refusal, hold, state } = window.dashboard;
  const prefix = document.documentElement.dataset.prefix;
  const can = { retry: ["failed", "completed_with_errors", "cancelled"], cancel: ["queued", "running"] };
  const names = { retry: "Retry", cancel: "Cancel" };
  const picked = () => [...document.querySelectorAll("[data-pick]:checked")].map((box) => box.closest("tr"));
  const fit = (verb) => picked().filter((row) => can[verb].includes(row.dataset.status));
  const update = () => {
    const bar = $("#bulk");
    if (!bar) return;
    const n = picked().length;
    bar.hidden = n === 0;
    $("#bulk-count").textContent = `${n} selected`;
    for (const verb of ["retry", "cancel"]) {
      const button = $(`[data-bulk="${verb}"]`, bar), m = fit(verb).length;
      button.disabled = m === 0;
      button.textContent = m === 0 ? `${names[verb]}: none of them can be` : `${names[verb]} ${m} ${m === 1 ? "job" : "jobs"}`;
    }
    hold(n > 0);
  };
  document.addEventListener("change", (e) => { if (e.target.matches("[data-pick]")) update(); });

  // matching lists the ids of all jobs that the filter of the page matches and that the verb fits.
  const matching = async (verb) => {
    const query = new URLSearchParams($("#bulk").dataset.query);
    const asked = query.get("status") ? query.get("status").split(",").filter((s) => can[verb].includes(s)) : can[verb];
    if (asked.length === 0) return [];
    query.set("status", asked.join(","));
    query.set("limit", "500");
    const ids = [];
    for (let cursor = ""; cursor !== null && ids.length < 10000;) {
      if (cursor) query.set("cursor", cursor);
      const r = await api("GET", `${prefix}/jobs?${query}`);
      if (!r.ok) { toast(refusal(r)); return null; }
      ids.push(...r.answer.items.map((job) => job.job_id));
      cursor = r.answer.next_cursor;
    }
    return ids;
  };
  const act = async (verb, ids) => {
    let done = 0, refused = 0, why = "";
    const work = ids.slice();
    const one = async () => {
      for (let id = work.shift(); id; id = work.shift()) {
        const r = await api("POST", `${prefix}/jobs/${verb}/${id}`);
        if (r.ok) done++; else { refused++; why = refusal(r); }
      }
    };
    await Promise.all([one(), one(), one(), one()]);
    toast(`${names[verb]}: ${done} ${done === 1 ? "job" : "jobs"}.${refused ? ` ${refused} refused: ${why}` : ""}`);
    none();
  };
  const none = () => {
    for (const box of document.querySelectorAll("[data-pick]:checked")) box.checked = false;
    update();
  };

  // ask repeats what is going to happen, with its number; over 100 the number has to be typed.
  const ask = async (verb) => {
    const ids = fit(verb).map((row) => row.dataset.job);
    const dialog = $("#ask-bulk");
    const all = $("#bulk-all"), typed = $("#bulk-typed"), go = $("#bulk-go"), text = $("#bulk-text");
    let chosen = ids;
    const show = () => {
      text.textContent = `${verb === "cancel" ? "What has not started will not, and what runs is told to stop. Results stay." : "Tasks that did not complete run again, as a new attempt."}`;
      $("#bulk-title").textContent = `${names[verb]} ${chosen.length} ${chosen.length === 1 ? "job" : "jobs"}?`;
      go.textContent = `${names[verb]} ${chosen.length}`;
      go.className = verb === "cancel" ? "danger full" : "primary";
      $("#bulk-type").hidden = chosen.length <= 100;
      typed.value = "";
      go.disabled = chosen.length > 100;
    };
    all.hidden = true;
    all.checked = false;
    show();
    dialog.showModal();
    const every = await matching(verb);
    if (every && every.length > ids.length) {
      $("#bulk-all-text").textContent = `All ${every.length} that match the filter`;
      $("#bulk-all-row").hidden = false;
      all.hidden = false;
    } else {
      $("#bulk-all-row").hidden = true;
    }
    all.onchange = () => { chosen = all.checked ? every : ids; show(); };
    typed.oninput = () => { go.disabled = typed.value !== String(chosen.length); };
    go.onclick = () => { dialog.close(); act(verb, chosen); };
  };
  document.addEventListener("click", (e) => {
    const verb = e.target.closest("[data-bulk]")?.dataset.bulk;
    if (verb === "none") none(); else if (verb) ask(verb);
  });

  // news asks the API for jobs before the first one that was there when the list was read: on another page, or while updates are paused.
  const mostNews = 30;
  const news = async () => {
    const box = $("#news"), seen = $("#rows")?.dataset.seen;
    if (!box || document.hidden) return;
    const follows = () => $("#live") && !state.held;
    if (!seen || follows()) { box.hidden = true; return; }
    const query = new URLSearchParams($("#bulk").dataset.query);
    query.set("cursor", seen);
    query.set("limit", mostNews);
    const r = await api("GET", `${prefix}/jobs?${query}`);
    if (!r.ok || follows()) return;
    const n = r.answer.items.length;
    $("a", box).textContent = `${n}${n === mostNews ? "+" : ""} new ${n === 1 ? "job" : "jobs"}`;
    box.hidden = n === 0;
  };
  setInterval(news, 5000);
})();
