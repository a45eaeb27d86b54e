package browser

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"coremachine/third_party/axe"
)

// axe runs axe-core and lists its serious and critical findings. The debugger
// injects it, because the policy of the pages would block an added script.
func (b *tab) axe() (found []string) {
	b.t.Helper()

	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()

	var known bool
	if b.eval("typeof axe === 'object'", &known); !known {
		b.do(func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
			_, err := chromedp.Evaluate[chromedp.Void](axe.Script)(ctx, target)
			return chromedp.Void{}, err
		})
	}

	text, err := chromedp.Run(
		ctx,
		chromedp.Evaluate[string](
			`axe.run({ resultTypes: ["violations"] }).then((r) => JSON.stringify(r.violations
		.filter((v) => ["serious", "critical"].includes(v.impact))
		.flatMap((v) => v.nodes.map((n) => v.id + ": " + n.html.slice(0, 200) + " " + n.failureSummary))))`,
			chromedp.EvalAwaitPromise,
		),
	)
	if err != nil {
		b.t.Fatal(err)
	}

	if err := json.Unmarshal([]byte(text), &found); err != nil {
		b.t.Fatal(err)
	}

	return found
}

// breaches checks that the two guards notice a style that the policy blocks,
// and a button without a name.
func breaches(t *testing.T, w *world) {
	told := false

	t.Cleanup(func() { // runs after the console was read
		if !told {
			t.Error("the console does not report the violation of the Content-Security-Policy")
		}
	})
	b := w.open(t)
	b.mute = func(message string) bool {
		breach := strings.Contains(message, "Content Security Policy")
		told = told || breach

		return breach
	}
	b.visit("/types")
	b.eval(
		`document.querySelector("#page").insertAdjacentHTML("beforeend", "<button style='color: red'></button>")`,
		nil,
	)

	if found := b.axe(); len(found) != 1 || !strings.Contains(found[0], "button-name") {
		t.Errorf("axe reported %q for a button without a name", found)
	}
}
