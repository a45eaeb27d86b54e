package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// pagesOf lists all pages, those of a job for the given job. The last one is of
// a job that does not exist.
func pagesOf(job string) []string {
	return []string{
		"",
		"?status=failed",
		"/types",
		"/types/hello_world",
		"/types/nested",
		"/schedules",
		"/schedules/nightly",
		"/trends",
		"/trends?window=24h&type=hello_world",
		"/queues",
		"/queues/tasks/dead",
		"/sweeps",
		"/health",
		"/docs",
		"/help/operations",
		"/jobs/" + job,
		"/jobs/" + job + "/failures",
		"/jobs/" + job + "/events",
		"/jobs/" + job + "/runs/1",
		"/jobs/" + job + "/compare",
		"/jobs/" + job + "/stages/measure",
		"/jobs/" + job + "/stages/measure?view=list",
		"/jobs/" + job + "/stages/measure/tasks/57",
		missing,
	}
}

const missing = "/jobs/ffffffff"

// aboutInvalid reports whether a console message is about a rejected submit.
func aboutInvalid(message string) bool { return strings.Contains(message, "status of 400") }

// aboutMissing reports whether a console message is about that missing job.
func aboutMissing(message string) bool { return strings.Contains(message, missing) }

// failedJob submits a job with failures in one of its branches, and waits for
// its end.
func (w *world) failedJob(t *testing.T, b *tab, source string) string {
	t.Helper()
	job := w.submit(t, "tile_index", fmt.Sprintf(`{"n":300,"broken":true,"source":%q}`, source)).String()
	b.visit("/jobs/" + job)
	b.shows("#live-state", "Final")

	return job
}

// cells waits for the drawing of tasks, which is loaded when it becomes
// visible. On a page without one it does nothing.
func (b *tab) cells() {
	b.t.Helper()
	b.eval("document.querySelector('#grid-box')?.scrollIntoView()", nil)
	b.until("!document.querySelector('#grid-box') || document.querySelector('#grid-box svg')")
}

// everyPage opens every page once, since no script of a page asks for the theme
// or the width. It runs axe-core in both themes and at the width of a phone, and
// then checks the sizes of text and targets.
func everyPage(t *testing.T, w *world) {
	b := w.open(t)
	job := w.failedJob(t, b, "every page")
	b.mute = aboutMissing

	for i, reason := range []string{"MaxDeliveryCountExceeded", "worker_lost"} {
		const set = `insert into messages (job_id, queue, kind, first, dead_reason)
			values (decode($1, 'hex'), 3, 2, $2, $3)`
		if _, err := w.pool.Exec(t.Context(), set, job, i, reason); err != nil {
			t.Fatal(err)
		}
	}

	pages := append(
		pagesOf(job),
		"/queues/long-tasks/dead",
		"/queues/long-tasks/dead?reason=worker_lost",
		"/jobs/"+job+"/stages/measure?view=list&from=10&to=99",
	)
	for _, page := range pages {
		b.visit(page)

		for _, look := range []string{"light", "dark", "phone"} {
			b.look(look)

			for _, found := range b.axe() {
				t.Errorf("%s of %q: %s", look, page, found)
			}
		}

		for _, width := range []int64{1280, 390} {
			b.size(width, 844)
			b.cells()
			b.textSizes(page, width)
		}

		b.targets(page)
	}
}

