package browser

import (
	"fmt"
	"testing"
	"time"

	"coremachine/internal/clock"
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

// bulkDelete deletes the jobs of a page, but not those that were not selected.
func bulkDelete(t *testing.T, w *world) {
	for i := range 4 {
		w.submit(t, "wide", fmt.Sprintf(`{"n":0,"seed":%d}`, i))
	}

	ended := func(n int) string {
		return fmt.Sprintf(`document.querySelectorAll("#rows tr[data-status=completed]").length === %d`, n)
	}

	b := w.open(t)
	b.visit("?type=wide")
	b.until(ended(4))

	var spared string
	b.eval("document.querySelector('#rows tr').dataset.job", &spared)
	b.click("#rows tr:last-child [data-pick]")
	b.shows("#bulk", "1 selected")
	b.click("[data-pick-all]")
	b.shows("#bulk", "4 selected")
	b.click("#rows tr:first-child [data-pick]")
	b.shows("[data-bulk=delete]", "Delete 3 jobs")
	b.click("[data-bulk=delete]")
	b.shows("#ask-bulk", "Delete 3 jobs?")
	b.shows("#bulk-text", "3 wide completed. Their tasks and results are deleted too.")
	b.until("document.activeElement.value === 'no'")
	b.click("#bulk-go")
	b.until(ended(1))
	b.until(fmt.Sprintf("document.querySelector('#rows tr').dataset.job === %q", spared))

	var left int

	err := w.pool.QueryRow(t.Context(), "select count(*) from jobs where job_type = 'wide'").Scan(&left)
	if err != nil {
		t.Fatal(err)
	}

	if left != 1 {
		t.Errorf("%d jobs are left, want the one that was not selected", left)
	}
}

// await waits until a query counts n rows.
func (w *world) await(t testing.TB, n int, query string) {
	t.Helper()

	for end, got := time.Now().Add(patience), -1; got != n; {
		if err := w.pool.QueryRow(t.Context(), query).Scan(&got); err != nil {
			t.Fatal(err)
		}

		if time.Now().After(end) {
			t.Fatalf("%s is %d, want %d", query, got, n)
		}

		clock.Sleep(t.Context(), 30*time.Millisecond)
	}
}

// bulkRetry retries all jobs that match a filter, which are more than a page
// shows, with three clicks. It then selects jobs on a phone.
func bulkRetry(t *testing.T, w *world) {
	const jobs = 52

	for i := range jobs {
		w.submit(t, "flaky", fmt.Sprintf(`{"n":%d,"times":3,"how":"permanent"}`, i+1))
	}

	w.await(t, jobs, "select count(*) from jobs where job_type = 'flaky' and status = 'failed'")

	b := w.open(t)
	b.visit("?type=flaky&status=failed")
	b.until("document.querySelectorAll('#rows tr').length === 50")

	var gap float64
	b.eval(`(() => {
		document.querySelector("#bulk").hidden = false;
		const at = (s) => document.querySelector(s + ":not([data-every])").getBoundingClientRect();
		const gap = at("[data-bulk=cancel]").left - at("[data-bulk=retry]").right;
		document.querySelector("#bulk").hidden = true;
		return gap;
	})()`, &gap)

	if gap < 24 {
		t.Errorf("a destructive button stands %.0f pixels from the one before it", gap)
	}

	b.click("[data-pick-all]")
	b.click("[data-bulk=retry][data-every]")
	b.shows("#ask-bulk", fmt.Sprintf("Retry %d jobs?", jobs))
	b.shows("#bulk-text", fmt.Sprintf("%d flaky failed. Unfinished tasks run again", jobs))
	b.click("#bulk-go")
	b.shows("#toasts", fmt.Sprintf("Retry: %d jobs.", jobs))

	b.size(390, 844)
	b.visit("?type=flaky")
	b.click("#rows tr:first-child .pick label")
	b.shows("#bulk", "1 selected")
	b.click("thead .pick label")
	b.shows("#bulk", "50 selected")
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
	id := w.submit(t, "hello_world", `{"n":150,"message":"held redrive"}`)
	b := w.open(t)
	b.visit("/jobs/" + id.String())
	b.until(
		"Number(document.querySelector('#figures dd').innerText.split(' ')[0].replace(/\\D/g, '')) >= 100",
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
