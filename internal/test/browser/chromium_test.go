package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// installWithin limits an installation, which waits if another process holds
// the lock of the package manager.
const installWithin = 8 * time.Minute

// program returns the browser of this machine, and installs one if it is
// missing.
var program = sync.OnceValues(func() (string, error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}

	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return "", errors.New("these tests need Chromium: install the package chromium, or Google Chrome")
	}

	ctx, cancel := context.WithTimeout(context.Background(), installWithin)
	defer cancel()

	for _, args := range []string{"update", "install --no-install-recommends chromium"} {
		cmd := exec.CommandContext(
			ctx,
			"apt-get",
			append([]string{"-q", "-y", "-o", "DPkg::Lock::Timeout=300"}, strings.Fields(args)...)...)

		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("apt-get %s: %w\n%s", args, err, out[max(0, len(out)-2000):])
		}
	}

	return exec.LookPath("chromium")
})

// startBrowser starts a browser for the test. Its profile is new and is deleted
// with it.
func startBrowser(t testing.TB) context.Context {
	t.Helper()

	path, err := program()
	if err != nil {
		t.Fatal(err)
	}

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
