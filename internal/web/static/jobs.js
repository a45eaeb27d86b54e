"use strict";
// Actions on several jobs: the selected ones, or all that the filter matches.
// The script also shows the number of new jobs that are not in the list.
(() => {
  const { $, api, toast, refusal, hold, state } = window.dashboard;
  const prefix = document.documentElement.dataset.prefix;
  const can = {
    retry: ["failed", "completed_with_errors", "cancelled"], cancel: ["queued", "running"],
    delete: ["completed", "completed_with_errors", "failed", "cancelled"],
  };
  const names = { retry: "Retry", cancel: "Cancel", delete: "Delete" };
  const effects = {
    retry: "Unfinished tasks run again as a new attempt.",
    cancel: "Queued tasks will not start, and running tasks are cancelled. Results are kept.",
    delete: "Their tasks and results are deleted too.",
  };
  const words = (status) => status.replaceAll("_", " ");
  const picked = () => [...document.querySelectorAll("[data-pick]:checked")].map((box) => box.closest("tr"));
  const fit = (verb) => picked().filter((row) => can[verb].includes(row.dataset.status));
  const update = () => {
    const bar = $("#bulk");
    if (!bar) return;
    const n = picked().length;
    bar.hidden = n === 0;
    const whole = $("[data-pick-all]"), all = document.querySelectorAll("[data-pick]").length;
    if (whole) { whole.checked = n > 0 && n === all; whole.indeterminate = n > 0 && n < all; }
    const every = $("#bulk-every");
    if (every) every.hidden = n < all;
    $("#bulk-count").textContent = `${n} selected`;
    for (const verb of Object.keys(can)) {
      const button = $(`[data-bulk="${verb}"]:not([data-every])`, bar), m = fit(verb).length;
      button.disabled = m === 0;
      button.textContent = m === 0 ? `${names[verb]}: not possible for the selected jobs` : `${names[verb]} ${m} ${m === 1 ? "job" : "jobs"}`;
    }
    hold(n > 0);
  };
  document.addEventListener("change", (e) => {
    if (e.target.matches("[data-pick-all]")) for (const box of document.querySelectorAll("[data-pick]")) box.checked = e.target.checked;
    if (e.target.matches("[data-pick], [data-pick-all]")) update();
  });

  // A click with Shift selects, or clears, the rows since the last click.
  let last = null;
  document.addEventListener("click", (e) => {
    if (!e.target.matches("[data-pick]")) return;
    const boxes = [...document.querySelectorAll("[data-pick]")];
    const from = boxes.findIndex((box) => box.dataset.pick === last), to = boxes.indexOf(e.target);
    if (e.shiftKey && from >= 0) {
      for (const box of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) box.checked = e.target.checked;
      update();
    }
    last = e.target.dataset.pick;
  });

  // matching lists all jobs that match the filter of the page and to
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
      ids.push(...r.answer.items.map((job) => ({ id: job.job_id, kind: `${job.job_type} ${words(job.status)}` })));
      cursor = r.answer.next_cursor;
    }
    return ids;
  };
  // act shows its progress in the bar, and continues after a refusal.
  const act = async (verb, jobs) => {
    let done = 0, refused = 0, why = "";
    const work = jobs.slice();
    for (const button of document.querySelectorAll("[data-bulk]")) button.disabled = true;
    const one = async () => {
      for (let job = work.shift(); job; job = work.shift()) {
        const r = verb === "delete" ? await api("DELETE", `${prefix}/jobs/${job.id}`) : await api("POST", `${prefix}/jobs/${verb}/${job.id}`);
        if (r.ok) done++; else { refused++; why = refusal(r); }
        $("#bulk-count").textContent = `${names[verb]}: ${done + refused} of ${jobs.length}`;
      }
    };
    await Promise.all([one(), one(), one(), one()]);
    toast(`${names[verb]}: ${done} ${done === 1 ? "job" : "jobs"}.${refused ? ` ${refused} rejected: ${why}` : ""}`);
    for (const button of document.querySelectorAll("[data-bulk]")) button.disabled = false;
    none();
  };
  const none = () => {
    for (const box of document.querySelectorAll("[data-pick]:checked")) box.checked = false;
    update();
  };

  // ask shows what is going to happen and for how many jobs: the selected ones,
  // or all that match. For more than 100 jobs, the user must type the number.
  const ask = async (verb, whole) => {
    const ids = fit(verb).map((row) => ({ id: row.dataset.job, kind: `${row.dataset.type} ${words(row.dataset.status)}` }));
    const dialog = $("#ask-bulk");
    const all = $("#bulk-all"), typed = $("#bulk-typed"), go = $("#bulk-go"), text = $("#bulk-text");
    let chosen = ids;
    const show = () => {
      const kinds = new Map();
      for (const job of chosen) kinds.set(job.kind, (kinds.get(job.kind) || 0) + 1);
      const most = [...kinds].sort((a, b) => b[1] - a[1]);
      const listed = most.slice(0, 8).map(([kind, n]) => `${n} ${kind}`).join(", ");
      text.textContent = `${listed}${most.length > 8 ? `, and ${most.length - 8} more kinds` : ""}. ${effects[verb]}`;
      $("#bulk-title").textContent = `${names[verb]} ${chosen.length} ${chosen.length === 1 ? "job" : "jobs"}?`;
      go.textContent = `${names[verb]} ${chosen.length}`;
      go.className = verb === "retry" ? "primary" : "danger full";
      $("#bulk-type").hidden = chosen.length <= 100;
      typed.value = "";
      go.disabled = chosen.length > 100;
    };
    let every = null; // what the filter matches, once it is known
    all.onchange = () => { chosen = all.checked ? every : ids; show(); };
    typed.oninput = () => { go.disabled = typed.value !== String(chosen.length); };
    go.onclick = () => { dialog.close(); act(verb, chosen); };
    $("#bulk-all-row").hidden = all.hidden = true;
    all.checked = false;
    if (whole) {
      text.textContent = "The jobs that match are counted.";
      $("#bulk-title").textContent = `${names[verb]} all jobs that match?`;
      go.textContent = names[verb];
      go.disabled = $("#bulk-type").hidden = true;
    } else show();
    dialog.showModal();
    every = await matching(verb);
    if (whole) {
      if (!every) return dialog.close(); // the reason is shown
      chosen = every;
      show();
      if (every.length === 0) { text.textContent = `No job that matches can be ${verb === "retry" ? "retried" : verb === "cancel" ? "cancelled" : "deleted"}.`; go.disabled = true; }
      return;
    }
    if (every && every.length > ids.length) {
      $("#bulk-all-text").textContent = `All ${every.length} jobs that match the filter`;
      $("#bulk-all-row").hidden = false;
      all.hidden = false;
    } else {
      $("#bulk-all-row").hidden = true;
    }
  };
  document.addEventListener("click", (e) => {
    const button = e.target.closest("[data-bulk]"), verb = button?.dataset.bulk;
    if (verb === "none") none();
    else if (verb) ask(verb, "every" in button.dataset);
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
