package define

import (
	"context"
	"slices"
	"strings"
	"testing"
)

func TestShowIsCheckedAtTheStart(t *testing.T) {
	t.Parallel()

	type none struct{}

	result := func(context.Context, none, Results) (any, error) { return nil, nil }

	for name, c := range map[string]struct {
		show    []Display
		without bool   // without a result function
		says    string // "" if the definition is accepted
	}{
		"nothing":               {nil, true, ""},
		"an image and a table":  {[]Display{Image("preview"), Table("report.bands_1")}, false, ""},
		"no result":             {[]Display{Image("preview")}, true, "it shows preview, but has no result function"},
		"a path with a bracket": {[]Display{Table("report[0]")}, false, `it shows "report[0]": want up to 4 names`},
		"no path":               {[]Display{Table("")}, false, `it shows "": want`},
		"a deep path":           {[]Display{Table("a.b.c.d.e")}, false, "want up to 4 names"},
		"the same twice":        {[]Display{Image("a"), Table("a")}, false, `it shows "a" twice`},
		"no kind":               {[]Display{{Path: "a"}}, false, "which was not made by Image or Table"},
		"too much":              {slices.Repeat([]Display{Table("a")}, 11), false, "at most 10"},
	} {
		d := Definition[none]{Show: c.show, Result: result}
		if c.without {
			d.Result = nil
		}

		problems := strings.Join(Define(d).problems, "\n")
		if c.says == "" && strings.Contains(problems, "shows") || !strings.Contains(problems, c.says) {
			t.Errorf("%s: got %q, want %q", name, problems, c.says)
		}
	}

	shown := Define(Definition[none]{Show: []Display{Image("a")}, Result: result}).Show()
	if len(shown) != 1 || shown[0] != (Display{Kind: DisplayImage, Path: "a"}) {
		t.Errorf("got %v", shown)
	}
}
