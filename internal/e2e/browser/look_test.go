package browser

import (
	"fmt"
	"strings"
	"testing"
)

// pagesOf are all pages, of a tile_index job where they are a job's. The last is of a job that there is not.
func pagesOf(job string) []string {
	return []string{
		"", "?status=failed", "/types", "/types/hello_world", "/queues", "/queues/tasks/dead", "/sweeps", "/health", "/docs",
		"/jobs/" + job, "/jobs/" + job + "/events", "/jobs/" + job + "/stages/measure", "/jobs/" + job + "/stages/measure?view=list",
		"/jobs/" + job + "/stages/measure/tasks/57", missing,
	}
}

const missing = "/jobs/ffffffff"

// aboutMissing is what the console says of that job.
func aboutMissing(message string) bool { return strings.Contains(message, missing) }

// failedJob has failures in one of its arms, and has ended.
func (w *world) failedJob(t *testing.T, b *tab, source string) string {
	t.Helper()
	job := w.submit(t, "tile_index", fmt.Sprintf(`{"n":300,"broken":true,"source":%q}`, source)).String()
	b.visit("/jobs/" + job)
	b.shows("#live-state", "Final")
	return job
}

// cells waits for the drawing of tasks, which is loaded when it is seen; on a page without one it does nothing.
func (b *tab) cells() {
	b.t.Helper()
	b.eval("document.querySelector('#grid-box')?.scrollIntoView()", nil)
	b.until("!document.querySelector('#grid-box') || document.querySelector('#grid-box svg')")
}

// textSizes sees that no page has text of more than three sizes, what fields hold and what drawings say included. A drawing counts by the
// size that it has where it need not shrink.
func textSizes(t *testing.T, w *world) {
	b := w.open(t)
	job := w.failedJob(t, b, "sizes")
	b.mute = aboutMissing
	for _, width := range []int64{1280, 390} {
		b.size(width, 900)
		for _, page := range pagesOf(job) {
			b.visit(page)
			b.cells()
			var sizes map[string]string
			b.eval(`(() => {
				const sizes = {};
				const see = (el, pseudo, text) => {
					let px = parseFloat(getComputedStyle(el, pseudo).fontSize);
					const svg = el.closest("svg");
					if (svg) px *= svg.width.baseVal.value / svg.viewBox.baseVal.width;
					sizes[px] ??= text.trim().slice(0, 40);
				};
				for (const el of document.body.querySelectorAll("*")) {
					const { width, height } = el.getBoundingClientRect();
					if (width <= 1 || height <= 1 || !el.checkVisibility({ visibilityProperty: true })) continue;
					const text = [...el.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("");
					if (text.trim()) see(el, null, text);
					if (el.matches("select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])")) see(el, null, "a field");
					for (const pseudo of ["::before", "::after"]) if (!["none", "normal"].includes(getComputedStyle(el, pseudo).content)) see(el, pseudo, pseudo);
				}
				return sizes;
			})()`, &sizes)
			if len(sizes) > 3 || len(sizes) < 2 {
				t.Errorf("%q, %d pixels wide, has text of %d sizes: %v", page, width, len(sizes), sizes)
			}
		}
	}
}
