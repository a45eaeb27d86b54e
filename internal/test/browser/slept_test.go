package browser

import (
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// sleptTab freezes a page in the background for an hour, as a browser freezes a
// tab, and shows it again.
func sleptTab(t *testing.T, w *world) {
	b := w.heldJob(t, "slept")

	lifecycle := func(state page.SetWebLifecycleStateState) {
		t.Helper()

		params := page.SetWebLifecycleStateParams{State: state}
		if _, err := chromedp.Call(b.ctx, page.SetWebLifecycleState, params); err != nil {
			t.Fatal(err)
		}
	}

	// What the page believes about itself does not depend on the window that the
	// test has.
	visible := func(hidden bool) {
		t.Helper()

		state := map[bool]string{true: "'hidden'", false: "'visible'"}[hidden]
		flag := map[bool]string{true: "true", false: "false"}[hidden]
		b.eval(`(() => {
			Object.defineProperty(document, "hidden", { configurable: true, get: () => `+flag+` });
			Object.defineProperty(document, "visibilityState", { configurable: true, get: () => `+state+` });
			document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
		})()`, nil)
	}

	visible(true)
	lifecycle("frozen")
	lifecycle("active")
	b.eval("(() => { const now = Date.now; Date.now = () => now() + 3600000; })()", nil)

	var connected int
	if b.eval("window.connected", &connected); connected != 0 {
		t.Error("a hidden page connects")
	}

	visible(false)
	b.recovers(w, "slept")
}
