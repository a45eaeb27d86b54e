"use strict";
// The form of a job type: its values as JSON, the equivalent commands, and the
// answer of the service.
(() => {
  const { $, api, refusal } = window.dashboard;
  const fields = (form) => [...form.elements].filter((el) => el.dataset.kind);
  const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

  // literal is the value of a field as JSON text. A number stays as it was
  // typed. undefined means that the field is omitted.
  const literal = (el) => {
    if (el.dataset.widget === "check") return String(el.checked);
    if (el.value === "") return el.dataset.kind === "string" && el.dataset.widget !== "select" && !["", "null"].includes(el.dataset.default) ? '""' : undefined;
    if (el.dataset.widget === "select") return el.value;
    if (el.dataset.kind === "string") return JSON.stringify(el.value);
    if (el.dataset.kind === "json") { try { JSON.parse(el.value); return el.value.trim(); } catch { return JSON.stringify(el.value); } }
    return number.test(el.value.trim()) ? el.value.trim() : JSON.stringify(el.value);
  };
  // given are the fields whose value differs from the default.
  const given = (form) => fields(form).map((el) => [el, literal(el)]).filter(([el, v]) => v !== undefined && v !== el.dataset.default);
  const body = (form) => "{" + given(form).map(([el, v]) => JSON.stringify(el.name) + ":" + v).join(",") + "}";

  // callback is the field of the callback URL; it is missing if none is allowed.
  const callback = () => $("#callback-url");
  // tags are the lines of their field as pairs; a line without = is a name.
  const runKey = () => $("#run-key");
  const runTags = () => $("#run-tags");
  const tags = () => runTags().value.split("\n").map((line) => line.trim()).filter(Boolean).map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1)];
  });
  const extras = () => [runKey(), runTags(), callback()].filter(Boolean);

  const queried = (words) => {
    const query = new URLSearchParams(words);
    if (runKey().value) query.set("key", runKey().value);
    for (const [name, value] of tags()) query.append("tag." + name, value);
    if (callback() && callback().value) query.set("callback_url", callback().value);
    return query.size ? "?" + query : "";
  };

  const quote = (text) => /^[A-Za-z0-9_.,:=@%+\/-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'";
  const lines = (form) => {
    const words = given(form).map(([el, v]) => quote(el.name + "=" + (el.dataset.kind === "string" ? JSON.parse(v) : v)));
    if (runKey().value) words.push("--key " + quote(runKey().value));
    for (const [name, value] of tags()) words.push("--tag " + quote(name + "=" + value));
    $("#line-corectl").textContent = ["corectl submit", quote(form.dataset.type), ...words].join(" ") + (callback() && callback().value ? " --callback-url " + quote(callback().value) : "");
    const key = form.dataset.keys === "true" ? ' -H "x-functions-key: $KEY"' : "";
    $("#line-curl").textContent = `curl -X POST ${quote(form.dataset.root + "/jobs/submit/" + encodeURIComponent(form.dataset.type) + queried({}))}${key} -H 'Content-Type: application/json' -d '${body(form).replaceAll("'", "'\\''")}'`;
  };

  const clear = (form) => {
    $("#submit-wrong").hidden = true;
    for (const el of [...fields(form), ...extras()]) { el.removeAttribute("aria-invalid"); $(`#${el.id}-wrong`).hidden = true; }
  };
  const wrong = (form, r) => {
    const errors = (r.answer && r.answer.errors) || [], rest = [];
    let at = null;
    for (const e of errors) {
      const el = e.field === "callback_url" ? callback() : e.field === "key" && runKey().value ? runKey() : /^tags?(\.|$)/.test(e.field) && runTags().value ? runTags() : fields(form).find((f) => f.name === e.field || e.field.startsWith(f.name + ".") || e.field.startsWith(f.name + "["));
      if (!el) { rest.push(e); continue; }
      const p = $(`#${el.id}-wrong`);
      p.textContent = (p.hidden ? "" : p.textContent + "; ") + (e.field === el.name || el === callback() || el === runKey() ? "" : e.field + ": ") + e.message;
      p.hidden = false;
      el.setAttribute("aria-invalid", "true");
      if (!at || el.compareDocumentPosition(at) & Node.DOCUMENT_POSITION_FOLLOWING) at = el;
    }
    const box = $("#submit-wrong");
    box.textContent = rest.length || !errors.length ? refusal({ status: r.status, answer: { ...r.answer, errors: rest } }) : `${errors.length === 1 ? "One parameter is" : errors.length + " parameters are"} invalid: see below.`;
    box.hidden = false;
    if (at) at.focus();
  };

  const add = (to, tag, text, set = {}) => { const el = Object.assign(document.createElement(tag), set); if (text) el.textContent = text; to.append(el); return el; };
  const said = (form, r) => {
    const a = r.answer, box = $("#submit-answer");
    const panel = add(box, "section", "", { className: "panel answer" });
    const p = add(panel, "p", r.status === 202 ? (a.created ? "Submitted. " : `Running again as attempt ${a.attempt}. `) : `This job already existed: ${a.status.replaceAll("_", " ")}. `);
    const link = add(p, "a", `Open ${a.job_type} ${a.job_id.slice(0, 8)}`, { href: `${form.dataset.ui}/${a.job_id}` });
    if (r.status === 200 && a.status.startsWith("completed")) {
      const again = add(panel, "button", "Run it again", { type: "button" });
      again.addEventListener("click", () => send(form, { rerun: "true" }));
    }
    link.focus();
  };
  const planned = (r) => {
    const panel = add($("#submit-answer"), "section", "", { className: "panel answer" });
    add(panel, "p", "The parameters are valid. Nothing was written. The job would run:");
    const list = add(panel, "ul");
    for (const s of r.answer.plan || []) add(list, "li", `${s.name}: ${s.skipped ? "skipped" : s.tasks === null ? "depends on the results of earlier stages" : s.tasks.toLocaleString("en") + (s.tasks === 1 ? " task" : " tasks")}`);
  };

  const send = async (form, words) => {
    clear(form);
    $("#submit-answer").textContent = "";
    const buttons = form.querySelectorAll(".actions button");
    for (const b of buttons) b.disabled = true;
    let r;
    try { r = await api("POST", form.dataset.url + queried(words), body(form)); } catch { r = { status: 0, answer: { detail: "The service cannot be reached. It is unknown whether the job was submitted. Submitting it again is safe." } }; }
    for (const b of buttons) b.disabled = false;
    if (r.status === 401) return;
    if (!r.ok) return wrong(form, r);
    if (words.dry_run) planned(r); else said(form, r);
  };

  document.addEventListener("submit", (e) => {
    if (e.target.id !== "submit") return;
    e.preventDefault();
    send(e.target, {});
  });
  document.addEventListener("click", (e) => {
    if (!e.target.closest("#submit-check")) return;
    const form = $("#submit");
    if (form.reportValidity()) send(form, { dry_run: "true" });
  });

  // A sample shows whether the receiver accepts events, before a job needs it.
  document.addEventListener("click", async (e) => {
    const button = e.target.closest("#callback-sample");
    if (!button) return;
    const form = $("#submit"), answer = $("#callback-answer");
    clear(form);
    answer.textContent = "Sending…";
    button.disabled = true;
    let r;
    try { r = await api("POST", button.dataset.url + "?" + new URLSearchParams(callback().value ? { callback_url: callback().value } : {})); } catch { r = { status: 0, answer: { detail: "The service cannot be reached." } }; }
    button.disabled = false;
    answer.textContent = !r.ok ? "" : r.answer.delivered ? "The receiver accepted the sample." : `The sample was not delivered: ${r.answer.error}.`;
    if (!r.ok && r.status !== 401) wrong(form, r);
  });
  document.addEventListener("input", (e) => { if (e.target.form && e.target.form.id === "submit") lines(e.target.form); });
  document.addEventListener("page:arrived", () => { const form = $("#submit"); if (form) lines(form); });
})();
