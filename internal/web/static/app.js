"use strict";
// The script of the dashboard: the key, the state of the stream, times that
// tick, copying, actions, and shortcuts.
(() => {
  const root = document.documentElement;
  const $ = (sel, from = document) => from.querySelector(sel);
  const store = {
    get(name) { try { return localStorage.getItem(name); } catch { return null; } },
    set(name, value) { try { localStorage.setItem(name, value); } catch { /* storage is not available */ } },
  };

  // Every request, and the stream, sends the key. The stream connects again with
  // the headers of its first request.
  const { key } = window.dashboard;
  const withKey = (headers) => {
    const k = key.get();
    if (k) headers["x-functions-key"] = k; else delete headers["x-functions-key"];
    return headers;
  };
  let stream = null;
  document.addEventListener("htmx:config:request", (e) => {
    withKey(e.detail.ctx.request.headers);
    if (isLive(e)) stream = e.detail.ctx;
  });
  document.addEventListener("htmx:response:error", (e) => {
    const { request, response } = e.detail.ctx;
    if (response.status === 401) key.refused(request.headers["x-functions-key"]);
  });
  document.addEventListener("key:known", () => {
    if (!$("#page")) return htmx.trigger("#main", "key");
    if (stream) withKey(stream.request.headers);
    for (const img of document.querySelectorAll("img[data-busy]:not([src])")) delete img.dataset.busy;
    $("#live")?._htmx?.sse?.delayCanceller?.();
    tick();
  });

  // visible replaces characters that cannot be seen or that reorder text by
  // escapes, as the service does in pages. A test compares the two sets.
  const hidden = /(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029\u034f\u115f\u1160\u17b4\u17b5\u2065\u3164\uffa0\ufff0-\ufff8\u{e0000}\u{e0002}-\u{e001f}\u{e0080}-\u{e00ff}\u{e01f0}-\u{e0fff}]/gu;
  const visible = (text) => text.replace(hidden, (c) => {
    const hex = c.codePointAt(0).toString(16);
    return hex.length < 3 ? "\\x" + hex.padStart(2, "0") : hex.length < 5 ? "\\u" + hex.padStart(4, "0") : "\\U" + hex.padStart(8, "0");
  });

  // Toasts show the result of an action.
  const toast = (text, link) => {
    const box = document.createElement("div");
    box.className = "toast";
    const span = document.createElement("span");
    span.textContent = text + " ";
    if (link) { const a = document.createElement("a"); a.href = link.href; a.textContent = link.text; span.append(a); }
    const close = document.createElement("button");
    close.type = "button";
    close.textContent = "Dismiss";
    close.addEventListener("click", () => box.remove());
    box.append(span, close);
    $("#toasts").append(box);
    setTimeout(() => box.remove(), 12000);
  };
  const fetched = async (url, options = { headers: withKey({}) }) => {
    const response = await fetch(url, options);
    if (response.status === 401) key.refused(options.headers["x-functions-key"]);
    return response;
  };
  const api = async (method, url, body) => {
    const options = { method, headers: withKey({ "Content-Type": "application/json" }) };
    if (body !== undefined) options.body = body;
    const response = await fetched(url, options);
    const text = await response.text();
    let answer = null;
    try { answer = JSON.parse(text, (_, v) => typeof v === "string" ? visible(v) : v); } catch { /* not JSON from the API */ }
    return { ok: response.ok, status: response.status, answer };
  };
  const refusal = (r) => {
    const a = r.answer || {};
    const fields = (a.errors || []).map((f) => ` ${f.field}: ${f.message}`).join(";");
    return visible(`${a.detail || "The service answered " + r.status + "."}${fields}${a.request_id ? " Request " + a.request_id : ""}`);
  };

  // Relative times and running durations tick here, by the service's clock.
  let skew = 0, read = "";
  const two = (n) => String(n).padStart(2, "0");
  const took = (s) => s < 60 ? `${s} s` : s < 3600 ? `${Math.floor(s / 60)} m ${two(s % 60)} s` : s < 86400 ? `${Math.floor(s / 3600)} h ${two(Math.floor(s % 3600 / 60))} m` : `${Math.floor(s / 86400)} d ${Math.floor(s % 86400 / 3600)} h`;
  const ago = (s) => s < 60 ? `${s} s ago` : s < 3600 ? `${Math.floor(s / 60)} m ago` : s < 86400 ? `${Math.floor(s / 3600)} h ago` : `${Math.floor(s / 86400)} d ago`;
  let exact = store.get("times") === "exact";
  // Times are in UTC, or in the zone of the browser if the user wants it. cut is
  // the number of characters of a format: minutes, seconds, or milliseconds.
  let local = store.get("zone") === "local";
  const cuts = { minute: 16, exact: 19, precise: 23 };
  const stamp = (at, cut, here) => {
    const shift = here ? -at.getTimezoneOffset() : 0, ahead = Math.abs(shift);
    const text = new Date(at.getTime() + shift * 60000).toISOString().replace("T", " ").slice(0, cut);
    return `${text} ${here ? `${shift < 0 ? "-" : "+"}${two(Math.floor(ahead / 60))}:${two(ahead % 60)}` : "UTC"}`;
  };
  const say = (time) => {
    const at = new Date(time.dateTime);
    const s = Math.max(0, Math.floor((Date.now() - skew - at) / 1000));
    const flipped = time.dataset.flip === "1", cut = cuts[time.dataset.t];
    const whole = stamp(at, 19, cut ? local === flipped : local);
    if (time.title !== whole) time.title = whole;
    if (cut) return stamp(at, cut, local !== flipped); // a tap shows the other zone
    if (time.dataset.t === "since") return took(silent() ? Math.max(0, Math.floor((state.at - skew - at) / 1000)) : s);
    const ahead = Math.ceil((at - (Date.now() - skew)) / 1000);
    if (time.dataset.t === "until" && exact === flipped) return ahead > 0 ? `in ${took(ahead)}` : "now";
    if (exact !== flipped) return stamp(at, 19, local);
    return s > 7 * 86400 ? stamp(at, 16, local) : ago(s);
  };
  // Pictures of results. The browser sends no key for an image, and does not
  // repeat a request that failed, so the script fetches such an image. Each URL
  // is fetched once, because a part may be rendered again.
  const shots = new Map();
  const shot = async (url) => {
    let response = null;
    for (let wait = 1; !response; wait *= 2) { // gives up after 31 s
      const last = wait > 16;
      response = await fetched(url).catch((error) => { if (last) throw error; return null; });
      if (!last && (response?.status === 429 || response?.status === 503)) response = null;
      if (!response) await new Promise((done) => setTimeout(done, wait * 1000));
    }
    if (response.status === 401) { shots.delete(url); return null; } // it is fetched again with a key
    if (!response.ok) throw new Error(refusal({ status: response.status, answer: await response.json().catch(() => null) }));
    const bytes = await response.blob();
    return new Promise((resolve, reject) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.onerror = () => reject(new Error("The picture cannot be read."));
      reader.readAsDataURL(bytes);
    });
  };
  const pictures = () => {
    for (const img of document.querySelectorAll(".picture img[src]:not([data-src])")) {
      if (!img.complete || img.naturalWidth) continue;
      img.dataset.src = img.src; // it failed
      img.removeAttribute("src");
    }
    for (const img of document.querySelectorAll("img[data-src]:not([src], [data-busy])")) {
      const url = img.dataset.src;
      img.dataset.busy = "1";
      if (!shots.has(url)) shots.set(url, shot(url));
      shots.get(url).then((data) => { if (data) img.src = data; }, (error) => {
        const text = document.createElement("span");
        text.className = "muted";
        text.textContent = error.message;
        img.replaceWith(text);
      });
    }
  };
  const tick = () => {
    for (const time of document.querySelectorAll("time[data-t]")) {
      const text = say(time);
      if (text && time.textContent !== text) time.textContent = text;
    }
    pictures();
    if (silent()) revive();
    if (state.at) $("#live-age").textContent = state.name === "live" ? "" : "· data of " + ago(Math.floor((Date.now() - state.at) / 1000));
  };
  const showExact = () => {
    for (const b of document.querySelectorAll('[data-act="times"]')) b.setAttribute("aria-pressed", exact);
    for (const b of document.querySelectorAll('[data-act="zone"]')) b.setAttribute("aria-pressed", local);
  };

  // The state of the stream in one word.
  // at: when the data was last known to be current. heard: when the last byte
  // arrived.
  const state = { name: "off", at: 0, heard: 0, tried: 0, held: false, trouble: "" };
  const words = { live: "Live", wait: "Reconnecting…", offline: "Offline", paused: "Paused", polling: "Polling 5 s", trouble: "Service away", ended: "Final" };
  const show = (name) => {
    state.name = name;
    const el = $("#live-state");
    el.hidden = name === "off";
    el.dataset.state = name === "live" ? "live" : name === "paused" ? "paused" : name === "ended" ? "ended" : "wait";
    $("#live-word").textContent = words[name] || "";
    el.setAttribute("aria-pressed", name === "paused");
    el.title = name === "paused" ? "Resume updates" : name === "live" ? "Pause updates" : "";
    tick();
  };
  // The service sends something every 10 s. After twice that time without a byte
  // the page does not know what it shows: durations stop, and it reconnects. A
  // computer that slept finds itself in the same state.
  const patienceWithSilence = 20000;
  const silent = () => !!$("#live") && state.heard > 0 && Date.now() - state.heard > patienceWithSilence;
  const away = () => show(navigator.onLine ? "wait" : "offline");
  const revive = () => {
    if (!["wait", "offline"].includes(state.name)) away();
    if (document.hidden || Date.now() - state.tried < 3000) return;
    state.tried = Date.now();
    const sse = $("#live")._htmx?.sse;
    if (sse?.reader) sse.reader.cancel().catch(() => {}); // the extension connects again
    else if (!sse) again();
  };
  const heard = (current) => { state.heard = Date.now(); if (current) state.at = state.heard; };
  let patience = 0, polling = 0;
  const poll = () => {
    if (polling) return;
    show("polling");
    polling = setInterval(async () => {
      const page = $("#page");
      if (!page || document.hidden || state.held) return;
      await htmx.ajax("GET", page.dataset.view, { source: page, target: "#page", swap: "outerMorph" });
    }, 5000);
  };
  const isLive = (e) => e.target.id === "live";
  document.addEventListener("htmx:before:request", (e) => { if (isLive(e)) { clearTimeout(patience); patience = setTimeout(poll, 3000); } });
  document.addEventListener("htmx:sse:after:connection", (e) => {
    if (!isLive(e)) return;
    clearTimeout(patience); clearInterval(polling); polling = 0;
    heard(true);
    show(state.held ? "paused" : "live");
  });
  document.addEventListener("htmx:sse:before:connection", (e) => { if (isLive(e) && e.detail.connection.attempt > 0 && !state.held) away(); });
  document.addEventListener("htmx:sse:error", (e) => { if (isLive(e)) { away(); if (e.detail.status === 401) key.refused(stream?.request.headers["x-functions-key"]); } });
  document.addEventListener("htmx:sse:close", (e) => { if (isLive(e) && e.detail.reason === "message") { state.at = state.heard = 0; show("ended"); } });
  document.addEventListener("htmx:response:error", (e) => { if (isLive(e) && e.detail.ctx.response.status !== 401) { clearTimeout(patience); poll(); } });
  document.addEventListener("htmx:sse:before:message", (e) => {
    if (!isLive(e)) return;
    heard(e.detail.message.event !== "trouble" && state.name !== "trouble");
    if (state.held && !["done", "build", "beat"].includes(e.detail.message.event)) { state.missed = true; e.detail.cancelled = true; }
  });
  const hold = (on) => {
    if (state.held === on || !$("#live")) return;
    state.held = on;
    show(on ? "paused" : polling ? "polling" : silent() ? "wait" : "live");
    if (!on && state.missed) { state.missed = false; htmx.ajax("GET", $("#page").dataset.view, { source: $("#page"), target: "#page", swap: "outerMorph" }); }
  };

  addEventListener("offline", () => { if ($("#live")) show("offline"); });
  addEventListener("online", () => {
    if (state.name !== "offline") return;
    show("wait");
    state.tried = 0;
    revive();
    $("#live")?._htmx?.sse?.delayCanceller?.();
  });
  for (const event of ["visibilitychange", "pageshow"]) addEventListener(event, () => { if (!document.hidden) tick(); });

  // Named messages of the stream.
  document.addEventListener("title", (e) => { if (isLive(e)) { $("#page").dataset.title = e.detail.data; title(e.detail.data); } });
  document.addEventListener("trouble", (e) => { if (isLive(e)) { show(e.detail.data ? "trouble" : "live"); if (e.detail.data) toast(e.detail.data); } });
  document.addEventListener("build", (e) => {
    if (isLive(e) && e.detail.data !== root.dataset.hash && !state.stale) { state.stale = true; toast("A new version of this page is available.", { href: location.href, text: "Reload" }); }
  });
  let spoke = 0, unsaid = [];
  const announce = () => { if (unsaid.length) { $("#say").textContent = unsaid.join(". "); unsaid = []; spoke = Date.now(); } };
  document.addEventListener("announce", (e) => { if (isLive(e)) { unsaid.push(e.detail.data); setTimeout(announce, Math.max(0, 5000 - (Date.now() - spoke))); } });

  // The icon of the browser tab has the colour of the state.
  const dots = { running: "%232968e2", queued: "%23556070", completed: "%2303a273", failed: "%239f0b1d", failing: "%239f0b1d", cancelled: "%23676a73", completed_with_errors: "%23a37300", cancelling: "%23a37300" };
  const dot = () => {
    const icon = $('link[rel="icon"]'), head = $("[data-dot]"), fill = head && dots[head.dataset.dot] || "%23556070";
    if (!icon.href.includes(`fill='${fill}'`)) icon.href = icon.href.replace(/fill='[^']*'/, `fill='${fill}'`);
  };
  const title = (text) => { document.title = text ? `${text} · CoreMachine` : "CoreMachine"; };
  const arrived = () => {
    const page = $("#page");
    if (!page) return;
    title(page.dataset.title);
    if (page.dataset.now !== read) { read = page.dataset.now; skew = Date.now() - Number(read); heard(true); }
    if (!$("#live")) state.at = state.heard = 0;
    if (polling && state.name === "wait" && !silent()) show("polling");
    if (!$("#live") && !["ended", "polling"].includes(state.name)) show(page.dataset.ended ? "ended" : "off");
    dot();
    tick();
    document.dispatchEvent(new CustomEvent("page:arrived"));
  };
  document.addEventListener("htmx:after:swap", arrived);
  // instead is shown if a page could not be loaded. It contains the reason.
  const instead = (heading, text, act, button) => {
    if (!$("#page")) $("#main").innerHTML = `<section class="panel problem" role="alert"><h1>${heading}</h1><p>${text}</p><p><button type="button" data-act="${act}">${button}</button></p></section>`;
  };
  document.addEventListener("htmx:error", (e) => {
    if (e.target.id === "main") instead("The service cannot be reached", "The page could not be loaded.", "reload", "Try again");
  });
  document.addEventListener("close", (e) => {
    if (e.target.id === "key" && !key.get()) instead("Key required", "The service requires an access key.", "key", "Enter a key");
  }, true);

  // again fetches the content of the page again.
  const again = () => { state.name = "off"; return htmx.ajax("GET", $("#page").dataset.view, { source: $("#main"), target: "#page", swap: "outerHTML" }); };
  // textOf fetches JSON as it is stored. Parsing it would change large numbers.
  const textOf = async (url) => (await fetched(url)).text();
  const download = async (button) => {
    const a = document.createElement("a");
    a.href = URL.createObjectURL(new Blob([await textOf(button.dataset.download)], { type: "application/json" }));
    a.download = button.dataset.name;
    a.click();
    setTimeout(() => URL.revokeObjectURL(a.href), 1000);
  };

  // Buttons.
  const copy = async (text, button) => {
    try { await navigator.clipboard.writeText(text); } catch { // the clipboard needs a secure context
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.dataset.done = "1";
    $("#say").textContent = "Copied";
    setTimeout(() => delete button.dataset.done, 1500);
  };
  const post = async (button) => {
    button.disabled = true;
    const body = button.dataset.jsonUrl ? await textOf(button.dataset.jsonUrl) : button.dataset.json;
    const r = await api("POST", button.dataset.post, body);
    button.disabled = false;
    button.closest("dialog")?.close();
    if (!r.ok) { if (r.status !== 401) toast(refusal(r)); return; }
    if (button.dataset.then === "job") { location.href = `${root.dataset.prefix}/ui/jobs/${r.answer.job_id}`; return; }
    toast(button.dataset.done || "Done.");
    if (button.dataset.then === "reload") location.reload();
    if (button.dataset.then === "refresh" && (!$("#live") || state.name === "ended")) again();
  };
  document.addEventListener("click", (e) => {
    const button = e.target.closest("button, time[data-t]");
    if (!button) return;
    if (button.matches("time")) { button.dataset.flip = button.dataset.flip === "1" ? "" : "1"; return tick(); }
    if (button.id === "live-state") return hold(!state.held);
    if (button.dataset.copy) return copy(button.dataset.copy, button);
    if (button.dataset.copyUrl) return textOf(button.dataset.copyUrl).then((text) => copy(text, button));
    if (button.dataset.download) return download(button);
    if (button.dataset.copyFrom) return copy($(button.dataset.copyFrom, button.closest(".json, .copies")).textContent, button);
    if (button.dataset.post) return post(button);
    switch (button.dataset.act) {
      case "reload": return location.reload();
      case "again": return htmx.trigger(button.closest("[hx-get]"), "again");
      case "times": exact = !exact; store.set("times", exact ? "exact" : ""); showExact(); return tick();
      case "zone": local = !local; store.set("zone", local ? "local" : ""); showExact(); return tick();
      case "key": return key.ask();
    }
  });

  // Each change of a filter has a URL of its own.
  document.addEventListener("change", (e) => {
    const form = e.target.closest("form[data-filters]");
    if (form && form.reportValidity()) form.requestSubmit();
    if (e.target.name === "theme") theme(e.target.value);
    if (e.target.id === "keys-on") shortcuts(e.target.checked);
  });
  // The field for a tag becomes a parameter of its own, in place of one with the
  // same name.
  const addTerm = (form) => {
    const field = $("[data-term]", form);
    if (!field || !field.value) return;
    const at = field.value.indexOf("="), word = field.value.slice(0, at).trim();
    const name = /^(tag|param)\./.test(word) ? word : `tag.${word}`;
    for (const old of [...form.elements]) if (old.name === name) old.remove();
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value: field.value.slice(at + 1).trim() }));
  };
  document.addEventListener("submit", (e) => {
    if (e.target.matches("form[data-filters]")) addTerm(e.target);
    if (e.target.matches("form[data-filters]")) for (const field of e.target.elements) if (!field.value) field.disabled = true; // omits defaults
  });

  // The user can turn shortcuts off.
  let keysOn = store.get("keys") !== "off";
  const shortcuts = (on) => {
    keysOn = on;
    store.set("keys", on ? "on" : "off");
    $("#keys-on").checked = on;
  };
  document.addEventListener("keydown", (e) => {
    if (!keysOn || e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, textarea, dialog")) return;
    if (e.key === "/") { const field = $("[data-search]"); if (field) { e.preventDefault(); field.focus(); } }
    if (e.key === "p") hold(!state.held);
    if (e.key === "?") $("#help").showModal();
    if (e.key === "t") $('[data-act="times"]').click();
  });

  const theme = (value) => {
    store.set("theme", value);
    if (value === "auto") delete root.dataset.theme; else root.dataset.theme = value;
  };

  Object.assign(window.dashboard, { $, api, toast, refusal, hold, state });
  document.addEventListener("DOMContentLoaded", () => {
    for (const radio of document.querySelectorAll('[name="theme"]')) radio.checked = radio.value === (root.dataset.theme || "auto");
    shortcuts(keysOn);
    showExact();
    arrived();
    setInterval(tick, 1000);
  });
})();
