package browser

import (
	"strings"
	"testing"
)

// about401 reports whether a console message is about a rejected request.
func about401(message string) bool { return strings.Contains(message, "status of 401") }

func TestDashboardWithKey(t *testing.T) {
	t.Parallel()
	w := start(t, "sesame")
	id := w.submit(t, "hello_world", `{"n":950,"message":"held keys"}`)
	b := w.open(t)
	b.mute = about401 // the browser logs the rejected requests
	b.begin("/jobs/" + id.String())
	b.until("document.querySelector('#key').open")

	if text := b.text("#main"); strings.Contains(text, "hello_world") {
		t.Errorf("without a key the page shows %s", text)
	}

	b.enter("#key-field", "wrong")
	b.click("#key-form button[type=submit]")
	b.until("document.querySelector('#key').open && !document.querySelector('#key-wrong').hidden")
	b.enter("#key-field", "sesame")
	b.click("#key-form button[type=submit]")
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
