package browser

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"coremachine/internal/test/needs"
)

// program returns the browser of this machine.
var program = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}

	return "", errors.New("no Chromium or Google Chrome in the PATH")
})

// startBrowser starts a browser for the test. Its profile is new and is deleted
// with it.
func startBrowser(t testing.TB) context.Context {
	t.Helper()

	path, err := program()
	needs.Program(t, "Chromium", err)

	options := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium does not start as root with a sandbox
	}

	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)

	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil { // no timeout: it would end the browser as well
		t.Fatal(err)
	}

	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Log("the browser: ", err)
		}

		cancel()
		free()
	})

	return ctx
}
