package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is the maximum time until a page shows the expected content, on a
// busy machine.
const patience = 3 * time.Minute

// maxBusy is how often a tab may request a page again because the server was
// busy, and how many other requests of the tab it may reject for that reason.
const maxBusy = 5

// tab is one window with its own storage.
type tab struct {
	t     testing.TB
	ctx   context.Context
	root  string          // the address of the dashboard
	busy  int             // pages requested again because the server was busy
	later int             // other requests that the server rejected because it was busy
	more  func() []string // console messages since the last call
	mute  func(message string) bool
	close func() // closes the tab before the test ends
}

// open opens a window for the test. When the test ends, its console must be
// empty.
func (w *world) open(t testing.TB) *tab {
	t.Helper()

	return w.tab(w.browser, t, chromedp.WithNewBrowserContext())
}

// another opens another tab of the same window, which shares its storage.
func (b *tab) another(w *world) *tab {
	b.t.Helper()

	return w.tab(b.ctx, b.t)
}

func (w *world) tab(parent context.Context, t testing.TB, options ...chromedp.ContextOption) *tab {
	t.Helper()

	ctx, cancel := chromedp.NewContext(parent, options...)
	t.Cleanup(cancel)

	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}

	b := &tab{t: t, ctx: ctx, root: w.host.URL() + "/ui", mute: func(string) bool { return false }}
	b.close = func() { // its console is read first
		b.quiet()
		cancel()
	}
	messages := chromedp.Console(ctx)
	b.more = func() (lines []string) {
		end := "end of the console"
		b.eval(fmt.Sprintf("console.debug(%q)", end), nil)

		for m, err := range messages {
			if err != nil || m.Text == end {
				return lines
			}

			lines = append(lines, fmt.Sprintf("%s %s (%s:%d)", m, m.Source, m.URL, m.Line))
		}

		return lines
	}
	b.size(1280, 900)
	t.Cleanup(func() {
		if ctx.Err() == nil {
			b.quiet()
		}
	})

	return b
}

// quiet checks that the console is empty. The browser logs requests that a busy
// server rejects, which pages repeat. It also notes that a test clicked before
// the page was drawn: then it gives the focus to no button of a closed dialog.
func (b *tab) quiet() {
	b.t.Helper()

	for _, m := range b.more() {
		if strings.Contains(m, "status of 503") && b.later < b.busy+maxBusy {
			b.later++
			continue
		}

		if !b.mute(m) && !strings.Contains(m, "Autofocus processing was blocked") {
			b.t.Errorf("the console contains %s", m)
		}
	}
}

func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

// scheme sets the system's theme to "light" or "dark".
func (b *tab) scheme(name string) {
	b.t.Helper()

	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: name},
			{Name: "prefers-reduced-motion", Value: "reduce"},
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// look sets the theme and the size of the window. A "phone" is light and narrow.
func (b *tab) look(name string) {
	b.t.Helper()

	if name == "phone" {
		b.scheme("light")
		b.size(390, 844)

		return
	}

	b.scheme(name)
	b.size(1280, 900)
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()

	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()

	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%v\nthe page: %s", err, b.text("body"))
	}
}

// visit opens a page of the dashboard by its path below /ui, and waits for its
// content.
func (b *tab) visit(path string) {
	b.t.Helper()

	for {
		b.begin(path)
		b.until("document.querySelector('#page')")

		var status int
		b.eval("performance.getEntriesByType('navigation')[0].responseStatus", &status)

		if status != http.StatusServiceUnavailable || b.busy == maxBusy {
			return
		}

		b.busy++
	}
}

// begin opens a page.
func (b *tab) begin(path string) {
	b.t.Helper()

	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		err := chromedp.Do(ctx, chromedp.Navigate(b.root+path))

		cancel()

		if err == nil {
			break
		}

		if try == 3 ||
			!strings.Contains(
				err.Error(),
				"context",
			) { // a busy window occasionally loses its script context
			b.t.Fatal(err)
		}
	}
}

// eval decodes the value of an expression into v, as JSON. A nil v discards it.
func (b *tab) eval(expression string, v any) {
	b.t.Helper()

	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()

	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("JSON.stringify(("+expression+") ?? null)"))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}

	if v == nil {
		return
	}

	if err := json.Unmarshal([]byte(text), v); err != nil {
		b.t.Fatalf("%s: %v: %s", expression, err, text)
	}
}

// until waits for an expression to become true on the page, including after a
// navigation. It asks less often the longer it waits, since asking costs the
// browser time.
func (b *tab) until(expression string) {
	b.t.Helper()

	const longest = 200 * time.Millisecond

	end := time.NewTimer(patience)
	defer end.Stop()

	for pause := 20 * time.Millisecond; ; pause = min(longest, pause*3/2) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))

		cancel()

		if err == nil && ok {
			return
		}

		select {
		case <-time.After(pause):
		case <-end.C:
			b.t.Fatalf("timed out waiting for %s (%v) on\n%s", expression, err, b.text("body"))
		}
	}
}

// text returns the visible text of an element, or "" if it does not exist.
func (b *tab) text(selector string) (text string) {
	b.t.Helper()
	b.eval(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector), &text)

	return text
}

// shows waits for an element to contain a text.
func (b *tab) shows(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)?.innerText.includes(%q)", selector, text))
}

// click clicks at the position of an element, as a mouse does.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// enter replaces the content of a field, key by key.
func (b *tab) enter(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("document.querySelector(%q)", selector))
	b.eval(fmt.Sprintf("document.querySelector(%q).value = ''", selector), nil)
	b.do(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// mark and marked report whether the page was reloaded in between.
func (b *tab) mark() { b.t.Helper(); b.eval("window.marked = true", nil) }

func (b *tab) marked() bool {
	var is bool

	b.t.Helper()
	b.eval("window.marked === true", &is)

	return is
}
