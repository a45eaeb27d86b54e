"use strict";
// The access key. The user enters it once for all tabs of a browser: open tabs
// give it to new ones, and the device keeps it if the user wants that.
window.dashboard = {};
(() => {
  const $ = (sel) => document.querySelector(sel);
  const places = { tab: () => sessionStorage, device: () => localStorage };
  const read = (place, name = "key") => { try { return places[place]().getItem(name); } catch { return null; } };
  const write = (place, value, name = "key") => {
    try { if (value) places[place]().setItem(name, value); else places[place]().removeItem(name); } catch { /* storage is not available */ }
  };
  // Each time the user lets the browser forget the key, the epoch changes. A tab
  // that the browser had unloaded comes back with the key of an old epoch.
  const epoch = (place) => read(place, "key-epoch") ?? "";
  let held = null; // is used if storage is not available
  let rejected = false; // the last key of this tab was not accepted
  const get = () => (epoch("tab") === epoch("device") ? read("tab") : null) ?? read("device") ?? held;
  const keep = (value, remember) => {
    held = value;
    write("tab", remember ? null : value);
    write("tab", epoch("device"), "key-epoch");
    write("device", remember ? value : null);
    rejected = false;
    showForget();
  };
  const drop = () => { held = null; write("tab", null); write("device", null); showForget(); };
  const showForget = () => { const button = $('[data-act="forget-key"]'); if (button) button.hidden = !get(); };

  // A page that needs no key arrives with its content.
  const locks = () => $("#main")?.hasAttribute("hx-get");
  const unlocked = () => {
    if ($("#key").open) $("#key").close();
    document.dispatchEvent(new CustomEvent("key:known"));
  };
  const explain = (text) => {
    $("#key-missing").hidden = !!text;
    $("#key-wrong").hidden = !text;
    $("#key-wrong").textContent = text;
  };
  const ask = () => {
    if ($("#key").open) return;
    explain(rejected ? "The key was not accepted." : "");
    $("#key").showModal();
  };

  // Tabs of this browser. A new one asks, and those that have the key answer.
  const tabs = "BroadcastChannel" in window ? new BroadcastChannel("coremachine-key") : null;
  const say = (message) => tabs?.postMessage(message);
  const lock = () => { drop(); if (locks()) location.reload(); };
  if (tabs) tabs.onmessage = ({ data }) => {
    if (data.ask && get()) say({ key: get(), remember: read("device") !== null });
    if (data.forget) lock();
    if (data.rejected && data.rejected === get()) { rejected = true; drop(); }
    if (data.key && data.key !== get()) { keep(data.key, data.remember); unlocked(); }
  };
  addEventListener("pageshow", (e) => { if (e.persisted && locks() && !get() && $("#page")) location.reload(); });

  // refused handles a 401, which the host answers for a missing key and for a
  // wrong one. sent is the key of the request.
  const patience = 300; // milliseconds for other tabs to answer
  const refused = (sent) => {
    if (sent && sent === get()) { rejected = true; drop(); say({ rejected: sent }); }
    if (get()) return unlocked(); // it changed while the request was under way
    if (rejected) return ask();
    say({ ask: true });
    setTimeout(() => { if (!get()) ask(); }, patience);
  };

  // The key is kept when the service has accepted it.
  document.addEventListener("submit", async (e) => {
    if (e.target.id !== "key-form") return;
    e.preventDefault();
    const field = $("#key-field"), button = $("#key-form [type=submit]"), given = field.value.trim();
    let status = 401;
    button.disabled = true;
    if (/^[\x21-\x7e]+$/.test(given)) { // other text cannot be in a header
      const url = `${document.documentElement.dataset.prefix}/jobs/types`;
      status = await fetch(url, { headers: { "x-functions-key": given }, cache: "no-store" }).then((r) => r.status, () => 0);
    }
    button.disabled = false;
    if (status === 0) return explain("The service cannot be reached.");
    if (status === 401) { explain("The key was not accepted."); return field.select(); }
    const remember = $("#key-remember").checked;
    keep(given, remember);
    say({ key: given, remember });
    field.value = "";
    unlocked();
  });
  document.addEventListener("click", (e) => {
    if (!e.target.closest('[data-act="forget-key"]')) return;
    write("device", String(Date.now()), "key-epoch");
    say({ forget: true });
    lock();
  });
  document.addEventListener("DOMContentLoaded", showForget);

  window.dashboard.key = { get, ask, refused };
})();
