package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// about401 reports whether a console message is about a rejected request.
func about401(message string) bool { return strings.Contains(message, "status of 401") }

func TestDashboardWithKey(t *testing.T) {
	t.Parallel()

	w := start(t, "sesame")
	for name, test := range map[string]func(*testing.T, *world){
		"OneTab":   keyOfOneTab,
		"AllTabs":  keyOfAllTabs,
		"Remember": keyOfDevice,
		"Replaced": keyReplaced,
		"Picture":  pictureWithKey,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// locked waits for the prompt. why is the text that says what is wrong.
func (b *tab) locked(why string) {
	b.t.Helper()
	b.until("document.querySelector('#key').open")
	b.shows("#key", why)

	if text := b.text("#main"); strings.Contains(text, "hello_world") {
		b.t.Errorf("without a key the page shows %s", text)
	}
}

// unlock enters a key.
func (b *tab) unlock(key string) {
	b.t.Helper()
	b.enter("#key-field", key)
	b.click("#key-form button[type=submit]")
}

// neverAsked checks that the prompt was not shown since the page was loaded.
func (b *tab) neverAsked() {
	b.t.Helper()

	var asked bool
	if b.eval("window.asked === true", &asked); asked {
		b.t.Error("the tab asked for the key")
	}
}

// watchPrompt makes each page that the tab loads note that the prompt was shown.
func (b *tab) watchPrompt() {
	b.t.Helper()
	b.prepare(`
		const show = HTMLDialogElement.prototype.showModal;
		HTMLDialogElement.prototype.showModal = function () {
			if (this.id === "key") window.asked = true;
			show.call(this);
		};`)
}

// awaitOtherTabs makes each page that the tab loads wait half a minute for the
// key of another tab, which has 300 ms otherwise. A busy machine needs more.
// The page waits as usual again after the returned function was called.
func (b *tab) awaitOtherTabs() (stop func()) {
	b.t.Helper()

	return b.prepare(`
		const later = window.setTimeout;
		window.setTimeout = (f, ms, ...of) => later(f, ms === 300 ? 30000 : ms, ...of);`)
}

// prepare runs a script in each page that the tab loads, before the scripts of
// the page, until stop is called.
func (b *tab) prepare(script string) (stop func()) {
	b.t.Helper()

	id, err := chromedp.Call(b.ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	if err != nil {
		b.t.Fatal(err)
	}

	return func() {
		b.t.Helper()

		params := page.RemoveScriptToEvaluateOnNewDocumentParams(id)
		if _, err := chromedp.Call(b.ctx, page.RemoveScriptToEvaluateOnNewDocument, params); err != nil {
			b.t.Fatal(err)
		}
	}
}

func keyOfOneTab(t *testing.T, w *world) {
	id := w.submit(t, "hello_world", `{"n":150,"message":"held keys"}`)
	b := w.open(t)
	b.mute = about401 // the browser logs the rejected requests
	b.begin("/jobs/" + id.String())
	b.locked("This service needs a key.")

	var form []string
	b.eval(`[...document.querySelectorAll("#key-form input[autocomplete]")]
		.map((el) => el.type + " " + el.autocomplete)`, &form)

	if got := strings.Join(form, ", "); got != "text username, password current-password" {
		t.Errorf("a password manager finds %s", got)
	}

	b.unlock("wrong")
	b.shows("#key-wrong", "The key was not accepted.")
	b.unlock("sesame")
	b.shows("h1", "hello_world")
	b.shows("#live-state", "Live")
	b.mark()
	w.release(t, "keys")
	b.shows("#head .badge", "completed")

	if !b.marked() {
		t.Error("the page was reloaded")
	}

	var kept []string
	b.eval(
		"[sessionStorage.getItem('key'), JSON.stringify(localStorage), document.cookie, location.href]",
		&kept,
	)

	if kept[0] != "sesame" || strings.Contains(strings.Join(kept[1:], " "), "sesame") {
		t.Errorf("the key is kept as %q", kept)
	}

	b.visit("") // the key is still known
	b.shows("#rows", "hello_world")
}

func keyOfAllTabs(t *testing.T, w *world) {
	id := w.submit(t, "hello_world", `{"n":3,"message":"tabs"}`)
	first := w.open(t)
	first.mute = about401
	first.begin("/jobs/" + id.String())
	first.locked("This service needs a key.")

	second := first.another(w)
	second.mute = about401
	second.begin("/jobs/" + id.String())
	second.locked("This service needs a key.")
	first.unlock("sesame")
	first.shows("h1", "hello_world")
	second.shows("h1", "hello_world")
	second.until("!document.querySelector('#key').open")

	third := first.another(w)
	third.mute = about401
	third.watchPrompt()
	usual := third.awaitOtherTabs()
	third.begin("/jobs/" + id.String())
	third.shows("h1", "hello_world")
	third.neverAsked()
	usual()

	third.click(`[data-act="forget-key"]`)

	for _, b := range []*tab{first, second, third} {
		b.locked("This service needs a key.")

		var kept string
		if b.eval("(sessionStorage.getItem('key') ?? '') + (localStorage.getItem('key') ?? '')", &kept); kept != "" {
			t.Errorf("a tab keeps %q after the key was forgotten", kept)
		}
	}
}

func keyOfDevice(t *testing.T, w *world) {
	w.submit(t, "hello_world", `{"n":3,"message":"device"}`)
	window := w.open(t)
	first := window.another(w)
	first.mute = about401
	first.begin("")
	first.locked("This service needs a key.")
	first.click("#key-remember")
	first.unlock("sesame")
	first.shows("#rows", "hello_world")
	first.close()

	second := window.another(w)
	second.watchPrompt()
	second.visit("")
	second.shows("#rows", "hello_world")
	second.neverAsked()
	second.click(`[data-act="forget-key"]`)
	second.mute = about401
	second.locked("This service needs a key.")
}

// keyReplaced checks a tab whose key is no longer valid.
func keyReplaced(t *testing.T, w *world) {
	id := w.submit(t, "hello_world", `{"n":3,"message":"replaced"}`)
	b := w.open(t)
	b.mute = about401
	b.begin("/types/hello_world")
	b.locked("This service needs a key.")
	b.unlock("sesame")
	b.shows("h1", "hello_world")
	b.eval("sessionStorage.setItem('key', 'old')", nil)
	b.enter("#submit [name=message]", "typed before")
	b.click("#submit-check")
	b.until("document.querySelector('#key').open")
	b.shows("#key-wrong", "The key was not accepted.")
	b.unlock("sesame")
	b.until("!document.querySelector('#key').open")
	b.click("#submit-check")
	b.shows("#submit-answer", "The parameters are valid.")

	var typed string
	if b.eval("document.querySelector('#submit [name=message]').value", &typed); typed != "typed before" {
		t.Errorf("the form contains %q after the key was entered again", typed)
	}

	b.eval("sessionStorage.setItem('key', 'old')", nil)
	b.begin("/jobs/" + id.String())
	b.locked("The key was not accepted.")

	var kept string
	if b.eval("sessionStorage.getItem('key') ?? ''", &kept); kept != "" {
		t.Errorf("the tab keeps %q, which was not accepted", kept)
	}

	b.unlock("sesame")
	b.shows("h1", "hello_world")
}
