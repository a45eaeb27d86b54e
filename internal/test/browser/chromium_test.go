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

// installWithin bounds an install, which waits for its turn where another holds
// the package lists.
const installWithin = 8 * time.Minute

// program is the browser of this machine, once it is there.
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

// startBrowser starts one for the test. Its profile is new and goes with it.
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
		options = append(options, chromedp.NoSandbox) // it refuses root with one
	}

	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)

	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil { // without a time limit: it would be the browser's own
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