// textSizes checks that a page has text in at most three sizes, including form
// fields and drawings. A drawing counts with its size at full width.
func (b *tab) textSizes(page string, width int64) {
	b.t.Helper()

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
			if (el.matches("select, textarea, input:not([type=hidden], [type=checkbox], [type=radio])")) {
				see(el, null, "a field");
			}
			for (const pseudo of ["::before", "::after"]) {
				if (!["none", "normal"].includes(getComputedStyle(el, pseudo).content)) see(el, pseudo, pseudo);
			}
		}
		return sizes;
	})()`, &sizes)

	if len(sizes) > 3 || len(sizes) < 2 {
		b.t.Errorf("%q, %d pixels wide, has text of %d sizes: %v", page, width, len(sizes), sizes)
	}
}

// targets checks that a page can be used with a thumb on a phone: each control,
// in dialogs too, is at least 44 pixels high and wide and contains its text,
// and the page does not scroll sideways. As in WCAG 2.5.8, a link in a sentence
// is exempt. So is a control with an equivalent on the same page: a time, which
// the button "Exact times" shows, and a bar of the timeline, which leads to the
// same page as the table of stages. It opens what can be opened.
func (b *tab) targets(page string) {
	b.t.Helper()
	b.eval("document.querySelectorAll('details').forEach((d) => { d.open = true; })", nil)
	b.until("!document.querySelector('.slow .slot') || document.querySelector('.slow .slot h3')")

	var small []string
	b.eval(`(() => {
		const area = (el) => {
			const boxes = [el, ...(el.labels ?? [])].map((e) => e.getBoundingClientRect());
			return [Math.max(...boxes.map((r) => r.width)), Math.max(...boxes.map((r) => r.height))];
		};
		const sentence = (a) => a.matches("p a, li a, dd a, td a, section > a")
			&& getComputedStyle(a).display === "inline"
			&& a.parentElement.textContent.replaceAll(a.textContent, "").trim().length > 3;
		const controls = "a[href], button, select, summary, textarea, input:not([type=hidden])";
		const within = (part) => [...part.querySelectorAll(controls)]
			.filter((el) => el.checkVisibility({ visibilityProperty: true }))
			.filter((el) => getComputedStyle(el).pointerEvents !== "none")
			.filter((el) => !el.matches(".skip") && !(el.matches("a") && sentence(el)))
			.filter((el) => area(el).some((px) => px < 43.9)
				|| el.clientWidth > 0 && el.scrollWidth > el.clientWidth + 1 && el.matches("a, button"))
			.map((el) => area(el).map(Math.round).join(" by ") + ": " + el.outerHTML.slice(0, 120));
		const small = within(document);
		for (const dialog of document.querySelectorAll("dialog")) {
			dialog.showModal();
			small.push(...within(dialog));
			dialog.close();
		}
		return small;
	})()`, &small)

	for _, target := range small[:min(len(small), 5)] {
		b.t.Errorf("%q has a target that is too small, or does not contain its text: %s", page, target)
	}

	var over int
	if b.eval("document.documentElement.scrollWidth - innerWidth", &over); over > 0 {
		b.t.Errorf("%q is %d pixels wider than a phone", page, over)
	}
}

// greyPrint checks that a print without colour shows whether a job failed, in
// words and numbers and in the greys of the cells. Controls are not printed.
func greyPrint(t *testing.T, w *world) {
	b := w.open(t)

	job := w.failedJob(t, b, "print")
	for _, page := range []string{"/jobs/" + job, "/jobs/" + job + "/stages/measure"} {
		b.visit(page)
		b.cells()

		media := emulation.SetEmulatedMediaParams{Media: "print"}
		if _, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, media); err != nil {
			t.Fatal(err)
		}

		var shown struct {
			Text    string
			Figure  string
			Pressed []string
			Greys   []float64 // lightness of failed and of completed cells
		}
		b.eval(`(() => {
			const seen = (el) => el.checkVisibility({ visibilityProperty: true });
			const grey = (sel) => {
				const parts = getComputedStyle(document.querySelector(sel)).fill.match(/\d+/g)
					.map((v) => v / 255)
					.map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
				return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
			};
			return {
				text: document.body.innerText, figure: document.querySelector(".figures .bad").innerText,
				pressed: [...document.querySelectorAll("button, select, input, nav a")]
					.filter((el) => seen(el) && !el.closest(".crumbs"))
					.map((el) => el.outerHTML),
				greys: [grey("#cells .f-failed"), grey("#cells .f-completed")],
			};
		})()`, &shown)

		for _, want := range []string{"completed", "2 failed"} {
			if !strings.Contains(strings.Join(strings.Fields(shown.Text), " "), want) {
				t.Errorf("the print of %s does not contain %q:\n%s", page, want, shown.Text)
			}
		}

		if strings.Join(strings.Fields(shown.Figure), " ") != "Failed 2" {
			t.Errorf("the print of %s says %q for failed tasks", page, shown.Figure)
		}

		if len(shown.Pressed) > 0 {
			t.Errorf("the print of %s contains controls: %q", page, shown.Pressed)
		}

		if contrast := (shown.Greys[1] + 0.05) / (shown.Greys[0] + 0.05); contrast < 2 {
			t.Errorf("cells that failed and cells that completed have greys of contrast %.1f", contrast)
		}
	}
}

// maxShift is the limit of layout shift under which a page counts as good:
// https://web.dev/articles/cls has 0.1.
const maxShift = 0.05

// nothingJumps watches a page from its first byte while its job runs to its end.
// What moves without a press or a key adds to the layout shift.
func nothingJumps(t *testing.T, w *world) {
	b := w.open(t)
	b.visit("/jobs/" + w.submit(t, "hello_world", `{"n":950,"message":"held jump"}`).String())
	b.eval(`(window.shift = 0, new PerformanceObserver(list => list.getEntries().forEach(e => {
		if (!e.hadRecentInput) {
			window.shift += e.value
			window.shifts = (window.shifts ?? '') + e.value.toFixed(4) + ' ' + e.sources.map(s =>
				(s.node?.id || s.node?.className || s.node?.nodeName) + ' ' +
				s.previousRect.y + '→' + s.currentRect.y).join(', ') + '\n'
		}
	})).observe({type: 'layout-shift', buffered: true}))`, nil)
	b.shows("#live-state", "Live")
	w.release(t, "jump")
	b.shows("#live-state", "Final")

	var shift float64

	b.eval("window.shift", &shift)

	if shift > maxShift {
		var moved string

		b.eval("window.shifts", &moved)
		t.Errorf("the layout shift is %.3f, want at most %.2f:\n%s", shift, maxShift, moved)
	}
}
