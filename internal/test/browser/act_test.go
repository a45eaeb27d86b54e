package browser

import (
	"fmt"
	"testing"
)

func cancelJob(t *testing.T, w *world) {
	id := w.submit(t, "tile_index", `{"n":200,"held":"never"}`)
	b := w.open(t)
	b.visit("/jobs/" + id.String())
	b.shows("#live-state", "Live")
	b.mark()
	b.until("!document.querySelector('[commandfor=ask-cancel]').disabled")
	b.click("[commandfor=ask-cancel]")
	b.shows("#ask-cancel", "Cancel tile_index")
	b.click("#cancel-yes")
	b.shows("#toasts", "Cancelling")
	b.shows("#head .badge", "cancelled")
	b.shows("#live-state", "Final")

	if !b.marked() {
		t.Error("the page was reloaded")
	}
}

func retryJob(t *testing.T, w *world) {
	id := w.submit(t, "tile_index", `{"n":500,"broken":true,"source":"to retry"}`)
	b := w.open(t)
	b.visit("/jobs/" + id.String())
	b.shows("#head .badge", "completed with errors")
	b.shows("#failed", "tasks failed in measure")
	b.shows("#failed", "connection reset by peer")
	b.mark()
	b.until("!document.querySelector('[commandfor=ask-retry]').disabled")
	b.click("[commandfor=ask-retry]")
	b.shows("#ask-retry", "as attempt 2")
	b.click("#retry-yes")
	b.shows("#head .facts", "attempt 2")
	b.shows("#head .badge", "completed with errors")

	if !b.marked() {
		t.Error("the page was reloaded")
	}
}

func filterAndPage(t *testing.T, w *world) {
	for i := range 60 {
		w.submit(t, "zero", fmt.Sprintf(`{"seed":%d}`, i))
	}

	b := w.open(t)
	b.visit("")
	b.eval(
		`(() => {
			const s = document.querySelector("[name=type]");
			s.value = "zero";
			s.dispatchEvent(new Event("change", { bubbles: true }));
		})()`,
		nil,
	)
	b.until("location.search.includes('type=zero')")
	b.until("document.querySelectorAll('#rows tr').length === 50")

	var first string
	b.eval("document.querySelector('#rows tr').id", &first)
	b.click("nav.pages a[rel=next]")
	b.until("location.search.includes('cursor=')")
	b.until(
		"document.querySelectorAll('#rows tr').length >= 10 && " +
			"[...document.querySelectorAll('#rows .what a')].every((a) => a.innerText === 'zero')",
	)

	var again bool
	if b.eval(fmt.Sprintf("document.getElementById(%q) !== null", first), &again); again {
		t.Error("the second page begins with the first")
	}

	b.click("nav.pages a[rel=prev]")
	b.until(fmt.Sprintf("!location.search.includes('cursor=') && document.getElementById(%q)", first))
	b.click("nav.pages a[rel=next]")
	b.until("location.search.includes('cursor=')")

	for i := range 3 {
		w.submit(t, "zero", fmt.Sprintf(`{"seed":%d}`, 60+i))
	}

	b.shows("#news", "3 new jobs")
	b.click("#news a")
	b.until("!location.search.includes('cursor=') && document.querySelectorAll('#rows tr').length === 50")
	b.shows("#live-state", "Live")
	b.click("#live-state")
	b.shows("#live-state", "Paused")
	w.submit(t, "zero", `{"seed":63}`)
	b.shows("#news", "1 new job")
	b.click("#live-state")
	b.until("document.querySelector('#news').hidden")
	b.visit("?status=failed&type=zero")
	b.shows(".empty", "No job matches")
	b.click(".empty a.button")
	b.until("!location.search.includes('status=')")
}

func redrive(t *testing.T, w *world) {
	id := w.submit(t, "hello_world", `{"n":950,"message":"held redrive"}`)
	b := w.open(t)
	b.visit("/jobs/" + id.String())
	b.until(
		"Number(document.querySelector('#figures dd').innerText.split(' ')[0].replace(/\\D/g, '')) >= 900",
	)
	w.release(t, "redrive")
	b.shows("#head .badge", "completed")

	if _, err := w.pool.Exec(
		t.Context(),
		`insert into messages (job_id, queue, kind, first, dead_reason) values ($1, 2, 2, 7, `+
			`'MaxDeliveryCountExceeded')`,
		id[:],
	); err != nil {
		t.Fatal(err)
	}

	b.visit("/queues/tasks/dead")
	b.shows("#reasons", "MaxDeliveryCountExceeded")
	b.click("#reasons td.act button")
	b.shows("#reasons dialog[open]", "Redrive 1 message?")
	b.click("#reasons dialog[open] [data-send]")
	b.shows("#toasts", "redriven")
	b.shows("#page", "No dead letters")
}
