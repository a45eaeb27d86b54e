package browser

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

var picturesDir = flag.String(
	"browser.pictures",
	"",
	"folder for the pictures of the documents; empty: they are discarded",
)

// pictures takes the pictures of the documents: a job with failures and a
// running one. A page must not be wider than its window. Without a folder for
// them, the jobs have fewer tasks.
func pictures(t *testing.T, w *world) {
	tiles := 10 * brokenTile
	if *picturesDir == "" {
		tiles = 2 * brokenTile
	}

	w.submit(t, "hello_world", `{"n":12}`)
	w.submit(t, "tile_index", fmt.Sprintf(`{"n":%d,"source":"imagery/2025"}`, tiles))
	failed := w.submit(t, "tile_index", fmt.Sprintf(`{"n":%d,"broken":true}`, tiles)).String()
	b := w.open(t)
	b.visit("/jobs/" + failed)
	b.shows("#live-state", "Final")
	w.submit(t, "tile_index", fmt.Sprintf(
		`{"n":%d,"broken":true,"held":"pictures","source":"imagery/2024"}`, 2*tiles))

	for _, look := range []string{"light", "dark", "phone"} {
		theme, width, height := look, int64(1280), int64(1500)
		if look == "phone" {
			theme, width, height = "light", 390, 1500
		}

		b.scheme(theme)
		b.size(width, height)
		b.visit("/jobs/" + failed)
		b.eval("document.querySelector('#grid-box').scrollIntoView()", nil) // it loads when it becomes visible
		b.until("document.querySelector('#grid-box svg')")
		b.eval("scrollTo(0, 0)", nil)
		b.picture("job-" + look)
		b.visit("")
		b.until("document.querySelectorAll('#rows tr').length > 3")
		b.size(width, min(height, 900))
		b.picture("jobs-" + look)

		var over int
		if b.eval("document.documentElement.scrollWidth - innerWidth", &over); over > 0 {
			t.Errorf("%s: the page is %d pixels wider than its window", look, over)
		}
	}

	w.release(t, "pictures")
}

func (b *tab) picture(name string) {
	b.t.Helper()

	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}

	if *picturesDir == "" {
		return
	}

	if err := os.WriteFile(filepath.Join(*picturesDir, name+".png"), png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}
