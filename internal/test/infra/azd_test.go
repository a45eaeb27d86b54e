package infra

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// project is azure.yaml, as far as the templates and hooks depend on it. Fields
// that are not here are rejected.
type project struct {
	Name  string
	Infra struct {
		Provider, Path, Module string
	}
	Hooks    map[string]hook
	Services map[string]struct {
		Project, Language, Host, Dist string
		Hooks                         map[string]hook
	}
}

type hook struct {
	Posix struct {
		Shell, Run string
	}
}

// Hooks that azd knows, of the whole project and of a service.
var (
	projectHooks = []string{"preprovision", "postprovision", "preup", "postup", "predown", "postdown"}
	serviceHooks = []string{"prepackage", "postpackage", "predeploy", "postdeploy", "prebuild", "postbuild"}
)

// substituted finds the variables of the azd environment in main.parameters.json.
var substituted = regexp.MustCompile(`^\$\{[A-Z_]+(=[^}]*)?\}$`)

func checkAzd(w *world) (bad []string) {
	var p project

	decoder := yaml.NewDecoder(strings.NewReader(w.files["azure.yaml"]))
	decoder.KnownFields(true)

	if err := decoder.Decode(&p); err != nil {
		return []string{"azure.yaml: " + err.Error()}
	}

	service, ok := p.Services["app"]

	from := []string{service.Language, service.Host, service.Dist, service.Project}
	if want := []string{"custom", "function", "dist", "."}; !ok || !slices.Equal(from, want) {
		bad = append(bad, "azure.yaml: service app must be a custom function app, packaged from dist")
	}

	if p.Infra.Provider != "bicep" || p.Infra.Path != "infra" || p.Infra.Module != "main" {
		bad = append(bad, "azure.yaml: the templates are infra/main.bicep")
	}

	bad = append(bad, w.checkHookFiles(p.Hooks, projectHooks)...)
	bad = append(bad, w.checkHookFiles(service.Hooks, serviceHooks)...)

	for _, name := range []string{"prepackage", "predeploy"} {
		if service.Hooks[name].Posix.Run == "" {
			bad = append(bad, "azure.yaml: there is no hook "+name)
		}
	}

	return append(bad, w.checkParameters()...)
}

func (w *world) checkHookFiles(hooks map[string]hook, known []string) (bad []string) {
	for name, h := range hooks {
		if !slices.Contains(known, name) {
			bad = append(bad, "azure.yaml: azd has no hook "+name)
		}

		if w.files[h.Posix.Run] == "" || h.Posix.Shell != "sh" {
			bad = append(bad, fmt.Sprintf("azure.yaml: hook %s runs %q, which is not a file", name, h.Posix.Run))
		}
	}

	return bad
}

// checkParameters compares main.parameters.json with the params of main.bicep.
func (w *world) checkParameters() (bad []string) {
	var file struct {
		Parameters map[string]struct{ Value string }
	}
	if err := json.Unmarshal([]byte(w.files["infra/main.parameters.json"]), &file); err != nil {
		return []string{"main.parameters.json: " + err.Error()}
	}

	params := map[string]bool{}

	for _, s := range w.main {
		if s.kind != "param" {
			continue
		}

		params[s.name] = true

		value, given := file.Parameters[s.name]
		if !given && s.value == nil {
			bad = append(bad, fmt.Sprintf("main.parameters.json: %s is missing", s.name))
		}

		if given && !substituted.MatchString(value.Value) {
			bad = append(bad, fmt.Sprintf("main.parameters.json: %s is %q", s.name, value.Value))
		}
	}

	for name := range file.Parameters {
		if !params[name] {
			bad = append(bad, fmt.Sprintf("main.parameters.json: main.bicep has no param %s", name))
		}
	}

	return bad
}

var (
	needed  = regexp.MustCompile(`\$\{([A-Z_]+):\?\}`)
	granted = regexp.MustCompile(`(?i)grant (all|create|truncate|references|trigger)|superuser|azure_pg_admin`)
)

// checkHooks compares what the hooks read with the outputs of main.bicep, and the
// package with host.json.
func checkHooks(w *world) (bad []string) {
	outputs := map[string]bool{}

	for _, s := range w.main {
		if s.kind == "output" {
			outputs[s.name] = true
		}
	}

	variables := needed.FindAllStringSubmatch(w.files["infra/hooks/migrate.sh"], -1)
	for _, m := range variables {
		if !outputs[m[1]] {
			bad = append(bad, fmt.Sprintf("migrate.sh: main.bicep has no output %s", m[1]))
		}
	}

	if len(variables) < 5 {
		bad = append(bad, "migrate.sh: names no variables")
	}

	if strings.Contains(w.files["infra/hooks/migrate.sh"], "firewall-rule delete") {
		bad = append(bad, "migrate.sh: the lock of the server prevents the deletion of its firewall rules")
	}

	if !strings.Contains(w.files["infra/hooks/migrate.sh"], "trap 'admit 0.0.0.1' EXIT\n  admit \"$address\"") {
		bad = append(bad, "migrate.sh: the rule of the firewall stays open, or opens before it is sure to close")
	}

	if found := granted.FindString(w.files["infra/sql/grants.sql"]); found != "" {
		bad = append(bad, "grants.sql: the app needs to read and write rows only, not "+found)
	}

	var host struct {
		CustomHandler struct {
			Description struct{ DefaultExecutablePath string }
		}
	}
	if err := json.Unmarshal([]byte(w.files["host.json"]), &host); err != nil {
		return append(bad, "host.json: "+err.Error())
	}

	executable := "-o dist/" + host.CustomHandler.Description.DefaultExecutablePath + " "
	if !strings.Contains(w.files["infra/hooks/package.sh"], executable) {
		bad = append(bad, "package.sh: does not build the executable of host.json")
	}

	return bad
}
