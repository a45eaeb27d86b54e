package infra

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"coremachine/internal/config"
)

const (
	tableBegin = "<!-- settings: generated from internal/config and infra by internal/test/infra -->\n"
	tableEnd   = "<!-- end of settings -->\n"
)

// words replace what only Azure knows, and the names that depend on the suffix.
var words = strings.NewReplacer(
	"<postgres.properties.fullyQualifiedDomainName>", "SERVER", "<identity.properties.clientId>", "CLIENT_ID",
	"<insights.properties.ConnectionString>", "address of Application Insights",
	"id-core-abcdefghijklm", "IDENTITY", "sb-core-abcdefghijklm", "NAMESPACE", "stcoreabcdefghijklm", "ACCOUNT",
	"https://collector.example.com", "parameter `otlpEndpoint`",
	"https://name.blob.core.windows.net", "parameter `blobServiceUri`",
)

// settingsTable renders the settings that the templates set, in the order of
// config.Config, and then those of the host and the runtime.
func settingsTable(w *world) string {
	everything := w.sets[1]
	app := appSettings(everything)

	var worker map[string]any

	for _, r := range everything.resources {
		if r.typ == "Microsoft.App/containerApps" {
			worker = workerSettings(r)
		}
	}

	cell := func(settings map[string]any, name string) string {
		v, set := settings[name]
		if !set {
			return "–"
		}

		value := words.Replace(text(v))
		if strings.Contains(value, " `") || strings.Contains(value, "address of") {
			return value
		}

		return "`" + value + "`"
	}

	var b strings.Builder

	b.WriteString("| setting | read by | Functions app | worker |\n|---|---|---|---|\n")

	for _, f := range config.Fields() {
		a, c := cell(app, f.Env), cell(worker, f.Env)
		if a != "–" || c != "–" {
			fmt.Fprintf(&b, "| `%s` | engine | %s | %s |\n", f.Env, a, c)
		}
	}

	for _, name := range slices.Sorted(maps.Keys(app)) {
		reader := "host"

		switch {
		case engineSettings[name] != nowhere:
			continue
		case name == "GOMEMLIMIT":
			reader = "Go runtime"
		case name == signIn:
			reader = "sign-in, with `authClientId`"
		}

		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, reader, cell(app, name), cell(worker, name))
	}

	return b.String()
}

// TestDocTableOfSettingsIsCurrent compares the table in docs/deploy.md with the
// templates. With -update it writes the table.
func TestDocTableOfSettingsIsCurrent(t *testing.T) {
	t.Parallel()

	files := repository(t)
	page := files["docs/deploy.md"]
	before, rest, found := strings.Cut(page, tableBegin)
	_, after, ended := strings.Cut(rest, tableEnd)

	if !found || !ended {
		t.Fatal("docs/deploy.md has no place for the table of settings")
	}

	want := before + tableBegin + settingsTable(newWorld(files)) + tableEnd + after
	if page == want {
		return
	}

	if !*update {
		t.Fatal("the table of settings in docs/deploy.md is out of date: go test ./internal/test/infra -update")
	}

	if err := os.WriteFile(filepath.Join(root, "docs/deploy.md"), []byte(want), 0o600); err != nil {
		t.Fatal(err)
	}
}
