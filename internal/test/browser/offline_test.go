package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// heldJob opens a running job whose last tasks wait for a gate, and counts from
// then on how often the page connects, and how often it fails to.
func (w *world) heldJob(t *testing.T, gate string) *tab {
	t.Helper()

	b := w.open(t)
	b.visit("/jobs/" + w.submit(t, "hello_world", `{"n":150,"message":"held `+gate+`"}`).String())
	b.shows("#live-state", "Live")
	b.mark()
	b.eval(`(() => {
		window.connected = window.failed = 0;
		document.addEventListener("htmx:sse:after:connection", () => { window.connected++; });
		document.addEventListener("htmx:sse:error", () => { window.failed++; });
	})()`, nil)

	return b
}

// recovers waits until the page is live over a new connection, and expects it to
// show the end of the job.
func (b *tab) recovers(w *world, gate string) {
	b.t.Helper()
	b.until("window.connected > 0")
	b.shows("#live-state", "Live")
	w.release(b.t, gate)
	b.shows("#head .badge", "completed")
	b.shows("#live-state", "Final")

	if !b.marked() {
		b.t.Error("the page was reloaded")
	}
}

// offlineTab takes the network away from a browser and returns it.
func offlineTab(t *testing.T, w *world) {
	b := w.heldJob(t, "offline")
	b.mute = func(message string) bool {
		return strings.Contains(message, "Failed to fetch") || strings.Contains(message, "ERR_BLOCKED")
	}

	online := func(is bool) {
		t.Helper()

		params := network.OverrideNetworkStateParams{Offline: !is, DownloadThroughput: -1, UploadThroughput: -1}
		if _, err := chromedp.Call(b.ctx, network.OverrideNetworkState, params); err != nil {
			t.Fatal(err)
		}

		fails := network.SetBlockedURLsParams{} // the override changes what the page knows, and cuts nothing
		if !is {
			fails.URLPatterns = []*network.BlockPattern{{URLPattern: "*://*:*/*/live", Block: true}}
		}

		if _, err := chromedp.Call(b.ctx, network.SetBlockedURLs, fails); err != nil {
			t.Fatal(err)
		}
	}

	online(false)
	b.shows("#live-state", "Offline")
	b.eval("void document.querySelector('#live')._htmx.sse.reader.cancel()", nil)
	b.until("window.failed > 1")
	b.shows("#live-state", "Offline")
	b.shows("#live-age", "data of ")
	online(true)
	b.recovers(w, "offline")
}
