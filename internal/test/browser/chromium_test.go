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
	for _, name := range []string{
		"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}

	return "", errors.New("no Chromium or Google Chrome in the PATH")
})

// shared is the browser of the tests that run, and its users. The last user
// closes it.
var shared struct {
	mu    sync.Mutex
	users int
	ctx   context.Context //nolint:containedctx // chromedp represents a browser by a context
	close func() error
}

// useBrowser returns the browser that the tests share. Each window that
// world.open opens has its own storage.
func useBrowser(t testing.TB) context.Context {
	t.Helper()

	path, err := program()
	needs.Program(t, "Chromium", err)

	shared.mu.Lock()
	defer shared.mu.Unlock()

	if shared.users == 0 {
		if shared.ctx, shared.close, err = startBrowser(path); err != nil {
			t.Fatal(err)
		}
	}

	shared.users++

	t.Cleanup(func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()

		if shared.users--; shared.users > 0 {
			return
		}

		if err := shared.close(); err != nil {
			t.Log("the browser: ", err)
		}
	})

	return shared.ctx
}

// startBrowser starts a browser with a new profile, which is deleted when the
// browser is closed.
func startBrowser(path string) (ctx context.Context, end func() error, err error) {
	profile, err := os.MkdirTemp("", "browser")
	if err != nil {
		return nil, nil, err
	}

	options := append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(profile),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium does not start as root with a sandbox
	}

	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)

	end = func() error {
		err := chromedp.Cancel(ctx)

		cancel()
		free()

		return errors.Join(err, os.RemoveAll(profile))
	}

	if err := chromedp.Do(ctx); err != nil { // no timeout: it would end the browser as well
		return nil, nil, errors.Join(err, end())
	}

	return ctx, end, nil
}
