"use strict";
// Actions on several jobs: the selected ones, or all that the filter matches.
// The script also shows the number of new jobs that are not in the list.
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
      button.textContent = m === 0 ? `${names[verb]}: not possible for the selected jobs` : `${names[verb]} ${m} ${m === 1 ? "job" : "jobs"}`;
    }
    hold(n > 0);
  };
  document.addEventListener("change", (e) => { if (e.target.matches("[data-pick]")) update(); });

  // matching lists the ids of all jobs that match the filter of the page and to
  // which the verb applies.
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
    toast(`${names[verb]}: ${done} ${done === 1 ? "job" : "jobs"}.${refused ? ` ${refused} rejected: ${why}` : ""}`);
    none();
  };
  const none = () => {
    for (const box of document.querySelectorAll("[data-pick]:checked")) box.checked = false;
    update();
  };

  // ask shows what is going to happen and for how many jobs. For more than 100
  // jobs, the user must type the number.
  const ask = async (verb) => {
    const ids = fit(verb).map((row) => row.dataset.job);
    const dialog = $("#ask-bulk");
    const all = $("#bulk-all"), typed = $("#bulk-typed"), go = $("#bulk-go"), text = $("#bulk-text");
    let chosen = ids;
    const show = () => {
      text.textContent = `${verb === "cancel" ? "Queued tasks will not start, and running tasks are cancelled. Results are kept." : "Unfinished tasks run again as a new attempt."}`;
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
      $("#bulk-all-text").textContent = `All ${every.length} jobs that match the filter`;
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

  // news requests the jobs that are newer than the first job of the list. It
  // is for later pages and for paused updates, which do not show new jobs.
  const maxNews = 30;
  const news = async () => {
    const box = $("#news"), seen = $("#rows")?.dataset.seen;
    if (!box || document.hidden) return;
    const follows = () => $("#live") && !state.held;
    if (!seen || follows()) { box.hidden = true; return; }
    const query = new URLSearchParams($("#bulk").dataset.query);
    query.set("cursor", seen);
    query.set("limit", maxNews);
    const r = await api("GET", `${prefix}/jobs?${query}`);
    if (!r.ok || follows()) return;
    const n = r.answer.items.length;
    $("a", box).textContent = `${n}${n === maxNews ? "+" : ""} new ${n === 1 ? "job" : "jobs"}`;
    box.hidden = n === 0;
  };
  setInterval(news, 5000);
})();
