"use strict";
// The form of a job type: its values as JSON, the equivalent commands, and the
// answer of the service.
(() => {
  const { $, api, refusal } = window.dashboard;
  const fields = (form) => [...form.elements].filter((el) => el.dataset.kind);
  const groups = (form) => [...form.elements].filter((el) => el.dataset.group);
  const number = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

  // one is a text as JSON text. A number stays as it was typed.
  const one = (text, kind) => {
    if (kind === "string") return JSON.stringify(text);
    if (kind === "boolean") return ["true", "false"].includes(text.trim()) ? text.trim() : JSON.stringify(text);
    return number.test(text.trim()) ? text.trim() : JSON.stringify(text);
  };
  const lineList = (el) => el.value.split(/\r?\n/).filter((line) => line.trim() !== "");
  // literal is the value of a field as JSON text. undefined means that the field
  // is omitted.
  const literal = (el) => {
    const byDefault = el.dataset.default;
    if (el.dataset.widget === "check") return String(el.checked);
    if (el.dataset.widget === "lines") {
      const items = lineList(el);
      return items.length === 0 && (byDefault === "null" || byDefault === "") ? undefined : `[${items.map((line) => one(line, el.dataset.items)).join(",")}]`;
    }
    if (el.value === "") return el.dataset.kind === "string" && el.dataset.widget !== "select" && !["", "null"].includes(byDefault) ? '""' : undefined;
    if (el.dataset.widget === "select") return el.value;
    if (el.dataset.kind === "json") { try { JSON.parse(el.value); return el.value.trim(); } catch { return JSON.stringify(el.value); } }
    return one(el.value, el.dataset.kind);
  };
  // given are the fields whose value differs from the default. A group that may
  // be null is disabled if it is.
  const given = (form) => fields(form).filter((el) => !el.matches(":disabled")).map((el) => [el, literal(el)]).filter(([el, v]) => v !== undefined && v !== el.dataset.default);
  // bare are the groups that are sent although all their fields have defaults.
  const bare = (form) => {
    const named = given(form).map(([el]) => el.name);
    return groups(form).filter((el) => !el.matches(":disabled") && (el.dataset.required === "true" || $(":scope > legend [data-set]", el)?.checked))
      .map((el) => el.dataset.group).filter((name, _, all) => ![...named, ...all].some((other) => other.startsWith(name + ".")));
  };
  // body is the JSON text of the parameters, in objects by their dotted names.
  const body = (form) => {
    const top = new Map();
    const put = (path, v) => {
      const names = path.split("."), last = names.pop();
      let at = top;
      for (const name of names) { if (!at.has(name)) at.set(name, new Map()); at = at.get(name); }
      at.set(last, v);
    };
    for (const [el, v] of given(form)) put(el.name, v);
    for (const name of bare(form)) put(name, "{}");
    const text = (v) => typeof v === "string" ? v : `{${[...v].map(([name, below]) => JSON.stringify(name) + ":" + text(below)).join(",")}}`;
    return text(top);
  };
  // word is the value of a field for a command line.
  const word = (el, v) => {
    if (el.dataset.kind === "string") return JSON.parse(v);
    if (el.dataset.widget !== "lines") return v;
    const items = lineList(el);
    return items.length === 0 || items.some((line) => /[,[]|^null$/.test(line)) ? v : items.join(",");
  };

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
    const words = [...given(form).map(([el, v]) => quote(el.name + "=" + word(el, v))), ...bare(form).map((name) => quote(name + "={}"))];
    if (runKey().value) words.push("--key " + quote(runKey().value));
    for (const [name, value] of tags()) words.push("--tag " + quote(name + "=" + value));
    $("#line-corectl").textContent = ["corectl submit", quote(form.dataset.type), ...words].join(" ") + (callback() && callback().value ? " --callback-url " + quote(callback().value) : "");
    const key = form.dataset.keys === "true" ? ' -H "x-functions-key: $KEY"' : "";
    $("#line-curl").textContent = `curl -X POST ${quote(form.dataset.root + "/jobs/submit/" + encodeURIComponent(form.dataset.type) + queried({}))}${key} -H 'Content-Type: application/json' -d '${body(form).replaceAll("'", "'\\''")}'`;
  };

  const clear = (form) => {
    $("#submit-wrong").hidden = true;
    for (const el of [...fields(form), ...groups(form), ...extras()]) { el.removeAttribute("aria-invalid"); $(`#${el.id}-wrong`).hidden = true; }
  };
  // fieldOf is the field that an error names, or the innermost group around it.
  const fieldOf = (form, name) => {
    const covers = (own) => name === own || name.startsWith(own + ".") || name.startsWith(own + "[");
    return fields(form).find((f) => covers(f.name)) || groups(form).reverse().find((g) => covers(g.dataset.group));
  };
  const wrong = (form, r) => {
    const errors = (r.answer && r.answer.errors) || [], rest = [];
    let at = null;
    for (const e of errors) {
      const el = e.field === "callback_url" ? callback() : e.field === "key" && runKey().value ? runKey() : /^tags?(\.|$)/.test(e.field) && runTags().value ? runTags() : fieldOf(form, e.field);
      if (!el) { rest.push(e); continue; }
      const p = $(`#${el.id}-wrong`);
      p.textContent = (p.hidden ? "" : p.textContent + "; ") + (e.field === (el.name || el.dataset.group) || el === callback() || el === runKey() ? "" : e.field + ": ") + e.message;
      p.hidden = false;
      if (el.matches("fieldset")) continue;
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
    if (r.status === 202) { location.href = `${form.dataset.ui}/${a.job_id}`; return; }
    const panel = add(box, "section", "", { className: "panel answer" });
    const p = add(panel, "p", `This job already existed: ${a.status.replaceAll("_", " ")}. `);
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
  const setGroups = (form) => { for (const box of form.querySelectorAll("[data-set]")) box.closest("fieldset").disabled = !box.checked; };
  document.addEventListener("change", (e) => {
    if (!e.target.matches("#submit [data-set]")) return;
    setGroups(e.target.form);
    lines(e.target.form);
  });
  document.addEventListener("input", (e) => { if (e.target.form && e.target.form.id === "submit") lines(e.target.form); });
  document.addEventListener("page:arrived", () => { const form = $("#submit"); if (form) { setGroups(form); lines(form); } });
})();
