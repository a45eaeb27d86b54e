package browser

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// commands checks the commands next to the form, and the body of the curl
// command.
func (b *tab) commands(corectl, body string) {
	b.t.Helper()

	if diff := cmp.Diff("corectl submit nested"+corectl, b.text("#line-corectl")); diff != "" {
		b.t.Errorf("corectl (-want +got):\n%s", diff)
	}

	end := " -H 'Content-Type: application/json' -d '" + body + "'"

	var ends bool
	if b.eval("document.querySelector('#line-curl').innerText.endsWith("+quoteJS(end)+")", &ends); !ends {
		b.t.Errorf("got %s, want %s at its end", b.text("#line-curl"), end)
	}
}

func quoteJS(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}

	return string(quoted)
}

// nestedForm fills in fields of objects and lists, watches the commands, sees an
// error at the field that it names, and submits.
func nestedForm(t *testing.T, w *world) {
	b := w.open(t)
	b.mute = aboutInvalid
	b.visit("/types/nested")
	b.commands("", "{}")
	b.enter(`[name="owner.name"]`, "it's bob")
	b.commands(` 'owner.name=it'\''s bob'`, `{"owner":{"name":"it'\''s bob"}}`)
	b.enter("[name=bands]", "1\n2\n17")
	b.enter("[name=formats]", "tif")
	b.eval(`(() => {
		const team = document.querySelector("[name='owner.team']");
		team.value = '"data"';
		team.dispatchEvent(new Event("input", { bubbles: true }));
	})()`, nil)
	b.commands(
		` 'owner.name=it'\''s bob' owner.team=data bands=1,2,17 formats=tif`,
		`{"owner":{"name":"it'\''s bob","team":"data"},"bands":[1,2,17],"formats":["tif"]}`,
	)

	var asked bool
	if b.eval("document.querySelector('[name=\"window.left\"]').matches(':disabled')", &asked); !asked {
		t.Error("the fields of an object that is null can be used")
	}

	b.click("[data-group=window] [data-set]")
	b.commands(
		` 'owner.name=it'\''s bob' owner.team=data bands=1,2,17 formats=tif 'window={}'`,
		`{"owner":{"name":"it'\''s bob","team":"data"},"bands":[1,2,17],"formats":["tif"],"window":{}}`,
	)
	b.enter(`[name="window.left"]`, "5")
	b.enter("[name=labels]", `{"env":"prod"}`)
	b.click("#submit button[type=submit]")
	b.shows(".field:has([name=bands]) .wrong", "bands[2]: 17 is above the maximum 16")
	b.enter("[name=bands]", "1\n2")
	b.commands(
		` 'owner.name=it'\''s bob' owner.team=data bands=1,2 formats=tif window.left=5 'labels={"env":"prod"}'`,
		`{"owner":{"name":"it'\''s bob","team":"data"},"bands":[1,2],"formats":["tif"],`+
			`"window":{"left":5},"labels":{"env":"prod"}}`,
	)
	b.click("#submit button[type=submit]")
	b.until("location.pathname.includes('/ui/jobs/')")
	b.shows("#head .badge", "completed")

	var id string
	b.eval("location.pathname.split('/').pop()", &id)

	const want = `'owner.name=it'\''s bob' owner.team=data bands=1,2`

	b.visit("?type=nested&param.owner.name=it%27s+bob")
	b.shows("#job-"+id+" .params", want)
	b.visit("/types/nested?job=" + id)
	b.commands(
		` 'owner.name=it'\''s bob' owner.team=data bands=1,2 formats=tif window.left=5 'labels={"env":"prod"}'`,
		`{"owner":{"name":"it'\''s bob","team":"data"},"bands":[1,2],"formats":["tif"],`+
			`"window":{"left":5},"labels":{"env":"prod"}}`,
	)

	for _, found := range b.axe() {
		t.Error(found)
	}
}
