package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// zones switches times to the zone of the browser and back. The browser keeps the
// choice.
func zones(t *testing.T, w *world) {
	b := w.open(t)
	job := w.failedJob(t, b, "zones")

	set := emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Kolkata"}
	if _, err := chromedp.Call(b.ctx, emulation.SetTimezoneOverride, set); err != nil {
		t.Fatal(err)
	}

	const entry = "#events li time"

	ends := func(zone string) {
		t.Helper()
		b.until(`document.querySelector("` + entry + `").innerText.endsWith("` + zone + `")`)
	}

	b.visit("/jobs/" + job)
	ends(" UTC")

	utc := b.text(entry)
	b.click(`[data-act="zone"]`)
	ends(" +05:30")

	if got := b.text(entry); got[:16] == utc[:16] || !strings.HasSuffix(got[:23], utc[19:23]) {
		t.Errorf("%s is %s in the zone of the browser", utc, got)
	}

	b.visit("/jobs/" + job + "/events")
	b.until(`document.querySelector(".events time").innerText.endsWith(" +05:30")`)
	b.click(`[data-act="zone"]`)
	b.until(`document.querySelector(".events time").innerText.endsWith(" UTC")`)
}

// narrow looks at the list of jobs and the timeline on a phone, and at the targets
// of the API reference on a desktop.
func narrow(t *testing.T, w *world) {
	b := w.open(t)
	job := w.failedJob(t, b, "narrow")

	b.visit("/docs")

	var small int
	if b.eval(`[...document.querySelectorAll(".docs a")].filter((a) => {
		const { width, height } = a.getBoundingClientRect();
		return height < 23.9 || width < 23.9;
	}).length`, &small); small > 0 {
		t.Errorf("%d links of the API reference are smaller than 24 pixels", small)
	}

	b.size(390, 844)
	b.visit("")

	var height float64
	b.eval(`Math.max(...[...document.querySelectorAll("#rows tr")].map((r) => r.offsetHeight))`, &height)

	if height > 190 {
		t.Errorf("a row of the list of jobs is %.0f pixels high", height)
	}

	b.visit("/jobs/" + job)

	var over string
	if b.eval(`(() => {
		const seen = [...document.querySelectorAll("#timeline svg")].filter((s) => s.checkVisibility());
		if (seen.length === 0) return "nothing";
		return seen.filter((s) => s.getBoundingClientRect().right > innerWidth).length ? "a wider drawing" : "";
	})()`, &over); over != "" {
		t.Errorf("the timeline on a phone has %s", over)
	}
}
